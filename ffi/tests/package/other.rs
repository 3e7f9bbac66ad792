// SPDX-License-Identifier: MIT OR Apache-2.0
//! A second Rust library in one program, which allocates and unwinds by means of its own.

#[unsafe(no_mangle)]
pub extern "C" fn other_library(value: u32) -> u32 {
    let row: Vec<u32> = (1..=value).collect();
    std::panic::catch_unwind(|| row.iter().sum()).unwrap_or(0)
}
