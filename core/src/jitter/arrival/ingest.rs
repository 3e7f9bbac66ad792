// SPDX-License-Identifier: MIT OR Apache-2.0
//! The packet pool: fixed-size slots between the network thread and the audio thread.
//!
//! Every slot is named by an index, and at any time its index is in exactly one place: in the free
//! ring, with the writing half ([`SlotWriter`]), in the ready ring, or with the reading half
//! ([`SlotReader`]). Who has the index may touch the slot. Both rings are wait-free and hold every
//! index there is, so handing one over can't fail. A payload larger than a slot takes several,
//! chained; only the first travels through the ready ring.
#![allow(unsafe_code)] // A slot's bytes are touched by whoever holds its index.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroUsize;
use core::ptr::NonNull;

use crate::sync::primitive::{Arc, UnsafeCell};
use crate::sync::ring::{self, Consumer, Producer};
use crate::within::Within;

/// What a packet's header said, and when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PacketMeta {
    /// On the host's clock.
    pub(crate) arrival_ns: u64,
    /// RTP timestamp as on the wire.
    pub(crate) timestamp: u32,
    /// Synchronization source.
    pub(crate) ssrc: u32,
    /// Sequence number as on the wire.
    pub(crate) sequence: u16,
    /// Bytes of payload.
    pub(crate) len: u16,
    /// 0 to 127.
    pub(crate) payload_type: u8,
    /// A copy of an older packet's payload (RFC 2198) rather than a packet.
    pub(crate) redundant: bool,
    /// No audio at all: it has a place in the sequence, and that is all.
    pub(crate) filler: bool,
    /// The marker bit: the first packet of a talk spurt (RFC 3551 section 4.1).
    pub(crate) marker: bool,
    /// The first packet of a stream that has nothing to do with the one before.
    pub(crate) begins: bool,
    /// How loud its header says that it is, in -dBov; 0, the loudest, where it says nothing.
    pub(crate) level_dbov: u8,
    /// The slot that holds the payload's next part, while there is one.
    pub(in crate::jitter) next: u16,
}

/// Possession of a slot. Can be neither copied nor made up outside this file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Slot(u16);

struct Pool {
    metas: Box<[UnsafeCell<PacketMeta>]>,
    /// `metas.len() * slot_bytes` bytes, owned.
    bytes: NonNull<u8>,
    slot_bytes: NonZeroUsize,
}

// SAFETY: the bytes are owned by the pool and a slot's are touched only by the half that holds its
// index; indices go from one half to the other through rings, whose Release and Acquire order the
// touches.
unsafe impl Sync for Pool {}
// SAFETY: as above; nothing in it is bound to a thread.
unsafe impl Send for Pool {}

impl Pool {
    fn new(slots: usize, slot_bytes: NonZeroUsize) -> Self {
        let bytes: Box<[u8]> = alloc::vec![0; slots * slot_bytes.get()].into_boxed_slice();
        let bytes = NonNull::new(Box::into_raw(bytes).cast::<u8>()).unwrap_or(NonNull::dangling());
        let metas = (0..slots).map(|_| UnsafeCell::new(PacketMeta::default())).collect();
        Self { metas, bytes, slot_bytes }
    }

    /// Writes a slot that the caller holds.
    #[inline]
    fn write(&self, slot: &mut Slot, meta: PacketMeta, part: &[u8]) {
        let index = usize::from(slot.0);
        debug_assert!(part.len() <= self.slot_bytes.get());
        let len = part.len().min(self.slot_bytes.get());
        let Some(to) = self.metas.get(index) else { return };
        to.with_mut(|to| {
            // SAFETY: `index` is below `metas.len()` (checked just above), so the bytes are inside
            // the pool's; the caller holds the index, so nobody else touches them.
            unsafe {
                *to = meta;
                let start = self.bytes.as_ptr().add(index * self.slot_bytes.get());
                core::ptr::copy_nonoverlapping(part.as_ptr(), start, len);
            }
        });
    }

