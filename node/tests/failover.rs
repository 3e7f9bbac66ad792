// SPDX-License-Identifier: MIT OR Apache-2.0
//! A node that is killed with fifty calls, one of them a browser's, and with a conference and a call that is
//! translated, and another that takes them over.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use ale_media::srtp::dtls::Role;
use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{MasterKey, Receiver, Sender, SrtpError, Suite};
use ale_media_node::config::{Failover, Secret};
use ale_media_node::control::Kept;
use ale_media_node::ng::bencode::Value;
use ale_media_node::peer::dtls::Identity;
use support::Said::{List, Text};
use support::browser::{Keyed, checked, fingerprint, offer};
use support::encrypted::{EncryptedCall, Turns, keeping};
use support::program::Program;
use support::{Node, Phone, addresses, rtp};

const CALLS: usize = 50;
const ROUNDS: usize = 3;
/// What is asked for; a machine that is busy with others may need another try.
const HEARD_AGAIN: Duration = Duration::from_secs(2);
const AT_MOST: Duration = Duration::from_secs(15);

/// Who takes part in a call.
struct Party {
    socket: UdpSocket,
    node: SocketAddr,
    payload_type: u8,
    srtp: Option<(Sender, Receiver)>,
    /// When it last heard somebody.
    heard: Option<Instant>,
    /// Packets of the node's in which nobody was heard.
    silent: usize,
    /// Packets that had been sent under the same key and index before.
    twice: usize,
}

impl Party {
    fn new(socket: UdpSocket, node: SocketAddr, srtp: Option<(Sender, Receiver)>) -> Self {
        socket.set_nonblocking(true).unwrap();
        Self { socket, node, payload_type: 0, srtp, heard: None, silent: 0, twice: 0 }
    }

    fn say(&mut self, packet: &[u8]) {
        let mut out = packet.to_vec();
        out[1] = self.payload_type;
        if let Some((sender, _)) = &mut self.srtp {
            out.resize(packet.len() + 64, 0);
            let sealed = sender.protect(&mut out, packet.len()).unwrap();
            out.truncate(sealed);
        }
        // While nobody has the port the system says so.
        let _ = self.socket.send_to(&out, self.node);
    }

    fn hear(&mut self) {
        let mut packet = [0; 2_048];
        // An error of a packet that found nobody is not the end of what has come.
        for _ in 0..64 {
            let bytes = match self.socket.recv(&mut packet) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => continue,
            };
            if !(128..192).contains(&packet[0]) {
                continue;
            }
            let heard = match &mut self.srtp {
                Some((_, receiver)) => match receiver.unprotect(&mut packet[..bytes]) {
                    Ok(bytes) => Some(bytes),
                    Err(SrtpError::Replayed | SrtpError::TooOld) => {
                        self.twice += 1;
                        None
                    }
                    // The end of a handshake.
                    Err(_) => None,
                },
                None => Some(bytes),
            };
            if heard != Some(172) {
                continue;
            }
            if is_sound(&packet[12..172]) {
                self.heard = Some(Instant::now());
            } else {
                self.silent += 1;
            }
        }
    }
}

/// Whether G.711 is more than its zeros, by either law and of either sign (ITU-T G.711, tables 1 and 2).
fn is_sound(payload: &[u8]) -> bool {
    payload.iter().filter(|byte| !matches!(**byte & 0x7f, 0x7f | 0x55)).count() > 20
}

fn line(tag: u32, n: usize) -> CryptoAttribute {
    let suite = Suite::AesCm128HmacSha1_80;
    let bytes: Vec<u8> = (0..30).map(|k| k as u8 ^ n as u8).collect();
    CryptoAttribute::new(tag, suite, MasterKey::from_concatenated(suite, &bytes).unwrap())
}

