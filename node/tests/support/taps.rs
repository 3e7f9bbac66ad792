// SPDX-License-Identifier: MIT OR Apache-2.0
//! A node with sinks, and what has come of them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use ale_media_node::config::{Config, Interface, Media};
use ale_media_node::ng::bencode::Value;
use ale_media_sinks::files::{Entry, entries};

use super::{Answer, Node};

pub const KEY: &[u8] = b"of nobody else";

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ale-node-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("key"), KEY).unwrap();
        Self(path)
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What a file that a member is in has: its line in the index, and its sound.
    pub fn recordings(&self) -> Vec<(Entry, Vec<i16>)> {
        let folder = self.at("calls");
        let Ok(entries) = entries(&folder) else { return Vec::new() };
        let sound = |file: &Path| {
            let read = hound::WavReader::open(file).unwrap();
            read.into_samples::<i16>().map(Result::unwrap).collect()
        };
        entries.into_iter().map(|entry| (entry.clone(), sound(&folder.join(&entry.file)))).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A node with sinks: files, and where there is a server, what goes there.
pub fn node(folder: &Folder, ports: (u16, u16), server: Option<&TcpListener>) -> Node {
    let more = server.map(|server| {
        let address = server.local_addr().unwrap();
        format!(
            "[[sink]]\nname = \"words\"\nid = 2\npurpose = \"transcribe\"\nkind = \"audiosocket\"\n\
             address = \"{address}\"\n"
        )
    });
    with(folder, ports, "", &more.unwrap_or_default())
}

/// A node with files, more of what is said about taps, and more sinks.
pub fn with(folder: &Folder, ports: (u16, u16), tap: &str, more: &str) -> Node {
    let text = format!(
        "[tap]\naudit = {:?}\naudit_key = {:?}\n{tap}\
         [[sink]]\nname = \"archive\"\nid = 1\npurpose = \"record\"\nkind = \"files\"\nfolder = {:?}\n\
         sample_rate_hz = 8000\n{more}",
        folder.at("audit"),
        folder.at("key"),
        folder.at("calls"),
    );
    let media = Media { port_min: ports.0, port_max: ports.1, workers: 1, ..Media::default() };
    let interfaces = vec![Interface::from_argument("127.0.0.1").unwrap()];
    Node::of(Config { interfaces, media, ..Config::parse(&text).unwrap() })
}

pub fn ok(answer: &Answer) {
    assert_eq!(answer.text("result").as_deref(), Some("ok"), "{:?}", answer.text("error-reason"));
}

pub fn reason(answer: &Answer) -> String {
    answer.text("error-reason").unwrap_or_else(|| panic!("{:?}", answer.value()))
}

/// The states that an answer tells, by tags.
pub fn states(answer: &Answer) -> Vec<(String, String)> {
    ok(answer);
    let Some(Value::List(taps)) = answer.value().entry("taps").cloned() else { panic!() };
    let text = |tap: &Value<'_>, key| tap.entry(key).and_then(Value::text).unwrap().to_owned();
    let mut states: Vec<_> =
        taps.iter().map(|tap| (text(tap, "from-tag"), text(tap, "state"))).collect();
    states.sort();
    states
}
