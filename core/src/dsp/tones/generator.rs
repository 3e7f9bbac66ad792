// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making tones.

use crate::math;

/// Sound and silence in turn: up to three tones, each of up to two frequencies, repeated for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// Frequencies in Hz (0 for none) and durations of audio and of the silence behind it, in ms.
    /// The list ends with the first part of no duration at all.
    pub parts: [Part; 3],
}

/// A tone and the silence behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    /// Up to two frequencies in Hz, 0 for none.
    pub frequencies_hz: [u16; 2],
    /// Sound, in ms.
    pub on_ms: u16,
    /// Silence behind it, in ms.
    pub off_ms: u16,
}

/// Length of the rise and fall of a tone, so that it does not click, in ms.
pub(super) const RAMP_MS: usize = 4;

/// Plays a cadence.
#[derive(Debug, Clone)]
pub struct Generator {
    rate_hz: u32,
    cadence: Cadence,
    /// Amplitude of each frequency.
    amplitude: f32,
    part: usize,
    /// Samples into the part.
    at: usize,
    /// Phases in 1/2^32 of a turn.
    phases: [u32; 2],
}

impl Generator {
    /// Plays `cadence` at `rate_hz`, each frequency at `level_dbov` below full scale (0 to 127; two
    /// frequencies at 0 would clip).
    pub fn new(rate_hz: u32, cadence: Cadence, level_dbov: u8) -> Self {
        let amplitude = 32_767.0
            * math::pow(10.0, -f32::from(level_dbov.min(127)) / 20.0)
            * core::f32::consts::SQRT_2;
        let amplitude = amplitude.min(32_767.0);
        Self { rate_hz, cadence, amplitude, part: 0, at: 0, phases: [0; 2] }
    }

    /// A DTMF digit that lasts until the generator is dropped; `None` for an event above 15.
    pub fn dtmf(rate_hz: u32, event: u8, level_dbov: u8) -> Option<Self> {
        let (row, column) = super::dtmf_frequencies_hz(event)?;
        let part = Part { frequencies_hz: [row, column], on_ms: u16::MAX, off_ms: 0 };
        let cadence = Cadence { parts: [part, Part::default(), Part::default()] };
        Some(Self::new(rate_hz, cadence, level_dbov))
    }

    /// Fills `pcm` with what comes next.
    pub fn fill(&mut self, pcm: &mut [i16]) {
        let samples = |ms: u16, rate: u32| (u64::from(ms) * u64::from(rate) / 1_000) as usize;
        let ramp = RAMP_MS * self.rate_hz as usize / 1_000;
        for sample in pcm {
            let part = self.cadence.parts.get(self.part).copied().unwrap_or_default();
            let on = samples(part.on_ms, self.rate_hz);
            let whole = on + samples(part.off_ms, self.rate_hz);
            *sample = if self.at < on {
                let edge = match part.off_ms {
                    0 => ramp, // Goes over into the next part.
                    _ => self.at.min(on - 1 - self.at).min(ramp),
                };
                let gain = edge as f32 / ramp.max(1) as f32;
                math::round_ties_even(self.tone(part.frequencies_hz) * gain) as i16
            } else {
                0
            };
            self.at += 1;
            if self.at >= whole {
                self.next_part();
            }
        }
    }

    fn next_part(&mut self) {
        let next = (self.part + 1) % self.cadence.parts.len();
        let there = |part: &Part| part.on_ms > 0 || part.off_ms > 0;
        self.part = if self.cadence.parts.get(next).is_some_and(there) { next } else { 0 };
        self.at = 0;
    }

    fn tone(&mut self, frequencies_hz: [u16; 2]) -> f32 {
        let mut sum = 0.0;
        for (phase, hz) in self.phases.iter_mut().zip(frequencies_hz) {
            if hz != 0 {
                sum += math::sin(*phase as f32 * (core::f32::consts::TAU / 4_294_967_296.0));
                let step = (u64::from(hz) << 32) / u64::from(self.rate_hz.max(1));
                *phase = phase.wrapping_add(step as u32);
            }
        }
        sum * self.amplitude
    }
}
