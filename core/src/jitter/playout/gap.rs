// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packet loss concealment: the gap filled from both sides or from redundancy, the past
//! continued while nothing newer is there. Audio thread only.
//!
//! Touches what is made up, the decoders and what is pending; when and how much is told it.

use super::packets::Scratch;
use super::{AHEAD, DECODES, Entry, FADE_END, FADE_START, Fate, Playout};
use crate::dsp::pitch::{FUTURE, PAST, Repetition, fill_between, find_lag, to_pcm};
use crate::within::Within;

/// Samples at 8 kHz over which the repetition goes over into what a decoder makes.
const SEAM: usize = 40;

/// Where what a decoder makes of a gap follows a repetition of the past.
struct Seam {
    made: [i16; SEAM * 6],
    length: usize,
}

impl Seam {
    fn join(&self, decoded: &mut [i16]) {
        for (i, (to, made)) in decoded.iter_mut().zip(self.made.head(self.length)).enumerate() {
            let w = (i as f32 + 0.5) / self.length as f32;
            let (from, into) = (f32::from(*made), f32::from(*to));
            *to = to_pcm(from + (into - from) * w);
        }
    }
}

impl Playout {
    /// Fills the gap before the next packet from both sides, and takes that packet; `false` when
    /// there is not enough behind the gap to do so.
    pub(super) fn fill_gap(&mut self, gap: usize) -> bool {
        let next = self.next;
        let start = next + gap as i64;
        let waiting = self.window.entries();
        let mut places = waiting.iter().enumerate();
        let Some((at, first)) = places.find(|(_, e)| !e.is_noise() && e.start == start) else {
            return false;
        };
        if self.conceals(first) {
            return self.recover_gap(at, gap);
        }
        let (mut behind, mut packets) = (0, 0);
        for entry in waiting.past(at) {
            if entry.is_noise() || entry.start != start + behind as i64 || entry.fresh {
                break;
            }
            behind += entry.samples as usize;
            packets += 1;
            if behind >= AHEAD * self.clock.unit || packets == DECODES {
                break;
            }
        }
        if behind < FUTURE * self.clock.unit || !self.pcm.reserve(gap + behind) {
            return false;
        }
        self.discard_before(at);
        // Before the packets are decoded that tell what the gap is.
        self.stand_in(gap);
        let mut decoded = 0;
        for _ in 0..packets {
            let Some(entry) = self.window.remove(0) else { break };
            let made = self.decode_at(&entry, gap + decoded);
            self.settle(entry, if made.is_some() { Fate::Played } else { Fate::Dropped });
            let Some(count) = made else { break };
            decoded += count;
        }
        if decoded < FUTURE * self.clock.unit {
            // A decoder refused what it had promised: what was decoded before that still plays.
            self.pcm.tail_mut().shift(gap..gap + decoded, 0);
            self.pcm.commit(decoded);
            self.next = start + decoded as i64;
            return true;
        }
        let hole = self.pcm.all().len();
        self.pcm.commit(gap + decoded);
        fill_between(self.pcm.all_mut(), hole, gap, self.clock.unit);
        self.next = start + decoded as i64;
        self.made_up.samples = 0;
        self.underrun = None;
        true
    }

