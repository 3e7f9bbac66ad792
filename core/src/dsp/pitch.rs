// SPDX-License-Identifier: MIT OR Apache-2.0
//! Concealment of missing PCM from what stands before and, when it is there already, after the gap.
//! For codecs that don't conceal by themselves. Audio thread only; works in place, on the stack.
//!
//! The past is continued by repeating its last pitch period (ITU-T G.711 Appendix I does too), the
//! step at the seam being faded out over a third of a period. With both sides known, the future is
//! continued backwards likewise and the two are blended with constant power, and the level follows
//! a line in dB between the two sides.
#![allow(unsafe_code)] // Calls of functions compiled for a vector unit, after asking for it.

use core::num::NonZeroUsize;

use super::correlate::{best_offset, power, shrink, similarity};
use crate::dsp::versions::{Unit, versions};
use crate::math;
use crate::within::Within;

/// Pitch periods that are looked for, in samples at 8 kHz: 57 to 250 Hz. Of higher voices two or
/// three periods are repeated, which sounds less like a buzz.
const MIN_LAG: usize = 32;
const MAX_LAG: usize = 140;
/// Samples at 8 kHz that are compared. Few: what counts is the period at the very edge of the gap, not
/// the mean one of what stands before it.
const WINDOW: usize = 40;
/// How much correlation a sample of lag costs: of a period and its double, the period.
const LAG_PENALTY: f32 = 0.0004;

/// Samples at 8 kHz times `unit` that must stand before a gap.
pub(crate) const PAST: usize = WINDOW + MAX_LAG;
/// Samples that must stand behind a gap for it to be filled from both sides.
pub(crate) const FUTURE: usize = 160;

/// The pitch period at the end of `past`, in samples; `unit` is the rate over 8 kHz.
pub(crate) fn find_lag(past: &[i16], unit: usize) -> usize {
    let mut work = [0; PAST];
    let work = shrink(past, unit, &mut work);
    // One packet behind a gap doesn't hold the longest lag.
    let longest = work.len().saturating_sub(WINDOW).min(MAX_LAG);
    if longest < MIN_LAG {
        return (MIN_LAG * unit).min(past.len());
    }
    let at = work.len() - WINDOW;
    // Offset k is the lag `longest - k`.
    let region = work.span(at - longest..work.len() - MIN_LAG);
    let lag = longest - best_offset(work.past(at), region, LAG_PENALTY).0;
    if unit == 1 { lag } else { refine(past, lag * unit, unit) }
}

/// The lag within one 8 kHz sample of `lag` at which the last 5 ms repeat best.
fn refine(past: &[i16], lag: usize, unit: usize) -> usize {
    let window = (40 * unit).min(past.len() / 2);
    let end = past.last_of(window);
    let fits = |lag: usize| past.len() >= window + lag;
    (lag - unit + 1..lag + unit)
        .filter(|&lag| fits(lag))
        .map(|lag| (lag, similarity(end, past.last_of(window + lag).head(window))))
        .fold((lag, f32::MIN), |best, this| if this.1 > best.1 { this } else { best })
        .0
        .min(past.len())
}

/// Endless repetition of the period at the end of `past`, with the step at the seam faded out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repetition {
    lag: NonZeroUsize,
    /// The step at the seam, and over how many samples it fades.
    step: f32,
    fade: usize,
}

impl Repetition {
    pub(crate) fn after(past: &[i16], lag: usize, unit: usize) -> Self {
        let lag = lag.min(past.len().saturating_sub(1));
        let lag = NonZeroUsize::new(lag).unwrap_or(NonZeroUsize::MIN);
        let step = match past.last_of(past.len().min(lag.get() + 1)) {
            [before, .., last] => f32::from(*last) - f32::from(*before),
            _ => 0.0,
        };
        Self { lag, step, fade: (lag.get() / 3).max(8 * unit) }
    }

