// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worker: a thread on a core of its own, with the sockets and sessions of its calls, which forwards each
//! packet when it comes.
//!
//! Orders come through a channel, with an event of the kernel's to wake the thread; figures go back through
//! the engine's snapshots and through counters that one thread writes. Per packet nothing is allocated.

mod camera;
pub(crate) mod checkpoint;
mod clock;
mod counted;
mod ear;
mod handshakes;
mod mix;
mod numbers;
mod path;
mod play;
mod relay;
mod translate;

pub use camera::Camera;
use camera::{Stages, Whose};
pub use checkpoint::{EndCheckpoint, Seat};
use clock::Beat;
pub use clock::Clock;
pub use counted::{CameraCounters, Counted};
pub use ear::Ear;
pub use mix::{Heard, Mix};
pub use numbers::{Kind, Numbers, Renumbering};
use path::{Admitted, order};
pub use path::{End, EndCounters, Ends, Facing, Passing, Path};
pub use play::{Playing, Source};
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

use ale_media::leg::LegMedia;
use ale_media::srtp::MAX_TRAILER_BYTES;
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::thread::{CpuSet, sched_setaffinity};
use zeroize::Zeroizing;

use crate::peer::Change;
use handshakes::Handshakes;
pub use handshakes::{Happened, News};

/// Longest datagram that is forwarded; media stays below the Ethernet's 1500 bytes.
const MAX_DATAGRAM_BYTES: usize = 4_096;
/// Time between two pulls of a voice.
const TICK_NS: u64 = 20_000_000;
/// Time between two ticks of a conference.
const MIX_TICK_NS: u64 = 10_000_000;
/// Sockets that are looked at after one wait.
const EVENTS: usize = 256;
/// What the event for orders is known by; sockets have small numbers.
const ORDERS: u64 = u64::MAX;

/// What a worker is told.
#[derive(Debug)]
enum Order {
    Open(Box<Path>),
    OpenMix(Box<Mix>),
    CloseMix(u64),
    Speak { mix: u64, path: u64 },
    SetRtcpMux { id: u64, muxed: [bool; 2] },
    Relatch { id: u64, rtp: SocketAddr, rtcp: Option<SocketAddr> },
    SetPassing { id: u64, end: usize, passing: Passing },
    SetNumbers { id: u64, end: usize, numbers: Box<Numbers> },
    ChangePeer { id: u64, end: usize, change: Change },
    Play { id: u64, end: usize, playing: Option<Box<Playing>> },
    Checkpoint { id: u64, seat: Option<Seat>, call_id: String, key: Arc<Zeroizing<[u8; 32]>> },
    Confirm { id: u64, seat: Option<Seat>, generations: Vec<u64> },
    Overhear { id: u64, end: usize, ear: Option<Ear> },
    Close(u64),
    Stop,
}

