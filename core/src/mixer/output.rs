// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each participant hears of a run.

use super::limiter;
use super::place::{Place, Row};
use super::{Mixer, MixerError, ParticipantId, kernel, pairs};
use crate::within::Within;

/// The block of the participant at `index`.
#[inline]
fn block_of(samples: &mut [i32], block: usize, index: u32) -> &mut [i32] {
    let start = index as usize * block;
    samples.span_mut(start..start + block)
}

impl Mixer {
    /// Writes what the participant hears of the last run: all but itself, limited to 16 bits. With
    /// a limiter, it is to be called once a run.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`], [`MixerError::InvalidLength`]; `pcm` is not touched
    /// then.
    pub fn output(&mut self, id: ParticipantId, pcm: &mut [i16]) -> Result<(), MixerError> {
        let (samples, limited) = (self.samples, self.held.is_some());
        let place = self.place(id)?;
        if pcm.len() != samples {
            return Err(MixerError::InvalidLength);
        }
        if limited || !place.hears_plainly() {
            return self.output_specially(id, pcm);
        }
        let mixed = place.is_mixed();
        self.stats.outputs += 1;
        if mixed {
            self.subtract(id.index, pcm);
        } else {
            pcm.copy_of(self.common());
        }
        Ok(())
    }

    /// As [`Mixer::output`], with gains, pair gains or a limiter.
    fn output_specially(&mut self, id: ParticipantId, pcm: &mut [i16]) -> Result<(), MixerError> {
        let place = *self.place(id)?;
        self.stats.outputs += 1;
        if self.held.is_some() {
            self.output_limited(id.index, &place, pcm);
        } else if place.pairs != pairs::NONE {
            self.fill_mix(id.index, &place);
            kernel::clamp(self.unit, self.mix.head(self.samples), pcm);
        } else {
            match place.row {
                Row::Apart => pcm.copy_of(self.common()),
                Row::Added => self.subtract(id.index, pcm),
                Row::TimesGain => {
                    let row = self.arena.row(id.index as usize);
                    let ramp = place.heard.ramp(self.instants, self.channels);
                    kernel::subtract_ramp(self.unit, &self.bus, row, ramp, pcm);
                }
            }
        }
        if place.listening.is_silent() {
            pcm.fill(0);
        } else if !place.listening.is_unity() {
            kernel::scale(self.unit, pcm, place.listening.ramp(self.instants, self.channels));
        }
        Ok(())
    }

    /// Whether the participant hears, of the last run, what everybody hears who contributes
    /// nothing: then its output is [`Mixer::common`].
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    pub fn hears_common(&mut self, id: ParticipantId) -> Result<bool, MixerError> {
        let limited = self.held.is_some();
        let place = self.place(id)?;
        Ok(place.hears_common() && (place.common || !limited))
    }

    /// The common mix of the last run: what is heard by who contributes nothing.
    ///
    /// Real-time: yes.
    #[inline]
    pub fn common(&mut self) -> &[i16] {
        if !self.common_ready {
            self.make_common();
        }
        self.common.head(self.samples)
    }

    #[cold]
    fn make_common(&mut self) {
        self.common_ready = true;
        let bus = self.bus.head(self.samples);
        let common = self.common.head_mut(self.samples);
        match &mut self.held {
            Some(held) => {
                held.before = held.common;
                held.before_samples.copy_of(&held.common_samples);
                let samples = &mut held.common_samples;
                held.common.process(self.unit, samples, bus, common);
            }
            None => kernel::clamp(self.unit, bus, common),
        }
    }

    /// What everybody hears but one, whose row it is, without a limiter.
    #[inline]
    fn subtract(&mut self, index: u32, pcm: &mut [i16]) {
        let split = self.split.of(self.unit, self.bus.head(self.samples));
        kernel::subtract(self.unit, split, self.arena.row(index as usize), pcm);
    }

    /// As [`Mixer::output`], through the listener's limiter.
    ///
    /// A listener changes from the common limiter to one of its own by taking over its state, and
    /// back when both are in the same state, so that neither change is heard.
    fn output_limited(&mut self, index: u32, place: &Place, pcm: &mut [i16]) {
        let _ = self.common();
        let own_mix = place.is_mixed() || place.pairs != pairs::NONE;
        if place.common && !own_mix {
            pcm.copy_of(self.common.head(self.samples));
            return;
        }
        if place.common
            && let (Some(held), Some(place)) = (&mut self.held, self.places.get_mut(index as usize))
        {
            place.common = false;
            place.limiter = held.before;
            block_of(&mut held.samples, held.block, index).copy_of(&held.before_samples);
        }
        if place.pairs == pairs::NONE && self.output_at_rest(index, pcm) {
            return;
        }
        self.fill_mix(index, place);
        let (Some(held), Some(place)) = (&mut self.held, self.places.get_mut(index as usize))
        else {
            return;
        };
        let samples = block_of(&mut held.samples, held.block, index);
        place.limiter.process(self.unit, samples, self.mix.head(self.samples), pcm);
        place.common = !own_mix && place.limiter == held.common && *samples == *held.common_samples;
    }

    /// As [`Mixer::output_limited`] where nothing is to be limited, in 16 bits; `false` where something is, and nothing has
    /// changed then.
    fn output_at_rest(&mut self, index: u32, pcm: &mut [i16]) -> bool {
        let (Some(held), Some(place)) = (&mut self.held, self.places.get(index as usize)) else {
            return false;
        };
        if place.row != Row::Added || !place.limiter.is_at_rest() {
            return false;
        }
        let split = self.split.of(self.unit, self.bus.head(self.samples));
        let row = self.arena.row(index as usize);
        let samples = block_of(&mut held.samples, held.block, index);
        kernel::subtract_late(self.unit, split, row, limiter::CEILING as u16, samples, pcm)
    }

    /// What one listener hears, unlimited.
    fn fill_mix(&mut self, index: u32, place: &Place) {
        let row = self.arena.row(index as usize);
        let mix = self.mix.head_mut(self.samples);
        match place.row {
            Row::Apart => mix.copy_of(self.bus.head(self.samples)),
            Row::Added => kernel::difference(self.unit, &self.bus, row, mix),
            Row::TimesGain => {
                let ramp = place.heard.ramp(self.instants, self.channels);
                kernel::difference_ramp(self.unit, &self.bus, row, ramp, mix);
            }
        }
        // One that was asked for since begins with the next run.
        let mut next = if self.paired { place.pairs } else { pairs::NONE };
        while let Some(pair) = self.pairs.at(next) {
            next = pair.next;
            let Some(talker) = self.places.get(pair.talker.index as usize) else { continue };
            if !talker.sounded || talker.generation != pair.talker.generation {
                continue;
            }
            let row = self.arena.row(pair.talker.index as usize);
            if talker.is_mixed() {
                let ramp = talker.heard.ramp(self.instants, self.channels);
                kernel::take_ramp(self.unit, mix, row, ramp);
            }
            let ramp = pair.heard.ramp(self.instants, self.channels);
            kernel::give_ramp(self.unit, mix, row, ramp);
        }
    }
}
