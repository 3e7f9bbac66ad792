// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control half of a conference, for any number of threads.
//!
//! A table of states, one atomic word a place, says at once whether an order makes sense; the
//! order itself waits in a queue for the next tick.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use crossbeam::queue::ArrayQueue;

use super::{ConferenceStats, LinkEnd, MemberId};
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
    /// Whether the others don't hear the member.
    pub muted: bool,
    /// Whether the member hears anything; nothing is encoded or sent for one that only talks.
    pub listening: bool,
    /// Whether those alone hear the member that have a gain for it
    /// ([`ConferenceControl::set_pair_gain`]): a coach, a side talk.
    pub private: bool,
}

impl Default for JoinOptions {
    fn default() -> Self {
        Self { tag: 0, gain: 1.0, muted: false, listening: true, private: false }
    }
}

/// Why a conference refused. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConferenceError {
    /// A number of members of 0 or above the mixer's limit, or more speakers than members.
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
    /// A gain of a member for itself, or for one whose PCM has another rate.
    InvalidPair,
}

impl fmt::Display for ConferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidConfig => "number of conference members or speakers out of range",
            Self::Full => "conference has no place left",
            Self::Busy => "too many orders wait for the conference's tick",
            Self::UnknownMember => "no such member, or it has been told to leave",
            Self::InvalidGain => "gain is negative, too large or not a number",
            Self::UnsupportedRate => "leg's rate is not 8, 16, 32 or 48 kHz",
            Self::InvalidPair => "listener and talker are the same or have different rates",
        })
    }
}

impl core::error::Error for ConferenceError {}

/// What a member speaks and hears through.
pub(super) enum Attached {
    Leg(Box<LegMedia>),
    Link(Box<LinkEnd>),
}

impl Attached {
    /// Whether its peer is told who is heard.
    pub(super) fn tells_contributors(&self) -> bool {
        matches!(self, Self::Leg(media) if media.tells_contributors())
    }

    pub(super) fn sample_rate_hz(&self) -> u32 {
        match self {
            Self::Leg(media) => media.sample_rate_hz(),
            Self::Link(end) => end.sample_rate_hz(),
        }
    }
}

pub(super) enum Command {
    Join(MemberId, Attached, JoinOptions),
    Leave(MemberId),
    SetMuted(MemberId, bool),
    SetGain(MemberId, f32),
    SetListening(MemberId, bool),
    SetPrivate(MemberId, bool),
    SetPairGain(MemberId, MemberId, Option<f32>),
}

/// What a conference tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConferenceEvent {
    /// Another member leads the conversation now.
    DominantSpeaker(MemberId),
}

/// Events that may wait to be read; older ones give way.
const EVENTS: usize = 32;

/// States of a place, in the low bits of its word; the generation stands above.
const FREE: u32 = 0;
const PRESENT: u32 = 1;
const LEAVING: u32 = 2;

/// The generation's top bits are lost: 2^30 others have had the place before it is mistaken.
fn word(generation: u32, state: u32) -> u32 {
    generation << 2 | state
}

