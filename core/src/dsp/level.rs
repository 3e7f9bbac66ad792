// SPDX-License-Identifier: MIT OR Apache-2.0
//! Audio levels as RFC 6464 counts them: in dB below the overload point of 16-bit PCM, 0 for the
//! loudest square wave that fits and 127 for digital silence.

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
#[inline]
pub fn energy(samples: &[i16]) -> u64 {
    // Blocks small enough for 32-bit sums of 15-bit-shifted squares would lose bits; 64-bit lanes
    // vectorize well enough.
    samples.iter().map(|s| (i32::from(*s) * i32::from(*s)) as u64).sum()
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
