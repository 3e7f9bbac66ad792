// SPDX-License-Identifier: MIT OR Apache-2.0
//! An hour of a member's voice to servers that were not written here, without loss, and some of it back: `make
//! sinks-peers`, which installs PyPI's websockets, and npm's ws and asterisk-audiosocket.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use ale_media::conference::JoinOptions;
use ale_media::talk::{Talk, TalkConfig, TalkWriter};
use ale_media::tap::Purpose;
use ale_media_sinks::audiosocket_client::{self, ClientStats};
use ale_media_sinks::websocket::{self, Dialect, SessionConfig};
use serde_json::Value;

mod room;

use room::Room;

const HOUR: u64 = 360_000;
/// Frames that may be on their way: half of what a tap holds.
const AHEAD: u64 = 50;

struct Peer {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Peer {
    fn start(program: &str, arguments: &[&str]) -> (Self, SocketAddr) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers");
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut peer = Self { child, out };
        let port = peer.says()["ready"].as_u64().unwrap();
        (peer, SocketAddr::from(([127, 0, 0, 1], port as u16)))
    }

    fn says(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn voice(room: &Room) -> TalkWriter {
    let mut config = TalkConfig::default();
    (config.sample_rate_hz, config.member_rate_hz) = (8_000, 8_000);
    let (voice, end) = Talk::new(&config).unwrap();
    let joined = room.control.join_talk(Box::new(end), JoinOptions::default());
    joined.map_err(|(error, _)| error).unwrap();
    voice
}

/// Ticks an hour, never so far ahead of the client that the tap would lose something.
fn an_hour(room: &mut Room, stats: impl Fn() -> ClientStats) {
    room.grant(0, Purpose::Assist);
    for tick in 0..HOUR {
        room.tick((tick % 30_000 + 1) as i16);
        while stats().frames + AHEAD < tick {
            std::thread::yield_now();
        }
    }
    while stats().frames < HOUR {
        std::thread::yield_now();
    }
    let stats = stats();
    assert_eq!((stats.connections, stats.frames, stats.refused), (1, HOUR, 0));
    assert!(stats.samples > 0, "nothing came back");
}

fn whole(mut peer: Peer) -> Value {
    let said = peer.says();
    assert_eq!((said["frames"].as_u64(), said["wrong"].as_u64()), (Some(HOUR), Some(0)), "{said}");
    said["begun"].clone()
}

fn by_websocket((peer, address): (Peer, SocketAddr)) {
    let mut room = Room::of(1);
    let session = SessionConfig::new(Dialect::Binary, 8_000, "hour");
    let config = websocket::ClientConfig::new(address, "ws://127.0.0.1/media", session);
    let (tap, voice) = (room.tap(0, Purpose::Assist), voice(&room));
    let client = websocket::Client::start(config, tap, Some(voice)).unwrap();
    an_hour(&mut room, || client.stats());
    drop(client);
    assert_eq!(whole(peer), "MEDIA_START");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name}: by make sinks-peers"))
}

#[test]
#[ignore = "needs peers: make sinks-peers"]
fn websockets_of_pypi_hears_an_hour() {
    by_websocket(Peer::start(&variable("SINKS_PYTHON"), &["websockets_server.py"]));
}

#[test]
#[ignore = "needs peers: make sinks-peers"]
fn ws_of_npm_hears_an_hour() {
    variable("SINKS_NODE");
    by_websocket(Peer::start("node", &["servers.mjs", "ws"]));
}

#[test]
#[ignore = "needs peers: make sinks-peers"]
fn asterisk_audiosocket_of_npm_hears_an_hour() {
    variable("SINKS_NODE");
    let (peer, address) = Peer::start("node", &["servers.mjs", "audiosocket"]);
    let mut room = Room::of(1);
    let config = audiosocket_client::ClientConfig { address, uuid: [0xab; 16] };
    let (tap, voice) = (room.tap(0, Purpose::Assist), voice(&room));
    let client = audiosocket_client::Client::start(config, tap, Some(voice)).unwrap();
    an_hour(&mut room, || client.stats());
    drop(client);
    assert_eq!(whole(peer), "abababab-abab-abab-abab-abababababab");
}
