// SPDX-License-Identifier: MIT OR Apache-2.0
//! Encoding once, seen from the phones.

use super::tests::{Phone, TICK_NS, opus, phone, tick};
use super::*;
use alloc::vec::Vec;

/// Real speech at 16 kHz, from the recordings of the programs.
pub(super) fn speech() -> Vec<i16> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/assets/speech");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut speech = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|e| e == "wav")) {
        // A canonical header of 44 bytes, then 16-bit samples.
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(&bytes[24..28], &16_000_u32.to_le_bytes(), "the recordings are at 16 kHz");
        let samples = bytes[44..].as_chunks::<2>().0.iter();
        speech.extend(samples.map(|pair| i16::from_le_bytes(*pair)));
    }
    speech
}

fn conference(encode_groups: usize) -> (Conference, ConferenceControl) {
    // What a decoder makes of silence is not all zeros; who is not chosen adds nothing even so.
    let config = ConferenceConfig { encode_groups, max_speakers: 3, ..Default::default() };
    Conference::new(&config).unwrap()
}

/// A talker reads `speech` to four listeners, of whom the last hums for 300 ms in every 1.2 s and
/// so has another mix for a while. What that one hears: the talker alone, all the time.
fn read_to_who_butts_in(encode_groups: usize, speech: &[i16]) -> (Vec<i16>, u64) {
    let (mut conference, control) = conference(encode_groups);
    let mut phones: Vec<Phone> = (0..5).map(|n| phone(&control, n, opus(16_000), 0.0)).collect();
    let mut outgoing = Outgoing::new(64);
    for (n, spoken) in speech.chunks_exact(160).enumerate() {
        let now_ns = n as u64 * TICK_NS;
        tick(&mut conference, &mut phones, &mut outgoing, now_ns, |who, pcm| match who {
            0 => pcm.copy_from_slice(spoken),
            4 if n % 120 < 30 => {
                for (i, sample) in pcm.iter_mut().enumerate() {
                    *sample = if i / 40 % 2 == 0 { 300 } else { -300 };
                }
            }
            _ => pcm.fill(0),
        });
    }
    let heard = core::mem::take(&mut phones[4].heard);
    (heard, conference.stats().shared_payloads)
}

/// The delay at which `heard` is most like `spoken`.
fn delay(heard: &[i16], spoken: &[i16]) -> usize {
    let likeness = |delay: &usize| -> f64 {
        let pairs = heard[*delay..].iter().zip(spoken).skip(32_000).take(32_000);
        pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    (0..4_000).max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap()
}

#[test]
fn listeners_of_one_mix_send_copies_and_all_hear_the_talker() {
    let (mut conference, control) = conference(4);
    let mut phones: Vec<Phone> = (0..9).map(|n| phone(&control, n, opus(16_000), 0.0)).collect();
    let mut outgoing = Outgoing::new(64);
    for n in 0..200_u64 {
        tick(&mut conference, &mut phones, &mut outgoing, n * TICK_NS, |who, pcm| {
            for (i, sample) in pcm.iter_mut().enumerate() {
                let t = (n as usize * 160 + i) as f32 / 16_000.0;
                let tone = 3_000.0 * (core::f32::consts::TAU * 440.0 * t).sin();
                *sample = if who == 0 { tone as i16 } else { 0 };
            }
        });
    }
    for listener in &phones[1..] {
        assert!(super::tests::amplitude(listener, 440.0) > 2_000.0);
        assert_eq!(listener.heard, phones[1].heard, "the same packets sound the same");
    }
    assert!(super::tests::amplitude(&phones[0], 440.0) < 50.0);
    // Eight listeners, of whom one encodes, and 100 packets; the talker shares its first ones too.
    let copies = conference.stats().shared_payloads;
    assert!((680..=710).contains(&copies), "{copies}");
}

#[test]
fn changing_between_the_common_mix_and_an_own_one_is_not_heard_in_real_speech() {
    let speech = speech();
    let (alone, copies) = read_to_who_butts_in(0, &speech);
    assert_eq!(copies, 0);
    let (shared, copies) = read_to_who_butts_in(4, &speech);
    assert!(copies > speech.len() as u64 / 320 * 2, "{copies}");
    let delay = delay(&alone, &speech);
    // The error against what was said, there being a change in every 0.6 s. A leg that did not show
    // its encoder the last packet of the others would add 0.2 dB.
    let error = |heard: &[i16]| -> f64 {
        let pairs = heard[delay..].iter().zip(&speech).skip(16_000);
        pairs.map(|(heard, said)| (f64::from(*heard) - f64::from(*said)).powi(2)).sum()
    };
    let (alone, shared) = (error(&alone), error(&shared));
    let added_db = 10.0 * (shared / alone).log10();
    assert!(added_db < 0.1, "{added_db:.2} dB");
}

#[test]
fn members_in_other_codecs_and_other_phases_get_their_own_groups() {
    let (mut conference, control) = conference(4);
    let mut phones: Vec<Phone> = Vec::new();
    let mut outgoing = Outgoing::new(64);
    for n in 0..100_u64 {
        if n < 2 {
            // Those of each tick start their packets in another one.
            for k in 0..3 {
                phones.push(phone(&control, n * 10 + k, opus(16_000), 0.0));
                phones.push(phone(&control, n * 10 + 5 + k, crate::codec::CodecSpec::Pcma, 0.0));
            }
        }
        tick(&mut conference, &mut phones, &mut outgoing, n * TICK_NS, |who, pcm| {
            pcm.fill(if who == 0 { (n * 31 % 2_000) as i16 } else { 0 });
        });
    }
    // Twelve members in four groups; in its own the talker's mix is silence, and so are those of
    // the others: nothing but two legs a group of three can be copies.
    let copies = conference.stats().shared_payloads;
    assert!((330..=400).contains(&copies), "{copies}");
}
