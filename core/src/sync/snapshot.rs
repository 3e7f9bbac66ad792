// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last value that one writer published, readable from any thread without stopping the writer.
//!
//! A sequence lock (Hans-J. Boehm, "Can seqlocks get along with programming language memory
//! models?", 2012) over atomic words: no undefined behaviour to argue about, and no `unsafe`.
//! The writer is wait-free. A reader that meets the writer in the middle of a publication tries
//! again, a bounded number of times.

use super::primitive::Arc;
use super::primitive::atomic::{AtomicUsize, Ordering};
use super::word::Word;

/// How often a reader tries before it says that the writer was busy throughout.
const ATTEMPTS: usize = if cfg!(loom) { 2 } else { 64 };

/// A value that fits a fixed number of 64-bit words.
pub trait Words<const N: usize>: Sized {
    /// The value as words.
    fn to_words(&self) -> [u64; N];
    /// The value that [`Words::to_words`] turned into these words.
    fn from_words(words: &[u64; N]) -> Self;
}

impl<const N: usize> Words<N> for [u64; N] {
    fn to_words(&self) -> [u64; N] {
        *self
    }
    fn from_words(words: &[u64; N]) -> Self {
        *words
    }
}

/// Makes a snapshot of `N` words whose first value is `initial`.
///
/// Real-time: no (allocates).
pub fn snapshot<T: Words<N>, const N: usize>(initial: &T) -> (Publisher<N>, Snapshot<N>) {
    let shared = Arc::new(Shared {
        sequence: AtomicUsize::new(0),
        words: initial.to_words().map(Word::new),
    });
    (Publisher { shared: Arc::clone(&shared), sequence: 0 }, Snapshot { shared })
}

#[derive(Debug)]
struct Shared<const N: usize> {
    /// Odd while a publication is under way.
    sequence: AtomicUsize,
    words: [Word; N],
}

/// The writing half. Used by one thread at a time.
#[derive(Debug)]
pub struct Publisher<const N: usize> {
    shared: Arc<Shared<N>>,
    sequence: usize,
}

impl<const N: usize> Publisher<N> {
    /// Makes `value` the one that readers see.
    ///
    /// Real-time: yes.
    pub fn publish<T: Words<N>>(&mut self, value: &T) {
        self.publish_head(&value.to_words());
    }

    /// Makes these words the first of the value that readers see; the others stay.
    ///
    /// Real-time: yes.
    #[inline(always)]
    pub fn publish_head<const H: usize>(&mut self, head: &[u64; H]) {
        const { assert!(H <= N) }
        self.shared.sequence.store(self.sequence | 1, Ordering::Relaxed);
        // By eights: the compiler keeps what it does not unroll in a loop with more steps than stores.
        let (eights, rest) = self.shared.words[..H].as_chunks::<8>();
        let (new_eights, new_rest) = head.as_chunks::<8>();
        // Release: a reader that sees a word also sees the odd sequence number before it.
        for (words, new) in eights.iter().zip(new_eights) {
            words.iter().zip(new).for_each(|(word, new)| word.store(*new));
        }
        rest.iter().zip(new_rest).for_each(|(word, new)| word.store(*new));
        self.sequence = self.sequence.wrapping_add(2);
        self.shared.sequence.store(self.sequence, Ordering::Release);
    }

    /// Whether `snapshot` reads what is published here.
    pub fn is_read_by(&self, snapshot: &Snapshot<N>) -> bool {
        Arc::ptr_eq(&self.shared, &snapshot.shared)
    }
}

/// The reading half; may be cloned and used from any number of threads.
#[derive(Debug, Clone)]
pub struct Snapshot<const N: usize> {
    shared: Arc<Shared<N>>,
}

impl<const N: usize> Snapshot<N> {
    /// The last published value, whole; `None` if the writer was publishing during every attempt,
    /// which a writer that publishes at most once per packet can't bring about.
    ///
    /// Real-time: yes (bounded).
    pub fn read<T: Words<N>>(&self) -> Option<T> {
        for _ in 0..ATTEMPTS {
            let before = self.shared.sequence.load(Ordering::Acquire);
            // Acquire on each word keeps the second look at the sequence number behind them all.
            let words = core::array::from_fn(|i| self.shared.words[i].load());
            let after = self.shared.sequence.load(Ordering::Relaxed);
            if before == after && before & 1 == 0 {
                return Some(T::from_words(&words));
            }
            core::hint::spin_loop();
        }
        None
    }
}

#[cfg(all(test, not(loom), feature = "std"))]
mod tests {
    use super::*;

    /// Readings during publications by threads, each of which does something first.
    pub(super) fn publications(
        before_publishing: impl FnOnce() + Send,
        before_reading: impl FnOnce(),
    ) {
        const COUNT: u64 = if cfg!(miri) { 300 } else { 200_000 };
        let (mut publisher, snapshot) = snapshot(&[0_u64; 3]);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                before_publishing();
                (1..=COUNT).for_each(|n| publisher.publish(&[n, n * 2, n * 3]));
            });
            before_reading();
            let mut last = 0;
            while last < COUNT {
                if let Some([a, b, c]) = snapshot.read::<[u64; 3]>() {
                    assert_eq!((b, c), (a * 2, a * 3), "half a value");
                    assert!(a >= last, "a reader went back in time");
                    last = a;
                }
            }
        });
    }

    #[test]
    fn readers_never_see_half_of_a_value() {
        publications(|| (), || ());
    }
}

/// Each must fail under Miri (`xtask planted`), whose memory is weak; to ThreadSanitizer atomics are no
/// race, and x86-64 orders them all the same.
#[cfg(all(test, planted, miri))]
mod planted_tests {
    use super::super::planted::{LOADS_RELAXED, STORES_RELAXED, plant};
    use super::tests::publications;

    #[test]
    fn planted_words_are_published_without_an_order() {
        publications(|| plant(STORES_RELAXED), || ());
    }

    #[test]
    fn planted_words_are_read_without_an_order() {
        publications(|| (), || plant(LOADS_RELAXED));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::super::planted::{LOADS_RELAXED, Planted, STORES_RELAXED, plant};
    use super::*;

    /// One value whose halves tell whether it is whole: under loom they are words of their own.
    const fn twice(half: u64) -> [u64; 1] {
        [half << 32 | half]
    }

    fn reading_during_publications(of_publisher: Planted, of_reader: Planted) {
        loom::model(move || {
            let (mut publisher, snapshot) = snapshot(&twice(0));
            let thread = loom::thread::spawn(move || {
                plant(of_publisher);
                publisher.publish(&twice(1));
                publisher.publish_head(&twice(2));
            });
            plant(of_reader);
            if let Some([value]) = snapshot.read::<[u64; 1]>() {
                assert_eq!(value >> 32, value & 0xffff_ffff, "half a value");
            }
            thread.join().unwrap();
            assert_eq!(snapshot.read(), Some(twice(2)));
        });
    }

    #[test]
    fn every_interleaving_gives_a_whole_value() {
        reading_during_publications(Planted::default(), Planted::default());
    }

    #[test]
    #[should_panic(expected = "half a value")]
    fn planted_words_are_published_without_an_order() {
        reading_during_publications(STORES_RELAXED, Planted::default());
    }

    #[test]
    #[should_panic(expected = "half a value")]
    fn planted_words_are_read_without_an_order() {
        reading_during_publications(Planted::default(), LOADS_RELAXED);
    }
}
