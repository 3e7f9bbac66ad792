// SPDX-License-Identifier: MIT OR Apache-2.0
//! From packets in their places to PCM without holes, 10 ms at a time.
//!
//! Media time advances in real time, whatever happens; the *lateness* of a position is the present
//! less its media time, so the lateness of the next sample is the delay in force. It is held steady
//! within a talk spurt, since listeners (and PESQ) mind many small changes of time scale more than
//! one large step.
//!
//! - this file: what a 10 ms frame is made of.
//! - [`packets`]: what becomes of packets, and decoding.
//! - [`gap`]: what stands in for missing sound.
//! - [`decide`]: going back to packets that came after all, adapting in pauses, cutting.
//! - [`merge`]: joining what came to what was made up.
//! - [`noise`]: comfort noise; [`hush`]: what a long concealment ends in.
//! - [`pause`], [`fillers`]: what was lost told from what was never sent.
//! - [`ending`]: the silence in which what stands in ends.
//! - [`sleep`]: silence that need not be decoded.
//!
//! Audio thread only. A pull's work is bounded: a number of packets decoded, one pitch search for
//! each side of a gap, one splice search.

mod decide;
mod ending;
mod fillers;
mod gap;
mod hush;
mod merge;
mod noise;
mod packets;
mod pause;
mod sleep;

use core::num::NonZeroU16;

use self::ending::Ending;
use self::hush::Hush;
use self::noise::Noise;
use self::pause::Pause;
use self::sleep::Sleep;
use super::arrival::ingest::SlotReader;
use super::config::{JitterConfig, JitterError, MAX_PACKET_MS};
use super::decoders::DecoderMap;
use super::delay::goal::Goal;
use super::history::PcmBuffer;
use super::stats::{JitterStats, Operation};
use super::window::{Entry, Window};
use crate::dsp::correlate::power;
use crate::within::Within;

/// Samples at 8 kHz that are decoded ahead of the ear, when they are there: enough to tell a pause
/// and to splice in it.
const AHEAD: usize = 320;
/// Longest gap that is filled from both sides.
const MAX_GAP: usize = 640;
/// Longest packet.
const MAX_PACKET: usize = 8 * MAX_PACKET_MS as usize;
/// Room for pending samples: the longest packet behind what is decoded ahead and a join; a longest
/// gap and two packets of usual length.
const PENDING: usize = AHEAD + MAX_PACKET + merge::SEARCH;
/// Packets decoded in a 10 ms frame before what is not urgent waits for the next frame.
const DECODES: u32 = 4;
/// Concealment fades from here on, and is noise from there on (samples at 8 kHz).
const FADE_START: f32 = 320.0;
const FADE_END: f32 = 1200.0;
/// A gap before sound that is there is shortened when the delay is this far above the target.
const GAP_SLACK_MS: f32 = 60.0;
/// Media time this far ahead of the target is wrong, not short of delay.
const MAX_AHEAD_MS: f32 = 400.0;
/// How far the delay may be short of the target before a frozen buffer waits: a frame.
const HOLD_MS: f32 = 10.0;
/// How far the delay may be short of the target when a talk spurt begins.
const SPURT_SLACK_MS: f32 = 9.0;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Played,
    Late,
    Dropped,
    Flushed,
}

/// The playing end of the buffer.
#[derive(Debug)]
pub(crate) struct Playout {
    pub(crate) slots: SlotReader,
    pub(crate) decoders: DecoderMap,
    pub(crate) window: Window,
    pub(crate) stats: JitterStats,
    pub(crate) sleep: Sleep,
    pcm: PcmBuffer,
    /// The output rate over 8 kHz, and samples of 2.5 ms, in which decoders conceal.
    unit: usize,
    quantum: NonZeroU16,
    /// When media position 0 is.
    origin_ns: u64,
    /// Media position behind the last pending sample.
    next: i64,
    started: bool,
    /// The decoder that made the last sound, and the samples of its last packet.
    current: Option<u8>,
    packet: usize,
    /// Samples made up since the last real one, and the period that is repeated.
    concealed: usize,
    /// What stands in now repeats the past although the decoder could conceal: it may yet be heard.
    repeats: bool,
    /// The media position up to which the decoder has come.
    decoded_to: i64,
    lag: usize,
    /// Where concealment began with nothing newer there: packets from there on may still come.
    underrun: Option<i64>,
    comfort: bool,
    noise: Noise,
    hush: Hush,
    pause: Pause,
    ending: Ending,
    /// The signal's quiet and loud levels (root mean square).
    floor: f32,
    peak: f32,
    quiet_frames: u32,
    over_frames: u32,
}

