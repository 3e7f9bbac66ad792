// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conferences of a worker: each lives here whole, is ticked every 10 ms, and what it leaves is sent by its members'
//! paths.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use ale_media::conference::{Conference, Outgoing};
use ale_media::leg::{LegReceiver, Received};

use super::path::{Ends, Path};
use super::{Camera, End, translate};

#[cfg(test)]
#[path = "mix_tests.rs"]
mod tests;

/// The receiving half of a member's leg; the conference has the half that it hears and is heard by.
#[derive(Debug)]
pub struct Heard {
    /// What comes from the peer.
    pub receiver: LegReceiver,
    /// Where reports go: whence the last came, or else where the description says.
    reports_to: Option<SocketAddr>,
    /// Where a later description says that the peer is, until the receiver knows: with the next datagram.
    moved_to: Option<SocketAddr>,
    /// Its video, if it has any.
    pub camera: Option<Box<Camera>>,
    /// Packets that it had been sent at the last checkpoint.
    pub(super) at_checkpoint: u64,
}

impl Heard {
    /// A receiver of who is said to take reports there.
    pub fn new(receiver: LegReceiver, reports_to: Option<SocketAddr>) -> Self {
        Self { receiver, reports_to, moved_to: None, camera: None, at_checkpoint: 0 }
    }

    pub(super) fn relatch(&mut self, rtp: SocketAddr, rtcp: Option<SocketAddr>) {
        (self.moved_to, self.reports_to) = (Some(rtp), rtcp);
    }

    /// Where media is to be sent, as far as is known.
    fn address(&self) -> Option<SocketAddr> {
        self.moved_to.or(self.receiver.remote_address())
    }
}

/// A conference. Its members join with the numbers of their paths for tags.
pub struct Mix {
    /// The number by which the control thread knows it.
    pub id: u64,
    /// The conference.
    pub conference: Conference,
    /// Room for the datagrams of a tick.
    pub outgoing: Outgoing,
}

impl core::fmt::Debug for Mix {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Mix").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A datagram of `bytes` in `buffer` came from a member, from there; without an address if ICE says that it is the
/// peer's.
pub(super) fn take(
    end: &mut End<Heard>,
    buffer: &mut [u8],
    bytes: usize,
    from: Option<SocketAddr>,
    now_ns: u64,
) {
    let End { facing, media } = end;
    let received = translate::take(facing, &mut media.receiver, buffer, bytes, from, now_ns);
    media.moved_to = None;
    if matches!(received, Some(Received::Report | Received::Goodbye)) {
        media.reports_to = from.or(media.reports_to);
        // Who only listens is there as long as it reports.
        facing.counters.last_arrival_ns.store(now_ns, Ordering::Relaxed);
    }
}

/// Has everybody in a conference hear the others for 10 ms.
pub(super) fn tick(
    mix: &mut Mix,
    paths: &[Option<Box<Path>>],
    places: &HashMap<u64, usize>,
    now_ns: u64,
) {
    mix.conference.tick(now_ns, &mut mix.outgoing);
    for datagram in mix.outgoing.iter() {
        let place = places.get(&datagram.tag).copied();
        // One that has left goes with the next tick.
        let Some(Some(path)) = place.and_then(|place| paths.get(place)) else { continue };
        let Ends::Mix(End { facing, media }) = &path.ends else { continue };
        let rtp = media.address();
        facing.transmit(datagram.bytes, rtp, media.reports_to.or(rtp));
    }
}
