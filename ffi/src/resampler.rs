// SPDX-License-Identifier: MIT OR Apache-2.0
//! Between the rates of telephony, for hosts whose devices and files have another than their legs.

use ale_media::dsp::resample::Resampler;

use crate::heap;
use crate::memory::ale_memory;
use crate::panic::guard;
use crate::pointer::{self, Handle, handle};
use crate::status::ale_status;

/// Turns one channel of PCM at one rate into another. Exclusive.
pub struct ale_resampler(Resampler);

/// Most samples that one call takes: sums of so many are exact on any machine.
const MOST_SAMPLES: usize = 1 << 24;

/// Makes a resampler between 8000, 12000, 16000, 24000, 32000 and 48000 Hz; equal rates are copied. What comes out is
/// 16 samples of the lower rate later; its band reaches 0.42 of the lower rate, within 0.1 dB, and what is
/// beyond 0.58 of it lies below -60 dB. Any thread. Not real-time.
///
/// Can return ALE_ERR_SAMPLE_RATE and ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_resampler_create(
    from_hz: u32,
    to_hz: u32,
    resampler: *mut *mut ale_resampler,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let out = unsafe { pointer::exclusive(resampler) }?;
        heap::creating(|| make(from_hz, to_hz))?.give(out);
        Ok(())
    })
}

fn make(from_hz: u32, to_hz: u32) -> Result<Handle<ale_resampler>, ale_status> {
    let made = Resampler::new(from_hz, to_hz).map_err(|_| ale_status::ALE_ERR_SAMPLE_RATE)?;
    Ok(handle(ale_resampler(made)))
}

/// What a resampler between these rates would take of the allocator. It is made and thrown away for that,
/// with memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
///
/// Can return what ale_resampler_create can.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_resampler_memory_required(
    from_hz: u32,
    to_hz: u32,
    memory: *mut ale_memory,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let out = unsafe { pointer::exclusive(memory) }?;
        *out = heap::measure(|| make(from_hz, to_hz))?;
        Ok(())
    })
}

/// Frees a resampler. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_resampler_destroy(resampler: *mut ale_resampler) {
    // SAFETY: the header's contract.
    guard(|| unsafe {
        pointer::destroy(resampler);
        Ok(())
    });
}

/// Converts all samples, any number up to 16777216, and says how many there are now: of 10 ms just 10 ms.
/// Input and output are apart from each other. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, and ALE_ERR_CAPACITY, where nothing has been taken in; samples *
/// to_hz / from_hz + 1 is room enough.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_resampler_process(
    resampler: *mut ale_resampler,
    pcm: *const i16,
    samples: usize,
    out: *mut i16,
    capacity: usize,
    written: *mut usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (resampler, pcm, out, written) = unsafe {
            (
                pointer::exclusive(resampler)?,
                pointer::slice(pcm, samples)?,
                pointer::slice_mut(out, capacity)?,
                pointer::exclusive(written)?,
            )
        };
        if pcm.len() > MOST_SAMPLES {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        if resampler.0.output_len(pcm.len()) > out.len() {
            return Err(ale_status::ALE_ERR_CAPACITY);
        }
        *written = resampler.0.process(pcm, out);
        Ok(())
    })
}

/// Forgets what has been taken in: what comes next has nothing to do with it. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_resampler_reset(resampler: *mut ale_resampler) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::exclusive(resampler) }?.0.reset();
        Ok(())
    })
}
