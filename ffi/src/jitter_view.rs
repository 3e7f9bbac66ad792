// SPDX-License-Identifier: MIT OR Apache-2.0
//! A jitter buffer's control half, and what one can see of its network: how late packets come,
//! which ones are missing.

use ale_media::jitter::{JitterControl, JitterReader, Missing};

use crate::heap;
use crate::jitter::{ale_jitter_reader, delay_mode};
use crate::panic::guard;
use crate::pointer::{self, handle};
use crate::status::ale_status;

/// The half that settings go in by. May be used from any thread, one at a time; outlives the others.
pub struct ale_jitter_control(JitterControl);

/// A packet that is worth asking for again (RFC 4585).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ale_missing_packet {
    /// When it has to be here to be heard, on the host's clock.
    pub deadline_ns: u64,
    /// Its sequence number.
    pub sequence: u16,
}

/// Packets that one call reports at most.
const MOST_MISSING: usize = 128;

/// Gives a control half. The reader's thread. Not real-time.
///
/// Can return ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_control_create(
    reader: *const ale_jitter_reader,
    control: *mut *mut ale_jitter_control,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (reader, out) = unsafe { (pointer::shared(reader)?, pointer::exclusive(control)?) };
        heap::creating(|| Ok(handle(ale_jitter_control(reader.control.clone()))))?.give(out);
        Ok(())
    })
}

/// Frees a control half. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_control_destroy(control: *mut ale_jitter_control) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(control) };
        Ok(())
    });
}

/// Sets an ale_delay_mode, and the delay in ms of the modes that keep one. ALE_DELAY_FROZEN is for
/// when a modem's or fax's tone was heard. Any thread. Real-time; takes effect at the next pull.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_control_set_mode(
    control: *mut ale_jitter_control,
    mode: i32,
    target_delay_ms: u32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { pointer::exclusive(control) }?;
        set_mode(&control.0, mode, target_delay_ms)
    })
}

/// Sets bounds of the delay in ms. Any thread. Real-time; takes effect at the next pull.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_control_set_delay_bounds(
    control: *mut ale_jitter_control,
    min_ms: u32,
    max_ms: u32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { pointer::exclusive(control) }?;
        set_bounds(&control.0, min_ms, max_ms)
    })
}

/// Writes the packets that are missing and would still be heard, those due first in front; at most
/// 128, and as many as there is room for. count is how many. The reader's thread. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_missing(
    reader: *const ale_jitter_reader,
    now_ns: u64,
    packets: *mut ale_missing_packet,
    capacity: usize,
    count: *mut usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (reader, packets, count) = unsafe {
            (
                pointer::shared(reader)?,
                pointer::slice_mut(packets, capacity)?,
                pointer::exclusive(count)?,
            )
        };
        let mut found = [Missing::default(); MOST_MISSING];
        let room = packets.len().min(MOST_MISSING);
        let found = found.get_mut(..room).unwrap_or_default();
        *count = reader.reader.missing(now_ns, found);
        for (to, from) in packets.iter_mut().zip(found).take(*count) {
            *to = ale_missing_packet { deadline_ns: from.deadline_ns, sequence: from.sequence };
        }
        Ok(())
    })
}

/// Writes how late packets came lately, older ones weighing less: shares[n] is the share of all
/// whose delay over the fastest lately is from n to n + 1 steps; the last holds the rest. The
/// reader's thread. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_arrival_histogram(
    reader: *const ale_jitter_reader,
    step_ms: u32,
    shares: *mut f32,
    count: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (reader, shares) =
            unsafe { (pointer::shared(reader)?, pointer::slice_mut(shares, count)?) };
        histogram(&reader.reader, step_ms, shares)
    })
}

/// Adds the shares of all steps of delay up into those of the caller's.
pub(crate) fn histogram(
    reader: &JitterReader,
    step_ms: u32,
    shares: &mut [f32],
) -> Result<(), ale_status> {
    let last = shares.len().checked_sub(1).filter(|_| step_ms != 0);
    let last = last.ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)?;
    shares.fill(0.0);
    for (edge_ms, share) in reader.arrival_histogram() {
        if let Some(sum) = shares.get_mut(((edge_ms / step_ms as f32) as usize).min(last)) {
            *sum += share;
        }
    }
    Ok(())
}

/// What an ale_delay_mode and a delay ask of a buffer's control half.
pub(crate) fn set_mode(
    control: &JitterControl,
    mode: i32,
    target_delay_ms: u32,
) -> Result<(), ale_status> {
    let mode = delay_mode(mode)?;
    let target_ms = u16::try_from(target_delay_ms).map_err(|_| ale_status::ALE_ERR_DELAY)?;
    control.set_target_delay_ms(target_ms)?;
    control.set_mode(mode);
    Ok(())
}

/// Sets bounds of the delay.
pub(crate) fn set_bounds(
    control: &JitterControl,
    min_ms: u32,
    max_ms: u32,
) -> Result<(), ale_status> {
    let narrow = |value: u32| u16::try_from(value).map_err(|_| ale_status::ALE_ERR_DELAY);
    Ok(control.set_delay_bounds_ms(narrow(min_ms)?, narrow(max_ms)?)?)
}
