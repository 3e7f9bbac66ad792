// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control half: orders to the other two, and what can be read of them, from any thread.
//!
//! Orders go through a ring each and take effect when the other half is used next. What an order
//! replaces (key schedules) comes back through a second ring, to be freed here and not on a
//! real-time thread.

use alloc::sync::Arc;
use core::fmt;

use super::config::LegConfig;
use super::contributors::Contributors;
use super::digits::{Digit, MAX_DIGIT_MS, MIN_DIGIT_MS};
use super::event::LegEvent;
use super::media::MediaStats;
use super::quality::Assessor;
use super::receiver::ReceiverStats;
use super::ticket::Ticket;
use crate::jitter::{JitterControl, JitterStats};
use crate::srtp::{PreparedKeys, RetiredKeys, SessionConfig, SrtpError, Suite};
use crate::stats::emodel::Quality;
use crate::sync::ring::{Consumer, Producer};
use crate::sync::snapshot::Snapshot;

/// An order to the network thread's half.
#[derive(Debug)]
pub(super) enum ReceiverCommand {
    SetLocalSsrc(u32),
    Unlatch,
    Rekey(PreparedKeys),
}

/// An order to the audio thread's half.
#[derive(Debug)]
pub(super) enum MediaCommand {
    SetMuted(bool),
    SetSsrc(u32),
    SendDigit(Digit),
    StopDigits,
    Rekey(PreparedKeys),
}

/// What an order has replaced, on its way to be freed.
#[derive(Debug)]
#[allow(dead_code)] // Held only to be dropped.
pub(super) enum Spent {
    Retired(RetiredKeys),
    Refused(PreparedKeys),
}

/// Why an order was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlError {
    /// Earlier orders still wait: the other half is not being used.
    Busy,
    /// The leg was made without keys, or for another suite.
    Suite,
    /// No payload type for telephone events, or an event, duration or volume out of range.
    Digit,
    /// The new keys were refused.
    Srtp(SrtpError),
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("earlier orders to the leg still wait"),
            Self::Suite => f.write_str("the leg was made without keys, or for another suite"),
            Self::Digit => f.write_str("no telephone events negotiated, or a digit out of range"),
            Self::Srtp(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ControlError {}

/// What can be said of a leg just now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LegStats {
    /// The network thread's half.
    pub receiver: ReceiverStats,
    /// The audio thread's half.
    pub media: MediaStats,
    /// The jitter buffer.
    pub jitter: JitterStats,
    /// Packets that the network lost, in percent of those expected.
    pub loss_percent: f32,
    /// Packets that came too late to be played, in percent of those expected.
    pub discard_percent: f32,
    /// Sound that had to be made up, in percent of what was heard.
    pub concealed_percent: f32,
    /// Interarrival jitter in ms (RFC 3550 A.8).
    pub jitter_ms: f32,
    /// Round-trip time in ms, 0 if unknown.
    pub round_trip_ms: f32,
    /// The listener's rating of what is heard, by the E-model.
    pub quality: Quality,
}

/// The control half of a leg.
#[derive(Debug)]
pub struct LegControl {
    jitter: JitterControl,
    to_receiver: Producer<ReceiverCommand>,
    spent_by_receiver: Consumer<Spent>,
    to_media: Producer<MediaCommand>,
    spent_by_media: Consumer<Spent>,
    receiver_stats: Snapshot<{ ReceiverStats::WORDS }>,
    media_stats: Snapshot<{ MediaStats::WORDS }>,
    contributors: Option<Snapshot<{ Contributors::WORDS }>>,
    /// Of the receiver and of the media half.
    events: [Consumer<LegEvent>; 2],
    /// RTP clock of telephone events, 0 if there are none.
    digit_clock_hz: u32,
    send_suite: Option<Suite>,
    receive_suite: Option<Suite>,
    assessor: Assessor,
    local_ssrc: u32,
    /// Encoding name of the codec that is received.
    codec: Arc<str>,
}

