// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packet indices: the guess of the rollover counter (RFC 3711 section 3.3.1 and appendix A).

/// Indices are 48 bits wide: the rollover counter and the sequence number.
pub(crate) const INDEX_LIMIT: u64 = 1 << 48;

/// The index that `sequence` most likely stands for when `highest` is the highest one so far.
///
/// It differs from appendix A in one point: before the first rollover there is no earlier counter
/// to fall back to, so the counter stays 0 where the appendix would wrap to 2^32 - 1. A result of
/// [`INDEX_LIMIT`] or more means that the counter is exhausted.
///
/// Real-time: yes.
#[inline]
pub(crate) fn guess(highest: u64, sequence: u16) -> u64 {
    let roc = highest >> 16;
    let last = highest as u16;
    let v = if last < 0x8000 {
        if sequence.wrapping_sub(last) > 0x8000 && sequence > last && roc > 0 {
            roc - 1
        } else {
            roc
        }
    } else if last - 0x8000 > sequence {
        roc + 1
    } else {
        roc
    };
    v << 16 | u64::from(sequence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 3711 appendix A, word for word, in signed arithmetic.
    fn appendix_a(roc: i64, s_l: i64, seq: i64) -> i64 {
        let v = if s_l < 32768 {
            if seq - s_l > 32768 { roc - 1 } else { roc }
        } else if s_l - 32768 > seq {
            roc + 1
        } else {
            roc
        };
        v * 65536 + seq
    }

    proptest! {
        #[test]
        fn guess_is_that_of_appendix_a(roc in 1_u64..0xffff_fffe, s_l: u16, seq: u16) {
            let expected = appendix_a(roc as i64, i64::from(s_l), i64::from(seq));
            prop_assert_eq!(guess(roc << 16 | u64::from(s_l), seq), expected as u64);
        }
    }

    #[test]
    fn counter_does_not_go_below_zero() {
        assert_eq!(guess(5, 65530), 65530);
        assert_eq!(guess(65530, 5), 0x1_0005);
        assert_eq!(guess(0x1_0005, 65530), 65530);
    }

    #[test]
    fn exhausted_counter_is_out_of_range() {
        assert!(guess(INDEX_LIMIT - 1, 0) >= INDEX_LIMIT);
    }
}
