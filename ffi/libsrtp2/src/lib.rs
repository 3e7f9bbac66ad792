// SPDX-License-Identifier: MIT OR Apache-2.0
//! libsrtp 2's ABI on this library's SRTP sessions, for programs that are linked with libsrtp to try
//! them unchanged: `LD_LIBRARY_PATH` with the folder of this `libsrtp2.so.1`.
//!
//! What is different, and why, is in the `README.md` beside this crate's sources.
#![allow(unsafe_code)] // a C ABI
#![allow(non_camel_case_types)] // names of C's
#![allow(missing_docs, clippy::missing_safety_doc)] // libsrtp's header documents its functions
#![allow(unreachable_pub)] // exported by name

mod abi;
mod agreed;
mod policy;
mod session;
mod stream;

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use abi::{
    BAD_PARAM, EventKind, FAIL, MAX_KEY_BYTES, NO_SUCH_OP, OK, PolicyView, Status,
    srtp_event_data_t, srtp_policy_t, srtp_ssrc_t,
};
use session::Session;
use stream::{Kind, Way};

type Handler = unsafe extern "C" fn(*mut srtp_event_data_t);

/// The address of the event handler, 0 for none.
static HANDLER: AtomicUsize = AtomicUsize::new(0);

fn guard(body: impl FnOnce() -> Result<(), Status>) -> Status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => OK,
        Ok(Err(status)) => status,
        Err(_) => FAIL,
    }
}

/// # Safety
/// NULL, or a session that nobody else uses during the call.
unsafe fn session<'a>(session: *mut c_void) -> Result<&'a mut Session, Status> {
    // SAFETY: the caller's.
    unsafe { session.cast::<Session>().as_mut() }.ok_or(BAD_PARAM)
}

