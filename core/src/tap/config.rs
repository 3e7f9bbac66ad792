// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a tap is made for, and what it tells.

use super::consent::{Purpose, Refusal, SinkId};
use crate::member::MemberId;
use crate::names::names;

/// The longest that may wait in a tap, in ms: what a withdrawal has to overwrite within a tick.
pub const MAX_BUFFER_MS: u32 = 2_000;

names! {
    /// A tap's name in one conference. A name is not used again for the tap that is made next.
    pub struct TapId;
}

/// Whose voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TapSource {
    /// One member's, as it came in: without gain, and silence while the others don't hear it.
    Member(MemberId),
    /// Those of all who have agreed to it, added up; not of members that are muted or private. A withdrawal
    /// by one wipes what waits of the others with it.
    Mix,
    /// One member's packets as they come, decrypted and not decoded ([`TapReader::read_packet`]); none while the
    /// others don't hear it or the tap is paused, and none of a line.
    ///
    /// [`TapReader::read_packet`]: super::TapReader::read_packet
    Packets(MemberId),
}

impl TapSource {
    /// Whose, where it is one member's.
    pub fn member(self) -> Option<MemberId> {
        match self {
            Self::Member(id) | Self::Packets(id) => Some(id),
            Self::Mix => None,
        }
    }
}

/// What a tap is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TapConfig {
    /// Whose voice.
    pub source: TapSource,
    /// What for: a member's sound is taken while a grant for this stands.
    pub purpose: Purpose,
    /// To whom: and for this.
    pub sink: SinkId,
    /// Samples a second of what is read: 8, 12, 16, 24, 32 or 48 kHz; of packets without a meaning.
    pub sample_rate_hz: u32,
    /// How much may wait to be read, 10 ms to [`MAX_BUFFER_MS`]; beyond that the oldest is lost. Of packets one
    /// for each 10 ms.
    pub buffer_ms: u32,
    /// Whether it begins paused, until an announcement has been heard, say.
    pub paused: bool,
    /// The host's own mark, told with every event.
    pub tag: u64,
    /// A voice that a program makes ([`talk`](crate::talk)), to be given beside a member's
    /// ([`TapReader::read_with_reference`]): as it was said, and silence while the others don't hear it.
    /// Of [`TapSource::Member`] alone.
    ///
    /// [`TapReader::read_with_reference`]: super::TapReader::read_with_reference
    pub reference: Option<MemberId>,
}

impl TapConfig {
    /// A tap at 16 kHz of which a second may wait.
    pub fn new(source: TapSource, purpose: Purpose, sink: SinkId) -> Self {
        Self {
            source,
            purpose,
            sink,
            sample_rate_hz: 16_000,
            buffer_ms: 1_000,
            paused: false,
            tag: 0,
            reference: None,
        }
    }
}

/// What a tap does just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TapState {
    /// It takes nothing, since nobody has agreed; for [`TapSource::Mix`] without a reason.
    Waiting(Option<Refusal>),
    /// It takes so many voices: 1 for a member's.
    Taking {
        /// How many.
        voices: u16,
    },
    /// It takes nothing, and leaves silence of the same length.
    Paused,
    /// It is over.
    Ended,
}

/// A tap has changed its state. No sound is taken before the event that says so has found room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TapEvent {
    /// Which.
    pub tap: TapId,
    /// The host's mark ([`TapConfig::tag`]).
    pub tag: u64,
    /// Whose voice.
    pub source: TapSource,
    /// What for.
    pub purpose: Purpose,
    /// To whom.
    pub sink: SinkId,
    /// What it does from now on.
    pub state: TapState,
    /// Since when, by the clock of the ticks.
    pub at_ns: u64,
    /// Sound that it had taken up to then, in ms.
    pub taken_ms: u64,
}
