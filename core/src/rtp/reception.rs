// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reception state of one source: extended sequence numbers with probation, loss, and
//! interarrival jitter (RFC 3550 appendices A.1, A.3 and A.8).

/// Packets in sequence before a source counts as one (RFC 3550 `MIN_SEQUENTIAL`).
const MIN_SEQUENTIAL: u8 = 2;
/// A step forward larger than this is a restart, not loss (`MAX_DROPOUT`).
const MAX_DROPOUT: u16 = 3_000;
/// A step back larger than this is a restart, not reordering (`MAX_MISORDER`).
const MAX_MISORDER: u16 = 100;

/// What became of a sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The source is on probation: not counted yet.
    Probation,
    /// Counted, in order or reordered.
    Valid,
    /// A jump too large to believe; believed if the next packet follows it.
    Suspect,
    /// The source started anew; counters begin again.
    Restarted,
}

/// Reception state of one synchronization source.
#[derive(Debug, Clone)]
pub struct Reception {
    clock_hz: u32,
    probation: u8,
    started: bool,
    base: u32,
    /// Extended: cycles in the high half.
    highest: u32,
    /// The sequence number that would confirm a suspected restart.
    suspect: Option<u16>,
    received: u32,
    transit: Option<u32>,
    /// Interarrival jitter times 16, in ticks (A.8's integer form).
    jitter_x16: u32,
}

/// What has been received up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// See [`Reception::expected`].
    pub expected: u32,
    /// See [`Reception::received`].
    pub received: u32,
    /// Extended highest sequence number received.
    pub highest_sequence: u32,
    /// Interarrival jitter in ticks of the RTP clock.
    pub jitter_ticks: u32,
}

/// The numbers of a report block (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Lost since the last report over expected since then, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the start, clamped to 24 bits signed; duplicates make it negative.
    pub cumulative_lost: i32,
}

/// Makes the loss figures of successive reports: what each interval lost (RFC 3550 A.3). Kept by
/// whoever reports, which need not be the thread that receives.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reporter {
    expected_prior: u32,
    received_prior: u32,
}

impl Reporter {
    /// The figures since the last call.
    ///
    /// Real-time: yes.
    pub fn report(&mut self, now: &Summary) -> Report {
        if now.expected < self.expected_prior {
            // The source restarted, and so does the interval.
            *self = Self::default();
        }
        let expected = now.expected - self.expected_prior;
        let received = now.received.wrapping_sub(self.received_prior);
        *self = Self { expected_prior: now.expected, received_prior: now.received };
        let lost = i64::from(expected) - i64::from(received);
        let fraction_lost = if expected == 0 || lost <= 0 {
            0
        } else {
            ((lost << 8) / i64::from(expected)).min(255) as u8
        };
        let total = i64::from(now.expected) - i64::from(now.received);
        Report { fraction_lost, cumulative_lost: total.clamp(-0x80_0000, 0x7f_ffff) as i32 }
    }
}

impl Reception {
    /// State for a source whose timestamps tick at `clock_hz`.
    pub fn new(clock_hz: u32) -> Self {
        Self {
            clock_hz,
            probation: MIN_SEQUENTIAL,
            started: false,
            base: 0,
            highest: 0,
            suspect: None,
            received: 0,
            transit: None,
            jitter_x16: 0,
        }
    }

    /// Takes one packet's sequence number, timestamp and arrival time in.
    ///
    /// Real-time: yes.
    pub fn packet(&mut self, sequence: u16, timestamp: u32, arrival_ns: u64) -> Verdict {
        let verdict = self.sequence(sequence);
        if verdict == Verdict::Restarted {
            self.transit = None;
        }
        if matches!(verdict, Verdict::Valid | Verdict::Restarted) {
            self.jitter(timestamp, arrival_ns);
        }
        verdict
    }

    /// Takes in the sequence number of a packet whose timestamp says nothing of the network (a telephone
    /// event, a keepalive, an unknown payload type).
    ///
    /// Real-time: yes.
    pub fn packet_untimed(&mut self, sequence: u16) -> Verdict {
        let verdict = self.sequence(sequence);
        if verdict == Verdict::Restarted {
            self.transit = None;
        }
        verdict
    }

