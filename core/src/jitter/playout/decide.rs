// SPDX-License-Identifier: MIT OR Apache-2.0
//! When the delay changes: going back to packets that came after all, adapting in pauses, cutting.
//! Audio thread only.

use core::cell::Cell;

use super::packets::Scratch;
use super::{DECODES, Fate, Goal, Playout};
use crate::dsp::correlate::{best_offset, shrink};
use crate::dsp::pitch::to_pcm;
use crate::jitter::decoders::Kind;
use crate::jitter::stats::Operation;
use crate::jitter::window::Entry;
use crate::within::Within;

/// A pause is confirmed by this many quiet frames before, and by this much quiet ahead.
const PAUSE_FRAMES: u32 = 5;
const PAUSE_AHEAD_FRAMES: usize = 3;
/// In a pause, the delay is brought down when it is this much above the target, up when below.
const SHORTEN_MS: f32 = 25.0;
const LENGTHEN_MS: f32 = 8.0;
const LENGTHEN_MOST_MS: f32 = 50.0;
/// Cross-fade of a splice in a pause, samples at 8 kHz.
const PAUSE_FADE: usize = 40;
/// A delay this far above the target, for so many frames, is cut even in speech.
const CUT_MS: f32 = 90.0;
const CUT_FRAMES: u32 = 15;
/// In place of both where the network has just become calm, and for once is better than for long.
const SETTLED_MS: f32 = 18.0;
/// The splice of a cut is looked for this far around where it should be, and compared over this
/// much (samples at 8 kHz).
const CUT_REACH: usize = 60;
const CUT_WINDOW: usize = 64;
/// Going back may leave the delay this far above the target.
const REWIND_SLACK_MS: f32 = 10.0;
/// When going back leaves the delay short of the target, concealment goes on this long at most.
const STALL_MS: f32 = 60.0;
/// Packets before a landing that a decoder with a memory hears nevertheless.
const PREROLL: usize = 2;
/// Late packets that are looked into in one frame.
const PEEKS: u32 = 8;

impl Playout {
    /// After an underrun, packets may come whose time is partly or wholly over: go back to them when
    /// that leaves a delay near the target, else leave them out.
    pub(super) fn rewind(&mut self, now_ns: u64, goal: &Goal) {
        let Some(began) = self.underrun else { return };
        self.drop_unheard(began);
        let late_ms = self.lateness_ms(now_ns, self.next);
        let room_ms = (goal.target_ms + REWIND_SLACK_MS).min(goal.max_ms) - late_ms;
        let mut peeks = PEEKS;
        for index in 0..self.window.entries().len() {
            let Some(entry) = self.window.entries().get(index) else { return };
            if entry.start >= self.next {
                return;
            }
            if entry.is_noise() || entry.end() <= began {
                continue;
            }
            let from = entry.start.max(began);
            let back_ms = self.ms(self.next - from);
            if late_ms >= goal.target_ms - 5.0 && peeks > 0 {
                peeks -= 1;
                if self.sounds_quiet(index) {
                    continue;
                }
            }
            if back_ms <= room_ms {
                self.next = from;
                self.underrun = None;
                let short_ms = goal.target_ms - (late_ms + back_ms);
                if short_ms > 8.0 {
                    let wanted = self.samples(short_ms.min(STALL_MS));
                    let whole = wanted - wanted % self.frame_samples();
                    self.extrapolate(if self.current_conceals() { whole } else { wanted });
                }
                return;
            }
            if room_ms >= 20.0 {
                let back = self.next - self.samples(room_ms) as i64;
                let resume = self
                    .window
                    .entries()
                    .iter()
                    .skip(index)
                    .find(|e| !e.is_noise() && e.start <= back && e.end() > back);
                if let Some(entry) = resume {
                    self.next = entry.start.max(from);
                    self.underrun = None;
                    return;
                }
            }
        }
    }

    /// Gives back packets that can't be gone back to any more, or all slots would end up with them.
    pub(super) fn discard_lost(&mut self, now_ns: u64, goal: &Goal) {
        while let Some(first) = self.window.first()
            && first.end() <= self.next
            && !first.is_noise()
            && (!goal.rewind || self.lateness_ms(now_ns, first.end()) > goal.max_ms)
        {
            self.discard_first();
        }
    }

    /// Takes back what was made up from `began` on and not heard yet, when a packet came for it.
    fn drop_unheard(&mut self, began: i64) {
        let unheard = self.pcm.pending().len().min((self.next - began).max(0) as usize);
        let from = self.next - unheard as i64;
        let came = |e: &Entry| !e.is_noise() && e.start < self.next && e.end() > from;
        if unheard > 0 && self.window.entries().iter().any(came) {
            self.pcm.truncate(self.pcm.pending().len() - unheard);
            self.next = from;
            self.concealed -= unheard.min(self.concealed);
        }
    }

    pub(crate) fn current_conceals(&self) -> bool {
        self.current.and_then(|index| self.decoders.decoder(index)).is_some_and(|d| d.conceals())
    }

