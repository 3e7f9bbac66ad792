// SPDX-License-Identifier: MIT OR Apache-2.0
//! A conference: legs around a mixer, ticked every 10 ms.
//!
//! [`Conference`] belongs to the audio thread, which calls [`Conference::tick`] and sends the
//! datagrams that it leaves in an [`Outgoing`]. [`ConferenceControl`] may be cloned and used from
//! any thread: members join and leave, are muted and made louder through a lock-free queue, at the
//! next tick. Nothing is allocated or freed on the audio thread; who has left comes back through
//! [`ConferenceControl::reclaim`].
//!
//! Legs of 8, 16, 32 and 48 kHz meet here. Each rate has a mixer of its own, and every mixer also
//! plays the sums of the others, resampled once a rate, not once a leg; so a listener's own voice
//! is subtracted where it went in, to the bit.

mod control;
mod outgoing;
mod rates;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use control::{Command, Shared};
pub use control::{ConferenceControl, ConferenceError, JoinOptions};
pub use outgoing::{Outgoing, OutgoingDatagram};
use rates::Rates;

use crate::leg::LegMedia;
use crate::mixer::{MAX_PARTICIPANTS, ParticipantId};
use crate::stats::counters;
use crate::sync::snapshot::{self, Publisher};

/// A member's name in one conference. A name is not used again for whoever joins next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemberId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl MemberId {
    /// The name as a number, for hosts that carry it around.
    pub fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The name behind [`MemberId::to_u64`].
    pub fn from_u64(number: u64) -> Self {
        Self { index: number as u32, generation: (number >> 32) as u32 }
    }
}

/// What a conference is made for.
#[derive(Debug, Clone, Copy)]
pub struct ConferenceConfig {
    /// Members at a time, 1 to [`MAX_PARTICIPANTS`]; the memory for all is taken at creation,
    /// about 2 KiB each.
    pub max_members: usize,
}

counters! {
    /// What a conference has done since its creation.
    pub struct ConferenceStats {
        /// Members just now; not a count.
        pub members,
        /// Ticks.
        pub ticks,
        /// Members that joined.
        pub joins,
        /// Members that left.
        pub leaves,
        /// Datagrams handed out.
        pub datagrams,
        /// Datagrams that had to wait for the next tick, because [`Outgoing`] was full.
        pub deferred,
    }
}

/// The audio thread's half of a conference.
pub struct Conference {
    rates: Rates,
    members: Box<[Option<Member>]>,
    /// Indices of the members present, in no order.
    present: Vec<u32>,
    shared: Arc<Shared>,
    stats: ConferenceStats,
    publisher: Publisher<{ ConferenceStats::WORDS }>,
}

struct Member {
    id: MemberId,
    media: Box<LegMedia>,
    /// Which mixer, and the place in it.
    rate: usize,
    place: ParticipantId,
    tag: u64,
}

impl Conference {
    /// Makes an empty conference.
    ///
    /// Real-time: no (takes all memory).
    ///
    /// # Errors
    /// [`ConferenceError::InvalidConfig`].
    #[allow(clippy::new_ret_no_self)] // A conference is its two halves.
    pub fn new(config: &ConferenceConfig) -> Result<(Self, ConferenceControl), ConferenceError> {
        let places = config.max_members;
        if !(1..=MAX_PARTICIPANTS).contains(&places) {
            return Err(ConferenceError::InvalidConfig);
        }
        let (publisher, snapshot) = snapshot::snapshot(&ConferenceStats::default());
        let shared = Arc::new(Shared::new(places));
        let conference = Self {
            rates: Rates::new(places).map_err(|_| ConferenceError::InvalidConfig)?,
            members: (0..places).map(|_| None).collect(),
            present: Vec::with_capacity(places),
            shared: Arc::clone(&shared),
            stats: ConferenceStats::default(),
            publisher,
        };
        Ok((conference, ConferenceControl::new(shared, snapshot)))
    }

