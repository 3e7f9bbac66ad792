// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a request asks for, by its head alone. Pure functions.

use sha2::{Digest, Sha256};

use super::Question;
use super::files::{self, File};
use crate::http::Head;
use crate::ng::command::TapOrder;

/// Longest name of a conference, of a session, and of who enters.
const MAX_NAME_BYTES: usize = 64;
pub(super) const SDP: &str = "application/sdp";
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// How a browser enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It says something, and hears (RFC 9725).
    Whip,
    /// It hears only (draft-ietf-wish-whep).
    Whep,
}

impl Way {
    /// The folder of its sessions.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Whip => "whip",
            Self::Whep => "whep",
        }
    }
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A file of the page.
    File(&'static File),
    /// What may be asked for (`OPTIONS`).
    Methods,
    /// To be in a conference; the offer is the body.
    Enter {
        /// How.
        way: Way,
        /// The conference's name.
        conference: String,
        /// What the others are told who it is.
        name: Option<String>,
    },
    /// To tell more of ICE, or to begin it anew (RFC 9725 section 4.3); what is told is the body.
    Ice {
        /// The conference's name.
        conference: String,
        /// The session's.
        session: String,
        /// What it is about.
        about: Precondition,
    },
    /// What the control thread answers, by the head alone.
    Ask(Question),
}

/// Which ICE session a request is about, by `If-Match` (RFC 9110 section 13.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Whichever there is: another is to begin.
    Any,
    /// The one of this tag.
    Tag(String),
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
    pub(super) fn new(status: &'static str) -> Self {
        Self { status, field: None }
    }

    fn with(status: &'static str, name: &'static str, value: &'static str) -> Self {
        Self { status, field: Some((name, value)) }
    }

    /// Another method than the place has.
    fn method(allow: &'static str) -> Self {
        Self::with("405 Method Not Allowed", "Allow", allow)
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

    /// Whether a request brings it (RFC 6750).
    fn is_brought(self, head: &Head<'_>) -> bool {
        let authorization = head.field("authorization").unwrap_or_default();
        let (scheme, brought) = authorization.split_once(' ').unwrap_or_default();
        scheme.eq_ignore_ascii_case("bearer") && Self::of(brought.trim()) == self
    }
}

