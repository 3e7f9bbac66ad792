// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an endpoint is made for, and why it refuses.

use core::fmt;

use crate::dsp::tones::plans::Plan;
use crate::voice::{NoiseSuppression, Settings};

/// Calls at once: two that a third is brought into.
pub const LINES: usize = 3;

/// A call of an endpoint's, 0 to [`LINES`] - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LineId(pub(super) u8);

impl LineId {
    /// The line of this number, if there is one.
    pub fn new(number: u8) -> Option<Self> {
        (usize::from(number) < LINES).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }
}

/// Where the sound goes in and out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// A receiver held to the head: little echo, and one's own voice is heard softly.
    Handset,
    /// A headset: no echo worth an engine's work, noise around, and one's own voice is heard softly.
    Headset,
    /// A loudspeaker beside a microphone.
    HandsFree,
}

impl Profile {
    /// What the chain does.
    pub fn settings(self) -> Settings {
        let mut settings = Settings::default();
        match self {
            Self::HandsFree => (),
            Self::Handset => settings.noise_suppression = NoiseSuppression::Moderate,
            Self::Headset => {
                settings.echo_cancellation = false;
                settings.follow_jumps = false;
            }
        }
        settings
    }

    /// How loud one's own voice is heard, as a factor: 24 dB down, or not at all.
    pub(super) fn side_tone(self) -> f32 {
        match self {
            Self::HandsFree => 0.0,
            Self::Handset | Self::Headset => 0.063,
        }
    }
}

/// What an endpoint is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// Samples a second of devices and legs: 8000, 16000, 32000 or 48000.
    pub sample_rate_hz: u32,
    /// Where the sound goes in and out.
    pub profile: Profile,
    /// Sound that is held waiting for the loudspeaker, 10 to 200 ms: as much as one callback takes, and a
    /// frame and what callbacks are late by besides. 30 by default, for callbacks of 10 ms.
    pub playout_ms: u32,
    /// How much later than its callback the loudspeaker sounds and the microphone has heard it at least, 0 to
    /// 250 ms. 10 by default. Smaller values cost nothing but references that come too late.
    pub device_delay_ms: u32,
    /// The country's tones.
    pub tones: Plan,
}

impl EndpointConfig {
    /// A hands-free phone.
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            sample_rate_hz,
            profile: Profile::HandsFree,
            playout_ms: 30,
            device_delay_ms: 10,
            tones: Plan::Europe,
        }
    }
}

/// Why an endpoint refused. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
    /// Only 8000, 16000, 32000 and 48000 Hz; a leg's rate is the endpoint's.
    SampleRate,
    /// [`EndpointConfig::playout_ms`] or [`EndpointConfig::device_delay_ms`].
    Delay,
    /// A level of a tone, 10 to 63, or a gain, 0 to 4.
    Level,
    /// Too many commands wait: nobody captures.
    Busy,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SampleRate => {
                "the rate is none of 8000, 16000, 32000 and 48000 Hz, or not the endpoint's"
            }
            Self::Delay => "a delay is out of range",
            Self::Level => "a level or gain is out of range",
            Self::Busy => "too many commands wait for the microphone's callback",
        })
    }
}

impl core::error::Error for EndpointError {}
