// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports from the peer: what it says of its own stream, of ours, and its farewell.

use super::{SentReports, ntp_time};
use crate::rtp::rtcp::xr::Block;
use crate::rtp::rtcp::{Packet, Packets, ReportBlock};
use crate::session::event::SessionEvent;
use crate::session::outcome::ReceiveError;
use crate::session::receiver::SessionReceiver;

impl SessionReceiver {
    /// Reads a compound packet; whether it has a BYE of the source listened to. What can't be read in it
    /// takes nothing from what can.
    pub(in crate::session) fn read_rtcp(
        &mut self,
        datagram: &[u8],
        arrival_ns: u64,
    ) -> Result<bool, ReceiveError> {
        if let Some(Packet::SenderReport(ssrc, ..) | Packet::ReceiverReport(ssrc, _)) =
            Packets::new(datagram).flatten().next()
        {
            self.refuse_own(ssrc)?;
        }
        let mut goodbye = false;
        let mut read = 0;
        for packet in Packets::new(datagram) {
            let Ok(packet) = packet else {
                self.stats.rtcp_skipped += 1;
                continue;
            };
            read += 1;
            match packet {
                Packet::SenderReport(ssrc, info, blocks) => {
                    if self.sources.heard_ssrc() == Some(ssrc) {
                        self.stats.sender_report_ntp = u64::from(info.ntp_middle());
                        self.stats.sender_report_arrival_ns = arrival_ns;
                    }
                    blocks.for_each(|block| self.report(&block, arrival_ns));
                }
                Packet::ReceiverReport(_, blocks) => {
                    blocks.for_each(|block| self.report(&block, arrival_ns));
                }
                Packet::Goodbye(sources) => {
                    for ssrc in sources {
                        if self.sources.goodbye(ssrc, arrival_ns) && self.stats.departed == 0 {
                            self.stats.goodbyes += 1;
                            *self.stats.hot().departed = 1;
                            self.events.emit(SessionEvent::Goodbye { ssrc });
                            goodbye = true;
                        }
                    }
                }
                Packet::Nack(_, media_ssrc, sequences) if media_ssrc == self.local_ssrc => {
                    self.stats.nacked_packets += sequences.count() as u64;
                }
                Packet::ExtendedReport(ssrc, blocks) => {
                    blocks.for_each(|block| self.extended_report(ssrc, block, arrival_ns));
                }
                Packet::Nack(..) | Packet::SourceDescription(..) | Packet::Other(_) => {}
            }
        }
        if read == 0 {
            return Err(ReceiveError::Malformed);
        }
        self.stats.rtcp_packets += 1;
        Ok(goodbye)
    }

    /// The round trip by an answer that came at `arrival_ns`, if it is to a report of ours.
    fn round_trip(&mut self, last_report: u32, delay: u32, arrival_ns: u64) {
        let sent = self.sent_reports.read::<SentReports>().unwrap_or_default();
        let now = ntp_time(self.ntp_at_zero, arrival_ns);
        if let Some(round_trip_ns) = sent.round_trip_ns(last_report, delay, now) {
            self.stats.round_trip_ns = round_trip_ns;
        }
    }

    /// Takes in what the peer says of our stream.
    fn report(&mut self, block: &ReportBlock, arrival_ns: u64) {
        if block.ssrc != self.local_ssrc {
            return;
        }
        self.stats.reports_received += 1;
        self.stats.remote_fraction_lost = u64::from(block.fraction_lost);
        self.stats.remote_cumulative_lost = i64::from(block.cumulative_lost) as u64;
        self.stats.remote_jitter_ticks = u64::from(block.jitter_ticks);
        let (last, delay) = (block.last_sender_report, block.delay_since_last_sender_report);
        self.round_trip(last, delay, arrival_ns);
    }

    /// Takes in what the peer says in an extended report (RFC 3611).
    fn extended_report(&mut self, ssrc: u32, block: Block<'_>, arrival_ns: u64) {
        match block {
            Block::ReceiverReferenceTime(ntp) => {
                self.stats.reference_time_ntp = u64::from((ntp >> 16) as u32);
                self.stats.reference_time_arrival_ns = arrival_ns;
                self.stats.reference_time_ssrc = u64::from(ssrc);
            }
            Block::Dlrr(answers) => {
                let local_ssrc = self.local_ssrc;
                for answer in answers.filter(|answer| answer.ssrc == local_ssrc) {
                    let (last, delay) =
                        (answer.last_receiver_report, answer.delay_since_last_receiver_report);
                    self.round_trip(last, delay, arrival_ns);
                }
            }
            Block::VoipMetrics(metrics) if metrics.ssrc == self.local_ssrc => {
                self.stats.remote_rating = u64::from(metrics.rating);
                self.stats.remote_mos_x10 = u64::from(metrics.mos_cq_x10);
                self.stats.remote_burst_density_x256 = u64::from(metrics.burst_density);
            }
            Block::VoipMetrics(_) | Block::Other(_) => {}
        }
    }
}
