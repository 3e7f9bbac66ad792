// SPDX-License-Identifier: MIT OR Apache-2.0
//! The echo canceller's far-end reference: what was played, and which part of it belongs to the frame at hand.
//!
//! Samples come through a ring from the thread that plays them, in any pieces, and are kept for about a
//! second. The capture thread reads at a place of its own, which moves on with every frame it captures: two
//! clocks that run alike keep their distance, and a jump of one of them is a change of the place.

use alloc::boxed::Box;
use alloc::vec;

use crate::sync::ring::{Consumer, Producer};
use crate::within::Within;

/// Samples that cross at a time: 10 ms at most.
pub(super) const MAX_FRAME: usize = 480;
/// Frames that may be on their way.
pub(super) const FRAMES: usize = 64;
/// Frames in a row without a reference after which the place is sought anew.
const LOST_FRAMES: u32 = 25;

/// A piece of what is played.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pcm: [i16; MAX_FRAME],
    len: u16,
}

/// The half of the thread that plays.
pub struct Render {
    ring: Producer<Piece>,
    dropped: u64,
}

impl Render {
    pub(super) fn new(ring: Producer<Piece>) -> Self {
        Self { ring, dropped: 0 }
    }

    /// Takes what is played now, any number of samples; what finds no room, because nobody captures, is
    /// lost and counted, and the capturing half finds its place anew.
    ///
    /// Real-time: yes.
    pub fn push(&mut self, pcm: &[i16]) {
        for part in pcm.chunks(MAX_FRAME) {
            let mut piece = Piece { pcm: [0; MAX_FRAME], len: part.len() as u16 };
            piece.pcm.head_mut(part.len()).copy_of(part);
            if self.ring.push(piece).is_err() {
                self.dropped += part.len() as u64;
            }
        }
    }

    /// Samples that found no room.
    pub fn dropped_samples(&self) -> u64 {
        self.dropped
    }
}

impl core::fmt::Debug for Render {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Render").field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

/// The last second of what was played, and the place in it.
pub(super) struct Reference {
    ring: Consumer<Piece>,
    /// A power of two of samples; sample `n` lies at `n` modulo that.
    past: Box<[i16]>,
    /// Samples that have come.
    written: i64,
    /// The sample that the next frame begins with.
    place: i64,
    /// Samples by which the place stays behind the newest where it is sought.
    lead: usize,
    /// Whether the place has been found, and what had come when it was lost.
    found: bool,
    lost_at: i64,
    missing_in_a_row: u32,
    pub(super) missing_frames: u64,
    pub(super) sought: u64,
}

impl Reference {
    /// Keeps about a second at `rate_hz`; the place is sought `lead` samples behind the newest.
    pub(super) fn new(ring: Consumer<Piece>, rate_hz: u32, lead: usize) -> Self {
        let size = (rate_hz as usize).next_power_of_two();
        Self {
            ring,
            past: vec![0; size].into_boxed_slice(),
            written: 0,
            place: 0,
            lead: lead.min(size / 4),
            found: false,
            lost_at: 0,
            missing_in_a_row: 0,
            missing_frames: 0,
            sought: 0,
        }
    }

    /// Writes the frame that belongs to the capture at hand; silence for what has not come.
    ///
    /// Real-time: yes.
    pub(super) fn next(&mut self, frame: &mut [i16]) {
        self.collect();
        let count = frame.len() as i64;
        if !self.found || self.written - self.place > self.past.len() as i64 / 2 {
            self.seek(frame.len());
        }
        let missing = self.found && self.place + count > self.written;
        self.missing_in_a_row = if missing { self.missing_in_a_row + 1 } else { 0 };
        self.missing_frames += u64::from(missing);
        if self.missing_in_a_row > LOST_FRAMES {
            // Nobody plays, or playing has stopped for a while: its clock starts again.
            (self.found, self.lost_at) = (false, self.written);
        }
        if !self.found {
            return frame.fill(0);
        }
        self.read(self.place, frame);
        self.place += count;
    }

    /// Frames as [`Reference::next`] would have given them, from the oldest of `count` on, the last being
    /// the one that it has given last.
    pub(super) fn replay(&self, count: usize, frame: &mut [i16], mut take: impl FnMut(&[i16])) {
        for back in (1..=count as i64).rev() {
            self.read(self.place - back * frame.len() as i64, frame);
            take(frame);
        }
    }

    /// Moves the place: the echo comes so many samples later than before (earlier, if negative). What has
    /// not been played yet can't be reached; returns by how many it has moved.
    ///
    /// Real-time: yes.
    pub(super) fn shift(&mut self, later_by: i64) -> i64 {
        let before = self.place;
        // What lies further away than is kept is silence, wherever that is.
        let most = self.past.len() as i64;
        // Not `clamp`, which has bounds the wrong way round to refuse.
        let place = self.place - later_by.max(-most).min(most);
        self.place = place.max(self.written - 2 * most).min(self.written);
        before - self.place
    }

