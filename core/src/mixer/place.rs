// SPDX-License-Identifier: MIT OR Apache-2.0
//! A participant's place in a mixer.

use super::gain::{self, Gain};
use super::limiter::Limiter;
use super::pairs;

/// What was asked of a mixer for a participant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Asked {
    pub(super) factor: i32,
    pub(super) muted: bool,
    /// Not among those that are heard just now.
    pub(super) passed_over: bool,
    pub(super) private: bool,
    pub(super) deaf: bool,
}

/// How a participant's row stands to what the last run has added of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// Nothing was added.
    Apart,
    /// What is in the row was added: as it was written, or with its gain applied to the row itself.
    Added,
    /// It was added times its gain, which the row is without.
    TimesGain,
}

/// What a mixer knows of a participant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) generation: u32,
    pub(super) taken: bool,
    /// Input was written since the last run.
    pub(super) fresh: bool,
    /// Input was written before the last run.
    pub(super) sounded: bool,
    /// What the sum of the last run has of the row.
    pub(super) row: Row,
    /// It is heard as it is and hears so, in this frame and, unless something is asked, in the next.
    plain: bool,
    /// Its limiter is the common one.
    pub(super) common: bool,
    asked: Asked,
    /// The participant's own gain, which gains of single listeners come on top of.
    pub(super) own: Gain,
    /// What everybody hears: the same, or nothing of who is private.
    pub(super) heard: Gain,
    /// How loud the participant hears, after everything else.
    pub(super) listening: Gain,
    /// Sum of the squares of the last input.
    pub(super) energy: u64,
    /// Who wrote the input has told its energy.
    pub(super) measured: bool,
    /// First of its gains for single talkers.
    pub(super) pairs: u32,
    /// Where it stands in [`Mixer::present`].
    pub(super) position: u32,
    pub(super) limiter: Limiter,
}

impl Place {
    pub(super) fn new(generation: u32) -> Self {
        let unity = Gain::steady(gain::UNITY);
        Self {
            generation,
            taken: false,
            fresh: false,
            sounded: false,
            row: Row::Apart,
            plain: false,
            common: true,
            asked: Asked {
                factor: gain::UNITY,
                muted: false,
                passed_over: false,
                private: false,
                deaf: false,
            },
            own: unity,
            heard: unity,
            listening: unity,
            energy: 0,
            measured: false,
            pairs: pairs::NONE,
            position: 0,
            limiter: Limiter::default(),
        }
    }

    /// What is asked of it.
    #[inline]
    pub(super) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Asks something else of it.
    #[inline]
    pub(super) fn ask(&mut self, change: impl FnOnce(&mut Asked)) {
        let before = self.asked;
        change(&mut self.asked);
        self.plain &= self.asked == before;
    }

    /// Lets it begin in silence, heard and hearing.
    pub(super) fn start_silent(&mut self) {
        self.plain = false;
        (self.own, self.heard) = (Gain::steady(0), Gain::steady(0));
        self.listening = Gain::steady(0);
    }

    /// Moves all gains on by a frame.
    #[inline]
    pub(super) fn step(&mut self) {
        if self.plain {
            return;
        }
        let asked = &self.asked;
        let own = if asked.muted || asked.passed_over { 0 } else { asked.factor };
        self.own.step(own);
        self.heard.step(if asked.private { 0 } else { own });
        self.listening.step(if asked.deaf { 0 } else { gain::UNITY });
        self.plain = [self.own, self.heard, self.listening].iter().all(Gain::is_unity);
    }

    /// Whether it hears the others as they are, and is heard so: no gain moves, and none is its own. Who has just
    /// been asked something may be told no.
    #[inline]
    pub(super) fn hears_plainly(&self) -> bool {
        self.plain && self.pairs == pairs::NONE
    }

    /// Whether the row is part of the sum of the last run.
    #[inline]
    pub(super) fn is_mixed(&self) -> bool {
        self.row != Row::Apart
    }

    /// Whether it hears what everybody hears who contributes nothing.
    #[inline]
    pub(super) fn hears_common(&self) -> bool {
        !self.is_mixed() && self.pairs == pairs::NONE && self.listening.is_unity()
    }
}
