// SPDX-License-Identifier: MIT OR Apache-2.0
//! One conference over shares, whose halves of a tick come in any order.

use ale_media_capi::conference_share::*;

use super::input::Input;
use super::{Objects, check, room, take};

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let (n, at) = (input.index(), input.index());
        let now_ns = input.now_ns();
        match input.choice(6) {
            0 | 1 if objects.sums[at].is_null() => {
                check(ale_partial_sums_create(&mut objects.sums[at]));
            }
            2 | 3 => drop(check(ale_conference_gather(objects.rooms[n], now_ns, objects.sums[at]))),
            4 => {
                let count = usize::from(input.byte());
                // Any of them, any number of times, and NULL where there are none.
                let others: Vec<_> =
                    (0..count).map(|_| objects.sums[input.index()].cast_const()).collect();
                let (list, room) = (others.as_ptr(), objects.rooms[n]);
                check(ale_conference_deliver(room, now_ns, list, others.len()));
                room::datagrams(objects, input, n, now_ns);
            }
            _ => destroy(objects, at),
        }
    }
}

pub(super) unsafe fn destroy(objects: &mut Objects, n: usize) {
    // SAFETY: the caller's.
    unsafe { ale_partial_sums_destroy(take(&mut objects.sums[n])) };
}
