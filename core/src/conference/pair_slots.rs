// SPDX-License-Identifier: MIT OR Apache-2.0
//! Room for pair gains, given out when a gain is ordered, so that the tick never has to refuse one.
//!
//! A slot is one (listener, talker). It is held by each command on its way and, while the mixer has
//! the pair, by the tick; nobody else can take it until all have let go. A name is written while its
//! slot is reserved and never changes while the slot is held, so that it can be compared by any
//! thread.

use alloc::boxed::Box;
use alloc::vec;

use super::member::MemberId;
use crate::sync::primitive::atomic::{AtomicU32, Ordering};

/// Holders of a slot, or one of these.
const FREE: u32 = 0;
/// Its name is being written.
const RESERVED: u32 = u32::MAX;

struct Slot {
    holders: AtomicU32,
    /// Index and generation of the listener, then of the talker.
    name: [AtomicU32; 4],
}

fn name(listener: MemberId, talker: MemberId) -> [u32; 4] {
    [listener.index, listener.generation, talker.index, talker.generation]
}

impl Slot {
    fn is(&self, name: [u32; 4]) -> bool {
        self.name.iter().zip(name).all(|(have, wanted)| have.load(Ordering::Relaxed) == wanted)
    }

    /// Holds a slot that has this name already.
    fn join(&self, name: [u32; 4]) -> bool {
        let mut holders = self.holders.load(Ordering::Acquire);
        while holders != FREE && holders != RESERVED && self.is(name) {
            let more = holders + 1;
            match self.holders.compare_exchange(holders, more, Ordering::AcqRel, Ordering::Acquire)
            {
                // Between the look at the name and now it may have been another's.
                Ok(_) if self.is(name) => return true,
                Ok(_) => {
                    self.let_go();
                    return false;
                }
                Err(now) => holders = now,
            }
        }
        false
    }

    fn take(&self, name: [u32; 4]) -> bool {
        let taken =
            self.holders.compare_exchange(FREE, RESERVED, Ordering::Acquire, Ordering::Relaxed);
        if taken.is_err() {
            return false;
        }
        for (own, new) in self.name.iter().zip(name) {
            own.store(new, Ordering::Relaxed);
        }
        self.holders.store(1, Ordering::Release);
        true
    }

    fn let_go(&self) {
        self.holders.fetch_sub(1, Ordering::Release);
    }
}

/// The slots, for both halves of a conference.
pub(super) struct PairSlots(Box<[Slot]>);

impl PairSlots {
    pub(super) fn new(count: usize) -> Self {
        let slot = |_| Slot {
            holders: AtomicU32::new(FREE),
            name: core::array::from_fn(|_| AtomicU32::new(0)),
        };
        Self((0..count).map(slot).collect())
    }

    /// Holds the slot that a pair has.
    pub(super) fn find(&self, listener: MemberId, talker: MemberId) -> Option<usize> {
        let name = name(listener, talker);
        self.0.iter().position(|slot| slot.join(name))
    }

    /// Holds the slot that a pair has, or a free one. Two threads that order the same new pair at
    /// once may take two; the tick keeps one of them.
    pub(super) fn find_or_take(&self, listener: MemberId, talker: MemberId) -> Option<usize> {
        let name = name(listener, talker);
        self.find(listener, talker).or_else(|| self.0.iter().position(|slot| slot.take(name)))
    }

    #[cfg(all(test, feature = "opus"))]
    pub(super) fn all_free(&self) -> bool {
        self.0.iter().all(|slot| slot.holders.load(Ordering::Acquire) == FREE)
    }

    /// Lets go of a slot that is held.
    pub(super) fn let_go(&self, slot: usize) {
        if let Some(slot) = self.0.get(slot) {
            slot.let_go();
        }
    }
}

/// What the tick holds: the slots whose pairs the mixers have.
pub(super) struct LivePairs {
    live: Box<[Option<(MemberId, MemberId)>]>,
    count: usize,
}

impl LivePairs {
    pub(super) fn new(count: usize) -> Self {
        Self { live: vec![None; count].into_boxed_slice(), count: 0 }
    }

