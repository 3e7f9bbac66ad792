// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worker: a thread on a core of its own, with the sockets and sessions of its calls, which forwards each
//! packet when it comes.
//!
//! Orders come through a channel, with an event of the kernel's to wake the thread; figures go back through
//! the engine's snapshots and through counters that one thread writes. Per packet nothing is allocated.

mod relay;
mod translate;

pub use relay::Relay;
pub use translate::Voice;

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ale_media::srtp::MAX_TRAILER_BYTES;
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::ports::Pair;

/// Longest datagram that is forwarded; media stays below the Ethernet's 1500 bytes.
const MAX_DATAGRAM_BYTES: usize = 4_096;
/// Datagrams that are taken from one socket before the next has its turn.
const TURN: usize = 32;
/// Time between two pulls of a voice.
const TICK_NS: u64 = 20_000_000;
/// A worker that is later than this leaves ticks out.
const LATE_NS: u64 = 10 * TICK_NS;
/// Sockets that are looked at after one wait.
const EVENTS: usize = 256;
/// What the event for orders is known by; sockets have small numbers.
const ORDERS: u64 = u64::MAX;

/// The host's clock: nanoseconds since the node began.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zero: Instant,
    /// Seconds since 1970 then.
    unix_s: u64,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { zero: Instant::now(), unix_s: unix.as_secs() }
    }

    /// Nanoseconds since it began.
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Seconds since 1970 at a time of its own.
    pub fn unix_s(&self, at_ns: u64) -> u64 {
        self.unix_s + at_ns / 1_000_000_000
    }
}

/// What has come at one end of a media line; written by its worker alone.
#[derive(Debug, Default)]
pub struct EndCounters {
    /// RTP packets that were forwarded.
    pub rtp_packets: AtomicU64,
    /// Their bytes as they came.
    pub rtp_bytes: AtomicU64,
    /// RTCP datagrams that were forwarded.
    pub rtcp_packets: AtomicU64,
    /// Their bytes as they came.
    pub rtcp_bytes: AtomicU64,
    /// Datagrams that the session refused, or that are not media.
    pub refused: AtomicU64,
    /// What could not be sent on: the peer's address is not known yet, or the system refused.
    pub unsent: AtomicU64,
    /// When the last RTP came.
    pub last_arrival_ns: AtomicU64,
}

/// One end of a media line.
#[derive(Debug)]
pub struct End<M> {
    /// Its sockets.
    pub pair: Pair,
    /// What becomes of its packets.
    pub media: M,
    /// Whether RTCP is sent on RTP's port.
    pub rtcp_mux: bool,
    /// Figures.
    pub counters: Arc<EndCounters>,
}

/// A media line: what comes at one end goes out at the other.
#[derive(Debug)]
pub struct Path {
    /// The number by which the control thread knows it.
    pub id: u64,
    /// Its ends.
    pub ends: Ends,
}

/// Both ends of a media line.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // In a box each.
pub enum Ends {
    /// Packets go on as they are.
    Relay([End<Relay>; 2]),
    /// They are decoded and encoded anew.
    Translate([End<Voice>; 2]),
}

/// What a worker is told.
#[derive(Debug)]
enum Order {
    Open(Box<Path>),
    SetRtcpMux { id: u64, muxed: [bool; 2] },
    Close(u64),
    Stop,
}

