// SPDX-License-Identifier: MIT OR Apache-2.0
//! The audio thread's half: PCM out of the jitter buffer and into packets, reports.

mod orders;
mod send;

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;
use core::net::SocketAddr;

use super::command::{LegSpent, MediaCommand, MediaUpdate, Note};
use super::config::{Direction, LegConfig, MAX_DATAGRAM_BYTES};
use super::contributors::Contributors;
use super::digits::{Digit, DigitTimer, Ends};
use super::event::LegEvent;
use super::keepalive::Keepalive;
use super::packetizer::{Packetizer, StreamPosition};
use super::quality::Assessor;
use super::recording::Recorder;
use super::stats::MediaStats;
use super::timeout::MediaTimeout;
use crate::codec::CodecError;
use crate::dsp::level::{SILENCE_DBOV, dbov, energy};
use crate::jitter::{DelayMode, Due, JitterReader, PacketMeta, PullError, PullInfo};
use crate::session::{EventSink, SessionSender};
use crate::srtp;
use crate::sync::ring::{Consumer, Producer};
use crate::sync::snapshot::Publisher;
use crate::voice::ToneListener;
use crate::within::Within;

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
    session: SessionSender,
    reader: JitterReader,
    packetizer: Packetizer,
    /// This is large and rarely used.
    tones: Option<Box<ToneListener>>,
    freeze_for_modems: bool,
    digits: DigitTimer,
    notes: Consumer<Note>,
    /// The source has said goodbye since the last pull.
    source_gone: bool,
    events: EventSink<LegEvent>,
    publisher: Publisher<{ MediaStats::WORDS }>,
    commands: Consumer<MediaCommand>,
    spent: Producer<LegSpent>,
    stats: MediaStats,
    /// The energy of what was pulled last, and its samples.
    pulled_energy: u64,
    pulled_samples: u32,
    /// Something has been counted, or a tick has gone by, since the counters were published.
    to_publish: bool,
    muted: bool,
    direction: Direction,
    timeout: MediaTimeout,
    keepalive: Keepalive,
    recorder: Option<Box<Recorder>>,

    sample_rate_hz: u32,

    backlog: Box<[i16]>,
    backlog_samples: usize,
    /// Samples of time that went by without audio to send, less than a packet's.
    rested_samples: usize,
    datagram: Box<[u8]>,
    /// Room that is left for protection.
    trailer_bytes: usize,

    /// Missing packets are asked for again, and something has been pulled since the last look.
    asks: bool,
    may_ask: bool,
    /// Reports about what is sent that have been taken in.
    reports_seen: u64,
    assessor: Assessor,
    extended_reports: bool,
    ntp_at_zero: u64,
}

impl LegMedia {
    pub(super) fn new(
        config: &LegConfig,
        session: SessionSender,
        reader: JitterReader,
        digits: Consumer<Digit>,
        ends: Ends,
        notes: Consumer<Note>,
        publisher: Publisher<{ MediaStats::WORDS }>,
        commands: Consumer<MediaCommand>,
        spent: Producer<LegSpent>,
        events: Producer<LegEvent>,
    ) -> Result<Self, CodecError> {
        let silent = u64::from(SILENCE_DBOV);
        let stats = MediaStats {
            expected_loss_percent: u64::from(config.send.codec.expected_loss_percent()),
            pushed_level_dbov: silent,
            ..MediaStats::default()
        };
        let parts = MediaUpdate::new(config, digits, None)?;
        Ok(Self {
            session,
            reader,
            packetizer: parts.packetizer,
            tones: parts.tones,
            freeze_for_modems: parts.freeze_for_modems,
            digits: DigitTimer::new(ends),
            notes,
            source_gone: false,
            events: EventSink::new(events, |count| LegEvent::Lost { count }),
            publisher,
            commands,
            spent,
            stats,
            pulled_energy: 0,
            pulled_samples: 0,
            to_publish: true,
            muted: false,
            direction: parts.direction,
            timeout: parts.timeout,
            keepalive: parts.keepalive,
            recorder: None,
            sample_rate_hz: config.rate_hz(),
            backlog: parts.backlog,
            backlog_samples: 0,
            rested_samples: 0,
            datagram: vec![0; MAX_DATAGRAM_BYTES].into(),
            trailer_bytes: parts.trailer_bytes,
            asks: parts.asks,
            may_ask: false,
            reports_seen: 0,
            assessor: parts.assessor,
            extended_reports: config.extended_reports,
            ntp_at_zero: config.ntp_at_zero,
        })
    }

    /// Takes over the session of `before`, and goes on where it was: see [`Leg::renew`](super::Leg::renew).
    pub(super) fn continue_from(&mut self, before: &mut Self) {
        core::mem::swap(&mut self.session, &mut before.session);
        self.packetizer.continue_from(&mut before.packetizer);
        self.keepalive.continue_from(&before.keepalive);
        self.muted = before.muted;
        if self.sample_rate_hz == before.sample_rate_hz {
            core::mem::swap(&mut self.recorder, &mut before.recorder);
        }
        self.reports_seen = before.reports_seen;
    }

    pub(super) fn session_mut(&mut self) -> &mut SessionSender {
        &mut self.session
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
        self.pull_showing(now_ns, Due::First, pcm, false, |_, _| ())
    }

