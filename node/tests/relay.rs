// SPDX-License-Identifier: MIT OR Apache-2.0
//! Media through the node, on loopback: what one phone sends the other gets.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::net::UdpSocket;

use ale_media_node::config::Media;
use support::Said::{List, Text};
use support::{Node, Phone, addresses, rtcp, rtp};

/// Sends packets until the first has come through, and gives it with where it came from: the worker throws
/// away what came before it was told of the call.
fn reach(
    from: &UdpSocket,
    to: std::net::SocketAddr,
    at: &UdpSocket,
    packet: impl Fn(u16) -> Vec<u8>,
) -> (u16, Vec<u8>, std::net::SocketAddr) {
    at.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
    for sequence in 100..500 {
        from.send_to(&packet(sequence), to).unwrap();
        let mut buffer = vec![0; 2048];
        if let Ok((bytes, source)) = at.recv_from(&mut buffer) {
            at.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
            buffer.truncate(bytes);
            return (sequence, buffer, source);
        }
    }
    panic!("nothing came through");
}

#[test]
fn packets_and_reports_go_both_ways_unchanged_and_from_the_address_that_was_told() {
    let mut node = Node::on("127.0.0.1", support::ports::free(200));
    let (alice, bob) = (Phone::new(), Phone::new());
    let offer = alice.sdp("RTP/AVP", "a=sendrecv\r\n");
    let [to_bob, to_alice] =
        node.call("c", (&offer, &[Text("ICE", "remove")]), |_| bob.sdp("RTP/AVP", ""));
    let (facing_bob, facing_bob_rtcp) = addresses(&to_bob);
    let (facing_alice, facing_alice_rtcp) = addresses(&to_alice);

    let (sequence, packet, from) = reach(&alice.rtp, facing_alice, &bob.rtp, |n| rtp(0xa11ce, n));
    assert_eq!((packet, from), (rtp(0xa11ce, sequence), facing_bob));
    let (sequence, packet, from) = reach(&bob.rtp, facing_bob, &alice.rtp, |n| rtp(0xb0b, n));
    assert_eq!((packet, from), (rtp(0xb0b, sequence), facing_alice));
    for n in 0..100 {
        alice.rtp.send_to(&rtp(0xa11ce, 600 + n), facing_alice).unwrap();
        assert_eq!(Phone::receive(&bob.rtp).0, rtp(0xa11ce, 600 + n));
    }
    alice.rtcp.send_to(&rtcp(0xa11ce), facing_alice_rtcp).unwrap();
    assert_eq!(Phone::receive(&bob.rtcp), (rtcp(0xa11ce), facing_bob_rtcp));
    bob.rtcp.send_to(&rtcp(0xb0b), facing_bob_rtcp).unwrap();
    assert_eq!(Phone::receive(&alice.rtcp), (rtcp(0xb0b), facing_alice_rtcp));

    // What is no media reaches nobody; the peer's next packet does.
    for _ in 0..10 {
        alice.rtp.send_to(b"not media", facing_alice).unwrap();
        alice.rtp.send_to(&[0x80], facing_alice).unwrap();
        alice.rtp.send_to(&[0x80; 6000], facing_alice).unwrap();
        alice.rtcp.send_to(&[0x81, 203, 0, 9, 0, 0, 0, 0], facing_alice_rtcp).unwrap();
    }
    alice.rtp.send_to(&rtp(0xa11ce, 700), facing_alice).unwrap();
    assert_eq!(Phone::receive(&bob.rtp).0, rtp(0xa11ce, 700));

    let ended = node.ask("delete", &[Text("call-id", "c"), Text("from-tag", "a")]);
    let value = ended.value();
    let sent = value.entry("totals").and_then(|t| t.entry("RTP")?.entry("packets")).cloned();
    assert!(matches!(sent, Some(ale_media_node::ng::bencode::Value::Integer(103..))), "{sent:?}");
    assert_eq!(node.control.calls(), 0);
}

