// SPDX-License-Identifier: MIT OR Apache-2.0
//! libwebrtc's audio processing module: AEC3, noise suppression and a high-pass.

use webrtc_audio_processing::config::{
    EchoCanceller, HighPassFilter, NoiseSuppression as Noise, NoiseSuppressionLevel,
    PipelineProcessingRate,
};
use webrtc_audio_processing::{Config, Processor as Module};

use super::VoiceError;
use super::processor::{NoiseSuppression, Processor, Settings, Statistics};

/// libwebrtc's canceller and noise suppression (M131), compiled into the program.
///
/// Real-time: but for one allocation and one free a direction and frame, of a pointer each, which the
/// binding makes a list of channels with, and for the module's two mutexes, which nobody else holds.
/// `voice/webrtc.rs` counts them.
pub struct WebRtc {
    module: Module,
    delay_ms: Option<u32>,
    settings: Settings,
    /// Noise suppression is another engine's.
    leaves_noise: bool,
}

impl WebRtc {
    /// At 8, 16, 32 or 48 kHz.
    ///
    /// Real-time: no.
    ///
    /// # Errors
    /// [`VoiceError::Engine`].
    pub fn new(rate_hz: u32) -> Result<Self, VoiceError> {
        // A canceller with settings of its own can't be switched off: the module takes its factory for a wish.
        let module = Module::new(rate_hz).map_err(|_| VoiceError::Engine)?;
        let mut made = Self {
            module,
            delay_ms: None,
            settings: Settings::default(),
            leaves_noise: cfg!(feature = "process-rnnoise"),
        };
        made.configure();
        Ok(made)
    }

    /// As [`WebRtc::new`], with libwebrtc's own noise suppression also where there is another engine for
    /// that.
    ///
    /// # Errors
    /// [`VoiceError::Engine`].
    pub fn with_noise_suppression(rate_hz: u32) -> Result<Self, VoiceError> {
        let mut made = Self::new(rate_hz)?;
        made.leaves_noise = false;
        made.configure();
        Ok(made)
    }

    fn configure(&mut self) {
        let level = match self.settings.noise_suppression {
            _ if self.leaves_noise => None,
            NoiseSuppression::Off => None,
            NoiseSuppression::Moderate => Some(NoiseSuppressionLevel::Moderate),
            NoiseSuppression::High => Some(NoiseSuppressionLevel::High),
        };
        let mut config = Config::default();
        config.pipeline.maximum_internal_processing_rate = PipelineProcessingRate::Max48000Hz;
        config.high_pass_filter = self.settings.high_pass.then(HighPassFilter::default);
        config.echo_canceller = self
            .settings
            .echo_cancellation
            .then_some(EchoCanceller::Full { stream_delay_ms: self.delay_ms.map(|ms| ms as u16) });
        config.noise_suppression =
            level.map(|level| Noise { level, analyze_linear_aec_output: false });
        self.module.set_config(config);
    }
}

impl Processor for WebRtc {
    fn render(&mut self, frame: &[f32]) {
        if frame.len() == self.module.num_samples_per_frame() {
            let _ = self.module.analyze_render_frame([frame]);
        }
    }

    fn capture(&mut self, frame: &mut [f32]) {
        if frame.len() == self.module.num_samples_per_frame() {
            let _ = self.module.process_capture_frame([frame]);
        }
    }

    fn set_stream_delay_ms(&mut self, delay_ms: u32) {
        self.delay_ms = Some(delay_ms.min(500));
        self.configure();
    }

    fn apply(&mut self, settings: &Settings) {
        self.settings = *settings;
        self.configure();
    }

    fn restart(&mut self) {
        self.module.reinitialize();
    }

    fn statistics(&self) -> Statistics {
        // Its losses are not asked for, which stay where they began: the chain measures its own.
        let stats = self.module.get_stats();
        let delay_ms = stats.delay_ms.filter(|_| self.settings.echo_cancellation);
        Statistics { delay_ms, ..Statistics::default() }
    }
}

impl core::fmt::Debug for WebRtc {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WebRtc").field("settings", &self.settings).finish_non_exhaustive()
    }
}
