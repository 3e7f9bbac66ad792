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

/// A node on these addresses whose browsers have a port in common, and the ports of others.
fn node(addresses: &[&str], port: u16, (port_min, port_max): (u16, u16)) -> Node {
    let interfaces = addresses.iter().map(|text| Interface::from_argument(text).unwrap());
    Node::of(Config {
        interfaces: interfaces.collect(),
        media: Media { workers: 1, port_min, port_max, ..Media::default() },
        webrtc: WebRtc { port, ..WebRtc::default() },
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
    let (port, own) = one_and_others();
    let mut node = node(&["127.0.0.1"], port, own);
    let calls = [call(&mut node, "a"), call(&mut node, "b")];
    for Called { answer, .. } in &calls {
        assert_eq!(addresses(answer).0, SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(answer.matches(&format!("127.0.0.1 {port} typ host")).count(), 1, "{answer}");
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
    let (port, own) = one_and_others();
    let node = node(&["127.0.0.1"], port, own);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let destination = SocketAddr::from(([127, 0, 0, 1], port));
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
    let (common, own) = one_and_others();
    let mut node = node(&["127.0.0.1"], common, own);
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
        assert_eq!(port(&answer) == common, shares, "{offered}");
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
    assert!(port(&answer) != common && !answer.contains("candidate"), "{answer}");
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
    let (port, own) = one_and_others();
    let mut node = node(&["127.0.0.1", "again/127.0.0.1", "::1"], port, own);
    let browser = Identity::new().unwrap();
    let offered = offer(&browser, "web", "").replace("IN IP4 127.0.0.1", "IN IP6 ::1");
    let offered = offered.replace("IN IP4 0.0.0.0", "IN IP6 ::");
    let join = |node: &mut Node, id: &str, sdp: &str, more: &[Said<'_>]| {
        let said =
            [Text("call-id", id), Text("from-tag", id), Text("conference", "c"), Text("sdp", sdp)];
        node.ask("conference join", &[&said, more].concat()).sdp()
    };
    let answer = join(&mut node, "six", &offered, &[]);
    assert!(answer.contains(&format!("::1 {port} typ host")), "{answer}");
    let socket = UdpSocket::bind("[::1]:0").unwrap();
    let credentials = ["ice-ufrag", "ice-pwd"].map(|name| value(&answer, name).unwrap());
    checks(&socket, SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port)), credentials);
    let offered = offer(&browser, "web", "");
    let again = [Text("direction", "x"), List("direction", &["again", "again"])];
    let answer = join(&mut node, "four", &offered, &again[1..]);
    assert_eq!(addresses(&answer).0, SocketAddr::from(([127, 0, 0, 1], port)));
    drop(checked(&answer));
}

/// A port of many lines, and others for lines of their own.
fn one_and_others() -> (u16, (u16, u16)) {
    let (first, last) = support::ports::free(60);
    (first, (first + 10, last))
}

/// Nanoseconds for which the worker has run.
fn worker_ns() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().map(|of| of.unwrap().path());
    let is_it = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name == "media-0\n")
    };
    let scheduled = threads.filter(is_it).map(|path| {
        let text = std::fs::read_to_string(path.join("schedstat")).unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    scheduled.sum()
}

/// Microseconds of a worker for each packet of browsers to phones, and of phones to browsers, a hundred a second each.
fn microseconds(port: u16) -> [f64; 2] {
    const CALLS: usize = 60;
    const TICKS: u16 = 300;
    let mut node = node(&["127.0.0.1"], port, support::ports::free(300));
    let calls: Vec<_> = (0..CALLS).map(|n| call(&mut node, &n.to_string())).collect();
    let mut browsers: Vec<_> = calls.iter().map(|call| call.keyed(&mut node)).collect();
    let sockets = calls.iter().map(|call| &call.phone.rtp);
    for socket in sockets.chain(browsers.iter().map(|browser| &browser.socket)) {
        socket.set_nonblocking(true).unwrap();
    }
    [true, false].map(|by_browsers| {
        let (mut heard, mut buffer, before) = (0, [0; 2_048], worker_ns());
        let begun = std::time::Instant::now();
        for tick in 1..=TICKS {
            for (browser, call) in browsers.iter_mut().zip(&calls) {
                if by_browsers {
                    browser.send(&rtp(1, tick), false);
                } else {
                    call.phone.rtp.send_to(&rtp(2, tick), call.facing_phone.0).unwrap();
                }
            }
            for (browser, call) in browsers.iter().zip(&calls) {
                let socket = if by_browsers { &call.phone.rtp } else { &browser.socket };
                heard += std::iter::from_fn(|| socket.recv(&mut buffer).ok()).count();
            }
            let due = begun + Duration::from_millis(10) * u32::from(tick);
            std::thread::sleep(due.saturating_duration_since(std::time::Instant::now()));
        }
        let ran_ns = worker_ns() - before;
        assert!(heard > CALLS * usize::from(TICKS) * 9 / 10, "{heard}");
        ran_ns as f64 / 1_000.0 / (CALLS as f64 * f64::from(TICKS))
    })
}

#[test]
#[ignore = "measures, on a machine of its own: --release --ignored --nocapture"]
fn what_a_packet_costs() {
    let rounds: Vec<_> = (0..3).map(|_| [0, support::ports::free(2).0].map(microseconds)).collect();
    for (shares, name) in ["ports of their own", "one port"].into_iter().enumerate() {
        for (way, what) in ["browser to phone", "phone to browser"].into_iter().enumerate() {
            let mut all: Vec<_> = rounds.iter().map(|round| round[shares][way]).collect();
            all.sort_by(f64::total_cmp);
            println!("{name}, {what}: {:.2} us, of {all:.2?}", all[1]);
        }
    }
}
