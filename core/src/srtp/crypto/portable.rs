// SPDX-License-Identifier: MIT OR Apache-2.0
//! The portable backend, on RustCrypto's `aes`, `ghash`, `hmac` and `sha1`: every target has it,
//! and the kernels are tested against it.
//!
//! The schedules are boxed by cipher, because the portable AES keeps its round keys bit-sliced and
//! the 256-bit one takes up to 960 bytes; an authentication-only key takes none of them. States of hash functions
//! are boxed too: what a variant leaves unused of a [`Key`] is copied as it was on the stack when the key is moved to
//! where it stays, and there it would hold what had been computed before.

use alloc::boxed::Box;

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use zeroize::Zeroize;

use super::{CryptoJob, Material, Tag};
use crate::srtp::SrtpError;
use crate::srtp::suite::Cipher;
use crate::srtp::wipe::{PACKET, wiping};

/// Keys ready for use.
pub(crate) enum Key {
    Gcm { aes: Aes, ghash: Box<GHash> },
    CounterMode { aes: Aes, hmac: Box<Hmac<Sha1>> },
    Null { hmac: Box<Hmac<Sha1>> },
}

// No variant leaves room for what was on the stack.
const _: () = assert!(size_of::<Key>() <= 4 * size_of::<usize>());

/// AES of any key length.
pub(crate) enum Aes {
    A128(Box<aes::Aes128Enc>),
    A192(Box<aes::Aes192Enc>),
    A256(Box<aes::Aes256Enc>),
}

impl Aes {
    pub(crate) fn new(key: &[u8]) -> Result<Self, SrtpError> {
        let wrong = |_| SrtpError::KeyLength;
        Ok(match key.len() {
            16 => Self::A128(Box::new(KeyInit::new_from_slice(key).map_err(wrong)?)),
            24 => Self::A192(Box::new(KeyInit::new_from_slice(key).map_err(wrong)?)),
            _ => Self::A256(Box::new(KeyInit::new_from_slice(key).map_err(wrong)?)),
        })
    }

    /// Puts another key of the same length in place, without allocating.
    fn replace(&mut self, key: &[u8]) {
        match self {
            Self::A128(c) => replace(c, key),
            Self::A192(c) => replace(c, key),
            Self::A256(c) => replace(c, key),
        }
    }

    pub(crate) fn encrypt(&self, block: u128) -> u128 {
        let mut block = Array(block.to_be_bytes());
        match self {
            Self::A128(c) => c.encrypt_block(&mut block),
            Self::A192(c) => c.encrypt_block(&mut block),
            Self::A256(c) => c.encrypt_block(&mut block),
        }
        u128::from_be_bytes(block.0)
    }

    /// XORs `text` with the keystream that begins with the encrypted `counter`; the counter counts
    /// in its low 16 (counter mode) or 32 bits (GCM), which no packet overflows.
    pub(crate) fn xor_keystream(&self, counter: u128, text: &mut [u8]) {
        for (i, chunk) in text.chunks_mut(16).enumerate() {
            let mut block = self.encrypt(counter.wrapping_add(i as u128)).to_be_bytes();
            for (byte, key) in chunk.iter_mut().zip(&block) {
                *byte ^= key;
            }
            block.zeroize();
        }
    }
}

fn replace<C: KeyInit>(cipher: &mut Box<C>, key: &[u8]) {
    if let Ok(new) = C::new_from_slice(key) {
        **cipher = new;
    }
}

impl Key {
    pub(crate) fn new(cipher: Cipher, material: &Material) -> Result<Self, SrtpError> {
        let mac = || {
            let hmac = <Hmac<Sha1> as KeyInit>::new_from_slice(&material.auth);
            hmac.map(Box::new).map_err(|_| SrtpError::KeyLength)
        };
        Ok(match cipher {
            Cipher::Gcm => {
                let aes = Aes::new(material.cipher_key())?;
                let ghash = Box::new(ghash_of(&aes));
                Self::Gcm { aes, ghash }
            }
            Cipher::CounterMode => {
                Self::CounterMode { aes: Aes::new(material.cipher_key())?, hmac: mac()? }
            }
            Cipher::Null => Self::Null { hmac: mac()? },
        })
    }

    /// Puts other keys of the same lengths in place, without allocating.
    pub(crate) fn replace(&mut self, material: &Material) {
        match self {
            Self::Gcm { aes, ghash } => {
                aes.replace(material.cipher_key());
                **ghash = ghash_of(aes);
            }
            Self::CounterMode { aes, hmac } => {
                aes.replace(material.cipher_key());
                replace(hmac, &material.auth);
            }
            Self::Null { hmac } => replace(hmac, &material.auth),
        }
    }

