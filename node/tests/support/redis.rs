// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian's redis-server, and a peer that speaks as much of its protocol (RESP 2) as it takes to answer wrongly.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ale_media_node::config::{Redis, Token};

/// A redis-server with a folder of its own, reached by a socket there, and by a port if others follow it.
pub struct Server {
    pub folder: PathBuf,
    port: u16,
    child: Child,
}

impl Server {
    /// One that writes each record to its disk before it says so; `None`, and a word, where there is none.
    pub fn start(name: &str) -> Option<Self> {
        let there = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if there.is_err() {
            println!("skipped: no redis-server");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("ale-redis-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Self::spawn(&folder, port);
        let mut server = Self { folder, port, child };
        server.await_start();
        Some(server)
    }

    fn spawn(folder: &PathBuf, port: u16) -> Child {
        Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--unixsocket", "socket", "--appendonly", "yes", "--appendfsync", "always"])
            .args(["--repl-diskless-sync-delay", "0", "--dir"])
            .arg(folder)
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn await_start(&mut self) {
        for _ in 0..500 {
            if self.cli(&["ping"]) == "PONG" {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("redis-server does not start");
    }

    /// What `redis-cli` says.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let mut cli = Command::new("redis-cli");
        let out = cli.arg("-s").arg(self.folder.join("socket")).args(arguments).output().unwrap();
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// Follows another.
    pub fn follow(&self, other: &Self) {
        self.cli(&["replicaof", "127.0.0.1", &other.port.to_string()]);
        self.until(|| self.cli(&["info", "replication"]).contains("master_link_status:up"));
    }

    pub fn until(&self, mut done: impl FnMut() -> bool) {
        for _ in 0..500 {
            if done() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not come to that");
    }

    /// Sends it a signal: it stands still, or goes on.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub fn die(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn again(&mut self) {
        self.child = Self::spawn(&self.folder, self.port);
        self.await_start();
    }

    pub fn settings(&self, instance: &str, replicas: u8) -> Redis {
        settings(&format!("unix://{}", self.folder.join("socket").display()), instance, replicas)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn settings(url: &str, instance: &str, replicas: u8) -> Redis {
    Redis { url: Token(url.to_owned()), instance: instance.to_owned(), replicas, timeout_ms: 500 }
}

/// A peer that answers what it is asked by a function of the commands' words; `None` ends the connection, and an empty
/// answer is none.
pub fn peer(answer: impl Fn(&[String]) -> Option<String> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = converse(stream.unwrap(), &answer);
        }
    });
    url
}

/// Commands are arrays of strings (RESP, "Sending commands to a Redis server").
fn converse(
    stream: TcpStream,
    answer: &impl Fn(&[String]) -> Option<String>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut number = |start: char| -> std::io::Result<usize> {
            let mut line = String::new();
            lines.read_line(&mut line)?;
            let number = line.strip_prefix(start).and_then(|line| line.trim().parse().ok());
            number.ok_or_else(|| std::io::Error::other("not a command"))
        };
        let words = number('*')?;
        let mut command = Vec::new();
        for _ in 0..words {
            let mut line = String::new();
            lines.read_line(&mut line)?;
            let bytes: usize = line.trim_start_matches('$').trim().parse().unwrap_or(0);
            let mut word = vec![0; bytes + 2];
            lines.read_exact(&mut word)?;
            command.push(String::from_utf8_lossy(&word[..bytes]).into_owned());
        }
        match answer(&command) {
            Some(answer) => stream.write_all(answer.as_bytes())?,
            None => return Ok(()),
        }
    }
}
