// SPDX-License-Identifier: MIT OR Apache-2.0
//! The audio thread's half: 10 ms of all members.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::config::ConferenceConfig;
use super::contributions::Contributions;
use super::control::{
    Attached, Command, ConferenceControl, ConferenceError, ConferenceEvent, JoinOptions, Ways,
};
use super::member::{Member, MemberId};
use super::outgoing::Outgoing;
use super::pace::Pace;
use super::pair_slots::LivePairs;
use super::partial_sums::MAX_FRAME_SAMPLES;
use super::rates::Rates;
use super::speakers::{SOFT_DBOV, Speakers, Voice};
use super::stats::ConferenceStats;
use super::taps::{Tapped, Taps};
use crate::dsp::level::SILENCE_DBOV;
use crate::jitter::{Due, Operation};
use crate::leg::{Contributors, EncodeOnce, LegMedia};
use crate::mixer::MAX_PARTICIPANTS;
use crate::srtp::{Sender, Sessions};
use crate::sync::snapshot::{self, Publisher};
use crate::talk::Ears;
use crate::tap::{Consent, Consents, MAX_TAPS, Purpose, Sound};
use crate::within::{push_in, swap_out};

/// Most groups that share an encoder.
const MAX_ENCODE_GROUPS: usize = 64;
/// Members that may speak at a time over a voice that a program makes: beyond that nobody is told apart.
const MOST_SPEAKING: usize = 8;

/// The audio thread's half of a conference.
pub struct Conference {
    pub(super) rates: Rates,
    members: Box<[Option<Member>]>,
    /// Indices of the members present, in no order.
    present: Vec<u32>,
    /// Indices of those that leave at the end of this tick.
    leaving: Vec<u32>,
    voices: Box<[Voice]>,
    speakers: Speakers,
    /// Who is heard, and how many members are told.
    contributions: Contributions,
    pub(super) told: usize,
    /// Members whose voices programs make.
    synthetic: usize,
    /// Who speaks in this tick, for those.
    speaking: Vec<MemberId>,
    once: EncodeOnce,
    /// What one member hears.
    pcm: Box<[i16]>,
    pub(super) pace: Pace,
    /// Times that members have been served.
    serving: u64,
    ways: Ways,
    pairs: LivePairs,
    pub(super) taps: Taps,
    pub(super) stats: ConferenceStats,
    publisher: Publisher<{ ConferenceStats::WORDS }>,
}

/// The sessions of the members, by their indices.
struct Protectors<'a>(&'a mut [Option<Member>]);

impl Protectors<'_> {
    fn media(&mut self, index: usize) -> Option<&mut LegMedia> {
        match &mut self.0.get_mut(index)?.as_mut()?.attached {
            Attached::Leg(media) => Some(media),
            Attached::Link(_) | Attached::Talk(_) => None,
        }
    }
}