    /// Writes the samples from number `from` on after the end of `past`.
    #[inline(always)]
    fn write(&self, past: &[i16], from: usize, out: &mut [f32]) {
        let lay = |to: &mut [f32], from: &[i16]| {
            for (to, sample) in to.iter_mut().zip(from) {
                *to = f32::from(*sample);
            }
        };
        let period = past.last_of(self.lag.get());
        let begun = period.past(from % self.lag);
        let (part, whole) = out.cut_mut(begun.len().min(out.len()));
        lay(part, begun);
        for part in whole.chunks_mut(self.lag.get()) {
            lay(part, period);
        }
        let fading = self.fade.saturating_sub(from).min(out.len());
        for (i, y) in out.head_mut(fading).iter_mut().enumerate() {
            let w = 1.0 - (from + i + 1) as f32 / self.fade as f32;
            *y += self.step * w * w;
        }
    }

    /// Writes the samples after the end of `past` to `out`, each as `change` makes it of its number and
    /// value.
    #[inline(always)]
    pub(crate) fn run(
        &self,
        past: &[i16],
        out: &mut [i16],
        mut change: impl FnMut(usize, f32) -> f32,
    ) {
        let mut work = [0.0; CHUNK];
        for (n, part) in out.chunks_mut(CHUNK).enumerate() {
            let work = work.head_mut(part.len());
            self.write(past, n * CHUNK, work);
            for (i, (to, y)) in part.iter_mut().zip(work).enumerate() {
                *to = to_pcm(change(n * CHUNK + i, *y));
            }
        }
    }
}

/// Samples that are worked on at a time, on the stack.
const CHUNK: usize = 160;

/// To the nearest 16-bit sample. Adding 1.5 * 2^23 leaves the rounded integer in the low bits:
/// four times as fast as the library's rounding where the instruction set has none.
#[inline(always)]
pub(crate) fn to_pcm(x: f32) -> i16 {
    const MAGIC: f32 = 12_582_912.0;
    (x.clamp(-32768.0, 32767.0) + MAGIC).to_bits() as i16
}

/// Fills `pcm[start..start + gap]` from both sides; at least [`FUTURE`] samples (times `unit`) must
/// stand behind.
pub(crate) fn fill_between(pcm: &mut [i16], start: usize, gap: usize, unit: usize) {
    fill_with(Unit::widest(), pcm, start, gap, unit);
}

versions! {
    /// The same by a vector unit of the caller's choice.
    fn fill_with(unit, pcm: &mut [i16], start: usize, gap: usize, rate: usize) = fill;
}

#[inline(always)]
fn fill(pcm: &mut [i16], start: usize, gap: usize, unit: usize) {
    let (past, rest) = pcm.cut_mut(start);
    let (gap, future) = rest.cut_mut(gap);
    if gap.is_empty() || past.len() < PAST * unit || future.len() < FUTURE * unit {
        return;
    }
    // The future in reverse is a past, too.
    let mut mirror = [0_i16; (WINDOW + MAX_LAG) * 6];
    let mirror = mirror.head_mut(future.len().min(PAST * unit));
    for (to, from) in mirror.iter_mut().rev().zip(future.iter()) {
        *to = *from;
    }
    let forward = Repetition::after(past, find_lag(past.last_of(PAST * unit), unit), unit);
    let backward = Repetition::after(mirror, find_lag(mirror, unit), unit);
    let alike = blend(gap, past, mirror, forward, backward);
    let caution = CAUTION + (1.0 - CAUTION) * alike;
    level_out(gap, caution, power(past.last_of(120 * unit)), power(future.head(120 * unit)), unit);
}

/// The power -0.4 of numbers from 0.5 to 1, within 1e-4: -0.5 would keep the power of the cross-fade. A
/// little less, since what the two sides don't agree on is better too soft than too loud.
#[inline(always)]
fn blend_norm(power: f32) -> f32 {
    let d = 1.0 - power;
    1.0 + d * (0.400_090 + d * (0.274_886 + d * (0.289_800 + d * (0.694_101 * d - 0.115_809))))
}

