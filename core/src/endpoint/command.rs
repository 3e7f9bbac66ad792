// SPDX-License-Identifier: MIT OR Apache-2.0
//! What crosses between the control half and the microphone's.

use alloc::boxed::Box;

use super::config::LineId;
use crate::dsp::tones::plans::Signal;
use crate::leg::LegMedia;

/// Commands that may wait.
pub(super) const COMMANDS: usize = 32;

pub(super) enum Command {
    Add { line: LineId, media: Box<LegMedia> },
    Remove(LineId),
    Hold(LineId, bool),
    Mute(bool),
    Volume(f32),
    SideTone(f32),
    Play(Signal, u8),
    Silence,
}

/// A leg on its way back.
pub(super) struct Spent {
    pub(super) line: LineId,
    pub(super) media: Box<LegMedia>,
}
