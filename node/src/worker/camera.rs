// SPDX-License-Identifier: MIT OR Apache-2.0
//! Video of a worker's conferences: each packet of a camera goes on, when it comes, to who is shown it, and each member's
//! feedback to the camera that it is about. A camera shares its transport with its member's voice, and so the
//! handshake's keys; it has a session of its own, whose sources are others than the voice's.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use ale_media::rtp::is_rtcp;
use ale_media::rtp::rtcp::feedback::Nacks;
use ale_media::session::{Incoming, SessionReceiver, SessionSender};

use super::path::{Ends, Facing, Path};
use super::{Burst, CameraCounters, Counted, End, Heard, MAX_DATAGRAM_BYTES, MAX_TRAILER_BYTES};
use crate::ports::{SharedPort, Sockets};
use crate::video::feedback::{self, Feedback};
use crate::video::layers::{Came, Layers, MAX_LAYERS};
use crate::video::output::Output;
use crate::video::stage::{self, Seat};

mod viewers;

#[cfg(test)]
#[path = "camera_tests.rs"]
mod tests;

/// Time between two looks at what those who see a camera can take.
const LIMITS_NS: u64 = 100_000_000;
/// How long a camera sends nothing until it is taken for off.
const OFF_NS: u64 = 3_000_000_000;
/// Packets that are sent again for one NACK at most.
const MOST_AGAIN: usize = 64;

/// A member's video.
#[derive(Debug)]
pub struct Camera {
    /// The conference's number.
    pub mix: u64,
    /// Payload types that are video's: one bit each.
    pub types: u128,
    /// Both halves of its session.
    pub receiver: SessionReceiver,
    /// See [`Camera::receiver`].
    pub sender: SessionSender,
    /// What it sends.
    pub input: Option<Layers>,
    /// What it is shown.
    pub output: Option<Output>,
    /// The most that its camera may send, in bits a second.
    pub limit_bps: u64,
    /// What waits to be sent to the member with more of its size.
    pub burst: Burst,
    /// Whether its camera is shown to anybody, or is to be.
    pub is_watched: bool,
    /// When a packet of its camera came last, or since when one has been waited for.
    pub heard_ns: u64,
    /// Whether it has a camera that sends: one that is off, or a link behind which nobody has one, is shown to nobody.
    pub is_live: bool,
    /// Figures.
    pub counters: Arc<CameraCounters>,
}

/// Members with video of one conference.
#[derive(Debug, Default)]
struct Stage {
    places: Vec<usize>,
    /// The path of who leads the conversation.
    speaker: Option<u64>,
}

/// What the worker has of all conferences with video.
pub(super) struct Stages {
    by_mix: HashMap<u64, Stage>,
    seats: Vec<Seat>,
    /// When cameras are next told what those who see them can take.
    limits_ns: u64,
    /// Whether datagrams may wait for others of their size.
    bursts: bool,
    out: Box<[u8; MAX_DATAGRAM_BYTES + MAX_TRAILER_BYTES]>,
}

/// Whose a datagram of a member with video is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Voice,
    Video,
    /// Reports on either.
    Both,
}

/// Whose a datagram is; by the payload type, which is in the clear (RFC 8843 section 9.2).
pub(super) fn whose(end: &End<Heard>, datagram: Option<&[u8]>) -> Whose {
    let (Some(camera), Some(&[_, second, ..])) = (&end.media.camera, datagram) else {
        return Whose::Voice;
    };
    if datagram.is_some_and(is_rtcp) {
        return Whose::Both;
    }
    if camera.types >> (second & 0x7f) & 1 == 1 { Whose::Video } else { Whose::Voice }
}

fn camera(path: &Path) -> Option<&Camera> {
    let Ends::Mix(end) = &path.ends else { return None };
    end.media.camera.as_deref()
}

fn camera_mut(path: &mut Path) -> Option<(&mut Facing, &mut Camera)> {
    let Ends::Mix(End { facing, media }) = &mut path.ends else { return None };
    Some((facing, media.camera.as_deref_mut()?))
}

fn at(paths: &mut [Option<Box<Path>>], place: usize) -> Option<(&mut Facing, &mut Camera)> {
    camera_mut(paths.get_mut(place)?.as_deref_mut()?)
}

