// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notices that the echo has moved in time, before the canceller does, and by how much.
//!
//! A device that has run dry, or whose driver has lost a block, plays everything later (or hears it earlier)
//! than before. A canceller takes seconds to learn that and lets the echo through meanwhile. But the way
//! through the room has not changed: what the [`EchoModel`] says is still right, only at another time. So when
//! its prediction fails all at once, the last 20 to 40 ms of the microphone are sought in the last half second
//! of predictions, and in as much of what is to come as has been played already. Speech of the near end
//! fails the prediction too, but is found nowhere.

use alloc::boxed::Box;
use alloc::vec;

use super::echo_model::{EchoModel, HOP, PARTITIONS};
use crate::dsp::correlate::{MAX_OFFSETS, best_offset, shrink, similarity};
use crate::dsp::level;
use crate::dsp::resample::{Resampler, UnsupportedRate};
use crate::math;
use crate::within::Within;

/// Rate of what is compared.
const RATE_HZ: u32 = 4_000;
/// Predictions that are kept, a power of two: all of the past that is searched, and what is ahead.
const KEPT: usize = 4096;
/// How far back an echo is sought.
const FARTHEST: usize = PARTITIONS * HOP;
/// Samples of the microphone that are sought at most, and at least.
const LONGEST: usize = 4 * HOP;
const SHORTEST: usize = 2 * HOP;
/// What the prediction has to have taken from the echo for its failure to mean anything: 3 dB.
const TRUSTED_GAIN: f32 = 2.0;
/// Part of the microphone's energy that is left where the prediction has failed.
const FAILED: f32 = 0.8;
/// Energy of a hop below which nothing is to be found: 20 steps of 16-bit PCM.
const AUDIBLE: f32 = 20.0 * 20.0 * HOP as f32;
/// Likeness that makes an echo suspected, and one that makes it found.
const SUSPECTED: f32 = 0.72;
const FOUND: f32 = 0.82;
/// How fast is learnt where all fits.
const RATE: f32 = 0.35;
/// Samples below which it has not jumped, but somebody has moved: 2 ms.
const SMALL: f32 = 8.0;
/// Audible frames that a model has to have learnt from.
const LEARNT_FRAMES: u32 = 100;
/// By how much the two may differ in energy.
const ALIKE: f32 = 4.0;
/// Samples that two finds may be apart.
const SAME: f32 = 1.5;
/// How much less like the best every other place further than 100 ms from it has to be. Tones are alike
/// everywhere, and tell nothing of time.
const UNIQUE: f32 = 0.95;
const ELSEWHERE: usize = RATE_HZ as usize / 10;
/// Stretches of [`MAX_OFFSETS`] that are searched at most.
const STRETCHES: usize = (FARTHEST + KEPT / 2).div_ceil(MAX_OFFSETS);
/// Part of what is heard that may be echo where it is said to be near-end sound.
const NO_ECHO: f32 = 0.1;
/// Frames for which an echo comes after what is played.
const SOUNDING_FRAMES: u32 = 60;
/// Frames for which a failure is looked into.
const FRAMES_OF_DOUBT: u32 = 12;

/// What a frame has told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Finding {
    /// The echo is where it was, or there is none.
    Nothing,
    /// It may have moved: better nothing is let through.
    Suspected,
    /// It comes so many samples later than before, at the chain's rate; earlier if negative.
    Moved(i64),
}

/// See the module.
pub(super) struct JumpFinder {
    /// Of what is played, and of its magnitude: a small loudspeaker moves further one way than the other.
    model: EchoModel,
    reference: Shrinker,
    bent: Shrinker,
    rectified: Box<[i16]>,
    microphone: Shrinker,
    /// Samples at the chain's rate for one here.
    step: f32,
    /// What was and will be predicted; the sample for hop `n` begins at `HOP * n + turned` modulo [`KEPT`].
    predicted: Box<[i16]>,
    turned: usize,
    /// The hop at hand.
    hop: usize,
    /// Hops that predictions are ahead.
    ahead: usize,
    /// Predictions that are kept in a row, up to the newest.
    valid: usize,
    heard: [i16; LONGEST],
    /// Energies of what was heard while something was predicted, and of what the prediction left.
    of_heard: f32,
    of_error: f32,
    learnt_frames: u32,
    doubt_frames: u32,
    /// Frames since the prediction began to fail.
    failing_frames: u32,
    last_find: Option<f32>,
    echo_alone: bool,
    no_echo: bool,
    /// Frames for which the room may still sound.
    sounding_frames: u32,
}

