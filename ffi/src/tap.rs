// SPDX-License-Identifier: MIT OR Apache-2.0
//! Taps: members' voices for programs that they have agreed to.

use ale_media::conference::MemberId;
use ale_media::tap::{
    Basis, Grant, Preference, Purpose, Purposes, Refusal, SinkId, TapConfig, TapId, TapReader,
    TapSource, TapState,
};

use core::ffi::c_char;

use crate::conference::{ale_conference, control};
use crate::heap;
use crate::panic::guard;
use crate::pointer::{self, Handle, Versioned, handle};
use crate::status::ale_status;

/// Sound that is kept.
pub const ALE_PURPOSE_RECORD: u32 = 1;
/// Speech that is turned into text.
pub const ALE_PURPOSE_TRANSCRIBE: u32 = 2;
/// What was said is looked into.
pub const ALE_PURPOSE_ANALYSE: u32 = 4;
/// A machine that takes part.
pub const ALE_PURPOSE_ASSIST: u32 = 8;

/// Of a frame: somebody speaks.
pub const ALE_TAP_SPEECH: u32 = 1;
/// Some of it was made up for what was lost on the way.
pub const ALE_TAP_CONCEALED: u32 = 2;
/// Nothing came that could be played.
pub const ALE_TAP_GAP: u32 = 4;
/// Silence, because the tap was paused.
pub const ALE_TAP_PAUSED: u32 = 8;
/// Silence, because the others don't hear the member either.
pub const ALE_TAP_MUTED: u32 = 16;
/// The voice is a program's.
pub const ALE_TAP_SYNTHETIC: u32 = 32;

/// It takes nothing: nobody has agreed.
pub const ALE_TAP_STATE_WAITING: u32 = 0;
/// It takes sound.
pub const ALE_TAP_STATE_TAKING: u32 = 1;
/// It leaves silence.
pub const ALE_TAP_STATE_PAUSED: u32 = 2;
/// It is over.
pub const ALE_TAP_STATE_ENDED: u32 = 3;

/// Why not: nobody has said anything.
pub const ALE_TAP_REFUSED_UNKNOWN: u32 = 1;
/// The grant is for another receiver.
pub const ALE_TAP_REFUSED_OTHER_SINK: u32 = 2;
/// The grant's time is over.
pub const ALE_TAP_REFUSED_EXPIRED: u32 = 3;
/// The grant was taken back.
pub const ALE_TAP_REFUSED_WITHDRAWN: u32 = 4;
/// The member's description asks not to be recorded (ale_member_recordpref).
pub const ALE_TAP_REFUSED_PREFERENCE: u32 = 5;

/// The largest payload of a tap's packet.
pub const ALE_TAP_MAX_PAYLOAD_BYTES: usize = 1920;
const _: () = assert!(ALE_TAP_MAX_PAYLOAD_BYTES == ale_media::jitter::MAX_PAYLOAD_BYTES);

/// The end of a tap that is read. Exclusive; it may outlive its conference.
pub struct ale_tap(TapReader);

/// What a tap is made for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_tap_config {
    /// Size of this struct, filled by ale_tap_config_init.
    pub struct_size: u32,
    /// Not 0: the voices of all who have agreed, added up, instead of a member's. Default 0.
    pub is_mix: u32,
    /// Whose voice.
    pub member: u64,
    /// The host's own mark, told with every event. Default 0.
    pub tag: u64,
    /// One of ALE_PURPOSE_RECORD, ALE_PURPOSE_TRANSCRIBE, ALE_PURPOSE_ANALYSE and ALE_PURPOSE_ASSIST. Default 0,
    /// which is none of them.
    pub purpose: u32,
    /// Who receives it, by the host's own number: sound is taken while a grant for this and the purpose stands.
    pub sink: u32,
    /// Samples a second of what is read: 8000, 12000, 16000, 24000, 32000 or 48000. Default 16000.
    pub sample_rate_hz: u32,
    /// How much may wait to be read, 10 to 2000; beyond that the oldest is lost. Default 1000.
    pub buffer_ms: u32,
    /// Not 0: it begins paused. Default 0.
    pub paused: u32,
    /// Not 0: the member's packets as they come, decrypted and not decoded (ale_tap_read_packet), none while the
    /// others don't hear it or the tap is paused; the rate has no meaning then, and buffer_ms is a packet for each
    /// 10 ms. Default 0.
    pub is_packets: u32,
}

