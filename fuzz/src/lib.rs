// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fuzz targets do, one function a target, each with the properties that must hold for
//! any bytes. `cargo test` runs them over the seed corpora in `corpus/`; `make fuzz` lets libFuzzer
//! look for more.

use ale_media::codec::{CodecSpec, MAX_PACKET_SAMPLES};
use ale_media::jitter::{self, DecoderMap, JitterConfig};
use ale_media::leg::{Leg, LegConfig, SrtpConfig};
use ale_media::rtp::extension::Elements;
use ale_media::rtp::rtcp::{Packet, Packets};
use ale_media::rtp::{RtpHeader, RtpPacket};
use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{MasterKey, Receiver, SessionConfig, Suite};

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

/// Compound RTCP packets.
pub fn rtcp(data: &[u8]) {
    for packet in Packets::new(data) {
        match packet {
            Ok(Packet::SenderReport(_, _, blocks) | Packet::ReceiverReport(_, blocks)) => {
                assert!(blocks.count() <= 31);
            }
            Ok(Packet::Goodbye(sources)) => assert!(sources.count() <= 31),
            _ => {}
        }
    }
}

fn keys(suite: Suite) -> SessionConfig {
    let material = vec![7; suite.key_bytes() + suite.salt_bytes()];
    let key = MasterKey::from_concatenated(suite, &material).expect("a key of the suite's length");
    SessionConfig::new(suite, key)
}

/// SRTP and SRTCP under a known key; the first byte chooses the suite. What is refused is left as
/// it was.
pub fn srtp_unprotect(data: &[u8]) {
    let Some((choice, packet)) = data.split_first() else { return };
    let suite = match choice & 1 {
        0 => Suite::AesCm128HmacSha1_80,
        _ => Suite::AeadAes128Gcm,
    };
    let mut receiver = Receiver::new(&keys(suite)).expect("a session");
    for rtcp in [false, true] {
        let mut copy = packet.to_vec();
        let result =
            if rtcp { receiver.unprotect_rtcp(&mut copy) } else { receiver.unprotect(&mut copy) };
        match result {
            Ok(length) => assert!(length <= packet.len()),
            Err(_) => assert_eq!(copy, packet),
        }
    }
}

/// `a=crypto` lines: what is understood is printed so that it is understood the same.
pub fn sdes(data: &[u8]) {
    let Ok(line) = std::str::from_utf8(data) else { return };
    let Ok(attribute) = CryptoAttribute::parse(line) else { return };
    let printed = attribute.value();
    let again = CryptoAttribute::parse(&printed).expect("our own line is understood");
    assert_eq!(again.value(), printed);
    let _ = attribute.to_config();
}

/// A jitter buffer under any packets and pulls. Each operation is a byte that says what, and some
/// bytes for it.
pub fn jitter(data: &[u8]) {
    let mut map = DecoderMap::new();
    let decoder = CodecSpec::Pcmu.decoder(8_000).expect("a decoder");
    map.insert(0, decoder).expect("a payload type");
    map.insert_comfort_noise(13).expect("a payload type");
    let (mut writer, mut reader, _control) =
        jitter::create(&JitterConfig::default(), map).expect("a jitter buffer");
    let mut now_ns = 0_u64;
    let mut rest = data;
    let mut pcm = [0; 240];
    while let Some((operation, bytes)) = rest.split_first() {
        match operation % 4 {
            0 => {
                let length = usize::from(bytes.first().copied().unwrap_or(0)).min(bytes.len());
                let _ = writer.insert(&bytes[..length], now_ns);
                rest = &bytes[length..];
            }
            1 => {
                // A packet that is one, with a sequence number and timestamp of the fuzzer's.
                let Some((fields, tail)) = bytes.split_first_chunk::<4>() else { return };
                let mut packet = [0x55; 172];
                let sequence = u16::from_be_bytes([fields[0], fields[1]]);
                let header = RtpHeader {
                    payload_type: if fields[2] > 240 { 13 } else { 0 },
                    sequence,
                    timestamp: u32::from(sequence) * 160 + u32::from(fields[3]),
                    ssrc: u32::from(fields[2] > 250),
                    ..RtpHeader::default()
                };
                let _ = header.write(&mut packet);
                let _ = writer.insert(&packet, now_ns);
                rest = tail;
            }
            2 => {
                let frames = 1 + usize::from(bytes.first().copied().unwrap_or(0)) % 3;
                let pcm = &mut pcm[..frames * 80];
                let info = reader.pull(now_ns, pcm).expect("a whole number of frames");
                assert!(info.delay_ms.is_finite());
                now_ns = now_ns.wrapping_add(frames as u64 * 10_000_000);
                rest = bytes.get(1..).unwrap_or(&[]);
            }
            _ => {
                let Some((step, tail)) = bytes.split_first_chunk::<2>() else { return };
                now_ns = now_ns.wrapping_add(u64::from(u16::from_be_bytes(*step)) * 1_000_000);
                rest = tail;
            }
        }
    }
    let stats = reader.stats();
    let accounted = stats.played
        + stats.late
        + stats.duplicate
        + stats.dropped
        + stats.flushed
        + stats.passed
        + stats.malformed
        + stats.oversized
        + stats.no_slot
        + stats.waiting;
    assert!(accounted <= stats.inserted + 1, "no packet is counted twice: {stats:?}");
}

/// A leg, plain or encrypted by the first byte, under any datagrams; two bytes of length stand
/// before each.
pub fn leg(data: &[u8]) {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let mut config = LegConfig::new(1, 0, CodecSpec::Pcmu);
    if choice & 1 == 1 {
        let keys = keys(Suite::AesCm128HmacSha1_80);
        config.srtp = Some(SrtpConfig { send: keys.clone(), receive: keys });
    }
    let (mut receiver, mut media, control) = Leg::new(&config).expect("a leg");
    let mut tick = 0_u64;
    let mut pcm = [0; 80];
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length) % 1_600).min(tail.len());
        let (datagram, tail) = tail.split_at(length);
        let _ = receiver.receive(&mut datagram.to_vec(), tick * 10_000_000);
        media.pull(tick * 10_000_000, &mut pcm).expect("10 ms");
        media.push(&pcm).expect("10 ms");
        while let Some(sent) = media.poll_transmit(tick * 10_000_000) {
            assert!(!sent.is_empty());
        }
        tick += 1;
        rest = tail;
    }
    assert_eq!(control.stats().receiver.datagrams, tick);
}

/// Every decoder under any payload; the first byte chooses it.
pub fn codec(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else { return };
    let spec = match choice % 3 {
        0 => CodecSpec::Pcma,
        1 => CodecSpec::Pcmu,
        _ => CodecSpec::from_rtpmap("opus/48000/2").expect("a codec"),
    };
    let mut decoder = spec.decoder(48_000).expect("a decoder");
    let mut pcm = vec![0; MAX_PACKET_SAMPLES];
    for payload in payload.chunks(200) {
        let said = decoder.packet_samples(payload);
        if let Ok(samples) = decoder.decode(payload, &mut pcm) {
            assert_eq!(said, Ok(samples));
        }
        let _ = decoder.recover(payload, &mut pcm[..960]);
    }
}
