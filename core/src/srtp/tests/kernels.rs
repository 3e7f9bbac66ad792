// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every kernel, and every backend behind the trait, against RustCrypto over random keys, lengths,
//! alignments and suites, and against Wycheproof's vectors.

use alloc::sync::Arc;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::crypto::{CryptoJob, CryptoKey, Material};
use super::super::test_support::hex;
use super::super::{Engine, Kernel, Suite, backend};
use crate::test_support::vector;

fn engines() -> impl Iterator<Item = Engine> {
    let builtin = Kernel::ALL.iter().filter(|kernel| kernel.is_available());
    let outside = [
        Engine::External(Arc::new(backend::RustCrypto)),
        #[cfg(feature = "openssl")]
        Engine::External(Arc::new(backend::OpenSsl)),
    ];
    builtin.map(|&kernel| Engine::Builtin(kernel)).chain(outside)
}

fn key(suite: Suite, material: &Material, engine: &Engine) -> CryptoKey {
    CryptoKey::new(suite, material, engine).unwrap()
}

/// `ALE_KERNELS` names what the tests are meant to find, where another machine is emulated.
#[test]
fn kernels_are_those_that_this_machine_is_said_to_have() {
    let available = Kernel::ALL.iter().filter(|kernel| kernel.is_available());
    let names: Vec<_> = available.map(|kernel| alloc::format!("{kernel:?}")).collect();
    let names = names.join(",");
    assert!(names.starts_with("Portable"));
    #[cfg(feature = "std")]
    if let Ok(expected) = std::env::var("ALE_KERNELS") {
        assert_eq!(names, expected);
    }
}

const PORTABLE: Engine = Engine::Builtin(Kernel::Portable);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn every_engine_gives_the_bytes_of_rustcrypto(
        suite in 0_usize..10,
        cipher: [u8; 32], auth: [u8; 20], salt: [u8; 14],
        ssrc: u32, index in 0_u64..1 << 48,
        clear in prop_oneof![Just(12_usize), 0_usize..120],
        text in prop_oneof![0_usize..300, 0_usize..1500],
        tail in prop::option::of(any::<u32>()),
        offset in 0_usize..64, seed: u8, flip: prop::sample::Index,
    ) {
        let suite = Suite::ALL[suite];
        let mut material =
            Material { cipher, cipher_bytes: suite.key_bytes(), auth, salt };
        material.salt[suite.salt_bytes()..].fill(0);
        let end = clear + text;
        let plain: Vec<u8> =
            (0..end + offset + 70).map(|i| (i as u8).wrapping_mul(29) ^ seed).collect();
        let reference = key(suite, &material, &PORTABLE);
        let iv = reference.iv(ssrc, index);
        let mut expected = plain.clone();
        let job = CryptoJob { buffer: &mut expected[offset..], clear, end, tail, iv };
        let expected_tag = reference.seal(job).unwrap();
        for engine in engines() {
            let key = key(suite, &material, &engine);
            let mut bytes = plain.clone();
            let job = CryptoJob { buffer: &mut bytes[offset..], clear, end, tail, iv };
            let tag = key.seal(job).unwrap();
            prop_assert_eq!(&bytes, &expected, "{:?} {:?}", engine, suite);
            prop_assert_eq!(tag, expected_tag, "{:?} {:?}", engine, suite);
            let tag_bytes = suite.tag_bytes();
            let mut forged = tag;
            forged[flip.index(tag_bytes)] ^= 1 << (seed % 8);
            let job = CryptoJob { buffer: &mut bytes[offset..], clear, end, tail, iv };
            prop_assert!(!key.open(job, forged, tag_bytes));
            prop_assert_eq!(&bytes, &expected);
            let job = CryptoJob { buffer: &mut bytes[offset..], clear, end, tail, iv };
            prop_assert!(key.open(job, tag, tag_bytes));
            prop_assert_eq!(&bytes, &plain, "{:?} {:?}", engine, suite);
        }
    }
}

#[test]
fn long_texts_count_beyond_a_byte() {
    let mut material = Material { cipher: [7; 32], cipher_bytes: 16, auth: [3; 20], salt: [1; 14] };
    material.salt[12..].fill(0);
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80] {
        let run = |engine: Engine| {
            let key = key(suite, &material, &engine);
            let mut bytes = alloc::vec![0; 70_000];
            let iv = key.iv(1, 2);
            let end = bytes.len();
            let job = CryptoJob { buffer: &mut bytes, clear: 12, end, tail: None, iv };
            let tag = key.seal(job).unwrap();
            (bytes, tag)
        };
        let expected = run(PORTABLE);
        for engine in engines() {
            let name = alloc::format!("{engine:?} {suite:?}");
            assert!(run(engine) == expected, "{name}");
        }
    }
}

