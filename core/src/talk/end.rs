// SPDX-License-Identifier: MIT OR Apache-2.0
//! The audio thread's end of a voice.

use core::fmt;

use super::config::{TalkConfig, TalkEvent};
use super::overlap::Overlap;
use super::samples::Drain;
use super::writer::Mark;
use crate::member::MemberId;
use crate::sync::ring::{Consumer, Producer};

/// Marks that are looked at in one tick.
const MARKS_A_TICK: usize = 16;

/// The audio thread's end of a voice, to join a conference.
pub struct TalkEnd {
    sample_rate_hz: u32,
    samples: Drain,
    marks: Consumer<Mark>,
    /// The next mark.
    mark: Option<Mark>,
    events: Producer<TalkEvent>,
    low: usize,
    /// There was something since it was told that there is nothing, or little.
    full: bool,
    above: bool,
    /// Sound in this tick.
    talking: bool,
    overlap: Overlap,
    backchannel_ms: u32,
}

impl TalkEnd {
    pub(super) fn new(
        config: &TalkConfig,
        samples: Drain,
        marks: Consumer<Mark>,
        events: Producer<TalkEvent>,
    ) -> Self {
        let per_ms = config.member_rate_hz as usize / 1_000;
        Self {
            sample_rate_hz: config.member_rate_hz,
            samples,
            marks,
            mark: None,
            events,
            low: (config.low_water_ms as usize).saturating_mul(per_ms),
            full: false,
            above: false,
            talking: false,
            overlap: Overlap::default(),
            backchannel_ms: config.backchannel_ms,
        }
    }

    /// Samples a second of what is heard.
    pub fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// Fills `pcm` with what is to be heard next, and silence behind it.
    ///
    /// Real-time: yes.
    pub fn pull(&mut self, pcm: &mut [i16]) {
        let drained = self.samples.read(pcm);
        self.talking = drained.samples > 0;
        if drained.flushed > 0 {
            let _ = self.events.push(TalkEvent::Flushed { samples: drained.flushed as u32 });
        }
        for _ in 0..MARKS_A_TICK {
            self.mark = self.mark.take().or_else(|| self.marks.pop());
            let Some(mark) = self.mark else { break };
            if mark.at.wrapping_sub(self.samples.heard()) as isize > 0 {
                break;
            }
            // One that was set after the flush stands where that ends.
            let flushed = drained.flushed > 0
                && mark.at.wrapping_sub(drained.from) as isize > 0
                && mark.at.wrapping_sub(drained.floor) as isize <= 0
                && mark.floor != drained.floor;
            // A full ring lets it wait.
            if !flushed && self.events.push(TalkEvent::Mark(mark.name)).is_err() {
                break;
            }
            self.mark = None;
        }
        self.full |= drained.waiting > 0 || self.talking;
        self.above |= drained.waiting >= self.low;
        if self.above && drained.waiting < self.low && self.events.push(TalkEvent::Low).is_ok() {
            self.above = false;
        }
        if self.full && drained.waiting == 0 && self.events.push(TalkEvent::Drained).is_ok() {
            self.full = false;
        }
    }

    /// Takes in which other members speak in this tick.
    pub(crate) fn hear(&mut self, speaking: &[MemberId]) {
        let event = self.overlap.hear(speaking, self.talking, self.backchannel_ms);
        if let Some(event) = event {
            // Of use at once or not at all.
            let _ = self.events.push(event);
        }
    }
}

impl fmt::Debug for TalkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TalkEnd")
            .field("sample_rate_hz", &self.sample_rate_hz)
            .finish_non_exhaustive()
    }
}
