// SPDX-License-Identifier: MIT OR Apache-2.0
//! The other side of each row: libsrtp, webrtc-srtp, and OpenSSL's EVP, which is cryptography
//! alone, with neither header, index, replay window nor session.

use ale_media::srtp::{Engine, Sender, Suite};
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;

use crate::harness::Side;
use crate::libsrtp::{Library, Session};
use crate::srtp::{Arena, config, key_bytes, protect_singly, unprotect_singly};

/// The peers that have the suite and are present.
pub fn srtp<'a>(suite: Suite, payload: usize, sessions: usize, sending: bool) -> Vec<Side<'a>> {
    let mut sides = Vec::new();
    for (name, library) in
        [("libsrtp+OpenSSL", Library::with_openssl()), ("libsrtp (Debian)", Library::system())]
    {
        let Some(library) = library else { continue };
        let make = |i| {
            let key = key_bytes(suite, i);
            Session::new(&library, suite, &key, !sending, 128).expect("libsrtp session")
        };
        let mut peers: Vec<_> = (0..sessions).map(make).collect();
        let mut arena = Arena::new(payload, sessions);
        let mut senders = senders(suite, sessions);
        sides.push(Side::new(name, move || {
            if sending {
                protect_singly(&mut arena, |session, packet, len| {
                    peers[session].protect(packet, len).expect("protect");
                })
            } else {
                unprotect_singly(&mut arena, &mut senders, |session, packet| {
                    let len = packet.len();
                    peers[session].unprotect(packet, len).expect("unprotect");
                })
            }
        }));
    }
    sides.extend(webrtc(suite, payload, sessions, sending));
    if sending {
        sides.extend(evp(suite, payload, sessions));
    }
    sides
}

fn senders(suite: Suite, sessions: usize) -> Vec<Sender> {
    (0..sessions).map(|i| Sender::new(&config(suite, i, Engine::Best)).expect("sender")).collect()
}

fn webrtc<'a>(suite: Suite, payload: usize, sessions: usize, sending: bool) -> Option<Side<'a>> {
    use webrtc_srtp::context::Context;
    use webrtc_srtp::protection_profile::ProtectionProfile;
    let profile = match suite {
        Suite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        _ => return None,
    };
    let make = |i| {
        let key = key_bytes(suite, i);
        let (key, salt) = key.split_at(suite.key_bytes());
        Context::new(key, salt, profile, None, None).expect("webrtc-srtp context")
    };
    let mut contexts: Vec<_> = (0..sessions).map(make).collect();
    let mut arena = Arena::new(payload, sessions);
    let mut senders = senders(suite, sessions);
    Some(Side::new("webrtc-srtp", move || {
        if sending {
            protect_singly(&mut arena, |session, packet, len| {
                let sealed = contexts[session].encrypt_rtp(&packet[..len]).expect("encrypt");
                std::hint::black_box(sealed);
            })
        } else {
            unprotect_singly(&mut arena, &mut senders, |session, packet| {
                let opened = contexts[session].decrypt_rtp(packet).expect("decrypt");
                std::hint::black_box(opened);
            })
        }
    }))
}

/// AES-GCM, or AES-CTR alone, through EVP contexts that keep their keys.
fn evp<'a>(suite: Suite, payload: usize, sessions: usize) -> Option<Side<'a>> {
    let (name, cipher) = match suite {
        Suite::AeadAes128Gcm => ("EVP GCM", Cipher::aes_128_gcm()),
        Suite::AeadAes256Gcm => ("EVP GCM", Cipher::aes_256_gcm()),
        Suite::AesCm128HmacSha1_80 => ("EVP CTR+HMAC", Cipher::aes_128_ctr()),
        Suite::AesCm256HmacSha1_80 => ("EVP CTR+HMAC", Cipher::aes_256_ctr()),
        _ => return None,
    };
    let mut contexts: Vec<_> = (0..sessions)
        .map(|i| {
            let key = key_bytes(suite, i);
            let mut context = CipherCtx::new().expect("EVP context");
            let key = &key[..suite.key_bytes()];
            context.encrypt_init(Some(cipher), Some(key), None).expect("EVP key");
            context
        })
        .collect();
    let macs: Vec<_> = (0..sessions).map(|i| EvpHmac::new(&[i as u8; 20])).collect();
    let mut arena = Arena::new(payload, sessions);
    let mut out = vec![0; payload + 64];
    Some(Side::new(name, move || {
        protect_singly(&mut arena, |session, packet, len| {
            let context = &mut contexts[session];
            let mut iv = [0_u8; 16];
            iv[..4].copy_from_slice(&packet[..4]);
            let iv = if suite.is_aead() { &iv[..12] } else { &iv[..] };
            context.encrypt_init(None, None, Some(iv)).expect("EVP IV");
            let (header, rest) = packet.split_at_mut(12);
            if suite.is_aead() {
                context.cipher_update(header, None).expect("EVP AAD");
            }
            let text = &mut rest[..len - 12];
            let written = context.cipher_update_inplace(text, text.len()).expect("EVP update");
            if suite.is_aead() {
                context.cipher_final(&mut out[written..]).expect("EVP final");
                context.tag(&mut rest[len - 12..len + 4]).expect("EVP tag");
            } else {
                let tag = macs[session].tag(&packet[..len]);
                packet[len..len + 10].copy_from_slice(&tag[..10]);
            }
        })
    }))
}

/// OpenSSL's HMAC-SHA1 with a key that is scheduled once, the cheapest way that it offers; the safe
/// wrapper makes a context for each packet.
struct EvpHmac(*mut openssl_sys::HMAC_CTX);

impl EvpHmac {
    fn new(key: &[u8; 20]) -> Self {
        let bytes = key.as_ptr().cast();
        // SAFETY: the key is as long as said; OpenSSL copies it.
        let context = unsafe {
            let context = openssl_sys::HMAC_CTX_new();
            let digest = openssl_sys::EVP_sha1();
            let done = openssl_sys::HMAC_Init_ex(context, bytes, 20, digest, std::ptr::null_mut());
            assert_eq!(done, 1);
            context
        };
        Self(context)
    }

    fn tag(&self, message: &[u8]) -> [u8; 20] {
        let (mut tag, mut bytes) = ([0; 20], 0);
        let (no_key, no_digest) = (std::ptr::null(), std::ptr::null());
        // SAFETY: the context is this value's alone, and a SHA-1 tag has 20 bytes.
        unsafe {
            openssl_sys::HMAC_Init_ex(self.0, no_key, 0, no_digest, std::ptr::null_mut());
            openssl_sys::HMAC_Update(self.0, message.as_ptr(), message.len());
            openssl_sys::HMAC_Final(self.0, tag.as_mut_ptr(), &raw mut bytes);
        }
        tag
    }
}

impl Drop for EvpHmac {
    fn drop(&mut self) {
        // SAFETY: made by `new`.
        unsafe { openssl_sys::HMAC_CTX_free(self.0) };
    }
}
