// SPDX-License-Identifier: MIT OR Apache-2.0
//! A phone's own end: up to three lines, the near end's chain, and a sound card's two clocks.

use core::ffi::c_void;

use ale_media::endpoint::{
    Endpoint, EndpointConfig, EndpointControl, EndpointError, LineId, Microphone, Profile, Speaker,
};

use crate::heap;
use crate::leg::ale_leg_media;
use crate::memory::ale_memory;
use crate::panic::guard;
use crate::pointer::{self, Handle, Versioned, handle};
use crate::status::ale_status;
use crate::tones::{plan, signal};
use crate::voice::{ale_voice_engine, engines};

/// The half of the callback that captures. Exclusive.
pub struct ale_endpoint_microphone(Microphone);

/// The half of the callback that plays. Exclusive.
pub struct ale_endpoint_speaker(Speaker);

/// The half for commands and statistics. Exclusive, to any thread. What it commands is done at the
/// microphone's next callback.
pub struct ale_endpoint_control(EndpointControl);

/// Lines of an endpoint: two calls, and a third that is brought in. They are numbered from 0.
pub const ALE_ENDPOINT_LINES: u32 = 3;
const _: () = assert!(ALE_ENDPOINT_LINES as usize == ale_media::endpoint::LINES);

/// Where the audio goes in and out.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_profile {
    /// A loudspeaker beside a microphone.
    ALE_PROFILE_HANDS_FREE = 0,
    /// A receiver held to the head: little echo, and a soft side tone.
    ALE_PROFILE_HANDSET = 1,
    /// No echo worth an engine's work, and a soft side tone.
    ALE_PROFILE_HEADSET = 2,
}

const PROFILES: [(ale_profile, Profile); 3] = [
    (ale_profile::ALE_PROFILE_HANDS_FREE, Profile::HandsFree),
    (ale_profile::ALE_PROFILE_HANDSET, Profile::Handset),
    (ale_profile::ALE_PROFILE_HEADSET, Profile::Headset),
];

/// What an endpoint is made for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_endpoint_config {
    /// Size of this struct, filled by ale_endpoint_config_init.
    pub struct_size: u32,
    /// Samples a second of devices and legs: 8000, 16000 (the default), 32000 or 48000; mono.
    pub sample_rate_hz: u32,
    /// An ale_profile. Default ALE_PROFILE_HANDS_FREE.
    pub profile: i32,
    /// Audio that is held waiting for the loudspeaker, 10 to 200 ms: as much as one callback takes, and a frame
    /// of 10 ms and what callbacks are late by besides. Default 30, for callbacks of 10 ms.
    pub playout_ms: u32,
    /// How much later than its callback the loudspeaker sounds and the microphone has heard it at least, in ms,
    /// at most 250. Default 10. Smaller values cost nothing but references that come too late.
    pub device_delay_ms: u32,
    /// An ale_tone_plan: the country's tones. Default ALE_TONE_PLAN_EUROPE.
    pub tone_plan: i32,
    /// What cancels echo and noise. By default it has no functions: both stay.
    pub engine: ale_voice_engine,
}

impl Default for ale_endpoint_config {
    fn default() -> Self {
        let config = EndpointConfig::new(16_000);
        Self {
            struct_size: size_of::<Self>() as u32,
            sample_rate_hz: config.sample_rate_hz,
            profile: ale_profile::ALE_PROFILE_HANDS_FREE as i32,
            playout_ms: config.playout_ms,
            device_delay_ms: config.device_delay_ms,
            tone_plan: 0,
            engine: ale_voice_engine::NONE,
        }
    }
}

// SAFETY: repr(C), integers, a pointer, and function pointers that may be NULL, the size first. Bytes of a
// function pointer that are no function's address are the caller's fault.
unsafe impl Versioned for ale_endpoint_config {}