    #[inline]
    fn meta(&self, slot: &Slot) -> PacketMeta {
        let Some(meta) = self.metas.get(usize::from(slot.0)) else { return PacketMeta::default() };
        // SAFETY: the caller holds the index, so nobody writes the slot.
        meta.with(|meta| unsafe { *meta })
    }

    /// The first `len` bytes of a slot that the caller holds.
    #[inline]
    fn part(&self, slot: &Slot, len: usize) -> &[u8] {
        let index = usize::from(slot.0);
        let len = len.min(self.slot_bytes.get());
        let Some(meta) = self.metas.get(index) else { return &[] };
        meta.with(|_| {
            // SAFETY: as in `write`; the borrow of `slot` keeps the index with the caller for as
            // long as the slice lives, and the reading half never writes.
            unsafe {
                let start = self.bytes.as_ptr().add(index * self.slot_bytes.get());
                core::slice::from_raw_parts(start, len)
            }
        })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let bytes = core::ptr::slice_from_raw_parts_mut(
            self.bytes.as_ptr(),
            self.metas.len() * self.slot_bytes.get(),
        );
        // SAFETY: this is the allocation that `new` let go of, with the same length.
        drop(unsafe { Box::from_raw(bytes) });
    }
}

/// Makes the pool and its two halves.
///
/// Real-time: no (allocates; nothing is allocated after).
pub(crate) fn pool(slots: u16, slot_bytes: u16) -> (SlotWriter, SlotReader) {
    let slot_bytes = NonZeroUsize::new(usize::from(slot_bytes)).unwrap_or(NonZeroUsize::MIN);
    let pool = Arc::new(Pool::new(usize::from(slots), slot_bytes));
    let (mut release, free) = ring::channel(usize::from(slots));
    let (ready, arrived) = ring::channel(usize::from(slots));
    for index in 0..slots {
        // The ring has room for every index.
        let _ = release.push(index);
    }
    let held = Vec::with_capacity(usize::from(slots));
    (
        SlotWriter { pool: Arc::clone(&pool), free, ready, held },
        SlotReader { pool, arrived, release },
    )
}

/// The network thread's half.
pub(crate) struct SlotWriter {
    pool: Arc<Pool>,
    free: Consumer<u16>,
    ready: Producer<u16>,
    /// Free slots, those on top that came back last: few slots are in use at a time, and they stay in
    /// the cache if no others are taken.
    held: Vec<Slot>,
}

impl SlotWriter {
    /// Copies a packet into free slots and hands it over; `false` when there are too few.
    ///
    /// Real-time: yes (wait-free).
    #[inline]
    pub(crate) fn push(&mut self, mut meta: PacketMeta, payload: &[u8]) -> bool {
        let slot_bytes = self.pool.slot_bytes.get();
        let parts = payload.len().div_ceil(slot_bytes).max(1);
        while let Some(index) = self.free.pop() {
            // Has room for every index.
            if self.held.len() < self.held.capacity() {
                self.held.push(Slot(index));
            }
        }
        if self.held.len() < parts {
            return false;
        }
        meta.len = payload.len() as u16;
        // Last part first, so that each part knows the one after it.
        let mut left = payload;
        for part in (0..parts).rev() {
            let Some(mut slot) = self.held.pop() else { return false };
            let (before, last) = left.cut(part * slot_bytes);
            self.pool.write(&mut slot, meta, last);
            meta.next = slot.0;
            left = before;
        }
        // Every index fits the ready ring.
        self.ready.push(meta.next).is_ok()
    }
}

impl core::fmt::Debug for SlotWriter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SlotWriter").finish_non_exhaustive()
    }
}

/// The audio thread's half.
pub(crate) struct SlotReader {
    pool: Arc<Pool>,
    arrived: Consumer<u16>,
    release: Producer<u16>,
}

