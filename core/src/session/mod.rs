// SPDX-License-Identifier: MIT OR Apache-2.0
//! One RTP session on one transport, without I/O: what lies between a socket and a leg, and is of use
//! without one.
//!
//! ```text
//! datagram -> demux    what it is (RFC 7983)
//!             remote   whether from there (RFC 4961, RFC 7362)
//!             keys     unprotected, or kept until there are keys (RFC 3711)
//!             sources  whose it is, and whether that one is listened to (RFC 3550)
//!             rtcp     read here (RFC 3550, RFC 3611, RFC 4585)
//!          -> Incoming to who uses the session
//! ```
//!
//! | half | thread | what it does |
//! |---|---|---|
//! | [`SessionReceiver`] | network | the above |
//! | [`SessionSender`] | audio, or whoever sends | protects and counts packets, reports |
//! | [`SessionControl`] | any one | keys, addresses, payload types, events, statistics |
//!
//! The session knows no codec and no jitter buffer: payload types have a [`Role`] and a clock. What is
//! not RTP comes back named, for the host's ICE and DTLS. Nothing that can't be authenticated moves
//! anything that an authenticated packet would keep in place.

mod control;
pub mod demux;
mod event;
mod figures;
mod keys;
mod outcome;
mod payload_types;
mod receiver;
mod remote;
mod rtcp;
mod sender;
mod sources;
#[cfg(test)]
mod tests;

use alloc::string::String;

pub(crate) use control::{ReceiverUpdate, SenderUpdate};
pub use control::{SessionControl, SessionError};
pub(crate) use event::EventSink;
pub use event::SessionEvent;
pub use keys::{Keying, SrtpConfig};
pub use outcome::{Passed, ReceiveError, Received, ReceiverStats};
pub use payload_types::PayloadTypes;
pub(crate) use receiver::NO_LEVEL;
pub use receiver::{Incoming, Rtp, SessionReceiver};
pub use remote::RemoteConfig;
pub(crate) use rtcp::nack::MOST as MOST_REQUESTS;
pub(crate) use rtcp::ntp_time;
pub use sender::{SenderStats, SessionSender};
pub use sources::{Role, Standing};

use crate::srtp::SrtpError;
use crate::sync::{bell, ring, snapshot};
use rtcp::SentReports;

/// How missing packets are asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nack {
    /// Not at all.
    #[default]
    Off,
    /// Generic NACK (RFC 4585) in compound RTCP packets.
    Compound,
    /// Generic NACK by itself (reduced-size RTCP, RFC 5506).
    ReducedSize,
}

/// A name of a media description: 1 to 16 bytes of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mid {
    bytes: [u8; 16],
    length: u8,
}

/// A name, and the identifier of the header extension element (RFC 8285) that carries it.
pub type SessionMid = (u8, Mid);

impl Mid {
    /// `None` for an empty or too long name.
    pub fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        bytes.get_mut(..name.len()).filter(|b| !b.is_empty())?.copy_from_slice(name.as_bytes());
        Some(Self { bytes, length: name.len() as u8 })
    }

    /// The name.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&self.bytes)
    }
}

/// The RTP clock at a report: the timestamp of a sample taken just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReportClock {
    timestamp: u32,
}

/// Sources that a session knows at a time.
const MAX_SOURCES: u16 = 8;

/// What a session is made for. It makes no random numbers: identifiers that RFC 3550 section 5.1 wants
/// random come from the host.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Synchronization source of what is sent; random.
    pub local_ssrc: u32,
    /// The only source whose voice is listened to; `None` takes the first that proves valid, and others
    /// by the rules of the room.
    pub remote_ssrc: Option<u32>,
    /// Canonical name in RTCP (RFC 7022), 1 to 255 bytes.
    pub cname: String,
    /// How packets are protected.
    pub keying: Keying,
    /// Where the peer is said to be.
    pub remote: RemoteConfig,
    /// What each payload type is.
    pub payload_types: PayloadTypes,
    /// Sources that are known at a time, 2 to 256; further ones push out who has been idle longest.
    /// Default 8.
    pub max_sources: u16,
    /// This media section's name, where packets carry one (RFC 8843): those of another are not listened
    /// to.
    pub mid: Option<SessionMid>,
    /// Mean interval between RTCP reports in ms, 0 for none (RFC 3550 section 6.2 says 5000).
    pub rtcp_interval_ms: u32,
    /// Extended reports (RFC 3611).
    pub extended_reports: bool,
    /// Whether and how packets are asked for again.
    pub nack: Nack,
    /// NTP time, 32.32 fixed point, at the zero of the host's monotonic clock; 0 if unknown.
    pub ntp_at_zero: u64,
}

impl SessionConfig {
    /// A session that knows no payload type and waits for its keys, with all else at common values.
    pub fn new(local_ssrc: u32) -> Self {
        Self {
            local_ssrc,
            remote_ssrc: None,
            cname: String::from("ale-media"),
            keying: Keying::Pending,
            remote: RemoteConfig::default(),
            payload_types: PayloadTypes::new(),
            max_sources: MAX_SOURCES,
            mid: None,
            rtcp_interval_ms: 5_000,
            extended_reports: true,
            nack: Nack::Off,
            ntp_at_zero: 0,
        }
    }
}

/// Makes a session and splits it into its halves.
///
/// Real-time: no (takes all memory).
///
/// # Errors
/// As [`srtp::Receiver::new`](crate::srtp::Receiver::new).
pub fn create(
    config: &SessionConfig,
) -> Result<(SessionReceiver, SessionSender, SessionControl), SrtpError> {
    let opener = keys::Opener::new(&config.keying)?;
    let sealer = keys::Sealer::new(&config.keying)?;
    let (receiver_publisher, receiver_stats) = snapshot::snapshot(&ReceiverStats::default());
    let (sender_publisher, sender_stats) = snapshot::snapshot(&SenderStats::default());
    let (sent_publisher, sent_reports) = snapshot::snapshot(&SentReports::default());
    let (to_receiver, receiver_commands) = ring::channel(control::COMMANDS);
    let (to_sender, sender_commands) = ring::channel(control::COMMANDS);
    // As many as orders and two more: each leaves one at most, keys that come after others' packets
    // another, and they are collected before another is given.
    let (receiver_spent, spent_by_receiver) = ring::channel(2 * control::COMMANDS);
    let (sender_spent, spent_by_sender) = ring::channel(2 * control::COMMANDS);
    let (to_wake_receiver, receiver_bell) = bell::bell();
    let (to_wake_sender, sender_bell) = bell::bell();
    let (receiver_events, events_of_receiver) = ring::channel(event::EVENTS);
    let (sender_events, events_of_sender) = ring::channel(event::SENDER_EVENTS);
    let receiver = SessionReceiver::new(
        config,
        opener,
        receiver_publisher,
        receiver_commands,
        receiver_bell,
        to_wake_sender.clone(),
        receiver_spent,
        receiver_events,
        sent_reports,
    );
    let sender = SessionSender::new(
        config,
        sealer,
        receiver_stats.clone(),
        sender_commands,
        sender_bell,
        sender_spent,
        sender_events,
        sent_publisher,
        sender_publisher,
    );
    let ends = control::Ends {
        bells: [to_wake_receiver, to_wake_sender],
        to_receiver,
        spent_by_receiver,
        to_sender,
        spent_by_sender,
        receiver_stats,
        sender_stats,
        events: [events_of_receiver, events_of_sender],
    };
    let control = SessionControl::new(config.local_ssrc, &config.keying, ends);
    Ok((receiver, sender, control))
}