    /// Counter-mode keystream alone; nothing under the other ciphers.
    pub(crate) fn xor_keystream(&self, iv: u128, text: &mut [u8]) {
        if let Self::CounterMode { aes, .. } = self {
            aes.xor_keystream(iv, text);
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let aes = match self {
            Self::Null { .. } => 0,
            Self::Gcm { aes, .. } | Self::CounterMode { aes, .. } => match aes {
                Aes::A128(_) => size_of::<aes::Aes128Enc>(),
                Aes::A192(_) => size_of::<aes::Aes192Enc>(),
                Aes::A256(_) => size_of::<aes::Aes256Enc>(),
            },
        };
        let hash = match self {
            Self::Gcm { .. } => size_of::<GHash>(),
            Self::CounterMode { .. } | Self::Null { .. } => size_of::<Hmac<Sha1>>(),
        };
        aes + hash
    }

    /// Encrypts the text in place and returns the tag.
    pub(crate) fn seal(&self, mut job: CryptoJob<'_>) -> Tag {
        let job = &mut job;
        match self {
            Self::Gcm { aes, .. } => {
                aes.xor_keystream(job.iv.wrapping_add(2), job.text());
            }
            Self::CounterMode { aes, .. } => aes.xor_keystream(job.iv, job.text()),
            Self::Null { .. } => {}
        }
        self.tag(job)
    }

    /// The tag of a sealed job.
    fn tag(&self, job: &CryptoJob<'_>) -> Tag {
        // States of hash functions are copied to begin with, and moved to be ended.
        wiping::<PACKET, _>(|| match self {
            Self::Gcm { aes, ghash } => gcm_tag(aes, ghash, job),
            Self::CounterMode { hmac, .. } | Self::Null { hmac } => hmac_tag(hmac, job),
        })
    }

    /// Verifies the tag, and only if it matches decrypts the text in place.
    pub(crate) fn open(&self, mut job: CryptoJob<'_>, expected: Tag, tag_bytes: usize) -> bool {
        let job = &mut job;
        if !super::tags_match(self.tag(job), expected, tag_bytes) {
            return false;
        }
        match self {
            Self::Gcm { aes, .. } => aes.xor_keystream(job.iv.wrapping_add(2), job.text()),
            Self::CounterMode { aes, .. } => aes.xor_keystream(job.iv, job.text()),
            Self::Null { .. } => {}
        }
        true
    }
}

fn ghash_of(aes: &Aes) -> GHash {
    let mut h = aes.encrypt(0).to_be_bytes();
    let ghash = GHash::new(&Array(h));
    h.zeroize();
    ghash
}

/// The tag over associated data and ciphertext (NIST SP 800-38D section 7.1). `job.iv` has 0 where
/// the counter stands, so that block 1 masks the tag and block 2 begins the text.
fn gcm_tag(aes: &Aes, ghash: &GHash, job: &CryptoJob<'_>) -> Tag {
    let mut hash = ghash.clone();
    let (aad, text) = job.parts();
    let mut aad_bytes = aad.len();
    if let Some(tail) = job.tail.map(u32::to_be_bytes) {
        aad_bytes += tail.len();
        let whole = aad.len() / 16 * 16;
        let (blocks, rest) = aad.split_at(whole);
        hash.update_padded(blocks);
        let mut last = [0_u8; 32];
        last[..rest.len()].copy_from_slice(rest);
        last[rest.len()..rest.len() + tail.len()].copy_from_slice(&tail);
        hash.update_padded(&last[..rest.len() + tail.len()]);
    } else {
        hash.update_padded(aad);
    }
    hash.update_padded(text);
    let lengths = ((aad_bytes as u128 * 8) << 64) | (text.len() as u128 * 8);
    hash.update(&[Array(lengths.to_be_bytes())]);
    let s = u128::from_be_bytes(hash.finalize().0);
    (s ^ aes.encrypt(job.iv.wrapping_add(1))).to_be_bytes()
}

/// The first 16 bytes of HMAC-SHA1 over packet and tail (RFC 3711 section 4.2).
fn hmac_tag(hmac: &Hmac<Sha1>, job: &CryptoJob<'_>) -> Tag {
    let mut mac = hmac.clone();
    mac.update(job.message());
    if let Some(tail) = job.tail.map(u32::to_be_bytes) {
        mac.update(&tail);
    }
    let full = mac.finalize().into_bytes();
    let mut tag = [0; 16];
    tag.copy_from_slice(&full[..16]);
    tag
}
