// SPDX-License-Identifier: MIT OR Apache-2.0
//! Legs: what comes from the network and goes there, what is played and said.

use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use ale_media_capi::leg::*;
use ale_media_capi::leg_address::*;
use ale_media_capi::leg_batch::*;
use ale_media_capi::leg_config::*;
use ale_media_capi::leg_jitter::*;
use ale_media_capi::leg_recording::*;
use ale_media_capi::leg_relay::{ale_leg_passed, ale_leg_relay, ale_pass_through};
use ale_media_capi::memory::ale_memory;
use ale_media_capi::mistake::{ale_leg_config_check, ale_mistake};
use ale_media_capi::status::ale_status;

use super::input::Input;
use super::{Objects, check, defaults, take};

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let n = input.index();
        let (receiver, media) = (objects.receivers[n], objects.media[n]);
        let mut pcm = [3_000_i16; 480];
        let now_ns = input.now_ns();
        let samples = ale_leg_sample_rate_hz(media) as usize / 100;
        let samples = if input.byte() == 0 { 79 } else { samples.min(480) };
        match input.choice(11) {
            0 | 1 if receiver.is_null() && media.is_null() && objects.orders[n].is_null() => {
                create(objects, input, n);
            }
            2 => {
                let mut packet = input.packet();
                let (bytes, length) = (packet.as_mut_ptr(), packet.len());
                let mut received = MaybeUninit::uninit();
                check(ale_leg_receive(receiver, bytes, length, now_ns, received.as_mut_ptr()));
            }
            3 => drop(check(ale_leg_pull(media, now_ns, pcm.as_mut_ptr(), samples, null_mut()))),
            4 => drop(check(ale_leg_push(media, pcm.as_ptr(), samples))),
            5 | 6 => {
                // What one sends, another receives.
                let to = objects.receivers[input.index()];
                let (mut datagram, mut length) = (null(), 0);
                while check(ale_leg_poll_transmit(media, now_ns, &mut datagram, &mut length)) {
                    let mut copy = std::slice::from_raw_parts(datagram, length).to_vec();
                    check(ale_leg_receive(to, copy.as_mut_ptr(), length, now_ns, null_mut()));
                }
            }
            7 => {
                let mut packet = input.packet();
                let (bytes, length, from) = (packet.as_mut_ptr(), packet.len(), address(input));
                check(ale_leg_receive_from(receiver, bytes, length, &from, now_ns, null_mut()));
                let mut latched = MaybeUninit::uninit();
                check(ale_leg_remote_address(receiver, latched.as_mut_ptr()));
            }
            8 => {
                batch(objects, input, now_ns);
                let (mut shares, mut log, mut length) = ([0.0; 4], [0; 64], 0);
                let step_ms = input.number();
                check(ale_leg_arrival_histogram(media, step_ms, shares.as_mut_ptr(), 4));
                check(ale_leg_black_box(media, log.as_mut_ptr(), log.len(), &mut length));
                let orders = objects.orders[n];
                check(ale_leg_set_delay_mode(orders, input.enumerated(3), input.number()));
                check(ale_leg_set_delay_bounds(orders, input.number(), input.number()));
                ale_is_rtcp(log.as_ptr(), log.len());
                check(ale_leg_record(orders, u32::from(input.byte()) * 8));
                let (mut heard, mut said, mut lost) = ([0; 100], [0; 100], 0);
                let (heard, said) = (heard.as_mut_ptr(), said.as_mut_ptr());
                check(ale_leg_read_recording(orders, heard, said, 100, &mut length, &mut lost));
            }
            9 => {
                let to = objects.receivers[input.index()];
                let (mut datagram, mut length) = (null(), 0);
                if check(ale_leg_goodbye(media, now_ns, &mut datagram, &mut length)) {
                    let mut copy = std::slice::from_raw_parts(datagram, length).to_vec();
                    check(ale_leg_receive(to, copy.as_mut_ptr(), length, now_ns, null_mut()));
                }
            }
            _ => destroy(objects, n),
        }
    }
}

fn address(input: &mut Input<'_>) -> ale_address {
    let ip = [input.byte(); 16];
    ale_address { ip, ip_bytes: input.one_of(&[4, 16, 5]), port: input.number() }
}

