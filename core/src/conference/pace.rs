// SPDX-License-Identifier: MIT OR Apache-2.0
//! When the work of a tick is done: at once, or together with the next tick's.
//!
//! Most packets are of 20 ms, and of two ticks only the second has any to send. Where [`JoinedTicks`] asks for it, ticks
//! go in pairs, and the first of a pair puts its work off if nothing can tell the difference. If something turns up
//! between the two, the second tick does the work of both one after the other, each as of its own time.
//!
//! So that there are such pairs, members begin their packets with a pair.

use super::config::{JoinedTicks, PAIR, TICK_NS};

/// The part of a pair of ticks whose work is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Part {
    #[default]
    First,
    Second,
    Both,
}

impl Part {
    /// Times 10 ms.
    #[inline]
    pub(super) fn frames(self) -> usize {
        if self == Self::Both { PAIR } else { 1 }
    }
}

/// Where in a pair of ticks a conference is.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Ticks may be joined.
    joins: bool,
    /// What is being done, or was done last.
    pub(super) part: Part,
    /// The next tick is the second of its pair.
    second: bool,
    /// When the first tick of this pair was, if its work is yet to be done.
    put_off_ns: Option<u64>,
    /// Everybody's packets ended with the last pair.
    in_pairs: bool,
    last_ns: Option<u64>,
}

impl Pace {
    pub(super) fn new(joined: JoinedTicks) -> Self {
        Self {
            joins: joined != JoinedTicks::No,
            second: joined == JoinedTicks::FromSecond,
            ..Self::default()
        }
    }

    /// Whether who begins a packet now had better wait for the next pair.
    pub(super) fn is_late_for_pair(&self) -> bool {
        self.joins && self.part == Part::Second
    }

    /// A member was served that `waits` for more audio to fill a packet, or whose packets are of another length.
    pub(super) fn serves(&mut self, waits: bool) {
        self.in_pairs &= !waits;
    }

    pub(super) fn begin(&mut self, part: Part) {
        self.part = part;
        if part != Part::First {
            self.in_pairs = true;
        }
    }

    /// What a tick that is the first of the work to be done has to do by itself.
    pub(super) fn own_part(&self) -> Part {
        if self.second { Part::Second } else { Part::First }
    }

    /// Whether this tick may be joined with the next, if the conference is calm.
    pub(super) fn may_put_off(&self) -> bool {
        self.joins && !self.second && self.in_pairs
    }

    pub(super) fn put_off(&mut self, now_ns: u64) {
        self.put_off_ns = Some(now_ns);
    }

    /// When the tick was whose work is yet to be done.
    pub(super) fn take_put_off(&mut self) -> Option<u64> {
        self.put_off_ns.take()
    }

    /// Goes on to the next tick of the pair, or to the next pair.
    pub(super) fn step(&mut self) {
        self.second = self.joins && !self.second;
    }

    /// Ticks that did not come before the one at `now_ns`.
    pub(super) fn missed(&mut self, now_ns: u64) -> u64 {
        let gap_ns = self.last_ns.map_or(TICK_NS, |last| now_ns.saturating_sub(last));
        self.last_ns = Some(now_ns);
        ((gap_ns + TICK_NS / 2) / TICK_NS).saturating_sub(1)
    }
}
