// SPDX-License-Identifier: MIT OR Apache-2.0
//! AES-GCM and AES in counter mode with VAES and VPCLMULQDQ, four blocks in a register.
//!
//! Up to 256 bytes of text are one group: at most four registers of counters go through AES side by
//! side, and header, text and lengths are hashed with one reduction at the end. Voice packets are
//! one group; longer ones carry the hash from group to group. The block that masks the tag takes
//! the last lane of the last register where text leaves one.
#![allow(unsafe_code)] // loads and stores through pointers whose lengths the callers vouch for

use core::arch::x86_64::*;

use super::aesni::{self, reduce, reverse};
use super::key::Key;
use crate::srtp::crypto::Tag;

/// Text that is one group.
const GROUP: usize = 256;

/// Seals one packet; returns the tag.
///
/// # Safety
/// `packet` is valid for `end` bytes, and `clear <= end`.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,vaes,vpclmulqdq,bmi2,aes,pclmulqdq"
)]
pub(super) unsafe fn gcm_seal(
    key: &Key,
    iv: u128,
    packet: *mut u8,
    clear: usize,
    end: usize,
    tail: Option<u32>,
) -> Tag {
    // SAFETY: the caller's promise, passed on.
    let tag = unsafe {
        if key.rounds() == 10 {
            seal::<10>(key, iv, packet, clear, end, tail)
        } else {
            seal::<14>(key, iv, packet, clear, end, tail)
        }
    };
    aesni::bytes(tag)
}

/// Opens one packet: whether the tag matched, and only then the text has been decrypted.
///
/// # Safety
/// As [`gcm_seal`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,vaes,vpclmulqdq,bmi2,aes,pclmulqdq"
)]
pub(super) unsafe fn gcm_open(
    key: &Key,
    iv: u128,
    packet: *mut u8,
    clear: usize,
    end: usize,
    tail: Option<u32>,
    expected: u128,
) -> bool {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        if key.rounds() == 10 {
            open::<10>(key, iv, packet, clear, end, tail, expected)
        } else {
            open::<14>(key, iv, packet, clear, end, tail, expected)
        }
    }
}

/// XORs `len` bytes with the keystream that begins with the encrypted `iv`.
///
/// # Safety
/// `text` is valid for `len` bytes.
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,vaes,vpclmulqdq,bmi2,aes,pclmulqdq"
)]
pub(super) unsafe fn ctr(key: &Key, iv: u128, text: *mut u8, len: usize) {
    let counters = Counters::new(iv, 0);
    // SAFETY: the caller's promise, passed on.
    unsafe {
        match key.rounds() {
            10 => ctr_from::<10>(key, counters, text, len),
            12 => ctr_from::<12>(key, counters, text, len),
            _ => ctr_from::<14>(key, counters, text, len),
        }
    }
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,vaes,vpclmulqdq,bmi2,aes,pclmulqdq"
)]
unsafe fn seal<const ROUNDS: usize>(
    key: &Key,
    iv: u128,
    packet: *mut u8,
    clear: usize,
    end: usize,
    tail: Option<u32>,
) -> __m128i {
    let mut counters = Counters::new(iv, 2);
    // SAFETY: `clear` bytes of the packet are valid.
    let (mut carry, aad_bytes) = unsafe { aesni::hash_clear(key, packet, clear, tail) };
    let mut carry_is_hash = false;
    // SAFETY: `clear <= end`.
    let mut text = unsafe { packet.add(clear) };
    let mut left = end - clear;
    while left > GROUP {
        let mut hash = Hash::new(key, carry, 17 - usize::from(carry_is_hash));
        // SAFETY: a whole group of text is left.
        unsafe {
            let stream = keystream::<ROUNDS, 4>(key, counters.take::<4>());
            for (i, stream) in stream.into_iter().enumerate() {
                let at = text.add(64 * i).cast::<__m512i>();
                let sealed = _mm512_xor_si512(_mm512_loadu_si512(at), stream);
                _mm512_storeu_si512(at, sealed);
                hash.add(sealed, key.power(16 - 4 * i));
            }
            text = text.add(GROUP);
        }
        left -= GROUP;
        carry = hash.finish();
        carry_is_hash = true;
    }
    let lengths = aesni::lengths(aad_bytes, end - clear);
    // SAFETY: `left` bytes of text are left, at most one group.
    unsafe {
        match left.div_ceil(64) {
            0 => {
                let mask = aesni::encrypt_n::<ROUNDS>(key, counters.tag_block(iv));
                let hash = Hash::with_lengths(key, carry, 2 - usize::from(carry_is_hash), lengths);
                _mm_xor_si128(reverse(hash.finish()), mask)
            }
            1 => last::<ROUNDS, 1>(key, iv, counters, text, left, carry, carry_is_hash, lengths),
            2 => last::<ROUNDS, 2>(key, iv, counters, text, left, carry, carry_is_hash, lengths),
            3 => last::<ROUNDS, 3>(key, iv, counters, text, left, carry, carry_is_hash, lengths),
            _ => last::<ROUNDS, 4>(key, iv, counters, text, left, carry, carry_is_hash, lengths),
        }
    }
}

