// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections to a control thread that answers each request with its own bytes, and does not answer `silence`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;

use rustix::event::{EventfdFlags, eventfd};

use super::*;
use crate::http::MAX_HEAD_BYTES;
use crate::stream::MAX_CONNECTIONS;

fn served(speech: Speech) -> SocketAddr {
    let (asked, requests) = channel::<Asked>();
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap());
    thread::spawn(move || {
        for Asked { message, answer, .. } in requests {
            if !message.ends_with(b"silence") {
                let _ = answer.send(message);
            }
        }
    });
    let allowed = vec!["127.0.0.0/8".parse().unwrap()];
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    serve(listen.into(), speech, allowed, Ask { asked, bell }).unwrap()
}

fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    // Long enough for any machine: what is waited for comes, or the test fails.
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// All that is answered until the connection ends.
fn answered(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = connected(address);
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    // One that refuses with something unread resets the connection when it has answered.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn exactly(stream: &mut TcpStream, expected: &[u8]) {
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, expected);
}

#[test]
fn messages_over_tcp_end_where_their_dictionary_does() {
    let address = served(Speech::Tcp);
    let mut stream = connected(address);
    let (one, other) = (b"c1 d7:command4:pinge", b"c2 d7:command4:list1:ll1:ae1:bi7ee");
    for byte in one {
        stream.write_all(&[*byte]).unwrap();
    }
    exactly(&mut stream, one);
    stream.write_all(&[&other[..], one].concat()).unwrap();
    exactly(&mut stream, &[&other[..], one].concat());
    for none in [&b"c1 x"[..], &[b'c'; MAX_COOKIE_BYTES + 1], b"c d1:ae"] {
        assert_eq!(answered(address, none), "");
    }
}

#[test]
fn a_post_is_answered_and_all_else_is_refused_by_status() {
    let address = served(Speech::Http);
    let answer = answered(address, b"POST /ng HTTP/1.1\r\nContent-Length: 7\r\n\r\nc1 ping");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\nContent-Length: 7\r\n") && answer.ends_with("\r\n\r\nc1 ping"));
    for (request, status) in [
        ("GET /ng HTTP/1.1\r\n\r\n", "405"),
        ("POST /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "404"),
        ("POST /ng HTTP/1.1\r\n\r\n", "411"),
        ("POST /ng HTTP/1.1\r\nContent-Length: 65536\r\n\r\n", "413"),
        ("\r\n\r\n", "400"),
    ] {
        let answer = answered(address, request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer} to {request}");
    }
    let long = answered(address, &[b'x'; MAX_HEAD_BYTES]);
    assert!(long.starts_with("HTTP/1.1 431 "), "{long}");
}

const UPGRADE: &[u8] = b"GET /ng HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: ng.rtpengine.com\r\n\r\n";

/// A client's frame, masked with nothing.
fn frame(code: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x80 | code, 0x80 | payload.len() as u8, 0, 0, 0, 0][..], payload].concat()
}

#[test]
fn a_websocket_is_answered_message_by_message_until_it_closes() {
    let mut stream = connected(served(Speech::Http));
    stream.write_all(UPGRADE).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    stream.write_all(&frame(2, b"c1 ping")).unwrap();
    exactly(&mut stream, b"\x82\x07c1 ping");
    stream.write_all(&frame(9, b"x")).unwrap();
    exactly(&mut stream, b"\x8a\x01x");
    stream.write_all(&frame(1, b"c2 ping")).unwrap();
    exactly(&mut stream, b"\x81\x07c2 ping");
    // Without a mask: closed, with the reason.
    stream.write_all(&[0x81, 0]).unwrap();
    exactly(&mut stream, b"\x88\x02\x03\xea");
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn more_connections_than_there_may_be_are_closed_and_their_places_come_back() {
    let address = served(Speech::Tcp);
    let message = b"c1 d7:command4:pinge";
    let mut held = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let mut stream = connected(address);
        stream.write_all(message).unwrap();
        exactly(&mut stream, message);
        held.push(stream);
    }
    let mut further = connected(address);
    let _ = further.write_all(message);
    assert_eq!(further.read(&mut [0]).unwrap_or(0), 0, "closed");
    held.clear();
    // The places come back when their threads have seen it.
    loop {
        let mut stream = connected(address);
        let _ = stream.write_all(message);
        if stream.read_exact(&mut [0; 20]).is_ok() {
            break;
        }
    }
}

#[test]
fn strangers_are_not_spoken_to() {
    let (asked, _requests) = channel();
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap());
    let allowed = vec!["192.0.2.0/24".parse().unwrap()];
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let address = serve(listen.into(), Speech::Tcp, allowed, Ask { asked, bell }).unwrap();
    assert_eq!(answered(address, b"c1 d7:command4:pinge"), "");
}
