// SPDX-License-Identifier: MIT OR Apache-2.0
//! Browsers with cameras on three nodes whose conferences are one: each sees another's pictures, all of them, over
//! networks that lose three packets in a hundred, and never its own.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ale_media::srtp::dtls::Role;
use ale_media_node::peer::dtls::Identity;
use support::Said::{List, Text};
use support::browser::{Keyed, checked, fingerprint, offer, packets_of};
use support::network::{TOLD, network};
use support::program::Program;

const TOKEN: &str = "a-token-of-the-test-only";
/// One in so many packets is lost.
const LOST: usize = 33;
const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendrecv\r\na=rtcp-mux\r\n\
    a=ice-ufrag:UFRAG\r\na=ice-pwd:DfcZq3ZYSbxffUv4FvSWGemM\r\na=fingerprint:FINGERPRINT\r\na=setup:actpass\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";

/// A browser with a camera of which each picture is one packet.
struct Browser {
    keyed: Keyed,
    name: u8,
    sequence: u16,
    is_key_frame_due: bool,
    /// When it saw a picture first.
    pictured: Option<Instant>,
    /// Whose pictures it has seen, and their numbers.
    seen: [BTreeSet<u32>; 3],
}

impl Browser {
    fn enter(node: &mut Program, name: u8) -> Self {
        let identity = Identity::new().unwrap();
        let offered = offer(&identity, "web", VIDEO).replace("BUNDLE 0", "BUNDLE 0 1");
        let id = format!("browser-{name}");
        let said =
            [("call-id", &id[..]), ("from-tag", &id), ("conference", "room"), ("sdp", &offered)];
        let said = said.map(|(key, text)| Text(key, text));
        // The hub's is on its own side of the network that loses packets.
        let way = List("direction", if name == 1 { &["inside", "inside"] } else { &[] });
        let answer = node.ask("conference join", &[&said[..], &[way]].concat()).sdp();
        assert!(answer.contains("m=video") && !answer.contains("m=video 0"), "{answer}");
        let (socket, to) = checked(&answer);
        let mut hands = identity.handshake(Role::Server, fingerprint(&answer));
        let keyed = Keyed::agree(|| true, socket, to, &mut *hands);
        keyed.socket.set_nonblocking(true).unwrap();
        let seen = Default::default();
        Self { keyed, name, sequence: 0, is_key_frame_due: true, pictured: None, seen }
    }

    /// A picture (RFC 7741): its number goes up, whether a key frame or not.
    fn film(&mut self) {
        let mut packet = vec![0x80, 0x80 | 96];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend((u32::from(self.sequence) * 3_000).to_be_bytes());
        packet.extend([0x90, 0, 0, self.name]);
        packet.extend([0x10, u8::from(!self.is_key_frame_due), self.name]);
        packet.extend(u32::from(self.sequence).to_be_bytes());
        packet.resize(600, self.name);
        self.keyed.send(&packet, false);
        (self.sequence, self.is_key_frame_due) = (self.sequence + 1, false);
    }

    fn look(&mut self) {
        while let Some((packet, is_rtcp)) = self.keyed.heard() {
            if is_rtcp {
                // Picture loss (RFC 4585 section 6.3.1), or a full picture is asked for (RFC 5104 section 4.3.1).
                self.is_key_frame_due |= packets_of(&packet)
                    .any(|packet| packet[1] == 206 && matches!(packet[0] & 0x1f, 1 | 4));
            } else if packet[1] & 0x7f == 96 {
                let payload = &packet[support::header_bytes(&packet)..];
                let number = u32::from_be_bytes(payload[3..7].try_into().unwrap());
                self.pictured.get_or_insert_with(Instant::now);
                assert!(self.seen[usize::from(payload[2])].insert(number), "twice");
            }
        }
    }
}

#[test]
fn who_films_on_one_node_is_seen_on_the_others_whatever_packets_are_lost_between_them() {
    let lost = Arc::new(AtomicUsize::new(0));
    let (counter, passed) = (Arc::clone(&lost), AtomicUsize::new(0));
    let hub_ports = support::ports::free(10);
    network(hub_ports.0..=hub_ports.1, move |datagram| {
        // Of a handshake nothing, which is repeated by timers of whole seconds.
        let is_media = (128..192).contains(&datagram[0]);
        let is_lost = is_media && passed.fetch_add(1, Ordering::Relaxed) % LOST == LOST - 1;
        counter.fetch_add(is_lost.into(), Ordering::Relaxed);
        is_lost
    });
    let http = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let media = |ports: (u16, u16)| {
        format!("[media]\nworkers = 1\nport_min = {}\nport_max = {}\n", ports.0, ports.1)
    };
    let hub = format!(
        "[[interface]]\naddress = \"127.0.0.1\"\nadvertised = \"{TOLD}\"\n\
         [[interface]]\nname = \"inside\"\naddress = \"127.0.0.1\"\n{}\
         [http]\nlisten = \"{http}\"\n",
        media(hub_ports)
    );
    let token = ("ALE_MEDIA_NODE_TOKEN", TOKEN.to_owned());
    let hub = Program::start("video-hub", &hub, vec![token]);
    let edge = |ports: (u16, u16)| {
        let config = format!(
            "[[interface]]\naddress = \"127.0.0.1\"\n{}[[link]]\nconference = \"room\"\n\
             url = \"http://{http}/whip/room\"\ntoken = \"{TOKEN}\"\n",
            media(ports)
        );
        Program::start(&format!("video-edge-{}", ports.0), &config, Vec::new())
    };
    let mut nodes = [edge(support::ports::free(10)), hub, edge(support::ports::free(10))];
    let mut browsers: Vec<_> =
        nodes.iter_mut().zip(0..).map(|(node, name)| Browser::enter(node, name)).collect();
    let begun = Instant::now();
    let mut next = begun;
    let is_enough = |browsers: &[Browser]| {
        browsers.iter().all(|one| one.seen.iter().map(BTreeSet::len).sum::<usize>() > 200)
    };
    while !is_enough(&browsers) && begun.elapsed() < Duration::from_secs(30) {
        browsers.iter_mut().for_each(|browser| {
            browser.film();
            browser.look();
        });
        next += Duration::from_millis(20);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    for browser in &browsers {
        let [name, last] = [usize::from(browser.name), usize::from(browser.sequence)];
        let seen: Vec<_> = browser.seen.iter().map(BTreeSet::len).collect();
        let first = browser.pictured.map(|at| at - begun);
        println!("{name} of {last} pictures sees {seen:?}, the first after {first:?}");
        assert!(browser.seen[name].is_empty(), "{name} sees itself");
        assert!(seen.iter().sum::<usize>() > 200, "{name}: {seen:?}");
        for of in browser.seen.iter().filter(|of| of.len() > 100) {
            // What was lost at the very end may be on its way.
            let (first, last) = (*of.first().unwrap(), *of.last().unwrap() - 20);
            let missing: Vec<_> = (first..last).filter(|number| !of.contains(number)).collect();
            assert!(missing.len() <= 2, "{name} does not see {missing:?}");
        }
    }
    let lost = lost.load(Ordering::Relaxed);
    println!("{lost} packets were lost");
    assert!(lost > 20, "{lost}");
}