impl Camera {
    /// Whether a packet of its camera has come lately.
    fn is_heard(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.heard_ns) < OFF_NS
    }

    /// Seals an RTP packet in `out` and sends it.
    fn send(&mut self, facing: &Facing, written: (usize, usize), out: &mut [u8]) {
        let (bytes, payload_bytes) = written;
        let sealed = self.sender.seal(bytes, payload_bytes, out);
        let to = facing.to(false, self.receiver.remote_address());
        if let (Sockets::Shared(port), Some(to)) = (&facing.sockets, to)
            && let Some(datagram) = sealed.and_then(|bytes| out.get(..bytes))
        {
            if self.burst.push(datagram, to) {
                return;
            }
            self.send_burst(port);
            if self.burst.push(datagram, to) {
                return;
            }
        }
        if !facing.sockets.send(false, out, sealed, to) {
            self.counters.add(Counted::Unsent);
        }
    }

    fn send_burst(&mut self, port: &SharedPort) {
        for _ in 0..self.burst.send(port) {
            self.counters.add(Counted::Unsent);
        }
    }

    fn send_rtcp(&mut self, facing: &Facing, bytes: usize, out: &mut [u8]) {
        let sealed = self.sender.seal_rtcp(bytes, out);
        let to = facing.to(false, self.receiver.remote_address());
        if !facing.sockets.send(false, out, sealed, to) {
            self.counters.add(Counted::Unsent);
        }
    }

    /// Shows the member a packet that has come, if it is to see it.
    fn show(&mut self, facing: &Facing, input: &Layers, came: Came, now_ns: u64, out: &mut [u8]) {
        let Some(output) = &mut self.output else { return };
        let Came { run, head, highest } = came;
        let Some(due) = output.due(run, &head, highest, now_ns) else { return };
        for sequence in due {
            // One that was lost comes later.
            let Some((head, payload)) = input.kept(run, sequence) else { continue };
            let Some(output) = &mut self.output else { return };
            let Some(written) = output.write(run, &head, payload, now_ns, out) else { continue };
            self.send(facing, written, out);
        }
    }

    fn count(&self) {
        let counters = &self.counters;
        if let Some(input) = &self.input {
            let stats = input.stats();
            counters.set(Counted::Received, stats.packets);
            counters.set(Counted::Recovered, stats.repaired);
            counters.set(Counted::Lost, stats.lost);
            counters.set(Counted::KeyFramesAsked, stats.key_frames_asked);
        }
        if let Some(output) = &self.output {
            let stats = output.stats();
            counters.set(Counted::Sent, stats.packets);
            counters.set(Counted::Repaired, stats.repaired);
            counters.set(Counted::NotRepaired, stats.not_repaired);
            counters.set(Counted::Switches, stats.switches);
            counters.set(Counted::Resizes, stats.resizes);
        }
    }
}

impl Stages {
    pub(super) fn new() -> Self {
        let out = Box::new([0; MAX_DATAGRAM_BYTES + MAX_TRAILER_BYTES]);
        Self { by_mix: HashMap::new(), seats: Vec::new(), limits_ns: 0, bursts: false, out }
    }

    /// The path in a place is one of a conference's; it may have video.
    pub(super) fn enter(&mut self, paths: &mut [Option<Box<Path>>], place: usize, now_ns: u64) {
        let Some((_, camera)) = at(paths, place) else { return };
        // It has that long to begin.
        camera.heard_ns = now_ns;
        let mix = camera.mix;
        self.by_mix.entry(mix).or_default().places.push(place);
        if let Some((Facing { sockets: Sockets::Shared(_), .. }, camera)) = at(paths, place) {
            camera.burst.reserve();
        }
        self.arrange(paths, mix);
    }

    /// The path that was in a place is no more.
    pub(super) fn leave(&mut self, paths: &mut [Option<Box<Path>>], place: usize, path: &Path) {
        let Some(mix) = camera(path).map(|camera| camera.mix) else { return };
        let Some(stage) = self.by_mix.get_mut(&mix) else { return };
        stage.places.retain(|of| *of != place);
        if stage.places.is_empty() {
            self.by_mix.remove(&mix);
        } else {
            self.arrange(paths, mix);
        }
    }

    /// Another member leads the conversation.
    pub(super) fn speak(&mut self, paths: &mut [Option<Box<Path>>], mix: u64, path: u64) {
        if let Some(stage) = self.by_mix.get_mut(&mix) {
            stage.speaker = Some(path);
            self.arrange(paths, mix);
        }
    }