impl Default for ale_tap_config {
    fn default() -> Self {
        let config = TapConfig::new(TapSource::Mix, Purpose::Record, SinkId(0));
        Self {
            struct_size: size_of::<Self>() as u32,
            is_mix: 0,
            member: 0,
            tag: config.tag,
            purpose: 0,
            sink: 0,
            sample_rate_hz: config.sample_rate_hz,
            buffer_ms: config.buffer_ms,
            paused: 0,
            is_packets: 0,
        }
    }
}

// SAFETY: repr(C), only integers, the size first.
unsafe impl Versioned for ale_tap_config {}

/// What somebody agrees to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_grant {
    /// Size of this struct, filled by ale_grant_init.
    pub struct_size: u32,
    /// What for: ALE_PURPOSE_RECORD and the like, added up. Default 0.
    pub purposes: u32,
    /// To whom, by the host's own number. Default 0.
    pub sink: u32,
    /// Which text the person was shown, by the host's own number. Default 0.
    pub notice_version: u32,
    /// On what grounds: the letters of Article 6(1) of the GDPR, 0 for (a), consent, to 5 for (f). Default 0.
    pub basis: u32,
    /// For what a later header asks; 0.
    pub reserved: u32,
    /// When it ends, by the clock of the ticks; 0 for with the membership. Default 0.
    pub until_ns: u64,
}

impl Default for ale_grant {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            purposes: 0,
            sink: 0,
            notice_version: 0,
            basis: 0,
            reserved: 0,
            until_ns: 0,
        }
    }
}

// SAFETY: repr(C), only integers, the size first.
unsafe impl Versioned for ale_grant {}

/// What is said about 10 ms of sound.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_tap_frame {
    /// When the first sample was due, by the clock of the ticks, the same for all members and taps.
    pub time_ns: u64,
    /// Whose voice; 0 for a mix, which may be a member's number, too.
    pub member: u64,
    /// Frames before this one that were lost because nobody read.
    pub lost_frames: u64,
    /// The source that was played; 0 for none.
    pub ssrc: u32,
    /// How loud, in -dBov (RFC 6464).
    pub level_dbov: u32,
    /// ALE_TAP_SPEECH, ALE_TAP_CONCEALED, ALE_TAP_GAP, ALE_TAP_PAUSED, ALE_TAP_MUTED and ALE_TAP_SYNTHETIC.
    pub flags: u32,
    /// Voices in it.
    pub voices: u32,
}

/// A packet of a tap's, as it came.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_tap_packet {
    /// The tick in which it was taken, by the time of ale_tap_frame.
    pub time_ns: u64,
    /// When it arrived.
    pub arrival_ns: u64,
    /// Whose.
    pub member: u64,
    /// Packets before this one that were lost because nobody read.
    pub lost_packets: u64,
    /// RTP's source.
    pub ssrc: u32,
    /// RTP's timestamp.
    pub timestamp: u32,
    /// RTP's sequence number.
    pub sequence: u32,
    /// RTP's payload type; of redundant audio (RFC 2198) that of the primary block, which is its payload here.
    pub payload_type: u32,
    /// RTP's marker bit: 1 or 0.
    pub marker: u32,
    /// Bytes of payload.
    pub payload_bytes: u32,
}

