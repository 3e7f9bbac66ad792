// SPDX-License-Identifier: MIT OR Apache-2.0
//! A media line of a call as the control thread has it: ports, keys and sessions' control halves.

use core::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ale_media::session::{
    self, Keying, PayloadTypes, RemoteConfig, Role, SessionConfig, SessionControl,
};

use super::Room;
use super::error::CallError;
use crate::keys::EndKeys;
use crate::ports::Pair;
use crate::random;
use crate::sdp::Line;
use crate::worker::{Clock, End, EndCounters, Ends, Path, Relay, Worker};

/// The clock of payload types that nobody has described.
const UNKNOWN_CLOCK_HZ: u32 = 8_000;

/// One end of a media line, as the control thread has it.
#[derive(Debug)]
pub(crate) struct LineEnd {
    pub(crate) interface: usize,
    pub(crate) port: u16,
    /// Until the worker has it.
    pair: Option<Pair>,
    pub(super) keys: EndKeys,
    /// What its peer has said, of what was agreed on.
    pub(crate) said: Option<Line>,
    /// Until the session is made with it.
    keying: Option<Keying>,
    control: Option<SessionControl>,
    pub(crate) counters: Arc<EndCounters>,
}

/// A media line.
#[derive(Debug, Default)]
pub(crate) struct CallLine {
    /// Towards who offered first, and towards the other.
    pub(crate) ends: [Option<LineEnd>; 2],
    path: Option<u64>,
}

impl CallLine {
    /// The end towards a party; made if it is not there, with ports of its own.
    pub(super) fn ensure_end(
        &mut self,
        party: usize,
        interface: usize,
        room: &Room,
    ) -> Result<&mut LineEnd, CallError> {
        let slot = self.ends.get_mut(party).ok_or(CallError::UnknownTag)?;
        if slot.is_none() {
            let (_, ports) = room.interfaces.get(interface).ok_or(CallError::NoInterface)?;
            let pair = ports.bind().map_err(CallError::Ports)?;
            *slot = Some(LineEnd {
                interface,
                port: pair.port(),
                pair: Some(pair),
                keys: EndKeys::default(),
                said: None,
                keying: None,
                control: None,
                counters: Arc::default(),
            });
        }
        slot.as_mut().ok_or(CallError::NoInterface)
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
        room: &mut Room,
        worker: &Worker,
    ) -> Result<(), CallError> {
        if let Some(id) = self.path {
            worker.set_rtcp_mux(id, muxed);
            return Ok(());
        }
        let [Some(first), Some(second)] = &mut self.ends else { return Ok(()) };
        let ends = [first.make(muxed[0])?, second.make(muxed[1])?];
        let id = room.next_path;
        room.next_path += 1;
        self.path = Some(id);
        worker.open(Path { id, ends: Ends::Relay(ends) });
        Ok(())
    }

    /// Ends the line, and gives its ports back.
    pub(super) fn close(&mut self, worker: &Worker) {
        if let Some(id) = self.path.take() {
            worker.close(id);
        }
        self.ends = [None, None];
    }
}

impl LineEnd {
    /// The peer has said this, and how packets are protected has been agreed on.
    pub(super) fn agree(
        &mut self,
        said: &Line,
        muxed: bool,
        keying: Keying,
    ) -> Result<(), CallError> {
        let before = self
            .said
            .replace(Line { rtcp: if muxed { said.rtp } else { said.rtcp }, ..said.clone() });
        let Some(control) = &mut self.control else {
            self.keying = Some(keying);
            return Ok(());
        };
        match &keying {
            Keying::Srtp(srtp) => control.set_keys(srtp).map_err(CallError::Session)?,
            _ if control.receive_suite().is_some() => {
                control.set_plain().map_err(CallError::Session)?;
                // A session that is made with these keys later would begin their key stream again.
                self.keys = EndKeys::default();
            }
            _ => {}
        }
        let addresses = |line: &Line| (line.rtp, line.rtcp);
        let now = self.said.as_ref().map(addresses);
        // On hold by address, the peer is where it was.
        if let Some((rtp @ Some(_), rtcp)) = now
            && now != before.as_ref().map(addresses)
        {
            control.relatch(rtp, rtcp).map_err(CallError::Session)?;
        }
        Ok(())
    }

    /// Where the peer sends from, as far as known: RTP, or RTCP.
    pub(crate) fn heard_from(&self, rtcp: bool) -> Option<SocketAddr> {
        let control = self.control.as_ref()?;
        if rtcp { control.remote_rtcp_address() } else { control.remote_address() }
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
        let pair = self.pair.take().ok_or(CallError::NoOffer)?;
        let mut config = SessionConfig::new(random::number().ok_or(CallError::Random)?);
        config.keying = self.keying.take().ok_or(CallError::NoOffer)?;
        config.remote = remote(said.rtp, said.rtcp);
        config.payload_types = payload_types(said);
        // What is forwarded brings its own reports.
        config.rtcp_interval_ms = 0;
        config.extended_reports = false;
        let made = session::create(&config);
        let (receiver, sender, control) =
            made.map_err(|error| CallError::Session(session::SessionError::Srtp(error)))?;
        self.control = Some(control);
        let counters = Arc::clone(&self.counters);
        Ok(End { pair, media: Relay { receiver, sender }, rtcp_mux, counters })
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
