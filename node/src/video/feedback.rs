// SPDX-License-Identifier: MIT OR Apache-2.0
//! Feedback about video: lost pictures and packets (RFC 4585, RFC 5104), and what the network carries
//! (`goog-remb`, draft-alvestrand-rmcat-remb).

use ale_media::rtp::rtcp::feedback::Nacks;
use ale_media::rtp::rtcp::{Packet, Packets};

/// Packet types of feedback (RFC 4585 section 6.1).
const TRANSPORT: u8 = 205;
const PAYLOAD: u8 = 206;
/// Formats of feedback.
const TRANSPORT_WIDE: u8 = 15;
const PICTURE_LOSS: u8 = 1;
const FULL_INTRA: u8 = 4;
const APPLICATION: u8 = 15;
const REMB: [u8; 4] = *b"REMB";
const VERSION: u8 = 0x80;

/// What who is shown something says of it.
#[derive(Debug, Clone, Copy)]
pub enum Feedback<'a> {
    /// It needs a key frame: PLI, or FIR.
    KeyFrame,
    /// It has not got these packets.
    Missing(Nacks<'a>),
    /// The network carries so much to it, in bits a second.
    Bandwidth(u64),
    /// So much was lost since its last report, in parts of 256.
    Lost(u8),
}

/// Reads what a compound packet says of the stream of `ssrc`. What can't be read in it is passed over.
///
/// Real-time: yes.
pub fn read<'a>(compound: &'a [u8], ssrc: u32, mut told: impl FnMut(Feedback<'a>)) {
    for packet in Packets::new(compound).flatten() {
        match packet {
            Packet::Nack(_, of, sequences) if of == ssrc => told(Feedback::Missing(sequences)),
            Packet::ReceiverReport(_, blocks) | Packet::SenderReport(_, _, blocks) => {
                for block in blocks.filter(|block| block.ssrc == ssrc) {
                    told(Feedback::Lost(block.fraction_lost));
                }
            }
            _ => {}
        }
    }
    // What the engine does not read.
    let mut rest = compound;
    while let [first, kind, high, low, behind @ ..] = rest {
        let bytes = 4 * usize::from(u16::from_be_bytes([*high, *low]));
        let Some((body, behind)) = behind.split_at_checked(bytes) else { return };
        rest = behind;
        if *kind == PAYLOAD
            && let Some(feedback) = of_payload(first & 0x1f, body, ssrc)
        {
            told(feedback);
        }
    }
}

