// SPDX-License-Identifier: MIT OR Apache-2.0
//! One conference over several threads: each has a share, and shares exchange sums.

use ale_media::conference::shard::PartialSums;

use crate::conference::{ale_conference, audio};
use crate::heap;
use crate::panic::guard;
use crate::pointer::{self, handle};
use crate::status::ale_status;

/// What the members of a share have said in 10 ms, added up. Written by ale_conference_gather;
/// any number of threads may read it in ale_conference_deliver meanwhile.
pub struct ale_partial_sums(PartialSums);

/// Shares that one conference may have besides the one that is delivered to.
const MAX_OTHERS: usize = 1_024;

/// Makes sums of silence. Any thread. Not real-time.
///
/// Can return ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_partial_sums_create(sums: *mut *mut ale_partial_sums) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let out = unsafe { pointer::exclusive(sums) }?;
        heap::creating(|| Ok(handle(ale_partial_sums(PartialSums::new()))))?.give(out);
        Ok(())
    })
}

/// Frees sums. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_partial_sums_destroy(sums: *mut ale_partial_sums) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(sums) };
        Ok(())
    });
}

/// The first half of a tick, where one conference is spread over several threads, each with an
/// ale_conference that holds a share of the members: plays the share's members and writes what they
/// have said to sums. When all threads have done so, ale_conference_deliver is the second half. All
/// hear what they would hear in one conference, to the bit; speakers are chosen and gains for single
/// talkers set within a share. Exclusive to the audio thread. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_gather(
    conference: *mut ale_conference,
    now_ns: u64,
    sums: *mut ale_partial_sums,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (audio, sums) = unsafe { (audio(conference)?, pointer::exclusive(sums)?) };
        audio.conference.gather(now_ns, &mut sums.0);
        Ok(())
    })
}

/// The second half of a tick: adds what the other shares have said, count pointers to sums, and makes
/// the datagrams that ale_conference_next_datagram then gives. Exclusive to the audio thread.
/// Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, also for more than 1024 others; nothing is delivered then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_deliver(
    conference: *mut ale_conference,
    now_ns: u64,
    others: *const *const ale_partial_sums,
    count: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (audio, others) = unsafe { (audio(conference)?, pointer::slice(others, count)?) };
        if others.len() > MAX_OTHERS || others.iter().any(|sums| sums.is_null()) {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        // SAFETY: not NULL, and nobody writes them meanwhile by the header's contract.
        let others = others.iter().filter_map(|sums| unsafe { sums.as_ref() });
        audio.conference.deliver(now_ns, others.map(|sums| &sums.0), &mut audio.outgoing);
        audio.next = 0;
        Ok(())
    })
}
