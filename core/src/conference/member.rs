// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the audio thread knows of a member.

use super::control::Attached;
pub use crate::member::MemberId;
use crate::mixer::ParticipantId;
use crate::talk::Ears;
use crate::tap::{Consents, Sound};

/// A member, on the audio thread.
pub(super) struct Member {
    pub(super) id: MemberId,
    pub(super) attached: Attached,
    /// Which mixer ([`Member::rate`]), and the place in it.
    pub(super) rate: u8,
    pub(super) place: ParticipantId,
    pub(super) tag: u64,
    pub(super) listening: bool,
    /// It goes at the end of this tick.
    pub(super) leaving: bool,
    /// Where it stands in [`Conference::present`](super::Conference).
    pub(super) position: u32,
    /// Ticks for which it has heard the common mix, as far as a packet is long.
    pub(super) common_ticks: u8,
    /// The last of the turns that it was served in.
    pub(super) served: u64,
    /// What may be tapped of it.
    pub(super) consents: Consents,
    /// How what it says in this tick came to be.
    pub(super) sound: Sound,
    /// The first of the feeds that its packets go to in this tick.
    pub(super) packets_to: Option<u16>,
    /// Whether it speaks over a voice that a program makes; followed while there is one.
    pub(super) ears: Ears,
}

impl Member {
    /// Which of the conference's mixers is its.
    #[inline]
    pub(super) fn rate(&self) -> usize {
        self.rate.into()
    }
}
