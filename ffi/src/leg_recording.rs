// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both directions of a leg, at the same time, for whoever writes them down.

use crate::leg::ale_leg_control;
use crate::panic::guard;
use crate::pointer;
use crate::status::ale_status;

/// Records from now on what the leg hears and what it says, also in a conference, of which ms (up to 60000) may
/// wait for ale_leg_read_recording; 0 ends the recording. One that there is begins anew. Takes 4 bytes a
/// sample. Whoever is recorded has to have agreed to it. Exclusive. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_CAPACITY for more than a minute, and ALE_ERR_BUSY; nothing has
/// changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_record(control: *mut ale_leg_control, ms: u32) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { pointer::exclusive(control) }?;
        Ok(control.0.record(ms)?)
    })
}

/// Reads on in the recording: what was heard and what was said at the same time, at the leg's rate, up to
/// capacity samples of each. samples is how many there are; lost, which may be NULL, how many of them are silence
/// because nobody read in time. On hold and muted what is said is silence. Exclusive. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, and ALE_ERR_NOTHING while nothing waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_read_recording(
    control: *mut ale_leg_control,
    heard: *mut i16,
    said: *mut i16,
    capacity: usize,
    samples: *mut usize,
    lost: *mut usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, heard, said, samples) = unsafe {
            (
                pointer::exclusive(control)?,
                pointer::slice_mut(heard, capacity)?,
                pointer::slice_mut(said, capacity)?,
                pointer::exclusive(samples)?,
            )
        };
        if capacity == 0 {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        let read = control.0.read_recording(heard, said);
        if read.samples == 0 {
            return Err(ale_status::ALE_ERR_NOTHING);
        }
        *samples = read.samples;
        // SAFETY: the header's contract.
        if let Some(lost) = unsafe { lost.as_mut() } {
            *lost = read.lost_samples;
        }
        Ok(())
    })
}
