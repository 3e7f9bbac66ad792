// SPDX-License-Identifier: MIT OR Apache-2.0
//! RTCP packets: sender and receiver reports, source descriptions, BYE (RFC 3550 section 6), extended
//! reports ([`xr`], RFC 3611) and negative acknowledgements ([`feedback`], RFC 4585).
//!
//! [`Packets`] walks a compound packet without copying. A packet that can't be read is an error in its
//! place and vetoes nothing before or behind it, since its header says how long it is; of what is not read
//! here nothing else is looked at (section 6.1: unknown types are skipped). [`CompoundWriter`] writes into
//! a caller's buffer.

pub mod feedback;
mod wire;
mod writer;
pub mod xr;

pub use feedback::Missing;
pub use wire::{ReportBlock, RtcpError, SenderInfo};
pub use writer::CompoundWriter;

use feedback::Nacks;
use wire::{
    CNAME, EXTENDED_REPORT, GOODBYE, RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION,
    TRANSPORT_FEEDBACK, word,
};
use xr::Blocks as ExtendedBlocks;

/// Report blocks of a packet, not copied.
#[derive(Debug, Clone, Copy)]
pub struct Blocks<'a>(&'a [u8]);

impl Iterator for Blocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.0.split_first_chunk::<24>()?;
        self.0 = rest;
        let lost = word(block, 4);
        Some(ReportBlock {
            ssrc: word(block, 0),
            fraction_lost: (lost >> 24) as u8,
            // Sign-extends the low 24 bits.
            cumulative_lost: (lost << 8) as i32 >> 8,
            highest_sequence: word(block, 8),
            jitter_ticks: word(block, 12),
            last_sender_report: word(block, 16),
            delay_since_last_sender_report: word(block, 20),
        })
    }
}

/// One packet of a compound.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// SR: the sender, what it says of itself, and what it says of others.
    SenderReport(u32, SenderInfo, Blocks<'a>),
    /// RR: the receiver and what it says of others.
    ReceiverReport(u32, Blocks<'a>),
    /// SDES: the first chunk's source and its CNAME, if it has one.
    SourceDescription(u32, Option<&'a [u8]>),
    /// BYE: the sources that leave, as big-endian words.
    Goodbye(Sources<'a>),
    /// Generic NACK: who asks, whose stream, and for which packets.
    Nack(u32, u32, Nacks<'a>),
    /// XR: who reports, and the blocks.
    ExtendedReport(u32, ExtendedBlocks<'a>),
    /// A packet type that is not read here.
    Other(u8),
}

/// Sources of a BYE packet.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a>(&'a [u8]);

impl Iterator for Sources<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (source, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*source))
    }
}

/// Walks the packets of a compound; ends where the length of a packet is not known: after a header that is
/// cut off, of another version, or whose length leads out of the datagram.
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Packets<'a> {
    /// The packets in `datagram`.
    ///
    /// Real-time: yes.
    pub fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }

    /// Header and body of the next packet.
    fn split(&mut self) -> Result<([u8; 4], &'a [u8]), RtcpError> {
        let rest = core::mem::take(&mut self.rest);
        let (&header, _) = rest.split_first_chunk::<4>().ok_or(RtcpError::Truncated)?;
        if header[0] >> 6 != 2 {
            return Err(RtcpError::Version);
        }
        let words = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let body = rest.get(4..4 * (words + 1)).ok_or(RtcpError::Truncated)?;
        self.rest = rest.get(4 * (words + 1)..).unwrap_or(&[]);
        Ok((header, body))
    }

    fn read(header: [u8; 4], whole: &'a [u8]) -> Result<Packet<'a>, RtcpError> {
        let count = usize::from(header[0] & 31);
        let is_read = match header[1] {
            SENDER_REPORT | RECEIVER_REPORT | EXTENDED_REPORT | GOODBYE => true,
            SOURCE_DESCRIPTION => count > 0,
            TRANSPORT_FEEDBACK => count == feedback::GENERIC_NACK,
            _ => false,
        };
        if !is_read {
            // Its padding, too, is its own affair: that of transport-wide feedback is 1 to 3 bytes.
            return Ok(Packet::Other(header[1]));
        }
        let body = without_padding(header, whole)?;
        let take = |body: &'a [u8], at: usize, len: usize| {
            body.get(at..at + len).ok_or(RtcpError::Truncated)
        };
        Ok(match header[1] {
            SENDER_REPORT => {
                let info = take(body, 0, 24)?;
                let sender = SenderInfo {
                    ntp: u64::from(word(info, 4)) << 32 | u64::from(word(info, 8)),
                    rtp_timestamp: word(info, 12),
                    packets: word(info, 16),
                    octets: word(info, 20),
                };
                let blocks = Blocks(take(body, 24, 24 * count)?);
                Packet::SenderReport(word(info, 0), sender, blocks)
            }
            RECEIVER_REPORT => {
                let ssrc = word(take(body, 0, 4)?, 0);
                Packet::ReceiverReport(ssrc, Blocks(take(body, 4, 24 * count)?))
            }
            SOURCE_DESCRIPTION => {
                let ssrc = word(take(body, 0, 4)?, 0);
                Packet::SourceDescription(ssrc, cname(&body[4..])?)
            }
            TRANSPORT_FEEDBACK => {
                let ssrcs = take(body, 0, 8)?;
                Packet::Nack(word(ssrcs, 0), word(ssrcs, 4), Nacks::new(&body[8..])?)
            }
            EXTENDED_REPORT => {
                let ssrc = word(take(body, 0, 4)?, 0);
                Packet::ExtendedReport(ssrc, ExtendedBlocks::new(&body[4..])?)
            }
            GOODBYE => Packet::Goodbye(Sources(take(body, 0, 4 * count)?)),
            other => Packet::Other(other),
        })
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        Some(self.split().and_then(|(header, body)| Self::read(header, body)))
    }
}