/// The control thread's hold on a worker. Dropping it ends the thread, and with it the worker's sockets.
#[derive(Debug)]
pub struct Worker {
    orders: Sender<Order>,
    bell: Arc<OwnedFd>,
    busy_ns: Arc<AtomicU64>,
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
        let busy_ns = Arc::new(AtomicU64::new(0));
        let thread_busy_ns = Arc::clone(&busy_ns);
        let thread = thread::Builder::new().name(format!("media-{core}")).spawn(move || {
            let mut cores = CpuSet::new();
            if core < CpuSet::MAX_CPU {
                cores.set(core);
                // A container may forbid it: unpinned then.
                let _ = sched_setaffinity(None, &cores);
            }
            let mut watch = Watch { core, news: news.clone(), told: false };
            let forwarder = Forwarder::new(poll, thread_bell, received, clock, news);
            match forwarder.run(&thread_busy_ns) {
                Ok(()) => watch.told = true,
                Err(error) => tracing::error!(core, %error, "a worker has ended"),
            }
        })?;
        Ok(Self { orders, bell, busy_ns, thread: Some(thread) })
    }

    /// How long it has been busy since it began.
    pub fn busy_ns(&self) -> u64 {
        self.busy_ns.load(Ordering::Relaxed)
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

    /// Changes by which payload types what comes at an end goes on, where it goes on undecoded.
    pub fn set_numbers(&self, id: u64, end: usize, numbers: Numbers) {
        self.order(Order::SetNumbers { id, end, numbers: Box::new(numbers) });
    }

    /// Plays something to the peer at an end, in place of what the other says; nothing more if it is nothing.
    pub fn play(&self, id: u64, end: usize, playing: Option<Playing>) {
        self.order(Order::Play { id, end, playing: playing.map(Box::new) });
    }

    /// Hands what comes at an end to somebody else as well; nobody any more if there is none.
    pub fn overhear(&self, id: u64, end: usize, ear: Option<Ear>) {
        self.order(Order::Overhear { id, end, ear });
    }

    /// What is known of the peer at an end has changed.
    pub fn change_peer(&self, id: u64, end: usize, change: Change) {
        self.order(Order::ChangePeer { id, end, change });
    }

    /// Ticks a conference from now on.
    pub fn open_mix(&self, mix: Mix) {
        self.order(Order::OpenMix(Box::new(mix)));
    }

    /// Ends a conference that nobody is in any more.
    pub fn close_mix(&self, id: u64) {
        self.order(Order::CloseMix(id));
    }

    /// A member of a conference leads the conversation there: it is shown to the others.
    pub fn speak(&self, mix: u64, path: u64) {
        self.order(Order::Speak { mix, path });
    }

    /// A member's description says that it is elsewhere.
    pub fn relatch(&self, id: u64, rtp: SocketAddr, rtcp: Option<SocketAddr>) {
        self.order(Order::Relatch { id, rtp, rtcp });
    }

    /// Takes checkpoints of the ends of a line of a call, wrapped with this key, and tells them; of a member with its
    /// seat.
    pub fn checkpoint(
        &self,
        id: u64,
        seat: Option<Seat>,
        call_id: &str,
        key: Arc<Zeroizing<[u8; 32]>>,
    ) {
        self.order(Order::Checkpoint { id, seat, call_id: call_id.to_owned(), key });
    }

    /// The checkpoints of these generations are kept, in the order of the ends.
    pub fn confirm(&self, id: u64, seat: Option<Seat>, generations: Vec<u64>) {
        self.order(Order::Confirm { id, seat, generations });
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
    /// Places of the lines that are translated, and when they are pulled.
    translated: Vec<usize>,
    /// Places and ends of those where something is played that is not.
    played: Vec<(usize, usize)>,
    pulls: Beat,
    /// Conferences, and when they are ticked.
    mixes: Vec<Mix>,
    ticks: Beat,
    stages: Stages,
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
            played: Vec::new(),
            pulls: Beat::every(TICK_NS),
            mixes: Vec::new(),
            ticks: Beat::every(MIX_TICK_NS),
            stages: Stages::new(),
            handshakes: Handshakes::new(news),
            buffer: Box::new([0; MAX_DATAGRAM_BYTES + MAX_TRAILER_BYTES + 1]),
        }
    }

    /// Forwards until it is told to end; counts the time between two waits.
    fn run(mut self, busy_ns: &AtomicU64) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            events.clear();
            let wait = self.wait();
            match epoll::wait(&self.poll, spare_capacity(&mut events), wait.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                // The descriptors are ours and open: none is expected.
                Err(error) => return Err(error.into()),
            }
            let woke_ns = self.clock.now_ns();
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
            count(busy_ns, self.clock.now_ns().saturating_sub(woke_ns));
        }
    }

    /// How long to wait for packets; for ever where nothing is translated or mixed and no hands are shaken.
    fn wait(&self) -> Option<Timespec> {
        let now_ns = self.clock.now_ns();
        let pull_ns = self.is_pulled().then(|| self.pulls.wait_ns(now_ns));
        let tick_ns = (!self.mixes.is_empty()).then(|| self.ticks.wait_ns(now_ns));
        let waits = [pull_ns, tick_ns, self.handshakes.wait_ns(now_ns)];
        let left_ns = waits.into_iter().flatten().min()?;
        Some(Timespec { tv_sec: 0, tv_nsec: left_ns as i64 })
    }

    /// Whether there is something to be done every 20 ms.
    fn is_pulled(&self) -> bool {
        !self.translated.is_empty() || !self.played.is_empty()
    }

    /// Has the voices of lines that are translated cross, plays on, and ticks conferences, if it is time.
    fn tick(&mut self) {
        let now_ns = self.clock.now_ns();
        if self.is_pulled()
            && let Some(due_ns) = self.pulls.due(now_ns)
        {
            let paths = &mut self.paths;
            self.played.retain(|(place, end)| {
                let path = paths.get_mut(*place).and_then(Option::as_deref_mut);
                let Some(Path { ends: Ends::Relay(ends), .. }) = path else { return false };
                ends.get_mut(*end).is_some_and(play::send_on)
            });
            for place in &self.translated {
                if let Some(Some(path)) = self.paths.get_mut(*place)
                    && let Ends::Translate(ends) = &mut path.ends
                {
                    translate::cross(ends, due_ns);
                }
            }
        }
        // Who is late ticks once, by the time that it is: a conference counts and skips what was missed.
        if !self.mixes.is_empty() && self.ticks.all_due(now_ns) {
            for mix in &mut self.mixes {
                mix::tick(mix, &self.paths, &self.places, now_ns);
            }
            self.stages.tick(&mut self.paths, &self.places, now_ns);
        }
    }

    /// The path of a number.
    fn path(&mut self, id: u64) -> Option<&mut Path> {
        let place = *self.places.get(&id)?;
        self.paths.get_mut(place)?.as_deref_mut()
    }

    /// The path of a number, and the sending half of a member's leg.
    fn seated(
        &mut self,
        id: u64,
        seat: Option<Seat>,
    ) -> (Option<&mut Path>, Option<&mut LegMedia>) {
        let place = self.places.get(&id).copied();
        let path = place.and_then(|place| self.paths.get_mut(place)?.as_deref_mut());
        (path, checkpoint::seated(&mut self.mixes, seat))
    }

    /// Carries out what was ordered; `false` to end.
    fn obey(&mut self) -> bool {
        let _ = rustix::io::read(&*self.bell, &mut [0_u8; 8]);
        loop {
            match self.orders.try_recv() {
                Ok(Order::Open(path)) => self.open(path),
                Ok(Order::OpenMix(mix)) => {
                    if self.mixes.is_empty() {
                        self.ticks.begin(self.clock.now_ns());
                    }
                    self.mixes.push(*mix);
                }
                Ok(Order::CloseMix(id)) => self.mixes.retain(|mix| mix.id != id),
                Ok(Order::Speak { mix, path }) => {
                    self.stages.speak(&mut self.paths, mix, path);
                }
                Ok(Order::SetRtcpMux { id, muxed }) => {
                    for (end, muxed) in muxed.into_iter().enumerate() {
                        let facing = self.path(id).and_then(|path| path.ends.facing_mut(end));
                        if let Some(facing) = facing {
                            facing.rtcp_mux = muxed;
                        }
                    }
                }
                Ok(Order::Relatch { id, rtp, rtcp }) => {
                    if let Some(Path { ends: Ends::Mix(end), .. }) = self.path(id) {
                        end.media.relatch(rtp, rtcp);
                    }
                }
                Ok(Order::SetPassing { id, end, passing }) => {
                    if let Some(facing) = self.path(id).and_then(|p| p.ends.facing_mut(end)) {
                        facing.passing = passing;
                    }
                }
                Ok(Order::SetNumbers { id, end, numbers }) => {
                    if let Some(Path { ends: Ends::Relay(ends), .. }) = self.path(id)
                        && let Some(end) = ends.get_mut(end)
                    {
                        end.media.numbering.numbers = *numbers;
                    }
                }
                Ok(Order::Overhear { id, end, ear }) => {
                    if let Some(facing) = self.path(id).and_then(|p| p.ends.facing_mut(end)) {
                        facing.ear = ear;
                    }
                }
                Ok(Order::Play { id, end, playing }) => self.play(id, end, playing),
                Ok(Order::ChangePeer { id, end, change }) => {
                    let place = self.places.get(&id).copied();
                    let facing = self.path(id).and_then(|path| path.ends.facing_mut(end));
                    if let (Some(place), Some(facing)) = (place, facing) {
                        facing.change_peer(change);
                        self.handshakes.watch(place);
                    }
                }
                Ok(Order::Checkpoint { id, seat, call_id, key }) => {
                    let (path, media) = self.seated(id, seat);
                    let taken = path.and_then(|path| checkpoint::take(&mut path.ends, media, &key));
                    if let Some(taken) = taken {
                        self.handshakes.tell(id, 0, Happened::Checkpointed { call_id, taken });
                    }
                }
                Ok(Order::Confirm { id, seat, generations }) => {
                    if let (Some(path), media) = self.seated(id, seat) {
                        checkpoint::confirm(&mut path.ends, media, &generations);
                    }
                }
                Ok(Order::Close(id)) => {
                    if let Some(place) = self.places.remove(&id) {
                        // Closing a socket takes it out of the poll.
                        if let Some(path) = self.paths.get_mut(place).and_then(Option::take) {
                            self.stages.leave(&mut self.paths, place, &path);
                        }
                        self.free.push(place);
                        self.translated.retain(|translated| *translated != place);
                        self.played.retain(|(played, _)| *played != place);
                        self.handshakes.forget(place);
                    }
                }
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn play(&mut self, id: u64, end: usize, playing: Option<Box<Playing>>) {
        let Some(place) = self.places.get(&id).copied() else { return };
        let relays = |path: &mut Path| matches!(path.ends, Ends::Relay(_));
        let sends = playing.is_some() && self.path(id).is_some_and(relays);
        if let Some(facing) = self.path(id).and_then(|path| path.ends.facing_mut(end)) {
            facing.playing = playing;
        }
        if sends && !self.played.contains(&(place, end)) {
            if !self.is_pulled() {
                self.pulls.begin(self.clock.now_ns());
            }
            self.played.push((place, end));
        }
    }

    fn open(&mut self, mut path: Box<Path>) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.paths.push(None);
            self.paths.len() - 1
        });
        for end in 0..2 {
            let Some(Facing { pair, counters, .. }) = path.ends.facing(end) else { continue };
            for (socket, rtcp) in [(&pair.rtp, false), (&pair.rtcp, true)] {
                drain(socket, &mut self.buffer[..]);
                let data = Name { place, end, rtcp }.data();
                let flags = epoll::EventFlags::IN;
                if epoll::add(&self.poll, socket.as_fd(), data, flags).is_err() {
                    counters.unsent.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        if matches!(path.ends, Ends::Translate(_)) {
            if !self.is_pulled() {
                self.pulls.begin(self.clock.now_ns());
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
        self.stages.enter(&mut self.paths, place, self.clock.now_ns());
    }

    /// Takes a datagram that has come on a socket, and sends it out at the other end. If there are more the
    /// socket's turn comes again, after the others'.
    fn forward(&mut self, name: Name) {
        let Some(Some(path)) = self.paths.get_mut(name.place) else { return };
        let Some(facing) = path.ends.facing_mut(name.end) else { return };
        let socket = if name.rtcp { &facing.pair.rtcp } else { &facing.pair.rtp };
        // Empty after all, or an ICMP error about what was sent before.
        let received = socket.recv_from(&mut self.buffer[..=MAX_DATAGRAM_BYTES]);
        let Ok((bytes, from)) = received else { return };
        let now_ns = self.clock.now_ns();
        let buffer = &mut self.buffer[..];
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let datagram = buffer.get(..bytes).filter(|_| bytes <= MAX_DATAGRAM_BYTES);
        match facing.admit(datagram, from, name.rtcp) {
            Admitted::Media(from) => match &mut path.ends {
                Ends::Relay(ends) => {
                    let (near, far) = order(ends, name.end);
                    relay::forward(near, far, buffer, bytes, from, now_ns);
                }
                Ends::Translate(ends) => {
                    let End { facing, media } = order(ends, name.end).0;
                    translate::take(facing, &mut media.receiver, buffer, bytes, from, now_ns);
                }
                Ends::Mix(end) => match camera::whose(end, buffer.get(..bytes)) {
                    Whose::Voice => mix::take(end, buffer, bytes, from, now_ns),
                    Whose::Video => {
                        let datagram = buffer.get_mut(..bytes);
                        self.stages.take(&mut self.paths, name.place, datagram, from, now_ns);
                    }
                    Whose::Both => {
                        let (paths, places) = (&mut self.paths, &self.places);
                        let datagram = buffer.get(..bytes).unwrap_or_default();
                        self.stages.hear(paths, places, name.place, datagram, from, now_ns);
                        if let Some(Some(Path { ends: Ends::Mix(end), .. })) =
                            paths.get_mut(name.place).map(Option::as_deref_mut)
                        {
                            mix::take(end, buffer, bytes, from, now_ns);
                        }
                    }
                },
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
