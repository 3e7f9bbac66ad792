// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clock rate that a sender's timestamps really have. Some count G.722 at 16 kHz instead of 8 (RFC 3551
//! section 4.5.2), Opus in half steps, or by a clock of their own: then each packet's step is off by the same
//! factor, while packets come as often as their sound is long. Pauses are told from that by the time that
//! goes by: packets with 20 ms of audio that come each 400 ms, with timestamps that say so, are right.
//! Numbers only; audio thread.

/// Steps in a row, all off by the same factor, after which that factor is believed.
const STEPS: u32 = 12;

/// The steps of late, and the factor that was found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cadence {
    steps: u32,
    /// Over these steps: what timestamps and sound went on by, in samples.
    told: i64,
    sound: i64,
    first_ns: u64,
    /// Samples of audio for samples of timestamps; 0 and 0 where the two agree.
    factor: (i64, i64),
}

impl Cadence {
    /// Samples of audio in `told` samples by the timestamps.
    #[inline]
    pub(super) fn sound(&self, told: i64) -> i64 {
        let (sound, of) = self.factor;
        (told * sound).checked_div_euclid(of).unwrap_or(told)
    }

    /// Takes in a packet that follows its predecessor directly: `told` samples later by timestamps (as
    /// they stand), and behind `sound` samples.
    #[inline]
    pub(super) fn step(&mut self, told: i64, sound: i64, arrival_ns: u64, samples_per_ms: i64) {
        let same = self.steps > 0
            && (told * self.sound - sound * self.told).abs() * 16 <= sound * self.told.abs();
        if told <= 0 || sound <= 0 {
            self.steps = 0;
            return;
        }
        if !same {
            let factor = self.factor;
            *self = Self { steps: 1, told, sound, first_ns: arrival_ns, factor };
            return;
        }
        self.steps += 1;
        self.told += told;
        self.sound += sound;
        if self.steps >= STEPS {
            self.believe(arrival_ns, sound, told, samples_per_ms);
        }
    }

    /// Decides by what went by on the clock, the first step having been before it was looked at.
    #[cold]
    fn believe(&mut self, arrival_ns: u64, sound: i64, told: i64, samples_per_ms: i64) {
        let elapsed_ns = arrival_ns.wrapping_sub(self.first_ns).cast_signed();
        let elapsed = elapsed_ns.clamp(0, 1 << 40) / 1_000 * samples_per_ms / 1_000;
        let apart = |samples: i64| (elapsed - samples).abs();
        let off = (self.told - self.sound).abs() * 16 > self.sound;
        // The first step ended when the first of these packets came.
        let by_sound = apart(self.sound - sound) < apart(self.told - told);
        self.factor = if off && by_sound { (self.sound, self.told) } else { (0, 0) };
        self.steps = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 20 ms at 8 kHz whose timestamps step by `told`, `ms` apart with some jitter.
    fn heard(told: i64, ms: u64) -> i64 {
        let mut cadence = Cadence::default();
        for n in 0..100_u64 {
            let jitter = n * 7 % 13;
            cadence.step(told, 160, (n * ms + jitter) * 1_000_000, 8);
        }
        cadence.sound(1_000 * told)
    }

    #[test]
    fn steps_that_are_off_by_a_factor_are_put_right() {
        for told in [80, 160, 200, 320, 960, 40] {
            assert_eq!(heard(told, 20), 160_000, "{told}");
        }
    }

    #[test]
    fn pauses_that_timestamps_tell_of_are_pauses() {
        assert_eq!(heard(3_200, 400), 3_200_000);
        assert_eq!(heard(320, 40), 320_000);
    }

    #[test]
    fn a_sender_that_counts_right_again_is_believed_again() {
        let mut cadence = Cadence::default();
        for n in 0..60_u64 {
            let told = if n < 30 { 320 } else { 160 };
            cadence.step(told, 160, n * 20_000_000, 8);
        }
        assert_eq!(cadence.sound(160), 160);
    }
}
