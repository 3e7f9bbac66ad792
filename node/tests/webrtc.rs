// SPDX-License-Identifier: MIT OR Apache-2.0
//! A browser, or a phone with DTLS, and a plain phone: what each is told, and that they hear each other.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::time::{Duration, Instant};

use ale_media::codec::{CodecSpec, g711::Law};
use ale_media::rtp::is_rtcp;
use ale_media::srtp::dtls::Role;
use ale_media_node::peer::dtls::{Identity, Told};
use ale_media_node::web::{Precondition, Question, Reply, Way};
use support::Said::{self, List, Text};
use support::browser::{Keyed, MORE, OFFER, checked, fingerprint, offer, value};
use support::{Node, Phone, addresses, amplitude, header_bytes, rtp};

const TO_PHONE: [Said<'static>; 3] =
    [Text("ICE", "remove"), Text("transport-protocol", "RTP/AVP"), List("rtcp-mux", &["demux"])];

/// Whether the node's control thread has heard of keys.
fn heard(node: &mut Node) -> impl FnMut() -> bool + '_ {
    || {
        node.control.hear();
        node.control.totals().handshakes > 0
    }
}

#[test]
fn a_browser_and_a_plain_phone_hear_each_other() {
    let (mut node, browser) =
        (Node::on("127.0.0.1", support::ports::free(100)), Identity::new().unwrap());
    for (n, (passive, role, setup)) in
        [(true, Role::Client, "passive"), (false, Role::Server, "active")].into_iter().enumerate()
    {
        let phone = Phone::new();
        let mut flags: Vec<Said<'_>> =
            vec![Text("DTLS", if passive { "passive" } else { "active" })];
        flags.extend(TO_PHONE);
        let id = n.to_string();
        let [to_phone, answer] = node.call(&id, (&offer(&browser, "web", MORE), &flags), |_| {
            let off =
                "m=video 0 RTP/AVP 96\r\nm=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n";
            phone.sdp("RTP/AVP", off)
        });
        // Of the browser's the phone is told codecs and the direction, no more.
        let of_browsers = [
            "ice",
            "candidate",
            "fingerprint",
            "setup",
            "mid",
            "msid",
            "ssrc",
            "extmap",
            "rtcp-mux",
            "group",
            "rtcp-fb",
            "rtcp-rsize",
            "rtcp-xr",
            "crypto",
        ];
        let first = to_phone.split("m=video").next().unwrap();
        for line in first.lines().filter_map(|line| line.strip_prefix("a=")) {
            assert!(!of_browsers.iter().any(|name| line.starts_with(name)), "{line}");
        }
        assert!(
            first.contains("RTP/AVP 111 63 9 0 8 13 110 126\r\nc=IN IP4 127.0.0.1\r\n"),
            "{first}"
        );
        assert!(
            to_phone.contains("m=video 0 ") && to_phone.contains("m=application 0 "),
            "{to_phone}"
        );
        assert!(!to_phone.contains("fingerprint"), "{to_phone}");
        for line in
            ["a=ice-lite", "a=group:BUNDLE 0", "a=mid:0", "a=rtcp-mux", "a=end-of-candidates"]
        {
            assert!(answer.lines().any(|l| l == line), "{line} in {answer}");
        }
        assert_eq!(value(&answer, "setup"), Some(setup));
        let port = addresses(&answer).0.port();
        let candidate = format!("1 1 UDP 2130706431 127.0.0.1 {port} typ host");
        assert_eq!(value(&answer, "candidate"), Some(&candidate[..]));
        assert_eq!(answer.matches("a=candidate").count(), 1);
        let (socket, to) = checked(&answer);
        let mut hands = browser.handshake(role, fingerprint(&answer));
        let before = node.control.totals().handshakes;
        assert_eq!(before, n as u64);
        let mut keyed = Keyed::agree(heard(&mut node), socket, to, &mut *hands);
        while node.control.totals().handshakes == before {
            node.control.hear();
        }
        keyed.talk(&phone, addresses(&to_phone));
    }
}

