// SPDX-License-Identifier: MIT OR Apache-2.0
//! An endpoint between simulated devices: two clocks, each with its callbacks.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::f64::consts::TAU;

use super::*;
use crate::codec::CodecSpec;
use crate::dsp::tones::plans::Signal;
use crate::leg::{Leg, LegConfig, LegControl, LegMedia, LegReceiver};

const RATE: u32 = 8_000;
/// Hertz of the sound by whose phase the delay is measured: a period is longer than delays change by.
const SLOW_HZ: f64 = 20.0;

/// What a loudspeaker's side did with a steady tone.
struct Played {
    /// The delay, second by second, in ms.
    delays_ms: Vec<f64>,
    /// The furthest that one sample lay from the line through its neighbours.
    roughest: f64,
    stats: SpeakerStats,
}

/// Seconds of two devices whose clocks differ by `ppm`, with callbacks of `block` samples that come up to 2 ms
/// late.
fn play(seconds: u64, ppm: f64, block: usize, playout_ms: u32) -> Played {
    let jitter_ms = 2.0;
    let (reference, _keep) = voice::create(RATE, 10, &voice::Settings::off(), Vec::new()).unwrap();
    let (mut feeder, mut speaker, _) = speaker::create(RATE, playout_ms, reference);
    let speaker_rate = f64::from(RATE) * (1.0 + ppm * 1e-6);
    let mut seed = 1_u32;
    let mut late = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(seed >> 8) / 16_777_216.0 * jitter_ms * 1e-3
    };
    let (mut given, mut taken) = (0_u64, 0_u64);
    let (mut delays_ms, mut roughest) = (Vec::new(), 0.0_f64);
    let (mut re, mut im, mut samples) = (0.0, 0.0, 0);
    let mut before = [0.0; 2];
    let mut out = vec![0; block];
    let (mut give_at, mut take_at) = (0.01, late());
    loop {
        if give_at <= take_at {
            let pcm: [i16; 80] = core::array::from_fn(|n| {
                let t = (given * 80 + n as u64) as f64 / f64::from(RATE);
                (8_000.0 * (TAU * SLOW_HZ * t).sin()) as i16
            });
            feeder.give((give_at * 1e9) as u64, &pcm);
            given += 1;
            give_at = (given + 1) as f64 * 0.01 + late();
            continue;
        }
        speaker.render((take_at * 1e9) as u64, &mut out);
        for sample in &out {
            // When the device plays it, by the clock of who gives.
            let t = taken as f64 / speaker_rate;
            taken += 1;
            let value = f64::from(*sample);
            if t > 20.0 {
                roughest = roughest.max((value - 2.0 * before[0] + before[1]).abs());
            }
            before = [value, before[0]];
            let (sin, cos) = (TAU * SLOW_HZ * t).sin_cos();
            (re, im, samples) = (re + value * sin, im + value * cos, samples + 1);
            if samples == RATE {
                let turns = -f64::atan2(im, re) / TAU;
                delays_ms.push(turns.rem_euclid(1.0) / SLOW_HZ * 1e3);
                (re, im, samples) = (0.0, 0.0, 0);
            }
        }
        take_at = taken as f64 / speaker_rate + late();
        if taken as f64 / speaker_rate > seconds as f64 {
            return Played { delays_ms, roughest, stats: speaker.stats() };
        }
    }
}

