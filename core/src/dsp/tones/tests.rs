// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tones made and heard, digits taken out, and speech left alone.

use super::plans::{Plan, Signal, cadence};
use super::*;
use crate::codec::g711::Law;

const LEVEL: u8 = 16;

fn digit_pcm(rate: u32, event: u8, ms: u32) -> Vec<i16> {
    let mut pcm = vec![0; (rate / 1_000 * ms) as usize];
    Generator::dtmf(rate, event, LEVEL).unwrap().fill(&mut pcm);
    pcm
}

fn heard(rate: u32, pcm: &[i16]) -> Vec<u8> {
    let mut detector = DtmfDetector::new(rate).unwrap();
    pcm.chunks(rate as usize / 100).filter_map(|frame| detector.process(frame)).collect()
}

/// Human speech at 16 kHz, some 35 s.
fn speech() -> Vec<i16> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/assets/speech");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut all = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "wav")) {
        let mut reader = hound::WavReader::open(file).unwrap();
        all.extend(reader.samples::<i16>().map(|sample| sample.unwrap()));
    }
    assert!(all.len() > 16_000 * 30);
    all
}

#[test]
fn every_digit_is_heard_once_at_every_rate_and_through_g711() {
    for rate in [8_000, 16_000, 48_000] {
        let mut pcm = Vec::new();
        for event in 0..16 {
            pcm.extend(digit_pcm(rate, event, 50));
            pcm.extend(vec![0; (rate / 1_000 * 50) as usize]);
        }
        for sample in &mut pcm {
            *sample = Law::A.to_linear(Law::A.from_linear(*sample));
        }
        assert_eq!(heard(rate, &pcm), (0..16).collect::<Vec<u8>>(), "{rate} Hz");
    }
}

/// A row and a column, each with its level in dBm0 and its deviation in per mille, for so long.
fn two_tones(event: u8, ms: usize, dbm0: [f32; 2], promille: [i32; 2], phase: f32) -> Vec<f32> {
    let (row_hz, column_hz) = dtmf_frequencies_hz(event).unwrap();
    let tone = |hz: u16, n: usize, level: f32, promille: i32| {
        let hz = f32::from(hz) * (1.0 + promille as f32 / 1_000.0);
        // A sine of full scale is 3.17 dBm0.
        let peak = 32_768.0 * 10_f32.powf((level - 3.17) / 20.0);
        peak * (core::f32::consts::TAU * hz * n as f32 / 8_000.0 + phase).sin()
    };
    (0..ms * 8)
        .map(|n| tone(row_hz, n, dbm0[0], promille[0]) + tone(column_hz, n, dbm0[1], promille[1]))
        .collect()
}

/// What is heard of each digit, with pauses before and behind, at several phases; `wanted` of it.
fn assert_each_digit(
    wanted: bool,
    [ms, pause_ms]: [usize; 2],
    dbm0: [f32; 2],
    promille: [i32; 2],
    noise_db: Option<f32>,
) {
    let mut seed = 1_u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed as i32 as f32) / 2_147_483_648.0
    };
    // Of noise evenly spread in -1..1, whose mean square is 1/3.
    let scale = noise_db.map_or(0.0, |db| 32_768.0 * 10_f32.powf(db / 20.0) * 1.732);
    for event in 0..16 {
        for turn in 0..4 {
            let phase = turn as f32 * 1.3;
            let mut pcm = vec![0.0; pause_ms * 8 + 13 * turn];
            for _ in 0..3 {
                pcm.extend(two_tones(event, ms, dbm0, promille, phase));
                pcm.extend(vec![0.0; pause_ms * 8]);
            }
            let pcm: Vec<i16> = pcm.iter().map(|x| (x + scale * noise()) as i16).collect();
            let expected = if wanted { vec![event; 3] } else { vec![] };
            let told = (ms, pause_ms, dbm0, promille, noise_db);
            assert_eq!(heard(8_000, &pcm), expected, "{told:?} at phase {phase}");
        }
    }
}

