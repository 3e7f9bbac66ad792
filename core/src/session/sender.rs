// SPDX-License-Identifier: MIT OR Apache-2.0
//! The half that sends: protects what it is given, counts it, and reports.

use alloc::boxed::Box;

use super::SessionConfig;
use super::command::{SenderCommand, Spent};
use super::config::Nack;
use super::event::{EventSink, SessionEvent};
use super::keys::Sealer;
use super::outcome::ReceiverStats;
use super::rtcp::nack::Requests;
use super::rtcp::{Scheduler, SentReports};
use crate::srtp::{self, MAX_TRAILER_BYTES, SrtpError};
use crate::stats::counters;
use crate::sync::bell::Doorkeeper;
use crate::sync::ring::{Consumer, Producer};
use crate::sync::snapshot::{Publisher, Snapshot};

counters! {
    /// What the sending half has done.
    pub struct SenderStats {
        /// RTP packets sent, by all sources of ours.
        pub packets,
        /// Their payload bytes.
        pub octets,
        /// RTP packets that the present source has sent.
        pub source_packets,
        /// Their payload bytes.
        pub source_octets,
        /// RTCP datagrams sent.
        pub rtcp_packets,
        /// Packets asked for again; one that is asked for twice counts twice.
        pub requested_packets,
        /// Packets lost because SRTP refused (exhausted key, repeated index).
        pub protect_errors,
        /// Packets that were not sent since there are no keys yet.
        pub without_keys,
        /// Events lost because nobody read them.
        pub events_dropped,
        /// RTP packets that may still be sent under the key in use; `u64::MAX` in plain RTP, 0 without keys.
        /// A gauge.
        pub packets_left,
    }
}

/// The half of a session that sends.
#[derive(Debug)]
pub struct SessionSender {
    sealer: Sealer,
    pub(super) ssrc: u32,
    /// The source to go on as, after a farewell as the present one.
    next_ssrc: Option<u32>,
    pub(super) counts: SenderStats,
    /// Packets sent at the last report, and at the one before.
    at_last_report: u64,
    at_report_before: u64,
    pub(super) heard: Snapshot<{ ReceiverStats::WORDS }>,
    commands: Consumer<SenderCommand>,
    bell: Doorkeeper,
    spent: Producer<Spent>,
    events: EventSink<SessionEvent>,
    pub(super) scheduler: Scheduler,
    /// This is large and rarely used.
    pub(super) requests: Option<Box<Requests>>,
    pub(super) nack: Nack,
    pub(super) extended_reports: bool,
    pub(super) cname: Box<[u8]>,
    pub(super) ntp_at_zero: u64,
    pub(super) sent_reports: SentReports,
    pub(super) sent_reports_publisher: Publisher<{ SentReports::WORDS }>,
    publisher: Publisher<{ SenderStats::WORDS }>,
    exhaustion_told: bool,
}

impl SessionSender {
    pub(super) fn new(
        config: &SessionConfig,
        sealer: Sealer,
        heard: Snapshot<{ ReceiverStats::WORDS }>,
        commands: Consumer<SenderCommand>,
        bell: Doorkeeper,
        spent: Producer<Spent>,
        events: Producer<SessionEvent>,
        sent_reports_publisher: Publisher<{ SentReports::WORDS }>,
        publisher: Publisher<{ SenderStats::WORDS }>,
    ) -> Self {
        Self {
            sealer,
            ssrc: config.local_ssrc,
            next_ssrc: None,
            counts: SenderStats::default(),
            at_last_report: 0,
            at_report_before: 0,
            heard,
            commands,
            bell,
            spent,
            events: EventSink::new(events, |count| SessionEvent::Lost { count }),
            scheduler: Scheduler::new(config.rtcp_interval_ms, config.local_ssrc),
            requests: (config.nack != Nack::Off).then(Box::default),
            nack: config.nack,
            extended_reports: config.extended_reports,
            cname: config.cname.as_bytes().into(),
            ntp_at_zero: config.ntp_at_zero,
            sent_reports: SentReports::default(),
            sent_reports_publisher,
            publisher,
            exhaustion_told: false,
        }
    }

