// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conferences: legs around a mixer.

use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, ConferenceError, ConferenceEvent, JoinOptions,
    JoinedTicks, MemberId, Outgoing,
};

use crate::heap;
use crate::leg::ale_leg_media;
use crate::link::ale_link_end;
use crate::memory::ale_memory;
use crate::panic::guard;
use crate::pointer::{self, Handle, Versioned, handle};
use crate::status::ale_status;

/// A conference. ale_conference_tick, ale_conference_next_datagram and destroy are exclusive to
/// the audio thread; the other functions may be called from any thread meanwhile.
pub struct ale_conference {
    /// Used by the audio thread only.
    audio: Audio,
    /// Used by any thread.
    control: ConferenceControl,
}

pub(crate) struct Audio {
    pub(crate) conference: Conference,
    pub(crate) outgoing: Outgoing,
    pub(crate) next: usize,
}

/// What a conference is made for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_conference_config {
    /// Size of this struct, filled by ale_conference_config_init.
    pub struct_size: u32,
    /// Members at a time, 1 to 8192; memory for all is taken at creation. Default 16.
    pub max_members: u32,
    /// Datagrams that one tick may leave, 0 for two a member. Default 0.
    pub max_datagrams: u32,
    /// How many are heard at a time, the loudest; 0 for all. Default 0.
    pub max_speakers: u32,
    /// Gains of one member for another that there may be at a time. Default 0.
    pub max_pair_gains: u32,
    /// Not 0: a look-ahead limiter instead of clamping, 2 ms later. Default 0.
    pub limiter: u32,
    /// Groups of members that share an encoder, 0 to 64. Default 4.
    pub encode_groups: u32,
    /// Rates of its members' PCM, of 8000, 16000, 32000 and 48000; 0 in the place of one that is not used,
    /// which spares its memory: one rate takes a third of that of all. Default all four.
    pub rates_hz: [u32; 4],
    /// Taps that there may be at a time (ale_tap_create), up to 16384. Default 8.
    pub max_taps: u32,
    /// Not 0: the work of two ticks is done in the second of them while nobody can tell; 1 from the first tick on,
    /// 2 from the second. What is sent is the same and costs less, most of all with many legs, but a tick has next
    /// to nothing to do and the next twice as much: the conferences of a thread get 1 and 2 in turn. Members begin
    /// with such a pair, up to 10 ms later. Default 0.
    pub joined_ticks: u32,
}

impl Default for ale_conference_config {
    fn default() -> Self {
        let config = ConferenceConfig::default();
        Self {
            struct_size: size_of::<Self>() as u32,
            max_members: config.max_members as u32,
            max_datagrams: 0,
            max_speakers: config.max_speakers as u32,
            max_pair_gains: config.max_pair_gains as u32,
            limiter: u32::from(config.limiter),
            encode_groups: config.encode_groups as u32,
            rates_hz: config.rates_hz,
            max_taps: config.max_taps as u32,
            joined_ticks: 0,
        }
    }
}

// SAFETY: repr(C), only integers, the size first.
unsafe impl Versioned for ale_conference_config {}

/// How a member joins.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_join_options {
    /// Size of this struct, filled by ale_join_options_init.
    pub struct_size: u32,
    /// Not 0: the others don't hear the member. Default 0.
    pub muted: u32,
    /// The host's own mark, handed out with each of the member's datagrams. Default 0.
    pub tag: u64,
    /// How loud the others hear the member, as a factor from 0 to 8. Default 1.
    pub gain: f32,
    /// 0: the member only talks; nothing is sent to it. Default 1.
    pub listening: u32,
    /// Not 0: those alone hear the member that have a gain for it. Default 0.
    pub is_private: u32,
    /// For what a later header asks; 0.
    pub reserved: u32,
}

impl Default for ale_join_options {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            muted: 0,
            tag: 0,
            gain: 1.0,
            listening: 1,
            is_private: 0,
            reserved: 0,
        }
    }
}

// SAFETY: repr(C), only numbers, the size first.
unsafe impl Versioned for ale_join_options {}

/// A datagram to be sent.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_datagram {
    /// The member's number.
    pub member: u64,
    /// The member's mark (ale_join_options).
    pub tag: u64,
    /// RTP or RTCP, valid until the next tick.
    pub bytes: *const u8,
    /// How many bytes.
    pub length: usize,
}

