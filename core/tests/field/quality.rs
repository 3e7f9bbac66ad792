// SPDX-License-Identifier: MIT OR Apache-2.0
//! What counts as loss, and what is heard when nothing comes.

use ale_media::leg::{LegEvent, ReceiveError};
use ale_media::rtp::RtpHeader;

use crate::call::{Call, call, plain};

#[test]
fn keepalives_and_unknown_payload_types_are_no_loss() {
    let mut call = call(&plain());
    for n in 0..1_000_u16 {
        if n % 10 == 9 {
            let header = RtpHeader {
                payload_type: 20,
                ssrc: 7,
                sequence: n,
                timestamp: u32::from(n) * 144,
                ..RtpHeader::default()
            };
            let mut keepalive = call.seal(&header, &[0; 4]);
            let result = call.receiver.receive(&mut keepalive, call.now_ns);
            assert_eq!(result, Err(ReceiveError::UnknownPayloadType(20)));
            continue;
        }
        call.voice(7, n, 160 * u32::from(n - n / 10)).unwrap();
        call.wait(20);
    }
    let stats = call.control.stats();
    assert_eq!((stats.loss_percent, stats.concealed_percent), (0.0, 0.0), "{stats:?}");
}

#[test]
fn a_hold_and_silence_leave_the_verdict_as_it_was() {
    let mut call = call(&plain());
    assert!(call.control.stats().quality.is_none(), "nothing was heard");
    call.stream(7, 0, 0, 500);
    let before = call.control.stats().quality.unwrap().mos;
    call.wait(60_000);
    assert!((call.control.stats().quality.unwrap().mos - before).abs() < 0.1);
    assert!(call.loudness(1_000) < 10.0);
    let events: Vec<_> = std::iter::from_fn(|| call.control.next_event()).collect();
    assert!(events.contains(&LegEvent::MediaStopped { reports: false }), "{events:?}");
}

/// Packets that carry no sound between those that do: empty ones, comfort noise, other payload types.
#[test]
fn fillers_are_neither_loss_nor_delay() {
    let plain_delay = delay_of(|_, _| ());
    let fillers: [fn(&mut Call, u16); 3] = [
        |call, n| filler(call, n, 0, &[]),
        |call, n| filler(call, n, 13, &[60]),
        |call, n| filler(call, n, 35, &[1, 2, 3]),
    ];
    for filler in fillers {
        let delay = delay_of(filler);
        assert!(delay <= plain_delay + 20_000, "{delay} us, {plain_delay} without");
    }
}

fn filler(call: &mut Call, sequence: u16, payload_type: u8, payload: &[u8]) {
    let timestamp = 160 * u32::from(sequence / 2);
    let header = RtpHeader { payload_type, ssrc: 7, sequence, timestamp, ..RtpHeader::default() };
    let mut datagram = call.seal(&header, payload);
    let _ = call.receiver.receive(&mut datagram, call.now_ns);
}

/// A call with a filler behind each packet; its mean delay in the buffer.
fn delay_of(filler: impl Fn(&mut Call, u16)) -> u64 {
    let mut call = call(&plain());
    for n in 0..500_u16 {
        call.voice(7, 2 * n, 160 * u32::from(n)).unwrap();
        filler(&mut call, 2 * n + 1);
        call.wait(20);
    }
    let stats = call.control.stats();
    assert_eq!(stats.concealed_percent, 0.0, "{stats:?}");
    stats.jitter.mean_delay_us
}

#[test]
fn digits_leave_the_verdict_as_it_was() {
    let mut call = call(&plain());
    call.stream(7, 0, 0, 500);
    let before = call.control.stats().quality.unwrap().mos;
    let mut sequence = 500;
    for press in 0..20_u32 {
        let at = 160 * u32::from(sequence);
        for n in 0..10_u16 {
            call.event(sequence, at, press as u8 % 10, n > 7, 160 * (n + 1));
            sequence += 1;
            call.wait(20);
        }
        call.stream(7, sequence, 160 * u32::from(sequence), 10);
        sequence += 10;
    }
    let stats = call.control.stats();
    assert!((stats.quality.unwrap().mos - before).abs() < 0.1, "{before}, {stats:?}");
}

/// Whatever the peer was sending, two seconds after it vanished it is silent, and at once after a BYE.
#[test]
fn what_the_peer_leaves_behind_is_silence() {
    for bye in [false, true] {
        for shape in [0, 1, 2] {
            let mut call = call(&plain());
            for n in 0..150_u16 {
                let payload = signal(shape, n);
                let (sequence, timestamp) = (n, 160 * u32::from(n));
                let header = RtpHeader { ssrc: 7, sequence, timestamp, ..RtpHeader::default() };
                let mut datagram = call.seal(&header, &payload);
                call.receiver.receive(&mut datagram, call.now_ns).unwrap();
                call.wait(20);
            }
            if bye {
                let farewell = [0x80, 201, 0, 1, 0, 0, 0, 7, 0x81, 203, 0, 1, 0, 0, 0, 7];
                call.rtcp(&farewell).unwrap();
                call.wait(300);
            } else {
                call.wait(3_000);
            }
            let rms = call.loudness(100);
            assert!(rms < 10.0, "shape {shape}, BYE {bye}: {rms}");
        }
    }
}

/// A steady tone, music (three tones), and noise as in a car.
fn signal(shape: u8, packet: u16) -> [u8; 160] {
    let mut state = 1_u32.wrapping_add(u32::from(packet).wrapping_mul(2_654_435_761));
    std::array::from_fn(|n| {
        let t = (usize::from(packet) * 160 + n) as f64 / 8_000.0;
        let tone = |hz: f64| (t * hz * std::f64::consts::TAU).sin();
        let level = match shape {
            0 => tone(440.0),
            1 => (tone(262.0) + tone(330.0) + tone(392.0)) / 3.0,
            _ => {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                f64::from(state >> 16) / 32_768.0 - 1.0
            }
        };
        // Nearest mu-law code word by its segment: sign, exponent, mantissa (ITU-T G.711).
        let sample = (level * 8_000.0) as i32;
        let magnitude = (sample.abs() + 132).min(32_635);
        let exponent = (31 - magnitude.leading_zeros() as i32 - 7).clamp(0, 7);
        let mantissa = magnitude >> (exponent + 3) & 15;
        !(u8::from(sample < 0) << 7 | (exponent as u8) << 4 | mantissa as u8)
    })
}
