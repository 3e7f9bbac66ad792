// SPDX-License-Identifier: MIT OR Apache-2.0
//! The audio thread's half: PCM out of the jitter buffer, PCM into packets, reports.

mod reports;

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;

use super::config::{LegConfig, Nack};
use super::contributors::Contributors;
use super::control::{MediaCommand, Spent};
use super::encode_once::EncodeOnce;
use super::event::{EventSink, LegEvent};
use super::inband::Inband;
use super::nack::Requests;
use super::packetizer::{Packet, Packetizer};
use super::quality::Assessor;
use super::receiver::{Passed, ReceiverStats};
use super::rtcp::{Scheduler, ntp_time};
use crate::codec::CodecError;
use crate::dsp::level::{SILENCE_DBOV, level_dbov};
use crate::jitter::{DelayMode, JitterReader, PullError, PullInfo};
use crate::srtp;
use crate::stats::counters;
use crate::sync::ring::{Consumer, Producer};
use crate::sync::snapshot::{Publisher, Snapshot};
use crate::within::Within;

/// Largest datagram that a leg sends: what fits an Ethernet frame behind an IPv6 and a UDP header.
pub const MAX_DATAGRAM_BYTES: usize = 1_452;
/// PCM that may wait to be sent, in ms: a packet and as much again, and no less than this.
const MIN_BACKLOG_MS: u32 = 60;

counters! {
    /// What the audio thread's half has done, since the leg's creation.
    pub struct MediaStats {
        /// RTP packets sent.
        pub packets,
        /// Their payload bytes.
        pub octets,
        /// RTCP datagrams sent.
        pub rtcp_packets,
        /// Packets asked for again; one that is asked for twice counts twice.
        pub requested_packets,
        /// Packet times for which nothing was sent: pauses.
        pub suppressed,
        /// Packets that described the background of a pause (RFC 3389).
        pub comfort_noise_packets,
        /// Packets of telephone events among them.
        pub digit_packets,
        /// Digits lost because too many waited.
        pub digits_dropped,
        /// Packets lost because the codec refused the PCM.
        pub encode_errors,
        /// Packets lost because SRTP refused (exhausted key, repeated index).
        pub protect_errors,
        /// Samples thrown away because nobody called [`LegMedia::poll_transmit`].
        pub overrun_samples,
        /// Events lost because nobody called `LegControl::next_event`.
        pub events_dropped,
        /// Loss that the encoder prepares for, in percent; not a count.
        pub expected_loss_percent,
        /// Level of what was pushed last, in -dBov; not a count.
        pub pushed_level_dbov,
        /// Level of what was pulled last, in -dBov; not a count.
        pub pulled_level_dbov,
    }
}

/// Why the audio half refused. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaError {
    /// PCM that is not a multiple of 10 ms, or empty.
    InvalidLength,
}

impl fmt::Display for MediaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidLength => "PCM is not a multiple of 10 ms",
        })
    }
}

impl core::error::Error for MediaError {}

impl From<PullError> for MediaError {
    fn from(_: PullError) -> Self {
        Self::InvalidLength
    }
}

/// A datagram that [`LegMedia::make`] has made.
#[derive(Clone, Copy)]
enum Made {
    Rtp(Packet),
    Rtcp(usize),
}

/// A datagram that [`LegMedia::poll_plain`] has made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain {
    pub(crate) bytes: usize,
    /// Bytes that it may grow to.
    pub(crate) room: usize,
    /// It is yet to be protected, and has so many bytes of payload.
    pub(crate) unprotected: Option<usize>,
}

/// The audio thread's half of a leg.
pub struct LegMedia {
    reader: JitterReader,
    packetizer: Packetizer,
    /// These two are large and rarely used.
    inband: Option<Box<Inband>>,
    requests: Option<Box<Requests>>,
    freeze_for_modems: bool,
    events: EventSink,
    protect: Option<srtp::Sender>,
    heard: Snapshot<{ ReceiverStats::WORDS }>,
    publisher: Publisher<{ MediaStats::WORDS }>,
    commands: Consumer<MediaCommand>,
    spent: Producer<Spent>,
    stats: MediaStats,
    muted: bool,

    sample_rate_hz: u32,
    packet_samples: usize,

    backlog: Box<[i16]>,
    backlog_samples: usize,
    /// Samples of time that went by without sound to send, less than a packet's.
    rested_samples: usize,
    datagram: Box<[u8]>,
    /// Room that is left for protection.
    trailer_bytes: usize,

    scheduler: Scheduler,
    /// Reports about what is sent that have been taken in.
    reports_seen: u64,
    /// The source to go on as, after a farewell as the present one.
    next_ssrc: Option<u32>,
    assessor: Assessor,
    extended_reports: bool,
    nack: Nack,
    cname: Box<[u8]>,
    ntp_at_zero: u64,
}

