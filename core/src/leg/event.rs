// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a leg has to tell besides sound and figures.

use core::net::SocketAddr;

use super::receiver::ReceiveError;
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
    /// Somebody else sends as our source, or our own packets come back: time for
    /// [`LegControl::change_ssrc`](super::LegControl::change_ssrc) (RFC 3550 section 8.2). Told once
    /// for each source of ours.
    SsrcCollision {
        /// The source.
        ssrc: u32,
    },
    /// The peer's datagrams come from another address than before, or from the first.
    AddressChanged {
        /// Where to send to from now on.
        address: SocketAddr,
    },
    /// A datagram was refused: told at the first of each kind, the second, the fourth, and so on.
    Refused {
        /// Why.
        error: ReceiveError,
        /// How many of this kind there have been.
        count: u64,
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
