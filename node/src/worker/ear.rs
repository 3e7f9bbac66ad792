// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines between two that are tapped: what comes from a peer goes to a conference for its taps as well, in which
//! nobody hears anybody.

use ale_media::conference::LinkEnd;
use ale_media::leg::LegReceiver;

use super::MAX_DATAGRAM_BYTES;

/// Where what comes from a peer goes besides.
#[derive(Debug)]
pub enum Ear {
    /// Packets, to the receiving half of a leg that says nothing.
    Packets(Box<LegReceiver>),
    /// Sound that is decoded anyway.
    Sound(Box<LinkEnd>),
}

impl Ear {
    /// A packet of the peer's, without what protected it.
    pub(super) fn packet(&mut self, packet: &[u8], now_ns: u64) {
        let Self::Packets(receiver) = self else { return };
        let mut copy = [0; MAX_DATAGRAM_BYTES];
        let Some(copy) = copy.get_mut(..packet.len()) else { return };
        copy.copy_from_slice(packet);
        // What it refuses it counts; the line goes on.
        let _ = receiver.receive(copy, now_ns);
    }

    /// What the peer has said, in whole frames of 10 ms. What its conference does not take in time is lost, and
    /// counted there.
    pub(super) fn sound(&mut self, pcm: &[i16]) {
        let Self::Sound(link) = self else { return };
        for frame in pcm.chunks_exact(link.frame_samples().max(1)) {
            link.push(frame);
        }
    }
}
