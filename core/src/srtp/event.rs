// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters and events of one half of a session: what the host learns besides each packet's
//! result. Written by the half's own thread, without allocating.

use super::policy::Weakness;
use super::{SrtpError, Suite};

/// Events that are kept until they are polled; later ones are counted in [`Stats::events_lost`].
const QUEUE: usize = 4;

/// Something that the host may want to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The session uses a suite that its policy accepts for want of a better one.
    WeakSuite {
        /// The suite.
        suite: Suite,
        /// What is wrong with it.
        weakness: Weakness,
    },
    /// A master key nears its lifetime: time to re-key.
    KeyExpiring {
        /// Position of the key in the session's list.
        key: usize,
        /// Packets left before the hard stop.
        packets_left: u64,
    },
    /// A run of packets failed authentication. Reported at the 16th in a row and at every doubling.
    AuthenticationFailing {
        /// SSRC of the latest.
        ssrc: u32,
        /// Length of the run.
        count: u32,
        /// What is most likely wrong.
        likely: FailureCause,
    },
    /// A packet authenticated under another rollover counter than the expected one; the stream
    /// now follows it.
    RolloverCorrected {
        /// The stream.
        ssrc: u32,
        /// The rollover counter that was expected.
        expected: u32,
        /// The one that was right.
        actual: u32,
    },
    /// The first packet under another key than the one before it.
    KeySwitched {
        /// Position of the key in the session's list.
        key: usize,
    },
    /// Half of the reservation of the last checkpoint is used up.
    CheckpointDue {
        /// The stream that is furthest.
        ssrc: u32,
    },
}

/// The likely reason of a run of authentication failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureCause {
    /// Another master key or salt than the sender's, or a forgery: nothing else fits.
    Key,
    /// The packet authenticates with this rollover counter.
    RolloverCounter {
        /// The counter that fits.
        actual: u32,
    },
    /// The packet authenticates under another of the session's keys than its MKI says.
    Mki {
        /// Position of the key that fits.
        key: usize,
    },
    /// The packet authenticates under another suite with the same master key.
    Suite {
        /// The suite that fits.
        actual: Suite,
    },
    /// Only this stream fails while others of the session authenticate: the SSRC is sent by
    /// someone without the key, or changed on the way.
    Ssrc,
}

/// Counters of one half of a session, since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// SRTP packets protected or unprotected.
    pub rtp_packets: u64,
    /// SRTCP packets protected or unprotected.
    pub rtcp_packets: u64,
    /// [`SrtpError::Malformed`].
    pub malformed: u64,
    /// [`SrtpError::Oversized`].
    pub oversized: u64,
    /// [`SrtpError::Capacity`].
    pub capacity: u64,
    /// [`SrtpError::AuthenticationFailed`].
    pub authentication_failed: u64,
    /// [`SrtpError::Replayed`].
    pub replayed: u64,
    /// [`SrtpError::TooOld`].
    pub too_old: u64,
    /// [`SrtpError::UnknownMki`].
    pub unknown_mki: u64,
    /// [`SrtpError::UnknownSsrc`].
    pub unknown_ssrc: u64,
    /// [`SrtpError::StreamLimit`].
    pub stream_limit: u64,
    /// [`SrtpError::IndexReused`].
    pub index_reused: u64,
    /// [`SrtpError::IndexExhausted`], [`SrtpError::KeyExhausted`] and [`SrtpError::CheckpointDue`].
    pub exhausted: u64,
    /// [`SrtpError::NotPermitted`].
    pub not_permitted: u64,
    /// Any other error.
    pub other: u64,
    /// Packets that authenticated only under another rollover counter.
    pub rollover_corrected: u64,
    /// Packets that authenticated under the previous keys.
    pub under_previous_keys: u64,
    /// Events that found the queue full.
    pub events_lost: u64,
}

impl Stats {
    #[cold]
    pub(crate) fn count(&mut self, error: SrtpError) {
        *match error {
            SrtpError::Malformed => &mut self.malformed,
            SrtpError::Oversized => &mut self.oversized,
            SrtpError::Capacity => &mut self.capacity,
            SrtpError::AuthenticationFailed => &mut self.authentication_failed,
            SrtpError::Replayed => &mut self.replayed,
            SrtpError::TooOld => &mut self.too_old,
            SrtpError::UnknownMki => &mut self.unknown_mki,
            SrtpError::UnknownSsrc => &mut self.unknown_ssrc,
            SrtpError::StreamLimit => &mut self.stream_limit,
            SrtpError::IndexReused => &mut self.index_reused,
            SrtpError::IndexExhausted | SrtpError::KeyExhausted | SrtpError::CheckpointDue => {
                &mut self.exhausted
            }
            SrtpError::NotPermitted => &mut self.not_permitted,
            _ => &mut self.other,
        } += 1;
    }
}

/// A small queue that keeps the oldest events.
#[derive(Debug, Default)]
pub(crate) struct Events {
    queue: [Option<Event>; QUEUE],
    next: usize,
    count: usize,
}

impl Events {
    pub(crate) fn push(&mut self, event: Event, stats: &mut Stats) {
        if self.count == QUEUE {
            stats.events_lost += 1;
            return;
        }
        self.queue[(self.next + self.count) % QUEUE] = Some(event);
        self.count += 1;
    }

    pub(crate) fn poll(&mut self) -> Option<Event> {
        let event = self.queue[self.next % QUEUE].take()?;
        self.next = (self.next + 1) % QUEUE;
        self.count -= 1;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_events_are_kept_and_the_rest_counted() {
        let (mut events, mut stats) = (Events::default(), Stats::default());
        for round in 0..3 {
            for key in 0..10 {
                events.push(Event::KeySwitched { key }, &mut stats);
            }
            for key in 0..QUEUE {
                assert_eq!(events.poll(), Some(Event::KeySwitched { key }));
            }
            assert_eq!(events.poll(), None);
            assert_eq!(stats.events_lost, (10 - QUEUE as u64) * (round + 1));
        }
    }
}
