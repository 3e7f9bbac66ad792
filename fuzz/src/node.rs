// SPDX-License-Identifier: MIT OR Apache-2.0
//! The node's control: what stands between a datagram and a call.

use std::collections::HashSet;
use std::net::SocketAddr;

use ale_media::rtp::RtpPacket;
use ale_media::srtp::checkpoint::Restored;
use ale_media_node::failover::{CallRecord, FailoverError, MAX_AGE_MS, Vault};
use ale_media_node::http::{self, MAX_BODY_BYTES, MAX_HEAD_BYTES};
use ale_media_node::ng::bencode::{self, DictionaryWriter, Value};
use ale_media_node::ng::command::Request;
use ale_media_node::ng::flags::{Codecs, Flags};
use ale_media_node::ng::server::{Handler, Server};
use ale_media_node::ng::websocket;
use ale_media_node::peer::ice::{Credentials, Ice};
use ale_media_node::peer::stun::{self, MAX_ANSWER_BYTES, Message, Password};
use ale_media_node::sdp::{
    self, Formats, Line, LineKind, NamedFormat, Origin, Rewrite, RewrittenLine,
};
use ale_media_node::video::feedback::{self, Feedback};
use ale_media_node::video::input::Formats as VideoFormats;
use ale_media_node::video::key_frame::Codec;
use ale_media_node::video::layers::{Came, Layers, Simulcast};
use ale_media_node::video::output::{Output, Start};
use ale_media_node::web::{self, Question, TokenDigest, Wanted};

fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Integer(number) => out.extend(format!("i{number}e").bytes()),
        Value::Bytes(bytes) => {
            out.extend(format!("{}:", bytes.len()).bytes());
            out.extend_from_slice(bytes);
        }
        Value::List(list) => {
            out.push(b'l');
            list.iter().for_each(|value| write(value, out));
            out.push(b'e');
        }
        Value::Dictionary(entries) => {
            out.push(b'd');
            for (key, value) in entries {
                write(&Value::Bytes(key), out);
                write(value, out);
            }
            out.push(b'e');
        }
    }
}

/// Bencode: what is read is the same when it is written and read again.
pub fn bencode(data: &[u8]) {
    let Ok(value) = bencode::read(data) else { return };
    let mut out = Vec::new();
    write(&value, &mut out);
    assert!(out.len() <= data.len());
    assert_eq!(bencode::read(&out), Ok(value));
}

/// Does nothing, and says so.
struct Idle;

impl Handler for Idle {
    fn handle(&mut self, request: &Request<'_>, _: u64, answer: &mut DictionaryWriter<'_>) {
        for list in [&request.flags.codecs.strip, &request.flags.sdes_only, &request.flags.unknown]
        {
            assert!(list.len() <= 64);
        }
        answer.string("result", "ok");
    }
}

/// Datagrams of NG: an answer has the request's cookie and a dictionary, and comes again for the same.
pub fn ng(data: &[u8]) {
    let allowed = "127.0.0.0/8".parse().expect("a network");
    let from = SocketAddr::from(([127, 0, 0, 1], 9));
    let (mut server, mut first, mut second) = (Server::new(vec![allowed]), vec![], vec![]);
    let answered = server.answer(data, from, 0, &mut Idle, &mut first);
    assert_eq!(server.answer(data, from, 1, &mut Idle, &mut second), answered);
    assert_eq!(first, second);
    if answered {
        let at = first.iter().position(|&byte| byte == b' ').expect("a cookie");
        assert!(data.starts_with(&first[..=at]));
        let answer = bencode::read(&first[at + 1..]).expect("a dictionary");
        assert!(answer.entry("result").is_some());
    }
}

