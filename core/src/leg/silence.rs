// SPDX-License-Identifier: MIT OR Apache-2.0
//! Discontinuous transmission (DTX): pauses, sent as a description of their background (RFC 3389) or, for a
//! codec with discontinuous transmission of its own, by nothing. The encoder is not called in either
//! case: libopus would spend as much on digital silence as on speech. A tone, a chord or music is no
//! background, however steady: noise of its level and spectrum is not heard as it.

use crate::codec::comfort_noise::{Background, PAYLOAD_BYTES};
use crate::dsp::activity::Activity;
use crate::dsp::lines::Lines;

/// A description is repeated after this long, in ms, for whoever lost the last.
const REPEAT_MS: u32 = 500;
/// And at once when the level has changed by this much, in dB.
const CHANGE_DB: u8 = 3;
/// A codec's own comfort noise is refreshed after this long, in ms (as RFC 6716 section 2.1.9 has
/// it).
const REFRESH_MS: u32 = 400;

/// How a pause is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DtxMode {
    /// By packets of this payload type.
    Described(u8),
    /// By packets of the codec, now and then.
    Refreshed,
}

/// What becomes of a packet time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is encoded.
    Sound,
    /// This description goes in its place.
    Description(u8, [u8; PAYLOAD_BYTES]),
    /// Nothing is sent.
    Nothing,
}

/// Decides packet by packet.
#[derive(Debug)]
pub(super) struct Silence {
    mode: DtxMode,
    packet_ms: u32,
    activity: Activity,
    lines: Lines,
    background: Background,
    /// In a pause: since the last packet that told of it.
    since_ms: Option<u32>,
    told_dbov: u8,
}

impl Silence {
    pub(super) fn new(mode: DtxMode, packet_ms: u32, rate_hz: u32) -> Self {
        Self {
            mode,
            packet_ms,
            activity: Activity::new(),
            lines: Lines::new(rate_hz),
            background: Background::default(),
            since_ms: None,
            told_dbov: 0,
        }
    }

    /// Takes in the audio of the next packet time.
    pub(super) fn decide(&mut self, pcm: &[i16]) -> Decision {
        let speech = self.activity.is_speech(pcm, self.packet_ms);
        // Listened for in the hangover and after it only, which is when it matters and costs nothing to
        // those who speak.
        let lines = if self.activity.holds() {
            self.lines.restart();
            false
        } else {
            self.lines.hear(pcm)
        };
        if speech || lines {
            self.since_ms = None;
            self.background.restart();
            return Decision::Sound;
        }
        let since_ms = self.since_ms.map(|ms| ms.saturating_add(self.packet_ms));
        let DtxMode::Described(payload_type) = self.mode else {
            let due = since_ms.is_none_or(|ms| ms >= REFRESH_MS);
            self.since_ms = Some(if due { 0 } else { since_ms.unwrap_or(0) });
            return if due { Decision::Sound } else { Decision::Nothing };
        };
        self.background.hear(pcm);
        let changed = self.background.level_dbov().abs_diff(self.told_dbov) >= CHANGE_DB;
        if since_ms.is_some_and(|ms| ms < REPEAT_MS) && !changed {
            self.since_ms = since_ms;
            return Decision::Nothing;
        }
        self.since_ms = Some(0);
        self.told_dbov = self.background.level_dbov();
        Decision::Description(payload_type, self.background.describe())
    }
}

#[cfg(all(test, feature = "std"))]
#[path = "silence_tests.rs"]
mod tests;
