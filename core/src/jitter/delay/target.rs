// SPDX-License-Identifier: MIT OR Apache-2.0
//! The target delay: loss weighed against delay by what each costs in quality.
//!
//! A packet that comes after its time is heard as damage; delay is heard as a worse conversation.
//! The E-model (ITU-T G.107, in the simplified form of Cole and Rosenbluth, "Voice over IP
//! performance monitoring", 2001) puts both on one scale of rating points: delay costs 0.024 a
//! millisecond, and 0.11 more beyond a knee; late packets about 3 a per cent. The margin over the
//! level is where the sum is least. It rises at once and falls slowly. Audio thread only.

use super::estimator::{Estimator, bin_edge_ms};

/// Rating points for all packets late.
const LATE_COST: f32 = 300.0;
/// Rating points per millisecond of mouth-to-ear delay, below and beyond the knee. The model's knee
/// is at 177.3 ms; the delay in force is above the target as often as below it, so that a target
/// near the knee pays for it half of the time.
const DELAY_COST: f32 = 0.024;
const KNEE_COST: f32 = 0.11;
const KNEE_MS: f32 = 150.0;
/// As many packets on time are assumed to have been seen before the first, so that a few late ones
/// early on don't frighten.
const PRIOR_PACKETS: f32 = 400.0;
/// Over the histogram's answer where there is no jitter, and where there is: a packet comes up to 10 ms
/// before the pull that can use it, and what has been seen is not all that can come.
const MARGIN_MS: f32 = 2.0;
const JITTER_MARGIN_MS: f32 = 6.0;
/// With losses, the packet after a gap should be there when the gap is: it is filled better
/// (both sides known, or redundancy in that packet). It comes a packet's length later, and some more.
const LOSS_THRESHOLD: f32 = 0.008;
/// And until losses are rarer than this: the delay should not follow each of them.
const LOSS_CLEAR: f32 = 0.003;
const LOSS_MARGIN_MS: f32 = 25.0;
const LEAST_LOSS_MARGIN_MS: f32 = 45.0;
/// Most packets that redundancy is waited for, and how long one is remembered after the last that came.
const MOST_REPEATED: f32 = 4.0;
const REPEATED_MS: f32 = 5_000.0;
const REPEATED_MARGIN_MS: f32 = 5.0;
/// How fast the margin may fall, per second.
const FALL_MS_PER_S: f32 = 20.0;
/// For so long after a network has become calm, the delay comes down in speech too.
const SETTLING_MS: f32 = 4_000.0;

/// The target delay.
#[derive(Debug, Default)]
pub(crate) struct Target {
    margin_ms: f32,
    lossy: bool,
    packet_ms: f32,
    settling_ms: f32,
    /// Packets behind its own in which a payload comes again, lately.
    repeated: f32,
}

impl Target {
    /// The margin over the estimator's level.
    #[inline]
    pub(crate) fn margin_ms(&self) -> f32 {
        self.margin_ms
    }

    /// Whether the network has just become calm: the delay is to come down soon.
    #[inline]
    pub(crate) fn is_settling(&self) -> bool {
        self.settling_ms > 0.0
    }

    /// Says that a payload has come again so many packets behind its own: where packets are lost, those are
    /// waited for.
    pub(crate) fn set_repeated(&mut self, packets: f32) {
        self.repeated = self.repeated.max(packets.min(MOST_REPEATED));
    }

    /// Says how long packets are.
    pub(crate) fn set_packet_ms(&mut self, packet_ms: f32) {
        self.packet_ms = packet_ms;
    }

    /// Chooses anew, `elapsed_ms` after the last time.
    pub(crate) fn choose(&mut self, estimator: &mut Estimator, outside_ms: f32, elapsed_ms: f32) {
        let best_ms = best_margin_ms(estimator, outside_ms);
        let mut margin = best_ms + MARGIN_MS + (best_ms - 1.0).clamp(0.0, JITTER_MARGIN_MS);
        let threshold = if self.lossy { LOSS_CLEAR } else { LOSS_THRESHOLD };
        self.lossy = estimator.loss() > threshold;
        if self.lossy {
            let next_ms = (self.packet_ms + LOSS_MARGIN_MS).max(LEAST_LOSS_MARGIN_MS);
            // Nothing is joined to what comes in whole.
            let again_ms = self.packet_ms * self.repeated + REPEATED_MARGIN_MS;
            margin = margin.max(next_ms).max(again_ms);
        }
        self.repeated = (self.repeated - elapsed_ms * (1.0 / REPEATED_MS)).max(0.0);
        if estimator.burst_ms() > 0.0 {
            margin = margin.max(estimator.burst_ms() + MARGIN_MS + JITTER_MARGIN_MS);
        }
        let fallen = self.margin_ms - FALL_MS_PER_S * 1e-3 * elapsed_ms;
        // What has been forgotten holds nothing up.
        self.settling_ms = (self.settling_ms - elapsed_ms).max(0.0);
        if estimator.take_calmed() {
            self.settling_ms = SETTLING_MS;
            self.margin_ms = margin;
        }
        self.margin_ms = margin.max(fallen.min(self.margin_ms));
    }
}

