// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control half: commands to the other two, and what can be read of them, from any thread.
//!
//! Commands go through a ring each and take effect when the other half is used next. What a command
//! replaces (key schedules) comes back through a second ring, to be freed here and not on a
//! real-time thread.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::net::SocketAddr;

use super::command::{LegReceiverCommand, LegReceiverUpdate, LegSpent, MediaCommand, MediaUpdate};
use super::config::{LegConfig, LegError};
use super::contributors::Contributors;
use super::digits::{Digit, MAX_DIGIT_MS, MIN_DIGIT_MS};
use super::event::LegEvent;
use super::quality::Assessor;
use super::quality_report::CallQualityReport;
use super::recording::{self, MOST_MS, Recorded, Recording};
use super::stats::{LegStats, MediaStats};
use crate::jitter::{DecoderMap, JitterControl};
use crate::session::{
    self, Nack, ReceiverUpdate, SenderUpdate, SessionControl, SessionError, SrtpConfig,
};
use crate::srtp::{SessionConfig, SrtpError, Suite};
use crate::sync::ring::{self, Consumer, Producer};
use crate::sync::snapshot::Snapshot;

/// Why a command was not taken. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlError {
    /// Earlier commands still wait: the other half is not being used.
    Busy,
    /// Keys for one direction, and none for the other.
    OneDirection,
    /// No payload type for telephone events, or an event, duration or volume out of range.
    Digit,
    /// The new keys were refused.
    Srtp(SrtpError),
    /// More than a minute of a recording can't wait.
    Recording,
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("earlier commands to the leg still wait"),
            Self::OneDirection => f.write_str("keys for one direction, and none for the other"),
            Self::Digit => f.write_str("no telephone events negotiated, or a digit out of range"),
            Self::Srtp(error) => error.fmt(f),
            Self::Recording => f.write_str("more than a minute of a recording can't wait"),
        }
    }
}

impl core::error::Error for ControlError {}

impl From<SessionError> for ControlError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Busy => Self::Busy,
            SessionError::Srtp(error) => Self::Srtp(error),
            SessionError::OneDirection => Self::OneDirection,
        }
    }
}

impl From<SessionError> for LegError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Busy => Self::Busy,
            SessionError::Srtp(error) => Self::Srtp(error),
            SessionError::OneDirection => Self::OneDirection,
        }
    }
}

/// The control half of a leg.
#[derive(Debug)]
pub struct LegControl {
    session: SessionControl,
    jitter: JitterControl,
    to_receiver: Producer<LegReceiverCommand>,
    spent_by_receiver: Consumer<LegSpent>,
    to_media: Producer<MediaCommand>,
    spent_by_media: Consumer<LegSpent>,
    /// Digits that wait to be sent, and how many were ever given.
    digits: Producer<Digit>,
    digits_given: u32,
    media_stats: Snapshot<{ MediaStats::WORDS }>,
    contributors: Snapshot<{ Contributors::WORDS }>,
    /// Digits of the network half, and what the audio half tells.
    events: [Consumer<LegEvent>; 2],
    /// What the leg is now, but for its keys.
    config: Box<LegConfig>,
    assessor: Assessor,
    /// Encoding name of the codec that is received.
    codec: Arc<str>,
    recording: Option<Recording>,
}

/// The ends of the rings that a control half holds.
pub(super) struct Ends {
    pub(super) to_receiver: Producer<LegReceiverCommand>,
    pub(super) spent_by_receiver: Consumer<LegSpent>,
    pub(super) to_media: Producer<MediaCommand>,
    pub(super) spent_by_media: Consumer<LegSpent>,
    pub(super) digits: Producer<Digit>,
    pub(super) media_stats: Snapshot<{ MediaStats::WORDS }>,
    pub(super) contributors: Snapshot<{ Contributors::WORDS }>,
    pub(super) events: [Consumer<LegEvent>; 2],
}

