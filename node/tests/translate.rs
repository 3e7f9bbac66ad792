// SPDX-License-Identifier: MIT OR Apache-2.0
//! Phones without a codec in common, on loopback. What they hear is the business of
//! `src/worker/translate_tests.rs`, where time is an argument.
#![allow(missing_docs, unreachable_pub)]

mod support;

use support::Said::{List, Text};
use support::{Node, Phone, addresses, rtp};

/// A telephone event by RFC 4733 section 2.3, by hand.
fn event(ssrc: u32, sequence: u16, digit: u8, end: bool, duration: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 101];
    packet.extend(sequence.to_be_bytes());
    packet.extend(16_000_u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([digit, if end { 0x8a } else { 10 }]);
    packet.extend(duration.to_be_bytes());
    packet
}

const TO_A_LAW: [support::Said<'static>; 1] =
    [List("flags", &["codec-mask-all", "codec-except-telephone-event", "codec-transcode-PCMA"])];

#[test]
fn each_phone_gets_its_own_codec_and_digits_cross() {
    let mut node = Node::on("127.0.0.1", support::ports::free(200));
    let (alice, bob) = (Phone::new(), Phone::new());
    let offer = alice.sdp("RTP/AVP", "").replace(" 0 8 101", " 0 101");
    let [to_bob, to_alice] = node.call("c", (&offer, &TO_A_LAW), |to_bob| {
        assert!(to_bob.contains(" RTP/AVP 101 8\r\n"), "{to_bob}");
        bob.sdp("RTP/AVP", "").replace(" 0 8 101", " 8 101")
    });
    assert!(to_bob.contains("a=rtpmap:8 PCMA/8000\r\n"));
    assert!(to_alice.contains(" RTP/AVP 0 101\r\n"), "{to_alice}");
    let (facing_alice, facing_bob) = (addresses(&to_alice).0, addresses(&to_bob).0);
    let mut digits = Vec::new();
    for n in 0..1_000_u16 {
        // What Bob gets paces what Alice sends.
        let (packet, from) = Phone::receive(&bob.rtp);
        assert_eq!(from, facing_bob);
        match packet[1] & 0x7f {
            8 => assert_eq!(packet.len(), 172),
            101 => digits.push(packet[12]),
            other => panic!("payload type {other}"),
        }
        let digit = match n {
            20..=24 => event(7, 100 + n, 5, false, 160 * (n - 19)),
            25..=27 => event(7, 100 + n, 5, true, 960),
            _ => rtp(7, 100 + n),
        };
        alice.rtp.send_to(&digit, facing_alice).unwrap();
        node.control.listen(0);
        if !digits.is_empty() && packet[1] & 0x7f == 8 {
            break;
        }
    }
    assert!(!digits.is_empty() && digits.iter().all(|&digit| digit == 5), "{digits:?}");
    let (packet, from) = Phone::receive(&alice.rtp);
    assert_eq!((packet[1] & 0x7f, packet.len(), from), (0, 172, facing_alice));
    // Another round that says the same changes nothing.
    let again = node
        .call("c", (&offer, &TO_A_LAW), |_| bob.sdp("RTP/AVP", "").replace(" 0 8 101", " 8 101"));
    assert!(again[0].contains(" RTP/AVP 8 101\r\n"), "what is spoken: {}", again[0]);
    assert_eq!((addresses(&again[0]), &again[1]), (addresses(&to_bob), &to_alice));
    // Bob asks for one, and nobody says anything about codecs: each is still told its own.
    let offer = bob.sdp("RTP/AVP", "").replace(" 0 8 101", " 8 0 101");
    let ids =
        [Text("call-id", "c"), Text("from-tag", "b"), Text("to-tag", "a"), Text("sdp", &offer)];
    let asked = node.ask("offer", &ids).sdp();
    assert!(asked.contains(" RTP/AVP 0 101\r\n"), "{asked}");
    assert_eq!(addresses(&asked), addresses(&to_alice));
    let answer = alice.sdp("RTP/AVP", "").replace(" 0 8 101", " 0 101");
    let ids =
        [Text("call-id", "c"), Text("from-tag", "b"), Text("to-tag", "a"), Text("sdp", &answer)];
    // He offers mu-law, too, which could be passed on: a line that runs goes on as it does.
    let answered = node.ask("answer", &ids).sdp();
    assert!(answered.contains(" RTP/AVP 8 101\r\n"), "{answered}");
    assert_eq!(addresses(&answered), addresses(&to_bob));
}

#[test]
fn a_codec_in_common_is_passed_on_whatever_was_added() {
    let mut node = Node::on("127.0.0.1", support::ports::free(200));
    let (alice, bob) = (Phone::new(), Phone::new());
    let offer = alice.sdp("RTP/AVP", "").replace(" 0 8 101", " 0 101");
    let flags = [List("flags", &["codec-transcode-opus", "codec-transcode-G722"])];
    let [to_bob, to_alice] = node.call("c", (&offer, &flags), |to_bob| {
        assert!(to_bob.contains(" RTP/AVP 0 101 96 9\r\n"), "{to_bob}");
        assert!(to_bob.contains("a=rtpmap:96 opus/48000/2\r\n"), "{to_bob}");
        bob.sdp("RTP/AVP", "").replace(" 0 8 101", " 0 101")
    });
    assert!(to_alice.contains(" RTP/AVP 0 101\r\n"));
    let facing_alice = addresses(&to_alice).0;
    bob.rtp.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
    let through = (100..500).find_map(|n| {
        alice.rtp.send_to(&rtp(7, n), facing_alice).unwrap();
        let mut packet = [0; 2048];
        let bytes = bob.rtp.recv(&mut packet).ok()?;
        Some(packet[..bytes] == rtp(7, n))
    });
    assert_eq!(through, Some(true));
    drop(to_bob);
    // What runs as it is can't be translated from now on.
    let answer = bob.sdp("RTP/AVP", "a=rtpmap:96 opus/48000/2\r\n").replace(" 0 8 101", " 96");
    let ids = || vec![Text("call-id", "c"), Text("from-tag", "a"), Text("to-tag", "b")];
    let mut said = ids();
    said.extend([Text("sdp", &answer)]);
    let refused = node.ask("answer", &said).text("error-reason").unwrap();
    assert!(refused.contains("not done"), "{refused}");
}
