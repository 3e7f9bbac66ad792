// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sinks by their names: what each wants of a tap, and that a tap for another is refused.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};

use ale_media::codec::CodecSpec;
use ale_media::leg::LegConfig;
use ale_media::tap::{Purpose, SinkId, TapSource};
use ale_media_sinks::named::{SinkConfig, SinkError, Sinks, TapLabel};

mod room;

use room::{Folder, Room};

fn sinks(text: &str) -> Result<Sinks, SinkError> {
    let configs: Vec<SinkConfig> = serde_json::from_str(text).unwrap();
    Sinks::new(configs)
}

#[test]
fn a_tap_goes_where_its_name_leads() {
    let (folder, mut room) = (Folder::new("named"), Room::of(1));
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!(
        r#"[{{"name": "words", "id": 1, "purpose": "transcribe", "kind": "audiosocket", "address": "{}"}},
            {{"name": "archive", "id": 1, "purpose": "record", "kind": "files", "folder": "{}",
              "opus_bit_rate_bps": 24000, "sample_rate_hz": 8000}},
            {{"name": "who asks", "id": 1, "purpose": "assist", "kind": "rtp"}}]"#,
        server.local_addr().unwrap(),
        folder.0.display()
    );
    let mut sinks = sinks(&text).unwrap();
    room.grant(0, Purpose::Transcribe);
    room.grant(0, Purpose::Record);
    let source = TapSource::Member(room.people[0].0);
    for (name, purpose) in [("words", Purpose::Transcribe), ("archive", Purpose::Record)] {
        let config = sinks.tap_config(name, source).unwrap();
        assert_eq!(
            (config.purpose, config.sink, config.sample_rate_hz),
            (purpose, SinkId(1), 8_000)
        );
        let label = TapLabel { who: "Anna".into(), uuid: [3; 16], ..TapLabel::default() };
        sinks.start(name, label, room.control.tap(&config).unwrap(), None).unwrap();
    }
    let other = room.tap(0, Purpose::Assist);
    let refused = sinks.start("words", TapLabel::default(), other, None);
    assert!(matches!(refused, Err(SinkError::OtherTap)), "{refused:?}");
    let config = sinks.tap_config("words", source).unwrap();
    let refused =
        sinks.start("none", TapLabel::default(), room.control.tap(&config).unwrap(), None);
    assert!(matches!(refused, Err(SinkError::NotFound)));
    // Where to is agreed on for the one kind, and configured for the others.
    let leg = LegConfig::plain(7, 0, CodecSpec::from_rtpmap("PCMU/8000").unwrap());
    let to = server.local_addr().unwrap();
    for (name, fits) in [("words", false), ("who asks", true)] {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tap = room.control.tap(&sinks.tap_config(name, source).unwrap()).unwrap();
        let started = sinks.start_fork(name, tap, socket, to, &leg);
        assert_eq!(started.is_ok(), fits, "{started:?}");
    }
    let tap = room.control.tap(&sinks.tap_config("who asks", source).unwrap()).unwrap();
    let refused = sinks.start("who asks", TapLabel::default(), tap, None);
    assert!(matches!(refused, Err(SinkError::OtherKind)), "{refused:?}");
    let (mut stream, _) = server.accept().unwrap();
    for _ in 0..2 {
        room.tick(1_000);
    }
    let mut received = [0; 19 + 3 + 320];
    stream.read_exact(&mut received).unwrap();
    assert_eq!((&received[..4], received[19]), (&[1, 0, 16, 3][..], 0x10));
    assert_eq!(sinks.stats().map(|(name, ..)| name).collect::<Vec<_>>(), ["words", "who asks"]);
    drop(sinks);
    assert!(folder.0.join("0000-Anna.opus").exists());
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused_by_name() {
    let sink = |name: &str, purpose: &str| {
        format!(
            r#"{{"name": "{name}", "id": 1, "purpose": "{purpose}", "kind": "audiosocket", "address": "[::1]:1"}}"#
        )
    };
    let twice = format!("[{}, {}]", sink("a", "record"), sink("a", "assist"));
    assert!(matches!(sinks(&twice), Err(SinkError::Twice(name)) if name == "a"));
    let emotions = format!("[{}]", sink("b", "emotions"));
    assert!(matches!(sinks(&emotions), Err(SinkError::Unknown(name)) if name == "b"));
    let dialect = r#"[{"name": "c", "id": 1, "purpose": "assist", "kind": "websocket", "address": "[::1]:1",
        "url": "ws://c", "dialect": "french"}]"#;
    assert!(matches!(sinks(dialect), Err(SinkError::Unknown(_))));
}
