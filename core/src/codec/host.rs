// SPDX-License-Identifier: MIT OR Apache-2.0
//! Codecs that the host brings (G.729, iLBC, AMR-WB, EVS and the like), under licences of their own.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use super::{CodecError, Decoder, Encoder, Format};
use crate::stats::emodel::Impairment;

/// A codec from outside: makes encoders and decoders that legs use like their own.
pub trait HostCodec: Send + Sync + fmt::Debug {
    /// The encoding of its `a=rtpmap` line, as `G729/8000` (RFC 8866 section 6.6).
    fn encoding(&self) -> &str;

    /// Rate, channels and RTP clock. Legs take 8000, 16000, 32000 and 48000 Hz, one channel.
    fn format(&self) -> Format;

    /// Its static payload type (RFC 3551 section 6), if it has one.
    fn static_payload_type(&self) -> Option<u8> {
        None
    }

    /// How it fares in the E-model (ITU-T G.113 appendix I).
    fn impairment(&self) -> Impairment {
        Impairment::G711
    }

    /// Makes an encoder. Real-time: no.
    ///
    /// # Errors
    /// What the codec says.
    fn encoder(&self) -> Result<Box<dyn Encoder>, CodecError>;

    /// Makes a decoder. Real-time: no.
    ///
    /// # Errors
    /// What the codec says.
    fn decoder(&self) -> Result<Box<dyn Decoder>, CodecError>;
}

/// A [`HostCodec`] in a [`CodecSpec`](super::CodecSpec); equal to itself and its clones only.
#[derive(Debug, Clone)]
pub struct SharedHostCodec(pub Arc<dyn HostCodec>);

impl PartialEq for SharedHostCodec {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::addr_eq(Arc::as_ptr(&self.0), Arc::as_ptr(&other.0))
    }
}

impl Eq for SharedHostCodec {}

/// Whether a codec can be used at all.
pub(crate) fn check(codec: &dyn HostCodec) -> Result<(), CodecError> {
    let format = codec.format();
    let (name, clock_hz) = split(codec.encoding()).ok_or(CodecError::InvalidArgument)?;
    // A token (RFC 8866 section 9), of the characters that names are made of.
    let named = |c: u8| c.is_ascii_alphanumeric() || b"-._+".contains(&c);
    let sound = !name.is_empty()
        && name.len() <= 32
        && name.bytes().all(named)
        && clock_hz == format.rtp_clock_hz
        && clock_hz > 0
        && (1..=2).contains(&format.channels)
        && (1_000..=192_000).contains(&format.sample_rate_hz);
    if sound { Ok(()) } else { Err(CodecError::InvalidArgument) }
}

pub(super) fn split(encoding: &str) -> Option<(&str, u32)> {
    let (name, rest) = encoding.split_once('/')?;
    Some((name, rest.split('/').next()?.parse().ok()?))
}
