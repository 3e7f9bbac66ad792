// SPDX-License-Identifier: MIT OR Apache-2.0
//! The audio thread's half: [`JitterReader`]. Takes packets from the ring to their places, keeps the
//! estimate of the network, and pulls PCM.

use core::fmt;

use super::arrival::ingest::{PacketMeta, Slot};
use super::config::{DelayMode, DriftMode, JitterConfig};
use super::control::{Settings, Shared};
use super::decoders::{Kind, PreparedDecoders};
use super::delay::drift::Drift;
use super::delay::estimator::Estimator;
use super::delay::standstill::{Standstill, Taken, Verdict};
use super::delay::target::Target;
use super::delay::timeline::{Delays, Placement, Sound, Timeline};
use super::playout::{Goal, Playout};
use super::record::black_box::BlackBox;
use super::stats::{JitterStats, Operation, PullInfo};
use super::varispeed::Varispeed;
use super::window::Entry;
use crate::rtp::rtcp::Missing;
use crate::sync::primitive::Arc;
use crate::sync::snapshot::Publisher;

/// Frames of 10 ms between two choices of the target; fewer when a packet came later than the
/// target allows for, since the target rises at once.
const CHOOSE_FRAMES: u32 = 12;
const CHOOSE_SOON_FRAMES: u32 = 3;
/// Frames between two publications of the counters.
const PUBLISH_FRAMES: u32 = 10;
/// A delay this far from the usual is a jump of the timeline, not jitter.
const JUMP_MS: f32 = 2000.0;
/// A packet may follow a suspect that many sequence numbers later.
const FOLLOWS: u16 = 4;
/// How long nothing has to come behind a packet that was too late, for it not to have been held up.
const WAIT_NS: u64 = 5_000_000;
/// When no packet has come in time to be heard for this long, the sender or the network has stood still,
/// and the stream is taken up again where it is now. What was held up and comes all at once takes less.
const OUT_OF_REACH_NS: u64 = 400_000_000;
/// A frozen buffer is as deep as all but this share of packets asked for, and this much more.
const FROZEN_LATE: f32 = 0.001;
/// A packet that is not there when all but this share of packets would be, and so much later, counts as
/// lost: a decoder conceals it by itself. Before that, the past is repeated, so that a packet that is
/// only late finds the decoder as it left it.
const TOO_LATE: f32 = 0.001;
const PATIENCE_MS: f32 = 10.0;
const FROZEN_MARGIN_MS: f32 = 20.0;
/// Over the level, the lateness at which the first packet is played.
const START_MS: f32 = 10.0;

/// Where the delay is steered to the very target: a packet that comes right after a pull is of use
/// 10 ms later, and a frame may take some samples more.
const STEERED_MARGIN_MS: f32 = 12.0;

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

/// Pulls PCM; used by one thread at a time.
#[derive(Debug)]
pub struct JitterReader {
    playout: Playout,
    timeline: Timeline,
    estimator: Estimator,
    drift: Drift,
    target: Target,
    /// Samples of the newest packet.
    packet_samples: u32,
    shared: Arc<Shared>,
    publisher: Publisher<{ JitterStats::WORDS }>,
    outside_ms: f32,
    /// The lateness at which a packet can't be heard any more, and the arrival of the first of those that
    /// came later, with none in time since.
    reach_ms: f32,
    out_of_reach_since_ns: Option<u64>,
    /// The first packet that did not fit the stream, until a second one follows it.
    suspect: Option<(Slot, PacketMeta)>,
    /// A packet that came after sender or network had stood still, until what follows tells which.
    late_comer: Option<(Slot, PacketMeta, Sound)>,
    standstill: Standstill,
    frames: u32,
    /// Frames since the target was chosen, and whether it is to be chosen anew before long.
    unchosen_frames: u32,
    /// Excess delay of the latest packets.
    latest_ms: f32,
    choose_soon: bool,
    black_box: Option<BlackBox>,
    /// What follows the sender's clock where splices must not.
    varispeed: Option<Varispeed>,
    goal_ms: f32,
    /// The lateness that was chosen when the buffer froze; over the base where the speed is chosen.
    frozen_ms: Option<f32>,
    /// How long before it is due the last frame of a pull is made.
    ahead_ms: f32,
    delay: DelayMeter,
}

