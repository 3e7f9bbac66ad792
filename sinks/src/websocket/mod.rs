// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sound over WebSocket (RFC 6455), both ways, in two dialects.
//!
//! | dialect | who speaks it |
//! |---|---|
//! | [`Dialect::Binary`] | sound as binary messages of 16-bit PCM, little-endian, and control in JSON: servers for Asterisk's chan_websocket, and those for audio_fork and jambonz, which want a preamble of their own |
//! | [`Dialect::Twilio`] | all in JSON, sound in base64: servers for Twilio's media streams and what is shaped alike |
//!
//! [`Session`] is the protocol without I/O: messages and frames go in, messages come out, and what the server
//! says goes to a voice. [`Client`] has it on a thread. [`binary::parse`] and [`twilio::parse`] read what a server
//! says; nothing of it is trusted.
//!
//! A server's words are heard in the order in which they came. A mark is told when what stood before it has been
//! heard; flushed, it is told by who says so (Twilio, jambonz) or forgotten (Asterisk).

pub mod binary;
mod client;
mod session;
mod stream;
pub mod twilio;

use std::fmt;

pub use client::{Client, ClientConfig};
pub use rustls;
pub use session::{Dialect, Encoding, MAX_NAME_BYTES, Refused, Session, SessionConfig};

pub use crate::client::ClientStats;

/// A message, as WebSocket has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

/// What a server asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Sound to be heard, as it is encoded in the session.
    Sound(Vec<u8>),
    /// 16-bit PCM of a rate that the message names.
    Pcm {
        /// Samples a second.
        sample_rate_hz: u32,
        /// Little-endian.
        bytes: Vec<u8>,
    },
    /// Wants to know when what came before has been heard.
    Mark(Mark),
    /// What waits is not to be heard.
    Flush,
    /// Marks are not to be told.
    ClearMarks,
    /// The voice is to be held, or to go on.
    SetPaused(bool),
    /// Wants to know, once, when nothing waits.
    ReportDrained,
    /// Wants to know how it stands.
    Status,
    /// Wants no more.
    HangUp,
    /// Asks for what is so anyway.
    Nothing,
    /// Not known: passed over, and counted.
    Other,
}

/// What is to be told, once what came before it has been heard.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mark {
    /// A mark with a name.
    Named(String),
    /// A mark of Asterisk's, with an id or without.
    Correlated(Option<String>),
    /// The end of sound that was sent at once, of Asterisk's.
    Buffered(Option<String>),
}

/// A message that is not what its dialect has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebSocket message that is not of its dialect")
    }
}

impl std::error::Error for Malformed {}
