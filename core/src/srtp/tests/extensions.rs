// SPDX-License-Identifier: MIT OR Apache-2.0
//! Encrypted header extensions: the packets of RFC 9335 appendix A, and RFC 6904 against a slow
//! model.

use alloc::vec::Vec;

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

use super::super::kdf::{Label, derive};
use super::super::test_support::{config, hex};
use super::super::*;

fn seal(sender: &mut Sender, plain: &[u8]) -> Vec<u8> {
    let mut packet = plain.to_vec();
    packet.resize(plain.len() + MAX_TRAILER_BYTES, 0);
    let len = sender.protect(&mut packet, plain.len()).unwrap();
    packet.truncate(len);
    packet
}

fn open(receiver: &mut Receiver, sealed: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut packet = sealed.to_vec();
    let len = receiver.unprotect(&mut packet);
    if len.is_err() {
        assert_eq!(packet, sealed, "a refused packet is untouched");
    }
    packet.truncate(len?);
    Ok(packet)
}

/// Packets of RFC 9335 appendix A: plain, with counter mode and HMAC, and with GCM.
const CRYPTEX: [[&str; 3]; 6] = [
    [
        "900f1235decafbadcafebabebede000151000200abababababababababababababababab",
        "900f1235decafbadcafebabec0de0001eb92365251c3e036f8de27e9c27ee3e0b4651d9fbc4218a70244522f34a5",
        "900f1235decafbadcafebabec0de000139972dc9572c4d99e8fc355de743fb2e94f9d8ff54e72f4193bbc5c7\
         4ffab0fa9fa0fbeb",
    ],
    [
        "900f1236decafbadcafebabe1000000105020002abababababababababababababababab",
        "900f1236decafbadcafebabec2de00014ed9cc4e6a712b3096c5ca77339d4204ce0d77396cab69585fbce38194a5",
        "900f1236decafbadcafebabec2de0001bb75a4c545cd1f413bdb7daa2b1e3263de313667c963249081b35a65\
         f5cb6c88b394235f",
    ],
    [
        "920f1238decafbadcafebabe0001e2400000b26ebede000151000200abababababababababababababababab",
        "920f1238decafbadcafebabe8bb6e12b5cff16ddc0de000192838c8c09e58393e1de3a9a74734d67456713\
         38c3acf11da2df8423bee0",
        "920f1238decafbadcafebabe63bbccc4a7f695c4c0de00018ad7c71fac70a80c92866b4c6ba98546ef9135\
         86e95ffaaffe956885bb0647a8bc094ac8",
    ],
    [
        "920f1239decafbadcafebabe0001e2400000b26e1000000105020002abababababababababababababababab",
        "920f1239decafbadcafebabef70e513eb90b9b25c2de0001bbed4848faa644665f3d7f34125914e9f4d0ae\
         923c6f479b95a0f7b53133",
        "920f1239decafbadcafebabe3680524f8d312b00c2de0001c78d120038422bc111a7187a18246f980c059c\
         c6bc9df8b626394eca344e4b05d80fea83",
    ],
    [
        "920f123adecafbadcafebabe0001e2400000b26ebede0000abababababababababababababababab",
        "920f123adecafbadcafebabe7130b6abfe2ab0e3c0de0000e3d9f64b25c9e74cb4cf8e43fb92e3781c2c0c\
         eab6b3a499a14c",
        "920f123adecafbadcafebabe15b6bb4337906fffc0de0000b7b964537a2b03ab7ba5389ce93317126b5d97\
         4df30c6884dcb651c5e120c1da",
    ],
    [
        "920f123bdecafbadcafebabe0001e2400000b26e10000000abababababababababababababababab",
        "920f123bdecafbadcafebabecbf24c124330e1c8c2de0000599dd45bc9d687b603e8b59d771fd38e88b170\
         e0cd31e125eabe",
        "920f123bdecafbadcafebabedcb38c9e48bf95f4c2de000061ee432cf920317076613258d3ce4236c06ac4\
         29681ad08413512dc98b5207d8",
    ],
];

fn cryptex(suite: Suite, kernel: Kernel) -> SessionConfig {
    let master = if suite.is_aead() {
        MasterKey::new(&hex("000102030405060708090a0b0c0d0e0f"), &hex("a0a1a2a3a4a5a6a7a8a9aaab"))
    } else {
        MasterKey::new(
            &hex("e1f97a0d3e018be0d64fa32c06de4139"),
            &hex("0ec675ad498afeebb6960b3aabe6"),
        )
    };
    let mut config = SessionConfig::new(suite, master.unwrap());
    config.cryptex = true;
    config.engine = Engine::Builtin(kernel);
    config
}

