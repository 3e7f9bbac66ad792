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

pub mod codec;
pub mod codec_host;
pub mod conference;
pub mod conference_share;
pub mod endpoint;
pub mod heap;
pub mod jitter;
pub mod jitter_view;
pub mod leg;
pub mod leg_address;
pub mod leg_batch;
pub mod leg_config;
pub mod leg_event;
pub mod leg_jitter;
pub mod leg_recording;
pub mod leg_relay;
pub mod leg_stats;
pub mod leg_ticket;
pub mod link;
pub mod memory;
pub mod mistake;
pub mod mixer;
pub mod panic;
pub mod pointer;
pub mod replay;
pub mod resampler;
pub mod srtp;
pub mod srtp_backend;
pub mod srtp_batch;
pub mod srtp_checkpoint;
pub mod srtp_control;
pub mod srtp_keys;
pub mod status;
pub mod system;
pub mod talk;
pub mod tap;
pub mod tones;
pub mod voice;
