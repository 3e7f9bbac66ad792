// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a voice is made for, and what it is told.

use crate::member::MemberId;

/// The longest that a flush may take to fall silent, in ms.
pub const MAX_FADE_MS: u32 = 250;
/// The most that may wait, in ms.
pub const MAX_CAPACITY_MS: u32 = 120_000;

/// What a voice is made for.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct TalkConfig {
    /// Samples a second of what is written: 8, 12, 16, 24, 32 or 48 kHz.
    pub sample_rate_hz: u32,
    /// Of what it is heard at: one of the conference's rates.
    pub member_rate_hz: u32,
    /// How much may wait to be heard, 100 ms to [`MAX_CAPACITY_MS`].
    pub capacity_ms: u32,
    /// Told by [`TalkEvent::Low`] when less waits than this.
    pub low_water_ms: u32,
    /// [`TalkWriter::is_high`](super::TalkWriter::is_high) when more does.
    pub high_water_ms: u32,
    /// Speech of others over this voice that is over after so long is a backchannel ("mhm"), and longer
    /// an interruption.
    pub backchannel_ms: u32,
}

impl Default for TalkConfig {
    fn default() -> Self {
        Self {
            sample_rate_hz: 24_000,
            member_rate_hz: 16_000,
            capacity_ms: 30_000,
            low_water_ms: 200,
            high_water_ms: 20_000,
            backchannel_ms: 700,
        }
    }
}

/// What a voice's writer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TalkEvent {
    /// All that was written before this mark has been heard.
    Mark(u64),
    /// All that was written has been heard.
    Drained,
    /// Less waits than [`TalkConfig::low_water_ms`].
    Low,
    /// What waited was thrown away: so many samples of the member's rate were not heard.
    Flushed {
        /// Samples.
        samples: u32,
    },
    /// A member has begun to speak while this voice does.
    Overlap(MemberId),
    /// It has gone on for longer than a backchannel: it wants to speak.
    BargeIn(MemberId),
    /// It was over before that.
    Backchannel {
        /// Who.
        member: MemberId,
        /// How long.
        ms: u32,
    },
}
