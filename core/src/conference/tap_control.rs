// SPDX-License-Identifier: MIT OR Apache-2.0
//! Taps and what members agree to, for any thread.

use super::control::{Command, ConferenceControl, ConferenceError};
use crate::member::MemberId;
use crate::tap::{
    Desk, Grant, Preference, Purposes, TapConfig, TapEvent, TapId, TapReader, TapSource,
};

impl ConferenceControl {
    /// Taps the conference from the next tick on, as far as members have agreed or will. It ends with the reader,
    /// by [`ConferenceControl::end_tap`], and with the member whose voice it takes.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`ConferenceError::InvalidConfig`] for a rate or a length that there is not, and for a reference that is no
    /// program's voice or stands beside more than one voice; [`ConferenceError::UnknownMember`],
    /// [`ConferenceError::Busy`]; [`ConferenceError::Full`] where there are
    /// [`ConferenceConfig::max_taps`](super::ConferenceConfig::max_taps).
    pub fn tap(&self, config: &TapConfig) -> Result<TapReader, ConferenceError> {
        self.try_tap(config).map_err(|error| self.refused(error))
    }

    fn try_tap(&self, config: &TapConfig) -> Result<TapReader, ConferenceError> {
        if !Desk::is_valid(config) {
            return Err(ConferenceError::InvalidConfig);
        }
        let of_member;
        if let Some(id) = config.source.member() {
            self.present(id)?;
        }
        let reference_hz = match config.reference {
            None => 0,
            Some(voice) => {
                self.present(voice)?;
                if !self.is_synthetic(voice) {
                    return Err(ConferenceError::InvalidConfig);
                }
                self.rate_hz(voice)
            }
        };
        let rates_hz = match config.source {
            TapSource::Member(id) => {
                of_member = [self.rate_hz(id)];
                &of_member[..]
            }
            TapSource::Mix => &self.shared.of_members_hz[..],
            TapSource::Packets(_) => &[],
        };
        let desk = &self.shared.desk;
        let (feed, reader) =
            desk.make(config, rates_hz, reference_hz).ok_or(ConferenceError::Full)?;
        self.commands.push(Command::Tap(feed)).map_err(|_| {
            desk.give_up(reader.id());
            ConferenceError::Busy
        })?;
        Ok(reader)
    }

    /// Lets a tap leave silence of true length from the next tick on, or go on.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownTap`].
    pub fn pause_tap(&self, id: TapId, paused: bool) -> Result<(), ConferenceError> {
        let is_there = self.shared.desk.set_paused(id, paused);
        is_there.then_some(()).ok_or_else(|| self.refused(ConferenceError::UnknownTap))
    }

    /// Ends a tap at the next tick. What waits in it can still be read.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownTap`].
    pub fn end_tap(&self, id: TapId) -> Result<(), ConferenceError> {
        let is_there = self.shared.desk.end(id);
        is_there.then_some(()).ok_or_else(|| self.refused(ConferenceError::UnknownTap))
    }

    /// A member has agreed to this, from the next tick on. For each of its purposes it takes the place of what
    /// was granted before.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownMember`], [`ConferenceError::Busy`].
    pub fn grant(&self, id: MemberId, grant: &Grant) -> Result<(), ConferenceError> {
        let under = self.shared.desk.withdrawals.all_of(id.index);
        self.order(id, Command::Grant(id, grant.into(), under))
    }

    /// A member has taken back what it had agreed to for these purposes, or never agreed: readers give nothing
    /// from before it once this has returned, and the next tick takes nothing and overwrites what waits. Also
    /// of a member that has left, until another takes its place.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownMember`].
    pub fn withdraw(&self, id: MemberId, purposes: Purposes) -> Result<(), ConferenceError> {
        self.was_here(id).map_err(|error| self.refused(error))?;
        self.shared.desk.withdrawals.withdraw(id.index, purposes);
        Ok(())
    }

    /// What a member's description asks of recordings, from the next tick on: none of it is a grant, and
    /// [`Preference::Off`] and [`Preference::Pause`] refuse [`Purpose::Record`](crate::tap::Purpose::Record),
    /// whatever has been granted.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ConferenceError::UnknownMember`].
    pub fn set_preference(
        &self,
        id: MemberId,
        preference: Preference,
    ) -> Result<(), ConferenceError> {
        self.present(id).map_err(|error| self.refused(error))?;
        self.shared.desk.preferences.set(id, preference);
        Ok(())
    }

    /// The oldest event of the taps that has not been read. They are to be read: a tap whose change finds no
    /// room takes nothing meanwhile. `None` also while another thread is in the middle of this call.
    ///
    /// Real-time: yes; it frees what ended taps have held.
    pub fn next_tap_event(&self) -> Option<TapEvent> {
        self.shared.desk.collect();
        self.shared.desk.next_event()
    }
}
