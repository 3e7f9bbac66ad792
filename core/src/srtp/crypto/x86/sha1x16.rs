// SPDX-License-Identifier: MIT OR Apache-2.0
//! HMAC-SHA1 of sixteen packets at once, one in each 32-bit lane of AVX-512 registers.
//!
//! Packets are read where they stand, 64 bytes of each at a time, and transposed. The padding is
//! put into the last block in the register, so nothing is copied. Packets may differ in length: a
//! lane that is done keeps its state while others go on.
#![allow(unsafe_code)] // loads through pointers whose lengths the jobs vouch for

use core::arch::x86_64::*;

use super::key::Key;
use super::sha1_rounds::{rounds, spread, suffix};
use crate::srtp::crypto::{LANES, Message, Tag};

/// What a lane still has to hash.
#[derive(Clone, Copy)]
pub(super) struct Lane {
    packet: *const u8,
    len: usize,
    /// The bytes that follow the packet, the first in the low byte, and their number.
    suffix: u64,
    suffix_bytes: usize,
    pub(super) blocks: usize,
}

impl Lane {
    /// A lane without a packet.
    const IDLE: Self =
        Self { packet: core::ptr::null(), len: 0, suffix: 0, suffix_bytes: 0, blocks: 0 };

    fn of(message: &Message<'_>) -> Self {
        Self::new(message.bytes.as_ptr(), message.bytes.len(), message.tail)
    }

    pub(super) fn new(packet: *const u8, len: usize, tail: Option<u32>) -> Self {
        let (suffix, suffix_bytes) = suffix(tail);
        let blocks = (len + suffix_bytes + 8).div_ceil(64);
        Self { packet, len, suffix, suffix_bytes, blocks }
    }

    /// The bits of the whole message, the block of the HMAC key included.
    pub(super) fn bits(&self) -> u64 {
        (64 + self.len + self.suffix_bytes - 1) as u64 * 8
    }
}

