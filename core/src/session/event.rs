// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events of a session.

use core::net::SocketAddr;

use super::outcome::ReceiveError;
use crate::sync::ring::Producer;

/// Events of the network thread's half that may wait to be read.
pub(crate) const EVENTS: usize = 32;
/// The same of the half that sends.
pub(crate) const SENDER_EVENTS: usize = 8;

/// Something that happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// Another source is listened to from now on.
    SourceChanged {
        /// The new source.
        ssrc: u32,
    },
    /// Somebody else sends as our source, or our own packets come back (RFC 3550 section 8.2). Told once
    /// for each source of ours.
    SsrcCollision {
        /// The source.
        ssrc: u32,
    },
    /// The peer's datagrams come from another address than before, or from the first.
    AddressChanged {
        /// Where to send to from now on.
        address: SocketAddr,
    },
    /// A datagram was refused: told at the first of each kind, the second, the fourth, and so on.
    Refused {
        /// Why.
        error: ReceiveError,
        /// How many of this kind there have been.
        count: u64,
    },
    /// The source listened to has said goodbye (RTCP BYE).
    Goodbye {
        /// The source.
        ssrc: u32,
    },
    /// A key's lifetime (RFC 3711 section 9.2) nears its end: time to re-key.
    KeyExpiring {
        /// Packets left.
        packets_left: u64,
        /// Of what is sent, rather than received.
        sending: bool,
    },
    /// A key is used up: nothing is sent, or taken, any more under it.
    KeyExhausted {
        /// Of what is sent, rather than received.
        sending: bool,
    },
    /// Events were lost, since nobody read them.
    Lost {
        /// How many since the last one that was read.
        count: u64,
    },
}

/// Where a half puts events; without room they are counted and dropped, and that is told as soon as there
/// is room again.
#[derive(Debug)]
pub(crate) struct EventSink<E> {
    ring: Producer<E>,
    dropped: u64,
    /// Of those dropped, how many have been told.
    told: u64,
    lost: fn(u64) -> E,
}

impl<E: Send> EventSink<E> {
    /// `lost` makes the event that tells of lost ones.
    pub(crate) fn new(ring: Producer<E>, lost: fn(u64) -> E) -> Self {
        Self { ring, dropped: 0, told: 0, lost }
    }

    /// Emits what the peer or the host has done.
    pub(crate) fn emit(&mut self, event: E) {
        if self.told < self.dropped {
            let count = self.dropped - self.told;
            if self.ring.push((self.lost)(count)).is_ok() {
                self.told = self.dropped;
            }
        }
        self.dropped += u64::from(self.ring.push(event).is_err());
    }

    /// Emits what anybody can bring about: it leaves room for the rest.
    pub(crate) fn emit_lightly(&mut self, event: E) {
        if self.ring.vacant_now() > self.ring.capacity() / 4 * 3 {
            self.emit(event);
        } else {
            self.dropped += 1;
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::ring;

    fn sink() -> (EventSink<u64>, ring::Consumer<u64>) {
        let (producer, consumer) = ring::channel(8);
        (EventSink::new(producer, |count| 1_000 + count), consumer)
    }

    #[test]
    fn what_anybody_can_bring_about_leaves_room_for_the_rest() {
        let (mut sink, mut events) = sink();
        for n in 0..100 {
            sink.emit_lightly(n);
        }
        for n in 500..504 {
            sink.emit(n);
        }
        let seen: alloc::vec::Vec<u64> = core::iter::from_fn(|| events.pop()).collect();
        assert!(seen.contains(&500) && seen.contains(&502), "{seen:?}");
    }

    #[test]
    fn lost_events_are_told() {
        let (mut sink, mut events) = sink();
        for n in 0..20 {
            sink.emit(n);
        }
        assert_eq!(sink.dropped(), 12);
        while events.pop().is_some() {}
        sink.emit(7);
        assert_eq!((events.pop(), events.pop(), events.pop()), (Some(1_012), Some(7), None));
    }
}
