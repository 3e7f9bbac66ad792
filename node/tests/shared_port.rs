// SPDX-License-Identifier: MIT OR Apache-2.0
//! Browsers on one port: that each reaches its own line and no other, wherever it is.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use ale_media::srtp::dtls::Role;
use ale_media_node::config::{Config, Interface, Media, WebRtc};
use ale_media_node::peer::dtls::Identity;
use quinn_udp::{Transmit, UdpSocketState};
use support::Said::{self, List, Text};
use support::browser::{Keyed, check, checked, fingerprint, offer, value};
use support::{Node, Phone, addresses, rtp};

const TO_PHONE: [Said<'static>; 3] =
    [Text("ICE", "remove"), Text("transport-protocol", "RTP/AVP"), List("rtcp-mux", &["demux"])];

/// A node on these addresses whose browsers have a port in common, and the first port of others.
fn node(addresses: &[&str], port: u16, first: u16) -> Node {
    let interfaces = addresses.iter().map(|text| Interface::from_argument(text).unwrap());
    let (port_min, port_max) = (first, first + 49);
    Node::of(Config {
        interfaces: interfaces.collect(),
        media: Media { workers: 1, port_min, port_max, ..Media::default() },
        webrtc: WebRtc { port },
        ..Config::default()
    })
}

/// A browser that has called a phone: the phone, its line's address at the node, and the answer.
struct Called {
    phone: Phone,
    facing_phone: (SocketAddr, SocketAddr),
    answer: String,
    browser: Identity,
}

fn call(node: &mut Node, id: &str) -> Called {
    let (phone, browser) = (Phone::new(), Identity::new().unwrap());
    let offered = offer(&browser, "web", "");
    let [to_phone, answer] = node.call(id, (&offered, &TO_PHONE), |_| phone.sdp("RTP/AVP", ""));
    Called { phone, facing_phone: addresses(&to_phone), answer, browser }
}

impl Called {
    /// Checks, and shakes hands.
    fn keyed(&self, node: &mut Node) -> Keyed {
        let before = node.control.totals().handshakes;
        let (socket, to) = checked(&self.answer);
        let mut hands = self.browser.handshake(Role::Server, fingerprint(&self.answer));
        let heard = || {
            node.control.hear();
            node.control.totals().handshakes > before
        };
        Keyed::agree(heard, socket, to, &mut *hands)
    }

    fn credentials(&self) -> [&str; 2] {
        ["ice-ufrag", "ice-pwd"].map(|name| value(&self.answer, name).unwrap())
    }
}

/// Waits until something is so: workers have a time of their own.
fn wait<T: PartialEq + core::fmt::Debug>(expected: T, mut now: impl FnMut() -> T) {
    for _ in 0..1_000 {
        if now() == expected {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(now(), expected);
}

/// Checks by these credentials until it is answered from there.
fn checks(socket: &UdpSocket, to: SocketAddr, [fragment, password]: [&str; 2]) {
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut reply = [0; 2_048];
    let answered = (0..400).any(|_| {
        socket.send_to(&check(fragment, password), to).unwrap();
        // Media may come before.
        (0..8).any(|_| {
            let Ok((_, from)) = socket.recv_from(&mut reply) else { return false };
            from == to && reply[..2] == [1, 1] && reply[8..20] == *b"twelve bytes"
        })
    });
    assert!(answered, "no answer to a check");
    // Answers to checks that were repeated.
    while socket.recv_from(&mut reply).is_ok() {}
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
}

#[test]
fn browsers_on_one_port_reach_their_own_lines_wherever_they_are() {
    let mut node = node(&["127.0.0.1"], 28_600, 28_610);
    let calls = [call(&mut node, "a"), call(&mut node, "b")];
    for Called { answer, .. } in &calls {
        assert_eq!(addresses(answer).0, SocketAddr::from(([127, 0, 0, 1], 28_600)));
        assert_eq!(answer.matches("127.0.0.1 28600 typ host").count(), 1, "{answer}");
    }
    assert_eq!(node.control.ports_taken(), 2, "the phones'");
    let [mut one, mut other] = [0, 1].map(|n| calls[n].keyed(&mut node));
    one.talk(&calls[0].phone, calls[0].facing_phone);
    other.talk(&calls[1].phone, calls[1].facing_phone);
    // From elsewhere, after a check from there.
    one.socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    checks(&one.socket, one.node, calls[0].credentials());
    one.send(&rtp(1, 500), false);
    assert_eq!(Phone::receive(&calls[0].phone.rtp).0, rtp(1, 500));
    calls[0].phone.rtp.send_to(&rtp(2, 500), calls[0].facing_phone.0).unwrap();
    assert_eq!(one.receive(false), rtp(2, 500));
    // Checks may have come before the worker had the line.
    let [checked, others] = node.control.unrouted();
    assert_eq!(others, 0);
    // Nobody's: media from elsewhere, a check of nobody's line, and one with another's password.
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(&rtp(1, 501), one.node).unwrap();
    wait([checked, 1], || node.control.unrouted());
    let [fragment, password] = calls[0].credentials();
    stranger.send_to(&check("notthere", password), one.node).unwrap();
    wait([checked + 1, 1], || node.control.unrouted());
    stranger.send_to(&check(fragment, calls[1].credentials()[1]), one.node).unwrap();
    stranger.send_to(&rtp(1, 502), one.node).unwrap();
    wait([checked + 1, 2], || node.control.unrouted());
    // An address that has checked by another line's credentials is that line's, and comes back by its own.
    checks(&one.socket, one.node, calls[1].credentials());
    one.send(&rtp(1, 503), false);
    checks(&one.socket, one.node, calls[0].credentials());
    one.send(&rtp(1, 504), false);
    assert_eq!(Phone::receive(&calls[0].phone.rtp).0, rtp(1, 504), "the one before was refused");
    // Who sends on when its line has ended.
    for id in ["a", "b"] {
        node.ask("delete", &[Text("call-id", id)]);
    }
    wait((0, 0), || (node.control.calls(), node.control.ports_taken()));
    let mut sequences = 600..2_000;
    while node.control.unrouted()[1] < 5 {
        one.send(&rtp(1, sequences.next().expect("it is nobody's")), false);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(node.control.unrouted()[0], checked + 1);
}

#[test]
fn of_more_than_is_looked_at_at_a_time_none_is_forgotten() {
    let node = node(&["127.0.0.1"], 28_800, 28_810);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let destination = SocketAddr::from(([127, 0, 0, 1], 28_800));
    let state = UdpSocketState::new((&stranger).into()).unwrap();
    // Of many in one message of the kernel's no more is said when a part has been looked at.
    let at_a_time = state.max_gso_segments().min(64);
    let (contents, segment_size) = (&vec![0x80; 20 * at_a_time][..], Some(20));
    for _ in 0..(700 / at_a_time) {
        let (ecn, src_ip) = (None, None);
        let transmit = Transmit { destination, ecn, contents, segment_size, src_ip };
        state.try_send((&stranger).into(), &transmit).unwrap();
    }
    let sent = 700 / at_a_time * at_a_time;
    wait([0, sent as u64], || node.control.unrouted());
}

#[test]
fn who_can_not_be_told_by_checks_has_ports_of_its_own() {
    let mut node = node(&["127.0.0.1"], 28_660, 28_670);
    let (phone, browser) = (Phone::new(), Identity::new().unwrap());
    let fit = offer(&browser, "web", "");
    let port = |sdp: &str| addresses(sdp).0.port();
    let ice_lite = fit.replace("a=group", "a=ice-lite\r\na=group");
    let without_mux = fit.replace("a=rtcp-mux\r\n", "");
    for (n, (offered, shares)) in
        [(&fit, true), (&ice_lite, false), (&without_mux, false)].into_iter().enumerate()
    {
        let id = n.to_string();
        let [_, answer] = node.call(&id, (offered, &TO_PHONE), |_| phone.sdp("RTP/AVP", ""));
        assert_eq!(port(&answer) == 28_660, shares, "{offered}");
        node.ask("delete", &[Text("call-id", &id)]);
    }
    wait(0, || node.control.ports_taken());
    // By its answer: then nothing of ICE was told, and no port.
    let ids = [Text("call-id", "c"), Text("from-tag", "a")];
    node.ask("offer", &[&ids[..], &TO_PHONE, &[Text("sdp", &fit)]].concat()).sdp();
    assert_eq!(node.control.ports_taken(), 1);
    let said = phone.sdp("RTP/AVP", "");
    let more = [Text("to-tag", "b"), Text("sdp", &said), Text("ICE", "remove")];
    let answer = node.ask("answer", &[&ids[..], &more].concat()).sdp();
    assert!(port(&answer) != 28_660 && !answer.contains("candidate"), "{answer}");
    assert_eq!(node.control.ports_taken(), 2);
    // Within a call it can't leave.
    call(&mut node, "d");
    let ids = [Text("call-id", "d"), Text("from-tag", "a")];
    let offered = [Text("sdp", &ice_lite)];
    node.ask("offer", &[&ids[..], &TO_PHONE, &offered].concat()).sdp();
    let more = [Text("to-tag", "b"), Text("sdp", &said)];
    let refused = node.ask("answer", &[&ids[..], &more].concat()).text("error-reason");
    assert!(refused.is_some_and(|reason| reason.contains("Leaving ICE")));
}

#[test]
fn a_browser_is_answered_by_ipv6_too_and_two_interfaces_of_one_address_have_one_port() {
    let mut node = node(&["127.0.0.1", "again/127.0.0.1", "::1"], 28_730, 28_740);
    let browser = Identity::new().unwrap();
    let offered = offer(&browser, "web", "").replace("IN IP4 127.0.0.1", "IN IP6 ::1");
    let offered = offered.replace("IN IP4 0.0.0.0", "IN IP6 ::");
    let join = |node: &mut Node, id: &str, sdp: &str, more: &[Said<'_>]| {
        let said =
            [Text("call-id", id), Text("from-tag", id), Text("conference", "c"), Text("sdp", sdp)];
        node.ask("conference join", &[&said, more].concat()).sdp()
    };
    let answer = join(&mut node, "six", &offered, &[]);
    assert!(answer.contains("::1 28730 typ host"), "{answer}");
    let socket = UdpSocket::bind("[::1]:0").unwrap();
    let credentials = ["ice-ufrag", "ice-pwd"].map(|name| value(&answer, name).unwrap());
    checks(&socket, SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 28_730)), credentials);
    let offered = offer(&browser, "web", "");
    let again = [Text("direction", "x"), List("direction", &["again", "again"])];
    let answer = join(&mut node, "four", &offered, &again[1..]);
    assert_eq!(addresses(&answer).0, SocketAddr::from(([127, 0, 0, 1], 28_730)));
    drop(checked(&answer));
}
