// SPDX-License-Identifier: MIT OR Apache-2.0
//! A linear model of the way from the loudspeaker to the microphone, below 2 kHz: good enough to say what
//! the echo is going to sound like, and to notice that it has moved.
//!
//! A partitioned adaptive filter in the frequency domain (J.-S. Soo and K. K. Pang, "Multidelay block
//! frequency domain adaptive filter", 1990) of half a second, 10 ms at a time at 4 kHz. Partitions adapt in
//! proportion to what they have learnt (D. L. Duttweiler, "Proportionate normalized least-mean-squares
//! adaptation in echo cancelers", 2000): most of half a second is delay, and nothing is to be learnt there.

use alloc::boxed::Box;
use alloc::vec;

use crate::dsp::fourier::{Block, Fourier};
use crate::math;
use crate::within::Within;

/// Samples of 10 ms at 4 kHz.
pub(super) const HOP: usize = 40;
/// Partitions: 520 ms.
pub(super) const PARTITIONS: usize = 52;
/// Length of a transform: a partition's taps and a hop fit without wrapping around.
const SIZE: usize = 128;
/// Bins that are kept: those of a real signal, without the last, where nothing is.
const BINS: usize = SIZE / 2;
/// Partitions whose taps beyond their own are cut off in a frame.
const CUT_A_FRAME: usize = 2;
/// What is added to the power of the reference: about 24 dB above a step of 16-bit PCM.
const QUIET: f32 = 16.0 * 16.0 * (SIZE * PARTITIONS) as f32;

type Spectrum = Block<BINS>;

/// See the module.
pub(super) struct EchoModel {
    fourier: Fourier<SIZE>,
    /// The newest samples of the reference.
    window: [f32; SIZE],
    /// Spectra of the reference; the newest at `newest`, older ones behind it, around the end.
    spectra: Box<[Spectrum]>,
    newest: usize,
    weights: Box<[Spectrum]>,
    /// How fast each partition learns, 1 on the average.
    share: [f32; PARTITIONS],
    turn: usize,
}

impl EchoModel {
    pub(super) fn new() -> Self {
        Self {
            fourier: Fourier::new(),
            window: [0.0; SIZE],
            spectra: vec![Spectrum::ZERO; PARTITIONS].into_boxed_slice(),
            newest: 0,
            weights: vec![Spectrum::ZERO; PARTITIONS].into_boxed_slice(),
            share: [1.0; PARTITIONS],
            turn: 0,
        }
    }

    /// Takes in the next 10 ms of the reference.
    pub(super) fn reference(&mut self, hop: &[f32; HOP]) {
        self.window.shift(HOP..SIZE, 0);
        self.window.span_mut(SIZE - HOP..SIZE).copy_of(hop);
        let mut block = Block { re: self.window, im: [0.0; SIZE] };
        self.fourier.forward(&mut block);
        self.newest = (self.newest + PARTITIONS - 1) % PARTITIONS;
        if let Some(spectrum) = self.spectra.get_mut(self.newest) {
            *spectrum = half(&block);
        }
    }

    /// What the model says is heard, so many hops after the reference's last. Ahead of time what partitions
    /// before `ahead` would add is left out.
    pub(super) fn predict(&self, ahead: usize) -> [f32; HOP] {
        let mut sum = Spectrum::ZERO;
        let weights = self.weights.get(ahead..).unwrap_or_default();
        for (w, x) in weights.iter().zip(self.past()) {
            for k in 0..BINS {
                sum.re[k] += w.re[k] * x.re[k] - w.im[k] * x.im[k];
                sum.im[k] += w.re[k] * x.im[k] + w.im[k] * x.re[k];
            }
        }
        let mut block = whole(&sum);
        self.fourier.backward(&mut block);
        let last = block.re.last_chunk::<HOP>().copied().unwrap_or([0.0; HOP]);
        last.map(|v| v / SIZE as f32)
    }

    /// Learns from what the prediction missed, at a rate of 0 to 1.
    pub(super) fn learn(&mut self, error: &[f32; HOP], rate: f32) {
        let mut block = Block::<SIZE>::ZERO;
        block.re.span_mut(SIZE - HOP..SIZE).copy_of(error);
        self.fourier.forward(&mut block);
        let mut step = half(&block);
        let mut power = [QUIET; BINS];
        for (x, share) in self.past().zip(&self.share) {
            for k in 0..BINS {
                power[k] += share * (x.re[k] * x.re[k] + x.im[k] * x.im[k]);
            }
        }
        for k in 0..BINS {
            let scale = rate / power[k];
            step.re[k] *= scale;
            step.im[k] *= scale;
        }
        let (newer, older) = self.spectra.cut(self.newest);
        let past = older.iter().chain(newer);
        for ((w, x), share) in self.weights.iter_mut().zip(past).zip(&self.share) {
            for k in 0..BINS {
                w.re[k] += share * (x.re[k] * step.re[k] + x.im[k] * step.im[k]);
                w.im[k] += share * (x.re[k] * step.im[k] - x.im[k] * step.re[k]);
            }
        }
        for _ in 0..CUT_A_FRAME {
            self.turn = (self.turn + 1) % PARTITIONS;
            self.cut(self.turn);
        }
        if self.turn < CUT_A_FRAME {
            self.share_out();
        }
    }

