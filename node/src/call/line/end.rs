// SPDX-License-Identifier: MIT OR Apache-2.0
//! One end of a media line: what is agreed on with its peer, and the session or leg that is made of it.

use core::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ale_media::leg::{Leg, LegControl, LegMedia, LegReceiver};
use ale_media::session::{
    self, Keying, PayloadTypes, RemoteConfig, Role, SessionConfig, SessionError, SrtpConfig,
};
use ale_media::srtp::dtls::{self, Role as Side};
use ale_media::srtp::{self, Suite, wiping_stack};

use super::{EndControl, LineEnd};
use crate::call::Room;
use crate::call::error::CallError;
use crate::call::numbers::{is_events, is_repair, numbers};
use crate::call::voice::Speech;
use crate::keys::EndKeys;
use crate::peer::Peer;
use crate::peer::dtls::{Agreed, Identity};
use crate::random;
use crate::sdp::Line;
use crate::worker::{Clock, End, Facing, Relay, Renumbering, Voice};

/// The clock of payload types that nobody has described.
const UNKNOWN_CLOCK_HZ: u32 = 8_000;
/// Packets of video that may come late.
const VIDEO_REPLAY_WINDOW: usize = 1_024;

impl LineEnd {
    /// Whether packets may be plain from now on, or their keys come by DTLS.
    pub(in crate::call) fn check(&self, plain: bool, by_dtls: bool) -> Result<(), CallError> {
        let what = match &self.control {
            Some(_) if by_dtls && !self.by_dtls => "A change to DTLS within a call",
            Some(EndControl::Leg(_)) if plain && self.secure => {
                "Leaving SRTP in a call that is translated"
            }
            _ => return Ok(()),
        };
        Err(CallError::NotDone(what))
    }

    /// Whether its peer may be one from now on that checks do not tell from others: one with ports that nobody else
    /// has.
    pub(in crate::call) fn check_shared(&self, by_checks: bool) -> Result<(), CallError> {
        if by_checks || !self.shares || self.sockets.is_some() {
            return Ok(());
        }
        Err(CallError::NotDone("Leaving ICE, DTLS or rtcp-mux on a port that others have, too,"))
    }

    /// Has ports that nobody else has, if its peer is one that checks do not tell from others. It was not told of others
    /// yet.
    pub(in crate::call) fn part(&mut self, by_checks: bool, room: &Room) -> Result<(), CallError> {
        self.check_shared(by_checks)?;
        if !by_checks && self.shares {
            let sockets = room.own_ports(self.interface)?;
            (self.port, self.shares) = (sockets.port(), false);
            self.sockets = Some(sockets);
        }
        Ok(())
    }

    /// The peer has said this, and how packets are protected has been agreed on. With DTLS, of which the node
    /// is on this side, keys come later.
    pub(in crate::call) fn agree(
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
    pub(super) fn take_keys(&mut self, agreed: &Agreed) -> Result<(), CallError> {
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
    pub(super) fn make(&mut self, rtcp_mux: bool, other: &Line) -> Result<End<Relay>, CallError> {
        let said = self.said.as_ref().ok_or(CallError::NoOffer)?;
        let mut config = SessionConfig::new(random::number().ok_or(CallError::Random)?);
        config.keying = self.keying.take().ok_or(CallError::NoOffer)?;
        config.remote = remote(said.rtp, said.rtcp);
        config.payload_types = payload_types(said, other);
        // What is forwarded brings its own reports.
        config.rtcp_interval_ms = 0;
        config.extended_reports = false;
        let made = session::create(&config);
        let (receiver, sender, control) =
            made.map_err(|error| CallError::Session(SessionError::Srtp(error)))?;
        self.control = Some(EndControl::Session(control));
        Ok(End {
            facing: self.make_facing(rtcp_mux)?,
            media: Relay { receiver, sender, at_checkpoint: 0, numbering: self.numbering() },
        })
    }

    /// What its peer sends goes on by the numbers that the other has named; those of before count where these name
    /// nothing.
    pub(super) fn renumber(&mut self, other: &Line) {
        let Some(said) = &self.said else { return };
        self.numbers = numbers(said, other).after(&self.numbers);
    }

    /// The same, for the worker.
    pub(super) fn numbering(&self) -> Renumbering {
        Renumbering::by(self.numbers.clone())
    }

    /// What faces its peer, for the worker.
    pub(super) fn make_facing(&mut self, rtcp_mux: bool) -> Result<Facing, CallError> {
        let sockets = self.sockets.take().ok_or(CallError::NoOffer)?;
        let peer = self.change.take().map(|change| Box::new(Peer::new(change)));
        let (passing, counters) = (self.passing, Arc::clone(&self.counters));
        Ok(Facing { sockets, rtcp_mux, peer, passing, playing: None, ear: None, counters })
    }

    /// Its leg, for the worker.
    pub(super) fn make_voice(
        &mut self,
        rtcp_mux: bool,
        speech: &Speech,
        room: &Room,
    ) -> Result<End<Voice>, CallError> {
        let (receiver, media) = self.make_leg(speech, room)?;
        Ok(End {
            facing: self.make_facing(rtcp_mux)?,
            media: Voice { receiver, media, at_checkpoint: 0 },
        })
    }

    /// A leg that speaks this with its peer.
    pub(super) fn make_leg(
        &mut self,
        speech: &Speech,
        room: &Room,
    ) -> Result<(LegReceiver, LegMedia), CallError> {
        let said = self.said.as_ref().ok_or(CallError::NoOffer)?;
        let mut config = speech.leg(room.opus_complexity).ok_or(CallError::Random)?;
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

pub(super) fn remote(rtp: Option<SocketAddr>, rtcp: Option<SocketAddr>) -> RemoteConfig {
    let mut config = RemoteConfig::default();
    (config.rtp, config.rtcp) = (rtp, rtcp);
    config
}

/// What each payload type is to the session that forwards what comes by these numbers: all of them are its peer's voice,
/// whichever were agreed on, so that a re-INVITE that renumbers them loses no packet. Events and repair packets,
/// which may come as other sources beside the voice, don't compete with it.
pub(super) fn payload_types(said: &Line, other: &Line) -> PayloadTypes {
    let mut types = PayloadTypes::new();
    for payload_type in 0..128 {
        types.set(payload_type, Role::Voice, UNKNOWN_CLOCK_HZ);
    }
    // Where both have named a number the peer sends what the other means by it.
    for format in said.formats.iter().chain(&other.formats) {
        let role = if is_events(format) {
            Role::Event
        } else if is_repair(format) {
            Role::PassThrough
        } else {
            Role::Voice
        };
        let clock_hz = if format.clock_hz == 0 { UNKNOWN_CLOCK_HZ } else { format.clock_hz };
        types.set(format.payload_type, role, clock_hz);
    }
    types
}