    /// Plays and mixes 10 ms: takes orders, pulls every leg, mixes, encodes, and leaves the
    /// datagrams that are to be sent now in `outgoing`. To be called every 10 ms.
    ///
    /// Real-time: yes.
    pub fn tick(&mut self, now_ns: u64, outgoing: &mut Outgoing) {
        outgoing.clear();
        self.apply_commands();
        for index in &self.present {
            let Some(member) = &mut self.members[*index as usize] else { continue };
            if let Ok(row) = self.rates.mixer(member.rate).input(member.place) {
                // A leg's rate is its mixer's, so the row is as long as a leg wants it.
                let _ = member.media.pull(now_ns, row);
            }
        }
        self.rates.run();
        for index in &self.present {
            let Some(member) = &mut self.members[*index as usize] else { continue };
            let mut pcm = [0; rates::MAX_FRAME_SAMPLES];
            let mixer = self.rates.mixer(member.rate);
            let Some(pcm) = pcm.get_mut(..mixer.frame_samples()) else { continue };
            if mixer.output(member.place, pcm).is_ok() {
                let _ = member.media.push(pcm);
            }
            while outgoing.has_room() {
                let Some(datagram) = member.media.poll_transmit(now_ns) else { break };
                outgoing.push(member.id, member.tag, datagram);
                self.stats.datagrams += 1;
            }
            self.stats.deferred += u64::from(!outgoing.has_room());
        }
        self.stats.ticks += 1;
        self.stats.members = self.present.len() as u64;
        self.publisher.publish(&self.stats);
    }

    /// How loud a member was in the last tick, in -dBov (RFC 6464); `None` for who is not there.
    pub fn level_dbov(&mut self, id: MemberId) -> Option<u8> {
        let member = self.members.get(id.index as usize)?.as_ref()?;
        let (rate, place) = (member.rate, member.place);
        (member.id == id).then(|| self.rates.mixer(rate).level_dbov(place).ok())?
    }

    /// Counters.
    pub fn stats(&self) -> ConferenceStats {
        self.stats
    }

    fn apply_commands(&mut self) {
        // As many as were waiting, so that a busy control thread can't hold the tick up.
        for _ in 0..self.shared.waiting() {
            let Some(command) = self.shared.next_command() else { break };
            match command {
                Command::Join(id, media, options) => self.join(id, media, options),
                Command::Leave(id) => self.leave(id),
                Command::SetMuted(id, muted) => {
                    if let Some((rates, member)) = self.member(id) {
                        let _ = rates.mixer(member.rate).set_muted(member.place, muted);
                    }
                }
                Command::SetGain(id, factor) => {
                    if let Some((rates, member)) = self.member(id) {
                        let _ = rates.mixer(member.rate).set_gain(member.place, factor);
                    }
                }
            }
        }
    }

    fn member(&mut self, id: MemberId) -> Option<(&mut Rates, &Member)> {
        let member = self.members.get(id.index as usize)?.as_ref()?;
        (member.id == id).then_some((&mut self.rates, member))
    }

    fn join(&mut self, id: MemberId, media: Box<LegMedia>, options: JoinOptions) {
        // The control half has checked the rate and given the place out, so neither can fail.
        let place = Rates::index_of(media.sample_rate_hz())
            .and_then(|rate| Some((rate, self.rates.mixer(rate).add().ok()?)));
        let (Some((rate, place)), Some(slot)) = (place, self.members.get_mut(id.index as usize))
        else {
            self.shared.give_back(id, media);
            return;
        };
        let mixer = self.rates.mixer(rate);
        let _ = mixer.set_gain(place, options.gain);
        let _ = mixer.set_muted(place, options.muted);
        *slot = Some(Member { id, media, rate, place, tag: options.tag });
        // Has room: there are as many places as members.
        self.present.push(id.index);
        self.stats.joins += 1;
    }

    fn leave(&mut self, id: MemberId) {
        let Some(slot) = self.members.get_mut(id.index as usize) else { return };
        if slot.as_ref().is_none_or(|member| member.id != id) {
            return;
        }
        if let Some(member) = slot.take() {
            let _ = self.rates.mixer(member.rate).remove(member.place);
            self.present.retain(|index| *index != id.index);
            self.stats.leaves += 1;
            self.shared.give_back(id, member.media);
        }
    }
}

impl fmt::Debug for Conference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conference").field("stats", &self.stats).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "opus"))]
mod tests;
