// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network thread's half: from the session's packets to the jitter buffer, and events to the audio
//! half.

use alloc::boxed::Box;
use alloc::vec;
use core::net::SocketAddr;

use super::command::{LegReceiverCommand, LegReceiverUpdate, LegSpent, Note};
use super::config::{LegConfig, LevelTrust, ReceiveCodec};
use super::contributors::Contributors;
use super::digits::{DigitReceiver, DigitReport, Ends};
use super::event::LegEvent;
use crate::codec::CodecSpec;
use crate::jitter::{InsertError, JitterWriter, MAX_PAYLOAD_BYTES};
use crate::rtp::elements::AudioLevel;
use crate::rtp::extension::Elements;
use crate::rtp::header::FIXED_HEADER_BYTES;
use crate::rtp::telephone_event::TelephoneEvent;
use crate::rtp::{RtpHeader, RtpPacket};
use crate::session::{
    EventSink, Incoming, NO_LEVEL, Passed, ReceiveError, Received, ReceiverStats, Role, Rtp,
    SessionReceiver, Standing,
};
use crate::srtp::{self, SrtpError};
use crate::sync::ring::{Consumer, Producer};
use crate::sync::snapshot::Publisher;
use crate::within::Within;

/// The network thread's half of a leg.
#[derive(Debug)]
pub struct LegReceiver {
    session: SessionReceiver,
    writer: JitterWriter,
    /// The last packet of a source on probation, which is played if the next one proves it valid; the
    /// call's first is not kept.
    waiting: Waiting,
    opening: Opening,
    digits: DigitReceiver,
    /// Digits alone: nothing else pushes them out.
    digit_events: EventSink<LegEvent>,
    /// On the way to the audio half, which has the clock.
    notes: Producer<Note>,
    rules: Box<LegReceiverUpdate>,
    /// Where sources' levels go to.
    contributors: Publisher<{ Contributors::WORDS }>,
    commands: Consumer<LegReceiverCommand>,
    spent: Producer<LegSpent>,
}

/// The call's first packet. It is played at once, since a packet time of probation would stay in the delay
/// of the whole call; what is played if it was a stray one is a packet. Other sources wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    Awaited,
    Played { ssrc: u32, sequence: u16 },
    Over,
}

/// Room for a packet of any codec but linear PCM: 60 ms of G.711.
const COMMON_BYTES: usize = 492;

/// A packet that waits.
#[derive(Debug)]
struct Waiting {
    bytes: Box<[u8]>,
    length: usize,
    ssrc: u32,
    sequence: u16,
    level_dbov: u8,
    arrival_ns: u64,
}

impl Waiting {
    /// With room for what codecs send in a packet time; a larger first packet is not kept.
    fn new(config: &LegConfig) -> Self {
        let linear = |receive: &ReceiveCodec| matches!(receive.codec, CodecSpec::L16 { .. });
        let large = config.receive.iter().any(linear);
        let bytes = if large { MAX_PAYLOAD_BYTES + FIXED_HEADER_BYTES } else { COMMON_BYTES };
        Self {
            bytes: vec![0; bytes].into(),
            length: 0,
            ssrc: 0,
            sequence: 0,
            level_dbov: 0,
            arrival_ns: 0,
        }
    }

    fn keep(&mut self, rtp: &Rtp<'_>, level_dbov: u8, arrival_ns: u64) {
        let header = RtpHeader {
            marker: rtp.packet.marker(),
            payload_type: rtp.packet.payload_type(),
            sequence: rtp.packet.sequence(),
            timestamp: rtp.packet.timestamp(),
            ssrc: rtp.packet.ssrc(),
            ..RtpHeader::default()
        };
        self.length = 0;
        let Ok(at) = header.write(&mut self.bytes) else { return };
        let Some(room) = self.bytes.get_mut(at..at + rtp.payload.len()) else { return };
        room.copy_of(rtp.payload);
        self.length = at + rtp.payload.len();
        (self.ssrc, self.sequence) = (header.ssrc, header.sequence);
        (self.level_dbov, self.arrival_ns) = (level_dbov, arrival_ns);
    }