/// A plain phone that calls one with SDES; or, if they are to have no codec in common, one that speaks A-law alone.
fn phones(program: &mut Program, n: usize, translated: bool) -> Vec<Party> {
    let (alice, bob) = (Phone::new(), Phone::new());
    let mut keys = None;
    let only = ["pad", "only-AES_CM_128_HMAC_SHA1_80"];
    let mut flags = vec![Text("transport-protocol", "RTP/SAVP"), List("SDES", &only)];
    let (mut offered, mut spoken) = (alice.sdp("RTP/AVP", ""), " 0 8 101");
    if translated {
        flags.push(List("flags", &["codec-mask-all", "codec-transcode-PCMA"]));
        (offered, spoken) = (offered.replace(" 0 8 101", " 0"), " 8");
    }
    let [to_bob, to_alice] = program.call(&format!("call-{n}"), (&offered, &flags), |to_bob| {
        let theirs = to_bob.lines().find(|line| line.starts_with("a=crypto:")).unwrap();
        let theirs = CryptoAttribute::parse(theirs).unwrap();
        let ours = line(theirs.tag, n);
        let sender = Sender::new(&ours.to_config().unwrap()).unwrap();
        keys = Some((sender, Receiver::new(&theirs.to_config().unwrap()).unwrap()));
        bob.sdp("RTP/SAVP", &format!("{}\r\n", &*ours.line())).replace(" 0 8 101", spoken)
    });
    let mut alice = Party::new(alice.rtp, addresses(&to_alice).0, None);
    let mut bob = Party::new(bob.rtp, addresses(&to_bob).0, keys);
    (alice.payload_type, bob.payload_type) = (0, if translated { 8 } else { 0 });
    vec![alice, bob]
}

/// Two plain phones, one with SDES and a browser in a conference.
fn members(program: &mut Program) -> Vec<Party> {
    let member = |n: usize| {
        let phone = Phone::new();
        let ours = line(1, n);
        let secure = n == 2;
        let offered = match secure {
            true => phone.sdp("RTP/SAVP", &format!("{}\r\n", &*ours.line())),
            false => phone.sdp("RTP/AVP", ""),
        };
        let id = format!("member-{n}");
        let said = [
            Text("call-id", &id),
            Text("from-tag", &id),
            Text("conference", "room"),
            Text("sdp", &offered),
        ];
        let answer = program.ask("conference join", &said).sdp();
        let keys = secure.then(|| {
            let theirs = answer.lines().find(|line| line.starts_with("a=crypto:")).unwrap();
            let theirs = CryptoAttribute::parse(theirs).unwrap().to_config().unwrap();
            let sender = Sender::new(&ours.to_config().unwrap()).unwrap();
            (sender, Receiver::new(&theirs).unwrap())
        });
        Party::new(phone.rtp, addresses(&answer).0, keys)
    };
    let mut members: Vec<_> = (0..3).map(member).collect();
    let identity = Identity::new().unwrap();
    let level = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n";
    let offered = offer(&identity, "web", "").replace(level, "");
    let offered = offered.replace(" 111 63 9 0 8 13 110 126", " 0 126");
    let said = [
        Text("call-id", "member-3"),
        Text("from-tag", "member-3"),
        Text("conference", "room"),
        Text("sdp", &offered),
    ];
    let answer = program.ask("conference join", &said).sdp();
    let (socket, to) = checked(&answer);
    let mut hands = identity.handshake(Role::Server, fingerprint(&answer));
    let Keyed { socket, node, sender, receiver } = Keyed::agree(|| true, socket, to, &mut *hands);
    members.push(Party::new(socket, node, Some((sender, receiver))));
    members
}

/// A browser that calls a plain phone.
fn browser(program: &mut Program) -> Vec<Party> {
    let (browser, phone) = (Identity::new().unwrap(), Phone::new());
    let flags = [
        Text("ICE", "remove"),
        Text("transport-protocol", "RTP/AVP"),
        List("rtcp-mux", &["demux"]),
    ];
    let offered = offer(&browser, "web", "");
    let [to_phone, answer] =
        program.call("browser", (&offered, &flags), |_| phone.sdp("RTP/AVP", ""));
    let (socket, to) = checked(&answer);
    let mut hands = browser.handshake(Role::Server, fingerprint(&answer));
    let Keyed { socket, node, sender, receiver } = Keyed::agree(|| true, socket, to, &mut *hands);
    vec![
        Party::new(socket, node, Some((sender, receiver))),
        Party::new(phone.rtp, addresses(&to_phone).0, None),
    ]
}

