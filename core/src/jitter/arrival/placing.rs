// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the ring to their places: which position a packet has in media time, which ones wait until
//! another tells what they are, and when a stream is taken up anew. Audio thread only.
//!
//! Touches its own state, the [`Aim`]'s estimates of the network, and of the playout only slots, window
//! and counters: what is played, and when, is not decided here.

use super::ingest::{PacketMeta, Slot};
use crate::jitter::decoders::Kind;
use crate::jitter::delay::drift::Drift;
use crate::jitter::delay::goal::Aim;
use crate::jitter::delay::standstill::{Standstill, Taken, Verdict};
use crate::jitter::delay::timeline::{Delays, Placement, Sound, Timeline};
use crate::jitter::playout::Playout;
use crate::jitter::window::Entry;

/// A delay this far from the usual is a jump of the timeline, not jitter.
const JUMP_MS: f32 = 2000.0;
/// A packet may follow a suspect that many sequence numbers later.
const FOLLOWS: u16 = 4;
/// How long nothing has to come behind a packet that was too late, for it not to have been held up.
const WAIT_NS: u64 = 5_000_000;
/// When no packet has come in time to be heard for this long, the sender or the network has stood still,
/// and the stream is taken up again where it is now. What was held up and comes all at once takes less.
const OUT_OF_REACH_NS: u64 = 400_000_000;

/// Where packets belong, and those of which that is not known yet.
#[derive(Debug)]
pub(crate) struct Placing {
    pub(crate) timeline: Timeline,
    pub(crate) drift: Drift,
    standstill: Standstill,
    /// Samples of the newest packet.
    pub(crate) packet_samples: u32,
    /// The lateness at which a packet can't be heard any more, and the arrival of the first of those that
    /// came later, with none in time since.
    pub(crate) reach_ms: f32,
    out_of_reach_since_ns: Option<u64>,
    /// The first packet that did not fit the stream, until a second one follows it.
    suspect: Option<(Slot, PacketMeta)>,
    /// A packet that came after sender or network had stood still, until what follows tells which.
    late_comer: Option<(Slot, PacketMeta, Sound)>,
}

impl Placing {
    pub(crate) fn new(sample_rate_hz: u32) -> Self {
        Self {
            timeline: Timeline::new(sample_rate_hz),
            drift: Drift::default(),
            standstill: Standstill::default(),
            packet_samples: 0,
            reach_ms: f32::MAX,
            out_of_reach_since_ns: None,
            suspect: None,
            late_comer: None,
        }
    }

    /// Packets that wait for others.
    pub(crate) fn held(&self) -> u64 {
        u64::from(self.suspect.is_some()) + u64::from(self.late_comer.is_some())
    }

    /// Takes in that nothing more has come: what was held up comes all at once.
    pub(crate) fn wait_no_longer(&mut self, playout: &mut Playout, aim: &mut Aim, now_ns: u64) {
        // A pull may be of a time before the last arrival.
        let waited = |meta: &PacketMeta| now_ns.saturating_sub(meta.arrival_ns) >= WAIT_NS;
        if let Some((slot, meta, sound)) = self.late_comer.take_if(|(_, meta, _)| waited(meta)) {
            self.resume(playout, aim, slot, &meta, sound);
        }
    }

    /// Puts a packet in its place, keeps it until others tell where that is, or counts why it has none.
    pub(crate) fn place(
        &mut self,
        playout: &mut Playout,
        aim: &mut Aim,
        slot: Slot,
        meta: PacketMeta,
    ) {
        let kind = playout.decoders.kind(meta.payload_type);
        let Some(clock_hz) = self.clock_hz(playout, kind).filter(|_| !meta.filler) else {
            if !meta.redundant {
                self.pass(playout, aim, &meta);
            }
            playout.slots.release(slot);
            return;
        };
        if meta.redundant {
            self.stand_by(playout, aim, slot, &meta, clock_hz);
            return;
        }
        let Some(samples) = playout.samples_of(&slot, &meta) else {
            if let Some((_, skipped)) = self.timeline.pass(&meta) {
                self.count_skipped(playout, aim, skipped);
            }
            playout.stats.dropped += 1;
            playout.slots.release(slot);
            return;
        };
        let sound = Sound { clock_hz, samples };
        if meta.begins {
            if let Some((stray, _)) = self.suspect.take() {
                playout.stats.dropped += 1;
                playout.slots.release(stray);
            }
            if let Some((late, late_meta, late_sound)) = self.late_comer.take() {
                self.resume(playout, aim, late, &late_meta, late_sound);
            }
            self.begin(playout, aim, slot, meta, sound);
            return;
        }
        if let Some((late, late_meta, late_sound)) = self.late_comer.take() {
            if self.came_on_its_own(playout, &late_meta, late_sound, &meta) {
                self.resume(playout, aim, late, &late_meta, late_sound);
            } else {
                self.put(playout, aim, late, late_meta, late_sound, true);
            }
        }
        self.put(playout, aim, slot, meta, sound, false);
    }

