// SPDX-License-Identifier: MIT OR Apache-2.0
//! What sessions accept, refuse, count and report.

use alloc::vec::Vec;

use super::super::test_support::{config, master, rtp};
use super::super::*;

pub(super) fn pair(config: &SessionConfig) -> (Sender, Receiver) {
    (Sender::new(config).unwrap(), Receiver::new(config).unwrap())
}

pub(super) fn protect(sender: &mut Sender, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + MAX_TRAILER_BYTES, 0xee);
    let len = sender.protect(&mut buffer, packet.len())?;
    buffer.truncate(len);
    Ok(buffer)
}

pub(super) fn protect_rtcp(sender: &mut Sender, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + MAX_TRAILER_BYTES, 0xee);
    let len = sender.protect_rtcp(&mut buffer, packet.len())?;
    buffer.truncate(len);
    Ok(buffer)
}

/// Unprotects a copy; on an error checks that the bytes are untouched.
pub(super) fn unprotect(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buffer = packet.to_vec();
    match receiver.unprotect(&mut buffer) {
        Ok(len) => {
            buffer.truncate(len);
            Ok(buffer)
        }
        Err(error) => {
            assert_eq!(buffer, packet, "a refused packet is untouched");
            Err(error)
        }
    }
}

pub(super) fn unprotect_rtcp(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buffer = packet.to_vec();
    match receiver.unprotect_rtcp(&mut buffer) {
        Ok(len) => {
            buffer.truncate(len);
            Ok(buffer)
        }
        Err(error) => {
            assert_eq!(buffer, packet, "a refused packet is untouched");
            Err(error)
        }
    }
}

pub(super) fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = alloc::vec![0x80, 201, 0, 4];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0xab; 12]);
    packet
}

#[test]
fn every_suite_round_trips_and_adds_what_it_says() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(&config(suite, 1));
        for sequence in [65533, 65534, 65535, 0, 1] {
            let packet = rtp(77, sequence, 160);
            let sealed = protect(&mut sender, &packet).unwrap();
            assert_eq!(sealed.len(), packet.len() + suite.rtp_overhead_bytes());
            assert_eq!(sealed[12..172] == packet[12..], suite.is_null());
            assert_eq!(unprotect(&mut receiver, &sealed).unwrap(), packet, "{suite:?}");
            let report = rtcp(77);
            let sealed = protect_rtcp(&mut sender, &report).unwrap();
            assert_eq!(sealed.len(), report.len() + suite.rtcp_overhead_bytes());
            assert_eq!(unprotect_rtcp(&mut receiver, &sealed).unwrap(), report, "{suite:?}");
        }
        assert_eq!(receiver.streams().next().unwrap().roc, 1);
        assert_eq!((receiver.stats().rtp_packets, receiver.stats().rtcp_packets), (5, 5));
    }
}

#[test]
fn any_changed_bit_is_noticed_and_changes_nothing() {
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80] {
        let (mut sender, mut receiver) = pair(&config(suite, 1));
        let packet = rtp(5, 100, 20);
        let sealed = protect(&mut sender, &packet).unwrap();
        let report = protect_rtcp(&mut sender, &rtcp(5)).unwrap();
        for bit in 0..8 * sealed.len() {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect(&mut receiver, &forged).is_err());
        }
        for bit in 0..8 * report.len() {
            let mut forged = report.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect_rtcp(&mut receiver, &forged).is_err());
        }
        assert_eq!(receiver.streams().len(), 0);
        assert_eq!(unprotect(&mut receiver, &sealed).unwrap(), packet);
        assert_eq!(unprotect_rtcp(&mut receiver, &report).unwrap(), rtcp(5));
    }
}

#[test]
fn truncated_packets_are_refused() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(&config(suite, 1));
        let sealed = protect(&mut sender, &rtp(5, 1, 3)).unwrap();
        let report = protect_rtcp(&mut sender, &rtcp(5)).unwrap();
        for len in 0..sealed.len() {
            assert!(unprotect(&mut receiver, &sealed[..len]).is_err());
        }
        for len in 0..report.len() {
            assert!(unprotect_rtcp(&mut receiver, &report[..len]).is_err());
        }
    }
}

