// SPDX-License-Identifier: MIT OR Apache-2.0
//! SRTP sessions that go on in another process.

use ale_media::srtp::checkpoint::{Restored, Wrapping, generation};

use crate::heap;
use crate::panic::guard;
use crate::pointer::{self, handle};
use crate::srtp::{ale_srtp, ale_srtp_config, limits, sender, settings};
use crate::srtp_control::{Half, half};
use crate::status::ale_status;

/// Bytes of the key that wraps a checkpoint.
pub const ALE_SRTP_WRAPPING_KEY_BYTES: usize = 32;
/// Bytes of the nonce that wraps a checkpoint.
pub const ALE_SRTP_WRAPPING_NONCE_BYTES: usize = 12;

/// Bytes that a checkpoint of a direction (an ale_srtp_direction) would have now. Exclusive to the
/// direction. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_checkpoint_bytes(
    srtp: *mut ale_srtp,
    direction: i32,
    length: *mut usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (half, out) = unsafe { (half(srtp, direction)?, pointer::exclusive(length)?) };
        *out = bytes_of(&half);
        Ok(())
    })
}

fn bytes_of(half: &Half<'_>) -> usize {
    match half {
        Half::Sending(sender) => sender.checkpoint_bytes(),
        Half::Receiving(receiver) => receiver.checkpoint_bytes(),
    }
}

/// Takes a checkpoint of a direction (an ale_srtp_direction): keys, rollover counters and replay
/// windows, wrapped with a key of ALE_SRTP_WRAPPING_KEY_BYTES and a nonce of
/// ALE_SRTP_WRAPPING_NONCE_BYTES, which must never be used twice with one key. A sending direction's
/// reserves so many packets: what is restored from it begins behind them, and the live session stops
/// (ALE_ERR_SRTP_CHECKPOINT_DUE) at their end unless ale_srtp_confirm_checkpoint has been called for
/// a later checkpoint. generation tells a later one from an earlier. Exclusive to the direction. Not
/// real-time.
///
/// Can return ALE_ERR_CAPACITY, and ALE_ERR_INVALID_ARGUMENT for a reservation that is not 1 to
/// 28672 (of no meaning when receiving) or while a stream that is sent has not begun.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_checkpoint(
    srtp: *mut ale_srtp,
    direction: i32,
    wrapping_key: *const u8,
    nonce: *const u8,
    reserve_packets: u32,
    bytes: *mut u8,
    capacity: usize,
    length: *mut usize,
    generation_number: *mut u64,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (half, key, nonce, out, length, number) = unsafe {
            (
                half(srtp, direction)?,
                pointer::shared(wrapping_key.cast::<[u8; ALE_SRTP_WRAPPING_KEY_BYTES]>())?,
                pointer::shared(nonce.cast::<[u8; ALE_SRTP_WRAPPING_NONCE_BYTES]>())?,
                pointer::slice_mut(bytes, capacity)?,
                pointer::exclusive(length)?,
                pointer::exclusive(generation_number)?,
            )
        };
        // Before a sender's reservation begins.
        let out = out.get_mut(..bytes_of(&half)).ok_or(ale_status::ALE_ERR_CAPACITY)?;
        let wrapping = Wrapping { key, nonce: *nonce };
        let taken = match half {
            Half::Sending(sender) => sender.checkpoint(&wrapping, reserve_packets),
            Half::Receiving(receiver) => receiver.checkpoint(&wrapping, 0),
        }?;
        if taken.len() != out.len() {
            return Err(ale_status::ALE_ERR_INTERNAL);
        }
        out.copy_from_slice(&taken);
        (*length, *number) = (taken.len(), generation(&taken).unwrap_or(0));
        Ok(())
    })
}

/// Says that the sending direction's checkpoint of this generation is what another process would
/// restore: it is stored, and earlier ones are gone. Exclusive to the sending direction. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND for any but the latest, or one that is confirmed already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_confirm_checkpoint(
    srtp: *mut ale_srtp,
    generation_number: u64,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let confirmed = unsafe { sender(srtp) }?.confirm_checkpoint(generation_number);
        if confirmed { Ok(()) } else { Err(ale_status::ALE_ERR_NOT_FOUND) }
    })
}

/// Makes a session from the checkpoints of its directions; either may be NULL, not both. Policy, flags,
/// SSRCs, header extensions and the first rollover counter are those in the checkpoints, also for keys
/// that come later; of config the limits (window, streams, retries, overlap) and the backend matter. A
/// restored sending direction sends once it has taken and confirmed a checkpoint of its own. Takes some 19
/// KiB of stack. Any thread. Not real-time.
///
/// Can return ALE_ERR_SRTP_CHECKPOINT for one that is damaged, wrapped with another key, or of the
/// other direction, and what ale_srtp_create can return.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_restore(
    config: *const ale_srtp_config,
    wrapping_key: *const u8,
    sending: *const u8,
    sending_bytes: usize,
    receiving: *const u8,
    receiving_bytes: usize,
    srtp: *mut *mut ale_srtp,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, key, sending, receiving, out) = unsafe {
            (
                pointer::config(config)?,
                pointer::shared(wrapping_key.cast::<[u8; ALE_SRTP_WRAPPING_KEY_BYTES]>())?,
                pointer::slice(sending, sending_bytes)?,
                pointer::slice(receiving, receiving_bytes)?,
                pointer::exclusive(srtp)?,
            )
        };
        if sending.is_empty() && receiving.is_empty() {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        let session = heap::creating(|| {
            // SAFETY: the header's contract.
            let settings = unsafe { settings(&config) }?;
            let open = |checkpoint: &[u8]| -> Result<Option<Restored>, ale_status> {
                if checkpoint.is_empty() {
                    return Ok(None);
                }
                let mut restored = Restored::open(key, checkpoint)?;
                // SAFETY: the header's contract.
                unsafe { limits(&config, &mut restored.config) }?;
                Ok(Some(restored))
            };
            let (send, receive) = (open(sending)?, open(receiving)?);
            let kept = |restored: &Option<Restored>| {
                restored.as_ref().map_or_else(|| settings.clone(), |r| r.config.without_keys())
            };
            let (send_settings, receive_settings) = (kept(&send), kept(&receive));
            let send = send.map(Restored::into_sender).transpose()?;
            let receive = receive.map(Restored::into_receiver).transpose()?;
            Ok(handle(ale_srtp { send, receive, send_settings, receive_settings }))
        })?;
        session.give(out);
        Ok(())
    })
}
