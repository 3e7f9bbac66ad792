// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording: taps on the one side, a folder on the other, and time as an argument.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ale_media::tap::TapReader;

use super::index::{Entry, plain};
use super::writer::{Format, Writer};
use super::{PART, RecordError, wav};

pub(super) const INDEX: &str = "index.jsonl";
/// Between two times that headers are repaired and sound is made safe: with what waits in a tap until it is looked
/// at, less than a second.
const REPAIR_NS: u64 = 500_000_000;
const FRAMES_HZ: f64 = 100.0;
/// Of names that a header has to hold.
const WHO_CHARS: usize = 200;
/// Bytes of a character at most, as the header escapes it.
const ESCAPED_BYTES: usize = 6;
/// Failures that wait to be read.
const ERRORS: usize = 64;

/// How the ticks' clock stands to that of the world: one moment by both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// By the ticks'.
    pub ticks_ns: u64,
    /// Since 1970.
    pub unix_ns: u64,
}

/// Where a recording goes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecordingConfig {
    /// The folder, which is made if it is not there. A folder may hold several recordings, one after the other.
    pub folder: PathBuf,
    /// For the index, where it is known.
    pub clock: Option<Clock>,
    /// The most sound in a file, in bytes: one that gets longer, by a gap for example, goes on in another.
    pub max_file_bytes: u32,
    /// What files are like.
    pub format: Format,
}

impl RecordingConfig {
    /// One of WAV files that hold up to 2 GiB.
    pub fn new(folder: &Path) -> Self {
        let (folder, max_file_bytes) = (folder.to_owned(), i32::MAX as u32);
        Self { folder, clock: None, max_file_bytes, format: Format::Wav }
    }
}

/// Whose voice a tap is.
#[derive(Debug, Clone, Default)]
pub struct Speaker {
    /// As the host calls it: any text, of which the first 200 characters count.
    pub who: String,
    /// In which call, where a folder has several: any text, of which the first 200 characters count.
    pub call: Option<String>,
    /// Which text the person was shown.
    pub notice_version: Option<u32>,
}

/// What a recording has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RecordingStats {
    /// Frames of 10 ms written.
    pub frames: u64,
    /// Frames that the taps have lost, because the disk was slower than the call.
    pub lost_frames: u64,
    /// Samples that came too late, and were left out.
    pub late_samples: u64,
    /// Files that are whole.
    pub files: u64,
    /// Files, or the index, that could not be written.
    pub failures: u64,
}

/// Writes taps to files. Dropped without [`Recording::finish`] it leaves what a crash leaves.
#[derive(Debug)]
pub struct Recording {
    config: RecordingConfig,
    index: File,
    tracks: Vec<Track>,
    number: u32,
    repaired_ns: u64,
    stats: RecordingStats,
    errors: VecDeque<RecordError>,
}

/// A tap, and the file it is written to.
#[derive(Debug)]
struct Track {
    speaker: Speaker,
    tap: TapReader,
    pcm: Vec<i16>,
    open: Option<Open>,
}

/// A file that is being written.
#[derive(Debug)]
struct Open {
    entry: Entry,
    part: PathBuf,
    sound: Writer<File>,
    lost_frames: u64,
}

impl Recording {
    /// Opens a folder for a recording.
    ///
    /// # Errors
    /// [`RecordError`]: the folder can't be made or written to, or another recording is being written there.
    pub fn open(config: &RecordingConfig) -> Result<Self, RecordError> {
        fs::create_dir_all(&config.folder).map_err(RecordError::at(&config.folder))?;
        let index = open_index(&config.folder)?;
        let number = next_number(&config.folder).map_err(RecordError::at(&config.folder))?;
        Ok(Self {
            config: config.clone(),
            index,
            tracks: Vec::new(),
            number,
            repaired_ns: 0,
            stats: RecordingStats::default(),
            errors: VecDeque::new(),
        })
    }