/// What a conference has done.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_conference_counters {
    /// Members just now.
    pub members: u64,
    /// Ticks.
    pub ticks: u64,
    /// Members that joined.
    pub joins: u64,
    /// Members that left.
    pub leaves: u64,
    /// Datagrams handed out.
    pub datagrams: u64,
    /// Times that a member's datagrams had to wait for the next tick for want of room.
    pub deferred: u64,
    /// Payloads that were copies of another member's.
    pub shared_payloads: u64,
    /// Members that are heard just now, where not all are.
    pub speakers: u64,
    /// Calls that were refused: too many wait, no place or pair gain is left, no such member.
    pub refused: u64,
    /// Ticks that did not come: gaps of more than 15 ms, in whole ticks.
    pub missed_ticks: u64,
    /// Ticks that were done together with the one before.
    pub joined_ticks: u64,
}

/// Fills a config with the defaults. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_config_init(
    config: *mut ale_conference_config,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_config_init_sized(
    config: *mut ale_conference_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}

/// Fills options with the defaults. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_join_options_init(options: *mut ale_join_options) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(options) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_join_options_init_sized(
    options: *mut ale_join_options,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(options, struct_size) })
}

/// Makes an empty conference. Any thread. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_create(
    config: *const ale_conference_config,
    conference: *mut *mut ale_conference,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(conference)?) };
        heap::creating(|| make(&config))?.give(out);
        Ok(())
    })
}

fn make(config: &ale_conference_config) -> Result<Handle<ale_conference>, ale_status> {
    let max_members = config.max_members as usize;
    let settings = ConferenceConfig {
        max_members,
        max_speakers: config.max_speakers as usize,
        max_pair_gains: config.max_pair_gains as usize,
        limiter: config.limiter != 0,
        encode_groups: config.encode_groups as usize,
        rates_hz: config.rates_hz,
        max_taps: config.max_taps as usize,
        joined_ticks: match config.joined_ticks {
            0 => JoinedTicks::No,
            1 => JoinedTicks::FromFirst,
            2 => JoinedTicks::FromSecond,
            _ => return Err(ale_status::ALE_ERR_INVALID_ARGUMENT),
        },
    };
    let (conference, control) = Conference::new(&settings)?;
    let datagrams = match config.max_datagrams {
        0 => max_members * 2,
        count => count as usize,
    };
    let audio = Audio { conference, outgoing: Outgoing::new(datagrams), next: 0 };
    Ok(handle(ale_conference { audio, control }))
}

/// What an empty conference of this config would take of the allocator. It is made and thrown away for that, with
/// memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
///
/// Can return what ale_conference_create can.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_memory_required(
    config: *const ale_conference_config,
    memory: *mut ale_memory,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(memory)?) };
        *out = heap::measure(|| make(&config))?;
        Ok(())
    })
}

/// Frees a conference and the halves of its members. Exclusive. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_destroy(conference: *mut ale_conference) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(conference) };
        Ok(())
    });
}

/// The audio thread's side, apart from the other, which other threads may be using.
///
/// # Safety
/// `conference` is NULL or a conference whose audio side nobody else uses.
pub(crate) unsafe fn audio<'a>(
    conference: *mut ale_conference,
) -> Result<&'a mut Audio, ale_status> {
    if conference.is_null() {
        return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
    }
    // SAFETY: not NULL; only the one field is borrowed.
    Ok(unsafe { &mut (*conference).audio })
}

/// Everybody's side.
///
/// # Safety
/// `conference` is NULL or a conference.
pub(crate) unsafe fn control<'a>(
    conference: *const ale_conference,
) -> Result<&'a ConferenceControl, ale_status> {
    if conference.is_null() {
        return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
    }
    // SAFETY: not NULL; only the one field is borrowed, and it may be shared.
    Ok(unsafe { &(*conference).control })
}

