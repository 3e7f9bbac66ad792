// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ports for the nodes of a test, which no other test has, in this process or in another.

use std::net::TcpListener;
use std::sync::Mutex;

/// Below those that the system gives out by itself.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;
const STEP: u16 = 100;

/// What marks the ports that this process has, a listener for each hundred: TCP's are others than those of media, and the
/// system takes the marks away with the process.
static TAKEN: Mutex<Vec<TcpListener>> = Mutex::new(Vec::new());

/// So many ports in a row, of which the first is even, for as long as this process is there.
pub fn free(count: u16) -> (u16, u16) {
    let mut taken = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let steps = count.div_ceil(STEP);
    let starts = (LAST - FIRST) / STEP - steps + 1;
    // Each process begins elsewhere, so that the last packets of one before reach nobody.
    let begin = std::process::id() as u16 % starts;
    for at in (0..starts).map(|n| (begin + n) % starts) {
        let marks = (at..at + steps).map(|at| TcpListener::bind(("127.0.0.1", FIRST + STEP * at)));
        if let Ok(marks) = marks.collect::<Result<Vec<_>, _>>() {
            taken.extend(marks);
            let first = FIRST + STEP * at;
            return (first, first + count - 1);
        }
    }
    panic!("no ports are left");
}
