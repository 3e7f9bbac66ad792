// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bounded queue from many producers to one consumer, for commands to an audio thread.
//!
//! The consumer never waits: a slot that a producer has reserved but not yet published is "empty",
//! and so is what stands behind it, until that producer runs again. (A queue whose `pop` spins there
//! costs the audio thread whatever the scheduler takes to come back to a preempted producer:
//! milliseconds on one core.) A producer that meets another tries again, which one of them need not;
//! it never waits for the consumer: a full queue gives the value back.
//!
//! Each slot carries the number of the turn that it is ready for: D. Vyukov's bounded queue, with one
//! consumer whose index nobody else needs to see.
#![allow(unsafe_code)] // A slot belongs to whom its turn says.

use alloc::boxed::Box;
use core::mem::MaybeUninit;

use super::primitive::atomic::{AtomicUsize, Ordering};
use super::primitive::{Arc, UnsafeCell};

/// Makes a queue that holds at least `capacity` values (rounded up to a power of two, at least 2).
///
/// Real-time: no (allocates the queue; nothing is allocated after).
pub fn queue<T: Send>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let capacity = capacity.clamp(2, 1 << 24).next_power_of_two();
    let slot =
        |turn| Slot { turn: AtomicUsize::new(turn), value: UnsafeCell::new(MaybeUninit::uninit()) };
    let shared =
        Arc::new(Shared { slots: (0..capacity).map(slot).collect(), tail: AtomicUsize::new(0) });
    (Sender { shared: Arc::clone(&shared) }, Receiver { shared, head: 0 })
}

struct Slot<T> {
    /// `n`: to be written by who takes index `n`; `n + 1`: holds the value of index `n`. Wrapping.
    turn: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

struct Shared<T> {
    slots: Box<[Slot<T>]>,
    /// Indices given out to producers so far, wrapping.
    tail: AtomicUsize,
}

// SAFETY: a slot whose turn is its index is touched only by the producer that took this index from
// `tail`; one whose turn is a step further only by the consumer. The turn moves with Release after
// the slot was touched and is read with Acquire before. Values cross threads, hence `T: Send`.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: as above; nothing in it is bound to a thread.
unsafe impl<T: Send> Send for Shared<T> {}

impl<T> Shared<T> {
    #[inline]
    fn slot(&self, index: usize) -> Option<&Slot<T>> {
        // The length is a power of two, so wrapping indices stay in step with it, and there is always
        // a slot; `Option`, so that no panic is compiled in.
        self.slots.get(index & self.slots.len().wrapping_sub(1))
    }
}

/// The half that puts values in; clones put into the same queue, from any thread.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Send> Sender<T> {
    /// Puts a value in, or gives it back when the queue is full.
    ///
    /// Real-time: yes, but for other producers: each that gets ahead costs another try.
    ///
    /// # Errors
    /// The value itself when there is no room.
    pub fn push(&self, value: T) -> Result<(), T> {
        let mut index = self.shared.tail.load(Ordering::Relaxed);
        loop {
            let Some(slot) = self.shared.slot(index) else { return Err(value) };
            let ahead = slot.turn.load(Ordering::Acquire).wrapping_sub(index) as isize;
            if ahead < 0 {
                // Holds what was put in a round ago.
                return Err(value);
            }
            if ahead > 0 {
                // Another producer has had this index.
                index = self.shared.tail.load(Ordering::Relaxed);
                continue;
            }
            match self.shared.tail.compare_exchange_weak(
                index,
                index.wrapping_add(1),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    // SAFETY: the slot's turn was `index` and the index is this call's alone, so
                    // that nobody else touches the slot before its turn moves; it holds no value.
                    slot.value.with_mut(|value_at| unsafe { (*value_at).write(value) });
                    slot.turn.store(index.wrapping_add(1), Ordering::Release);
                    return Ok(());
                }
                Err(taken) => index = taken,
            }
        }
    }
}

impl<T> core::fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The half that takes values out, in the order of their places in the queue. Used by one thread at
/// a time.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    head: usize,
}