    /// Whether a waiting packet holds a pause, as far as that can be known out of turn.
    fn sounds_quiet(&mut self, index: usize) -> bool {
        let Some(entry) = self.window.entries().get(index) else { return false };
        let Kind::Sound(decoder) = self.decoders.kind(entry.payload_type) else { return false };
        let samples = entry.samples as usize;
        if !self.pcm.reserve(samples) {
            return false;
        }
        let Some(decoder) = self.decoders.decoder_mut(decoder) else { return false };
        if !decoder.is_stateless() {
            return false;
        }
        let mut scratch = Scratch::none();
        let payload =
            self.slots.payload(&entry.slot, scratch.for_payload(&self.slots, &entry.slot));
        decoder.decode(payload, self.pcm.tail_mut().head_mut(samples)) == Ok(samples)
            && self.is_quiet(self.pcm.tail().head(samples))
    }

    /// Moves the delay towards the target where nobody hears it: in a pause.
    pub(super) fn adapt(&mut self, now_ns: u64, goal: &Goal, budget: &mut u32) -> Operation {
        let mut operation = Operation::Silence;
        if !goal.adapt || self.comfort || self.quiet_frames < PAUSE_FRAMES {
            return operation;
        }
        for _ in 0..DECODES {
            let excess_ms = self.lateness_ms(now_ns, self.head()) - goal.target_ms;
            let shorten_ms = if goal.settles { SETTLED_MS } else { SHORTEN_MS };
            if (-LENGTHEN_MS..=shorten_ms).contains(&excess_ms) {
                break;
            }
            let pending = self.pcm.pending();
            let ahead = pending.len().min(PAUSE_AHEAD_FRAMES * self.frame_samples());
            if ahead < self.frame_samples() || !self.is_quiet(pending.head(ahead)) {
                break;
            }
            if excess_ms < 0.0 {
                if self.insert_pause((-excess_ms).min(LENGTHEN_MOST_MS)) {
                    operation = Operation::Expand;
                }
                break;
            }
            if !self.remove_pause(excess_ms) {
                break;
            }
            operation = Operation::Accelerate;
            self.decode_ahead(budget);
        }
        match operation {
            Operation::Accelerate => self.stats.accelerations += 1,
            Operation::Expand => self.stats.expansions += 1,
            _ => {}
        }
        operation
    }

    /// Takes up to `excess_ms` out of the pending pause.
    fn remove_pause(&mut self, excess_ms: f32) -> bool {
        let fade = PAUSE_FADE * self.unit;
        let pending = self.pcm.pending().len();
        let follows = self
            .window
            .entries()
            .iter()
            .any(|e| !e.is_noise() && e.start <= self.next && e.end() > self.next);
        let keep = if follows { fade } else { self.frame_samples().max(fade) };
        let count = self.samples(excess_ms).min(pending.saturating_sub(keep));
        if count < 8 * self.unit {
            return false;
        }
        self.splice(0, count, fade);
        true
    }

    /// Takes `count` pending samples out at `at`, cross-fading over `fade` samples.
    fn splice(&mut self, at: usize, count: usize, fade: usize) {
        // What is cut out may be shorter than the fade.
        let pending = Cell::from_mut(self.pcm.pending_mut()).as_slice_of_cells();
        let both = pending.past(at).iter().zip(pending.past(at + count));
        for (i, (sample, new)) in both.take(fade).enumerate() {
            let w = (i as f32 + 0.5) / fade as f32;
            let (old, new) = (f32::from(sample.get()), f32::from(new.get()));
            sample.set(to_pcm(old + (new - old) * w));
        }
        self.pcm.remove(at + fade, count);
        self.stats.removed_samples += count as u64;
    }

    /// Puts `ms` of the pause just played in front of the pending one.
    fn insert_pause(&mut self, ms: f32) -> bool {
        let fade = PAUSE_FADE * self.unit;
        let count = self.samples(ms);
        if count < fade || count + fade > self.pcm.played() || self.pcm.pending().len() < fade {
            return false;
        }
        if !self.pcm.open(count) {
            return false;
        }
        let played = self.pcm.played();
        let (past, pending) = self.pcm.all_mut().cut_mut(played);
        let (pause, pending) = pending.cut_mut(count);
        pause.copy_of(past.last_of(count));
        // The seam: from what would have come to the repetition.
        for (i, (again, would)) in pause.iter_mut().zip(pending).take(fade).enumerate() {
            let w = (i as f32 + 0.5) / fade as f32;
            let (into, would) = (f32::from(*again), f32::from(*would));
            *again = to_pcm(would + (into - would) * w);
        }
        self.stats.inserted_samples += count as u64;
        true
    }

