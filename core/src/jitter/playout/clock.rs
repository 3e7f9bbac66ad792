// SPDX-License-Identifier: MIT OR Apache-2.0
//! Media time and the host's: positions in samples, times in nanoseconds. Knows of nothing else.

use core::num::NonZeroU16;

/// The output's rate, and when media position 0 is.
#[derive(Debug)]
pub(super) struct Clock {
    /// The output rate over 8 kHz.
    pub(super) unit: usize,
    /// Samples of 2.5 ms, in which decoders conceal.
    quantum: NonZeroU16,
    origin_ns: u64,
}

impl Clock {
    /// `None` for a rate below 8 kHz.
    pub(super) fn new(sample_rate_hz: u32) -> Option<Self> {
        let unit = (sample_rate_hz / 8000) as usize;
        Some(Self { unit, quantum: NonZeroU16::new((20 * unit) as u16)?, origin_ns: 0 })
    }

    /// Samples of 10 ms.
    #[inline]
    pub(super) fn frame_samples(&self) -> usize {
        4 * self.quantum()
    }

    #[inline]
    pub(super) fn quantum(&self) -> usize {
        usize::from(self.quantum.get())
    }

    /// Says when media position 0 is.
    pub(super) fn set_origin(&mut self, origin_ns: u64) {
        self.origin_ns = origin_ns;
    }

    /// Media positions in 10 ms.
    #[inline]
    fn frame_span(&self) -> i64 {
        4 * i64::from(self.quantum.get())
    }

    /// The media position whose lateness is 0 at a time.
    pub(super) fn position_at(&self, now_ns: u64) -> i64 {
        let frame = self.frame_span();
        let elapsed_ns = now_ns.wrapping_sub(self.origin_ns) as i64;
        let (frames, rest) = (elapsed_ns.div_euclid(10_000_000), elapsed_ns.rem_euclid(10_000_000));
        frames * frame + rest * frame / 10_000_000
    }

    /// How late a media position is, in milliseconds.
    #[inline]
    pub(super) fn lateness_ms(&self, now_ns: u64, position: i64) -> f32 {
        let elapsed_ns = now_ns.wrapping_sub(self.origin_ns) as i64;
        // A sample lasts 125 us over the unit: the rates that there are take no division of 64 bits.
        let units_ns = position.saturating_mul(125_000);
        let media_ns = match self.unit {
            1 => units_ns,
            2 => units_ns >> 1,
            4 => units_ns >> 2,
            6 => units_ns.div_euclid(6),
            unit => units_ns.checked_div_euclid(unit as i64).unwrap_or(units_ns),
        };
        elapsed_ns.saturating_sub(media_ns) as f32 * 1e-6
    }

    /// Samples in so many milliseconds.
    #[inline]
    pub(super) fn samples(&self, ms: f32) -> usize {
        (ms * (8 * self.unit) as f32) as usize
    }

    #[inline]
    pub(super) fn ms(&self, samples: i64) -> f32 {
        samples as f32 / (8 * self.unit) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_below_8_khz_are_refused() {
        assert!(Clock::new(7_999).is_none());
        assert_eq!(Clock::new(8_000).unwrap().frame_samples(), 80);
    }

    proptest! {
        #[test]
        fn positions_and_times_are_as_in_exact_arithmetic(
            rate in prop::sample::select(vec![8_000_u32, 16_000, 24_000, 32_000, 48_000]),
            origin_ns in any::<u64>(),
            elapsed_ns in -1_000_000_000_000_i64..100_000_000_000_000,
            back in -1_000_000_i64..1_000_000,
        ) {
            let mut clock = Clock::new(rate).unwrap();
            clock.set_origin(origin_ns);
            let now_ns = origin_ns.wrapping_add_signed(elapsed_ns);
            let position = clock.position_at(now_ns);
            let exact = i128::from(elapsed_ns) * i128::from(rate);
            prop_assert_eq!(i128::from(position), exact.div_euclid(1_000_000_000));
            let exact_ms =
                elapsed_ns as f64 * 1e-6 - (position - back) as f64 * 1e3 / f64::from(rate);
            let ms = f64::from(clock.lateness_ms(now_ns, position - back));
            prop_assert!((ms - exact_ms).abs() < 0.01, "{} {}", ms, exact_ms);
            prop_assert_eq!(clock.samples(clock.ms(back.abs() & 0xfff)) as i64 / 2, (back.abs() & 0xfff) / 2);
        }
    }
}