/// A tap has changed its state. No sound is taken before the event that says so has found room.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_tap_event {
    /// Which (ale_tap_id).
    pub tap: u64,
    /// The host's mark (ale_tap_config).
    pub tag: u64,
    /// Since when, by the clock of the ticks.
    pub at_ns: u64,
    /// Sound that it had taken up to then, in ms.
    pub taken_ms: u64,
    /// ALE_TAP_STATE_WAITING, ALE_TAP_STATE_TAKING, ALE_TAP_STATE_PAUSED or ALE_TAP_STATE_ENDED.
    pub state: u32,
    /// Why it waits: ALE_TAP_REFUSED_UNKNOWN, ALE_TAP_REFUSED_OTHER_SINK, ALE_TAP_REFUSED_EXPIRED,
    /// ALE_TAP_REFUSED_WITHDRAWN or ALE_TAP_REFUSED_PREFERENCE; 0 for a mix, and in other states.
    pub refusal: u32,
    /// Voices that it takes.
    pub voices: u32,
    /// 0.
    pub reserved: u32,
}

/// Fills a config with the defaults. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tap_config_init(config: *mut ale_tap_config) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tap_config_init_sized(
    config: *mut ale_tap_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}

/// Fills a grant with the defaults: for nothing. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_grant_init(grant: *mut ale_grant) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(grant) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_grant_init_sized(
    grant: *mut ale_grant,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(grant, struct_size) })
}

fn purposes(bits: u32) -> Result<Purposes, ale_status> {
    let bits = u8::try_from(bits).ok().and_then(Purposes::from_bits);
    bits.ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)
}

fn tap_config(config: &ale_tap_config) -> Result<TapConfig, ale_status> {
    let invalid = ale_status::ALE_ERR_INVALID_ARGUMENT;
    let all = purposes(config.purpose)?;
    let mut one = all.iter();
    let (Some(purpose), None) = (one.next(), one.next()) else {
        return Err(invalid);
    };
    let member = MemberId::from_u64(config.member);
    let source = match (config.is_mix != 0, config.is_packets != 0) {
        (false, false) => TapSource::Member(member),
        (false, true) => TapSource::Packets(member),
        (true, false) => TapSource::Mix,
        // A mix has no packets.
        (true, true) => return Err(invalid),
    };
    let mut made = TapConfig::new(source, purpose, SinkId(config.sink));
    made.sample_rate_hz = config.sample_rate_hz;
    made.buffer_ms = config.buffer_ms;
    made.paused = config.paused != 0;
    made.tag = config.tag;
    Ok(made)
}

/// Taps a conference from its next tick on, as far as members have agreed or will. It ends with ale_tap_destroy,
/// with ale_tap_end, and with the member whose voice it takes. Any thread. Not real-time.
///
/// Can return ALE_ERR_NOT_FOUND for a member that there is not, ALE_ERR_FULL where there are max_taps,
/// ALE_ERR_BUSY, ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tap_create(
    conference: *const ale_conference,
    config: *const ale_tap_config,
    tap: *mut *mut ale_tap,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, config, out) =
            unsafe { (control(conference)?, pointer::config(config)?, pointer::exclusive(tap)?) };
        let config = tap_config(&config)?;
        let make = || -> Result<Handle<ale_tap>, ale_status> {
            Ok(handle(ale_tap(control.tap(&config)?)))
        };
        heap::creating(make)?.give(out);
        Ok(())
    })
}

/// Ends and frees a tap. What still lies in it is overwritten. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tap_destroy(tap: *mut ale_tap) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(tap) };
        Ok(())
    });
}

/// Writes a tap's number, by which events name it. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tap_id(tap: *const ale_tap, id: *mut u64) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (tap, out) = unsafe { (pointer::shared(tap)?, pointer::exclusive(id)?) };
        *out = tap.0.id().to_u64();
        Ok(())
    })
}

