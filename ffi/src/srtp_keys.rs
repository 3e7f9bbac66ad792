// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys as the signalling has them: a=crypto lines (RFC 4568), and what DTLS exports (RFC 5764).

use alloc::vec::Vec;
use core::ffi::{CStr, c_char};

use ale_media::srtp::dtls::{self, Role};
use ale_media::srtp::sdes::{CryptoAttribute, SdesError};
use ale_media::srtp::{MAX_KEYS, MAX_MKI_BYTES, MAX_RTP_LIFETIME, MasterKey, Suite, wiping_stack};

use crate::panic::guard;
use crate::pointer::{self, Versioned};
#[cfg(feature = "key-log")]
use crate::srtp::ale_srtp;
#[cfg(feature = "key-log")]
use crate::srtp_control::{Half, half};
use crate::status::ale_status;

/// Most keys in one a=crypto line.
pub const ALE_SRTP_MAX_KEYS: usize = 8;
/// Most bytes of a master key identifier (MKI).
pub const ALE_SRTP_MAX_MKI_BYTES: usize = 128;
/// Most bytes of key and salt together.
pub const ALE_SRTP_MAX_KEY_BYTES: usize = 46;
const _: () = assert!(ALE_SRTP_MAX_KEYS == MAX_KEYS && ALE_SRTP_MAX_MKI_BYTES == MAX_MKI_BYTES);

/// The largest number of nine digits, which a tag has at most (RFC 4568 section 9.1).
const MAX_TAG: u32 = 999_999_999;

/// The suites' names for C, the registered ones first.
const SUITES: [(Suite, &CStr); 14] = [
    (Suite::AeadAes256Gcm, c"AEAD_AES_256_GCM"),
    (Suite::AeadAes128Gcm, c"AEAD_AES_128_GCM"),
    (Suite::AesCm256HmacSha1_80, c"AES_256_CM_HMAC_SHA1_80"),
    (Suite::AesCm192HmacSha1_80, c"AES_192_CM_HMAC_SHA1_80"),
    (Suite::AesCm128HmacSha1_80, c"AES_CM_128_HMAC_SHA1_80"),
    (Suite::AesCm256HmacSha1_32, c"AES_256_CM_HMAC_SHA1_32"),
    (Suite::AesCm192HmacSha1_32, c"AES_192_CM_HMAC_SHA1_32"),
    (Suite::AesCm128HmacSha1_32, c"AES_CM_128_HMAC_SHA1_32"),
    (Suite::NullHmacSha1_80, c"NULL_HMAC_SHA1_80"),
    (Suite::NullHmacSha1_32, c"NULL_HMAC_SHA1_32"),
    (Suite::AesCm256HmacSha1_80, c"AES_CM_256_HMAC_SHA1_80"),
    (Suite::AesCm256HmacSha1_32, c"AES_CM_256_HMAC_SHA1_32"),
    (Suite::AesCm192HmacSha1_80, c"AES_CM_192_HMAC_SHA1_80"),
    (Suite::AesCm192HmacSha1_32, c"AES_CM_192_HMAC_SHA1_32"),
];

/// The IANA name of a suite; lives as long as the program.
pub(crate) fn suite_name(suite: Suite) -> &'static CStr {
    SUITES.iter().find(|(known, _)| *known == suite).map_or(c"", |(_, name)| *name)
}

/// A name of a suite for C.
fn spelling(name: &str) -> &'static CStr {
    SUITES.iter().find(|(_, known)| known.to_bytes() == name.as_bytes()).map_or(c"", |(_, c)| *c)
}

/// One master key of an a=crypto line.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_srtp_key {
    /// Key and salt, one after the other.
    pub key: [u8; ALE_SRTP_MAX_KEY_BYTES],
    /// The master key identifier.
    pub mki: [u8; ALE_SRTP_MAX_MKI_BYTES],
    /// Bytes of key and salt: 28 to 46, as the suite has it.
    pub key_bytes: u32,
    /// Bytes of the identifier, 0 for none. Several keys need identifiers of one length.
    pub mki_bytes: u32,
    /// Packets that the key may protect, 0 for 2^48.
    pub lifetime_packets: u64,
}

