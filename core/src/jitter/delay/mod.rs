// SPDX-License-Identifier: MIT OR Apache-2.0
//! Delay control: media timeline, jitter estimation and target delay. Numbers in, numbers out:
//! touches neither packets' payloads nor sound. Audio thread only.

mod bursts;
mod cadence;
mod calm;
pub(in crate::jitter) mod drift;
#[cfg(all(test, feature = "std", not(loom)))]
mod drift_tests;
pub(in crate::jitter) mod estimator;
pub(in crate::jitter) mod goal;
pub(in crate::jitter) mod meter;
pub(in crate::jitter) mod standstill;
pub(in crate::jitter) mod target;
pub(in crate::jitter) mod timeline;