#[test]
fn capacity_is_refused_before_a_byte_is_written_or_an_index_used() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(&config(suite, 1));
        let packet = rtp(5, 1, 30);
        for room in 0..suite.rtp_overhead_bytes() {
            let mut buffer = packet.clone();
            buffer.resize(packet.len() + room, 0xee);
            let before = buffer.clone();
            assert_eq!(sender.protect(&mut buffer, packet.len()), Err(SrtpError::Capacity));
            assert_eq!(buffer, before);
        }
        assert_eq!(sender.protect(&mut [0x80; 10], 11), Err(SrtpError::Capacity));
        let sealed = protect(&mut sender, &packet).unwrap();
        assert_eq!(unprotect(&mut receiver, &sealed).unwrap(), packet);
    }
}

#[test]
fn replayed_and_old_packets_are_told_apart() {
    let (mut sender, mut receiver) = pair(&config(Suite::AeadAes128Gcm, 1));
    let sealed: Vec<_> = (0..200).map(|s| protect(&mut sender, &rtp(5, s, 10)).unwrap()).collect();
    unprotect(&mut receiver, &sealed[199]).unwrap();
    assert_eq!(unprotect(&mut receiver, &sealed[199]), Err(SrtpError::Replayed));
    assert_eq!(unprotect(&mut receiver, &sealed[71]), Err(SrtpError::TooOld));
    unprotect(&mut receiver, &sealed[72]).unwrap();
    assert_eq!(unprotect(&mut receiver, &sealed[72]), Err(SrtpError::Replayed));
    let stats = receiver.stats();
    assert_eq!((stats.replayed, stats.too_old, stats.rtp_packets), (2, 1, 2));
}

#[test]
fn replayed_reports_are_refused() {
    let (mut sender, mut receiver) = pair(&config(Suite::AesCm128HmacSha1_80, 1));
    let sealed = protect_rtcp(&mut sender, &rtcp(5)).unwrap();
    unprotect_rtcp(&mut receiver, &sealed).unwrap();
    assert_eq!(unprotect_rtcp(&mut receiver, &sealed), Err(SrtpError::Replayed));
}

#[test]
fn sending_an_index_twice_is_refused() {
    let (mut sender, _) = pair(&config(Suite::AeadAes128Gcm, 1));
    protect(&mut sender, &rtp(5, 10, 10)).unwrap();
    protect(&mut sender, &rtp(5, 12, 10)).unwrap();
    protect(&mut sender, &rtp(5, 11, 10)).unwrap();
    assert_eq!(protect(&mut sender, &rtp(5, 10, 10)), Err(SrtpError::IndexReused));
    assert_eq!(protect(&mut sender, &rtp(5, 11, 10)), Err(SrtpError::IndexReused));
    assert_eq!(sender.stats().index_reused, 2);
}

#[test]
fn late_packet_after_rollover_is_decrypted() {
    let (mut sender, mut receiver) = pair(&config(Suite::AesCm128HmacSha1_80, 1));
    let packets: Vec<_> = [65534_u16, 65535, 0, 1].iter().map(|&s| rtp(5, s, 10)).collect();
    let sealed: Vec<_> = packets.iter().map(|p| protect(&mut sender, p).unwrap()).collect();
    for i in [0, 2, 1, 3] {
        assert_eq!(unprotect(&mut receiver, &sealed[i]).unwrap(), packets[i]);
    }
}