impl LegControl {
    pub(super) fn new(
        config: &LegConfig,
        session: SessionControl,
        jitter: JitterControl,
        ends: Ends,
    ) -> Self {
        Self {
            session,
            jitter,
            to_receiver: ends.to_receiver,
            spent_by_receiver: ends.spent_by_receiver,
            to_media: ends.to_media,
            spent_by_media: ends.spent_by_media,
            digits: ends.digits,
            digits_given: 0,
            media_stats: ends.media_stats,
            contributors: ends.contributors,
            events: ends.events,
            assessor: config.assessor(),
            codec: config.main_codec().name().into(),
            recording: None,
            config: Box::new(LegConfig { srtp: None, ..config.clone() }),
        }
    }

    /// Makes the leg what `config` says, as after a re-INVITE: codecs and payload types both ways, packet
    /// time, direction, keys, addresses, sources, header extensions, telephone events, reports. Each half
    /// changes at its next call. SRTP state, statistics, sequence numbers, timestamps, digits that wait and
    /// the jitter buffer go on; codecs that stay keep their state. With keys in `config` this re-keys
    /// ([`LegControl::set_keys`]); without, keys stay as they are.
    ///
    /// What is taken from `config` only when a leg is made: the initial sequence number and timestamp, the
    /// canonical name, the clock, and memory: the jitter buffer and [`LegConfig::max_sources`].
    ///
    /// Real-time: no (makes codecs and key schedules).
    ///
    /// # Errors
    /// As [`Leg::new`](super::Leg::new); [`LegError::Fixed`] for what only a new leg can have:
    /// another rate of its PCM, another jitter buffer, plain RTP where there were keys or the reverse
    /// without keys; [`LegError::Busy`]. Nothing has changed then; [`LegError::member`] names the member.
    pub fn update(&mut self, config: &LegConfig) -> Result<(), LegError> {
        self.collect();
        let (mut new, media) = self.prepare(config)?;
        let leg_receiver = Box::new(LegReceiverUpdate::new(&new));
        if self.to_receiver.vacant_now() == 0 || self.to_media.vacant_now() == 0 {
            return Err(LegError::Busy);
        }
        self.order_transport(&new)?;
        let _ = self.to_receiver.push(LegReceiverCommand::Update(leg_receiver));
        let _ = self.to_media.push(MediaCommand::Update(media));
        self.session.wake();
        self.assessor = new.assessor();
        self.codec = new.main_codec().name().into();
        new.srtp = None;
        *self.config = new;
        Ok(())
    }

    /// Whether [`LegControl::update`] would take this config, but for commands that still wait.
    ///
    /// Real-time: no (makes codecs and key schedules, and throws them away).
    ///
    /// # Errors
    /// As [`LegControl::update`].
    pub fn check_update(&mut self, config: &LegConfig) -> Result<(), LegError> {
        let (new, _) = self.prepare(config)?;
        session::create(&new.session()).map_err(LegError::Srtp)?;
        Ok(())
    }

    /// What an update with this config brings, and what the leg is after it.
    fn prepare(&mut self, config: &LegConfig) -> Result<(LegConfig, Box<MediaUpdate>), LegError> {
        let mut new = config.clone();
        new.sample_rate_hz = Some(self.config.rate_hz());
        if config.sample_rate_hz.is_some_and(|rate_hz| rate_hz != self.config.rate_hz()) {
            return Err(LegError::Fixed("sample_rate_hz"));
        }
        new.check()?;
        if config.jitter != self.config.jitter {
            return Err(LegError::Fixed("jitter"));
        }
        self.check_transport(&new)?;
        let media = self.media_update(&new)?;
        Ok((new, media))
    }

    /// What the audio thread's half is to become. In a frame of its own: it is large before it is boxed.
    #[inline(never)]
    fn media_update(&mut self, new: &LegConfig) -> Result<Box<MediaUpdate>, LegError> {
        let decoders = self.decoders_for(new)?;
        // The digits stay with the packetizer that there is; this end is given back unused.
        let (_, no_digits) = ring::channel(1);
        MediaUpdate::new(new, no_digits, decoders).map(Box::new).map_err(LegError::Codec)
    }