/// An hour at each of these takes a second or two.
#[test]
fn an_hour_of_two_clocks_keeps_its_delay_and_never_clicks() {
    let seconds = if cfg!(miri) { 30 } else { 3_600 };
    for (ppm, block, playout_ms) in
        [(300.0, 80, 30), (-300.0, 80, 30), (1_000.0, 80, 30), (-1_000.0, 171, 45)]
    {
        let played = play(seconds, ppm, block, playout_ms);
        let all = &played.delays_ms[30..];
        let (least, most) =
            (all.iter().copied().fold(f64::MAX, f64::min), all.iter().copied().fold(0.0, f64::max));
        assert!(most - least < 5.0, "{ppm} ppm: {least} to {most} ms");
        // A sine of 20 Hz bends by (2 pi 20 / 8000)^2 of its amplitude, 2 steps; rounding adds 2, and a
        // click tens at least.
        assert!(played.roughest < 6.0, "{ppm} ppm: {}", played.roughest);
        assert_eq!((played.stats.underruns, played.stats.overruns), (0, 0), "{ppm} ppm");
        assert!((played.stats.correction_ppm as f64 + ppm).abs() < 150.0, "{:?}", played.stats);
    }
}

#[test]
fn a_loudspeaker_that_is_not_fed_counts_it_and_plays_on_with_the_same_delay() {
    let (reference, _keep) = voice::create(RATE, 10, &voice::Settings::off(), Vec::new()).unwrap();
    let (mut feeder, mut speaker, view) = speaker::create(RATE, 30, reference);
    let (mut out, mut waiting) = ([0; 80], Vec::new());
    for n in 0..1_000_u64 {
        // For 200 ms nobody gives anything; then it comes all at once.
        let now_ns = n * 10_000_000;
        if !(500..520).contains(&n) {
            for _ in 0..if n == 520 { 21 } else { 1 } {
                feeder.give(now_ns, &[1_000; 80]);
            }
        }
        speaker.render(now_ns + 5_000_000, &mut out);
        waiting.push(speaker.stats().waiting_us);
    }
    let stats = view.read();
    assert_eq!(stats, speaker.stats());
    assert_eq!(stats.underruns, 1);
    assert!(stats.underrun_samples > 0 && stats.overruns <= 1, "{stats:?}");
    assert!(waiting[999].abs_diff(waiting[499]) < 3_000, "{} {}", waiting[499], waiting[999]);
    assert_eq!(out[79], 1_000);
}

/// A device that stands still for 50 ms leaves so much more waiting; in a pause it is gone at once, and sound is
/// whole.
#[test]
fn what_waits_too_long_is_left_out_of_pauses() {
    let (reference, _keep) = voice::create(RATE, 10, &voice::Settings::off(), Vec::new()).unwrap();
    let (mut feeder, mut speaker, _) = speaker::create(RATE, 30, reference);
    let (mut out, mut loud) = ([0; 80], 0);
    for n in 0..400_u64 {
        let now_ns = n * 10_000_000;
        // 200 ms of sound, 200 ms of a pause.
        feeder.give(now_ns, &[if n % 40 < 20 { 1_000 } else { 3 }; 80]);
        if (85..90).contains(&n) {
            continue;
        }
        speaker.render(now_ns + 5_000_000, &mut out);
        loud += out.iter().filter(|sample| **sample > 500).count();
        if n == 98 {
            assert!(speaker.stats().waiting_us > 75_000, "{:?}", speaker.stats());
        }
    }
    let stats = speaker.stats();
    assert!((20_000..=60_000).contains(&stats.waiting_us), "{stats:?}");
    assert_eq!((stats.underruns, stats.overruns), (0, 2), "{stats:?}");
    // The start takes 80 samples to rise and to find its place, and the controller is a little faster until the pause.
    assert!((15_880..=16_000).contains(&loud), "{loud}");
}

fn leg(ssrc: u32) -> (LegReceiver, Box<LegMedia>, LegControl) {
    let config = LegConfig::plain(ssrc, 8, CodecSpec::Pcma);
    let (receiver, media, control) = Leg::new(&config).unwrap();
    (receiver, Box::new(media), control)
}

/// A far end: a leg, and how loud it talks.
struct Far {
    receiver: LegReceiver,
    media: Box<LegMedia>,
    _control: LegControl,
    hz: f64,
}

