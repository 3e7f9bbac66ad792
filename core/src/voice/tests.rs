// SPDX-License-Identifier: MIT OR Apache-2.0
//! The chain between a loudspeaker and a microphone that share a room, with and without an engine.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::*;

const RATE: usize = 16_000;
const FRAME: usize = RATE / 100;

/// How late the reference is: a jump to earlier can be followed as far.
const LEAD_MS: u32 = 40;
const LEAD: usize = 640;

struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 as i32 as f32 / 2_147_483_648.0
    }
}

/// Something like a voice: noise of changing colour in syllables that come and go.
fn voice_like(seed: u32, seconds: usize) -> Vec<f32> {
    let mut noise = Noise(seed);
    let (mut low, mut loud, mut colour, mut out) = (0.0, 0.0, 0.5, Vec::new());
    for n in 0..seconds * RATE {
        if n % (RATE / 7) == 0 {
            loud = 0.3 + 0.7 * noise.next().abs();
            colour = 0.2 + 0.6 * noise.next().abs();
        }
        low = low * colour + noise.next() * (1.0 - colour);
        let within = (n % (RATE / 7)) as f32 / (RATE / 7) as f32;
        out.push(6_000.0 * loud * low * (within * core::f32::consts::PI).sin());
    }
    out
}

/// A room: a direct way and a tail that dies within 50 ms, behind a delay that depends on the time.
fn echo_of(played: &[f32], delay: impl Fn(usize) -> usize) -> Vec<f32> {
    let mut noise = Noise(77);
    let taps: Vec<(usize, f32)> =
        (0..40).map(|n| (n * RATE / 800, noise.next() * (-(n as f32) / 8.0).exp() * 0.4)).collect();
    (0..played.len())
        .map(|n| {
            let at = |k: usize| (n).checked_sub(delay(n) + k).map_or(0.0, |n| played[n]);
            0.5 * at(0) + taps.iter().map(|(k, gain)| gain * at(*k)).sum::<f32>()
        })
        .collect()
}

fn chain(settings: &Settings) -> (Render, Capture) {
    create(RATE as u32, 0, settings, Vec::new()).unwrap()
}

/// What the chain, without engines, has found in this microphone.
fn found(played: &[f32], heard: &[f32]) -> CaptureStats {
    let mut settings = Settings::off();
    settings.follow_jumps = true;
    let (mut render, mut capture) = create(RATE as u32, LEAD_MS, &settings, Vec::new()).unwrap();
    for (played, heard) in played.chunks_exact(FRAME).zip(heard.chunks_exact(FRAME)) {
        render.push(&played.iter().map(|v| *v as i16).collect::<Vec<_>>());
        let mut pcm: Vec<i16> = heard.iter().map(|v| *v as i16).collect();
        capture.process(&mut pcm).unwrap();
    }
    capture.stats()
}

#[test]
fn jumps_either_way_are_found_once_and_little_is_hushed() {
    let played = voice_like(1, 10);
    // Later by 200 ms, by 37.25 ms, and earlier by 20 ms.
    for by in [3_200_i64, 596, -320] {
        let at = 5 * RATE + 1_234;
        let delay = |n: usize| ((LEAD + 960) as i64 + if n < at { 0 } else { by }) as usize;
        let stats = found(&played, &echo_of(&played, delay));
        assert_eq!(stats.jumps_found, 1, "{by}");
        assert!(stats.hushed_frames < 30, "{by}: {stats:?}");
    }
}

#[test]
fn who_talks_over_the_echo_or_moves_the_loudspeaker_is_no_jump() {
    let played = voice_like(1, 10);
    let echo = echo_of(&played, |_| LEAD + 960);
    for (seed, loudness) in [(2, 1.0), (3, 0.4), (4, 3.0)] {
        let near = voice_like(seed, 10);
        let heard: Vec<f32> = (0..echo.len())
            .map(|n| echo[n] + if n > 4 * RATE { loudness * near[n] } else { 0.0 })
            .collect();
        let stats = found(&played, &heard);
        assert_eq!(stats.jumps_found, 0, "near end at {loudness}");
        assert!(stats.hushed_frames < 20, "{stats:?}");
    }
    let moved: Vec<f32> = echo_of(&played, |_| LEAD + 966).iter().map(|v| v * 0.7).collect();
    let heard: Vec<f32> =
        (0..echo.len()).map(|n| if n < 5 * RATE { echo[n] } else { moved[n] }).collect();
    assert_eq!(found(&played, &heard).jumps_found, 0);
}

