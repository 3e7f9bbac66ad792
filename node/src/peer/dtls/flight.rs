// SPDX-License-Identifier: MIT OR Apache-2.0
//! A flight of datagrams that is sent again, as it was, until the peer's comes. What the peer has of it already it drops
//! as a replay. Libraries repeat too, but not in each case in which that is needed.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::Told;

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
    /// Another flight, which is sent again so often.
    pub(super) fn begin(&mut self, now: Instant, repeats: u32) {
        self.datagrams.clear();
        (self.after, self.at, self.left) = (FIRST_REPEAT, Some(now + FIRST_REPEAT), repeats);
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
