// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loudspeaker's side: what the call gives at the microphone's clock is played at the loudspeaker's.
//!
//! How much is waiting says how the clocks differ. What is seen at a callback is a staircase, since frames
//! come whole; with the time at which a frame was given, what has come since is counted in, and the line is
//! straight. A proportional and integral controller holds it.

use alloc::boxed::Box;
use alloc::vec;

use crate::dsp::drift::DriftResampler;
use crate::sync::ring::{self, Consumer, Producer};
use crate::sync::snapshot::{Publisher, Snapshot, Words, snapshot};
use crate::voice::Render;
use crate::within::Within;

/// Samples of a frame at most.
pub(super) const MAX_FRAME: usize = 480;
/// Frames on their way at most.
const FRAMES: usize = 32;
/// What the controller does about a second too much, and about a second for a second.
const PROPORTIONAL: f64 = 0.2;
const INTEGRAL: f64 = 0.01;
/// How much of the difference a callback of 10 ms makes out: callbacks come early and late.
const SMOOTH: f64 = 0.02;
/// Clocks that differ by more are not made up for.
const MAX_PPM: f64 = 2_000.0;
/// What is waiting may be so much more than wanted before it is thrown away, in ms.
const EXCESS_MS: u32 = 60;
/// What is waiting beyond what is wanted before silence is left out, in ms: a frame that has come whole, and another
/// that a callback was late for.
const SPARED_MS: f64 = 20.0;
/// What no sample of a frame exceeds that counts as silence: -54 dBov.
const QUIET: u16 = 64;
/// What the last sample is multiplied by, again and again, where nothing comes: gone within 2 ms at 16 kHz.
const FADE: f32 = 0.9;
/// Samples over which sound comes back.
const RISE_SAMPLES: f32 = 80.0;

/// 10 ms for the loudspeaker, and when they were given.
#[derive(Clone, Copy)]
struct Frame {
    pcm: [i16; MAX_FRAME],
    len: u16,
    given_ns: u64,
}

/// Gives frames to the loudspeaker.
pub(super) struct Feeder {
    ring: Producer<Frame>,
    dropped_frames: u64,
}

impl Feeder {
    pub(super) fn give(&mut self, now_ns: u64, pcm: &[i16]) {
        let mut frame =
            Frame { pcm: [0; MAX_FRAME], len: pcm.len().min(MAX_FRAME) as u16, given_ns: now_ns };
        for (to, from) in frame.pcm.iter_mut().zip(pcm) {
            *to = *from;
        }
        if self.ring.push(frame).is_err() {
            self.dropped_frames += 1;
        }
    }

    pub(super) fn dropped_frames(&self) -> u64 {
        self.dropped_frames
    }
}

/// Counters and measures of the loudspeaker's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SpeakerStats {
    /// Samples that the device has been given.
    pub rendered_samples: u64,
    /// How often nothing was there to play, and samples of silence or fading for it.
    pub underruns: u64,
    /// Samples at the call's rate that were made up.
    pub underrun_samples: u64,
    /// How often too much was waiting and something was left out: silence where there was some in time.
    pub overruns: u64,
    /// What is waiting, in microseconds.
    pub waiting_us: u64,
    /// How much faster than its clock the loudspeaker is fed, parts per million.
    pub correction_ppm: i64,
}

impl Words<6> for SpeakerStats {
    fn to_words(&self) -> [u64; 6] {
        [
            self.rendered_samples,
            self.underruns,
            self.underrun_samples,
            self.overruns,
            self.waiting_us,
            self.correction_ppm as u64,
        ]
    }

    fn from_words(words: &[u64; 6]) -> Self {
        let [rendered_samples, underruns, underrun_samples, overruns, waiting_us, ppm] = *words;
        Self {
            rendered_samples,
            underruns,
            underrun_samples,
            overruns,
            waiting_us,
            correction_ppm: ppm as i64,
        }
    }
}

/// Reads [`SpeakerStats`] on any thread.
#[derive(Debug)]
pub(super) struct SpeakerView(Snapshot<6>);

impl SpeakerView {
    pub(super) fn read(&self) -> SpeakerStats {
        self.0.read().unwrap_or_default()
    }
}

/// The half of the loudspeaker's callback.
pub struct Speaker {
    rate_hz: u32,
    ring: Consumer<Frame>,
    /// What is to be played; a power of two of samples.
    waiting: Box<[i16]>,
    taken: u64,
    come: u64,
    newest_ns: Option<u64>,
    /// Samples that are wanted to be waiting.
    wanted: f64,
    /// Whether enough has come to begin.
    playing: bool,
    resampler: DriftResampler,
    difference: f64,
    integral: f64,
    correction: f64,
    last: f32,
    rise: f32,
    reference: Render,
    played: Box<[i16]>,
    stats: SpeakerStats,
    publisher: Publisher<6>,
}

