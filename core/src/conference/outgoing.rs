// SPDX-License-Identifier: MIT OR Apache-2.0
//! The datagrams of one tick, in memory that the host brings.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::member::MemberId;
use crate::leg::{MAX_DATAGRAM_BYTES, Plain};
use crate::srtp::{Job, Sender, Sessions, protect_batch};
use crate::within::{Within, push_in};

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
    /// Where the room ends that the datagram may grow to, and its bytes of payload, while it is yet
    /// to be protected.
    unprotected: Option<(usize, usize)>,
}

/// Datagrams that are protected at a time.
const CHUNK: usize = 16;

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
            bytes: self.bytes.span(entry.start..entry.end),
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

    /// Where the next datagram goes: [`MAX_DATAGRAM_BYTES`], if there is room.
    pub(super) fn room(&mut self) -> Option<&mut [u8]> {
        if !self.has_room() {
            return None;
        }
        self.bytes.get_mut(self.used..self.used + MAX_DATAGRAM_BYTES)
    }

    /// Takes in the datagram that has been written to [`Outgoing::room`].
    pub(super) fn push(&mut self, member: MemberId, tag: u64, plain: &Plain) {
        let start = self.used;
        self.used += plain.room;
        let unprotected = plain.unprotected.map(|payload_bytes| (self.used, payload_bytes));
        let end = start + plain.bytes;
        push_in(&mut self.entries, Entry { member, tag, start, end, unprotected });
    }

    /// Protects what is yet to be, by the sessions that members' indices name. `refused` is told whose
    /// datagram could not be and is dropped, and its bytes of payload.
    pub(super) fn protect<T: Sessions<Sender>>(
        &mut self,
        sessions: &mut T,
        mut refused: impl FnMut(&mut T, u32, usize),
    ) {
        let mut any_refused = false;
        let mut from = 0;
        while from < self.entries.len() {
            let mut jobs: [Job<'_>; CHUNK] = core::array::from_fn(|_| Job::new(0, &mut [], 0));
            let mut places = [0; CHUNK];
            let (mut rest, mut offset) = (&mut self.bytes[..], 0);
            let waiting = self.entries.iter().enumerate().skip(from);
            let waiting = waiting.filter_map(|(at, entry)| Some((at, entry, entry.unprotected?.0)));
            let mut count = 0;
            let free = jobs.iter_mut().zip(&mut places);
            for ((job, place), (at, entry, room_end)) in free.zip(waiting) {
                let (_, behind) = rest.cut_mut(entry.start - offset);
                let (room, behind) = behind.cut_mut(room_end - entry.start);
                (rest, offset) = (behind, room_end);
                *job = Job::new(entry.member.index as usize, room, entry.end - entry.start);
                *place = at;
                count += 1;
            }
            from = if count < CHUNK { self.entries.len() } else { places[CHUNK - 1] + 1 };
            protect_batch(sessions, jobs.head_mut(count));
            for (job, place) in jobs.head(count).iter().zip(places) {
                let Some(entry) = self.entries.get_mut(place) else { continue };
                let payload_bytes = entry.unprotected.take().map_or(0, |(_, bytes)| bytes);
                match job.result {
                    Ok(bytes) => entry.end = entry.start + bytes,
                    Err(_) => {
                        any_refused = true;
                        entry.end = entry.start;
                        refused(sessions, entry.member.index, payload_bytes);
                    }
                }
            }
        }
        if any_refused {
            self.entries.retain(|entry| entry.end > entry.start);
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("datagrams", &self.len()).finish_non_exhaustive()
    }
}
