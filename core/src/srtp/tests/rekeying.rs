// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other keys in mid-call: the whole line or nothing, at once, and no packet lost on the way.

use alloc::vec::Vec;

use super::super::test_support::{config, master, rtp};
use super::super::*;
use super::behaviour::{protect, protect_rtcp, rtcp, unprotect, unprotect_rtcp};

/// A configuration with keys of these seeds under these identifiers.
fn identified(suite: Suite, keys: &[(u8, &[u8])]) -> SessionConfig {
    let mut config = config(suite, 0);
    config.keys =
        keys.iter().map(|&(seed, mki)| master(suite, seed).with_mki(mki).unwrap()).collect();
    config
}

fn prepared(config: &SessionConfig) -> PreparedKeys {
    PreparedKeys::new(config).unwrap()
}

/// A call of one direction in which receiver and sender re-key at different times.
struct Call {
    sender: Sender,
    receiver: Receiver,
    sequence: u16,
}

impl Call {
    fn new(config: &SessionConfig) -> Self {
        let (sender, receiver) = (Sender::new(config).unwrap(), Receiver::new(config).unwrap());
        Self { sender, receiver, sequence: 0 }
    }

    /// Sends some packets, all of which have to arrive.
    fn talk(&mut self) {
        for _ in 0..3 {
            let (packet, report) = (rtp(5, self.sequence, 30), rtcp(5));
            self.sequence += 1;
            let sealed = protect(&mut self.sender, &packet).unwrap();
            assert_eq!(unprotect(&mut self.receiver, &sealed).unwrap(), packet);
            let sealed = protect_rtcp(&mut self.sender, &report).unwrap();
            assert_eq!(unprotect_rtcp(&mut self.receiver, &sealed).unwrap(), report);
        }
    }
}

#[test]
fn identifiers_come_go_change_their_length_and_stand_for_other_keys() {
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32] {
        let lines = [
            identified(suite, &[(1, &[])]),
            identified(suite, &[(2, &[1])]),
            identified(suite, &[(3, &[1])]),
            identified(suite, &[(4, &[0, 0, 0, 1]), (5, &[0, 0, 0, 2])]),
            identified(suite, &[(6, &[1])]),
            identified(suite, &[(7, &[])]),
            identified(suite, &[(8, &[])]),
        ];
        let mut call = Call::new(&lines[0]);
        call.talk();
        for line in &lines[1..] {
            let _ = call.receiver.rekey(prepared(line)).unwrap();
            call.talk();
            let _ = call.sender.rekey(prepared(line)).unwrap();
            call.talk();
        }
        assert_eq!(call.receiver.stats().under_previous_keys, 6 * 6);
    }
}

#[test]
fn suites_may_change_with_the_keys_if_the_policy_permits() {
    let mut call = Call::new(&config(Suite::AesCm128HmacSha1_32, 1));
    call.talk();
    for (seed, suite) in Suite::ALL.into_iter().enumerate() {
        let line = config(suite, seed as u8);
        let _ = call.receiver.rekey(prepared(&line)).unwrap();
        call.talk();
        let _ = call.sender.rekey(prepared(&line)).unwrap();
        call.talk();
        assert_eq!((call.sender.suite(), call.receiver.suite()), (suite, suite));
    }
    // The session's policy counts, not the one that the keys were prepared under.
    let mut strict = config(Suite::AeadAes128Gcm, 1);
    strict.policy = Policy::Strict;
    strict.allow_null_cipher = false;
    let mut call = Call::new(&strict);
    for suite in [Suite::AesCm128HmacSha1_80, Suite::NullHmacSha1_80] {
        let keys = prepared(&config(suite, 2));
        assert_eq!(call.sender.can_rekey(&keys), Err(SrtpError::NotPermitted));
        assert_eq!(call.receiver.can_rekey(&keys), Err(SrtpError::NotPermitted));
        let (error, keys) = call.sender.rekey(keys).unwrap_err();
        assert_eq!(error, SrtpError::NotPermitted);
        assert_eq!(call.receiver.rekey(keys).unwrap_err().0, SrtpError::NotPermitted);
        call.talk();
    }
}

#[test]
fn what_is_sent_readable_follows_the_line_at_once() {
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80] {
        for same_key in [false, true] {
            let mut plain = config(suite, 1);
            (plain.unencrypted_srtp, plain.unencrypted_srtcp) = (true, true);
            let secret = config(suite, if same_key { 1 } else { 2 });
            let mut call = Call::new(&plain);
            for line in [&secret, &plain, &secret] {
                let _ = call.receiver.rekey(prepared(line)).unwrap();
                let _ = call.sender.rekey(prepared(line)).unwrap();
                call.talk();
                let packet = rtp(5, call.sequence, 40);
                call.sequence += 1;
                let sealed = protect(&mut call.sender, &packet).unwrap();
                assert_eq!(sealed[12..52] == packet[12..52], line.unencrypted_srtp);
                let sealed = protect_rtcp(&mut call.sender, &rtcp(5)).unwrap();
                assert_eq!(sealed[8..20] == rtcp(5)[8..20], line.unencrypted_srtcp);
            }
        }
    }
}

