// SPDX-License-Identifier: MIT OR Apache-2.0
//! What becomes of datagrams: counters, results, and reasons for a refusal.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::rtp::burst::Pattern;
use crate::session::demux::Protocol;
use crate::srtp::SrtpError;
use crate::stats::counters;

counters! {
    /// What the network thread's half has seen. All count from the leg's creation, unless they say
    /// otherwise; times are in nanoseconds.
    pub struct ReceiverStats {
        /// Datagrams given to the receiving half.
        pub datagrams,
        /// RTP packets that reached the jitter buffer.
        pub packets,
        /// Their payload bytes.
        pub octets,
        /// When the first came that was taken for the peer's; a gauge.
        pub first_arrival_ns,
        /// When the last of those came; a gauge.
        pub last_arrival_ns,
        /// The source listened to; a gauge.
        pub remote_ssrc,
        /// Whether a source is valid just now, 0 or 1; a gauge.
        pub source_valid,
        /// The source's RTP clock in ticks a second; a gauge.
        pub clock_hz,
        /// Packets that the source listened to should have sent so far, since it was turned to or began
        /// anew.
        pub expected,
        /// Packets of it that came, duplicates included.
        pub received,
        /// Extended highest sequence number; a gauge.
        pub highest_sequence,
        /// Interarrival jitter in ticks of the RTP clock (RFC 3550 A.8); a gauge.
        pub jitter_ticks,
        /// Packets that all sources listened to should have sent, over changes and restarts.
        pub call_expected,
        /// Packets of those that came.
        pub call_received,
        /// Level that the last packet's header told, in -dBov (RFC 6464), 255 if none did; not a
        /// count.
        pub remote_level_dbov,
        /// Whether the source listened to has said BYE and sent nothing since, 0 or 1; a gauge.
        pub departed,
        /// RTP packets that were passed through.
        pub passed_through,
        /// RTCP datagrams that were read.
        pub rtcp_packets,
        /// Neither RTP nor RTCP, truncated, or with impossible padding.
        pub malformed,
        /// SRTP or SRTCP authentication failed: forged, damaged, or the keys don't match.
        pub authentication_failed,
        /// Received before, or too old for the replay window to tell.
        pub replayed,
        /// Refused by SRTP for another reason (unknown MKI, too many streams, exhausted key).
        pub srtp_refused,
        /// Of a payload type that was not negotiated.
        pub unknown_payload_type,
        /// Of a source that the leg does not listen to.
        pub unknown_ssrc,
        /// As our own source: a collision, or our own packets come back (RFC 3550 section 8.2).
        pub own_ssrc,
        /// From another address than the one that the leg has latched to.
        pub foreign_address,
        /// Larger than a slot of the jitter buffer.
        pub oversized,
        /// No slot was free: the audio thread has stalled.
        pub no_slot,
        /// Sequence numbers that jumped; believed if the next one follows.
        pub sequence_jumps,
        /// Packets of telephone events.
        pub digit_packets,
        /// Events lost because nobody called `LegControl::next_event`.
        pub events_dropped,
        /// Times that the leg turned to another source.
        pub source_changes,
        /// Times that the source said goodbye (BYE).
        pub goodbyes,
        /// Middle 32 bits of the NTP time in the last sender report; a gauge.
        pub sender_report_ntp,
        /// When that report arrived; a gauge.
        pub sender_report_arrival_ns,
        /// Reports about what this leg sends.
        pub reports_received,
        /// Round-trip time by the last of them, 0 if unknown; a gauge.
        pub round_trip_ns,
        /// Fraction lost in it, in 1/256; a gauge.
        pub remote_fraction_lost,
        /// Cumulative loss in it, sign-extended; a gauge.
        pub remote_cumulative_lost,
        /// Jitter in it, in ticks; a gauge.
        pub remote_jitter_ticks,
        /// Packets of ours that the peer asked for again (generic NACK).
        pub nacked_packets,
        /// Middle 32 bits of the NTP time in the peer's last receiver reference time (RFC 3611); not
        /// a count.
        pub reference_time_ntp,
        /// When it arrived; a gauge.
        pub reference_time_arrival_ns,
        /// Who sent it; a gauge.
        pub reference_time_ssrc,
        /// The peer's rating R of what it hears of us, 127 if it has none, 0 before it has said so;
        /// a gauge.
        pub remote_rating,
        /// Its score for the conversation, in tenths; as `remote_rating`.
        pub remote_mos_x10,
        /// Loss of what we send within bursts, in 1/256, as the peer sees it (RFC 3611 section 4.7.2), 0 before
        /// it has said so; a gauge.
        pub remote_burst_density_x256,
        /// Loss within bursts, in 1/256 (RFC 3611 section 4.7.2); a gauge, like the next four.
        pub burst_density_x256,
        /// Loss outside of bursts, in 1/256.
        pub gap_density_x256,
        /// Mean length of bursts in 1/16 packet.
        pub burst_packets_x16,
        /// Mean length of gaps in 1/16 packet.
        pub gap_packets_x16,
        /// Burst ratio (ITU-T G.107), in thousandths.
        pub burst_ratio_x1000,
        /// RTP of sources on probation (RFC 3550 appendix A.1): played if the next one proves the source
        /// valid and it is listened to.
        pub probation,
        /// Datagrams handed back: STUN, DTLS, ZRTP, TURN.
        pub not_rtp,
        /// Datagrams that came before the keys.
        pub before_keys,
        /// RTP that was not played since the leg does not receive just now (its direction).
        pub not_wanted,
        /// Times that a source began anew under its SSRC.
        pub restarts,
        /// When the last RTCP was read; a gauge.
        pub last_rtcp_ns,
        /// The address that the peer sends from, in three words; not counts. See
        /// [`ReceiverStats::remote_address`].
        pub remote_ip_high,
        /// See `remote_ip_high`.
        pub remote_ip_low,
        /// See `remote_ip_high`.
        pub remote_port,
        /// The same of RTCP, where it has an address of its own.
        pub remote_rtcp_ip_high,
        /// See `remote_rtcp_ip_high`.
        pub remote_rtcp_ip_low,
        /// See `remote_rtcp_ip_high`.
        pub remote_rtcp_port,
        /// Packets of RTCP compounds that could not be read, beside others that could.
        pub rtcp_skipped,
    }
}

