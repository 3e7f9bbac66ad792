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

mod command;
mod config;
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

pub(crate) use command::{ReceiverUpdate, SenderUpdate};
pub use config::{Mid, Nack, SessionConfig, SessionMid};
pub use control::{SessionControl, SessionError};
pub(crate) use event::EventSink;
pub use event::SessionEvent;
pub use keys::{Keying, RestoredSrtp, SrtpConfig};
pub use outcome::{Passed, ReceiveError, Received, ReceiverStats};
pub use payload_types::PayloadTypes;
pub(crate) use receiver::NO_LEVEL;
pub use receiver::{Incoming, Rtp, SessionReceiver};
pub use remote::RemoteConfig;
pub(crate) use rtcp::nack::MOST as MOST_REQUESTS;
pub(crate) use rtcp::ntp_time;
pub use sender::{SenderReportClock, SenderStats, SessionSender};
pub use sources::{Role, Standing};

use crate::srtp::SrtpError;
use crate::sync::{bell, ring, snapshot};
use rtcp::SentReports;

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
    let srtp = match &config.keying {
        Keying::Srtp(srtp) => Some((srtp.send.without_keys(), srtp.receive.without_keys())),
        Keying::Pending | Keying::Plain => None,
    };
    Ok(assemble(config, opener, sealer, srtp))
}

/// Makes a session that goes on where another has ended, by checkpoints of what protected its packets;
/// [`SessionConfig::keying`] counts for nothing. It sends once a checkpoint of [`SessionSender::srtp_mut`] has been
/// taken and confirmed ([`srtp::checkpoint`](crate::srtp::checkpoint)).
///
/// Real-time: no (takes all memory).
///
/// # Errors
/// As [`Restored::into_sender`](crate::srtp::checkpoint::Restored::into_sender) and
/// [`Restored::into_receiver`](crate::srtp::checkpoint::Restored::into_receiver).
pub fn resume(
    config: &SessionConfig,
    restored: RestoredSrtp,
) -> Result<(SessionReceiver, SessionSender, SessionControl), SrtpError> {
    let RestoredSrtp { send, receive } = restored;
    let srtp = (send.config.without_keys(), receive.config.without_keys());
    let opener = keys::Opener::Srtp(receive.into_receiver()?);
    let sealer = keys::Sealer::Srtp(send.into_sender()?);
    Ok(assemble(config, opener, sealer, Some(srtp)))
}

/// The halves around what protects the packets; `srtp` is what that was made for, but for its keys.
fn assemble(
    config: &SessionConfig,
    opener: keys::Opener,
    sealer: keys::Sealer,
    srtp: Option<(crate::srtp::SessionConfig, crate::srtp::SessionConfig)>,
) -> (SessionReceiver, SessionSender, SessionControl) {
    let (receiver_publisher, receiver_stats) = snapshot::snapshot(&ReceiverStats::default());
    let (sender_publisher, sender_stats) = snapshot::snapshot(&SenderStats::default());
    let (sent_publisher, sent_reports) = snapshot::snapshot(&SentReports::default());
    let (to_receiver, receiver_commands) = ring::channel(command::COMMANDS);
    let (to_sender, sender_commands) = ring::channel(command::COMMANDS);
    // As many as commands and two more: each leaves one at most, keys that come after others' packets
    // another, and they are collected before another is given.
    let (receiver_spent, spent_by_receiver) = ring::channel(2 * command::COMMANDS);
    let (sender_spent, spent_by_sender) = ring::channel(2 * command::COMMANDS);
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
    let control = SessionControl::new(config.local_ssrc, srtp, ends);
    (receiver, sender, control)
}
