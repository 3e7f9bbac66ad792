// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who takes part in a mixer, and how each is heard and hears.

use super::place::Place;
use super::{Mixer, MixerError, ParticipantId, gain};
use crate::within::{push_in, swap_out};

impl Mixer {
    /// Takes a participant in, with gain 1 and unmuted.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::Full`].
    pub fn add(&mut self) -> Result<ParticipantId, MixerError> {
        let index = self.free.pop().ok_or(MixerError::Full)?;
        let place = self.places.get_mut(index as usize).ok_or(MixerError::Full)?;
        let generation = place.generation;
        let position = self.present.len() as u32;
        *place = Place::new(generation);
        (place.taken, place.position) = (true, position);
        push_in(&mut self.present, index);
        self.stats.participants += 1;
        Ok(ParticipantId { index, generation })
    }

    /// Lets a participant go.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    pub fn remove(&mut self, id: ParticipantId) -> Result<(), MixerError> {
        let place = self.place(id)?;
        let (mut pairs, position) = (place.pairs, place.position);
        *place = Place::new(place.generation.wrapping_add(1));
        self.pairs.retain(&mut pairs, |_| false);
        swap_out(&mut self.present, position as usize);
        let moved = self.present.get(position as usize);
        if let Some(moved) = moved.and_then(|moved| self.places.get_mut(*moved as usize)) {
            moved.position = position;
        }
        push_in(&mut self.free, id.index);
        self.stats.participants -= 1;
        Ok(())
    }

    /// Sets how loud the others hear a participant, as a factor; the change is a ramp over the
    /// next frame.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`], [`MixerError::InvalidGain`].
    pub fn set_gain(&mut self, id: ParticipantId, factor: f32) -> Result<(), MixerError> {
        let factor = gain::fixed(factor).ok_or(MixerError::InvalidGain)?;
        self.place(id)?.ask(|asked| asked.factor = factor);
        Ok(())
    }

    /// Sets gain and muting of who has neither been heard nor heard anything yet: both begin in silence
    /// and rise over the next frame, since who comes may be speaking, and so may the others.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// As [`Mixer::set_gain`].
    pub fn start_at(
        &mut self,
        id: ParticipantId,
        factor: f32,
        muted: bool,
    ) -> Result<(), MixerError> {
        let factor = gain::fixed(factor).ok_or(MixerError::InvalidGain)?;
        let place = self.place(id)?;
        place.ask(|asked| (asked.factor, asked.muted) = (factor, muted));
        place.start_silent();
        Ok(())
    }

    /// Silences a participant for the others, or lets it be heard again, by a ramp over the next
    /// frame.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    pub fn set_muted(&mut self, id: ParticipantId, muted: bool) -> Result<(), MixerError> {
        self.place(id)?.ask(|asked| asked.muted = muted);
        Ok(())
    }

    /// Whether a participant is among those that are heard just now, for whoever chooses speakers;
    /// muting is apart from it. A change is a ramp over the next frame.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    pub fn set_selected(&mut self, id: ParticipantId, selected: bool) -> Result<(), MixerError> {
        self.place(id)?.ask(|asked| asked.passed_over = !selected);
        Ok(())
    }

    /// Mean square of the input written since the last run, 0 if there is none or it is muted: what
    /// choosing speakers goes by.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    pub fn input_mean_square(&mut self, id: ParticipantId) -> Result<f32, MixerError> {
        let (unit, samples) = (self.unit, self.samples as f32);
        let place = self.place(id)?;
        if !place.fresh || place.asked().muted {
            return Ok(0.0);
        }
        let row = self.arena.row(id.index as usize);
        Ok(crate::dsp::level::energy_with(unit, row) as f32 / samples)
    }

    /// Whether a participant hears anything; one that does not only talks.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    pub fn set_listening(&mut self, id: ParticipantId, listening: bool) -> Result<(), MixerError> {
        self.place(id)?.ask(|asked| asked.deaf = !listening);
        Ok(())
    }

    /// Whether a participant is heard by those alone that have a gain for it
    /// ([`Mixer::set_pair_gain`]). A coach is private and its trainee has a gain of 1 for it; two
    /// that talk aside are private and have a gain of 1 for each other.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`].
    pub fn set_private(&mut self, id: ParticipantId, private: bool) -> Result<(), MixerError> {
        self.place(id)?.ask(|asked| asked.private = private);
        Ok(())
    }

    /// Sets how loud one listener hears one talker, as a factor on top of the talker's own gain
    /// (together at most [`MAX_GAIN`](super::MAX_GAIN)); `None` goes back to what everybody hears.
    ///
    /// Real-time: yes; each of a listener's gains costs it about as much as its own subtraction.
    ///
    /// # Errors
    /// [`MixerError::UnknownParticipant`], [`MixerError::SameParticipant`],
    /// [`MixerError::InvalidGain`]; [`MixerError::Full`] above
    /// [`MixerConfig::max_pair_gains`](super::MixerConfig::max_pair_gains).
    pub fn set_pair_gain(
        &mut self,
        listener: ParticipantId,
        talker: ParticipantId,
        factor: Option<f32>,
    ) -> Result<(), MixerError> {
        let heard = self.place(talker)?.heard.to;
        let mut head = self.place(listener)?.pairs;
        if listener == talker {
            return Err(MixerError::SameParticipant);
        }
        let Some(factor) = factor else {
            self.pairs.unset(head, talker);
            return Ok(());
        };
        let factor = gain::fixed(factor).ok_or(MixerError::InvalidGain)?;
        if !self.pairs.set(&mut head, talker, factor, heard) {
            return Err(MixerError::Full);
        }
        self.place(listener)?.pairs = head;
        Ok(())
    }

    /// Gains of one participant for another that there are, those included that are on their way
    /// out.
    pub(crate) fn pair_gains(&self) -> usize {
        self.pairs.used
    }

    /// Whether a listener has a gain for a talker, one on its way out included.
    pub(crate) fn has_pair_gain(&self, listener: ParticipantId, talker: ParticipantId) -> bool {
        let place = self.places.get(listener.index as usize);
        place.is_some_and(|place| {
            place.generation == listener.generation && self.pairs.has(place.pairs, talker)
        })
    }
}
