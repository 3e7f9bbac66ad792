// SPDX-License-Identifier: MIT OR Apache-2.0
//! Eight 16-bit words in a register of SSE2, which every x86-64 has.

use core::arch::x86_64::*;

/// Eight words; the operations are those of [`Lanes`](super::lanes::Lanes) and some across lanes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words(__m128i);

impl Words {
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn of(w: [i16; 8]) -> Self {
        Self(_mm_setr_epi16(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]))
    }

    /// The same word in all lanes.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn splat(word: i16) -> Self {
        Self(_mm_set1_epi16(word))
    }

    /// Two words, and 0 in the other lanes.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn pair(first: i16, second: i16) -> Self {
        Self(_mm_cvtsi32_si128(i32::from(first as u16) | i32::from(second) << 16))
    }

    /// The first two words.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn first_two(self) -> [i16; 2] {
        let both = _mm_cvtsi128_si32(self.0);
        [both as i16, (both >> 16) as i16]
    }

    #[target_feature(enable = "sse2")]
    pub(super) fn to_array(self) -> [i16; 8] {
        let half = |words: __m128i| {
            let bits = _mm_cvtsi128_si64(words);
            [bits as i16, (bits >> 16) as i16, (bits >> 32) as i16, (bits >> 48) as i16]
        };
        let ([a, b, c, d], [e, f, g, h]) = (half(self.0), half(_mm_unpackhi_epi64(self.0, self.0)));
        [a, b, c, d, e, f, g, h]
    }

    /// Saturating sum.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn add(self, other: Self) -> Self {
        Self(_mm_adds_epi16(self.0, other.0))
    }

    /// Sum without regard to overflow.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn add_wrapping(self, other: Self) -> Self {
        Self(_mm_add_epi16(self.0, other.0))
    }

    /// Saturating difference.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn sub(self, other: Self) -> Self {
        Self(_mm_subs_epi16(self.0, other.0))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn and(self, other: Self) -> Self {
        Self(_mm_and_si128(self.0, other.0))
    }

    /// What is not in `mask`.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn without(self, mask: Self) -> Self {
        Self(_mm_andnot_si128(mask.0, self.0))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn or(self, other: Self) -> Self {
        Self(_mm_or_si128(self.0, other.0))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn xor(self, other: Self) -> Self {
        Self(_mm_xor_si128(self.0, other.0))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn min(self, other: Self) -> Self {
        Self(_mm_min_epi16(self.0, other.0))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn max(self, other: Self) -> Self {
        Self(_mm_max_epi16(self.0, other.0))
    }

    /// Arithmetic shift right.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn shift_right<const COUNT: i32>(self) -> Self {
        Self(_mm_srai_epi16::<COUNT>(self.0))
    }

    /// -1 where the word is greater than the other's, else 0.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn above(self, other: Self) -> Self {
        Self(_mm_cmpgt_epi16(self.0, other.0))
    }

    /// -1 where the words are the same, else 0.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn equals(self, other: Self) -> Self {
        Self(_mm_cmpeq_epi16(self.0, other.0))
    }

    /// Upper halves of the products.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn high(self, other: Self) -> Self {
        Self(_mm_mulhi_epi16(self.0, other.0))
    }

    /// Lower halves of the products.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn low(self, other: Self) -> Self {
        Self(_mm_mullo_epi16(self.0, other.0))
    }

    /// Upper halves of the products of unsigned words.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn high_unsigned(self, other: Self) -> Self {
        Self(_mm_mulhi_epu16(self.0, other.0))
    }

    /// `high << 1`, and the highest bit of `low` behind it.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn joined(high: Self, low: Self) -> Self {
        Self(_mm_or_si128(_mm_add_epi16(high.0, high.0), _mm_srli_epi16::<15>(low.0)))
    }

    /// Each word a lane up, 0 in the first.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn up(self) -> Self {
        Self(_mm_slli_si128::<2>(self.0))
    }

    /// Each word a lane down, 0 in the last.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn down(self) -> Self {
        Self(_mm_srli_si128::<2>(self.0))
    }

    /// The first word in all lanes.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn spread_first(self) -> Self {
        let half = _mm_shufflelo_epi16::<0b00_00_00_00>(self.0);
        Self(_mm_unpacklo_epi64(half, half))
    }

    /// The second word in all lanes.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn spread_second(self) -> Self {
        let half = _mm_shufflelo_epi16::<0b01_01_01_01>(self.0);
        Self(_mm_unpacklo_epi64(half, half))
    }

    /// Words 4 to 7 in lanes 0 to 3.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn upper_half(self) -> Self {
        Self(_mm_unpackhi_epi64(self.0, self.0))
    }

    /// Words 2 and 3 in the first two lanes.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn second_pair(self) -> Self {
        Self(_mm_srli_epi64::<32>(self.0))
    }

    /// The words of both in turns: `[a0, b0, a1, b1, ..]`, `[a4, b4, ..]`.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn in_turns(a: Self, b: Self) -> (Self, Self) {
        (Self(_mm_unpacklo_epi16(a.0, b.0)), Self(_mm_unpackhi_epi16(a.0, b.0)))
    }

    /// The largest word of each in its first lane. None may be negative.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn largest(a: Self, b: Self) -> (Self, Self) {
        let (a, b) = (a.max(a.upper_half()), b.max(b.upper_half()));
        let both = Self(_mm_unpacklo_epi64(a.0, b.0));
        let both = both.max(Self(_mm_srli_epi64::<32>(both.0)));
        let both = both.max(Self(_mm_srli_epi32::<16>(both.0)));
        (both, both.upper_half())
    }

    /// The sum of all words.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn total(self) -> i32 {
        let pairs = _mm_madd_epi16(self.0, _mm_set1_epi16(1));
        let half = _mm_add_epi32(pairs, _mm_unpackhi_epi64(pairs, pairs));
        _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32::<0b01>(half)))
    }

    /// Whether any word is not 0, where all are 0 or -1.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn any(self) -> bool {
        _mm_movemask_epi8(self.0) != 0
    }
}
