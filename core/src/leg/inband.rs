// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listening for tones in what a leg plays.

use alloc::boxed::Box;

use super::config::{InbandTones, LegConfig};
use super::event::LegEvent;
use crate::dsp::tones::{DtmfDetector, DtmfFilter, ProgressDetector, Tone, ToneDetector};
use crate::session::EventSink;

/// What is done about digits.
enum Digits {
    Ignored,
    Told(DtmfDetector),
    Removed(DtmfFilter),
}

/// The detectors of a leg.
pub(super) struct Inband {
    digits: Digits,
    /// Fax, modem, beep; not where only call progress is asked for.
    tones: Option<ToneDetector>,
    progress: Option<ProgressDetector>,
    /// The last tone told, and the frames of 10 ms in which it is not told again: what it makes the
    /// jitter buffer do may interrupt it.
    last: Option<Tone>,
    hold_frames: u32,
}

/// A second.
const HOLD_FRAMES: u32 = 100;

impl Inband {
    /// As [`Inband::new`], with what is large on the way in a frame of its own.
    #[inline(never)]
    pub(super) fn boxed(config: &LegConfig, rate_hz: u32) -> Option<Box<Self>> {
        Self::new(config, rate_hz).map(Box::new)
    }

    /// `None` where nothing is to be done, or at a rate that the detectors don't know.
    fn new(config: &LegConfig, rate_hz: u32) -> Option<Self> {
        let listens = config.inband_tones != InbandTones::Ignored || config.freeze_for_modems;
        if !listens && !config.call_progress {
            return None;
        }
        let digits = match config.inband_tones {
            InbandTones::Ignored => Digits::Ignored,
            InbandTones::Told => Digits::Told(DtmfDetector::new(rate_hz)?),
            InbandTones::DigitsRemoved => Digits::Removed(DtmfFilter::new(rate_hz)?),
        };
        Some(Self {
            digits,
            tones: if listens { Some(ToneDetector::new(rate_hz)?) } else { None },
            progress: if config.call_progress {
                Some(ProgressDetector::new(rate_hz)?)
            } else {
                None
            },
            last: None,
            hold_frames: 0,
        })
    }

    /// Listens to `pcm`, of any length, and takes out of it what is to be taken out; `true` when a
    /// fax or modem was heard.
    ///
    /// Real-time: yes.
    pub(super) fn process(
        &mut self,
        pcm: &mut [i16],
        frame: usize,
        events: &mut EventSink<LegEvent>,
    ) -> bool {
        let mut modem = false;
        // 10 ms at a time, so that no digit hides behind another.
        for pcm in pcm.chunks_mut(frame.max(1)) {
            self.hold_frames = self.hold_frames.saturating_sub(1);
            if let Some(tone) = self.tones.as_mut().and_then(|tones| tones.process(pcm)) {
                modem |= matches!(tone, Tone::FaxCalling | Tone::Answering);
                if self.hold_frames == 0 || self.last != Some(tone) {
                    events.emit(LegEvent::Tone(tone));
                }
                (self.last, self.hold_frames) = (Some(tone), HOLD_FRAMES);
            }
            let progress = self.progress.as_mut();
            if let Some(signal) = progress.and_then(|progress| progress.process(pcm)) {
                events.emit(LegEvent::CallProgress(signal));
            }
            let digit = match &mut self.digits {
                Digits::Ignored => None,
                Digits::Told(detector) => detector.process(pcm),
                Digits::Removed(filter) => filter.process(pcm),
            };
            if let Some(event) = digit {
                events.emit(LegEvent::InbandDigit { event });
            }
        }
        modem
    }
}
