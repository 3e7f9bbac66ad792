// SPDX-License-Identifier: MIT OR Apache-2.0
//! A model of the way from the loudspeaker to the microphone, below 2 kHz: good enough to say what the echo is
//! going to sound like, and to notice that it has moved.
//!
//! A partitioned adaptive filter in the frequency domain (J.-S. Soo and K. K. Pang, "Multidelay block
//! frequency domain adaptive filter", 1990) of half a second, 10 ms at a time at 4 kHz. Partitions adapt in
//! proportion to what they have learnt (D. L. Duttweiler, "Proportionate normalized least-mean-squares
//! adaptation in echo cancelers", 2000): most of half a second is delay, and nothing is to be learnt there.
//!
//! It has two inputs, what is played and that as the loudspeaker bends it, each a filter of its own. As both are
//! real, one complex transform is of both, and one backwards is of two predictions. Sums over partitions are compiled
//! for wider vectors; the transform, whose stages are short, is five times slower by them.
#![allow(unsafe_code)] // Calls of functions compiled for a vector unit, after asking for it.

use alloc::boxed::Box;
use alloc::vec;

use crate::dsp::fourier::{Block, Fourier};
use crate::dsp::versions::{Unit, versions};
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
/// Part of the strongest partition's energy that one has where the direct sound is.
const DIRECT: f32 = 0.05;

type Spectrum = Block<BINS>;

/// One input's filter.
struct Filter {
    /// Spectra of the input; the newest where the model says, older ones behind it, around the end.
    spectra: Box<[Spectrum]>,
    weights: Box<[Spectrum]>,
    /// How fast each partition learns, 1 on the average.
    share: [f32; PARTITIONS],
}

impl Filter {
    fn new() -> Self {
        Self {
            spectra: vec![Spectrum::ZERO; PARTITIONS].into_boxed_slice(),
            weights: vec![Spectrum::ZERO; PARTITIONS].into_boxed_slice(),
            share: [1.0; PARTITIONS],
        }
    }

    /// Adds what it says is heard. Ahead of time what partitions before `ahead` would add is left out.
    fn predict(&self, unit: Unit, newest: usize, ahead: usize, sum: &mut Spectrum) {
        let (newer, older) = self.spectra.cut(newest);
        let weights = self.weights.past(ahead);
        let (near, far) = weights.cut(older.len().min(weights.len()));
        add_products(unit, near, older, sum);
        add_products(unit, far, newer, sum);
    }

