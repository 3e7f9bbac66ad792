// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hearing a single steady tone: fax and modem calling and answering tones (ITU-T T.30, V.25, V.8)
//! and the beep of an answering machine.
//!
//! A fax tone is also heard 10 dB above noise, which a beep is not: then most of each frame's energy is at its
//! frequency.
//!
//! Tones of 330 to 500 Hz are those of call progress ([`ProgressDetector`](super::ProgressDetector)), and the
//! three steps of the special information tone are too; neither is a beep.
//!
//! A sinusoid obeys `x[n] + x[n - 2] = 2 cos(w) x[n - 1]`. The least-squares fit of that one
//! coefficient gives the frequency, and what it leaves says whether there was anything else.

use super::eight_kilohertz::EightKilohertz;
use super::sinusoid::Sinusoid;
use crate::math;
use crate::within::Within;

/// A tone that has been recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tone {
    /// A fax calls: 1100 Hz for half a second (T.30 CNG).
    FaxCalling,
    /// A fax or modem answers: 2100 Hz (T.30 CED, V.25 ANS, V.8 ANSam).
    Answering,
    /// Another steady tone between 500 and 2000 Hz: an answering machine's beep. At 950 Hz, where the special
    /// information tone begins, it is told when it has outlasted that.
    Beep {
        /// Its frequency.
        frequency_hz: u16,
    },
}

/// Samples of a frame at 8 kHz: 20 ms.
const FRAME: usize = 160;
/// What the fit may leave, as a part of the energy.
const MAX_RESIDUE: f32 = 0.02;
/// Quieter than this is no tone: mean square of -43 dBov.
const MIN_MEAN_SQUARE: f32 = 53_800.0;
/// Frames of 20 ms until a tone is recognised: of the fax tones, and of a beep.
const FAX_FRAMES: u32 = 18;
const BEEP_FRAMES: u32 = 8;
/// Of the special information tone a step takes 330 ms, and this is more.
const INFORMATION_FRAMES: u32 = 21;
const INFORMATION_HZ: [f32; 3] = [950.0, 1_400.0, 1_800.0];
/// For so long after its first step what follows is its others.
const INFORMATION_HOLD_FRAMES: u32 = 55;
/// The part of a frame's energy that the sinusoid must have: the fit alone takes two low ones for one.
const LEAST_SHARE: f32 = 0.85;
/// The part of a frame's energy that a fax tone has in noise, and its frequencies.
const FAX_SHARE: f32 = 0.78;
const FAX_HZ: [f32; 8] = [1_062.0, 1_081.0, 1_100.0, 1_119.0, 1_138.0, 2_085.0, 2_100.0, 2_115.0];
/// Frequencies within this belong to the same tone, in Hz.
const TOLERANCE_HZ: f32 = 30.0;

/// Listens for steady tones in one stream.
#[derive(Debug, Clone)]
pub struct ToneDetector {
    rate_hz: u32,
    samples: EightKilohertz,
    frame: [i16; FRAME],
    filled: usize,
    frequency_hz: f32,
    frames: u32,
    told: bool,
    /// Frames for which the first step of the special information tone is remembered.
    information: u32,
}

impl ToneDetector {
    /// Listens at 8000 Hz or a multiple of it; `None` for another rate.
    pub fn new(rate_hz: u32) -> Option<Self> {
        Some(Self {
            samples: EightKilohertz::of(rate_hz)?,
            rate_hz: 8_000,
            frame: [0; FRAME],
            filled: 0,
            frequency_hz: 0.0,
            frames: 0,
            told: false,
            information: 0,
        })
    }

    /// Takes in what comes next; a tone, once each time that one has lasted long enough. Of several
    /// in one call the last.
    pub fn process(&mut self, pcm: &[i16]) -> Option<Tone> {
        let mut found = None;
        for sample in pcm {
            if !self.samples.takes_next() {
                continue;
            }
            self.frame.put(self.filled, *sample);
            self.filled += 1;
            if self.filled == FRAME {
                self.filled = 0;
                found = self.next_frame().or(found);
            }
        }
        found
    }

