// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control half of a conference, for any number of threads.
//!
//! A table of states, one atomic word a place, says at once whether a command makes sense, and what it
//! needs (a place, a slot for a pair gain) is taken when it is given; the command itself waits in a
//! queue for the next tick, which can carry all of them out and never waits for a control thread.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use crossbeam::queue::ArrayQueue;

use super::config::ConferenceConfig;
use super::link::LinkEnd;
use super::member::MemberId;
use super::pair_slots::PairSlots;
use super::stats::ConferenceStats;
use crate::leg::LegMedia;
use crate::mixer::MAX_GAIN;
use crate::sync::mpsc::{self, Receiver, Sender};
use crate::sync::ring::{self, Producer};
use crate::sync::snapshot::Snapshot;
use crate::sync::turns::Turns;
use crate::talk::TalkEnd;
use crate::tap::{Desk, DeskWays, Feed, PURPOSES, Terms};

/// Commands that may wait, a place: each member may join, leave and be set twice between two ticks.
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

impl JoinOptions {
    /// The common ones, with a tag.
    #[must_use]
    pub fn tagged(tag: u64) -> Self {
        Self { tag, ..Self::default() }
    }
}

/// Why a conference refused. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConferenceError {
    /// A number of members of 0 or above the mixer's limit, more speakers than members; a tap's rate or length
    /// that there is not.
    InvalidConfig,
    /// All places are taken, or not yet reclaimed; for a pair gain: all
    /// [`ConferenceConfig::max_pair_gains`](super::ConferenceConfig::max_pair_gains) are in use.
    Full,
    /// Too many commands wait: the conference is not being ticked.
    Busy,
    /// No such member: never joined, or already told to leave.
    UnknownMember,
    /// A gain below 0, above [`MAX_GAIN`], or not a number.
    InvalidGain,
    /// A leg at a rate that is not one of [`ConferenceConfig::rates_hz`](super::ConferenceConfig::rates_hz).
    UnsupportedRate,
    /// A gain of a member for itself, or for one whose PCM has another rate.
    InvalidPair,
    /// No such tap, or it has ended.
    UnknownTap,
}

impl fmt::Display for ConferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidConfig => {
                "a number of the conference's or the tap's config is out of range"
            }
            Self::Full => "conference has no place or pair gain left",
            Self::Busy => "too many commands wait for the conference's tick",
            Self::UnknownMember => "no such member, or it has been told to leave",
            Self::InvalidGain => "gain is negative, too large or not a number",
            Self::UnsupportedRate => "leg's rate is none that the conference mixes",
            Self::InvalidPair => "listener and talker are the same or have different rates",
            Self::UnknownTap => "no such tap, or it has ended",
        })
    }
}

impl core::error::Error for ConferenceError {}

/// What a member speaks and hears through.
pub(super) enum Attached {
    Leg(Box<LegMedia>),
    Link(Box<LinkEnd>),
    Talk(Box<TalkEnd>),
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
            Self::Talk(end) => end.sample_rate_hz(),
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
    /// Listener, talker, gain, and the slot that it holds.
    SetPairGain(MemberId, MemberId, Option<f32>, usize),
    Tap(Box<Feed>),
    /// What is granted, and the withdrawals up to then.
    Grant(MemberId, Terms, [u32; PURPOSES]),
}

/// What a conference tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConferenceEvent {
    /// Another member leads the conversation now.
    DominantSpeaker(MemberId),
    /// A member has joined whose voice a program makes ([`talk`](crate::talk)).
    Synthetic(MemberId),
}

/// Events that may wait to be read; older ones give way.
const EVENTS: usize = 32;

/// States of a place, in the low bits of its word; the generation stands above.
const FREE: u32 = 0;
const PRESENT: u32 = 1;
const LEAVING: u32 = 2;
/// Somebody is about to join, whose mark is being written.
const TAKING: u32 = 3;

/// The generation's top bits are lost: 2^30 others have had the place before it is mistaken.
fn word(generation: u32, state: u32) -> u32 {
    generation << 2 | state
}

/// Beside a rate: a program makes the voice.
const SYNTHETIC: u32 = 1 << 31;

