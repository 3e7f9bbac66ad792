// SPDX-License-Identifier: MIT OR Apache-2.0
//! How busy workers are, and whether they may take more. What is measured is time between two waits for packets: that in
//! which others had the core counts too, since packets waited as well.

use crate::config::Admission;

/// How busy each worker was between the last two looks.
#[derive(Debug)]
pub(super) struct Load {
    /// At most, of 1000; nothing is refused at 0.
    most_permille: u64,
    /// What each had been busy in all at the last look, and when that was.
    before_ns: Vec<u64>,
    looked_ns: u64,
    busy_permille: Vec<u64>,
}

impl Load {
    pub(super) fn new(config: Admission, workers: usize) -> Self {
        Self {
            most_permille: u64::from(config.max_busy_percent) * 10,
            before_ns: vec![0; workers],
            looked_ns: 0,
            busy_permille: vec![0; workers],
        }
    }

    /// Takes what each worker has been busy in all.
    pub(super) fn look(&mut self, busy_ns: impl Iterator<Item = u64>, now_ns: u64) {
        let since_ns = now_ns.saturating_sub(self.looked_ns);
        if since_ns == 0 {
            return;
        }
        self.looked_ns = now_ns;
        let places = self.busy_permille.iter_mut().zip(&mut self.before_ns);
        for ((busy, before_ns), all_ns) in places.zip(busy_ns) {
            let part_ns = all_ns.saturating_sub(*before_ns);
            (*busy, *before_ns) = (part_ns.saturating_mul(1_000) / since_ns, all_ns);
        }
    }

    pub(super) fn busy_permille(&self) -> &[u64] {
        &self.busy_permille
    }

    /// Whether even the idlest is busier than it may be: calls go to each in turn.
    pub(super) fn is_exceeded(&self) -> bool {
        let idlest = self.busy_permille.iter().min();
        self.most_permille > 0 && idlest.is_some_and(|busy| *busy > self.most_permille)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_while_all_are_busier_than_they_may_be() {
        let mut load = Load::new(Admission { max_busy_percent: 80 }, 2);
        let mut look = |busy_ms: [u64; 2], now_ms: u64| {
            load.look(busy_ms.into_iter().map(|ms| ms * 1_000_000), now_ms * 1_000_000);
            (load.busy_permille().to_vec(), load.is_exceeded())
        };
        assert_eq!(look([500, 100], 1_000), (vec![500, 100], false));
        assert_eq!(look([1_450, 950], 2_000), (vec![950, 850], true));
        assert_eq!(look([2_450, 1_740], 3_000), (vec![1_000, 790], false));
        // Twice at the same time says nothing new.
        assert_eq!(look([9_000, 9_000], 3_000), (vec![1_000, 790], false));
        let mut never = Load::new(Admission { max_busy_percent: 0 }, 1);
        never.look([1_000].into_iter(), 1_000);
        assert!(!never.is_exceeded());
    }
}