    /// As [`LegMedia::pull`]; if `shows`, what has arrived since the last one is shown first, packet by packet.
    #[inline]
    pub(crate) fn pull_showing(
        &mut self,
        now_ns: u64,
        due: Due,
        pcm: &mut [i16],
        shows: bool,
        show: impl FnMut(&PacketMeta, &[u8]),
    ) -> Result<PullInfo, MediaError> {
        self.apply_commands();
        self.hear(now_ns);
        let mut info = self.reader.pull_showing(now_ns, due, pcm, shows, show)?;
        // What came before the farewell has been taken in by then, and is no sign of life.
        if core::mem::take(&mut self.source_gone) {
            self.reader.source_gone();
        }
        if let Some(tones) = &mut self.tones {
            let events = &mut self.events;
            let modem = tones.process(pcm, |heard| events.emit(LegEvent::from(heard)));
            if modem && self.freeze_for_modems {
                self.reader.set_mode(DelayMode::Frozen);
            }
            // A tone that is kept from the others has been taken out.
            info.energy = energy(pcm);
        }
        (self.pulled_energy, self.pulled_samples) = (info.energy, pcm.len() as u32);
        if let Some(recorder) = &mut self.recorder {
            recorder.hear(pcm);
        }
        self.may_ask = self.asks;
        Ok(info)
    }

    /// How loud the last pull was, in -dBov.
    #[inline]
    pub(crate) fn pulled_level_dbov(&self) -> u8 {
        dbov(self.pulled_energy, self.pulled_samples as usize)
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

    /// What the jitter buffer tells only the thread that pulls: its black box
    /// ([`jitter::JitterConfig::black_box_bytes`](crate::jitter::JitterConfig::black_box_bytes)), how late
    /// packets came, what is missing.
    pub fn jitter(&self) -> &JitterReader {
        &self.reader
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
        if !self.direction.sends() {
            self.stats.pushed_level_dbov = u64::from(SILENCE_DBOV);
            for _ in pcm.chunks_exact(frame) {
                self.rest();
            }
            return Ok(());
        }
        let room = self.backlog.past_mut(self.backlog_samples);
        let count = room.len().min(pcm.len());
        if let Some(recorder) = &mut self.recorder {
            if self.muted { recorder.rest(pcm.len()) } else { recorder.say(pcm) }
        }
        if self.muted {
            room.head_mut(count).fill(0);
        } else {
            room.head_mut(count).copy_of(pcm.head(count));
        }
        self.backlog_samples += count;
        self.stats.overrun_samples += (pcm.len() - count) as u64;
        self.to_publish |= count < pcm.len();
        Ok(())
    }

    /// Lets 10 ms go by in which nothing is sent: timestamps go on (RFC 3550 section 5.1), or the peer
    /// would take what follows for late. What waits and does not fill a packet is not sent.
    ///
    /// Real-time: yes.
    pub fn rest(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.rest((self.sample_rate_hz / 100) as usize);
        }
        self.rested_samples += self.backlog_samples + (self.sample_rate_hz / 100) as usize;
        self.backlog_samples = 0;
        self.rest_whole_packets();
    }

    fn rest_whole_packets(&mut self) {
        while self.rested_samples >= self.packetizer.packet_samples {
            self.rested_samples -= self.packetizer.packet_samples;
            self.packetizer.rest();
        }
    }

    /// Where RTP is to be sent: where the peer sends from, or where signalling says; `None` before either
    /// is known.
    ///
    /// Real-time: yes.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        self.session.heard()?.remote_address()
    }

    /// Where RTCP is to be sent, which is where RTP is unless signalling or the peer's own reports say
    /// otherwise.
    ///
    /// Real-time: yes.
    pub fn remote_rtcp_address(&self) -> Option<SocketAddr> {
        self.session.heard()?.remote_rtcp_address()
    }

    /// Where the stream stands that is sent.
    ///
    /// Real-time: yes.
    pub fn position(&self) -> StreamPosition {
        self.packetizer.position()
    }

    /// Goes on with a stream from there.
    pub(super) fn go_on_at(&mut self, position: StreamPosition) {
        self.packetizer.go_on_at(position);
    }

    /// Whether packets can be sent: there are keys, or plain RTP was asked for.
    ///
    /// Real-time: yes.
    pub fn is_ready(&self) -> bool {
        self.session.is_ready()
    }

    /// What protects what is sent, once there are keys: for checkpoints of it.
    pub fn srtp_mut(&mut self) -> Option<&mut srtp::Sender> {
        self.session.srtp_mut()
    }

    /// Counters.
    pub fn stats(&self) -> MediaStats {
        self.own_stats().with(&self.session.stats())
    }

    /// The same without what the session counts, which who reads them adds.
    fn own_stats(&self) -> MediaStats {
        MediaStats {
            pulled_level_dbov: self.pulled_level_dbov().into(),
            events_dropped: self.events.dropped(),
            ..self.stats
        }
    }

    /// Tells what did not come.
    fn hear(&mut self, now_ns: u64) {
        let events = &mut self.events;
        self.digits.advance(now_ns, |event| events.emit(event));
        if self.direction.receives()
            && self.timeout.is_due(now_ns)
            && let Some(heard) = self.session.heard()
            && let Some(event) = self.timeout.look(&heard, now_ns)
        {
            self.events.emit(event);
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
