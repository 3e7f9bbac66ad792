// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who agrees to what, and what is asked of taps: NG's `start recording` and its kin, and `consent`.

use ale_media::tap::{Basis, Grant, Purposes};

use super::between::Between;
use super::conferences::Conferences;
use super::taps::{Tapped, Taps, Voice, uuid};
use super::{Control, Means, addressed, name};
use crate::call::Call;
use crate::ng::bencode::DictionaryWriter;
use crate::ng::command::{Leads, Request, TapOrder};
use crate::ng::flags::{Consent, Flags};

/// What a party has said about taps, read whole before anything is done by it.
#[derive(Debug, Default)]
pub(super) struct Declared {
    grants: Vec<Grant>,
    withdrawn: Purposes,
}

/// What has become of an order about a voice.
pub(super) struct Ordered {
    call_id: String,
    tag: String,
    state: &'static str,
    refused: Option<String>,
}

impl Ordered {
    /// Adds these to others, if none was refused.
    pub(super) fn all_done(done: Vec<Self>, to: &mut Vec<Self>) -> Result<(), String> {
        match done.iter().find_map(|one| one.refused.clone()) {
            Some(reason) => Err(reason),
            None => {
                to.extend(done);
                Ok(())
            }
        }
    }
}

impl Control {
    /// Reads what a party says.
    pub(super) fn declared(&self, said: &Consent) -> Result<Declared, String> {
        let mut declared = Declared::default();
        for sink in &said.withdrawn {
            let purposes = match &sink[..] {
                "all" => Purposes::ALL,
                sink => self.taps.terms(sink).ok_or("No such sink")?.0.into(),
            };
            declared.withdrawn = declared.withdrawn | purposes;
        }
        let basis = match &said.basis {
            Some(word) => basis(word).ok_or("No such basis")?,
            None => Basis::Consent,
        };
        let number = |text: &Option<String>| text.as_ref().map(|text| text.parse()).transpose();
        let notice = number(&said.notice).map_err(|_| "No number of a notice")?.unwrap_or(0);
        let notice_version = u32::try_from(notice).map_err(|_| "No number of a notice")?;
        let until_s: Option<u64> = number(&said.until).map_err(|_| "No time of an end")?;
        let until_ns = until_s.map(|until_s| self.clock.at_unix_s(until_s));
        for sink in &said.sinks {
            let (purpose, sink) = self.taps.terms(sink).ok_or("No such sink")?;
            let purposes = purpose.into();
            declared.grants.push(Grant { purposes, basis, sink, notice_version, until_ns });
        }
        Ok(declared)
    }

    /// Does what a party has said.
    pub(super) fn declare(
        &mut self,
        call_id: &str,
        party: usize,
        declared: &Declared,
    ) -> Result<(), String> {
        let Self { calls, conferences, between, taps, .. } = self;
        let Some(call) = calls.get_mut(call_id) else { return Ok(()) };
        // First of all, and of both lists what is refused counts.
        if declared.withdrawn != Purposes::NONE {
            if let Some((tapped, voice)) = voice(conferences, between, (call_id, call), party) {
                taps.withdraw(tapped, &voice, declared.withdrawn);
            }
            if let Some(consents) = call.consents_mut(party) {
                consents.withdraw(declared.withdrawn);
            }
        }
        for grant in &declared.grants {
            if grant.purposes.iter().any(|purpose| declared.withdrawn.contains(purpose)) {
                continue;
            }
            if let Some((tapped, voice)) = voice(conferences, between, (call_id, call), party) {
                taps.grant(tapped, &voice, grant)?;
            }
            if let Some(consents) = call.consents_mut(party) {
                consents.grant(grant);
            }
        }
        Ok(())
    }

    /// A description has been taken: what the party of it has said about taps, and what becomes of them. The call
    /// goes on whatever is refused, and without it nothing is taken.
    pub(super) fn said(
        &mut self,
        call_id: &str,
        tag: &str,
        (declared, flags): (&Declared, &Flags),
        now_ns: u64,
        answer: &mut DictionaryWriter<'_>,
    ) {
        let party = self.calls.get(call_id).and_then(|call| call.party(tag));
        // First of all: who speaks from now on may be another, of whose words the taps before are none.
        let done = self.follow_taps(call_id);
        let said = party.map_or(Ok(()), |party| self.declare(call_id, party, declared));
        let recorded = if flags.record { self.record(call_id, flags, now_ns) } else { Ok(()) };
        if let Err(reason) = done.and(said).and(recorded) {
            tracing::warn!(call_id, %reason, "no tap");
            answer.string("warning", reason);
        }
    }

