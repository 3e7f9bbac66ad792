// SPDX-License-Identifier: MIT OR Apache-2.0
//! G.722, an encode and a decode of 20 ms: one stream, and groups with a stream a SIMD lane, beside
//! spandsp and ezk-g722.
#![cfg_attr(feature = "peers", allow(unsafe_code))] // spandsp is a C library

use std::hint::black_box;

use ale_media::codec::g722::{
    BitRate, DecodeJob, EncodeJob, G722Decoder, G722Encoder, decode_batch, encode_batch,
};

use crate::codec::voice;
use crate::harness::{self, Side};

const REPEATS: u64 = 50;
/// Samples and bytes of 20 ms.
const SAMPLES: usize = 320;
const BYTES: usize = SAMPLES / 2;

struct Stream {
    encoder: G722Encoder,
    decoder: G722Decoder,
    payload: [u8; BYTES],
    pcm: [i16; SAMPLES],
}

/// One row a group size.
pub fn compare(filter: &str) {
    for group in [1_usize, 8, 16, 64] {
        let row = format!("G.722 encode + decode, groups of {group}");
        if !row.contains(filter) {
            continue;
        }
        let said = voice(16_000);
        let mut streams: Vec<Stream> = (0..group)
            .map(|_| Stream {
                encoder: G722Encoder::new(BitRate::Kbps64),
                decoder: G722Decoder::new(BitRate::Kbps64),
                payload: [0; BYTES],
                pcm: [0; SAMPLES],
            })
            .collect();
        let ours = Side::whole("ours", || {
            for _ in 0..REPEATS {
                let mut jobs: Vec<_> = streams
                    .iter_mut()
                    .map(|s| EncodeJob {
                        encoder: &mut s.encoder,
                        pcm: &said,
                        payload: &mut s.payload,
                        result: Ok(0),
                    })
                    .collect();
                encode_batch(&mut jobs);
                let mut jobs: Vec<_> = streams
                    .iter_mut()
                    .map(|s| DecodeJob {
                        decoder: &mut s.decoder,
                        payload: &s.payload,
                        pcm: &mut s.pcm,
                        result: Ok(0),
                    })
                    .collect();
                decode_batch(&mut jobs);
                black_box(&jobs);
            }
        });
        #[allow(unused_mut)]
        let mut sides = vec![ours];
        #[cfg(feature = "peers")]
        peers::add(&mut sides, group as u64 * REPEATS);
        harness::compare(&row, group as u64 * REPEATS, &mut sides);
    }
}

#[cfg(feature = "peers")]
mod peers {
    use super::{BYTES, SAMPLES, Side, black_box, voice};
    use ezk_g722::libg722::{Bitrate, decoder::Decoder, encoder::Encoder};
    use std::ffi::{c_int, c_void};

    #[link(name = "spandsp")]
    unsafe extern "C" {
        fn g722_encode_init(state: *mut c_void, rate: c_int, options: c_int) -> *mut c_void;
        fn g722_decode_init(state: *mut c_void, rate: c_int, options: c_int) -> *mut c_void;
        fn g722_encode(state: *mut c_void, to: *mut u8, from: *const i16, len: c_int) -> c_int;
        fn g722_decode(state: *mut c_void, to: *mut i16, from: *const u8, len: c_int) -> c_int;
    }

    /// As many packets as ours, one after another through one stream each.
    pub(super) fn add(sides: &mut Vec<Side<'_>>, packets: u64) {
        let said = voice(16_000);
        // SAFETY: NULL asks for a new state; 64000 is a rate that it knows. They live as long as
        // the program.
        let (encoder, decoder) = unsafe {
            let none = std::ptr::null_mut();
            (g722_encode_init(none, 64_000, 0), g722_decode_init(none, 64_000, 0))
        };
        let pcm = said.clone();
        sides.push(Side::whole("spandsp", move || {
            let (mut payload, mut out) = ([0_u8; BYTES], [0_i16; SAMPLES]);
            for _ in 0..packets {
                // SAFETY: the states live, and the buffers are as long as is said.
                unsafe {
                    g722_encode(encoder, payload.as_mut_ptr(), pcm.as_ptr(), SAMPLES as c_int);
                    g722_decode(decoder, out.as_mut_ptr(), payload.as_ptr(), BYTES as c_int);
                }
                black_box(&out);
            }
        }));
        let mut encoder = Encoder::new(Bitrate::Mode1_64000, false, false);
        let mut decoder = Decoder::new(Bitrate::Mode1_64000, false, false);
        sides.push(Side::whole("ezk-g722", move || {
            for _ in 0..packets {
                let payload = encoder.encode(&said);
                black_box(decoder.decode(&payload));
            }
        }));
    }
}
