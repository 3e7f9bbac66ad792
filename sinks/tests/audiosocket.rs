// SPDX-License-Identifier: MIT OR Apache-2.0
//! A tapped member whose words go to a server over a socket, and the server's to the conference.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use ale_media::conference::JoinOptions;
use ale_media::talk::{Talk, TalkConfig};
use ale_media::tap::Purpose;
use ale_media_sinks::audiosocket_client::{Client, ClientConfig};

mod room;

use room::Room;

/// Reads one message as the protocol's description has it.
fn message(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut header = [0; 3];
    stream.read_exact(&mut header).unwrap();
    let mut payload = vec![0; usize::from(u16::from_be_bytes([header[1], header[2]]))];
    stream.read_exact(&mut payload).unwrap();
    (header[0], payload)
}

#[test]
fn words_go_there_and_back_and_a_server_that_dies_is_found_again() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut room = Room::of(1);
    room.grant(0, Purpose::Assist);
    let tap = room.tap(0, Purpose::Assist);
    let mut talk = TalkConfig::default();
    (talk.sample_rate_hz, talk.member_rate_hz) = (8_000, 8_000);
    let (voice, end) = Talk::new(&talk).unwrap();
    let joined = room.control.join_talk(Box::new(end), JoinOptions::default());
    joined.map_err(|(error, _)| error).unwrap();
    let config = ClientConfig { address: server.local_addr().unwrap(), uuid: [7; 16] };
    let client = Client::start(config, tap, Some(voice)).unwrap();

    for connection in 1..=2 {
        let (mut stream, _) = server.accept().unwrap();
        assert_eq!(message(&mut stream), (0x01, vec![7; 16]));
        for n in 0..50 {
            let says = [0, 1].map(|half| 2 * n + half + 1_000 * connection);
            for says in says {
                room.tick(says);
            }
            let (kind, payload) = message(&mut stream);
            assert_eq!((kind, payload.len()), (0x10, 320));
            let sample = |at: usize| i16::from_le_bytes([payload[at], payload[at + 1]]);
            assert_eq!([sample(0), sample(160)], says, "in order, none lost");
        }
        let mut words = vec![0x10, 1, 64];
        words.extend([0, 16].repeat(160));
        stream.write_all(&words).unwrap();
        // Until it has come: the client's thread has its own time.
        while client.stats().samples < 160 * connection as u64 {
            std::thread::yield_now();
        }
        room.tick(0);
        assert_eq!(room.tick(0), [4_096; 80]);
        assert_eq!(message(&mut stream).0, 0x10);
        // The server is gone without a word.
    }
    let (mut stream, _) = server.accept().unwrap();
    assert_eq!(message(&mut stream).0, 0x01);
    room.withdraw(0);
    room.tick(9_999);
    room.grant(0, Purpose::Assist);
    room.tick(5);
    drop(client);
    // Half a message: the rest of it is silence.
    let (_, payload) = message(&mut stream);
    assert_eq!(
        payload,
        [[5, 0].repeat(80), vec![0; 160]].concat(),
        "what was withdrawn is not sent"
    );
    assert_eq!(message(&mut stream), (0x00, vec![]));
}

#[test]
fn a_server_that_talks_nonsense_is_left() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let room = Room::of(1);
    let tap = room.tap(0, Purpose::Assist);
    let config = ClientConfig { address: server.local_addr().unwrap(), uuid: [1; 16] };
    let client = Client::start(config, tap, None).unwrap();
    let (mut stream, _) = server.accept().unwrap();
    stream.write_all(&[0x01, 0, 1, 9]).unwrap();
    let (mut again, _) = server.accept().unwrap();
    assert_eq!(message(&mut again).0, 0x01);
    assert_eq!((client.stats().connections, client.stats().refused), (2, 1));
}