/// Chords, beats and dial tones are alike wherever they are looked for: whoever speaks over them is heard.
#[test]
fn tones_are_found_nowhere_and_hush_nobody() {
    let tones = |hz: &[f32], seconds: usize| -> Vec<f32> {
        let at = |n: usize, hz: f32| (core::f32::consts::TAU * hz * n as f32 / RATE as f32).sin();
        (0..seconds * RATE).map(|n| hz.iter().map(|hz| 4_000.0 * at(n, *hz)).sum()).collect()
    };
    let silence = vec![0.0; 10 * RATE];
    let (voice, other_voice) = (voice_like(5, 10), voice_like(6, 10));
    let (two, dial, near) =
        (tones(&[1_100.0, 1_900.0], 10), tones(&[425.0], 10), tones(&[700.0], 10));
    let dtmf = tones(&[770.0, 1_336.0], 10);
    for (name, played, echo, near) in [
        ("a tone over two, no echo", &two, false, &near),
        ("a tone over two in a room", &two, true, &near),
        ("a voice over a dial tone", &dial, true, &voice),
        ("a voice over two tones, no echo", &two, false, &voice),
        ("a tone over a voice", &voice, true, &near),
        ("a digit over a dial tone", &dial, true, &dtmf),
        ("a voice over another, no echo", &other_voice, false, &voice),
        ("two tones in a room", &two, true, &silence),
    ] {
        let echo = if echo { echo_of(played, |_| LEAD + 960) } else { silence.clone() };
        let heard: Vec<f32> = echo.iter().zip(near).map(|(e, n)| e + n).collect();
        let stats = found(played, &heard);
        assert!(stats.jumps_found == 0 && stats.hushed_frames < 20, "{name}: {stats:?}");
    }
}

/// An engine that takes away exactly what it expects: the sound that was played `delay` samples ago.
struct Subtract {
    past: Vec<f32>,
    delay: usize,
}

impl Processor for Subtract {
    fn render(&mut self, frame: &[f32]) {
        self.past.extend_from_slice(frame);
    }
    fn capture(&mut self, frame: &mut [f32]) {
        let from = self.past.len() - frame.len();
        for (n, v) in frame.iter_mut().enumerate() {
            *v -= 0.5 * (from + n).checked_sub(self.delay).map_or(0.0, |n| self.past[n]);
        }
    }
}

/// Told of a jump, the chain aligns the reference to the sample: the engine never notices.
#[test]
fn a_jump_that_is_told_leaves_nothing_of_the_echo() {
    let played = voice_like(1, 6);
    for by in [3_200_i64, 111, -333] {
        let engine = Subtract { past: Vec::new(), delay: 960 };
        let (mut render, mut capture) =
            create(RATE as u32, 50, &Settings::off(), vec![Box::new(engine)]).unwrap();
        let jump = 300 * FRAME;
        let mut left = 0.0_f64;
        for n in 0..600 {
            let frame = n * FRAME..(n + 1) * FRAME;
            let pcm: Vec<i16> = played[frame.clone()].iter().map(|v| *v as i16).collect();
            render.push(&pcm);
            if n * FRAME == jump {
                capture.echo_moved(by);
            }
            let mut heard: Vec<i16> = frame
                .map(|n| {
                    // The reference's lead is part of the delay: 50 ms and 960 samples.
                    let delay = 800 + 960 + if n < jump { 0 } else { by };
                    let at = n as i64 - delay;
                    if at < 0 { 0 } else { (f64::from(played[at as usize] as i16) * 0.5) as i16 }
                })
                .collect();
            capture.process(&mut heard).unwrap();
            let settled = n > 20 && !(300..310).contains(&n) && !(300..335).contains(&n);
            if settled || (by > 0 && n > 306) {
                left = left.max(heard.iter().map(|s| f64::from(s.abs())).fold(0.0, f64::max));
            }
        }
        assert!(left <= 2.0, "{by}: {left} steps are left");
        assert_eq!(capture.stats().jumps_told, 1);
    }
}

#[test]
fn a_loud_talker_is_never_clipped_and_a_soft_one_is_brought_up() {
    for (level, least_db) in [(5.0, -26.0), (0.2, -26.0)] {
        let mut settings = Settings::off();
        settings.gain_control = true;
        let (mut render, mut capture) = chain(&settings);
        let near = voice_like(9, 12);
        let (mut loudest, mut energy, mut count) = (0, 0.0_f64, 0);
        for (n, frame) in near.chunks_exact(FRAME).enumerate() {
            render.push(&[0; FRAME]);
            // With pauses, by which speech is known.
            let level = if n % 50 < 36 { level } else { 0.002 };
            let mut pcm: Vec<i16> = frame.iter().map(|v| (v * level) as i16).collect();
            capture.process(&mut pcm).unwrap();
            loudest = loudest.max(pcm.iter().map(|s| s.unsigned_abs()).max().unwrap());
            if n > 900 {
                energy += pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
                count += FRAME;
            }
        }
        assert!(loudest <= 32_001, "{loudest}");
        let db = 10.0 * (energy / count as f64 / 2_f64.powi(30)).log10();
        assert!((least_db..-18.0).contains(&db), "{level}: {db} dBov");
    }
}

#[test]
fn wrong_rates_and_lengths_are_refused_and_change_nothing() {
    assert_eq!(
        create(44_100, 0, &Settings::off(), Vec::new()).map(|_| ()).unwrap_err(),
        VoiceError::UnsupportedRate
    );
    let (_render, mut capture) = chain(&Settings::default());
    for length in [0, 1, FRAME - 1, FRAME + 1, 10 * FRAME] {
        let mut pcm = vec![7; length];
        assert_eq!(capture.process(&mut pcm), Err(VoiceError::InvalidLength));
        assert!(pcm.iter().all(|s| *s == 7));
    }
    assert_eq!(capture.stats(), CaptureStats::default());
    capture.echo_moved(i64::MAX);
    capture.echo_moved(i64::MIN);
    let mut pcm = [0; FRAME];
    capture.process(&mut pcm).unwrap();
    capture.apply(&Settings::off()).unwrap();
    capture.process(&mut pcm).unwrap();
    assert_eq!(capture.stats().frames, 2);
}
