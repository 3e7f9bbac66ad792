// SPDX-License-Identifier: MIT OR Apache-2.0
//! Noise for pauses: comfort noise as its description says (RFC 3389), and the floor under a long
//! concealment. Audio thread only; touches the samples that it is given.

use crate::codec::comfort_noise::STEP;
use crate::dsp::pitch::to_pcm;
use crate::math;
use crate::within::Within;

/// Reflection coefficients that are used of a description; RFC 3389 allows any number.
const MAX_ORDER: usize = 12;
/// Turns uniform noise in -1..1, whose mean square is 1/3, into noise of mean square 1.
const UNIT_POWER: f32 = 1.732_050_8;

/// Samples that are made at a time.
pub(super) const STRETCH: usize = 80;
/// Sums that a filtered sample is made of, so that they run beside each other in any vector unit.
const LANES: usize = 4;

/// A source of noise, white or shaped.
#[derive(Debug)]
pub(crate) struct Noise {
    seed: u32,
    /// Root mean square of the comfort noise, in PCM units.
    level: f32,
    /// Of the all-pole filter, that of the furthest sample first.
    coefficients: [f32; MAX_ORDER],
    /// The last samples that it made, before the level, the oldest first.
    state: [f32; MAX_ORDER],
    /// What makes up for the power that the filter adds.
    gain: f32,
}

impl Noise {
    pub(crate) fn new() -> Self {
        Self {
            seed: 1,
            level: 0.0,
            coefficients: [0.0; MAX_ORDER],
            state: [0.0; MAX_ORDER],
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
        let Some((&level, reflection)) = payload.split_first() else { return };
        self.level = 32768.0 * math::pow(10.0, -f32::from(level & 0x7f) / 20.0);
        let mut remaining = 1.0;
        let mut a = [0.0; MAX_ORDER];
        for (m, &quantised) in reflection.iter().take(MAX_ORDER).enumerate() {
            // 127 is zero; the ends of the range would make the filter ring for ever.
            let k = ((f32::from(quantised) - 127.0) * STEP).clamp(-0.97, 0.97);
            let before = a;
            for (a, mirrored) in a[..m].iter_mut().zip(before[..m].iter().rev()) {
                *a += k * mirrored;
            }
            a[m] = k;
            remaining *= 1.0 - k * k;
        }
        a.reverse();
        self.coefficients = a;
        self.gain = math::sqrt(remaining);
        self.state = [0.0; MAX_ORDER];
    }

    /// Makes the comfort noise no louder than a root mean square of `level`.
    pub(crate) fn limit(&mut self, level: f32) {
        self.level = self.level.min(level);
    }

    /// Fills `out` with comfort noise as described last.
    pub(crate) fn fill(&mut self, out: &mut [i16]) {
        let mut made = [0.0; MAX_ORDER + STRETCH];
        for stretch in out.chunks_mut(STRETCH) {
            made[..MAX_ORDER].copy_from_slice(&self.state);
            for (i, sample) in stretch.iter_mut().enumerate() {
                // Those that the sample is made of, and its own place.
                let window = made.past_mut(i).first_chunk_mut::<{ MAX_ORDER + 1 }>();
                let Some([past @ .., next]) = window else { return };
                let mut sums = [0.0; LANES];
                let terms = self.coefficients.as_chunks::<LANES>().0.iter();
                for (a, past) in terms.zip(past.as_chunks::<LANES>().0) {
                    for ((sum, a), past) in sums.iter_mut().zip(a).zip(past) {
                        *sum += a * past;
                    }
                }
                let predicted = (sums[0] + sums[1]) + (sums[2] + sums[3]);
                *next = self.white() * UNIT_POWER * self.gain - predicted;
                *sample = to_pcm(*next * self.level);
            }
            self.state.copy_of(made.span(stretch.len()..stretch.len() + MAX_ORDER));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::comfort_noise::Background;
    use alloc::vec;

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
    fn noise_is_described_as_it_was() {
        let described = [50, 90, 150, 120, 127, 127, 127, 127, 127, 127, 127];
        let mut noise = Noise::new();
        noise.describe(&described);
        let mut pcm = vec![0; 80_000];
        noise.fill(&mut pcm);
        let mut background = Background::default();
        background.hear(&pcm);
        for (was, is) in described.iter().zip(background.describe()) {
            // A step of a coefficient is 1/127.
            assert!(was.abs_diff(is) <= 2, "{described:?} {:?}", background.describe());
        }
    }

    #[test]
    fn no_description_makes_it_ring() {
        assert!(rms(&[40, 255, 255, 0, 0, 255, 0, 255, 0, 255, 0, 255, 0, 9, 9]).is_finite());
        assert_eq!(rms(&[]), 0.0);
    }
}
