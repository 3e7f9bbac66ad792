// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are played to parties and announced in conferences, by what phones hear.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use ale_media::codec::CodecSpec;
use ale_media::codec::g711::Law;
use ale_media::rtp::is_rtcp;
use support::Said::{Bytes, Text};
use support::talker::join;
use support::{Node, Phone, addresses, amplitude, rtp};

/// A WAV of PCM with a tone, by the format's description.
fn wav(rate_hz: u32, ms: u32, hz: f64) -> Vec<u8> {
    let samples = rate_hz * ms / 1_000;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + 2 * samples).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend([rate_hz.to_le_bytes(), (2 * rate_hz).to_le_bytes()].concat());
    file.extend(b"\x02\0\x10\0data");
    file.extend((2 * samples).to_le_bytes());
    file.extend((0..samples).flat_map(|n| {
        let turn = core::f64::consts::TAU * f64::from(n) * hz / f64::from(rate_hz);
        ((8_000.0 * turn.sin()) as i16).to_le_bytes()
    }));
    file
}

/// The payload of the next packet of RTP, whose it is and where in its stream.
fn next(phone: &Phone) -> (Vec<u8>, u32, u16) {
    loop {
        let (packet, _) = Phone::receive(&phone.rtp);
        if !is_rtcp(&packet) {
            let ssrc = u32::from_be_bytes(packet[8..12].try_into().unwrap());
            let sequence = u16::from_be_bytes(packet[2..4].try_into().unwrap());
            assert_eq!(packet[1] & 0x7f, 0);
            return (packet[12..].to_vec(), ssrc, sequence);
        }
    }
}

fn linear(payload: &[u8]) -> impl Iterator<Item = i16> {
    payload.iter().map(|&code| Law::Mu.to_linear(code))
}

#[test]
fn what_is_played_to_one_party_of_a_relayed_call_covers_the_other_until_it_ends() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    let phones = [Phone::new(), Phone::new()];
    let sdp = |phone: &Phone| phone.sdp("RTP/AVP", "");
    let [to_b, to_a] = node.call("c", (&sdp(&phones[0]), &[]), |_| sdp(&phones[1]));
    let [id, tag] = [Text("call-id", "c"), Text("from-tag", "a")];
    // Half a second at another rate, twice.
    let file = wav(16_000, 500, 1_000.0);
    let play = [id, tag, Bytes("blob", &file), Text("repeat-times", "2")];
    let answer = node.ask("play media", &play);
    assert_eq!(answer.text("result").as_deref(), Some("ok"), "{answer:?}");
    assert_eq!(answer.value().entry("duration").and_then(|d| d.number()), Some(500));
    let (mut heard, mut last) = (Vec::new(), None);
    for n in 0..50_u16 {
        // What the other says is not passed on meanwhile.
        phones[1].rtp.send_to(&rtp(77, n), addresses(&to_b).0).unwrap();
        phones[0].rtp.send_to(&rtp(66, n), addresses(&to_a).0).unwrap();
        let (payload, ssrc, sequence) = next(&phones[0]);
        assert_ne!(ssrc, 77);
        if let Some((before, then)) = last {
            assert_eq!((ssrc, sequence), (before, u16::wrapping_add(then, 1)));
        }
        last = Some((ssrc, sequence));
        heard.extend(linear(&payload));
    }
    assert!(amplitude(&heard, 1_000.0) > 7_000.0, "{}", amplitude(&heard, 1_000.0));
    // Who is played to is heard all the time, and hears the other again behind the end.
    assert_eq!(next(&phones[1]).1, 66);
    until_passed_on(&phones, addresses(&to_b).0, 60);
    // One that would go on for an hour is stopped, and told where it was.
    node.ask("play media", &[id, tag, Bytes("blob", &file), Text("repeat-times", "7200")]);
    while next(&phones[0]).1 == 77 {}
    (0..3).for_each(|_| assert_ne!(next(&phones[0]).1, 77));
    let stopped = node.ask("stop media", &[id, tag]);
    let position = stopped.value().entry("last-frame-pos").and_then(|p| p.number()).unwrap();
    assert!((60..500).contains(&position), "{position}");
    let again = node.ask("stop media", &[id, tag]);
    assert_eq!(again.text("result").as_deref(), Some("ok"));
    assert!(again.value().entry("last-frame-pos").is_none());
    until_passed_on(&phones, addresses(&to_b).0, 600);
}