#[test]
fn a_plain_phone_and_one_with_dtls_hear_each_other_whoever_begins() {
    let (mut node, bobs) =
        (Node::on("127.0.0.1", support::ports::free(100)), Identity::new().unwrap());
    let flags = [
        Text("transport-protocol", "UDP/TLS/RTP/SAVPF"),
        Text("ICE", "remove"),
        List("SDES", &["off"]),
        List("flags", &["generate mid"]),
    ];
    for (n, (setup, role)) in
        [("active", Role::Client), ("passive", Role::Server)].into_iter().enumerate()
    {
        let (alice, bob) = (Phone::new(), Phone::new());
        let id = n.to_string();
        let [to_bob, to_alice] = node.call(&id, (&alice.sdp("RTP/AVP", ""), &flags), |to_bob| {
            assert_eq!(value(to_bob, "setup"), Some("actpass"));
            assert_eq!(value(to_bob, "mid"), Some("1"));
            for absent in ["crypto", "ice-", "candidate"] {
                assert!(!to_bob.contains(absent), "{absent} in {to_bob}");
            }
            let keys = bobs.fingerprint().value();
            let more = format!("a=rtcp-mux\r\na=setup:{setup}\r\na=fingerprint:{keys}\r\n");
            bob.sdp("UDP/TLS/RTP/SAVPF", &more)
        });
        for absent in ["fingerprint", "setup", "mid", "rtcp-mux", "SAVP"] {
            assert!(!to_alice.contains(absent), "{absent} in {to_alice}");
        }
        let mut hands = bobs.handshake(role, fingerprint(&to_bob));
        let mut keyed = Keyed::agree(heard(&mut node), bob.rtp, addresses(&to_bob).0, &mut *hands);
        while node.control.totals().handshakes <= n as u64 {
            node.control.hear();
        }
        keyed.talk(&alice, addresses(&to_alice));
    }
}

#[test]
fn after_a_restart_of_ice_a_browser_is_heard_from_elsewhere_by_the_same_keys() {
    let (mut node, browser) =
        (Node::on("127.0.0.1", support::ports::free(100)), Identity::new().unwrap());
    let phone = Phone::new();
    let answer = |_: &str| phone.sdp("RTP/AVP", "");
    let [to_phone, first] = node.call("c", (&offer(&browser, "web", ""), &TO_PHONE), answer);
    let (socket, to) = checked(&first);
    let mut hands = browser.handshake(Role::Server, fingerprint(&first));
    let mut keyed = Keyed::agree(heard(&mut node), socket, to, &mut *hands);
    keyed.talk(&phone, addresses(&to_phone));
    // An offer that changes nothing is answered as before.
    let [_, same] = node.call("c", (&offer(&browser, "web", ""), &TO_PHONE), answer);
    let told = |sdp: &str| value(sdp, "ice-pwd").map(String::from);
    assert_eq!(told(&same), told(&first));
    assert_eq!(value(&same, "setup"), value(&first, "setup"));
    let [_, anew] = node.call("c", (&offer(&browser, "web2", ""), &TO_PHONE), answer);
    assert_ne!(told(&anew), told(&first));
    assert_eq!(addresses(&anew), addresses(&first));
    keyed.socket = checked(&anew).0;
    keyed.send(&rtp(1, 500), false);
    assert_eq!(Phone::receive(&phone.rtp).0, rtp(1, 500));
    phone.rtp.send_to(&rtp(2, 500), addresses(&to_phone).0).unwrap();
    assert_eq!(keyed.receive(false), rtp(2, 500));
    assert_eq!(node.control.totals().handshakes, 1);
}

