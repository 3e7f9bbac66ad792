// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sonora: libwebrtc's audio processing module, written anew in Rust.

use alloc::boxed::Box;
use alloc::vec;

use sonora::config::{EchoCanceller, NoiseSuppression as Noise, NoiseSuppressionLevel};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::VoiceError;
use super::processor::{NoiseSuppression, Processor, Settings, Statistics};
use crate::dsp::resample::RATES_HZ;
use crate::within::Within;

/// Below this the high-pass takes away, in hertz.
const HIGH_PASS_HZ: f32 = 100.0;

/// A Butterworth high-pass of second order, as libwebrtc's. Sonora's own (0.2) has the sixth, with half a decibel of
/// ripple and 13 dB at 60 Hz: a clean voice loses half a point of PESQ by it, with nothing to cancel.
#[derive(Clone, Copy)]
struct HighPass {
    b: f32,
    a: [f32; 2],
    state: [f32; 2],
}

impl HighPass {
    fn new(rate_hz: u32) -> Self {
        let angle = core::f32::consts::TAU * HIGH_PASS_HZ / rate_hz as f32;
        let (sin, cos) = angle.sin_cos();
        let alpha = sin * core::f32::consts::FRAC_1_SQRT_2;
        let scale = 1.0 / (1.0 + alpha);
        Self {
            b: 0.5 * (1.0 + cos) * scale,
            a: [-2.0 * cos * scale, (1.0 - alpha) * scale],
            state: [0.0; 2],
        }
    }

    fn process(&mut self, pcm: &mut [f32]) {
        let (b, [a1, a2], [mut first, mut second]) = (self.b, self.a, self.state);
        for sample in pcm {
            let (x, y) = (*sample, b * *sample + first);
            first = second - 2.0 * b * x - a1 * y;
            second = b * x - a2 * y;
            *sample = y;
        }
        self.state = [first, second];
    }
}

/// The canceller for who has cargo alone. It allocates some forty times a frame (0.2): not for a device that
/// means its real time seriously. Needs a newer compiler than the rest of the crate.
pub struct Sonora {
    module: AudioProcessing,
    source: Box<[f32]>,
    sink: Box<[f32]>,
    delay_ms: Option<u32>,
    high_pass: HighPass,
    filters: bool,
}

impl Sonora {
    /// At 8, 16, 32 or 48 kHz.
    ///
    /// Real-time: no.
    ///
    /// # Errors
    /// [`VoiceError::UnsupportedRate`].
    pub fn new(rate_hz: u32) -> Result<Self, VoiceError> {
        if !RATES_HZ.contains(&rate_hz) {
            return Err(VoiceError::UnsupportedRate);
        }
        let stream = StreamConfig::new(rate_hz, 1);
        let module = AudioProcessing::builder()
            .config(configured(&Settings::default()))
            .capture_config(stream)
            .render_config(stream)
            .build();
        let frame = (rate_hz / 100) as usize;
        Ok(Self {
            module,
            source: vec![0.0; frame].into_boxed_slice(),
            sink: vec![0.0; frame].into_boxed_slice(),
            delay_ms: None,
            high_pass: HighPass::new(rate_hz),
            filters: Settings::default().high_pass,
        })
    }
}

fn configured(settings: &Settings) -> Config {
    let level = match settings.noise_suppression {
        NoiseSuppression::Off => None,
        NoiseSuppression::Moderate => Some(NoiseSuppressionLevel::Moderate),
        NoiseSuppression::High => Some(NoiseSuppressionLevel::High),
    };
    let level = level.filter(|_| !cfg!(feature = "process-rnnoise"));
    Config {
        echo_canceller: settings.echo_cancellation.then(|| EchoCanceller {
            enforce_high_pass_filtering: false,
            ..EchoCanceller::default()
        }),
        noise_suppression: level.map(|level| Noise { level, ..Noise::default() }),
        ..Config::default()
    }
}

impl Processor for Sonora {
    fn render(&mut self, frame: &[f32]) {
        if frame.len() == self.sink.len() {
            let _ = self.module.process_render_f32(&[frame], &mut [&mut self.sink]);
        }
    }

    fn capture(&mut self, frame: &mut [f32]) {
        if frame.len() == self.source.len() {
            if let Some(ms) = self.delay_ms {
                let _ = self.module.set_stream_delay_ms(ms as i32);
            }
            self.source.copy_of(frame);
            if self.filters {
                self.high_pass.process(&mut self.source);
            }
            let _ = self.module.process_capture_f32(&[&self.source], &mut [frame]);
        }
    }

    fn set_stream_delay_ms(&mut self, delay_ms: u32) {
        self.delay_ms = Some(delay_ms.min(500));
    }

    fn apply(&mut self, settings: &Settings) {
        self.filters = settings.high_pass;
        self.module.apply_config(configured(settings));
    }

    fn statistics(&self) -> Statistics {
        let stats = self.module.statistics();
        Statistics {
            echo_return_loss_enhancement_db: stats.echo_return_loss_enhancement.map(|v| v as f32),
            echo_return_loss_db: stats.echo_return_loss.map(|v| v as f32),
            ..Statistics::default()
        }
    }
}

impl core::fmt::Debug for Sonora {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sonora").finish_non_exhaustive()
    }
}
