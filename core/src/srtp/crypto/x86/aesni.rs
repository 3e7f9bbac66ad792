// SPDX-License-Identifier: MIT OR Apache-2.0
//! AES-GCM and AES in counter mode with AES-NI and PCLMULQDQ, and the single-block parts that the
//! wider kernels share.
//!
//! Eight blocks at a time go through AES side by side; the hash takes as many blocks per reduction.
#![allow(unsafe_code)] // loads and stores through pointers whose lengths the callers vouch for

use core::arch::x86_64::*;

use super::key::Key;
use crate::srtp::crypto::{Tag, tags_match};
use crate::within::Within;

/// Blocks that are worked on side by side.
const WIDTH: usize = 8;

/// Seals one packet; returns the tag.
///
/// # Safety
/// `packet` is valid for `end` bytes, and `clear <= end`.
#[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
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
        ctr_from(key, counter_block(iv), 2, packet.add(clear), end - clear);
        bytes(gcm_tag(key, iv, packet, clear, end, tail))
    }
}

/// Opens one packet: whether the tag matched, and only then the text has been decrypted.
///
/// # Safety
/// As [`gcm_seal`].
#[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
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
        let opened = equal(gcm_tag(key, iv, packet, clear, end, tail), expected);
        if opened {
            ctr_from(key, counter_block(iv), 2, packet.add(clear), end - clear);
        }
        opened
    }
}

/// XORs `len` bytes with the keystream that begins with the encrypted `iv`.
///
/// # Safety
/// `text` is valid for `len` bytes.
#[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
pub(super) unsafe fn ctr(key: &Key, iv: u128, text: *mut u8, len: usize) {
    // SAFETY: the caller's promise, passed on.
    unsafe { ctr_from(key, counter_block(iv), 0, text, len) };
}

#[inline]
#[target_feature(enable = "aes,ssse3,sse4.1")]
unsafe fn ctr_from(key: &Key, block: __m128i, first: i32, text: *mut u8, len: usize) {
    let mut next = _mm_add_epi32(block, _mm_set_epi32(first, 0, 0, 0));
    let one = _mm_set_epi32(1, 0, 0, 0);
    let order = counter_order();
    let mut at = 0;
    while at < len {
        let mut blocks = [_mm_setzero_si128(); WIDTH];
        for block in &mut blocks {
            *block = _mm_shuffle_epi8(next, order);
            next = _mm_add_epi32(next, one);
        }
        let count = (len - at).div_ceil(16).min(WIDTH);
        match count {
            1 | 2 => encrypt_some::<2>(key, &mut blocks),
            3 | 4 => encrypt_some::<4>(key, &mut blocks),
            _ => encrypt_some::<WIDTH>(key, &mut blocks),
        }
        for (i, stream) in blocks.into_iter().take(count).enumerate() {
            let position = at + 16 * i;
            // SAFETY: whole blocks lie before `len`, and a part of one goes through a copy.
            unsafe {
                let to = text.add(position);
                if len - position >= 16 {
                    let plain = _mm_loadu_si128(to.cast());
                    _mm_storeu_si128(to.cast(), _mm_xor_si128(plain, stream));
                } else {
                    let part = load_part(to, len - position);
                    store_part(to, len - position, _mm_xor_si128(part, stream));
                }
            }
        }
        at += 16 * count;
    }
}

/// Encrypts the first `N` blocks.
#[inline]
#[target_feature(enable = "aes")]
fn encrypt_some<const N: usize>(key: &Key, blocks: &mut [__m128i; WIDTH]) {
    let rounds = usize::from(key.rounds());
    let first = key.round_key(0);
    for block in blocks.iter_mut().take(N) {
        *block = _mm_xor_si128(*block, first);
    }
    for round in 1..rounds {
        let round_key = key.round_key(round);
        for block in blocks.iter_mut().take(N) {
            *block = _mm_aesenc_si128(*block, round_key);
        }
    }
    let last = key.round_key(rounds);
    for block in blocks.iter_mut().take(N) {
        *block = _mm_aesenclast_si128(*block, last);
    }
}

