// SPDX-License-Identifier: MIT OR Apache-2.0
//! Legs: whole RTP session endpoints.

use alloc::boxed::Box;
use core::ffi::c_char;
use core::net::SocketAddr;

use ale_media::leg::{Leg, LegControl, LegMedia, LegReceiver, Passed, Received};
use ale_media::session::demux::Protocol;

use crate::heap;
use crate::jitter::ale_pull_info;
use crate::leg_config::ale_leg_config;
use crate::memory::ale_memory;
use crate::panic::guard;
use crate::pointer::{self, Handle, handle};
use crate::srtp::session;
use crate::status::ale_status;

/// The half that datagrams go in by. Exclusive, usually to the network thread.
pub struct ale_leg_receiver {
    pub(crate) receiver: LegReceiver,
    /// What was last passed through.
    pub(crate) passed: Option<Passed>,
}

/// The half that PCM comes out of and goes in by. Exclusive, usually to the audio thread.
pub struct ale_leg_media(pub(crate) Box<LegMedia>);

/// The half for commands and statistics. Exclusive, to any thread.
pub struct ale_leg_control(pub(crate) LegControl);

/// What became of a datagram.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_received {
    /// RTP, now in the jitter buffer.
    ALE_RECEIVED_MEDIA = 0,
    /// RTP of a source that has not proved itself yet.
    ALE_RECEIVED_PROBATION = 1,
    /// RTCP, read.
    ALE_RECEIVED_REPORT = 2,
    /// RTCP with a BYE of the source listened to.
    ALE_RECEIVED_GOODBYE = 3,
    /// RTP that is handed on undecoded; ale_leg_passed says what.
    ALE_RECEIVED_PASS_THROUGH = 4,
    /// STUN, as of ICE: untouched, for the host. So are the next three.
    ALE_RECEIVED_STUN = 5,
    /// DTLS.
    ALE_RECEIVED_DTLS = 6,
    /// ZRTP.
    ALE_RECEIVED_ZRTP = 7,
    /// Data of a TURN channel.
    ALE_RECEIVED_TURN = 8,
    /// Kept until keys come.
    ALE_RECEIVED_KEPT = 9,
    /// RTP that is not played since the leg does not receive just now (direction).
    ALE_RECEIVED_NOT_WANTED = 10,
}

impl From<Received> for ale_received {
    fn from(outcome: Received) -> Self {
        match outcome {
            Received::Media => Self::ALE_RECEIVED_MEDIA,
            Received::Goodbye => Self::ALE_RECEIVED_GOODBYE,
            Received::Report => Self::ALE_RECEIVED_REPORT,
            Received::PassThrough(_) => Self::ALE_RECEIVED_PASS_THROUGH,
            Received::Other(Protocol::Stun) => Self::ALE_RECEIVED_STUN,
            Received::Other(Protocol::Dtls) => Self::ALE_RECEIVED_DTLS,
            Received::Other(Protocol::Zrtp) => Self::ALE_RECEIVED_ZRTP,
            Received::Other(_) => Self::ALE_RECEIVED_TURN,
            Received::Kept => Self::ALE_RECEIVED_KEPT,
            Received::NotWanted => Self::ALE_RECEIVED_NOT_WANTED,
            _ => Self::ALE_RECEIVED_PROBATION,
        }
    }
}

/// Makes a leg and gives its three halves, each to be destroyed by itself. Takes some 72 KiB of stack with
/// SRTP. Any thread. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_UNSUPPORTED for a codec that is not known,
/// ALE_ERR_NO_MEMORY, and ALE_ERR_SRTP_CRYPTO_LINE and the other keys' statuses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_create(
    config: *const ale_leg_config,
    receiver: *mut *mut ale_leg_receiver,
    media: *mut *mut ale_leg_media,
    control: *mut *mut ale_leg_control,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, receiver_out, media_out, control_out) = unsafe {
            (
                pointer::config(config)?,
                pointer::exclusive(receiver)?,
                pointer::exclusive(media)?,
                pointer::exclusive(control)?,
            )
        };
        // SAFETY: the header's contract.
        let (receiver, media, control) = heap::creating(|| unsafe { make(&config) })?;
        receiver.give(receiver_out);
        media.give(media_out);
        control.give(control_out);
        Ok(())
    })
}

type Halves = (Handle<ale_leg_receiver>, Handle<ale_leg_media>, Handle<ale_leg_control>);

