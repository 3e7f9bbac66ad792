// SPDX-License-Identifier: MIT OR Apache-2.0
//! Digits from sender to receiver over networks that lose, repeat and reorder.

use super::sender::DigitPacket;
use super::*;
use crate::leg::LegEvent;
use crate::rtp::telephone_event::TelephoneEvent;
use crate::sync::ring;
use alloc::vec::Vec;
use proptest::prelude::*;

const FORMAT: EventFormat =
    EventFormat { payload_type: 101, clock_hz: 8_000, codec_clock_hz: 8_000, packet_ms: 20 };

/// Everything that goes out for `digits`, with the packet time in which it goes.
fn sent_as(format: &EventFormat, digits: &[(u8, u32)], from: u32) -> Vec<(u64, DigitPacket)> {
    let (mut queue, waiting) = ring::channel(QUEUE);
    let mut sender = DigitSender::new(waiting);
    for &(event, duration_ms) in digits {
        queue.push(Digit { event, duration_ms, volume_dbm0: 10 }).unwrap();
    }
    let total: u32 = digits.iter().map(|(_, ms)| ms / 20 + 8).sum();
    let packet_ticks = format.codec_clock_hz / 50;
    (0..total)
        .filter_map(|n| {
            let packet = sender.next(from.wrapping_add(n * packet_ticks), format)?;
            Some((u64::from(n), packet))
        })
        .collect()
}

fn sent(digits: &[(u8, u32)], from: u32) -> Vec<(u64, DigitPacket)> {
    sent_as(&FORMAT, digits, from)
}

fn report(sequence: u16, timestamp: u32, event: TelephoneEvent, arrival_ns: u64) -> DigitReport {
    DigitReport {
        ssrc: 1,
        sequence,
        timestamp,
        marker: false,
        event,
        clock_hz: 8_000,
        codec_clock_hz: 8_000,
        arrival_ns,
    }
}

fn heard(packets: &[(u64, DigitPacket)]) -> Vec<LegEvent> {
    heard_by(8_000, 8_000, packets)
}

fn heard_by(clock_hz: u32, codec_clock_hz: u32, packets: &[(u64, DigitPacket)]) -> Vec<LegEvent> {
    let mut receiver = DigitReceiver::new(Ends::new());
    let mut events = Vec::new();
    let mut last = 0;
    for (n, packet) in packets {
        // Sound between the digits moves the time on.
        for between in last..*n {
            receiver.advance(between * 20_000_000, |event| events.push(event));
        }
        last = *n;
        let report = DigitReport {
            marker: packet.marker,
            clock_hz,
            codec_clock_hz,
            // A packet each packet time, of digits or of sound.
            ..report(*n as u16, packet.timestamp, packet.event, n * 20_000_000)
        };
        receiver.packet(&report, |e| events.push(e));
    }
    receiver.advance((last + 50) * 20_000_000, |event| events.push(event));
    events
}

#[test]
fn one_of_the_halves_tells_an_end() {
    let ends = Ends::new();
    let (mut receiver, mut timer) = (DigitReceiver::new(ends.clone()), DigitTimer::new(ends));
    let events = core::cell::RefCell::new(Vec::new());
    let emit = |event| events.borrow_mut().push(event);
    let event = |end| TelephoneEvent { event: 7, end, volume_dbm0: 8, duration_ticks: 800 };
    let ended = LegEvent::DigitEnded { event: 7, duration_ms: 100 };
    for (sequence, first_half_first) in [(1, true), (100, false)] {
        let at_ns = u64::from(sequence) * 1_000_000_000;
        let report = report(sequence, u32::from(sequence) * 8_000, event(false), at_ns);
        timer.note(receiver.packet(&report, emit).unwrap());
        timer.advance(at_ns + 100_000_000, emit);
        assert_eq!(events.take(), [LegEvent::DigitStarted { event: 7 }]);
        for turn in [first_half_first, !first_half_first] {
            if turn {
                receiver.advance(at_ns + 300_000_000, emit);
            } else {
                timer.advance(at_ns + 300_000_000, emit);
            }
        }
        assert_eq!(events.take(), [ended]);
        // The end comes after all, and is old news.
        let late = DigitReport { event: event(true), sequence: sequence + 1, ..report };
        timer.note(receiver.packet(&late, emit).unwrap());
        timer.advance(at_ns + 900_000_000, emit);
        assert_eq!(events.take(), []);
    }
}

#[test]
fn events_that_count_otherwise_than_the_sound_have_their_true_length() {
    let narrow = EventFormat { codec_clock_hz: 48_000, ..FORMAT };
    let packets = sent_as(&narrow, &[(5, 100), (6, 20_000)], 0);
    let first = packets.iter().take_while(|(_, p)| p.event.event == 5);
    assert_eq!(first.map(|(_, p)| p.event.duration_ticks).max(), Some(800));
    let wanted = [
        LegEvent::DigitStarted { event: 5 },
        LegEvent::DigitEnded { event: 5, duration_ms: 100 },
        LegEvent::DigitStarted { event: 6 },
        LegEvent::DigitEnded { event: 6, duration_ms: 20_000 },
    ];
    for told_hz in [8_000, 0] {
        assert_eq!(heard_by(told_hz, 48_000, &packets), wanted, "clock {told_hz}");
    }
    let wide = EventFormat { clock_hz: 48_000, codec_clock_hz: 48_000, ..FORMAT };
    let packets = sent_as(&wide, &[(5, 100)], 0);
    for (told_hz, codec_hz) in [(48_000, 8_000), (0, 48_000), (0, 8_000)] {
        assert_eq!(heard_by(told_hz, codec_hz, &packets), wanted[..2], "{told_hz} {codec_hz}");
    }
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
        let mut receiver = DigitReceiver::new(Ends::new());
        let (mut events, mut now) = (Vec::new(), 0_u64);
        for (n, (event, flags, duration, step, timestamp)) in reports.into_iter().enumerate() {
            now += u64::from(step) * 10_000;
            let bytes = [event % 3, flags, (duration >> 8) as u8, duration as u8];
            let event = TelephoneEvent::parse(&bytes).unwrap();
            let marker = flags & 1 != 0;
            receiver.advance(now, |e| events.push(e));
            let report = DigitReport { marker, ..report(n as u16, timestamp % 1_000, event, now) };
            receiver.packet(&report, |e| events.push(e));
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
        let packets = sent(&digits, from);
        let mut order: Vec<usize> = (0..packets.len()).collect();
        for n in 1..order.len() {
            if swaps >> (n % 64) & 1 != 0 {
                order.swap(n - 1, n);
            }
        }
        let mut receiver = DigitReceiver::new(Ends::new());
        let mut events = Vec::new();
        for (at, n) in order.into_iter().enumerate() {
            let (number, packet) = packets[n];
            let arrival_ns = packets[at].0 * 20_000_000;
            let marker = packet.marker;
            let report =
                DigitReport { marker, ..report(number as u16, packet.timestamp, packet.event, arrival_ns) };
            for _ in 0..2 {
                receiver.packet(&report, |e| events.push(e));
            }
        }
        let started = events.into_iter().filter_map(|event| match event {
            LegEvent::DigitStarted { event } => Some(event),
            _ => None,
        });
        prop_assert_eq!(started.collect::<Vec<_>>(), digits.iter().map(|d| d.0).collect::<Vec<_>>());
    }
}