/// The tag over a packet whose text is encrypted.
#[inline]
#[target_feature(enable = "aes,pclmulqdq,ssse3,sse4.1")]
unsafe fn gcm_tag(
    key: &Key,
    iv: u128,
    packet: *const u8,
    clear: usize,
    end: usize,
    tail: Option<u32>,
) -> __m128i {
    // The block that masks the tag is independent of the hash, so it goes first.
    let mask = encrypt(key, tag_block(iv));
    // SAFETY: `clear` bytes of the packet are valid.
    let (carry, aad_bytes) = unsafe { hash_clear(key, packet, clear, tail) };
    let len = end - clear;
    // The clear bytes' last block is a block of the first group; later ones begin with the hash.
    let (mut hash, mut extra) = (carry, 1);
    let mut at = 0;
    loop {
        let count = (len - at).div_ceil(16).min(WIDTH);
        let is_last = at + 16 * count >= len;
        let power = count + extra + usize::from(is_last);
        if power == 0 {
            break;
        }
        let mut sum = Sum::default_of(key, hash, power);
        for i in 0..count {
            let position = at + 16 * i;
            // SAFETY: the position is before `len`, which is before the packet's end.
            let block = unsafe {
                let from = packet.add(clear + position);
                if len - position >= 16 {
                    _mm_loadu_si128(from.cast())
                } else {
                    load_part(from, len - position)
                }
            };
            sum.add(key, reverse(block), count - i + usize::from(is_last));
        }
        if is_last {
            sum.add(key, lengths(aad_bytes, len), 1);
            return _mm_xor_si128(reverse(sum.finish()), mask);
        }
        hash = sum.finish();
        extra = 0;
        at += 16 * count;
    }
    _mm_xor_si128(reverse(hash), mask)
}

/// A sum of products with powers of the hash key, not yet reduced.
struct Sum {
    low: __m128i,
    middle: __m128i,
    high: __m128i,
}

