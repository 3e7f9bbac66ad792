// SPDX-License-Identifier: MIT OR Apache-2.0
//! N-1 mixing: everybody hears the sum of the others.
//!
//! A [`Mixer`] works at one rate, a frame of 10 or 20 ms at a time. Input lies in a contiguous arena, a row a
//! participant. [`Mixer::run`] adds the rows up in 32 bits and measures them; [`Mixer::output`]
//! subtracts the listener's own contribution and only then limits, so that the output is
//! `clamp(sum of the others' samples times their gains)` to the bit, for any number of
//! participants, any order of joining and any vector unit. The cost a participant does not depend
//! on how many there are.
//!
//! The sum can't overflow: [`MAX_PARTICIPANTS`] times full scale times [`MAX_GAIN`] fits 31 bits.
//!
//! Every change is a ramp over one frame: a gain, a mute, a gain that one listener has for one
//! talker ([`Mixer::set_pair_gain`]), who hears at all ([`Mixer::set_listening`]) and who is heard
//! by those alone that have a gain for it ([`Mixer::set_private`]: a coach, a side talk). With
//! [`MixerConfig::limiter`], what is too loud is turned down before it comes instead of clipped, 2
//! ms later.
//!
//! Who contributes nothing and hears nothing special hears the *common mix*, which is made once
//! ([`Mixer::hears_common`]).
//!
//! **Several mixers as one.** Each adds up its own participants; each is then given the
//! [`Mixer::sum`] of every other by [`Mixer::mix_in`]. Integers add up to the same in any order, so
//! the outputs are those of one mixer with all participants, to the bit.
//!
//! One thread owns a mixer, the audio thread as a rule. Conferences of legs with several rates put
//! one mixer a rate together ([`conference`](crate::conference)).
//!
//! Everybody hears the others and not themselves:
//!
//! ```
//! use ale_media::mixer::{Mixer, MixerConfig};
//!
//! # fn main() -> Result<(), ale_media::mixer::MixerError> {
//! let mut mixer = Mixer::new(&MixerConfig::default())?; // 8 kHz, sixteen places
//! let [anna, bert, chris] = [mixer.add()?, mixer.add()?, mixer.add()?];
//! let mut heard = [0; 80];
//! // Who comes is faded in over the first 10 ms.
//! for _ in 0..2 {
//!     for (id, sample) in [(anna, 1_000), (bert, -300), (chris, 20)] {
//!         mixer.input(id)?.fill(sample);
//!     }
//!     mixer.run();
//!     mixer.output(anna, &mut heard)?;
//! }
//! assert_eq!(heard, [-280; 80]);
//! mixer.output(bert, &mut heard)?;
//! assert_eq!(heard, [1_020; 80]);
//! mixer.remove(chris)?;
//! # Ok(())
//! # }
//! ```

mod arena;
mod config;
mod gain;
mod kernel;
pub(crate) mod limiter;
mod orders;
mod output;
mod pairs;
mod place;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use arena::{Arena, CHUNK};
pub use config::{MixerConfig, MixerError, MixerStats, ParticipantId};
pub use gain::MAX_GAIN;
use kernel::Unmeasured;
use limiter::Limiter;
use pairs::Pairs;
use place::{Place, Row};

use crate::dsp::versions::Unit;
use crate::within::{Within, push_in};

/// Most participants that a mixer takes.
pub const MAX_PARTICIPANTS: usize = 8_192;

/// The audio that limiters hold back, a block a participant, and the limiter of the common mix.
#[derive(Debug)]
struct Held {
    samples: Box<[i32]>,
    block: usize,
    common: Limiter,
    common_samples: Box<[i32]>,
    /// The common limiter as it was before the last run, for who leaves it now.
    before: Limiter,
    before_samples: Box<[i32]>,
}

/// The bus in two numbers of 16 bits a sample ([`kernel::split`]), made when it is first asked for.
#[derive(Debug)]
struct Split {
    fitting: Box<[i16]>,
    excess: Box<[i16]>,
    ready: bool,
}

impl Split {
    fn new(samples: usize) -> Self {
        let [fitting, excess] = [(); 2].map(|()| vec![0; samples].into_boxed_slice());
        Self { fitting, excess, ready: false }
    }