/// An a=crypto line: a suite, keys and session parameters.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_srtp_crypto {
    /// Size of this struct, filled by ale_srtp_crypto_init.
    pub struct_size: u32,
    /// Number that ties an answer to one of the offer's lines. Default 1.
    pub tag: u32,
    /// The suite's IANA name, like "AEAD_AES_128_GCM", or a spelling that some peers use in its place,
    /// like "AES_CM_256_HMAC_SHA1_80" for "AES_256_CM_HMAC_SHA1_80". A parsed line's is the one that was
    /// read, and an answer's should be the offer's; it lives as long as the program.
    pub suite: *const c_char,
    /// How many keys. Default 0.
    pub key_count: u32,
    /// KDR: the key derivation rate as a power of two, 0 to 24; -1 for none, the default.
    pub key_derivation_rate_log2: i32,
    /// UNENCRYPTED_SRTP: 0 or 1.
    pub unencrypted_srtp: u32,
    /// UNENCRYPTED_SRTCP: 0 or 1.
    pub unencrypted_srtcp: u32,
    /// WSH: the window size hint, 0 for none.
    pub window_size_hint: u32,
    /// The keys; wipe them after use.
    pub keys: [ale_srtp_key; ALE_SRTP_MAX_KEYS],
}

const NO_KEY: ale_srtp_key = ale_srtp_key {
    key: [0; ALE_SRTP_MAX_KEY_BYTES],
    mki: [0; ALE_SRTP_MAX_MKI_BYTES],
    key_bytes: 0,
    mki_bytes: 0,
    lifetime_packets: 0,
};

impl Default for ale_srtp_crypto {
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            tag: 1,
            suite: core::ptr::null(),
            key_count: 0,
            key_derivation_rate_log2: -1,
            unencrypted_srtp: 0,
            unencrypted_srtcp: 0,
            window_size_hint: 0,
            keys: [NO_KEY; ALE_SRTP_MAX_KEYS],
        }
    }
}

// SAFETY: repr(C), only integers and pointers, the size first.
unsafe impl Versioned for ale_srtp_crypto {}

/// Fills an a=crypto line with the defaults. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_crypto_init(crypto: *mut ale_srtp_crypto) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init(crypto) })
}

/// The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_crypto_init_sized(
    crypto: *mut ale_srtp_crypto,
    struct_size: usize,
) -> ale_status {
    // SAFETY: the header's contract.
    guard(|| unsafe { pointer::init_sized(crypto, struct_size) })
}

/// Parses an a=crypto line, with or without "a=crypto:" (RFC 4568). Any thread. Not real-time.
///
/// Can return ALE_ERR_SRTP_CRYPTO_LINE, and ALE_ERR_UNSUPPORTED for unauthenticated SRTP and FEC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_crypto_parse(
    line: *const c_char,
    crypto: *mut ale_srtp_crypto,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (line, out) = unsafe { (pointer::text(line)?, pointer::exclusive(crypto)?) };
        let line = line.ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)?;
        let from = CryptoAttribute::parse(line).map_err(|error| match error {
            SdesError::Unsupported => ale_status::ALE_ERR_UNSUPPORTED,
            _ => ale_status::ALE_ERR_SRTP_CRYPTO_LINE,
        })?;
        if from.unauthenticated_srtp || from.fec_order.is_some() || !from.fec_keys.is_empty() {
            return Err(ale_status::ALE_ERR_UNSUPPORTED);
        }
        if from.keys.len() > ALE_SRTP_MAX_KEYS {
            return Err(ale_status::ALE_ERR_SRTP_KEY);
        }
        // The keys are written to where C wants them, and nowhere else.
        *out = ale_srtp_crypto {
            tag: from.tag,
            suite: spelling(from.suite_name).as_ptr(),
            key_count: from.keys.len() as u32,
            key_derivation_rate_log2: from.key_derivation_rate_log2.map_or(-1, i32::from),
            unencrypted_srtp: from.unencrypted_srtp.into(),
            unencrypted_srtcp: from.unencrypted_srtcp.into(),
            window_size_hint: from.window_size_hint.unwrap_or(0),
            ..ale_srtp_crypto::default()
        };
        for (to, key) in out.keys.iter_mut().zip(&from.keys) {
            let bytes = key.key().iter().chain(key.salt());
            to.key_bytes = (key.key().len() + key.salt().len()) as u32;
            to.key.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            to.mki_bytes = key.mki().len() as u32;
            to.mki.iter_mut().zip(key.mki()).for_each(|(to, from)| *to = *from);
            to.lifetime_packets = key.lifetime();
        }
        Ok(())
    })
}

