// SPDX-License-Identifier: MIT OR Apache-2.0
//! A leg: one RTP session endpoint, from the datagram to PCM and back.
//!
//! | half | thread | what it does |
//! |---|---|---|
//! | [`LegReceiver`] | network | tells RTP from RTCP, unprotects, counts, puts packets into the jitter buffer |
//! | [`LegMedia`] | audio | pulls PCM, encodes, protects, reports (RTCP) |
//! | [`LegControl`] | any one | mutes, re-keys, sets delays, reads statistics |
//!
//! Each half is `Send` and used through `&mut self` by one thread at a time. They meet in the
//! jitter buffer's ring, in command rings and in snapshots; no half ever waits for another.
//!
//! What a peer sends is authenticated before anything else is believed (RFC 3711 section 3.3), a
//! source counts after two packets in sequence (RFC 3550 appendix A.1), and whatever is wrong with
//! a datagram has a counter in [`ReceiverStats`].

mod batch;
mod config;
mod contributors;
mod control;
mod digits;
mod encode_once;
mod event;
mod inband;
mod latch;
mod media;
mod nack;
mod packetizer;
mod quality;
mod receiver;
mod redundancy;
mod rtcp;
mod silence;
mod ticket;

pub use batch::{Arrival, receive_batch};
pub use config::{
    HeaderExtensions, InbandTones, LegConfig, LegError, LevelTrust, Mid, Nack, PassThrough,
    ReceiveCodec, Redundant, SendCodec, SrtpConfig,
};
pub use contributors::{Contributor, Contributors, MAX_CONTRIBUTORS};
pub(crate) use encode_once::EncodeOnce;

pub use control::{ControlError, LegControl, LegStats};
pub use digits::{MAX_DIGIT_MS, MIN_DIGIT_MS};
pub use event::LegEvent;
pub(crate) use media::Plain;
pub use media::{LegMedia, MAX_DATAGRAM_BYTES, MediaError, MediaStats};
pub use receiver::{LegReceiver, Passed, ReceiveError, Received, ReceiverStats};
pub use ticket::Ticket;

use crate::jitter;
use crate::srtp;
use crate::sync::{ring, snapshot};

/// Commands that may wait for the audio half at a time: digits of a number, for one.
const MEDIA_COMMANDS: usize = 16;
/// The same for the network half, which has fewer.
const RECEIVER_COMMANDS: usize = 4;

/// Events of a half that may wait to be read.
const EVENTS: usize = 16;

/// Makes legs.
#[derive(Debug)]
pub struct Leg;

impl Leg {
    /// Makes a leg and splits it into its halves.
    ///
    /// Real-time: no (takes all memory: jitter buffer, codecs, key schedules).
    ///
    /// # Errors
    /// [`LegError`] names the part of the configuration that was refused.
    #[allow(clippy::new_ret_no_self)] // A leg is its three halves.
    pub fn new(config: &LegConfig) -> Result<(LegReceiver, LegMedia, LegControl), LegError> {
        config.check()?;
        let (writer, reader, jitter_control) =
            jitter::create(&config.jitter_config(), config.decoders()?)
                .map_err(LegError::Jitter)?;
        let unprotect = match &config.srtp {
            Some(srtp) => Some(srtp::Receiver::new(&srtp.receive).map_err(LegError::Srtp)?),
            None => None,
        };
        let protect = match &config.srtp {
            Some(srtp) => Some(srtp::Sender::new(&srtp.send).map_err(LegError::Srtp)?),
            None => None,
        };
        let (receiver_publisher, receiver_stats) = snapshot::snapshot(&ReceiverStats::default());
        let (media_publisher, media_stats) = snapshot::snapshot(&MediaStats::default());
        let (contributors_publisher, contributors) = config
            .header_extensions
            .mixer_levels
            .map(|_| snapshot::snapshot(&Contributors::default()))
            .unzip();
        let (to_receiver, receiver_commands) = ring::channel(RECEIVER_COMMANDS);
        let (to_media, media_commands) = ring::channel(MEDIA_COMMANDS);
        // As many as orders: each leaves one at most, and they are collected before another is given.
        let (receiver_spent, spent_by_receiver) = ring::channel(RECEIVER_COMMANDS);
        let (media_spent, spent_by_media) = ring::channel(MEDIA_COMMANDS);
        let (receiver_events, events_of_receiver) = ring::channel(EVENTS);
        let (media_events, events_of_media) = ring::channel(EVENTS);
        let receiver = LegReceiver::new(
            config,
            writer,
            unprotect,
            receiver_publisher,
            contributors_publisher,
            receiver_commands,
            receiver_spent,
            receiver_events,
        );
        let media = LegMedia::new(
            config,
            reader,
            protect,
            receiver_stats.clone(),
            media_publisher,
            media_commands,
            media_spent,
            media_events,
        )
        .map_err(LegError::Codec)?;
        let control = LegControl::new(
            config,
            jitter_control,
            (to_receiver, spent_by_receiver),
            (to_media, spent_by_media),
            receiver_stats,
            media_stats,
            contributors,
            [events_of_receiver, events_of_media],
        );
        Ok((receiver, media, control))
    }
}

#[cfg(all(test, feature = "opus"))]
mod tests;
#[cfg(all(test, feature = "std", not(loom)))]
mod thread_tests;
