// SPDX-License-Identifier: MIT OR Apache-2.0
//! N-1 mixing: everybody hears the sum of the others.
//!
//! A [`Mixer`] works at one rate, 10 ms at a time. Input lies in a contiguous arena, a row a
//! participant. [`Mixer::run`] adds the rows up in 32 bits; [`Mixer::output`] subtracts the
//! listener's own contribution and only then limits, so that the output is
//! `clamp(sum of the others' samples times their gains)` to the bit, for any number of
//! participants, any order of joining and any vector unit. The cost a participant does not depend
//! on how many there are.
//!
//! The sum can't overflow: [`MAX_PARTICIPANTS`] times full scale times [`MAX_GAIN`] fits 31 bits.
//!
//! One thread owns a mixer, the audio thread as a rule. Conferences of legs with several rates put
//! one mixer a rate together ([`conference`](crate::conference)).

mod arena;
mod gain;
mod kernel;

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;

use arena::Arena;
pub use gain::{Gain, MAX_GAIN};
use kernel::Kernel;

/// Most participants that a mixer takes.
pub const MAX_PARTICIPANTS: usize = 8_192;

/// Why a mixer refused. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MixerError {
    /// A rate that is not a multiple of 100 Hz up to 48 kHz, or a number of participants of 0 or
    /// above [`MAX_PARTICIPANTS`].
    InvalidConfig,
    /// All places are taken.
    Full,
    /// No such participant: it never joined, or has left.
    UnknownParticipant,
    /// A gain below 0, above [`MAX_GAIN`], or not a number.
    InvalidGain,
    /// A slice that is not 10 ms long.
    InvalidLength,
}

impl fmt::Display for MixerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidConfig => "mixer rate or number of participants out of range",
            Self::Full => "mixer has no place left",
            Self::UnknownParticipant => "no such participant",
            Self::InvalidGain => "gain is negative, too large or not a number",
            Self::InvalidLength => "PCM is not 10 ms long",
        })
    }
}

impl core::error::Error for MixerError {}

/// A participant's name in one mixer. A name is not used again for whoever takes the place next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParticipantId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl ParticipantId {
    /// The name as a number, for hosts that carry it around.
    pub fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The name behind [`ParticipantId::to_u64`].
    pub fn from_u64(number: u64) -> Self {
        Self { index: number as u32, generation: (number >> 32) as u32 }
    }
}

/// What a mixer is made for.
#[derive(Debug, Clone, Copy)]
pub struct MixerConfig {
    /// Samples per second: a multiple of 100, at most 48000.
    pub sample_rate_hz: u32,
    /// Places, 1 to [`MAX_PARTICIPANTS`]; the memory for all is taken at creation.
    pub max_participants: usize,
}

/// What a mixer has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MixerStats {
    /// Participants just now.
    pub participants: u32,
    /// Times that [`Mixer::run`] ran.
    pub runs: u64,
    /// Rows that were added up.
    pub rows_mixed: u64,
    /// Outputs taken.
    pub outputs: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    generation: u32,
    taken: bool,
    /// Input was written since the last run.
    fresh: bool,
    /// The row is part of the sum of the last run.
    mixed: bool,
    gain: Gain,
    muted: bool,
    /// Sum of the squares of the last mixed input.
    energy: u64,
}

/// An N-1 mixer at one rate.
#[derive(Debug)]
pub struct Mixer {
    arena: Arena,
    places: Box<[Place]>,
    free: Box<[u32]>,
    free_count: usize,
    /// Sum of this mixer's own participants.
    sum: Box<[i32]>,
    /// The same plus what was mixed in from elsewhere: what listeners hear, but for themselves.
    bus: Box<[i32]>,
    kernel: Kernel,
    stats: MixerStats,
}

impl Mixer {
    /// Makes a mixer without participants.
    ///
    /// Real-time: no (takes all memory).
    ///
    /// # Errors
    /// [`MixerError::InvalidConfig`].
    pub fn new(config: &MixerConfig) -> Result<Self, MixerError> {
        let rate = config.sample_rate_hz;
        let places = config.max_participants;
        if rate == 0
            || !rate.is_multiple_of(100)
            || rate > 48_000
            || !(1..=MAX_PARTICIPANTS).contains(&places)
        {
            return Err(MixerError::InvalidConfig);
        }
        let samples = (rate / 100) as usize;
        Ok(Self {
            arena: Arena::new(places, samples),
            places: vec![Place::default(); places].into_boxed_slice(),
            free: (0..places as u32).rev().collect(),
            free_count: places,
            sum: vec![0; samples].into_boxed_slice(),
            bus: vec![0; samples].into_boxed_slice(),
            kernel: Kernel::detect(),
            stats: MixerStats::default(),
        })
    }

    /// Samples of 10 ms: the length of every input and output.
    pub fn frame_samples(&self) -> usize {
        self.sum.len()
    }