/// What comes over streams: heads of HTTP, frames of WebSocket, and NG's messages end where they say, and no sooner.
pub fn http(data: &[u8]) {
    if let Ok(Some(head)) = http::head(data) {
        assert!(head.bytes <= data.len().min(MAX_HEAD_BYTES));
        assert!(
            head.body_bytes().is_ok_and(|bytes| bytes <= MAX_BODY_BYTES)
                || head.body_bytes().is_err()
        );
        let answer = websocket::accept(&head);
        assert!(answer.is_none_or(|answer| answer.matches("\r\n\r\n").count() == 1));
        let authorization = head.field("authorization").unwrap_or_default();
        let brought = authorization.split_once(' ').map_or("", |(_, token)| token.trim());
        // By another token nothing is done; by this one, what the target says in so many words.
        for (token, known) in [(brought, true), ("another", brought == "another")] {
            let path = head.target.split('?').next().unwrap_or_default();
            match web::wanted(&head, Some(TokenDigest::of(token))) {
                Ok(Wanted::Enter { way, conference, name }) => {
                    assert!(known && path == format!("/{}/{conference}", way.folder()));
                    assert!(name.is_none_or(|name| !name.is_empty() && name.len() <= 64));
                }
                Ok(Wanted::Ask(Question::Leave { conference, session })) => {
                    let ends = format!("/{conference}/{session}");
                    assert!(known && path.strip_prefix("/wh").is_some_and(|p| p.ends_with(&ends)));
                }
                Ok(Wanted::Ice { conference, session, .. }) => {
                    let ends = format!("/{conference}/{session}");
                    assert!(known && head.method == "PATCH" && path.ends_with(&ends));
                }
                Ok(Wanted::Ask(Question::Conferences)) => {
                    assert!(known && path == "/api/conferences");
                }
                Ok(Wanted::Ask(Question::Call(call_id))) => {
                    assert!(known && path.starts_with("/api/calls/") && !call_id.is_empty());
                }
                Ok(Wanted::Ask(Question::Mute { conference, member, .. })) => {
                    let begins = format!("/api/conferences/{conference}/");
                    let number = path.strip_prefix(&begins).and_then(|p| p.split('/').next());
                    assert!(known && number.and_then(|n| n.parse().ok()) == Some(member));
                }
                Ok(Wanted::Ask(
                    Question::Consent { conference, sink, .. }
                    | Question::Tap { conference, sink, .. },
                )) => {
                    assert!(known && head.method == "POST");
                    assert!(path.contains(&conference) && path.contains(&sink));
                }
                Ok(Wanted::Methods) => assert_eq!(head.method, "OPTIONS"),
                Ok(_) => assert_eq!(head.method, "GET"),
                Err(refused) => assert!(refused.status.starts_with('4')),
            }
        }
        assert_eq!(http::head(&data[..head.bytes]), Ok(Some(head.clone())));
        assert_eq!(http::head(&data[..head.bytes - 1]), Ok(None));
    }
    if let Ok(Some(frame)) = websocket::read(data) {
        assert_eq!(websocket::read(&data[..frame.bytes]), Ok(Some(frame.clone())));
        assert_eq!(websocket::read(&data[..frame.bytes - 1]), Ok(None));
        let mut out = Vec::new();
        websocket::write(frame.kind, &frame.payload, &mut out);
        assert!(out.ends_with(&frame.payload));
        // The server's are not masked, so that they are no client's.
        assert_eq!(websocket::read(&out), Err(1002));
    }
    if let Ok(bytes) = bencode::extent(data) {
        assert!(bencode::read(&data[..bytes]).is_ok());
        assert_eq!(bencode::extent(&data[..bytes - 1]), Err(bencode::BencodeError::Cut));
    }
}

/// STUN: what is authentic by the password that the seeds were made with is answered within its room and moves
/// the peer, and nothing else does.
pub fn stun(data: &[u8]) {
    let told = Credentials { fragment: "evtj".into(), password: "VOkJxbRl1RmTxUk/WvJxBt".into() };
    let password = Password::new(&told.password).expect("short");
    let from = SocketAddr::from(([192, 0, 2, 1], 32_853));
    let (mut ice, out) = (Ice::new(&told).expect("short"), &mut [0; MAX_ANSWER_BYTES]);
    let authentic = match stun::read(data) {
        Some(Message::Request(request)) => {
            assert!(request.refuse(&password, out) <= MAX_ANSWER_BYTES);
            assert!(request.succeed(from, &password, out) <= MAX_ANSWER_BYTES);
            request.is_authentic(&password)
        }
        Some(Message::Success(_) | Message::Indication) | None => false,
    };
    let checked = ice.check(data, from, false, out);
    assert!(authentic || checked.is_none());
    assert_eq!(checked.is_some_and(|checked| checked.moved), ice.address(false).is_some());
    assert_eq!(ice.knows(from, false), ice.address(false).is_some());
}

