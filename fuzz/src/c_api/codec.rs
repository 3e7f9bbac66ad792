// SPDX-License-Identifier: MIT OR Apache-2.0
//! A codec of the host's: a byte for ten samples, and several ways to get it wrong.

use std::cell::Cell;
use std::ffi::c_void;
use std::slice::{from_raw_parts, from_raw_parts_mut};

use ale_media_capi::codec_host::*;

use super::input::Input;
use super::{Objects, check, defaults, take};

const HONEST: u8 = 0;
const COUNTS_TOO_MUCH: u8 = 1;
const FAILS_AT_TIMES: u8 = 2;
const MAKES_NOTHING: u8 = 3;

/// What a codec's context points to.
static KINDS: [u8; 4] = [HONEST, COUNTS_TOO_MUCH, FAILS_AT_TIMES, MAKES_NOTHING];

/// An encoder's or a decoder's.
struct State {
    kind: u8,
    calls: Cell<u32>,
}

impl State {
    /// What a function answers that could do so much.
    fn answer(&self, count: usize, capacity: usize) -> i32 {
        self.calls.set(self.calls.get() + 1);
        match self.kind {
            COUNTS_TOO_MUCH if self.calls.get() % 4 == 1 => i32::MAX,
            COUNTS_TOO_MUCH => capacity as i32 + 1,
            FAILS_AT_TIMES if self.calls.get() % 3 == 1 => -1,
            FAILS_AT_TIMES if self.calls.get() % 3 == 2 => 0,
            _ => count as i32,
        }
    }
}

unsafe extern "C" fn create(context: *mut c_void) -> *mut c_void {
    // SAFETY: an element of KINDS.
    let kind = unsafe { *context.cast::<u8>() };
    if kind == MAKES_NOTHING {
        return std::ptr::null_mut();
    }
    Box::into_raw(Box::new(State { kind, calls: Cell::new(0) })).cast()
}

unsafe extern "C" fn destroy_state(state: *mut c_void) {
    // SAFETY: the header's contract; `create` made it.
    drop(unsafe { Box::from_raw(state.cast::<State>()) });
}

unsafe extern "C" fn encode(
    state: *mut c_void,
    pcm: *const i16,
    samples: usize,
    payload: *mut u8,
    capacity: usize,
) -> i32 {
    // SAFETY: the header's contract.
    unsafe {
        let (state, payload) = (&*state.cast::<State>(), from_raw_parts_mut(payload, capacity));
        let bytes = (samples / 10).min(capacity);
        for (byte, ten) in payload.iter_mut().zip(from_raw_parts(pcm, samples).chunks(10)) {
            *byte = (ten[0] >> 8) as u8;
        }
        state.answer(bytes, capacity)
    }
}

unsafe extern "C" fn packet_samples(state: *mut c_void, payload: *const u8, length: usize) -> i32 {
    // SAFETY: the header's contract.
    unsafe {
        assert!(!payload.is_null());
        (*state.cast::<State>()).answer(length * 10, length * 10)
    }
}

unsafe extern "C" fn decode(
    state: *mut c_void,
    payload: *const u8,
    length: usize,
    pcm: *mut i16,
    capacity: usize,
) -> i32 {
    // SAFETY: the header's contract.
    unsafe {
        let (state, pcm) = (&*state.cast::<State>(), from_raw_parts_mut(pcm, capacity));
        let payload = from_raw_parts(payload, length);
        for (ten, byte) in pcm.chunks_mut(10).zip(payload) {
            ten.fill(i16::from(*byte) << 7);
        }
        state.answer((length * 10).min(capacity), capacity)
    }
}

unsafe extern "C" fn conceal(state: *mut c_void, pcm: *mut i16, samples: usize) -> i32 {
    // SAFETY: the header's contract.
    unsafe {
        from_raw_parts_mut(pcm, samples).fill(5);
        (*state.cast::<State>()).answer(0, 0)
    }
}

unsafe extern "C" fn reset(state: *mut c_void) {
    // SAFETY: the header's contract.
    unsafe { (*state.cast::<State>()).calls.set(0) };
}

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let n = input.index();
        if !objects.codecs[n].is_null() {
            destroy(objects, n);
            return;
        }
        let mut config: ale_host_codec_config =
            defaults!(ale_host_codec_config_init, ale_host_codec_config_init_sized);
        let kind = input.choice(4);
        config.context = std::ptr::from_ref(&KINDS[usize::from(kind)]).cast_mut().cast();
        config.encoding = input.one_of(&[c"TOY/8000", c"TOY", c"/8000", c"TOY/16000"]).as_ptr();
        config.encoder_create = Some(create);
        config.encode = Some(encode);
        config.encoder_destroy = Some(destroy_state);
        config.decoder_create = Some(create);
        config.packet_samples = Some(packet_samples);
        config.decode = Some(decode);
        config.decoder_destroy = Some(destroy_state);
        match input.choice(8) {
            0 => config.encode = None,
            1 => config.decode = None,
            2 => {
                (config.encoder_create, config.encode, config.encoder_destroy) = (None, None, None);
            }
            3 => {
                config.conceal = Some(conceal);
                config.reset = Some(reset);
            }
            _ => {}
        }
        input.disturb(&mut [
            &mut config.struct_size,
            &mut config.sample_rate_hz,
            &mut config.rtp_clock_hz,
            &mut config.impairment_x10,
            &mut config.loss_robustness_x10,
            &mut config.wide_band_impairment_x10,
        ]);
        check(ale_host_codec_create(&config, &mut objects.codecs[n]));
    }
}

/// Its legs and buffers go on using it.
pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe { ale_host_codec_destroy(take(&mut objects.codecs[n])) };
}
