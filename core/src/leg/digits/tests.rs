// SPDX-License-Identifier: MIT OR Apache-2.0
//! Digits from sender to receiver over networks that lose, repeat and reorder.

use super::sender::DigitPacket;
use super::*;
use crate::leg::LegEvent;
use alloc::vec::Vec;
use proptest::prelude::*;

const PACKET_TICKS: u32 = 160;

/// Everything that goes out for `digits`, with the packet time in which it goes.
fn sent(digits: &[(u8, u32)], from: u32) -> Vec<(u64, DigitPacket)> {
    let mut sender = DigitSender::new();
    for &(event, ms) in digits {
        let digit = Digit { event, duration_ticks: ms * 8, volume_dbm0: 10 };
        assert!(sender.push(digit));
    }
    let total: u32 = digits.iter().map(|(_, ms)| ms / 20 + 8).sum();
    (0..total)
        .filter_map(|n| {
            let packet = sender.next(from.wrapping_add(n * PACKET_TICKS), PACKET_TICKS)?;
            Some((u64::from(n), packet))
        })
        .collect()
}

fn heard(packets: &[(u64, DigitPacket)]) -> Vec<LegEvent> {
    let mut receiver = DigitReceiver::new(8_000);
    let mut events = Vec::new();
    let mut last = 0;
    for (n, packet) in packets {
        // Sound between the digits moves the time on.
        for between in last..*n {
            receiver.advance(between * 20_000_000, |event| events.push(event));
        }
        last = *n;
        receiver.packet(packet.event, packet.timestamp, n * 20_000_000, |e| events.push(e));
    }
    receiver.advance((last + 50) * 20_000_000, |event| events.push(event));
    events
}

#[test]
fn a_digit_grows_packet_by_packet_and_ends_three_times() {
    let packets = sent(&[(5, 70)], 1_000);
    let told: Vec<_> = packets
        .iter()
        .map(|(_, p)| (p.timestamp, p.marker, p.event.end, p.event.duration_ticks))
        .collect();
    assert_eq!(
        told,
        [
            (1_000, true, false, 160),
            (1_000, false, false, 320),
            (1_000, false, false, 480),
            (1_000, false, true, 560),
            (1_000, false, true, 560),
            (1_000, false, true, 560),
        ]
    );
}

#[test]
fn an_event_longer_than_a_packet_can_tell_goes_in_segments() {
    // 20 s at 8 kHz are 160000 ticks: two whole segments of 65535 and a rest.
    let packets = sent(&[(1, 20_000)], 0xffff_0000);
    let mut segments: Vec<u32> = packets.iter().map(|(_, p)| p.timestamp).collect();
    segments.dedup();
    assert_eq!(segments, [0xffff_0000, 0xffff_ffff, 0xfffe]);
    assert_eq!(packets.iter().filter(|(_, p)| p.marker).count(), 1);
    let ended = LegEvent::DigitEnded { event: 1, duration_ms: 20_000 };
    assert_eq!(heard(&packets), [LegEvent::DigitStarted { event: 1 }, ended]);
}

#[test]
fn a_digit_whose_start_or_end_is_lost_is_heard_once() {
    let packets = sent(&[(7, 100), (7, 100)], 5);
    let whole = heard(&packets);
    assert_eq!(whole.len(), 4);
    let first = packets.iter().filter(|(_, p)| p.timestamp == 5).count();
    for lost in [0..4, 4..first, 1..first, 0..first - 1] {
        let mut some = packets.clone();
        some.drain(lost.clone());
        let events = heard(&some);
        let started = events.iter().filter(|e| **e == LegEvent::DigitStarted { event: 7 });
        assert_eq!((started.count(), events.len()), (2, 4), "without {lost:?}");
    }
}

/// The aim: the 16 digits a hundred times through 10 % loss.
#[test]
fn sixteen_hundred_digits_survive_ten_percent_of_loss() {
    let mut state = 1_u32;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % 100
    };
    for _ in 0..100 {
        let digits: Vec<_> = (0..16).map(|event| (event, 80)).collect();
        let packets: Vec<_> =
            sent(&digits, random()).into_iter().filter(|_| random() >= 10).collect();
        let started: Vec<u8> = heard(&packets)
            .into_iter()
            .filter_map(|event| match event {
                LegEvent::DigitStarted { event } => Some(event),
                _ => None,
            })
            .collect();
        assert_eq!(started, (0..16).collect::<Vec<u8>>());
    }
}

proptest! {
    #[test]
    fn any_reports_give_starts_and_ends_in_turn(
        reports in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u16>(), any::<u16>(), any::<u32>()), 0..80)
    ) {
        let mut receiver = DigitReceiver::new(8_000);
        let (mut events, mut now) = (Vec::new(), 0_u64);
        for (event, flags, duration, step, timestamp) in reports {
            now += u64::from(step) * 10_000;
            let bytes = [event % 3, flags, (duration >> 8) as u8, duration as u8];
            let report = crate::rtp::telephone_event::TelephoneEvent::parse(&bytes).unwrap();
            receiver.advance(now, |e| events.push(e));
            receiver.packet(report, timestamp % 1_000, now, |e| events.push(e));
        }
        receiver.advance(now + 1_000_000_000, |e| events.push(e));
        prop_assert_eq!(events.len() % 2, 0);
        for pair in events.chunks(2) {
            let matched = matches!(pair,
                [LegEvent::DigitStarted { event: a }, LegEvent::DigitEnded { event: b, .. }] if a == b);
            prop_assert!(matched, "{:?}", pair);
        }
    }

    #[test]
    fn duplicates_and_reordering_by_one_double_nothing(
        digits in prop::collection::vec((0_u8..16, 40_u32..200), 1..8), swaps in any::<u64>(), from: u32
    ) {
        let mut packets = sent(&digits, from);
        for n in 1..packets.len() {
            if swaps >> (n % 64) & 1 != 0 && packets[n].1.timestamp == packets[n - 1].1.timestamp {
                let (a, b) = (packets[n - 1].1, packets[n].1);
                (packets[n - 1].1, packets[n].1) = (b, a);
            }
        }
        let doubled: Vec<_> = packets.iter().flat_map(|p| [*p, *p]).collect();
        let started = heard(&doubled).into_iter().filter_map(|event| match event {
            LegEvent::DigitStarted { event } => Some(event),
            _ => None,
        });
        prop_assert_eq!(started.collect::<Vec<_>>(), digits.iter().map(|d| d.0).collect::<Vec<_>>());
    }
}
