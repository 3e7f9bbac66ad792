// SPDX-License-Identifier: MIT OR Apache-2.0
//! Voices that programs make.

use std::mem::MaybeUninit;
use std::ptr::null;

use ale_media_capi::talk::*;

use super::input::Input;
use super::{Objects, check, defaults, take};

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let (n, at, turn) = (input.index(), input.index(), u32::from(input.byte()));
        let talk = objects.talks[at];
        match input.choice(10) {
            0 | 1 if talk.is_null() => {
                let mut config: ale_talk_config =
                    defaults!(ale_talk_config_init, ale_talk_config_init_sized);
                // A fuzzer's memory is small.
                config.capacity_ms = 200;
                config.member_rate_hz = input.one_of(&[8_000, 16_000, 48_000, 7]);
                input.disturb(&mut [
                    &mut config.struct_size,
                    &mut config.sample_rate_hz,
                    &mut config.low_water_ms,
                    &mut config.high_water_ms,
                    &mut config.backchannel_ms,
                ]);
                let mut member = 0;
                let (room, out) = (objects.rooms[n], &mut objects.talks[at]);
                check(ale_talk_create(room, &config, null(), out, &mut member));
            }
            2 | 3 => {
                let pcm = [1_000; 4_800];
                let samples = input.one_of(&[0, 1, 7, 480, 4_800]);
                check(ale_talk_write(talk, turn, pcm.as_ptr(), samples));
            }
            4 => drop(check(ale_talk_mark(talk, u64::from(turn)))),
            5 => drop(check(ale_talk_flush(talk, input.number()))),
            6 => drop(check(ale_talk_cancel(talk, turn, input.number()))),
            7 => drop(check(ale_talk_pause(talk, i32::from(input.byte() & 1)))),
            8 => destroy(objects, at),
            _ => {
                let mut progress = MaybeUninit::uninit();
                check(ale_talk_position(talk, progress.as_mut_ptr()));
                let mut event = MaybeUninit::uninit();
                while check(ale_talk_next_event(talk, event.as_mut_ptr())) {}
            }
        }
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe { ale_talk_destroy(take(&mut objects.talks[n])) };
}
