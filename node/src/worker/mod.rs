// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worker: a thread on a core of its own, with the sockets and sessions of its calls, which forwards each
//! packet when it comes.
//!
//! Orders come through a channel, with an event of the kernel's to wake the thread; figures go back through
//! the engine's snapshots and through counters that one thread writes. Per packet nothing is allocated.

mod handshakes;
mod path;
mod relay;
mod translate;

use path::{Admitted, order};
pub use path::{End, EndCounters, Ends, Passing, Path};
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
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ale_media::srtp::MAX_TRAILER_BYTES;
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::peer::Change;
use handshakes::Handshakes;
pub use handshakes::{Happened, News};

/// Longest datagram that is forwarded; media stays below the Ethernet's 1500 bytes.
const MAX_DATAGRAM_BYTES: usize = 4_096;
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

    /// A time of its own as the system's.
    fn instant(&self, at_ns: u64) -> Instant {
        self.zero + Duration::from_nanos(at_ns)
    }
}

/// What a worker is told.
#[derive(Debug)]
enum Order {
    Open(Box<Path>),
    SetRtcpMux { id: u64, muxed: [bool; 2] },
    SetPassing { id: u64, end: usize, passing: Passing },
    ChangePeer { id: u64, end: usize, change: Change },
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

/// Says so when a worker ends that was not told to, by whatever way.
struct Watch {
    core: usize,
    news: News,
    told: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.told {
            self.news.ended(self.core);
        }
    }
}

impl Worker {
    /// Starts a worker on a core, if the system lets it choose; it tells what happens.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(core: usize, clock: Clock, news: News) -> io::Result<Self> {
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
            let mut watch = Watch { core, news: news.clone(), told: false };
            match Forwarder::new(poll, thread_bell, received, clock, news).run() {
                Ok(()) => watch.told = true,
                Err(error) => eprintln!("ale-media-node: worker {core}: {error}"),
            }
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

    /// Changes what is passed on of what comes at an end.
    pub fn set_passing(&self, id: u64, end: usize, passing: Passing) {
        self.order(Order::SetPassing { id, end, passing });
    }

    /// What is known of the peer at an end has changed.
    pub fn change_peer(&self, id: u64, end: usize, change: Change) {
        self.order(Order::ChangePeer { id, end, change });
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
    handshakes: Handshakes,
    buffer: Box<[u8; MAX_DATAGRAM_BYTES + MAX_TRAILER_BYTES + 1]>,
}

impl Forwarder {
    fn new(
        poll: OwnedFd,
        bell: Arc<OwnedFd>,
        orders: Receiver<Order>,
        clock: Clock,
        news: News,
    ) -> Self {
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
            handshakes: Handshakes::new(news),
            buffer: Box::new([0; MAX_DATAGRAM_BYTES + MAX_TRAILER_BYTES + 1]),
        }
    }

    /// Forwards until it is told to end.
    fn run(&mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            events.clear();
            let wait = self.wait();
            match epoll::wait(&self.poll, spare_capacity(&mut events), wait.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                // The descriptors are ours and open: none is expected.
                Err(error) => return Err(error.into()),
            }
            let mut ordered = false;
            for event in &events {
                match event.data.u64() {
                    ORDERS => ordered = true,
                    data => self.forward(Name::of(data)),
                }
            }
            self.tick();
            self.handshakes.run(&mut self.paths, self.clock);
            // After the packets: an order may give a place to another path, whose events those are not.
            if ordered && !self.obey() {
                return Ok(());
            }
        }
    }

    /// How long to wait for packets; for ever where nothing is translated and no hands are shaken.
    fn wait(&self) -> Option<Timespec> {
        let now_ns = self.clock.now_ns();
        let tick_ns = (!self.translated.is_empty())
            .then(|| self.next_tick_ns.saturating_sub(now_ns).min(TICK_NS));
        let left_ns = match (tick_ns, self.handshakes.wait_ns(now_ns)) {
            (Some(one), Some(other)) => one.min(other),
            (one, other) => one.or(other)?,
        };
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
                Ok(Order::SetPassing { id, end, passing }) => {
                    let place = self.places.get(&id).copied();
                    if let Some(path) = place.and_then(|place| self.paths.get_mut(place)?.as_mut())
                    {
                        path.ends.set_passing(end, passing);
                    }
                }
                Ok(Order::ChangePeer { id, end, change }) => {
                    let place = self.places.get(&id).copied();
                    let Some(place) = place else { continue };
                    if let Some(Some(path)) = self.paths.get_mut(place) {
                        path.ends.change_peer(end, change);
                        self.handshakes.watch(place);
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
                        self.handshakes.forget(place);
                    }
                }
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn open(&mut self, mut path: Box<Path>) {
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
        if path.ends.have_peers() {
            self.handshakes.watch(place);
        }
        self.places.insert(path.id, place);
        if let Some(slot) = self.paths.get_mut(place) {
            *slot = Some(path);
        }
    }

    /// Takes a datagram that has come on a socket, and sends it out at the other end. If there are more the
    /// socket's turn comes again, after the others'.
    fn forward(&mut self, name: Name) {
        let Some(Some(path)) = self.paths.get_mut(name.place) else { return };
        let (pair, _) = path.ends.socket(name.end);
        let socket = if name.rtcp { &pair.rtcp } else { &pair.rtp };
        // Empty after all, or an ICMP error about what was sent before.
        let received = socket.recv_from(&mut self.buffer[..=MAX_DATAGRAM_BYTES]);
        let Ok((bytes, from)) = received else { return };
        let now_ns = self.clock.now_ns();
        let buffer = &mut self.buffer[..];
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        match path.ends.admit(name, buffer, bytes, from) {
            Admitted::Media(from) => match &mut path.ends {
                Ends::Relay(ends) => {
                    let (near, far) = order(ends, name.end);
                    relay::forward(near, far, buffer, bytes, from, now_ns);
                }
                Ends::Translate(ends) => {
                    let (near, _) = order(ends, name.end);
                    translate::take(near, buffer, bytes, from, now_ns);
                }
            },
            Admitted::Handshake => self.handshakes.enqueue(name.place, name.end),
            Admitted::Moved(to) => {
                self.handshakes.watch(name.place);
                self.handshakes.tell(path.id, name.end, Happened::Moved(to));
            }
            Admitted::Done => {}
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
    fn a_worker_that_ends_untold_is_seen_and_one_that_was_told_is_not() {
        for (told, panics) in [(true, false), (false, false), (false, true)] {
            let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap());
            let alive = Arc::new(std::sync::atomic::AtomicBool::new(true));
            let news = News { told: channel().0, bell, alive: Arc::clone(&alive) };
            let ended = thread::spawn(move || {
                let _watch = Watch { core: 0, news, told };
                assert!(!panics, "on purpose");
            });
            assert_eq!(ended.join().is_err(), panics);
            assert_eq!(alive.load(Ordering::Relaxed), told);
        }
    }

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