    /// A command has come that holds `slot`; `existed` and `exists` say whether a mixer had and has
    /// its pair.
    pub(super) fn applied(
        &mut self,
        slots: &PairSlots,
        slot: usize,
        pair: (MemberId, MemberId),
        existed: bool,
        exists: bool,
    ) {
        match self.live.get_mut(slot) {
            // The command's hold becomes the tick's.
            Some(live) if live.is_none() && exists && !existed => {
                *live = Some(pair);
                self.count += 1;
            }
            _ => slots.let_go(slot),
        }
    }

    /// Lets go of the slots whose pairs no mixer has any more, if there are any: `pairs` is how many
    /// the mixers have.
    pub(super) fn sweep(
        &mut self,
        slots: &PairSlots,
        pairs: usize,
        exists: impl Fn(MemberId, MemberId) -> bool,
    ) {
        if self.count == pairs {
            return;
        }
        for (slot, live) in self.live.iter_mut().enumerate() {
            if live.is_some_and(|(listener, talker)| !exists(listener, talker)) {
                *live = None;
                self.count -= 1;
                slots.let_go(slot);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn member(index: u32) -> MemberId {
        MemberId { index, generation: 7 }
    }

    #[test]
    fn a_slot_is_free_when_all_have_let_go() {
        let slots = PairSlots::new(1);
        let mut live = LivePairs::new(1);
        let (a, b) = (member(0), member(1));
        assert_eq!(slots.find(a, b), None);
        assert_eq!(slots.find_or_take(a, b), Some(0));
        assert_eq!(slots.find_or_take(b, a), None, "one slot");
        assert_eq!(slots.find_or_take(a, b), Some(0), "its own again");
        live.applied(&slots, 0, (a, b), false, true);
        live.applied(&slots, 0, (a, b), true, true);
        live.sweep(&slots, 1, |_, _| true);
        assert_eq!(slots.find_or_take(b, a), None, "the mixer has it");
        live.sweep(&slots, 0, |_, _| false);
        assert_eq!(slots.find_or_take(b, a), Some(0));
    }

    #[test]
    fn a_command_that_came_too_late_leaves_nothing() {
        let slots = PairSlots::new(1);
        let mut live = LivePairs::new(1);
        let (a, b) = (member(0), member(1));
        assert_eq!(slots.find_or_take(a, b), Some(0));
        live.applied(&slots, 0, (a, b), false, false);
        assert_eq!(slots.find(a, b), None);
        assert_eq!(slots.find_or_take(b, a), Some(0));
    }

    #[test]
    fn of_two_slots_for_one_pair_one_stays() {
        let slots = PairSlots::new(2);
        let mut live = LivePairs::new(2);
        let (a, b) = (member(0), member(1));
        assert!(slots.0.iter().all(|slot| slot.take(name(a, b))));
        live.applied(&slots, 0, (a, b), false, true);
        live.applied(&slots, 1, (a, b), true, true);
        assert_eq!(slots.find_or_take(b, a), Some(1));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::super::super::sync::primitive::Arc;
    use super::*;

    /// Two threads order gains of one pair and of two, and let go, as the tick does: never do two
    /// pairs hold one slot.
    #[test]
    fn every_interleaving_gives_a_slot_to_one_pair() {
        loom::model(|| {
            let slots = Arc::new(PairSlots::new(1));
            let member = |index| MemberId { index, generation: 0 };
            let other = Arc::clone(&slots);
            let thread = loom::thread::spawn(move || {
                let slot = other.find_or_take(member(0), member(1));
                if let Some(slot) = slot {
                    assert!(other.0[slot].is(name(member(0), member(1))));
                    other.let_go(slot);
                }
            });
            if let Some(slot) = slots.find_or_take(member(1), member(0)) {
                assert!(slots.0[slot].is(name(member(1), member(0))));
                slots.let_go(slot);
            }
            thread.join().unwrap();
            assert_eq!(slots.0[0].holders.load(Ordering::Acquire), FREE);
        });
    }
}
