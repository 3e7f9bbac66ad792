// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C library under sequences of calls: any order, any of a few objects or none, any numbers. What
//! the header asks of callers is kept (an object is destroyed once, memory is as long as it is said to
//! be); everything else may be wrong.
#![allow(unsafe_code)] // The C library's functions take pointers.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use ale_media_capi::codec::ale_codec;
use ale_media_capi::conference::*;
use ale_media_capi::jitter::*;
use ale_media_capi::jitter_view::*;
use ale_media_capi::leg::*;
use ale_media_capi::leg_address::*;
use ale_media_capi::leg_event::*;
use ale_media_capi::leg_relay::*;
use ale_media_capi::leg_stats::*;
use ale_media_capi::leg_ticket::*;
use ale_media_capi::mixer::*;
use ale_media_capi::srtp::*;
use ale_media_capi::srtp_control::*;
use ale_media_capi::status::ale_status;

const LINES: [&CStr; 4] = [
    c"1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd",
    c"1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==",
    c"1 AES_CM_128_HMAC_SHA1_80 inline:HRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA|2^20|1:2",
    c"1 AES_CM_128_HMAC_SHA1_80 inline:short",
];
const ENCODINGS: [&CStr; 5] =
    [c"PCMU/8000", c"PCMA/8000", c"G722/8000", c"L16/16000", c"NOSUCH/8000"];
const PLACES: usize = 3;

/// The objects there are; NULL where there is none.
struct Objects {
    mixers: [*mut ale_mixer; PLACES],
    sessions: [*mut ale_srtp; PLACES],
    writers: [*mut ale_jitter_writer; PLACES],
    readers: [*mut ale_jitter_reader; PLACES],
    controls: [*mut ale_jitter_control; PLACES],
    receivers: [*mut ale_leg_receiver; PLACES],
    media: [*mut ale_leg_media; PLACES],
    orders: [*mut ale_leg_control; PLACES],
    rooms: [*mut ale_conference; PLACES],
    ends: [*mut ale_link_end; PLACES],
    regroupers: [*mut ale_repacketizer; PLACES],
}

/// What is left of the input.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    fn index(&mut self) -> usize {
        usize::from(self.byte()) % PLACES
    }

    /// Small as a rule, and sometimes any number at all.
    fn number(&mut self) -> u32 {
        match self.byte() {
            small @ 0..=199 => u32::from(small),
            200..=229 => u32::from(self.byte()) << 8 | u32::from(self.byte()),
            byte => {
                [u32::MAX, 1 << 31, 65_536, 48_000, 8_000, 16_000, 1_000, 0][usize::from(byte & 7)]
            }
        }
    }

    fn long(&mut self) -> u64 {
        u64::from(self.number()) << (self.byte() & 31) | u64::from(self.byte())
    }

    fn factor(&mut self) -> f32 {
        match self.byte() {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => -1.0,
            byte => f32::from(byte) / 16.0,
        }
    }

    /// Bytes for a packet: the input's own, or a plain RTP header with some payload.
    fn packet(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte());
        if self.byte() & 3 == 0 {
            let (taken, rest) = self.0.split_at(length.min(self.0.len()));
            self.0 = rest;
            return taken.to_vec();
        }
        let mut packet = vec![0x55; 12 + length];
        packet[..12].fill(0);
        packet[0] = 0x80;
        packet[1] = [0, 8, 13, 96, 101, 121][usize::from(self.byte()) % 6];
        packet[3] = self.byte();
        packet[6] = packet[3];
        packet[11] = self.byte() & 3;
        packet
    }

    fn line(&mut self) -> *const std::ffi::c_char {
        LINES.get(usize::from(self.byte()) % 6).map_or(null(), |line| line.as_ptr())
    }

    fn codec(&mut self) -> ale_codec {
        ale_codec {
            payload_type: self.byte(),
            encoding: ENCODINGS.get(usize::from(self.byte()) % 6).map_or(null(), |e| e.as_ptr()),
            sample_rate_hz: 0,
            bit_rate_bps: self.number(),
            complexity: self.number(),
            decoder_complexity: 0,
            dred_ms: 0,
            fmtp: null(),
            host: null(),
        }
    }

    /// Changes some members of a config that is all integers but for pointers set afterwards.
    fn disturb(&mut self, members: &mut [&mut u32]) {
        for _ in 0..self.byte() & 3 {
            let index = usize::from(self.byte()) % members.len();
            *members[index] = self.number();
        }
    }
}

