// SPDX-License-Identifier: MIT OR Apache-2.0
//! Jitter estimation: the level of the delay, the distribution above it, losses, drift.
//!
//! A packet's *delay* is the time at which it could be used less its media time: only differences
//! between delays mean anything. The *base* is the least delay of the last 16 s, the *level* follows
//! the least of the last half second (so it moves with routes and queues that fill), and what a delay
//! exceeds the level by goes into a histogram in which older packets weigh less and less. Audio
//! thread only; everything is bounded, nothing allocates after creation.

use alloc::boxed::Box;

use super::bursts::Bursts;
use super::calm::{self, Calm};
use crate::within::Within;

/// Delays below this are told apart to the millisecond, above it to [`COARSE_MS`].
const FINE_BINS: usize = 128;
const COARSE_MS: usize = 4;
const COARSE_BINS: usize = 218;
/// Bins of the histogram of excess delay: 1 ms up to 128 ms, then 4 ms up to 1 s.
pub(crate) const HISTOGRAM_BINS: usize = FINE_BINS + COARSE_BINS;
/// How much the weight of what was seen before shrinks with each packet.
const FORGET: f32 = 0.999;
/// Packets of this long together, at least so many and at most, whose least delay is the short-term
/// minimum.
const LEVEL_MS: f32 = 500.0;
const LEAST_PACKETS: usize = 4;
const MOST_PACKETS: usize = 50;
/// A rise of the short-term minimum that the level follows, ms; less is jitter.
const LEVEL_RISE_MS: f32 = 25.0;
/// Buckets of one second whose least delay is the base.
const BASE_SECONDS: usize = 16;
/// A packet that comes this soon after its predecessor, and this much less late, was held up behind
/// it: it says little that is new.
const FOLLOWER_GAP_MS: f32 = 5.0;
const FOLLOWER_DROP_MS: f32 = 10.0;
const FOLLOWER_WEIGHT: f32 = 0.3;
/// Step of the loss rate's exponential average, and most losses that one gap counts for.
const LOSS_STEP: f32 = 0.004;
const LOSS_BURST: u16 = 25;
/// So many packets without one missing, on a network that has become calm, are no chance.
const CALM_PACKETS: u32 = 100;

/// Lower edge of a bin, in milliseconds of excess delay.
pub(crate) fn bin_edge_ms(bin: usize) -> f32 {
    if bin <= FINE_BINS { bin as f32 } else { (FINE_BINS + (bin - FINE_BINS) * COARSE_MS) as f32 }
}

fn bin_of(excess_ms: f32) -> usize {
    // Saturates: a negative excess is 0. By 32 bits, which processors convert at half the price.
    let ms = excess_ms as u32 as usize;
    if ms < FINE_BINS {
        ms
    } else {
        (FINE_BINS + (ms - FINE_BINS) / COARSE_MS).min(HISTOGRAM_BINS - 1)
    }
}

/// The least of some numbers, four at a time.
#[inline]
fn least(values: &[f32]) -> f32 {
    let less = |a: f32, b: f32| if a < b { a } else { b };
    let mut lanes = [f32::MAX; 4];
    let (runs, rest) = values.as_chunks::<4>();
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = value;
    }
    for run in runs {
        for lane in 0..4 {
            lanes[lane] = less(run[lane], lanes[lane]);
        }
    }
    less(less(lanes[0], lanes[1]), less(lanes[2], lanes[3]))
}

/// What is known of the network.
#[derive(Debug)]
pub(crate) struct Estimator {
    histogram: Box<[f32]>,
    /// Weight of the next packet, growing so that the old need not be scaled down each time.
    weight: f32,
    total: f32,
    /// No bin above this has weight that matters.
    highest_bin: usize,
    recent_ms: [f32; MOST_PACKETS],
    /// Where the next goes, and how many of the latest count.
    next_recent: usize,
    level_packets: usize,
    /// The least of the latest, and how many packets ago it was.
    least_recent_ms: f32,
    least_age: u32,
    packets: u32,
    second_minima_ms: [f32; BASE_SECONDS],
    second: u64,
    level_ms: f32,
    base_ms: f32,
    loss: f32,
    /// Packets since the last one that was missing.
    whole_packets: u32,
    last_arrival_ns: u64,
    last_delay_ms: f32,
    packet_ms: f32,
    bursts: Bursts,
    calm: Calm,
    calmed: bool,
}

