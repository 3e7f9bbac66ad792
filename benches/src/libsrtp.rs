// SPDX-License-Identifier: MIT OR Apache-2.0
//! libsrtp, loaded at run time, so that several builds of it can be measured in one process: the
//! system's, and with `ALE_LIBSRTP_OPENSSL` the path of one built with OpenSSL.
#![allow(unsafe_code)] // calls a C library

use std::ffi::{c_int, c_uint, c_ulong, c_void};
use std::sync::{Arc, OnceLock};

use ale_media::srtp::Suite;

use crate::dynamic::Loaded;

/// `srtp_crypto_policy_t`.
#[repr(C)]
#[derive(Clone, Copy)]
struct CryptoPolicy {
    cipher_type: c_uint,
    cipher_key_len: c_int,
    auth_type: c_uint,
    auth_key_len: c_int,
    auth_tag_len: c_int,
    sec_serv: c_uint,
}

/// `srtp_policy_t`.
#[repr(C)]
struct Policy {
    ssrc_type: c_uint,
    ssrc: c_uint,
    rtp: CryptoPolicy,
    rtcp: CryptoPolicy,
    key: *mut u8,
    keys: *mut c_void,
    num_master_keys: c_ulong,
    deprecated_ekt: *mut c_void,
    window_size: c_ulong,
    allow_repeat_tx: c_int,
    enc_xtn_hdr: *mut c_int,
    enc_xtn_hdr_count: c_int,
    next: *mut c_void,
}

type Crypt = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int) -> c_int;

/// One build of libsrtp.
pub struct Library {
    create: unsafe extern "C" fn(*mut *mut c_void, *const Policy) -> c_int,
    update: unsafe extern "C" fn(*mut c_void, *const Policy) -> c_int,
    dealloc: unsafe extern "C" fn(*mut c_void) -> c_int,
    protect: Crypt,
    unprotect: Crypt,
    protect_rtcp: Crypt,
    unprotect_rtcp: Crypt,
}

impl Library {
    /// Loads the library at `path`, or `None` if it is not there.
    pub fn load(path: &str) -> Option<Arc<Self>> {
        let library = Loaded::open(path)?;
        let symbol = |name: &str| library.symbol(name);
        // SAFETY: these are the signatures in libsrtp 2's header; a null pointer has been excluded.
        unsafe {
            use std::mem::transmute;
            type Init = unsafe extern "C" fn() -> c_int;
            let init = transmute::<*mut c_void, Init>(symbol("srtp_init")?);
            if init() != 0 {
                return None;
            }
            Some(Arc::new(Self {
                create: transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut *mut c_void, *const Policy) -> c_int,
                >(symbol("srtp_create")?),
                update: transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut c_void, *const Policy) -> c_int,
                >(symbol("srtp_update")?),
                dealloc: transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void) -> c_int>(
                    symbol("srtp_dealloc")?,
                ),
                protect: transmute::<*mut c_void, Crypt>(symbol("srtp_protect")?),
                unprotect: transmute::<*mut c_void, Crypt>(symbol("srtp_unprotect")?),
                protect_rtcp: transmute::<*mut c_void, Crypt>(symbol("srtp_protect_rtcp")?),
                unprotect_rtcp: transmute::<*mut c_void, Crypt>(symbol("srtp_unprotect_rtcp")?),
            }))
        }
    }

    /// Debian's library. A library can be initialized once, so the first call loads it.
    pub fn system() -> Option<Arc<Self>> {
        static LIBRARY: OnceLock<Option<Arc<Library>>> = OnceLock::new();
        // By path: the name alone would find another build that has been loaded already.
        let load = || {
            ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"]
                .iter()
                .find_map(|folder| Self::load(&format!("{folder}/libsrtp2.so.1")))
        };
        LIBRARY.get_or_init(load).clone()
    }

    /// The build that `ALE_LIBSRTP_OPENSSL` names.
    pub fn with_openssl() -> Option<Arc<Self>> {
        static LIBRARY: OnceLock<Option<Arc<Library>>> = OnceLock::new();
        let load = || Self::load(&std::env::var("ALE_LIBSRTP_OPENSSL").ok()?);
        LIBRARY.get_or_init(load).clone()
    }
}

// SAFETY: the functions are those of a C library without state of its own after initialization;
// sessions, which have state, are not shared.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

