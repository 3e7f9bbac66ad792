// SPDX-License-Identifier: MIT OR Apache-2.0
//! The replay window (RFC 3711 section 3.3.2): which of the last indices have been seen.
//!
//! The bits stand in a ring of words that the stream table allocates once; bit `index mod size`
//! says whether `index` was seen. Moving the window forward clears what falls out of it.

use super::SrtpError;

/// Where a window stands; its bits are kept elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Highest index so far plus one; 0 before the first packet.
    next: u64,
}

impl Position {
    /// A position whose highest index is `highest`.
    pub(crate) fn at(highest: u64) -> Self {
        Self { next: highest + 1 }
    }

    /// The position whose next index in order is `next`; 0 before the first.
    pub(crate) fn before(next: u64) -> Self {
        Self { next }
    }

    /// The next index in order.
    pub(crate) fn next(self) -> u64 {
        self.next
    }

    /// The highest index so far.
    #[inline]
    pub(crate) fn highest(self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// The index after the highest, if there has been one and its sequence number is `sequence`.
    #[inline(always)]
    pub(crate) fn next_in_order(self, sequence: u16) -> Option<u64> {
        (self.next != 0 && self.next as u16 == sequence).then_some(self.next)
    }

    /// Notes the index that [`Position::next_in_order`] returned.
    #[inline(always)]
    pub(crate) fn commit_in_order(&mut self, bits: &mut [u64], index: u64) {
        let at = word_of(bits, index);
        if let Some(word) = bits.get_mut(at) {
            *word |= 1 << (index % 64);
        }
        self.next = index + 1;
    }

    /// Whether `index` may be accepted. `bits` has a power of two of words.
    ///
    /// Real-time: yes.
    #[inline]
    pub(crate) fn check(self, bits: &[u64], index: u64) -> Result<(), SrtpError> {
        if index >= self.next {
            return Ok(());
        }
        let size = bits.len() as u64 * 64;
        if self.next - index > size {
            return Err(SrtpError::TooOld);
        }
        let seen = bits.get(word_of(bits, index)).is_none_or(|w| w >> (index % 64) & 1 != 0);
        if seen { Err(SrtpError::Replayed) } else { Ok(()) }
    }

    /// Notes that `index`, which [`Position::check`] let through, was accepted.
    ///
    /// Real-time: yes; at most 512 words are cleared.
    #[inline]
    pub(crate) fn commit(&mut self, bits: &mut [u64], index: u64) {
        if index >= self.next {
            // The next index in order clears no bit but its own, which is set below.
            if index != self.next {
                self.clear_up_to(bits, index);
            }
            self.next = index + 1;
        }
        let at = word_of(bits, index);
        if let Some(word) = bits.get_mut(at) {
            *word |= 1 << (index % 64);
        }
    }

    /// Takes the note back that `index`, which lies in the window, has been seen.
    pub(crate) fn clear(self, bits: &mut [u64], index: u64) {
        let at = word_of(bits, index);
        if let Some(word) = bits.get_mut(at) {
            *word &= !(1 << (index % 64));
        }
    }

    /// Clears the bits of `self.next..=index`.
    #[inline(never)]
    fn clear_up_to(self, bits: &mut [u64], index: u64) {
        let size = bits.len() as u64 * 64;
        if index - self.next >= size {
            bits.fill(0);
            return;
        }
        let mut i = self.next;
        while i <= index {
            let at = word_of(bits, i);
            let Some(word) = bits.get_mut(at) else { return };
            let last = (i | 63).min(index);
            let count = last - i + 1;
            let mask = if count == 64 { u64::MAX } else { ((1 << count) - 1) << (i % 64) };
            *word &= !mask;
            i = last + 1;
        }
    }
}

#[inline]
fn word_of(bits: &[u64], index: u64) -> usize {
    (index / 64) as usize & (bits.len().wrapping_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn window_agrees_with_a_set_of_all_indices_seen(
            words_log2 in 0_u32..4,
            start in 0_u64..100_000,
            steps in prop::collection::vec((-300_i64..300, 0_u8..20), 1..400),
        ) {
            let mut bits = alloc::vec![0_u64; 1 << words_log2];
            let size = bits.len() as u64 * 64;
            let mut position = Position::default();
            let mut seen = BTreeSet::new();
            let mut at = start as i64;
            for (step, wide) in steps {
                at = (at + if wide == 0 { step * 40 } else { step / 8 }).max(0);
                let index = at as u64;
                let expected = match seen.last() {
                    Some(&highest) if index + size <= highest => Err(SrtpError::TooOld),
                    _ if seen.contains(&index) => Err(SrtpError::Replayed),
                    _ => Ok(()),
                };
                prop_assert_eq!(position.check(&bits, index), expected);
                if expected.is_ok() {
                    position.commit(&mut bits, index);
                    seen.insert(index);
                }
                prop_assert_eq!(position.highest(), seen.last().copied());
            }
        }
    }
}
