// SPDX-License-Identifier: MIT OR Apache-2.0
//! Unwraps RTP timestamps and sequence numbers to one media timeline, in output samples.
//!
//! Sequence numbers and timestamps are extended (RFC 3550 appendix A.1), duplicates recognised by
//! sequence number. Sequence number, timestamp, marker, length and arrival together say where a packet
//! belongs: senders' timestamps wander, stand still in pauses, skip, or count in something else, while
//! sequence numbers go on and packets come as often as their sound is long. Where nothing was lost and
//! the timestamp says otherwise, a packet follows its predecessor; a gap is believed if the packet came
//! that much later.
//!
//! A packet that doesn't fit the stream (another SSRC, a sequence number or timestamp far off) is
//! *strange*: one alone may be a stray, but a second that follows it starts a new stretch of the
//! timeline, anchored where the caller says. A packet that follows its predecessor, but much later than
//! it could be played, tells that the sender or the network has *stood still*; the caller decides by what
//! comes next. Audio thread only.

use super::cadence::Cadence;
use crate::jitter::arrival::ingest::PacketMeta;

/// How far forward a sequence number may jump within a stream (RFC 3550's MAX_DROPOUT is 3000; at
/// 20 ms a packet this is 20 s, more than any buffer holds).
const MAX_FORWARD: i16 = 1000;
/// How many sequence numbers back duplicates are recognised.
const SEEN: i16 = 128;
/// A timestamp that is off by less than this part of a packet is noise.
const NOISE_PART: i64 = 4;
/// For so many packets after one of another length, a lost one may have had any.
const MIXED_PACKETS: u8 = 50;
/// A packet that came this much before the earliest (or by half of the gap, if that is less) was not sent
/// after a gap.
const EARLY_MS: f32 = 20.0;
/// A delay this far from the usual is a jump of the timeline, not jitter.
const JUMP_MS: f32 = 2000.0;
/// A packet that comes this much (and a packet's length) too late to be played, and behind time that
/// stood still, is not only late.
const STILL_MS: f32 = 10.0;
const LEAST_STILL_MS: f32 = 20.0;

/// What a packet is to the stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Placement {
    /// Belongs at this position.
    Placed {
        /// Media position of the first sample.
        position: i64,
        /// Extended sequence number.
        sequence: i64,
        /// Newest so far: sequence numbers skipped before it.
        skipped: Option<u16>,
        /// The position is not the one that the timestamp tells.
        corrected: bool,
    },
    /// Seen before.
    Duplicate,
    /// Follows the newest, but sender or network have stood still before it: so much later than usual.
    /// `too_late`: its time is over. `spurt`: a talk spurt begins with it.
    StoodStill { excess_ms: f32, too_late: bool, spurt: bool },
    /// Does not fit the stream; may be the first of a new one.
    Strange,
}

impl Placement {
    /// The same, where the caller chose the position for want of a timestamp to go by.
    pub(crate) fn as_told(self) -> Self {
        match self {
            Self::Placed { position, sequence, skipped, .. } => {
                Self::Placed { position, sequence, skipped, corrected: false }
            }
            other => other,
        }
    }
}

/// What a packet is, beside its numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sound {
    /// The clock that its timestamp counts in.
    pub(crate) clock_hz: u32,
    /// Samples at the output rate; 0 for comfort noise.
    pub(crate) samples: u32,
}

/// What is known of delays when a packet comes, in milliseconds of lateness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delays {
    /// The least of some seconds, and the least of late.
    pub(crate) base_ms: f32,
    pub(crate) level_ms: f32,
    /// At which packets are played; `None` before the first is.
    pub(crate) due_ms: Option<f32>,
    /// Nothing later can be heard, for some time already.
    pub(crate) out_of_reach_ms: Option<f32>,
}

