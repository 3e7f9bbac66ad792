// SPDX-License-Identifier: MIT OR Apache-2.0
//! Brings near-end speech to one level, and nothing else.
//!
//! A gain control behind an echo canceller hears mostly what the canceller has left over, and brings that up:
//! ERLE falls from 25 to 12 dB. This one listens only where the near end speaks: where there is speech, and
//! the chain lets through most of what the microphone has heard.

use crate::dsp::activity::Activity;
use crate::math;

/// The level that speech is brought to, in dB of full scale, where it is active.
pub const TARGET_LEVEL_DBOV: f32 = -22.0;
/// Bounds of the gain.
const MOST_DB: f32 = 30.0;
const LEAST_DB: f32 = -12.0;
/// Noise is not made louder than this.
const NOISE_DB: f32 = -56.0;
/// How fast the gain moves while somebody speaks, up and down, in dB a frame of 10 ms.
const UP_DB: f32 = 0.1;
const DOWN_DB: f32 = 0.3;
/// Frames of speech that are averaged.
const FRAMES: f32 = 100.0;
/// What the chain has to let through of a frame of near-end speech: a quarter.
const LET_THROUGH: f32 = 0.25;

/// See the module.
pub(super) struct Leveller {
    activity: Activity,
    /// Mean square of speech, and how many frames of it there were.
    speech: f32,
    frames: f32,
    /// The softest that frames have lately been, in dB.
    floor_db: f32,
    gain_db: f32,
}

impl Leveller {
    pub(super) fn new() -> Self {
        Self { activity: Activity::new(), speech: 0.0, frames: 0.0, floor_db: -60.0, gain_db: 0.0 }
    }

    /// Takes in 10 ms, `before` being the microphone's mean square and `frame` what the chain has made of
    /// it; returns the gains at the frame's beginning and end.
    ///
    /// Real-time: yes.
    pub(super) fn process(&mut self, before: f32, pcm: &[i16], after: f32) -> (f32, f32) {
        let level_db = 10.0 * math::log10(after + 1e-12);
        self.floor_db =
            if level_db < self.floor_db { level_db.max(-90.0) } else { self.floor_db + 0.01 };
        let speaks = self.activity.is_speech(pcm, 10) && self.activity.holds();
        let begin = self.gain_db;
        if speaks && after > LET_THROUGH * before && level_db > self.floor_db + 10.0 {
            self.frames = (self.frames + 1.0).min(FRAMES);
            self.speech += (after - self.speech) / self.frames;
            // The mean of frames that are speech lies some way below their loud ones, and is what counts.
            let wanted = (TARGET_LEVEL_DBOV - 10.0 * math::log10(self.speech + 1e-12))
                .min(NOISE_DB - self.floor_db)
                .clamp(LEAST_DB, MOST_DB);
            // A few frames of the first word say little.
            if self.frames > 10.0 {
                self.gain_db += (wanted - self.gain_db).clamp(-DOWN_DB, UP_DB);
            }
        }
        (amplitude(begin), amplitude(self.gain_db))
    }

    pub(super) fn gain_db(&self) -> f32 {
        self.gain_db
    }

    pub(super) fn amplitude(&self) -> f32 {
        amplitude(self.gain_db)
    }
}

fn amplitude(db: f32) -> f32 {
    math::pow(10.0, db / 20.0)
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// A voice of 4 Hz syllables at this mean square while it is loud.
    fn frame(n: usize, level_db: f32, rng: &mut u32) -> Vec<f32> {
        let amplitude = 10_f32.powf(level_db / 20.0) * 3_f32.sqrt();
        (0..160)
            .map(|_| {
                *rng = rng.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = *rng as i32 as f32 / 2_147_483_648.0;
                noise * if n % 25 < 18 { amplitude } else { 1e-4 }
            })
            .collect()
    }

    fn run(leveller: &mut Leveller, pcm: &[f32], heard: f32) -> f32 {
        let after = pcm.iter().map(|v| v * v).sum::<f32>() / 160.0;
        let steps: Vec<i16> = pcm.iter().map(|v| (v * 32_768.0) as i16).collect();
        leveller.process(after * heard, &steps, after).1
    }

    #[test]
    fn talkers_come_to_one_level_and_stay_there() {
        for level in [-46.0, -36.0, -26.0, -16.0] {
            let (mut leveller, mut rng) = (Leveller::new(), 1);
            for n in 0..1_000 {
                run(&mut leveller, &frame(n, level, &mut rng), 1.0);
            }
            let out = level + leveller.gain_db();
            assert!((out - TARGET_LEVEL_DBOV).abs() < 1.5, "{level} dB comes out at {out}");
        }
    }

    #[test]
    fn what_a_canceller_leaves_over_moves_nothing() {
        let (mut leveller, mut rng) = (Leveller::new(), 1);
        for n in 0..1_000 {
            // 20 dB below what the microphone has heard.
            run(&mut leveller, &frame(n, -46.0, &mut rng), 100.0);
        }
        assert_eq!(leveller.gain_db(), 0.0);
    }
}
