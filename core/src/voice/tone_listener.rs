// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tones in sound: a stage of 10 ms in place that hears them and takes digits out. A leg has it behind `pull`, where
//! the peer's tones are; who captures can have one before `push`.

use crate::dsp::tones::plans::Signal;
use crate::dsp::tones::{DtmfDetector, DtmfFilter, ProgressDetector, Tone, ToneDetector};

/// What is done about tones in sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InbandTones {
    /// Nothing.
    #[default]
    Ignored,
    /// Digits, fax and modem tones and beeps are told of.
    Told,
    /// The same, and digits are not heard. All audio comes 45 ms later for it.
    DigitsRemoved,
}

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeardTone {
    /// A fax, a modem or a beep; again after a second at the earliest, as what it makes a jitter buffer do may
    /// interrupt it.
    Tone(Tone),
    /// Dial tone, ringing, busy and the like.
    CallProgress(Signal),
    /// A digit, by its telephone event (RFC 4733 section 3.2).
    Digit(u8),
}

/// What is done about digits.
enum Digits {
    Ignored,
    Told(DtmfDetector),
    Removed(DtmfFilter),
}

/// Listens for tones.
pub struct ToneListener {
    frame: usize,
    digits: Digits,
    /// Fax, modem, beep; not where only call progress is asked for.
    tones: Option<ToneDetector>,
    progress: Option<ProgressDetector>,
    /// The last tone told, and the frames of 10 ms in which it is not told again.
    last: Option<Tone>,
    hold_frames: u32,
}

/// A second.
const HOLD_FRAMES: u32 = 100;

impl ToneListener {
    /// Listens for digits, fax, modem and beeps as `tones` says, and for call progress; `None` where nothing is
    /// asked for, or at a rate that the detectors don't know.
    ///
    /// Real-time: no.
    pub fn new(rate_hz: u32, tones: InbandTones, call_progress: bool) -> Option<Self> {
        Self::listening(rate_hz, tones, tones != InbandTones::Ignored, call_progress)
    }

    /// The same, and for fax, modem and beeps whatever is done about digits.
    // It is large: a copy of it in each frame on the way is what makes creation's stack.
    #[inline(always)]
    pub(crate) fn listening(
        rate_hz: u32,
        tones: InbandTones,
        for_modems: bool,
        call_progress: bool,
    ) -> Option<Self> {
        if !for_modems && !call_progress {
            return None;
        }
        Some(Self {
            frame: (rate_hz / 100) as usize,
            digits: match tones {
                InbandTones::Ignored => Digits::Ignored,
                InbandTones::Told => Digits::Told(DtmfDetector::new(rate_hz)?),
                InbandTones::DigitsRemoved => Digits::Removed(DtmfFilter::new(rate_hz)?),
            },
            tones: if for_modems { Some(ToneDetector::new(rate_hz)?) } else { None },
            progress: if call_progress { Some(ProgressDetector::new(rate_hz)?) } else { None },
            last: None,
            hold_frames: 0,
        })
    }

    /// Listens to `pcm`, frames of 10 ms as a rule, and takes out of it what is to be taken out; `heard` is told
    /// of each tone once. `true` as long as a fax or modem sounds.
    ///
    /// Real-time: yes, as far as `heard` is.
    pub fn process(&mut self, pcm: &mut [i16], mut heard: impl FnMut(HeardTone)) -> bool {
        let mut modem = false;
        // 10 ms at a time, so that no digit hides behind another.
        for pcm in pcm.chunks_mut(self.frame.max(1)) {
            self.hold_frames = self.hold_frames.saturating_sub(1);
            if let Some(tone) = self.tones.as_mut().and_then(|tones| tones.process(pcm)) {
                modem |= matches!(tone, Tone::FaxCalling | Tone::Answering);
                if self.hold_frames == 0 || self.last != Some(tone) {
                    heard(HeardTone::Tone(tone));
                }
                (self.last, self.hold_frames) = (Some(tone), HOLD_FRAMES);
            }
            let progress = self.progress.as_mut();
            if let Some(signal) = progress.and_then(|progress| progress.process(pcm)) {
                heard(HeardTone::CallProgress(signal));
            }
            let digit = match &mut self.digits {
                Digits::Ignored => None,
                Digits::Told(detector) => detector.process(pcm),
                Digits::Removed(filter) => filter.process(pcm),
            };
            if let Some(event) = digit {
                heard(HeardTone::Digit(event));
            }
        }
        modem
    }
}

impl core::fmt::Debug for ToneListener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ToneListener").field("last", &self.last).finish_non_exhaustive()
    }
}
