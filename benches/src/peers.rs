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
    let mac_key = openssl::pkey::PKey::hmac(&[7; 20]).expect("HMAC key");
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
                let digest = openssl::hash::MessageDigest::sha1();
                let mut signer = openssl::sign::Signer::new(digest, &mac_key).expect("EVP signer");
                signer.update(&packet[..len]).expect("EVP MAC");
                let mut tag = [0; 20];
                signer.sign(&mut tag).expect("EVP sign");
                packet[len..len + 10].copy_from_slice(&tag[..10]);
            }
        })
    }))
}
