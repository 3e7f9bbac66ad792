// SPDX-License-Identifier: MIT OR Apache-2.0
//! A conference: legs around a mixer, ticked every 10 ms.
//!
//! [`Conference`] belongs to the audio thread, which calls [`Conference::tick`] and sends the
//! datagrams that it leaves in an [`Outgoing`]. [`ConferenceControl`] may be cloned and used from
//! any thread: members join and leave, are muted and made louder through a lock-free queue, at the
//! next tick. Nothing is allocated or freed on the audio thread; who has left comes back through
//! [`ConferenceControl::reclaim`].
//!
//! Legs of 8, 16, 32 and 48 kHz meet here. Each rate has a mixer of its own, and every mixer also
//! plays the sums of the others, resampled once a rate, not once a leg; so a listener's own voice
//! is subtracted where it went in, to the bit.
//!
//! - **Who is heard**: all, or the loudest few ([`ConferenceConfig::max_speakers`]).
//! - **Who hears whom**: members that only listen or only talk, coaches, side talks
//!   ([`JoinOptions`], [`ConferenceControl::set_pair_gain`]).
//! - **Encode once**: members that hear the same mix in the same codec, with the same settings and
//!   in packets that start together, share one encoder; only RTP and SRTP are their own.
//! - **Who is decoded**: all but those whose headers say that they are silent (RFC 6464), as far as
//!   [`LegConfig::level_trust`](crate::leg::LegConfig::level_trust) goes.
//! - **Who is told who is heard**: members with
//!   [`HeaderExtensions::mixer_levels`](crate::leg::HeaderExtensions::mixer_levels) (RFC 6465).
//! - **Threads**: thousands of conferences over several, and one over several: [`shard`].
//! - **Lines** to other conferences and to the host: [`LinkEnd`].

mod config;
mod contributions;
mod control;
mod link;
mod member;
mod outgoing;
mod pair_slots;
mod partial_sums;
mod rates;
pub mod shard;
mod speakers;
mod stats;
mod tick;

pub use config::ConferenceConfig;
pub use control::{ConferenceControl, ConferenceError, ConferenceEvent, JoinOptions};
pub use link::LinkEnd;
pub use member::MemberId;
pub use outgoing::{Outgoing, OutgoingDatagram};
pub use stats::ConferenceStats;
pub use tick::Conference;

#[cfg(test)]
mod batch_tests;
#[cfg(all(test, feature = "opus"))]
mod encode_once_tests;
#[cfg(all(test, feature = "opus"))]
mod level_tests;
#[cfg(test)]
mod shard_tests;
#[cfg(all(test, feature = "opus"))]
mod tests;
#[cfg(all(test, feature = "std", not(any(loom, shuttle))))]
mod thread_tests;
