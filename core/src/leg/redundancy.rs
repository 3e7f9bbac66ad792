// SPDX-License-Identifier: MIT OR Apache-2.0
//! Older payloads again in every packet (RFC 2198), so that a lost packet costs nothing once the
//! next has come. Where none is repeated, packets are plain ones of the codec's type.

use alloc::boxed::Box;
use alloc::vec;

use crate::within::Within;

/// Longest payload that is repeated: a block's length has ten bits (section 3).
const MAX_BLOCK_BYTES: usize = 1_023;
/// Farthest that a repeated payload may lie back: its offset has 14 bits.
const MAX_OFFSET_TICKS: u32 = (1 << 14) - 1;

#[derive(Debug, Clone)]
struct Sent {
    timestamp: u32,
    payload: Box<[u8]>,
    bytes: usize,
}

impl Sent {
    fn payload(&self) -> &[u8] {
        self.payload.head(self.bytes)
    }
}

/// What has been sent lately, the newest first.
#[derive(Debug)]
pub(super) struct Redundancy {
    pub(super) payload_type: u8,
    sent: Box<[Sent]>,
    /// How many of them are repeated now.
    repeated: usize,
}

impl Redundancy {
    /// Repeats payloads in packets of `payload_type`, `generations` at most.
    pub(super) fn new(payload_type: u8, generations: u8) -> Self {
        let none = Sent { timestamp: 0, payload: vec![0; MAX_BLOCK_BYTES].into(), bytes: 0 };
        let most = usize::from(generations);
        Self { payload_type, sent: vec![none; most].into(), repeated: most }
    }

    /// Repeats so many from now on.
    ///
    /// Real-time: yes.
    pub(super) fn repeat(&mut self, generations: u8) {
        self.repeated = usize::from(generations).min(self.sent.len());
    }

    /// Whether packets are redundant ones now.
    pub(super) fn is_used(&self) -> bool {
        self.repeated > 0
    }

    /// Puts the repeated payloads before the `bytes` of `payload`, as many as there is room for, and
    /// remembers it; how many bytes there are then.
    pub(super) fn wrap(
        &mut self,
        inner_type: u8,
        timestamp: u32,
        out: &mut [u8],
        bytes: usize,
    ) -> usize {
        if !self.is_used() {
            self.remember(timestamp, out.head(bytes));
            return bytes;
        }
        let usable = |sent: &&Sent| {
            sent.bytes > 0 && timestamp.wrapping_sub(sent.timestamp) <= MAX_OFFSET_TICKS
        };
        let repeated = self.sent.head(self.repeated);
        let mut repeated = repeated.head(repeated.iter().take_while(usable).count());
        let size = |sent: &[Sent]| sent.iter().map(|sent| 4 + sent.bytes).sum::<usize>() + 1;
        while let [newer @ .., _] = repeated
            && size(repeated) + bytes > out.len()
        {
            repeated = newer;
        }
        let before = size(repeated);
        if before + bytes > out.len() {
            return bytes; // No room for the one byte of header: only with payloads of a whole datagram.
        }
        out.shift(0..bytes, before);
        let mut head = 0;
        let mut body = 4 * repeated.len() + 1;
        // The oldest first (section 3).
        for sent in repeated.iter().rev() {
            let offset = timestamp.wrapping_sub(sent.timestamp);
            let word = 1 << 31 | u32::from(inner_type) << 24 | offset << 10 | sent.bytes as u32;
            out.put_all(head, word.to_be_bytes());
            out.span_mut(body..body + sent.bytes).copy_of(sent.payload());
            head += 4;
            body += sent.bytes;
        }
        out.put(head, inner_type);
        self.remember(timestamp, out.span(before..before + bytes));
        before + bytes
    }

    fn remember(&mut self, timestamp: u32, payload: &[u8]) {
        self.sent.last_to_front();
        if let Some(newest) = self.sent.first_mut() {
            newest.timestamp = timestamp;
            let payload = if payload.len() <= MAX_BLOCK_BYTES { payload } else { &[] };
            newest.bytes = payload.len();
            newest.payload.head_mut(payload.len()).copy_of(payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_payloads_come_first_with_their_offsets() {
        let mut redundancy = Redundancy::new(121, 2);
        let mut out = [0; 64];
        let mut send = |timestamp, payload: &[u8]| {
            out[..payload.len()].copy_from_slice(payload);
            let bytes = redundancy.wrap(8, timestamp, &mut out, payload.len());
            out[..bytes].to_vec()
        };
        assert_eq!(send(0xffff_ff60, &[1, 2]), [8, 1, 2]);
        assert_eq!(send(0, &[3]), [0x88, 160 >> 6, (160 << 2) as u8, 2, 8, 1, 2, 3]);
        let third = send(160, &[4]);
        let head = [0x88, 5, 0, 2, 0x88, 2, 0x80, 1, 8];
        assert_eq!(third, [&head[..], &[1, 2, 3, 4]].concat());
        // After a pause longer than 14 bits of ticks nothing is repeated.
        assert_eq!(send(40_000, &[5]), [8, 5]);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut redundancy = Redundancy::new(121, 1);
        let mut out = [7; 100];
        assert_eq!(redundancy.wrap(0, 0, &mut out, 60), 61);
        assert_eq!(redundancy.wrap(0, 160, &mut out, 60), 61, "60 more would not fit 100");
        assert_eq!(redundancy.wrap(0, 320, &mut out, 30), 95);
        assert_eq!(redundancy.wrap(0, 480, &mut out, 100), 100, "not even the header");
    }

    #[test]
    fn as_much_is_repeated_as_is_asked_for() {
        let mut redundancy = Redundancy::new(121, 3);
        let mut out = [0; 64];
        for (n, (asked, repeated)) in
            (1_u32..).zip([(0, 0), (0, 0), (0, 0), (1, 1), (3, 3), (9, 3), (0, 0)])
        {
            redundancy.repeat(asked);
            assert_eq!(redundancy.is_used(), repeated > 0);
            let head = usize::from(repeated > 0);
            assert_eq!(redundancy.wrap(8, n * 160, &mut out, 10), 10 + head + 14 * repeated);
        }
    }
}