impl Estimator {
    pub(crate) fn new() -> Self {
        Self {
            histogram: alloc::vec![0.0; HISTOGRAM_BINS].into_boxed_slice(),
            weight: 1.0,
            total: 0.0,
            highest_bin: 0,
            recent_ms: [f32::MAX; MOST_PACKETS],
            next_recent: 0,
            level_packets: 25,
            least_recent_ms: f32::MAX,
            least_age: 0,
            packets: 0,
            second_minima_ms: [f32::MAX; BASE_SECONDS],
            second: 0,
            level_ms: 0.0,
            base_ms: 0.0,
            loss: 0.0,
            whole_packets: 0,
            last_arrival_ns: 0,
            last_delay_ms: 0.0,
            packet_ms: 20.0,
            bursts: Bursts::default(),
            calm: Calm::default(),
            calmed: false,
        }
    }

    /// The delay of packets that the network hardly held up lately.
    #[inline]
    pub(crate) fn level_ms(&self) -> f32 {
        self.level_ms
    }

    /// The least delay in 16 s.
    #[inline]
    pub(crate) fn base_ms(&self) -> f32 {
        self.base_ms
    }

    /// The share of packets that is lost, 0 to 1.
    #[inline]
    pub(crate) fn loss(&self) -> f32 {
        self.loss
    }

    /// The excess delay of the first packet of a burst; 0 where packets come one by one.
    #[inline]
    pub(crate) fn burst_ms(&self) -> f32 {
        self.bursts.excess_ms()
    }

    /// Whether the network has become calm since this was asked last.
    #[inline]
    pub(crate) fn take_calmed(&mut self) -> bool {
        core::mem::take(&mut self.calmed)
    }

    /// Forgets delays above what the last seconds had, if there were so many that there would be some now.
    #[cold]
    fn forget_above(&mut self, latest_ms: f32) {
        let above = self.histogram.past_mut(bin_of(latest_ms) + 1);
        let gone: f32 = above.iter().sum();
        if gone >= calm::SHARE * self.total {
            above.fill(0.0);
            self.total = (self.total - gone).max(self.weight);
            self.calmed = true;
            if self.whole_packets >= CALM_PACKETS {
                // What was missing was overtaken.
                self.loss = 0.0;
            }
        }
    }

    /// Counts losses: a packet is the newest so far and came after `skipped` missing ones.
    #[inline]
    pub(crate) fn count(&mut self, skipped: u16) {
        self.whole_packets = if skipped == 0 { self.whole_packets.saturating_add(1) } else { 0 };
        for _ in 0..skipped.min(LOSS_BURST - 1) {
            self.loss += LOSS_STEP * (1.0 - self.loss);
        }
        self.loss -= LOSS_STEP * self.loss;
    }

    /// The sender has stood still for so long: what it sent before would come that much later.
    pub(crate) fn stood_still(&mut self, ms: f32) {
        for least_ms in &mut self.second_minima_ms {
            *least_ms += ms;
        }
        self.base_ms += ms;
        self.level_ms = self.level_ms.max(self.base_ms);
    }

    /// Says how long packets are, so that the level follows in time and not in packets.
    pub(crate) fn set_packet_ms(&mut self, packet_ms: f32) {
        let packets = (LEVEL_MS / packet_ms.max(1.0)) as usize;
        self.level_packets = packets.clamp(LEAST_PACKETS, MOST_PACKETS);
        self.look_for_least_recent();
        self.packet_ms = packet_ms;
    }

    /// Takes in a packet of audio; returns by how much its delay exceeds the level.
    #[inline]
    pub(crate) fn observe(&mut self, arrival_ns: u64, delay_ms: f32) -> f32 {
        self.observe_level(arrival_ns, delay_ms);
        self.bursts.observe(arrival_ns, delay_ms, self.packet_ms);
        let gap_ms = (arrival_ns.wrapping_sub(self.last_arrival_ns) as i64) as f32 * 1e-6;
        let follower = gap_ms < FOLLOWER_GAP_MS && delay_ms < self.last_delay_ms - FOLLOWER_DROP_MS;
        self.last_arrival_ns = arrival_ns;
        self.last_delay_ms = delay_ms;
        let bin = bin_of(delay_ms - self.level_ms);
        self.highest_bin = self.highest_bin.max(bin);
        let mut weight = self.weight;
        if follower && self.packets > 1 {
            weight *= FOLLOWER_WEIGHT;
        } else {
            self.weight /= FORGET;
            weight = self.weight;
        }
        if let Some(in_bin) = self.histogram.get_mut(bin) {
            *in_bin += weight;
        }
        self.total += weight;
        if self.weight > 1e6 {
            self.rescale();
        }
        if let Some(latest_ms) = self.calm.observe(arrival_ns, delay_ms - self.level_ms) {
            self.forget_above(latest_ms + calm::LATER_MS);
        }
        delay_ms - self.level_ms
    }

