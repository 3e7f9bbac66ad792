// SPDX-License-Identifier: MIT OR Apache-2.0
//! A network that has become calm after it was wild. The histogram forgets over tens of seconds, which is
//! right where delays are of one kind; where nearly every third packet was later than any of the last
//! seconds, they are of another kind now, and what was seen before says nothing any more. Numbers only;
//! audio thread.

/// Seconds that have to be calm, the present one besides, and packets in them.
const SECONDS: usize = 2;
const LEAST_PACKETS: u32 = 40;
/// The share of earlier packets that were later than the latest of these seconds, and by how much.
pub(super) const SHARE: f32 = 0.3;
pub(super) const LATER_MS: f32 = 20.0;

/// The latest packets of each of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Calm {
    second: u64,
    /// The excess of the latest, and how many there were; the present second last.
    seconds: [(f32, u32); SECONDS + 1],
}

impl Calm {
    /// Takes in a packet's excess delay. Once a second, the excess of the latest packet of the last
    /// [`SECONDS`], if there were enough.
    #[inline]
    pub(super) fn observe(&mut self, arrival_ns: u64, excess_ms: f32) -> Option<f32> {
        let second = arrival_ns / 1_000_000_000;
        let mut latest = None;
        if second != self.second {
            // Seconds in which nothing came tell nothing.
            self.second = second;
            let (packets, latest_ms) = self.seconds[1..]
                .iter()
                .fold((0_u32, 0.0_f32), |(n, ms), s| (n.saturating_add(s.1), ms.max(s.0)));
            latest = (packets >= LEAST_PACKETS).then_some(latest_ms);
            self.seconds.rotate_left(1);
            self.seconds[SECONDS] = (0.0, 0);
        }
        let now = &mut self.seconds[SECONDS];
        *now = (now.0.max(excess_ms), now.1.saturating_add(1));
        latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_packet_counts_for_two_seconds() {
        let mut calm = Calm::default();
        let mut told = alloc::vec::Vec::new();
        for n in 0..500_u64 {
            let excess_ms = if n == 120 { 300.0 } else { 5.0 };
            told.extend(calm.observe(n * 20_000_000, excess_ms).map(|ms| (n / 50, ms)));
        }
        let late = |second| if (3..5).contains(&second) { 300.0 } else { 5.0 };
        assert_eq!(
            told,
            (1..10).map(|second| (second, late(second))).collect::<alloc::vec::Vec<_>>()
        );
    }

    #[test]
    fn a_few_packets_tell_nothing() {
        let mut calm = Calm::default();
        assert!((0..50).all(|n| calm.observe(n * 200_000_000, 1.0).is_none()));
    }
}