fn of_payload(format: u8, body: &[u8], ssrc: u32) -> Option<Feedback<'static>> {
    let (about, items) = (word(body, 4)?, body.get(8..)?);
    match format {
        PICTURE_LOSS if about == ssrc => Some(Feedback::KeyFrame),
        FULL_INTRA => {
            let entries = items.as_chunks::<8>().0;
            entries.iter().any(|entry| word(entry, 0) == Some(ssrc)).then_some(Feedback::KeyFrame)
        }
        APPLICATION if items.get(..4)? == REMB => {
            let [_, a, b, c] = *items.get(4..)?.first_chunk()?;
            let mantissa = u64::from(u32::from_be_bytes([0, a & 3, b, c]));
            Some(Feedback::Bandwidth(mantissa.checked_shl(u32::from(a >> 2)).unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

/// Puts a packet of feedback behind what has been written to a compound, `used` bytes; `None` if there is no room.
fn put(out: &mut [u8], used: usize, kind: [u8; 2], body: &[&[u8]]) -> Option<usize> {
    let bytes: usize = body.iter().map(|part| part.len()).sum();
    let mut rest = out.get_mut(used..used + 4 + bytes)?;
    let [high, low] = u16::try_from(bytes / 4).ok()?.to_be_bytes();
    let [format, kind] = kind;
    for part in [&[VERSION | format, kind, high, low][..]].iter().chain(body) {
        let (here, behind) = rest.split_at_mut_checked(part.len())?;
        here.copy_from_slice(part);
        rest = behind;
    }
    Some(used + 4 + bytes)
}

/// Adds a request of `ours` for a key frame of `ssrc` (PLI, RFC 4585 section 6.3.1); the bytes that are used then.
///
/// Real-time: yes.
pub fn ask_for_key_frame(out: &mut [u8], used: usize, ours: u32, ssrc: u32) -> Option<usize> {
    put(out, used, [PICTURE_LOSS, PAYLOAD], &[&ours.to_be_bytes(), &ssrc.to_be_bytes()])
}

/// Adds what the network carries from `ssrc`, in bits a second, rounded down to 18 bits; the bytes that are used
/// then.
///
/// Real-time: yes.
pub fn tell_bandwidth(
    out: &mut [u8],
    used: usize,
    ours: u32,
    ssrc: u32,
    bps: u64,
) -> Option<usize> {
    let exponent = (64 - bps.leading_zeros()).saturating_sub(18);
    let mantissa = (bps >> exponent) as u32;
    let [_, a, b, c] = mantissa.to_be_bytes();
    let amount = [1, (exponent as u8) << 2 | a, b, c];
    let body = [&ours.to_be_bytes()[..], &[0; 4], &REMB, &amount, &ssrc.to_be_bytes()];
    put(out, used, [APPLICATION, PAYLOAD], &body)
}

/// Adds transport-wide feedback of `ours` about `ssrc`, whose items are written; the bytes that are used then.
///
/// Real-time: yes.
pub(super) fn tell_arrivals(
    out: &mut [u8],
    used: usize,
    ours: u32,
    ssrc: u32,
    items: &[u8],
) -> Option<usize> {
    let padding = &[0; 3][..items.len().next_multiple_of(4) - items.len()];
    let body = [&ours.to_be_bytes()[..], &ssrc.to_be_bytes(), items, padding];
    put(out, used, [TRANSPORT_WIDE, TRANSPORT], &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(compound: &[u8], ssrc: u32) -> Vec<String> {
        let mut all = Vec::new();
        read(compound, ssrc, |feedback| {
            all.push(match feedback {
                Feedback::KeyFrame => "key".to_owned(),
                Feedback::Missing(sequences) => format!("{:?}", sequences.collect::<Vec<_>>()),
                Feedback::Bandwidth(bps) => bps.to_string(),
                Feedback::Lost(part) => format!("lost {part}"),
            });
        });
        all
    }

    // By RFC 4585 sections 6.2.1 and 6.3.1 and RFC 5104 section 4.3.1, by hand, about the source 9.
    const RECEIVER_REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 1];
    /// Of 256 packets 20 were lost, by RFC 3550 section 6.4.1.
    const LOSSES: [u8; 32] = [
        0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 9, 20, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0,
    ];
    const PLI: [u8; 12] = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9];
    const NACK: [u8; 16] = [0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 9, 0, 7, 0, 1];
    const FIR: [u8; 20] = [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0];
    // 1,000,000 bit/s: 250,000 times 4.
    const BANDWIDTH: [u8; 24] = [
        0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 0x0b, 0xd0, 0x90, 0, 0,
        0, 9,
    ];

    #[test]
    fn each_kind_is_read_wherever_it_stands_and_only_of_this_source() {
        assert_eq!((all(&LOSSES, 9), all(&LOSSES, 8)), (vec![String::from("lost 20")], vec![]));
        let compound = [&RECEIVER_REPORT[..], &NACK, &PLI, &FIR, &BANDWIDTH].concat();
        assert_eq!(all(&compound, 9), ["[7, 8]", "key", "key", "1000000"]);
        assert_eq!(all(&compound, 8), ["1000000"], "what the network carries is of all");
        assert_eq!(all(&compound[..compound.len() - 1], 9), ["[7, 8]", "key", "key"]);
    }

    #[test]
    fn what_is_written_has_the_layout_of_the_rfcs() {
        let mut out = [0; 64];
        let used = ask_for_key_frame(&mut out, 0, 1, 9).unwrap();
        let used = tell_bandwidth(&mut out, used, 1, 9, 1_000_000).unwrap();
        assert_eq!(out[..used], [&PLI[..], &BANDWIDTH].concat());
        assert_eq!(ask_for_key_frame(&mut out[..11], 0, 1, 9), None);
    }

    proptest! {
        #[test]
        fn bandwidths_lose_less_than_one_of_2_to_the_17(bps: u64) {
            let mut out = [0; 64];
            let used = tell_bandwidth(&mut out, 0, 1, 9, bps).unwrap();
            let mut read_back = None;
            read(&out[..used], 9, |feedback| if let Feedback::Bandwidth(bps) = feedback {
                read_back = Some(bps);
            });
            let read_back = read_back.unwrap();
            prop_assert!(read_back <= bps && bps - read_back <= bps >> 17);
        }

        #[test]
        fn any_bytes_are_read_or_passed_over(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read(&bytes, 9, |feedback| if let Feedback::Missing(sequences) = feedback {
                assert!(sequences.count() <= 17 * 50);
            });
        }
    }
}
