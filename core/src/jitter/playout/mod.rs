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
mod frame;
mod gap;
mod hush;
mod merge;
mod noise;
mod packets;
mod pause;
mod rewind;
mod sleep;
mod splice;

use core::num::NonZeroU16;

use self::decide::Excess;
use self::ending::Ending;
use self::hush::Hush;
use self::noise::Noise;
use self::pause::Pause;
use self::sleep::Sleep;
use super::arrival::ingest::SlotReader;
use super::config::{JitterConfig, JitterError, MAX_PACKET_MS};
use super::decoders::DecoderMap;
use super::history::PcmBuffer;
use super::stats::JitterStats;
use super::window::{Entry, Window};
use crate::dsp::correlate::power;

/// Samples at 8 kHz that are decoded ahead of the ear, when they are there: enough to tell a pause
/// and to splice in it.
const AHEAD: usize = 320;
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
    excess: Excess,
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
            excess: Excess::default(),
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

    /// Whether every 10 ms of a signal is as soft as a pause.
    fn is_quiet(&self, signal: &[i16]) -> bool {
        let threshold = (3.0 * self.floor).max(self.peak / 25.0);
        let threshold = threshold * threshold;
        signal.chunks_exact(self.frame_samples()).all(|chunk| power(chunk) <= threshold)
    }
}
