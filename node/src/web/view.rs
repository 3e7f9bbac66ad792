// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of conferences and calls, as `/api` tells it in JSON.

use serde::Serialize;

/// All conferences.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Conferences {
    /// By their names.
    pub conferences: Vec<Conference>,
    /// What voices may go to, once their owners have agreed.
    pub sinks: Vec<Sink>,
}

/// Where voices may go.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sink {
    /// Its name.
    pub name: String,
    /// What it is for: `record`, `transcribe`, `analyse` or `assist`.
    pub purpose: &'static str,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conference {
    /// Its name.
    pub name: String,
    /// Ticks of 10 ms that did not come.
    pub missed_ticks: u64,
    /// Sinks that everybody's voice goes to, as far as they have agreed.
    pub wanted: Vec<String>,
    /// Who is there, in the order of their coming.
    pub members: Vec<Member>,
}

/// A call, and why nothing is heard of a stream of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Call {
    /// `Call-ID`.
    pub call_id: String,
    /// The conference that it is in, if it is in one.
    pub conference: Option<String>,
    /// What comes from each party, a media line at a time.
    pub streams: Vec<Stream>,
}

/// What comes from a party on a media line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stream {
    /// The party's tag.
    pub tag: String,
    /// As in `m=`.
    pub media: String,
    /// The node's port.
    pub port: u16,
    /// SRTP suite; none in plain RTP, or before keys have been agreed on.
    pub suite: Option<&'static str>,
    /// Packets that came.
    pub packets: u64,
    /// Datagrams that were refused.
    pub refused: u64,
    /// RTP packets that were passed on by a payload type that the other party has not negotiated.
    pub unnegotiated: u64,
    /// Why nothing is heard of it, if nothing is.
    pub silent: Option<String>,
}

/// Who is in a conference, and how it is heard.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Member {
    /// Its number, by which it is muted.
    pub id: u64,
    /// What the others are told who it is.
    pub name: String,
    /// Whether it speaks, and is heard.
    pub speaking: bool,
    /// Whether it has been asked for that the others don't hear it.
    pub muted: bool,
    /// Whether it hears the others.
    pub listening: bool,
    /// As in `a=rtpmap`.
    pub codec: String,
    /// The codec of its video; none without.
    pub video: Option<&'static str>,
    /// SRTP suite by its name in session descriptions; none in plain RTP, or before keys have been agreed on.
    pub suite: Option<&'static str>,
    /// Mean time in the jitter buffer and half of the way to the peer and back, in ms.
    pub delay_ms: f32,
    /// Packets that the network lost, in percent.
    pub loss_percent: f32,
    /// Interarrival jitter in ms (RFC 3550 A.8).
    pub jitter_ms: f32,
    /// What a listener would say of how it is heard, 1 to 4.5, by the E-model; none where nothing was heard.
    pub mos: Option<f32>,
    /// Packets that came.
    pub packets: u64,
    /// Why nothing is heard of it, if nothing is.
    pub silent: Option<String>,
    /// How it stands to each sink.
    pub standings: Vec<Standing>,
}

/// How a member stands to a sink.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// The sink's name.
    pub sink: String,
    /// What it is for: `record`, `transcribe`, `analyse` or `assist`.
    pub purpose: &'static str,
    /// `unasked`, `agreed`, `taken` (its voice goes there), `paused`, `withdrawn`, `expired`, or `refused` by
    /// `a=recordpref`.
    pub state: &'static str,
}
