// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a tap that is read, by one thread at a time.

use alloc::sync::Arc;
use core::fmt;

use super::config::{TapConfig, TapId, TapSource};
use super::consent::Withdrawals;
use super::frame::{Head, Reader, TapFrame};

/// The end of a tap that is read. Dropped, the tap is over.
pub struct TapReader {
    id: TapId,
    config: TapConfig,
    frames: Reader,
    withdrawals: Arc<Withdrawals>,
    lost_frames: u64,
    withheld_frames: u64,
}

impl TapReader {
    pub(crate) fn new(
        id: TapId,
        config: &TapConfig,
        frames: Reader,
        withdrawals: Arc<Withdrawals>,
    ) -> Self {
        Self { id, config: *config, frames, withdrawals, lost_frames: 0, withheld_frames: 0 }
    }

    /// The tap's name.
    pub fn id(&self) -> TapId {
        self.id
    }

    /// What it was made for.
    pub fn config(&self) -> &TapConfig {
        &self.config
    }

    /// Samples of a frame: 10 ms.
    pub fn frame_samples(&self) -> usize {
        (self.config.sample_rate_hz / 100) as usize
    }

    /// Reads the oldest 10 ms to the front of `pcm`, which has room for [`TapReader::frame_samples`]; `None`
    /// when there is nothing, or no room. What was taken before a withdrawal is not given after it.
    ///
    /// Real-time: yes.
    pub fn read(&mut self, pcm: &mut [i16]) -> Option<TapFrame> {
        let samples = self.frame_samples();
        let pcm = pcm.get_mut(..samples)?;
        let mut lost = 0;
        // As many as there are at most; more that come meanwhile are for the next call.
        for _ in 0..=super::MAX_BUFFER_MS / 10 {
            let (head, before) = self.frames.read(pcm)?;
            lost += before;
            let head = Head::from_words(head);
            if head.under == self.withdrawals_now() {
                self.lost_frames += lost;
                return Some(head.frame(samples, lost));
            }
            pcm.fill(0);
            self.withheld_frames += 1;
        }
        None
    }

    fn withdrawals_now(&self) -> u32 {
        match self.config.source {
            TapSource::Member(id) => self.withdrawals.of(id.index, self.config.purpose),
            TapSource::Mix => self.withdrawals.of_anybody(self.config.purpose),
        }
    }

    /// Whether nothing more will come; what waits can still be read.
    ///
    /// Real-time: yes.
    pub fn is_ended(&self) -> bool {
        self.frames.is_closed()
    }

    /// Frames that were lost because nobody read.
    pub fn lost_frames(&self) -> u64 {
        self.lost_frames
    }

    /// Frames that were not given, since they were taken before a withdrawal.
    pub fn withheld_frames(&self) -> u64 {
        self.withheld_frames
    }

    /// How much of the tap's memory is not zero, in words of four samples: what an inspection after a withdrawal
    /// and a tick finds to be 0, until there is a new grant.
    ///
    /// Real-time: no (walks all of it).
    pub fn residue(&self) -> usize {
        self.frames.residue()
    }
}

impl fmt::Debug for TapReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapReader").field("config", &self.config).finish_non_exhaustive()
    }
}
