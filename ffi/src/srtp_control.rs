// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a session is told, and tells, besides packets: keys, streams, events, counters.

use core::ffi::c_char;

use ale_media::srtp::{
    Event, FailureCause, PreparedKeys, Receiver, Sender, Stats, StreamState, Weakness,
};

use crate::panic::guard;
use crate::pointer;
use crate::srtp::{ale_srtp, receiver, sender, session};
use crate::srtp_keys::suite_name;
use crate::status::ale_status;

/// One of the two directions of a session.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_srtp_direction {
    /// What is protected.
    ALE_SRTP_SENDING = 0,
    /// What is unprotected.
    ALE_SRTP_RECEIVING = 1,
}

/// The half of a direction; C may hold any number.
pub(crate) enum Half<'a> {
    Sending(&'a mut Sender),
    Receiving(&'a mut Receiver),
}

/// # Safety
/// `srtp` is NULL or a session of which nobody else uses this half.
pub(crate) unsafe fn half<'a>(srtp: *mut ale_srtp, number: i32) -> Result<Half<'a>, ale_status> {
    use ale_srtp_direction::{ALE_SRTP_RECEIVING, ALE_SRTP_SENDING};
    // SAFETY: the caller's.
    unsafe {
        if number == ALE_SRTP_SENDING as i32 {
            Ok(Half::Sending(sender(srtp)?))
        } else if number == ALE_SRTP_RECEIVING as i32 {
            Ok(Half::Receiving(receiver(srtp)?))
        } else {
            Err(ale_status::ALE_ERR_INVALID_ARGUMENT)
        }
    }
}

/// What one direction of a session has done.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_srtp_counters {
    /// SRTP packets that went through.
    pub rtp_packets: u64,
    /// SRTCP packets that went through.
    pub rtcp_packets: u64,
    /// Refused: not RTP or RTCP, or truncated.
    pub malformed: u64,
    /// Refused: longer than any datagram.
    pub oversized: u64,
    /// Refused: no room for the trailer.
    pub capacity: u64,
    /// Refused: the authentication tag does not match.
    pub authentication_failed: u64,
    /// Refused: received before.
    pub replayed: u64,
    /// Refused: before the replay window.
    pub too_old: u64,
    /// Refused: an unknown master key identifier.
    pub unknown_mki: u64,
    /// Refused: an SSRC that the session is not for.
    pub unknown_ssrc: u64,
    /// Refused: one more stream than the session was made for.
    pub stream_limit: u64,
    /// Refused: sending it would use a key stream twice.
    pub index_reused: u64,
    /// Refused: the index, the key's lifetime or the checkpoint's reservation is used up.
    pub exhausted: u64,
    /// Refused: unencrypted where that is not permitted.
    pub not_permitted: u64,
    /// Refused: any other reason.
    pub other: u64,
    /// Packets that authenticated only under another rollover counter.
    pub rollover_corrected: u64,
    /// Packets that authenticated under the previous keys.
    pub under_previous_keys: u64,
    /// Events that found the queue full.
    pub events_lost: u64,
}

impl From<Stats> for ale_srtp_counters {
    fn from(stats: Stats) -> Self {
        Self {
            rtp_packets: stats.rtp_packets,
            rtcp_packets: stats.rtcp_packets,
            malformed: stats.malformed,
            oversized: stats.oversized,
            capacity: stats.capacity,
            authentication_failed: stats.authentication_failed,
            replayed: stats.replayed,
            too_old: stats.too_old,
            unknown_mki: stats.unknown_mki,
            unknown_ssrc: stats.unknown_ssrc,
            stream_limit: stats.stream_limit,
            index_reused: stats.index_reused,
            exhausted: stats.exhausted,
            not_permitted: stats.not_permitted,
            other: stats.other,
            rollover_corrected: stats.rollover_corrected,
            under_previous_keys: stats.under_previous_keys,
            events_lost: stats.events_lost,
        }
    }
}

