// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a conference is made for.

use crate::dsp::resample::RATES_HZ;

/// Between two ticks.
pub(super) const TICK_NS: u64 = 10_000_000;

/// What a conference is made for.
#[derive(Debug, Clone, Copy)]
pub struct ConferenceConfig {
    /// Members at a time, 1 to [`MAX_PARTICIPANTS`](crate::mixer::MAX_PARTICIPANTS); the memory for all is
    /// taken at creation, about 2 KiB each.
    pub max_members: usize,
    /// How many are heard at a time, the loudest; 0 for all.
    pub max_speakers: usize,
    /// Gains of one member for another that there may be at a time.
    pub max_pair_gains: usize,
    /// Taps that there may be at a time ([`ConferenceControl::tap`](super::ConferenceControl::tap)), up to 16384;
    /// each takes its memory when it is made.
    pub max_taps: usize,
    /// Whether a look-ahead limiter keeps sums below full scale, 2 ms later; without one they are
    /// clamped.
    pub limiter: bool,
    /// Groups of members that share an encoder: one for each codec, its settings and the tick in
    /// which packets start. About 5 KiB each; 0 for none.
    pub encode_groups: usize,
    /// Rates that members' PCM may have, of 8, 16, 32 and 48 kHz; 0 in the place of one that is not used.
    /// Each costs a mixer, and each pair of them two resamplers: a conference of one rate takes a third of
    /// the memory of one of all.
    pub rates_hz: [u32; 4],
}

impl Default for ConferenceConfig {
    fn default() -> Self {
        Self {
            max_members: 16,
            max_speakers: 0,
            max_pair_gains: 0,
            max_taps: 8,
            limiter: false,
            encode_groups: 4,
            rates_hz: RATES_HZ,
        }
    }
}