/// Reads the oldest 10 ms, capacity samples at most, and what is said about them. What was taken before a
/// withdrawal is not given after it. Real-time.
///
/// Can return ALE_ERR_NOTHING, ALE_ERR_NOT_FOUND when nothing more will come, ALE_ERR_CAPACITY for less than
/// 10 ms, ALE_ERR_UNSUPPORTED by a tap of packets, and ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tap_read(
    tap: *mut ale_tap,
    pcm: *mut i16,
    capacity: usize,
    frame: *mut ale_tap_frame,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (tap, pcm, out) = unsafe {
            (
                pointer::exclusive(tap)?,
                pointer::slice_mut(pcm, capacity)?,
                pointer::exclusive(frame)?,
            )
        };
        if capacity < tap.0.frame_samples() {
            return Err(ale_status::ALE_ERR_CAPACITY);
        }
        if matches!(tap.0.config().source, TapSource::Packets(_)) {
            return Err(ale_status::ALE_ERR_UNSUPPORTED);
        }
        let none = nothing(&tap.0);
        let read = tap.0.read(pcm).ok_or(none)?;
        let flag = |is: bool, bit: u32| if is { bit } else { 0 };
        *out = ale_tap_frame {
            time_ns: read.time_ns,
            member: read.member.map_or(0, MemberId::to_u64),
            lost_frames: read.lost_frames,
            ssrc: read.ssrc.unwrap_or(0),
            level_dbov: read.level_dbov.into(),
            flags: flag(read.speech, ALE_TAP_SPEECH)
                | flag(read.concealed, ALE_TAP_CONCEALED)
                | flag(read.gap, ALE_TAP_GAP)
                | flag(read.paused, ALE_TAP_PAUSED)
                | flag(read.muted, ALE_TAP_MUTED)
                | flag(read.synthetic, ALE_TAP_SYNTHETIC),
            voices: read.voices.into(),
        };
        Ok(())
    })
}

/// Reads the oldest packet of a tap of packets (is_packets), its payload to payload, which has room for
/// ALE_TAP_MAX_PAYLOAD_BYTES. What was taken before a withdrawal is not given after it. Real-time.
///
/// Can return ALE_ERR_NOTHING, ALE_ERR_NOT_FOUND when nothing more will come, ALE_ERR_CAPACITY for less room,
/// ALE_ERR_UNSUPPORTED by a tap of sound, and ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tap_read_packet(
    tap: *mut ale_tap,
    payload: *mut u8,
    capacity: usize,
    packet: *mut ale_tap_packet,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (tap, payload, out) = unsafe {
            (
                pointer::exclusive(tap)?,
                pointer::slice_mut(payload, capacity)?,
                pointer::exclusive(packet)?,
            )
        };
        if !matches!(tap.0.config().source, TapSource::Packets(_)) {
            return Err(ale_status::ALE_ERR_UNSUPPORTED);
        }
        if capacity < ALE_TAP_MAX_PAYLOAD_BYTES {
            return Err(ale_status::ALE_ERR_CAPACITY);
        }
        let none = nothing(&tap.0);
        let read = tap.0.read_packet(payload).ok_or(none)?;
        *out = ale_tap_packet {
            time_ns: read.time_ns,
            arrival_ns: read.arrival_ns,
            member: read.member.to_u64(),
            lost_packets: read.lost_packets,
            ssrc: read.ssrc,
            timestamp: read.timestamp,
            sequence: read.sequence.into(),
            payload_type: read.payload_type.into(),
            marker: read.marker.into(),
            payload_bytes: read.bytes as u32,
        };
        Ok(())
    })
}

/// What a tap says that has nothing to give: asked before it is read, or its last would be missed.
fn nothing(tap: &TapReader) -> ale_status {
    match tap.is_ended() {
        true => ale_status::ALE_ERR_NOT_FOUND,
        false => ale_status::ALE_ERR_NOTHING,
    }
}

/// Lets a tap leave silence of true length from the next tick on (not 0), or go on. tap is its number. Any
/// thread. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tap_pause(
    conference: *const ale_conference,
    tap: u64,
    paused: i32,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| Ok(unsafe { control(conference) }?.pause_tap(TapId::from_u64(tap), paused != 0)?))
}

/// Ends a tap at the next tick; what waits in it can still be read. tap is its number. Any thread. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tap_end(conference: *const ale_conference, tap: u64) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| Ok(unsafe { control(conference) }?.end_tap(TapId::from_u64(tap))?))
}

