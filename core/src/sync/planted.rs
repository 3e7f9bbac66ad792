// SPDX-License-Identifier: MIT OR Apache-2.0
//! Atomics whose orderings a test's thread may weaken: a planted mistake, to show that loom,
//! ThreadSanitizer and Miri notice the one that matters. loom's atomics under `--cfg loom`, the
//! standard ones under `--cfg planted`; the code under test knows nothing of it.

use core::cell::Cell;
#[cfg(not(loom))]
use core::sync::atomic as plain;
#[cfg(loom)]
use loom::sync::atomic as plain;
#[cfg(loom)]
use loom::thread_local;
#[cfg(not(loom))]
use std::thread_local;

pub(crate) use plain::Ordering;

/// What becomes of the orderings that a thread asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Planted {
    /// `Release` is taken for `Relaxed`.
    pub(crate) stores_relaxed: bool,
    /// `Acquire` is taken for `Relaxed`.
    pub(crate) loads_relaxed: bool,
}

/// Of a thread that publishes too early.
pub(crate) const STORES_RELAXED: Planted = Planted { stores_relaxed: true, loads_relaxed: false };
/// Of a thread that looks too early.
pub(crate) const LOADS_RELAXED: Planted = Planted { stores_relaxed: false, loads_relaxed: true };

thread_local! {
    static PLANTED: Cell<Planted> = Cell::new(Planted::default());
}

/// Plants a mistake in the calling thread.
pub(crate) fn plant(planted: Planted) {
    PLANTED.with(|cell| cell.set(planted));
}

fn of_store(asked: Ordering) -> Ordering {
    PLANTED.with(|cell| if cell.get().stores_relaxed { Ordering::Relaxed } else { asked })
}

fn of_load(asked: Ordering) -> Ordering {
    PLANTED.with(|cell| if cell.get().loads_relaxed { Ordering::Relaxed } else { asked })
}

macro_rules! atomics {
    ($($name:ident: $value:ty),*) => {$(
        #[derive(Debug)]
        pub(crate) struct $name(plain::$name);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(plain::$name::new(value))
            }
            pub(crate) fn load(&self, order: Ordering) -> $value {
                // While a model fails, destructors find nothing: loom's execution is over.
                if cfg!(loom) && std::thread::panicking() { 0 } else { self.0.load(of_load(order)) }
            }
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, of_store(order));
            }
        }

        impl core::ops::Deref for $name {
            type Target = plain::$name;
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    )*};
}

atomics!(AtomicU32: u32, AtomicUsize: usize);
#[cfg(not(loom))]
atomics!(AtomicU64: u64);
