// SPDX-License-Identifier: MIT OR Apache-2.0
//! Burst and gap statistics of losses (RFC 3611 section 4.7.2 and appendix A.2), and the burst
//! ratio of the E-model (ITU-T G.107 section 3.5).
//!
//! A packet counts as lost only when the window has gone past its sequence number, so that
//! reordering is not mistaken for loss.

/// Received packets in a row that end a burst (`Gmin`).
pub const GAP_MINIMUM: u8 = 16;
/// Sequence numbers that a packet may come late by.
const WINDOW: u32 = 64;
/// Numbers that a step can bring; larger steps are restarts, not loss.
const MAX_STEP: u32 = 3_000;

/// Counts losses and what lies between them.
#[derive(Debug, Clone, Default)]
pub struct Bursts {
    /// Extended number after the window; 0 before the first packet.
    next: u32,
    started: bool,
    /// Received packets of the window: bit 0 is `next - 1`.
    window: u64,
    /// Numbers of the window that are part of the stream.
    filled: u32,

    lost: u32,
    received: u32,
    /// Runs of lost packets.
    runs: u32,
    previous_lost: bool,

    /// Received since the last loss.
    since_loss: u32,
    /// Losses of the burst under way.
    in_burst: u32,
    c11: u32,
    c13: u32,
    c14: u32,
    c22: u32,
    c23: u32,
    c33: u32,
}

/// What the losses look like.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pattern {
    /// Packets that never came, or more than 64 late.
    pub lost: u32,
    /// Lost within bursts, 0 to 1.
    pub burst_density: f32,
    /// Lost within gaps, 0 to 1.
    pub gap_density: f32,
    /// Mean length of a burst in packets, 0 without one.
    pub burst_packets: f32,
    /// Mean length of a gap in packets.
    pub gap_packets: f32,
    /// Mean run of losses over that of random loss at the same rate; at least 1.
    pub burst_ratio: f32,
}

impl Bursts {
    /// The numbers begin anew, of another source or of one that restarted: what has been counted stays,
    /// and nothing in between was lost.
    ///
    /// Real-time: yes.
    pub fn resume_elsewhere(&mut self) {
        for back in (0..self.filled.min(WINDOW)).rev() {
            self.count(self.window >> back & 1 == 0);
        }
        (self.started, self.window, self.filled) = (false, 0, 0);
    }

    /// Takes in a packet that has been received.
    ///
    /// Real-time: yes; at most 3000 steps of a few instructions, after a gap of as many packets.
    pub fn received(&mut self, sequence: u16) {
        if !self.started {
            self.started = true;
            self.next = u32::from(sequence);
        }
        let ahead = sequence.wrapping_sub(self.next as u16);
        if ahead >= 0x8000 {
            let back = u32::from(!ahead); // 0 for the newest number of the window
            if back < self.filled {
                self.window |= 1 << back;
            }
            return;
        }
        let steps = u32::from(ahead) + 1;
        if steps > MAX_STEP {
            self.resume_elsewhere();
            return self.received(sequence);
        }
        for _ in 0..steps {
            if self.filled == WINDOW {
                self.count(self.window >> (WINDOW - 1) & 1 == 0);
            } else {
                self.filled += 1;
            }
            self.window <<= 1;
        }
        self.window |= 1;
        self.next = self.next.wrapping_add(steps);
    }

    /// One packet whose fate is known (appendix A.2).
    fn count(&mut self, lost: bool) {
        self.runs += u32::from(lost && !self.previous_lost);
        self.previous_lost = lost;
        if !lost {
            self.received += 1;
            self.since_loss += 1;
            return;
        }
        self.lost += 1;
        if self.since_loss >= u32::from(GAP_MINIMUM) {
            // The burst before, if any, has ended; a single loss was no burst.
            if self.in_burst == 1 {
                self.c14 += 1;
            } else {
                self.c13 += 1;
            }
            self.in_burst = 1;
            self.c11 += self.since_loss;
        } else {
            self.in_burst += 1;
            if self.since_loss == 0 {
                self.c33 += 1;
            } else {
                self.c23 += 1;
                self.c22 += self.since_loss - 1;
            }
        }
        self.since_loss = 0;
    }

