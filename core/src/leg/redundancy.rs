// SPDX-License-Identifier: MIT OR Apache-2.0
//! Older payloads again in every packet (RFC 2198), so that a lost packet costs nothing once the
//! next has come. How many follows the peer's reports where that is wanted: none on a clean network, where
//! packets are then plain ones of the codec's type.

use alloc::boxed::Box;
use alloc::vec;

use crate::within::Within;

/// Longest payload that is repeated: a block's length has ten bits (section 3).
const MAX_BLOCK_BYTES: usize = 1_023;
/// Farthest that a repeated payload may lie back: its offset has 14 bits.
const MAX_OFFSET_TICKS: u32 = (1 << 14) - 1;

/// The loss, in 1/256, from which on so many payloads are repeated: 1, 5, 12 and 25 %. Where losses are
/// independent, what they leave is below half a per cent up to the next step.
const FROM_LOSS: [u8; 4] = [3, 13, 31, 64];
/// The same where losses come in bursts, each of which takes several payloads in a row: 1, 1.5, 3 and 8 %.
const FROM_LOSS_IN_BURSTS: [u8; 4] = [3, 4, 8, 20];
/// What is lost within bursts, in 1/256, from which on they are bursts: of losses that know nothing of each
/// other every eighth falls into one of the same 16 packets as another (RFC 3611), whatever the rest.
const IN_BURSTS: u8 = 80;
/// Reports in a row that ask for less before one payload less is repeated: losses come back.
const CALM_REPORTS: u8 = 3;

#[derive(Debug, Clone)]
struct Sent {
    timestamp: u32,
    payload: Box<[u8]>,
    bytes: usize,
}

impl Sent {
    fn payload(&self) -> &[u8] {
        self.payload.head(self.bytes)
    }
}

/// What has been sent lately, the newest first.
#[derive(Debug)]
pub(super) struct Redundancy {
    pub(super) payload_type: u8,
    sent: Box<[Sent]>,
    /// How many of them are repeated now.
    repeated: usize,
    follows_loss: bool,
    /// The loss in 1/256, over the last few reports: each is of few packets.
    loss: u8,
    calm_reports: u8,
}

impl Redundancy {
    /// Repeats the last `generations` payloads in packets of `payload_type`; if it `follows_loss`, up to so
    /// many, and none before the first report.
    pub(super) fn new(payload_type: u8, generations: u8, follows_loss: bool) -> Self {
        let none = Sent { timestamp: 0, payload: vec![0; MAX_BLOCK_BYTES].into(), bytes: 0 };
        let most = usize::from(generations);
        let repeated = if follows_loss { 0 } else { most };
        Self {
            payload_type,
            sent: vec![none; most].into(),
            repeated,
            follows_loss,
            loss: 0,
            calm_reports: 0,
        }
    }

    /// Whether packets are redundant ones now.
    pub(super) fn is_used(&self) -> bool {
        self.repeated > 0
    }

    /// The peer reports a loss of so many 1/256, and so many within bursts, 0 if it knows of none.
    ///
    /// Real-time: yes.
    pub(super) fn expect_loss(&mut self, fraction_lost: u8, burst_density: u8) {
        if !self.follows_loss {
            return;
        }
        self.loss = ((u16::from(self.loss) + u16::from(fraction_lost)) / 2) as u8;
        // What comes in bursts is lost far more often there than in the mean.
        let bursts = burst_density >= IN_BURSTS && burst_density / 2 > self.loss;
        let steps = if bursts { FROM_LOSS_IN_BURSTS } else { FROM_LOSS };
        let wanted = steps.iter().filter(|from| self.loss >= **from).count();
        let wanted = wanted.min(self.sent.len());
        if wanted >= self.repeated {
            (self.repeated, self.calm_reports) = (wanted, 0);
            return;
        }
        self.calm_reports += 1;
        if self.calm_reports == CALM_REPORTS {
            (self.repeated, self.calm_reports) = (self.repeated - 1, 0);
        }
    }

    /// Goes on with as much as `before` did.
    pub(super) fn continue_from(&mut self, before: &Self) {
        if self.follows_loss && before.follows_loss {
            self.repeated = before.repeated.min(self.sent.len());
            self.loss = before.loss;
        }
    }

