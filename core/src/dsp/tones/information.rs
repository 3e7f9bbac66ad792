// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hearing the special information tone (ITU-T E.180 section 8): 950, 1400 and 1800 Hz, each within 50 Hz and of
//! 330 ms within 70, one behind the other. North America's, of which some steps last 274 ms, are the same.

use super::sinusoid::Sinusoid;

/// The steps, and how far from them they may lie, tried so finely.
const STEPS_HZ: [f32; 3] = [950.0, 1_400.0, 1_800.0];
const REACH_HZ: f32 = 50.0;
const TRIES: u8 = 9;
/// A frame is a step when this part of its energy is left.
const MAX_RESIDUE: f32 = 0.1;
/// Frames of 20 ms in a step, but for those that belong to two.
const LEAST_FRAMES: u32 = 11;
const MOST_FRAMES: u32 = 21;
/// Frames of something else at a step's edges.
const EDGE_FRAMES: u32 = 2;
/// Frames after which another is told: longer than from one of the same to the next.
const OVER_FRAMES: u32 = 150;

/// Listens for it in frames of 20 ms at 8 kHz.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Information {
    step: usize,
    frames: u32,
    edge_frames: u32,
    /// Frames until the next may be told.
    holds: u32,
}

impl Information {
    /// Whether the tone has just been heard, once as long as it repeats; a frame without samples is silence.
    pub(super) fn is_heard(&mut self, frame: &[f32]) -> bool {
        self.holds = self.holds.saturating_sub(1);
        let Some(step) = step(frame) else {
            self.edge_frames += 1;
            if self.edge_frames > EDGE_FRAMES {
                (self.step, self.frames) = (0, 0);
            }
            return false;
        };
        let lasted = (LEAST_FRAMES..=MOST_FRAMES).contains(&self.frames);
        if step != self.step {
            // The next step, or perhaps the first.
            self.frames = 0;
            self.step = if step == self.step + 1 && lasted { step } else { 0 };
        }
        if step != self.step {
            return false;
        }
        (self.frames, self.edge_frames) = (self.frames.saturating_add(1), 0);
        if self.step + 1 < STEPS_HZ.len() || self.frames != LEAST_FRAMES {
            return false;
        }
        let is_new = self.holds == 0;
        self.holds = OVER_FRAMES;
        is_new
    }
}

/// The step that a frame is of, and nothing else.
fn step(frame: &[f32]) -> Option<usize> {
    let energy: f32 = frame.iter().map(|x| x * x).sum();
    if energy == 0.0 {
        return None;
    }
    // Of a sinusoid alone, half the square of its amplitude is a sample's energy.
    let share = |hz: f32| Sinusoid::fit(frame, hz).square() * 0.5 * frame.len() as f32;
    let near = |hz: f32| {
        let tries = (0..TRIES).map(|n| {
            let part = f32::from(n) / f32::from(TRIES - 1);
            share(hz + REACH_HZ * (2.0 * part - 1.0))
        });
        tries.fold(0.0, f32::max)
    };
    STEPS_HZ.iter().position(|hz| near(*hz) >= (1.0 - MAX_RESIDUE) * energy)
}
