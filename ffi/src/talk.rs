// SPDX-License-Identifier: MIT OR Apache-2.0
//! Talking back: voices that programs make.

use alloc::boxed::Box;

use ale_media::conference::MemberId;
use ale_media::talk::{Talk, TalkConfig, TalkError, TalkEvent, TalkWriter};

use crate::conference::{ale_conference, ale_join_options, control, join_options_at};
use crate::heap;
use crate::panic::guard;
use crate::pointer::{self, Versioned, handle};
use crate::status::ale_status;

/// All that was written before a mark has been heard.
pub const ALE_TALK_MARK: u32 = 1;
/// All that was written has been heard.
pub const ALE_TALK_DRAINED: u32 = 2;
/// Less waits than low_water_ms.
pub const ALE_TALK_LOW: u32 = 3;
/// What waited was thrown away.
pub const ALE_TALK_FLUSHED: u32 = 4;
/// A member has begun to speak while this voice does.
pub const ALE_TALK_OVERLAP: u32 = 5;
/// It has gone on for longer than a backchannel: it wants to speak.
pub const ALE_TALK_BARGE_IN: u32 = 6;
/// It was over before that.
pub const ALE_TALK_BACKCHANNEL: u32 = 7;

/// The program's end of a voice that it makes. Exclusive; it may outlive its conference.
pub struct ale_talk(TalkWriter);

/// What a voice is made for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_talk_config {
    /// Size of this struct, filled by ale_talk_config_init.
    pub struct_size: u32,
    /// Samples a second of what is written: 8000, 12000, 16000, 24000, 32000 or 48000. Default 24000.
    pub sample_rate_hz: u32,
    /// Of what it is heard at: one of the conference's rates. Default 16000.
    pub member_rate_hz: u32,
    /// How much may wait to be heard, 100 to 120000; what is out of range is taken for the nearest. Default 30000.
    pub capacity_ms: u32,
    /// ALE_TALK_LOW when less waits than this. Default 200.
    pub low_water_ms: u32,
    /// is_high (ale_talk_progress) when more waits than this. Default 20000.
    pub high_water_ms: u32,
    /// Speech of others over this voice that is over after so long is a backchannel ("mhm"), and longer an
    /// interruption. Default 700.
    pub backchannel_ms: u32,
    /// For what a later header asks; 0.
    pub reserved: u32,
}

impl Default for ale_talk_config {
    fn default() -> Self {
        let config = TalkConfig::default();
        Self {
            struct_size: size_of::<Self>() as u32,
            sample_rate_hz: config.sample_rate_hz,
            member_rate_hz: config.member_rate_hz,
            capacity_ms: config.capacity_ms,
            low_water_ms: config.low_water_ms,
            high_water_ms: config.high_water_ms,
            backchannel_ms: config.backchannel_ms,
            reserved: 0,
        }
    }
}

// SAFETY: repr(C), only integers, the size first.
unsafe impl Versioned for ale_talk_config {}

/// How far a voice is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_talk_progress {
    /// Samples of turns that were over, as they came.
    pub stale_samples: u64,
    /// How much of the turn that was begun last has been heard; 0 after a flush.
    pub position_ms: u32,
    /// How much waits.
    pub waiting_ms: u32,
    /// 1 when more waits than high_water_ms.
    pub is_high: u32,
    /// 0.
    pub reserved: u32,
}

/// What a voice's program is told.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_talk_event {
    /// ALE_TALK_MARK: which.
    pub mark: u64,
    /// ALE_TALK_OVERLAP, ALE_TALK_BARGE_IN and ALE_TALK_BACKCHANNEL: who.
    pub member: u64,
    /// ALE_TALK_MARK, ALE_TALK_DRAINED, ALE_TALK_LOW, ALE_TALK_FLUSHED, ALE_TALK_OVERLAP, ALE_TALK_BARGE_IN or
    /// ALE_TALK_BACKCHANNEL.
    pub kind: u32,
    /// ALE_TALK_FLUSHED: samples of the member's rate that were not heard.
    pub samples: u32,
    /// ALE_TALK_BACKCHANNEL: how long.
    pub ms: u32,
    /// 0.
    pub reserved: u32,
}

/// Fills a config with the defaults. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_talk_config_init(config: *mut ale_talk_config) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_talk_config_init_sized(
    config: *mut ale_talk_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}

fn talk_config(config: &ale_talk_config) -> Result<TalkConfig, ale_status> {
    if config.reserved != 0 {
        return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
    }
    let mut made = TalkConfig::default();
    made.sample_rate_hz = config.sample_rate_hz;
    made.member_rate_hz = config.member_rate_hz;
    made.capacity_ms = config.capacity_ms;
    made.low_water_ms = config.low_water_ms;
    made.high_water_ms = config.high_water_ms;
    made.backchannel_ms = config.backchannel_ms;
    Ok(made)
}

