// SPDX-License-Identifier: MIT OR Apache-2.0
//! What needs no object: key lines, keys from DTLS, messages, the allocator.

use std::ffi::{CString, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use ale_media_capi::codec::{ale_codec, ale_codec_parse, ale_codec_print};
use ale_media_capi::memory::*;
use ale_media_capi::srtp_keys::*;
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
        match input.choice(6) {
            4 => generate(input),
            5 => describe(input),
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

unsafe fn describe(input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let rtpmap = match input.choice(5) {
            0 => None,
            1 => Some(CString::new(input.bytes(20)).unwrap_or_default()),
            _ => Some(input.one_of(&[c"opus/48000/2", c"L16/44100/2", c"pcma/8000"]).to_owned()),
        };
        let fmtp = CString::new(input.bytes(60)).unwrap_or_default();
        let mut codec = MaybeUninit::<ale_codec>::uninit();
        let encoding = rtpmap.as_ref().map_or(null(), |text| text.as_ptr());
        let parameters = if input.choice(2) == 0 { null() } else { fmtp.as_ptr() };
        if !check(ale_codec_parse(input.number(), encoding, parameters, codec.as_mut_ptr())) {
            return;
        }
        let mut codec = codec.assume_init();
        codec.sample_rate_hz = input.one_of(&[0, 8_000, 16_000, 48_000, 44_100]);
        codec.bit_rate_bps = input.number();
        let (mut rtpmap, mut fmtp) = ([0 as c_char; 64], [0 as c_char; 192]);
        let room = [input.number().min(64) as usize, input.number().min(192) as usize];
        check(ale_codec_print(&codec, rtpmap.as_mut_ptr(), room[0], fmtp.as_mut_ptr(), room[1]));
        if check(ale_codec_print(&codec, rtpmap.as_mut_ptr(), 64, fmtp.as_mut_ptr(), 192)) {
            let mut again = MaybeUninit::<ale_codec>::uninit();
            let status = ale_codec_parse(96, rtpmap.as_ptr(), fmtp.as_ptr(), again.as_mut_ptr());
            // A bit rate that no encoder takes is only found when one is made.
            assert!(check(status) || !(6_000..=510_000).contains(&codec.bit_rate_bps));
        }
    }
}

unsafe fn generate(input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let suite = input.one_of(&[
            c"AEAD_AES_256_GCM",
            c"AES_CM_128_HMAC_SHA1_32",
            c"AES_CM_192_HMAC_SHA1_80",
            c"F8_128_HMAC_SHA1_80",
        ]);
        let (tag, random) = (input.number(), input.bytes(48));
        let mut line = [0 as c_char; 160];
        let room = input.number().min(160) as usize;
        let status = ale_srtp_crypto_generate(
            suite.as_ptr(),
            tag,
            random.as_ptr(),
            random.len(),
            line.as_mut_ptr(),
            room,
        );
        if check(status) {
            let mut again: ale_srtp_crypto =
                defaults!(ale_srtp_crypto_init, ale_srtp_crypto_init_sized);
            let status = ale_srtp_crypto_parse(line.as_ptr(), &mut again);
            assert_eq!(status as i32, ale_status::ALE_OK as i32);
            let [key, ..] = &again.keys;
            let bytes = key.key_bytes as usize;
            assert_eq!((again.tag, &key.key[..bytes]), (tag, &random[..bytes]));
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
