// SPDX-License-Identifier: MIT OR Apache-2.0
//! Correlation for pitch and splice searches: integer arithmetic, so that every instruction set
//! gives the same bits. Audio thread only; nothing allocates.
//!
//! Signals are first brought to 12 bits and to about 8 kHz ([`shrink`]): pitch needs no more, and
//! then sums of up to [`MAX_TERMS`] products fit 32 bits.
#![allow(unsafe_code)] // Calls of functions compiled for a vector unit, after asking for it.

use crate::dsp::level::energy;
use crate::dsp::versions::{Unit, versions};
use crate::math;
use crate::within::Within;

/// Products that a sum of 12-bit samples may have: 2^11 * 2^11 * 512 = 2^31.
pub(crate) const MAX_TERMS: usize = 511;

/// Copies `source` averaged over runs of `step` samples, scaled so that the largest fits 12 bits,
/// to the front of `out`; returns how many there are. A rest shorter than `step` is left out at the
/// *front*, so that ends coincide.
#[inline]
pub(crate) fn shrink<'a>(source: &[i16], step: usize, out: &'a mut [i16]) -> &'a mut [i16] {
    let step = step.max(1);
    let count = (source.len() / step).min(out.len());
    let mut source = source.last_of(count * step);
    let out = out.head_mut(count);
    if step == 1 {
        out.copy_of(source);
    } else {
        for to in out.iter_mut() {
            let (run, behind) = source.cut(step);
            source = behind;
            let sum: i32 = run.iter().map(|&s| i32::from(s)).sum();
            *to = (sum / i32::from((step as u16).max(1))) as i16;
        }
    }
    // The OR of magnitudes has the same top bit as the largest.
    let bits = out.iter().fold(0_u16, |all, &s| all | (s ^ (s >> 15)) as u16);
    let shift = (16 - bits.leading_zeros()).saturating_sub(11);
    for sample in out.iter_mut() {
        *sample >>= shift;
    }
    out
}

/// `sums[k]` = sum over i of `target[i] * region[k + i]`, for every `k` at which it fits.
#[inline]
pub(crate) fn cross(target: &[i16], region: &[i16], sums: &mut [i32]) {
    cross_with(Unit::widest(), target, region, sums);
}

versions! {
    fn cross_with(unit, target: &[i16], region: &[i16], sums: &mut [i32]) = cross_body;
}

#[inline(always)]
fn cross_body(target: &[i16], region: &[i16], sums: &mut [i32]) {
    /// Offsets that are summed beside each other: targets are short.
    const LANES: usize = 16;
    let count = sums.len().min((region.len() + 1).saturating_sub(target.len()));
    let sums = sums.head_mut(count);
    if count < LANES {
        for (sum, run) in sums.iter_mut().zip(region.windows(target.len().max(1))) {
            *sum = dot(target, run);
        }
        return;
    }
    for first in (0..count).step_by(LANES) {
        // The last ones overlap those before.
        let k = first.min(count - LANES);
        let mut all = [0_i32; LANES];
        for (&t, run) in target.iter().zip(region.past(k).windows(LANES)) {
            for lane in 0..LANES {
                all[lane] = all[lane].wrapping_add(i32::from(t) * i32::from(run[lane]));
            }
        }
        sums.span_mut(k..k + LANES).copy_of(&all);
    }
}

#[inline(always)]
fn dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).fold(0, i32::wrapping_add)
}

/// The mean square, as a power.
#[inline]
pub(crate) fn power(signal: &[i16]) -> f32 {
    energy(signal) as f32 / signal.len().max(1) as f32
}

/// Where in `region` the `target` fits best: the offset `k` with the greatest normalised
/// correlation plus `bonus * k`, and that correlation without the bonus.
///
/// Both are 12-bit signals of one [`shrink`] (a common scale is not needed); at most
/// [`MAX_OFFSETS`] offsets are tried.
pub(crate) fn best_offset(target: &[i16], region: &[i16], bonus: f32) -> (usize, f32) {
    let target = target.head(target.len().min(MAX_TERMS));
    if region.len() < target.len() || target.is_empty() {
        return (0, 0.0);
    }
    let offsets = (region.len() - target.len() + 1).min(MAX_OFFSETS);
    let (mut sums, mut correlations) = ([0_i32; MAX_OFFSETS], [0.0_f32; MAX_OFFSETS]);
    let (sums, correlations) = (sums.head_mut(offsets), correlations.head_mut(offsets));
    cross(target, region, sums);
    let target_energy = dot(target, target) as f32;
    let (first, entering) = region.cut(target.len());
    let mut window = dot(first, first);
    for (energy, (old, new)) in correlations.iter_mut().zip(region.iter().zip(entering)) {
        *energy = window as f32;
        window += i32::from(*new) * i32::from(*new) - i32::from(*old) * i32::from(*old);
    }
    // The last has nothing entering behind it.
    if let Some(energy) = correlations.last_mut() {
        *energy = window as f32;
    }
    normalise(Unit::widest(), sums, target_energy, correlations);
    let (mut best, mut best_score) = (0, f32::MIN);
    for (k, correlation) in correlations.iter().enumerate() {
        let score = correlation + bonus * k as i32 as f32;
        if score > best_score {
            (best, best_score) = (k, score);
        }
    }
    (best, correlations.at(best))
}

versions! {
    /// Turns energies into correlations.
    fn normalise(unit, sums: &[i32], target_energy: f32, energies: &mut [f32]) = normalise_body;
}

#[inline(always)]
fn normalise_body(sums: &[i32], target_energy: f32, energies: &mut [f32]) {
    for (energy, sum) in energies.iter_mut().zip(sums) {
        *energy = *sum as f32 / math::sqrt(target_energy * *energy + 1.0);
    }
}

/// Offsets that [`best_offset`] tries at most.
pub(crate) const MAX_OFFSETS: usize = 160;

/// The normalised correlation of two signals of equal length, -1 to 1.
pub(crate) fn similarity(a: &[i16], b: &[i16]) -> f32 {
    let cross: i64 = a.iter().zip(b).map(|(&x, &y)| i64::from(i32::from(x) * i32::from(y))).sum();
    let energies = energy(a) as f32 * energy(b) as f32;
    cross as f32 / math::sqrt(energies + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_vector_unit_correlates_as_the_sum_says(
            target in prop::collection::vec(-2048_i16..2048, 1..150),
            region in prop::collection::vec(-2048_i16..2048, 0..300),
        ) {
            let expected: Vec<i32> = region.windows(target.len()).map(|r| dot(&target, r)).collect();
            for unit in Unit::available() {
                let mut sums = alloc::vec![0; expected.len()];
                cross_with(unit, &target, &region, &mut sums);
                prop_assert_eq!(&sums, &expected, "{:?}", unit);
            }
        }

        #[test]
        fn shrinking_keeps_twelve_bits(source in prop::collection::vec(any::<i16>(), 0..200), step in 1_usize..7) {
            let mut out = [0; 64];
            let out = shrink(&source, step, &mut out);
            prop_assert!(out.iter().all(|s| (-2048..2048).contains(s)));
            prop_assert_eq!(out.len(), (source.len() / step).min(64));
        }
    }

    #[test]
    fn the_best_offset_of_a_copy_is_where_it_was_copied_from() {
        let mut seed = 1_u32;
        let region: alloc::vec::Vec<i16> = (0..280)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 20) as i16 - 2048
            })
            .collect();
        for at in [0, 1, 77, 140] {
            let (offset, correlation) = best_offset(&region[at..at + 140], &region, 0.0);
            assert_eq!(offset, at);
            assert!(correlation > 0.999);
        }
    }
}
