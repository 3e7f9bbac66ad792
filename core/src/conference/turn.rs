// SPDX-License-Identifier: MIT OR Apache-2.0
//! A tick: what it does at once, and what it leaves to the next ([`pace`](super::pace)).

use super::outgoing::Outgoing;
use super::pace::Part;
use super::partial_sums::PartialSums;
use super::tick::Conference;
use crate::within::Within;

impl Conference {
    /// Plays and mixes 10 ms: takes commands, pulls every leg, mixes, encodes, and leaves the
    /// datagrams that are to be sent now in `outgoing`. To be called every 10 ms.
    ///
    /// Real-time: yes.
    pub fn tick(&mut self, now_ns: u64, outgoing: &mut Outgoing) {
        let missed = self.count_gap(now_ns);
        outgoing.clear();
        match self.pace.take_put_off() {
            None if self.pace.may_put_off() && self.is_calm() => self.pace.put_off(now_ns),
            None => {
                self.apply_commands();
                self.whole(now_ns, self.pace.own_part(), outgoing);
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
        self.pace.step();
        self.close();
    }

    /// The first half of a share's tick, in place of [`Conference::tick`] (see [`shard`](super::shard)): plays the
    /// members and writes what they have said to `sums`.
    ///
    /// Real-time: yes.
    pub fn gather(&mut self, now_ns: u64, sums: &mut PartialSums) {
        self.count_gap(now_ns);
        // A tick whose work was put off is one that did not come.
        self.stats.missed_ticks += u64::from(self.pace.take_put_off().is_some());
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

    /// Ticks that did not come before this one.
    fn count_gap(&mut self, now_ns: u64) -> u64 {
        let missed = self.pace.missed(now_ns);
        self.stats.missed_ticks += missed;
        self.taps.advance(now_ns, missed);
        missed
    }
}
