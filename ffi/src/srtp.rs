// SPDX-License-Identifier: MIT OR Apache-2.0
//! SRTP sessions, for hosts that have their own RTP.

use std::ffi::c_char;

use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{PreparedKeys, Receiver, Sender, SessionConfig, Stats};

use crate::panic::guard;
use crate::pointer::{self, Versioned};
use crate::status::ale_status;

/// Most bytes that protecting adds to a packet.
pub const ALE_SRTP_MAX_TRAILER_BYTES: usize = 152;
const _: () = assert!(ALE_SRTP_MAX_TRAILER_BYTES == ale_media::srtp::MAX_TRAILER_BYTES);

/// An SRTP session: keys, rollover counters and replay windows of both directions. The protect
/// functions are exclusive to one thread and the unprotect functions to one thread, which may be
/// another.
pub struct ale_srtp {
    send: Option<Sender>,
    receive: Option<Receiver>,
}

/// What a session is made for. At least one direction has keys.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_srtp_config {
    /// Size of this struct, filled by ale_srtp_config_init.
    pub struct_size: u32,
    /// Replay window in packets: a power of two from 64 to 32768. Default 128.
    pub replay_window_packets: u32,
    /// Keys for what is sent, as an a=crypto line (RFC 4568), with or without "a=crypto:"; or NULL.
    pub send_crypto: *const c_char,
    /// Keys for what is received: the other side's line; or NULL.
    pub receive_crypto: *const c_char,
}

impl Default for ale_srtp_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            replay_window_packets: 128,
            send_crypto: std::ptr::null(),
            receive_crypto: std::ptr::null(),
        }
    }
}

// SAFETY: repr(C), only integers and pointers, the size first.
unsafe impl Versioned for ale_srtp_config {}

/// What one direction of a session has done.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_srtp_counters {
    /// SRTP packets that went through.
    pub rtp_packets: u64,
    /// SRTCP packets that went through.
    pub rtcp_packets: u64,
    /// Packets refused for their authentication tag.
    pub authentication_failed: u64,
    /// Packets refused as received before, or too old to tell.
    pub replayed: u64,
    /// Packets refused as not RTP or RTCP.
    pub malformed: u64,
    /// Packets refused for any other reason.
    pub refused: u64,
}

impl From<Stats> for ale_srtp_counters {
    fn from(stats: Stats) -> Self {
        Self {
            rtp_packets: stats.rtp_packets,
            rtcp_packets: stats.rtcp_packets,
            authentication_failed: stats.authentication_failed,
            replayed: stats.replayed + stats.too_old,
            malformed: stats.malformed,
            refused: stats.capacity
                + stats.unknown_mki
                + stats.unknown_ssrc
                + stats.stream_limit
                + stats.index_reused
                + stats.exhausted
                + stats.not_permitted
                + stats.other,
        }
    }
}

/// One packet of a batch.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_srtp_job {
    /// The session.
    pub srtp: *mut ale_srtp,
    /// The packet, changed in place.
    pub packet: *mut u8,
    /// Bytes of the packet before.
    pub length: usize,
    /// Bytes of memory at packet; for unprotecting, length is enough.
    pub capacity: usize,
    /// Written: bytes of the packet afterwards.
    pub result_length: usize,
    /// Written: what became of this packet.
    pub status: ale_status,
}

/// Keys as C gives them, an a=crypto line; `None` for NULL.
///
/// # Safety
/// `line` is NULL or a string.
pub(crate) unsafe fn session(line: *const c_char) -> Result<Option<SessionConfig>, ale_status> {
    // SAFETY: the caller's.
    let Some(line) = (unsafe { pointer::text(line) })? else { return Ok(None) };
    let attribute =
        CryptoAttribute::parse(line).map_err(|_| ale_status::ALE_ERR_SRTP_CRYPTO_LINE)?;
    Ok(Some(attribute.to_config()?))
}

/// Fills a config with the defaults. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_config_init(config: *mut ale_srtp_config) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(config) })
}

