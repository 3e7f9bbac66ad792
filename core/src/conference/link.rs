// SPDX-License-Identifier: MIT OR Apache-2.0
//! A link between two conferences, or between a conference and the host: music on hold,
//! announcements, a recorder, a breakout room.
//!
//! A line has two ends; what one pushes the other pulls. A conference that has an end as a member
//! hears what the other end says, and sends it all but that. So two conferences that hold both ends
//! of one line hear each other without echo.

use alloc::boxed::Box;
use core::fmt;

use super::partial_sums::MAX_FRAME_SAMPLES;
use crate::dsp::resample::{RATES_HZ, UnsupportedRate};
use crate::sync::ring::{self, Consumer, Producer};
use crate::within::Within;

/// Frames of 10 ms that may be under way: two sides that tick in turn need one.
const FRAMES: usize = 4;

type Frame = Box<[i16; MAX_FRAME_SAMPLES]>;

/// One end of a line. Used by one thread at a time; both ends may be on different threads.
pub struct LinkEnd {
    sample_rate_hz: u32,
    filled: Producer<Frame>,
    arriving: Consumer<Frame>,
    /// Frames go round: those pulled here go back to be filled there.
    emptied: Producer<Frame>,
    empty: Consumer<Frame>,
    lost_frames: u64,
    missing_frames: u64,
}

impl LinkEnd {
    /// Makes a line of 8, 16, 32 or 48 kHz and gives both its ends.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`UnsupportedRate`].
    pub fn pair(sample_rate_hz: u32) -> Result<(Self, Self), UnsupportedRate> {
        if !RATES_HZ.contains(&sample_rate_hz) {
            return Err(UnsupportedRate);
        }
        let (to_b, at_b) = ring::channel(FRAMES);
        let (to_a, at_a) = ring::channel(FRAMES);
        let (mut back_to_a, empty_a) = ring::channel(FRAMES);
        let (mut back_to_b, empty_b) = ring::channel(FRAMES);
        for _ in 0..FRAMES {
            // Has room: as many as there are frames.
            let _ = back_to_a.push(Box::new([0; MAX_FRAME_SAMPLES]));
            let _ = back_to_b.push(Box::new([0; MAX_FRAME_SAMPLES]));
        }
        let end = |filled, arriving, emptied, empty| Self {
            sample_rate_hz,
            filled,
            arriving,
            emptied,
            empty,
            lost_frames: 0,
            missing_frames: 0,
        };
        Ok((end(to_b, at_a, back_to_b, empty_a), end(to_a, at_b, back_to_a, empty_b)))
    }

    /// Samples a second.
    pub fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// Samples of a frame of 10 ms.
    pub fn frame_samples(&self) -> usize {
        (self.sample_rate_hz / 100) as usize
    }

    /// Sends 10 ms to the other end. `false` if it is not 10 ms, or lost because the other end does
    /// not pull; that is counted.
    ///
    /// Real-time: yes.
    pub fn push(&mut self, pcm: &[i16]) -> bool {
        if pcm.len() != self.frame_samples() {
            return false;
        }
        let Some(mut frame) = self.empty.pop() else {
            self.lost_frames += 1;
            return false;
        };
        frame.head_mut(pcm.len()).copy_of(pcm);
        // Has room: as many as there are frames.
        self.filled.push(frame).is_ok()
    }

    /// Takes the next 10 ms of the other end; silence and `false` if there is nothing, which is
    /// counted, or if `pcm` is not 10 ms.
    ///
    /// Real-time: yes.
    pub fn pull(&mut self, pcm: &mut [i16]) -> bool {
        if pcm.len() != self.frame_samples() {
            pcm.fill(0);
            return false;
        }
        let Some(frame) = self.arriving.pop() else {
            pcm.fill(0);
            self.missing_frames += 1;
            return false;
        };
        pcm.copy_of(frame.head(pcm.len()));
        let _ = self.emptied.push(frame);
        true
    }

    /// Frames that were pushed here and lost.
    pub fn lost_frames(&self) -> u64 {
        self.lost_frames
    }

    /// Frames that were pulled here when there was nothing.
    pub fn missing_frames(&self) -> u64 {
        self.missing_frames
    }
}

impl fmt::Debug for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkEnd")
            .field("sample_rate_hz", &self.sample_rate_hz)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_end_pushes_the_other_pulls_in_order() {
        let (mut a, mut b) = LinkEnd::pair(8_000).unwrap();
        let mut pcm = [1; 80];
        assert!(!b.pull(&mut pcm));
        assert_eq!(pcm, [0; 80]);
        for n in 0..20 {
            assert!(a.push(&[n; 80]) && b.push(&[-n; 80]));
            assert!(b.pull(&mut pcm) && pcm == [n; 80]);
            assert!(a.pull(&mut pcm) && pcm == [-n; 80]);
        }
        assert_eq!((b.missing_frames(), a.missing_frames()), (1, 0));
    }

    #[test]
    fn an_end_that_does_not_pull_costs_frames_and_nothing_else() {
        let (mut a, mut b) = LinkEnd::pair(48_000).unwrap();
        let pushed = (0..10).filter(|n| a.push(&[*n; 480])).count();
        assert_eq!((pushed as u64, a.lost_frames()), (4, 6));
        let mut pcm = [0; 480];
        for n in 0..4 {
            assert!(b.pull(&mut pcm) && pcm == [n; 480]);
        }
        assert!(a.push(&[7; 480]), "frames come back");
        assert!(!a.push(&[7; 80]) && !b.pull(&mut [0; 80]));
        assert_eq!(LinkEnd::pair(44_100).err(), Some(UnsupportedRate));
    }
}
