// SPDX-License-Identifier: MIT OR Apache-2.0
//! Against the ITU's vectors, and batches against one by one.

use super::band::{self, Band};
use super::*;
use crate::test_support::itu_vector;
use proptest::prelude::*;

fn words(name: &str) -> Option<Vec<i16>> {
    let bytes = itu_vector(&format!("g722/{name}"))?;
    Some(bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect())
}

const MODES: [BitRate; 3] = [BitRate::Kbps64, BitRate::Kbps56, BitRate::Kbps48];

/// Encodes all of `pcm` in packets of odd lengths, so that blocks end anywhere.
fn encoded(pcm: &[i16], packet_samples: usize) -> Vec<u8> {
    let mut encoder = G722Encoder::new(BitRate::Kbps64);
    let mut all = Vec::new();
    for packet in pcm.chunks(packet_samples) {
        let mut payload = vec![0; packet.len() / 2];
        assert_eq!(encoder.encode(packet, &mut payload), Ok(packet.len() / 2));
        all.extend(payload);
    }
    all
}

#[test]
fn encoding_equals_the_itu_reference() {
    let (Some(pcm), Some(codes)) = (words("inpsp.bin"), words("codspw.cod")) else { return };
    for packet_samples in [2, 320, 374, 1_000] {
        let ours = encoded(&pcm, packet_samples);
        assert_eq!(ours.len(), codes.len());
        for (n, (ours, theirs)) in ours.iter().zip(&codes).enumerate() {
            assert_eq!(i16::from(*ours), *theirs, "code word {n}");
        }
    }
}

#[test]
fn decoding_equals_the_itu_reference_in_all_modes() {
    let Some(codes) = words("codspw.cod") else { return };
    let codes: Vec<u8> = codes.iter().map(|code| *code as u8).collect();
    for (mode, name) in MODES.into_iter().zip(["outsp1.bin", "outsp2.bin", "outsp3.bin"]) {
        let Some(reference) = words(name) else { return };
        let mut decoder = G722Decoder::new(mode);
        let mut pcm = vec![0; 2 * codes.len()];
        for (payload, pcm) in codes.chunks(187).zip(pcm.chunks_mut(374)) {
            assert_eq!(decoder.decode(payload, pcm), Ok(2 * payload.len()));
        }
        for (n, (ours, theirs)) in pcm.iter().zip(&reference).enumerate() {
            assert_eq!(ours, theirs, "{name}, sample {n}");
        }
        assert_eq!(pcm.len(), reference.len());
    }
}

#[test]
fn lower_bit_rates_send_the_same_bits_less_the_free_ones() {
    let pcm: Vec<i16> = (0..3_200).map(|n: i32| (n * n * 37 % 20_011 - 10_000) as i16).collect();
    let all = encoded(&pcm, 320);
    for (mode, mask) in MODES.into_iter().zip([0xff, 0xfe, 0xfc]) {
        let mut payload = vec![0; 1_600];
        G722Encoder::new(mode).encode(&pcm, &mut payload).unwrap();
        assert!(payload.iter().zip(&all).all(|(ours, whole)| *ours == whole & mask));
    }
}

#[test]
fn a_reset_codec_is_a_new_one() {
    let pcm: Vec<i16> = (0..640).map(|n| (n * 91 % 4_001 - 2_000) as i16).collect();
    let mut encoder = G722Encoder::new(BitRate::Kbps64);
    let (mut first, mut second) = ([0; 320], [0; 320]);
    encoder.encode(&pcm, &mut first).unwrap();
    Encoder::reset(&mut encoder);
    encoder.encode(&pcm, &mut second).unwrap();
    assert_eq!(first, second);
    let mut decoder = G722Decoder::new(BitRate::Kbps64);
    let (mut before, mut after) = ([0; 640], [0; 640]);
    decoder.decode(&first, &mut before).unwrap();
    Decoder::reset(&mut decoder);
    decoder.decode(&first, &mut after).unwrap();
    assert_eq!(before, after);
}

#[test]
fn impossible_lengths_are_refused() {
    let mut encoder = G722Encoder::new(BitRate::Kbps64);
    assert_eq!(encoder.encode(&[], &mut [0; 4]), Err(CodecError::InvalidArgument));
    assert_eq!(encoder.encode(&[1; 3], &mut [0; 4]), Err(CodecError::InvalidArgument));
    assert_eq!(encoder.encode(&[1; 4], &mut [0; 1]), Err(CodecError::Capacity));
    let mut decoder = G722Decoder::new(BitRate::Kbps64);
    assert_eq!(decoder.decode(&[], &mut [0; 4]), Err(CodecError::Malformed));
    assert_eq!(decoder.decode(&[1; 3], &mut [0; 5]), Err(CodecError::Capacity));
}

