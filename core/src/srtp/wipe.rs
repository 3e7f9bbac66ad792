// SPDX-License-Identifier: MIT OR Apache-2.0
//! Overwriting the stack that work with keys has used.
//!
//! Values that wipe themselves when they are dropped do so where they lie. What the compiler copied on
//! the way there (a result that was moved, an argument, a register that was put aside) stays on the stack
//! until something else happens to write there. So keys are only ever handled in functions below
//! [`wiping_stack`], and leave them in boxes.

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// Without optimization each copy has a place of its own.
const UNOPTIMIZED: usize = if cfg!(debug_assertions) { 8 } else { 1 };

/// Words of the stack that work of any kind uses at most.
const ANY: usize = 1024 * UNOPTIMIZED;
/// A derivation alone.
pub(crate) const DERIVATION: usize = 320 * UNOPTIMIZED;
/// The hashing of one packet.
pub(crate) const PACKET: usize = 128 * UNOPTIMIZED;
/// The hashing of a batch's lanes.
#[cfg(target_arch = "x86_64")]
pub(crate) const LANES: usize = 512 * UNOPTIMIZED;

/// Runs `work` and overwrites what it used of the stack, up to 8 KiB (64 KiB in debug builds). What it
/// returns must hold no key but in a box.
///
/// Real-time: yes, if `work` is; it costs some hundred cycles.
#[inline(always)]
pub fn wiping_stack<T>(work: impl FnOnce() -> T) -> T {
    wiping::<ANY, T>(work)
}

/// As [`wiping_stack`], for work that uses so many words at most: one of the constants above.
#[inline(always)]
pub(crate) fn wiping<const WORDS: usize, T>(work: impl FnOnce() -> T) -> T {
    let result = apart(work);
    overwrite::<WORDS>();
    result
}

/// In a frame of its own, which begins where that of [`overwrite`] will.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn overwrite<const WORDS: usize>() {
    // A volatile write a word would take ten times as long, and this is done for every batch of packets.
    // That it is done at all is tested (core/tests/wiped.rs).
    core::hint::black_box(&mut [0_u64; WORDS]);
}

/// A list that does not grow, and whose block is overwritten whole when it is dropped. What its values
/// wipe themselves is not all: a value that is moved takes along what lay on the stack where it has
/// nothing, between members and behind an enumeration's smaller variants.
pub(crate) struct WipedList<T>(Vec<T>);

impl<T> WipedList<T> {
    /// A list for so many values.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Adds a value; it is dropped if there is no room.
    pub(crate) fn push(&mut self, value: T) {
        debug_assert!(self.0.len() < self.0.capacity(), "a list that grows leaves copies behind");
        if self.0.len() < self.0.capacity() {
            self.0.push(value);
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<T> Deref for WipedList<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for WipedList<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> Drop for WipedList<T> {
    fn drop(&mut self) {
        self.0.clear();
        self.0.spare_capacity_mut().zeroize();
    }
}
