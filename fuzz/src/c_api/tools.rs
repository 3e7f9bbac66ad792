// SPDX-License-Identifier: MIT OR Apache-2.0
//! Players of tones, and resamplers.

use std::ffi::CString;
use std::mem::MaybeUninit;

use ale_media_capi::resampler::*;
use ale_media_capi::tones::*;

use super::input::Input;
use super::{Objects, check, defaults, take};

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let n = input.index();
        let (tones, resampler) = (objects.tones[n], objects.resamplers[n]);
        let mut pcm = [20_000_i16; 960];
        match input.choice(8) {
            0 if tones.is_null() => {
                let mut config: ale_tones_config =
                    defaults!(ale_tones_config_init, ale_tones_config_init_sized);
                config.plan = input.enumerated(5);
                input.disturb(&mut [
                    &mut config.struct_size,
                    &mut config.sample_rate_hz,
                    &mut config.level_dbov,
                ]);
                let mut memory = MaybeUninit::uninit();
                let fits = check(ale_tones_memory_required(&config, memory.as_mut_ptr()));
                assert_eq!(check(ale_tones_create(&config, &mut objects.tones[n])), fits);
            }
            1 => drop(check(ale_tones_play(tones, input.enumerated(6)))),
            2 => {
                let own = CString::new(input.bytes(8)).unwrap_or_default();
                let text = input.one_of(&[c"12#", c"0", c"ABCD*", own.as_c_str()]);
                let (duration, pause) = (input.number(), input.number());
                check(ale_tones_digits(tones, text.as_ptr(), duration, pause, input.number()));
            }
            3 => drop(check(ale_tones_stop(tones))),
            4 | 5 => {
                let samples = input.one_of(&[80, 160, 480, 960, 79, 0]);
                let (add, mut playing) = (input.enumerated(1), 0);
                if check(ale_tones_next(tones, pcm.as_mut_ptr(), samples, add, &mut playing)) {
                    assert!(playing == 0 || playing == 1);
                }
            }
            6 if resampler.is_null() => {
                let from = input.one_of(&[8_000, 16_000, 32_000, 48_000, 44_100, 0]);
                let to = input.one_of(&[8_000, 16_000, 32_000, 48_000, 11_025]);
                let mut memory = MaybeUninit::uninit();
                let fits = check(ale_resampler_memory_required(from, to, memory.as_mut_ptr()));
                let made = check(ale_resampler_create(from, to, &mut objects.resamplers[n]));
                assert_eq!(made, fits);
            }
            7 if input.choice(4) == 0 => drop(check(ale_resampler_reset(resampler))),
            7 => {
                let mut out = [0; 960];
                let (samples, room) = (input.number().min(960), input.number().min(960) as usize);
                let (samples, mut written) = (samples as usize, 0);
                let done = ale_resampler_process(
                    resampler,
                    pcm.as_ptr(),
                    samples,
                    out.as_mut_ptr(),
                    room,
                    &mut written,
                );
                assert!(!check(done) || written <= room);
            }
            _ => destroy(objects, n),
        }
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        ale_tones_destroy(take(&mut objects.tones[n]));
        ale_resampler_destroy(take(&mut objects.resamplers[n]));
    }
}
