// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the members of a share have said, on its way to the other shares.

use alloc::boxed::Box;
use alloc::vec;

use crate::dsp::resample::RATES_HZ;

pub(super) const RATES: usize = RATES_HZ.len();
/// Samples of 10 ms at the highest rate.
pub(super) const MAX_FRAME_SAMPLES: usize = 480;

/// What the members of a share have said in 10 ms, added up for each rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialSums {
    pub(super) rates: [Box<[i32]>; RATES],
    /// Rates at which somebody was heard.
    pub(super) sounded: [bool; RATES],
}

impl PartialSums {
    /// Silence.
    ///
    /// Real-time: no (allocates).
    pub fn new() -> Self {
        Self::of_frames(1)
    }

    /// Of so many times 10 ms.
    pub(super) fn of_frames(frames: usize) -> Self {
        let samples = MAX_FRAME_SAMPLES * frames;
        Self {
            rates: core::array::from_fn(|_| vec![0; samples].into_boxed_slice()),
            sounded: [false; RATES],
        }
    }
}

impl Default for PartialSums {
    fn default() -> Self {
        Self::new()
    }
}
