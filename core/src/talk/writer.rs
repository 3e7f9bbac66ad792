// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program's end of a voice, used by one thread at a time.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroUsize;

use super::config::{MAX_FADE_MS, TalkConfig, TalkEvent};
use super::samples::Source;
use crate::dsp::resample::Resampler;
use crate::sync::ring::{Consumer, Producer};
use crate::within::push_in;

/// Turns of which something may wait.
const MAX_TURNS: usize = 64;

/// Why a voice took nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TalkError {
    /// Sound of a turn that has been cancelled, or of one before the last: late, and thrown away.
    StaleTurn,
    /// No room for all of it, or too many turns wait; nothing was taken.
    Full,
}

impl fmt::Display for TalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StaleTurn => "sound of a turn that is over",
            Self::Full => "more waits to be heard than there is room for",
        })
    }
}

impl core::error::Error for TalkError {}

/// A mark, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) at: usize,
    pub(super) name: u64,
    /// Where the last flush before it ended.
    pub(super) floor: usize,
}

/// The program's end of a voice.
pub struct TalkWriter {
    samples: Source,
    resampler: Resampler,
    /// 10 ms, converted.
    converted: Box<[i16]>,
    /// Samples of 10 ms, as they are written.
    piece: NonZeroUsize,
    marks: Producer<Mark>,
    events: Consumer<TalkEvent>,
    /// Where turns begin of which something may wait, the oldest first.
    turns: Vec<(u32, usize)>,
    /// Turns from here on may be written.
    next_turn: u32,
    member_per_ms: u32,
    high: usize,
    floor: usize,
    stale_samples: u64,
}

impl TalkWriter {
    pub(super) fn new(
        config: &TalkConfig,
        samples: Source,
        resampler: Resampler,
        marks: Producer<Mark>,
        events: Consumer<TalkEvent>,
    ) -> Self {
        let member_per_ms = config.member_rate_hz / 1_000;
        Self {
            samples,
            resampler,
            // A sample more where the rates do not divide.
            converted: vec![0; config.member_rate_hz as usize / 100 + 1].into(),
            piece: NonZeroUsize::new(config.sample_rate_hz as usize / 100)
                .unwrap_or(NonZeroUsize::MIN),
            marks,
            events,
            turns: Vec::with_capacity(MAX_TURNS),
            next_turn: 0,
            member_per_ms,
            high: (config.high_water_ms as usize).saturating_mul(member_per_ms as usize),
            floor: 0,
            stale_samples: 0,
        }
    }

    /// Adds sound of a turn, any length; it is heard behind what waits. Turns have numbers that grow, and a turn
    /// that has begun ends the ones before it.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`TalkError`].
    pub fn write(&mut self, turn: u32, pcm: &[i16]) -> Result<(), TalkError> {
        if turn < self.next_turn {
            self.stale_samples = self.stale_samples.saturating_add(pcm.len() as u64);
            return Err(TalkError::StaleTurn);
        }
        if self.resampler.output_len(pcm.len()) > self.samples.vacant() {
            return Err(TalkError::Full);
        }
        let (heard, written) = (self.samples.heard(), self.samples.written());
        let is_heard = |at: &usize| at.wrapping_sub(heard) as isize <= 0;
        let current = self.turns.iter().map(|(_, at)| *at).rfind(is_heard).unwrap_or(heard);
        self.turns.retain(|(_, at)| *at == current || !is_heard(at));
        let is_full = self.turns.len() >= MAX_TURNS;
        match self.turns.last_mut() {
            Some((last, _)) if *last == turn => (),
            // There was nothing to be heard of it.
            Some((last, at)) if *at == written => *last = turn,
            _ if is_full => return Err(TalkError::Full),
            _ => push_in(&mut self.turns, (turn, written)),
        }
        self.next_turn = turn;
        for piece in pcm.chunks(self.piece.get()) {
            let made = self.resampler.process(piece, &mut self.converted);
            self.samples.write(self.converted.get(..made).unwrap_or_default());
        }
        Ok(())
    }

    /// A mark behind what has been written: told by [`TalkEvent::Mark`] when all before it has been heard. It
    /// goes with what is flushed. `false` where too many wait.
    ///
    /// Real-time: yes.
    pub fn mark(&mut self, name: u64) -> bool {
        self.marks.push(Mark { at: self.samples.written(), name, floor: self.floor }).is_ok()
    }

    /// Throws away what waits, fading over up to `fade_ms`, at most [`MAX_FADE_MS`]. The turn may go on.
    ///
    /// Real-time: yes.
    pub fn flush(&mut self, fade_ms: u32) {
        let written = self.samples.written();
        self.flush_to(written, fade_ms);
        let turn = self.turns.last().map(|(turn, _)| (*turn, written));
        self.turns.clear();
        if let Some(turn) = turn {
            push_in(&mut self.turns, turn);
        }
    }

    /// Takes a turn back, and those before it: what waits of them is thrown away as by [`TalkWriter::flush`], and
    /// what comes of them later is refused. Later turns are heard at once.
    ///
    /// Real-time: yes.
    pub fn cancel(&mut self, turn: u32, fade_ms: u32) {
        self.next_turn = self.next_turn.max(turn.saturating_add(1));
        let next = self.turns.iter().find(|(later, _)| *later > turn).map(|(_, at)| *at);
        self.flush_to(next.unwrap_or(self.samples.written()), fade_ms);
        self.turns.retain(|(later, _)| *later > turn);
    }

    fn flush_to(&mut self, floor: usize, fade_ms: u32) {
        // What has been heard can't be taken back.
        if floor.wrapping_sub(self.samples.heard()) as isize > 0 {
            self.floor = floor;
            self.samples.flush(floor, fade_ms.min(MAX_FADE_MS) * self.member_per_ms);
        }
        self.resampler.reset();
    }

    /// Holds the voice, from the next tick on, or lets it go on where it was.
    ///
    /// Real-time: yes.
    pub fn set_paused(&mut self, paused: bool) {
        self.samples.set_paused(paused);
    }

    /// How much of the turn that was begun last has been heard, in ms: 0 after a flush.
    ///
    /// Real-time: yes.
    pub fn position_ms(&self) -> u32 {
        let heard = self.samples.heard();
        let begin = self.turns.last().map_or(heard, |(_, at)| *at);
        let samples = heard.wrapping_sub(begin);
        if samples as isize <= 0 { 0 } else { self.ms(samples) }
    }

    /// How much waits, in ms.
    ///
    /// Real-time: yes.
    pub fn waiting_ms(&self) -> u32 {
        self.ms(self.samples.waiting())
    }

    /// Whether more waits than [`TalkConfig::high_water_ms`].
    ///
    /// Real-time: yes.
    pub fn is_high(&self) -> bool {
        self.samples.waiting() > self.high
    }

    /// Samples of turns that were over, as they came.
    pub fn stale_samples(&self) -> u64 {
        self.stale_samples
    }

    /// The oldest event that has not been read.
    ///
    /// Real-time: yes.
    pub fn next_event(&mut self) -> Option<TalkEvent> {
        self.events.pop()
    }

    fn ms(&self, samples: usize) -> u32 {
        samples.checked_div(self.member_per_ms as usize).unwrap_or(0) as u32
    }
}

impl fmt::Debug for TalkWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TalkWriter").field("turns", &self.turns).finish_non_exhaustive()
    }
}
