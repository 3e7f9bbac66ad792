// SPDX-License-Identifier: MIT OR Apache-2.0
//! The node over HTTP: browsers that enter conferences by WHIP (RFC 9725) or listen by WHEP
//! (draft-ietf-wish-whep), what is known of conferences and who is muted there, the page that does both, metrics and
//! health. What can't be read off the request is asked of the control thread, so that health is its.

mod files;
mod route;
pub mod view;

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender, sync_channel};
use std::time::Duration;

pub use files::File;
use route::{FRAGMENT, SDP};
pub use route::{Precondition, Refused, TokenDigest, Wanted, Way, wanted};

use serde::Serialize;

use crate::config::{Http, Network};
use crate::http::{self, HttpError};
use crate::metrics;
use crate::ng::command::TapOrder;
use crate::stream::{self, Port, Stream};

/// How long the control thread may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a connection may say nothing before its request: anybody may open one.
const SILENCE: Duration = Duration::from_secs(5);
/// Pages of any origin may ask: who asks is known by the token, which no browser sends by itself.
const ANY_ORIGIN: (&str, &str) = ("Access-Control-Allow-Origin", "*");
const TEXT: &str = "text/plain";

/// What is asked of the control thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Somebody wants to be in a conference.
    Enter {
        /// How.
        way: Way,
        /// Its name.
        conference: String,
        /// What the others are told who it is.
        name: Option<String>,
        /// The offer.
        offer: Vec<u8>,
    },
    /// Somebody who has entered tells more of ICE, or begins it anew.
    Ice {
        /// The conference's name.
        conference: String,
        /// The session's.
        session: String,
        /// Which ICE session it is about.
        about: Precondition,
        /// What is told.
        fragment: Vec<u8>,
    },
    /// A session ends.
    Leave {
        /// The conference's name.
        conference: String,
        /// The session's.
        session: String,
    },
    /// What there is.
    Conferences,
    /// What is known of a call.
    Call(String),
    /// A member is muted, or no longer.
    Mute {
        /// The conference's name.
        conference: String,
        /// The member's number.
        member: u64,
        /// That the others don't hear it.
        muted: bool,
    },
    /// How who has entered stands to each sink.
    Standings {
        /// The conference's name.
        conference: String,
        /// The session's.
        session: String,
    },
    /// Who has entered agrees to a sink, or takes that back.
    Consent {
        /// The conference's name.
        conference: String,
        /// The session's.
        session: String,
        /// The sink's name.
        sink: String,
        /// Whether it agrees.
        agrees: bool,
        /// The number of the text that it was shown.
        notice: Option<u32>,
    },
    /// Everybody's voice goes to a sink, as far as they have agreed, or no longer.
    Tap {
        /// The conference's name.
        conference: String,
        /// The sink's.
        sink: String,
        /// What is to become of the taps.
        order: TapOrder,
    },
    /// OpenMetrics.
    Metrics,
    /// Whether all threads of the node run.
    Health,
    /// Whether calls may begin.
    Readiness,
}

/// What the control thread answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Somebody is in.
    Entered {
        /// The session's name.
        session: String,
        /// The answer to the offer.
        answer: Vec<u8>,
    },
    /// ICE begins anew: what the node tells.
    Restarted {
        /// The tag of the ICE session that begins.
        tag: String,
        /// The node's fragment.
        fragment: String,
    },
    /// It has been taken, and there is nothing to say.
    Taken,
    /// It is about an ICE session that is over.
    Over,
    /// It has been done.
    Done,
    /// There is no such session, or member.
    Unknown,
    /// There is nobody to be heard yet.
    NotLive,
    /// The offer is no description.
    Malformed(String),
    /// It can't be agreed on.
    NotAcceptable(String),
    /// There is no room.
    NoRoom(String),
    /// It can't be done just now.
    Refused(String),
    /// How who asks stands to each sink.
    Standings(Vec<view::Standing>),
    /// What there is.
    Conferences(view::Conferences),
    /// What is known of a call.
    Call(view::Call),
    /// OpenMetrics.
    Metrics(String),
    /// Yes, or no.
    Is(bool),
}

/// A question, and where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// The question.
    pub question: Question,
    /// Takes one reply.
    pub reply: SyncSender<Reply>,
}

/// How connections ask the control thread.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Questions.
    pub asked: Sender<Asked>,
    /// Wakes it.
    pub bell: Arc<OwnedFd>,
}

/// Takes requests at an address, on threads that end with the process; the address.
///
/// # Errors
/// What the system says.
pub fn serve(port: Port, config: &Http, ask: Ask) -> io::Result<SocketAddr> {
    let token = config.token.as_ref().map(|token| TokenDigest::of(&token.0));
    let everybody = ["0.0.0.0/0", "::/0"].into_iter().filter_map(|text| text.parse().ok());
    let everybody: Vec<Network> = everybody.collect();
    stream::serve(port, "http", everybody, SILENCE, move |mut stream| {
        let answer = match request(&mut stream, token)? {
            Ok((wanted, body)) => answer(wanted, body, &ask),
            Err(Refused { status, field }) => {
                let fields: Vec<_> = [ANY_ORIGIN].into_iter().chain(field).collect();
                http::answer_with(status, &fields, 0).into_bytes()
            }
        };
        stream.write(&answer)
    })
}

