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

/// Where records are kept, by one process at a time.
pub trait Store: Send + fmt::Debug {
    /// Keeps a record in the place of the one of that name, at once and whole, or not at all.
    ///
    /// # Errors
    /// What the system says.
    fn put(&mut self, name: &str, sealed: &[u8]) -> io::Result<()>;

    /// Keeps none of that name any more.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// All there are, with their names.
    ///
    /// # Errors
    /// What the system says.
    fn all(&mut self) -> io::Result<Vec<(String, Vec<u8>)>>;
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
    fn put(&mut self, name: &str, sealed: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let written = self.file(name, WRITTEN);
        let mut options = File::options();
        let options = options.create(true).truncate(true).write(true).mode(0o600);
        options.open(&written)?.write_all(sealed)?;
        fs::rename(written, self.file(name, RECORD))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.file(name, RECORD)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn all(&mut self) -> io::Result<Vec<(String, Vec<u8>)>> {
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
