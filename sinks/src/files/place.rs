// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a frame goes in a file: where its time says.

/// Where a frame goes, behind what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Samples of silence before it.
    pub silence: u64,
    /// Samples at its beginning that lie where there is sound already, and are left out: all of them where it
    /// came too late.
    pub overlap: usize,
}

/// A file's samples in time. What has been written stays: a frame that lies over it gives way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    sample_rate_hz: u32,
    /// The first sample's number, counted from time 0.
    begin: u64,
    samples: u64,
}

impl Timeline {
    /// One whose first sample was due then.
    pub fn new(sample_rate_hz: u32, time_ns: u64) -> Self {
        Self { sample_rate_hz, begin: number(sample_rate_hz, time_ns), samples: 0 }
    }

    /// Samples so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// How many there would be with this frame.
    pub fn samples_with(&self, time_ns: u64, samples: usize) -> u64 {
        let end = self.begins(time_ns).saturating_add(samples as i128);
        self.samples.max(u64::try_from(end).unwrap_or(0))
    }

    /// Takes a frame in.
    pub fn place(&mut self, time_ns: u64, samples: usize) -> Place {
        let ahead = self.begins(time_ns) - i128::from(self.samples);
        let silence = u64::try_from(ahead).unwrap_or(0);
        let overlap = usize::try_from(-ahead).unwrap_or(0).min(samples);
        self.samples = self.samples_with(time_ns, samples);
        Place { silence, overlap }
    }

    /// At which sample a time lies; before 0 for one before the beginning.
    fn begins(&self, time_ns: u64) -> i128 {
        i128::from(number(self.sample_rate_hz, time_ns)) - i128::from(self.begin)
    }
}

/// A time's nearest sample. Frames that follow each other follow each other here: 10 ms are whole samples at all
/// rates of taps, so that all of a file's frames are rounded alike.
fn number(sample_rate_hz: u32, time_ns: u64) -> u64 {
    const SECOND_NS: u128 = 1_000_000_000;
    // Below 2^64 for times and rates of 64 and 32 bits that are less than a billion samples a second.
    let scaled = u128::from(time_ns) * u128::from(sample_rate_hz) + SECOND_NS / 2;
    u64::try_from(scaled / SECOND_NS).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Beside a row of cells of which each keeps what it was given first.
        #[test]
        fn samples_lie_where_their_time_says(
            begin_ns in 0_u64..1 << 60,
            rate_hz in prop_oneof![Just(8_000_u32), Just(12_000), Just(48_000)],
            ticks in prop::collection::vec(0_u64..40, 1..30),
        ) {
            let samples = (rate_hz / 100) as usize;
            let mut timeline = Timeline::new(rate_hz, begin_ns);
            let (mut file, mut cells) = (Vec::new(), vec![0; 40 * samples]);
            for (frame, tick) in std::iter::once(0).chain(ticks).enumerate() {
                let place = timeline.place(begin_ns + tick * 10_000_000, samples);
                file.resize(file.len() + place.silence as usize, 0);
                file.resize(file.len() + samples - place.overlap, frame + 1);
                let written = cells.iter().rposition(|cell| *cell != 0).map_or(0, |at| at + 1);
                let at = tick as usize * samples;
                for cell in cells[at..at + samples].iter_mut().zip(at..).filter(|(_, n)| *n >= written) {
                    *cell.0 = frame + 1;
                }
                prop_assert_eq!(timeline.samples(), file.len() as u64);
            }
            prop_assert_eq!(&file, &cells[..file.len()]);
        }
    }

    #[test]
    fn a_frame_from_before_the_beginning_or_half_over_another_is_cut() {
        let mut timeline = Timeline::new(8_000, 1_000_000_000);
        assert_eq!(timeline.place(0, 80), Place { silence: 0, overlap: 80 });
        assert_eq!(timeline.place(995_000_000, 80), Place { silence: 0, overlap: 40 });
        assert_eq!(timeline.place(1_001_000_000, 80), Place { silence: 0, overlap: 32 });
        assert_eq!(timeline.samples(), 88);
        timeline.place(u64::MAX, usize::MAX);
        // The nearest sample: at 8 kHz one is 125 us.
        let mut timeline = Timeline::new(8_000, 0);
        assert_eq!(timeline.place(62_499, 1), Place { silence: 0, overlap: 0 });
        assert_eq!(timeline.place(187_500, 1), Place { silence: 1, overlap: 0 });
    }
}
