// SPDX-License-Identifier: MIT OR Apache-2.0
//! A flight of datagrams that is sent again, as it was, until the peer's comes. What the peer has of it already it drops
//! as a replay. Libraries repeat too, but not in each case in which that is needed: `rtc-dtls` does not once anything has
//! come that does not complete the peer's flight, a repeated one included, and `dimpl` does not repeat a server's of
//! version 1.3.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::Told;

/// After this libraries repeat a flight, as new records.
pub(super) const LIBRARY_REPEAT: Duration = Duration::from_secs(3);
/// A flight is sent again by us so often: half a minute's time.
const MAX_REPEATS: u32 = 18;
/// After this it is sent again, then after twice as long and so on up to the longest.
const FIRST_REPEAT: Duration = Duration::from_millis(200);
const LONGEST_REPEAT: Duration = Duration::from_secs(2);

/// What was sent last, and when it is to be sent again.
#[derive(Default)]
pub(super) struct Flight {
    datagrams: Vec<(BytesMut, SocketAddr)>,
    at: Option<Instant>,
    after: Duration,
    left: u32,
}

impl Flight {
    /// Another flight.
    pub(super) fn begin(&mut self, now: Instant) {
        self.datagrams.clear();
        (self.after, self.at, self.left) = (FIRST_REPEAT, Some(now + FIRST_REPEAT), MAX_REPEATS);
    }

    /// A datagram of it.
    pub(super) fn push(&mut self, datagram: BytesMut, to: SocketAddr) {
        self.datagrams.push((datagram, to));
    }

    /// Sends it again, if it is time.
    pub(super) fn repeat(&mut self, now: Instant, told: &mut VecDeque<Told>) {
        if self.left == 0 || self.at.is_none_or(|at| now < at) {
            return;
        }
        self.left -= 1;
        self.after = (2 * self.after).min(LONGEST_REPEAT);
        self.at = Some(now + self.after);
        let flight = self.datagrams.iter();
        told.extend(flight.map(|(datagram, to)| Told::Send(datagram.clone(), *to)));
    }
}
