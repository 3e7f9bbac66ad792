// SPDX-License-Identifier: MIT OR Apache-2.0
//! Jitter buffers.

use std::mem::MaybeUninit;

use ale_media_capi::jitter::*;
use ale_media_capi::jitter_view::*;
use ale_media_capi::memory::ale_memory;
use ale_media_capi::replay::ale_jitter_black_box;

use super::input::Input;
use super::{Objects, check, defaults, take};

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let n = input.index();
        let reader = objects.readers[n];
        let now_ns = input.now_ns();
        match input.choice(14) {
            0 | 1 if objects.writers[n].is_null() && reader.is_null() => {
                create(objects, input, n);
            }
            2 | 3 => {
                let packet = input.packet();
                let (bytes, length) = (packet.as_ptr(), packet.len());
                check(ale_jitter_insert(objects.writers[n], bytes, length, now_ns));
            }
            4 | 5 => {
                let mut pcm = [0_i16; 480];
                let samples = input.one_of(&[80, 160, 480, 320, 79]);
                let mut info = MaybeUninit::<ale_pull_info>::uninit();
                check(ale_jitter_pull(
                    reader,
                    now_ns,
                    pcm.as_mut_ptr(),
                    samples,
                    info.as_mut_ptr(),
                ));
            }
            6 => {
                let (min, max) = (input.number(), input.number());
                check(ale_jitter_set_delay_bounds(reader, min, max));
                check(ale_jitter_control_set_delay_bounds(objects.controls[n], max, min));
            }
            7 if objects.controls[n].is_null() => {
                check(ale_jitter_control_create(reader, &mut objects.controls[n]));
            }
            8 => {
                let (mode, target_ms) = (input.enumerated(3), input.number());
                check(ale_jitter_control_set_mode(objects.controls[n], mode, target_ms));
            }
            9 => {
                let mut stats = MaybeUninit::uninit();
                check(ale_jitter_stats(reader, stats.as_mut_ptr()));
            }
            10 => {
                let (mut missing, mut count) = ([ale_missing_packet::default(); 200], 0);
                let room = usize::from(input.byte()).min(missing.len());
                if check(ale_jitter_missing(reader, now_ns, missing.as_mut_ptr(), room, &mut count))
                {
                    assert!(count <= room);
                }
            }
            11 => {
                let mut shares = [f32::NAN; 40];
                let (step_ms, room) = (input.number(), usize::from(input.choice(41)));
                if check(ale_jitter_arrival_histogram(reader, step_ms, shares.as_mut_ptr(), room)) {
                    assert!(shares[..room].iter().all(|share| share.is_finite()));
                }
            }
            12 => {
                let (mut log, mut length) = (vec![0; 10_000], 0);
                let room = log.len() - input.number().min(10_000) as usize;
                if check(ale_jitter_black_box(reader, log.as_mut_ptr(), room, &mut length)) {
                    log.truncate(length);
                    objects.log = log;
                }
            }
            _ => destroy(objects, n),
        }
    }
}

unsafe fn create(objects: &mut Objects, input: &mut Input<'_>, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        let codecs = [input.codec(objects), input.codec(objects)];
        let mut config: ale_jitter_config =
            defaults!(ale_jitter_config_init, ale_jitter_config_init_sized);
        config.codecs = codecs.as_ptr();
        config.codec_count = usize::from(input.choice(3));
        config.delay_mode = input.enumerated(3);
        input.disturb(&mut [
            &mut config.struct_size,
            &mut config.sample_rate_hz,
            &mut config.min_delay_ms,
            &mut config.max_delay_ms,
            &mut config.target_delay_ms,
            &mut config.slots,
            &mut config.resample_drift,
            &mut config.black_box_audio,
        ]);
        config.black_box_bytes = input.number() % 10_000;
        let mut memory = MaybeUninit::<ale_memory>::uninit();
        let fits = check(ale_jitter_memory_required(&config, memory.as_mut_ptr()));
        let (writer, reader) = (&mut objects.writers[n], &mut objects.readers[n]);
        assert_eq!(check(ale_jitter_create(&config, writer, reader)), fits);
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        ale_jitter_writer_destroy(take(&mut objects.writers[n]));
        ale_jitter_reader_destroy(take(&mut objects.readers[n]));
        ale_jitter_control_destroy(take(&mut objects.controls[n]));
    }
}
