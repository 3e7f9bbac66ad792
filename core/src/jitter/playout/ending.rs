// SPDX-License-Identifier: MIT OR Apache-2.0
//! How concealment fades out: in silence, within two seconds when nothing comes, at once when the source
//! has said that it is gone. Whatever made it up: a tone that is repeated, a codec's own concealment,
//! noise. Audio thread only; touches the samples that it is given.

use crate::dsp::pitch::to_pcm;

/// Samples at 8 kHz after the last sound from which what stands in fades, and after which it is silent:
/// with the delay, within two seconds of the last packet.
const FADE_START: usize = 6_400;
const FADE_END: usize = 13_600;
/// Samples at 8 kHz in which it fades when the source is gone.
const GONE_FADE: usize = 80;

/// Whether, and since when, the source is gone.
#[derive(Debug, Default)]
pub(super) struct Ending {
    gone: bool,
    /// Samples that were faded since.
    faded: usize,
}

impl Ending {
    /// The source has gone (RTCP BYE).
    pub(super) fn source_gone(&mut self) {
        self.gone = true;
    }

    /// Packets come.
    pub(super) fn source_is_there(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Whether all is silent from `concealed` samples after the last sound on; `unit` is the rate over
    /// 8 kHz.
    pub(super) fn is_silent(&self, concealed: usize, unit: usize) -> bool {
        concealed >= FADE_END * unit || self.faded >= GONE_FADE * unit
    }

    /// Fades what stands in from `concealed` samples after the last sound on.
    pub(super) fn fade(&mut self, pcm: &mut [i16], concealed: usize, unit: usize) {
        if concealed + pcm.len() > FADE_START * unit {
            scale(pcm, concealed, FADE_START * unit, FADE_END * unit);
        }
        if self.gone {
            scale(pcm, self.faded, 0, GONE_FADE * unit);
            self.faded = self.faded.saturating_add(pcm.len());
        }
    }
}

/// Scales samples, the first of them being number `at`: as they are up to number `from`, to nothing at
/// number `to`.
fn scale(pcm: &mut [i16], at: usize, from: usize, to: usize) {
    let step = 1.0 / (to - from).max(1) as f32;
    for (n, sample) in pcm.iter_mut().enumerate() {
        let left = to.saturating_sub(at + n).min(to - from) as f32 * step;
        *sample = to_pcm(f32::from(*sample) * left * left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_fades_without_a_step_and_stays_silent() {
        let (mut ending, mut at) = (Ending::default(), 0);
        let mut last = 10_000;
        while at < 16_000 {
            let mut pcm = [10_000; 160];
            ending.fade(&mut pcm, at, 1);
            assert!(pcm[0] <= last && last - pcm[159] <= 500, "at {at}");
            assert_eq!(ending.is_silent(at, 1), pcm[0] == 0, "at {at}");
            (last, at) = (pcm[159], at + 160);
        }
        assert_eq!(last, 0);
    }

    #[test]
    fn a_source_that_is_gone_is_silent_after_10_ms_and_one_that_is_back_is_not() {
        let mut ending = Ending::default();
        ending.source_gone();
        let mut pcm = [10_000; 160];
        ending.fade(&mut pcm, 500, 1);
        assert!(pcm[0] == 10_000 && pcm[40] < 3_000 && pcm[80..] == [0; 80]);
        assert!(ending.is_silent(660, 1));
        ending.source_is_there();
        assert!(!ending.is_silent(660, 1));
    }
}
