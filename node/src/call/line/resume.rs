// SPDX-License-Identifier: MIT OR Apache-2.0
//! A media line as it is kept for another process, and as that takes it over.

use std::sync::Arc;

use ale_media::leg::{Leg, LegControl, LegMedia, LegReceiver, StreamPosition};
use ale_media::session::{self, Keying, RestoredSrtp, SessionConfig, SessionControl, SessionError};
use ale_media::srtp::checkpoint::Restored;

use super::end::{payload_types, remote};
use super::{CallLine, EndControl, LineEnd};
use crate::call::numbers::numbers;
use crate::call::peer::EndPeer;
use crate::call::voice::Speech;
use crate::call::{CallError, Room};
use crate::failover::{EndRecord, LineRecord};
use crate::keys::EndKeys;
use crate::peer::Peer;
use crate::ports::Sockets;
use crate::random;
use crate::sdp::Line;
use crate::worker::{
    End, EndCheckpoint, Ends, Facing, Heard, Numbers, Path, Relay, Renumbering, Voice,
};

impl CallLine {
    /// Whether it is one that is kept: what its packets go through is there.
    pub(in crate::call) fn is_kept(&self) -> bool {
        self.path.is_some() && self.ends.iter().flatten().all(|end| end.control.is_some())
    }

    /// Its sessions are kept as this.
    pub(in crate::call) fn set_checkpoint(&mut self, taken: Vec<EndCheckpoint>) {
        self.checkpoint = Some(taken);
    }

    /// What is kept of it, of which a member of a conference speaks `speech`; `None` before there is a checkpoint.
    pub(in crate::call) fn record(
        &self,
        speech: Option<&Speech>,
        room: &Room,
    ) -> Option<LineRecord> {
        let ends = self.ends.iter().flatten();
        let checkpoint =
            self.checkpoint.as_deref().filter(|of| of.len() == ends.clone().count())?;
        let ends = ends.zip(checkpoint).map(|(end, taken)| end.record(taken, room));
        let spoken = self.speeches.iter().flatten().chain(speech);
        Some(LineRecord {
            muxed: self.muxed,
            dscp: self.dscp,
            ends: ends.collect::<Option<_>>()?,
            spoken: spoken.map(Speech::record).collect(),
        })
    }

    /// The line that was kept so many ms ago, and what a worker is to have of it; and what the conference, of a
    /// member. It sends nothing that is encrypted until a checkpoint has been kept.
    pub(in crate::call) fn resume(
        record: &LineRecord,
        elapsed_ms: u64,
        room: &mut Room,
        key: &[u8; 32],
    ) -> Result<(Self, Path, Option<LegMedia>), CallError> {
        let [muxed, other_muxed] = record.muxed;
        let spoken = record.spoken.iter().map(Speech::of).collect::<Result<Vec<_>, _>>()?;
        let voice = |end: &EndRecord, muxed, speech: &Speech, room: &Room| {
            let make = || leg(end, (speech, room.opus_complexity), elapsed_ms, key);
            let ((receiver, media), line, facing) = LineEnd::resume(end, muxed, room, make)?;
            Ok::<_, CallError>((line, facing, receiver, media))
        };
        let mut line = Self { muxed: record.muxed, dscp: record.dscp, ..Self::default() };
        let (ends, seated) = match (&record.ends[..], &spoken[..]) {
            ([first, second], []) => {
                let relay = |end: &EndRecord, other: &EndRecord, muxed| {
                    let make = || relayed(end, &other.said, key);
                    let (media, line, facing) = LineEnd::resume(end, muxed, room, make)?;
                    Ok::<_, CallError>((line, End { facing, media }))
                };
                let ((one, near), (other, far)) =
                    (relay(first, second, muxed)?, relay(second, first, other_muxed)?);
                line.ends = [Some(one), Some(other)];
                line.renumber();
                (Ends::Relay([near, far]), None)
            }
            ([first, second], [one, other]) => {
                let translate = |end: &EndRecord, muxed, speech: &Speech| {
                    let (line, facing, receiver, media) = voice(end, muxed, speech, room)?;
                    let media = Voice { receiver, media, at_checkpoint: 0 };
                    Ok::<_, CallError>((line, End { facing, media }))
                };
                let (one_end, near) = translate(first, muxed, one)?;
                let (other_end, far) = translate(second, other_muxed, other)?;
                line.ends = [Some(one_end), Some(other_end)];
                line.speeches = Some([one.clone(), other.clone()]);
                (Ends::Translate([near, far]), None)
            }
            ([only], [speech]) => {
                let (end, facing, receiver, media) = voice(only, muxed, speech, room)?;
                line.ends = [Some(end), None];
                let heard = Heard::new(receiver, only.said.rtcp);
                (Ends::Mix(End { facing, media: heard }), Some(media))
            }
            _ => return Err(CallError::NotDone("A line of that many ends")),
        };
        let path = line.begin(ends, room);
        Ok((line, path, seated))
    }
}

/// The SRTP session of an end as it was kept; none in plain RTP.
fn restored(record: &EndRecord, key: &[u8; 32]) -> Result<Option<RestoredSrtp>, CallError> {
    let Some(kept) = &record.srtp else { return Ok(None) };
    let open = |checkpoint: &[u8]| {
        Restored::open(key, checkpoint)
            .map_err(|error| CallError::Session(SessionError::Srtp(error)))
    };
    Ok(Some(RestoredSrtp { send: open(&kept.send)?, receive: open(&kept.receive)? }))
}

