// SPDX-License-Identifier: MIT OR Apache-2.0
//! Senders and links that deliver in bursts: 15 packets every 300 ms, none in between. The histogram of
//! delays would learn that in seconds, since the packets of a burst tell little one by one. But bursts have a
//! shape that jitter has not: the first packet of each is as late as the first of the one before, and what
//! follows it at once is less and less late. A network that stands still once looks the same but once: its
//! next packet is on time. Numbers only; audio thread.

/// Fewest packets, and least time between the latest and the earliest of them, that are a burst.
const PACKETS: u32 = 3;
const SPREAD_MS: f32 = 100.0;
/// By how much the first packets of two bursts may differ, as a part of what a burst spans.
const APART: f32 = 0.25;
/// Packets that come within this part of their length of each other come together.
const TOGETHER: f32 = 0.5;

#[derive(Debug, Clone, Copy, Default)]
struct Burst {
    packets: u32,
    /// Of its first packet, and the least.
    first_ms: f32,
    least_ms: f32,
}

impl Burst {
    fn spread_ms(&self) -> f32 {
        self.first_ms - self.least_ms
    }
}

/// Whether packets come in bursts, and what delay that takes.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    now: Burst,
    last_ns: u64,
    /// What the latest bursts spanned, if there were such.
    spread_ms: Option<f32>,
}

impl Bursts {
    /// The excess delay of a burst's first packet; 0 where packets come one by one.
    #[inline]
    pub(super) fn excess_ms(&self) -> f32 {
        self.spread_ms.unwrap_or(0.0)
    }

    /// Takes in a packet of `packet_ms` and its delay.
    #[inline]
    pub(super) fn observe(&mut self, arrival_ns: u64, delay_ms: f32, packet_ms: f32) {
        let gap_ms = arrival_ns.wrapping_sub(self.last_ns).cast_signed() as f32 * 1e-6;
        self.last_ns = arrival_ns;
        if gap_ms <= TOGETHER * packet_ms && self.now.packets > 0 {
            self.now.packets += 1;
            self.now.least_ms = self.now.least_ms.min(delay_ms);
            return;
        }
        let before = self.now;
        self.now = Burst { packets: 1, first_ms: delay_ms, least_ms: delay_ms };
        if before.packets < PACKETS || before.spread_ms() < SPREAD_MS {
            self.spread_ms = None;
            return;
        }
        let spread_ms = before.spread_ms();
        let again = (delay_ms - before.first_ms).abs() <= APART * spread_ms;
        // What has come now is this much later than the earliest of the burst before.
        self.spread_ms = again.then_some(spread_ms.max(delay_ms - before.least_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// The excess after packets of 20 ms that arrive at these times.
    fn after(arrivals_ms: impl Iterator<Item = u64>) -> f32 {
        let mut bursts = Bursts::default();
        for (n, ms) in arrivals_ms.enumerate() {
            bursts.observe(ms * MS, ms as f32 - 20.0 * n as f32, 20.0);
        }
        bursts.excess_ms()
    }

    #[test]
    fn bursts_are_known_with_the_first_packet_of_the_second() {
        for packets in [6, 15, 20, 25] {
            let arrivals = (0..=packets).map(|n| n / packets * packets * 20);
            assert_eq!(after(arrivals), (packets - 1) as f32 * 20.0, "{packets}");
        }
    }

    #[test]
    fn a_standstill_and_what_was_held_up_are_no_bursts() {
        let stall = (0..100).map(|n| if (50..70).contains(&n) { 1_400 } else { n * 20 });
        assert_eq!(after(stall), 0.0);
        // What was stored before it was sent, all at once.
        assert_eq!(after((0..100).map(|n: u64| n.saturating_sub(25) * 20)), 0.0);
        assert_eq!(after((0..100).map(|n| n * 20 + n * 7 % 30)), 0.0);
    }

    #[test]
    fn a_sender_that_stops_bursting_is_known_at_once() {
        let arrivals = (0..60).map(|n| if n < 45 { n / 15 * 300 } else { n * 20 - 280 });
        assert_eq!(after(arrivals), 0.0);
    }
}
