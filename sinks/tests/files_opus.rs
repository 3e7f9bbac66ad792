// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings as Opus in Ogg: what lies where, read with another's reader and libopus, and what a crash leaves.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use ale_media::codec::Decoder;
use ale_media::codec::opus::OpusDecoder;
use ale_media::tap::Purpose;
use ale_media_sinks::files::{Format, Recording, RecordingConfig, Speaker, recover};

mod room;

use room::{Folder, Room, TICK_NS};

fn config(folder: &Path) -> RecordingConfig {
    let mut config = RecordingConfig::new(folder);
    config.format = Format::Opus { bit_rate_bps: 32_000 };
    config
}

fn speaker() -> Speaker {
    Speaker { who: "Anna".into(), ..Speaker::default() }
}

/// All samples of a file at 8 kHz, between its first and its last by RFC 7845.
fn decoded(path: &Path) -> Vec<i16> {
    let mut reader = ogg::PacketReader::new(File::open(path).unwrap());
    let head = reader.read_packet_expected().unwrap().data;
    assert_eq!(&head[..10], b"OpusHead\x01\x01");
    let pre_skip = usize::from(u16::from_le_bytes([head[10], head[11]]));
    assert!(reader.read_packet_expected().unwrap().data.starts_with(b"OpusTags"));
    let mut decoder = OpusDecoder::new(8_000, 1).unwrap();
    let (mut pcm, mut end) = (Vec::new(), None);
    while let Some(packet) = reader.read_packet().unwrap() {
        let mut frame = [0; 160];
        assert_eq!(decoder.decode(&packet.data, &mut frame), Ok(160));
        pcm.extend(frame);
        end = Some(packet.absgp_page()).filter(|_| packet.last_in_stream());
    }
    let end = end.expect("the last page says that it is") as usize;
    pcm.truncate(end / 6);
    pcm.split_off(pre_skip / 6)
}

/// A tone that rises, so that it is like itself at its own place only.
fn said(at: u64) -> i16 {
    let t = at as f64 / 8_000.0;
    (6_000.0 * (std::f64::consts::TAU * (300.0 * t + 60.0 * t * t)).sin()) as i16
}

/// How like two stretches are: 1 for the same.
fn likeness(one: &[i16], other: &[i16]) -> f64 {
    let sum = |a: &[i16], b: &[i16]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    sum(one, other) / (sum(one, one) * sum(other, other)).sqrt().max(1.0)
}

#[test]
fn sound_lies_where_its_time_says_and_what_was_withdrawn_is_silence() {
    let (folder, mut room) = (Folder::new("opus"), Room::of(1));
    let mut recording = Recording::open(&config(&folder.0)).unwrap();
    recording.add(speaker(), room.tap(0, Purpose::Record));
    room.grant(0, Purpose::Record);
    // An odd number of frames, of which a second is not agreed to.
    for tick in 0..501_u64 {
        match tick {
            200 => room.withdraw(0),
            300 => room.grant(0, Purpose::Record),
            _ => (),
        }
        room.tick_of(|_| std::array::from_fn(|n| said(tick * 80 + n as u64)));
        if tick % 10 == 9 {
            recording.work(tick * TICK_NS);
        }
    }
    assert_eq!(recording.finish().files, 1);
    let heard = decoded(&folder.0.join("0000-Anna.opus"));
    assert_eq!(heard.len(), 501 * 80);
    let whole: Vec<i16> = (0..501 * 80).map(said).collect();
    for span in [2_000..15_000, 26_000..39_000] {
        let at = |lag: usize| {
            likeness(&whole[span.clone()], &heard[span.start + lag - 8..span.end + lag - 8])
        };
        let best = (0..17).max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap();
        // To a sample of 125 us; libopus' own delay is 6.5 ms, 52 samples.
        assert!(best.abs_diff(8) <= 1 && at(best) > 0.9, "{best}: {}", at(best));
    }
    // After what a codec lets ring.
    assert!(heard[16_400..23_900].iter().all(|sample| sample.abs() < 40), "withdrawn");
    let index = fs::read_to_string(folder.0.join("index.jsonl")).unwrap();
    assert!(index.contains("\"seconds\":5.01,"), "{index}");
}

#[test]
fn a_crash_loses_less_than_a_second_and_what_is_left_is_a_whole_file() {
    let (folder, mut room) = (Folder::new("opus-crash"), Room::of(1));
    let mut recording = Recording::open(&config(&folder.0)).unwrap();
    recording.add(speaker(), room.tap(0, Purpose::Record));
    room.grant(0, Purpose::Record);
    for tick in 1..=300_u64 {
        room.tick_of(|_| std::array::from_fn(|n| said(tick * 80 + n as u64)));
        if tick % 10 == 0 {
            recording.work(tick * TICK_NS);
        }
    }
    drop(recording);
    let part = folder.0.join("0000-Anna.opus.part");
    // A page that was not written to its end.
    let mut file = OpenOptions::new().append(true).open(&part).unwrap();
    file.write_all(b"OggS\0\0and half of what").unwrap();
    drop(file);
    let found = recover(&folder.0).unwrap();
    assert!(found.left.is_empty() && found.files.len() == 1, "{found:?}");
    let heard = decoded(&folder.0.join("0000-Anna.opus"));
    assert_eq!(heard.len() as u64, found.files[0].samples);
    assert!((2 * 8_000..3 * 8_000).contains(&heard.len()), "{}", heard.len());
    assert!(!found.files[0].complete && found.files[0].who == "Anna");
    assert_eq!(recover(&folder.0).unwrap().files, []);
}