/// The last group of a packet to seal, `N` registers of text; returns the tag.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,vaes,vpclmulqdq,bmi2,aes,pclmulqdq"
)]
unsafe fn last<const ROUNDS: usize, const N: usize>(
    key: &Key,
    iv: u128,
    mut counters: Counters,
    text: *mut u8,
    left: usize,
    carry: __m128i,
    carry_is_hash: bool,
    lengths: __m128i,
) -> __m128i {
    let blocks = left.div_ceil(16);
    let tag_block = counters.tag_block(iv);
    let (stream, mask) =
        keystream_and_mask::<ROUNDS, N>(key, counters.take::<N>(), tag_block, blocks);
    let power = blocks + 2 - usize::from(carry_is_hash);
    let mut hash = Hash::with_lengths(key, carry, power, lengths);
    for (i, stream) in stream.into_iter().enumerate() {
        // SAFETY: the bytes that the mask selects are within the `left` bytes of text.
        let sealed = unsafe {
            let at = text.add(64 * i);
            let selected = select(left, i);
            let sealed = _mm512_maskz_xor_or_all(selected, load(at, selected), stream);
            store(at, selected, sealed);
            sealed
        };
        hash.add(sealed, key.power(blocks + 1 - 4 * i));
    }
    _mm_xor_si128(reverse(hash.finish()), mask)
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,vaes,vpclmulqdq,bmi2,aes,pclmulqdq"
)]
unsafe fn open<const ROUNDS: usize>(
    key: &Key,
    iv: u128,
    packet: *mut u8,
    clear: usize,
    end: usize,
    tail: Option<u32>,
    expected: u128,
) -> bool {
    let counters = Counters::new(iv, 2);
    // SAFETY: `clear` bytes of the packet are valid.
    let (mut carry, aad_bytes) = unsafe { aesni::hash_clear(key, packet, clear, tail) };
    let lengths = aesni::lengths(aad_bytes, end - clear);
    // SAFETY: `clear <= end`.
    let text = unsafe { packet.add(clear) };
    let all = end - clear;
    if all <= GROUP {
        // SAFETY: all of the text is one group.
        return unsafe {
            match all.div_ceil(64) {
                0 => {
                    let mask = aesni::encrypt_n::<ROUNDS>(key, counters.tag_block(iv));
                    let hash = Hash::with_lengths(key, carry, 2, lengths).finish();
                    aesni::equal(_mm_xor_si128(reverse(hash), mask), expected)
                }
                1 => {
                    open_group::<ROUNDS, 1>(key, iv, counters, text, all, carry, lengths, expected)
                }
                2 => {
                    open_group::<ROUNDS, 2>(key, iv, counters, text, all, carry, lengths, expected)
                }
                3 => {
                    open_group::<ROUNDS, 3>(key, iv, counters, text, all, carry, lengths, expected)
                }
                _ => {
                    open_group::<ROUNDS, 4>(key, iv, counters, text, all, carry, lengths, expected)
                }
            }
        };
    }
    let mut at = text.cast_const();
    let mut left = all;
    let mut carry_is_hash = false;
    while left > GROUP {
        let mut hash = Hash::new(key, carry, 17 - usize::from(carry_is_hash));
        // SAFETY: a whole group of text is left.
        unsafe {
            for i in 0..4 {
                let sealed = _mm512_loadu_si512(at.add(64 * i).cast());
                hash.add(sealed, key.power(16 - 4 * i));
            }
            at = at.add(GROUP);
        }
        left -= GROUP;
        carry = hash.finish();
        carry_is_hash = true;
    }
    let blocks = left.div_ceil(16);
    let mut hash = Hash::with_lengths(key, carry, blocks + 1, lengths);
    for i in 0..left.div_ceil(64) {
        // SAFETY: the bytes that the mask selects are within the `left` bytes of text.
        let sealed = unsafe { load(at.add(64 * i), select(left, i)) };
        hash.add(sealed, key.power(blocks + 1 - 4 * i));
    }
    let mask = aesni::encrypt_n::<ROUNDS>(key, counters.tag_block(iv));
    let opened = aesni::equal(_mm_xor_si128(reverse(hash.finish()), mask), expected);
    if opened {
        // SAFETY: the whole text.
        unsafe { ctr_from::<ROUNDS>(key, counters, text, all) };
    }
    opened
}

