// SPDX-License-Identifier: MIT OR Apache-2.0
//! A participant's place in a mixer.

use super::gain::{self, Gain};
use super::limiter::Limiter;
use super::pairs;

/// What a mixer knows of a participant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) generation: u32,
    pub(super) taken: bool,
    /// Input was written since the last run.
    pub(super) fresh: bool,
    /// Input was written before the last run.
    pub(super) sounded: bool,
    /// The row is part of the sum of the last run.
    pub(super) mixed: bool,
    pub(super) muted: bool,
    /// Not among those that are heard just now.
    pub(super) passed_over: bool,
    pub(super) private: bool,
    pub(super) deaf: bool,
    /// Its limiter is the common one.
    pub(super) common: bool,
    /// What was asked for.
    pub(super) factor: i32,
    /// The participant's own gain, which gains of single listeners come on top of.
    pub(super) own: Gain,
    /// What everybody hears: the same, or nothing of who is private.
    pub(super) heard: Gain,
    /// How loud the participant hears, after everything else.
    pub(super) listening: Gain,
    /// Sum of the squares of the last input.
    pub(super) energy: u64,
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
            mixed: false,
            muted: false,
            passed_over: false,
            private: false,
            deaf: false,
            common: true,
            factor: gain::UNITY,
            own: unity,
            heard: unity,
            listening: unity,
            energy: 0,
            pairs: pairs::NONE,
            position: 0,
            limiter: Limiter::default(),
        }
    }

    /// Moves all gains on by a frame.
    #[inline]
    pub(super) fn step(&mut self) {
        let own = if self.muted || self.passed_over { 0 } else { self.factor };
        self.own.step(own);
        self.heard.step(if self.private { 0 } else { own });
        self.listening.step(if self.deaf { 0 } else { gain::UNITY });
    }

    /// Whether it hears the others as they are, and is heard so: no gain moves, and none is its own.
    #[inline]
    pub(super) fn hears_plainly(&self) -> bool {
        self.pairs == pairs::NONE && self.heard.is_unity() && self.listening.is_unity()
    }

    /// Whether it hears what everybody hears who contributes nothing.
    #[inline]
    pub(super) fn hears_common(&self) -> bool {
        !self.mixed && self.pairs == pairs::NONE && self.listening.is_unity()
    }
}
