// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls between two that are tapped. A tap is a conference's: so each has one of its own, in which nobody hears
//! anybody, and to which the worker hands what comes from either, as packets where they are passed on undecoded.

use std::collections::HashMap;

use ale_media::conference::{ConferenceConfig, JoinOptions, MemberId};
use ale_media::leg::LegControl;

use super::conferences::Conferences;
use super::taps::{Tapped, Taps, Voice};
use crate::call::{Call, CallError, Heard, Overheard};
use crate::ng::command::TapOrder;
use crate::worker::Worker;

/// The tag of datagrams that go nowhere: no path has this number.
const NOWHERE: u64 = u64::MAX;

/// All there are, by their calls.
#[derive(Debug, Default)]
pub(super) struct Between {
    calls: HashMap<String, Pair>,
}

/// A call that is tapped, or is to be when it is answered.
#[derive(Debug, Default)]
struct Pair {
    wanted: Vec<Wanted>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Wanted {
    sink: String,
    party: usize,
    order: TapOrder,
}

#[derive(Debug)]
struct Open {
    tapped: Tapped,
    /// What the conference was made for.
    heard: Heard,
    members: [MemberId; 2],
    /// Of the legs that only hear.
    _legs: Vec<LegControl>,
}

/// What changes what taps do.
pub(super) struct Means<'m> {
    pub(super) taps: &'m mut Taps,
    pub(super) conferences: &'m mut Conferences,
    pub(super) workers: &'m [Worker],
}

impl Between {
    /// What parties say is for a sink from now on, or no longer: at once if the call has been answered.
    pub(super) fn order(
        &mut self,
        (call_id, call): (&str, &Call),
        party: Option<usize>,
        sink: &str,
        order: TapOrder,
        means: &mut Means<'_>,
    ) -> Result<(), String> {
        let pair = self.calls.entry(call_id.to_owned()).or_default();
        let mut known = order == TapOrder::Start;
        for of in (0..2).filter(|of| party.is_none_or(|party| party == *of)) {
            known |= pair.want(sink, of, order);
            if let Some((tapped, voice)) = pair.voice(call_id, call, of) {
                // Of two, one may have no tap that could end.
                let done = means.taps.order(tapped, sink, &voice, order);
                if order == TapOrder::Start {
                    done?;
                }
            }
        }
        if !known {
            return Err(String::from("No such tap"));
        }
        self.follow(call_id, call, means)
    }