impl LegControl {
    pub(super) fn new(
        config: &LegConfig,
        jitter: JitterControl,
        (to_receiver, spent_by_receiver): (Producer<ReceiverCommand>, Consumer<Spent>),
        (to_media, spent_by_media): (Producer<MediaCommand>, Consumer<Spent>),
        receiver_stats: Snapshot<{ ReceiverStats::WORDS }>,
        media_stats: Snapshot<{ MediaStats::WORDS }>,
        contributors: Option<Snapshot<{ Contributors::WORDS }>>,
        events: [Consumer<LegEvent>; 2],
    ) -> Self {
        Self {
            jitter,
            to_receiver,
            spent_by_receiver,
            to_media,
            spent_by_media,
            receiver_stats,
            media_stats,
            contributors,
            events,
            digit_clock_hz: config
                .telephone_event_payload_type
                .map_or(0, |_| config.send.codec.format().rtp_clock_hz),
            send_suite: config.srtp.as_ref().map(|srtp| srtp.send.suite),
            receive_suite: config.srtp.as_ref().map(|srtp| srtp.receive.suite),
            assessor: config.assessor(),
            local_ssrc: config.local_ssrc,
            codec: config.main_codec().name().into(),
        }
    }

    /// Sends silence in place of what is pushed, or no longer.
    ///
    /// # Errors
    /// [`ControlError::Busy`].
    pub fn set_muted(&mut self, muted: bool) -> Result<(), ControlError> {
        self.to_media.push(MediaCommand::SetMuted(muted)).map_err(|_| ControlError::Busy)
    }

    /// Sends a digit by name (RFC 4733) in place of what is pushed; digits that wait follow each
    /// other with a pause. `event` is 0 to 16 (see
    /// [`event_of_digit`](crate::rtp::telephone_event::event_of_digit)), `duration_ms` from
    /// [`MIN_DIGIT_MS`] to [`MAX_DIGIT_MS`], `volume_dbm0` 0 to 63 below the reference level (8 is
    /// common).
    ///
    /// # Errors
    /// [`ControlError::Digit`], [`ControlError::Busy`].
    pub fn send_digit(
        &mut self,
        event: u8,
        duration_ms: u32,
        volume_dbm0: u8,
    ) -> Result<(), ControlError> {
        let possible = event <= 16
            && (MIN_DIGIT_MS..=MAX_DIGIT_MS).contains(&duration_ms)
            && volume_dbm0 <= 63
            && self.digit_clock_hz != 0;
        if !possible {
            return Err(ControlError::Digit);
        }
        let duration_ticks = self.digit_clock_hz / 1_000 * duration_ms;
        let digit = Digit { event, duration_ticks, volume_dbm0 };
        self.to_media.push(MediaCommand::SendDigit(digit)).map_err(|_| ControlError::Busy)
    }

    /// Ends the digit under way and forgets those that wait.
    ///
    /// # Errors
    /// [`ControlError::Busy`].
    pub fn stop_digits(&mut self) -> Result<(), ControlError> {
        self.to_media.push(MediaCommand::StopDigits).map_err(|_| ControlError::Busy)
    }

    /// Sends as another source from now on, after a BYE as the present one: what RFC 3550 section
    /// 8.2 wants when [`LegEvent::SsrcCollision`] comes. `ssrc` is random.
    ///
    /// # Errors
    /// [`ControlError::Busy`]; to be tried again then.
    pub fn change_ssrc(&mut self, ssrc: u32) -> Result<(), ControlError> {
        self.to_receiver
            .push(ReceiverCommand::SetLocalSsrc(ssrc))
            .map_err(|_| ControlError::Busy)?;
        self.to_media.push(MediaCommand::SetSsrc(ssrc)).map_err(|_| ControlError::Busy)?;
        self.local_ssrc = ssrc;
        Ok(())
    }