/// The second says something until the first hears it: what is played may have a packet to go.
fn until_passed_on(phones: &[Phone; 2], to: SocketAddr, first: u16) {
    phones[0].rtp.set_read_timeout(Some(Duration::from_millis(40))).unwrap();
    let mut buffer = [0; 2_048];
    let heard = (first..first + 500).any(|n| {
        phones[1].rtp.send_to(&rtp(77, n), to).unwrap();
        phones[0].rtp.recv_from(&mut buffer).is_ok_and(|_| buffer[8..12] == [0, 0, 0, 77])
    });
    assert!(heard);
    phones[0].rtp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
}

#[test]
fn what_is_played_to_a_party_of_a_translated_call_is_heard_in_its_codec() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    let phones = [Phone::new(), Phone::new()];
    let (offer, answer) = (phones[0].sdp("RTP/AVP", ""), phones[1].sdp("RTP/AVP", ""));
    let (offer, answer) = (offer.replace(" 0 8 101", " 0"), answer.replace(" 0 8 101", " 8"));
    let flags = [Text("rtpp-flags", "codec-mask-PCMU codec-transcode-PCMA")];
    node.call("c", (&offer, &flags), |_| answer);
    let file = wav(16_000, 1_000, 700.0);
    let play = [Text("call-id", "c"), Text("from-tag", "a"), Bytes("blob", &file)];
    assert_eq!(node.ask("play media", &play).text("result").as_deref(), Some("ok"));
    let heard: Vec<i16> =
        (0..40).flat_map(|_| linear(&next(&phones[0]).0).collect::<Vec<_>>()).collect();
    assert!(amplitude(&heard, 700.0) > 6_000.0, "{}", amplitude(&heard, 700.0));
}

#[test]
fn an_announcement_is_heard_by_all_of_a_conference() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    let phones = [Phone::new(), Phone::new()];
    for (phone, id) in phones.iter().zip(["x", "y"]) {
        let sdp = phone.sdp("RTP/AVP", "");
        let [call, tag] = [Text("call-id", id), Text("from-tag", id)];
        let conference = Text("conference", "room");
        // As proxies say it that know no command of ours.
        node.ask("offer", &[call, tag, conference, Text("sdp", &sdp)]).sdp();
    }
    let file = wav(8_000, 300, 1_200.0);
    let play = [Text("conference", "room"), Bytes("blob", &file), Text("repeat-times", "100")];
    assert_eq!(node.ask("play media", &play).text("result").as_deref(), Some("ok"));
    for phone in &phones {
        let heard = (0..200).any(|_| {
            node.control.listen(0);
            let heard: Vec<i16> =
                (0..10).flat_map(|_| linear(&next(phone).0).collect::<Vec<_>>()).collect();
            amplitude(&heard, 1_200.0) > 6_000.0
        });
        assert!(heard);
    }
    let [stop, none] =
        ["room", "none"].map(|name| node.ask("stop media", &[Text("conference", name)]));
    assert_eq!(stop.text("result").as_deref(), Some("ok"));
    assert_eq!(none.text("error-reason").as_deref(), Some("Unknown conference"));
    assert_eq!(node.control.members(), 2);
}

#[test]
fn a_member_is_played_to_and_the_others_hear_nothing_of_it() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    let phones = [Phone::new(), Phone::new()];
    for (phone, id) in phones.iter().zip(["x", "y"]) {
        join(&mut node, id, "room", &phone.sdp("RTP/AVP", ""), &[]).sdp();
    }
    let file = wav(16_000, 300, 1_200.0);
    let [id, tag] = [Text("call-id", "x"), Text("from-tag", "x")];
    let play = [id, tag, Bytes("blob", &file), Text("repeat-times", "100")];
    assert_eq!(node.ask("play media", &play).text("result").as_deref(), Some("ok"));
    let all = wav(8_000, 300, 600.0);
    let play = [Text("conference", "room"), Bytes("blob", &all), Text("repeat-times", "100")];
    assert_eq!(node.ask("play media", &play).text("result").as_deref(), Some("ok"));
    let hears = |node: &mut Node, expected: [[bool; 2]; 2]| {
        (0..100).any(|_| {
            let heard = phones.each_ref().map(|phone| {
                node.control.listen(0);
                let sound = (0..10).flat_map(|_| linear(&next(phone).0).collect::<Vec<_>>());
                let sound: Vec<i16> = sound.collect();
                [1_200.0, 600.0].map(|hz| amplitude(&sound, hz))
            });
            assert!(heard[1][0] < 100.0, "who is not played to hears it: {heard:?}");
            heard.map(|tones| tones.map(|tone| tone > 6_000.0)) == expected
        })
    };
    assert!(hears(&mut node, [[true, true], [false, true]]));
    assert_eq!(node.ask("stop media", &[id, tag]).text("result").as_deref(), Some("ok"));
    assert!(hears(&mut node, [[false, true], [false, true]]));
    // What is played to who has left ends.
    let play = [id, tag, Bytes("blob", &file), Text("repeat-times", "100")];
    assert_eq!(node.ask("play media", &play).text("result").as_deref(), Some("ok"));
    node.ask("delete", &[id]);
    node.ask("stop media", &[Text("conference", "room")]);
    let silent = (0..100).any(|_| {
        node.control.listen(0);
        let sound = (0..10).flat_map(|_| linear(&next(&phones[1]).0).collect::<Vec<_>>());
        sound.collect::<Vec<_>>().iter().all(|sample| sample.unsigned_abs() < 50)
    });
    assert!(silent);
}

