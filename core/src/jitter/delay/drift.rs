// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sender's clock against ours, told apart from jitter: a line through the least delay of each
//! second, in which older seconds weigh less and less. A step (another route) starts a new line.
//! Audio thread only.

/// How much an older second weighs, and a step of the least delay that is no drift.
const FORGET: f64 = 0.985;
const STEP_MS: f64 = 15.0;
/// Seconds before the line says anything.
const SECONDS: f64 = 10.0;

/// Exponentially weighted least squares, with time counted from the newest point.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Drift {
    second: u64,
    least_ms: f64,
    open: bool,
    last_ms: f64,
    seconds: f64,
    weight: f64,
    time: f64,
    delay: f64,
    time_time: f64,
    time_delay: f64,
}

impl Drift {
    /// Takes in a packet's delay, as of its arrival.
    #[inline]
    pub(crate) fn observe(&mut self, arrival_ns: u64, delay_ms: f32) {
        let second = arrival_ns / 1_000_000_000;
        if self.open && second <= self.second {
            self.least_ms = self.least_ms.min(f64::from(delay_ms));
            return;
        }
        if self.open {
            self.close(second.saturating_sub(self.second) as f64);
        }
        self.open = true;
        self.second = second;
        self.least_ms = f64::from(delay_ms);
    }

    /// Puts the second that ended on the line; the next begins `elapsed` seconds later.
    #[cold]
    fn close(&mut self, elapsed: f64) {
        if self.weight > 0.0 && (self.least_ms - self.last_ms).abs() > STEP_MS {
            *self = Self { second: self.second, least_ms: self.least_ms, ..Self::default() };
        }
        self.last_ms = self.least_ms;
        self.seconds += 1.0;
        self.weight += 1.0;
        self.delay += self.least_ms;
        let dt = elapsed.clamp(1.0, 1000.0);
        self.time_time += dt * (dt * self.weight - 2.0 * self.time);
        self.time_delay -= dt * self.delay;
        self.time -= dt * self.weight;
        for sum in [
            &mut self.weight,
            &mut self.time,
            &mut self.delay,
            &mut self.time_time,
            &mut self.time_delay,
        ] {
            *sum *= FORGET;
        }
    }

    /// Parts per million by which the sender's clock is fast; 0 while that is not known.
    pub(crate) fn ppm(&self) -> f32 {
        let spread = self.weight * self.time_time - self.time * self.time;
        if self.seconds < SECONDS || spread <= 0.0 {
            return 0.0;
        }
        let slope_ms_per_s = (self.weight * self.time_delay - self.time * self.delay) / spread;
        // Packets of a fast sender come earlier and earlier.
        (-1000.0 * slope_ms_per_s) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(ppm: f32, jitter_ms: f32, seconds: u64) -> f32 {
        let mut drift = Drift::default();
        let mut seed = 1_u32;
        for n in 0..seconds * 50 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let jitter = (seed >> 8) as f32 / (1 << 24) as f32 * jitter_ms;
            let elapsed_ms = (n * 20) as f32;
            drift.observe(n * 20_000_000, 40.0 + jitter - elapsed_ms * ppm * 1e-6);
        }
        drift.ppm()
    }

    #[test]
    fn drift_is_found_to_within_20_ppm_under_20_ms_of_jitter() {
        for ppm in [-300.0, -50.0, 0.0, 120.0, 500.0] {
            assert!(
                (measured(ppm, 20.0, 60) - ppm).abs() < 20.0,
                "{} of {ppm}",
                measured(ppm, 20.0, 60)
            );
        }
        assert_eq!(measured(300.0, 0.0, 5), 0.0, "too early to tell");
    }

    #[test]
    fn another_route_is_no_drift() {
        let mut drift = Drift::default();
        for n in 0..3000_u64 {
            drift.observe(n * 20_000_000, if n < 1500 { 40.0 } else { 120.0 });
        }
        assert!(drift.ppm().abs() < 1.0, "{}", drift.ppm());
    }
}