impl LegMedia {
    pub(super) fn new(
        config: &LegConfig,
        reader: JitterReader,
        protect: Option<srtp::Sender>,
        heard: Snapshot<{ ReceiverStats::WORDS }>,
        publisher: Publisher<{ MediaStats::WORDS }>,
        commands: Consumer<MediaCommand>,
        spent: Producer<Spent>,
        events: Producer<LegEvent>,
    ) -> Result<Self, CodecError> {
        let send = &config.send;
        let format = send.codec.format();
        let packet_ms = u32::from(send.packet_ms);
        let backlog_ms = (2 * packet_ms).max(MIN_BACKLOG_MS);
        let silent = u64::from(SILENCE_DBOV);
        let stats = MediaStats {
            expected_loss_percent: u64::from(send.codec.expected_loss_percent()),
            pushed_level_dbov: silent,
            pulled_level_dbov: silent,
            ..MediaStats::default()
        };
        Ok(Self {
            reader,
            packetizer: Packetizer::new(config)?,
            inband: Inband::new(
                config.inband_tones,
                config.freeze_for_modems,
                format.sample_rate_hz,
            )
            .map(Box::new),
            requests: (config.nack != Nack::Off).then(Box::default),
            freeze_for_modems: config.freeze_for_modems,
            events: EventSink::new(events),
            protect,
            heard,
            publisher,
            commands,
            spent,
            stats,
            muted: false,
            sample_rate_hz: format.sample_rate_hz,
            packet_samples: (format.sample_rate_hz / 1_000 * packet_ms) as usize,
            backlog: vec![0; (format.sample_rate_hz / 1_000 * backlog_ms) as usize].into(),
            backlog_samples: 0,
            rested_samples: 0,
            datagram: vec![0; MAX_DATAGRAM_BYTES].into(),
            trailer_bytes: config.trailer_bytes(),
            scheduler: Scheduler::new(config.rtcp_interval_ms, config.local_ssrc),
            reports_seen: 0,
            next_ssrc: None,
            assessor: config.assessor(),
            extended_reports: config.extended_reports,
            nack: config.nack,
            cname: config.cname.as_bytes().into(),
            ntp_at_zero: config.ntp_at_zero,
        })
    }

    /// Samples a second of the PCM in both directions.
    pub fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// Fills `pcm`, a multiple of 10 ms, with what is to be heard from `now_ns` on.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MediaError::InvalidLength`]; `pcm` is not touched then.
    pub fn pull(&mut self, now_ns: u64, pcm: &mut [i16]) -> Result<PullInfo, MediaError> {
        self.apply_commands();
        let info = self.reader.pull(now_ns, pcm)?;
        if let Some(inband) = &mut self.inband {
            let frame = (self.sample_rate_hz / 100) as usize;
            if inband.process(pcm, frame, &mut self.events) && self.freeze_for_modems {
                self.reader.set_mode(DelayMode::Frozen);
            }
            self.stats.events_dropped = self.events.dropped();
        }
        self.stats.pulled_level_dbov = u64::from(level_dbov(pcm));
        if let Some(requests) = &mut self.requests {
            requests.due = true;
        }
        Ok(info)
    }

    /// From the next pull on, does not decode what the peer says is as soft as `dbov` in -dBov or
    /// softer (RFC 6464), as far as [`LegConfig::level_trust`] goes; `None` decodes all, as at first.
    /// For who mixes and does not hear such packets anyway; a conference does it for its members.
    ///
    /// Real-time: yes.
    pub fn skip_softer_than(&mut self, dbov: Option<u8>) {
        self.reader.skip_softer_than(dbov);
    }

    /// Says who is heard in what is pushed, until it is said again: the packets' contributing sources
    /// and their levels (RFC 6465). Nothing is sent of it where
    /// [`HeaderExtensions::mixer_levels`](super::HeaderExtensions::mixer_levels) is not set. For who
    /// mixes; a conference does it for its members.
    ///
    /// Real-time: yes.
    pub fn set_contributors(&mut self, contributors: &Contributors) {
        if self.tells_contributors() {
            self.packetizer.contributors = *contributors;
        }
    }

    /// Whether the peer is told who is heard.
    pub(crate) fn tells_contributors(&self) -> bool {
        self.packetizer.tells_contributors()
    }

    /// The source that is played just now.
    ///
    /// Real-time: yes.
    pub fn remote_ssrc(&self) -> Option<u32> {
        self.reader.ssrc()
    }

