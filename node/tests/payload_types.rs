// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parties that have different numbers for the same formats: what goes on undecoded goes on by the receiver's
//! (RFC 3264 sections 5.1 and 6.1).
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use ale_media_node::ng::bencode::Value;
use support::Said::Text;
use support::{Node, Phone, addresses, rtp};

/// As a phone has them, and as a browser.
const PHONES: &str = "a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n";
const BROWSERS: &str = "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n\
                        a=rtpmap:126 telephone-event/8000\r\n";

fn describe(phone: &Phone, numbers: &str, maps: &str) -> String {
    let sdp = phone.sdp("RTP/AVP", "").replace(" 0 8 101", numbers);
    sdp.replace("a=rtpmap:101 telephone-event/8000\r\n", maps)
}

/// A packet of a payload type; the number of it is in its payload, too.
fn packet(payload_type: u8, sequence: u16) -> Vec<u8> {
    let mut packet = rtp(1, sequence);
    packet.truncate(20);
    packet[1] = payload_type;
    packet
}

/// Sends one packet after the other, all of which come through but those of `None`: the payload types by which they
/// came. The first is repeated until it is through.
fn cross(from: &Phone, to: SocketAddr, at: &Phone, sent: &[(u8, Option<u8>)], first: u16) {
    at.rtp.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut buffer = [0; 2048];
    let mut sequence = first;
    let begins = sent[0].0;
    while at.rtp.recv(&mut buffer).is_err() {
        assert!(sequence < first + 400, "nothing came through");
        sequence += 1;
        from.rtp.send_to(&packet(begins, sequence), to).unwrap();
    }
    at.rtp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for (comes, goes) in sent {
        sequence += 1;
        from.rtp.send_to(&packet(*comes, sequence), to).unwrap();
        let Some(goes) = goes else { continue };
        // One of before may still be on its way.
        let came = loop {
            let (came, _) = Phone::receive(&at.rtp);
            let number = u16::from_be_bytes([came[2], came[3]]);
            if number == sequence {
                break came;
            }
            assert!(number < sequence, "{number} before {sequence}");
        };
        assert_eq!(came, packet(*goes, sequence), "{comes}");
    }
}

