// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording of one leg: what it hears and what it says, sample by sample at the same time, from the audio
//! thread to whoever writes it down. Whoever speaks has to have agreed to it; that is the host's to know.
//!
//! Both directions are the same length at any time, whatever the host calls when: PCM that is pulled is the
//! clock, and where nothing is pushed, on hold or muted, what is said is silence of true length.

use alloc::boxed::Box;
use alloc::vec;

use crate::sync::ring::{self, Consumer, Producer};
use crate::within::Within;

/// Samples of a piece: 10 ms at 8 kHz, and a part of it at any other rate of a leg.
const PIECE: usize = 80;
/// One direction may be ahead of the other by so much, in ms: the longest step of a host's that pulls and pushes
/// in turn.
const AHEAD_MS: usize = 60;
/// Longest recording that may wait, in ms.
pub(super) const MOST_MS: u32 = 60_000;

/// Samples of both directions, and how many pieces there were before them.
#[derive(Debug, Clone, Copy)]
struct Piece {
    at: u64,
    heard: [i16; PIECE],
    said: [i16; PIECE],
}

/// What is read at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Samples of each direction.
    pub samples: usize,
    /// Those of them that are silence because nobody read in time.
    pub lost_samples: usize,
}

/// Makes both ends of a recording of which `ms` may wait.
pub(super) fn create(rate_hz: u32, ms: u32) -> (Box<Recorder>, Recording) {
    let pieces = (rate_hz / 1_000 * ms) as usize / PIECE;
    let (producer, consumer) = ring::channel(pieces.max(2));
    let room = rate_hz as usize / 1_000 * AHEAD_MS;
    let recorder =
        Recorder { pieces: producer, at: 0, heard: Waiting::new(room), said: Waiting::new(room) };
    (Box::new(recorder), Recording { pieces: consumer, next: 0, waiting: None, taken: 0 })
}

/// One direction, as far as the other has not come.
#[derive(Debug)]
struct Waiting {
    pcm: Box<[i16]>,
    samples: usize,
    /// Silence has stood in for it: what comes next belongs to what came last of the other.
    starved: bool,
}

impl Waiting {
    fn new(room: usize) -> Self {
        // And a piece, which waits until it is whole.
        Self { pcm: vec![0; room + PIECE].into(), samples: 0, starved: false }
    }

    fn add(&mut self, pcm: &[i16]) {
        let room = self.pcm.past_mut(self.samples);
        let count = room.len().min(pcm.len());
        room.head_mut(count).copy_of(pcm.head(count));
        self.samples += count;
    }

    /// Takes a piece, or silence in place of it.
    fn take(&mut self) -> [i16; PIECE] {
        let Some(piece) = self.pcm.head(self.samples).first_chunk::<PIECE>().copied() else {
            self.starved = true;
            return [0; PIECE];
        };
        self.pcm.shift(PIECE..self.samples, 0);
        self.samples -= PIECE;
        piece
    }
}

/// The audio thread's end. Everything is real-time.
#[derive(Debug)]
pub(super) struct Recorder {
    pieces: Producer<Piece>,
    at: u64,
    heard: Waiting,
    said: Waiting,
}

impl Recorder {
    /// What is heard next, any multiple of 10 ms.
    pub(super) fn hear(&mut self, pcm: &[i16]) {
        for part in pcm.chunks(PIECE) {
            while self.heard.samples + part.len() > self.heard.pcm.len() {
                self.write();
            }
            self.heard.add(part);
        }
        self.go_on(pcm.len());
    }

    /// What is said next.
    pub(super) fn say(&mut self, pcm: &[i16]) {
        if core::mem::take(&mut self.said.starved) {
            // It was said just now, not when nobody spoke.
            while self.heard.samples >= pcm.len() + PIECE {
                self.write();
                self.said.starved = false;
            }
        }
        for part in pcm.chunks(PIECE) {
            while self.said.samples + part.len() > self.said.pcm.len() {
                self.write();
            }
            self.said.add(part);
        }
        self.go_on(0);
    }

    /// Silence is said.
    pub(super) fn rest(&mut self, samples: usize) {
        for _ in 0..samples / PIECE {
            self.say(&[0; PIECE]);
        }
    }

    /// Writes what has come in both directions.
    fn go_on(&mut self, heard: usize) {
        if heard > 0 && core::mem::take(&mut self.heard.starved) {
            while self.said.samples >= heard + PIECE {
                self.write();
                self.heard.starved = false;
            }
        }
        while self.heard.samples.min(self.said.samples) >= PIECE {
            self.write();
        }
    }

    fn write(&mut self) {
        let piece = Piece { at: self.at, heard: self.heard.take(), said: self.said.take() };
        self.at += 1;
        // Where there is no room the reader finds the gap.
        let _ = self.pieces.push(piece);
    }
}

/// The reader's end.
#[derive(Debug)]
pub(super) struct Recording {
    pieces: Consumer<Piece>,
    /// The piece that is due, and one that has come after it or of which so many samples are taken.
    next: u64,
    waiting: Option<Piece>,
    taken: usize,
}

