// SPDX-License-Identifier: MIT OR Apache-2.0
//! SRTP sessions, one by one and in batches.

use std::mem::MaybeUninit;
use std::ptr::null_mut;

use ale_media_capi::memory::ale_memory;
use ale_media_capi::srtp::*;
use ale_media_capi::srtp_batch::*;
use ale_media_capi::srtp_control::*;
use ale_media_capi::status::ale_status;

use super::input::Input;
use super::{Objects, PLACES, check, defaults, take};

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let n = input.index();
        let session = objects.sessions[n];
        let direction = input.enumerated(2);
        match input.choice(18) {
            0 | 1 if session.is_null() => {
                let config = config(objects, input);
                let mut memory = MaybeUninit::<ale_memory>::uninit();
                let fits = check(ale_srtp_memory_required(&config, memory.as_mut_ptr()));
                // A backend may refuse one and not the other.
                let made = check(ale_srtp_create(&config, &mut objects.sessions[n]));
                assert!(made == fits || !config.backend.is_null());
            }
            2 | 3 => {
                let mut packet = input.packet();
                let (length, mut result) = (packet.len(), 0);
                packet.resize(length + usize::from(input.byte()), 0);
                let (bytes, room) = (packet.as_mut_ptr(), packet.len());
                if check(ale_srtp_protect(session, bytes, length, room, &mut result)) {
                    packet.truncate(result);
                    objects.protected = packet;
                }
            }
            4 | 5 => {
                let mut packet = arrived(objects, input);
                let (bytes, length, mut result) = (packet.as_mut_ptr(), packet.len(), 0);
                check(ale_srtp_unprotect(session, bytes, length, &mut result));
            }
            6 => {
                let mut packet = input.packet();
                let (length, mut result) = (packet.len(), 0);
                packet.resize(length + usize::from(input.byte()), 0);
                let (bytes, room) = (packet.as_mut_ptr(), packet.len());
                if check(ale_srtp_protect_rtcp(session, bytes, length, room, &mut result)) {
                    packet.truncate(result);
                    objects.protected = packet;
                }
            }
            7 => {
                let mut packet = arrived(objects, input);
                let (bytes, length, mut result) = (packet.as_mut_ptr(), packet.len(), 0);
                check(ale_srtp_unprotect_rtcp(session, bytes, length, &mut result));
            }
            8 | 9 => batch(objects, input),
            10 => drop(check(ale_srtp_rekey(session, input.line(), input.line()))),
            11 => {
                check(ale_srtp_retire_previous_keys(session));
                let mki = [0, input.byte()];
                check(ale_srtp_select_key(session, mki.as_ptr(), 2));
            }
            12 => {
                let mut event = MaybeUninit::<ale_srtp_event>::uninit();
                check(ale_srtp_poll_event(session, direction, event.as_mut_ptr()));
            }
            13 => {
                let stream = ale_srtp_stream {
                    ssrc: u32::from(input.byte() & 3),
                    roc: input.number(),
                    highest_sequence: input.number() as i32,
                    rtcp_index: input.long() as i64,
                };
                check(ale_srtp_set_stream(session, direction, &stream));
            }
            14 => {
                let mut streams = [MaybeUninit::<ale_srtp_stream>::uninit(); 4];
                let (room, mut count) = (input.choice(5).into(), 0);
                let out = streams.as_mut_ptr().cast();
                check(ale_srtp_streams(session, direction, out, room, &mut count));
                check(ale_srtp_remove_stream(session, direction, u32::from(input.byte() & 3)));
            }
            15 => {
                let (packet, mut event) = (arrived(objects, input), MaybeUninit::uninit());
                let (bytes, length) = (packet.as_ptr(), packet.len());
                check(ale_srtp_diagnose(input.line(), bytes, length, event.as_mut_ptr()));
            }
            16 => {
                let (mut sent, mut received) = (MaybeUninit::uninit(), MaybeUninit::uninit());
                check(ale_srtp_stats(session, sent.as_mut_ptr(), null_mut()));
                check(ale_srtp_stats(session, null_mut(), received.as_mut_ptr()));
            }
            _ => destroy(objects, n),
        }
    }
}

/// A config, some of whose members are wrong.
pub(super) unsafe fn config(objects: &Objects, input: &mut Input<'_>) -> ale_srtp_config {
    // SAFETY: the caller's.
    unsafe {
        let mut config: ale_srtp_config =
            defaults!(ale_srtp_config_init, ale_srtp_config_init_sized);
        config.send_crypto = input.line();
        config.receive_crypto = input.line();
        config.policy = input.enumerated(3);
        input.disturb(&mut [
            &mut config.struct_size,
            &mut config.replay_window_packets,
            &mut config.flags,
            &mut config.initial_roc,
            &mut config.roc_retry,
            &mut config.rekey_overlap_packets,
        ]);
        config.max_streams = input.number() % 16;
        config.backend = match input.byte() {
            0..128 => std::ptr::null(),
            n => objects.backends[usize::from(n) % PLACES],
        };
        config
    }
}

/// What some session has protected, or any packet.
fn arrived(objects: &Objects, input: &mut Input<'_>) -> Vec<u8> {
    if input.byte() & 1 == 0 { objects.protected.clone() } else { input.packet() }
}

/// Packets of any of the sessions, which are protected and then, perhaps, unprotected.
unsafe fn batch(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let mut packets: Vec<_> = (0..input.choice(6)).map(|_| input.packet()).collect();
        let job = |packet: &mut Vec<u8>, session| {
            let length = packet.len();
            packet.resize(length + 40, 0);
            ale_srtp_job {
                srtp: session,
                packet: packet.as_mut_ptr(),
                length,
                capacity: packet.len(),
                result_length: 0,
                status: ale_status::ALE_OK,
            }
        };
        let mut jobs: Vec<_> =
            packets.iter_mut().map(|packet| job(packet, objects.sessions[input.index()])).collect();
        check(ale_srtp_protect_batch(jobs.as_mut_ptr(), jobs.len()));
        for job in &mut jobs {
            if check(job.status) {
                assert!(job.result_length <= job.capacity);
                job.length = job.result_length;
            }
            job.srtp = objects.sessions[input.index()];
        }
        check(ale_srtp_unprotect_batch(jobs.as_mut_ptr(), jobs.len()));
        for job in &jobs {
            assert!(!check(job.status) || job.result_length <= job.length);
        }
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe { ale_srtp_destroy(take(&mut objects.sessions[n])) };
}
