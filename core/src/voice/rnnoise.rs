// SPDX-License-Identifier: MIT OR Apache-2.0
//! RNNoise: noise suppression by a recurrent network (J.-M. Valin, 2018), by the crate `nnnoiseless`.

use alloc::boxed::Box;

use nnnoiseless::DenoiseState;

use super::VoiceError;
use super::processor::{NoiseSuppression, Processor, Settings, Statistics};
use crate::dsp::resample::Resampler;
use crate::math;

/// Samples of 10 ms at 48 kHz, the only rate that the network knows.
const FRAME: usize = 480;
/// Speech this much above the noise is left alone, in dB, and speech that little above it is cleaned as much
/// as can be: the network costs a clean voice half a point of PESQ.
const CLEAN_DB: f32 = 36.0;
const NOISY_DB: f32 = 22.0;
/// What is left of the noise where [`NoiseSuppression::Moderate`] is asked for.
const MODERATE: f32 = 0.25;

/// A frame late, and 32 samples of the chain's rate more below 48 kHz.
///
/// Real-time: yes.
pub struct RnNoise {
    network: Box<DenoiseState<'static>>,
    /// To 48 kHz and back.
    up: Resampler,
    down: Resampler,
    input: [f32; FRAME],
    before: [f32; FRAME],
    output: [f32; FRAME],
    suppression: NoiseSuppression,
    speech_probability: f32,
    /// Mean squares of speech and of what is between, in dB of 16-bit steps.
    speech_db: f32,
    noise_db: f32,
    /// How much of what comes is let through as it is.
    dry: f32,
}

impl RnNoise {
    /// At 8, 16, 32 or 48 kHz.
    ///
    /// Real-time: no.
    ///
    /// # Errors
    /// [`VoiceError::UnsupportedRate`].
    pub fn new(rate_hz: u32) -> Result<Self, VoiceError> {
        let between = |from, to| Resampler::new(from, to).map_err(|_| VoiceError::UnsupportedRate);
        Ok(Self {
            network: DenoiseState::new(),
            up: between(rate_hz, 48_000)?,
            down: between(48_000, rate_hz)?,
            input: [0.0; FRAME],
            before: [0.0; FRAME],
            output: [0.0; FRAME],
            suppression: NoiseSuppression::High,
            speech_probability: 0.0,
            speech_db: 50.0,
            noise_db: 40.0,
            dry: 0.0,
        })
    }

    /// Follows speech and noise of what is being put out, and how much is to be cleaned.
    fn weigh(&mut self) {
        let mean = self.before.iter().map(|v| v * v).sum::<f32>() / FRAME as f32;
        let level_db = 10.0 * math::log10(mean + 1e-2);
        if self.speech_probability > 0.85 {
            self.speech_db += (level_db - self.speech_db) * 0.03;
        } else if self.speech_probability < 0.3 {
            let rate = if level_db < self.noise_db { 0.2 } else { 0.02 };
            self.noise_db += (level_db - self.noise_db) * rate;
        }
        let above = self.speech_db - self.noise_db;
        let clean = ((above - NOISY_DB) / (CLEAN_DB - NOISY_DB)).clamp(0.0, 1.0);
        let least = if self.suppression == NoiseSuppression::Moderate { MODERATE } else { 0.0 };
        self.dry += (clean.max(least) - self.dry) * 0.02;
    }
}

impl Processor for RnNoise {
    fn render(&mut self, _frame: &[f32]) {}

    fn capture(&mut self, frame: &mut [f32]) {
        if self.suppression == NoiseSuppression::Off {
            return;
        }
        self.before = self.input;
        self.up.process(frame, &mut self.input);
        for v in &mut self.input {
            *v *= 32_768.0;
        }
        self.speech_probability = self.network.process_frame(&mut self.output, &self.input);
        self.weigh();
        let dry = self.dry;
        for (out, before) in self.output.iter_mut().zip(&self.before) {
            *out = (*out + dry * (*before - *out)) / 32_768.0;
        }
        self.down.process(&self.output, frame);
    }

    fn apply(&mut self, settings: &Settings) {
        self.suppression = settings.noise_suppression;
    }

    fn restart(&mut self) {
        self.network = DenoiseState::new();
    }

    fn statistics(&self) -> Statistics {
        let speech_probability =
            (self.suppression != NoiseSuppression::Off).then_some(self.speech_probability);
        Statistics { speech_probability, ..Statistics::default() }
    }
}

impl core::fmt::Debug for RnNoise {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RnNoise").field("suppression", &self.suppression).finish_non_exhaustive()
    }
}