/// A packet of one group: its keystream waits in registers for the verdict.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,vaes,vpclmulqdq,bmi2,aes,pclmulqdq"
)]
unsafe fn open_group<const ROUNDS: usize, const N: usize>(
    key: &Key,
    iv: u128,
    mut counters: Counters,
    text: *mut u8,
    left: usize,
    carry: __m128i,
    lengths: __m128i,
    expected: u128,
) -> bool {
    let blocks = left.div_ceil(16);
    let tag_block = counters.tag_block(iv);
    let (stream, mask) =
        keystream_and_mask::<ROUNDS, N>(key, counters.take::<N>(), tag_block, blocks);
    let mut hash = Hash::with_lengths(key, carry, blocks + 2, lengths);
    let mut plain = [_mm512_setzero_si512(); N];
    for i in 0..N {
        // SAFETY: the bytes that the mask selects are within the `left` bytes of text.
        let sealed = unsafe { load(text.add(64 * i), select(left, i)) };
        plain[i] = _mm512_xor_si512(sealed, stream[i]);
        hash.add(sealed, key.power(blocks + 1 - 4 * i));
    }
    let opened = aesni::equal(_mm_xor_si128(reverse(hash.finish()), mask), expected);
    if opened {
        for (i, plain) in plain.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { store(text.add(64 * i), select(left, i), plain) };
        }
    }
    opened
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,vaes,vpclmulqdq,bmi2,aes,pclmulqdq"
)]
unsafe fn ctr_from<const ROUNDS: usize>(
    key: &Key,
    mut counters: Counters,
    text: *mut u8,
    len: usize,
) {
    let (mut text, mut left) = (text, len);
    while left > 0 {
        let take = left.min(GROUP);
        // SAFETY: `take` bytes of text are left.
        unsafe {
            match take.div_ceil(64) {
                1 => ctr_group::<ROUNDS, 1>(key, &mut counters, text, take),
                2 => ctr_group::<ROUNDS, 2>(key, &mut counters, text, take),
                3 => ctr_group::<ROUNDS, 3>(key, &mut counters, text, take),
                _ => ctr_group::<ROUNDS, 4>(key, &mut counters, text, take),
            }
            text = text.add(take);
        }
        left -= take;
    }
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,vaes,vpclmulqdq,bmi2,aes,pclmulqdq"
)]
unsafe fn ctr_group<const ROUNDS: usize, const N: usize>(
    key: &Key,
    counters: &mut Counters,
    text: *mut u8,
    len: usize,
) {
    let stream = keystream::<ROUNDS, N>(key, counters.take::<N>());
    for (i, stream) in stream.into_iter().enumerate() {
        // SAFETY: the bytes that the mask selects are within the `len` bytes of text.
        unsafe {
            let at = text.add(64 * i);
            let selected = select(len, i);
            store(at, selected, _mm512_xor_si512(load(at, selected), stream));
        }
    }
}

