// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernels for x86-64, chosen when a session is made by what the processor has.
//!
//! - [`key`]: round keys and powers of the hash key, in one layout for all kernels.
//! - [`aesni`]: AES-NI and PCLMULQDQ, 128 bits at a time; every x86-64 of the last decade.
//! - [`vaes256`], [`vaes512`]: the same with two and four blocks in a register.
//! - [`sha1`]: HMAC-SHA1 of one packet with SHA-NI; [`sha1x8`]: of 8 packets in AVX2 lanes; [`sha1x16`]: of 16 in
//!   AVX-512 lanes; [`sha1_rounds`]: what is the same in both.
//!
//! Nothing in here branches on, or addresses memory by, keys or plaintext; lengths are public.
#![allow(unsafe_code)] // calls functions that need processor features, after checking for them

mod aesni;
mod key;
mod sha1;
mod sha1_rounds;
mod sha1x16;
mod sha1x8;
mod vaes256;
mod vaes512;

pub(crate) use key::{Key, Tier};

use super::{CryptoJob, LANES, Lanes, Message, Tag};
use crate::srtp::suite::Cipher;

/// Asks the processor; without an operating system's library, whoever compiles says what it has
/// (`-C target-cpu`).
macro_rules! has {
    ($($feature:tt),*) => {{
        #[cfg(feature = "std")]
        let all = true $(&& std::is_x86_feature_detected!($feature))*;
        #[cfg(not(feature = "std"))]
        let all = cfg!(all($(target_feature = $feature),*));
        all
    }};
}

/// Whether this processor has what a tier needs.
pub(crate) fn is_available(tier: Tier) -> bool {
    let aesni = || has!("aes", "pclmulqdq", "ssse3", "sse4.1", "sha");
    let vaes256 = || aesni() && has!("vaes", "vpclmulqdq", "avx2");
    match tier {
        Tier::AesNi => aesni(),
        Tier::Vaes256 => vaes256(),
        Tier::Vaes512 => {
            vaes256() && has!("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vbmi2", "bmi2")
        }
    }
}

impl Key {
    /// Encrypts the job's text in place and returns the tag.
    #[inline(always)]
    pub(crate) fn seal(&self, job: CryptoJob<'_>) -> Tag {
        let CryptoJob { buffer, clear, end, tail, iv } = job;
        let end = end.min(buffer.len());
        let clear = clear.min(end);
        let packet = buffer.as_mut_ptr();
        // SAFETY: `packet` is valid for `end` bytes and `clear <= end`; a key of a tier is only
        // made where `is_available(tier)`, which covers every feature that the tier's functions
        // and SHA-NI need.
        unsafe {
            match (self.cipher(), self.tier()) {
                (Cipher::Gcm, Tier::Vaes512) => {
                    vaes512::gcm_seal(self, iv, packet, clear, end, tail)
                }
                (Cipher::Gcm, Tier::Vaes256) => {
                    vaes256::gcm_seal(self, iv, packet, clear, end, tail)
                }
                (Cipher::Gcm, Tier::AesNi) => aesni::gcm_seal(self, iv, packet, clear, end, tail),
                (Cipher::CounterMode, tier) => {
                    ctr(self, tier, iv, packet.add(clear), end - clear);
                    hmac(self, tier, packet, end, tail)
                }
                (Cipher::Null, tier) => hmac(self, tier, packet, end, tail),
            }
        }
    }

