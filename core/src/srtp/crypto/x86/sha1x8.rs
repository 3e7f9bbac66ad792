// SPDX-License-Identifier: MIT OR Apache-2.0
//! HMAC-SHA1 of eight packets at once, one in each 32-bit lane of AVX2 registers.
//!
//! Whole blocks are read where they stand; what is left of each packet is padded in a copy of its own,
//! since AVX2 can't load a part of a register. Packets may differ in length: a lane that is done keeps its
//! state while others go on.
#![allow(unsafe_code)] // loads from arrays of the registers' size

use core::arch::x86_64::*;

use super::key::Key;
use super::sha1_rounds::{rounds, spread, suffix};
use crate::srtp::crypto::{Message, Tag};

/// Messages at a time.
pub(super) const LANES: usize = 8;
/// Bytes of a block.
const BLOCK: usize = 64;

/// What a lane still has to hash.
#[derive(Clone, Copy)]
struct Lane<'m> {
    whole: &'m [[u8; BLOCK]],
    /// What is left, with tail, end mark and length: one block, or two.
    ending: [[u8; BLOCK]; 2],
    blocks: i32,
}

impl<'m> Lane<'m> {
    /// A lane without a packet.
    const IDLE: Self = Self { whole: &[], ending: [[0; BLOCK]; 2], blocks: 0 };

    #[inline(always)]
    fn of(message: &Message<'m>) -> Self {
        let (whole, left) = message.bytes.as_chunks();
        let mut ending = [[0; BLOCK]; 2];
        let bytes = ending.as_flattened_mut();
        if let Some(place) = bytes.get_mut(..left.len()) {
            place.copy_from_slice(left);
        }
        let (suffix, suffix_bytes) = suffix(message.tail);
        if let Some(place) = bytes.get_mut(left.len()..).and_then(<[u8]>::first_chunk_mut) {
            *place = suffix.to_le_bytes();
        }
        let last = usize::from(left.len() + suffix_bytes + 8 > BLOCK);
        // The block of the HMAC key counts, too.
        let bits = (BLOCK + message.bytes.len() + suffix_bytes - 1) as u64 * 8;
        if let Some(place) = ending.get_mut(last).and_then(|block| block.last_chunk_mut()) {
            *place = bits.to_be_bytes();
        }
        Self { whole, ending, blocks: (whole.len() + last + 1) as i32 }
    }

    /// A block, or any where the lane is done.
    #[inline(always)]
    fn block(&self, number: usize) -> &[u8; BLOCK] {
        let [first, second] = &self.ending;
        match self.whole.get(number) {
            Some(block) => block,
            None if number == self.whole.len() => first,
            None => second,
        }
    }
}

/// Computes the first 16 bytes of HMAC-SHA1 of at most eight messages.
#[target_feature(enable = "avx2")]
pub(super) fn hmac8(messages: &[Option<(&Key, Message<'_>)>; LANES], tags: &mut [Tag; LANES]) {
    let mut lanes = [Lane::IDLE; LANES];
    let mut states = [_mm256_setzero_si256(); LANES];
    let (mut thirds, mut fourths) = ([0; LANES], [0; LANES]);
    let mut most = 0;
    let places = lanes.iter_mut().zip(&mut states).zip(thirds.iter_mut().zip(&mut fourths));
    for (message, ((lane, state), (third, fourth))) in messages.iter().zip(places) {
        let Some((key, message)) = message else { continue };
        *lane = Lane::of(message);
        most = most.max(lane.blocks);
        let [inner, [o0, o1, o2, o3, o4]] = key.hmac_states();
        let [i0, i1, i2, i3, i4] = inner.map(|word| word as i32);
        *state = _mm256_setr_epi32(i0, i1, i2, i3, i4, *o0 as i32, *o1 as i32, *o2 as i32);
        (*third, *fourth) = (*o3 as i32, *o4 as i32);
    }
    let [i0, i1, i2, i3, i4, o0, o1, o2] = transpose(states);
    let mut state = [i0, i1, i2, i3, i4];
    let mut digest = [o0, o1, o2, load_words(&thirds), load_words(&fourths)];
    let blocks = load_words(&lanes.each_ref().map(|lane| lane.blocks));
    for block in 0..most {
        let mut halves = [[_mm256_setzero_si256(); LANES]; 2];
        let [lows, highs] = &mut halves;
        for (lane, (to_low, to_high)) in lanes.iter().zip(lows.iter_mut().zip(highs)) {
            let (bytes, _) = lane.block(block as usize).as_chunks::<32>();
            if let [low, high] = bytes {
                (*to_low, *to_high) = (load(low), load(high));
            }
        }
        let mut w = [_mm256_setzero_si256(); 16];
        let [low, high] = halves.map(|half| transpose(half));
        w[..8].copy_from_slice(&low);
        w[8..].copy_from_slice(&high);
        let mut next = state;
        compress(&mut next, w);
        let running = _mm256_cmpgt_epi32(blocks, _mm256_set1_epi32(block));
        for (old, new) in state.iter_mut().zip(next) {
            *old = _mm256_blendv_epi8(*old, new, running);
        }
    }
    let mut w = [_mm256_setzero_si256(); 16];
    w[..5].copy_from_slice(&state);
    w[5] = splat(1 << 31);
    w[15] = splat((64 + 20) * 8);
    compress(&mut digest, w);

    let mut words = [[0_u32; LANES]; 4];
    for (words, digest) in words.iter_mut().zip(&digest) {
        // SAFETY: eight words are written to an array of eight.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), *digest) };
    }
    spread(&words, tags);
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_words(words: &[i32; LANES]) -> __m256i {
    // SAFETY: eight words are read from an array of eight.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// Eight words as SHA-1 reads them, the first byte highest.
#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 32]) -> __m256i {
    let order = _mm256_broadcastsi128_si256(_mm_set_epi8(
        12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3,
    ));
    // SAFETY: 32 bytes are read from an array of 32.
    _mm256_shuffle_epi8(unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }, order)
}

/// Eight rows of eight words, turned into columns.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    let (mut r, mut t) = (rows, [_mm256_setzero_si256(); 8]);
    for i in (0..8).step_by(2) {
        t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
    }
    for i in (0..8).step_by(4) {
        r[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for i in 0..4 {
        t[i] = _mm256_permute2x128_si256::<0x20>(r[i], r[4 + i]);
        t[4 + i] = _mm256_permute2x128_si256::<0x31>(r[i], r[4 + i]);
    }
    t
}

/// One block in every lane.
#[inline]
#[target_feature(enable = "avx2")]
fn compress(state: &mut [__m256i; 5], mut w: [__m256i; 16]) {
    rounds!(state, w);
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u32) -> __m256i {
    _mm256_set1_epi32(word as i32)
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const BITS: i32>(a: __m256i) -> __m256i {
    let left = _mm256_sll_epi32(a, _mm_cvtsi32_si128(BITS));
    _mm256_or_si256(left, _mm256_srl_epi32(a, _mm_cvtsi32_si128(32 - BITS)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn schedule(a: __m256i, b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(c, d))
}

#[inline]
#[target_feature(enable = "avx2")]
fn choose(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn parity(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_xor_si256(b, c), d)
}

#[inline]
#[target_feature(enable = "avx2")]
fn majority(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    let both = _mm256_and_si256(b, c);
    _mm256_or_si256(both, _mm256_and_si256(d, _mm256_or_si256(b, c)))
}
