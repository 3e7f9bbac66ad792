// SPDX-License-Identifier: MIT OR Apache-2.0
//! Legs that go on in another process, by checkpoints.

use super::*;
use crate::rtp::RtpPacket;
use crate::session::RestoredSrtp;
use crate::srtp::checkpoint::{Restored, Wrapping, generation};
use crate::srtp::{Receiver, SrtpError};

const KEY: [u8; 32] = [7; 32];

fn wrap(n: u8) -> Wrapping<'static> {
    Wrapping { key: &KEY, nonce: [n; 12] }
}

/// What a leg sends in so many frames of 20 ms, and what its peer's session says of each.
fn sent(end: &mut End, packets: usize, peer: &mut Receiver) -> Vec<Result<(u32, u16), SrtpError>> {
    let mut sent = Vec::new();
    for tick in 0..packets as u64 {
        end.media.push(&[1_000; 160]).unwrap();
        while let Some(datagram) = end.media.poll_transmit(tick * 20_000_000) {
            let mut datagram = datagram.to_vec();
            sent.push(peer.unprotect(&mut datagram).map(|bytes| {
                let packet = RtpPacket::parse(&datagram[..bytes]).unwrap();
                (packet.ssrc(), packet.sequence())
            }));
        }
    }
    sent
}

#[test]
fn a_leg_goes_on_behind_its_reservation_once_another_has_been_confirmed() {
    let (mut config, _) = pair(CodecSpec::Pcmu, Some(Suite::AesCm128HmacSha1_80));
    (config.rtcp_interval_ms, config.initial_sequence) = (0, 5);
    let mut peer = Receiver::new(&config.srtp.as_ref().unwrap().send).unwrap();
    let mut first = end(&config);
    assert_eq!(sent(&mut first, 20, &mut peer).last(), Some(&Ok((config.local_ssrc, 24))));
    let position = first.media.position();
    assert_eq!((position.ssrc, position.sequence), (config.local_ssrc, 25));
    let send = first.media.srtp_mut().unwrap().checkpoint(&wrap(1), 10).unwrap();
    let receive = first.receiver.srtp().unwrap().checkpoint(&wrap(2), 1).unwrap();
    // It goes on until its reservation ends.
    let more = sent(&mut first, 40, &mut peer);
    assert_eq!((more.len(), more.last()), (10, Some(&Ok((config.local_ssrc, 34)))));
    let restored = RestoredSrtp {
        send: Restored::open(&KEY, &send).unwrap(),
        receive: Restored::open(&KEY, &receive).unwrap(),
    };
    let keys = config.srtp.take();
    config.local_ssrc ^= 1;
    let (receiver, media, control) = Leg::resume(&config, position, Some(restored)).unwrap();
    let mut next = End { receiver, media, control };
    assert_eq!(sent(&mut next, 5, &mut peer), [], "nothing is reserved for it");
    let begun = next.media.position().sequence;
    let own = next.media.srtp_mut().unwrap().checkpoint(&wrap(3), 100).unwrap();
    assert!(next.media.srtp_mut().unwrap().confirm_checkpoint(generation(&own).unwrap()));
    let again = sent(&mut next, 20, &mut peer);
    assert_eq!(again.len(), 20);
    assert!(
        begun >= 35
            && again.iter().all(
                |packet| matches!(packet, Ok((ssrc, n)) if *ssrc == position.ssrc && *n >= begun)
            )
    );
    // Plain, it goes on where it is told to, over a turn of the numbers.
    drop(keys);
    config.plain = true;
    let position = StreamPosition { ssrc: 9, sequence: u16::MAX, timestamp: u32::MAX - 159 };
    let (_, mut media, _) = Leg::resume(&config, position, None).unwrap();
    for (sequence, timestamp) in [(u16::MAX, u32::MAX - 159), (0, 0)] {
        media.push(&[1_000; 160]).unwrap();
        let packet = RtpPacket::parse(media.poll_transmit(0).unwrap()).unwrap();
        assert_eq!(
            (packet.ssrc(), packet.sequence(), packet.timestamp()),
            (9, sequence, timestamp)
        );
    }
}
