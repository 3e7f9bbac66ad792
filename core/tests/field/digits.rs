// SPDX-License-Identifier: MIT OR Apache-2.0
//! Telephone events as peers send them (livekit/sip#796, doubango#374, rtpengine#1812, #1929, #1569, #1530,
//! freeswitch#2361, pjproject#2088): each press once, with its duration within 20 ms, by 250 ms after its
//! end.

use ale_media::codec::CodecSpec;
use ale_media::leg::{LegConfig, LegEvent, SendCodec, TelephoneEvents};

use crate::call::{Call, call, plain};

#[test]
fn digits_that_share_a_timestamp_or_begin_anew_are_told_each_once() {
    let mut call = call(&plain());
    call.stream(7, 0, 0, 20);
    let mut sequence = 20;
    for digit in 1..=3 {
        for (end, ticks) in [(false, 160), (false, 320), (false, 480), (true, 640), (true, 640)] {
            call.event(sequence, 3_200, digit, end, ticks);
            sequence += 1;
            call.wait(20);
        }
    }
    assert_eq!(call.digits(), [(1, 80), (2, 80), (3, 80)]);
    // The same source begins anew at lower numbers.
    call.stream(7, 5, 13_440, 20);
    call.event(25, 16_640, 4, false, 160);
    // Its ends are lost, and nothing else comes: the audio half's clock ends it.
    call.wait(250);
    assert_eq!(call.digits(), [(4, 20)]);
}

/// Sequence number, timestamp, digit, end bit and duration in ticks; a step of 20 ms goes before each, and
/// more for those that say so.
type Packet = (u16, u32, u8, bool, u16);

/// What is told of packets that follow 20 of voice and are followed by 5.
fn told(name: &str, packets: &[Packet], pauses: &[(usize, u64)]) -> Vec<(u8, u32)> {
    let mut call = call(&plain());
    call.stream(7, 0, 0, 20);
    for (at, (sequence, timestamp, digit, end, ticks)) in packets.iter().enumerate() {
        call.event(20 + sequence, 3_200 + timestamp, *digit, *end, *ticks);
        call.wait(20);
        for (_, ms) in pauses.iter().filter(|(after, _)| *after == at) {
            call.wait(*ms);
        }
    }
    let next = 20 + packets.last().unwrap().0 + 1;
    let ticks = 3_200 + 160 * packets.len() as u32;
    call.stream(7, next, ticks, 5);
    call.wait(300);
    let events = call.events();
    let begun = events.iter().filter(|e| matches!(e, LegEvent::DigitStarted { .. })).count();
    let ended: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            LegEvent::DigitEnded { event, duration_ms } => Some((*event, *duration_ms)),
            _ => None,
        })
        .collect();
    assert_eq!(begun, ended.len(), "{name}: begins and ends");
    ended
}

fn press(from: u16, at: u32, digit: u8, ticks: &[u16], ends: usize) -> Vec<Packet> {
    let body = ticks.iter().enumerate().map(|(n, t)| (from + n as u16, at, digit, false, *t));
    let last = *ticks.last().unwrap() + 160;
    let end = (0..ends).map(|n| (from + (ticks.len() + n) as u16, at, digit, true, last));
    body.chain(end).collect()
}

#[test]
fn one_press_is_told_once_however_it_is_sent() {
    let body: Vec<u16> = (1..=5).map(|n| 160 * n).collect();
    let near = |told: &[(u8, u32)], digit, ms: u32, name: &str| {
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        assert!(told[0].0 == digit && told[0].1.abs_diff(ms) <= 20, "{name}: {told:?}, {ms} ms");
    };
    near(&told("by the book", &press(0, 0, 1, &body, 3), &[]), 1, 120, "by the book");
    near(&told("one end", &press(0, 0, 1, &body, 1), &[]), 1, 120, "one end");
    near(&told("no end", &press(0, 0, 1, &body, 0), &[(4, 200)]), 1, 100, "no end");
    let grows: Vec<_> = (0..6).map(|n| (n, 160 * u32::from(n), 2, n == 5, 160 * (n + 1))).collect();
    near(&told("timestamps grow", &grows, &[]), 2, 120, "timestamps grow");
    let mut ends = press(0, 0, 1, &body, 3);
    ends[6].1 = 160;
    ends[7].1 = 320;
    near(&told("ends' timestamps grow", &ends, &[]), 1, 120, "ends' timestamps grow");
    let mut late = press(0, 0, 4, &[160, 320], 3);
    late.iter_mut().filter(|p| p.3).for_each(|p| p.4 = 1_696);
    near(&told("a gap, then the end", &late, &[(1, 140)]), 4, 212, "a gap, then the end");
    near(&told("only an end", &[(0, 0, 9, true, 800)], &[]), 9, 100, "only an end");
    let zero: Vec<_> = (0..5).map(|n| (n, 0, 3, n >= 3, 0)).collect();
    assert_eq!(told("durations of 0", &zero, &[]).len(), 1);
    let mut twice = press(0, 0, 1, &body, 3);
    twice.insert(3, twice[2]);
    twice.insert(3, twice[1]);
    near(&told("out of order and twice", &twice, &[]), 1, 120, "out of order and twice");
}

