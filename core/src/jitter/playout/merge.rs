// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cross-fades from concealment to audio that came meanwhile. Audio thread only.
//!
//! The concealment goes on for up to 15 ms until it is in phase with what came, then the two are
//! cross-faded over 8 ms: media time shifts by that much, once, instead of a click. Touches the tail of the PCM and nothing
//! else.

use super::Playout;
use crate::dsp::correlate::{best_offset, power, shrink};
use crate::dsp::pitch::{Repetition, to_pcm};
use crate::within::Within;

/// Samples at 8 kHz: how far the join may be put off, and how long it takes.
const SHIFT: usize = 120;
const FADE: usize = 64;
/// Room in front of what came that the join needs.
pub(super) const SEARCH: usize = SHIFT + FADE;
/// What putting the join off costs, in correlation a sample, and the least that is worth it.
const SHIFT_PENALTY: f32 = 0.002;
const WORTHWHILE: f32 = 0.5;

impl Playout {
    /// Joins `count` samples, decoded at [`SEARCH`] behind the pending ones, to the concealment
    /// before them; returns how many samples the tail holds then.
    pub(super) fn join(&mut self, count: usize) -> usize {
        let unit = self.clock.unit;
        let (lead, frame) = (SEARCH * unit, self.clock.frame_samples());
        let fade = (FADE * unit).min(count);
        let last = power(self.pcm.all().last_of(frame));
        if last <= 4.0 * self.loudness.floor * self.loudness.floor {
            // The concealment has died away: nothing to be in phase with.
            let tail = self.pcm.tail_mut();
            tail.shift(lead..lead + count, 0);
            if self.made_up.samples > 6 * frame {
                for (i, sample) in tail.head_mut(fade).iter_mut().enumerate() {
                    *sample = to_pcm(f32::from(*sample) * (i as f32 + 0.5) / fade as f32);
                }
            }
            return count;
        }
        let repetition = Repetition::after(self.pcm.all(), self.made_up.lag, unit);
        self.pcm.continue_with(lead, |past, tail| {
            repetition.run(past, tail, |_, y| y);
        });
        let mut shift = 0;
        if self.made_up.samples >= frame && fade == FADE * unit {
            let (mut came, mut made) = ([0; FADE], [0; SEARCH]);
            let tail = self.pcm.tail_mut();
            let came = shrink(tail.span(lead..lead + fade), unit, &mut came);
            let made = shrink(tail.head(lead), unit, &mut made);
            let (offset, correlation) = best_offset(came, made, -SHIFT_PENALTY);
            if correlation >= WORTHWHILE + SHIFT_PENALTY * offset as f32 {
                shift = offset * unit;
            }
        }
        let tail = self.pcm.tail_mut();
        let (made, came) = tail.cut_mut(lead);
        let (made, came) = (made.span(shift..shift + fade), came.head_mut(fade));
        for (i, (came, made)) in came.iter_mut().zip(made).enumerate() {
            let w = (i as f32 + 0.5) / fade as f32;
            let (made, into) = (f32::from(*made), f32::from(*came));
            *came = to_pcm(made + (into - made) * w);
        }
        tail.shift(lead..lead + count, shift);
        self.stats.merges += 1;
        self.stats.inserted_samples += shift as u64;
        shift + count
    }
}
