// SPDX-License-Identifier: MIT OR Apache-2.0
//! The audio thread's half: [`JitterReader`]. Hands packets from the ring to their places and the delay
//! control's goal to the playout, pulls PCM, and counts. Touches its parts through their functions only.

use alloc::boxed::Box;
use core::fmt;

use super::arrival::ingest::PacketMeta;
use super::arrival::placing::Placing;
use super::config::{DelayMode, DriftMode, JitterConfig};
use super::control::{Settings, Shared};
use super::decoders::PreparedDecoders;
use super::delay::goal::{Aim, Goal};
use super::delay::meter::DelayMeter;
use super::playout::Playout;
use super::record::black_box::BlackBox;
use super::stats::{JitterStats, Operation, PullInfo};
use crate::dsp::level::energy;
use crate::dsp::varispeed::Varispeed;
use crate::rtp::rtcp::Missing;
use crate::sync::primitive::Arc;
use crate::sync::snapshot::Publisher;

/// Frames between two publications of the counters.
const PUBLISH_FRAMES: u32 = 10;
/// Why nothing was pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PullError {
    /// The buffer is not a whole number of 10 ms at the output rate, or empty.
    Length,
}

impl fmt::Display for PullError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "not a whole number of 10 ms of PCM",
        })
    }
}

impl core::error::Error for PullError {}

/// What the time of a pull of several frames is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// The first frame is due, the others are made in advance.
    First,
    /// The last frame is due, and the others are made behind their time.
    Last,
}

/// Pulls PCM; used by one thread at a time.
#[derive(Debug)]
pub struct JitterReader {
    playout: Playout,
    placing: Placing,
    aim: Aim,
    shared: Arc<Shared>,
    publisher: Publisher<{ JitterStats::WORDS }>,
    frames: u32,
    /// Few have one: apart, since what each pull touches is to lie together.
    black_box: Option<Box<BlackBox>>,
    /// What follows the sender's clock where splices must not.
    varispeed: Option<Box<Varispeed>>,
    delay: DelayMeter,
}

impl JitterReader {
    pub(crate) fn new(
        config: &JitterConfig,
        playout: Playout,
        shared: Arc<Shared>,
        publisher: Publisher<{ JitterStats::WORDS }>,
    ) -> Self {
        let steered = config.drift == DriftMode::Resample;
        Self {
            varispeed: steered.then(|| Box::new(Varispeed::new(playout.frame_samples()))),
            playout,
            placing: Placing::new(config.sample_rate_hz),
            aim: Aim::new(config.outside_delay_ms, steered),
            shared,
            publisher,
            frames: 0,
            black_box: BlackBox::new(config).map(Box::new),
            delay: DelayMeter::default(),
        }
    }

    /// Fills `pcm` with the next samples, with all packets that have been inserted so far at hand;
    /// `now_ns` is when the first of the samples is due.
    ///
    /// Real-time: yes; the work per 10 ms is bounded. (Decoders of other libraries are as real-time
    /// as they say.)
    ///
    /// # Errors
    /// [`PullError::Length`]; nothing happens then.
    #[inline]
    pub fn pull(&mut self, now_ns: u64, pcm: &mut [i16]) -> Result<PullInfo, PullError> {
        self.pull_showing(now_ns, Due::First, pcm, false, |_, _| ())
    }