    /// Takes a participant in, with gain 1 and unmuted.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::Full`].
    pub fn add(&mut self) -> Result<ParticipantId, MixerError> {
        self.free_count = self.free_count.checked_sub(1).ok_or(MixerError::Full)?;
        let index = self.free[self.free_count];
        let place = &mut self.places[index as usize];
        *place = Place { generation: place.generation, taken: true, ..Place::default() };
        self.stats.participants += 1;
        Ok(ParticipantId { index, generation: place.generation })
    }

    /// Lets a participant go.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    pub fn remove(&mut self, id: ParticipantId) -> Result<(), MixerError> {
        let place = self.place(id)?;
        place.taken = false;
        place.fresh = false;
        place.mixed = false;
        place.generation = place.generation.wrapping_add(1);
        self.free[self.free_count] = id.index;
        self.free_count += 1;
        self.stats.participants -= 1;
        Ok(())
    }

    /// Sets how loud the others hear a participant, as a factor; the change is a ramp over the
    /// next 10 ms.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`], [`MixerError::InvalidGain`].
    pub fn set_gain(&mut self, id: ParticipantId, factor: f32) -> Result<(), MixerError> {
        let factor = gain::fixed(factor).ok_or(MixerError::InvalidGain)?;
        self.place(id)?.gain.factor = factor;
        Ok(())
    }

    /// Silences a participant for the others, or lets it be heard again, by a ramp over the next
    /// 10 ms.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    pub fn set_muted(&mut self, id: ParticipantId, muted: bool) -> Result<(), MixerError> {
        self.place(id)?.muted = muted;
        Ok(())
    }

    /// The participant's row, 10 ms to be written before the next [`Mixer::run`]. Who does not
    /// call this between two runs is silent in the second.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    pub fn input(&mut self, id: ParticipantId) -> Result<&mut [i16], MixerError> {
        self.place(id)?.fresh = true;
        Ok(self.arena.row_mut(id.index as usize))
    }

    /// Adds up what was written since the last run.
    ///
    /// Real-time: yes.
    pub fn run(&mut self) {
        self.sum.fill(0);
        for (index, place) in self.places.iter_mut().enumerate() {
            let target = if place.muted { 0 } else { place.gain.factor };
            place.gain.step(target);
            place.mixed = place.fresh && !place.gain.is_silent();
            if place.fresh {
                let row = self.arena.row(index);
                place.energy = if place.mixed {
                    self.stats.rows_mixed += 1;
                    self.kernel.accumulate(&mut self.sum, row, &place.gain)
                } else {
                    crate::dsp::level::energy(row)
                };
            } else {
                place.energy = 0;
            }
            place.fresh = false;
        }
        self.bus.copy_from_slice(&self.sum);
        self.stats.runs += 1;
    }

    /// The sum of the last run: this mixer's own participants, nothing limited.
    pub fn sum(&self) -> &[i32] {
        &self.sum
    }

    /// Adds 10 ms from elsewhere (another rate's sum, music) to what everybody hears until the
    /// next run. Values beyond 2^30 are clamped.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::InvalidLength`].
    pub fn mix_in(&mut self, pcm: &[i32]) -> Result<(), MixerError> {
        if pcm.len() != self.bus.len() {
            return Err(MixerError::InvalidLength);
        }
        const LIMIT: i32 = 1 << 30;
        for (bus, sample) in self.bus.iter_mut().zip(pcm) {
            *bus = bus.saturating_add((*sample).clamp(-LIMIT, LIMIT));
        }
        Ok(())
    }

    /// Writes what the participant hears of the last run: all but itself, limited to 16 bits.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`], [`MixerError::InvalidLength`]; `pcm` is not touched
    /// then.
    pub fn output(&mut self, id: ParticipantId, pcm: &mut [i16]) -> Result<(), MixerError> {
        let place = *self.place(id)?;
        if pcm.len() != self.bus.len() {
            return Err(MixerError::InvalidLength);
        }
        self.stats.outputs += 1;
        if place.mixed {
            let row = self.arena.row(id.index as usize);
            self.kernel.subtract(&self.bus, row, &place.gain, pcm);
        } else {
            self.kernel.limit(&self.bus, pcm);
        }
        Ok(())
    }

    /// Level of a participant's input in the last run, before its gain, in -dBov (RFC 6464);
    /// 127 for none.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    pub fn level_dbov(&mut self, id: ParticipantId) -> Result<u8, MixerError> {
        let samples = self.sum.len();
        self.place(id).map(|place| crate::dsp::level::dbov(place.energy, samples))
    }

    /// Counters.
    pub fn stats(&self) -> MixerStats {
        self.stats
    }

    fn place(&mut self, id: ParticipantId) -> Result<&mut Place, MixerError> {
        match self.places.get_mut(id.index as usize) {
            Some(place) if place.taken && place.generation == id.generation => Ok(place),
            _ => Err(MixerError::UnknownParticipant),
        }
    }
}

#[cfg(test)]
mod tests;
