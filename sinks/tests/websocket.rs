// SPDX-License-Identifier: MIT OR Apache-2.0
//! A tapped member whose words go to a server over WebSocket, and the server's to the conference. The server is
//! made of `tungstenite`'s half for servers, and reads JSON by itself.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use ale_media::conference::JoinOptions;
use ale_media::talk::{Talk, TalkConfig, TalkWriter};
use ale_media::tap::Purpose;
use ale_media_sinks::websocket::rustls::crypto::SupportedKxGroup;
use ale_media_sinks::websocket::rustls::crypto::aws_lc_rs::kx_group;
use ale_media_sinks::websocket::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use ale_media_sinks::websocket::rustls::{
    self, NamedGroup, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use ale_media_sinks::websocket::{Client, ClientConfig, Dialect, Encoding, SessionConfig};
use serde_json::{Value, json};
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Message, WebSocket};

mod room;

use room::Room;

type Socket = WebSocket<std::net::TcpStream>;
type Secured = WebSocket<StreamOwned<ServerConnection, std::net::TcpStream>>;

/// The next connection that becomes a WebSocket.
fn accept(server: &TcpListener) -> Socket {
    loop {
        let (stream, _) = server.accept().unwrap();
        if let Ok(socket) = tungstenite::accept(stream) {
            return socket;
        }
    }
}

