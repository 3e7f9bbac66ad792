// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls between two that are recorded, passed on undecoded and translated: whose tones are in files.
#![allow(missing_docs, unreachable_pub)]

mod support;

use ale_media::codec::g711::Law;
use support::Said::{List, Text};
use support::talker::{Talker, join};
use support::taps::{Folder, node, ok, reason, states};
use support::{Node, Phone, amplitude};

/// A member of a conference of no other: what it gets comes every 20 ms, and paces a test.
fn metronome(node: &mut Node) -> Talker {
    let phone = Phone::new();
    let answer = join(node, "metronome", "alone", &phone.sdp("RTP/AVP", ""), &[]).sdp();
    Talker::new(phone, &answer, Law::Mu, 100.0)
}

fn talk(node: &mut Node, metronome: &mut Talker, talkers: &mut [Talker], packets: usize) {
    for n in 0..packets {
        metronome.hear();
        talkers.iter_mut().for_each(Talker::say);
        if n % 5 == 0 {
            node.control.listen(0);
        }
    }
    node.control.listen(0);
}

#[test]
fn what_is_passed_on_undecoded_is_recorded_of_who_agreed_and_not_of_who_comes_in_the_place() {
    const NEVER: [f64; 3] = [700.0, 1_300.0, 3_300.0];
    const AGREED: [f64; 2] = [400.0, 2_200.0];
    let folder = Folder::new("relayed");
    let mut node = node(&folder, support::ports::free(100), None);
    let mut metronome = metronome(&mut node);
    let phones = [Phone::new(), Phone::new()];
    let [anna, ben] = [0, 1].map(|n: usize| phones[n].sdp("RTP/AVP", ""));
    let ids = [Text("call-id", "c"), Text("from-tag", "a")];
    let offer = [ids[0], ids[1], Text("sdp", &anna), Text("consent", "archive")];
    let to_ben = node.ask("offer", &offer).sdp();
    // Before the answer: it begins with that.
    let of = [Text("call-id", "c")];
    assert_eq!(states(&node.ask("start recording", &of)), [("a".to_owned(), "agreed".to_owned())]);
    let to_anna =
        node.ask("answer", &[ids[0], ids[1], Text("to-tag", "b"), Text("sdp", &ben)]).sdp();
    let mut tones = [AGREED[0], NEVER[0]].into_iter().zip([&to_anna, &to_ben]);
    let mut talkers = phones.map(|phone| {
        let (hz, told) = tones.next().unwrap();
        Talker::new(phone, told, Law::Mu, hz)
    });
    talk(&mut node, &mut metronome, &mut talkers, 50);
    assert_eq!(node.control.taps(), [1, 1, 0]);
    talkers[1].hz = AGREED[1];
    talk(&mut node, &mut metronome, &mut talkers, 25);
    let of_ben = [ids[0], Text("from-tag", "b"), Text("consent", "archive")];
    ok(&node.ask("consent", &of_ben));
    talk(&mut node, &mut metronome, &mut talkers, 50);
    assert_eq!(node.control.taps(), [2, 0, 0]);
    // Somebody else speaks to Anna from now on, who has agreed to nothing.
    talkers[1].hz = NEVER[1];
    let ids = [ids[0], Text("from-tag", "d"), Text("to-tag", "a")];
    let moved = ben.replace("o=- 77 1", "o=- 78 1");
    node.ask("offer", &[ids[0], ids[1], ids[2], Text("sdp", &moved)]).sdp();
    node.ask("answer", &[ids[0], ids[1], ids[2], Text("sdp", &anna)]).sdp();
    talk(&mut node, &mut metronome, &mut talkers, 50);
    assert_eq!(node.control.taps(), [1, 1, 0]);
    // Who is blocked is silent in the recording, too.
    talk(&mut node, &mut metronome, &mut talkers[1..], 25);
    ok(&node.ask("block media", &[ids[0], Text("from-tag", "a")]));
    talkers[0].hz = NEVER[2];
    talk(&mut node, &mut metronome, &mut talkers, 25);
    ok(&node.ask("stop recording", &of));
    assert!(reason(&node.ask("stop recording", &of)).contains("No such tap"));
    talk(&mut node, &mut metronome, &mut talkers, 10);
    assert_eq!(node.control.taps(), [0; 3]);
    drop(node);
    let recordings = folder.recordings();
    let mut who: Vec<_> = recordings.iter().map(|(entry, _)| &entry.who[..]).collect();
    who.sort_unstable();
    // Anna has one with each.
    assert_eq!(who, ["a", "a", "b"]);
    for (entry, sound) in &recordings {
        let own = if entry.who == "a" { 0 } else { 1 };
        assert!(amplitude(sound, AGREED[own]) > 1_000.0, "{} is not heard", entry.who);
        for hz in NEVER.into_iter().chain([AGREED[1 - own]]) {
            assert!(amplitude(sound, hz) < 20.0, "{hz} Hz is in the file of {}", entry.who);
        }
        assert_eq!(entry.call.as_deref(), Some("c"));
    }
}

#[test]
fn what_is_translated_is_recorded_of_each() {
    let folder = Folder::new("translated");
    let mut node = node(&folder, support::ports::free(100), None);
    let mut metronome = metronome(&mut node);
    let phones = [Phone::new(), Phone::new()];
    let anna = phones[0].sdp("RTP/AVP", "").replace(" 0 8 101", " 0 101");
    let ben = phones[1].sdp("RTP/AVP", "a=recordpref:on\r\n").replace(" 0 8 101", " 8 101");
    let masks = ["codec-mask-all", "codec-except-telephone-event", "codec-transcode-PCMA"];
    let flags = [List("flags", &masks), Text("consent", "archive"), Text("record-call", "yes")];
    let [to_ben, to_anna] = node.call("c", (&anna, &flags), |_| ben.clone());
    let of = [Text("call-id", "c")];
    let named = |tag: &str, state: &str| (tag.to_owned(), state.to_owned());
    node.control.listen(0);
    // Again is no second time.
    assert_eq!(
        states(&node.ask("start recording", &of)),
        [named("a", "agreed"), named("b", "unasked")],
        "a description that asks for a recording is no consent"
    );
    let mut told = [(Law::Mu, 500.0, to_anna), (Law::A, 1_500.0, to_ben)].into_iter();
    let mut talkers = phones.map(|phone| {
        let (law, hz, told) = told.next().unwrap();
        Talker::new(phone, &told, law, hz)
    });
    talk(&mut node, &mut metronome, &mut talkers, 25);
    assert_eq!(node.control.taps(), [1, 1, 0]);
    ok(&node.ask("consent", &[of[0], Text("from-tag", "b"), Text("consent", "archive")]));
    talk(&mut node, &mut metronome, &mut talkers, 100);
    assert_eq!(node.control.taps(), [2, 0, 0]);
    ok(&node.ask("delete", &[of[0], Text("from-tag", "a")]));
    let begun = node.control.tap_totals().begun;
    drop(node);
    let mut recordings = folder.recordings();
    recordings.sort_by_key(|(entry, _)| entry.who.clone());
    assert_eq!(recordings.len(), 2);
    for ((entry, sound), (who, own, other)) in
        recordings.iter().zip([("a", 500.0, 1_500.0), ("b", 1_500.0, 500.0)])
    {
        assert_eq!(entry.who, who);
        let middle = &sound[sound.len() / 4..sound.len() / 4 * 3];
        assert!(amplitude(middle, own) > 2_000.0 && amplitude(middle, other) < 40.0, "{who}");
    }
    assert_eq!(begun, 2);
    assert!(recordings[0].0.seconds > recordings[1].0.seconds + 0.2);
}
