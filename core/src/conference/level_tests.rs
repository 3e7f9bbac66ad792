// SPDX-License-Identifier: MIT OR Apache-2.0
//! Levels told in packet headers: who need not be decoded.

use super::encode_once_tests::speech;
use super::tests::{Phone, TICK_NS, opus, phone_with, tick};
use super::*;
use crate::codec::CodecSpec;
use crate::leg::{Contributor, LegConfig, LevelTrust};
use alloc::vec::Vec;

/// Ticks of speech and of the pause after it.
const SPOKEN: usize = 60;
const CYCLE: usize = 200;

/// Samples of noise so soft that only a level tells it from silence.
fn hiss(seed: usize, pcm: &mut [i16]) {
    let mut state = (seed as u32).wrapping_mul(2_654_435_761) + 1;
    for sample in pcm {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample = (state >> 30) as i16 - 2;
    }
}

/// One member speaks with long pauses of hiss, two hiss all the time; what a recorder hears, and
/// how many decodes were left out for each.
fn speak_with_pauses(codec: CodecSpec, speakers: usize, trust: LevelTrust) -> (Vec<i16>, [u64; 3]) {
    let config = ConferenceConfig { max_speakers: speakers, ..Default::default() };
    let (mut conference, control) = Conference::new(&config).unwrap();
    let set = |config: &mut LegConfig| {
        config.header_extensions.audio_level = Some(1);
        config.level_trust = trust;
    };
    let mut phones: Vec<Phone> =
        (0..3).map(|n| phone_with(&control, n, codec.clone(), 0.0, set)).collect();
    let (ours, mut recorder) = LinkEnd::pair(codec.format().sample_rate_hz).unwrap();
    control.join_link(Box::new(ours), JoinOptions::default()).map_err(|(e, _)| e).unwrap();
    let mut heard = Vec::new();
    let mut outgoing = Outgoing::new(64);
    let rate = codec.format().sample_rate_hz as usize;
    let speech: Vec<i16> = speech().into_iter().step_by(16_000 / rate).collect();
    for (n, spoken) in speech.chunks_exact(rate / 100).take(10 * CYCLE).enumerate() {
        let now_ns = n as u64 * TICK_NS;
        tick(&mut conference, &mut phones, &mut outgoing, now_ns, |who, pcm| {
            if who == 0 && n % CYCLE >= CYCLE - SPOKEN {
                pcm.copy_from_slice(spoken);
            } else {
                hiss(n * 3 + who, pcm);
            }
        });
        let mut pcm = vec![0; rate / 100];
        recorder.pull(&mut pcm);
        heard.extend(pcm);
    }
    (heard, core::array::from_fn(|n| phones[n].leg.stats().jitter.skipped_decodes))
}

/// Ratio of `signal` to its difference from `other`, in dB.
fn likeness_db(signal: &[i16], other: &[i16]) -> f32 {
    let power = |samples: &mut dyn Iterator<Item = f32>| samples.map(|s| s * s).sum::<f32>();
    let own = power(&mut signal.iter().map(|s| f32::from(*s)));
    let error = power(&mut signal.iter().zip(other).map(|(a, b)| f32::from(*a) - f32::from(*b)));
    10.0 * (own / error.max(1.0)).log10()
}

#[test]
fn onsets_are_heard_as_if_pauses_had_been_decoded() {
    // The first 100 ms beside those of a bridge that decodes all. G.711 has no state to lose.
    for (codec, least_db) in
        [(CodecSpec::Pcma, 60.0), (CodecSpec::G722, 30.0), (opus(16_000), 60.0)]
    {
        let rate = codec.format().sample_rate_hz as usize;
        let (all, none_skipped) = speak_with_pauses(codec.clone(), 2, LevelTrust::Nobody);
        let (some, skipped) = speak_with_pauses(codec.clone(), 2, LevelTrust::Everybody);
        assert_eq!(none_skipped, [0; 3]);
        // 1000 packets each; a pause of the talker's is 70, of which it keeps its place for 25 or more.
        assert!(skipped[1] > 980 && skipped[2] > 980, "{}: {skipped:?}", codec.name());
        assert!(skipped[0] > 100, "{}: {skipped:?}", codec.name());
        let frame = rate / 100;
        let loud = |chunk: &[i16]| crate::dsp::level::level_dbov(chunk) < 45;
        let frames: Vec<_> = all.chunks(frame).map(loud).collect();
        let (mut onsets, mut close) = (0, 0);
        for n in 30..frames.len() - 10 {
            if frames[n] && !frames[n - 30..n].contains(&true) {
                onsets += 1;
                let span = n * frame..(n + 10) * frame;
                let like = likeness_db(&all[span.clone()], &some[span]);
                // How far G.722's predictors have converged after 120 ms of hiss is a matter of chance:
                // 34 to 100 dB, and once in ten 25.
                let converged = like > least_db || (codec == CodecSpec::G722 && like > 24.0);
                assert!(converged, "{} at {n}: {like} dB", codec.name());
                close += usize::from(like > least_db);
            }
        }
        assert!(onsets >= 5 && close + 1 >= onsets, "{close} of {onsets}");
    }
}

#[test]
fn where_all_are_heard_only_digital_silence_is_left_out() {
    let (_, skipped) = speak_with_pauses(opus(16_000), 0, LevelTrust::Everybody);
    assert_eq!(skipped, [0; 3], "hiss is sound");
}

#[test]
fn strangers_levels_are_not_believed_unless_asked_for() {
    let (_, skipped) = speak_with_pauses(CodecSpec::Pcma, 2, LevelTrust::Authenticated);
    assert_eq!(skipped, [0; 3], "plain RTP");
}

#[test]
fn listeners_are_told_who_is_heard_and_how_loud() {
    let (mut conference, control) =
        Conference::new(&ConferenceConfig { max_speakers: 2, ..Default::default() }).unwrap();
    let mut phones: Vec<Phone> = (0..4)
        .map(|n| {
            phone_with(&control, n, CodecSpec::Pcma, 0.0, |config| {
                // The last is not told.
                config.header_extensions.mixer_levels = (n < 3).then_some(5);
            })
        })
        .collect();
    let mut outgoing = Outgoing::new(64);
    let mut sizes = Vec::new();
    for n in 0..60 {
        tick(&mut conference, &mut phones, &mut outgoing, n * TICK_NS, |who, pcm| {
            // Square waves of -24 and -34 dBov.
            let amplitude = [2_067, 654, 0, 0][who];
            for (i, sample) in pcm.iter_mut().enumerate() {
                *sample = if i / 20 % 2 == 0 { amplitude } else { -amplitude };
            }
        });
        sizes = outgoing.iter().map(|sent| (sent.tag, sent.bytes.len())).collect();
    }
    let told = |n: usize| phones[n].control.contributors().as_slice().to_vec();
    let source = |ssrc, level| Contributor { ssrc, level_dbov: Some(level) };
    assert_eq!(told(2), [source(0, 24), source(1, 34)]);
    assert_eq!(told(0), [source(1, 34)], "nobody hears itself");
    assert_eq!(told(1), [source(0, 24)]);
    assert_eq!(told(3), []);
    let size = |n: u64| sizes.iter().find(|(tag, _)| *tag == n).unwrap().1;
    assert_eq!(size(3), 12 + 160);
    assert_eq!(size(1), 12 + 4 + 8 + 160, "a source, and an element of two bytes, padded");
    let (id, before) = (phones[0].id, conference.told);
    control.leave(id).unwrap();
    conference.tick(60 * TICK_NS, &mut outgoing);
    assert_eq!((before, conference.told), (3, 2));
}
