// SPDX-License-Identifier: MIT OR Apache-2.0
//! NG, the protocol by which SIP proxies drive media nodes: a cookie, a space, and a dictionary in
//! bencode, over UDP, TCP, HTTP and WebSocket.
//!
//! It knows no authentication. What comes is bounded, refused by name, and never answered without a cookie.

pub mod bencode;
pub mod command;
pub mod flags;
pub mod listen;
pub mod retransmission;
pub mod server;
pub mod websocket;
