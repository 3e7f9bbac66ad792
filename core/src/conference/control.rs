// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control half of a conference, for any number of threads.
//!
//! A table of states, one atomic word a place, says at once whether an order makes sense; the
//! order itself waits in a queue for the next tick.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use crossbeam::queue::ArrayQueue;

use super::{ConferenceStats, MemberId};
use crate::dsp::resample::RATES_HZ;
use crate::leg::LegMedia;
use crate::mixer::MAX_GAIN;
use crate::sync::snapshot::Snapshot;

/// Orders that may wait, a place: each member may join, leave and be set twice between two ticks.
const COMMANDS_A_PLACE: usize = 4;

/// How a member joins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JoinOptions {
    /// The host's own mark, handed out with every datagram of the member.
    pub tag: u64,
    /// How loud the others hear the member, as a factor from 0 to [`MAX_GAIN`].
    pub gain: f32,
    /// Whether the others hear the member at all.
    pub muted: bool,
}

impl Default for JoinOptions {
    fn default() -> Self {
        Self { tag: 0, gain: 1.0, muted: false }
    }
}

/// Why a conference refused. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConferenceError {
    /// A number of members of 0 or above the mixer's limit.
    InvalidConfig,
    /// All places are taken, or not yet reclaimed.
    Full,
    /// Too many orders wait: the conference is not being ticked.
    Busy,
    /// No such member: never joined, or already told to leave.
    UnknownMember,
    /// A gain below 0, above [`MAX_GAIN`], or not a number.
    InvalidGain,
    /// A leg at a rate that conferences don't mix: not 8, 16, 32 or 48 kHz.
    UnsupportedRate,
}

impl fmt::Display for ConferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidConfig => "number of conference members out of range",
            Self::Full => "conference has no place left",
            Self::Busy => "too many orders wait for the conference's tick",
            Self::UnknownMember => "no such member, or it has been told to leave",
            Self::InvalidGain => "gain is negative, too large or not a number",
            Self::UnsupportedRate => "leg's rate is not 8, 16, 32 or 48 kHz",
        })
    }
}

impl core::error::Error for ConferenceError {}

pub(super) enum Command {
    Join(MemberId, Box<LegMedia>, JoinOptions),
    Leave(MemberId),
    SetMuted(MemberId, bool),
    SetGain(MemberId, f32),
}

/// States of a place, in the low bits of its word; the generation stands above.
const FREE: u64 = 0;
const PRESENT: u64 = 1;
const LEAVING: u64 = 2;

fn word(generation: u32, state: u64) -> u64 {
    u64::from(generation) << 2 | state
}

/// What both halves hold.
pub(super) struct Shared {
    commands: ArrayQueue<Command>,
    returned: ArrayQueue<(MemberId, Box<LegMedia>)>,
    free: ArrayQueue<u32>,
    states: Box<[AtomicU64]>,
}

impl Shared {
    pub(super) fn new(places: usize) -> Self {
        let free = ArrayQueue::new(places);
        for index in 0..places as u32 {
            let _ = free.push(index);
        }
        Self {
            commands: ArrayQueue::new(places * COMMANDS_A_PLACE),
            returned: ArrayQueue::new(places),
            free,
            states: (0..places).map(|_| AtomicU64::new(word(0, FREE))).collect(),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.commands.len()
    }

    pub(super) fn next_command(&self) -> Option<Command> {
        self.commands.pop()
    }

    /// Hands a member's half back; there is room for one a place.
    pub(super) fn give_back(&self, id: MemberId, media: Box<LegMedia>) {
        let _ = self.returned.push((id, media));
    }
}

/// The control half of a conference. Clones speak for the same conference.
#[derive(Clone)]
pub struct ConferenceControl {
    shared: Arc<Shared>,
    stats: Snapshot<{ ConferenceStats::WORDS }>,
}

impl ConferenceControl {
    pub(super) fn new(shared: Arc<Shared>, stats: Snapshot<{ ConferenceStats::WORDS }>) -> Self {
        Self { shared, stats }
    }

