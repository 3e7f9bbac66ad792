// SPDX-License-Identifier: MIT OR Apache-2.0
//! Playing a little faster or slower ([`DriftMode::Resample`](crate::jitter::DriftMode::Resample)): the sender's clock and slow
//! changes of the delay are followed without a splice, at the price of a pitch that is off by as
//! much. Audio thread only; nothing allocates after creation.
//!
//! A windowed sinc in [`PHASES`] positions between two samples, with straight lines between those.
//! The position is a fixed-point number, so that no error adds up over days.

use alloc::boxed::Box;

use crate::math;
use crate::within::Within;

/// Samples that make one; the sound comes later by half of them.
pub(crate) const TAPS: usize = 24;
const PHASES: usize = 64;
/// Kaiser's window parameter: side lobes 70 dB down.
const BETA: f64 = 7.0;
/// Largest departure from the usual speed.
const MAX_DEPARTURE: f32 = 0.005;
/// Over how many seconds an excess of delay is made up for, about, and is smoothed.
const SETTLE_S: f32 = 12.0;
const SMOOTH_S: f32 = 3.0;
/// The same where the delay is on its way to another place.
const SETTLE_SOON_S: f32 = 3.0;
const SMOOTH_SOON_S: f32 = 0.3;
/// A sample in the fixed-point position.
const ONE: u64 = 1 << 32;

/// Changes the speed of one stream.
#[derive(Debug)]
pub(crate) struct Varispeed {
    kernel: Box<Kernel>,
    /// The last [`TAPS`] samples, and room for those of a frame.
    samples: Box<[i16]>,
    /// Where the next sample is, as a part of the distance between two.
    fraction: u64,
    excess_ms: f32,
    /// Samples taken for each that is given, less 1.
    departure: f32,
}

impl Varispeed {
    /// Made for frames of `frame` samples.
    pub(crate) fn new(frame: usize) -> Self {
        let most = frame + (frame as f32 * MAX_DEPARTURE) as usize + 2;
        Self {
            kernel: kernel(),
            samples: alloc::vec![0; TAPS + most].into_boxed_slice(),
            fraction: 0,
            excess_ms: 0.0,
            departure: 0.0,
        }
    }

    /// Takes in by how much the delay exceeds its target now, 10 ms after the last time, and whether that is to
    /// end `soon`.
    pub(crate) fn steer(&mut self, excess_ms: f32, soon: bool) {
        let (smooth_s, settle_s) =
            if soon { (SMOOTH_SOON_S, SETTLE_SOON_S) } else { (SMOOTH_S, SETTLE_S) };
        self.excess_ms += (excess_ms - self.excess_ms) * (0.01 / smooth_s);
        let departure = self.excess_ms * (1e-3 / settle_s);
        self.departure = departure.clamp(-MAX_DEPARTURE, MAX_DEPARTURE);
    }

    /// Fills `out` from the samples that `make` gives, called once with as many as are needed.
    pub(crate) fn frame<T>(&mut self, out: &mut [i16], make: impl FnOnce(&mut [i16]) -> T) -> T {
        let step = (ONE as i64 + (self.departure * ONE as f32) as i64) as u64;
        let taken = ((self.fraction + step * out.len() as u64) >> 32) as usize;
        let made = make(self.samples.span_mut(TAPS..TAPS + taken));
        let mut at = self.fraction;
        for sample in out.iter_mut() {
            let index = (at >> 32) as usize;
            *sample = self.between(index, at as u32);
            at += step;
        }
        self.samples.shift(taken..taken + TAPS, 0);
        self.fraction = at & (ONE - 1);
        made
    }

    /// The sample at a fraction of the way between the two in the middle of those from `index` on.
    #[inline]
    fn between(&self, index: usize, fraction: u32) -> i16 {
        const STEP: u32 = (ONE / PHASES as u64) as u32;
        let phase = (fraction / STEP) as usize;
        let weight = (fraction % STEP) as f32 * (1.0 / STEP as f32);
        let (low, high) = (&self.kernel[phase], &self.kernel[phase + 1]);
        let Some(samples) = self.samples.past(index).first_chunk::<TAPS>() else { return 0 };
        let mut sums = [0.0_f32; 8];
        let rows = low.as_chunks::<8>().0.iter().zip(high.as_chunks::<8>().0);
        for (s, (l, h)) in samples.as_chunks::<8>().0.iter().zip(rows) {
            for lane in 0..8 {
                sums[lane] += f32::from(s[lane]) * (l[lane] + (h[lane] - l[lane]) * weight);
            }
        }
        let sum: f32 = sums.iter().sum();
        math::round_ties_even(sum) as i16
    }
}

