// SPDX-License-Identifier: MIT OR Apache-2.0
//! Active speaker selection: the loudest few, and the dominant speaker among them.
//!
//! A member is heard from the very frame in which it becomes loud, by a ramp. It is held for
//! [`HOLD_TICKS`]; after that another takes its place if it is louder by [`CLEARLY`], or nobody if
//! it has fallen silent.

use alloc::vec::Vec;

use crate::within::{push_in, swap_out};

/// Ticks for which a speaker keeps its place: pauses between words.
const HOLD_TICKS: u64 = 50;
/// Mean square above which a member may be heard: -60 dBov.
const FLOOR: f32 = 1_073.0;
/// The same for levels of RFC 6464: those that are softer for certain.
pub(super) const SOFT_DBOV: u8 = 61;
/// What counts as louder: 3 dB.
const CLEARLY: f32 = 2.0;
/// How fast loudness is forgotten in a tick, so that the gaps in a word are not silence.
const FORGET: f32 = 0.93;
/// How much of a tick goes into the loudness that tells who leads the conversation: 0.5 s.
const LEAD: f32 = 0.02;

/// What is remembered of a member.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Voice {
    loudness: f32,
    lead: f32,
    held_until: u64,
    selected: bool,
}

impl Voice {
    /// Whether the member is heard just now.
    pub(super) fn is_selected(&self) -> bool {
        self.selected
    }
}

/// Those that are heard.
#[derive(Debug)]
pub(super) struct Speakers {
    limit: usize,
    selected: Vec<u32>,
    dominant: Option<u32>,
    tick: u64,
}

