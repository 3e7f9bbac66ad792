// SPDX-License-Identifier: MIT OR Apache-2.0
//! In-band tones: generated ([`Generator`], with the call progress tones of European and North American
//! [`plans`]; [`Player`], with digits), heard ([`DtmfDetector`], [`ToneDetector`], [`ProgressDetector`]) and
//! taken out again ([`DtmfFilter`]).
//!
//! Real-time: yes, all but the constructors.

mod detector;
mod dtmf;
mod eight_kilohertz;
mod generator;
mod information;
pub mod plans;
mod player;
mod progress;
mod sinusoid;
#[cfg(all(test, feature = "std"))]
mod tests;

pub use detector::{Tone, ToneDetector};
pub use dtmf::{DtmfDetector, DtmfFilter};
pub use generator::{Cadence, Generator, Part};
pub use player::{Digits, Player, PlayerError};
pub use progress::ProgressDetector;

/// Frequencies of the rows and columns of the keypad in Hz (ITU-T Q.23).
const ROWS_HZ: [u16; 4] = [697, 770, 852, 941];
const COLUMNS_HZ: [u16; 4] = [1_209, 1_336, 1_477, 1_633];
/// Telephone events (RFC 4733 section 3.2) by row and column.
const KEYS: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];

/// The two frequencies of a DTMF event, 0 to 15, in Hz.
pub fn dtmf_frequencies_hz(event: u8) -> Option<(u16, u16)> {
    let row = KEYS.iter().position(|row| row.contains(&event))?;
    let column = KEYS.get(row)?.iter().position(|key| *key == event)?;
    Some((*ROWS_HZ.get(row)?, *COLUMNS_HZ.get(column)?))
}
