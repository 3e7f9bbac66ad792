// SPDX-License-Identifier: MIT OR Apache-2.0
//! A black box's log, whole or damaged, played again.

use std::mem::MaybeUninit;

use ale_media_capi::jitter::{
    ale_jitter_config, ale_jitter_config_init, ale_jitter_config_init_sized,
};
use ale_media_capi::replay::*;

use super::input::Input;
use super::{Objects, check, defaults, take};

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let n = input.index();
        match input.choice(4) {
            0 if objects.replays[n].is_null() => {
                let codecs = [input.codec(objects), input.codec(objects)];
                let mut config: ale_jitter_config =
                    defaults!(ale_jitter_config_init, ale_jitter_config_init_sized);
                config.codecs = codecs.as_ptr();
                config.codec_count = usize::from(input.choice(3));
                input.disturb(&mut [&mut config.struct_size, &mut config.sample_rate_hz]);
                let mut log = objects.log.clone();
                for _ in 0..input.choice(3) {
                    let (at, byte) = (input.number() as usize, input.byte());
                    if let Some(place) = log.get_mut(at) {
                        *place = byte;
                    }
                }
                let (bytes, length) = (log.as_ptr(), log.len());
                check(ale_jitter_replay_create(bytes, length, &config, &mut objects.replays[n]));
            }
            1 | 2 => {
                let room = input.one_of(&[960, 80, 0]);
                let (mut samples, mut agrees, mut ended) = (0, 0, 0);
                let (mut pcm, mut info) = ([0; 960], MaybeUninit::uninit());
                // A record has a byte at least.
                for _ in 0..=objects.log.len().max(10_000) {
                    let pulled = check(ale_jitter_replay_pull(
                        objects.replays[n],
                        pcm.as_mut_ptr(),
                        room,
                        &mut samples,
                        info.as_mut_ptr(),
                        &mut agrees,
                        &mut ended,
                    ));
                    if !pulled || ended == 1 {
                        return;
                    }
                    assert!(samples <= room);
                }
                panic!("a log with more pulls than bytes");
            }
            _ => destroy(objects, n),
        }
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe { ale_jitter_replay_destroy(take(&mut objects.replays[n])) };
}
