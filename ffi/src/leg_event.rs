// SPDX-License-Identifier: MIT OR Apache-2.0
//! Digits to send, and what happened to a leg.

use core::ffi::c_char;

use ale_media::dsp::tones::Tone;
use ale_media::dsp::tones::plans::Signal;
use ale_media::leg::LegEvent;
use ale_media::rtp::telephone_event::{digit_of_event, event_of_digit};

use crate::leg::ale_leg_control;
use crate::panic::guard;
use crate::pointer;
use crate::status::ale_status;

/// What happened to a leg.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_leg_event_kind {
    /// The peer has begun to send a digit or another telephone event (RFC 4733).
    ALE_LEG_DIGIT_STARTED = 1,
    /// It is over; duration_ms says how long it lasted.
    ALE_LEG_DIGIT_ENDED = 2,
    /// The leg listens to another source, ssrc.
    ALE_LEG_SOURCE_CHANGED = 3,
    /// The source ssrc has said goodbye (RTCP BYE).
    ALE_LEG_GOODBYE = 4,
    /// Something that a newer header names.
    ALE_LEG_EVENT_OTHER = 5,
    /// A digit has been recognised in the audio.
    ALE_LEG_INBAND_DIGIT = 6,
    /// A fax calls (1100 Hz).
    ALE_LEG_FAX_CALLING = 7,
    /// A fax or modem answers (2100 Hz).
    ALE_LEG_FAX_ANSWERING = 8,
    /// A beep, as of an answering machine, of frequency_hz.
    ALE_LEG_BEEP = 9,
    /// Somebody else sends as our own source ssrc, or our packets come back: ale_leg_change_ssrc.
    ALE_LEG_SSRC_COLLISION = 10,
    /// The peer's datagrams come from another address: ale_leg_peer_address.
    ALE_LEG_ADDRESS_CHANGED = 11,
    /// Datagrams were refused, count of them with this status so far: reported at the first, the second,
    /// the fourth, and so on.
    ALE_LEG_REFUSED = 12,
    /// No RTP has come for media_timeout_ms, although the leg listens; count is 1 if RTCP still comes.
    ALE_LEG_MEDIA_STOPPED = 13,
    /// RTP comes again.
    ALE_LEG_MEDIA_STARTED = 14,
    /// A key's lifetime nears its end, count packets are left: time to re-key.
    ALE_LEG_KEY_EXPIRING = 15,
    /// The key of what is sent is used up: nothing is sent any more under it.
    ALE_LEG_KEY_EXHAUSTED = 16,
    /// count events were lost, since nobody read them.
    ALE_LEG_EVENTS_LOST = 17,
    /// Dial tone is heard (ITU-T E.180), reported with call_progress as the four that follow: once as long as
    /// it lasts.
    ALE_LEG_DIAL_TONE = 18,
    /// The ringing tone: the other telephone rings.
    ALE_LEG_RINGING_TONE = 19,
    /// The busy tone.
    ALE_LEG_BUSY_TONE = 20,
    /// The congestion tone: the network is busy.
    ALE_LEG_CONGESTION_TONE = 21,
    /// The special information tone, three steps upwards: an announcement says why the call failed.
    ALE_LEG_INFORMATION_TONE = 22,
}

use ale_leg_event_kind::*;

/// One thing that happened. Members that its kind does not name are 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_leg_event {
    /// What happened.
    pub kind: ale_leg_event_kind,
    /// The event's number (RFC 4733 section 3.2).
    pub event: u32,
    /// Its DTMF character, 0 if it is none.
    pub digit: c_char,
    /// How long it lasted, in ms.
    pub duration_ms: u32,
    /// The source.
    pub ssrc: u32,
    /// Of a beep.
    pub frequency_hz: u32,
    /// Why datagrams were refused, an ale_status.
    pub status: i32,
    /// How many.
    pub count: u64,
}

