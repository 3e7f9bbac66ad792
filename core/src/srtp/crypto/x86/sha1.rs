// SPDX-License-Identifier: MIT OR Apache-2.0
//! HMAC-SHA1 of one packet with SHA-NI (RFC 2104, FIPS 180-4 section 6.1).
//!
//! The states after the padded key are part of the key, so a packet costs the blocks of its own
//! bytes and one more. Those bytes are read where they stand; only the last, padded block or two
//! are put together.
#![allow(unsafe_code)] // loads through pointers whose lengths the callers vouch for

use core::arch::x86_64::*;

use super::key::Key;
use super::sha1x16::{Lane, quarter_of};
use crate::srtp::crypto::Tag;

/// The first 16 bytes of HMAC-SHA1 over `len` bytes and the tail.
///
/// # Safety
/// `packet` is valid for `len` bytes.
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) unsafe fn hmac(key: &Key, packet: *const u8, len: usize, tail: Option<u32>) -> Tag {
    let [inner, outer] = key.hmac_states();
    let mut state = State::load(inner);
    let whole = len / 64 * 64;
    let mut at = 0;
    while at < whole {
        // SAFETY: a whole block is left before `len`.
        state.compress(unsafe { load_block(packet.add(at)) });
        at += 64;
    }

    // At most 63 bytes, the tail, the end mark, and the length: one block or two.
    let rest = len - whole;
    let mut last = [0_u8; 128];
    // SAFETY: fewer than 64 bytes, which are left of the packet.
    unsafe { core::ptr::copy_nonoverlapping(packet.add(whole), last.as_mut_ptr(), rest) };
    let mut used = rest;
    if let Some(tail) = tail {
        last[rest..rest + 4].copy_from_slice(&tail.to_be_bytes());
        used += 4;
    }
    last[used] = 0x80;
    let bits = (64 + whole + used) as u64 * 8;
    let blocks = if used + 9 <= 64 { 1 } else { 2 };
    last[64 * blocks - 8..64 * blocks].copy_from_slice(&bits.to_be_bytes());
    for i in 0..blocks {
        // SAFETY: the array has two blocks.
        state.compress(unsafe { load_block(last.as_ptr().add(64 * i)) });
    }
    state.finish(outer)
}

/// As [`hmac`], with the last blocks put together in registers: bytes written one by one and then
/// read sixteen at a time would stall the reading. Only 128-bit registers are used: the SHA
/// instructions have no form that clears the upper parts, and there are processors on which each
/// of them waits for those when a wider one has been written before.
///
/// # Safety
/// As [`hmac`].
#[target_feature(enable = "sha,ssse3,sse4.1,avx512f,avx512bw,avx512vl,avx512vbmi2,bmi2")]
pub(super) unsafe fn hmac_wide(key: &Key, packet: *const u8, len: usize, tail: Option<u32>) -> Tag {
    let [inner, outer] = key.hmac_states();
    let mut state = State::load(inner);
    let lane = Lane::new(packet, len, tail);
    let whole = len / 64;
    for block in 0..whole {
        // SAFETY: a whole block lies before `len`.
        state.compress(unsafe { load_block(packet.add(64 * block)) });
    }
    for block in whole..lane.blocks {
        let mut w = [_mm_setzero_si128(); 4];
        for (i, w) in w.iter_mut().enumerate() {
            // SAFETY: the lane is the packet.
            let part = unsafe { quarter_of(&lane, 64 * block + 16 * i) };
            *w = super::aesni::reverse(part);
        }
        if block + 1 == lane.blocks {
            // The length is the last two words, of which the last stands lowest.
            w[3] = _mm_or_si128(w[3], _mm_set_epi64x(0, lane.bits() as i64));
        }
        state.compress(w);
    }
    state.finish(outer)
}

/// A SHA-1 state as the instructions want it: a to d from the top, and e in the top word.
#[derive(Clone, Copy)]
struct State {
    abcd: __m128i,
    e: __m128i,
}

impl State {
    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn load(words: &[u32; 5]) -> Self {
        let [a, b, c, d, e] = words.map(|word| word as i32);
        Self { abcd: _mm_set_epi32(a, b, c, d), e: _mm_set_epi32(e, 0, 0, 0) }
    }

    /// The outer hash over this, the inner, one; its first 16 bytes.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn finish(self, outer: &[u32; 5]) -> Tag {
        let bits = (64 + 20) * 8;
        let end = _mm_set_epi32(0, 0, 0, i32::MIN);
        // Words in the order that the instructions take: the first on top.
        let second = _mm_or_si128(self.e, _mm_shuffle_epi32::<0b11_00_11_11>(end));
        let mut state = Self::load(outer);
        state.compress([self.abcd, second, _mm_setzero_si128(), _mm_set_epi32(0, 0, 0, bits)]);
        let order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        super::aesni::bytes(_mm_shuffle_epi8(state.abcd, order))
    }

    /// One block of sixteen words.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn compress(&mut self, mut w: [__m128i; 4]) {
        let mut abcd = self.abcd;
        let mut e = _mm_add_epi32(self.e, w[0]);
        // Twenty times four rounds; the function changes every five of them.
        macro_rules! rounds {
            ($i:expr, $function:expr) => {
                let before = abcd;
                abcd = _mm_sha1rnds4_epu32::<$function>(abcd, e);
                // The message of the group after the next ones, from four groups back.
                if $i < 16 {
                    let t = _mm_sha1msg1_epu32(w[$i % 4], w[($i + 1) % 4]);
                    let t = _mm_xor_si128(t, w[($i + 2) % 4]);
                    w[$i % 4] = _mm_sha1msg2_epu32(t, w[($i + 3) % 4]);
                }
                if $i < 19 {
                    e = _mm_sha1nexte_epu32(before, w[($i + 1) % 4]);
                } else {
                    e = before;
                }
            };
        }
        rounds!(0, 0);
        rounds!(1, 0);
        rounds!(2, 0);
        rounds!(3, 0);
        rounds!(4, 0);
        rounds!(5, 1);
        rounds!(6, 1);
        rounds!(7, 1);
        rounds!(8, 1);
        rounds!(9, 1);
        rounds!(10, 2);
        rounds!(11, 2);
        rounds!(12, 2);
        rounds!(13, 2);
        rounds!(14, 2);
        rounds!(15, 3);
        rounds!(16, 3);
        rounds!(17, 3);
        rounds!(18, 3);
        rounds!(19, 3);
        self.e = _mm_sha1nexte_epu32(e, self.e);
        self.abcd = _mm_add_epi32(abcd, self.abcd);
    }
}

/// Sixteen words of a block, the first of each four on top.
#[inline]
#[target_feature(enable = "ssse3")]
unsafe fn load_block(from: *const u8) -> [__m128i; 4] {
    let order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let mut w = [_mm_setzero_si128(); 4];
    for (i, w) in w.iter_mut().enumerate() {
        // SAFETY: the caller vouches for 64 bytes.
        *w = _mm_shuffle_epi8(unsafe { _mm_loadu_si128(from.add(16 * i).cast()) }, order);
    }
    w
}