/// What both callbacks count and measure. Members may be added at its end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_endpoint_counters {
    /// Frames of 10 ms that were captured.
    pub frames: u64,
    /// Samples that the microphone's device has lost, for which silence stood in.
    pub lost_samples: u64,
    /// Frames that found no room on their way to the loudspeaker, since nobody plays.
    pub dropped_frames: u64,
    /// Jumps of the echo's delay that were found in the signal.
    pub jumps_found: u64,
    /// Frames whose reference had not come.
    pub missing_reference_frames: u64,
    /// Gauge: level of what is captured, in -dBov.
    pub captured_level_dbov: u64,
    /// Gauge: level of what is sent.
    pub sent_level_dbov: u64,
    /// Gauge: level of what is heard.
    pub heard_level_dbov: u64,
    /// Gauge: by how much the echo is made softer, in tenths of a dB; 0 where the engine does not say.
    pub echo_return_loss_enhancement_db_x10: u64,
    /// Samples that the loudspeaker's device has been given.
    pub rendered_samples: u64,
    /// How often there was nothing to play.
    pub underruns: u64,
    /// Samples of fading and silence that stood in then.
    pub underrun_samples: u64,
    /// How often too much was waiting and was thrown away.
    pub overruns: u64,
    /// Gauge: what is waiting for the loudspeaker, in microseconds.
    pub waiting_us: u64,
    /// Gauge: how much faster than its clock the loudspeaker is fed, in parts per million.
    pub correction_ppm: i64,
}

impl From<EndpointError> for ale_status {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::SampleRate => Self::ALE_ERR_SAMPLE_RATE,
            EndpointError::Delay => Self::ALE_ERR_DELAY,
            EndpointError::Busy => Self::ALE_ERR_BUSY,
            _ => Self::ALE_ERR_INVALID_ARGUMENT,
        }
    }
}

/// Fills a config with the defaults and no engine. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_config_init(config: *mut ale_endpoint_config) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_config_init_sized(
    config: *mut ale_endpoint_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}

/// Makes an endpoint without lines and splits it. The microphone's clock is the calls'; the loudspeaker follows
/// by a resampler, whatever its own clock does, and the canceller sees one clock. Any thread. Not real-time.
///
/// Can return ALE_ERR_SAMPLE_RATE, ALE_ERR_DELAY, ALE_ERR_INVALID_ARGUMENT for a profile or plan, and
/// ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_create(
    config: *const ale_endpoint_config,
    microphone: *mut *mut ale_endpoint_microphone,
    speaker: *mut *mut ale_endpoint_speaker,
    control: *mut *mut ale_endpoint_control,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, to_microphone, to_speaker, to_control) = unsafe {
            (
                pointer::config(config)?,
                pointer::exclusive(microphone)?,
                pointer::exclusive(speaker)?,
                pointer::exclusive(control)?,
            )
        };
        let (microphone, speaker, control) = heap::creating(|| make(&config))?;
        microphone.give(to_microphone);
        speaker.give(to_speaker);
        control.give(to_control);
        Ok(())
    })
}

/// What an endpoint of this config would take of the allocator, without its lines' legs. It is made and thrown
/// away for that, with memory of the C library's malloc. Any thread, also before ale_set_allocator. Not
/// real-time.
///
/// Can return what ale_endpoint_create can.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_memory_required(
    config: *const ale_endpoint_config,
    memory: *mut ale_memory,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(memory)?) };
        *out = heap::measure(|| make(&config))?;
        Ok(())
    })
}

type Halves =
    (Handle<ale_endpoint_microphone>, Handle<ale_endpoint_speaker>, Handle<ale_endpoint_control>);

fn make(config: &ale_endpoint_config) -> Result<Halves, ale_status> {
    let known = PROFILES.iter().find(|(known, _)| *known as i32 == config.profile);
    let (_, profile) = known.ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)?;
    let mut settings = EndpointConfig::new(config.sample_rate_hz);
    settings.profile = *profile;
    settings.playout_ms = config.playout_ms;
    settings.device_delay_ms = config.device_delay_ms;
    settings.tones = plan(config.tone_plan)?;
    let (microphone, speaker, control) = Endpoint::new(&settings, engines(config.engine))?;
    Ok((
        handle(ale_endpoint_microphone(microphone)),
        handle(ale_endpoint_speaker(speaker)),
        handle(ale_endpoint_control(control)),
    ))
}

/// Frees the capturing half, and the halves of legs that are on its lines. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_microphone_destroy(microphone: *mut ale_endpoint_microphone) {
    // SAFETY: the header's contract.
    guard(|| unsafe {
        pointer::destroy(microphone);
        Ok(())
    });
}

/// Frees the playing half. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_speaker_destroy(speaker: *mut ale_endpoint_speaker) {
    // SAFETY: the header's contract.
    guard(|| unsafe {
        pointer::destroy(speaker);
        Ok(())
    });
}

/// Frees the controlling half, and halves of legs that were not collected. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_control_destroy(control: *mut ale_endpoint_control) {
    // SAFETY: the header's contract.
    guard(|| unsafe {
        pointer::destroy(control);
        Ok(())
    });
}

