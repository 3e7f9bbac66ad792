// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests over HTTP, to a control thread that knows one session and two offers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;

use rustix::event::{EventfdFlags, eventfd};

use super::*;

const TOKEN: &str = "a secret of some length";

fn served() -> SocketAddr {
    let (asked, questions) = channel::<Asked>();
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap());
    thread::spawn(move || {
        for Asked { question, reply } in questions {
            let _ = reply.send(match question {
                Question::Join { conference, offer } if offer == b"v=0" => {
                    assert_eq!(conference, "room-1");
                    Reply::Joined { session: "abc".into(), answer: b"v=0\r\n".to_vec() }
                }
                Question::Join { offer, .. } if offer == b"v=1" => {
                    Reply::NotAcceptable("why".into())
                }
                Question::Join { offer, .. } if offer.is_empty() => Reply::NoRoom("full".into()),
                Question::Join { .. } => Reply::Malformed("what".into()),
                Question::Leave { conference, session } => {
                    if (&conference[..], &session[..]) == ("room-1", "abc") {
                        Reply::Left
                    } else {
                        Reply::Unknown
                    }
                }
            });
        }
    });
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    serve(listen, &Token(TOKEN.into()), Ask { asked, bell }).unwrap()
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
        "POST /whip/room-1 HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\
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
        (fit.replace("POST", "PATCH").replace("room-1", "room-1/abc"), "405"),
        (fit.replace("POST", "DELETE"), "405"),
        (fit.replace("room-1", "room-1/abc"), "405"),
        (fit.replace("/whip/", "/ng/"), "404"),
        (fit.replace("room-1", ""), "404"),
        (fit.replace("room-1", "room%2d1"), "404"),
        (fit.replace("room-1", "room-1/abc/d"), "404"),
        (fit.replace("room-1", &long), "404"),
        (fit.replace(" HTTP/1.1", ""), "400"),
    ] {
        let answer = answered(address, &request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer} to {request}");
        assert_eq!(answer.contains("WWW-Authenticate: Bearer"), status == "401");
    }
}