    /// Takes a tap in: what it gives goes to a file of its own, begun with its first frame.
    pub fn add(&mut self, mut speaker: Speaker, tap: TapReader) {
        speaker.who = cut_name(&speaker.who);
        speaker.call = speaker.call.as_deref().map(cut_name);
        let pcm = vec![0; tap.frame_samples()];
        self.tracks.push(Track { speaker, tap, pcm, open: None });
    }

    /// Writes what waits in the taps, and ends files whose taps have ended. To be called several times a second,
    /// with a clock of any origin that does not go back.
    pub fn work(&mut self, now_ns: u64) {
        let repairs = now_ns.saturating_sub(self.repaired_ns) >= REPAIR_NS;
        if repairs {
            self.repaired_ns = now_ns;
        }
        for mut track in std::mem::take(&mut self.tracks) {
            // Looked at first: what came before the end is read then.
            let is_ended = track.tap.is_ended();
            match self.step(&mut track, repairs) {
                Ok(()) if is_ended => self.end(track),
                Ok(()) => self.tracks.push(track),
                // The tap ends with the track, which its event tells.
                Err(error) => self.fail(error),
            }
        }
    }

    /// Writes what waits, and ends all files.
    pub fn finish(mut self) -> RecordingStats {
        self.end_all();
        self.stats
    }

    pub(super) fn end_all(&mut self) {
        for mut track in std::mem::take(&mut self.tracks) {
            match self.step(&mut track, false) {
                Ok(()) => self.end(track),
                Err(error) => self.fail(error),
            }
        }
    }

    /// What it has done.
    pub fn stats(&self) -> RecordingStats {
        self.stats
    }

    /// The oldest failure that has not been read.
    pub fn next_error(&mut self) -> Option<RecordError> {
        self.errors.pop_front()
    }

    /// Taps that are being written.
    pub fn tracks(&self) -> usize {
        self.tracks.len()
    }

    fn fail(&mut self, error: RecordError) {
        self.stats.failures += 1;
        if self.errors.len() < ERRORS {
            self.errors.push_back(error);
        }
    }

    fn step(&mut self, track: &mut Track, repairs: bool) -> Result<(), RecordError> {
        while let Some(frame) = track.tap.read(&mut track.pcm) {
            self.stats.frames += 1;
            self.stats.lost_frames += frame.lost_frames;
            let most = self.config.max_file_bytes;
            let fits = |open: &Open| open.sound.has_room(frame.time_ns, frame.samples, most);
            if track.open.as_ref().is_some_and(|open| !fits(open))
                && let Some(full) = track.open.take()
            {
                self.close(full)?;
            }
            let open = match &mut track.open {
                Some(open) => open,
                none => none.insert(self.begin(&track.speaker, &track.tap, frame.time_ns)?),
            };
            open.lost_frames += frame.lost_frames;
            let late = open.sound.late_samples();
            open.sound.add(frame.time_ns, &track.pcm).map_err(RecordError::at(&open.part))?;
            self.stats.late_samples += open.sound.late_samples() - late;
        }
        track.pcm.fill(0);
        let Some(open) = &mut track.open else { return Ok(()) };
        let written = if repairs { open.sound.repair() } else { open.sound.write() };
        written.map_err(RecordError::at(&open.part))
    }

    fn begin(
        &mut self,
        speaker: &Speaker,
        tap: &TapReader,
        start_ns: u64,
    ) -> Result<Open, RecordError> {
        let file = format!(
            "{:04}-{}.{}",
            self.number,
            plain(&speaker.who),
            self.config.format.extension()
        );
        self.number = self.number.saturating_add(1);
        let config = tap.config();
        let unix_ns = |clock: Clock| {
            let ns = i128::from(clock.unix_ns) + i128::from(start_ns) - i128::from(clock.ticks_ns);
            u64::try_from(ns).ok()
        };
        let entry = Entry {
            who: speaker.who.clone(),
            call: speaker.call.clone(),
            purpose: config.purpose.name().to_owned(),
            sink: config.sink.0,
            notice_version: speaker.notice_version,
            start_ns,
            start_unix_ns: self.config.clock.and_then(unix_ns),
            rate_hz: config.sample_rate_hz,
            samples: 0,
            seconds: 0.0,
            lost_seconds: None,
            late_samples: None,
            complete: false,
            file,
        };
        let part = self.config.folder.join(entry.file.clone() + PART);
        let store = OpenOptions::new().write(true).create_new(true).open(&part);
        let sound = store
            .and_then(|store| Writer::begin(self.config.format, store, &entry, start_ns))
            .map_err(RecordError::at(&part))?;
        Ok(Open { entry, part, sound, lost_frames: 0 })
    }

