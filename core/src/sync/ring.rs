// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bounded ring from one producer to one consumer, wait-free on both sides.
//!
//! Each side keeps its own index and a cached copy of the other's, so that it touches the other
//! side's cache line only when the cached copy says "full" or "empty". The indices are not kept on lines
//! of their own: with some tens of values a second two sides hardly ever meet on one, and a bridge's
//! thousands of rings cost it far more by the cache and the pages that they fill.
#![allow(unsafe_code)] // A slot belongs to one side at a time; the indices say to which.

use alloc::boxed::Box;
use core::mem::MaybeUninit;

use super::primitive::atomic::{AtomicUsize, Ordering};
use super::primitive::{Arc, UnsafeCell};

/// Makes a ring that holds at least `capacity` values (rounded up to a power of two, at least 1).
///
/// Real-time: no (allocates the ring; nothing is allocated after).
pub fn channel<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let capacity = capacity.clamp(1, 1 << 24).next_power_of_two();
    let shared = Arc::new(Shared {
        slots: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
        head: AtomicUsize::new(0),
        tail: AtomicUsize::new(0),
    });
    (
        Producer { shared: Arc::clone(&shared), tail: 0, cached_head: 0 },
        Consumer { shared, head: 0, cached_tail: 0 },
    )
}

struct Shared<T> {
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    /// Values taken out so far, wrapping; stored by the consumer only.
    head: AtomicUsize,
    /// Values put in so far, wrapping; stored by the producer only.
    tail: AtomicUsize,
}

// SAFETY: a slot in [head, tail) is touched by the consumer only and any other by the producer
// only; an index moves with Release after the slot was touched and is read with Acquire before
// the other side touches it. Values cross threads, hence `T: Send`.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: as above; nothing in it is bound to a thread.
unsafe impl<T: Send> Send for Shared<T> {}

impl<T> Shared<T> {
    #[inline]
    fn slot(&self, index: usize) -> Option<&UnsafeCell<MaybeUninit<T>>> {
        // The length is a power of two, so wrapping indices stay in step with it, and there is always
        // a slot; `Option`, so that no panic is compiled in.
        self.slots.get(index & self.slots.len().wrapping_sub(1))
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let mut head = self.head.load(Ordering::Acquire);
        let tail = self.tail.load(Ordering::Acquire);
        while head != tail {
            if let Some(slot) = self.slot(head) {
                // SAFETY: both halves are gone (this is the last reference), and [head, tail) holds
                // the values that were put in and never taken out.
                slot.with_mut(|slot| unsafe { (*slot).assume_init_drop() });
            }
            head = head.wrapping_add(1);
        }
    }
}

/// The half that puts values in. Used by one thread at a time.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    tail: usize,
    cached_head: usize,
}

impl<T: Send> Producer<T> {
    /// Puts a value in, or gives it back when the ring is full.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// The value itself when there is no room.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), T> {
        if self.vacant() == 0 {
            return Err(value);
        }
        let Some(slot) = self.shared.slot(self.tail) else { return Err(value) };
        // SAFETY: the slot at `tail` lies outside [head, tail), so it is the producer's, and it
        // holds no value that would have to be dropped.
        slot.with_mut(|slot| unsafe { (*slot).write(value) });
        self.tail = self.tail.wrapping_add(1);
        self.shared.tail.store(self.tail, Ordering::Release);
        Ok(())
    }

    /// How many values can be put in before the ring is full (a lower bound: the consumer may be
    /// taking some out). Looks at the consumer's index only when the cached copy says "full".
    #[inline]
    pub fn vacant(&mut self) -> usize {
        let capacity = self.shared.slots.len();
        let mut used = self.tail.wrapping_sub(self.cached_head);
        if used == capacity {
            self.cached_head = self.shared.head.load(Ordering::Acquire);
            used = self.tail.wrapping_sub(self.cached_head);
        }
        capacity - used
    }

    /// As [`Producer::vacant`], looking at the consumer's index in any case.
    #[inline]
    pub fn vacant_now(&mut self) -> usize {
        self.cached_head = self.shared.head.load(Ordering::Acquire);
        self.vacant()
    }

    /// Values that the ring holds at most.
    pub fn capacity(&self) -> usize {
        self.shared.slots.len()
    }
}

impl<T> core::fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Producer").field("tail", &self.tail).finish_non_exhaustive()
    }
}

/// The half that takes values out, in the order in which they were put in. Used by one thread at a
/// time.
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
    head: usize,
    cached_tail: usize,
}