/// Signals of every kind that adaptive differential coding meets: silence, full scale, noise.
fn signal(kind: u8, seed: u32, count: usize) -> Vec<i16> {
    let mut state = seed | 1;
    (0..count)
        .map(|n| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            match kind % 5 {
                0 => 0,
                1 => state as i16,
                2 => (state as i16) >> 7,
                3 if n / 8 % 2 == 0 => i16::MAX,
                _ => i16::MIN,
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn batches_of_any_size_give_the_bytes_and_samples_of_one_by_one(
        kinds in prop::collection::vec(any::<(u8, u32)>(), 1..70),
        packet_ms in 1_usize..5, rounds in 1_usize..4, bad in any::<prop::sample::Index>(),
    ) {
        let count = packet_ms * 160;
        let mut streams: Vec<_> = kinds.iter().enumerate().map(|(n, (kind, seed))| {
            (G722Encoder::new(MODES[n % 3]), G722Decoder::new(MODES[n % 3]),
             signal(*kind, *seed, count * rounds))
        }).collect();
        let mut alone = streams.clone();
        let bad = bad.index(streams.len());
        for round in 0..rounds {
            let mut payloads = vec![vec![0_u8; count / 2]; streams.len()];
            payloads[bad].truncate(count / 2 - usize::from(round == 1));
            let mut jobs: Vec<_> = streams.iter_mut().zip(&mut payloads).map(|(stream, payload)| {
                let pcm = &stream.2[round * count..][..count];
                EncodeJob { encoder: &mut stream.0, pcm, payload, result: Ok(0) }
            }).collect();
            encode_batch(&mut jobs);
            let results: Vec<_> = jobs.iter().map(|job| job.result).collect();
            for (n, stream) in alone.iter_mut().enumerate() {
                let mut payload = vec![0; payloads[n].len()];
                let result = stream.0.encode(&stream.2[round * count..][..count], &mut payload);
                prop_assert_eq!(results[n], result);
                prop_assert_eq!(&payloads[n], &payload, "stream {}", n);
            }
            let mut outputs = vec![vec![0_i16; count]; streams.len()];
            let mut jobs: Vec<_> = streams.iter_mut().zip(&payloads).zip(&mut outputs)
                .map(|((stream, payload), pcm)| {
                    DecodeJob { decoder: &mut stream.1, payload, pcm, result: Ok(0) }
                }).collect();
            decode_batch(&mut jobs);
            let results: Vec<_> = jobs.iter().map(|job| job.result).collect();
            for (n, stream) in alone.iter_mut().enumerate() {
                let mut pcm = vec![0; count];
                let result = stream.1.decode(&payloads[n], &mut pcm);
                prop_assert_eq!(results[n], result);
                prop_assert_eq!(&outputs[n], &pcm, "stream {}", n);
            }
        }
    }

    #[test]
    fn any_bytes_decode(payload in prop::collection::vec(any::<u8>(), 1..600), mode in 0_usize..3) {
        let mut pcm = vec![0; 2 * payload.len()];
        let samples = G722Decoder::new(MODES[mode]).decode(&payload, &mut pcm);
        prop_assert_eq!(samples, Ok(pcm.len()));
    }
}

/// A state that a band may be in: anything but poles that leave their range and scale factors that
/// have no meaning.
fn any_band(limit: i16) -> impl Strategy<Value = [i16; band::WORDS]> {
    let edges = prop_oneof![any::<i16>(), Just(i16::MIN), Just(i16::MAX), -300..300i16];
    let words = proptest::collection::vec(edges, band::WORDS);
    (words, -12_288..=12_288i16, -1.0..=1.0f32, 0..=limit).prop_map(|(words, a2, a1, log)| {
        let mut all = [0; band::WORDS];
        all.copy_from_slice(&words);
        all[12] = (a1 * f32::from(15_360 - a2)) as i16;
        all[13] = a2;
        all[18] = log;
        all[19] &= i16::MAX;
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    /// The bands side by side do what they do in turn, from any state on, those included that only
    /// saturate.
    #[test]
    fn bands_side_by_side_are_bands_in_turn(
        low in any_band(tables::LOW_SCALE_LIMIT),
        high in any_band(tables::HIGH_SCALE_LIMIT),
        samples in proptest::collection::vec(any::<(i16, i16)>(), 1..BLOCK),
        bytes in proptest::collection::vec(any::<u8>(), 1..BLOCK),
    ) {
        let bands = Bands { low: Band::from_words(&low), high: Band::from_words(&high) };
        let words = |bands: Bands| (bands.low.to_words(), bands.high.to_words());

        let (mut ours, mut plain) = (bands, bands);
        let (mut coded, mut expected) = (vec![0; samples.len()], vec![0; samples.len()]);
        ours.encode(&samples, &mut coded);
        plain.encode_in_turn(&samples, &mut expected);
        prop_assert_eq!(coded, expected);
        prop_assert_eq!(words(ours), words(plain));

        for meaning in &LOW_CODES {
            let (mut ours, mut plain) = (bands, bands);
            let (mut decoded, mut expected) = (vec![(0, 0); bytes.len()], vec![(0, 0); bytes.len()]);
            ours.decode(&bytes, meaning, &mut decoded);
            plain.decode_in_turn(&bytes, meaning, &mut expected);
            prop_assert_eq!(decoded, expected);
            prop_assert_eq!(words(ours), words(plain));
        }
    }
}
