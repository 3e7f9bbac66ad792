// SPDX-License-Identifier: MIT OR Apache-2.0
//! 64 bits between threads on machines whose atomics have 32 (ARMv7-M): in two halves there, and so
//! under loom.

#[cfg(any(not(target_has_atomic = "64"), loom))]
use super::primitive::atomic::AtomicU32;
#[cfg(all(target_has_atomic = "64", not(loom)))]
use super::primitive::atomic::AtomicU64;
use super::primitive::atomic::Ordering;

/// A value that may be torn: only for what a sequence number guards. Stores release and loads
/// acquire.
#[derive(Debug)]
pub(crate) struct Word(
    #[cfg(all(target_has_atomic = "64", not(loom)))] AtomicU64,
    #[cfg(any(not(target_has_atomic = "64"), loom))] [AtomicU32; 2],
);

#[cfg(all(target_has_atomic = "64", not(loom)))]
impl Word {
    pub(crate) fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }
    #[inline]
    pub(crate) fn store(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }
    #[inline]
    pub(crate) fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(any(not(target_has_atomic = "64"), loom))]
impl Word {
    pub(crate) fn new(value: u64) -> Self {
        Self([AtomicU32::new(value as u32), AtomicU32::new((value >> 32) as u32)])
    }
    pub(crate) fn store(&self, value: u64) {
        self.0[0].store(value as u32, Ordering::Release);
        self.0[1].store((value >> 32) as u32, Ordering::Release);
    }
    pub(crate) fn load(&self) -> u64 {
        let low = self.0[0].load(Ordering::Acquire);
        u64::from(self.0[1].load(Ordering::Acquire)) << 32 | u64::from(low)
    }
}

#[cfg(all(target_has_atomic = "64", not(loom)))]
type Count = AtomicU64;
/// At 50 packets a second 32 bits count for two years.
#[cfg(any(not(target_has_atomic = "64"), loom))]
type Count = AtomicU32;

/// A counter that one thread writes and any reads, never torn.
#[derive(Debug)]
pub(crate) struct Counter(Count);

impl Counter {
    pub(crate) fn new() -> Self {
        Self(Count::new(0))
    }
    /// Adds one; on the writing thread only.
    #[inline]
    pub(crate) fn add_one(&self) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }
    #[inline]
    #[allow(clippy::useless_conversion)] // Not on machines with the narrow one.
    pub(crate) fn load(&self) -> u64 {
        u64::from(self.0.load(Ordering::Acquire))
    }
}
