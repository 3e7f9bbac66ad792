// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a leg sends: audio in packets, what another leg passes through, reports, and counters about it.

use super::{LegMedia, Plain};
use crate::jitter::Missing;
use crate::leg::encode_once::EncodeOnce;
use crate::leg::packetizer::Packet;
use crate::rtp::rtcp::xr::VoipMetrics;
use crate::session::{MOST_REQUESTS, Passed, ReceiverStats, SenderReportClock, ntp_time};
use crate::srtp;
use crate::within::Within;

/// A datagram that [`LegMedia::make`] has made.
#[derive(Clone, Copy)]
enum Made {
    Rtp(Packet),
    Rtcp(usize),
}

impl LegMedia {
    /// The next datagram to send, RTP or RTCP ([`is_rtcp`](crate::rtp::is_rtcp) tells which);
    /// `None` when there is nothing more to send at `now_ns`. To be called until it says so.
    ///
    /// Real-time: yes.
    pub fn poll_transmit(&mut self, now_ns: u64) -> Option<&[u8]> {
        self.poll(now_ns)
    }

    /// As [`LegMedia::poll_transmit`], into `out`, sharing payloads with others and leaving RTP to be
    /// protected together with others'. `out` has room for [`MAX_DATAGRAM_BYTES`](crate::leg::MAX_DATAGRAM_BYTES). What was ordered
    /// has been carried out by [`LegMedia::pull`] in the same tick.
    pub(crate) fn poll_plain(
        &mut self,
        now_ns: u64,
        once: &mut EncodeOnce,
        out: &mut [u8],
    ) -> Option<Plain> {
        let whole = |bytes| Plain { bytes, room: bytes, unprotected: None };
        let waits = self.session.batches();
        while let Some(made) = self.make(now_ns, Some(&mut *once), out) {
            self.to_publish = true;
            match made {
                Made::Rtp(packet) if waits => {
                    self.session.count(packet.payload_bytes);
                    return Some(Plain {
                        bytes: packet.bytes,
                        room: (packet.bytes + self.trailer_bytes).min(out.len()),
                        unprotected: Some(packet.payload_bytes),
                    });
                }
                Made::Rtp(packet) => {
                    if let Some(bytes) = self.session.seal(packet.bytes, packet.payload_bytes, out)
                    {
                        return Some(whole(bytes));
                    }
                }
                Made::Rtcp(bytes) => return Some(whole(bytes)),
            }
        }
        self.publish_lately();
        None
    }

    /// The session that protects what [`LegMedia::poll_plain`] leaves to be protected.
    pub(crate) fn protector(&self) -> Option<&srtp::Sender> {
        self.session.protector()
    }

    /// The same, to be changed.
    pub(crate) fn protector_mut(&mut self) -> Option<&mut srtp::Sender> {
        self.session.protector_mut()
    }

    /// A packet that [`LegMedia::poll_plain`] made could not be protected, and is not sent.
    pub(crate) fn refused(&mut self, payload_bytes: usize) {
        self.session.uncount(payload_bytes);
    }

    /// Samples of a packet's audio.
    pub(crate) fn packet_samples(&self) -> usize {
        self.packetizer.packet_samples
    }

    /// Whether its packets are whole pairs of 10 ms and nothing waits for the rest of one, so that two ticks may be
    /// one for it. The jitter buffer's log tells pulls apart that are early, but not those that are late.
    #[inline]
    pub(crate) fn is_in_pairs(&self) -> bool {
        self.packetizer.in_pairs
            && !self.reader.has_black_box()
            && (self.backlog_samples == 0
                || self.backlog_samples.is_multiple_of(self.sample_rate_hz as usize / 50))
    }

    /// The same, and nothing waits at all.
    #[inline]
    pub(crate) fn begins_in_pairs(&self) -> bool {
        self.packetizer.in_pairs && self.backlog_samples == 0
    }