    fn next_frame(&mut self) -> Option<Tone> {
        self.information = self.information.saturating_sub(1);
        let fitted = fit(&self.frame)
            .map(|w| w * self.rate_hz as f32 / core::f32::consts::TAU)
            .filter(|hz| share(&self.frame.map(f32::from), *hz) >= LEAST_SHARE);
        let Some(hz) = fitted.or_else(|| fax_in_noise(&self.frame)) else {
            self.frames = 0;
            self.told = false;
            return None;
        };
        if self.frames == 0 || (hz - self.frequency_hz).abs() > TOLERANCE_HZ {
            self.frames = 0;
            self.told = false;
            self.frequency_hz = hz;
        }
        self.frames += 1;
        let near = |wanted: f32, width: f32| (self.frequency_hz - wanted).abs() <= width;
        // T.30 allows the caller 38 Hz and the answerer 15; in noise some are measured wrongly.
        let (tone, needed) = if near(1_100.0, 45.0) {
            (Tone::FaxCalling, FAX_FRAMES)
        } else if near(2_100.0, 20.0) {
            (Tone::Answering, FAX_FRAMES)
        } else if (500.0..=2_000.0).contains(&self.frequency_hz) {
            let [first, second, third] = INFORMATION_HZ.map(|hz| near(hz, 50.0));
            let later = self.information > 0 && (second || third);
            if first && self.frames == BEEP_FRAMES {
                self.information = INFORMATION_HOLD_FRAMES;
            }
            let needed = if first || later { INFORMATION_FRAMES } else { BEEP_FRAMES };
            (Tone::Beep { frequency_hz: (self.frequency_hz + 0.5) as u16 }, needed)
        } else {
            return None;
        };
        if self.told || self.frames < needed {
            return None;
        }
        self.told = true;
        Some(tone)
    }
}

/// The angular frequency of a frame that is one sinusoid and nothing else.
fn fit(frame: &[i16; FRAME]) -> Option<f32> {
    let (mut square, mut product, mut outer) = (0.0_f32, 0.0_f32, 0.0_f32);
    for window in frame.windows(3) {
        let (a, b, c) = (f32::from(window[0]), f32::from(window[1]), f32::from(window[2]));
        square += b * b;
        product += (a + c) * b;
        outer += (a + c) * (a + c);
    }
    if square < MIN_MEAN_SQUARE * (FRAME - 2) as f32 {
        return None;
    }
    let coefficient = product / square;
    let residue = outer - coefficient * product;
    if residue > MAX_RESIDUE * square {
        return None;
    }
    Some(acos((coefficient / 2.0).clamp(-1.0, 1.0)))
}

/// The frequency of a fax tone that a frame consists of, but for noise.
fn fax_in_noise(frame: &[i16; FRAME]) -> Option<f32> {
    let frame = frame.map(f32::from);
    let total: f32 = frame.iter().map(|x| x * x).sum();
    if total < MIN_MEAN_SQUARE * FRAME as f32 {
        return None;
    }
    let shares = FAX_HZ.map(|hz| (hz, share(&frame, hz)));
    let (hz, share) = shares.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (share >= FAX_SHARE).then_some(hz)
}

/// The part of a frame's energy that one sinusoid has.
fn share(frame: &[f32; FRAME], hz: f32) -> f32 {
    let total: f32 = frame.iter().map(|x| x * x).sum();
    0.5 * Sinusoid::fit(frame, hz).square() * FRAME as f32 / total.max(1.0)
}

/// Arc cosine by Newton's method on the cosine; exact enough for a tenth of a hertz.
fn acos(x: f32) -> f32 {
    let mut angle = core::f32::consts::FRAC_PI_2 - x;
    for _ in 0..6 {
        let slope = math::sin(angle).max(1e-3);
        angle = (angle + (math::cos(angle) - x) / slope).clamp(0.0, core::f32::consts::PI);
    }
    angle
}