    fn end(&mut self, mut track: Track) {
        if let Some(open) = track.open.take()
            && let Err(error) = self.close(open)
        {
            self.fail(error);
        }
    }

    fn close(&mut self, open: Open) -> Result<(), RecordError> {
        let Open { mut entry, part, sound, lost_frames } = open;
        entry.lost_seconds = Some(lost_frames as f64 / FRAMES_HZ);
        entry.late_samples = Some(sound.late_samples());
        entry.complete = true;
        entry.set_samples(sound.end().map_err(RecordError::at(&part))?);
        publish(&self.config.folder, &mut self.index, &part, &entry, true)?;
        self.stats.files += 1;
        Ok(())
    }
}

/// As much of a name as a header holds.
fn cut_name(name: &str) -> String {
    name.chars().take(WHO_CHARS).collect()
}

/// Lets a file appear whose sound is safe: first its line, then its name, so that a crash between the two leaves
/// something that is found.
pub(super) fn publish(
    folder: &Path,
    index: &mut File,
    part: &Path,
    entry: &Entry,
    adds_line: bool,
) -> Result<(), RecordError> {
    if adds_line {
        let added = index.write_all(entry.line().as_bytes()).and_then(|()| index.sync_data());
        added.map_err(RecordError::at(&folder.join(INDEX)))?;
    }
    let name = folder.join(&entry.file);
    // Nobody else makes names here while the index is locked.
    if name.exists() {
        return Err(RecordError { path: name, kind: io::ErrorKind::AlreadyExists });
    }
    fs::rename(part, &name).map_err(RecordError::at(part))?;
    // Some systems can't open a folder to make its names safe: then a crash may bring `.part` back.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// Opens the index to append to whole lines, locked until it is closed, by a crash too.
pub(super) fn open_index(folder: &Path) -> Result<File, RecordError> {
    let path = folder.join(INDEX);
    let index = OpenOptions::new().read(true).append(true).create(true).open(&path);
    let mut index = lock(index.map_err(RecordError::at(&path))?, &path)?;
    cut(&mut index).map_err(RecordError::at(&path))?;
    Ok(index)
}

fn lock(index: File, path: &Path) -> Result<File, RecordError> {
    match index.try_lock() {
        Ok(()) => Ok(index),
        Err(TryLockError::WouldBlock) => {
            Err(RecordError { path: path.to_owned(), kind: io::ErrorKind::ResourceBusy })
        }
        // Where files can't be locked, the host sees to it that there is one.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(index),
        Err(TryLockError::Error(error)) => Err(RecordError::at(path)(error)),
    }
}

/// Cuts a line off that a crash has not let be written to its end: what it was about is a `.part` still.
fn cut(index: &mut File) -> io::Result<()> {
    let length = index.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        index.seek(SeekFrom::Start(length - 1))?;
        index.read_exact(&mut last)?;
    }
    if last == [b'\n'] {
        return Ok(());
    }
    let mut bytes = Vec::new();
    index.seek(SeekFrom::Start(0))?;
    index.take(length).read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    index.set_len(whole as u64)?;
    index.sync_data()
}

/// The number behind the highest that a file's name begins with.
fn next_number(folder: &Path) -> io::Result<u32> {
    let mut next = 0;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.split_once('-')?.0.parse::<u32>().ok());
        next = next.max(number.map_or(0, |number| number.saturating_add(1)));
    }
    Ok(next)
}

// A line fits into a header, however its names are escaped.
const _: () = assert!(wav::MAX_HEADER_BYTES > 1_024 + 2 * ESCAPED_BYTES * WHO_CHARS);
