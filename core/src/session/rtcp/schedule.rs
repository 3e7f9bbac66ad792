// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a session reports and what it says of the peer (RFC 3550 section 6).

use crate::rtp::reception::{Reporter, Summary};
use crate::rtp::rtcp::ReportBlock;
use crate::rtp::rtcp::xr::Dlrr;
use crate::session::outcome::ReceiverStats;

/// Compensation for timer reconsideration (RFC 3550 section 6.3.1): e - 3/2.
const COMPENSATION: f32 = 1.218_28;

/// The host's monotonic time as NTP time, 32.32 fixed point.
pub(crate) fn ntp_time(ntp_at_zero: u64, now_ns: u64) -> u64 {
    let seconds = now_ns / 1_000_000_000;
    let fraction = ((now_ns % 1_000_000_000) << 32) / 1_000_000_000;
    ntp_at_zero.wrapping_add(seconds << 32 | fraction)
}

/// Decides when the next report is due, and what it says of the peer.
#[derive(Debug)]
pub(crate) struct Scheduler {
    interval_ms: u32,
    /// Since when, and how long, is being waited.
    waiting: Option<(u64, u64)>,
    random: u32,
    reporter: Reporter,
    reporter_ssrc: u64,
    reporter_restarts: u64,
}

impl Scheduler {
    /// Reports every `interval_ms` on average, 0 for never. `seed` spreads legs that start
    /// together.
    pub(crate) fn new(interval_ms: u32, seed: u32) -> Self {
        Self {
            interval_ms,
            waiting: None,
            random: seed | 1,
            reporter: Reporter::default(),
            reporter_ssrc: 0,
            reporter_restarts: 0,
        }
    }

    /// Reports every `interval_ms` on average from now on, 0 for never.
    pub(crate) fn set_interval(&mut self, interval_ms: u32) {
        if self.interval_ms != interval_ms {
            self.interval_ms = interval_ms;
            self.waiting = None;
        }
    }

    /// Whether a report is due; the first comes after half an interval (section 6.3.2).
    pub(crate) fn is_due(&mut self, now_ns: u64) -> bool {
        if self.interval_ms == 0 {
            return false;
        }
        let first = self.waiting.is_none();
        let (since_ns, wait_ns) = self.waiting.unwrap_or_else(|| (now_ns, self.draw_ns() / 2));
        // A clock that was set back does not put reports off, nor one at its end pile them up.
        let since_ns = since_ns.min(now_ns);
        let due = !first && now_ns - since_ns >= wait_ns;
        self.waiting = Some(if due { (now_ns, self.draw_ns()) } else { (since_ns, wait_ns) });
        due
    }

    /// An interval between a half and one and a half times the mean (section 6.3.1).
    fn draw_ns(&mut self) -> u64 {
        // George Marsaglia, "Xorshift RNGs" (2003): spreading legs apart needs no better.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        let factor = (0.5 + self.random as f32 / u32::MAX as f32) / COMPENSATION;
        (f64::from(self.interval_ms) * f64::from(factor) * 1e6) as u64
    }

    /// What to say of the peer; nothing before it has sent anything.
    pub(crate) fn block(&mut self, heard: &ReceiverStats, now_ns: u64) -> Option<ReportBlock> {
        if heard.source_valid == 0 {
            return None;
        }
        if (heard.remote_ssrc, heard.restarts) != (self.reporter_ssrc, self.reporter_restarts) {
            self.reporter = Reporter::default();
            self.reporter_ssrc = heard.remote_ssrc;
            self.reporter_restarts = heard.restarts;
        }
        let report = self.reporter.report(&Summary {
            expected: heard.expected as u32,
            received: heard.received as u32,
            highest_sequence: heard.highest_sequence as u32,
            jitter_ticks: heard.jitter_ticks as u32,
        });
        Some(ReportBlock {
            ssrc: heard.remote_ssrc as u32,
            fraction_lost: report.fraction_lost,
            cumulative_lost: report.cumulative_lost,
            highest_sequence: heard.highest_sequence as u32,
            jitter_ticks: heard.jitter_ticks as u32,
            last_sender_report: heard.sender_report_ntp as u32,
            delay_since_last_sender_report: if heard.sender_report_ntp == 0 {
                0
            } else {
                ticks_since(heard.sender_report_arrival_ns, now_ns)
            },
        })
    }

    /// The answer to the peer's last reference time, if it has sent one (RFC 3611 section 4.5).
    pub(crate) fn answer(heard: &ReceiverStats, now_ns: u64) -> Option<Dlrr> {
        (heard.reference_time_ntp != 0).then(|| Dlrr {
            ssrc: heard.reference_time_ssrc as u32,
            last_receiver_report: heard.reference_time_ntp as u32,
            delay_since_last_receiver_report: ticks_since(heard.reference_time_arrival_ns, now_ns),
        })
    }
}

/// From `then_ns` to `now_ns` in 1/65536 s.
fn ticks_since(then_ns: u64, now_ns: u64) -> u32 {
    let ticks = (u128::from(now_ns.saturating_sub(then_ns)) << 16) / 1_000_000_000;
    ticks.min(u128::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_lie_between_a_half_and_one_and_a_half_of_the_mean() {
        let mut scheduler = Scheduler::new(5_000, 0x1234_5678);
        let mut due = alloc::vec::Vec::new();
        for ms in 0..2_000_000_u64 {
            if scheduler.is_due(ms * 1_000_000) {
                due.push(ms);
            }
        }
        let gaps: alloc::vec::Vec<_> = due.windows(2).map(|w| w[1] - w[0]).collect();
        assert!(gaps.iter().all(|gap| (2_050..=6_160).contains(gap)), "{gaps:?}");
        let mean = gaps.iter().sum::<u64>() as f32 / gaps.len() as f32;
        assert!((3_700.0..4_500.0).contains(&mean), "5000 / 1.218 on average, not {mean}");
        assert!(!Scheduler::new(0, 1).is_due(u64::MAX));
    }

    #[test]
    fn ntp_time_counts_seconds_and_fractions() {
        assert_eq!(ntp_time(5 << 32, 2_500_000_000), 7 << 32 | 1 << 31);
    }
}
