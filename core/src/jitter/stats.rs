// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one can see of a jitter buffer: what each pull did, and counters. Plain `Copy` values; the
//! audio thread writes them, any thread reads them through a snapshot.

use crate::stats::counters;

/// What a pull did. Of several 10 ms in one pull, the one furthest down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Operation {
    /// Nothing has arrived yet, or the first packet waits for its time; or nothing has come for so
    /// long that what stood in has faded.
    #[default]
    Silence,
    /// Decoded audio, as it came.
    Normal,
    /// Comfort noise in a pause of the sender's.
    ComfortNoise,
    /// Sound again after concealment, cross-faded with its continuation.
    Merge,
    /// Time was taken out, to shorten the delay.
    Accelerate,
    /// Time was put in, to lengthen the delay.
    Expand,
    /// Sound made up for what is missing.
    Conceal,
}

impl Operation {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Silence,
        Self::Normal,
        Self::ComfortNoise,
        Self::Merge,
        Self::Accelerate,
        Self::Expand,
        Self::Conceal,
    ];
}

/// What a pull did, and the delay that it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct PullInfo {
    /// What was done.
    pub operation: Operation,
    /// How long the next sample will have waited beyond the fastest packets' way, milliseconds;
    /// 0 before the first packet.
    pub delay_ms: f32,
    /// The delay that the buffer aims at, milliseconds.
    pub target_delay_ms: f32,
    /// Packets that wait.
    pub waiting_packets: u16,
    /// The sum of the squares of the samples: with their count, how loud they are
    /// ([`dbov`](crate::dsp::level::dbov)).
    pub energy: u64,
}

counters! {
    /// Counters since creation.
    ///
    /// Every packet inserted is in exactly one of `played`, `late`, `duplicate`, `dropped`,
    /// `flushed`, `passed`, `malformed`, `oversized`, `no_slot` or still `waiting`.
    pub struct JitterStats {
        /// Packets handed to `insert`.
        pub inserted,
        /// Packets of which something was heard, comfort noise descriptions included.
        pub played,
        /// Packets that came when their time was over.
        pub late,
        /// Packets that came before.
        pub duplicate,
        /// Packets among those played that were not decoded, since their header said that they are
        /// silent.
        pub skipped_decodes,
        /// Packets that a decoder refused, or that fitted no stream.
        pub dropped,
        /// Packets skipped to shorten the delay, or left over when another stream began.
        pub flushed,
        /// Packets of payload types without a decoder (telephone events, say).
        pub passed,
        /// Packets that are not RTP.
        pub malformed,
        /// Packets with a larger payload than is accepted.
        pub oversized,
        /// Packets that came while all slots were taken.
        pub no_slot,
        /// Packets that wait.
        pub waiting,
        /// Packets that never came, as far as sequence numbers tell; one that comes late is taken off.
        pub missing,
        /// Packets that were restored from redundancy (Opus FEC, RED).
        pub recovered,
        /// Starts of a new stream or timeline (SSRC, sequence number, timestamp, clock).
        pub restarts,
        /// Packets placed by their sequence number and arrival, since their timestamp contradicted them:
        /// noise, other clocks, jumps without a loss.
        pub corrected_timestamps,
        /// Times that the sender's timestamps, or the network, had stood still, and the stream was taken up
        /// where it was then.
        pub resumptions,
        /// Samples pulled.
        pub samples,
        /// Samples pulled per operation: silence before the start,
        pub silence_samples,
        /// made up for missing ones,
        pub concealed_samples,
        /// comfort noise.
        pub comfort_noise_samples,
        /// Samples taken out to shorten the delay,
        pub removed_samples,
        /// and put in to lengthen it.
        pub inserted_samples,
        /// Pulls of 10 ms that took time out,
        pub accelerations,
        /// put time in,
        pub expansions,
        /// began a concealment,
        pub concealments,
        /// or joined audio to a concealment.
        pub merges,
        /// Mean buffering delay of a 10 ms pull, microseconds.
        pub mean_delay_us,
        /// Its 95th percentile, microseconds (in steps of 8 ms).
        pub delay_p95_us,
        /// The delay at the last pull, microseconds.
        pub delay_us,
        /// The delay aimed at, microseconds.
        pub target_delay_us,
        /// The sender's clock against ours, parts per million, as a two's complement number.
        pub drift_ppm_bits,
    }
}

impl JitterStats {
    /// The sender's clock against ours, parts per million; positive when the sender is fast.
    pub fn drift_ppm(&self) -> i64 {
        self.drift_ppm_bits as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::snapshot::Words;

    #[test]
    fn counters_survive_the_way_through_a_snapshot() {
        let words = core::array::from_fn(|n| n as u64);
        let stats = JitterStats::from_words(&words);
        assert_eq!(stats.to_words(), words);
        assert!(stats.iter().map(|(_, value)| value).eq(0..JitterStats::WORDS as u64));
    }
}
