// SPDX-License-Identifier: MIT OR Apache-2.0
//! The index: a line of JSON a file, added when the file is whole.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A file's line in `index.jsonl`, and, without what only its end tells, the comment in its header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// The file's name in the folder.
    pub file: String,
    /// Whose voice, as the host calls it.
    pub who: String,
    /// In which call, where the host has told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// What for.
    pub purpose: String,
    /// To whom, by the host's number.
    pub sink: u32,
    /// Which text the person was shown, where the host has told it.
    pub notice_version: Option<u32>,
    /// When the first sample was due, by the clock of the ticks.
    pub start_ns: u64,
    /// The same since 1970, where the host has told how the clocks stand to each other.
    pub start_unix_ns: Option<u64>,
    /// Samples a second.
    pub rate_hz: u32,
    /// Samples.
    pub samples: u64,
    /// The same in seconds.
    pub seconds: f64,
    /// How much of it is silence because the disk was slower than the call; unknown after a crash.
    pub lost_seconds: Option<f64>,
    /// Samples that came too late, and are not in it; unknown after a crash.
    pub late_samples: Option<u64>,
    /// Whether it was written to its end. One that [`recover()`](super::recover()) has finished was not.
    pub complete: bool,
}

/// The files of a folder that are whole, in the order in which they ended.
///
/// # Errors
/// The system's; [`io::ErrorKind::InvalidData`] for an index that is none.
pub fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let text = fs::read_to_string(folder.join(super::recording::INDEX))?;
    let lines = text.lines().map(|line| Entry::read(line).ok_or(io::ErrorKind::InvalidData.into()));
    lines.collect()
}

impl Entry {
    pub(super) fn line(&self) -> String {
        // Nothing of it can fail: names are strings, and seconds are finite.
        let line = serde_json::to_string(self).unwrap_or_default();
        line + "\n"
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn set_samples(&mut self, samples: u64) {
        self.samples = samples;
        self.seconds = samples as f64 / f64::from(self.rate_hz.max(1));
    }
}

/// A name as part of a file's: what is not plain becomes `_`.
pub(super) fn plain(who: &str) -> String {
    const MOST: usize = 40;
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = who.chars().take(MOST).map(plain).collect();
    if name.is_empty() { "_".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_name_leads_out_of_the_folder() {
        for (who, name) in [
            ("Anna", "Anna"),
            ("../../etc/passwd", "______etc_passwd"),
            ("", "_"),
            ("sip:änne@x\0\n", "sip__nne_x__"),
        ] {
            assert_eq!(super::plain(who), name);
        }
        assert_eq!(super::plain(&"x".repeat(900)).len(), 40);
    }
}
