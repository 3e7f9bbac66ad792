// SPDX-License-Identifier: MIT OR Apache-2.0
//! One function, compiled for several vector units and chosen at run time.
//!
//! The body is written once, in plain arithmetic that a compiler turns into vectors. Integers, and
//! floating point without sums across lanes, give the same bits whatever the width, so the copies
//! need no tolerance; each user's tests hold them to that through [`Unit::available`].

/// A vector unit that a function has been compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// What every processor of the target has: SSE2 on x86-64, NEON on 64-bit ARM.
    Baseline,
    /// AVX2.
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    Avx2,
    /// AVX-512 F, BW and VL.
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    Avx512,
}

impl Unit {
    /// The widest that this machine has.
    #[inline]
    pub(crate) fn widest() -> Self {
        #[cfg(all(target_arch = "x86_64", feature = "std"))]
        {
            if Self::Avx512.is_present() {
                return Self::Avx512;
            }
            if Self::Avx2.is_present() {
                return Self::Avx2;
            }
        }
        Self::Baseline
    }

    /// All that this machine has, for tests.
    #[cfg(test)]
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        [
            Self::Baseline,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx2,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx512,
        ]
        .into_iter()
        .filter(|unit| unit.is_present())
    }

    #[cfg(any(test, all(target_arch = "x86_64", feature = "std")))]
    #[inline]
    fn is_present(self) -> bool {
        match self {
            Self::Baseline => true,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx2 => std::arch::is_x86_feature_detected!("avx2"),
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx512 => {
                std::arch::is_x86_feature_detected!("avx512bw")
                    && std::arch::is_x86_feature_detected!("avx512vl")
            }
        }
    }
}

/// `versions! { fn name(unit, argument: Type, ..) -> Type = body; }` defines `name`, which calls
/// `body`, an `#[inline(always)]` function, as compiled for `unit`. A file that uses it allows
/// `unsafe_code` for the call.
macro_rules! versions {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident(unit $(, $argument:ident: $kind:ty)*) $(-> $result:ty)? = $body:path;
    )*) => {$(
        $(#[$attribute])*
        #[inline]
        $visibility fn $name(unit: $crate::dsp::versions::Unit $(, $argument: $kind)*) $(-> $result)? {
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            #[target_feature(enable = "avx2")]
            fn avx2($($argument: $kind),*) $(-> $result)? {
                $body($($argument),*)
            }
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
            fn avx512($($argument: $kind),*) $(-> $result)? {
                $body($($argument),*)
            }
            match unit {
                $crate::dsp::versions::Unit::Baseline => $body($($argument),*),
                #[cfg(all(target_arch = "x86_64", feature = "std"))]
                // SAFETY: a `Unit` other than the baseline is only made where the CPU has it.
                $crate::dsp::versions::Unit::Avx2 => unsafe { avx2($($argument),*) },
                #[cfg(all(target_arch = "x86_64", feature = "std"))]
                // SAFETY: as above.
                $crate::dsp::versions::Unit::Avx512 => unsafe { avx512($($argument),*) },
            }
        }
    )*};
}
pub(crate) use versions;