    /// The first partition that has learnt something, counted in hops: the delay of the direct sound.
    pub(super) fn onset(&self) -> usize {
        let most = self.weights.iter().map(energy).fold(0.0, f32::max);
        self.weights.iter().position(|w| energy(w) > 0.05 * most).unwrap_or(0)
    }

    /// Forgets what it has learnt.
    pub(super) fn restart(&mut self) {
        self.weights.fill(Spectrum::ZERO);
        self.share = [1.0; PARTITIONS];
    }

    /// Spectra of the reference, the newest first.
    fn past(&self) -> impl Iterator<Item = &Spectrum> {
        let (newer, older) = self.spectra.cut(self.newest);
        older.iter().chain(newer)
    }

    /// Takes a partition's taps beyond its own away, which a transform cannot tell from others.
    fn cut(&mut self, partition: usize) {
        let Some(weights) = self.weights.get_mut(partition) else { return };
        let mut block = whole(weights);
        self.fourier.backward(&mut block);
        for v in block.re.head_mut(HOP) {
            *v /= SIZE as f32;
        }
        block.re.past_mut(HOP).fill(0.0);
        block.im = [0.0; SIZE];
        self.fourier.forward(&mut block);
        *weights = half(&block);
    }

    fn share_out(&mut self) {
        let mut all = 0.0;
        for (share, w) in self.share.iter_mut().zip(&self.weights) {
            *share = math::sqrt(energy(w));
            all += *share;
        }
        // A tenth is for whoever has nothing yet.
        let scale = 0.9 * PARTITIONS as f32 / all.max(1e-9);
        for share in &mut self.share {
            *share = if all < 1e-9 { 1.0 } else { 0.1 + *share * scale };
        }
    }
}

fn energy(spectrum: &Spectrum) -> f32 {
    spectrum.re.iter().zip(&spectrum.im).map(|(re, im)| re * re + im * im).sum()
}

/// The bins that are kept.
fn half(block: &Block<SIZE>) -> Spectrum {
    let mut kept = Spectrum::ZERO;
    kept.re.copy_of(block.re.head(BINS));
    kept.im.copy_of(block.im.head(BINS));
    kept
}

/// The transform of a real signal again.
fn whole(spectrum: &Spectrum) -> Block<SIZE> {
    let mut block = Block::<SIZE>::ZERO;
    block.re.head_mut(BINS).copy_of(&spectrum.re);
    block.im.head_mut(BINS).copy_of(&spectrum.im);
    for k in 1..BINS {
        block.re[SIZE - k] = spectrum.re[k];
        block.im[SIZE - k] = -spectrum.im[k];
    }
    block.im[0] = 0.0;
    block
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn an_echo_behind_a_delay_is_learnt_and_its_onset_known() {
        let mut seed = 1_u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed as i32 as f32 / 2_147_483_648.0 * 4_000.0
        };
        // Below the highest bin, as what the model is fed with.
        let mut last = 0.0;
        let played: Vec<f32> = (0..HOP * 500)
            .map(|_| {
                let now = noise();
                (now + core::mem::replace(&mut last, now)) / 2.0
            })
            .collect();
        let at = |n: usize, delay: usize| n.checked_sub(delay).map_or(0.0, |n| played[n]);
        let echo = |n: usize| 0.5 * at(n, 417) - 0.3 * at(n, 431) + 0.1 * at(n, 700);
        let mut model = EchoModel::new();
        let (mut left, mut heard) = (0.0, 0.0);
        for hop in 0..500 {
            let pcm: [f32; HOP] = core::array::from_fn(|n| played[hop * HOP + n]);
            model.reference(&pcm);
            let predicted = model.predict(0);
            let mic: [f32; HOP] = core::array::from_fn(|n| echo(hop * HOP + n));
            let error: [f32; HOP] = core::array::from_fn(|n| mic[n] - predicted[n]);
            if hop >= 400 {
                left += error.iter().map(|v| v * v).sum::<f32>();
                heard += mic.iter().map(|v| v * v).sum::<f32>();
            }
            model.learn(&error, 1.0);
        }
        let gain = 10.0 * (heard / left).log10();
        assert!(gain > 25.0, "{gain} dB");
        assert_eq!(model.onset(), 417 / HOP);
    }
}
