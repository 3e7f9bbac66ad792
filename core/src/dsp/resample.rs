// SPDX-License-Identifier: MIT OR Apache-2.0
//! Between the rates of telephony, 8, 16, 32 and 48 kHz, and those of speech services, 12 and 24 kHz, by
//! polyphase filters.
//!
//! One linear-phase low-pass (a sinc under a Kaiser window, beta 6; J. F. Kaiser and R. W. Schafer,
//! 1980) of 32 taps a phase, cut into its phases. Its pass band reaches 0.42 of the lower rate
//! (3.4 kHz at 8 kHz) within 0.1 dB, its stop band starts at 0.58 and lies below -60 dB; what folds
//! in between lands above the pass band. The delay is 16 samples of the lower rate, less half a step of the rate that
//! both divide: the filter's length is even.
//!
//! Outputs of one phase are a plain filter over every so many inputs; inputs are first dealt out to
//! that many streams, and then 32 outputs are computed side by side. Each adds its products
//! up in the order of the taps, so every vector unit gives the same bits.
#![allow(unsafe_code)] // Calls of functions compiled for a vector unit, after asking for it.

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;
use core::num::NonZeroUsize;

use super::versions::{Unit, versions};
use crate::within::Within;

/// Taps a phase, at the lower rate's pace.
const TAPS: usize = 32;
/// Shape of the Kaiser window.
const BETA: f64 = 6.0;
/// Outputs computed side by side.
const LANES: usize = 32;

/// The rates of telephony: those of legs and mixers.
pub const RATES_HZ: [u32; 4] = [8_000, 16_000, 32_000, 48_000];

/// The rates that can be converted between.
pub const CONVERTED_HZ: [u32; 6] = [8_000, 12_000, 16_000, 24_000, 32_000, 48_000];

/// A pair of rates that can't be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsupportedRate;

impl fmt::Display for UnsupportedRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only 8000, 12000, 16000, 24000, 32000 and 48000 Hz can be converted")
    }
}

impl core::error::Error for UnsupportedRate {}

/// A sample that a resampler takes in or gives out.
pub trait Sample: Copy {
    /// As a number of 16-bit steps.
    fn to_f32(self) -> f32;
    /// The nearest value of this type.
    fn from_f32(value: f32) -> Self;
}

impl Sample for i16 {
    #[inline]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
    #[inline]
    fn from_f32(value: f32) -> Self {
        // `as` saturates.
        nearest(value) as i16
    }
}

impl Sample for i32 {
    #[inline]
    fn to_f32(self) -> f32 {
        self as f32
    }
    #[inline]
    fn from_f32(value: f32) -> Self {
        nearest(value) as i32
    }
}

impl Sample for f32 {
    #[inline]
    fn to_f32(self) -> f32 {
        self
    }
    #[inline]
    fn from_f32(value: f32) -> Self {
        value
    }
}

/// The nearest integer, ties to even, in operations that every vector unit has.
#[inline]
fn nearest(value: f32) -> f32 {
    /// From here on there are only integers.
    const INTEGERS: f32 = 8_388_608.0;
    let size = value.abs();
    let rounded = if size < INTEGERS { (size + INTEGERS) - INTEGERS } else { size };
    rounded.copysign(value)
}

/// Converts one stream of mono samples from one rate to another.
#[derive(Debug, Clone)]
pub struct Resampler {
    /// Interpolation and decimation of the reduced ratio.
    up: NonZeroUsize,
    down: NonZeroUsize,
    /// Input samples filtered at a time: 10 ms.
    chunk: NonZeroUsize,
    /// Per phase, oldest sample's tap first.
    phases: Box<[f32]>,
    taps: usize,
    /// The last `taps - 1` inputs, then the chunk at hand.
    history: Box<[f32]>,
    /// The same, dealt out to `down` streams of `stream_len` each.
    streams: Box<[f32]>,
    stream_len: NonZeroUsize,
    /// Outputs of one phase.
    filtered: Box<[f32]>,
    /// Ticks of the common rate from the chunk's first input to the next output.
    next: usize,
    unit: Unit,
}