#[test]
fn streams_are_bounded_and_unknown_ones_refused() {
    let mut config = config(Suite::AeadAes128Gcm, 1);
    config.max_streams = 2;
    let mut sender = Sender::new(&config).unwrap();
    let sealed: Vec<_> = (0..3).map(|s| protect(&mut sender, &rtp(s, 1, 10)).unwrap()).collect();
    let mut receiver = Receiver::new(&config).unwrap();
    for packet in &sealed {
        unprotect(&mut receiver, packet).unwrap();
        assert!(receiver.streams().len() <= 2);
    }

    config.ssrcs = SsrcPolicy::Only(alloc::vec![1]);
    let mut receiver = Receiver::new(&config).unwrap();
    assert_eq!(unprotect(&mut receiver, &sealed[0]), Err(SrtpError::UnknownSsrc));
    unprotect(&mut receiver, &sealed[1]).unwrap();
    receiver.set_stream(StreamState::new(0, 0)).unwrap();
    unprotect(&mut receiver, &sealed[0]).unwrap();
    // Who was named keeps its place.
    assert_eq!(receiver.set_stream(StreamState::new(2, 0)), Err(SrtpError::StreamLimit));
    assert!(receiver.remove_stream(0));
    receiver.set_stream(StreamState::new(2, 0)).unwrap();
    unprotect(&mut receiver, &sealed[2]).unwrap();
    let mut sender = Sender::new(&config).unwrap();
    assert_eq!(protect(&mut sender, &rtp(2, 1, 10)), Err(SrtpError::UnknownSsrc));
}

#[test]
fn late_joiner_is_given_the_rollover_counter_or_finds_it() {
    for suite in [Suite::AeadAes256Gcm, Suite::AesCm256HmacSha1_80] {
        let mut config = config(suite, 1);
        config.initial_roc = 2;
        let mut sender = Sender::new(&config).unwrap();
        let first = protect(&mut sender, &rtp(5, 65535, 10)).unwrap();
        let second = protect(&mut sender, &rtp(5, 0, 10)).unwrap();

        let mut informed = Receiver::new(&config).unwrap();
        unprotect(&mut informed, &first).unwrap();
        unprotect(&mut informed, &second).unwrap();

        config.initial_roc = 0;
        config.roc_retry = 0;
        let mut uninformed = Receiver::new(&config).unwrap();
        assert_eq!(unprotect(&mut uninformed, &first), Err(SrtpError::AuthenticationFailed));
        assert_eq!(uninformed.streams().len(), 0);

        config.roc_retry = 2;
        let mut retrying = Receiver::new(&config).unwrap();
        while retrying.poll_event().is_some() {}
        unprotect(&mut retrying, &first).unwrap();
        assert_eq!(
            retrying.poll_event(),
            Some(Event::RolloverCorrected { ssrc: 5, expected: 0, actual: 2 })
        );
        unprotect(&mut retrying, &second).unwrap();
        assert_eq!(retrying.stats().rollover_corrected, 1);
    }
}

#[test]
fn earlier_rollover_counters_are_not_tried_once_a_stream_has_begun() {
    let mut config = config(Suite::AeadAes128Gcm, 1);
    config.roc_retry = 4;
    let mut sender = Sender::new(&config).unwrap();
    let old = protect(&mut sender, &rtp(5, 100, 10)).unwrap();
    sender
        .set_stream(StreamState { highest_sequence: Some(200), ..StreamState::new(5, 1) })
        .unwrap();
    let new = protect(&mut sender, &rtp(5, 201, 10)).unwrap();
    let mut receiver = Receiver::new(&config).unwrap();
    unprotect(&mut receiver, &new).unwrap();
    assert_eq!(unprotect(&mut receiver, &old), Err(SrtpError::AuthenticationFailed));
}

#[test]
fn state_carried_over_continues_both_halves() {
    let config = config(Suite::AesCm128HmacSha1_80, 1);
    let (mut sender, mut receiver) = pair(&config);
    for sequence in [65535, 0, 1] {
        let sealed = protect(&mut sender, &rtp(5, sequence, 10)).unwrap();
        unprotect(&mut receiver, &sealed).unwrap();
        let report = protect_rtcp(&mut sender, &rtcp(5)).unwrap();
        unprotect_rtcp(&mut receiver, &report).unwrap();
    }
    let last = protect(&mut sender, &rtp(5, 2, 10)).unwrap();
    unprotect(&mut receiver, &last).unwrap();
    let (mut sender2, mut receiver2) = pair(&config);
    for state in sender.streams() {
        sender2.set_stream(state).unwrap();
    }
    for state in receiver.streams() {
        receiver2.set_stream(state).unwrap();
    }
    assert_eq!(sender2.streams().collect::<Vec<_>>(), sender.streams().collect::<Vec<_>>());
    assert_eq!(protect(&mut sender2, &rtp(5, 2, 10)), Err(SrtpError::IndexReused));
    assert_eq!(unprotect(&mut receiver2, &last), Err(SrtpError::Replayed));
    let next = protect(&mut sender2, &rtp(5, 3, 10)).unwrap();
    unprotect(&mut receiver2, &next).unwrap();
    let report = protect_rtcp(&mut sender2, &rtcp(5)).unwrap();
    unprotect_rtcp(&mut receiver2, &report).unwrap();
}

