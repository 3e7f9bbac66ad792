// SPDX-License-Identifier: MIT OR Apache-2.0
//! A media line of a call as the control thread has it: ports, keys and sessions' control halves.

mod resume;

use core::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ale_media::leg::{
    Leg, LegControl, LegEvent, LegMedia, LegReceiver, MAX_DIGIT_MS, MIN_DIGIT_MS,
};
use ale_media::session::{
    self, Keying, PayloadTypes, RemoteConfig, Role, SessionConfig, SessionControl, SessionError,
    SrtpConfig,
};
use ale_media::srtp::dtls::{self, Role as Side};
use ale_media::srtp::{self, Suite, wiping_stack};

use super::Room;
use super::error::CallError;
use super::peer::EndPeer;
use super::voice::{self, Speech};
use crate::keys::EndKeys;
use crate::ng::command::Digit;
use crate::peer::dtls::{Agreed, Identity};
use crate::peer::{Change, Peer};
use crate::play::Player;
use crate::ports::Pair;
use crate::random;
use crate::sdp::{Line, NamedFormat};
use crate::worker::{
    Clock, End, EndCheckpoint, EndCounters, Ends, Facing, Happened, Heard, Passing, Path, Playing,
    Relay, Source, Voice, Worker,
};

/// The clock of payload types that nobody has described.
const UNKNOWN_CLOCK_HZ: u32 = 8_000;
/// Packets of video that may come late.
const VIDEO_REPLAY_WINDOW: usize = 1_024;
/// Volume of digits, in -dBm0.
const DIGIT_VOLUME_DBM0: u8 = 10;

/// One end of a media line, as the control thread has it.
#[derive(Debug)]
pub(crate) struct LineEnd {
    pub(crate) interface: usize,
    pub(crate) port: u16,
    /// Until the worker has it.
    pair: Option<Pair>,
    pub(super) keys: EndKeys,
    pub(super) peer: EndPeer,
    /// What is passed on of what its peer says.
    pub(super) passing: Passing,
    /// What the worker is to know of ICE and DTLS.
    change: Option<Change>,
    /// Where it has been said that the peer is now, of RTP and of RTCP.
    moved: Option<(SocketAddr, Option<SocketAddr>)>,
    /// Where ICE says that the peer is.
    chosen: Option<SocketAddr>,
    /// Why there are no keys, if there will be none.
    pub(crate) failure: Option<String>,
    /// What its peer has said, of what was agreed on.
    pub(crate) said: Option<Line>,
    /// Until the session is made with it.
    keying: Option<Keying>,
    control: Option<EndControl>,
    /// What takes the keys of its video, if it has any.
    pub(super) camera: Option<SessionControl>,
    /// Whether packets are SRTP, and whether by keys of DTLS.
    secure: bool,
    by_dtls: bool,
    /// Whether keys have been agreed on by DTLS.
    has_keys: bool,
    /// What is played to its peer: the copy that is let go of here.
    playing: Option<Player>,
    pub(crate) counters: Arc<EndCounters>,
}

/// A media line.
#[derive(Debug, Default)]
pub(crate) struct CallLine {
    /// Towards who offered first, and towards the other.
    pub(crate) ends: [Option<LineEnd>; 2],
    path: Option<u64>,
    /// Whether RTCP shares RTP's port, at each end.
    muxed: [bool; 2],
    /// What its sessions are kept as for another process.
    checkpoint: Option<Vec<EndCheckpoint>>,
    /// What is spoken at each end, where that is not the same.
    pub(super) speeches: Option<[Speech; 2]>,
}

/// The control half of what an end's packets go through.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // One an end.
enum EndControl {
    Session(SessionControl),
    Leg(LegControl),
}