#[test]
fn where_another_codec_is_passed_on_it_is_played_in_that() {
    for (format, rtpmap, codec, step) in [
        ("9", "", "G722/8000", 160),
        ("96", "a=rtpmap:96 opus/48000/2\r\n", "opus/48000/2", 960_u32),
    ] {
        let mut node = Node::on("127.0.0.1", support::ports::free(50));
        let phones = [Phone::new(), Phone::new()];
        let sdp =
            |phone: &Phone| phone.sdp("RTP/AVP", rtpmap).replace(" 0 8 101", &format!(" {format}"));
        node.call("c", (&sdp(&phones[0]), &[]), |_| sdp(&phones[1]));
        let file = wav(16_000, 1_000, 1_000.0);
        let play = [Text("call-id", "c"), Text("from-tag", "b"), Bytes("blob", &file)];
        assert_eq!(node.ask("play media", &play).text("result").as_deref(), Some("ok"));
        let mut decoder = CodecSpec::from_rtpmap(codec).unwrap().decoder(16_000).unwrap();
        assert_eq!(decoder.format().sample_rate_hz, 16_000);
        let (mut heard, mut last) = (Vec::new(), None::<u32>);
        for _ in 0..40 {
            let (packet, _) = Phone::receive(&phones[1].rtp);
            assert_eq!((packet[0], packet[1] & 0x7f), (0x80, format.parse().unwrap()));
            let timestamp = u32::from_be_bytes(packet[4..8].try_into().unwrap());
            assert!(last.is_none_or(|last| timestamp.wrapping_sub(last) == step));
            last = Some(timestamp);
            let mut pcm = [0; 320];
            assert_eq!(decoder.decode(&packet[12..], &mut pcm), Ok(320));
            // Every second sample: the tone is far below half of what is left.
            heard.extend(pcm.iter().step_by(2));
        }
        assert!(amplitude(&heard[1_600..], 1_000.0) > 6_000.0, "{codec}");
    }
}

#[test]
fn what_can_not_be_played_is_refused_by_its_reason() {
    let mut node = Node::on("127.0.0.1", support::ports::free(100));
    let phones = [Phone::new(), Phone::new()];
    let only = |phone: &Phone| phone.sdp("RTP/AVP", "").replace(" 0 8 101", " 18");
    node.call("c", (&only(&phones[0]), &[]), |_| only(&phones[1]));
    let file = wav(8_000, 100, 500.0);
    let odd = wav(44_100, 100, 500.0);
    let id = |call| Text("call-id", call);
    for (said, reason) in [
        (vec![id("c")], "No file or blob"),
        (vec![id("c"), Text("file", "a.wav")], "No folder"),
        (vec![id("c"), Text("file", "a.wav"), Bytes("blob", &file)], "Both"),
        (vec![id("c"), Bytes("blob", b"hello")], "Not a WAV"),
        (vec![id("c"), Bytes("blob", &odd)], "kHz"),
        (vec![id("c"), Bytes("blob", &file)], "No codec that is known here"),
        (vec![id("c"), Bytes("blob", &file), Text("from-tag", "z")], "Unknown from-tag"),
        (vec![id("d"), Bytes("blob", &file)], "Unknown call-id"),
        (vec![Text("conference", "none"), Bytes("blob", &file)], "Unknown conference"),
    ] {
        let answer = node.ask("play media", &said);
        let told = answer.text("error-reason").unwrap_or_default();
        assert!(told.contains(reason), "{told} for {reason}");
    }
}
