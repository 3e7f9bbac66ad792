// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts that work on sound, each by itself on a playout that nothing else has touched.
//!
//! The sound is a sine, of which each sample follows from the two before it: what has been spliced or
//! made up well still does. The error of that prediction is what a click is made of.

use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::codec::CodecSpec;
use crate::codec::g711::Law;
use crate::jitter::arrival::ingest::{PacketMeta, SlotWriter, pool};
use crate::within::Within;

const PERIOD: usize = 64;
const PACKET: usize = 160;

fn playout() -> (SlotWriter, Playout) {
    let config = JitterConfig::at_rate(8_000);
    let mut map = DecoderMap::new();
    map.insert(0, CodecSpec::Pcmu.decoder(8_000).unwrap()).unwrap();
    let map = map.prepare(8_000).unwrap().into_map();
    let config = config.with_room_for(map.bytes_per_second()).unwrap();
    let (writer, reader) = pool(config.slots, config.slot_bytes);
    let mut playout = Playout::new(&config, reader, map).unwrap();
    playout.started = true;
    (writer, playout)
}

fn sine(from: usize, count: usize) -> Vec<i16> {
    let step = core::f64::consts::TAU / PERIOD as f64;
    (from..from + count).map(|n| ((n as f64 * step).sin() * 8_000.0) as i16).collect()
}

/// The largest departure from a sine.
fn click(pcm: &[i16]) -> f64 {
    let factor = 2.0 * (core::f64::consts::TAU / PERIOD as f64).cos();
    let error = |w: &[i16]| f64::from(w[2]) - factor * f64::from(w[1]) + f64::from(w[0]);
    pcm.windows(3).map(|w| error(w).abs()).fold(0.0, f64::max)
}

fn say(playout: &mut Playout, pcm: &[i16]) {
    assert!(playout.pcm.reserve(pcm.len()));
    playout.pcm.tail_mut().head_mut(pcm.len()).copy_of(pcm);
    playout.pcm.commit(pcm.len());
    playout.next += pcm.len() as i64;
    playout.loudness.hear(pcm, 80);
}

/// Plays so many samples.
fn hear(playout: &mut Playout, count: usize) {
    let mut out = vec![0; count];
    playout.pcm.play(&mut out);
}

/// A packet in its place, its sound being what is told.
fn bring(writer: &mut SlotWriter, playout: &mut Playout, number: u32, pcm: &[i16]) {
    let mut payload = vec![0; pcm.len()];
    Law::Mu.encode(pcm, &mut payload);
    assert!(
        writer.push(PacketMeta { len: payload.len() as u16, ..PacketMeta::default() }, &payload)
    );
    let (slot, _) = playout.slots.take().unwrap();
    playout.insert(Entry {
        start: i64::from(number) * PACKET as i64,
        samples: pcm.len() as u32,
        sequence: number,
        slot,
        payload_type: 0,
        fresh: false,
        redundant: false,
        level_dbov: 0,
    });
}

#[test]
fn a_cut_takes_whole_periods_out_of_a_voice() {
    for wanted in [200, 333, 500, 900] {
        let (_, mut playout) = playout();
        say(&mut playout, &sine(0, 1_600));
        let (head, pending) = (playout.head(), playout.pcm.pending().len());
        assert!(playout.remove_speech(wanted));
        let removed = pending - playout.pcm.pending().len();
        assert_eq!(playout.stats.removed_samples, removed as u64);
        assert_eq!(playout.head(), head + removed as i64);
        assert!(removed.abs_diff(wanted) <= 60 && removed.is_multiple_of(PERIOD), "{removed}");
        assert!(click(playout.pcm.pending()) < 60.0, "{}", click(playout.pcm.pending()));
    }
    let (_, mut playout) = playout();
    say(&mut playout, &sine(0, 200));
    assert!(!playout.remove_speech(200), "there is too little to find a splice in");
    assert_eq!(playout.pcm.pending(), sine(0, 200));
}

#[test]
fn a_pause_gets_longer_and_shorter_by_what_was_asked_for() {
    let quiet: Vec<i16> = (0..960).map(|n| (n * 7 % 11 - 5) as i16).collect();
    let (_, mut playout) = playout();
    say(&mut playout, &quiet);
    hear(&mut playout, 480);
    assert!(playout.is_pause_ahead());
    assert!(playout.insert_pause(30.0));
    assert_eq!((playout.head(), playout.pcm.pending().len()), (480 - 240, 480 + 240));
    assert_eq!(playout.pcm.pending()[240..], quiet[480..], "what follows is as it was");
    assert_eq!(playout.stats.inserted_samples, 240);
    assert!(playout.remove_pause(20.0));
    assert_eq!(playout.pcm.pending().len(), 480 + 240 - 160);
    assert!(playout.is_pause_ahead());
    assert!(!playout.remove_pause(0.5), "not worth a splice");
    say(&mut playout, &[8_000; 80]);
    hear(&mut playout, 480 + 240 - 160 - 80);
    assert!(!playout.is_pause_ahead(), "speech is ahead");
}

#[test]
fn the_last_resort_goes_where_it_is_told() {
    let (mut writer, mut playout) = playout();
    say(&mut playout, &sine(0, 320));
    for number in 2..6 {
        bring(&mut writer, &mut playout, number, &sine(0, PACKET));
    }
    playout.skip_to(100);
    assert_eq!((playout.head(), playout.next_position()), (100, Some(320)));
    playout.skip_to(4 * 160 + 30);
    assert_eq!((playout.head(), playout.pcm.pending().len()), (670, 0));
    assert_eq!(playout.stats.flushed, 2, "those that are wholly over");
    assert!(playout.take());
    assert_eq!(playout.next_position(), Some(800));
}

