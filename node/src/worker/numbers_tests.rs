// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets by hand, as RFC 3550, RFC 2198 and RFC 4588 have them.

use super::*;

/// Opus 96 is 111 over there, digits 101 are 126, redundancy 97 is 63, what is sent again of it 98 is 64, and repair
/// packets are 99 on both sides.
fn renumbering() -> Renumbering {
    let mut numbers = Numbers::none();
    for (comes, goes, kind) in [
        (96, 111, Kind::Media),
        (111, 111, Kind::Media),
        (101, 126, Kind::Event),
        (97, 63, Kind::Redundant { behind: 0 }),
        (98, 64, Kind::Redundant { behind: 2 }),
        (99, 99, Kind::Repair),
    ] {
        numbers.set(comes, goes, kind);
    }
    Renumbering::by(numbers)
}

/// A packet of a payload type and a payload, with what becomes of it.
fn apply(
    renumbering: &mut Renumbering,
    second: u8,
    payload: &[u8],
) -> Result<(bool, u8, Vec<u8>), Unnumbered> {
    let mut packet = vec![0x80, second, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    packet.extend(payload);
    // Room behind a packet is not of it.
    packet.extend([0; 8]);
    let end = 12 + payload.len();
    let digits = renumbering.apply(&mut packet, 12..end)?;
    assert_eq!((packet[0], &packet[2..12]), (0x80, &[0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..]));
    Ok((digits, packet[1], packet[12..end].to_vec()))
}

#[test]
fn a_number_changes_and_nothing_else() {
    let mut all = renumbering();
    assert_eq!(apply(&mut all, 96, &[96, 97]), Ok((false, 111, vec![96, 97])));
    // The marker (RFC 3550 section 5.1) stays.
    assert_eq!(apply(&mut all, 0x80 | 96, &[]), Ok((false, 0x80 | 111, vec![])));
    assert_eq!(apply(&mut all, 0x80 | 101, &[5, 10, 0, 160]), Ok((true, 254, vec![5, 10, 0, 160])));
    assert_eq!(apply(&mut all, 0, &[]), Err(Unnumbered::Unnegotiated));
    let mut untouched = Renumbering::default();
    for number in 0..=255 {
        assert_eq!(apply(&mut untouched, number, &[1]), Ok((false, number, vec![1])));
    }
}

#[test]
fn blocks_of_redundancy_change_with_their_packet() {
    let mut all = renumbering();
    // A block of 96, one of 111, which its receiver has named itself, and the primary.
    let blocks = [0x80 | 96, 7, 0x84, 1, 0x80 | 111, 3, 0xc4, 1, 96, 0x61, 0x62, 0x63];
    let renumbered = [0x80 | 111, 7, 0x84, 1, 0x80 | 111, 3, 0xc4, 1, 111, 0x61, 0x62, 0x63];
    assert_eq!(apply(&mut all, 97, &blocks), Ok((false, 63, renumbered.to_vec())));
    let again: Vec<u8> = [&[0x12, 0x34][..], &blocks].concat();
    let renumbered: Vec<u8> = [&[0x12, 0x34][..], &renumbered].concat();
    assert_eq!(apply(&mut all, 98, &again), Ok((false, 64, renumbered)));
    let digits = [0x80 | 101, 7, 0x84, 1, 96, 0x61, 0x62];
    assert!(matches!(apply(&mut all, 97, &digits), Ok((true, 63, _))), "one is in it");
    assert_eq!(apply(&mut all, 97, &[0x80 | 96, 0, 0, 1, 8, 1, 2]), Err(Unnumbered::Unnegotiated));
    for bytes in 0..9 {
        let cut = apply(&mut all, 97, &blocks[..bytes]);
        assert_eq!(cut, Err(Unnumbered::Malformed), "{bytes}");
    }
    for short in [&[][..], &[0x12], &[0x12, 0x34]] {
        assert_eq!(apply(&mut all, 98, short), Err(Unnumbered::Malformed));
    }
}

#[test]
fn nothing_is_repaired_to_numbers_that_its_receiver_does_not_know() {
    let mut all = renumbering();
    assert!(apply(&mut all, 111, &[1]).is_ok());
    assert!(apply(&mut all, 99, &[1]).is_ok(), "of packets that went on as they came");
    assert!(apply(&mut all, 96, &[1]).is_ok());
    assert_eq!(apply(&mut all, 99, &[1]), Err(Unnumbered::Unnegotiated));
}

#[test]
fn what_was_named_before_is_still_read() {
    let mut before = Numbers::none();
    before.set(96, 111, Kind::Media);
    before.set(101, 126, Kind::Event);
    let mut now = Numbers::none();
    now.set(96, 112, Kind::Media);
    let both = now.after(&before);
    assert_eq!(both.of(96), Some((112, Kind::Media)));
    assert_eq!(both.of(101), Some((126, Kind::Event)));
    assert_eq!((both.of(0), both.of(200)), (None, None));
}
