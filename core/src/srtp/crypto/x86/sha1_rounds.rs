// SPDX-License-Identifier: MIT OR Apache-2.0
//! SHA-1 (FIPS 180-4 section 6.1.2) with one message in each lane of registers of any width: its rounds, what
//! follows a message, and what becomes of the lanes' digests.

use crate::srtp::crypto::Tag;

/// `rounds!(state, w)` takes one block into the state of every lane: five registers, and sixteen with a word of
/// every message each. Whoever calls it has the functions `splat`, `add`, `rotate::<N>`, `schedule` (the exclusive or
/// of four), `choose`, `parity` and `majority` for its registers.
macro_rules! rounds {
    ($state:ident, $w:ident) => {
        let [mut a, mut b, mut c, mut d, mut e] = *$state;
        macro_rules! round {
            ($i:expr, $function:ident, $constant:expr) => {
                let i: usize = $i;
                if i >= 16 {
                    let word =
                        schedule($w[(i + 13) % 16], $w[(i + 8) % 16], $w[(i + 2) % 16], $w[i % 16]);
                    $w[i % 16] = rotate::<1>(word);
                }
                let sum = add(add($w[i % 16], splat($constant)), e);
                let next = add(add(rotate::<5>(a), $function(b, c, d)), sum);
                e = d;
                d = c;
                c = rotate::<30>(b);
                b = a;
                a = next;
            };
        }
        macro_rules! five {
            ($i:expr, $function:ident, $constant:expr) => {
                round!($i, $function, $constant);
                round!($i + 1, $function, $constant);
                round!($i + 2, $function, $constant);
                round!($i + 3, $function, $constant);
                round!($i + 4, $function, $constant);
            };
        }
        macro_rules! twenty {
            ($i:expr, $function:ident, $constant:expr) => {
                five!($i, $function, $constant);
                five!($i + 5, $function, $constant);
                five!($i + 10, $function, $constant);
                five!($i + 15, $function, $constant);
            };
        }
        twenty!(0, choose, 0x5a82_7999);
        twenty!(20, parity, 0x6ed9_eba1);
        twenty!(40, majority, 0x8f1b_bcdc);
        twenty!(60, parity, 0xca62_c1d6);
        for (old, new) in $state.iter_mut().zip([a, b, c, d, e]) {
            *old = add(*old, new);
        }
    };
}

pub(super) use rounds;

/// The bytes that follow a message, the first in the low byte, and their number: its tail and the end mark.
#[inline(always)]
pub(super) fn suffix(tail: Option<u32>) -> (u64, usize) {
    match tail {
        Some(tail) => (u64::from(tail.swap_bytes()) | 0x80 << 32, 5),
        None => (0x80, 1),
    }
}

/// Gives each message its tag, of which each of the words has a part for all.
#[inline(always)]
pub(super) fn spread<const LANES: usize>(words: &[[u32; LANES]; 4], tags: &mut [Tag; LANES]) {
    for (i, tag) in tags.iter_mut().enumerate() {
        for (bytes, words) in tag.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&words[i].to_be_bytes());
        }
    }
}
