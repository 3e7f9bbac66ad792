// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets by hand, as RFC 3550, RFC 2198 and RFC 4588 have them.

use super::*;

const NAMED: Numbered = Numbered { digits: false, unnegotiated: false };
const DIGITS: Numbered = Numbered { digits: true, ..NAMED };
const UNNAMED: Numbered = Numbered { unnegotiated: true, ..NAMED };

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
) -> Result<(Numbered, u8, Vec<u8>), Unreadable> {
    let mut packet = vec![0x80, second, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    packet.extend(payload);
    // Room behind a packet is not of it.
    packet.extend([0; 8]);
    let end = 12 + payload.len();
    let numbered = renumbering.apply(&mut packet, 12..end)?;
    assert_eq!((packet[0], &packet[2..12]), (0x80, &[0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..]));
    Ok((numbered, packet[1], packet[12..end].to_vec()))
}

#[test]
fn a_number_changes_and_nothing_else() {
    let mut all = renumbering();
    assert_eq!(apply(&mut all, 96, &[96, 97]), Ok((NAMED, 111, vec![96, 97])));
    // The marker (RFC 3550 section 5.1) stays.
    assert_eq!(apply(&mut all, 0x80 | 96, &[]), Ok((NAMED, 0x80 | 111, vec![])));
    assert_eq!(
        apply(&mut all, 0x80 | 101, &[5, 10, 0, 160]),
        Ok((DIGITS, 254, vec![5, 10, 0, 160]))
    );
    // Nobody has named it.
    assert_eq!(apply(&mut all, 0x80, &[1]), Ok((UNNAMED, 0x80, vec![1])));
    let mut untouched = Renumbering::default();
    for number in 0..=255 {
        assert_eq!(apply(&mut untouched, number, &[1]), Ok((NAMED, number, vec![1])));
    }
}

#[test]
fn what_the_sender_alone_has_named_goes_on_and_is_known_for_what_it_is() {
    let mut all = renumbering();
    all.numbers.set_unnegotiated(100, Kind::Event);
    all.numbers.set_unnegotiated(102, Kind::Redundant { behind: 0 });
    let both = Numbered { digits: true, unnegotiated: true };
    assert_eq!(apply(&mut all, 100, &[5]), Ok((both, 100, vec![5])));
    assert_eq!(apply(&mut all, 102, &[96, 7]), Ok((UNNAMED, 102, vec![111, 7])));
    assert_eq!(all.numbers.of(100), None);
}

#[test]
fn blocks_of_redundancy_change_with_their_packet() {
    let mut all = renumbering();
    // A block of 96, one of 111, which its receiver has named itself, and the primary.
    let blocks = [0x80 | 96, 7, 0x84, 1, 0x80 | 111, 3, 0xc4, 1, 96, 0x61, 0x62, 0x63];
    let renumbered = [0x80 | 111, 7, 0x84, 1, 0x80 | 111, 3, 0xc4, 1, 111, 0x61, 0x62, 0x63];
    assert_eq!(apply(&mut all, 97, &blocks), Ok((NAMED, 63, renumbered.to_vec())));
    let again: Vec<u8> = [&[0x12, 0x34][..], &blocks].concat();
    let renumbered: Vec<u8> = [&[0x12, 0x34][..], &renumbered].concat();
    assert_eq!(apply(&mut all, 98, &again), Ok((NAMED, 64, renumbered)));
    let digits = [0x80 | 101, 7, 0x84, 1, 96, 0x61, 0x62];
    assert!(matches!(apply(&mut all, 97, &digits), Ok((DIGITS, 63, _))), "one is in it");
    let unnamed = [0x80 | 96, 0, 0, 1, 8, 1, 2];
    let renumbered = vec![0x80 | 111, 0, 0, 1, 8, 1, 2];
    assert_eq!(apply(&mut all, 97, &unnamed), Ok((UNNAMED, 63, renumbered)));
    for bytes in 0..9 {
        let cut = apply(&mut all, 97, &blocks[..bytes]);
        assert_eq!(cut, Err(Unreadable::Malformed), "{bytes}");
    }
    for short in [&[][..], &[0x12], &[0x12, 0x34]] {
        assert_eq!(apply(&mut all, 98, short), Err(Unreadable::Malformed));
    }
}

#[test]
fn nothing_is_repaired_to_numbers_that_its_receiver_does_not_know() {
    let mut all = renumbering();
    assert!(apply(&mut all, 111, &[1]).is_ok());
    assert!(apply(&mut all, 99, &[1]).is_ok(), "of packets that went on as they came");
    assert!(apply(&mut all, 96, &[1]).is_ok());
    assert_eq!(apply(&mut all, 99, &[1]), Err(Unreadable::Repair));
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
    // Also where the sender goes on naming it.
    let mut now = Numbers::none();
    now.set_unnegotiated(101, Kind::Media);
    assert_eq!(now.after(&before).of(101), Some((126, Kind::Event)));
}