    fn poll(&mut self, now_ns: u64) -> Option<&[u8]> {
        self.apply_commands();
        self.hear(now_ns);
        let mut out = core::mem::take(&mut self.datagram);
        let mut sealed = None;
        while sealed.is_none()
            && let Some(made) = self.make(now_ns, None, &mut out)
        {
            self.to_publish = true;
            sealed = match made {
                Made::Rtp(packet) => {
                    self.session.seal(packet.bytes, packet.payload_bytes, &mut out)
                }
                Made::Rtcp(bytes) => Some(bytes),
            };
        }
        self.datagram = out;
        if sealed.is_none() {
            self.publish_lately();
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
        if let Some(next) = self.session.next_ssrc() {
            // RFC 3550 section 8.2: the old source leaves with a BYE.
            let farewell = self.report(now_ns, true, out);
            self.session.go_on_as(next);
            self.packetizer.ssrc = next;
            if let Some(bytes) = farewell {
                return Some(Made::Rtcp(bytes));
            }
        }
        if !self.session.is_ready() {
            // No keys yet: time goes by, and nothing is said.
            let waiting = self.backlog_samples;
            if waiting >= self.packetizer.packet_samples {
                let packets = waiting.checked_div(self.packetizer.packet_samples);
                self.session.skip(packets.unwrap_or(0) as u64);
                self.to_publish = true;
                self.backlog_samples = 0;
                self.rested_samples += waiting;
                self.rest_whole_packets();
            }
            return None;
        }
        while self.backlog_samples >= self.packetizer.packet_samples {
            if let Some(packet) = self.next_packet(now_ns, once.as_deref_mut(), out) {
                self.keepalive.sent(now_ns);
                return Some(Made::Rtp(packet));
            }
        }
        if self.keepalive.is_due(now_ns)
            && let Some(packet) = self.keep_alive(now_ns, out)
        {
            return Some(Made::Rtp(packet));
        }
        if core::mem::take(&mut self.may_ask)
            && let Some(bytes) = self.request(now_ns, out)
        {
            return Some(Made::Rtcp(bytes));
        }
        if self.session.is_report_due(now_ns) {
            return self.report(now_ns, false, out).map(Made::Rtcp);
        }
        None
    }

    /// Makes the datagram of a packet that another leg passes through
    /// ([`Received::PassThrough`](crate::leg::Received)): its payload untouched (or another in its place,
    /// as from a [`Repacketizer`](crate::codec::Repacketizer)) under `passed.payload_type`, which may
    /// be changed to what this leg's peer calls it. Source, keys and statistics are this leg's;
    /// sequence numbers and timestamps keep their distances, also when they come out of order.
    /// `None` if it is too large, or the keys are used up.
    ///
    /// Real-time: yes.
    pub fn relay(&mut self, passed: &Passed, payload: &[u8]) -> Option<&[u8]> {
        self.apply_commands();
        if !self.direction.sends() {
            return None;
        }
        let limit = self.datagram.len().saturating_sub(self.trailer_bytes);
        let packet = self.packetizer.relay(passed, payload, self.datagram.get_mut(..limit)?)?;
        let mut out = core::mem::take(&mut self.datagram);
        let sealed = self.session.seal(packet.bytes, packet.payload_bytes, &mut out);
        self.keepalive.sent_lately();
        self.datagram = out;
        self.publish();
        self.datagram.get(..sealed?)
    }

    /// A last report with a BYE (RFC 3550 section 6.6), to be sent when the leg ends.
    ///
    /// Real-time: yes.
    pub fn goodbye(&mut self, now_ns: u64) -> Option<&[u8]> {
        let mut out = core::mem::take(&mut self.datagram);
        let made = self.report(now_ns, true, &mut out);
        self.datagram = out;
        self.publish();
        self.datagram.get(..made?)
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
        let samples = self.packetizer.packet_samples;
        let pcm = self.backlog.head(samples);
        let ntp = ntp_time(self.ntp_at_zero, now_ns);
        let packet = self.packetizer.packet(pcm, ntp, out, &mut self.stats, once);
        // Also where nothing is to be sent, which is counted.
        self.to_publish = true;
        self.backlog.shift(samples..self.backlog_samples, 0);
        self.backlog_samples -= samples;
        packet
    }

    /// A packet that says nothing, for want of others.
    fn keep_alive(&mut self, now_ns: u64, out: &mut [u8]) -> Option<Packet> {
        self.keepalive.sent(now_ns);
        let limit = out.len().saturating_sub(self.trailer_bytes);
        self.packetizer.empty(self.keepalive.payload_type, out.get_mut(..limit)?)
    }

    /// Asks for packets that are missing; `None` if there is nothing to ask for.
    fn request(&mut self, now_ns: u64, out: &mut [u8]) -> Option<usize> {
        let mut missing = [Missing::default(); MOST_REQUESTS];
        let count = self.reader.missing(now_ns, &mut missing);
        self.session.request(missing.head(count), now_ns, out)
    }

    fn report(&mut self, now_ns: u64, goodbye: bool, out: &mut [u8]) -> Option<usize> {
        let heard = self.session.heard().unwrap_or_default();
        if heard.reports_received != self.reports_seen {
            self.reports_seen = heard.reports_received;
            let expected = self.packetizer.expect_loss(
                heard.remote_fraction_lost as u8,
                heard.remote_burst_density_x256.min(255) as u8,
            );
            self.stats.expected_loss_percent = u64::from(expected);
        }
        let metrics =
            (self.extended_reports && heard.source_valid != 0).then(|| self.metrics(&heard));
        let clock = SenderReportClock::new(self.packetizer.timestamp_at_rest(
            (self.backlog_samples + self.rested_samples) as u32,
            self.sample_rate_hz,
        ));
        self.session.report(now_ns, clock, metrics.as_ref(), goodbye, out)
    }

    fn metrics(&self, heard: &ReceiverStats) -> VoipMetrics {
        self.assessor.voip_metrics(heard, &self.reader.stats(), self.pulled_level_dbov())
    }

    /// Publishes behind what has been counted, or in each second tick.
    fn publish_lately(&mut self) {
        if self.to_publish {
            self.publish();
        } else {
            self.to_publish = true;
        }
    }

    fn publish(&mut self) {
        self.to_publish = false;
        self.session.publish();
        self.publisher.publish(&self.own_stats());
    }
}
