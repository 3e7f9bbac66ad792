// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gains that one listener has for one talker: few, in a pool taken at creation, a list a listener.

use alloc::boxed::Box;
use alloc::vec;

use super::ParticipantId;
use super::gain::Gain;

/// The end of a list.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Present,
    /// On its way back to what everybody hears, in the next run.
    Leaving,
    /// There; forgotten by the next run.
    Gone,
}

/// How one listener hears one talker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) talker: ParticipantId,
    /// What was asked for, on top of the talker's own gain.
    factor: i32,
    /// The factor of the talker's samples in the last run.
    pub(super) heard: Gain,
    stage: Stage,
    pub(super) next: u32,
}

impl Pair {
    /// Moves on by a frame; `of` gives the factor that the talker's own gain makes of one on top
    /// of it, and `common` is what everybody else hears of the talker.
    pub(super) fn step(&mut self, of: impl Fn(i32) -> i32, common: i32) {
        let target = match self.stage {
            Stage::Present => of(self.factor),
            Stage::Leaving => {
                self.stage = Stage::Gone;
                common
            }
            Stage::Gone => common,
        };
        self.heard.step(target);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.stage == Stage::Gone
    }
}

/// The pool.
#[derive(Debug)]
pub(super) struct Pairs {
    pool: Box<[Pair]>,
    free: u32,
    pub(super) used: usize,
}

impl Pairs {
    pub(super) fn new(count: usize) -> Self {
        let pair = |n: usize| Pair {
            talker: ParticipantId { index: 0, generation: 0 },
            factor: 0,
            heard: Gain::steady(0),
            stage: Stage::Gone,
            next: if n + 1 < count { n as u32 + 1 } else { NONE },
        };
        let mut pool = vec![pair(0); count].into_boxed_slice();
        for (n, slot) in pool.iter_mut().enumerate() {
            *slot = pair(n);
        }
        Self { pool, free: if count == 0 { NONE } else { 0 }, used: 0 }
    }

    pub(super) fn at(&self, index: u32) -> Option<&Pair> {
        self.pool.get(index as usize)
    }

    pub(super) fn at_mut(&mut self, index: u32) -> Option<&mut Pair> {
        self.pool.get_mut(index as usize)
    }

    fn find(&mut self, head: u32, talker: ParticipantId) -> Option<&mut Pair> {
        let mut index = head;
        while let Some(pair) = self.pool.get(index as usize) {
            if pair.talker == talker {
                return self.pool.get_mut(index as usize);
            }
            index = pair.next;
        }
        None
    }

    /// Whether the list at `head` has a pair for the talker.
    pub(super) fn has(&self, head: u32, talker: ParticipantId) -> bool {
        let pairs = core::iter::successors(self.at(head), |pair| self.at(pair.next));
        pairs.into_iter().any(|pair| pair.talker == talker)
    }

    /// Sets a factor in the list at `head`, which may get a new first pair; `heard` is what the
    /// listener has heard of the talker so far. `false` if the pool is used up.
    pub(super) fn set(
        &mut self,
        head: &mut u32,
        talker: ParticipantId,
        factor: i32,
        heard: i32,
    ) -> bool {
        if let Some(pair) = self.find(*head, talker) {
            pair.factor = factor;
            pair.stage = Stage::Present;
            return true;
        }
        let index = self.free;
        let Some(pair) = self.pool.get_mut(index as usize) else { return false };
        self.free = pair.next;
        let heard = Gain::steady(heard);
        *pair = Pair { talker, factor, heard, stage: Stage::Present, next: *head };
        *head = index;
        self.used += 1;
        true
    }

    /// Lets a pair ramp back to what everybody hears.
    pub(super) fn unset(&mut self, head: u32, talker: ParticipantId) {
        if let Some(pair) = self.find(head, talker)
            && pair.stage == Stage::Present
        {
            pair.stage = Stage::Leaving;
        }
    }

    /// Keeps those pairs of the list at `head` that `keep` says.
    pub(super) fn retain(&mut self, head: &mut u32, mut keep: impl FnMut(&Pair) -> bool) {
        let mut index = *head;
        let mut previous = NONE;
        while let Some(pair) = self.pool.get(index as usize).copied() {
            if keep(&pair) {
                previous = index;
            } else {
                match self.pool.get_mut(previous as usize) {
                    Some(before) => before.next = pair.next,
                    None => *head = pair.next,
                }
                self.pool[index as usize].next = self.free;
                self.free = index;
                self.used -= 1;
            }
            index = pair.next;
        }
    }
}
