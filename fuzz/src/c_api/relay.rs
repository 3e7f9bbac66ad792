// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payloads that are passed on undecoded.

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use ale_media_capi::leg_relay::*;

use super::input::Input;
use super::{Objects, check, take};

extern "C" fn emit(_: *mut c_void, _: u32, payload: *const u8, length: usize) {
    assert!(!payload.is_null() && length > 0);
}

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let n = input.index();
        match input.choice(4) {
            0 if objects.regroupers[n].is_null() => {
                let codec = input.codec(objects);
                check(ale_repacketizer_create(&codec, input.number(), &mut objects.regroupers[n]));
            }
            1 => {
                let payload = input.packet();
                let (bytes, length) = (payload.as_ptr(), payload.len());
                let (to, timestamp) = (objects.regroupers[n], input.number());
                check(ale_repacketizer_push(to, timestamp, bytes, length, Some(emit), null_mut()));
            }
            2 => {
                let payload = input.packet();
                let passed = ale_passed {
                    payload_type: u32::from(input.byte()),
                    marker: u32::from(input.byte() & 1),
                    sequence: input.number(),
                    timestamp: input.number(),
                    ssrc: input.number(),
                    payload_offset: 0,
                    payload_bytes: payload.len(),
                };
                let (media, bytes, length) = (objects.media[n], payload.as_ptr(), payload.len());
                let (mut datagram, mut datagram_bytes) = (null(), 0);
                let out = (&mut datagram, &mut datagram_bytes);
                check(ale_leg_relay(media, &passed, bytes, length, out.0, out.1));
            }
            _ => destroy(objects, n),
        }
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe { ale_repacketizer_destroy(take(&mut objects.regroupers[n])) };
}
