// SPDX-License-Identifier: MIT OR Apache-2.0
//! A real-time voice media engine: what stands between a UDP socket and a loudspeaker.
//!
//! The rooms, from the wire to the ear:
//!
//! | module | what it holds |
//! |---|---|
//! | [`rtp`] | RTP header view and writer, header extensions, extended sequence numbers, RTCP |
//! | [`srtp`] | SRTP and SRTCP sessions, suites, key derivation, replay windows |
//! | [`jitter`] | lock-free ingest, delay estimation, playout decisions, concealment |
//! | [`codec`] | [`codec::Decoder`] and [`codec::Encoder`]; G.711, Opus |
//! | [`dsp`] | levels, resampling, and other arithmetic that several rooms need |
//! | [`mixer`] | exact N-1 mixing |
//! | [`leg`] | one RTP session endpoint, split in a network, an audio and a control half |
//! | [`conference`] | legs around a mixer, ticked every 10 ms |
//! | [`endpoint`] | a phone: legs, voice, and a sound card's two clocks |
//! | [`stats`] | counters, snapshots, the E-model |
//! | [`talk`] | voices that programs make |
//! | [`tap`] | voices for programs that their owners have agreed to |
//! | [`voice`] | echo, noise and gain of one's own side, 10 ms at a time |
//! | [`sync`] | the wait-free rings and snapshots in which halves meet |
//!
//! Four rules hold everywhere; `ARCHITECTURE.md` explains them. There is no I/O and no clock in
//! here (datagrams, PCM and time are arguments). What two threads share is split at creation into
//! halves used through `&mut self`. Whatever runs per packet or per frame neither allocates, locks,
//! blocks nor panics. Nothing from the network is trusted.
//!
//! All PCM is 16-bit signed, native-endian; multi-channel PCM is interleaved. All times are
//! nanoseconds on one monotonic clock of the host's, with any origin.
#![cfg_attr(not(feature = "std"), no_std)]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]

extern crate alloc;

pub mod codec;
pub mod conference;
pub mod dsp;
pub mod endpoint;
pub mod jitter;
pub mod leg;
mod math;
mod member;
pub mod mixer;
mod names;
pub mod rtp;
pub mod session;
pub mod srtp;
pub mod stats;
pub mod sync;
pub mod talk;
pub mod tap;
#[cfg(all(test, feature = "std"))]
mod test_support;
pub mod voice;
#[allow(dead_code)]
mod within;

/// What stands in the README runs.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../../README.md")]
struct Readme;