unsafe fn create(objects: &mut Objects, input: &mut Input<'_>, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        let mut config: ale_leg_config = defaults!(ale_leg_config_init, ale_leg_config_init_sized);
        // Recorded inputs have a byte here.
        let _ = input.byte();
        let receive = [input.codec(objects), input.codec(objects)];
        let passed = [
            ale_pass_through { payload_type: 96, rtp_clock_hz: 90_000 },
            ale_pass_through { payload_type: input.number(), rtp_clock_hz: input.number() },
        ];
        config.local_ssrc = n as u32;
        config.send = input.codec(objects);
        (config.receive, config.receive_count) = (receive.as_ptr(), input.choice(3).into());
        (config.pass_through, config.pass_through_count) =
            (passed.as_ptr(), input.choice(3).into());
        config.send_crypto = input.line();
        config.receive_crypto = input.line();
        config.telephone_event_payload_type = 101;
        config.redundancy_payload_type = 121;
        config.mid = [null(), c"0".as_ptr()][usize::from(input.choice(2))];
        input.disturb(&mut [
            &mut config.struct_size,
            &mut config.packet_ms,
            &mut config.rtcp_interval_ms,
            &mut config.redundancy_generations,
            &mut config.silence_suppression,
            &mut config.audio_level_id,
            &mut config.absolute_send_time_id,
            &mut config.mid_id,
            &mut config.inband_tones,
            &mut config.call_progress,
            &mut config.extended_reports,
            &mut config.freeze_for_modems,
            &mut config.keepalive_ms,
            &mut config.nack,
            &mut config.level_trust,
            &mut config.mixer_levels_id,
            &mut config.max_delay_ms,
            &mut config.srtp_flags,
        ]);
        let mut memory = MaybeUninit::<ale_memory>::uninit();
        let fits = check(ale_leg_memory_required(&config, memory.as_mut_ptr()));
        let made = check(ale_leg_create(
            &config,
            &mut objects.receivers[n],
            &mut objects.media[n],
            &mut objects.orders[n],
        ));
        assert_eq!(made, fits);
        let mut mistake = MaybeUninit::<ale_mistake>::zeroed();
        let size = size_of::<ale_mistake>();
        assert!(check(ale_leg_config_check(null_mut(), &config, mistake.as_mut_ptr(), size)));
        assert_eq!(made, mistake.assume_init().status == ale_status::ALE_OK as i32);
    }
}

/// Datagrams of any of the legs; what the last one passes through is relayed.
unsafe fn batch(objects: &mut Objects, input: &mut Input<'_>, now_ns: u64) {
    // SAFETY: the caller's.
    unsafe {
        let mut packets: Vec<_> = (0..input.choice(6)).map(|_| input.packet()).collect();
        let from = address(input);
        let mut arrivals: Vec<_> = packets
            .iter_mut()
            .map(|packet| ale_arrival {
                receiver: objects.receivers[input.index()],
                datagram: packet.as_mut_ptr(),
                length: packet.len(),
                arrival_ns: now_ns,
                from: if input.byte() & 1 == 0 { null() } else { &from },
                received: ale_received::ALE_RECEIVED_MEDIA,
                status: ale_status::ALE_OK,
            })
            .collect();
        check(ale_leg_receive_batch(arrivals.as_mut_ptr(), arrivals.len()));
        let Some((last, packet)) = arrivals.last().zip(packets.last()) else { return };
        let mut passed = MaybeUninit::uninit();
        if check(last.status) && check(ale_leg_passed(last.receiver, passed.as_mut_ptr())) {
            let passed = passed.assume_init();
            let media = objects.media[input.index()];
            // It may be of an earlier datagram.
            let payload = packet.get(passed.payload_offset..).unwrap_or_default();
            let payload = &payload[..passed.payload_bytes.min(payload.len())];
            let (bytes, length) = (payload.as_ptr(), payload.len());
            let (mut relayed, mut relayed_bytes) = (null(), 0);
            let out = (&mut relayed, &mut relayed_bytes);
            if check(ale_leg_relay(media, &passed, bytes, length, out.0, out.1)) {
                assert!(relayed_bytes >= length);
            }
        }
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        ale_leg_receiver_destroy(take(&mut objects.receivers[n]));
        ale_leg_media_destroy(take(&mut objects.media[n]));
        ale_leg_control_destroy(take(&mut objects.orders[n]));
    }
}