    fn arrange(&mut self, paths: &mut [Option<Box<Path>>], mix: u64) {
        let Some(stage) = self.by_mix.get(&mix) else { return };
        self.seats.clear();
        for place in &stage.places {
            let Some(path) = paths.get(*place).and_then(Option::as_deref) else { continue };
            let Some(camera) = camera(path) else { continue };
            let sees = camera.output.as_ref().and_then(Output::wanted);
            self.seats.push(Seat {
                path: path.id,
                sends: camera.input.is_some() && camera.is_live,
                sees,
            });
        }
        stage::arrange(&mut self.seats, stage.speaker);
        for place in &stage.places {
            let Some(path) = paths.get_mut(*place).and_then(Option::as_deref_mut) else { continue };
            let id = path.id;
            let sees = self.seats.iter().find(|seat| seat.path == id).and_then(|seat| seat.sees);
            if let Some((_, Camera { output: Some(output), .. })) = camera_mut(path) {
                output.want(sees);
            }
        }
        // Nobody sees most cameras of a large conference: their packets go no further than the cache.
        for at_place in &stage.places {
            let Some(id) = paths.get(*at_place).and_then(|path| Some(path.as_ref()?.id)) else {
                continue;
            };
            let is_watched = stage.places.iter().any(|place| {
                let path = paths.get(*place).and_then(Option::as_deref).and_then(camera);
                let output = path.and_then(|camera| camera.output.as_ref());
                output.is_some_and(|output| {
                    output.wanted() == Some(id) || output.shown().is_some_and(|run| run.path == id)
                })
            });
            if let Some((_, camera)) = at(paths, *at_place) {
                camera.is_watched = is_watched;
            }
        }
    }

    /// A datagram of `bytes` in `buffer` came from a member's camera.
    pub(super) fn take(
        &mut self,
        paths: &mut [Option<Box<Path>>],
        place: usize,
        datagram: Option<&mut [u8]>,
        from: Option<SocketAddr>,
        now_ns: u64,
    ) {
        // Out of the table, so that the others can be sent to.
        let Some(mut path) = paths.get_mut(place).and_then(Option::take) else { return };
        if let Some((facing, camera)) = camera_mut(&mut path) {
            let blocked = facing.passing.blocked;
            let received =
                datagram.and_then(|datagram| camera.receiver.receive(datagram, from, now_ns).ok());
            let came = match (&received, &mut camera.input) {
                (Some(Incoming::Rtp(rtp)), Some(input)) => {
                    camera.heard_ns = now_ns;
                    input.take(&rtp.packet, rtp.payload, now_ns)
                }
                _ => None,
            };
            match (received, came) {
                (Some(Incoming::Rtp(_)), Some(came)) if camera.is_watched && !blocked => {
                    self.show(paths, camera, came, now_ns);
                }
                // Repeats and padding are no errors, and neither is what has to wait for the keys.
                (Some(Incoming::Rtp(_) | Incoming::Kept), _) => {}
                _ => camera.counters.add(Counted::Refused),
            }
        }
        let begins = camera(&path).filter(|camera| camera.is_live != camera.is_heard(now_ns));
        let begins = begins.map(|camera| camera.mix);
        if let Some(slot) = paths.get_mut(place) {
            *slot = Some(path);
        }
        if let Some(mix) = begins {
            self.look(paths, mix, now_ns);
        }
    }

    /// A conference in which a camera has gone off.
    fn changed(&self, paths: &[Option<Box<Path>>], now_ns: u64) -> Option<u64> {
        let differs = |place: &usize| {
            let path = paths.get(*place).and_then(Option::as_deref).and_then(camera);
            path.is_some_and(|camera| camera.is_live != camera.is_heard(now_ns))
        };
        let mut stages = self.by_mix.iter();
        stages.find_map(|(mix, stage)| stage.places.iter().any(differs).then_some(*mix))
    }

    /// Looks which cameras of a conference send, and shows those.
    fn look(&mut self, paths: &mut [Option<Box<Path>>], mix: u64, now_ns: u64) {
        let Some(stage) = self.by_mix.get(&mix) else { return };
        for place in &stage.places {
            let Some((_, camera)) = at(paths, *place) else { continue };
            camera.is_live = camera.is_heard(now_ns);
        }
        self.arrange(paths, mix);
    }

    /// Shows a packet that has come to all who are to see it.
    fn show(&mut self, paths: &mut [Option<Box<Path>>], camera: &Camera, came: Came, now_ns: u64) {
        let (Some(stage), Some(input)) = (self.by_mix.get(&camera.mix), &camera.input) else {
            return;
        };
        for place in &stage.places {
            if let Some((facing, to)) = at(paths, *place) {
                to.show(facing, input, came, now_ns, &mut self.out[..]);
                self.bursts |= !to.burst.is_empty();
            }
        }
    }

    /// Sends what has waited for others of its size: the end of a wake-up.
    pub(super) fn send_bursts(&mut self, paths: &mut [Option<Box<Path>>]) {
        if !core::mem::take(&mut self.bursts) {
            return;
        }
        for place in self.by_mix.values().flat_map(|stage| &stage.places) {
            if let Some((Facing { sockets: Sockets::Shared(port), .. }, camera)) = at(paths, *place)
            {
                camera.send_burst(port);
            }
        }
    }

