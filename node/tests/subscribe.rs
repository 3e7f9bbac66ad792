// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording server that subscribes to a call: it hears who has agreed, while that stands, and nobody else.
#![allow(missing_docs, unreachable_pub)]

mod support;

use ale_media::codec::g711::Law;
use ale_media::srtp::Suite;
use ale_media_node::ng::bencode::Value;
use ale_media_sinks::audit::verify;
use support::Said::{self, List, Text};
use support::server::{Line, SERVER, answering, is_heard};
use support::talker::{Talker, join};
use support::taps::{Folder, KEY, ok, reason, states, with};
use support::{Answer, Node, Phone};

const TONES_HZ: [f64; 2] = [400.0, 2_200.0];

/// A call of mu-law, and a member of a conference that paces a test.
fn call(node: &mut Node, agreed: &[Said<'_>]) -> ([Talker; 2], Talker) {
    let phones = [Phone::new(), Phone::new()];
    let [anna, ben] = [0, 1].map(|n: usize| phones[n].sdp("RTP/AVP", ""));
    let told = node.call("c", (&anna, agreed), |_| ben);
    let mut told = told.into_iter().rev().zip(TONES_HZ);
    let talkers = phones.map(|phone| {
        let (told, hz) = told.next().unwrap();
        Talker::new(phone, &told, Law::Mu, hz)
    });
    let phone = Phone::new();
    let answer = join(node, "metronome", "alone", &phone.sdp("RTP/AVP", ""), &[]).sdp();
    (talkers, Talker::new(phone, &answer, Law::Mu, 100.0))
}

fn talk(node: &mut Node, (talkers, pace): &mut ([Talker; 2], Talker), lines: &mut [Line]) {
    for line in &mut *lines {
        line.hear();
        line.heard.clear();
    }
    for n in 0..40 {
        pace.hear();
        talkers.iter_mut().for_each(Talker::say);
        lines.iter_mut().for_each(Line::hear);
        if n % 5 == 0 {
            node.control.listen(0);
        }
    }
}

const ALL: [Said<'static>; 2] = [Text("call-id", "c"), List("flags", &["all", "SIPREC"])];

fn to_tag(answer: &Answer) -> String {
    answer.text("to-tag").unwrap()
}

#[test]
fn a_subscriber_hears_who_has_agreed_and_no_longer_than_that() {
    let folder = Folder::new("subscribed");
    let mut node = with(&folder, support::ports::free(100), "", SERVER);
    let mut calling = call(&mut node, &[Text("consent", "srs")]);
    let ports = node.control.ports_taken();
    let asked = node.ask("subscribe request", &ALL);
    let (offer, tag) = (asked.sdp(), to_tag(&asked));
    assert_eq!(offer.matches("\r\nm=audio ").count(), 2, "{offer}");
    assert_eq!(offer.matches("\r\na=sendonly\r\n").count(), 2, "{offer}");
    assert!(offer.contains("a=label:0\r\n") && offer.contains("a=label:1\r\n"), "{offer}");
    assert!(offer.contains(" RTP/AVP 0 8\r\n") && !offer.contains("telephone-event"), "{offer}");
    let value = asked.value();
    let Some(Value::List(medias)) = value.entry("tag-medias") else { panic!("{value:?}") };
    let tags: Vec<_> = medias.iter().filter_map(|of| of.entry("tag")?.text()).collect();
    assert_eq!(tags, ["a", "b"]);
    assert_eq!((node.control.subscriptions(), node.control.ports_taken()), (1, ports + 2));

    let mut lines = [Line::new(), Line::new()];
    lines[1].payload_type = 97;
    let answer = answering(&offer, &[Some(&lines[0]), Some(&lines[1])], "");
    let of = [Text("call-id", "c"), Text("to-tag", &tag)];
    let answered = node.ask("subscribe answer", &[of[0], of[1], Text("sdp", &answer)]);
    let named = |tag: &str, state: &str| (tag.to_owned(), state.to_owned());
    assert_eq!(states(&answered), [named("a", "agreed"), named("b", "unasked")]);
    talk(&mut node, &mut calling, &mut lines);
    assert!(is_heard(&lines[0], TONES_HZ[0]) && lines[1].heard.is_empty());
    assert_eq!(node.control.taps(), [1, 1, 0]);
    let query = node.ask("query", &of[..1]);
    let tags = query.value().entry("tags").cloned().unwrap();
    let related = |tag: &str, key: &str| {
        let Some(Value::List(list)) = tags.entry(tag).unwrap().entry(key) else { panic!() };
        let text = |of: &Value<'_>, key| of.entry(key).and_then(Value::text).unwrap().to_owned();
        list.iter().map(|of| (text(of, "tag"), text(of, "type"))).collect::<Vec<_>>()
    };
    // As rtpengine has them.
    let [talks, listens] = ["offer/answer", "pub/sub"];
    assert_eq!(related("a", "subscribers"), [named("b", talks), named(&tag, listens)]);
    assert_eq!(related("a", "subscriptions"), [named("b", talks)]);
    assert_eq!(related(&tag, "subscriptions"), [named("a", listens), named("b", listens)]);
    assert_eq!(related(&tag, "subscribers"), []);
    let Some(Value::List(medias)) = tags.entry(&tag).unwrap().entry("medias") else { panic!() };
    let streams = medias.iter().zip(&lines).map(|(media, line)| {
        let Some(Value::List(streams)) = media.entry("streams") else { panic!("{media:?}") };
        let to = streams[0].entry("endpoint").and_then(|to| to.entry("port")?.number());
        assert_eq!(to, Some(line.socket.local_addr().unwrap().port().into()));
        streams[0].entry("local port").and_then(Value::number).unwrap()
    });
    let offered = offer.lines().filter_map(|line| line.strip_prefix("m=audio "));
    let offered = offered.map(|line| line.split(' ').next().unwrap().parse().unwrap());
    assert_eq!(streams.collect::<Vec<i64>>(), offered.collect::<Vec<i64>>());

    let ben = [Text("call-id", "c"), Text("from-tag", "b"), Text("consent", "srs")];
    ok(&node.ask("consent", &ben));
    talk(&mut node, &mut calling, &mut lines);
    assert!(is_heard(&lines[0], TONES_HZ[0]) && is_heard(&lines[1], TONES_HZ[1]));

    let anna = [Text("call-id", "c"), Text("from-tag", "a"), Text("withdraw", "srs")];
    ok(&node.ask("consent", &anna));
    // What was on its way to the socket.
    talk(&mut node, &mut calling, &mut lines);
    talk(&mut node, &mut calling, &mut lines);
    assert!(lines[0].heard.is_empty() && is_heard(&lines[1], TONES_HZ[1]));

    // Somebody else is in Ben's place, who has agreed to nothing.
    let moved = calling.0[1].phone.sdp("RTP/AVP", "").replace("o=- 77 1", "o=- 78 1");
    let to_anna = [Text("call-id", "c"), Text("from-tag", "d"), Text("to-tag", "a")];
    let stays = calling.0[0].phone.sdp("RTP/AVP", "");
    node.ask("offer", &[to_anna[0], to_anna[1], to_anna[2], Text("sdp", &moved)]).sdp();
    node.ask("answer", &[to_anna[0], to_anna[1], to_anna[2], Text("sdp", &stays)]).sdp();
    talk(&mut node, &mut calling, &mut lines);
    talk(&mut node, &mut calling, &mut lines);
    assert!(lines[1].heard.is_empty());
    ok(&node.ask("consent", &[to_anna[0], to_anna[1], Text("consent", "srs")]));
    talk(&mut node, &mut calling, &mut lines);
    assert!(is_heard(&lines[1], TONES_HZ[1]), "over the same line");

    ok(&node.ask("unsubscribe", &of));
    assert_eq!(reason(&node.ask("unsubscribe", &of)), "Unknown to-tag");
    talk(&mut node, &mut calling, &mut lines);
    talk(&mut node, &mut calling, &mut lines);
    assert!(lines.iter().all(|line| line.heard.is_empty() && line.gone));
    assert_eq!((node.control.taps(), node.control.subscriptions()), ([0; 3], 0));
    assert_eq!(node.control.ports_taken(), ports);
    drop(node);
    let audit = std::fs::read_to_string(folder.at("audit")).unwrap();
    verify(&audit, Some(KEY)).unwrap();
    // As of any tap: who asked for it, for whom, and what became of it.
    assert!(audit.contains("sink=7"), "{audit}");
}

#[test]
fn what_is_sent_to_a_subscriber_is_protected_as_agreed_and_a_line_may_be_refused() {
    let folder = Folder::new("subscribed-srtp");
    let mut node = with(&folder, support::ports::free(100), "", SERVER);
    let mut calling = call(&mut node, &[Text("consent", "srs")]);
    let ben = [Text("call-id", "c"), Text("from-tag", "b"), Text("consent", "srs")];
    ok(&node.ask("consent", &ben));
    let flags = [
        ALL[0],
        List("from-tags", &["b", "a"]),
        Text("transport-protocol", "RTP/SAVP"),
        Text("to-tag", "srs-1"),
    ];
    let asked = node.ask("subscribe request", &flags);
    let offer = asked.sdp();
    assert_eq!(to_tag(&asked), "srs-1");
    let offered: Vec<_> = offer.lines().filter(|line| line.starts_with("a=crypto:")).collect();
    let mut lines = [Line::new()];
    let (suite, key) = lines[0].agree(offered[0]);
    assert_eq!(suite, Suite::AeadAes256Gcm);
    let answer = answering(&offer, &[Some(&lines[0]), None], &key);
    let of = [Text("call-id", "c"), Text("to-tag", "srs-1"), Text("sdp", &answer)];
    let answered = node.ask("subscribe answer", &of);
    assert_eq!(states(&answered), [("b".to_owned(), "agreed".to_owned())]);
    talk(&mut node, &mut calling, &mut lines);
    assert!(is_heard(&lines[0], TONES_HZ[1]), "the first that was asked for");
    // The call's end is the subscription's.
    ok(&node.ask("delete", &[Text("call-id", "c")]));
    assert_eq!(node.control.subscriptions(), 0);
}

#[test]
fn what_is_refused_leaves_no_subscription_and_no_port() {
    let folder = Folder::new("unsubscribed");
    let mut node = with(&folder, support::ports::free(100), "", "");
    let calling = call(&mut node, &[]);
    assert_eq!(reason(&node.ask("subscribe request", &ALL)), "No sink for this is configured");
    drop((calling, node));
    let folder = Folder::new("unsubscribed-too");
    let other = SERVER.replace("srs", "other").replace("id = 7", "id = 8");
    let mut node = with(&folder, support::ports::free(100), "", &format!("{SERVER}{other}"));
    let _calling = call(&mut node, &[]);
    let ports = node.control.ports_taken();
    let srs = Text("sink", "srs");
    let dtls = Text("transport-protocol", "UDP/TLS/RTP/SAVPF");
    let id = ALL[0];
    for (said, why) in [
        (&[ALL[0], ALL[1]][..], "Several sinks: name one"),
        (&[id, srs][..], "No from-tag in message"),
        (&[id, srs, Text("from-tag", "x")], "Unknown from-tag"),
        (&[id, srs, List("from-tags", &["a", "x"])], "Unknown from-tag"),
        (&[Text("call-id", "x"), srs, ALL[1]], "Unknown call-id"),
        (&[id, srs, ALL[1], Text("to-tag", "b")], "The to-tag is a party's"),
        (&[id, srs, ALL[1], dtls], "DTLS or ICE with who subscribes is not done by this node"),
        (&[id, srs, ALL[1], List("codec", &[])], ""),
        (&[id, srs, List("flags", &["all", "codec-strip-all"])], "No codec is left"),
    ] {
        let refused = node.ask("subscribe request", said);
        if why.is_empty() {
            ok(&refused);
            let tag = to_tag(&refused);
            ok(&node.ask("unsubscribe", &[id, Text("to-tag", &tag)]));
        } else {
            assert_eq!(reason(&refused), why);
        }
        assert_eq!((node.control.subscriptions(), node.control.ports_taken()), (0, ports), "{why}");
    }
    let tag = to_tag(&node.ask("subscribe request", &[id, srs, Text("from-tag", "a")]));
    let again = node.ask("subscribe request", &[id, srs, ALL[1]]);
    assert_eq!(reason(&again), "The sink of this has a subscription already");
    // The same tag asks anew: what it had ends.
    let of = Text("to-tag", &tag);
    let offer = node.ask("subscribe request", &[id, srs, ALL[1], of]).sdp();
    assert_eq!((node.control.subscriptions(), node.control.ports_taken()), (1, ports + 2));
    // Another receiver is another sink.
    ok(&node.ask("subscribe request", &[id, Text("sink", "other"), ALL[1]]));
    let line = Line::new();
    for (answer, why) in [
        (String::from("x"), "Failed to parse SDP"),
        (answering(&offer, &[None, None], ""), "No line of audio over RTP"),
        (
            answering(&offer, &[Some(&line), None], "")
                .replace("PCMU", "GSM")
                .replace(" RTP/AVP 0", " RTP/AVP 96")
                .replace(":0 ", ":96 "),
            "No codec that is known here",
        ),
        (answering("RTP/SAVP", &[Some(&line), None], ""), "No crypto suite in common"),
    ] {
        let refused = node.ask("subscribe answer", &[id, of, Text("sdp", &answer)]);
        assert_eq!(reason(&refused), why);
    }
    let answer = answering(&offer, &[Some(&line), None], "");
    ok(&node.ask("subscribe answer", &[id, of, Text("sdp", &answer)]));
    let again = node.ask("subscribe answer", &[id, of, Text("sdp", &answer)]);
    assert_eq!(reason(&again), "No offer to be answered");
    let unknown = node.ask("subscribe answer", &[id, Text("to-tag", "x"), Text("sdp", &answer)]);
    assert_eq!(reason(&unknown), "Unknown to-tag");
}

#[test]
fn of_a_conference_the_member_is_heard_that_was_asked_for_and_not_the_others() {
    let folder = Folder::new("subscribed-member");
    let mut node = with(&folder, support::ports::free(100), "", SERVER);
    let mut tones = TONES_HZ.into_iter().zip(["m", "n"]);
    let mut members = [Phone::new(), Phone::new()].map(|phone| {
        let (hz, id) = tones.next().unwrap();
        let agrees = [Text("consent", "srs"), Text("to-tag", "answered")];
        let answer = join(&mut node, id, "room", &phone.sdp("RTP/AVP", ""), &agrees).sdp();
        Talker::new(phone, &answer, Law::Mu, hz)
    });
    let asked = node.ask("subscribe request", &[Text("call-id", "n"), List("flags", &["all"])]);
    let (offer, tag) = (asked.sdp(), to_tag(&asked));
    assert_eq!(offer.matches("m=audio ").count(), 1, "{offer}");
    let mut line = Line::new();
    let answer = answering(&offer, &[Some(&line)], "");
    let of = [Text("call-id", "n"), Text("to-tag", &tag), Text("sdp", &answer)];
    assert_eq!(states(&node.ask("subscribe answer", &of)), [("n".to_owned(), "agreed".to_owned())]);
    for n in 0..60 {
        members[0].hear();
        members.iter_mut().for_each(Talker::say);
        line.hear();
        if n % 5 == 0 {
            node.control.listen(0);
        }
    }
    assert!(is_heard(&line, TONES_HZ[1]) && !is_heard(&line, TONES_HZ[0]));
}

#[test]
fn who_publishes_is_sent_nothing_and_heard_by_who_subscribes_once_it_has_agreed() {
    let folder = Folder::new("published");
    let mut node = with(&folder, support::ports::free(100), "", SERVER);
    let pace = Phone::new();
    let answer = join(&mut node, "metronome", "alone", &pace.sdp("RTP/AVP", ""), &[]).sdp();
    let mut pace = Talker::new(pace, &answer, Law::Mu, 100.0);
    let phone = Phone::new();
    let ids = [Text("call-id", "p"), Text("from-tag", "studio")];
    for direction in ["", "a=recvonly\r\n", "a=inactive\r\n"] {
        let offer = phone.sdp("RTP/AVP", direction);
        let refused = node.ask("publish", &[ids[0], ids[1], Text("sdp", &offer)]);
        assert_eq!(reason(&refused), "What is published is sendonly");
    }
    let offer = phone.sdp("RTP/AVP", "a=sendonly\r\n");
    let answer = node.ask("publish", &[ids[0], ids[1], Text("sdp", &offer)]).sdp();
    assert!(answer.contains("a=recvonly\r\n") && answer.contains(" RTP/AVP 0 101\r\n"), "{answer}");
    let mut studio = Talker::new(phone, &answer, Law::Mu, TONES_HZ[0]);
    let asked = node.ask("subscribe request", &ids);
    let (offer, tag) = (asked.sdp(), to_tag(&asked));
    let mut line = Line::new();
    let answer = answering(&offer, &[Some(&line)], "");
    let of = [ids[0], Text("to-tag", &tag), Text("sdp", &answer)];
    let unasked = [("studio".to_owned(), "unasked".to_owned())];
    assert_eq!(states(&node.ask("subscribe answer", &of)), unasked);
    for agreed in [false, true] {
        if agreed {
            ok(&node.ask("consent", &[ids[0], ids[1], Text("consent", "srs")]));
        }
        for n in 0..40 {
            pace.hear();
            studio.say();
            line.hear();
            if n % 5 == 0 {
                node.control.listen(0);
            }
        }
        assert_eq!(!line.heard.is_empty(), agreed);
    }
    assert!(is_heard(&line, TONES_HZ[0]));
    studio.phone.rtp.set_nonblocking(true).unwrap();
    assert!(studio.phone.rtp.recv(&mut [0; 64]).is_err(), "it is sent nothing");
    ok(&node.ask("delete", &[ids[0]]));
    assert_eq!((node.control.subscriptions(), node.control.conferences()), (0, 1));
}
