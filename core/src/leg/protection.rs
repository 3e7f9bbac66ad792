// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which redundancy heals the losses that the peer reports, at the least bits: the codec's own in the packet
//! behind (in-band FEC), older payloads again (RED, RFC 2198), or the codec's deep redundancy (DRED).
//!
//! What each is worth was measured with Opus at 24 kbit/s in the judge's closed loop (PESQ at the bits sent,
//! docs/measurements.md): of losses that know nothing of each other in-band FEC heals nearly as much as one
//! repeated payload at four fifths of the bits, once its share of the bit rate is given on top; payloads that
//! are repeated anyway it only makes worse. Of bursts deep redundancy heals more than one repeated payload, at
//! four fifths of the bits, and less than two, which take twice as many.

/// The loss, in 1/256, from which on so many payloads are repeated: 1, 5, 12 and 25 %. Where losses are
/// independent, what they leave is below half a per cent up to the next step.
const FROM_LOSS: [u8; 4] = [3, 13, 31, 64];
/// The same where losses come in bursts, each of which takes several payloads in a row: 1, 1.5, 3 and 8 %.
const FROM_LOSS_IN_BURSTS: [u8; 4] = [3, 4, 8, 20];
/// What is lost within bursts, in 1/256, from which on they are bursts: of losses that know nothing of each
/// other every eighth falls into one of the same 16 packets as another (RFC 3611), whatever the rest.
const IN_BURSTS: u8 = 80;
/// Up to this loss, 12 %, in-band FEC leaves no more than one packet in a hundred.
const MOST_LOSS_OF_FEC: u8 = 31;
/// So many payloads again heal more than deep redundancy.
const LEAST_REPEATED: u8 = 2;
/// Reports in a row that ask for less before there is one step less: losses come back.
const CALM_REPORTS: u8 = 3;

/// What a sender may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Means {
    /// Most payloads that a packet repeats.
    pub(super) repeated: u8,
    /// Whether the codec has FEC in the next packet.
    pub(super) fec: bool,
    /// How far back the codec's deep redundancy may reach, in ms; 0 for none.
    pub(super) deep_ms: u16,
}

/// What it uses now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Protection {
    pub(super) repeated: u8,
    /// Of the codec's own redundancy, given on top of its bit rate.
    pub(super) own: Own,
}

/// What a codec has of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Own {
    #[default]
    Nothing,
    Fec,
    Deep,
}

/// Follows the reports.
#[derive(Debug)]
pub(super) struct Chooser {
    means: Means,
    /// The loss in 1/256, over the last few reports: each is of few packets.
    loss: u8,
    bursts: bool,
    /// How many payloads would be repeated, were there nothing else.
    steps: u8,
    calm_reports: u8,
}

impl Chooser {
    pub(super) fn new(means: Means) -> Self {
        Self { means, loss: 0, bursts: false, steps: 0, calm_reports: 0 }
    }

    /// The peer reports a loss of so many 1/256, and so many within bursts, 0 if it knows of none.
    pub(super) fn take(&mut self, fraction_lost: u8, burst_density: u8) {
        self.loss = ((u16::from(self.loss) + u16::from(fraction_lost)) / 2) as u8;
        // What comes in bursts is lost far more often there than in the mean.
        self.bursts = burst_density >= IN_BURSTS && burst_density / 2 > self.loss;
        let from = if self.bursts { FROM_LOSS_IN_BURSTS } else { FROM_LOSS };
        let wanted = from.iter().filter(|from| self.loss >= **from).count() as u8;
        if wanted >= self.steps {
            (self.steps, self.calm_reports) = (wanted, 0);
            return;
        }
        self.calm_reports += 1;
        if self.calm_reports == CALM_REPORTS {
            (self.steps, self.calm_reports) = (self.steps - 1, 0);
        }
    }

