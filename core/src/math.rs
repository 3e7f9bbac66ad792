// SPDX-License-Identifier: MIT OR Apache-2.0
//! Floating-point functions that `core` lacks: the standard library's where there is one, else
//! `libm`'s. Every module takes them from here, so that the crate builds without `std`.

macro_rules! forward {
    ($($name:ident = $std:ident | $libm:ident),* $(,)?) => {$(
        #[inline]
        #[allow(dead_code)]
        pub(crate) fn $name(x: f32) -> f32 {
            #[cfg(feature = "std")]
            { x.$std() }
            #[cfg(not(feature = "std"))]
            { libm::$libm(x) }
        }
    )*};
}

forward! {
    sqrt = sqrt | sqrtf,
    exp = exp | expf,
    ln = ln | logf,
    log10 = log10 | log10f,
    sin = sin | sinf,
    cos = cos | cosf,
    floor = floor | floorf,
    round_ties_even = round_ties_even | rintf,
}

/// `base` raised to `exponent`.
#[inline]
#[allow(dead_code)]
pub(crate) fn pow(base: f32, exponent: f32) -> f32 {
    #[cfg(feature = "std")]
    {
        base.powf(exponent)
    }
    #[cfg(not(feature = "std"))]
    {
        libm::powf(base, exponent)
    }
}
