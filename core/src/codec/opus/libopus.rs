// SPDX-License-Identifier: MIT OR Apache-2.0
//! libopus's objects as owned values: the few calls that [`super`] is made of. The `opus` crate has
//! no way to the settings of concealment and of deep redundancy, hence the bindings beneath it.
//!
//! libopus takes its memory in `*_create` and never after.
#![allow(unsafe_code)]

use core::ffi::c_int;
use core::num::NonZeroUsize;
use core::ptr::{self, NonNull};

use opusic_sys as sys;

use crate::codec::CodecError;

/// A count out of libopus, or why there is none (opus_defines.h, `OPUS_BAD_ARG` and on).
fn checked(result: c_int) -> Result<usize, CodecError> {
    usize::try_from(result).map_err(|_| match result {
        sys::OPUS_BAD_ARG => CodecError::InvalidArgument,
        sys::OPUS_BUFFER_TOO_SMALL => CodecError::Capacity,
        sys::OPUS_INVALID_PACKET => CodecError::Malformed,
        sys::OPUS_UNIMPLEMENTED => CodecError::Unsupported,
        _ => CodecError::Internal,
    })
}

fn counted(channels: u8) -> Result<NonZeroUsize, CodecError> {
    NonZeroUsize::new(usize::from(channels)).ok_or(CodecError::InvalidArgument)
}

/// A length for libopus, which counts in 32 bits with a sign.
fn length(len: usize) -> Result<i32, CodecError> {
    i32::try_from(len).map_err(|_| CodecError::InvalidArgument)
}

/// What libopus made, if it made it.
fn made<T>(object: *mut T, error: c_int) -> Result<NonNull<T>, CodecError> {
    checked(error)?;
    NonNull::new(object).ok_or(CodecError::Internal)
}

/// Whether a packet's first frame carries low-bit-rate redundancy for the packet before it (RFC 6716
/// section 4.2.4).
pub(super) fn has_redundancy(packet: &[u8]) -> bool {
    let Ok(bytes) = length(packet.len()) else { return false };
    if packet.is_empty() {
        return false;
    }
    // SAFETY: `packet` has `bytes` bytes, of which libopus reads the first before it looks at their number.
    unsafe { sys::opus_packet_has_lbrr(packet.as_ptr(), bytes) == 1 }
}

/// `OpusDecoder`.
#[derive(Debug)]
pub(super) struct Decoder {
    state: NonNull<sys::OpusDecoder>,
    channels: NonZeroUsize,
}

// SAFETY: libopus keeps no state outside its objects, and this owns one.
unsafe impl Send for Decoder {}

impl Decoder {
    /// A decoder to a rate and a number of channels that the caller has checked.
    pub(super) fn new(sample_rate_hz: u32, channels: u8) -> Result<Self, CodecError> {
        let mut error = sys::OPUS_OK;
        // SAFETY: only the error is written to.
        let state = unsafe {
            sys::opus_decoder_create(sample_rate_hz as i32, c_int::from(channels), &mut error)
        };
        Ok(Self { state: made(state, error)?, channels: counted(channels)? })
    }

    /// Writes a setting.
    pub(super) fn set(&mut self, request: c_int, value: i32) -> Result<(), CodecError> {
        // SAFETY: the state is ours, and every request that comes here takes one 32-bit integer.
        checked(unsafe { sys::opus_decoder_ctl(self.state.as_ptr(), request, value) }).map(drop)
    }

    /// Forgets what was heard.
    pub(super) fn reset(&mut self) {
        // SAFETY: the state is ours, and this request takes nothing.
        unsafe { sys::opus_decoder_ctl(self.state.as_ptr(), sys::OPUS_RESET_STATE) };
    }

    /// The range coder's final state.
    pub(super) fn final_range(&mut self) -> Option<u32> {
        let (state, mut range) = (self.state.as_ptr(), 0_u32);
        // SAFETY: the state is ours, and this request writes 32 bits to where its argument points.
        let result = unsafe {
            sys::opus_decoder_ctl(state, sys::OPUS_GET_FINAL_RANGE_REQUEST, &raw mut range)
        };
        (result == sys::OPUS_OK).then_some(range)
    }

    /// Decodes a packet, or the redundancy in it for the one before; without a packet, conceals.
    /// Returns samples per channel.
    pub(super) fn decode(
        &mut self,
        packet: Option<&[u8]>,
        pcm: &mut [i16],
        redundancy: bool,
    ) -> Result<usize, CodecError> {
        let frame = length(pcm.len() / self.channels)?;
        let (data, bytes) = match packet {
            Some(packet) => (packet.as_ptr(), length(packet.len())?),
            None => (ptr::null(), 0),
        };
        // SAFETY: `data` has `bytes` bytes or is null, and `pcm` has room for `frame` samples of
        // every channel, which libopus does not exceed.
        checked(unsafe {
            sys::opus_decode(
                self.state.as_ptr(),
                data,
                bytes,
                pcm.as_mut_ptr(),
                frame,
                c_int::from(redundancy),
            )
        })
    }

