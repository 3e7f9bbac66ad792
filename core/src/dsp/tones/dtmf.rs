// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hearing DTMF digits in the audio (ITU-T Q.23, Q.24), and taking them out.
//!
//! Eight resonators (G. Goertzel, 1958) over windows of 12.75 ms that overlap by half. Of a window that
//! could hold a digit, the louder tone is fitted and taken out, then the other is looked for in what is
//! left, so that a row is found below a column of 8 dB more. A window holds a digit when both stand far above
//! the others of their group, are about as loud as each other, and leave nearly nothing: speech fails the
//! last. When four windows agree, all their 32 ms tell the frequencies, which must be within 2.5 %: Q.24
//! wants 1.5 % taken and 3.5 % refused.

use alloc::boxed::Box;
use alloc::vec;

use super::eight_kilohertz::EightKilohertz;
use super::sinusoid::Sinusoid;
use super::{COLUMNS_HZ, KEYS, ROWS_HZ};
use crate::math;
use crate::within::Within;

/// Samples of half a window at 8 kHz.
const HALF: usize = 51;
/// Windows in a row until a digit counts: 32 ms. Q.24 wants 40 ms recognised.
const WINDOWS: u32 = 4;
const HISTORY: usize = (WINDOWS as usize + 1) * HALF;
/// Windows without it until it is over: Q.24 wants a break of 10 ms bridged and one of 40 seen.
const GAP_WINDOWS: u32 = 4;
/// Quieter than this is no digit: mean square of -43 dBov.
const MIN_MEAN_SQUARE: f32 = 53_800.0;
/// Part of the energy that the two resonators must have for a window to be looked into, and that the two
/// tones must have once they are fitted.
const PLAUSIBLE_SHARE: f32 = 0.4;
const MIN_SHARE: f32 = 0.87;
/// How far the second strongest of a group must lie below the strongest, as a ratio of energies.
const SELECTIVITY: f32 = 5.0;
/// How much louder one tone may be than the other, as a ratio of energies: 8 dB, and what is measured
/// wrongly.
const TWIST: f32 = 7.5;
/// A tone is fitted at its frequency and this much to either side.
const FIT: f32 = 0.015;
/// Frequencies from this far off are as near to others as to a digit's own.
const OFF: f32 = 0.05;

/// Listens for digits in one stream.
#[derive(Debug, Clone)]
pub struct DtmfDetector {
    coefficients: [f32; 8],
    samples: EightKilohertz,
    /// The latest windows' samples.
    history: [f32; HISTORY],
    filled: usize,
    /// The digit of the last windows, and how many have had it.
    candidate: Option<u8>,
    windows: u32,
    current: Option<u8>,
    gap: u32,
}

impl DtmfDetector {
    /// Listens at 8000 Hz or a multiple of it; `None` for another rate.
    pub fn new(rate_hz: u32) -> Option<Self> {
        let samples = EightKilohertz::of(rate_hz)?;
        let mut coefficients = [0.0; 8];
        for (coefficient, hz) in coefficients.iter_mut().zip(ROWS_HZ.iter().chain(&COLUMNS_HZ)) {
            let w = core::f32::consts::TAU * f32::from(*hz) / 8_000.0;
            *coefficient = 2.0 * math::cos(w);
        }
        Some(Self {
            coefficients,
            samples,
            history: [0.0; HISTORY],
            filled: HISTORY - HALF,
            candidate: None,
            windows: 0,
            current: None,
            gap: 0,
        })
    }

    /// Takes in what comes next; a digit's event (RFC 4733) once, when it has been recognised. Of
    /// several in one call the last; calls of 10 to 20 ms miss none.
    pub fn process(&mut self, pcm: &[i16]) -> Option<u8> {
        let mut found = None;
        for sample in pcm {
            if !self.samples.takes_next() {
                continue;
            }
            self.history.put(self.filled, f32::from(*sample));
            self.filled += 1;
            if self.filled == HISTORY {
                found = self.next_window().or(found);
                self.history.copy_within(HALF.., 0);
                self.filled = HISTORY - HALF;
            }
        }
        found
    }

    /// The digit that is heard just now.
    pub fn current(&self) -> Option<u8> {
        self.current
    }

    /// Whether the last window held a digit that has not been recognised yet.
    fn is_suspicious(&self) -> bool {
        self.candidate.is_some()
    }

    fn next_window(&mut self) -> Option<u8> {
        let seen = self.digit();
        if seen == self.candidate {
            self.windows += 1;
        } else {
            (self.candidate, self.windows) = (seen, 1);
        }
        if seen.is_some() && seen == self.current {
            self.gap = 0;
        } else if self.current.is_some() {
            self.gap += 1;
            if self.gap >= GAP_WINDOWS {
                self.current = None;
            }
        }
        if seen.is_some()
            && seen != self.current
            && self.windows >= WINDOWS
            && seen.is_some_and(|event| self.is_in_tune(event))
        {
            self.current = seen;
            self.gap = 0;
            return seen;
        }
        None
    }