impl Speakers {
    /// At most `limit` are heard; 0 stands for all, and nothing is chosen then.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, selected: Vec::with_capacity(limit), dominant: None, tick: 0 }
    }

    pub(super) fn is_selective(&self) -> bool {
        self.limit > 0
    }

    pub(super) fn count(&self) -> usize {
        self.selected.len()
    }

    /// The member that leads the conversation.
    pub(super) fn dominant(&self) -> Option<u32> {
        self.dominant
    }

    /// Begins a tick.
    pub(super) fn advance(&mut self) {
        self.tick += 1;
    }

    /// Takes in how loud a member is in this tick, as a mean square.
    pub(super) fn hear(&self, voice: &mut Voice, mean_square: f32) {
        voice.loudness = mean_square.max(voice.loudness * FORGET);
        voice.lead += (mean_square - voice.lead) * LEAD;
    }

    /// Chooses, after all have been heard. `voice` finds a member's; `change` is told who is heard
    /// from now on, and who no longer.
    pub(super) fn choose(
        &mut self,
        members: &[u32],
        voices: &mut [Voice],
        mut change: impl FnMut(u32, bool),
    ) {
        let tick = self.tick;
        self.selected.retain(|index| {
            let Some(voice) = voices.get_mut(*index as usize) else { return false };
            voice.selected = voice.loudness >= FLOOR || tick < voice.held_until;
            if !voice.selected {
                change(*index, false);
            }
            voice.selected
        });
        for index in members {
            let Some(voice) = voices.get(*index as usize) else { continue };
            if voice.selected || voice.loudness < FLOOR {
                continue;
            }
            if self.selected.len() >= self.limit {
                let free = self.selected.iter().enumerate().filter_map(|(place, selected)| {
                    let selected = voices.get(*selected as usize)?;
                    (tick >= selected.held_until).then_some((place, selected.loudness))
                });
                let Some((place, loudness)) = free.min_by(|a, b| a.1.total_cmp(&b.1)) else {
                    continue;
                };
                if voice.loudness < loudness * CLEARLY {
                    continue;
                }
                let Some(loser) = swap_out(&mut self.selected, place) else { continue };
                if let Some(voice) = voices.get_mut(loser as usize) {
                    voice.selected = false;
                }
                change(loser, false);
            }
            push_in(&mut self.selected, *index);
            if let Some(voice) = voices.get_mut(*index as usize) {
                (voice.selected, voice.held_until) = (true, tick + HOLD_TICKS);
            }
            change(*index, true);
        }
        self.lead(voices);
    }

    /// A member has left.
    pub(super) fn forget(&mut self, index: u32) {
        self.selected.retain(|selected| *selected != index);
        if self.dominant == Some(index) {
            self.dominant = None;
        }
    }

    fn lead(&mut self, voices: &[Voice]) {
        let lead = |index: u32| voices.get(index as usize).map_or(0.0, |voice| voice.lead);
        let loudest = self.selected.iter().copied().max_by(|a, b| lead(*a).total_cmp(&lead(*b)));
        let Some(loudest) = loudest.filter(|index| lead(*index) >= FLOOR) else { return };
        if self.dominant.is_none_or(|dominant| lead(loudest) > lead(dominant) * CLEARLY) {
            self.dominant = Some(loudest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Selection over a time of constant levels; returns who was heard and who was told so.
    struct Room {
        speakers: Speakers,
        voices: Vec<Voice>,
        changes: Vec<(u32, bool)>,
    }

    impl Room {
        fn new(limit: usize, members: usize) -> Self {
            Self {
                speakers: Speakers::new(limit),
                voices: vec![Voice::default(); members],
                changes: Vec::new(),
            }
        }

        fn ticks(&mut self, count: usize, levels: &[f32]) -> Vec<u32> {
            for _ in 0..count {
                self.speakers.advance();
                for (voice, level) in self.voices.iter_mut().zip(levels) {
                    self.speakers.hear(voice, level * level);
                }
                let members: Vec<u32> = (0..levels.len() as u32).collect();
                let changes = &mut self.changes;
                self.speakers.choose(&members, &mut self.voices, |who, heard| {
                    changes.push((who, heard));
                });
            }
            let mut heard = self.speakers.selected.clone();
            heard.sort_unstable();
            heard
        }
    }

    #[test]
    fn an_onset_is_heard_in_its_first_frame() {
        let mut room = Room::new(2, 3);
        assert_eq!(room.ticks(100, &[0.0, 5.0, 20.0]), [0_u32; 0]);
        assert_eq!(room.ticks(1, &[0.0, 1_000.0, 20.0]), [1]);
    }

    #[test]
    fn the_loudest_are_heard_and_give_way_only_to_who_is_clearly_louder() {
        let mut room = Room::new(2, 4);
        assert_eq!(room.ticks(1, &[1_000.0, 500.0, 0.0, 0.0]), [0, 1]);
        room.ticks(200, &[1_000.0, 500.0, 0.0, 0.0]);
        assert_eq!(room.ticks(100, &[1_000.0, 500.0, 600.0, 0.0]), [0, 1], "1.6 dB is not clear");
        assert_eq!(room.ticks(1, &[1_000.0, 500.0, 600.0, 900.0]), [0, 3]);
        let heard = room.ticks(20, &[1_000.0, 2_000.0, 2_000.0, 900.0]);
        assert!(heard.contains(&3), "who has just got a place keeps it for a while");
    }

    #[test]
    fn a_pause_between_words_keeps_the_place_and_silence_gives_it_up() {
        let mut room = Room::new(1, 2);
        room.ticks(1, &[2_000.0, 0.0]);
        assert_eq!(room.ticks(40, &[0.0, 0.0]), [0]);
        assert_eq!(room.ticks(200, &[0.0, 0.0]), [0_u32; 0]);
        assert_eq!(room.changes, [(0, true), (0, false)]);
    }

    #[test]
    fn who_leads_changes_neither_by_a_cough_nor_back_and_forth() {
        let mut room = Room::new(2, 2);
        room.ticks(200, &[1_000.0, 0.0]);
        assert_eq!(room.speakers.dominant(), Some(0));
        room.ticks(5, &[1_000.0, 2_000.0]);
        assert_eq!(room.speakers.dominant(), Some(0), "a cough");
        room.ticks(200, &[1_000.0, 1_100.0]);
        assert_eq!(room.speakers.dominant(), Some(0), "about as loud");
        room.ticks(200, &[300.0, 1_100.0]);
        assert_eq!(room.speakers.dominant(), Some(1));
        room.speakers.forget(1);
        assert_eq!(room.speakers.dominant(), None);
    }
}
