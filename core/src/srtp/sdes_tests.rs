// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the `a=crypto` attribute.

use alloc::format;

use proptest::prelude::*;

use super::*;
use crate::srtp::test_support::hex;

#[test]
fn example_of_rfc_4568_section_4_1_is_parsed() {
    let line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 \
                inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:32";
    let attribute = CryptoAttribute::parse(line).unwrap();
    assert_eq!((attribute.tag, attribute.suite), (1, Suite::AesCm128HmacSha1_80));
    let key = &attribute.keys[0];
    assert_eq!(key.lifetime(), 1 << 20);
    assert_eq!(key.mki().len(), 32);
    assert_eq!(key.mki()[31], 1);
    assert_eq!(
        [key.key(), key.salt()].concat(),
        hex("3d2d6e40255e7821426a756672392 93f2c2335685c603d265d7b71695051"
            .replace(' ', "")
            .as_str())
    );
    assert_eq!(&*attribute.line(), line);
}

#[test]
fn all_session_parameters_are_parsed_and_printed() {
    let line = "7 AES_CM_128_HMAC_SHA1_32 \
        inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:4;\
        inline:QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5|1000|66051:4 \
        KDR=24 UNENCRYPTED_SRTP UNENCRYPTED_SRTCP UNAUTHENTICATED_SRTP FEC_ORDER=SRTP_FEC \
        FEC_KEY=inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR WSH=128";
    let attribute = CryptoAttribute::parse(line).unwrap();
    assert_eq!(attribute.keys[1].mki(), [0, 1, 2, 3]);
    assert_eq!(attribute.keys[1].lifetime(), 1000);
    assert_eq!(&*attribute.value(), line);
    assert_eq!(attribute.to_config().unwrap_err(), SrtpError::NotPermitted);
}

#[test]
fn parameters_reach_the_configuration() {
    let line = "1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw== KDR=3 WSH=1000 \
                UNENCRYPTED_SRTCP -FUTURE=1";
    let config = CryptoAttribute::parse(line).unwrap().to_config().unwrap();
    assert_eq!(config.replay_window, 1024);
    assert_eq!(config.key_derivation_rate_log2, Some(3));
    assert!(config.unencrypted_srtcp && !config.unencrypted_srtp);
    assert_eq!(config.keys[0].salt(), hex("101112131415161718191a1b"));
}

#[test]
fn malformed_attributes_are_refused() {
    let key = "inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
    for (line, error) in [
        ("", SdesError::Syntax),
        ("1", SdesError::Syntax),
        ("x AES_CM_128_HMAC_SHA1_80 inline:", SdesError::Tag),
        ("1234567890 AES_CM_128_HMAC_SHA1_80 inline:", SdesError::Tag),
        ("1 F8_128_HMAC_SHA1_80 inline:", SdesError::UnknownSuite),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", SdesError::Key),
        ("1 AES_CM_128_HMAC_SHA1_80 uri:http", SdesError::Key),
        (
            "1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVB!",
            SdesError::Key,
        ),
    ] {
        assert_eq!(CryptoAttribute::parse(line).unwrap_err(), error, "{line}");
    }
    for (rest, error) in [
        ("|0", SdesError::Lifetime),
        ("|2^49", SdesError::Lifetime),
        ("|2^20|256:1", SdesError::Mki),
        ("|2^20|1:0", SdesError::Mki),
        ("|2^20|1:129", SdesError::Mki),
        ("|1:4|2^20", SdesError::Syntax),
        (" KDR=25", SdesError::Parameter),
        (" KDR=1 KDR=1", SdesError::Parameter),
        (" WSH=63", SdesError::Parameter),
        (" UNENCRYPTED_SRTP=1", SdesError::Parameter),
        (" NEW", SdesError::Parameter),
    ] {
        let line = format!("1 AES_CM_128_HMAC_SHA1_80 {key}{rest}");
        assert_eq!(CryptoAttribute::parse(&line).unwrap_err(), error, "{line}");
    }
    let twice = format!("1 AES_CM_128_HMAC_SHA1_80 {key};{key}");
    assert_eq!(CryptoAttribute::parse(&twice).unwrap_err(), SdesError::Mki);
}

proptest! {
    #[test]
    fn what_is_printed_is_parsed(
        suite in 0_usize..10, bytes in prop::collection::vec(any::<u8>(), 46),
        tag in 0_u32..1_000_000_000, mki in prop::collection::vec(any::<u8>(), 0..9),
        lifetime in 1_u64..=1 << 48, kdr in prop::option::of(0_u8..=24),
    ) {
        let suite = Suite::ALL[suite];
        let key = MasterKey::from_concatenated(
            suite, &bytes[..suite.key_bytes() + suite.salt_bytes()]).unwrap();
        let key = key.with_mki(&mki).unwrap().with_lifetime(lifetime).unwrap();
        let mut attribute = CryptoAttribute::new(tag, suite, key.clone());
        attribute.key_derivation_rate_log2 = kdr;
        let back = CryptoAttribute::parse(&attribute.line()).unwrap();
        prop_assert!(back.keys[0].same_material(&key));
        prop_assert_eq!(back.keys[0].mki(), &mki[..]);
        prop_assert_eq!(back.line(), attribute.line());
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "(a=crypto:)?[0-9]{0,2} ?[A-Z_0-9]{0,30} ?(inline:)?[A-Za-z0-9+/|:^;=]{0,60} ?[A-Z_=0-9-]{0,20}") {
        let _ = CryptoAttribute::parse(&text);
    }
}

#[test]
fn an_alias_is_read_and_answered_in_the_offers_spelling() {
    for (suite, name) in Suite::SDES_ALIASES {
        let key: Vec<u8> = (0..suite.key_bytes() + suite.salt_bytes()).map(|b| b as u8).collect();
        let key = MasterKey::from_concatenated(suite, &key).unwrap();
        let offered = CryptoAttribute::new(3, suite, key.clone()).line();
        let offered = offered.replace(suite.sdes_name(), name);
        let offer = CryptoAttribute::parse(&offered).unwrap();
        assert_eq!((offer.suite, offer.suite_name), (suite, name));
        assert_eq!(&*offer.line(), offered);
        let mut answer = CryptoAttribute::new(offer.tag, offer.suite, key);
        assert!(answer.line().starts_with(&alloc::format!("a=crypto:3 {} ", suite.sdes_name())));
        answer.suite_name = offer.suite_name;
        assert!(answer.line().starts_with(&alloc::format!("a=crypto:3 {name} ")));
        // A name of another suite is not written.
        answer.suite_name = "AEAD_AES_128_GCM";
        assert!(answer.line().starts_with(&alloc::format!("a=crypto:3 {} ", suite.sdes_name())));
    }
}
