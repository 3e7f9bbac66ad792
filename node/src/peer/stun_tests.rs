// SPDX-License-Identifier: MIT OR Apache-2.0
//! Against the messages of RFC 5769, and whatever bytes.

use proptest::prelude::*;

use super::*;

/// RFC 5769 section 2.1.
const REQUEST: &[u8] = b"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
\x80\x22\x00\x10STUN test client\x00\x24\x00\x04\x6e\x00\x01\xff\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\
\x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\
\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\x80\x28\x00\x04\xe5\x7a\x3b\xcf";
/// Section 2.2's password, and the transaction of all its messages.
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
const TRANSACTION: &[u8; 12] = b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";

fn request(datagram: &[u8]) -> Option<Request<'_>> {
    match read(datagram)? {
        Message::Request(request) => Some(request),
        Message::Success(_) | Message::Indication => None,
    }
}

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

/// An answer's attributes, and whether its integrity and fingerprint are right, by the vectors' own order.
fn attributes(answer: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let (mut found, mut rest) = (Vec::new(), &answer[20..]);
    while let [a, b, c, d, after @ ..] = rest {
        let bytes = usize::from(u16::from_be_bytes([*c, *d]));
        found.push((u16::from_be_bytes([*a, *b]), after[..bytes].to_vec()));
        rest = &after[bytes.next_multiple_of(4)..];
    }
    found
}

#[test]
fn the_request_of_rfc_5769_is_read_and_authentic_by_its_password_alone() {
    let read = request(REQUEST).unwrap();
    assert_eq!(read.username, b"evtj:h6vY");
    assert_eq!((read.nominates, read.controlled, read.is_understood()), (false, true, true));
    assert!(read.is_authentic(&password(PASSWORD)));
    assert!(!read.is_authentic(&password("VOkJxbRl1RmTxUk/WvJxBT")));
    assert!(Password::new(&"x".repeat(65)).is_none());
}

#[test]
fn what_is_changed_on_the_way_is_not_authentic() {
    for at in 0..REQUEST.len() {
        for bit in 0..8 {
            let mut changed = REQUEST.to_vec();
            changed[at] ^= 1 << bit;
            // The fingerprint finds each; where it is made anew, the integrity does.
            assert_eq!(request(&changed), None, "byte {at} bit {bit}");
            let end = REQUEST.len() - 8;
            if at >= end {
                continue;
            }
            let crc = super::fingerprint(&changed[..end]);
            changed[end + 4..].copy_from_slice(&crc.to_be_bytes());
            let authentic = request(&changed).is_some_and(|r| r.is_authentic(&password(PASSWORD)));
            assert!(!authentic, "byte {at} bit {bit}");
        }
    }
}

#[test]
fn answers_say_whence_as_those_of_rfc_5769() {
    let read = request(REQUEST).unwrap();
    // Sections 2.2 and 2.3: the mapped addresses as they stand there.
    for (from, mapped) in [
        ("192.0.2.1:32853", &b"\x00\x01\xa1\x47\xe1\x12\xa6\x43"[..]),
        (
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
            b"\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9",
        ),
    ] {
        let mut out = [0xff; MAX_ANSWER_BYTES];
        let bytes = read.succeed(from.parse().unwrap(), &password(PASSWORD), &mut out);
        let answer = &out[..bytes];
        assert_eq!(answer[..2], [1, 1]);
        assert_eq!(&answer[8..20], TRANSACTION);
        assert_eq!(usize::from(u16::from_be_bytes([answer[2], answer[3]])), bytes - 20);
        let found = attributes(answer);
        assert_eq!(found[0], (0x0020, mapped.to_vec()));
        assert_eq!(found.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [0x20, 0x08, 0x8028]);
    }
}

#[test]
fn an_answer_is_the_one_of_rfc_5769_to_the_bit_but_for_the_name_of_its_software() {
    // Section 2.2, with `SOFTWARE` at the front, which ours does not tell: its integrity and fingerprint.
    let theirs = b"\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
\x80\x22\x00\x0b\x74\x65\x73\x74\x20\x76\x65\x63\x74\x6f\x72\x20\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43\
\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7\
\x80\x28\x00\x04\xc0\x7d\x4c\x96";
    let mut out = [0; MAX_ANSWER_BYTES];
    let mut answer = Answer::new(kind::SUCCESS, TRANSACTION, &mut out);
    answer.attribute(0x8022, b"test vector");
    // The vector pads with a space.
    answer.out[35] = b' ';
    answer.attribute(0x0020, b"\x00\x01\xa1\x47\xe1\x12\xa6\x43");
    let bytes = answer.close(&password(PASSWORD));
    assert_eq!(out[..bytes], theirs[..]);
}

#[test]
fn what_must_be_understood_and_is_not_is_named() {
    let username = (0x0006, &b"a:b"[..]);
    let datagram = written(&[username, (0x7001, b"x"), (0x9001, b"y"), (0x7002, b"")], "key");
    let read = request(&datagram).unwrap();
    assert!(!read.is_understood() && read.is_authentic(&password("key")));
    let mut out = [0; MAX_ANSWER_BYTES];
    let bytes = read.refuse(&password("key"), &mut out);
    assert_eq!(out[..2], [1, 0x11]);
    let found = attributes(&out[..bytes]);
    assert_eq!(found[0], (0x0009, vec![0, 0, 4, 20]));
    assert_eq!(found[1], (0x000a, vec![0x70, 1, 0x70, 2]));
    // A conflict of roles has another code, and nothing to name.
    let datagram = written(&[username, (0x8029, &[0; 8])], "key");
    let bytes = request(&datagram).unwrap().refuse(&password("key"), &mut out);
    assert_eq!(attributes(&out[..bytes])[0], (0x0009, vec![0, 0, 4, 87]));
}

#[test]
fn what_follows_the_integrity_counts_for_nothing() {
    let mut datagram = written(&[(0x0006, b"a:b")], "key");
    let fingerprint = datagram.split_off(datagram.len() - 8);
    datagram.extend([0, 0x25, 0, 0]);
    datagram.extend(fingerprint);
    datagram[3] += 4;
    let at = datagram.len() - 8;
    let crc = super::fingerprint(&datagram[..at]);
    datagram[at + 4..].copy_from_slice(&crc.to_be_bytes());
    let read = request(&datagram).unwrap();
    assert!(!read.nominates && read.is_authentic(&password("key")));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        head in prop::sample::select(vec![0_u8, 1]),
        mut bytes in prop::collection::vec(any::<u8>(), 0..120),
        whole in any::<bool>(),
    ) {
        if whole && bytes.len() >= 20 {
            bytes.truncate(bytes.len() / 4 * 4);
            let length = bytes.len() as u16 - 20;
            bytes[..2].copy_from_slice(&[0, head]);
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
            bytes[4..8].copy_from_slice(&COOKIE.to_be_bytes());
        }
        if let Some(Message::Request(request)) = read(&bytes) {
            prop_assert!(!request.is_authentic(&password(PASSWORD)));
            let mut out = [0; MAX_ANSWER_BYTES];
            prop_assert!(request.refuse(&password(PASSWORD), &mut out) <= MAX_ANSWER_BYTES);
        }
    }
}
