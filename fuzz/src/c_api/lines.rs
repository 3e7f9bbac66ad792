// SPDX-License-Identifier: MIT OR Apache-2.0
//! What needs no object: key lines, keys from DTLS, messages, the allocator.

use std::ffi::{CString, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;

use ale_media_capi::memory::*;
use ale_media_capi::srtp_crypto::*;
use ale_media_capi::status::{ale_status, ale_status_message, ale_version};

use super::input::Input;
use super::{check, defaults};

extern "C" fn allocate(_: *mut c_void, _: usize, _: usize) -> *mut c_void {
    null_mut()
}
extern "C" fn release(_: *mut c_void, _: *mut c_void, _: usize, _: usize) {}

pub(super) unsafe fn call(input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        match input.choice(4) {
            0 => {
                let mut crypto: ale_srtp_crypto =
                    defaults!(ale_srtp_crypto_init, ale_srtp_crypto_init_sized);
                let own = CString::new(input.bytes(200)).unwrap_or_default();
                if check(ale_srtp_crypto_parse(own.as_ptr(), &mut crypto)) {
                    print(&mut crypto, input);
                }
            }
            1 => {
                let mut crypto: ale_srtp_crypto =
                    defaults!(ale_srtp_crypto_init, ale_srtp_crypto_init_sized);
                let line = input.line();
                if check(ale_srtp_crypto_parse(line, &mut crypto)) {
                    print(&mut crypto, input);
                }
            }
            2 => {
                let (profile, is_client) = (input.number(), input.enumerated(2));
                let mut length = 0;
                if !check(ale_srtp_dtls_bytes(profile, &mut length)) {
                    return;
                }
                let exported = vec![7; length + usize::from(input.choice(2))];
                let mut lines = [[0 as c_char; 128]; 2];
                let room = [input.number().min(128) as usize, 128 - usize::from(input.byte() / 2)];
                let [send, receive] = &mut lines;
                check(ale_srtp_dtls_split(
                    profile,
                    exported.as_ptr(),
                    exported.len(),
                    is_client,
                    send.as_mut_ptr(),
                    room[0],
                    receive.as_mut_ptr(),
                    room[1],
                ));
            }
            _ => {
                assert!(!ale_version().is_null());
                assert!(!ale_status_message(input.number() as i32).is_null());
                // It always comes too late, since all of this process is in the library's heap.
                let mut allocator: ale_allocator =
                    defaults!(ale_allocator_init, ale_allocator_init_sized);
                input.disturb(&mut [&mut allocator.struct_size]);
                allocator.allocate = Some(allocate);
                allocator.release = Some(release);
                assert!(!check(ale_set_allocator(&allocator)));
            }
        }
    }
}

unsafe fn print(crypto: &mut ale_srtp_crypto, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let room = input.number().min(256) as usize;
        let [key, ..] = &mut crypto.keys;
        input.disturb(&mut [
            &mut crypto.struct_size,
            &mut crypto.tag,
            &mut crypto.key_count,
            &mut crypto.unencrypted_srtp,
            &mut crypto.window_size_hint,
            &mut key.key_bytes,
            &mut key.mki_bytes,
        ]);
        let mut line = [MaybeUninit::<c_char>::new(1); 256];
        let status = ale_srtp_crypto_print(crypto, line.as_mut_ptr().cast(), room);
        if check(status) {
            // What was printed can be read.
            let mut again: ale_srtp_crypto =
                defaults!(ale_srtp_crypto_init, ale_srtp_crypto_init_sized);
            let status = ale_srtp_crypto_parse(line.as_ptr().cast(), &mut again);
            assert_eq!(status as i32, ale_status::ALE_OK as i32);
        }
    }
}
