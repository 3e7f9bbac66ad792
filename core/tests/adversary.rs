// SPDX-License-Identifier: MIT OR Apache-2.0
//! An attacker on the path of a call, who sees every datagram and sends what he likes. Encrypted: each
//! sample that is heard is the one that would have been heard without him. Plain: he is kept to what
//! RTP can't keep from him.

use std::net::SocketAddr;

use ale_media::codec::CodecSpec;
use ale_media::leg::{LegEvent, ReceiveError, Received};
use ale_media::rtp::rtcp::{CompoundWriter, ReportBlock};
use ale_media::rtp::{RtpHeader, is_rtcp};
use ale_media::srtp::Suite;
use testkit::{Dice, End, TICK_NS, deliver, pair, talk};

const SUITES: [Suite; 3] =
    [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm, Suite::AesCm256HmacSha1_80];

/// Gives the attacker's datagram to the end, which must refuse it.
fn refused(end: &mut End, mut datagram: Vec<u8>, now_ns: u64) {
    let before = end.receiver.stats();
    let outcome = end.receiver.receive(&mut datagram, now_ns);
    assert!(outcome.is_err(), "{outcome:?}");
    let after = end.receiver.stats();
    assert_eq!((after.packets, after.rtcp_packets), (before.packets, before.rtcp_packets));
}

/// Runs a call of `ticks` with and without an attacker who may follow each datagram with more, and
/// compares what both ends hear, sample for sample.
fn unheard(suite: Suite, ticks: u64, mut attack: impl FnMut(&mut End, &[u8], u64)) {
    let run = |attack: &mut dyn FnMut(&mut End, &[u8], u64)| {
        let mut ends = pair(&CodecSpec::Pcma, Some(suite), |_| {});
        talk(&mut ends, 0..ticks, |ends, to, now_ns, datagram| {
            deliver(ends, to, now_ns, datagram.clone());
            attack(&mut ends[to], &datagram, now_ns);
        });
        assert!(ends[1].hears(0) > 0.9 && ends[0].hears(1) > 0.9);
        ends.map(|end| (end.heard, end.receiver.stats().packets))
    };
    let calm = run(&mut |_, _, _| {});
    let attacked = run(&mut attack);
    assert!(calm == attacked, "{suite:?}: the attacker is heard");
}

#[test]
fn replays_at_any_time_are_unheard() {
    for suite in SUITES {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        unheard(suite, 300, |end, datagram, now_ns| {
            refused(end, datagram.to_vec(), now_ns);
            // And something old, of either direction: an end's own packets are sent back to it.
            for age in [1, 7, 60, 250] {
                if let Some(old) = seen.len().checked_sub(age) {
                    refused(end, seen[old].clone(), now_ns);
                }
            }
            seen.push(datagram.to_vec());
        });
    }
}

#[test]
fn truncated_and_extended_copies_are_unheard() {
    for suite in SUITES {
        unheard(suite, 60, |end, datagram, now_ns| {
            for length in 0..datagram.len() {
                refused(end, datagram[..length].to_vec(), now_ns);
            }
            refused(end, [datagram, &[0; 4]].concat(), now_ns);
        });
    }
}

#[test]
fn copies_with_any_bit_flipped_are_unheard() {
    for suite in SUITES {
        unheard(suite, 24, |end, datagram, now_ns| {
            for bit in 0..8 * datagram.len() {
                let mut forged = datagram.to_vec();
                forged[bit / 8] ^= 1 << (bit % 8);
                refused(end, forged, now_ns);
            }
        });
    }
}

