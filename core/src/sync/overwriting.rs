// SPDX-License-Identifier: MIT OR Apache-2.0
//! A ring of frames of PCM that is never full: where the reader is slow the oldest give way. Wait-free on
//! both sides, and the writer can wipe what lies in it at any time.
//!
//! Each slot is a sequence lock over atomic words, as in [`snapshot`](super::snapshot): a reader that the
//! writer has overtaken finds out and goes on with what is there. That the
//! writer may touch every slot is what an SPSC ring can't give: what has been put in there is the
//! consumer's.

use alloc::boxed::Box;

use super::primitive::Arc;
use super::primitive::atomic::{AtomicU32, AtomicUsize, Ordering};
use super::word::Word;
use crate::within::Within;

/// Samples of a word.
const SAMPLES: usize = 4;
/// A slot that holds nothing whole: no frame's turn, before 2^31 frames.
const NOTHING: usize = 0;
/// How often a reader that was overtaken tries again: once would do for one that reads faster than frames
/// come.
const ATTEMPTS: usize = if cfg!(loom) { 2 } else { 16 };

/// Makes a ring of `slots` frames (rounded up to a power of two) of up to `samples`, with so many words in front
/// of each.
pub(crate) fn channel<const HEAD: usize>(
    slots: usize,
    samples: usize,
) -> (Writer<HEAD>, Reader<HEAD>) {
    let slots = slots.clamp(1, 1 << 20).next_power_of_two();
    let stride = HEAD + samples.div_ceil(SAMPLES);
    let shared = Arc::new(Shared {
        turns: (0..slots).map(|_| AtomicUsize::new(NOTHING)).collect(),
        words: (0..slots * stride).map(|_| Word::new(0)).collect(),
        stride,
        written: AtomicUsize::new(0),
        floor: AtomicUsize::new(0),
        closed: AtomicU32::new(0),
    });
    (Writer { shared: Arc::clone(&shared), next: 0 }, Reader { shared, next: 0 })
}

#[derive(Debug)]
struct Shared {
    /// Of the frame with number `n`: `2n + 1` while it is written, `2n + 2` when it is whole. Wrapping.
    turns: Box<[AtomicUsize]>,
    words: Box<[Word]>,
    stride: usize,
    /// Frames that have been written, wrapping.
    written: AtomicUsize,
    /// The first frame that has not been wiped.
    floor: AtomicUsize,
    /// One of the sides has gone, or will not go on.
    closed: AtomicU32,
}

impl Shared {
    fn slot(&self, frame: usize) -> Option<(&AtomicUsize, &[Word])> {
        let at = frame & self.turns.len().wrapping_sub(1);
        let from = at * self.stride;
        Some((self.turns.get(at)?, self.words.get(from..from + self.stride)?))
    }

    /// Overwrites everything, for who reads it nobody any more.
    fn wipe(&self) {
        for turn in &self.turns {
            turn.store(NOTHING, Ordering::Relaxed);
        }
        // Release: who sees a word of this also sees that its slot holds nothing.
        self.words.iter().for_each(|word| word.store(0));
        core::hint::black_box(&self.words);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// The audio thread's side.
#[derive(Debug)]
pub(crate) struct Writer<const HEAD: usize> {
    shared: Arc<Shared>,
    next: usize,
}

impl<const HEAD: usize> Writer<HEAD> {
    /// Puts a frame in; the oldest goes if there is no room. What of `pcm` a slot has no room for is left out.
    ///
    /// Real-time: yes.
    pub(crate) fn write(&mut self, head: &[u64; HEAD], pcm: &[i16]) {
        let Some((turn, words)) = self.shared.slot(self.next) else { return };
        turn.store(self.next.wrapping_mul(2).wrapping_add(1), Ordering::Relaxed);
        // Release: a reader that sees a word also sees that the slot is being written.
        let (before, body) = words.cut(HEAD.min(words.len()));
        before.iter().zip(head).for_each(|(word, value)| word.store(*value));
        let (fours, rest) = pcm.as_chunks::<SAMPLES>();
        body.iter().zip(fours).for_each(|(word, four)| word.store(packed(*four)));
        if !rest.is_empty()
            && let Some(word) = body.get(fours.len())
        {
            let mut four = [0; SAMPLES];
            four.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            word.store(packed(four));
        }
        turn.store(self.next.wrapping_mul(2).wrapping_add(2), Ordering::Release);
        self.next = self.next.wrapping_add(1);
        self.shared.written.store(self.next, Ordering::Release);
    }

    /// Overwrites all that lies in the ring, read or not.
    ///
    /// Real-time: yes; as long as it takes to write the whole ring.
    pub(crate) fn wipe(&mut self) {
        self.shared.floor.store(self.next, Ordering::Release);
        self.shared.wipe();
    }

    /// Nothing more will come.
    pub(crate) fn close(&mut self) {
        self.shared.closed.store(1, Ordering::Release);
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Relaxed) != 0
    }
}

#[inline]
fn packed([a, b, c, d]: [i16; SAMPLES]) -> u64 {
    let [a, b, c, d] = [a, b, c, d].map(|sample| u64::from(sample as u16));
    a | b << 16 | c << 32 | d << 48
}

/// The side of who reads.
#[derive(Debug)]
pub(crate) struct Reader<const HEAD: usize> {
    shared: Arc<Shared>,
    next: usize,
}

impl<const HEAD: usize> Reader<HEAD> {
    /// Reads the oldest frame to the front of `pcm`: what stands in front of it, and how many were lost before
    /// it. Frames that were wiped are neither given nor lost.
    ///
    /// Real-time: yes (bounded).
    pub(crate) fn read(&mut self, pcm: &mut [i16]) -> Option<([u64; HEAD], u64)> {
        let mut lost = 0;
        for _ in 0..ATTEMPTS {
            let written = self.shared.written.load(Ordering::Acquire);
            let floor = self.shared.floor.load(Ordering::Acquire);
            if floor.wrapping_sub(self.next) as isize > 0 {
                self.next = floor;
            }
            let waiting = written.wrapping_sub(self.next);
            if waiting as isize <= 0 {
                return None;
            }
            let beyond = waiting.saturating_sub(self.shared.turns.len());
            self.next = self.next.wrapping_add(beyond);
            lost += beyond as u64;
            let (turn, words) = self.shared.slot(self.next)?;
            let whole = self.next.wrapping_mul(2).wrapping_add(2);
            let before = turn.load(Ordering::Acquire);
            let (of_head, body) = words.cut(HEAD.min(words.len()));
            let mut head = [0; HEAD];
            head.iter_mut().zip(of_head).for_each(|(to, word)| *to = word.load());
            for (four, word) in pcm.chunks_mut(SAMPLES).zip(body) {
                let packed = word.load();
                four.iter_mut().enumerate().for_each(|(n, to)| *to = (packed >> (16 * n)) as i16);
            }
            // Acquire on each word keeps this look behind them all.
            let after = turn.load(Ordering::Relaxed);
            let is_whole = before == whole && after == whole;
            if is_whole {
                self.next = self.next.wrapping_add(1);
                return Some((head, lost));
            }
            // Overtaken or wiped meanwhile: the next round tells which.
            pcm.fill(0);
        }
        None
    }

