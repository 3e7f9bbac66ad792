// SPDX-License-Identifier: MIT OR Apache-2.0
//! Audio levels as RFC 6464 counts them: in dB below the overload point of 16-bit PCM, 0 for the
//! loudest square wave that fits and 127 for digital silence.

#![allow(unsafe_code)] // Calls of functions compiled for a vector unit, after asking for it, and their loads.

use super::versions::Unit;

/// The level of digital silence, and the lowest there is.
pub const SILENCE_DBOV: u8 = 127;

/// The level of `samples` in -dBov, 0 to 127.
///
/// Real-time: yes.
pub fn level_dbov(samples: &[i16]) -> u8 {
    dbov(energy(samples), samples.len())
}

/// The sum of the squares: 2^63 is not reached before 2^33 samples.
///
/// Real-time: yes.
#[inline]
pub fn energy(samples: &[i16]) -> u64 {
    energy_with(Unit::widest(), samples)
}

/// [`energy`], by a vector unit of the caller's choice.
#[inline]
pub(crate) fn energy_with(unit: Unit, samples: &[i16]) -> u64 {
    match unit {
        Unit::Baseline => energy_portable(samples),
        // SAFETY: a `Unit` other than the baseline is only made where the CPU has it, and AVX-512 has AVX2.
        #[cfg(all(target_arch = "x86_64", feature = "std"))]
        Unit::Avx2 | Unit::Avx512 => unsafe { x86::energy(samples) },
    }
}