    /// Puts the repeated payloads before the `bytes` of `payload`, as many as there is room for, and
    /// remembers it; how many bytes there are then.
    pub(super) fn wrap(
        &mut self,
        inner_type: u8,
        timestamp: u32,
        out: &mut [u8],
        bytes: usize,
    ) -> usize {
        if !self.is_used() {
            self.remember(timestamp, out.head(bytes));
            return bytes;
        }
        let usable = |sent: &&Sent| {
            sent.bytes > 0 && timestamp.wrapping_sub(sent.timestamp) <= MAX_OFFSET_TICKS
        };
        let repeated = self.sent.head(self.repeated);
        let mut repeated = repeated.head(repeated.iter().take_while(usable).count());
        let size = |sent: &[Sent]| sent.iter().map(|sent| 4 + sent.bytes).sum::<usize>() + 1;
        while let [newer @ .., _] = repeated
            && size(repeated) + bytes > out.len()
        {
            repeated = newer;
        }
        let before = size(repeated);
        if before + bytes > out.len() {
            return bytes; // No room for the one byte of header: only with payloads of a whole datagram.
        }
        out.shift(0..bytes, before);
        let mut head = 0;
        let mut body = 4 * repeated.len() + 1;
        // The oldest first (section 3).
        for sent in repeated.iter().rev() {
            let offset = timestamp.wrapping_sub(sent.timestamp);
            let word = 1 << 31 | u32::from(inner_type) << 24 | offset << 10 | sent.bytes as u32;
            out.put_all(head, word.to_be_bytes());
            out.span_mut(body..body + sent.bytes).copy_of(sent.payload());
            head += 4;
            body += sent.bytes;
        }
        out.put(head, inner_type);
        self.remember(timestamp, out.span(before..before + bytes));
        before + bytes
    }

    fn remember(&mut self, timestamp: u32, payload: &[u8]) {
        self.sent.last_to_front();
        if let Some(newest) = self.sent.first_mut() {
            newest.timestamp = timestamp;
            let payload = if payload.len() <= MAX_BLOCK_BYTES { payload } else { &[] };
            newest.bytes = payload.len();
            newest.payload.head_mut(payload.len()).copy_of(payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_payloads_come_first_with_their_offsets() {
        let mut redundancy = Redundancy::new(121, 2, false);
        let mut out = [0; 64];
        let mut send = |timestamp, payload: &[u8]| {
            out[..payload.len()].copy_from_slice(payload);
            let bytes = redundancy.wrap(8, timestamp, &mut out, payload.len());
            out[..bytes].to_vec()
        };
        assert_eq!(send(0xffff_ff60, &[1, 2]), [8, 1, 2]);
        assert_eq!(send(0, &[3]), [0x88, 160 >> 6, (160 << 2) as u8, 2, 8, 1, 2, 3]);
        let third = send(160, &[4]);
        let head = [0x88, 5, 0, 2, 0x88, 2, 0x80, 1, 8];
        assert_eq!(third, [&head[..], &[1, 2, 3, 4]].concat());
        // After a pause longer than 14 bits of ticks nothing is repeated.
        assert_eq!(send(40_000, &[5]), [8, 5]);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut redundancy = Redundancy::new(121, 1, false);
        let mut out = [7; 100];
        assert_eq!(redundancy.wrap(0, 0, &mut out, 60), 61);
        assert_eq!(redundancy.wrap(0, 160, &mut out, 60), 61, "60 more would not fit 100");
        assert_eq!(redundancy.wrap(0, 320, &mut out, 30), 95);
        assert_eq!(redundancy.wrap(0, 480, &mut out, 100), 100, "not even the header");
    }

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
            let mut redundancy = Redundancy::new(121, 4, true);
            (0..8).for_each(|_| redundancy.expect_loss(lost, within_bursts));
            assert_eq!(redundancy.repeated, repeated, "{lost} of 256, {within_bursts} in bursts");
        }
    }

    #[test]
    fn as_much_is_repeated_as_the_reports_ask_for() {
        let mut redundancy = Redundancy::new(121, 3, true);
        let mut out = [0; 64];
        let mut n = 0;
        let mut bytes_after = |redundancy: &mut Redundancy, fraction_lost: &[u8]| {
            fraction_lost.iter().for_each(|lost| redundancy.expect_loss(*lost, 0));
            n += 1;
            (redundancy.is_used(), redundancy.wrap(8, n * 160, &mut out, 10))
        };
        assert_eq!(bytes_after(&mut redundancy, &[]), (false, 10));
        assert_eq!(bytes_after(&mut redundancy, &[0, 1, 2]), (false, 10), "a clean network");
        assert_eq!(bytes_after(&mut redundancy, &[8]), (true, 10 + 1 + 14), "3 %");
        assert_eq!(bytes_after(&mut redundancy, &[26]), (true, 10 + 1 + 28), "10 %");
        assert_eq!(
            bytes_after(&mut redundancy, &[255]),
            (true, 10 + 1 + 42),
            "no more than allowed"
        );
        // Back from 53 % by halves: twelve reports until the last is not repeated any more.
        assert_eq!(bytes_after(&mut redundancy, &[0; 3]), (true, 10 + 1 + 42));
        assert_eq!(bytes_after(&mut redundancy, &[0; 3]), (true, 10 + 1 + 28));
        assert_eq!(bytes_after(&mut redundancy, &[0; 3]), (true, 10 + 1 + 14));
        assert_eq!(bytes_after(&mut redundancy, &[0; 3]), (false, 10));
    }
}
