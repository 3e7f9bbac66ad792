// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two nodes whose conferences are one, over a network that is cut for ten seconds: a phone on each side hears the other
//! once, and not itself.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ale_media::codec::g711::Law;
use ale_media_node::config::{Config, Interface, Link, Media, Token};
use ale_media_node::ng::bencode::Value;
use support::Said::{List, Text};
use support::network::network;
use support::program::Program;
use support::{Node, Phone, addresses, amplitude};

const TONES_HZ: [f64; 2] = [500.0, 1_500.0];
const TOKEN: &str = "a-token-of-the-test-only";
const CUT: Duration = Duration::from_secs(10);

/// A phone in a conference, which says a tone.
struct Member {
    phone: Phone,
    node: SocketAddr,
    hz: f64,
    number: u16,
    is_silent: bool,
    heard: Vec<i16>,
}

impl Member {
    fn enter(node: &mut Program, n: usize) -> Self {
        let phone = Phone::new();
        let sdp = phone.sdp("RTP/AVP", "");
        let ids = [Text("call-id", "phone"), Text("from-tag", "p"), Text("conference", "room")];
        // The hub's phone is on its own side of the network that is cut.
        let way = List("direction", if n == 1 { &["inside", "inside"] } else { &[] });
        let said = [&ids[..], &[Text("sdp", &sdp), way]].concat();
        let answer = node.ask("conference join", &said).sdp();
        let (node, hz) = (addresses(&answer).0, TONES_HZ[n]);
        Self { phone, node, hz, number: 0, is_silent: false, heard: Vec::new() }
    }

    /// 20 ms of its tone go out, and what its node sends meanwhile comes in.
    fn talk(&mut self) {
        let mut packet = vec![0x80, 0];
        packet.extend(self.number.to_be_bytes());
        packet.extend((u32::from(self.number) * 160).to_be_bytes());
        packet.extend([0, 0, 0, 7]);
        let loud = if self.is_silent { 0.0 } else { 6_000.0 };
        packet.extend((0..160).map(|k| {
            let at = f64::from(u32::from(self.number) * 160 + k);
            Law::Mu.from_linear(
                (loud * (core::f64::consts::TAU * at * self.hz / 8_000.0).sin()) as i16,
            )
        }));
        self.number += 1;
        self.phone.rtp.send_to(&packet, self.node).unwrap();
        let (packet, _) = Phone::receive(&self.phone.rtp);
        self.heard.extend(packet[12..].iter().map(|&code| Law::Mu.to_linear(code)));
    }

    /// What it has heard of both tones in the last so many ms.
    fn levels(&self, ms: usize) -> [f64; 2] {
        let last = &self.heard[self.heard.len().saturating_sub(8 * ms)..];
        TONES_HZ.map(|hz| amplitude(last, hz))
    }
}

/// Both talk for so long, or until it is enough; how long it took.
fn talk(
    members: &mut [Member; 2],
    time: Duration,
    enough: impl Fn(&[Member; 2]) -> bool,
) -> Option<Duration> {
    let begun = Instant::now();
    while begun.elapsed() < time {
        members.iter_mut().for_each(Member::talk);
        if enough(members) {
            return Some(begun.elapsed());
        }
    }
    None
}

fn hear_each_other(members: &[Member; 2]) -> bool {
    let [[_, at_first], [at_second, _]] = [members[0].levels(200), members[1].levels(200)];
    at_first > 3_000.0 && at_second > 3_000.0
}