/// What gives a host's function each datagram with the line that it belongs to.
///
/// # Safety
/// `send` may be called with `context`, on this thread and as long as the result lives.
unsafe fn sending(
    send: Option<
        unsafe extern "C" fn(context: *mut c_void, line: u32, datagram: *const u8, length: usize),
    >,
    context: *mut c_void,
) -> Result<impl FnMut(LineId, &[u8]), ale_status> {
    let send = send.ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)?;
    Ok(move |line: LineId, datagram: &[u8]| {
        // SAFETY: the caller's; it may read the datagram.
        unsafe { send(context, line.number().into(), datagram.as_ptr(), datagram.len()) };
    })
}

/// Takes what the device has captured, any number of samples, the last of them at now_ns; with every 10 ms lines
/// are pulled and pushed, and each datagram that is to be sent is given to send, which may not be NULL, with
/// context and the line whose peer it is for; it lives until send returns. Takes some 45 KiB of stack where a leg
/// sends Opus. Real-time as far as the engine and send are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_capture(
    microphone: *mut ale_endpoint_microphone,
    now_ns: u64,
    pcm: *const i16,
    samples: usize,
    send: Option<
        unsafe extern "C" fn(context: *mut c_void, line: u32, datagram: *const u8, length: usize),
    >,
    context: *mut c_void,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (microphone, pcm) =
            unsafe { (pointer::exclusive(microphone)?, pointer::slice(pcm, samples)?) };
        // SAFETY: as above.
        microphone.0.capture(now_ns, pcm, unsafe { sending(send, context) }?);
        Ok(())
    })
}

/// Says that the device has lost so many samples since the last capture, up to a second. Silence stands in for
/// them, so that calls go on and the echo stays where it was. The rest is as in ale_endpoint_capture. Real-time
/// as far as the engine and send are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_lost(
    microphone: *mut ale_endpoint_microphone,
    now_ns: u64,
    lost_samples: u64,
    send: Option<
        unsafe extern "C" fn(context: *mut c_void, line: u32, datagram: *const u8, length: usize),
    >,
    context: *mut c_void,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let microphone = unsafe { pointer::exclusive(microphone) }?;
        // SAFETY: as above.
        microphone.0.lost(now_ns, lost_samples, unsafe { sending(send, context) }?);
        Ok(())
    })
}

/// Forgets what the chain has learnt: another device, another room. Real-time as far as the engine is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_restart(
    microphone: *mut ale_endpoint_microphone,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::exclusive(microphone) }?.0.voice_mut().restart();
        Ok(())
    })
}

/// Fills pcm, any number of samples, with what is to be played; now_ns is on the clock of ale_endpoint_capture.
/// Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_render(
    speaker: *mut ale_endpoint_speaker,
    now_ns: u64,
    pcm: *mut i16,
    samples: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (speaker, pcm) =
            unsafe { (pointer::exclusive(speaker)?, pointer::slice_mut(pcm, samples)?) };
        speaker.0.render(now_ns, pcm);
        Ok(())
    })
}

/// A line by its number.
fn line(number: u32) -> Result<LineId, ale_status> {
    let number = u8::try_from(number).ok().and_then(LineId::new);
    number.ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)
}

/// Brings a leg's media half to a line, 0 to ALE_ENDPOINT_LINES - 1; it belongs to the endpoint from then on. All lines that are not held
/// talk with each other. The half that was there comes back by ale_endpoint_collect. Exclusive. Not real-time.
///
/// Can return ALE_ERR_SAMPLE_RATE unless the leg's rate is the endpoint's (sample_rate_hz of ale_leg_config sees
/// to that), ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT; the half stays the caller's then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_add(
    control: *mut ale_endpoint_control,
    line_number: u32,
    media: *mut ale_leg_media,
) -> ale_status {
    guard(|| {
        let line = line(line_number)?;
        // SAFETY: the header's contract; the box is all that the handle holds.
        unsafe {
            let control = pointer::exclusive(control)?;
            pointer::hand_over(media, |half| &raw mut half.0, |half| control.0.add(line, half))
        }
    })
}

/// Takes a line's leg off; ale_endpoint_collect gives its half back. Exclusive. Real-time.
///
/// Can return ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_remove(
    control: *mut ale_endpoint_control,
    line_number: u32,
) -> ale_status {
    guard(|| {
        let line = line(line_number)?;
        // SAFETY: the header's contract.
        Ok(unsafe { pointer::exclusive(control) }?.0.remove(line)?)
    })
}

