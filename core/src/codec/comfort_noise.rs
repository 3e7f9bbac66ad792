// SPDX-License-Identifier: MIT OR Apache-2.0
//! Describing the background of a pause (RFC 3389): its level and, as reflection coefficients, its
//! spectrum. The other side makes noise of it ([`jitter`](crate::jitter)).

use crate::dsp::level::{SILENCE_DBOV, dbov, energy};

/// Reflection coefficients that are sent.
pub const ORDER: usize = 10;
/// Bytes of a description.
pub const PAYLOAD_BYTES: usize = 1 + ORDER;
/// A coefficient is `STEP * (byte - 127)` (RFC 3389 section 3.2: 258 / 32768).
pub const STEP: f32 = 258.0 / 32_768.0;
/// What a new stretch weighs in the average.
const WEIGHT: f32 = 0.25;

/// Averages stretches of background.
#[derive(Debug, Clone, Default)]
pub struct Background {
    correlation: [f32; ORDER + 1],
    /// Mean square.
    power: f32,
    started: bool,
}

impl Background {
    /// Forgets what it has heard.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// Takes in a stretch of background of at least a few milliseconds.
    ///
    /// Real-time: yes.
    pub fn hear(&mut self, pcm: &[i16]) {
        if pcm.len() <= ORDER {
            return;
        }
        let weight = if self.started { WEIGHT } else { 1.0 };
        self.started = true;
        let scale = 1.0 / pcm.len() as f32;
        for (lag, mean) in self.correlation.iter_mut().enumerate() {
            let pairs = pcm.iter().zip(&pcm[lag..]);
            let sum: i64 = pairs.map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
            *mean += weight * (sum as f32 * scale - *mean);
        }
        self.power += weight * (energy(pcm) as f32 * scale - self.power);
    }

    /// Its level in -dBov.
    pub fn level_dbov(&self) -> u8 {
        dbov(self.power as u64, 1).min(SILENCE_DBOV)
    }

    /// The payload that describes it.
    ///
    /// Real-time: yes.
    pub fn describe(&self) -> [u8; PAYLOAD_BYTES] {
        let mut payload = [127; PAYLOAD_BYTES];
        payload[0] = self.level_dbov();
        for (byte, k) in payload[1..].iter_mut().zip(reflection(&self.correlation)) {
            *byte = (127.0 + k / STEP + 0.5).clamp(0.0, 254.0) as u8;
        }
        payload
    }
}

/// Reflection coefficients of an autocorrelation (N. Levinson and J. Durbin); those of white noise
/// where there is nothing to predict.
fn reflection(r: &[f32; ORDER + 1]) -> [f32; ORDER] {
    let mut k = [0.0; ORDER];
    let mut a = [0.0_f32; ORDER];
    let [power, r @ ..] = r;
    // A floor of -40 dB keeps tones from making a filter that rings.
    let mut error = power * 1.000_1;
    if error <= 0.0 {
        return k;
    }
    for m in 0..ORDER {
        let known = a[..m].iter().zip(r[..m].iter().rev());
        let sum: f32 = r[m] + known.map(|(a, r)| a * r).sum::<f32>();
        let coefficient = (-sum / error).clamp(-0.98, 0.98);
        let before = a;
        for (a, mirrored) in a[..m].iter_mut().zip(before[..m].iter().rev()) {
            *a += coefficient * mirrored;
        }
        a[m] = coefficient;
        error *= 1.0 - coefficient * coefficient;
        k[m] = coefficient;
        if error <= 0.0 {
            break;
        }
    }
    k
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Noise through `y[n] = x[n] + c * y[n - 1]`.
    fn coloured(c: f32, count: usize) -> Vec<i16> {
        let (mut seed, mut last) = (1_u32, 0.0);
        (0..count)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                last = seed as i32 as f32 / 2_147_483_648.0 * 300.0 + c * last;
                last as i16
            })
            .collect()
    }

    #[test]
    fn one_pole_noise_is_described_by_its_pole() {
        for pole in [-0.7, 0.0, 0.5, 0.9] {
            let mut background = Background::default();
            for stretch in coloured(pole, 16_000).chunks(160) {
                background.hear(stretch);
            }
            let payload = background.describe();
            let k: Vec<f32> =
                payload[1..].iter().map(|byte| STEP * (f32::from(*byte) - 127.0)).collect();
            assert!((k[0] + pole).abs() < 0.12, "pole {pole}: {k:?}");
            assert!(k[1..].iter().all(|k| k.abs() < 0.2), "pole {pole}: {k:?}");
        }
    }

    #[test]
    fn the_level_is_that_of_the_background_and_silence_is_silent() {
        let mut background = Background::default();
        background.hear(&[100, -100].repeat(80));
        // 100 of 32768 is -50.3 dB.
        assert_eq!(background.level_dbov(), 50);
        background.restart();
        background.hear(&[0; 160]);
        assert_eq!(background.describe()[0], 127);
    }
}
