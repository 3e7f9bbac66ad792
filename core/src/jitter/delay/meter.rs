// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the delay was: its mean and its distribution, for the statistics. Audio thread only; knows of
//! nothing else.

use crate::within::Within;

/// Steps of the delay histogram, and how many there are.
const METER_STEP_MS: f32 = 8.0;
const METER_STEPS: usize = 64;

/// Mean and distribution of the buffer's delay.
#[derive(Debug)]
pub(crate) struct DelayMeter {
    pub(crate) last_ms: f32,
    /// No step from this one on has been seen.
    end: u32,
    sum_us: u64,
    count: u64,
    steps: [u32; METER_STEPS],
}

impl Default for DelayMeter {
    fn default() -> Self {
        Self { last_ms: 0.0, end: 0, sum_us: 0, count: 0, steps: [0; METER_STEPS] }
    }
}

impl DelayMeter {
    #[inline]
    pub(crate) fn add(&mut self, delay_ms: f32) {
        let delay_ms = delay_ms.max(0.0);
        self.last_ms = delay_ms;
        // By 32 bits, which processors convert at half the price: 71 minutes.
        self.sum_us += u64::from((delay_ms * 1000.0) as u32);
        self.count += 1;
        let step = ((delay_ms / METER_STEP_MS) as u32 as usize).min(METER_STEPS - 1);
        self.steps[step] = self.steps[step].saturating_add(1);
        self.end = self.end.max(step as u32 + 1);
    }

    pub(crate) fn mean_and_p95_us(&self) -> (u64, u64) {
        if self.count == 0 {
            return (0, 0);
        }
        let mut left = self.count - self.count * 95 / 100;
        let mut step = self.end as usize;
        while step > 0 && left > 0 {
            step -= 1;
            left = left.saturating_sub(u64::from(self.steps.at(step)));
        }
        (self.sum_us / self.count, ((step + 1) as f32 * METER_STEP_MS * 1000.0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_percentile_are_those_of_a_list() {
        let mut meter = DelayMeter::default();
        assert_eq!(meter.mean_and_p95_us(), (0, 0));
        let mut list: Vec<f32> = (0..1_000).map(|n| (n * 37 % 400) as f32 * 0.5).collect();
        list.iter().for_each(|&ms| meter.add(ms));
        meter.add(-3.0);
        list.push(0.0);
        list.sort_by(f32::total_cmp);
        let mean_us = list.iter().sum::<f32>() / list.len() as f32 * 1e3;
        let (mean, p95) = meter.mean_and_p95_us();
        assert!((mean as f32 - mean_us).abs() < 2.0, "{mean} {mean_us}");
        // To a step of the histogram, upwards.
        let exact = list[list.len() * 95 / 100];
        assert!((exact..=exact + METER_STEP_MS).contains(&(p95 as f32 * 1e-3)), "{p95} {exact}");
        assert_eq!(meter.last_ms, 0.0);
    }
}
