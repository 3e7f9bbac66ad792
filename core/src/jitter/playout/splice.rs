// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time-scale modification, as was decided: pauses made longer or shorter, a stretch of speech cut out where it
//! fits, the last resort. Audio thread only.
//!
//! Touches what is pending, the media position and the packets that are passed over; decides nothing but
//! where a splice fits best.

use core::cell::Cell;

use super::{DECODES, Fate, Playout};
use crate::dsp::correlate::{best_offset, shrink};
use crate::dsp::pitch::to_pcm;
use crate::within::Within;

/// Quiet that has to be ahead for a pause to be touched, in frames.
const PAUSE_AHEAD_FRAMES: usize = 3;
/// Cross-fade of a splice in a pause, samples at 8 kHz.
const PAUSE_FADE: usize = 40;
/// The splice of a cut is looked for this far around where it should be, and compared over this
/// much (samples at 8 kHz).
const CUT_REACH: usize = 60;
const CUT_WINDOW: usize = 64;
/// Packets before a landing that a decoder with a memory hears nevertheless.
const PREROLL: usize = 2;

impl Playout {
    /// Whether what is heard next is a pause.
    pub(super) fn is_pause_ahead(&self) -> bool {
        let pending = self.pcm.pending();
        let ahead = pending.len().min(PAUSE_AHEAD_FRAMES * self.clock.frame_samples());
        ahead >= self.clock.frame_samples()
            && self.loudness.is_quiet(pending.head(ahead), self.clock.frame_samples())
    }

    /// Takes up to `excess_ms` out of the pending pause.
    pub(super) fn remove_pause(&mut self, excess_ms: f32) -> bool {
        let fade = PAUSE_FADE * self.clock.unit;
        let pending = self.pcm.pending().len();
        let follows = self
            .window
            .entries()
            .iter()
            .any(|e| !e.is_noise() && e.start <= self.next && e.end() > self.next);
        let keep = if follows { fade } else { self.clock.frame_samples().max(fade) };
        let count = self.clock.samples(excess_ms).min(pending.saturating_sub(keep));
        if count < 8 * self.clock.unit {
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
    pub(super) fn insert_pause(&mut self, ms: f32) -> bool {
        let fade = PAUSE_FADE * self.clock.unit;
        let count = self.clock.samples(ms);
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
        self.made_up.samples = self.made_up.samples.max(1);
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
    pub(super) fn remove_speech(&mut self, wanted: usize) -> bool {
        let (reach, window) = (CUT_REACH * self.clock.unit, CUT_WINDOW * self.clock.unit);
        let (head, frame) = (self.head(), self.clock.frame_samples());
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
        let target = shrink(signal.head(window), self.clock.unit, &mut target);
        let region = shrink(signal.span(from..to + window), self.clock.unit, &mut region);
        let count = from + best_offset(target, region, 0.0).0 * self.clock.unit;
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
