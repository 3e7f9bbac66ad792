// SPDX-License-Identifier: MIT OR Apache-2.0
//! Phones in a conference, on loopback: who is let in, who hears whom, who goes. How well they hear is the business
//! of `src/worker/mix_tests.rs`, where time is an argument.
#![allow(missing_docs, unreachable_pub)]

mod support;

use ale_media::codec::g711::Law;
use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{MasterKey, Receiver, Sender, Suite};
use ale_media_node::config::{Conference, Media};
use ale_media_node::ng::bencode::Value;
use support::Said::{self, Text};
use support::talker::{TONES_HZ, Talker, join};
use support::{Node, Phone, addresses, amplitude};

/// Talks for half a second at a time until each hears those tones and no others.
fn until_heard(talkers: &mut [Talker], heard: &[&[usize]]) {
    for _ in 0..60 {
        for talker in &mut *talkers {
            talker.heard.clear();
        }
        // What each gets paces what it says.
        for _ in 0..25 {
            talkers.iter_mut().for_each(Talker::hear);
            talkers.iter_mut().for_each(Talker::say);
        }
        let all =
            talkers.iter().zip(heard).all(|(talker, heard)| {
                let of = |tone: usize| amplitude(&talker.heard, TONES_HZ[tone]);
                (0..3).all(|tone| {
                    if heard.contains(&tone) { of(tone) > 2_000.0 } else { of(tone) < 200.0 }
                })
            });
        if all {
            return;
        }
    }
    panic!("they don't hear what they should");
}

fn line(tag: u32) -> CryptoAttribute {
    let suite = Suite::AeadAes128Gcm;
    let bytes: Vec<u8> = (0..28).map(|n| n ^ 0x5a).collect();
    CryptoAttribute::new(tag, suite, MasterKey::from_concatenated(suite, &bytes).unwrap())
}

fn counts(node: &Node) -> [usize; 4] {
    let control = &node.control;
    [control.calls(), control.conferences(), control.members(), control.ports_taken() as usize]
}

