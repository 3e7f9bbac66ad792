// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is asked over HTTP: calls that browsers begin and end by themselves, and who is in which conference.

use core::fmt::Write as _;

use ale_media::tap::Purpose;
use ale_media_sinks::named::SinkConfig;

use super::Control;
use super::conferences::Refused;
use crate::call::{Call, CallError, Entrance};
use crate::metrics;
use crate::ng::flags::{Consent, Flags};
use crate::ng::server::ServerStats;
use crate::random;
use crate::sdp::fragment::credentials;
use crate::web::{Precondition, Question, Reply, Way, tag, view};

/// Tag of who enters by WHIP or WHEP.
const TAG: &str = "whip";

impl Control {
    /// What becomes of a request.
    pub fn web(&mut self, question: &Question, ng: ServerStats, now_ns: u64) -> Reply {
        match question {
            Question::Enter { way, conference, name, offer } => {
                self.enter_from_web(*way, conference, name.as_deref(), offer, now_ns)
            }
            Question::Leave { conference, session } => {
                let Some(call_id) = self.session(conference, session) else {
                    return Reply::Unknown;
                };
                self.end(&call_id);
                Reply::Done
            }
            Question::Ice { conference, session, about, fragment } => {
                let Some(call_id) = self.session(conference, session) else {
                    return Reply::Unknown;
                };
                self.ice_from_web(&call_id, about, fragment)
            }
            Question::Standings { conference, session } => {
                let call_id = self.session(conference, session);
                let call = call_id.as_deref().and_then(|call_id| self.calls.get(call_id));
                match call {
                    Some(call) => Reply::Standings(self.standings(call, now_ns)),
                    None => Reply::Unknown,
                }
            }
            Question::Consent { conference, session, sink, agrees, notice } => {
                let Some(call_id) = self.session(conference, session) else {
                    return Reply::Unknown;
                };
                self.consent_from_web(&call_id, sink, *agrees, *notice)
            }
            Question::Tap { conference, sink, order } => {
                if self.taps.terms(sink).is_none() || !self.conferences.is_there(conference) {
                    return Reply::Unknown;
                }
                match self.tap_conference(conference, sink, *order, now_ns) {
                    Ok(_) => Reply::Done,
                    Err(reason) => Reply::Refused(reason),
                }
            }
            Question::Conferences => Reply::Conferences(self.view(now_ns)),
            Question::Call(call_id) => match self.calls.get(call_id) {
                Some(call) => Reply::Call(call.streams(call_id, now_ns)),
                None => Reply::Unknown,
            },
            Question::Mute { conference, member, muted } => self.mute(conference, *member, *muted),
            Question::Metrics => Reply::Metrics(metrics::text(self, ng, now_ns)),
            Question::Health => Reply::Is(self.is_alive()),
            Question::Readiness => Reply::Is(self.is_accepting()),
        }
    }

