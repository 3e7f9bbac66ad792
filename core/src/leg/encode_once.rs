// SPDX-License-Identifier: MIT OR Apache-2.0
//! Encoding once what several legs send: those that hear the same mix, in the same codec with the
//! same settings, in packets that start together.
//!
//! One leg of a group *leads*: its own encoder makes the payload, and the others send copies. A leg
//! belongs to a group for a packet if its PCM is the leader's to the bit; nothing else decides, so
//! that a copy is never of something else. A leg that goes its own way again first encodes, for
//! nobody, the packet that was sent last: so its encoder knows what the far decoder knows, and the
//! change is not heard.

use alloc::boxed::Box;
use alloc::vec;

use super::config::MAX_DATAGRAM_BYTES;
use super::protection::Own;
use crate::codec::{CodecError, CodecSpec, Encoder, OwnRedundancy};
use crate::within::Within;

/// Longest packet that is shared: 20 ms at 48 kHz, 60 ms at 16 kHz.
const MAX_SAMPLES: usize = 960;

/// A leg's encoder, and what it and others have sent for the leg.
pub(super) struct LegEncoder {
    spec: CodecSpec,
    encoder: Box<dyn Encoder>,
    /// The last packet was a copy: of this group, in this tick.
    copied: Option<(usize, u64)>,
}

impl LegEncoder {
    pub(super) fn new(spec: CodecSpec) -> Result<Self, CodecError> {
        Ok(Self { encoder: spec.encoder()?, spec, copied: None })
    }

    /// Encodes for this leg alone.
    pub(super) fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, CodecError> {
        self.copied = None;
        self.encoder.encode(pcm, out)
    }

    /// See [`Encoder::expect_loss`]. Copies are prepared for their leader's loss.
    pub(super) fn expect_loss(&mut self, percent: u8) {
        self.encoder.expect_loss(percent);
    }

    /// Has the encoder put redundancy of its own into packets, on top of its bit rate.
    pub(super) fn protect(&mut self, own: Own) {
        let OwnRedundancy { inband_fec, deep_ms } = self.spec.own_redundancy();
        self.encoder.set_redundancy(OwnRedundancy {
            // Of a burst's last packet FEC brings more than deep redundancy.
            inband_fec: inband_fec && own != Own::Nothing,
            deep_ms: if own == Own::Deep { deep_ms } else { 0 },
        });
    }

    /// Whether another encodes the same way.
    pub(super) fn is_for(&self, other: &Self) -> bool {
        self.spec == other.spec
    }

    fn is_stateless(&self) -> bool {
        matches!(self.spec, CodecSpec::Pcmu | CodecSpec::Pcma | CodecSpec::L16 { .. })
    }
}

/// What has been encoded lately, by group.
pub(crate) struct EncodeOnce {
    groups: Box<[Group]>,
    /// Ticks so far.
    tick: u64,
    /// Who is being served, and whether it has heard the common mix for a whole packet.
    leg: u32,
    may_lead: bool,
    /// Payloads that were copies.
    pub(crate) copies: u64,
}

struct Group {
    spec: Option<CodecSpec>,
    leader: u32,
    /// The newest packet and the one before: when, and what went into them.
    tick: u64,
    samples: usize,
    pcm: Box<[i16]>,
    previous_tick: u64,
    previous_samples: usize,
    previous: Box<[i16]>,
    payload: Box<[u8]>,
    bytes: usize,
}

impl EncodeOnce {
    pub(crate) fn new(groups: usize) -> Self {
        let group = || Group {
            spec: None,
            leader: 0,
            tick: 0,
            samples: 0,
            pcm: vec![0; MAX_SAMPLES].into(),
            previous_tick: 0,
            previous_samples: 0,
            previous: vec![0; MAX_SAMPLES].into(),
            payload: vec![0; MAX_DATAGRAM_BYTES].into(),
            bytes: 0,
        };
        Self {
            groups: (0..groups).map(|_| group()).collect(),
            tick: 0,
            leg: 0,
            may_lead: false,
            copies: 0,
        }
    }

    /// Begins another tick.
    pub(crate) fn advance(&mut self) {
        self.tick += 1;
    }

