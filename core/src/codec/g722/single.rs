// SPDX-License-Identifier: MIT OR Apache-2.0
//! One stream: both of its bands through a block. Where there is SSE2, which every x86-64 has, they
//! go [side by side](super::pair), elsewhere one after the other, to the same bits.
#![allow(unsafe_code)] // A function compiled for SSE2 may only be called where SSE2 is.

use super::band::Bands;
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
use super::lanes::Lanes;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use super::pair;
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
use super::tables::HIGH_CODES;
use super::tables::LowCode;

impl Bands {
    /// Codes a sample of the lower and of the upper band to each byte.
    #[inline]
    pub(super) fn encode(&mut self, samples: &[(i16, i16)], payload: &mut [u8]) {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        // SAFETY: the target has SSE2.
        unsafe {
            pair::encode(self, samples, payload);
        }
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
        self.encode_in_turn(samples, payload);
    }

    /// Decodes each byte, whose lower six bits mean what `meaning` says, to a sample of the lower
    /// and of the upper band, limited to 15 bits.
    #[inline]
    pub(super) fn decode(
        &mut self,
        payload: &[u8],
        meaning: &[LowCode; 64],
        samples: &mut [(i16, i16)],
    ) {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        // SAFETY: the target has SSE2.
        unsafe {
            pair::decode(self, payload, meaning, samples);
        }
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
        self.decode_in_turn(payload, meaning, samples);
    }

    /// As [`Bands::encode`], in plain arithmetic.
    #[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
    pub(super) fn encode_in_turn(&mut self, samples: &[(i16, i16)], payload: &mut [u8]) {
        // Copies, so that the state lives in registers.
        let (mut low, mut high) = (self.low, self.high);
        for (byte, (low_sample, high_sample)) in payload.iter_mut().zip(samples) {
            let low_bits = low.encode_low(Lanes([*low_sample])).0[0];
            let high_bits = high.encode_high(Lanes([*high_sample])).0[0];
            *byte = (high_bits << 6 | low_bits) as u8;
        }
        (self.low, self.high) = (low, high);
    }

    /// As [`Bands::decode`], in plain arithmetic.
    #[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
    pub(super) fn decode_in_turn(
        &mut self,
        payload: &[u8],
        meaning: &[LowCode; 64],
        samples: &mut [(i16, i16)],
    ) {
        let (mut low, mut high) = (self.low, self.high);
        let one = |word| Lanes([word]);
        for (byte, sample) in payload.iter().zip(samples) {
            let code = &meaning[usize::from(byte & 63)];
            let (level, step) = HIGH_CODES[usize::from(byte >> 6)];
            let low = low.decode_low(one(code.output), one(code.level), one(code.scale_step));
            let high = high.decode_high(one(level), one(step));
            *sample = (low.0[0], high.0[0]);
        }
        (self.low, self.high) = (low, high);
    }
}
