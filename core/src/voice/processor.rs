// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an engine of echo cancellation, noise suppression or gain control has to offer.

/// One part of a [`Capture`](super::Capture) chain: 10 ms at a time, in place.
///
/// Both directions are called from the capture thread, first [`Processor::render`], then
/// [`Processor::capture`], once each a frame. Samples are single precision with full scale at 1; they may
/// exceed it between two engines.
///
/// An engine that is real-time says so in its own documentation; what one allocates there, too.
pub trait Processor: Send {
    /// What the loudspeaker plays, aligned with the frame of [`Processor::capture`] that follows.
    fn render(&mut self, frame: &[f32]);

    /// What the microphone has heard, to be changed in place.
    fn capture(&mut self, frame: &mut [f32]);

    /// Roughly how long it takes from [`Processor::render`] to the same sound in
    /// [`Processor::capture`]. An engine that finds that out by itself need not care.
    fn set_stream_delay_ms(&mut self, _delay_ms: u32) {}

    /// What is to be done from now on. Real-time: no.
    fn apply(&mut self, _settings: &Settings) {}

    /// Forgets what it has learnt: the reference has jumped to where nothing fits any more.
    fn restart(&mut self) {}

    /// What it knows of itself.
    fn statistics(&self) -> Statistics {
        Statistics::default()
    }
}

/// What a chain does. An engine does of it what it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Takes the loudspeaker out of the microphone.
    pub echo_cancellation: bool,
    /// Takes steady noise away.
    pub noise_suppression: NoiseSuppression,
    /// Brings near-end speech to [`TARGET_LEVEL_DBOV`](super::TARGET_LEVEL_DBOV).
    pub gain_control: bool,
    /// Takes away what lies below speech.
    pub high_pass: bool,
    /// Looks for jumps of the echo's delay and follows them (`voice/jump.rs`).
    pub follow_jumps: bool,
}

/// How much noise is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoiseSuppression {
    /// None.
    Off,
    /// Some, without a sound of its own.
    Moderate,
    /// As much as the engine can.
    High,
}

impl Default for Settings {
    /// All of it: a hands-free phone.
    fn default() -> Self {
        Self {
            echo_cancellation: true,
            noise_suppression: NoiseSuppression::High,
            gain_control: true,
            high_pass: true,
            follow_jumps: true,
        }
    }
}

impl Settings {
    /// Nothing at all; what is wanted is switched on.
    pub fn off() -> Self {
        Self {
            echo_cancellation: false,
            noise_suppression: NoiseSuppression::Off,
            gain_control: false,
            high_pass: false,
            follow_jumps: false,
        }
    }
}

/// What an engine knows of itself; `None` for what it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// By how much it makes the echo softer, in dB.
    pub echo_return_loss_enhancement_db: Option<f32>,
    /// By how much the echo is softer than what is played, in dB.
    pub echo_return_loss_db: Option<f32>,
    /// From render to capture.
    pub delay_ms: Option<u32>,
    /// Whether somebody speaks, 0 to 1.
    pub speech_probability: Option<f32>,
    /// What it amplifies by, in dB.
    pub gain_db: Option<f32>,
}

impl Statistics {
    /// What this one knows, else what `other` knows.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            echo_return_loss_enhancement_db: self
                .echo_return_loss_enhancement_db
                .or(other.echo_return_loss_enhancement_db),
            echo_return_loss_db: self.echo_return_loss_db.or(other.echo_return_loss_db),
            delay_ms: self.delay_ms.or(other.delay_ms),
            speech_probability: self.speech_probability.or(other.speech_probability),
            gain_db: self.gain_db.or(other.gain_db),
        }
    }
}
