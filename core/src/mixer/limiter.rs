// SPDX-License-Identifier: MIT OR Apache-2.0
//! A look-ahead limiter: what is too loud is turned down before it comes, and back up slowly.
//!
//! Sound is held back by one block of 2 ms, whose successor's peak is then known. The gain is a
//! straight line over each block; where two blocks meet it is low enough for the louder of both, so
//! no sample exceeds the ceiling and none has to be clipped. It falls within a block, is held for
//! [`HOLD_BLOCKS`] after the last peak that needed it, and rises by [`RISE`] a block (12 dB a second): too slow to be heard as pumping.
//!
//! Floating point, but each sample is one multiplication of its own and peaks are integers, so
//! every vector unit gives the same bits.
#![allow(unsafe_code)] // Calls of functions compiled for a vector unit, after asking for it, and their loads and stores.

use core::num::NonZeroUsize;

use crate::dsp::versions::{Unit, versions};
use crate::within::Within;

/// Blocks of a frame of 10 ms.
pub(crate) const BLOCKS: usize = 5;
/// The loudest sample that leaves: -0.2 dB of full scale, which leaves room for rounding.
pub(super) const CEILING: f32 = 32_000.0;
/// Blocks for which a gain is held: 100 ms.
const HOLD_BLOCKS: u16 = 50;
/// A peak that allows no more than this times the gain still needs it: 1 dB.
const NEAR: f32 = 1.122;
/// What the gain rises by in a block: 10^(12 / 20 / 500).
const RISE: f32 = 1.002_767;

/// One listener's limiter, but for the sound that it holds back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limiter {
    /// Where the last block's line ended.
    gain: f32,
    /// The most that the block held back allows.
    allowed: f32,
    /// Blocks until the gain may rise.
    hold_blocks: u16,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { gain: 1.0, allowed: 1.0, hold_blocks: 0 }
    }
}

impl Limiter {
    /// Limits a frame, or several together: `held`, a block, and then all but the last block of `mix` go to `out`; the
    /// last block takes the place of `held`.
    #[inline]
    pub(crate) fn process(&mut self, unit: Unit, held: &mut [i32], mix: &[i32], out: &mut [i16]) {
        let block = held.len();
        if block == 0
            || mix.len() != out.len()
            || !mix.len().is_multiple_of(block * BLOCKS)
            || mix.is_empty()
        {
            return;
        }
        process(unit, self, held, mix, out);
    }

    /// Whether it passes on what it is given, until something comes that is too loud ([`CEILING`]).
    #[inline]
    pub(super) fn is_at_rest(&self) -> bool {
        *self == Self::default()
    }

    /// The gain of the last block's end, for tests of its course.
    #[cfg(test)]
    pub(super) fn gain(&self) -> f32 {
        self.gain
    }

    /// Moves on by a block; `peak` is the loudest sample of the block after it. Returns where its
    /// line starts.
    #[inline(always)]
    fn advance(&mut self, peak: u32) -> f32 {
        let start = self.gain;
        let allowed = allowed(peak);
        let bound = self.allowed.min(allowed);
        if bound < 1.0 && bound < start * NEAR {
            // What is about as loud as before keeps the gain where it is.
            self.gain = start.min(bound);
            self.hold_blocks = HOLD_BLOCKS;
        } else if self.hold_blocks > 0 {
            self.hold_blocks -= 1;
        } else {
            self.gain = (start * RISE).min(bound);
        }
        self.allowed = allowed;
        start
    }
}

/// Chooses the loops: blocks are short, and of those with AVX-512 a compiler makes twice the time.
#[inline]
fn process(unit: Unit, limiter: &mut Limiter, held: &mut [i32], mix: &[i32], out: &mut [i16]) {
    match unit {
        // SAFETY: a `Unit` other than the baseline is only made where the CPU has it.
        #[cfg(all(target_arch = "x86_64", feature = "std"))]
        Unit::Avx512 if held.len().is_multiple_of(x86::LANES) => unsafe {
            x86::process(limiter, held, mix, out);
        },
        _ => process_plainly(unit, limiter, held, mix, out),
    }
}

versions! {
    fn process_plainly(unit, limiter: &mut Limiter, held: &mut [i32], mix: &[i32], out: &mut [i16])
        = process_body;
}

#[inline(always)]
fn process_body(limiter: &mut Limiter, held: &mut [i32], mix: &[i32], out: &mut [i16]) {
    process_by(limiter, held, mix, out, peak, scale);
}

