// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recording and forwarding: what is in files and goes to programs is what its owners have agreed to, by tones that
//! say who spoke when. What the engine takes to the frame is the business of its own tests.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

use ale_media::codec::g711::Law;
use ale_media_node::ng::bencode::Value;
use ale_media_node::web::{Question, Reply, Way};
use ale_media_sinks::audit::verify;
use support::Said::{self, List, Text};
use support::talker::{Talker, join};
use support::taps::{Folder, KEY, node, ok, reason, states};
use support::{Node, Phone, amplitude};

/// Talks for so many packets; what each gets paces what it says.
fn talk(node: &mut Node, talkers: &mut [Talker], packets: usize) {
    for n in 0..packets {
        talkers.iter_mut().for_each(Talker::hear);
        talkers.iter_mut().for_each(Talker::say);
        if n % 5 == 0 {
            node.control.listen(0);
        }
    }
    node.control.listen(0);
}

fn talker(node: &mut Node, id: &str, hz: f64, more: &str, said: &[Said<'_>]) -> Talker {
    let phone = Phone::new();
    let answer = join(node, id, "room", &phone.sdp("RTP/AVP", more), said).sdp();
    Talker::new(phone, &answer, Law::Mu, hz)
}

#[test]
fn files_have_who_agreed_for_as_long_as_that_stood_and_nobody_else() {
    const NEVER: [f64; 3] = [700.0, 1_300.0, 3_300.0];
    const AGREED: [f64; 2] = [400.0, 2_200.0];
    let folder = Folder::new("files");
    let mut node = node(&folder, support::ports::free(100), None);
    let agreed = [Text("consent", "archive"), Text("consent-notice", "7")];
    let mut talkers = vec![
        talker(&mut node, "anna", AGREED[0], "", &agreed),
        talker(&mut node, "ben", NEVER[0], "", &[]),
        talker(&mut node, "cleo", NEVER[1], "", &[]),
    ];
    let of = [Text("conference", "room")];
    let named = |states: &[(&str, &str)]| -> Vec<_> {
        states.iter().map(|(tag, state)| ((*tag).to_owned(), (*state).to_owned())).collect()
    };
    assert_eq!(
        states(&node.ask("start recording", &of)),
        named(&[("anna", "agreed"), ("ben", "unasked"), ("cleo", "unasked")])
    );
    talk(&mut node, &mut talkers, 50);
    assert_eq!(node.control.taps(), [1, 2, 0]);
    // What she says is in nobody's buffer any more when she agrees to what follows.
    talkers[2].hz = AGREED[1];
    talk(&mut node, &mut talkers, 25);
    let cleo = [Text("call-id", "cleo"), Text("from-tag", "cleo")];
    ok(&node.ask("consent", &[cleo[0], cleo[1], List("consent", &["archive"])]));
    talk(&mut node, &mut talkers, 50);
    assert_eq!(node.control.taps(), [2, 1, 0]);
    ok(&node.ask("consent", &[cleo[0], cleo[1], Text("withdraw", "all")]));
    talkers[2].hz = NEVER[2];
    talk(&mut node, &mut talkers, 25);
    assert_eq!(node.control.taps(), [1, 2, 0]);
    // Who comes later is asked, too.
    let late = [Text("consent", "archive"), Text("consent-until", "1")];
    talkers.push(talker(&mut node, "dora", NEVER[1], "", &late));
    talk(&mut node, &mut talkers, 25);
    assert_eq!(
        states(&node.ask("pause recording", &of))[2..],
        named(&[("cleo", "withdrawn"), ("dora", "expired")])[..]
    );
    talk(&mut node, &mut talkers, 5);
    assert_eq!(node.control.taps()[2], 1, "only what is taken pauses");
    ok(&node.ask("stop recording", &of));
    talk(&mut node, &mut talkers, 25);
    assert_eq!(node.control.taps(), [0; 3]);
    let totals = node.control.tap_totals();
    assert_eq!((totals.begun, totals.refused, totals.granted, totals.withdrawn), (4, 0, 3, 1));
    let Reply::Metrics(text) = node.control.web(&Question::Metrics, Default::default(), 0) else {
        panic!()
    };
    assert!(text.contains("ale_taps_asked_total{outcome=\"begun\"} 4\n"), "{text}");
    assert!(text.contains("ale_consents_total{said=\"withdrawn\"} 1\n"), "{text}");
    drop(node);
    let recordings = folder.recordings();
    let mut who: Vec<_> = recordings.iter().map(|(entry, _)| &entry.who[..]).collect();
    who.sort_unstable();
    assert_eq!(who, ["anna", "cleo"]);
    for (entry, sound) in &recordings {
        let own = if entry.who == "anna" { 0 } else { 1 };
        assert!(amplitude(sound, AGREED[own]) > 1_000.0, "{} is not heard", entry.who);
        for hz in NEVER.into_iter().chain([AGREED[1 - own]]) {
            assert!(amplitude(sound, hz) < 20.0, "{hz} Hz is in the file of {}", entry.who);
        }
        assert_eq!((entry.call.as_deref(), entry.sink), (Some("room"), 1));
        assert!(entry.start_unix_ns.is_some() && entry.complete);
        // The text that was shown when the recording began.
        assert_eq!(entry.notice_version, if own == 0 { Some(7) } else { None });
    }
    let audit = std::fs::read_to_string(folder.at("audit")).unwrap();
    let verified = verify(&audit, Some(KEY)).unwrap();
    assert_eq!(verified.unsigned_lines, 0);
    for (line, times) in [("granted member=", 3), ("withdrawn member=", 1), ("asked by=", 4)] {
        assert_eq!(audit.matches(line).count(), times, "{line}: {audit}");
    }
    assert!(audit.contains("name=cleo in=room #"), "{audit}");
}

#[test]
fn a_program_hears_who_agreed_and_a_description_that_asks_for_no_recording_is_heeded() {
    let folder = Folder::new("program");
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut node = node(&folder, support::ports::free(100), Some(&server));
    let both = [List("consent", &["archive", "words"])];
    let off = "a=recordpref:off\r\n";
    let mut talkers = vec![talker(&mut node, "anna", 1_000.0, off, &both)];
    let anna = [Text("call-id", "anna"), Text("from-tag", "anna")];
    let begun = node.ask("start forwarding", &anna);
    assert_eq!(states(&begun), [("anna".to_owned(), "agreed".to_owned())]);
    let refused = states(&node.ask("start recording", &anna));
    assert_eq!(refused, [("anna".to_owned(), "refused".to_owned())]);
    talk(&mut node, &mut talkers, 50);
    assert_eq!(node.control.taps(), [1, 1, 0]);
    let (mut stream, _) = server.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut head = [0; 19];
    stream.read_exact(&mut head).unwrap();
    let Some(Value::List(taps)) = begun.value().entry("taps").cloned() else { panic!() };
    let told = taps[0].entry("uuid").and_then(Value::text).unwrap();
    let uuid: String = head[3..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((head[0], uuid), (1, told.replace('-', "")));
    let mut sound = Vec::new();
    while sound.len() < 4_000 {
        let mut packet = [0; 3 + 320];
        stream.read_exact(&mut packet).unwrap();
        let samples = packet[3..].as_chunks::<2>().0;
        sound.extend(samples.iter().map(|sample| i16::from_le_bytes(*sample)));
    }
    assert!(amplitude(&sound[2_000..], 1_000.0) > 2_000.0);
    // Its next description asks for nothing.
    let sdp = talkers[0].phone.sdp("RTP/AVP", "");
    join(&mut node, "anna", "room", &sdp, &[]).sdp();
    talk(&mut node, &mut talkers, 25);
    assert_eq!(node.control.taps(), [2, 0, 0]);
    ok(&node.ask("stop forwarding", &anna));
    talk(&mut node, &mut talkers, 25);
    assert_eq!(node.control.taps(), [1, 0, 0]);
    // With the last member the conference ends, and its taps tell their ends before.
    ok(&node.ask("delete", &anna));
    let audit = || std::fs::read_to_string(folder.at("audit")).unwrap();
    while audit().matches(" ended tap=").count() < 2 {
        node.control.listen(0);
        std::thread::yield_now();
    }
    drop(node);
    let recordings = folder.recordings();
    assert_eq!(recordings.len(), 1);
    assert!(recordings[0].0.seconds < 2.0, "nothing of before");
    assert!(audit().contains("reason=preference"), "{}", audit());
}

#[test]
fn what_is_refused_is_named() {
    let folder = Folder::new("refused");
    let mut bare = Node::on("127.0.0.1", support::ports::free(50));
    talker(&mut bare, "anna", 1_000.0, "", &[]);
    let anna = [Text("call-id", "anna"), Text("from-tag", "anna")];
    assert!(reason(&bare.ask("start recording", &anna)).contains("No sink"));
    let mut node = node(&folder, support::ports::free(50), None);
    talker(&mut node, "anna", 1_000.0, "", &[]);
    for (command, more, told) in [
        ("start forwarding", &[][..], "No sink for this is configured"),
        ("start recording", &[Text("sink", "words")], "No such sink for this"),
        ("stop recording", &[], "No such tap"),
        ("pause recording", &[], "No such tap"),
        ("consent", &[Text("consent", "words")], "No such sink"),
        ("consent", &[Text("withdraw", "words")], "No such sink"),
        ("consent", &[Text("consent", "archive"), Text("consent-basis", "why-not")], "basis"),
        ("consent", &[Text("consent", "archive"), Text("consent-notice", "x")], "notice"),
        ("consent", &[Text("consent", "archive"), Text("consent-until", "soon")], "end"),
        ("start recording", &[Text("consent", "archive"), Text("consent-basis", "")], "basis"),
    ] {
        let asked: Vec<_> = anna.into_iter().chain(more.iter().copied()).collect();
        let reason = reason(&node.ask(command, &asked));
        assert!(reason.contains(told), "{reason:?} for {told}");
    }
    // Nobody agrees for another, or for all.
    let of = [Text("call-id", "anna"), Text("consent", "archive")];
    assert!(reason(&node.ask("consent", &of)).contains("from-tag"));
    let of = [Text("conference", "none")];
    assert!(reason(&node.ask("start recording", &of)).contains("Unknown conference"));
    let sdp = Phone::new().sdp("RTP/AVP", "");
    let nobody = [Text("consent", "nobody")];
    assert!(reason(&join(&mut node, "ben", "room", &sdp, &nobody)).contains("No such sink"));
    assert_eq!((node.control.members(), node.control.taps()), (1, [0; 3]));
    assert_eq!(node.control.tap_totals(), Default::default());
}

#[test]
fn who_has_entered_over_http_agrees_and_takes_it_back_and_nobody_else_does() {
    let folder = Folder::new("http");
    let mut node = node(&folder, support::ports::free(100), None);
    let phone = Phone::new();
    let mut ask = |node: &mut Node, question| node.control.web(&question, Default::default(), 0);
    let offer = phone.sdp("RTP/AVP", "").into_bytes();
    let conference = || "room".to_owned();
    let enter = Question::Enter {
        way: Way::Whip,
        conference: conference(),
        name: Some("Ada".into()),
        offer,
    };
    let Reply::Entered { session, answer } = ask(&mut node, enter) else { panic!() };
    let answer = String::from_utf8(answer).unwrap();
    let mut talkers = [Talker::new(phone, &answer, Law::Mu, 1_000.0)];
    let order = |order| Question::Tap { conference: conference(), sink: "archive".into(), order };
    use ale_media_node::ng::command::TapOrder;
    assert_eq!(ask(&mut node, order(TapOrder::Start)), Reply::Done);
    let consent = |session: &str, sink: &str, agrees| Question::Consent {
        conference: conference(),
        session: session.to_owned(),
        sink: sink.to_owned(),
        agrees,
        notice: Some(3),
    };
    assert_eq!(ask(&mut node, consent("another", "archive", true)), Reply::Unknown);
    assert_eq!(ask(&mut node, consent(&session, "words", true)), Reply::Unknown);
    let state = |node: &mut Node, ask: &mut dyn FnMut(&mut Node, Question) -> Reply| {
        let session = session.clone();
        let Reply::Standings(standings) =
            ask(node, Question::Standings { conference: conference(), session })
        else {
            panic!()
        };
        let Reply::Conferences(view) = ask(node, Question::Conferences) else { panic!() };
        assert_eq!(view.conferences[0].members[0].standings, standings, "all see it");
        assert_eq!(
            (&view.sinks[0].name[..], &view.conferences[0].wanted[..]),
            ("archive", &["archive".to_owned()][..])
        );
        standings[0].state
    };
    for (agrees, then) in [
        (None, "unasked"),
        (Some(true), "taken"),
        (Some(false), "withdrawn"),
        (Some(true), "taken"),
    ] {
        if let Some(agrees) = agrees {
            assert_eq!(ask(&mut node, consent(&session, "archive", agrees)), Reply::Done);
        }
        talk(&mut node, &mut talkers, 15);
        assert_eq!(state(&mut node, &mut ask), then);
    }
    drop(node);
    assert_eq!(folder.recordings().len(), 1);
}
