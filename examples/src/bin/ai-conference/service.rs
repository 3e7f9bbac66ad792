// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs beside this one, which tell their port and what they find as lines of JSON.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use examples::clock::Clock;
use examples::{Context, Failure};
use serde_json::Value;

/// What the recogniser says of a speaker.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) speaker: String,
    pub(crate) at_ns: u64,
    /// In the speaker's own sound.
    pub(crate) begin_s: f64,
    pub(crate) end_s: f64,
    pub(crate) text: String,
    /// Seconds that came in all, when it is over.
    pub(crate) closed_s: Option<f64>,
}

/// A program that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
    port: u16,
}

impl Service {
    /// Starts it, and waits until it says that it is ready.
    pub(crate) fn start(python: &Path, program: &Path) -> Result<Self, Failure> {
        let mut child = Command::new(python)
            .arg(program)
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .context(python.display())?;
        let mut out = child.stdout.take().map(BufReader::new);
        let mut first = String::new();
        if let Some(out) = &mut out {
            out.read_line(&mut first).context(program.display())?;
        }
        let told: Value = serde_json::from_str(&first).unwrap_or_default();
        let port = told["ready"].as_u64().and_then(|port| u16::try_from(port).ok());
        let mut service = Self { child, out, port: port.unwrap_or(0) };
        if port.is_none() {
            service.stop();
            return Err(format!("{}: did not start", program.display()).into());
        }
        Ok(service)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Hands on what it says.
    pub(crate) fn listen(mut self, clock: Clock, to: Sender<Heard>) -> Result<Self, Failure> {
        let Some(out) = self.out.take() else { return Ok(self) };
        thread::Builder::new().name("recogniser".into()).spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let Some(heard) = parse(&line, clock.now_ns()) else { continue };
                if to.send(heard).is_err() {
                    return;
                }
            }
        })?;
        Ok(self)
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

fn parse(line: &str, at_ns: u64) -> Option<Heard> {
    let told: Value = serde_json::from_str(line).ok()?;
    let text = told["text"].as_str();
    let closed_s = told["closed"].as_f64();
    if text.is_none() && closed_s.is_none() {
        return None;
    }
    Some(Heard {
        speaker: told["speaker"].as_str()?.to_owned(),
        at_ns,
        begin_s: told["begin"].as_f64().unwrap_or(0.0),
        end_s: told["end"].as_f64().unwrap_or(0.0),
        text: text.unwrap_or_default().to_owned(),
        closed_s,
    })
}
