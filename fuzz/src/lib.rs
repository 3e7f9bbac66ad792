// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fuzz targets do, one function a target, each with the properties that must hold for
//! any bytes. `cargo test` runs them over the seed corpora in `corpus/`; `make fuzz` lets libFuzzer
//! look for more.

pub mod jitter;
pub mod srtp;

use ale_media::codec::fmtp::OpusFmtp;
use ale_media::codec::{CodecSpec, MAX_PACKET_SAMPLES};
use ale_media::leg::{InbandTones, Leg, LegConfig, Redundant, SrtpConfig};
use ale_media::rtp::extension::Elements;
use ale_media::rtp::rtcp::xr::Block;
use ale_media::rtp::rtcp::{Packet, Packets};
use ale_media::rtp::{RtpHeader, RtpPacket};
use ale_media::srtp::{MasterKey, SessionConfig, Suite};

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

fn keys(suite: Suite) -> SessionConfig {
    let material = vec![7; suite.key_bytes() + suite.salt_bytes()];
    let key = MasterKey::from_concatenated(suite, &material).expect("a key of the suite's length");
    SessionConfig::new(suite, key)
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
    if choice & 2 == 2 {
        // Everything that a packet can steer: digits, redundancy, extensions, tones, pauses.
        config.telephone_event_payload_type = Some(101);
        config.redundancy = Some(Redundant { payload_type: 121, generations: 2 });
        config.header_extensions.audio_level = Some(1);
        config.inband_tones = InbandTones::DigitsRemoved;
        config.freeze_for_modems = true;
        config.silence_suppression = true;
    }
    let (mut receiver, mut media, mut control) = Leg::new(&config).expect("a leg");
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
        let _ = decoder.recover(payload, &mut pcm[..960]);
    }
}

/// Opus parameters of a session description.
pub fn fmtp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(fmtp) = OpusFmtp::parse(text) {
        assert_eq!(OpusFmtp::parse(&fmtp.to_string()), Ok(fmtp));
    }
}