#[test]
fn three_hear_each_other_and_not_themselves_until_one_leaves() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    let phones = [0; 3].map(|_| Phone::new());
    let ours = line(3);
    let offers = [
        phones[0].sdp("RTP/AVP", "a=rtcp-mux\r\n"),
        phones[1].sdp("RTP/AVP", "").replace(" 0 8 101", " 18 8 0"),
        phones[2].sdp("RTP/SAVP", &format!("a=crypto:1 NONE inline:AA\r\n{}\r\n", &*ours.line())),
    ];
    let answers = [0, 1, 2].map(|n| join(&mut node, &n.to_string(), "room", &offers[n], &[]).sdp());
    assert!(answers[0].contains(" RTP/AVP 0 101\r\n"), "{}", answers[0]);
    assert!(answers[0].contains("a=rtcp-mux\r\n") && answers[0].contains("a=sendrecv\r\n"));
    assert!(answers[1].contains(" RTP/AVP 8\r\n"), "{}", answers[1]);
    assert!(!answers[1].contains("rtcp-mux") && !answers[1].contains("crypto"));
    let theirs = answers[2].lines().find(|line| line.starts_with("a=crypto:")).unwrap();
    let theirs = CryptoAttribute::parse(theirs).unwrap();
    assert_eq!((theirs.tag, theirs.suite), (3, ours.suite));
    assert_eq!(counts(&node), [3, 1, 3, 3]);
    let mut laws = [Law::Mu, Law::A, Law::Mu].into_iter();
    let mut talkers: Vec<Talker> = phones
        .into_iter()
        .zip(&answers)
        .zip(TONES_HZ)
        .map(|((phone, answer), hz)| Talker::new(phone, answer, laws.next().unwrap(), hz))
        .collect();
    talkers[2].srtp = Some((
        Sender::new(&ours.to_config().unwrap()).unwrap(),
        Receiver::new(&theirs.to_config().unwrap()).unwrap(),
    ));
    until_heard(&mut talkers, &[&[1, 2], &[0, 2], &[0, 1]]);
    // Who is blocked is not heard, and hears.
    let blocked = [Text("call-id", "1"), Text("from-tag", "1")];
    assert_eq!(node.ask("block media", &blocked).text("result").as_deref(), Some("ok"));
    until_heard(&mut talkers, &[&[2], &[0, 2], &[0]]);
    assert_eq!(node.ask("unblock media", &blocked).text("result").as_deref(), Some("ok"));
    // On hold a member says nothing to the others, whatever comes, and is told so.
    let held = join(&mut node, "0", "room", &format!("{}a=recvonly\r\n", offers[0]), &[]).sdp();
    assert!(held.contains("a=sendonly\r\n") && addresses(&held) == addresses(&answers[0]));
    assert_eq!(
        held.lines().nth(1).unwrap(),
        answers[0].lines().nth(1).unwrap().replace(" 1 IN", " 2 IN")
    );
    until_heard(&mut talkers, &[&[1, 2], &[2], &[1]]);
    assert_eq!(
        join(&mut node, "0", "room", &format!("{}a=recvonly\r\n", offers[0]), &[]).sdp(),
        held
    );
    join(&mut node, "0", "room", &offers[0], &[]).sdp();
    // What is known.
    let query = node.ask("query", &[Text("conference", "room")]);
    let Some(Value::List(members)) = query.value().entry("members").cloned() else { panic!() };
    assert_eq!(members.len(), 3);
    let of_call = node.ask("query", &[Text("call-id", "2")]);
    let about = of_call.value().entry("conference").cloned().unwrap();
    assert_eq!(about.entry("codec").and_then(Value::text), Some("PCMU/8000"));
    let list = node.ask("list", &[]);
    let Some(Value::List(listed)) = list.value().entry("conferences").cloned() else { panic!() };
    assert_eq!(listed[0].entry("members"), Some(&Value::Integer(3)));
    // One leaves: the others go on.
    let gone = [Text("call-id", "2"), Text("from-tag", "2")];
    assert_eq!(node.ask("delete", &gone).text("result").as_deref(), Some("ok"));
    talkers.pop();
    until_heard(&mut talkers, &[&[1], &[0]]);
    assert_eq!(node.control.members(), 2);
    for id in ["0", "1"] {
        node.ask("delete", &[Text("call-id", id), Text("from-tag", id)]);
    }
    assert_eq!(counts(&node)[..3], [0, 0, 0]);
    assert!(node.ask("query", &[Text("conference", "room")]).text("error-reason").is_some());
    // The worker closes the sockets when it gets to it.
    while node.control.ports_taken() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn what_is_refused_is_named_and_changes_nothing() {
    let (port_min, port_max) = support::ports::free(100);
    let media = Media { port_min, port_max, max_calls: 4, ..Media::default() };
    let limits = Conference { max_conferences: 2, max_members: 2, ..Conference::default() };
    let mut node = Node::limited(&["127.0.0.1"], media, limits);
    let fit = Phone::new().sdp("RTP/AVP", "");
    for (call, conference) in [("a", "one"), ("b", "one"), ("c", "two")] {
        join(&mut node, call, conference, &fit, &[]).sdp();
    }
    let (load, before) = ([Said::List("supports", &["load limit"])], counts(&node));
    assert_eq!(before, [3, 2, 3, 3]);
    let video = fit.replace("m=audio", "m=video");
    let keyless = fit.replace("RTP/AVP", "RTP/SAVP");
    let foreign = fit.replace(" 0 8 101", " 18 101");
    let ipv6 = fit.replace("IP4 127.0.0.1", "IP6 ::1");
    let long = "x".repeat(256);
    for (call, conference, sdp, reason) in [
        ("d", "two", &foreign[..], "No codec that is known here"),
        ("d", "two", &video, "No line of audio"),
        ("d", "two", &keyless, "No crypto suite"),
        ("d", "two", &ipv6, "No interface"),
        ("d", "two", "hello", "Failed to parse SDP"),
        ("d", "one", &fit, "Conference is full"),
        ("d", "three", &fit, "Too many conferences"),
        ("d", "", &fit, "No conference"),
        ("d", &long, &fit, "Too long a name"),
        ("a", "two", &fit, "A change between conferences"),
        ("a", "one", &foreign, "A change of codec"),
        ("a", "one", &keyless, "No crypto suite"),
        ("a", "one", &ipv6, "address family"),
    ] {
        let refused = join(&mut node, call, conference, sdp, &[]);
        let told = refused.text("error-reason").unwrap_or_default();
        assert!(told.contains(reason), "{told:?} for {reason}");
        assert_eq!(counts(&node), before, "{reason}");
    }
    let stripped = [Said::List("flags", &["codec-strip-all"])];
    let told = join(&mut node, "d", "two", &fit, &stripped).text("error-reason").unwrap();
    assert!(told.contains("No codec"), "{told}");
    let refused = join(&mut node, "d", "three", &fit, &load);
    assert_eq!(refused.text("result").as_deref(), Some("load limit"));
    // A conference's call is none of two parties, and the other way round.
    let ids = [Text("call-id", "a"), Text("from-tag", "a"), Text("to-tag", "x"), Text("sdp", &fit)];
    for command in ["offer", "answer"] {
        assert!(node.ask(command, &ids).text("error-reason").is_some(), "{command}");
    }
    let stranger =
        [Text("call-id", "a"), Text("from-tag", "x"), Text("conference", "one"), Text("sdp", &fit)];
    let told = node.ask("conference join", &stranger).text("error-reason").unwrap();
    assert!(told.contains("Tags"), "{told}");
    let digit = [Text("call-id", "a"), Text("from-tag", "a"), Text("code", "5")];
    assert!(node.ask("play DTMF", &digit).text("error-reason").unwrap().contains("conference"));
    assert_eq!(counts(&node), before);
    let offer = [Text("call-id", "e"), Text("from-tag", "e"), Text("sdp", &fit)];
    node.ask("offer", &offer).sdp();
    let told = join(&mut node, "e", "two", &fit, &[]).text("error-reason").unwrap();
    assert!(told.contains("between a call and a conference"), "{told}");
    let told = join(&mut node, "f", "two", &fit, &[]).text("error-reason").unwrap();
    assert!(told.contains("limit reached"), "{told}");
    node.ask("delete", &[Text("call-id", "e")]);
    node.control.set_accepting(false);
    let told = join(&mut node, "d", "two", &fit, &[]).text("error-reason").unwrap();
    assert!(told.contains("Load limit"), "{told}");
    // Those there are go on, and their places come free.
    join(&mut node, "a", "one", &fit, &[]).sdp();
    node.control.set_accepting(true);
    let phone = Phone::new();
    let answer = join(&mut node, "a", "one", &phone.sdp("RTP/AVP", ""), &[]).sdp();
    let mut paced = Talker::new(phone, &answer, Law::Mu, 400.0);
    for _ in 0..20 {
        node.ask("delete", &[Text("call-id", "b")]);
        // Without a tick its place is not free: a spare one stands in.
        join(&mut node, "b", "one", &fit, &[]).sdp();
        paced.hear();
        paced.hear();
        assert_eq!(counts(&node)[..3], [3, 2, 3]);
    }
}

