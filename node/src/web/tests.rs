// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests over HTTP, to a control thread that knows one session and two offers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;

use rustix::event::{EventfdFlags, eventfd};

use super::*;
use crate::config::Token;

const TOKEN: &str = "a secret of some length";

/// A control thread that knows a conference, a session, a member, and a description.
fn reply_to(question: Question) -> Reply {
    match question {
        Question::Enter { way: Way::Whep, conference, .. } if conference == "empty" => {
            Reply::NotLive
        }
        Question::Enter { conference, name, offer, .. } if offer == b"v=0" => {
            assert_eq!((&conference[..], name.as_deref()), ("room-1", Some("Ada")));
            Reply::Entered { session: "abc".into(), answer: b"v=0\r\n".to_vec() }
        }
        Question::Enter { offer, .. } if offer == b"v=1" => Reply::NotAcceptable("why".into()),
        Question::Enter { offer, .. } if offer.is_empty() => Reply::NoRoom("full".into()),
        Question::Enter { .. } => Reply::Malformed("what".into()),
        Question::Leave { conference, session } => {
            let is_known = (&conference[..], &session[..]) == ("room-1", "abc");
            if is_known { Reply::Done } else { Reply::Unknown }
        }
        Question::Mute { conference, member, muted } => {
            let is_known = (&conference[..], member, muted) == ("room-1", 7, true);
            if is_known { Reply::Done } else { Reply::Unknown }
        }
        Question::Ice { conference, session, about, fragment } => {
            assert_eq!((&conference[..], &session[..]), ("room-1", "abc"));
            match (about, &fragment[..]) {
                (Precondition::Any, b"new") => {
                    Reply::Restarted { tag: "\"t\"".into(), fragment: "a=ice-lite\r\n".into() }
                }
                (Precondition::Tag(tag), b"more") if tag == "\"s\"" => Reply::Taken,
                (Precondition::Tag(_), b"more") => Reply::Over,
                _ => Reply::Malformed("what".into()),
            }
        }
        Question::Standings { conference, session } => {
            let is_known = (&conference[..], &session[..]) == ("room-1", "abc");
            if is_known { Reply::Standings(Vec::new()) } else { Reply::Unknown }
        }
        Question::Consent { conference, session, sink, agrees, notice } => {
            assert_eq!((&conference[..], &session[..]), ("room-1", "abc"));
            match (&sink[..], agrees, notice) {
                ("words", true, Some(3)) | ("words", false, None) => Reply::Done,
                _ => Reply::Refused("why".into()),
            }
        }
        Question::Tap { conference, sink, order } => {
            let is_known = (&conference[..], &sink[..]) == ("room-1", "words");
            if is_known && order != TapOrder::Pause { Reply::Done } else { Reply::Unknown }
        }
        Question::Conferences => Reply::Conferences(view::Conferences::default()),
        Question::Call(call_id) => {
            assert_eq!(call_id, "a/b@192.0.2.1 c");
            Reply::Unknown
        }
        Question::Metrics => Reply::Metrics("# EOF\n".into()),
        Question::Health => Reply::Is(true),
        Question::Readiness => Reply::Is(false),
    }
}

fn served() -> SocketAddr {
    served_with(true)
}

fn served_with(with_token: bool) -> SocketAddr {
    let (asked, questions) = channel::<Asked>();
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap());
    thread::spawn(move || {
        for Asked { question, reply } in questions {
            let _ = reply.send(reply_to(question));
        }
    });
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let token = with_token.then(|| Token(TOKEN.into()));
    let http = Http { token, ..Http::default() };
    serve(listen.into(), &http, Ask { asked, bell }).unwrap()
}