/// A panic within the library is a bug, and so told.
fn check(status: ale_status) -> bool {
    assert_ne!(status as i32, ale_status::ALE_ERR_INTERNAL as i32);
    status as i32 == 0
}

/// Takes the input as a list of calls: a byte that says which, then its arguments.
///
/// # Panics
/// When a call panics within the library.
pub fn calls(data: &[u8]) {
    let mut input = Input(data);
    let mut objects = Objects {
        mixers: [null_mut(); PLACES],
        sessions: [null_mut(); PLACES],
        writers: [null_mut(); PLACES],
        readers: [null_mut(); PLACES],
        controls: [null_mut(); PLACES],
        receivers: [null_mut(); PLACES],
        media: [null_mut(); PLACES],
        orders: [null_mut(); PLACES],
        rooms: [null_mut(); PLACES],
        ends: [null_mut(); PLACES],
        regroupers: [null_mut(); PLACES],
    };
    while !input.0.is_empty() {
        let what = input.byte();
        // SAFETY: the objects are NULL or alive, one thread uses them, and memory that is passed is
        // as long as it is said to be.
        unsafe {
            match what % 8 {
                0 => mixer(&mut objects, &mut input),
                1 => session(&mut objects, &mut input),
                2 => buffer(&mut objects, &mut input),
                3 | 4 => leg(&mut objects, &mut input),
                5 => orders(&mut objects, &mut input),
                6 => room(&mut objects, &mut input),
                _ => relay(&mut objects, &mut input),
            }
        }
    }
    // SAFETY: each is NULL or alive, and nothing uses it afterwards.
    unsafe {
        for n in 0..PLACES {
            ale_mixer_destroy(objects.mixers[n]);
            ale_srtp_destroy(objects.sessions[n]);
            ale_jitter_writer_destroy(objects.writers[n]);
            ale_jitter_reader_destroy(objects.readers[n]);
            ale_jitter_control_destroy(objects.controls[n]);
            ale_leg_receiver_destroy(objects.receivers[n]);
            ale_leg_media_destroy(objects.media[n]);
            ale_leg_control_destroy(objects.orders[n]);
            ale_conference_destroy(objects.rooms[n]);
            ale_link_end_destroy(objects.ends[n]);
            ale_repacketizer_destroy(objects.regroupers[n]);
        }
    }
}

/// A config with its defaults.
macro_rules! defaults {
    ($init:ident) => {{
        let mut config = MaybeUninit::uninit();
        assert!(check($init(config.as_mut_ptr())));
        config.assume_init()
    }};
}