    /// As [`JitterReader::pull`]; if `shows`, what has arrived since the last one is shown first, packet by packet.
    #[inline]
    pub(crate) fn pull_showing(
        &mut self,
        now_ns: u64,
        due: Due,
        pcm: &mut [i16],
        shows: bool,
        show: impl FnMut(&PacketMeta, &[u8]),
    ) -> Result<PullInfo, PullError> {
        let frame = self.playout.frame_samples();
        if pcm.is_empty() || !pcm.len().is_multiple_of(frame) {
            return Err(PullError::Length);
        }
        let others = (pcm.len() / frame - 1) as u64;
        // How long before its time the last frame is made.
        let (now_ns, ahead) = match due {
            Due::First => (now_ns, others),
            Due::Last => (now_ns.saturating_sub(others * 10_000_000), 0),
        };
        self.drain(now_ns, shows, show);
        self.aim.ahead_ms = ahead as f32 * 10.0;
        let settings = self.shared.settings();
        let mut info = PullInfo::default();
        for (n, out) in pcm.chunks_exact_mut(frame).enumerate() {
            let now_ns = now_ns.wrapping_add(n as u64 * 10_000_000);
            if n > 0 && due == Due::Last {
                self.placing.wait_no_longer(&mut self.playout, &mut self.aim, now_ns);
            }
            self.frames = self.frames.wrapping_add(1);
            let goal = self.aim.goal(settings);
            self.placing.reach_ms = goal.reach_ms();
            let (operation, energy) = self.frame(now_ns, &goal, out);
            info.energy += energy;
            self.aim.target.set_repeated(self.playout.take_deep_packets());
            info.operation = info.operation.max(operation);
            info.delay_ms = self.delay_ms(now_ns);
            self.count(out.len(), info.delay_ms);
        }
        info.target_delay_ms = self.aim.goal_ms() - self.aim.estimator.base_ms();
        info.waiting_packets = self.playout.window.entries().len() as u16;
        if let Some(black_box) = &mut self.black_box {
            black_box.pull(now_ns, settings, (pcm.len() / frame) as u16, &info);
        }
        Ok(info)
    }

    /// As [`super::JitterControl::set_mode`], for who listens to what is pulled.
    ///
    /// Real-time: yes. Takes effect at the next pull.
    pub fn set_mode(&mut self, mode: DelayMode) {
        self.shared.change(|s| Settings { mode, ..s });
    }

    /// From the next pull on, packets whose header told a level of `dbov` in -dBov (RFC 6464) or a
    /// softer one are silence and not decoded, after a few of them in a row; `None` decodes all.
    /// They are accounted for as if they were. The decoder is shown the last ones when it is woken, so
    /// that no onset is lost. A buffer whose black box holds audio decodes all, since a replay does.
    ///
    /// Real-time: yes.
    pub fn skip_softer_than(&mut self, dbov: Option<u8>) {
        let replayed = self.black_box.as_ref().is_some_and(|black_box| black_box.has_audio());
        self.playout.sleep.set_threshold(dbov.filter(|_| !replayed));
    }

    /// The source has said that it is gone (RTCP BYE, RFC 3550 section 6.6): what has come is played,
    /// then what stands in fades to silence at once, and none of it counts as concealment; until packets
    /// come again.
    ///
    /// Real-time: yes.
    pub fn source_gone(&mut self) {
        self.playout.source_gone();
        if let Some(black_box) = &mut self.black_box {
            black_box.source_gone();
        }
    }

    /// Puts other decoders in the place of those there are, between two pulls, and gives the old ones
    /// back, to be freed elsewhere. Packets that wait are played as far as `new`, from
    /// [`JitterControl::prepare`](super::JitterControl::prepare), decodes their payload types to as many
    /// samples; decoders that it keeps ([`DecoderMap::keep`](super::DecoderMap::keep)) go on without a
    /// break. A log does not hold this: a replay's decoders have to serve for the whole of it.
    ///
    /// Real-time: yes.
    #[must_use = "what is dropped is freed here"]
    pub fn replace_decoders(&mut self, new: PreparedDecoders) -> PreparedDecoders {
        let old = self.playout.replace_decoders(new);
        self.shared.take_apart(self.playout.decoders.redundant_types());
        old
    }

    /// The source that is played now.
    ///
    /// Real-time: yes.
    pub fn ssrc(&self) -> Option<u32> {
        self.placing.timeline.ssrc()
    }

    /// The counters now.
    ///
    /// Real-time: yes.
    pub fn stats(&self) -> JitterStats {
        let mut stats = self.own_stats();
        self.shared.add_to(&mut stats);
        stats
    }

    /// The same without what the network thread counts, which who reads them adds.
    fn own_stats(&self) -> JitterStats {
        let mut stats = self.playout.stats;
        let packets = self.playout.window.entries().iter().filter(|e| !e.redundant).count();
        stats.waiting = packets as u64 + self.placing.held();
        let to_us = |ms: f32| (ms.max(0.0) * 1000.0) as u64;
        (stats.mean_delay_us, stats.delay_p95_us) = self.delay.mean_and_p95_us();
        stats.drift_ppm_bits = self.placing.drift.ppm() as i64 as u64;
        stats.delay_us = to_us(self.delay.last_ms);
        stats.target_delay_us = to_us(self.aim.goal_ms() - self.aim.estimator.base_ms());
        stats
    }