#[test]
fn rtcp_shares_the_port_with_who_wants_that() {
    let mut node = Node::on("127.0.0.1", support::ports::free(200));
    let (alice, bob) = (Phone::new(), Phone::new());
    let offer = alice.sdp("RTP/AVP", "a=rtcp-mux\r\n");
    let demux = [List("rtcp-mux", &["demux"])];
    let [to_bob, to_alice] = node.call("c", (&offer, &demux), |_| bob.sdp("RTP/AVP", ""));
    assert!(!to_bob.contains("rtcp-mux") && to_alice.contains("a=rtcp-mux"));
    let (facing_bob, facing_bob_rtcp) = addresses(&to_bob);
    let (facing_alice, _) = addresses(&to_alice);
    reach(&alice.rtp, facing_alice, &bob.rtp, |n| rtp(1, n));
    reach(&bob.rtp, facing_bob, &alice.rtp, |n| rtp(2, n));
    alice.rtp.send_to(&rtcp(1), facing_alice).unwrap();
    assert_eq!(Phone::receive(&bob.rtcp), (rtcp(1), facing_bob_rtcp));
    bob.rtcp.send_to(&rtcp(2), facing_bob_rtcp).unwrap();
    assert_eq!(Phone::receive(&alice.rtp), (rtcp(2), facing_alice));
}

#[test]
fn a_peer_that_moves_is_followed_where_signalling_says() {
    let mut node = Node::on("127.0.0.1", support::ports::free(200));
    let (alice, bob, elsewhere) = (Phone::new(), Phone::new(), Phone::new());
    let offer = alice.sdp("RTP/AVP", "");
    let [_, to_alice] = node.call("c", (&offer, &[]), |_| bob.sdp("RTP/AVP", ""));
    let (facing_alice, _) = addresses(&to_alice);
    reach(&alice.rtp, facing_alice, &bob.rtp, |n| rtp(1, n));
    // Bob has never sent, and says that he is somewhere else.
    let [_, again] = node.call("c", (&offer, &[]), |_| elsewhere.sdp("RTP/AVP", ""));
    assert_eq!(addresses(&again), addresses(&to_alice), "the ports stay");
    reach(&alice.rtp, facing_alice, &elsewhere.rtp, |n| rtp(1, 1000 + n));
}

#[test]
fn no_port_is_leaked_by_calls_that_come_and_go() {
    let (port_min, port_max) = support::ports::free(40);
    let media = Media { port_min, port_max, ..Media::default() };
    let mut node = Node::with(&["127.0.0.1"], media);
    let (alice, bob) = (Phone::new(), Phone::new());
    let offer = alice.sdp("RTP/AVP", "");
    for n in 0..400 {
        let id = n.to_string();
        let ids = [Text("call-id", &id), Text("from-tag", "a"), Text("sdp", &offer)];
        let cancelled = &ids[..];
        match n % 4 {
            0 => {
                node.call(&id, (&offer, &[]), |_| bob.sdp("RTP/AVP", ""));
            }
            // Refused by the callee.
            1 => {
                let refusal = bob.sdp("RTP/AVP", "").replace("m=audio ", "m=audio 0 x");
                let port = refusal.find(" 0 x").unwrap() + 2;
                let after = refusal[port..].find(' ').unwrap() + port;
                let refusal = [&refusal[..port], &refusal[after..]].concat();
                node.call(&id, (&offer, &[]), |_| refusal);
            }
            // Cancelled.
            2 => {
                node.ask("offer", cancelled);
            }
            // Refused here.
            _ => {
                let [call, from, sdp] = ids;
                node.ask("offer", &[call, from, sdp, Text("ICE", "force")]);
            }
        }
        node.ask("delete", &[Text("call-id", &id)]);
        // The worker closes sockets when it comes to it; what is left then is what leaks.
        let closed = (0..10_000_000).any(|_| {
            std::thread::yield_now();
            node.control.ports_taken() == 0
        });
        assert!(closed, "call {n}");
    }
    assert_eq!(node.control.calls(), 0);
}

