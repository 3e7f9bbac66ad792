// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lost packets told from discontinuous transmission (DTX). Senders may stop in pauses without saying
//! so (Opus DTX, RFC 7587 section 3.1.3; silence suppression without RFC 3389; a call on hold): then the
//! sequence numbers go on and the timestamps jump. And they may send what is no audio: digits,
//! keepalives. Audio thread only.
//!
//! While nothing newer is there, that can't be known yet: what stands in meanwhile is counted once
//! the next packet tells how much of it the sender had sent. Touches its own state and the counters; reads
//! the window.

use super::Playout;
use super::fillers::Fillers;
use crate::jitter::window::Entry;

/// A payload of no more bytes, of a codec that conceals by itself, says that nothing follows for now
/// (what libopus makes of a pause with DTX).
const PAUSE_BYTES: usize = 2;

/// What the last packet that was decoded says of what follows.
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// Its sequence number, and where it ended; `None` for a redundant copy.
    last: Option<(u32, i64)>,
    /// The source has sent something, and is not gone.
    known: bool,
    /// It said itself that the sender falls silent.
    announced: bool,
    /// Samples that stood in for something since, and how often that began, not counted yet.
    samples: u64,
    beginnings: u64,
    /// Numbers of the sequence that were no audio.
    pub(super) fillers: Fillers,
}

/// What lies between the last packet that was decoded and one that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Between {
    /// Packets of audio that never came.
    lost: u32,
    /// Samples of media time.
    gap: u64,
}

impl Pause {
    /// `None` where a packet says nothing of what stood before it.
    fn before(&self, entry: &Entry) -> Option<Between> {
        let (sequence, end) = self.last.filter(|_| !entry.fresh && !entry.redundant)?;
        let between = entry.sequence.wrapping_sub(sequence).wrapping_sub(1);
        if between.cast_signed() < 0 {
            return None;
        }
        let lost = between.saturating_sub(self.fillers.between(sequence, entry.sequence));
        Some(Between { lost, gap: (entry.start - end).max(0) as u64 })
    }

    /// The source is gone: nothing that stands in is anything that was sent.
    pub(super) fn source_gone(&mut self) {
        let fillers = core::mem::take(&mut self.fillers);
        *self = Self { fillers, ..Self::default() };
    }
}

impl Playout {
    /// Whether the sender is silent at the end of what is pending; `None` if that can't be known yet.
    pub(super) fn is_pause(&self) -> Option<bool> {
        if self.pause.announced {
            return Some(true);
        }
        let next = self.window.entries().iter().find(|e| e.end() > self.next)?;
        let between = self.pause.before(next);
        Some(between.is_some_and(|between| between.lost == 0 && between.gap > 0))
    }

    /// Takes in samples that stand in for what is not there.
    pub(super) fn stand_in(&mut self, samples: usize) {
        if self.pause.announced {
            self.stats.comfort_noise_samples += samples as u64;
            return;
        }
        self.pause.beginnings += u64::from(self.made_up.samples <= 1);
        self.pause.samples += samples as u64;
    }

    /// Takes in that a packet is decoded, of so many bytes, by a codec that conceals by itself or not.
    pub(super) fn note(&mut self, entry: &Entry, bytes: usize, conceals: bool) {
        if self.pause.samples > 0 {
            self.count_stand_in(entry);
        }
        self.pause.last = (!entry.redundant).then(|| (entry.sequence, entry.end()));
        self.pause.known = true;
        self.pause.announced = conceals && bytes <= PAUSE_BYTES;
    }

    /// Counts what stood in before a packet: the sender's silence as comfort noise, the rest (lost, or
    /// late) as concealment.
    fn count_stand_in(&mut self, entry: &Entry) {
        let samples = self.pause.samples;
        let silent = match self.pause.before(entry) {
            Some(Between { lost, gap }) => {
                let packet = self.voice.packet.max(entry.samples as usize) as u64;
                gap.saturating_sub(u64::from(lost) * packet).min(samples)
            }
            // Nobody knows of anything that was sent up to a new stream's beginning.
            None if entry.fresh || !self.pause.known => samples,
            None => 0,
        };
        self.stats.comfort_noise_samples += silent;
        if silent < samples {
            self.stats.concealed_samples += samples - silent;
            self.stats.concealments += self.pause.beginnings.max(1);
        }
        (self.pause.samples, self.pause.beginnings) = (0, 0);
    }
}
