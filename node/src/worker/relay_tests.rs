// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is forwarded, with time as an argument.

use std::net::IpAddr;
use std::time::Duration;

use ale_media::session::{self, Keying, PayloadTypes, Role, SessionConfig, SessionControl};

use std::net::UdpSocket;
use std::sync::Arc;

use ale_media::srtp::MAX_TRAILER_BYTES;

use super::*;
use crate::ports::{Ports, Sockets};
use crate::worker::{Facing, Passing};

const SECOND_NS: u64 = 1_000_000_000;

/// An end whose peer is said to be at an address.
fn end(peer: Option<SocketAddr>) -> (End<Relay>, SessionControl) {
    let (receiver, sender, control) = {
        let mut config = SessionConfig::new(0x5e1f);
        config.keying = Keying::Plain;
        config.remote.rtp = peer;
        let mut types = PayloadTypes::new();
        types.set(0, Role::Voice, 8_000);
        config.payload_types = types;
        session::create(&config).unwrap()
    };
    let ports = Ports::new(IpAddr::from([127, 0, 0, 1]), 23_000, 23_199, 0, 0);
    let sockets = Sockets::Own(ports.bind().unwrap());
    let counters = Arc::default();
    (
        End {
            facing: Facing {
                sockets,
                rtcp_mux: false,
                peer: None,
                passing: Passing::default(),
                playing: None,
                ear: None,
                counters,
            },
            media: Relay { receiver, sender, at_checkpoint: 0, numbering: Renumbering::default() },
        },
        control,
    )
}

fn phone() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

/// A packet of a source, from an address at a time: what was forwarded so far at the near end.
fn send_one(
    ends: &mut [End<Relay>; 2],
    ssrc: u8,
    sequence: u16,
    from: SocketAddr,
    now_ns: u64,
) -> u64 {
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES + MAX_TRAILER_BYTES];
    buffer[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ssrc]);
    buffer[2..4].copy_from_slice(&sequence.to_be_bytes());
    let timestamp = u32::from(sequence) * 160;
    buffer[4..8].copy_from_slice(&timestamp.to_be_bytes());
    let [near, far] = ends;
    forward(near, far, &mut buffer, 172, Some(from), now_ns);
    near.facing.counters.rtp_packets.load(Ordering::Relaxed)
}

#[test]
fn the_first_packet_goes_on_from_where_the_peer_is_said_to_be_and_the_second_from_elsewhere() {
    let (home, nat, bob) = (phone(), phone(), phone());
    let [home, nat] = [home, nat].map(|phone| phone.local_addr().unwrap());
    let ends = || [end(Some(home)).0, end(Some(bob.local_addr().unwrap())).0];
    assert_eq!(send_one(&mut ends(), 1, 100, home, 0), 1);
    let mut behind_nat = ends();
    assert_eq!(send_one(&mut behind_nat, 1, 100, nat, 0), 0);
    assert_eq!(send_one(&mut behind_nat, 1, 101, nat, SECOND_NS / 50), 1);
    assert_eq!(behind_nat[0].media.receiver.remote_address(), Some(nat));
}

#[test]
fn a_stranger_is_not_forwarded_while_the_peer_sends_nor_once_addresses_are_learnt() {
    let (alice, stranger, bob) = (phone(), phone(), phone());
    let [alice, stranger] = [alice, stranger].map(|phone| phone.local_addr().unwrap());
    let mut ends = [end(Some(alice)).0, end(Some(bob.local_addr().unwrap())).0];
    let mut forwarded = 0;
    for n in 0..200 {
        let now_ns = u64::from(n) * SECOND_NS / 50;
        forwarded += 1;
        assert_eq!(send_one(&mut ends, 1, 100 + n, alice, now_ns), forwarded);
        assert_eq!(send_one(&mut ends, 2, n, stranger, now_ns + 1), forwarded);
    }
    // The peer is silent, and four seconds have passed: still nobody else.
    for n in 0..100 {
        let now_ns = 5 * SECOND_NS + u64::from(n) * SECOND_NS / 50;
        assert_eq!(send_one(&mut ends, 2, 300 + n, stranger, now_ns), forwarded);
    }
    assert_eq!(ends[0].facing.counters.refused.load(Ordering::Relaxed), 300);
    assert_eq!(ends[1].facing.counters.unsent.load(Ordering::Relaxed), 0);
}

#[test]
fn what_has_nowhere_to_go_is_counted() {
    let alice = phone().local_addr().unwrap();
    let mut ends = [end(Some(alice)).0, end(None).0];
    assert_eq!(send_one(&mut ends, 1, 100, alice, 0), 1);
    assert_eq!(ends[1].facing.counters.unsent.load(Ordering::Relaxed), 1);
}

#[test]
fn a_silent_peer_that_has_moved_is_sent_to_at_once() {
    let (alice, bob, elsewhere) = (phone(), phone(), phone());
    let alice = alice.local_addr().unwrap();
    let (bobs, mut control) = end(Some(bob.local_addr().unwrap()));
    let mut ends = [end(Some(alice)).0, bobs];
    send_one(&mut ends, 1, 100, alice, 0);
    control.relatch(Some(elsewhere.local_addr().unwrap()), None).unwrap();
    send_one(&mut ends, 1, 101, alice, SECOND_NS / 50);
    for (phone, sequence) in [(bob, 100), (elsewhere, 101)] {
        let mut packet = [0; 2048];
        assert_eq!(phone.recv(&mut packet).unwrap(), 172);
        assert_eq!(packet[3], sequence);
    }
}