/// ITU-T Q.24 table A-1, with what most administrations ask for: every digit.
#[test]
fn every_digit_is_taken_or_refused_as_q24_says() {
    const PLAIN: [f32; 2] = [-10.0, -10.0];
    for [row, column] in [[0, 0], [15, 15], [-15, -15], [15, -15], [-15, 15], [18, 0], [0, -18]] {
        assert_each_digit(true, [60, 60], PLAIN, [row, column], None);
    }
    for [row, column] in [[35, 0], [-35, 0], [0, 35], [0, -35], [35, 35], [-35, -35], [60, -60]] {
        assert_each_digit(false, [60, 60], PLAIN, [row, column], None);
    }
    for dbm0 in [[0.0, 0.0], [-25.0, -25.0], [-2.0, -10.0], [-10.0, -2.0], [-26.0, -18.0]] {
        assert_each_digit(true, [60, 60], dbm0, [15, -15], None);
    }
    for dbm0 in [[-10.0, -24.0], [-24.0, -10.0], [-42.0, -42.0]] {
        assert_each_digit(false, [60, 60], dbm0, [0, 0], None);
    }
    // 40 ms are a digit and 23 are none, pauses of 40 part digits; Q.24 wants these and leaves the rest.
    for times in [[40, 40], [50, 50], [100, 40]] {
        assert_each_digit(true, times, PLAIN, [15, 15], None);
    }
    assert_each_digit(false, [23, 60], PLAIN, [0, 0], None);
    // 15 dB above the noise.
    assert_each_digit(true, [60, 60], PLAIN, [10, -10], Some(-28.0));
}

#[test]
fn a_break_of_10_ms_does_not_part_a_digit() {
    for event in 0..16 {
        let tone = two_tones(event, 60, [-10.0, -10.0], [0, 0], 0.3);
        let pcm = [vec![0.0; 400], tone.clone(), vec![0.0; 80], tone, vec![0.0; 800]].concat();
        let pcm: Vec<i16> = pcm.iter().map(|x| *x as i16).collect();
        assert_eq!(heard(8_000, &pcm), [event]);
    }
}

#[test]
fn speech_has_no_digits_no_fax_and_no_beeps() {
    let speech = speech();
    // Ten minutes: the recordings at several speeds and levels.
    let mut seconds = 0;
    let speeds = (11..=23).map(|step| (step, 0)).chain((12..=22).step_by(2).map(|step| (step, 1)));
    for (step, shift) in speeds {
        let pcm: Vec<i16> =
            (0..speech.len() * 16 / step).map(|n| speech[n * step / 16] >> shift).collect();
        seconds += pcm.len() / 16_000;
        assert_eq!(heard(16_000, &pcm), [0_u8; 0], "at {step}/16 of the speed");
        let mut tones = ToneDetector::new(16_000).unwrap();
        let found: Vec<Tone> = pcm.chunks(320).filter_map(|frame| tones.process(frame)).collect();
        assert_eq!(found, [], "at {step}/16 of the speed");
    }
    assert!(seconds >= 600, "{seconds} s");
}

#[test]
fn a_removed_digit_leaves_nothing_and_the_voice_around_it_stays() {
    let speech = speech();
    let voice: Vec<i16> = speech[..32_000].iter().step_by(2).map(|s| s / 2).collect();
    let silence = [0; 400];
    let parts = [&voice[..8_000], &silence, &digit_pcm(8_000, 9, 120), &silence, &voice[8_000..]];
    let mut pcm = parts.concat();
    let mut filter = DtmfFilter::new(8_000).unwrap();
    let delay = filter.delay_samples();
    pcm.extend(vec![0; delay]);
    let events: Vec<u8> = pcm.chunks_mut(80).filter_map(|frame| filter.process(frame)).collect();
    assert_eq!(events, [9]);
    let out = &pcm[delay..];
    assert_eq!(out[..8_000], voice[..8_000], "the voice before");
    let digit = &out[8_400..8_400 + 960];
    assert!(digit.iter().all(|s| *s == 0), "leaked: {:?}", digit.iter().position(|s| *s != 0));
    let after = 8_000 + 400 + 960 + 400;
    assert_eq!(out[after..after + 8_000], voice[8_000..], "the voice behind");
}