    /// Whether the packet that follows one tells that it was not held up with it.
    fn came_on_its_own(
        &self,
        playout: &Playout,
        late: &PacketMeta,
        sound: Sound,
        next: &PacketMeta,
    ) -> bool {
        let later_ms = (next.arrival_ns.wrapping_sub(late.arrival_ns).cast_signed()) as f32 * 1e-6;
        next.ssrc == late.ssrc
            && next.sequence == late.sequence.wrapping_add(1)
            && later_ms >= 0.5 * playout.ms(i64::from(sound.samples))
    }

    /// Puts a packet to its place; `held` has waited for what follows it.
    fn put(
        &mut self,
        playout: &mut Playout,
        aim: &mut Aim,
        slot: Slot,
        meta: PacketMeta,
        sound: Sound,
        held: bool,
    ) {
        let reach_ms = self.reach_ms;
        let delays = Delays {
            base_ms: aim.estimator.base_ms(),
            level_ms: aim.estimator.level_ms(),
            due_ms: (!held && playout.has_started()).then_some(aim.goal_ms()),
            out_of_reach_ms: is_over(self.out_of_reach_since_ns, meta.arrival_ns)
                .then_some(reach_ms),
        };
        let late_ms = |position| playout.lateness_ms(meta.arrival_ns, position);
        match self.timeline.place(&meta, sound, delays, late_ms) {
            Placement::Duplicate => {
                playout.stats.duplicate += 1;
                playout.slots.release(slot);
            }
            Placement::Strange => self.suspect(playout, aim, slot, meta, sound),
            Placement::StoodStill { excess_ms, too_late, spurt } => {
                let verdict = self.standstill.judge(excess_ms, spurt);
                if too_late && verdict == Verdict::Resume {
                    self.resume(playout, aim, slot, &meta, sound);
                } else if too_late && verdict == Verdict::Wait {
                    self.late_comer = Some((slot, meta, sound));
                } else {
                    let taken = if too_late { Taken::Late } else { Taken::InTime };
                    let level_ms = aim.estimator.level_ms();
                    self.standstill.watch(meta.arrival_ns, level_ms, excess_ms, taken);
                    self.put(playout, aim, slot, meta, sound, true);
                }
            }
            placed => {
                let placed = if held { placed } else { self.follow(playout, aim, &meta, placed) };
                self.accept(playout, aim, slot, &meta, sound, placed, false);
            }
        }
    }

    /// Takes the stream up with the newest packet if what stood still will not catch up. Where it is still
    /// in time, it is the delays that have to be seen anew.
    fn follow(
        &mut self,
        playout: &mut Playout,
        aim: &mut Aim,
        meta: &PacketMeta,
        placed: Placement,
    ) -> Placement {
        let Placement::Placed { position, sequence, skipped: Some(skipped), corrected } = placed
        else {
            return placed;
        };
        let late_ms = playout.lateness_ms(meta.arrival_ns, position);
        let taken = self.standstill.follow(meta.arrival_ns, late_ms);
        if let Some((Taken::InTime, ms)) = taken {
            aim.estimator.stood_still(ms);
        }
        if !matches!(taken, Some((Taken::Late, _))) {
            return Placement::Placed { position, sequence, skipped: Some(skipped), corrected };
        }
        let position = self.resumed_position(playout, aim, meta).max(position);
        self.timeline.move_newest(position, playout.lateness_ms(meta.arrival_ns, position));
        playout.stats.resumptions += 1;
        Placement::Placed { position, sequence, skipped: Some(skipped), corrected: true }
    }

    /// Where a packet belongs with which a stream that has stood still is taken up: as late as usual, but
    /// behind what was played or made up.
    fn resumed_position(&self, playout: &Playout, aim: &Aim, meta: &PacketMeta) -> i64 {
        let usual = self.usual_position(playout, meta, aim.estimator.level_ms());
        usual.max(playout.next_position().unwrap_or(usual))
    }