impl CallLine {
    /// The end towards a party; made if it is not there, with ports of its own.
    pub(super) fn ensure_end(
        &mut self,
        party: usize,
        interface: usize,
        room: &Room,
    ) -> Result<(), CallError> {
        let slot = self.ends.get_mut(party).ok_or(CallError::UnknownTag)?;
        if slot.is_none() {
            let (_, ports) = room.interfaces.get(interface).ok_or(CallError::NoInterface)?;
            let pair = ports.bind().map_err(CallError::Ports)?;
            *slot = Some(LineEnd {
                interface,
                port: pair.port(),
                pair: Some(pair),
                keys: EndKeys::default(),
                peer: EndPeer::default(),
                passing: Passing::default(),
                change: None,
                moved: None,
                chosen: None,
                failure: None,
                said: None,
                keying: None,
                control: None,
                camera: None,
                secure: false,
                by_dtls: false,
                has_keys: false,
                playing: None,
                counters: Arc::default(),
            });
        }
        Ok(())
    }

    /// The end towards a party.
    pub(super) fn end(&self, party: usize) -> Option<&LineEnd> {
        self.ends.get(party)?.as_ref()
    }

    /// The number by which a worker has it, if one does.
    pub(super) fn path(&self) -> Option<u64> {
        self.path
    }

    /// The end towards the only party.
    pub(super) fn only(&mut self) -> Option<&mut LineEnd> {
        let [only, _] = &mut self.ends;
        only.as_mut()
    }

    /// The interface of the end towards a party: the one that it has, which must be what is asked for.
    pub(super) fn interface(
        &self,
        party: usize,
        name: Option<&str>,
        ipv6: bool,
        room: &Room,
    ) -> Result<usize, CallError> {
        let Some(end) = self.end(party) else { return room.interface(name, ipv6) };
        let (interface, _) = room.interfaces.get(end.interface).ok_or(CallError::NoInterface)?;
        let named = name.is_none_or(|name| interface.name == name);
        if named && interface.told().is_ipv6() == ipv6 {
            return Ok(end.interface);
        }
        Err(CallError::NotDone("A change of address family or interface within a call"))
    }

    /// The end towards a party, and the other.
    pub(super) fn both(&mut self, party: usize) -> Option<(&mut LineEnd, &mut LineEnd)> {
        let [Some(first), Some(second)] = &mut self.ends else { return None };
        Some(if party == 0 { (first, second) } else { (second, first) })
    }

    /// Has a worker forward what has been agreed on, or goes on as it does with what has changed.
    pub(super) fn run(
        &mut self,
        muxed: [bool; 2],
        speeches: Option<[Speech; 2]>,
        room: &mut Room,
        worker: &Worker,
    ) -> Result<(), CallError> {
        self.muxed = muxed;
        if self.goes_on(muxed, worker) {
            return Ok(());
        }
        let [Some(first), Some(second)] = &mut self.ends else { return Ok(()) };
        let ends = match &speeches {
            None => Ends::Relay([first.make(muxed[0])?, second.make(muxed[1])?]),
            Some([one, other]) => Ends::Translate([
                first.make_voice(muxed[0], one)?,
                second.make_voice(muxed[1], other)?,
            ]),
        };
        self.speeches = speeches;
        worker.open(self.begin(ends, room));
        Ok(())
    }

    /// The leg of a conference's member: what its worker has, and what the conference takes in.
    pub(super) fn enter(
        &mut self,
        muxed: bool,
        speech: &Speech,
        room: &mut Room,
    ) -> Result<(Path, LegMedia), CallError> {
        let [Some(only), _] = &mut self.ends else { return Err(CallError::NoOffer) };
        let (receiver, media) = only.make_leg(speech)?;
        let reports_to = only.said.as_ref().and_then(|said| said.rtcp);
        let (facing, heard) = (only.make_facing(muxed)?, Heard::new(receiver, reports_to));
        let ends = Ends::Mix(End { facing, media: heard });
        Ok((self.begin(ends, room), media))
    }

    fn begin(&mut self, ends: Ends, room: &mut Room) -> Path {
        let id = room.next_path;
        room.next_path += 1;
        self.path = Some(id);
        Path { id, ends }
    }

    /// Tells the worker what has changed, if it has the line.
    pub(super) fn goes_on(&mut self, muxed: [bool; 2], worker: &Worker) -> bool {
        let Some(id) = self.path else { return false };
        worker.set_rtcp_mux(id, muxed);
        for (n, end) in self.ends.iter_mut().flatten().enumerate() {
            if let Some(change) = end.change.take() {
                worker.change_peer(id, n, change);
            }
        }
        // Of two, the halves that send know it from the session.
        if let [Some(only), None] = &mut self.ends
            && let Some((rtp, rtcp)) = only.moved.take()
        {
            worker.relatch(id, rtp, rtcp);
        }
        true
    }

