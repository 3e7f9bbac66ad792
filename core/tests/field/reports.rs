// SPDX-License-Identifier: MIT OR Apache-2.0
//! RTCP as peers send and answer it (mediasoup#73, mediasoup#307, uvgRTP#132, libjitsi#395).

use ale_media::leg::{LegEvent, Received};

use crate::call::{Call, MS, call, plain};

const NTP_AT_ZERO: u64 = 3_900_000_000 << 32;

fn reporting() -> Call {
    let mut config = plain();
    config.rtcp_interval_ms = 1_000;
    config.ntp_at_zero = NTP_AT_ZERO;
    call(&config)
}

/// Both talk for so long; the last report that was sent.
fn talk(call: &mut Call, from: u16, packets: u16) -> Vec<u8> {
    let mut last = Vec::new();
    for n in from..from + packets {
        call.voice(7, n, 160 * u32::from(n)).unwrap();
        for _ in 0..2 {
            call.media.push(&[500; 80]).unwrap();
            call.wait(10);
            while let Some(datagram) = call.media.poll_transmit(call.now_ns) {
                if ale_media::rtp::is_rtcp(datagram) {
                    last = datagram.to_vec();
                }
            }
        }
    }
    last
}

fn answer(lsr: u32, dlsr: u32) -> Vec<u8> {
    let mut report = [&[0x81, 201, 0, 7, 0, 0, 0, 7, 0, 0, 0, 1][..], &[0; 20]].concat();
    report[24..28].copy_from_slice(&lsr.to_be_bytes());
    report[28..].copy_from_slice(&dlsr.to_be_bytes());
    report
}

#[test]
fn a_round_trip_is_told_by_answers_to_our_reports_alone() {
    let mut call = reporting();
    call.rtcp(&answer(0x1234_5678, 0)).unwrap();
    let last = talk(&mut call, 0, 300);
    assert_eq!(last[1], 200, "a sender report");
    let lsr = u32::from_be_bytes(last[10..14].try_into().unwrap());
    let now_ns = u128::from(call.now_ns);
    let ntp = u128::from(NTP_AT_ZERO) + (now_ns << 32) / 1_000_000_000;
    let age = ((ntp >> 16) as u32).wrapping_sub(lsr);
    let ours = call.control.stats().round_trip_ms;
    assert_eq!(ours, 0.0, "nothing of ours was answered yet");
    let foreign = [
        (0, 0),
        (0, 1_000),
        (lsr.wrapping_sub((3 * 3_600) << 16), 0),
        (lsr.swap_bytes(), 0),
        (lsr << 16 | 0x1234, 0),
        (3_900_000_003, 0),
        (lsr, age + 6_554),
    ];
    for (lsr, dlsr) in foreign {
        call.rtcp(&answer(lsr, dlsr)).unwrap();
        assert_eq!(call.control.stats().round_trip_ms, 0.0, "LSR {lsr:#x}, DLSR {dlsr}");
    }
    call.rtcp(&answer(lsr, age - 3_277)).unwrap();
    let round_trip_ms = call.control.stats().round_trip_ms;
    assert!((round_trip_ms - 50.0).abs() < 1.0, "{round_trip_ms} ms");
    for (lsr, dlsr) in foreign {
        call.rtcp(&answer(lsr, dlsr)).unwrap();
        assert_eq!(call.control.stats().round_trip_ms, round_trip_ms, "it stays");
    }
}

/// Blocks of a length that RFC 3611 does not give them, and unknown ones: skipped, beside what can be read.
#[test]
fn a_block_of_odd_length_takes_nothing_from_a_report_or_a_bye() {
    let sender_report: Vec<u8> =
        [&[0x80, 200, 0, 6, 0, 0, 0, 7][..], &[1, 2, 3, 4, 5, 6, 7, 8][..], &[0; 12]].concat();
    let metrics = |words: u8| {
        let mut packet = vec![0x80, 207, 0, 2 + words, 0, 0, 0, 7, 7, 0, 0, words];
        packet.resize(12 + 4 * usize::from(words), 0);
        packet
    };
    let blocks = [
        metrics(9),
        metrics(7),
        metrics(0),
        vec![0x80, 207, 0, 5, 0, 0, 0, 7, 4, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
        vec![0x80, 207, 0, 3, 0, 0, 0, 7, 99, 0, 0, 1, 0, 0, 0, 0],
        vec![0x80, 207, 0, 1, 0, 0, 0, 7],
    ];
    for (n, block) in blocks.iter().enumerate() {
        let mut call = reporting();
        talk(&mut call, 0, 50);
        call.events();
        let bye = [0x81, 203, 0, 1, 0, 0, 0, 7];
        let compound = [&sender_report[..], block, &bye].concat();
        assert_eq!(call.rtcp(&compound), Ok(Received::Goodbye), "block {n}");
        let stats = call.control.stats().receiver;
        assert_eq!(stats.sender_report_ntp, 0x0304_0506, "block {n}");
        assert!(call.events().contains(&LegEvent::Goodbye { ssrc: 7 }), "block {n}");
    }
}

/// A sender report says what was sent; who sends nothing gives receiver reports (RFC 3550 section 6.4).
#[test]
fn on_hold_it_is_a_receiver_report_and_counts_begin_anew_with_a_source() {
    let mut call = reporting();
    assert_eq!(talk(&mut call, 0, 200)[1], 200);
    let count = |report: &[u8]| u32::from_be_bytes(report[20..24].try_into().unwrap());
    let mut last = Vec::new();
    for _ in 0..1_000 {
        call.now_ns += 10 * MS;
        while let Some(datagram) = call.media.poll_transmit(call.now_ns) {
            last = datagram.to_vec();
        }
    }
    assert_eq!(last[1], 201, "nothing was sent for two reports");
    assert!(count(&talk(&mut call, 200, 200)) > 300);
    call.control.change_ssrc(99).unwrap();
    let report = talk(&mut call, 400, 150);
    assert_eq!(report[4..8], [0, 0, 0, 99]);
    assert!(count(&report) <= 150, "{} packets of the new source", count(&report));
}

/// The clock of one source changes with its payload type: no jitter comes of it.
#[test]
fn a_clock_that_changes_under_one_source_is_no_jitter() {
    use ale_media::codec::CodecSpec;
    use ale_media::leg::ReceiveCodec;
    let mut config = plain();
    let wide = CodecSpec::L16 { sample_rate_hz: 48_000, channels: 1 };
    config.receive.push(ReceiveCodec { payload_type: 96, codec: wide });
    let mut call = call(&config);
    call.stream(7, 0, 0, 100);
    for n in 0..100_u16 {
        let header = ale_media::rtp::RtpHeader {
            payload_type: 96,
            ssrc: 7,
            sequence: 100 + n,
            timestamp: 16_000 + 480 * u32::from(n),
            ..Default::default()
        };
        let mut datagram = call.seal(&header, &[0; 960]);
        call.receiver.receive(&mut datagram, call.now_ns).unwrap();
        call.wait(10);
        assert!(call.control.stats().jitter_ms < 2.0, "packet {n}");
    }
}