#[test]
fn fax_and_modem_tones_and_beeps_are_told_apart() {
    let tone = |hz: f32, ms: usize, modulation: f32| -> Vec<i16> {
        (0..ms * 8)
            .map(|n| {
                let t = n as f32 / 8_000.0;
                let level = 1.0 + modulation * (core::f32::consts::TAU * 15.0 * t).sin();
                (5_000.0 * level * (core::f32::consts::TAU * hz * t).sin()) as i16
            })
            .collect()
    };
    let found = |pcm: &[i16]| -> Vec<Tone> {
        let mut detector = ToneDetector::new(8_000).unwrap();
        pcm.chunks(80).filter_map(|frame| detector.process(frame)).collect()
    };
    assert_eq!(found(&tone(1_100.0, 500, 0.0)), [Tone::FaxCalling]);
    assert_eq!(found(&tone(1_132.0, 500, 0.0)), [Tone::FaxCalling]);
    assert_eq!(found(&tone(2_100.0, 3_000, 0.0)), [Tone::Answering], "once");
    assert_eq!(found(&tone(2_100.0, 3_000, 0.2)), [Tone::Answering], "V.8's is modulated");
    assert_eq!(found(&tone(1_000.0, 400, 0.0)), [Tone::Beep { frequency_hz: 1_000 }]);
    assert_eq!(found(&tone(1_100.0, 200, 0.0)), [], "too short for a fax");
    assert_eq!(found(&digit_pcm(8_000, 5, 1_000)), [], "two tones are no beep");
    assert_eq!(found(&tone(1_000.0, 400, 0.0).iter().map(|s| s / 200).collect::<Vec<_>>()), []);
}

#[test]
fn progress_tones_sound_and_pause_as_their_plan_says() {
    for (plan, signal, on_ms, off_ms, hz) in [
        (Plan::Europe, Signal::Busy, 500, 500, 425.0),
        (Plan::France, Signal::Ringing, 1_500, 3_500, 440.0),
        (Plan::UnitedKingdom, Signal::Busy, 375, 375, 400.0),
    ] {
        let mut pcm = vec![0; 8 * (on_ms + off_ms) * 3];
        Generator::new(8_000, cadence(plan, signal), 10).fill(&mut pcm);
        let period = 8 * (on_ms + off_ms);
        for start in [0, period, 2 * period] {
            let (on, off) = pcm[start..start + period].split_at(8 * on_ms);
            let crossings = on.windows(2).filter(|w| (w[0] < 0) != (w[1] < 0)).count() as f32;
            let measured = crossings / 2.0 / (on_ms as f32 / 1_000.0);
            assert!((measured - hz).abs() < 5.0, "{plan:?} {signal:?}: {measured} Hz");
            assert!(off.iter().all(|s| *s == 0), "{plan:?} {signal:?} pauses");
        }
        let level = crate::dsp::level::level_dbov(&pcm[800..1_600]);
        assert!(level.abs_diff(10) <= 1, "{level}");
    }
    let mut pcm = vec![0; 16_000];
    Generator::new(8_000, cadence(Plan::Europe, Signal::Information), 10).fill(&mut pcm);
    assert!(pcm[8_000..15_900].iter().all(|s| *s == 0), "a second of pause behind three steps");
}

fn noisy(pcm: &[i16], db: f32) -> Vec<i16> {
    let scale = 32_768.0 * 10_f32.powf(db / 20.0) * 1.732;
    let mut seed = 7_u32;
    let noise = |x: &i16| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f32::from(*x) + scale * seed as i32 as f32 / 2_147_483_648.0) as i16
    };
    pcm.iter().map(noise).collect()
}

#[test]
fn a_fax_is_heard_10_db_above_noise_at_every_frequency_that_t30_allows() {
    for (hz, wanted) in [
        (1_062, Tone::FaxCalling),
        (1_080, Tone::FaxCalling),
        (1_100, Tone::FaxCalling),
        (1_138, Tone::FaxCalling),
        (2_085, Tone::Answering),
        (2_115, Tone::Answering),
    ] {
        let part = Part { frequencies_hz: [hz, 0], on_ms: 500, off_ms: 0 };
        let cadence = Cadence { parts: [part, Part::default(), Part::default()] };
        for snr_db in [10.0, 15.0, 25.0] {
            let mut pcm = vec![0; 4_000];
            Generator::new(8_000, cadence, 20).fill(&mut pcm);
            let pcm = noisy(&[vec![0; 777], pcm, vec![0; 4_000]].concat(), -20.0 - snr_db);
            let mut detector = ToneDetector::new(8_000).unwrap();
            let found: Vec<_> = pcm.chunks(80).filter_map(|f| detector.process(f)).collect();
            assert_eq!(found, [wanted], "{hz} Hz, {snr_db} dB");
        }
    }
    let mut detector = ToneDetector::new(8_000).unwrap();
    assert_eq!(detector.process(&noisy(&vec![0; 80_000], -20.0)), None);
}