    /// The leg that led a group; those go first, so that a group keeps its encoder.
    pub(crate) fn leader(&self, group: usize) -> Option<u32> {
        let group = self.groups.get(group)?;
        group.spec.as_ref().map(|_| group.leader)
    }

    /// Says whose packets come next, and whether others may send copies of them.
    pub(crate) fn serve(&mut self, leg: u32, may_lead: bool) {
        (self.leg, self.may_lead) = (leg, may_lead);
    }

    pub(super) fn encode(
        &mut self,
        own: &mut LegEncoder,
        pcm: &[i16],
        out: &mut [u8],
    ) -> Result<usize, CodecError> {
        if pcm.len() > MAX_SAMPLES || !self.may_lead {
            self.catch_up(own, out);
            return own.encode(pcm, out);
        }
        let found = self.groups.iter().position(|group| {
            group.tick == self.tick
                && group.spec.as_ref() == Some(&own.spec)
                && group.newest() == pcm
        });
        if let Some(index) = found {
            let payload = self.groups.get(index).map_or(&[][..], Group::payload);
            let room = out.get_mut(..payload.len()).ok_or(CodecError::Capacity)?;
            room.copy_of(payload);
            own.copied = Some((index, self.tick));
            self.copies += 1;
            return Ok(payload.len());
        }
        self.catch_up(own, out);
        let bytes = own.encode(pcm, out)?;
        let (leg, tick) = (self.leg, self.tick);
        let vacant = self.vacant(&own.spec).and_then(|index| self.groups.get_mut(index));
        if let (Some(group), Some(payload)) = (vacant, out.get(..bytes)) {
            group.fill(&own.spec, leg, tick, pcm, payload);
        }
        Ok(bytes)
    }

    /// Shows a leg's own encoder what was sent last in its place.
    fn catch_up(&self, own: &mut LegEncoder, scratch: &mut [u8]) {
        let Some((index, tick)) = own.copied.take() else { return };
        let Some(group) = self.groups.get(index).filter(|_| !own.is_stateless()) else { return };
        let pcm = match tick {
            _ if tick == group.tick => group.newest(),
            _ if tick == group.previous_tick => group.previous.head(group.previous_samples),
            _ => return,
        };
        let _ = own.encoder.encode(pcm, scratch);
    }

    /// The group to put a packet of this tick in: the leg's own, or one that nobody has fed for the
    /// longest time.
    fn vacant(&self, spec: &CodecSpec) -> Option<usize> {
        let idle = |group: &Group| group.tick < self.tick || group.spec.is_none();
        let own = |group: &Group| {
            group.spec.as_ref() == Some(spec) && group.leader == self.leg && group.tick < self.tick
        };
        let oldest = |(_, group): &(usize, &Group)| (group.spec.is_some(), group.tick);
        self.groups.iter().position(own).or_else(|| {
            let idle = self.groups.iter().enumerate().filter(|(_, group)| idle(group));
            idle.min_by_key(oldest).map(|(index, _)| index)
        })
    }
}

impl Group {
    fn newest(&self) -> &[i16] {
        self.pcm.head(self.samples)
    }

    fn payload(&self) -> &[u8] {
        self.payload.head(self.bytes)
    }

    fn fill(&mut self, spec: &CodecSpec, leader: u32, tick: u64, pcm: &[i16], payload: &[u8]) {
        core::mem::swap(&mut self.pcm, &mut self.previous);
        (self.previous_tick, self.previous_samples) = (self.tick, self.samples);
        if self.spec.as_ref() != Some(spec) {
            self.previous_samples = 0;
            self.previous_tick = 0;
        }
        if self.spec.as_ref() != Some(spec) {
            self.spec = Some(spec.clone());
        }
        (self.leader, self.tick) = (leader, tick);
        if let (Some(pcm_room), Some(payload_room)) =
            (self.pcm.get_mut(..pcm.len()), self.payload.get_mut(..payload.len()))
        {
            pcm_room.copy_from_slice(pcm);
            payload_room.copy_from_slice(payload);
            (self.samples, self.bytes) = (pcm.len(), payload.len());
        }
    }
}
