// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has been done, to be told.

use super::{Want, report};
use crate::call::Call;
use crate::worker::Counted;

/// What has been done since the node began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls that began.
    pub begun: u64,
    /// Calls that were ended by `delete`.
    pub deleted: u64,
    /// Calls that another process has taken over while they were here.
    pub handed_over: u64,
    /// Calls of which nothing came for too long.
    pub timed_out: u64,
    /// Calls that were refused for want of room, in the order of [`Want::ALL`].
    pub refused: [u64; Want::ALL.len()],
    /// Ticks of conferences that have ended which did not come.
    pub missed_ticks: u64,
    /// Packets of ended calls, RTP and RTCP.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Datagrams of ended calls that were refused or could not be sent.
    pub errors: u64,
    /// RTP packets that went on by a payload type that their receiver had not negotiated.
    pub unnegotiated: u64,
    /// Packet times of members of which nothing was sent, since nobody spoke.
    pub suppressed: u64,
    /// Handshakes (DTLS) that ended in keys.
    pub handshakes: u64,
    /// Handshakes that ended without.
    pub handshakes_failed: u64,
    /// What became of video in calls that ended, in the order of [`Counted::ALL`].
    pub video: [u64; Counted::ALL.len()],
}

impl Totals {
    pub(super) fn refuse(&mut self, want: Want) {
        let counters = self.refused.iter_mut().zip(Want::ALL);
        counters.filter(|(_, of)| *of == want).for_each(|(counter, _)| *counter += 1);
    }

    /// A call has ended.
    pub(super) fn add(&mut self, call: &Call) {
        let [rtp, rtcp] = report::totals_of(call);
        self.packets += rtp.packets + rtcp.packets;
        self.bytes += rtp.bytes + rtcp.bytes;
        self.errors += rtp.errors + rtcp.errors;
        self.unnegotiated += report::unnegotiated(call);
        self.suppressed += call.suppressed();
        add_video(&mut self.video, call);
    }
}

pub(super) fn add_video(sums: &mut [u64; Counted::ALL.len()], call: &Call) {
    let Some(counters) = call.member.as_ref().and_then(|member| member.video_counters()) else {
        return;
    };
    sums.iter_mut().zip(counters.read()).for_each(|(sum, count)| *sum += count);
}
