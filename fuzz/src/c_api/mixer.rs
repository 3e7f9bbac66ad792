// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mixers.

use std::mem::MaybeUninit;

use ale_media_capi::memory::ale_memory;
use ale_media_capi::mixer::*;

use super::input::Input;
use super::{Objects, check, defaults, take};

/// # Safety
/// As in `calls`, here and in the other modules.
pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let n = input.index();
        let mixer = objects.mixers[n];
        let mut pcm = [1_000_i16; 480];
        let mut sum = [0_i32; 480];
        let (who, other) = (input.long(), u64::from(input.byte()));
        let samples = input.one_of(&[80, 160, 480, 79, 0, 320]);
        match input.choice(16) {
            0 if mixer.is_null() => {
                let mut config: ale_mixer_config =
                    defaults!(ale_mixer_config_init, ale_mixer_config_init_sized);
                input.disturb(&mut [
                    &mut config.struct_size,
                    &mut config.sample_rate_hz,
                    &mut config.channels,
                    &mut config.limiter,
                    &mut config.frame_ms,
                ]);
                config.max_participants = input.number() % 64;
                config.max_pair_gains = input.number() % 64;
                let mut memory = MaybeUninit::<ale_memory>::uninit();
                let fits = check(ale_mixer_memory_required(&config, memory.as_mut_ptr()));
                assert_eq!(check(ale_mixer_create(&config, &mut objects.mixers[n])), fits);
            }
            1 => {
                let mut participant = 0;
                check(ale_mixer_add(mixer, &mut participant));
            }
            2 => drop(check(ale_mixer_remove(mixer, who))),
            3 => drop(check(ale_mixer_input(mixer, who, pcm.as_ptr(), samples))),
            4 => drop(check(ale_mixer_run(mixer))),
            5 => drop(check(ale_mixer_output(mixer, who, pcm.as_mut_ptr(), samples))),
            6 => drop(check(ale_mixer_set_gain(mixer, who, input.factor()))),
            7 => drop(check(ale_mixer_set_muted(mixer, who, 1))),
            8 => drop(check(ale_mixer_set_pair_gain(mixer, who, other, input.factor()))),
            9 => drop(check(ale_mixer_set_private(mixer, who, 1))),
            10 => drop(check(ale_mixer_set_listening(mixer, who, 0))),
            11 => drop(check(ale_mixer_mix_in(mixer, sum.as_ptr(), samples))),
            12 => drop(check(ale_mixer_sum(mixer, sum.as_mut_ptr(), samples))),
            13 => {
                let mut level_dbov = 0;
                check(ale_mixer_level(mixer, who, &mut level_dbov));
            }
            14 => {
                let mut stats = MaybeUninit::uninit();
                check(ale_mixer_stats(mixer, stats.as_mut_ptr()));
            }
            _ => destroy(objects, n),
        }
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe { ale_mixer_destroy(take(&mut objects.mixers[n])) };
}
