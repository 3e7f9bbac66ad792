// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control half: settings that change while audio runs, and counters, from any thread.

use core::fmt;

use super::config::{DelayMode, JitterConfig, JitterError, MAX_DELAY_MS};
use super::stats::JitterStats;
use crate::sync::primitive::Arc;
use crate::sync::primitive::atomic::{AtomicU64, Ordering};
use crate::sync::snapshot::Snapshot;

/// What the halves share beside the slots: the settings in one word, so that they change together,
/// and the network thread's counters (each written by that thread alone).
#[derive(Debug)]
pub(crate) struct Shared {
    settings: AtomicU64,
    pub(crate) inserted: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) oversized: AtomicU64,
    pub(crate) no_slot: AtomicU64,
}

impl Shared {
    pub(crate) fn new(config: &JitterConfig) -> Self {
        Self {
            settings: AtomicU64::new(Settings::of(config).to_word()),
            inserted: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            oversized: AtomicU64::new(0),
            no_slot: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(crate) fn settings(&self) -> Settings {
        Settings::from_word(self.settings.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, settings: Settings) {
        self.settings.store(settings.to_word(), Ordering::Relaxed);
    }

    /// Changes some of the settings, whoever else changes others meanwhile.
    pub(crate) fn change(&self, f: impl Fn(Settings) -> Settings) {
        let update = |word| Some(f(Settings::from_word(word)).to_word());
        let _ = self.settings.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    }

    /// Copies the network thread's counters.
    pub(crate) fn add_to(&self, stats: &mut JitterStats) {
        // What failed is read first, so that it never exceeds what was inserted.
        stats.malformed = self.malformed.load(Ordering::Acquire);
        stats.oversized = self.oversized.load(Ordering::Acquire);
        stats.no_slot = self.no_slot.load(Ordering::Acquire);
        stats.inserted = self.inserted.load(Ordering::Acquire);
    }
}

/// Adds one to a counter that only the caller's thread writes.
#[inline]
pub(crate) fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
}

/// What can be set while audio runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) min_ms: u16,
    pub(crate) max_ms: u16,
    pub(crate) target_ms: u16,
    pub(crate) mode: DelayMode,
}

impl Settings {
    pub(crate) fn of(config: &JitterConfig) -> Self {
        Self {
            min_ms: config.min_delay_ms,
            max_ms: config.max_delay_ms,
            target_ms: config.target_delay_ms,
            mode: config.mode,
        }
    }

    pub(crate) fn to_word(self) -> u64 {
        let mode = match self.mode {
            DelayMode::Adaptive => 0,
            DelayMode::Fixed => 1,
            DelayMode::Frozen => 2,
        };
        u64::from(self.min_ms)
            | u64::from(self.max_ms) << 16
            | u64::from(self.target_ms) << 32
            | mode << 48
    }

    /// Whether the settings are ones that can be made: those of a log may not be.
    pub(crate) fn are_possible(&self) -> bool {
        (20..=MAX_DELAY_MS).contains(&self.max_ms)
            && self.min_ms <= self.max_ms
            && self.target_ms <= self.max_ms
    }

    pub(crate) fn from_word(word: u64) -> Self {
        Self {
            min_ms: word as u16,
            max_ms: (word >> 16) as u16,
            target_ms: (word >> 32) as u16,
            mode: match word >> 48 & 0xff {
                0 => DelayMode::Adaptive,
                1 => DelayMode::Fixed,
                _ => DelayMode::Frozen,
            },
        }
    }
}

/// The control half of a jitter buffer; may be cloned and used from any thread.
#[derive(Clone)]
pub struct JitterControl {
    pub(crate) shared: Arc<Shared>,
    pub(crate) stats: Snapshot<{ JitterStats::WORDS }>,
}

impl JitterControl {
    /// Bounds the delay, in milliseconds.
    ///
    /// Real-time: yes. Takes effect at the next pull.
    ///
    /// # Errors
    /// [`JitterError::Delay`] when they contradict each other or [`MAX_DELAY_MS`]; nothing changes.
    pub fn set_delay_bounds_ms(&self, min_ms: u16, max_ms: u16) -> Result<(), JitterError> {
        if min_ms > max_ms || !(20..=MAX_DELAY_MS).contains(&max_ms) {
            return Err(JitterError::Delay);
        }
        self.shared.change(|s| Settings {
            min_ms,
            max_ms,
            target_ms: s.target_ms.min(max_ms),
            ..s
        });
        Ok(())
    }

    /// Sets the delay of the fixed modes, in milliseconds.
    ///
    /// Real-time: yes. Takes effect at the next pull.
    ///
    /// # Errors
    /// [`JitterError::Delay`] when it is above the maximum; nothing changes.
    pub fn set_target_delay_ms(&self, target_ms: u16) -> Result<(), JitterError> {
        if target_ms > self.shared.settings().max_ms {
            return Err(JitterError::Delay);
        }
        self.shared.change(|s| Settings { target_ms: target_ms.min(s.max_ms), ..s });
        Ok(())
    }

    /// Chooses how the delay is chosen. [`DelayMode::Frozen`] is for modem and fax signals: ask for
    /// it when a 2100 or 1100 Hz tone was detected.
    ///
    /// Real-time: yes. Takes effect at the next pull.
    pub fn set_mode(&self, mode: DelayMode) {
        self.shared.change(|s| Settings { mode, ..s });
    }

    /// The counters as of a recent pull (at most 100 ms of audio ago).
    ///
    /// Real-time: yes. `None` if the audio thread was publishing during every attempt to read.
    pub fn stats(&self) -> Option<JitterStats> {
        let mut stats: JitterStats = self.stats.read()?;
        self.shared.add_to(&mut stats);
        Some(stats)
    }
}

impl fmt::Debug for JitterControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JitterControl").field("settings", &self.shared.settings()).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_the_way_through_a_word() {
        for mode in [DelayMode::Adaptive, DelayMode::Fixed, DelayMode::Frozen] {
            let settings = Settings { min_ms: 1, max_ms: 65535, target_ms: 999, mode };
            assert_eq!(Settings::from_word(settings.to_word()), settings);
        }
    }
}