    /// What is spoken at each end, in the order of the parties, once `by` has offered and the other has
    /// answered; `None` if packets are passed on as they are. A line that runs goes on as it does, though its
    /// peers could also speak otherwise.
    pub(super) fn speeches(
        &self,
        by: usize,
        offered: &Line,
        answered: &Line,
    ) -> Result<Option<[Speech; 2]>, CallError> {
        let lines = if by == 0 { [offered, answered] } else { [answered, offered] };
        if let Some(now) = &self.speeches
            && now.iter().zip(lines).all(|(speech, line)| speech.is_in(line))
        {
            return Ok(Some(now.clone()));
        }
        let then = voice::translation(offered, answered)?;
        if self.path.is_some() && (self.speeches.is_some() || then.is_some()) {
            return Err(CallError::NotDone("A change of what is translated within a call"));
        }
        Ok(then.map(|[near, far]| if by == 0 { [near, far] } else { [far, near] }))
    }

    /// What is spoken towards a party, where that is translated.
    pub(super) fn spoken(&self, party: usize) -> Option<Vec<NamedFormat>> {
        self.speeches.as_ref()?.get(party).map(Speech::formats)
    }

    /// Says at each end what digits have come at the other, and ends collisions of sources. Those of a
    /// conference's member are for nobody.
    pub(super) fn carry_digits(&mut self) {
        if let [Some(LineEnd { control: Some(EndControl::Leg(only)), .. }), None] = &mut self.ends {
            return carry(only, None, Passing::default());
        }
        let [Some(first), Some(second)] = &mut self.ends else { return };
        let passing = [first.passing, second.passing];
        let (Some(EndControl::Leg(first)), Some(EndControl::Leg(second))) =
            (&mut first.control, &mut second.control)
        else {
            return;
        };
        carry(first, Some(second), passing[0]);
        carry(second, Some(first), passing[1]);
    }

    /// Changes what is passed on of what a party says.
    pub(super) fn pass(&mut self, party: usize, change: impl Fn(&mut Passing), worker: &Worker) {
        let Some(Some(end)) = self.ends.get_mut(party) else { return };
        change(&mut end.passing);
        if let Some(id) = self.path {
            worker.set_passing(id, party, end.passing);
        }
    }

    /// Says a digit as if a party did.
    pub(super) fn say_digit(&mut self, party: usize, digit: Digit) -> Result<(), CallError> {
        let Some((_, far)) = self.both(party) else { return Err(CallError::NoOffer) };
        match &mut far.control {
            Some(EndControl::Leg(leg)) => leg
                .send_digit(digit.event, digit.duration_ms, digit.volume_dbm0)
                .map_err(CallError::LegChange),
            _ => Err(CallError::NotDone("A digit where packets are passed on undecoded")),
        }
    }

    /// The rate at which something can be played to a party.
    pub(super) fn play_rate_hz(&self, party: usize) -> Result<u32, CallError> {
        let end = self.end(party).filter(|_| self.path.is_some()).ok_or(CallError::NoOffer)?;
        match (&end.control, &self.speeches) {
            (Some(EndControl::Leg(_)), Some(speeches)) => {
                Ok(speeches.get(party).ok_or(CallError::NoOffer)?.sample_rate_hz)
            }
            (Some(EndControl::Session(_)), _) => {
                let spoken = end.said.as_ref().and_then(voice::first_known);
                let (_, codec) = spoken.ok_or(CallError::UnknownCodecs)?;
                Ok(codec.format().sample_rate_hz)
            }
            _ => Err(CallError::NoOffer),
        }
    }