/// Computes the first 16 bytes of HMAC-SHA1 of at most sixteen messages.
///
/// # Safety
/// The processor has the features.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi2,bmi2")]
pub(super) unsafe fn hmac16(
    messages: &[Option<(&Key, Message<'_>)>; LANES],
    tags: &mut [Tag; LANES],
) {
    let mut lanes = [Lane::IDLE; LANES];
    let mut states = [_mm512_setzero_si512(); LANES];
    let mut most = 0;
    for ((message, lane), state) in messages.iter().zip(&mut lanes).zip(&mut states) {
        let Some((key, message)) = message else { continue };
        *lane = Lane::of(message);
        most = most.max(lane.blocks);
        // SAFETY: ten words are selected, and the states are ten words in one piece.
        *state = unsafe { _mm512_maskz_loadu_epi32(0x3ff, key.hmac_states().as_ptr().cast()) };
    }
    let bits = lanes.each_ref().map(Lane::bits);
    let (bits_high, bits_low) =
        (bits.map(|bits| (bits >> 32) as u32), bits.map(|bits| bits as u32));
    // Turned over like the messages: gathered word by word they would stall the wide loads.
    let [i0, i1, i2, i3, i4, o0, o1, o2, o3, o4, ..] = transpose(states);
    let mut state = [i0, i1, i2, i3, i4];
    let order =
        _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
    for block in 0..most {
        let mut running = 0;
        let mut ending = 0;
        let mut rows = [_mm512_setzero_si512(); LANES];
        for (i, (row, lane)) in rows.iter_mut().zip(&lanes).enumerate() {
            if block < lane.blocks {
                // SAFETY: the lane's packet is valid for its length.
                *row = unsafe { block_of(lane, block) };
                running |= 1 << i;
                ending |= u16::from(block + 1 == lane.blocks) << i;
            }
        }
        let mut w = transpose(rows.map(|row| _mm512_shuffle_epi8(row, order)));
        w[14] = _mm512_mask_mov_epi32(w[14], ending, load_words(&bits_high));
        w[15] = _mm512_mask_mov_epi32(w[15], ending, load_words(&bits_low));
        let mut next = state;
        compress(&mut next, w);
        for (old, new) in state.iter_mut().zip(next) {
            *old = _mm512_mask_mov_epi32(*old, running, new);
        }
    }
    let zero = _mm512_setzero_si512();
    let mut w = [zero; 16];
    w[..5].copy_from_slice(&state);
    w[5] = _mm512_set1_epi32(i32::MIN);
    w[15] = _mm512_set1_epi32((64 + 20) * 8);
    let mut digest = [o0, o1, o2, o3, o4];
    compress(&mut digest, w);

    let mut words = [[0_u32; LANES]; 4];
    for (words, digest) in words.iter_mut().zip(&digest) {
        // SAFETY: sixteen words are written to an array of sixteen.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), *digest) };
    }
    spread(&words, tags);
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_words(words: &[u32; LANES]) -> __m512i {
    // SAFETY: sixteen words are read from an array of sixteen.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// Block `block` of a lane's message, with tail, end mark and zeros, but without the length.
///
/// # Safety
/// The lane's packet is valid for its length.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi2")]
unsafe fn block_of(lane: &Lane, block: usize) -> __m512i {
    let start = 64 * block;
    if start + 64 <= lane.len {
        // SAFETY: the whole block lies before the packet's end.
        return unsafe { _mm512_loadu_si512(lane.packet.add(start).cast()) };
    }
    let left = lane.len.saturating_sub(start);
    let mut bytes = _mm512_setzero_si512();
    if left > 0 {
        let selected = _bzhi_u64(u64::MAX, left as u32);
        // SAFETY: `left` bytes are left of the packet, and only these are accessed.
        bytes = unsafe { _mm512_maskz_loadu_epi8(selected, lane.packet.add(start).cast()) };
    }
    // Where the suffix goes: behind the packet, of which a part may lie in the block before.
    let position = lane.len.max(start) - start;
    let done = start.saturating_sub(lane.len).min(lane.suffix_bytes);
    let count = lane.suffix_bytes - done;
    let suffix = lane.suffix.checked_shr(8 * done as u32).unwrap_or(0);
    let places = _bzhi_u64(u64::MAX, count as u32) << position;
    let suffix = _mm512_zextsi128_si512(_mm_set_epi64x(0, suffix as i64));
    _mm512_mask_expand_epi8(bytes, places, suffix)
}

/// As [`block_of`], for the sixteen bytes at `start`, in a register of that size.
///
/// # Safety
/// The lane's packet is valid for its length.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,bmi2")]
pub(super) unsafe fn quarter_of(lane: &Lane, start: usize) -> __m128i {
    let left = lane.len.saturating_sub(start).min(16);
    let selected = _bzhi_u32(u32::MAX, left as u32) as u16;
    // Wrapping, since nothing is read where nothing is left.
    let from = lane.packet.wrapping_add(start).cast();
    // SAFETY: `left` bytes are left of the packet, and only these are accessed.
    let bytes = unsafe { _mm_maskz_loadu_epi8(selected, from) };
    let position = lane.len.max(start) - start;
    let done = start.saturating_sub(lane.len).min(lane.suffix_bytes);
    let suffix = lane.suffix.checked_shr(8 * done as u32).unwrap_or(0);
    let count = (lane.suffix_bytes - done) as u32;
    let places = _bzhi_u32(u32::MAX, count).checked_shl(position as u32).unwrap_or(0);
    _mm_mask_expand_epi8(bytes, places as u16, _mm_set_epi64x(0, suffix as i64))
}

/// Sixteen rows of sixteen words, turned into columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: [__m512i; 16]) -> [__m512i; 16] {
    let (mut r, mut t) = (rows, [_mm512_setzero_si512(); 16]);
    for i in (0..16).step_by(2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for i in (0..16).step_by(4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for i in 0..4 {
        t[i] = _mm512_shuffle_i32x4::<0x88>(r[i], r[4 + i]);
        t[4 + i] = _mm512_shuffle_i32x4::<0xdd>(r[i], r[4 + i]);
        t[8 + i] = _mm512_shuffle_i32x4::<0x88>(r[8 + i], r[12 + i]);
        t[12 + i] = _mm512_shuffle_i32x4::<0xdd>(r[8 + i], r[12 + i]);
    }
    for i in 0..4 {
        r[i] = _mm512_shuffle_i32x4::<0x88>(t[i], t[8 + i]);
        r[8 + i] = _mm512_shuffle_i32x4::<0xdd>(t[i], t[8 + i]);
        r[4 + i] = _mm512_shuffle_i32x4::<0x88>(t[4 + i], t[12 + i]);
        r[12 + i] = _mm512_shuffle_i32x4::<0xdd>(t[4 + i], t[12 + i]);
    }
    r
}

/// One block in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn compress(state: &mut [__m512i; 5], mut w: [__m512i; 16]) {
    rounds!(state, w);
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u32) -> __m512i {
    _mm512_set1_epi32(word as i32)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn rotate<const BITS: i32>(a: __m512i) -> __m512i {
    _mm512_rol_epi32::<BITS>(a)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn schedule(a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> __m512i {
    _mm512_xor_si512(parity(a, b, c), d)
}

// As truth tables of three operands.
#[inline]
#[target_feature(enable = "avx512f")]
fn choose(b: __m512i, c: __m512i, d: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0xca>(b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn parity(b: __m512i, c: __m512i, d: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0x96>(b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn majority(b: __m512i, c: __m512i, d: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0xe8>(b, c, d)
}
