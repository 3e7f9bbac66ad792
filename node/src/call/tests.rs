// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is refused changes nothing.

use std::sync::mpsc::channel;

use rustix::event::{EventfdFlags, eventfd};

use super::*;
use crate::config::Interface;
use crate::worker::{Clock, News};

const HEAD: &str = "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
const PLAIN: &str = "m=audio 4000 RTP/AVP 0 8\r\n";
const SECURE: &str = "m=audio 4000 RTP/SAVP 0\r\n\
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd\r\n";
const KEYLESS: &str = "m=audio 4000 RTP/SAVP 0\r\n";
const WITH_DTLS: &str =
    "m=audio 4000 UDP/TLS/RTP/SAVP 0\r\na=setup:actpass\r\na=fingerprint:sha-256 AA:BB\r\n";

/// Room of these ports on an address of each family.
fn room(first: u16, last: u16) -> Room {
    let addresses = ["127.0.0.1", "other/127.0.0.2", "::1"];
    let interfaces = addresses.map(|text| {
        let interface = Interface::from_argument(text).unwrap();
        let ports = Ports::new(interface.address, first, last, 0, 0);
        (interface, ports)
    });
    let identity = Identity::new().unwrap();
    let shared = SharedPorts::none();
    let interfaces = interfaces.into();
    Room { interfaces, shared, identity, max_lines: 4, opus_complexity: 6, next_path: 0 }
}

fn worker() -> Worker {
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap());
    Worker::start(
        0,
        Clock::start(),
        News { told: channel().0, bell, alive: Arc::default() },
        Vec::new(),
    )
    .unwrap()
}

fn flags(words: &str) -> Flags {
    let mut flags = Flags::default();
    words.split_ascii_whitespace().for_each(|word| flags.word(word));
    flags
}

fn sdp(lines: &[&str]) -> String {
    format!("{HEAD}{}", lines.concat())
}

/// A call and its surroundings in words, but for the ports that are to be tried next.
fn words(call: &Call, room: &Room) -> String {
    let taken: Vec<u32> = room.interfaces.iter().map(|(_, ports)| ports.taken()).collect();
    format!("{taken:?} {call:?}")
}

/// A call of a plain line that runs.
fn running(room: &mut Room, worker: &Worker) -> Call {
    let mut call = Call::new("a", 0, 0);
    call.offer("a", None, sdp(&[PLAIN]).as_bytes(), &flags(""), room).unwrap();
    call.answer("a", "b", sdp(&[PLAIN]).as_bytes(), &flags(""), room, worker).unwrap();
    call
}

#[test]
fn a_refused_offer_changes_nothing() {
    let (room, worker) = (&mut room(23_410, 23_499), worker());
    let mut call = running(room, &worker);
    let before = words(&call, room);
    let ipv6 = sdp(&[PLAIN]).replace("IP4 127.0.0.1", "IP6 ::1");
    for (from, offer, said, reason) in [
        ("x", sdp(&[PLAIN]), "", "Tags"),
        ("a", String::from("hello"), "", "SDP"),
        ("a", sdp(&[PLAIN; 5]), "", "Too many"),
        ("a", sdp(&[PLAIN, PLAIN, KEYLESS]), "", "crypto"),
        ("a", sdp(&[PLAIN, WITH_DTLS.split("a=f").next().unwrap()]), "", "crypto"),
        ("a", sdp(&[PLAIN, PLAIN]), "RTP/SAVP SDES-off DTLS=off", "SDES and DTLS"),
        ("a", sdp(&[PLAIN, PLAIN]), "RTP/SAVP SDES-only-NONE", "crypto"),
        ("a", sdp(&[PLAIN, PLAIN]), "codec-strip-all", "No codec"),
        ("a", ipv6, "", "address family"),
        ("a", sdp(&[PLAIN, PLAIN]), "address-family=IP6", "address family"),
    ] {
        let refused = call.offer(from, Some("none"), offer.as_bytes(), &flags(said), room);
        let told = refused.unwrap_err().to_string();
        assert!(told.contains(reason), "{told} for {said} {offer}");
        assert_eq!(words(&call, room), before, "{reason}");
    }
    let mut elsewhere = flags("");
    elsewhere.direction = Some(["default", "other"].map(String::from));
    assert!(call.offer("a", None, sdp(&[PLAIN]).as_bytes(), &elsewhere, room).is_err());
    // A transfer, of whose offer nothing comes.
    assert!(
        call.offer("c", Some("b"), sdp(&[PLAIN, KEYLESS]).as_bytes(), &flags(""), room).is_err()
    );
    assert_eq!(words(&call, room), before);
}

