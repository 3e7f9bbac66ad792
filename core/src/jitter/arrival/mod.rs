// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way in: from the network thread to the audio thread. Knows of packets, slots and redundancy; not
//! of time, order or sound.

pub(in crate::jitter) mod ingest;
pub(in crate::jitter) mod red;
