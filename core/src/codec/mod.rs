// SPDX-License-Identifier: MIT OR Apache-2.0
//! Codecs behind two traits, [`Decoder`] and [`Encoder`].
//!
//! The jitter buffer owns a leg's decoders and the media half its encoder; both are used through
//! `&mut self` by the audio thread. All memory is taken when a codec is made.

pub mod comfort_noise;
pub(crate) mod convert;
#[cfg(feature = "opus")]
pub mod fmtp;
pub mod g711;
pub mod g722;
mod host;
pub mod l16;
#[cfg(feature = "opus")]
pub mod opus;
mod registry;
mod repacketize;
mod spec;

pub use host::{HostCodec, SharedHostCodec};
pub use registry::CodecRegistry;
pub use repacketize::Repacketizer;
pub use spec::CodecSpec;

use core::fmt;

/// Longest packet that any codec here may describe, in milliseconds (Opus, RFC 6716 section 2.1.4).
pub const MAX_PACKET_MS: usize = 120;
/// Samples per channel of the longest packet at the highest rate.
pub const MAX_PACKET_SAMPLES: usize = 48 * MAX_PACKET_MS;

/// What a codec's PCM looks like and how its RTP timestamps count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// PCM samples per second and channel.
    pub sample_rate_hz: u32,
    /// Interleaved channels, 1 or 2.
    pub channels: u8,
    /// RTP timestamp ticks per second. Not always the sample rate: G.722 says 8000 at 16 kHz
    /// (RFC 3551 section 4.5.2), Opus always 48000 (RFC 7587 section 4.1).
    pub rtp_clock_hz: u32,
}

/// Why a codec could not do what was asked. The codec stays usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecError {
    /// The payload is not one of this codec's.
    Malformed,
    /// The output buffer is too small.
    Capacity,
    /// The codec has no such function (in-band FEC, own concealment).
    Unsupported,
    /// A parameter is out of range.
    InvalidArgument,
    /// The codec's library reported a failure of its own.
    Internal,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "payload is not valid for this codec",
            Self::Capacity => "output buffer too small",
            Self::Unsupported => "codec has no such function",
            Self::InvalidArgument => "codec parameter out of range",
            Self::Internal => "codec library failure",
        })
    }
}

impl core::error::Error for CodecError {}

/// Turns payloads into PCM. Lengths of PCM are samples over all channels.
///
/// Real-time: every method but [`Decoder::reset`] of a third-party codec; implementations say so.
pub trait Decoder: Send {
    /// Rate, channels and RTP clock.
    fn format(&self) -> Format;

    /// Samples per channel that `payload` decodes to, read from the payload without decoding it.
    ///
    /// # Errors
    /// [`CodecError::Malformed`].
    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError>;

    /// Decodes `payload` to the front of `pcm` and returns how many samples there are.
    ///
    /// # Errors
    /// [`CodecError::Malformed`], [`CodecError::Capacity`] and [`CodecError::Internal`]; `pcm` may
    /// hold anything then.
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError>;

    /// Payload bytes in a second of audio, at most as a rule; what waits is given room by this.
    fn bytes_per_second(&self) -> u32 {
        8_000
    }

    /// Whether a payload decodes to the same samples whatever was decoded before, so that it may be
    /// looked into out of turn (G.711).
    fn is_stateless(&self) -> bool {
        false
    }

    /// Whether the codec conceals losses itself, from its own state ([`Decoder::conceal`]).
    fn conceals(&self) -> bool {
        false
    }

    /// Makes up for a lost stretch of exactly `pcm.len()` samples, continuing the last decoded one
    /// (multiples of 2.5 ms).
    ///
    /// # Errors
    /// [`CodecError::Unsupported`] unless [`Decoder::conceals`]; else as [`Decoder::decode`].
    fn conceal(&mut self, pcm: &mut [i16]) -> Result<usize, CodecError> {
        let _ = pcm;
        Err(CodecError::Unsupported)
    }

    /// Recovers `pcm.len()` samples of a gap that ends at `next`, from the redundancy in it: those
    /// that begin `before` samples before `next` (at least `pcm.len()`; the same for the end of the
    /// gap). A gap is asked for from its start on; `next` itself is decoded afterwards. Opus in-band
    /// FEC reaches back one packet, deep redundancy up to a second.
    ///
    /// # Errors
    /// [`CodecError::Unsupported`] when the codec has no redundancy or this payload's does not reach
    /// as far; else as [`Decoder::decode`].
    fn recover(
        &mut self,
        next: &[u8],
        before: usize,
        pcm: &mut [i16],
    ) -> Result<usize, CodecError> {
        let _ = (next, before, pcm);
        Err(CodecError::Unsupported)
    }

    /// How many samples before `next` the redundancy in it reaches, where that may be more than one packet; what
    /// [`Decoder::recover`] could have brought had `next` been there in time. Asked behind gaps only.
    fn reach(&mut self, next: &[u8]) -> usize {
        let _ = next;
        0
    }

    /// Forgets everything heard so far, as for a new stream.
    fn reset(&mut self);
}

/// Redundancy that a codec has of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnRedundancy {
    /// The packet behind holds a coarse copy (Opus in-band FEC, RFC 6716 section 2.1.7).
    pub inband_fec: bool,
    /// Packets hold a description of so many ms before them (Opus deep redundancy).
    pub deep_ms: u16,
}

/// Turns PCM into payloads. Lengths of PCM are samples over all channels.
pub trait Encoder: Send {
    /// Rate, channels and RTP clock.
    fn format(&self) -> Format;

    /// Encodes one packet's worth of `pcm` to the front of `payload` and returns its length in
    /// bytes; 0 when the codec has nothing to send for it (discontinuous transmission).
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`CodecError::Capacity`] when `payload` is too small, [`CodecError::InvalidArgument`] when
    /// the codec can't make a packet of `pcm.len()` samples.
    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError>;

    /// Says how much loss to prepare for, in percent, as the listener reports it. Codecs without
    /// redundancy of their own don't care.
    ///
    /// Real-time: yes.
    fn expect_loss(&mut self, percent: u8) {
        let _ = percent;
    }

    /// Has redundancy of the codec's own from now on, on top of the bit rate of its settings; those that they
    /// don't name are left out. Codecs that have none don't care.
    ///
    /// Real-time: yes.
    fn set_redundancy(&mut self, own: OwnRedundancy) {
        let _ = own;
    }

    /// Forgets everything encoded so far, as for a new stream.
    fn reset(&mut self);
}