/// An address has this bit in its port's word, and that of IPv6 the next; above them its scope.
const PRESENT: u64 = 1 << 16;
const SIX: u64 = 1 << 17;
const SCOPE_SHIFT: u32 = 32;

fn to_words(address: Option<SocketAddr>) -> [u64; 3] {
    let port = |address: &SocketAddr| u64::from(address.port()) | PRESENT;
    match &address {
        None => [0; 3],
        Some(from @ SocketAddr::V4(v4)) => [0, u64::from(v4.ip().to_bits()), port(from)],
        Some(from @ SocketAddr::V6(v6)) => {
            let bits = v6.ip().to_bits();
            let scope = u64::from(v6.scope_id()) << SCOPE_SHIFT;
            [(bits >> 64) as u64, bits as u64, port(from) | SIX | scope]
        }
    }
}

fn from_words([high, low, port]: [u64; 3]) -> Option<SocketAddr> {
    if port & PRESENT == 0 {
        return None;
    }
    Some(if port & SIX == 0 {
        SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from_bits(low as u32), port as u16))
    } else {
        let ip = Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low));
        SocketAddr::V6(SocketAddrV6::new(ip, port as u16, 0, (port >> SCOPE_SHIFT) as u32))
    })
}

impl ReceiverStats {
    /// Where the peer sends from, or where signalling says that it receives; for who sends.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        from_words([self.remote_ip_high, self.remote_ip_low, self.remote_port])
    }

    /// Where RTCP is to be sent.
    pub fn remote_rtcp_address(&self) -> Option<SocketAddr> {
        from_words([self.remote_rtcp_ip_high, self.remote_rtcp_ip_low, self.remote_rtcp_port])
    }

    pub(super) fn set_addresses(&mut self, rtp: Option<SocketAddr>, rtcp: Option<SocketAddr>) {
        [self.remote_ip_high, self.remote_ip_low, self.remote_port] = to_words(rtp);
        [self.remote_rtcp_ip_high, self.remote_rtcp_ip_low, self.remote_rtcp_port] = to_words(rtcp);
    }

    pub(super) fn set_pattern(&mut self, pattern: &Pattern) {
        self.burst_density_x256 = (pattern.burst_density * 256.0) as u64;
        self.gap_density_x256 = (pattern.gap_density * 256.0) as u64;
        self.burst_packets_x16 = (pattern.burst_packets * 16.0) as u64;
        self.gap_packets_x16 = (pattern.gap_packets * 16.0) as u64;
        self.burst_ratio_x1000 = (pattern.burst_ratio * 1_000.0) as u64;
    }
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// RTP, now in the jitter buffer.
    Media,
    /// RTP of a source that has not proved itself yet; not played.
    Probation,
    /// RTP of a payload type that is passed through; where its payload stands in the datagram.
    PassThrough(Passed),
    /// RTCP, read.
    Report,
    /// RTCP with a BYE of the source listened to.
    Goodbye,
    /// Neither RTP nor RTCP, and untouched: for the host's ICE, DTLS, ZRTP or TURN.
    Other(Protocol),
    /// Kept until keys come.
    Kept,
    /// RTP that is not played since the leg does not receive just now.
    NotWanted,
}

