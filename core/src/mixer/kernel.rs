// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loops of the mixer, for every vector unit. All is integer arithmetic, so the width changes no
//! bit, and tests hold the copies to that.
//!
//! On x86-64, rows are added up in tiles of 80 or 160 columns whose sums stay in registers while all rows pass.
#![allow(unsafe_code)] // Calls of functions compiled for a vector unit, and their loads and stores.

use super::arena::Arena;
#[cfg(all(target_arch = "x86_64", feature = "std"))]
use super::arena::CHUNK;
use super::gain::{Ramp, apply};
use crate::dsp::versions::{Unit, versions};
use crate::within::Within;

/// Columns of a tile: 10 ms at 8 kHz; with AVX-512, which has registers for it, 20.
#[cfg(all(target_arch = "x86_64", feature = "std"))]
const TILE: usize = 5 * CHUNK;
#[cfg(all(target_arch = "x86_64", feature = "std"))]
const WIDE_TILE: usize = 2 * TILE;

/// A row of the arena that is added as it is.
pub(super) trait PlainRow {
    /// Whether it is to be measured, too.
    const MEASURED: bool;
    fn index(&self) -> usize;
    /// Adds to its energy (sum of squares).
    fn add_energy(&mut self, energy: u64);
}

/// One whose energy is known.
impl PlainRow for u32 {
    const MEASURED: bool = false;

    #[inline(always)]
    fn index(&self) -> usize {
        *self as usize
    }

    #[inline(always)]
    fn add_energy(&mut self, _: u64) {}
}

/// One that is to be measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unmeasured {
    pub(super) index: u32,
    pub(super) energy: u64,
}

impl PlainRow for Unmeasured {
    const MEASURED: bool = true;

    #[inline(always)]
    fn index(&self) -> usize {
        self.index as usize
    }

    #[inline(always)]
    fn add_energy(&mut self, energy: u64) {
        self.energy += energy;
    }
}

/// Adds `rows` to `sum`, and to the energies of those that are to be measured their own.
#[inline]
pub(super) fn accumulate<R: PlainRow>(unit: Unit, sum: &mut [i32], arena: &Arena, rows: &mut [R]) {
    match unit {
        Unit::Baseline => accumulate_portable(sum, arena, rows),
        // SAFETY: a `Unit` other than the baseline is only made where the CPU has it.
        #[cfg(all(target_arch = "x86_64", feature = "std"))]
        Unit::Avx2 => unsafe { x86::accumulate_avx2(sum, arena, rows) },
        // SAFETY: as above.
        #[cfg(all(target_arch = "x86_64", feature = "std"))]
        Unit::Avx512 => unsafe { x86::accumulate_avx512(sum, arena, rows) },
    }
}

versions! {
    /// `mix += row * ramp`.
    pub(super) fn give_ramp(unit, mix: &mut [i32], row: &[i16], ramp: Ramp) = give_ramp_body;
    /// `fitting = clamp(bus)`, `excess = clamp(bus - fitting)`: what [`subtract`] takes.
    pub(super) fn split(unit, bus: &[i32], fitting: &mut [i16], excess: &mut [i16]) = split_body;
    /// `out = clamp(bus - row)`.
    pub(super) fn subtract(unit, split: [&[i16]; 2], row: &[i16], out: &mut [i16]) = subtract_body;
    /// As [`subtract`], late by as much as `held` is long and what it holds, which is none of it louder than `ceiling`;
    /// `false` if what comes is, and `held` is as it was then.
    pub(super) fn subtract_late(
        unit, split: [&[i16]; 2], row: &[i16], ceiling: u16, held: &mut [i32], out: &mut [i16]
    ) -> bool = subtract_late_body;
    /// `out = clamp(bus - row * ramp)`.
    pub(super) fn subtract_ramp(unit, bus: &[i32], row: &[i16], ramp: Ramp, out: &mut [i16])
        = subtract_ramp_body;
    /// `mix = bus - row * ramp`.
    pub(super) fn difference_ramp(unit, bus: &[i32], row: &[i16], ramp: Ramp, mix: &mut [i32])
        = difference_ramp_body;
    /// `mix = bus - row`.
    pub(super) fn difference(unit, bus: &[i32], row: &[i16], mix: &mut [i32]) = difference_body;
    /// `out = clamp(bus)`.
    pub(super) fn clamp(unit, bus: &[i32], out: &mut [i16]) = clamp_body;
    /// `mix -= row * ramp`.
    pub(super) fn take_ramp(unit, mix: &mut [i32], row: &[i16], ramp: Ramp) = take_ramp_body;
    /// `out = clamp(out * ramp)`.
    pub(super) fn scale(unit, out: &mut [i16], ramp: Ramp) = scale_body;
}

fn accumulate_portable<R: PlainRow>(sum: &mut [i32], arena: &Arena, rows: &mut [R]) {
    for plain in rows {
        let row = arena.row(plain.index());
        for (sum, sample) in sum.iter_mut().zip(row) {
            *sum = sum.wrapping_add(i32::from(*sample));
        }
        if R::MEASURED {
            plain.add_energy(crate::dsp::level::energy_with(Unit::Baseline, row));
        }
    }
}

