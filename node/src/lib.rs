// SPDX-License-Identifier: MIT OR Apache-2.0
//! A media node: SIP proxies drive it by the NG protocol, and it forwards their calls' media through the
//! engine.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | one TOML file |
//! | [`ng`] | the protocol: bencode, commands and flags, cookies |
//! | [`sdp`] | descriptions, and what takes their place |
//! | [`play`] | sound that is played to parties and conferences |
//! | [`ports`] | ports for media, which are never leaked |
//! | [`keys`] | keys by SDES: offered, answered, agreed on |
//! | [`worker`] | threads that forward packets |
//! | [`peer`] | ICE-lite and DTLS between a socket and a session |
//! | [`video`] | cameras in conferences, passed through |
//! | [`failover`] | what calls are kept as, so that another process takes them over |
//! | [`link`] | requests to another node, whose conference is to be one with ours |
//! | [`call`] | two parties, their media lines, and what offers and answers do to them |
//! | [`stream`], [`tls`] | connections of TCP, and TLS on them |
//! | [`http`] | requests of HTTP as they come |
//! | [`metrics`] | what the node has done and has left, as OpenMetrics |
//! | [`web`] | the node over HTTP: browsers, what is known of conferences, the page, metrics, health |
//! | [`control`] | the tables of calls and conferences, and what each command does |
//!
//! The control thread reads requests, rewrites descriptions, takes ports and makes sessions. Workers, one a
//! core, own the sockets and sessions of their calls whole; between them and the control thread are channels
//! and the engine's snapshots, and no lock.

pub mod call;
pub mod config;
pub mod control;
pub mod failover;
pub mod http;
pub mod keys;
pub mod link;
pub mod metrics;
pub mod ng;
pub mod peer;
pub mod play;
pub mod ports;
pub mod random;
pub mod sdp;
pub mod stream;
pub mod tls;
pub mod video;
pub mod web;
pub mod worker;