/// Makes a session. Any thread. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_SRTP_CRYPTO_LINE, ALE_ERR_SRTP_KEY and
/// ALE_ERR_SRTP_NOT_PERMITTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_create(
    config: *const ale_srtp_config,
    srtp: *mut *mut ale_srtp,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(srtp)?) };
        // SAFETY: the header's contract.
        let (send, receive) =
            unsafe { (session(config.send_crypto)?, session(config.receive_crypto)?) };
        if send.is_none() && receive.is_none() {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        let send = send.map(|config| Sender::new(&config)).transpose()?;
        let receive = match receive {
            Some(mut session) => {
                session.replay_window = config.replay_window_packets as usize;
                Some(Receiver::new(&session)?)
            }
            None => None,
        };
        pointer::give(out, ale_srtp { send, receive });
        Ok(())
    })
}

/// Wipes the keys and frees a session. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_destroy(srtp: *mut ale_srtp) {
    guard(|| {
        // SAFETY: the header's contract.
        drop(unsafe { pointer::take(srtp) });
        Ok(())
    });
}

/// The sending half, apart from the other, which another thread may be using.
///
/// # Safety
/// `srtp` is NULL or a session whose sending half nobody else uses.
unsafe fn sender<'a>(srtp: *mut ale_srtp) -> Result<&'a mut Sender, ale_status> {
    if srtp.is_null() {
        return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
    }
    // SAFETY: not NULL; only the one field is borrowed.
    let half = unsafe { &mut (*srtp).send };
    half.as_mut().ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)
}

/// The receiving half, apart from the other.
///
/// # Safety
/// As [`sender`].
unsafe fn receiver<'a>(srtp: *mut ale_srtp) -> Result<&'a mut Receiver, ale_status> {
    if srtp.is_null() {
        return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
    }
    // SAFETY: not NULL; only the one field is borrowed.
    let half = unsafe { &mut (*srtp).receive };
    half.as_mut().ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)
}

/// Which of the four ways through a session.
#[derive(Clone, Copy)]
enum Way {
    Protect,
    ProtectRtcp,
    Unprotect,
    UnprotectRtcp,
}

/// # Safety
/// The header's contract for the function of this way.
unsafe fn run(
    way: Way,
    srtp: *mut ale_srtp,
    packet: *mut u8,
    length: usize,
    capacity: usize,
) -> Result<usize, ale_status> {
    if length > capacity {
        return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
    }
    // SAFETY: the caller's.
    let buffer = unsafe { pointer::slice_mut(packet, capacity) }?;
    // SAFETY: the caller's.
    Ok(unsafe {
        match way {
            Way::Protect => sender(srtp)?.protect(buffer, length)?,
            Way::ProtectRtcp => sender(srtp)?.protect_rtcp(buffer, length)?,
            Way::Unprotect => receiver(srtp)?.unprotect(buffer)?,
            Way::UnprotectRtcp => receiver(srtp)?.unprotect_rtcp(buffer)?,
        }
    })
}

/// # Safety
/// As [`run`]; `result` is NULL or writable.
unsafe fn run_one(
    way: Way,
    srtp: *mut ale_srtp,
    packet: *mut u8,
    length: usize,
    capacity: usize,
    result: *mut usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the caller's.
        let out = unsafe { pointer::exclusive(result) }?;
        // SAFETY: the caller's.
        *out = unsafe { run(way, srtp, packet, length, capacity) }?;
        Ok(())
    })
}

/// Protects the RTP packet of length bytes in place; capacity bytes must have room for what is
/// added (ALE_SRTP_MAX_TRAILER_BYTES at most). Real-time.
///
/// Can return ALE_ERR_CAPACITY, ALE_ERR_MALFORMED, ALE_ERR_UNKNOWN_SSRC and the ALE_ERR_SRTP group.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_protect(
    srtp: *mut ale_srtp,
    packet: *mut u8,
    length: usize,
    capacity: usize,
    result_length: *mut usize,
) -> ale_status {
    // SAFETY: the header's contract.
    unsafe { run_one(Way::Protect, srtp, packet, length, capacity, result_length) }
}

