// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers and structs of libsrtp 2's ABI, as its users were compiled with them.

use std::ffi::{c_int, c_uchar, c_uint, c_ulong, c_void};

pub(crate) type Status = c_int;
pub(crate) const OK: Status = 0;
pub(crate) const FAIL: Status = 1;
pub(crate) const BAD_PARAM: Status = 2;
pub(crate) const AUTH_FAIL: Status = 7;
pub(crate) const REPLAY_FAIL: Status = 9;
pub(crate) const REPLAY_OLD: Status = 10;
pub(crate) const NO_SUCH_OP: Status = 12;
pub(crate) const NO_CTX: Status = 13;
pub(crate) const CANT_CHECK: Status = 14;
pub(crate) const KEY_EXPIRED: Status = 15;
pub(crate) const PARSE_ERR: Status = 21;
pub(crate) const BAD_MKI: Status = 25;

pub(crate) const NULL_CIPHER: u32 = 0;
pub(crate) const AES_ICM_128: u32 = 1;
pub(crate) const AES_ICM_192: u32 = 4;
pub(crate) const AES_ICM_256: u32 = 5;
pub(crate) const AES_GCM_128: u32 = 6;
pub(crate) const AES_GCM_256: u32 = 7;
pub(crate) const NULL_AUTH: u32 = 0;
pub(crate) const HMAC_SHA1: u32 = 3;

pub(crate) const SERVICE_NONE: c_int = 0;
pub(crate) const SERVICE_CONFIDENTIALITY: c_int = 1;
pub(crate) const SERVICE_AUTHENTICATION: c_int = 2;
pub(crate) const SERVICE_BOTH: c_int = 3;

/// Longest key and salt: AES-256 and 14 bytes.
pub(crate) const MAX_KEY_BYTES: usize = 46;

/// srtp_event_t.
#[derive(Clone, Copy)]
pub(crate) enum EventKind {
    SsrcCollision = 0,
    KeyNearLimit = 1,
    KeyExhausted = 2,
    IndexExhausted = 3,
}

/// srtp_crypto_policy_t.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct srtp_crypto_policy_t {
    pub cipher_type: u32,
    pub cipher_key_len: c_int,
    pub auth_type: u32,
    pub auth_key_len: c_int,
    pub auth_tag_len: c_int,
    pub sec_serv: c_int,
}

impl srtp_crypto_policy_t {
    pub(crate) fn encrypts(&self) -> bool {
        self.sec_serv & SERVICE_CONFIDENTIALITY != 0
    }

    pub(crate) fn authenticates(&self) -> bool {
        self.auth_type == HMAC_SHA1 && self.sec_serv & SERVICE_AUTHENTICATION != 0
    }
}

/// srtp_ssrc_t.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct srtp_ssrc_t {
    pub kind: c_int,
    pub value: c_uint,
}

impl srtp_ssrc_t {
    pub(crate) fn direction(self) -> Result<Direction, Status> {
        match self.kind {
            1 => Ok(Direction::Specific(self.value)),
            2 => Ok(Direction::AnyInbound),
            3 => Ok(Direction::AnyOutbound),
            _ => Err(BAD_PARAM),
        }
    }
}

/// srtp_master_key_t.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct srtp_master_key_t {
    pub key: *const c_uchar,
    pub mki_id: *const c_uchar,
    pub mki_size: c_uint,
}

/// srtp_policy_t.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct srtp_policy_t {
    pub ssrc: srtp_ssrc_t,
    pub rtp: srtp_crypto_policy_t,
    pub rtcp: srtp_crypto_policy_t,
    pub key: *const c_uchar,
    pub keys: *const *const srtp_master_key_t,
    pub num_master_keys: c_ulong,
    pub deprecated_ekt: *const c_void,
    pub window_size: c_ulong,
    pub allow_repeat_tx: c_int,
    pub enc_xtn_hdr: *const c_int,
    pub enc_xtn_hdr_count: c_int,
    pub next: *const srtp_policy_t,
}

/// srtp_event_data_t.
#[repr(C)]
pub struct srtp_event_data_t {
    pub session: *mut c_void,
    pub ssrc: u32,
    pub event: c_int,
}

/// Which packets a stream is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Specific(u32),
    AnyInbound,
    AnyOutbound,
}

/// Key and salt, and the key's identifier.
type IdentifiedKey<'a> = (&'a [u8], &'a [u8]);

/// A policy whose pointers may be followed.
pub(crate) struct PolicyView<'a> {
    pub(crate) direction: Direction,
    pub(crate) rtp: srtp_crypto_policy_t,
    pub(crate) rtcp: srtp_crypto_policy_t,
    pub(crate) window_size: usize,
    /// allow_repeat_tx.
    pub(crate) repeats: bool,
    raw: &'a srtp_policy_t,
}

impl<'a> PolicyView<'a> {
    /// # Safety
    /// The policy's pointers are what libsrtp's header says.
    pub(crate) unsafe fn new(raw: &'a srtp_policy_t) -> Result<Self, Status> {
        // EKT was never finished, and libsrtp refuses it too.
        if !raw.deprecated_ekt.is_null() {
            return Err(BAD_PARAM);
        }
        Ok(Self {
            direction: raw.ssrc.direction()?,
            rtp: raw.rtp,
            rtcp: raw.rtcp,
            window_size: raw.window_size as usize,
            repeats: raw.allow_repeat_tx != 0,
            raw,
        })
    }

    /// Keys of `bytes` bytes, and their identifiers.
    pub(crate) fn keys(&self, bytes: usize) -> Result<Vec<IdentifiedKey<'a>>, Status> {
        if !self.raw.key.is_null() {
            // SAFETY: whoever made the view vouches for its pointers; a key is as long as its cipher
            // and salt.
            return Ok(vec![(unsafe { std::slice::from_raw_parts(self.raw.key, bytes) }, &[])]);
        }
        let count = self.raw.num_master_keys as usize;
        if self.raw.keys.is_null() || count == 0 || count > 16 {
            return Err(BAD_PARAM);
        }
        // SAFETY: as above; `num_master_keys` pointers.
        let list = unsafe { std::slice::from_raw_parts(self.raw.keys, count) };
        list.iter()
            .map(|&key| {
                // SAFETY: as above, or NULL.
                let key = unsafe { key.as_ref() }.filter(|key| !key.key.is_null());
                let key = key.ok_or(BAD_PARAM)?;
                let mki_bytes = if key.mki_id.is_null() { 0 } else { key.mki_size as usize };
                if mki_bytes > 128 {
                    return Err(BAD_PARAM);
                }
                let mki = match mki_bytes {
                    0 => &[][..],
                    // SAFETY: as above; `mki_size` bytes.
                    bytes => unsafe { std::slice::from_raw_parts(key.mki_id, bytes) },
                };
                // SAFETY: as above.
                Ok((unsafe { std::slice::from_raw_parts(key.key, bytes) }, mki))
            })
            .collect()
    }

    pub(crate) fn encrypted_extensions(&self) -> Result<Vec<u8>, Status> {
        let count = usize::try_from(self.raw.enc_xtn_hdr_count).map_err(|_| BAD_PARAM)?;
        if count == 0 || self.raw.enc_xtn_hdr.is_null() {
            return Ok(Vec::new());
        }
        if count > 255 {
            return Err(BAD_PARAM);
        }
        // SAFETY: whoever made the view vouches for its pointers.
        let list = unsafe { std::slice::from_raw_parts(self.raw.enc_xtn_hdr, count) };
        list.iter().map(|&id| u8::try_from(id).map_err(|_| BAD_PARAM)).collect()
    }
}
