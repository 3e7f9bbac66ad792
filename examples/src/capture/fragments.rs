// SPDX-License-Identifier: MIT OR Apache-2.0
//! IP packets out of their fragments, within bounds: a capture may hold any number of first
//! fragments whose others never come.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::network::Fragment;

/// Packets that may be waited for at a time.
const MAX_PACKETS: usize = 64;
/// Fragments that a packet may be in.
const MAX_FRAGMENTS: usize = 64;
/// As long as Linux waits for the others.
const MAX_AGE_NS: u64 = 30_000_000_000;
/// The longest body that an IP packet can have.
const MAX_BYTES: usize = 65_535;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u32,
}

#[derive(Debug)]
struct Packet {
    key: Key,
    since_ns: u64,
    /// Frames that it came in.
    frames: usize,
    /// Where each piece begins, and the piece.
    pieces: Vec<(usize, Vec<u8>)>,
    /// Where the last piece ends, once it is there.
    end: Option<usize>,
}

/// Packets that are not whole yet, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    waiting: VecDeque<Packet>,
}

impl Fragments {
    /// Takes a fragment. The packet's body, if it was the last that was missing; and how many
    /// frames were given up.
    pub(super) fn add(&mut self, now_ns: u64, fragment: &Fragment<'_>) -> (Option<Vec<u8>>, usize) {
        let mut dropped = 0;
        while let Some(oldest) = self.waiting.front()
            && now_ns.saturating_sub(oldest.since_ns) > MAX_AGE_NS
        {
            dropped += oldest.frames;
            self.waiting.pop_front();
        }
        let (body, offset) = (&fragment.body, fragment.offset);
        let end = offset + body.bytes.len();
        // What the snapshot length has cut can't be put together.
        if body.missing > 0 || end > MAX_BYTES {
            return (None, dropped + 1);
        }
        let key = Key {
            source: body.source,
            destination: body.destination,
            protocol: body.protocol,
            identification: fragment.identification,
        };
        let index = self.waiting.iter().position(|packet| packet.key == key).unwrap_or_else(|| {
            if self.waiting.len() == MAX_PACKETS {
                dropped += self.waiting.pop_front().map_or(0, |oldest| oldest.frames);
            }
            let pieces = Vec::new();
            self.waiting.push_back(Packet { key, since_ns: now_ns, frames: 0, pieces, end: None });
            self.waiting.len() - 1
        });
        let Some(packet) = self.waiting.get_mut(index) else { return (None, dropped + 1) };
        packet.frames += 1;
        let known = packet
            .pieces
            .iter()
            .any(|(start, bytes)| *start == offset && bytes.len() == body.bytes.len());
        if !known {
            packet.pieces.push((offset, body.bytes.to_vec()));
        }
        if !fragment.more {
            packet.end = Some(end);
        }
        if let Some(whole) = packet.whole() {
            self.waiting.remove(index);
            return (Some(whole), dropped);
        }
        if packet.pieces.len() == MAX_FRAGMENTS {
            dropped += packet.frames;
            self.waiting.remove(index);
        }
        (None, dropped)
    }

    /// Frames of packets that never became whole.
    pub(super) fn frames(&self) -> usize {
        self.waiting.iter().map(|packet| packet.frames).sum()
    }
}

impl Packet {
    /// The body, if its pieces follow on each other without hole or overlap (RFC 5722).
    fn whole(&mut self) -> Option<Vec<u8>> {
        let end = self.end?;
        self.pieces.sort_by_key(|(start, _)| *start);
        let mut body = Vec::new();
        for (start, bytes) in &self.pieces {
            if *start != body.len() {
                return None;
            }
            body.extend_from_slice(bytes);
        }
        (body.len() == end).then_some(body)
    }
}