/// Checks and decrypts the SRTP packet of length bytes in place. A packet that is refused is left
/// as it was. Real-time.
///
/// Can return ALE_ERR_MALFORMED, ALE_ERR_UNKNOWN_SSRC and the ALE_ERR_SRTP group.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_unprotect(
    srtp: *mut ale_srtp,
    packet: *mut u8,
    length: usize,
    result_length: *mut usize,
) -> ale_status {
    // SAFETY: the header's contract.
    unsafe { run_one(Way::Unprotect, srtp, packet, length, length, result_length) }
}

/// As ale_srtp_protect, for a compound RTCP packet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_protect_rtcp(
    srtp: *mut ale_srtp,
    packet: *mut u8,
    length: usize,
    capacity: usize,
    result_length: *mut usize,
) -> ale_status {
    // SAFETY: the header's contract.
    unsafe { run_one(Way::ProtectRtcp, srtp, packet, length, capacity, result_length) }
}

/// As ale_srtp_unprotect, for a compound RTCP packet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_unprotect_rtcp(
    srtp: *mut ale_srtp,
    packet: *mut u8,
    length: usize,
    result_length: *mut usize,
) -> ale_status {
    // SAFETY: the header's contract.
    unsafe { run_one(Way::UnprotectRtcp, srtp, packet, length, length, result_length) }
}

/// # Safety
/// The header's contract for a batch.
unsafe fn batch(way: Way, jobs: *mut ale_srtp_job, count: usize) -> ale_status {
    guard(|| {
        // SAFETY: the caller's.
        for job in unsafe { pointer::slice_mut(jobs, count) }? {
            let capacity = match way {
                Way::Protect | Way::ProtectRtcp => job.capacity,
                Way::Unprotect | Way::UnprotectRtcp => job.length,
            };
            // SAFETY: the caller's.
            job.status = match unsafe { run(way, job.srtp, job.packet, job.length, capacity) } {
                Ok(length) => {
                    job.result_length = length;
                    ale_status::ALE_OK
                }
                Err(status) => status,
            };
        }
        Ok(())
    })
}

/// Protects RTP packets of any number of sessions. Each job has a status of its own, and one that
/// is refused does not disturb the others. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_protect_batch(
    jobs: *mut ale_srtp_job,
    count: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    unsafe { batch(Way::Protect, jobs, count) }
}

/// Checks and decrypts SRTP packets of any number of sessions, each with a status of its own.
/// Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_unprotect_batch(
    jobs: *mut ale_srtp_job,
    count: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    unsafe { batch(Way::Unprotect, jobs, count) }
}

/// Replaces keys while traffic flows; NULL leaves a direction as it is. Packets under the old keys
/// are still taken for some time. The suite must stay. Exclusive to both directions. Not
/// real-time.
///
/// Can return ALE_ERR_SRTP_CRYPTO_LINE, and ALE_ERR_INVALID_ARGUMENT for another suite or a
/// direction that was made without keys.
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
        let invalid = ale_status::ALE_ERR_INVALID_ARGUMENT;
        let fits = |new: &Option<SessionConfig>, suite| {
            new.as_ref().is_none_or(|new| suite == Some(new.suite))
        };
        if !fits(&send, srtp.send.as_ref().map(Sender::suite))
            || !fits(&receive, srtp.receive.as_ref().map(Receiver::suite))
        {
            return Err(invalid);
        }
        // Both are prepared before either is replaced, so that a refusal changes nothing.
        let prepare = |config: Option<SessionConfig>| {
            config.map(|config| PreparedKeys::new(&config)).transpose()
        };
        let (send, receive) = (prepare(send)?, prepare(receive)?);
        if let (Some(session), Some(keys)) = (&mut srtp.send, send) {
            drop(session.rekey(keys).map_err(|(error, _)| error)?);
        }
        if let (Some(session), Some(keys)) = (&mut srtp.receive, receive) {
            drop(session.rekey(keys).map_err(|(error, _)| error)?);
        }
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