/// What is kept of a call: a record that can be read is the same when it was sealed and is opened again, by its own name and
/// while it is young, and refused otherwise. What is not sealed is none, and what stands in place of a checkpoint is taken for
/// no more than it is.
pub fn failover(data: &[u8]) {
    let key = [7; 32];
    let mut vault = Vault::new(&key).expect("a system with random numbers");
    let refused = vault.open("name", data, 0);
    assert!(matches!(refused, Err(FailoverError::Sealed | FailoverError::Version)), "{refused:?}");
    let Some(record) = CallRecord::read(data) else { return };
    for end in record.lines.iter().flatten().flat_map(|line| &line.ends) {
        for checkpoint in end.srtp.iter().flat_map(|srtp| [&srtp.send, &srtp.receive]) {
            if let Ok(restored) = Restored::open(&key, checkpoint) {
                let _ = restored.into_sender();
            }
        }
    }
    let written_ms = record.written_ms;
    let Ok(mut sealed) = vault.seal("name", &record) else { return };
    assert_eq!(vault.open("name", &sealed, written_ms), Ok(record));
    assert_eq!(vault.open("another", &sealed, written_ms), Err(FailoverError::Sealed));
    let later_ms = written_ms.wrapping_add(MAX_AGE_MS + 1);
    assert_eq!(vault.open("name", &sealed, later_ms), Err(FailoverError::Stale));
    let at = usize::from(data[0]) * sealed.len() / 256;
    sealed[at] ^= 1;
    let refused = vault.open("name", &sealed, written_ms);
    assert!(matches!(refused, Err(FailoverError::Sealed | FailoverError::Version)), "{refused:?}");
}

/// A member's video, as datagrams of up to 255 bytes, each behind its length: whatever comes from a camera and from who
/// sees it, no packet is sent under a number twice, and what is told fits its room.
pub fn video(data: &[u8]) {
    let formats = VideoFormats {
        codec: Codec::ALL[usize::from(data.first().copied().unwrap_or(0) & 1)],
        payload_type: 96,
        repair: Some(97),
        transport_number: Some(3),
        send_time: Some(2),
    };
    let start = Start { ssrc: 9, repair_ssrc: 10, sequences: [65_000, 65_535], timestamp: 0 };
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let simulcast = Simulcast { stream_id: 4, repaired_stream_id: Some(5), names };
    let several = data.first().is_some_and(|first| first & 2 != 0).then_some(&simulcast);
    let mut input = Layers::new(1, formats, several, (9, "cname"), 500_000);
    let mut output = Output::new(formats, start, "cname", None);
    output.want(Some(1));
    let (mut rest, mut now_ns, mut sent) = (data, 0, HashSet::new());
    let mut out = [0; 2_048];
    while let Some((&bytes, behind)) = rest.split_first() {
        let (datagram, behind) = behind.split_at(behind.len().min(usize::from(bytes)));
        rest = behind;
        now_ns += u64::from(bytes) * 1_000_000;
        input.hear(datagram, now_ns);
        let mut again = Vec::new();
        feedback::read(datagram, 9, |feedback| match feedback {
            Feedback::KeyFrame => input.want_key_frame(output.layer()),
            Feedback::Missing(numbers) => again.extend(numbers),
            Feedback::Bandwidth(bps) => output.set_bandwidth(bps),
            Feedback::Lost(part) => output.set_lost(part),
        });
        output.choose(&input, now_ns);
        for number in again {
            if let Some((run, sequence)) = output.original(number) {
                output.write_again(run, input.kept(run, sequence), now_ns, &mut out);
            }
        }
        if let Ok(packet) = RtpPacket::parse(datagram)
            && let Ok(payload) = packet.payload()
            && let Some(Came { run, head, highest }) = input.take(&packet, payload, now_ns)
            && let Some(due) = output.due(run, &head, highest, now_ns)
        {
            for sequence in due {
                let Some((head, payload)) = input.kept(run, sequence) else { continue };
                let written = output.write(run, &head, payload, now_ns, &mut out);
                let (bytes, _) = written.expect("it is due");
                let packet = RtpPacket::parse(&out[..bytes]).expect("it was written");
                let shown = packet.payload().expect("it was written");
                // What stands before that counts pictures.
                assert_eq!((shown.len(), shown.get(5..)), (payload.len(), payload.get(5..)));
                // 65,536 packets do not fit an input.
                assert!(sent.insert(packet.sequence()), "a number twice");
            }
        }
        if let Some(bytes) = input.poll_feedback(now_ns, &mut out) {
            assert!(bytes <= 1_200);
        }
    }
}

