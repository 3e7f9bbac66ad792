// SPDX-License-Identifier: MIT OR Apache-2.0
//! Playing a black box back: [`Replay`]. Any thread; allocates as creation does.

use alloc::vec::Vec;
use core::fmt;

use super::black_box::{Decided, Log, Record};
use crate::jitter::config::JitterError;
use crate::jitter::decoders::DecoderMap;
use crate::jitter::reader::JitterReader;
use crate::jitter::stats::{Operation, PullInfo};
use crate::jitter::{JitterControl, JitterWriter, create};

/// Why a log can't be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// Not a black box's log, or one that was damaged.
    Malformed,
    /// The buffer can't be made with these decoders.
    Config(JitterError),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a log of a jitter buffer, or damaged"),
            Self::Config(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ReplayError {}

/// What one pull decided when the log was written.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ReplayedPull {
    /// When it was, on the host's clock then.
    pub now_ns: u64,
    /// What was done.
    pub operation: Operation,
    /// The delay then, milliseconds, to 0.1.
    pub delay_ms: f32,
    /// The delay that was aimed at, milliseconds, to 0.1.
    pub target_delay_ms: f32,
    /// What the replay decided, if the log has audio.
    pub again: Option<PullInfo>,
    /// Whether the replay decided as the log says, to 0.1 ms.
    pub agrees: bool,
}

/// A buffer fed from a log: what it saw, when it saw it.
///
/// From a log with audio that nothing was dropped from ([`Replay::is_whole`]), every sample and every
/// decision comes out as it did. Where the oldest was dropped, it begins with a buffer that knows
/// nothing yet. Without audio, the log's decisions can be read but nothing is played.
#[derive(Debug)]
pub struct Replay<B> {
    bytes: B,
    log: Log,
    buffer: Option<(JitterWriter, JitterReader, JitterControl)>,
    pcm: Vec<i16>,
}

impl<B: AsRef<[u8]>> Replay<B> {
    /// Reads a log; `decoders` are those that the buffer had (the log doesn't name them).
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn new(bytes: B, decoders: DecoderMap) -> Result<Self, ReplayError> {
        let log = Log::parse(bytes.as_ref()).ok_or(ReplayError::Malformed)?;
        let made = log.has_audio.then(|| create(&log.config, decoders));
        let buffer = made.transpose().map_err(ReplayError::Config)?;
        Ok(Self { bytes, log, buffer, pcm: Vec::new() })
    }

    /// Whether the log begins with the first packet.
    pub fn is_whole(&self) -> bool {
        !self.log.dropped
    }

    /// Whether the log has audio, so that it can be heard again.
    pub fn has_audio(&self) -> bool {
        self.log.has_audio
    }

    /// Rate of the PCM.
    pub fn sample_rate_hz(&self) -> u32 {
        self.log.config.sample_rate_hz
    }

    /// Replays up to the end of the next pull and gives its PCM (nothing without audio); `None` at
    /// the end of the log.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`ReplayError::Malformed`] where the log is damaged.
    pub fn pull(&mut self) -> Result<Option<(ReplayedPull, &[i16])>, ReplayError> {
        loop {
            match self.log.next(self.bytes.as_ref()) {
                Some(Record::Packet(meta, payload)) => {
                    if let Some((writer, ..)) = &mut self.buffer {
                        writer.push_again(meta, payload);
                    }
                }
                Some(Record::Gone) => {
                    if let Some((_, reader, _)) = &mut self.buffer {
                        reader.source_gone();
                    }
                }
                Some(Record::Pull { now_ns, settings, frames, decided }) => {
                    let frame = self.log.config.sample_rate_hz as usize / 100;
                    let mut again = None;
                    if let Some((_, reader, control)) = &mut self.buffer {
                        control.shared.set(settings);
                        self.pcm.resize(usize::from(frames) * frame, 0);
                        let pulled = reader.pull(now_ns, &mut self.pcm);
                        again = Some(pulled.map_err(|_| ReplayError::Malformed)?);
                    }
                    let pull = ReplayedPull {
                        now_ns,
                        operation: decided.operation,
                        delay_ms: f32::from(decided.delay) * 0.1,
                        target_delay_ms: f32::from(decided.target) * 0.1,
                        again,
                        agrees: again.as_ref().is_none_or(|info| Decided::of(info) == decided),
                    };
                    return Ok(Some((pull, &self.pcm)));
                }
                None if self.log.is_at_end() => return Ok(None),
                None => return Err(ReplayError::Malformed),
            }
        }
    }
}
