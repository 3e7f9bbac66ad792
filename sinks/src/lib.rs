// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where taps lead: what [`ale_media::tap`] hands out, taken to programs and files, and what is written down
//! about it.
//!
//! Protocols are without I/O, each in a module of its own; threads and sockets stand beside them. Nothing
//! here runs on an audio thread, and nothing of a sink can reach one: a sink that is slow, floods or is dead
//! costs its own frames.
//!
//! | module | what it holds |
//! |---|---|
//! | [`audiosocket`] | Asterisk's protocol for a channel's sound, both ways |
//! | [`audiosocket_client`] | a thread that takes a tap to such a server, and its answers to a voice |
//! | [`websocket`] | the same over WebSocket, as Asterisk, audio_fork and Twilio have it |
//! | [`audit`] | who was tapped for whom and what for: a chain of lines that can't be changed unnoticed |
//! | [`files`] | recordings: a file a speaker, WAV or Opus, placed in time, and an index |
//! | [`vcon`] | recordings as a vCon, with what was agreed to |
//! | [`siprec`] | what a recording server is told of a session |
//! | [`rtp_fork`] | a thread that sends a tap as RTP or SRTP, to such a server |
//! | [`named`] | sinks that an operator names in a configuration |

pub mod audiosocket;
pub mod audiosocket_client;
pub mod audit;
mod client;
pub mod files;
pub mod named;
pub mod rtp_fork;
pub mod siprec;
pub mod vcon;
pub mod websocket;
