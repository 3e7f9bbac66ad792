// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tonality: whether audio is made of spectral lines: a tone, a chord, music. A line stands out of its
//! neighbourhood in the mean of several spectra (P. Welch, 1967), where noise of any colour has become
//! smooth.

use alloc::boxed::Box;

use crate::math;
use crate::within::Within;

/// Samples of a window at 8 kHz: 64 ms, lines 62 Hz apart are told apart. Windows overlap by half, and two
/// of them are transformed at a time.
const WINDOW: usize = 512;
const HALF: usize = WINDOW / 2;
const BITS: u32 = WINDOW.trailing_zeros();
const HELD: usize = WINDOW + HALF;
/// What the newest pair of spectra weighs in the mean, at least.
const WEIGHT: f32 = 0.2;
/// A line is this much stronger than the weakest of the bins beside it, on either side.
const PROMINENCE: f32 = 12.0;
/// Which bins these are, by their distance: where a Hann window has faded, and no neighbour need be yet.
const BESIDE: core::ops::RangeInclusive<usize> = 2..=5;
/// Lines have this part of the energy, or the sound is noise.
const SHARE: f32 = 0.5;

/// Follows one sound.
#[derive(Debug)]
pub struct Lines {
    /// Every so many samples one is taken; what lies above 4 kHz is folded, and a line stays one.
    step: usize,
    skip: usize,
    held: Box<[f32; HELD]>,
    filled: usize,
    /// Windowed: the earlier window as the real, the later as the imaginary part.
    work: Box<[[f32; 2]; WINDOW]>,
    /// Cosine and sine of whole parts of a turn.
    turn: Box<[[f32; 2]]>,
    mean: Box<[f32; HALF]>,
    pairs: u32,
    found: bool,
}

impl Lines {
    /// Before the first sound, of 8000 Hz or a multiple of it; what is left over is ignored.
    ///
    /// Real-time: no.
    pub fn new(rate_hz: u32) -> Self {
        let angle = |n: usize| core::f32::consts::TAU * n as f32 / WINDOW as f32;
        Self {
            step: (rate_hz / 8_000).max(1) as usize,
            skip: 0,
            held: Box::new([0.0; HELD]),
            filled: 0,
            work: Box::new([[0.0; 2]; WINDOW]),
            turn: (0..WINDOW).map(|n| [math::cos(angle(n)), math::sin(angle(n))]).collect(),
            mean: Box::new([0.0; HALF]),
            pairs: 0,
            found: false,
        }
    }

    /// Forgets what it has heard.
    ///
    /// Real-time: yes.
    pub fn restart(&mut self) {
        (self.filled, self.pairs, self.found) = (0, 0, false);
    }

    /// Takes in what comes next; whether lately it has been made of lines. `false` for the first 100 ms.
    ///
    /// Real-time: yes; a transform in each 64 ms.
    pub fn hear(&mut self, pcm: &[i16]) -> bool {
        for sample in pcm {
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.skip = self.step - 1;
            self.held.put(self.filled, f32::from(*sample));
            self.filled += 1;
            if self.filled == HELD {
                self.next_pair();
                self.held.copy_within(WINDOW.., 0);
                self.filled = HALF;
            }
        }
        self.found
    }

    fn next_pair(&mut self) {
        let later = self.held.iter().skip(HALF);
        for (n, (a, b)) in self.held.iter().zip(later).enumerate() {
            let hann = 1.0 - self.turn.get(n).map_or(1.0, |turn| turn[0]);
            let reversed = n.reverse_bits() >> (usize::BITS - BITS);
            self.work.put(reversed, [a * hann, b * hann]);
        }
        transform(&mut self.work, &self.turn);
        self.pairs = self.pairs.saturating_add(1);
        let weight = WEIGHT.max(1.0 / self.pairs as f32);
        let mirrored = self.work.iter().skip(1).rev();
        let pairs = self.work.iter().skip(1).zip(mirrored);
        for (mean, (a, b)) in self.mean.iter_mut().zip(pairs) {
            // The sum of both windows' power: of two real signals in one transform each is found by the
            // symmetry of its spectrum, and what they share falls out.
            let power = a[0] * a[0] + a[1] * a[1] + b[0] * b[0] + b[1] * b[1];
            *mean += weight * (power - *mean);
        }
        self.found = self.is_made_of_lines();
    }

