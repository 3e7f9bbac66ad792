// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rollover counters that are lost (libsrtp#729, rtpengine#1568, pjproject#4522, pjproject#2682,
//! rtpengine#107).

use ale_media::rtp::RtpHeader;
use ale_media::srtp::Sender;

use crate::call::{key, sealed, sealed_by};

#[test]
fn a_lost_rollover_counter_is_found_again() {
    for gap in [33_000, 50_000, 100_000, 200_000] {
        let mut call = sealed();
        let mut sequence = 65_500;
        call.stream(7, sequence, 0, 100);
        sequence = sequence.wrapping_add(100);
        for _ in 0..gap {
            let header = RtpHeader { ssrc: 7, sequence, ..RtpHeader::default() };
            call.seal(&header, &[0; 20]);
            sequence = sequence.wrapping_add(1);
        }
        assert!(call.stream(7, sequence, 1 << 25, 200) > 100, "after {gap}");
    }
    // The first packets are lost across a rollover.
    let mut call = sealed();
    for n in 0..10_u16 {
        let header =
            RtpHeader { ssrc: 7, sequence: 65_530_u16.wrapping_add(n), ..RtpHeader::default() };
        call.seal(&header, &[0; 20]);
    }
    assert!(call.stream(7, 4, 0, 200) > 100);
}

#[test]
fn a_call_that_begins_anywhere_is_heard_from_its_second_packet() {
    for first in [0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff] {
        let mut call = sealed();
        assert_eq!(call.stream(7, first, 0, 300), 299, "from {first}");
    }
}

/// The first packets are lost, and with them the rollover.
#[test]
fn a_rollover_that_nobody_heard_of_is_found_by_trying() {
    for lost in [1, 3, 10, 100] {
        let mut call = sealed();
        for n in 0..lost + 6 {
            let sequence = 65_530_u16.wrapping_add(n);
            call.seal(&RtpHeader { ssrc: 7, sequence, ..RtpHeader::default() }, &[0; 20]);
        }
        assert!(call.stream(7, lost, 0, 200) >= 100, "{lost} lost after the rollover");
    }
}

/// A leg made anew in mid-call, while the peer's counter is at 1.
#[test]
fn a_leg_that_joins_late_finds_the_counter_or_is_given_it() {
    let mut call = sealed();
    for n in 0..70_000_u32 {
        let header = RtpHeader { ssrc: 7, sequence: n as u16, ..RtpHeader::default() };
        call.seal(&header, &[0; 20]);
    }
    assert!(call.stream(7, 70_000_u32 as u16, 0, 200) >= 100);
    let mut given = key(2);
    given.initial_roc = 1;
    let mut call = sealed_by(&given, call.peer.take());
    assert_eq!(call.stream(7, 70_200_u32 as u16, 0, 50), 49);
}

/// The peer begins its counter anew with its new keys.
#[test]
fn a_counter_that_begins_anew_with_the_keys_is_found() {
    let mut call = sealed();
    for n in 0..65_600_u32 {
        let header = RtpHeader { ssrc: 7, sequence: n as u16, ..RtpHeader::default() };
        let mut datagram = call.seal(&header, &[0; 20]);
        let _ = call.receiver.receive(&mut datagram, call.now_ns);
        if n % 50 == 0 {
            call.wait(20);
        }
    }
    call.control.rekey(None, Some(&key(5))).unwrap();
    call.peer = Some(Sender::new(&key(5)).unwrap());
    assert!(call.stream(7, 64, 0, 200) >= 100);
}
