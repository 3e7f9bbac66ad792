// SPDX-License-Identifier: MIT OR Apache-2.0
//! A leg: one end of a call, from the datagram to PCM and back.
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
//! Below is an RTP [`session`]: addresses, keys, sources and reports are its. The leg adds
//! a voice: jitter buffer and codecs, pauses, digits, redundancy, and a verdict on the quality. A living
//! leg is changed by [`LegControl::update`]; whatever is wrong with a datagram has a counter in
//! [`ReceiverStats`].
//!
//! An encrypted call of a second between two legs, where a pointer stands in for the network:
//!
//! ```
//! use ale_media::codec::CodecSpec;
//! use ale_media::leg::{Leg, LegConfig, SrtpConfig};
//! use ale_media::srtp::sdes::CryptoAttribute;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The lines of offer and answer; one for both directions is enough for an example.
//! let line = "1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";
//! let keys = CryptoAttribute::parse(line)?.to_config()?;
//! // Sources (SSRC) are random, and from the host.
//! let [near, far] = [0x21f0_93a7, 0x8d1b_4c5e].map(|ssrc| {
//!     let mut config = LegConfig::new(ssrc, 8, CodecSpec::Pcma);
//!     config.srtp = Some(SrtpConfig { send: keys.clone(), receive: keys.clone() });
//!     config
//! });
//! let (_, mut microphone, _) = Leg::new(&near)?;
//! let (mut receiver, mut loudspeaker, control) = Leg::new(&far)?;
//! let mut heard = [0; 80];
//! for now_ns in (0..100).map(|tick| tick * 10_000_000) {
//!     microphone.push(&[1_000; 80])?;
//!     while let Some(datagram) = microphone.poll_transmit(now_ns) {
//!         receiver.receive(&mut datagram.to_vec(), now_ns)?;
//!     }
//!     loudspeaker.pull(now_ns, &mut heard)?;
//! }
//! assert!(heard.iter().all(|sample| (900..1_100).contains(sample)));
//! assert_eq!(control.stats().loss_percent, 0.0);
//! # Ok(())
//! # }
//! ```

mod arrivals;
mod command;
mod config;
mod contributors;
mod control;
mod digits;
mod encode_once;
mod event;
mod keepalive;
mod media;
mod packetizer;
mod protection;
mod quality;
mod quality_report;
mod receiver;
mod recording;
mod redundancy;
mod silence;
mod stats;
mod timeout;

pub use arrivals::{Arrival, receive_batch};
pub use config::{
    Direction, HeaderExtensions, LegConfig, LegError, LevelTrust, MAX_DATAGRAM_BYTES, PassThrough,
    ReceiveCodec, Redundant, SendCodec, TelephoneEvents,
};
pub use contributors::{Contributor, Contributors, MAX_CONTRIBUTORS};
pub(crate) use encode_once::EncodeOnce;

pub use crate::session::{Mid, Nack, Passed, ReceiveError, Received, ReceiverStats, SrtpConfig};
pub use crate::voice::InbandTones;
pub use control::{ControlError, LegControl};
pub use digits::{MAX_DIGIT_MS, MIN_DIGIT_MS};
pub use event::LegEvent;
pub(crate) use media::Plain;
pub use media::{LegMedia, MediaError};
pub use packetizer::StreamPosition;
pub use quality_report::CallQualityReport;
pub use receiver::LegReceiver;
pub use recording::Recorded;
pub use stats::{LegStats, MediaStats};

use command::{MEDIA_COMMANDS, NOTES, RECEIVER_COMMANDS};

