// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a call's packets are marked with (`TOS`), as who receives them sees it.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use ale_media_node::config::Media;
use ale_media_node::failover;
use support::Said::Text;
use support::program::Program;
use support::{Node, Phone, addresses, rtp};

/// A socket that is asked for the byte of each packet's IP header, which the standard library does not tell. It says its
/// port, and then each byte.
const RECEIVER: &str = "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 13, 1)  # IP_RECVTOS
s.bind(('127.0.0.1', 0))
print(s.getsockname()[1], flush=True)
while True:
    for level, kind, data in s.recvmsg(2048, 64)[1]:
        print(data[0], flush=True)
";
/// Packets in which a change must have come to the worker.
const AT_MOST: u16 = 2_000;
/// Long enough for any machine: what is waited for comes, or the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

struct Receiver {
    child: Child,
    said: mpsc::Receiver<u16>,
    port: u16,
}

impl Receiver {
    /// `None`, and a word, where there is no Python.
    fn start() -> Option<Self> {
        let started = Command::new("python3").args(["-c", RECEIVER]).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = started else {
            println!("skipped: no python3");
            return None;
        };
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, said) = mpsc::channel();
        std::thread::spawn(move || {
            let mut numbers = lines.map_while(|line| line.ok()?.parse().ok());
            numbers.all(|number| tell.send(number).is_ok())
        });
        let port = said.recv_timeout(PATIENCE).unwrap();
        Some(Self { child, said, port })
    }

    fn sdp(&self) -> String {
        let port = self.port;
        format!(
            "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=rtcp-mux\r\n"
        )
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Packets of `phone` to the node, one after the other, until one comes that is marked so; then each is.
fn await_mark(
    receiver: &Receiver,
    (phone, node): (&Phone, SocketAddr),
    sequence: &mut u16,
    tos: u16,
) {
    let mut ask = |receiver: &Receiver| {
        *sequence += 1;
        phone.rtp.send_to(&rtp(1, *sequence), node).unwrap();
        receiver.said.recv_timeout(PATIENCE).unwrap()
    };
    let there = (0..AT_MOST).any(|_| ask(receiver) == tos);
    assert!(there, "no packet is marked {tos}");
    assert_eq!([(); 3].map(|()| ask(receiver)), [tos; 3]);
}

/// Packets from this number on until one comes through; how many those were.
fn await_any(receiver: &Receiver, (phone, node): (&Phone, SocketAddr), sequence: u16) -> u16 {
    let reaches = |tries: &u16| {
        phone.rtp.send_to(&rtp(1, sequence + tries), node).unwrap();
        receiver.said.recv_timeout(Duration::from_millis(50)).is_ok()
    };
    (0..400).find(reaches).expect("one comes through")
}

#[test]
fn a_call_is_marked_as_its_last_offer_says() {
    let Some(bob) = Receiver::start() else { return };
    let (port_min, port_max) = support::ports::free(20);
    let media = Media { port_min, port_max, dscp: 46, ..Media::default() };
    let (mut node, alice) = (Node::with(&["127.0.0.1"], media), Phone::new());
    let offer = alice.sdp("RTP/AVP", "a=rtcp-mux\r\n");
    let mut sequence = 100;
    let [_, to_alice] = node.call("c", (&offer, &[Text("TOS", "136")]), |_| bob.sdp());
    let from = (&alice, addresses(&to_alice.replace("a=rtcp-mux", "a=rtcp:9\r\na=rtcp-mux")).0);
    // What comes before the worker has the call is nobody's.
    sequence += await_any(&bob, from, sequence);
    await_mark(&bob, from, &mut sequence, 136);
    // Of the next offers, what each says: as before, nothing, and the bits of congestion are the network's.
    for (said, tos) in
        [(Some("-1"), 136), (None, 46 << 2), (Some("75"), 72), (Some("-1"), 72), (Some("0"), 0)]
    {
        let said: Vec<_> = said.map(|said| Text("TOS", said)).into_iter().collect();
        node.call("c", (&offer, &said), |_| bob.sdp());
        await_mark(&bob, from, &mut sequence, tos);
    }
    let ids = [Text("call-id", "c"), Text("from-tag", "a"), Text("sdp", &offer)];
    let refused = node.ask("offer", &[&ids[..], &[Text("TOS", "256")]].concat());
    assert!(refused.text("error-reason").is_some_and(|reason| reason.contains("TOS")));
    await_mark(&bob, from, &mut sequence, 0);
}

#[test]
fn a_call_that_another_process_takes_over_is_marked_as_before() {
    let Some(bob) = Receiver::start() else { return };
    let (first, last) = support::ports::free(20);
    let config = format!(
        "[[interface]]\naddress = \"127.0.0.1\"\n[media]\nworkers = 1\nport_min = {first}\n\
         port_max = {last}\n[failover]\nfolder = \"FOLDER/kept\"\n"
    );
    let key = ("ALE_MEDIA_NODE_FAILOVER_KEY", "2e".repeat(32));
    let (mut program, alice) = (Program::start("marking", &config, vec![key]), Phone::new());
    let offer = alice.sdp("RTP/AVP", "");
    let [_, to_alice] = program.call("c", (&offer, &[Text("TOS", "136")]), |_| bob.sdp());
    let from = (&alice, addresses(&to_alice).0);
    let mut sequence = 100 + await_any(&bob, from, 100);
    await_mark(&bob, from, &mut sequence, 136);
    let record = program.folder.join("kept").join(format!("{}.call", failover::name("c")));
    assert!((0..1_000).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        record.exists()
    }));
    program.die();
    sequence += 1;
    sequence += await_any(&bob, from, sequence);
    await_mark(&bob, from, &mut sequence, 136);
}