fn energy_portable(samples: &[i16]) -> u64 {
    let (pairs, rest) = samples.as_chunks::<2>();
    let square = |s: i16| i32::from(s) * i32::from(s);
    let last = rest.iter().map(|s| square(*s)).sum::<i32>();
    // Two squares fit 32 bits without a sign.
    let two = |[a, b]: &[i16; 2]| u64::from(square(*a).wrapping_add(square(*b)) as u32);
    pairs.iter().map(two).sum::<u64>() + last as u64
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
mod x86 {
    use core::arch::x86_64::*;

    /// Sixteen samples at a time. From the portable loop compilers make twice the instructions.
    #[target_feature(enable = "avx2")]
    pub(super) fn energy(samples: &[i16]) -> u64 {
        let (vectors, rest) = samples.as_chunks::<16>();
        let low = _mm256_set1_epi64x(0xffff_ffff);
        let mut energy = _mm256_setzero_si256();
        for vector in vectors {
            // SAFETY: a vector is 32 bytes; unaligned loads ask for no more.
            let samples = unsafe { _mm256_loadu_si256(vector.as_ptr().cast()) };
            // Two squares fit 32 bits without a sign.
            let squares = _mm256_madd_epi16(samples, samples);
            energy = _mm256_add_epi64(energy, _mm256_and_si256(squares, low));
            energy = _mm256_add_epi64(energy, _mm256_srli_epi64::<32>(squares));
        }
        let halves =
            _mm_add_epi64(_mm256_castsi256_si128(energy), _mm256_extracti128_si256::<1>(energy));
        let whole = _mm_add_epi64(halves, _mm_unpackhi_epi64(halves, halves));
        let whole = _mm_cvtsi128_si64(whole) as u64;
        if rest.is_empty() { whole } else { whole + super::energy_portable(rest) }
    }
}

/// Mean squares between two levels, the loudest first: halfway in dB.
const BOUNDS: [f32; SILENCE_DBOV as usize] = {
    /// 10^(1/20) and 10^(1/10).
    const HALF_A_DB: f64 = 1.122_018_454_301_963_4;
    const DB: f64 = 1.258_925_411_794_167_2;
    let mut bounds = [0.0; SILENCE_DBOV as usize];
    let mut bound = 32_768.0 * 32_768.0 / HALF_A_DB;
    let mut n = 0;
    while n < bounds.len() {
        bounds[n] = bound as f32;
        bound /= DB;
        n += 1;
    }
    bounds
};

/// Of a mean square of 0 dBov, and how much of an octave a step of the bits is.
const LOUDEST_BITS: u32 = (32_768.0_f32 * 32_768.0).to_bits();
const OCTAVE: f32 = 1.0 / (1 << 23) as f32;
const DB_AN_OCTAVE: f32 = 3.010_3;

/// The level of a stretch with this [`energy`] and count.
pub fn dbov(energy: u64, count: usize) -> u8 {
    if energy == 0 || count == 0 {
        return SILENCE_DBOV;
    }
    let mean_square = energy as f32 / count as f32;
    // The bits of a positive number rise as its logarithm does, a quarter of a dB off at most: its neighbours
    // tell which level it is.
    let octaves = LOUDEST_BITS.saturating_sub(mean_square.to_bits()) as f32 * OCTAVE;
    let near = ((octaves * DB_AN_OCTAVE + 0.5) as usize).min(SILENCE_DBOV.into());
    let softer = |n: usize| BOUNDS.get(n).is_some_and(|bound| mean_square < *bound);
    match near.checked_sub(1) {
        Some(louder) if !softer(louder) => louder as u8,
        _ => (near + usize::from(softer(near))) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vector_unit_sums_squares_exactly() {
        let mut state = 1_u32;
        for count in [0, 1, 79, 80, 441, 511, 512, 513, 4_000] {
            let samples: alloc::vec::Vec<i16> = (0..count)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if state >> 30 == 0 { i16::MIN } else { (state >> 16) as i16 }
                })
                .collect();
            let exact: u64 = samples.iter().map(|s| i64::from(*s).pow(2) as u64).sum();
            for unit in Unit::available() {
                assert_eq!(energy_with(unit, &samples), exact, "{count} by {unit:?}");
            }
        }
        assert_eq!(energy(&[i16::MIN; 10_000]), 10_000 << 30);
    }

    #[test]
    fn levels_are_those_of_the_logarithm() {
        for n in 1..20_000_u64 {
            let (energy, count) = (n * n * n * 7 + 1, 1 + (n % 480) as usize);
            let mean_square = energy as f64 / count as f64;
            let exact = -10.0 * (mean_square / 2_f64.powi(30)).log10();
            let level = f64::from(dbov(energy, count));
            // Halfway between two levels either will do.
            assert!((exact.clamp(0.0, 127.0) - level).abs() < 0.5 + 1e-6, "{energy} / {count}");
        }
    }

    #[test]
    fn levels_are_those_of_a_search_among_the_bounds() {
        let slow = |energy: u64, count: usize| {
            let mean_square = energy as f32 / count as f32;
            BOUNDS.partition_point(|bound| mean_square < *bound) as u8
        };
        let bounds = BOUNDS.iter().flat_map(|bound| {
            let near = (*bound as u64 * 80) as i64;
            (-200..=200).map(move |off| near.saturating_add(off).max(1) as u64)
        });
        let powers = (0..63).flat_map(|n| (0..64).map(move |m| (1_u64 << n) + (m << n >> 6)));
        for energy in bounds.chain(powers).chain(1..100_000) {
            for count in [1, 80, 480] {
                assert_eq!(dbov(energy, count), slow(energy, count), "{energy} / {count}");
            }
        }
    }

    #[test]
    fn known_signals_have_their_textbook_levels() {
        assert_eq!(level_dbov(&[]), 127);
        assert_eq!(level_dbov(&[0; 80]), 127);
        assert_eq!(level_dbov(&[i16::MIN; 80]), 0);
        assert_eq!(level_dbov(&[1; 80]), 90);
        // A sine at full scale lies 3 dB under the square wave.
        let sine: [i16; 80] = core::array::from_fn(|n| {
            (32_767.0 * crate::math::sin(n as f32 * core::f32::consts::TAU / 8.0)) as i16
        });
        assert_eq!(level_dbov(&sine), 3);
    }
}
