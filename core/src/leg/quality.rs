// SPDX-License-Identifier: MIT OR Apache-2.0
//! Call quality estimation, from what the two halves count: for statistics, for RTCP's VoIP metrics
//! and for the call quality report at hang-up. One calculation, so that all of them agree.

use crate::jitter::JitterStats;
use crate::rtp::burst::GAP_MINIMUM;
use crate::rtp::rtcp::xr::{UNAVAILABLE, VoipMetrics};
use crate::session::ReceiverStats;
use crate::stats::emodel::{self, Impairment, Quality};

/// What does not change during a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Assessor {
    pub(super) impairment: Impairment,
    /// Packet time of the peer, as far as known.
    pub(super) packet_ms: f32,
    pub(super) max_delay_ms: u16,
}

/// A call's quality up to now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Assessment {
    /// Packets that the network lost, in percent of those expected.
    pub(super) loss_percent: f32,
    /// Packets that came too late to be played, in percent of those expected.
    pub(super) discard_percent: f32,
    /// Sound made up, in percent of what was heard.
    pub(super) concealed_percent: f32,
    pub(super) round_trip_ms: f32,
    /// Time in the buffer.
    pub(super) buffer_ms: f32,
    /// `None` where nothing can be said: nothing was heard.
    pub(super) quality: Option<Quality>,
}

impl Assessor {
    pub(super) fn assess(&self, receiver: &ReceiverStats, jitter: &JitterStats) -> Assessment {
        let expected = receiver.call_expected;
        let lost = expected.saturating_sub(receiver.call_received);
        let round_trip_ms = receiver.round_trip_ns as f32 * 1e-6;
        let audible = jitter.samples.saturating_sub(jitter.silence_samples);
        let concealed_percent = percent(jitter.concealed_samples, audible);
        let buffer_ms = jitter.mean_delay_us as f32 * 1e-3;
        // Half a round trip, the sender's packet, and the time in the buffer.
        let delay_ms = round_trip_ms / 2.0 + self.packet_ms + buffer_ms;
        let burst_ratio = receiver.burst_ratio_x1000 as f32 * 1e-3;
        Assessment {
            loss_percent: percent(lost, expected),
            discard_percent: percent(jitter.late, expected),
            concealed_percent,
            round_trip_ms,
            buffer_ms,
            quality: (expected > 0 && audible > 0).then(|| {
                emodel::quality(self.impairment, concealed_percent, burst_ratio, delay_ms)
            }),
        }
    }

    /// The same as an RTCP block (RFC 3611 section 4.7).
    pub(super) fn voip_metrics(
        &self,
        receiver: &ReceiverStats,
        jitter: &JitterStats,
        signal_dbov: u8,
    ) -> VoipMetrics {
        let seen = self.assess(receiver, jitter);
        let in_256ths = |percent: f32| (percent * 2.56).clamp(0.0, 255.0) as u8;
        // Section 4.7.5: 127 is unavailable.
        let in_tenths = |score: Option<f32>| score.map_or(UNAVAILABLE, |s| (s * 10.0 + 0.5) as u8);
        let packets_ms = |packets_x16: u64| {
            (packets_x16 as f32 / 16.0 * self.packet_ms).min(f32::from(u16::MAX)) as u16
        };
        let in_ms = |us: u64| (us / 1_000).min(u64::from(u16::MAX)) as u16;
        let nominal_ms = in_ms(jitter.target_delay_us);
        VoipMetrics {
            ssrc: receiver.remote_ssrc as u32,
            loss_rate: in_256ths(seen.loss_percent),
            discard_rate: in_256ths(seen.discard_percent),
            burst_density: receiver.burst_density_x256.min(255) as u8,
            gap_density: receiver.gap_density_x256.min(255) as u8,
            burst_ms: packets_ms(receiver.burst_packets_x16),
            gap_ms: packets_ms(receiver.gap_packets_x16),
            round_trip_ms: seen.round_trip_ms as u16,
            end_system_ms: (seen.buffer_ms + self.packet_ms) as u16,
            // dBm0 is 6 dB above dBov for speech (RFC 3611 calls for the former); two's complement.
            signal_level: (6 - signal_dbov as i16) as i8 as u8,
            noise_level: UNAVAILABLE,
            residual_echo_return_loss: UNAVAILABLE,
            gap_minimum: GAP_MINIMUM,
            rating: seen.quality.map_or(UNAVAILABLE, |quality| (quality.rating + 0.5) as u8),
            external_rating: UNAVAILABLE,
            mos_lq_x10: in_tenths(seen.quality.map(|quality| quality.mos_lq)),
            mos_cq_x10: in_tenths(seen.quality.map(|quality| quality.mos)),
            // Enhanced concealment, adaptive buffer.
            receiver_configuration: 0xf0,
            buffer_nominal_ms: nominal_ms,
            buffer_maximum_ms: in_ms(jitter.delay_p95_us).max(nominal_ms),
            buffer_absolute_maximum_ms: self.max_delay_ms,
        }
    }
}

/// `part` in percent of `whole`, 0 of nothing.
pub(super) fn percent(part: u64, whole: u64) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 * 100.0 / whole as f32 }
}