    /// Whether the session could become what `new` says.
    pub(super) fn check_transport(&mut self, new: &LegConfig) -> Result<(), LegError> {
        if new.max_sources != self.config.max_sources {
            return Err(LegError::Fixed("max_sources"));
        }
        let has_keys = self.session.receive_suite().is_some();
        if new.srtp.is_none() && new.plain != self.config.plain && has_keys {
            return Err(LegError::Fixed("plain"));
        }
        Ok(())
    }

    /// Orders the session to become what `new` says, all of it or nothing.
    pub(super) fn order_transport(&mut self, new: &LegConfig) -> Result<(), LegError> {
        let receiver = ReceiverUpdate {
            types: Box::new(new.payload_types()),
            remote_ssrc: new.remote_ssrc,
            remote: new.remote,
            mid: new.header_extensions.mid,
        };
        let sender = SenderUpdate {
            nack: new.nack,
            requests: (new.nack != Nack::Off).then(Box::default),
            extended_reports: new.extended_reports,
            rtcp_interval_ms: new.rtcp_interval_ms,
        };
        let changes_ssrc = new.local_ssrc != self.session.local_ssrc();
        // Room for this command, for keys, and for another source.
        let room = 1 + usize::from(new.srtp.is_some() || new.plain) + usize::from(changes_ssrc);
        if !self.session.has_room_for(room) {
            return Err(LegError::Busy);
        }
        match &new.srtp {
            Some(srtp) => self.session.set_keys(srtp)?,
            None if new.plain && !self.config.plain => self.session.set_plain()?,
            None => {}
        }
        if changes_ssrc {
            self.session.change_ssrc(new.local_ssrc)?;
        }
        self.session.update(Box::new(receiver), Box::new(sender));
        Ok(())
    }

    pub(super) fn session(&self) -> &SessionControl {
        &self.session
    }

    /// Takes over the session of the control half `before`, and the digits that wait.
    pub(super) fn continue_from(&mut self, before: &mut Self) {
        core::mem::swap(&mut self.session, &mut before.session);
        core::mem::swap(&mut self.digits, &mut before.digits);
        self.digits_given = before.digits_given;
        if self.config.rate_hz() == before.config.rate_hz() {
            core::mem::swap(&mut self.recording, &mut before.recording);
        }
    }

    /// Decoders for what is received from now on, those that there are kept; `None` where nothing changes.
    fn decoders_for(
        &self,
        new: &LegConfig,
    ) -> Result<Option<crate::jitter::PreparedDecoders>, LegError> {
        let now = &*self.config;
        let same = new.receive == now.receive
            && new.comfort_noise_payload_type == now.comfort_noise_payload_type
            && new.redundancy.map(|red| red.payload_type)
                == now.redundancy.map(|red| red.payload_type);
        if same {
            return Ok(None);
        }
        let rate_hz = now.rate_hz();
        let mut map = DecoderMap::new();
        for receive in &new.receive {
            let kept = now.receive.iter().find(|before| before.codec == receive.codec);
            match kept {
                Some(before) => map.keep(receive.payload_type, before.payload_type),
                None => {
                    let decoder = receive.codec.decoder(rate_hz).map_err(LegError::Codec)?;
                    map.insert(receive.payload_type, decoder)
                }
            }
            .map_err(LegError::Jitter)?;
        }
        if let Some(payload_type) = new.comfort_noise_payload_type {
            map.insert_comfort_noise(payload_type).map_err(LegError::Jitter)?;
        }
        if let Some(red) = new.redundancy {
            map.insert_redundant(red.payload_type).map_err(LegError::Jitter)?;
        }
        self.jitter.prepare(map).map(Some).map_err(LegError::Jitter)
    }

