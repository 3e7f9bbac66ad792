// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel for 64-bit ARM with the AES, PMULL and SHA-1 instructions: Cortex-A phones, servers.
//!
//! Four blocks at a time go through AES side by side; the hash of GCM takes eight blocks per
//! reduction, in the same reflected representation as on x86-64. Nothing branches on, or addresses
//! memory by, keys or plaintext.
#![allow(unsafe_code)] // intrinsics in functions that say which features they need

use core::arch::aarch64::*;

use zeroize::Zeroize;

use super::schedule::{self, padded_key_state};
use super::{CryptoJob, Material, Tag};
use crate::srtp::SrtpError;
use crate::srtp::suite::Cipher;
use crate::within::Within;

/// Blocks of GCM per reduction.
const GROUP: usize = 8;
/// Powers of the hash key: a group, what comes before it, and the block of lengths.
const POWERS: usize = GROUP + 2;
/// Blocks of AES side by side.
const WIDTH: usize = 4;

/// Whether this processor has the instructions. Without an operating system to ask, whoever compiles
/// says so: `-C target-feature=+aes,+sha2`.
pub(crate) fn is_available() -> bool {
    #[cfg(feature = "std")]
    {
        std::arch::is_aarch64_feature_detected!("aes")
            && std::arch::is_aarch64_feature_detected!("pmull")
            && std::arch::is_aarch64_feature_detected!("sha2")
    }
    #[cfg(not(feature = "std"))]
    {
        // The feature `aes` has the carry-less multiplication, too.
        cfg!(all(target_feature = "aes", target_feature = "sha2"))
    }
}

/// Session keys, scheduled.
pub(crate) struct Key {
    round_keys: [[u8; 16]; 15],
    /// H^1 upwards, byte-reflected and multiplied by x.
    powers: [u128; POWERS],
    inner: [u32; 5],
    outer: [u32; 5],
    rounds: usize,
    cipher: Cipher,
}

impl Key {
    /// Fails unless the processor has the instructions.
    pub(crate) fn new(cipher: Cipher, material: &Material) -> Result<Self, SrtpError> {
        if !is_available() {
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
            powers: [0; POWERS],
            inner: [0; 5],
            outer: [0; 5],
            rounds,
            cipher,
        };
        key.replace(material);
        Ok(key)
    }

    /// Puts other keys of the same lengths in place, without allocating.
    pub(crate) fn replace(&mut self, material: &Material) {
        // SAFETY: the constructor made sure of the instructions.
        unsafe { self.schedule(material) };
    }

    #[target_feature(enable = "neon,aes")]
    fn schedule(&mut self, material: &Material) {
        if self.cipher != Cipher::Null {
            self.expand(material.cipher_key());
        }
        if self.cipher != Cipher::Gcm {
            self.inner = padded_key_state(&material.auth, 0x36);
            self.outer = padded_key_state(&material.auth, 0x5c);
            return;
        }
        let h = u128_of(self.encrypt(vdupq_n_u8(0)));
        let carry = (h >> 127).wrapping_neg();
        let h = h << 1 ^ (carry & (0xc2 << 120 | 1));
        let mut power = h;
        for to in &mut self.powers {
            *to = power;
            power = product(power, h).reduce();
        }
    }

    /// FIPS 197 section 5.2, with the substitution done by the processor.
    #[target_feature(enable = "neon,aes")]
    fn expand(&mut self, key: &[u8]) {
        schedule::expand(key, &mut self.round_keys, self.rounds, |word| substitute(word));
    }

    #[inline]
    #[target_feature(enable = "neon,aes")]
    fn encrypt(&self, block: uint8x16_t) -> uint8x16_t {
        let mut blocks = [block; 1];
        self.encrypt_all(&mut blocks);
        blocks[0]
    }

    #[inline]
    #[target_feature(enable = "neon,aes")]
    fn encrypt_all<const N: usize>(&self, blocks: &mut [uint8x16_t; N]) {
        let (before, last) = self.round_keys.split_at(self.rounds.min(14));
        for (i, round_key) in before.iter().enumerate() {
            let round_key = load(round_key);
            for block in blocks.iter_mut() {
                *block = vaeseq_u8(*block, round_key);
                if i + 1 < self.rounds {
                    *block = vaesmcq_u8(*block);
                }
            }
        }
        if let Some(last) = last.first() {
            let last = load(last);
            for block in blocks.iter_mut() {
                *block = veorq_u8(*block, last);
            }
        }
    }