#[test]
fn a_flood_of_a_hundred_thousand_forgeries_a_second_is_unheard() {
    for suite in SUITES {
        let mut dice = Dice(7);
        let mut forgeries = 0_u64;
        unheard(suite, 100, |end, datagram, now_ns| {
            // A packet every 20 ms: 2000 forgeries each.
            for _ in 0..2_000 {
                let mut forged = datagram.to_vec();
                // The sender's number or a guess; a sequence number near the right one; noise behind.
                match dice.below(3) {
                    0 => forged[8..12].copy_from_slice(&(dice.next() as u32).to_be_bytes()),
                    1 => forged[2] = forged[2].wrapping_add(dice.below(3) as u8),
                    _ => forged[3] = forged[3].wrapping_add(1 + dice.below(30) as u8),
                }
                let at = 12 + dice.below(datagram.len() as u64 - 12) as usize;
                forged[at] ^= 1 + dice.below(255) as u8;
                refused(end, forged, now_ns);
                forgeries += 1;
            }
        });
        assert!(forgeries > 190_000, "{forgeries} in a second, in both directions");
    }
}

fn report(write: impl FnOnce(&mut CompoundWriter<'_>)) -> Vec<u8> {
    let mut out = [0; 200];
    let mut writer = CompoundWriter::new(&mut out);
    write(&mut writer);
    let length = writer.len();
    out[..length].to_vec()
}

fn farewell(ssrc: u32) -> Vec<u8> {
    report(|writer| {
        writer.receiver_report(ssrc, &[ReportBlock::default()]).unwrap();
        writer.goodbye(ssrc).unwrap();
    })
}

#[test]
fn forged_farewells_and_reports_are_unheard_and_believed_by_nobody() {
    for suite in SUITES {
        unheard(suite, 200, |end, _, now_ns| {
            for ssrc in [0xa, 0xb, 0, u32::MAX] {
                let plain = farewell(ssrc);
                refused(end, plain.clone(), now_ns);
                // With what looks like an index and a tag.
                refused(end, [&plain[..], &[0x80, 0, 0, 9], &[0x5a; 16]].concat(), now_ns);
            }
            assert_eq!(end.receiver.stats().goodbyes, 0);
            while let Some(event) = end.control.next_event() {
                let expected = match event {
                    // The true source, when the call begins.
                    LegEvent::SourceChanged { ssrc } => matches!(ssrc, 0xa | 0xb),
                    LegEvent::Refused { .. } => true,
                    _ => false,
                };
                assert!(expected, "{event:?}");
            }
        });
    }
}

#[test]
fn a_spoofed_address_gets_no_datagram() {
    let address = |port| SocketAddr::from(([192, 0, 2, 1], port));
    for suite in SUITES {
        let mut ends = pair(&CodecSpec::Pcma, Some(suite), |_| {});
        talk(&mut ends, 0..200, |ends, to, now_ns, datagram| {
            let receiver = &mut ends[to].receiver;
            let mut forged = datagram.clone();
            let last = forged.len() - 1;
            forged[last] ^= 1;
            assert!(receiver.receive_from(&mut forged, address(6_666), now_ns).is_err());
            let mut first = datagram.clone();
            receiver.receive_from(&mut first, address(4_000), now_ns).unwrap();
            let mut replay = datagram.clone();
            assert!(receiver.receive_from(&mut replay, address(6_666), now_ns).is_err());
            assert_eq!(receiver.remote_address(), Some(address(4_000)));
        });
    }
}

/// Neighbours swapped, now and then a packet a few places late: all of them are authentic, each is
/// accepted once, and what comes in time is heard.
#[test]
fn reordered_packets_are_accepted_once_and_heard() {
    for suite in SUITES {
        let mut ends = pair(&CodecSpec::Pcma, Some(suite), |_| {});
        let mut held: [Vec<Vec<u8>>; 2] = Default::default();
        let mut dice = Dice(3);
        let mut sent = 0;
        talk(&mut ends, 0..600, |ends, to, now_ns, datagram| {
            sent += u64::from(!is_rtcp(&datagram));
            // The source is on probation for the first two.
            if now_ns > 6 * TICK_NS && dice.below(3) == 0 && held[to].len() < 3 {
                held[to].push(datagram);
                return;
            }
            deliver(ends, to, now_ns, datagram);
            for late in held[to].drain(..).rev() {
                deliver(ends, to, now_ns, late);
            }
        });
        let stats = ends.each_ref().map(|end| end.receiver.stats());
        let accepted: u64 = stats.iter().map(|stats| stats.packets).sum();
        let waiting = held.iter().flatten().filter(|datagram| !is_rtcp(datagram)).count() as u64;
        // The first packet of a call may be on probation.
        assert!(sent - accepted - waiting <= 2, "{sent} sent, {accepted} accepted, {waiting} wait");
        assert_eq!(stats.map(|stats| stats.authentication_failed), [0, 0]);
        assert!(ends[0].hears(1) > 0.9 && ends[1].hears(0) > 0.9);
    }
}

fn rtp(ssrc: u32, sequence: u16, timestamp: u32) -> Vec<u8> {
    let mut packet = vec![0x2a; 12 + 160];
    let header = RtpHeader { payload_type: 96, sequence, timestamp, ssrc, ..RtpHeader::default() };
    header.write(&mut packet).unwrap();
    packet
}

/// Who does not see the traffic of a plain call has to guess its source, and until he does is unheard.
#[test]
fn strangers_to_a_plain_call_are_unheard() {
    let run = |attacked: bool| {
        let mut ends = pair(&CodecSpec::Pcmu, None, |_| {});
        let mut dice = Dice(11);
        talk(&mut ends, 0..300, |ends, to, now_ns, datagram| {
            deliver(ends, to, now_ns, datagram);
            if !attacked || now_ns < 4 * TICK_NS {
                return;
            }
            for _ in 0..20 {
                let guess = 0x100 + dice.next() as u32 % 0xffff_0000;
                let mut forged = rtp(guess, dice.next() as u16, dice.next() as u32);
                let outcome = ends[to].receiver.receive(&mut forged, now_ns);
                assert_eq!(outcome, Ok(Received::Probation));
                deliver(ends, to, now_ns, farewell(guess));
            }
            // His own packets sent back to him tell an end of a loop, and are not heard.
            let own = [0xa, 0xb][to];
            let mut echo = rtp(own, dice.next() as u16, 0);
            let outcome = ends[to].receiver.receive(&mut echo, now_ns);
            assert_eq!(outcome, Err(ReceiveError::OwnSsrc(own)));
        });
        assert!(ends[1].hears(0) > 0.9 && ends[0].hears(1) > 0.9);
        ends.map(|end| (end.heard, end.receiver.stats().goodbyes))
    };
    assert!(run(false) == run(true), "a stranger is heard");
}

/// Sequence numbers and timestamps jump under the call's own source: from somebody who sees a plain
/// call, or a peer with keys. The delay stays bounded meanwhile, and the call is heard again after.
#[test]
fn jumps_of_sequence_and_time_are_survived() {
    let mut dice = Dice(5);
    for round in 0..30 {
        let mut ends = pair(&CodecSpec::Pcmu, None, |config| config.jitter.max_delay_ms = 300);
        talk(&mut ends, 0..100, deliver);
        talk(&mut ends, 100..200, |ends, to, now_ns, datagram| {
            deliver(ends, to, now_ns, datagram);
            let far = dice.next();
            let jump = match round % 5 {
                0 => rtp([0xb, 0xa][to], far as u16, far as u32),
                1 => rtp([0xb, 0xa][to], (now_ns / TICK_NS) as u16, far as u32),
                2 => rtp([0xb, 0xa][to], far as u16, (now_ns / TICK_NS * 80) as u32),
                3 => {
                    rtp([0xb, 0xa][to], 0x8000_u16.wrapping_add((now_ns / TICK_NS) as u16), 1 << 31)
                }
                _ => rtp(
                    [0xb, 0xa][to],
                    65_500_u16.wrapping_add((now_ns / TICK_NS / 2) as u16),
                    u32::MAX,
                ),
            };
            deliver(ends, to, now_ns, jump);
            let jitter = ends[to].control.stats().jitter;
            assert!(jitter.delay_us <= 300_000, "{} us", jitter.delay_us);
        });
        talk(&mut ends, 200..500, deliver);
        for (end, other) in [(0, 1), (1, 0)] {
            let clear = ends[end].hears(other);
            assert!(clear > 0.85, "round {round}: {clear} of the other's voice");
        }
    }
}
