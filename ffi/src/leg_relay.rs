// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payloads that legs hand on undecoded, and other packet times for them.

use core::ffi::c_void;

use ale_media::codec::Repacketizer;
use ale_media::leg::Passed;

use crate::codec::ale_codec;
use crate::heap;
use crate::leg::{ale_leg_media, ale_leg_receiver};
use crate::panic::guard;
use crate::pointer::{self, handle};
use crate::status::ale_status;

/// A payload type whose payloads a leg hands on as they are.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_pass_through {
    /// 0 to 127; not 64 to 95.
    pub payload_type: u32,
    /// RTP clock in ticks a second.
    pub rtp_clock_hz: u32,
}

/// An RTP packet that is handed on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_passed {
    /// The payload type; may be changed to what the other leg's peer calls it.
    pub payload_type: u32,
    /// The marker bit, 0 or 1.
    pub marker: u32,
    /// The sequence number.
    pub sequence: u32,
    /// The RTP timestamp.
    pub timestamp: u32,
    /// The source (SSRC).
    pub ssrc: u32,
    /// Where the payload begins in the datagram, in bytes.
    pub payload_offset: usize,
    /// Bytes of the payload.
    pub payload_bytes: usize,
}

impl From<Passed> for ale_passed {
    fn from(from: Passed) -> Self {
        Self {
            payload_type: from.payload_type.into(),
            marker: from.marker.into(),
            sequence: from.sequence.into(),
            timestamp: from.timestamp,
            ssrc: from.ssrc,
            payload_offset: from.payload_offset,
            payload_bytes: from.payload_bytes,
        }
    }
}

impl ale_passed {
    fn read(&self) -> Result<Passed, ale_status> {
        let invalid = ale_status::ALE_ERR_INVALID_ARGUMENT;
        let payload_type = u8::try_from(self.payload_type).ok().filter(|number| *number < 128);
        Ok(Passed {
            payload_type: payload_type.ok_or(invalid)?,
            marker: self.marker != 0,
            sequence: self.sequence.try_into().map_err(|_| invalid)?,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload_offset: self.payload_offset,
            payload_bytes: self.payload_bytes,
        })
    }
}

/// Says what the last datagram held for which ale_leg_receive said ALE_RECEIVED_PASS_THROUGH.
/// Exclusive. Real-time.
///
/// Can return ALE_ERR_NOTHING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_passed(
    receiver: *const ale_leg_receiver,
    passed: *mut ale_passed,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (receiver, out) = unsafe { (pointer::shared(receiver)?, pointer::exclusive(passed)?) };
        *out = receiver.passed.ok_or(ale_status::ALE_ERR_NOTHING)?.into();
        Ok(())
    })
}

/// Gives the datagram to send of a packet that another leg hands on: length bytes of payload, the
/// other's or regrouped ones, under passed's payload type, with source, keys and statistics of this
/// leg. Sequence numbers and timestamps keep their distances. Valid until the half is used again.
/// Exclusive. Real-time.
///
/// Can return ALE_ERR_NOTHING: too large, or the keys are used up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_relay(
    media: *mut ale_leg_media,
    passed: *const ale_passed,
    payload: *const u8,
    payload_bytes: usize,
    datagram: *mut *const u8,
    length: *mut usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (media, passed, payload, datagram, length) = unsafe {
            (
                pointer::exclusive(media)?,
                pointer::shared(passed)?,
                pointer::slice(payload, payload_bytes)?,
                pointer::exclusive(datagram)?,
                pointer::exclusive(length)?,
            )
        };
        let bytes = media.0.relay(&passed.read()?, payload).ok_or(ale_status::ALE_ERR_NOTHING)?;
        (*datagram, *length) = (bytes.as_ptr(), bytes.len());
        Ok(())
    })
}

/// Regroups the payloads of one stream into packets of another time, without re-encoding. Exclusive.
pub struct ale_repacketizer(Repacketizer);

/// Makes one, for packets of 10 to 60 ms. Any thread. Not real-time.
///
/// Can return ALE_ERR_NO_MEMORY, and ALE_ERR_UNSUPPORTED for codecs that are not known, and for those
/// of the host.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_repacketizer_create(
    codec: *const ale_codec,
    packet_ms: u32,
    repacketizer: *mut *mut ale_repacketizer,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (codec, out) = unsafe { (pointer::shared(codec)?, pointer::exclusive(repacketizer)?) };
        // SAFETY: the header's contract.
        let codec = unsafe { codec.spec() }?;
        let packet_ms =
            u16::try_from(packet_ms).map_err(|_| ale_status::ALE_ERR_INVALID_ARGUMENT)?;
        heap::creating(|| Ok(handle(ale_repacketizer(Repacketizer::new(&codec, packet_ms)?))))?
            .give(out);
        Ok(())
    })
}

/// Frees a repacketizer. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_repacketizer_destroy(repacketizer: *mut ale_repacketizer) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(repacketizer) };
        Ok(())
    });
}

/// Takes the payload that begins at an RTP timestamp, and calls emit for each payload that is
/// complete with it, with that one's timestamp. Where payloads are missing in between, what waits
/// goes first, shorter than the rest. NULL for a payload of no length gives what waits, as at the
/// end. Real-time as far as emit is.
///
/// Can return ALE_ERR_PAYLOAD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_repacketizer_push(
    repacketizer: *mut ale_repacketizer,
    timestamp: u32,
    payload: *const u8,
    payload_bytes: usize,
    emit: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            timestamp: u32,
            payload: *const u8,
            payload_bytes: usize,
        ),
    >,
    context: *mut c_void,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (repacketizer, payload) =
            unsafe { (pointer::exclusive(repacketizer)?, pointer::slice(payload, payload_bytes)?) };
        let emit = emit.ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)?;
        // SAFETY: the header's contract; pointer and length are a slice's.
        let emit = |timestamp, bytes: &[u8]| unsafe {
            emit(context, timestamp, bytes.as_ptr(), bytes.len());
        };
        if payload.is_empty() {
            repacketizer.0.flush(emit);
            return Ok(());
        }
        Ok(repacketizer.0.push(timestamp, payload, emit)?)
    })
}