    #[target_feature(enable = "neon,aes")]
    fn ctr(&self, mut counter: u128, text: &mut [u8]) {
        for chunk in text.chunks_mut(16 * WIDTH) {
            let mut blocks = [vdupq_n_u8(0); WIDTH];
            for block in &mut blocks {
                *block = load(&counter.to_be_bytes());
                counter = counter.wrapping_add(1);
            }
            self.encrypt_all(&mut blocks);
            for (part, block) in chunk.chunks_mut(16).zip(blocks) {
                if let Some(whole) = part.first_chunk_mut::<16>() {
                    *whole = bytes(veorq_u8(load(whole), block));
                } else {
                    for (byte, key) in part.iter_mut().zip(bytes(block)) {
                        *byte ^= key;
                    }
                }
            }
        }
    }

    #[target_feature(enable = "neon,aes")]
    fn gcm_tag(&self, job: &CryptoJob<'_>) -> Tag {
        let (clear, text) = job.parts();
        let mut sum = 0;
        // The last block of what is clear goes with the first group of text.
        let mut clear_bytes = clear.len();
        let mut last = [0_u8; 32];
        let whole = clear.len().saturating_sub(1) / 16 * 16;
        let (blocks, rest) = clear.cut(whole);
        for block in blocks.chunks_exact(16) {
            sum = product(sum ^ padded(block), self.powers[0]).reduce();
        }
        last.head_mut(rest.len()).copy_of(rest);
        let mut used = rest.len();
        if let Some(tail) = job.tail {
            last.put_all(used, tail.to_be_bytes());
            used += 4;
            clear_bytes += 4;
        }
        if used > 0 {
            sum = product(sum ^ padded(&last[..16]), self.powers[0]).reduce();
        }
        if used > 16 {
            sum = product(sum ^ padded(&last[16..]), self.powers[0]).reduce();
        }
        for group in text.chunks(16 * GROUP) {
            let powers = self.powers.head(group.len().div_ceil(16)).iter().rev();
            let mut total = Product::default();
            let mut carry = sum;
            for (block, power) in group.chunks(16).zip(powers) {
                total.add(product(padded(block) ^ carry, *power));
                carry = 0;
            }
            sum = total.reduce();
        }
        let lengths = ((clear_bytes as u128 * 8) << 64) | (text.len() as u128 * 8);
        sum = product(sum ^ lengths, self.powers[0]).reduce();
        let mask = u128_of(self.encrypt(load(&job.iv.wrapping_add(1).to_be_bytes())));
        (sum ^ mask).to_be_bytes()
    }

    #[target_feature(enable = "neon,sha2")]
    fn hmac(&self, job: &CryptoJob<'_>) -> Tag {
        let message = job.message();
        let mut state = self.inner;
        let (blocks, rest) = message.as_chunks::<64>();
        for block in blocks {
            compress(&mut state, block);
        }
        let mut last = [0_u8; 128];
        last.head_mut(rest.len()).copy_of(rest);
        let (mut used, mut total) = (rest.len(), message.len());
        if let Some(tail) = job.tail {
            last.put_all(used, tail.to_be_bytes());
            used += 4;
            total += 4;
        }
        last.put(used, 0x80);
        let count = if used + 9 <= 64 { 1 } else { 2 };
        let bits = (64 + total) as u64 * 8;
        last.put_all(64 * count - 8, bits.to_be_bytes());
        for block in last.as_chunks::<64>().0.iter().take(count) {
            compress(&mut state, block);
        }
        let mut block = [0_u8; 64];
        for (bytes, word) in block.chunks_exact_mut(4).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        block[20] = 0x80;
        block[56..].copy_from_slice(&((64 + 20) * 8_u64).to_be_bytes());
        let mut state = self.outer;
        compress(&mut state, &block);
        let mut tag = [0; 16];
        for (bytes, word) in tag.chunks_exact_mut(4).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        tag
    }

    /// Encrypts the job's text in place and returns the tag.
    pub(crate) fn seal(&self, mut job: CryptoJob<'_>) -> Tag {
        // SAFETY: the constructor made sure of the instructions.
        unsafe {
            match self.cipher {
                Cipher::Gcm => {
                    self.ctr(job.iv.wrapping_add(2), job.text());
                    self.gcm_tag(&job)
                }
                Cipher::CounterMode => {
                    self.ctr(job.iv, job.text());
                    self.hmac(&job)
                }
                Cipher::Null => self.hmac(&job),
            }
        }
    }

    /// Verifies the tag, and only if it matches decrypts the text in place.
    pub(crate) fn open(&self, mut job: CryptoJob<'_>, expected: Tag, tag_bytes: usize) -> bool {
        // SAFETY: the constructor made sure of the instructions.
        unsafe {
            let gcm = self.cipher == Cipher::Gcm;
            let tag = if gcm { self.gcm_tag(&job) } else { self.hmac(&job) };
            let opened = super::tags_match(tag, expected, tag_bytes);
            if opened && self.cipher != Cipher::Null {
                let first = if gcm { 2 } else { 0 };
                self.ctr(job.iv.wrapping_add(first), job.text());
            }
            opened
        }
    }

