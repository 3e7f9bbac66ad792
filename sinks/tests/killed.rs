// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sink in a process of its own that is killed in the middle of a sentence: the call does not notice, and another
//! that takes its place goes on.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use ale_media::tap::Purpose;
use ale_media_sinks::audiosocket_client::{Client, ClientConfig};

mod room;

use room::Room;

/// Says that this process is the sink, and on which port.
const PORT: &str = "ALE_TEST_SINK_PORT";

/// What the other process does: takes a connection, reads what comes, and says of each message how long it is.
#[test]
#[ignore = "the other process of the test below"]
fn sink() {
    let Ok(port) = env::var(PORT) else { return };
    let listener = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    println!("\nlistening {}", listener.local_addr().unwrap().port());
    let (mut stream, _) = listener.accept().unwrap();
    loop {
        let mut header = [0; 3];
        stream.read_exact(&mut header).unwrap();
        let mut payload = vec![0; usize::from(u16::from_be_bytes([header[1], header[2]]))];
        stream.read_exact(&mut payload).unwrap();
        println!("\nheard {}", payload.len());
    }
}

struct Sink {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Sink {
    fn start(port: u16) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "sink", "--nocapture", "--test-threads=1"])
            .env(PORT, port.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines: Box::new(out.lines().map_while(Result::ok)) }
    }

    /// The number of the next line that begins with this word.
    fn says(&mut self, word: &str) -> u16 {
        let mut said = self.lines.by_ref().filter_map(|line| {
            line.strip_prefix(word).and_then(|number| number.trim().parse().ok())
        });
        said.next().expect("the sink says so")
    }

    /// By the signal that nothing can answer to.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_sink_that_is_killed_costs_its_own_frames_and_the_next_goes_on() {
    let mut room = Room::of(2);
    room.grant(0, Purpose::Transcribe);
    let tap = room.tap(0, Purpose::Transcribe);
    let mut sink = Sink::start(0);
    let port = sink.says("listening");
    let address = ([127, 0, 0, 1], port).into();
    let client = Client::start(ClientConfig { address, uuid: [1; 16] }, tap, None).unwrap();
    assert_eq!(sink.says("heard"), 16, "the call's name");
    for tick in 0..20 {
        room.tick(tick);
    }
    assert_eq!(sink.says("heard"), 320);
    sink.kill();
    // Ten seconds in which nobody listens: the others hear every frame of it.
    for tick in 0..1_000 {
        let said = tick % 100 + 1;
        room.tick_of(|who| [if who == 1 { said } else { 0 }; 80]);
        let heard = room.tick_of(|who| [if who == 1 { said } else { 0 }; 80]);
        assert_eq!(heard, [said; 80]);
    }
    let mut sink = Sink::start(port);
    assert_eq!(sink.says("listening"), port);
    assert_eq!(sink.says("heard"), 16, "found again");
    room.tick(7);
    room.tick(7);
    assert_eq!(sink.says("heard"), 320);
    assert_eq!(client.stats().connections, 2);
}