#[test]
fn rekeying_loses_no_packet_on_either_side_of_it() {
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80] {
        let old = config(suite, 1);
        let mut new = config(suite, 2);
        new.rekey_overlap_packets = 3;
        let (mut sender, _) = pair(&old);
        let mut receiver =
            Receiver::new(&SessionConfig { rekey_overlap_packets: 3, ..old.clone() }).unwrap();
        let seal = |sender: &mut Sender, s| protect(sender, &rtp(5, s, 10)).unwrap();
        let before: Vec<_> = (0..6).map(|s| seal(&mut sender, s)).collect();
        let _old = sender.rekey(PreparedKeys::new(&new).unwrap()).unwrap();
        let after: Vec<_> = (6..12).map(|s| seal(&mut sender, s)).collect();

        unprotect(&mut receiver, &before[0]).unwrap();
        assert!(receiver.rekey(PreparedKeys::new(&new).unwrap()).unwrap().is_none());
        unprotect(&mut receiver, &before[1]).unwrap();
        unprotect(&mut receiver, &after[0]).unwrap();
        unprotect(&mut receiver, &before[2]).unwrap();
        unprotect(&mut receiver, &after[1]).unwrap();
        unprotect(&mut receiver, &before[3]).unwrap();
        unprotect(&mut receiver, &after[2]).unwrap();
        assert_eq!(receiver.stats().under_previous_keys, 3);
        // The overlap of three packets under the new keys is over.
        assert_eq!(unprotect(&mut receiver, &before[4]), Err(SrtpError::AuthenticationFailed));
        assert!(receiver.retire_previous_keys().is_some());
    }
}

#[test]
fn several_keys_are_told_apart_by_their_identifiers() {
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_32] {
        let mut config = config(suite, 1);
        config.keys =
            [1, 2, 3].map(|seed| master(suite, seed).with_mki(&[9, seed]).unwrap()).to_vec();
        let (mut sender, mut receiver) = pair(&config);
        for (sequence, mki) in [(1, 1), (2, 2), (3, 1), (4, 3)] {
            sender.select_key(&[9, mki]).unwrap();
            let packet = rtp(5, sequence, 33);
            let sealed = protect(&mut sender, &packet).unwrap();
            assert_eq!(sealed.len(), packet.len() + suite.rtp_overhead_bytes() + 2);
            assert_eq!(unprotect(&mut receiver, &sealed).unwrap(), packet);
            let report = protect_rtcp(&mut sender, &rtcp(5)).unwrap();
            assert_eq!(unprotect_rtcp(&mut receiver, &report).unwrap(), rtcp(5));
        }
        assert_eq!(sender.select_key(&[9, 9]), Err(SrtpError::UnknownMki));
        let mut strange = protect(&mut sender, &rtp(5, 5, 33)).unwrap();
        let at = if suite.is_aead() { strange.len() - 1 } else { strange.len() - 5 };
        strange[at] = 0x77;
        assert_eq!(unprotect(&mut receiver, &strange), Err(SrtpError::UnknownMki));
        assert_eq!(receiver.stats().unknown_mki, 1);
    }
}