    /// From now on timestamps tick at `clock_hz`: another codec under the same source (RFC 7160). The
    /// jitter so far is carried over.
    ///
    /// Real-time: yes.
    pub fn set_clock(&mut self, clock_hz: u32) {
        if clock_hz == self.clock_hz {
            return;
        }
        if self.clock_hz != 0 {
            let jitter =
                u64::from(self.jitter_x16) * u64::from(clock_hz) / u64::from(self.clock_hz);
            self.jitter_x16 = jitter.min(1 << 31) as u32;
        }
        self.clock_hz = clock_hz;
        self.transit = None;
    }

    /// Whether a sequence number lies so far from the others that it is of another count.
    ///
    /// Real-time: yes.
    pub fn is_far(&self, sequence: u16) -> bool {
        let step = sequence.wrapping_sub(self.highest as u16);
        self.is_valid() && (MAX_DROPOUT..=u16::MAX - MAX_MISORDER).contains(&step)
    }

    /// Counts as if the highest number so far were the first.
    pub(crate) fn begin_anew(&mut self) {
        self.base = self.highest;
        self.received = 1;
    }

    /// Ticks a second of the source's timestamps.
    pub fn clock_hz(&self) -> u32 {
        self.clock_hz
    }

    /// Whether the source has passed its probation.
    pub fn is_valid(&self) -> bool {
        self.started && self.probation == 0
    }

    /// Packets counted.
    pub fn received(&self) -> u32 {
        self.received
    }

    /// Packets that should have come, from the first to the highest sequence number.
    pub fn expected(&self) -> u32 {
        if self.is_valid() { self.highest.wrapping_sub(self.base).wrapping_add(1) } else { 0 }
    }

    /// Packets lost since the start; negative with duplicates.
    pub fn lost(&self) -> i64 {
        i64::from(self.expected()) - i64::from(self.received)
    }

    /// Interarrival jitter in milliseconds.
    pub fn jitter_ms(&self) -> f32 {
        (self.jitter_x16 >> 4) as f32 * 1_000.0 / self.clock_hz.max(1) as f32
    }

    /// Extended highest sequence number received.
    #[inline]
    pub fn highest_sequence(&self) -> u32 {
        self.highest
    }

    /// The numbers that reports are made of.
    pub fn summary(&self) -> Summary {
        Summary {
            expected: self.expected(),
            received: self.received,
            highest_sequence: self.highest,
            jitter_ticks: self.jitter_x16 >> 4,
        }
    }