/// What both halves hold.
pub(super) struct Shared {
    states: Box<[AtomicU32]>,
    /// Rates that members may have, 0 for none.
    pub(super) of_members_hz: [u32; 4],
    /// Rates of those present, and whether a program makes the voice ([`SYNTHETIC`]).
    rates_hz: Box<[AtomicU32]>,
    /// Marks of those who took the places last, in halves: not every machine has larger atomics.
    tags: Box<[[AtomicU32; 2]]>,
    /// Control threads take places from it and may wait for each other; the tick has no part in it.
    free: ArrayQueue<u32>,
    pub(super) pair_slots: PairSlots,
    returned: Turns<(MemberId, Attached)>,
    events: Turns<ConferenceEvent>,
    refused: AtomicU32,
    pub(super) desk: Desk,
}

impl Shared {
    /// The tick's counters with the one that control threads count.
    pub(super) fn with_refused(&self, stats: ConferenceStats) -> ConferenceStats {
        ConferenceStats { refused: u64::from(self.refused.load(Ordering::Relaxed)), ..stats }
    }
}

/// What the tick holds of the ways between the halves.
pub(super) struct Ways {
    pub(super) shared: Arc<Shared>,
    commands: Receiver<Command>,
    returned: Producer<(MemberId, Attached)>,
    events: Producer<ConferenceEvent>,
    /// An event that found no room.
    late: Option<ConferenceEvent>,
}

impl Ways {
    /// Makes both ends of the ways for so many places, pair gains and taps.
    pub(super) fn new(
        config: &ConferenceConfig,
        stats: Snapshot<{ ConferenceStats::WORDS }>,
    ) -> (Self, DeskWays, ConferenceControl) {
        let (places, taps) = (config.max_members, config.max_taps);
        let free = ArrayQueue::new(places);
        for index in 0..places as u32 {
            let _ = free.push(index);
        }
        let (to_tick, commands) = mpsc::queue(places * COMMANDS_A_PLACE + taps);
        let (returned, back) = ring::channel(places);
        let (events, told) = ring::channel(EVENTS);
        let (desk, desk_ways) = Desk::new(taps, places);
        let shared = Arc::new(Shared {
            states: (0..places).map(|_| AtomicU32::new(word(0, FREE))).collect(),
            rates_hz: (0..places).map(|_| AtomicU32::new(0)).collect(),
            tags: (0..places).map(|_| [AtomicU32::new(0), AtomicU32::new(0)]).collect(),
            free,
            pair_slots: PairSlots::new(config.max_pair_gains),
            returned: Turns::new(back),
            events: Turns::new(told),
            refused: AtomicU32::new(0),
            of_members_hz: config.rates_hz,
            desk,
        });
        let control = ConferenceControl { shared: Arc::clone(&shared), commands: to_tick, stats };
        (Self { shared, commands, returned, events, late: None }, desk_ways, control)
    }

    /// Commands that are taken in one tick at most, so that busy control threads can't hold it up.
    pub(super) fn commands_a_tick(&self) -> usize {
        self.commands.capacity()
    }

    pub(super) fn has_command(&self) -> bool {
        !self.commands.is_empty()
    }

    pub(super) fn next_command(&mut self) -> Option<Command> {
        self.commands.pop()
    }

    /// Hands a member's half back. A place has at most one here, and the ring has room for one a
    /// place: whoever is taking one out has not freed its place yet.
    pub(super) fn give_back(&mut self, id: MemberId, attached: Attached) {
        let _ = self.returned.push((id, attached));
    }

    /// Reports an event, or keeps it until there is room; then the newest of those kept is reported.
    pub(super) fn report(&mut self, event: Option<ConferenceEvent>) {
        if let Some(event) = event.or(self.late) {
            self.late = self.events.push(event).err();
        }
    }
}

/// The control half of a conference. Clones speak for the same conference.
#[derive(Clone)]
pub struct ConferenceControl {
    pub(super) shared: Arc<Shared>,
    pub(super) commands: Sender<Command>,
    stats: Snapshot<{ ConferenceStats::WORDS }>,
}

