// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mixer, for hosts that have their own legs.

use ale_media::mixer::{Mixer, MixerConfig, ParticipantId};

use crate::heap;
use crate::memory::ale_memory;
use crate::panic::guard;
use crate::pointer::{self, Handle, Versioned, handle};
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
    /// 1, or 2 for stereo, left and right alternating. Default 1.
    pub channels: u32,
    /// Gains of one listener for one talker that there may be at a time. Default 0.
    pub max_pair_gains: u32,
    /// Not 0: a look-ahead limiter instead of clamping; 2 ms later, and the rate has to be a
    /// multiple of 8000. Default 0.
    pub limiter: u32,
    /// Length of a frame, what is written, mixed and heard at a time, in ms: 10, or 20 (at multiples of
    /// 1600 Hz), which costs less. Default 10.
    pub frame_ms: u32,
}

impl Default for ale_mixer_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            sample_rate_hz: 8_000,
            max_participants: 16,
            channels: 1,
            max_pair_gains: 0,
            limiter: 0,
            frame_ms: 10,
        }
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

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_config_init_sized(
    config: *mut ale_mixer_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}

/// Makes a mixer. Any thread. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_create(
    config: *const ale_mixer_config,
    mixer: *mut *mut ale_mixer,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(mixer)?) };
        heap::creating(|| make(&config))?.give(out);
        Ok(())
    })
}

fn make(config: &ale_mixer_config) -> Result<Handle<ale_mixer>, ale_status> {
    let settings = MixerConfig {
        sample_rate_hz: config.sample_rate_hz,
        max_participants: config.max_participants as usize,
        channels: u8::try_from(config.channels).unwrap_or(0),
        max_pair_gains: config.max_pair_gains as usize,
        limiter: config.limiter != 0,
        frame_ms: u8::try_from(config.frame_ms).unwrap_or(0),
    };
    let mixer = Mixer::new(&settings)?;
    Ok(handle(ale_mixer(mixer)))
}

/// What a mixer of this config would take of the allocator. It is made and thrown away for that, with
/// memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
///
/// Can return what ale_mixer_create can.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_memory_required(
    config: *const ale_mixer_config,
    memory: *mut ale_memory,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(memory)?) };
        *out = heap::measure(|| make(&config))?;
        Ok(())
    })
}

/// Frees a mixer. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_destroy(mixer: *mut ale_mixer) {
    // SAFETY: the header's contract.
    guard(|| unsafe {
        pointer::destroy(mixer);
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

/// Gives a frame of a participant's audio, copied. Who gives none before a run is silent in it.
/// Real-time.
///
/// Can return ALE_ERR_NOT_FOUND, and ALE_ERR_INVALID_ARGUMENT unless samples are a frame.
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
        let row = mixer.0.input(ParticipantId::from_u64(participant))?;
        if let Some(row) = row.get_mut(..samples) {
            row.copy_from_slice(pcm);
        }
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

/// Writes a frame of what a participant hears of the last run: all but itself. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND, and ALE_ERR_INVALID_ARGUMENT unless samples are a frame.
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

/// Sets how loud the others hear a participant, as a factor from 0 to 8, by a ramp of a frame.
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

/// Silences a participant for the others (not 0), or lets it be heard again, by a ramp of a frame.
/// Real-time.
///
/// Can return ALE_ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_set_muted(
    mixer: *mut ale_mixer,
    participant: u64,
    muted: i32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let mixer = unsafe { pointer::exclusive(mixer) }?;
        Ok(mixer.0.set_muted(ParticipantId::from_u64(participant), muted != 0)?)
    })
}

/// Whether a participant hears anything (not 0), by a ramp of a frame. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_set_listening(
    mixer: *mut ale_mixer,
    participant: u64,
    listening: i32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let mixer = unsafe { pointer::exclusive(mixer) }?;
        Ok(mixer.0.set_listening(ParticipantId::from_u64(participant), listening != 0)?)
    })
}

/// Whether those alone hear a participant (not 0) that have a gain for it: a coach, a side talk.
/// Real-time.
///
/// Can return ALE_ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_set_private(
    mixer: *mut ale_mixer,
    participant: u64,
    is_private: i32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let mixer = unsafe { pointer::exclusive(mixer) }?;
        Ok(mixer.0.set_private(ParticipantId::from_u64(participant), is_private != 0)?)
    })
}

/// Sets how loud one listener hears one talker, as a factor from 0 to 8 on top of the talker's own
/// gain; a negative factor goes back to what everybody hears, after a ramp of a run in which it still
/// counts. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND; ALE_ERR_FULL beyond max_pair_gains; ALE_ERR_INVALID_ARGUMENT for a
/// factor out of range or NaN, and for a participant and itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_set_pair_gain(
    mixer: *mut ale_mixer,
    listener: u64,
    talker: u64,
    factor: f32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let mixer = unsafe { pointer::exclusive(mixer) }?;
        let (listener, talker) =
            (ParticipantId::from_u64(listener), ParticipantId::from_u64(talker));
        let factor = (factor.is_nan() || factor >= 0.0).then_some(factor);
        Ok(mixer.0.set_pair_gain(listener, talker, factor)?)
    })
}

/// Level of a participant's input in the last run, in -dBov (RFC 6464), 127 for none. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_level(
    mixer: *mut ale_mixer,
    participant: u64,
    level_dbov: *mut u8,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (mixer, out) = unsafe { (pointer::exclusive(mixer)?, pointer::exclusive(level_dbov)?) };
        *out = mixer.0.level_dbov(ParticipantId::from_u64(participant))?;
        Ok(())
    })
}

/// Adds a frame from elsewhere (music, another mixer's sum) to what everybody hears until the next
/// run. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT unless samples are a frame.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_mix_in(
    mixer: *mut ale_mixer,
    pcm: *const i32,
    samples: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (mixer, pcm) = unsafe { (pointer::exclusive(mixer)?, pointer::slice(pcm, samples)?) };
        Ok(mixer.0.mix_in(pcm)?)
    })
}

/// Copies the sum of the last run, nothing limited: what other mixers are given by
/// ale_mixer_mix_in, so that all together are one. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT unless samples are a frame.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_mixer_sum(
    mixer: *const ale_mixer,
    pcm: *mut i32,
    samples: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (mixer, pcm) = unsafe { (pointer::shared(mixer)?, pointer::slice_mut(pcm, samples)?) };
        let sum = mixer.0.sum();
        if samples != sum.len() {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        pcm.copy_from_slice(sum);
        Ok(())
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
