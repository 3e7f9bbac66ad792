// SPDX-License-Identifier: MIT OR Apache-2.0
//! Subscriptions: somebody who is in no call hears what parties of one say, as a recording server does (RFC 7866). A
//! subscription is a tap that leads to where its answer says, under the consent that its sink stands for: it takes
//! what that tap would take, is written down as that, and is silent while nobody has agreed.

use std::collections::HashMap;

use super::consent::{Ordered, write_ordered};
use super::{Control, name};
use crate::call::{Call, Lead, Room, Subscriber};
use crate::failover::SubscriptionRecord;
use crate::ng::bencode::DictionaryWriter;
use crate::ng::command::{Leads, Request, TapOrder};
use crate::random;

/// All there are, by their calls.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_call: HashMap<String, Vec<Subscription>>,
}

/// One, of a call.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) tag: String,
    /// Of a kind that leads to who has subscribed.
    pub(super) sink: String,
    pub(super) subscriber: Subscriber,
}

impl Subscriptions {
    /// Those of a call.
    pub(super) fn of(&self, call_id: &str) -> &[Subscription] {
        self.by_call.get(call_id).map(Vec::as_slice).unwrap_or_default()
    }

    fn find(&mut self, call_id: &str, tag: &str) -> Option<&mut Subscription> {
        self.by_call.get_mut(call_id)?.iter_mut().find(|one| one.tag == tag)
    }

    fn take(&mut self, call_id: &str, tag: &str) -> Option<Subscription> {
        let of = self.by_call.get_mut(call_id)?;
        let at = of.iter().position(|one| one.tag == tag)?;
        let taken = of.swap_remove(at);
        if of.is_empty() {
            self.by_call.remove(call_id);
        }
        Some(taken)
    }

    fn add(&mut self, call_id: &str, one: Subscription) {
        self.by_call.entry(call_id.to_owned()).or_default().push(one);
    }

    /// What is kept of those of a call for another process.
    pub(super) fn record(&self, call_id: &str, room: &Room) -> Vec<SubscriptionRecord> {
        let record = |one: &Subscription| {
            Some(SubscriptionRecord {
                tag: one.tag.clone(),
                sink: one.sink.clone(),
                transport: one.subscriber.transport(),
                voices: one.subscriber.record(room)?,
            })
        };
        self.of(call_id).iter().filter_map(record).collect()
    }

    /// Where a party's voice goes that is tapped for a sink.
    pub(super) fn lead(&self, call_id: &str, party: usize, sink: &str) -> Option<Lead> {
        let to =
            self.of(call_id).iter().find(|one| one.sink == sink && one.subscriber.hears(party));
        to?.subscriber.lead(party)
    }

    /// A call is over.
    pub(super) fn forget(&mut self, call_id: &str) {
        self.by_call.remove(call_id);
    }

    pub(super) fn count(&self) -> usize {
        self.by_call.values().map(Vec::len).sum()
    }
}