impl<T> Receiver<T> {
    /// Takes the oldest value out; `None` when there is none, or when its producer has not yet
    /// finished putting it in.
    ///
    /// Real-time: yes (the value's own drop aside).
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let slot = self.shared.slot(self.head)?;
        if slot.turn.load(Ordering::Acquire) != self.head.wrapping_add(1) {
            return None;
        }
        // SAFETY: the slot's turn says that it holds the value of index `head` (Acquire above saw
        // the producer's Release), and no producer touches it before the turn moves on.
        let value = slot.value.with(|value| unsafe { (*value).assume_init_read() });
        slot.turn.store(self.head.wrapping_add(self.shared.slots.len()), Ordering::Release);
        self.head = self.head.wrapping_add(1);
        Some(value)
    }

    /// Whether [`Receiver::pop`] would find nothing.
    ///
    /// Real-time: yes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        let next = self.head.wrapping_add(1);
        self.shared.slot(self.head).is_none_or(|slot| slot.turn.load(Ordering::Acquire) != next)
    }

    /// Values that the queue holds at most.
    pub fn capacity(&self) -> usize {
        self.shared.slots.len()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // What is pushed after this is dropped with the last sender.
        while self.pop().is_some() {}
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let tail = self.tail.load(Ordering::Acquire);
        for back in 1..=self.slots.len() {
            let index = tail.wrapping_sub(back);
            let Some(slot) = self.slot(index) else { return };
            if slot.turn.load(Ordering::Acquire) == index.wrapping_add(1) {
                // SAFETY: all halves are gone (this is the last reference), so every push has
                // ended, and the turn says that the value of this index was never taken out.
                slot.value.with_mut(|value| unsafe { (*value).assume_init_drop() });
            }
        }
    }
}