/// The session of an end whose packets go on as they are, to a peer that has said this.
fn relayed(
    record: &EndRecord,
    other: &Line,
    key: &[u8; 32],
) -> Result<(Relay, EndControl), CallError> {
    let said = &record.said;
    let [rtp, rtcp] = record.remote;
    let mut config = SessionConfig::new(random::number().ok_or(CallError::Random)?);
    config.remote = remote(rtp.or(said.rtp), rtcp.or(said.rtcp));
    config.payload_types = payload_types(said, other);
    config.rtcp_interval_ms = 0;
    config.extended_reports = false;
    let made = match restored(record, key)? {
        Some(restored) => session::resume(&config, restored),
        None => {
            config.keying = Keying::Plain;
            session::create(&config)
        }
    };
    let (receiver, sender, control) =
        made.map_err(|error| CallError::Session(SessionError::Srtp(error)))?;
    let numbering = Renumbering::by(numbers(said, other));
    let relay = Relay { receiver, sender, at_checkpoint: 0, numbering };
    Ok((relay, EndControl::Session(control)))
}

/// The leg of an end that speaks this.
fn leg(
    record: &EndRecord,
    (speech, opus_complexity): (&Speech, u8),
    elapsed_ms: u64,
    key: &[u8; 32],
) -> Result<((LegReceiver, LegMedia), EndControl), CallError> {
    let said = &record.said;
    let [rtp, rtcp] = record.remote;
    let kept = record.stream.ok_or(CallError::NotDone("A leg whose stream was not kept"))?;
    let mut config = speech.leg(opus_complexity).ok_or(CallError::Random)?;
    config.remote = remote(rtp.or(said.rtp), rtcp.or(said.rtcp));
    let restored = restored(record, key)?;
    config.plain = restored.is_none();
    let position = StreamPosition {
        ssrc: kept.ssrc,
        sequence: kept.sequence,
        timestamp: kept.timestamp.wrapping_add(speech.ticks(elapsed_ms)),
    };
    let made = Leg::resume(&config, position, restored);
    let (receiver, media, control): (_, _, LegControl) = made.map_err(CallError::Leg)?;
    Ok(((receiver, media), EndControl::Leg(control)))
}

impl LineEnd {
    fn record(&self, checkpoint: &EndCheckpoint, room: &Room) -> Option<EndRecord> {
        let (interface, _) = room.interfaces.get(self.interface)?;
        let (ice, dtls) = self.peer.record();
        let [rtp, rtcp] = checkpoint.remote;
        Some(EndRecord {
            interface: (interface.name.clone(), interface.told().is_ipv6()),
            port: self.port,
            said: self.said.clone()?,
            remote: [self.chosen.or(rtp), self.chosen.or(rtcp)],
            ice,
            dtls,
            keys: self.keys.record(),
            passing: self.passing,
            srtp: checkpoint.srtp.clone(),
            stream: checkpoint.stream,
        })
    }

    /// The end that was kept, what its packets go through by `make`, and what faces its peer.
    fn resume<M>(
        record: &EndRecord,
        rtcp_mux: bool,
        room: &Room,
        make: impl FnOnce() -> Result<(M, EndControl), CallError>,
    ) -> Result<(M, Self, Facing), CallError> {
        let (name, ipv6) = &record.interface;
        let interface = room.interface(Some(name), *ipv6)?;
        let shared = room.shared.worker(interface, record.port);
        let sockets = match shared.and_then(|worker| room.shared.get(interface, worker)) {
            Some(port) => Sockets::Shared(Arc::clone(port)),
            None => {
                let (_, ports) = room.interfaces.get(interface).ok_or(CallError::NoInterface)?;
                Sockets::Own(ports.bind_at(record.port).map_err(CallError::Ports)?)
            }
        };
        let said = &record.said;
        let [rtp, _] = record.remote;
        let (media, control) = make()?;
        let (peer, change) = EndPeer::of(record);
        let mut facing_peer = (!change.is_nothing()).then(|| Box::new(Peer::new(change)));
        if let (Some(peer), Some(at)) = (&mut facing_peer, rtp) {
            peer.settle(at, false);
        }
        let by_dtls = record.dtls.is_some();
        let end = Self {
            interface,
            port: record.port,
            sockets: None,
            shares: shared.is_some(),
            keys: EndKeys::of(&record.keys).ok_or(CallError::Keys)?,
            peer,
            passing: record.passing,
            numbers: Numbers::none(),
            change: None,
            moved: None,
            chosen: rtp.filter(|_| facing_peer.is_some()),
            failure: None,
            said: Some(said.clone()),
            keying: None,
            control: Some(control),
            camera: None::<SessionControl>,
            secure: record.srtp.is_some(),
            by_dtls,
            has_keys: by_dtls,
            playing: None,
            counters: Arc::default(),
        };
        let facing = Facing {
            sockets,
            rtcp_mux,
            peer: facing_peer,
            passing: record.passing,
            playing: None,
            ear: None,
            counters: Arc::clone(&end.counters),
        };
        Ok((media, end, facing))
    }
}
