// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conferences, by name: who is let in, who leaves, and what is known of them. Each lives whole on one worker, and
//! the calls of its members with it; it begins with its first member and ends with its last.

mod seats;

use std::collections::HashMap;

use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, ConferenceError, ConferenceEvent, MemberId,
    Outgoing,
};

use super::play::Announcement;
use super::taps::{Tapped, Taps, Voice};
use super::{Control, Party, Totals, Want};
use crate::call::{self, Call, CallError, Entrance};
use crate::config;
use crate::ng::bencode::DictionaryWriter;
use crate::ng::command::{Command, Request, TapOrder};
use crate::video::key_frame::Codec;
use crate::web::view;
use crate::worker::{Mix, Worker};

/// Places beyond those that may be taken: who has left holds its own until the next tick.
const SPARE_PLACES: usize = 8;
/// Members that may be played something to at a time, each by a member that nobody else hears.
const PLAYED_TO: usize = 16;

/// Why a call was not let in.
#[derive(Debug)]
pub(super) enum Refused {
    /// There is no room on this node: another may have some.
    Room(Want),
    /// All else.
    Call(CallError),
}

/// All there are.
#[derive(Debug)]
pub(super) struct Conferences {
    by_name: HashMap<String, Meeting>,
    limits: config::Conference,
    /// Sinks that may tap each member.
    sinks: usize,
    next: u64,
}

/// One of them.
#[derive(Debug)]
struct Meeting {
    tapped: Tapped,
    /// What its members' video is spoken in: what the first chose.
    codec: Option<Codec>,
    members: usize,
    /// Sinks that everybody's voice is for, also of those who come later; and whether they pause.
    wanted: Vec<(String, TapOrder)>,
    /// Who is yet to be told to leave, since too many commands waited.
    leaving: Vec<MemberId>,
    /// What is played, to one member each, or to all.
    announcements: Vec<(Option<MemberId>, Announcement)>,
}

impl Meeting {
    /// Ends what is played to a member, or to all.
    fn end_announcement(&mut self, to: Option<MemberId>) {
        let is_its = |(listener, _): &mut (Option<MemberId>, Announcement)| *listener == to;
        for (_, announcement) in self.announcements.extract_if(.., is_its) {
            self.leaving.push(announcement.end());
        }
        self.tidy();
    }

    /// Frees what the tick has given back.
    fn tidy(&mut self) {
        self.leaving.retain(|id| self.tapped.control.leave(*id) == Err(ConferenceError::Busy));
        while self.tapped.control.reclaim().is_some() {}
    }
}

