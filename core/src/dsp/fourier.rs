// SPDX-License-Identifier: MIT OR Apache-2.0
//! The discrete Fourier transform of a short block, radix 2 (J. W. Cooley and J. W. Tukey, 1965).
//!
//! For filters by blocks, where a real-time thread may neither allocate nor panic: sizes are constants,
//! and every index is masked. Factors come from `libm`, so that all machines have the same bits.

/// Tables for blocks of `N` values, a power of two.
#[derive(Debug, Clone)]
pub(crate) struct Fourier<const N: usize> {
    cos: [f32; N],
    sin: [f32; N],
}

/// A block's real and imaginary parts.
#[derive(Debug, Clone)]
pub(crate) struct Block<const N: usize> {
    pub(crate) re: [f32; N],
    pub(crate) im: [f32; N],
}

impl<const N: usize> Block<N> {
    pub(crate) const ZERO: Self = Self { re: [0.0; N], im: [0.0; N] };
}

impl<const N: usize> Fourier<N> {
    pub(crate) fn new() -> Self {
        const { assert!(N.is_power_of_two() && N >= 2) }
        let angle = |k: usize| core::f64::consts::TAU * k as f64 / N as f64;
        Self {
            cos: core::array::from_fn(|k| libm::cos(angle(k)) as f32),
            sin: core::array::from_fn(|k| libm::sin(angle(k)) as f32),
        }
    }

    /// In place; X(k) = sum of x(n) e^(-2 pi i k n / N).
    ///
    /// Real-time: yes.
    pub(crate) fn forward(&self, block: &mut Block<N>) {
        self.transform(&mut block.re, &mut block.im);
    }

    /// Undoes [`Fourier::forward`] but for a factor of `N`.
    ///
    /// Real-time: yes.
    pub(crate) fn backward(&self, block: &mut Block<N>) {
        self.transform(&mut block.im, &mut block.re);
    }

    #[inline(always)]
    fn transform(&self, re: &mut [f32; N], im: &mut [f32; N]) {
        let mask = N - 1;
        let bits = N.trailing_zeros();
        for n in 0..N {
            let m = n.reverse_bits() >> (usize::BITS - bits);
            if m > n {
                re.swap(n, m & mask);
                im.swap(n, m & mask);
            }
        }
        let mut half = 1;
        while half < N {
            let stride = N / (2 * half);
            for first in (0..N).step_by(2 * half) {
                for k in 0..half {
                    let (a, b) = ((first + k) & mask, (first + k + half) & mask);
                    let (c, s) = (self.cos[(k * stride) & mask], -self.sin[(k * stride) & mask]);
                    let (br, bi) = (re[b] * c - im[b] * s, re[b] * s + im[b] * c);
                    (re[b], im[b]) = (re[a] - br, im[a] - bi);
                    (re[a], im[a]) = (re[a] + br, im[a] + bi);
                }
            }
            half *= 2;
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn a_block_becomes_what_the_sum_says_and_comes_back() {
        const N: usize = 32;
        let fourier = Fourier::<N>::new();
        let mut seed = 1_u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed as i32 as f32 / 2_147_483_648.0
        };
        let mut block = Block::<N> { re: core::array::from_fn(|_| next()), im: [0.0; N] };
        block.im.iter_mut().for_each(|v| *v = next());
        let before = block.clone();
        fourier.forward(&mut block);
        for k in 0..N {
            let (mut re, mut im) = (0.0_f64, 0.0_f64);
            for n in 0..N {
                let (sin, cos) = (core::f64::consts::TAU * (k * n) as f64 / N as f64).sin_cos();
                re += f64::from(before.re[n]) * cos + f64::from(before.im[n]) * sin;
                im += f64::from(before.im[n]) * cos - f64::from(before.re[n]) * sin;
            }
            assert!((re - f64::from(block.re[k])).abs() < 1e-5, "bin {k}");
            assert!((im - f64::from(block.im[k])).abs() < 1e-5, "bin {k}");
        }
        fourier.backward(&mut block);
        for n in 0..N {
            assert!((block.re[n] / N as f32 - before.re[n]).abs() < 1e-6);
            assert!((block.im[n] / N as f32 - before.im[n]).abs() < 1e-6);
        }
    }
}
