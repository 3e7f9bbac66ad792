// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host's clock, and what is done by it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Beats that may be late before some are left out.
const LATE_BEATS: u64 = 10;

/// The host's clock: nanoseconds since the node began.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zero: Instant,
    /// Nanoseconds since 1970 then.
    unix_ns: u64,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_ns = u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX);
        Self { zero: Instant::now(), unix_ns }
    }

    /// Nanoseconds since it began.
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Seconds since 1970 at a time of its own.
    pub fn unix_s(&self, at_ns: u64) -> u64 {
        self.unix_ns(at_ns) / 1_000_000_000
    }

    /// Nanoseconds since 1970 at a time of its own.
    pub fn unix_ns(&self, at_ns: u64) -> u64 {
        self.unix_ns.saturating_add(at_ns)
    }

    /// A second since 1970 as a time of its own: when it began for those before.
    pub fn at_unix_s(&self, unix_s: u64) -> u64 {
        unix_s.saturating_mul(1_000_000_000).saturating_sub(self.unix_ns)
    }

    /// A time of its own as the system's.
    pub(super) fn instant(&self, at_ns: u64) -> Instant {
        self.zero + Duration::from_nanos(at_ns)
    }
}

/// An absolute timer: a beat comes a period after the one before was due, however late that was.
#[derive(Debug)]
pub(super) struct Beat {
    period_ns: u64,
    next_ns: u64,
}

impl Beat {
    pub(super) fn every(period_ns: u64) -> Self {
        Self { period_ns, next_ns: 0 }
    }

    /// Begins anew: the first beat is a period from now.
    pub(super) fn begin(&mut self, now_ns: u64) {
        self.next_ns = now_ns + self.period_ns;
    }

    /// How long until the next, at most a period.
    pub(super) fn wait_ns(&self, now_ns: u64) -> u64 {
        self.next_ns.saturating_sub(now_ns).min(self.period_ns)
    }

    /// When the beat was due that is to be acted on now, if one is. So many late ones are caught up with one by
    /// one; of more only the last counts.
    pub(super) fn due(&mut self, now_ns: u64) -> Option<u64> {
        if now_ns < self.next_ns {
            return None;
        }
        if now_ns - self.next_ns > LATE_BEATS * self.period_ns {
            self.next_ns = now_ns;
        }
        let due_ns = self.next_ns;
        self.next_ns += self.period_ns;
        Some(due_ns)
    }

    /// Whether any beat is due; all that are count as acted on.
    pub(super) fn all_due(&mut self, now_ns: u64) -> bool {
        core::iter::from_fn(|| self.due(now_ns)).count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_keep_their_time_and_leave_out_what_is_too_late() {
        let mut beat = Beat::every(10);
        beat.begin(100);
        assert_eq!((beat.due(109), beat.wait_ns(109)), (None, 1));
        // Late ones come one by one, as of when they were due.
        let due: Vec<_> = core::iter::from_fn(|| beat.due(135)).collect();
        assert_eq!((due, beat.wait_ns(135)), (vec![110, 120, 130], 5));
        let due: Vec<_> = core::iter::from_fn(|| beat.due(240)).collect();
        assert_eq!(due, (140..=240).step_by(10).collect::<Vec<_>>());
        assert_eq!((beat.due(351), beat.due(351), beat.due(361)), (Some(351), None, Some(361)));
        assert!(beat.all_due(395) && !beat.all_due(395), "three at once");
        assert_eq!(beat.due(401), Some(401));
    }
}
