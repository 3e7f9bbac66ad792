// SPDX-License-Identifier: MIT OR Apache-2.0
//! RTP (RFC 3550) on the wire: reading and writing packets, and nothing else.
//!
//! - [`RtpPacket`]: a checked view of a datagram, nothing copied ([`header`]).
//! - [`RtpHeader`]: what a writer puts in front of a payload.
//! - [`is_rtcp`]: telling RTP from RTCP on one port (RFC 5761).
//!
//! Parsing happens once, at the edge; what has been parsed can't be malformed any more. Nothing in
//! here holds state that two threads share.

pub mod header;

pub use header::{RtpError, RtpHeader, RtpPacket, is_rtcp};