/// # Safety
/// Pointers are NULL or what the header says.
unsafe fn make(config: &ale_leg_config) -> Result<Halves, ale_status> {
    // SAFETY: the caller's.
    let (receiver, media, control) = Leg::new(&unsafe { config.read() }?)?;
    Ok((
        handle(ale_leg_receiver { receiver, passed: None }),
        handle(ale_leg_media(Box::new(media))),
        handle(ale_leg_control(control)),
    ))
}

/// What a leg of this config would take of the allocator. It is made and thrown away for that, with
/// memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
///
/// Can return what ale_leg_create can.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_memory_required(
    config: *const ale_leg_config,
    memory: *mut ale_memory,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(memory)?) };
        // SAFETY: the header's contract.
        *out = heap::measure(|| unsafe { make(&config) })?;
        Ok(())
    })
}

/// Frees a half. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_receiver_destroy(receiver: *mut ale_leg_receiver) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(receiver) };
        Ok(())
    });
}

/// Frees a half; not one that has joined a conference. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_media_destroy(media: *mut ale_leg_media) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(media) };
        Ok(())
    });
}

/// Frees a half. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_control_destroy(control: *mut ale_leg_control) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(control) };
        Ok(())
    });
}

/// Takes a datagram, RTP or RTCP, and decrypts it in place. received may be NULL. Real-time.
///
/// Can return ALE_ERR_MALFORMED, ALE_ERR_UNKNOWN_PAYLOAD_TYPE, ALE_ERR_UNKNOWN_SSRC,
/// ALE_ERR_OWN_SSRC, ALE_ERR_OVERSIZED, ALE_ERR_NO_SLOT and the ALE_ERR_SRTP group; each is counted, and the leg goes
/// on. The datagram's bytes may have changed then too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_receive(
    receiver: *mut ale_leg_receiver,
    datagram: *mut u8,
    length: usize,
    arrival_ns: u64,
    received: *mut ale_received,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { receive(receiver, datagram, length, None, arrival_ns, received) })
}

/// # Safety
/// The header's contract for receiving.
pub(crate) unsafe fn receive(
    receiver: *mut ale_leg_receiver,
    datagram: *mut u8,
    length: usize,
    from: Option<SocketAddr>,
    arrival_ns: u64,
    received: *mut ale_received,
) -> Result<(), ale_status> {
    // SAFETY: the caller's.
    let (receiver, datagram) =
        unsafe { (pointer::exclusive(receiver)?, pointer::slice_mut(datagram, length)?) };
    let outcome = match from {
        Some(from) => receiver.receiver.receive_from(datagram, from, arrival_ns)?,
        None => receiver.receiver.receive(datagram, arrival_ns)?,
    };
    if let Received::PassThrough(passed) = outcome {
        receiver.passed = Some(passed);
    }
    // SAFETY: the caller's.
    if let Some(out) = unsafe { received.as_mut() } {
        *out = outcome.into();
    }
    Ok(())
}

/// Samples a second of the leg's PCM; 0 for NULL. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_sample_rate_hz(media: *const ale_leg_media) -> u32 {
    // SAFETY: the header's contract.
    unsafe { media.as_ref() }.map_or(0, |media| media.0.sample_rate_hz())
}

/// Writes what is to be heard from now_ns on: samples of PCM, a multiple of 10 ms. info may be
/// NULL. Takes some 25 KiB of stack with Opus. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_pull(
    media: *mut ale_leg_media,
    now_ns: u64,
    pcm: *mut i16,
    samples: usize,
    info: *mut ale_pull_info,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (media, pcm) =
            unsafe { (pointer::exclusive(media)?, pointer::slice_mut(pcm, samples)?) };
        let pulled = media.0.pull(now_ns, pcm)?;
        // SAFETY: the header's contract.
        if let Some(out) = unsafe { info.as_mut() } {
            *out = pulled.into();
        }
        Ok(())
    })
}

/// Takes PCM to be sent, a multiple of 10 ms; ale_leg_poll_transmit makes packets of it. Real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_push(
    media: *mut ale_leg_media,
    pcm: *const i16,
    samples: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (media, pcm) = unsafe { (pointer::exclusive(media)?, pointer::slice(pcm, samples)?) };
        Ok(media.0.push(pcm)?)
    })
}

/// Hands out the datagram that `make` makes.
///
/// # Safety
/// The pointers are what the header says.
unsafe fn datagram_by(
    media: *mut ale_leg_media,
    datagram: *mut *const u8,
    length: *mut usize,
    make: impl FnOnce(&mut LegMedia) -> Option<&[u8]>,
) -> Result<(), ale_status> {
    // SAFETY: the caller's.
    let (media, datagram, length) = unsafe {
        (pointer::exclusive(media)?, pointer::exclusive(datagram)?, pointer::exclusive(length)?)
    };
    let bytes = make(&mut media.0).ok_or(ale_status::ALE_ERR_NOTHING)?;
    (*datagram, *length) = (bytes.as_ptr(), bytes.len());
    Ok(())
}

