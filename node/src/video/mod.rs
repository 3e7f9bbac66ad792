// SPDX-License-Identifier: MIT OR Apache-2.0
//! Video of conferences, passed through undecoded: each member is shown one other, who speaks or is the only one.
//! Sans-I/O, with the host's time as an argument; `worker::camera` has the sockets and the sessions.
//!
//! | module | what it holds |
//! |---|---|
//! | [`layers`] | a member's camera, of one layer or of several |
//! | [`input`] | what is sent of a layer: what is kept of it, what is asked for again, what its sender is told |
//! | [`choice`] | which layer a member is shown |
//! | [`output`] | what a member is shown: one stream without a seam, whosever it is |
//! | [`cache`] | packets that are kept for who has not got them |
//! | [`arrivals`] | when packets came, as transport-wide feedback tells it |
//! | [`feedback`] | what is asked for in RTCP (RFC 4585, RFC 5104) and how |
//! | [`key_frame`] | where a picture begins that needs none before it |
//! | [`stage`] | who is shown to whom |
//!
//! A stream that a member is shown changes its source only where a key frame of the new one begins, so that no
//! picture is decoded from parts of two. Until then the old one goes on, and the new one is asked for a key frame.

pub mod arrivals;
pub mod cache;
pub mod choice;
pub mod feedback;
pub mod input;
pub mod key_frame;
pub mod layers;
#[cfg(test)]
mod layers_tests;
pub mod output;
pub mod stage;
#[cfg(test)]
mod tests;

/// Ticks a second of video's RTP clock (RFC 7741 section 4.1, RFC 6184 section 8.2.1).
pub const CLOCK_HZ: u32 = 90_000;

/// A run of packets of one layer of a camera in one order: another begins when the layer's SSRC changes, or when its
/// sequence numbers jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The number of the path that it comes by.
    pub path: u64,
    /// The layer's number.
    pub layer: u8,
    /// Counts the layer's runs.
    pub number: u32,
}
