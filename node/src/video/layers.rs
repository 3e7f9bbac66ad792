// SPDX-License-Identifier: MIT OR Apache-2.0
//! The layers of a member's camera: one as a rule, and with simulcast (RFC 8853) the same picture in several sizes, each a
//! source of its own. A packet says of which it is by the layer's name (RFC 8852), until the sender knows that its source
//! is known.

use ale_media::rtp::RtpPacket;
use ale_media::rtp::extension::Elements;

use super::Run;
use super::arrivals::Arrivals;
use super::cache::Head;
use super::choice::Offered;
use super::input::{Formats, Input, InputStats};

/// Layers that are taken of a camera.
pub const MAX_LAYERS: usize = 3;
/// Longest name of a layer, in bytes: what an element with a header of one byte holds (RFC 8285 section 4.2).
pub const MAX_NAME_BYTES: usize = 16;
/// The header extension with the name of a packet's layer, and that of a packet that is sent again (RFC 8852 section 4).
pub const STREAM_ID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
/// See [`STREAM_ID`].
pub const REPAIRED_STREAM_ID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
/// How long a layer sends nothing until it is taken for paused.
const PAUSED_NS: u64 = 300_000_000;
/// How long packets are counted for what a layer sends, and how much of what was reckoned before is kept, of eight parts.
const COUNT_NS: u64 = 500_000_000;
const KEPT_PARTS: u64 = 6;

/// What a sender of several layers has agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulcast {
    /// Identifier of the header extension with a layer's name.
    pub stream_id: u8,
    /// The same for packets that are sent again.
    pub repaired_stream_id: Option<u8>,
    /// The layers' names, at most [`MAX_LAYERS`].
    pub names: Vec<String>,
}

/// A packet that has come.
#[derive(Debug, Clone, Copy)]
pub struct Came {
    /// What it is of.
    pub run: Run,
    /// What it is.
    pub head: Head,
    /// The highest number of its layer.
    pub highest: u64,
}

#[derive(Debug)]
struct Layer {
    name: Box<[u8]>,
    input: Input,
    repair_ssrc: Option<u32>,
    heard_ns: Option<u64>,
    rate: Rate,
}

/// What a layer sends.
#[derive(Debug, Default)]
struct Rate {
    /// Since when is counted, and the bytes since then.
    since_ns: Option<u64>,
    bytes: u64,
    bps: Option<u64>,
}

impl Rate {
    fn count(&mut self, bytes: usize, now_ns: u64) {
        let since_ns = *self.since_ns.get_or_insert(now_ns);
        let passed_ns = now_ns.saturating_sub(since_ns);
        if passed_ns > 4 * COUNT_NS {
            // It has paused: what it sends now has nothing to do with that.
            *self = Self { since_ns: Some(now_ns), ..Self::default() };
        } else if passed_ns >= COUNT_NS {
            let bps = self.bytes * 8 * 1_000_000_000 / passed_ns;
            let before = self.bps.unwrap_or(bps);
            self.bps = Some((before * KEPT_PARTS + bps * (8 - KEPT_PARTS)) / 8);
            (self.since_ns, self.bytes) = (Some(now_ns), 0);
        }
        self.bytes += bytes as u64;
    }
}

/// A member's camera.
#[derive(Debug)]
pub struct Layers {
    layers: Box<[Layer]>,
    formats: Formats,
    /// Identifiers of names, where there are several layers.
    ids: Option<(u8, Option<u8>)>,
    arrivals: Arrivals,
    refused: u64,
}

impl Layers {
    /// The camera of a path; feedback is given as the source `ours` of this canonical name. At most `limit_bps` is
    /// taken.
    pub fn new(
        path: u64,
        formats: Formats,
        simulcast: Option<&Simulcast>,
        (ours, cname): (u32, &str),
        limit_bps: u64,
    ) -> Self {
        let layer = |(number, name): (u8, &str)| Layer {
            name: name.as_bytes().into(),
            input: Input::new(
                Run { path, layer: number, number: 0 },
                formats,
                ours,
                cname,
                limit_bps,
            ),
            repair_ssrc: None,
            heard_ns: None,
            rate: Rate::default(),
        };
        let names: Vec<&str> = match simulcast {
            Some(simulcast) => simulcast.names.iter().map(String::as_str).collect(),
            None => vec![""],
        };
        Self {
            layers: (0..).zip(names.into_iter().take(MAX_LAYERS)).map(layer).collect(),
            formats,
            ids: simulcast.map(|simulcast| (simulcast.stream_id, simulcast.repaired_stream_id)),
            arrivals: Arrivals::new(),
            refused: 0,
        }
    }

    /// Whether the same picture comes in several sizes.
    pub fn are_several(&self) -> bool {
        self.ids.is_some()
    }

