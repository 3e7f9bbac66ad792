// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C library: `include/ale_media.h` over the crate `ale-media`.
//!
//! One file a C object. Each entry point is three steps: turn pointers into references or refuse
//! ([`pointer`]), call the engine, turn the outcome into a status ([`status`]); all inside
//! [`panic::guard`], so that no panic crosses the boundary. Names are C's here, since C is who
//! reads them.
//!
//! Without the feature `std` it stands on `core`, `alloc` and the C library ([`system`]): a small
//! device is then spared the standard library's panic messages and backtraces.
#![no_std]
#![allow(unsafe_code)] // The boundary to C: pointers come in raw.
#![allow(non_camel_case_types, clippy::missing_safety_doc)] // The header says what callers owe.
#![allow(unreachable_pub)] // Everything here is public through its symbol.
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod codec;
mod codec_host;
mod conference;
mod conference_share;
mod heap;
mod jitter;
mod jitter_view;
mod leg;
mod leg_address;
mod leg_batch;
mod leg_event;
mod leg_relay;
mod leg_stats;
mod leg_ticket;
mod memory;
mod mixer;
mod panic;
mod pointer;
mod replay;
mod srtp;
mod srtp_backend;
mod srtp_batch;
mod srtp_checkpoint;
mod srtp_control;
mod srtp_crypto;
mod status;
mod system;
