// SPDX-License-Identifier: MIT OR Apache-2.0
//! SRTP by SDES on one side of the node or on both: each peer reads what the other said.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use ale_media::srtp::sdes::CryptoAttribute;
use ale_media::srtp::{MasterKey, Receiver, Sender, Suite};
use support::Said::{List, Text};
use support::{Node, Phone, addresses, rtcp, rtp};

/// A peer's SRTP, by its own line and the node's.
struct Srtp {
    sender: Sender,
    receiver: Receiver,
}

impl Srtp {
    fn new(ours: &CryptoAttribute, theirs: &CryptoAttribute) -> Self {
        let sender = Sender::new(&ours.to_config().unwrap()).unwrap();
        Self { sender, receiver: Receiver::new(&theirs.to_config().unwrap()).unwrap() }
    }

    fn seal(&mut self, packet: &[u8], reports: bool) -> Vec<u8> {
        let mut out = packet.to_vec();
        out.resize(packet.len() + 64, 0);
        let sealed = if reports {
            self.sender.protect_rtcp(&mut out, packet.len())
        } else {
            self.sender.protect(&mut out, packet.len())
        };
        out.truncate(sealed.unwrap());
        out
    }

    fn open(&mut self, mut packet: Vec<u8>, reports: bool) -> Vec<u8> {
        let opened = if reports {
            self.receiver.unprotect_rtcp(&mut packet)
        } else {
            self.receiver.unprotect(&mut packet)
        };
        packet.truncate(opened.expect("keys agree"));
        packet
    }
}

fn line(tag: u32, suite: Suite) -> CryptoAttribute {
    let bytes: Vec<u8> =
        (0..suite.key_bytes() + suite.salt_bytes()).map(|n| n as u8 ^ 0x5a).collect();
    CryptoAttribute::new(tag, suite, MasterKey::from_concatenated(suite, &bytes).unwrap())
}

fn lines(sdp: &str) -> Vec<CryptoAttribute> {
    sdp.lines()
        .filter(|line| line.starts_with("a=crypto:"))
        .map(|line| CryptoAttribute::parse(line).unwrap())
        .collect()
}

/// Sends until something comes through, since the worker throws away what came before it knew the call.
fn through(
    from: &UdpSocket,
    to: SocketAddr,
    at: &UdpSocket,
    mut packet: impl FnMut(u16) -> Vec<u8>,
) -> (u16, Vec<u8>) {
    at.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    for sequence in 100..500 {
        from.send_to(&packet(sequence), to).unwrap();
        let mut buffer = vec![0; 2048];
        if let Ok((bytes, _)) = at.recv_from(&mut buffer) {
            at.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            buffer.truncate(bytes);
            return (sequence, buffer);
        }
    }
    panic!("nothing came through");
}

#[test]
fn plain_and_every_suite_reach_each_other_with_reports() {
    let mut node = Node::on("127.0.0.1", support::ports::free(500));
    let suites = [
        Suite::AeadAes256Gcm,
        Suite::AeadAes128Gcm,
        Suite::AesCm256HmacSha1_80,
        Suite::AesCm192HmacSha1_80,
        Suite::AesCm128HmacSha1_80,
    ];
    for suite in suites {
        let (alice, bob) = (Phone::new(), Phone::new());
        let offer = alice.sdp("RTP/AVP", "");
        let mut bobs = None;
        let only = format!("only-{}", suite.sdes_name());
        let flags = [Text("transport-protocol", "RTP/SAVP"), List("SDES", &["pad", &only])];
        let [to_bob, to_alice] = node.call(suite.sdes_name(), (&offer, &flags), |to_bob| {
            let offered = lines(to_bob);
            assert_eq!(offered.len(), 1, "{to_bob}");
            let ours = line(offered[0].tag, suite);
            bobs = Some(Srtp::new(&ours, &offered[0]));
            bob.sdp("RTP/SAVP", &format!("{}\r\n", &*ours.line()))
        });
        assert!(to_bob.contains(" RTP/SAVP ") && to_alice.contains(" RTP/AVP "));
        assert!(!to_alice.contains("crypto"), "{to_alice}");
        let mut bobs = bobs.unwrap();
        let (facing_bob, facing_bob_rtcp) = addresses(&to_bob);
        let (facing_alice, facing_alice_rtcp) = addresses(&to_alice);
        let (n, packet) = through(&alice.rtp, facing_alice, &bob.rtp, |n| rtp(1, n));
        assert_ne!(packet, rtp(1, n));
        assert_eq!(bobs.open(packet, false), rtp(1, n));
        let (n, packet) =
            through(&bob.rtp, facing_bob, &alice.rtp, |n| bobs.seal(&rtp(2, n), false));
        assert_eq!(packet, rtp(2, n));
        alice.rtcp.send_to(&rtcp(1), facing_alice_rtcp).unwrap();
        assert_eq!(bobs.open(Phone::receive(&bob.rtcp).0, true), rtcp(1));
        bob.rtcp.send_to(&bobs.seal(&rtcp(2), true), facing_bob_rtcp).unwrap();
        assert_eq!(Phone::receive(&alice.rtcp).0, rtcp(2));
        // What was forged reaches nobody.
        let mut forged = bobs.seal(&rtp(2, 900), false);
        forged[40] ^= 1;
        bob.rtp.send_to(&forged, facing_bob).unwrap();
        bob.rtp.send_to(&bobs.seal(&rtp(2, 901), false), facing_bob).unwrap();
        assert_eq!(Phone::receive(&alice.rtp).0, rtp(2, 901));
    }
}