#[inline(always)]
fn saturate(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[inline(always)]
fn split_body(bus: &[i32], fitting: &mut [i16], excess: &mut [i16]) {
    for ((fitting, excess), bus) in fitting.iter_mut().zip(excess).zip(bus) {
        *fitting = saturate(*bus);
        *excess = saturate(bus.wrapping_sub(i32::from(*fitting)));
    }
}

/// `clamp(bus - own)`, in 16 bits, twice as many to a vector, and exact: `excess` is not 0 only where `fitting` is at its
/// limit, and has its sign. The difference saturates only at that same limit, where adding `excess` leaves it;
/// anywhere else it is exact, and so is the sum. An excess cut to 16 bits is more than any row takes away.
#[inline(always)]
fn without((fitting, (excess, own)): (&i16, (&i16, &i16))) -> i16 {
    fitting.saturating_sub(*own).saturating_add(*excess)
}

#[inline(always)]
fn subtract_body([fitting, excess]: [&[i16]; 2], row: &[i16], out: &mut [i16]) {
    for (out, at) in out.iter_mut().zip(fitting.iter().zip(excess.iter().zip(row))) {
        *out = without(at);
    }
}

#[inline(always)]
fn subtract_late_body(
    [fitting, excess]: [&[i16]; 2],
    row: &[i16],
    ceiling: u16,
    held: &mut [i32],
    out: &mut [i16],
) -> bool {
    let early = out.len().saturating_sub(held.len());
    let late = fitting.past(early).iter().zip(excess.past(early).iter().zip(row.past(early)));
    let mut loudest = 0;
    for at in late.clone() {
        loudest = without(at).unsigned_abs().max(loudest);
    }
    let (first, rest) = out.cut_mut(held.len());
    for (out, at) in rest.iter_mut().zip(fitting.iter().zip(excess.iter().zip(row))) {
        *out = without(at);
        loudest = out.unsigned_abs().max(loudest);
    }
    // What was limited to 16 bits is above any ceiling.
    if loudest > ceiling {
        return false;
    }
    for ((out, held), at) in first.iter_mut().zip(held).zip(late) {
        *out = *held as i16;
        *held = i32::from(without(at));
    }
    true
}

#[inline(always)]
fn difference_body(bus: &[i32], row: &[i16], mix: &mut [i32]) {
    for ((mix, bus), own) in mix.iter_mut().zip(bus).zip(row) {
        *mix = bus.wrapping_sub(i32::from(*own));
    }
}

#[inline(always)]
fn clamp_body(bus: &[i32], out: &mut [i16]) {
    for (out, bus) in out.iter_mut().zip(bus) {
        *out = saturate(*bus);
    }
}

#[inline(always)]
fn give_ramp_body(mix: &mut [i32], row: &[i16], ramp: Ramp) {
    for_each_factor(ramp, mix.iter_mut().zip(row), |(mix, sample), factor| {
        *mix = mix.wrapping_add(apply(*sample, factor));
    });
}

#[inline(always)]
fn take_ramp_body(mix: &mut [i32], row: &[i16], ramp: Ramp) {
    for_each_factor(ramp, mix.iter_mut().zip(row), |(mix, sample), factor| {
        *mix = mix.wrapping_sub(apply(*sample, factor));
    });
}

#[inline(always)]
fn difference_ramp_body(bus: &[i32], row: &[i16], ramp: Ramp, mix: &mut [i32]) {
    for_each_factor(ramp, mix.iter_mut().zip(bus).zip(row), |((mix, bus), own), factor| {
        *mix = bus.wrapping_sub(apply(*own, factor));
    });
}

#[inline(always)]
fn subtract_ramp_body(bus: &[i32], row: &[i16], ramp: Ramp, out: &mut [i16]) {
    for_each_factor(ramp, out.iter_mut().zip(bus).zip(row), |((out, bus), own), factor| {
        *out = saturate(bus.wrapping_sub(apply(*own, factor)));
    });
}

/// Goes through samples with the factor of each. A gain that stays as it is saves a multiplication a sample.
#[inline(always)]
fn for_each_factor<T>(ramp: Ramp, samples: impl Iterator<Item = T>, each: impl Fn(T, i32)) {
    match ramp.steady() {
        Some(factor) => samples.for_each(|sample| each(sample, factor)),
        None => samples.enumerate().for_each(|(n, sample)| each(sample, ramp.at(n))),
    }
}

#[inline(always)]
fn scale_body(out: &mut [i16], ramp: Ramp) {
    for_each_factor(ramp, out.iter_mut(), |out, factor| *out = saturate(apply(*out, factor)));
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
mod x86 {
    use core::arch::x86_64::*;

    use super::{Arena, CHUNK, PlainRow, TILE, WIDE_TILE};

    /// Goes through `sum` in whole tiles, the widest first, and then in single chunks; `sum` is padded to whole chunks
    /// and so are the rows.
    macro_rules! tiles {
        ($tile:ident, [$($columns:expr),*], $sum:expr, $arena:expr, $rows:expr) => {
            let (mut rest, mut first) = ($sum, 0);
            $(
                let (tiles, behind) = rest.as_chunks_mut::<{ $columns }>();
                for tile in tiles {
                    $tile::<R, { $columns / CHUNK }>(tile, $arena, first, $rows);
                    first += $columns / CHUNK;
                }
                rest = behind;
            )*
            for chunk in rest.as_chunks_mut::<CHUNK>().0 {
                $tile::<R, 1>(chunk, $arena, first, $rows);
                first += 1;
            }
        };
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn accumulate_avx2<R: PlainRow>(sum: &mut [i32], arena: &Arena, rows: &mut [R]) {
        tiles!(tile_avx2, [TILE], sum, arena, rows);
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
    pub(super) fn accumulate_avx512<R: PlainRow>(sum: &mut [i32], arena: &Arena, rows: &mut [R]) {
        tiles!(tile_avx512, [WIDE_TILE, TILE], sum, arena, rows);
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn tile_avx2<R: PlainRow, const CHUNKS: usize>(
        sum: &mut [i32],
        arena: &Arena,
        first: usize,
        rows: &mut [R],
    ) {
        let mut sums = [[_mm256_setzero_si256(); 2]; CHUNKS];
        let low = _mm256_set1_epi64x(0xffff_ffff);
        for plain in rows {
            let row = arena.chunks(plain.index());
            let Some(row) = row.get(first..first + CHUNKS) else { return };
            let mut energy = _mm256_setzero_si256();
            for (chunk, sums) in row.iter().zip(&mut sums) {
                // SAFETY: a chunk is 32 bytes; unaligned loads ask for no more.
                let samples = unsafe { _mm256_loadu_si256(chunk.as_ptr().cast()) };
                let first = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(samples));
                let second = _mm256_cvtepi16_epi32(_mm256_extracti128_si256::<1>(samples));
                sums[0] = _mm256_add_epi32(sums[0], first);
                sums[1] = _mm256_add_epi32(sums[1], second);
                if R::MEASURED {
                    // Two squares fit 32 bits unsigned.
                    let squares = _mm256_madd_epi16(samples, samples);
                    energy = _mm256_add_epi64(energy, _mm256_and_si256(squares, low));
                    energy = _mm256_add_epi64(energy, _mm256_srli_epi64::<32>(squares));
                }
            }
            if !R::MEASURED {
                continue;
            }
            let halves = _mm_add_epi64(
                _mm256_castsi256_si128(energy),
                _mm256_extracti128_si256::<1>(energy),
            );
            let whole = _mm_add_epi64(halves, _mm_unpackhi_epi64(halves, halves));
            plain.add_energy(_mm_cvtsi128_si64(whole) as u64);
        }
        for (chunk, sums) in sum.as_chunks_mut::<CHUNK>().0.iter_mut().zip(&sums) {
            let (halves, _) = chunk.as_chunks_mut::<8>();
            for (half, sum) in halves.iter_mut().zip(sums) {
                let address = half.as_mut_ptr().cast();
                // SAFETY: half a chunk of sums is 32 bytes, read and written where it is.
                unsafe {
                    let before = _mm256_loadu_si256(address);
                    _mm256_storeu_si256(address, _mm256_add_epi32(before, *sum));
                }
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
    fn tile_avx512<R: PlainRow, const CHUNKS: usize>(
        sum: &mut [i32],
        arena: &Arena,
        first: usize,
        rows: &mut [R],
    ) {
        let mut sums = [_mm512_setzero_si512(); CHUNKS];
        for plain in rows {
            let row = arena.chunks(plain.index());
            let Some(row) = row.get(first..first + CHUNKS) else { return };
            let mut energy = _mm512_setzero_si512();
            for (chunk, sum) in row.iter().zip(&mut sums) {
                // SAFETY: a chunk is 32 bytes; unaligned loads ask for no more.
                let samples = unsafe { _mm256_loadu_si256(chunk.as_ptr().cast()) };
                *sum = _mm512_add_epi32(*sum, _mm512_cvtepi16_epi32(samples));
                if R::MEASURED {
                    // Two squares fit 32 bits unsigned.
                    let squares = _mm256_madd_epi16(samples, samples);
                    energy = _mm512_add_epi64(energy, _mm512_cvtepu32_epi64(squares));
                }
            }
            if !R::MEASURED {
                continue;
            }
            plain.add_energy(_mm512_reduce_add_epi64(energy) as u64);
        }
        for (chunk, sum) in sum.as_chunks_mut::<CHUNK>().0.iter_mut().zip(&sums) {
            let address = chunk.as_mut_ptr().cast();
            // SAFETY: a chunk of sums is 64 bytes, read and written where it is.
            unsafe {
                let before = _mm512_loadu_si512(address);
                _mm512_storeu_si512(address, _mm512_add_epi32(before, *sum));
            }
        }
    }
}
