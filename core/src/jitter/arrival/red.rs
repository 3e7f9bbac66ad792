// SPDX-License-Identifier: MIT OR Apache-2.0
//! Redundant audio (RFC 2198): a packet that carries older packets' payloads again. Network thread:
//! the writer takes the blocks apart, so that each lies in a slot of its own.

/// Blocks that are looked at in one packet, the primary one included.
const MAX_BLOCKS: usize = 8;

/// One block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// 0 to 127.
    pub(crate) payload_type: u8,
    /// Ticks before the packet's timestamp; 0 for the primary block.
    pub(crate) timestamp_offset: u32,
    /// The payload of that type.
    pub(crate) payload: &'a [u8],
}

/// The blocks of a payload, the primary one first, then the older ones as they stand; `None` when
/// lengths contradict each other or there are more than eight.
pub(crate) fn blocks(payload: &[u8]) -> Option<impl Iterator<Item = Block<'_>>> {
    let (mut at, mut count, mut lengths) = (0, 0, 0);
    while payload.get(at)? & 0x80 != 0 {
        let &[_, _, l0, l1] = payload.get(at..at + 4)? else { return None };
        lengths += usize::from(u16::from_be_bytes([l0, l1]) & 0x3ff);
        at += 4;
        count += 1;
        if count == MAX_BLOCKS {
            return None;
        }
    }
    let body = at + 1;
    let primary = Block {
        payload_type: payload[at],
        timestamp_offset: 0,
        payload: payload.get(body + lengths..)?,
    };
    let mut data = payload.get(body..body + lengths)?;
    let older = payload[..at].chunks_exact(4).map(move |header| {
        let word = u32::from_be_bytes([0, header[1], header[2], header[3]]);
        let (block, rest) = data.split_at(((word & 0x3ff) as usize).min(data.len()));
        data = rest;
        Block { payload_type: header[0] & 0x7f, timestamp_offset: word >> 10, payload: block }
    });
    Some(core::iter::once(primary).chain(older))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn blocks_come_primary_first() {
        // Two older blocks of 2 and 1 bytes, 320 and 160 ticks back; the primary one is type 0.
        let payload = [
            0x80 | 8,
            (320_u16 >> 6) as u8,
            (320_u16 << 2) as u8,
            2,
            0x80,
            160 >> 6,
            (160_u16 << 2) as u8,
            1,
            0,
            1,
            2,
            3,
            9,
            9,
            9,
        ];
        let all: Vec<_> = blocks(&payload).unwrap().collect();
        let block = |payload_type, timestamp_offset, payload| Block {
            payload_type,
            timestamp_offset,
            payload,
        };
        assert_eq!(all, [block(0, 0, &[9, 9, 9][..]), block(8, 320, &[1, 2]), block(0, 160, &[3])]);
    }

    proptest! {
        #[test]
        fn blocks_of_any_bytes_lie_within_them(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(all) = blocks(&bytes) {
                let total: usize = all.map(|b| b.payload.len()).sum();
                prop_assert!(total < bytes.len());
            }
        }
    }
}
