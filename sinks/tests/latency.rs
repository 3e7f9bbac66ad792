// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a member's word to the bot's, in media time: the engine's share, with a bot that says at once what it hears.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use ale_media::conference::JoinOptions;
use ale_media::talk::{Talk, TalkConfig};
use ale_media::tap::Purpose;
use ale_media_sinks::audiosocket_client::{Client, ClientConfig};

mod room;

use room::Room;

/// By the issue: 40 ms beside the jitter buffer.
const MOST_TICKS: u64 = 4;

#[test]
fn a_word_comes_back_within_40_ms_of_media_time() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let bot = thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut header = [0; 3];
        while stream.read_exact(&mut header).is_ok() && header[0] != 0 {
            let mut message = header.to_vec();
            message.resize(3 + usize::from(u16::from_be_bytes([header[1], header[2]])), 0);
            stream.read_exact(&mut message[3..]).unwrap();
            if header[0] == 0x10 {
                stream.write_all(&message).unwrap();
            }
        }
    });
    let mut room = Room::of(1);
    room.grant(0, Purpose::Assist);
    let tap = room.tap(0, Purpose::Assist);
    // Converted on its way, as most voices are.
    let mut config = TalkConfig::default();
    (config.sample_rate_hz, config.member_rate_hz) = (8_000, 16_000);
    let (voice, end) = Talk::new(&config).unwrap();
    let joined = room.control.join_talk(Box::new(end), JoinOptions::default());
    joined.map_err(|(error, _)| error).unwrap();
    let client = Client::start(ClientConfig { address, uuid: [1; 16] }, tap, Some(voice)).unwrap();
    // Words that begin with a message of 20 ms, and in the middle of one.
    let words = [40, 81];
    let mut heard = Vec::new();
    for tick in 0..120_u64 {
        let says = if words.contains(&tick) { 20_000 } else { 0 };
        let loud = |pcm: [i16; 80]| pcm.iter().any(|sample| sample.abs() > 2_000);
        if loud(room.tick(says)) {
            heard.push(tick);
        }
        // The bot's own time is none of the engine's: both messages of two ticks have come back.
        while client.stats().samples < tick.div_ceil(2) * 160 {
            thread::yield_now();
        }
    }
    for word in words {
        let answer = heard.iter().find(|tick| **tick > word).expect("an answer");
        assert!(answer - word <= MOST_TICKS, "{} ms", 10 * (answer - word));
    }
    drop(client);
    bot.join().unwrap();
}
