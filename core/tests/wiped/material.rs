// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a master key is made into, worked out here once more: session keys and salts (RFC 3711 section
//! 4.3), AES round keys (FIPS 197 section 5.2), HMAC's states (RFC 2104) and GCM's hash key.

use std::collections::HashMap;

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use ale_media::srtp::Suite;

/// Changes what is sought, so that looking for it leaves no copy of it.
const MASK: u64 = 0x5a96_3cc3_a55a_69f0;

/// Eights of bytes, masked, and what they are of.
#[derive(Default)]
pub(crate) struct Secrets(HashMap<u64, &'static str>);

/// Where `memory` holds eight bytes of a secret, and of which.
pub(crate) fn find<'a>(
    secrets: &'a Secrets,
    memory: &'a [u8],
) -> impl Iterator<Item = (&'static str, usize)> + 'a {
    let masked = |window: &[u8]| u64::from_le_bytes(window.try_into().unwrap()) ^ MASK;
    let name = move |(at, window)| secrets.0.get(&masked(window)).map(|name| (*name, at));
    memory.windows(8).enumerate().filter_map(name)
}

impl Secrets {
    /// Bytes in this order and, since numbers are stored so, in the other.
    pub(crate) fn add(&mut self, name: &'static str, bytes: &[u8]) {
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        for bytes in [bytes, &reversed] {
            let ends = bytes.len().checked_sub(8).map(|last| &bytes[last..]);
            for eight in bytes.chunks_exact(8).chain(ends) {
                self.0.insert(u64::from_le_bytes(eight.try_into().unwrap()) ^ MASK, name);
            }
        }
    }

    /// Key and salt of a suite, and all that comes of them at key derivation epochs 0 to 150.
    pub(crate) fn add_master(&mut self, suite: Suite, bytes: &[u8]) {
        let (key, salt) = bytes.split_at(suite.key_bytes());
        self.add("master key", key);
        self.add("master salt", salt);
        let mut padded = [0; 14];
        padded[..salt.len()].copy_from_slice(salt);
        for epoch in 0..150 {
            for [cipher, authentication, session_salt] in [[0, 1, 2], [3, 4, 5], [6, 7, 7]] {
                if epoch > 0 && cipher == 6 {
                    continue;
                }
                let derive = |label, bytes| derive(key, padded, label, epoch, bytes);
                let session_key = derive(cipher, key.len());
                let encrypts = cipher == 6 || !suite.is_null();
                if encrypts {
                    round_keys(&session_key).iter().for_each(|key| self.add("round key", key));
                    self.add("session salt", &derive(session_salt, suite.salt_bytes()));
                }
                if suite.is_aead() {
                    self.add("hash key", &encrypt(&session_key, [0; 16]));
                } else if cipher != 6 {
                    let key = derive(authentication, 20);
                    self.add("authentication key", &key);
                    for pad in [0x36, 0x5c] {
                        let state = hmac_state(&key, pad);
                        self.add("HMAC state", &state);
                        // As kernels have it that do many packets at once.
                        let (words, _) = state.as_chunks::<4>();
                        words.iter().for_each(|word| self.add("HMAC lanes", &[*word; 2].concat()));
                    }
                }
            }
        }
    }
}

fn encrypt(key: &[u8], block: [u8; 16]) -> [u8; 16] {
    let mut block = Array(block);
    match key.len() {
        16 => aes::Aes128Enc::new_from_slice(key).unwrap().encrypt_block(&mut block),
        24 => aes::Aes192Enc::new_from_slice(key).unwrap().encrypt_block(&mut block),
        _ => aes::Aes256Enc::new_from_slice(key).unwrap().encrypt_block(&mut block),
    }
    block.0
}

fn derive(key: &[u8], salt: [u8; 14], label: u8, epoch: u64, bytes: usize) -> Vec<u8> {
    let mut x = [0; 16];
    x[..14].copy_from_slice(&salt);
    x[7] ^= label;
    x[8..14].iter_mut().zip(&epoch.to_be_bytes()[2..]).for_each(|(x, r)| *x ^= r);
    let x = u128::from_be_bytes(x);
    let blocks = (0..4).flat_map(|i: u128| encrypt(key, (x + i).to_be_bytes()));
    blocks.take(bytes).collect()
}

fn hmac_state(key: &[u8], pad: u8) -> Vec<u8> {
    let mut block = [pad; 64];
    block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    sha1::block_api::compress(&mut state, &[block]);
    state.iter().flat_map(|word: &u32| word.to_le_bytes()).collect()
}

/// FIPS 197's key expansion, with the S-box worked out for each byte.
fn round_keys(key: &[u8]) -> Vec<Vec<u8>> {
    let length = key.len() / 4;
    let mut words: Vec<[u8; 4]> = key.chunks(4).map(|word| word.try_into().unwrap()).collect();
    let mut rcon = 1;
    for i in length..4 * (length + 7) {
        let mut word = words[i - 1];
        if i % length == 0 {
            word.rotate_left(1);
            word = word.map(substitute);
            word[0] ^= rcon;
            rcon = multiply(rcon, 2);
        } else if length == 8 && i % 8 == 4 {
            word = word.map(substitute);
        }
        let before = words[i - length];
        words.push(std::array::from_fn(|n| word[n] ^ before[n]));
    }
    words.chunks(4).map(|words| words.concat()).collect()
}

/// In GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        product ^= if b & 1 != 0 { a } else { 0 };
        a = a << 1 ^ if a & 0x80 != 0 { 0x1b } else { 0 };
        b >>= 1;
    }
    product
}

fn substitute(byte: u8) -> u8 {
    // The inverse is the 254th power.
    let inverse = (0..254).fold(1, |power, _| multiply(power, byte));
    (0..5).fold(0x63, |sum, turn| sum ^ inverse.rotate_left(turn))
}

#[test]
fn round_keys_are_those_of_fips_197_appendix_a_1() {
    let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
    let last = 0xd014_f9a8_c9ee_2589_e13f_0cc8_b663_0ca6_u128.to_be_bytes();
    assert_eq!(round_keys(&key).last().unwrap()[..], last);
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = bytes.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1)).collect();
    let mut text: String = bits
        .chunks(6)
        .map(|six| six.iter().fold(0, |v, bit| v << 1 | bit) << (6 - six.len()))
        .map(|value| char::from(DIGITS[usize::from(value)]))
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Bytes that no memory holds by accident (SplitMix64).
pub(crate) fn random(mut seed: u64) -> impl FnMut(usize) -> Vec<u8> {
    move |bytes| {
        (0..bytes)
            .map(|_| {
                seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = seed;
                z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
                (z ^ z >> 31) as u8
            })
            .collect()
    }
}
