// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hearing call progress tones: which of them by how long they sound and pause (ITU-T E.180). Europe's of
//! 400 to 450 Hz and North America's pairs of 350 to 620 Hz differ from country to country in frequencies,
//! and little in rhythm; so do these by name.

use super::eight_kilohertz::EightKilohertz;
use super::information::Information;
use super::plans::Signal;
use super::sinusoid::Sinusoid;
use crate::within::Within;

/// Samples of a frame at 8 kHz: 20 ms.
const FRAME: usize = 160;
/// Quieter than this is no tone: mean square of -43 dBov.
const MIN_MEAN_SQUARE: f32 = 53_800.0;
/// Where the tones lie, in Hz; a step is far below what 20 ms can tell apart.
const LOW_HZ: f32 = 337.5;
const STEP_HZ: f32 = 12.5;
const STEPS: usize = 25;
/// A tone is few sinusoids that leave less than this part of the energy.
const MAX_RESIDUE: f32 = 0.1;
/// A pause is at most this loud beside the tone.
const MAX_PAUSE: f32 = 0.1;
/// So many frames in a row that are neither are something else; fewer are a tone's edge.
const ODD_FRAMES: u32 = 2;
/// Frames of 20 ms: of audio and of the pause behind it.
const BUSY: [u32; 2] = [17, 28];
const CONGESTION: [u32; 2] = [9, 16];
const RINGING: [u32; 2] = [17, 112];
const RINGING_PAUSE: u32 = 75;
/// A tone without a pause, longer than any ringing.
const DIAL: u32 = 120;
/// A pause after which nothing goes on, longer than any ringing's.
const OVER: u32 = 300;
/// Frames that a sound and a pause may differ by in busy tones.
const UNEVEN: u32 = 4;

/// Listens for call progress tones in one stream.
#[derive(Debug, Clone)]
pub struct ProgressDetector {
    samples: EightKilohertz,
    frame: [f32; FRAME],
    filled: usize,
    /// Frames of the audio, or the pause, that lasts; of the audio before the pause.
    sounds: bool,
    frames: u32,
    sound_frames: u32,
    /// What the last rhythm was, if it had one, and how often in a row.
    rhythm: Option<Signal>,
    times: u32,
    told: bool,
    /// Energy of the last frame that was a tone.
    loudness: f32,
    odd_frames: u32,
    information: Information,
}

impl ProgressDetector {
    /// Listens at 8000 Hz or a multiple of it; `None` for another rate.
    pub fn new(rate_hz: u32) -> Option<Self> {
        Some(Self {
            samples: EightKilohertz::of(rate_hz)?,
            frame: [0.0; FRAME],
            filled: 0,
            sounds: false,
            frames: 0,
            sound_frames: 0,
            rhythm: None,
            times: 0,
            told: false,
            loudness: 0.0,
            odd_frames: 0,
            information: Information::default(),
        })
    }

    /// Takes in what comes next; what the tones say, once as long as they say it. Busy and congestion are
    /// known at the second pause, ringing 1.5 s into its first, dial tone after 2.4 s, the special information tone
    /// in its third step.
    pub fn process(&mut self, pcm: &[i16]) -> Option<Signal> {
        let mut found = None;
        for sample in pcm {
            if !self.samples.takes_next() {
                continue;
            }
            self.frame.put(self.filled, f32::from(*sample));
            self.filled += 1;
            if self.filled == FRAME {
                self.filled = 0;
                let total = energy(&self.frame);
                // Silence needs no search.
                let loud = total >= MIN_MEAN_SQUARE * FRAME as f32;
                let informs = self.information.is_heard(if loud { &self.frame } else { &[] });
                let sounds = self.is_tone(total);
                found = self.next_frame(sounds).or(found);
                if informs {
                    found = Some(Signal::Information);
                }
            }
        }
        found
    }

    /// Whether the frame, of this energy, is a tone or silence; `None` where it is something else. What is far softer than
    /// a tone was is silence.
    fn is_tone(&mut self, total: f32) -> Option<bool> {
        if total < MIN_MEAN_SQUARE * FRAME as f32 || total < MAX_PAUSE * self.loudness {
            self.odd_frames = 0;
            return Some(false);
        }
        // Two that are near each other in pitch take a third, each being fitted by itself.
        for _ in 0..3 {
            let fits = (0..STEPS).map(|n| Sinusoid::fit(&self.frame, LOW_HZ + STEP_HZ * n as f32));
            let best = fits.max_by(|a, b| a.square().total_cmp(&b.square()))?;
            best.subtract_from(&mut self.frame);
        }
        if energy(&self.frame) <= MAX_RESIDUE * total {
            (self.loudness, self.odd_frames) = (total, 0);
            return Some(true);
        }
        self.odd_frames += 1;
        (self.odd_frames < ODD_FRAMES).then_some(false)
    }

    fn next_frame(&mut self, sounds: Option<bool>) -> Option<Signal> {
        let Some(sounds) = sounds else {
            // Something else: speech.
            (self.frames, self.sound_frames, self.times) = (0, 0, 0);
            (self.sounds, self.rhythm, self.told) = (false, None, false);
            (self.loudness, self.odd_frames) = (0.0, 0);
            return None;
        };
        if sounds == self.sounds {
            self.frames = self.frames.saturating_add(1);
            return match (sounds, self.frames) {
                (true, DIAL) => self.tell(Signal::Dial, 1),
                (false, RINGING_PAUSE) if self.may_be_ringing() => self.tell(Signal::Ringing, 1),
                (false, OVER) => {
                    (self.sound_frames, self.rhythm, self.times, self.told) = (0, None, 0, false);
                    None
                }
                _ => None,
            };
        }
        let lasted = core::mem::replace(&mut self.frames, 1);
        self.sounds = sounds;
        if !sounds {
            self.sound_frames = lasted;
            return None;
        }
        if lasted.abs_diff(self.sound_frames) > UNEVEN {
            return None;
        }
        if within(BUSY, self.sound_frames) {
            self.tell(Signal::Busy, 2)
        } else if within(CONGESTION, self.sound_frames) {
            self.tell(Signal::Congestion, 2)
        } else {
            None
        }
    }

    /// Whether the sound before this long pause was ringing, and not the last of a busy tone.
    fn may_be_ringing(&self) -> bool {
        let busy = self.told && self.rhythm == Some(Signal::Busy);
        within(RINGING, self.sound_frames) && !(busy && within(BUSY, self.sound_frames))
    }

    fn tell(&mut self, signal: Signal, needed: u32) -> Option<Signal> {
        if self.rhythm != Some(signal) {
            (self.rhythm, self.times, self.told) = (Some(signal), 0, false);
        }
        self.times = self.times.saturating_add(1);
        let new = self.times >= needed && !self.told;
        self.told |= new;
        new.then_some(signal)
    }
}

fn energy(samples: &[f32]) -> f32 {
    samples.iter().map(|x| x * x).sum()
}

fn within(bounds: [u32; 2], frames: u32) -> bool {
    (bounds[0]..=bounds[1]).contains(&frames)
}