impl Recording {
    /// As [`LegControl::read_recording`](super::LegControl::read_recording).
    pub(super) fn read(&mut self, heard: &mut [i16], said: &mut [i16]) -> Recorded {
        let room = heard.len().min(said.len());
        let mut read = Recorded::default();
        while read.samples < room {
            let Some(piece) = self.waiting.take().or_else(|| self.pieces.pop()) else { break };
            let lost = piece.at != self.next;
            let count = (PIECE - self.taken).min(room - read.samples);
            let to = read.samples..read.samples + count;
            let from = self.taken..self.taken + count;
            let (heard, said) = (heard.span_mut(to.clone()), said.span_mut(to));
            if lost {
                heard.fill(0);
                said.fill(0);
                read.lost_samples += count;
            } else {
                heard.copy_of(piece.heard.span(from.clone()));
                said.copy_of(piece.said.span(from));
            }
            read.samples += count;
            self.taken += count;
            let is_over = self.taken == PIECE;
            if is_over {
                self.taken = 0;
                self.next += 1;
            }
            if lost || !is_over {
                self.waiting = Some(piece);
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn all(recording: &mut Recording, step: usize) -> (Vec<i16>, Vec<i16>, usize) {
        let (mut heard, mut said, mut lost) = (Vec::new(), Vec::new(), 0);
        let (mut a, mut b) = (vec![7; step], vec![7; step]);
        loop {
            let read = recording.read(&mut a, &mut b);
            if read.samples == 0 {
                return (heard, said, lost);
            }
            heard.extend(&a[..read.samples]);
            said.extend(&b[..read.samples]);
            lost += read.lost_samples;
        }
    }

    /// Numbers from 1 on, so that silence is told from them.
    fn numbered(from: usize, count: usize) -> Vec<i16> {
        (from..from + count).map(|n| (n % 30_000 + 1) as i16).collect()
    }

    proptest! {
        /// Whoever pulls and pushes in turns, in steps of up to 60 ms, finds both where they belong.
        #[test]
        fn directions_that_go_in_turns_stay_together(
            step in 1_usize..=6, says_first: bool, rate in prop::sample::select(vec![8_000_u32, 16_000, 48_000]),
            read in 1_usize..2_000,
        ) {
            let (mut recorder, mut recording) = create(rate, 10_000);
            let frame = rate as usize / 100;
            for n in 0..20 {
                let pushed = numbered(n * step * frame, step * frame);
                if says_first {
                    recorder.say(&pushed);
                }
                for k in 0..step {
                    recorder.hear(&numbered((n * step + k) * frame, frame));
                }
                if !says_first {
                    recorder.say(&pushed);
                }
            }
            let (heard, said, lost) = all(&mut recording, read);
            prop_assert_eq!(&heard, &said);
            prop_assert_eq!(lost, 0);
            prop_assert_eq!(heard, numbered(0, 20 * step * frame));
        }

        /// Whatever happens, both are as long, and nothing comes twice or out of its order.
        #[test]
        fn both_directions_are_as_long_as_each_other(
            calls in prop::collection::vec((any::<bool>(), 1_usize..8), 1..200), room in 10_u32..400,
        ) {
            let (mut recorder, mut recording) = create(8_000, room);
            let mut next = [0; 2];
            for (says, frames) in calls {
                let pcm = numbered(next[usize::from(says)], 80 * frames);
                next[usize::from(says)] += 80 * frames;
                if says { recorder.say(&pcm) } else { recorder.hear(&pcm) }
            }
            let (heard, said, _) = all(&mut recording, 113);
            prop_assert_eq!(heard.len(), said.len());
            for direction in [heard, said] {
                let there: Vec<i16> = direction.into_iter().filter(|sample| *sample != 0).collect();
                prop_assert!(there.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", there);
            }
        }
    }

    #[test]
    fn who_says_nothing_for_a_while_is_heard_where_he_goes_on() {
        let (mut recorder, mut recording) = create(8_000, 10_000);
        for n in 0..100 {
            recorder.hear(&numbered(n * 80, 80));
            // On hold from the 20th frame to the 70th.
            if !(20..70).contains(&n) {
                recorder.say(&numbered(n * 80, 80));
            }
        }
        let (heard, said, _) = all(&mut recording, 160);
        assert_eq!(heard, numbered(0, 8_000));
        assert_eq!(said[..1_600], heard[..1_600]);
        assert!(said[1_600..5_600].iter().all(|sample| *sample == 0));
        assert_eq!(said[5_600..], heard[5_600..]);
    }

    #[test]
    fn what_nobody_reads_in_time_is_silence_of_true_length() {
        let (mut recorder, mut recording) = create(8_000, 50);
        let say = |recorder: &mut Recorder, n: usize| {
            recorder.hear(&numbered(n * 80, 80));
            recorder.say(&numbered(n * 80, 80));
        };
        (0..12).for_each(|n| say(&mut recorder, n));
        let (mut heard, mut said) = ([0; 80], [0; 80]);
        let first = recording.read(&mut heard, &mut said);
        assert_eq!(first, Recorded { samples: 80, lost_samples: 0 });
        say(&mut recorder, 12);
        let (heard, _, lost) = all(&mut recording, 100);
        assert_eq!(heard.len(), 12 * 80);
        assert_eq!(heard[11 * 80..], numbered(12 * 80, 80));
        assert_eq!(lost % 80, 0);
        assert!(
            lost >= 4 * 80 && heard.iter().filter(|sample| **sample == 0).count() == lost,
            "{lost}"
        );
    }
}
