// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether somebody speaks: energy against a floor that follows the background (the idea of minimum
//! statistics; R. Martin, 2001), with a hangover so that word ends are not cut.
//!
//! It decides what need not be sent, so it errs towards speech: a missed pause costs bandwidth, a
//! missed onset costs a syllable.

use super::level::energy;
use crate::math;

/// Speech lies this much above the floor, in dB.
const MARGIN_DB: f32 = 7.0;
/// Below this level nothing is speech, in dB relative to full scale.
const ABSOLUTE_DB: f32 = -62.0;
/// How fast the floor rises in what seems to be speech, in dB a second; it falls at once.
const RISE_DB_PER_S: f32 = 3.0;
/// What counts as speech after it, in ms.
const HANGOVER_MS: u32 = 240;
/// Level of digital silence.
const SILENT_DB: f32 = -100.0;

/// Follows one speaker.
#[derive(Debug, Clone)]
pub struct Activity {
    floor_db: f32,
    hangover_ms: u32,
}

impl Default for Activity {
    fn default() -> Self {
        Self::new()
    }
}

impl Activity {
    /// Before the first sound; what comes first counts as background if it is steady.
    pub fn new() -> Self {
        Self { floor_db: -45.0, hangover_ms: 0 }
    }

    /// Takes in the next stretch of `frame_ms`; whether it is to be treated as speech.
    ///
    /// Real-time: yes.
    pub fn is_speech(&mut self, pcm: &[i16], frame_ms: u32) -> bool {
        self.hears(if pcm.is_empty() { SILENT_DB } else { level_db(pcm) }, frame_ms)
    }

    /// As [`Activity::is_speech`], for who knows already how loud the stretch is, in dB relative to a
    /// full-scale square wave.
    ///
    /// Real-time: yes.
    pub fn hears(&mut self, level_db: f32, frame_ms: u32) -> bool {
        let rise = RISE_DB_PER_S * frame_ms as f32 * 1e-3;
        let speech = level_db > ABSOLUTE_DB && level_db > self.floor_db + MARGIN_DB;
        self.floor_db = if level_db < self.floor_db {
            // Half of the way, so that one quiet frame does not make noise into speech.
            (self.floor_db + level_db.max(-90.0)) / 2.0
        } else {
            (self.floor_db + rise).min(level_db)
        };
        if speech {
            self.hangover_ms = HANGOVER_MS;
            return true;
        }
        let within = self.hangover_ms > 0;
        self.hangover_ms = self.hangover_ms.saturating_sub(frame_ms);
        within
    }

    /// Whether the last stretch was speech by itself, not only in the hangover of what came before it.
    pub fn holds(&self) -> bool {
        self.hangover_ms == HANGOVER_MS
    }
}

/// Level in dB relative to a full-scale square wave.
fn level_db(pcm: &[i16]) -> f32 {
    let mean_square = energy(pcm) as f32 / pcm.len() as f32;
    (10.0 * math::log10(mean_square / (32_768.0 * 32_768.0))).max(SILENT_DB)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn noise(seed: &mut u32, amplitude: f32, count: usize) -> Vec<i16> {
        (0..count)
            .map(|_| {
                *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (*seed as i32 as f32 / 2_147_483_648.0 * amplitude) as i16
            })
            .collect()
    }

    #[test]
    fn steady_noise_becomes_background_and_a_voice_over_it_is_speech_at_once() {
        for amplitude in [0.0, 60.0, 800.0] {
            let mut activity = Activity::new();
            let mut seed = 1;
            for _ in 0..600 {
                activity.is_speech(&noise(&mut seed, amplitude, 160), 20);
            }
            let missed = (0..100)
                .filter(|_| activity.is_speech(&noise(&mut seed, amplitude, 160), 20))
                .count();
            assert_eq!(missed, 0, "background at {amplitude}");
            let loud = noise(&mut seed, amplitude * 3.0 + 400.0, 160);
            assert!(activity.is_speech(&loud, 20), "onset over {amplitude}");
            let held =
                (0..50).filter(|_| activity.is_speech(&noise(&mut seed, amplitude, 160), 20));
            assert_eq!(held.count() as u32 * 20, HANGOVER_MS);
        }
    }
}
