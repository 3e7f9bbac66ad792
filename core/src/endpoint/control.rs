// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands to an endpoint, and what it says of itself.

use alloc::boxed::Box;
use core::fmt;

use super::command::{Command, Spent};
use super::config::{EndpointError, LineId};
use super::microphone::MicrophoneStats;
use super::speaker::{SpeakerStats, SpeakerView};
use crate::dsp::tones::Player;
use crate::dsp::tones::plans::Signal;
use crate::leg::LegMedia;
use crate::sync::ring::{Consumer, Producer};
use crate::sync::snapshot::Snapshot;

/// The half of any one thread. What it commands is done at the microphone's next callback.
pub struct EndpointControl {
    rate_hz: u32,
    commands: Producer<Command>,
    spent: Consumer<Spent>,
    microphone: Snapshot<{ MicrophoneStats::WORDS }>,
    speaker: SpeakerView,
}

impl EndpointControl {
    pub(super) fn new(
        rate_hz: u32,
        commands: Producer<Command>,
        spent: Consumer<Spent>,
        microphone: Snapshot<{ MicrophoneStats::WORDS }>,
        speaker: SpeakerView,
    ) -> Self {
        Self { rate_hz, commands, spent, microphone, speaker }
    }

    /// Brings a leg to a line; all lines that are not held talk with each other. A leg that was there comes
    /// back by [`EndpointControl::collect`].
    ///
    /// # Errors
    /// [`EndpointError::SampleRate`], [`EndpointError::Busy`]; the leg is given back.
    pub fn add(
        &mut self,
        line: LineId,
        media: Box<LegMedia>,
    ) -> Result<(), (EndpointError, Box<LegMedia>)> {
        if media.sample_rate_hz() != self.rate_hz {
            return Err((EndpointError::SampleRate, media));
        }
        if self.commands.vacant_now() == 0 {
            return Err((EndpointError::Busy, media));
        }
        // There is room, and nobody else puts anything in.
        let _ = self.commands.push(Command::Add { line, media });
        Ok(())
    }

    /// Takes a line's leg off; it comes back by [`EndpointControl::collect`].
    ///
    /// # Errors
    /// [`EndpointError::Busy`].
    pub fn remove(&mut self, line: LineId) -> Result<(), EndpointError> {
        self.order(Command::Remove(line))
    }

    /// A leg that was taken off a line.
    pub fn collect(&mut self) -> Option<(LineId, Box<LegMedia>)> {
        self.spent.pop().map(|spent| (spent.line, spent.media))
    }

    /// Holds a line: neither heard nor spoken to, while its leg goes on.
    ///
    /// # Errors
    /// [`EndpointError::Busy`].
    pub fn hold(&mut self, line: LineId, held: bool) -> Result<(), EndpointError> {
        self.order(Command::Hold(line, held))
    }

    /// Nobody hears the microphone, or all lines do again.
    ///
    /// # Errors
    /// [`EndpointError::Busy`].
    pub fn mute(&mut self, muted: bool) -> Result<(), EndpointError> {
        self.order(Command::Mute(muted))
    }

    /// What the lines' voices are multiplied by for the loudspeaker, 0 to 4.
    ///
    /// # Errors
    /// [`EndpointError::Level`], [`EndpointError::Busy`].
    pub fn set_volume(&mut self, factor: f32) -> Result<(), EndpointError> {
        self.order(Command::Volume(gain(factor)?))
    }

    /// What one's own voice is multiplied by for the loudspeaker, 0 to 4.
    ///
    /// # Errors
    /// [`EndpointError::Level`], [`EndpointError::Busy`].
    pub fn set_side_tone(&mut self, factor: f32) -> Result<(), EndpointError> {
        self.order(Command::SideTone(gain(factor)?))
    }

    /// Plays a tone in the loudspeaker until it is stopped, at `level_dbov` 10 to 63; voices are softer
    /// meanwhile.
    ///
    /// # Errors
    /// [`EndpointError::Level`], [`EndpointError::Busy`].
    pub fn play(&mut self, signal: Signal, level_dbov: u8) -> Result<(), EndpointError> {
        Player::check_level(level_dbov).map_err(|_| EndpointError::Level)?;
        self.order(Command::Play(signal, level_dbov))
    }

    /// Ends the tone.
    ///
    /// # Errors
    /// [`EndpointError::Busy`].
    pub fn stop_tone(&mut self) -> Result<(), EndpointError> {
        self.order(Command::Silence)
    }

    /// What the microphone's side counts.
    pub fn microphone_stats(&self) -> MicrophoneStats {
        self.microphone.read().unwrap_or_default()
    }

    /// What the loudspeaker's side counts.
    pub fn speaker_stats(&self) -> SpeakerStats {
        self.speaker.read()
    }

    fn order(&mut self, command: Command) -> Result<(), EndpointError> {
        self.commands.push(command).map_err(|_| EndpointError::Busy)
    }
}

fn gain(factor: f32) -> Result<f32, EndpointError> {
    if (0.0..=4.0).contains(&factor) { Ok(factor) } else { Err(EndpointError::Level) }
}

impl fmt::Debug for EndpointControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointControl").field("rate_hz", &self.rate_hz).finish_non_exhaustive()
    }
}