impl Playout {
    pub(crate) fn new(
        config: &JitterConfig,
        slots: SlotReader,
        decoders: DecoderMap,
    ) -> Result<Self, JitterError> {
        let unit = (config.sample_rate_hz / 8000) as usize;
        let quantum = NonZeroU16::new((20 * unit) as u16).ok_or(JitterError::SampleRate)?;
        let keep = 480 * unit;
        Ok(Self {
            slots,
            decoders,
            window: Window::new(config.slots),
            stats: JitterStats::default(),
            sleep: Sleep::new(config.slots),
            pcm: PcmBuffer::new(keep, PENDING * unit),
            unit,
            quantum,
            origin_ns: 0,
            next: 0,
            started: false,
            current: None,
            packet: 0,
            concealed: 0,
            repeats: false,
            decoded_to: 0,
            lag: 0,
            underrun: None,
            comfort: false,
            noise: Noise::new(),
            hush: Hush::default(),
            pause: Pause::default(),
            ending: Ending::default(),
            floor: 100.0,
            peak: 300.0,
            quiet_frames: 0,
            over_frames: 0,
        })
    }

    /// Samples of 10 ms.
    #[inline]
    pub(crate) fn frame_samples(&self) -> usize {
        4 * self.quantum()
    }

    #[inline]
    fn quantum(&self) -> usize {
        usize::from(self.quantum.get())
    }

    /// Says when media position 0 is.
    pub(crate) fn set_origin(&mut self, origin_ns: u64) {
        self.origin_ns = origin_ns;
    }

    /// Media positions in 10 ms.
    #[inline]
    fn frame_span(&self) -> i64 {
        4 * i64::from(self.quantum.get())
    }

    /// The media position whose lateness is 0 at a time.
    pub(crate) fn position_at(&self, now_ns: u64) -> i64 {
        let frame = self.frame_span();
        let elapsed_ns = now_ns.wrapping_sub(self.origin_ns) as i64;
        let (frames, rest) = (elapsed_ns.div_euclid(10_000_000), elapsed_ns.rem_euclid(10_000_000));
        frames * frame + rest * frame / 10_000_000
    }

    /// How late a media position is, in milliseconds.
    #[inline]
    pub(crate) fn lateness_ms(&self, now_ns: u64, position: i64) -> f32 {
        let frame = self.frame_span();
        let elapsed_ns = now_ns.wrapping_sub(self.origin_ns) as i64;
        let media_ns = position
            .div_euclid(frame)
            .saturating_mul(10_000_000)
            .saturating_add(position.rem_euclid(frame) * 10_000_000 / frame);
        elapsed_ns.saturating_sub(media_ns) as f32 * 1e-6
    }

    /// When a media position will be played, unless that time is over.
    pub(crate) fn due_ns(&self, now_ns: u64, position: i64) -> Option<u64> {
        let ahead = u64::try_from(position - self.next).ok()?;
        let pending = self.pcm.pending().len() as u64;
        let sample_ns = 10_000_000 / self.frame_span() as u64;
        Some(now_ns.saturating_add((ahead + pending).saturating_mul(sample_ns)))
    }

    /// The media position of the next sample that is played.
    #[inline]
    pub(crate) fn head(&self) -> i64 {
        self.next - self.pcm.pending().len() as i64
    }

    /// Media position up to which packets are of no use any more.
    #[inline]
    pub(crate) fn horizon(&self) -> Option<i64> {
        self.started.then(|| self.underrun.unwrap_or(self.next))
    }

    /// Media position behind everything that was played, made up or decoded.
    #[inline]
    pub(crate) fn next_position(&self) -> Option<i64> {
        self.started.then_some(self.next)
    }

    /// The source has said that it is gone: what stands in is nothing that it sent.
    pub(crate) fn source_gone(&mut self) {
        self.ending.source_gone();
        self.pause.source_gone();
    }

    /// The source sends.
    pub(crate) fn source_is_there(&mut self) {
        if self.ending.is_gone() {
            self.ending.source_is_there();
        }
    }

    /// A packet of the stream was no sound; `sequence` is its extended number.
    pub(crate) fn fill(&mut self, sequence: i64) {
        self.pause.fillers.insert(sequence as u32);
    }

