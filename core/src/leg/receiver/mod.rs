// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network thread's half: from a datagram to the jitter buffer, or to the RTCP figures.

mod outcome;
mod rtcp;

use core::net::SocketAddr;

pub use self::outcome::{Passed, ReceiveError, Received, ReceiverStats};
use crate::jitter::{InsertError, JitterWriter};
use crate::leg::config::{LegConfig, LevelTrust};
use crate::leg::contributors::Contributors;
use crate::leg::control::{ReceiverCommand, Spent};
use crate::leg::digits::DigitReceiver;
use crate::leg::event::{EventSink, LegEvent};
use crate::leg::latch::Latch;
use crate::rtp::burst::Bursts;
use crate::rtp::elements::AudioLevel;
use crate::rtp::extension::Elements;
use crate::rtp::reception::{Reception, Verdict};
use crate::rtp::telephone_event::TelephoneEvent;
use crate::rtp::{RtpPacket, is_rtcp};
use crate::srtp::{self, SrtpError};
use crate::sync::ring::{Consumer, Producer};
use crate::sync::snapshot::Publisher;

/// What stands for a level that no header told.
const NO_LEVEL: u64 = 255;
/// RTP clock of comfort noise (RFC 3389 section 4).
const COMFORT_NOISE_CLOCK_HZ: u32 = 8_000;
/// Silence after which an unauthenticated source gives way to another.
const SOURCE_TIMEOUT_NS: u64 = 1_000_000_000;

/// The network thread's half of a leg.
#[derive(Debug)]
pub struct LegReceiver {
    writer: JitterWriter,
    unprotect: Option<srtp::Receiver>,
    /// RTP clock of each negotiated payload type, 0 for the others.
    clocks_hz: [u32; 128],
    /// Bit by bit, which payload types are passed through.
    passed_through: u128,
    digits: DigitReceiver,
    digit_payload_type: Option<u8>,
    events: EventSink,
    /// Identifier of audio levels in header extensions.
    audio_level_id: Option<u8>,
    /// Levels may decide what is decoded.
    trusts_levels: bool,
    /// The identifier of contributing sources' levels, and where sources and levels go to.
    mixer_levels: Option<(u8, Publisher<{ Contributors::WORDS }>)>,
    local_ssrc: u32,
    /// A collision has been told.
    collision_told: bool,
    latch: Latch,
    remote_ssrc: Option<u32>,
    ntp_at_zero: u64,
    source: Option<Source>,
    /// A source that is not listened to but may be next.
    candidate: Option<Source>,
    stats: ReceiverStats,
    publisher: Publisher<{ ReceiverStats::WORDS }>,
    commands: Consumer<ReceiverCommand>,
    spent: Producer<Spent>,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    reception: Reception,
    bursts: Bursts,
    last_arrival_ns: u64,
}

impl LegReceiver {
    pub(super) fn new(
        config: &LegConfig,
        writer: JitterWriter,
        unprotect: Option<srtp::Receiver>,
        publisher: Publisher<{ ReceiverStats::WORDS }>,
        contributors: Option<Publisher<{ Contributors::WORDS }>>,
        commands: Consumer<ReceiverCommand>,
        spent: Producer<Spent>,
        events: Producer<LegEvent>,
    ) -> Self {
        let mut clocks_hz = [0; 128];
        for receive in &config.receive {
            let clock = &mut clocks_hz[usize::from(receive.payload_type & 0x7f)];
            *clock = receive.codec.format().rtp_clock_hz;
        }
        if let Some(payload_type) = config.comfort_noise_payload_type {
            clocks_hz[usize::from(payload_type & 0x7f)] = COMFORT_NOISE_CLOCK_HZ;
        }
        let mut passed_through = 0_u128;
        for passed in &config.pass_through {
            clocks_hz[usize::from(passed.payload_type & 0x7f)] = passed.rtp_clock_hz;
            passed_through |= 1 << (passed.payload_type & 0x7f);
        }
        let send_clock_hz = config.send.codec.format().rtp_clock_hz;
        if let Some(payload_type) = config.telephone_event_payload_type {
            clocks_hz[usize::from(payload_type & 0x7f)] = send_clock_hz;
        }
        if let Some(red) = config.redundancy {
            clocks_hz[usize::from(red.payload_type & 0x7f)] = send_clock_hz;
        }
        Self {
            writer,
            unprotect,
            clocks_hz,
            passed_through,
            digits: DigitReceiver::new(send_clock_hz),
            digit_payload_type: config.telephone_event_payload_type,
            events: EventSink::new(events),
            audio_level_id: config.header_extensions.audio_level,
            trusts_levels: match config.level_trust {
                LevelTrust::Nobody => false,
                LevelTrust::Authenticated => config.srtp.is_some(),
                LevelTrust::Everybody => true,
            },
            mixer_levels: config.header_extensions.mixer_levels.zip(contributors),
            local_ssrc: config.local_ssrc,
            collision_told: false,
            latch: Latch::default(),
            remote_ssrc: config.remote_ssrc,
            ntp_at_zero: config.ntp_at_zero,
            source: None,
            candidate: None,
            stats: ReceiverStats { remote_level_dbov: NO_LEVEL, ..ReceiverStats::default() },
            publisher,
            commands,
            spent,
        }
    }

