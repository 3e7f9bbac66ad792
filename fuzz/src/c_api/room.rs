// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conferences, and lines between them.

use std::mem::MaybeUninit;

use ale_media_capi::conference::*;
use ale_media_capi::leg::{ale_leg_media_destroy, ale_leg_receive};
use ale_media_capi::link::*;
use ale_media_capi::memory::ale_memory;

use super::input::Input;
use super::{Objects, PLACES, check, defaults, take};

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let (n, member, other) = (input.index(), u64::from(input.byte()), u64::from(input.byte()));
        let room = objects.rooms[n];
        let now_ns = input.now_ns();
        match input.choice(16) {
            0 | 1 if room.is_null() => {
                let mut config: ale_conference_config =
                    defaults!(ale_conference_config_init, ale_conference_config_init_sized);
                input.disturb(&mut [&mut config.struct_size, &mut config.limiter]);
                config.max_members = input.number() % 8;
                config.max_speakers = input.number() % 8;
                config.max_pair_gains = input.number() % 8;
                config.max_datagrams = input.number() % 8;
                config.encode_groups = input.number() % 66;
                let mut memory = MaybeUninit::<ale_memory>::uninit();
                let fits = check(ale_conference_memory_required(&config, memory.as_mut_ptr()));
                assert_eq!(check(ale_conference_create(&config, &mut objects.rooms[n])), fits);
            }
            2 | 3 => {
                let options = options(input);
                let media = &mut objects.media[input.index()];
                let mut who = 0;
                if check(ale_conference_join(room, *media, &options, &mut who)) {
                    take(media);
                }
            }
            4 | 5 => {
                let options = options(input);
                let end = &mut objects.ends[input.index()];
                let mut who = 0;
                if check(ale_conference_join_link(room, *end, &options, &mut who)) {
                    take(end);
                }
            }
            6 => drop(check(ale_conference_leave(room, member))),
            7 => {
                let (mut who, mut media) = (0, std::ptr::null_mut());
                if check(ale_conference_reclaim(room, &mut who, &mut media)) {
                    let place = &mut objects.media[input.index()];
                    if place.is_null() { *place = media } else { ale_leg_media_destroy(media) }
                }
            }
            8 => {
                check(ale_conference_set_muted(room, member, 1));
                let mut tag = 0;
                check(ale_conference_tag(room, other, &mut tag));
                check(ale_conference_set_private(room, other, 1));
                check(ale_conference_set_listening(room, other, 0));
            }
            9 => {
                check(ale_conference_set_gain(room, member, input.factor()));
                check(ale_conference_set_pair_gain(room, member, other, input.factor()));
            }
            10 | 11 => {
                check(ale_conference_tick(room, now_ns));
                datagrams(objects, input, n, now_ns);
            }
            12 => {
                let mut stats = MaybeUninit::uninit();
                check(ale_conference_stats(room, stats.as_mut_ptr()));
                let mut who = 0;
                while check(ale_conference_next_dominant_speaker(room, &mut who)) {}
            }
            13 | 14 => line(objects, input),
            _ => destroy(objects, n),
        }
    }
}

unsafe fn options(input: &mut Input<'_>) -> ale_join_options {
    // SAFETY: the caller's.
    unsafe {
        let mut options: ale_join_options =
            defaults!(ale_join_options_init, ale_join_options_init_sized);
        if input.byte() & 1 == 1 {
            options.gain = input.factor();
        }
        input.disturb(&mut [
            &mut options.struct_size,
            &mut options.muted,
            &mut options.listening,
            &mut options.is_private,
        ]);
        options
    }
}

/// What a tick has made goes to one of the legs.
pub(super) unsafe fn datagrams(
    objects: &mut Objects,
    input: &mut Input<'_>,
    n: usize,
    now_ns: u64,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut datagram = MaybeUninit::<ale_datagram>::uninit();
        while check(ale_conference_next_datagram(objects.rooms[n], datagram.as_mut_ptr())) {
            let datagram = datagram.assume_init_ref();
            let mut copy = std::slice::from_raw_parts(datagram.bytes, datagram.length).to_vec();
            let to = objects.receivers[input.index()];
            let (bytes, length) = (copy.as_mut_ptr(), copy.len());
            check(ale_leg_receive(to, bytes, length, now_ns, std::ptr::null_mut()));
        }
    }
}

/// Makes a line, speaks through its ends, or frees one: the other may be in a conference.
unsafe fn line(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let at = input.index();
        let next = (at + 1) % PLACES;
        match input.choice(4) {
            0 | 1 if objects.ends[at].is_null() && objects.ends[next].is_null() => {
                let (mut one, mut other) = (std::ptr::null_mut(), std::ptr::null_mut());
                let rate_hz = input.number().wrapping_mul(100);
                let mut memory = MaybeUninit::<ale_memory>::uninit();
                let fits = check(ale_link_memory_required(rate_hz, memory.as_mut_ptr()));
                let made = check(ale_link_create(rate_hz, &mut one, &mut other));
                assert_eq!(made, fits);
                if made {
                    (objects.ends[at], objects.ends[next]) = (one, other);
                }
            }
            3 => destroy_end(objects, at),
            _ => {
                let mut pcm = [500; 480];
                let samples = input.one_of(&[80, 160, 480, 7]);
                check(ale_link_end_push(objects.ends[at], pcm.as_ptr(), samples));
                check(ale_link_end_pull(objects.ends[at], pcm.as_mut_ptr(), samples));
            }
        }
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe { ale_conference_destroy(take(&mut objects.rooms[n])) };
}

pub(super) unsafe fn destroy_end(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe { ale_link_end_destroy(take(&mut objects.ends[n])) };
}
