// SPDX-License-Identifier: MIT OR Apache-2.0
//! fuzz.

pub mod jitter;
