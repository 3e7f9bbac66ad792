// SPDX-License-Identifier: MIT OR Apache-2.0
//! Classic captures: a header of 24 bytes, then records of a header and a frame each.
//!
//! Beside the usual format there are three that only differ in the length of a record's header:
//! that of Alexey Kuznetsov's patched libpcap (24 bytes, mostly under a magic number of its own), and
//! Nokia's (20). As in Wireshark, the first records tell: of the lengths that a magic number may
//! mean, the one after which further headers make sense is taken.

use super::{CaptureError, Damage, Order, Reading};

const HEADER_BYTES: usize = 24;
/// Longer frames are not written by anything (libpcap's MAXIMUM_SNAPLEN), except by damage.
const MAX_FRAME_BYTES: u32 = 262_144;
/// Records that are looked at to tell the variants apart.
const TRIED_RECORDS: usize = 8;

/// What a magic number tells.
struct Format {
    order: Order,
    /// Nanoseconds a unit of the record's second word.
    unit_ns: u64,
    /// Lengths that a record's header may have, the likeliest first.
    headers: &'static [usize],
}

fn format(bytes: &[u8]) -> Option<Format> {
    let usual = &[16, 24, 20][..];
    let patched = &[24, 16][..];
    let (order, unit_ns, headers) = match bytes.first_chunk::<4>()? {
        [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, 1_000, usual),
        [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, 1_000, usual),
        [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, 1, usual),
        [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, 1, usual),
        [0xa1, 0xb2, 0xcd, 0x34] => (Order::Big, 1_000, patched),
        [0x34, 0xcd, 0xb2, 0xa1] => (Order::Little, 1_000, patched),
        _ => return None,
    };
    Some(Format { order, unit_ns, headers })
}

/// A record's header.
struct Record {
    seconds: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

impl Record {
    fn read(order: Order, bytes: &[u8], at: usize) -> Option<Self> {
        let word = |n: usize| order.u32(bytes, at + 4 * n);
        let (seconds, fraction) = (word(0)?, word(1)?);
        // Before version 2.3 the lengths stood the other way round, in 2.3 some did: more than
        // there was can't have been captured.
        let (one, other) = (word(2)?, word(3)?);
        Some(Self { seconds, fraction, captured: one.min(other), original: one.max(other) })
    }

    fn makes_sense(&self, unit_ns: u64) -> bool {
        self.original <= MAX_FRAME_BYTES
            && u64::from(self.fraction) * unit_ns < 2_000_000_000
            && self.captured > 0
    }
}

/// How many of the first records make sense with headers of this length.
fn score(format: &Format, header: usize, bytes: &[u8]) -> usize {
    let mut at = HEADER_BYTES;
    for n in 0..TRIED_RECORDS {
        match Record::read(format.order, bytes, at) {
            Some(record) if record.makes_sense(format.unit_ns) => {
                at += header + record.captured as usize;
            }
            _ => return n,
        }
        if at > bytes.len() {
            return n;
        }
    }
    TRIED_RECORDS
}

pub(super) fn parse(bytes: &[u8], reading: &mut Reading) -> Result<(), CaptureError> {
    let format = format(bytes).ok_or(CaptureError::Format)?;
    let order = format.order;
    let Some(link) = order.u32(bytes, 20) else {
        let reason = "the file ends in its header";
        return Err(CaptureError::Header(Damage { offset: bytes.len(), reason }));
    };
    // The upper half says how long a frame check sequence is; an IP packet knows its own length.
    let link = link & 0xffff;
    // The first of the best.
    let best = format.headers.iter().rev().max_by_key(|&&header| score(&format, header, bytes));
    let header = *best.unwrap_or(&16);
    let mut at = HEADER_BYTES;
    while at < bytes.len() {
        let record = Record::read(order, bytes, at).filter(|_| at + header <= bytes.len());
        let Some(record) = record else {
            reading.damage(at, "the file ends in the middle of a record");
            break;
        };
        let arrival_ns =
            u64::from(record.seconds) * 1_000_000_000 + u64::from(record.fraction) * format.unit_ns;
        let start = at + header;
        let end = start.saturating_add(record.captured as usize);
        if let Some(frame) = bytes.get(start..end) {
            reading.frame(arrival_ns, link, frame);
        } else if record.captured > MAX_FRAME_BYTES {
            reading.damage(at, "a record longer than any frame");
            break;
        } else {
            // What there is of the last frame, which knows how much that is.
            reading.frame(arrival_ns, link, &bytes[start..]);
            reading.damage(at, "the file ends in the middle of a record");
            break;
        }
        at = end;
    }
    Ok(())
}