/// Which bytes of register `i` are among the first `len`.
#[inline]
#[target_feature(enable = "bmi2")]
fn select(len: usize, i: usize) -> u64 {
    let left = len.saturating_sub(64 * i).min(255);
    _bzhi_u64(u64::MAX, left as u32)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn load(at: *const u8, selected: u64) -> __m512i {
    // SAFETY: the caller vouches for the selected bytes; others are not accessed.
    unsafe { _mm512_maskz_loadu_epi8(selected, at.cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn store(at: *mut u8, selected: u64, value: __m512i) {
    // SAFETY: the caller vouches for the selected bytes; others are not accessed.
    unsafe { _mm512_mask_storeu_epi8(at.cast(), selected, value) };
}

/// Text XOR keystream, with zeros where there is no text, as the hash wants it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn _mm512_maskz_xor_or_all(selected: u64, text: __m512i, stream: __m512i) -> __m512i {
    _mm512_maskz_mov_epi8(selected, _mm512_xor_si512(text, stream))
}

/// The counter blocks still to come, with the count in the byte order of the machine.
#[derive(Clone, Copy)]
struct Counters {
    next: __m512i,
}

impl Counters {
    /// Blocks that begin with `iv` plus `first`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn new(iv: u128, first: i32) -> Self {
        let block = aesni::counter_block(iv);
        let steps = _mm512_set_epi32(
            first + 3,
            0,
            0,
            0,
            first + 2,
            0,
            0,
            0,
            first + 1,
            0,
            0,
            0,
            first,
            0,
            0,
            0,
        );
        Self { next: _mm512_add_epi32(_mm512_broadcast_i32x4(block), steps) }
    }

    /// The next `N` registers of blocks.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn take<const N: usize>(&mut self) -> [__m512i; N] {
        let four = _mm512_set_epi32(4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0);
        let order = _mm512_broadcast_i32x4(aesni::counter_order());
        let mut blocks = [_mm512_setzero_si512(); N];
        for block in &mut blocks {
            *block = _mm512_shuffle_epi8(self.next, order);
            self.next = _mm512_add_epi32(self.next, four);
        }
        blocks
    }

    /// The block whose encryption masks the tag: the one with count 1.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,ssse3")]
    fn tag_block(&self, iv: u128) -> __m128i {
        aesni::tag_block(iv)
    }
}

#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn keystream<const ROUNDS: usize, const N: usize>(
    key: &Key,
    mut blocks: [__m512i; N],
) -> [__m512i; N] {
    let wide = |i| _mm512_broadcast_i32x4(key.round_key(i));
    let first = wide(0);
    for block in &mut blocks {
        *block = _mm512_xor_si512(*block, first);
    }
    for round in 1..ROUNDS {
        let round_key = wide(round);
        for block in &mut blocks {
            *block = _mm512_aesenc_epi128(*block, round_key);
        }
    }
    let last = wide(ROUNDS);
    for block in &mut blocks {
        *block = _mm512_aesenclast_epi128(*block, last);
    }
    blocks
}

