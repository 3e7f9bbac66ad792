// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests to valgrind, from within what it runs (valgrind.h, callgrind.h). Elsewhere than under
//! valgrind on x86-64 they do nothing.
#![allow(unsafe_code)] // A request is a sequence of instructions.

use std::ffi::CStr;

const RUNNING_ON_VALGRIND: usize = 0x1001;
const CALLGRIND: usize = (b'C' as usize) << 24 | (b'T' as usize) << 16;
const ZERO_STATS: usize = CALLGRIND + 1;
const DUMP_STATS_AT: usize = CALLGRIND + 3;

/// Makes the request `code` with two arguments.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn request(code: usize, a: usize, b: usize) -> usize {
    let arguments = [code, a, b, 0, 0, 0];
    let mut result = 0_usize;
    // SAFETY: the rotations come to 128 bits and the exchange is with itself, so that a processor
    // does nothing; valgrind takes the sequence for a request.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") arguments.as_ptr(),
            inout("rdx") result,
        );
    }
    result
}

/// Nothing is known of valgrind elsewhere.
#[cfg(not(target_arch = "x86_64"))]
pub fn request(_: usize, _: usize, _: usize) -> usize {
    0
}

/// Whether valgrind runs this.
pub fn is_running() -> bool {
    request(RUNNING_ON_VALGRIND, 0, 0) > 0
}

/// Counts the instructions of one run of `operation`, under callgrind: a part of its output that bears
/// the name.
#[inline(always)]
pub fn count<T>(name: &CStr, operation: impl FnOnce() -> T) -> T {
    request(ZERO_STATS, 0, 0);
    let result = operation();
    request(DUMP_STATS_AT, name.as_ptr() as usize, 0);
    result
}
