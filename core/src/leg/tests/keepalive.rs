// SPDX-License-Identifier: MIT OR Apache-2.0
//! Address translators forget who has sent nothing (RFC 6263).

use super::*;

const KEEPALIVE_MS: u32 = 5_000;

/// Lets a talk to b over a wire that takes no time: its RTP with the times, and what b heard.
fn directly(
    a: &mut End,
    b: &mut End,
    ticks: core::ops::Range<u64>,
) -> (Vec<(u64, Vec<u8>)>, Vec<i16>) {
    let (mut sent, mut heard) = (Vec::new(), Vec::new());
    for tick in ticks {
        let now_ns = tick * TICK_NS;
        let mut pcm = [0; 80];
        sound(1, tick, 8_000, &mut pcm);
        a.media.push(&pcm).unwrap();
        while let Some(datagram) = a.media.poll_transmit(now_ns) {
            let mut datagram = datagram.to_vec();
            if !is_rtcp(&datagram) {
                sent.push((now_ns, datagram.clone()));
            }
            let _ = b.receiver.receive(&mut datagram, now_ns);
        }
        b.media.pull(now_ns, &mut pcm).unwrap();
        heard.extend_from_slice(&pcm);
        while let Some(datagram) = b.media.poll_transmit(now_ns) {
            let _ = a.receiver.receive(&mut datagram.to_vec(), now_ns);
        }
    }
    (sent, heard)
}

#[test]
fn bindings_stay_on_hold_and_the_peer_counts_no_loss() {
    for suite in [None, Some(Suite::AeadAes128Gcm)] {
        for direction in [Direction::ReceiveOnly, Direction::Inactive] {
            let (mut a_config, b_config) = pair(CodecSpec::Pcma, suite);
            a_config.keepalive_ms = KEEPALIVE_MS;
            let (mut a, mut b) = (end(&a_config), end(&b_config));
            let (spoken, _) = directly(&mut a, &mut b, 0..200);
            let mut before = spoken.last().unwrap().0;
            a_config.direction = direction;
            a.control.update(&a_config).unwrap();
            let (sent, _) = directly(&mut a, &mut b, 200..6_200);
            // A minute has room for twelve, counted from the last packet of sound.
            assert_eq!(sent.len(), 12, "{direction:?}");
            for (at, datagram) in &sent {
                let apart = at - before;
                let period = u64::from(KEEPALIVE_MS) * 1_000_000;
                assert!(
                    (period..=period + 20_000_000).contains(&(apart + 10_000_000)),
                    "{apart} ns"
                );
                before = *at;
                assert_eq!(datagram[1], 127, "no marker, a type that stands for nothing");
                let trailer = if suite.is_some() { 16 } else { 0 };
                assert_eq!(datagram.len(), 12 + trailer, "no payload");
            }
            let number = |datagram: &[u8]| u16::from_be_bytes([datagram[2], datagram[3]]);
            for pair in sent.windows(2) {
                assert_eq!(number(&pair[1].1), number(&pair[0].1).wrapping_add(1));
            }
            // It is heard again, and nothing was lost on the way.
            a_config.direction = Direction::SendReceive;
            a.control.update(&a_config).unwrap();
            let (_, heard) = directly(&mut a, &mut b, 6_200..6_500);
            assert!(crate::dsp::level::level_dbov(&heard[heard.len() - 8_000..]) < 25);
            let (stats, reported) = (b.control.stats(), a.control.stats().receiver);
            assert_eq!((stats.receiver.unknown_payload_type, stats.jitter.missing), (12, 0));
            assert!(reported.reports_received > 0 && reported.remote_cumulative_lost == 0);
        }
    }
}

#[test]
fn who_speaks_or_wants_none_sends_none() {
    let (mut a_config, b_config) = pair(CodecSpec::Pcma, None);
    a_config.keepalive_ms = 20;
    let (mut a, mut b) = (end(&a_config), end(&b_config));
    let mut wrong = 0;
    talk(&mut a, &mut b, 0..300, |to_b, datagram, _| {
        wrong += u32::from(to_b && !is_rtcp(datagram) && datagram.len() != 172);
    });
    assert_eq!(wrong, 0);
    a_config.keepalive_ms = 0;
    a_config.direction = Direction::Inactive;
    a.control.update(&a_config).unwrap();
    assert_eq!(directly(&mut a, &mut b, 300..6_300).0, []);
}

#[test]
fn a_payload_type_that_is_used_is_refused() {
    let (mut config, _) = pair(CodecSpec::Pcma, None);
    config.keepalive_ms = 1;
    for used in [96, 13, 64, 128] {
        config.keepalive_payload_type = Some(used);
        let refused = LegError::PayloadType(used, "keepalive_payload_type");
        assert_eq!(Leg::new(&config).err(), Some(refused));
    }
    config.keepalive_payload_type = Some(20);
    assert!(Leg::new(&config).is_ok());
}

#[test]
fn a_relayed_stream_goes_on_behind_a_keepalive() {
    let (mut config, _) = pair(CodecSpec::Pcma, Some(Suite::AeadAes128Gcm));
    config.keepalive_ms = 1_000;
    config.rtcp_interval_ms = 0;
    let mut leg = end(&config);
    let number = |datagram: &[u8]| u16::from_be_bytes([datagram[2], datagram[3]]);
    let passed = |sequence: u16| crate::session::Passed {
        payload_type: 100,
        marker: false,
        sequence,
        timestamp: 160 * u32::from(sequence),
        ssrc: 7,
        payload_offset: 12,
        payload_bytes: 4,
    };
    assert!(leg.media.poll_transmit(0).is_none());
    let mut numbers = Vec::new();
    for round in 0..3 {
        for n in 0..5 {
            let datagram = leg.media.relay(&passed(500 + 5 * round + n), &[1; 4]).expect("in turn");
            numbers.push(number(datagram));
        }
        let now_ns = u64::from(round) * 3_000_000_000;
        assert!(leg.media.poll_transmit(now_ns + 1_000_000).is_none(), "just sent");
        assert!(leg.media.poll_transmit(now_ns + 1_000_999_999).is_none());
        numbers.push(number(leg.media.poll_transmit(now_ns + 1_001_000_000).expect("due")));
    }
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}