/// Keystream, and the encryption of the tag's block in a lane that the text leaves free, if any.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,vaes,aes")]
fn keystream_and_mask<const ROUNDS: usize, const N: usize>(
    key: &Key,
    mut blocks: [__m512i; N],
    tag_block: __m128i,
    text_blocks: usize,
) -> ([__m512i; N], __m128i) {
    if !text_blocks.is_multiple_of(4)
        && let Some(last) = blocks.last_mut()
    {
        *last = _mm512_inserti32x4::<3>(*last, tag_block);
        let stream = keystream::<ROUNDS, N>(key, blocks);
        let mask = stream.last().map_or(tag_block, |last| _mm512_extracti32x4_epi32::<3>(*last));
        (stream, mask)
    } else {
        let mask = aesni::encrypt_n::<ROUNDS>(key, tag_block);
        (keystream::<ROUNDS, N>(key, blocks), mask)
    }
}

/// A sum of products with powers of the hash key, not yet reduced.
struct Hash {
    low: __m512i,
    middle: __m512i,
    high: __m512i,
}

impl Hash {
    /// Begins with `carry` times the hash key to the power of `power`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vpclmulqdq,pclmulqdq")]
    fn new(key: &Key, carry: __m128i, power: usize) -> Self {
        Self::with_lengths(key, carry, power, _mm_setzero_si128())
    }

    /// Begins with `carry` times the hash key to the power of `power`, and `lengths` times the hash
    /// key itself.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vpclmulqdq,pclmulqdq")]
    fn with_lengths(key: &Key, carry: __m128i, power: usize, lengths: __m128i) -> Self {
        // SAFETY: powers from 1 to 18 have 16 bytes behind their pointers.
        let (one, other) = unsafe {
            (_mm_loadu_si128(key.power(1).cast()), _mm_loadu_si128(key.power(power).cast()))
        };
        let a = _mm256_set_m128i(lengths, carry);
        let b = _mm256_set_m128i(one, other);
        let wide = |x| _mm512_zextsi256_si512(x);
        let middle = _mm256_xor_si256(
            _mm256_clmulepi64_epi128::<0x01>(a, b),
            _mm256_clmulepi64_epi128::<0x10>(a, b),
        );
        Self {
            low: wide(_mm256_clmulepi64_epi128::<0x00>(a, b)),
            middle: wide(middle),
            high: wide(_mm256_clmulepi64_epi128::<0x11>(a, b)),
        }
    }

    /// Adds four blocks times the four powers at `powers`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
    fn add(&mut self, blocks: __m512i, powers: *const u8) {
        let order = _mm512_broadcast_i32x4(aesni::reverse_order());
        let a = _mm512_shuffle_epi8(blocks, order);
        // SAFETY: the pointer comes from `Key::power`, which has four blocks behind it.
        let b = unsafe { _mm512_loadu_si512(powers.cast()) };
        self.low = _mm512_xor_si512(self.low, _mm512_clmulepi64_epi128::<0x00>(a, b));
        self.high = _mm512_xor_si512(self.high, _mm512_clmulepi64_epi128::<0x11>(a, b));
        self.middle = _mm512_ternarylogic_epi64::<0x96>(
            self.middle,
            _mm512_clmulepi64_epi128::<0x01>(a, b),
            _mm512_clmulepi64_epi128::<0x10>(a, b),
        );
    }

    /// The sum modulo the field's polynomial, byte-reflected.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,vpclmulqdq,pclmulqdq")]
    fn finish(self) -> __m128i {
        let low = _mm512_xor_si512(self.low, _mm512_bslli_epi128::<8>(self.middle));
        let high = _mm512_xor_si512(self.high, _mm512_bsrli_epi128::<8>(self.middle));
        reduce(fold(low), fold(high))
    }
}

/// The sum of the four lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn fold(x: __m512i) -> __m128i {
    let half = _mm256_xor_si256(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64::<1>(x));
    _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half))
}
