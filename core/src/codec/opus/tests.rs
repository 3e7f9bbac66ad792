// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use crate::codec::{Decoder, Encoder, MAX_PACKET_SAMPLES, OwnRedundancy};
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

#[test]
fn the_band_is_no_wider_than_asked_for() {
    let noise: Vec<i16> =
        (0..960_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 17) as i16 - 16_384).collect();
    // TOC configurations (RFC 6716 section 3.1): the widest of each band, SILK, hybrid or CELT.
    for (band, widest) in [
        (Bandwidth::Narrow, opus::Bandwidth::Narrowband),
        (Bandwidth::Wide, opus::Bandwidth::Wideband),
        (Bandwidth::Full, opus::Bandwidth::Fullband),
    ] {
        let config = OpusConfig { max_bandwidth: band, bit_rate_bps: 64_000, ..Default::default() };
        let mut encoder = OpusEncoder::new(&config).unwrap();
        let mut payload = [0; 1500];
        for _ in 0..10 {
            let length = encoder.encode(&noise, &mut payload).unwrap();
            let sent = opus::packet::get_bandwidth(&payload[..length]).unwrap();
            assert!(sent as i32 <= widest as i32, "{band:?}: {sent:?}");
        }
    }
}

#[test]
fn the_encoder_writes_what_the_opus_crates_does() {
    let pcm = tone(16_000, 320 * 50);
    let config = OpusConfig { sample_rate_hz: 16_000, ..Default::default() };
    let mut ours = OpusEncoder::new(&config).unwrap();
    let mut theirs =
        opus::Encoder::new(16_000, opus::Channels::Mono, opus::Application::Voip).unwrap();
    theirs.set_bitrate(opus::Bitrate::Bits(24_000)).unwrap();
    theirs.set_complexity(5).unwrap();
    theirs.set_vbr(true).unwrap();
    theirs.set_vbr_constraint(false).unwrap();
    theirs.set_inband_fec(true).unwrap();
    theirs.set_packet_loss_perc(10).unwrap();
    let mut decoder = opus::Decoder::new(16_000, opus::Channels::Mono).unwrap();
    let mut ours_decoder = OpusDecoder::new(16_000, 1).unwrap();
    for frame in pcm.chunks(320) {
        let (mut a, mut b) = ([0; 400], [0; 400]);
        let length = ours.encode(frame, &mut a).unwrap();
        assert_eq!(theirs.encode(frame, &mut b).unwrap(), length);
        assert_eq!(a, b);
        let (mut x, mut y) = ([0; 320], [0; 320]);
        assert_eq!(ours_decoder.decode(&a[..length], &mut x), Ok(320));
        assert_eq!(decoder.decode(&b[..length], &mut y, false).unwrap(), 320);
        assert_eq!(x, y);
    }
}

#[test]
fn what_the_build_lacks_is_refused() {
    let (deep, dred) = (cfg!(feature = "opus-deep"), cfg!(feature = "opus-dred"));
    let made = |config: OpusConfig| match OpusEncoder::new(&config) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error, CodecError::Unsupported);
            false
        }
    };
    assert_eq!(made(OpusConfig { dred_ms: 100, ..Default::default() }), dred);
    assert_eq!(made(OpusConfig { decoder_complexity: 5, ..Default::default() }), deep || dred);
    assert_eq!(made(OpusConfig { decoder_complexity: 7, ..Default::default() }), deep);
    assert!(made(OpusConfig { decoder_complexity: 4, ..Default::default() }));
}

/// Speech of the examples, at 16 kHz.
fn speech() -> Vec<i16> {
    let name = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/assets/speech/002.wav");
    let mut wav = hound::WavReader::open(name).unwrap();
    assert_eq!(wav.spec().sample_rate, 16_000);
    wav.samples::<i16>().map(Result::unwrap).collect()
}

/// How far two signals are apart in level, in dB, over what is well heard of the first; 10 ms each.
#[cfg(any(feature = "opus-deep", feature = "opus-dred"))]
fn level_error_db(heard: &[i16], made: &[i16]) -> f64 {
    let level = |pcm: &[i16]| {
        let energy: f64 = pcm.iter().map(|s| f64::from(*s).powi(2)).sum();
        10.0 * (energy / pcm.len() as f64 + 1.0).log10()
    };
    let blocks = heard.chunks_exact(160).zip(made.chunks_exact(160));
    let errors: Vec<f64> = blocks
        .map(|(a, b)| (level(a), level(b)))
        .filter(|(a, _)| *a > 50.0)
        .map(|(a, b)| (a - b).abs().min(40.0))
        .collect();
    errors.iter().sum::<f64>() / errors.len() as f64
}

