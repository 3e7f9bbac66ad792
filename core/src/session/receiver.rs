// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network thread's half: from whatever came on the socket to a checked packet and who sent it.

use alloc::boxed::Box;
use core::net::SocketAddr;

use super::command::{ReceiverCommand, Spent};
use super::config::{SessionConfig, SessionMid};
use super::demux::{Protocol, classify};
use super::event::{EventSink, SessionEvent};
use super::figures::Figures;
use super::keys::{Kept, KeptDatagram, Opener};
use super::outcome::{ReceiveError, ReceiverStats};
use super::payload_types::PayloadTypes;
use super::remote::{Admission, Remote};
use super::rtcp::SentReports;
use super::sources::{Role, Sighting, Sources, Standing};
use crate::rtp::RtpPacket;
use crate::rtp::extension::Elements;
use crate::srtp::{self, SrtpError};
use crate::sync::bell::{Bell, Doorkeeper};
use crate::sync::ring::{Consumer, Producer};
use crate::sync::snapshot::{Publisher, Snapshot};

/// What stands for a level that no header told.
pub(crate) const NO_LEVEL: u64 = 255;

/// An RTP packet that was received: plain, checked, and its source known.
#[derive(Debug, Clone, Copy)]
pub struct Rtp<'d> {
    /// The packet.
    pub packet: RtpPacket<'d>,
    /// Its payload, without padding; may be empty.
    pub payload: &'d [u8],
    /// Where the payload begins in the datagram, in bytes.
    pub payload_offset: usize,
    /// What its payload type is.
    pub role: Role,
    /// Where its source stands.
    pub standing: Standing,
    /// With this packet its source is the one that is listened to.
    pub turned: bool,
}

/// What came.
#[derive(Debug, Clone, Copy)]
pub enum Incoming<'d> {
    /// RTP.
    Rtp(Rtp<'d>),
    /// RTCP, which has been read.
    Rtcp {
        /// It had a BYE of the source listened to.
        goodbye: bool,
        /// Bytes of the compound packet, at the datagram's beginning: for who forwards it.
        bytes: usize,
    },
    /// Neither, and untouched.
    Other(Protocol),
    /// Kept until keys come.
    Kept,
}

/// The network thread's half of a session.
#[derive(Debug)]
pub struct SessionReceiver {
    opener: Opener,
    /// What came before the keys that have come.
    kept: Option<Box<Opener>>,
    types: Box<PayloadTypes>,
    pub(super) local_ssrc: u32,
    /// A collision has been told.
    collision_told: bool,
    pub(super) remote: Remote,
    remote_ssrc: Option<u32>,
    mid: Option<SessionMid>,
    pub(super) ntp_at_zero: u64,
    pub(super) sources: Sources,
    pub(crate) stats: Figures,
    commands: Consumer<ReceiverCommand>,
    bell: Doorkeeper,
    /// The sending half's.
    pub(crate) senders_bell: Bell,
    spent: Producer<Spent>,
    pub(crate) events: EventSink<SessionEvent>,
    /// Reports that we have sent, which the peer may answer.
    pub(super) sent_reports: Snapshot<{ SentReports::WORDS }>,
}

impl SessionReceiver {
    pub(super) fn new(
        config: &SessionConfig,
        opener: Opener,
        publisher: Publisher<{ ReceiverStats::WORDS }>,
        commands: Consumer<ReceiverCommand>,
        bell: Doorkeeper,
        senders_bell: Bell,
        spent: Producer<Spent>,
        events: Producer<SessionEvent>,
        sent_reports: Snapshot<{ SentReports::WORDS }>,
    ) -> Self {
        let remote = Remote::new(&config.remote);
        let mut stats = ReceiverStats { remote_level_dbov: NO_LEVEL, ..ReceiverStats::default() };
        stats.set_addresses(remote.address(), remote.rtcp_address());
        let mut receiver = Self {
            opener,
            kept: None,
            types: Box::new(config.payload_types.clone()),
            local_ssrc: config.local_ssrc,
            collision_told: false,
            remote,
            remote_ssrc: config.remote_ssrc,
            mid: config.mid,
            ntp_at_zero: config.ntp_at_zero,
            sources: Sources::new(usize::from(config.max_sources)),
            stats: Figures::new(stats, publisher),
            commands,
            bell,
            senders_bell,
            spent,
            events: EventSink::new(events, |count| SessionEvent::Lost { count }),
            sent_reports,
        };
        receiver.publish();
        receiver
    }

