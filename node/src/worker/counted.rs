// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is counted of video.

use std::sync::atomic::{AtomicU64, Ordering};

use super::count;

/// What is counted of a member's video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Packets that its camera sent, without those that came again.
    Received,
    /// Of those, such as had been lost and were sent again.
    Recovered,
    /// Packets of its camera that never came.
    Lost,
    /// Key frames that its camera was asked for.
    KeyFramesAsked,
    /// Packets that it was shown.
    Sent,
    /// Packets that it was sent again.
    Repaired,
    /// Packets that it asked for and did not get.
    NotRepaired,
    /// Times that it was shown another camera.
    Switches,
    /// Times that it was shown another size of the same.
    Resizes,
    /// Datagrams that were refused.
    Refused,
    /// What could not be sent.
    Unsent,
}

impl Counted {
    /// All there are, in the order of their counters.
    pub const ALL: [Self; 11] = [
        Self::Received,
        Self::Recovered,
        Self::Lost,
        Self::KeyFramesAsked,
        Self::Sent,
        Self::Repaired,
        Self::NotRepaired,
        Self::Switches,
        Self::Resizes,
        Self::Refused,
        Self::Unsent,
    ];

    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Recovered => "recovered",
            Self::Lost => "lost",
            Self::KeyFramesAsked => "key_frames_asked",
            Self::Sent => "sent",
            Self::Repaired => "repaired",
            Self::NotRepaired => "not_repaired",
            Self::Switches => "switches",
            Self::Resizes => "resizes",
            Self::Refused => "refused",
            Self::Unsent => "unsent",
        }
    }
}

/// What has become of a member's video; written by its worker alone.
#[derive(Debug, Default)]
pub struct CameraCounters([AtomicU64; Counted::ALL.len()]);

impl CameraCounters {
    /// In the order of [`Counted::ALL`].
    pub fn read(&self) -> [u64; Counted::ALL.len()] {
        self.0.each_ref().map(|counter| counter.load(Ordering::Relaxed))
    }

    pub(super) fn add(&self, counted: Counted) {
        if let Some(counter) = self.0.get(counted as usize) {
            count(counter, 1);
        }
    }

    pub(super) fn set(&self, counted: Counted, value: u64) {
        if let Some(counter) = self.0.get(counted as usize) {
            counter.store(value, Ordering::Relaxed);
        }
    }
}