unsafe fn mixer(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: as in `calls`, here and in the functions below.
    unsafe {
        let mixer = &mut objects.mixers[input.index()];
        let mut pcm = [1_000_i16; 480];
        let mut sum = [0_i32; 480];
        let (who, other) = (input.long(), u64::from(input.byte()));
        let samples = [80, 160, 480, 79, 0, 320][usize::from(input.byte()) % 6];
        match input.byte() % 14 {
            0 if mixer.is_null() => {
                let mut config: ale_mixer_config = defaults!(ale_mixer_config_init);
                input.disturb(&mut [
                    &mut config.struct_size,
                    &mut config.sample_rate_hz,
                    &mut config.channels,
                    &mut config.limiter,
                ]);
                config.max_participants = input.number() % 64;
                config.max_pair_gains = input.number() % 64;
                check(ale_mixer_create(&config, mixer));
            }
            1 => {
                let mut participant = 0;
                check(ale_mixer_add(*mixer, &mut participant));
            }
            2 => drop(check(ale_mixer_remove(*mixer, who))),
            3 => drop(check(ale_mixer_input(*mixer, who, pcm.as_ptr(), samples))),
            4 => drop(check(ale_mixer_run(*mixer))),
            5 => drop(check(ale_mixer_output(*mixer, who, pcm.as_mut_ptr(), samples))),
            6 => drop(check(ale_mixer_set_gain(*mixer, who, input.factor()))),
            7 => drop(check(ale_mixer_set_muted(*mixer, who, 1))),
            8 => drop(check(ale_mixer_set_pair_gain(*mixer, who, other, input.factor()))),
            9 => drop(check(ale_mixer_set_private(*mixer, who, 1))),
            10 => drop(check(ale_mixer_set_listening(*mixer, who, 0))),
            11 => drop(check(ale_mixer_mix_in(*mixer, sum.as_ptr(), samples))),
            12 => drop(check(ale_mixer_sum(*mixer, sum.as_mut_ptr(), samples))),
            _ => ale_mixer_destroy(std::mem::replace(mixer, null_mut())),
        }
    }
}

unsafe fn session(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: as in `calls`.
    unsafe {
        let session = &mut objects.sessions[input.index()];
        let mut packet = input.packet();
        let length = packet.len();
        packet.resize(length + usize::from(input.byte()), 0);
        let (bytes, room) = (packet.as_mut_ptr(), packet.len());
        let mut result = 0;
        let direction = i32::from(input.byte() % 3);
        match input.byte() % 11 {
            0 if session.is_null() => {
                let mut config: ale_srtp_config = defaults!(ale_srtp_config_init);
                config.send_crypto = input.line();
                config.receive_crypto = input.line();
                config.policy = i32::from(input.byte() % 4);
                input.disturb(&mut [
                    &mut config.struct_size,
                    &mut config.replay_window_packets,
                    &mut config.flags,
                    &mut config.initial_roc,
                    &mut config.roc_retry,
                    &mut config.rekey_overlap_packets,
                ]);
                config.max_streams = input.number() % 16;
                check(ale_srtp_create(&config, session));
            }
            1 | 2 => drop(check(ale_srtp_protect(*session, bytes, length, room, &mut result))),
            3 | 4 => drop(check(ale_srtp_unprotect(*session, bytes, room, &mut result))),
            5 => drop(check(ale_srtp_protect_rtcp(*session, bytes, length, room, &mut result))),
            6 => drop(check(ale_srtp_unprotect_rtcp(*session, bytes, room, &mut result))),
            7 => drop(check(ale_srtp_rekey(*session, input.line(), input.line()))),
            8 => {
                let mut event = MaybeUninit::<ale_srtp_event>::uninit();
                check(ale_srtp_poll_event(*session, direction, event.as_mut_ptr()));
            }
            9 => {
                let stream = ale_srtp_stream {
                    ssrc: u32::from(input.byte() & 3),
                    roc: input.number(),
                    highest_sequence: input.number() as i32,
                    rtcp_index: input.long() as i64,
                };
                check(ale_srtp_set_stream(*session, direction, &stream));
            }
            _ => ale_srtp_destroy(std::mem::replace(session, null_mut())),
        }
    }
}