/// Where a stream stands: to be carried over when a call is re-negotiated with the same keys, or
/// given to a late joiner.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_srtp_stream {
    /// The stream.
    pub ssrc: u32,
    /// The rollover counter: of the highest index so far, or of the first packet to come.
    pub roc: u32,
    /// Sequence number of the highest SRTP index so far, -1 before the first packet.
    pub highest_sequence: i32,
    /// Highest SRTCP index so far, -1 before the first packet.
    pub rtcp_index: i64,
}

/// What an event is about.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_srtp_event_kind {
    /// The suite is accepted for want of a better one: suite, weakness.
    ALE_SRTP_EVENT_WEAK_SUITE = 0,
    /// A master key nears its lifetime: key, packets_left.
    ALE_SRTP_EVENT_KEY_EXPIRING = 1,
    /// A run of packets failed authentication: ssrc, count, cause and what belongs to it.
    ALE_SRTP_EVENT_AUTHENTICATION_FAILING = 2,
    /// A packet authenticated under another rollover counter: ssrc, expected_roc, roc.
    ALE_SRTP_EVENT_ROLLOVER_CORRECTED = 3,
    /// The first packet under another key: key.
    ALE_SRTP_EVENT_KEY_SWITCHED = 4,
    /// Half of the last checkpoint's reservation is used up: ssrc.
    ALE_SRTP_EVENT_CHECKPOINT_DUE = 5,
    /// Of a kind that this header does not know.
    ALE_SRTP_EVENT_OTHER = 6,
}

/// Why packets fail authentication, most likely.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_srtp_cause {
    /// Nothing that was tried fits, or the event is of another kind.
    ALE_SRTP_CAUSE_NONE = 0,
    /// Another master key or salt than the sender's, or a forgery.
    ALE_SRTP_CAUSE_KEY = 1,
    /// Another rollover counter fits: roc.
    ALE_SRTP_CAUSE_ROLLOVER_COUNTER = 2,
    /// Another of the session's keys fits than the packet names: key.
    ALE_SRTP_CAUSE_MKI = 3,
    /// Another suite with the same key fits: suite.
    ALE_SRTP_CAUSE_SUITE = 4,
    /// Only this SSRC fails while others authenticate: ssrc.
    ALE_SRTP_CAUSE_SSRC = 5,
}

/// What is weak about a suite.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_srtp_weakness {
    /// Nothing, or the event is of another kind.
    ALE_SRTP_WEAKNESS_NONE = 0,
    /// Authentication rests on SHA-1.
    ALE_SRTP_WEAKNESS_SHA1 = 1,
    /// Authentication rests on SHA-1, and tags are 32 bits.
    ALE_SRTP_WEAKNESS_SHORT_TAG = 2,
    /// The text is readable.
    ALE_SRTP_WEAKNESS_NO_ENCRYPTION = 3,
}

/// Something that the host may want to act on. Members that don't belong to the kind are 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_srtp_event {
    /// An ale_srtp_event_kind.
    pub kind: i32,
    /// An ale_srtp_cause.
    pub cause: i32,
    /// An ale_srtp_weakness.
    pub weakness: i32,
    /// The stream.
    pub ssrc: u32,
    /// Failures in a row.
    pub count: u32,
    /// Position of the key in the session's line.
    pub key: u32,
    /// The rollover counter that fits.
    pub roc: u32,
    /// The rollover counter that was expected.
    pub expected_roc: u32,
    /// Packets left before the key's hard stop.
    pub packets_left: u64,
    /// The suite's IANA name, which lives as long as the program; or NULL.
    pub suite: *const c_char,
}

impl ale_srtp_event {
    fn new(kind: ale_srtp_event_kind) -> Self {
        Self {
            kind: kind as i32,
            cause: ale_srtp_cause::ALE_SRTP_CAUSE_NONE as i32,
            weakness: ale_srtp_weakness::ALE_SRTP_WEAKNESS_NONE as i32,
            ssrc: 0,
            count: 0,
            key: 0,
            roc: 0,
            expected_roc: 0,
            packets_left: 0,
            suite: core::ptr::null(),
        }
    }