    /// Takes `pcm`, a multiple of 10 ms, to be sent; [`LegMedia::poll_transmit`] makes packets of
    /// it. What does not fit, because nobody polls, is thrown away and counted.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// [`MediaError::InvalidLength`].
    pub fn push(&mut self, pcm: &[i16]) -> Result<(), MediaError> {
        let frame = (self.sample_rate_hz / 100) as usize;
        if pcm.is_empty() || !pcm.len().is_multiple_of(frame) {
            return Err(MediaError::InvalidLength);
        }
        let room = self.backlog.past_mut(self.backlog_samples);
        let count = room.len().min(pcm.len());
        if self.muted {
            room.head_mut(count).fill(0);
            self.stats.pushed_level_dbov = u64::from(SILENCE_DBOV);
        } else {
            room.head_mut(count).copy_of(pcm.head(count));
            self.stats.pushed_level_dbov = u64::from(level_dbov(pcm));
        }
        self.backlog_samples += count;
        self.stats.overrun_samples += (pcm.len() - count) as u64;
        Ok(())
    }

    /// Lets 10 ms go by in which nothing is sent: timestamps go on (RFC 3550 section 5.1), or the peer
    /// would take what follows for late.
    ///
    /// Real-time: yes.
    pub(crate) fn rest(&mut self) {
        self.rested_samples += self.backlog_samples + (self.sample_rate_hz / 100) as usize;
        self.backlog_samples = 0;
        while self.rested_samples >= self.packet_samples {
            self.rested_samples -= self.packet_samples;
            self.packetizer.rest();
        }
    }

    /// The next datagram to send, RTP or RTCP ([`is_rtcp`](crate::rtp::is_rtcp) tells which);
    /// `None` when there is nothing more to send at `now_ns`. To be called until it says so.
    ///
    /// Real-time: yes.
    pub fn poll_transmit(&mut self, now_ns: u64) -> Option<&[u8]> {
        self.poll(now_ns)
    }

    /// As [`LegMedia::poll_transmit`], into `out`, sharing payloads with others and leaving RTP to be
    /// protected together with others'. `out` has room for [`MAX_DATAGRAM_BYTES`].
    pub(crate) fn poll_plain(
        &mut self,
        now_ns: u64,
        once: &mut EncodeOnce,
        out: &mut [u8],
    ) -> Option<Plain> {
        self.apply_commands();
        let whole = |bytes| Plain { bytes, room: bytes, unprotected: None };
        // Suites that gain nothing from company are protected while the packet is at hand.
        let waits = self.protect.as_ref().is_some_and(srtp::Sender::batches);
        while let Some(made) = self.make(now_ns, Some(&mut *once), out) {
            match made {
                Made::Rtp(packet) if waits => {
                    self.count(packet);
                    return Some(Plain {
                        bytes: packet.bytes,
                        room: (packet.bytes + self.trailer_bytes).min(out.len()),
                        unprotected: Some(packet.payload_bytes),
                    });
                }
                Made::Rtp(packet) => {
                    if let Some(bytes) = self.seal(packet, out) {
                        return Some(whole(bytes));
                    }
                }
                Made::Rtcp(bytes) => return Some(whole(bytes)),
            }
        }
        self.publisher.publish(&self.stats);
        None
    }

    /// The session that protects what [`LegMedia::poll_plain`] leaves to be protected.
    pub(crate) fn protector(&self) -> Option<&srtp::Sender> {
        self.protect.as_ref()
    }

    /// The same, to be changed.
    pub(crate) fn protector_mut(&mut self) -> Option<&mut srtp::Sender> {
        self.protect.as_mut()
    }

    /// A packet that [`LegMedia::poll_plain`] made could not be protected, and is not sent.
    pub(crate) fn refused(&mut self, payload_bytes: usize) {
        self.stats.protect_errors += 1;
        self.stats.packets -= 1;
        self.stats.octets -= payload_bytes as u64;
    }

    /// Samples of a packet's sound.
    pub(crate) fn packet_samples(&self) -> usize {
        self.packet_samples
    }

    fn poll(&mut self, now_ns: u64) -> Option<&[u8]> {
        self.apply_commands();
        let mut out = core::mem::take(&mut self.datagram);
        let mut sealed = None;
        while sealed.is_none()
            && let Some(made) = self.make(now_ns, None, &mut out)
        {
            sealed = match made {
                Made::Rtp(packet) => self.seal(packet, &mut out),
                Made::Rtcp(bytes) => Some(bytes),
            };
        }
        self.datagram = out;
        if sealed.is_none() {
            self.publisher.publish(&self.stats);
        }
        self.datagram.get(..sealed?)
    }