    /// Decodes deep redundancy from `before` samples (per channel) before the packet that carried it.
    #[cfg(feature = "opus-dred")]
    pub(super) fn decode_dred(
        &mut self,
        dred: &Dred,
        before: usize,
        pcm: &mut [i16],
    ) -> Result<usize, CodecError> {
        let (before, frame) = (length(before)?, length(pcm.len() / self.channels)?);
        // SAFETY: both objects are whole, and `pcm` has room for `frame` samples of every channel.
        checked(unsafe {
            sys::opus_decoder_dred_decode(
                self.state.as_ptr(),
                dred.data.as_ptr(),
                before,
                pcm.as_mut_ptr(),
                frame,
            )
        })
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: it is ours and not used any more.
        unsafe { sys::opus_decoder_destroy(self.state.as_ptr()) };
    }
}

/// `OpusEncoder`.
#[derive(Debug)]
pub(super) struct Encoder {
    state: NonNull<sys::OpusEncoder>,
    channels: NonZeroUsize,
}

// SAFETY: as for the decoder.
unsafe impl Send for Encoder {}

impl Encoder {
    /// An encoder of a rate and a number of channels that the caller has checked.
    pub(super) fn new(
        sample_rate_hz: u32,
        channels: u8,
        application: c_int,
    ) -> Result<Self, CodecError> {
        let (mut error, count) = (sys::OPUS_OK, c_int::from(channels));
        // SAFETY: only the error is written to.
        let state = unsafe {
            sys::opus_encoder_create(sample_rate_hz as i32, count, application, &mut error)
        };
        Ok(Self { state: made(state, error)?, channels: counted(channels)? })
    }

    /// Writes a setting.
    pub(super) fn set(&mut self, request: c_int, value: i32) -> Result<(), CodecError> {
        // SAFETY: the state is ours, and every request that comes here takes one 32-bit integer.
        checked(unsafe { sys::opus_encoder_ctl(self.state.as_ptr(), request, value) }).map(drop)
    }

    /// Forgets what was encoded.
    pub(super) fn reset(&mut self) {
        // SAFETY: the state is ours, and this request takes nothing.
        unsafe { sys::opus_encoder_ctl(self.state.as_ptr(), sys::OPUS_RESET_STATE) };
    }

    /// The range coder's final state.
    pub(super) fn final_range(&mut self) -> Option<u32> {
        let (state, mut range) = (self.state.as_ptr(), 0_u32);
        // SAFETY: the state is ours, and this request writes 32 bits to where its argument points.
        let result = unsafe {
            sys::opus_encoder_ctl(state, sys::OPUS_GET_FINAL_RANGE_REQUEST, &raw mut range)
        };
        (result == sys::OPUS_OK).then_some(range)
    }

    /// Encodes a packet; returns bytes.
    pub(super) fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        let frame = length(pcm.len() / self.channels)?;
        // Opus packets are shorter than this by far.
        let room = length(payload.len().min(1 << 16))?;
        // SAFETY: `pcm` has `frame` samples of every channel, and `payload` has `room` bytes.
        checked(unsafe {
            sys::opus_encode(self.state.as_ptr(), pcm.as_ptr(), frame, payload.as_mut_ptr(), room)
        })
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: it is ours and not used any more.
        unsafe { sys::opus_encoder_destroy(self.state.as_ptr()) };
    }
}

/// `OpusDREDDecoder` and the redundancy that it found in a packet.
#[cfg(feature = "opus-dred")]
#[derive(Debug)]
pub(super) struct Dred {
    decoder: NonNull<sys::OpusDREDDecoder>,
    data: NonNull<sys::OpusDRED>,
}

// SAFETY: as for the decoder.
#[cfg(feature = "opus-dred")]
unsafe impl Send for Dred {}

#[cfg(feature = "opus-dred")]
impl Dred {
    pub(super) fn new() -> Result<Self, CodecError> {
        let mut error = sys::OPUS_OK;
        // SAFETY: only the error is written to.
        let decoder = made(unsafe { sys::opus_dred_decoder_create(&mut error) }, error)?;
        // SAFETY: as above.
        match made(unsafe { sys::opus_dred_alloc(&mut error) }, error) {
            Ok(data) => Ok(Self { decoder, data }),
            Err(error) => {
                // SAFETY: nobody else has it.
                unsafe { sys::opus_dred_decoder_destroy(decoder.as_ptr()) };
                Err(error)
            }
        }
    }

    /// Looks for redundancy in a packet; returns for how many samples (per channel) before it there
    /// is some.
    pub(super) fn parse(
        &mut self,
        packet: &[u8],
        most: usize,
        sample_rate_hz: u32,
    ) -> Result<usize, CodecError> {
        let mut end = 0;
        // SAFETY: both objects are whole, and `packet` has as many bytes as it says.
        checked(unsafe {
            sys::opus_dred_parse(
                self.decoder.as_ptr(),
                self.data.as_ptr(),
                packet.as_ptr(),
                length(packet.len())?,
                length(most)?,
                sample_rate_hz as i32,
                &mut end,
                0,
            )
        })
    }
}

#[cfg(feature = "opus-dred")]
impl Drop for Dred {
    fn drop(&mut self) {
        // SAFETY: they are ours and not used any more.
        unsafe {
            sys::opus_dred_free(self.data.as_ptr());
            sys::opus_dred_decoder_destroy(self.decoder.as_ptr());
        }
    }
}
