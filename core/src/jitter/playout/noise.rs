// SPDX-License-Identifier: MIT OR Apache-2.0
//! Noise for pauses: comfort noise as its description says (RFC 3389), and the floor under a long
//! concealment. Audio thread only.

use crate::codec::comfort_noise::STEP;
use crate::math;

/// Reflection coefficients that are used of a description; RFC 3389 allows any number.
const MAX_ORDER: usize = 12;
/// Turns uniform noise in -1..1, whose mean square is 1/3, into noise of mean square 1.
const UNIT_POWER: f32 = 1.732_050_8;

/// A source of noise, white or shaped.
#[derive(Debug)]
pub(crate) struct Noise {
    seed: u32,
    /// Root mean square of the comfort noise, in PCM units.
    level: f32,
    order: usize,
    reflection: [f32; MAX_ORDER],
    state: [f32; MAX_ORDER + 1],
    /// What the all-pole filter adds to the power of its input.
    gain: f32,
}

impl Noise {
    pub(crate) fn new() -> Self {
        Self {
            seed: 1,
            level: 0.0,
            order: 0,
            reflection: [0.0; MAX_ORDER],
            state: [0.0; MAX_ORDER + 1],
            gain: 1.0,
        }
    }

    /// White noise in -1..1.
    #[inline]
    pub(crate) fn white(&mut self) -> f32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.seed as i32 as f32 * (1.0 / 2_147_483_648.0)
    }

    /// Takes in a description (RFC 3389 section 3): the level in -dBov, then quantised reflection
    /// coefficients.
    pub(crate) fn describe(&mut self, payload: &[u8]) {
        let Some((&level, coefficients)) = payload.split_first() else { return };
        self.level = 32768.0 * math::pow(10.0, -f32::from(level & 0x7f) / 20.0);
        self.order = coefficients.len().min(MAX_ORDER);
        let mut remaining = 1.0;
        for (k, &quantised) in self.reflection.iter_mut().zip(coefficients) {
            // 127 is zero; the ends of the range would make the filter ring for ever.
            *k = ((f32::from(quantised) - 127.0) * STEP).clamp(-0.97, 0.97);
            remaining *= 1.0 - *k * *k;
        }
        self.gain = math::sqrt(remaining);
        self.state = [0.0; MAX_ORDER + 1];
    }

    /// Fills `out` with comfort noise as described last.
    pub(crate) fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            let mut x = self.white() * UNIT_POWER * self.gain;
            // All-pole lattice, from the last stage to the first.
            for stage in (0..self.order).rev() {
                x -= self.reflection[stage] * self.state[stage];
                self.state[stage + 1] = self.state[stage] + self.reflection[stage] * x;
            }
            self.state[0] = x;
            *sample = math::round_ties_even(x * self.level) as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rms(description: &[u8]) -> f32 {
        let mut noise = Noise::new();
        noise.describe(description);
        let mut pcm = [0; 16000];
        noise.fill(&mut pcm);
        let sum: f64 = pcm.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
        (sum / pcm.len() as f64).sqrt() as f32
    }

    #[test]
    fn noise_has_the_level_that_was_described_whatever_its_spectrum() {
        for level in [30_u8, 50, 60] {
            let expected = 32768.0 * 10_f32.powf(-f32::from(level) / 20.0);
            for shape in [&[][..], &[127], &[200, 90, 140], &[60, 60]] {
                let measured = rms(&[&[level], shape].concat());
                let db = 20.0 * (measured / expected).log10();
                assert!(db.abs() < 1.0, "{level} {shape:?}: {db} dB off");
            }
        }
    }

    #[test]
    fn no_description_makes_it_ring() {
        assert!(rms(&[40, 255, 255, 0, 0, 255, 0, 255, 0, 255, 0, 255, 0, 9, 9]).is_finite());
        assert_eq!(rms(&[]), 0.0);
    }
}