/// A member has agreed to this, from the next tick on. For each of its purposes it takes the place of what was
/// granted before. Any thread. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND, ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_member_grant(
    conference: *const ale_conference,
    member: u64,
    grant: *const ale_grant,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, grant) = unsafe { (control(conference)?, pointer::config(grant)?) };
        let basis = Basis::ALL.get(grant.basis as usize).copied();
        let (Some(basis), 0) = (basis, grant.reserved) else {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        };
        let granted = Grant {
            purposes: purposes(grant.purposes)?,
            basis,
            sink: SinkId(grant.sink),
            notice_version: grant.notice_version,
            until_ns: Some(grant.until_ns).filter(|until_ns| *until_ns != 0),
        };
        Ok(control.grant(MemberId::from_u64(member), &granted)?)
    })
}

/// A member has taken back what it had agreed to for these purposes, ALE_PURPOSE_RECORD and the like added up:
/// ale_tap_read gives nothing from before it once this has returned, the next tick takes nothing and overwrites
/// what waits. It is never refused to a member. Any thread. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND, and ALE_ERR_INVALID_ARGUMENT for purposes that there are not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_member_withdraw(
    conference: *const ale_conference,
    member: u64,
    purposes: u32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { control(conference) }?;
        let purposes = self::purposes(purposes)?;
        Ok(control.withdraw(MemberId::from_u64(member), purposes)?)
    })
}

/// What a member's description asks of recordings: what stands behind a=recordpref: (RFC 7866 section 6.2), from the
/// next tick on. None of it is a grant; "off" and "pause" refuse ALE_PURPOSE_RECORD, whatever has been granted, until
/// "on" or "nopreference" comes. Any thread. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND, and ALE_ERR_INVALID_ARGUMENT for another word, which changes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_member_recordpref(
    conference: *const ale_conference,
    member: u64,
    value: *const c_char,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, value) = unsafe { (control(conference)?, pointer::text(value)?) };
        let preference = value.and_then(Preference::from_attribute);
        let preference = preference.ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)?;
        Ok(control.set_preference(MemberId::from_u64(member), preference)?)
    })
}

/// Writes the oldest event of a conference's taps that has not been read. They are to be read: a tap whose change
/// finds no room takes nothing meanwhile. Any thread. Not real-time: it frees what ended taps have held.
///
/// Can return ALE_ERR_NOTHING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_tap_next_event(
    conference: *const ale_conference,
    event: *mut ale_tap_event,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, out) = unsafe { (control(conference)?, pointer::exclusive(event)?) };
        let told = control.next_tap_event().ok_or(ale_status::ALE_ERR_NOTHING)?;
        let (state, refusal, voices) = match told.state {
            TapState::Waiting(refusal) => (ALE_TAP_STATE_WAITING, refusal, 0),
            TapState::Taking { voices } => (ALE_TAP_STATE_TAKING, None, voices),
            TapState::Paused => (ALE_TAP_STATE_PAUSED, None, 0),
            _ => (ALE_TAP_STATE_ENDED, None, 0),
        };
        let refusal = match refusal {
            None => 0,
            Some(Refusal::Unknown) => ALE_TAP_REFUSED_UNKNOWN,
            Some(Refusal::OtherSink) => ALE_TAP_REFUSED_OTHER_SINK,
            Some(Refusal::Expired) => ALE_TAP_REFUSED_EXPIRED,
            Some(Refusal::Preference) => ALE_TAP_REFUSED_PREFERENCE,
            Some(_) => ALE_TAP_REFUSED_WITHDRAWN,
        };
        *out = ale_tap_event {
            tap: told.tap.to_u64(),
            tag: told.tag,
            at_ns: told.at_ns,
            taken_ms: told.taken_ms,
            state,
            refusal,
            voices: voices.into(),
            reserved: 0,
        };
        Ok(())
    })
}
