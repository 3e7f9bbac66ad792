// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is left of a stream that has made room in the table: enough that its packets can't be
//! replayed, or its indices be sent again, when its SSRC comes back.
//!
//! The last few keep their counters and 64 bits of their window. Of those before them a filter knows
//! that they were there, and one mark how far any of them had come: an SSRC that the filter knows goes
//! on above the mark, or not at all. A filter errs on one side only: it may know an SSRC that never
//! was, never the other way round.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::Stream;
use crate::srtp::replay::Position;
use crate::within::Within;
use crate::within::push_in;

/// What is kept of one stream, in 32 bytes: small sessions are many.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    ssrc: u32,
    initial_roc: u32,
    /// Epochs in their last 15 bits; the first bit says that the next counter is given.
    rtp_epoch: u16,
    rtcp_epoch: u16,
    rtcp_next: u32,
    rtp: Position,
    /// Bit i: whether the index i below the highest has been seen.
    window: u64,
}

const _: () = assert!(size_of::<Record>() == 32);
const PENDING: u16 = 1 << 15;

fn short(epoch: u32) -> u16 {
    epoch as u16 & !PENDING
}

impl Record {
    fn new(stream: &Stream, window: u64) -> Self {
        Self {
            ssrc: stream.ssrc,
            initial_roc: stream.initial_roc,
            rtp_epoch: short(stream.rtp_epoch) | if stream.pending { PENDING } else { 0 },
            rtcp_epoch: short(stream.rtcp_epoch),
            rtcp_next: stream.rtcp.next() as u32,
            rtp: stream.rtp,
            window,
        }
    }

    fn stream(&self, epoch: u32) -> Stream {
        let known = |short_epoch| if short_epoch == short(epoch) { epoch } else { 0 };
        Stream {
            pending: self.rtp_epoch & PENDING != 0,
            rtp: self.rtp,
            rtcp: Position::before(u64::from(self.rtcp_next)),
            rtcp_window: [u64::MAX; _],
            rtp_epoch: known(self.rtp_epoch & !PENDING),
            rtcp_epoch: known(self.rtcp_epoch),
            ..Stream::new(self.ssrc, self.initial_roc)
        }
    }
}

/// See the [module documentation](self).
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The oldest first.
    records: Vec<Record>,
    forgotten: Filter,
    /// Above every index that any stream of the filter had, and in which epoch the last came there.
    rtp_mark: Position,
    rtcp_mark: Position,
    mark_epoch: u32,
    /// Above every index of former keys ([`Stream::former_rtp`]) of a stream that was kept here.
    former_rtp: Position,
    former_rtcp: Position,
}

