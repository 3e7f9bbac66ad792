// SPDX-License-Identifier: MIT OR Apache-2.0
//! loom's atomics, whose orderings a model's thread may weaken: a planted mistake, to show that the
//! models notice the one that matters. Compiled for loom only; the code under test knows nothing of
//! it.

use core::cell::Cell;

pub(crate) use loom::sync::atomic::Ordering;

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

loom::thread_local! {
    static PLANTED: Cell<Planted> = Cell::new(Planted::default());
}

/// Plants a mistake in the calling thread of a model.
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
        pub(crate) struct $name(loom::sync::atomic::$name);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(loom::sync::atomic::$name::new(value))
            }
            pub(crate) fn load(&self, order: Ordering) -> $value {
                // While a model fails, destructors find nothing: loom's execution is over.
                if std::thread::panicking() { 0 } else { self.0.load(of_load(order)) }
            }
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, of_store(order));
            }
        }

        impl core::ops::Deref for $name {
            type Target = loom::sync::atomic::$name;
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    )*};
}

atomics!(AtomicU32: u32, AtomicUsize: usize);