#[test]
fn a_gap_of_more_than_a_minute_is_no_file_of_silence() {
    let (folder, mut room) = (Folder::new("opus-gap"), Room::of(1));
    let mut recording = Recording::open(&config(&folder.0)).unwrap();
    recording.add(speaker(), room.tap(0, Purpose::Record));
    room.grant(0, Purpose::Record);
    room.tick(1_000);
    // A clock that jumps by a year.
    room.now_ns += 365 * 24 * 3_600 * 1_000_000_000;
    room.tick(1_000);
    recording.work(0);
    let stats = recording.finish();
    assert_eq!((stats.files, stats.failures), (2, 0));
    assert_eq!(decoded(&folder.0.join("0001-Anna.opus")).len(), 80);
}

/// What a folder holds, as a vCon: only with everybody's consent.
#[test]
fn a_vcon_names_what_was_recorded_and_who_has_agreed_or_there_is_none() {
    use ale_media::tap::{Basis, Grant};
    use ale_media_sinks::files::Clock;
    use ale_media_sinks::vcon::{Agreed, Export, ExportError, export};
    let (folder, mut room) = (Folder::new("vcon"), Room::of(1));
    let mut config = config(&folder.0);
    config.clock = Some(Clock { ticks_ns: 0, unix_ns: 1_767_225_600_000_000_000 });
    let mut recording = Recording::open(&config).unwrap();
    recording.add(speaker(), room.tap(0, Purpose::Record));
    room.grant(0, Purpose::Record);
    for _ in 0..100 {
        room.tick(1_000);
    }
    recording.finish();
    let what = Export {
        uuid: "018e0000-0000-8000-8000-000000000000",
        subject: "A test",
        base_url: "https://archive.example/",
        created_unix_ns: 1_767_225_700_000_000_000,
    };
    let refused = export(&folder.0, &what, &[]);
    assert!(matches!(refused, Err(ExportError::NotAgreed { who, .. }) if who == "Anna"));
    let grant = Grant {
        purposes: Purpose::Transcribe.into(),
        basis: Basis::Consent,
        sink: room::SINK,
        notice_version: 3,
        until_ns: None,
    };
    let at_unix_ns = 1_767_225_599_000_000_000;
    let mut agreed = Agreed { who: "Anna".into(), grant, at_unix_ns, withdrawn_unix_ns: None };
    let other = export(&folder.0, &what, std::slice::from_ref(&agreed));
    assert!(matches!(other, Err(ExportError::NotAgreed { .. })), "to something else");
    agreed.grant.purposes = Purpose::Record.into();
    let vcon = export(&folder.0, &what, &[agreed]).unwrap();
    let dialog = &vcon["dialog"][0];
    assert_eq!(dialog["start"], "2026-01-01T00:00:00.000Z");
    assert_eq!(dialog["url"], "https://archive.example/0000-Anna.opus");
    assert_eq!((&dialog["parties"][0], dialog["duration"].as_f64()), (&0.into(), Some(1.0)));
    assert_eq!(vcon["parties"][0]["name"], "Anna");
    let consent: serde_json::Value =
        serde_json::from_str(vcon["attachments"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        consent["consents"][0],
        serde_json::json!({"consent": "record", "status": "granted"})
    );
    assert_eq!(consent["basis"], "GDPR Article 6(1)(a)");
}

/// By ffmpeg's own reader and decoder.
#[test]
#[ignore = "needs ffmpeg: make sinks-peers"]
fn ffmpeg_plays_all_of_a_file_without_a_complaint() {
    use std::process::Command;
    let (folder, mut room) = (Folder::new("opus-ffmpeg"), Room::of(1));
    let mut recording = Recording::open(&config(&folder.0)).unwrap();
    recording.add(speaker(), room.tap(0, Purpose::Record));
    room.grant(0, Purpose::Record);
    for tick in 0..1_001_u64 {
        room.tick_of(|_| std::array::from_fn(|n| said(tick % 500 * 80 + n as u64)));
        if tick % 10 == 9 {
            recording.work(tick * TICK_NS);
        }
    }
    recording.finish();
    let file = folder.0.join("0000-Anna.opus");
    let raw = ["-f", "s16le", "-ar", "48000", "-ac", "1", "-"];
    let out = Command::new("ffmpeg").args(["-v", "warning", "-i"]).arg(file).args(raw).output();
    let out = out.unwrap();
    assert!(
        out.status.success() && out.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert_eq!(out.stdout.len(), 1_001 * 960);
}