/// Gives the next datagram to send, RTP or RTCP, valid until the half is used again. To be called
/// until it returns ALE_ERR_NOTHING. Takes some 45 KiB of stack with Opus.
/// Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_poll_transmit(
    media: *mut ale_leg_media,
    now_ns: u64,
    datagram: *mut *const u8,
    length: *mut usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { datagram_by(media, datagram, length, |media| media.poll_transmit(now_ns)) })
}

/// Gives a last RTCP datagram with a BYE, valid until the half is used again. Real-time.
///
/// Can return ALE_ERR_NOTHING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_goodbye(
    media: *mut ale_leg_media,
    now_ns: u64,
    datagram: *mut *const u8,
    length: *mut usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { datagram_by(media, datagram, length, |media| media.goodbye(now_ns)) })
}

/// Sends silence in place of what is pushed (muted not 0), or no longer (0). Real-time.
///
/// Can return ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_set_muted(
    control: *mut ale_leg_control,
    muted: i32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { pointer::exclusive(control) }?;
        Ok(control.0.set_muted(muted != 0)?)
    })
}

/// Replaces keys while the call goes on, each by an a=crypto line, which counts whole: suite, key and
/// session parameters; NULL leaves a direction as it is. Counters go on, both directions change or neither,
/// and the same line again changes nothing. Also gives the first keys to a leg without. Exclusive. Not
/// real-time.
///
/// Can return ALE_ERR_SRTP_CRYPTO_LINE, ALE_ERR_SRTP_NOT_PERMITTED and the other keys' statuses,
/// ALE_ERR_INVALID_ARGUMENT for one direction of a leg that has no keys for the other, and ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_rekey(
    control: *mut ale_leg_control,
    send_crypto: *const c_char,
    receive_crypto: *const c_char,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let control = unsafe { pointer::exclusive(control) }?;
        // SAFETY: the header's contract.
        let (send, receive) = unsafe { (session(send_crypto)?, session(receive_crypto)?) };
        Ok(control.0.rekey(send.as_ref(), receive.as_ref())?)
    })
}

/// Makes a living leg what a config says, as after a re-INVITE: codecs and payload types both ways, packet
/// time, direction, keys, sources, header extensions, telephone events, reports. Each half changes at its
/// next call; SRTP, statistics, sequence numbers, digits and the jitter buffer go on, and so do the keys
/// where both crypto lines are NULL. The sample rate stays that of the leg, whatever the codec. Exclusive.
/// Not real-time.
///
/// Can return what ale_leg_create can, ALE_ERR_FIXED for what only a new leg can have (another jitter
/// buffer, max_sources, sample_rate_hz), and ALE_ERR_BUSY; nothing has changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_update(
    control: *mut ale_leg_control,
    config: *const ale_leg_config,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, config) = unsafe { (pointer::exclusive(control)?, pointer::config(config)?) };
        // SAFETY: the header's contract.
        let config = unsafe { config.read() }?;
        Ok(control.0.update(&config)?)
    })
}

/// Makes a new leg of a living one, for what ale_leg_update can't change: sample_rate_hz, the jitter buffer.
/// The three handles stay, and are those of the new leg. Keys, counters, sequence numbers, addresses,
/// statistics of the transport, digits that wait and muting go on; codecs, jitter buffer and events begin
/// anew. Takes some 68 KiB of stack. Exclusive, with all three halves: no other thread may be using any,
/// and the media half is in no conference. Not real-time.
///
/// Can return what ale_leg_create can, ALE_ERR_INVALID_ARGUMENT for halves of different legs,
/// ALE_ERR_FIXED for another max_sources, and ALE_ERR_BUSY; nothing has changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_renew(
    receiver: *mut ale_leg_receiver,
    media: *mut ale_leg_media,
    control: *mut ale_leg_control,
    config: *const ale_leg_config,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let receiver = unsafe { pointer::exclusive(receiver) }?;
        // SAFETY: the header's contract.
        let (media, control) =
            unsafe { (pointer::exclusive(media)?, pointer::exclusive(control)?) };
        // SAFETY: the header's contract.
        let config = unsafe { pointer::config(config)?.read() }?;
        receiver.passed = None;
        Ok(Leg::renew(&config, &mut receiver.receiver, &mut media.0, &mut control.0)?)
    })
}
