// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program `phone`, two of it over loopback.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A phone that runs; what it prints is read a line at a time.
struct Running {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(local: &str, remote: &str, more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_phone"))
            .args(["--local", local, "--remote", remote])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("phone");
        let lines = BufReader::new(process.stdout.take().expect("stdout")).lines();
        Self { process, lines }
    }

    /// Reads until a line with these words, which it returns.
    fn wait_for(&mut self, words: &str) -> String {
        let mut seen = Vec::new();
        for line in self.lines.by_ref().map(|line| line.expect("a line")) {
            if line.contains(words) {
                return line;
            }
            seen.push(line);
        }
        panic!("{words:?} was not said, but {seen:?}");
    }

    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.process), Signal::INT).expect("a signal");
    }

    fn succeeds(mut self) {
        self.lines.by_ref().for_each(drop);
        assert!(self.process.wait().expect("an end").success());
    }
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Ports of this machine that nobody has just now.
fn addresses() -> [String; 2] {
    let free = || std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let sockets = [free(), free()];
    sockets.map(|socket| socket.local_addr().expect("its address").to_string())
}

/// A minute of a square wave of 500 Hz.
fn said() -> PathBuf {
    let path = file("said.wav");
    let pcm: Vec<i16> = (0..480_000).map(|n| if n % 16 < 8 { 8_000 } else { -8_000 }).collect();
    examples::speech::write_wav(&path, 8_000, &pcm).expect("a recording");
    path
}

#[test]
fn the_recording_is_whole_after_ctrl_c() {
    let [here, there] = addresses();
    let (said, heard) = (said(), file("heard.wav"));
    let _ = std::fs::remove_file(&heard);
    let receive = ["--receive", heard.to_str().unwrap(), "--dtmf-payload-type", "97"];
    let mut near = Running::start(&here, &there, &receive);
    near.wait_for("listening on");
    let send = ["--send", said.to_str().unwrap(), "--dtmf-payload-type", "97", "--dial", ",1"];
    let far = Running::start(&there, &here, &send);
    // The far end has spoken for a second then.
    near.wait_for("the peer dials 1");
    near.interrupt();
    near.wait_for("sent ");
    near.succeeds();
    far.interrupt();
    far.succeeds();
    let mut reader = hound::WavReader::open(&heard).expect("a WAV file");
    let bytes = std::fs::metadata(&heard).expect("a file").len();
    assert_eq!(bytes, 44 + 2 * u64::from(reader.len()), "the header tells of what is there");
    let pcm: Vec<i16> = reader.samples().collect::<Result<_, _>>().expect("samples");
    assert!(pcm.iter().filter(|sample| sample.unsigned_abs() > 4_000).count() > 100);
}

#[test]
fn what_is_typed_is_dialled() {
    let [here, there] = addresses();
    let mut near = Running::start(&here, &there, &[]);
    near.wait_for("listening on");
    let mut far = Running::start(&there, &here, &["--dial", "5"]);
    near.wait_for("the peer dials 5");
    // A pipe is no terminal: it may be read in the background.
    far.process.stdin.as_mut().expect("stdin").write_all(b"x7#\n").expect("keys");
    far.wait_for("not a digit: x");
    near.wait_for("the peer dials 7");
    near.wait_for("the peer dials #");
    for phone in [near, far] {
        phone.interrupt();
        phone.succeeds();
    }
}

#[test]
fn a_phone_that_hears_nothing_says_why() {
    let [here, there] = addresses();
    let key = |c: char| format!("1 AES_CM_128_HMAC_SHA1_80 inline:{}", c.to_string().repeat(40));
    let mut alone = Running::start(&here, &there, &["--duration", "0.2"]);
    alone.wait_for("nothing was heard: nothing arrives");
    alone.succeeds();
    // While it lasts, too.
    let mut near = Running::start(&here, &there, &["--crypto", &key('A')]);
    let mut far = Running::start(&there, &here, &["--crypto", &key('B')]);
    for phone in [&mut near, &mut far] {
        phone.wait_for("nothing is heard:");
        phone.interrupt();
        phone.wait_for("SRTP authentication fails");
    }
    near.succeeds();
    far.succeeds();
}

#[test]
fn each_phone_has_a_source_of_its_own() {
    let sources = [0, 1].map(|_| {
        let [here, there] = addresses();
        let mut near = Running::start(&here, &there, &[]);
        near.wait_for("listening on");
        let far = Running::start(&there, &here, &[]);
        let source = near.wait_for("listening to source");
        for phone in [near, far] {
            phone.interrupt();
            phone.succeeds();
        }
        source
    });
    assert_ne!(sources[0], sources[1]);
}
