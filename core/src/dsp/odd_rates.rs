// SPDX-License-Identifier: MIT OR Apache-2.0
//! Resampling between rates of any ratio, such as a sound card's 44.1 kHz, by a ratio that may be
//! corrected while it runs: for a capture device whose clock drifts against the call's. The work is
//! done by `rubato`, by windowed sinc interpolation in single precision.
//!
//! What is fixed and simple (8, 16, 32 and 48 kHz) is [`resample`](super::resample)'s.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable, Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

use super::resample::UnsupportedRate;

/// Input samples that are processed at a time, and so the most that wait.
const CHUNK: usize = 32;
/// Taps of the filter, and steps of its table between two samples.
const TAPS: usize = 128;
const OVERSAMPLING: usize = 256;
/// Drift that may be corrected, parts per million: crystals are within 100 of what they say.
pub const MAX_CORRECTION_PPM: f32 = 1_000.0;

/// Turns one channel of PCM at one rate into another.
pub struct OddResampler {
    inner: Async<f32>,
    ratio: f64,
    /// Input that does not fill a chunk yet.
    waiting: Vec<f32>,
    chunk: Vec<f32>,
}

impl OddResampler {
    /// Resamples from `from_hz` to `to_hz`, each 4000 to 192000.
    ///
    /// Real-time: no (takes all memory, computes the filter).
    ///
    /// # Errors
    /// [`UnsupportedRate`].
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, UnsupportedRate> {
        let rates = 4_000..=192_000;
        if !rates.contains(&from_hz) || !rates.contains(&to_hz) {
            return Err(UnsupportedRate);
        }
        let ratio = f64::from(to_hz) / f64::from(from_hz);
        let parameters = SincInterpolationParameters {
            sinc_len: TAPS,
            f_cutoff: None,
            oversampling_factor: OVERSAMPLING,
            interpolation: SincInterpolationType::Cubic,
            window: WindowFunction::BlackmanHarris2,
        };
        let most = 1.0 + 2e-6 * f64::from(MAX_CORRECTION_PPM);
        let inner = Async::new_sinc(ratio, most, &parameters, CHUNK, 1, FixedAsync::Input)
            .map_err(|_| UnsupportedRate)?;
        let chunk = vec![0.0; inner.output_frames_max()];
        Ok(Self { inner, ratio, waiting: Vec::with_capacity(CHUNK), chunk })
    }

    /// The most samples that [`OddResampler::process`] makes of `count`.
    pub fn max_output(&self, count: usize) -> usize {
        (count + CHUNK - 1).div_ceil(CHUNK) * self.chunk.len()
    }

    /// Samples at the output rate by which the output lags behind the input, filter and chunk.
    pub fn delay_samples(&self) -> usize {
        self.inner.output_delay() + (CHUNK as f64 * self.ratio) as usize
    }

    /// Takes any number of samples and writes what they have become to the front of `out`; returns how
    /// many. What finds no room in `out` ([`OddResampler::max_output`] is enough) is lost.
    ///
    /// Real-time: yes.
    pub fn process(&mut self, pcm: &[i16], out: &mut [i16]) -> usize {
        let mut made = 0;
        for sample in pcm {
            self.waiting.push(f32::from(*sample));
            if self.waiting.len() < CHUNK {
                continue;
            }
            let count = self.chunk();
            self.waiting.clear();
            for (to, from) in out.iter_mut().skip(made).zip(&self.chunk[..count]) {
                *to = crate::math::round_ties_even(*from).clamp(-32_768.0, 32_767.0) as i16;
            }
            made = (made + count).min(out.len());
        }
        made
    }

    /// Processes the chunk that waits; how many samples it has become.
    fn chunk(&mut self) -> usize {
        let room = self.chunk.len();
        let (Ok(input), Ok(mut output)) = (
            InterleavedSlice::new(&self.waiting, 1, CHUNK),
            InterleavedSlice::new_mut(&mut self.chunk, 1, room),
        ) else {
            return 0;
        };
        self.inner.process_into_buffer(&input, &mut output, None).map_or(0, |(_, made)| made)
    }

