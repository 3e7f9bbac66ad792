// SPDX-License-Identifier: MIT OR Apache-2.0
//! A leg's jitter buffer: settings from any thread, what it has seen for the thread that pulls.

use crate::jitter_view::{histogram, set_bounds, set_mode};
use crate::leg::{ale_leg_control, ale_leg_media};
use crate::panic::guard;
use crate::pointer;
use crate::status::ale_status;

/// Sets an ale_delay_mode, and the delay in ms of the modes that keep one. ALE_DELAY_FROZEN is for
/// when a modem's or fax's tone was heard. Exclusive. Real-time; takes effect at the next pull.
///
/// Can return ALE_ERR_INVALID_ARGUMENT and ALE_ERR_DELAY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_set_delay_mode(
    control: *mut ale_leg_control,
    mode: i32,
    target_delay_ms: u32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { pointer::exclusive(control) }?;
        set_mode(control.0.jitter(), mode, target_delay_ms)
    })
}

/// Sets bounds of the delay in ms. Exclusive. Real-time; takes effect at the next pull.
///
/// Can return ALE_ERR_INVALID_ARGUMENT and ALE_ERR_DELAY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_set_delay_bounds(
    control: *mut ale_leg_control,
    min_ms: u32,
    max_ms: u32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { pointer::exclusive(control) }?;
        set_bounds(control.0.jitter(), min_ms, max_ms)
    })
}

/// Writes how late packets came lately, as ale_jitter_arrival_histogram does. The audio thread. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_arrival_histogram(
    media: *const ale_leg_media,
    step_ms: u32,
    shares: *mut f32,
    count: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (media, shares) =
            unsafe { (pointer::shared(media)?, pointer::slice_mut(shares, count)?) };
        histogram(media.0.jitter(), step_ms, shares)
    })
}

/// Copies the log of what the jitter buffer saw and decided, for ale_jitter_replay_create. length is how many
/// bytes it takes: 0 without black_box_bytes in the config; nothing is copied when capacity is less. The audio
/// thread. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, and ALE_ERR_CAPACITY with length set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_black_box(
    media: *const ale_leg_media,
    log: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (media, log, length) = unsafe {
            (
                pointer::shared(media)?,
                pointer::slice_mut(log, capacity)?,
                pointer::exclusive(length)?,
            )
        };
        *length = media.0.jitter().copy_black_box(log);
        if *length > log.len() { Err(ale_status::ALE_ERR_CAPACITY) } else { Ok(()) }
    })
}
