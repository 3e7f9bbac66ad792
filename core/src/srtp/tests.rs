// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of whole sessions: the RFCs' packets, and what a receiver accepts and refuses.

mod batch;
mod behaviour;
mod extensions;
mod failover;
mod kernels;
mod recovery;
mod rekeying;
mod state;
mod vectors;
