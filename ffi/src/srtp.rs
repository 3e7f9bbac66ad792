// SPDX-License-Identifier: MIT OR Apache-2.0
//! SRTP sessions, for hosts that have their own RTP.

use core::ffi::c_char;

use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{Engine, Policy, Receiver, Sender, SessionConfig, SsrcPolicy, Suite};

use crate::heap;
use crate::memory::ale_memory;
use crate::panic::guard;
use crate::pointer::{self, Handle, Versioned, handle};
use crate::srtp_backend::ale_srtp_backend;
use crate::status::ale_status;

/// Most bytes that protecting adds to a packet.
pub const ALE_SRTP_MAX_TRAILER_BYTES: usize = 152;
const _: () = assert!(ALE_SRTP_MAX_TRAILER_BYTES == ale_media::srtp::MAX_TRAILER_BYTES);

/// An SRTP session: keys, rollover counters and replay windows of both directions. The protect
/// functions are exclusive to one thread and the unprotect functions to one thread, which may be
/// another.
pub struct ale_srtp {
    pub(crate) send: Option<Sender>,
    pub(crate) receive: Option<Receiver>,
    /// What each direction was made for, without its keys: for those that come later.
    pub(crate) send_settings: SessionConfig,
    pub(crate) receive_settings: SessionConfig,
}

/// Which suites are acceptable. The NULL suites are in none: they need ALE_SRTP_ALLOW_NULL_CIPHER.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ale_srtp_policy {
    /// AEAD_AES_256_GCM and AEAD_AES_128_GCM only.
    ALE_SRTP_STRICT = 0,
    /// Adds AES_CM with 80-bit HMAC-SHA1 tags, which much equipment has nothing better than.
    ALE_SRTP_INTEROP = 1,
    /// Adds 32-bit tags, of which one in 2^32 forgeries succeeds.
    ALE_SRTP_LEGACY = 2,
}

/// Flag: the NULL suites, which authenticate but leave the text readable, are acceptable.
pub const ALE_SRTP_ALLOW_NULL_CIPHER: u32 = 1;
/// Flag: header extensions and contributing sources are encrypted whole (RFC 9335).
pub const ALE_SRTP_CRYPTEX: u32 = 2;

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
    /// An ale_srtp_policy. Default ALE_SRTP_INTEROP.
    pub policy: i32,
    /// ALE_SRTP_ALLOW_NULL_CIPHER and ALE_SRTP_CRYPTEX, ORed. Default 0.
    pub flags: u32,
    /// Streams (SSRCs) that each direction knows at a time, 1 to 16384. Where one more comes, the one
    /// that has been idle longest makes room; what it takes to tell a replay is remembered. Default 4.
    pub max_streams: u32,
    /// Rollover counter of a stream's first packet, for a late join. Default 0.
    pub initial_roc: u32,
    /// How many further rollover counters are tried when authentication fails, 0 to 4. A flood of
    /// forgeries costs a quarter more by it, and no more. Default 4: a gap of 200,000 packets, or a
    /// late join in the fifth rollover, is followed.
    pub roc_retry: u32,
    /// Packets under new keys with which the previous ones cease to count. Default 256.
    pub rekey_overlap_packets: u32,
    /// The SSRCs that are accepted and sent, besides those that ale_srtp_set_stream adds; NULL, the
    /// default, for any.
    pub ssrcs: *const u32,
    /// How many SSRCs.
    pub ssrc_count: usize,
    /// Header extension elements to encrypt, by identifier 1 to 255 (RFC 6904); or NULL.
    pub encrypted_extensions: *const u8,
    /// How many identifiers.
    pub encrypted_extension_count: usize,
    /// Cryptography from outside; NULL, the default, for the best that this machine has. It can't be
    /// combined with a key derivation rate.
    pub backend: *const ale_srtp_backend,
}

impl Default for ale_srtp_config {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            replay_window_packets: 128,
            send_crypto: core::ptr::null(),
            receive_crypto: core::ptr::null(),
            policy: ale_srtp_policy::ALE_SRTP_INTEROP as i32,
            flags: 0,
            max_streams: 4,
            initial_roc: 0,
            roc_retry: 4,
            rekey_overlap_packets: 256,
            ssrcs: core::ptr::null(),
            ssrc_count: 0,
            encrypted_extensions: core::ptr::null(),
            encrypted_extension_count: 0,
            backend: core::ptr::null(),
        }
    }
}

// SAFETY: repr(C), only integers and pointers, the size first.
unsafe impl Versioned for ale_srtp_config {}

/// The policy that a number stands for.
pub(crate) fn policy(number: i32) -> Result<Policy, ale_status> {
    use ale_srtp_policy::{ALE_SRTP_INTEROP, ALE_SRTP_LEGACY, ALE_SRTP_STRICT};
    [
        (ALE_SRTP_STRICT, Policy::Strict),
        (ALE_SRTP_INTEROP, Policy::Interop),
        (ALE_SRTP_LEGACY, Policy::Legacy),
    ]
    .into_iter()
    .find_map(|(known, policy)| (known as i32 == number).then_some(policy))
    .ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)
}

