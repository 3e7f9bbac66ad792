// SPDX-License-Identifier: MIT OR Apache-2.0
//! The seeds of the fuzz target `c_api`, for Miri (`make miri`): pointers into the library and out of
//! it, objects that are destroyed in any order, a host's functions that are called back.
#![cfg(miri)]

#[allow(unreachable_pub)] // It is public where it is a target.
#[path = "../../src/c_api/mod.rs"]
mod c_api;

/// A test for each seed, so that they can run apart.
macro_rules! seeds {
    ($($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            c_api::calls(include_bytes!(concat!("../../corpus/c_api/", stringify!($name))));
        }
    )*};
}

seeds!(
    backend,
    checkpoints,
    host_codec_and_black_box,
    host_codec_counts_wrong,
    host_codec_fails,
    key_identifiers,
    legs_of_a_host_codec,
    lines,
    shares_and_lines,
);
