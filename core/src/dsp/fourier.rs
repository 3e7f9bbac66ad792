// SPDX-License-Identifier: MIT OR Apache-2.0
//! The discrete Fourier transform of a short block, radix 2 (J. W. Cooley and J. W. Tukey, 1965).
//!
//! For filters by blocks, where a real-time thread may neither allocate nor panic: sizes are constants, and
//! nothing is indexed that a mask or an iterator does not bound. A stage's values and factors lie side by side, so
//! that a compiler makes vectors of them, which changes no bit. Factors come from `libm`, so that all machines have the same bits.

use crate::within::Within;

/// Tables for blocks of `N` values, a power of two.
#[derive(Debug, Clone)]
pub(crate) struct Fourier<const N: usize> {
    /// A stage's factors lie side by side, those of the stage that joins halves of `h` values from `h` on; the
    /// imaginary parts as the transform takes them.
    re: [f32; N],
    im: [f32; N],
    /// Where a value goes before the first stage: its number's bits in reverse.
    reversed: [u16; N],
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
        const { assert!(N.is_power_of_two() && N >= 2 && N <= 1 << 16) }
        let angle = |k: usize| core::f64::consts::TAU * k as f64 / N as f64;
        let bits = N.trailing_zeros();
        let (mut re, mut im) = ([0.0; N], [0.0; N]);
        let mut half = 1;
        while half < N {
            for (k, (re, im)) in re.iter_mut().zip(&mut im).skip(half).take(half).enumerate() {
                let angle = angle(k * (N / (2 * half)));
                (*re, *im) = (libm::cos(angle) as f32, -(libm::sin(angle) as f32));
            }
            half *= 2;
        }
        let reversed = core::array::from_fn(|n| (n.reverse_bits() >> (usize::BITS - bits)) as u16);
        Self { re, im, reversed }
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
        for (n, to) in self.reversed.iter().enumerate() {
            let to = usize::from(*to) & (N - 1);
            if to > n {
                re.swap(n, to);
                im.swap(n, to);
            }
        }
        let mut half = 1;
        while half < N {
            let factors = || self.re.iter().zip(&self.im).skip(half).take(half);
            let (mut all_re, mut all_im) = (&mut re[..], &mut im[..]);
            while all_re.len() > half {
                let (near_re, others) = all_re.cut_mut(half);
                let (far_re, others_re) = others.cut_mut(half);
                let (near_im, others) = all_im.cut_mut(half);
                let (far_im, others_im) = others.cut_mut(half);
                let near = near_re.iter_mut().zip(near_im);
                let far = far_re.iter_mut().zip(far_im);
                for (((ar, ai), (br, bi)), (c, s)) in near.zip(far).zip(factors()) {
                    let (r, i) = (*br * c - *bi * s, *br * s + *bi * c);
                    (*br, *bi) = (*ar - r, *ai - i);
                    (*ar, *ai) = (*ar + r, *ai + i);
                }
                (all_re, all_im) = (others_re, others_im);
            }
            half *= 2;
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    /// The same sums one by one, each index computed anew.
    fn slow<const N: usize>(re: &mut [f32; N], im: &mut [f32; N]) {
        let bits = N.trailing_zeros();
        for n in 0..N {
            let m = n.reverse_bits() >> (usize::BITS - bits);
            if m > n {
                re.swap(n, m);
                im.swap(n, m);
            }
        }
        let mut half = 1;
        while half < N {
            for first in (0..N).step_by(2 * half) {
                for k in 0..half {
                    let (a, b) = (first + k, first + k + half);
                    let angle = core::f64::consts::TAU * (k * N / (2 * half)) as f64 / N as f64;
                    let (c, s) = (libm::cos(angle) as f32, -(libm::sin(angle) as f32));
                    let (br, bi) = (re[b] * c - im[b] * s, re[b] * s + im[b] * c);
                    (re[b], im[b]) = (re[a] - br, im[a] - bi);
                    (re[a], im[a]) = (re[a] + br, im[a] + bi);
                }
            }
            half *= 2;
        }
    }

    #[test]
    fn vectors_change_no_bit() {
        let fourier = Fourier::<128>::new();
        let mut seed = 7_u32;
        for _ in 0..50 {
            let mut next = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed as i32 as f32 / 65_536.0
            };
            let mut block = Block::<128> { re: core::array::from_fn(|_| next()), im: [0.0; 128] };
            block.im.iter_mut().for_each(|v| *v = next());
            let mut one_by_one = block.clone();
            fourier.forward(&mut block);
            slow(&mut one_by_one.re, &mut one_by_one.im);
            let bits =
                |block: &Block<128>| (block.re.map(f32::to_bits), block.im.map(f32::to_bits));
            assert_eq!(bits(&block), bits(&one_by_one));
        }
    }

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
