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
const AUDIBLE: f32 = 60.0 * 60.0;
/// The band that is compared: codecs keep its wave form, while Opus for one shifts what lies below
/// and makes up what lies above.
const BAND_HZ: (f32, f32) = (300.0, 2_000.0);

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
        let mut sound: Vec<f32> = pcm.into_iter().map(f32::from).collect();
        Biquad::new(BAND_HZ.0, true).run(&mut sound);
        Biquad::new(BAND_HZ.1, false).run(&mut sound);
        Ok(Self(sound))
    }
}

/// A second-order Butterworth filter (Robert Bristow-Johnson, "Cookbook formulae for audio
/// equalizer biquad filter coefficients").
struct Biquad {
    feed_forward: [f32; 3],
    feed_back: [f32; 2],
}

impl Biquad {
    fn new(corner_hz: f32, high_pass: bool) -> Self {
        let (sin, cos) = (std::f32::consts::TAU * corner_hz / COMPARE_HZ as f32).sin_cos();
        let alpha = sin * std::f32::consts::FRAC_1_SQRT_2;
        let (outer, inner) = match high_pass {
            true => ((1.0 + cos) / 2.0, -(1.0 + cos)),
            false => ((1.0 - cos) / 2.0, 1.0 - cos),
        };
        let scale = 1.0 / (1.0 + alpha);
        Self {
            feed_forward: [outer * scale, inner * scale, outer * scale],
            feed_back: [-2.0 * cos * scale, (1.0 - alpha) * scale],
        }
    }

    fn run(&self, samples: &mut [f32]) {
        let ([b0, b1, b2], [a1, a2]) = (self.feed_forward, self.feed_back);
        let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
        for sample in samples {
            let x = *sample;
            let y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2;
            (x2, x1, y2, y1) = (x1, x, y1, y);
            *sample = y;
        }
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
    fn one_recording_of_speech_is_not_taken_for_another() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/speech");
        let recordings = crate::speech::read_folder(folder.as_ref()).unwrap();
        for (n, said) in recordings.iter().enumerate() {
            let whole = 0..said.len().min(3 * RATE_HZ as usize);
            let sound = Sound::new(said, RATE_HZ).unwrap();
            let own = compare(&sound, std::slice::from_ref(&whole), &sound);
            assert!(own.share() > 0.99 && own.windows > 3, "{own:?}");
            let other = Sound::new(&recordings[(n + 1) % recordings.len()], RATE_HZ).unwrap();
            let other = compare(&sound, std::slice::from_ref(&whole), &other);
            assert!(other.share() < 0.25, "recording {n} in the next: {other:?}");
        }
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