#[test]
fn whose_certificate_was_not_told_is_not_heard_and_the_reason_is_told() {
    let (mut node, browser) =
        (Node::on("127.0.0.1", support::ports::free(50)), Identity::new().unwrap());
    let phone = Phone::new();
    let [_, answer] =
        node.call("c", (&offer(&browser, "web", ""), &TO_PHONE), |_| phone.sdp("RTP/AVP", ""));
    let (socket, to) = checked(&answer);
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut hands = Identity::new().unwrap().handshake(Role::Server, fingerprint(&answer));
    let mut buffer = [0; 4096];
    while node.control.totals().handshakes_failed == 0 {
        node.control.hear();
        if let Ok((bytes, from)) = socket.recv_from(&mut buffer) {
            hands.receive(&buffer[..bytes], from, Instant::now());
        }
        hands.tick(Instant::now());
        while let Some(told) = hands.told() {
            if let Told::Send(datagram, _) = told {
                socket.send_to(&datagram, to).unwrap();
            }
        }
    }
    assert_eq!(node.control.totals().handshakes, 0);
    let queried = node.ask("query", &[Text("call-id", "c")]);
    let told = format!("{:?}", queried.value());
    let reason = format!("{:?}", &b"the certificate is not the one that was told"[..]);
    assert!(told.contains(reason.trim_matches(['[', ']'])), "{told}");
}

#[test]
fn ice_is_offered_to_who_is_to_have_it_and_dtls_is_refused_where_it_can_not_be() {
    let mut node = Node::on("127.0.0.1", support::ports::free(50));
    let phone = Phone::new().sdp("RTP/AVP", "");
    let ids = [Text("call-id", "c"), Text("from-tag", "a")];
    let ask = |node: &mut Node, sdp: &str, more: Vec<Said<'_>>| {
        let mut said = vec![Text("sdp", sdp)];
        said.extend(ids.iter().copied());
        said.extend(more);
        node.ask("offer", &said)
    };
    let offered = ask(&mut node, &phone, vec![Text("ICE", "force")]).sdp();
    assert!(
        offered.contains("a=ice-lite\r\n") && value(&offered, "ice-pwd").is_some(),
        "{offered}"
    );
    // A component for the port of RTCP, which need not be shared.
    assert_eq!(offered.matches("a=candidate").count(), 2);
    let both = vec![Text("ICE", "force"), Text("transport-protocol", "UDP/TLS/RTP/SAVPF")];
    let offered = ask(&mut node, &phone, both).sdp();
    assert_eq!(offered.matches("a=candidate").count(), 1, "RTCP has no keys of its own");
    let offered = ask(&mut node, &phone, vec![]).sdp();
    assert!(!offered.contains("ice"), "{offered}");
    let keyless = OFFER.replace("a=fingerprint:FINGERPRINT\r\n", "");
    let refused = ask(&mut node, &keyless, vec![]);
    assert_eq!(refused.text("error-reason").as_deref(), Some("No crypto suite in common"));
    let neither =
        vec![Text("transport-protocol", "RTP/SAVP"), List("SDES", &["off"]), Text("DTLS", "off")];
    let refused = ask(&mut node, &phone, neither).text("error-reason").unwrap();
    assert!(refused.contains("SDES and DTLS"), "{refused}");
}

fn enter(node: &mut Node, offer: &str) -> Reply {
    let name = Some("Ada".into());
    let question =
        Question::Enter { way: Way::Whip, conference: "room".into(), name, offer: offer.into() };
    node.control.web(&question, Default::default(), 0)
}

