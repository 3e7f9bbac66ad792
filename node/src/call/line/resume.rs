// SPDX-License-Identifier: MIT OR Apache-2.0
//! A media line as it is kept for another process, and as that takes it over.

use std::sync::Arc;

use ale_media::session::{self, Keying, RestoredSrtp, SessionConfig, SessionControl, SessionError};
use ale_media::srtp::checkpoint::Restored;

use super::end::{payload_types, remote};
use super::{CallLine, EndControl, LineEnd};
use crate::call::numbers::numbers;
use crate::call::peer::EndPeer;
use crate::call::{CallError, Room};
use crate::failover::{EndRecord, LineRecord};
use crate::keys::EndKeys;
use crate::peer::Peer;
use crate::random;
use crate::sdp::Line;
use crate::worker::{End, EndCheckpoint, Ends, Facing, Path, Relay};

impl CallLine {
    /// Whether it is one that is kept: packets go on as they are.
    pub(in crate::call) fn is_kept(&self) -> bool {
        let is_session = |end: &LineEnd| matches!(end.control, Some(EndControl::Session(_)));
        self.path.is_some() && self.ends.iter().flatten().all(is_session)
    }

    /// Its sessions are kept as this.
    pub(in crate::call) fn set_checkpoint(&mut self, taken: [EndCheckpoint; 2]) {
        self.checkpoint = Some(Box::new(taken));
    }

    /// What is kept of it; `None` before there is a checkpoint.
    pub(in crate::call) fn record(&self, room: &Room) -> Option<LineRecord> {
        let ([Some(first), Some(second)], Some(checkpoint)) = (&self.ends, &self.checkpoint) else {
            return None;
        };
        let [one, other] = &**checkpoint;
        let ends = [first.record(one, room)?, second.record(other, room)?];
        Some(LineRecord { muxed: self.muxed, ends })
    }

    /// The line that was kept, and what a worker is to have of it. It sends nothing that is encrypted until a
    /// checkpoint has been kept.
    pub(in crate::call) fn resume(
        record: &LineRecord,
        room: &mut Room,
        key: &[u8; 32],
    ) -> Result<(Self, Path), CallError> {
        let [first, second] = &record.ends;
        let [muxed, other_muxed] = record.muxed;
        let [one, other] = [&first.said, &second.said];
        let (first, near) = LineEnd::resume(first, other, muxed, room, key)?;
        let (second, far) = LineEnd::resume(second, one, other_muxed, room, key)?;
        let mut line = Self { ends: [Some(first), Some(second)], ..Self::default() };
        line.muxed = record.muxed;
        let path = line.begin(Ends::Relay([near, far]), room);
        Ok((line, path))
    }
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
        })
    }

    fn resume(
        record: &EndRecord,
        other: &Line,
        rtcp_mux: bool,
        room: &Room,
        key: &[u8; 32],
    ) -> Result<(Self, End<Relay>), CallError> {
        let (name, ipv6) = &record.interface;
        let interface = room.interface(Some(name), *ipv6)?;
        let (_, ports) = room.interfaces.get(interface).ok_or(CallError::NoInterface)?;
        let pair = ports.bind_at(record.port).map_err(CallError::Ports)?;
        let said = &record.said;
        let [rtp, rtcp] = record.remote;
        let mut config = SessionConfig::new(random::number().ok_or(CallError::Random)?);
        config.remote = remote(rtp.or(said.rtp), rtcp.or(said.rtcp));
        config.payload_types = payload_types(said, other);
        config.rtcp_interval_ms = 0;
        config.extended_reports = false;
        let srtp = |error| CallError::Session(SessionError::Srtp(error));
        let made = match &record.srtp {
            Some(kept) => {
                let send = Restored::open(key, &kept.send).map_err(srtp)?;
                let receive = Restored::open(key, &kept.receive).map_err(srtp)?;
                session::resume(&config, RestoredSrtp { send, receive })
            }
            None => {
                config.keying = Keying::Plain;
                session::create(&config)
            }
        };
        let (receiver, sender, control) = made.map_err(srtp)?;
        let (peer, change) = EndPeer::of(record);
        let mut facing_peer = (!change.is_nothing()).then(|| Box::new(Peer::new(change)));
        if let (Some(peer), Some(at)) = (&mut facing_peer, rtp) {
            peer.settle(at, false);
        }
        let by_dtls = record.dtls.is_some();
        let end = Self {
            interface,
            port: record.port,
            pair: None,
            keys: EndKeys::of(&record.keys).ok_or(CallError::Keys)?,
            peer,
            passing: record.passing,
            numbers: numbers(said, other),
            change: None,
            moved: None,
            chosen: rtp.filter(|_| facing_peer.is_some()),
            failure: None,
            said: Some(said.clone()),
            keying: None,
            control: Some(EndControl::Session(control)),
            camera: None::<SessionControl>,
            secure: record.srtp.is_some(),
            by_dtls,
            has_keys: by_dtls,
            playing: None,
            counters: Arc::default(),
        };
        let facing = Facing {
            pair,
            rtcp_mux,
            peer: facing_peer,
            passing: record.passing,
            playing: None,
            ear: None,
            counters: Arc::clone(&end.counters),
        };
        let numbering = end.numbering();
        Ok((end, End { facing, media: Relay { receiver, sender, at_checkpoint: 0, numbering } }))
    }
}