    /// Lets a leg's audio half in at the next tick.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::Full`], [`ConferenceError::Busy`], [`ConferenceError::InvalidGain`],
    /// [`ConferenceError::UnsupportedRate`]; the half comes back with it.
    pub fn join(
        &self,
        media: Box<LegMedia>,
        options: JoinOptions,
    ) -> Result<MemberId, (ConferenceError, Box<LegMedia>)> {
        if !valid_gain(options.gain) {
            return Err((ConferenceError::InvalidGain, media));
        }
        if !RATES_HZ.contains(&media.sample_rate_hz()) {
            return Err((ConferenceError::UnsupportedRate, media));
        }
        let Some(index) = self.shared.free.pop() else {
            return Err((ConferenceError::Full, media));
        };
        // Whoever holds a free index is alone with its state.
        let state = &self.shared.states[index as usize];
        let generation = (state.load(Ordering::Acquire) >> 2) as u32;
        state.store(word(generation, PRESENT), Ordering::Release);
        let id = MemberId { index, generation };
        match self.shared.commands.push(Command::Join(id, media, options)) {
            Ok(()) => Ok(id),
            Err(command) => {
                state.store(word(generation, FREE), Ordering::Release);
                let _ = self.shared.free.push(index);
                // What comes back is what was pushed.
                let Command::Join(_, media, _) = command else { return Ok(id) };
                Err((ConferenceError::Busy, media))
            }
        }
    }

    /// Lets a member go at the next tick; [`ConferenceControl::reclaim`] gives its half back.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownMember`], [`ConferenceError::Busy`].
    pub fn leave(&self, id: MemberId) -> Result<(), ConferenceError> {
        let state = self.state(id)?;
        let (present, leaving) = (word(id.generation, PRESENT), word(id.generation, LEAVING));
        state
            .compare_exchange(present, leaving, Ordering::AcqRel, Ordering::Acquire)
            .map_err(|_| ConferenceError::UnknownMember)?;
        self.shared.commands.push(Command::Leave(id)).map_err(|_| {
            state.store(present, Ordering::Release);
            ConferenceError::Busy
        })
    }

    /// Whether the others hear the member, from the next tick on.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownMember`], [`ConferenceError::Busy`].
    pub fn set_muted(&self, id: MemberId, muted: bool) -> Result<(), ConferenceError> {
        self.order(id, Command::SetMuted(id, muted))
    }

    /// How loud the others hear the member, from the next tick on.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownMember`], [`ConferenceError::Busy`],
    /// [`ConferenceError::InvalidGain`].
    pub fn set_gain(&self, id: MemberId, factor: f32) -> Result<(), ConferenceError> {
        if !valid_gain(factor) {
            return Err(ConferenceError::InvalidGain);
        }
        self.order(id, Command::SetGain(id, factor))
    }

    /// The audio half of a member that has left; its place is free again after this.
    ///
    /// Real-time: yes; freeing it is not.
    pub fn reclaim(&self) -> Option<(MemberId, Box<LegMedia>)> {
        let (id, media) = self.shared.returned.pop()?;
        let next = word(id.generation.wrapping_add(1), FREE);
        self.shared.states[id.index as usize].store(next, Ordering::Release);
        let _ = self.shared.free.push(id.index);
        Some((id, media))
    }

    /// Counters, as of the last tick.
    pub fn stats(&self) -> ConferenceStats {
        self.stats.read().unwrap_or_default()
    }

    fn order(&self, id: MemberId, command: Command) -> Result<(), ConferenceError> {
        if self.state(id)?.load(Ordering::Acquire) != word(id.generation, PRESENT) {
            return Err(ConferenceError::UnknownMember);
        }
        self.shared.commands.push(command).map_err(|_| ConferenceError::Busy)
    }

    fn state(&self, id: MemberId) -> Result<&AtomicU64, ConferenceError> {
        self.shared.states.get(id.index as usize).ok_or(ConferenceError::UnknownMember)
    }
}

fn valid_gain(factor: f32) -> bool {
    (0.0..=MAX_GAIN).contains(&factor)
}

impl fmt::Debug for ConferenceControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConferenceControl").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