#[test]
fn a_browser_that_enters_by_whip_and_a_phone_hear_each_other_in_a_conference() {
    let (mut node, browser) =
        (Node::on("127.0.0.1", support::ports::free(100)), Identity::new().unwrap());
    let offered = offer(&browser, "web", MORE);
    let Reply::Entered { session, answer } = enter(&mut node, &offered) else { panic!() };
    let answer = String::from_utf8(answer).unwrap();
    // The telephone events of Opus's clock, not the first that there are.
    assert!(answer.contains("UDP/TLS/RTP/SAVPF 111 110\r\n"), "{answer}");
    for line in ["a=ice-lite", "a=group:BUNDLE 0", "a=mid:0", "a=rtcp-mux", "a=setup:active"] {
        assert!(answer.lines().any(|l| l == line), "{line} in {answer}");
    }
    assert!(answer.contains("m=video 0 ") && answer.contains("m=application 0 "), "{answer}");
    assert!(answer.contains("a=mid:1\r\n") && answer.contains("a=mid:2\r\n"), "{answer}");
    let level = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n";
    assert!(answer.contains(level) && answer.matches("extmap").count() == 1, "{answer}");
    for foreign in ["a=ssrc", "msid", "crypto", "VP8"] {
        assert!(!answer.contains(foreign), "{foreign} in {answer}");
    }
    let phone = Phone::new();
    let ids = [Text("call-id", "p"), Text("from-tag", "p"), Text("conference", "room")];
    let [id, tag, conference] = ids;
    let sdp = phone.sdp("RTP/AVP", "");
    let told = node.ask("conference join", &[id, tag, conference, Text("sdp", &sdp)]).sdp();
    let (socket, to) = checked(&answer);
    let mut hands = browser.handshake(Role::Server, fingerprint(&answer));
    let mut keyed = Keyed::agree(heard(&mut node), socket, to, &mut *hands);
    let opus = CodecSpec::from_rtpmap("opus/48000/2").unwrap();
    let (mut encoder, mut decoder) = (opus.encoder().unwrap(), opus.decoder(48_000).unwrap());
    let mu = Law::Mu;
    let tone = |n: usize, hz: f64, rate: f64| {
        (4_000.0 * (core::f64::consts::TAU * n as f64 * hz / rate).sin()) as i16
    };
    let mut hear = |keyed: &mut Keyed, at_browser: &mut Vec<i16>| {
        let mut packet = Phone::receive(&keyed.socket).0;
        // Repeats of the handshake's end, and reports.
        while !(128..192).contains(&packet[0]) || is_rtcp(&packet) {
            packet = Phone::receive(&keyed.socket).0;
        }
        let opened = keyed.receiver.unprotect(&mut packet).expect("keys agree");
        assert_eq!(packet[1] & 0x7f, 111);
        let mut pcm = [0; 960];
        decoder.decode(&packet[header_bytes(&packet)..opened], &mut pcm).unwrap();
        // Every sixth sample: what is above 4 kHz is nobody's here.
        at_browser.extend(pcm.iter().step_by(6));
    };
    let both_hear = (0..60_usize).any(|round| {
        let (mut at_browser, mut at_phone) = (Vec::new(), Vec::new());
        for n in round * 25..round * 25 + 25 {
            let pcm: Vec<i16> = (0..960).map(|k| tone(n * 960 + k, 2_200.0, 48_000.0)).collect();
            let mut payload = [0; 400];
            let bytes = encoder.encode(&pcm, &mut payload).unwrap();
            let mut packet = vec![0x80, 111, (n >> 8) as u8, n as u8];
            packet.extend((n as u32 * 960).to_be_bytes());
            packet.extend([0, 0, 0, 7]);
            packet.extend(&payload[..bytes]);
            keyed.send(&packet, false);
            let mut packet = rtp(9, n as u16)[..12].to_vec();
            packet.extend((0..160).map(|k| mu.from_linear(tone(n * 160 + k, 400.0, 8_000.0))));
            phone.rtp.send_to(&packet, addresses(&told).0).unwrap();
            hear(&mut keyed, &mut at_browser);
            let packet = Phone::receive(&phone.rtp).0;
            at_phone.extend(packet[12..].iter().map(|&byte| mu.to_linear(byte)));
        }
        let hears = |heard: &[i16], other: f64, own: f64| {
            amplitude(heard, other) > 2_000.0 && amplitude(heard, own) < 200.0
        };
        hears(&at_browser, 400.0, 2_200.0) && hears(&at_phone, 2_200.0, 400.0)
    });
    assert!(both_hear);
    // Candidates are taken, and ICE begins anew by its session's tag and no other.
    let ice = |fragment: &str, about: Precondition| Question::Ice {
        conference: "room".into(),
        session: session.clone(),
        about,
        fragment: fragment.into(),
    };
    let password = value(&offered, "ice-pwd").unwrap();
    let more = format!("a=ice-ufrag:web\r\na=ice-pwd:{password}\r\nm=audio 9 RTP/AVP 0\r\n");
    let more = more.replace(":web\r", ":webx\r");
    let current = Precondition::Tag(format!("\"{}\"", value(&answer, "ice-ufrag").unwrap()));
    let stale = Precondition::Tag("\"x\"".into());
    assert_eq!(node.control.web(&ice(&more, stale), Default::default(), 0), Reply::Over);
    let other = node.control.web(&ice(&more, current.clone()), Default::default(), 0);
    assert!(matches!(other, Reply::Malformed(_)), "a tag of this session, and other credentials");
    let restarted = node.control.web(&ice(&more, Precondition::Any), Default::default(), 0);
    let Reply::Restarted { tag, fragment } = restarted else { panic!("{restarted:?}") };
    assert_eq!(node.control.web(&ice(&more, current), Default::default(), 0), Reply::Over);
    let again =
        node.control.web(&ice(&more, Precondition::Tag(tag.clone())), Default::default(), 0);
    assert_eq!(again, Reply::Taken);
    assert!(fragment.contains("a=mid:0\r\n") && fragment.contains("a=candidate:1 1 UDP "));
    let mut anew = answer.clone();
    for name in ["ice-ufrag", "ice-pwd"] {
        let [before, after] = [&answer, &fragment].map(|text| value(text, name).unwrap());
        assert_ne!(before, after);
        anew = anew.replace(&format!("{name}:{before}"), &format!("{name}:{after}"));
    }
    assert_eq!(tag, format!("\"{}\"", value(&fragment, "ice-ufrag").unwrap()));
    // From elsewhere, by the same keys.
    keyed.socket = checked(&anew).0;
    let mut packets = 0;
    while packets < 3 {
        let packet = Phone::receive(&keyed.socket).0;
        packets += usize::from((128..192).contains(&packet[0]));
    }
    // It leaves by its session's name, and by no other.
    let leave = |conference: &str, session: &str| Question::Leave {
        conference: conference.into(),
        session: session.into(),
    };
    for (conference, session) in [("room", "x"), ("other", &session[..]), ("room", "whip-p")] {
        assert_eq!(
            node.control.web(&leave(conference, session), Default::default(), 0),
            Reply::Unknown
        );
    }
    assert_eq!(node.control.members(), 2);
    assert_eq!(node.control.web(&leave("room", &session), Default::default(), 0), Reply::Done);
    assert_eq!(node.control.web(&leave("room", &session), Default::default(), 0), Reply::Unknown);
    assert_eq!((node.control.members(), node.control.calls()), (1, 1));
}

#[test]
fn who_can_not_be_let_in_by_whip_is_told_why() {
    let (mut node, browser) =
        (Node::on("127.0.0.1", support::ports::free(100)), Identity::new().unwrap());
    let fit = offer(&browser, "web", "");
    assert!(matches!(enter(&mut node, "hello"), Reply::Malformed(_)));
    let keyless = fit.replace("a=fingerprint", "a=x");
    assert!(
        matches!(enter(&mut node, &keyless), Reply::NotAcceptable(why) if why.contains("crypto"))
    );
    let silent = fit.replace("m=audio", "m=video");
    assert!(
        matches!(enter(&mut node, &silent), Reply::NotAcceptable(why) if why.contains("audio"))
    );
    node.control.set_accepting(false);
    assert!(matches!(enter(&mut node, &fit), Reply::NoRoom(_)));
    assert_eq!((node.control.calls(), node.control.ports_taken()), (0, 0));
}