    pub(crate) fn has_started(&self) -> bool {
        self.started
    }

    /// Samples in so many milliseconds.
    #[inline]
    fn samples(&self, ms: f32) -> usize {
        (ms * (8 * self.unit) as f32) as usize
    }

    #[inline]
    pub(crate) fn ms(&self, samples: i64) -> f32 {
        samples as f32 / (8 * self.unit) as f32
    }

    /// Makes the next 10 ms: `out` is a frame, or a few samples more or less where the speed is
    /// changed.
    pub(crate) fn frame(&mut self, now_ns: u64, goal: &Goal, out: &mut [i16]) -> Operation {
        if !self.started && !self.start(now_ns, goal) {
            out.fill(0);
            return Operation::Silence;
        }
        if goal.hold && self.lateness_ms(now_ns, self.head()) <= goal.target_ms - HOLD_MS {
            out.fill(0);
            self.stats.inserted_samples += out.len() as u64;
            return Operation::Expand;
        }
        let merges = self.stats.merges;
        let mut budget = DECODES;
        if goal.rewind {
            self.rewind(now_ns, goal);
        }
        self.discard_lost(now_ns, goal);
        self.decode_ahead(&mut budget);
        let mut operation = self.adapt(now_ns, goal, &mut budget);
        operation = operation.max(self.cut(now_ns, goal));
        operation = operation.max(self.complete(now_ns, goal, out.len()));
        let late_ms = self.lateness_ms(now_ns, self.head());
        if late_ms > goal.max_ms {
            // A join or a new talk spurt went over the maximum.
            self.skip_to(self.head() + self.samples(late_ms - goal.max_ms) as i64 + 1);
            operation = operation.max(self.complete(now_ns, goal, out.len()));
        }
        self.pcm.play(out);
        if self.is_quiet(out) {
            self.quiet_frames = self.quiet_frames.saturating_add(1);
        } else {
            self.quiet_frames = 0;
        }
        if self.stats.merges != merges {
            operation = operation.max(Operation::Merge);
        }
        operation
    }

    /// Begins with the first packet, once it is late enough.
    fn start(&mut self, now_ns: u64, goal: &Goal) -> bool {
        let Some(first) = self.window.entries().iter().find(|e| !e.is_noise()) else {
            return false;
        };
        if self.lateness_ms(now_ns, first.start) < goal.start_ms {
            return false;
        }
        self.next = first.start;
        self.started = true;
        true
    }

    /// Decodes up to [`AHEAD`], of what follows without a gap.
    fn decode_ahead(&mut self, budget: &mut u32) {
        while !self.comfort
            && *budget > 0
            && self.pcm.pending().len() < AHEAD * self.unit
            && self.take()
        {
            *budget -= 1;
        }
    }

    /// Makes sure of `count` samples: sound if it is there, else what stands in for it.
    fn complete(&mut self, now_ns: u64, goal: &Goal, count: usize) -> Operation {
        let silent = self.ending.is_silent(self.concealed, self.unit);
        let pending = !self.pcm.pending().is_empty() && !silent;
        let mut operation = if pending { Operation::Normal } else { Operation::Silence };
        // Each turn adds a sample at least, or changes from sound to noise or back.
        for _ in 0..2 * self.frame_samples() {
            let need = count.saturating_sub(self.pcm.pending().len());
            if need == 0 {
                break;
            }
            if self.comfort {
                operation = operation.max(self.comfort_noise(now_ns, goal, need));
                continue;
            }
            if self.take() {
                operation = operation.max(Operation::Normal);
                continue;
            }
            if self.noise_begins() {
                continue;
            }
            self.shorten_gap(now_ns, goal);
            if self.take() {
                operation = operation.max(Operation::Normal);
                continue;
            }
            let made = if self.ending.is_silent(self.concealed, self.unit) {
                Operation::Silence
            } else if self.is_pause() == Some(true) {
                Operation::ComfortNoise
            } else {
                Operation::Conceal
            };
            operation = operation.max(made);
            // A description of noise ends a gap, too, but says nothing of the sound before it.
            let gap = self
                .window
                .entries()
                .iter()
                .find(|e| e.end() > self.next)
                .map(|e| ((e.start - self.next).max(1) as usize, e.fresh || e.is_noise()));
            if !goal.conceal {
                self.silence(gap.map_or(need, |(gap, _)| gap.min(need)));
                continue;
            }
            match gap {
                Some((gap, false)) if gap <= MAX_GAP * self.unit && self.fill_gap(gap) => {}
                Some((gap, fresh)) => {
                    self.underrun = None;
                    self.repeats &= self.concealed > 0;
                    let count = self.concealed_at_once(need).min(gap);
                    if fresh || !self.recover_part(gap, count) {
                        self.continue_past(count);
                    }
                }
                None => {
                    self.stay_near(now_ns, goal);
                    self.underrun.get_or_insert(self.next);
                    if self.concealed == 0 {
                        self.repeats = self.lateness_ms(now_ns, self.next) <= goal.patience_ms;
                    }
                    let at_once = if self.repeats { need } else { self.concealed_at_once(need) };
                    self.continue_past(at_once);
                }
            }
        }
        operation
    }

