// SPDX-License-Identifier: MIT OR Apache-2.0
//! Silent packets that need not be decoded: packets whose header says that they are silent (RFC 6464), after
//! a few of them in a row. Audio thread only.
//!
//! A sleeping decoder misses what it would have learnt from them, so the last ones are kept, and shown
//! to it before the first packet that is to be heard again. That packet is decoded when it would have
//! been in any case: an onset comes neither later nor cut off. Touches its own state, the slots that it
//! keeps, and the decoder that it wakes.

use super::packets::Scratch;
use super::{Fate, Playout};
use crate::jitter::window::Entry;

/// Silent packets that are decoded before the decoder sleeps, so that what it holds has rung out.
const BEFORE_SLEEP: u32 = 3;
/// Packets that a decoder is shown when it wakes: G.722's predictors agree with those of a decoder
/// that never slept to 35 dB after 120 ms.
const PRE_ROLL: usize = 6;
/// The same for codecs that conceal by themselves (Opus): SILK looks back 40 ms, and each packet costs.
const SHORT_PRE_ROLL: usize = 2;
/// No more than this share of all slots is kept back.
const KEPT_SHARE: u16 = 6;

/// What is slept through.
#[derive(Debug)]
pub(crate) struct Sleep {
    /// Packets of this level in -dBov, or softer ones, are silent.
    threshold_dbov: u8,
    /// Silent packets in a row.
    silent: u32,
    asleep: bool,
    /// The entry that is settled next has been slept through.
    keep: bool,
    /// The last packets that were, the older first, and the first place that is used.
    kept: [Option<Entry>; PRE_ROLL],
    first: usize,
}

/// Above all levels that a header can tell.
const NEVER: u8 = 128;

impl Sleep {
    /// Never sleeps at first; keeps packets in some of the `slots` then.
    pub(super) fn new(slots: u16) -> Self {
        Self {
            first: PRE_ROLL.saturating_sub(usize::from(slots / KEPT_SHARE)),
            threshold_dbov: NEVER,
            silent: 0,
            asleep: false,
            keep: false,
            kept: [const { None }; PRE_ROLL],
        }
    }

    pub(crate) fn set_threshold(&mut self, dbov: Option<u8>) {
        // What tells no level counts as the loudest.
        self.threshold_dbov = dbov.map_or(NEVER, |dbov| dbov.max(1));
    }

    /// Whether what has just been played is to be kept.
    pub(super) fn wants(&mut self, fate: Fate) -> bool {
        core::mem::take(&mut self.keep) && fate == Fate::Played
    }
}

impl Playout {
    /// Whether the decoder sleeps just now, and has nothing of its own to say.
    pub(super) fn is_asleep(&self) -> bool {
        self.sleep.asleep
    }

    /// Whether the decoder sleeps, or falls asleep now because the sender has stopped in a pause after a
    /// silent packet (Opus DTX): nothing need be made up then.
    pub(super) fn falls_asleep(&mut self) -> bool {
        self.sleep.asleep |= self.sleep.silent > 0 && self.is_pause() == Some(true);
        self.sleep.asleep
    }

    /// Whether a header says that its packet is silent.
    pub(super) fn is_silent(&self, entry: &Entry) -> bool {
        entry.level_dbov >= self.sleep.threshold_dbov
    }

    /// Whether an entry is slept through.
    pub(super) fn sleeps_through(&mut self, entry: &Entry) -> bool {
        let silent = self.is_silent(entry);
        let sleep = &mut self.sleep;
        if !silent {
            sleep.silent = 0;
            return false;
        }
        sleep.silent = sleep.silent.saturating_add(1);
        if sleep.silent <= BEFORE_SLEEP {
            return false;
        }
        (sleep.asleep, sleep.keep) = (true, true);
        self.stats.skipped_decodes += 1;
        true
    }

    /// Keeps an entry that was slept through in place of the oldest that is kept.
    pub(super) fn remember(&mut self, entry: Entry) {
        let mut moved = Some(entry);
        // Each place takes what the one behind it held.
        for place in self.sleep.kept.iter_mut().skip(self.sleep.first).rev() {
            core::mem::swap(place, &mut moved);
        }
        if let Some(oldest) = moved {
            self.slots.release(oldest.slot);
        }
    }

    /// Shows the decoder that is used next what it has slept through last, unless a `fresh` stream
    /// begins there. The tail of the PCM from `offset` on serves as scratch.
    pub(super) fn wake(&mut self, fresh: bool, index: u8, offset: usize) {
        if !core::mem::take(&mut self.sleep.asleep) {
            return;
        }
        let kept = core::mem::replace(&mut self.sleep.kept, [const { None }; PRE_ROLL]);
        let same = self.voice.decoder.is_none_or(|current| current == index) && !fresh;
        for (n, before) in kept.into_iter().enumerate() {
            let Some(before) = before else { continue };
            let own = self.decoder_index(&before) == Some(index);
            let decoder = self.decoders.decoder_mut(index);
            let decoder = decoder
                .filter(|d| !d.is_stateless() && (!d.conceals() || n >= PRE_ROLL - SHORT_PRE_ROLL));
            let room = self.pcm.tail_mut().get_mut(offset..offset + before.samples as usize);
            if let (true, Some(decoder), Some(room)) = (same && own, decoder, room) {
                let mut scratch = Scratch::none();
                let scratch = scratch.for_payload(&self.slots, &before.slot);
                let _ = decoder.decode(self.slots.payload(&before.slot, scratch), room);
                self.voice.decoder = Some(index);
            }
            self.slots.release(before.slot);
        }
    }
}