    fn enter_from_web(
        &mut self,
        way: Way,
        conference: &str,
        name: Option<&str>,
        offer: &[u8],
        now_ns: u64,
    ) -> Reply {
        // Who only listens begins none: there would be nothing to hear.
        if way == Way::Whep && !self.conferences.is_there(conference) {
            return Reply::NotLive;
        }
        let mut secret = [0; 16];
        if !random::fill(&mut secret) {
            return Reply::NoRoom(CallError::Random.to_string());
        }
        let session = secret.iter().fold(String::new(), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        let entrance = Entrance {
            conference,
            name: name.unwrap_or(TAG),
            listens_only: way == Way::Whep,
            offer,
            flags: &Flags::default(),
        };
        match self.admit(&call_id(&session), (TAG, None), &entrance, now_ns) {
            Ok(answer) => Reply::Entered { session, answer },
            Err(Refused::Room(want)) => Reply::NoRoom(want.words().to_owned()),
            Err(Refused::Call(error)) => match error {
                CallError::Sdp(_) => Reply::Malformed(error.to_string()),
                CallError::Conference(_) | CallError::Ports(_) | CallError::Random => {
                    Reply::NoRoom(error.to_string())
                }
                _ => Reply::NotAcceptable(error.to_string()),
            },
        }
    }

    /// Who is where, and how they are heard.
    fn view(&self, now_ns: u64) -> view::Conferences {
        let mut conferences = self.conferences.view();
        for call in self.calls.values() {
            let Some((conference, mut member)) = call.view(now_ns) else { continue };
            member.standings = self.standings(call, now_ns);
            let named = |view: &&mut view::Conference| view.name == conference;
            if let Some(view) = conferences.iter_mut().find(named) {
                view.members.push(member);
            }
        }
        for view in &mut conferences {
            view.members.sort_by_key(|member| member.id);
        }
        conferences.sort_by(|a, b| a.name.cmp(&b.name));
        let sink = |(config, purpose): (&SinkConfig, Purpose)| view::Sink {
            name: config.name.clone(),
            purpose: purpose.name(),
        };
        view::Conferences { conferences, sinks: self.taps.sinks().map(sink).collect() }
    }

    /// The call of a session.
    fn session(&self, conference: &str, session: &str) -> Option<String> {
        let call_id = call_id(session);
        let call = self.calls.get(&call_id).filter(|call| call.party(TAG) == Some(0))?;
        let is_there = call.member.as_ref().is_some_and(|m| m.conference == conference);
        is_there.then_some(call_id)
    }

    /// More of ICE (RFC 9725 section 4.3): candidates, of which the node learns by checks anyway, or a new beginning.
    fn ice_from_web(&mut self, call_id: &str, about: &Precondition, fragment: &[u8]) -> Reply {
        let Some(theirs) = credentials(fragment) else {
            return Reply::Malformed(String::from("no a=ice-ufrag and a=ice-pwd\n"));
        };
        let Some(call) = self.calls.get_mut(call_id) else { return Reply::Unknown };
        let Some((ours, known)) = call.ice() else { return Reply::Over };
        match about {
            Precondition::Tag(of) if *of != tag(&ours.fragment) => return Reply::Over,
            // Such as are sent twice.
            _ if theirs == *known => return Reply::Taken,
            Precondition::Tag(_) => {
                return Reply::Malformed(String::from("other credentials than of that session\n"));
            }
            Precondition::Any => {}
        }
        let Some(worker) = self.workers.get(call.worker) else { return Reply::Unknown };
        match call.restart_ice(theirs, &self.room, worker) {
            Ok(told) => {
                Reply::Restarted { tag: tag(&told.credentials.fragment), fragment: told.text() }
            }
            Err(error) => Reply::Refused(error.to_string()),
        }
    }

    /// How a member stands to each sink.
    fn standings(&self, call: &Call, now_ns: u64) -> Vec<view::Standing> {
        let Some(member) = &call.member else { return Vec::new() };
        let tapped = self.conferences.tapped(&member.conference);
        let standings = |tapped| self.taps.view(tapped, (member.id, &call.consents(0)), now_ns);
        tapped.map(standings).unwrap_or_default()
    }

    fn consent_from_web(
        &mut self,
        call_id: &str,
        sink: &str,
        agrees: bool,
        notice: Option<u32>,
    ) -> Reply {
        if self.taps.terms(sink).is_none() {
            return Reply::Unknown;
        }
        let list = vec![sink.to_owned()];
        let said = match agrees {
            true => Consent {
                sinks: list,
                notice: notice.map(|notice| notice.to_string()),
                ..Consent::default()
            },
            false => Consent { withdrawn: list, ..Consent::default() },
        };
        let done = self.declared(&said).and_then(|said| self.declare(call_id, 0, &said));
        done.map_or_else(Reply::Refused, |()| Reply::Done)
    }

    /// The others hear a member, or not: as by NG's `silence media`.
    fn mute(&mut self, conference: &str, member: u64, muted: bool) -> Reply {
        let is_its = |call: &&mut Call| {
            call.member.as_ref().is_some_and(|m| m.conference == conference)
                && call.lines.iter().any(|line| line.is_path(member))
        };
        let Some(call) = self.calls.values_mut().find(is_its) else { return Reply::Unknown };
        let Some(worker) = self.workers.get(call.worker) else { return Reply::Unknown };
        call.pass(None, |passing| passing.silenced = muted, worker);
        match self.conferences.follow(call) {
            Ok(()) => Reply::Done,
            Err(reason) => Reply::NoRoom(reason),
        }
    }
}

/// Sessions are calls of names that nobody guesses.
fn call_id(session: &str) -> String {
    format!("whip-{session}")
}
