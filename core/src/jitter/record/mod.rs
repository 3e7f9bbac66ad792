// SPDX-License-Identifier: MIT OR Apache-2.0
//! The black box and its replay: what the buffer saw and decided, in bytes. Reads the other parts'
//! values and changes none of them.

pub(in crate::jitter) mod black_box;
#[cfg(all(test, feature = "std", not(loom)))]
mod black_box_tests;
pub(in crate::jitter) mod replay;