/// What somebody joins with; the defaults for NULL.
///
/// # Safety
/// `options` is NULL or what the header says.
pub(crate) unsafe fn join_options_at(
    options: *const ale_join_options,
) -> Result<JoinOptions, ale_status> {
    let options = if options.is_null() {
        ale_join_options::default()
    } else {
        // SAFETY: the caller's.
        unsafe { pointer::config(options) }?
    };
    if options.reserved != 0 {
        return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
    }
    let mut settings = JoinOptions::tagged(options.tag);
    settings.gain = options.gain;
    settings.muted = options.muted != 0;
    settings.listening = options.listening != 0;
    settings.private = options.is_private != 0;
    Ok(settings)
}

/// Lets what `handle` holds in by `join`, which gives it back where the conference refuses; then the
/// handle stays the caller's.
///
/// # Safety
/// The pointers are what the header says; `content` points to all that the handle holds.
unsafe fn join_by<H, T>(
    conference: *const ale_conference,
    handle: *mut H,
    content: impl FnOnce(&mut H) -> *mut T,
    options: *const ale_join_options,
    member: *mut u64,
    join: impl FnOnce(&ConferenceControl, T, JoinOptions) -> Result<MemberId, (ConferenceError, T)>,
) -> Result<(), ale_status> {
    // SAFETY: the header's contract.
    let (control, out) = unsafe { (control(conference)?, pointer::exclusive(member)?) };
    // SAFETY: the header's contract.
    let options = unsafe { join_options_at(options) }?;
    let take = |taken| join(control, taken, options);
    // SAFETY: the caller's.
    *out = unsafe { pointer::hand_over(handle, content, take) }?.to_u64();
    Ok(())
}

/// Lets a leg's media half in at the next tick; it belongs to the conference from then on. options
/// may be NULL. Writes the member's number to *member. Any thread. Not real-time.
///
/// Can return ALE_ERR_FULL, ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT; the half stays the caller's
/// then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_join(
    conference: *const ale_conference,
    media: *mut ale_leg_media,
    options: *const ale_join_options,
    member: *mut u64,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe {
        join_by(conference, media, |half| &raw mut half.0, options, member, ConferenceControl::join)
    })
}

/// Lets a member go at the next tick, in which it fades; ale_conference_reclaim then gives its half back.
/// Any thread. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND and ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_leave(
    conference: *const ale_conference,
    member: u64,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| Ok(unsafe { control(conference) }?.leave(MemberId::from_u64(member))?))
}

/// Gives back the half of a member that has left, now the caller's, and its number. Until then its
/// place stays taken. Any thread. Not real-time.
///
/// Can return ALE_ERR_NOTHING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_reclaim(
    conference: *const ale_conference,
    member: *mut u64,
    media: *mut *mut ale_leg_media,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, member, out) = unsafe {
            (control(conference)?, pointer::exclusive(member)?, pointer::exclusive(media)?)
        };
        let (id, half) = control.reclaim().ok_or(ale_status::ALE_ERR_NOTHING)?;
        *member = id.to_u64();
        handle(ale_leg_media(half)).give(out);
        Ok(())
    })
}

/// Writes the mark that a member joined with (ale_join_options), also of one that has left, as
/// ale_conference_reclaim and ale_conference_next_dominant_speaker name it, until another takes its place. Any
/// thread. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_tag(
    conference: *const ale_conference,
    member: u64,
    tag: *mut u64,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, out) = unsafe { (control(conference)?, pointer::exclusive(tag)?) };
        *out = control.tag(MemberId::from_u64(member))?;
        Ok(())
    })
}

/// Whether the others hear a member (muted 0) from the next tick on. Any thread. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND and ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_set_muted(
    conference: *const ale_conference,
    member: u64,
    muted: i32,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| Ok(unsafe { control(conference) }?.set_muted(MemberId::from_u64(member), muted != 0)?))
}

/// How loud the others hear a member from the next tick on, as a factor from 0 to 8. Any thread.
/// Real-time.
///
/// Can return ALE_ERR_NOT_FOUND, ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_set_gain(
    conference: *const ale_conference,
    member: u64,
    factor: f32,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| Ok(unsafe { control(conference) }?.set_gain(MemberId::from_u64(member), factor)?))
}

/// Whether a member hears anything (not 0) from the next tick on. Any thread. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND and ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_set_listening(
    conference: *const ale_conference,
    member: u64,
    listening: i32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { control(conference) }?;
        Ok(control.set_listening(MemberId::from_u64(member), listening != 0)?)
    })
}

