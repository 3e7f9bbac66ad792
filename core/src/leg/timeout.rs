// SPDX-License-Identifier: MIT OR Apache-2.0
//! Media timeout: whether the peer's media still comes, by the audio half's clock.

use super::event::LegEvent;
use crate::session::ReceiverStats;

/// Time between two looks.
const LOOK_NS: u64 = 100_000_000;

/// Watches for media that stops and comes again.
#[derive(Debug, Clone, Copy)]
pub(super) struct MediaTimeout {
    timeout_ns: u64,
    /// Since when media has been waited for.
    since_ns: Option<u64>,
    looked_ns: u64,
    /// When the media that was heard last had come; it has stopped since.
    stopped_after_ns: Option<u64>,
}

impl MediaTimeout {
    /// After so many ms without RTP; 0 for never.
    pub(super) fn new(timeout_ms: u32) -> Self {
        let timeout_ns = u64::from(timeout_ms) * 1_000_000;
        Self { timeout_ns, since_ns: None, looked_ns: 0, stopped_after_ns: None }
    }

    /// Whether it is time to look.
    #[inline]
    pub(super) fn is_due(&mut self, now_ns: u64) -> bool {
        if self.timeout_ns == 0 || now_ns.abs_diff(self.looked_ns) < LOOK_NS {
            return false;
        }
        self.looked_ns = now_ns;
        self.since_ns.get_or_insert(now_ns);
        true
    }

    /// What there is to tell.
    pub(super) fn look(&mut self, heard: &ReceiverStats, now_ns: u64) -> Option<LegEvent> {
        let last_ns = heard.last_arrival_ns;
        if let Some(stopped_after_ns) = self.stopped_after_ns {
            if last_ns == stopped_after_ns {
                return None;
            }
            self.stopped_after_ns = None;
            return Some(LegEvent::MediaStarted);
        }
        let since_ns = last_ns.max(self.since_ns.unwrap_or(now_ns));
        // A BYE has said it already.
        if heard.departed != 0 || now_ns.saturating_sub(since_ns) < self.timeout_ns {
            return None;
        }
        self.stopped_after_ns = Some(last_ns);
        let reports = heard.last_rtcp_ns != 0
            && now_ns.saturating_sub(heard.last_rtcp_ns) < self.timeout_ns.max(LONGEST_REPORT_NS);
        Some(LegEvent::MediaStopped { reports })
    }
}

/// Reports come within one and a half times their interval of 5 s (RFC 3550 section 6.3.1).
const LONGEST_REPORT_NS: u64 = 7_500_000_000;