impl Control {
    /// Subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.taps.subscriptions.count()
    }

    /// `subscribe request`: an offer of what parties say, for somebody who is known by `to-tag` from now on.
    pub(super) fn subscribe(
        &mut self,
        request: &Request<'_>,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let call_id = name(request.call_id, "No call-id in message")?;
        let sink = self.taps.sink(request.flags.sink.as_deref(), Leads::Subscriber)?;
        let call = self.calls.get(call_id).ok_or("Unknown call-id")?;
        let parties = meant(call, request)?;
        let tag = match request.to_tag {
            Some(tag) => name(Some(tag), "No to-tag in message")?.to_owned(),
            None => fresh_tag().ok_or("The system has no random numbers")?,
        };
        if call.party(&tag).is_some() {
            return Err(String::from("The to-tag is a party's"));
        }
        // Who receives is who was agreed to: a second receiver is a sink of its own.
        let others = self.taps.subscriptions.of(call_id).iter().filter(|one| one.tag != tag);
        let is_taken =
            |party| others.clone().any(|one| one.sink == sink && one.subscriber.hears(party));
        if parties.iter().copied().any(is_taken) {
            return Err(String::from("The sink of this has a subscription already"));
        }
        let offered = Subscriber::offer(call, &parties, &request.flags, &self.room);
        let (subscriber, sdp) = offered.map_err(|error| error.to_string())?;
        let tags: Vec<_> = parties.iter().filter_map(|of| call.tags.get(*of)?.as_deref()).collect();
        answer.string("sdp", sdp).string("to-tag", &tag).string("sink", &sink);
        if let [only] = tags[..] {
            answer.string("from-tag", only);
        }
        answer.list("from-tags", |list| {
            tags.iter().for_each(|tag| {
                list.string(tag);
            });
        });
        answer.list("tag-medias", |list| {
            for (label, tag) in tags.iter().enumerate() {
                list.dictionary(|about| {
                    about.string("tag", tag).list("medias", |medias| {
                        medias.dictionary(|media| {
                            media.number("index", 1).string("label", label.to_string());
                            media.string("mode", "sendrecv").string("type", "audio");
                        });
                    });
                });
            }
        });
        self.end_subscription(call_id, &tag);
        self.taps.subscriptions.add(call_id, Subscription { tag, sink, subscriber });
        self.keep_anew(call_id);
        answer.string("result", "ok");
        Ok(())
    }

    /// `subscribe answer`: it is sent what the parties say who have agreed, and who will.
    pub(super) fn subscribed(
        &mut self,
        request: &Request<'_>,
        now_ns: u64,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let call_id = name(request.call_id, "No call-id in message")?;
        let tag = name(request.to_tag, "No to-tag in message")?;
        let text = request.sdp.ok_or("No SDP body in message")?;
        let one = self.taps.subscriptions.find(call_id, tag).ok_or("Unknown to-tag")?;
        if !one.subscriber.taken().is_empty() {
            return Err(String::from("No offer to be answered"));
        }
        one.subscriber.answer(text, &self.room).map_err(|error| error.to_string())?;
        let (taken, sink) = (one.subscriber.taken(), one.sink.clone());
        let ordered = self.lead((call_id, tag), taken, &sink, now_ns)?;
        self.keep_anew(call_id);
        write_ordered(&sink, &ordered, answer);
        answer.string("result", "ok");
        Ok(())
    }

    /// Has voices go to who has subscribed; where one is refused the subscription ends.
    fn lead(
        &mut self,
        (call_id, tag): (&str, &str),
        taken: Vec<usize>,
        sink: &str,
        now_ns: u64,
    ) -> Result<Vec<Ordered>, String> {
        let mut ordered = Vec::new();
        for party in taken {
            let done = self.tap_called(call_id, Some(party), sink, (TapOrder::Start, now_ns));
            if let Err(reason) = done.and_then(|done| Ordered::all_done(done, &mut ordered)) {
                self.end_subscription(call_id, tag);
                return Err(reason);
            }
        }
        Ok(ordered)
    }

    /// Who has subscribed to a call that was taken over: it is sent what parties say once they have agreed again.
    pub(super) fn subscribe_again(
        &mut self,
        call_id: &str,
        record: &SubscriptionRecord,
        now_ns: u64,
    ) -> Result<(), String> {
        let SubscriptionRecord { tag, sink, transport, voices } = record;
        self.taps.sink(Some(sink), Leads::Subscriber)?;
        let subscriber = Subscriber::resume(voices, *transport, &self.room);
        let subscriber = subscriber.map_err(|error| error.to_string())?;
        let taken = subscriber.taken();
        let one = Subscription { tag: tag.clone(), sink: sink.clone(), subscriber };
        self.taps.subscriptions.add(call_id, one);
        self.lead((call_id, tag), taken, sink, now_ns).map(drop)
    }

    /// `unsubscribe`: it is sent nothing more.
    pub(super) fn unsubscribe(
        &mut self,
        request: &Request<'_>,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let call_id = name(request.call_id, "No call-id in message")?;
        let tag = name(request.to_tag, "No to-tag in message")?;
        if !self.end_subscription(call_id, tag) {
            return Err(String::from("Unknown to-tag"));
        }
        self.keep_anew(call_id);
        answer.string("result", "ok");
        Ok(())
    }

    /// Ends a subscription, if there is one of this tag; its ports come back when its sockets are closed.
    fn end_subscription(&mut self, call_id: &str, tag: &str) -> bool {
        let Some(one) = self.taps.subscriptions.take(call_id, tag) else { return false };
        for party in one.subscriber.taken() {
            // One that was refused is none.
            let _ = self.tap_called(call_id, Some(party), &one.sink, (TapOrder::Stop, 0));
        }
        true
    }
}

/// Whose voices are meant: of all with the flag, or of tags that must be known.
fn meant(call: &Call, request: &Request<'_>) -> Result<Vec<usize>, String> {
    let mut parties = Vec::new();
    if request.flags.all {
        parties = call.parties();
    } else {
        let tags = match request.from_tags[..] {
            [] => request.from_tag.as_slice(),
            _ => &request.from_tags[..],
        };
        for tag in tags {
            let of = call.party(tag).ok_or("Unknown from-tag")?;
            if !parties.contains(&of) {
                parties.push(of);
            }
        }
    }
    // Of a member's call either tag is the member.
    if call.member.is_some() {
        parties.truncate(1);
        parties.fill(0);
    }
    if parties.is_empty() { Err(String::from("No from-tag in message")) } else { Ok(parties) }
}

/// A tag that nobody else has (RFC 3261 section 19.3).
fn fresh_tag() -> Option<String> {
    let mut bytes = [0; 16];
    random::fill(&mut bytes).then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
