// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said of the call: reports (RFC 3550 section 6, RFC 3611) and requests for packets that are
//! missing (RFC 4585).

use super::nack::MOST;
use super::{Scheduler, ntp_time};
use crate::rtp::rtcp::Missing;
use crate::rtp::rtcp::xr::{ExtendedReport, VoipMetrics};
use crate::rtp::rtcp::{CompoundWriter, RtcpError, SenderInfo};
use crate::session::outcome::ReceiverStats;
use crate::session::sender::SessionSender;
use crate::session::{Nack, SenderReportClock};
use crate::within::Within;

impl SessionSender {
    /// Whether a report is due.
    ///
    /// Real-time: yes.
    pub fn is_report_due(&mut self, now_ns: u64) -> bool {
        self.scheduler.is_due(now_ns)
    }

    /// Writes a compound packet to `out`, protects it and returns its length: a sender report if anything
    /// was sent since the last but one, a receiver report else (section 6.4); who we are; extended reports
    /// with the `metrics` of a voice, if they were negotiated; and on request a BYE. `None` while there are
    /// no keys, or no room.
    ///
    /// Real-time: yes.
    pub fn report(
        &mut self,
        now_ns: u64,
        clock: SenderReportClock,
        metrics: Option<&VoipMetrics>,
        goodbye: bool,
        out: &mut [u8],
    ) -> Option<usize> {
        let heard = self.heard.read::<ReceiverStats>().unwrap_or_default();
        let block = self.scheduler.block(&heard, now_ns);
        let info = SenderInfo {
            ntp: ntp_time(self.ntp_at_zero, now_ns),
            rtp_timestamp: clock.timestamp,
            packets: self.counts.source_packets as u32,
            octets: self.counts.source_octets as u32,
        };
        let sender = self.is_sender().then_some(&info);
        let answer = Scheduler::answer(&heard, now_ns);
        let extended =
            ExtendedReport { reference_time: Some(info.ntp), answers: answer.as_slice(), metrics };
        let extended = self.extended_reports.then_some(&extended);
        let plain_bytes = {
            let mut write = || -> Result<usize, RtcpError> {
                let mut writer = CompoundWriter::new(out);
                let blocks = block.as_slice();
                match sender {
                    Some(info) => writer.sender_report(self.ssrc, info, blocks)?,
                    None => writer.receiver_report(self.ssrc, blocks)?,
                }
                writer.source_description(self.ssrc, &self.cname)?;
                if let Some(report) = extended {
                    writer.extended_report(self.ssrc, report)?;
                }
                if goodbye {
                    writer.goodbye(self.ssrc)?;
                }
                Ok(writer.len())
            };
            write().ok()?
        };
        let bytes = self.seal_rtcp(plain_bytes, out)?;
        if sender.is_some() || self.extended_reports {
            self.sent_reports.sent(info.ntp);
            self.sent_reports_publisher.publish(&self.sent_reports);
        }
        self.reported();
        Some(bytes)
    }

    /// Asks for packets that are missing, as far as that is worth it; `None` if there is nothing to ask
    /// for.
    ///
    /// Real-time: yes.
    pub fn request(&mut self, missing: &[Missing], now_ns: u64, out: &mut [u8]) -> Option<usize> {
        let heard = self.heard.read::<ReceiverStats>()?;
        if heard.source_valid == 0 || missing.is_empty() {
            return None;
        }
        let mut sequences = [0; MOST];
        let requests = self.requests.as_mut()?;
        let count = requests.choose(missing, heard.round_trip_ns, now_ns, &mut sequences);
        if count == 0 {
            return None;
        }
        let mut writer = CompoundWriter::new(out);
        if self.nack == Nack::Compound {
            writer.receiver_report(self.ssrc, &[]).ok()?;
            writer.source_description(self.ssrc, &self.cname).ok()?;
        }
        writer.nack(self.ssrc, heard.remote_ssrc as u32, sequences.head(count)).ok()?;
        let plain_bytes = writer.len();
        let bytes = self.seal_rtcp(plain_bytes, out)?;
        self.counts.requested_packets += count as u64;
        Some(bytes)
    }
}
