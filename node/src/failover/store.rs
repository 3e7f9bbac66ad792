// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where records are kept.

use core::fmt;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};

/// What the name of a record ends in, and of one that is being written.
const RECORD: &str = "call";
const WRITTEN: &str = "new";
/// What is locked.
const LOCK: &str = "lock";

/// Why a store has not done what it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It can't be reached.
    Gone,
    /// It has not answered in time; it may have done it, or do it later.
    Slow,
    /// It says that it does not: no rights, no room, not the one that takes writes.
    Refused,
    /// It has done it, but too few replicas have said so: one that takes its place may not know.
    Unconfirmed,
    /// Another process owns the records.
    Fenced,
}

impl Failure {
    /// All, in the order of counters.
    pub const ALL: [Self; 5] =
        [Self::Gone, Self::Slow, Self::Refused, Self::Unconfirmed, Self::Fenced];

    /// As in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Slow => "slow",
            Self::Refused => "refused",
            Self::Unconfirmed => "unconfirmed",
            Self::Fenced => "fenced",
        }
    }
}

/// What a store says where it has not done what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// Why.
    pub failure: Failure,
    /// In words, of the system or of the store.
    pub said: String,
}

impl StoreError {
    pub(crate) fn new(failure: Failure, said: impl fmt::Display) -> Self {
        Self { failure, said: said.to_string() }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::new(Failure::Refused, error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.failure.name(), self.said)
    }
}

impl core::error::Error for StoreError {}

/// Where records are kept, by one process at a time.
pub trait Store: Send + fmt::Debug {
    /// Keeps a record in the place of the one of that name, whole or not at all. Once this has returned without an
    /// error nobody takes over an older one.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put(&mut self, name: &str, sealed: &[u8]) -> Result<(), StoreError>;

    /// Keeps none of that name any more.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove(&mut self, name: &str) -> Result<(), StoreError>;

    /// All there are, with their names.
    ///
    /// # Errors
    /// [`StoreError`].
    fn all(&mut self) -> Result<Vec<(String, Vec<u8>)>, StoreError>;
}

/// A folder, a file a record.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Locked for as long as it is open.
    _lock: File,
}

impl Folder {
    /// A folder that is made if it is not there, for this process alone.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::WouldBlock`] if another process has it.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        let mut options = File::options();
        let options = options.create(true).truncate(false).write(true).mode(0o600);
        let lock = options.open(path.join(LOCK))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { path, _lock: lock })
    }

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.path.join(format!("{name}.{kind}"))
    }
}

impl Store for Folder {
    fn put(&mut self, name: &str, sealed: &[u8]) -> Result<(), StoreError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let written = self.file(name, WRITTEN);
        let mut options = File::options();
        let options = options.create(true).truncate(true).write(true).mode(0o600);
        options.open(&written)?.write_all(sealed)?;
        Ok(fs::rename(written, self.file(name, RECORD))?)
    }

    fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        match fs::remove_file(self.file(name, RECORD)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => Ok(other?),
        }
    }

    fn all(&mut self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(OsStr::to_str);
            let (Some(name), true) = (name, path.extension() == Some(OsStr::new(RECORD))) else {
                continue;
            };
            all.push((name.to_owned(), fs::read(&path)?));
        }
        Ok(all)
    }
}
