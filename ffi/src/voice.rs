// SPDX-License-Identifier: MIT OR Apache-2.0
//! The near end's chain: echo, noise and gain, with engines of the host's.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::c_void;

use ale_media::voice::{
    self, Capture, NoiseSuppression, Processor, Render, Settings, Statistics, VoiceError,
};

use crate::heap;
use crate::memory::ale_memory;
use crate::panic::guard;
use crate::pointer::{self, Handle, Versioned, handle};
use crate::status::ale_status;

/// The half of the thread that plays. Exclusive.
pub struct ale_voice_render(Render);

/// The half of the thread that captures. Exclusive.
pub struct ale_voice_capture(Capture);

/// An engine of the host's, such as a phone's DSP: functions that are called on the capturing thread, 10 ms
/// at a time, first render, then capture. Samples are single precision with full scale at 1. All must be
/// real-time for the chain to be.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_voice_engine {
    /// Passed to each function; must outlive the chain.
    pub context: *mut c_void,
    /// What the loudspeaker plays, aligned with the capture that follows. NULL for an engine that does not
    /// care.
    pub render:
        Option<unsafe extern "C" fn(context: *mut c_void, frame: *const f32, samples: usize)>,
    /// What the microphone has heard, to be changed in place. NULL for no engine.
    pub capture:
        Option<unsafe extern "C" fn(context: *mut c_void, frame: *mut f32, samples: usize)>,
    /// Optional: forgets what it has learnt.
    pub restart: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

impl ale_voice_engine {
    /// Without functions.
    pub(crate) const NONE: Self =
        Self { context: core::ptr::null_mut(), render: None, capture: None, restart: None };
}

/// What a chain is made for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_voice_config {
    /// Size of this struct, filled by ale_voice_config_init.
    pub struct_size: u32,
    /// Samples a second: 8000, 16000 (the default), 32000 or 48000; mono.
    pub sample_rate_hz: u32,
    /// How much later than it is pushed a sample counts as played, in ms: as much as the two threads'
    /// callbacks may be apart. Default 10, at most 250.
    pub lead_ms: u32,
    /// Whether near-end speech is brought to one level, never clipped. Default 1.
    pub gain_control: u32,
    /// Whether jumps of the echo's delay are looked for and followed. Default 1.
    pub follow_jumps: u32,
    /// The engine. By default it has no functions: echo and noise stay.
    pub engine: ale_voice_engine,
}

impl Default for ale_voice_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            sample_rate_hz: 16_000,
            lead_ms: 10,
            gain_control: 1,
            follow_jumps: 1,
            engine: ale_voice_engine::NONE,
        }
    }
}

// SAFETY: repr(C), integers, a pointer, and function pointers that may be NULL, the size first. Bytes of a
// function pointer that are no function's address are the caller's fault.
unsafe impl Versioned for ale_voice_config {}

/// What a chain counts and measures.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_voice_counters {
    /// Frames that were captured.
    pub frames: u64,
    /// Those whose reference had not come.
    pub missing_reference_frames: u64,
    /// How often the reference's place was sought: at the beginning, and after each time that nobody played
    /// or nobody captured.
    pub sought: u64,
    /// Jumps of the echo that were reported by ale_voice_capture_echo_moved.
    pub jumps_told: u64,
    /// Jumps of the echo that were found in the signal.
    pub jumps_found: u64,
    /// Frames of which little was let through because the echo may have moved.
    pub hushed_frames: u64,
    /// By how much the echo is made softer, in tenths of a dB, while it is heard alone; 0 where that is not
    /// known.
    pub echo_return_loss_enhancement_db_x10: u64,
    /// What speech is amplified by, in tenths of a dB.
    pub gain_db_x10: i64,
}

struct Engine(ale_voice_engine);

// SAFETY: the host is told that its functions are called on the capturing thread, and shares the context.
unsafe impl Send for Engine {}

impl Processor for Engine {
    fn render(&mut self, frame: &[f32]) {
        if let Some(render) = self.0.render {
            // SAFETY: the host's function, with a frame that it may read.
            unsafe { render(self.0.context, frame.as_ptr(), frame.len()) };
        }
    }

    fn capture(&mut self, frame: &mut [f32]) {
        if let Some(capture) = self.0.capture {
            // SAFETY: the host's function, with a frame that it may change.
            unsafe { capture(self.0.context, frame.as_mut_ptr(), frame.len()) };
            // What a host's code returns is looked at, as everywhere.
            for sample in frame {
                *sample = if sample.is_finite() { sample.clamp(-8.0, 8.0) } else { 0.0 };
            }
        }
    }

    fn restart(&mut self) {
        if let Some(restart) = self.0.restart {
            // SAFETY: the host's function.
            unsafe { restart(self.0.context) };
        }
    }

    fn statistics(&self) -> Statistics {
        Statistics::default()
    }
}

/// Fills a config with the defaults and no engine. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_voice_config_init(config: *mut ale_voice_config) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_voice_config_init_sized(
    config: *mut ale_voice_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}