#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
    clock_hz: u32,
    /// The wire timestamp at `position`, both moving with the newest packet.
    timestamp: u32,
    position: i64,
    /// Where the newest packet ends; samples of the newest that has any.
    end: i64,
    samples: i64,
    /// Whether the newest is sound (not comfort noise), and carried the marker.
    is_sound: bool,
    marker: bool,
    /// Timestamps have been off by a little.
    noisy: bool,
    /// Packets for which lengths are still taken to change.
    mixed: u8,
    /// How late the newest came.
    late_ms: f32,
    /// Numbers behind the newest that were skipped, and whether any was no audio.
    lost: i64,
    passed: bool,
    cadence: Cadence,
    /// Newest extended sequence number.
    sequence: i64,
    /// Bit n: `sequence - n` was seen.
    seen: u128,
    /// Extended sequence number of the first packet.
    first: i64,
}

/// The mapping of the stream that is played now.
#[derive(Debug)]
pub(crate) struct Timeline {
    sample_rate_hz: u32,
    stream: Option<Stream>,
}

impl Timeline {
    pub(crate) fn new(sample_rate_hz: u32) -> Self {
        Self { sample_rate_hz, stream: None }
    }

    /// Whether any stream has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.stream.is_some()
    }

    /// Whose stream is played now.
    pub(crate) fn ssrc(&self) -> Option<u32> {
        self.stream.map(|s| s.ssrc)
    }

    /// The RTP clock of the stream that is played now.
    pub(crate) fn clock_hz(&self) -> Option<u32> {
        self.stream.map(|s| s.clock_hz)
    }

    /// Where the present mapping would put a packet, whatever its sequence number.
    pub(crate) fn position(&self, meta: &PacketMeta, clock_hz: u32) -> Option<i64> {
        let stream = self.stream.as_ref()?;
        (stream.ssrc == meta.ssrc && stream.clock_hz == clock_hz).then(|| {
            let told = stream.position_of(meta.timestamp, self.sample_rate_hz);
            stream.without_noise(told)
        })
    }

    /// Moves the newest packet, and what follows it, to `position`.
    pub(crate) fn move_newest(&mut self, position: i64, late_ms: f32) {
        if let Some(stream) = &mut self.stream {
            stream.end += position - stream.position;
            stream.position = position;
            stream.late_ms = late_ms;
        }
    }

    /// Where the newest packet ends.
    pub(crate) fn end(&self) -> Option<i64> {
        self.stream.map(|s| s.end)
    }

    /// Starts a stretch of the timeline with a packet at `position`; its extended sequence number
    /// goes on from the old stream's, so that it is never used twice.
    pub(crate) fn anchor(&mut self, meta: &PacketMeta, clock_hz: u32, position: i64) {
        let before = self.stream.map_or(0, |s| s.sequence);
        // The next number after the old stream whose low bits are the packet's.
        let sequence = (before & !0xffff) + 0x20000 + i64::from(meta.sequence) - 1;
        self.stream = Some(Stream {
            ssrc: meta.ssrc,
            clock_hz,
            timestamp: meta.timestamp,
            position,
            end: position,
            samples: 0,
            is_sound: true,
            marker: false,
            noisy: false,
            mixed: 0,
            late_ms: 0.0,
            lost: 0,
            passed: false,
            cadence: Cadence::default(),
            sequence,
            seen: 0,
            first: sequence + 1,
        });
    }

    /// Says where a packet belongs, and remembers that it was seen. `late_ms` tells how late it has come
    /// for a position.
    #[inline]
    pub(crate) fn place(
        &mut self,
        meta: &PacketMeta,
        sound: Sound,
        delays: Delays,
        late_ms: impl Fn(i64) -> f32,
    ) -> Placement {
        let rate = self.sample_rate_hz;
        let Some(stream) = self.stream.as_mut() else { return Placement::Strange };
        if meta.ssrc != stream.ssrc || sound.clock_hz != stream.clock_hz {
            return Placement::Strange;
        }
        let ahead = stream.ahead(meta.sequence);
        if !(1 - SEEN..=MAX_FORWARD).contains(&ahead) {
            return Placement::Strange;
        }
        let told = stream.position_of(meta.timestamp, rate);
        let position = if ahead > 0 {
            stream.fit(told, ahead, delays.base_ms, &late_ms)
        } else {
            stream.without_noise(told)
        };
        let late = late_ms(position);
        if let Some(too_late) = stream.stood_still(ahead, late, delays, rate) {
            let spurt = (meta.marker && !stream.marker) || !stream.is_sound || stream.passed;
            return Placement::StoodStill { excess_ms: late - delays.level_ms, too_late, spurt };
        }
        let plausible = (-JUMP_MS..JUMP_MS).contains(&(late - delays.level_ms))
            && delays.out_of_reach_ms.is_none_or(|reach| late <= reach);
        // A number from the past with a timestamp from the future: the numbers began anew.
        if !plausible || (ahead <= 0 && position > stream.position) {
            return Placement::Strange;
        }
        self.put(meta, sound, position, position != told, late)
    }

    /// Puts a packet of the stream at `position`, which is the caller's choice.
    pub(crate) fn put_at(
        &mut self,
        meta: &PacketMeta,
        sound: Sound,
        position: i64,
        late_ms: f32,
    ) -> Placement {
        self.put(meta, sound, position, true, late_ms)
    }

    fn put(
        &mut self,
        meta: &PacketMeta,
        sound: Sound,
        position: i64,
        corrected: bool,
        late_ms: f32,
    ) -> Placement {
        let rate = self.sample_rate_hz;
        let Some(stream) = self.stream.as_mut() else { return Placement::Strange };
        let ahead = stream.ahead(meta.sequence);
        let told = stream.ticks(meta.timestamp, rate);
        if !stream.mark(ahead) {
            return Placement::Duplicate;
        }
        let sequence = stream.sequence + i64::from(ahead.min(0));
        let skipped = (ahead > 0).then(|| (ahead - 1) as u16);
        if ahead > 0 {
            let samples = i64::from(sound.samples);
            if ahead == 1 && stream.lost == 0 && !stream.passed && stream.is_sound {
                let before = stream.end - stream.position;
                stream.cadence.step(told, before, meta.arrival_ns, i64::from(rate / 1000));
            }
            stream.timestamp = meta.timestamp;
            stream.position = position;
            stream.end = position + samples;
            if samples > 0 {
                let alike = stream.samples == samples || stream.samples == 0;
                stream.mixed = if alike { stream.mixed.saturating_sub(1) } else { MIXED_PACKETS };
                stream.samples = samples;
            }
            stream.is_sound = samples > 0;
            stream.marker = meta.marker;
            stream.late_ms = late_ms;
            (stream.lost, stream.passed) = (0, false);
        }
        Placement::Placed { position, sequence, skipped, corrected }
    }

    /// Sequence numbers that were skipped lately, oldest first, with the media position at which
    /// each packet would begin if all had the samples of the newest.
    pub(crate) fn missing(&self, packet_samples: i64) -> impl Iterator<Item = (u16, i64)> + '_ {
        let stream = self.stream.as_ref();
        let reach = stream.map_or(0, |s| (s.sequence - s.first).clamp(0, i64::from(SEEN) - 1));
        (1..=reach).rev().filter_map(move |back| {
            let stream = stream?;
            (stream.seen >> back & 1 == 0).then(|| {
                let sequence = (stream.sequence - back) as u16;
                (sequence, stream.position - back * packet_samples)
            })
        })
    }

    /// Remembers the sequence number of a packet that has no place on the timeline (an event, a
    /// payload type that nobody decodes), so that it is not taken for lost.
    ///
    /// Gives its extended sequence number and how many numbers were skipped before it; `None` where
    /// it belongs to no stream or was seen before.
    pub(crate) fn pass(&mut self, meta: &PacketMeta) -> Option<(i64, Option<u16>)> {
        let stream = self.stream.as_mut().filter(|s| s.ssrc == meta.ssrc)?;
        let ahead = stream.ahead(meta.sequence);
        if !(1 - SEEN..=MAX_FORWARD).contains(&ahead) || !stream.mark(ahead) {
            return None;
        }
        let sequence = stream.sequence + i64::from(ahead.min(0));
        stream.passed |= ahead > 0;
        stream.lost += i64::from(ahead - 1).max(0);
        Some((sequence, (ahead > 0).then(|| (ahead - 1) as u16)))
    }
}

