// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is heard (asterisk#1277, siphon-ai#330, pjproject#1366, pjproject#1644, baresip#817).

use ale_media::leg::{PassThrough, Received};
use ale_media::rtp::RtpHeader;

use crate::call::{Call, call, plain, sealed};

#[test]
fn each_source_of_a_call_is_heard_however_many_there_were() {
    let mut call = sealed();
    for n in 0..20_u16 {
        assert_eq!(call.stream(100 + u32::from(n), n * 1_000, 77, 50), 49, "source {n}");
        assert!(call.loudness(100) > 1_000.0);
    }
}

#[test]
fn of_two_sources_at_once_one_is_heard_and_a_second_stream_beside_it_goes_on() {
    let mut config = plain();
    config.pass_through.push(PassThrough { payload_type: 96, rtp_clock_hz: 90_000 });
    for mut call in [sealed(), call(&config)] {
        call.stream(7, 0, 0, 50);
        for n in 0..500_u16 {
            assert_eq!(call.voice(7, 50 + n, 8_000 + 160 * u32::from(n)), Ok(Received::Media));
            let other = call.voice(8, n, 160 * u32::from(n));
            assert_ne!(other, Ok(Received::Media));
            if call.peer.is_none() {
                let header = RtpHeader {
                    payload_type: 96,
                    ssrc: 9,
                    sequence: n,
                    timestamp: u32::from(n) * 1_800,
                    ..RtpHeader::default()
                };
                let mut video = call.seal(&header, &[1; 300]);
                let result = call.receiver.receive(&mut video, call.now_ns);
                assert!(n == 0 || matches!(result, Ok(Received::PassThrough(_))), "{result:?}");
            }
            call.wait(20);
        }
        assert_eq!(call.control.stats().receiver.source_changes, 0);
    }
}

#[test]
fn after_a_farewell_it_is_silent_at_once() {
    let mut call = call(&plain());
    call.stream(7, 0, 0, 100);
    call.voice(7, 100, 16_000).unwrap();
    let mut bye = [0x80, 201, 0, 1, 0, 0, 0, 7, 0x81, 203, 0, 1, 0, 0, 0, 7];
    assert_eq!(call.receiver.receive(&mut bye, call.now_ns), Ok(Received::Goodbye));
    call.wait(400);
    assert!(call.loudness(100) < 10.0, "{}", call.loudness(100));
    // Another source is heard at its second packet.
    assert_eq!(call.stream(8, 500, 9, 20), 19);
    assert!(call.loudness(100) > 1_000.0);
}

/// Plain RTP: the next source waits until the one that is heard has stopped for 100 ms, said goodbye or
/// was released.
#[test]
fn the_next_source_is_heard_once_the_one_before_has_stopped() {
    let heard_after = |end: fn(&mut Call), pause_ms: u64| {
        let mut call = call(&plain());
        call.stream(7, 0, 0, 100);
        call.events();
        end(&mut call);
        call.wait(pause_ms);
        let first = (0..100).find(|n| {
            let taken = call.voice(8, 9_000 + n, 160 * u32::from(*n)) == Ok(Received::Media);
            call.wait(20);
            taken
        });
        20 * u64::from(first.unwrap())
    };
    let nothing: fn(&mut Call) = |_| ();
    assert!(heard_after(nothing, 0) <= 120, "an abrupt change");
    assert_eq!(heard_after(nothing, 1_000), 20, "after a pause");
    assert_eq!(
        heard_after(|call| assert_eq!(call.rtcp(&bye(7)), Ok(Received::Goodbye)), 0),
        20,
        "after a BYE"
    );
    assert_eq!(heard_after(|call| call.control.unlatch().unwrap(), 0), 20, "after a release");
}

fn bye(ssrc: u32) -> [u8; 16] {
    let mut datagram = [0x80, 201, 0, 1, 0, 0, 0, 0, 0x81, 203, 0, 1, 0, 0, 0, 0];
    datagram[4..8].copy_from_slice(&ssrc.to_be_bytes());
    datagram[12..].copy_from_slice(&ssrc.to_be_bytes());
    datagram
}

/// The same source begins anew at other numbers: restart of a device, music on hold, a bridge.
#[test]
fn a_source_that_begins_anew_under_its_ssrc_is_heard() {
    for mut call in [call(&plain()), sealed()] {
        for (n, sequence, timestamp) in [(0, 100, 0), (1, 30_000, 5), (2, 5, 4_000_000), (3, 4, 9)]
        {
            if n > 0 && call.peer.is_some() {
                // SRTP knows no way back under one key.
                continue;
            }
            let taken = call.stream(7, sequence, timestamp, 50);
            assert!(taken >= 48, "{taken} of 50, begin {n}");
            assert!(call.loudness(100) > 1_000.0);
        }
    }
}
