// SPDX-License-Identifier: MIT OR Apache-2.0
//! A leg's three threads: as they come, for ThreadSanitizer and Miri, and under `--cfg shuttle` in random
//! interleavings of all their steps, far too many to try each.

use alloc::vec::Vec;

#[cfg(shuttle)]
use shuttle::thread;
#[cfg(not(shuttle))]
use std::thread;

use super::{Leg, LegConfig, SrtpConfig};
use crate::codec::CodecSpec;
use crate::srtp::Suite;
use crate::test_support::keys;

#[cfg(shuttle)]
const INTERLEAVINGS: usize = 300;
/// Packet times of the call.
const PACKETS: u64 = if cfg!(miri) { 4 } else { 60 };
const TICK_NS: u64 = 10_000_000;
const SUITE: Suite = Suite::AeadAes128Gcm;

/// A call in which the control thread changes the keys for receiving, while the peer goes on with the
/// first ones, which count for so many packets under the new ones.
fn call(overlap_packets: u32) {
    let config = |ssrc, send, receive| {
        let mut config = LegConfig::plain(ssrc, 8, CodecSpec::Pcma);
        let mut receive = keys(SUITE, receive);
        receive.rekey_overlap_packets = overlap_packets;
        config.srtp = Some(SrtpConfig { send: keys(SUITE, send), receive });
        // Room for the whole call, should the audio thread come last.
        config.jitter.slots = 4 * PACKETS as u16;
        config
    };
    let (_, mut peer, _) = Leg::new(&config(1, 1, 2)).unwrap();
    let (mut receiver, mut media, mut control) = Leg::new(&config(2, 2, 1)).unwrap();
    let network = thread::spawn(move || {
        for n in 0..PACKETS {
            let now_ns = 2 * n * TICK_NS;
            peer.push(&[1_000; 160]).unwrap();
            while let Some(datagram) = peer.poll_transmit(now_ns) {
                let mut datagram = datagram.to_vec();
                receiver.receive(&mut datagram, now_ns).expect("the old keys count on");
            }
        }
        receiver
    });
    let audio = thread::spawn(move || {
        for n in 0..2 * PACKETS {
            let mut pcm = [0; 80];
            media.pull(n * TICK_NS, &mut pcm).unwrap();
            media.push(&pcm).unwrap();
            while media.poll_transmit(n * TICK_NS).is_some() {}
        }
        media
    });
    let mut seen = Vec::new();
    for n in 0..4 {
        control.set_muted(n % 2 == 0).unwrap();
        let stats = control.stats();
        seen.push((stats.receiver.packets, stats.media.packets, stats.jitter.samples));
        if n < 1 {
            control.rekey(None, Some(&keys(SUITE, 3 + n))).unwrap();
        }
    }
    let (receiver, media) = (network.join().unwrap(), audio.join().unwrap());
    let grows = |pair: &[(u64, u64, u64)]| {
        pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1 && pair[0].2 <= pair[1].2
    };
    assert!(seen.windows(2).all(grows), "counters went back: {seen:?}");
    let stats = control.stats();
    assert_eq!(stats.receiver.packets, receiver.stats().packets);
    assert_eq!(stats.media.packets, media.stats().packets);
    // The first was on probation, and is played when the second has come.
    assert_eq!((stats.receiver.packets, stats.jitter.inserted), (PACKETS, PACKETS));
}

#[test]
#[cfg(not(shuttle))]
fn three_threads_share_a_call() {
    call(256);
}

#[test]
#[cfg(shuttle)]
fn shuttle_three_threads_share_a_call() {
    shuttle::check_random(|| call(256), INTERLEAVINGS);
}

#[test]
#[cfg(shuttle)]
#[should_panic(expected = "the old keys count on")]
fn shuttle_planted_old_keys_are_gone() {
    shuttle::check_random(|| call(0), INTERLEAVINGS);
}