#[test]
fn who_sends_nothing_for_too_long_goes_and_with_the_last_the_conference() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    let phone = Phone::new();
    let answer = join(&mut node, "a", "room", &phone.sdp("RTP/AVP", ""), &[]).sdp();
    join(&mut node, "b", "room", &Phone::new().sdp("RTP/AVP", ""), &[]).sdp();
    let mut talker = Talker::new(phone, &answer, Law::Mu, 400.0);
    for _ in 0..5 {
        talker.hear();
        talker.say();
    }
    // Its packets have been heard when the next tick has come.
    talker.hear();
    talker.hear();
    let timeout_ns = 60_000_000_000;
    node.control.sweep(timeout_ns);
    assert_eq!(counts(&node)[..3], [1, 1, 1]);
    assert!(node.ask("query", &[Text("call-id", "a")]).text("error-reason").is_none());
    node.control.sweep(10 * timeout_ns);
    assert_eq!(counts(&node)[..3], [0, 0, 0]);
    assert_eq!(node.control.totals().timed_out, 2);
}

#[test]
fn levels_in_headers_say_who_is_heard_and_how_loud() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    let phones = [0; 3].map(|_| Phone::new());
    let ours = line(1);
    let named = "a=extmap:3 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
                 a=extmap:5 urn:ietf:params:rtp-hdrext:csrc-audio-level\r\n";
    let offers = [
        phones[0].sdp("RTP/SAVP", &format!("{}\r\n{named}", &*ours.line())),
        phones[1].sdp("RTP/AVP", named),
        phones[2].sdp("RTP/AVP", ""),
    ];
    let answers = [0, 1, 2].map(|n| join(&mut node, &n.to_string(), "room", &offers[n], &[]).sdp());
    assert!(answers[0].contains(named) && answers[1].contains(named), "{}", answers[0]);
    assert!(!answers[2].contains("extmap"));
    let other = offers[1].replace("extmap:3", "extmap:4");
    let again = join(&mut node, "1", "room", &other, &[]).sdp();
    assert!(
        !again.contains("extmap:4") && again.contains("extmap:5"),
        "no other number within a call"
    );
    let theirs = answers[0].lines().find(|line| line.starts_with("a=crypto:")).unwrap();
    let theirs = CryptoAttribute::parse(theirs).unwrap();
    let mut tones = TONES_HZ.into_iter();
    let mut talkers: Vec<Talker> = (phones.into_iter().zip(&answers))
        .map(|(phone, answer)| Talker::new(phone, answer, Law::Mu, tones.next().unwrap()))
        .collect();
    talkers[0].srtp = Some((
        Sender::new(&ours.to_config().unwrap()).unwrap(),
        Receiver::new(&theirs.to_config().unwrap()).unwrap(),
    ));
    // 127 is silence: such packets of who is known need not be decoded, and are believed of nobody else.
    talkers[0].says_level = Some((3, 127));
    talkers[1].says_level = Some((3, 127));
    until_heard(&mut talkers, &[&[1, 2], &[2], &[1]]);
    talkers[0].says_level = Some((3, 22));
    until_heard(&mut talkers, &[&[1, 2], &[0, 2], &[0, 1]]);
    // Two tones of amplitude 4,000 have together 18.3 dB below full scale.
    let [first, second, third] = &talkers[..] else { panic!() };
    for talker in [first, second] {
        let value = |id| talker.elements.iter().find(|(of, _)| *of == id).map(|(_, value)| value);
        let level = value(3).unwrap_or_else(|| panic!("{:?}", talker.elements))[0] & 0x7f;
        assert!((17..=20).contains(&level), "{level}");
        assert_eq!((value(5).map(Vec::len), talker.sources), (Some(2), 2), "who is in the mix");
    }
    assert!(third.elements.is_empty());
}