impl JumpFinder {
    pub(super) fn new(rate_hz: u32) -> Result<Self, UnsupportedRate> {
        Ok(Self {
            model: EchoModel::new(),
            reference: Shrinker::new(rate_hz)?,
            bent: Shrinker::new(rate_hz)?,
            rectified: vec![0; (rate_hz / 100) as usize].into_boxed_slice(),
            microphone: Shrinker::new(rate_hz)?,
            step: (rate_hz / RATE_HZ) as f32,
            predicted: vec![0; KEPT].into_boxed_slice(),
            turned: 0,
            hop: 0,
            ahead: 0,
            valid: 0,
            heard: [0; LONGEST],
            of_heard: 0.0,
            of_error: 0.0,
            learnt_frames: 0,
            doubt_frames: 0,
            failing_frames: 0,
            last_find: None,
            echo_alone: false,
            no_echo: true,
            sounding_frames: 0,
        })
    }

    /// Looks at 10 ms of what was played and of what was heard.
    ///
    /// Real-time: yes.
    pub(super) fn observe(&mut self, played: &[i16], heard: &[i16]) -> Finding {
        self.rectify(played);
        let played = self.reference.process(played);
        let bent = self.bent.process(&self.rectified);
        let heard = self.microphone.process(heard);
        self.model.reference(&played, &bent);
        self.look_ahead();
        let [predicted, newest] = self.model.predict(self.ahead);
        let error: [f32; HOP] = core::array::from_fn(|n| heard[n] - predicted[n]);
        self.heard.shift(HOP..LONGEST, 0);
        self.heard.put_all(LONGEST - HOP, heard.map(|v| v as i16));
        self.keep(&newest);
        let energies = (energy(&heard), energy(&predicted), energy(&error));
        let (was_heard, was_predicted, _) = energies;
        self.sounding_frames = self.sounding_frames.saturating_sub(1);
        if energy(&played) > AUDIBLE {
            self.sounding_frames = SOUNDING_FRAMES;
        }
        let known = self.learnt_frames >= LEARNT_FRAMES && self.gain() > TRUSTED_GAIN;
        self.no_echo = self.sounding_frames == 0 || known && was_predicted < NO_ECHO * was_heard;
        self.echo_alone = energies.2 < 0.4 * energies.0 && energies.0 > AUDIBLE;
        let finding = self.judge(energies);
        if finding == Finding::Nothing {
            self.learn(&error, energies);
        }
        self.hop = self.hop.wrapping_add(1);
        finding
    }

    /// Whether the last frame was near-end sound, if anything: nothing is played, or so little of it arrives.
    pub(super) fn no_echo(&self) -> bool {
        self.no_echo
    }

    /// Whether the last frame was echo and hardly anything else.
    pub(super) fn echo_alone(&self) -> bool {
        self.echo_alone
    }

    /// By how much the prediction makes what is heard softer, as a ratio of energies.
    fn gain(&self) -> f32 {
        self.of_heard / self.of_error.max(AUDIBLE)
    }

    /// Begins again from the reference as it is now; `replay` gives its last frames, and how many. The
    /// model stays.
    pub(super) fn replay(
        &mut self,
        moved: i64,
        replay: impl FnOnce(usize, &mut dyn FnMut(&[i16])),
    ) {
        self.reference.restart();
        self.bent.restart();
        replay(PARTITIONS + 4, &mut |frame| {
            self.rectify(frame);
            let (played, bent) =
                (self.reference.process(frame), self.bent.process(&self.rectified));
            self.model.reference(&played, &bent);
        });
        // What was predicted for a time comes that much later now.
        let hops = (moved as f32 / self.step / HOP as f32) as i64;
        self.valid = if hops >= 0 { self.valid } else { 0 };
        let by = (moved as f32 / self.step) as i64;
        self.turned = (self.turned as i64 - by).rem_euclid(KEPT as i64) as usize;
    }