    fn observe_level(&mut self, arrival_ns: u64, delay_ms: f32) {
        self.next_recent =
            if self.next_recent + 1 < MOST_PACKETS { self.next_recent + 1 } else { 0 };
        self.recent_ms[self.next_recent] = delay_ms;
        let second = arrival_ns / 1_000_000_000;
        if self.packets == 0 {
            self.second = second;
        }
        // Time that went back counts as standing still; a pause empties all it skipped.
        let elapsed = second.saturating_sub(self.second).min(BASE_SECONDS as u64);
        for n in 0..elapsed {
            self.second_minima_ms[((second - n) % BASE_SECONDS as u64) as usize] = f32::MAX;
        }
        self.second = self.second.max(second);
        let bucket = &mut self.second_minima_ms[(self.second % BASE_SECONDS as u64) as usize];
        *bucket = bucket.min(delay_ms);
        // Nothing else has changed within a second.
        self.base_ms = if elapsed > 0 || self.packets == 0 {
            least(&self.second_minima_ms)
        } else {
            self.base_ms.min(delay_ms)
        };
        self.least_age += 1;
        if delay_ms <= self.least_recent_ms {
            (self.least_recent_ms, self.least_age) = (delay_ms, 0);
        } else if self.least_age as usize >= self.level_packets {
            self.look_for_least_recent();
        }
        let recent_ms = self.least_recent_ms;
        self.packets = self.packets.saturating_add(1);
        if self.packets <= 5
            || recent_ms < self.level_ms
            || recent_ms > self.level_ms + LEVEL_RISE_MS
        {
            self.level_ms = recent_ms;
        }
        self.level_ms = self.level_ms.max(self.base_ms);
    }

    /// Looks through the latest delays for the least, the newest of them where several are.
    fn look_for_least_recent(&mut self) {
        // The latest end at `next_recent`, and may begin at the far end.
        let (late, early) = self.recent_ms.cut(self.next_recent + 1);
        let latest = late.iter().rev().chain(early.iter().rev()).take(self.level_packets);
        (self.least_recent_ms, self.least_age) = (f32::MAX, 0);
        for (age, delay_ms) in latest.enumerate() {
            if *delay_ms < self.least_recent_ms {
                (self.least_recent_ms, self.least_age) = (*delay_ms, age as u32);
            }
        }
    }

    /// Keeps the weights in the range of the type.
    #[cold]
    fn rescale(&mut self) {
        let scale = 1.0 / self.weight;
        for bin in self.histogram.iter_mut() {
            *bin *= scale;
        }
        self.total *= scale;
        self.weight = 1.0;
    }

    /// Whether any packet was seen.
    #[inline]
    pub(crate) fn has_observed(&self) -> bool {
        self.packets > 0
    }

    /// The excess delay that no more than the share `late` of packets exceed, in milliseconds.
    pub(crate) fn excess_of_ms(&self, late: f32) -> f32 {
        let mut left = late * self.total;
        // Empty bins take nothing away, and most of the latest are: passed over by the cache line.
        let mut full: &[f32] = &self.histogram;
        while let Some((earlier, line)) = full.split_last_chunk::<16>()
            && line.iter().fold(0, |any, weight| any | weight.to_bits()) == 0
        {
            full = earlier;
        }
        for (bin, weight) in full.iter().enumerate().rev() {
            left -= weight;
            if left < 0.0 {
                return bin_edge_ms(bin + 1);
            }
        }
        0.0
    }