    /// Where nothing is there to be played, a delay that is far too long costs nothing to shorten.
    fn shorten_gap(&mut self, now_ns: u64, goal: &Goal) {
        let next = self.next;
        let start = self.window.entries().iter().find(|e| e.end() > next).map(|e| e.start);
        let late_ms = self.lateness_ms(now_ns, self.head());
        let allowed_ms = match start {
            Some(_) => (goal.target_ms + GAP_SLACK_MS).min(goal.max_ms),
            None => goal.max_ms,
        };
        if late_ms <= allowed_ms {
            return;
        }
        let goal_ms = if start.is_some() { goal.target_ms } else { goal.max_ms };
        let skip =
            (self.samples(late_ms - goal_ms) as i64).min(start.map_or(i64::MAX, |s| s - next));
        if skip > 0 {
            self.next += skip;
            self.underrun = None;
            self.concealed = self.concealed.max(1);
            self.stats.removed_samples += skip as u64;
        }
    }

    /// With nothing there, media time that ran far ahead of the packets goes back to where they are
    /// expected.
    fn stay_near(&mut self, now_ns: u64, goal: &Goal) {
        let ahead_ms = goal.target_ms - self.lateness_ms(now_ns, self.head());
        if ahead_ms > MAX_AHEAD_MS {
            self.next -= self.samples(ahead_ms) as i64;
            self.underrun = None;
        }
    }

    /// Stands in for the sender's silence until its next talk spurt has its time.
    fn comfort_noise(&mut self, now_ns: u64, goal: &Goal, need: usize) -> Operation {
        let sound = self.window.entries().iter().find(|e| !e.is_noise() && e.end() > self.next);
        let spurt = sound.map(|e| e.start);
        if let Some(start) = spurt {
            let position = start - self.pcm.pending().len() as i64;
            if self.lateness_ms(now_ns, position) >= goal.target_ms - SPURT_SLACK_MS {
                // The offset of a new spurt is chosen freely.
                self.next = start;
                self.comfort = false;
                self.concealed = 0;
                return Operation::Normal;
            }
        }
        self.noise_begins();
        let count = need.min(self.frame_samples());
        if !self.pcm.reserve(count) {
            return Operation::ComfortNoise;
        }
        let silent = self.ending.is_silent(0, self.unit);
        let tail = self.pcm.tail_mut().head_mut(count);
        self.noise.fill(tail);
        self.ending.fade(tail, 0, self.unit);
        self.pcm.commit(count);
        self.next += count as i64;
        if let Some(start) = spurt {
            self.next = self.next.min(start);
        }
        self.concealed = 0;
        if silent {
            return Operation::Silence;
        }
        self.stats.comfort_noise_samples += count as u64;
        Operation::ComfortNoise
    }

    /// Takes a description of noise that is due; `true` when there was one.
    fn noise_begins(&mut self) -> bool {
        let due = |e: &Entry| e.is_noise() && e.start <= self.next;
        let Some(index) = self.window.entries().iter().position(due) else { return false };
        let Some(entry) = self.window.remove(index) else { return false };
        let mut scratch = [0; 64];
        self.noise.describe(self.slots.payload(&entry.slot, &mut scratch));
        self.settle(entry, Fate::Played);
        self.comfort = true;
        self.underrun = None;
        true
    }

    /// Whether every 10 ms of a signal is as soft as a pause.
    fn is_quiet(&self, signal: &[i16]) -> bool {
        let threshold = (3.0 * self.floor).max(self.peak / 25.0);
        let threshold = threshold * threshold;
        signal.chunks_exact(self.frame_samples()).all(|chunk| power(chunk) <= threshold)
    }
}