    /// What is sent from now on.
    pub(super) fn protection(&self) -> Protection {
        let Means { repeated, fec, deep_ms } = self.means;
        if self.steps == 0 {
            return Protection::default();
        }
        if fec && !self.bursts && self.loss < MOST_LOSS_OF_FEC {
            return Protection { repeated: 0, own: Own::Fec };
        }
        if self.steps > repeated && repeated < LEAST_REPEATED && deep_ms > 0 {
            return Protection { repeated: 0, own: Own::Deep };
        }
        Protection { repeated: self.steps.min(repeated), own: Own::Nothing }
    }

    /// Goes on with what `before` knew.
    pub(super) fn continue_from(&mut self, before: &Self) {
        (self.loss, self.bursts) = (before.loss, before.bursts);
        (self.steps, self.calm_reports) = (before.steps, before.calm_reports);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(means: Means, reports: &[(u8, u8)]) -> Protection {
        let mut chooser = Chooser::new(means);
        reports.iter().for_each(|(lost, density)| chooser.take(*lost, *density));
        chooser.protection()
    }

    const RED: Means = Means { repeated: 4, fec: false, deep_ms: 0 };

    #[test]
    fn losses_in_bursts_ask_for_more_than_as_many_that_are_scattered() {
        for (lost, within_bursts, repeated) in [
            (13, 0, 1),
            (13, 60, 1),  // what 5 % at random look like
            (13, 128, 3), // half of the packets within bursts
            (26, 128, 4),
            (1, 255, 0), // next to nothing is lost
            (90, 110, 4),
            (20, 79, 2),
        ] {
            let protection = after(RED, &[(lost, within_bursts); 8]);
            let expected = Protection { repeated, own: Own::Nothing };
            assert_eq!(protection, expected, "{lost} of 256, {within_bursts} in bursts");
        }
    }

    #[test]
    fn what_heals_at_the_least_bits_is_chosen() {
        let opus = Means { repeated: 4, fec: true, deep_ms: 0 };
        let deep = Means { repeated: 1, fec: true, deep_ms: 500 };
        let only_fec = Means { repeated: 0, fec: true, deep_ms: 0 };
        let (nothing, fec, deeply) = (
            Protection::default(),
            Protection { repeated: 0, own: Own::Fec },
            Protection { repeated: 0, own: Own::Deep },
        );
        let red = |repeated| Protection { repeated, own: Own::Nothing };
        for (means, lost, within_bursts, expected) in [
            (opus, 0, 0, nothing),
            (opus, 2, 255, nothing),
            (opus, 13, 0, fec),
            (opus, 25, 0, fec),
            (opus, 40, 0, red(3)),
            (opus, 13, 128, red(3)),
            (deep, 13, 0, fec),
            (deep, 4, 128, red(1)),
            (deep, 13, 128, deeply),
            (deep, 80, 0, deeply),
            (Means { repeated: 2, ..deep }, 13, 128, red(2)),
            (only_fec, 13, 0, fec),
            (only_fec, 13, 128, nothing),
        ] {
            let found = after(means, &[(lost, within_bursts); 12]);
            assert_eq!(found, expected, "{means:?} {lost} {within_bursts}");
        }
    }

    proptest::proptest! {
        /// Whatever is reported, nothing is sent that the host has not allowed, and a clean network ends it.
        #[test]
        fn no_report_asks_for_more_than_is_allowed(
            reports in proptest::collection::vec((0_u8.., 0_u8..), 0..40),
            repeated in 0_u8..=4, fec: bool, deep in 0_u16..2,
        ) {
            let means = Means { repeated, fec, deep_ms: deep * 200 };
            let mut chooser = Chooser::new(means);
            for (lost, density) in reports {
                chooser.take(lost, density);
                let Protection { repeated, own } = chooser.protection();
                proptest::prop_assert!(repeated <= means.repeated);
                proptest::prop_assert!(own != Own::Fec || means.fec);
                proptest::prop_assert!(own != Own::Deep || means.deep_ms > 0);
                proptest::prop_assert!(own == Own::Nothing || repeated == 0);
            }
            (0..24).for_each(|_| chooser.take(0, 0));
            proptest::prop_assert_eq!(chooser.protection(), Protection::default());
        }
    }
}