/// Makes a voice and lets it in at the next tick: a member that a program speaks for, told as such in taps
/// (ALE_TAP_SYNTHETIC). It hears nothing but by taps, and leaves by ale_conference_leave. options may be NULL.
/// Writes the member's number to *member. Any thread. Not real-time.
///
/// Can return ALE_ERR_SAMPLE_RATE, ALE_ERR_FULL, ALE_ERR_BUSY, ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_talk_create(
    conference: *const ale_conference,
    config: *const ale_talk_config,
    options: *const ale_join_options,
    talk: *mut *mut ale_talk,
    member: *mut u64,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, config, options, out, member) = unsafe {
            (
                control(conference)?,
                pointer::config(config)?,
                join_options_at(options)?,
                pointer::exclusive(talk)?,
                pointer::exclusive(member)?,
            )
        };
        let config = talk_config(&config)?;
        let (writer, end) = heap::creating(|| {
            let (writer, end) = Talk::new(&config).map_err(|_| ale_status::ALE_ERR_SAMPLE_RATE)?;
            Ok((handle(ale_talk(writer)), Box::new(end)))
        })?;
        let joined = control.join_talk(end, options).map_err(|(error, _)| error)?;
        writer.give(out);
        *member = joined.to_u64();
        Ok(())
    })
}

/// Frees the program's end. What waits is still heard; the member leaves by ale_conference_leave. Any thread. Not
/// real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_talk_destroy(talk: *mut ale_talk) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(talk) };
        Ok(())
    });
}

/// Adds sound of a turn, any number of samples at any pace; it is heard behind what waits. Turns have numbers
/// that grow, and a turn that has begun ends the ones before it. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND for a turn that is over, whose sound is counted and thrown away; ALE_ERR_FULL where
/// there is no room for all of it, of which none is taken then; and ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_talk_write(
    talk: *mut ale_talk,
    turn: u32,
    pcm: *const i16,
    samples: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (talk, pcm) = unsafe { (pointer::exclusive(talk)?, pointer::slice(pcm, samples)?) };
        talk.0.write(turn, pcm).map_err(|error| match error {
            TalkError::StaleTurn => ale_status::ALE_ERR_NOT_FOUND,
            _ => ale_status::ALE_ERR_FULL,
        })
    })
}

/// A mark behind what has been written, told by ALE_TALK_MARK when all before it has been heard. It goes with what
/// is flushed. Real-time.
///
/// Can return ALE_ERR_FULL where too many wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_talk_mark(talk: *mut ale_talk, mark: u64) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let talk = unsafe { pointer::exclusive(talk) }?;
        talk.0.mark(mark).then_some(()).ok_or(ale_status::ALE_ERR_FULL)
    })
}

/// Throws away what waits, fading over up to fade_ms, at most 250. The turn may go on. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_talk_flush(talk: *mut ale_talk, fade_ms: u32) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::exclusive(talk) }?.0.flush(fade_ms);
        Ok(())
    })
}

/// Takes a turn back, and those before it: what waits of them is thrown away as by ale_talk_flush, and what comes
/// of them later is refused. Later turns are heard at once. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_talk_cancel(
    talk: *mut ale_talk,
    turn: u32,
    fade_ms: u32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::exclusive(talk) }?.0.cancel(turn, fade_ms);
        Ok(())
    })
}

/// Holds the voice from the next tick on (not 0), or lets it go on where it was. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_talk_pause(talk: *mut ale_talk, paused: i32) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::exclusive(talk) }?.0.set_paused(paused != 0);
        Ok(())
    })
}

/// Writes how far a voice is. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_talk_position(
    talk: *const ale_talk,
    progress: *mut ale_talk_progress,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (talk, out) = unsafe { (pointer::shared(talk)?, pointer::exclusive(progress)?) };
        *out = ale_talk_progress {
            stale_samples: talk.0.stale_samples(),
            position_ms: talk.0.position_ms(),
            waiting_ms: talk.0.waiting_ms(),
            is_high: talk.0.is_high().into(),
            reserved: 0,
        };
        Ok(())
    })
}

/// Writes the oldest event of a voice that has not been read. Real-time.
///
/// Can return ALE_ERR_NOTHING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_talk_next_event(
    talk: *mut ale_talk,
    event: *mut ale_talk_event,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (talk, out) = unsafe { (pointer::exclusive(talk)?, pointer::exclusive(event)?) };
        let told = talk.0.next_event().ok_or(ale_status::ALE_ERR_NOTHING)?;
        let mut event =
            ale_talk_event { mark: 0, member: 0, kind: 0, samples: 0, ms: 0, reserved: 0 };
        let mut by = |kind, member: MemberId| (event.kind, event.member) = (kind, member.to_u64());
        match told {
            TalkEvent::Mark(mark) => (event.kind, event.mark) = (ALE_TALK_MARK, mark),
            TalkEvent::Drained => event.kind = ALE_TALK_DRAINED,
            TalkEvent::Flushed { samples } => {
                (event.kind, event.samples) = (ALE_TALK_FLUSHED, samples);
            }
            TalkEvent::Overlap(member) => by(ALE_TALK_OVERLAP, member),
            TalkEvent::BargeIn(member) => by(ALE_TALK_BARGE_IN, member),
            TalkEvent::Backchannel { member, ms } => {
                by(ALE_TALK_BACKCHANNEL, member);
                event.ms = ms;
            }
            _ => event.kind = ALE_TALK_LOW,
        }
        *out = event;
        Ok(())
    })
}