    /// Counter-mode keystream alone; nothing under the other ciphers.
    pub(crate) fn xor_keystream(&self, iv: u128, text: &mut [u8]) {
        if self.cipher == Cipher::CounterMode {
            // SAFETY: the constructor made sure of the instructions.
            unsafe { self.ctr(iv, text) };
        }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.round_keys.zeroize();
        self.powers.zeroize();
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

#[inline]
#[target_feature(enable = "neon,aes")]
fn substitute(word: u32) -> u32 {
    // With four equal columns the instruction's row shift does nothing.
    let word = vreinterpretq_u8_u32(vdupq_n_u32(word));
    vgetq_lane_u32::<0>(vreinterpretq_u32_u8(vaeseq_u8(word, vdupq_n_u8(0))))
}

#[inline]
#[target_feature(enable = "neon")]
fn load(block: &[u8; 16]) -> uint8x16_t {
    // SAFETY: sixteen bytes.
    unsafe { vld1q_u8(block.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn bytes(block: uint8x16_t) -> [u8; 16] {
    let mut out = [0; 16];
    // SAFETY: sixteen bytes.
    unsafe { vst1q_u8(out.as_mut_ptr(), block) };
    out
}

/// A block as an integer whose top byte is the block's first, which is its reflection.
#[inline]
#[target_feature(enable = "neon")]
fn u128_of(block: uint8x16_t) -> u128 {
    u128::from_be_bytes(bytes(block))
}

#[inline]
fn padded(block: &[u8]) -> u128 {
    if let Some(whole) = block.first_chunk::<16>() {
        return u128::from_be_bytes(*whole);
    }
    let mut whole = [0; 16];
    whole[..block.len()].copy_from_slice(block);
    u128::from_be_bytes(whole)
}

/// A carry-less product of 256 bits, in three parts that have yet to be put together.
#[derive(Default, Clone, Copy)]
struct Product {
    low: u128,
    middle: u128,
    high: u128,
}

#[inline]
#[target_feature(enable = "neon,aes")]
fn product(a: u128, b: u128) -> Product {
    let (a0, a1) = (a as u64, (a >> 64) as u64);
    let (b0, b1) = (b as u64, (b >> 64) as u64);
    Product {
        low: vmull_p64(a0, b0),
        middle: vmull_p64(a0, b1) ^ vmull_p64(a1, b0),
        high: vmull_p64(a1, b1),
    }
}

impl Product {
    #[inline]
    fn add(&mut self, other: Self) {
        self.low ^= other.low;
        self.middle ^= other.middle;
        self.high ^= other.high;
    }

    /// Modulo x^128 + x^7 + x^2 + x + 1, in the reflected representation.
    #[inline]
    #[target_feature(enable = "neon,aes")]
    fn reduce(self) -> u128 {
        let low = self.low ^ self.middle << 64;
        let high = self.high ^ self.middle >> 64;
        let polynomial = 0xc200_0000_0000_0000;
        let low = low.rotate_right(64) ^ vmull_p64(low as u64, polynomial);
        let low = low.rotate_right(64) ^ vmull_p64(low as u64, polynomial);
        high ^ low
    }
}

/// One block of SHA-1 (FIPS 180-4 section 6.1.2).
#[inline]
#[target_feature(enable = "neon,sha2")]
fn compress(state: &mut [u32; 5], block: &[u8; 64]) {
    // SAFETY: four words are read from an array of five.
    let begin = unsafe { vld1q_u32(state.as_ptr()) };
    let (mut abcd, mut e) = (begin, state[4]);
    let mut w = [vdupq_n_u32(0); 4];
    for (w, bytes) in w.iter_mut().zip(block.as_chunks::<16>().0) {
        *w = vreinterpretq_u32_u8(vrev32q_u8(load(bytes)));
    }
    for i in 0..20 {
        let constant = match i / 5 {
            0 => 0x5a82_7999,
            1 => 0x6ed9_eba1,
            2 => 0x8f1b_bcdc,
            _ => 0xca62_c1d6,
        };
        let wk = vaddq_u32(w[i % 4], vdupq_n_u32(constant));
        let next = vsha1h_u32(vgetq_lane_u32::<0>(abcd));
        abcd = match i / 5 {
            0 => vsha1cq_u32(abcd, e, wk),
            2 => vsha1mq_u32(abcd, e, wk),
            _ => vsha1pq_u32(abcd, e, wk),
        };
        e = next;
        if i < 16 {
            let t = vsha1su0q_u32(w[i % 4], w[(i + 1) % 4], w[(i + 2) % 4]);
            w[i % 4] = vsha1su1q_u32(t, w[(i + 3) % 4]);
        }
    }
    // SAFETY: four words are written to an array of five.
    unsafe { vst1q_u32(state.as_mut_ptr(), vaddq_u32(abcd, begin)) };
    state[4] = state[4].wrapping_add(e);
}