/// The control thread's hold on a worker. Dropping it ends the thread, and with it the worker's sockets.
#[derive(Debug)]
pub struct Worker {
    orders: Sender<Order>,
    bell: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a worker on a core, if the system lets it choose.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(core: usize, clock: Clock) -> io::Result<Self> {
        let (orders, received) = channel();
        let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&poll, &bell, epoll::EventData::new_u64(ORDERS), epoll::EventFlags::IN)?;
        let thread_bell = Arc::clone(&bell);
        let thread = thread::Builder::new().name(format!("media-{core}")).spawn(move || {
            let mut cores = CpuSet::new();
            if core < CpuSet::MAX_CPU {
                cores.set(core);
                // A container may forbid it: unpinned then.
                let _ = sched_setaffinity(None, &cores);
            }
            Forwarder::new(poll, thread_bell, received, clock).run();
        })?;
        Ok(Self { orders, bell, thread: Some(thread) })
    }

    /// Forwards a line's media from now on. What came before is not: it is of a time when nobody knew whom
    /// it should be from.
    pub fn open(&self, path: Path) {
        self.order(Order::Open(Box::new(path)));
    }

    /// Changes whether RTCP goes out on RTP's port, at each end.
    pub fn set_rtcp_mux(&self, id: u64, muxed: [bool; 2]) {
        self.order(Order::SetRtcpMux { id, muxed });
    }

    /// Forwards nothing more of a line, and closes its sockets.
    pub fn close(&self, id: u64) {
        self.order(Order::Close(id));
    }

    fn order(&self, order: Order) {
        // The thread ends only when it is told to.
        let _ = self.orders.send(order);
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A socket's name among the events: the path's place, the end, and whether it is RTCP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name {
    place: usize,
    end: usize,
    rtcp: bool,
}

impl Name {
    fn data(self) -> epoll::EventData {
        let bits = (self.place as u64) << 2 | (self.end as u64) << 1 | u64::from(self.rtcp);
        epoll::EventData::new_u64(bits)
    }

    fn of(data: u64) -> Self {
        Self { place: (data >> 2) as usize, end: (data >> 1 & 1) as usize, rtcp: data & 1 == 1 }
    }
}

/// What the thread has.
struct Forwarder {
    poll: OwnedFd,
    bell: Arc<OwnedFd>,
    orders: Receiver<Order>,
    clock: Clock,
    paths: Vec<Option<Box<Path>>>,
    free: Vec<usize>,
    places: HashMap<u64, usize>,
    /// Places of the lines that are translated, and when they are to be pulled next.
    translated: Vec<usize>,
    next_tick_ns: u64,
    buffer: Box<[u8; MAX_DATAGRAM_BYTES + MAX_TRAILER_BYTES + 1]>,
}

impl Forwarder {
    fn new(poll: OwnedFd, bell: Arc<OwnedFd>, orders: Receiver<Order>, clock: Clock) -> Self {
        Self {
            poll,
            bell,
            orders,
            clock,
            paths: Vec::new(),
            free: Vec::new(),
            places: HashMap::new(),
            translated: Vec::new(),
            next_tick_ns: 0,
            buffer: Box::new([0; MAX_DATAGRAM_BYTES + MAX_TRAILER_BYTES + 1]),
        }
    }

    fn run(&mut self) {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            events.clear();
            let wait = self.until_tick();
            match epoll::wait(&self.poll, spare_capacity(&mut events), wait.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                // The descriptors are ours and open: no other error is left.
                Err(_) => return,
            }
            let mut ordered = false;
            for event in &events {
                match event.data.u64() {
                    ORDERS => ordered = true,
                    data => self.forward(Name::of(data)),
                }
            }
            self.tick();
            // After the packets: an order may give a place to another path, whose events those are not.
            if ordered && !self.obey() {
                return;
            }
        }
    }

    /// How long to wait for packets; for ever where nothing is translated.
    fn until_tick(&self) -> Option<Timespec> {
        if self.translated.is_empty() {
            return None;
        }
        let left_ns = self.next_tick_ns.saturating_sub(self.clock.now_ns()).min(TICK_NS);
        Some(Timespec { tv_sec: 0, tv_nsec: left_ns as i64 })
    }

    /// Has the voices of lines that are translated cross, if it is time.
    fn tick(&mut self) {
        let now_ns = self.clock.now_ns();
        if self.translated.is_empty() || now_ns < self.next_tick_ns {
            return;
        }
        if now_ns - self.next_tick_ns > LATE_NS {
            self.next_tick_ns = now_ns;
        }
        for place in &self.translated {
            if let Some(Some(path)) = self.paths.get_mut(*place)
                && let Ends::Translate(ends) = &mut path.ends
            {
                translate::cross(ends, self.next_tick_ns);
            }
        }
        self.next_tick_ns += TICK_NS;
    }

    /// Carries out what was ordered; `false` to end.
    fn obey(&mut self) -> bool {
        let _ = rustix::io::read(&*self.bell, &mut [0_u8; 8]);
        loop {
            match self.orders.try_recv() {
                Ok(Order::Open(path)) => self.open(path),
                Ok(Order::SetRtcpMux { id, muxed }) => {
                    let place = self.places.get(&id).copied();
                    if let Some(path) = place.and_then(|place| self.paths.get_mut(place)?.as_mut())
                    {
                        path.ends.set_rtcp_mux(muxed);
                    }
                }
                Ok(Order::Close(id)) => {
                    if let Some(place) = self.places.remove(&id) {
                        // Closing a socket takes it out of the poll.
                        if let Some(path) = self.paths.get_mut(place) {
                            *path = None;
                        }
                        self.free.push(place);
                        self.translated.retain(|translated| *translated != place);
                    }
                }
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn open(&mut self, path: Box<Path>) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.paths.push(None);
            self.paths.len() - 1
        });
        for (n, (pair, counters)) in path.ends.sockets().into_iter().enumerate() {
            for (socket, rtcp) in [(&pair.rtp, false), (&pair.rtcp, true)] {
                drain(socket, &mut self.buffer[..]);
                let data = Name { place, end: n, rtcp }.data();
                let flags = epoll::EventFlags::IN;
                if epoll::add(&self.poll, socket.as_fd(), data, flags).is_err() {
                    counters.unsent.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        if matches!(path.ends, Ends::Translate(_)) {
            if self.translated.is_empty() {
                self.next_tick_ns = self.clock.now_ns() + TICK_NS;
            }
            self.translated.push(place);
        }
        self.places.insert(path.id, place);
        if let Some(slot) = self.paths.get_mut(place) {
            *slot = Some(path);
        }
    }

    /// Takes what has come on a socket, and sends it out at the other end.
    fn forward(&mut self, name: Name) {
        let Some(Some(path)) = self.paths.get_mut(name.place) else { return };
        for _ in 0..TURN {
            let (pair, _) = path.ends.socket(name.end);
            let socket = if name.rtcp { &pair.rtcp } else { &pair.rtp };
            let received = socket.recv_from(&mut self.buffer[..=MAX_DATAGRAM_BYTES]);
            match received {
                Ok((bytes, from)) => {
                    let now_ns = self.clock.now_ns();
                    let buffer = &mut self.buffer[..];
                    match &mut path.ends {
                        Ends::Relay(ends) => {
                            let (near, far) = order(ends, name.end);
                            relay::forward(near, far, buffer, bytes, from, now_ns);
                        }
                        Ends::Translate(ends) => {
                            let (near, _) = order(ends, name.end);
                            translate::take(near, buffer, bytes, from, now_ns);
                        }
                    }
                }
                // Empty, or an ICMP error about what was sent before.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
    }
}

/// The end of this number, and the other.
fn order<M>(ends: &mut [End<M>; 2], end: usize) -> (&mut End<M>, &mut End<M>) {
    let [first, second] = ends;
    if end == 0 { (first, second) } else { (second, first) }
}

impl Ends {
    fn sockets(&self) -> [(&Pair, &EndCounters); 2] {
        match self {
            Self::Relay(ends) => ends.each_ref().map(|end| (&end.pair, &*end.counters)),
            Self::Translate(ends) => ends.each_ref().map(|end| (&end.pair, &*end.counters)),
        }
    }

    fn socket(&self, end: usize) -> (&Pair, &EndCounters) {
        let [first, second] = self.sockets();
        if end == 0 { first } else { second }
    }

    fn set_rtcp_mux(&mut self, muxed: [bool; 2]) {
        let places = match self {
            Self::Relay(ends) => ends.each_mut().map(|end| &mut end.rtcp_mux),
            Self::Translate(ends) => ends.each_mut().map(|end| &mut end.rtcp_mux),
        };
        for (place, muxed) in places.into_iter().zip(muxed) {
            *place = muxed;
        }
    }
}

/// Throws away what lies in a socket.
fn drain(socket: &UdpSocket, buffer: &mut [u8]) {
    // Bounded: a flood must not keep the thread.
    for _ in 0..4_096 {
        match socket.recv_from(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}

fn count(counter: &AtomicU64, n: u64) {
    // One thread writes.
    counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Relaxed);
}

fn send(socket: &UdpSocket, buffer: &[u8], bytes: Option<usize>, to: Option<SocketAddr>) -> bool {
    let packet = bytes.and_then(|bytes| buffer.get(..bytes));
    let (Some(packet), Some(to)) = (packet, to) else { return false };
    socket.send_to(packet, to).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_way_through_the_kernel() {
        for place in [0, 1, 77, u32::MAX as usize] {
            for (end, rtcp) in [(0, false), (0, true), (1, false), (1, true)] {
                let name = Name { place, end, rtcp };
                assert_eq!(Name::of(name.data().u64()), name);
            }
        }
    }
}
