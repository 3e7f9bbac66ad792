// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose datagrams are, against what each line's ICE knows, with checks by the writer that an RFC's vector holds.

use proptest::prelude::*;
use std::sync::atomic::Ordering;

use super::*;
use crate::peer::ice::Credentials;
use crate::peer::stun::{MAX_ANSWER_BYTES, written};

const RTP: [u8; 12] = [0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];

fn from(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

fn check(by: &Credentials) -> Vec<u8> {
    let username = format!("{}:peer", by.fragment);
    written(&[(6, username.as_bytes())], &by.password)
}

/// A line with what it has told.
struct Line {
    told: Credentials,
    ice: Ice,
}

impl Line {
    fn new() -> Self {
        let told = Credentials::new().unwrap();
        Self { ice: Ice::new(&told).unwrap(), told }
    }

    /// A check comes from there, at the line that is found by it.
    fn checked(&mut self, routes: &mut Routes, end: End, at: SocketAddr, unrouted: &Unrouted) {
        let check = check(&self.told);
        assert_eq!(routes.find(0, at, &check, unrouted), Some(end));
        self.ice.check(&check, at, false, &mut [0; MAX_ANSWER_BYTES]).unwrap();
        routes.follow(end, Some(&self.ice), Some(at));
    }
}

proptest! {
    /// Lines come and go, begin ICE anew, and are checked from few addresses, which move between them.
    #[test]
    fn an_address_is_of_the_line_that_answered_its_last_check(
        steps in prop::collection::vec((0..5_usize, 0..10_u8, 0..12_u16), 0..200),
    ) {
        let (mut routes, unrouted) = (Routes::default(), Unrouted::default());
        let mut lines: [Option<Line>; 5] = [const { None }; 5];
        // Whose each address is, by what has happened in the order in which it did.
        let mut owners: [Option<usize>; 12] = [None; 12];
        for (place, what, port) in steps {
            let end = (place, place % 2);
            match (&mut lines[place], what) {
                (slot @ None, _) => {
                    let line = slot.insert(Line::new());
                    routes.open(end, 0, Some(&line.ice));
                }
                (slot @ Some(_), 0) => {
                    routes.close(end);
                    *slot = None;
                    for owner in &mut owners {
 owner.take_if(|of| *of == place);
 }
                }
                (Some(line), 1) => {
                    let before = check(&line.told);
                    line.told = Credentials::new().unwrap();
                    line.ice.restart(&line.told);
                    routes.follow(end, Some(&line.ice), None);
                    prop_assert_eq!(routes.find(0, from(99), &before, &unrouted), None);
                }
                (Some(line), _) => {
                    line.checked(&mut routes, end, from(port), &unrouted);
                    owners[usize::from(port)] = Some(place);
                }
            }
            for (port, owner) in owners.iter_mut().enumerate() {
                let at = from(port as u16);
                // What ICE has forgotten of many is nobody's.
                let knows = |place: &mut usize| {
                    let line = lines[*place].as_ref();
                    !line.is_some_and(|line| line.ice.knows(at, false))
                };
                owner.take_if(knows);
                let expected = owner.map(|place| (place, place % 2));
                prop_assert_eq!(routes.find(0, at, &RTP, &unrouted), expected);
                prop_assert_eq!(routes.find(1, at, &RTP, &unrouted), None, "another port");
            }
            let open = lines.iter().flatten().count();
            prop_assert!(routes.addresses.len() <= open * MAX_ADDRESSES);
            prop_assert_eq!((routes.ends.len(), routes.fragments.len()), (open, open));
            prop_assert!(routes.addresses.capacity() >= open * MAX_ADDRESSES);
        }
    }
}

#[test]
fn what_is_nobodys_is_counted_by_what_it_is() {
    let (mut routes, unrouted) = (Routes::default(), Unrouted::default());
    let (mut line, other) = (Line::new(), Line::new());
    routes.open((3, 0), 0, Some(&line.ice));
    let counts = || [&unrouted.checks, &unrouted.others].map(|count| count.load(Ordering::Relaxed));
    for (n, stranger) in [&RTP[..], &[], &[22; 40], &[0, 1, 0, 0]].into_iter().enumerate() {
        assert_eq!(routes.find(0, from(1), stranger, &unrouted), None);
        assert_eq!(counts(), [0, n as u64 + 1]);
    }
    assert_eq!(routes.find(0, from(1), &check(&other.told), &unrouted), None);
    assert_eq!(counts(), [1, 4]);
    line.checked(&mut routes, (3, 0), from(1), &unrouted);
    // A check by nobody's credentials is its line's to refuse where the peer is known.
    assert_eq!(routes.find(0, from(1), &check(&other.told), &unrouted), Some((3, 0)));
    assert_eq!(counts(), [1, 4]);
    // Without ICE nothing is the line's any more.
    routes.follow((3, 0), None, None);
    assert_eq!(routes.find(0, from(1), &RTP, &unrouted), None);
    assert!(routes.fragments.is_empty() && routes.addresses.is_empty());
}