/// Whether those alone hear a member (not 0) that have a gain for it, from the next tick on. Any
/// thread. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND and ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_set_private(
    conference: *const ale_conference,
    member: u64,
    is_private: i32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { control(conference) }?;
        Ok(control.set_private(MemberId::from_u64(member), is_private != 0)?)
    })
}

/// How loud one listener hears one talker from the next tick on, as a factor from 0 to 8 on top of
/// the talker's own gain; a negative factor goes back to what everybody hears, after a ramp of a tick
/// in which it still counts. Any thread. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND, ALE_ERR_BUSY, ALE_ERR_FULL where max_pair_gains are in use, and
/// ALE_ERR_INVALID_ARGUMENT; the latter also for a member and itself, and for two whose PCM has
/// different rates.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_set_pair_gain(
    conference: *const ale_conference,
    listener: u64,
    talker: u64,
    factor: f32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { control(conference) }?;
        let (listener, talker) = (MemberId::from_u64(listener), MemberId::from_u64(talker));
        let factor = (factor.is_nan() || factor >= 0.0).then_some(factor);
        Ok(control.set_pair_gain(listener, talker, factor)?)
    })
}

/// Writes who leads the conversation now, if that has changed since it was asked last. Any thread.
/// Real-time.
///
/// Can return ALE_ERR_NOTHING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_next_dominant_speaker(
    conference: *const ale_conference,
    member: *mut u64,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, out) = unsafe { (control(conference)?, pointer::exclusive(member)?) };
        loop {
            let event = control.next_event().ok_or(ale_status::ALE_ERR_NOTHING)?;
            if let ConferenceEvent::DominantSpeaker(id) = event {
                *out = id.to_u64();
                return Ok(());
            }
        }
    })
}

/// Lets one end of a link in at the next tick; it belongs to the conference from then on, and is
/// freed there. options may be NULL. Writes the member's number to *member. Any thread. Not
/// real-time.
///
/// Can return ALE_ERR_FULL, ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT; the end stays the caller's
/// then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_join_link(
    conference: *const ale_conference,
    end: *mut ale_link_end,
    options: *const ale_join_options,
    member: *mut u64,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe {
        join_by(
            conference,
            end,
            |end| &raw mut end.0,
            options,
            member,
            ConferenceControl::join_link,
        )
    })
}

/// Plays and mixes 10 ms; to be called every 10 ms with the time that it is, not the time at which the tick
/// was due: missed_ticks tells by it that the thread is late. Whoever is late calls once and skips what was
/// missed. ale_conference_next_datagram then gives what is to be sent. Takes some 45 KiB of stack where
/// a leg sends Opus. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_tick(
    conference: *mut ale_conference,
    now_ns: u64,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let audio = unsafe { audio(conference) }?;
        audio.conference.tick(now_ns, &mut audio.outgoing);
        audio.next = 0;
        Ok(())
    })
}

/// Gives the next datagram of the last tick; to be called until it returns ALE_ERR_NOTHING.
/// Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_next_datagram(
    conference: *mut ale_conference,
    datagram: *mut ale_datagram,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (audio, out) = unsafe { (audio(conference)?, pointer::exclusive(datagram)?) };
        let next = audio.outgoing.datagram(audio.next).ok_or(ale_status::ALE_ERR_NOTHING)?;
        audio.next += 1;
        *out = ale_datagram {
            member: next.member.to_u64(),
            tag: next.tag,
            bytes: next.bytes.as_ptr(),
            length: next.bytes.len(),
        };
        Ok(())
    })
}

/// Reads the counters, as of the last tick. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_conference_stats(
    conference: *const ale_conference,
    stats: *mut ale_conference_counters,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, out) = unsafe { (control(conference)?, pointer::exclusive(stats)?) };
        let stats = control.stats();
        *out = ale_conference_counters {
            members: stats.members,
            ticks: stats.ticks,
            joins: stats.joins,
            leaves: stats.leaves,
            datagrams: stats.datagrams,
            deferred: stats.deferred,
            shared_payloads: stats.shared_payloads,
            speakers: stats.speakers,
            refused: stats.refused,
            missed_ticks: stats.missed_ticks,
            joined_ticks: stats.joined_ticks,
        };
        Ok(())
    })
}