#[test]
fn key_lifetime_is_announced_and_then_enforced() {
    let mut config = config(Suite::AeadAes128Gcm, 1);
    config.keys = alloc::vec![master(config.suite, 1).with_lifetime(32).unwrap()];
    let (mut sender, mut receiver) = pair(&config);
    let mut sealed = Vec::new();
    for sequence in 0..32 {
        sealed.push(protect(&mut sender, &rtp(5, sequence, 10)).unwrap());
        let expected = (sequence == 29).then_some(Event::KeyExpiring { key: 0, packets_left: 2 });
        assert_eq!(sender.poll_event(), expected);
    }
    assert_eq!(protect(&mut sender, &rtp(5, 32, 10)), Err(SrtpError::KeyExhausted));
    // The same key again does not begin a new lifetime.
    let _ = sender.rekey(PreparedKeys::new(&config).unwrap()).unwrap();
    assert_eq!(protect(&mut sender, &rtp(5, 32, 10)), Err(SrtpError::KeyExhausted));
    for packet in &sealed {
        unprotect(&mut receiver, packet).unwrap();
    }
    assert_eq!(receiver.poll_event(), Some(Event::KeyExpiring { key: 0, packets_left: 2 }));
}

#[test]
fn unencrypted_reports_need_the_flag() {
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80] {
        let strict = config(suite, 1);
        let mut plain = strict.clone();
        plain.unencrypted_srtcp = true;
        let sealed = protect_rtcp(&mut Sender::new(&plain).unwrap(), &rtcp(5)).unwrap();
        assert_eq!(sealed[..20], rtcp(5));
        let mut receiver = Receiver::new(&strict).unwrap();
        assert_eq!(unprotect_rtcp(&mut receiver, &sealed), Err(SrtpError::NotPermitted));
        let mut receiver = Receiver::new(&plain).unwrap();
        assert_eq!(unprotect_rtcp(&mut receiver, &sealed).unwrap(), rtcp(5));
        let encrypted = protect_rtcp(&mut Sender::new(&strict).unwrap(), &rtcp(6)).unwrap();
        assert_eq!(unprotect_rtcp(&mut receiver, &encrypted).unwrap(), rtcp(6));
    }
}

#[test]
fn keys_change_with_the_key_derivation_rate_and_streams_still_decrypt() {
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm192HmacSha1_80] {
        let mut config = config(suite, 1);
        config.key_derivation_rate_log2 = Some(2);
        let (mut sender, mut receiver) = pair(&config);
        let packets: Vec<_> = (0..20).map(|s| rtp(5, s, 30)).collect();
        let sealed: Vec<_> = packets.iter().map(|p| protect(&mut sender, p).unwrap()).collect();
        for i in [0, 5, 4, 3, 19, 10, 1, 2, 18] {
            assert_eq!(unprotect(&mut receiver, &sealed[i]).unwrap(), packets[i]);
        }
        let mut underived = config.clone();
        underived.key_derivation_rate_log2 = None;
        let mut receiver = Receiver::new(&underived).unwrap();
        unprotect(&mut receiver, &sealed[3]).unwrap();
        assert_eq!(unprotect(&mut receiver, &sealed[4]), Err(SrtpError::AuthenticationFailed));
    }
}

#[test]
fn configurations_that_make_no_sense_are_refused() {
    let good = config(Suite::AeadAes128Gcm, 1);
    let refused = |change: &dyn Fn(&mut SessionConfig)| {
        let mut config = good.clone();
        change(&mut config);
        Sender::new(&config).err()
    };
    assert_eq!(refused(&|c| c.keys.clear()), Some(SrtpError::KeyCount));
    assert_eq!(refused(&|c| c.keys.push(c.keys[0].clone())), Some(SrtpError::KeyCount));
    assert_eq!(refused(&|c| c.suite = Suite::AeadAes256Gcm), Some(SrtpError::KeyLength));
    assert_eq!(refused(&|c| c.replay_window = 100), Some(SrtpError::ReplayWindow));
    assert_eq!(refused(&|c| c.replay_window = 65536), Some(SrtpError::ReplayWindow));
    assert_eq!(refused(&|c| c.max_streams = 0), Some(SrtpError::InvalidConfig));
    assert_eq!(refused(&|c| c.roc_retry = 5), Some(SrtpError::InvalidConfig));
    let cm = master(Suite::AesCm128HmacSha1_80, 1);
    let mut config = SessionConfig::new(Suite::AesCm128HmacSha1_80, cm);
    config.policy = Policy::Strict;
    assert_eq!(Sender::new(&config).err(), Some(SrtpError::NotPermitted));
    config.suite = Suite::NullHmacSha1_80;
    config.policy = Policy::Legacy;
    assert_eq!(Receiver::new(&config).err(), Some(SrtpError::NotPermitted));
}