    /// Takes one datagram, RTP or RTCP, that arrived at `arrival_ns`. It is decrypted in place, so
    /// that afterwards `datagram` holds the plain packet or, after an error, anything.
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
        self.receive_opened(datagram, arrival_ns, None)
    }

    /// Undoes the encryption of RTP ahead of [`LegReceiver::receive_opened`], which is told what came
    /// of it: for batches.
    pub(super) fn unprotector(&self) -> Option<&srtp::Receiver> {
        self.unprotect.as_ref()
    }

    /// The same, to be changed.
    pub(super) fn unprotector_mut(&mut self) -> Option<&mut srtp::Receiver> {
        self.unprotect.as_mut()
    }

    /// Takes one datagram, which has been unprotected already if `opened` says with what outcome.
    pub(super) fn receive_opened(
        &mut self,
        datagram: &mut [u8],
        arrival_ns: u64,
        opened: Option<Result<usize, SrtpError>>,
    ) -> Result<Received, ReceiveError> {
        if self.stats.datagrams == 0 {
            self.stats.first_arrival_ns = arrival_ns;
        }
        self.stats.last_arrival_ns = arrival_ns;
        self.stats.datagrams += 1;
        let events = &mut self.events;
        self.digits.advance(arrival_ns, |event| events.emit(event));
        let result = if is_rtcp(datagram) {
            self.receive_rtcp(datagram, arrival_ns)
        } else {
            self.receive_rtp(datagram, arrival_ns, opened)
        };
        if let Err(error) = result {
            self.count(error);
        }
        self.stats.events_dropped = self.events.dropped();
        self.publisher.publish(&self.stats);
        result
    }

    /// Takes one datagram as [`LegReceiver::receive`] does, and learns from it where the peer is:
    /// the first address from which valid sound comes is latched to. With SRTP the latch follows
    /// authenticated packets; without, nothing from elsewhere is taken any more until
    /// [`LegControl::unlatch`](super::LegControl::unlatch).
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
        self.receive_opened_from(datagram, from, arrival_ns, None)
    }

    /// As [`LegReceiver::receive_opened`], from an address.
    pub(super) fn receive_opened_from(
        &mut self,
        datagram: &mut [u8],
        from: SocketAddr,
        arrival_ns: u64,
        opened: Option<Result<usize, SrtpError>>,
    ) -> Result<Received, ReceiveError> {
        if !self.latch.admits(from, self.unprotect.is_some()) {
            self.stats.datagrams += 1;
            self.count(ReceiveError::ForeignAddress);
            self.publisher.publish(&self.stats);
            return Err(ReceiveError::ForeignAddress);
        }
        let before = (self.stats.remote_ssrc, self.stats.highest_sequence);
        let outcome = self.receive_opened(datagram, arrival_ns, opened)?;
        let valid = match outcome {
            Received::Media | Received::PassThrough(_) => true,
            Received::Probation => self.unprotect.is_some(),
            Received::Report | Received::Goodbye => false,
        };
        if valid {
            let after = (self.stats.remote_ssrc, self.stats.highest_sequence);
            if self.latch.heard(from, after != before) {
                self.events.emit(LegEvent::AddressChanged { address: from });
            }
        }
        Ok(outcome)
    }

    /// Where the peer's datagrams come from; `None` before any has proved valid.
    ///
    /// Real-time: yes.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        self.latch.address()
    }

    /// Counters.
    pub fn stats(&self) -> ReceiverStats {
        self.stats
    }

    /// The sessions's own counters and events, if the leg has keys.
    pub fn srtp(&mut self) -> Option<&mut srtp::Receiver> {
        self.unprotect.as_mut()
    }

    fn receive_rtp(
        &mut self,
        datagram: &mut [u8],
        arrival_ns: u64,
        opened: Option<Result<usize, SrtpError>>,
    ) -> Result<Received, ReceiveError> {
        let length = match (opened, &mut self.unprotect) {
            (Some(opened), _) => opened.map_err(ReceiveError::Srtp)?,
            (None, Some(session)) => session.unprotect(datagram).map_err(ReceiveError::Srtp)?,
            (None, None) => datagram.len(),
        };
        let datagram = datagram.get(..length).ok_or(ReceiveError::Malformed)?;
        let packet = RtpPacket::parse(datagram).map_err(|_| ReceiveError::Malformed)?;
        let payload = packet.payload().map_err(|_| ReceiveError::Malformed)?;
        let payload_type = packet.payload_type();
        let clock_hz = self.clocks_hz[usize::from(payload_type)];
        if clock_hz == 0 {
            return Err(ReceiveError::UnknownPayloadType(payload_type));
        }
        match self.source(&packet, clock_hz, arrival_ns)? {
            Verdict::Probation => return Ok(Received::Probation),
            Verdict::Suspect => self.stats.sequence_jumps += 1,
            Verdict::Valid | Verdict::Restarted => {}
        }
        if self.passed_through >> payload_type & 1 != 0 {
            self.stats.passed_through += 1;
            return Ok(Received::PassThrough(Passed {
                payload_type,
                marker: packet.marker(),
                sequence: packet.sequence(),
                timestamp: packet.timestamp(),
                ssrc: packet.ssrc(),
                payload_offset: payload.as_ptr().addr() - datagram.as_ptr().addr(),
                payload_bytes: payload.len(),
            }));
        }
        if self.digit_payload_type == Some(payload_type) {
            let report = TelephoneEvent::parse(payload).ok_or(ReceiveError::Malformed)?;
            let events = &mut self.events;
            self.digits.packet(report, packet.timestamp(), arrival_ns, |e| events.emit(e));
            self.stats.digit_packets += 1;
        }
        // Unknown is as good as loud.
        let mut level_dbov = 0;
        if let Some(id) = self.audio_level_id {
            let level = Elements::of(&packet).find(id).and_then(AudioLevel::parse);
            self.stats.remote_level_dbov = level.map_or(NO_LEVEL, |l| u64::from(l.level_dbov));
            if let Some(told) = level.filter(|_| self.trusts_levels) {
                level_dbov = told.level_dbov;
            }
        }
        if let Some((id, publisher)) = &mut self.mixer_levels {
            publisher.publish(&Contributors::of(&packet, *id));
        }
        // A digit goes to the jitter buffer too, where it fills its place in the sequence.
        let inserted = self.writer.insert_at_level(&packet, level_dbov, arrival_ns);
        inserted.map_err(|error| match error {
            InsertError::Oversized => ReceiveError::Oversized,
            InsertError::NoSlot => ReceiveError::NoSlot,
            _ => ReceiveError::Malformed,
        })?;
        self.stats.packets += 1;
        self.stats.octets += payload.len() as u64;
        Ok(Received::Media)
    }

    /// Refuses what is said to come from ourselves.
    fn refuse_own(&mut self, ssrc: u32) -> Result<(), ReceiveError> {
        if ssrc != self.local_ssrc {
            return Ok(());
        }
        if !self.collision_told {
            self.collision_told = true;
            self.events.emit(LegEvent::SsrcCollision { ssrc });
        }
        Err(ReceiveError::OwnSsrc(ssrc))
    }

    /// Decides whose packet it is and counts it there.
    fn source(
        &mut self,
        packet: &RtpPacket<'_>,
        clock_hz: u32,
        arrival_ns: u64,
    ) -> Result<Verdict, ReceiveError> {
        let ssrc = packet.ssrc();
        self.refuse_own(ssrc)?;
        if self.remote_ssrc.is_some_and(|only| only != ssrc) {
            return Err(ReceiveError::UnknownSsrc(ssrc));
        }
        let authenticated = self.unprotect.is_some();
        let is_current = match &self.source {
            Some(source) if source.ssrc == ssrc => true,
            // An unauthenticated stranger can't push a talking source aside.
            Some(source) if !authenticated && source.is_talking(arrival_ns) => {
                return Err(ReceiveError::UnknownSsrc(ssrc));
            }
            _ => false,
        };
        let slot = if is_current { &mut self.source } else { &mut self.candidate };
        if slot.as_ref().is_none_or(|source| source.ssrc != ssrc) {
            let reception = Reception::new(clock_hz);
            let bursts = Bursts::default();
            *slot = Some(Source { ssrc, reception, bursts, last_arrival_ns: arrival_ns });
        }
        let Some(source) = slot else { return Err(ReceiveError::Malformed) };
        source.last_arrival_ns = arrival_ns;
        let verdict = source.reception.packet(packet.sequence(), packet.timestamp(), arrival_ns);
        match verdict {
            Verdict::Restarted => source.bursts = Bursts::default(),
            Verdict::Valid => source.bursts.received(packet.sequence()),
            Verdict::Probation | Verdict::Suspect => {}
        }
        if !is_current && verdict != Verdict::Probation {
            let events = &mut self.events;
            self.digits.restart(|event| events.emit(event));
            events.emit(LegEvent::SourceChanged { ssrc });
            self.stats.source_changes += u64::from(self.source.is_some());
            self.source = self.candidate.take();
        }
        if let Some(source) = &self.source {
            let summary = source.reception.summary();
            self.stats.remote_ssrc = u64::from(source.ssrc);
            self.stats.source_valid = 1;
            self.stats.expected = u64::from(summary.expected);
            self.stats.received = u64::from(summary.received);
            self.stats.highest_sequence = u64::from(summary.highest_sequence);
            self.stats.jitter_ticks = u64::from(summary.jitter_ticks);
            self.stats.clock_hz = u64::from(source.reception.clock_hz());
            // Worth its arithmetic now and then, not for every packet.
            if packet.sequence().is_multiple_of(16) {
                self.stats.set_pattern(&source.bursts.pattern());
            }
        }
        Ok(verdict)
    }

    fn count(&mut self, error: ReceiveError) {
        let counter = match error {
            ReceiveError::Malformed | ReceiveError::Srtp(SrtpError::Malformed) => {
                &mut self.stats.malformed
            }
            ReceiveError::Srtp(SrtpError::AuthenticationFailed) => {
                &mut self.stats.authentication_failed
            }
            ReceiveError::Srtp(SrtpError::Replayed | SrtpError::TooOld) => &mut self.stats.replayed,
            ReceiveError::Srtp(SrtpError::UnknownSsrc) | ReceiveError::UnknownSsrc(_) => {
                &mut self.stats.unknown_ssrc
            }
            ReceiveError::Srtp(_) => &mut self.stats.srtp_refused,
            ReceiveError::UnknownPayloadType(_) => &mut self.stats.unknown_payload_type,
            ReceiveError::OwnSsrc(_) => &mut self.stats.own_ssrc,
            ReceiveError::ForeignAddress => &mut self.stats.foreign_address,
            ReceiveError::Oversized => &mut self.stats.oversized,
            ReceiveError::NoSlot => &mut self.stats.no_slot,
            // Never a leg's own error.
            ReceiveError::NoLeg => return,
        };
        *counter += 1;
        if counter.is_power_of_two() {
            let count = *counter;
            self.events.emit(LegEvent::Refused { error, count });
        }
    }

    pub(super) fn apply_commands(&mut self) {
        while let Some(command) = self.commands.pop() {
            match command {
                ReceiverCommand::SetLocalSsrc(ssrc) => {
                    self.local_ssrc = ssrc;
                    self.collision_told = false;
                }
                ReceiverCommand::Unlatch => self.latch.release(),
                ReceiverCommand::Rekey(keys) => {
                    let Some(session) = &mut self.unprotect else { continue };
                    let spent = match session.rekey(keys) {
                        Ok(None) => continue,
                        Ok(Some(retired)) => Spent::Retired(retired),
                        Err((_, refused)) => Spent::Refused(refused),
                    };
                    // A full ring means that nobody collects; then it is freed here after all.
                    let _ = self.spent.push(spent);
                }
            }
        }
    }
}

impl Source {
    fn is_talking(&self, now_ns: u64) -> bool {
        self.reception.is_valid() && now_ns.saturating_sub(self.last_arrival_ns) < SOURCE_TIMEOUT_NS
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
