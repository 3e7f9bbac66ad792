// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets of RFC 3711 appendix B.2, RFC 6188 section 7 and RFC 7714 sections 16 and 17. They are
//! given for session keys, so they are checked below key derivation, on every kernel.

use super::super::crypto::{CryptoJob, CryptoKey, Material};
use super::super::test_support::hex;
use super::super::{Engine, Kernel, Suite};

fn material(key: &str, auth: &str, salt: &str) -> Material {
    let (key, auth, salt) = (hex(key), hex(auth), hex(salt));
    let mut material = Material { cipher_bytes: key.len(), ..Material::default() };
    material.cipher[..key.len()].copy_from_slice(&key);
    material.auth[..auth.len()].copy_from_slice(&auth);
    material.salt[..salt.len()].copy_from_slice(&salt);
    material
}

fn on_every_kernel(suite: Suite, material: &Material, check: impl Fn(&CryptoKey)) {
    for &kernel in Kernel::ALL.iter().filter(|k| k.is_available()) {
        check(&CryptoKey::new(suite, material, &Engine::Builtin(kernel)).unwrap());
    }
}

#[test]
fn keystreams_are_those_of_rfc_3711_b_2_and_rfc_6188_7_1() {
    let salt = "F0F1F2F3F4F5F6F7F8F9FAFBFCFD";
    for (suite, key, keystream, late) in [
        (
            Suite::AesCm128HmacSha1_80,
            "2B7E151628AED2A6ABF7158809CF4F3C",
            "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB \
             41E95B3BB0A2E8DD477901E4FCA894C0",
            "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE \
             6A2CC3787889374FBEB4C81B17BA6C44",
        ),
        (
            Suite::AesCm256HmacSha1_80,
            "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
            "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac \
             63c4868b7096d88421b563b8c94c9a31",
            "cea518c90fd91ced9cbb18c078a54711 3dbc4814f4da5f00a08772b63c6a046d \
             6eb246913062a16891433e97dd01a57f",
        ),
    ] {
        let material = material(key, "", salt);
        on_every_kernel(suite, &material, |key| {
            let iv = key.iv(0, 0);
            let mut out = [0; 48];
            key.xor_keystream(iv, &mut out);
            assert_eq!(out[..], hex(keystream), "{suite:?}");
            // The RFC prints blocks 0xfeff to 0xff01 too.
            let mut out = [0; 48];
            key.xor_keystream(iv + 0xfeff, &mut out);
            assert_eq!(out[..], hex(late), "{suite:?}");
        });
    }
}

#[test]
fn packets_are_those_of_rfc_7714() {
    let rtp = "8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e69732064697669736120696e20\
               7061727465732074726573";
    let rtcp = "81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeef\
                deadbeefdeadbeefdeadbeef";
    let key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let salt = "517569642070726f2071756f";
    let (mars, index) = (0x4d61_7273, 0x5d4);
    for (suite, plain, clear, ssrc, index, tail, sealed) in [
        (
            Suite::AeadAes128Gcm,
            rtp,
            12,
            0x5501_a0b2,
            0xf17b,
            None,
            "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7\
             d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            Suite::AeadAes256Gcm,
            rtp,
            12,
            0x5501_a0b2,
            0xf17b,
            None,
            "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ff\
             ae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
        (
            Suite::AeadAes128Gcm,
            rtcp,
            8,
            mars,
            index,
            Some(0x8000_05d4_u32),
            "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce0\
             9b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade",
        ),
        (
            Suite::AeadAes256Gcm,
            rtcp,
            8,
            mars,
            index,
            Some(0x8000_05d4),
            "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415\
             f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be",
        ),
        (
            Suite::AeadAes128Gcm,
            rtcp,
            52,
            mars,
            index,
            Some(0x0000_05d4),
            "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdead\
             beefdeadbeefdeadbeef841dd9683dd78ec92ae58790125f62b3",
        ),
    ] {
        let material = material(&key[..2 * suite.key_bytes()], "", salt);
        let plain = hex(plain);
        let end = plain.len();
        on_every_kernel(suite, &material, |key| {
            let mut packet = plain.clone();
            let iv = key.iv(ssrc, index);
            let clear = clear.min(end);
            let tag = key.seal(CryptoJob { buffer: &mut packet, clear, end, tail, iv }).unwrap();
            assert_eq!([&packet[..], &tag].concat(), hex(sealed), "{suite:?}");
            assert!(key.open(CryptoJob { buffer: &mut packet, clear, end, tail, iv }, tag, 16));
            assert_eq!(packet, plain);
        });
    }
}
