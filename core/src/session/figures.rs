// SPDX-License-Identifier: MIT OR Apache-2.0
//! The receiving half's counters as they are kept, and what of them is published for a datagram.
//!
//! Every packet moves the same sixteen words, two cache lines; the others change rarely. So those are
//! published for each datagram, and all of them after anything else was touched: whoever takes hold of
//! the counters by `DerefMut` has touched them.

use core::ops::{Deref, DerefMut};

use super::outcome::ReceiverStats;
use crate::sync::snapshot::{Publisher, Words};

macro_rules! hot {
    ($($field:ident),*) => {
        /// What every packet moves.
        pub(crate) struct Hot<'a> {
            $(pub(crate) $field: &'a mut u64,)*
        }

        /// How many they are.
        const HOT: usize = [$(stringify!($field)),*].len();

        impl Figures {
            /// What every packet moves.
            #[inline(always)]
            pub(crate) fn hot(&mut self) -> Hot<'_> {
                Hot { $($field: &mut self.stats.$field),* }
            }

            #[inline(always)]
            fn head(&self) -> [u64; HOT] {
                [$(self.stats.$field),*]
            }
        }

        #[cfg(test)]
        const HOT_NAMES: [&str; HOT] = [$(stringify!($field)),*];
    };
}

// In the order in which they begin `ReceiverStats`.
hot!(
    datagrams,
    packets,
    octets,
    first_arrival_ns,
    last_arrival_ns,
    remote_ssrc,
    source_valid,
    clock_hz,
    expected,
    received,
    highest_sequence,
    jitter_ticks,
    call_expected,
    call_received,
    remote_level_dbov,
    departed
);

/// The counters and the way to their readers.
#[derive(Debug)]
pub(crate) struct Figures {
    stats: ReceiverStats,
    /// Something beside what every packet moves has been touched.
    touched: bool,
    publisher: Publisher<{ ReceiverStats::WORDS }>,
}

impl Figures {
    pub(super) fn new(
        stats: ReceiverStats,
        publisher: Publisher<{ ReceiverStats::WORDS }>,
    ) -> Self {
        Self { stats, touched: true, publisher }
    }

    pub(super) fn publisher(&self) -> &Publisher<{ ReceiverStats::WORDS }> {
        &self.publisher
    }

    /// Real-time: yes.
    pub(super) fn publish(&mut self) {
        if core::mem::take(&mut self.touched) {
            self.publisher.publish(&self.stats);
        } else {
            debug_assert_eq!(self.head(), self.stats.to_words()[..HOT]);
            self.publisher.publish_head(&self.head());
        }
    }
}

impl Deref for Figures {
    type Target = ReceiverStats;

    fn deref(&self) -> &ReceiverStats {
        &self.stats
    }
}

impl DerefMut for Figures {
    fn deref_mut(&mut self) -> &mut ReceiverStats {
        self.touched = true;
        &mut self.stats
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::snapshot::snapshot;

    #[test]
    fn readers_see_what_is_kept_whatever_was_touched() {
        let names: alloc::vec::Vec<_> = ReceiverStats::default().iter().map(|(n, _)| n).collect();
        assert_eq!(names[..HOT], HOT_NAMES);
        let (publisher, reader) = snapshot(&ReceiverStats::default());
        let mut figures = Figures::new(ReceiverStats::default(), publisher);
        for n in 1..100 {
            *figures.hot().datagrams += 1;
            *figures.hot().departed = n;
            if n % 7 == 0 {
                figures.malformed += 1;
            }
            figures.publish();
            assert_eq!(reader.read::<ReceiverStats>(), Some(*figures));
        }
    }
}