unsafe fn buffer(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: as in `calls`.
    unsafe {
        let n = input.index();
        let mut pcm = [0_i16; 480];
        let now_ns = u64::from(input.byte()) * 10_000_000;
        match input.byte() % 9 {
            0 if objects.writers[n].is_null() && objects.readers[n].is_null() => {
                let codecs = [input.codec(), input.codec()];
                let mut config: ale_jitter_config = defaults!(ale_jitter_config_init);
                config.codecs = codecs.as_ptr();
                config.codec_count = usize::from(input.byte() % 3);
                config.delay_mode = i32::from(input.byte() % 4);
                input.disturb(&mut [
                    &mut config.struct_size,
                    &mut config.sample_rate_hz,
                    &mut config.min_delay_ms,
                    &mut config.max_delay_ms,
                    &mut config.target_delay_ms,
                    &mut config.slots,
                    &mut config.resample_drift,
                ]);
                config.black_box_bytes = input.number() % 10_000;
                check(ale_jitter_create(&config, &mut objects.writers[n], &mut objects.readers[n]));
            }
            1 | 2 => {
                let packet = input.packet();
                let (bytes, length) = (packet.as_ptr(), packet.len());
                check(ale_jitter_insert(objects.writers[n], bytes, length, now_ns));
            }
            3 | 4 => {
                let samples = [80, 160, 480, 320, 79][usize::from(input.byte()) % 5];
                let mut info = MaybeUninit::<ale_pull_info>::uninit();
                let (pcm, info) = (pcm.as_mut_ptr(), info.as_mut_ptr());
                check(ale_jitter_pull(objects.readers[n], now_ns, pcm, samples, info));
            }
            5 => {
                let (min, max) = (input.number(), input.number());
                check(ale_jitter_set_delay_bounds(objects.readers[n], min, max));
            }
            6 if objects.controls[n].is_null() => {
                check(ale_jitter_control_create(objects.readers[n], &mut objects.controls[n]));
            }
            7 => {
                let (mode, target_ms) = (i32::from(input.byte() % 4), input.number());
                check(ale_jitter_control_set_mode(objects.controls[n], mode, target_ms));
            }
            _ => {
                ale_jitter_writer_destroy(std::mem::replace(&mut objects.writers[n], null_mut()));
                ale_jitter_reader_destroy(std::mem::replace(&mut objects.readers[n], null_mut()));
                ale_jitter_control_destroy(std::mem::replace(&mut objects.controls[n], null_mut()));
            }
        }
    }
}

unsafe fn leg(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: as in `calls`.
    unsafe {
        let n = input.index();
        let mut pcm = [3_000_i16; 480];
        let now_ns = u64::from(input.byte()) * 10_000_000;
        let samples = ale_leg_sample_rate_hz(objects.media[n]) as usize / 100;
        let samples = if input.byte() == 0 { 79 } else { samples.min(480) };
        match input.byte() % 8 {
            0 | 1
                if [
                    objects.receivers[n].is_null(),
                    objects.media[n].is_null(),
                    objects.orders[n].is_null(),
                ] == [true; 3] =>
            {
                let mut config = MaybeUninit::<ale_leg_config>::uninit();
                let size = size_of::<ale_leg_config>();
                assert!(check(ale_leg_config_init_sized(config.as_mut_ptr(), size)));
                let mut config = config.assume_init();
                config.local_ssrc = n as u32;
                config.send = input.codec();
                config.send_crypto = input.line();
                config.receive_crypto = input.line();
                config.telephone_event_payload_type = 101;
                config.redundancy_payload_type = 121;
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
                    &mut config.nack,
                    &mut config.mixer_levels_id,
                    &mut config.max_delay_ms,
                    &mut config.srtp_flags,
                ]);
                check(ale_leg_create(
                    &config,
                    &mut objects.receivers[n],
                    &mut objects.media[n],
                    &mut objects.orders[n],
                ));
            }
            2 => {
                let mut packet = input.packet();
                let (bytes, length) = (packet.as_mut_ptr(), packet.len());
                check(ale_leg_receive(objects.receivers[n], bytes, length, now_ns, null_mut()));
            }
            3 => {
                let (media, pcm) = (objects.media[n], pcm.as_mut_ptr());
                check(ale_leg_pull(media, now_ns, pcm, samples, null_mut()));
            }
            4 => drop(check(ale_leg_push(objects.media[n], pcm.as_ptr(), samples))),
            5 => {
                // What one sends, another receives.
                let to = objects.receivers[input.index()];
                let (mut datagram, mut length) = (null(), 0);
                while check(ale_leg_poll_transmit(
                    objects.media[n],
                    now_ns,
                    &mut datagram,
                    &mut length,
                )) {
                    let mut copy = std::slice::from_raw_parts(datagram, length).to_vec();
                    check(ale_leg_receive(to, copy.as_mut_ptr(), length, now_ns, null_mut()));
                }
            }
            6 => {
                let mut packet = input.packet();
                let from = ale_address {
                    ip: [input.byte(); 16],
                    ip_bytes: [4, 16, 5][usize::from(input.byte()) % 3],
                    port: input.number(),
                };
                let (to, length) = (objects.receivers[n], packet.len());
                check(ale_leg_receive_from(
                    to,
                    packet.as_mut_ptr(),
                    length,
                    &from,
                    now_ns,
                    null_mut(),
                ));
            }
            _ => {
                ale_leg_receiver_destroy(std::mem::replace(&mut objects.receivers[n], null_mut()));
                ale_leg_media_destroy(std::mem::replace(&mut objects.media[n], null_mut()));
                ale_leg_control_destroy(std::mem::replace(&mut objects.orders[n], null_mut()));
            }
        }
    }
}

