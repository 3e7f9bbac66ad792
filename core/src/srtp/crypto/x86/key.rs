// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys in the layout that the x86-64 kernels read, 624 bytes each. Made when keys are prepared,
//! not on the packet path (but for a key derivation rate, and then without allocating).
#![allow(unsafe_code)] // intrinsics, in functions that say which features they need

use core::arch::x86_64::*;

use zeroize::Zeroize;

use crate::srtp::SrtpError;
use crate::srtp::crypto::Material;
use crate::srtp::crypto::schedule::{self, padded_key_state};
use crate::srtp::suite::Cipher;

/// Highest power of the hash key that is kept: 16 blocks of text between two of other kinds.
pub(crate) const POWERS: usize = 18;
/// Zeros after the powers: a register of four that begins near the end multiplies by nothing.
const PADDING: usize = 3;

/// Which instructions a key's kernel uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    AesNi,
    Vaes256,
    Vaes512,
}

/// Session keys, scheduled.
#[repr(C, align(16))]
pub(crate) struct Key {
    /// AES round keys.
    round_keys: [[u8; 16]; 15],
    /// H^18 down to H^1, byte-reflected and multiplied by x, and zeros.
    powers: [[u8; 16]; POWERS + PADDING],
    /// SHA-1 states after the padded HMAC key, inner and outer.
    hmac: [[u32; 5]; 2],
    rounds: u8,
    cipher: Cipher,
    tier: Tier,
}

impl Key {
    /// Fails unless the processor has the tier's features.
    pub(crate) fn new(tier: Tier, cipher: Cipher, material: &Material) -> Result<Self, SrtpError> {
        if !super::is_available(tier) {
            return Err(SrtpError::UnavailableBackend);
        }
        let rounds = match material.cipher_bytes {
            16 => 10,
            24 => 12,
            32 => 14,
            _ => return Err(SrtpError::KeyLength),
        };
        let mut key = Self {
            round_keys: [[0; 16]; 15],
            powers: [[0; 16]; POWERS + PADDING],
            hmac: [[0; 5]; 2],
            rounds,
            cipher,
            tier,
        };
        key.replace(material);
        Ok(key)
    }

    /// Puts other keys of the same lengths in place, without allocating.
    pub(crate) fn replace(&mut self, material: &Material) {
        if self.cipher != Cipher::Null {
            // SAFETY: every tier has AES-NI and SSE4.1, and the constructor checked the tier.
            unsafe { expand(material.cipher_key(), &mut self.round_keys, self.rounds) };
        }
        if self.cipher == Cipher::Gcm {
            // SAFETY: every tier has AES-NI, PCLMULQDQ and SSSE3.
            unsafe { raise_hash_key(self) };
        } else {
            self.hmac = [0x36, 0x5c].map(|pad| padded_key_state(&material.auth, pad));
        }
    }

    #[inline(always)]
    pub(super) fn cipher(&self) -> Cipher {
        self.cipher
    }

    #[inline(always)]
    pub(super) fn tier(&self) -> Tier {
        self.tier
    }

    #[inline(always)]
    pub(super) fn rounds(&self) -> u8 {
        self.rounds
    }

    #[inline(always)]
    pub(super) fn hmac_states(&self) -> &[[u32; 5]; 2] {
        &self.hmac
    }

    /// Round key `i` of at most 14.
    #[inline(always)]
    pub(super) fn round_key(&self, i: usize) -> __m128i {
        let block = &self.round_keys[if i < 15 { i } else { 14 }];
        // SAFETY: 16 bytes; SSE2 belongs to x86-64.
        unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
    }

    /// Where H to the power of `power` stands, followed by the lower powers and three zeros.
    ///
    /// With 1 <= power <= 18 there are four blocks of 16 bytes behind the pointer.
    #[inline(always)]
    pub(super) fn power(&self, power: usize) -> *const u8 {
        debug_assert!((1..=POWERS).contains(&power));
        // Wrapping, since the pointer alone promises nothing.
        self.powers.as_ptr().cast::<u8>().wrapping_add((POWERS - power) * 16)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.round_keys.zeroize();
        self.powers.zeroize();
        self.hmac.zeroize();
    }
}

/// FIPS 197 section 5.2, with the substitution done by the processor.
#[target_feature(enable = "aes,sse4.1")]
fn expand(key: &[u8], round_keys: &mut [[u8; 16]; 15], rounds: u8) {
    schedule::expand(key, round_keys, usize::from(rounds), |word| substitute(word));
}

#[target_feature(enable = "aes,sse4.1")]
fn substitute(word: u32) -> u32 {
    let word = _mm_set1_epi32(word as i32);
    _mm_extract_epi32::<0>(_mm_aeskeygenassist_si128::<0>(word)) as u32
}

/// H = E(0) and its powers, byte-reflected, and multiplied by x so that products come out aligned
/// (Gueron and Kounavis, "Intel Carry-Less Multiplication Instruction and its Usage for Computing
/// the GCM Mode").
#[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
fn raise_hash_key(key: &mut Key) {
    let h = super::aesni::reverse(super::aesni::encrypt(key, _mm_setzero_si128()));
    let mut low = _mm_extract_epi64::<0>(h) as u64;
    let mut high = _mm_extract_epi64::<1>(h) as u64;
    let carry = (high >> 63).wrapping_neg();
    high = high << 1 | low >> 63;
    low <<= 1;
    low ^= carry & 1;
    high ^= carry & 0xc200_0000_0000_0000;
    let h = _mm_set_epi64x(high as i64, low as i64);
    let mut power = h;
    for block in key.powers[..POWERS].iter_mut().rev() {
        // SAFETY: the block has 16 bytes.
        unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), power) };
        power = super::aesni::multiply(power, h);
    }
}
