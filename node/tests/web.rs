// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is asked over HTTP, of a control thread with media on loopback: who enters, listens, is shown and muted.
#![allow(missing_docs, unreachable_pub)]

mod support;

use ale_media::codec::g711::Law;
use ale_media_node::web::view::{Conference, Member};
use ale_media_node::web::{Question, Reply, Way};
use support::{Node, Phone, addresses, amplitude};

/// A packet of a tone in mu-law.
fn tone(hz: f64, ssrc: u8, n: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0, (n >> 8) as u8, n as u8];
    packet.extend((u32::from(n) * 160).to_be_bytes());
    packet.extend([0, 0, 0, ssrc]);
    packet.extend((0..160).map(|at| {
        let turn = core::f64::consts::TAU * f64::from(u32::from(n) * 160 + at) * hz / 8_000.0;
        Law::Mu.from_linear((6_000.0 * turn.sin()) as i16)
    }));
    packet
}

fn ask(node: &mut Node, question: Question) -> Reply {
    node.control.web(&question, Default::default(), 0)
}

fn enter(node: &mut Node, way: Way, name: Option<&str>, phone: &Phone) -> Reply {
    let (conference, name) = ("room".to_owned(), name.map(String::from));
    let offer = phone.sdp("RTP/AVP", "").into_bytes();
    ask(node, Question::Enter { way, conference, name, offer })
}

fn members(node: &mut Node) -> Vec<Member> {
    let Reply::Conferences(view) = ask(node, Question::Conferences) else { panic!() };
    let [Conference { name, members, .. }] = &view.conferences[..] else { panic!("{view:?}") };
    assert_eq!(name, "room");
    members.clone()
}

#[test]
fn who_speaks_is_shown_until_muted_and_who_only_listens_is_never_heard() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    let [ada, ben] = [Phone::new(), Phone::new()];
    assert_eq!(enter(&mut node, Way::Whep, None, &ben), Reply::NotLive);
    let sdp = |reply| match reply {
        Reply::Entered { answer, .. } => String::from_utf8(answer).unwrap(),
        refused => panic!("{refused:?}"),
    };
    let to_ada = sdp(enter(&mut node, Way::Whip, Some("Ada"), &ada));
    let to_ben = sdp(enter(&mut node, Way::Whep, None, &ben));
    assert!(to_ada.contains("a=sendrecv\r\n") && to_ben.contains("a=sendonly\r\n"), "{to_ben}");
    let [one, other] = &members(&mut node)[..] else { panic!() };
    assert_eq!((&one.name[..], &other.name[..]), ("Ada", "whip"));
    assert_eq!((one.speaking, one.muted, one.mos), (false, false, None));
    assert!(one.silent.as_ref().unwrap().contains("nothing has come"), "{one:?}");
    assert!(other.silent.as_ref().unwrap().contains("only listens"), "{other:?}");
    let id = one.id;
    let mut n = 0;
    // Both say something; what each gets paces it.
    let mut talk = |node: &mut Node| {
        let [mut at_ada, mut at_ben] = [Vec::new(), Vec::new()];
        for _ in 0..25 {
            for (phone, to, hz, ssrc, heard) in
                [(&ada, &to_ada, 500.0, 1, &mut at_ada), (&ben, &to_ben, 1_500.0, 2, &mut at_ben)]
            {
                phone.rtp.send_to(&tone(hz, ssrc, n), addresses(to).0).unwrap();
                let (packet, _) = Phone::receive(&phone.rtp);
                heard.extend(packet[12..].iter().map(|&code| Law::Mu.to_linear(code)));
            }
            n += 1;
        }
        node.control.listen(0);
        [at_ada, at_ben].map(|heard| [500.0, 1_500.0].map(|hz| amplitude(&heard, hz)))
    };
    let heard = (0..60).any(|_| {
        let [at_ada, at_ben] = talk(&mut node);
        assert!(at_ada[1] < 100.0, "who only listens is heard");
        at_ben[0] > 4_000.0
    });
    assert!(heard);
    let [one, other] = &members(&mut node)[..] else { panic!() };
    assert!(one.speaking && one.silent.is_none() && one.packets > 10, "{one:?}");
    assert!(one.mos.is_some_and(|mos| mos > 3.0) && one.suite.is_none() && one.listening);
    assert_eq!((&one.codec[..], other.speaking), ("PCMU/8000", false));
    let id_of_call = node.ask("list", &[]);
    let list = id_of_call.value().entry("calls").cloned().unwrap();
    let call = list.texts().next().unwrap().to_owned();
    let Reply::Call(call) = ask(&mut node, Question::Call(call)) else { panic!() };
    assert_eq!((call.conference.as_deref(), call.streams.len()), (Some("room"), 1));
    assert_eq!((&call.streams[0].media[..], &call.streams[0].tag[..]), ("audio", "whip"));
    assert_eq!(ask(&mut node, Question::Call("none".into())), Reply::Unknown);
    let mute = |conference: &str, member, muted| Question::Mute {
        conference: conference.to_owned(),
        member,
        muted,
    };
    for wrong in [mute("other", id, true), mute("room", id + 77, true)] {
        assert_eq!(ask(&mut node, wrong), Reply::Unknown);
    }
    for (muted, reason) in [(true, Some("muted")), (false, None)] {
        assert_eq!(ask(&mut node, mute("room", id, muted)), Reply::Done);
        let [one, _] = &members(&mut node)[..] else { panic!() };
        assert_eq!((one.muted, one.silent.as_deref()), (muted, reason));
        assert_eq!(one.speaking, !muted);
        assert!((0..60).any(|_| (talk(&mut node)[1][0] < 100.0) == muted));
    }
}

#[test]
fn health_is_of_the_threads_and_readiness_of_what_may_begin() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    assert_eq!(ask(&mut node, Question::Readiness), Reply::Is(true));
    node.control.set_accepting(false);
    assert_eq!(ask(&mut node, Question::Readiness), Reply::Is(false));
    assert_eq!(ask(&mut node, Question::Health), Reply::Is(true));
    let refused = enter(&mut node, Way::Whip, None, &Phone::new());
    assert_eq!(refused, Reply::NoRoom("Load limit exceeded".into()));
    let Reply::Metrics(text) = ask(&mut node, Question::Metrics) else { panic!() };
    assert!(text.contains("ale_calls_refused_total{reason=\"draining\"} 1\n"), "{text}");
}