unsafe fn orders(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: as in `calls`.
    unsafe {
        let orders = objects.orders[input.index()];
        match input.byte() % 9 {
            0 => drop(check(ale_leg_set_muted(orders, i32::from(input.byte())))),
            1 => drop(check(ale_leg_rekey(orders, input.line(), input.line()))),
            2 => {
                let digits =
                    [c"159#D", c"", c"x", c"0123456789*#ABCD0"][usize::from(input.byte()) % 4];
                check(ale_leg_send_dtmf(orders, digits.as_ptr(), input.number(), input.number()));
            }
            3 => drop(check(ale_leg_stop_dtmf(orders))),
            4 => {
                let mut event = MaybeUninit::<ale_leg_event>::uninit();
                while check(ale_leg_next_event(orders, event.as_mut_ptr())) {}
            }
            5 => {
                let mut stats = MaybeUninit::<ale_leg_counters>::uninit();
                check(ale_leg_stats(orders, stats.as_mut_ptr()));
            }
            6 => {
                let mut json = [0; 1024];
                let capacity = json.len().min(input.number() as usize);
                check(ale_leg_ticket_json(orders, json.as_mut_ptr(), capacity, null_mut()));
            }
            7 => drop(check(ale_leg_change_ssrc(orders, input.number()))),
            _ => drop(check(ale_leg_unlatch(orders))),
        }
    }
}