    /// Takes a packet; what it is if it is new. It is kept then.
    ///
    /// Real-time: yes.
    pub fn take(&mut self, packet: &RtpPacket<'_>, payload: &[u8], now_ns: u64) -> Option<Came> {
        let number = self.formats.transport_number.and_then(|id| Elements::of(packet).find(id));
        if let Some(&[high, low]) = number {
            self.arrivals.note(u16::from_be_bytes([high, low]), now_ns);
        }
        let Some(layer) = self.layer_of(packet) else {
            self.refused += 1;
            return None;
        };
        let (head, highest) = layer.input.take(packet, payload, now_ns)?;
        layer.heard_ns = Some(now_ns);
        layer.rate.count(payload.len(), now_ns);
        Some(Came { run: layer.input.run(), head, highest })
    }

    /// The layer that a packet says that it is of, or else the one whose source it has.
    fn layer_of(&mut self, packet: &RtpPacket<'_>) -> Option<&mut Layer> {
        let Some((id, repaired_id)) = self.ids else { return self.layers.first_mut() };
        let ssrc = packet.ssrc();
        if Some(packet.payload_type()) != self.formats.repair {
            let name = Elements::of(packet).find(id);
            let is_it = |layer: &&mut Layer| match name {
                Some(name) => *layer.name == *name,
                None => layer.input.ssrc() == Some(ssrc),
            };
            return self.layers.iter_mut().find(is_it);
        }
        let name = repaired_id.and_then(|id| Elements::of(packet).find(id));
        let is_it = |layer: &&mut Layer| match name {
            Some(name) => *layer.name == *name,
            None => layer.repair_ssrc == Some(ssrc),
        };
        let layer = self.layers.iter_mut().find(is_it)?;
        layer.repair_ssrc = Some(ssrc);
        Some(layer)
    }

    /// The run that a layer's packets are of now.
    pub fn run(&self, layer: u8) -> Option<Run> {
        Some(self.layers.get(usize::from(layer))?.input.run())
    }

    /// A packet of a run that is kept.
    ///
    /// Real-time: yes.
    pub fn kept(&self, run: Run, sequence: u64) -> Option<(Head, &[u8])> {
        self.layers.get(usize::from(run.layer))?.input.kept(sequence)
    }

    /// The layers that are sent now and what each takes, the smallest first. As long as of none is known what it
    /// takes all are told that have begun.
    pub fn offered(&self, now_ns: u64) -> ([Offered; MAX_LAYERS], usize) {
        let is_on = |layer: &&Layer| {
            layer.heard_ns.is_some_and(|at_ns| now_ns.saturating_sub(at_ns) < PAUSED_NS)
        };
        let is_any_known = self.layers.iter().filter(is_on).any(|layer| layer.rate.bps.is_some());
        let (mut offered, mut count) = ([Offered::default(); MAX_LAYERS], 0);
        let told = self.layers.iter().filter(is_on);
        let told = told.filter(|layer| !is_any_known || layer.rate.bps.is_some());
        for (layer, place) in told.zip(&mut offered) {
            let bps = layer.rate.bps.unwrap_or(0);
            *place = Offered { layer: layer.input.run().layer, bps };
            count += 1;
        }
        offered[..count].sort_unstable_by_key(|layer| layer.bps);
        (offered, count)
    }

    /// Somebody needs a key frame of a layer.
    pub fn want_key_frame(&mut self, layer: u8) {
        if let Some(layer) = self.layers.get_mut(usize::from(layer)) {
            layer.input.want_key_frame();
        }
    }

    /// Who is shown the camera can take so much, in bits a second.
    pub fn set_limit(&mut self, limit_bps: u64) {
        self.layers.iter_mut().for_each(|layer| layer.input.set_limit(limit_bps));
    }

    /// Takes note of the reports in a compound packet of the sender's.
    pub fn hear(&mut self, compound: &[u8], now_ns: u64) {
        self.layers.iter_mut().for_each(|layer| layer.input.hear(compound, now_ns));
    }

    /// Writes what the sender is to be told now, a compound packet at a time; its bytes, if there is something.
    ///
    /// Real-time: yes.
    pub fn poll_feedback(&mut self, now_ns: u64, out: &mut [u8]) -> Option<usize> {
        // Numbers are of all layers: any that has a source can tell of them.
        let Self { layers, arrivals, .. } = self;
        layers.iter_mut().find_map(|layer| layer.input.poll_feedback(now_ns, arrivals, out))
    }

    /// Counters of all layers.
    pub fn stats(&self) -> InputStats {
        let none = InputStats { refused: self.refused, ..InputStats::default() };
        self.layers.iter().fold(none, |sum, layer| sum + layer.input.stats())
    }
}
