// SPDX-License-Identifier: MIT OR Apache-2.0
//! The audit's file: what is added to the chain is in the file before what it says is answered.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};

use ale_media_sinks::audit::{Audit, Entry};

use crate::config::Tap;
use crate::worker::Clock;

/// Lines between two signatures.
const SIGNED_LINES: u64 = 16;

/// The audit, and its file.
pub(super) struct AuditFile {
    audit: Audit,
    file: File,
    clock: Clock,
    /// Whether a line did not reach the file: nothing that wants one is done from then on.
    failed: bool,
}

impl core::fmt::Debug for AuditFile {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AuditFile").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl AuditFile {
    /// Goes on with the file, or begins one; nothing if none is wanted.
    pub(super) fn open(config: &Tap, clock: Clock) -> io::Result<Option<Self>> {
        let (Some(path), Some(key)) = (&config.audit, &config.audit_key) else { return Ok(None) };
        let key = fs::read(key)?;
        if key.is_empty() {
            return Err(io::Error::other("the audit's key is empty"));
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        // Two nodes would break each other's chain.
        file.try_lock().map_err(io::Error::from)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let now_ns = clock.unix_ns(clock.now_ns());
        let audit = match &text[..] {
            "" => Audit::new(&key, SIGNED_LINES, now_ns),
            text => Audit::resume(&key, SIGNED_LINES, text, now_ns).map_err(io::Error::other)?,
        };
        let mut audit = Self { audit, file, clock, failed: false };
        audit.write();
        Ok(Some(audit))
    }

    /// Whether what is to be written down can be.
    pub(super) fn is_fit(&self) -> bool {
        !self.failed
    }

    /// Adds what happened in a conference, or in a call.
    pub(super) fn add(&mut self, place: &str, entry: &Entry<'_>) {
        let now_ns = self.clock.unix_ns(self.clock.now_ns());
        self.audit.add_in(now_ns, place, entry);
        self.write();
    }

    fn write(&mut self) {
        if self.failed {
            return;
        }
        if let Err(error) = self.file.write_all(self.audit.take().as_bytes()) {
            tracing::error!(%error, "the audit can't be written: no tap begins, and no grant is taken");
            self.failed = true;
        }
    }
}

impl Drop for AuditFile {
    fn drop(&mut self) {
        // Not closed: the next start goes on with it.
        self.audit.sign(self.clock.unix_ns(self.clock.now_ns()));
        self.write();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ale_media::conference::MemberId;
    use ale_media_sinks::audit::{Fault, verify};

    #[test]
    fn a_chain_goes_on_after_a_restart_and_ends_where_it_cannot_be_written() {
        let folder = std::env::temp_dir().join(format!("ale-node-audit-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let config = Tap {
            audit: Some(folder.join("audit")),
            audit_key: Some(folder.join("key")),
            ..Tap::default()
        };
        let open = || AuditFile::open(&config, Clock::start());
        assert!(AuditFile::open(&Tap::default(), Clock::start()).unwrap().is_none());
        assert!(open().is_err(), "no key");
        fs::write(folder.join("key"), b"").unwrap();
        assert!(open().is_err(), "a key of nothing");
        fs::write(folder.join("key"), b"k").unwrap();
        for n in 0..2 {
            let mut audit = open().unwrap().unwrap();
            assert!(open().is_err(), "another node writes it");
            audit.add("a room", &Entry::Named(MemberId::from_u64(n), "Anna"));
            assert!(audit.is_fit());
        }
        let text = || fs::read_to_string(folder.join("audit")).unwrap();
        let found = verify(&text(), Some(b"k")).unwrap();
        assert_eq!((found.unsigned_lines, found.closed), (0, false));
        assert_eq!(text().matches("name=Anna in=a%20room #").count(), 2);
        let mut audit = open().unwrap().unwrap();
        audit.file = File::open(folder.join("audit")).unwrap();
        audit.add("room", &Entry::Synthetic(MemberId::from_u64(1), true));
        assert!(!audit.is_fit());
        drop(audit);
        fs::write(folder.join("audit"), text().replace("Anna", "Hanna")).unwrap();
        assert!(open().unwrap_err().to_string().contains(&Fault::Changed(2).to_string()));
        fs::remove_dir_all(folder).unwrap();
    }
}