#[test]
fn what_stands_in_goes_on_with_a_voice_and_fades_from_40_ms_on() {
    let (_, mut playout) = playout();
    say(&mut playout, &sine(0, 480));
    playout.continue_past(320);
    let error = click(playout.pcm.all().last_of(800));
    assert!(error < 60.0, "{error}");
    playout.continue_past(1_200);
    let power = |pcm: &[i16]| crate::dsp::correlate::power(pcm);
    let tail = playout.pcm.all();
    assert!(power(tail.last_of(80)) < 0.01 * power(tail.last_of(2_000).head(480)));
    assert_eq!((playout.made_up.samples, playout.next), (1_520, 2_000));
}

#[test]
fn what_came_is_joined_in_phase() {
    for behind in [0, 10, 20, 40] {
        let (mut writer, mut playout) = playout();
        say(&mut playout, &sine(0, 480));
        playout.continue_past(160);
        // The voice came back a little out of step.
        bring(&mut writer, &mut playout, 4, &sine(640 + PERIOD - behind, PACKET));
        assert!(playout.take());
        assert_eq!((playout.stats.merges, playout.next), (1, 800));
        // The quantisation of mu-law is heard, too.
        let error = click(playout.pcm.all().last_of(400));
        assert!(error < 700.0, "{behind}: {error}");
        let shift = playout.stats.inserted_samples as usize;
        assert_eq!(playout.pcm.pending().len(), 800 + shift);
        // What was made up goes on until it is where the voice begins.
        assert!((shift + behind + 2) % PERIOD <= 4, "{behind}: {shift}");
    }
}

#[test]
fn a_gap_is_filled_from_both_sides() {
    let (mut writer, mut playout) = playout();
    say(&mut playout, &sine(0, 480));
    for number in [4, 5] {
        bring(&mut writer, &mut playout, number, &sine(number as usize * PACKET, PACKET));
    }
    assert!(!playout.take(), "the third packet is missing");
    assert!(playout.fill_gap(PACKET));
    assert_eq!((playout.next, playout.pcm.pending().len(), playout.stats.played), (960, 960, 2));
    let error = click(playout.pcm.pending());
    assert!(error < 700.0, "{error}");
}

/// What the playout wants of a delay of 60 ms.
fn goal() -> crate::jitter::delay::goal::Goal {
    crate::jitter::delay::goal::Goal {
        target_ms: 60.0,
        start_ms: 50.0,
        max_ms: 500.0,
        patience_ms: 80.0,
        adapt: true,
        settles: false,
        rewind: true,
        conceal: true,
        hold: false,
    }
}

#[test]
fn what_came_after_all_is_gone_back_to_if_the_delay_allows_it() {
    // Position 0 was at time 0; 40 ms were made up from position 480 on.
    for (now_ms, back) in [(120_u64, true), (400, false)] {
        let (mut writer, mut playout) = playout();
        say(&mut playout, &sine(0, 480));
        hear(&mut playout, 480);
        playout.underrun = Some(playout.next);
        playout.continue_past(320);
        hear(&mut playout, 320);
        bring(&mut writer, &mut playout, 3, &sine(480, PACKET));
        playout.rewind(now_ms * 1_000_000, &goal());
        // At 120 ms, position 800 is 20 ms late, and 480 would be 60; at 400 ms it is far too late.
        assert_eq!(playout.next, if back { 480 } else { 800 }, "{now_ms}");
    }
}

#[test]
fn what_was_never_sent_is_told_from_what_was_lost() {
    for (number, pause) in [(3, true), (6, false)] {
        let (mut writer, mut playout) = playout();
        bring(&mut writer, &mut playout, 0, &sine(0, PACKET));
        bring(&mut writer, &mut playout, 1, &sine(0, PACKET));
        playout.next = 0;
        assert!(playout.take() && playout.take());
        assert_eq!(playout.is_pause(), None, "nobody knows yet");
        playout.continue_past(4 * PACKET);
        // The timestamp is that of packet 6; the sequence number tells what lies between.
        bring(&mut writer, &mut playout, 6, &sine(0, PACKET));
        let entry = playout.window.remove(0).unwrap();
        let sequence = if pause { 2 } else { number };
        playout.window.insert(Entry { sequence, ..entry }).unwrap();
        assert!(playout.take());
        let stats = &playout.stats;
        let counted = (stats.comfort_noise_samples, stats.concealed_samples);
        assert_eq!(counted, if pause { (640, 0) } else { (0, 640) }, "{number}");
    }
}

#[test]
fn silence_that_headers_tell_is_slept_through_and_its_end_kept() {
    let (mut writer, mut playout) = playout();
    playout.sleep.set_threshold(Some(100));
    playout.next = 0;
    for number in 0..10 {
        bring(&mut writer, &mut playout, number, &sine(0, PACKET));
        let entry = playout.window.remove(0).unwrap();
        let level_dbov = if number < 9 { 127 } else { 20 };
        playout.window.insert(Entry { level_dbov, ..entry }).unwrap();
        assert!(playout.take());
        hear(&mut playout, PACKET);
    }
    assert_eq!((playout.stats.skipped_decodes, playout.stats.played), (6, 10));
    assert!(!playout.is_asleep());
    assert!(click(playout.pcm.all().last_of(PACKET)) < 700.0, "awake again");
}