    /// Makes so many more samples a million than the two rates say, from the next chunk on by a ramp:
    /// what makes up for a device whose clock is that much slow. `false`, and nothing changed, beyond
    /// [`MAX_CORRECTION_PPM`] either way.
    ///
    /// Real-time: yes.
    pub fn correct_ppm(&mut self, ppm: f32) -> bool {
        (-MAX_CORRECTION_PPM..=MAX_CORRECTION_PPM).contains(&ppm)
            && self.inner.set_resample_ratio_relative(1.0 + 1e-6 * f64::from(ppm), true).is_ok()
    }
}

impl fmt::Debug for OddResampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OddResampler").field("ratio", &self.ratio).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate: f64, count: usize) -> Vec<i16> {
        (0..count)
            .map(|n| (16_000.0 * (core::f64::consts::TAU * hz * n as f64 / rate).sin()) as i16)
            .collect()
    }

    fn through(resampler: &mut OddResampler, pcm: &[i16]) -> Vec<i16> {
        let mut all = Vec::new();
        // Blocks as a device brings them, which need not fit chunks.
        for block in pcm.chunks(441) {
            let mut out = vec![0; resampler.max_output(block.len())];
            let count = resampler.process(block, &mut out);
            all.extend_from_slice(&out[..count]);
        }
        all
    }

    /// How far a tone of `hz` at `rate` stands above all else in `pcm`, in dB: least squares of sine
    /// and cosine over whole seconds.
    fn purity_db(pcm: &[i16], hz: f64, rate: f64) -> f64 {
        let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
        for (n, sample) in pcm.iter().enumerate() {
            let (sin, cos) = (core::f64::consts::TAU * hz * n as f64 / rate).sin_cos();
            re += f64::from(*sample) * cos;
            im += f64::from(*sample) * sin;
            energy += f64::from(*sample).powi(2);
        }
        let signal = 2.0 * (re * re + im * im) / pcm.len() as f64;
        10.0 * (signal / (energy - signal).max(1.0)).log10()
    }

    #[test]
    fn a_tone_comes_back_from_48_khz_as_it_was() {
        for (odd_hz, hz) in [(44_100, 997.0), (44_100, 9_001.0), (11_025, 997.0), (22_050, 3_001.0)]
        {
            let mut up = OddResampler::new(odd_hz, 48_000).unwrap();
            let mut down = OddResampler::new(48_000, odd_hz).unwrap();
            let middle = through(&mut up, &tone(hz, f64::from(odd_hz), 3 * odd_hz as usize));
            let back = through(&mut down, &middle);
            let second = odd_hz as usize;
            let there = purity_db(&middle[48_000..96_000], hz, 48_000.0);
            let again = purity_db(&back[second..2 * second], hz, f64::from(odd_hz));
            // Rounding to 16 bits alone leaves 92 dB at this amplitude.
            assert!(there > 80.0 && again > 77.0, "{odd_hz} Hz, {hz}: {there} dB, {again} dB");
        }
    }

    #[test]
    fn a_device_that_is_300_ppm_slow_is_corrected() {
        let mut resampler = OddResampler::new(44_100, 48_000).unwrap();
        assert!(resampler.correct_ppm(300.0));
        // 20 s of the call's clock, as the device counts them.
        let device = 20 * 44_100 - (20.0 * 44_100.0 * 300e-6) as usize;
        let made = through(&mut resampler, &tone(997.0, 44_100.0 * (1.0 - 300e-6), device));
        let missing = 20 * 48_000 - made.len() as i64;
        // All but what is still in the resampler and 0.1 ppm; uncorrected it would be 288.
        assert!((0..=60).contains(&missing), "{missing} samples in 20 s");
        let purity = purity_db(&made[480_000..528_000], 997.0, 48_000.0);
        assert!(purity > 60.0, "the tone keeps its pitch: {purity} dB");
    }

    #[test]
    fn impossible_rates_and_corrections_are_refused() {
        assert_eq!(OddResampler::new(0, 48_000).err(), Some(UnsupportedRate));
        assert_eq!(OddResampler::new(44_100, 200_000).err(), Some(UnsupportedRate));
        let mut resampler = OddResampler::new(44_100, 48_000).unwrap();
        for ppm in [1_001.0, -1_001.0, f32::NAN, f32::INFINITY] {
            assert!(!resampler.correct_ppm(ppm));
        }
        let mut short = [0; 3];
        assert_eq!(resampler.process(&[1; 441], &mut short), 3, "what has no room is lost");
    }
}
