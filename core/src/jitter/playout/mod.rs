// SPDX-License-Identifier: MIT OR Apache-2.0
//! Playout: decoding, loss concealment and time stretching, 10 ms of PCM at a time.
//!
//! Media time advances in real time, whatever happens; the *lateness* of a position is the present
//! less its media time, so the lateness of the next sample is the delay in force. It is held steady
//! within a talk spurt, since listeners (and PESQ) mind many small changes of time scale more than
//! one large step.
//!
//! - this file: the state, a part each; [`frame`]: 10 ms, as [`decide`] says.
//! - [`decide`]: numbers in, what is done next out.
//! - [`clock`]: media time and the host's; [`loudness`]: what a pause is.
//! - [`packets`]: what becomes of packets, and decoding.
//! - [`gap`]: what stands in for missing audio; [`merge`]: joining what came to it.
//! - [`rewind`]: going back to packets that came after all; [`splice`]: moving the delay.
//! - [`noise`]: comfort noise; [`decay`]: what a long concealment ends in.
//! - [`pause`], [`fillers`]: what was lost told from what was never sent.
//! - [`ending`]: the silence in which what stands in ends.
//! - [`sleep`]: silence that need not be decoded.
//!
//! Audio thread only. A pull's work is bounded: a number of packets decoded, one pitch search for
//! each side of a gap, one splice search.

mod clock;
mod decay;
mod decide;
mod ending;
mod fillers;
mod frame;
mod gap;
mod loudness;
mod merge;
mod noise;
mod packets;
#[cfg(all(test, feature = "std", not(loom)))]
mod part_tests;
mod pause;
mod rewind;
mod sleep;
mod splice;

use self::clock::Clock;
use self::decay::Decay;
use self::decide::Excess;
use self::ending::Ending;
use self::loudness::Loudness;
use self::noise::Noise;
use self::pause::Pause;
use self::sleep::Sleep;
use super::arrival::ingest::SlotReader;
use super::config::{JitterConfig, JitterError, MAX_PACKET_MS};
use super::decoders::DecoderMap;
use super::history::PcmBuffer;
use super::stats::JitterStats;
use super::window::{Entry, Window};

/// Samples at 8 kHz that are decoded ahead of the ear, when they are there: enough to tell a pause
/// and to splice in it.
const AHEAD: usize = 320;
/// Room for what has been played, which what stands in is made of.
const PAST: usize = 480;
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

/// The decoder that is heard.
#[derive(Debug, Default)]
struct Voice {
    /// That which made the last sound, and the samples of its last packet.
    decoder: Option<u8>,
    packet: usize,
    /// The media position up to which it has come.
    decoded_to: i64,
}

/// What stands in for sound.
#[derive(Debug, Default)]
struct MadeUp {
    /// Samples since the last real one, and the period that is repeated.
    samples: usize,
    lag: usize,
    /// It repeats the past although the decoder could conceal: the packet may yet be heard.
    repeats: bool,
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
    clock: Clock,
    /// Media position behind the last pending sample.
    next: i64,
    started: bool,
    voice: Voice,
    made_up: MadeUp,
    /// Where concealment began with nothing newer there: packets from there on may still come.
    underrun: Option<i64>,
    comfort: bool,
    noise: Noise,
    decay: Decay,
    pause: Pause,
    ending: Ending,
    loudness: Loudness,
    excess: Excess,
    /// Packets' lengths of a gap that deep redundancy behind it reached into lately.
    deep_packets: f32,
}

impl Playout {
    pub(crate) fn new(
        config: &JitterConfig,
        slots: SlotReader,
        decoders: DecoderMap,
    ) -> Result<Self, JitterError> {
        let clock = Clock::new(config.sample_rate_hz).ok_or(JitterError::SampleRate)?;
        Ok(Self {
            slots,
            decoders,
            window: Window::new(config.slots),
            stats: JitterStats::default(),
            sleep: Sleep::new(config.slots),
            pcm: PcmBuffer::new(PAST * clock.unit, PENDING * clock.unit),
            clock,
            next: 0,
            started: false,
            voice: Voice::default(),
            made_up: MadeUp::default(),
            underrun: None,
            comfort: false,
            noise: Noise::new(),
            decay: Decay::default(),
            pause: Pause::default(),
            ending: Ending::default(),
            loudness: Loudness::default(),
            excess: Excess::default(),
            deep_packets: 0.0,
        })
    }

    /// Samples of 10 ms.
    #[inline]
    pub(crate) fn frame_samples(&self) -> usize {
        self.clock.frame_samples()
    }

    /// Says when media position 0 is.
    pub(crate) fn set_origin(&mut self, origin_ns: u64) {
        self.clock.set_origin(origin_ns);
    }

    /// The media position whose lateness is 0 at a time.
    pub(crate) fn position_at(&self, now_ns: u64) -> i64 {
        self.clock.position_at(now_ns)
    }

    /// How late a media position is, in milliseconds.
    #[inline]
    pub(crate) fn lateness_ms(&self, now_ns: u64, position: i64) -> f32 {
        self.clock.lateness_ms(now_ns, position)
    }

    #[inline]
    pub(crate) fn ms(&self, samples: i64) -> f32 {
        self.clock.ms(samples)
    }

    /// When a media position will be played, unless that time is over.
    pub(crate) fn due_ns(&self, now_ns: u64, position: i64) -> Option<u64> {
        let ahead = u64::try_from(position - self.next).ok()?;
        let pending = self.pcm.pending().len() as u64;
        let sample_ns = 10_000_000 / self.clock.frame_samples() as u64;
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

    /// A packet of the stream was no audio; `sequence` is its extended number.
    pub(crate) fn fill(&mut self, sequence: i64) {
        self.pause.fillers.insert(sequence as u32);
    }

    pub(crate) fn has_started(&self) -> bool {
        self.started
    }

    /// How long a gap was, in packets, that deep redundancy in the packet behind it reached into since the last
    /// call: that packet is worth waiting for.
    pub(crate) fn take_deep_packets(&mut self) -> f32 {
        core::mem::take(&mut self.deep_packets)
    }
}
