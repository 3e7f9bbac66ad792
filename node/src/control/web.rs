// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is asked over HTTP: calls that browsers begin and end by themselves, and who is in which conference.

use core::fmt::Write as _;

use super::Control;
use super::conferences::Refused;
use crate::call::{CallError, Entrance};
use crate::metrics;
use crate::ng::command::Flags;
use crate::ng::server::ServerStats;
use crate::random;
use crate::web::{Question, Reply, Way, view};

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
                let call_id = call_id(session);
                let is_its = |call: &crate::call::Call| {
                    call.party(TAG) == Some(0)
                        && call.member.as_ref().is_some_and(|m| m.conference == *conference)
                };
                if !self.calls.get(&call_id).is_some_and(is_its) {
                    return Reply::Unknown;
                }
                self.end(&call_id);
                Reply::Done
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
            let Some((conference, member)) = call.view(now_ns) else { continue };
            let named = |view: &&mut view::Conference| view.name == conference;
            if let Some(view) = conferences.iter_mut().find(named) {
                view.members.push(member);
            }
        }
        for view in &mut conferences {
            view.members.sort_by_key(|member| member.id);
        }
        conferences.sort_by(|a, b| a.name.cmp(&b.name));
        view::Conferences { conferences }
    }

    /// The others hear a member, or not: as by NG's `silence media`.
    fn mute(&mut self, conference: &str, member: u64, muted: bool) -> Reply {
        let is_its = |call: &&mut crate::call::Call| {
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
