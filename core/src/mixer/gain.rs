// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gains in fixed point, so that what is added and what is subtracted are the same to the bit.

/// Largest factor, +18 dB.
pub const MAX_GAIN: f32 = 8.0;
/// Fraction bits: [`MAX_GAIN`] has to fit 16 bits, whose products are the fast ones.
pub(super) const BITS: u32 = 11;
/// A factor of 1.
pub(super) const UNITY: i32 = 1 << BITS;
/// [`MAX_GAIN`].
const MAX: i32 = UNITY * 8;
/// Fraction bits of a ramp's step: the longest ramp, over the widest range, fits 31 bits, and what
/// rounding the step leaves at the ramp's end is below half a unit.
const STEP_BITS: u32 = 14;

/// A gain over one frame: a ramp from where the last frame ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gain {
    /// At the end of the last frame.
    pub(super) from: i32,
    /// At the end of this frame.
    pub(super) to: i32,
}

impl Gain {
    /// A gain that has been `factor` for long.
    pub(super) const fn steady(factor: i32) -> Self {
        Self { from: factor, to: factor }
    }

    /// Moves on by a frame whose last sample shall have the factor `target`.
    #[inline]
    pub(super) fn step(&mut self, target: i32) {
        self.from = self.to;
        self.to = target;
    }

    /// Whether nothing of the frame is heard.
    #[inline]
    pub(super) fn is_silent(&self) -> bool {
        self.from == 0 && self.to == 0
    }

    /// Whether samples pass unchanged.
    #[inline]
    pub(super) fn is_unity(&self) -> bool {
        self.from == UNITY && self.to == UNITY
    }

    /// Whether no sample becomes louder, so that what it adds to a sum fits where the sample was.
    #[inline]
    pub(super) fn only_softens(&self) -> bool {
        self.from.max(self.to) <= UNITY
    }

    /// The factors of the samples of a frame of `instants`, each of which has `channels` samples.
    #[inline]
    pub(super) fn ramp(&self, instants: usize, channels: u8) -> Ramp {
        let (span, instants) = (self.to - self.from, i32::from((instants as u16).max(1)));
        let scaled = span << STEP_BITS;
        let step = match span {
            0 => 0,
            // To nearest, halves away from zero.
            1.. => (scaled + instants / 2) / instants,
            _ => (scaled - instants / 2) / instants,
        };
        Ramp { from: self.from, step, channel_bits: u32::from(channels == 2) }
    }
}

/// The factors of one frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ramp {
    from: i32,
    step: i32,
    channel_bits: u32,
}

impl Ramp {
    /// The factor of all samples, if it is one.
    #[inline(always)]
    pub(super) fn steady(self) -> Option<i32> {
        // As in `Ramp::at`.
        (self.step == 0).then_some(i32::from(self.from as i16))
    }

    /// The factor of the sample at `index`.
    #[inline(always)]
    pub(super) fn at(self, index: usize) -> i32 {
        let instant = (index as i32 >> self.channel_bits) + 1;
        let fine = self.step * instant + (1 << (STEP_BITS - 1));
        // No factor needs more than 16 bits; saying so lets compilers multiply as for 16.
        i32::from((self.from + (fine >> STEP_BITS)) as i16)
    }
}

/// What a sample adds to a sum under a factor, rounded to nearest.
#[inline(always)]
pub(super) fn apply(sample: i16, factor: i32) -> i32 {
    (i32::from(sample) * factor + (UNITY >> 1)) >> BITS
}

/// A factor in fixed point; `None` if it is out of range or not a number.
pub(super) fn fixed(factor: f32) -> Option<i32> {
    if (0.0..=MAX_GAIN).contains(&factor) {
        Some(crate::math::round_ties_even(factor * UNITY as f32) as i32)
    } else {
        None
    }
}

/// Two factors one after the other, at most [`MAX_GAIN`].
pub(super) fn product(a: i32, b: i32) -> i32 {
    // At most 2^28.
    ((a * b + (UNITY >> 1)) >> BITS).min(MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_are_monotonic_and_end_where_they_should() {
        for instants in [80, 160, 320, 441, 480] {
            for (from, to) in [(0, UNITY), (UNITY, 0), (0, MAX), (MAX, 0), (4_000, 4_001), (9, 7)] {
                for channels in [1, 2] {
                    let ramp = Gain { from, to }.ramp(instants, channels);
                    let count = instants * usize::from(channels);
                    let factors = (0..count).map(|index| ramp.at(index));
                    let rising = factors.clone().is_sorted();
                    assert!(rising || factors.clone().rev().is_sorted());
                    assert!(factors.clone().all(|f| (from.min(to)..=from.max(to)).contains(&f)));
                    assert_eq!(
                        factors.clone().next_back(),
                        Some(to),
                        "{from} to {to} in {instants}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_product_of_factors_is_rounded_and_bounded() {
        assert_eq!(product(UNITY, 1234), 1234);
        assert_eq!(product(MAX, MAX), MAX);
        assert_eq!(product(UNITY / 2, UNITY / 2), UNITY / 4);
        assert_eq!(product(0, MAX), 0);
    }
}
