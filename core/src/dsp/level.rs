// SPDX-License-Identifier: MIT OR Apache-2.0
//! Audio levels as RFC 6464 counts them: in dB below the overload point of 16-bit PCM, 0 for the
//! loudest square wave that fits and 127 for digital silence.

#![allow(unsafe_code)] // Calls of functions compiled for a vector unit, after asking for it.

use super::versions::{Unit, versions};
use crate::math;

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

versions! {
    /// [`energy`], by a vector unit of the caller's choice.
    pub(crate) fn energy_with(unit, samples: &[i16]) -> u64 = energy_body;
}

#[inline(always)]
fn energy_body(samples: &[i16]) -> u64 {
    /// Samples of which the upper halves of the squares, and the lower, can be summed in 32 bits.
    const BLOCK: usize = 512;
    let mut total = 0;
    for block in samples.chunks(BLOCK) {
        let (mut high, mut low) = (0_u32, 0_u32);
        for sample in block {
            let square = (i32::from(*sample) * i32::from(*sample)) as u32;
            high += square >> 16;
            low += square & 0xffff;
        }
        total += (u64::from(high) << 16) + u64::from(low);
    }
    total
}

/// The level of a stretch with this [`energy`] and count.
pub fn dbov(energy: u64, count: usize) -> u8 {
    if energy == 0 || count == 0 {
        return SILENCE_DBOV;
    }
    let mean_square = energy as f32 / count as f32;
    let db = 10.0 * math::log10(mean_square / (32_768.0 * 32_768.0));
    math::round_ties_even(-db).clamp(0.0, f32::from(SILENCE_DBOV)) as u8
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
