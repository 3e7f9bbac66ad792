// SPDX-License-Identifier: MIT OR Apache-2.0
//! The datagrams of one tick, in memory that the host brings.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::MemberId;
use crate::leg::MAX_DATAGRAM_BYTES;

/// Holds the datagrams of one tick until the next.
pub struct Outgoing {
    bytes: Box<[u8]>,
    used: usize,
    entries: Vec<Entry>,
    limit: usize,
}

struct Entry {
    member: MemberId,
    tag: u64,
    start: usize,
    end: usize,
}

/// A datagram to be sent to one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutgoingDatagram<'a> {
    /// The member.
    pub member: MemberId,
    /// The member's [`JoinOptions::tag`](super::JoinOptions::tag).
    pub tag: u64,
    /// RTP or RTCP, protected if the leg has keys.
    pub bytes: &'a [u8],
}

impl Outgoing {
    /// Takes memory for `datagrams` of the largest size; two a member are plenty, since most are
    /// much smaller.
    ///
    /// Real-time: no (allocates).
    pub fn new(datagrams: usize) -> Self {
        let limit = datagrams.clamp(1, 1 << 20);
        Self {
            bytes: vec![0; limit * MAX_DATAGRAM_BYTES].into_boxed_slice(),
            used: 0,
            entries: Vec::with_capacity(limit),
            limit,
        }
    }

    /// The datagrams of the last tick.
    ///
    /// Real-time: yes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = OutgoingDatagram<'_>> {
        self.entries.iter().map(|entry| OutgoingDatagram {
            member: entry.member,
            tag: entry.tag,
            bytes: &self.bytes[entry.start..entry.end],
        })
    }

    /// How many datagrams there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The datagram at `index`.
    pub fn datagram(&self, index: usize) -> Option<OutgoingDatagram<'_>> {
        self.iter().nth(index)
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.used = 0;
    }

    pub(super) fn has_room(&self) -> bool {
        self.entries.len() < self.limit && self.bytes.len() - self.used >= MAX_DATAGRAM_BYTES
    }

    /// Copies a datagram in; there must be room.
    pub(super) fn push(&mut self, member: MemberId, tag: u64, datagram: &[u8]) {
        let (start, end) = (self.used, self.used + datagram.len());
        if let Some(room) = self.bytes.get_mut(start..end)
            && self.entries.len() < self.limit
        {
            room.copy_from_slice(datagram);
            self.entries.push(Entry { member, tag, start, end });
            self.used = end;
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("datagrams", &self.len()).finish_non_exhaustive()
    }
}
