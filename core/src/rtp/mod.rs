// SPDX-License-Identifier: MIT OR Apache-2.0
//! RTP (RFC 3550) on the wire: reading and writing packets, and nothing else: when to send what is the [leg](crate::leg)'s affair.
//!
//! - [`RtpPacket`]: a checked view of a datagram, nothing copied ([`header`]).
//! - [`RtpHeader`]: what a writer puts in front of a payload.
//! - [`is_rtcp`]: telling RTP from RTCP on one port (RFC 5761).
//! - [`extension`]: several small elements in one extension block (RFC 8285).
//! - [`elements`]: what such elements mean: levels, send times, names.
//! - [`reception`]: what a receiver counts of a source (RFC 3550 appendix A).
//! - [`burst`]: how losses lie together (RFC 3611).
//! - [`rtcp`]: reports plain and extended, source descriptions, BYE, NACK.
//! - [`telephone_event`]: digits by name (RFC 4733).
//!
//! Parsing happens once, at the edge; what has been parsed can't be malformed any more. Nothing in
//! here holds state that two threads share.

pub mod burst;
pub mod elements;
pub mod extension;
pub mod header;
pub mod reception;
pub mod rtcp;
pub mod telephone_event;

pub use header::{RtpError, RtpHeader, RtpPacket, is_payload_type, is_rtcp};
