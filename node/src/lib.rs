// SPDX-License-Identifier: MIT OR Apache-2.0
//! A media node: SIP proxies drive it by the NG protocol, and it forwards their calls' media through the
//! engine.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | one TOML file |
//! | [`ng`] | the protocol: bencode, commands and flags, cookies |
//! | [`sdp`] | descriptions, and what takes their place |
//! | [`ports`] | ports for media, which are never leaked |
//!
//! The control thread reads requests, rewrites descriptions, takes ports and makes sessions. Workers, one a
//! core, own the sockets and sessions of their calls whole; between them and the control thread are channels
//! and the engine's snapshots, and no lock.

pub mod config;
pub mod ng;
pub mod ports;
pub mod sdp;