use crate::jitter;
use crate::session;
use crate::sync::{ring, snapshot};

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
        let session = session::create(&config.session()).map_err(LegError::Srtp)?;
        Self::on(config, session)
    }

    /// Makes a new leg of a living one, in the place of its halves, for what
    /// [`LegControl::update`] can't change: the rate of the PCM, the jitter buffer. The session goes on:
    /// keys, counters, addresses, sequence numbers, timestamps, statistics of the transport, digits that
    /// wait, and muting; all of the voice begins anew. What `config` says is taken as
    /// [`LegControl::update`] takes it.
    ///
    /// Real-time: no (takes memory for a new leg and frees the old one's).
    ///
    /// # Errors
    /// As [`LegControl::update`], and [`LegError::Halves`] where the three are not of one leg. Nothing
    /// has changed then.
    pub fn renew(
        config: &LegConfig,
        receiver: &mut LegReceiver,
        media: &mut LegMedia,
        control: &mut LegControl,
    ) -> Result<(), LegError> {
        config.check()?;
        control.check_transport(config)?;
        if !control.session().is_of(receiver.session_mut(), media.session_mut()) {
            return Err(LegError::Halves);
        }
        // Its own session goes with the old leg.
        let spare = session::SessionConfig::new(config.local_ssrc);
        let spare = session::create(&spare).map_err(LegError::Srtp)?;
        let (mut new_receiver, mut new_media, mut new_control) = Self::on(config, spare)?;
        control.order_transport(config)?;
        core::mem::swap(receiver.session_mut(), new_receiver.session_mut());
        new_media.continue_from(media);
        new_control.continue_from(control);
        (*receiver, *media, *control) = (new_receiver, new_media, new_control);
        Ok(())
    }

    /// Makes a leg that goes on where another process' has ended: its stream where that stood, and its SRTP by
    /// checkpoints of it ([`session::resume`]), behind all that they reserve. Without checkpoints it is protected as
    /// `config` says. The voice begins anew.
    ///
    /// Real-time: no (takes all memory).
    ///
    /// # Errors
    /// As [`Leg::new`]; [`LegError::Srtp`] for checkpoints that are none of a sender and a receiver.
    pub fn resume(
        config: &LegConfig,
        position: StreamPosition,
        restored: Option<session::RestoredSrtp>,
    ) -> Result<(LegReceiver, LegMedia, LegControl), LegError> {
        config.check()?;
        let mut config = config.clone();
        config.local_ssrc = position.ssrc;
        let session = match restored {
            Some(restored) => session::resume(&config.session(), restored),
            None => session::create(&config.session()),
        };
        let mut halves = Self::on(&config, session.map_err(LegError::Srtp)?)?;
        let media = &mut halves.1;
        let sent = media.srtp_mut().and_then(|srtp| srtp.stream(position.ssrc));
        let reserved = sent.and_then(|stream| stream.highest_sequence);
        let sequence = reserved.map_or(position.sequence, |last| last.wrapping_add(1));
        media.go_on_at(StreamPosition { sequence, ..position });
        Ok(halves)
    }

    fn on(
        config: &LegConfig,
        (receiver, sender, control): (
            session::SessionReceiver,
            session::SessionSender,
            session::SessionControl,
        ),
    ) -> Result<(LegReceiver, LegMedia, LegControl), LegError> {
        let (writer, reader, jitter_control) =
            jitter::create(&config.jitter_config(), config.decoders()?)
                .map_err(LegError::Jitter)?;
        let (media_publisher, media_stats) = snapshot::snapshot(&MediaStats::default());
        let (contributors_publisher, contributors) = snapshot::snapshot(&Contributors::default());
        let (to_receiver, receiver_commands) = ring::channel(RECEIVER_COMMANDS);
        let (to_media, media_commands) = ring::channel(MEDIA_COMMANDS);
        // As many as commands: each leaves one at most, and they are collected before another is given.
        let (receiver_spent, spent_by_receiver) = ring::channel(RECEIVER_COMMANDS);
        let (media_spent, spent_by_media) = ring::channel(MEDIA_COMMANDS);
        let (media_events, events) = ring::channel(event::EVENTS);
        let (to_digits, to_be_sent) = ring::channel(digits::QUEUE);
        let (digit_events, heard_digits) = ring::channel(event::DIGIT_EVENTS);
        let ends = digits::Ends::new();
        let (to_notes, notes) = ring::channel(NOTES);
        let receiver = LegReceiver::new(
            config,
            receiver,
            writer,
            contributors_publisher,
            ends.clone(),
            digit_events,
            to_notes,
            receiver_commands,
            receiver_spent,
        );
        let media = LegMedia::new(
            config,
            sender,
            reader,
            to_be_sent,
            ends,
            notes,
            media_publisher,
            media_commands,
            media_spent,
            media_events,
        )
        .map_err(LegError::Codec)?;
        let ends = control::Ends {
            to_receiver,
            spent_by_receiver,
            to_media,
            spent_by_media,
            digits: to_digits,
            media_stats,
            contributors,
            events: [heard_digits, events],
        };
        let control = LegControl::new(config, control, jitter_control, ends);
        Ok((receiver, media, control))
    }
}

#[cfg(all(test, feature = "opus"))]
mod tests;
#[cfg(all(test, feature = "std", not(loom)))]
mod thread_tests;
