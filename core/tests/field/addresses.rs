// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the peer is (rtpengine#397): transfers, NAT, strangers, RTCP's own port.

use std::net::SocketAddr;

use ale_media::leg::{LegEvent, ReceiveError};

use crate::call::{Call, MS, call, plain, sealed};

fn at(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

/// Packets every 20 ms; how many were taken, and after how many ms the first.
fn stream(call: &mut Call, from: SocketAddr, ssrc: u32, sequence: u16, count: u16) -> (u16, u64) {
    let (mut taken, mut first) = (0, u64::MAX);
    for n in 0..count {
        if call.voice_from(from, ssrc, sequence.wrapping_add(n)) {
            taken += 1;
            first = first.min(20 * u64::from(n));
        }
        call.wait(20);
    }
    (taken, first)
}

#[test]
fn a_transfer_is_heard_wherever_it_comes_from() {
    for mut call in [call(&plain()), sealed()] {
        let encrypted = call.peer.is_some();
        stream(&mut call, at(1, 4_000), 7, 0, 100);
        // Signalling names another place, or only that the peer is elsewhere.
        for (host, named, base) in [(9, true, 1_000), (10, false, 2_000)] {
            let to = at(host, 7_000);
            if named {
                call.control.relatch(to, None).unwrap();
            } else {
                call.control.unlatch().unwrap();
            }
            let ssrc = u32::from(host);
            let (taken, first) = stream(&mut call, to, ssrc, base, 100);
            assert!(taken >= 99 && first <= 20, "{taken} taken, {first} ms, SRTP: {encrypted}");
            assert_eq!(call.control.remote_address(), Some(to));
            assert_eq!(call.media.remote_address(), Some(to));
        }
    }
}

/// The old peer has not seen the re-INVITE yet and goes on for a while.
#[test]
fn packets_under_way_at_a_transfer_do_not_bring_the_old_address_back() {
    for lingering in [1, 10, 100] {
        for mut call in [call(&plain()), sealed()] {
            stream(&mut call, at(1, 4_000), 7, 0, 100);
            call.control.unlatch().unwrap();
            let mut taken = 0;
            for n in 0..150 {
                if n < lingering {
                    call.voice_from(at(1, 4_000), 7, 100 + n);
                    assert_ne!(call.control.remote_address(), Some(at(1, 4_000)), "packet {n}");
                }
                taken += u16::from(call.voice_from(at(9, 7_000), 8, 500 + n));
                call.wait(20);
            }
            assert!(taken >= 149, "{taken} of 150, the old one {lingering} more");
            assert_eq!(call.control.remote_address(), Some(at(9, 7_000)));
        }
    }
}

#[test]
fn a_stranger_s_packets_before_the_peer_s_keep_nobody_out() {
    let mut call = call(&plain());
    stream(&mut call, at(66, 666), 66, 0, 3);
    let (taken, first) = stream(&mut call, at(1, 4_000), 7, 0, 200);
    assert!(first <= 120 && taken >= 194, "{taken} of 200, the first after {first} ms");
    assert_eq!(call.control.remote_address(), Some(at(1, 4_000)), "our audio goes to the peer");
}

/// After the learning time plain RTP from elsewhere is a stranger's.
#[test]
fn in_mid_call_a_stranger_without_keys_gets_nothing() {
    for mut call in [call(&plain()), sealed()] {
        stream(&mut call, at(1, 4_000), 7, 0, 500);
        for n in 0..100_u16 {
            let mut datagram = [&[0x80, 0][..], &n.to_be_bytes(), &[0; 4], &[0, 0, 0, 66]].concat();
            datagram.resize(172, 0x55);
            assert!(call.receiver.receive_from(&mut datagram, at(66, 666), call.now_ns).is_err());
            assert!(call.voice_from(at(1, 4_000), 7, 500 + n));
            call.wait(20);
        }
        assert_eq!(call.control.remote_address(), Some(at(1, 4_000)));
        assert_eq!(call.control.stats().receiver.source_changes, 0);
        let refusals = call.events().into_iter().filter_map(|event| match event {
            LegEvent::Refused { count, .. } => Some(count),
            _ => None,
        });
        assert!(refusals.into_iter().all(u64::is_power_of_two), "told at powers of two");
    }
}

/// The NAT gives another binding: within the learning time, and later where packets are authenticated.
#[test]
fn a_rebinding_is_followed() {
    for (mut call, after) in [(call(&plain()), 50), (sealed(), 50), (sealed(), 1_000)] {
        stream(&mut call, at(1, 4_000), 7, 0, after);
        let (taken, first) = stream(&mut call, at(1, 5_000), 7, after, 200);
        assert!(taken >= 199 && first <= 20, "{taken} of 200 after {after} packets");
        assert_eq!(call.control.remote_address(), Some(at(1, 5_000)));
    }
    let mut late = call(&plain());
    stream(&mut late, at(1, 4_000), 7, 0, 1_000);
    assert_eq!(stream(&mut late, at(1, 5_000), 7, 1_000, 50).0, 0, "nobody can tell whose it is");
}

/// Without rtcp-mux reports come from the port above, or from where `a=rtcp` says.
#[test]
fn reports_have_an_address_of_their_own() {
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    for port in [4_001, 4_000] {
        let mut call = call(&plain());
        stream(&mut call, at(1, 4_000), 7, 0, 20);
        let mut datagram = report;
        call.receiver.receive_from(&mut datagram, at(1, port), call.now_ns).unwrap();
        assert_eq!(call.control.remote_rtcp_address(), Some(at(1, port)));
        assert_eq!(call.control.remote_address(), Some(at(1, 4_000)));
        call.now_ns += 10_000 * MS;
        let mut datagram = report;
        let stranger = call.receiver.receive_from(&mut datagram, at(66, 666), call.now_ns);
        assert_eq!(stranger, Err(ReceiveError::ForeignAddress));
    }
    let mut named = call(&plain());
    named.control.relatch(at(1, 4_000), Some(at(2, 9_999))).unwrap();
    stream(&mut named, at(1, 4_000), 7, 0, 20);
    let mut datagram = report;
    named.receiver.receive_from(&mut datagram, at(2, 9_999), named.now_ns).unwrap();
    assert_eq!(named.media.remote_rtcp_address(), Some(at(2, 9_999)));
}