impl Stream {
    fn ahead(&self, sequence: u16) -> i16 {
        sequence.wrapping_sub(self.sequence as u16) as i16
    }

    /// Samples from the newest packet to a timestamp, as it stands.
    fn ticks(&self, timestamp: u32, rate_hz: u32) -> i64 {
        let ticks = i64::from(timestamp.wrapping_sub(self.timestamp) as i32);
        if rate_hz == self.clock_hz {
            return ticks;
        }
        (ticks * i64::from(rate_hz)).div_euclid(i64::from(self.clock_hz.max(1)))
    }

    fn position_of(&self, timestamp: u32, rate_hz: u32) -> i64 {
        self.position + self.cadence.sound(self.ticks(timestamp, rate_hz))
    }

    /// The position a whole number of packets from the newest, if that is about what the timestamp tells.
    fn without_noise(&self, told: i64) -> i64 {
        let packets = (told - self.position + self.samples / 2).checked_div_euclid(self.samples);
        let Some(packets) = packets.filter(|_| self.noisy && self.mixed == 0) else { return told };
        let whole = self.position + packets * self.samples;
        if (told - whole).abs() * NOISE_PART <= self.samples { whole } else { told }
    }

    /// Where a packet belongs that is newer than all before, given where its timestamp tells.
    fn fit(&mut self, told: i64, ahead: i16, base_ms: f32, late_ms: &impl Fn(i64) -> f32) -> i64 {
        let lost = self.lost + i64::from(ahead - 1);
        let follows = self.end + lost * self.samples;
        if told == follows {
            return told;
        }
        let apart = (told - follows).abs();
        // What packets of changing lengths have lost, only the timestamp tells.
        if apart * NOISE_PART <= self.samples && (lost == 0 || self.mixed == 0) {
            self.noisy = true;
            return follows;
        }
        // What could be by the time that went by, the timestamp tells.
        let (first, last) = (told.min(follows), told.max(follows));
        let apart_ms = late_ms(first) - late_ms(last);
        let earliest_ms = base_ms - EARLY_MS.min(apart_ms * 0.5);
        if told > follows {
            if late_ms(told) >= earliest_ms { told } else { follows }
        } else if told < self.end {
            if late_ms(follows) >= earliest_ms { follows } else { told }
        } else {
            told
        }
    }

