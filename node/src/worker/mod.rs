// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worker: a thread on a core of its own, with the sockets and sessions of its calls, which forwards each
//! packet when it comes.
//!
//! Orders come through a channel, with an event of the kernel's to wake the thread; figures go back through
//! the engine's snapshots and through counters that one thread writes. Per packet nothing is allocated.

mod burst;
mod camera;
pub(crate) mod checkpoint;
mod clock;
mod counted;
mod ear;
mod handle;
mod handshakes;
mod mix;
mod numbers;
mod path;
mod play;
mod relay;
mod routes;
mod translate;

pub use burst::Burst;
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
use routes::Routes;
pub use routes::Unrouted;
pub use translate::Voice;

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};

use ale_media::leg::LegMedia;
use ale_media::srtp::MAX_TRAILER_BYTES;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::peer::Peer;
use crate::ports::{Inbox, Pair, Sockets};
use handle::Order;
pub use handle::Worker;
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
/// Datagrams of a port of many lines that go on after one wait, so that no other socket and no tick waits long.
const SHARED_DATAGRAMS: usize = 256;
/// What the event for orders is known by; sockets have small numbers.
const ORDERS: u64 = u64::MAX;
/// Above those of lines' sockets, the numbers of the ports that they have in common.
const SHARED: u64 = 1 << 63;

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
    /// Ports of many lines, and whose is what comes there.
    shared: Vec<Inbox>,
    routes: Routes,
    unrouted: Arc<Unrouted>,
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
            shared: Vec::new(),
            routes: Routes::default(),
            unrouted: Arc::default(),
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
                    data if data & SHARED != 0 => self.fill((data & !SHARED) as usize),
                    data => self.forward(Name::of(data)),
                }
            }
            self.forward_shared();
            self.stages.send_bursts(&mut self.paths);
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
        if self.shared.iter().any(|inbox| !inbox.is_empty()) {
            return Some(Timespec { tv_sec: 0, tv_nsec: 0 });
        }
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
                Ok(Order::Mark { id, dscp }) => {
                    if let Some(path) = self.path(id) {
                        path.mark(dscp);
                    }
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
                        self.follow((place, end), None);
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
                        (0..2).for_each(|end| self.routes.close((place, end)));
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
            let Some(facing) = path.ends.facing(end) else { continue };
            let is_listened_to = match &facing.sockets {
                Sockets::Own(pair) => self.listen(pair, place, end),
                Sockets::Shared(port) => {
                    let is_it = |inbox: &Inbox| Arc::ptr_eq(inbox.port(), port);
                    let number = self.shared.iter().position(is_it);
                    let ice = facing.peer.as_deref().and_then(Peer::ice);
                    number.map(|number| self.routes.open((place, end), number, ice)).is_some()
                }
            };
            if !is_listened_to {
                count(&facing.counters.unsent, 1);
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

    /// Waits for what comes on both sockets of an end, and throws away what has come; whether that can be.
    fn listen(&mut self, pair: &Pair, place: usize, end: usize) -> bool {
        [false, true].into_iter().all(|rtcp| {
            drain(pair.socket(rtcp), &mut self.buffer[..]);
            let data = Name { place, end, rtcp }.data();
            epoll::add(&self.poll, pair.socket(rtcp), data, epoll::EventFlags::IN).is_ok()
        })
    }

    /// Takes a datagram that has come on a socket, and sends it out at the other end. If there are more the
    /// socket's turn comes again, after the others'.
    fn forward(&mut self, name: Name) {
        let Some(Some(path)) = self.paths.get(name.place) else { return };
        let Some(Facing { sockets: Sockets::Own(pair), .. }) = path.ends.facing(name.end) else {
            return;
        };
        // Empty after all, or an ICMP error about what was sent before.
        let received = pair.socket(name.rtcp).recv_from(&mut self.buffer[..=MAX_DATAGRAM_BYTES]);
        let Ok((bytes, from)) = received else { return };
        self.take(name, bytes, SocketAddr::new(from.ip().to_canonical(), from.port()));
    }

    /// Takes what has come on a port of many lines, if what had come before is gone.
    fn fill(&mut self, number: usize) {
        if let Some(inbox) = self.shared.get_mut(number).filter(|inbox| inbox.is_empty()) {
            inbox.fill();
        }
    }

    /// Sends out what has come on ports of many lines, a part at a time.
    fn forward_shared(&mut self) {
        for number in 0..self.shared.len() {
            for _ in 0..SHARED_DATAGRAMS {
                let Some(inbox) = self.shared.get_mut(number) else { break };
                let room = &mut self.buffer[..=MAX_DATAGRAM_BYTES];
                let Some((bytes, from)) = inbox.next(room) else { break };
                let datagram = self.buffer.get(..bytes).unwrap_or_default();
                let found = self.routes.find(number, from, datagram, &self.unrouted);
                let Some((place, end)) = found else { continue };
                self.take(Name { place, end, rtcp: false }, bytes, from);
            }
        }
    }

    /// ICE at an end knows something else than before, by a check from an address if there is one.
    fn follow(&mut self, (place, end): routes::End, checked: Option<SocketAddr>) {
        let path = self.paths.get(place).and_then(Option::as_deref);
        let peer = path.and_then(|path| path.ends.facing(end)?.peer.as_deref());
        self.routes.follow((place, end), peer.and_then(Peer::ice), checked);
    }

    /// Takes a datagram of `bytes` in the buffer that has come for an end, from there.
    fn take(&mut self, name: Name, bytes: usize, from: SocketAddr) {
        let Some(Some(path)) = self.paths.get_mut(name.place) else { return };
        let Some(facing) = path.ends.facing_mut(name.end) else { return };
        let now_ns = self.clock.now_ns();
        let buffer = &mut self.buffer[..];
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
            Admitted::Answered { at, moved } => {
                if moved {
                    self.handshakes.watch(name.place);
                    self.handshakes.tell(path.id, name.end, Happened::Moved(at));
                }
                self.follow((name.place, name.end), Some(at));
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
