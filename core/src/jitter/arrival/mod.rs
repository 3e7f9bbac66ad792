// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packet ingest, from the network thread to the packets' places on the audio thread. [`ingest`] and [`red`]
//! know of packets, slots and redundancy, not of time, order or sound; [`placing`] asks the delay's
//! timeline where a packet belongs and gives it to the playout's window.

pub(in crate::jitter) mod ingest;
pub(in crate::jitter) mod placing;
pub(in crate::jitter) mod red;