    fn is_made_of_lines(&self) -> bool {
        let at = |bin: usize| self.mean.get(bin).copied();
        let weakest = |bins: [Option<f32>; 4]| {
            let there = bins.into_iter().flatten();
            there.fold(f32::INFINITY, f32::min)
        };
        let beside = || BESIDE.zip(0..);
        let total: f32 = self.mean.iter().sum();
        let (mut lines, mut next) = (0.0, 0);
        for (bin, power) in self.mean.iter().enumerate() {
            let (mut below, mut above) = ([None; 4], [None; 4]);
            for (distance, n) in beside() {
                below.put(n, bin.checked_sub(distance).and_then(at));
                above.put(n, at(bin + distance));
            }
            let floor = weakest(below).max(weakest(above));
            if *power > PROMINENCE * floor {
                // With the bin on either side, each bin once.
                let first = bin.saturating_sub(1).max(next);
                lines += self.mean.iter().skip(first).take(bin + 2 - first).sum::<f32>();
                next = bin + 2;
            }
        }
        total > 0.0 && lines > SHARE * total
    }
}

/// The discrete Fourier transform, in place, of what is in bit-reversed order (J. Cooley and J. Tukey,
/// 1965).
fn transform(work: &mut [[f32; 2]; WINDOW], turn: &[[f32; 2]]) {
    for stage in 0..BITS {
        let half = 1 << stage;
        for block in work.chunks_exact_mut((2 * half).max(2)) {
            let (first, second) = block.cut_mut(half);
            let turns = turn.iter().step_by((HALF >> stage).max(1));
            for ((a, b), [c, s]) in first.iter_mut().zip(second).zip(turns) {
                let product = [b[0] * c + b[1] * s, b[1] * c - b[0] * s];
                *b = [a[0] - product[0], a[1] - product[1]];
                *a = [a[0] + product[0], a[1] + product[1]];
            }
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn uniform(seed: &mut u32) -> f32 {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *seed as i32 as f32 / 2_147_483_648.0
    }

    fn sines(rate: u32, tones: &[(f32, f32)], noise: f32, count: usize) -> Vec<i16> {
        let mut seed = 5;
        (0..count)
            .map(|n| {
                let w = core::f32::consts::TAU * n as f32 / rate as f32;
                let sum: f32 = tones.iter().map(|(hz, level)| level * (w * hz).sin()).sum();
                (sum + noise * uniform(&mut seed)) as i16
            })
            .collect()
    }

    #[test]
    fn transform_is_the_sum_that_defines_it() {
        let (mut seed, mut lines) = (9, Lines::new(8_000));
        let sound: Vec<[f32; 2]> =
            (0..WINDOW).map(|_| [uniform(&mut seed), uniform(&mut seed)]).collect();
        for (n, x) in sound.iter().enumerate() {
            lines.work[n.reverse_bits() >> (usize::BITS - BITS)] = *x;
        }
        transform(&mut lines.work, &lines.turn);
        for bin in (0..WINDOW).step_by(37) {
            let mut sum = [0.0_f64; 2];
            for (n, [re, im]) in sound.iter().enumerate() {
                let angle = core::f64::consts::TAU * (n * bin % WINDOW) as f64 / WINDOW as f64;
                let (re, im) = (f64::from(*re), f64::from(*im));
                sum[0] += re * angle.cos() + im * angle.sin();
                sum[1] += im * angle.cos() - re * angle.sin();
            }
            for (ours, theirs) in lines.work[bin].iter().zip(sum) {
                assert!((f64::from(*ours) - theirs).abs() < 1e-3, "{bin}: {ours} for {theirs}");
            }
        }
    }

    #[test]
    fn tones_and_chords_are_lines_at_any_rate_and_in_noise_of_half_their_power() {
        let chords: [&[f32]; 5] = [
            &[425.0],
            &[350.0, 440.0],
            &[262.0, 330.0, 392.0],
            &[110.0, 220.0, 330.0, 440.0, 550.0, 660.0],
            &[2_100.0],
        ];
        for rate in [8_000, 16_000, 48_000] {
            for hz in chords {
                for level in [100.0, 1_000.0, 4_000.0] {
                    let tones: Vec<_> = hz.iter().map(|hz| (*hz, level)).collect();
                    // Noise of amplitude a has the power a^2 / 3, a sinusoid a^2 / 2.
                    let noise = level * (0.75 * hz.len() as f32).sqrt();
                    let mut lines = Lines::new(rate);
                    let heard = sines(rate, &tones, noise, rate as usize);
                    assert!(lines.hear(&heard), "{hz:?} at {level}, {rate} Hz");
                }
            }
        }
    }

    #[test]
    fn noise_of_any_colour_is_not_lines_at_any_time() {
        for pole in [-0.9, -0.5, 0.0, 0.7, 0.9, 0.95] {
            let (mut seed, mut last) = (3, 0.0);
            let mut lines = Lines::new(8_000);
            let mut found = 0;
            for n in 0..1_000 {
                let pcm: Vec<i16> = (0..160)
                    .map(|_| {
                        last = pole * last + 400.0 * uniform(&mut seed);
                        last as i16
                    })
                    .collect();
                if n % 20 == 0 {
                    lines.restart();
                }
                found += usize::from(lines.hear(&pcm));
            }
            assert_eq!(found, 0, "pole {pole}");
        }
    }
}