#[test]
fn more_calls_than_permitted_are_refused_as_proxies_understand_it() {
    let (port_min, port_max) = support::ports::free(4);
    let media = Media { port_min, port_max, max_calls: 2, ..Media::default() };
    let mut node = Node::with(&["127.0.0.1"], media);
    let offer = Phone::new().sdp("RTP/AVP", "");
    let mut ask = |id: &str, more: &[&str]| {
        let answer = node.ask(
            "offer",
            &[
                Text("call-id", id),
                Text("from-tag", "a"),
                Text("sdp", &offer),
                List("supports", more),
            ],
        );
        (answer.text("result").unwrap(), answer.text("error-reason"))
    };
    assert_eq!(ask("1", &[]).0, "ok");
    assert_eq!(ask("2", &[]), ("error".into(), Some("Ran out of ports".into())));
    assert_eq!(ask("2", &[]).0, "error", "a refused call is none");
    let (port_min, port_max) = support::ports::free(16);
    let media = Media { port_min, port_max, max_calls: 1, ..Media::default() };
    let mut node = Node::with(&["127.0.0.1"], media);
    let mut ask = |id: &str, more: &[&str]| {
        let answer = node.ask(
            "offer",
            &[
                Text("call-id", id),
                Text("from-tag", "a"),
                Text("sdp", &offer),
                List("supports", more),
            ],
        );
        (answer.text("result").unwrap(), answer.text("error-reason"))
    };
    assert_eq!(ask("1", &[]).0, "ok");
    assert_eq!(ask("2", &["load limit"]).0, "load limit");
    assert_eq!(ask("2", &[]), ("error".into(), Some("Parallel session limit reached".into())));
}

#[test]
fn a_call_of_which_nothing_comes_is_ended() {
    let (port_min, port_max) = support::ports::free(20);
    let media = Media { port_min, port_max, timeout_s: 60, ..Media::default() };
    let mut node = Node::with(&["127.0.0.1"], media);
    let offer = Phone::new().sdp("RTP/AVP", "");
    node.call("c", (&offer, &[]), |_| Phone::new().sdp("RTP/AVP", ""));
    node.control.sweep(59_999_999_999);
    assert_eq!(node.control.calls(), 1);
    node.control.sweep(60_000_000_000);
    assert_eq!(node.control.calls(), 0);
}

#[test]
fn a_node_that_drains_refuses_calls_and_carries_on_with_those_there_are() {
    let (port_min, port_max) = support::ports::free(20);
    let media = Media { port_min, port_max, ..Media::default() };
    let mut node = Node::with(&["127.0.0.1"], media);
    let offer = Phone::new().sdp("RTP/AVP", "");
    node.call("old", (&offer, &[]), |_| Phone::new().sdp("RTP/AVP", ""));
    node.control.set_accepting(false);
    let ids = |id| [Text("call-id", id), Text("from-tag", "a"), Text("sdp", &offer[..])];
    let refused = node.ask("offer", &ids("new"));
    assert_eq!(refused.text("error-reason").as_deref(), Some("Load limit exceeded"));
    node.call("old", (&offer, &[]), |_| Phone::new().sdp("RTP/AVP", ""));
    node.control.set_accepting(true);
    assert_eq!(node.ask("offer", &ids("new")).text("result").as_deref(), Some("ok"));
    for id in ["old", "new"] {
        node.ask("delete", &[Text("call-id", id)]);
    }
    let totals = node.control.totals();
    assert_eq!((totals.begun, totals.deleted, totals.timed_out), (2, 2, 0));
    let text = ale_media_node::metrics::text(&node.control, Default::default(), 5_000_000_000);
    for line in [
        "ale_uptime_seconds 5",
        "ale_calls_begun_total 2",
        "ale_calls_refused_total{reason=\"draining\"} 1",
        "ale_calls_refused_total{reason=\"calls\"} 0",
        "ale_calls_ended_total{reason=\"deleted\"} 2",
        "ale_port_pairs{state=\"all\"} 10",
        "# TYPE ale_calls_begun counter",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }
    assert!(text.ends_with("# EOF\n"));
}