    /// Cuts the delay down in one step, in speech too, when it has been far above the target for
    /// some time, or at once when it is above the maximum. Whole packets in the cut are never
    /// decoded.
    pub(super) fn cut(&mut self, now_ns: u64, goal: &Goal) -> Operation {
        let late_ms = self.lateness_ms(now_ns, self.head());
        if self.comfort || (!goal.adapt && late_ms <= goal.max_ms) {
            return Operation::Silence;
        }
        let excess_ms = late_ms - goal.target_ms;
        let cut_ms = if goal.settles { SETTLED_MS } else { CUT_MS };
        if excess_ms <= cut_ms && late_ms <= goal.max_ms {
            self.over_frames = 0;
            return Operation::Silence;
        }
        self.over_frames = self.over_frames.saturating_add(1);
        if self.over_frames <= CUT_FRAMES && late_ms <= goal.max_ms {
            return Operation::Silence;
        }
        let mut done = self.remove_speech(self.samples(excess_ms));
        let late_ms = self.lateness_ms(now_ns, self.head());
        if late_ms > goal.max_ms {
            self.skip_to(self.head() + self.samples(late_ms - goal.target_ms) as i64);
            done = true;
        }
        if !done {
            return Operation::Silence;
        }
        self.over_frames = 0;
        self.stats.accelerations += 1;
        Operation::Accelerate
    }

    /// Goes on at a later media position at once, whatever is there: the last resort that keeps the
    /// delay below its maximum.
    pub(super) fn skip_to(&mut self, position: i64) {
        self.stats.removed_samples += (position - self.head()).max(0) as u64;
        let stay = self.pcm.pending().len() as i64 - (position - self.head());
        if stay > 0 {
            self.pcm.remove(0, (position - self.head()) as usize);
            return;
        }
        self.pcm.truncate(0);
        self.flush_before(position);
        self.next = position;
        self.underrun = None;
        // What comes is joined to what was.
        self.concealed = self.concealed.max(1);
    }

    /// Leaves out the packets before `position`. A decoder with a memory still hears the last of them,
    /// or what comes next would begin with a state that is far from the sender's.
    fn flush_before(&mut self, position: i64) {
        let entries = self.window.entries().iter();
        let mut left = entries.take_while(|e| e.end() <= position && !e.is_noise()).count();
        while left > 0 {
            let Some(entry) = self.window.remove(0) else { return };
            let index = self.decoder_index(&entry);
            let decoder = index.and_then(|index| self.decoders.decoder(index));
            if left <= PREROLL
                && decoder.is_some_and(|d| !d.is_stateless())
                && self.pcm.reserve(entry.samples as usize)
            {
                let _ = self.decode_at(&entry, 0);
            }
            self.settle(entry, Fate::Flushed);
            left -= 1;
        }
    }

    /// Takes about `wanted` samples out after the next few, where the two ends fit best; less when
    /// less is there.
    fn remove_speech(&mut self, wanted: usize) -> bool {
        let (reach, window) = (CUT_REACH * self.unit, CUT_WINDOW * self.unit);
        let (head, frame) = (self.head(), self.frame_samples());
        let needed = (reach + window + frame) as i64;
        let there = (self.contiguous_end() - head - needed).max(0) as usize;
        let wanted = wanted.min(there);
        let (low, high) = (wanted.saturating_sub(reach), wanted + reach);
        let mut pending = self.pcm.pending().len();
        if low < window || pending < window {
            return false;
        }
        // What lies between the end of the pending samples and the landing zone need not be decoded.
        let zone = head + low as i64;
        let mut removed = 0;
        if zone > self.next {
            // Only the first part of what is pending is heard before the splice.
            self.pcm.truncate(window);
            self.flush_before(zone);
            let landing = self.window.first().map_or(zone, |e| e.start);
            let start = landing.max(self.next);
            removed = (start - head) as usize - window;
            self.next = start;
            pending = window;
        }
        let mut decodes = 2 * DECODES;
        while pending + removed < high + window + frame && decodes > 0 && self.take() {
            pending = self.pcm.pending().len();
            decodes -= 1;
        }
        self.stats.removed_samples += removed as u64;
        let from = if removed > 0 { low.saturating_sub(removed).max(window) } else { low };
        let to = high.saturating_sub(removed).min(pending.saturating_sub(window));
        if to < from {
            // A decoder refused what was there.
            return removed > 0;
        }
        let (mut target, mut region) = ([0; CUT_WINDOW], [0; 2 * CUT_REACH + CUT_WINDOW]);
        let signal = self.pcm.pending();
        let target = shrink(signal.head(window), self.unit, &mut target);
        let region = shrink(signal.span(from..to + window), self.unit, &mut region);
        let count = from + best_offset(target, region, 0.0).0 * self.unit;
        self.splice(0, count, window);
        true
    }

    /// Media position up to which sound is there without a gap.
    fn contiguous_end(&self) -> i64 {
        let mut covered = self.next;
        for entry in self.window.entries() {
            if !entry.is_noise() && !entry.fresh && entry.start <= covered && entry.end() > covered
            {
                covered = entry.end();
            }
        }
        covered
    }
}