    /// The digit in the last window, if there is one.
    fn digit(&self) -> Option<u8> {
        let mut window = *self.history.last_chunk::<{ 2 * HALF }>()?;
        let total: f32 = window.iter().map(|x| x * x).sum();
        if total < MIN_MEAN_SQUARE * window.len() as f32 {
            return None;
        }
        let energies = self.coefficients.map(|coefficient| resonance(&window, coefficient));
        let strongest_of = |group: &[f32]| group.iter().copied().fold(0.0, f32::max);
        let (rows, columns) = energies.split_at(4);
        let (row, column) = (strongest_of(rows), strongest_of(columns));
        // A resonator's energy of a sinusoid is its mean square times half the square of the length.
        if 2.0 * (row + column) < PLAUSIBLE_SHARE * total * window.len() as f32 {
            return None;
        }
        let (row, column, row_energy, column_energy) = if row >= column {
            let (row, row_energy) = take_out(&mut window, rows, &ROWS_HZ)?;
            let columns = self.coefficients.last_chunk::<4>()?;
            let columns = columns.map(|coefficient| resonance(&window, coefficient));
            let (column, column_energy) = take_out(&mut window, &columns, &COLUMNS_HZ)?;
            (row, column, row_energy, column_energy)
        } else {
            let (column, column_energy) = take_out(&mut window, columns, &COLUMNS_HZ)?;
            let rows = self.coefficients.first_chunk::<4>()?;
            let rows = rows.map(|coefficient| resonance(&window, coefficient));
            let (row, row_energy) = take_out(&mut window, &rows, &ROWS_HZ)?;
            (row, column, row_energy, column_energy)
        };
        let left: f32 = window.iter().map(|x| x * x).sum();
        let balanced = row_energy <= TWIST * column_energy && column_energy <= TWIST * row_energy;
        let key = KEYS.get(row)?.get(column)?;
        (balanced && left <= (1.0 - MIN_SHARE) * total).then_some(*key)
    }

    /// Whether both frequencies are nearer to the digit's than to those 5 % off, over all windows. These
    /// are weighted so that neither tone is seen at the other's frequency (J. von Hann's window).
    #[cold]
    fn is_in_tune(&self, event: u8) -> bool {
        let Some((row_hz, column_hz)) = super::dtmf_frequencies_hz(event) else { return false };
        let mut weighted = self.history;
        for (n, x) in weighted.iter_mut().enumerate() {
            let turn = core::f32::consts::TAU * (n as f32 + 0.5) / HISTORY as f32;
            *x *= 1.0 - math::cos(turn);
        }
        [row_hz, column_hz].iter().all(|hz| {
            let energy = |share: f32| {
                let w = core::f32::consts::TAU * f32::from(*hz) * share / 8_000.0;
                resonance(&weighted, 2.0 * math::cos(w))
            };
            let own = energy(1.0);
            own > energy(1.0 - OFF) && own > energy(1.0 + OFF)
        })
    }
}

/// Energy of a resonator with the coefficient `2 cos(w)` after these samples.
fn resonance(samples: &[f32], coefficient: f32) -> f32 {
    let (mut s1, mut s2) = (0.0, 0.0);
    for x in samples {
        (s1, s2) = (x + coefficient * s1 - s2, s1);
    }
    s1 * s1 + s2 * s2 - coefficient * s1 * s2
}

/// Takes the strongest of a group out of the window, if it stands out; which it is, and its energy.
fn take_out(window: &mut [f32], energies: &[f32], group_hz: &[u16; 4]) -> Option<(usize, f32)> {
    let (index, _) = strongest(energies)?;
    let hz = f32::from(*group_hz.get(index)?);
    let fits = [1.0 - FIT, 1.0, 1.0 + FIT].map(|share| Sinusoid::fit(window, hz * share));
    let best = fits.into_iter().max_by(|a, b| a.square().total_cmp(&b.square()))?;
    best.subtract_from(window);
    Some((index, best.square()))
}

/// The strongest of four that stands out from the others.
fn strongest(energies: &[f32]) -> Option<(usize, f32)> {
    let (index, energy) =
        energies.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let others = energies.iter().enumerate().filter(|(n, _)| *n != index);
    others
        .map(|(_, other)| *other)
        .all(|other| other * SELECTIVITY < energy)
        .then_some((index, energy))
}

/// Takes digits out of a stream: what is heard comes [`DtmfFilter::delay_samples`] later, so that a
/// digit's start can be silenced when it has been recognised.
#[derive(Debug, Clone)]
pub struct DtmfFilter {
    detector: DtmfDetector,
    line: Box<[i16]>,
    at: usize,
}

impl DtmfFilter {
    /// Longest time from a digit's first sample to its recognition, in ms.
    const LOOK_BACK_MS: usize = 45;

    /// A filter at 8000 Hz or a multiple of it; `None` for another rate.
    ///
    /// Real-time: no (allocates).
    pub fn new(rate_hz: u32) -> Option<Self> {
        let detector = DtmfDetector::new(rate_hz)?;
        let line = vec![0; rate_hz as usize / 1_000 * Self::LOOK_BACK_MS].into();
        Some(Self { detector, line, at: 0 })
    }

    /// How much later everything is heard.
    pub fn delay_samples(&self) -> usize {
        self.line.len()
    }

    /// Delays `pcm` and silences digits in it; a digit's event once, when it has been recognised.
    pub fn process(&mut self, pcm: &mut [i16]) -> Option<u8> {
        let mut found = None;
        // Pieces shorter than a window, so that the line is cleared while the start is still in it.
        for piece in pcm.chunks_mut(HALF) {
            if let Some(event) = self.detector.process(piece) {
                found = Some(event);
                self.line.fill(0);
            }
            let silent = self.detector.current().is_some();
            for sample in piece {
                let new = if silent { 0 } else { *sample };
                if let Some(place) = self.line.get_mut(self.at) {
                    *sample = core::mem::replace(place, new);
                }
                self.at += 1;
                if self.at >= self.line.len() {
                    self.at = 0;
                }
            }
        }
        found
    }

    /// Whether a digit is being heard or suspected.
    pub fn is_active(&self) -> bool {
        self.detector.current().is_some() || self.detector.is_suspicious()
    }
}
