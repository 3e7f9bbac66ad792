// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a session knows of each SSRC, in a table that finds it in constant time and can't grow
//! beyond its bound. All memory is taken when the table is made.
//!
//! Lookup is open addressing with linear probing at a load of at most one half. Only what has been
//! authenticated, or sent, gets in; the bound holds even if a key holder picks its SSRCs to
//! collide.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::SrtpError;
use super::index::INDEX_LIMIT;
use super::replay::Position;
use crate::within::{Within, push_in, swap_out};

/// Words of the SRTCP replay window: 128 bits, which outlasts minutes of RTCP.
pub(crate) const RTCP_WINDOW_WORDS: usize = 2;

/// One SSRC.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    /// The rollover counter to assume for the first packet.
    pub(crate) initial_roc: u32,
    pub(crate) rtp: Position,
    pub(crate) rtcp: Position,
    pub(crate) rtcp_window: [u64; RTCP_WINDOW_WORDS],
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
}

impl Streams {
    /// For at most `limit` streams with replay windows of `window_bits`.
    pub(crate) fn new(limit: usize, window_bits: usize) -> Self {
        let window_words = window_bits / 64;
        Self {
            streams: Vec::with_capacity(limit),
            windows: vec![0; window_words * limit].into_boxed_slice(),
            window_words,
            slots: vec![0; (2 * limit).next_power_of_two()].into_boxed_slice(),
            limit,
            last: 0,
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.streams.capacity() * size_of::<Stream>()
            + self.windows.len() * 8
            + self.slots.len() * 2
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

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.streams.len() >= self.limit
    }

    /// Adds `ssrc`, which must not be there yet.
    pub(crate) fn insert(&mut self, ssrc: u32, initial_roc: u32) -> Result<usize, SrtpError> {
        if self.is_full() {
            return Err(SrtpError::StreamLimit);
        }
        let at = self.streams.len();
        push_in(&mut self.streams, Stream::new(ssrc, initial_roc));
        self.place(at);
        self.last = at;
        Ok(at)
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

    /// Forgets `ssrc`; whether it was there. Not on the packet path: the slots are filled anew.
    pub(crate) fn remove(&mut self, ssrc: u32) -> bool {
        let Some(at) = self.probe(ssrc) else { return false };
        let words = self.window_words;
        let moved = self.streams.len() - 1;
        self.windows.shift(moved * words..(moved + 1) * words, at * words);
        if let Some(bits) = self.windows.get_mut(moved * words..(moved + 1) * words) {
            bits.fill(0);
        }
        swap_out(&mut self.streams, at);
        self.slots.fill(0);
        for i in 0..self.streams.len() {
            self.place(i);
        }
        self.last = 0;
        true
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

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&Stream, &[u64])> {
        self.streams.iter().zip(self.windows.chunks_exact(self.window_words.max(1)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.streams.iter_mut()
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
            let mut table = Streams::new(limit, 64);
            let mut model = BTreeMap::new();
            for (i, (ssrc, what)) in steps.into_iter().enumerate() {
                if what == 0 {
                    prop_assert_eq!(table.remove(ssrc), model.remove(&ssrc).is_some());
                } else if let Some(&mark) = model.get(&ssrc) {
                    let at = table.find(ssrc).unwrap();
                    let (stream, bits) = table.at(at).unwrap();
                    prop_assert_eq!((stream.ssrc, bits[0]), (ssrc, mark));
                } else {
                    prop_assert_eq!(table.find(ssrc), None);
                    let inserted = table.insert(ssrc, 0);
                    prop_assert_eq!(inserted.is_ok(), model.len() < limit);
                    if let Ok(at) = inserted {
                        let (_, bits) = table.at(at).unwrap();
                        prop_assert_eq!(bits[0], 0);
                        bits[0] = i as u64;
                        model.insert(ssrc, i as u64);
                    }
                }
                prop_assert_eq!(table.iter().len(), model.len());
            }
        }
    }
}
