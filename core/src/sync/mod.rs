// SPDX-License-Identifier: MIT OR Apache-2.0
//! Wait-free queues and snapshots between threads, without locks.
//!
//! - [`ring`]: a bounded single-producer single-consumer ring, for commands and packets.
//! - [`mpsc`]: a bounded queue from many producers to one consumer that never waits for them.
//! - `overwriting.rs`: a ring of PCM whose oldest frames give way, and that its writer can wipe.
//! - `bell.rs`: says that something lies in one of several rings.
//! - `turns.rs`: a ring's consumer for many threads, one at a time.
//! - [`snapshot`]: the last value that one writer published, readable from any thread.
//!
//! 64-bit values are in `word.rs`: small machines have no atomics of that width.
//!
//! Memory orderings stand on the atomics themselves, not in fences, so that ThreadSanitizer can
//! follow them; under `--cfg loom` the same code runs on loom's atomics, and models with a weakened
//! ordering must fail (`planted.rs`), as tests with one must under ThreadSanitizer and Miri
//! (`--cfg planted`). Whole legs are too large for every interleaving; under `--cfg shuttle` they meet
//! in many random ones.

pub(crate) mod bell;
pub mod mpsc;
pub(crate) mod overwriting;
#[cfg(any(loom, planted))]
pub(crate) mod planted;
pub mod ring;
pub mod snapshot;
pub(crate) mod turns;
pub(crate) mod word;

/// The atomics and cells in use: the standard ones, or loom's and shuttle's under `--cfg` of that name.
pub(crate) mod primitive {
    #[cfg(any(loom, planted))]
    pub(crate) use super::planted as atomic;
    #[cfg(not(loom))]
    pub(crate) use alloc::sync::Arc;
    #[cfg(not(any(loom, shuttle, planted)))]
    pub(crate) use core::sync::atomic;
    #[cfg(loom)]
    pub(crate) use loom::cell::UnsafeCell;
    #[cfg(loom)]
    pub(crate) use loom::sync::Arc;
    #[cfg(shuttle)]
    pub(crate) use shuttle::sync::atomic;

    /// loom's interface over the standard cell.
    #[cfg(not(loom))]
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    #[cfg(not(loom))]
    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }
        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}