    /// The packet right before `rtp`, if that is what waits.
    fn take_before(&mut self, rtp: &Rtp<'_>) -> Option<RtpPacket<'_>> {
        let length = core::mem::take(&mut self.length);
        let follows = self.ssrc == rtp.packet.ssrc()
            && self.sequence.wrapping_add(1) == rtp.packet.sequence();
        if length == 0 || !follows {
            return None;
        }
        RtpPacket::parse(self.bytes.get(..length)?).ok()
    }
}

/// What the receiving half of a leg does beyond its session's.
impl LegReceiverUpdate {
    pub(super) fn new(config: &LegConfig) -> Self {
        let mut event_clocks_hz = [0; 4];
        let mut event_types = [u8::MAX; 4];
        for (n, events) in config.telephone_events.iter().take(4).enumerate() {
            event_types.put(n, events.payload_type);
            event_clocks_hz.put(n, events.clock_hz.unwrap_or(0));
        }
        Self {
            receives: config.direction.receives(),
            audio_level_id: config.header_extensions.audio_level,
            level_trust: config.level_trust,
            mixer_levels_id: config.header_extensions.mixer_levels,
            event_types,
            event_clocks_hz,
            codec_clock_hz: config.main_codec().format().rtp_clock_hz,
        }
    }

    /// The clock of an event's durations, 0 if that is to be found out.
    fn event_clock_hz(&self, payload_type: u8) -> u32 {
        let types = self.event_types.iter().zip(self.event_clocks_hz);
        types.filter(|(t, _)| **t == payload_type).map(|(_, clock_hz)| clock_hz).next().unwrap_or(0)
    }
}

impl LegReceiver {
    pub(super) fn new(
        config: &LegConfig,
        session: SessionReceiver,
        writer: JitterWriter,
        contributors: Publisher<{ Contributors::WORDS }>,
        ends: Ends,
        digit_events: Producer<LegEvent>,
        notes: Producer<Note>,
        commands: Consumer<LegReceiverCommand>,
        spent: Producer<LegSpent>,
    ) -> Self {
        Self {
            session,
            writer,
            waiting: Waiting::new(config),
            opening: Opening::Awaited,
            digits: DigitReceiver::new(ends),
            digit_events: EventSink::new(digit_events, |count| LegEvent::Lost { count }),
            notes,
            rules: Box::new(LegReceiverUpdate::new(config)),
            contributors,
            commands,
            spent,
        }
    }

    /// Takes one datagram, whatever came, that arrived at `arrival_ns`. RTP and RTCP are decrypted in
    /// place, so that afterwards `datagram` holds the plain packet or, after an error, anything; what is
    /// neither is untouched.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ReceiveError`]; each kind has a counter, and the leg goes on.
    pub fn receive(
        &mut self,
        datagram: &mut [u8],
        arrival_ns: u64,
    ) -> Result<Received, ReceiveError> {
        self.apply_commands();
        self.receive_opened(datagram, None, arrival_ns, None)
    }

    /// Takes one datagram as [`LegReceiver::receive`] does, and learns from it where the peer is:
    /// see [`RemoteConfig`](crate::session::RemoteConfig) for the rules.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// As [`LegReceiver::receive`], and [`ReceiveError::ForeignAddress`].
    pub fn receive_from(
        &mut self,
        datagram: &mut [u8],
        from: SocketAddr,
        arrival_ns: u64,
    ) -> Result<Received, ReceiveError> {
        self.apply_commands();
        self.receive_opened(datagram, Some(from), arrival_ns, None)
    }

    /// Undoes the encryption of RTP ahead of [`LegReceiver::receive_opened`], which is told what came
    /// of it: for batches.
    pub(super) fn unprotector(&self) -> Option<&srtp::Receiver> {
        self.session.unprotector()
    }

    /// The same, to be changed.
    pub(super) fn unprotector_mut(&mut self) -> Option<&mut srtp::Receiver> {
        self.session.unprotector_mut()
    }

