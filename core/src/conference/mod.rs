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
//! - **Taps**: what members say, handed to programs that they have agreed to: [`tap`](crate::tap).
//! - **Lines** to other conferences and to the host: [`LinkEnd`].
//!
//! Three phones in a conference; two talk, and the third hears both:
//!
//! ```
//! use ale_media::codec::CodecSpec;
//! use ale_media::conference::{Conference, ConferenceConfig, JoinOptions, Outgoing};
//! use ale_media::leg::{Leg, LegConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut conference, control) = Conference::new(&ConferenceConfig::default())?;
//! let mut outgoing = Outgoing::new(6);
//! let (mut phones, mut receivers) = (Vec::new(), Vec::new());
//! for n in 0..3 {
//!     // The conference's end of the line, and the phone at the other.
//!     let (receiver, media, _) = Leg::new(&LegConfig::plain(100 + n, 8, CodecSpec::Pcma))?;
//!     control.join(Box::new(media), JoinOptions::tagged(n.into())).map_err(|(error, _)| error)?;
//!     receivers.push(receiver);
//!     phones.push(Leg::new(&LegConfig::plain(n, 8, CodecSpec::Pcma))?);
//! }
//! let mut heard = [[0; 80]; 3];
//! for now_ns in (0..100).map(|tick| tick * 10_000_000) {
//!     // The phones, each on a machine of its own.
//!     for (n, (_, media, _)) in phones.iter_mut().enumerate() {
//!         media.push(&[[1_000, 3_000, 0][n]; 80])?;
//!         while let Some(datagram) = media.poll_transmit(now_ns) {
//!             // The conference's network thread.
//!             receivers[n].receive(&mut datagram.to_vec(), now_ns)?;
//!         }
//!         media.pull(now_ns, &mut heard[n])?;
//!     }
//!     // Its audio thread, every 10 ms.
//!     conference.tick(now_ns, &mut outgoing);
//!     for datagram in outgoing.iter() {
//!         phones[datagram.tag as usize].0.receive(&mut datagram.bytes.to_vec(), now_ns)?;
//!     }
//! }
//! let about = |sample: i16, level: i16| (sample - level).abs() < level / 10;
//! assert!(about(heard[0][0], 3_000) && about(heard[1][0], 1_000) && about(heard[2][0], 4_000));
//! # Ok(())
//! # }
//! ```

mod config;
mod contributions;
mod control;
mod link;
mod member;
mod outgoing;
mod pace;
mod pair_slots;
mod partial_sums;
mod rates;
pub mod shard;
mod speakers;
mod stats;
mod tap_control;
mod taps;
mod tick;
mod turn;

pub use config::{ConferenceConfig, JoinedTicks};
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
#[cfg(all(test, feature = "std"))]
mod pace_tests;
#[cfg(test)]
mod shard_tests;
#[cfg(all(test, feature = "opus"))]
mod tests;
#[cfg(all(test, feature = "std", not(any(loom, shuttle))))]
mod thread_tests;
