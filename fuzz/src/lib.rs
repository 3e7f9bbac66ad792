// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fuzz targets do, one function a target, each with the properties that must hold for
//! any bytes. `cargo test` runs them over the seed corpora in `corpus/`; `make fuzz` lets libFuzzer
//! look for more.

pub mod black_box;
pub mod c_api;
pub mod conference;
pub mod jitter;
pub mod node;
pub mod session;

pub mod sinks;
pub mod srtp;

use std::net::SocketAddr;

use ale_media::codec::fmtp::OpusFmtp;
use ale_media::codec::g711::{G711, Law};
use ale_media::codec::{CodecSpec, MAX_PACKET_SAMPLES, Repacketizer};
use ale_media::jitter::{DecoderMap, JitterConfig};
use ale_media::leg::{
    InbandTones, Leg, LegConfig, PassThrough, Received, Redundant, SrtpConfig, TelephoneEvents,
};
use ale_media::rtp::extension::Elements;
use ale_media::rtp::rtcp::xr::Block;
use ale_media::rtp::rtcp::{Packet, Packets};
use ale_media::rtp::telephone_event::{TelephoneEvent, digit_of_event, event_of_digit};
use ale_media::rtp::{RtpHeader, RtpPacket};
use ale_media::srtp::Suite;

/// RTP headers and header extensions.
pub fn rtp(data: &[u8]) {
    let Ok(packet) = RtpPacket::parse(data) else { return };
    assert!(packet.header_bytes() <= data.len());
    let extensions: usize = Elements::of(&packet).map(|element| element.data.len()).sum();
    assert!(extensions <= data.len());
    let sources: Vec<u32> = packet.contributing_sources().collect();
    let header = RtpHeader {
        marker: packet.marker(),
        payload_type: packet.payload_type(),
        sequence: packet.sequence(),
        timestamp: packet.timestamp(),
        ssrc: packet.ssrc(),
        contributing_sources: &sources,
        extension: packet.extension(),
    };
    // What was read is written again to the bit, the padding flag aside.
    let mut again = vec![0; header.encoded_len()];
    assert_eq!(header.write(&mut again), Ok(packet.header_bytes()));
    again[0] |= data[0] & 0x20;
    assert_eq!(again, &data[..packet.header_bytes()]);
}

/// Captures: pcap, pcapng, rtpdump, and the streams in them. What comes out went in.
pub fn capture(data: &[u8]) {
    use examples::capture::streams;
    if let Ok(mut capture) = examples::capture::parse(data) {
        let bytes: usize = capture.datagrams.iter().map(|datagram| datagram.payload.len()).sum();
        assert!(bytes + capture.passed.values().sum::<usize>() <= data.len());
        let streams = streams::find(&capture.datagrams, None);
        let packets: usize = streams.iter().map(|stream| stream.packets.len()).sum();
        assert!(packets <= capture.datagrams.len());
        let in_turn: usize = streams::directions(&streams).iter().map(Vec::len).sum();
        assert_eq!(in_turn, streams.len());
        streams::arrivals_as_sent(&mut capture.datagrams, 8_000);
    }
}