/// Calls `act` with each policy of a chain.
///
/// # Safety
/// NULL or a policy as libsrtp's header says.
unsafe fn each(
    mut policy: *const srtp_policy_t,
    mut act: impl FnMut(&PolicyView<'_>) -> Result<(), Status>,
) -> Result<(), Status> {
    // SAFETY: the caller's, for each of the chain.
    while let Some(raw) = unsafe { policy.as_ref() } {
        // SAFETY: as above.
        act(&unsafe { PolicyView::new(raw) }?)?;
        policy = raw.next;
    }
    Ok(())
}

fn tell(session: *mut c_void, ssrc: u32, event: EventKind) {
    let handler = HANDLER.load(Ordering::Acquire);
    if handler != 0 {
        // SAFETY: only handlers are stored, and 0.
        let handler: Handler = unsafe { std::mem::transmute(handler) };
        let mut data = srtp_event_data_t { session, ssrc, event: event as c_int };
        // SAFETY: the host's function, called as libsrtp would.
        unsafe { handler(&raw mut data) };
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn srtp_init() -> Status {
    OK
}

#[unsafe(no_mangle)]
pub extern "C" fn srtp_shutdown() -> Status {
    OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_create(
    out: *mut *mut c_void,
    policy: *const srtp_policy_t,
) -> Status {
    guard(|| {
        // SAFETY: libsrtp's header.
        let out = unsafe { out.as_mut() }.ok_or(BAD_PARAM)?;
        let mut made = Session::default();
        // SAFETY: libsrtp's header.
        unsafe { each(policy, |policy| made.add(policy)) }?;
        *out = Box::into_raw(Box::new(made)).cast();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_dealloc(old: *mut c_void) -> Status {
    guard(|| {
        if !old.is_null() {
            // SAFETY: libsrtp's header: made by srtp_create, and not used any more.
            drop(unsafe { Box::from_raw(old.cast::<Session>()) });
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_add_stream(
    handle: *mut c_void,
    policy: *const srtp_policy_t,
) -> Status {
    guard(|| {
        // SAFETY: libsrtp's header.
        let session = unsafe { session(handle) }?;
        // SAFETY: libsrtp's header; only the first of a chain.
        let raw = unsafe { policy.as_ref() }.ok_or(BAD_PARAM)?;
        // SAFETY: as above.
        session.add(&unsafe { PolicyView::new(raw) }?)
    })
}

/// The source is in network byte order, as libsrtp has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_remove_stream(handle: *mut c_void, ssrc: c_uint) -> Status {
    // SAFETY: libsrtp's header.
    guard(|| unsafe { session(handle) }?.remove(u32::from_be(ssrc)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_update(handle: *mut c_void, policy: *const srtp_policy_t) -> Status {
    guard(|| {
        // SAFETY: libsrtp's header.
        let session = unsafe { session(handle) }?;
        // SAFETY: libsrtp's header.
        unsafe { each(policy, |policy| session.update(policy)) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_update_stream(
    handle: *mut c_void,
    policy: *const srtp_policy_t,
) -> Status {
    // SAFETY: libsrtp's header.
    unsafe { srtp_update(handle, policy) }
}

/// # Safety
/// As the functions that libsrtp's header documents.
unsafe fn protect(
    handle: *mut c_void,
    kind: Kind,
    packet: *mut c_void,
    length: *mut c_int,
    key: Option<usize>,
) -> Status {
    guard(|| {
        // SAFETY: libsrtp's header.
        let (session, length) = unsafe { (session(handle)?, length.as_mut().ok_or(BAD_PARAM)?) };
        let bytes = usize::try_from(*length).map_err(|_| BAD_PARAM)?;
        if packet.is_null() {
            return Err(BAD_PARAM);
        }
        // SAFETY: libsrtp's header.
        let plain = unsafe { std::slice::from_raw_parts(packet.cast::<u8>(), bytes) };
        let stream = session.outgoing(kind, plain)?;
        let trailer = stream.trailer_bytes(kind, key)?;
        // SAFETY: libsrtp's header: room for the trailer behind the packet.
        let buffer = unsafe { std::slice::from_raw_parts_mut(packet.cast(), bytes + trailer) };
        let mut tell = |ssrc, event| tell(handle, ssrc, event);
        stream.goes(Way::Out, &mut tell);
        *length = stream.protect(kind, buffer, bytes, key, &mut tell)? as c_int;
        Ok(())
    })
}

/// # Safety
/// As the functions that libsrtp's header documents.
unsafe fn unprotect(
    handle: *mut c_void,
    kind: Kind,
    packet: *mut c_void,
    length: *mut c_int,
    identified: bool,
) -> Status {
    guard(|| {
        // SAFETY: libsrtp's header.
        let (session, length) = unsafe { (session(handle)?, length.as_mut().ok_or(BAD_PARAM)?) };
        let bytes = usize::try_from(*length).map_err(|_| BAD_PARAM)?;
        if packet.is_null() {
            return Err(BAD_PARAM);
        }
        // SAFETY: libsrtp's header.
        let packet = unsafe { std::slice::from_raw_parts_mut(packet.cast(), bytes) };
        let tell = |ssrc, event| tell(handle, ssrc, event);
        *length = session.unprotect(kind, packet, identified, tell)? as c_int;
        Ok(())
    })
}

macro_rules! packets {
    ($($name:ident $kind:ident $way:ident;)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            handle: *mut c_void,
            packet: *mut c_void,
            length: *mut c_int,
        ) -> Status {
            // SAFETY: libsrtp's header.
            unsafe { $way(handle, Kind::$kind, packet, length, Default::default()) }
        }
    )*};
}

packets! {
    srtp_protect Rtp protect;
    srtp_protect_rtcp Rtcp protect;
    srtp_unprotect Rtp unprotect;
    srtp_unprotect_rtcp Rtcp unprotect;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_protect_mki(
    handle: *mut c_void,
    packet: *mut c_void,
    length: *mut c_int,
    use_mki: c_uint,
    mki_index: c_uint,
) -> Status {
    let key = (use_mki != 0).then_some(mki_index as usize);
    // SAFETY: libsrtp's header.
    unsafe { protect(handle, Kind::Rtp, packet, length, key) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_protect_rtcp_mki(
    handle: *mut c_void,
    packet: *mut c_void,
    length: *mut c_int,
    use_mki: c_uint,
    mki_index: c_uint,
) -> Status {
    let key = (use_mki != 0).then_some(mki_index as usize);
    // SAFETY: libsrtp's header.
    unsafe { protect(handle, Kind::Rtcp, packet, length, key) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_unprotect_mki(
    handle: *mut c_void,
    packet: *mut c_void,
    length: *mut c_int,
    use_mki: c_uint,
) -> Status {
    // SAFETY: libsrtp's header.
    unsafe { unprotect(handle, Kind::Rtp, packet, length, use_mki != 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_unprotect_rtcp_mki(
    handle: *mut c_void,
    packet: *mut c_void,
    length: *mut c_int,
    use_mki: c_uint,
) -> Status {
    // SAFETY: libsrtp's header.
    unsafe { unprotect(handle, Kind::Rtcp, packet, length, use_mki != 0) }
}

/// # Safety
/// As the functions that libsrtp's header documents.
unsafe fn trailer(handle: *mut c_void, kind: Kind, key: Option<usize>, length: *mut u32) -> Status {
    guard(|| {
        // SAFETY: libsrtp's header.
        let (session, length) = unsafe { (session(handle)?, length.as_mut().ok_or(BAD_PARAM)?) };
        *length = session.trailer_bytes(kind, key)? as u32;
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_get_protect_trailer_length(
    handle: *mut c_void,
    use_mki: u32,
    mki_index: u32,
    length: *mut u32,
) -> Status {
    let key = (use_mki != 0).then_some(mki_index as usize);
    // SAFETY: libsrtp's header.
    unsafe { trailer(handle, Kind::Rtp, key, length) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_get_protect_rtcp_trailer_length(
    handle: *mut c_void,
    use_mki: u32,
    mki_index: u32,
    length: *mut u32,
) -> Status {
    let key = (use_mki != 0).then_some(mki_index as usize);
    // SAFETY: libsrtp's header.
    unsafe { trailer(handle, Kind::Rtcp, key, length) }
}

/// The source is in the machine's byte order here, as libsrtp has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_set_stream_roc(handle: *mut c_void, ssrc: u32, roc: u32) -> Status {
    // SAFETY: libsrtp's header.
    guard(|| unsafe { session(handle) }?.set_roc(ssrc, roc))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_get_stream_roc(
    handle: *mut c_void,
    ssrc: u32,
    roc: *mut u32,
) -> Status {
    guard(|| {
        // SAFETY: libsrtp's header.
        let (session, out) = unsafe { (session(handle)?, roc.as_mut().ok_or(BAD_PARAM)?) };
        *out = session.roc(ssrc).ok_or(BAD_PARAM)?;
        Ok(())
    })
}

/// Encrypts header extensions and contributing sources of a stream, or of a template's streams, whole
/// (RFC 9335). libsrtp has it from 2.8 on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_set_stream_use_cryptex(
    handle: *mut c_void,
    ssrc: *const srtp_ssrc_t,
    enable: c_int,
) -> Status {
    guard(|| {
        // SAFETY: libsrtp's header.
        let (session, ssrc) = unsafe { (session(handle)?, ssrc.as_ref().ok_or(BAD_PARAM)?) };
        session.set_cryptex(ssrc.direction()?, enable != 0)
    })
}

/// The stream of a source in network byte order: not to be looked into, but NULL if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_get_stream(handle: *mut c_void, ssrc: u32) -> *mut c_void {
    // SAFETY: libsrtp's header.
    let known =
        unsafe { session(handle) }.is_ok_and(|session| session.roc(u32::from_be(ssrc)).is_some());
    if known { handle } else { std::ptr::null_mut() }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_set_user_data(handle: *mut c_void, data: *mut c_void) {
    // SAFETY: libsrtp's header.
    if let Ok(session) = unsafe { session(handle) } {
        session.user_data = data.expose_provenance();
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_get_user_data(handle: *mut c_void) -> *mut c_void {
    // SAFETY: libsrtp's header.
    let data = unsafe { session(handle) }.map_or(0, |session| session.user_data);
    std::ptr::with_exposed_provenance_mut(data)
}

#[unsafe(no_mangle)]
pub extern "C" fn srtp_install_event_handler(handler: Option<Handler>) -> Status {
    HANDLER.store(handler.map_or(0, |handler| handler as usize), Ordering::Release);
    OK
}

/// Nothing is logged.
#[unsafe(no_mangle)]
pub extern "C" fn srtp_install_log_handler(_handler: *mut c_void, _data: *mut c_void) -> Status {
    OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_append_salt_to_key(
    key: *mut u8,
    key_bytes: c_uint,
    salt: *const u8,
    salt_bytes: c_uint,
) {
    let (key_bytes, salt_bytes) = (key_bytes as usize, salt_bytes as usize);
    if !key.is_null() && !salt.is_null() && key_bytes + salt_bytes <= MAX_KEY_BYTES {
        // SAFETY: libsrtp's header: room for the salt behind the key.
        unsafe { std::ptr::copy(salt, key.add(key_bytes), salt_bytes) };
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn srtp_get_version() -> c_uint {
    2 << 24 | 5 << 16
}

#[unsafe(no_mangle)]
pub extern "C" fn srtp_get_version_string() -> *const c_char {
    concat!("libsrtp2 2.5 by ale-media ", env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

#[unsafe(no_mangle)]
pub extern "C" fn srtp_set_debug_module(_name: *const c_char, _value: c_int) -> Status {
    NO_SUCH_OP
}

#[unsafe(no_mangle)]
pub extern "C" fn srtp_list_debug_modules() -> Status {
    OK
}