impl JitterReader {
    pub(crate) fn new(
        config: &JitterConfig,
        playout: Playout,
        shared: Arc<Shared>,
        publisher: Publisher<{ JitterStats::WORDS }>,
    ) -> Self {
        let varispeed =
            (config.drift == DriftMode::Resample).then(|| Varispeed::new(playout.frame_samples()));
        Self {
            latest_ms: 0.0,
            playout,
            varispeed,
            timeline: Timeline::new(config.sample_rate_hz),
            estimator: Estimator::new(),
            drift: Drift::default(),
            packet_samples: 0,
            target: Target::default(),
            shared,
            publisher,
            outside_ms: f32::from(config.outside_delay_ms),
            reach_ms: f32::MAX,
            out_of_reach_since_ns: None,
            suspect: None,
            late_comer: None,
            standstill: Standstill::default(),
            frames: 0,
            unchosen_frames: CHOOSE_FRAMES,
            choose_soon: false,
            black_box: BlackBox::new(config),
            goal_ms: 0.0,
            frozen_ms: None,
            ahead_ms: 0.0,
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
    pub fn pull(&mut self, now_ns: u64, pcm: &mut [i16]) -> Result<PullInfo, PullError> {
        let frame = self.playout.frame_samples();
        if pcm.is_empty() || !pcm.len().is_multiple_of(frame) {
            return Err(PullError::Length);
        }
        self.drain(now_ns);
        // The last of several frames is made when the first is due.
        self.ahead_ms = (pcm.len() / frame - 1) as f32 * 10.0;
        let settings = self.shared.settings();
        let mut info = PullInfo::default();
        for (n, out) in pcm.chunks_exact_mut(frame).enumerate() {
            let now_ns = now_ns.wrapping_add(n as u64 * 10_000_000);
            let goal = self.goal(settings);
            let operation = self.frame(now_ns, &goal, out);
            info.operation = info.operation.max(operation);
            info.delay_ms = self.delay_ms(now_ns);
            self.count(out.len(), info.delay_ms);
        }
        info.target_delay_ms = self.goal_ms - self.estimator.base_ms();
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
        let replayed = self.black_box.as_ref().is_some_and(BlackBox::has_audio);
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
        self.timeline.ssrc()
    }

    /// The counters now.
    ///
    /// Real-time: yes.
    pub fn stats(&self) -> JitterStats {
        let mut stats = self.playout.stats;
        self.shared.add_to(&mut stats);
        let packets = self.playout.window.entries().iter().filter(|e| !e.redundant).count();
        let held = [self.suspect.is_some(), self.late_comer.is_some()];
        stats.waiting = packets as u64 + held.map(u64::from).iter().sum::<u64>();
        let to_us = |ms: f32| (ms.max(0.0) * 1000.0) as u64;
        (stats.mean_delay_us, stats.delay_p95_us) = self.delay.mean_and_p95_us();
        stats.drift_ppm_bits = self.drift.ppm() as i64 as u64;
        stats.delay_us = to_us(self.delay.last_ms);
        stats.target_delay_us = to_us(self.goal_ms - self.estimator.base_ms());
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
        for (sequence, position) in self.timeline.missing(i64::from(self.packet_samples)) {
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

    /// The black box's log, for [`super::Replay`]; empty without one.
    ///
    /// Real-time: no (allocates).
    pub fn black_box(&self) -> alloc::vec::Vec<u8> {
        self.black_box.as_ref().map(BlackBox::to_vec).unwrap_or_default()
    }

    /// How late packets came, older ones weighing less: for steps of delay over the fastest lately,
    /// each step's lower edge in milliseconds and its share of all packets.
    ///
    /// Real-time: yes.
    pub fn arrival_histogram(&self) -> impl Iterator<Item = (f32, f32)> + '_ {
        self.estimator.shares()
    }

    /// Makes 10 ms, at the speed that brings the delay to its target where that is how it is done.
    fn frame(&mut self, now_ns: u64, goal: &Goal, out: &mut [i16]) -> Operation {
        let playout = &mut self.playout;
        let Some(varispeed) = &mut self.varispeed else {
            return playout.frame(now_ns, goal, out);
        };
        if playout.has_started() {
            varispeed.steer(playout.lateness_ms(now_ns, playout.head()) - goal.target_ms);
        }
        varispeed.frame(out, |pcm| playout.frame(now_ns, goal, pcm))
    }

    /// What the delay control wants now.
    fn goal(&mut self, settings: Settings) -> Goal {
        self.frames = self.frames.wrapping_add(1);
        self.unchosen_frames += 1;
        let enough = if self.choose_soon { CHOOSE_SOON_FRAMES } else { CHOOSE_FRAMES };
        let bursts = self.estimator.burst_ms() > self.target.margin_ms();
        if bursts || self.unchosen_frames >= enough {
            let elapsed_ms = 10.0 * self.unchosen_frames as f32;
            self.target.choose(&mut self.estimator, self.outside_ms, elapsed_ms);
            self.latest_ms = self.estimator.excess_of_ms(TOO_LATE);
            self.unchosen_frames = 0;
            self.choose_soon = false;
        }
        let (level_ms, base_ms) = (self.estimator.level_ms(), self.estimator.base_ms());
        let (min_ms, max_ms) = (f32::from(settings.min_ms), f32::from(settings.max_ms));
        let mut fixed_ms = base_ms + f32::from(settings.target_ms);
        if settings.mode != DelayMode::Frozen {
            self.frozen_ms = None;
        } else if self.estimator.has_observed() {
            let safe_ms = level_ms + self.estimator.excess_of_ms(FROZEN_LATE) + FROZEN_MARGIN_MS;
            // With a speed to choose, the depth is kept; else the delay, since nothing may move.
            let from_ms = if self.varispeed.is_some() { base_ms } else { 0.0 };
            let frozen_ms = *self.frozen_ms.get_or_insert(safe_ms.max(fixed_ms) - from_ms);
            fixed_ms = (from_ms + frozen_ms).min(base_ms + max_ms);
        }
        let (target_ms, start_ms) = match settings.mode {
            DelayMode::Adaptive => {
                let bounds = (base_ms + min_ms, base_ms + max_ms);
                let within = |ms: f32| ms.max(bounds.0).min(bounds.1);
                let level_ms = level_ms + self.ahead_ms;
                if self.varispeed.is_some() {
                    let steered_ms = self.target.margin_ms() + STEERED_MARGIN_MS;
                    (within(level_ms + steered_ms), within(level_ms + steered_ms))
                } else {
                    let margin_ms = self.target.margin_ms().max(START_MS);
                    (within(level_ms + margin_ms), within(level_ms + START_MS))
                }
            }
            _ => (fixed_ms, fixed_ms),
        };
        self.goal_ms = target_ms;
        let max_ms = base_ms + max_ms;
        let rewind = settings.mode == DelayMode::Adaptive;
        self.reach_ms = if rewind { max_ms } else { target_ms };
        Goal {
            target_ms,
            start_ms,
            max_ms,
            patience_ms: level_ms + self.latest_ms + PATIENCE_MS,
            adapt: settings.mode != DelayMode::Frozen && self.varispeed.is_none(),
            settles: settings.mode == DelayMode::Adaptive && self.target.is_settling(),
            rewind,
            conceal: settings.mode != DelayMode::Frozen,
            hold: settings.mode == DelayMode::Frozen,
        }
    }

    fn delay_ms(&self, now_ns: u64) -> f32 {
        if !self.playout.has_started() {
            return 0.0;
        }
        // The sample that is next is due 10 ms after the one just pulled was.
        let next_ns = now_ns.wrapping_add(10_000_000);
        self.playout.lateness_ms(next_ns, self.playout.head()) - self.estimator.base_ms()
    }

    fn count(&mut self, samples: usize, delay_ms: f32) {
        self.playout.stats.samples += samples as u64;
        if self.playout.has_started() {
            self.delay.add(delay_ms);
        } else {
            self.playout.stats.silence_samples += samples as u64;
        }
        if self.frames.is_multiple_of(PUBLISH_FRAMES) {
            let stats = self.stats();
            self.publisher.publish(&stats);
        }
    }

    /// Takes everything that arrived to its place.
    fn drain(&mut self, now_ns: u64) {
        while let Some((slot, meta)) = self.playout.slots.take() {
            if let Some(black_box) = &mut self.black_box {
                if black_box.has_audio() {
                    self.playout.with_payload(&slot, |payload| black_box.packet(&meta, payload));
                } else {
                    black_box.packet(&meta, &[]);
                }
            }
            self.place(slot, meta);
        }
        // What was held up comes all at once: nothing has come behind it.
        let waited = |meta: &PacketMeta| now_ns.wrapping_sub(meta.arrival_ns) >= WAIT_NS;
        if let Some((slot, meta, sound)) = self.late_comer.take_if(|(_, meta, _)| waited(meta)) {
            self.resume(slot, &meta, sound);
        }
    }

    fn place(&mut self, slot: Slot, meta: PacketMeta) {
        let kind = self.playout.decoders.kind(meta.payload_type);
        let Some(clock_hz) = self.clock_hz(kind).filter(|_| !meta.filler) else {
            if !meta.redundant {
                self.pass(&meta);
            }
            self.playout.slots.release(slot);
            return;
        };
        if meta.redundant {
            self.stand_by(slot, &meta, clock_hz);
            return;
        }
        let Some(samples) = self.playout.samples_of(&slot, &meta) else {
            if let Some((_, skipped)) = self.timeline.pass(&meta) {
                self.count_skipped(skipped);
            }
            self.playout.stats.dropped += 1;
            self.playout.slots.release(slot);
            return;
        };
        let sound = Sound { clock_hz, samples };
        if meta.begins {
            if let Some((stray, _)) = self.suspect.take() {
                self.playout.stats.dropped += 1;
                self.playout.slots.release(stray);
            }
            if let Some((late, late_meta, late_sound)) = self.late_comer.take() {
                self.resume(late, &late_meta, late_sound);
            }
            self.begin(slot, meta, sound);
            return;
        }
        if let Some((late, late_meta, late_sound)) = self.late_comer.take() {
            if self.came_on_its_own(&late_meta, late_sound, &meta) {
                self.resume(late, &late_meta, late_sound);
            } else {
                self.put(late, late_meta, late_sound, true);
            }
        }
        self.put(slot, meta, sound, false);
    }

    /// Whether the packet that follows one tells that it was not held up with it.
    fn came_on_its_own(&self, late: &PacketMeta, sound: Sound, next: &PacketMeta) -> bool {
        let later_ms = (next.arrival_ns.wrapping_sub(late.arrival_ns).cast_signed()) as f32 * 1e-6;
        next.ssrc == late.ssrc
            && next.sequence == late.sequence.wrapping_add(1)
            && later_ms >= 0.5 * self.playout.ms(i64::from(sound.samples))
    }

    /// Puts a packet to its place; `held` has waited for what follows it.
    fn put(&mut self, slot: Slot, meta: PacketMeta, sound: Sound, held: bool) {
        let (playout, reach_ms) = (&self.playout, self.reach_ms);
        let delays = Delays {
            base_ms: self.estimator.base_ms(),
            level_ms: self.estimator.level_ms(),
            due_ms: (!held && playout.has_started()).then_some(self.goal_ms),
            out_of_reach_ms: is_over(self.out_of_reach_since_ns, meta.arrival_ns)
                .then_some(reach_ms),
        };
        let late_ms = |position| playout.lateness_ms(meta.arrival_ns, position);
        match self.timeline.place(&meta, sound, delays, late_ms) {
            Placement::Duplicate => {
                self.playout.stats.duplicate += 1;
                self.playout.slots.release(slot);
            }
            Placement::Strange => self.suspect(slot, meta, sound),
            Placement::StoodStill { excess_ms, too_late, spurt } => {
                let verdict = self.standstill.judge(excess_ms, spurt);
                if too_late && verdict == Verdict::Resume {
                    self.resume(slot, &meta, sound);
                } else if too_late && verdict == Verdict::Wait {
                    self.late_comer = Some((slot, meta, sound));
                } else {
                    let taken = if too_late { Taken::Late } else { Taken::InTime };
                    let level_ms = self.estimator.level_ms();
                    self.standstill.watch(meta.arrival_ns, level_ms, excess_ms, taken);
                    self.put(slot, meta, sound, true);
                }
            }
            placed => {
                let placed = if held { placed } else { self.follow(&meta, placed) };
                self.accept(slot, &meta, sound, placed, false);
            }
        }
    }

    /// Takes the stream up with the newest packet if what stood still will not catch up. Where it is still
    /// in time, it is the delays that have to be seen anew.
    fn follow(&mut self, meta: &PacketMeta, placed: Placement) -> Placement {
        let Placement::Placed { position, sequence, skipped: Some(skipped), corrected } = placed
        else {
            return placed;
        };
        let late_ms = self.playout.lateness_ms(meta.arrival_ns, position);
        let taken = self.standstill.follow(meta.arrival_ns, late_ms);
        if let Some((Taken::InTime, ms)) = taken {
            self.estimator.stood_still(ms);
        }
        if !matches!(taken, Some((Taken::Late, _))) {
            return Placement::Placed { position, sequence, skipped: Some(skipped), corrected };
        }
        let position = self.resumed_position(meta).max(position);
        self.timeline.move_newest(position, self.playout.lateness_ms(meta.arrival_ns, position));
        self.playout.stats.resumptions += 1;
        Placement::Placed { position, sequence, skipped: Some(skipped), corrected: true }
    }

    /// Where a packet belongs with which a stream that has stood still is taken up: as late as usual, but
    /// behind what was played or made up.
    fn resumed_position(&self, meta: &PacketMeta) -> i64 {
        let usual = self.usual_position(meta, self.estimator.level_ms());
        usual.max(self.playout.next_position().unwrap_or(usual))
    }

    /// Takes the stream up where it is, sender or network having stood still: the packet is as late as
    /// usual, and played behind what there was.
    fn resume(&mut self, slot: Slot, meta: &PacketMeta, sound: Sound) {
        let resumed = self.resumed_position(meta);
        let end = self.timeline.end().unwrap_or(resumed);
        let position = resumed.max(end);
        let level_ms = self.estimator.level_ms();
        let excess_ms = self.playout.lateness_ms(meta.arrival_ns, end) - level_ms;
        self.standstill.watch(meta.arrival_ns, level_ms, excess_ms, Taken::Resumed);
        let late_ms = self.playout.lateness_ms(meta.arrival_ns, position);
        let placed = self.timeline.put_at(meta, sound, position, late_ms);
        self.playout.stats.resumptions += 1;
        self.accept(slot, meta, sound, placed, false);
    }

    /// Takes in a packet that was no sound: it has its place in the sequence.
    fn pass(&mut self, meta: &PacketMeta) {
        self.playout.stats.passed += 1;
        if let Some((sequence, skipped)) = self.timeline.pass(meta) {
            self.count_skipped(skipped);
            self.playout.fill(sequence);
        }
    }

    /// Counts the numbers that were skipped before a packet, or that one of them has come.
    fn count_skipped(&mut self, skipped: Option<u16>) {
        match skipped {
            Some(skipped) => {
                self.estimator.count(skipped);
                self.choose_soon |= skipped > 0;
                self.playout.stats.missing += u64::from(skipped);
            }
            None => {
                let missing = &mut self.playout.stats.missing;
                *missing = missing.saturating_sub(1);
            }
        }
    }

    /// The RTP clock that a packet's timestamp counts in; `None` for what is not played.
    fn clock_hz(&self, kind: Kind) -> Option<u32> {
        match kind {
            Kind::Sound(index) => Some(self.playout.decoders.decoder(index)?.format().rtp_clock_hz),
            // Comfort noise counts in the clock of the codec that it stands in for.
            Kind::ComfortNoise => Some(self.timeline.clock_hz().unwrap_or(8000)),
            Kind::Redundant | Kind::Unknown | Kind::Kept(_) => None,
        }
    }

    fn accept(
        &mut self,
        slot: Slot,
        meta: &PacketMeta,
        sound: Sound,
        placement: Placement,
        fresh: bool,
    ) {
        let Placement::Placed { position, sequence, skipped, corrected } = placement else {
            self.playout.stats.dropped += 1;
            self.playout.slots.release(slot);
            return;
        };
        let samples = sound.samples;
        self.count_skipped(skipped);
        self.playout.stats.corrected_timestamps += u64::from(corrected);
        if samples > 0 {
            let delay_ms = self.playout.lateness_ms(meta.arrival_ns, position);
            if delay_ms <= self.reach_ms {
                self.out_of_reach_since_ns = None;
            } else {
                self.out_of_reach_since_ns.get_or_insert(meta.arrival_ns);
            }
            self.drift.observe(meta.arrival_ns, delay_ms);
            if self.packet_samples != samples {
                self.packet_samples = samples;
                let packet_ms = self.playout.ms(i64::from(samples));
                self.estimator.set_packet_ms(packet_ms);
                self.target.set_packet_ms(packet_ms);
            }
            let excess_ms = self.estimator.observe(meta.arrival_ns, delay_ms);
            self.choose_soon |= excess_ms > self.target.margin_ms();
        }
        if skipped.is_some() {
            self.playout.source_is_there();
        }
        self.playout.insert(Entry {
            start: position,
            samples,
            sequence: sequence as u32,
            slot,
            payload_type: meta.payload_type,
            fresh,
            redundant: false,
            level_dbov: meta.level_dbov,
        });
    }

    /// Puts a copy of an older packet in that packet's place, if that is empty and yet to be played.
    fn stand_by(&mut self, slot: Slot, meta: &PacketMeta, clock_hz: u32) {
        let position = self.timeline.position(meta, clock_hz);
        let samples = self.playout.samples_of(&slot, meta).filter(|&samples| samples > 0);
        if let (Some(position), Some(samples), Some(end)) = (position, samples, self.timeline.end())
        {
            // It stands behind its own place by as many packets as the newest does.
            let behind = (end - position) as f32 / samples as f32 - 1.0;
            self.target.set_repeated(behind.max(0.0));
        }
        match position.zip(samples) {
            Some((start, samples)) if self.playout.wants(start, start + i64::from(samples)) => {
                self.playout.insert(Entry {
                    start,
                    samples,
                    sequence: u32::from(meta.sequence),
                    slot,
                    payload_type: meta.payload_type,
                    fresh: false,
                    redundant: true,
                    level_dbov: meta.level_dbov,
                });
            }
            _ => self.playout.slots.release(slot),
        }
    }

    /// Keeps a packet that did not fit the stream until a second one follows it; then the stream
    /// goes on with these two.
    fn suspect(&mut self, slot: Slot, meta: PacketMeta, sound: Sound) {
        let first = !self.timeline.has_begun();
        let before = self.suspect.take();
        // What is no sound has numbers, too.
        let follows = before.as_ref().is_some_and(|(_, b)| {
            b.ssrc == meta.ssrc && (1..=FOLLOWS).contains(&meta.sequence.wrapping_sub(b.sequence))
        });
        if first {
            self.begin(slot, meta, sound);
            return;
        }
        match before {
            Some((before_slot, before_meta)) if follows => {
                let kind = self.playout.decoders.kind(before_meta.payload_type);
                let clock_hz = self.clock_hz(kind).unwrap_or(sound.clock_hz);
                if let Some(samples) = self.playout.samples_of(&before_slot, &before_meta) {
                    self.begin(before_slot, before_meta, Sound { clock_hz, samples });
                } else {
                    self.playout.stats.dropped += 1;
                    self.playout.slots.release(before_slot);
                }
                self.put(slot, meta, sound, true);
            }
            before => {
                if let Some((stray, _)) = before {
                    self.playout.stats.dropped += 1;
                    self.playout.slots.release(stray);
                }
                self.suspect = Some((slot, meta));
            }
        }
    }

    /// Starts a stream, or a new stretch of one: its first packet is placed where it would be if the
    /// network had held it up as usual, but behind what still waits of the old stretch.
    fn begin(&mut self, slot: Slot, meta: PacketMeta, sound: Sound) {
        let fresh = self.timeline.has_begun();
        let position = if fresh {
            self.playout.stats.restarts += 1;
            self.standstill.forget();
            self.restart_position(&meta, sound.clock_hz)
        } else {
            self.playout.set_origin(meta.arrival_ns);
            0
        };
        self.timeline.anchor(&meta, sound.clock_hz, position);
        let late_ms = self.playout.lateness_ms(meta.arrival_ns, position);
        let placed = self.timeline.put_at(&meta, sound, position, late_ms).as_told();
        self.accept(slot, &meta, sound, placed, fresh);
    }

    /// Where a packet would be that came as late as usual.
    fn usual_position(&self, meta: &PacketMeta, level_ms: f32) -> i64 {
        let level_ns = (level_ms * 1e6) as i64;
        self.playout.position_at(meta.arrival_ns.wrapping_sub(level_ns as u64))
    }

    fn restart_position(&self, meta: &PacketMeta, clock_hz: u32) -> i64 {
        let out_of_reach = is_over(self.out_of_reach_since_ns, meta.arrival_ns);
        let level_ms =
            if out_of_reach { self.estimator.base_ms() } else { self.estimator.level_ms() };
        // Only the sequence numbers began anew: the timestamps still hold.
        let position = self.timeline.position(meta, clock_hz).filter(|_| !meta.begins);
        if let Some(position) = position {
            let jump_ms = self.playout.lateness_ms(meta.arrival_ns, position) - level_ms;
            if !out_of_reach && (-JUMP_MS..JUMP_MS).contains(&jump_ms) {
                return position;
            }
        }
        let usual = self.usual_position(meta, level_ms);
        let waiting = self.playout.window.end();
        usual.max(waiting.unwrap_or(usual)).max(self.playout.next_position().unwrap_or(usual))
    }
}

/// Whether nothing has come in time for too long.
fn is_over(since_ns: Option<u64>, now_ns: u64) -> bool {
    since_ns.is_some_and(|since| {
        now_ns.wrapping_sub(since).cast_signed() >= OUT_OF_REACH_NS.cast_signed()
    })
}

/// Steps of the delay histogram, and how many there are.
const METER_STEP_MS: f32 = 8.0;
const METER_STEPS: usize = 64;

/// Mean and distribution of the buffer's delay.
#[derive(Debug)]
struct DelayMeter {
    last_ms: f32,
    sum_us: u64,
    count: u64,
    steps: [u32; METER_STEPS],
}

impl Default for DelayMeter {
    fn default() -> Self {
        Self { last_ms: 0.0, sum_us: 0, count: 0, steps: [0; METER_STEPS] }
    }
}

impl DelayMeter {
    #[inline]
    fn add(&mut self, delay_ms: f32) {
        let delay_ms = delay_ms.max(0.0);
        self.last_ms = delay_ms;
        self.sum_us += (delay_ms * 1000.0) as u64;
        self.count += 1;
        let step = ((delay_ms / METER_STEP_MS) as usize).min(METER_STEPS - 1);
        self.steps[step] = self.steps[step].saturating_add(1);
    }

    fn mean_and_p95_us(&self) -> (u64, u64) {
        if self.count == 0 {
            return (0, 0);
        }
        let mut left = self.count - self.count * 95 / 100;
        let mut step = METER_STEPS;
        while step > 0 && left > 0 {
            step -= 1;
            left = left.saturating_sub(u64::from(self.steps[step]));
        }
        (self.sum_us / self.count, ((step + 1) as f32 * METER_STEP_MS * 1000.0) as u64)
    }
}
