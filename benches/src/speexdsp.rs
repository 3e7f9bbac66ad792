// SPDX-License-Identifier: MIT OR Apache-2.0
//! speexdsp's jitter buffer: adaptive, and without concealment or stretching, which are the
//! decoder's affair there. So what is measured of it is less than what ours does.
#![allow(unsafe_code)] // calls a C library

use std::ffi::{c_char, c_int, c_uint, c_ushort, c_void};
use std::hint::black_box;
use std::time::{Duration, Instant};

use ale_media::codec::g711::Law;
use ale_media::rtp::RtpPacket;

use crate::jitter::PULLS;

/// `JitterBufferPacket` of speex_jitter.h.
#[repr(C)]
struct Packet {
    data: *mut c_char,
    len: c_uint,
    timestamp: c_uint,
    span: c_uint,
    sequence: c_ushort,
    user_data: c_uint,
}

#[link(name = "speexdsp")]
unsafe extern "C" {
    fn jitter_buffer_init(step_size: c_int) -> *mut c_void;
    fn jitter_buffer_destroy(jitter: *mut c_void);
    fn jitter_buffer_put(jitter: *mut c_void, packet: *const Packet);
    fn jitter_buffer_get(
        jitter: *mut c_void,
        packet: *mut Packet,
        desired_span: c_int,
        start_offset: *mut c_int,
    ) -> c_int;
    fn jitter_buffer_tick(jitter: *mut c_void);
}

/// Samples of a packet, and of a step of the buffer.
const SPAN: usize = 160;

/// Plays all packets, a packet's worth every second pull, decoded; returns how long that took.
pub fn play(packets: &[(u64, Vec<u8>)]) -> Duration {
    // SAFETY: the constructor has no preconditions.
    let jitter = unsafe { jitter_buffer_init(SPAN as c_int) };
    let mut waiting = packets.iter().peekable();
    let mut pcm = [0_i16; SPAN];
    let mut payload = [0_u8; SPAN];
    let begin = Instant::now();
    for step in 0..PULLS as u64 / 2 {
        let now = step * 20_000_000;
        while let Some((_, datagram)) = waiting.next_if(|packet| packet.0 <= now) {
            let Ok(packet) = RtpPacket::parse(datagram) else { continue };
            let Ok(body) = packet.payload() else { continue };
            let packet = Packet {
                // The library copies from here and writes nothing to it.
                data: body.as_ptr().cast_mut().cast(),
                len: body.len() as c_uint,
                timestamp: packet.timestamp(),
                span: SPAN as c_uint,
                sequence: packet.sequence(),
                user_data: 0,
            };
            // SAFETY: the buffer lives, and data and len describe the payload.
            unsafe { jitter_buffer_put(jitter, &raw const packet) };
        }
        let mut packet = Packet {
            data: payload.as_mut_ptr().cast(),
            len: SPAN as c_uint,
            timestamp: 0,
            span: 0,
            sequence: 0,
            user_data: 0,
        };
        let mut offset = 0;
        // SAFETY: the buffer lives, and data and len describe the room for a payload.
        let outcome = unsafe {
            let outcome =
                jitter_buffer_get(jitter, &raw mut packet, SPAN as c_int, &raw mut offset);
            jitter_buffer_tick(jitter);
            outcome
        };
        if outcome == 0 {
            Law::Mu.decode(&payload, &mut pcm);
        } else {
            pcm.fill(0);
        }
        black_box(&pcm);
    }
    let spent = begin.elapsed();
    // SAFETY: the buffer lives and is not used after this.
    unsafe { jitter_buffer_destroy(jitter) };
    spent
}
