// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets of many SRTP sessions in one call.

use ale_media::srtp::{Job, Receiver, Sender, Sessions, SrtpError, protect_batch, unprotect_batch};

use crate::panic::guard;
use crate::pointer;
use crate::srtp::ale_srtp;
use crate::status::ale_status;

/// Jobs that are handed on at a time.
const CHUNK: usize = 16;

/// One packet of a batch.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_srtp_job {
    /// The session.
    pub srtp: *mut ale_srtp,
    /// The packet, changed in place; no two jobs share memory.
    pub packet: *mut u8,
    /// Bytes of the packet before.
    pub length: usize,
    /// Bytes of memory at packet; for unprotecting, length is enough.
    pub capacity: usize,
    /// Written: bytes of the packet afterwards.
    pub result_length: usize,
    /// Written: what became of this packet.
    pub status: ale_status,
}

/// The sessions of a batch: their numbers are their addresses. Only [`batch`] makes one, and asks it
/// for no other numbers than the addresses that the host gave.
struct Handles;

fn pointer_of(number: usize) -> *mut ale_srtp {
    core::ptr::with_exposed_provenance_mut(number)
}

impl Sessions<Sender> for Handles {
    #[inline(always)]
    fn session(&self, number: usize) -> Option<&Sender> {
        // SAFETY: a session of the host's, whose sending half is this thread's for the call; the
        // other half, which another thread may be using, is not touched.
        unsafe { (&raw const (*pointer_of(number)).send).as_ref() }?.as_ref()
    }

    #[inline(always)]
    fn session_mut(&mut self, number: usize) -> Option<&mut Sender> {
        // SAFETY: as above, and the batch holds no other reference when it asks for this one.
        unsafe { (&raw mut (*pointer_of(number)).send).as_mut() }?.as_mut()
    }
}

impl Sessions<Receiver> for Handles {
    #[inline(always)]
    fn session(&self, number: usize) -> Option<&Receiver> {
        // SAFETY: as for the sending half.
        unsafe { (&raw const (*pointer_of(number)).receive).as_ref() }?.as_ref()
    }

    #[inline(always)]
    fn session_mut(&mut self, number: usize) -> Option<&mut Receiver> {
        // SAFETY: as for the sending half.
        unsafe { (&raw mut (*pointer_of(number)).receive).as_mut() }?.as_mut()
    }
}

/// # Safety
/// The header's contract for a batch.
unsafe fn batch(
    jobs: *mut ale_srtp_job,
    count: usize,
    capacity_of: impl Fn(&ale_srtp_job) -> usize,
    run: impl Fn(&mut Handles, &mut [Job<'_>]),
) -> ale_status {
    guard(|| {
        // SAFETY: the caller's.
        for some in unsafe { pointer::slice_mut(jobs, count) }?.chunks_mut(CHUNK) {
            let mut list: [Job<'_>; CHUNK] = core::array::from_fn(|_| Job::new(0, &mut [], 0));
            let mut places = [0_u8; CHUNK];
            let mut free = list.iter_mut().zip(&mut places);
            let mut ready = 0;
            for (i, job) in some.iter_mut().enumerate() {
                let capacity = capacity_of(job);
                // SAFETY: the caller's.
                let buffer = unsafe { pointer::slice_mut(job.packet, capacity) };
                job.status = ale_status::ALE_ERR_INVALID_ARGUMENT;
                if let Ok(buffer) = buffer
                    && !job.srtp.is_null()
                    && job.length <= capacity
                    && let Some((listed, place)) = free.next()
                {
                    *listed = Job::new(job.srtp.expose_provenance(), buffer, job.length);
                    *place = i as u8;
                    ready += 1;
                }
            }
            let list = list.get_mut(..ready).unwrap_or_default();
            run(&mut Handles, list);
            for (from, &place) in list.iter().zip(&places) {
                let Some(to) = some.get_mut(usize::from(place)) else { continue };
                to.status = match from.result {
                    Ok(length) => {
                        to.result_length = length;
                        ale_status::ALE_OK
                    }
                    // Also what a session without keys for this direction gives.
                    Err(SrtpError::InvalidConfig) => ale_status::ALE_ERR_INVALID_ARGUMENT,
                    Err(error) => error.into(),
                };
            }
        }
        Ok(())
    })
}

/// Protects RTP packets of any number of sessions, each of which may occur several times. Results
/// and bytes are those of ale_srtp_protect for one job after the other; each has a status of its
/// own, and one that is refused does not disturb the others. Exclusive to the sending halves.
/// Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_protect_batch(
    jobs: *mut ale_srtp_job,
    count: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    unsafe { batch(jobs, count, |job| job.capacity, protect_batch) }
}

/// Checks and decrypts SRTP packets of any number of sessions, as ale_srtp_unprotect would for one
/// job after the other, each with a status of its own. Exclusive to the receiving halves.
/// Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_unprotect_batch(
    jobs: *mut ale_srtp_job,
    count: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    unsafe { batch(jobs, count, |job| job.length, unprotect_batch) }
}
