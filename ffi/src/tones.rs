// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tones and digits in the audio, for hosts that play them to somebody.

use core::ffi::c_char;

use ale_media::dsp::tones::plans::{Plan, Signal};
use ale_media::dsp::tones::{Digits, Player, PlayerError};

use crate::heap;
use crate::memory::ale_memory;
use crate::panic::guard;
use crate::pointer::{self, Handle, Versioned, handle};
use crate::status::ale_status;

/// Plays call progress tones and DTMF digits, one thing at a time. Exclusive.
pub struct ale_tones {
    player: Player,
    level_dbov: u8,
}

/// Whose call progress tones.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_tone_plan {
    /// 425 Hz (ETSI TR 101 041-2): Germany, Austria, Switzerland, Italy and most others near enough.
    ALE_TONE_PLAN_EUROPE = 0,
    /// France: 440 Hz.
    ALE_TONE_PLAN_FRANCE = 1,
    /// Spain: 425 Hz in cadences of its own.
    ALE_TONE_PLAN_SPAIN = 2,
    /// The United Kingdom and Ireland: pairs of frequencies.
    ALE_TONE_PLAN_UNITED_KINGDOM = 3,
    /// The United States and Canada (ANSI T1.401): pairs of 350, 440, 480 and 620 Hz.
    ALE_TONE_PLAN_NORTH_AMERICA = 4,
}

/// What a tone means to the caller (ITU-T E.180).
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_tone_signal {
    /// The exchange waits for digits.
    ALE_TONE_DIAL = 0,
    /// The other telephone rings.
    ALE_TONE_RINGING = 1,
    /// The other side is busy.
    ALE_TONE_BUSY = 2,
    /// The network is.
    ALE_TONE_CONGESTION = 3,
    /// Somebody else calls.
    ALE_TONE_CALL_WAITING = 4,
    /// An announcement follows: the special information tone, three steps.
    ALE_TONE_INFORMATION = 5,
}

const PLANS: [(ale_tone_plan, Plan); 5] = [
    (ale_tone_plan::ALE_TONE_PLAN_EUROPE, Plan::Europe),
    (ale_tone_plan::ALE_TONE_PLAN_FRANCE, Plan::France),
    (ale_tone_plan::ALE_TONE_PLAN_SPAIN, Plan::Spain),
    (ale_tone_plan::ALE_TONE_PLAN_UNITED_KINGDOM, Plan::UnitedKingdom),
    (ale_tone_plan::ALE_TONE_PLAN_NORTH_AMERICA, Plan::NorthAmerica),
];

const SIGNALS: [(ale_tone_signal, Signal); 6] = [
    (ale_tone_signal::ALE_TONE_DIAL, Signal::Dial),
    (ale_tone_signal::ALE_TONE_RINGING, Signal::Ringing),
    (ale_tone_signal::ALE_TONE_BUSY, Signal::Busy),
    (ale_tone_signal::ALE_TONE_CONGESTION, Signal::Congestion),
    (ale_tone_signal::ALE_TONE_CALL_WAITING, Signal::CallWaiting),
    (ale_tone_signal::ALE_TONE_INFORMATION, Signal::Information),
];

/// What a player of tones is made for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_tones_config {
    /// Size of this struct, filled by ale_tones_config_init.
    pub struct_size: u32,
    /// Samples a second: a multiple of 100 from 8000 to 48000. Default 8000.
    pub sample_rate_hz: u32,
    /// An ale_tone_plan. Default ALE_TONE_PLAN_EUROPE.
    pub plan: i32,
    /// Level of each frequency of a call progress tone in -dBov, 10 to 63. Default 16, which is -10 dBm0, as
    /// exchanges have it.
    pub level_dbov: u32,
}

impl Default for ale_tones_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            sample_rate_hz: 8_000,
            plan: 0,
            level_dbov: 16,
        }
    }
}

// SAFETY: repr(C), only integers, the size first.
unsafe impl Versioned for ale_tones_config {}

impl From<PlayerError> for ale_status {
    fn from(error: PlayerError) -> Self {
        match error {
            PlayerError::SampleRate => Self::ALE_ERR_SAMPLE_RATE,
            PlayerError::Digit => Self::ALE_ERR_DIGIT,
            PlayerError::Full => Self::ALE_ERR_FULL,
            _ => Self::ALE_ERR_INVALID_ARGUMENT,
        }
    }
}

/// Fills a config with the defaults. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tones_config_init(config: *mut ale_tones_config) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tones_config_init_sized(
    config: *mut ale_tones_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}

/// Makes a player, which plays nothing yet. Any thread. Not real-time.
///
/// Can return ALE_ERR_SAMPLE_RATE, ALE_ERR_INVALID_ARGUMENT for a plan or level, and ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tones_create(
    config: *const ale_tones_config,
    tones: *mut *mut ale_tones,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(tones)?) };
        heap::creating(|| make(&config))?.give(out);
        Ok(())
    })
}