#[test]
fn cryptex_packets_are_those_of_rfc_9335_appendix_a() {
    for &kernel in Kernel::ALL.iter().filter(|kernel| kernel.is_available()) {
        for (column, suite) in [(1, Suite::AesCm128HmacSha1_80), (2, Suite::AeadAes128Gcm)] {
            let config = cryptex(suite, kernel);
            let mut sender = Sender::new(&config).unwrap();
            let mut receiver = Receiver::new(&config).unwrap();
            for packet in CRYPTEX {
                let (plain, sealed) = (hex(packet[0]), hex(packet[column]));
                assert_eq!(seal(&mut sender, &plain), sealed, "{kernel:?} {suite:?}");
                let mut forged = sealed.clone();
                forged[13] ^= 1;
                assert!(open(&mut receiver, &forged).is_err());
                assert_eq!(open(&mut receiver, &sealed).unwrap(), plain, "{kernel:?} {suite:?}");
            }
        }
    }
}

#[test]
fn cryptex_adds_an_empty_extension_to_hide_sources_and_leaves_other_packets_alone() {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm] {
        let config = cryptex(suite, Kernel::Portable);
        let mut sender = Sender::new(&config).unwrap();
        let mut receiver = Receiver::new(&config).unwrap();
        let sources = hex("820f0001decafbadcafebabe0001e2400000b26eabababab");
        let sealed = seal(&mut sender, &sources);
        assert_eq!(sealed.len(), sources.len() + 4 + suite.tag_bytes());
        assert_ne!(sealed[12..20], sources[12..20]);
        let with_extension = hex("920f0001decafbadcafebabe0001e2400000b26ebede0000abababab");
        assert_eq!(open(&mut receiver, &sealed).unwrap(), with_extension);
        // Neither sources nor extension, and an extension that is not RFC 8285's.
        for plain in
            ["800f0002decafbadcafebabeabababab", "900f0003decafbadcafebabe12340001aabbccddee"]
        {
            let plain = hex(plain);
            let sealed = seal(&mut sender, &plain);
            assert_eq!(sealed[..12], plain[..12]);
            assert_eq!(open(&mut receiver, &sealed).unwrap(), plain);
        }
        let mut buffer = sources.clone();
        buffer.resize(sources.len() + suite.tag_bytes() + 3, 0);
        assert_eq!(sender.protect(&mut buffer, sources.len()), Err(SrtpError::Capacity));
    }
}

#[test]
fn listed_elements_are_encrypted_as_rfc_6904_says_and_others_are_not() {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm] {
        let mut config = config(suite, 3);
        config.encrypted_extensions = alloc::vec![2, 5];
        let mut sender = Sender::new(&config).unwrap();
        let mut receiver = Receiver::new(&config).unwrap();
        // Elements 1, 2 and 5 with padding between, in both forms; which bytes belong to 2 and 5.
        for (sequence, head, encrypted) in [
            (1_u16, "bede000612aabbcc2311223344005caabbccddeeff00112233445566", [5..9, 11..24]),
            (2, "100000060102aabb02041122334400050b0102030405060708090a0b", [6..10, 13..24]),
        ] {
            let mut plain = hex("900f0000decafbadcafebabe");
            plain[2..4].copy_from_slice(&sequence.to_be_bytes());
            let block = hex(head);
            assert_eq!(block.len(), 28);
            plain.extend(&block);
            plain.extend([0x77; 20]);
            let sealed = seal(&mut sender, &plain);

            let master = &config.keys[0];
            let mut key = alloc::vec![0; suite.key_bytes()];
            derive(master, Label::HeaderCipher, 0, &mut key);
            let mut salt = [0; 16];
            derive(master, Label::HeaderSalt, 0, &mut salt[..suite.salt_bytes()]);
            let iv =
                u128::from_be_bytes(salt) ^ 0xcafe_babe_u128 << 64 ^ u128::from(sequence) << 16;
            let mut keystream = Vec::new();
            for i in 0..2 {
                let mut block = Array((iv + i).to_be_bytes());
                if key.len() == 16 {
                    aes::Aes128Enc::new_from_slice(&key).unwrap().encrypt_block(&mut block);
                } else {
                    aes::Aes256Enc::new_from_slice(&key).unwrap().encrypt_block(&mut block);
                }
                keystream.extend(block.0);
            }
            let mut expected = block.clone();
            for i in 0..24 {
                if encrypted.iter().any(|range| range.contains(&i)) {
                    expected[4 + i] ^= keystream[i];
                }
            }
            assert_eq!(sealed[..12], plain[..12]);
            assert_eq!(sealed[12..40], expected, "{suite:?} {sequence}");
            assert_eq!(open(&mut receiver, &sealed).unwrap(), plain, "{suite:?}");
        }
    }
}