    fn sequence(&mut self, sequence: u16) -> Verdict {
        if !self.started {
            self.restart(sequence);
            self.started = true;
            self.probation = MIN_SEQUENTIAL - 1;
            return Verdict::Probation;
        }
        let step = sequence.wrapping_sub(self.highest as u16);
        if self.probation > 0 {
            if step == 1 {
                self.probation -= 1;
                self.highest = u32::from(sequence);
                if self.probation == 0 {
                    self.restart(sequence);
                    self.received = 1;
                    return Verdict::Valid;
                }
            } else if step != 0 {
                self.probation = MIN_SEQUENTIAL - 1;
                self.highest = u32::from(sequence);
            }
            return Verdict::Probation;
        }
        if step < MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(step));
        } else if step <= u16::MAX - MAX_MISORDER {
            if self.suspect != Some(sequence) {
                self.suspect = Some(sequence.wrapping_add(1));
                return Verdict::Suspect;
            }
            // Two in a row: the other side restarted without telling.
            self.restart(sequence);
            self.received = 1;
            return Verdict::Restarted;
        }
        self.received = self.received.wrapping_add(1);
        Verdict::Valid
    }

    fn restart(&mut self, sequence: u16) {
        self.base = u32::from(sequence);
        self.highest = u32::from(sequence);
        self.suspect = None;
        self.received = 0;
    }

    fn jitter(&mut self, timestamp: u32, arrival_ns: u64) {
        let ticks = (u128::from(arrival_ns) * u128::from(self.clock_hz) / 1_000_000_000) as u32;
        let transit = ticks.wrapping_sub(timestamp);
        if let Some(last) = self.transit.replace(transit) {
            let difference = (transit.wrapping_sub(last) as i32).unsigned_abs();
            // A.8: J += |D| - J/16 with J scaled by 16 and rounded. A clock that jumps by hours
            // must not overflow.
            let decay = (self.jitter_x16 + 8) >> 4;
            self.jitter_x16 = (self.jitter_x16 - decay).saturating_add(difference.min(1 << 27));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn started(first: u16) -> Reception {
        let mut reception = Reception::new(8_000);
        assert_eq!(reception.packet(first.wrapping_sub(1), 0, 0), Verdict::Probation);
        assert_eq!(reception.packet(first, 160, 20_000_000), Verdict::Valid);
        reception
    }

    #[test]
    fn a_source_counts_after_two_packets_in_sequence() {
        let mut reception = Reception::new(8_000);
        for sequence in [5, 9, 3] {
            assert_eq!(reception.packet(sequence, 0, 0), Verdict::Probation);
        }
        assert!(!reception.is_valid());
        assert_eq!(reception.packet(4, 0, 0), Verdict::Valid);
        assert_eq!((reception.received(), reception.expected()), (1, 1));
    }

    #[test]
    fn wraps_count_cycles_and_losses_are_reported_in_256ths() {
        let mut reception = started(65_530);
        for n in 1..=20_u16 {
            if n % 4 != 0 {
                reception.packet(65_530_u16.wrapping_add(n), 0, 0);
            }
        }
        // Expected 65530..=65550 less the last, which is lost and not known of yet.
        let mut reporter = Reporter::default();
        let report = reporter.report(&reception.summary());
        assert_eq!(reception.summary().highest_sequence, 0x1_0000 + 13);
        assert_eq!(report.cumulative_lost, 4);
        assert_eq!(report.fraction_lost, (4 * 256 / 20) as u8);
        let again = reporter.report(&reception.summary());
        assert_eq!(again.fraction_lost, 0, "nothing was expected since");
    }

    #[test]
    fn a_restart_is_believed_at_its_second_packet() {
        let mut reception = started(100);
        assert_eq!(reception.packet(20_000, 0, 0), Verdict::Suspect);
        assert_eq!(reception.packet(101, 0, 0), Verdict::Valid);
        assert_eq!(reception.packet(30_000, 0, 0), Verdict::Suspect);
        assert_eq!(reception.packet(30_001, 0, 0), Verdict::Restarted);
        assert_eq!(reception.lost(), 0);
    }

    #[test]
    fn jitter_follows_the_rfcs_recursion() {
        // RFC 3550 A.8 in floating point, against the integer form.
        let mut reception = started(1);
        let mut model = 0.0_f64;
        let mut last_transit = 0.0;
        for n in 0..400_u32 {
            let late_ticks = f64::from(n * 7919 % 240);
            let arrival_ticks = f64::from((n + 2) * 160) + late_ticks;
            let arrival_ns = (arrival_ticks * 125_000.0) as u64;
            reception.packet(2 + n as u16, (n + 2) * 160, arrival_ns);
            model += ((late_ticks - last_transit).abs() - model) / 16.0;
            last_transit = late_ticks;
        }
        let ticks = f64::from(reception.summary().jitter_ticks);
        assert!((ticks - model).abs() <= 1.0, "{ticks} against {model}");
    }

    proptest! {
        #[test]
        fn any_sequence_of_packets_keeps_the_sums_sane(packets in prop::collection::vec(any::<(u16, u32, u64)>(), 0..300)) {
            let mut reception = Reception::new(48_000);
            let mut reporter = Reporter::default();
            for (sequence, timestamp, arrival_ns) in packets {
                reception.packet(sequence, timestamp, arrival_ns);
                let report = reporter.report(&reception.summary());
                prop_assert!(report.cumulative_lost.abs() <= 0x80_0000);
            }
        }

        #[test]
        fn losses_and_duplicates_are_counted_like_a_set_of_numbers(
            first: u16, fates in prop::collection::vec(0_u8..4, 1..600)
        ) {
            let mut reception = started(first);
            let (mut expected, mut received) = (1_i64, 1_i64);
            for (n, fate) in fates.iter().enumerate() {
                let sequence = first.wrapping_add(1 + n as u16);
                for _ in 0..*fate { reception.packet(sequence, 0, 0); received += 1; }
                if *fate > 0 { expected = n as i64 + 2; }
            }
            prop_assert_eq!(i64::from(reception.expected()), expected);
            prop_assert_eq!(reception.lost(), expected - received);
        }
    }
}