impl Sum {
    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    fn default_of(key: &Key, block: __m128i, power: usize) -> Self {
        let zero = _mm_setzero_si128();
        let mut sum = Self { low: zero, middle: zero, high: zero };
        sum.add(key, block, power);
        sum
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    fn add(&mut self, key: &Key, a: __m128i, power: usize) {
        // SAFETY: powers from 1 to 18 have 16 bytes behind their pointers.
        let b = unsafe { _mm_loadu_si128(key.power(power).cast()) };
        self.low = _mm_xor_si128(self.low, _mm_clmulepi64_si128::<0x00>(a, b));
        self.high = _mm_xor_si128(self.high, _mm_clmulepi64_si128::<0x11>(a, b));
        let middle =
            _mm_xor_si128(_mm_clmulepi64_si128::<0x01>(a, b), _mm_clmulepi64_si128::<0x10>(a, b));
        self.middle = _mm_xor_si128(self.middle, middle);
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    fn finish(self) -> __m128i {
        let low = _mm_xor_si128(self.low, _mm_slli_si128::<8>(self.middle));
        let high = _mm_xor_si128(self.high, _mm_srli_si128::<8>(self.middle));
        reduce(low, high)
    }
}

/// A 256-bit product modulo x^128 + x^7 + x^2 + x + 1, in the reflected representation.
#[inline]
#[target_feature(enable = "pclmulqdq")]
pub(super) fn reduce(low: __m128i, high: __m128i) -> __m128i {
    let polynomial = _mm_set_epi64x(0xc200_0000_0000_0000_u64 as i64, 1);
    let t = _mm_clmulepi64_si128::<0x10>(low, polynomial);
    let low = _mm_xor_si128(_mm_shuffle_epi32::<0x4e>(low), t);
    let t = _mm_clmulepi64_si128::<0x10>(low, polynomial);
    let low = _mm_xor_si128(_mm_shuffle_epi32::<0x4e>(low), t);
    _mm_xor_si128(high, low)
}

/// The product of two field elements, of which one has been multiplied by x.
#[inline]
#[target_feature(enable = "pclmulqdq")]
pub(super) fn multiply(a: __m128i, b: __m128i) -> __m128i {
    let middle =
        _mm_xor_si128(_mm_clmulepi64_si128::<0x01>(a, b), _mm_clmulepi64_si128::<0x10>(a, b));
    let low = _mm_xor_si128(_mm_clmulepi64_si128::<0x00>(a, b), _mm_slli_si128::<8>(middle));
    let high = _mm_xor_si128(_mm_clmulepi64_si128::<0x11>(a, b), _mm_srli_si128::<8>(middle));
    reduce(low, high)
}

/// Hashes what comes before the text but its last block, and returns the sum of the two, which has
/// yet to be multiplied, with the number of bytes.
///
/// # Safety
/// `packet` is valid for `clear` bytes.
#[inline]
#[target_feature(enable = "pclmulqdq,ssse3,sse4.1")]
pub(super) unsafe fn hash_clear(
    key: &Key,
    packet: *const u8,
    clear: usize,
    tail: Option<u32>,
) -> (__m128i, usize) {
    if clear == 12 && tail.is_none() {
        // Nearly every packet: the fixed header and nothing else.
        // SAFETY: twelve bytes are valid.
        let header = unsafe {
            let low = packet.cast::<u64>().read_unaligned();
            let high = packet.add(8).cast::<u32>().read_unaligned();
            _mm_set_epi64x(i64::from(high), low as i64)
        };
        return (reverse(header), 12);
    }
    // SAFETY: the caller's promise, passed on.
    unsafe { hash_long_clear(key, packet, clear, tail) }
}

#[target_feature(enable = "pclmulqdq,ssse3,sse4.1")]
unsafe fn hash_long_clear(
    key: &Key,
    packet: *const u8,
    clear: usize,
    tail: Option<u32>,
) -> (__m128i, usize) {
    // SAFETY: powers have 16 bytes behind their pointers.
    let h = unsafe { _mm_loadu_si128(key.power(1).cast()) };
    let mut sum = _mm_setzero_si128();
    let total = clear + tail.map_or(0, |_| 4);
    let mut at = 0;
    while at + 16 <= clear && at + 16 < total {
        // SAFETY: a whole block is left of the clear bytes.
        let block = unsafe { _mm_loadu_si128(packet.add(at).cast()) };
        sum = multiply(_mm_xor_si128(sum, reverse(block)), h);
        at += 16;
    }
    // At most 16 clear bytes and the tail are left.
    let mut rest = [0_u8; 32];
    // SAFETY: `clear - at` is at most 16, and so many bytes are valid.
    unsafe { core::ptr::copy_nonoverlapping(packet.add(at), rest.as_mut_ptr(), clear - at) };
    if let Some(tail) = tail {
        rest.put_all(clear - at, tail.to_be_bytes());
    }
    let (first, second) = rest.split_at(16);
    // SAFETY: both halves have 16 bytes.
    let (first, second) = unsafe {
        (_mm_loadu_si128(first.as_ptr().cast()), _mm_loadu_si128(second.as_ptr().cast()))
    };
    sum = _mm_xor_si128(sum, reverse(first));
    if total - at > 16 {
        sum = _mm_xor_si128(multiply(sum, h), reverse(second));
    }
    (sum, total)
}

/// One block through AES, of any key length.
#[inline]
#[target_feature(enable = "aes")]
pub(super) fn encrypt(key: &Key, block: __m128i) -> __m128i {
    match key.rounds() {
        10 => encrypt_n::<10>(key, block),
        12 => encrypt_n::<12>(key, block),
        _ => encrypt_n::<14>(key, block),
    }
}

/// One block through AES.
#[inline]
#[target_feature(enable = "aes")]
pub(super) fn encrypt_n<const ROUNDS: usize>(key: &Key, block: __m128i) -> __m128i {
    let mut block = _mm_xor_si128(block, key.round_key(0));
    for round in 1..ROUNDS {
        block = _mm_aesenc_si128(block, key.round_key(round));
    }
    _mm_aesenclast_si128(block, key.round_key(ROUNDS))
}

/// The initialization vector with its last word, the count, in the machine's byte order.
#[inline(always)]
pub(super) fn counter_block(iv: u128) -> __m128i {
    let (high, low) = ((iv >> 64) as u64, iv as u64);
    let low = (low >> 32) as u32;
    let count = iv as u32;
    // Made from integers, since narrow stores before a wide load would stall the load.
    let upper = u64::from(low.swap_bytes()) | u64::from(count) << 32;
    // SAFETY: SSE2 belongs to x86-64.
    unsafe { _mm_set_epi64x(upper as i64, high.swap_bytes() as i64) }
}

/// The counter block of count 1, in wire order.
#[inline]
#[target_feature(enable = "ssse3")]
pub(super) fn tag_block(iv: u128) -> __m128i {
    let block = _mm_add_epi32(counter_block(iv), _mm_set_epi32(1, 0, 0, 0));
    _mm_shuffle_epi8(block, counter_order())
}

/// Turns the last word of a block over.
#[inline(always)]
pub(super) fn counter_order() -> __m128i {
    // SAFETY: SSE2 belongs to x86-64.
    unsafe { _mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0) }
}

/// Turns a block over.
#[inline(always)]
pub(super) fn reverse_order() -> __m128i {
    // SAFETY: SSE2 belongs to x86-64.
    unsafe { _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) }
}

