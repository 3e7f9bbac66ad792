// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a leg has to tell besides sound and figures.

use crate::dsp::tones::Tone;
use crate::sync::ring::Producer;

/// Something that happened to a leg; read with
/// [`LegControl::next_event`](super::LegControl::next_event).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LegEvent {
    /// The peer has begun to send a digit or another telephone event (RFC 4733).
    DigitStarted {
        /// See [`TelephoneEvent::event`](crate::rtp::telephone_event::TelephoneEvent::event).
        event: u8,
    },
    /// It is over.
    DigitEnded {
        /// As in [`LegEvent::DigitStarted`].
        event: u8,
        /// How long it lasted by the peer's own account; less if its last reports were lost.
        duration_ms: u32,
    },
    /// A digit has been recognised in the sound (ITU-T Q.23).
    InbandDigit {
        /// As in [`LegEvent::DigitStarted`], 0 to 15.
        event: u8,
    },
    /// A fax, a modem or an answering machine has been recognised in the sound.
    Tone(Tone),
    /// The leg listens to another source from now on.
    SourceChanged {
        /// The new source.
        ssrc: u32,
    },
    /// The source has said goodbye (RTCP BYE).
    Goodbye {
        /// The source.
        ssrc: u32,
    },
}

/// Where a half puts events; without room they are counted and dropped, since nobody reads them.
#[derive(Debug)]
pub(super) struct EventSink {
    ring: Producer<LegEvent>,
    dropped: u64,
}

impl EventSink {
    pub(super) fn new(ring: Producer<LegEvent>) -> Self {
        Self { ring, dropped: 0 }
    }

    pub(super) fn emit(&mut self, event: LegEvent) {
        self.dropped += u64::from(self.ring.push(event).is_err());
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}
