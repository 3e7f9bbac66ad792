// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mixer, for hosts that have their own legs.

use ale_media::mixer::{Mixer, MixerConfig, ParticipantId};

use crate::panic::guard;
use crate::pointer::{self, Versioned};
use crate::status::ale_status;

/// An N-1 mixer at one rate: everybody hears the sum of the others, exact to the bit. Exclusive.
pub struct ale_mixer(Mixer);

/// What a mixer is made for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_mixer_config {
    /// Size of this struct, filled by ale_mixer_config_init.
    pub struct_size: u32,
    /// Samples a second: a multiple of 100, at most 48000. Default 8000.
    pub sample_rate_hz: u32,
    /// Places, 1 to 8192; memory for all is taken at creation. Default 16.
    pub max_participants: u32,
}

impl Default for ale_mixer_config {
    fn default() -> Self {
        Self { struct_size: size_of::<Self>() as u32, sample_rate_hz: 8_000, max_participants: 16 }
    }
}

// SAFETY: repr(C), only integers, the size first.
unsafe impl Versioned for ale_mixer_config {}

/// What a mixer has done.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_mixer_counters {
    /// Participants just now.
    pub participants: u64,
    /// Times that ale_mixer_run ran.
    pub runs: u64,
    /// Inputs that were added up.
    pub rows_mixed: u64,
    /// Outputs taken.
    pub outputs: u64,
}

/// Fills a config with the defaults. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_config_init(config: *mut ale_mixer_config) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// Makes a mixer. Any thread. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_create(
    config: *const ale_mixer_config,
    mixer: *mut *mut ale_mixer,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(mixer)?) };
        let mixer = Mixer::new(&MixerConfig {
            sample_rate_hz: config.sample_rate_hz,
            max_participants: config.max_participants as usize,
            ..MixerConfig::default()
        })?;
        pointer::give(out, ale_mixer(mixer));
        Ok(())
    })
}

/// Frees a mixer. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_destroy(mixer: *mut ale_mixer) {
    // SAFETY: the header's contract.
    guard(|| unsafe {
        drop(pointer::take(mixer));
        Ok(())
    });
}

/// Takes a participant in and writes its number to *participant. Real-time.
///
/// Can return ALE_ERR_FULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_add(mixer: *mut ale_mixer, participant: *mut u64) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (mixer, out) =
            unsafe { (pointer::exclusive(mixer)?, pointer::exclusive(participant)?) };
        *out = mixer.0.add()?.to_u64();
        Ok(())
    })
}

/// Lets a participant go. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_remove(mixer: *mut ale_mixer, participant: u64) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let mixer = unsafe { pointer::exclusive(mixer) }?;
        Ok(mixer.0.remove(ParticipantId::from_u64(participant))?)
    })
}

/// Gives 10 ms of a participant's audio, copied. Who gives none before a run is silent in it.
/// Real-time.
///
/// Can return ALE_ERR_NOT_FOUND, and ALE_ERR_INVALID_ARGUMENT unless samples are 10 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_input(
    mixer: *mut ale_mixer,
    participant: u64,
    pcm: *const i16,
    samples: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (mixer, pcm) = unsafe { (pointer::exclusive(mixer)?, pointer::slice(pcm, samples)?) };
        if samples != mixer.0.frame_samples() {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        mixer.0.input(ParticipantId::from_u64(participant))?.copy_from_slice(pcm);
        Ok(())
    })
}

/// Adds up what was given since the last run. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_run(mixer: *mut ale_mixer) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::exclusive(mixer) }?.0.run();
        Ok(())
    })
}

/// Writes 10 ms of what a participant hears of the last run: all but itself. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND, and ALE_ERR_INVALID_ARGUMENT unless samples are 10 ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_output(
    mixer: *mut ale_mixer,
    participant: u64,
    pcm: *mut i16,
    samples: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (mixer, pcm) =
            unsafe { (pointer::exclusive(mixer)?, pointer::slice_mut(pcm, samples)?) };
        Ok(mixer.0.output(ParticipantId::from_u64(participant), pcm)?)
    })
}

/// Sets how loud the others hear a participant, as a factor from 0 to 8, by a ramp of 10 ms.
/// Real-time.
///
/// Can return ALE_ERR_NOT_FOUND; ALE_ERR_INVALID_ARGUMENT for a factor out of range or NaN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_set_gain(
    mixer: *mut ale_mixer,
    participant: u64,
    factor: f32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let mixer = unsafe { pointer::exclusive(mixer) }?;
        Ok(mixer.0.set_gain(ParticipantId::from_u64(participant), factor)?)
    })
}

/// Reads the counters. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_stats(
    mixer: *const ale_mixer,
    stats: *mut ale_mixer_counters,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (mixer, out) = unsafe { (pointer::shared(mixer)?, pointer::exclusive(stats)?) };
        let stats = mixer.0.stats();
        *out = ale_mixer_counters {
            participants: u64::from(stats.participants),
            runs: stats.runs,
            rows_mixed: stats.rows_mixed,
            outputs: stats.outputs,
        };
        Ok(())
    })
}
