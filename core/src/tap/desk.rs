// SPDX-License-Identifier: MIT OR Apache-2.0
//! What both sides of a conference know of its taps: places, pauses and ends, a word each, and the ways on
//! which ended taps and events go to the control threads.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};
use crossbeam::queue::ArrayQueue;

use super::config::{MAX_BUFFER_MS, TapConfig, TapEvent, TapId, TapSource};
use super::consent::Withdrawals;
use super::feed::Feed;
use super::packet::PACKET_WORDS;
use super::preference::Preferences;
use super::reader::TapReader;
use crate::dsp::resample::CONVERTED_HZ;
use crate::sync::overwriting;
use crate::sync::ring::{self, Producer};
use crate::sync::turns::Turns;

/// Most taps of a conference.
pub(crate) const MAX_TAPS: usize = 1 << 14;
/// Events a tap that may wait: as it begins, and another.
const EVENTS_A_TAP: usize = 2;

/// What a tap's word says; the generation stands above.
const PRESENT: u32 = 1;
const PAUSED: u32 = 2;
const ENDING: u32 = 4;
const STATES: u32 = 3;

fn generation(id: TapId) -> u32 {
    id.generation & (u32::MAX >> STATES)
}

/// What both sides hold.
pub(crate) struct Desk {
    pub(crate) withdrawals: Arc<Withdrawals>,
    pub(crate) preferences: Preferences,
    words: Box<[AtomicU32]>,
    free: ArrayQueue<u32>,
    spent: Turns<Box<Feed>>,
    events: Turns<TapEvent>,
}

/// The audio thread's ways out.
pub(crate) struct DeskWays {
    pub(crate) spent: Producer<Box<Feed>>,
    pub(crate) events: Producer<TapEvent>,
}

/// What is asked of a tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Go,
    Pause,
    End,
}

impl Desk {
    pub(crate) fn new(taps: usize, places: usize) -> (Self, DeskWays) {
        let free = ArrayQueue::new(taps.max(1));
        (0..taps as u32).for_each(|index| {
            let _ = free.push(index);
        });
        let (spent, back) = ring::channel(taps);
        let (events, told) = ring::channel(taps * EVENTS_A_TAP);
        let desk = Self {
            withdrawals: Arc::new(Withdrawals::new(places)),
            preferences: Preferences::new(places),
            words: (0..taps).map(|_| AtomicU32::new(0)).collect(),
            free,
            spent: Turns::new(back),
            events: Turns::new(told),
        };
        (desk, DeskWays { spent, events })
    }

    /// Whether a config makes sense.
    pub(crate) fn is_valid(config: &TapConfig) -> bool {
        let of_member = matches!(config.source, TapSource::Member(_));
        CONVERTED_HZ.contains(&config.sample_rate_hz)
            && (config.reference.is_none() || of_member)
            && (10..=MAX_BUFFER_MS).contains(&config.buffer_ms)
    }

    /// Makes both ends of a tap of members at these rates, beside a voice at `reference_hz` where the config names
    /// one; `None` if there is no place.
    ///
    /// Real-time: no (allocates).
    pub(crate) fn make(
        &self,
        config: &TapConfig,
        rates_hz: &[u32],
        reference_hz: u32,
    ) -> Option<(Box<Feed>, TapReader)> {
        self.collect();
        let index = self.free.pop()?;
        // Whoever holds a free index is alone with its word.
        let word = self.words.get(index as usize)?;
        let generation = word.load(Ordering::Acquire) >> STATES;
        let paused = if config.paused { PAUSED } else { 0 };
        word.store(generation << STATES | PRESENT | paused, Ordering::Release);
        let id = TapId { index, generation };
        let samples = match config.source {
            TapSource::Packets(_) => PACKET_WORDS,
            _ => {
                let voices = 1 + usize::from(config.reference.is_some());
                voices * (config.sample_rate_hz / 100) as usize
            }
        };
        let (writer, reader) =
            overwriting::channel(config.buffer_ms.div_ceil(10) as usize, samples);
        let Ok(feed) = Feed::new(id, config, writer, rates_hz, reference_hz) else {
            self.give_up(id);
            return None;
        };
        let reader = TapReader::new(id, config, reader, Arc::clone(&self.withdrawals));
        Some((Box::new(feed), reader))
    }

    /// Frees the place of a tap that has ended, or of which nobody has heard.
    pub(crate) fn give_up(&self, id: TapId) {
        if let Some(word) = self.words.get(id.index as usize) {
            word.store(generation(id).wrapping_add(1) << STATES, Ordering::Release);
            let _ = self.free.push(id.index);
        }
    }

    /// Takes back what the audio thread has done with.
    pub(crate) fn collect(&self) {
        while let Some(feed) = self.spent.pop() {
            self.give_up(feed.id);
        }
    }

    /// Asks for a pause or its end; `false` for a tap that there is not.
    pub(crate) fn set_paused(&self, id: TapId, paused: bool) -> bool {
        self.change(id, |word| if paused { word | PAUSED } else { word & !PAUSED })
    }

    /// Asks for the end; `false` for a tap that there is not, or that is told so already.
    pub(crate) fn end(&self, id: TapId) -> bool {
        self.change(id, |word| word & !PRESENT | ENDING)
    }

    fn change(&self, id: TapId, change: impl Fn(u32) -> u32) -> bool {
        let is_its = |word: u32| word >> STATES == generation(id) && word & PRESENT != 0;
        let change = |word: u32| is_its(word).then(|| change(word));
        self.words.get(id.index as usize).is_some_and(|word| {
            word.fetch_update(Ordering::AcqRel, Ordering::Acquire, change).is_ok()
        })
    }

    /// What is asked of a tap that the audio thread has.
    #[inline]
    pub(crate) fn asked(&self, id: TapId) -> Asked {
        let word = self.words.get(id.index as usize).map_or(ENDING, |w| w.load(Ordering::Acquire));
        match word {
            word if word & ENDING != 0 => Asked::End,
            word if word & PAUSED != 0 => Asked::Pause,
            _ => Asked::Go,
        }
    }

    /// The oldest event that has not been read.
    pub(crate) fn next_event(&self) -> Option<TapEvent> {
        self.events.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Purpose, SinkId};
    use super::*;

    #[test]
    fn a_name_reaches_its_own_tap_alone() {
        let (desk, mut ways) = Desk::new(1, 1);
        let config = TapConfig::new(TapSource::Mix, Purpose::Record, SinkId(1));
        let (feed, reader) = desk.make(&config, &[8_000], 0).unwrap();
        let first = reader.id();
        assert!(desk.make(&config, &[8_000], 0).is_none(), "one place");
        assert!(desk.set_paused(first, true) && desk.asked(first) == Asked::Pause);
        assert!(desk.set_paused(first, false) && desk.asked(first) == Asked::Go);
        assert!(desk.end(first) && desk.asked(first) == Asked::End);
        assert!(!desk.end(first) && !desk.set_paused(first, true));
        let _ = ways.spent.push(feed);
        let (_, reader) = desk.make(&config, &[8_000], 0).unwrap();
        assert_ne!(reader.id(), first);
        assert!(!desk.end(first), "another has its place");
        assert_eq!(desk.asked(reader.id()), Asked::Go);
    }
}