    /// Records a call, or a member.
    fn record(&mut self, call_id: &str, flags: &Flags, now_ns: u64) -> Result<(), String> {
        let sink = self.taps.sink(flags.sink.as_deref(), Leads::Files)?;
        let ordered = self.tap_called(call_id, None, &sink, (TapOrder::Start, now_ns))?;
        ordered.into_iter().find_map(|one| one.refused).map_or(Ok(()), Err)
    }

    /// Has the taps of a call between two follow what has become of it.
    pub(super) fn follow_taps(&mut self, call_id: &str) -> Result<(), String> {
        let Self { calls, conferences, between, taps, workers, .. } = self;
        let Some(call) = calls.get(call_id) else { return Ok(()) };
        between.follow(call_id, call, &mut Means { taps, conferences, workers })
    }

    /// Somebody who is about to be in a conference: taps of everybody's voice are of its own, too.
    pub(super) fn attend(&mut self, call_id: &str, call: &Call) {
        let Some(member) = &call.member else { return };
        // One who has just come and is not to be recorded: it was not granted anything yet either.
        let _ = self.conferences.follow(call);
        for (sink, order) in self.conferences.wanted(&member.conference) {
            let Some((tapped, voice)) = self.conferences.voice(call_id, call) else { return };
            let begun = self.taps.order(tapped, &sink, &voice, TapOrder::Start).and_then(|()| {
                let pauses = order == TapOrder::Pause;
                if pauses { self.taps.order(tapped, &sink, &voice, order) } else { Ok(()) }
            });
            if let Err(reason) = begun {
                tracing::warn!(call_id, sink, %reason, "no tap of who has come");
            }
        }
    }

    /// `consent`: a party agrees to something, or takes it back.
    pub(super) fn consent(
        &mut self,
        request: &Request<'_>,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let declared = self.declared(&request.flags.consent)?;
        self.declare_of(request, &declared)?;
        answer.string("result", "ok");
        Ok(())
    }

    /// Does what the party of `from-tag` has said: it must be named, since nobody agrees for another.
    fn declare_of(&mut self, request: &Request<'_>, declared: &Declared) -> Result<(), String> {
        let from_tag = name(request.from_tag, "No from-tag in message")?;
        let (call, party, _) = addressed(&mut self.calls, &self.workers, request)?;
        let party = party.filter(|party| call.tags.get(*party).is_some());
        let party = party.ok_or_else(|| format!("Unknown from-tag {from_tag}"))?;
        let call_id = request.call_id.unwrap_or_default().to_owned();
        self.declare(&call_id, party, declared)
    }

    /// `start recording` and its kin: of a party, of both, of a member, or of all of a conference.
    pub(super) fn tap(
        &mut self,
        request: &Request<'_>,
        leads: Leads,
        order: TapOrder,
        now_ns: u64,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let sink = self.taps.sink(request.flags.sink.as_deref(), leads)?;
        let said = &request.flags.consent;
        let declared = self.declared(said)?;
        if *said != Consent::default() {
            self.declare_of(request, &declared)?;
        }
        let ordered = match (request.call_id, request.flags.conference.as_deref()) {
            (None, Some(conference)) => self.tap_conference(conference, &sink, order, now_ns)?,
            _ => {
                let Self { calls, conferences, between, taps, workers, .. } = self;
                let (call, party, _) = addressed(calls, workers, request)?;
                let of = (request.call_id.unwrap_or_default(), &*call, party);
                let mut means = Means { taps, conferences, workers };
                tap_voice(of, &sink, (order, now_ns), between, &mut means)?
            }
        };
        if let Some(Ordered { refused: Some(reason), .. }) =
            ordered.first().filter(|_| ordered.iter().all(|one| one.refused.is_some()))
        {
            return Err(reason.clone());
        }
        write_ordered(&sink, &ordered, answer);
        answer.string("result", "ok");
        Ok(())
    }

    /// Has a party of the call of this name go to a sink, or both, or the member that it is of.
    pub(super) fn tap_called(
        &mut self,
        call_id: &str,
        party: Option<usize>,
        sink: &str,
        (order, now_ns): (TapOrder, u64),
    ) -> Result<Vec<Ordered>, String> {
        let Self { calls, conferences, between, taps, workers, .. } = self;
        let call = calls.get(call_id).ok_or("Unknown call-id")?;
        let mut means = Means { taps, conferences, workers };
        tap_voice((call_id, call, party), sink, (order, now_ns), between, &mut means)
    }

