// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports from the peer: what it says of its own stream, of ours, and its farewell.

use super::{LegReceiver, ReceiveError, Received};
use crate::leg::event::LegEvent;
use crate::leg::rtcp::{ntp_time, round_trip_ns};
use crate::rtp::rtcp::xr::Block;
use crate::rtp::rtcp::{Packet, Packets, ReportBlock};

impl LegReceiver {
    pub(super) fn receive_rtcp(
        &mut self,
        datagram: &mut [u8],
        arrival_ns: u64,
    ) -> Result<Received, ReceiveError> {
        let length = match &mut self.unprotect {
            Some(session) => session.unprotect_rtcp(datagram).map_err(ReceiveError::Srtp)?,
            None => datagram.len(),
        };
        let datagram = datagram.get(..length).ok_or(ReceiveError::Malformed)?;
        // Nothing of a compound counts before all of it has been read.
        if datagram.is_empty() || !Packets::new(datagram).all(|packet| packet.is_ok()) {
            return Err(ReceiveError::Malformed);
        }
        if let Some(Ok(Packet::SenderReport(ssrc, ..) | Packet::ReceiverReport(ssrc, _))) =
            Packets::new(datagram).next()
        {
            self.refuse_own(ssrc)?;
        }
        let mut outcome = Received::Report;
        for packet in Packets::new(datagram).flatten() {
            match packet {
                Packet::SenderReport(ssrc, info, blocks) => {
                    if self.source.as_ref().is_some_and(|source| source.ssrc == ssrc) {
                        self.stats.sender_report_ntp = u64::from(info.ntp_middle());
                        self.stats.sender_report_arrival_ns = arrival_ns;
                    }
                    blocks.for_each(|block| self.report(&block, arrival_ns));
                }
                Packet::ReceiverReport(_, blocks) => {
                    blocks.for_each(|block| self.report(&block, arrival_ns));
                }
                Packet::Goodbye(mut sources) => {
                    let current = self.source.as_ref().map(|source| source.ssrc);
                    if sources.any(|ssrc| Some(ssrc) == current) {
                        self.stats.goodbyes += 1;
                        self.events.emit(LegEvent::Goodbye { ssrc: current.unwrap_or(0) });
                        outcome = Received::Goodbye;
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
        self.stats.rtcp_packets += 1;
        Ok(outcome)
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
        if let Some(round_trip) = round_trip_ns(last, delay, ntp_time(self.ntp_at_zero, arrival_ns))
        {
            self.stats.round_trip_ns = round_trip;
        }
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
                for answer in answers.filter(|answer| answer.ssrc == self.local_ssrc) {
                    let now = ntp_time(self.ntp_at_zero, arrival_ns);
                    let (last, delay) =
                        (answer.last_receiver_report, answer.delay_since_last_receiver_report);
                    if let Some(round_trip) = round_trip_ns(last, delay, now) {
                        self.stats.round_trip_ns = round_trip;
                    }
                }
            }
            Block::VoipMetrics(metrics) if metrics.ssrc == self.local_ssrc => {
                self.stats.remote_rating = u64::from(metrics.rating);
                self.stats.remote_mos_x10 = u64::from(metrics.mos_cq_x10);
            }
            Block::VoipMetrics(_) | Block::Other(_) => {}
        }
    }
}
