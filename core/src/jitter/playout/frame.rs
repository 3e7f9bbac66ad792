// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ten milliseconds, made as [`decide`] says. Audio thread only.
//!
//! Gathers what a decision needs, asks, and has the other parts do it: may touch all of the playout, and
//! decides nothing.

use super::decide::{Action, Ahead, Gap, Tried, in_comfort_noise, in_sound};
use super::{AHEAD, DECODES, Entry, Fate, Playout, decide};
use crate::jitter::delay::goal::Goal;
use crate::jitter::stats::Operation;
use crate::within::Within;

/// Longest gap that is filled from both sides, in samples at 8 kHz.
const MAX_GAP: usize = 640;

impl Playout {
    /// Makes the next 10 ms: `out` is a frame, or a few samples more or less where the speed is
    /// changed. Returns what was done, and the energy of `out`.
    pub(crate) fn frame(&mut self, now_ns: u64, goal: &Goal, out: &mut [i16]) -> (Operation, u64) {
        if !self.started && !self.start(now_ns, goal) {
            out.fill(0);
            return (Operation::Silence, 0);
        }
        if decide::hold(goal, || self.late_ms(now_ns)) == Action::Hold {
            out.fill(0);
            self.stats.inserted_samples += out.len() as u64;
            return (Operation::Expand, 0);
        }
        let merges = self.stats.merges;
        let mut budget = DECODES;
        if goal.rewind {
            self.rewind(now_ns, goal);
        }
        self.discard_lost(now_ns, goal);
        self.decode_ahead(&mut budget);
        let mut operation = if self.is_steady(now_ns, goal, out.len()) {
            self.excess.is_gone();
            Operation::Normal
        } else {
            self.steer(now_ns, goal, out.len(), budget)
        };
        self.pcm.play(out);
        let energy = self.loudness.play(out);
        if self.stats.merges != merges {
            operation = operation.max(Operation::Merge);
        }
        (operation, energy)
    }

    /// Whether `count` samples of sound are there and nothing is to be done about the delay: what
    /// [`Playout::steer`] would find, too.
    #[inline]
    fn is_steady(&self, now_ns: u64, goal: &Goal, count: usize) -> bool {
        self.pcm.pending().len() >= count
            && self.made_up.samples == 0
            && !self.comfort
            && !self.ending.is_gone()
            && decide::is_steady(self.late_ms(now_ns), self.loudness.quiet_frames, goal)
    }

    /// Brings the delay towards the target, and makes sure of `count` samples.
    fn steer(&mut self, now_ns: u64, goal: &Goal, count: usize, mut budget: u32) -> Operation {
        let mut operation = self.adapt(now_ns, goal, &mut budget);
        operation = operation.max(self.cut(now_ns, goal));
        operation = operation.max(self.complete(now_ns, goal, count));
        // A join or a new talk spurt may have gone over the maximum.
        if let Some(Action::Skip { ms }) = decide::over(self.late_ms(now_ns), goal.max_ms, goal) {
            self.skip_to(self.head() + self.clock.samples(ms) as i64 + 1);
            operation = operation.max(self.complete(now_ns, goal, count));
        }
        operation
    }

    /// How late the sample is that is heard next.
    #[inline]
    fn late_ms(&self, now_ns: u64) -> f32 {
        self.clock.lateness_ms(now_ns, self.head())
    }

    /// Begins with the first packet, once it is late enough.
    fn start(&mut self, now_ns: u64, goal: &Goal) -> bool {
        let first = self.window.entries().iter().find(|e| !e.is_noise()).map(|e| e.start);
        let late_ms = first.map(|start| self.clock.lateness_ms(now_ns, start));
        self.started = decide::start(late_ms, goal) == Action::Go;
        self.next = first.filter(|_| self.started).unwrap_or(self.next);
        self.started
    }

    /// Decodes up to [`AHEAD`], of what follows without a gap.
    fn decode_ahead(&mut self, budget: &mut u32) {
        while !self.comfort
            && *budget > 0
            && self.pcm.pending().len() < AHEAD * self.clock.unit
            && self.window.first().is_some()
            && self.take()
        {
            *budget -= 1;
        }
    }

