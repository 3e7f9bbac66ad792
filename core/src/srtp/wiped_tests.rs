// SPDX-License-Identifier: MIT OR Apache-2.0
//! Types that hold keys wipe themselves where they lie, also those that lie in lists which overwrite their
//! blocks, or on a stack that is overwritten: whole sessions (core/tests/wiped.rs) would not show that one
//! does not.
#![allow(unsafe_code)] // What a value leaves is looked at where it was.

use core::mem::MaybeUninit;

use alloc::vec::Vec;

use super::Suite;
use super::crypto::{CryptoKey, Engine, Kernel, Material};
use super::suite::Cipher;

/// Eights of bytes without a zero, which addresses and lengths have, and where they stand.
fn eights<T>(place: &MaybeUninit<T>) -> Vec<(usize, [u8; 8])> {
    let from = place.as_ptr().cast::<u8>();
    // SAFETY: within the place; read as whoever finds the memory would, so as not to be reasoned about.
    let bytes: Vec<u8> =
        (0..size_of::<T>()).map(|i| unsafe { from.add(i).read_volatile() }).collect();
    let eights = bytes.windows(8).map(|eight| <[u8; 8]>::try_from(eight).unwrap());
    eights.enumerate().filter(|(_, eight)| !eight.contains(&0)).collect()
}

/// Drops a value in its place: eights of bytes before, and those that still stand there.
fn before_and_after<T>(value: T) -> (usize, usize) {
    let mut place = MaybeUninit::<T>::zeroed();
    place.write(value);
    let before = eights(&place);
    // SAFETY: it has just been written, and is not used as a value any more.
    unsafe { place.assume_init_drop() };
    let after = eights(&place);
    (before.len(), before.iter().filter(|eight| after.contains(eight)).count())
}

/// Without a zero in any byte.
fn material(cipher_bytes: usize) -> Material {
    let mut next = 0x11_u8;
    let mut byte = || {
        next = next.wrapping_mul(5).wrapping_add(7) | 1;
        next
    };
    Material {
        cipher: core::array::from_fn(|_| byte()),
        cipher_bytes,
        auth: core::array::from_fn(|_| byte()),
        salt: core::array::from_fn(|_| byte()),
    }
}

#[test]
fn derived_keys_wipe_themselves() {
    let (before, after) = before_and_after(material(32));
    assert!(before > 32 + 20, "{before}");
    assert_eq!(after, 0);
}

/// Those of the portable kernel stand on the heap, and are their crates' own.
#[test]
fn scheduled_keys_wipe_themselves_with_their_salts() {
    for suite in Suite::ALL {
        let kernels = Kernel::ALL.iter().filter(|kernel| **kernel != Kernel::Portable);
        for kernel in kernels.filter(|kernel| kernel.is_available()) {
            let engine = Engine::Builtin(*kernel);
            let key = CryptoKey::new(suite, &material(suite.key_bytes()), &engine).unwrap();
            let (before, after) = before_and_after(key);
            assert!(before > 20, "{suite:?}, {kernel:?}: {before}");
            if suite.cipher() != Cipher::Null {
                assert!(before > 100, "{suite:?}, {kernel:?}: {before}");
            }
            // A salt would be seven; where no member is, what is moved takes along anything.
            assert!(after < 7, "{suite:?}, {kernel:?}: {after} of {before}");
        }
    }
}

/// The tests above would see a value that is left as it is.
#[test]
fn a_value_that_stays_is_seen() {
    assert_eq!(before_and_after([0x77_u8; 16]), (9, 9));
}
