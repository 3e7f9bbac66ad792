// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file of sound while it is written.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use super::place::Timeline;
use super::wav;

const SAMPLE_BYTES: u64 = 2;

/// What a file is written to.
pub(super) trait Store: Write + Seek {
    /// Returns when what has been written is safe.
    fn sync(&mut self) -> io::Result<()>;
}

impl Store for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A file of sound while it is written. Silence between frames is left out of what is written: a hole, which
/// reads as zeros and costs no disk.
#[derive(Debug)]
pub(super) struct Sound<S> {
    store: S,
    data_at: usize,
    timeline: Timeline,
    /// What is not written yet, and at which sample it begins.
    waiting: Vec<u8>,
    waiting_at: u64,
    late_samples: u64,
}

impl<S: Store> Sound<S> {
    /// Begins with a header.
    pub(super) fn begin(
        mut store: S,
        sample_rate_hz: u32,
        comment: &str,
        time_ns: u64,
    ) -> io::Result<Self> {
        let header = wav::header(sample_rate_hz, comment);
        store.write_all(&header)?;
        store.sync()?;
        Ok(Self {
            store,
            data_at: header.len(),
            timeline: Timeline::new(sample_rate_hz, time_ns),
            waiting: Vec::new(),
            waiting_at: 0,
            late_samples: 0,
        })
    }

    /// Whether a frame fits into a file of at most so many bytes of sound.
    pub(super) fn has_room(&self, time_ns: u64, samples: usize, most: u32) -> bool {
        let most = u64::from(most.min(wav::MAX_DATA_BYTES)) / SAMPLE_BYTES;
        self.timeline.samples_with(time_ns, samples) <= most
    }

    /// Adds a frame.
    pub(super) fn add(&mut self, time_ns: u64, pcm: &[i16]) -> io::Result<()> {
        let place = self.timeline.place(time_ns, pcm.len());
        if place.silence > 0 {
            self.write()?;
            self.waiting_at += place.silence;
        }
        self.late_samples += place.overlap as u64;
        let new = pcm.get(place.overlap..).unwrap_or_default();
        self.waiting.extend(new.iter().flat_map(|sample| sample.to_le_bytes()));
        Ok(())
    }

    /// Gives what waits to the system. What a withdrawal could still reach does not stay here.
    pub(super) fn write(&mut self) -> io::Result<()> {
        let at = self.data_at as u64 + self.waiting_at * SAMPLE_BYTES;
        self.store.seek(SeekFrom::Start(at))?;
        self.store.write_all(&self.waiting)?;
        self.waiting_at += self.waiting.len() as u64 / SAMPLE_BYTES;
        self.waiting.fill(0);
        self.waiting.clear();
        Ok(())
    }

    /// Makes what there is safe, and has the header say how much that is: never more than there is.
    pub(super) fn repair(&mut self) -> io::Result<()> {
        self.write()?;
        self.store.sync()?;
        let bytes = u32::try_from(self.waiting_at * SAMPLE_BYTES).unwrap_or(wav::MAX_DATA_BYTES);
        for (at, length) in wav::lengths(self.data_at, bytes) {
            self.store.seek(SeekFrom::Start(at))?;
            self.store.write_all(&length)?;
        }
        Ok(())
    }

    /// Ends it, safe: how many samples it has.
    pub(super) fn end(mut self) -> io::Result<u64> {
        self.repair()?;
        self.store.sync()?;
        Ok(self.timeline.samples())
    }

    pub(super) fn late_samples(&self) -> u64 {
        self.late_samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with so much room, and what of it has been made safe.
    #[derive(Default)]
    struct Disk {
        bytes: Vec<u8>,
        at: usize,
        room: usize,
        safe: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let end = self.at + bytes.len();
            if end > self.room {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.bytes.resize(self.bytes.len().max(end), 0);
            self.bytes[self.at..end].copy_from_slice(bytes);
            self.at = end;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Disk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            let SeekFrom::Start(at) = to else { return Err(io::ErrorKind::Unsupported.into()) };
            self.at = at as usize;
            Ok(at)
        }
    }

    impl Store for Disk {
        fn sync(&mut self) -> io::Result<()> {
            self.safe = self.bytes.clone();
            Ok(())
        }
    }

    /// Looked at after every 100 ms, and repaired every half second, as a recording is.
    #[test]
    fn what_is_safe_is_less_than_a_second_behind_and_its_header_says_no_more_than_there_is() {
        let disk = Disk { room: usize::MAX, ..Disk::default() };
        let mut sound = Sound::begin(disk, 8_000, "{}", 0).unwrap();
        for frame in 0..1_000_u64 {
            // A gap of three seconds in the middle.
            let time_ns = (frame + 300 * u64::from(frame >= 500)) * 10_000_000;
            sound.add(time_ns, &[frame as i16 + 1; 80]).unwrap();
            match (frame + 1) % 50 {
                0 => sound.repair().unwrap(),
                n if n % 10 == 0 => sound.write().unwrap(),
                _ => (),
            }
            let safe = &sound.store.safe;
            let header = wav::parse(safe).unwrap();
            let there = safe.len() - header.data_at;
            assert!(header.data_bytes as usize <= there);
            let frames = safe[header.data_at..].chunks(160).filter(|pcm| pcm[0] | pcm[1] != 0);
            assert!(frames.count() as u64 + 100 > frame + 1, "frame {frame}");
            let at = header.data_at + 160 * (there / 160).saturating_sub(1);
            assert!(there == 0 || safe[at..at + 2] == (sound_at(there) as i16).to_le_bytes());
        }
        assert_eq!(sound.late_samples(), 0);
        assert_eq!(sound.end().unwrap(), 1_300 * 80);
    }

    /// What lies in the last frame of so many bytes.
    fn sound_at(bytes: usize) -> usize {
        let frames = bytes / 160;
        if frames > 500 { frames - 300 } else { frames }
    }

    #[test]
    fn a_full_disk_is_an_error_and_what_was_safe_stays_so() {
        let mut sound =
            Sound::begin(Disk { room: 1_000, ..Disk::default() }, 8_000, "", 0).unwrap();
        sound.add(0, &[7; 400]).unwrap();
        sound.repair().unwrap();
        sound.add(50_000_000, &[8; 80]).unwrap();
        let header = wav::parse(&sound.store.safe).unwrap().data_at;
        assert_eq!(sound.store.safe.len(), header + 800);
        assert_eq!(sound.write().unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(sound.end().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
