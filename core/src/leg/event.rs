// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events of a leg.

use core::net::SocketAddr;

use crate::dsp::tones::Tone;
use crate::dsp::tones::plans::Signal;
use crate::session::{ReceiveError, SessionEvent};
use crate::voice::HeardTone;

/// Digits that may wait to be read: 10 a second, each started and ended, leave room.
pub(super) const DIGIT_EVENTS: usize = 32;
/// Events of the audio half that may wait.
pub(super) const EVENTS: usize = 16;

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
    /// A digit has been recognised in the audio (ITU-T Q.23).
    InbandDigit {
        /// As in [`LegEvent::DigitStarted`], 0 to 15.
        event: u8,
    },
    /// A fax, a modem or an answering machine has been recognised in the audio.
    Tone(Tone),
    /// A call progress tone has been recognised in the audio by its rhythm (ITU-T E.180), once as long as
    /// it lasts: dial tone, ringing, busy or congestion.
    CallProgress(Signal),
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
    /// No RTP has come for [`LegConfig::media_timeout_ms`](super::LegConfig::media_timeout_ms), although
    /// the leg listens.
    MediaStopped {
        /// RTCP still comes: the peer is there, and silent or on hold.
        reports: bool,
    },
    /// RTP comes again.
    MediaStarted,
    /// A key's lifetime nears its end: time to re-key.
    KeyExpiring {
        /// Packets left.
        packets_left: u64,
        /// Of what is sent, rather than received.
        sending: bool,
    },
    /// A key is used up: nothing is sent, or taken, any more under it.
    KeyExhausted {
        /// Of what is sent, rather than received.
        sending: bool,
    },
    /// Events were lost, since nobody read them.
    Lost {
        /// How many since the last one that was read.
        count: u64,
    },
}

impl From<HeardTone> for LegEvent {
    fn from(heard: HeardTone) -> Self {
        match heard {
            HeardTone::Tone(tone) => Self::Tone(tone),
            HeardTone::CallProgress(signal) => Self::CallProgress(signal),
            HeardTone::Digit(event) => Self::InbandDigit { event },
        }
    }
}

impl From<SessionEvent> for LegEvent {
    fn from(event: SessionEvent) -> Self {
        match event {
            SessionEvent::SourceChanged { ssrc } => Self::SourceChanged { ssrc },
            SessionEvent::SsrcCollision { ssrc } => Self::SsrcCollision { ssrc },
            SessionEvent::AddressChanged { address } => Self::AddressChanged { address },
            SessionEvent::Refused { error, count } => Self::Refused { error, count },
            SessionEvent::Goodbye { ssrc } => Self::Goodbye { ssrc },
            SessionEvent::KeyExpiring { packets_left, sending } => {
                Self::KeyExpiring { packets_left, sending }
            }
            SessionEvent::KeyExhausted { sending } => Self::KeyExhausted { sending },
            SessionEvent::Lost { count } => Self::Lost { count },
        }
    }
}
