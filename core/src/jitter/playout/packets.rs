// SPDX-License-Identifier: MIT OR Apache-2.0
//! What becomes of packets: put in their places, decoded in their turn, settled once. Audio thread only.
//!
//! Touches window, slots, decoders and the tail of the PCM; knows neither the time nor the goal.

use super::decay::Decay;
use super::{Fate, MAX_PACKET, Playout};
use crate::jitter::arrival::ingest::{PacketMeta, Slot, SlotReader};
use crate::jitter::config::MAX_PAYLOAD_BYTES;
use crate::jitter::decoders::{Kind, PreparedDecoders};
use crate::jitter::window::Entry;
use crate::within::Within;

impl Playout {
    /// Decodes the packet at the end of what is pending, if there is one; joins it to a concealment.
    pub(super) fn take(&mut self) -> bool {
        let next = self.next;
        let mut waiting = self.window.entries().iter().enumerate();
        let Some((index, entry)) = waiting.find(|(_, e)| !e.is_noise() && e.end() > next) else {
            return false;
        };
        if entry.start > next {
            return false;
        }
        let lead =
            if self.made_up.samples > 0 { super::merge::SEARCH * self.clock.unit } else { 0 };
        let samples = entry.samples as usize;
        if !self.pcm.reserve(lead + samples) {
            return false;
        }
        // What stands before it has had its chance.
        self.discard_before(index);
        let Some(entry) = self.window.remove(0) else { return false };
        let skip = (next - entry.start) as usize;
        let own = self.conceals(&entry) && !self.made_up.repeats;
        let silent = self.ending.is_silent(self.made_up.samples, self.clock.unit);
        if self.made_up.repeats {
            self.catch_up(&entry, lead);
        }
        let lead = if own { 0 } else { lead };
        let Some(count) = self.decode_at(&entry, lead) else {
            self.settle(entry, Fate::Dropped);
            return false;
        };
        self.settle(entry, Fate::Played);
        if skip > 0 {
            self.pcm.tail_mut().shift(lead + skip..lead + count, lead);
        }
        let count = count - skip;
        if own && !silent && self.decay.has_begun(self.made_up.samples, self.clock.unit) {
            Decay::leave(self.pcm.tail_mut().head_mut(count), self.clock.unit, &mut self.noise);
        }
        let added = if lead > 0 { self.join(count) } else { count };
        self.pcm.commit(added);
        self.next += count as i64;
        self.made_up.samples = 0;
        self.underrun = None;
        true
    }

    /// Gives back the packets before `index`: their time is over.
    pub(super) fn discard_before(&mut self, index: usize) {
        for _ in 0..index {
            self.discard_first();
        }
    }

    pub(super) fn discard_first(&mut self) {
        if let Some(entry) = self.window.remove(0) {
            self.settle(entry, Fate::Late);
        }
    }

    /// Counts what became of a packet and gives its slots back. A copy that nobody needed is no
    /// packet.
    pub(super) fn settle(&mut self, entry: Entry, fate: Fate) {
        let stats = &mut self.stats;
        let counter = match (fate, entry.redundant) {
            (Fate::Played, true) => &mut stats.recovered,
            (_, true) => {
                self.slots.release(entry.slot);
                return;
            }
            (Fate::Played, false) => &mut stats.played,
            (Fate::Late, false) => &mut stats.late,
            (Fate::Dropped, false) => &mut stats.dropped,
            (Fate::Flushed, false) => &mut stats.flushed,
        };
        *counter += 1;
        if self.sleep.wants(fate) {
            self.remember(entry);
        } else {
            self.slots.release(entry.slot);
        }
    }

    /// Whether a stretch of media is still to be played and nothing stands for it yet.
    pub(crate) fn wants(&self, start: i64, end: i64) -> bool {
        self.horizon().is_none_or(|horizon| start >= horizon)
            && !self
                .window
                .entries()
                .iter()
                .any(|e| !e.is_noise() && e.start < end && e.end() > start)
    }

    /// Puts a packet in its place, or counts why it has none.
    pub(crate) fn insert(&mut self, entry: Entry) {
        if self.horizon().is_some_and(|horizon| entry.end() <= horizon && !entry.is_noise()) {
            self.settle(entry, Fate::Late);
            return;
        }
        if self.window.is_full() && self.window.first().is_some_and(|e| e.end() <= self.next) {
            // Kept only in case the delay rises far enough to go back to it.
            self.discard_first();
        }
        if let Err(entry) = self.window.insert(entry) {
            self.settle(entry, Fate::Dropped);
        }
    }

