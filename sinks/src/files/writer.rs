// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file while it is written, whatever it is like.

use std::io;

use super::index::Entry;
use super::opus::Encoded;
use super::sound::{Sound, Store};

/// What files are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Format {
    /// 16-bit PCM: exact, and silence costs no disk.
    #[default]
    Wav,
    /// Opus in Ogg, for taps of 8, 12, 16, 24 and 48 kHz: some fiftieth of the size. A gap of more than a minute
    /// ends a file; what comes after it is in another.
    Opus {
        /// 6000 to 510,000; 24,000 is much for speech.
        bit_rate_bps: u32,
    },
}

impl Format {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Opus { .. } => "opus",
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(super) enum Writer<S> {
    Wav(Sound<S>),
    Opus(Box<Encoded<S>>),
}

impl<S: Store> Writer<S> {
    pub(super) fn begin(format: Format, store: S, entry: &Entry, time_ns: u64) -> io::Result<Self> {
        let (line, rate_hz) = (entry.line(), entry.rate_hz);
        let comment = line.trim_end();
        Ok(match format {
            Format::Wav => Self::Wav(Sound::begin(store, rate_hz, comment, time_ns)?),
            Format::Opus { bit_rate_bps } => {
                let encoded = Encoded::begin(store, rate_hz, bit_rate_bps, comment, time_ns)?;
                Self::Opus(Box::new(encoded))
            }
        })
    }

    /// Whether a frame fits into a file of at most so many bytes of sound.
    pub(super) fn has_room(&self, time_ns: u64, samples: usize, most: u32) -> bool {
        match self {
            Self::Wav(sound) => sound.has_room(time_ns, samples, most),
            Self::Opus(encoded) => encoded.has_room(time_ns, samples, most),
        }
    }

    /// Adds a frame.
    pub(super) fn add(&mut self, time_ns: u64, pcm: &[i16]) -> io::Result<()> {
        match self {
            Self::Wav(sound) => sound.add(time_ns, pcm),
            Self::Opus(encoded) => encoded.add(time_ns, pcm),
        }
    }

    /// Gives what waits to the system.
    pub(super) fn write(&mut self) -> io::Result<()> {
        match self {
            Self::Wav(sound) => sound.write(),
            Self::Opus(encoded) => encoded.write(),
        }
    }

    /// Makes what there is safe, and readable as far as it is.
    pub(super) fn repair(&mut self) -> io::Result<()> {
        match self {
            Self::Wav(sound) => sound.repair(),
            Self::Opus(encoded) => encoded.repair(),
        }
    }

    /// Ends it, safe: how many samples it has.
    pub(super) fn end(self) -> io::Result<u64> {
        match self {
            Self::Wav(sound) => sound.end(),
            Self::Opus(encoded) => encoded.end(),
        }
    }

    pub(super) fn late_samples(&self) -> u64 {
        match self {
            Self::Wav(sound) => sound.late_samples(),
            Self::Opus(encoded) => encoded.late_samples(),
        }
    }
}