#[test]
fn exhausted_index_is_refused() {
    let config = config(Suite::AeadAes128Gcm, 1);
    let (mut sender, _) = pair(&config);
    let state = StreamState { highest_sequence: Some(65535), ..StreamState::new(5, u32::MAX) };
    sender.set_stream(state).unwrap();
    assert_eq!(protect(&mut sender, &rtp(5, 0, 10)), Err(SrtpError::IndexExhausted));
    sender.set_stream(StreamState { rtcp_index: Some((1 << 31) - 1), ..state }).unwrap();
    assert_eq!(protect_rtcp(&mut sender, &rtcp(5)), Err(SrtpError::IndexExhausted));
}

/// The cause that the first report of a run of failures names.
fn reported(receiver: &mut Receiver) -> Option<FailureCause> {
    while let Some(event) = receiver.poll_event() {
        if let Event::AuthenticationFailing { count, likely, ssrc } = event {
            assert_eq!((count, ssrc), (16, 5));
            return Some(likely);
        }
    }
    None
}

#[test]
fn a_run_of_failures_is_reported_with_its_likely_cause() {
    let cm80 = config(Suite::AesCm128HmacSha1_80, 1);
    let run = |sending: &SessionConfig, receiving: &SessionConfig| {
        let mut sender = Sender::new(sending).unwrap();
        let receiving = SessionConfig { roc_retry: 0, ..receiving.clone() };
        let mut receiver = Receiver::new(&receiving).unwrap();
        for sequence in 0..16 {
            let sealed = protect(&mut sender, &rtp(5, sequence, 40)).unwrap();
            assert!(unprotect(&mut receiver, &sealed).is_err());
        }
        reported(&mut receiver)
    };
    assert_eq!(run(&config(cm80.suite, 2), &cm80), Some(FailureCause::Key));
    let mut ahead = cm80.clone();
    ahead.initial_roc = 3;
    let roc = |actual| Some(FailureCause::RolloverCounter { actual });
    assert_eq!(run(&ahead, &cm80), roc(3));
    assert_eq!(run(&cm80, &ahead), roc(0));
    let cm32 = config(Suite::AesCm128HmacSha1_32, 1);
    let suite = |actual| Some(FailureCause::Suite { actual });
    assert_eq!(run(&cm32, &cm80), suite(cm32.suite));
    assert_eq!(run(&cm80, &cm32), suite(cm80.suite));
    let with_mki = |seeds: [u8; 2]| {
        let mut config = cm80.clone();
        let key = |i: usize| master(config.suite, seeds[i]).with_mki(&[i as u8]).unwrap();
        config.keys = alloc::vec![key(0), key(1)];
        config
    };
    assert_eq!(run(&with_mki([1, 2]), &with_mki([2, 1])), Some(FailureCause::Mki { key: 1 }));
}

#[test]
fn a_stream_of_a_stranger_is_told_from_a_wrong_key() {
    let config1 = config(Suite::AeadAes128Gcm, 1);
    let (mut sender, mut receiver) = pair(&config1);
    let good = protect(&mut sender, &rtp(6, 1, 40)).unwrap();
    unprotect(&mut receiver, &good).unwrap();
    let mut stranger = Sender::new(&config(Suite::AeadAes128Gcm, 2)).unwrap();
    for sequence in 0..16 {
        let sealed = protect(&mut stranger, &rtp(5, sequence, 40)).unwrap();
        assert_eq!(unprotect(&mut receiver, &sealed), Err(SrtpError::AuthenticationFailed));
    }
    assert_eq!(reported(&mut receiver), Some(FailureCause::Ssrc));
}

