// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets of a camera that are kept for who has not got them, bounded in number and bytes.

use super::key_frame::Counts;

/// Packets that are kept: two seconds of 2 Mbit/s.
pub const KEPT: u64 = 512;
/// Longest payload that is taken: browsers keep packets below the Ethernet's 1500 bytes.
pub const MAX_PAYLOAD_BYTES: usize = 1_460;

/// What a packet is, but for its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its sequence number, counted on beyond 16 bits.
    pub sequence: u64,
    /// Its timestamp.
    pub timestamp: u32,
    /// The last of its picture.
    pub marker: bool,
    /// A key frame begins with it.
    pub key: bool,
    /// What its payload counts.
    pub counts: Counts,
}

#[derive(Debug)]
struct Slot {
    head: Option<Head>,
    length: usize,
    payload: [u8; MAX_PAYLOAD_BYTES],
}

/// The last packets by their sequence numbers.
#[derive(Debug)]
pub struct Cache {
    slots: Box<[Slot]>,
}

impl Cache {
    /// An empty one; takes all its memory.
    pub fn new() -> Self {
        let slot = |_| Slot { head: None, length: 0, payload: [0; MAX_PAYLOAD_BYTES] };
        Self { slots: (0..KEPT).map(slot).collect() }
    }

    /// Keeps a packet in the place of one [`KEPT`] earlier; `false` if its payload is too long.
    ///
    /// Real-time: yes.
    pub fn keep(&mut self, head: Head, payload: &[u8]) -> bool {
        let Some(slot) = self.slots.get_mut((head.sequence % KEPT) as usize) else { return false };
        let Some(room) = slot.payload.get_mut(..payload.len()) else { return false };
        room.copy_from_slice(payload);
        (slot.head, slot.length) = (Some(head), payload.len());
        true
    }

    /// The packet of a sequence number, if it is kept.
    ///
    /// Real-time: yes.
    pub fn get(&self, sequence: u64) -> Option<(Head, &[u8])> {
        let slot = self.slots.get((sequence % KEPT) as usize)?;
        let head = slot.head.filter(|head| head.sequence == sequence)?;
        Some((head, slot.payload.get(..slot.length)?))
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.head = None);
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}