/// [`Limiter::process`], by what finds a block's loudest sample and what puts a block under its line.
#[inline(always)]
fn process_by(
    limiter: &mut Limiter,
    held: &mut [i32],
    mix: &[i32],
    out: &mut [i16],
    peak: impl Fn(&[i32]) -> u32,
    scale: impl Fn(&[i32], f32, f32, &mut [i16]),
) {
    let Some(block) = NonZeroUsize::new(held.len()).map(NonZeroUsize::get) else { return };
    let (early, last) = mix.cut(mix.len() - block);
    if !limiter.is_at_rest() || copied(held, early, last, out) as f32 > CEILING {
        // Each block goes out once the peak of the next is known.
        let (mut before, mut out) = (&*held, out);
        for next in mix.chunks_exact(block) {
            let start = limiter.advance(peak(next));
            let (place, behind) = out.cut_mut(block);
            scale(before, start, limiter.gain, place);
            (before, out) = (next, behind);
        }
    }
    held.copy_of(last);
}

#[inline(always)]
fn allowed(peak: u32) -> f32 {
    let peak = peak as f32;
    if peak > CEILING { CEILING / peak } else { 1.0 }
}

#[inline(always)]
fn peak(mix: &[i32]) -> u32 {
    mix.iter().fold(0, |peak, sample| peak.max(sample.unsigned_abs()))
}

/// Passes on what was held and what comes early, as it is where that fits; the loudest sample that came.
#[inline(always)]
fn copied(held: &[i32], early: &[i32], last: &[i32], out: &mut [i16]) -> u32 {
    let fitted = |sample: i32| sample.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
    let (first, rest) = out.cut_mut(held.len());
    for (out, held) in first.iter_mut().zip(held) {
        *out = fitted(*held);
    }
    let mut loudest = peak(last);
    for (out, mix) in rest.iter_mut().zip(early) {
        loudest = loudest.max(mix.unsigned_abs());
        *out = fitted(*mix);
    }
    loudest
}

/// Adding it leaves a number below 2^22 rounded in the low bits.
const ROUNDER: f32 = 12_582_912.0;

/// `out = mix` times a line that ends at `end`, rounded to nearest.
#[inline(always)]
fn scale(mix: &[i32], start: f32, end: f32, out: &mut [i16]) {
    let step = (end - start) / mix.len() as f32;
    for (index, (out, mix)) in out.iter_mut().zip(mix).enumerate() {
        *out = scaled(*mix, start + step * (index as i32 + 1) as f32);
    }
}

