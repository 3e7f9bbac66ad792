// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tap: what is said in a conference, handed to programs that its members have agreed to.
//!
//! A tap takes one member's voice, its packets as they come, or the mix of those who have agreed, for one purpose and
//! one receiver ([`TapConfig`]). It takes it only while a [`Grant`] of the member for just that stands, looked at anew in each
//! frame: who has said nothing, whose grant has expired, or who has taken it back is not in it by one sample.
//!
//! - **Consent** is a state of the member, set by
//!   [`ConferenceControl::grant`](crate::conference::ConferenceControl::grant).
//! - **Withdrawal** ([`ConferenceControl::withdraw`](crate::conference::ConferenceControl::withdraw)) can't be
//!   refused. Readers give nothing from before it once it has returned; the next tick overwrites what lies in
//!   the rings.
//! - **No hidden tap**: each change of a tap's state makes a [`TapEvent`], and no sound is taken before it has
//!   found room.
//! - **Time** is that of the ticks, the same for all members, so that what was said together lies together.
//! - **A program's own voice** can come beside each frame ([`TapConfig::reference`]), so that an agent does not hear
//!   itself over a line's echo.
//! - **A slow reader** costs the call nothing: the oldest frames give way, and are counted.
//!
//! The audio thread's half is the conference's; [`TapReader`] is anybody's. A member that has agreed to be
//! transcribed:
//!
//! ```
//! use ale_media::codec::CodecSpec;
//! use ale_media::conference::{Conference, ConferenceConfig, JoinOptions, LinkEnd, Outgoing};
//! use ale_media::tap::{Basis, Grant, Purpose, SinkId, TapConfig, TapSource};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut conference, control) = Conference::new(&ConferenceConfig::default())?;
//! let (mut voice, end) = LinkEnd::pair(8_000)?;
//! let member = control.join_link(Box::new(end), JoinOptions::default()).map_err(|(error, _)| error)?;
//! let recogniser = SinkId(1);
//! let mut tap = control.tap(&TapConfig::new(
//!     TapSource::Member(member),
//!     Purpose::Transcribe,
//!     recogniser,
//! ))?;
//! control.grant(member, &Grant {
//!     purposes: Purpose::Transcribe.into(),
//!     basis: Basis::Consent,
//!     sink: recogniser,
//!     notice_version: 3,
//!     until_ns: None,
//! })?;
//! let (mut outgoing, mut pcm) = (Outgoing::new(4), [0; 160]);
//! voice.push(&[1_000; 80]);
//! conference.tick(0, &mut outgoing);
//! assert_eq!(tap.read(&mut pcm).map(|frame| frame.member), Some(Some(member)));
//! voice.push(&[1_000; 80]);
//! conference.tick(10_000_000, &mut outgoing);
//! control.withdraw(member, Purpose::Transcribe.into())?;
//! assert!(tap.read(&mut pcm).is_none(), "what was taken before is not given any more");
//! # Ok(())
//! # }
//! ```

mod config;
mod consent;
mod desk;
mod feed;
mod frame;
mod packet;
mod preference;
mod reader;
mod reference;

pub use config::{MAX_BUFFER_MS, TapConfig, TapEvent, TapId, TapSource, TapState};
pub use consent::{Basis, Consent, Grant, Purpose, Purposes, Refusal, SinkId};
pub(crate) use consent::{Consents, PURPOSES, Terms};
pub(crate) use desk::{Asked, Desk, DeskWays, MAX_TAPS};
pub(crate) use feed::Feed;
pub(crate) use frame::Sound;
pub use frame::TapFrame;
pub use packet::TapPacket;
pub use preference::Preference;
pub use reader::TapReader;