/// A request with its body.
fn request(
    stream: &mut Stream,
    token: Option<TokenDigest>,
) -> io::Result<Result<(Wanted, Vec<u8>), Refused>> {
    let head = stream.until(|read| match http::head(read) {
        Ok(None) => None,
        Ok(Some(head)) => Some(Ok((head.bytes, head.body_bytes(), wanted(&head, token)))),
        Err(error) => Some(Err(error)),
    })?;
    let refused = |error: HttpError| Ok(Err(Refused::new(error.status())));
    let (bytes, body, wanted) = match head {
        Ok((bytes, body, Ok(wanted))) => (bytes, body, wanted),
        // Who brings no token is not told what else is wrong.
        Ok((_, _, Err(refused))) => return Ok(Err(refused)),
        Err(error) => return refused(error),
    };
    let body = match body {
        Ok(body) => body,
        Err(error) => return refused(error),
    };
    stream.take(bytes);
    stream.until(|read| (read.len() >= body).then_some(()))?;
    Ok(Ok((wanted, stream.take(body))))
}

impl Ask {
    /// Asks the control thread.
    fn ask(&self, question: Question) -> Option<Reply> {
        let (reply, replied) = sync_channel(1);
        self.asked.send(Asked { question, reply }).ok()?;
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        replied.recv_timeout(ANSWER).ok()
    }
}

fn answer(wanted: Wanted, body: Vec<u8>, ask: &Ask) -> Vec<u8> {
    match wanted {
        Wanted::File(File { kind, text, .. }) => {
            let fields: Vec<_> =
                files::FIELDS.into_iter().chain([("Content-Type", *kind)]).collect();
            told("200 OK", &fields, text.as_bytes())
        }
        Wanted::Methods => methods(),
        Wanted::Enter { way, conference, name } => {
            let folder = format!("/{}/{conference}", way.folder());
            let question = Question::Enter { way, conference, name, offer: body };
            replied(ask.ask(question), Some(&folder))
        }
        Wanted::Ice { conference, session, about } => {
            replied(ask.ask(Question::Ice { conference, session, about, fragment: body }), None)
        }
        Wanted::Ask(question) => replied(ask.ask(question), None),
    }
}

fn told(status: &str, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    [http::answer_with(status, fields, body.len()).as_bytes(), body].concat()
}

fn json(view: &impl Serialize) -> Vec<u8> {
    match serde_json::to_vec(view) {
        Ok(text) => told("200 OK", &[ANY_ORIGIN, ("Content-Type", "application/json")], &text),
        Err(error) => {
            told("500 Internal Server Error", &[ANY_ORIGIN], error.to_string().as_bytes())
        }
    }
}

/// What may be asked for, also by pages of other origins.
fn methods() -> Vec<u8> {
    let fields = [
        ANY_ORIGIN,
        ("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE"),
        ("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match"),
        ("Accept-Post", SDP),
        ("Accept-Patch", FRAGMENT),
    ];
    told("204 No Content", &fields, b"")
}

/// The answer that says what the control thread does; `folder` is where sessions begin.
fn replied(reply: Option<Reply>, folder: Option<&str>) -> Vec<u8> {
    let told_as = |status, kind: &str, body: &str| {
        told(status, &[ANY_ORIGIN, ("Content-Type", kind)], body.as_bytes())
    };
    match reply {
        Some(Reply::Entered { session, answer }) => {
            let location = format!("{}/{session}", folder.unwrap_or_default());
            let tag = tag_of(&answer);
            let fields = [
                ANY_ORIGIN,
                ("Access-Control-Expose-Headers", "Location, ETag"),
                ("Content-Type", SDP),
                ("Location", &location),
            ];
            let tagged = tag.as_deref().map(|tag| ("ETag", tag));
            let fields: Vec<_> = fields.into_iter().chain(tagged).collect();
            told("201 Created", &fields, &answer)
        }
        Some(Reply::Restarted { tag, fragment }) => {
            let fields = [
                ANY_ORIGIN,
                ("Access-Control-Expose-Headers", "ETag"),
                ("Content-Type", FRAGMENT),
                ("ETag", &tag),
            ];
            told("200 OK", &fields, fragment.as_bytes())
        }
        Some(Reply::Taken) => told("204 No Content", &[ANY_ORIGIN], b""),
        Some(Reply::Over) => told_as("412 Precondition Failed", TEXT, "another ICE session\n"),
        Some(Reply::Done) => told_as("200 OK", TEXT, ""),
        Some(Reply::Unknown) => {
            told_as("404 Not Found", TEXT, "no such session, call, member or sink\n")
        }
        Some(Reply::NotLive) => {
            let fields = [ANY_ORIGIN, ("Content-Type", TEXT), ("Retry-After", "5")];
            told("409 Conflict", &fields, b"nobody is there to be heard\n")
        }
        Some(Reply::Malformed(reason)) => told_as("400 Bad Request", TEXT, &reason),
        Some(Reply::NotAcceptable(reason)) => told_as("406 Not Acceptable", TEXT, &reason),
        Some(Reply::NoRoom(reason)) => told_as("503 Service Unavailable", TEXT, &reason),
        Some(Reply::Refused(reason)) => told_as("409 Conflict", TEXT, &reason),
        Some(Reply::Standings(view)) => json(&view),
        Some(Reply::Conferences(view)) => json(&view),
        Some(Reply::Call(view)) => json(&view),
        Some(Reply::Metrics(text)) => told_as("200 OK", metrics::CONTENT_TYPE, &text),
        Some(Reply::Is(true)) => told_as("200 OK", TEXT, "yes\n"),
        Some(Reply::Is(false)) => told_as("503 Service Unavailable", TEXT, "no\n"),
        None => told_as("503 Service Unavailable", TEXT, "no answer\n"),
    }
}

/// The tag of the ICE session that an answer begins: the node's part of its names (RFC 9725 section 4.3.1).
fn tag_of(answer: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(answer).ok()?;
    let fragment = text.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"))?;
    Some(tag(fragment))
}

/// The tag of the ICE session in which the node is called so.
pub fn tag(fragment: &str) -> String {
    format!("\"{fragment}\"")
}

#[cfg(test)]
mod tests;