fn make(config: &ale_tones_config) -> Result<Handle<ale_tones>, ale_status> {
    let player = Player::new(config.sample_rate_hz, plan(config.plan)?)?;
    let level_dbov = level(config.level_dbov)?;
    Player::check_level(level_dbov)?;
    Ok(handle(ale_tones { player, level_dbov }))
}

/// What a player of this config would take of the allocator. It is made and thrown away for that, with
/// memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
///
/// Can return what ale_tones_create can.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tones_memory_required(
    config: *const ale_tones_config,
    memory: *mut ale_memory,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(memory)?) };
        *out = heap::measure(|| make(&config))?;
        Ok(())
    })
}

/// Frees a player. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tones_destroy(tones: *mut ale_tones) {
    // SAFETY: the header's contract.
    guard(|| unsafe {
        pointer::destroy(tones);
        Ok(())
    });
}

/// Plays a tone (an ale_tone_signal) until ale_tones_stop, from its beginning, in place of what is played
/// and of the digits that wait. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tones_play(tones: *mut ale_tones, signal: i32) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let tones = unsafe { pointer::exclusive(tones) }?;
        Ok(tones.player.play(self::signal(signal)?, tones.level_dbov)?)
    })
}

/// Plays digits in the audio (DTMF, ITU-T Q.23), all or none, behind those that wait; a tone ends for
/// them. "0" to "9", "*", "#" and "A" to "D"; each of duration_ms with pause_ms of silence behind it, both
/// 20 to 10000 (ITU-T Q.24 wants 40, 100 are common), and each of its two frequencies at level_dbov, 10 to
/// 63 (13 is common). Up to 32 may wait. For peers without telephone events: see ale_leg_send_dtmf.
/// Real-time.
///
/// Can return ALE_ERR_DIGIT, ALE_ERR_FULL, and ALE_ERR_INVALID_ARGUMENT for a duration or level.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tones_digits(
    tones: *mut ale_tones,
    digits: *const c_char,
    duration_ms: u32,
    pause_ms: u32,
    level_dbov: u32,
) -> ale_status {
    guard(|| {
        let invalid = ale_status::ALE_ERR_INVALID_ARGUMENT;
        // SAFETY: the header's contract.
        let (tones, digits) =
            unsafe { (pointer::exclusive(tones)?, pointer::text(digits)?.ok_or(invalid)?) };
        let narrow = |ms: u32| u16::try_from(ms).map_err(|_| invalid);
        let sound = Digits {
            duration_ms: narrow(duration_ms)?,
            pause_ms: narrow(pause_ms)?,
            level_dbov: level(level_dbov)?,
        };
        Ok(tones.player.digits(digits, sound)?)
    })
}

/// The plan that an ale_tone_plan names.
pub(crate) fn plan(number: i32) -> Result<Plan, ale_status> {
    let known = PLANS.iter().find(|(known, _)| *known as i32 == number);
    known.map(|(_, plan)| *plan).ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)
}

/// The signal that an ale_tone_signal names.
pub(crate) fn signal(number: i32) -> Result<Signal, ale_status> {
    let known = SIGNALS.iter().find(|(known, _)| *known as i32 == number);
    known.map(|(_, signal)| *signal).ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)
}

fn level(level_dbov: u32) -> Result<u8, ale_status> {
    level_dbov.try_into().map_err(|_| ale_status::ALE_ERR_INVALID_ARGUMENT)
}

/// Ends what is played, within 4 ms so that it does not click, and forgets the digits that wait.
/// Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tones_stop(tones: *mut ale_tones) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::exclusive(tones) }?.player.stop();
        Ok(())
    })
}

/// Writes what comes next, a multiple of 10 ms, or silence where nothing is played; where add is not 0, adds
/// it to what is there, within the range of 16 bits. *playing, which may be NULL, is 1 while there is more
/// to come, pauses among it, and 0 at the end. Real-time.
///
/// Can return ALE_ERR_PCM_LENGTH.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tones_next(
    tones: *mut ale_tones,
    pcm: *mut i16,
    samples: usize,
    add: i32,
    playing: *mut i32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (tones, pcm, playing) = unsafe {
            (pointer::exclusive(tones)?, pointer::slice_mut(pcm, samples)?, playing.as_mut())
        };
        if pcm.is_empty() || pcm.len().checked_rem(tones.player.frame_samples()) != Some(0) {
            return Err(ale_status::ALE_ERR_PCM_LENGTH);
        }
        match add {
            0 => tones.player.fill(pcm),
            _ => tones.player.add(pcm),
        }
        if let Some(playing) = playing {
            *playing = tones.player.is_playing().into();
        }
        Ok(())
    })
}