/// A Wycheproof file, or `None` where the vectors are absent.
fn wycheproof(name: &str) -> Option<serde_json::Value> {
    let text = vector(&alloc::format!("wycheproof/{name}"))?;
    Some(serde_json::from_slice(&text).unwrap())
}

#[test]
fn aes_gcm_agrees_with_wycheproof() {
    let Some(file) = wycheproof("aes_gcm_test.json") else { return };
    let mut count = 0;
    for group in file["testGroups"].as_array().unwrap() {
        let suite = match (group["keySize"].as_u64(), group["ivSize"].as_u64()) {
            (Some(128), Some(96)) => Suite::AeadAes128Gcm,
            (Some(256), Some(96)) => Suite::AeadAes256Gcm,
            _ => continue, // SRTP has neither 192-bit GCM keys nor other IVs
        };
        for test in group["tests"].as_array().unwrap() {
            let field = |name: &str| hex(test[name].as_str().unwrap());
            let mut material = Material { cipher_bytes: suite.key_bytes(), ..Material::default() };
            material.cipher[..suite.key_bytes()].copy_from_slice(&field("key"));
            material.salt[..12].copy_from_slice(&field("iv"));
            let (aad, text, sealed) = (field("aad"), field("msg"), field("ct"));
            let mut tag = [0; 16];
            tag.copy_from_slice(&field("tag"));
            let valid = test["result"] == "valid";
            for engine in engines() {
                let key = key(suite, &material, &engine);
                // An SSRC and index of 0 leave the salt, which stands for the IV.
                let iv = key.iv(0, 0);
                let (clear, end) = (aad.len(), aad.len() + sealed.len());
                let mut packet = [&aad[..], &sealed[..]].concat();
                let job = CryptoJob { buffer: &mut packet, clear, end, tail: None, iv };
                assert_eq!(key.open(job, tag, 16), valid, "{engine:?} {}", test["tcId"]);
                if valid {
                    assert_eq!(packet[clear..], text);
                    let job = CryptoJob { buffer: &mut packet, clear, end, tail: None, iv };
                    assert_eq!(key.seal(job), Some(tag));
                    assert_eq!(packet[clear..], sealed);
                }
            }
            count += 1;
        }
    }
    assert!(count > 100);
}

#[test]
fn hmac_sha1_agrees_with_wycheproof() {
    let Some(file) = wycheproof("hmac_sha1_test.json") else { return };
    let suite = Suite::NullHmacSha1_80;
    let mut count = 0;
    for group in file["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            let field = |name: &str| hex(test[name].as_str().unwrap());
            let (secret, message, expected) = (field("key"), field("msg"), field("tag"));
            if secret.len() > 20 || expected.len() < 10 {
                continue; // SRTP's keys have 20 bytes; shorter ones are the same with zeros
            }
            let mut material = Material { cipher_bytes: 16, ..Material::default() };
            material.auth[..secret.len()].copy_from_slice(&secret);
            let mut tag = [0; 16];
            let len = expected.len().min(16);
            tag[..len].copy_from_slice(&expected[..len]);
            for engine in engines() {
                let key = key(suite, &material, &engine);
                let mut packet = message.clone();
                let end = packet.len();
                let job = CryptoJob { buffer: &mut packet, clear: end, end, tail: None, iv: 0 };
                let valid = test["result"] == "valid";
                // A tag that is wrong only behind its 16th byte is beyond what SRTP compares.
                let beyond = !valid && key_tag(&key, &message)[..len] == tag[..len];
                assert_eq!(key.open(job, tag, len), valid || beyond, "{engine:?} {}", test["tcId"]);
            }
            count += 1;
        }
    }
    assert!(count > 30);
}

fn key_tag(key: &CryptoKey, message: &[u8]) -> [u8; 16] {
    let mut packet = message.to_vec();
    let end = packet.len();
    key.seal(CryptoJob { buffer: &mut packet, clear: end, end, tail: None, iv: 0 }).unwrap()
}