    /// Plays something to a party, at its rate; what is played already ends.
    pub(super) fn play(
        &mut self,
        party: usize,
        player: Player,
        worker: &Worker,
    ) -> Result<(), CallError> {
        let id = self.path.ok_or(CallError::NoOffer)?;
        let end = self.ends.get_mut(party).and_then(Option::as_mut).ok_or(CallError::NoOffer)?;
        let spoken = end.said.as_ref().and_then(voice::first_known);
        let source = match (&end.control, spoken) {
            (Some(EndControl::Session(_)), Some((payload_type, codec))) => Some(Source {
                payload_type,
                encoder: codec.encoder().map_err(|_| CallError::NoCodec)?,
                ssrc: random::number().ok_or(CallError::Random)?,
                sequence: (random::number().ok_or(CallError::Random)? >> 17) as u16,
                timestamp: random::number().ok_or(CallError::Random)?,
            }),
            _ => None,
        };
        end.playing = Some(player.clone());
        worker.play(id, party, Some(Playing { player, source, begins: true }));
        Ok(())
    }

    /// Plays nothing more to a party; where it was, in ms, if something was played.
    pub(super) fn stop_playing(&mut self, party: usize, worker: &Worker) -> Option<u64> {
        let end = self.ends.get_mut(party)?.as_mut()?;
        worker.play(self.path?, party, None);
        // Its last copy may be the worker's now, which lets go of it between two packets.
        end.playing.take().map(|player| player.position_ms())
    }

    /// Whether a worker has it by this number.
    pub(crate) fn is_path(&self, id: u64) -> bool {
        self.path == Some(id)
    }

    /// What has happened at an end.
    pub(super) fn hear(&mut self, end: usize, happened: &Happened) {
        let Some(Some(end)) = self.ends.get_mut(end) else { return };
        match happened {
            Happened::Agreed(agreed) => {
                end.failure = end.take_keys(agreed).err().map(|error| error.to_string());
                end.has_keys |= end.failure.is_none();
            }
            Happened::Failed(reason) => end.failure = Some(reason.clone()),
            Happened::Moved(to) => end.chosen = Some(*to),
            Happened::Checkpointed { .. } => {}
        }
    }

    /// Ends the line, and gives its ports back.
    pub(super) fn close(&mut self, worker: &Worker) {
        if let Some(id) = self.path.take() {
            worker.close(id);
        }
        self.ends = [None, None];
        self.speeches = None;
        self.checkpoint = None;
    }
}

impl LineEnd {
    /// Whether packets may be plain from now on, or their keys come by DTLS.
    pub(super) fn check(&self, plain: bool, by_dtls: bool) -> Result<(), CallError> {
        let what = match &self.control {
            Some(_) if by_dtls && !self.by_dtls => "A change to DTLS within a call",
            Some(EndControl::Leg(_)) if plain && self.secure => {
                "Leaving SRTP in a call that is translated"
            }
            _ => return Ok(()),
        };
        Err(CallError::NotDone(what))
    }

    /// The peer has said this, and how packets are protected has been agreed on. With DTLS, of which the node
    /// is on this side, keys come later.
    pub(super) fn agree(
        &mut self,
        said: &Line,
        muxed: bool,
        keying: Keying,
        ice: bool,
        dtls: Option<Side>,
        identity: &Identity,
    ) -> Result<(), CallError> {
        self.check(matches!(keying, Keying::Plain), dtls.is_some())?;
        let rtcp = if muxed { said.rtp } else { said.rtcp };
        let change = self.peer.agree(said, ice, dtls, identity)?;
        let checked = change.ice.is_some();
        // One that runs is told also that there is no ICE any more.
        let told = self.control.is_some() || !change.is_nothing();
        self.change = told.then_some(change);
        self.by_dtls = dtls.is_some();
        // Its keys have been taken over.
        let before = self.said.replace(Line { rtcp, crypto: Vec::new(), ..said.clone() });
        let Some(control) = &mut self.control else {
            self.secure = !matches!(keying, Keying::Plain);
            self.keying = Some(keying);
            return Ok(());
        };
        match (&keying, &mut *control) {
            (Keying::Srtp(srtp), EndControl::Session(control)) => {
                control.set_keys(srtp).map_err(CallError::Session)?;
            }
            (Keying::Srtp(srtp), EndControl::Leg(control)) => {
                control.set_keys(srtp).map_err(CallError::LegChange)?;
            }
            (Keying::Plain, EndControl::Session(control)) if self.secure => {
                control.set_plain().map_err(CallError::Session)?;
                // A session that is made with these keys later would begin their key stream again.
                self.keys = EndKeys::default();
            }
            _ => {}
        }
        self.secure = !matches!(keying, Keying::Plain);
        if checked {
            return Ok(());
        }
        let addresses = |line: &Line| (line.rtp, line.rtcp);
        let now = self.said.as_ref().map(addresses);
        // On hold by address, the peer is where it was.
        if let Some((Some(rtp), rtcp)) = now
            && now != before.as_ref().map(addresses)
        {
            self.moved = Some((rtp, rtcp));
            match control {
                EndControl::Session(control) => {
                    control.relatch(Some(rtp), rtcp).map_err(CallError::Session)?;
                }
                EndControl::Leg(control) => {
                    control.relatch(rtp, rtcp).map_err(CallError::LegChange)?;
                }
            }
        }
        Ok(())
    }