    /// Verifies the tag, and only if it matches decrypts the text in place.
    #[inline(always)]
    pub(crate) fn open(&self, job: CryptoJob<'_>, expected: Tag, tag_bytes: usize) -> bool {
        let CryptoJob { buffer, clear, end, tail, iv } = job;
        let end = end.min(buffer.len());
        let clear = clear.min(end);
        let packet = buffer.as_mut_ptr();
        let expected_word = u128::from_ne_bytes(expected);
        // SAFETY: as in `seal`.
        unsafe {
            match (self.cipher(), self.tier()) {
                (Cipher::Gcm, Tier::Vaes512) => {
                    vaes512::gcm_open(self, iv, packet, clear, end, tail, expected_word)
                }
                (Cipher::Gcm, Tier::Vaes256) => {
                    vaes256::gcm_open(self, iv, packet, clear, end, tail, expected_word)
                }
                (Cipher::Gcm, Tier::AesNi) => {
                    aesni::gcm_open(self, iv, packet, clear, end, tail, expected_word)
                }
                (cipher, tier) => {
                    let tag = hmac(self, tier, packet, end, tail);
                    let opened = super::tags_match(tag, expected, tag_bytes);
                    if opened && cipher == Cipher::CounterMode {
                        ctr(self, tier, iv, packet.add(clear), end - clear);
                    }
                    opened
                }
            }
        }
    }

    /// Counter-mode keystream alone; nothing under the other ciphers.
    pub(crate) fn xor_keystream(&self, iv: u128, text: &mut [u8]) {
        if self.cipher() == Cipher::CounterMode {
            // SAFETY: as in `seal`; the pointer and length are a slice's.
            unsafe { ctr(self, self.tier(), iv, text.as_mut_ptr(), text.len()) }
        }
    }

    /// Whether [`lane_tags`] takes messages of such keys.
    #[inline(always)]
    pub(crate) fn has_lanes(&self) -> bool {
        let wide = self.tier() != Tier::AesNi || has!("avx2");
        wide && self.cipher() != Cipher::Gcm
    }
}

/// The tag of one packet.
///
/// # Safety
/// The tier's features are available, and `packet` is valid for `len` bytes.
#[inline(always)]
unsafe fn hmac(key: &Key, tier: Tier, packet: *const u8, len: usize, tail: Option<u32>) -> Tag {
    // SAFETY: the caller's promise.
    unsafe {
        match tier {
            Tier::Vaes512 => sha1::hmac_wide(key, packet, len, tail),
            _ => sha1::hmac(key, packet, len, tail),
        }
    }
}

/// XORs `len` bytes with the keystream whose first counter block is `iv`.
///
/// # Safety
/// The tier's features are available, and `text` is valid for `len` bytes.
#[inline(always)]
unsafe fn ctr(key: &Key, tier: Tier, iv: u128, text: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match tier {
            Tier::Vaes512 => vaes512::ctr(key, iv, text, len),
            Tier::Vaes256 => vaes256::ctr(key, iv, text, len),
            Tier::AesNi => aesni::ctr(key, iv, text, len),
        }
    }
}

/// Fewer messages than these are done faster one by one.
const MIN_LANES: usize = 5;

/// Computes the tags of messages, whose keys all [have lanes](Key::has_lanes).
pub(crate) fn lane_tags(lanes: &Lanes<'_, '_>, tags: &mut [Tag; LANES]) {
    let (mut widest, mut count) = (true, 0);
    for (key, _) in lanes.iter().flatten() {
        widest &= key.tier() == Tier::Vaes512;
        count += 1;
    }
    if widest && count >= MIN_LANES {
        // SAFETY: keys of this tier are only made where everything is that the function needs.
        unsafe { sha1x16::hmac16(lanes, tags) };
        return;
    }
    let (lanes, _) = lanes.as_chunks::<{ sha1x8::LANES }>();
    let (tags, _) = tags.as_chunks_mut::<{ sha1x8::LANES }>();
    for (lanes, tags) in lanes.iter().zip(tags) {
        if !widest && lanes.iter().flatten().count() >= MIN_LANES {
            // SAFETY: keys have lanes where there is AVX2.
            unsafe { sha1x8::hmac8(lanes, tags) };
            continue;
        }
        for (lane, tag) in lanes.iter().zip(tags) {
            if let Some((key, Message { bytes, tail })) = lane {
                // SAFETY: the key's tier is available; the pointer and length are a slice's.
                *tag = unsafe { hmac(key, key.tier(), bytes.as_ptr(), bytes.len(), *tail) };
            }
        }
    }
}
