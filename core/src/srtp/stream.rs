// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a session knows of each SSRC, in a table that finds it in constant time and can't grow
//! beyond its bound. All memory is taken when the table is made.
//!
//! Where the table is full, the stream that has been idle longest makes room. What it takes to tell a
//! replay, or to send no index twice, stays behind ([`memory`]), so that an SSRC that comes back goes
//! on where it was.
//!
//! Lookup is open addressing with linear probing at a load of at most one half. Only what has been
//! authenticated, or sent, gets in; the bound holds even if a key holder picks its SSRCs to
//! collide.

pub(crate) mod memory;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use memory::Memory;

use super::SrtpError;
use super::index::{INDEX_LIMIT, guess};
use super::replay::Position;
use crate::within::{push_in, swap_out};

/// Words of the SRTCP replay window: 128 bits, which outlasts minutes of RTCP.
pub(crate) const RTCP_WINDOW_WORDS: usize = 2;

/// One SSRC.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    /// The rollover counter to assume for the first packet, and for the next one while `pending`.
    pub(crate) initial_roc: u32,
    /// The host has given the rollover counter of the next packet.
    pub(crate) pending: bool,
    pub(crate) rtp: Position,
    pub(crate) rtcp: Position,
    pub(crate) rtcp_window: [u64; RTCP_WINDOW_WORDS],
    /// Receiving: the half's epoch, which counts re-keyings, when a packet last authenticated under
    /// what were the keys in use.
    pub(crate) rtp_epoch: u32,
    pub(crate) rtcp_epoch: u32,
    /// Receiving: where the stream stood under former keys before its peer began anew.
    pub(crate) former_rtp: Position,
    pub(crate) former_rtcp: Position,
    /// Sending: the first SRTP and SRTCP index that no confirmed checkpoint covers.
    pub(crate) rtp_limit: u64,
    pub(crate) rtcp_limit: u64,
    /// Sending: what the limits will be when the latest checkpoint is confirmed; 0 if it does not
    /// cover this stream.
    pub(crate) rtp_pending: u64,
    pub(crate) rtcp_pending: u64,
    /// Sending: the SRTP index at which another checkpoint is due, and whether that was said.
    pub(crate) rtp_notice: u64,
    pub(crate) noticed: bool,
}

impl Stream {
    /// Takes the pending limits, of a reservation of so many packets, into force.
    pub(crate) fn reserve(&mut self, packets: u64) {
        self.rtp_limit = self.rtp_pending;
        self.rtcp_limit = self.rtcp_pending;
        self.rtp_notice = self.rtp_pending.saturating_sub(packets / 2).min(INDEX_LIMIT);
        self.noticed = false;
    }

    /// The highest SRTP index so far, unless the host has said how the next one is to be taken.
    #[inline(always)]
    pub(crate) fn reference(&self) -> Option<u64> {
        if self.pending { None } else { self.rtp.highest() }
    }

    /// The index that `sequence` most likely stands for.
    #[inline]
    pub(crate) fn likely_index(&self, sequence: u16) -> u64 {
        match self.reference() {
            Some(highest) => guess(highest, sequence),
            None => u64::from(self.initial_roc) << 16 | u64::from(sequence),
        }
    }

    /// The rollover counter of the highest index, or of the packet to come.
    pub(crate) fn next_roc(&self) -> u32 {
        self.reference().map_or(self.initial_roc, |highest| (highest >> 16) as u32)
    }

    /// Whether it may make room: no reservation has to be remembered.
    fn is_free(&self) -> bool {
        self.rtp_limit == u64::MAX && self.rtcp_limit == u64::MAX
    }

    /// Keys have come back that were in use before: everything counts that was known then.
    fn raise_to_former(&mut self, bits: &mut [u64]) {
        // A window that has gone on since says nothing of what came before it under those keys.
        if self.former_rtp > Position::default() {
            self.rtp = self.rtp.max(self.former_rtp);
            bits.fill(u64::MAX);
        }
        if self.former_rtcp > Position::default() {
            self.rtcp = self.rtcp.max(self.former_rtcp);
            self.rtcp_window = [u64::MAX; _];
        }
    }

    pub(crate) fn new(ssrc: u32, initial_roc: u32) -> Self {
        Self {
            ssrc,
            initial_roc,
            rtp_limit: u64::MAX,
            rtcp_limit: u64::MAX,
            rtp_notice: INDEX_LIMIT,
            ..Self::default()
        }
    }
}

/// The streams of one half of a session.
#[derive(Debug)]
pub(crate) struct Streams {
    streams: Vec<Stream>,
    /// SRTP replay windows, `window_words` per stream.
    windows: Box<[u64]>,
    window_words: usize,
    /// Position in `streams` plus one; 0 is vacant.
    slots: Box<[u16]>,
    limit: usize,
    /// Where the last lookup ended: talkers come in runs.
    last: usize,
    /// For each stream the turn at which it was last of use, and whose turn it is.
    ages: Vec<u64>,
    turn: u64,
    newest: usize,
    /// What is left of streams that have made room.
    memory: Memory,
}