#[cfg(feature = "opus-dred")]
#[test]
fn deep_redundancy_brings_back_five_lost_packets() {
    let config = OpusConfig {
        sample_rate_hz: 16_000,
        bit_rate_bps: 40_000,
        expected_loss_percent: 30,
        dred_ms: 200,
        decoder_complexity: 5,
        ..Default::default()
    };
    let pcm = speech();
    let mut encoder = OpusEncoder::new(&config).unwrap();
    let packets: Vec<Vec<u8>> = pcm
        .chunks_exact(320)
        .map(|frame| {
            let mut payload = [0; 1500];
            let length = encoder.encode(frame, &mut payload).unwrap();
            payload[..length].to_vec()
        })
        .collect();
    // Of every 15 packets five are lost: recovered as far as it goes, or concealed.
    let play = |redundancy: bool| {
        let mut decoder = OpusDecoder::with_complexity(16_000, 1, 5).unwrap();
        let mut heard = Vec::new();
        let mut recovered = 0;
        for (n, packet) in packets.iter().enumerate() {
            let mut out = [0; 320];
            let into_gap = (n + 5) % 15;
            if into_gap < 5 && n > 10 && n - into_gap + 5 < packets.len() {
                let before = (5 - into_gap) * 320;
                let next = &packets[n - into_gap + 5];
                match redundancy.then(|| decoder.recover(next, before, &mut out)) {
                    Some(Ok(320)) => recovered += 1,
                    _ => assert_eq!(decoder.conceal(&mut out), Ok(320)),
                }
            } else {
                assert_eq!(decoder.decode(packet, &mut out), Ok(320));
            }
            heard.extend_from_slice(&out);
        }
        (heard, recovered)
    };
    let (with, recovered) = play(true);
    let (without, _) = play(false);
    assert!(recovered * 5 > packets.len(), "{recovered} of {} packets", packets.len());
    // The codec's delay at 16 kHz.
    let lag = 104;
    let error = |made: &[i16]| level_error_db(&pcm[..pcm.len() - 400], &made[lag..]);
    let (with, without) = (error(&with), error(&without));
    assert!(with < 0.7 * without, "{with:.1} dB with, {without:.1} dB without");
}

#[cfg(feature = "opus-deep")]
#[test]
fn deep_concealment_is_another_than_the_classical_and_enhancement_changes_speech() {
    let pcm = speech();
    let config = OpusConfig { sample_rate_hz: 16_000, bit_rate_bps: 12_000, ..Default::default() };
    let play = |complexity: u8| {
        let mut encoder = OpusEncoder::new(&config).unwrap();
        let mut decoder = OpusDecoder::with_complexity(16_000, 1, complexity).unwrap();
        let (mut clean, mut concealed) = (Vec::new(), Vec::new());
        for (n, frame) in pcm.chunks_exact(320).enumerate() {
            let (mut payload, mut out) = ([0; 400], [0; 320]);
            let length = encoder.encode(frame, &mut payload).unwrap();
            if n % 10 == 9 {
                assert_eq!(decoder.conceal(&mut out), Ok(320));
                concealed.extend_from_slice(&out);
            } else {
                assert_eq!(decoder.decode(&payload[..length], &mut out), Ok(320));
                if n < 9 {
                    clean.extend_from_slice(&out);
                }
            }
        }
        (clean, concealed)
    };
    let (classical, deep, enhanced) = (play(0), play(5), play(7));
    assert_eq!(classical.0, deep.0, "without losses the standard's bits");
    assert_ne!(classical.1, deep.1);
    assert_ne!(deep.0, enhanced.0);
}

#[test]
fn redundancy_of_its_own_comes_and_goes_on_top_of_the_bit_rate() {
    let config = OpusConfig {
        sample_rate_hz: 16_000,
        expected_loss_percent: 10,
        inband_fec: false,
        ..Default::default()
    };
    let mut encoder = OpusEncoder::new(&config).unwrap();
    let pcm = speech();
    // Bytes of all packets, and the share of packets that have a copy of those before.
    let mut said = |own: OwnRedundancy| {
        encoder.reset();
        encoder.set_redundancy(own);
        let (mut bytes, mut copies) = (0, 0);
        for frame in pcm.chunks_exact(320) {
            let mut packet = [0; 1_275];
            let length = encoder.encode(frame, &mut packet).unwrap();
            bytes += length;
            copies += usize::from(libopus::has_redundancy(&packet[..length]));
        }
        (bytes, copies * 100 / (pcm.len() / 320))
    };
    let (plain, none) = said(OwnRedundancy::default());
    let (protected, most) = said(OwnRedundancy { inband_fec: true, deep_ms: 0 });
    assert!(none == 0 && most > 60, "{none} {most} %");
    assert!((14..=18).contains(&(protected * 10 / plain)), "{plain} {protected}");
    assert_eq!(said(OwnRedundancy::default()), (plain, 0));
}
