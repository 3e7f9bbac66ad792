// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a word that a conference hears to a program's answer on the wire: what the engine itself adds, with a program that
//! repeats at once what its tap gives it.

use std::collections::BTreeMap;

use ale_media::codec::CodecSpec;
use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, JoinOptions, MemberId, Outgoing,
};
use ale_media::leg::{Leg, LegConfig, LegReceiver};
use ale_media::talk::{Talk, TalkConfig};
use ale_media::tap::{Basis, Grant, Purpose, SinkId, TapConfig, TapSource};

const TICK_MS: usize = 10;
/// What is aimed at, with the packet time of 20 ms and without the jitter buffer.
const MOST_MS: f64 = 40.0;
/// A word is a step of the microphone's voltage, 5 ms long, anywhere in a packet.
const WORD: i16 = 8_000;
const WORD_MS: usize = 5;
const EVERY_MS: usize = 203;

fn enter(control: &ConferenceControl, ssrc: u32, rate_hz: u32) -> (MemberId, LegReceiver) {
    let codec = CodecSpec::L16 { sample_rate_hz: rate_hz, channels: 1 };
    let (receiver, media, _) = Leg::new(&LegConfig::plain(ssrc, 96, codec)).unwrap();
    let id = control.join(Box::new(media), JoinOptions::default());
    (id.map_err(|(error, _)| error).unwrap(), receiver)
}

/// A packet of 20 ms as RFC 3550 section 5.1 and RFC 3551 section 4.5.11 have it.
fn packet(number: usize, rate_hz: usize) -> Vec<u8> {
    let samples = rate_hz / 50;
    let mut packet = vec![0x80, 96];
    packet.extend((number as u16).to_be_bytes());
    packet.extend(((number * samples) as u32).to_be_bytes());
    packet.extend(7_u32.to_be_bytes());
    for n in number * samples..(number + 1) * samples {
        let is_word = n * 1_000 / rate_hz % EVERY_MS < WORD_MS;
        packet.extend((if is_word { WORD } else { 0 }).to_be_bytes());
    }
    packet
}

/// When each word begins, in samples: at half its height, after a millisecond that was below it.
fn words(pcm: &[i16], rate_hz: usize) -> Vec<usize> {
    let mut quiet = 0;
    let begins = pcm.iter().enumerate().filter_map(|(n, sample)| {
        let is_word = *sample > WORD / 2;
        let begins = is_word && quiet >= rate_hz / 1_000;
        quiet = if is_word { 0 } else { quiet + 1 };
        begins.then_some(n)
    });
    begins.collect()
}

/// What a listener hears of a caller's words and of the program that repeats them: milliseconds from a word to its
/// repetition, and from the tick that mixes the word to the one that sends the packet with its repetition.
fn delays(leg_hz: u32, tap_hz: u32, voice_hz: u32) -> Vec<(f64, f64)> {
    let (mut conference, control) = Conference::new(&ConferenceConfig::default()).unwrap();
    let (caller, mut from_caller) = enter(&control, 1, leg_hz);
    let (listener, _from_listener) = enter(&control, 2, leg_hz);
    let mut config = TalkConfig::default();
    (config.sample_rate_hz, config.member_rate_hz) = (tap_hz, voice_hz);
    let (mut voice, end) = Talk::new(&config).unwrap();
    control.join_talk(Box::new(end), JoinOptions::default()).map_err(|(error, _)| error).unwrap();
    let (purposes, basis) = (Purpose::Assist.into(), Basis::Consent);
    let grant = Grant { purposes, basis, sink: SinkId(1), notice_version: 1, until_ns: None };
    control.grant(caller, &grant).unwrap();
    let mut config = TapConfig::new(TapSource::Member(caller), Purpose::Assist, SinkId(1));
    config.sample_rate_hz = tap_hz;
    let mut tap = control.tap(&config).unwrap();
    let mut outgoing = Outgoing::new(8);
    let mut frame = vec![0; tap.frame_samples()];
    let (mut heard, mut left_at_ms) = (Vec::new(), BTreeMap::new());
    for tick in 0..400 {
        let now_ns = (1 << 40) + (tick * TICK_MS) as u64 * 1_000_000;
        if tick % 2 == 0 {
            from_caller.receive(&mut packet(tick / 2, leg_hz as usize), now_ns).unwrap();
        }
        conference.tick(now_ns, &mut outgoing);
        for datagram in outgoing.iter().filter(|one| one.member == listener) {
            // RTP, not a report.
            if datagram.bytes[1] & 0x7f == 96 {
                left_at_ms.insert(heard.len(), tick * TICK_MS);
                let samples = datagram.bytes[12..].as_chunks::<2>().0.iter();
                heard.extend(samples.map(|sample| i16::from_be_bytes(*sample)));
            }
        }
        while tap.read(&mut frame).is_some() {
            voice.write(1, &frame).unwrap();
        }
    }
    let ms = |samples: usize| samples as f64 * 1e3 / f64::from(leg_hz);
    // The first packet's first sample was mixed a tick before the one that it left in.
    let begun_ms = *left_at_ms.values().next().unwrap() as f64 - TICK_MS as f64;
    let begins = words(&heard, leg_hz as usize);
    // A second for buffers to settle, and the last word's answer may not have come.
    let settled = begins.iter().position(|n| ms(*n) > 1_000.0).unwrap();
    let both = begins[settled..].windows(2).filter(|pair| ms(pair[1] - pair[0]) < 100.0);
    both.map(|pair| {
        let left_ms = *left_at_ms.range(..=pair[1]).next_back().unwrap().1 as f64;
        let mixed_at_ms = begun_ms + (ms(pair[0]) / TICK_MS as f64).floor() * TICK_MS as f64;
        (ms(pair[1] - pair[0]), left_ms - mixed_at_ms)
    })
    .collect()
}

#[test]
fn a_programs_answer_leaves_within_40_ms_of_the_word() {
    for leg_hz in [8_000, 16_000] {
        for (tap_hz, voice_hz) in
            [(8_000, 8_000), (16_000, 16_000), (24_000, 16_000), (48_000, 48_000)]
        {
            let found = delays(leg_hz, tap_hz, voice_hz);
            assert!(found.len() >= 10, "{} words", found.len());
            for (mixed_ms, left_ms) in found {
                let which = format!("legs of {leg_hz}, ear of {tap_hz}, voice of {voice_hz}");
                println!("{which}: heard {mixed_ms:.2} ms after the word, sent after {left_ms:.2}");
                assert!((10.0..MOST_MS).contains(&mixed_ms), "{which}: {mixed_ms} ms");
                assert!((10.0..=MOST_MS).contains(&left_ms), "{which}: {left_ms} ms");
            }
        }
    }
}