/// Prints an a=crypto line, with "a=crypto:" and a zero byte at its end; as secret as its keys. Any
/// thread. Not real-time.
///
/// Can return ALE_ERR_CAPACITY, ALE_ERR_SRTP_KEY, and ALE_ERR_UNSUPPORTED for an unknown suite.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_crypto_print(
    crypto: *const ale_srtp_crypto,
    line: *mut c_char,
    capacity: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let out = unsafe { pointer::slice_mut(line, capacity) }?;
        // SAFETY: the header's contract.
        let attribute = wiping_stack(|| unsafe { attribute(crypto) })?;
        let line = attribute.line();
        // What a session would refuse is refused here too.
        CryptoAttribute::parse(&line)
            .map_err(|_| ale_status::ALE_ERR_INVALID_ARGUMENT)?
            .to_config()?;
        pointer::write_text(&line, out)
    })
}

/// Makes an a=crypto line (RFC 4568) of the host's random bytes, of which the suite's key and salt take
/// the first: 30 for AES_CM_128_HMAC_SHA1_80 (RFC 4568 section 6.2), 28 for AEAD_AES_128_GCM (RFC 7714
/// section 12), at most ALE_SRTP_MAX_KEY_BYTES. They have to be a random generator's that is fit for keys,
/// new for each line, and are wiped by the host afterwards. The line has "a=crypto:" in front and a zero
/// byte at its end, 128 bytes are enough, and it is as secret as its key. Any thread. Not real-time.
///
/// Can return ALE_ERR_UNSUPPORTED for an unknown suite, ALE_ERR_SRTP_KEY for too few bytes,
/// ALE_ERR_INVALID_ARGUMENT for a tag of more than nine digits, and ALE_ERR_CAPACITY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_crypto_generate(
    suite: *const c_char,
    tag: u32,
    random: *const u8,
    random_bytes: usize,
    line: *mut c_char,
    capacity: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (suite, random, out) = unsafe {
            (
                pointer::text(suite)?,
                pointer::slice(random, random_bytes)?,
                pointer::slice_mut(line, capacity)?,
            )
        };
        let suite = suite.ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)?;
        let (suite, name) = Suite::named(suite).ok_or(ale_status::ALE_ERR_UNSUPPORTED)?;
        if tag > MAX_TAG {
            return Err(ale_status::ALE_ERR_INVALID_ARGUMENT);
        }
        let key = random.get(..suite.key_bytes() + suite.salt_bytes());
        let key = key.ok_or(ale_status::ALE_ERR_SRTP_KEY)?;
        let mut attribute = wiping_stack(|| {
            let key = MasterKey::from_concatenated(suite, key)?;
            Ok::<_, ale_status>(CryptoAttribute::new(tag, suite, key))
        })?;
        attribute.suite_name = name;
        pointer::write_text(&attribute.line(), out)
    })
}

/// # Safety
/// `crypto` is NULL or what the header says.
pub(crate) unsafe fn attribute(
    crypto: *const ale_srtp_crypto,
) -> Result<CryptoAttribute, ale_status> {
    // SAFETY: the caller's.
    let from = unsafe { pointer::config(crypto) }?;
    // SAFETY: the caller's.
    let suite = unsafe { pointer::text(from.suite) }?;
    let suite = suite.ok_or(ale_status::ALE_ERR_INVALID_ARGUMENT)?;
    let (suite, name) = Suite::named(suite).ok_or(ale_status::ALE_ERR_UNSUPPORTED)?;
    let wrong = ale_status::ALE_ERR_SRTP_KEY;
    let keys = from.keys.get(..from.key_count as usize).ok_or(wrong)?;
    let keys: Result<Vec<_>, ale_status> = keys.iter().map(|key| master(suite, key)).collect();
    let mut to = CryptoAttribute::with_keys(from.tag, suite, keys?);
    if to.keys.is_empty() {
        return Err(wrong);
    }
    to.suite_name = name;
    to.key_derivation_rate_log2 = match from.key_derivation_rate_log2 {
        -1 => None,
        rate => Some(rate.try_into().map_err(|_| ale_status::ALE_ERR_INVALID_ARGUMENT)?),
    };
    to.unencrypted_srtp = from.unencrypted_srtp != 0;
    to.unencrypted_srtcp = from.unencrypted_srtcp != 0;
    to.window_size_hint = (from.window_size_hint != 0).then_some(from.window_size_hint);
    Ok(to)
}