impl Memory {
    /// The memory of a table of `limit` streams. Where more SSRCs have been forgotten than the filter
    /// tells apart, a `strict` one goes on knowing ever more that never were; another one forgets the
    /// older half.
    pub(super) fn new(limit: usize, strict: bool) -> Self {
        Self {
            records: Vec::with_capacity((3 * limit).clamp(4, 64)),
            forgotten: Filter::new(limit, strict),
            rtp_mark: Position::default(),
            rtcp_mark: Position::default(),
            mark_epoch: 0,
            former_rtp: Position::default(),
            former_rtcp: Position::default(),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.records.capacity() * size_of::<Record>() + self.forgotten.heap_bytes()
    }

    /// The stream that `ssrc` was, and its window; `None` for one that never was.
    pub(super) fn recall(&self, ssrc: u32, epoch: u32) -> Option<(Stream, u64)> {
        if let Some(record) = self.records.iter().find(|record| record.ssrc == ssrc) {
            let stream = Stream {
                former_rtp: self.former_rtp,
                former_rtcp: self.former_rtcp,
                ..record.stream(epoch)
            };
            return Some((stream, record.window));
        }
        if !self.forgotten.knows(ssrc) {
            return None;
        }
        let epoch = if self.mark_epoch == epoch { epoch } else { 0 };
        let stream = Stream {
            pending: true,
            rtp: self.rtp_mark,
            rtcp: self.rtcp_mark,
            rtcp_window: [u64::MAX; _],
            rtp_epoch: epoch,
            rtcp_epoch: epoch,
            former_rtp: self.former_rtp,
            former_rtcp: self.former_rtcp,
            ..Stream::new(ssrc, 0)
        };
        Some((stream, u64::MAX))
    }

    /// Keeps what is needed of a stream.
    pub(crate) fn keep(&mut self, stream: &Stream, bits: &[u64], epoch: u32) {
        self.former_rtp = self.former_rtp.max(stream.former_rtp);
        self.former_rtcp = self.former_rtcp.max(stream.former_rtcp);
        let untouched = stream.rtp == Position::default() && stream.rtcp == Position::default();
        if untouched && !stream.pending && stream.initial_roc == 0 {
            return;
        }
        self.add(Record::new(stream, fold(stream.rtp, bits)), epoch);
    }

    fn add(&mut self, record: Record, epoch: u32) {
        if self.records.len() == self.records.capacity() {
            if let Some(oldest) = self.records.first().copied() {
                self.rtp_mark = self.rtp_mark.max(oldest.rtp);
                let rtcp = Position::before(u64::from(oldest.rtcp_next));
                self.rtcp_mark = self.rtcp_mark.max(rtcp);
                self.mark_epoch = epoch;
                self.forgotten.add(oldest.ssrc);
            }
            self.records.first_to_back();
            self.records.pop();
        }
        push_in(&mut self.records, record);
    }

    /// `ssrc` is in the table again.
    pub(super) fn forget(&mut self, ssrc: u32) {
        let at = self.records.iter().position(|record| record.ssrc == ssrc);
        if let Some(since) = at.and_then(|at| self.records.get_mut(at..)) {
            since.first_to_back();
            self.records.pop();
        }
    }

    /// As [`super::Streams::raise_to_former`].
    pub(super) fn raise_to_former(&mut self) {
        for record in &mut self.records {
            if self.former_rtp > Position::default() {
                (record.rtp, record.window) = (record.rtp.max(self.former_rtp), u64::MAX);
            }
            record.rtcp_next = record.rtcp_next.max(self.former_rtcp.next() as u32);
        }
        self.rtp_mark = self.rtp_mark.max(self.former_rtp);
        self.rtcp_mark = self.rtcp_mark.max(self.former_rtcp);
    }

    /// The streams that are remembered one by one, the oldest first.
    pub(crate) fn streams(&self, epoch: u32) -> impl ExactSizeIterator<Item = Stream> {
        self.records.iter().map(move |record| record.stream(epoch))
    }

    /// Marks and filter, for a checkpoint.
    pub(crate) fn marks(&self) -> ([Position; 4], impl ExactSizeIterator<Item = u64>) {
        let marks = [self.rtp_mark, self.rtcp_mark, self.former_rtp, self.former_rtcp];
        (marks, self.forgotten.words.iter().copied())
    }

    /// Takes over what [`Memory::marks`] said of a memory of the same size. Of one of another size
    /// nothing is known but that any SSRC may have been there.
    pub(crate) fn set_marks(&mut self, marks: [Position; 4], words: &[u64], epoch: u32) {
        [self.rtp_mark, self.rtcp_mark, self.former_rtp, self.former_rtcp] = marks;
        self.mark_epoch = epoch;
        let same = words.len() == self.forgotten.words.len();
        for (at, word) in self.forgotten.words.iter_mut().enumerate() {
            let any = if words.iter().any(|&word| word != 0) { u64::MAX } else { 0 };
            *word = words.get(at).copied().filter(|_| same).unwrap_or(any);
        }
    }
}

/// The window's last 64 bits, the highest index first.
fn fold(position: Position, bits: &[u64]) -> u64 {
    let Some(highest) = position.highest() else { return 0 };
    let seen = |back: u64| match highest.checked_sub(back) {
        Some(index) => position.check(bits, index).is_err(),
        None => true,
    };
    (0..64).filter(|&back| seen(back)).fold(0, |word, back| word | 1 << back)
}

/// Writes a window of which [`fold`] made `folded`: what is older counts as seen.
pub(super) fn unfold(folded: u64, position: Position, bits: &mut [u64]) {
    let Some(highest) = position.highest() else {
        bits.fill(0);
        return;
    };
    bits.fill(u64::MAX);
    for back in (0..64).filter(|back| folded >> back & 1 == 0) {
        if let Some(index) = highest.checked_sub(back) {
            position.clear(bits, index);
        }
    }
}

/// Whether a folded window lets an index through.
pub(crate) fn check_folded(
    folded: u64,
    position: Position,
    index: u64,
) -> Result<(), crate::srtp::SrtpError> {
    let mut bits = [0];
    unfold(folded, position, &mut bits);
    position.check(&bits, index)
}

/// Which SSRCs have been forgotten: a Bloom filter of two halves, of which the one that is not filled
/// is the older one.
#[derive(Debug, Default)]
struct Filter {
    words: Box<[u64]>,
    /// The younger half begins here, and so many SSRCs have been added to it.
    young: usize,
    count: usize,
    strict: bool,
}

impl Filter {
    fn new(limit: usize, strict: bool) -> Self {
        let words = (2 * limit).clamp(8, 2048).next_power_of_two();
        Self { words: vec![0; words].into_boxed_slice(), young: 0, count: 0, strict }
    }