/// Makes a chain and splits it: one half for the thread that plays, one for the thread that captures. Any
/// thread. Not real-time.
///
/// Can return ALE_ERR_SAMPLE_RATE, ALE_ERR_DELAY for a lead beyond 250 ms, and ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_voice_create(
    config: *const ale_voice_config,
    render: *mut *mut ale_voice_render,
    capture: *mut *mut ale_voice_capture,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, render, capture) = unsafe {
            (pointer::config(config)?, pointer::exclusive(render)?, pointer::exclusive(capture)?)
        };
        let (new_render, new_capture) = heap::creating(|| make(&config))?;
        new_render.give(render);
        new_capture.give(capture);
        Ok(())
    })
}

/// What a chain of this config would take of the allocator. It is made and thrown away for that, with
/// memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
///
/// Can return what ale_voice_create can.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_voice_memory_required(
    config: *const ale_voice_config,
    memory: *mut ale_memory,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(memory)?) };
        *out = heap::measure(|| make(&config))?;
        Ok(())
    })
}

type Halves = (Handle<ale_voice_render>, Handle<ale_voice_capture>);

fn make(config: &ale_voice_config) -> Result<Halves, ale_status> {
    if config.lead_ms > 250 {
        return Err(ale_status::ALE_ERR_DELAY);
    }
    let mut settings = Settings::default();
    settings.noise_suppression = NoiseSuppression::High;
    settings.gain_control = config.gain_control != 0;
    settings.follow_jumps = config.follow_jumps != 0;
    let engines = engines(config.engine);
    let (render, capture) =
        voice::create(config.sample_rate_hz, config.lead_ms, &settings, engines)?;
    Ok((handle(ale_voice_render(render)), handle(ale_voice_capture(capture))))
}

/// The engines of a chain: the host's, if it has one.
pub(crate) fn engines(engine: ale_voice_engine) -> Vec<Box<dyn Processor>> {
    let mut engines: Vec<Box<dyn Processor>> = Vec::new();
    if engine.capture.is_some() {
        engines.push(Box::new(Engine(engine)));
    }
    engines
}

impl From<VoiceError> for ale_status {
    fn from(error: VoiceError) -> Self {
        match error {
            VoiceError::UnsupportedRate => Self::ALE_ERR_SAMPLE_RATE,
            VoiceError::InvalidLength => Self::ALE_ERR_PCM_LENGTH,
            _ => Self::ALE_ERR_INVALID_ARGUMENT,
        }
    }
}

/// Frees the playing half; the other goes on without a reference. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_voice_render_destroy(render: *mut ale_voice_render) {
    // SAFETY: the header's contract.
    guard(|| unsafe {
        pointer::destroy(render);
        Ok(())
    });
}

/// Frees the capturing half. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_voice_capture_destroy(capture: *mut ale_voice_capture) {
    // SAFETY: the header's contract.
    guard(|| unsafe {
        pointer::destroy(capture);
        Ok(())
    });
}

/// Takes what is played now, any number of samples. What finds no room, since nobody captures, is lost, and
/// the capturing half finds its place anew. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_voice_render_push(
    render: *mut ale_voice_render,
    pcm: *const i16,
    samples: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (render, pcm) = unsafe { (pointer::exclusive(render)?, pointer::slice(pcm, samples)?) };
        render.0.push(pcm);
        Ok(())
    })
}

/// Takes 10 ms of the microphone and makes of it, in place, what is to be sent. Real-time as far as the
/// engine is.
///
/// Can return ALE_ERR_PCM_LENGTH.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_voice_capture_process(
    capture: *mut ale_voice_capture,
    pcm: *mut i16,
    samples: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (capture, pcm) =
            unsafe { (pointer::exclusive(capture)?, pointer::slice_mut(pcm, samples)?) };
        Ok(capture.0.process(pcm)?)
    })
}

/// Says that the echo comes so many samples later than before, from the next frame on: the loudspeaker has
/// run dry, or the microphone's driver has brought silence, for so long. Earlier, if negative. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_voice_capture_echo_moved(
    capture: *mut ale_voice_capture,
    later_by_samples: i64,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::exclusive(capture) }?.0.echo_moved(later_by_samples);
        Ok(())
    })
}

/// Forgets what was learnt: another device, another room. Real-time as far as the engine is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_voice_capture_restart(capture: *mut ale_voice_capture) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::exclusive(capture) }?.0.restart();
        Ok(())
    })
}

/// What the chain has counted. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_voice_capture_stats(
    capture: *const ale_voice_capture,
    stats: *mut ale_voice_counters,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (capture, out) = unsafe { (pointer::shared(capture)?, pointer::exclusive(stats)?) };
        let (stats, known) = (capture.0.stats(), capture.0.statistics());
        let loss = known.echo_return_loss_enhancement_db.unwrap_or(0.0).max(0.0);
        *out = ale_voice_counters {
            frames: stats.frames,
            missing_reference_frames: stats.missing_reference_frames,
            sought: stats.sought,
            jumps_told: stats.jumps_told,
            jumps_found: stats.jumps_found,
            hushed_frames: stats.hushed_frames,
            echo_return_loss_enhancement_db_x10: (loss * 10.0) as u64,
            gain_db_x10: (known.gain_db.unwrap_or(0.0) * 10.0) as i64,
        };
        Ok(())
    })
}