#[test]
fn the_same_line_twice_changes_nothing() {
    let (old, new) = (config(Suite::AesCm128HmacSha1_80, 1), config(Suite::AesCm128HmacSha1_80, 2));
    let mut call = Call::new(&old);
    call.talk();
    assert!(call.receiver.uses(&prepared(&old)) && call.sender.uses(&prepared(&old)));
    for line in [&old, &new, &new, &new] {
        let _ = call.receiver.rekey(prepared(line)).unwrap();
        call.talk();
    }
    let before = call.receiver.stats().under_previous_keys;
    assert_eq!(before, 3 * 6);
    let _ = call.sender.rekey(prepared(&new)).unwrap();
    call.talk();
    // The overlap is counted from the first time, not from the last.
    let mut short = Call::new(&SessionConfig { rekey_overlap_packets: 4, ..old.clone() });
    short.talk();
    let stale = protect(&mut short.sender, &rtp(5, 3, 9)).unwrap();
    let _ = short.receiver.rekey(prepared(&new)).unwrap();
    let _ = short.sender.rekey(prepared(&new)).unwrap();
    short.sequence = 4;
    short.talk();
    let _ = short.receiver.rekey(prepared(&new)).unwrap();
    assert_eq!(unprotect(&mut short.receiver, &stale), Err(SrtpError::AuthenticationFailed));
    assert!(short.receiver.take_retired_keys().is_some());
    assert!(short.receiver.take_retired_keys().is_none());
}

#[test]
fn the_keys_that_the_peer_uses_outlast_any_number_of_lines_it_has_not_followed() {
    for mki in [&[][..], &[1]] {
        let line = |seed| identified(Suite::AesCm128HmacSha1_80, &[(seed, mki)]);
        let mut call = Call::new(&line(1));
        call.talk();
        for seed in [2, 3, 2, 4, 5] {
            let _ = call.receiver.rekey(prepared(&line(seed))).unwrap();
            call.talk();
        }
        let _ = call.sender.rekey(prepared(&line(5))).unwrap();
        call.talk();
        // Back to the keys that the peer has never left.
        let _ = call.receiver.rekey(prepared(&line(6))).unwrap();
        let _ = call.receiver.rekey(prepared(&line(5))).unwrap();
        call.talk();
    }
}

#[test]
fn what_is_refused_changes_nothing() {
    let mut with_headers = config(Suite::AeadAes128Gcm, 2);
    with_headers.encrypted_extensions = alloc::vec![3];
    let mut call = Call::new(&config(Suite::AeadAes128Gcm, 1));
    call.talk();
    let stats = (call.sender.stats(), call.receiver.stats());
    let (error, keys) = call.receiver.rekey(prepared(&with_headers)).unwrap_err();
    assert_eq!(error, SrtpError::InvalidConfig);
    assert_eq!(call.sender.rekey(keys).unwrap_err().0, SrtpError::InvalidConfig);
    assert_eq!(stats, (call.sender.stats(), call.receiver.stats()));
    call.talk();
    assert_eq!(call.receiver.stats().under_previous_keys, 0);
}

#[test]
fn a_line_takes_what_is_not_in_it_from_the_session() {
    let mut session = config(Suite::AesCm128HmacSha1_32, 1);
    session.encrypted_extensions = alloc::vec![1, 2];
    session.initial_roc = 7;
    session.unencrypted_srtp = true;
    let mut line =
        SessionConfig::new(Suite::AesCm256HmacSha1_32, master(Suite::AesCm256HmacSha1_32, 2));
    line.key_derivation_rate_log2 = Some(3);
    let merged = session.rekeyed(&line);
    assert_eq!(merged.suite, line.suite);
    assert_eq!((merged.policy, merged.initial_roc), (Policy::Legacy, 7));
    assert_eq!(merged.encrypted_extensions, [1, 2]);
    assert_eq!((merged.unencrypted_srtp, merged.key_derivation_rate_log2), (false, Some(3)));
    assert!(merged.keys[0].same_material(&line.keys[0]));
    assert_eq!(session.without_keys().validate(), Err(SrtpError::KeyCount));
}

#[test]
fn a_lifetime_goes_on_when_a_key_comes_back() {
    let key = |seed| {
        let mut config = config(Suite::AeadAes128Gcm, seed);
        config.keys = alloc::vec![master(config.suite, seed).with_lifetime(10).unwrap()];
        config
    };
    let mut sender = Sender::new(&key(1)).unwrap();
    let mut sequences = 0..;
    let mut send =
        |sender: &mut Sender| protect(sender, &rtp(5, sequences.next().unwrap(), 9)).map(|_| ());
    (0..10).for_each(|_| send(&mut sender).unwrap());
    let left: Vec<_> = [2, 3, 1]
        .into_iter()
        .map(|seed| {
            let _ = sender.rekey(prepared(&key(seed))).unwrap();
            sender.packets_left()
        })
        .collect();
    assert_eq!(left, [10, 10, 0]);
    assert_eq!(send(&mut sender), Err(SrtpError::KeyExhausted));
}
