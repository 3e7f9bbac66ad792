// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings: what lies where in the files, read with another's reader, after all that can befall them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use ale_media::tap::Purpose;
use ale_media_sinks::files::{Clock, Recorder, Recording, RecordingConfig, Speaker, recover};

mod room;

use room::{Folder, Room, TICK_NS};

fn speaker(who: &str) -> Speaker {
    Speaker { who: who.into(), call: None, notice_version: Some(3) }
}

/// A file's samples, by a reader that was not written here.
fn samples(path: &Path) -> Vec<i16> {
    let mut reader = hound::WavReader::open(path).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (1, 8_000));
    reader.samples().map(Result::unwrap).collect()
}

fn index(folder: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join("index.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

/// What somebody says whose clock goes wrong by so many ppm: the number of each sample by that clock, as a leg has
/// it that follows the clock; never 0.
fn said(at: u64, ppm: i64) -> i16 {
    let own = at as i64 + (at as i64 * ppm).div_euclid(1_000_000);
    (own % 32_749 + 1) as i16
}

#[test]
fn an_hour_of_two_speakers_is_aligned_to_the_sample() {
    const HOUR: u64 = 360_000;
    const PPM: [i64; 2] = [100, -100];
    let (folder, mut room) = (Folder::new("hour"), Room::of(2));
    let mut recording = Recording::open(&RecordingConfig::new(&folder.0)).unwrap();
    for (who, name) in ["Anna", "Ben"].into_iter().enumerate() {
        recording.add(speaker(name), room.tap(who, Purpose::Record));
    }
    room.grant(0, Purpose::Record);
    let begins = [0, 1_234];
    // The second agrees later, withdraws for a while, and the disk stands still once; ticks are missed, too.
    let away = 100_000..130_007;
    let stalled = 200_000..200_300;
    let mut tick = 0;
    while tick < HOUR {
        if tick == begins[1] || tick == away.end {
            room.grant(1, Purpose::Record);
        } else if tick == away.start {
            room.withdraw(1);
        }
        room.tick_of(|who| std::array::from_fn(|n| said(tick * 80 + n as u64, PPM[who])));
        tick += 1;
        if tick % 9_973 == 0 {
            room.now_ns += 2 * TICK_NS;
            tick += 2;
        }
        if tick % 20 == 0 && !stalled.contains(&tick) || tick == away.start {
            recording.work(tick * TICK_NS / 100); // The disk need not be waited for so often.
        }
    }
    let stats = recording.finish();
    assert_eq!((stats.files, stats.failures, stats.late_samples), (2, 0, 0));
    // Of what had not been looked at the oldest gave way, but for the second that a tap holds at least.
    let lost = stalled.start - 20..stalled.start - 20 + stats.lost_frames / 2;
    assert!(lost.end > stalled.start && lost.end <= stalled.end - 100, "{lost:?}");
    for (who, name) in ["0000-Anna.wav", "0001-Ben.wav"].into_iter().enumerate() {
        let heard = samples(&folder.0.join(name));
        let begin = begins[who] * 80;
        assert_eq!(heard.len() as u64 + begin, HOUR * 80);
        let mut silent = 0_u64;
        for (at, sample) in (begin..).zip(&heard) {
            if *sample == 0 {
                silent += 1;
            } else {
                assert_eq!(*sample, said(at, PPM[who]), "{name} at {at}");
                let tick = at / 80;
                assert!(!lost.contains(&tick) && (who == 0 || !away.contains(&tick)), "{tick}");
            }
        }
        // What was missed, lost, or not agreed to.
        let is_missed = |tick: &u64| tick % 9_973 < 2 && *tick >= 9_973;
        let expected = (begins[who]..HOUR)
            .filter(|t| is_missed(t) || lost.contains(t) || (who == 1 && away.contains(t)))
            .count() as u64;
        assert_eq!(silent, expected * 80, "{name}");
    }
    let index = index(&folder.0);
    for (line, (who, begin)) in index.iter().zip([("Anna", 0), ("Ben", begins[1])]) {
        assert_eq!((line["who"].as_str(), line["purpose"].as_str()), (Some(who), Some("record")));
        assert_eq!(line["start_ns"].as_u64(), Some(begin * TICK_NS));
        assert_eq!(line["lost_seconds"].as_f64(), Some((lost.end - lost.start) as f64 / 100.0));
        assert_eq!(line["seconds"].as_f64(), Some((HOUR - begin) as f64 / 100.0));
    }
}

/// Three seconds, looked at every 100 ms, as a [`Recorder`] does.
fn three_seconds(room: &mut Room, recording: &mut Recording) {
    for tick in 1..=300 {
        room.tick(tick);
        if tick % 10 == 0 {
            recording.work(tick as u64 * TICK_NS);
        }
    }
}

#[test]
fn a_crash_in_the_middle_leaves_all_but_the_last_second() {
    let (folder, mut room) = (Folder::new("crash"), Room::of(1));
    room.grant(0, Purpose::Record);
    let mut config = RecordingConfig::new(&folder.0);
    config.clock = Some(Clock { ticks_ns: 5 * TICK_NS, unix_ns: 1_700_000_000_000_000_000 });
    room.now_ns = 7 * TICK_NS;
    let mut recording = Recording::open(&config).unwrap();
    recording.add(speaker("Anna"), room.tap(0, Purpose::Record));
    three_seconds(&mut room, &mut recording);
    assert_eq!(recover(&folder.0).unwrap_err().kind, ErrorKind::ResourceBusy);
    assert_eq!(Recording::open(&config).unwrap_err().kind, ErrorKind::ResourceBusy);
    room.tick(301);
    drop(recording);
    let part = folder.0.join("0000-Anna.wav.part");
    let header = |path: &Path| hound::WavReader::open(path).unwrap().duration();
    assert!(header(&part) >= 2 * 8_000, "also without recovery");
    // The line was being written, as was a sample.
    fs::write(folder.0.join("index.jsonl"), "{\"file\":\"0000-An").unwrap();
    fs::write(folder.0.join("9-x.wav.part"), "RIFF").unwrap();
    let mut bytes = fs::read(&part).unwrap();
    bytes.push(7);
    fs::write(&part, bytes).unwrap();
    let found = recover(&folder.0).unwrap();
    assert_eq!((found.files.len(), found.left.len()), (1, 1));
    assert_eq!(found.left[0].kind, ErrorKind::InvalidData);
    assert_eq!(names(&folder.0), ["0000-Anna.wav", "9-x.wav.part", "index.jsonl"]);
    // Half a sample is cut off: RIFF's own length is all there is.
    let bytes = fs::read(folder.0.join("0000-Anna.wav")).unwrap();
    assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize, bytes.len() - 8);
    let heard = samples(&folder.0.join("0000-Anna.wav"));
    let expected: Vec<i16> = (1..=300).flat_map(|tick| [tick; 80]).collect();
    assert_eq!(heard, expected, "all but what nobody had looked at yet");
    let index = index(&folder.0);
    assert_eq!(index.len(), 1);
    assert_eq!(index[0]["start_unix_ns"].as_u64(), Some(1_700_000_000_020_000_000));
    assert_eq!(index[0]["notice_version"].as_u64(), Some(3));
    assert_eq!((&index[0]["complete"], &index[0]["seconds"]), (&false.into(), &3.0.into()));
    assert_eq!(recover(&folder.0).unwrap().files, [], "nothing left to do");
}

#[test]
fn a_crash_between_line_and_name_makes_no_second_line() {
    let (folder, mut room) = (Folder::new("between"), Room::of(1));
    room.grant(0, Purpose::Record);
    let mut recording = Recording::open(&RecordingConfig::new(&folder.0)).unwrap();
    recording.add(speaker("Anna"), room.tap(0, Purpose::Record));
    three_seconds(&mut room, &mut recording);
    assert_eq!(recording.finish().files, 1);
    let name = folder.0.join("0000-Anna.wav");
    let whole = fs::read(&name).unwrap();
    fs::rename(&name, folder.0.join("0000-Anna.wav.part")).unwrap();
    assert_eq!(recover(&folder.0).unwrap().files.len(), 1);
    assert_eq!((fs::read(&name).unwrap(), index(&folder.0).len()), (whole, 1));
    // One that would take another's place stays.
    fs::copy(&name, folder.0.join("0000-Anna.wav.part")).unwrap();
    assert_eq!(recover(&folder.0).unwrap().left[0].kind, ErrorKind::AlreadyExists);
}

#[test]
fn nothing_of_after_a_withdrawal_is_in_a_file_and_who_is_silent_has_none() {
    let (folder, mut room) = (Folder::new("withdrawal"), Room::of(2));
    let recorder = Recorder::start(&RecordingConfig::new(&folder.0)).unwrap();
    for (who, name) in ["Anna", "Ben"].into_iter().enumerate() {
        recorder.add(speaker(name), room.tap(who, Purpose::Record)).unwrap();
    }
    room.grant(0, Purpose::Record);
    for _ in 0..20 {
        room.tick(1);
    }
    // Until it has been read: the recorder's thread has its own time.
    while recorder.stats().frames < 20 {
        std::thread::yield_now();
    }
    // Words that are in the ring when they are withdrawn.
    room.tick(2);
    room.withdraw(0);
    for _ in 0..30 {
        room.tick(3);
    }
    room.grant(0, Purpose::Record);
    for _ in 0..5 {
        room.tick(4);
    }
    let (stats, errors) = recorder.finish();
    assert_eq!((stats.files, errors.as_slice()), (1, &[][..]));
    assert_eq!(names(&folder.0), ["0000-Anna.wav", "index.jsonl"]);
    let heard = samples(&folder.0.join("0000-Anna.wav"));
    let (before, after) = heard.split_at(20 * 80);
    assert_eq!(before, [1; 20 * 80]);
    // The one frame may have been read before it was withdrawn.
    assert!(after[..80].iter().all(|sample| [0, 2].contains(sample)));
    assert_eq!(after[80..31 * 80], [0; 30 * 80], "silence of its true length");
    assert_eq!(after[31 * 80..], [4; 5 * 80]);
}

#[test]
fn a_gap_too_long_for_a_file_begins_another_and_names_are_not_used_twice() {
    let (folder, mut room) = (Folder::new("long"), Room::of(1));
    room.grant(0, Purpose::Record);
    let mut config = RecordingConfig::new(&folder.0);
    config.max_file_bytes = 16_000;
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(folder.0.join("index.jsonl"), "{\"file\":\"0000-A_n").unwrap();
    for round in 0..2 {
        let mut recording = Recording::open(&config).unwrap();
        recording.add(speaker("A/nna"), room.tap(0, Purpose::Record));
        for _ in 0..60 {
            room.tick(5);
        }
        room.now_ns += 1_000_000 * TICK_NS;
        room.tick(6);
        room.tick(6);
        recording.work(0);
        assert_eq!(recording.finish().files, 2, "{round}");
    }
    assert_eq!(names(&folder.0)[..4], [0, 1, 2, 3].map(|n| format!("000{n}-A_nna.wav")));
    assert_eq!(samples(&folder.0.join("0000-A_nna.wav")), [5; 60 * 80]);
    assert_eq!(samples(&folder.0.join("0001-A_nna.wav")), [6; 2 * 80]);
    let index = index(&folder.0);
    assert_eq!(index.len(), 4, "a line that was torn is gone");
    let start = |n: usize| index[n]["start_ns"].as_u64().unwrap();
    assert_eq!(start(1) - start(0), 1_000_060 * TICK_NS);
}

#[test]
fn a_disk_that_takes_nothing_is_told_by_name() {
    let folder = Folder::new("disk");
    fs::create_dir_all(&folder.0).unwrap();
    let file = folder.0.join("file");
    fs::write(&file, "").unwrap();
    let error = Recorder::start(&RecordingConfig::new(&file.join("below"))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotADirectory);
    assert!(error.to_string().contains("below"), "{error}");
    assert_eq!(recover(&folder.0.join("none")).unwrap_err().kind, ErrorKind::NotFound);

    // An index on a device that is always full.
    std::os::unix::fs::symlink("/dev/full", folder.0.join("index.jsonl")).unwrap();
    let mut room = Room::of(1);
    room.grant(0, Purpose::Record);
    let mut recording = Recording::open(&RecordingConfig::new(&folder.0)).unwrap();
    recording.add(speaker("Anna"), room.tap(0, Purpose::Record));
    room.tick(1);
    recording.work(0);
    room.control.leave(room.people[0].0).unwrap();
    room.tick(1);
    recording.work(0);
    let error = recording.next_error().unwrap();
    assert_eq!((error.kind, error.path), (ErrorKind::StorageFull, folder.0.join("index.jsonl")));
    assert_eq!((recording.tracks(), recording.next_error()), (0, None));
    // The sound is there, under the name of what is not whole.
    assert!(folder.0.join("0000-Anna.wav.part").exists());
    let stats = recording.finish();
    assert_eq!((stats.frames, stats.files, stats.failures), (1, 0, 1));
}
