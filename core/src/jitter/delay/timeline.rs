// SPDX-License-Identifier: MIT OR Apache-2.0
//! From wire numbers to one endless media timeline, in output samples.
//!
//! Sequence numbers and timestamps are extended (RFC 3550 appendix A.1), duplicates recognised by
//! sequence number. A packet that doesn't fit the stream (another SSRC, a sequence number or
//! timestamp far off) is *strange*: one alone may be a stray, but a second that follows it starts a
//! new stretch of the timeline, anchored where the caller says. Audio thread only.

use crate::jitter::arrival::ingest::PacketMeta;

/// How far forward a sequence number may jump within a stream (RFC 3550's MAX_DROPOUT is 3000; at
/// 20 ms a packet this is 20 s, more than any buffer holds).
const MAX_FORWARD: i16 = 1000;
/// How many sequence numbers back duplicates are recognised.
const SEEN: i16 = 128;

/// What a packet is to the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Belongs at this position.
    Placed {
        /// Media position of the first sample.
        position: i64,
        /// Extended sequence number.
        sequence: i64,
        /// Newest so far: sequence numbers skipped before it.
        skipped: Option<u16>,
    },
    /// Seen before.
    Duplicate,
    /// Does not fit the stream; may be the first of a new one.
    Strange,
}

#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
    clock_hz: u32,
    /// The wire timestamp at `position`, both moving with the newest packet.
    timestamp: u32,
    position: i64,
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
        (stream.ssrc == meta.ssrc && stream.clock_hz == clock_hz)
            .then(|| stream.position_of(meta.timestamp, self.sample_rate_hz))
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
            sequence,
            seen: 0,
            first: sequence + 1,
        });
    }

    /// Says where a packet belongs, and remembers that it was seen. `plausible` is asked whether
    /// the position can be true, given when the packet came.
    #[inline]
    pub(crate) fn place(
        &mut self,
        meta: &PacketMeta,
        clock_hz: u32,
        plausible: impl FnOnce(i64) -> bool,
    ) -> Placement {
        let rate = self.sample_rate_hz;
        let Some(stream) = self.stream.as_mut() else { return Placement::Strange };
        if meta.ssrc != stream.ssrc || clock_hz != stream.clock_hz {
            return Placement::Strange;
        }
        let ahead = stream.ahead(meta.sequence);
        if !(1 - SEEN..=MAX_FORWARD).contains(&ahead) {
            return Placement::Strange;
        }
        let position = stream.position_of(meta.timestamp, rate);
        // A number from the past with a timestamp from the future: the numbers began anew.
        if !plausible(position) || (ahead <= 0 && position > stream.position) {
            return Placement::Strange;
        }
        if !stream.mark(ahead) {
            return Placement::Duplicate;
        }
        let sequence = stream.sequence + i64::from(ahead.min(0));
        let skipped = (ahead > 0).then(|| (ahead - 1) as u16);
        if ahead > 0 {
            stream.timestamp = meta.timestamp;
            stream.position = position;
        }
        Placement::Placed { position, sequence, skipped }
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
        Some((sequence, (ahead > 0).then(|| (ahead - 1) as u16)))
    }
}

impl Stream {
    fn ahead(&self, sequence: u16) -> i16 {
        sequence.wrapping_sub(self.sequence as u16) as i16
    }

    fn position_of(&self, timestamp: u32, rate_hz: u32) -> i64 {
        let ticks = i64::from(timestamp.wrapping_sub(self.timestamp) as i32);
        if rate_hz == self.clock_hz {
            return self.position + ticks;
        }
        self.position + (ticks * i64::from(rate_hz)).div_euclid(i64::from(self.clock_hz.max(1)))
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
            let placed = timeline.place(&m, 8000, |_| true);
            assert_eq!(position(placed), Some(1000 + 320 * n));
            assert_eq!(timeline.place(&m, 8000, |_| true), Placement::Duplicate);
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
        assert_eq!(skip(timeline.place(&meta(5, 0), 8000, |_| true)), Some(0));
        assert_eq!(skip(timeline.place(&meta(9, 640), 8000, |_| true)), Some(3));
        assert_eq!(skip(timeline.place(&meta(7, 320), 8000, |_| true)), None);
        assert_eq!(
            timeline.pass(&meta(10, 640)),
            Some((timeline.stream.unwrap().sequence, Some(0)))
        );
        assert_eq!(skip(timeline.place(&meta(11, 800), 8000, |_| true)), Some(0));
    }

    #[test]
    fn what_does_not_fit_is_strange() {
        let mut timeline = Timeline::new(8000);
        assert_eq!(timeline.place(&meta(1, 0), 8000, |_| true), Placement::Strange);
        timeline.anchor(&meta(1000, 0), 8000, 0);
        timeline.place(&meta(1000, 0), 8000, |_| true);
        let other = PacketMeta { ssrc: 8, ..meta(1001, 160) };
        assert_eq!(timeline.place(&other, 8000, |_| true), Placement::Strange);
        assert_eq!(timeline.place(&meta(1001, 160), 48000, |_| true), Placement::Strange);
        assert_eq!(timeline.place(&meta(9000, 160), 8000, |_| true), Placement::Strange);
        assert_eq!(timeline.place(&meta(500, 160), 8000, |_| true), Placement::Strange);
        assert_eq!(timeline.place(&meta(1001, 160), 8000, |_| false), Placement::Strange);
        // The numbers began anew within the reach of the duplicate check.
        assert_eq!(timeline.place(&meta(990, 160), 8000, |_| true), Placement::Strange);
        assert!(position(timeline.place(&meta(1001, 160), 8000, |_| true)).is_some());
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
                if let Placement::Placed { sequence, .. } = timeline.place(&m, 8000, |_| true) {
                    prop_assert!(placed.insert(sequence), "{sequence} twice");
                    prop_assert_eq!(sequence as u16, n);
                }
            }
        }
    }
}