impl From<LegEvent> for ale_leg_event {
    fn from(event: LegEvent) -> Self {
        let none = Self {
            kind: ALE_LEG_EVENT_OTHER,
            event: 0,
            digit: 0,
            duration_ms: 0,
            ssrc: 0,
            frequency_hz: 0,
            status: 0,
            count: 0,
        };
        let digit = |event| digit_of_event(event).map_or(0, |digit| digit as c_char);
        match event {
            LegEvent::DigitStarted { event } => Self {
                kind: ALE_LEG_DIGIT_STARTED,
                event: event.into(),
                digit: digit(event),
                ..none
            },
            LegEvent::DigitEnded { event, duration_ms } => Self {
                kind: ALE_LEG_DIGIT_ENDED,
                event: event.into(),
                digit: digit(event),
                duration_ms,
                ..none
            },
            LegEvent::SourceChanged { ssrc } => Self { kind: ALE_LEG_SOURCE_CHANGED, ssrc, ..none },
            LegEvent::InbandDigit { event } => Self {
                kind: ALE_LEG_INBAND_DIGIT,
                event: event.into(),
                digit: digit(event),
                ..none
            },
            LegEvent::Tone(Tone::FaxCalling) => Self { kind: ALE_LEG_FAX_CALLING, ..none },
            LegEvent::Tone(Tone::Answering) => Self { kind: ALE_LEG_FAX_ANSWERING, ..none },
            LegEvent::Tone(Tone::Beep { frequency_hz }) => {
                Self { kind: ALE_LEG_BEEP, frequency_hz: frequency_hz.into(), ..none }
            }
            LegEvent::CallProgress(signal) => Self { kind: progress(signal), ..none },
            LegEvent::SsrcCollision { ssrc } => Self { kind: ALE_LEG_SSRC_COLLISION, ssrc, ..none },
            LegEvent::AddressChanged { .. } => Self { kind: ALE_LEG_ADDRESS_CHANGED, ..none },
            LegEvent::Refused { error, count } => Self {
                kind: ALE_LEG_REFUSED,
                status: ale_status::from(error) as i32,
                count,
                ..none
            },
            LegEvent::Goodbye { ssrc } => Self { kind: ALE_LEG_GOODBYE, ssrc, ..none },
            LegEvent::MediaStopped { reports } => {
                Self { kind: ALE_LEG_MEDIA_STOPPED, count: reports.into(), ..none }
            }
            LegEvent::MediaStarted => Self { kind: ALE_LEG_MEDIA_STARTED, ..none },
            LegEvent::KeyExpiring { packets_left, .. } => {
                Self { kind: ALE_LEG_KEY_EXPIRING, count: packets_left, ..none }
            }
            LegEvent::KeyExhausted { .. } => Self { kind: ALE_LEG_KEY_EXHAUSTED, ..none },
            LegEvent::Lost { count } => Self { kind: ALE_LEG_EVENTS_LOST, count, ..none },
            _ => none,
        }
    }
}

fn progress(signal: Signal) -> ale_leg_event_kind {
    match signal {
        Signal::Dial => ALE_LEG_DIAL_TONE,
        Signal::Ringing => ALE_LEG_RINGING_TONE,
        Signal::Busy => ALE_LEG_BUSY_TONE,
        Signal::Congestion => ALE_LEG_CONGESTION_TONE,
        Signal::Information => ALE_LEG_INFORMATION_TONE,
        // Made by the generator, and not told: it sounds into a call.
        Signal::CallWaiting => ALE_LEG_EVENT_OTHER,
    }
}

/// Sends digits by name (RFC 4733), one after another, in place of what is pushed: "0" to "9",
/// "*", "#", "A" to "D", and "!" for a hook flash; each of duration_ms (40 to 60000) and volume_dbm0 (0
/// to 63 below the reference level, 8 is common). Up to 32 may wait. Exclusive. Real-time.
///
/// Can return ALE_ERR_DIGIT for what none of these says and for a leg without telephone events, and
/// ALE_ERR_BUSY where there is no room for all of them; none is sent then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_send_dtmf(
    control: *mut ale_leg_control,
    digits: *const c_char,
    duration_ms: u32,
    volume_dbm0: u32,
) -> ale_status {
    guard(|| {
        let invalid = ale_status::ALE_ERR_INVALID_ARGUMENT;
        // SAFETY: the header's contract.
        let (control, digits) =
            unsafe { (pointer::exclusive(control)?, pointer::text(digits)?.ok_or(invalid)?) };
        let volume = u8::try_from(volume_dbm0).map_err(|_| ale_status::ALE_ERR_DIGIT)?;
        let known = digits.chars().all(|digit| event_of_digit(digit).is_some());
        if digits.is_empty() || !known {
            return Err(ale_status::ALE_ERR_DIGIT);
        }
        if digits.len() > control.0.digit_room() {
            return Err(ale_status::ALE_ERR_BUSY);
        }
        for event in digits.chars().filter_map(event_of_digit) {
            control.0.send_digit(event, duration_ms, volume)?;
        }
        Ok(())
    })
}

/// Ends the digit under way and forgets those that wait. Exclusive. Real-time.
///
/// Can return ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_stop_dtmf(control: *mut ale_leg_control) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { pointer::exclusive(control) }?;
        Ok(control.0.stop_digits()?)
    })
}

/// Gives the next thing that happened to the leg, oldest first. To be called until it returns
/// ALE_ERR_NOTHING, every second at the latest: without room, later ones are lost. Exclusive.
/// Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_next_event(
    control: *mut ale_leg_control,
    event: *mut ale_leg_event,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, out) = unsafe { (pointer::exclusive(control)?, pointer::exclusive(event)?) };
        *out = control.0.next_event().ok_or(ale_status::ALE_ERR_NOTHING)?.into();
        Ok(())
    })
}