    /// Keys have been agreed on by DTLS.
    fn take_keys(&mut self, agreed: &Agreed) -> Result<(), CallError> {
        let split = wiping_stack(|| dtls::split(agreed.suite, &agreed.exported, agreed.role));
        let keys = split.map_err(|error| CallError::Session(SessionError::Srtp(error)))?;
        let config = |key| srtp::SessionConfig::new(agreed.suite, key);
        let srtp = SrtpConfig { send: config(keys.send), receive: config(keys.receive) };
        if let Some(camera) = &mut self.camera {
            let mut srtp = srtp.clone();
            // Of a picture many packets come at once, and what was lost comes late.
            srtp.receive.replay_window = VIDEO_REPLAY_WINDOW;
            camera.set_keys(&srtp).map_err(CallError::Session)?;
        }
        match &mut self.control {
            Some(EndControl::Session(control)) => {
                control.set_keys(&srtp).map_err(CallError::Session)
            }
            Some(EndControl::Leg(control)) => control.set_keys(&srtp).map_err(CallError::LegChange),
            None => Ok(()),
        }
    }

    /// The control half of its leg, if it has one.
    pub(crate) fn leg(&self) -> Option<&LegControl> {
        match self.control.as_ref()? {
            EndControl::Leg(control) => Some(control),
            EndControl::Session(_) => None,
        }
    }