    /// Moves the delay in a pause.
    fn adapt(&mut self, now_ns: u64, goal: &Goal, budget: &mut u32) -> Operation {
        let mut operation = Operation::Silence;
        if self.comfort || !decide::is_pause(self.loudness.quiet_frames, goal) {
            return operation;
        }
        for _ in 0..DECODES {
            match decide::in_pause(self.late_ms(now_ns), goal, || self.is_pause_ahead()) {
                Some(Action::Stretch { ms }) => {
                    if self.insert_pause(ms) {
                        operation = Operation::Expand;
                    }
                    break;
                }
                Some(Action::Compress { ms }) if self.remove_pause(ms) => {
                    operation = Operation::Accelerate;
                    self.decode_ahead(budget);
                }
                _ => break,
            }
        }
        match operation {
            Operation::Accelerate => self.stats.accelerations += 1,
            Operation::Expand => self.stats.expansions += 1,
            _ => {}
        }
        operation
    }

    /// Cuts the delay down in one step. Whole packets in the cut are never decoded.
    fn cut(&mut self, now_ns: u64, goal: &Goal) -> Operation {
        if self.comfort {
            return Operation::Silence;
        }
        let Some(Action::Cut { ms }) = self.excess.cut(self.late_ms(now_ns), goal) else {
            return Operation::Silence;
        };
        let mut done = self.remove_speech(self.clock.samples(ms));
        if let Some(Action::Skip { ms }) = decide::over(self.late_ms(now_ns), goal.target_ms, goal)
        {
            self.skip_to(self.head() + self.clock.samples(ms) as i64);
            done = true;
        }
        if !done {
            return Operation::Silence;
        }
        self.excess.is_gone();
        self.stats.accelerations += 1;
        Operation::Accelerate
    }

    /// Makes sure of `count` samples: sound if it is there, else what stands in for it.
    fn complete(&mut self, now_ns: u64, goal: &Goal, count: usize) -> Operation {
        let silent = self.ending.is_silent(self.made_up.samples, self.clock.unit);
        let pending = !self.pcm.pending().is_empty() && !silent;
        let mut operation = if pending { Operation::Normal } else { Operation::Silence };
        let mut tried = Tried::default();
        // Of four turns one adds a sample at least, or changes from sound to noise or back.
        for _ in 0..8 * self.clock.frame_samples() {
            let need = count.saturating_sub(self.pcm.pending().len());
            if need == 0 {
                break;
            }
            let ahead = self.ahead(now_ns);
            let action = if self.comfort {
                in_comfort_noise(&ahead, tried, goal)
            } else {
                in_sound(&ahead, tried, goal)
            };
            operation = operation.max(self.act(action, &ahead, now_ns, goal, need, &mut tried));
        }
        operation
    }

    /// What a decision has to know of what waits.
    fn ahead(&self, now_ns: u64) -> Ahead {
        let (next, waiting) = (self.next, self.window.entries());
        let sound = waiting.iter().find(|e| !e.is_noise() && e.end() > next).map(|e| e.start);
        let pending = self.pcm.pending().len() as i64;
        let spurt = sound.filter(|_| self.comfort);
        let gap = waiting.iter().find(|e| e.end() > next).map(|e| {
            let samples = (e.start - next).max(1) as usize;
            // A description of noise ends a gap, too, but says nothing of the audio before it.
            let bounded = !e.fresh && !e.is_noise();
            Gap { samples, bounded, fills: bounded && samples <= MAX_GAP * self.clock.unit }
        });
        Ahead {
            late_ms: self.late_ms(now_ns),
            sound: sound.is_some_and(|start| start <= next),
            noise: waiting.iter().any(|e| self.is_due_noise(e)),
            spurt_late_ms: spurt.map(|start| self.clock.lateness_ms(now_ns, start - pending)),
            gap,
        }
    }

    /// Carries out what was decided, about `need` samples of it where it is a matter of samples.
    fn act(
        &mut self,
        action: Action,
        ahead: &Ahead,
        now_ns: u64,
        goal: &Goal,
        need: usize,
        tried: &mut Tried,
    ) -> Operation {
        let before = core::mem::take(tried);
        match action {
            Action::Play if self.take() => return Operation::Normal,
            Action::Play => {
                *tried = Tried { play: true, ..before };
                return Operation::Silence;
            }
            Action::Describe => {
                tried.describe = self.comfort;
                self.noise_begins();
                return Operation::Silence;
            }
            Action::Skip { ms } => {
                *tried = Tried { play: false, skip: true, ..before };
                self.shorten_gap(ms);
                return Operation::Silence;
            }
            Action::Begin => {
                self.spurt_begins();
                return Operation::Normal;
            }
            Action::ComfortNoise => return self.comfort_noise(need),
            _ => {}
        }
        let made = self.stands_in();
        let gap = ahead.gap.map(|gap| gap.samples);
        match action {
            Action::Fill => tried.fill = !gap.is_some_and(|gap| self.fill_gap(gap)),
            Action::Bridge => self.bridge(ahead.gap.unwrap_or_default(), need),
            Action::Conceal { back_ms } => self.conceal(now_ns, goal, back_ms, need),
            _ => self.silence(gap.map_or(need, |gap| gap.min(need))),
        }
        if tried.fill {
            *tried = Tried { fill: true, ..before };
        }
        made
    }

