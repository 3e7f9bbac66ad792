// SPDX-License-Identifier: MIT OR Apache-2.0
//! The round trip by answers to our own reports (RFC 3550 section 6.4.1, RFC 3611 section 4.5).
//!
//! Devices answer reports of others, byte-swapped ones, or none at all and say so with a number; taken at
//! its word, each of these is hours. An answer counts only if it names a report that was sent here lately.

use crate::sync::snapshot::Words;

/// Reports that are remembered: at 5 s each, the last 40 s.
const REMEMBERED: usize = 8;

/// Middle 32 bits of the NTP times of our last reports; written by the half that sends them, read by the
/// one that receives answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SentReports {
    /// Newest first; 0 is none.
    middles: [u32; REMEMBERED],
}

impl SentReports {
    pub(crate) const WORDS: usize = REMEMBERED / 2;

    /// A report with this NTP time goes out.
    pub(crate) fn sent(&mut self, ntp: u64) {
        self.middles.rotate_right(1);
        if let Some(first) = self.middles.first_mut() {
            *first = (ntp >> 16) as u32;
        }
    }

    /// Round-trip time by an answer that came at NTP time `now`: now less the `last_report` that it
    /// answers, less the `delay` for which the peer kept it. `None` if that is none of ours, or the peer
    /// claims to have kept it for longer than it took.
    pub(crate) fn round_trip_ns(&self, last_report: u32, delay: u32, now: u64) -> Option<u64> {
        if last_report == 0 || !self.middles.contains(&last_report) {
            return None;
        }
        let middle = (now >> 16) as u32;
        let ticks = middle.wrapping_sub(last_report).wrapping_sub(delay);
        // In 1/65536 s; what looks like more than nine hours is a negative difference.
        (ticks < 1 << 31).then(|| (u64::from(ticks) * 1_000_000_000) >> 16)
    }
}

impl Words<{ SentReports::WORDS }> for SentReports {
    fn to_words(&self) -> [u64; Self::WORDS] {
        let [a, b, c, d, e, f, g, h] = self.middles.map(u64::from);
        [a << 32 | b, c << 32 | d, e << 32 | f, g << 32 | h]
    }

    fn from_words(words: &[u64; Self::WORDS]) -> Self {
        let [[a, b], [c, d], [e, f], [g, h]] = words.map(|w| [(w >> 32) as u32, w as u32]);
        Self { middles: [a, b, c, d, e, f, g, h] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_follows_the_rfcs_own_example() {
        // RFC 3550 section 6.4.1, figure 2: 6.125 s.
        let now = 0xb710_8000_u64 << 16;
        let mut sent = SentReports::default();
        sent.sent(0xb705_2000 << 16);
        assert_eq!(sent.round_trip_ns(0xb705_2000, 0x0005_4000, now), Some(6_125_000_000));
        assert_eq!(sent.round_trip_ns(0, 0, now), None, "answers nothing");
        assert_eq!(
            sent.round_trip_ns(0xb705_2000, 0x0100_0000, now),
            None,
            "kept longer than it took"
        );
    }

    #[test]
    fn only_answers_to_reports_of_ours_count() {
        let mut sent = SentReports::default();
        for n in 1..=20_u64 {
            sent.sent((0x1000 + n) << 16);
        }
        let now = 0x2000 << 16;
        assert!(sent.round_trip_ns(0x1000 + 20, 0, now).is_some());
        assert!(sent.round_trip_ns(0x1000 + 13, 0, now).is_some());
        for foreign in [0x1000 + 12, 0x1234_5678, 0x1014_u32.swap_bytes(), 0x1015] {
            assert_eq!(sent.round_trip_ns(foreign, 0, now), None);
        }
        assert_eq!(SentReports::from_words(&sent.to_words()), sent);
    }
}
