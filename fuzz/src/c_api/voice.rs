// SPDX-License-Identifier: MIT OR Apache-2.0
//! The near end's chain, with an engine that gives back what no engine should.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

use ale_media_capi::voice::*;

use super::input::Input;
use super::{Objects, check, defaults, take};

unsafe extern "C" fn render(_: *mut c_void, frame: *const f32, samples: usize) {
    // SAFETY: the library's word.
    let frame = unsafe { std::slice::from_raw_parts(frame, samples) };
    assert!(frame.iter().all(|sample| sample.abs() <= 1.0));
}

unsafe extern "C" fn capture(_: *mut c_void, frame: *mut f32, samples: usize) {
    // SAFETY: the library's word.
    let frame = unsafe { std::slice::from_raw_parts_mut(frame, samples) };
    for (n, sample) in frame.iter_mut().enumerate() {
        *sample *= match n % 7 {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => 1e30,
            _ => -3.0,
        };
    }
}

unsafe extern "C" fn restart(_: *mut c_void) {}

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let n = input.index();
        let mut pcm = [20_000_i16; 960];
        match input.choice(7) {
            0 if objects.captures[n].is_null() && objects.renders[n].is_null() => {
                let mut config: ale_voice_config =
                    defaults!(ale_voice_config_init, ale_voice_config_init_sized);
                if input.choice(2) == 0 {
                    config.engine = ale_voice_engine {
                        context: null_mut(),
                        render: Some(render),
                        capture: Some(capture),
                        restart: Some(restart),
                    };
                }
                config.gain_control = input.choice(2).into();
                config.follow_jumps = input.choice(2).into();
                input.disturb(&mut [
                    &mut config.struct_size,
                    &mut config.sample_rate_hz,
                    &mut config.lead_ms,
                ]);
                let mut memory = MaybeUninit::uninit();
                let fits = check(ale_voice_memory_required(&config, memory.as_mut_ptr()));
                let (to_render, to_capture) = (&mut objects.renders[n], &mut objects.captures[n]);
                assert_eq!(check(ale_voice_create(&config, to_render, to_capture)), fits);
            }
            1 => {
                let samples = input.one_of(&[80, 160, 480, 960, 79, 0]);
                check(ale_voice_render_push(objects.renders[n], pcm.as_ptr(), samples));
            }
            2 | 3 => {
                let samples = input.one_of(&[80, 160, 320, 480, 79, 0]);
                let pcm = pcm.as_mut_ptr();
                check(ale_voice_capture_process(objects.captures[n], pcm, samples));
            }
            4 => {
                let by = input.one_of(&[160, -160, 48_000, -48_000, i64::MAX, i64::MIN]);
                check(ale_voice_capture_echo_moved(objects.captures[n], by));
            }
            5 => {
                let mut counters = MaybeUninit::uninit();
                check(ale_voice_capture_restart(objects.captures[n]));
                check(ale_voice_capture_stats(objects.captures[n], counters.as_mut_ptr()));
            }
            _ => destroy(objects, n),
        }
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        ale_voice_render_destroy(take(&mut objects.renders[n]));
        ale_voice_capture_destroy(take(&mut objects.captures[n]));
    }
}
