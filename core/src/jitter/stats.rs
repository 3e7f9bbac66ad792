// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one can see of a jitter buffer: what each pull did, and counters. Plain `Copy` values; the
//! audio thread writes them, any thread reads them through a snapshot.

use crate::sync::snapshot::Words;

/// What a pull did. Of several 10 ms in one pull, the one furthest down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Operation {
    /// Nothing has arrived yet, or the first packet waits for its time.
    #[default]
    Silence,
    /// Decoded sound, as it came.
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
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)*) => {
        /// Counters since creation.
        ///
        /// Every packet inserted is in exactly one of `played`, `late`, `duplicate`, `dropped`,
        /// `flushed`, `passed`, `malformed`, `oversized`, `no_slot` or still `waiting`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct JitterStats {
            $($(#[doc = $doc])+ pub $name: u64,)*
        }

        /// How many counters there are.
        pub(crate) const COUNTERS: usize = [$(stringify!($name)),*].len();

        impl JitterStats {
            /// Each counter's name and value.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }

        impl Words<COUNTERS> for JitterStats {
            fn to_words(&self) -> [u64; COUNTERS] {
                [$(self.$name),*]
            }
            fn from_words(words: &[u64; COUNTERS]) -> Self {
                let [$($name),*] = *words;
                Self { $($name),* }
            }
        }
    };
}

counters! {
    /// Packets handed to `insert`.
    inserted,
    /// Packets of which something was heard, comfort noise descriptions included.
    played,
    /// Packets that came when their time was over.
    late,
    /// Packets that came before.
    duplicate,
    /// Packets that a decoder refused, or that fitted no stream.
    dropped,
    /// Packets skipped to shorten the delay, or left over when another stream began.
    flushed,
    /// Packets of payload types without a decoder (telephone events, say).
    passed,
    /// Packets that are not RTP.
    malformed,
    /// Packets with a larger payload than is accepted.
    oversized,
    /// Packets that came while all slots were taken.
    no_slot,
    /// Packets that wait.
    waiting,
    /// Packets that never came, as far as sequence numbers tell; one that comes late is taken off.
    missing,
    /// Packets that were restored from redundancy (Opus FEC, RED).
    recovered,
    /// Starts of a new stream or timeline (SSRC, sequence number, timestamp, clock).
    restarts,
    /// Samples pulled.
    samples,
    /// Samples pulled per operation: silence before the start,
    silence_samples,
    /// made up for missing ones,
    concealed_samples,
    /// comfort noise.
    comfort_noise_samples,
    /// Samples taken out to shorten the delay,
    removed_samples,
    /// and put in to lengthen it.
    inserted_samples,
    /// Pulls of 10 ms that took time out,
    accelerations,
    /// put time in,
    expansions,
    /// began a concealment,
    concealments,
    /// or joined sound to a concealment.
    merges,
    /// Mean buffering delay of a 10 ms pull, microseconds.
    mean_delay_us,
    /// Its 95th percentile, microseconds (in steps of 8 ms).
    delay_p95_us,
    /// The delay at the last pull, microseconds.
    delay_us,
    /// The delay aimed at, microseconds.
    target_delay_us,
    /// The sender's clock against ours, parts per million, as a two's complement number.
    drift_ppm_bits,
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

    #[test]
    fn counters_survive_the_way_through_a_snapshot() {
        let words = core::array::from_fn(|n| n as u64);
        let stats = JitterStats::from_words(&words);
        assert_eq!(stats.to_words(), words);
        assert!(stats.iter().map(|(_, value)| value).eq(0..COUNTERS as u64));
    }
}
