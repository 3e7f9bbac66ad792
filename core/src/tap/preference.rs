// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a peer asks of recordings by its description: `a=recordpref` (RFC 7866 section 6.2).

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, Ordering};

use super::consent::{Purpose, Refusal};
use crate::member::MemberId;

/// What a peer asks of recordings. Asking for one is no grant: who says yes to what is the host's to find out.
/// Asking for none is a refusal of [`Purpose::Record`], whatever has been granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Preference {
    /// Nothing, or `nopreference`.
    #[default]
    None,
    /// `on`.
    On,
    /// `off`.
    Off,
    /// `pause`.
    Pause,
}

impl Preference {
    const ALL: [Self; 4] = [Self::None, Self::On, Self::Off, Self::Pause];

    /// What stands behind `a=recordpref:`; `None` for a word that the RFC does not have, which asks for nothing.
    pub fn from_attribute(value: &str) -> Option<Self> {
        Some(match value.trim() {
            "nopreference" => Self::None,
            "on" => Self::On,
            "off" => Self::Off,
            "pause" => Self::Pause,
            _ => return None,
        })
    }

    fn allows(self, purpose: Purpose) -> Result<(), Refusal> {
        match (purpose, self) {
            (Purpose::Record, Self::Off | Self::Pause) => Err(Refusal::Preference),
            _ => Ok(()),
        }
    }
}

/// The members' preferences, a word a place; the generation stands above.
#[derive(Debug)]
pub(crate) struct Preferences(Box<[AtomicU32]>);

impl Preferences {
    pub(crate) fn new(places: usize) -> Self {
        Self((0..places).map(|_| AtomicU32::new(0)).collect())
    }

    pub(crate) fn set(&self, id: MemberId, preference: Preference) {
        if let Some(word) = self.0.get(id.index as usize) {
            word.store(id.generation << 2 | preference as u32, Ordering::Release);
        }
    }

    /// Nothing of who had the place before.
    #[inline]
    pub(crate) fn of(&self, id: MemberId) -> Preference {
        let word = self.0.get(id.index as usize).map_or(0, |word| word.load(Ordering::Acquire));
        let is_its = word >> 2 == id.generation & (u32::MAX >> 2);
        let said = Preference::ALL.get((word & 3) as usize).copied().filter(|_| is_its);
        said.unwrap_or_default()
    }

    #[inline]
    pub(crate) fn allows(&self, id: MemberId, purpose: Purpose) -> Result<(), Refusal> {
        self.of(id).allows(purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_its_members_alone_and_no_word_allows_anything() {
        let preferences = Preferences::new(2);
        let [anna, later] = [0, 1].map(|generation| MemberId { index: 1, generation });
        assert_eq!(preferences.of(anna), Preference::None);
        for (word, refuses) in
            [("on", false), ("off", true), ("pause", true), ("nopreference", false)]
        {
            let preference = Preference::from_attribute(word).unwrap();
            preferences.set(anna, preference);
            assert_eq!(preferences.of(anna), preference);
            assert_eq!(preferences.allows(anna, Purpose::Record).is_err(), refuses, "{word}");
            assert_eq!(preferences.allows(anna, Purpose::Transcribe), Ok(()));
            assert_eq!(preferences.of(later), Preference::None, "who has the place after her");
        }
        assert_eq!(Preference::from_attribute("OFF "), None);
    }
}
