// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is blocked, silenced, and said for a party.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use ale_media_node::ng::bencode::Value;
use support::Said::{self, List, Text};
use support::{Node, Phone, addresses, rtp};

const ALICE: [Said<'static>; 2] = [Text("call-id", "c"), Text("from-tag", "a")];
const BOB: [Said<'static>; 2] = [Text("call-id", "c"), Text("from-tag", "b")];

fn done(node: &mut Node, command: &str, said: &[Said<'_>]) {
    let answer = node.ask(command, said);
    assert_eq!(answer.text("result").as_deref(), Some("ok"), "{:?}", answer.text("error-reason"));
}

/// An event of RFC 4733, a digit's first packet.
fn event(sequence: u16) -> Vec<u8> {
    let mut packet = rtp(1, sequence);
    packet.truncate(12);
    packet[1] = 101;
    packet.extend([5, 10, 0, 160]);
    packet
}

/// Sends packets until one comes that is as wanted; all that came before it.
fn until(
    from: &Phone,
    to: SocketAddr,
    at: &Phone,
    mut packet: impl FnMut(u16) -> Vec<u8>,
    wanted: impl Fn(&[u8]) -> bool,
) -> Vec<Vec<u8>> {
    at.rtp.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut came = Vec::new();
    for n in 0..2_000 {
        from.rtp.send_to(&packet(n), to).unwrap();
        let mut buffer = [0; 2048];
        if let Ok(bytes) = at.rtp.recv(&mut buffer) {
            if wanted(&buffer[..bytes]) {
                return came;
            }
            came.push(buffer[..bytes].to_vec());
        }
    }
    panic!("nothing of the kind has come");
}

/// RTP packets that have come in the call, at both ends.
fn packets(node: &mut Node) -> i64 {
    let queried = node.ask("query", &[Text("call-id", "c")]);
    let value = queried.value();
    let rtp = value.entry("totals").and_then(|totals| totals.entry("RTP")).unwrap();
    match rtp.entry("packets") {
        Some(Value::Integer(packets)) => *packets,
        other => panic!("{other:?}"),
    }
}

fn number(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[2], packet[3]])
}

#[test]
fn what_a_party_says_is_blocked_or_silenced_and_passed_on_again() {
    let mut node = Node::on("127.0.0.1", support::ports::free(50));
    let (alice, bob) = (Phone::new(), Phone::new());
    let answer = |_: &str| bob.sdp("RTP/AVP", "");
    let [to_bob, to_alice] = node.call("c", (&alice.sdp("RTP/AVP", ""), &[]), answer);
    let (facing_bob, facing_alice) = (addresses(&to_bob).0, addresses(&to_alice).0);
    let (mut of_alice, mut of_bob) = (100, 100);
    let alices = |n: &mut u16| {
        *n += 1;
        rtp(1, *n)
    };
    until(&alice, facing_alice, &bob, |_| alices(&mut of_alice), |p| p.len() == 172);
    // Silence is passed on in the codec's own words, and nothing else of the packet changes.
    done(&mut node, "silence media", &ALICE);
    let silent = |packet: &[u8]| packet[12..].iter().all(|&byte| byte == 0xff);
    until(
        &alice,
        facing_alice,
        &bob,
        |_| alices(&mut of_alice),
        |p| silent(p) && p[..12] == rtp(1, number(p))[..12],
    );
    done(&mut node, "unsilence media", &ALICE);
    until(&alice, facing_alice, &bob, |_| alices(&mut of_alice), |p| *p == rtp(1, number(p))[..]);
    // Orders are carried out one after the other: where the second is seen the first has been.
    done(&mut node, "block media", &ALICE);
    done(&mut node, "silence media", &BOB);
    let mut bobs = |_| {
        of_bob += 1;
        rtp(2, of_bob)
    };
    until(&bob, facing_bob, &alice, &mut bobs, silent);
    let (blocked, taken) = (of_alice + 1, packets(&mut node));
    for _ in 0..5 {
        alice.rtp.send_to(&alices(&mut of_alice), facing_alice).unwrap();
    }
    while packets(&mut node) < taken + 5 {}
    done(&mut node, "unblock media", &[Text("call-id", "c")]);
    let last = |p: &[u8]| number(p) > blocked + 4;
    let came = until(&alice, facing_alice, &bob, |_| alices(&mut of_alice), last);
    let through = came.iter().map(|packet| number(packet)).filter(|n| *n >= blocked);
    assert_eq!(through.collect::<Vec<u16>>(), Vec::<u16>::new());
    done(&mut node, "block DTMF", &ALICE);
    let came = until(
        &alice,
        facing_alice,
        &bob,
        |n| {
            of_alice += 1;
            if n % 2 == 0 { event(of_alice) } else { rtp(1, of_alice) }
        },
        |packet| packet[1] == 0 && number(packet) > blocked + 150,
    );
    // By then it was obeyed: of the last ones, each second was a digit's.
    assert!(came.iter().rev().take(20).all(|packet| packet[1] & 0x7f == 0));
    for (said, reason) in [
        (&[Text("call-id", "x"), Text("from-tag", "a")][..], "Unknown call-id"),
        (&[Text("call-id", "c"), Text("from-tag", "x")], "Unknown from-tag"),
    ] {
        let refused = node.ask("block media", said);
        assert_eq!(refused.text("error-reason").as_deref(), Some(reason));
    }
    let refused =
        node.ask("play DTMF", &[Text("call-id", "c"), Text("from-tag", "a"), Text("code", "5")]);
    assert!(refused.text("error-reason").unwrap().contains("undecoded"));
}

#[test]
fn a_digit_is_said_for_a_party_where_its_line_is_translated() {
    let mut node = Node::on("127.0.0.1", support::ports::free(50));
    let (alice, bob) = (Phone::new(), Phone::new());
    let offer = alice.sdp("RTP/AVP", "").replace(" 0 8 101", " 0 101");
    let flags = [List(
        "flags",
        &["codec-mask-all", "codec-except-telephone-event", "codec-transcode-PCMA"],
    )];
    let [_, to_alice] =
        node.call("c", (&offer, &flags), |_| bob.sdp("RTP/AVP", "").replace(" 0 8 101", " 8 101"));
    let facing_alice = addresses(&to_alice).0;
    until(&alice, facing_alice, &bob, |n| rtp(1, 100 + n), |packet| packet[1] & 0x7f == 8);
    let digit = |code| {
        [Text("call-id", "c"), Text("from-tag", "a"), Text("code", code), Text("duration", "100")]
    };
    done(&mut node, "play DTMF", &digit("#"));
    until(
        &alice,
        facing_alice,
        &bob,
        |n| rtp(1, 3_000 + n),
        |packet| packet[1] & 0x7f == 101 && packet[12] == 11,
    );
    for none in ["", "x", "55"] {
        let refused = node.ask("play DTMF", &digit(none));
        assert_eq!(refused.text("error-reason").as_deref(), Some("No digit in message"));
    }
}