fn text(socket: &mut WebSocket<impl Read + Write>) -> Value {
    match socket.read().unwrap() {
        Message::Text(text) => serde_json::from_str(text.as_str()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn sound(socket: &mut Socket) -> Vec<i16> {
    match socket.read().unwrap() {
        Message::Binary(bytes) => {
            bytes.chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// A voice in the room, at 8 kHz.
fn voice(room: &Room) -> TalkWriter {
    let mut talk = TalkConfig::default();
    (talk.sample_rate_hz, talk.member_rate_hz) = (8_000, 8_000);
    let (voice, end) = Talk::new(&talk).unwrap();
    let joined = room.control.join_talk(Box::new(end), JoinOptions::default());
    joined.map_err(|(error, _)| error).unwrap();
    voice
}

fn config(server: &TcpListener, dialect: Dialect) -> ClientConfig {
    let session = SessionConfig::new(dialect, 8_000, "call-7");
    ClientConfig::new(server.local_addr().unwrap(), "ws://server.example/media?x=1", session)
}

#[test]
fn words_go_there_and_back_and_a_server_that_dies_is_found_again() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut room = Room::of(1);
    room.grant(0, Purpose::Assist);
    let (tap, voice) = (room.tap(0, Purpose::Assist), voice(&room));
    let client = Client::start(config(&server, Dialect::Binary), tap, Some(voice)).unwrap();
    for connection in 1..=2 {
        let mut socket = accept(&server);
        let start = text(&mut socket);
        assert_eq!((&start["event"], &start["format"]), (&json!("MEDIA_START"), &json!("slin")));
        assert_eq!((&start["channel"], &start["ptime"]), (&json!("call-7"), &json!(20)));
        for n in 0..50 {
            let says = [0, 1].map(|half| 2 * n + half + 1_000 * connection);
            for says in says {
                room.tick(says);
            }
            let heard = sound(&mut socket);
            assert_eq!(heard.len(), start["optimal_frame_size"].as_u64().unwrap() as usize / 2);
            assert_eq!([heard[0], heard[80]], says, "in order, none lost");
        }
        // An odd number of bytes first.
        let words = [0, 16].repeat(160);
        socket.send(Message::binary(words[..3].to_vec())).unwrap();
        socket.send(Message::binary(words[3..].to_vec())).unwrap();
        let mark = json!({ "command": "MARK_MEDIA", "correlation_id": "m" });
        socket.send(Message::text(mark.to_string())).unwrap();
        socket.send(Message::text(r#"{"command":"GET_STATUS"}"#)).unwrap();
        // The answer says that all before it has come.
        let status = text(&mut socket);
        assert_eq!((&status["event"], &status["queue_length"]), (&json!("STATUS"), &json!(1)));
        room.tick(0);
        assert_eq!(room.tick(0), [4_096; 80]);
        let (mut marked, mut silent) = (false, false);
        while !(marked && silent) {
            match socket.read().unwrap() {
                Message::Text(text) => {
                    let event: Value = serde_json::from_str(text.as_str()).unwrap();
                    assert_eq!(
                        event,
                        json!({
                            "event": "MEDIA_MARK_PROCESSED", "correlation_id": "m"
                        })
                    );
                    marked = true;
                }
                Message::Binary(bytes) => {
                    assert_eq!(&bytes[..], [0; 320]);
                    silent = true;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(client.stats().samples, 160 * connection as u64);
        // The server is gone without a word.
    }
    let mut socket = accept(&server);
    assert_eq!(text(&mut socket)["event"], "MEDIA_START");
    room.withdraw(0);
    room.tick(9_999);
    room.grant(0, Purpose::Assist);
    room.tick(5);
    assert!(client.digit('#'));
    drop(client);
    // What came after it was withdrawn is not sent; half a message is filled up.
    let (mut heard, mut digit) = (Vec::new(), false);
    loop {
        match socket.read().unwrap() {
            Message::Binary(_) if !heard.is_empty() => panic!("more than one"),
            Message::Binary(bytes) => heard = bytes.to_vec(),
            Message::Text(text) => {
                let event: Value = serde_json::from_str(text.as_str()).unwrap();
                assert_eq!(event, json!({ "event": "DTMF_END", "digit": "#" }));
                digit = true;
            }
            Message::Close(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((heard, digit), ([[5, 0].repeat(80), vec![0; 160]].concat(), true));
}

#[test]
fn twilio_streams_are_numbered_and_end_with_stop() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut room = Room::of(1);
    room.grant(0, Purpose::Assist);
    let (tap, voice) = (room.tap(0, Purpose::Assist), voice(&room));
    let mut config = config(&server, Dialect::Twilio(Encoding::Pcmu));
    config.session.account = "AC1".into();
    config.session.parameters = vec![("language".into(), "de".into())];
    let client = Client::start(config, tap, Some(voice)).unwrap();
    let mut socket = accept(&server);
    assert_eq!(
        text(&mut socket),
        json!({
            "event": "connected", "protocol": "Call", "version": "1.0.0"
        })
    );
    assert_eq!(
        text(&mut socket),
        json!({
            "event": "start", "sequenceNumber": "1", "streamSid": "call-7", "start": {
                "accountSid": "AC1", "streamSid": "call-7", "callSid": "call-7", "tracks": ["inbound"],
                "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1 },
                "customParameters": { "language": "de" },
            },
        })
    );
    // The loudest that mu-law has is 0x80 (ITU-T G.711, table 2a).
    let loudest = format!("{}gA==", "gICA".repeat(53));
    for n in 0..3_u64 {
        room.tick(32_124);
        room.tick(32_124);
        assert_eq!(
            text(&mut socket),
            json!({
                "event": "media", "sequenceNumber": (n + 2).to_string(), "streamSid": "call-7",
                "media": {
                    "track": "inbound", "chunk": (n + 1).to_string(),
                    "timestamp": (20 * n).to_string(), "payload": loudest,
                },
            })
        );
    }
    for message in [
        json!({ "event": "media", "streamSid": "call-7", "media": { "payload": loudest } }),
        json!({ "event": "mark", "streamSid": "call-7", "mark": { "name": "before" } }),
        json!({ "event": "clear", "streamSid": "call-7" }),
    ] {
        socket.send(Message::text(message.to_string())).unwrap();
    }
    // What was cleared is told at once.
    assert_eq!(
        text(&mut socket),
        json!({
            "event": "mark", "sequenceNumber": "5", "streamSid": "call-7", "mark": { "name": "before" }
        })
    );
    client.digit('7');
    assert_eq!(
        text(&mut socket),
        json!({
            "event": "dtmf", "sequenceNumber": "6", "streamSid": "call-7",
            "dtmf": { "track": "inbound_track", "digit": "7" },
        })
    );
    drop(client);
    assert_eq!(
        text(&mut socket),
        json!({
            "event": "stop", "sequenceNumber": "7", "streamSid": "call-7",
            "stop": { "accountSid": "AC1", "callSid": "call-7" },
        })
    );
    assert!(matches!(socket.read(), Ok(Message::Close(_))));
}

#[test]
fn a_server_that_talks_nonsense_or_too_much_is_left_and_one_that_hangs_up_is_left_alone() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let room = Room::of(1);
    let mut config = config(&server, Dialect::Binary);
    config.session.preamble = Some(r#"{"callSid":"7"}"#.into());
    config.max_message_bytes = 1_000;
    let client = Client::start(config, room.tap(0, Purpose::Assist), None).unwrap();
    let frame = |data: Vec<u8>, kind: OpCode, is_final: bool| {
        Message::Frame(Frame::message(data, kind, is_final))
    };
    // Also in parts of which each would do, and text that is none (RFC 6455 section 8.1).
    let parts = [
        frame(vec![0; 600], OpCode::Data(Data::Binary), false),
        frame(vec![0; 600], OpCode::Data(Data::Continue), true),
    ];
    for (n, nonsense) in [
        vec![Message::text("nonsense")],
        vec![Message::binary(vec![0; 1_001])],
        parts.to_vec(),
        vec![frame(vec![0xff], OpCode::Data(Data::Text), true)],
        vec![],
    ]
    .into_iter()
    .enumerate()
    {
        let mut socket = accept(&server);
        assert_eq!(text(&mut socket), json!({ "callSid": "7" }), "the preamble alone");
        for message in &nonsense {
            socket.send(message.clone()).unwrap();
        }
        if nonsense.is_empty() {
            // A frame of a gigabyte is announced (section 5.2): it is not waited for.
            socket.get_mut().write_all(&[0x82, 127, 0, 0, 0, 0, 0x40, 0, 0, 0]).unwrap();
        }
        while socket.read().is_ok() {}
        assert_eq!(client.stats().connections, n as u64 + 1);
    }
    let mut socket = accept(&server);
    assert_eq!(client.stats().refused, 5);
    text(&mut socket);
    // Nothing is heard, so there is nothing to wait for.
    socket.send(Message::text(r#"{"type":"mark","data":{"name":"x"}}"#)).unwrap();
    let played = json!({ "type": "mark", "data": { "name": "x", "event": "playout" } });
    assert_eq!(text(&mut socket), played);
    socket.send(Message::text(r#"{"type":"disconnect"}"#)).unwrap();
    assert!(matches!(socket.read(), Ok(Message::Close(_))));
    drop(socket);
    while !client.is_ended() {
        std::thread::yield_now();
    }
}

#[test]
fn what_cannot_be_asked_for_is_refused_at_once() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let room = Room::of(1);
    let fails = |change: &dyn Fn(&mut ClientConfig)| {
        let mut config = config(&server, Dialect::Twilio(Encoding::Pcmu));
        change(&mut config);
        let client = Client::start(config, room.tap(0, Purpose::Assist), None);
        client.is_err_and(|error| error.kind() == std::io::ErrorKind::InvalidInput)
    };
    assert!(fails(&|config| config.session.sample_rate_hz = 16_000));
    assert!(fails(&|config| config.url = "wss://server.example/".into()), "without TLS");
    let any = certificate();
    assert!(fails(&|config| config.tls = Some(trusting(&any.0))), "with TLS to ws:");
    assert!(fails(&|config| config.url = "no url".into()));
    assert!(fails(&|config| config.headers.push(("X\n".into(), "y".into()))));
    assert!(!fails(&|config| config.headers.push(("Authorization".into(), "Bearer x".into()))));
}

/// A certificate for `server.example`, signed by itself, and its key.
fn certificate() -> (CertificateDer<'static>, PrivatePkcs8KeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["server.example".to_owned()]).unwrap();
    (made.cert.der().clone(), PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()))
}

fn trusting(certificate: &CertificateDer<'static>) -> Arc<rustls::ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

#[test]
fn over_tls_a_server_is_spoken_to_that_is_whom_it_says_and_no_other() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (shown, key) = certificate();
    let serves = |groups: &[&'static dyn SupportedKxGroup]| {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.kx_groups = groups.to_vec();
        let tls = ServerConfig::builder_with_provider(Arc::new(provider));
        let tls = tls.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
        let tls =
            tls.with_no_client_auth().with_single_cert(vec![shown.clone()], key.clone_key().into());
        Arc::new(tls.unwrap())
    };
    let hybrid = serves(&[kx_group::X25519MLKEM768, kx_group::X25519]);
    let accept_by = |tls: &Arc<ServerConfig>| {
        let (stream, _) = server.accept().unwrap();
        let connection = ServerConnection::new(Arc::clone(tls)).unwrap();
        tungstenite::accept(StreamOwned::new(connection, stream)).ok()
    };
    let accept = || accept_by(&hybrid);
    let start = |trusted: &CertificateDer<'static>, host: &str, room: &Room| {
        let mut config = config(&server, Dialect::Binary);
        config.url = format!("wss://{host}/media");
        config.tls = Some(trusting(trusted));
        Client::start(config, room.tap(0, Purpose::Assist), None).unwrap()
    };
    let mut room = Room::of(1);
    room.grant(0, Purpose::Assist);
    for (trusted, host) in [(&certificate().0, "server.example"), (&shown, "other.example")] {
        let client = start(trusted, host, &room);
        assert!(accept().is_none(), "{host}");
        assert_eq!(client.stats().connections, 0);
    }
    let client = start(&shown, "server.example", &room);
    // One of those before may have tried again.
    let mut socket = std::iter::from_fn(|| Some(accept())).flatten().next().unwrap();
    assert_eq!(text(&mut socket)["event"], "MEDIA_START");
    for n in 0..50 {
        room.tick(n);
        room.tick(n);
        let Message::Binary(bytes) = socket.read().unwrap() else { panic!("no sound") };
        assert_eq!(&bytes[..], &n.to_le_bytes().repeat(160)[..]);
    }
    let group =
        |socket: &Secured| socket.get_ref().conn.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group(&socket), NamedGroup::X25519MLKEM768, "what is recorded today stays closed");
    drop(client);
    assert!(matches!(socket.read(), Ok(Message::Close(_))));
    assert!(matches!(socket.read(), Err(tungstenite::Error::ConnectionClosed)));
    // A server that does not know it is spoken to as before.
    let older = serves(&[kx_group::X25519]);
    let _client = start(&shown, "server.example", &room);
    let mut socket = std::iter::from_fn(|| Some(accept_by(&older))).flatten().next().unwrap();
    assert_eq!(text(&mut socket)["event"], "MEDIA_START");
    assert_eq!(group(&socket), NamedGroup::X25519);
}