    /// How many samples a packet decodes to, 0 for comfort noise; `None` when no decoder wants it.
    pub(crate) fn samples_of(&self, slot: &Slot, meta: &PacketMeta) -> Option<u32> {
        let index = match self.decoders.kind(meta.payload_type) {
            Kind::Sound(index) => index,
            Kind::ComfortNoise => return Some(0),
            _ => return None,
        };
        let decoder = self.decoders.decoder(index)?;
        let mut scratch = Scratch::none();
        let payload = self.slots.payload(slot, scratch.for_payload(&self.slots, slot));
        let samples = decoder.packet_samples(payload).ok()?;
        (1..=MAX_PACKET * self.clock.unit).contains(&samples).then_some(samples as u32)
    }

    /// Puts other decoders in place of those there are, whose map comes back. Waiting packets that
    /// nobody decodes any more are dropped.
    pub(crate) fn replace_decoders(&mut self, new: PreparedDecoders) -> PreparedDecoders {
        let old = self.decoders.replace(new, &mut self.voice.decoder);
        let mut index = 0;
        while let Some(entry) = self.window.entries().get(index) {
            let meta = PacketMeta { payload_type: entry.payload_type, ..PacketMeta::default() };
            if self.samples_of(&entry.slot, &meta) == Some(entry.samples) {
                index += 1;
            } else if let Some(entry) = self.window.remove(index) {
                self.settle(entry, Fate::Dropped);
            }
        }
        old
    }

    /// Shows a waiting packet's payload.
    pub(crate) fn with_payload(&self, slot: &Slot, show: impl FnOnce(&[u8])) {
        let mut scratch = Scratch::none();
        show(self.slots.payload(slot, scratch.for_payload(&self.slots, slot)));
    }

    pub(super) fn decoder_index(&self, entry: &Entry) -> Option<u8> {
        match self.decoders.kind(entry.payload_type) {
            Kind::Sound(index) => Some(index),
            _ => None,
        }
    }

    /// Whether the entry's codec conceals by itself.
    pub(super) fn conceals(&self, entry: &Entry) -> bool {
        self.decoder_index(entry)
            .and_then(|index| self.decoders.decoder(index))
            .is_some_and(crate::codec::Decoder::conceals)
    }

    /// Whether the codec that is heard conceals by itself.
    pub(super) fn current_conceals(&self) -> bool {
        self.voice
            .decoder
            .and_then(|index| self.decoders.decoder(index))
            .is_some_and(|d| d.conceals())
    }

    /// Decodes an entry to the tail of the PCM at `offset`, which has room for its samples; `None`
    /// when the decoder refuses it, or makes other than it said.
    pub(super) fn decode_at(&mut self, entry: &Entry, offset: usize) -> Option<usize> {
        let index = self.decoder_index(entry)?;
        let samples = entry.samples as usize;
        if self.sleeps_through(entry) {
            self.pcm.tail_mut().get_mut(offset..offset + samples)?.fill(0);
            self.note(entry, usize::MAX, false);
            return Some(samples);
        }
        self.wake(entry.fresh, index, offset);
        let pcm = self.pcm.tail_mut().get_mut(offset..offset + samples)?;
        let decoder = self.decoders.decoder_mut(index)?;
        if entry.fresh || self.voice.decoder.is_some_and(|c| c != index) {
            decoder.reset();
        }
        let mut scratch = Scratch::none();
        let payload =
            self.slots.payload(&entry.slot, scratch.for_payload(&self.slots, &entry.slot));
        let count = decoder.decode(payload, pcm).ok().filter(|&count| count == samples)?;
        let (bytes, conceals) = (payload.len(), decoder.conceals());
        self.voice.decoder = Some(index);
        self.voice.packet = count;
        self.voice.decoded_to = entry.end();
        self.made_up.repeats = false;
        self.note(entry, bytes, conceals);
        let made = self.pcm.tail().span(offset..offset + count);
        self.loudness.hear(made, self.clock.frame_samples());
        Some(count)
    }
}

/// Room on the stack for a payload that spans several slots; zeroed only then.
pub(super) struct Scratch(Option<[u8; MAX_PAYLOAD_BYTES]>);

impl Scratch {
    #[inline]
    pub(super) fn none() -> Self {
        Self(None)
    }

    #[inline]
    pub(super) fn for_payload(&mut self, slots: &SlotReader, slot: &Slot) -> &mut [u8] {
        if slots.is_whole(slot) {
            return &mut [];
        }
        self.0.get_or_insert([0; MAX_PAYLOAD_BYTES])
    }
}
