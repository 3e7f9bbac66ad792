// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a crash has left, finished.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::index::Entry;
use super::recording::{INDEX, open_index, publish};
use super::{PART, RecordError, ogg, wav};

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Recovered {
    /// Files that were finished.
    pub files: Vec<Entry>,
    /// Files in whose place there is another, or that are no recordings: begun, and nothing of it on the disk. They
    /// are left as they are.
    pub left: Vec<RecordError>,
}

/// Finishes the files that a crash has left in a folder, with the sound that had reached the disk. To be called when
/// no recording is being written there; a second call finds nothing to do.
///
/// # Errors
/// [`RecordError`]: the folder or its index can't be read or written, or a recording is being written there.
pub fn recover(folder: &Path) -> Result<Recovered, RecordError> {
    let at_folder = RecordError::at(folder);
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder).map_err(&at_folder)? {
        let path = entry.map_err(&at_folder)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        // Nothing that only leads to a file.
        let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
        if let Some(name) = name.and_then(|name| name.strip_suffix(PART)).filter(|_| is_file) {
            parts.push((name.to_owned(), path));
        }
    }
    parts.sort();
    let mut index = open_index(folder)?;
    let listed = listed(&mut index).map_err(RecordError::at(&folder.join(INDEX)))?;
    let mut found = Recovered::default();
    for (name, part) in parts {
        let adds_line = !listed.contains(&name);
        let finished = finish(&part, name).map_err(RecordError::at(&part));
        match finished.and_then(|entry| {
            publish(folder, &mut index, &part, &entry, adds_line)?;
            Ok(entry)
        }) {
            Ok(entry) => found.files.push(entry),
            Err(error) => found.left.push(error),
        }
    }
    Ok(found)
}

/// The files that the index has.
fn listed(index: &mut File) -> io::Result<HashSet<String>> {
    let mut bytes = Vec::new();
    index.seek(SeekFrom::Start(0))?;
    index.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter_map(|line| Some(Entry::read(line)?.file)).collect())
}

/// Has a file say how much sound there is, and reads in it what its line is to say.
fn finish(part: &Path, name: String) -> io::Result<Entry> {
    let mut file = OpenOptions::new().read(true).write(true).open(part)?;
    let mut entry =
        if name.ends_with(".opus") { finish_opus(&mut file)? } else { finish_wav(&mut file)? };
    file.sync_all()?;
    entry.file = name;
    Ok(entry)
}

fn finish_wav(file: &mut File) -> io::Result<Entry> {
    let mut begin = Vec::new();
    Read::by_ref(file).take(wav::MAX_HEADER_BYTES as u64).read_to_end(&mut begin)?;
    let header = wav::parse(&begin).map_err(|_| malformed())?;
    let mut entry = Entry::read(header.comment).ok_or_else(malformed)?;
    let bytes = file.metadata()?.len().saturating_sub(header.data_at as u64);
    // Whole samples, as many as a header can tell.
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(wav::MAX_DATA_BYTES) & !1;
    file.set_len(header.data_at as u64 + u64::from(bytes))?;
    for (at, length) in wav::lengths(header.data_at, bytes) {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&length)?;
    }
    entry.rate_hz = header.sample_rate_hz;
    entry.set_samples(u64::from(bytes) / 2);
    Ok(entry)
}

/// Cuts off what is no whole page, and makes the last one the stream's.
fn finish_opus(file: &mut File) -> io::Result<Entry> {
    let mut pages = PagesOf { file, at: 0, bytes: Vec::new() };
    let head = pages.next()?.ok_or_else(malformed)?;
    let tags = pages.next()?.ok_or_else(malformed)?;
    let parsed = |bytes| ogg::parse(bytes).map_err(|_| malformed());
    let (pre_skip, sample_rate_hz, comment) =
        ogg::described(&parsed(&head)?, &parsed(&tags)?).ok_or_else(malformed)?;
    let mut entry = Entry::read(comment).ok_or_else(malformed)?;
    let mut last = tags.clone();
    while let Some(page) = pages.next()? {
        last = page;
    }
    let end = pages.at;
    let granule = parsed(&last)?.granule.saturating_sub(pre_skip.into());
    ogg::make_last(&mut last);
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end - last.len() as u64))?;
    file.write_all(&last)?;
    entry.rate_hz = sample_rate_hz;
    // In this order: no product of a file's own numbers is too large.
    entry.set_samples((u128::from(granule) * u128::from(sample_rate_hz) / 48_000) as u64);
    Ok(entry)
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// A file's whole pages, one after the other.
struct PagesOf<'a> {
    file: &'a mut File,
    at: u64,
    bytes: Vec<u8>,
}

impl PagesOf<'_> {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.bytes.clear();
        self.file.seek(SeekFrom::Start(self.at))?;
        let most = ogg::MAX_PAGE_BYTES as u64;
        Read::by_ref(self.file).take(most).read_to_end(&mut self.bytes)?;
        let Ok(page) = ogg::parse(&self.bytes) else { return Ok(None) };
        self.at += page.bytes as u64;
        Ok(self.bytes.get(..page.bytes).map(<[u8]>::to_vec))
    }
}
