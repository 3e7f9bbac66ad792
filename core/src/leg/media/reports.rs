// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the audio thread's half says of the call: reports (RFC 3550 section 6, RFC 3611) and requests for
//! packets that are missing (RFC 4585).

use super::LegMedia;
use crate::jitter::Missing;
use crate::leg::config::Nack;
use crate::leg::nack::MOST;
use crate::leg::receiver::ReceiverStats;
use crate::leg::rtcp::{Scheduler, ntp_time, write_compound};
use crate::rtp::rtcp::xr::ExtendedReport;
use crate::rtp::rtcp::{CompoundWriter, SenderInfo};
use crate::within::Within;

impl LegMedia {
    /// Asks for packets that are missing; `None` if there is nothing to ask for.
    pub(super) fn request(&mut self, now_ns: u64, out: &mut [u8]) -> Option<usize> {
        let mut missing = [Missing::default(); MOST];
        let count = self.reader.missing(now_ns, &mut missing);
        if count == 0 {
            return None;
        }
        let heard = self.heard.read::<ReceiverStats>()?;
        let mut sequences = [0; MOST];
        let requests = self.requests.as_mut()?;
        let missing = missing.head(count);
        let count = requests.choose(missing, heard.round_trip_ns, now_ns, &mut sequences);
        if count == 0 || heard.source_valid == 0 {
            return None;
        }
        let ssrc = self.packetizer.ssrc;
        let mut writer = CompoundWriter::new(out);
        if self.nack == Nack::Compound {
            writer.receiver_report(ssrc, &[]).ok()?;
            writer.source_description(ssrc, &self.cname).ok()?;
        }
        writer.nack(ssrc, heard.remote_ssrc as u32, sequences.head(count)).ok()?;
        let plain_bytes = writer.len();
        self.stats.requested_packets += count as u64;
        self.seal_rtcp(plain_bytes, out)
    }

    pub(super) fn report(&mut self, now_ns: u64, goodbye: bool, out: &mut [u8]) -> Option<usize> {
        let heard = self.heard.read::<ReceiverStats>().unwrap_or_default();
        if heard.reports_received != self.reports_seen {
            self.reports_seen = heard.reports_received;
            let expected = self.packetizer.expect_loss(heard.remote_fraction_lost as u8);
            self.stats.expected_loss_percent = u64::from(expected);
        }
        let block = self.scheduler.block(&heard, now_ns);
        let info = SenderInfo {
            ntp: ntp_time(self.ntp_at_zero, now_ns),
            rtp_timestamp: self.packetizer.timestamp(),
            packets: self.stats.packets as u32,
            octets: self.stats.octets as u32,
        };
        let sender = (self.stats.packets > 0).then_some(&info);
        let answer = Scheduler::answer(&heard, now_ns);
        let metrics = (heard.source_valid != 0).then(|| {
            let level = self.stats.pulled_level_dbov as u8;
            self.assessor.voip_metrics(&heard, &self.reader.stats(), level)
        });
        let extended = ExtendedReport {
            reference_time: Some(info.ntp),
            answers: answer.as_slice(),
            metrics: metrics.as_ref(),
        };
        let extended = self.extended_reports.then_some(&extended);
        let plain_bytes = write_compound(
            out,
            self.packetizer.ssrc,
            &self.cname,
            sender,
            block,
            extended,
            goodbye,
        )
        .ok()?;
        self.seal_rtcp(plain_bytes, out)
    }

    /// Protects the RTCP packet in `out` and counts it.
    fn seal_rtcp(&mut self, plain_bytes: usize, out: &mut [u8]) -> Option<usize> {
        let bytes = match &mut self.protect {
            Some(session) => match session.protect_rtcp(out, plain_bytes) {
                Ok(bytes) => bytes,
                Err(_) => {
                    self.stats.protect_errors += 1;
                    return None;
                }
            },
            None => plain_bytes,
        };
        self.stats.rtcp_packets += 1;
        Some(bytes)
    }
}
