// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recording servers that have subscribed to a call whose node is killed, and another process that goes on with it.
#![allow(missing_docs, unreachable_pub)]

mod support;

use ale_media::codec::g711::Law;
use ale_media_node::failover;
use ale_media_node::ng::bencode::Value;
use support::Said::{List, Text};
use support::program::Program;
use support::server::{Line, SERVER, answering, is_heard};
use support::talker::Talker;
use support::taps::{ok, reason, states};
use support::{Phone, Said};

const TONES_HZ: [f64; 2] = [400.0, 2_200.0];
const ANNA: [Said<'static>; 2] = [Text("call-id", "c"), Text("from-tag", "a")];
const BEN: [Said<'static>; 2] = [Text("call-id", "c"), Text("from-tag", "b")];

/// A call of mu-law, and a member of a conference by whose packets time goes on.
struct Calling {
    talkers: Vec<Talker>,
    pace: Talker,
}

impl Calling {
    fn through(program: &mut Program) -> Self {
        let phones = [Phone::new(), Phone::new()];
        let [anna, ben] = [0, 1].map(|n: usize| phones[n].sdp("RTP/AVP", ""));
        let [to_ben, to_anna] = program.call("c", (&anna, &[Text("consent", "srs")]), |_| ben);
        let told = [to_anna, to_ben].into_iter().zip(TONES_HZ).zip(phones);
        let talkers = told.map(|((told, hz), phone)| Talker::new(phone, &told, Law::Mu, hz));
        let phone = Phone::new();
        let offer = phone.sdp("RTP/AVP", "");
        let conference = [Text("conference", "alone"), Text("sdp", &offer)];
        let ids = [Text("call-id", "pace"), Text("from-tag", "pace")];
        let answer = program.ask("conference join", &[ids, conference].concat()).sdp();
        let pace = Talker::new(phone, &answer, Law::Mu, 100.0);
        Self { talkers: talkers.collect(), pace }
    }

    /// Both talk for 20 ms.
    fn talk(&mut self, lines: &mut [Line]) {
        self.pace.hear();
        self.talkers.iter_mut().for_each(Talker::say);
        lines.iter_mut().for_each(Line::hear);
    }

    /// What servers hear of 0.8 s.
    fn heard(&mut self, lines: &mut [Line]) -> Vec<bool> {
        for line in &mut *lines {
            line.hear();
            line.heard.clear();
        }
        (0..40).for_each(|_| self.talk(lines));
        lines.iter().zip(TONES_HZ).map(|(line, hz)| is_heard(line, hz)).collect()
    }

    /// Waits until this process keeps the call as it is now, kills it, and has another take over.
    fn die(&mut self, program: &mut Program, lines: &mut [Line]) {
        let name = format!("{}.call", failover::name("c"));
        let record = program.folder.join("kept").join(name);
        let read = || std::fs::read(&record).unwrap_or_default();
        let before = read();
        assert!((0..500).any(|_| {
            self.talk(lines);
            read() != before
        }));
        program.die();
    }
}

/// A subscription to one voice: its tag and sink, whose voice, by which port, and whether it is sent somewhere.
type Told = ([String; 3], i64, bool);

/// Those that a call is told to have.
fn told(program: &mut Program) -> Vec<Told> {
    let query = program.ask("query", &[Text("call-id", "c")]);
    let value = query.value();
    let tags = value.entry("tags").unwrap().entries();
    let text = |of: &Value<'_>, key| of.entry(key).and_then(Value::text).unwrap().to_owned();
    let subscribers = tags.filter(|(_, about)| about.entry("sink").is_some());
    let told = subscribers.map(|(tag, about)| {
        let Some(Value::List(medias)) = about.entry("medias") else { panic!("{about:?}") };
        let [media] = &medias[..] else { panic!("{medias:?}") };
        let Some(Value::List(streams)) = media.entry("streams") else { panic!("{media:?}") };
        let port = streams[0].entry("local port").and_then(Value::number).unwrap();
        let tag = String::from_utf8(tag.to_vec()).unwrap();
        let names = [tag, text(about, "sink"), text(media, "from-tag")];
        (names, port, streams[0].entry("endpoint").is_some())
    });
    told.collect()
}

/// The port of a description's first line.
fn port(sdp: &str) -> i64 {
    let line = sdp.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap();
    line.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn who_has_subscribed_hears_who_agrees_again_when_another_process_has_the_call() {
    let other = SERVER.replace("srs", "other").replace("id = 7", "id = 8");
    let config = format!(
        "[[interface]]\naddress = \"127.0.0.1\"\n[media]\nworkers = 1\nport_min = 28600\n\
         port_max = 28699\n[failover]\nfolder = \"FOLDER/kept\"\n{SERVER}{other}"
    );
    let key = ("ALE_MEDIA_NODE_FAILOVER_KEY", "5e".repeat(32));
    let mut program = Program::start("subscribed-kept", &config, vec![key]);
    let mut calling = Calling::through(&mut program);
    let mut lines = [Line::new(), Line::new()];

    // One hears Anna in SRTP, the other has not answered.
    let ids = [Text("sink", "srs"), Text("to-tag", "srs-1")];
    let secure = [Text("transport-protocol", "RTP/SAVP")];
    let offer = program.ask("subscribe request", &[&ANNA[..], &ids, &secure].concat()).sdp();
    let key = offer.lines().find(|line| line.starts_with("a=crypto:")).unwrap();
    let (_, key) = lines[0].agree(key);
    let answer = answering(&offer, &[Some(&lines[0])], &key);
    let said = [Text("call-id", "c"), Text("to-tag", "srs-1"), Text("sdp", &answer)];
    let agreed = [("a".to_owned(), "agreed".to_owned())];
    assert_eq!(states(&program.ask("subscribe answer", &said)), agreed);
    let ids = [Text("sink", "other"), Text("to-tag", "srs-2")];
    let waiting = program.ask("subscribe request", &[&BEN[..], &ids].concat()).sdp();
    let first = (["srs-1", "srs", "a"].map(String::from), port(&offer), true);
    let second = (["srs-2", "other", "b"].map(String::from), port(&waiting));
    assert_eq!(calling.heard(&mut lines), [true, false]);

    for round in 1..=2 {
        calling.die(&mut program, &mut lines);
        let second = (second.0.clone(), second.1, false);
        assert_eq!(told(&mut program), [first.clone(), second], "round {round}");
        // A grant is its process's: nobody has agreed to what this one does.
        assert_eq!(calling.heard(&mut lines), [false, false], "round {round}");
        ok(&program.ask("consent", &[&ANNA[..], &[Text("consent", "srs")]].concat()));
        assert_eq!(calling.heard(&mut lines), [true, false], "round {round}");
        assert_eq!(i64::from(lines[0].port), port(&offer));
    }
    // By the same keys, and so by another source each time.
    assert_eq!(lines[0].sources.len(), 3);

    // Who had not answered answers the process that is there.
    let answer = answering(&waiting, &[Some(&lines[1])], "");
    let said = [Text("call-id", "c"), Text("to-tag", "srs-2"), Text("sdp", &answer)];
    let unasked = [("b".to_owned(), "unasked".to_owned())];
    assert_eq!(states(&program.ask("subscribe answer", &said)), unasked);
    ok(&program.ask("consent", &[&BEN[..], &[Text("consent", "other")]].concat()));
    assert_eq!(calling.heard(&mut lines), [true, true]);
    let of = [Text("call-id", "c"), Text("to-tag", "srs-1")];
    ok(&program.ask("unsubscribe", &of));
    calling.die(&mut program, &mut lines);
    assert_eq!(told(&mut program), [(second.0, second.1, true)], "who has left is not kept");

    // A process that has no such sink goes on with the call alone.
    let file = program.folder.join("node.toml");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace(&other, "")).unwrap();
    calling.die(&mut program, &mut lines);
    assert_eq!(told(&mut program), []);
    assert_eq!(
        reason(&program.ask("unsubscribe", &[of[0], Text("to-tag", "srs-2")])),
        "Unknown to-tag"
    );
    let all = [Text("call-id", "c"), List("flags", &["all"])];
    let anew = program.ask("subscribe request", &all).sdp();
    assert_eq!(anew.matches("m=audio ").count(), 2);
}