/// What both halves hold.
pub(super) struct Shared {
    commands: ArrayQueue<Command>,
    returned: ArrayQueue<(MemberId, Attached)>,
    free: ArrayQueue<u32>,
    states: Box<[AtomicU32]>,
    /// Rates of those present.
    rates_hz: Box<[AtomicU32]>,
    events: ArrayQueue<ConferenceEvent>,
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
            states: (0..places).map(|_| AtomicU32::new(word(0, FREE))).collect(),
            rates_hz: (0..places).map(|_| AtomicU32::new(0)).collect(),
            events: ArrayQueue::new(EVENTS),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.commands.len()
    }

    pub(super) fn next_command(&self) -> Option<Command> {
        self.commands.pop()
    }

    /// Hands a member's half back; there is room for one a place.
    pub(super) fn give_back(&self, id: MemberId, attached: Attached) {
        let _ = self.returned.push((id, attached));
    }

    pub(super) fn tell(&self, event: ConferenceEvent) {
        self.events.force_push(event);
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
        let id = match self.reserve(media.sample_rate_hz(), &options) {
            Ok(id) => id,
            Err(error) => return Err((error, media)),
        };
        match self.shared.commands.push(Command::Join(id, Attached::Leg(media), options)) {
            // What comes back is what was pushed.
            Err(Command::Join(_, Attached::Leg(media), _)) => {
                self.release(id);
                Err((ConferenceError::Busy, media))
            }
            _ => Ok(id),
        }
    }

    /// Lets one end of a line in at the next tick. When it has left,
    /// [`ConferenceControl::reclaim`] drops it.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// As [`ConferenceControl::join`].
    pub fn join_link(
        &self,
        end: Box<LinkEnd>,
        options: JoinOptions,
    ) -> Result<MemberId, (ConferenceError, Box<LinkEnd>)> {
        let id = match self.reserve(end.sample_rate_hz(), &options) {
            Ok(id) => id,
            Err(error) => return Err((error, end)),
        };
        match self.shared.commands.push(Command::Join(id, Attached::Link(end), options)) {
            // What comes back is what was pushed.
            Err(Command::Join(_, Attached::Link(end), _)) => {
                self.release(id);
                Err((ConferenceError::Busy, end))
            }
            _ => Ok(id),
        }
    }

    /// Takes a place for who is about to join.
    fn reserve(&self, rate_hz: u32, options: &JoinOptions) -> Result<MemberId, ConferenceError> {
        if !valid_gain(options.gain) {
            return Err(ConferenceError::InvalidGain);
        }
        if !RATES_HZ.contains(&rate_hz) {
            return Err(ConferenceError::UnsupportedRate);
        }
        let index = self.shared.free.pop().ok_or(ConferenceError::Full)?;
        // Whoever holds a free index is alone with its state.
        let state = &self.shared.states[index as usize];
        let generation = state.load(Ordering::Acquire) >> 2;
        self.shared.rates_hz[index as usize].store(rate_hz, Ordering::Relaxed);
        state.store(word(generation, PRESENT), Ordering::Release);
        Ok(MemberId { index, generation })
    }

    /// Gives a place up that nobody has heard of.
    fn release(&self, id: MemberId) {
        self.shared.states[id.index as usize].store(word(id.generation, FREE), Ordering::Release);
        let _ = self.shared.free.push(id.index);
    }

    /// Lets a member go at the next tick, in which it fades; [`ConferenceControl::reclaim`] gives its
    /// half back after that.
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

    /// Whether a member hears anything, from the next tick on.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownMember`], [`ConferenceError::Busy`].
    pub fn set_listening(&self, id: MemberId, listening: bool) -> Result<(), ConferenceError> {
        self.order(id, Command::SetListening(id, listening))
    }

    /// Whether those alone hear a member that have a gain for it, from the next tick on.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownMember`], [`ConferenceError::Busy`].
    pub fn set_private(&self, id: MemberId, private: bool) -> Result<(), ConferenceError> {
        self.order(id, Command::SetPrivate(id, private))
    }

    /// How loud one listener hears one talker, from the next tick on, as a factor on top of the
    /// talker's own gain; `None` for what everybody hears. Gains beyond
    /// [`ConferenceConfig::max_pair_gains`](super::ConferenceConfig::max_pair_gains) are counted in
    /// [`ConferenceStats::refused`] and change nothing.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownMember`], [`ConferenceError::Busy`],
    /// [`ConferenceError::InvalidGain`], [`ConferenceError::InvalidPair`].
    pub fn set_pair_gain(
        &self,
        listener: MemberId,
        talker: MemberId,
        factor: Option<f32>,
    ) -> Result<(), ConferenceError> {
        if factor.is_some_and(|factor| !valid_gain(factor)) {
            return Err(ConferenceError::InvalidGain);
        }
        if self.state(talker)?.load(Ordering::Acquire) != word(talker.generation, PRESENT) {
            return Err(ConferenceError::UnknownMember);
        }
        self.state(listener)?;
        let rate = |id: MemberId| {
            let rate_hz = self.shared.rates_hz.get(id.index as usize);
            rate_hz.map(|rate_hz| rate_hz.load(Ordering::Relaxed))
        };
        if listener == talker || rate(listener) != rate(talker) {
            return Err(ConferenceError::InvalidPair);
        }
        self.order(listener, Command::SetPairGain(listener, talker, factor))
    }

    /// The audio half of a leg that has left; its place is free again after this. To be called
    /// until there is none: ends of lines that have left are dropped on the way.
    ///
    /// Real-time: yes; freeing it is not.
    pub fn reclaim(&self) -> Option<(MemberId, Box<LegMedia>)> {
        loop {
            let (id, attached) = self.shared.returned.pop()?;
            let next = word(id.generation.wrapping_add(1), FREE);
            self.shared.states[id.index as usize].store(next, Ordering::Release);
            let _ = self.shared.free.push(id.index);
            if let Attached::Leg(media) = attached {
                return Some((id, media));
            }
        }
    }

    /// The oldest event that has not been read; only the newest are kept.
    ///
    /// Real-time: yes.
    pub fn next_event(&self) -> Option<ConferenceEvent> {
        self.shared.events.pop()
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

    fn state(&self, id: MemberId) -> Result<&AtomicU32, ConferenceError> {
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
