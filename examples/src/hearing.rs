// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether somebody heard what somebody else said: by comparing the sounds, not by counting
//! packets.
//!
//! What was said is cut into windows of 200 ms; each is looked for in what was heard, at any delay
//! that a call may have, by normalized cross-correlation. A window that is found sounds like what
//! was said; lost packets, concealment and stretching cost some windows, silence or another voice
//! costs all.

use std::ops::Range;

use crate::Failure;
use crate::speech::{RATE_HZ, resample};

/// Rate at which sounds are compared: speech is told apart by far less than telephony's band.
const COMPARE_HZ: u32 = 8_000;
const WINDOW: usize = COMPARE_HZ as usize / 5;
/// Delays that are tried, in samples: up to 1.2 s.
const LAGS: usize = COMPARE_HZ as usize * 6 / 5;
/// A window is heard when it correlates at least this well.
const HEARD: f32 = 0.75;
/// Windows below this mean square are pauses within speech.
const AUDIBLE: f32 = 150.0 * 150.0;

/// How much of what was said was heard.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Hearing {
    /// Windows of audible speech that were compared.
    pub windows: usize,
    /// Windows that were found again.
    pub heard: usize,
    /// Mean delay of those found, in ms.
    pub delay_ms: f32,
}

impl Hearing {
    /// The part that was heard, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f32 {
        if self.windows == 0 { 0.0 } else { self.heard as f32 / self.windows as f32 }
    }
}

/// A recording prepared for comparison.
#[derive(Debug)]
pub struct Sound(Vec<f32>);

impl Sound {
    /// Prepares PCM of 8, 16, 32 or 48 kHz.
    ///
    /// # Errors
    /// For another rate.
    pub fn new(pcm: &[i16], rate_hz: u32) -> Result<Self, Failure> {
        let pcm = resample(pcm, rate_hz, COMPARE_HZ)?;
        Ok(Self(pcm.into_iter().map(f32::from).collect()))
    }
}

/// Looks for the `spans` of `said` (in samples at [`RATE_HZ`]) in `heard`.
#[must_use]
pub fn compare(said: &Sound, spans: &[Range<usize>], heard: &Sound) -> Hearing {
    let ratio = (RATE_HZ / COMPARE_HZ) as usize;
    let mut result = Hearing::default();
    let mut delays = 0.0;
    for span in spans {
        let mut at = span.start / ratio;
        while at + WINDOW <= span.end / ratio {
            let Some(window) = said.0.get(at..at + WINDOW) else { break };
            let energy = dot(window, window);
            if energy >= AUDIBLE * WINDOW as f32
                && let Some((lag, correlation)) = search(window, energy, heard, at)
            {
                result.windows += 1;
                if correlation >= HEARD {
                    result.heard += 1;
                    delays += lag as f32 * 1_000.0 / COMPARE_HZ as f32;
                }
            }
            at += WINDOW;
        }
    }
    result.delay_ms = delays / result.heard.max(1) as f32;
    result
}

/// The best lag and its correlation; `None` behind the end of what was heard.
fn search(window: &[f32], energy: f32, heard: &Sound, at: usize) -> Option<(usize, f32)> {
    let area = heard.0.get(at..)?;
    let area = &area[..area.len().min(LAGS + WINDOW)];
    if area.len() <= WINDOW {
        return None;
    }
    let mut best = (0, 0.0_f32);
    for lag in 0..area.len() - WINDOW {
        let other = &area[lag..lag + WINDOW];
        let correlation = dot(window, other) / (energy * dot(other, other)).sqrt().max(1.0);
        if correlation > best.1 {
            best = (lag, correlation);
        }
    }
    Some(best)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u32, count: usize) -> Vec<i16> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 18) as i16 - 8_192
            })
            .collect()
    }

    #[test]
    fn a_delayed_copy_is_heard_and_another_sound_is_not() {
        let said = resample(&noise(1, 24_000), 8_000, 16_000).unwrap();
        let mut late = vec![0; 1_600];
        late.extend_from_slice(&said);
        let whole = 0..said.len();
        let said = Sound::new(&said, 16_000).unwrap();
        let spans = std::slice::from_ref(&whole);
        let heard = compare(&said, spans, &Sound::new(&late, 16_000).unwrap());
        assert!(heard.share() > 0.9 && (heard.delay_ms - 100.0).abs() < 1.0, "{heard:?}");
        let other = Sound::new(&noise(2, 60_000), 16_000).unwrap();
        assert_eq!(compare(&said, spans, &other).heard, 0);
        let silence = Sound::new(&[0; 60_000], 16_000).unwrap();
        assert_eq!(compare(&said, spans, &silence).heard, 0);
    }
}