impl Sessions<Sender> for Protectors<'_> {
    fn session(&self, number: usize) -> Option<&Sender> {
        match &self.0.get(number)?.as_ref()?.attached {
            Attached::Leg(media) => media.protector(),
            Attached::Link(_) | Attached::Talk(_) => None,
        }
    }

    fn session_mut(&mut self, number: usize) -> Option<&mut Sender> {
        self.media(number)?.protector_mut()
    }
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
        if !(1..=MAX_PARTICIPANTS).contains(&places)
            || config.max_speakers > places
            || config.encode_groups > MAX_ENCODE_GROUPS
            || config.max_taps > MAX_TAPS
        {
            return Err(ConferenceError::InvalidConfig);
        }
        let (publisher, snapshot) = snapshot::snapshot(&ConferenceStats::default());
        let (ways, desk_ways, control) = Ways::new(config, snapshot);
        let conference = Self {
            rates: Rates::new(config).map_err(|_| ConferenceError::InvalidConfig)?,
            members: (0..places).map(|_| None).collect(),
            present: Vec::with_capacity(places),
            leaving: Vec::with_capacity(places),
            voices: vec![Voice::default(); places].into_boxed_slice(),
            speakers: Speakers::new(config.max_speakers),
            contributions: Contributions::new(),
            told: 0,
            synthetic: 0,
            speaking: Vec::with_capacity(places.min(MOST_SPEAKING)),
            once: EncodeOnce::new(config.encode_groups),
            pcm: vec![0; MAX_FRAME_SAMPLES * config.most_frames()].into_boxed_slice(),
            pace: Pace::new(config.joined_ticks),
            serving: 0,
            ways,
            pairs: LivePairs::new(config.max_pair_gains),
            taps: Taps::new(desk_ways, config.max_taps),
            stats: ConferenceStats::default(),
            publisher,
        };
        Ok((conference, control))
    }

    /// Pulls every leg, and adds up.
    pub(super) fn play(&mut self, now_ns: u64) {
        if self.present.is_empty() {
            self.sweep_pair_gains();
            self.tap_packets(now_ns);
            self.tap(now_ns);
            return;
        }
        self.once.advance();
        self.tap_packets(now_ns);
        self.pull(now_ns);
        self.tap(now_ns);
        if self.synthetic > 0 {
            self.listen_for_overlaps();
        }
        if self.speakers.is_selective() {
            self.choose_speakers();
        }
        self.rates.gather();
        self.sweep_pair_gains();
        if self.told > 0 {
            self.name_contributors();
        }
    }

    /// Encodes, and adds the datagrams to those that there are.
    pub(super) fn finish(&mut self, now_ns: u64, outgoing: &mut Outgoing) {
        self.serving += 1;
        if !self.present.is_empty() {
            self.rates.cross();
            // Who led a group goes first, so that the group keeps its encoder.
            for group in 0.. {
                let Some(leader) = self.once.leader(group) else { break };
                self.serve(leader, now_ns, outgoing);
            }
            for n in 0..self.present.len() {
                let Some(index) = self.present.get(n) else { break };
                self.serve(*index, now_ns, outgoing);
            }
            self.protect(outgoing);
            while let Some(index) = self.leaving.pop() {
                self.remove(index);
            }
        }
    }

    /// Ends a tick.
    pub(super) fn close(&mut self) {
        self.stats.ticks += 1;
        self.stats.members = self.present.len() as u64;
        self.stats.shared_payloads = self.once.copies;
        self.stats.speakers = self.speakers.count() as u64;
        self.publisher.publish(&self.stats);
    }

    /// Plays every member into its row.
    fn pull(&mut self, now_ns: u64) {
        let selective = self.speakers.is_selective();
        // Only taps and voices that programs make ask how loud each member is.
        let listened = self.taps.any() || self.synthetic > 0;
        for index in &self.present {
            let Some(Some(member)) = self.members.get_mut(*index as usize) else { continue };
            let (id, to) = (member.id, member.packets_to.take());
            let (rate, place) = (member.rate(), member.place);
            let Ok(row) = self.rates.mixer(rate).input(place) else { continue };
            match &mut member.attached {
                // A leg's rate is its mixer's, so the row is as long as a leg wants it.
                Attached::Leg(media) => {
                    // Who is not among the speakers is not decoded before it may become one; who is
                    // heard may leave out digital silence.
                    let voice = self.voices.get(*index as usize);
                    let heard = !selective || voice.is_some_and(Voice::is_selected);
                    media.skip_softer_than(Some(if heard { SILENCE_DBOV } else { SOFT_DBOV }));
                    let taps = &mut self.taps;
                    let pulled = media.pull_showing(
                        now_ns,
                        Due::Last,
                        row,
                        to.is_some(),
                        |meta, payload| {
                            taps.take_packet(id, to, meta, payload);
                        },
                    );
                    if let Ok(pulled) = &pulled {
                        self.rates.mixer(rate).tell_energy(place, pulled.energy);
                    }
                    let pulled = pulled.unwrap_or_default();
                    member.sound = Sound {
                        ssrc: media.remote_ssrc(),
                        concealed: pulled.operation == Operation::Conceal,
                        gap: pulled.operation == Operation::Silence,
                        synthetic: false,
                        level_dbov: listened.then(|| media.pulled_level_dbov()),
                    };
                }
                Attached::Link(end) => {
                    member.sound = Sound { gap: !end.pull(row), ..Sound::default() };
                }
                Attached::Talk(end) => {
                    end.pull(row);
                    member.sound = Sound { synthetic: true, ..Sound::default() };
                }
            }
        }
    }

    /// Lets taps take what they may of what has been pulled.
    fn tap(&mut self, now_ns: u64) {
        let Self { taps, ways, members, present, rates, .. } = self;
        taps.serve(&mut Tapped { desk: &ways.shared.desk, members, present, rates, now_ns });
    }

    /// Says which taps may have packets of what is pulled next.
    fn tap_packets(&mut self, now_ns: u64) {
        let Self { taps, ways, members, present, rates, .. } = self;
        let desk = &ways.shared.desk;
        taps.serve_packets(&mut Tapped { desk, members, present, rates, now_ns });
    }

    /// Tells voices that programs make who else speaks.
    fn listen_for_overlaps(&mut self) {
        let Self { members, present, rates, speaking, .. } = self;
        speaking.clear();
        for index in present.iter() {
            let Some(Some(member)) = members.get_mut(*index as usize) else { continue };
            if matches!(member.attached, Attached::Talk(_)) {
                continue;
            }
            let said = rates.said(member.rate(), member.place);
            let level_dbov = match said.muted {
                true => SILENCE_DBOV,
                false => member.sound.level_dbov(said.pcm),
            };
            if member.ears.hear(level_dbov) && speaking.len() < MOST_SPEAKING {
                push_in(speaking, member.id);
            }
        }
        for index in present.iter() {
            if let Some(Some(member)) = members.get_mut(*index as usize)
                && let Attached::Talk(end) = &mut member.attached
            {
                end.hear(speaking);
            }
        }
    }

    /// How a member stands to a purpose at a time; `None` for who is not there.
    pub fn consent(&mut self, id: MemberId, purpose: Purpose, now_ns: u64) -> Option<Consent> {
        let withdrawals = self.ways.shared.desk.withdrawals.of(id.index, purpose);
        let (_, member) = self.member(id)?;
        Some(member.consents.at(purpose, withdrawals, now_ns))
    }

    /// Lists who is heard by everybody. Lines have no source and are not named.
    fn name_contributors(&mut self) {
        self.contributions.clear();
        for index in &self.present {
            let Some(Some(member)) = self.members.get(*index as usize) else { continue };
            let level_dbov = self.rates.mixer(member.rate()).contribution_dbov(member.place);
            if let (Some(level_dbov), Attached::Leg(media)) = (level_dbov, &member.attached)
                && let Some(ssrc) = media.remote_ssrc()
            {
                self.contributions.add(*index, ssrc, level_dbov);
            }
        }
    }

    fn choose_speakers(&mut self) {
        let Self { speakers, voices, present, members, rates, .. } = self;
        speakers.advance();
        for index in present.iter() {
            let index = *index as usize;
            let (Some(Some(member)), Some(voice)) = (members.get(index), voices.get_mut(index))
            else {
                continue;
            };
            let loudness = rates.mixer(member.rate()).input_mean_square(member.place);
            speakers.hear(voice, loudness.unwrap_or(0.0));
        }
        let before = speakers.dominant();
        speakers.choose(present, voices, |index, selected| {
            if let Some(Some(member)) = members.get(index as usize) {
                let _ = rates.mixer(member.rate()).set_selected(member.place, selected);
            }
        });
        let dominant = speakers.dominant().filter(|dominant| before != Some(*dominant));
        let member = dominant.and_then(|index| members.get(index as usize)?.as_ref());
        self.ways.report(member.map(|member| ConferenceEvent::DominantSpeaker(member.id)));
    }

    /// Gives a member what it hears, and takes the datagrams that it has to send; once a tick.
    fn serve(&mut self, index: u32, now_ns: u64, outgoing: &mut Outgoing) {
        let Some(member) = self.members.get_mut(index as usize).and_then(Option::as_mut) else {
            return;
        };
        // Nobody has been served before its first turn.
        if core::mem::replace(&mut member.served, self.serving) == self.serving {
            return;
        }
        let frames = self.pace.part.frames();
        let mixer = self.rates.mixer(member.rate());
        let frame = mixer.frame_samples();
        let common = mixer.hears_common(member.place).unwrap_or(false);
        member.common_ticks =
            if common { member.common_ticks.saturating_add(frames as u8) } else { 0 };
        let pcm = if common {
            mixer.common()
        } else {
            let Some(pcm) = self.pcm.get_mut(..frame) else { return };
            let _ = mixer.output(member.place, pcm);
            &*pcm
        };
        let media = match &mut member.attached {
            Attached::Leg(media) => media,
            Attached::Link(end) => {
                if member.listening {
                    end.push(pcm);
                }
                self.pace.serves(true);
                return;
            }
            Attached::Talk(_) => {
                self.pace.serves(true);
                return;
            }
        };
        let waits_for_pair = self.pace.is_late_for_pair() && media.begins_in_pairs();
        if member.listening && !waits_for_pair {
            let _ = media.push(pcm);
        } else {
            for _ in 0..frames {
                media.rest();
            }
        }
        if media.tells_contributors() {
            media.set_contributors(&self.contributions.without(index));
        }
        self.once.serve(
            index,
            usize::from(member.common_ticks) * frame >= media.packet_samples() * frames,
        );
        while let Some(room) = outgoing.room() {
            let Some(datagram) = media.poll_plain(now_ns, &mut self.once, room) else { break };
            outgoing.push(member.id, member.tag, &datagram);
            self.stats.datagrams += 1;
        }
        self.pace.serves(!media.is_in_pairs());
        self.stats.deferred += u64::from(!outgoing.has_room());
    }

    /// Protects all datagrams of the tick together.
    fn protect(&mut self, outgoing: &mut Outgoing) {
        let mut refused = 0;
        outgoing.protect(&mut Protectors(&mut self.members), |protectors, index, bytes| {
            refused += 1;
            if let Some(media) = protectors.media(index as usize) {
                media.refused(bytes);
            }
        });
        self.stats.datagrams -= refused;
    }

    /// How loud a member was in the last tick, in -dBov (RFC 6464); `None` for who is not there.
    pub fn level_dbov(&mut self, id: MemberId) -> Option<u8> {
        let member = self.members.get(id.index as usize)?.as_ref()?;
        let (rate, place) = (member.rate(), member.place);
        (member.id == id).then(|| self.rates.mixer(rate).level_dbov(place).ok())?
    }

    /// The half of a member's leg that the conference has, between two ticks: for checkpoints of it. `None` for who
    /// is not there, or is no leg.
    pub fn leg(&mut self, id: MemberId) -> Option<&mut LegMedia> {
        let member = self.members.get_mut(id.index as usize)?.as_mut()?;
        match &mut member.attached {
            Attached::Leg(media) if member.id == id => Some(media),
            _ => None,
        }
    }

    /// Counters.
    pub fn stats(&self) -> ConferenceStats {
        self.ways.shared.with_refused(self.stats)
    }

    /// Whether nobody is there.
    pub(super) fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    /// Whether there are members, and nobody and nothing but legs that all hear: what 20 ms are for as 10 ms are,
    /// twice.
    pub(super) fn is_calm(&self) -> bool {
        !self.is_empty()
            && self.leaving.is_empty()
            && !self.ways.has_command()
            && !self.taps.any()
            && !self.speakers.is_selective()
            && self.told == 0
            && self.synthetic == 0
    }

    pub(super) fn apply_commands(&mut self) {
        for _ in 0..self.ways.commands_a_tick() {
            let Some(command) = self.ways.next_command() else { break };
            match command {
                Command::Join(id, attached, options) => self.join(id, attached, options),
                Command::Leave(id) => self.leave(id),
                Command::SetMuted(id, muted) => {
                    if let Some((rates, member)) = self.member(id) {
                        let _ = rates.mixer(member.rate()).set_muted(member.place, muted);
                    }
                }
                Command::SetGain(id, factor) => {
                    if let Some((rates, member)) = self.member(id) {
                        let _ = rates.mixer(member.rate()).set_gain(member.place, factor);
                    }
                }
                Command::SetListening(id, listening) => {
                    if let Some((rates, member)) = self.member(id) {
                        member.listening = listening;
                        let _ = rates.mixer(member.rate()).set_listening(member.place, listening);
                    }
                }
                Command::SetPrivate(id, private) => {
                    if let Some((rates, member)) = self.member(id) {
                        let _ = rates.mixer(member.rate()).set_private(member.place, private);
                    }
                }
                Command::SetPairGain(listener, talker, factor, slot) => {
                    self.set_pair_gain(listener, talker, factor, slot);
                }
                Command::Tap(feed) => self.taps.add(feed),
                Command::Grant(id, terms, under) => {
                    if let Some((_, member)) = self.member(id) {
                        member.consents.grant(&terms, &under);
                    }
                }
            }
        }
        // After all commands, so that none of them lets somebody be heard on that goes.
        for index in &self.leaving {
            let Some(Some(member)) = self.members.get(*index as usize) else { continue };
            let mixer = self.rates.mixer(member.rate());
            let _ = mixer.set_muted(member.place, true);
            let _ = mixer.set_listening(member.place, false);
        }
    }

    fn member(&mut self, id: MemberId) -> Option<(&mut Rates, &mut Member)> {
        let member = self.members.get_mut(id.index as usize)?.as_mut()?;
        (member.id == id).then_some((&mut self.rates, member))
    }

    fn set_pair_gain(
        &mut self,
        listener: MemberId,
        talker: MemberId,
        factor: Option<f32>,
        slot: usize,
    ) {
        let existed = self.has_pair_gain(listener, talker);
        let place = |members: &mut Self, id| members.member(id).map(|(_, m)| (m.rate(), m.place));
        // Whoever has left meanwhile has nothing to be set.
        if let (Some((rate, to)), Some((_, from))) = (place(self, listener), place(self, talker)) {
            // The slot stands for its room, and the control half has checked the rest.
            let _ = self.rates.mixer(rate).set_pair_gain(to, from, factor);
        }
        let exists = self.has_pair_gain(listener, talker);
        let slots = &self.ways.shared.pair_slots;
        self.pairs.applied(slots, slot, (listener, talker), existed, exists);
    }

    fn has_pair_gain(&self, listener: MemberId, talker: MemberId) -> bool {
        has_pair_gain(&self.members, &self.rates, listener, talker)
    }

    /// Frees the slots of pair gains that have ended.
    fn sweep_pair_gains(&mut self) {
        let Self { pairs, ways, members, rates, .. } = self;
        pairs.sweep(&ways.shared.pair_slots, rates.pair_gains(), |listener, talker| {
            has_pair_gain(members, rates, listener, talker)
        });
    }

    fn join(&mut self, id: MemberId, attached: Attached, options: JoinOptions) {
        // The control half has checked the rate and given the place out, so neither can fail.
        let place = Rates::index_of(attached.sample_rate_hz())
            .and_then(|rate| Some((rate, self.rates.mixer(rate).add().ok()?)));
        let (Some((rate, place)), Some(slot)) = (place, self.members.get_mut(id.index as usize))
        else {
            self.ways.give_back(id, attached);
            return;
        };
        let mixer = self.rates.mixer(rate);
        let _ = mixer.set_private(place, options.private);
        let _ = mixer.start_at(place, options.gain, options.muted);
        let _ = mixer.set_selected(place, !self.speakers.is_selective());
        let _ = mixer.set_listening(place, options.listening);
        if let Some(voice) = self.voices.get_mut(id.index as usize) {
            *voice = Voice::default();
        }
        self.told += usize::from(attached.tells_contributors());
        if matches!(attached, Attached::Talk(_)) {
            self.synthetic += 1;
            self.ways.report(Some(ConferenceEvent::Synthetic(id)));
        }
        *slot = Some(Member {
            id,
            attached,
            // One of four.
            rate: rate as u8,
            place,
            tag: options.tag,
            listening: options.listening,
            leaving: false,
            position: self.present.len() as u32,
            common_ticks: 0,
            served: 0,
            consents: Consents::default(),
            sound: Sound::default(),
            packets_to: None,
            ears: Ears::default(),
        });
        push_in(&mut self.present, id.index);
        self.stats.joins += 1;
    }

    /// A member goes at the end of this tick, over which it falls silent to the others and they to it.
    fn leave(&mut self, id: MemberId) {
        let Some((_, member)) = self.member(id) else { return };
        if !core::mem::replace(&mut member.leaving, true) {
            push_in(&mut self.leaving, id.index);
        }
    }

    fn remove(&mut self, index: u32) {
        let Some(member) = self.members.get_mut(index as usize).and_then(Option::take) else {
            return;
        };
        let id = member.id;
        let _ = self.rates.mixer(member.rate()).remove(member.place);
        self.speakers.forget(id.index);
        swap_out(&mut self.present, member.position as usize);
        let moved = self.present.get(member.position as usize);
        let moved = moved.and_then(|index| self.members.get_mut(*index as usize));
        if let Some(Some(moved)) = moved {
            moved.position = member.position;
        }
        self.stats.leaves += 1;
        let mut attached = member.attached;
        self.told -= usize::from(attached.tells_contributors());
        self.synthetic -= usize::from(matches!(attached, Attached::Talk(_)));
        if let Attached::Leg(media) = &mut attached {
            media.skip_softer_than(None);
            media.set_contributors(&Contributors::default());
        }
        self.ways.give_back(id, attached);
    }
}

/// Whether a mixer has a gain of one member for another.
fn has_pair_gain(
    members: &[Option<Member>],
    rates: &Rates,
    listener: MemberId,
    talker: MemberId,
) -> bool {
    let member =
        |id: MemberId| members.get(id.index as usize)?.as_ref().filter(|member| member.id == id);
    let (Some(listener), Some(talker)) = (member(listener), member(talker)) else { return false };
    rates.has_pair_gain(listener.rate(), listener.place, talker.place)
}

impl fmt::Debug for Conference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conference").field("stats", &self.stats).finish_non_exhaustive()
    }
}
