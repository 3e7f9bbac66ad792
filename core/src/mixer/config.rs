// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a mixer is made for, what it says of itself, and why it refuses.

use core::fmt;

use crate::names::names;

/// Why a mixer refused. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MixerError {
    /// A rate that is not a multiple of 100 Hz up to 48 kHz (with a limiter, of 8 kHz), neither one
    /// nor two channels, a frame of neither 10 nor 20 ms (20 at multiples of 1600 Hz), or a number of participants of 0 or above [`MAX_PARTICIPANTS`](super::MAX_PARTICIPANTS).
    InvalidConfig,
    /// All places, or all gains of one listener for one talker, are taken.
    Full,
    /// No such participant: it never joined, or has left.
    UnknownParticipant,
    /// A gain below 0, above [`MAX_GAIN`](super::MAX_GAIN), or not a number.
    InvalidGain,
    /// A slice that is not a frame long.
    InvalidLength,
    /// A gain of a participant for itself: nobody hears itself.
    SameParticipant,
}

impl fmt::Display for MixerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidConfig => {
                "mixer rate, channels, frame or number of participants out of range"
            }
            Self::Full => "mixer has no place left",
            Self::UnknownParticipant => "no such participant",
            Self::InvalidGain => "gain is negative, too large or not a number",
            Self::InvalidLength => "PCM is not as long as a frame",
            Self::SameParticipant => "a participant does not hear itself",
        })
    }
}

impl core::error::Error for MixerError {}

names! {
    /// A participant's name in one mixer. A name is not used again for whoever takes the place next.
    pub struct ParticipantId;
}

/// What a mixer is made for.
#[derive(Debug, Clone, Copy)]
pub struct MixerConfig {
    /// Samples per second: a multiple of 100, at most 48000; with a limiter, a multiple of 8000.
    pub sample_rate_hz: u32,
    /// 1, or 2 for stereo: left and right alternate in all PCM.
    pub channels: u8,
    /// Places, 1 to [`MAX_PARTICIPANTS`](super::MAX_PARTICIPANTS); the memory for all is taken at creation.
    pub max_participants: usize,
    /// Gains of one listener for one talker ([`Mixer::set_pair_gain`](super::Mixer::set_pair_gain)) that there may be at a time.
    pub max_pair_gains: usize,
    /// Whether a look-ahead limiter keeps sums below full scale. It delays what is heard by 2 ms.
    /// Without one, sums are clamped.
    pub limiter: bool,
    /// Length of a frame, what is written, mixed and heard at a time: 10 ms, or 20. One of 20 takes a fifth
    /// to a half less time than two of 10. Changes of a gain are ramps over a frame.
    pub frame_ms: u8,
}

impl Default for MixerConfig {
    fn default() -> Self {
        Self {
            sample_rate_hz: 8_000,
            channels: 1,
            max_participants: 16,
            max_pair_gains: 0,
            limiter: false,
            frame_ms: 10,
        }
    }
}

/// What a mixer has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MixerStats {
    /// Participants just now.
    pub participants: u32,
    /// Times that [`Mixer::run`](super::Mixer::run) ran.
    pub runs: u64,
    /// Rows that were added up.
    pub rows_mixed: u64,
    /// Outputs taken.
    pub outputs: u64,
}
