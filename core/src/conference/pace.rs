// SPDX-License-Identifier: MIT OR Apache-2.0
//! When the work of a tick is done: at once, or together with the next tick's.
//!
//! Most packets are of 20 ms, and of two ticks only the second has any to send. Where
//! [`JoinedTicks`] asks for it, ticks go in pairs, and
//! the first of a pair puts its work off if nothing can tell the difference. If something turns up between the two,
//! the second tick does the work of both one after the other, each as of its own time.
//!
//! So that there are such pairs, members begin their packets with a pair.

use super::config::{JoinedTicks, PAIR, TICK_NS};
use super::outgoing::Outgoing;
use super::partial_sums::PartialSums;
use super::tick::Conference;
use crate::within::Within;

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

    fn begin(&mut self, part: Part) {
        self.part = part;
        if part != Part::First {
            self.in_pairs = true;
        }
    }
}

impl Conference {
    /// Plays and mixes 10 ms: takes commands, pulls every leg, mixes, encodes, and leaves the
    /// datagrams that are to be sent now in `outgoing`. To be called every 10 ms.
    ///
    /// Real-time: yes.
    pub fn tick(&mut self, now_ns: u64, outgoing: &mut Outgoing) {
        let missed = self.count_gap(now_ns);
        outgoing.clear();
        match self.pace.put_off_ns.take() {
            None if self.may_put_off() => self.pace.put_off_ns = Some(now_ns),
            None => {
                let part = if self.pace.second { Part::Second } else { Part::First };
                self.apply_commands();
                self.whole(now_ns, part, outgoing);
            }
            Some(_) if missed == 0 && self.is_calm() => {
                self.whole(now_ns, Part::Both, outgoing);
                self.stats.joined_ticks += 1;
            }
            Some(first_ns) => {
                self.whole(first_ns, Part::First, outgoing);
                self.apply_commands();
                self.whole(now_ns, Part::Second, outgoing);
            }
        }
        self.pace.second = self.pace.joins && !self.pace.second;
        self.close();
    }

    /// The first half of a share's tick, in place of [`Conference::tick`] (see [`shard`](super::shard)): plays the
    /// members and writes what they have said to `sums`.
    ///
    /// Real-time: yes.
    pub fn gather(&mut self, now_ns: u64, sums: &mut PartialSums) {
        self.count_gap(now_ns);
        // A tick whose work was put off is one that did not come.
        self.stats.missed_ticks += u64::from(self.pace.put_off_ns.take().is_some());
        self.apply_commands();
        self.begin(Part::First);
        self.play(now_ns);
        if self.is_empty() {
            // Nothing has been added up, and what was before is over.
            self.rates.gather();
        }
        let own = self.rates.sums();
        for (to, from) in sums.rates.iter_mut().zip(&own.rates) {
            to.copy_of(from.head(to.len()));
        }
        sums.sounded = own.sounded;
    }

    /// The second half: adds what the `others` have said, each once, and leaves the datagrams that are
    /// to be sent now in `outgoing`.
    ///
    /// Real-time: yes.
    pub fn deliver<'a>(
        &mut self,
        now_ns: u64,
        others: impl IntoIterator<Item = &'a PartialSums>,
        outgoing: &mut Outgoing,
    ) {
        outgoing.clear();
        for other in others {
            self.rates.mix_in(other);
        }
        self.finish(now_ns, outgoing);
        self.close();
    }

    /// All of a part's work, of which the last 10 ms are due at `now_ns`.
    fn whole(&mut self, now_ns: u64, part: Part, outgoing: &mut Outgoing) {
        self.begin(part);
        self.play(now_ns);
        self.finish(now_ns, outgoing);
    }

    fn begin(&mut self, part: Part) {
        self.pace.begin(part);
        self.rates.set_frames(part.frames());
    }

    /// Whether this tick, the first of a pair, may be joined with the next.
    fn may_put_off(&self) -> bool {
        self.pace.joins && !self.pace.second && self.pace.in_pairs && self.is_calm()
    }

    /// Ticks that did not come before this one.
    fn count_gap(&mut self, now_ns: u64) -> u64 {
        let gap_ns = self.pace.last_ns.map_or(TICK_NS, |last| now_ns.saturating_sub(last));
        let missed = ((gap_ns + TICK_NS / 2) / TICK_NS).saturating_sub(1);
        self.stats.missed_ticks += missed;
        self.taps.advance(now_ns, missed);
        self.pace.last_ns = Some(now_ns);
        missed
    }
}