impl Resampler {
    /// Makes a resampler; equal rates are copied through.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`UnsupportedRate`] unless both are among [`CONVERTED_HZ`].
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, UnsupportedRate> {
        if !CONVERTED_HZ.contains(&from_hz) || !CONVERTED_HZ.contains(&to_hz) {
            return Err(UnsupportedRate);
        }
        let divisor = greatest_common_divisor(from_hz, to_hz);
        let of_divisor = |hz| NonZeroUsize::new((hz / divisor) as usize).ok_or(UnsupportedRate);
        let ratio = (of_divisor(to_hz)?, of_divisor(from_hz)?);
        let (up, down) = (ratio.0.get(), ratio.1.get());
        let chunk = NonZeroUsize::new(from_hz as usize / 100).ok_or(UnsupportedRate)?;
        if up == down {
            return Ok(Self {
                up: ratio.0,
                down: ratio.1,
                chunk,
                phases: Box::default(),
                taps: 0,
                history: Box::default(),
                streams: Box::default(),
                stream_len: NonZeroUsize::MIN,
                filtered: Box::default(),
                next: 0,
                unit: Unit::Baseline,
            });
        }
        // At the common rate, the lower of the two rates has a sample every max(up, down).
        let slow = up.max(down);
        let taps = (TAPS * slow).div_ceil(up);
        let prototype = prototype(TAPS * slow, slow, up);
        let mut phases = vec![0.0; up * taps].into_boxed_slice();
        for (phase, coefficients) in phases.chunks_exact_mut(taps).enumerate() {
            for (age, coefficient) in coefficients.iter_mut().rev().enumerate() {
                *coefficient = prototype.get(phase + age * up).copied().unwrap_or(0.0);
            }
        }
        let history = vec![0.0; taps - 1 + chunk.get()].into_boxed_slice();
        // What is computed beyond the last output reads beyond the last input.
        let stream_len = history.len().div_ceil(down) + LANES;
        let stream_len = NonZeroUsize::new(stream_len).ok_or(UnsupportedRate)?;
        let streams = vec![0.0; down * stream_len.get()].into_boxed_slice();
        let filtered = chunk.get().div_ceil(down).next_multiple_of(LANES);
        let filtered = vec![0.0; filtered].into_boxed_slice();
        let unit = Unit::widest();
        let (up, down) = ratio;
        Ok(Self {
            up,
            down,
            chunk,
            phases,
            taps,
            history,
            streams,
            stream_len,
            filtered,
            next: 0,
            unit,
        })
    }

    /// How many samples the next `input` samples give.
    pub fn output_len(&self, input: usize) -> usize {
        (input * self.up.get()).saturating_sub(self.next).div_ceil(self.down.get())
    }

    /// Converts all of `input` to the front of `output` and returns how many samples there are.
    /// What does not fit into `output` is lost; [`Resampler::output_len`] says how much that is.
    ///
    /// Real-time: yes.
    pub fn process<I: Sample, O: Sample>(&mut self, input: &[I], output: &mut [O]) -> usize {
        if self.taps == 0 {
            for (out, sample) in output.iter_mut().zip(input) {
                *out = O::from_f32(sample.to_f32());
            }
            return input.len().min(output.len());
        }
        let (up, down, past) = (self.up.get(), self.down.get(), self.taps - 1);
        let mut written = 0;
        for chunk in input.chunks(self.chunk.get()) {
            for (slot, sample) in self.history.past_mut(past).iter_mut().zip(chunk) {
                *slot = sample.to_f32();
            }
            self.deal(past + chunk.len());
            let end = chunk.len() * up;
            let outputs = end.saturating_sub(self.next).div_ceil(down);
            let room = output.get_mut(written..).unwrap_or_default();
            for turn in 0..up.min(outputs) {
                let values = self.filter(turn, (outputs - turn).div_ceil(up));
                let places = room.get_mut(turn..).unwrap_or_default();
                for (out, value) in places.iter_mut().step_by(up).zip(values) {
                    *out = O::from_f32(*value);
                }
            }
            written += outputs.min(room.len());
            self.next = (self.next + outputs * down) - end;
            self.history.shift(chunk.len()..chunk.len() + past, 0);
        }
        written
    }

    /// Deals the first `count` of the history out to the streams.
    fn deal(&mut self, count: usize) {
        let inputs = self.history.head(count);
        let streams = self.streams.chunks_exact_mut(self.stream_len.get());
        for (stream, places) in streams.enumerate() {
            let inputs = inputs.get(stream..).unwrap_or_default();
            for (place, input) in places.iter_mut().zip(inputs.iter().step_by(self.down.get())) {
                *place = *input;
            }
        }
    }

