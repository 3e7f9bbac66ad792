// SPDX-License-Identifier: MIT OR Apache-2.0
//! A ring's consumer for many threads, one at a time: whoever finds it taken goes away empty-handed
//! instead of waiting. The producer, an audio thread, knows nothing of it and stays wait-free.
#![allow(unsafe_code)] // The flag says whose turn it is.

use super::primitive::UnsafeCell;
use super::primitive::atomic::{AtomicU32, Ordering};
use super::ring::Consumer;

const FREE: u32 = 0;
const TAKEN: u32 = 1;

/// The consumer and whose turn it is.
pub(crate) struct Turns<T> {
    turn: AtomicU32,
    consumer: UnsafeCell<Consumer<T>>,
}

// SAFETY: the consumer is touched only between taking the turn (Acquire) and giving it back (Release),
// hence by one thread at a time. Values cross threads, hence `T: Send`.
unsafe impl<T: Send> Sync for Turns<T> {}

impl<T: Send> Turns<T> {
    pub(crate) fn new(consumer: Consumer<T>) -> Self {
        Self { turn: AtomicU32::new(FREE), consumer: UnsafeCell::new(consumer) }
    }

    /// Takes the oldest value out; `None` when there is none, or when another thread is taking one
    /// just now.
    pub(crate) fn pop(&self) -> Option<T> {
        self.turn.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).ok()?;
        // SAFETY: the turn is this call's until it is given back below.
        let value = self.consumer.with_mut(|consumer| unsafe { (*consumer).pop() });
        self.turn.store(FREE, Ordering::Release);
        value
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::super::planted::{Planted, STORES_RELAXED, plant};
    use super::super::primitive::Arc;
    use super::super::ring;
    use super::*;

    fn traffic(planted: Planted) {
        loom::model(move || {
            let (mut producer, consumer) = ring::channel::<u8>(2);
            let turns = Arc::new(Turns::new(consumer));
            producer.push(1).unwrap();
            producer.push(2).unwrap();
            let other = Arc::clone(&turns);
            let thread = loom::thread::spawn(move || {
                plant(planted);
                other.pop()
            });
            let here = turns.pop();
            let mut seen: alloc::vec::Vec<_> =
                [here, thread.join().unwrap()].into_iter().flatten().collect();
            seen.extend(core::iter::from_fn(|| turns.pop()));
            seen.sort_unstable();
            assert_eq!(seen, [1, 2]);
        });
    }

    #[test]
    fn every_interleaving_takes_each_value_once() {
        traffic(Planted::default());
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn planted_a_turn_is_given_back_before_the_value_was_taken() {
        traffic(STORES_RELAXED);
    }
}
