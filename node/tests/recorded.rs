// SPDX-License-Identifier: MIT OR Apache-2.0
//! The questions that rtpengine 10.5 was asked, asked again; see `recorded/README.md`.
//!
//! Differences in every description, which the comparison leaves out: lines keep the order in which they
//! came, and payload types that need no `a=rtpmap` (RFC 3551) are given none.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::collections::BTreeSet;

use ale_media_node::config::Media;
use ale_media_node::ng::bencode::Value;
use serde_json::Value as Json;
use support::Said::{self, List, Text};
use support::{Answer, Node};

const RECORDED: &str = include_str!("recorded/rtpengine-10.5.json");
const KEY: &str =
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd\r\n";

/// The description that the questions are about.
struct Described<'t> {
    port: u16,
    transport: &'t str,
    formats: &'t str,
    more: &'t str,
    direction: &'t str,
}

impl Described<'_> {
    fn sdp(&self) -> String {
        let Self { port, transport, formats, more, direction } = self;
        format!(
            "v=0\r\no=- 77 1 IN IP4 198.51.100.10\r\ns=-\r\nc=IN IP4 198.51.100.10\r\nt=0 0\r\n\
             m=audio {port} {transport} {formats}\r\na=rtpmap:101 telephone-event/8000\r\n{more}\
             a={direction}\r\n"
        )
    }
}

fn described(port: u16, formats: &str) -> Described<'_> {
    Described { port, transport: "RTP/AVP", formats, more: "", direction: "sendrecv" }
}

/// A description's lines with what is random replaced, and without what every answer differs in.
fn lines<'t>(text: impl Iterator<Item = &'t str>) -> BTreeSet<String> {
    let replaced = |line: &str| {
        let mut words: Vec<&str> = line.split(' ').collect();
        if line.starts_with("m=") && words[1] != "0" {
            words[1] = "PORT";
        }
        let line = words.join(" ");
        match line.split_once(':') {
            Some(("a=rtcp", _)) => String::from("a=rtcp:PORT"),
            Some(("a=crypto", rest)) => {
                format!("a=crypto:{} inline:KEY", rest.split(" inline:").next().unwrap())
            }
            _ => line,
        }
    };
    text.map(replaced)
        .filter(|line| !line.starts_with("a=rtpmap:0 ") && !line.starts_with("a=rtpmap:8 "))
        .collect()
}

/// What the recorded description has and ours has not, and the other way round.
fn difference(recorded: &Json, name: &str, ours: &Answer) -> [Vec<String>; 2] {
    let theirs = recorded[name]["sdp"].as_array().unwrap_or_else(|| panic!("{name}"));
    let theirs = lines(theirs.iter().map(|line| line.as_str().unwrap()));
    let ours = ours.sdp();
    let ours = lines(ours.lines());
    [theirs.difference(&ours).cloned().collect(), ours.difference(&theirs).cloned().collect()]
}

