// SPDX-License-Identifier: MIT OR Apache-2.0
//! A conference of people on lines of 8 kHz, ticked by hand.
#![allow(dead_code)] // Not every test needs all of it.

use std::path::PathBuf;

use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, JoinOptions, LinkEnd, MemberId, Outgoing,
};
use ale_media::tap::{Basis, Grant, Purpose, Purposes, SinkId, TapConfig, TapReader, TapSource};

pub(crate) const SINK: SinkId = SinkId(1);
pub(crate) const TICK_NS: u64 = 10_000_000;

pub(crate) struct Room {
    pub(crate) conference: Conference,
    pub(crate) control: ConferenceControl,
    outgoing: Outgoing,
    pub(crate) people: Vec<(MemberId, LinkEnd)>,
    pub(crate) now_ns: u64,
}

impl Room {
    /// A room of so many.
    pub(crate) fn of(people: usize) -> Self {
        let (conference, control) = Conference::new(&ConferenceConfig::default()).unwrap();
        let join = |_| {
            let (line, end) = LinkEnd::pair(8_000).unwrap();
            let member = control.join_link(Box::new(end), JoinOptions::default());
            (member.map_err(|(error, _)| error).unwrap(), line)
        };
        let people = (0..people).map(join).collect();
        Self { conference, control, outgoing: Outgoing::new(4), people, now_ns: 0 }
    }

    /// A tap of a member, at 8 kHz.
    pub(crate) fn tap(&self, who: usize, purpose: Purpose) -> TapReader {
        let mut config = TapConfig::new(TapSource::Member(self.people[who].0), purpose, SINK);
        config.sample_rate_hz = 8_000;
        self.control.tap(&config).unwrap()
    }

    pub(crate) fn grant(&self, who: usize, purpose: Purpose) {
        let grant = Grant {
            purposes: purpose.into(),
            basis: Basis::Consent,
            sink: SINK,
            notice_version: 1,
            until_ns: None,
        };
        self.control.grant(self.people[who].0, &grant).unwrap();
    }

    pub(crate) fn withdraw(&self, who: usize) {
        self.control.withdraw(self.people[who].0, Purposes::ALL).unwrap();
    }

    /// The first says this for 10 ms; what that one hears.
    pub(crate) fn tick(&mut self, says: i16) -> [i16; 80] {
        self.tick_of(|_| [says; 80])
    }

    /// Each says something for 10 ms; what the first hears.
    pub(crate) fn tick_of(&mut self, says: impl Fn(usize) -> [i16; 80]) -> [i16; 80] {
        for (who, (_, line)) in self.people.iter_mut().enumerate() {
            line.push(&says(who));
        }
        self.conference.tick(self.now_ns, &mut self.outgoing);
        let mut heard = [[0; 80]; 8];
        for ((_, line), heard) in self.people.iter_mut().zip(&mut heard) {
            line.pull(heard);
        }
        while self.control.next_tap_event().is_some() {}
        self.now_ns += TICK_NS;
        heard[0]
    }
}

/// A folder of a test's own, which is gone with it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ale-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