type Kernel = [[f32; TAPS]; PHASES + 1];

/// Row `p` interpolates at `p / PHASES` of the way from sample `TAPS / 2 - 1` to the next.
fn kernel() -> Box<Kernel> {
    let mut rows = Box::new([[0.0; TAPS]; PHASES + 1]);
    let half = TAPS as f64 / 2.0;
    for (phase, row) in rows.iter_mut().enumerate() {
        let mut sum = 0.0;
        for (tap, value) in row.iter_mut().enumerate() {
            let x = tap as f64 - (half - 1.0) - phase as f64 / PHASES as f64;
            let within = (1.0 - (x / half) * (x / half)).max(0.0);
            let window = bessel_0(BETA * sqrt(within)) / bessel_0(BETA);
            let sinc = if x == 0.0 {
                1.0
            } else {
                let angle = core::f64::consts::PI * x;
                sin(angle) / angle
            };
            *value = (sinc * window) as f32;
            sum += *value;
        }
        // A constant stays what it is.
        row.iter_mut().for_each(|value| *value /= sum);
    }
    rows
}

/// The modified Bessel function of order 0, by its series.
fn bessel_0(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))) * (x / (2.0 * f64::from(k)));
        sum += term;
    }
    sum
}

fn sqrt(x: f64) -> f64 {
    f64::from(math::sqrt(x as f32))
}

/// The sine, brought to the first quarter before single precision cuts it.
fn sin(angle: f64) -> f64 {
    use core::f64::consts::PI;
    let turns = (angle / PI) as i64;
    let rest = angle - turns as f64 * PI;
    let sign = if turns % 2 == 0 { 1.0 } else { -1.0 };
    sign * f64::from(math::sin(rest as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Plays `count` frames of 10 ms at 16 kHz with an excess of delay that stays.
    fn play(excess_ms: f32, count: usize, mut at: impl FnMut(usize) -> i16) -> (Vec<i16>, usize) {
        let mut varispeed = Varispeed::new(160);
        let (mut out, mut taken) = (alloc::vec![0; 160 * count], 0);
        for frame in out.chunks_exact_mut(160) {
            varispeed.steer(excess_ms, false);
            varispeed.frame(frame, |pcm| {
                for sample in pcm {
                    *sample = at(taken);
                    taken += 1;
                }
            });
        }
        (out, taken)
    }

    #[test]
    fn without_an_excess_samples_come_through_as_they_are() {
        let at = |n: usize| ((n * 7919) % 60_000) as i16;
        let (out, taken) = play(0.0, 10, at);
        assert_eq!(taken, out.len());
        let late = TAPS / 2 + 1;
        for (n, sample) in out[late..].iter().enumerate() {
            assert_eq!(*sample, at(n), "{n}");
        }
    }

    #[test]
    fn too_much_delay_is_played_away_and_never_faster_than_half_a_percent() {
        let (out, taken) = play(12.0, 6_000, |_| 0);
        let departure = taken as f64 / out.len() as f64 - 1.0;
        assert!((departure - 0.001).abs() < 6e-5, "{departure}");
        let (out, taken) = play(-1e6, 6_000, |_| 0);
        let departure = taken as f64 / out.len() as f64 - 1.0;
        assert!((departure + 0.005).abs() < 1e-4, "{departure}");
    }

    #[test]
    fn a_tone_stays_a_tone_up_to_two_fifths_of_the_rate() {
        for hz in [200.0_f64, 1_000.0, 3_400.0, 6_400.0] {
            let turn = core::f64::consts::TAU * hz / 16_000.0;
            let (out, _) = play(600.0, 3_000, |n| (10_000.0 * (turn * n as f64).sin()) as i16);
            // At the end the speed is constant: 0.5 % fast.
            let turn = turn * 1.005;
            let tail = &out[out.len() - 16_000..];
            let (mut s, mut c, mut all) = (0.0, 0.0, 0.0);
            for (n, &y) in tail.iter().enumerate() {
                let (y, angle) = (f64::from(y), turn * n as f64);
                s += y * angle.sin();
                c += y * angle.cos();
                all += y * y;
            }
            let tone = (s * s + c * c) * 2.0 / tail.len() as f64;
            let snr_db = 10.0 * (tone / (all - tone).max(1.0)).log10();
            assert!(snr_db > 60.0, "{hz} Hz: {snr_db} dB");
        }
    }
}