#[test]
fn call_progress_is_told_by_name_and_is_no_beep() {
    use Signal::{Busy, Congestion, Dial, Information, Ringing};
    let one = |first, second, on_ms, off_ms| Cadence {
        parts: [
            Part { frequencies_hz: [first, second], on_ms, off_ms },
            Part::default(),
            Part::default(),
        ],
    };
    let europe = [Plan::Europe, Plan::France, Plan::UnitedKingdom]
        .into_iter()
        .flat_map(|plan| [Dial, Ringing, Busy].map(|signal| (cadence(plan, signal), signal)));
    // North America: the precise tone plan.
    let america = [
        (one(350, 440, u16::MAX, 0), Dial),
        (one(440, 480, 2_000, 4_000), Ringing),
        (one(480, 620, 500, 500), Busy),
        (one(480, 620, 250, 250), Congestion),
        (cadence(Plan::Europe, Congestion), Congestion),
    ];
    let mut all: Vec<_> = europe.chain(america).map(|(c, s)| (c, vec![s])).collect();
    all.push((cadence(Plan::Europe, Information), vec![Information]));
    // North America's, at the ends of what it may be, and steps that are none.
    let steps = |parts: [(u16, u16); 3], pause_ms| {
        let part = |(hz, on_ms), off_ms| Part { frequencies_hz: [hz, 0], on_ms, off_ms };
        Cadence { parts: [part(parts[0], 0), part(parts[1], 0), part(parts[2], pause_ms)] }
    };
    for (parts, expected) in [
        ([(914, 274), (1_371, 274), (1_777, 380)], vec![Information]),
        ([(985, 380), (1_429, 380), (1_777, 274)], vec![Information]),
        ([(905, 270), (1_445, 400), (1_755, 330)], vec![Information]),
        ([(950, 330), (1_800, 330), (1_400, 330)], vec![]),
        ([(950, 330), (1_400, 330), (2_000, 330)], vec![]),
        ([(950, 120), (1_400, 120), (1_800, 120)], vec![]),
        ([(950, 800), (1_400, 800), (1_800, 800)], vec![]),
    ] {
        all.push((steps(parts, 1_000), expected));
    }
    for (cadence, expected) in all {
        for db in [-90.0, -38.0] {
            let mut pcm = vec![0; 8 * 14_000];
            Generator::new(8_000, cadence, 19).fill(&mut pcm);
            let pcm = noisy(&[vec![0; 1_234], pcm].concat(), db);
            let mut progress = ProgressDetector::new(8_000).unwrap();
            let found: Vec<_> = pcm.chunks(80).filter_map(|f| progress.process(f)).collect();
            assert_eq!(found, expected, "{cadence:?}, noise at {db}");
            let mut tones = ToneDetector::new(8_000).unwrap();
            let beeps: Vec<_> = pcm.chunks(80).filter_map(|f| tones.process(f)).collect();
            // What is no tone of these may be a beep.
            if !expected.is_empty() {
                assert_eq!(beeps, [], "{cadence:?}");
            }
        }
    }
}

#[test]
fn speech_is_no_call_progress() {
    let speech = speech();
    for step in 11..=23 {
        let pcm: Vec<i16> = (0..speech.len() * 16 / step).map(|n| speech[n * step / 16]).collect();
        let mut progress = ProgressDetector::new(16_000).unwrap();
        let found: Vec<_> = pcm.chunks(160).filter_map(|f| progress.process(f)).collect();
        assert_eq!(found, [], "at {step}/16 of the speed");
    }
}

#[test]
fn impossible_rates_and_events_are_refused() {
    for rate in [0, 7_999, 11_025, 44_100, 96_000] {
        assert!(DtmfDetector::new(rate).is_none() && ToneDetector::new(rate).is_none());
        assert!(DtmfFilter::new(rate).is_none());
    }
    assert!(Generator::dtmf(8_000, 16, 10).is_none());
}