    /// The packets that are missing and would still be played, those due first in front, for a
    /// negative acknowledgement (RFC 4585) with a deadline; returns how many were written to `out`.
    ///
    /// Real-time: yes.
    pub fn missing(&self, now_ns: u64, out: &mut [Missing]) -> usize {
        let mut count = 0;
        if !self.playout.has_started() {
            return 0;
        }
        for (sequence, position) in
            self.placing.timeline.missing(i64::from(self.placing.packet_samples))
        {
            let Some(slot) = out.get_mut(count) else { break };
            if let Some(deadline_ns) = self.playout.due_ns(now_ns, position) {
                *slot = Missing { sequence, deadline_ns };
                count += 1;
            }
        }
        count
    }

    /// Copies the black box's log to `out`, for [`super::Replay`]; returns how many bytes it takes,
    /// which is 0 without a black box. Nothing is copied where `out` is too small for that.
    ///
    /// Real-time: yes (one copy).
    pub fn copy_black_box(&self, out: &mut [u8]) -> usize {
        let Some(black_box) = &self.black_box else { return 0 };
        black_box.copy(out).unwrap_or(black_box.total())
    }

    #[inline]
    pub(crate) fn has_black_box(&self) -> bool {
        self.black_box.is_some()
    }

    /// The black box's log, for [`super::Replay`]; empty without one.
    ///
    /// Real-time: no (allocates).
    pub fn black_box(&self) -> alloc::vec::Vec<u8> {
        self.black_box.as_ref().map(|black_box| black_box.to_vec()).unwrap_or_default()
    }

    /// How late packets came, older ones weighing less: for steps of delay over the fastest lately,
    /// each step's lower edge in milliseconds and its share of all packets.
    ///
    /// Real-time: yes.
    pub fn arrival_histogram(&self) -> impl Iterator<Item = (f32, f32)> + '_ {
        self.aim.estimator.shares()
    }

    /// Makes 10 ms, at the speed that brings the delay to its target where that is how it is done: what was
    /// done, and the energy of `out`.
    fn frame(&mut self, now_ns: u64, goal: &Goal, out: &mut [i16]) -> (Operation, u64) {
        let playout = &mut self.playout;
        let Some(varispeed) = &mut self.varispeed else {
            return playout.frame(now_ns, goal, out);
        };
        if playout.has_started() {
            let excess_ms = playout.lateness_ms(now_ns, playout.head()) - goal.target_ms;
            varispeed.steer(excess_ms, goal.settles);
        }
        let (operation, _) = varispeed.frame(out, |pcm| playout.frame(now_ns, goal, pcm));
        (operation, energy(out))
    }

    fn delay_ms(&self, now_ns: u64) -> f32 {
        if !self.playout.has_started() {
            return 0.0;
        }
        // The sample that is next is due 10 ms after the one just pulled was.
        let next_ns = now_ns.wrapping_add(10_000_000);
        self.playout.lateness_ms(next_ns, self.playout.head()) - self.aim.estimator.base_ms()
    }

    fn count(&mut self, samples: usize, delay_ms: f32) {
        self.playout.stats.samples += samples as u64;
        if self.playout.has_started() {
            self.delay.add(delay_ms);
        } else {
            self.playout.stats.silence_samples += samples as u64;
        }
        if self.frames.is_multiple_of(PUBLISH_FRAMES) {
            let stats = self.own_stats();
            self.publisher.publish(&stats);
        }
    }

    /// Takes everything that arrived to its place, and shows it before if that `shows`.
    fn drain(&mut self, now_ns: u64, shows: bool, mut show: impl FnMut(&PacketMeta, &[u8])) {
        let (playout, aim) = (&mut self.playout, &mut self.aim);
        while let Some((slot, meta)) = playout.slots.take() {
            if shows && !meta.redundant && !meta.filler {
                playout.with_payload(&slot, |payload| show(&meta, payload));
            }
            if let Some(black_box) = &mut self.black_box {
                if black_box.has_audio() {
                    playout.with_payload(&slot, |payload| black_box.packet(&meta, payload));
                } else {
                    black_box.packet(&meta, &[]);
                }
            }
            self.placing.place(playout, aim, slot, meta);
        }
        self.placing.wait_no_longer(playout, aim, now_ns);
    }
}
