// SPDX-License-Identifier: MIT OR Apache-2.0
//! One sinusoid in some samples at 8 kHz: found by least squares, and taken out of them.

use crate::math;

/// A sinusoid in a window: its angular frequency, and the amplitudes of its cosine and sine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sinusoid {
    w: f32,
    cosine: f32,
    sine: f32,
}

impl Sinusoid {
    /// The one of this frequency that comes nearest to the window, at 8 kHz.
    pub(super) fn fit(window: &[f32], hz: f32) -> Self {
        let w = core::f32::consts::TAU * hz / 8_000.0;
        let (mut cosine, mut sine) = (0.0, 0.0);
        turning(w, window.len(), |n, c, s| {
            let x = window.get(n).copied().unwrap_or(0.0);
            cosine += x * c;
            sine += x * s;
        });
        let scale = 2.0 / window.len() as f32;
        Self { w, cosine: cosine * scale, sine: sine * scale }
    }

    /// The square of its amplitude.
    pub(super) fn square(&self) -> f32 {
        self.cosine * self.cosine + self.sine * self.sine
    }

    /// Takes it out of the window.
    pub(super) fn subtract_from(&self, window: &mut [f32]) {
        turning(self.w, window.len(), |n, c, s| {
            if let Some(x) = window.get_mut(n) {
                *x -= self.cosine * c + self.sine * s;
            }
        });
    }
}

/// Cosine and sine of `count` steps of `w`.
fn turning(w: f32, count: usize, mut each: impl FnMut(usize, f32, f32)) {
    let (step_c, step_s) = (math::cos(w), math::sin(w));
    let (mut c, mut s) = (1.0, 0.0);
    for n in 0..count {
        each(n, c, s);
        (c, s) = (c * step_c - s * step_s, s * step_c + c * step_s);
    }
}