/// Flags, if all are known.
pub(crate) fn flags(flags: u32) -> Result<u32, ale_status> {
    let known = ALE_SRTP_ALLOW_NULL_CIPHER | ALE_SRTP_CRYPTEX;
    if flags & !known == 0 { Ok(flags) } else { Err(ale_status::ALE_ERR_INVALID_ARGUMENT) }
}

/// What a session is made with besides keys.
///
/// # Safety
/// The pointers in `config` are as the header says.
pub(crate) unsafe fn settings(config: &ale_srtp_config) -> Result<SessionConfig, ale_status> {
    let invalid = ale_status::ALE_ERR_INVALID_ARGUMENT;
    let (policy, flags) = (policy(config.policy)?, flags(config.flags)?);
    // SAFETY: the caller's.
    let (ssrcs, encrypted_extensions) = unsafe {
        (
            pointer::slice(config.ssrcs, config.ssrc_count)?,
            pointer::slice(config.encrypted_extensions, config.encrypted_extension_count)?,
        )
    };
    if encrypted_extensions.len() > 255 {
        return Err(invalid);
    }
    let mut settings = SessionConfig::without_key(Suite::AeadAes128Gcm);
    // SAFETY: the caller's.
    unsafe { limits(config, &mut settings) }?;
    settings.max_streams = config.max_streams as usize;
    settings.policy = policy;
    settings.allow_null_cipher = flags & ALE_SRTP_ALLOW_NULL_CIPHER != 0;
    settings.cryptex = flags & ALE_SRTP_CRYPTEX != 0;
    settings.initial_roc = config.initial_roc;
    if !config.ssrcs.is_null() {
        settings.ssrcs = SsrcPolicy::Only(ssrcs.to_vec());
    }
    settings.encrypted_extensions = encrypted_extensions.to_vec();
    Ok(settings)
}

/// The part of [`settings`] that a checkpoint does not hold.
///
/// # Safety
/// As [`settings`].
pub(crate) unsafe fn limits(
    config: &ale_srtp_config,
    session: &mut SessionConfig,
) -> Result<(), ale_status> {
    let invalid = ale_status::ALE_ERR_INVALID_ARGUMENT;
    session.replay_window = config.replay_window_packets as usize;
    session.max_streams = session.max_streams.max(config.max_streams as usize);
    session.roc_retry = config.roc_retry.try_into().map_err(|_| invalid)?;
    session.rekey_overlap_packets = config.rekey_overlap_packets;
    // SAFETY: the caller's.
    session.engine = match unsafe { config.backend.as_ref() } {
        None => Engine::Best,
        Some(backend) => Engine::External(backend.backend()),
    };
    Ok(())
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

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_config_init_sized(
    config: *mut ale_srtp_config,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(config, struct_size) })
}

/// Makes a session. Takes some 18 KiB of stack. Any thread. Not real-time.
///
/// Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_SRTP_CRYPTO_LINE, ALE_ERR_SRTP_KEY,
/// ALE_ERR_SRTP_NOT_PERMITTED, ALE_ERR_SRTP_BACKEND and ALE_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_create(
    config: *const ale_srtp_config,
    srtp: *mut *mut ale_srtp,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (config, out) = unsafe { (pointer::config(config)?, pointer::exclusive(srtp)?) };
        // SAFETY: the header's contract.
        heap::creating(|| unsafe { make(&config) })?.give(out);
        Ok(())
    })
}

/// # Safety
/// Pointers are NULL or what the header says.
unsafe fn make(config: &ale_srtp_config) -> Result<Handle<ale_srtp>, ale_status> {
    // SAFETY: the caller's.
    let (send, receive) =
        unsafe { (session(config.send_crypto)?, session(config.receive_crypto)?) };
    if send.is_none() && receive.is_none() {
        return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
    }
    // SAFETY: the caller's.
    let settings = unsafe { settings(config) }?;
    let complete = |session: Option<SessionConfig>| session.map(|line| settings.rekeyed(&line));
    let send = complete(send).map(|config| Sender::new(&config)).transpose()?;
    let receive = complete(receive).map(|config| Receiver::new(&config)).transpose()?;
    let send_settings = settings.clone();
    Ok(handle(ale_srtp { send, receive, send_settings, receive_settings: settings }))
}

/// What a session of this config would take of the allocator. It is made and thrown away for that, with
/// memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
///
/// Can return what ale_srtp_create can.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_memory_required(
    config: *const ale_srtp_config,
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

/// Wipes the keys and frees a session. Any thread. Not real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_destroy(srtp: *mut ale_srtp) {
    guard(|| {
        // SAFETY: the header's contract.
        unsafe { pointer::destroy(srtp) };
        Ok(())
    });
}

/// The sending half, apart from the other, which another thread may be using.
///
/// # Safety
/// `srtp` is NULL or a session whose sending half nobody else uses.
pub(crate) unsafe fn sender<'a>(srtp: *mut ale_srtp) -> Result<&'a mut Sender, ale_status> {
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
pub(crate) unsafe fn receiver<'a>(srtp: *mut ale_srtp) -> Result<&'a mut Receiver, ale_status> {
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

/// As ale_srtp_protect, for a compound RTCP packet. Real-time.
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

/// As ale_srtp_unprotect, for a compound RTCP packet. Real-time.
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