    /// Takes the stream up where it is, sender or network having stood still: the packet is as late as
    /// usual, and played behind what there was.
    fn resume(
        &mut self,
        playout: &mut Playout,
        aim: &mut Aim,
        slot: Slot,
        meta: &PacketMeta,
        sound: Sound,
    ) {
        let resumed = self.resumed_position(playout, aim, meta);
        let end = self.timeline.end().unwrap_or(resumed);
        let position = resumed.max(end);
        let level_ms = aim.estimator.level_ms();
        let excess_ms = playout.lateness_ms(meta.arrival_ns, end) - level_ms;
        self.standstill.watch(meta.arrival_ns, level_ms, excess_ms, Taken::Resumed);
        let late_ms = playout.lateness_ms(meta.arrival_ns, position);
        let placed = self.timeline.put_at(meta, sound, position, late_ms);
        playout.stats.resumptions += 1;
        self.accept(playout, aim, slot, meta, sound, placed, false);
    }

    /// Takes in a packet that was no audio: it has its place in the sequence.
    fn pass(&mut self, playout: &mut Playout, aim: &mut Aim, meta: &PacketMeta) {
        playout.stats.passed += 1;
        if let Some((sequence, skipped)) = self.timeline.pass(meta) {
            self.count_skipped(playout, aim, skipped);
            playout.fill(sequence);
        }
    }

    /// Counts the numbers that were skipped before a packet, or that one of them has come.
    fn count_skipped(&mut self, playout: &mut Playout, aim: &mut Aim, skipped: Option<u16>) {
        match skipped {
            Some(skipped) => {
                aim.estimator.count(skipped);
                aim.choose_soon |= skipped > 0;
                playout.stats.missing += u64::from(skipped);
            }
            None => {
                let missing = &mut playout.stats.missing;
                *missing = missing.saturating_sub(1);
            }
        }
    }

    /// The RTP clock that a packet's timestamp counts in; `None` for what is not played.
    fn clock_hz(&self, playout: &Playout, kind: Kind) -> Option<u32> {
        match kind {
            Kind::Sound(index) => Some(playout.decoders.decoder(index)?.format().rtp_clock_hz),
            // Comfort noise counts in the clock of the codec that it stands in for.
            Kind::ComfortNoise => Some(self.timeline.clock_hz().unwrap_or(8000)),
            Kind::Redundant | Kind::Unknown | Kind::Kept(_) => None,
        }
    }