    /// The source that is sent as.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The source to go on as ([`SessionControl::change_ssrc`](super::SessionControl::change_ssrc)), if
    /// one was ordered: after a report with a BYE as the present one (RFC 3550 section 8.2),
    /// [`SessionSender::go_on_as`] is called with it.
    pub fn next_ssrc(&mut self) -> Option<u32> {
        self.next_ssrc.take()
    }

    /// Sends as another source from now on; its counts begin anew.
    pub fn go_on_as(&mut self, ssrc: u32) {
        self.ssrc = ssrc;
        self.counts.source_packets = 0;
        self.counts.source_octets = 0;
        self.at_last_report = self.counts.packets;
        self.at_report_before = self.counts.packets;
    }

    /// Whether packets can be sent: there are keys, or plain RTP was asked for.
    pub fn is_ready(&self) -> bool {
        !matches!(self.sealer, Sealer::Pending)
    }

    /// Bytes that protection may add to a packet.
    pub fn trailer_bytes(&self) -> usize {
        if self.sealer.session().is_some() { MAX_TRAILER_BYTES } else { 0 }
    }

    /// Whether `stats` reads this half's.
    pub(super) fn is_read_by(&self, stats: &Snapshot<{ SenderStats::WORDS }>) -> bool {
        self.publisher.is_read_by(stats)
    }

    /// Counters.
    pub fn stats(&self) -> SenderStats {
        let packets_left = match &self.sealer {
            Sealer::Srtp(session) => session.packets_left(),
            Sealer::Plain => u64::MAX,
            Sealer::Pending => 0,
        };
        SenderStats { events_dropped: self.events.dropped(), packets_left, ..self.counts }
    }

    /// What the receiving half has published.
    pub fn heard(&self) -> Option<ReceiverStats> {
        self.heard.read()
    }

    /// Protects the RTP packet of `bytes` in `out`, of which `payload_bytes` are payload, in place, and
    /// counts it; its length, or `None` if it can't be sent.
    ///
    /// Real-time: yes.
    #[inline]
    pub fn seal(&mut self, bytes: usize, payload_bytes: usize, out: &mut [u8]) -> Option<usize> {
        let sealed = match &mut self.sealer {
            Sealer::Srtp(session) => session.protect(out, bytes),
            Sealer::Plain => Ok(bytes),
            Sealer::Pending => {
                self.skip(1);
                return None;
            }
        };
        match sealed {
            Ok(bytes) => {
                self.count(payload_bytes);
                Some(bytes)
            }
            Err(error) => {
                self.refused(error);
                None
            }
        }
    }

    /// Counts packets that are not made or sent for want of keys.
    pub(crate) fn skip(&mut self, packets: u64) {
        self.counts.without_keys += packets;
    }

    /// Counts a packet that will be protected together with others'.
    #[inline]
    pub(crate) fn count(&mut self, payload_bytes: usize) {
        self.counts.packets += 1;
        self.counts.octets += payload_bytes as u64;
        self.counts.source_packets += 1;
        self.counts.source_octets += payload_bytes as u64;
    }

    /// One of those could not be protected, and is not sent.
    pub(crate) fn uncount(&mut self, payload_bytes: usize) {
        self.counts.packets -= 1;
        self.counts.octets -= payload_bytes as u64;
        self.counts.source_packets = self.counts.source_packets.saturating_sub(1);
        self.counts.source_octets = self.counts.source_octets.saturating_sub(payload_bytes as u64);
        // The batch does not say why; a session that refuses what is in order has no key left.
        self.refused(SrtpError::KeyExhausted);
    }

    #[cold]
    fn refused(&mut self, error: SrtpError) {
        self.counts.protect_errors += 1;
        let exhausted = matches!(error, SrtpError::KeyExhausted | SrtpError::IndexExhausted);
        if exhausted && !self.exhaustion_told {
            self.exhaustion_told = true;
            self.events.emit(SessionEvent::KeyExhausted { sending: true });
        }
    }

