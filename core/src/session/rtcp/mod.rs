// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports (RFC 3550 section 6, RFC 3611) and feedback (RFC 4585), read, scheduled and written.
//!
//! | file | thread | what it does |
//! |---|---|---|
//! | `read` | network | what the peer says of its stream, of ours, and its farewell |
//! | `round_trip` | both | which answers are to reports of ours, and what they say of the way |
//! | `schedule` | audio | when a report is due, and its block |
//! | `write` | audio | compound packets, negative acknowledgements |
//! | `nack` | audio | which missing packets are asked for again, and when |
//!
//! The bytes of RTCP are [`crate::rtp::rtcp`]'s.

pub(crate) mod nack;
mod read;
mod round_trip;
mod schedule;
mod write;

pub(crate) use round_trip::SentReports;
pub(crate) use schedule::{Scheduler, ntp_time};