/// One direction of a session.
pub struct Session {
    library: Arc<Library>,
    context: *mut c_void,
}

/// libsrtp's error codes that matter here.
pub mod status {
    /// `srtp_err_status_auth_fail`
    pub const AUTH_FAIL: i32 = 7;
    /// `srtp_err_status_replay_fail`
    pub const REPLAY_FAIL: i32 = 9;
    /// `srtp_err_status_replay_old`
    pub const REPLAY_OLD: i32 = 10;
}

impl Session {
    /// A session for any SSRC, with a replay window of `window` bits; `None` for suites that
    /// libsrtp lacks.
    pub fn new(
        library: &Arc<Library>,
        suite: Suite,
        key: &[u8],
        inbound: bool,
        window: usize,
    ) -> Option<Self> {
        let mut key = key.to_vec();
        let policy = policy(suite, &mut key, inbound, window)?;
        let mut context = std::ptr::null_mut();
        // SAFETY: the policy and its key outlive the call, which copies them.
        let status = unsafe { (library.create)(&mut context, &policy) };
        (status == 0).then(|| Self { library: library.clone(), context })
    }

    /// Other keys for the same session, indices going on.
    pub fn update(&mut self, suite: Suite, key: &[u8], inbound: bool, window: usize) -> bool {
        let mut key = key.to_vec();
        let Some(policy) = policy(suite, &mut key, inbound, window) else { return false };
        // SAFETY: as in `new`.
        unsafe { (self.library.update)(self.context, &policy) == 0 }
    }

    /// Protects `buffer[..len]`; there must be room for libsrtp's 144 bytes of trailer only as far
    /// as the suite needs them.
    #[inline]
    pub fn protect(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, i32> {
        assert!(len + 24 <= buffer.len());
        self.run(self.library.protect, buffer, len)
    }

    /// Unprotects `buffer[..len]`.
    #[inline]
    pub fn unprotect(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, i32> {
        self.run(self.library.unprotect, buffer, len)
    }

    /// Protects a compound RTCP packet.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, i32> {
        assert!(len + 24 <= buffer.len());
        self.run(self.library.protect_rtcp, buffer, len)
    }

    /// Unprotects an SRTCP packet.
    pub fn unprotect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, i32> {
        self.run(self.library.unprotect_rtcp, buffer, len)
    }

    #[inline]
    fn run(&mut self, function: Crypt, buffer: &mut [u8], len: usize) -> Result<usize, i32> {
        assert!(len <= buffer.len());
        let mut out = len as c_int;
        // SAFETY: the context is this session's; the buffer has the packet and, when protecting,
        // room for the tag and the SRTCP index.
        let status = unsafe { function(self.context, buffer.as_mut_ptr().cast(), &mut out) };
        if status == 0 { Ok(out as usize) } else { Err(status) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the context was made by this library and is not used afterwards.
        unsafe { (self.library.dealloc)(self.context) };
    }
}

fn policy(suite: Suite, key: &mut [u8], inbound: bool, window: usize) -> Option<Policy> {
    let (cipher_type, key_len) = match suite {
        Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => (1, 30),
        Suite::AesCm192HmacSha1_80 | Suite::AesCm192HmacSha1_32 => (4, 38),
        Suite::AesCm256HmacSha1_80 | Suite::AesCm256HmacSha1_32 => (5, 46),
        Suite::AeadAes128Gcm => (6, 28),
        Suite::AeadAes256Gcm => (7, 44),
        _ => return None,
    };
    let crypto = |tag: usize| CryptoPolicy {
        cipher_type,
        cipher_key_len: key_len,
        auth_type: if suite.is_aead() { 0 } else { 3 },
        auth_key_len: if suite.is_aead() { 0 } else { 20 },
        auth_tag_len: tag as c_int,
        sec_serv: 3,
    };
    Some(Policy {
        ssrc_type: if inbound { 2 } else { 3 },
        ssrc: 0,
        rtp: crypto(suite.tag_bytes()),
        rtcp: crypto(suite.rtcp_tag_bytes()),
        key: key.as_mut_ptr(),
        keys: std::ptr::null_mut(),
        num_master_keys: 0,
        deprecated_ekt: std::ptr::null_mut(),
        window_size: window as c_ulong,
        allow_repeat_tx: 0,
        enc_xtn_hdr: std::ptr::null_mut(),
        enc_xtn_hdr_count: 0,
        next: std::ptr::null_mut(),
    })
}