    /// Takes one datagram, which has been unprotected already if `opened` says with what outcome.
    pub(super) fn receive_opened(
        &mut self,
        datagram: &mut [u8],
        from: Option<SocketAddr>,
        arrival_ns: u64,
        opened: Option<Result<usize, SrtpError>>,
    ) -> Result<Received, ReceiveError> {
        let events = &mut self.digit_events;
        self.digits.advance(arrival_ns, |event| events.emit(event));
        let result = match self.session.open(datagram, from, arrival_ns, opened) {
            Ok(Incoming::Rtp(rtp)) => self.take(&rtp, arrival_ns),
            Ok(Incoming::Rtcp { goodbye: false, .. }) => Ok(Received::Report),
            Ok(Incoming::Rtcp { goodbye: true, .. }) => {
                // Without room the silence after it tells the same, later.
                self.note(Note::Goodbye);
                Ok(Received::Goodbye)
            }
            Ok(Incoming::Other(protocol)) => Ok(Received::Other(protocol)),
            Ok(Incoming::Kept) => Ok(Received::Kept),
            Err(error) => Err(error),
        };
        self.session.conclude(result.as_ref().err());
        result
    }

    pub(super) fn session_mut(&mut self) -> &mut SessionReceiver {
        &mut self.session
    }

    /// Where the peer's datagrams come from, or where signalling says that it is; `None` before either
    /// is known.
    ///
    /// Real-time: yes.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        self.session.remote_address()
    }

    /// Counters.
    pub fn stats(&self) -> ReceiverStats {
        self.session.stats()
    }

    /// The SRTP session's own counters and events, if the leg has keys.
    pub fn srtp(&mut self) -> Option<&mut srtp::Receiver> {
        self.session.unprotector_mut()
    }

    /// Takes an RTP packet to where it belongs.
    fn take(&mut self, rtp: &Rtp<'_>, arrival_ns: u64) -> Result<Received, ReceiveError> {
        if !self.rules.receives && rtp.role != Role::Event {
            self.session.stats.not_wanted += 1;
            return Ok(Received::NotWanted);
        }
        match (rtp.role, rtp.standing) {
            (Role::Voice, Standing::Heard) => {
                let level_dbov = self.level(&rtp.packet);
                if rtp.turned {
                    if !self.is_opened_by(&rtp.packet) {
                        self.writer.begin_stream();
                    }
                    self.opening = Opening::Over;
                    self.play_waiting(rtp);
                }
                self.insert(&rtp.packet, rtp.payload.len(), level_dbov, arrival_ns)?;
                Ok(Received::Media)
            }
            (Role::Voice, _) => {
                let level_dbov = self.level(&rtp.packet);
                if self.opening == Opening::Awaited {
                    let (ssrc, sequence) = (rtp.packet.ssrc(), rtp.packet.sequence());
                    self.opening = Opening::Played { ssrc, sequence };
                    self.insert(&rtp.packet, rtp.payload.len(), level_dbov, arrival_ns)?;
                } else {
                    self.waiting.keep(rtp, level_dbov, arrival_ns);
                }
                Ok(Received::Probation)
            }
            (Role::Event, standing) => {
                if standing == Standing::Heard {
                    self.fill(&rtp.packet, arrival_ns);
                }
                self.event(rtp, arrival_ns)
            }
            (Role::PassThrough, Standing::Probation) => Ok(Received::Probation),
            (Role::PassThrough, _) => {
                self.session.stats.passed_through += 1;
                Ok(Received::PassThrough(Passed {
                    payload_type: rtp.packet.payload_type(),
                    marker: rtp.packet.marker(),
                    sequence: rtp.packet.sequence(),
                    timestamp: rtp.packet.timestamp(),
                    ssrc: rtp.packet.ssrc(),
                    payload_offset: rtp.payload_offset,
                    payload_bytes: rtp.payload.len(),
                }))
            }
            (Role::Unknown, _) => {
                self.fill(&rtp.packet, arrival_ns);
                Err(ReceiveError::UnknownPayloadType(rtp.packet.payload_type()))
            }
        }
    }

    /// Hands a telephone event on. Those of sources beside the voice count once they are valid, or if
    /// they are authenticated.
    fn event(&mut self, rtp: &Rtp<'_>, arrival_ns: u64) -> Result<Received, ReceiveError> {
        let packet = &rtp.packet;
        // A payload may report several events, all of this packet's time.
        let event = TelephoneEvent::parse(rtp.payload).ok_or(ReceiveError::Malformed)?;
        if rtp.standing == Standing::Probation && !self.session.authenticates() {
            // An event's first packets may be its source's; they say the same.
            return Ok(Received::Probation);
        }
        self.session.stats.digit_packets += 1;
        let report = DigitReport {
            ssrc: packet.ssrc(),
            sequence: packet.sequence(),
            timestamp: packet.timestamp(),
            marker: packet.marker(),
            event,
            clock_hz: self.rules.event_clock_hz(packet.payload_type()),
            codec_clock_hz: self.rules.codec_clock_hz,
            arrival_ns,
        };
        let events = &mut self.digit_events;
        if let Some(press) = self.digits.packet(&report, |event| events.emit(event)) {
            // Without room nobody has a clock, and the next arrival ends it.
            self.note(Note::Digit(press));
        }
        Ok(Received::Media)
    }