impl ConferenceControl {
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
        let id = match self.reserve(media.sample_rate_hz(), 0, &options) {
            Ok(id) => id,
            Err(error) => return Err((self.refused(error), media)),
        };
        match self.commands.push(Command::Join(id, Attached::Leg(media), options)) {
            // What comes back is what was pushed.
            Err(Command::Join(_, Attached::Leg(media), _)) => {
                self.release(id);
                Err((self.refused(ConferenceError::Busy), media))
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
        let id = match self.reserve(end.sample_rate_hz(), 0, &options) {
            Ok(id) => id,
            Err(error) => return Err((self.refused(error), end)),
        };
        match self.commands.push(Command::Join(id, Attached::Link(end), options)) {
            // What comes back is what was pushed.
            Err(Command::Join(_, Attached::Link(end), _)) => {
                self.release(id);
                Err((self.refused(ConferenceError::Busy), end))
            }
            _ => Ok(id),
        }
    }

    /// Lets a voice in that a program makes; it hears nothing but by taps, and is told as
    /// [`ConferenceEvent::Synthetic`]. When it has left, [`ConferenceControl::reclaim`] drops it.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// As [`ConferenceControl::join`].
    pub fn join_talk(
        &self,
        end: Box<TalkEnd>,
        options: JoinOptions,
    ) -> Result<MemberId, (ConferenceError, Box<TalkEnd>)> {
        let options = JoinOptions { listening: false, ..options };
        let id = match self.reserve(end.sample_rate_hz(), SYNTHETIC, &options) {
            Ok(id) => id,
            Err(error) => return Err((self.refused(error), end)),
        };
        match self.commands.push(Command::Join(id, Attached::Talk(end), options)) {
            // What comes back is what was pushed.
            Err(Command::Join(_, Attached::Talk(end), _)) => {
                self.release(id);
                Err((self.refused(ConferenceError::Busy), end))
            }
            _ => Ok(id),
        }
    }

    /// Takes a place for who is about to join, with [`SYNTHETIC`] or 0 beside the rate.
    fn reserve(
        &self,
        rate_hz: u32,
        mark: u32,
        options: &JoinOptions,
    ) -> Result<MemberId, ConferenceError> {
        if !valid_gain(options.gain) {
            return Err(ConferenceError::InvalidGain);
        }
        if rate_hz == 0 || !self.shared.of_members_hz.contains(&rate_hz) {
            return Err(ConferenceError::UnsupportedRate);
        }
        let index = self.shared.free.pop().ok_or(ConferenceError::Full)?;
        // Whoever holds a free index is alone with its state.
        let state = &self.shared.states[index as usize];
        let generation = state.load(Ordering::Acquire) >> 2;
        self.shared.rates_hz[index as usize].store(rate_hz | mark, Ordering::Relaxed);
        // Whoever sees a half of this mark, and asks for the one before, finds the place taken behind it.
        state.store(word(generation, TAKING), Ordering::Relaxed);
        let [low, high] = &self.shared.tags[index as usize];
        low.store(options.tag as u32, Ordering::Release);
        high.store((options.tag >> 32) as u32, Ordering::Release);
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
        self.try_leave(id).map_err(|error| self.refused(error))
    }

    fn try_leave(&self, id: MemberId) -> Result<(), ConferenceError> {
        let state = self.state(id)?;
        let (present, leaving) = (word(id.generation, PRESENT), word(id.generation, LEAVING));
        state
            .compare_exchange(present, leaving, Ordering::AcqRel, Ordering::Acquire)
            .map_err(|_| ConferenceError::UnknownMember)?;
        self.commands.push(Command::Leave(id)).map_err(|_| {
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
            return Err(self.refused(ConferenceError::InvalidGain));
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
    /// talker's own gain; `None` for what everybody hears. A pair's room is free again when its gain
    /// has been taken away, or one of the two has left, and the next tick is over.
    ///
    /// Real-time: yes; it looks through the pair gains that there may be.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownMember`], [`ConferenceError::Busy`],
    /// [`ConferenceError::InvalidGain`], [`ConferenceError::InvalidPair`];
    /// [`ConferenceError::Full`] where
    /// [`ConferenceConfig::max_pair_gains`](super::ConferenceConfig::max_pair_gains) are in use.
    pub fn set_pair_gain(
        &self,
        listener: MemberId,
        talker: MemberId,
        factor: Option<f32>,
    ) -> Result<(), ConferenceError> {
        self.try_pair_gain(listener, talker, factor).map_err(|error| self.refused(error))
    }

    fn try_pair_gain(
        &self,
        listener: MemberId,
        talker: MemberId,
        factor: Option<f32>,
    ) -> Result<(), ConferenceError> {
        if factor.is_some_and(|factor| !valid_gain(factor)) {
            return Err(ConferenceError::InvalidGain);
        }
        self.present(talker)?;
        self.present(listener)?;
        if listener == talker || self.rate_hz(listener) != self.rate_hz(talker) {
            return Err(ConferenceError::InvalidPair);
        }
        let slots = &self.shared.pair_slots;
        let slot = match factor {
            Some(_) => slots.find_or_take(listener, talker).ok_or(ConferenceError::Full)?,
            None => match slots.find(listener, talker) {
                Some(slot) => slot,
                // It has none.
                None => return Ok(()),
            },
        };
        self.commands.push(Command::SetPairGain(listener, talker, factor, slot)).map_err(|_| {
            slots.let_go(slot);
            ConferenceError::Busy
        })
    }

    /// The rate of a member's PCM.
    pub(super) fn rate_hz(&self, id: MemberId) -> u32 {
        let rate_hz = self.shared.rates_hz.get(id.index as usize);
        rate_hz.map_or(0, |rate_hz| rate_hz.load(Ordering::Relaxed) & !SYNTHETIC)
    }

    /// Whether a program makes a member's voice.
    pub(super) fn is_synthetic(&self, id: MemberId) -> bool {
        let rate_hz = self.shared.rates_hz.get(id.index as usize);
        rate_hz.is_some_and(|rate_hz| rate_hz.load(Ordering::Relaxed) & SYNTHETIC != 0)
    }

    /// The mark that a member joined with ([`JoinOptions::tag`]), also of one that has left, until another takes
    /// its place.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownMember`].
    pub fn tag(&self, id: MemberId) -> Result<u64, ConferenceError> {
        let tag = self.shared.tags.get(id.index as usize);
        let [low, high] = tag.ok_or(ConferenceError::UnknownMember)?;
        self.was_here(id)?;
        let tag =
            u64::from(high.load(Ordering::Acquire)) << 32 | u64::from(low.load(Ordering::Acquire));
        self.was_here(id).map(|()| tag)
    }

    /// Whether somebody is a member, or was the last to have the place.
    pub(super) fn was_here(&self, id: MemberId) -> Result<(), ConferenceError> {
        // Present or leaving, or its place has been given back and not been taken.
        let word_now = self.state(id)?.load(Ordering::Acquire);
        let is_its = match (word_now >> 2, word_now & 3) {
            (generation, FREE) => generation == id.generation.wrapping_add(1) & (u32::MAX >> 2),
            (generation, _) => generation == id.generation & (u32::MAX >> 2),
        };
        is_its.then_some(()).ok_or(ConferenceError::UnknownMember)
    }

    /// The audio half of a leg that has left; its place is free again after this. To be called
    /// until there is none: ends of lines that have left are dropped on the way. `None` also while
    /// another thread is in the middle of this call.
    ///
    /// Real-time: yes; freeing it is not.
    pub fn reclaim(&self) -> Option<(MemberId, Box<LegMedia>)> {
        self.shared.desk.collect();
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

    /// The oldest event that has not been read. When nobody reads, the first ones and the newest are
    /// kept. `None` also while another thread is in the middle of this call.
    ///
    /// Real-time: yes.
    pub fn next_event(&self) -> Option<ConferenceEvent> {
        self.shared.events.pop()
    }

    /// Counters, as of the last tick; [`ConferenceStats::refused`] as of now.
    pub fn stats(&self) -> ConferenceStats {
        self.shared.with_refused(self.stats.read().unwrap_or_default())
    }

    pub(super) fn order(&self, id: MemberId, command: Command) -> Result<(), ConferenceError> {
        self.present(id)
            .and_then(|()| self.commands.push(command).map_err(|_| ConferenceError::Busy))
            .map_err(|error| self.refused(error))
    }

    pub(super) fn refused(&self, error: ConferenceError) -> ConferenceError {
        self.shared.refused.fetch_add(1, Ordering::Relaxed);
        error
    }

    #[cfg(all(test, feature = "opus"))]
    pub(super) fn shared_pair_slots_free(&self) -> bool {
        self.shared.pair_slots.all_free()
    }

    /// Whether somebody is a member.
    pub(super) fn present(&self, id: MemberId) -> Result<(), ConferenceError> {
        let state = self.state(id)?.load(Ordering::Acquire);
        if state == word(id.generation, PRESENT) {
            Ok(())
        } else {
            Err(ConferenceError::UnknownMember)
        }
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