#[test]
fn an_offer_for_which_there_are_no_ports_takes_none() {
    // Three pairs: two are the call's, and a second line wants two.
    let (room, worker) = (&mut room(23_400, 23_405), worker());
    let mut call = running(room, &worker);
    let before = words(&call, room);
    let refused = call.offer("a", None, sdp(&[PLAIN; 2]).as_bytes(), &flags(""), room);
    assert!(matches!(refused, Err(CallError::Ports(_))), "{refused:?}");
    assert_eq!(words(&call, room), before);
}

#[test]
fn a_refused_answer_changes_nothing() {
    let (room, worker) = (&mut room(23_500, 23_599), worker());
    for (offer, said, answer, reason) in [
        (sdp(&[PLAIN, PLAIN]), "RTP/SAVP", sdp(&[SECURE, KEYLESS]), "crypto"),
        (sdp(&[PLAIN, PLAIN]), "", sdp(&[PLAIN, SECURE]), "crypto"),
        (sdp(&[PLAIN]), "UDP/TLS/RTP/SAVP", sdp(&[SECURE]), "crypto"),
        (
            sdp(&[PLAIN, PLAIN]),
            "",
            sdp(&["m=audio 0 RTP/AVP 0\r\n", "m=audio 4 RTP/AVP 18\r\n"]),
            "No codec",
        ),
        (sdp(&[PLAIN]), "UDP/TLS/RTP/SAVP", sdp(&[WITH_DTLS]), "DTLS within"),
        (sdp(&[WITH_DTLS]), "RTP/AVP", sdp(&[PLAIN]), "DTLS within"),
    ] {
        let mut call = running(room, &worker);
        call.offer("a", None, offer.as_bytes(), &flags(said), room).unwrap();
        let before = words(&call, room);
        let refused = call.answer("a", "c", answer.as_bytes(), &flags(""), room, &worker);
        let told = refused.unwrap_err().to_string();
        assert!(told.contains(reason), "{told}");
        assert_eq!(words(&call, room), before, "{reason}");
        assert!(call.answer("x", "c", answer.as_bytes(), &flags(""), room, &worker).is_err());
        assert_eq!(words(&call, room), before);
    }
}

#[cfg(feature = "dtls13")]
#[test]
fn who_speaks_ice_begins_where_the_newer_version_may_be_spoken() {
    const ICE: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:DfcZq3ZYSbxffUv4FvSWGemM\r\na=rtcp-mux\r\n";
    let (room, worker) = (&mut room(23_500, 23_599), worker());
    for (newer, more, setup) in
        [(false, ICE, "active"), (true, ICE, "passive"), (true, "", "active")]
    {
        let identity = if newer { Identity::with_dtls13() } else { Identity::new() };
        room.identity = identity.unwrap();
        let mut call = Call::new("a", 0, 0);
        let offer = sdp(&[WITH_DTLS, more]);
        call.offer("a", None, offer.as_bytes(), &flags("RTP/AVP ICE=remove"), room).unwrap();
        let answer = sdp(&[PLAIN]);
        let told = call.answer("a", "b", answer.as_bytes(), &flags(""), room, &worker).unwrap();
        let told = String::from_utf8(told).unwrap();
        assert!(told.contains(&format!("a=setup:{setup}\r\n")), "{told}");
    }
}
