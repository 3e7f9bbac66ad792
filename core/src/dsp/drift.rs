// SPDX-License-Identifier: MIT OR Apache-2.0
//! Resampling between two clocks that are meant to run alike and don't: at a ratio close to 1 that changes
//! all the time.
//!
//! A sinc of 32 taps under a Kaiser window (beta 8), tabulated at 256 places between two samples and
//! interpolated between those. Nothing has to be kept from folding at a thousandth of the rate, so the pass
//! band is all that 32 taps allow. The place is counted in double precision: the same on every machine.

use alloc::boxed::Box;
use alloc::vec;

use super::resample::bessel_i0;
use crate::within::Within;

/// Taps, and places of the table between two samples.
const TAPS: usize = 32;
const PLACES: usize = 256;
const BETA: f64 = 8.0;

/// Gives one sample at a time, taking as many as it needs; it lags by half its taps.
#[derive(Debug, Clone)]
pub(crate) struct DriftResampler {
    /// A row of taps a place, the oldest sample's first; one row more than there are places.
    table: Box<[[f32; TAPS]]>,
    /// The last samples, twice in a row, so that they lie together wherever they begin.
    past: [f32; 2 * TAPS],
    first: usize,
    /// Where the next output lies behind the sample in the middle, 0 to 1.
    place: f64,
}

impl DriftResampler {
    pub(crate) fn new() -> Self {
        let mut table = vec![[0.0; TAPS]; PLACES + 1].into_boxed_slice();
        for (place, row) in table.iter_mut().enumerate() {
            let behind = place as f64 / PLACES as f64;
            let value = |n: usize| {
                let x = n as f64 - (TAPS / 2 - 1) as f64 - behind;
                let w = x / (TAPS / 2) as f64;
                let window = bessel_i0(BETA * libm::sqrt((1.0 - w * w).max(0.0)));
                let angle = core::f64::consts::PI * x;
                window * if angle == 0.0 { 1.0 } else { libm::sin(angle) / angle }
            };
            let sum: f64 = (0..TAPS).map(value).sum();
            for (n, tap) in row.iter_mut().enumerate() {
                *tap = (value(n) / sum) as f32;
            }
        }
        Self { table, past: [0.0; 2 * TAPS], first: 0, place: 0.0 }
    }

    /// The next sample of the output, `step` samples of the input (about 1) behind the last. `input` is
    /// asked for as many as that takes.
    ///
    /// Real-time: yes.
    #[inline]
    pub(crate) fn next(&mut self, step: f64, mut input: impl FnMut() -> f32) -> f32 {
        self.place += step;
        // Not more than one is ever needed, but for a step of 2.
        for _ in 0..2 {
            if self.place < 1.0 {
                break;
            }
            self.place -= 1.0;
            let sample = input();
            self.past.put(self.first, sample);
            self.past.put(self.first + TAPS, sample);
            self.first = (self.first + 1) % TAPS;
        }
        let at = self.place * PLACES as f64;
        let (row, between) = (at as usize % PLACES, (at - libm::floor(at)) as f32);
        let (_, past) = self.past.cut(self.first);
        let (Some(past), Some([a, b])) =
            (past.first_chunk::<TAPS>(), self.table.get(row..).and_then(|t| t.first_chunk::<2>()))
        else {
            return 0.0;
        };
        // Eight sums side by side, in a fixed order.
        let (mut low, mut high) = ([0.0_f32; 8], [0.0_f32; 8]);
        for n in (0..TAPS).step_by(8) {
            for lane in 0..8 {
                low[lane] += a[n + lane] * past[n + lane];
                high[lane] += b[n + lane] * past[n + lane];
            }
        }
        let (low, high): (f32, f32) = (low.iter().sum(), high.iter().sum());
        low + between * (high - low)
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::f64::consts::TAU;

    /// How far a tone that is `ratio` off comes out above everything else, in dB; least squares.
    fn purity_db(hz: f64, ratio: f64) -> f64 {
        let rate = 16_000.0;
        let mut resampler = DriftResampler::new();
        let mut n = 0_u32;
        let pcm: Vec<f64> = (0..16_000)
            .map(|_| {
                f64::from(resampler.next(ratio, || {
                    n += 1;
                    (f64::from(n) * hz / rate * TAU).sin() as f32
                }))
            })
            .collect();
        let pcm = &pcm[400..];
        let step = hz * ratio / rate * TAU;
        // Normal equations of a sine and a cosine that are not quite orthogonal.
        let (mut cc, mut ss, mut cs, mut xc, mut xs, mut xx) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (n, x) in pcm.iter().enumerate() {
            let (s, c) = (n as f64 * step).sin_cos();
            (cc, ss, cs) = (cc + c * c, ss + s * s, cs + c * s);
            (xc, xs, xx) = (xc + x * c, xs + x * s, xx + x * x);
        }
        let det = cc * ss - cs * cs;
        let (a, b) = ((xc * ss - xs * cs) / det, (xs * cc - xc * cs) / det);
        let tone = a * xc + b * xs;
        10.0 * (tone / (xx - tone).max(1e-12)).log10()
    }

    #[test]
    fn tones_of_any_drift_keep_their_purity() {
        for ratio in [1.0, 1.0 + 300e-6, 1.0 - 300e-6, 1.001, 0.999] {
            for (hz, least) in [(200.0, 85.0), (1_000.0, 85.0), (3_400.0, 80.0), (6_500.0, 70.0)] {
                let purity = purity_db(hz, ratio);
                assert!(purity > least, "{hz} Hz at {ratio}: {purity} dB");
            }
        }
    }

    #[test]
    fn as_many_samples_are_taken_as_the_clocks_differ_by() {
        let (mut resampler, mut taken) = (DriftResampler::new(), 0);
        for _ in 0..1_000_000 {
            resampler.next(1.0 + 250e-6, || {
                taken += 1;
                0.0
            });
        }
        assert_eq!(taken, 1_000_250);
    }
}