    /// Has the taps of a call follow what has become of it: they begin with its answer, and anew when somebody else
    /// speaks, or otherwise.
    pub(super) fn follow(
        &mut self,
        call_id: &str,
        call: &Call,
        means: &mut Means<'_>,
    ) -> Result<(), String> {
        let Some(pair) = self.calls.get_mut(call_id) else { return Ok(()) };
        let heard = call.heard().filter(|_| !pair.wanted.is_empty());
        let worker = means.workers.get(call.worker).ok_or("No worker")?;
        if let Some(open) = pair.open.take_if(|open| Some(&open.heard) != heard.as_ref()) {
            call.overhear_no_more(worker);
            means.taps.end(open.tapped, worker);
        }
        if let (None, Some(heard)) = (&pair.open, heard) {
            pair.open = Some(open((call_id, call), heard, worker, means)?);
            for party in 0..2 {
                let begins: Vec<_> = pair.wanted_of(party).collect();
                let Some((tapped, voice)) = pair.voice(call_id, call, party) else { continue };
                for grant in voice.consents.grants() {
                    means.taps.grant(tapped, &voice, &grant)?;
                }
                for (sink, order) in begins {
                    means.taps.order(tapped, &sink, &voice, TapOrder::Start)?;
                    if order == TapOrder::Pause {
                        means.taps.order(tapped, &sink, &voice, order)?;
                    }
                }
            }
        }
        for party in 0..2 {
            let muted = call.is_silent(party);
            let Some((tapped, voice)) = pair.voice(call_id, call, party) else { continue };
            let preference = voice.consents.preference();
            let asks = tapped.control.set_preference(voice.member, preference);
            asks.and_then(|()| tapped.control.set_muted(voice.member, muted))
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The conference in which a party of a call is tapped, and its voice there.
    pub(super) fn voice<'c>(
        &mut self,
        call_id: &'c str,
        call: &'c Call,
        party: usize,
    ) -> Option<(&mut Tapped, Voice<'c>)> {
        self.calls.get_mut(call_id)?.voice(call_id, call, party)
    }

    /// A call is over.
    pub(super) fn leave(&mut self, call_id: &str, worker: &Worker, taps: &mut Taps) {
        if let Some(Pair { open: Some(open), .. }) = self.calls.remove(call_id) {
            taps.end(open.tapped, worker);
        }
    }

    /// Takes what has become of taps.
    pub(super) fn hear(&mut self, taps: &mut Taps) {
        let open = self.calls.values_mut().filter_map(|pair| pair.open.as_mut());
        open.for_each(|open| taps.hear(&mut open.tapped));
    }

    /// Taps by what they do.
    pub(super) fn taps(&self) -> impl Iterator<Item = [u64; 3]> {
        self.calls
            .values()
            .filter_map(|pair| pair.open.as_ref())
            .map(|one| Taps::count(&one.tapped))
    }
}

impl Pair {
    /// Notes what a party is to be tapped for; whether it was.
    fn want(&mut self, sink: &str, party: usize, order: TapOrder) -> bool {
        let is_it = |one: &Wanted| one.sink == sink && one.party == party;
        let known = self.wanted.iter().any(is_it);
        self.wanted.retain(|one| !is_it(one));
        if order == TapOrder::Start || (known && order == TapOrder::Pause) {
            self.wanted.push(Wanted { sink: sink.to_owned(), party, order });
        }
        known
    }

    fn wanted_of(&self, party: usize) -> impl Iterator<Item = (String, TapOrder)> {
        let of = self.wanted.iter().filter(move |wanted| wanted.party == party);
        of.map(|wanted| (wanted.sink.clone(), wanted.order))
    }

    fn voice<'c>(
        &mut self,
        call_id: &'c str,
        call: &'c Call,
        party: usize,
    ) -> Option<(&mut Tapped, Voice<'c>)> {
        let open = self.open.as_mut()?;
        let tag = call.tags.get(party)?.as_deref().unwrap_or_default();
        let member = *open.members.get(party)?;
        let consents = call.consents(party);
        Some((&mut open.tapped, Voice { member, who: tag, call_id, tag, party, consents }))
    }
}

/// A conference for a call's taps, on its worker.
fn open(
    (call_id, call): (&str, &Call),
    heard: Heard,
    worker: &Worker,
    means: &mut Means<'_>,
) -> Result<Open, String> {
    let told = |error: CallError| error.to_string();
    let [first, second] = [call.overhear(0), call.overhear(1)];
    let ends = [first.map_err(told)?, second.map_err(told)?];
    let sinks = means.taps.sinks().count();
    let config = ConferenceConfig {
        max_members: 2,
        // As many again: one that has ended holds its place until the next tick.
        max_taps: (4 * sinks).max(1),
        encode_groups: 0,
        ..ConferenceConfig::default()
    };
    let (tapped, mix) = means.conferences.open(call_id, call.worker, &config).map_err(told)?;
    let mut legs = Vec::new();
    let mut ears = Vec::new();
    let members = ends.map(|(ear, overheard)| {
        ears.push(ear);
        let options = JoinOptions { listening: false, ..JoinOptions::tagged(NOWHERE) };
        match overheard {
            Overheard::Leg(media, control) => {
                legs.push(control);
                tapped.control.join(media, options).map_err(|(error, _)| error)
            }
            Overheard::Link(end) => {
                tapped.control.join_link(end, options).map_err(|(error, _)| error)
            }
        }
    });
    let [first, second] = members.map(|member| member.map_err(|error| error.to_string()));
    let members = [first?, second?];
    worker.open_mix(mix);
    call.overheard_by(ears, worker);
    Ok(Open { tapped, heard, members, _legs: legs })
}