/// Writes the cross-fade of the two continuations, the power being nearly constant given how alike
/// they are; returns that, 0 to 1.
#[inline(always)]
fn blend(
    gap: &mut [i16],
    past: &[i16],
    mirror: &[i16],
    forward: Repetition,
    backward: Repetition,
) -> f32 {
    /// Sums in the order of the widest vectors, so that all give the same bits.
    const LANES: usize = 16;
    let count = gap.len();
    let mut work = [0.0; CHUNK];
    let (mut cross, mut back, mut ahead) = ([0.0_f32; LANES], [0.0_f32; LANES], [0.0_f32; LANES]);
    for (n, part) in gap.chunks_mut(CHUNK).enumerate() {
        let work = work.head_mut(part.len());
        forward.write(past, n * CHUNK, work);
        for (to, y) in part.iter_mut().zip(work.iter()) {
            *to = to_pcm(*y);
        }
        backward.write(mirror, count - n * CHUNK - part.len(), work);
        work.reverse();
        let (parts, rest) = part.as_chunks::<LANES>();
        let (works, rest_of_work) = work.as_chunks::<LANES>();
        let lanes = cross.iter_mut().zip(&mut back).zip(&mut ahead);
        for (((cross, back), ahead), (f, y)) in lanes.zip(rest.iter().zip(rest_of_work)) {
            let f = f32::from(*f);
            *cross += f * y;
            *back += y * y;
            *ahead += f * f;
        }
        for (part, work) in parts.iter().zip(works) {
            for lane in 0..LANES {
                let (f, y) = (f32::from(part[lane]), work[lane]);
                cross[lane] += f * y;
                back[lane] += y * y;
                ahead[lane] += f * f;
            }
        }
    }
    let sum = |lanes: [f32; LANES]| lanes.iter().sum::<f32>() + 1.0;
    let alike = ((sum(cross) - 1.0) / math::sqrt(sum(back) * sum(ahead))).clamp(0.0, 1.0);
    let scale = 1.0 / count as f32;
    for (n, part) in gap.chunks_mut(CHUNK).enumerate() {
        let work = work.head_mut(part.len());
        backward.write(mirror, count - n * CHUNK - part.len(), work);
        work.reverse();
        for (i, (to, y)) in part.iter_mut().zip(work.iter()).enumerate() {
            let u = ((n * CHUNK + i) as i32 as f32 + 0.5) * scale;
            let b = u * u * (3.0 - 2.0 * u);
            let a = 1.0 - b;
            let power = a * a + b * b + 2.0 * alike * a * b;
            *to = to_pcm((f32::from(*to) * a + y * b) * blend_norm(power));
        }
    }
    alike
}

/// Samples at 8 kHz over which the level is taken, and most such blocks in a gap.
const BLOCK: usize = 40;
const MAX_BLOCKS: usize = 40;
/// The gain where the two sides have nothing in common: to the ear, sound that is too much is worse
/// than sound that is left out. Where they agree, the gain is 1.
const CAUTION: f32 = 0.7;