    /// Each bin's lower edge in milliseconds of excess delay, and its share of all packets.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (f32, f32)> + '_ {
        let scale = 1.0 / self.total.max(f32::MIN_POSITIVE);
        let bins = self.histogram.iter().enumerate();
        bins.map(move |(bin, weight)| (bin_edge_ms(bin), weight * scale))
    }

    /// The histogram of excess delay up to the highest bin that matters, and the weights that a
    /// packet has now and that all have together.
    #[inline]
    pub(crate) fn histogram(&mut self) -> (&[f32], f32, f32) {
        while self.highest_bin > 40 && self.histogram.at(self.highest_bin) < 1e-3 * self.weight {
            self.highest_bin -= 1;
        }
        (self.histogram.head(self.highest_bin + 1), self.weight, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn bins_are_where_their_edges_say() {
        for bin in 0..HISTOGRAM_BINS {
            assert_eq!(bin_of(bin_edge_ms(bin)), bin);
            assert_eq!(bin_of(bin_edge_ms(bin + 1) - 0.01), bin);
        }
        assert_eq!(bin_of(-5.0), 0);
        assert_eq!(bin_of(1e9), HISTOGRAM_BINS - 1);
        assert_eq!(bin_of(f32::NAN), 0);
    }

    #[test]
    fn the_level_follows_a_slower_route_within_25_packets_and_a_faster_one_at_once() {
        let mut estimator = Estimator::new();
        let mut at = 0;
        let mut feed = |estimator: &mut Estimator, delay_ms: f32, packets: u32| {
            for _ in 0..packets {
                at += 20 * MS;
                estimator.observe(at, delay_ms);
            }
        };
        feed(&mut estimator, 40.0, 50);
        assert_eq!((estimator.level_ms(), estimator.base_ms()), (40.0, 40.0));
        feed(&mut estimator, 120.0, 24);
        assert_eq!(estimator.level_ms(), 40.0);
        feed(&mut estimator, 120.0, 1);
        assert_eq!((estimator.level_ms(), estimator.base_ms()), (120.0, 40.0));
        feed(&mut estimator, 60.0, 1);
        assert_eq!(estimator.level_ms(), 60.0);
        // After 16 s on another route nothing remembers the old one.
        feed(&mut estimator, 60.0, 850);
        assert_eq!(estimator.base_ms(), 60.0);
    }

    #[test]
    fn the_level_follows_in_time_whatever_the_packets_length() {
        for packet_ms in [10_u64, 20, 40, 60, 120, 200] {
            let mut estimator = Estimator::new();
            estimator.set_packet_ms(packet_ms as f32);
            let mut at = 0;
            for n in 0..200 {
                at = n * packet_ms;
                estimator.observe(at * MS, 40.0);
            }
            let begun = at;
            while estimator.level_ms() < 100.0 {
                at += packet_ms;
                estimator.observe(at * MS, 120.0);
            }
            let took = at - begun;
            assert!((400..=500).contains(&took) || took == 4 * packet_ms, "{packet_ms}: {took}");
        }
    }

    proptest! {
        /// Whatever comes, in seconds forth and back, with pauses, and however long packets are said to be
        /// meanwhile.
        #[test]
        fn what_is_least_is_that_of_lists(
            delays in prop::collection::vec(
                (0_u8..30, 0_u64..900, prop::option::weighted(0.1, 5_u8..130)), 1..300
            ),
        ) {
            let mut estimator = Estimator::new();
            let mut list = Vec::new();
            let mut at_ms = 10_000;
            for (delay, later_ms, said) in delays {
                if let Some(ms) = said {
                    estimator.set_packet_ms(f32::from(ms));
                    if ms > 110 {
                        estimator.stood_still(f32::from(ms));
                    }
                }
                at_ms = (at_ms + later_ms).saturating_sub(300);
                list.push(f32::from(delay));
                estimator.observe(at_ms * MS, f32::from(delay));
                let latest = list.iter().rev().take(estimator.level_packets).copied();
                prop_assert_eq!(estimator.least_recent_ms, latest.fold(f32::MAX, f32::min));
                let seconds = estimator.second_minima_ms.iter().copied();
                prop_assert_eq!(estimator.base_ms, seconds.fold(f32::MAX, f32::min));
            }
        }
    }

    #[test]
    fn a_small_rise_is_jitter_and_leaves_the_level() {
        let mut estimator = Estimator::new();
        for n in 0..100 {
            estimator.observe(n * 20 * MS, if n < 50 { 40.0 } else { 60.0 });
        }
        assert_eq!(estimator.level_ms(), 40.0);
    }

    #[test]
    fn the_loss_rate_settles_at_the_true_share() {
        let mut estimator = Estimator::new();
        for n in 0..5000 {
            estimator.count(u16::from(n % 9 == 0));
        }
        assert!((estimator.loss() - 0.1).abs() < 0.01, "{}", estimator.loss());
    }

    #[test]
    fn a_wild_network_that_has_become_calm_is_forgotten_in_three_seconds() {
        for share in [2, 10] {
            let mut estimator = Estimator::new();
            let mut calmed = None;
            for n in 0..2_000_u64 {
                // Each second packet, or each tenth, is up to 350 ms late for 20 s.
                let wild = n < 1_000 && n % share == 0;
                estimator.observe(n * 20 * MS, if wild { (n * 37 % 350) as f32 } else { 3.0 });
                calmed = calmed.or(estimator.take_calmed().then_some(n));
            }
            if share == 2 {
                assert!(calmed.is_some_and(|n| (1_100..=1_150).contains(&n)), "{calmed:?}");
                assert!(estimator.excess_of_ms(0.001) <= 24.0);
            } else {
                assert_eq!(calmed, None, "spikes that are rare come again");
            }
        }
    }

    #[test]
    fn weights_stay_finite_for_ever() {
        let mut estimator = Estimator::new();
        for n in 0..100_000_u64 {
            estimator.observe(n * 20 * MS, (n % 50) as f32);
        }
        let (histogram, weight, total) = estimator.histogram();
        assert!(weight.is_finite() && total.is_finite());
        let sum: f32 = histogram.iter().sum();
        assert!((sum / total - 1.0).abs() < 0.01);
    }
}