    /// Learns from the spectrum of what was missed.
    fn learn(&mut self, unit: Unit, newest: usize, error: &Spectrum, rate: f32) {
        let (newer, older) = self.spectra.cut(newest);
        let (near_share, far_share) = self.share.cut(older.len());
        let mut power = [QUIET; BINS];
        add_powers(unit, near_share, older, &mut power);
        add_powers(unit, far_share, newer, &mut power);
        let mut step = error.clone();
        for ((re, im), power) in step.re.iter_mut().zip(&mut step.im).zip(&power) {
            let scale = rate / power;
            *re *= scale;
            *im *= scale;
        }
        let (near, far) = self.weights.cut_mut(older.len());
        adapt(unit, near, older, near_share, &step);
        adapt(unit, far, newer, far_share, &step);
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

/// See the module.
pub(super) struct EchoModel {
    unit: Unit,
    fourier: Fourier<SIZE>,
    /// The newest samples of both inputs.
    window: Block<SIZE>,
    newest: usize,
    straight: Filter,
    bent: Filter,
    turn: usize,
    onset: usize,
}

impl EchoModel {
    pub(super) fn new() -> Self {
        Self::on(Unit::widest())
    }

    fn on(unit: Unit) -> Self {
        Self {
            unit,
            fourier: Fourier::new(),
            window: Block::ZERO,
            newest: 0,
            straight: Filter::new(),
            bent: Filter::new(),
            turn: 0,
            onset: 0,
        }
    }

    /// Takes in the next 10 ms of both inputs.
    pub(super) fn reference(&mut self, straight: &[f32; HOP], bent: &[f32; HOP]) {
        for (window, hop) in [(&mut self.window.re, straight), (&mut self.window.im, bent)] {
            window.shift(HOP..SIZE, 0);
            window.span_mut(SIZE - HOP..SIZE).copy_of(hop);
        }
        let mut both = self.window.clone();
        self.fourier.forward(&mut both);
        self.newest = (self.newest + PARTITIONS - 1) % PARTITIONS;
        let places =
            (self.straight.spectra.get_mut(self.newest), self.bent.spectra.get_mut(self.newest));
        if let (Some(straight), Some(bent)) = places {
            (*straight, *bent) = parted(&both);
        }
    }

    /// What the model says is heard now, and so many hops after the reference's last.
    pub(super) fn predict(&self, ahead: usize) -> [[f32; HOP]; 2] {
        let (mut now, mut then) = (Spectrum::ZERO, Spectrum::ZERO);
        for filter in [&self.straight, &self.bent] {
            filter.predict(self.unit, self.newest, 0, &mut now);
            if ahead > 0 {
                filter.predict(self.unit, self.newest, ahead, &mut then);
            }
        }
        let mut both = joined(&now, &then);
        self.fourier.backward(&mut both);
        let last = |pcm: &[f32; SIZE]| {
            let last = pcm.last_chunk::<HOP>().copied().unwrap_or([0.0; HOP]);
            last.map(|v| v / SIZE as f32)
        };
        let now = last(&both.re);
        [now, if ahead > 0 { last(&both.im) } else { now }]
    }

    /// Learns from what the prediction missed, at a rate of 0 to 1.
    pub(super) fn learn(&mut self, error: &[f32; HOP], rate: f32) {
        let mut block = Block::<SIZE>::ZERO;
        block.re.span_mut(SIZE - HOP..SIZE).copy_of(error);
        self.fourier.forward(&mut block);
        let mut error = Spectrum::ZERO;
        error.re.copy_of(block.re.head(BINS));
        error.im.copy_of(block.im.head(BINS));
        for filter in [&mut self.straight, &mut self.bent] {
            filter.learn(self.unit, self.newest, &error, rate);
        }
        for _ in 0..CUT_A_FRAME {
            self.turn = (self.turn + 1) % PARTITIONS;
            self.cut(self.turn);
        }
        if self.turn < CUT_A_FRAME {
            self.straight.share_out();
            self.bent.share_out();
            self.find_onset();
        }
    }

    /// The first partition that has learnt something, counted in hops: the delay of the direct sound. A quarter of a
    /// second old.
    pub(super) fn onset(&self) -> usize {
        self.onset
    }

    /// Forgets what it has learnt.
    pub(super) fn restart(&mut self) {
        for filter in [&mut self.straight, &mut self.bent] {
            filter.weights.fill(Spectrum::ZERO);
            filter.share = [1.0; PARTITIONS];
        }
        self.onset = 0;
    }

    fn find_onset(&mut self) {
        let weights = &self.straight.weights;
        let most = weights.iter().map(energy).fold(0.0, f32::max);
        self.onset = weights.iter().position(|w| energy(w) > DIRECT * most).unwrap_or(0);
    }

    /// Takes taps beyond a partition's own away, which a transform cannot tell from others.
    fn cut(&mut self, partition: usize) {
        let filters = (&mut self.straight.weights, &mut self.bent.weights);
        let places = (filters.0.get_mut(partition), filters.1.get_mut(partition));
        let (Some(straight), Some(bent)) = places else { return };
        let mut both = joined(straight, bent);
        self.fourier.backward(&mut both);
        for pcm in [&mut both.re, &mut both.im] {
            for v in pcm.head_mut(HOP) {
                *v /= SIZE as f32;
            }
            pcm.past_mut(HOP).fill(0.0);
        }
        self.fourier.forward(&mut both);
        (*straight, *bent) = parted(&both);
    }
}

fn energy(spectrum: &Spectrum) -> f32 {
    spectrum.re.iter().zip(&spectrum.im).map(|(re, im)| re * re + im * im).sum()
}

/// The transforms of two real signals, of which one was the real part and one the imaginary.
fn parted(both: &Block<SIZE>) -> (Spectrum, Spectrum) {
    let (mut first, mut second) = (Spectrum::ZERO, Spectrum::ZERO);
    for k in 0..BINS {
        let mirrored = (SIZE - k) % SIZE;
        let (re, im) = (both.re[k], both.im[k]);
        let (mirrored_re, mirrored_im) = (both.re[mirrored], both.im[mirrored]);
        first.re[k] = 0.5 * (re + mirrored_re);
        first.im[k] = 0.5 * (im - mirrored_im);
        second.re[k] = 0.5 * (im + mirrored_im);
        second.im[k] = 0.5 * (mirrored_re - re);
    }
    (first, second)
}

/// What [`parted`] parts.
fn joined(first: &Spectrum, second: &Spectrum) -> Block<SIZE> {
    let mut both = Block::<SIZE>::ZERO;
    (both.re[0], both.im[0]) = (first.re[0], second.re[0]);
    for k in 1..BINS {
        both.re[k] = first.re[k] - second.im[k];
        both.im[k] = first.im[k] + second.re[k];
        both.re[SIZE - k] = first.re[k] + second.im[k];
        both.im[SIZE - k] = second.re[k] - first.im[k];
    }
    both
}

versions! {
    fn add_products(unit, weights: &[Spectrum], past: &[Spectrum], sum: &mut Spectrum) = add_products_body;
    fn add_powers(unit, share: &[f32], past: &[Spectrum], power: &mut [f32; BINS]) = add_powers_body;
    fn adapt(
        unit, weights: &mut [Spectrum], past: &[Spectrum], share: &[f32], step: &Spectrum
    ) = adapt_body;
}

#[inline(always)]
fn add_products_body(weights: &[Spectrum], past: &[Spectrum], sum: &mut Spectrum) {
    let (mut re, mut im) = (sum.re, sum.im);
    for (w, x) in weights.iter().zip(past) {
        for k in 0..BINS {
            re[k] += w.re[k] * x.re[k] - w.im[k] * x.im[k];
            im[k] += w.re[k] * x.im[k] + w.im[k] * x.re[k];
        }
    }
    (sum.re, sum.im) = (re, im);
}

#[inline(always)]
fn add_powers_body(share: &[f32], past: &[Spectrum], power: &mut [f32; BINS]) {
    let mut sum = *power;
    for (share, x) in share.iter().zip(past) {
        for k in 0..BINS {
            sum[k] += share * (x.re[k] * x.re[k] + x.im[k] * x.im[k]);
        }
    }
    *power = sum;
}

#[inline(always)]
fn adapt_body(weights: &mut [Spectrum], past: &[Spectrum], share: &[f32], step: &Spectrum) {
    for ((w, x), share) in weights.iter_mut().zip(past).zip(share) {
        for k in 0..BINS {
            w.re[k] += share * (x.re[k] * step.re[k] + x.im[k] * step.im[k]);
            w.im[k] += share * (x.re[k] * step.im[k] - x.im[k] * step.re[k]);
        }
    }
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
            model.reference(&pcm, &[0.0; HOP]);
            let [predicted, _] = model.predict(0);
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

    fn noise(seed: &mut u32) -> f32 {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *seed as i32 as f32 / 2_147_483_648.0 * 4_000.0
    }

    #[test]
    fn two_real_signals_go_through_one_transform() {
        let (fourier, mut seed) = (Fourier::<SIZE>::new(), 5);
        let both = Block {
            re: [(); SIZE].map(|()| noise(&mut seed)),
            im: [(); SIZE].map(|()| noise(&mut seed)),
        };
        let alone = |pcm: &[f32; SIZE]| {
            let mut block = Block { re: *pcm, im: [0.0; SIZE] };
            fourier.forward(&mut block);
            block
        };
        let (first, second) = (alone(&both.re), alone(&both.im));
        let mut joint = both.clone();
        fourier.forward(&mut joint);
        let parts = parted(&joint);
        for (part, whole) in [(&parts.0, &first), (&parts.1, &second)] {
            for k in 0..BINS {
                assert!((part.re[k] - whole.re[k]).abs() < 0.1, "bin {k}");
                assert!((part.im[k] - whole.im[k]).abs() < 0.1, "bin {k}");
            }
        }
        // The middle bin is not kept, and has nothing here.
        let again = joined(&parts.0, &parts.1);
        for k in (0..SIZE).filter(|k| *k != BINS) {
            assert!((again.re[k] - joint.re[k]).abs() < 0.1, "bin {k}");
            assert!((again.im[k] - joint.im[k]).abs() < 0.1, "bin {k}");
        }
    }

    #[test]
    fn vectors_change_no_bit() {
        let runs: Vec<Vec<u32>> = Unit::available()
            .map(|unit| {
                let (mut model, mut seed) = (EchoModel::on(unit), 9);
                let mut bits = Vec::new();
                for n in 0..120 {
                    let pcm: [f32; HOP] = [(); HOP].map(|()| noise(&mut seed));
                    model.reference(&pcm, &pcm.map(f32::abs));
                    let [now, then] = model.predict(n % 5);
                    model.learn(&core::array::from_fn(|n| 0.3 * pcm[n] - now[n]), 0.5);
                    bits.extend(now.iter().chain(&then).map(|v| v.to_bits()));
                }
                bits
            })
            .collect();
        assert!(runs.iter().all(|bits| *bits == runs[0]));
    }
}