    /// Sends silence in place of what is pushed, or no longer.
    ///
    /// # Errors
    /// [`ControlError::Busy`].
    pub fn set_muted(&mut self, muted: bool) -> Result<(), ControlError> {
        self.order(MediaCommand::SetMuted(muted))
    }

    /// Records from now on what the leg hears and what it says, of which `ms` may wait to be read; 0 ends the
    /// recording. One that there is begins anew. Also of a leg in a conference. Whoever is recorded has to have
    /// agreed to it.
    ///
    /// Real-time: no (allocates 4 bytes a sample).
    ///
    /// # Errors
    /// [`ControlError::Busy`]; [`ControlError::Recording`] for more than a minute. Nothing has changed then.
    pub fn record(&mut self, ms: u32) -> Result<(), ControlError> {
        if ms > MOST_MS {
            return Err(ControlError::Recording);
        }
        self.collect();
        let (recorder, recording) = if ms == 0 {
            (None, None)
        } else {
            let (recorder, recording) = recording::create(self.config.rate_hz(), ms);
            (Some(recorder), Some(recording))
        };
        self.order(MediaCommand::Record(recorder))?;
        self.recording = recording;
        Ok(())
    }

    /// Reads on in the recording, at the leg's rate: what was heard and what was said at the same time, as much
    /// as has come and both have room for. What nobody read in time is silence of the same length. Nothing where
    /// nothing is recorded, and after [`Leg::renew`](super::Leg::renew) at another rate.
    ///
    /// Real-time: yes.
    pub fn read_recording(&mut self, heard: &mut [i16], said: &mut [i16]) -> Recorded {
        self.recording.as_mut().map_or(Recorded::default(), |all| all.read(heard, said))
    }

    fn order(&mut self, command: MediaCommand) -> Result<(), ControlError> {
        self.to_media.push(command).map_err(|_| ControlError::Busy)?;
        self.session.wake();
        Ok(())
    }

    /// Sends a digit by name (RFC 4733) in place of what is pushed; digits that wait follow each
    /// other with a pause. `event` is 0 to 16 (see
    /// [`event_of_digit`](crate::rtp::telephone_event::event_of_digit)), `duration_ms` from
    /// [`MIN_DIGIT_MS`] to [`MAX_DIGIT_MS`], `volume_dbm0` 0 to 63 below the reference level (8 is
    /// common).
    ///
    /// # Errors
    /// [`ControlError::Digit`]; [`ControlError::Busy`] while as many wait as there is room for.
    pub fn send_digit(
        &mut self,
        event: u8,
        duration_ms: u32,
        volume_dbm0: u8,
    ) -> Result<(), ControlError> {
        let possible = event <= 16
            && (MIN_DIGIT_MS..=MAX_DIGIT_MS).contains(&duration_ms)
            && volume_dbm0 <= 63
            && self.config.sent_events().is_some();
        if !possible {
            return Err(ControlError::Digit);
        }
        let digit = Digit { event, duration_ms, volume_dbm0 };
        self.digits.push(digit).map_err(|_| ControlError::Busy)?;
        self.digits_given = self.digits_given.wrapping_add(1);
        Ok(())
    }

    /// Digits that may still be given to [`LegControl::send_digit`] before some have been sent.
    pub fn digit_room(&mut self) -> usize {
        self.digits.vacant_now()
    }

    /// Ends the digit under way and forgets those that wait.
    ///
    /// # Errors
    /// [`ControlError::Busy`].
    pub fn stop_digits(&mut self) -> Result<(), ControlError> {
        let given = self.digits_given;
        self.order(MediaCommand::StopDigits { given })
    }

    /// Sends as another source from now on, after a BYE as the present one: what RFC 3550 section
    /// 8.2 wants when [`LegEvent::SsrcCollision`] comes. `ssrc` is random.
    ///
    /// # Errors
    /// [`ControlError::Busy`].
    pub fn change_ssrc(&mut self, ssrc: u32) -> Result<(), ControlError> {
        Ok(self.session.change_ssrc(ssrc)?)
    }