    /// How loud the packet's header says that it is, if that is to be believed; unknown is as good as
    /// loud.
    fn level(&mut self, packet: &RtpPacket<'_>) -> u8 {
        let mut level_dbov = 0;
        if let Some(id) = self.rules.audio_level_id {
            let level = Elements::of(packet).find(id).and_then(AudioLevel::parse);
            *self.session.stats.hot().remote_level_dbov =
                level.map_or(NO_LEVEL, |l| l.level_dbov.into());
            let trusted = match self.rules.level_trust {
                LevelTrust::Nobody => false,
                LevelTrust::Authenticated => self.session.authenticates(),
                LevelTrust::Everybody => true,
            };
            if let Some(told) = level.filter(|_| trusted) {
                level_dbov = told.level_dbov;
            }
        }
        if let Some(id) = self.rules.mixer_levels_id {
            self.contributors.publish(&Contributors::of(packet, id));
        }
        level_dbov
    }

    /// Whether the call's first packet was of the same stream.
    fn is_opened_by(&self, packet: &RtpPacket<'_>) -> bool {
        let Opening::Played { ssrc, sequence } = self.opening else { return false };
        let later = packet.sequence().wrapping_sub(sequence).cast_signed();
        ssrc == packet.ssrc() && (1..100).contains(&later)
    }

    /// A source has proved valid: what it sent first is played, too.
    fn play_waiting(&mut self, rtp: &Rtp<'_>) {
        let (level_dbov, arrival_ns) = (self.waiting.level_dbov, self.waiting.arrival_ns);
        let Some(packet) = self.waiting.take_before(rtp) else { return };
        if self.writer.insert_at_level(&packet, level_dbov, arrival_ns).is_ok() {
            *self.session.stats.hot().packets += 1;
            *self.session.stats.hot().octets += packet.payload().map_or(0, <[u8]>::len) as u64;
        }
    }

    fn insert(
        &mut self,
        packet: &RtpPacket<'_>,
        payload_bytes: usize,
        level_dbov: u8,
        arrival_ns: u64,
    ) -> Result<(), ReceiveError> {
        let inserted = self.writer.insert_at_level(packet, level_dbov, arrival_ns);
        inserted.map_err(|error| match error {
            InsertError::Oversized => ReceiveError::Oversized,
            InsertError::NoSlot => ReceiveError::NoSlot,
            _ => ReceiveError::Malformed,
        })?;
        *self.session.stats.hot().packets += 1;
        *self.session.stats.hot().octets += payload_bytes as u64;
        Ok(())
    }

    /// A packet that is no audio fills its place in the sequence.
    fn fill(&mut self, packet: &RtpPacket<'_>, arrival_ns: u64) {
        // Without a slot it is as good as lost, which is counted there.
        let _ = self.writer.insert_filler(packet, arrival_ns);
    }

    /// Leaves something for the audio half.
    fn note(&mut self, note: Note) {
        let _ = self.notes.push(note);
        self.session.senders_bell.ring();
    }

    pub(super) fn apply_commands(&mut self) {
        if !self.session.apply_commands() {
            return;
        }
        while let Some(command) = self.commands.pop() {
            match command {
                LegReceiverCommand::Update(mut update) => {
                    core::mem::swap(&mut self.rules, &mut update);
                    // A full ring means that nobody collects; then it is freed here after all.
                    let _ = self.spent.push(LegSpent::Receiver(update));
                }
            }
        }
        if let Some(mut kept) = self.session.take_kept() {
            while let Some((datagram, bytes)) = SessionReceiver::next_kept(&mut kept) {
                let _ = self.receive_opened(bytes, datagram.from, datagram.arrival_ns, None);
            }
            self.session.has_read_kept(kept);
        }
    }
}

impl AsRef<Self> for LegReceiver {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl AsMut<Self> for LegReceiver {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}