impl SlotReader {
    /// The oldest packet that arrived and was not taken yet.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<(Slot, PacketMeta)> {
        let slot = Slot(self.arrived.pop()?);
        let meta = self.pool.meta(&slot);
        Some((slot, meta))
    }

    /// The payload, gathered in `scratch` when it spans several slots.
    #[inline]
    pub(crate) fn payload<'a>(&'a self, slot: &'a Slot, scratch: &'a mut [u8]) -> &'a [u8] {
        let meta = self.pool.meta(slot);
        let len = usize::from(meta.len);
        let slot_bytes = self.pool.slot_bytes.get();
        if len <= slot_bytes {
            return self.pool.part(slot, len);
        }
        let payload = scratch.head_mut(len.min(scratch.len()));
        let mut at = Slot(slot.0);
        for chunk in payload.chunks_mut(slot_bytes) {
            chunk.copy_of(self.pool.part(&at, chunk.len()));
            at = Slot(self.pool.meta(&at).next);
        }
        payload
    }

    /// Whether the payload lies in one slot, so that no scratch is needed for it.
    #[inline]
    pub(crate) fn is_whole(&self, slot: &Slot) -> bool {
        usize::from(self.pool.meta(slot).len) <= self.pool.slot_bytes.get()
    }

    /// Gives a packet's slots back.
    #[inline]
    pub(crate) fn release(&mut self, slot: Slot) {
        let mut left = usize::from(self.pool.meta(&slot).len).max(1);
        let mut at = slot;
        loop {
            let next = self.pool.meta(&at).next;
            // Every index fits the free ring.
            let _ = self.release.push(at.0);
            if left <= self.pool.slot_bytes.get() {
                return;
            }
            left -= self.pool.slot_bytes.get();
            at = Slot(next);
        }
    }
}

impl core::fmt::Debug for SlotReader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SlotReader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod reading {
    use super::*;

    /// When the reading half gives a packet's slots back.
    #[derive(Clone, Copy, PartialEq)]
    pub(super) enum Freed {
        AfterReading,
        /// A mistake.
        BeforeReading,
    }

    /// Takes a packet and looks whether it is whole: its length and all its bytes are its payload type.
    pub(super) fn took_a_whole_one(reader: &mut SlotReader, freed: Freed) -> bool {
        let Some((slot, meta)) = reader.take() else { return false };
        let index = slot.0;
        if freed == Freed::BeforeReading {
            reader.release(slot);
        }
        let slot = Slot(index);
        let mut scratch = [0; 4];
        let payload = reader.payload(&slot, &mut scratch);
        assert_eq!(payload.len(), usize::from(meta.payload_type));
        assert!(payload.iter().all(|&byte| byte == meta.payload_type));
        if freed == Freed::AfterReading {
            reader.release(slot);
        }
        true
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::reading::{Freed, took_a_whole_one};
    use super::*;
    use alloc::collections::VecDeque;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packets_of_any_size_come_out_whole_and_no_slot_is_ever_lost(
            steps in prop::collection::vec(prop::option::of(0_usize..200), 1..300),
        ) {
            let (mut writer, mut reader) = pool(8, 32);
            let mut model = VecDeque::new();
            let mut scratch = [0_u8; 256];
            let mut used = 0;
            for (n, step) in steps.into_iter().enumerate() {
                if let Some(len) = step {
                    let payload: Vec<u8> = (0..len).map(|i| (i * 7 + n) as u8).collect();
                    let meta = PacketMeta { sequence: n as u16, ..PacketMeta::default() };
                    let parts = len.div_ceil(32).max(1);
                    prop_assert_eq!(writer.push(meta, &payload), used + parts <= 8);
                    if used + parts <= 8 {
                        used += parts;
                        model.push_back((n as u16, payload));
                    }
                } else if let Some((sequence, payload)) = model.pop_front() {
                    let (slot, meta) = reader.take().unwrap();
                    prop_assert_eq!(meta.sequence, sequence);
                    prop_assert_eq!(reader.payload(&slot, &mut scratch), payload.as_slice());
                    used -= payload.len().div_ceil(32).max(1);
                    reader.release(slot);
                } else {
                    prop_assert!(reader.take().is_none());
                }
            }
        }
    }