#[test]
fn a_payload_type_is_changed_before_its_packet_is_sealed() {
    let mut node = Node::on("127.0.0.1", support::ports::free(50));
    let (alice, bob) = (Phone::new(), Phone::new());
    let flags = [Text("transport-protocol", "RTP/SAVP")];
    let mut bobs = None;
    let [to_bob, to_alice] = node.call("c", (&alice.sdp("RTP/AVP", ""), &flags), |to_bob| {
        let offered = lines(to_bob).remove(0);
        let ours = line(offered.tag, offered.suite);
        bobs = Some(Srtp::new(&ours, &offered));
        let sdp = bob.sdp("RTP/SAVP", &format!("{}\r\n", &*ours.line()));
        sdp.replace(" 0 8 101", " 0 8 126").replace(":101 ", ":126 ")
    });
    let (mut bobs, facing_alice) = (bobs.unwrap(), addresses(&to_alice).0);
    let digit = |n, payload_type| {
        let mut packet = rtp(1, n);
        packet[1] = payload_type;
        packet
    };
    let (n, packet) = through(&alice.rtp, facing_alice, &bob.rtp, |n| digit(n, 101));
    assert_eq!(bobs.open(packet, false), digit(n, 126));
    let (n, packet) =
        through(&bob.rtp, addresses(&to_bob).0, &alice.rtp, |n| bobs.seal(&digit(n, 126), false));
    assert_eq!(packet, digit(n, 101));
}

#[test]
fn one_suite_is_translated_into_another() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    let (alice, bob) = (Phone::new(), Phone::new());
    // Of what is offered the first is nothing that anybody should take.
    let offered = line(2, Suite::AesCm128HmacSha1_80);
    let crypto = format!("a=crypto:1 NONE inline:AAAA\r\n{}\r\n", &*offered.line());
    let offer = alice.sdp("RTP/SAVP", &crypto);
    let flags = [List("SDES", &["no-AES_CM_128_HMAC_SHA1_80x"])];
    let mut bobs = None;
    let [to_bob, to_alice] = node.call("c", (&offer, &flags), |to_bob| {
        assert!(!to_bob.contains(&offered.value()[30..]), "keys stay on their side");
        let theirs = lines(to_bob).into_iter().find(|l| l.suite == Suite::AeadAes128Gcm).unwrap();
        let ours = line(theirs.tag, theirs.suite);
        bobs = Some(Srtp::new(&ours, &theirs));
        bob.sdp("RTP/SAVP", &format!("{}\r\n", &*ours.line()))
    });
    let mut bobs = bobs.unwrap();
    let answered = &lines(&to_alice)[..];
    assert_eq!((answered.len(), answered[0].tag, answered[0].suite), (1, 2, offered.suite));
    let mut alices = Srtp::new(&offered, &answered[0]);
    let (facing_bob, facing_alice) = (addresses(&to_bob).0, addresses(&to_alice).0);
    let (n, packet) =
        through(&alice.rtp, facing_alice, &bob.rtp, |n| alices.seal(&rtp(1, n), false));
    assert_eq!(bobs.open(packet, false), rtp(1, n));
    let (n, packet) = through(&bob.rtp, facing_bob, &alice.rtp, |n| bobs.seal(&rtp(2, n), false));
    assert_eq!(alices.open(packet, false), rtp(2, n));
}

#[test]
fn without_keys_in_common_there_is_no_call() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    let offer = Phone::new().sdp("RTP/AVP", "");
    let said = [
        Text("call-id", "c"),
        Text("from-tag", "a"),
        Text("sdp", &offer),
        Text("transport-protocol", "RTP/SAVP"),
    ];
    node.ask("offer", &said).sdp();
    // The callee answers without keys, then with ones of a tag that nobody has offered.
    let foreign = format!("{}\r\n", &*line(99, Suite::AeadAes128Gcm).line());
    for crypto in ["", &foreign] {
        let answer = Phone::new().sdp("RTP/SAVP", crypto);
        let said = [
            Text("call-id", "c"),
            Text("from-tag", "a"),
            Text("to-tag", "b"),
            Text("sdp", &answer),
        ];
        let answer = node.ask("answer", &said);
        assert_eq!(answer.text("error-reason").as_deref(), Some("No crypto suite in common"));
    }
}

#[test]
fn re_invites_keep_keys_that_go_on_and_never_take_up_old_ones() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    let (alice, bob) = (Phone::new(), Phone::new());
    let offer = alice.sdp("RTP/AVP", "");
    let savp = [Text("transport-protocol", "RTP/SAVP"), List("SDES", &["only-AEAD_AES_128_GCM"])];
    let suite = Suite::AeadAes128Gcm;
    let mut offered = Vec::new();
    for secure in [true, true, false, true] {
        let flags = if secure { &savp[..] } else { &[] };
        node.call("c", (&offer, flags), |to_bob| {
            let keys: Vec<String> = lines(to_bob).iter().map(|l| l.value().to_string()).collect();
            offered.push(keys);
            let ours = line(1, suite);
            let crypto = if secure { format!("{}\r\n", &*ours.line()) } else { String::new() };
            bob.sdp(if secure { "RTP/SAVP" } else { "RTP/AVP" }, &crypto)
        });
    }
    assert_eq!(offered[0], offered[1]);
    assert!(offered[2].is_empty());
    assert_eq!(offered[3].len(), 1);
    assert_ne!(offered[3], offered[0]);
    assert_eq!(node.control.calls(), 1);
}
