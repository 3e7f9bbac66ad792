// SPDX-License-Identifier: MIT OR Apache-2.0
//! AES-GCM and AES in counter mode with VAES and VPCLMULQDQ, two blocks in a register: for
//! processors without AVX-512.
//!
//! Eight blocks at a time go through AES side by side; the hash takes sixteen blocks per reduction.
#![allow(unsafe_code)] // loads and stores through pointers whose lengths the callers vouch for

use core::arch::x86_64::*;

use super::aesni::{self, load_part, reduce, reverse, store_part};
use super::key::Key;
use crate::srtp::crypto::Tag;

/// Registers of two blocks that are worked on side by side.
const WIDTH: usize = 4;
/// Blocks per reduction of the hash.
const GROUP: usize = 16;

/// Seals one packet; returns the tag.
///
/// # Safety
/// `packet` is valid for `end` bytes, and `clear <= end`.
#[target_feature(enable = "avx2,vaes,vpclmulqdq,aes,pclmulqdq")]
pub(super) unsafe fn gcm_seal(
    key: &Key,
    iv: u128,
    packet: *mut u8,
    clear: usize,
    end: usize,
    tail: Option<u32>,
) -> Tag {
    // SAFETY: the text and the clear bytes are parts of the packet.
    unsafe {
        ctr_from(key, iv, 2, packet.add(clear), end - clear);
        aesni::bytes(gcm_tag(key, iv, packet, clear, end, tail))
    }
}

/// Opens one packet: whether the tag matched, and only then the text has been decrypted.
///
/// # Safety
/// As [`gcm_seal`].
#[target_feature(enable = "avx2,vaes,vpclmulqdq,aes,pclmulqdq")]
pub(super) unsafe fn gcm_open(
    key: &Key,
    iv: u128,
    packet: *mut u8,
    clear: usize,
    end: usize,
    tail: Option<u32>,
    expected: u128,
) -> bool {
    // SAFETY: the text and the clear bytes are parts of the packet.
    unsafe {
        let opened = aesni::equal(gcm_tag(key, iv, packet, clear, end, tail), expected);
        if opened {
            ctr_from(key, iv, 2, packet.add(clear), end - clear);
        }
        opened
    }
}

/// XORs `len` bytes with the keystream that begins with the encrypted `iv`.
///
/// # Safety
/// `text` is valid for `len` bytes.
#[target_feature(enable = "avx2,vaes,vpclmulqdq,aes,pclmulqdq")]
pub(super) unsafe fn ctr(key: &Key, iv: u128, text: *mut u8, len: usize) {
    // SAFETY: the caller's promise, passed on.
    unsafe { ctr_from(key, iv, 0, text, len) };
}

#[inline]
#[target_feature(enable = "avx2,vaes,aes")]
unsafe fn ctr_from(key: &Key, iv: u128, first: i32, text: *mut u8, len: usize) {
    let both = _mm256_broadcastsi128_si256(aesni::counter_block(iv));
    let mut next = _mm256_add_epi32(both, _mm256_set_epi32(first + 1, 0, 0, 0, first, 0, 0, 0));
    let two = _mm256_set_epi32(2, 0, 0, 0, 2, 0, 0, 0);
    let order = _mm256_broadcastsi128_si256(aesni::counter_order());
    let mut at = 0;
    while at < len {
        let mut blocks = [_mm256_setzero_si256(); WIDTH];
        for block in &mut blocks {
            *block = _mm256_shuffle_epi8(next, order);
            next = _mm256_add_epi32(next, two);
        }
        let count = (len - at).div_ceil(32).min(WIDTH);
        match count {
            1 => encrypt_some::<1>(key, &mut blocks),
            2 => encrypt_some::<2>(key, &mut blocks),
            _ => encrypt_some::<WIDTH>(key, &mut blocks),
        }
        for (i, stream) in blocks.into_iter().take(count).enumerate() {
            let position = at + 32 * i;
            let left = len - position;
            // SAFETY: whole registers lie before `len`, and what is left of one is done in parts.
            unsafe {
                let to = text.add(position);
                if left >= 32 {
                    let plain = _mm256_loadu_si256(to.cast());
                    _mm256_storeu_si256(to.cast(), _mm256_xor_si256(plain, stream));
                } else {
                    xor_part(to, left, stream);
                }
            }
        }
        at += 32 * count;
    }
}

/// XORs fewer than 32 bytes.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn xor_part(to: *mut u8, len: usize, stream: __m256i) {
    let (mut to, mut len) = (to, len);
    let mut stream_part = _mm256_castsi256_si128(stream);
    // SAFETY: the caller vouches for `len` bytes, and only these are touched.
    unsafe {
        if len >= 16 {
            let plain = _mm_loadu_si128(to.cast());
            _mm_storeu_si128(to.cast(), _mm_xor_si128(plain, stream_part));
            stream_part = _mm256_extracti128_si256::<1>(stream);
            to = to.add(16);
            len -= 16;
        }
        store_part(to, len, _mm_xor_si128(load_part(to, len), stream_part));
    }
}

