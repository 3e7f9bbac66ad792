// SPDX-License-Identifier: MIT OR Apache-2.0
//! What qemu's log of executed instructions is searched for (`make budget-cross`), where valgrind does not run the
//! library: on other processors than x86-64.

use std::ffi::CStr;
use std::hint::black_box;

/// Called before what is counted.
#[inline(never)]
extern "C" fn begins() {
    black_box(0);
}

/// Called behind it. Another value, so that the two are not made one.
#[inline(never)]
extern "C" fn ends() {
    black_box(1);
}

/// Shows in the log where one run of `operation` begins and ends; the names are printed in the order of the runs.
#[inline(always)]
pub fn count<T>(name: &CStr, operation: impl FnOnce() -> T) -> T {
    begins();
    let result = operation();
    ends();
    println!("{}", name.to_string_lossy());
    result
}

/// Prints where those two are.
pub fn announce() {
    println!("{:p} {:p}", begins as *const (), ends as *const ());
}