    fn with_cause(mut self, likely: FailureCause) -> Self {
        use ale_srtp_cause::*;
        let cause = match likely {
            FailureCause::Key => ALE_SRTP_CAUSE_KEY,
            FailureCause::RolloverCounter { actual } => {
                self.roc = actual;
                ALE_SRTP_CAUSE_ROLLOVER_COUNTER
            }
            FailureCause::Mki { key } => {
                self.key = key as u32;
                ALE_SRTP_CAUSE_MKI
            }
            FailureCause::Suite { actual } => {
                self.suite = suite_name(actual).as_ptr();
                ALE_SRTP_CAUSE_SUITE
            }
            FailureCause::Ssrc => ALE_SRTP_CAUSE_SSRC,
            _ => ALE_SRTP_CAUSE_NONE,
        };
        Self { cause: cause as i32, ..self }
    }
}

impl From<Event> for ale_srtp_event {
    fn from(event: Event) -> Self {
        use ale_srtp_event_kind::*;
        use ale_srtp_weakness::*;
        let of = Self::new;
        match event {
            Event::WeakSuite { suite, weakness } => {
                let weakness = match weakness {
                    Weakness::Sha1 => ALE_SRTP_WEAKNESS_SHA1,
                    Weakness::ShortTag => ALE_SRTP_WEAKNESS_SHORT_TAG,
                    Weakness::NoEncryption => ALE_SRTP_WEAKNESS_NO_ENCRYPTION,
                    _ => ALE_SRTP_WEAKNESS_NONE,
                };
                let (weakness, suite) = (weakness as i32, suite_name(suite).as_ptr());
                Self { weakness, suite, ..of(ALE_SRTP_EVENT_WEAK_SUITE) }
            }
            Event::KeyExpiring { key, packets_left } => {
                Self { key: key as u32, packets_left, ..of(ALE_SRTP_EVENT_KEY_EXPIRING) }
            }
            Event::AuthenticationFailing { ssrc, count, likely } => {
                let event = of(ALE_SRTP_EVENT_AUTHENTICATION_FAILING).with_cause(likely);
                Self { ssrc, count, ..event }
            }
            Event::RolloverCorrected { ssrc, expected, actual } => Self {
                ssrc,
                expected_roc: expected,
                roc: actual,
                ..of(ALE_SRTP_EVENT_ROLLOVER_CORRECTED)
            },
            Event::KeySwitched { key } => {
                Self { key: key as u32, ..of(ALE_SRTP_EVENT_KEY_SWITCHED) }
            }
            Event::CheckpointDue { ssrc } => Self { ssrc, ..of(ALE_SRTP_EVENT_CHECKPOINT_DUE) },
            _ => of(ALE_SRTP_EVENT_OTHER),
        }
    }
}

