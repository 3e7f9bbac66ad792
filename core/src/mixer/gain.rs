// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gains in fixed point, so that what is added and what is subtracted are the same to the bit.

/// Largest factor, +18 dB.
pub const MAX_GAIN: f32 = 8.0;
/// Fraction bits.
pub(super) const BITS: u32 = 12;
/// A factor of 1.
pub(super) const UNITY: i32 = 1 << BITS;

/// A participant's gain over one frame: a ramp from where the last frame ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gain {
    /// What was asked for, in 1/4096.
    pub(super) factor: i32,
    /// At the end of the last frame.
    pub(super) from: i32,
    /// At the end of this frame.
    pub(super) to: i32,
}

impl Default for Gain {
    fn default() -> Self {
        Self { factor: UNITY, from: UNITY, to: UNITY }
    }
}

impl Gain {
    /// Moves on by a frame whose last sample shall have the factor `target`.
    pub(super) fn step(&mut self, target: i32) {
        self.from = self.to;
        self.to = target;
    }

    /// Whether nothing of the frame is heard.
    pub(super) fn is_silent(&self) -> bool {
        self.from == 0 && self.to == 0
    }

    /// Whether samples pass unchanged.
    pub(super) fn is_unity(&self) -> bool {
        self.from == UNITY && self.to == UNITY
    }

    /// The factor of sample `index` of `count`.
    #[inline]
    pub(super) fn at(&self, index: usize, count: usize) -> i32 {
        // At most 2^15 times 480: fits.
        self.from + (self.to - self.from) * (index as i32 + 1) / count as i32
    }

    /// What a sample adds to the sum under a factor, rounded to nearest.
    #[inline]
    pub(super) fn apply(sample: i16, factor: i32) -> i32 {
        (i32::from(sample) * factor + (UNITY >> 1)) >> BITS
    }
}

/// A factor in fixed point; `None` if it is out of range or not a number.
pub(super) fn fixed(factor: f32) -> Option<i32> {
    if (0.0..=MAX_GAIN).contains(&factor) {
        Some(crate::math::round_ties_even(factor * UNITY as f32) as i32)
    } else {
        None
    }
}
