// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control half: settings that change while audio runs, and counters, from any thread.

use core::fmt;

use super::config::{DelayMode, JitterConfig, JitterError, MAX_DELAY_MS};
use super::decoders::{DecoderMap, PreparedDecoders};
use super::stats::JitterStats;
use crate::sync::primitive::Arc;
use crate::sync::primitive::atomic::{AtomicU32, Ordering};
use crate::sync::snapshot::Snapshot;
use crate::sync::word::Counter;

/// What the halves share beside the slots: the settings in one word, so that they change together,
/// and the network thread's counters (each written by that thread alone).
#[derive(Debug)]
pub(crate) struct Shared {
    settings: AtomicU32,
    /// Payload types that the network thread takes apart (RFC 2198), a bit each.
    redundant_types: [AtomicU32; 4],
    sample_rate_hz: u32,
    pub(crate) inserted: Counter,
    pub(crate) malformed: Counter,
    pub(crate) oversized: Counter,
    pub(crate) no_slot: Counter,
}

impl Shared {
    pub(crate) fn new(config: &JitterConfig) -> Self {
        Self {
            settings: AtomicU32::new(Settings::of(config).pack()),
            redundant_types: core::array::from_fn(|_| AtomicU32::new(0)),
            sample_rate_hz: config.sample_rate_hz,
            inserted: Counter::new(),
            malformed: Counter::new(),
            oversized: Counter::new(),
            no_slot: Counter::new(),
        }
    }

    #[inline]
    pub(crate) fn settings(&self) -> Settings {
        Settings::unpack(self.settings.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, settings: Settings) {
        self.settings.store(settings.pack(), Ordering::Relaxed);
    }

    /// Changes some of the settings, whoever else changes others meanwhile.
    pub(crate) fn change(&self, f: impl Fn(Settings) -> Settings) {
        let update = |word| Some(f(Settings::unpack(word)).pack());
        let _ = self.settings.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    }

    /// Whether a payload type is redundant audio.
    #[inline]
    pub(crate) fn takes_apart(&self, payload_type: u8) -> bool {
        let bits = self.redundant_types[usize::from(payload_type >> 5 & 3)].load(Ordering::Relaxed);
        bits >> (payload_type & 31) & 1 != 0
    }

    /// Says which payload types are redundant audio, a bit each.
    pub(crate) fn take_apart(&self, types: u128) {
        for (n, word) in self.redundant_types.iter().enumerate() {
            word.store((types >> (32 * n)) as u32, Ordering::Relaxed);
        }
    }

    /// Copies the network thread's counters.
    pub(crate) fn add_to(&self, stats: &mut JitterStats) {
        // What failed is read first, so that it never exceeds what was inserted.
        stats.malformed = self.malformed.load();
        stats.oversized = self.oversized.load();
        stats.no_slot = self.no_slot.load();
        stats.inserted = self.inserted.load();
    }
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

    fn mode_number(self) -> u8 {
        match self.mode {
            DelayMode::Adaptive => 0,
            DelayMode::Fixed => 1,
            DelayMode::Frozen => 2,
        }
    }

    /// Possible settings in one word of any machine: a delay takes ten bits.
    fn pack(self) -> u32 {
        const _: () = assert!(MAX_DELAY_MS < 1 << 10);
        u32::from(self.min_ms & 0x3ff)
            | u32::from(self.max_ms & 0x3ff) << 10
            | u32::from(self.target_ms & 0x3ff) << 20
            | u32::from(self.mode_number()) << 30
    }

    fn unpack(word: u32) -> Self {
        let delay = |shift: u32| (word >> shift) as u16 & 0x3ff;
        Self {
            min_ms: delay(0),
            max_ms: delay(10),
            target_ms: delay(20),
            mode: Self::mode_of(word >> 30),
        }
    }

    fn mode_of(number: u32) -> DelayMode {
        match number {
            0 => DelayMode::Adaptive,
            1 => DelayMode::Fixed,
            _ => DelayMode::Frozen,
        }
    }

    /// As they stand in a log.
    pub(crate) fn to_word(self) -> u64 {
        u64::from(self.min_ms)
            | u64::from(self.max_ms) << 16
            | u64::from(self.target_ms) << 32
            | u64::from(self.mode_number()) << 48
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
            mode: Self::mode_of((word >> 48 & 0xff) as u32),
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

    /// Makes decoders ready for [`JitterReader::replace_decoders`](super::JitterReader::replace_decoders).
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`JitterError::NoDecoder`] for an empty map, and [`JitterError::DecoderFormat`] for a decoder
    /// that can't be played at the buffer's rate.
    pub fn prepare(&self, decoders: DecoderMap) -> Result<PreparedDecoders, JitterError> {
        decoders.prepare(self.shared.sample_rate_hz)
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
            let settings = Settings { min_ms: 3, max_ms: MAX_DELAY_MS, target_ms: 999, mode };
            assert_eq!(Settings::unpack(settings.pack()), settings);
        }
    }
}
