// SPDX-License-Identifier: MIT OR Apache-2.0
//! `N` 16-bit words that go through the same arithmetic: one word a stream. The operations are the
//! basic operators of the ITU's recommendations (saturating, fractional), written so that a
//! compiler makes one vector instruction of each.

use super::tables::{LOW_DECISION_COUNT, LOW_DECISIONS};

/// One word of each of `N` streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lanes<const N: usize>(pub(super) [i16; N]);

impl<const N: usize> Lanes<N> {
    pub(super) const ZERO: Self = Self([0; N]);

    #[inline(always)]
    pub(super) fn splat(value: i16) -> Self {
        Self([value; N])
    }

    #[inline(always)]
    fn map(self, f: impl Fn(i16) -> i16) -> Self {
        let mut all = self;
        all.0.iter_mut().for_each(|a| *a = f(*a));
        all
    }

    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(i16, i16) -> i16) -> Self {
        let mut all = self;
        all.0.iter_mut().zip(other.0).for_each(|(a, b)| *a = f(*a, b));
        all
    }

    /// Saturating sum.
    #[inline(always)]
    pub(super) fn add(self, other: Self) -> Self {
        self.zip(other, i16::saturating_add)
    }

    /// Saturating difference.
    #[inline(always)]
    pub(super) fn sub(self, other: Self) -> Self {
        self.zip(other, i16::saturating_sub)
    }

    /// Twice the value, saturating.
    #[inline(always)]
    pub(super) fn twice(self) -> Self {
        self.add(self)
    }

    /// Arithmetic shift right.
    #[inline(always)]
    pub(super) fn shift_right<const COUNT: u32>(self) -> Self {
        self.map(|a| a >> COUNT)
    }

    /// Product of fractions, `a * b / 2^15` rounded down. Both must not be -1.0.
    #[inline(always)]
    pub(super) fn multiply(self, other: Self) -> Self {
        self.zip(other, |a, b| {
            if N == 1 {
                return ((i32::from(a) * i32::from(b)) >> 15) as i16;
            }
            // Halves of the product, as 16-bit vector units give them.
            let high = ((i32::from(a) * i32::from(b)) >> 16) as i16;
            let low = a.wrapping_mul(b) as u16;
            high << 1 | (low >> 15) as i16
        })
    }

    /// As [`Lanes::multiply`], also right where both are -1.0: the only product that comes out as
    /// -1.0 then, and that saturates to just below 1.
    #[inline(always)]
    pub(super) fn multiply_saturating(self, other: Self) -> Self {
        self.multiply(other).map(|a| if a == i16::MIN { i16::MAX } else { a })
    }

    /// `level * self / 2^12` for a level below 2^12 and a value that isn't negative.
    #[inline(always)]
    pub(super) fn scaled(self, level: u16) -> Self {
        self.map(|a| ((u32::from(level << 4) * u32::from(a as u16)) >> 16) as i16)
    }

    /// 0, or -1 where the value is negative.
    #[inline(always)]
    pub(super) fn sign(self) -> Self {
        self.shift_right::<15>()
    }

    /// `a` as it is where `sign` is 0, its one's complement where it is -1.
    #[inline(always)]
    pub(super) fn xor(self, sign: Self) -> Self {
        self.zip(sign, |a, s| a ^ s)
    }

    /// The value where `sign` is 0, its saturated negative where it is -1.
    #[inline(always)]
    pub(super) fn negated_by(self, sign: Self) -> Self {
        self.zip(sign, |a, s| (a ^ s).saturating_sub(s))
    }

    /// The value where `mask` is -1, 0 where it is 0.
    #[inline(always)]
    pub(super) fn masked(self, mask: Self) -> Self {
        self.zip(mask, |a, m| a & m)
    }

    /// -1 where `self >= other`, else 0.
    #[inline(always)]
    pub(super) fn at_least(self, other: Self) -> Self {
        self.zip(other, |a, b| -i16::from(a >= b))
    }

    /// How many of the lower band's decision levels, times `scale`, the value reaches. A vector of
    /// streams goes through the levels one by one, a single stream takes the levels as a vector.
    #[inline(always)]
    pub(super) fn levels_passed(self, scale: Self) -> Self {
        if N == 1 {
            let scale = u32::from(scale.0[0] as u16);
            let passes = LOW_DECISIONS.map(|level| {
                i16::from(((u32::from(level << 4) * scale) >> 16) as i16 <= self.0[0])
            });
            let count: i16 = passes.iter().sum();
            return Self::splat(count.min(LOW_DECISION_COUNT as i16));
        }
        let mut passed = Self::ZERO;
        for level in &LOW_DECISIONS[..LOW_DECISION_COUNT] {
            passed = passed.sub(self.at_least(scale.scaled(*level)));
        }
        passed
    }

    /// -1 where the value is not 0, else 0.
    #[inline(always)]
    pub(super) fn is_not_zero(self) -> Self {
        self.map(|a| -i16::from(a != 0))
    }

    #[inline(always)]
    pub(super) fn clamp(self, low: Self, high: Self) -> Self {
        self.zip(low, i16::max).zip(high, i16::min)
    }

    /// The entries of a table of 512 at nine-bit indices.
    #[inline(always)]
    pub(super) fn look_up(self, table: &[i16; 512]) -> Self {
        self.map(|a| table[usize::from(a as u16 & 511)])
    }

    /// `table[self]` for indices 0 to 7. A vector is put together from the steps between entries,
    /// a single word looks it up.
    #[inline(always)]
    pub(super) fn choose(self, table: &[i16; 8]) -> Self {
        if N == 1 {
            return self.map(|a| table[usize::from(a as u16 & 7)]);
        }
        let mut sum = Self::splat(table[0]);
        for k in 1..8 {
            let step = Self::splat(table[k].wrapping_sub(table[k - 1]));
            sum = sum.zip(step.masked(self.at_least(Self::splat(k as i16))), i16::wrapping_add);
        }
        sum
    }
}
