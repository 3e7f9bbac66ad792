// SPDX-License-Identifier: MIT OR Apache-2.0
//! N-1 mixing of conferences from 3 to 1000 legs, all talking. The peer is the textbook's mixer,
//! which adds up the others for each listener; it is what "quadratic" means.

use ale_media::mixer::{Mixer, MixerConfig, ParticipantId};

use crate::harness::{self, Side};

/// Legs of the conferences that are measured.
pub const LEGS: [usize; 5] = [3, 30, 100, 1000, 8000];
/// Rates that are measured.
pub const RATES_HZ: [u32; 3] = [8_000, 16_000, 48_000];
/// The textbook's mixer is not waited for above this.
const QUADRATIC_LEGS: usize = 100;

/// A conference in which everybody talks.
pub struct Room {
    mixer: Mixer,
    ids: Vec<ParticipantId>,
    frames: usize,
    rows: Vec<Vec<i16>>,
    out: Vec<i16>,
}

impl Room {
    /// A room of `legs`, with a limiter or without.
    pub fn new(rate_hz: u32, legs: usize, limiter: bool, frame_ms: u8) -> Self {
        let config = MixerConfig {
            sample_rate_hz: rate_hz,
            max_participants: legs,
            limiter,
            frame_ms,
            ..MixerConfig::default()
        };
        let mut mixer = Mixer::new(&config).expect("mixer");
        let ids: Vec<_> = (0..legs).map(|_| mixer.add().expect("a place")).collect();
        let samples = mixer.frame_samples();
        let rows = (0..legs).map(|leg| noise(leg, samples)).collect();
        let frames = 20 / usize::from(frame_ms);
        Self { mixer, ids, frames, rows, out: vec![0; samples] }
    }

    /// Mixes 20 ms for everybody; with gains, each participant is at another volume that
    /// changes with every frame. Writing the input is part of it, as it would be a
    /// decoder's.
    pub fn mix(&mut self, gains: bool) {
        for frame in 0..self.frames {
            for (n, (id, row)) in self.ids.iter().zip(&self.rows).enumerate() {
                if gains {
                    let factor = 0.5 + ((n + frame) % 7) as f32 * 0.1;
                    self.mixer.set_gain(*id, factor).expect("a gain in range");
                }
                self.mixer.input(*id).expect("a participant").copy_from_slice(row);
            }
            self.mixer.run();
            for id in &self.ids {
                self.mixer.output(*id, &mut self.out).expect("a participant");
                std::hint::black_box(&self.out);
            }
        }
    }
}

fn noise(seed: usize, samples: usize) -> Vec<i16> {
    (0..samples).map(|n| ((n * 7919 + seed * 104_729) % 20_011) as i16 - 10_005).collect()
}

/// What a mixer does that adds up the others for each listener.
fn textbook(rows: &[Vec<i16>], out: &mut [i16]) {
    for listener in 0..rows.len() {
        let mut sum = vec![0_i32; out.len()];
        for (_, row) in rows.iter().enumerate().filter(|(talker, _)| *talker != listener) {
            for (sum, sample) in sum.iter_mut().zip(row) {
                *sum += i32::from(*sample);
            }
        }
        for (out, sum) in out.iter_mut().zip(&sum) {
            *out = (*sum).clamp(-32_768, 32_767) as i16;
        }
        std::hint::black_box(&out);
    }
}

/// Nanoseconds a leg for 20 ms.
pub fn compare(filter: &str) {
    harness::print_head();
    for rate_hz in RATES_HZ {
        for legs in LEGS {
            for (how, gains, limiter, frame_ms) in [
                ("plain", false, false, 20),
                ("gains", true, false, 20),
                ("gains, limiter", true, true, 20),
                ("plain, 10 ms", false, false, 10),
                ("gains, limiter, 10 ms", true, true, 10),
            ] {
                let row = format!("mix {} kHz, {legs} legs, {how}", rate_hz / 1_000);
                if !row.contains(filter) {
                    continue;
                }
                let mut room = Room::new(rate_hz, legs, limiter, frame_ms);
                let rows = room.rows.clone();
                let mut out = vec![0; room.out.len()];
                let repeats = (2_000 / legs).max(1);
                let mut sides = vec![Side::whole("ours", || {
                    (0..repeats).for_each(|_| room.mix(gains));
                })];
                if !gains && frame_ms == 20 && legs <= QUADRATIC_LEGS {
                    sides.push(Side::whole("textbook O(N^2)", || {
                        (0..repeats).for_each(|_| textbook(&rows, &mut out));
                    }));
                }
                harness::compare(&row, (repeats * legs) as u64, &mut sides);
            }
        }
    }
}