    /// The suite of what its peer sends; none in plain RTP, or before keys have been agreed on.
    pub(crate) fn suite(&self) -> Option<&'static str> {
        match self.control.as_ref()? {
            EndControl::Session(control) => control.receive_suite().map(Suite::sdes_name),
            EndControl::Leg(control) => control.quality_report().suite,
        }
    }

    /// Whether there are to be keys by DTLS, and none have come.
    pub(crate) fn waits_for_keys(&self) -> bool {
        self.by_dtls && !self.has_keys
    }

    /// Where the peer sends from, as far as known: RTP, or RTCP.
    pub(crate) fn heard_from(&self, rtcp: bool) -> Option<SocketAddr> {
        if let Some(chosen) = self.chosen {
            return Some(chosen);
        }
        match self.control.as_ref()? {
            EndControl::Session(control) if rtcp => control.remote_rtcp_address(),
            EndControl::Session(control) => control.remote_address(),
            EndControl::Leg(control) if rtcp => control.remote_rtcp_address(),
            EndControl::Leg(control) => control.remote_address(),
        }
    }

    /// When RTP last came, in seconds since 1970; 0 if none did.
    pub(crate) fn last_arrival_s(&self, clock: &Clock) -> u64 {
        match self.counters.last_arrival_ns.load(Ordering::Relaxed) {
            0 => 0,
            at_ns => clock.unix_s(at_ns),
        }
    }

    /// Its session, for the worker.
    fn make(&mut self, rtcp_mux: bool) -> Result<End<Relay>, CallError> {
        let said = self.said.as_ref().ok_or(CallError::NoOffer)?;
        let mut config = SessionConfig::new(random::number().ok_or(CallError::Random)?);
        config.keying = self.keying.take().ok_or(CallError::NoOffer)?;
        config.remote = remote(said.rtp, said.rtcp);
        config.payload_types = payload_types(said);
        // What is forwarded brings its own reports.
        config.rtcp_interval_ms = 0;
        config.extended_reports = false;
        let made = session::create(&config);
        let (receiver, sender, control) =
            made.map_err(|error| CallError::Session(SessionError::Srtp(error)))?;
        self.control = Some(EndControl::Session(control));
        Ok(End {
            facing: self.make_facing(rtcp_mux)?,
            media: Relay { receiver, sender, at_checkpoint: 0 },
        })
    }

    /// What faces its peer, for the worker.
    fn make_facing(&mut self, rtcp_mux: bool) -> Result<Facing, CallError> {
        let pair = self.pair.take().ok_or(CallError::NoOffer)?;
        let peer = self.change.take().map(|change| Box::new(Peer::new(change)));
        let (passing, counters) = (self.passing, Arc::clone(&self.counters));
        Ok(Facing { pair, rtcp_mux, peer, passing, playing: None, ear: None, counters })
    }

    /// Its leg, for the worker.
    fn make_voice(&mut self, rtcp_mux: bool, speech: &Speech) -> Result<End<Voice>, CallError> {
        let (receiver, media) = self.make_leg(speech)?;
        Ok(End {
            facing: self.make_facing(rtcp_mux)?,
            media: Voice { receiver, media, at_checkpoint: 0 },
        })
    }

    /// A leg that speaks this with its peer.
    fn make_leg(&mut self, speech: &Speech) -> Result<(LegReceiver, LegMedia), CallError> {
        let said = self.said.as_ref().ok_or(CallError::NoOffer)?;
        let mut config = speech.leg().ok_or(CallError::Random)?;
        match self.keying.take().ok_or(CallError::NoOffer)? {
            Keying::Srtp(srtp) => config.srtp = Some(*srtp),
            Keying::Plain => config.plain = true,
            Keying::Pending => {}
        }
        config.remote = remote(said.rtp, said.rtcp);
        let (receiver, media, control) = Leg::new(&config).map_err(CallError::Leg)?;
        self.control = Some(EndControl::Leg(control));
        Ok((receiver, media))
    }
}

fn remote(rtp: Option<SocketAddr>, rtcp: Option<SocketAddr>) -> RemoteConfig {
    let mut config = RemoteConfig::default();
    (config.rtp, config.rtcp) = (rtp, rtcp);
    config
}

/// What each payload type is to a session that forwards: all of them are its peer's voice, whichever were
/// agreed on, so that a re-INVITE that renumbers them loses no packet. Events and repair packets, which may
/// come as other sources beside the voice, don't compete with it.
fn payload_types(line: &Line) -> PayloadTypes {
    let mut types = PayloadTypes::new();
    for payload_type in 0..128 {
        types.set(payload_type, Role::Voice, UNKNOWN_CLOCK_HZ);
    }
    for format in &line.formats {
        let named = |name: &str| format.name.eq_ignore_ascii_case(name);
        let role = if named("telephone-event") {
            Role::Event
        } else if ["rtx", "ulpfec", "flexfec-03", "flexfec"].into_iter().any(named) {
            Role::PassThrough
        } else {
            Role::Voice
        };
        let known = format.clock_hz != 0;
        types.set(
            format.payload_type,
            role,
            if known { format.clock_hz } else { UNKNOWN_CLOCK_HZ },
        );
    }
    types
}

/// Says at one end what digits have come at the other, if they are passed on.
fn carry(from: &mut LegControl, mut to: Option<&mut LegControl>, passing: Passing) {
    while let Some(event) = from.next_event() {
        match event {
            LegEvent::DigitEnded { .. } if passing.blocked || passing.no_digits => {}
            LegEvent::DigitEnded { event, duration_ms } => {
                let duration_ms = duration_ms.clamp(MIN_DIGIT_MS, MAX_DIGIT_MS);
                if let Some(to) = &mut to {
                    // One that has no room any more would come too late.
                    let _ = to.send_digit(event, duration_ms, DIGIT_VOLUME_DBM0);
                }
            }
            LegEvent::SsrcCollision { .. } => {
                // RFC 3550 section 8.2.
                if let Some(ssrc) = random::ssrc(false) {
                    let _ = from.change_ssrc(ssrc);
                }
            }
            _ => {}
        }
    }
}