    /// Makes the next datagram: RTP in plain, or RTCP as it is sent.
    fn make(
        &mut self,
        now_ns: u64,
        mut once: Option<&mut EncodeOnce>,
        out: &mut [u8],
    ) -> Option<Made> {
        if let Some(next) = self.next_ssrc.take() {
            // RFC 3550 section 8.2: the old source leaves with a BYE.
            let farewell = self.report(now_ns, true, out);
            self.packetizer.ssrc = next;
            if let Some(bytes) = farewell {
                return Some(Made::Rtcp(bytes));
            }
        }
        while self.backlog_samples >= self.packet_samples {
            if let Some(packet) = self.next_packet(now_ns, once.as_deref_mut(), out) {
                return Some(Made::Rtp(packet));
            }
        }
        if let Some(requests) = &mut self.requests
            && core::mem::take(&mut requests.due)
            && let Some(bytes) = self.request(now_ns, out)
        {
            return Some(Made::Rtcp(bytes));
        }
        if self.scheduler.is_due(now_ns) {
            return self.report(now_ns, false, out).map(Made::Rtcp);
        }
        None
    }

    /// Makes the datagram of a packet that another leg passes through
    /// ([`Received::PassThrough`](super::Received)): its payload untouched (or another in its place,
    /// as from a [`Repacketizer`](crate::codec::Repacketizer)) under `passed.payload_type`, which may
    /// be changed to what this leg's peer calls it. Source, keys and statistics are this leg's;
    /// sequence numbers and timestamps keep their distances, also when they come out of order.
    /// `None` if it is too large, or the keys are used up.
    ///
    /// Real-time: yes.
    pub fn relay(&mut self, passed: &Passed, payload: &[u8]) -> Option<&[u8]> {
        self.apply_commands();
        let limit = self.datagram.len().saturating_sub(self.trailer_bytes);
        let packet = self.packetizer.relay(passed, payload, self.datagram.get_mut(..limit)?)?;
        let mut out = core::mem::take(&mut self.datagram);
        let sealed = self.seal(packet, &mut out);
        self.datagram = out;
        self.publisher.publish(&self.stats);
        self.datagram.get(..sealed?)
    }

    /// A last report with a BYE (RFC 3550 section 6.6), to be sent when the leg ends.
    ///
    /// Real-time: yes.
    pub fn goodbye(&mut self, now_ns: u64) -> Option<&[u8]> {
        let mut out = core::mem::take(&mut self.datagram);
        let made = self.report(now_ns, true, &mut out);
        self.datagram = out;
        self.publisher.publish(&self.stats);
        self.datagram.get(..made?)
    }

    /// Counters.
    pub fn stats(&self) -> MediaStats {
        self.stats
    }

    /// Encodes one packet time of the backlog; `None` if there is nothing to send.
    fn next_packet(
        &mut self,
        now_ns: u64,
        once: Option<&mut EncodeOnce>,
        out: &mut [u8],
    ) -> Option<Packet> {
        let limit = out.len().saturating_sub(self.trailer_bytes);
        let out = out.get_mut(..limit)?;
        let pcm = self.backlog.head(self.packet_samples);
        let ntp = ntp_time(self.ntp_at_zero, now_ns);
        let packet = self.packetizer.packet(pcm, ntp, out, &mut self.stats, once);
        self.backlog.shift(self.packet_samples..self.backlog_samples, 0);
        self.backlog_samples -= self.packet_samples;
        packet
    }

    /// Protects the packet in `out` and counts it.
    fn seal(&mut self, packet: Packet, out: &mut [u8]) -> Option<usize> {
        let bytes = match &mut self.protect {
            Some(session) => match session.protect(out, packet.bytes) {
                Ok(bytes) => bytes,
                Err(_) => {
                    self.stats.protect_errors += 1;
                    return None;
                }
            },
            None => packet.bytes,
        };
        self.count(packet);
        Some(bytes)
    }

    fn count(&mut self, packet: Packet) {
        self.stats.packets += 1;
        self.stats.octets += packet.payload_bytes as u64;
    }

    fn apply_commands(&mut self) {
        while let Some(command) = self.commands.pop() {
            match command {
                MediaCommand::SetMuted(muted) => self.muted = muted,
                MediaCommand::SendDigit(digit) => {
                    self.stats.digits_dropped += u64::from(!self.packetizer.digits.push(digit));
                }
                MediaCommand::SetSsrc(ssrc) => self.next_ssrc = Some(ssrc),
                MediaCommand::StopDigits => self.packetizer.digits.clear(),
                MediaCommand::Rekey(keys) => {
                    let Some(session) = &mut self.protect else { continue };
                    let spent = match session.rekey(keys) {
                        Ok(retired) => Spent::Retired(retired),
                        Err((_, refused)) => Spent::Refused(refused),
                    };
                    // A full ring means that nobody collects; then it is freed here after all.
                    let _ = self.spent.push(spent);
                }
            }
        }
    }
}

impl fmt::Debug for LegMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LegMedia")
            .field("ssrc", &self.packetizer.ssrc)
            .field("payload_type", &self.packetizer.payload_type)
            .field("sample_rate_hz", &self.sample_rate_hz)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