/// Encrypts the first `N` registers.
#[inline]
#[target_feature(enable = "avx2,vaes")]
fn encrypt_some<const N: usize>(key: &Key, blocks: &mut [__m256i; WIDTH]) {
    let wide = |i| _mm256_broadcastsi128_si256(key.round_key(i));
    let rounds = usize::from(key.rounds());
    let first = wide(0);
    for block in blocks.iter_mut().take(N) {
        *block = _mm256_xor_si256(*block, first);
    }
    for round in 1..rounds {
        let round_key = wide(round);
        for block in blocks.iter_mut().take(N) {
            *block = _mm256_aesenc_epi128(*block, round_key);
        }
    }
    let last = wide(rounds);
    for block in blocks.iter_mut().take(N) {
        *block = _mm256_aesenclast_epi128(*block, last);
    }
}

/// The tag over a packet whose text is encrypted.
#[inline]
#[target_feature(enable = "avx2,vaes,vpclmulqdq,aes,pclmulqdq")]
unsafe fn gcm_tag(
    key: &Key,
    iv: u128,
    packet: *const u8,
    clear: usize,
    end: usize,
    tail: Option<u32>,
) -> __m128i {
    // The block that masks the tag is independent of the hash, so it goes first.
    let mask = aesni::encrypt(key, aesni::tag_block(iv));
    // SAFETY: `clear` bytes of the packet are valid.
    let (mut hash, aad_bytes) = unsafe { aesni::hash_clear(key, packet, clear, tail) };
    let len = end - clear;
    // The clear bytes' last block is a block of the first group; later ones begin with the hash.
    let mut extra = 1;
    let mut at = 0;
    loop {
        let count = (len - at).div_ceil(16).min(GROUP);
        let is_last = at + 16 * count >= len;
        let after = usize::from(is_last);
        let end_block = if is_last { aesni::lengths(aad_bytes, len) } else { _mm_setzero_si128() };
        let mut sum = Sum::new(key, hash, (count + extra + after).max(1), end_block);
        for i in (0..count).step_by(2) {
            let position = at + 16 * i;
            // SAFETY: the position is before `len`, which is before the packet's end.
            let blocks = unsafe { load(packet.add(clear + position), (len - position).min(32)) };
            sum.add(blocks, key.power(count - i + after));
        }
        hash = sum.finish();
        if is_last {
            return _mm_xor_si128(reverse(hash), mask);
        }
        extra = 0;
        at += 16 * count;
    }
}

/// Up to 32 bytes, the others 0.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(from: *const u8, len: usize) -> __m256i {
    // SAFETY: the caller vouches for `len` bytes, and only these are touched.
    unsafe {
        if len >= 32 {
            _mm256_loadu_si256(from.cast())
        } else if len >= 16 {
            let high = load_part(from.add(16), len - 16);
            _mm256_set_m128i(high, _mm_loadu_si128(from.cast()))
        } else {
            _mm256_zextsi128_si256(load_part(from, len))
        }
    }
}

/// A sum of products with powers of the hash key, not yet reduced.
struct Sum {
    low: __m256i,
    middle: __m256i,
    high: __m256i,
}

impl Sum {
    /// Begins with `block` times the hash key to the power of `power`, and `end_block` times the
    /// hash key itself.
    #[inline]
    #[target_feature(enable = "avx2,vpclmulqdq")]
    fn new(key: &Key, block: __m128i, power: usize, end_block: __m128i) -> Self {
        // SAFETY: powers from 1 to 18 have 16 bytes behind their pointers.
        let (one, other) = unsafe {
            (_mm_loadu_si128(key.power(1).cast()), _mm_loadu_si128(key.power(power).cast()))
        };
        let zero = _mm256_setzero_si256();
        let mut sum = Self { low: zero, middle: zero, high: zero };
        sum.add_products(_mm256_set_m128i(end_block, block), _mm256_set_m128i(one, other));
        sum
    }

    /// Adds two blocks times the two powers at `powers`.
    #[inline]
    #[target_feature(enable = "avx2,vpclmulqdq")]
    fn add(&mut self, blocks: __m256i, powers: *const u8) {
        let order = _mm256_broadcastsi128_si256(aesni::reverse_order());
        // SAFETY: the pointer comes from `Key::power`, which has four blocks behind it.
        let powers = unsafe { _mm256_loadu_si256(powers.cast()) };
        self.add_products(_mm256_shuffle_epi8(blocks, order), powers);
    }

    #[inline]
    #[target_feature(enable = "avx2,vpclmulqdq")]
    fn add_products(&mut self, a: __m256i, b: __m256i) {
        self.low = _mm256_xor_si256(self.low, _mm256_clmulepi64_epi128::<0x00>(a, b));
        self.high = _mm256_xor_si256(self.high, _mm256_clmulepi64_epi128::<0x11>(a, b));
        let middle = _mm256_xor_si256(
            _mm256_clmulepi64_epi128::<0x01>(a, b),
            _mm256_clmulepi64_epi128::<0x10>(a, b),
        );
        self.middle = _mm256_xor_si256(self.middle, middle);
    }

    #[inline]
    #[target_feature(enable = "avx2,vpclmulqdq,pclmulqdq")]
    fn finish(self) -> __m128i {
        let low = _mm256_xor_si256(self.low, _mm256_bslli_epi128::<8>(self.middle));
        let high = _mm256_xor_si256(self.high, _mm256_bsrli_epi128::<8>(self.middle));
        reduce(fold(low), fold(high))
    }
}

/// The sum of the two lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn fold(x: __m256i) -> __m128i {
    _mm_xor_si128(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x))
}
