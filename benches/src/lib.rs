// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures this library beside its peers, in the same process and alternately, so that what is
//! reported is a ratio and not a machine.
//!
//! - [`harness`]: alternate measurement and the table.
//! - [`codec`]: encoding and decoding.
//! - [`ffi`]: what a C caller pays more.
//! - [`leg`]: everything but the socket.
//! - [`mixer`]: conferences of many sizes.
//! - [`jitter`]: the jitter buffer.
//! - [`srtp`]: SRTP suites, payloads, sessions, single and in batches.
//! - [`valgrind`]: how many instructions an operation takes; `qemu`: the same on other processors than x86-64.
//! - `libsrtp`: loaded at run time, where it is installed.
//! - `speexdsp`, `peers` (feature `peers`): the others.
//!
//! `cargo run --release -p benches --bin compare -- srtp` prints a table;
//! `cargo bench -p benches` runs the same subjects under criterion.

pub mod codec;
mod dynamic;
pub mod ffi;
pub mod g722;
pub mod harness;
pub mod jitter;
pub mod leg;
pub mod libsrtp;
pub mod mixer;
#[cfg(feature = "peers")]
pub mod peers;
#[cfg(not(target_arch = "x86_64"))]
pub mod qemu;
#[cfg(feature = "peers")]
pub mod speexdsp;
pub mod srtp;
pub mod valgrind;