fn unnegotiated(node: &mut Node, tag: &str) -> i64 {
    let queried = node.ask("query", &[Text("call-id", "c")]);
    let value = queried.value();
    let tag = value.entry("tags").and_then(|tags| tags.entry(tag)).unwrap();
    let Some(Value::List(medias)) = tag.entry("medias") else { panic!("{tag:?}") };
    match medias[0].entry("not negotiated") {
        Some(Value::Integer(packets)) => *packets,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_party_gets_the_numbers_that_it_has_named_and_what_it_has_not_as_it_came() {
    let mut node = Node::on("127.0.0.1", support::ports::free(50));
    let (alice, bob) = (Phone::new(), Phone::new());
    let offer = describe(&alice, " 96 0 101", PHONES);
    let answer = describe(&bob, " 111 63 0 126", BROWSERS);
    let [to_bob, to_alice] = node.call("c", (&offer, &[]), |_| answer.clone());
    let (facing_bob, facing_alice) = (addresses(&to_bob).0, addresses(&to_alice).0);
    // By its own numbers, as many phones send, and by the other's, as RFC 3264 has it. What Bob has not named, comfort
    // noise and A-law, he may take nevertheless.
    let to_bob = [
        (96, Some(111)),
        (0x80 | 96, Some(0x80 | 111)),
        (13, Some(13)),
        (8, Some(8)),
        (111, Some(111)),
        (0x80 | 101, Some(0x80 | 126)),
        (126, Some(126)),
        (0, Some(0)),
    ];
    cross(&alice, facing_alice, &bob, &to_bob, 100);
    let to_alice =
        [(111, Some(96)), (97, Some(97)), (126, Some(101)), (101, Some(101)), (0, Some(0))];
    cross(&bob, facing_bob, &alice, &to_alice, 100);
    assert_eq!((unnegotiated(&mut node, "a"), unnegotiated(&mut node, "b")), (2, 1));

    // Digits are blocked by whichever number they come.
    let from = [Text("call-id", "c"), Text("from-tag", "a")];
    assert_eq!(node.ask("block DTMF", &from).text("result").as_deref(), Some("ok"));
    // The worker obeys when it comes to it: one more round trip through it.
    assert_eq!(
        node.ask("silence media", &[from[0], Text("from-tag", "b")]).text("result").as_deref(),
        Some("ok")
    );
    let obeyed = (0..400).any(|n| {
        bob.rtp.send_to(&packet(0, 2_000 + n), facing_bob).unwrap();
        Phone::receive(&alice.rtp).0[12..] == [0xff; 8]
    });
    assert!(obeyed);
    cross(
        &alice,
        facing_alice,
        &bob,
        &[(96, Some(111)), (101, None), (126, None), (0, Some(0))],
        3_000,
    );

    // Bob has other numbers from now on; what is on its way by the old ones still comes.
    let other = answer.replace("111", "112").replace("126", "127");
    node.call("c", (&offer, &[]), |_| other.clone());
    node.ask("unblock DTMF", &from);
    let renumbered = (0..400).any(|n| {
        alice.rtp.send_to(&packet(101, 4_000 + n), facing_alice).unwrap();
        bob.rtp.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut came = [0; 2048];
        bob.rtp.recv(&mut came).is_ok() && came[1] == 127
    });
    assert!(renumbered);
    let to_bob = [(96, Some(112)), (111, Some(111)), (101, Some(127)), (126, Some(126))];
    cross(&alice, facing_alice, &bob, &to_bob, 5_000);

    node.ask("delete", &[Text("call-id", "c")]);
    assert_eq!(node.control.totals().unnegotiated, 3);
    let text = ale_media_node::metrics::text(&node.control, Default::default(), 0);
    assert!(text.contains("\nale_unnegotiated_packets_total 3\n"), "{text}");
}

#[test]
fn digits_are_blocked_also_towards_who_has_named_none() {
    let mut node = Node::on("127.0.0.1", support::ports::free(50));
    let (alice, bob) = (Phone::new(), Phone::new());
    let offer = describe(&alice, " 0 101", PHONES);
    let [to_bob, to_alice] = node.call("c", (&offer, &[]), |_| describe(&bob, " 0", ""));
    let (facing_bob, facing_alice) = (addresses(&to_bob).0, addresses(&to_alice).0);
    cross(&alice, facing_alice, &bob, &[(0, Some(0)), (101, Some(101))], 100);
    // Orders are carried out one after the other: where the second is seen the first has been.
    for (command, tag) in [("block DTMF", "a"), ("silence media", "b")] {
        let done = node.ask(command, &[Text("call-id", "c"), Text("from-tag", tag)]);
        assert_eq!(done.text("result").as_deref(), Some("ok"));
    }
    let obeyed = (0..400).any(|n| {
        bob.rtp.send_to(&packet(0, 1_000 + n), facing_bob).unwrap();
        Phone::receive(&alice.rtp).0[12..] == [0xff; 8]
    });
    assert!(obeyed);
    for (payload_type, sequence) in [(101, 2_000), (101, 2_001), (0, 2_002)] {
        alice.rtp.send_to(&packet(payload_type, sequence), facing_alice).unwrap();
    }
    assert_eq!(Phone::receive(&bob.rtp).0[1..4], [0, 0x07, 0xd2], "2002, and nothing before it");
}

#[test]
fn who_answers_with_other_numbers_is_understood_where_a_line_is_translated() {
    let mut node = Node::on("127.0.0.1", support::ports::free(50));
    let (alice, bob) = (Phone::new(), Phone::new());
    let offer = alice.sdp("RTP/AVP", "").replace(" 0 8 101", " 0 101");
    let words = ["codec-mask-all", "codec-except-telephone-event", "codec-transcode-opus"];
    let flags = [support::Said::List("flags", &words)];
    let maps = "a=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/8000\r\n";
    let [to_bob, _] = node.call("c", (&offer, &flags), |_| describe(&bob, " 111 126", maps));
    assert!(to_bob.contains("a=rtpmap:96 opus/48000/2\r\n"), "{to_bob}");
    let facing_bob = addresses(&to_bob).0;
    // Packets of Opus, and firsts of a digit, by the numbers that he was offered and by his own.
    let mut sequence = 0;
    let counted = (0..1_000).find_map(|_| {
        for second in [96, 111, 101, 126] {
            sequence += 1;
            let mut packet = packet(second, sequence);
            packet.truncate(12);
            let is_voice = [96, 111].contains(&second);
            packet.extend(if is_voice { [0xf8, 0xff, 0xfe, 0] } else { [5, 10, 0, 160] });
            bob.rtp.send_to(&packet, facing_bob).unwrap();
        }
        // What she gets paces what he sends.
        Phone::receive(&alice.rtp);
        let queried = node.ask("query", &[Text("call-id", "c")]);
        let value = queried.value();
        let stats = value.entry("totals").and_then(|totals| totals.entry("RTP"));
        let number = |key: &str| match stats.and_then(|stats| stats.entry(key)) {
            Some(Value::Integer(number)) => *number,
            other => panic!("{other:?}"),
        };
        let (packets, errors) = (number("packets"), number("errors"));
        (packets + errors >= 40).then_some(errors)
    });
    assert_eq!(counted, Some(0));
    let (packet, from) = Phone::receive(&bob.rtp);
    assert_eq!((packet[1] & 0x7f, from), (111, facing_bob));
}
