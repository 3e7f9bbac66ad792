// SPDX-License-Identifier: MIT OR Apache-2.0
//! Voices that are decoded and encoded anew: a leg at either end, and every 20 ms what is heard at one is said at
//! the other.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use ale_media::leg::{LegMedia, LegReceiver, Received};
use ale_media::rtp::is_rtcp;

use super::{End, MAX_DATAGRAM_BYTES, TICK_NS, count, send};

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
}

/// A datagram of `bytes` in `buffer` came at an end, from there; without an address if ICE says that it is the
/// peer's.
pub(super) fn take(
    near: &mut End<Voice>,
    buffer: &mut [u8],
    bytes: usize,
    from: Option<SocketAddr>,
    now_ns: u64,
) {
    let datagram = buffer.get_mut(..bytes).filter(|_| bytes <= MAX_DATAGRAM_BYTES);
    let Some(datagram) = datagram else { return count(&near.counters.refused, 1) };
    let receiver = &mut near.media.receiver;
    let received = match from {
        Some(from) => receiver.receive_from(datagram, from, now_ns),
        None => receiver.receive(datagram, now_ns),
    };
    match received {
        Ok(Received::Media | Received::Probation) => {
            near.counters.last_arrival_ns.store(now_ns, Ordering::Relaxed);
            count(&near.counters.rtp_packets, 1);
            count(&near.counters.rtp_bytes, bytes as u64);
        }
        Ok(Received::Report | Received::Goodbye) => {
            count(&near.counters.rtcp_packets, 1);
            count(&near.counters.rtcp_bytes, bytes as u64);
        }
        Ok(_) | Err(_) => count(&near.counters.refused, 1),
    }
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
    if near.passing.blocked {
        return;
    }
    if near.passing.silenced {
        pcm.fill(0);
    }
    let _ = far.media.media.push(pcm);
}

fn transmit(end: &mut End<Voice>, now_ns: u64) {
    let media = &end.media.media;
    let rtp = end.to(false, media.remote_address());
    let rtcp = end.to(true, media.remote_rtcp_address());
    let media = &mut end.media.media;
    while let Some(datagram) = media.poll_transmit(now_ns) {
        let report = is_rtcp(datagram);
        let socket = if report && !end.rtcp_mux { &end.pair.rtcp } else { &end.pair.rtp };
        let to = if report { rtcp } else { rtp };
        if !send(socket, datagram, Some(datagram.len()), to) {
            count(&end.counters.unsent, 1);
        }
    }
}
