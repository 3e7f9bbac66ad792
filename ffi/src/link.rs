// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links between conferences, and between a conference and the host.

use alloc::boxed::Box;

use ale_media::conference::LinkEnd;

use crate::heap;
use crate::memory::ale_memory;
use crate::panic::guard;
use crate::pointer::{self, Handle, handle};
use crate::status::ale_status;

/// One end of a link between two conferences, or between a conference and the host (music,
/// announcements, a recorder): what one end pushes the other pulls. Exclusive.
pub struct ale_link_end(pub(crate) Box<LinkEnd>);

/// Makes a link of 8000, 16000, 32000 or 48000 Hz and gives both its ends. Any thread. Not
/// real-time.
///
/// Can return ALE_ERR_SAMPLE_RATE, ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_link_create(
    sample_rate_hz: u32,
    one: *mut *mut ale_link_end,
    other: *mut *mut ale_link_end,
) -> ale_status {
    guard(|| {
        if core::ptr::eq(one, other) {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        // SAFETY: the header's contract; they are two.
        let (one, other) = unsafe { (pointer::exclusive(one)?, pointer::exclusive(other)?) };
        let (a, b) = heap::creating(|| make(sample_rate_hz))?;
        a.give(one);
        b.give(other);
        Ok(())
    })
}

fn make(sample_rate_hz: u32) -> Result<(Handle<ale_link_end>, Handle<ale_link_end>), ale_status> {
    let pair = LinkEnd::pair(sample_rate_hz).map_err(|_| ale_status::ALE_ERR_SAMPLE_RATE)?;
    Ok((handle(ale_link_end(Box::new(pair.0))), handle(ale_link_end(Box::new(pair.1)))))
}

/// What both ends of a link of this rate would take of the allocator. They are made and thrown away for
/// that, with memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
///
/// Can return what ale_link_create can.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_link_memory_required(
    sample_rate_hz: u32,
    memory: *mut ale_memory,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let out = unsafe { pointer::exclusive(memory) }?;
        *out = heap::measure(|| make(sample_rate_hz))?;
        Ok(())
    })
}

/// Frees an end that no conference has. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_link_end_destroy(end: *mut ale_link_end) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(end) };
        Ok(())
    });
}

/// Sends 10 ms to the other end. Real-time.
///
/// Can return ALE_ERR_FULL when the other end does not pull, and ALE_ERR_INVALID_ARGUMENT unless
/// samples are 10 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_link_end_push(
    end: *mut ale_link_end,
    pcm: *const i16,
    samples: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (end, pcm) = unsafe { (pointer::exclusive(end)?, pointer::slice(pcm, samples)?) };
        if samples != end.0.frame_samples() {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        end.0.push(pcm).then_some(()).ok_or(ale_status::ALE_ERR_FULL)
    })
}

/// Takes the next 10 ms of the other end; zeros and ALE_ERR_NOTHING if there are none. Real-time.
///
/// Can return ALE_ERR_NOTHING, and ALE_ERR_INVALID_ARGUMENT unless samples are 10 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_link_end_pull(
    end: *mut ale_link_end,
    pcm: *mut i16,
    samples: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (end, pcm) = unsafe { (pointer::exclusive(end)?, pointer::slice_mut(pcm, samples)?) };
        if samples != end.0.frame_samples() {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        end.0.pull(pcm).then_some(()).ok_or(ale_status::ALE_ERR_NOTHING)
    })
}
