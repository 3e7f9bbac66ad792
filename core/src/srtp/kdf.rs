// SPDX-License-Identifier: MIT OR Apache-2.0
//! Key derivation (RFC 3711 section 4.3, RFC 6188 section 3, RFC 7714 section 11, RFC 6904
//! section 3.1): session keys are a keystream of AES in counter mode under the master key.
//!
//! Runs when keys are prepared, off the real-time threads, and with a key derivation rate other
//! than 0 once per so many packets on them; it does not allocate.

use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroize;

use super::keys::MasterKey;
use super::wipe::{DERIVATION, wiping};

/// What a derived key is for (RFC 3711 section 4.3.1, RFC 6904 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Label {
    RtpCipher = 0,
    RtpAuth = 1,
    RtpSalt = 2,
    RtcpCipher = 3,
    RtcpAuth = 4,
    RtcpSalt = 5,
    HeaderCipher = 6,
    HeaderSalt = 7,
    /// No RFC's: what tells a key again without holding it.
    Fingerprint = 0xf0,
}

/// Fills `out` with the key of `label`; `r` is the packet index divided by the key derivation
/// rate, 0 when the rate is 0.
pub(crate) fn derive(master: &MasterKey, label: Label, r: u64, out: &mut [u8]) {
    // Here, not only where all of it is done: the master key's round keys would be taken along in the
    // unused parts of what is moved next.
    wiping::<DERIVATION, _>(|| derive_into(master, label, r, out));
}

fn derive_into(master: &MasterKey, label: Label, r: u64, out: &mut [u8]) {
    let mut x = [0_u8; 16];
    x[..14].copy_from_slice(master.padded_salt());
    x[7] ^= label as u8;
    for (byte, r) in x[8..14].iter_mut().zip(&r.to_be_bytes()[2..]) {
        *byte ^= r;
    }
    match master.key().len() {
        16 => keystream::<aes::Aes128Enc>(master.key(), x, out),
        24 => keystream::<aes::Aes192Enc>(master.key(), x, out),
        _ => keystream::<aes::Aes256Enc>(master.key(), x, out),
    }
    x.zeroize();
}

fn keystream<C: BlockCipherEncrypt + KeyInit>(key: &[u8], x: [u8; 16], out: &mut [u8]) {
    let Ok(cipher) = C::new_from_slice(key) else { return };
    for (i, chunk) in out.chunks_mut(16).enumerate() {
        let mut block = Block::<C>::default();
        block.copy_from_slice(&(u128::from_be_bytes(x).wrapping_add(i as u128)).to_be_bytes());
        cipher.encrypt_block(&mut block);
        chunk.copy_from_slice(&block[..chunk.len()]);
        block.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::test_support::hex;

    fn check(key: &str, salt: &str, expected: [(Label, &str); 3]) {
        let master = MasterKey::new(&hex(key), &hex(salt)).unwrap();
        for (label, value) in expected {
            let value = hex(value);
            let mut out = alloc::vec![0; value.len()];
            derive(&master, label, 0, &mut out);
            assert_eq!(out, value, "{label:?}");
        }
    }

    #[test]
    fn keys_are_those_of_rfc_3711_appendix_b_3() {
        check(
            "E1F97A0D3E018BE0D64FA32C06DE4139",
            "0EC675AD498AFEEBB6960B3AABE6",
            [
                (Label::RtpCipher, "C61E7A93744F39EE10734AFE3FF7A087"),
                (Label::RtpSalt, "30CBBC08863D8C85D49DB34A9AE1"),
                (
                    Label::RtpAuth,
                    "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE\
                     E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25\
                     6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2",
                ),
            ],
        );
    }

    #[test]
    fn keys_are_those_of_rfc_6188_sections_7_2_and_7_4() {
        check(
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
            "3b04803de51ee7c96423ab5b78d2",
            [
                (
                    Label::RtpCipher,
                    "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
                ),
                (Label::RtpSalt, "fa31791685ca444a9e07c6c64e93"),
                (Label::RtpAuth, "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"),
            ],
        );
        check(
            "73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1",
            "c8522f3acd4ce86d5add78edbb11",
            [
                (Label::RtpCipher, "31874736a8f1143870c26e4857d8a5b2c4a354407faadabb"),
                (Label::RtpSalt, "2372b82d639b6d8503a47adc0a6c"),
                (Label::RtpAuth, "355b10973cd95b9eacf4061c7e1a7151e7cfbfcb"),
            ],
        );
    }
}