impl<T: Send> Consumer<T> {
    /// Takes the oldest value out; `None` when the ring is empty.
    ///
    /// Real-time: yes (the value's own drop aside).
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.head == self.cached_tail {
            self.cached_tail = self.shared.tail.load(Ordering::Acquire);
            if self.head == self.cached_tail {
                return None;
            }
        }
        let slot = self.shared.slot(self.head)?;
        // SAFETY: `head` lies in [head, tail): the producer has written the slot (Acquire above
        // saw its Release) and won't touch it before `head` has moved past it.
        let value = slot.with(|slot| unsafe { (*slot).assume_init_read() });
        self.head = self.head.wrapping_add(1);
        self.shared.head.store(self.head, Ordering::Release);
        Some(value)
    }

    /// Whether the ring is empty just now.
    pub fn is_empty(&self) -> bool {
        self.head == self.shared.tail.load(Ordering::Acquire)
    }
}

impl<T> core::fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Consumer").field("head", &self.head).finish_non_exhaustive()
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
            let (mut producer, mut consumer) = channel(capacity);
            let mut model = VecDeque::new();
            for step in steps {
                match step {
                    Some(value) if model.len() < producer.capacity() => {
                        prop_assert_eq!(producer.push(value), Ok(()));
                        model.push_back(value);
                    }
                    Some(value) => prop_assert_eq!(producer.push(value), Err(value)),
                    None => prop_assert_eq!(consumer.pop(), model.pop_front()),
                }
                prop_assert_eq!(consumer.is_empty(), model.is_empty());
            }
        }
    }

    #[test]
    fn values_left_in_the_ring_are_dropped_once() {
        let value = Arc::new(());
        let (mut producer, mut consumer) = channel(4);
        for _ in 0..3 {
            producer.push(Arc::clone(&value)).unwrap();
        }
        drop(consumer.pop());
        assert_eq!(Arc::strong_count(&value), 3);
        drop((producer, consumer));
        assert_eq!(Arc::strong_count(&value), 1);
    }

    /// A ring smaller than the traffic between two threads, each of which does something first.
    #[cfg(feature = "std")]
    pub(super) fn traffic(before_producing: impl FnOnce() + Send, before_consuming: impl FnOnce()) {
        const COUNT: u32 = if cfg!(miri) { 200 } else { 100_000 };
        let (mut producer, mut consumer) = channel(8);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                before_producing();
                for value in 0..COUNT {
                    while producer.push(value).is_err() {
                        std::thread::yield_now();
                    }
                }
            });
            before_consuming();
            for expected in 0..COUNT {
                let value = loop {
                    match consumer.pop() {
                        Some(value) => break value,
                        None => std::thread::yield_now(),
                    }
                };
                assert_eq!(value, expected);
            }
        });
    }

    #[test]
    #[cfg(feature = "std")]
    fn order_survives_two_threads() {
        traffic(|| (), || ());
    }
}

/// Each must fail under ThreadSanitizer and Miri (`xtask planted`).
#[cfg(all(test, planted))]
mod planted_tests {
    use super::super::planted::{LOADS_RELAXED, STORES_RELAXED, plant};
    use super::tests::traffic;

    #[test]
    fn planted_a_value_is_published_before_it_is_written() {
        traffic(|| plant(STORES_RELAXED), || ());
    }

    #[test]
    fn planted_a_slot_is_written_before_its_release_was_seen() {
        traffic(|| plant(LOADS_RELAXED), || ());
    }

    #[test]
    fn planted_a_slot_is_released_before_it_was_read() {
        traffic(|| (), || plant(STORES_RELAXED));
    }

    #[test]
    fn planted_a_value_is_read_before_its_publication_was_seen() {
        traffic(|| (), || plant(LOADS_RELAXED));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::super::planted::{LOADS_RELAXED, Planted, STORES_RELAXED, plant};
    use super::*;

    /// A ring smaller than the traffic, so that both "full" and "empty" are met.
    fn traffic(of_producer: Planted, of_consumer: Planted) {
        loom::model(move || {
            let (mut producer, mut consumer) = channel::<u8>(2);
            let thread = loom::thread::spawn(move || {
                plant(of_producer);
                (0..3).filter(|v| producer.push(*v).is_ok()).count()
            });
            plant(of_consumer);
            let mut seen = alloc::vec::Vec::new();
            for _ in 0..3 {
                seen.extend(consumer.pop());
            }
            let sent = thread.join().unwrap();
            seen.extend(core::iter::from_fn(|| consumer.pop()));
            assert_eq!(seen.len(), sent);
            assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
        });
    }

    #[test]
    fn every_interleaving_keeps_order_and_loses_nothing() {
        traffic(Planted::default(), Planted::default());
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn planted_a_value_is_published_before_it_is_written() {
        traffic(STORES_RELAXED, Planted::default());
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn planted_a_slot_is_written_before_its_release_was_seen() {
        traffic(LOADS_RELAXED, Planted::default());
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn planted_a_slot_is_released_before_it_was_read() {
        traffic(Planted::default(), STORES_RELAXED);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn planted_a_value_is_read_before_its_publication_was_seen() {
        traffic(Planted::default(), LOADS_RELAXED);
    }
}