#[inline]
#[target_feature(enable = "ssse3")]
pub(super) fn reverse(x: __m128i) -> __m128i {
    _mm_shuffle_epi8(x, reverse_order())
}

/// The block of lengths, in bits, that ends the hash; reversed already.
#[inline(always)]
pub(super) fn lengths(aad_bytes: usize, text_bytes: usize) -> __m128i {
    // SAFETY: SSE2 belongs to x86-64.
    unsafe { _mm_set_epi64x(aad_bytes as i64 * 8, text_bytes as i64 * 8) }
}

/// Whether all 16 bytes are equal: by the one comparison of tags that there is, which memcheck sees in the
/// portable code (`benches/tests/constant_time.rs`).
#[inline(always)]
pub(super) fn equal(tag: __m128i, expected: u128) -> bool {
    tags_match(bytes(tag), expected.to_ne_bytes(), 16)
}

#[inline(always)]
pub(super) fn bytes(x: __m128i) -> Tag {
    let mut out = [0; 16];
    // SAFETY: 16 bytes are written to 16 bytes; SSE2 belongs to x86-64.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), x) };
    out
}

/// The first `len` bytes of a block, the others 0.
///
/// # Safety
/// `from` is valid for `len` bytes; `len <= 16`.
#[inline(always)]
pub(super) unsafe fn load_part(from: *const u8, len: usize) -> __m128i {
    let mut block = [0_u8; 16];
    // SAFETY: the caller's promise; SSE2 belongs to x86-64.
    unsafe {
        core::ptr::copy_nonoverlapping(from, block.as_mut_ptr(), len);
        _mm_loadu_si128(block.as_ptr().cast())
    }
}

/// Stores the first `len` bytes of a block.
///
/// # Safety
/// `to` is valid for `len` bytes; `len <= 16`.
#[inline(always)]
pub(super) unsafe fn store_part(to: *mut u8, len: usize, x: __m128i) {
    let block = bytes(x);
    // SAFETY: the caller's promise.
    unsafe { core::ptr::copy_nonoverlapping(block.as_ptr(), to, len) };
}