    /// The peer is elsewhere, signalling does not say where: its address and its source are released, and
    /// neither is taken again while anybody else comes. Where signalling names an address,
    /// [`LegControl::relatch`] is the call.
    ///
    /// # Errors
    /// [`ControlError::Busy`].
    pub fn unlatch(&mut self) -> Result<(), ControlError> {
        Ok(self.session.relatch(None, None)?)
    }

    /// Signalling names where the peer is now; `rtcp` if that is not where RTP goes. Addresses are learnt
    /// anew, this one preferred ([`RemoteConfig`](crate::session::RemoteConfig)).
    ///
    /// # Errors
    /// [`ControlError::Busy`].
    pub fn relatch(
        &mut self,
        rtp: SocketAddr,
        rtcp: Option<SocketAddr>,
    ) -> Result<(), ControlError> {
        Ok(self.session.relatch(Some(rtp), rtcp)?)
    }

    /// Where the peer's datagrams come from, or where signalling says that it is.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        self.session.remote_address()
    }

    /// Where RTCP is to be sent.
    pub fn remote_rtcp_address(&self) -> Option<SocketAddr> {
        self.session.remote_rtcp_address()
    }

    /// The next thing that happened: of what each half has to tell the oldest first, the network
    /// half before the audio half.
    ///
    /// Real-time: yes.
    pub fn next_event(&mut self) -> Option<LegEvent> {
        let session = self.session.next_event().map(LegEvent::from);
        session.or_else(|| self.events.iter_mut().find_map(Consumer::pop))
    }

    /// Gives keys that came after the leg was made, or other ones; see [`SessionControl::set_keys`].
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`ControlError::Srtp`], [`ControlError::Busy`].
    pub fn set_keys(&mut self, srtp: &SrtpConfig) -> Result<(), ControlError> {
        Ok(self.session.set_keys(srtp)?)
    }

    /// Replaces the keys of one or both directions; see [`SessionControl::rekey`].
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`ControlError::Srtp`], [`ControlError::Busy`], [`ControlError::OneDirection`].
    pub fn rekey(
        &mut self,
        send: Option<&SessionConfig>,
        receive: Option<&SessionConfig>,
    ) -> Result<(), ControlError> {
        Ok(self.session.rekey(send, receive)?)
    }

    /// The jitter buffer's settings.
    pub fn jitter(&mut self) -> &mut JitterControl {
        &mut self.jitter
    }

    /// What can be said of the leg just now. The audio half's counters are those of its last packet, or of 20 ms
    /// before.
    ///
    /// Real-time: yes, but meant for anybody else.
    pub fn stats(&self) -> LegStats {
        let receiver = self.session.receiver_stats();
        let media = self.media_stats.read::<MediaStats>().unwrap_or_default();
        let sender = self.session.sender_stats();
        let media = media.with(&sender);
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
            packets_left: sender.packets_left,
            quality: seen.quality,
        }
    }

    /// Who is heard in what the peer sends, by the last packet that came (RFC 6465); nobody where
    /// [`HeaderExtensions::mixer_levels`](super::HeaderExtensions::mixer_levels) is not set, or the peer
    /// does not say.
    ///
    /// Real-time: yes, but meant for anybody else.
    pub fn contributors(&self) -> Contributors {
        self.contributors.read().unwrap_or_default()
    }

    /// The call quality report up to now; to be taken when it ends.
    ///
    /// Real-time: yes, but meant for anybody else.
    pub fn quality_report(&self) -> CallQualityReport {
        let suite = self.session.receive_suite().map(Suite::sdes_name);
        CallQualityReport::new(&self.stats(), &self.codec, suite, self.session.local_ssrc())
    }

    /// Frees what commands have replaced; done by itself before the next command.
    fn collect(&mut self) {
        self.session.collect();
        while self.spent_by_receiver.pop().is_some() {}
        while self.spent_by_media.pop().is_some() {}
    }
}