#[test]
fn diagnosis_tries_other_suites_of_the_same_key() {
    let mut sending = config(Suite::NullHmacSha1_80, 1);
    sending.initial_roc = 2;
    let sealed = protect(&mut Sender::new(&sending).unwrap(), &rtp(5, 1, 40)).unwrap();
    let receiving = config(Suite::AesCm128HmacSha1_80, 1);
    let cause = Receiver::diagnose(&receiving, &sealed).unwrap();
    // The tag says nothing of the cipher, so either suite with this tag is an answer.
    assert_eq!(cause, Some(FailureCause::RolloverCounter { actual: 2 }));
    let receiving = config(Suite::AesCm128HmacSha1_32, 1);
    let cause = Receiver::diagnose(&receiving, &sealed).unwrap();
    assert_eq!(cause, Some(FailureCause::Suite { actual: Suite::AesCm128HmacSha1_80 }));
    let stranger = config(Suite::AesCm128HmacSha1_80, 9);
    assert_eq!(Receiver::diagnose(&stranger, &sealed).unwrap(), None);
    assert_eq!(Receiver::diagnose(&stranger, &sealed[..5]), Err(SrtpError::Malformed));
}

#[test]
fn sessions_and_streams_are_as_small_as_documented() {
    for &kernel in Kernel::ALL.iter().filter(|kernel| kernel.is_available()) {
        for suite in Suite::ALL {
            let mut config = config(suite, 1);
            config.engine = Engine::Builtin(kernel);
            config.max_streams = 1;
            let (sender, receiver) = pair(&config);
            let session = sender.memory_bytes() + receiver.memory_bytes();
            config.max_streams = 2;
            let stream = Receiver::new(&config).unwrap().memory_bytes() - receiver.memory_bytes();
            assert!(stream <= 256, "{stream} bytes a stream");
            // Where there are kernels, the portable schedules stand beside the space for theirs.
            if kernel != Kernel::Portable
                || Kernel::ALL.iter().filter(|k| k.is_available()).count() == 1
            {
                assert!(session <= 5120, "{session} bytes a session, {kernel:?} {suite:?}");
            }
            std::eprintln!("{kernel:?} {suite:?}: session {session}, further stream {stream}");
        }
    }
}

#[test]
fn outside_cryptography_gives_the_same_packets() {
    use super::super::backend;
    let backends: &[alloc::sync::Arc<dyn backend::Backend>] = &[
        alloc::sync::Arc::new(backend::RustCrypto),
        #[cfg(feature = "openssl")]
        alloc::sync::Arc::new(backend::OpenSsl),
    ];
    for (suite, backend) in
        Suite::ALL.into_iter().flat_map(|s| backends.iter().map(move |b| (s, b)))
    {
        let inside = config(suite, 1);
        let mut outside = inside.clone();
        outside.engine = Engine::External(backend.clone());
        let (mut sender, mut receiver) = pair(&inside);
        let (mut other_sender, mut other_receiver) = pair(&outside);
        for sequence in 65535_u16..=65535 {
            let packet = rtp(5, sequence, 77);
            let sealed = protect(&mut sender, &packet).unwrap();
            assert_eq!(protect(&mut other_sender, &packet).unwrap(), sealed, "{suite:?}");
            let mut forged = sealed.clone();
            forged[20] ^= 1;
            let refused = unprotect(&mut other_receiver, &forged);
            assert_eq!(refused, Err(SrtpError::AuthenticationFailed));
            assert_eq!(unprotect(&mut other_receiver, &sealed).unwrap(), packet);
            let report = protect_rtcp(&mut sender, &rtcp(5)).unwrap();
            assert_eq!(protect_rtcp(&mut other_sender, &rtcp(5)).unwrap(), report);
            assert_eq!(unprotect_rtcp(&mut other_receiver, &report).unwrap(), rtcp(5));
            unprotect(&mut receiver, &sealed).unwrap();
        }
        outside.key_derivation_rate_log2 = Some(1);
        assert_eq!(Sender::new(&outside).unwrap_err(), SrtpError::InvalidConfig);
    }
}