/// The body without the padding that the header announces (section 6.4.1).
fn without_padding(header: [u8; 4], body: &[u8]) -> Result<&[u8], RtcpError> {
    if header[0] & 0x20 == 0 {
        return Ok(body);
    }
    let count = usize::from(body.last().copied().unwrap_or(0));
    let kept = body.len().checked_sub(count).filter(|_| count != 0 && count.is_multiple_of(4));
    body.get(..kept.ok_or(RtcpError::Padding)?).ok_or(RtcpError::Padding)
}

/// The CNAME among the items of a chunk (section 6.5).
fn cname(mut items: &[u8]) -> Result<Option<&[u8]>, RtcpError> {
    while let [kind, rest @ ..] = items {
        if *kind == 0 {
            break;
        }
        let (length, rest) = rest.split_first().ok_or(RtcpError::Truncated)?;
        let text = rest.get(..usize::from(*length)).ok_or(RtcpError::Truncated)?;
        if *kind == CNAME {
            return Ok(Some(text));
        }
        items = &rest[text.len()..];
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn block() -> impl Strategy<Value = ReportBlock> {
        (any::<[u32; 5]>(), any::<u8>(), -0x80_0000..0x80_0000).prop_map(|(w, fraction, lost)| {
            ReportBlock {
                ssrc: w[0],
                fraction_lost: fraction,
                cumulative_lost: lost,
                highest_sequence: w[1],
                jitter_ticks: w[2],
                last_sender_report: w[3],
                delay_since_last_sender_report: w[4],
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            ssrc: u32, ntp: u64, words: [u32; 3], blocks in prop::collection::vec(block(), 0..5),
            name in prop::collection::vec(any::<u8>(), 0..256),
        ) {
            let info = SenderInfo { ntp, rtp_timestamp: words[0], packets: words[1], octets: words[2] };
            let mut out = [0xaa; 900];
            let mut writer = CompoundWriter::new(&mut out);
            writer.sender_report(ssrc, &info, &blocks).unwrap();
            writer.receiver_report(ssrc, &blocks).unwrap();
            writer.source_description(ssrc, &name).unwrap();
            writer.goodbye(ssrc).unwrap();
            let length = writer.len();
            prop_assert_eq!(length % 4, 0);
            let packets: Vec<_> = Packets::new(&out[..length]).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(packets.len(), 4);
            for packet in packets {
                match packet {
                    Packet::SenderReport(from, read, list) => {
                        prop_assert_eq!((from, read), (ssrc, info));
                        prop_assert_eq!(list.collect::<Vec<_>>(), blocks.clone());
                    }
                    Packet::ReceiverReport(from, list) => {
                        prop_assert_eq!(from, ssrc);
                        prop_assert_eq!(list.collect::<Vec<_>>(), blocks.clone());
                    }
                    Packet::SourceDescription(from, text) => {
                        prop_assert_eq!((from, text), (ssrc, Some(name.as_slice())));
                    }
                    Packet::Goodbye(sources) => prop_assert_eq!(sources.collect::<Vec<_>>(), [ssrc]),
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }

        #[test]
        fn any_bytes_are_walked_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for packet in Packets::new(&bytes).flatten() {
                if let Packet::SenderReport(_, _, blocks) | Packet::ReceiverReport(_, blocks) = packet {
                    prop_assert!(blocks.count() <= 31);
                }
            }
        }

        #[test]
        fn a_compound_cut_anywhere_is_refused_or_ends_at_a_packet(cut in 0_usize..56) {
            let mut out = [0; 56];
            let mut writer = CompoundWriter::new(&mut out);
            writer.receiver_report(1, &[ReportBlock::default()]).unwrap();
            writer.source_description(1, b"a@b").unwrap();
            writer.goodbye(1).unwrap();
            prop_assert_eq!(writer.len(), 56);
            // A cut behind a header's length leaves a packet that is too short for it, never a readable one.
            let whole = [0, 32, 48].contains(&cut);
            prop_assert_eq!(Packets::new(&out[..cut]).all(|p| p.is_ok()), whole);
        }
    }

    #[test]
    fn an_unknown_packet_type_is_skipped() {
        let bytes = [0x80, 206, 0, 1, 0, 0, 0, 9, 0x81, 203, 0, 1, 0, 0, 0, 7];
        let kinds: Vec<_> = Packets::new(&bytes).map(|p| p.unwrap()).collect();
        assert!(matches!(kinds[0], Packet::Other(206)));
        assert!(matches!(kinds[1], Packet::Goodbye(s) if { s }.next() == Some(7)));
    }

    /// Bytes of a packet whose length field is right, whatever else is not.
    fn odd(first: u8, kind: u8, body: &[u8]) -> Vec<u8> {
        assert_eq!(body.len() % 4, 0);
        let words = (body.len() / 4) as u16;
        [&[first, kind][..], &words.to_be_bytes(), body].concat()
    }

    #[test]
    fn an_odd_packet_of_known_length_vetoes_nothing_before_or_behind_it() {
        let mut report = [0; 32];
        CompoundWriter::new(&mut report).receiver_report(1, &[ReportBlock::default()]).unwrap();
        let mut goodbye = [0; 8];
        CompoundWriter::new(&mut goodbye).goodbye(7).unwrap();
        let refused = [
            ("NACK without entries", odd(0x81, 205, &[0; 8])),
            ("NACK with an odd padding", odd(0xa1, 205, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0, 3])),
            ("SDES cut within an item", odd(0x81, 202, &[0, 0, 0, 1, 1, 255, b'a', b'b'])),
            ("SDES without its chunk", odd(0x81, 202, &[])),
            ("XR whose block is longer than it", odd(0x80, 207, &[0, 0, 0, 1, 4, 0, 0, 9])),
            ("RR with fewer blocks than it counts", odd(0x82, 201, &[0; 28])),
            ("SR without its information", odd(0x80, 200, &[0; 8])),
            ("RR with a padding of 0", odd(0xa0, 201, &[0; 4])),
            ("RR that is all padding and more", odd(0xa0, 201, &[0, 0, 0, 8])),
            ("BYE of more than it has", odd(0x83, 203, &[0; 8])),
        ];
        let skipped = [
            ("transport-wide feedback with 3 bytes of padding", odd(0xaf, 205, &[3; 20])),
            ("transport-wide feedback with 1 byte of padding", odd(0xaf, 205, &[1; 20])),
            ("APP with 3 bytes of padding", odd(0xa0, 204, b"\0\0\0\x01NAMEx\x03\x03\x03")),
            ("payload feedback", odd(0x8f, 206, &[0; 8])),
            ("SDES of no source", odd(0x80, 202, &[])),
        ];
        let all = refused.into_iter().map(|odd| (odd, false));
        for ((name, odd), readable) in all.chain(skipped.into_iter().map(|odd| (odd, true))) {
            let compound = [&report[..], &odd, &goodbye].concat();
            let packets: Vec<_> = Packets::new(&compound).collect();
            assert_eq!(packets.len(), 3, "{name}");
            assert!(matches!(packets[0], Ok(Packet::ReceiverReport(1, _))), "{name}");
            assert_eq!(packets[1].is_ok(), readable, "{name}");
            assert!(!readable || matches!(packets[1], Ok(Packet::Other(_))), "{name}");
            assert!(
                matches!(packets[2], Ok(Packet::Goodbye(s)) if { s }.next() == Some(7)),
                "{name}"
            );
        }
        // Where the length is not known, nothing behind it is taken for a packet.
        for (name, lost) in [
            ("another version", odd(0x41, 201, &[0; 4])),
            ("a length out of the datagram", vec![0x80, 201, 0, 200]),
            ("half a header", vec![0x80, 201]),
        ] {
            let compound = [&report[..], &lost].concat();
            let packets: Vec<_> = Packets::new(&compound).collect();
            assert!(matches!(packets[..], [Ok(_), Err(_)]), "{name}");
        }
    }

    #[test]
    fn a_writer_without_room_writes_nothing() {
        let mut out = [7; 27];
        let mut writer = CompoundWriter::new(&mut out);
        assert_eq!(writer.sender_report(1, &SenderInfo::default(), &[]), Err(RtcpError::Capacity));
        assert_eq!(writer.source_description(1, &[0; 256]), Err(RtcpError::TooMany));
        assert!(writer.is_empty());
        assert_eq!(out, [7; 27]);
    }
}
