// SPDX-License-Identifier: MIT OR Apache-2.0
//! A living leg that is changed, and a new one that takes its session over.

use ale_media::codec::CodecSpec;
use ale_media::leg::{Direction, Leg, LegError, ReceiveCodec, Received, SendCodec};

use crate::call::{call, key, plain, sealed};

#[test]
fn an_update_changes_codec_and_direction_or_names_what_it_can_t() {
    let mut config = plain();
    let mut call = call(&config);
    call.stream(7, 0, 0, 50);
    config.receive.push(ReceiveCodec { payload_type: 9, codec: CodecSpec::G722 });
    config.send = SendCodec { payload_type: 9, codec: CodecSpec::G722, packet_ms: 40 };
    call.control.update(&config).unwrap();
    assert_eq!(call.stream(7, 50, 8_000, 50), 50);
    call.media.push(&[500; 320]).unwrap();
    let sent = call.media.poll_transmit(call.now_ns).unwrap();
    assert_eq!((sent[1] & 0x7f, sent.len()), (9, 12 + 320), "G.722 from a leg at 8 kHz");
    config.direction = Direction::Inactive;
    call.control.update(&config).unwrap();
    assert_eq!(call.voice(7, 100, 16_000), Ok(Received::NotWanted));
    call.media.push(&[500; 320]).unwrap();
    while let Some(datagram) = call.media.poll_transmit(call.now_ns) {
        assert!(ale_media::rtp::is_rtcp(datagram), "reports alone go on");
    }
    // Contradictions are named, and change nothing.
    config.direction = Direction::SendReceive;
    let mut wrong = config.clone();
    wrong.header_extensions.audio_level = Some(3);
    wrong.header_extensions.absolute_send_time = Some(3);
    assert_eq!(
        call.control.update(&wrong),
        Err(LegError::ExtensionId("header_extensions.absolute_send_time"))
    );
    let mut wrong = config.clone();
    wrong.jitter.slots += 1;
    let error = call.control.update(&wrong).unwrap_err();
    assert_eq!((error, error.member()), (LegError::Fixed("jitter"), "jitter"));
    assert_eq!(call.voice(7, 101, 16_160), Ok(Received::NotWanted));
    call.control.update(&config).unwrap();
    assert_eq!(call.voice(7, 102, 16_320), Ok(Received::Media));
}

/// A codec that needs another rate, in minute 25 of a call: the rollover counter is past 1 on both sides.
#[test]
fn a_new_leg_on_an_old_one_s_session_is_heard_and_hears() {
    let mut call = sealed();
    let mut sent = std::collections::HashSet::new();
    let mut config = ale_media::leg::LegConfig::new(1, 0, CodecSpec::Pcmu);
    for n in 0..65_900_u32 {
        // Too many at once for the buffer; SRTP has seen them all the same.
        let _ = call.voice(7, n as u16, n * 160);
    }
    call.wait(2_000);
    assert_eq!(call.stream(7, 65_900_u32 as u16, 65_900 * 160, 100), 100);
    let packets = call.control.stats().receiver.packets;
    for round in 0..2 {
        for _ in 0..10 {
            let rate_hz = call.media.sample_rate_hz() as usize;
            call.media.push(&vec![500; rate_hz / 50]).unwrap();
            while let Some(datagram) = call.media.poll_transmit(call.now_ns) {
                let packet = &datagram[2..4];
                assert!(
                    ale_media::rtp::is_rtcp(datagram) || sent.insert([packet[0], packet[1]]),
                    "a sequence number twice under one key"
                );
            }
        }
        if round == 0 {
            config.sample_rate_hz = Some(16_000);
            Leg::renew(&config, &mut call.receiver, &mut call.media, &mut call.control).unwrap();
        }
    }
    assert_eq!(sent.len(), 20);
    assert_eq!(call.voice(7, 66_000_u32 as u16, 66_000 * 160), Ok(Received::Media));
    assert_eq!(call.control.stats().receiver.packets, packets + 1);
    assert_eq!(call.media.stats().protect_errors, 0);
}

#[test]
fn a_renewal_that_is_refused_leaves_the_old_leg() {
    let mut call = sealed();
    let mut other = sealed();
    call.stream(7, 0, 0, 50);
    let mut config = ale_media::leg::LegConfig::new(1, 0, CodecSpec::Pcmu);
    config.send.packet_ms = 15;
    let refused = Leg::renew(&config, &mut call.receiver, &mut call.media, &mut call.control);
    assert_eq!(refused, Err(LegError::PacketTime(15)));
    config.send.packet_ms = 20;
    let refused = Leg::renew(&config, &mut call.receiver, &mut other.media, &mut call.control);
    assert_eq!(refused, Err(LegError::Halves));
    let mut line = key(2);
    line.replay_window = 3;
    config.srtp = Some(ale_media::leg::SrtpConfig { send: key(1), receive: line });
    let refused = Leg::renew(&config, &mut call.receiver, &mut call.media, &mut call.control);
    assert!(matches!(refused, Err(LegError::Srtp(_)) | Ok(())));
    assert_eq!(call.stream(7, 50, 8_000, 50), 50);
}