    fn rectify(&mut self, played: &[i16]) {
        for (to, from) in self.rectified.iter_mut().zip(played) {
            *to = from.saturating_abs();
        }
    }

    /// Finds out how far ahead can be predicted: as long as the direct sound takes.
    fn look_ahead(&mut self) {
        let onset = self.model.onset().saturating_sub(1);
        if onset < self.ahead || onset > self.ahead + 1 {
            (self.ahead, self.valid) = (onset, 0);
        }
    }

    fn keep(&mut self, newest: &[f32; HOP]) {
        let at = (self.hop + self.ahead) * HOP;
        for (n, v) in newest.iter().enumerate() {
            self.predicted.put((at + n + self.turned) % KEPT, *v as i16);
        }
        self.valid = (self.valid + HOP).min(KEPT);
    }

    fn judge(&mut self, (heard, predicted, error): (f32, f32, f32)) -> Finding {
        let trusted = self.gain() > TRUSTED_GAIN && self.learnt_frames >= LEARNT_FRAMES;
        let failed = error > FAILED * heard && heard.max(predicted) > AUDIBLE;
        self.failing_frames = if failed { self.failing_frames + 1 } else { 0 };
        if trusted && failed && self.doubt_frames == 0 && heard > AUDIBLE {
            self.doubt_frames = FRAMES_OF_DOUBT;
            self.last_find = None;
        }
        if self.doubt_frames == 0 {
            return Finding::Nothing;
        }
        self.doubt_frames -= 1;
        if error < 0.4 * heard {
            // It fits again: near-end speech has paused, or all was nothing.
            self.doubt_frames = 0;
            return Finding::Nothing;
        }
        let length = (SHORTEST + HOP * self.failing_frames.saturating_sub(2) as usize).min(LONGEST);
        let Some((later_by, likeness)) = self.search(length) else { return Finding::Nothing };
        let again = self.last_find.is_some_and(|last| (last - later_by).abs() < SAME);
        self.last_find = Some(later_by);
        if later_by.abs() < SMALL || likeness < SUSPECTED {
            return Finding::Nothing;
        }
        if again && likeness > FOUND && length > SHORTEST {
            self.doubt_frames = 0;
            self.failing_frames = 0;
            return Finding::Moved(math::floor(later_by * self.step + 0.5) as i64);
        }
        Finding::Suspected
    }

    /// Where the last `length` samples of the microphone are among the predictions: how many samples later
    /// than they were to come, and how much alike they are.
    fn search(&self, length: usize) -> Option<(f32, f32)> {
        let mut target = [0_i16; LONGEST];
        let target = shrink(self.heard.last_of(length), 1, &mut target);
        // Positions among the predictions: where the target would be if nothing had moved, and the ends.
        let now = (self.hop + 1) * HOP + KEPT - length;
        let newest = now + self.ahead * HOP;
        let farthest = FARTHEST.min(self.valid.saturating_sub(self.ahead * HOP + length));
        let oldest = now.saturating_sub(farthest);
        let mut bests = [(0_usize, 0.0_f32); STRETCHES];
        let mut from = oldest;
        for stretch in &mut bests {
            if from >= newest {
                break;
            }
            let mut region = [0_i16; MAX_OFFSETS + LONGEST];
            let offsets = (newest - from).min(MAX_OFFSETS);
            let region = region.head_mut(offsets + length - 1);
            self.copy(from, region);
            let mut small = [0_i16; MAX_OFFSETS + LONGEST];
            let (offset, likeness) = best_offset(target, shrink(region, 1, &mut small), 0.0);
            *stretch = (from + offset, likeness);
            from += offsets;
        }
        let (at, likeness) = bests.iter().copied().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let elsewhere = |other: &&(usize, f32)| other.0.abs_diff(at) > ELSEWHERE;
        if bests.iter().filter(elsewhere).any(|(_, other)| *other > UNIQUE * likeness) {
            return None;
        }
        // Between samples: the top of a parabola through the neighbours.
        let target = self.heard.last_of(length);
        let mut run = [0_i16; LONGEST];
        let run = run.head_mut(length);
        let mut like = [0.0; 3];
        for (n, like) in like.iter_mut().enumerate() {
            self.copy((at + n).saturating_sub(1), run);
            *like = similarity(target, run);
        }
        let [before, here, after] = like;
        self.copy(at, run);
        let (of_run, of_target) = (level::energy(run) as f32, level::energy(target) as f32);
        if of_run > ALIKE * of_target || of_target > ALIKE * of_run {
            return None;
        }
        let curve = before - 2.0 * here + after;
        let between = if curve < -1e-6 { 0.5 * (before - after) / curve } else { 0.0 };
        Some((now as f32 - at as f32 - between.clamp(-0.5, 0.5), likeness))
    }

