// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use crate::codec::{Decoder, Encoder, MAX_PACKET_SAMPLES};
use alloc::vec::Vec;
use proptest::prelude::*;

fn tone(rate: u32, count: usize) -> Vec<i16> {
    let step = 440.0 * 2.0 * core::f32::consts::PI / rate as f32;
    (0..count).map(|n| (8_000.0 * crate::math::sin(n as f32 * step)) as i16).collect()
}

#[test]
fn final_range_of_decoder_equals_the_encoders_in_every_rate_and_packet_time() {
    for rate in [8_000, 12_000, 16_000, 24_000, 48_000] {
        for per_second in [400, 200, 100, 50, 25] {
            let config = OpusConfig { sample_rate_hz: rate, ..Default::default() };
            let mut encoder = OpusEncoder::new(&config).unwrap();
            let mut decoder = OpusDecoder::new(rate, 1).unwrap();
            let frame = (rate / per_second) as usize;
            for pcm in tone(rate, frame * 10).chunks(frame) {
                let mut payload = [0; 1500];
                let length = encoder.encode(pcm, &mut payload).unwrap();
                let mut out = [0; MAX_PACKET_SAMPLES];
                assert_eq!(decoder.packet_samples(&payload[..length]), Ok(frame));
                assert_eq!(decoder.decode(&payload[..length], &mut out), Ok(frame));
                assert_eq!(decoder.final_range(), encoder.final_range());
            }
        }
    }
}

#[test]
fn a_lost_packet_is_recovered_from_the_next_ones_redundancy() {
    let mut encoder = OpusEncoder::new(&OpusConfig {
        sample_rate_hz: 16_000,
        expected_loss_percent: 30,
        ..Default::default()
    })
    .unwrap();
    let mut decoder = OpusDecoder::new(16_000, 1).unwrap();
    // A chirp, so that concealment by repetition can't pass for recovery.
    let pcm: Vec<i16> = (0..320 * 30)
        .map(|n| (8_000.0 * crate::math::sin(0.02 * n as f32 + 6e-6 * (n * n) as f32)) as i16)
        .collect();
    let mut packets = Vec::new();
    for frame in pcm.chunks(320) {
        let mut payload = [0; 400];
        let length = encoder.encode(frame, &mut payload).unwrap();
        packets.push(payload[..length].to_vec());
    }
    let mut clean = Vec::new();
    let mut recovered = Vec::new();
    let mut reference = OpusDecoder::new(16_000, 1).unwrap();
    for (i, packet) in packets.iter().enumerate() {
        let mut out = [0; 320];
        reference.decode(packet, &mut out).unwrap();
        clean.extend_from_slice(&out);
        if i == 20 {
            assert_eq!(decoder.recover(&packets[21], 320, &mut out), Ok(320));
        } else {
            decoder.decode(packet, &mut out).unwrap();
        }
        recovered.extend_from_slice(&out);
    }
    let lost = 320 * 20..320 * 21;
    let energy: i64 = clean[lost.clone()].iter().map(|s| i64::from(*s).pow(2)).sum();
    let error: i64 = lost.map(|i| i64::from(clean[i] - recovered[i]).pow(2)).sum();
    assert!(error * 4 < energy, "recovered within 6 dB: error {error}, energy {energy}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_bytes_decode_or_are_refused(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..8)) {
        let mut decoder = OpusDecoder::new(48_000, 1).unwrap();
        let mut out = [0; MAX_PACKET_SAMPLES];
        for packet in &packets {
            let said = decoder.packet_samples(packet);
            if let Ok(decoded) = decoder.decode(packet, &mut out) {
                prop_assert_eq!(said, Ok(decoded));
            }
            let _ = decoder.recover(packet, 960, &mut out[..960]);
        }
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let wrong = [
        OpusConfig { sample_rate_hz: 44_100, ..Default::default() },
        OpusConfig { channels: 3, ..Default::default() },
        OpusConfig { bit_rate_bps: 5_999, ..Default::default() },
        OpusConfig { complexity: 11, ..Default::default() },
        OpusConfig { expected_loss_percent: 101, ..Default::default() },
    ];
    for config in wrong {
        assert_eq!(OpusEncoder::new(&config).err(), Some(CodecError::InvalidArgument));
    }
    assert_eq!(OpusDecoder::new(48_000, 0).err(), Some(CodecError::InvalidArgument));
}
