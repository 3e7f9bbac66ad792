// SPDX-License-Identifier: MIT OR Apache-2.0
//! The three loops of the mixer. Each is written once, in plain integer arithmetic; on x86-64 the
//! same body is compiled a second time for AVX2 and a third for AVX-512, and chosen at run time.
//! Integers give the same bits whatever the width, and a test holds the copies to that.
#![allow(unsafe_code)] // Calls of functions compiled for a vector unit, after asking for it.

use super::gain::Gain;

/// Which copy of the loops runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    Portable,
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    Avx2,
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    Avx512,
}

macro_rules! dispatch {
    ($kernel:expr, $name:ident($($argument:expr),*)) => {
        match $kernel {
            Kernel::Portable => portable::$name($($argument),*),
            // SAFETY: `detect` and `all` make these values only where the CPU has the feature.
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Kernel::Avx2 => unsafe { avx2::$name($($argument),*) },
            // SAFETY: as above.
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Kernel::Avx512 => unsafe { avx512::$name($($argument),*) },
        }
    };
}

impl Kernel {
    /// The fastest that this machine has.
    pub(super) fn detect() -> Self {
        #[cfg(all(target_arch = "x86_64", feature = "std"))]
        {
            if has_avx512() {
                return Self::Avx512;
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// All that this machine has, for tests.
    #[cfg(test)]
    pub(super) fn all() -> impl Iterator<Item = Self> {
        #[cfg(all(target_arch = "x86_64", feature = "std"))]
        let vector = [
            (Self::Avx2, std::arch::is_x86_feature_detected!("avx2")),
            (Self::Avx512, has_avx512()),
        ];
        #[cfg(not(all(target_arch = "x86_64", feature = "std")))]
        let vector: [(Self, bool); 0] = [];
        let vector = vector.into_iter().filter(|(_, present)| *present).map(|(kernel, _)| kernel);
        core::iter::once(Self::Portable).chain(vector)
    }

    /// `sum += row * gain`; answers with the row's energy (sum of squares).
    #[inline]
    pub(super) fn accumulate(self, sum: &mut [i32], row: &[i16], gain: &Gain) -> u64 {
        if gain.is_unity() {
            dispatch!(self, accumulate_unity(sum, row))
        } else {
            dispatch!(self, accumulate_gain(sum, row, gain))
        }
    }

    /// `out = limit(bus - row * gain)`.
    #[inline]
    pub(super) fn subtract(self, bus: &[i32], row: &[i16], gain: &Gain, out: &mut [i16]) {
        if gain.is_unity() {
            dispatch!(self, subtract_unity(bus, row, out));
        } else {
            dispatch!(self, subtract_gain(bus, row, gain, out));
        }
    }

    /// `out = limit(bus)`.
    #[inline]
    pub(super) fn limit(self, bus: &[i32], out: &mut [i16]) {
        dispatch!(self, limit(bus, out));
    }
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
fn has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
}

mod portable {
    use super::Gain;

    #[inline(always)]
    fn clamp(value: i32) -> i16 {
        value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
    }

    #[inline(always)]
    pub(super) fn accumulate_unity(sum: &mut [i32], row: &[i16]) -> u64 {
        let mut energy = 0;
        // Two squares fit 32 bits unsigned; more would need a wider sum.
        let (sum_pairs, sum_rest) = sum.as_chunks_mut::<2>();
        let (row_pairs, row_rest) = row.as_chunks::<2>();
        for (sum, pair) in sum_pairs.iter_mut().zip(row_pairs) {
            let (a, b) = (i32::from(pair[0]), i32::from(pair[1]));
            sum[0] += a;
            sum[1] += b;
            energy += u64::from((a * a) as u32 + (b * b) as u32);
        }
        for (sum, sample) in sum_rest.iter_mut().zip(row_rest) {
            let sample = i32::from(*sample);
            *sum += sample;
            energy += (sample * sample) as u64;
        }
        energy
    }

    #[inline(always)]
    pub(super) fn accumulate_gain(sum: &mut [i32], row: &[i16], gain: &Gain) -> u64 {
        let count = row.len();
        for (index, (sum, sample)) in sum.iter_mut().zip(row).enumerate() {
            *sum += Gain::apply(*sample, gain.at(index, count));
        }
        crate::dsp::level::energy(row)
    }

    #[inline(always)]
    pub(super) fn subtract_unity(bus: &[i32], row: &[i16], out: &mut [i16]) {
        for ((out, bus), own) in out.iter_mut().zip(bus).zip(row) {
            *out = clamp(bus.wrapping_sub(i32::from(*own)));
        }
    }

    #[inline(always)]
    pub(super) fn subtract_gain(bus: &[i32], row: &[i16], gain: &Gain, out: &mut [i16]) {
        let count = row.len();
        for (index, ((out, bus), own)) in out.iter_mut().zip(bus).zip(row).enumerate() {
            *out = clamp(bus.wrapping_sub(Gain::apply(*own, gain.at(index, count))));
        }
    }

    #[inline(always)]
    pub(super) fn limit(bus: &[i32], out: &mut [i16]) {
        for (out, bus) in out.iter_mut().zip(bus) {
            *out = clamp(*bus);
        }
    }
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
macro_rules! compiled_for {
    ($module:ident, $features:literal) => {
        mod $module {
            use super::{Gain, portable};

            #[target_feature(enable = $features)]
            pub(super) fn accumulate_unity(sum: &mut [i32], row: &[i16]) -> u64 {
                portable::accumulate_unity(sum, row)
            }
            #[target_feature(enable = $features)]
            pub(super) fn accumulate_gain(sum: &mut [i32], row: &[i16], gain: &Gain) -> u64 {
                portable::accumulate_gain(sum, row, gain)
            }
            #[target_feature(enable = $features)]
            pub(super) fn subtract_unity(bus: &[i32], row: &[i16], out: &mut [i16]) {
                portable::subtract_unity(bus, row, out);
            }
            #[target_feature(enable = $features)]
            pub(super) fn subtract_gain(bus: &[i32], row: &[i16], gain: &Gain, out: &mut [i16]) {
                portable::subtract_gain(bus, row, gain, out);
            }
            #[target_feature(enable = $features)]
            pub(super) fn limit(bus: &[i32], out: &mut [i16]) {
                portable::limit(bus, out);
            }
        }
    };
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
compiled_for!(avx2, "avx2");
#[cfg(all(target_arch = "x86_64", feature = "std"))]
compiled_for!(avx512, "avx512f,avx512bw");