impl Conferences {
    pub(super) fn new(limits: config::Conference, sinks: usize) -> Self {
        Self { by_name: HashMap::new(), limits, sinks, next: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn members(&self) -> usize {
        self.by_name.values().map(|meeting| meeting.members).sum()
    }

    /// Announces what `begin` makes to all or to one, in place of what is announced there already.
    pub(super) fn announce(
        &mut self,
        conference: &str,
        to: Option<MemberId>,
        begin: impl FnOnce(&ConferenceControl) -> Result<Announcement, String>,
    ) -> Result<(), String> {
        let meeting = self.by_name.get_mut(conference).ok_or("Unknown conference")?;
        let begun = begin(&meeting.tapped.control)?;
        meeting.end_announcement(to);
        meeting.announcements.push((to, begun));
        Ok(())
    }

    pub(super) fn stop_announcing(
        &mut self,
        conference: &str,
        to: Option<MemberId>,
    ) -> Result<(), String> {
        let meeting = self.by_name.get_mut(conference).ok_or("Unknown conference")?;
        meeting.end_announcement(to);
        Ok(())
    }

    /// Announces on, and ends what has been heard.
    pub(super) fn go_on(&mut self) {
        for meeting in self.by_name.values_mut() {
            let is_over = |(_, one): &mut (Option<MemberId>, Announcement)| !one.go_on();
            let over = meeting.announcements.extract_if(.., is_over);
            meeting.leaving.extend(over.map(|(_, announcement)| announcement.end()));
        }
    }

    /// Has workers show who leads the conversation.
    pub(super) fn follow_speakers(&self, workers: &[Worker]) {
        for meeting in self.by_name.values() {
            while let Some(event) = meeting.tapped.control.next_event() {
                let ConferenceEvent::DominantSpeaker(id) = event else { continue };
                // One that has left leads nothing.
                if let (Ok(path), Some(worker)) =
                    (meeting.tapped.control.tag(id), workers.get(meeting.tapped.worker))
                {
                    worker.speak(meeting.tapped.id, path);
                }
            }
        }
    }

    /// Members of a conference beside so many.
    pub(super) fn others(&self, name: &str, beside: usize) -> usize {
        self.by_name.get(name).map_or(0, |meeting| meeting.members.saturating_sub(beside))
    }

    /// Where a conference is that has room for another member.
    pub(super) fn place(&mut self, name: &str) -> Result<(usize, ConferenceControl), CallError> {
        let meeting = self.by_name.get_mut(name).ok_or(CallError::NoOffer)?;
        meeting.tidy();
        if meeting.members >= usize::from(self.limits.max_members) {
            return Err(CallError::Conference(ConferenceError::Full));
        }
        Ok((meeting.tapped.worker, meeting.tapped.control.clone()))
    }

    /// Another member has joined by its control.
    pub(super) fn count_in(&mut self, name: &str) {
        if let Some(meeting) = self.by_name.get_mut(name) {
            meeting.members += 1;
        }
    }

    pub(super) fn is_there(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Ticks of those there are that did not come.
    pub(super) fn missed_ticks(&self) -> u64 {
        self.by_name.values().map(|meeting| meeting.tapped.control.stats().missed_ticks).sum()
    }

    /// Those there are, yet without their members.
    pub(super) fn view(&self) -> Vec<view::Conference> {
        let view = |(name, meeting): (&String, &Meeting)| view::Conference {
            name: name.clone(),
            missed_ticks: meeting.tapped.control.stats().missed_ticks,
            wanted: meeting.wanted.iter().map(|(sink, _)| sink.clone()).collect(),
            members: Vec::new(),
        };
        self.by_name.iter().map(view).collect()
    }

    pub(super) fn tidy(&mut self) {
        self.by_name.values_mut().for_each(Meeting::tidy);
    }

    /// A conference without members, not yet on its worker.
    fn make(&mut self, name: &str, worker: usize) -> Result<(Meeting, Mix), CallError> {
        let members = usize::from(self.limits.max_members) + SPARE_PLACES;
        let config = ConferenceConfig {
            max_members: members + PLAYED_TO,
            max_pair_gains: PLAYED_TO,
            max_speakers: usize::from(self.limits.max_speakers),
            max_taps: (members * self.sinks).max(1),
            ..ConferenceConfig::default()
        };
        let (tapped, mix) = self.open(name, worker, &config)?;
        let (wanted, leaving) = (Vec::new(), Vec::new());
        let announcements = Vec::new();
        Ok((Meeting { tapped, codec: None, members: 0, wanted, leaving, announcements }, mix))
    }

    /// A conference of the engine's, not yet on its worker.
    pub(super) fn open(
        &mut self,
        place: &str,
        worker: usize,
        config: &ConferenceConfig,
    ) -> Result<(Tapped, Mix), CallError> {
        let (conference, control) = Conference::new(config).map_err(CallError::Conference)?;
        // A packet each in most ticks; a report that finds no room waits for the next.
        let outgoing = Outgoing::new(config.max_members);
        let id = self.next;
        self.next += 1;
        Ok((Tapped::new(id, worker, control, place), Mix { id, conference, outgoing }))
    }

    /// A call ends: if it is in a conference, it leaves.
    pub(super) fn leave(
        &mut self,
        call: &Call,
        worker: &Worker,
        taps: &mut Taps,
        totals: &mut Totals,
    ) {
        let Some(member) = &call.member else { return };
        let Some(meeting) = self.by_name.get_mut(&member.conference) else { return };
        meeting.members = meeting.members.saturating_sub(1);
        if meeting.members == 0 {
            totals.missed_ticks += meeting.tapped.control.stats().missed_ticks;
            if let Some(meeting) = self.by_name.remove(&member.conference) {
                taps.end(meeting.tapped, worker);
            }
        } else {
            meeting.leaving.push(member.id);
            meeting.tapped.forget(member.id);
            meeting.end_announcement(Some(member.id));
        }
    }

    /// Has a conference hear a call, and be heard by it, as it is to be now.
    pub(super) fn follow(&self, call: &Call) -> Result<(), String> {
        let Some(member) = &call.member else { return Ok(()) };
        let meeting = self.by_name.get(&member.conference).ok_or("Unknown conference")?;
        let muted = meeting.tapped.control.set_muted(member.id, call.is_muted());
        let listening = meeting.tapped.control.set_listening(member.id, member.hears());
        let preference = call.consents(0).preference();
        let asks = meeting.tapped.control.set_preference(member.id, preference);
        muted.and(listening).and(asks).map_err(|error| error.to_string())
    }

    /// The conference of a member, and its voice there.
    pub(super) fn voice<'c>(
        &mut self,
        call_id: &'c str,
        call: &'c Call,
    ) -> Option<(&mut Tapped, Voice<'c>)> {
        let member = call.member.as_ref()?;
        let meeting = self.by_name.get_mut(&member.conference)?;
        let voice = Voice {
            member: member.id,
            who: &member.name,
            call_id,
            tag: call.tags[0].as_deref().unwrap_or_default(),
            party: 0,
            consents: call.consents(0),
        };
        Some((&mut meeting.tapped, voice))
    }

    /// The conference of a name, with its taps.
    pub(super) fn tapped(&self, name: &str) -> Option<&Tapped> {
        self.by_name.get(name).map(|meeting| &meeting.tapped)
    }

    /// Everybody's voice is for a sink from now on, or no longer.
    pub(super) fn want(&mut self, name: &str, sink: &str, order: TapOrder) -> Result<(), String> {
        let meeting = self.by_name.get_mut(name).ok_or("Unknown conference")?;
        let is_wanted = meeting.wanted.iter().any(|(wanted, _)| wanted == sink);
        if !is_wanted && order != TapOrder::Start {
            return Ok(());
        }
        meeting.wanted.retain(|(wanted, _)| wanted != sink);
        if order != TapOrder::Stop {
            meeting.wanted.push((sink.to_owned(), order));
        }
        Ok(())
    }

    /// What everybody's voice is for in the conference of a name.
    pub(super) fn wanted(&self, name: &str) -> Vec<(String, TapOrder)> {
        self.by_name.get(name).map(|meeting| meeting.wanted.clone()).unwrap_or_default()
    }

    /// Takes what has become of taps.
    pub(super) fn hear(&mut self, taps: &mut Taps) {
        self.by_name.values_mut().for_each(|meeting| taps.hear(&mut meeting.tapped));
    }

    /// Taps by what they do.
    pub(super) fn taps(&self) -> impl Iterator<Item = [u64; 3]> {
        self.by_name.values().map(|meeting| Taps::count(&meeting.tapped))
    }

    /// Those there are, so many at most; nothing where there are none.
    pub(super) fn list(&self, limit: usize, answer: &mut DictionaryWriter<'_>) {
        if self.by_name.is_empty() {
            return;
        }
        answer.list("conferences", |list| {
            for (name, meeting) in self.by_name.iter().take(limit) {
                list.dictionary(|about| {
                    about.string("conference", name);
                    about.number("members", meeting.members as u64);
                });
            }
        });
    }
}

impl Control {
    /// Lets a call into a conference, or lets one that is there offer again.
    pub(super) fn join(
        &mut self,
        request: &Request<'_>,
        now_ns: u64,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let Party { call_id, from_tag, sdp } = Party::of(request)?;
        let publishes = request.command == Command::Publish;
        let conference = request.flags.conference.as_deref().or(publishes.then_some(call_id));
        let conference = super::name(conference, "No conference in message")?;
        if publishes && !call::is_sent_only(sdp, self.room.max_lines) {
            return Err(String::from("What is published is sendonly"));
        }
        if self.calls.contains_key(call_id) {
            let declared = self.declared(&request.flags.consent)?;
            let sdp = self.offer_again(call_id, from_tag, conference, sdp, request, now_ns)?;
            self.said(call_id, from_tag, (&declared, &request.flags), now_ns, answer);
            answer.string("sdp", sdp).string("result", "ok");
            return Ok(());
        }
        let declared = self.declared(&request.flags.consent)?;
        let entrance = Entrance {
            conference,
            name: super::name(request.flags.name.as_deref().or(Some(from_tag)), "No name")?,
            listens_only: false,
            offer: sdp,
            flags: &request.flags,
        };
        match self.admit(call_id, (from_tag, request.to_tag), &entrance, now_ns) {
            Ok(sdp) => {
                self.said(call_id, from_tag, (&declared, &request.flags), now_ns, answer);
                answer.string("sdp", sdp).string("result", "ok");
                Ok(())
            }
            Err(Refused::Room(want)) => self.refuse(request, want, answer),
            Err(Refused::Call(error)) => Err(error.to_string()),
        }
    }

    /// Lets a call into a conference, if there is room; the answer to its offer.
    pub(super) fn admit(
        &mut self,
        call_id: &str,
        tags: (&str, Option<&str>),
        entrance: &Entrance<'_>,
        now_ns: u64,
    ) -> Result<Vec<u8>, Refused> {
        let conference = entrance.conference;
        let limits = self.conferences.limits;
        let others = self.conferences.by_name.get_mut(conference).map(|meeting| {
            meeting.tidy();
            meeting.members
        });
        let result = match (self.want_of_room(), others) {
            (Some(want), _) => Err(Refused::Room(want)),
            (None, None) if self.conferences.count() >= limits.max_conferences as usize => {
                Err(Refused::Room(Want::Conference))
            }
            // No other node has it: not in the words for want of room.
            (None, Some(others)) if others >= usize::from(limits.max_members) => {
                Err(Refused::Call(CallError::Conference(ConferenceError::Full)))
            }
            (None, _) => self.enter(call_id, tags, entrance, now_ns).map_err(Refused::Call),
        };
        match &result {
            Err(Refused::Room(want)) => self.totals.refuse(*want),
            Err(Refused::Call(CallError::Ports(_))) => self.totals.refuse(Want::Ports),
            Err(Refused::Call(CallError::Conference(_))) => self.totals.refuse(Want::Conference),
            _ => {}
        }
        result
    }

    /// A call that begins in a conference. What is refused leaves neither.
    fn enter(
        &mut self,
        call_id: &str,
        (from_tag, to_tag): (&str, Option<&str>),
        entrance: &Entrance<'_>,
        now_ns: u64,
    ) -> Result<Vec<u8>, CallError> {
        let conference = entrance.conference;
        let begun = match self.conferences.by_name.get(conference) {
            Some(_) => None,
            None => Some(self.conferences.make(conference, self.next_worker)?),
        };
        let there = self.conferences.by_name.get(conference);
        let meeting = begun.as_ref().map(|(meeting, _)| meeting).or(there);
        let meeting = meeting.ok_or(CallError::Conference(ConferenceError::UnknownMember))?;
        let (worker, control) = (meeting.tapped.worker, meeting.tapped.control.clone());
        let video = self.conferences.video_of(meeting);
        let mut call = Call::new(from_tag, worker, now_ns);
        let (path, sdp) = call.enter(entrance, &video, &mut self.room, |media, options| {
            let joined = control.join(Box::new(media), options);
            joined.map_err(|(error, _)| CallError::Conference(error))
        })?;
        if let Some(to_tag) = to_tag.filter(|tag| tag.len() <= super::MAX_NAME_BYTES) {
            call.tags[1] = Some(to_tag.to_owned());
        }
        if let Some((meeting, mix)) = begun {
            self.next_worker = (self.next_worker + 1) % self.workers.len().max(1);
            self.conferences.by_name.insert(conference.to_owned(), meeting);
            if let Some(worker) = self.workers.get(worker) {
                worker.open_mix(mix);
            }
        }
        if let Some(worker) = self.workers.get(worker) {
            worker.open(path);
        }
        if let Some(meeting) = self.conferences.by_name.get_mut(conference) {
            meeting.members += 1;
        }
        self.conferences.settle_codec(conference, &call);
        self.totals.begun += 1;
        tracing::info!(call_id, conference, name = entrance.name, "entered");
        self.attend(call_id, &call);
        self.calls.insert(call_id.to_owned(), call);
        Ok(sdp)
    }

    fn offer_again(
        &mut self,
        call_id: &str,
        from_tag: &str,
        conference: &str,
        sdp: &[u8],
        request: &Request<'_>,
        now_ns: u64,
    ) -> Result<Vec<u8>, String> {
        let call = self.calls.get_mut(call_id).ok_or("Unknown call-id")?;
        let moves = call.member.as_ref().is_some_and(|member| member.conference != conference);
        if moves {
            let what = "A change between conferences within a call";
            return Err(CallError::NotDone(what).to_string());
        }
        if call.party(from_tag) != Some(0) {
            return Err(CallError::UnknownTag.to_string());
        }
        let worker = self.workers.get(call.worker).ok_or("No worker")?;
        let answer = call.offer_again(sdp, &request.flags, &self.room, worker);
        let answer = answer.map_err(|error| error.to_string())?;
        call.signalled_ns = now_ns;
        self.conferences.follow(call)?;
        Ok(answer)
    }

    /// What is known of a conference.
    pub(super) fn query_conference(
        &self,
        conference: &str,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let meeting = self.conferences.by_name.get(conference).ok_or("Unknown conference")?;
        let stats = meeting.tapped.control.stats();
        answer.string("conference", conference);
        answer.number("ticks", stats.ticks).number("missed ticks", stats.missed_ticks);
        answer.list("members", |members| {
            for (call_id, call) in &self.calls {
                let Some(member) = &call.member else { continue };
                if member.conference != conference {
                    continue;
                }
                members.dictionary(|about| {
                    about.string("call-id", call_id);
                    about.string("from-tag", call.tags[0].as_deref().unwrap_or_default());
                    about.string("name", &member.name);
                    about.string("codec", member.codec());
                    about.number("muted", call.is_muted().into());
                    about.number("listening", member.hears().into());
                });
            }
        });
        answer.string("result", "ok");
        Ok(())
    }

    /// What is known of the conference that a call is in.
    pub(super) fn report_member(&self, call: &Call, answer: &mut DictionaryWriter<'_>) {
        let Some(member) = &call.member else { return };
        let members = self.conferences.by_name.get(&member.conference);
        answer.dictionary("conference", |about| {
            about.string("name", &member.conference);
            about.number("members", members.map_or(0, |meeting| meeting.members as u64));
            about.string("codec", member.codec());
            about.number("muted", call.is_muted().into());
            about.number("listening", member.hears().into());
        });
    }
}