#[test]
fn a_hub_that_refuses_or_answers_nonsense_costs_an_attempt_and_nothing_else() {
    let hub = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = hub.local_addr().unwrap();
    let (tell, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let answers = [
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 201 Created\r\nLocation: /whip/x/1\r\nContent-Length: 4\r\n\r\nv=0\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 201 Created\r\nLocation: http://elsewhere/1\r\nContent-Length: 0\r\n\r\n",
            "nothing of HTTP\r\n\r\n",
        ];
        for answer in answers {
            let (mut stream, _) = hub.accept().unwrap();
            let (mut read, mut part) = (Vec::new(), [0; 4_096]);
            // A request with a body ends with the offer's last line, of what H.264 takes back.
            while !read.starts_with(b"DELETE") && !read.ends_with(b"98 transport-cc\r\n") {
                let bytes = stream.read(&mut part).unwrap();
                read.extend_from_slice(&part[..bytes]);
            }
            tell.send(String::from_utf8(read).unwrap()).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let link = Link {
        conference: String::from("room"),
        url: format!("http://{address}/whip/x"),
        token: Token(TOKEN.to_owned()),
    };
    let (port_min, port_max) = support::ports::free(10);
    let media = Media { workers: 1, port_min, port_max, ..Media::default() };
    let interfaces = vec![Interface::from_argument("127.0.0.1").unwrap()];
    let config = Config { interfaces, media, links: vec![link], ..Config::default() };
    let mut node = Node::of(config);
    let sdp = Phone::new().sdp("RTP/AVP", "");
    let ids = [Text("call-id", "p"), Text("from-tag", "p"), Text("conference", "room")];
    let mut now_ns = 1_000_000_000;
    node.control.listen(now_ns);
    assert!(asked.try_recv().is_err(), "nobody is here");
    node.ask("conference join", &[&ids[..], &[Text("sdp", &sdp)]].concat()).sdp();
    let mut attempt = |node: &mut Node| {
        let failed = node.control.linked().failed;
        now_ns += 1_000_000_000;
        for _ in 0..500 {
            now_ns += 1_000_000;
            node.control.listen(now_ns);
            if node.control.linked().failed > failed {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it is still being asked");
    };
    let request = || asked.recv_timeout(Duration::from_secs(20)).unwrap();
    attempt(&mut node);
    let first = request();
    assert!(first.starts_with("POST /whip/x HTTP/1.1\r\n"), "{first}");
    assert!(first.contains(&format!("\r\nAuthorization: Bearer {TOKEN}\r\n")));
    attempt(&mut node);
    request();
    assert!(request().starts_with("DELETE /whip/x/1 "), "what was let in leaves");
    attempt(&mut node);
    attempt(&mut node);
    let linked = node.control.linked();
    assert_eq!((linked.up, linked.begun, linked.failed), (0, 0, 4));
    // The phone's pair alone is taken, and it is alone in its conference.
    assert_eq!((node.control.ports_taken(), node.control.members()), (1, 1));
}

#[test]
fn phones_on_two_nodes_hear_each_other_and_again_when_the_network_is_back() {
    let cut = Arc::new(AtomicBool::new(false));
    let voice = Arc::new(AtomicUsize::new(0));
    let (is_cut, counter) = (Arc::clone(&cut), Arc::clone(&voice));
    // The hub tells another address, behind which the network is that can be cut.
    let hub_ports = support::ports::free(10);
    network(hub_ports.0..=hub_ports.1, move |datagram| {
        let is_voice = datagram[0] >> 6 == 2 && datagram[1] & 0x7f == 111;
        counter.fetch_add(is_voice.into(), Ordering::Relaxed);
        is_cut.load(Ordering::Relaxed)
    });
    let http = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let media = |ports: (u16, u16)| {
        format!("[media]\nworkers = 1\nport_min = {}\nport_max = {}\n", ports.0, ports.1)
    };
    let hub = format!(
        "[[interface]]\naddress = \"127.0.0.1\"\nadvertised = \"127.0.0.2\"\n\
         [[interface]]\nname = \"inside\"\naddress = \"127.0.0.1\"\n{}[webrtc]\nport = {}\n[http]\n\
         listen = \"{http}\"\n",
        media((hub_ports.0 + 2, hub_ports.1)),
        hub_ports.0
    );
    let token = ("ALE_MEDIA_NODE_TOKEN", TOKEN.to_owned());
    let mut hub = Program::start("hub", &hub, vec![token]);
    let edge = format!(
        "[[interface]]\naddress = \"127.0.0.1\"\n{}[[link]]\nconference = \"room\"\n\
         url = \"http://{http}/whip/room\"\ntoken = \"{TOKEN}\"\n",
        media(support::ports::free(20))
    );
    let mut edge = Program::start("edge", &edge, Vec::new());
    let mut members = [Member::enter(&mut edge, 0), Member::enter(&mut hub, 1)];
    let enough = talk(&mut members, Duration::from_secs(20), hear_each_other);
    println!("they hear each other after {enough:?}");
    assert!(enough.is_some(), "{:?} {:?}", members[0].levels(200), members[1].levels(200));
    // One speaks: the other hears it once, and it hears nothing of itself.
    for n in 0..2 {
        members[1 - n].is_silent = true;
        talk(&mut members, Duration::from_millis(1_500), |_| false);
        let [own, other] = [members[n].levels(500)[n], members[1 - n].levels(500)[n]];
        members[1 - n].is_silent = false;
        println!("of the tone of {n} comes {own} back, and {other} through");
        assert!((5_000.0..7_000.0).contains(&other) && own < other / 1_000.0);
    }
    talk(&mut members, Duration::from_secs(1), |_| false);
    assert!(hear_each_other(&members));
    // While nobody speaks little goes over the link, and who begins is heard from the first.
    members.iter_mut().for_each(|member| member.is_silent = true);
    talk(&mut members, Duration::from_secs(2), |_| false);
    let before = voice.load(Ordering::Relaxed);
    talk(&mut members, Duration::from_secs(2), |_| false);
    let sent = voice.load(Ordering::Relaxed) - before;
    println!("{sent} packets of silence in 2 s both ways");
    assert!((2..40).contains(&sent), "{sent}");
    members.iter_mut().for_each(|member| member.heard.clear());
    for is_silent in [false, true] {
        members[0].is_silent = is_silent;
        (0..if is_silent { 50 } else { 15 })
            .for_each(|_| members.iter_mut().for_each(Member::talk));
    }
    let loud = |part: &&[i16]| part.iter().any(|sample| sample.unsigned_abs() > 3_000);
    let loud_ms = 5 * members[1].heard.chunks(40).filter(loud).count();
    println!("of a word of 300 ms {loud_ms} ms are heard");
    assert!((285..340).contains(&loud_ms), "{loud_ms}");
    members.iter_mut().for_each(|member| member.is_silent = false);
    assert!(talk(&mut members, Duration::from_secs(20), hear_each_other).is_some());
    // Each half goes on by itself meanwhile.
    cut.store(true, Ordering::Relaxed);
    talk(&mut members, CUT, |_| false);
    let silent = members.iter().all(|member| member.levels(200).iter().all(|level| *level < 100.0));
    assert!(silent);
    cut.store(false, Ordering::Relaxed);
    let again = talk(&mut members, Duration::from_secs(20), hear_each_other);
    println!("they hear each other again after {again:?}");
    assert!(again.is_some_and(|again| again < Duration::from_secs(2)), "{again:?}");
    // Nobody is on the edge any more: nor is the edge on the hub.
    let asked = [Text("call-id", "phone"), Text("from-tag", "p")];
    edge.ask("delete", &asked);
    let members_of = |node: &mut Program| {
        let told = node.ask("query", &[Text("conference", "room")]);
        match told.value().entry("members") {
            Some(Value::List(members)) => members.len(),
            _ => 0,
        }
    };
    let left = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        members_of(&mut hub) == 1
    });
    assert!(left);
}

/// When a phone hears a tone begin after silence, as the time at which its sample came; from a thread.
fn onsets(phone: Phone, to: std::sync::mpsc::Sender<Instant>) {
    let mut quiet_samples = 0;
    loop {
        let mut packet = [0; 2_048];
        let Ok((bytes, _)) = phone.rtp.recv_from(&mut packet) else { return };
        let came = Instant::now();
        for (n, code) in packet[12..bytes].iter().enumerate() {
            if Law::Mu.to_linear(*code).unsigned_abs() < 1_000 {
                quiet_samples += 1;
            } else if std::mem::take(&mut quiet_samples) > 800 {
                let _ = to.send(came + Duration::from_micros(125 * n as u64));
            }
        }
    }
}

/// What docs/scale.md tells: `cargo test --release -p ale-media-node --test link delay -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn what_delay_a_link_adds() {
    // Within the minute after which a phone that says nothing is gone.
    const WORDS: usize = 50;
    let http = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let part = |ports: (u16, u16)| {
        format!(
            "[[interface]]\naddress = \"127.0.0.1\"\n[media]\nworkers = 1\nport_min = {}\nport_max = {}\n",
            ports.0, ports.1
        )
    };
    let token = ("ALE_MEDIA_NODE_TOKEN", TOKEN.to_owned());
    let hub = format!("{}[http]\nlisten = \"{http}\"\n", part(support::ports::free(10)));
    let mut hub = Program::start("delay-hub", &hub, vec![token]);
    let edge = format!(
        "{}[[link]]\nconference = \"room\"\nurl = \"http://{http}/whip/room\"\ntoken = \"{TOKEN}\"\n",
        part(support::ports::free(10))
    );
    let mut edge = Program::start("delay-edge", &edge, Vec::new());
    let enter = |node: &mut Program, id: &str| {
        let phone = Phone::new();
        let sdp = phone.sdp("RTP/AVP", "");
        let ids = [Text("call-id", id), Text("from-tag", id), Text("conference", "room")];
        let answer = node.ask("conference join", &[&ids[..], &[Text("sdp", &sdp)]].concat()).sdp();
        (phone, addresses(&answer).0)
    };
    let mut speaker = Member::enter(&mut edge, 0);
    let [here, there] =
        [enter(&mut edge, "here"), enter(&mut hub, "there")].map(|(phone, node)| {
            // Its address is known by what comes from it.
            phone.rtp.send_to(&support::rtp(9, 1), node).unwrap();
            let (to, heard) = std::sync::mpsc::channel();
            std::thread::spawn(move || onsets(phone, to));
            heard
        });
    let mut say = |is_silent: bool, packets: usize| {
        speaker.is_silent = is_silent;
        (0..packets).for_each(|_| speaker.talk());
    };
    // Until the link is up and buffers have settled.
    (0..8).for_each(|_| [true, false].into_iter().for_each(|is_silent| say(is_silent, 25)));
    say(true, 50);
    here.try_iter().chain(there.try_iter()).for_each(drop);
    let mut added = Vec::new();
    for n in 0..WORDS {
        say(false, 15);
        say(true, 30 + n % 7);
        let first = |heard: &std::sync::mpsc::Receiver<Instant>| heard.try_iter().next();
        if let (Some(here), Some(there)) = (first(&here), first(&there)) {
            added.push(there.saturating_duration_since(here));
        }
    }
    added.sort();
    let at = |percent: usize| added[added.len() * percent / 100];
    println!("{} of {WORDS}: median {:?}, p10 {:?}, p90 {:?}", added.len(), at(50), at(10), at(90));
}
