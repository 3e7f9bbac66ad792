// SPDX-License-Identifier: MIT OR Apache-2.0
//! Voices that are decoded and encoded anew: a leg at either end, and every 20 ms what is heard at one is said at
//! the other.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use ale_media::leg::{LegMedia, LegReceiver, Received};

use super::{End, Facing, MAX_DATAGRAM_BYTES, TICK_NS, count};

#[cfg(test)]
#[path = "translate_tests.rs"]
mod tests;

/// Samples of a tick at the highest rate.
const MAX_TICK_SAMPLES: usize = 48 * 20;

/// A leg but for its control half. Both of a line have PCM of the same rate.
#[derive(Debug)]
pub struct Voice {
    /// What comes from the peer.
    pub receiver: LegReceiver,
    /// What is heard of it, and said to it.
    pub media: LegMedia,
    /// Packets that had been sent at the last checkpoint.
    pub at_checkpoint: u64,
}

/// A datagram of `bytes` in `buffer` came for a leg, from there; without an address if ICE says that it is the
/// peer's. What it was, if it was something.
pub(super) fn take(
    facing: &Facing,
    receiver: &mut LegReceiver,
    buffer: &mut [u8],
    bytes: usize,
    from: Option<SocketAddr>,
    now_ns: u64,
) -> Option<Received> {
    let counters = &facing.counters;
    let datagram = buffer.get_mut(..bytes).filter(|_| bytes <= MAX_DATAGRAM_BYTES);
    let received = datagram.and_then(|datagram| match from {
        Some(from) => receiver.receive_from(datagram, from, now_ns).ok(),
        None => receiver.receive(datagram, now_ns).ok(),
    });
    match received {
        Some(Received::Media | Received::Probation) => {
            counters.last_arrival_ns.store(now_ns, Ordering::Relaxed);
            count(&counters.rtp_packets, 1);
            count(&counters.rtp_bytes, bytes as u64);
        }
        Some(Received::Report | Received::Goodbye) => {
            count(&counters.rtcp_packets, 1);
            count(&counters.rtcp_bytes, bytes as u64);
        }
        Some(_) | None => count(&counters.refused, 1),
    }
    received
}

/// What is heard at each end is said at the other, and sent.
pub(super) fn cross(ends: &mut [End<Voice>; 2], now_ns: u64) {
    let [first, second] = ends;
    say(first, second, now_ns);
    say(second, first, now_ns);
    transmit(first, now_ns);
    transmit(second, now_ns);
}

fn say(near: &mut End<Voice>, far: &mut End<Voice>, now_ns: u64) {
    let mut room = [0; MAX_TICK_SAMPLES];
    let samples = u64::from(near.media.media.sample_rate_hz()) * TICK_NS / 1_000_000_000;
    let Some(pcm) = room.get_mut(..samples as usize) else { return };
    // The lengths are whole ticks of the legs' common rate: neither refuses them.
    let _ = near.media.media.pull(now_ns, pcm);
    if let Some(ear) = &mut near.facing.ear {
        ear.sound(pcm);
    }
    // Its peer hears something else just now.
    if let Some(playing) = far.facing.playing.as_deref_mut().filter(|p| p.is_heard()) {
        playing.player.fill(pcm);
        let _ = far.media.media.push(pcm);
        return;
    }
    if near.facing.passing.blocked {
        return;
    }
    if near.facing.passing.silenced {
        pcm.fill(0);
    }
    let _ = far.media.media.push(pcm);
}

fn transmit(end: &mut End<Voice>, now_ns: u64) {
    let media = &mut end.media.media;
    let (rtp, rtcp) = (media.remote_address(), media.remote_rtcp_address());
    while let Some(datagram) = media.poll_transmit(now_ns) {
        end.facing.transmit(datagram, rtp, rtcp);
    }
}