    /// The bus is another from here on.
    #[inline]
    fn forget(&mut self) {
        self.ready = false;
    }

    #[inline(always)]
    fn of(&mut self, unit: Unit, bus: &[i32]) -> [&[i16]; 2] {
        if !self.ready {
            self.make(unit, bus);
        }
        [&self.fitting, &self.excess].map(|plane| plane.head(bus.len()))
    }

    #[cold]
    fn make(&mut self, unit: Unit, bus: &[i32]) {
        self.ready = true;
        kernel::split(unit, bus, &mut self.fitting, &mut self.excess);
    }
}

/// What a participant says, and who hears it.
pub(crate) struct Said<'a> {
    pub(crate) pcm: &'a [i16],
    pub(crate) muted: bool,
    pub(crate) private: bool,
}

/// An N-1 mixer at one rate.
#[derive(Debug)]
pub struct Mixer {
    arena: Arena,
    /// Samples of a frame, and of one channel of it.
    samples: usize,
    instants: usize,
    /// The same of 10 ms, and how many of these a frame may have.
    ten_ms: (usize, usize),
    most_frames: usize,
    channels: u8,
    places: Box<[Place]>,
    /// Indices of the places that are taken, in no order.
    present: Vec<u32>,
    free: Vec<u32>,
    /// Sum of this mixer's own participants, padded to whole chunks.
    sum: Box<[i32]>,
    /// The same plus what was mixed in from elsewhere: what listeners hear, but for themselves.
    bus: Box<[i32]>,
    /// What is heard by who contributes nothing, once somebody has asked.
    common: Box<[i16]>,
    common_ready: bool,
    split: Split,
    pairs: Pairs,
    /// Whether there were gains of single listeners in the last run.
    paired: bool,
    held: Option<Held>,
    /// The rows of a run whose samples are added as they are: those that are to be measured, and the others.
    unmeasured: Vec<Unmeasured>,
    measured: Vec<u32>,
    /// One listener's mix.
    mix: Box<[i32]>,
    unit: Unit,
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
        let frames = match config.frame_ms {
            10 => 1,
            20 => 2,
            _ => return Err(MixerError::InvalidConfig),
        };
        let mut mixer = Self::of_frames(config, frames)?;
        mixer.set_frames(frames);
        // Rows of other rates have room for 10 ms only.
        if mixer.samples != mixer.ten_ms.0 * frames {
            return Err(MixerError::InvalidConfig);
        }
        Ok(mixer)
    }

    /// As [`Mixer::new`], with room for as many times 10 ms at once ([`Mixer::set_frames`]), whose frames begin with 10 ms.
    pub(crate) fn of_frames(config: &MixerConfig, frames: usize) -> Result<Self, MixerError> {
        let rate = config.sample_rate_hz;
        let places = config.max_participants;
        let divisor = if config.limiter { 8_000 } else { 100 };
        if rate == 0
            || !rate.is_multiple_of(divisor)
            || rate > 48_000
            || !(1..=2).contains(&config.channels)
            || !(1..=MAX_PARTICIPANTS).contains(&places)
            || config.max_pair_gains > MAX_PARTICIPANTS * MAX_PARTICIPANTS
        {
            return Err(MixerError::InvalidConfig);
        }
        let samples = (rate / 100) as usize * usize::from(config.channels);
        // What pads a short row would be of a longer one.
        let frames = if samples.is_multiple_of(CHUNK) { frames.max(1) } else { 1 };
        let most = samples * frames;
        let padded = most.next_multiple_of(CHUNK);
        let block = samples / limiter::BLOCKS;
        let instants = (rate / 100) as usize;
        let mut arena = Arena::new(places, most);
        arena.set_samples(samples);
        Ok(Self {
            arena,
            samples,
            instants,
            ten_ms: (samples, instants),
            most_frames: frames,
            channels: config.channels,
            places: vec![Place::new(0); places].into_boxed_slice(),
            present: Vec::with_capacity(places),
            free: (0..places as u32).rev().collect(),
            sum: vec![0; padded].into_boxed_slice(),
            bus: vec![0; padded].into_boxed_slice(),
            common: vec![0; most].into_boxed_slice(),
            common_ready: false,
            split: Split::new(most),
            pairs: Pairs::new(config.max_pair_gains),
            paired: false,
            held: config.limiter.then(|| Held {
                samples: vec![0; places * block].into_boxed_slice(),
                block,
                common: Limiter::default(),
                common_samples: vec![0; block].into_boxed_slice(),
                before: Limiter::default(),
                before_samples: vec![0; block].into_boxed_slice(),
            }),
            unmeasured: Vec::with_capacity(places),
            measured: Vec::with_capacity(places),
            mix: vec![0; most].into_boxed_slice(),
            unit: Unit::widest(),
            stats: MixerStats::default(),
        })
    }

    /// Makes frames of so many times 10 ms, as far as there is room for them, from the next input on. A change is a
    /// ramp over one frame, however long that is.
    ///
    /// Real-time: yes.
    #[inline]
    pub(crate) fn set_frames(&mut self, frames: usize) {
        let frames = frames.min(self.most_frames);
        (self.samples, self.instants) = (self.ten_ms.0 * frames, self.ten_ms.1 * frames);
        self.arena.set_samples(self.samples);
    }

    /// Samples of a frame, of all channels: the length of every input and output.
    #[inline]
    pub fn frame_samples(&self) -> usize {
        self.samples
    }

    /// The participant's row, a whole frame to be written before the next [`Mixer::run`], after which it may hold
    /// something else. Who does not call this between two runs is silent in the second.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    #[inline]
    pub fn input(&mut self, id: ParticipantId) -> Result<&mut [i16], MixerError> {
        let place = self.place(id)?;
        (place.fresh, place.measured) = (true, false);
        Ok(self.arena.row_mut(id.index as usize))
    }

    /// Tells the [`energy`](crate::dsp::level::energy) of the input that has been written, which saves measuring it.
    #[inline]
    pub(crate) fn tell_energy(&mut self, id: ParticipantId, energy: u64) {
        let Ok(place) = self.place(id) else { return };
        if place.fresh {
            (place.energy, place.measured) = (energy, true);
            let row = self.arena.row(id.index as usize);
            debug_assert_eq!(energy, crate::dsp::level::energy(row), "of the input as it is");
        }
    }

    /// What a participant has written since the last run; nothing of who is not there.
    #[inline]
    pub(crate) fn said(&self, id: ParticipantId) -> Said<'_> {
        match self.places.get(id.index as usize) {
            Some(place) if place.taken && place.generation == id.generation => Said {
                pcm: self.arena.row(id.index as usize),
                muted: place.asked().muted,
                private: place.asked().private,
            },
            _ => Said { pcm: &[], muted: true, private: true },
        }
    }

    /// Adds up what was written since the last run.
    ///
    /// Real-time: yes.
    pub fn run(&mut self) {
        let columns = self.columns();
        let (sum, bus) = (self.sum.head_mut(columns), self.bus.head_mut(columns));
        sum.fill(0);
        self.unmeasured.clear();
        self.measured.clear();
        // Who hears a talker by a gain of its own needs the row as it was written.
        self.paired = self.pairs.used > 0;
        for index in &self.present {
            let Some(place) = self.places.get_mut(*index as usize) else { continue };
            place.step();
            place.sounded = place.fresh;
            place.row = Row::Apart;
            if !place.fresh {
                place.energy = 0;
                continue;
            }
            place.fresh = false;
            if place.heard.is_unity() {
                // Zeros add nothing, and who adds nothing hears the common mix.
                match (place.measured, place.energy) {
                    (true, 0) => continue,
                    (true, _) => push_in(&mut self.measured, *index),
                    (false, _) => {
                        push_in(&mut self.unmeasured, Unmeasured { index: *index, energy: 0 });
                    }
                }
                place.row = Row::Added;
                continue;
            }
            let row = self.arena.row_mut(*index as usize);
            if !place.measured {
                place.energy = crate::dsp::level::energy_with(self.unit, row);
            }
            if place.energy == 0 || place.heard.is_silent() {
                continue;
            }
            let ramp = place.heard.ramp(self.instants, self.channels);
            if place.heard.only_softens() && !self.paired {
                place.row = Row::Added;
                kernel::scale(self.unit, row, ramp);
                push_in(&mut self.measured, *index);
            } else {
                place.row = Row::TimesGain;
                self.stats.rows_mixed += 1;
                kernel::give_ramp(self.unit, sum, row, ramp);
            }
        }
        self.stats.rows_mixed += (self.unmeasured.len() + self.measured.len()) as u64;
        kernel::accumulate(self.unit, sum, &self.arena, &mut self.measured);
        kernel::accumulate(self.unit, sum, &self.arena, &mut self.unmeasured);
        for row in &self.unmeasured {
            let Some(place) = self.places.get_mut(row.index as usize) else { continue };
            place.energy = row.energy;
            if row.energy == 0 {
                place.row = Row::Apart;
            }
        }
        bus.copy_of(sum);
        if self.paired {
            self.step_pairs();
        }
        self.common_ready = false;
        self.split.forget();
        self.stats.runs += 1;
    }

    fn step_pairs(&mut self) {
        for index in &self.present {
            let places = &self.places;
            let Some(listener) = places.get(*index as usize) else { continue };
            let mut head = listener.pairs;
            if head == pairs::NONE {
                continue;
            }
            let talker = |id: ParticipantId| {
                let place = places.get(id.index as usize)?;
                (place.taken && place.generation == id.generation).then_some(place)
            };
            self.pairs.retain(&mut head, |pair| !pair.is_gone() && talker(pair.talker).is_some());
            let mut next = head;
            while let Some(pair) = self.pairs.at_mut(next) {
                if let Some(talker) = talker(pair.talker) {
                    let own = talker.own.to;
                    pair.step(|factor| gain::product(own, factor), talker.heard.to);
                }
                next = pair.next;
            }
            if let Some(listener) = self.places.get_mut(*index as usize) {
                listener.pairs = head;
            }
        }
    }

    /// The sum of the last run: this mixer's own participants, nothing limited.
    pub fn sum(&self) -> &[i32] {
        self.sum.head(self.samples)
    }

    /// Adds a frame from elsewhere (another mixer's sum, music) to what everybody hears until the
    /// next run. Values beyond 2^30 are clamped.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::InvalidLength`].
    pub fn mix_in(&mut self, pcm: &[i32]) -> Result<(), MixerError> {
        if pcm.len() != self.samples {
            return Err(MixerError::InvalidLength);
        }
        const LIMIT: i32 = 1 << 30;
        for (bus, sample) in self.bus.iter_mut().zip(pcm) {
            *bus = bus.saturating_add((*sample).clamp(-LIMIT, LIMIT));
        }
        self.common_ready = false;
        self.split.forget();
        Ok(())
    }

    /// Level of a participant's input in the last run, before its gain, in -dBov (RFC 6464);
    /// 127 for none.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    pub fn level_dbov(&mut self, id: ParticipantId) -> Result<u8, MixerError> {
        let samples = self.samples;
        self.place(id).map(|place| crate::dsp::level::dbov(place.energy, samples))
    }

    /// As [`Mixer::level_dbov`], of who is heard by everybody in the last run; `None` for who is not.
    pub(crate) fn contribution_dbov(&self, id: ParticipantId) -> Option<u8> {
        let place = self.places.get(id.index as usize).filter(|place| place.is_mixed())?;
        Some(crate::dsp::level::dbov(place.energy, self.samples))
    }

    /// Counters.
    pub fn stats(&self) -> MixerStats {
        self.stats
    }

    /// Samples of a frame, in whole chunks.
    #[inline]
    fn columns(&self) -> usize {
        self.samples.next_multiple_of(CHUNK)
    }

    #[inline]
    fn place(&mut self, id: ParticipantId) -> Result<&mut Place, MixerError> {
        match self.places.get_mut(id.index as usize) {
            Some(place) if place.taken && place.generation == id.generation => Ok(place),
            _ => Err(MixerError::UnknownParticipant),
        }
    }
}

#[cfg(test)]
mod tests;