/// A question's name, its description and flags, and the differences.
type Question<'q> = (&'q str, String, Vec<Said<'q>>, [&'q [&'q str]; 2]);

const REPLACE: Said<'static> = List("replace", &["origin", "session-connection"]);
const NO_ICE: Said<'static> = Text("ICE", "remove");

fn node() -> Node {
    let (port_min, port_max) = support::ports::free(1000);
    let media = Media { port_min, port_max, ..Media::default() };
    Node::with(&["127.0.0.1!198.51.100.1"], media)
}

fn ask(node: &mut Node, command: &str, id: &str, sdp: &str, more: &[Said<'_>]) -> Answer {
    let mut said = vec![Text("call-id", id), Text("sdp", sdp)];
    said.extend(more.iter().copied());
    node.ask(command, &said)
}

#[test]
fn descriptions_are_those_of_rtpengine_but_for_what_is_listed() {
    let recorded: Json = serde_json::from_str(RECORDED).unwrap();
    let node = &mut node();
    let offer = described(4000, "0 8 101");
    let answer = described(5000, "0 101");
    let savp = Text("transport-protocol", "RTP/SAVP");
    let avp = Text("transport-protocol", "RTP/AVP");
    let secure = |offer: Described<'_>| Described { transport: "RTP/SAVP", ..offer }.sdp();
    let none: [&[&str]; 2] = [&[], &[]];
    let hold = |described: Described<'_>, direction| Described { direction, ..described }.sdp();
    let video = "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n\
                 a=fmtp:96 max-fr=30\r\n";
    let offers: [Question<'_>; 8] = [
        ("plain", offer.sdp(), vec![NO_ICE, REPLACE], none),
        ("defaults", offer.sdp(), vec![], none),
        ("hold", hold(described(4000, "0 8 101"), "sendonly"), vec![NO_ICE, REPLACE], none),
        (
            "from SDES",
            secure(Described { more: KEY, ..described(4000, "0 101") }),
            vec![NO_ICE, avp, REPLACE],
            none,
        ),
        // The direction stays what the phone wrote: the address of nowhere says hold already.
        (
            "old hold",
            offer.sdp().replace("c=IN IP4 198.51.100.10", "c=IN IP4 0.0.0.0"),
            vec![NO_ICE, REPLACE],
            [&["a=sendonly"], &["a=sendrecv"]],
        ),
        ("audio and video", format!("{}{video}", offer.sdp()), vec![NO_ICE, REPLACE], none),
        ("unknown flag", offer.sdp(), vec![REPLACE, Text("no such key", "1")], none),
        ("to SDES", offer.sdp(), vec![NO_ICE, savp, REPLACE], none),
    ];
    for (name, sdp, flags, expected) in offers {
        let mut flags = flags;
        flags.push(Text("from-tag", "a"));
        let ours = ask(node, "offer", name, &sdp, &flags);
        if name != "to SDES" {
            let found = difference(&recorded, &format!("{name}: offer"), &ours);
            assert_eq!(found, expected, "{name}");
        }
        let reply = match name {
            "hold" => hold(described(5000, "0 101"), "recvonly"),
            "to SDES" => {
                let crypto = ours
                    .sdp()
                    .lines()
                    .find(|line| line.contains("_CM_128_HMAC_SHA1_80"))
                    .map(|line| format!("{line}\r\n"))
                    .unwrap();
                secure(Described { more: &crypto, ..described(5000, "0 101") })
            }
            "audio and video" | "old hold" | "unknown flag" => continue,
            _ => answer.sdp(),
        };
        let ours = ask(node, "answer", name, &reply, &[Text("from-tag", "a"), Text("to-tag", "b")]);
        let found = difference(&recorded, &format!("{name}: answer"), &ours);
        assert_eq!(found, none, "{name}");
    }
}

/// Texts and lists of an answer, without what is of the moment.
fn shape(value: &Value<'_>) -> Json {
    match value {
        Value::Integer(number) => (*number).into(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into(),
        Value::List(list) => list.iter().map(shape).collect(),
        Value::Dictionary(entries) => {
            let of_the_moment = ["created", "created_us", "last signal"];
            let entries = entries.iter().map(|(key, value)| (String::from_utf8_lossy(key), value));
            Json::Object(
                entries
                    .filter(|(key, _)| !of_the_moment.contains(&&key[..]))
                    .map(|(key, value)| match &key[..] {
                        "local port" => (key.into(), "N".into()),
                        _ => (key.into(), shape(value)),
                    })
                    .collect(),
            )
        }
    }
}

#[test]
fn errors_and_small_answers_are_those_of_rtpengine() {
    let recorded: Json = serde_json::from_str(RECORDED).unwrap();
    let node = &mut node();
    let sdp = described(4000, "0 8 101").sdp();
    let a = || Text("from-tag", "a");
    for (name, command, said) in [
        ("ping", "ping", vec![]),
        (
            "answer to nothing",
            "answer",
            vec![Text("call-id", "none"), a(), Text("to-tag", "b"), Text("sdp", &sdp)],
        ),
        ("delete of nothing", "delete", vec![Text("call-id", "none"), a()]),
        ("query of nothing", "query", vec![Text("call-id", "none")]),
        ("offer without tag", "offer", vec![Text("call-id", "x"), Text("sdp", &sdp)]),
        ("offer without sdp", "offer", vec![Text("call-id", "x"), a()]),
        (
            "offer with no sdp inside",
            "offer",
            vec![Text("call-id", "x"), a(), Text("sdp", "hello")],
        ),
        ("unknown command", "frobnicate", vec![]),
    ] {
        assert_eq!(shape(&node.ask(command, &said).value()), recorded[name], "{name}");
    }
    assert_eq!(node.control.calls(), 0);
}

/// What rtpengine 10.5 or a later one does and this node does not; `docs/ng.md` has the reasons.
#[test]
fn commands_that_are_not_done_say_what_is_and_leave_the_call_as_it_was() {
    let node = &mut node();
    let flags = [REPLACE, Text("from-tag", "a")];
    let sdp = described(4000, "0 8 101").sdp();
    let reply = described(5000, "0 101").sdp();
    for id in ["c", "d"] {
        ask(node, "offer", id, &sdp, &flags).sdp();
        ask(node, "answer", id, &reply, &[Text("from-tag", "a"), Text("to-tag", "b")]).sdp();
    }
    let before = shape(&node.ask("query", &[Text("call-id", "c")]).value());
    let ports = node.control.ports_taken();
    for (command, instead) in [
        ("connect", "joins one conference"),
        ("mesh", "joins one conference"),
        ("create", "joins a conference"),
    ] {
        let said = [Text("from-tag", "a"), Text("to-tag", "b"), Text("to-call-id", "d")];
        let refused = ask(node, command, "c", &sdp, &said);
        assert_eq!(refused.text("result").as_deref(), Some("error"), "{command}");
        let reason = refused.text("error-reason").unwrap();
        assert!(reason.starts_with("Command is not done by this node: "), "{command}: {reason}");
        assert!(reason.ends_with(instead), "{command}: {reason}");
        // No SDP that a proxy could pass on.
        assert_eq!(refused.text("sdp"), None, "{command}");
    }
    assert_eq!((node.control.calls(), node.control.ports_taken()), (2, ports));
    assert_eq!(shape(&node.ask("query", &[Text("call-id", "c")]).value()), before);
}

#[test]
fn a_query_has_what_rtpengine_tells_of_each_stream() {
    let recorded: Json = serde_json::from_str(RECORDED).unwrap();
    let node = &mut node();
    let flags = [NO_ICE, REPLACE, Text("from-tag", "a")];
    let sdp = described(4000, "0 8 101").sdp();
    ask(node, "offer", "probe-twice", &sdp, &flags).sdp();
    let answer = described(5000, "0 101").sdp();
    ask(node, "answer", "probe-twice", &answer, &[Text("from-tag", "a"), Text("to-tag", "b")])
        .sdp();
    let list = node.ask("list", &[Text("limit", "10")]);
    assert_eq!(shape(&list.value()), recorded["list"]);
    let mut ours = shape(&node.ask("query", &[Text("call-id", "probe-twice")]).value());
    let mut theirs = recorded["query"].clone();
    for answer in [&mut ours, &mut theirs] {
        for tag in ["a", "b"] {
            let medias = answer["tags"][tag]["medias"].as_array_mut().unwrap();
            for media in medias {
                // Which direction and which part of ICE a line has is not told.
                media.as_object_mut().unwrap().remove("flags");
                for stream in media["streams"].as_array_mut().unwrap() {
                    // A time of a clock that is each node's own.
                    stream.as_object_mut().unwrap().remove("last packet");
                }
            }
        }
    }
    assert_eq!(ours, theirs);
    let ended = node.ask("delete", &[Text("call-id", "probe-twice"), Text("from-tag", "a")]);
    let ended = shape(&ended.value());
    assert_eq!(ended["tags"]["a"]["tag"], "a");
    assert_eq!(ended["result"], "ok");
}

#[test]
fn a_second_offer_keeps_the_ports_whichever_side_it_is_of() {
    let node = &mut node();
    let port = |answer: &Answer| {
        let sdp = answer.sdp();
        sdp.lines()
            .find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next()?.parse().ok())
            .map(|port: u16| port)
            .unwrap()
    };
    let sdp = described(4000, "0 8 101").sdp();
    let reply = described(5000, "0 101").sdp();
    let by = |from, to| [Text("from-tag", from), Text("to-tag", to)];
    let first = port(&ask(node, "offer", "c", &sdp, &[Text("from-tag", "a")]));
    let answered = port(&ask(node, "answer", "c", &reply, &by("a", "b")));
    assert_ne!(first, answered);
    assert_eq!(port(&ask(node, "offer", "c", &sdp, &by("a", "b"))), first);
    assert_eq!(port(&ask(node, "answer", "c", &reply, &by("a", "b"))), answered);
    assert_eq!(port(&ask(node, "offer", "c", &reply, &by("b", "a"))), answered);
    assert_eq!(port(&ask(node, "answer", "c", &sdp, &by("b", "a"))), first);
    // Who is of neither side has nothing to say.
    let refused = ask(node, "offer", "c", &sdp, &by("x", "y"));
    assert_eq!(refused.text("result").as_deref(), Some("error"));
}