/// The margin at which late packets and delay together cost least.
fn best_margin_ms(estimator: &mut Estimator, outside_ms: f32) -> f32 {
    let outside_ms = outside_ms + estimator.level_ms() - estimator.base_ms();
    let (histogram, weight, total) = estimator.histogram();
    let per_weight = LATE_COST / (total + PRIOR_PACKETS * weight);
    let mut late = 0.0;
    let (mut best_cost, mut best_ms) = (f32::MAX, 0.0);
    for (bin, in_bin) in histogram.iter().enumerate().rev() {
        let margin_ms = bin_edge_ms(bin + 1);
        let delay_ms = outside_ms + margin_ms;
        let cost =
            per_weight * late + DELAY_COST * delay_ms + KNEE_COST * (delay_ms - KNEE_MS).max(0.0);
        if cost < best_cost {
            (best_cost, best_ms) = (cost, margin_ms);
        }
        late += in_bin;
    }
    best_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(delays_ms: impl Iterator<Item = f32>) -> f32 {
        let mut estimator = Estimator::new();
        for (n, delay_ms) in delays_ms.enumerate() {
            estimator.observe(n as u64 * 20_000_000, delay_ms);
        }
        let mut target = Target::default();
        target.choose(&mut estimator, 60.0, 30.0);
        target.margin_ms()
    }

    #[test]
    fn a_network_without_jitter_needs_no_margin() {
        assert!(after((0..1000).map(|_| 40.0)) <= 3.0);
    }

    #[test]
    fn frequent_jitter_is_covered_and_a_rare_spike_is_not() {
        let frequent = after((0..3000).map(|n| 40.0 + (n % 10) as f32 * 5.0));
        assert!((45.0..55.0).contains(&frequent), "{frequent}");
        let rare = after((0..3000).map(|n| if n % 1000 == 500 { 400.0 } else { 40.0 }));
        assert!(rare < 10.0, "{rare}");
    }

    #[test]
    fn with_losses_the_packet_behind_a_gap_is_waited_for() {
        for (packet_ms, least_ms) in [(10.0, 45.0), (20.0, 45.0), (60.0, 80.0), (120.0, 140.0)] {
            let mut estimator = Estimator::new();
            for n in 0..200 {
                estimator.count(u16::from(n % 20 == 0));
                estimator.observe(n * 20_000_000, 40.0);
            }
            let mut target = Target::default();
            target.set_packet_ms(packet_ms);
            target.choose(&mut estimator, 60.0, 30.0);
            assert!((least_ms..least_ms + 10.0).contains(&target.margin_ms()), "{packet_ms}");
        }
    }

    #[test]
    fn with_losses_what_comes_again_later_is_waited_for() {
        for (repeated, margin_ms) in
            [(0.0, 45.0), (1.0, 45.0), (2.0, 45.0), (3.0, 65.0), (9.0, 85.0)]
        {
            for lossy in [false, true] {
                let mut estimator = Estimator::new();
                for n in 0..200 {
                    estimator.count(u16::from(lossy && n % 20 == 0));
                    estimator.observe(n * 20_000_000, 40.0);
                }
                let mut target = Target::default();
                target.set_packet_ms(20.0);
                target.set_repeated(repeated);
                target.choose(&mut estimator, 60.0, 30.0);
                let expected_ms = if lossy { margin_ms } else { 3.0 };
                assert!((target.margin_ms() - expected_ms).abs() < 1.0, "{repeated} {lossy}");
            }
        }
    }

    #[test]
    fn the_margin_rises_at_once_and_falls_slowly() {
        let mut estimator = Estimator::new();
        for n in 0..200 {
            estimator.observe(n * 20_000_000, 40.0 + (n % 5) as f32 * 10.0);
        }
        let mut target = Target::default();
        target.choose(&mut estimator, 60.0, 30.0);
        let high = target.margin_ms();
        assert!(high > 40.0);
        let mut calm = Estimator::new();
        calm.observe(0, 0.0);
        target.choose(&mut calm, 60.0, 1000.0);
        assert!((target.margin_ms() - (high - FALL_MS_PER_S)).abs() < 0.01);
    }
}