    /// Lets the codec make up for the gap before the packet at `at`: from that packet's redundancy as
    /// far back as it reaches, before that by its own concealment.
    fn recover_gap(&mut self, at: usize, gap: usize) -> bool {
        let Some(entry) = self.window.entries().get(at) else { return false };
        let (packet, quantum, frame) =
            (entry.samples as usize, self.clock.quantum(), self.clock.frame_samples());
        // What was played over by repetition may be longer: packets of other lengths came before.
        let unheard = if self.made_up.repeats { self.unheard(self.next) } else { 0 };
        if !self.pcm.reserve((gap + packet + frame).max(unheard)) {
            return false;
        }
        let Some(index) = self.decoder_index(entry) else { return false };
        if self.is_asleep() && self.is_silent(entry) {
            self.silence(gap);
            self.underrun = None;
            return true;
        }
        let fresh = entry.fresh;
        self.wake(fresh, index, 0);
        let missing = self.made_up.samples + gap;
        // The decoder has made up the beginning of a packet, and its redundancy brings all of it anew.
        let halfway = !self.made_up.repeats && self.made_up.samples > 1 && gap < packet;
        if halfway {
            self.made_up.lag =
                find_lag(self.pcm.all().last_of(PAST * self.clock.unit), self.clock.unit);
        }
        let seam = (self.made_up.repeats || halfway).then(|| self.seam(gap));
        let Some(entry) = self.window.entries().get(at) else { return false };
        let Some(decoder) = self.decoders.decoder_mut(index) else { return false };
        let mut scratch = Scratch::none();
        let payload =
            self.slots.payload(&entry.slot, scratch.for_payload(&self.slots, &entry.slot));
        let tail = self.pcm.tail_mut();
        let (mut done, mut recovered) = (0, 0);
        if unheard > 0 {
            let _ = decoder.conceal(tail.head_mut(unheard));
        }
        // A packet shorter than a quantum is reached with more than the gap.
        while gap.saturating_sub(done) > packet {
            let count = (gap - done - packet).min(2 * frame).next_multiple_of(quantum);
            let part = tail.span_mut(done..done + count);
            let from_next = decoder.recover(payload, gap - done, part);
            recovered += from_next.unwrap_or(0);
            let made = from_next.or_else(|_| decoder.conceal(part)).unwrap_or(0);
            done += made.min(count);
            if made == 0 {
                break;
            }
        }
        let left = gap.saturating_sub(done);
        // The redundancy is a whole packet's; of a shorter rest, its end.
        let whole = tail.span_mut(done..done + packet);
        if left > 0 && decoder.recover(payload, packet, whole) == Ok(packet) {
            tail.shift(done + packet - left..done + packet, done);
            recovered += left;
        } else if left > 0 {
            let count = left.next_multiple_of(quantum).min(packet.max(quantum));
            if decoder.conceal(tail.span_mut(done..done + count)).is_err() {
                tail.span_mut(done..done + left).fill(0);
            }
        }
        self.stats.recovered += recovered.div_ceil(packet.max(1)) as u64;
        // Whatever is behind a gap of several packets may be worth waiting for.
        let lost = missing / packet.max(1);
        if lost > 1 && decoder.reach(payload) + packet / 2 >= missing {
            self.deep_packets = self.deep_packets.max(lost as f32);
        }
        if let Some(seam) = seam {
            seam.join(tail);
        }
        self.made_up.repeats = false;
        self.voice.decoded_to = self.next + gap as i64;
        self.pcm.commit(gap);
        self.stand_in(gap);
        self.next += gap as i64;
        self.made_up.samples = 0;
        self.underrun = None;
        true
    }

    /// The repetition of the past, as it would go on into a gap.
    fn seam(&self, gap: usize) -> Seam {
        let mut seam = Seam { made: [0; SEAM * 6], length: (SEAM * self.clock.unit).min(gap) };
        let repetition = Repetition::after(self.pcm.all(), self.made_up.lag, self.clock.unit);
        repetition.run(self.pcm.all(), seam.made.head_mut(seam.length), |_, y| y);
        seam
    }

    /// Media that was played over by repetition and that the decoder knows nothing of, up to `position`;
    /// 0 if it is too much to be made up for.
    fn unheard(&self, position: i64) -> usize {
        let missing = usize::try_from(position - self.voice.decoded_to).unwrap_or(0);
        let quantum = self.clock.quantum();
        if missing <= 2 * self.voice.packet { missing / quantum * quantum } else { 0 }
    }

    /// Brings the decoder to where `entry` begins, by its redundancy, for what has been played over by
    /// repetition. The tail from `offset` on serves as scratch.
    pub(super) fn catch_up(&mut self, entry: &Entry, offset: usize) {
        let missing = self.unheard(entry.start);
        let packet = entry.samples as usize;
        if missing == 0 || entry.fresh || !self.conceals(entry) {
            return;
        }
        let Some(index) = self.decoder_index(entry) else { return };
        let Some(decoder) = self.decoders.decoder_mut(index) else { return };
        let Some(room) = self.pcm.tail_mut().get_mut(offset..offset + packet) else { return };
        let before = missing.saturating_sub(packet).min(packet);
        if before > 0 {
            let _ = decoder.conceal(room.head_mut(before));
        }
        let mut scratch = Scratch::none();
        let payload =
            self.slots.payload(&entry.slot, scratch.for_payload(&self.slots, &entry.slot));
        if decoder.recover(payload, packet, room) != Ok(packet) {
            let _ = decoder.conceal(room.head_mut(missing.min(packet)));
        }
    }