    /// Computes `count` outputs: the one that is `turn` after the next, and every `up`th from there.
    fn filter(&mut self, turn: usize, count: usize) -> &[f32] {
        let tick = self.next + turn * self.down.get();
        let (offset, phase) = (tick / self.up, tick % self.up);
        let taps = self.phases.span(phase * self.taps..(phase + 1) * self.taps);
        let out = self.filtered.head_mut(count.next_multiple_of(LANES));
        filter(self.unit, &self.streams, self.stream_len.get(), self.down, offset, taps, out);
        self.filtered.head(count)
    }

    /// Forgets what went through.
    pub fn reset(&mut self) {
        self.history.fill(0.0);
        self.next = 0;
    }
}

versions! {
    /// One phase's filter: `out[n]` is the sum over the taps of a tap times an input, each of the
    /// `count` streams being `stream_len` long; the first tap meets input `offset` at `n` 0, and the
    /// next output is one further in all streams. `out` is whole blocks of [`LANES`].
    fn filter(unit, streams: &[f32], stream_len: usize, count: NonZeroUsize, offset: usize, taps: &[f32], out: &mut [f32])
        = filter_body;
}

#[inline(always)]
fn filter_body(
    streams: &[f32],
    stream_len: usize,
    count: NonZeroUsize,
    offset: usize,
    taps: &[f32],
    out: &mut [f32],
) {
    for (block, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let mut sums = [0.0_f32; LANES];
        let (mut stream, mut place) = (offset % count, offset / count + block * LANES);
        for tap in taps {
            let inputs = streams.get(stream * stream_len + place..);
            let Some(inputs) = inputs.and_then(<[f32]>::first_chunk::<LANES>) else { return };
            for lane in 0..LANES {
                sums[lane] += *tap * inputs[lane];
            }
            stream += 1;
            if stream == count.get() {
                (stream, place) = (0, place + 1);
            }
        }
        *out = sums;
    }
}

/// How much later what comes out of a [`Resampler`] is than what goes in, in samples of what comes out, and less the half
/// step that the module's head tells of.
pub(crate) fn delay_samples(from_hz: u32, to_hz: u32) -> u64 {
    if from_hz == to_hz {
        return 0;
    }
    // Half the filter, at the lower rate: whole for all rates that there are.
    (TAPS as u64 / 2 * u64::from(to_hz)).checked_div(from_hz.min(to_hz).into()).unwrap_or(0)
}

const fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The low-pass at the common rate: `length` taps, cut off at half the slower rate, scaled so that
/// each of `up` phases passes a constant unchanged.
fn prototype(length: usize, slow: usize, up: usize) -> Box<[f32]> {
    let middle = (length - 1) as f64 / 2.0;
    let taps: Box<[f64]> = (0..length)
        .map(|n| {
            let x = n as f64 - middle;
            let window =
                bessel_i0(BETA * libm::sqrt(1.0 - (x / (middle + 0.5)) * (x / (middle + 0.5))));
            sinc(x / slow as f64) * window
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| (tap * up as f64 / sum) as f32).collect()
}

fn sinc(x: f64) -> f64 {
    let angle = core::f64::consts::PI * x;
    if angle == 0.0 { 1.0 } else { libm::sin(angle) / angle }
}

/// Modified Bessel function of the first kind, order 0, by its series.
pub(super) fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..32 {
        term *= x / (2.0 * f64::from(k)) * (x / (2.0 * f64::from(k)));
        sum += term;
    }
    sum
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn tone(hz: f64, rate: u32, count: usize) -> Vec<i16> {
        let step = hz * core::f64::consts::TAU / f64::from(rate);
        (0..count).map(|n| ((n as f64 * step).sin() * 16_000.0).round() as i16).collect()
    }

    fn convert(from: u32, to: u32, input: &[i16]) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut output = vec![0; resampler.output_len(input.len())];
        assert_eq!(resampler.process(input, &mut output), output.len());
        output
    }

    /// Power of the component at `hz`, and of everything else, in dB relative to the tone put in.
    fn analyse(samples: &[i16], hz: f64, rate: u32) -> (f64, f64) {
        let samples = &samples[samples.len() / 4..samples.len() / 4 * 3];
        let step = hz * core::f64::consts::TAU / f64::from(rate);
        let (mut re, mut im, mut total) = (0.0, 0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let (sin, cos) = (n as f64 * step).sin_cos();
            re += f64::from(*sample) * cos;
            im += f64::from(*sample) * sin;
            total += f64::from(*sample) * f64::from(*sample);
        }
        let count = samples.len() as f64;
        let tone = 2.0 * (re * re + im * im) / (count * count);
        let reference = 16_000.0 * 16_000.0 / 2.0;
        let rest = (total / count - tone).max(1e-9);
        (10.0 * (tone / reference).max(1e-12).log10(), 10.0 * (rest / reference).log10())
    }

    #[test]
    fn pass_band_is_flat_and_images_and_aliases_are_below_60_db() {
        for from in CONVERTED_HZ {
            for to in CONVERTED_HZ {
                let low = from.min(to);
                for hz in [300.0, 1_000.0, 0.25 * f64::from(low), 0.42 * f64::from(low)] {
                    let (gain, rest) =
                        analyse(&convert(from, to, &tone(hz, from, from as usize)), hz, to);
                    assert!(gain.abs() < 0.1, "{from} to {to}: {hz} Hz at {gain:.2} dB");
                    assert!(rest < -60.0, "{from} to {to}: {hz} Hz leaves {rest:.1} dB");
                }
                if from > to {
                    let hz = 0.58 * f64::from(low);
                    let (_, rest) =
                        analyse(&convert(from, to, &tone(hz, from, from as usize)), hz, to);
                    assert!(rest < -60.0, "{from} to {to}: {hz} Hz aliases at {rest:.1} dB");
                }
            }
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_as_one_piece() {
        for (from, to) in [(8_000, 48_000), (48_000, 8_000), (48_000, 32_000), (32_000, 48_000)] {
            let input = tone(700.0, from, 4_801);
            let whole = convert(from, to, &input);
            let mut resampler = Resampler::new(from, to).unwrap();
            let (mut pieces, mut rest, mut size) = (Vec::new(), &input[..], 1);
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at(size.min(rest.len()));
                let mut out = vec![0_i16; resampler.output_len(piece.len())];
                resampler.process(piece, &mut out);
                pieces.extend_from_slice(&out);
                rest = tail;
                size = size * 3 % 1009 + 1;
            }
            assert_eq!(pieces, whole);
        }
    }

    #[test]
    fn ten_milliseconds_in_give_ten_milliseconds_out() {
        for from in CONVERTED_HZ {
            for to in CONVERTED_HZ {
                let mut resampler = Resampler::new(from, to).unwrap();
                for _ in 0..5 {
                    assert_eq!(resampler.output_len(from as usize / 100), to as usize / 100);
                    let mut out = [0_i32; 480];
                    let done = resampler.process(&vec![1_i32; from as usize / 100], &mut out);
                    assert_eq!(done, to as usize / 100);
                }
            }
        }
    }

    #[test]
    fn a_short_output_loses_the_rest_and_keeps_its_place() {
        let input = tone(700.0, 16_000, 960);
        let whole = convert(16_000, 8_000, &input);
        let mut resampler = Resampler::new(16_000, 8_000).unwrap();
        let mut first = [0_i16; 100];
        assert_eq!(resampler.process(&input[..480], &mut first), 100);
        let mut second = [0_i16; 240];
        assert_eq!(resampler.process(&input[480..], &mut second), 240);
        assert_eq!(second, whole[240..]);
    }

    #[test]
    fn every_vector_unit_gives_the_same_bits() {
        for from in CONVERTED_HZ {
            for to in CONVERTED_HZ {
                let input = tone(777.0, from, 4_000);
                let mut results = Unit::available().map(|unit| {
                    let mut resampler = Resampler::new(from, to).unwrap();
                    resampler.unit = unit;
                    let mut output = vec![0_i32; resampler.output_len(input.len())];
                    resampler.process(&input, &mut output);
                    output
                });
                let portable = results.next().unwrap();
                assert!(results.all(|output| output == portable), "{from} to {to}");
            }
        }
    }

    #[test]
    fn nearest_is_what_the_standard_library_says() {
        for value in [0.0_f32, 0.5, 1.5, 2.5, -0.5, -1.5, 1e9, -1e9, 8_388_607.5, 4_194_304.5] {
            for value in [value, value.next_up(), value.next_down()] {
                assert_eq!(nearest(value), value.round_ties_even(), "{value}");
            }
        }
    }

    #[test]
    fn other_rates_are_refused() {
        assert_eq!(Resampler::new(44_100, 8_000).err(), Some(UnsupportedRate));
        assert_eq!(Resampler::new(8_000, 0).err(), Some(UnsupportedRate));
    }
}