fn master(suite: Suite, key: &ale_srtp_key) -> Result<MasterKey, ale_status> {
    let wrong = ale_status::ALE_ERR_SRTP_KEY;
    let bytes = key.key.get(..key.key_bytes as usize).ok_or(wrong)?;
    let mki = key.mki.get(..key.mki_bytes as usize).ok_or(wrong)?;
    let lifetime = match key.lifetime_packets {
        0 => MAX_RTP_LIFETIME,
        packets => packets,
    };
    Ok(MasterKey::from_concatenated(suite, bytes)?.with_mki(mki)?.with_lifetime(lifetime)?)
}

/// Prints the a=crypto line of a direction's keys (an ale_srtp_direction), for whoever looks at a
/// capture; in libraries that are built with the feature key-log, which is not for production. A new
/// one is due after each ale_srtp_rekey. Exclusive to the direction. Not real-time.
///
/// Can return ALE_ERR_CAPACITY.
#[cfg(feature = "key-log")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_key_log(
    srtp: *mut ale_srtp,
    direction: i32,
    line: *mut c_char,
    capacity: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (half, out) = unsafe { (half(srtp, direction)?, pointer::slice_mut(line, capacity)?) };
        pointer::write_text(
            &match half {
                Half::Sending(sender) => sender.key_log_line(),
                Half::Receiving(receiver) => receiver.key_log_line(),
            },
            out,
        )
    })
}

/// Bytes to export from DTLS, with the label "EXTRACTOR-dtls_srtp", for a protection profile's
/// number (RFC 5764 section 4.1.2, RFC 7714 section 14.2). Any thread. Real-time.
///
/// Can return ALE_ERR_UNSUPPORTED for an unknown profile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_dtls_bytes(profile: u32, length: *mut usize) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let out = unsafe { pointer::exclusive(length) }?;
        *out = dtls::exported_bytes(suite_of(profile)?);
        Ok(())
    })
}

/// Splits what DTLS exported into the lines that a session is made from (RFC 5764 section 4.2):
/// is_client is 1 on the side that sent the ClientHello ("a=setup:active"), and 0 on the other. 128
/// bytes are enough for a line. Any thread. Not real-time.
///
/// Can return ALE_ERR_UNSUPPORTED for an unknown profile, ALE_ERR_SRTP_KEY for another length, and
/// ALE_ERR_CAPACITY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_srtp_dtls_split(
    profile: u32,
    exported: *const u8,
    length: usize,
    is_client: i32,
    send_crypto: *mut c_char,
    send_capacity: usize,
    receive_crypto: *mut c_char,
    receive_capacity: usize,
) -> ale_status {
    guard(|| {
        let suite = suite_of(profile)?;
        let role = match is_client {
            0 => Role::Server,
            1 => Role::Client,
            _ => return Err(ale_status::ALE_ERR_INVALID_ARGUMENT),
        };
        // SAFETY: the header's contract.
        let (exported, send, receive) = unsafe {
            (
                pointer::slice(exported, length)?,
                pointer::slice_mut(send_crypto, send_capacity)?,
                pointer::slice_mut(receive_crypto, receive_capacity)?,
            )
        };
        let keys = dtls::split(suite, exported, role)?;
        let line = |key| CryptoAttribute::new(1, suite, key).line();
        let (ours, theirs) = (line(keys.send), line(keys.receive));
        // Both are measured before either is written.
        if send.len() <= ours.len() || receive.len() <= theirs.len() {
            return Err(ale_status::ALE_ERR_CAPACITY);
        }
        pointer::write_text(&ours, send)?;
        pointer::write_text(&theirs, receive)
    })
}

fn suite_of(profile: u32) -> Result<Suite, ale_status> {
    let profile = u16::try_from(profile).ok();
    profile.and_then(Suite::from_dtls_profile).ok_or(ale_status::ALE_ERR_UNSUPPORTED)
}