    /// Whether a packet that follows the newest one is that late because nothing came meanwhile, and if
    /// so, whether it is too late.
    fn stood_still(&self, ahead: i16, late_ms: f32, delays: Delays, rate_hz: u32) -> Option<bool> {
        let due_ms = delays.due_ms?;
        let packet_ms = self.samples as f32 * 1000.0 / rate_hz as f32;
        let least_ms = STILL_MS + packet_ms.max(LEAST_STILL_MS);
        let excess_ms = late_ms - delays.level_ms;
        let sudden = late_ms - self.late_ms > 0.7 * excess_ms;
        (ahead == 1 && self.lost == 0 && excess_ms > least_ms && sudden)
            .then_some(late_ms - due_ms > least_ms)
    }

    /// Marks a number as seen; `false` when it was already.
    fn mark(&mut self, ahead: i16) -> bool {
        if ahead > 0 {
            self.seen = self.seen.checked_shl(ahead as u32).unwrap_or(0) | 1;
            self.sequence += i64::from(ahead);
            return true;
        }
        let bit = 1_u128 << ahead.unsigned_abs().min(127);
        let new = self.seen & bit == 0;
        self.seen |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 20 ms of G.711, on a network without jitter.
    const SOUND: Sound = Sound { clock_hz: 8000, samples: 160 };
    const CALM: Delays =
        Delays { base_ms: 0.0, level_ms: 0.0, due_ms: None, out_of_reach_ms: None };

    fn meta(sequence: u16, timestamp: u32) -> PacketMeta {
        PacketMeta { sequence, timestamp, ssrc: 7, ..PacketMeta::default() }
    }

    fn position(placement: Placement) -> Option<i64> {
        match placement {
            Placement::Placed { position, .. } => Some(position),
            _ => None,
        }
    }

    #[test]
    fn positions_go_on_through_the_wrap_of_both_numbers() {
        let mut timeline = Timeline::new(16000);
        timeline.anchor(&meta(65530, u32::MAX - 159), 8000, 1000);
        for n in 0..20_i64 {
            let m = meta(
                65530_u16.wrapping_add(n as u16),
                (u32::MAX - 159).wrapping_add(160 * n as u32),
            );
            let placed = timeline.place(&m, Sound { samples: 320, ..SOUND }, CALM, |_| 0.0);
            assert_eq!(position(placed), Some(1000 + 320 * n));
            assert_eq!(
                timeline.place(&m, Sound { samples: 320, ..SOUND }, CALM, |_| 0.0),
                Placement::Duplicate
            );
        }
    }

    #[test]
    fn skipped_numbers_are_counted_once_and_passed_ones_are_not_skipped() {
        let mut timeline = Timeline::new(8000);
        timeline.anchor(&meta(5, 0), 8000, 0);
        let skip = |p| match p {
            Placement::Placed { skipped, .. } => skipped,
            _ => panic!("not placed"),
        };
        assert_eq!(skip(timeline.place(&meta(5, 0), SOUND, CALM, |_| 0.0)), Some(0));
        assert_eq!(skip(timeline.place(&meta(9, 640), SOUND, CALM, |_| 0.0)), Some(3));
        assert_eq!(skip(timeline.place(&meta(7, 320), SOUND, CALM, |_| 0.0)), None);
        assert_eq!(
            timeline.pass(&meta(10, 640)),
            Some((timeline.stream.unwrap().sequence, Some(0)))
        );
        assert_eq!(skip(timeline.place(&meta(11, 800), SOUND, CALM, |_| 0.0)), Some(0));
    }

    #[test]
    fn what_does_not_fit_is_strange() {
        let mut timeline = Timeline::new(8000);
        assert_eq!(timeline.place(&meta(1, 0), SOUND, CALM, |_| 0.0), Placement::Strange);
        timeline.anchor(&meta(1000, 0), 8000, 0);
        timeline.place(&meta(1000, 0), SOUND, CALM, |_| 0.0);
        let other = PacketMeta { ssrc: 8, ..meta(1001, 160) };
        assert_eq!(timeline.place(&other, SOUND, CALM, |_| 0.0), Placement::Strange);
        assert_eq!(
            timeline.place(&meta(1001, 160), Sound { clock_hz: 48_000, ..SOUND }, CALM, |_| 0.0),
            Placement::Strange
        );
        assert_eq!(timeline.place(&meta(9000, 160), SOUND, CALM, |_| 0.0), Placement::Strange);
        assert_eq!(timeline.place(&meta(500, 160), SOUND, CALM, |_| 0.0), Placement::Strange);
        assert_eq!(timeline.place(&meta(1001, 160), SOUND, CALM, |_| 3_000.0), Placement::Strange);
        // The numbers began anew within the reach of the duplicate check.
        assert_eq!(timeline.place(&meta(990, 160), SOUND, CALM, |_| 0.0), Placement::Strange);
        assert!(position(timeline.place(&meta(1001, 160), SOUND, CALM, |_| 0.0)).is_some());
    }

    proptest! {
        #[test]
        fn no_number_is_ever_placed_twice(numbers in prop::collection::vec((0_u16..300, any::<bool>()), 1..200)) {
            let mut timeline = Timeline::new(8000);
            timeline.anchor(&meta(100, 16000), 8000, 0);
            let mut placed = alloc::collections::BTreeSet::new();
            for (n, anew) in numbers {
                if anew {
                    timeline.anchor(&meta(n, u32::from(n) * 160), 8000, 0);
                }
                let m = meta(n, u32::from(n) * 160);
                if let Placement::Placed { sequence, .. } = timeline.place(&m, SOUND, CALM, |_| 0.0) {
                    prop_assert!(placed.insert(sequence), "{sequence} twice");
                    prop_assert_eq!(sequence as u16, n);
                }
            }
        }
    }
}
