// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets on a perfect network that come with the audio thread's pulls: right before one, right after, at
//! any phase of the tone that is concealed where one is missed.

use ale_media::codec::CodecSpec;
use ale_media::leg::LegConfig;

use crate::call::{Call, call};

/// Concealed samples of 20 s that begin at this timestamp, in a call that may have had another source.
fn concealed(begin: u32, before_ms: u64, another: bool) -> u64 {
    let mut call: Call = call(&LegConfig::plain(1, 0, CodecSpec::Pcmu));
    if another {
        call.stream(9, 3, begin.wrapping_mul(31), 50);
    }
    let count = |call: &Call| call.control.stats().jitter.concealed_samples;
    let earlier = count(&call);
    for n in 0..1_000_u16 {
        let _ = call.voice(7, n, begin + 160 * u32::from(n));
        call.now_ns += before_ms * 1_000_000;
        call.wait(20);
        call.now_ns -= before_ms * 1_000_000;
    }
    count(&call) - earlier
}

#[test]
fn a_perfect_network_needs_no_concealment_wherever_packets_fall_between_pulls() {
    for another in [false, true] {
        for begin in 0..20 {
            for before_ms in [0, 5, 9] {
                let samples = concealed(7 * begin, before_ms, another);
                // Where one source follows another it is waited for.
                let limit = if another { 1_600 } else { 400 };
                assert!(samples <= limit, "{samples} samples: {begin}, {before_ms} ms, {another}");
            }
        }
    }
}