/// Descriptions: the node in the peer's place, in what is read again.
pub fn description(data: &[u8]) {
    let Ok(mut session) = sdp::parse(data, 16) else { return };
    let line =
        |n: usize| RewrittenLine { to_phone: true, ..RewrittenLine::plain(30_000 + 2 * n as u16) };
    let lines: Vec<_> = (0..session.medias.len()).map(|n| Some(line(n))).collect();
    let mut flags = Flags::default();
    flags.word("codec-strip-PCMU");
    let codecs: &Codecs = &flags.codecs;
    let address = "198.51.100.1".parse().expect("an address");
    let before: Vec<_> = (0..lines.len()).filter_map(|n| Line::of(&session, n)).collect();
    for beside in &before {
        if let Some(video) = sdp::video(&session, beside, &Codec::ALL) {
            assert!(video.number < lines.len() && video.formats.payload_type < 128);
            assert_eq!(video.named().len(), 1 + usize::from(video.formats.repair.is_some()));
        }
    }
    if !before.is_empty() {
        // The node's own answer: one line, and the others refused.
        let chosen = before.len() / 2;
        let origin = Origin { session: 7, version: 1, address };
        let extensions = before[chosen].extensions;
        let mut own = sdp::answering(&session, chosen, true, false, extensions, origin);
        let pcmu = NamedFormat { payload_type: 0, encoding: "PCMU/8000".into(), fmtp: None };
        let mut lines = vec![None; chosen];
        let formats = Formats::Only(vec![pcmu]);
        lines.push(Some(RewrittenLine { formats, to_phone: false, ..line(0) }));
        let to = Rewrite { address, origin: false, no_rtcp_attribute: false, codecs, lines };
        sdp::rewrite(&mut own, &to);
        let again = sdp::parse(&sdp::write(&own), 16).expect("what is written is read");
        for n in 0..before.len() {
            let line = Line::of(&again, n).expect("a line");
            assert_eq!(matches!(line.kind, LineKind::Rtp(_)), n == chosen);
            assert!(n == chosen || line.kind == LineKind::Off);
            assert!(line.crypto.is_empty() && line.ice.is_none() && line.dtls.is_none());
            assert!(n != chosen || (line.sends && !line.receives));
            assert!(n != chosen || line.extensions == extensions, "identifiers are the offer's");
        }
    }
    let to = Rewrite { address, origin: true, no_rtcp_attribute: false, codecs, lines };
    sdp::rewrite(&mut session, &to);
    let again = sdp::parse(&sdp::write(&session), 16).expect("what is written is read");
    assert_eq!(again.medias.len(), before.len());
    for n in 0..before.len() {
        let line = Line::of(&again, n).expect("a line");
        assert!(line.rtp.is_none_or(|rtp| rtp == SocketAddr::new(address, 30_000 + 2 * n as u16)));
        assert!(line.crypto.is_empty() && !line.rtcp_mux);
        assert!(line.ice.is_none() && line.dtls.is_none() && line.mid.is_none());
    }
}
