// SPDX-License-Identifier: MIT OR Apache-2.0
//! What keeps a way through network address translators and firewalls open while nobody speaks
//! (RFC 6263): an RTP packet of a payload type that stands for nothing, without a payload (section 4.6).
//! A receiver throws it away, and its sequence number is no loss.

use super::config::LegConfig;

/// Says when a packet has to go out for want of others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keepalive {
    /// 0 for none.
    period_ns: u64,
    pub(super) payload_type: u8,
    /// When the last RTP packet went out, or the leg began to wait for one.
    sent_ns: Option<u64>,
}

impl Keepalive {
    pub(super) fn new(config: &LegConfig) -> Self {
        let payload_type = config.keepalive_type();
        Self {
            period_ns: payload_type.map_or(0, |_| u64::from(config.keepalive_ms) * 1_000_000),
            payload_type: payload_type.unwrap_or(0),
            sent_ns: None,
        }
    }

    /// Whether a packet has to go out at `now_ns`.
    pub(super) fn is_due(&mut self, now_ns: u64) -> bool {
        let since = *self.sent_ns.get_or_insert(now_ns);
        self.period_ns != 0 && now_ns.saturating_sub(since) >= self.period_ns
    }

    /// An RTP packet goes out.
    pub(super) fn sent(&mut self, now_ns: u64) {
        self.sent_ns = Some(now_ns);
    }

    /// One has gone out at a time that the next look tells.
    pub(super) fn sent_lately(&mut self) {
        self.sent_ns = None;
    }

    /// Goes on where `before` was.
    pub(super) fn continue_from(&mut self, before: &Self) {
        self.sent_ns = before.sent_ns;
    }
}