#[inline(always)]
fn scaled(sample: i32, gain: f32) -> i16 {
    let scaled = sample as f32 * gain;
    // Only rounding could reach beyond the ceiling; comparisons are what vectors have.
    let scaled = if scaled > 32_767.0 { 32_767.0 } else { scaled };
    let scaled = if scaled < -32_768.0 { -32_768.0 } else { scaled };
    (scaled + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits()) as i16
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
mod x86 {
    use core::arch::x86_64::*;

    use super::{Limiter, ROUNDER, process_by};

    /// Every block has whole ones, at each rate that a mixer with a limiter can have.
    pub(super) const LANES: usize = 16;

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
    pub(super) fn process(limiter: &mut Limiter, held: &mut [i32], mix: &[i32], out: &mut [i16]) {
        process_by(
            limiter,
            held,
            mix,
            out,
            |mix| peak(mix),
            |mix, start, end, out| scale(mix, start, end, out),
        );
    }

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
    fn peak(mix: &[i32]) -> u32 {
        let mut peak = _mm512_setzero_si512();
        for vector in mix.as_chunks::<LANES>().0 {
            // SAFETY: a vector is 64 bytes; unaligned loads ask for no more.
            let samples = unsafe { _mm512_loadu_si512(vector.as_ptr().cast()) };
            peak = _mm512_max_epu32(peak, _mm512_abs_epi32(samples));
        }
        _mm512_reduce_max_epu32(peak)
    }

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
    fn scale(mix: &[i32], start: f32, end: f32, out: &mut [i16]) {
        let step = (end - start) / mix.len() as f32;
        let (vectors, _) = mix.as_chunks::<LANES>();
        let (outs, _) = out.as_chunks_mut::<LANES>();
        let (starts, steps) = (_mm512_set1_ps(start), _mm512_set1_ps(step));
        let (most, least) = (_mm512_set1_ps(32_767.0), _mm512_set1_ps(-32_768.0));
        let rounder = _mm512_set1_ps(ROUNDER);
        let mut index = _mm512_set_epi32(16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1);
        for (out, vector) in outs.iter_mut().zip(vectors) {
            // SAFETY: a vector is 64 bytes; unaligned loads ask for no more.
            let samples = unsafe { _mm512_loadu_si512(vector.as_ptr().cast()) };
            let gain = _mm512_add_ps(starts, _mm512_mul_ps(steps, _mm512_cvtepi32_ps(index)));
            let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(samples), gain);
            let scaled = _mm512_max_ps(_mm512_min_ps(scaled, most), least);
            let rounded = _mm512_castps_si512(_mm512_add_ps(scaled, rounder));
            let rounded = _mm512_sub_epi32(rounded, _mm512_castps_si512(rounder));
            // SAFETY: sixteen samples of 16 bits are 32 bytes.
            unsafe {
                _mm256_storeu_si256(out.as_mut_ptr().cast(), _mm512_cvtepi32_epi16(rounded));
            }
            index = _mm512_add_epi32(index, _mm512_set1_epi32(LANES as i32));
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// What comes out of `input`, and the gain after each frame.
    fn run(unit: Unit, block: usize, input: &[i32]) -> (Vec<i16>, Vec<f32>) {
        let (mut limiter, mut held) = (Limiter::default(), vec![0; block]);
        let (mut output, mut gains) = (Vec::new(), Vec::new());
        for mix in input.chunks_exact(block * BLOCKS) {
            let mut out = vec![0; mix.len()];
            limiter.process(unit, &mut held, mix, &mut out);
            output.extend(out);
            gains.push(limiter.gain());
        }
        (output, gains)
    }

    fn tone(amplitude: f64, hz: f64, count: usize) -> impl Iterator<Item = i32> {
        (0..count).map(move |n| {
            (amplitude * (n as f64 * hz / 8_000.0 * core::f64::consts::TAU).sin()) as i32
        })
    }

    proptest! {
        #[test]
        fn nothing_exceeds_the_ceiling_and_every_unit_gives_the_same_bits(
            loudness in prop::collection::vec(0_u32..31, 1..40), seed: u32,
            block in prop::sample::select(vec![16_usize, 32, 64, 96, 192]),
        ) {
            let mut state = seed | 1;
            let input: Vec<i32> = loudness
                .iter()
                .flat_map(|bits| core::iter::repeat_n(*bits, block * 3))
                .map(|bits| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state as i32) >> (31 - bits)
                })
                .collect();
            let reference = run(Unit::Baseline, block, &input);
            for unit in Unit::available() {
                prop_assert_eq!(&run(unit, block, &input), &reference, "{:?}", unit);
            }
            let loudest = reference.0.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
            prop_assert!(f32::from(loudest) <= CEILING + 1.0, "{}", loudest);
        }

        #[test]
        fn what_is_not_too_loud_passes_unchanged_two_milliseconds_late(
            input in prop::collection::vec(-32_000_i32..=32_000, 320..=320)
        ) {
            let (output, _) = run(Unit::widest(), 16, &input);
            prop_assert!(output[16..].iter().map(|s| i32::from(*s)).eq(input[..304].iter().copied()));
        }
    }

    #[test]
    fn the_gain_comes_down_before_the_peak_and_up_without_haste() {
        // A burst 12 dB over the ceiling in a steady tone.
        let mut input: Vec<i32> = tone(8_000.0, 440.0, 40_000).collect();
        for (sample, burst) in input[8_000..9_600].iter_mut().zip(tone(120_000.0, 440.0, 1_600)) {
            *sample += burst;
        }
        let (output, gains) = run(Unit::widest(), 16, &input);
        // A line of 2 ms from 1 to a quarter, on a tone that itself moves by 2 pi 440 / 8000 of
        // its amplitude a sample: nothing steps further.
        let largest = output.windows(2).map(|w| (w[0] - w[1]).unsigned_abs()).max().unwrap();
        assert!(f32::from(largest) < CEILING * 0.346 + CEILING * 0.75 / 16.0, "{largest}");
        // Ten frames are held, then the gain rises by 12 dB a second at most, and reaches 1.
        let lowest = gains.iter().copied().fold(1.0, f32::min);
        assert!((0.24..0.26).contains(&lowest), "{lowest}");
        let last = gains.iter().rposition(|gain| *gain == lowest).unwrap();
        assert!(last * 80 >= 9_600 + 700, "held until frame {last}");
        for pair in gains[last..].windows(2) {
            assert!(pair[1] >= pair[0] && 20.0 * (pair[1] / pair[0]).log10() < 0.125);
        }
        assert_eq!(gains.last(), Some(&1.0));
    }

    #[test]
    fn a_steady_overload_is_turned_down_by_one_gain_and_does_not_pump() {
        let input: Vec<i32> = tone(200_000.0, 217.0, 80_000).collect();
        let (_, gains) = run(Unit::widest(), 16, &input);
        let settled = &gains[5..];
        let (low, high) =
            settled.iter().fold((1.0_f32, 0.0_f32), |(l, h), g| (l.min(*g), h.max(*g)));
        assert!(20.0 * (high / low).log10() < 0.2, "the gain moves between {low} and {high}");
    }
}