    /// A compound of RTCP came from a member with video, who may have said something of what it is shown.
    pub(super) fn hear(
        &mut self,
        paths: &mut [Option<Box<Path>>],
        places: &HashMap<u64, usize>,
        place: usize,
        datagram: &[u8],
        from: Option<SocketAddr>,
        now_ns: u64,
    ) {
        let Some(mut path) = paths.get_mut(place).and_then(Option::take) else { return };
        if let Some((facing, camera)) = camera_mut(&mut path) {
            // The voice's session reads it, too.
            let mut copy = [0; MAX_DATAGRAM_BYTES];
            let copied = copy.get_mut(..datagram.len());
            let received = copied.and_then(|copied| {
                copied.copy_from_slice(datagram);
                camera.receiver.receive(copied, from, now_ns).ok()
            });
            if let Some(Incoming::Rtcp { bytes, .. }) = received
                && let Some(compound) = copy.get(..bytes)
            {
                if let Some(input) = &mut camera.input {
                    input.hear(compound, now_ns);
                }
                self.answer(paths, places, facing, camera, compound, now_ns);
            }
        }
        if let Some(slot) = paths.get_mut(place) {
            *slot = Some(path);
        }
    }

    /// Does what a member asks for in a compound packet.
    fn answer(
        &mut self,
        paths: &mut [Option<Box<Path>>],
        places: &HashMap<u64, usize>,
        facing: &Facing,
        camera: &mut Camera,
        compound: &[u8],
        now_ns: u64,
    ) {
        let Some(output) = &mut camera.output else { return };
        let (mut key_frame, mut again): (bool, Option<Nacks<'_>>) = (false, None);
        feedback::read(compound, output.ssrc(), |feedback| match feedback {
            Feedback::KeyFrame => key_frame = true,
            Feedback::Missing(numbers) => again = Some(numbers),
            Feedback::Bandwidth(bps) => output.set_bandwidth(bps),
            Feedback::Lost(part) => output.set_lost(part),
        });
        if key_frame
            && let Some(of) = output.shown()
            && let Some((_, Camera { input: Some(input), .. })) =
                places.get(&of.path).and_then(|place| at(paths, *place))
        {
            input.want_key_frame(of.layer);
        }
        for number in again.into_iter().flatten().take(MOST_AGAIN) {
            let Some(output) = &mut camera.output else { return };
            let Some((run, sequence)) = output.original(number) else { continue };
            let source = places.get(&run.path).and_then(|place| paths.get(*place)?.as_deref());
            let input = source.and_then(self::camera).and_then(|camera| camera.input.as_ref());
            let kept = input.and_then(|input| input.kept(run, sequence));
            let out = &mut self.out[..];
            if let Some(written) = output.write_again(run, kept, now_ns, out) {
                camera.send(facing, written, out);
            }
        }
        self.bursts |= !camera.burst.is_empty();
    }

    /// Tells cameras what they are to know, members what they are sent, and has cameras of which a key frame is
    /// waited for asked for one.
    pub(super) fn tick(
        &mut self,
        paths: &mut [Option<Box<Path>>],
        places: &HashMap<u64, usize>,
        now_ns: u64,
    ) {
        let are_due = now_ns >= self.limits_ns;
        if are_due {
            self.limits_ns = now_ns + LIMITS_NS;
            while let Some(mix) = self.changed(paths, now_ns) {
                self.look(paths, mix, now_ns);
            }
        }
        for stage in self.by_mix.values() {
            for place in &stage.places {
                viewers::ask(paths, places, *place, are_due.then_some(now_ns));
            }
            for place in &stage.places {
                let limit_bps =
                    if are_due { viewers::limit(&stage.places, paths, *place) } else { None };
                let Some((facing, camera)) = at(paths, *place) else { continue };
                camera.sender.apply_commands();
                let out = &mut self.out[..];
                if let (Some(input), Some(limit_bps)) = (&mut camera.input, limit_bps) {
                    input.set_limit(limit_bps);
                }
                for _ in 0..MAX_LAYERS {
                    let input = camera.input.as_mut();
                    let Some(bytes) = input.and_then(|input| input.poll_feedback(now_ns, out))
                    else {
                        break;
                    };
                    camera.send_rtcp(facing, bytes, out);
                }
                let report = camera.output.as_mut().and_then(|o| o.poll_report(now_ns, out));
                if let Some(bytes) = report {
                    camera.send_rtcp(facing, bytes, out);
                }
                camera.count();
            }
        }
    }
}
