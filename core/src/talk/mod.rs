// SPDX-License-Identifier: MIT OR Apache-2.0
//! Talking back: a voice that a program makes, as a member of a conference: an agent, an announcement, an
//! interpreter.
//!
//! [`Talk::new`] gives two ends. [`TalkWriter`] is the program's, on a thread of its own: it takes sound at any
//! pace, in turns that can be taken back. [`TalkEnd`] joins by
//! [`ConferenceControl::join_talk`](crate::conference::ConferenceControl::join_talk), is marked as synthetic in
//! events and tapped frames, and is paced by the ticks: what is written two seconds at once is heard over two
//! seconds, and a flush leaves no delay behind.
//!
//! What the program hears it hears by a tap, of those who have agreed to that. Here it is only told that
//! somebody speaks while it does ([`TalkEvent::Overlap`]), and then whether that was an interruption or a "mhm".
//! Where a line has an echo, a tap that was made with a [`reference`](crate::tap::TapConfig::reference) gives what the
//! program itself said beside each frame, for an echo canceller.

mod config;
mod end;
mod overlap;
mod samples;
mod writer;

pub use config::{MAX_CAPACITY_MS, MAX_FADE_MS, TalkConfig, TalkEvent};
pub use end::TalkEnd;
pub(crate) use overlap::Ears;
pub use writer::{TalkError, TalkWriter};

use crate::dsp::resample::{Resampler, UnsupportedRate};
use crate::sync::ring;

/// Events that may wait to be read.
const EVENTS: usize = 64;
/// Marks that may wait to be heard.
const MARKS: usize = 256;

/// A voice that a program makes.
#[derive(Debug)]
pub struct Talk;

impl Talk {
    /// Makes both ends.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`UnsupportedRate`]; lengths out of range are taken for the nearest.
    #[allow(clippy::new_ret_no_self)] // A voice is its two ends.
    pub fn new(config: &TalkConfig) -> Result<(TalkWriter, TalkEnd), UnsupportedRate> {
        let resampler = Resampler::new(config.sample_rate_hz, config.member_rate_hz)?;
        if !crate::dsp::resample::RATES_HZ.contains(&config.member_rate_hz) {
            return Err(UnsupportedRate);
        }
        let per_ms = config.member_rate_hz as usize / 1_000;
        let capacity_ms = config.capacity_ms.clamp(100, MAX_CAPACITY_MS) as usize;
        let (to, from) = samples::channel(capacity_ms * per_ms);
        let (marks, heard_marks) = ring::channel(MARKS);
        let (events, told) = ring::channel(EVENTS);
        let writer = TalkWriter::new(config, to, resampler, marks, told);
        Ok((writer, TalkEnd::new(config, from, heard_marks, events)))
    }
}

#[cfg(test)]
mod tests;
