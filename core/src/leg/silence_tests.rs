// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is sent and what is not, by the sound alone.

use super::*;
use alloc::vec::Vec;

const RATE: usize = 8_000;
const PACKET: usize = 160;

struct Noise(u32);

impl Noise {
    fn next(&mut self, amplitude: f32) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 as i32 as f32 / 2_147_483_648.0 * amplitude
    }
}

/// Which packets of `pcm` are sound.
fn sent(pcm: &[i16]) -> Vec<bool> {
    let mut silence = Silence::new(DtxMode::Described(13), 20, RATE as u32);
    pcm.chunks_exact(PACKET).map(|pcm| silence.decide(pcm) == Decision::Sound).collect()
}

fn sines(hz: &[f32], amplitude: f32, n: usize) -> f32 {
    let w = core::f32::consts::TAU * n as f32 / RATE as f32;
    hz.iter().map(|hz| amplitude * (w * hz).sin()).sum()
}

#[test]
fn tones_chords_and_music_are_sent_for_as_long_as_they_last() {
    let chords: [&[f32]; 4] =
        [&[425.0], &[350.0, 440.0], &[262.0, 330.0, 392.0], &[2_100.0, 2_123.0]];
    for hz in chords {
        for amplitude in [60.0, 300.0, 2_500.0, 8_000.0] {
            let pcm: Vec<i16> = (0..30 * RATE).map(|n| sines(hz, amplitude, n) as i16).collect();
            // A soft one may be background until its line is found, 100 ms later.
            let left_out = sent(&pcm).iter().skip(5).filter(|sound| !**sound).count();
            assert_eq!(left_out, 0, "{hz:?} at {amplitude}");
            let mut loudness = Activity::new();
            let quiet = pcm.chunks_exact(PACKET).filter(|pcm| !loudness.is_speech(pcm, 20));
            assert!(
                quiet.count() > 500,
                "{hz:?} at {amplitude}: loudness alone takes it for background"
            );
        }
    }
    // A melody that is as loud throughout: each note with four harmonics, four notes a second.
    let notes = [262.0, 294.0, 330.0, 349.0, 392.0, 440.0, 494.0, 523.0];
    let melody: Vec<i16> = (0..30 * RATE)
        .map(|n| {
            let hz = notes[(n * 4 / RATE * 5) % notes.len()];
            let parts: Vec<f32> = (1..5).map(|part| hz * part as f32).collect();
            sines(&parts, 1_500.0, n) as i16
        })
        .collect();
    let left_out = sent(&melody).iter().filter(|sound| !**sound).count();
    assert_eq!(left_out, 0, "melody");
}

#[test]
fn a_tone_that_begins_after_noise_is_sent_and_the_noise_is_not() {
    for (noise, tone) in [(60.0, 60.0), (200.0, 500.0), (200.0, 4_000.0)] {
        let mut random = Noise(1);
        let pcm: Vec<i16> = (0..40 * RATE)
            .map(|n| {
                let tone = if n >= 20 * RATE { sines(&[425.0], tone, n) } else { 0.0 };
                (tone + random.next(noise)) as i16
            })
            .collect();
        let sent = sent(&pcm);
        let of = |from: usize, to: usize| sent[from..to].iter().filter(|sound| **sound).count();
        assert_eq!(of(500, 1_000), 0, "noise of {noise}");
        // What does not stand out by its level is found by its line, in 320 ms here.
        assert_eq!(of(1_016, 2_000), 984, "{tone} in noise of {noise}");
    }
}

/// Speech of 16 kHz beside the examples, at 8 kHz.
fn speech() -> Vec<f32> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/assets/speech/");
    let mut speech = Vec::new();
    for name in ["001", "002", "003", "004", "005"] {
        let bytes = std::fs::read(std::format!("{folder}{name}.wav")).expect("a recording");
        let samples = bytes[44..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]]));
        let samples: Vec<i16> = samples.collect();
        speech.extend(samples.chunks_exact(2).map(|b| (f32::from(b[0]) + f32::from(b[1])) / 2.0));
        speech.extend([0.0; RATE]);
    }
    speech
}

#[test]
fn pauses_of_speech_with_a_background_are_left_out_as_by_loudness_alone() {
    let speech = speech();
    for noise in [0.0_f32, 30.0, 100.0, 300.0] {
        for pole in [0.0_f32, 0.9] {
            let (mut random, mut last) = (Noise(7), 0.0);
            let pcm: Vec<i16> = (0..60 * RATE)
                .map(|n| {
                    last = pole * last + random.next(noise * (1.0 - pole * pole).sqrt());
                    (speech[n % speech.len()] + last).clamp(-32_768.0, 32_767.0) as i16
                })
                .collect();
            let mut loudness = Activity::new();
            let quiet = pcm.chunks_exact(PACKET).filter(|pcm| !loudness.is_speech(pcm, 20));
            let quiet = quiet.count();
            let left_out = sent(&pcm).iter().filter(|sound| !**sound).count();
            std::eprintln!("noise {noise}, pole {pole}: {left_out} of {quiet}");
            assert!(quiet > 300, "noise {noise}, pole {pole}: {quiet}");
            assert!(left_out <= quiet && left_out * 100 >= quiet * 99, "{left_out} of {quiet}");
        }
    }
}