unsafe fn room(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: as in `calls`.
    unsafe {
        let (n, member, other) = (input.index(), u64::from(input.byte()), u64::from(input.byte()));
        let room = objects.rooms[n];
        let now_ns = u64::from(input.byte()) * 10_000_000;
        match input.byte() % 13 {
            0 | 1 if room.is_null() => {
                let mut config: ale_conference_config = defaults!(ale_conference_config_init);
                input.disturb(&mut [&mut config.struct_size, &mut config.limiter]);
                config.max_members = input.number() % 8;
                config.max_speakers = input.number() % 8;
                config.max_pair_gains = input.number() % 8;
                config.max_datagrams = input.number() % 8;
                config.encode_groups = input.number() % 66;
                check(ale_conference_create(&config, &mut objects.rooms[n]));
            }
            2 | 3 => {
                let mut options: ale_join_options = defaults!(ale_join_options_init);
                options.gain = input.factor();
                input.disturb(&mut [
                    &mut options.muted,
                    &mut options.listening,
                    &mut options.is_private,
                ]);
                let media = &mut objects.media[input.index()];
                let mut who = 0;
                if check(ale_conference_join(room, *media, &options, &mut who)) {
                    *media = null_mut();
                }
            }
            4 => {
                let end = &mut objects.ends[input.index()];
                let mut who = 0;
                if check(ale_conference_join_link(room, *end, null(), &mut who)) {
                    *end = null_mut();
                }
            }
            5 => drop(check(ale_conference_leave(room, member))),
            6 => {
                let (mut who, mut media) = (0, null_mut());
                if check(ale_conference_reclaim(room, &mut who, &mut media)) {
                    ale_leg_media_destroy(media);
                }
            }
            7 => {
                check(ale_conference_set_muted(room, member, 1));
                check(ale_conference_set_private(room, other, 1));
                check(ale_conference_set_listening(room, other, 0));
            }
            8 => {
                check(ale_conference_set_gain(room, member, input.factor()));
                check(ale_conference_set_pair_gain(room, member, other, input.factor()));
            }
            9 | 10 => {
                check(ale_conference_tick(room, now_ns));
                let mut datagram = MaybeUninit::<ale_datagram>::uninit();
                while check(ale_conference_next_datagram(room, datagram.as_mut_ptr())) {
                    let datagram = datagram.assume_init_ref();
                    let mut copy =
                        std::slice::from_raw_parts(datagram.bytes, datagram.length).to_vec();
                    let to = objects.receivers[input.index()];
                    check(ale_leg_receive(to, copy.as_mut_ptr(), copy.len(), now_ns, null_mut()));
                }
            }
            11 => {
                let at = input.index();
                let next = (at + 1) % PLACES;
                if objects.ends[at].is_null() && objects.ends[next].is_null() {
                    let (mut one, mut two) = (null_mut(), null_mut());
                    if check(ale_link_create(input.number().wrapping_mul(100), &mut one, &mut two))
                    {
                        (objects.ends[at], objects.ends[next]) = (one, two);
                    }
                } else {
                    let mut pcm = [5; 480];
                    let samples = [80, 160, 480, 7][usize::from(input.byte()) % 4];
                    check(ale_link_end_push(objects.ends[at], pcm.as_ptr(), samples));
                    check(ale_link_end_pull(objects.ends[at], pcm.as_mut_ptr(), samples));
                }
            }
            _ => ale_conference_destroy(std::mem::replace(&mut objects.rooms[n], null_mut())),
        }
    }
}

extern "C" fn emit(_: *mut std::ffi::c_void, _: u32, payload: *const u8, length: usize) {
    assert!(!payload.is_null() && length > 0);
}

unsafe fn relay(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: as in `calls`.
    unsafe {
        let n = input.index();
        match input.byte() % 4 {
            0 if objects.regroupers[n].is_null() => {
                let codec = input.codec();
                check(ale_repacketizer_create(&codec, input.number(), &mut objects.regroupers[n]));
            }
            1 => {
                let payload = input.packet();
                let (bytes, length) = (payload.as_ptr(), payload.len());
                let (to, timestamp) = (objects.regroupers[n], input.number());
                check(ale_repacketizer_push(to, timestamp, bytes, length, Some(emit), null_mut()));
            }
            2 => {
                let payload = input.packet();
                let passed = ale_passed {
                    payload_type: u32::from(input.byte()),
                    marker: u32::from(input.byte() & 1),
                    sequence: input.number(),
                    timestamp: input.number(),
                    ssrc: input.number(),
                    payload_offset: 0,
                    payload_bytes: payload.len(),
                };
                let (mut datagram, mut length) = (null(), 0);
                check(ale_leg_relay(
                    objects.media[n],
                    &passed,
                    payload.as_ptr(),
                    payload.len(),
                    &mut datagram,
                    &mut length,
                ));
            }
            _ => {
                ale_repacketizer_destroy(std::mem::replace(&mut objects.regroupers[n], null_mut()));
            }
        }
    }
}
