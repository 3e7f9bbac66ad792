// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sound that was lost told from sound that was never sent: senders may stop in pauses without
//! saying so (Opus DTX, RFC 7587 section 3.1.3; silence suppression without RFC 3389). Then the
//! sequence numbers go on and the timestamps jump. Audio thread only.
//!
//! While nothing newer is there, that can't be known yet: what stands in meanwhile is counted once
//! the next packet tells, or after two seconds as concealment.

use super::Playout;
use crate::jitter::window::Entry;

/// Samples at 8 kHz after which waiting for the verdict ends; Opus refreshes its pauses every 400 ms.
const UNDECIDED: u64 = 16_000;
/// A payload of no more bytes, of a codec that conceals by itself, says that nothing follows for now
/// (what libopus makes of a pause with DTX).
const PAUSE_BYTES: usize = 2;

/// What the last packet that was decoded says of what follows.
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// Its sequence number, and where it ended; `None` for a redundant copy.
    last: Option<(u32, i64)>,
    /// It said itself that the sender falls silent.
    announced: bool,
    /// Samples that stood in for something since, and how often that began, not counted yet.
    samples: u64,
    beginnings: u64,
}

impl Pause {
    /// Whether nothing was lost before a packet, and its sender was silent.
    fn is_before(&self, entry: &Entry) -> bool {
        let contiguous = |(sequence, end): (u32, i64)| {
            entry.sequence == sequence.wrapping_add(1) && entry.start > end
        };
        !entry.fresh && !entry.redundant && self.last.is_some_and(contiguous)
    }
}

impl Playout {
    /// Whether the sender is silent at the end of what is pending; `None` if that can't be known yet.
    pub(super) fn is_pause(&self) -> Option<bool> {
        if self.pause.announced {
            return Some(true);
        }
        let next = self.window.entries().iter().find(|e| e.end() > self.next)?;
        Some(self.pause.is_before(next))
    }

    /// Counts samples that stand in for what is not there.
    pub(super) fn stand_in(&mut self, samples: usize) {
        let begins = u64::from(self.concealed <= 1);
        let samples = samples as u64;
        match self.is_pause() {
            Some(true) => self.stats.comfort_noise_samples += samples,
            Some(false) => {
                self.stats.concealed_samples += samples;
                self.stats.concealments += begins;
            }
            None => {
                self.pause.samples += samples;
                self.pause.beginnings += begins;
                if self.pause.samples > UNDECIDED * self.unit as u64 {
                    self.decide(false);
                }
            }
        }
    }

    /// Counts what was undecided.
    fn decide(&mut self, pause: bool) {
        if pause {
            self.stats.comfort_noise_samples += self.pause.samples;
        } else {
            self.stats.concealed_samples += self.pause.samples;
            self.stats.concealments += self.pause.beginnings;
        }
        (self.pause.samples, self.pause.beginnings) = (0, 0);
    }

    /// Takes in that a packet is decoded, of so many bytes, by a codec that conceals by itself or not.
    pub(super) fn note(&mut self, entry: &Entry, bytes: usize, conceals: bool) {
        if self.pause.samples > 0 {
            self.decide(self.pause.is_before(entry));
        }
        self.pause.last = (!entry.redundant).then(|| (entry.sequence, entry.end()));
        self.pause.announced = conceals && bytes <= PAUSE_BYTES;
    }
}
