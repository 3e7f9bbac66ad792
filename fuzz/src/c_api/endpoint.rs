// SPDX-License-Identifier: MIT OR Apache-2.0
//! A phone's own end, with legs that come and go, blocks of any length and devices that lose some.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

use ale_media_capi::endpoint::*;

use super::input::Input;
use super::{Objects, check, defaults, take};

unsafe extern "C" fn send(context: *mut c_void, line: u32, datagram: *const u8, length: usize) {
    // SAFETY: the library's word.
    let datagram = unsafe { std::slice::from_raw_parts(datagram, length) };
    assert!(context.is_null() && line < ALE_ENDPOINT_LINES && !datagram.is_empty());
}

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let n = input.index();
        let mut pcm = [20_000_i16; 1_000];
        let now_ns = u64::from(input.number());
        let line = u32::from(input.choice(4));
        let control = objects.endpoints[n];
        match input.choice(12) {
            0 if control.is_null() => {
                let mut config: ale_endpoint_config =
                    defaults!(ale_endpoint_config_init, ale_endpoint_config_init_sized);
                config.sample_rate_hz = input.one_of(&[8_000, 16_000, 32_000, 48_000]);
                config.profile = input.enumerated(3);
                config.tone_plan = input.enumerated(5);
                input.disturb(&mut [
                    &mut config.struct_size,
                    &mut config.sample_rate_hz,
                    &mut config.playout_ms,
                    &mut config.device_delay_ms,
                ]);
                let mut memory = MaybeUninit::uninit();
                let fits = check(ale_endpoint_memory_required(&config, memory.as_mut_ptr()));
                let made = check(ale_endpoint_create(
                    &config,
                    &mut objects.microphones[n],
                    &mut objects.speakers[n],
                    &mut objects.endpoints[n],
                ));
                assert_eq!(made, fits);
            }
            1..=3 => {
                let samples = usize::from(input.byte()) * 4 % pcm.len();
                let microphone = objects.microphones[n];
                check(ale_endpoint_capture(
                    microphone,
                    now_ns,
                    pcm.as_ptr(),
                    samples,
                    Some(send),
                    null_mut(),
                ));
            }
            4 => {
                let samples = usize::from(input.byte()) * 4 % pcm.len();
                check(ale_endpoint_render(objects.speakers[n], now_ns, pcm.as_mut_ptr(), samples));
            }
            5 => {
                let lost = input.one_of(&[0, 7, 480, 100_000, u64::MAX]);
                let microphone = objects.microphones[n];
                check(ale_endpoint_lost(microphone, now_ns, lost, Some(send), null_mut()));
                check(ale_endpoint_restart(microphone));
            }
            6 => {
                let from = input.index();
                if check(ale_endpoint_add(control, line, objects.media[from])) {
                    objects.media[from] = null_mut();
                }
            }
            7 => {
                check(ale_endpoint_remove(control, line));
            }
            8 => {
                let to = input.index();
                let mut number = 0;
                if objects.media[to].is_null() {
                    check(ale_endpoint_collect(control, &mut number, &mut objects.media[to]));
                }
            }
            9 => {
                let on = i32::from(input.choice(2));
                check(ale_endpoint_set_held(control, line, on));
                check(ale_endpoint_set_muted(control, on));
            }
            10 => {
                let factor = input.one_of(&[0.0, 1.0, 4.0, 4.1, -1.0, f32::NAN, f32::INFINITY]);
                check(ale_endpoint_set_volume(control, factor));
                check(ale_endpoint_set_side_tone(control, factor));
                check(ale_endpoint_play(control, input.enumerated(6), u32::from(input.byte())));
                check(ale_endpoint_stop_tone(control));
                let mut counters = MaybeUninit::uninit();
                check(ale_endpoint_stats(
                    control,
                    counters.as_mut_ptr(),
                    size_of::<ale_endpoint_counters>(),
                ));
            }
            _ => destroy(objects, n),
        }
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        ale_endpoint_microphone_destroy(take(&mut objects.microphones[n]));
        ale_endpoint_speaker_destroy(take(&mut objects.speakers[n]));
        ale_endpoint_control_destroy(take(&mut objects.endpoints[n]));
    }
}
