// SPDX-License-Identifier: MIT OR Apache-2.0
//! WHIP (RFC 9725): who posts an offer to `/whip/NAME` is in the conference of that name, and leaves by `DELETE` of
//! what `Location` says. Candidates come all at once and there are no restarts, so that there is no `PATCH`.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender, sync_channel};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::config::{Network, Token};
use crate::ng::http::{self, Head, HttpError};
use crate::stream::{self, Stream};

/// How long the control thread may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a connection may say nothing before its request: anybody may open one.
const SILENCE: Duration = Duration::from_secs(5);
/// Longest name of a conference, and of a session.
const MAX_NAME_BYTES: usize = 64;
const SDP: &str = "application/sdp";
/// Pages of any origin may ask: who asks is known by the token, which no browser sends by itself.
const ANY_ORIGIN: (&str, &str) = ("Access-Control-Allow-Origin", "*");

/// What is asked of the control thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Somebody wants to be in a conference.
    Join {
        /// Its name.
        conference: String,
        /// The offer.
        offer: Vec<u8>,
    },
    /// A session ends.
    Leave {
        /// The conference's name.
        conference: String,
        /// The session's.
        session: String,
    },
}

/// What the control thread answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Somebody is in.
    Joined {
        /// The session's name.
        session: String,
        /// The answer to the offer.
        answer: Vec<u8>,
    },
    /// The session has ended.
    Left,
    /// There is no such session.
    Unknown,
    /// The offer is no description.
    Malformed(String),
    /// It can't be agreed on.
    NotAcceptable(String),
    /// There is no room.
    NoRoom(String),
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

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// What may be asked for (`OPTIONS`).
    Methods,
    /// To be in this conference; the offer is the body.
    Join(String),
    /// To leave a conference: its name, and the session's.
    Leave(String, String),
}

/// Why a request is refused: the answer's status and a field that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Status.
    pub status: &'static str,
    /// Field and value.
    pub field: Option<(&'static str, &'static str)>,
}

impl Refused {
    fn new(status: &'static str) -> Self {
        Self { status, field: None }
    }
}

/// The token's digest: comparing digests tells nobody how much of a guess was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// What a request's head asks for.
///
/// # Errors
/// [`Refused`].
pub fn wanted(head: &Head<'_>, token: TokenDigest) -> Result<Wanted, Refused> {
    let (conference, session) = named(head.target).ok_or(Refused::new("404 Not Found"))?;
    if head.method == "OPTIONS" {
        return Ok(Wanted::Methods);
    }
    let authorization = head.field("authorization").unwrap_or_default();
    let (scheme, brought) = authorization.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") || TokenDigest::of(brought.trim()) != token {
        let field = Some(("WWW-Authenticate", "Bearer"));
        return Err(Refused { field, ..Refused::new("401 Unauthorized") });
    }
    match (head.method, session) {
        ("POST", None) => {
            let kind = head.field("content-type").unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default().trim();
            if !kind.eq_ignore_ascii_case(SDP) {
                let field = Some(("Accept-Post", SDP));
                return Err(Refused { field, ..Refused::new("415 Unsupported Media Type") });
            }
            Ok(Wanted::Join(conference.to_owned()))
        }
        ("DELETE", Some(session)) => Ok(Wanted::Leave(conference.to_owned(), session.to_owned())),
        (_, session) => {
            let allow = if session.is_some() { "DELETE, OPTIONS" } else { "POST, OPTIONS" };
            Err(Refused { field: Some(("Allow", allow)), ..Refused::new("405 Method Not Allowed") })
        }
    }
}

/// The names in `/whip/CONFERENCE` and `/whip/CONFERENCE/SESSION`.
fn named(target: &str) -> Option<(&str, Option<&str>)> {
    let rest = target.strip_prefix("/whip/")?;
    let (conference, session) = match rest.split_once('/') {
        Some((conference, session)) => (conference, Some(session)),
        None => (rest, None),
    };
    // What need not be escaped (RFC 3986 section 2.3): each name has one spelling.
    let is_name = |name: &str| {
        (1..=MAX_NAME_BYTES).contains(&name.len())
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._~".contains(&c))
    };
    (is_name(conference) && session.is_none_or(is_name)).then_some((conference, session))
}

/// Takes requests at an address, on threads that end with the process; the address.
///
/// # Errors
/// What the system says.
pub fn serve(listen: SocketAddr, token: &Token, ask: Ask) -> io::Result<SocketAddr> {
    let token = TokenDigest::of(&token.0);
    let everybody = ["0.0.0.0/0", "::/0"].into_iter().filter_map(|text| text.parse().ok());
    let everybody: Vec<Network> = everybody.collect();
    stream::serve(listen, "whip", everybody, SILENCE, move |mut stream| {
        let answer = match request(&mut stream, token)? {
            Ok((Wanted::Methods, _)) => methods(),
            Ok((Wanted::Join(conference), offer)) => {
                let question = Question::Join { conference: conference.clone(), offer };
                answer(ask.ask(question), &conference)
            }
            Ok((Wanted::Leave(conference, session), _)) => {
                answer(ask.ask(Question::Leave { conference, session }), "")
            }
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
    token: TokenDigest,
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

/// What may be asked for, also by pages of other origins.
fn methods() -> Vec<u8> {
    let fields = [
        ANY_ORIGIN,
        ("Access-Control-Allow-Methods", "POST, DELETE"),
        ("Access-Control-Allow-Headers", "Authorization, Content-Type"),
        ("Accept-Post", SDP),
    ];
    http::answer_with("204 No Content", &fields, 0).into_bytes()
}

fn answer(reply: Option<Reply>, conference: &str) -> Vec<u8> {
    let told = |status, kind: &str, body: &[u8]| {
        let fields = [ANY_ORIGIN, ("Content-Type", kind)];
        [http::answer_with(status, &fields, body.len()).as_bytes(), body].concat()
    };
    let refused = |status, reason: &str| told(status, "text/plain", reason.as_bytes());
    match reply {
        Some(Reply::Joined { session, answer }) => {
            let location = format!("/whip/{conference}/{session}");
            let fields = [
                ANY_ORIGIN,
                ("Access-Control-Expose-Headers", "Location"),
                ("Content-Type", SDP),
                ("Location", &location),
            ];
            let head = http::answer_with("201 Created", &fields, answer.len());
            [head.as_bytes(), &answer].concat()
        }
        Some(Reply::Left) => refused("200 OK", ""),
        Some(Reply::Unknown) => refused("404 Not Found", "no such session\n"),
        Some(Reply::Malformed(reason)) => refused("400 Bad Request", &reason),
        Some(Reply::NotAcceptable(reason)) => refused("406 Not Acceptable", &reason),
        Some(Reply::NoRoom(reason)) => refused("503 Service Unavailable", &reason),
        None => refused("503 Service Unavailable", "no answer\n"),
    }
}

#[cfg(test)]
#[path = "whip_tests.rs"]
mod tests;
