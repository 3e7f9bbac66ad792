// SPDX-License-Identifier: MIT OR Apache-2.0
//! Call quality report: what an operator wants to know of it when it is over, in one struct, and as
//! JSON.

use alloc::sync::Arc;
use core::fmt::{self, Write};

use super::stats::LegStats;

/// A call in figures. All are of what this leg has heard, unless they say otherwise.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CallQualityReport {
    /// Encoding name of the codec received first in the configuration.
    pub codec: Arc<str>,
    /// SRTP suite by its name in session descriptions, `None` for plain RTP.
    pub suite: Option<&'static str>,
    /// Our source.
    pub local_ssrc: u32,
    /// The source listened to last, 0 for none.
    pub remote_ssrc: u32,
    /// Times that the source changed.
    pub source_changes: u64,
    /// From the first datagram of the peer's to the last, in ms.
    pub duration_ms: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets received and taken.
    pub packets_received: u64,
    /// Payload bytes received.
    pub octets_received: u64,
    /// Packets that never came.
    pub packets_lost: u64,
    /// Packets that came too late.
    pub packets_late: u64,
    /// Packets restored from redundancy.
    pub packets_recovered: u64,
    /// Datagrams refused: malformed, forged, replayed, of strangers, without a free slot.
    pub datagrams_refused: u64,
    /// Loss in percent.
    pub loss_percent: f32,
    /// Loss within bursts in percent, and the bursts' mean length in packets (RFC 3611).
    pub burst_loss_percent: f32,
    /// See `burst_loss_percent`.
    pub burst_packets: f32,
    /// Loss in gaps in percent, and the gaps' mean length in packets.
    pub gap_loss_percent: f32,
    /// See `gap_loss_percent`.
    pub gap_packets: f32,
    /// Interarrival jitter at the end, in ms (RFC 3550 A.8).
    pub jitter_ms: f32,
    /// Round-trip time, in ms; 0 if unknown.
    pub round_trip_ms: f32,
    /// Mean time in the jitter buffer, in ms.
    pub buffer_ms: f32,
    /// Its 95th percentile, in ms.
    pub buffer_p95_ms: f32,
    /// Sound made up, in percent.
    pub concealed_percent: f32,
    /// The sender's clock against ours, in parts per million.
    pub drift_ppm: i64,
    /// Transmission rating R (ITU-T G.107); `None`, like the next ones, where nothing was heard.
    pub rating: Option<f32>,
    /// Listening quality, 1 to 4.5.
    pub mos_lq: Option<f32>,
    /// Conversational quality, 1 to 4.5.
    pub mos_cq: Option<f32>,
    /// Rating on the wide-band scale, 0 to 129 (ITU-T G.107.1).
    pub wide_band_rating: Option<f32>,
    /// Conversational quality on the wide-band scale, on which narrow-band reaches 3.7.
    pub wide_band_mos: Option<f32>,
    /// What the peer says of its side in an extended report: rating R, 0 if it has said nothing.
    pub remote_rating: u64,
    /// Fraction that the peer has lost of what we sent, by its last report, in percent.
    pub remote_loss_percent: f32,
}

impl CallQualityReport {
    pub(super) fn new(
        stats: &LegStats,
        codec: &Arc<str>,
        suite: Option<&'static str>,
        local_ssrc: u32,
    ) -> Self {
        let (receiver, jitter) = (&stats.receiver, &stats.jitter);
        let refused = receiver.malformed
            + receiver.authentication_failed
            + receiver.replayed
            + receiver.srtp_refused
            + receiver.unknown_payload_type
            + receiver.unknown_ssrc
            + receiver.own_ssrc
            + receiver.foreign_address
            + receiver.oversized
            + receiver.no_slot;
        let to_ms = |us: u64| us as f32 * 1e-3;
        Self {
            codec: Arc::clone(codec),
            suite,
            local_ssrc,
            remote_ssrc: receiver.remote_ssrc as u32,
            source_changes: receiver.source_changes,
            duration_ms: receiver.last_arrival_ns.saturating_sub(receiver.first_arrival_ns)
                / 1_000_000,
            packets_sent: stats.media.packets,
            packets_received: receiver.packets,
            octets_received: receiver.octets,
            packets_lost: receiver.call_expected.saturating_sub(receiver.call_received),
            packets_late: jitter.late,
            packets_recovered: jitter.recovered,
            datagrams_refused: refused,
            loss_percent: stats.loss_percent,
            burst_loss_percent: receiver.burst_density_x256 as f32 / 2.56,
            burst_packets: receiver.burst_packets_x16 as f32 / 16.0,
            gap_loss_percent: receiver.gap_density_x256 as f32 / 2.56,
            gap_packets: receiver.gap_packets_x16 as f32 / 16.0,
            jitter_ms: stats.jitter_ms,
            round_trip_ms: stats.round_trip_ms,
            buffer_ms: to_ms(jitter.mean_delay_us),
            buffer_p95_ms: to_ms(jitter.delay_p95_us),
            concealed_percent: stats.concealed_percent,
            drift_ppm: jitter.drift_ppm(),
            rating: stats.quality.map(|quality| quality.rating),
            mos_lq: stats.quality.map(|quality| quality.mos_lq),
            mos_cq: stats.quality.map(|quality| quality.mos),
            wide_band_rating: stats.quality.map(|quality| quality.wide_band_rating),
            wide_band_mos: stats.quality.map(|quality| quality.wide_band_mos),
            remote_rating: receiver.remote_rating,
            remote_loss_percent: receiver.remote_fraction_lost as f32 / 2.56,
        }
    }

    /// Writes the report as one JSON object, members named like the fields.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, out: &mut impl Write) -> fmt::Result {
        write!(out, "{{\"codec\":\"{}\"", self.codec)?;
        match self.suite {
            Some(suite) => write!(out, ",\"suite\":\"{suite}\"")?,
            None => out.write_str(",\"suite\":null")?,
        }
        macro_rules! members {
            ($($name:ident $format:literal),* $(,)?) => {$(
                write!(out, concat!(",\"", stringify!($name), "\":", $format), self.$name)?;
            )*};
        }
        members! {
            local_ssrc "{}", remote_ssrc "{}", source_changes "{}", duration_ms "{}",
            packets_sent "{}", packets_received "{}", octets_received "{}", packets_lost "{}",
            packets_late "{}", packets_recovered "{}", datagrams_refused "{}",
            loss_percent "{:.2}", burst_loss_percent "{:.2}", burst_packets "{:.1}",
            gap_loss_percent "{:.2}", gap_packets "{:.1}", jitter_ms "{:.2}",
            round_trip_ms "{:.1}", buffer_ms "{:.1}", buffer_p95_ms "{:.1}",
            concealed_percent "{:.2}", drift_ppm "{}", remote_rating "{}", remote_loss_percent "{:.2}",
        }
        let scores = [
            ("rating", self.rating),
            ("mos_lq", self.mos_lq),
            ("mos_cq", self.mos_cq),
            ("wide_band_rating", self.wide_band_rating),
            ("wide_band_mos", self.wide_band_mos),
        ];
        for (name, score) in scores {
            match score {
                Some(score) => write!(out, ",\"{name}\":{score:.2}")?,
                None => write!(out, ",\"{name}\":null")?,
            }
        }
        out.write_char('}')
    }
}