impl<T> core::fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Receiver").field("head", &self.head).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_like_a_bounded_queue(capacity in 1_usize..9, steps in prop::collection::vec(any::<Option<u32>>(), 0..200)) {
            let (sender, mut receiver) = queue(capacity);
            let other = sender.clone();
            let mut model = VecDeque::new();
            for step in steps {
                match step {
                    Some(value) if model.len() < receiver.capacity() => {
                        let sender = if value % 2 == 0 { &sender } else { &other };
                        prop_assert_eq!(sender.push(value), Ok(()));
                        model.push_back(value);
                    }
                    Some(value) => prop_assert_eq!(sender.push(value), Err(value)),
                    None => prop_assert_eq!(receiver.pop(), model.pop_front()),
                }
            }
        }
    }

    #[test]
    fn values_left_in_the_queue_are_dropped_once() {
        for receiver_goes_first in [true, false] {
            let value = Arc::new(());
            let (sender, mut receiver) = queue(4);
            for _ in 0..3 {
                sender.push(Arc::clone(&value)).unwrap();
            }
            drop(receiver.pop());
            assert_eq!(Arc::strong_count(&value), 3);
            if receiver_goes_first {
                drop(receiver);
                sender.push(Arc::clone(&value)).unwrap();
                drop(sender);
            } else {
                drop(sender);
                drop(receiver);
            }
            assert_eq!(Arc::strong_count(&value), 1);
        }
    }

    /// A producer that has stopped between reserving a slot and publishing it: what stands behind
    /// it waits, the consumer does not.
    #[test]
    fn a_slot_that_is_not_published_is_empty() {
        let (sender, mut receiver) = queue(4);
        let reserved = sender.shared.tail.load(Ordering::Relaxed);
        sender.shared.tail.store(reserved + 1, Ordering::Relaxed);
        for value in 1..4 {
            sender.push(value).unwrap();
        }
        assert_eq!(receiver.pop(), None);
        assert_eq!(sender.push(4), Err(4), "full: a round ahead of the one that stopped");
        let slot = sender.shared.slot(reserved).unwrap();
        // SAFETY: nobody else touches the slot, which is reserved for this.
        slot.value.with_mut(|value| unsafe { (*value).write(0) });
        slot.turn.store(reserved + 1, Ordering::Release);
        assert!((0..4).all(|value| receiver.pop() == Some(value)));
        assert_eq!(receiver.pop(), None);
    }

    /// A queue smaller than the traffic between three threads, each of which does something first.
    #[cfg(feature = "std")]
    pub(super) fn traffic(before_producing: fn(), before_consuming: impl FnOnce()) {
        const COUNT: u32 = if cfg!(miri) { 100 } else { 50_000 };
        let (sender, mut receiver) = queue(8);
        std::thread::scope(|scope| {
            for producer in 0..2 {
                let sender = sender.clone();
                scope.spawn(move || {
                    before_producing();
                    for n in 0..COUNT {
                        while sender.push(alloc::boxed::Box::new((producer, n))).is_err() {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            before_consuming();
            let mut next = [0; 2];
            while next != [COUNT; 2] {
                let Some(value) = receiver.pop() else {
                    std::thread::yield_now();
                    continue;
                };
                let (producer, n) = *value;
                assert_eq!(n, next[producer]);
                next[producer] += 1;
            }
        });
    }

    #[test]
    #[cfg(feature = "std")]
    fn order_survives_three_threads() {
        traffic(|| (), || ());
    }
}

/// Each must fail under ThreadSanitizer and Miri (`xtask planted`).
#[cfg(all(test, planted))]
mod planted_tests {
    use super::super::planted::{LOADS_RELAXED, STORES_RELAXED, plant};
    use super::tests::traffic;

    #[test]
    fn planted_a_command_is_published_before_it_is_written() {
        traffic(|| plant(STORES_RELAXED), || ());
    }

    #[test]
    fn planted_a_command_is_read_before_its_publication_was_seen() {
        traffic(|| (), || plant(LOADS_RELAXED));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::super::planted::{LOADS_RELAXED, Planted, STORES_RELAXED, plant};
    use super::*;

    fn push_or_yield(sender: &Sender<u8>, value: u8) -> bool {
        let pushed = sender.push(value).is_ok();
        if !pushed {
            loom::thread::yield_now();
        }
        pushed
    }

    /// Producers of some values and a queue smaller than the traffic, so that "full", "empty"
    /// and "reserved" are met.
    fn traffic(producers: u8, of_producers: Planted, of_consumer: Planted) {
        let mut model = loom::model::Builder::new();
        // Two producers in every interleaving are too many.
        model.preemption_bound = (producers > 1).then_some(3);
        model.check(move || {
            let (sender, mut receiver) = queue::<u8>(2);
            let producer = |first: u8| {
                let sender = sender.clone();
                loom::thread::spawn(move || {
                    plant(of_producers);
                    let values = first..first + 4 - producers;
                    values.filter(|value| push_or_yield(&sender, *value)).count()
                })
            };
            let threads: alloc::vec::Vec<_> = (0..producers).map(|n| producer(10 * n)).collect();
            plant(of_consumer);
            let mut seen = alloc::vec::Vec::new();
            for _ in 0..3 {
                match receiver.pop() {
                    Some(value) => seen.push(value),
                    // loom follows a producer's look at a slot up to its write only where it has a
                    // reason to let it run.
                    None => loom::thread::yield_now(),
                }
            }
            let sent: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
            seen.extend(core::iter::from_fn(|| receiver.pop()));
            assert_eq!(seen.len(), sent);
            for of_one in [0..10, 10..20] {
                let own: alloc::vec::Vec<_> = seen.iter().filter(|v| of_one.contains(*v)).collect();
                assert!(own.windows(2).all(|pair| pair[0] < pair[1]));
            }
        });
    }

    #[test]
    fn every_interleaving_keeps_each_producers_order_and_loses_nothing() {
        traffic(2, Planted::default(), Planted::default());
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn planted_a_command_is_published_before_it_is_written() {
        traffic(1, STORES_RELAXED, Planted::default());
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn planted_a_slot_is_written_before_its_release_was_seen() {
        traffic(1, LOADS_RELAXED, Planted::default());
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn planted_a_slot_is_released_before_it_was_read() {
        traffic(1, Planted::default(), STORES_RELAXED);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn planted_a_command_is_read_before_its_publication_was_seen() {
        traffic(1, Planted::default(), LOADS_RELAXED);
    }
}