/// Replaces keys while traffic flows; NULL leaves a direction as it is. The whole line counts at once:
/// suite, keys, identifiers (MKI) and session parameters; what goes out is readable only if this line
/// says UNENCRYPTED_SRTP. Policy, flags, SSRCs and header extensions stay those that the session was
/// made for. Rollover counters, indices and replay windows go on. Packets under the old keys are still
/// taken for some time, also where the new key has the same identifier; a peer that counts from 0
/// again under new keys is followed. The same line again changes nothing. What is refused changes
/// neither direction. Exclusive to both directions. Not real-time.
///
/// Can return ALE_ERR_SRTP_CRYPTO_LINE, ALE_ERR_SRTP_NOT_PERMITTED for a suite that the session's policy
/// excludes, ALE_ERR_SRTP_BACKEND, and ALE_ERR_INVALID_ARGUMENT for a direction that was made without
/// keys.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_rekey(
    srtp: *mut ale_srtp,
    send_crypto: *const c_char,
    receive_crypto: *const c_char,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let srtp = unsafe { pointer::exclusive(srtp) }?;
        // SAFETY: the header's contract.
        let (send, receive) = unsafe { (session(send_crypto)?, session(receive_crypto)?) };
        let missing = ale_status::ALE_ERR_INVALID_ARGUMENT;
        // Everything that could be refused is refused before either direction is changed.
        let send = send
            .map(|line| {
                let half = srtp.send.as_mut().ok_or(missing)?;
                let keys = PreparedKeys::new(&srtp.send_settings.rekeyed(&line))?;
                half.can_rekey(&keys)?;
                Ok::<_, ale_status>((half, keys))
            })
            .transpose()?;
        let receive = receive
            .map(|line| {
                let half = srtp.receive.as_mut().ok_or(missing)?;
                let keys = PreparedKeys::new(&srtp.receive_settings.rekeyed(&line))?;
                half.can_rekey(&keys)?;
                Ok::<_, ale_status>((half, keys))
            })
            .transpose()?;
        if let Some((half, keys)) = receive {
            drop(half.rekey(keys).map_err(|(error, _)| error)?);
        }
        if let Some((half, keys)) = send {
            drop(half.rekey(keys).map_err(|(error, _)| error)?);
        }
        Ok(())
    })
}

/// Ends the time in which packets under the keys before the last ale_srtp_rekey are taken.
/// Exclusive to the receiving direction. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_retire_previous_keys(srtp: *mut ale_srtp) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        drop(unsafe { receiver(srtp) }?.retire_previous_keys());
        Ok(())
    })
}

/// Sends under the key with this master key identifier (MKI) from now on. Exclusive to the sending
/// direction. Real-time.
///
/// Can return ALE_ERR_SRTP_UNKNOWN_MKI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_select_key(
    srtp: *mut ale_srtp,
    mki: *const u8,
    mki_bytes: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let mki = unsafe { pointer::slice(mki, mki_bytes) }?;
        // SAFETY: the header's contract.
        Ok(unsafe { sender(srtp) }?.select_key(mki)?)
    })
}

/// The streams of a direction (an ale_srtp_direction): writes as many as there is room for, and
/// their whole number to count. streams may be NULL with a capacity of 0. Exclusive to the
/// direction. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_streams(
    srtp: *mut ale_srtp,
    direction: i32,
    streams: *mut ale_srtp_stream,
    capacity: usize,
    count: *mut usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let half = unsafe { half(srtp, direction) }?;
        // SAFETY: the header's contract.
        let (out, count) =
            unsafe { (pointer::slice_mut(streams, capacity)?, pointer::exclusive(count)?) };
        *count = match half {
            Half::Sending(sender) => write_streams(sender.streams(), out),
            Half::Receiving(receiver) => write_streams(receiver.streams(), out),
        };
        Ok(())
    })
}

fn write_streams(
    streams: impl ExactSizeIterator<Item = StreamState>,
    out: &mut [ale_srtp_stream],
) -> usize {
    let count = streams.len();
    for (to, from) in out.iter_mut().zip(streams) {
        *to = ale_srtp_stream {
            ssrc: from.ssrc,
            roc: from.roc,
            highest_sequence: from.highest_sequence.map_or(-1, i32::from),
            rtcp_index: from.rtcp_index.map_or(-1, i64::from),
        };
    }
    count
}

