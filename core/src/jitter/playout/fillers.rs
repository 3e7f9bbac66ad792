// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which sequence numbers carried no audio (telephone events, keepalives), so that they are not taken
//! for losses between two packets of audio. Audio thread only; knows of nothing else.

/// Sequence numbers back from the newest filler that are told apart one by one.
const REACH: u32 = 128;

/// Fillers seen lately. Numbers are the low bits of extended sequence numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fillers {
    any: bool,
    newest: u32,
    /// From here to the newest, all are fillers, however many (a digit may be held down for long).
    run: u32,
    /// Bit n: `newest - n` is one.
    bits: u128,
}

/// How far `b` is ahead of `a`.
fn ahead(a: u32, b: u32) -> i32 {
    b.wrapping_sub(a).cast_signed()
}

impl Fillers {
    /// Takes in the number of a packet that was no audio.
    pub(super) fn insert(&mut self, sequence: u32) {
        let step = ahead(self.newest, sequence);
        if !self.any || step >= REACH.cast_signed() {
            *self = Self { any: true, newest: sequence, run: sequence, bits: 1 };
            return;
        }
        if step > 0 {
            self.bits = self.bits.checked_shl(step.unsigned_abs()).unwrap_or(0) | 1;
            self.newest = sequence;
            if step > 1 {
                self.run = sequence;
            }
        } else if step > -REACH.cast_signed() {
            self.bits |= 1_u128.checked_shl(step.unsigned_abs()).unwrap_or(0);
        }
        // A run may grow backwards when one comes late.
        while ahead(self.run, self.newest) + 1 < REACH.cast_signed()
            && self.is_marked(self.run.wrapping_sub(1))
        {
            self.run = self.run.wrapping_sub(1);
        }
    }

    fn is_marked(&self, sequence: u32) -> bool {
        let back = self.newest.wrapping_sub(sequence);
        back < REACH && self.bits >> back & 1 != 0
    }

    /// How many numbers behind `after` and before `before` are fillers.
    pub(super) fn between(&self, after: u32, before: u32) -> u32 {
        if !self.any || ahead(after, before) < 2 {
            return 0;
        }
        let (first, last) = (after.wrapping_add(1), before.wrapping_sub(1));
        // The run's part, and what is told apart in front of it.
        let from = if ahead(first, self.run) > 0 { self.run } else { first };
        let to = if ahead(self.newest, last) > 0 { self.newest } else { last };
        let in_run = u32::try_from(ahead(from, to) + 1).unwrap_or(0);
        let singles = (1..REACH).filter(|&back| {
            let sequence = self.newest.wrapping_sub(back);
            ahead(sequence, self.run) > 0
                && ahead(first, sequence) >= 0
                && ahead(sequence, last) >= 0
                && self.bits >> back & 1 != 0
        });
        in_run + singles.count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    #[test]
    fn a_run_of_any_length_is_known_to_its_beginning() {
        let mut fillers = Fillers::default();
        for n in 0..5_000 {
            fillers.insert((u32::MAX - 99).wrapping_add(n));
        }
        assert_eq!(fillers.between(u32::MAX - 100, 4_900_u32), 5_000);
        assert_eq!(fillers.between(u32::MAX - 90, 4_800), 4_890);
        assert_eq!(fillers.between(4_899, 4_901), 0);
    }

    proptest! {
        #[test]
        fn counts_as_a_set_does(
            start in any::<u32>(),
            steps in prop::collection::vec(-20_i32..30, 1..60),
            after in 0_u32..100,
            span in 0_u32..120,
        ) {
            let mut fillers = Fillers::default();
            let mut model = BTreeSet::new();
            let (mut at, mut newest) = (1_000_i64, 0);
            for step in steps {
                at += i64::from(step);
                newest = at.max(newest);
                if newest - at < 100 {
                    fillers.insert(start.wrapping_add(at as u32));
                    model.insert(at);
                }
            }
            // Within reach.
            let after = newest - i64::from(after);
            let before = after + i64::from(span);
            let expected = model.iter().filter(|&&n| n > after && n < before).count();
            let number = |n: i64| start.wrapping_add(n as u32);
            prop_assert_eq!(fillers.between(number(after), number(before)), expected as u32);
        }
    }
}