fn tone(hz: f64, n: u64) -> [i16; 80] {
    core::array::from_fn(|k| {
        let t = (n * 80 + k as u64) as f64 / f64::from(RATE);
        (4_000.0 * (TAU * hz * t).sin()) as i16
    })
}

const NEAR_HZ: f64 = 400.0;

/// Half a second of a phone with these far ends at its lines: what the near end hears, and what each far end
/// does, the last 200 ms of it.
fn talk(
    microphone: &mut Microphone,
    speaker: &mut Speaker,
    near: &mut [LegReceiver],
    far: &mut [Far],
    clock: &mut u64,
) -> (Vec<i16>, Vec<Vec<i16>>) {
    let (mut heard, mut there) = (Vec::new(), vec![Vec::new(); far.len()]);
    for _ in 0..50 {
        let now_ns = *clock * 10_000_000;
        for (far, near) in far.iter_mut().zip(near.iter_mut()) {
            far.media.push(&tone(far.hz, *clock)).unwrap();
            while let Some(datagram) = far.media.poll_transmit(now_ns) {
                let _ = near.receive(&mut datagram.to_vec(), now_ns);
            }
        }
        let mut sent = Vec::new();
        microphone.capture(now_ns, &tone(NEAR_HZ, *clock), |line, datagram| {
            sent.push((line, datagram.to_vec()));
        });
        for (line, mut datagram) in sent {
            if let Some(far) = far.get_mut(usize::from(line.number())) {
                let _ = far.receiver.receive(&mut datagram, now_ns);
            }
        }
        for (far, there) in far.iter_mut().zip(&mut there) {
            let mut pcm = [0; 80];
            far.media.pull(now_ns, &mut pcm).unwrap();
            there.extend(pcm);
        }
        let mut pcm = [0; 80];
        speaker.render(now_ns + 3_000_000, &mut pcm);
        heard.extend(pcm);
        *clock += 1;
    }
    let last = |pcm: &Vec<i16>| pcm[pcm.len() - 1_600..].to_vec();
    (last(&heard), there.iter().map(last).collect())
}

#[test]
fn three_talk_and_one_is_held_muted_or_rung() {
    let mut config = EndpointConfig::new(RATE);
    config.profile = Profile::Headset;
    let (mut microphone, mut speaker, mut control) = Endpoint::new(&config, Vec::new()).unwrap();
    // The chain without engines is still there; its gain control would move the amplitudes.
    microphone.voice_mut().apply(&voice::Settings::off()).unwrap();
    control.set_side_tone(0.0).unwrap();
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for (n, hz) in [(0_u8, 1_000.0), (1, 1_700.0)] {
        let (receiver, media, _) = leg(u32::from(n) + 1);
        control.add(LineId::new(n).unwrap(), media).unwrap();
        near.push(receiver);
        let (receiver, media, kept) = leg(u32::from(n) + 11);
        far.push(Far { receiver, media, _control: kept, hz });
    }
    let mut clock = 0;
    let mut run = |microphone: &mut Microphone| {
        talk(microphone, &mut speaker, &mut near, &mut far, &mut clock)
    };
    let is_heard = |pcm: &[i16], hz: f64| testkit::amplitude(pcm, RATE, hz) > 3_000.0;
    let is_gone = |pcm: &[i16], hz: f64| testkit::amplitude(pcm, RATE, hz) < 100.0;
    run(&mut microphone);
    let (heard, there) = run(&mut microphone);
    assert!(is_heard(&heard, 1_000.0) && is_heard(&heard, 1_700.0) && is_gone(&heard, NEAR_HZ));
    assert!(is_heard(&there[0], NEAR_HZ) && is_heard(&there[0], 1_700.0));
    assert!(is_gone(&there[0], 1_000.0), "nobody hears itself");
    assert!(is_heard(&there[1], NEAR_HZ) && is_heard(&there[1], 1_000.0));

    control.hold(LineId::new(1).unwrap(), true).unwrap();
    control.set_side_tone(0.5).unwrap();
    run(&mut microphone);
    let (heard, there) = run(&mut microphone);
    assert!(is_heard(&heard, 1_000.0) && is_gone(&heard, 1_700.0));
    let own = testkit::amplitude(&heard, RATE, NEAR_HZ);
    assert!((1_800.0..2_200.0).contains(&own), "one's own voice at {own}");
    assert!(is_gone(&there[1], NEAR_HZ) && is_gone(&there[1], 1_000.0));
    assert!(is_heard(&there[0], NEAR_HZ) && is_gone(&there[0], 1_700.0));

    control.mute(true).unwrap();
    control.play(Signal::Dial, 20).unwrap();
    run(&mut microphone);
    let (heard, there) = run(&mut microphone);
    assert!(is_gone(&there[0], NEAR_HZ), "muted");
    assert!(testkit::amplitude(&heard, RATE, 425.0) > 1_000.0, "the tone is heard");
    let ducked = testkit::amplitude(&heard, RATE, 1_000.0);
    assert!((800.0..1_200.0).contains(&ducked), "the voice under it at {ducked}");
    assert_eq!(microphone.stats().sent_level_dbov, 127);

    control.remove(LineId::new(0).unwrap()).unwrap();
    run(&mut microphone);
    assert_eq!(control.collect().unwrap().0.number(), 0);
    assert_eq!(control.microphone_stats(), microphone.stats());
}

