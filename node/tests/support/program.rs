// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program itself, as a process.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Said::{self, Text};
use super::{Answer, request};

/// The program, and how it is asked.
pub struct Program {
    pub folder: PathBuf,
    ng: SocketAddr,
    socket: UdpSocket,
    child: Child,
    environment: Vec<(&'static str, String)>,
    cookies: u64,
}

impl Program {
    /// Starts it with a configuration, in which `FOLDER` is one of its own.
    pub fn start(name: &str, config: &str, environment: Vec<(&'static str, String)>) -> Self {
        let folder = std::env::temp_dir().join(format!("ale-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let ng = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = config.replace("FOLDER", &folder.display().to_string());
        let config = format!("[ng]\nlisten = \"{ng}\"\n{config}");
        std::fs::write(folder.join("node.toml"), config).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let child = Self::spawn(&folder, &environment, false);
        let mut program = Self { folder, ng, socket, child, environment, cookies: 0 };
        assert_eq!(program.ask("ping", &[]).text("result").as_deref(), Some("pong"));
        program
    }

    fn spawn(folder: &Path, environment: &[(&'static str, String)], restore: bool) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ale-media-node"));
        command.arg("--config").arg(folder.join("node.toml"));
        command.args(restore.then_some("--restore"));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Asks until there is an answer: what is lost while it starts is repeated.
    pub fn ask(&mut self, command: &str, said: &[Said<'_>]) -> Answer {
        self.cookies += 1;
        let datagram = request(self.cookies, command, said);
        let mut answer = vec![0; 8_192];
        for _ in 0..200 {
            let _ = self.socket.send_to(&datagram, self.ng);
            while let Ok(bytes) = self.socket.recv(&mut answer) {
                if answer[..bytes].starts_with(format!("{} ", self.cookies).as_bytes()) {
                    answer.truncate(bytes);
                    return Answer::of(answer, self.cookies);
                }
            }
        }
        panic!("no answer");
    }

    pub fn call(
        &mut self,
        id: &str,
        (offer, flags): (&str, &[Said<'_>]),
        answer: impl FnOnce(&str) -> String,
    ) -> [String; 2] {
        let ids = [Text("call-id", id), Text("from-tag", "a")];
        let to_bob = self.ask("offer", &[&ids[..], &[Text("sdp", offer)], flags].concat()).sdp();
        let answer = answer(&to_bob);
        let more = [Text("to-tag", "b"), Text("sdp", &answer)];
        [to_bob, self.ask("answer", &[&ids[..], &more].concat()).sdp()]
    }

    /// Kills it, and starts another that takes over.
    pub fn die(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(&self.folder, &self.environment, true);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
