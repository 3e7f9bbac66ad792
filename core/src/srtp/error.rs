// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a packet or a configuration was refused.

use core::fmt;

/// Why a session could not be made, or a packet not be protected or unprotected. After an error of
/// a packet the session is as it was before, counters and events aside, and so is the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SrtpError {
    /// Not an RTP or RTCP packet, or shorter than its header and the suite's trailer.
    Malformed,
    /// Longer than [`MAX_PACKET_BYTES`](super::MAX_PACKET_BYTES), which no datagram is.
    Oversized,
    /// The buffer has no room for the trailer, or is shorter than the length given.
    Capacity,
    /// The authentication tag does not match: a forgery, damage, or one of the causes that
    /// [`Event::AuthenticationFailing`](super::Event::AuthenticationFailing) tells apart.
    AuthenticationFailed,
    /// This index has been received before.
    Replayed,
    /// The index lies before the replay window.
    TooOld,
    /// The master key identifier in the packet is not one of the session's.
    UnknownMki,
    /// The SSRC is not one of those that the session was configured for.
    UnknownSsrc,
    /// One more stream than the session was configured for.
    StreamLimit,
    /// Sending with this index a second time would reveal plaintext: sequence numbers repeat.
    IndexReused,
    /// The index of this stream can't grow further (2^48 SRTP, 2^31 SRTCP packets).
    IndexExhausted,
    /// The master key has reached its lifetime; the session needs a new one.
    KeyExhausted,
    /// The reservation of the last confirmed checkpoint is used up; take and confirm a new one.
    CheckpointDue,
    /// Key or salt is not as long as the suite wants it.
    KeyLength,
    /// No key, too many, or several without master key identifiers of one length.
    KeyCount,
    /// A master key identifier longer than 128 bytes, or two that are equal.
    Mki,
    /// The replay window is not a power of two from 64 to 32768.
    ReplayWindow,
    /// The configuration needs a flag that was not given (a NULL cipher, unencrypted SRTCP), or
    /// the policy excludes the suite.
    NotPermitted,
    /// A parameter out of range, or a combination that the RFCs exclude.
    InvalidConfig,
    /// The kernel or backend that was asked for is not available on this machine.
    UnavailableBackend,
    /// A checkpoint that is damaged, of another version, or wrapped with another key.
    InvalidCheckpoint,
    /// The backend reported a failure of its own.
    Backend,
    /// A sum in the library is wrong, which is a bug: rather than be sent or believed, the packet is refused.
    Internal,
}

impl fmt::Display for SrtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not an RTP or RTCP packet, or too short",
            Self::Oversized => "packet is longer than any datagram",
            Self::Capacity => "buffer has no room for the SRTP trailer",
            Self::AuthenticationFailed => "SRTP authentication failed",
            Self::Replayed => "SRTP packet was received before",
            Self::TooOld => "SRTP packet lies before the replay window",
            Self::UnknownMki => "master key identifier is not one of the session's",
            Self::UnknownSsrc => "SSRC is not one of the session's",
            Self::StreamLimit => "more streams than the session was configured for",
            Self::IndexReused => "SRTP index was sent before",
            Self::IndexExhausted => "SRTP index can't grow further",
            Self::KeyExhausted => "master key has reached its lifetime",
            Self::CheckpointDue => "the checkpoint's reservation is used up",
            Self::KeyLength => "key or salt has the wrong length for the suite",
            Self::KeyCount => "no key, too many keys, or several without identifiers",
            Self::Mki => "master key identifier too long or not unique",
            Self::ReplayWindow => "replay window is not a power of two from 64 to 32768",
            Self::NotPermitted => "not permitted by policy or flags",
            Self::InvalidConfig => "SRTP parameter out of range",
            Self::UnavailableBackend => "SRTP backend is not available on this machine",
            Self::InvalidCheckpoint => "SRTP checkpoint damaged or wrapped with another key",
            Self::Backend => "SRTP backend failure",
            Self::Internal => "bug in SRTP: the packet was refused",
        })
    }
}

impl core::error::Error for SrtpError {}
