// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a conference is made for.

use crate::dsp::resample::RATES_HZ;

/// Between two ticks.
pub(super) const TICK_NS: u64 = 10_000_000;

/// Ticks that may be joined: 20 ms, the packets of telephony.
pub(super) const PAIR: usize = 2;

/// Whether a conference does the work of two ticks in the second of them, while nobody can tell: while all members are
/// legs whose packets are of 20 ms or a multiple, all are heard, nobody is tapped, no leg keeps a log of its jitter
/// buffer and no command has come.
///
/// What is sent is the same, to the bit and the tick (with a stateful codec but for who shares a payload with whom),
/// and a leg costs less, most of all in conferences whose legs no cache holds: each is touched once in 20 ms. In turn
/// a tick has nearly nothing to do and the next twice as much. Conferences of a thread therefore get
/// [`JoinedTicks::FromFirst`] and [`JoinedTicks::FromSecond`] in turn; it is not for one that fills a thread.
///
/// A member's place takes twice the memory. Members begin their packets with a pair of ticks, so that a member's first
/// may come 10 ms later. Conferences that are shares ([`Conference::gather`](super::Conference::gather)) join no ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JoinedTicks {
    /// Each tick does its own work.
    #[default]
    No,
    /// The first tick and the second are a pair, and so on.
    FromFirst,
    /// The second tick and the third are a pair, and so on.
    FromSecond,
}

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
    /// Whether the work of two ticks is done in the second of them.
    pub joined_ticks: JoinedTicks,
}

impl ConferenceConfig {
    /// Times 10 ms that are worked on at once, at most.
    pub(super) fn most_frames(&self) -> usize {
        if self.joined_ticks == JoinedTicks::No { 1 } else { PAIR }
    }
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
            joined_ticks: JoinedTicks::No,
        }
    }
}
