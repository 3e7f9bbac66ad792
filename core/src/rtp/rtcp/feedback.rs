// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generic NACK (RFC 4585 section 6.2.1): asking for packets that did not come.

use super::wire::{RtcpError, TRANSPORT_FEEDBACK, word};
use super::writer::{CompoundWriter, put};

/// A packet that is worth asking for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missing {
    /// Its sequence number.
    pub sequence: u16,
    /// When it has to be here to be played, on the host's clock.
    pub deadline_ns: u64,
}

/// Feedback message type of the generic NACK.
pub(super) const GENERIC_NACK: usize = 1;
/// Packets that one entry can name: its own, and sixteen that follow.
const SPAN: u16 = 17;

/// Sequence numbers that a NACK asks for, not copied.
#[derive(Debug, Clone, Copy)]
pub struct Nacks<'a> {
    entries: &'a [u8],
    /// Sequence number and mask of the entry under way; none left when the mask is 0.
    sequence: u16,
    mask: u32,
}

impl<'a> Nacks<'a> {
    pub(super) fn new(entries: &'a [u8]) -> Result<Self, RtcpError> {
        if entries.is_empty() || !entries.len().is_multiple_of(4) {
            return Err(RtcpError::Truncated);
        }
        Ok(Self { entries, sequence: 0, mask: 0 })
    }
}

impl Iterator for Nacks<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.mask == 0 {
            let (entry, rest) = self.entries.split_first_chunk::<4>()?;
            self.entries = rest;
            let entry = word(entry, 0);
            self.sequence = (entry >> 16) as u16;
            self.mask = (entry & 0xffff) << 1 | 1;
        }
        let step = self.mask.trailing_zeros();
        self.mask &= self.mask - 1;
        Some(self.sequence.wrapping_add(step as u16))
    }
}

impl CompoundWriter<'_> {
    /// Adds a generic NACK of `ssrc` for packets of `media_ssrc`; sequence numbers that follow each
    /// other within sixteen share an entry, so they should be in order.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`RtcpError::Capacity`]; [`RtcpError::TooMany`] for none or more than 64 numbers. Nothing is
    /// written then.
    pub fn nack(&mut self, ssrc: u32, media_ssrc: u32, sequences: &[u16]) -> Result<(), RtcpError> {
        let mut entries = [0_u32; 64];
        let mut count = 0_usize;
        for &sequence in sequences {
            let base = count.checked_sub(1).and_then(|last| entries.get_mut(last));
            let step = base.as_ref().map_or(0, |e| sequence.wrapping_sub((**e >> 16) as u16));
            match base {
                Some(entry) if step < SPAN => {
                    if step > 0 {
                        *entry |= 1 << (step - 1);
                    }
                }
                _ => {
                    *entries.get_mut(count).ok_or(RtcpError::TooMany)? = u32::from(sequence) << 16;
                    count += 1;
                }
            }
        }
        if count == 0 {
            return Err(RtcpError::TooMany);
        }
        let body = self.packet(TRANSPORT_FEEDBACK, GENERIC_NACK, 8 + 4 * count)?;
        put(body, 0, ssrc);
        put(body, 4, media_ssrc);
        for (n, entry) in entries[..count].iter().enumerate() {
            put(body, 8 + 4 * n, *entry);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Packet, Packets};
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_asked_for_are_read_back(first: u16, steps in prop::collection::vec(0_u16..40, 1..60)) {
            let mut at = first;
            let numbers: Vec<u16> = steps.iter().map(|step| { at = at.wrapping_add(*step); at }).collect();
            let mut out = [0; 400];
            let mut writer = CompoundWriter::new(&mut out);
            writer.nack(7, 9, &numbers).unwrap();
            let length = writer.len();
            let Some(Ok(Packet::Nack(7, 9, read))) = Packets::new(&out[..length]).next() else {
                return Err(TestCaseError::fail("not a NACK"));
            };
            let read: Vec<u16> = read.collect();
            let distinct: BTreeSet<u16> = numbers.iter().copied().collect();
            prop_assert_eq!(read.len(), distinct.len());
            prop_assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), distinct);
        }
    }

    #[test]
    fn the_layout_is_that_of_the_rfc() {
        // PID 0x1000, and 0x1001 and 0x1010 in its mask.
        let bytes = [0x81, 205, 0, 3, 0, 0, 0, 7, 0, 0, 0, 9, 0x10, 0x00, 0x80, 0x01];
        let mut out = [0; 16];
        CompoundWriter::new(&mut out).nack(7, 9, &[0x1000, 0x1001, 0x1010]).unwrap();
        assert_eq!(out, bytes);
    }

    #[test]
    fn too_many_and_none_are_refused() {
        let mut out = [0; 900];
        let far: Vec<u16> = (0..65).map(|n| n * 100).collect();
        assert_eq!(CompoundWriter::new(&mut out).nack(1, 2, &far), Err(RtcpError::TooMany));
        assert_eq!(CompoundWriter::new(&mut out).nack(1, 2, &[]), Err(RtcpError::TooMany));
        let empty = [0x81, 205, 0, 2, 0, 0, 0, 7, 0, 0, 0, 9];
        assert!(matches!(Packets::new(&empty).next(), Some(Err(RtcpError::Truncated))));
    }
}
