// SPDX-License-Identifier: MIT OR Apache-2.0
//! Taps, and what members agree to.

use std::mem::MaybeUninit;

use ale_media_capi::tap::*;

use super::input::Input;
use super::{Objects, check, defaults, take};

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let (n, at, member) = (input.index(), input.index(), u64::from(input.byte()));
        let room = objects.rooms[n];
        let mut id = u64::from(input.byte());
        let _ = check(ale_tap_id(objects.taps[at], &mut id));
        match input.choice(8) {
            0 | 1 if objects.taps[at].is_null() => {
                let mut config: ale_tap_config =
                    defaults!(ale_tap_config_init, ale_tap_config_init_sized);
                config.member = member;
                config.purpose = 1 << input.choice(5);
                input.disturb(&mut [
                    &mut config.struct_size,
                    &mut config.is_mix,
                    &mut config.sink,
                    &mut config.sample_rate_hz,
                    &mut config.buffer_ms,
                    &mut config.paused,
                    &mut config.is_packets,
                ]);
                check(ale_tap_create(room, &config, &mut objects.taps[at]));
            }
            2 => {
                let mut grant: ale_grant = defaults!(ale_grant_init, ale_grant_init_sized);
                grant.purposes = u32::from(input.byte() & 15);
                grant.until_ns = input.now_ns();
                input.disturb(&mut [&mut grant.struct_size, &mut grant.sink, &mut grant.basis]);
                check(ale_member_grant(room, member, &grant));
            }
            3 => drop(check(ale_member_withdraw(room, member, input.number()))),
            4 if input.choice(2) == 0 => {
                let value = [c"on", c"off", c"pause", c"never"][usize::from(input.choice(4))];
                check(ale_member_recordpref(room, member, value.as_ptr()));
            }
            4 => drop(check(ale_tap_pause(room, id, i32::from(input.byte() & 1)))),
            5 => drop(check(ale_tap_end(room, id))),
            6 => destroy(objects, at),
            _ => {
                let (mut pcm, mut frame) = ([0; 480], MaybeUninit::uninit());
                let samples = input.one_of(&[80, 160, 480, 7]);
                check(ale_tap_read(
                    objects.taps[at],
                    pcm.as_mut_ptr(),
                    samples,
                    frame.as_mut_ptr(),
                ));
                let (mut payload, mut packet) = ([0; 1_920], MaybeUninit::uninit());
                check(ale_tap_read_packet(
                    objects.taps[at],
                    payload.as_mut_ptr(),
                    input.one_of(&[1_920, 1_919, 0]),
                    packet.as_mut_ptr(),
                ));
                let mut event = MaybeUninit::uninit();
                while check(ale_tap_next_event(room, event.as_mut_ptr())) {}
            }
        }
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe { ale_tap_destroy(take(&mut objects.taps[n])) };
}