/// Adds a stream to a direction, or moves it forward. Indices up to those given count as used or
/// received, and so do all that have been: a state is never set back. With a highest_sequence of -1, roc
/// is that of the next packet; the one that the stream has changes nothing, and neither does an
/// rtcp_index of -1. Exclusive to the direction. Real-time.
///
/// Can return ALE_ERR_SRTP_INDEX_REUSED (sending) or ALE_ERR_SRTP_TOO_OLD (receiving) where the stream is
/// further already, and ALE_ERR_SRTP_STREAM_LIMIT where every place is taken by SSRCs that were named.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_set_stream(
    srtp: *mut ale_srtp,
    direction: i32,
    stream: *const ale_srtp_stream,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (half, stream) = unsafe { (half(srtp, direction)?, pointer::shared(stream)?) };
        let invalid = |_| ale_status::ALE_ERR_INVALID_ARGUMENT;
        let mut state = StreamState::new(stream.ssrc, stream.roc);
        if stream.highest_sequence != -1 {
            state.highest_sequence = Some(stream.highest_sequence.try_into().map_err(invalid)?);
        }
        if stream.rtcp_index != -1 {
            state.rtcp_index = Some(stream.rtcp_index.try_into().map_err(invalid)?);
        }
        Ok(match half {
            Half::Sending(sender) => sender.set_stream(state),
            Half::Receiving(receiver) => receiver.set_stream(state),
        }?)
    })
}

/// Takes a stream out of the table. What has been sent or received of it is remembered: when its SSRC
/// comes back, it goes on where it was. Exclusive to the direction. Real-time.
///
/// Can return ALE_ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_remove_stream(
    srtp: *mut ale_srtp,
    direction: i32,
    ssrc: u32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let known = match unsafe { half(srtp, direction) }? {
            Half::Sending(sender) => sender.remove_stream(ssrc),
            Half::Receiving(receiver) => receiver.remove_stream(ssrc),
        };
        if known { Ok(()) } else { Err(ale_status::ALE_ERR_NOT_FOUND) }
    })
}

/// The oldest event of a direction (an ale_srtp_direction) that has not been polled yet. Exclusive
/// to the direction. Real-time.
///
/// Can return ALE_ERR_NOTHING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_poll_event(
    srtp: *mut ale_srtp,
    direction: i32,
    event: *mut ale_srtp_event,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (half, out) = unsafe { (half(srtp, direction)?, pointer::exclusive(event)?) };
        let event = match half {
            Half::Sending(sender) => sender.poll_event(),
            Half::Receiving(receiver) => receiver.poll_event(),
        };
        *out = event.ok_or(ale_status::ALE_ERR_NOTHING)?.into();
        Ok(())
    })
}

/// What an SRTP packet that was refused would authenticate with, given the keys of a line: other
/// suites, other rollover counters, other keys. Writes an event of kind
/// ALE_SRTP_EVENT_AUTHENTICATION_FAILING, whose cause is ALE_SRTP_CAUSE_NONE if nothing fits. Any
/// thread. Not real-time.
///
/// Can return ALE_ERR_SRTP_CRYPTO_LINE and ALE_ERR_MALFORMED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_diagnose(
    receive_crypto: *const c_char,
    packet: *const u8,
    length: usize,
    event: *mut ale_srtp_event,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let config = unsafe { session(receive_crypto) }?;
        let config = config.ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)?;
        // SAFETY: the header's contract.
        let (packet, out) =
            unsafe { (pointer::slice(packet, length)?, pointer::exclusive(event)?) };
        let found = Receiver::diagnose(&config, packet)?;
        let event = ale_srtp_event::new(ale_srtp_event_kind::ALE_SRTP_EVENT_AUTHENTICATION_FAILING);
        *out = found.map_or(event, |cause| event.with_cause(cause));
        Ok(())
    })
}

/// Reads the counters of both directions; either pointer may be NULL. Exclusive to the directions
/// asked for. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_stats(
    srtp: *mut ale_srtp,
    sent: *mut ale_srtp_counters,
    received: *mut ale_srtp_counters,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (sent, received) = unsafe { (sent.as_mut(), received.as_mut()) };
        if let Some(out) = sent {
            // SAFETY: the header's contract.
            *out = unsafe { sender(srtp) }?.stats().into();
        }
        if let Some(out) = received {
            // SAFETY: the header's contract.
            *out = unsafe { receiver(srtp) }?.stats().into();
        }
        Ok(())
    })
}
