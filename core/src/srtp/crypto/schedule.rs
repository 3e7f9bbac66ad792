// SPDX-License-Identifier: MIT OR Apache-2.0
//! What kernels make of a session's keys before the first packet, but for what only their own
//! instructions can do.

use zeroize::Zeroize;

use crate::within::Within;

/// Words of the longest key's schedule.
const MAX_WORDS: usize = 60;

/// Expands an AES key to its round keys (FIPS 197 section 5.2), with the substitution of a word's bytes
/// as the processor does it.
#[inline(always)]
pub(super) fn expand(
    key: &[u8],
    round_keys: &mut [[u8; 16]; MAX_WORDS / 4],
    rounds: usize,
    substitute: impl Fn(u32) -> u32,
) {
    let (key_words, _) = key.as_chunks::<4>();
    let length = key_words.len();
    let mut words = [0_u32; MAX_WORDS];
    for (word, bytes) in words.iter_mut().zip(key_words) {
        *word = u32::from_le_bytes(*bytes);
    }
    let mut rcon = 1_u32;
    let mut column = 0;
    for i in length..(4 * (rounds + 1)).min(MAX_WORDS) {
        let mut word = words.at(i - 1);
        if column == 0 {
            word = substitute(word).rotate_right(8) ^ rcon;
            rcon = rcon << 1 ^ if rcon & 0x80 != 0 { 0x11b } else { 0 };
        } else if length == 8 && column == 4 {
            word = substitute(word);
        }
        column = if column + 1 == length { 0 } else { column + 1 };
        let before = words.at(i - length);
        words.put(i, before ^ word);
    }
    for (block, words) in round_keys.iter_mut().zip(words.as_chunks::<4>().0) {
        for (bytes, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
    }
    words.zeroize();
}

/// The SHA-1 state after one block of HMAC key (RFC 2104).
pub(super) fn padded_key_state(key: &[u8; 20], pad: u8) -> [u32; 5] {
    let mut block = [pad; 64];
    for (byte, key) in block.iter_mut().zip(key) {
        *byte ^= key;
    }
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    ::sha1::block_api::compress(&mut state, &[block]);
    block.zeroize();
    state
}
