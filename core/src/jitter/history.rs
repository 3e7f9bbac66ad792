// SPDX-License-Identifier: MIT OR Apache-2.0
//! The playout history, PCM between decoder and output: what was played lately (concealment and stretching
//! look back at it) and what is decoded and still to be played, in one piece of memory. Audio thread only.

use alloc::boxed::Box;

use crate::within::Within;

/// Played samples, then pending ones, contiguous.
#[derive(Debug)]
pub(crate) struct PcmBuffer {
    samples: Box<[i16]>,
    /// Played samples that are kept when room is made.
    keep: usize,
    /// Where the pending samples begin, and where they end.
    head: usize,
    end: usize,
}

impl PcmBuffer {
    /// Keeps at least `keep` played samples (silence at first) and has room for `pending` more.
    pub(crate) fn new(keep: usize, pending: usize) -> Self {
        let samples = alloc::vec![0; keep + pending].into_boxed_slice();
        Self { samples, keep, head: keep, end: keep }
    }

    /// Samples that were not played yet.
    #[inline]
    pub(crate) fn pending(&self) -> &[i16] {
        self.samples.span(self.head..self.end)
    }

    #[inline]
    pub(crate) fn pending_mut(&mut self) -> &mut [i16] {
        self.samples.span_mut(self.head..self.end)
    }

    /// Everything there is, oldest first, up to the last pending sample.
    #[inline]
    pub(crate) fn all(&self) -> &[i16] {
        self.samples.head(self.end)
    }

    #[inline]
    pub(crate) fn all_mut(&mut self) -> &mut [i16] {
        self.samples.head_mut(self.end)
    }

    /// How many played samples stand before the pending ones; at least `keep`.
    #[inline]
    pub(crate) fn played(&self) -> usize {
        self.head
    }

    /// Makes room for `count` more samples; `false` when there can't be.
    #[inline]
    pub(crate) fn reserve(&mut self, count: usize) -> bool {
        if self.end + count <= self.samples.len() {
            return true;
        }
        let from = self.head - self.keep;
        self.samples.shift(from..self.end, 0);
        self.head -= from;
        self.end -= from;
        self.end + count <= self.samples.len()
    }

    /// Room behind the pending samples, to write to before [`PcmBuffer::commit`].
    #[inline]
    pub(crate) fn tail_mut(&mut self) -> &mut [i16] {
        self.samples.past_mut(self.end)
    }

    /// Room behind the pending samples, to look at.
    #[inline]
    pub(crate) fn tail(&self) -> &[i16] {
        self.samples.past(self.end)
    }

    /// Calls `write` with everything up to the last pending sample, and with the tail from there on.
    #[inline]
    pub(crate) fn continue_with(&mut self, count: usize, write: impl FnOnce(&[i16], &mut [i16])) {
        let (past, tail) = self.samples.cut_mut(self.end);
        let count = count.min(tail.len());
        write(past, tail.head_mut(count));
    }

    /// Makes the first `count` samples of the tail pending.
    #[inline]
    pub(crate) fn commit(&mut self, count: usize) {
        self.end = (self.end + count).min(self.samples.len());
    }

    /// Takes `count` samples out of the pending ones, at `at`.
    #[inline]
    pub(crate) fn remove(&mut self, at: usize, count: usize) {
        let from = (self.head + at).min(self.end);
        let count = count.min(self.end - from);
        self.samples.shift(from + count..self.end, from);
        self.end -= count;
    }

    /// Forgets the pending samples behind the first `count`.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.end = self.end.min(self.head + count);
    }

    /// Moves the pending samples back by `count` and leaves room in front of them, holding anything;
    /// `false` (and nothing moved) when there is no room.
    pub(crate) fn open(&mut self, count: usize) -> bool {
        if !self.reserve(count) {
            return false;
        }
        self.samples.shift(self.head..self.end, self.head + count);
        self.end += count;
        true
    }

    /// Plays: copies the first pending samples to `out`, as many as fit, and the rest is silence.
    #[inline]
    pub(crate) fn play(&mut self, out: &mut [i16]) {
        let count = out.len().min(self.end - self.head);
        let (filled, rest) = out.cut_mut(count);
        filled.copy_of(self.pending().head(count));
        rest.fill(0);
        self.head += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Append(usize),
        Play(usize),
        Remove(usize, usize),
        Open(usize),
        Truncate(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_usize..40).prop_map(Step::Append),
            (0_usize..40).prop_map(Step::Play),
            (0_usize..60, 0_usize..60).prop_map(|(a, b)| Step::Remove(a, b)),
            (0_usize..20).prop_map(Step::Open),
            (0_usize..60).prop_map(Step::Truncate),
        ]
    }

    proptest! {
        #[test]
        fn behaves_like_a_list_with_a_memory(steps in prop::collection::vec(step(), 0..100)) {
            let mut buffer = PcmBuffer::new(16, 64);
            let mut played: Vec<i16> = alloc::vec![0; 16];
            let mut pending: Vec<i16> = Vec::new();
            let mut next = 0_i16;
            for step in steps {
                match step {
                    Step::Append(count) => {
                        let fits = pending.len() + count <= 64;
                        prop_assert_eq!(buffer.reserve(count), fits);
                        if fits {
                            for sample in &mut buffer.tail_mut()[..count] {
                                next = next.wrapping_add(1);
                                *sample = next;
                                pending.push(next);
                            }
                            buffer.commit(count);
                        }
                    }
                    Step::Play(count) => {
                        let mut out = alloc::vec![99; count];
                        buffer.play(&mut out);
                        let some = count.min(pending.len());
                        prop_assert_eq!(&out[..some], &pending[..some]);
                        prop_assert!(out[some..].iter().all(|&s| s == 0));
                        played.extend(pending.drain(..some));
                    }
                    Step::Remove(at, count) => {
                        buffer.remove(at, count);
                        let at = at.min(pending.len());
                        let end = (at + count).min(pending.len());
                        pending.drain(at..end);
                    }
                    Step::Open(count) => {
                        if buffer.open(count) {
                            buffer.pending_mut()[..count].fill(7);
                            pending.splice(0..0, core::iter::repeat_n(7, count));
                        } else {
                            prop_assert!(pending.len() + count > 64);
                        }
                    }
                    Step::Truncate(count) => {
                        buffer.truncate(count);
                        pending.truncate(count);
                    }
                }
                prop_assert_eq!(buffer.pending(), pending.as_slice());
                let past = &buffer.all()[..buffer.played()];
                prop_assert!(past.len() >= 16);
                let known = past.len().min(played.len());
                prop_assert_eq!(&past[past.len() - known..], &played[played.len() - known..]);
            }
        }
    }
}
