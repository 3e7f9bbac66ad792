// SPDX-License-Identifier: MIT OR Apache-2.0
//! Others who speak while a voice does: noticed within 60 ms, and told apart by how long it goes on.

use super::config::TalkEvent;
use crate::dsp::activity::Activity;
use crate::member::MemberId;

const FRAME_MS: u32 = 10;
/// Speech of this length is noticed: a click is shorter.
const ONSET_MS: u32 = 60;
/// Pauses within speech.
const PAUSE_MS: u32 = 250;

/// What a conference knows of one member for that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ears(Activity);

impl Ears {
    /// Takes in how loud the member was in 10 ms, in -dBov; whether that was speech by itself, not in the
    /// hangover of what came before it.
    pub(crate) fn hear(&mut self, level_dbov: u8) -> bool {
        self.0.hears(-f32::from(level_dbov), FRAME_MS) && self.0.holds()
    }
}

/// One voice's overlaps, of one member at a time: who began first.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    who: Option<MemberId>,
    speech_ms: u32,
    pause_ms: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Nothing,
    Told,
    BargedIn,
}

impl Overlap {
    /// Takes in who speaks in this tick, in which the voice itself does or not. Who has left falls silent.
    pub(super) fn hear(
        &mut self,
        speaking: &[MemberId],
        talking: bool,
        backchannel_ms: u32,
    ) -> Option<TalkEvent> {
        if self.who.is_none() && talking {
            *self = Self { who: speaking.first().copied(), ..Self::default() };
        }
        let member = self.who?;
        let speaks = speaking.contains(&member);
        if speaks {
            self.speech_ms = self.speech_ms.saturating_add(self.pause_ms + FRAME_MS);
            self.pause_ms = 0;
        } else {
            self.pause_ms += FRAME_MS;
        }
        if self.pause_ms >= PAUSE_MS {
            let ms = self.speech_ms;
            let told = self.state == State::Told;
            *self = Self::default();
            return told.then_some(TalkEvent::Backchannel { member, ms });
        }
        match self.state {
            State::Nothing if self.speech_ms >= ONSET_MS => {
                self.state = State::Told;
                Some(TalkEvent::Overlap(member))
            }
            State::Told if self.speech_ms > backchannel_ms => {
                self.state = State::BargedIn;
                Some(TalkEvent::BargeIn(member))
            }
            _ => None,
        }
    }
}
