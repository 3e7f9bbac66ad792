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