    /// Protects the RTCP compound packet of `plain_bytes` in `out`, in place, and counts it; its length, or
    /// `None` if it can't be sent. For who forwards what another session has read.
    ///
    /// Real-time: yes.
    pub fn seal_rtcp(&mut self, plain_bytes: usize, out: &mut [u8]) -> Option<usize> {
        let sealed = match &mut self.sealer {
            Sealer::Srtp(session) => session.protect_rtcp(out, plain_bytes),
            Sealer::Plain => Ok(plain_bytes),
            Sealer::Pending => return None,
        };
        match sealed {
            Ok(bytes) => {
                self.counts.rtcp_packets += 1;
                Some(bytes)
            }
            Err(error) => {
                self.refused(error);
                None
            }
        }
    }

    /// What protects what is sent, once there are keys: for checkpoints of it.
    pub fn srtp_mut(&mut self) -> Option<&mut srtp::Sender> {
        self.sealer.session_mut()
    }

    /// The session that protects what is sent: for batches.
    pub(crate) fn protector(&self) -> Option<&srtp::Sender> {
        self.sealer.session()
    }

    /// The same, to be changed.
    pub(crate) fn protector_mut(&mut self) -> Option<&mut srtp::Sender> {
        self.sealer.session_mut()
    }

    /// Whether packets are protected together with others'. Suites that gain nothing from company are
    /// protected while the packet is at hand.
    pub(crate) fn batches(&self) -> bool {
        self.sealer.session().is_some_and(srtp::Sender::batches)
    }

    /// Anything was sent since the last but one report (RFC 3550 section 6.4).
    pub(super) fn is_sender(&self) -> bool {
        self.counts.source_packets > 0 && self.counts.packets > self.at_report_before
    }

    pub(super) fn reported(&mut self) {
        self.at_report_before = self.at_last_report;
        self.at_last_report = self.counts.packets;
    }

    /// Publishes the counters, for [`SessionControl::sender_stats`](super::SessionControl::sender_stats).
    ///
    /// Real-time: yes.
    pub fn publish(&mut self) {
        self.publisher.publish(&self.stats());
    }

    /// Carries out what the control half has ordered, and tells what befell the keys; whether anything lies
    /// in the rings of who uses the session, which its bell rings for, too.
    ///
    /// Real-time: yes.
    pub fn apply_commands(&mut self) -> bool {
        if let Some(session) = self.sealer.session_mut() {
            while let Some(event) = session.poll_event() {
                if let srtp::Event::KeyExpiring { packets_left, .. } = event {
                    self.events.emit(SessionEvent::KeyExpiring { packets_left, sending: true });
                }
            }
        }
        if !self.bell.has_rung() {
            return false;
        }
        while let Some(command) = self.commands.pop() {
            match command {
                SenderCommand::SetSsrc(ssrc) => self.next_ssrc = Some(ssrc),
                SenderCommand::Rekey(keys) => {
                    let Some(session) = self.sealer.session_mut() else { continue };
                    let spent = match session.rekey(keys) {
                        Ok(retired) => Spent::Retired(retired),
                        Err((_, refused)) => Spent::Refused(refused),
                    };
                    self.exhaustion_told = false;
                    self.retire(spent);
                }
                SenderCommand::Keys(mut sealer) => {
                    core::mem::swap(&mut self.sealer, &mut *sealer);
                    self.exhaustion_told = false;
                    self.retire(Spent::Sealer(sealer));
                }
                SenderCommand::Update(mut update) => {
                    self.nack = update.nack;
                    core::mem::swap(&mut self.requests, &mut update.requests);
                    self.extended_reports = update.extended_reports;
                    self.scheduler.set_interval(update.rtcp_interval_ms);
                    self.retire(Spent::SenderUpdate(update));
                }
            }
        }
        true
    }

    fn retire(&mut self, spent: Spent) {
        // A full ring means that nobody collects; then it is freed here after all.
        let _ = self.spent.push(spent);
    }
}

/// The RTP clock at a report: the timestamp of a sample taken just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReportClock {
    pub(super) timestamp: u32,
}

impl SenderReportClock {
    /// The timestamp that would be sent now.
    pub fn new(timestamp: u32) -> Self {
        Self { timestamp }
    }
}
