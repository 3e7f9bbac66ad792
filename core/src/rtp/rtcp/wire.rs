// SPDX-License-Identifier: MIT OR Apache-2.0
//! What readers and writers of RTCP share: packet types, reports, errors.

use core::fmt;

pub(super) const SENDER_REPORT: u8 = 200;
pub(super) const RECEIVER_REPORT: u8 = 201;
pub(super) const SOURCE_DESCRIPTION: u8 = 202;
pub(super) const GOODBYE: u8 = 203;
/// Transport-layer feedback (RFC 4585 section 6.2).
pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
pub(super) const EXTENDED_REPORT: u8 = 207;
/// SDES item: canonical name (section 6.5.1).
pub(super) const CNAME: u8 = 1;

/// Why bytes are not a compound RTCP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RtcpError {
    /// A packet ends behind the datagram, or is too short for what its counts say.
    Truncated,
    /// The version field is not 2.
    Version,
    /// The padding count is impossible.
    Padding,
    /// The buffer is too small for what is to be written.
    Capacity,
    /// More than 31 blocks, or a text longer than 255 bytes.
    TooMany,
}

impl fmt::Display for RtcpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "RTCP packet shorter than its header says",
            Self::Version => "RTCP version is not 2",
            Self::Padding => "RTCP padding count is impossible",
            Self::Capacity => "buffer too small for the RTCP packet",
            Self::TooMany => "more than 31 RTCP blocks or a text longer than 255 bytes",
        })
    }
}

impl core::error::Error for RtcpError {}

/// What a receiver says of one source (section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// The source that the block speaks of.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256 of what was expected.
    pub fraction_lost: u8,
    /// Lost since the start, 24 bits signed.
    pub cumulative_lost: i32,
    /// Extended highest sequence number received.
    pub highest_sequence: u32,
    /// Interarrival jitter in ticks.
    pub jitter_ticks: u32,
    /// Middle 32 bits of the NTP time of the last sender report, 0 for none.
    pub last_sender_report: u32,
    /// Since that report, in 1/65536 s.
    pub delay_since_last_sender_report: u32,
}

/// What a sender says of itself (section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderInfo {
    /// NTP time of the report, 32.32 fixed point.
    pub ntp: u64,
    /// The same instant on the RTP clock.
    pub rtp_timestamp: u32,
    /// Packets sent since the start.
    pub packets: u32,
    /// Payload bytes sent since the start.
    pub octets: u32,
}

impl SenderInfo {
    /// The middle 32 bits of the NTP time, as report blocks quote it.
    pub fn ntp_middle(&self) -> u32 {
        (self.ntp >> 16) as u32
    }
}

pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    }
}
