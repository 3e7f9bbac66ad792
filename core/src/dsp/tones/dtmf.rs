// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hearing DTMF digits in the sound (ITU-T Q.23, Q.24), and taking them out.
//!
//! Eight resonators (G. Goertzel, 1958) over windows of 12.75 ms that overlap by half. A window
//! holds a digit when one row and one column stand far above the others, are about as loud as each
//! other, and together are nearly all there is: speech fails the last.

use alloc::boxed::Box;
use alloc::vec;

use super::{COLUMNS_HZ, KEYS, ROWS_HZ};
use crate::math;
use crate::within::Within;

/// Samples of half a window at 8 kHz.
const HALF: usize = 51;
/// Windows in a row until a digit counts: 32 ms. Q.24 wants 40 ms recognised.
const WINDOWS: u32 = 4;
/// Windows without it until it is over.
const GAP_WINDOWS: u32 = 3;
/// Quieter than this is no digit: mean square of -43 dBov.
const MIN_MEAN_SQUARE: f32 = 53_800.0;
/// Part of the energy that the two frequencies must have. A window's ends leave some out.
const MIN_SHARE: f32 = 0.82;
/// How far the second strongest of a group must lie below the strongest, as a ratio of energies.
const SELECTIVITY: f32 = 5.0;
/// How much louder the row may be than the column (8 dB), and the other way round (6 dB).
const TWIST: f32 = 6.3;
const REVERSE_TWIST: f32 = 4.0;

/// Listens for digits in one stream.
#[derive(Debug, Clone)]
pub struct DtmfDetector {
    coefficients: [f32; 8],
    step: usize,
    skip: usize,
    window: [f32; 2 * HALF],
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
        if rate_hz < 8_000 || !rate_hz.is_multiple_of(8_000) || rate_hz > 48_000 {
            return None;
        }
        let mut coefficients = [0.0; 8];
        for (coefficient, hz) in coefficients.iter_mut().zip(ROWS_HZ.iter().chain(&COLUMNS_HZ)) {
            let w = core::f32::consts::TAU * f32::from(*hz) / 8_000.0;
            *coefficient = 2.0 * math::cos(w);
        }
        Some(Self {
            coefficients,
            step: (rate_hz / 8_000) as usize,
            skip: 0,
            window: [0.0; 2 * HALF],
            filled: HALF,
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
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.skip = self.step - 1;
            self.window.put(self.filled, f32::from(*sample));
            self.filled += 1;
            if self.filled == 2 * HALF {
                found = self.next_window().or(found);
                let (old, new) = self.window.split_at_mut(HALF);
                old.copy_from_slice(new);
                self.filled = HALF;
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
        if seen.is_some() && seen != self.current && self.windows >= WINDOWS {
            self.current = seen;
            self.gap = 0;
            return seen;
        }
        None
    }

    /// The digit in the window, if there is one.
    fn digit(&self) -> Option<u8> {
        let total: f32 = self.window.iter().map(|x| x * x).sum();
        if total < MIN_MEAN_SQUARE * self.window.len() as f32 {
            return None;
        }
        let mut energies = [0.0; 8];
        for (energy, coefficient) in energies.iter_mut().zip(self.coefficients) {
            let (mut s1, mut s2) = (0.0, 0.0);
            for x in self.window {
                (s1, s2) = (x + coefficient * s1 - s2, s1);
            }
            *energy = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
        }
        let (rows, columns) = energies.split_at(4);
        let (row, row_energy) = strongest(rows)?;
        let (column, column_energy) = strongest(columns)?;
        let balanced =
            row_energy <= TWIST * column_energy && column_energy <= REVERSE_TWIST * row_energy;
        // A resonator's energy of a sinusoid is its mean square times half the square of the length.
        let share = 2.0 * (row_energy + column_energy) / (total * self.window.len() as f32);
        let key = KEYS.get(row)?.get(column)?;
        (balanced && share >= MIN_SHARE).then_some(*key)
    }
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