/// All that is answered until the connection ends.
fn answered(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // Long enough for any machine: what is waited for comes, or the test fails.
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // One that refuses with something unread resets the connection when it has answered.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(body: &str) -> String {
    format!(
        "POST /whip/room-1?name=Ada HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn an_offer_is_answered_with_where_its_session_is_and_that_can_be_ended() {
    let address = served();
    let answer = answered(address, &post("v=0"));
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    assert!(answer.contains("\r\nContent-Type: application/sdp\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nv=0\r\n"), "{answer}");
    let location = answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
    assert_eq!(location, "/whip/room-1/abc");
    let delete = |path: &str| {
        let request = format!("DELETE {path} HTTP/1.1\r\nAuthorization: bearer {TOKEN}\r\n\r\n");
        answered(address, &request)
    };
    assert!(delete(location).starts_with("HTTP/1.1 200 "));
    assert!(delete("/whip/room-2/abc").starts_with("HTTP/1.1 404 "));
    let options = answered(address, "OPTIONS /whip/room-1 HTTP/1.1\r\nOrigin: x\r\n\r\n");
    assert!(
        options.starts_with("HTTP/1.1 204 ") && options.contains("Accept-Post: application/sdp")
    );
}

#[test]
fn ice_is_told_more_of_or_begins_anew_by_the_tag_of_its_session() {
    let address = served();
    let patch = |fields: &str, body: &str| {
        let request = format!(
            "PATCH /whip/room-1/abc HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n{fields}\
             Content-Type: application/trickle-ice-sdpfrag\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        answered(address, &request)
    };
    for (fields, body, status) in [
        ("If-Match: \"s\"\r\n", "more", "204 No Content"),
        ("If-Match: \"r\"\r\n", "more", "412 Precondition Failed"),
        ("If-Match: *\r\n", "old", "400 Bad Request"),
        ("", "more", "428 Precondition Required"),
    ] {
        let answer = patch(fields, body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer} to {fields}");
    }
    let anew = patch("If-Match: *\r\n", "new");
    assert!(
        anew.starts_with("HTTP/1.1 200 OK\r\n") && anew.contains("\r\nETag: \"t\"\r\n"),
        "{anew}"
    );
    assert!(anew.contains("\r\nContent-Type: application/trickle-ice-sdpfrag\r\n"), "{anew}");
    assert!(anew.ends_with("\r\n\r\na=ice-lite\r\n"), "{anew}");
    let tag = tag_of(b"v=0\r\na=ice-ufrag:Ab+/\r\n");
    assert_eq!((tag.as_deref(), tag_of(b"v=0\r\n")), (Some("\"Ab+/\""), None));
}

#[test]
fn what_is_wrong_is_told_by_status_and_nothing_but_that_to_who_brings_no_token() {
    let address = served();
    let fit = post("v=0");
    let long = "x".repeat(65);
    for (request, status) in [
        (post("v=1"), "406"),
        (post("x"), "400"),
        (post(""), "503"),
        (fit.replace("Bearer", "Basic"), "401"),
        (fit.replace(TOKEN, "a secret of some lengtH"), "401"),
        (fit.replace(TOKEN, ""), "401"),
        (fit.replace("Authorization", "X"), "401"),
        // Neither the type nor the length is looked at before the token.
        (fit.replace(TOKEN, "x").replace("application/sdp", "text/plain"), "401"),
        (fit.replace(TOKEN, "x").replace("Content-Length: 3", "Content-Length: 65536"), "401"),
        (fit.replace("application/sdp", "application/json"), "415"),
        (fit.replace("Content-Type", "X"), "415"),
        (fit.replace("Content-Length: 3", "Content-Length: 65536"), "413"),
        (fit.replace("Content-Length", "X"), "411"),
        (fit.replace("POST", "GET"), "405"),
        (fit.replace("POST", "PATCH").replace("room-1?name=Ada", "room-1/abc"), "415"),
        (fit.replace("POST", "PATCH"), "405"),
        (fit.replace("POST", "DELETE"), "405"),
        (fit.replace("room-1?name=Ada", "room-1/abc"), "405"),
        (fit.replace("/whip/", "/ng/"), "404"),
        (fit.replace("room-1", ""), "404"),
        (fit.replace("room-1", "room%2d1"), "404"),
        (fit.replace("room-1?name=Ada", "room-1/abc/d"), "404"),
        (fit.replace("room-1", &long), "404"),
        (fit.replace(" HTTP/1.1", ""), "400"),
    ] {
        let answer = answered(address, &request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer} to {request}");
        assert_eq!(answer.contains("WWW-Authenticate: Bearer"), status == "401");
    }
}

#[test]
fn who_wants_to_listen_where_nobody_is_comes_again() {
    let address = served();
    let listens = post("v=0").replace("/whip/", "/whep/");
    let answer = answered(address, &listens);
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(answer.contains("\r\nLocation: /whep/room-1/abc\r\n"), "{answer}");
    let answer = answered(address, &listens.replace("room-1", "empty"));
    assert!(answer.starts_with("HTTP/1.1 409 ") && answer.contains("\r\nRetry-After: 5\r\n"));
}

#[test]
fn members_are_told_and_muted_to_who_has_the_token() {
    let address = served();
    let ask = |method: &str, path: &str, token: &str| {
        let fields = format!("Authorization: Bearer {token}\r\nContent-Length: 0");
        answered(address, &format!("{method} {path} HTTP/1.1\r\n{fields}\r\n\r\n"))
    };
    let told = ask("GET", "/api/conferences", TOKEN);
    assert!(
        told.starts_with("HTTP/1.1 200 ") && told.contains("\r\nContent-Type: application/json")
    );
    assert!(told.ends_with("\r\n\r\n{\"conferences\":[],\"sinks\":[]}"), "{told}");
    for (method, path, token, status) in [
        ("POST", "/api/conferences/room-1/7/mute", TOKEN, "200"),
        ("POST", "/api/conferences/room-1/7/unmute", TOKEN, "404"),
        ("POST", "/api/conferences/room-1/8/mute", TOKEN, "404"),
        ("POST", "/api/conferences/room-1/+7/mute", TOKEN, "404"),
        ("POST", "/api/conferences/room-1/7/mute", "x", "401"),
        ("GET", "/api/conferences/room-1/7/mute", TOKEN, "405"),
        ("GET", "/api/conferences", "x", "401"),
        ("POST", "/api/conferences", TOKEN, "405"),
        ("GET", "/api/calls/a/b@192.0.2.1%20c", TOKEN, "404"),
        ("POST", "/api/calls/a", TOKEN, "405"),
        ("GET", "/api/calls/a", "x", "401"),
        ("GET", "/api/calls/%zz", TOKEN, "404"),
        ("GET", "/whip/room-1/abc/consent", TOKEN, "200"),
        ("GET", "/whip/room-1/abd/consent", TOKEN, "404"),
        ("POST", "/whip/room-1/abc/consent", TOKEN, "405"),
        ("POST", "/whip/room-1/abc/consent/words?notice=3", TOKEN, "200"),
        ("POST", "/whip/room-1/abc/consent/words?notice=x", TOKEN, "400"),
        ("POST", "/whip/room-1/abc/consent/words", TOKEN, "409"),
        ("POST", "/whip/room-1/abc/consent/words?notice=3", "x", "401"),
        ("POST", "/whep/room-1/abc/withdraw/words", TOKEN, "200"),
        ("GET", "/whip/room-1/abc/withdraw/words", TOKEN, "405"),
        ("POST", "/whip/room-1/abc/agree/words", TOKEN, "404"),
        ("POST", "/whip/room-1/abc/consent/words/x", TOKEN, "404"),
        ("POST", "/api/conferences/room-1/sinks/words/start", TOKEN, "200"),
        ("POST", "/api/conferences/room-1/sinks/words/stop", TOKEN, "200"),
        ("POST", "/api/conferences/room-1/sinks/words/pause", TOKEN, "404"),
        ("POST", "/api/conferences/room-1/sinks/words/begin", TOKEN, "404"),
        ("POST", "/api/conferences/room-1/sinks/words/start", "x", "401"),
        ("GET", "/api/conferences/room-1/sinks/words/start", TOKEN, "405"),
        ("GET", "/api", TOKEN, "404"),
        ("GET", "/api/conferences/room-1", TOKEN, "404"),
        ("GET", "/api/conferences/room-1/7/mute/x", TOKEN, "404"),
    ] {
        let answer = ask(method, path, token);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {answer}");
    }
}

#[test]
fn the_page_health_and_metrics_want_no_token_and_without_one_there_is_nothing_else() {
    for with_token in [true, false] {
        let address = served_with(with_token);
        let get = |path: &str| answered(address, &format!("GET {path} HTTP/1.1\r\n\r\n"));
        assert!(get("/healthz").starts_with("HTTP/1.1 200 "));
        assert!(get("/readyz").starts_with("HTTP/1.1 503 "));
        assert!(get("/metrics").contains("openmetrics") && get("/metrics").ends_with("# EOF\n"));
        let page = get("/");
        assert!(
            page.contains("\r\nContent-Security-Policy: default-src 'none'; script-src 'self'")
        );
        assert!(page.contains("\r\nContent-Type: text/html; charset=utf-8\r\n"));
        let post = answered(address, "POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("\r\nAllow: GET\r\n"));
        let status = if with_token { "401" } else { "404" };
        assert!(get("/api/conferences").starts_with(&format!("HTTP/1.1 {status} ")));
        // One that says nothing more keeps nobody from being served.
        let mut endless = TcpStream::connect(address).unwrap();
        endless.write_all(&[b'x'; 4_096]).unwrap();
        assert!(get("/healthz").starts_with("HTTP/1.1 200 "));
    }
}