    /// Has everybody in a conference go to a sink, also who comes later.
    pub(super) fn tap_conference(
        &mut self,
        conference: &str,
        sink: &str,
        order: TapOrder,
        now_ns: u64,
    ) -> Result<Vec<Ordered>, String> {
        let Self { calls, conferences, taps, .. } = self;
        conferences.want(conference, sink, order)?;
        let is_its = |call: &Call| call.member.as_ref().is_some_and(|m| m.conference == conference);
        let mut all = Vec::new();
        for (call_id, call) in calls.iter().filter(|(_, call)| is_its(call)) {
            let Some((tapped, voice)) = conferences.voice(call_id, call) else { continue };
            all.push(ordered(taps, tapped, sink, &voice, order, now_ns)?);
        }
        Ok(all)
    }
}

/// Has a party of a call go to a sink, or both, or the member that it is of.
fn tap_voice(
    (call_id, call, party): (&str, &Call, Option<usize>),
    sink: &str,
    (order, now_ns): (TapOrder, u64),
    between: &mut Between,
    means: &mut Means<'_>,
) -> Result<Vec<Ordered>, String> {
    if call.member.is_some() {
        let seated = means.conferences.voice(call_id, call);
        let (tapped, voice) = seated.ok_or("Unknown conference")?;
        return Ok(vec![ordered(means.taps, tapped, sink, &voice, order, now_ns)?]);
    }
    between.order((call_id, call), party, sink, order, means)?;
    let (purpose, receiver) = means.taps.terms(sink).ok_or("No such sink")?;
    let of = (0..2).filter(|of| party.is_none_or(|party| party == *of));
    let ordered = of.filter_map(|of| {
        Some(Ordered {
            call_id: call_id.to_owned(),
            tag: call.tags.get(of)?.clone()?,
            state: call.consents(of).word(purpose, receiver, now_ns),
            refused: None,
        })
    });
    Ok(ordered.collect())
}

/// The conference in which a party is tapped, and its voice there.
fn voice<'a, 'c>(
    conferences: &'a mut Conferences,
    between: &'a mut Between,
    (call_id, call): (&'c str, &'c Call),
    party: usize,
) -> Option<(&'a mut Tapped, Voice<'c>)> {
    if call.member.is_some() {
        conferences.voice(call_id, call)
    } else {
        between.voice(call_id, call, party)
    }
}

/// Does what is asked of a voice.
fn ordered(
    taps: &mut Taps,
    tapped: &mut Tapped,
    sink: &str,
    voice: &Voice<'_>,
    order: TapOrder,
    now_ns: u64,
) -> Result<Ordered, String> {
    let refused = taps.order(tapped, sink, voice, order).err();
    let (purpose, receiver) = taps.terms(sink).ok_or("No such sink")?;
    Ok(Ordered {
        call_id: voice.call_id.to_owned(),
        tag: voice.tag.to_owned(),
        state: voice.consents.word(purpose, receiver, now_ns),
        refused,
    })
}

/// Tells what has become of orders about voices.
pub(super) fn write_ordered(sink: &str, ordered: &[Ordered], answer: &mut DictionaryWriter<'_>) {
    answer.string("sink", sink).list("taps", |taps| {
        for Ordered { call_id, tag, state, refused } in ordered {
            taps.dictionary(|tap| {
                tap.string("call-id", call_id).string("from-tag", tag);
                tap.string("uuid", hyphened(uuid(call_id, tag)));
                match refused {
                    None => tap.string("state", state),
                    Some(reason) => tap.string("error-reason", reason),
                };
            });
        }
    });
}

fn basis(word: &str) -> Option<Basis> {
    Some(match word {
        "consent" => Basis::Consent,
        "contract" => Basis::Contract,
        "legal-obligation" => Basis::LegalObligation,
        "vital-interests" => Basis::VitalInterests,
        "public-task" => Basis::PublicTask,
        "legitimate-interests" => Basis::LegitimateInterests,
        _ => return None,
    })
}

/// As programs write it (RFC 9562 section 4).
fn hyphened(uuid: [u8; 16]) -> String {
    let mut text = String::new();
    for (n, byte) in uuid.iter().enumerate() {
        if [4, 6, 8, 10].contains(&n) {
            text.push('-');
        }
        text += &format!("{byte:02x}");
    }
    text
}