    /// Samples between what is read next and the newest.
    pub(super) fn behind(&self) -> i64 {
        self.written - self.place
    }

    fn collect(&mut self) {
        let mask = self.past.len().wrapping_sub(1);
        while let Some(piece) = self.ring.pop() {
            for sample in piece.pcm.head(usize::from(piece.len)) {
                self.past.put(self.written as usize & mask, *sample);
                self.written += 1;
            }
        }
    }

    fn seek(&mut self, frame: usize) {
        let enough = self.written >= (frame + self.lead) as i64;
        self.found = enough && self.written > self.lost_at;
        self.place = self.written - (frame + self.lead) as i64;
        self.missing_in_a_row = 0;
        self.sought += u64::from(self.found);
    }

    fn read(&self, from: i64, frame: &mut [i16]) {
        let mask = self.past.len().wrapping_sub(1);
        let oldest = (self.written - self.past.len() as i64).max(0);
        for (n, sample) in (from..).zip(frame.iter_mut()) {
            *sample =
                if n < oldest || n >= self.written { 0 } else { self.past.at(n as usize & mask) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::ring;
    use alloc::vec::Vec;

    fn pair(lead: usize) -> (Render, Reference) {
        let (producer, consumer) = ring::channel(FRAMES);
        (Render::new(producer), Reference::new(consumer, 8_000, lead))
    }

    fn count_up(render: &mut Render, from: &mut i16, samples: usize) {
        let pcm: Vec<i16> = (0..samples).map(|n| *from + n as i16).collect();
        *from += samples as i16;
        render.push(&pcm);
    }

    #[test]
    fn pieces_of_any_size_come_out_as_frames_in_order() {
        let (mut render, mut reference) = pair(80);
        let (mut from, mut frame, mut expected) = (1, [0; 80], None);
        for piece in [200, 33, 127, 80, 1, 79, 160, 0, 80] {
            count_up(&mut render, &mut from, piece);
            reference.next(&mut frame);
            let first = *expected.get_or_insert(frame[0]);
            assert!(frame.iter().enumerate().all(|(n, s)| *s == first + n as i16));
            expected = Some(first + 80);
        }
        assert_eq!((reference.missing_frames, reference.sought), (0, 1));
    }

    #[test]
    fn a_frame_that_comes_late_keeps_the_others_in_their_place() {
        let (mut render, mut reference) = pair(0);
        let (mut from, mut frame) = (1, [0; 80]);
        for n in 0..40 {
            if n != 20 {
                count_up(&mut render, &mut from, if n == 21 { 160 } else { 80 });
            }
            reference.next(&mut frame);
            let expected = if n == 20 { 0 } else { 1 + 80 * n };
            assert_eq!(frame[0], expected, "frame {n}");
        }
        assert_eq!((reference.missing_frames, reference.sought), (1, 1));
    }

    #[test]
    fn render_without_capture_and_capture_without_render_are_counted_and_end() {
        let (mut render, mut reference) = pair(0);
        let (mut from, mut frame) = (1, [0; 80]);
        for _ in 0..200 {
            count_up(&mut render, &mut from, 80);
        }
        assert_eq!(render.dropped_samples(), (200 - FRAMES as u64) * 80);
        reference.next(&mut frame);
        assert_eq!(frame[79], 80 * FRAMES as i16, "the newest that had room");
        for _ in 0..100 {
            reference.next(&mut frame);
            assert_eq!(frame, [0; 80]);
        }
        assert_eq!(reference.missing_frames, 26, "then it is no reference that is missing");
        count_up(&mut render, &mut from, 80);
        reference.next(&mut frame);
        assert_eq!(frame[79], from - 1, "and the first that comes is found");
    }

    #[test]
    fn a_shift_repeats_or_skips_as_a_device_did() {
        let (mut render, mut reference) = pair(400);
        let (mut from, mut frame) = (1, [0; 80]);
        for _ in 0..20 {
            count_up(&mut render, &mut from, 80);
            reference.next(&mut frame);
        }
        let last = frame[79];
        reference.shift(123);
        reference.next(&mut frame);
        assert_eq!(frame[0], last + 1 - 123);
        reference.shift(-200);
        reference.next(&mut frame);
        assert_eq!(frame[0], last + 1 - 123 + 80 + 200);
        reference.shift(-10_000);
        assert_eq!(reference.behind(), 0, "the future can't be reached");
    }
}
