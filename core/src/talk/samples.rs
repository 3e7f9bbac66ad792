// SPDX-License-Identifier: MIT OR Apache-2.0
//! A queue of samples whose writer can take back what has not been heard: positions only grow, and a flush
//! moves the one from which on there is something to be heard, however much waits.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicI16, AtomicU32, AtomicUsize, Ordering};

use crate::sync::primitive::Arc;

#[derive(Debug)]
struct Shared {
    samples: Box<[AtomicI16]>,
    /// Samples written and heard, wrapping.
    written: AtomicUsize,
    heard: AtomicUsize,
    /// What stands before this is not to be heard, but for so many samples over which it fades.
    floor: AtomicUsize,
    fade: AtomicU32,
    paused: AtomicU32,
}

/// Makes a queue of so many samples (rounded up to a power of two).
pub(super) fn channel(capacity: usize) -> (Source, Drain) {
    let shared = Arc::new(Shared {
        samples: (0..capacity.next_power_of_two()).map(|_| AtomicI16::new(0)).collect(),
        written: AtomicUsize::new(0),
        heard: AtomicUsize::new(0),
        floor: AtomicUsize::new(0),
        fade: AtomicU32::new(0),
        paused: AtomicU32::new(0),
    });
    (Source(Arc::clone(&shared)), Drain { shared, heard: 0, fading: None })
}

impl Shared {
    fn slot(&self, at: usize) -> Option<&AtomicI16> {
        self.samples.get(at & self.samples.len().wrapping_sub(1))
    }
}

/// The writer's side.
#[derive(Debug)]
pub(super) struct Source(Arc<Shared>);

impl Source {
    /// Samples written so far, wrapping.
    pub(super) fn written(&self) -> usize {
        self.0.written.load(Ordering::Relaxed)
    }

    /// Samples that are behind: heard, or thrown away.
    pub(super) fn heard(&self) -> usize {
        self.0.heard.load(Ordering::Acquire)
    }

    /// Samples that wait, fading ones included.
    pub(super) fn waiting(&self) -> usize {
        self.written().wrapping_sub(self.heard())
    }

    pub(super) fn vacant(&self) -> usize {
        self.0.samples.len().saturating_sub(self.waiting())
    }

    /// Adds samples, as many as there is room for.
    pub(super) fn write(&mut self, pcm: &[i16]) {
        let at = self.written();
        let count = pcm.len().min(self.vacant());
        for (n, sample) in pcm.iter().take(count).enumerate() {
            if let Some(slot) = self.0.slot(at.wrapping_add(n)) {
                slot.store(*sample, Ordering::Relaxed);
            }
        }
        self.0.written.store(at.wrapping_add(count), Ordering::Release);
    }

    /// What stands before `floor` is not to be heard, but for `fade` samples.
    pub(super) fn flush(&mut self, floor: usize, fade: u32) {
        self.0.fade.store(fade, Ordering::Relaxed);
        self.0.floor.store(floor, Ordering::Release);
    }

    pub(super) fn set_paused(&mut self, paused: bool) {
        self.0.paused.store(u32::from(paused), Ordering::Release);
    }
}

/// The audio thread's side.
#[derive(Debug)]
pub(super) struct Drain {
    shared: Arc<Shared>,
    heard: usize,
    /// Samples that are left of a fade, and how many it has.
    fading: Option<(u32, u32)>,
}

/// What a frame was made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Drained {
    /// Samples of sound.
    pub(super) samples: usize,
    /// Samples that were thrown away, and where they began and ended.
    pub(super) flushed: usize,
    pub(super) from: usize,
    pub(super) floor: usize,
    /// Samples that still wait.
    pub(super) waiting: usize,
}

impl Drain {
    /// The position of the next sample, wrapping.
    pub(super) fn heard(&self) -> usize {
        self.heard
    }

    /// Fills `pcm` with what comes next, and silence behind it.
    pub(super) fn read(&mut self, pcm: &mut [i16]) -> Drained {
        let floor = self.shared.floor.load(Ordering::Acquire);
        let mut drained = Drained { floor, from: floor, ..Drained::default() };
        let taken_back = floor.wrapping_sub(self.heard);
        let paused = self.shared.paused.load(Ordering::Acquire) != 0;
        let (mut flushing, mut rest) = (taken_back as isize > 0, pcm);
        if flushing {
            let fade = self.shared.fade.load(Ordering::Relaxed);
            let whole = if paused { 0 } else { fade.min(taken_back as u32) };
            let (left, whole) = self.fading.unwrap_or((whole, whole));
            let count = (left as usize).min(rest.len()).min(taken_back);
            let (faded, behind) = rest.split_at_mut(count);
            for (n, sample) in faded.iter_mut().enumerate() {
                let gain = i64::from(left).saturating_sub(n as i64);
                let value = i64::from(self.next()) * gain;
                *sample = value.checked_div(i64::from(whole)).unwrap_or(0) as i16;
            }
            rest = behind;
            drained.samples = count;
            let left = left.saturating_sub(count as u32);
            self.fading = Some((left, whole));
            if left == 0 {
                drained.flushed = floor.wrapping_sub(self.heard);
                drained.from = self.heard;
                (self.heard, self.fading, flushing) = (floor, None, false);
            }
        }
        let written = self.shared.written.load(Ordering::Acquire);
        let waiting = written.wrapping_sub(self.heard);
        let count = if paused || flushing { 0 } else { waiting.min(rest.len()) };
        let (sound, silence) = rest.split_at_mut(count.min(rest.len()));
        sound.iter_mut().for_each(|sample| *sample = self.next());
        silence.fill(0);
        drained.samples += count;
        drained.waiting = written.wrapping_sub(self.heard);
        self.shared.heard.store(self.heard, Ordering::Release);
        drained
    }

    #[inline]
    fn next(&mut self) -> i16 {
        let sample = self.shared.slot(self.heard).map_or(0, |slot| slot.load(Ordering::Relaxed));
        self.heard = self.heard.wrapping_add(1);
        sample
    }
}
