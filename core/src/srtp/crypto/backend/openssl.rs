// SPDX-License-Identifier: MIT OR Apache-2.0
//! OpenSSL's libcrypto behind the trait (feature `openssl`), for those whose cryptography must come
//! from a library that somebody has certified. It is slower than the built-in kernels, and OpenSSL
//! allocates in its own heap for each packet, so it is real-time only as far as that heap is.

use alloc::boxed::Box;
use std::sync::Mutex;

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;

use super::{Backend, BackendJob, BackendKey, KeySpec, tags_equal};
use crate::srtp::SrtpError;
use crate::srtp::suite::Cipher as CipherKind;

/// OpenSSL's EVP functions.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenSsl;

/// Contexts that keep their keys. A session half has one thread at a time, so the lock is always
/// free; where it is not, the job is refused instead of waiting.
struct Key {
    cipher: Mutex<Option<Contexts>>,
    kind: CipherKind,
    hmac: Option<PKey<Private>>,
}

struct Contexts {
    encrypt: CipherCtx,
    decrypt: CipherCtx,
}

impl Key {
    fn new(keys: &KeySpec<'_>) -> Result<Self, ErrorStack> {
        let kind = keys.suite.cipher();
        let algorithm = match (kind, keys.cipher_key.len()) {
            (CipherKind::Gcm, 16) => Some(Cipher::aes_128_gcm()),
            (CipherKind::Gcm, _) => Some(Cipher::aes_256_gcm()),
            (CipherKind::CounterMode, 16) => Some(Cipher::aes_128_ctr()),
            (CipherKind::CounterMode, 24) => Some(Cipher::aes_192_ctr()),
            (CipherKind::CounterMode, _) => Some(Cipher::aes_256_ctr()),
            (CipherKind::Null, _) => None,
        };
        let contexts = match algorithm {
            None => None,
            Some(algorithm) => {
                let (mut encrypt, mut decrypt) = (CipherCtx::new()?, CipherCtx::new()?);
                encrypt.encrypt_init(Some(algorithm), Some(keys.cipher_key), None)?;
                decrypt.decrypt_init(Some(algorithm), Some(keys.cipher_key), None)?;
                Some(Contexts { encrypt, decrypt })
            }
        };
        let hmac = match kind {
            CipherKind::Gcm => None,
            _ => Some(PKey::hmac(keys.auth_key)?),
        };
        Ok(Self { cipher: Mutex::new(contexts), kind, hmac })
    }

    fn seal(&self, job: &mut BackendJob<'_>) -> Option<()> {
        if self.kind == CipherKind::Gcm {
            let mut contexts = self.cipher.try_lock().ok()?;
            let context = &mut contexts.as_mut()?.encrypt;
            job.tag = encrypt(context, job).ok()?;
        } else {
            self.xor_keystream(job)?;
            job.tag = self.hmac_tag(job)?;
        }
        Some(())
    }

    fn open(&self, job: &mut BackendJob<'_>) -> Option<()> {
        if self.kind == CipherKind::Gcm {
            let mut contexts = self.cipher.try_lock().ok()?;
            let contexts = contexts.as_mut()?;
            let (tag, bytes) = (job.tag, job.tag_bytes.min(16));
            if decrypt(&mut contexts.decrypt, job, &tag[..bytes]).is_err() {
                // Encrypted again, the packet is as it was.
                let _ = encrypt(&mut contexts.encrypt, job);
                return None;
            }
        } else {
            let right = self.hmac_tag(job)?;
            if !tags_equal(right, job.tag, job.tag_bytes) {
                return None;
            }
            self.xor_keystream(job)?;
        }
        Some(())
    }

    fn xor_keystream(&self, job: &mut BackendJob<'_>) -> Option<()> {
        if self.kind == CipherKind::Null {
            return Some(());
        }
        let mut contexts = self.cipher.try_lock().ok()?;
        let context = &mut contexts.as_mut()?.encrypt;
        context.encrypt_init(None, None, Some(&job.iv)).ok()?;
        let text = job.packet.get_mut(job.clear_bytes..)?;
        context.cipher_update_inplace(text, text.len()).ok()?;
        Some(())
    }

    fn hmac_tag(&self, job: &BackendJob<'_>) -> Option<[u8; 16]> {
        let mut signer = Signer::new(MessageDigest::sha1(), self.hmac.as_ref()?).ok()?;
        signer.update(job.packet).ok()?;
        if let Some(tail) = job.tail {
            signer.update(&tail).ok()?;
        }
        let mut digest = [0; 20];
        signer.sign(&mut digest).ok()?;
        digest.first_chunk().copied()
    }
}

fn encrypt(context: &mut CipherCtx, job: &mut BackendJob<'_>) -> Result<[u8; 16], ErrorStack> {
    context.encrypt_init(None, None, Some(&job.iv[..12]))?;
    update(context, job)?;
    context.cipher_final(&mut [])?;
    let mut tag = [0; 16];
    context.tag(&mut tag)?;
    Ok(tag)
}

fn decrypt(
    context: &mut CipherCtx,
    job: &mut BackendJob<'_>,
    tag: &[u8],
) -> Result<(), ErrorStack> {
    context.decrypt_init(None, None, Some(&job.iv[..12]))?;
    context.set_tag(tag)?;
    update(context, job)?;
    context.cipher_final(&mut []).map(drop)
}

fn update(context: &mut CipherCtx, job: &mut BackendJob<'_>) -> Result<(), ErrorStack> {
    let clear = job.clear_bytes.min(job.packet.len());
    let (header, text) = job.packet.split_at_mut(clear);
    context.cipher_update(header, None)?;
    if let Some(tail) = job.tail {
        context.cipher_update(&tail, None)?;
    }
    context.cipher_update_inplace(text, text.len()).map(drop)
}

fn key<'a>(job: &BackendJob<'a>) -> Option<&'a Key> {
    job.key.downcast_ref()
}

impl Backend for OpenSsl {
    fn schedule(&self, keys: &KeySpec<'_>) -> Result<BackendKey, SrtpError> {
        Ok(Box::new(Key::new(keys).map_err(|_| SrtpError::Backend)?))
    }

    fn seal(&self, jobs: &mut [BackendJob<'_>]) {
        for job in jobs {
            job.done = key(job).and_then(|key| key.seal(job)).is_some();
        }
    }

    fn open(&self, jobs: &mut [BackendJob<'_>]) {
        for job in jobs {
            job.done = key(job).and_then(|key| key.open(job)).is_some();
        }
    }
}