/// Compound RTCP packets.
pub fn rtcp(data: &[u8]) {
    for packet in Packets::new(data) {
        match packet {
            Ok(Packet::SenderReport(_, _, blocks) | Packet::ReceiverReport(_, blocks)) => {
                assert!(blocks.count() <= 31);
            }
            Ok(Packet::Goodbye(sources)) => assert!(sources.count() <= 31),
            Ok(Packet::Nack(_, _, sequences)) => assert!(sequences.count() <= 17 * data.len() / 4),
            Ok(Packet::ExtendedReport(_, blocks)) => {
                for block in blocks {
                    if let Block::Dlrr(answers) = block {
                        assert!(answers.count() <= data.len() / 12);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A leg, plain or encrypted by the first byte, under any datagrams; two bytes of length stand
/// before each.
pub fn leg(data: &[u8]) {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let mut config = LegConfig::plain(1, 0, CodecSpec::Pcmu);
    if choice & 1 == 1 {
        let keys = testkit::keys(Suite::AesCm128HmacSha1_80, 7);
        config.srtp = Some(SrtpConfig { send: keys.clone(), receive: keys });
    }
    if choice & 2 == 2 {
        // Everything that a packet can steer: digits, redundancy, extensions, tones, pauses.
        config.telephone_events = vec![TelephoneEvents { payload_type: 101, clock_hz: None }];
        config.redundancy = Some(Redundant::following_loss(121, 2));
        config.header_extensions.audio_level = Some(1);
        config.inband_tones = InbandTones::DigitsRemoved;
        config.call_progress = true;
        config.freeze_for_modems = true;
        config.silence_suppression = true;
    }
    if choice & 4 == 4 {
        config.pass_through = vec![PassThrough { payload_type: 96, rtp_clock_hz: 90_000 }];
    }
    let (mut receiver, mut media, mut control) = Leg::new(&config).expect("a leg");
    let mut tick = 0_u64;
    let mut pcm = [0; 80];
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length) % 1_600).min(tail.len());
        let (datagram, tail) = tail.split_at(length);
        let mut datagram = datagram.to_vec();
        let from = SocketAddr::from(([192, 0, 2, 1], u16::from(length as u8 & 3)));
        let received = match choice & 8 {
            8 => receiver.receive_from(&mut datagram, from, tick * 10_000_000),
            _ => receiver.receive(&mut datagram, tick * 10_000_000),
        };
        if let Ok(Received::PassThrough(passed)) = received {
            let end = passed.payload_offset + passed.payload_bytes;
            let relayed = media.relay(&passed, &datagram[passed.payload_offset..end]);
            assert!(relayed.is_some_and(|relayed| relayed.len() >= passed.payload_bytes));
        }
        media.pull(tick * 10_000_000, &mut pcm).expect("10 ms");
        media.push(&pcm).expect("10 ms");
        while let Some(sent) = media.poll_transmit(tick * 10_000_000) {
            assert!(!sent.is_empty());
        }
        tick += 1;
        rest = tail;
    }
    while control.next_event().is_some() {}
    assert_eq!(control.stats().receiver.datagrams, tick);
}

/// Every decoder under any payload; the first byte chooses it.
pub fn codec(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else { return };
    let spec = match choice % 5 {
        0 => CodecSpec::Pcma,
        1 => CodecSpec::Pcmu,
        3 => CodecSpec::G722,
        4 => CodecSpec::L16 { sample_rate_hz: 48_000, channels: 2 },
        _ => CodecSpec::from_rtpmap("opus/48000/2").expect("a codec"),
    };
    let mut decoder = spec.decoder(48_000).expect("a decoder");
    let mut pcm = vec![0; MAX_PACKET_SAMPLES];
    for payload in payload.chunks(200) {
        let said = decoder.packet_samples(payload);
        if let Ok(samples) = decoder.decode(payload, &mut pcm) {
            let channels = usize::from(decoder.format().channels);
            assert_eq!(said, Ok(samples / channels));
        }
        let _ = decoder.recover(payload, 960, &mut pcm[..960]);
    }
}

/// Redundant audio (RFC 2198) into a jitter buffer; a byte of length stands before each payload.
pub fn red(data: &[u8]) {
    let mut map = DecoderMap::new();
    map.insert(0, Box::new(G711(Law::Mu))).expect("a free payload type");
    map.insert_redundant(121).expect("a free payload type");
    let (mut writer, mut reader, _) =
        ale_media::jitter::create(&JitterConfig::default(), map).expect("fits");
    let (mut rest, mut sequence, mut pcm) = (data, 0_u16, [0; 80]);
    while let Some((&length, tail)) = rest.split_first() {
        let (payload, tail) = tail.split_at(usize::from(length).min(tail.len()));
        rest = tail;
        let mut packet = vec![0; 12];
        let header = RtpHeader {
            payload_type: 121,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc: 1,
            ..RtpHeader::default()
        };
        header.write(&mut packet).expect("room");
        packet.extend_from_slice(payload);
        let now_ns = u64::from(sequence) * 20_000_000;
        let _ = writer.insert(&packet, now_ns);
        for pull in 0..2 {
            reader.pull(now_ns + pull * 10_000_000, &mut pcm).expect("10 ms");
        }
        sequence = sequence.wrapping_add(1);
    }
}

/// Telephone events (RFC 4733): what is read is written again, and a digit has one name.
pub fn telephone_event(data: &[u8]) {
    let Some(event) = TelephoneEvent::parse(data) else { return };
    assert_eq!(TelephoneEvent::parse(&event.to_bytes()), Some(event));
    if let Some(digit) = digit_of_event(event.event) {
        assert_eq!(event_of_digit(digit), Some(event.event));
    }
}

/// Payloads regrouped to another packet time; the first two bytes choose codec and time, and a byte
/// of length stands before each payload.
pub fn repacketizer(data: &[u8]) {
    let Some((&[choice, packet_ms], mut rest)) = data.split_first_chunk::<2>() else { return };
    let codec = match choice % 3 {
        0 => CodecSpec::Pcma,
        1 => CodecSpec::L16 { sample_rate_hz: 48_000, channels: 2 },
        _ => CodecSpec::from_rtpmap("opus/48000/2").expect("a codec"),
    };
    let packet_ms = 10 + u16::from(packet_ms % 51);
    let mut repacketizer = Repacketizer::new(&codec, packet_ms).expect("10 to 60 ms");
    let (mut timestamp, mut taken, mut given) = (0_u32, 0, 0);
    while let Some((&length, tail)) = rest.split_first() {
        let (payload, tail) = tail.split_at(usize::from(length).min(tail.len()));
        rest = tail;
        let pushed = repacketizer.push(timestamp, payload, |_, bytes| {
            assert!(!bytes.is_empty());
            given += bytes.len();
        });
        taken += pushed.map_or(0, |()| payload.len());
        timestamp = timestamp.wrapping_add(u32::from(length) * 40);
    }
    repacketizer.flush(|_, bytes| given += bytes.len());
    if choice % 3 != 2 {
        assert_eq!(given, taken, "no byte is lost or doubled");
    }
}

/// Opus parameters of a session description.
pub fn fmtp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(fmtp) = OpusFmtp::parse(text) {
        assert_eq!(OpusFmtp::parse(&fmtp.to_string()), Ok(fmtp));
    }
}