#[test]
fn presses_that_follow_each_other_are_told_each() {
    let body: Vec<u16> = (1..=5).map(|n| 160 * n).collect();
    // Dialled fast: 40 ms on, 40 ms off.
    let fast: Vec<Packet> = (0..10_u8)
        .flat_map(|d| {
            let (n, at) = (2 * u16::from(d), 640 * u32::from(d));
            [(n, at, d, false, 160), (n + 1, at, d, true, 320)]
        })
        .collect();
    let digits: Vec<_> = told("fast", &fast, &[]).iter().map(|t| t.0).collect();
    assert_eq!(digits, (0..10).collect::<Vec<_>>());
    // Without ends, different digits and one digit.
    for same in [false, true] {
        let presses: Vec<Packet> = (0..4_u16)
            .flat_map(|n| {
                press(5 * n, 800 * u32::from(n), if same { 3 } else { n as u8 }, &body, 0)
            })
            .collect();
        assert_eq!(told("no ends", &presses, &[]).len(), 4, "same digit: {same}");
    }
    // The stream begins anew at lower numbers between two.
    let mut call = call(&plain());
    call.stream(7, 30_000, 4_000_000, 20);
    let mut heard = Vec::new();
    for (sequence, at, digit) in [(30_020, 4_003_200, 1), (5, 13_440, 2), (40, 20_000, 3)] {
        call.stream(7, sequence, at, 20);
        for (n, ticks) in body.iter().enumerate() {
            call.event(sequence + 20 + n as u16, at + 3_200, digit, n == 4, *ticks);
            call.wait(20);
        }
        call.wait(100);
        heard.extend(call.digits().iter().map(|(digit, _)| *digit));
    }
    assert_eq!(heard, [1, 2, 3]);
}

/// A press of more than 8 s: segments by RFC 4733 section 2.5.1.3, and durations that wrap by RFC 2833.
#[test]
fn a_long_press_is_one() {
    let mut call = call(&plain());
    call.stream(7, 0, 0, 20);
    let (mut sequence, mut at) = (20, 3_200);
    for (packets, last) in [(409_u16, false), (50, true)] {
        for n in 1..=packets {
            call.event(sequence, at, 7, last && n == packets, 160 * n);
            sequence += 1;
            call.wait(20);
        }
        if !last {
            call.event(sequence, at, 7, false, u16::MAX);
            sequence += 1;
            at += u32::from(u16::MAX);
        }
    }
    let told = call.digits();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.abs_diff(9_190) <= 20, "{told:?}");
}

#[test]
fn events_of_a_source_of_their_own_and_of_numbers_of_their_own_are_told() {
    for ssrc in [7, 0x3333] {
        let mut call = call(&plain());
        call.stream(7, 0, 0, 20);
        let (mut voice, mut events) = (20_u16, 45_000_u16);
        for digit in 1..=3 {
            let at = 160 * u32::from(voice);
            for n in 0..16_u16 {
                if n < 6 {
                    call.event_of(ssrc, events, at, digit, n == 5, 160 * (n + 1));
                    events += 1;
                }
                call.voice(7, voice, 160 * u32::from(voice)).unwrap();
                voice += 1;
                call.wait(20);
            }
        }
        call.wait(300);
        let digits: Vec<_> = call.digits().iter().map(|(digit, _)| *digit).collect();
        assert_eq!(digits, [1, 2, 3], "events as {ssrc:#x}");
        assert_eq!(call.control.stats().receiver.source_changes, 0);
    }
}

/// telephone-event/8000 beside a codec that counts at 48 kHz: the clock is told, found out, or of another
/// type than the one that is sent.
#[test]
fn durations_count_in_the_events_own_clock() {
    for clock_hz in [Some(8_000), None] {
        let codec = CodecSpec::L16 { sample_rate_hz: 48_000, channels: 1 };
        let mut config = LegConfig::plain(1, 96, codec.clone());
        config.send = SendCodec { payload_type: 96, codec, packet_ms: 10 };
        config.telephone_events = vec![
            TelephoneEvents { payload_type: 110, clock_hz: Some(48_000) },
            TelephoneEvents { payload_type: 101, clock_hz },
        ];
        let mut call: Call = call(&config);
        for n in 0..5 {
            call.event(n, 0, 5, n == 4, 160 * (n + 1));
            call.now_ns += 20_000_000;
        }
        let told = call.digits();
        assert_eq!(told.len(), 1);
        assert!(told[0].1.abs_diff(100) <= 20, "{told:?} by a clock of {clock_hz:?}");
    }
}

/// A host that looks once a second, ten digits a second, and everything else that makes events.
#[test]
fn no_digit_is_lost_to_a_host_that_polls_once_a_second() {
    let mut call = call(&plain());
    call.stream(7, 0, 0, 20);
    let mut sequence = 20;
    for n in 0..10_u8 {
        for end in [false, true] {
            call.event(sequence, 3_200 + 800 * u32::from(n), n, end, 160 << u16::from(end));
            sequence += 1;
            call.wait(20);
        }
        for junk in 0..200_u16 {
            let mut datagram = [&[0x80, 77][..], &junk.to_be_bytes(), &[0; 16]].concat();
            let _ = call.receiver.receive(&mut datagram, call.now_ns);
        }
        call.wait(60);
    }
    let digits: Vec<_> = call.digits().iter().map(|(digit, _)| *digit).collect();
    assert_eq!(digits, (0..10).collect::<Vec<_>>());
}