/// Gives back the half of a leg that was taken off a line, now the caller's, and that line's number. Exclusive.
/// Not real-time.
///
/// Can return ALE_ERR_NOTHING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_collect(
    control: *mut ale_endpoint_control,
    line_number: *mut u32,
    media: *mut *mut ale_leg_media,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, number, out) = unsafe {
            (
                pointer::exclusive(control)?,
                pointer::exclusive(line_number)?,
                pointer::exclusive(media)?,
            )
        };
        let (line, half) = control.0.collect().ok_or(ale_status::ALE_ERR_NOTHING)?;
        *number = line.number().into();
        handle(ale_leg_media(half)).give(out);
        Ok(())
    })
}

/// Holds a line (not 0): neither heard nor spoken to, while its leg goes on. Exclusive. Real-time.
///
/// Can return ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_set_held(
    control: *mut ale_endpoint_control,
    line_number: u32,
    held: i32,
) -> ale_status {
    guard(|| {
        let line = line(line_number)?;
        // SAFETY: the header's contract.
        Ok(unsafe { pointer::exclusive(control) }?.0.hold(line, held != 0)?)
    })
}

/// Whether nobody hears the microphone (not 0). Exclusive. Real-time.
///
/// Can return ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_set_muted(
    control: *mut ale_endpoint_control,
    muted: i32,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| Ok(unsafe { pointer::exclusive(control) }?.0.mute(muted != 0)?))
}

/// How loud the lines are in the loudspeaker, as a factor from 0 to 4. Exclusive. Real-time.
///
/// Can return ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_set_volume(
    control: *mut ale_endpoint_control,
    factor: f32,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| Ok(unsafe { pointer::exclusive(control) }?.0.set_volume(factor)?))
}

/// How loud one's own voice is in the loudspeaker, as a factor from 0 to 4; by default as the profile has it.
/// Exclusive. Real-time.
///
/// Can return ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_set_side_tone(
    control: *mut ale_endpoint_control,
    factor: f32,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| Ok(unsafe { pointer::exclusive(control) }?.0.set_side_tone(factor)?))
}

/// Plays a tone, an ale_tone_signal, in the loudspeaker until it is stopped, at a level of 10 to 63; voices are
/// 12 dB softer meanwhile. Exclusive. Real-time.
///
/// Can return ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_play(
    control: *mut ale_endpoint_control,
    tone_signal: i32,
    level_dbov: u32,
) -> ale_status {
    guard(|| {
        let invalid = ale_status::ALE_ERR_INVALID_ARGUMENT;
        let level_dbov = u8::try_from(level_dbov).map_err(|_| invalid)?;
        let signal = signal(tone_signal)?;
        // SAFETY: the header's contract.
        Ok(unsafe { pointer::exclusive(control) }?.0.play(signal, level_dbov)?)
    })
}

/// Ends the tone. Exclusive. Real-time.
///
/// Can return ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_stop_tone(control: *mut ale_endpoint_control) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| Ok(unsafe { pointer::exclusive(control) }?.0.stop_tone()?))
}

/// Reads what both callbacks have counted: so many bytes of it as the caller's struct has (sizeof). What a newer
/// header has and this library does not know is 0. Exclusive. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_endpoint_stats(
    control: *const ale_endpoint_control,
    counters: *mut ale_endpoint_counters,
    size: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { pointer::shared(control) }?;
        let (near, far) = (control.0.microphone_stats(), control.0.speaker_stats());
        let read = ale_endpoint_counters {
            frames: near.frames,
            lost_samples: near.lost_samples,
            dropped_frames: near.dropped_frames,
            jumps_found: near.jumps_found,
            missing_reference_frames: near.missing_reference_frames,
            captured_level_dbov: near.captured_level_dbov,
            sent_level_dbov: near.sent_level_dbov,
            heard_level_dbov: near.heard_level_dbov,
            echo_return_loss_enhancement_db_x10: near.echo_return_loss_enhancement_db_x10,
            rendered_samples: far.rendered_samples,
            underruns: far.underruns,
            underrun_samples: far.underrun_samples,
            overruns: far.overruns,
            waiting_us: far.waiting_us,
            correction_ppm: far.correction_ppm,
        };
        // SAFETY: the header's contract; the struct is 64-bit words throughout.
        unsafe { pointer::write_sized(counters, size, &read) }
    })
}