/// Moves the level half way (in dB) to the line between the levels of the two sides.
#[inline(always)]
fn level_out(gap: &mut [i16], caution: f32, before: f32, after: f32, unit: usize) {
    let block = BLOCK * unit;
    let mut gains = [1.0_f32; MAX_BLOCKS + 2];
    let (ln_before, ln_after) = (math::ln(before + 1.0), math::ln(after + 1.0));
    let mut from = 0;
    for gain in &mut gains[1..=MAX_BLOCKS] {
        if from == gap.len() {
            break;
        }
        let to = (from + block).min(gap.len());
        let around = gap.span(from.saturating_sub(block)..(to + block).min(gap.len()));
        let u = (from + to) as f32 * 0.5 / gap.len() as f32;
        let wanted = math::exp(ln_before * (1.0 - u) + ln_after * u);
        let ratio = wanted / (power(around) + 1.0);
        *gain = (caution * math::sqrt(math::sqrt(ratio))).clamp(0.5, 2.0);
        from = to;
    }
    // Linear between the middles of blocks, 1 at both ends.
    let mut rest = gap;
    let mut from = block / 2;
    for (left, right) in gains.iter().zip(&gains[1..]) {
        let slope = (right - left) / block as f32;
        let (part, behind) = rest.cut_mut((block - from).min(rest.len()));
        for (i, sample) in part.iter_mut().enumerate() {
            let gain = left + slope * (from + i) as i32 as f32;
            *sample = to_pcm(f32::from(*sample) * gain);
        }
        (rest, from) = (behind, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn tone(count: usize, period: f32) -> Vec<i16> {
        (0..count)
            .map(|i| {
                let phase = i as f32 * core::f32::consts::TAU / period;
                (6000.0 * (phase.sin() + 0.5 * (2.0 * phase).sin())) as i16
            })
            .collect()
    }

    #[test]
    fn the_period_of_a_voice_is_found_at_every_rate() {
        for unit in [1, 2, 4, 6] {
            for period in [25, 57, 100, 133] {
                let past = tone(600 * unit, (period * unit) as f32);
                assert_eq!(find_lag(&past, unit) % (period * unit), 0, "{period} at {unit}");
            }
        }
    }

    #[test]
    fn a_gap_in_a_steady_tone_is_filled_without_a_trace() {
        for unit in [1, 2, 6] {
            let whole = tone(1400 * unit, (50 * unit) as f32);
            for gap in [80 * unit, 160 * unit, 640 * unit] {
                let start = 400 * unit;
                let mut pcm = whole.clone();
                pcm[start..start + gap].fill(0);
                fill_between(&mut pcm, start, gap, unit);
                let error: f64 = pcm
                    .iter()
                    .zip(&whole)
                    .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
                    .sum();
                let signal: f64 = whole.iter().map(|&s| f64::from(s).powi(2)).sum();
                assert!(error < 1e-3 * signal, "gap {gap} at {unit}: {}", error / signal);
            }
        }
    }

    #[test]
    fn a_gap_between_a_loud_and_a_soft_side_slopes_down() {
        let mut pcm = tone(1000, 50.0);
        for sample in &mut pcm[560..] {
            *sample /= 8;
        }
        fill_between(&mut pcm, 400, 160, 1);
        let levels: Vec<f32> = pcm[400..560].chunks(40).map(power).collect();
        assert!(levels.windows(2).all(|pair| pair[0] > pair[1]), "{levels:?}");
    }

    #[test]
    fn every_vector_unit_fills_with_the_same_bits() {
        let whole: Vec<i16> =
            (0..9_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 18) as i16 - 8_192).collect();
        for (rate, gap) in [(1, 1), (1, 160), (1, 1_633), (2, 320), (6, 4_800)] {
            let filled: Vec<_> = Unit::available()
                .map(|unit| {
                    let mut pcm = whole.clone();
                    fill_with(unit, &mut pcm, 2_000, gap, rate);
                    pcm
                })
                .collect();
            assert!(filled.iter().all(|pcm| *pcm == filled[0]), "{gap} at {rate}");
            assert!(gap < 100 || filled[0] != whole);
        }
    }

    #[test]
    fn the_norm_of_the_blend_is_a_power() {
        for n in 500..=1_000 {
            let power = n as f32 / 1_000.0;
            assert!((blend_norm(power) - power.powf(-0.4)).abs() < 1e-4, "{power}");
        }
    }

    #[test]
    fn silence_and_full_scale_stay_in_range() {
        for level in [0, i16::MAX, i16::MIN] {
            let mut pcm = alloc::vec![level; 1000];
            fill_between(&mut pcm, 400, 200, 1);
            let far = pcm.iter().map(|&s| (i32::from(s) - i32::from(level)).abs()).max();
            assert!(far <= Some(1), "{far:?}");
        }
    }
}
