// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why an offer or answer was refused.

use ale_media::conference::ConferenceError;
use ale_media::leg::{ControlError, LegError};
use ale_media::session::SessionError;

use crate::play::PlayError;
use crate::ports::PortsError;
use crate::sdp::SdpError;

/// Why an offer or answer was refused, in words that proxies log.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// The description.
    Sdp(SdpError),
    /// No ports.
    Ports(PortsError),
    /// No interface of the family or name asked for.
    NoInterface,
    /// The tag is of neither party.
    UnknownTag,
    /// An answer without an offer.
    NoOffer,
    /// Something that this node does not do.
    NotDone(&'static str),
    /// No `a=crypto` line that both sides can agree on.
    Keys,
    /// Every codec would be taken out.
    NoCodec,
    /// None of the codecs that are offered is known here, or may be used.
    UnknownCodecs,
    /// Of what is offered no line is audio's over RTP.
    NoAudio,
    /// The conference refused a member.
    Conference(ConferenceError),
    /// The session refused what was agreed on.
    Session(SessionError),
    /// A leg refused what was agreed on.
    Leg(LegError),
    /// A leg refused what has changed.
    LegChange(ControlError),
    /// What is to be played.
    Play(PlayError),
    /// `TOS` is no byte.
    Tos,
    /// The system has no random numbers.
    Random,
}

impl core::fmt::Display for CallError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Sdp(error) => error.fmt(f),
            Self::Ports(error) => error.fmt(f),
            Self::NoInterface => f.write_str("No interface of this name and address family"),
            Self::UnknownTag => f.write_str("Tags are of neither party of the call"),
            Self::NoOffer => f.write_str("No offer to be answered"),
            Self::NotDone(what) => write!(f, "{what} is not done by this node"),
            Self::Keys => f.write_str("No crypto suite in common"),
            Self::NoCodec => f.write_str("No codec is left"),
            Self::UnknownCodecs => f.write_str("No codec that is known here"),
            Self::NoAudio => f.write_str("No line of audio over RTP"),
            Self::Conference(ConferenceError::Full) => f.write_str("Conference is full"),
            Self::Conference(error) => error.fmt(f),
            Self::Session(error) => error.fmt(f),
            Self::Leg(error) => error.fmt(f),
            Self::LegChange(error) => error.fmt(f),
            Self::Play(error) => error.fmt(f),
            Self::Tos => f.write_str("TOS is 0 to 255, or negative to leave it as it is"),
            Self::Random => f.write_str("The system has no random numbers"),
        }
    }
}

impl core::error::Error for CallError {}
