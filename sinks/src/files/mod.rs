// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings: a file a speaker, WAV or Opus, placed in time, and an index.
//!
//! Each frame of a tap goes where its time says ([`Timeline`]), so that what was said together lies together
//! however long the recording is, and whoever has dropped out comes back at the right place: what was not taken,
//! paused or lost is silence of its true length. A file begins with its first frame; who has not agreed has none.
//!
//! - **Names.** A file that is being written ends in `.part`. At its end its sound goes to the disk, then a
//!   line about it to `index.jsonl` ([`Entry`]), then it loses the `.part`: who sees a `.wav` or `.opus` sees a whole one.
//! - **A crash** loses what had not reached the disk, at most a second. [`recover()`] finishes what one has left:
//!   each file says in its own header what its line in the index would have said.
//! - **A slow disk** holds up the recorder's own thread ([`Recorder`]) and nobody else: the taps' oldest frames
//!   give way, are counted in the index, and are silence in the file.
//! - **A full disk** ends the files that met it, with a [`RecordError`] that names the file and the reason.
//!
//! ```
//! use ale_media::conference::{Conference, ConferenceConfig, JoinOptions, LinkEnd, Outgoing};
//! use ale_media::tap::{Basis, Grant, Purpose, SinkId, TapConfig, TapSource};
//! use ale_media_sinks::files::{Recording, RecordingConfig, Speaker};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("recording-{}", std::process::id()));
//! let (mut conference, control) = Conference::new(&ConferenceConfig::default())?;
//! let (mut line, end) = LinkEnd::pair(8_000)?;
//! let anna = control.join_link(Box::new(end), JoinOptions::default()).map_err(|(error, _)| error)?;
//! let mut recording = Recording::open(&RecordingConfig::new(&folder))?;
//! let mut tap = TapConfig::new(TapSource::Member(anna), Purpose::Record, SinkId(1));
//! tap.sample_rate_hz = 8_000;
//! recording.add(Speaker { who: "Anna".into(), call: None, notice_version: Some(3) }, control.tap(&tap)?);
//! control.grant(anna, &Grant {
//!     purposes: Purpose::Record.into(),
//!     basis: Basis::Consent,
//!     sink: SinkId(1),
//!     notice_version: 3,
//!     until_ns: None,
//! })?;
//! line.push(&[1_000; 80]);
//! conference.tick(0, &mut Outgoing::new(4));
//! recording.work(0);
//! recording.finish();
//! assert!(folder.join("0000-Anna.wav").exists());
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! ```

mod index;
pub mod ogg;
mod opus;
mod place;
mod recorder;
mod recording;
mod recover;
mod sound;
pub mod wav;
mod writer;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use index::{Entry, entries};
pub use place::{Place, Timeline};
pub use recorder::Recorder;
pub use recording::{Clock, Recording, RecordingConfig, RecordingStats, Speaker};
pub use recover::{Recovered, recover};
pub use writer::Format;

/// Of a file that is being written.
const PART: &str = ".part";

/// A file that could not be made, written or finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Which.
    pub path: PathBuf,
    /// Why: [`io::ErrorKind::StorageFull`], [`io::ErrorKind::PermissionDenied`], [`io::ErrorKind::ResourceBusy`]
    /// where another recording is being written there.
    pub kind: io::ErrorKind,
}

impl RecordError {
    fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self { path: path.to_owned(), kind: error.kind() }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.kind)
    }
}

impl std::error::Error for RecordError {}