    fn heap_bytes(&self) -> usize {
        self.words.len() * 8
    }

    fn half(&self) -> usize {
        self.words.len() / 2
    }

    /// Word in a half and bit of each of the three marks that an SSRC leaves.
    fn places(&self, ssrc: u32) -> [(usize, u64); 3] {
        let hash = (u64::from(ssrc) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = (hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        [0, 21, 42].map(|shift| {
            let place = (hash >> shift) as usize & 0x1f_ffff;
            ((place / 64) & self.half().wrapping_sub(1), 1 << (place % 64))
        })
    }

    fn add(&mut self, ssrc: u32) {
        // Whoever comes and goes again and again counts once.
        let young = self.words.get(self.young..self.young + self.half());
        if young.is_some_and(|young| has_all(young, &self.places(ssrc))) {
            return;
        }
        // With eight bits for each an SSRC that never was is known in one of thirty cases.
        if self.count >= self.half() * 8 {
            self.count = 0;
            self.young ^= self.half();
            if !self.strict {
                let half = self.half();
                if let Some(young) = self.words.get_mut(self.young..self.young + half) {
                    young.fill(0);
                }
            }
        }
        self.count += 1;
        for (word, bit) in self.places(ssrc) {
            if let Some(word) = self.words.get_mut(self.young + word) {
                *word |= bit;
            }
        }
    }

    fn knows(&self, ssrc: u32) -> bool {
        let places = self.places(ssrc);
        // Whoever can't be looked up counts as one who has been here.
        let halves = self.words.split_at_checked(self.half());
        halves.is_none_or(|(young, old)| has_all(young, &places) || has_all(old, &places))
    }
}

/// Whether all marks are there; one that lies outside counts as one that is.
fn has_all(half: &[u64], places: &[(usize, u64); 3]) -> bool {
    places.iter().all(|&(word, bit)| half.get(word).is_none_or(|word| word & bit != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_there_is_known_and_few_others() {
        let mut memory = Memory::new(8, true);
        for ssrc in 0..100 {
            let mut stream = Stream::new(ssrc, 0);
            stream.rtp = Position::at(1_000 + u64::from(ssrc));
            memory.keep(&stream, &[0, 0], 0);
        }
        for ssrc in 0..100_u32 {
            let (stream, window) = memory.recall(ssrc, 0).unwrap();
            let own = 1_000 + u64::from(ssrc);
            assert!(stream.rtp.highest() >= Some(own));
            assert!(check_folded(window, stream.rtp, own).is_err() || ssrc >= 76);
            if ssrc >= 76 {
                assert_eq!((stream.rtp.highest(), stream.pending), (Some(own), false));
            }
        }
        let strangers = (100..10_100).filter(|&ssrc| memory.recall(ssrc, 0).is_some()).count();
        assert!(strangers < 500, "{strangers} of 10000");
    }

    #[test]
    fn window_is_folded_and_unfolded_without_loss_of_its_last_word() {
        for highest in [0_u64, 5, 63, 64, 70, 1_000, 65_536] {
            let mut bits = [0; 2];
            let mut position = Position::default();
            for index in
                (highest.saturating_sub(90)..=highest).filter(|i| i % 3 != 1 || *i == highest)
            {
                position.commit(&mut bits, index);
            }
            let folded = fold(position, &bits);
            let mut other = [0; 2];
            unfold(folded, position, &mut other);
            for index in 0..=highest + 3 {
                let expected = match highest.checked_sub(index) {
                    Some(back) if back >= 64 => false,
                    _ => position.check(&bits, index).is_ok(),
                };
                assert_eq!(position.check(&other, index).is_ok(), expected, "{index} of {highest}");
                assert_eq!(check_folded(folded, position, index).is_ok(), expected);
            }
        }
    }
}