    /// What the losses look like so far.
    ///
    /// Real-time: yes.
    pub fn pattern(&self) -> Pattern {
        let (c11, c13, c14) = (self.c11 as f32, self.c13 as f32, self.c14 as f32);
        let (c22, c23, c33) = (self.c22 as f32, self.c23 as f32, self.c33 as f32);
        let total = c11 + c14 + 2.0 * c13 + c22 + 2.0 * c23 + c33;
        let ratio = |part: f32, whole: f32| if whole > 0.0 { part / whole } else { 0.0 };
        let p32 = ratio(c23, c13 + c23 + c33);
        let p23 = if c22 + c23 < 1.0 { 1.0 } else { 1.0 - c22 / (c22 + c23) };
        let gap_packets =
            if self.c13 > 0 { (c11 + c14 + c13) / c13 } else { (self.received + self.lost) as f32 };
        let (lost, received) = (self.lost as f32, self.received as f32);
        let run = ratio(lost, self.runs as f32);
        let burst_ratio = run * (1.0 - ratio(lost, lost + received));
        Pattern {
            lost: self.lost,
            burst_density: if self.c13 > 0 { ratio(p23, p23 + p32) } else { 0.0 },
            gap_density: ratio(c14, c11 + c14),
            burst_packets: if self.c13 > 0 { (total / c13 - gap_packets).max(0.0) } else { 0.0 },
            gap_packets,
            burst_ratio: burst_ratio.max(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// Feeds packets by their fates, and a window's worth behind them.
    fn pattern(first: u16, lost: &[bool]) -> Pattern {
        let mut bursts = Bursts::default();
        let tail = core::iter::repeat_n(&false, WINDOW as usize + 1);
        for (n, lost) in lost.iter().chain(tail).enumerate() {
            if !lost {
                bursts.received(first.wrapping_add(n as u16));
            }
        }
        bursts.pattern()
    }

    #[test]
    fn single_losses_far_apart_are_a_gap_and_no_burst() {
        let lost: Vec<bool> = (1..=1_000).map(|n| n % 50 == 0).collect();
        let seen = pattern(65_000, &lost);
        assert_eq!(seen.lost, 20);
        assert!((seen.gap_density - 0.02).abs() < 0.002, "{seen:?}");
        assert!(seen.burst_packets <= 1.0 && seen.burst_ratio == 1.0, "{seen:?}");
    }

    #[test]
    fn bursts_are_found_with_their_length_and_density() {
        // Every 100 packets a burst of 10: lost, received, lost ... : 5 of 9 from first to last.
        let lost: Vec<bool> = (0..5_000).map(|n| n % 100 >= 90 && n % 2 == 0).collect();
        let seen = pattern(0, &lost);
        assert_eq!(seen.lost, 250);
        assert!((seen.burst_packets - 9.0).abs() < 1.5, "{seen:?}");
        assert!((seen.burst_density - 0.5).abs() < 0.1, "{seen:?}");
        assert!((seen.gap_packets - 91.0).abs() < 3.0, "{seen:?}");
    }

    #[test]
    fn runs_of_loss_have_a_burst_ratio_above_one() {
        let lost: Vec<bool> = (0..4_000).map(|n| n % 40 < 4).collect();
        let seen = pattern(7, &lost);
        // Runs of four at 10 %: random loss would have runs of 1 / 0.9.
        assert!((seen.burst_ratio - 3.6).abs() < 0.1, "{seen:?}");
    }

    proptest! {
        #[test]
        fn losses_are_counted_whatever_the_order_within_the_window(
            first: u16, fates in prop::collection::vec(0_u8..10, 100..400), seed: u64
        ) {
            let lost: Vec<bool> = fates.iter().map(|fate| *fate == 0).collect();
            let straight = pattern(first, &lost);
            let mut order: Vec<usize> = (0..lost.len()).filter(|n| !lost[*n]).collect();
            for n in (1..order.len()).step_by(2) {
                if seed >> (n % 64) & 1 != 0 && n > 1 {
                    order.swap(n - 1, n);
                }
            }
            let mut bursts = Bursts::default();
            for n in order.into_iter().chain(lost.len()..lost.len() + WINDOW as usize + 1) {
                bursts.received(first.wrapping_add(n as u16));
            }
            // Losses before the first packet can't be known.
            let known = lost.iter().skip_while(|lost| **lost).filter(|lost| **lost).count();
            prop_assert_eq!(straight.lost as usize, known);
            prop_assert_eq!(bursts.pattern(), straight);
        }

        #[test]
        fn any_numbers_give_sane_figures(numbers in prop::collection::vec(any::<u16>(), 0..300)) {
            let mut bursts = Bursts::default();
            numbers.iter().for_each(|number| bursts.received(*number));
            let seen = bursts.pattern();
            prop_assert!((0.0..=1.0).contains(&seen.burst_density) && seen.burst_ratio >= 1.0);
            prop_assert!((0.0..=1.0).contains(&seen.gap_density) && seen.burst_packets >= 0.0);
        }
    }
}
