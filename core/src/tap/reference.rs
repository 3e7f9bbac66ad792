// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program's voice beside the one that it hears, sample by sample: the reference of an echo canceller.

use alloc::boxed::Box;
use alloc::vec;

use crate::dsp::resample::{Resampler, UnsupportedRate, delay_samples};
use crate::member::MemberId;
use crate::within::Within;

/// Frames of a second.
pub(super) const FRAMES_HZ: u32 = 100;

/// A delay of whole samples.
struct DelayLine {
    past: Box<[i16]>,
    at: usize,
}

impl DelayLine {
    fn new(samples: usize) -> Self {
        Self { past: vec![0; samples].into(), at: 0 }
    }

    fn delay(&mut self, pcm: &mut [i16]) {
        for sample in pcm {
            // None where there is no delay.
            let Some(past) = self.past.get_mut(self.at) else { return };
            core::mem::swap(past, sample);
            self.at = if self.at + 1 < self.past.len() { self.at + 1 } else { 0 };
        }
    }
}

/// What goes into a tap's frames beside the voice that it takes.
pub(crate) struct Reference {
    pub(crate) voice: MemberId,
    resampler: Option<Resampler>,
    /// 10 ms of nothing, as the program's voice is long.
    silence: Box<[i16]>,
    /// Whichever filter delays by less waits for the other.
    near: DelayLine,
    far: DelayLine,
    /// The tapped voice, and the program's behind it.
    both: Box<[i16]>,
}

impl Reference {
    /// Makes room for a voice at `far_hz` beside one at `near_hz`, both read at `to_hz`.
    ///
    /// Real-time: no (allocates).
    pub(crate) fn new(
        voice: MemberId,
        far_hz: u32,
        near_hz: u32,
        to_hz: u32,
    ) -> Result<Self, UnsupportedRate> {
        let delay = |from_hz: u32| delay_samples(from_hz, to_hz);
        let most = delay(far_hz).max(delay(near_hz));
        let rest = |from_hz: u32| DelayLine::new((most - delay(from_hz)) as usize);
        Ok(Self {
            voice,
            resampler: (far_hz != to_hz).then(|| Resampler::new(far_hz, to_hz)).transpose()?,
            silence: vec![0; (far_hz / FRAMES_HZ) as usize].into(),
            near: rest(near_hz),
            far: rest(far_hz),
            both: vec![0; 2 * (to_hz / FRAMES_HZ) as usize].into(),
        })
    }

    /// By how many samples the tapped voice is late.
    pub(crate) fn near_delay_samples(&self) -> u64 {
        self.near.past.len() as u64
    }

    /// Puts what the program says, if anything, beside what a member does.
    pub(crate) fn beside(&mut self, near: &[i16], far: Option<&[i16]>) -> &[i16] {
        let (to_near, to_far) = self.both.cut_mut(self.both.len() / 2);
        to_near.copy_of(near);
        self.near.delay(to_near);
        let far = far.unwrap_or(&self.silence);
        match &mut self.resampler {
            None => to_far.copy_of(far),
            Some(resampler) => {
                resampler.process(far, to_far);
            }
        }
        self.far.delay(to_far);
        &self.both
    }

    /// Overwrites what is left of both, and gives 10 ms of silence.
    pub(crate) fn forget(&mut self) -> &[i16] {
        self.near.past.fill(0);
        self.far.past.fill(0);
        self.both.fill(0);
        if let Some(resampler) = &mut self.resampler {
            resampler.reset();
        }
        &self.both
    }
}
