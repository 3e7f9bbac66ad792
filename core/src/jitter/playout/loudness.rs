// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tracks the levels of speech and of the background, and so what a pause is. Knows of nothing else.

use crate::dsp::correlate::power;
use crate::dsp::level::energy;
use crate::math;

/// Levels of the audio lately (root mean square).
#[derive(Debug)]
pub(super) struct Loudness {
    pub(super) floor: f32,
    peak: f32,
    /// Quiet frames in a row, up to what was played last.
    pub(super) quiet_frames: u32,
}

impl Default for Loudness {
    fn default() -> Self {
        Self { floor: 100.0, peak: 300.0, quiet_frames: 0 }
    }
}

impl Loudness {
    /// Takes in sound that was decoded, in frames of 10 ms.
    pub(super) fn hear(&mut self, signal: &[i16], frame: usize) {
        for chunk in signal.chunks_exact(frame.max(1)) {
            let level = math::sqrt(power(chunk));
            self.floor = if level < self.floor { level + 0.5 } else { self.floor * 1.002 }.max(3.0);
            self.peak = level.max(self.peak * 0.9995);
        }
    }

    /// Takes in what is played, about 10 ms; returns its energy.
    pub(super) fn play(&mut self, out: &[i16]) -> u64 {
        let energy = energy(out);
        let quiet = energy as f32 / out.len().max(1) as f32 <= self.pause_power();
        self.quiet_frames = if quiet { self.quiet_frames.saturating_add(1) } else { 0 };
        energy
    }

    /// Whether every 10 ms of a signal is as soft as a pause.
    pub(super) fn is_quiet(&self, signal: &[i16], frame: usize) -> bool {
        let most = self.pause_power();
        signal.chunks_exact(frame.max(1)).all(|chunk| power(chunk) <= most)
    }

    /// The most that a pause's mean square is.
    fn pause_power(&self) -> f32 {
        let threshold = (3.0 * self.floor).max(self.peak / 25.0);
        threshold * threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(level: i16) -> [i16; 80] {
        core::array::from_fn(|n| if n & 1 == 0 { level } else { -level })
    }

    #[test]
    fn what_is_three_times_the_floor_or_28_db_below_the_peak_is_a_pause() {
        let mut loudness = Loudness::default();
        // Room noise and a voice.
        for n in 0..200 {
            loudness.hear(&square(if n % 20 < 10 { 50 } else { 8_000 }), 80);
        }
        assert!((50.0..60.0).contains(&loudness.floor), "{}", loudness.floor);
        for (level, quiet) in [(0, true), (50, true), (250, true), (400, false), (8_000, false)] {
            assert_eq!(loudness.is_quiet(&square(level), 80), quiet, "{level}");
        }
        // One loud frame of several is no pause.
        let both = [square(0), square(8_000)].concat();
        assert!(!loudness.is_quiet(&both, 80));
        loudness.play(&square(0));
        loudness.play(&square(0));
        assert_eq!(loudness.quiet_frames, 2);
        loudness.play(&square(8_000));
        assert_eq!(loudness.quiet_frames, 0);
    }
}