/// Everybody talks until it is enough; whether it was before too much time has passed.
fn talk(
    calls: &mut [Vec<Party>],
    number: &mut u16,
    enough: impl Fn(&[Vec<Party>]) -> bool,
) -> bool {
    let begun = Instant::now();
    let mut next = begun;
    while begun.elapsed() < AT_MOST {
        for call in &mut *calls {
            for (ssrc, party) in call.iter_mut().enumerate() {
                party.say(&rtp(ssrc as u32 + 1, *number));
                party.hear();
            }
        }
        *number += 1;
        if enough(calls) {
            return true;
        }
        next += Duration::from_millis(20);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    false
}

/// Kills the node while everybody talks, until all hear somebody again in time; how long each try took.
fn survived(program: &mut Program, calls: &mut [Vec<Party>], number: &mut u16) -> Vec<Duration> {
    let parties =
        |calls: &[Vec<Party>]| calls.iter().flatten().map(|p| p.heard).collect::<Vec<_>>();
    let mut slowest = Vec::new();
    for _ in 0..ROUNDS {
        let since = Instant::now();
        let settled = talk(calls, number, |calls| {
            let heard = parties(calls).into_iter().all(|at| at.is_some_and(|at| at > since));
            heard && since.elapsed() > Duration::from_millis(1_500)
        });
        assert!(settled, "all hear each other");
        let died = Instant::now();
        program.die();
        calls.iter_mut().flatten().for_each(|party| party.heard = None);
        // What lay in the sockets is of before.
        for party in calls.iter_mut().flatten() {
            party.hear();
            party.heard = None;
        }
        let again = talk(calls, number, |calls| parties(calls).into_iter().all(|at| at.is_some()));
        assert!(again, "all hear each other again");
        slowest.push(parties(calls).into_iter().flatten().max().unwrap() - died);
        if slowest.last().is_some_and(|slowest| *slowest <= HEARD_AGAIN) {
            break;
        }
    }
    assert!(slowest.iter().any(|slowest| *slowest <= HEARD_AGAIN), "{slowest:?}");
    assert!(calls.iter().flatten().all(|party| party.twice == 0), "a key stream twice");
    slowest
}

#[test]
fn a_call_that_can_not_be_kept_goes_on_and_one_whose_record_nobody_confirms_stops() {
    let folder = std::env::temp_dir().join(format!("ale-unkept-{}", std::process::id()));
    let failover = Failover {
        folder: Some(folder.clone()),
        key: Some(Secret("a5".repeat(32))),
        ..Failover::default()
    };
    let mut node = keeping(failover, support::ports::free(100));
    let mut call = EncryptedCall::through(&mut node);
    let mut turns = Turns::new();
    let mut keep = |node: &mut Node, is_enough: &dyn Fn(Kept) -> bool| {
        turns.until(node, 200, &|node| is_enough(node.control.kept().unwrap()));
        node.control.kept().unwrap()
    };
    let kept = keep(&mut node, &|kept| kept.written >= 2);
    assert_eq!((kept.failed(), call.pass(20)), (0, 20));
    std::fs::remove_dir_all(&folder).unwrap();
    let mut failed = 0;
    for _ in 0..10 {
        failed = keep(&mut node, &|kept| kept.failed() > failed).failed();
        assert_eq!(call.pass(20), 20, "it goes on, since nobody can take it over");
    }
    // The control thread hears of nothing any more: another process may have taken over.
    let last = call.pass(2_000);
    assert!((1..100).contains(&last), "{last}");
}

#[test]
fn a_conference_and_a_translated_call_are_heard_again_and_who_was_muted_stays_so() {
    let (common, last) = support::ports::free(100);
    let config = format!(
        "[[interface]]\naddress = \"127.0.0.1\"\n[media]\nworkers = 2\nport_min = {}\n\
         port_max = {last}\n[webrtc]\nport = {common}\n[failover]\nfolder = \"FOLDER/kept\"\n",
        common + 10
    );
    let key = ("ALE_MEDIA_NODE_FAILOVER_KEY", "6b".repeat(32));
    let mut program = Program::start("failover-voices", &config, vec![key]);
    let mut calls = vec![members(&mut program), phones(&mut program, 1, true)];
    let muted = [Text("call-id", "member-2"), Text("from-tag", "member-2")];
    assert_eq!(program.ask("block media", &muted).text("result").as_deref(), Some("ok"));
    let mut number = 100;
    let slowest = survived(&mut program, &mut calls, &mut number);
    println!("all heard again after {slowest:?}");
    // Those of the conference who are left hear nobody when the muted one is alone with them, and are sent to.
    for (id, tag) in [("member-0", "member-0"), ("member-3", "member-3"), ("call-1", "a")] {
        let ended = program.ask("delete", &[Text("call-id", id), Text("from-tag", tag)]);
        assert_eq!(ended.text("result").as_deref(), Some("ok"), "{id}");
    }
    calls.truncate(1);
    calls[0].remove(0);
    calls[0].pop();
    let silent = |calls: &[Vec<Party>]| calls[0][0].silent;
    talk(&mut calls, &mut number, |calls| silent(calls) > 25);
    calls[0].iter_mut().for_each(|party| (party.heard, party.silent) = (None, 0));
    assert!(talk(&mut calls, &mut number, |calls| silent(calls) > 50), "the conference goes on");
    assert!(calls[0][0].heard.is_none(), "who was muted is heard");
    assert!(calls[0][1].heard.is_some(), "the muted one hears");
    let query = program.ask("query", &[Text("call-id", "member-2")]);
    let about = query.value().entry("conference").cloned().unwrap();
    assert_eq!(about.entry("members"), Some(&Value::Integer(2)));
    assert_eq!(about.entry("muted"), Some(&Value::Integer(1)));
}

#[cfg(feature = "redis")]
#[test]
fn calls_are_heard_again_by_what_redis_has_when_their_node_was_killed() {
    let Some(server) = support::redis::Server::start("killed") else { return };
    let (first, last) = support::ports::free(100);
    let config = format!(
        "[[interface]]\naddress = \"127.0.0.1\"\n[media]\nworkers = 1\nport_min = {first}\n\
         port_max = {last}\n[failover.redis]\nurl = \"{}\"\ninstance = \"a\"\ntimeout_ms = 1000\n",
        server.settings("a", 0).url.0
    );
    let key = ("ALE_MEDIA_NODE_FAILOVER_KEY", "7c".repeat(32));
    let mut program = Program::start("failover-redis", &config, vec![key]);
    let mut calls: Vec<_> = (1..10).map(|n| phones(&mut program, n, false)).collect();
    calls.push(browser(&mut program));
    let slowest = survived(&mut program, &mut calls, &mut 100);
    println!("all heard again after {slowest:?}");
    assert_eq!(server.cli(&["hlen", "ale:{a}:calls"]), "10");
    let ended = program.ask("delete", &[Text("call-id", "call-1"), Text("from-tag", "a")]);
    assert_eq!(ended.text("result").as_deref(), Some("ok"));
    assert_eq!(server.cli(&["hlen", "ale:{a}:calls"]), "9");
    let epoch: usize = server.cli(&["hget", "ale:{a}:owner", "epoch"]).parse().unwrap();
    assert_eq!(epoch, 1 + slowest.len());
}

#[test]
fn fifty_calls_are_heard_again_when_their_node_was_killed_and_no_key_stream_comes_twice() {
    let (first, last) = support::ports::free(300);
    let config = format!(
        "[[interface]]\naddress = \"127.0.0.1\"\n[media]\nworkers = 1\nport_min = {first}\nport_max = {last}\n\
         [failover]\nfolder = \"FOLDER/kept\"\n"
    );
    let key = ("ALE_MEDIA_NODE_FAILOVER_KEY", "5a".repeat(32));
    let mut program = Program::start("failover", &config, vec![key]);
    let mut calls: Vec<_> = (1..CALLS).map(|n| phones(&mut program, n, false)).collect();
    calls.push(browser(&mut program));
    let slowest = survived(&mut program, &mut calls, &mut 100);
    println!("all heard again after {slowest:?}");
    // They are calls like others to the proxy.
    for call in 1..CALLS {
        let id = format!("call-{call}");
        let ended = program.ask("delete", &[Text("call-id", &id), Text("from-tag", "a")]);
        assert_eq!(ended.text("result").as_deref(), Some("ok"));
        assert_eq!(ended.text("warning"), None);
    }
    let listed = program.ask("list", &[]);
    let left = listed.value().entry("calls").map(|calls| calls.texts().count());
    assert_eq!(left, Some(1), "the browser's");
    let kept = std::fs::read_dir(program.folder.join("kept")).unwrap();
    let records = kept.filter(|kept| {
        kept.as_ref().is_ok_and(|kept| kept.path().extension().is_some_and(|of| of == "call"))
    });
    assert_eq!(records.count(), 1);
}