    /// Lets the leg latch to another address ([`LegReceiver::receive_from`](super::LegReceiver)), as
    /// when the signalling has named one.
    ///
    /// # Errors
    /// [`ControlError::Busy`].
    pub fn unlatch(&mut self) -> Result<(), ControlError> {
        self.to_receiver.push(ReceiverCommand::Unlatch).map_err(|_| ControlError::Busy)
    }

    /// The next thing that happened: of what each half has to tell the oldest first, the network
    /// half before the audio half.
    ///
    /// Real-time: yes.
    pub fn next_event(&mut self) -> Option<LegEvent> {
        self.events.iter_mut().find_map(Consumer::pop)
    }

    /// Replaces the keys of what is sent. The key schedule is made here; the audio thread takes it
    /// at its next call.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`ControlError::Suite`], [`ControlError::Srtp`], [`ControlError::Busy`].
    pub fn rekey_send(&mut self, config: &SessionConfig) -> Result<(), ControlError> {
        self.collect();
        let keys = prepare(config, self.send_suite)?;
        self.to_media.push(MediaCommand::Rekey(keys)).map_err(|_| ControlError::Busy)
    }

    /// Replaces the keys of what is received, at the network thread's next datagram. Packets under
    /// the old keys are still taken for the session's overlap.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`ControlError::Suite`], [`ControlError::Srtp`], [`ControlError::Busy`].
    pub fn rekey_receive(&mut self, config: &SessionConfig) -> Result<(), ControlError> {
        self.collect();
        let keys = prepare(config, self.receive_suite)?;
        self.to_receiver.push(ReceiverCommand::Rekey(keys)).map_err(|_| ControlError::Busy)
    }

    /// The jitter buffer's settings.
    pub fn jitter(&mut self) -> &mut JitterControl {
        &mut self.jitter
    }

    /// What can be said of the leg just now.
    ///
    /// Real-time: yes, but meant for anybody else.
    pub fn stats(&self) -> LegStats {
        let receiver = self.receiver_stats.read::<ReceiverStats>().unwrap_or_default();
        let media = self.media_stats.read::<MediaStats>().unwrap_or_default();
        let jitter = self.jitter.stats().unwrap_or_default();
        let seen = self.assessor.assess(&receiver, &jitter);
        let clock_khz = receiver.clock_hz.max(1_000) as f32 * 1e-3;
        LegStats {
            receiver,
            media,
            jitter,
            loss_percent: seen.loss_percent,
            discard_percent: seen.discard_percent,
            concealed_percent: seen.concealed_percent,
            jitter_ms: receiver.jitter_ticks as f32 / clock_khz,
            round_trip_ms: seen.round_trip_ms,
            quality: seen.quality,
        }
    }

    /// Who is heard in what the peer sends, by the last packet that came (RFC 6465); nobody where
    /// [`HeaderExtensions::mixer_levels`](super::HeaderExtensions::mixer_levels) is not set, or the peer
    /// does not say.
    ///
    /// Real-time: yes, but meant for anybody else.
    pub fn contributors(&self) -> Contributors {
        self.contributors.as_ref().and_then(Snapshot::read).unwrap_or_default()
    }

    /// The ticket of the call up to now; to be taken when it ends.
    ///
    /// Real-time: yes, but meant for anybody else.
    pub fn ticket(&self) -> Ticket {
        let suite = self.receive_suite.map(Suite::sdes_name);
        Ticket::new(&self.stats(), &self.codec, suite, self.local_ssrc)
    }

    /// Frees what orders have replaced; done by itself before the next order.
    fn collect(&mut self) {
        while self.spent_by_receiver.pop().is_some() {}
        while self.spent_by_media.pop().is_some() {}
    }
}

/// New keys' schedules, for a half that was made for `suite`.
fn prepare(config: &SessionConfig, suite: Option<Suite>) -> Result<PreparedKeys, ControlError> {
    if suite != Some(config.suite) {
        return Err(ControlError::Suite);
    }
    PreparedKeys::new(config).map_err(ControlError::Srtp)
}