/// An RTP packet that is passed through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Payload type.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Source.
    pub ssrc: u32,
    /// Where the payload begins in the datagram, in bytes.
    pub payload_offset: usize,
    /// Bytes of the payload.
    pub payload_bytes: usize,
}

/// Why a datagram was dropped. The leg goes on as if it had not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiveError {
    /// Neither RTP nor RTCP, truncated, or with impossible padding.
    Malformed,
    /// SRTP refused it.
    Srtp(SrtpError),
    /// The payload type was not negotiated.
    UnknownPayloadType(u8),
    /// The source is not the one that the leg listens to.
    UnknownSsrc(u32),
    /// It is said to come from our own source: a collision or a loop.
    OwnSsrc(u32),
    /// It comes from another address than the one that the leg has latched to.
    ForeignAddress,
    /// Larger than a slot of the jitter buffer.
    Oversized,
    /// The jitter buffer has no free slot.
    NoSlot,
    /// A batch named a leg that is not there.
    NoLeg,
    /// It came before the keys, and is too long to be kept.
    NoKeys,
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("neither RTP nor RTCP, or truncated"),
            Self::Srtp(error) => error.fmt(f),
            Self::UnknownPayloadType(number) => write!(f, "payload type {number} not negotiated"),
            Self::UnknownSsrc(ssrc) => write!(f, "source {ssrc:#010x} is not listened to"),
            Self::OwnSsrc(ssrc) => write!(f, "source {ssrc:#010x} is our own"),
            Self::ForeignAddress => f.write_str("from another address than the one latched to"),
            Self::Oversized => f.write_str("packet larger than a slot of the jitter buffer"),
            Self::NoLeg => f.write_str("no such leg"),
            Self::NoKeys => f.write_str("no keys yet, and too long to be kept"),
            Self::NoSlot => f.write_str("jitter buffer full: the audio thread has stalled"),
        }
    }
}

impl core::error::Error for ReceiveError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn addresses_survive_the_way_through_words() {
        for text in ["192.0.2.1:65535", "0.0.0.0:1", "[2001:db8::1]:5004", "[fe80::2%7]:4000"] {
            let address: SocketAddr = text.parse().unwrap();
            let mut stats = ReceiverStats::default();
            stats.set_addresses(Some(address), None);
            assert_eq!(stats.remote_address().unwrap().to_string(), text);
            assert_eq!(stats.remote_rtcp_address(), None);
        }
    }
}
