// SPDX-License-Identifier: MIT OR Apache-2.0
//! The samples of 8 kHz in PCM at a multiple of it, which is what the detectors listen to: their tones lie
//! below 4 kHz, and what lies above is not worth a filter.

/// Which samples those are.
#[derive(Debug, Clone)]
pub(super) struct EightKilohertz {
    step: usize,
    skip: usize,
}

impl EightKilohertz {
    /// Of PCM at 8000 Hz or a multiple of it up to 48,000; `None` for another rate.
    pub(super) fn of(rate_hz: u32) -> Option<Self> {
        let valid = (8_000..=48_000).contains(&rate_hz) && rate_hz.is_multiple_of(8_000);
        valid.then_some(Self { step: (rate_hz / 8_000) as usize, skip: 0 })
    }

    /// Whether the next sample is one of them.
    #[inline]
    pub(super) fn takes_next(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.skip = self.step - 1;
        true
    }
}
