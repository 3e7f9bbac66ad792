// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a leg counts, beside its session and its jitter buffer.

use crate::jitter::JitterStats;
use crate::session::{ReceiverStats, SenderStats};
use crate::stats::counters;
use crate::stats::emodel::Quality;

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
        /// Packets that were not sent since there are no keys yet.
        pub without_keys,
        /// Samples thrown away because nobody called [`LegMedia::poll_transmit`](super::LegMedia::poll_transmit).
        pub overrun_samples,
        /// Events lost because nobody called `LegControl::next_event`.
        pub events_dropped,
        /// Loss that the encoder prepares for, in percent; a gauge.
        pub expected_loss_percent,
        /// Level of the last packet time of what was pushed, in -dBov; a gauge.
        pub pushed_level_dbov,
        /// Level of what was pulled last, in -dBov; a gauge.
        pub pulled_level_dbov,
    }
}

impl MediaStats {
    /// Fills in what the session below counts.
    pub(super) fn with(mut self, sent: &SenderStats) -> Self {
        self.packets = sent.packets;
        self.octets = sent.octets;
        self.rtcp_packets = sent.rtcp_packets;
        self.requested_packets = sent.requested_packets;
        self.protect_errors = sent.protect_errors;
        self.without_keys = sent.without_keys;
        self.events_dropped += sent.events_dropped;
        self
    }
}

/// What can be said of a leg just now.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LegStats {
    /// The network thread's half.
    pub receiver: ReceiverStats,
    /// The audio thread's half.
    pub media: MediaStats,
    /// The jitter buffer.
    pub jitter: JitterStats,
    /// Packets that the network lost, in percent of those expected in the whole call.
    pub loss_percent: f32,
    /// Packets that came too late to be played, in percent of those expected.
    pub discard_percent: f32,
    /// Sound that stood in for what the peer sent, in percent of what was heard.
    pub concealed_percent: f32,
    /// Interarrival jitter in ms (RFC 3550 A.8).
    pub jitter_ms: f32,
    /// Round-trip time in ms, 0 if unknown.
    pub round_trip_ms: f32,
    /// RTP packets that may still be sent under the key in use; `u64::MAX` in plain RTP, 0 without keys.
    pub packets_left: u64,
    /// The listener's rating of what is heard, by the E-model; `None` where nothing was heard.
    pub quality: Option<Quality>,
}
