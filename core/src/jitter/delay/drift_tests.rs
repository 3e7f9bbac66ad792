// SPDX-License-Identifier: MIT OR Apache-2.0
//! Music through two clocks that differ: the slow resampler keeps a chord whole.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::codec::l16::L16;
use crate::jitter::*;
use crate::rtp::RtpHeader;

const RATE: usize = 16_000;
const CHORD_HZ: [f64; 3] = [261.63, 329.63, 392.0];

fn chord(at_s: f64) -> i16 {
    let sum: f64 = CHORD_HZ.iter().map(|hz| (core::f64::consts::TAU * hz * at_s).sin()).sum();
    (5_000.0 * sum) as i16
}

/// What is heard of a chord whose sender's clock is fast by `ppm`, over a network that holds every
/// packet up by up to `jitter_ms`, and the delay of each pull.
fn play(drift: DriftMode, ppm: f64, jitter_ms: f64, seconds: usize) -> (Vec<i16>, Vec<f32>) {
    let mut decoders = DecoderMap::new();
    decoders.insert(96, Box::new(L16::new(RATE as u32, 1).unwrap())).unwrap();
    let config = JitterConfig { drift, slot_bytes: 640, ..JitterConfig::at_rate(RATE as u32) };
    let (mut writer, mut reader, _control) = create(&config, decoders).unwrap();
    let (mut heard, mut delays) = (Vec::new(), Vec::new());
    let (mut sent, mut seed) = (0_u32, 1_u32);
    let mut pcm = [0; RATE / 100];
    let origin_ns = 1_000_000_000_u64;
    for pull in 0..seconds * 100 {
        let now_s = pull as f64 * 0.01;
        loop {
            let mut noise = seed;
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let held_s = f64::from(noise >> 8) / f64::from(1 << 24) * jitter_ms * 1e-3;
            let ready_s = f64::from(sent + 1) * 0.02 / (1.0 + ppm * 1e-6) + held_s;
            if ready_s > now_s {
                break;
            }
            seed = noise;
            let first = sent as usize * RATE / 50;
            let payload: Vec<u8> = (first..first + RATE / 50)
                .flat_map(|n| chord(n as f64 / RATE as f64).to_be_bytes())
                .collect();
            let header = RtpHeader {
                payload_type: 96,
                sequence: sent as u16,
                timestamp: first as u32,
                ..RtpHeader::default()
            };
            let mut packet = alloc::vec![0; 12 + payload.len()];
            let len = header.write(&mut packet).unwrap();
            packet[len..].copy_from_slice(&payload);
            writer.insert(&packet, origin_ns + (ready_s * 1e9) as u64).unwrap();
            sent += 1;
        }
        let info = reader.pull(origin_ns + (now_s * 1e9) as u64, &mut pcm).unwrap();
        heard.extend_from_slice(&pcm);
        delays.push(info.delay_ms);
    }
    (heard, delays)
}

/// How far the chord, at the pitch that the sender's clock makes of it, stands over all else in a
/// quarter of a second: by least squares over a sine and a cosine of each tone.
fn snr_db(signal: &[i16], ppm: f64) -> f64 {
    const UNKNOWNS: usize = 2 * CHORD_HZ.len();
    let mut rows = [[0.0_f64; UNKNOWNS + 1]; UNKNOWNS];
    let mut energy = 0.0;
    for (n, &sample) in signal.iter().enumerate() {
        let mut basis = [0.0; UNKNOWNS];
        for (pair, hz) in basis.chunks_exact_mut(2).zip(CHORD_HZ) {
            let turn = core::f64::consts::TAU * hz * (1.0 + ppm * 1e-6) / RATE as f64;
            (pair[0], pair[1]) = (turn * n as f64).sin_cos();
        }
        let y = f64::from(sample);
        energy += y * y;
        for (row, b) in rows.iter_mut().zip(basis) {
            for (sum, c) in row.iter_mut().zip(basis.iter().chain([&y])) {
                *sum += b * c;
            }
        }
    }
    let right = rows.map(|row| row[UNKNOWNS]);
    for i in 0..UNKNOWNS {
        for j in 0..UNKNOWNS {
            if i != j {
                let factor = rows[j][i] / rows[i][i];
                for k in 0..=UNKNOWNS {
                    rows[j][k] -= factor * rows[i][k];
                }
            }
        }
    }
    let explained: f64 = (0..UNKNOWNS).map(|i| rows[i][UNKNOWNS] / rows[i][i] * right[i]).sum();
    10.0 * (explained / (energy - explained).max(1.0)).log10()
}

fn worst_snr_db(heard: &[i16], ppm: f64) -> f64 {
    heard.chunks_exact(RATE / 4).map(|part| snr_db(part, ppm)).fold(f64::MAX, f64::min)
}

#[test]
fn a_held_chord_keeps_45_db_at_300_ppm_when_resampled() {
    for (ppm, jitter_ms) in [(300.0, 0.0), (-300.0, 0.0), (300.0, 15.0), (-300.0, 15.0)] {
        let (heard, delays) = play(DriftMode::Resample, ppm, jitter_ms, 90);
        let snr = worst_snr_db(&heard[40 * RATE..], ppm);
        assert!(snr >= 45.0, "{ppm} ppm, {jitter_ms} ms of jitter: {snr} dB");
        let (early, late) = (delays[4_000], delays[8_999]);
        assert!((early - late).abs() < 5.0, "{ppm}: {early} ms after 40 s, {late} ms after 90 s");
    }
}

#[test]
fn stretching_a_chord_leaves_splices_in_it() {
    let (heard, _) = play(DriftMode::Stretch, 300.0, 0.0, 300);
    assert!(worst_snr_db(&heard[40 * RATE..], 0.0) < 45.0, "or the measure sees nothing");
}