/// Makes a loudspeaker's side for sound at `rate_hz`, of which `wanted_ms` are held waiting; what is played
/// goes to `reference` too.
pub(super) fn create(
    rate_hz: u32,
    wanted_ms: u32,
    reference: Render,
) -> (Feeder, Speaker, SpeakerView) {
    let (producer, consumer) = ring::channel(FRAMES);
    let (publisher, view) = snapshot(&SpeakerStats::default());
    let size = (rate_hz as usize / 2).next_power_of_two();
    let speaker = Speaker {
        rate_hz,
        ring: consumer,
        waiting: vec![0; size].into_boxed_slice(),
        taken: 0,
        come: 0,
        newest_ns: None,
        wanted: f64::from(rate_hz) * f64::from(wanted_ms) / 1_000.0,
        playing: false,
        resampler: DriftResampler::new(),
        difference: 0.0,
        integral: 0.0,
        correction: 0.0,
        last: 0.0,
        rise: 0.0,
        reference,
        played: vec![0; MAX_FRAME].into_boxed_slice(),
        stats: SpeakerStats::default(),
        publisher,
    };
    (Feeder { ring: producer, dropped_frames: 0 }, speaker, SpeakerView(view))
}

impl Speaker {
    /// Fills `out`, any number of samples, with what is to be played; `now_ns` is on the clock of
    /// [`Microphone::capture`](super::Microphone::capture).
    ///
    /// Real-time: yes.
    pub fn render(&mut self, now_ns: u64, out: &mut [i16]) {
        self.collect();
        self.steer(now_ns, out.len());
        let step = 1.0 + self.correction;
        let (mut played, mut missing) = (0, 0_u64);
        for sample in out.iter_mut() {
            let (waiting, playing) = (&self.waiting, self.playing);
            let (taken, come, last, rise) =
                (&mut self.taken, self.come, &mut self.last, &mut self.rise);
            let (reference, record) = (&mut self.reference, &mut self.played);
            let value = self.resampler.next(step, || {
                if playing && *taken < come {
                    let mask = waiting.len().wrapping_sub(1);
                    *rise = (*rise + 1.0 / RISE_SAMPLES).min(1.0);
                    *last = f32::from(waiting.at(*taken as usize & mask)) * *rise;
                    *taken += 1;
                } else {
                    *rise = 0.0;
                    *last *= FADE;
                    missing += u64::from(playing);
                }
                record.put(played, *last as i16);
                played += 1;
                if played == record.len() {
                    reference.push(record);
                    played = 0;
                }
                *last
            });
            *sample = crate::math::round_ties_even(value) as i16;
        }
        self.reference.push(self.played.head(played));
        self.stats.rendered_samples += out.len() as u64;
        if missing > 0 {
            self.stats.underruns += 1;
            self.stats.underrun_samples += missing;
            self.playing = false;
        }
        self.publisher.publish(&self.stats);
    }

    /// Counters.
    pub fn stats(&self) -> SpeakerStats {
        self.stats
    }

    fn collect(&mut self) {
        let mask = self.waiting.len().wrapping_sub(1);
        while let Some(frame) = self.ring.pop() {
            self.newest_ns = Some(frame.given_ns);
            let pcm = frame.pcm.head(usize::from(frame.len));
            if self.can_spare(pcm) {
                self.stats.overruns += 1;
                continue;
            }
            for sample in pcm {
                self.waiting.put(self.come as usize & mask, *sample);
                self.come += 1;
            }
        }
        // Older sound than there is room for has been written over.
        let room = self.waiting.len() as u64;
        if self.come - self.taken > room {
            self.taken = self.come - room;
        }
    }

    /// Whether a frame is silence that makes more wait than is wanted, as after a device that has stood still. The
    /// controller needs half a minute for what is left out here unheard.
    fn can_spare(&self, pcm: &[i16]) -> bool {
        let waiting = (self.come - self.taken) as f64;
        self.playing
            && waiting > self.wanted + f64::from(self.rate_hz) * SPARED_MS / 1_000.0
            && pcm.iter().all(|sample| sample.unsigned_abs() <= QUIET)
    }

    fn steer(&mut self, now_ns: u64, count: usize) {
        let rate = f64::from(self.rate_hz);
        let Some(newest_ns) = self.newest_ns else { return };
        let since = now_ns.saturating_sub(newest_ns).min(100_000_000);
        let waiting = (self.come - self.taken) as f64 + since as f64 * rate * 1e-9;
        if !self.playing {
            if ((self.come - self.taken) as f64) < self.wanted {
                return;
            }
            self.begin(waiting);
        } else if waiting > self.wanted + rate * f64::from(EXCESS_MS) / 1_000.0 {
            self.stats.overruns += 1;
            self.begin(waiting);
        }
        let waiting = (self.come - self.taken) as f64 + since as f64 * rate * 1e-9;
        let off = (waiting - self.wanted) / rate;
        let passed = count as f64 / rate;
        self.difference += (off - self.difference) * (SMOOTH * passed * 100.0).min(1.0);
        self.integral += self.difference * INTEGRAL * passed;
        let most = MAX_PPM * 1e-6;
        self.integral = self.integral.clamp(-most, most);
        self.correction = (self.integral + PROPORTIONAL * self.difference).clamp(-most, most);
        self.stats.waiting_us = (waiting.max(0.0) / rate * 1e6) as u64;
        self.stats.correction_ppm = (self.correction * 1e6) as i64;
    }

    /// Begins with as much waiting as is wanted; what the clocks differ by is known still.
    fn begin(&mut self, waiting: f64) {
        self.taken += (waiting - self.wanted).max(0.0) as u64;
        self.taken = self.taken.min(self.come);
        self.difference = 0.0;
        self.rise = 0.0;
        self.playing = true;
    }
}

impl core::fmt::Debug for Speaker {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Speaker")
            .field("rate_hz", &self.rate_hz)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
