// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sink over `wss://`, a process of its own that is killed in the middle, in whose place another comes that is not
//! whom it says, and then one that is.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::env;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use ale_media::codec::g711::Law;
use ale_media_node::config::Tls;
use ale_media_node::tls;
use rustls::{ServerConnection, StreamOwned};
use support::Said::{List, Text};
use support::certificate::made;
use support::talker::{Talker, join};
use support::taps::{Folder, ok, states, with};
use support::{Phone, amplitude};
use tungstenite::{Message, WebSocket};

/// Says that this process is the sink: on which port, and with which certificate and key.
const PORT: &str = "ALE_TEST_SINK_PORT";
const FILES: [&str; 2] = ["ALE_TEST_SINK_CERTIFICATE", "ALE_TEST_SINK_KEY"];
/// Long enough for any machine: what is waited for comes, or the test fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of who speaks: before the sink dies, while there is none that is believed, and after.
const TONES_HZ: [f64; 3] = [400.0, 1_000.0, 2_200.0];
/// Of the other, who agrees to nothing.
const NEVER_HZ: f64 = 3_300.0;

/// What the other process does: takes connections, and says which of the tones it hears.
#[test]
#[ignore = "the other process of the test below"]
fn sink() {
    let Ok(port) = env::var(PORT) else { return };
    let [certificate, key] = FILES.map(|name| env::var(name).ok().map(Into::into));
    let tls = tls::server(&Tls { certificate, key }, None).unwrap().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    say(&format!("listening {}", listener.local_addr().unwrap().port()));
    // One for each who may be heard, whether or not it is.
    for stream in listener.incoming() {
        let connection = ServerConnection::new(tls.clone()).unwrap();
        let stream = StreamOwned::new(connection, stream.unwrap());
        thread::spawn(move || match tungstenite::accept(stream) {
            Ok(socket) => listen(socket),
            Err(_) => say("refused 0"),
        });
    }
}

/// A whole line, also where the harness writes its own.
fn say(line: &str) {
    std::io::stdout().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}

fn listen(mut socket: WebSocket<StreamOwned<ServerConnection, TcpStream>>) {
    let mut heard = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                say(&format!("greeted {}", u8::from(text.as_str().contains("MEDIA_START"))));
            }
            Ok(Message::Binary(bytes)) => {
                let samples = bytes.as_chunks::<2>().0;
                heard.extend(samples.iter().map(|sample| i16::from_le_bytes(*sample)));
            }
            Ok(_) => (),
            Err(_) => return,
        }
        if heard.len() >= 4_000 {
            for hz in TONES_HZ.into_iter().chain([NEVER_HZ]) {
                if amplitude(&heard, hz) > 1_000.0 {
                    say(&format!("heard {hz}"));
                }
            }
            heard.clear();
        }
    }
}

struct Sink {
    child: Child,
    lines: Receiver<(String, u16)>,
}

impl Sink {
    fn start(port: u16, files: &[PathBuf; 2]) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "sink", "--nocapture", "--test-threads=1"])
            .env(PORT, port.to_string())
            .envs(FILES.into_iter().zip(files))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (to, lines) = channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if let Some((word, number)) = line.split_once(' ')
                    && let Ok(number) = number.parse()
                    && to.send((word.to_owned(), number)).is_err()
                {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    fn port(&self) -> u16 {
        loop {
            let (word, number) = self.lines.recv_timeout(PATIENCE).expect("the sink says so");
            if word == "listening" {
                return number;
            }
        }
    }

    /// By the signal that nothing can answer to.
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn over_tls_who_agreed_is_heard_by_the_sink_that_was_named_before_and_after_it_was_killed() {
    let folder = Folder::new("wss");
    let named = made(&folder.0, "named", "sink.example");
    let stranger = made(&folder.0, "stranger", "sink.example");
    let mut sink = Sink::start(0, &named.files);
    let port = sink.port();
    let words = format!(
        "[[sink]]\nname = \"words\"\nid = 2\npurpose = \"transcribe\"\nkind = \"websocket\"\n\
         address = \"127.0.0.1:{port}\"\nurl = \"wss://sink.example/media\"\ndialect = \"binary\"\n"
    );
    let authorities = format!("authorities = {:?}\n", named.files[0]);
    let mut node = with(&folder, support::ports::free(100), &authorities, &words);
    let mut talkers = [("anna", TONES_HZ[0]), ("ben", NEVER_HZ)].map(|(id, hz)| {
        let phone = Phone::new();
        let agreed = [List("consent", &["words"])];
        let said = if id == "anna" { &agreed[..] } else { &[] };
        let answer = join(&mut node, id, "room", &phone.sdp("RTP/AVP", ""), said).sdp();
        Talker::new(phone, &answer, Law::Mu, hz)
    });
    let of = [Text("conference", "room")];
    let named_states = [("anna", "agreed"), ("ben", "unasked")].map(|(a, b)| (a.into(), b.into()));
    assert_eq!(states(&node.ask("start forwarding", &of)), named_states);
    // Both talk until the sink says this, and go on hearing each other.
    let mut until = |sink: &Sink, hz: f64, wanted: (&str, u16)| -> Vec<(String, u16)> {
        let begun = Instant::now();
        let mut said: Vec<(String, u16)> = Vec::new();
        talkers[0].hz = hz;
        while begun.elapsed() < PATIENCE {
            // A packet each is what the node sends every 20 ms, whatever its sinks do.
            talkers.iter_mut().for_each(Talker::hear);
            talkers.iter_mut().for_each(Talker::say);
            node.control.listen(0);
            said.extend(sink.lines.try_iter());
            if said.iter().any(|(word, number)| (&**word, *number) == wanted) {
                return said;
            }
        }
        panic!("{wanted:?} is not in {said:?}");
    };
    let said = until(&sink, TONES_HZ[0], ("heard", TONES_HZ[0] as u16));
    assert!(said.contains(&("greeted".to_owned(), 1)), "{said:?}");
    sink.kill();
    // Its place is taken by who has another certificate for the same name.
    let mut impostor = Sink::start(port, &stranger.files);
    assert_eq!(impostor.port(), port);
    let said = until(&impostor, TONES_HZ[1], ("refused", 0));
    impostor.kill();
    let rest = impostor.lines.iter();
    let said: Vec<_> = said.into_iter().chain(rest).filter(|(word, _)| word != "refused").collect();
    assert_eq!(said, [], "nothing is said to it");
    let sink = Sink::start(port, &named.files);
    assert_eq!(sink.port(), port);
    let said = until(&sink, TONES_HZ[2], ("heard", TONES_HZ[2] as u16));
    assert!(said.contains(&("greeted".to_owned(), 1)), "{said:?}");
    assert!(said.iter().all(|(_, number)| *number != NEVER_HZ as u16), "{said:?}");
    assert_eq!(node.control.taps(), [1, 1, 0]);
    ok(&node.ask("stop forwarding", &of));
    for talker in &talkers {
        assert!(talker.heard.len() > 3_000, "{} packets", talker.heard.len() / 160);
    }
}
