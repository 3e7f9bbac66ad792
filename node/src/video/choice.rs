// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which layer of a camera a member is shown: the largest that its network carries, by what it tells of that (REMB) and of
//! what it has lost. A receiver's estimate hardly goes beyond what it is sent, so that a larger layer is tried where the
//! smaller one leaves the estimate alone, and given up, for longer each time, where that does not raise it.

/// A layer that is sent, and what it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offered {
    /// Its number.
    pub layer: u8,
    /// In bits a second.
    pub bps: u64,
}

/// What a member tells of its network.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told {
    /// What it carries, in bits a second.
    pub carries_bps: Option<u64>,
    /// What was lost lately, in parts of 256.
    pub lost: u8,
}

/// How long a layer is too large until a smaller one is shown, and how long one is shown until a larger one is.
const SHORT_NS: u64 = 300_000_000;
const SETTLE_NS: u64 = 1_000_000_000;
/// How long a trial has to raise the estimate.
const TRIAL_NS: u64 = 5_000_000_000;
/// What is waited after a larger layer was too large, at first and at most, and how long it has to be shown so that it
/// counts as one that was not.
const PATIENCE_NS: u64 = 4_000_000_000;
const MOST_PATIENCE_NS: u64 = 64_000_000_000;
const LASTS_NS: u64 = 15_000_000_000;
/// Losses with which nothing is shown that was larger: a tenth.
const LOSSY: u8 = 26;

/// A larger layer is shown, although the estimate does not allow for it.
#[derive(Debug, Clone, Copy)]
struct Trial {
    since_ns: u64,
    /// The estimate before.
    carries_bps: u64,
}

/// What one member is shown.
#[derive(Debug)]
pub struct Choice {
    layer: u8,
    since_ns: Option<u64>,
    short_ns: Option<u64>,
    trial: Option<Trial>,
    patience_ns: u64,
    not_before_ns: u64,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            layer: 0,
            since_ns: None,
            short_ns: None,
            trial: None,
            patience_ns: PATIENCE_NS,
            not_before_ns: 0,
        }
    }
}

impl Choice {
    /// The layer that is to be shown.
    pub fn layer(&self) -> u8 {
        self.layer
    }

    /// Chooses of layers that are sent, the smallest first.
    ///
    /// Real-time: yes.
    pub fn choose(&mut self, offered: &[Offered], told: Told, now_ns: u64) {
        let fits = |layer: &&Offered| {
            told.carries_bps.is_none_or(|carries| layer.bps <= carries - carries / 10)
        };
        let best = |of: &[Offered]| of.iter().rev().find(fits).or(of.first()).copied();
        let Some(at) = offered.iter().position(|layer| layer.layer == self.layer) else {
            // It is not sent, or not any more.
            if let Some(best) = best(offered) {
                self.turn_to(best, now_ns);
            }
            return;
        };
        let (below, above) = offered.split_at(at);
        let [shown, larger @ ..] = above else { return };
        if self.is_too_large(shown, told, now_ns) {
            if let Some(smaller) = best(below) {
                let lasted = now_ns.saturating_sub(self.since_ns.unwrap_or(now_ns)) >= LASTS_NS;
                self.patience_ns = if lasted { PATIENCE_NS } else { self.patience_ns };
                self.not_before_ns = now_ns + self.patience_ns;
                self.patience_ns = (2 * self.patience_ns).min(MOST_PATIENCE_NS);
                self.turn_to(smaller, now_ns);
            }
            return;
        }
        let settled = self.since_ns.is_none_or(|at_ns| now_ns.saturating_sub(at_ns) >= SETTLE_NS);
        if !settled || self.trial.is_some() || now_ns < self.not_before_ns || told.lost >= LOSSY {
            return;
        }
        let Some(next) = larger.first() else { return };
        if let Some(fitting) = larger.iter().rev().find(fits) {
            self.turn_to(*fitting, now_ns);
        } else if let Some(carries_bps) = told.carries_bps
            && carries_bps >= shown.bps + shown.bps / 4
        {
            self.turn_to(*next, now_ns);
            self.trial = Some(Trial { since_ns: now_ns, carries_bps });
        }
    }

    fn turn_to(&mut self, layer: Offered, now_ns: u64) {
        (self.layer, self.since_ns) = (layer.layer, Some(now_ns));
        (self.short_ns, self.trial) = (None, None);
    }