    fn copy(&self, from: usize, to: &mut [i16]) {
        for (n, sample) in to.iter_mut().enumerate() {
            *sample = self.predicted.at((from + n + self.turned) % KEPT);
        }
    }

    fn learn(&mut self, error: &[f32; HOP], (heard, predicted, left): (f32, f32, f32)) {
        if predicted > AUDIBLE && heard > AUDIBLE {
            // Half a second of what is played.
            self.of_heard += (heard - self.of_heard) * 0.02;
            self.of_error += (left - self.of_error) * 0.02;
            self.learnt_frames = self.learnt_frames.saturating_add(1);
        }
        let trust = predicted / (left + 1.0);
        let rate = if self.gain() < 2.0 { 1.0 } else { (trust * trust / 9.0).min(1.0) };
        self.model.learn(error, RATE * rate);
    }

    /// Forgets everything.
    pub(super) fn restart(&mut self) {
        self.model.restart();
        (self.of_heard, self.of_error) = (0.0, 0.0);
        (self.valid, self.learnt_frames, self.doubt_frames) = (0, 0, 0);
    }
}

fn energy(pcm: &[f32; HOP]) -> f32 {
    pcm.iter().map(|v| v * v).sum()
}

/// Brings a signal to 4 kHz, and its lows down: they hold most of a voice's energy and say least of when it
/// comes.
struct Shrinker {
    to_eight: Resampler,
    pcm: [f32; 6 + 2 * HOP],
    last: f32,
    eight: [i32; 2 * HOP],
}

/// A half-band low-pass: a sinc under a Hamming window.
const HALF_BAND: [f32; 7] = [-0.0087, 0.0, 0.2518, 0.5138, 0.2518, 0.0, -0.0087];
/// How much of the sample before is taken away.
const EMPHASIS: f32 = 0.85;

impl Shrinker {
    fn new(rate_hz: u32) -> Result<Self, UnsupportedRate> {
        Ok(Self {
            to_eight: Resampler::new(rate_hz, 8_000)?,
            pcm: [0.0; 6 + 2 * HOP],
            last: 0.0,
            eight: [0; 2 * HOP],
        })
    }

    fn process(&mut self, pcm: &[i16]) -> [f32; HOP] {
        self.to_eight.process(pcm, &mut self.eight);
        self.pcm.shift(2 * HOP..2 * HOP + 6, 0);
        for (to, from) in self.pcm.past_mut(6).iter_mut().zip(&self.eight) {
            *to = *from as f32;
        }
        let mut out = [0.0; HOP];
        for (to, window) in out.iter_mut().zip(self.pcm.windows(7).step_by(2)) {
            let low: f32 = HALF_BAND.iter().zip(window).map(|(c, v)| c * v).sum();
            *to = low - EMPHASIS * self.last;
            self.last = low;
        }
        out
    }

    fn restart(&mut self) {
        self.to_eight.reset();
        self.pcm = [0.0; 6 + 2 * HOP];
        self.last = 0.0;
    }
}
