// SPDX-License-Identifier: MIT OR Apache-2.0
//! A wake-up flag over several rings: says that something lies in one of them, so that their reader looks at
//! one word and not at each ring's: a word that changes with each ring, and is read on the reader's every
//! call.

use super::primitive::Arc;
use super::primitive::atomic::{AtomicU32, Ordering};

/// Rings after something was put in; clones ring the same.
#[derive(Debug, Clone)]
pub(crate) struct Bell(Arc<AtomicU32>);

/// Hears it.
#[derive(Debug)]
pub(crate) struct Doorkeeper {
    bell: Arc<AtomicU32>,
    heard: u32,
}

/// Makes a bell.
pub(crate) fn bell() -> (Bell, Doorkeeper) {
    let bell = Arc::new(AtomicU32::new(0));
    (Bell(Arc::clone(&bell)), Doorkeeper { bell, heard: 0 })
}

impl Bell {
    pub(crate) fn ring(&self) {
        // Release: who hears it finds what was put in before.
        self.0.fetch_add(1, Ordering::Release);
    }
}

impl Doorkeeper {
    /// Whether it has rung since the last call.
    #[inline]
    pub(crate) fn has_rung(&mut self) -> bool {
        let now = self.bell.load(Ordering::Acquire);
        core::mem::replace(&mut self.heard, now) != now
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::super::planted::{LOADS_RELAXED, Planted, plant};
    use super::super::ring;
    use super::*;

    /// Two that put something in; whoever looks only when it has rung finds all of it in the end.
    fn traffic(of_reader: Planted) {
        loom::model(move || {
            let (bell, mut doorkeeper) = bell();
            let (mut producer, mut consumer) = ring::channel::<u8>(2);
            let (mut other, mut others) = ring::channel::<u8>(2);
            let also = bell.clone();
            let thread = loom::thread::spawn(move || {
                producer.push(1).unwrap();
                also.ring();
            });
            other.push(2).unwrap();
            bell.ring();
            plant(of_reader);
            let mut seen = 0;
            for joined in [false, true] {
                if joined {
                    loom::thread::yield_now();
                }
                if doorkeeper.has_rung() {
                    seen += consumer.pop().unwrap_or(0) + others.pop().unwrap_or(0);
                }
            }
            thread.join().unwrap();
            if doorkeeper.has_rung() {
                seen += consumer.pop().unwrap_or(0) + others.pop().unwrap_or(0);
            }
            assert_eq!(seen, 3);
        });
    }

    #[test]
    fn every_interleaving_finds_what_was_put_in_before_it_rang() {
        traffic(Planted::default());
    }

    #[test]
    #[should_panic]
    fn planted_it_is_heard_before_what_was_put_in_is_seen() {
        traffic(LOADS_RELAXED);
    }
}