    /// What that is called which stands in for sound now.
    fn stands_in(&self) -> Operation {
        if self.ending.is_silent(self.made_up.samples, self.clock.unit) {
            Operation::Silence
        } else if self.is_pause() == Some(true) {
            Operation::ComfortNoise
        } else {
            Operation::Conceal
        }
    }

    /// Makes up a part of a gap that is not filled at once.
    fn bridge(&mut self, gap: Gap, need: usize) {
        self.underrun = None;
        self.made_up.repeats &= self.made_up.samples > 0;
        let count = self.concealed_at_once(need).min(gap.samples);
        if !gap.bounded || !self.recover_part(gap.samples, count) {
            self.continue_past(count);
        }
    }

    /// Makes up what nothing newer is there for.
    fn conceal(&mut self, now_ns: u64, goal: &Goal, back_ms: f32, need: usize) {
        if back_ms > 0.0 {
            self.next -= self.clock.samples(back_ms) as i64;
            self.underrun = None;
        }
        self.underrun.get_or_insert(self.next);
        if self.made_up.samples == 0 {
            self.made_up.repeats =
                decide::may_yet_come(self.clock.lateness_ms(now_ns, self.next), goal);
        }
        let at_once = if self.made_up.repeats { need } else { self.concealed_at_once(need) };
        self.continue_past(at_once);
    }

    /// Passes over media time that nothing is there for.
    fn shorten_gap(&mut self, ms: f32) {
        let next = self.next;
        let start = self.window.entries().iter().find(|e| e.end() > next).map(|e| e.start);
        let skip =
            (self.clock.samples(ms) as i64).min(start.map_or(i64::MAX, |start| start - next));
        if skip > 0 {
            self.next += skip;
            self.underrun = None;
            self.made_up.samples = self.made_up.samples.max(1);
            self.stats.removed_samples += skip as u64;
        }
    }

    /// Ends comfort noise with the sound that waits.
    fn spurt_begins(&mut self) {
        let next = self.next;
        let sound = self.window.entries().iter().find(|e| !e.is_noise() && e.end() > next);
        if let Some(start) = sound.map(|e| e.start) {
            self.next = start;
        }
        self.comfort = false;
        self.made_up.samples = 0;
    }

    /// Stands in for the sender's silence, up to its next talk spurt.
    fn comfort_noise(&mut self, need: usize) -> Operation {
        let next = self.next;
        let sound = self.window.entries().iter().find(|e| !e.is_noise() && e.end() > next);
        let spurt = sound.map(|e| e.start);
        let count = need.min(self.clock.frame_samples());
        if !self.pcm.reserve(count) {
            return Operation::ComfortNoise;
        }
        let silent = self.ending.is_silent(0, self.clock.unit);
        let tail = self.pcm.tail_mut().head_mut(count);
        self.noise.fill(tail);
        self.ending.fade(tail, 0, self.clock.unit);
        self.pcm.commit(count);
        self.next += count as i64;
        if let Some(start) = spurt {
            self.next = self.next.min(start);
        }
        self.made_up.samples = 0;
        if silent {
            return Operation::Silence;
        }
        self.stats.comfort_noise_samples += count as u64;
        Operation::ComfortNoise
    }

    fn is_due_noise(&self, entry: &Entry) -> bool {
        entry.is_noise() && entry.start <= self.next
    }

    /// Takes a description of noise that is due.
    fn noise_begins(&mut self) {
        let due = self.window.entries().iter().position(|e| self.is_due_noise(e));
        let Some(index) = due else { return };
        let Some(entry) = self.window.remove(index) else { return };
        let mut scratch = [0; 64];
        self.noise.describe(self.slots.payload(&entry.slot, &mut scratch));
        self.settle(entry, Fate::Played);
        self.comfort = true;
        self.underrun = None;
    }
}