    /// Whether what is shown has been too large for some time.
    fn is_too_large(&mut self, shown: &Offered, told: Told, now_ns: u64) -> bool {
        let carries = told.carries_bps.unwrap_or(u64::MAX);
        if shown.bps <= carries {
            self.trial = None;
        }
        let is_short = match self.trial {
            Some(trial) => {
                let (over, raised) = (now_ns - trial.since_ns >= TRIAL_NS, trial.carries_bps / 20);
                carries < trial.carries_bps - raised || over && carries < trial.carries_bps + raised
            }
            None => shown.bps > carries,
        };
        if !is_short && told.lost < LOSSY {
            self.short_ns = None;
            return false;
        }
        now_ns.saturating_sub(*self.short_ns.get_or_insert(now_ns)) >= SHORT_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;
    /// As browsers send them: 160, 500 and 1200 kbit/s.
    const ALL: [Offered; 3] = [
        Offered { layer: 2, bps: 160_000 },
        Offered { layer: 1, bps: 500_000 },
        Offered { layer: 0, bps: 1_200_000 },
    ];

    /// A member of whom all is as it is told, looked at each tenth of a second.
    struct Member {
        choice: Choice,
        now_ns: u64,
        told: Told,
        offered: Vec<Offered>,
        /// When it was shown which layer.
        shown: Vec<(u64, u8)>,
    }

    impl Member {
        fn new(carries_kbps: Option<u64>) -> Self {
            let told = Told { carries_bps: carries_kbps.map(|kbps| 1_000 * kbps), lost: 0 };
            let (choice, offered) = (Choice::default(), ALL.to_vec());
            Self { choice, now_ns: 100 * S, told, offered, shown: Vec::new() }
        }

        fn carries(&mut self, kbps: u64) {
            self.told.carries_bps = Some(1_000 * kbps);
        }

        /// What it is shown after so many tenths of a second.
        fn after(&mut self, tenths: u64) -> u8 {
            for _ in 0..tenths {
                self.choice.choose(&self.offered, self.told, self.now_ns);
                let layer = self.choice.layer();
                if self.shown.last().is_none_or(|(_, shown)| *shown != layer) {
                    self.shown.push((self.now_ns / (S / 10), layer));
                }
                self.now_ns += S / 10;
            }
            self.choice.layer()
        }
    }

    #[test]
    fn the_largest_layer_that_the_network_carries_is_shown() {
        for (carries_kbps, layer) in [
            (None, 0),
            (Some(1_400), 0),
            (Some(1_150), 1),
            (Some(600), 1),
            (Some(170), 2),
            (Some(9), 2),
        ] {
            assert_eq!(Member::new(carries_kbps).after(20), layer, "{carries_kbps:?}");
        }
    }

    #[test]
    fn what_becomes_too_large_gives_way_soon_and_comes_back_when_it_fits_again() {
        let mut member = Member::new(Some(2_000));
        assert_eq!(member.after(20), 0);
        member.carries(600);
        assert_eq!([member.after(3), member.after(1)], [0, 1], "not for a moment");
        member.carries(2_000);
        assert_eq!([member.after(38), member.after(3)], [1, 0], "not at once");
        // The second time it has to wait for longer.
        member.carries(100);
        assert_eq!(member.after(4), 2, "the largest that fits, or else the smallest");
        member.carries(2_000);
        assert_eq!([member.after(78), member.after(3)], [2, 0]);
    }

    #[test]
    fn a_layer_that_pauses_gives_way_at_once_and_one_that_begins_is_taken_in_its_time() {
        let mut member = Member::new(None);
        assert_eq!(member.after(20), 0);
        member.offered.pop();
        assert_eq!(member.after(1), 1);
        member.offered.clear();
        assert_eq!(member.after(1), 1, "until there is another");
        member.offered.push(ALL[0]);
        assert_eq!(member.after(1), 2);
        member.offered = ALL.to_vec();
        assert_eq!([member.after(9), member.after(2)], [2, 0]);
    }

    #[test]
    fn who_loses_much_is_shown_less() {
        let mut member = Member::new(None);
        assert_eq!(member.after(20), 0);
        member.told.lost = LOSSY;
        assert_eq!(member.after(4), 1);
        member.told.lost = LOSSY - 1;
        assert_eq!([member.after(30), member.after(15)], [1, 0]);
    }

    /// An estimate as receivers make it (draft-ietf-rmcat-gcc section 5.5): by up to a twelfth a second more, half as
    /// much again as comes at most, and less than the network carries where more than that comes.
    fn estimate(member: &mut Member, network_bps: u64) {
        let layer = member.choice.layer();
        let comes = member.offered.iter().find(|offered| offered.layer == layer).unwrap().bps;
        let before = member.told.carries_bps.unwrap_or(150_000);
        let now = if comes > network_bps {
            before.min(network_bps * 85 / 100)
        } else {
            (before + before / 120).min(comes * 3 / 2 + 10_000)
        };
        member.told.carries_bps = Some(now);
    }

    #[test]
    fn a_larger_layer_is_tried_where_the_estimate_is_bound_by_what_is_sent() {
        for (network_kbps, layer) in [(3_000, 0), (900, 1), (300, 2)] {
            let mut member = Member::new(Some(150));
            for _ in 0..1_200 {
                estimate(&mut member, 1_000 * network_kbps);
                member.after(1);
            }
            assert_eq!(member.choice.layer(), layer, "{network_kbps}: {:?}", member.shown);
            // What is too large is tried less and less often.
            assert!(member.shown.len() <= 12, "{network_kbps}: {:?}", member.shown);
        }
    }
}