/// A place that wants the token.
enum Place<'h> {
    Endpoint(Way, &'h str),
    Session(&'h str, &'h str),
    Conferences,
    Call(String),
    Mute(&'h str, u64, bool),
    Standings(&'h str, &'h str),
    Consent { conference: &'h str, session: &'h str, sink: &'h str, agrees: bool },
    Tap(&'h str, &'h str, TapOrder),
}

/// What a request's head asks for. Without a token there is nothing that wants one.
///
/// # Errors
/// [`Refused`].
pub fn wanted(head: &Head<'_>, token: Option<TokenDigest>) -> Result<Wanted, Refused> {
    let (path, query) = head.target.split_once('?').unwrap_or((head.target, ""));
    let open = match path {
        "/metrics" => Some(Wanted::Ask(Question::Metrics)),
        "/healthz" => Some(Wanted::Ask(Question::Health)),
        "/readyz" => Some(Wanted::Ask(Question::Readiness)),
        path => files::at(path).map(Wanted::File),
    };
    if let Some(open) = open {
        return if head.method == "GET" { Ok(open) } else { Err(Refused::method("GET")) };
    }
    let (Some(place), Some(token)) = (place(path), token) else {
        return Err(Refused::new("404 Not Found"));
    };
    if head.method == "OPTIONS" {
        return Ok(Wanted::Methods);
    }
    if !token.is_brought(head) {
        return Err(Refused::with("401 Unauthorized", "WWW-Authenticate", "Bearer"));
    }
    match (head.method, place) {
        ("POST", Place::Endpoint(way, conference)) => {
            if !is_of_kind(head, SDP) {
                return Err(Refused::with("415 Unsupported Media Type", "Accept-Post", SDP));
            }
            Ok(Wanted::Enter { way, conference: conference.to_owned(), name: name(query) })
        }
        (_, Place::Endpoint(..)) => Err(Refused::method("POST, OPTIONS")),
        ("DELETE", Place::Session(conference, session)) => {
            let (conference, session) = (conference.to_owned(), session.to_owned());
            Ok(Wanted::Ask(Question::Leave { conference, session }))
        }
        ("PATCH", Place::Session(conference, session)) => {
            if !is_of_kind(head, FRAGMENT) {
                return Err(Refused::with("415 Unsupported Media Type", "Accept-Patch", FRAGMENT));
            }
            let (conference, session) = (conference.to_owned(), session.to_owned());
            let about = match head.field("if-match") {
                None => return Err(Refused::new("428 Precondition Required")),
                Some("*") => Precondition::Any,
                Some(tag) => Precondition::Tag(tag.to_owned()),
            };
            Ok(Wanted::Ice { conference, session, about })
        }
        (_, Place::Session(..)) => Err(Refused::method("DELETE, PATCH, OPTIONS")),
        ("GET", Place::Conferences) => Ok(Wanted::Ask(Question::Conferences)),
        ("GET", Place::Call(call_id)) => Ok(Wanted::Ask(Question::Call(call_id))),
        (_, Place::Conferences | Place::Call(_)) => Err(Refused::method("GET, OPTIONS")),
        ("POST", Place::Mute(conference, member, muted)) => {
            let conference = conference.to_owned();
            Ok(Wanted::Ask(Question::Mute { conference, member, muted }))
        }
        ("GET", Place::Standings(conference, session)) => {
            let (conference, session) = (conference.to_owned(), session.to_owned());
            Ok(Wanted::Ask(Question::Standings { conference, session }))
        }
        (_, Place::Standings(..)) => Err(Refused::method("GET, OPTIONS")),
        ("POST", Place::Consent { conference, session, sink, agrees }) => {
            Ok(Wanted::Ask(Question::Consent {
                conference: conference.to_owned(),
                session: session.to_owned(),
                sink: sink.to_owned(),
                agrees,
                notice: notice(query)?,
            }))
        }
        ("POST", Place::Tap(conference, sink, order)) => {
            let (conference, sink) = (conference.to_owned(), sink.to_owned());
            Ok(Wanted::Ask(Question::Tap { conference, sink, order }))
        }
        (_, Place::Mute(..) | Place::Consent { .. } | Place::Tap(..)) => {
            Err(Refused::method("POST, OPTIONS"))
        }
    }
}

fn is_of_kind(head: &Head<'_>, wanted: &str) -> bool {
    let kind = head.field("content-type").unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

fn place(path: &str) -> Option<Place<'_>> {
    // What need not be escaped (RFC 3986 section 2.3): each name has one spelling.
    let is_name = |name: &str| {
        (1..=MAX_NAME_BYTES).contains(&name.len())
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._~".contains(&c))
    };
    if let Some(call_id) = path.strip_prefix("/api/calls/") {
        // They have characters of all kinds, as their phones like it.
        return decoded(call_id).filter(|id| !id.is_empty()).map(Place::Call);
    }
    let mut words = path.strip_prefix('/')?.split('/');
    let mut next = || words.next();
    let words = [next(), next(), next(), next(), next(), next(), next()];
    match words {
        [Some(folder), Some(conference), session, None, ..] => {
            if (folder, conference, session) == ("api", "conferences", None) {
                return Some(Place::Conferences);
            }
            let way = [Way::Whip, Way::Whep].into_iter().find(|way| way.folder() == folder)?;
            if !is_name(conference) || !session.is_none_or(is_name) {
                return None;
            }
            Some(match session {
                None => Place::Endpoint(way, conference),
                Some(session) => Place::Session(conference, session),
            })
        }
        [Some("whip" | "whep"), Some(conference), Some(session), Some("consent"), None, ..] => {
            let named = is_name(conference) && is_name(session);
            named.then_some(Place::Standings(conference, session))
        }
        [
            Some("whip" | "whep"),
            Some(conference),
            Some(session),
            Some(what),
            Some(sink),
            None,
            _,
        ] => {
            let agrees = match what {
                "consent" => true,
                "withdraw" => false,
                _ => return None,
            };
            let named = [conference, session, sink].into_iter().all(is_name);
            named.then_some(Place::Consent { conference, session, sink, agrees })
        }
        [
            Some("api"),
            Some("conferences"),
            Some(conference),
            Some("sinks"),
            Some(sink),
            Some(order),
            None,
        ] => {
            let order = match order {
                "start" => TapOrder::Start,
                "pause" => TapOrder::Pause,
                "stop" => TapOrder::Stop,
                _ => return None,
            };
            (is_name(conference) && is_name(sink)).then_some(Place::Tap(conference, sink, order))
        }
        [Some("api"), Some("conferences"), Some(conference), Some(member), Some(what), None, _] => {
            let muted = match what {
                "mute" => true,
                "unmute" => false,
                _ => return None,
            };
            let digits = member.bytes().all(|c| c.is_ascii_digit());
            let member = member.parse().ok().filter(|_| digits)?;
            is_name(conference).then_some(Place::Mute(conference, member, muted))
        }
        _ => None,
    }
}

/// `name=` of a query, if it is one that can be shown: escapes are of UTF-8 without control characters.
fn name(query: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("name="))?;
    let name = decoded(&value.replace('+', " "))?;
    let name = name.trim();
    let fit = (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    fit.then(|| name.to_owned())
}

/// `notice=` of a query, a number.
fn notice(query: &str) -> Result<Option<u32>, Refused> {
    let said = query.split('&').find_map(|pair| pair.strip_prefix("notice="));
    // Nobody is taken to have agreed to a text that is not the one that was shown.
    let number = |text: &str| text.parse().map_err(|_| Refused::new("400 Bad Request"));
    said.map(number).transpose()
}

/// A text without escapes (RFC 3986 section 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_forms_write_it_or_not_at_all() {
        let long = "x".repeat(65);
        for (query, read) in [
            ("name=J%C3%BCrgen+A.", Some("Jürgen A.")),
            ("x=1&name=a%26b&name=c", Some("a&b")),
            ("name=%3Cb%3E", Some("<b>")),
            ("name=", None),
            ("name=+", None),
            ("name=%", None),
            ("name=%4", None),
            ("name=%zz", None),
            ("name=%ff", None),
            ("name=a%0d%0aB", None),
            ("names=a", None),
            ("", None),
            (&format!("name={long}"), None),
        ] {
            assert_eq!(name(query).as_deref(), read, "{query}");
        }
    }
}
