// SPDX-License-Identifier: MIT OR Apache-2.0
//! A jitter buffer's black box: copied out, and replayed.

use ale_media::jitter::{Replay, ReplayError};
use alloc::vec::Vec;

use crate::heap;
use crate::jitter::{ale_jitter_config, ale_jitter_reader, ale_pull_info, decoders};
use crate::panic::guard;
use crate::pointer::{self, handle};
use crate::status::ale_status;

/// A log that is being replayed. Exclusive.
pub struct ale_jitter_replay(Replay<Vec<u8>>);

/// Copies the log of what a buffer saw and decided. length is how many bytes it takes: 0 without a
/// black box; nothing is copied when capacity is less. The reader's thread. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, and ALE_ERR_CAPACITY with length set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_black_box(
    reader: *const ale_jitter_reader,
    log: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (reader, log, length) = unsafe {
            (
                pointer::shared(reader)?,
                pointer::slice_mut(log, capacity)?,
                pointer::exclusive(length)?,
            )
        };
        *length = reader.reader.copy_black_box(log);
        if *length > log.len() { Err(ale_status::ALE_ERR_CAPACITY) } else { Ok(()) }
    })
}

/// Reads a log, which is copied. The config says which codecs the buffer had; its rate must be that
/// of the log, and everything else is in the log. Any thread. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_MALFORMED, ALE_ERR_UNSUPPORTED and ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_replay_create(
    log: *const u8,
    length: usize,
    config: *const ale_jitter_config,
    replay: *mut *mut ale_jitter_replay,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (log, config, out) = unsafe {
            (pointer::slice(log, length)?, pointer::config(config)?, pointer::exclusive(replay)?)
        };
        let replay = heap::creating(|| {
            // SAFETY: the header's contract.
            let decoders = unsafe { decoders(&config) }?;
            let replay = Replay::new(log.to_vec(), decoders).map_err(status)?;
            if replay.sample_rate_hz() != config.sample_rate_hz {
                return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
            }
            Ok(handle(ale_jitter_replay(replay)))
        })?;
        replay.give(out);
        Ok(())
    })
}

fn status(error: ReplayError) -> ale_status {
    match error {
        ReplayError::Config(error) => error.into(),
        _ => ale_status::ALE_ERR_MALFORMED,
    }
}

/// Frees a replay. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_replay_destroy(replay: *mut ale_jitter_replay) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(replay) };
        Ok(())
    });
}

/// Replays the next pull. samples is how many were written: 0 at the log's end and for a log
/// without audio. info is what was decided then; agrees, 1 if the replay decided the same (0 can be
/// had from a log whose beginning was dropped). At the log's end, ended is 1. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_MALFORMED, and ALE_ERR_CAPACITY for a pull of more
/// than capacity, which is lost then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_jitter_replay_pull(
    replay: *mut ale_jitter_replay,
    pcm: *mut i16,
    capacity: usize,
    samples: *mut usize,
    info: *mut ale_pull_info,
    agrees: *mut i32,
    ended: *mut i32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (replay, pcm, samples, info, agrees, ended) = unsafe {
            (
                pointer::exclusive(replay)?,
                pointer::slice_mut(pcm, capacity)?,
                pointer::exclusive(samples)?,
                pointer::exclusive(info)?,
                pointer::exclusive(agrees)?,
                pointer::exclusive(ended)?,
            )
        };
        let Some((pull, made)) = replay.0.pull().map_err(status)? else {
            (*samples, *ended) = (0, 1);
            return Ok(());
        };
        let room = pcm.get_mut(..made.len()).ok_or(ale_status::ALE_ERR_CAPACITY)?;
        room.copy_from_slice(made);
        (*samples, *ended, *agrees) = (made.len(), 0, pull.agrees.into());
        *info = ale_pull_info {
            operation: pull.operation.into(),
            delay_ms: pull.delay_ms,
            target_delay_ms: pull.target_delay_ms,
            waiting_packets: pull.again.map_or(0, |info| info.waiting_packets.into()),
        };
        Ok(())
    })
}