impl Streams {
    /// For at most `limit` streams with replay windows of `window_bits`. `strict` memory refuses an
    /// SSRC sooner than to forget one ([`Memory::new`]).
    pub(crate) fn new(limit: usize, window_bits: usize, strict: bool) -> Self {
        let window_words = window_bits / 64;
        Self {
            streams: Vec::with_capacity(limit),
            windows: vec![0; window_words * limit].into_boxed_slice(),
            window_words,
            slots: vec![0; (2 * limit).next_power_of_two()].into_boxed_slice(),
            limit,
            last: 0,
            ages: Vec::with_capacity(limit),
            turn: 0,
            newest: usize::MAX,
            memory: Memory::new(limit, strict),
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.streams.capacity() * size_of::<Stream>()
            + self.windows.len() * 8
            + self.slots.len() * 2
            + self.ages.capacity() * 8
            + self.memory.heap_bytes()
    }

    #[inline]
    fn slot_of(&self, ssrc: u32) -> usize {
        // Fibonacci hashing spreads SSRCs that were numbered in sequence.
        (ssrc.wrapping_mul(0x9e37_79b9) >> 16) as usize & (self.slots.len() - 1)
    }

    /// Position of `ssrc`, if it is known.
    #[inline]
    pub(crate) fn find(&mut self, ssrc: u32) -> Option<usize> {
        if let Some(stream) = self.streams.get(self.last)
            && stream.ssrc == ssrc
        {
            return Some(self.last);
        }
        let found = self.probe(ssrc)?;
        self.last = found;
        Some(found)
    }

    fn probe(&self, ssrc: u32) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let mut slot = self.slot_of(ssrc);
        loop {
            let at = usize::from(*self.slots.get(slot)?).checked_sub(1)?;
            if self.streams.get(at)?.ssrc == ssrc {
                return Some(at);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// What is remembered of `ssrc`, which is not in the table, as a stream with the last word of its
    /// window.
    pub(crate) fn recall(&self, ssrc: u32, epoch: u32) -> Option<(Stream, u64)> {
        self.memory.recall(ssrc, epoch)
    }

    /// Adds `ssrc`, which must not be there yet: as it is remembered, or else as one that will begin
    /// with `initial_roc`. The stream that has been idle longest makes room.
    ///
    /// # Errors
    /// [`SrtpError::StreamLimit`] if none may make room: a reservation holds of each.
    pub(crate) fn insert(
        &mut self,
        ssrc: u32,
        initial_roc: u32,
        epoch: u32,
    ) -> Result<usize, SrtpError> {
        let (stream, window) = match self.memory.recall(ssrc, epoch) {
            Some(known) => known,
            None => (Stream::new(ssrc, initial_roc), 0),
        };
        let at = if self.streams.len() < self.limit {
            push_in(&mut self.streams, stream);
            push_in(&mut self.ages, 0);
            self.streams.len() - 1
        } else {
            let at = self.idle_longest().ok_or(SrtpError::StreamLimit)?;
            self.vacate_slot(at);
            let words = self.window_words;
            if let (Some(old), Some(bits)) =
                (self.streams.get(at), self.windows.get(at * words..(at + 1) * words))
            {
                self.memory.keep(old, bits, epoch);
            }
            if let Some(place) = self.streams.get_mut(at) {
                *place = stream;
            }
            at
        };
        self.memory.forget(ssrc);
        if let Some((stream, bits)) = self.at(at) {
            memory::unfold(window, stream.rtp, bits);
        }
        self.place(at);
        self.last = at;
        self.touch(at);
        Ok(at)
    }

    /// Notes that a stream has been of use.
    #[inline(always)]
    pub(crate) fn touch(&mut self, at: usize) {
        if self.newest != at {
            self.newest = at;
            self.turn += 1;
            if let Some(age) = self.ages.get_mut(at) {
                *age = self.turn;
            }
        }
    }

    /// Position of the stream that makes room: none that a checkpoint covers, since its reservation
    /// has to be remembered.
    fn idle_longest(&self) -> Option<usize> {
        let candidates = self.streams.iter().zip(&self.ages).enumerate();
        candidates
            .filter(|(_, (stream, _))| stream.is_free())
            .min_by_key(|(_, (_, age))| **age)
            .map(|(at, _)| at)
    }

    fn place(&mut self, at: usize) {
        let mask = self.slots.len() - 1;
        let Some(stream) = self.streams.get(at) else { return };
        let mut slot = self.slot_of(stream.ssrc);
        // Half of the slots are vacant.
        while let Some(place) = self.slots.get_mut(slot) {
            if *place == 0 {
                *place = at as u16 + 1;
                return;
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Makes the slot of the stream at `at` vacant, closing up what was pushed past it.
    fn vacate_slot(&mut self, at: usize) {
        let mask = self.slots.len() - 1;
        let Some(stream) = self.streams.get(at) else { return };
        let mut gap = self.slot_of(stream.ssrc);
        loop {
            match self.slots.get(gap) {
                Some(&place) if usize::from(place) == at + 1 => break,
                Some(&place) if place != 0 => gap = (gap + 1) & mask,
                _ => return,
            }
        }
        let mut slot = gap;
        loop {
            slot = (slot + 1) & mask;
            let Some(&place) = self.slots.get(slot) else { break };
            let Some(stream) =
                usize::from(place).checked_sub(1).and_then(|at| self.streams.get(at))
            else {
                break;
            };
            // It may move to the gap if its own slot does not lie between.
            let home = self.slot_of(stream.ssrc);
            if (slot.wrapping_sub(home) & mask) >= (slot.wrapping_sub(gap) & mask) {
                if let Some(to) = self.slots.get_mut(gap) {
                    *to = place;
                }
                gap = slot;
            }
        }
        if let Some(vacant) = self.slots.get_mut(gap) {
            *vacant = 0;
        }
    }

    /// Takes `ssrc` out of the table; whether it was there. What it takes to tell a replay stays. One
    /// that a checkpoint covers stays where it is, with its reservation.
    pub(crate) fn remove(&mut self, ssrc: u32, epoch: u32) -> bool {
        let Some(at) = self.probe(ssrc) else { return false };
        if self.streams.get(at).is_some_and(|stream| !stream.is_free()) {
            return true;
        }
        let words = self.window_words;
        if let (Some(old), Some(bits)) =
            (self.streams.get(at), self.windows.get(at * words..(at + 1) * words))
        {
            self.memory.keep(old, bits, epoch);
        }
        self.vacate_slot(at);
        let moved = self.streams.len() - 1;
        if at != moved {
            self.vacate_slot(moved);
        }
        for n in 0..words {
            // What can't be read counts as received.
            let word = self.windows.get(moved * words + n).copied().unwrap_or(u64::MAX);
            if let Some(to) = self.windows.get_mut(at * words + n) {
                *to = word;
            }
        }
        if let Some(bits) = self.windows.get_mut(moved * words..(moved + 1) * words) {
            bits.fill(0);
        }
        swap_out(&mut self.streams, at);
        swap_out(&mut self.ages, at);
        if at != moved {
            self.place(at);
        }
        self.last = 0;
        self.newest = usize::MAX;
        true
    }

    /// Whether every place is taken.
    pub(crate) fn is_full(&self) -> bool {
        self.streams.len() >= self.limit
    }

    /// The stream at a position that [`Streams::find`] or [`Streams::insert`] returned, and its
    /// SRTP replay window.
    #[inline]
    pub(crate) fn at(&mut self, at: usize) -> Option<(&mut Stream, &mut [u64])> {
        let words = self.window_words;
        let stream = self.streams.get_mut(at)?;
        let bits = self.windows.get_mut(at * words..(at + 1) * words)?;
        Some((stream, bits))
    }

    /// Keys have come back that were in use before: see [`Stream::former_rtp`].
    pub(crate) fn raise_to_former(&mut self) {
        let words = self.window_words.max(1);
        for (stream, bits) in self.streams.iter_mut().zip(self.windows.chunks_exact_mut(words)) {
            stream.raise_to_former(bits);
        }
        self.memory.raise_to_former();
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&Stream, &[u64])> {
        self.streams.iter().zip(self.windows.chunks_exact(self.window_words.max(1)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.streams.iter_mut()
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn table_agrees_with_a_map(
            limit in 1_usize..20,
            steps in prop::collection::vec((0_u32..40, 0_u8..4), 0..300),
        ) {
            let mut table = Streams::new(limit, 64, true);
            let mut model = BTreeMap::new();
            // Who was of use last stands at the end.
            let mut order = alloc::vec::Vec::new();
            for (i, (ssrc, what)) in steps.into_iter().enumerate() {
                if what == 0 {
                    prop_assert_eq!(table.remove(ssrc, 0), model.remove(&ssrc).is_some());
                } else if let Some(&mark) = model.get(&ssrc) {
                    let at = table.find(ssrc).unwrap();
                    table.touch(at);
                    let (stream, bits) = table.at(at).unwrap();
                    prop_assert_eq!((stream.ssrc, bits[0]), (ssrc, mark));
                } else {
                    prop_assert_eq!(table.find(ssrc), None);
                    let at = table.insert(ssrc, 0, 0).unwrap();
                    if model.len() == limit {
                        model.remove(&order.remove(0));
                    }
                    let (_, bits) = table.at(at).unwrap();
                    prop_assert_eq!(bits[0], 0);
                    bits[0] = i as u64;
                    model.insert(ssrc, i as u64);
                }
                order.retain(|other| *other != ssrc);
                if model.contains_key(&ssrc) {
                    order.push(ssrc);
                }
                prop_assert_eq!(table.iter().len(), model.len());
            }
        }
    }
}