    fn accept(
        &mut self,
        playout: &mut Playout,
        aim: &mut Aim,
        slot: Slot,
        meta: &PacketMeta,
        sound: Sound,
        placement: Placement,
        fresh: bool,
    ) {
        let Placement::Placed { position, sequence, skipped, corrected } = placement else {
            playout.stats.dropped += 1;
            playout.slots.release(slot);
            return;
        };
        let samples = sound.samples;
        self.count_skipped(playout, aim, skipped);
        playout.stats.corrected_timestamps += u64::from(corrected);
        if samples > 0 {
            let delay_ms = playout.lateness_ms(meta.arrival_ns, position);
            if delay_ms <= self.reach_ms {
                self.out_of_reach_since_ns = None;
            } else {
                self.out_of_reach_since_ns.get_or_insert(meta.arrival_ns);
            }
            self.drift.observe(meta.arrival_ns, delay_ms);
            if self.packet_samples != samples {
                self.packet_samples = samples;
                let packet_ms = playout.ms(i64::from(samples));
                aim.estimator.set_packet_ms(packet_ms);
                aim.target.set_packet_ms(packet_ms);
            }
            let excess_ms = aim.estimator.observe(meta.arrival_ns, delay_ms);
            aim.choose_soon |= excess_ms > aim.target.margin_ms();
        }
        if skipped.is_some() {
            playout.source_is_there();
        }
        playout.insert(Entry {
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
    fn stand_by(
        &mut self,
        playout: &mut Playout,
        aim: &mut Aim,
        slot: Slot,
        meta: &PacketMeta,
        clock_hz: u32,
    ) {
        let position = self.timeline.position(meta, clock_hz);
        let samples = playout.samples_of(&slot, meta).filter(|&samples| samples > 0);
        if let (Some(position), Some(samples), Some(end)) = (position, samples, self.timeline.end())
        {
            // It stands behind its own place by as many packets as the newest does.
            let behind = (end - position) as f32 / samples as f32 - 1.0;
            aim.target.set_repeated(behind.max(0.0));
        }
        match position.zip(samples) {
            Some((start, samples)) if playout.wants(start, start + i64::from(samples)) => {
                playout.insert(Entry {
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
            _ => playout.slots.release(slot),
        }
    }

    /// Keeps a packet that did not fit the stream until a second one follows it; then the stream
    /// goes on with these two.
    fn suspect(
        &mut self,
        playout: &mut Playout,
        aim: &mut Aim,
        slot: Slot,
        meta: PacketMeta,
        sound: Sound,
    ) {
        let first = !self.timeline.has_begun();
        let before = self.suspect.take();
        // What is no audio has numbers, too.
        let follows = before.as_ref().is_some_and(|(_, b)| {
            b.ssrc == meta.ssrc && (1..=FOLLOWS).contains(&meta.sequence.wrapping_sub(b.sequence))
        });
        if first {
            self.begin(playout, aim, slot, meta, sound);
            return;
        }
        match before {
            Some((before_slot, before_meta)) if follows => {
                let kind = playout.decoders.kind(before_meta.payload_type);
                let clock_hz = self.clock_hz(playout, kind).unwrap_or(sound.clock_hz);
                if let Some(samples) = playout.samples_of(&before_slot, &before_meta) {
                    self.begin(playout, aim, before_slot, before_meta, Sound { clock_hz, samples });
                } else {
                    playout.stats.dropped += 1;
                    playout.slots.release(before_slot);
                }
                self.put(playout, aim, slot, meta, sound, true);
            }
            before => {
                if let Some((stray, _)) = before {
                    playout.stats.dropped += 1;
                    playout.slots.release(stray);
                }
                self.suspect = Some((slot, meta));
            }
        }
    }

    /// Starts a stream, or a new stretch of one: its first packet is placed where it would be if the
    /// network had held it up as usual, but behind what still waits of the old stretch.
    fn begin(
        &mut self,
        playout: &mut Playout,
        aim: &mut Aim,
        slot: Slot,
        meta: PacketMeta,
        sound: Sound,
    ) {
        let fresh = self.timeline.has_begun();
        let position = if fresh {
            playout.stats.restarts += 1;
            self.standstill.forget();
            self.restart_position(playout, aim, &meta, sound.clock_hz)
        } else {
            playout.set_origin(meta.arrival_ns);
            0
        };
        self.timeline.anchor(&meta, sound.clock_hz, position);
        let late_ms = playout.lateness_ms(meta.arrival_ns, position);
        let placed = self.timeline.put_at(&meta, sound, position, late_ms).as_told();
        self.accept(playout, aim, slot, &meta, sound, placed, fresh);
    }

    /// Where a packet would be that came as late as usual.
    fn usual_position(&self, playout: &Playout, meta: &PacketMeta, level_ms: f32) -> i64 {
        let level_ns = (level_ms * 1e6) as i64;
        playout.position_at(meta.arrival_ns.wrapping_sub(level_ns as u64))
    }

    fn restart_position(
        &self,
        playout: &Playout,
        aim: &Aim,
        meta: &PacketMeta,
        clock_hz: u32,
    ) -> i64 {
        let out_of_reach = is_over(self.out_of_reach_since_ns, meta.arrival_ns);
        let level_ms =
            if out_of_reach { aim.estimator.base_ms() } else { aim.estimator.level_ms() };
        // Only the sequence numbers began anew: the timestamps still hold.
        let position = self.timeline.position(meta, clock_hz).filter(|_| !meta.begins);
        if let Some(position) = position {
            let jump_ms = playout.lateness_ms(meta.arrival_ns, position) - level_ms;
            if !out_of_reach && (-JUMP_MS..JUMP_MS).contains(&jump_ms) {
                return position;
            }
        }
        let usual = self.usual_position(playout, meta, level_ms);
        let waiting = playout.window.end();
        usual.max(waiting.unwrap_or(usual)).max(playout.next_position().unwrap_or(usual))
    }
}

/// Whether nothing has come in time for too long.
fn is_over(since_ns: Option<u64>, now_ns: u64) -> bool {
    since_ns.is_some_and(|since| {
        now_ns.wrapping_sub(since).cast_signed() >= OUT_OF_REACH_NS.cast_signed()
    })
}
