// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reorder window: packets that arrived and were not played yet, in the order of their media
//! time. Audio thread only.

use alloc::vec::Vec;

use super::arrival::ingest::Slot;
use crate::within::{Within, insert_in};

/// A packet in its place on the media timeline.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Media position of the first sample.
    pub(crate) start: i64,
    /// Samples that it decodes to at the output rate; 0 for comfort noise.
    pub(crate) samples: u32,
    /// Low bits of the extended sequence number.
    pub(crate) sequence: u32,
    /// Where the payload is.
    pub(crate) slot: Slot,
    /// 0 to 127.
    pub(crate) payload_type: u8,
    /// The first packet of another stream, or after a jump of the timeline: what stands before it
    /// says nothing about it.
    pub(crate) fresh: bool,
    /// A copy of a packet that may have been lost.
    pub(crate) redundant: bool,
    /// As in [`PacketMeta`](super::arrival::ingest::PacketMeta).
    pub(crate) level_dbov: u8,
}

impl Entry {
    /// Media position just after the last sample.
    #[inline]
    pub(crate) fn end(&self) -> i64 {
        self.start + i64::from(self.samples)
    }

    /// A description of the noise in a pause (RFC 3389) rather than sound.
    #[inline]
    pub(crate) fn is_noise(&self) -> bool {
        self.samples == 0
    }
}

/// Entries sorted by start. Holds at most as many as there are slots, all memory taken at creation.
#[derive(Debug)]
pub(crate) struct Window {
    entries: Vec<Entry>,
}

impl Window {
    pub(crate) fn new(slots: u16) -> Self {
        Self { entries: Vec::with_capacity(usize::from(slots)) }
    }

    /// Puts a packet in its place; gives it back when there is one at the same place already, or no
    /// room.
    #[inline]
    pub(crate) fn insert(&mut self, entry: Entry) -> Result<(), Entry> {
        // Nearly always the newest: look from the back.
        let later = self.entries.iter().rev().take_while(|e| e.start > entry.start).count();
        let same = |e: &Entry| e.start == entry.start && e.is_noise() == entry.is_noise();
        if self.entries.iter().nth_back(later).is_some_and(same) || self.is_full() {
            return Err(entry);
        }
        let at = self.entries.len() - later;
        insert_in(&mut self.entries, at, entry);
        Ok(())
    }

    /// Whether there is no room for another.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() == self.entries.capacity()
    }

    /// The oldest packet.
    #[inline]
    pub(crate) fn first(&self) -> Option<&Entry> {
        self.entries.first()
    }

    /// All packets, oldest first.
    #[inline]
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where the newest packet ends.
    pub(crate) fn end(&self) -> Option<i64> {
        self.entries.iter().map(Entry::end).max()
    }

    /// Takes one out by its index in [`Window::entries`].
    #[inline]
    pub(crate) fn remove(&mut self, index: usize) -> Option<Entry> {
        let from = self.entries.get_mut(index..).filter(|from| !from.is_empty())?;
        from.first_to_back();
        self.entries.pop()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::jitter::arrival::ingest::{PacketMeta, pool};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_stay_sorted_and_the_same_place_is_taken_once(starts in prop::collection::vec(0_i64..40, 0..60)) {
            let (mut writer, mut reader) = pool(64, 32);
            let mut window = Window::new(32);
            let mut model = alloc::collections::BTreeSet::new();
            for start in starts {
                prop_assert!(writer.push(PacketMeta::default(), &[]));
                let (slot, _) = reader.take().unwrap();
                let entry =
                    Entry { start, samples: 160, sequence: 0, slot, payload_type: 0, fresh: false, redundant: false, level_dbov: 0 };
                let fits = model.len() < 32 && model.insert(start);
                prop_assert_eq!(window.insert(entry).is_ok(), fits);
            }
            prop_assert!(window.entries().iter().map(|e| e.start).eq(model.iter().copied()));
            prop_assert_eq!(window.end(), model.last().map(|s| s + 160));
        }
    }
}
