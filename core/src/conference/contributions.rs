// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contributing sources of a tick, for the listeners that are informed of them (RFC 6465).

use alloc::vec::Vec;

use crate::leg::{Contributor, Contributors, MAX_CONTRIBUTORS};
use crate::within::insert_in;

/// The loudest of those that are heard, the loudest first: one more than a packet names, since nobody
/// hears itself.
pub(super) struct Contributions {
    loudest: Vec<(u8, u32, Contributor)>,
}

impl Contributions {
    pub(super) fn new() -> Self {
        Self { loudest: Vec::with_capacity(MAX_CONTRIBUTORS + 2) }
    }

    /// Forgets the last tick's.
    pub(super) fn clear(&mut self) {
        self.loudest.clear();
    }

    /// Takes in that `member` is heard as the source `ssrc`.
    pub(super) fn add(&mut self, member: u32, ssrc: u32, level_dbov: u8) {
        let at = self.loudest.partition_point(|(level, ..)| *level <= level_dbov);
        if at <= MAX_CONTRIBUTORS {
            let source = Contributor { ssrc, level_dbov: Some(level_dbov) };
            insert_in(&mut self.loudest, at, (level_dbov, member, source));
            self.loudest.truncate(MAX_CONTRIBUTORS + 1);
        }
    }

    /// Those that `listener` hears.
    pub(super) fn without(&self, listener: u32) -> Contributors {
        let others = self.loudest.iter().filter(|(_, member, _)| *member != listener);
        Contributors::new(others.map(|(_, _, source)| *source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudest_others_are_named_and_no_more_than_fit() {
        let mut all = Contributions::new();
        for n in 0..40 {
            all.add(n, 1_000 + n, (n * 37 % 40) as u8);
        }
        let heard = all.without(0);
        assert_eq!(heard.as_slice().len(), MAX_CONTRIBUTORS);
        // Member 0 is the loudest, so the others begin with the second.
        let expected = (1..=15_u8).map(|level| {
            let n = (0..40).find(|n| n * 37 % 40 == u32::from(level)).unwrap();
            Contributor { ssrc: 1_000 + n, level_dbov: Some(level) }
        });
        assert!(heard.as_slice().iter().copied().eq(expected));
        assert_eq!(all.without(99).as_slice()[0].ssrc, 1_000);
        all.clear();
        assert_eq!(all.without(0).as_slice(), []);
    }
}