    /// Takes one datagram, whatever it is, that arrived at `arrival_ns` from `from`, if the host knows
    /// that. It is decrypted in place.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`ReceiveError`]; each kind has a counter, and the session goes on.
    pub fn receive<'d>(
        &mut self,
        datagram: &'d mut [u8],
        from: Option<SocketAddr>,
        arrival_ns: u64,
    ) -> Result<Incoming<'d>, ReceiveError> {
        self.apply_commands();
        let result = self.open(datagram, from, arrival_ns, None);
        self.conclude(result.as_ref().err());
        result
    }

    /// As [`SessionReceiver::receive`], without counting what was refused and publishing; `opened` says
    /// what came of the datagram's encryption, if that has been undone already.
    #[inline]
    pub(crate) fn open<'d>(
        &mut self,
        datagram: &'d mut [u8],
        from: Option<SocketAddr>,
        arrival_ns: u64,
        opened: Option<Result<usize, SrtpError>>,
    ) -> Result<Incoming<'d>, ReceiveError> {
        *self.stats.hot().datagrams += 1;
        match classify(datagram) {
            Some(Protocol::Rtp) => self.open_rtp(datagram, from, arrival_ns, opened),
            Some(Protocol::Rtcp) => self.open_rtcp(datagram, from, arrival_ns),
            Some(other) => {
                self.stats.not_rtp += 1;
                Ok(Incoming::Other(other))
            }
            None => Err(ReceiveError::Malformed),
        }
    }

    /// Counts what was refused, and publishes the figures.
    #[inline]
    pub(crate) fn conclude(&mut self, refused: Option<&ReceiveError>) {
        if let Some(error) = refused {
            self.count(*error);
        }
        self.publish();
    }

    fn publish(&mut self) {
        if self.stats.events_dropped != self.events.dropped() {
            self.stats.events_dropped = self.events.dropped();
        }
        self.stats.publish();
    }

    /// What undoes the protection of what is received, once there are keys: for checkpoints of it.
    pub fn srtp(&self) -> Option<&srtp::Receiver> {
        self.opener.session()
    }

    /// What undoes the encryption of RTP ahead of [`SessionReceiver::open`]: for batches.
    pub(crate) fn unprotector(&self) -> Option<&srtp::Receiver> {
        self.opener.session()
    }

    /// The same, to be changed.
    pub(crate) fn unprotector_mut(&mut self) -> Option<&mut srtp::Receiver> {
        self.opener.session_mut()
    }

    /// Whether what gets through is known to come from who has the keys.
    pub(crate) fn authenticates(&self) -> bool {
        self.opener.authenticates()
    }

    /// Where the peer sends from, or where signalling says; `None` before either is known.
    ///
    /// Real-time: yes.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        self.remote.address()
    }

    /// Where RTCP is to be sent; `None` before any address is known.
    ///
    /// Real-time: yes.
    pub fn remote_rtcp_address(&self) -> Option<SocketAddr> {
        self.remote.rtcp_address()
    }

    /// Whether `stats` reads this half's.
    pub(super) fn is_read_by(&self, stats: &Snapshot<{ ReceiverStats::WORDS }>) -> bool {
        self.stats.publisher().is_read_by(stats)
    }

    /// Counters.
    pub fn stats(&self) -> ReceiverStats {
        *self.stats
    }

    /// The source that is listened to.
    pub fn heard_ssrc(&self) -> Option<u32> {
        self.sources.heard_ssrc()
    }

    fn open_rtp<'d>(
        &mut self,
        datagram: &'d mut [u8],
        from: Option<SocketAddr>,
        arrival_ns: u64,
        opened: Option<Result<usize, SrtpError>>,
    ) -> Result<Incoming<'d>, ReceiveError> {
        let authenticated = self.opener.authenticates();
        let admission = match from {
            Some(from) => self.remote.admits(from, authenticated, arrival_ns),
            None => Admission::Home,
        };
        if admission == Admission::Refused {
            return Err(ReceiveError::ForeignAddress);
        }
        let length = match (&mut self.opener, opened) {
            (Opener::Pending(kept), _) => {
                return keep(kept, &mut self.stats, datagram, from, arrival_ns);
            }
            (_, Some(opened)) => opened.map_err(ReceiveError::Srtp)?,
            (Opener::Srtp(session), None) => {
                session.unprotect(datagram).map_err(ReceiveError::Srtp)?
            }
            (Opener::Plain, None) => datagram.len(),
        };
        let datagram = datagram.get(..length).ok_or(ReceiveError::Malformed)?;
        let packet = RtpPacket::parse(datagram).map_err(|_| ReceiveError::Malformed)?;
        let payload = packet.payload().map_err(|_| ReceiveError::Malformed)?;
        let ssrc = packet.ssrc();
        self.refuse_own(ssrc)?;
        let role_and_clock = self.types.of(packet.payload_type());
        let (role, clock_hz) = match role_and_clock {
            // A keepalive in the codec's own name (RFC 6263 section 4.6).
            (Role::Voice, _) if payload.is_empty() => (Role::Unknown, 0),
            _ if self.is_of_another_section(&packet) => (Role::Unknown, 0),
            other => other,
        };
        if role == Role::Voice && self.remote_ssrc.is_some_and(|only| only != ssrc) {
            return Err(ReceiveError::UnknownSsrc(ssrc));
        }
        let timed = role == Role::Voice || role == Role::PassThrough;
        let seen = self.sources.packet(&Sighting {
            ssrc,
            sequence: packet.sequence(),
            timing: timed.then_some((clock_hz, packet.timestamp())),
            role,
            arrival_ns,
            authenticated,
            preferred: admission == Admission::Preferred,
        });
        if self.stats.first_arrival_ns == 0 && seen.standing == Standing::Heard {
            *self.stats.hot().first_arrival_ns = arrival_ns;
        }
        match seen.verdict {
            crate::rtp::reception::Verdict::Suspect => self.stats.sequence_jumps += 1,
            crate::rtp::reception::Verdict::Restarted => self.stats.restarts += 1,
            _ => {}
        }
        if seen.turned {
            self.stats.source_changes = self.sources.changes;
            self.events.emit(SessionEvent::SourceChanged { ssrc });
        }
        if seen.standing == Standing::Heard {
            let hot = self.stats.hot();
            *hot.last_arrival_ns = arrival_ns;
            *hot.departed = 0;
            self.figures(packet.sequence());
        }
        if let Some(from) = from {
            self.follow(from, seen.standing, seen.newest, authenticated, arrival_ns);
        }
        match role {
            Role::Unknown if seen.standing != Standing::Heard => {
                return Err(ReceiveError::UnknownPayloadType(packet.payload_type()));
            }
            Role::Voice if seen.standing == Standing::Aside => {
                return Err(ReceiveError::UnknownSsrc(ssrc));
            }
            _ => {}
        }
        if seen.standing == Standing::Probation {
            self.stats.probation += 1;
        }
        Ok(Incoming::Rtp(Rtp {
            packet,
            payload,
            payload_offset: payload.as_ptr().addr() - datagram.as_ptr().addr(),
            role,
            standing: seen.standing,
            turned: seen.turned,
        }))
    }

    /// Learns from a packet where the peer is.
    fn follow(
        &mut self,
        from: SocketAddr,
        standing: Standing,
        newest: bool,
        authenticated: bool,
        arrival_ns: u64,
    ) {
        let counts = standing == Standing::Heard
            || (authenticated
                && standing == Standing::Probation
                && self.remote.address().is_none());
        if counts && self.remote.heard(from, newest, arrival_ns) {
            self.stats.set_addresses(self.remote.address(), self.remote.rtcp_address());
            self.events.emit(SessionEvent::AddressChanged { address: from });
        }
    }

    /// Whether a packet says that it belongs to another media section (RFC 8843 section 9.2).
    fn is_of_another_section(&self, packet: &RtpPacket<'_>) -> bool {
        let Some((id, name)) = &self.mid else { return false };
        Elements::of(packet).find(*id).is_some_and(|said| said != name.as_bytes())
    }

    fn figures(&mut self, sequence: u16) {
        let Some((summary, clock_hz)) = self.sources.summary() else { return };
        let ssrc = self.sources.heard_ssrc();
        let (call_expected, call_received) = self.sources.call_totals();
        let hot = self.stats.hot();
        *hot.remote_ssrc = ssrc.map_or(0, u64::from);
        *hot.source_valid = 1;
        *hot.expected = u64::from(summary.expected);
        *hot.received = u64::from(summary.received);
        *hot.highest_sequence = u64::from(summary.highest_sequence);
        *hot.jitter_ticks = u64::from(summary.jitter_ticks);
        *hot.clock_hz = u64::from(clock_hz);
        (*hot.call_expected, *hot.call_received) = (call_expected, call_received);
        // Worth its arithmetic now and then, not for every packet.
        if sequence.is_multiple_of(16) {
            let pattern = self.sources.pattern();
            self.stats.set_pattern(&pattern);
        }
    }

    fn open_rtcp<'d>(
        &mut self,
        datagram: &'d mut [u8],
        from: Option<SocketAddr>,
        arrival_ns: u64,
    ) -> Result<Incoming<'d>, ReceiveError> {
        let authenticated = self.opener.authenticates();
        if from.is_some_and(|from| !self.remote.admits_rtcp(from, authenticated)) {
            return Err(ReceiveError::ForeignAddress);
        }
        let length = match &mut self.opener {
            Opener::Pending(kept) => {
                return keep(kept, &mut self.stats, datagram, from, arrival_ns);
            }
            Opener::Srtp(session) => {
                session.unprotect_rtcp(datagram).map_err(ReceiveError::Srtp)?
            }
            Opener::Plain => datagram.len(),
        };
        let datagram = datagram.get(..length).ok_or(ReceiveError::Malformed)?;
        let goodbye = self.read_rtcp(datagram, arrival_ns)?;
        self.stats.last_rtcp_ns = arrival_ns;
        if let Some(from) = from {
            self.remote.heard_rtcp(from);
            self.stats.set_addresses(self.remote.address(), self.remote.rtcp_address());
        }
        Ok(Incoming::Rtcp { goodbye, bytes: length })
    }

    /// Refuses what is said to come from ourselves.
    pub(super) fn refuse_own(&mut self, ssrc: u32) -> Result<(), ReceiveError> {
        if ssrc != self.local_ssrc {
            return Ok(());
        }
        if !self.collision_told {
            self.collision_told = true;
            self.events.emit(SessionEvent::SsrcCollision { ssrc });
        }
        Err(ReceiveError::OwnSsrc(ssrc))
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
            ReceiveError::NoKeys => &mut self.stats.before_keys,
            // Never a session's own error.
            ReceiveError::NoLeg => return,
        };
        *counter += 1;
        if counter.is_power_of_two() {
            let count = *counter;
            self.events.emit_lightly(SessionEvent::Refused { error, count });
        }
    }

    /// Carries out what the control half has ordered, and hands back keys that have had their time; whether
    /// anything lies in the rings of who uses the session, which its bell rings for, too.
    pub fn apply_commands(&mut self) -> bool {
        let retired = self.opener.session_mut().and_then(srtp::Receiver::take_retired_keys);
        if let Some(retired) = retired {
            self.retire(Spent::Retired(retired));
        }
        if !self.bell.has_rung() {
            return false;
        }
        while let Some(command) = self.commands.pop() {
            match command {
                ReceiverCommand::SetLocalSsrc(ssrc) => {
                    self.local_ssrc = ssrc;
                    self.collision_told = false;
                }
                ReceiverCommand::Relatch { rtp, rtcp } => {
                    let before = self.remote.address();
                    self.remote.relatch(rtp, rtcp);
                    if rtp.is_none() || rtp != before {
                        self.sources.release(self.stats.last_arrival_ns);
                    }
                    self.stats.set_addresses(self.remote.address(), self.remote.rtcp_address());
                }
                ReceiverCommand::Rekey(keys) => {
                    let Some(session) = self.opener.session_mut() else { continue };
                    let spent = match session.rekey(keys) {
                        Ok(None) => continue,
                        Ok(Some(retired)) => Spent::Retired(retired),
                        Err((_, refused)) => Spent::Refused(refused),
                    };
                    self.retire(spent);
                }
                ReceiverCommand::Keys(mut opener) => {
                    core::mem::swap(&mut self.opener, &mut *opener);
                    if matches!(*opener, Opener::Pending(_)) {
                        self.kept = Some(opener);
                    } else {
                        self.retire(Spent::Opener(opener));
                    }
                }
                ReceiverCommand::Update(mut update) => {
                    core::mem::swap(&mut self.types, &mut update.types);
                    self.remote_ssrc = update.remote_ssrc;
                    self.mid = update.mid;
                    self.remote.configure(&update.remote);
                    self.stats.set_addresses(self.remote.address(), self.remote.rtcp_address());
                    self.retire(Spent::Update(update));
                }
            }
        }
        true
    }

    /// What came before the keys that are there now; to be given back to
    /// [`SessionReceiver::has_read_kept`].
    pub(crate) fn take_kept(&mut self) -> Option<Box<Opener>> {
        self.kept.take()
    }

    /// The oldest datagram of what [`SessionReceiver::take_kept`] gave.
    pub(crate) fn next_kept(kept: &mut Opener) -> Option<(KeptDatagram, &mut [u8])> {
        match kept {
            Opener::Pending(kept) => kept.next(),
            _ => None,
        }
    }

    pub(crate) fn has_read_kept(&mut self, kept: Box<Opener>) {
        self.retire(Spent::Opener(kept));
    }

    fn retire(&mut self, spent: Spent) {
        // A full ring means that nobody collects; then it is freed here after all.
        let _ = self.spent.push(spent);
    }
}

fn keep<'d>(
    kept: &mut Kept,
    stats: &mut ReceiverStats,
    datagram: &[u8],
    from: Option<SocketAddr>,
    arrival_ns: u64,
) -> Result<Incoming<'d>, ReceiveError> {
    if !kept.keep(datagram, from, arrival_ns) {
        return Err(ReceiveError::NoKeys);
    }
    stats.before_keys += 1;
    Ok(Incoming::Kept)
}