#[test]
fn what_the_microphone_has_lost_is_silence_of_the_same_length() {
    let (mut microphone, mut speaker, _control) =
        Endpoint::new(&EndpointConfig::new(RATE), Vec::new()).unwrap();
    for n in 0..100_u64 {
        let now_ns = n * 10_000_000;
        if (50..58).contains(&n) {
            continue;
        }
        if n == 58 {
            microphone.lost(now_ns - 10_000_000, 640, |_, _| ());
        }
        // In pieces that fit nothing.
        for piece in tone(NEAR_HZ, n).chunks(33) {
            microphone.capture(now_ns, piece, |_, _| ());
        }
        speaker.render(now_ns, &mut [0; 80]);
    }
    let stats = microphone.stats();
    assert_eq!((stats.frames, stats.lost_samples), (100, 640));
    microphone.lost(1_000_000_000, u64::MAX, |_, _| ());
    assert_eq!(microphone.stats().frames, 200, "no more than a second");
}

#[test]
fn what_is_out_of_range_is_refused() {
    let made = |change: fn(&mut EndpointConfig)| {
        let mut config = EndpointConfig::new(RATE);
        change(&mut config);
        Endpoint::new(&config, Vec::new()).map(|_| ())
    };
    assert_eq!(made(|_| ()), Ok(()));
    assert_eq!(made(|c| c.sample_rate_hz = 44_100), Err(EndpointError::SampleRate));
    assert_eq!(made(|c| c.playout_ms = 9), Err(EndpointError::Delay));
    assert_eq!(made(|c| c.device_delay_ms = 251), Err(EndpointError::Delay));
    let (_microphone, _speaker, mut control) =
        Endpoint::new(&EndpointConfig::new(RATE), Vec::new()).unwrap();
    for gain in [-0.1, 4.1, f32::NAN] {
        assert_eq!(control.set_volume(gain), Err(EndpointError::Level));
        assert_eq!(control.set_side_tone(gain), Err(EndpointError::Level));
    }
    assert_eq!(control.play(Signal::Dial, 9), Err(EndpointError::Level));
    for _ in 0..command::COMMANDS {
        control.mute(true).unwrap();
    }
    assert_eq!(control.mute(true), Err(EndpointError::Busy), "nobody captures");
    let (_receiver, media, _kept) = leg(1);
    assert_eq!(control.add(LineId::new(0).unwrap(), media).unwrap_err().0, EndpointError::Busy);
    assert_eq!(LineId::new(3), None);
}