    /// Packets of one slot and of two between two threads, each of which does something first.
    #[cfg(feature = "std")]
    pub(super) fn hand_over(
        before_writing: impl FnOnce() + Send,
        before_reading: impl FnOnce(),
        freed: Freed,
    ) {
        const COUNT: usize = if cfg!(miri) { 100 } else { 50_000 };
        let (mut writer, mut reader) = pool(4, 2);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                before_writing();
                for len in [1, 3, 2].into_iter().cycle().take(COUNT) {
                    let meta = PacketMeta { payload_type: len, ..PacketMeta::default() };
                    while !writer.push(meta, &[len; 3][..usize::from(len)]) {
                        std::thread::yield_now();
                    }
                }
            });
            before_reading();
            for _ in 0..COUNT {
                while !took_a_whole_one(&mut reader, freed) {
                    std::thread::yield_now();
                }
            }
        });
    }

    #[test]
    #[cfg(feature = "std")]
    fn packets_cross_threads_whole() {
        hand_over(|| (), || (), Freed::AfterReading);
    }
}

/// Each must fail under ThreadSanitizer and Miri (`xtask planted`).
#[cfg(all(test, planted))]
mod planted_tests {
    use super::reading::Freed;
    use super::tests::hand_over;
    use crate::sync::planted::{LOADS_RELAXED, STORES_RELAXED, plant};

    #[test]
    fn planted_a_packet_is_handed_over_before_it_is_written() {
        hand_over(|| plant(STORES_RELAXED), || (), Freed::AfterReading);
    }

    #[test]
    fn planted_a_slot_is_given_back_before_it_was_read() {
        hand_over(|| (), || plant(STORES_RELAXED), Freed::AfterReading);
    }

    #[test]
    fn planted_a_slot_is_taken_before_it_was_seen_given_back() {
        hand_over(|| plant(LOADS_RELAXED), || (), Freed::AfterReading);
    }

    #[test]
    fn planted_a_slot_is_freed_and_read_all_the_same() {
        hand_over(|| (), || (), Freed::BeforeReading);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::reading::{Freed, took_a_whole_one};
    use super::*;
    use crate::sync::planted::{LOADS_RELAXED, Planted, STORES_RELAXED, plant};

    /// Fewer slots than packets, one packet of two slots: whole packets are handed over in order,
    /// and what is not handed over was refused.
    fn hand_over(of_writer: Planted, of_reader: Planted, freed: Freed) {
        loom::model(move || {
            let (mut writer, mut reader) = pool(2, 2);
            let thread = loom::thread::spawn(move || {
                plant(of_writer);
                let sizes: [u8; 3] = [1, 3, 2];
                sizes
                    .iter()
                    .filter(|&&len| {
                        let meta = PacketMeta { payload_type: len, ..PacketMeta::default() };
                        writer.push(meta, &[len; 3][..usize::from(len)])
                    })
                    .count()
            });
            plant(of_reader);
            let mut seen = 0;
            let mut look = |reader: &mut SlotReader| {
                while took_a_whole_one(reader, freed) {
                    seen += 1;
                }
            };
            look(&mut reader);
            look(&mut reader);
            let sent = thread.join().unwrap();
            look(&mut reader);
            assert_eq!(seen, sent);
        });
    }

    #[test]
    fn every_interleaving_hands_over_whole_packets() {
        hand_over(Planted::default(), Planted::default(), Freed::AfterReading);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn planted_a_packet_is_handed_over_before_it_is_written() {
        hand_over(STORES_RELAXED, Planted::default(), Freed::AfterReading);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn planted_a_slot_is_given_back_before_it_was_read() {
        hand_over(Planted::default(), STORES_RELAXED, Freed::AfterReading);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn planted_a_slot_is_taken_before_it_was_seen_given_back() {
        hand_over(LOADS_RELAXED, Planted::default(), Freed::AfterReading);
    }

    #[test]
    #[should_panic]
    fn planted_a_slot_is_freed_and_read_all_the_same() {
        hand_over(Planted::default(), Planted::default(), Freed::BeforeReading);
    }
}