    /// How many words of the ring hold something.
    pub(crate) fn residue(&self) -> usize {
        self.shared.words.iter().filter(|word| word.load() != 0).count()
    }

    /// Whether nothing more will come; what lies in the ring can still be read.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire) != 0
    }
}

impl<const HEAD: usize> Drop for Reader<HEAD> {
    fn drop(&mut self) {
        self.shared.closed.store(1, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_like_a_queue_whose_oldest_give_way(
            slots in 1_usize..9, samples in 1_usize..11,
            steps in prop::collection::vec(prop::sample::select(b"wwwwrrrx".to_vec()), 0..300),
        ) {
            let (mut writer, mut reader) = channel(slots, samples);
            let (mut model, mut lost, mut next) = (VecDeque::new(), 0, 0_u64);
            for step in steps {
                match step {
                    b'w' => {
                        next += 1;
                        let pcm: Vec<i16> = (0..samples).map(|n| next as i16 - 7 * n as i16).collect();
                        writer.write(&[next, !next, 0, 1], &pcm);
                        model.push_back((next, pcm));
                        if model.len() > slots.next_power_of_two() {
                            model.pop_front();
                            lost += 1;
                        }
                    }
                    b'r' => {
                        let mut pcm = alloc::vec![9; samples];
                        let read = reader.read(&mut pcm).map(|(head, lost)| (head[0], lost, pcm));
                        let expected = model.pop_front().map(|(n, pcm)| (n, lost, pcm));
                        lost = if expected.is_some() { 0 } else { lost };
                        prop_assert_eq!(read, expected);
                    }
                    _ => {
                        writer.wipe();
                        prop_assert_eq!(reader.residue(), 0);
                        model.clear();
                        lost = 0;
                    }
                }
            }
        }
    }

    #[test]
    fn either_side_hears_that_the_other_has_gone() {
        let (mut writer, reader) = channel::<1>(2, 4);
        assert!(!writer.is_closed());
        drop(reader);
        assert!(writer.is_closed());
        let (mut other, reader) = channel::<1>(2, 4);
        assert!(!reader.is_closed());
        other.close();
        assert!(reader.is_closed());
        writer.write(&[1], &[1; 4]);
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

    /// A ring smaller than the traffic, which is wiped in the middle.
    fn traffic(of_writer: Planted, of_reader: Planted, wipes: bool) {
        loom::model(move || {
            let (mut writer, mut reader) = channel(1, 0);
            let thread = loom::thread::spawn(move || {
                plant(of_writer);
                writer.write(&twice(1), &[]);
                if wipes {
                    writer.wipe();
                } else {
                    writer.write(&twice(2), &[]);
                }
            });
            plant(of_reader);
            if let Some((head, _)) = reader.read(&mut []) {
                assert!(head == twice(1) || head == twice(2), "half a value");
            }
            thread.join().unwrap();
            let last = reader.read(&mut []).map(|(head, _)| head);
            assert!(if wipes { last.is_none() } else { last.is_none_or(|last| last == twice(2)) });
            assert!(!wipes || reader.residue() == 0);
        });
    }

    #[test]
    fn every_interleaving_gives_whole_frames() {
        traffic(Planted::default(), Planted::default(), false);
    }

    #[test]
    fn every_interleaving_with_a_wipe_gives_whole_frames_or_none() {
        traffic(Planted::default(), Planted::default(), true);
    }

    #[test]
    #[should_panic(expected = "half a value")]
    fn planted_a_frame_is_written_without_an_order() {
        traffic(STORES_RELAXED, Planted::default(), false);
    }

    #[test]
    #[should_panic(expected = "half a value")]
    fn planted_a_frame_is_read_without_an_order() {
        traffic(Planted::default(), LOADS_RELAXED, false);
    }
}