    /// Takes the next `count` samples of a gap too long to be filled at once from the redundancy of
    /// the packet behind it; `false` when that does not reach as far.
    pub(super) fn recover_part(&mut self, gap: usize, count: usize) -> bool {
        let start = self.next + gap as i64;
        let entry = self.window.entries().iter().find(|e| !e.is_noise() && e.start == start);
        let Some(entry) = entry.filter(|e| self.conceals(e)) else { return false };
        let whole = count.next_multiple_of(self.clock.quantum());
        if whole > gap || !self.pcm.reserve(whole) {
            return false;
        }
        let Some(index) = self.decoder_index(entry) else { return false };
        let Some(decoder) = self.decoders.decoder_mut(index) else { return false };
        let mut scratch = Scratch::none();
        let payload =
            self.slots.payload(&entry.slot, scratch.for_payload(&self.slots, &entry.slot));
        if decoder.recover(payload, gap, self.pcm.tail_mut().head_mut(whole)) != Ok(whole) {
            return false;
        }
        self.pcm.commit(whole);
        self.stand_in(whole);
        self.next += whole as i64;
        self.made_up.samples = 0;
        true
    }

    /// Media time goes by in silence.
    pub(super) fn silence(&mut self, count: usize) {
        if self.pcm.reserve(count) {
            self.stand_in(count);
            self.pcm.tail_mut().head_mut(count).fill(0);
            self.pcm.commit(count);
        }
        self.next += count as i64;
        self.made_up.samples = 0;
    }

    /// How much of a loss is made up at once where `need` samples are called for: a codec that conceals
    /// by itself does so packet by packet, as its frames went, and badly in pieces.
    pub(super) fn concealed_at_once(&self, need: usize) -> usize {
        let unit = self.voice.packet.min(2 * self.clock.frame_samples());
        if unit == 0 || !self.current_conceals() {
            return need;
        }
        (unit - self.made_up.samples % unit).max(need)
    }

    /// Continues the past over `count` samples of media time.
    pub(super) fn continue_past(&mut self, count: usize) {
        let made = self.extrapolate(count);
        self.next += made as i64;
    }

    /// Appends about `count` samples that continue the past, without moving media time; returns how
    /// many.
    pub(super) fn extrapolate(&mut self, count: usize) -> usize {
        let (whole, frame) =
            (count.next_multiple_of(self.clock.quantum()), self.clock.frame_samples());
        if !self.pcm.reserve(whole.max(count)) {
            return 0;
        }
        self.stand_in(count);
        // Media time that was skipped counts as one sample.
        if self.made_up.samples <= 1 {
            self.decay.restart();
        }
        let asleep = self.falls_asleep();
        let hushed = self.decay.has_begun(self.made_up.samples, self.clock.unit);
        let decoder = self.voice.decoder.and_then(|index| self.decoders.decoder_mut(index));
        if asleep || self.ending.is_silent(self.made_up.samples, self.clock.unit) {
            self.pcm.tail_mut().head_mut(count).fill(0);
        } else if hushed {
            self.noise.fill(self.pcm.tail_mut().head_mut(count));
        } else if let Some(decoder) = decoder.filter(|d| d.conceals() && !self.made_up.repeats) {
            let mut concealed = self.made_up.samples;
            for part in self.pcm.tail_mut().head_mut(whole).chunks_mut(2 * frame) {
                let made = decoder.conceal(part).unwrap_or(0);
                self.voice.decoded_to += made as i64;
                if made == 0 {
                    part.fill(0);
                }
                self.decay.follow(
                    part,
                    concealed,
                    self.clock.unit,
                    self.loudness.floor,
                    &mut self.noise,
                );
                concealed += part.len();
            }
        } else {
            self.repeat(count);
        }
        let tail = self.pcm.tail_mut().head_mut(count);
        self.ending.fade(tail, self.made_up.samples, self.clock.unit);
        self.pcm.commit(count);
        self.made_up.samples = self.made_up.samples.saturating_add(count);
        count
    }

    /// Writes the repetition of the last period to the tail, fading into noise.
    fn repeat(&mut self, count: usize) {
        let (floor, unit) = (self.loudness.floor, self.clock.unit);
        let all = self.pcm.all();
        if self.made_up.samples == 0 {
            self.made_up.lag = find_lag(all.last_of(PAST * unit), unit);
        }
        let start = self.made_up.samples as f32;
        let (from, to) = (FADE_START * unit as f32, FADE_END * unit as f32);
        let gain = |t: f32| ((to - t) / (to - from)).clamp(0.0, 1.0);
        // The past has faded already.
        let past_gain = gain(start);
        let repetition = Repetition::after(all, self.made_up.lag, unit);
        let noise = &mut self.noise;
        self.pcm.continue_with(count, |past, tail| {
            repetition.run(past, tail, |i, y| {
                let g = gain(start + i as f32);
                let kept = if past_gain > 0.0 { y * g / past_gain } else { 0.0 };
                let hiss = if g < 1.0 { (1.0 - g) * noise.white() * floor } else { 0.0 };
                kept + hiss
            });
        });
    }
}
