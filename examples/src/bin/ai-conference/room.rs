// SPDX-License-Identifier: MIT OR Apache-2.0
//! The conference, its taps, where they lead, and what is written down about it.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use ale_media::conference::{
    Conference, ConferenceConfig, ConferenceControl, JoinOptions, LinkEnd, MemberId, Outgoing,
};
use ale_media::tap::{
    Basis, Grant, Purpose, Purposes, SinkId, TapConfig, TapId, TapSource, TapState,
};
use ale_media_sinks::audiosocket_client::{Client, ClientConfig};
use ale_media_sinks::audit::{Audit, Entry};
use examples::speech::RATE_HZ;
use examples::{Context, Failure};

use super::script::{NAMES, REFUSES, Script, WITHDRAWS};

const TICK_NS: u64 = 10_000_000;
const RECOGNISER: SinkId = SinkId(1);
/// The text that people were shown.
const NOTICE: u32 = 1;
/// Audited lines between two signatures.
const SIGNED_EVERY: u64 = 8;

/// One who takes part.
pub(crate) struct Person {
    pub(crate) who: usize,
    pub(crate) name: &'static str,
    /// As the recogniser says it.
    pub(crate) uuid: String,
    pub(crate) recognised_s: Option<f64>,
    member: MemberId,
    line: LinkEnd,
    tap: TapId,
    client: Option<Client>,
    /// When its tap began to take, and what it had taken before, in seconds.
    begins: Vec<(f64, f64)>,
    taken_s: f64,
}

impl Person {
    /// The conversation's time of a moment in what the recogniser has of this person.
    pub(crate) fn placed(&self, own_s: f64) -> f64 {
        let began = self.begins.iter().rev().find(|(_, before)| *before <= own_s);
        began.map_or(own_s, |(at, before)| at + own_s - before)
    }
}

/// What went to the recogniser of whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// Taken by the tap.
    pub(crate) taken_s: f64,
    /// Received there.
    pub(crate) recognised_s: Option<f64>,
}

/// The conference and all about it.
pub(crate) struct Room<'a> {
    pub(crate) people: Vec<Person>,
    script: &'a Script,
    conference: Conference,
    control: ConferenceControl,
    outgoing: Outgoing,
    audit: Audit,
}

impl<'a> Room<'a> {
    /// All come in, are tapped for the recogniser, and say whether they agree.
    pub(crate) fn new(
        script: &'a Script,
        recogniser: SocketAddr,
        key: &[u8],
    ) -> Result<Self, Failure> {
        let (conference, control) = Conference::new(&ConferenceConfig::default())?;
        let mut audit = Audit::new(key, SIGNED_EVERY, unix_ns());
        let mut people = Vec::new();
        for (who, name) in NAMES.into_iter().enumerate() {
            let (line, end) = LinkEnd::pair(RATE_HZ)?;
            let joined = control.join_link(Box::new(end), JoinOptions::default());
            let member = joined.map_err(|(error, _)| error).context(name)?;
            let source = TapSource::Member(member);
            let config = TapConfig::new(source, Purpose::Transcribe, RECOGNISER);
            let reader = control.tap(&config).context(name)?;
            let tap = reader.id();
            let asked = Entry::Asked { by: "ai-conference", tap: Some(tap), config: &config };
            audit.add(unix_ns(), &asked);
            let uuid = [who as u8 + 1; 16];
            let client = ClientConfig { address: recogniser, uuid };
            let client = Some(Client::start(client, reader, None)?);
            if who != REFUSES {
                let grant = Grant {
                    purposes: Purpose::Transcribe.into(),
                    basis: Basis::Consent,
                    sink: RECOGNISER,
                    notice_version: NOTICE,
                    until_ns: None,
                };
                control.grant(member, &grant).context(name)?;
                audit.add(unix_ns(), &Entry::Granted(member, &grant));
            }
            let (begins, taken_s, recognised_s) = (Vec::new(), 0.0, None);
            let uuid = named(&uuid);
            people.push(Person {
                who,
                name,
                uuid,
                recognised_s,
                member,
                line,
                tap,
                client,
                begins,
                taken_s,
            });
        }
        let outgoing = Outgoing::new(4);
        Ok(Self { people, script, conference, control, outgoing, audit })
    }

    /// 10 ms.
    pub(crate) fn tick(&mut self, tick: usize) -> Result<(), Failure> {
        if tick == self.script.withdrawal_tick {
            let member = self.people[WITHDRAWS].member;
            self.control.withdraw(member, Purposes::ALL)?;
            self.audit.add(unix_ns(), &Entry::Withdrawn(member, Purposes::ALL));
            println!("        {} takes back that he is transcribed", NAMES[WITHDRAWS]);
        }
        for person in &mut self.people {
            person.line.push(&self.script.frame(person.who, tick));
        }
        self.conference.tick(tick as u64 * TICK_NS, &mut self.outgoing);
        for person in &mut self.people {
            person.line.pull(&mut [0; RATE_HZ as usize / 100]);
        }
        self.read_events();
        Ok(())
    }

    /// Ends the taps; what is on its way still goes.
    pub(crate) fn hang_up(&mut self) {
        for person in &mut self.people {
            let _ = self.control.end_tap(person.tap);
        }
        self.conference.tick(self.script.ticks as u64 * TICK_NS, &mut self.outgoing);
        self.read_events();
        for person in &mut self.people {
            person.client = None;
        }
    }

    /// Whether the recogniser has not yet said of each how much came.
    pub(crate) fn is_open(&self) -> bool {
        self.people.iter().any(|person| person.recognised_s.is_none())
    }

    /// How much went to the recogniser of each.
    pub(crate) fn accounts(&self) -> Vec<Account> {
        let account = |person: &Person| Account {
            taken_s: person.taken_s,
            recognised_s: person.recognised_s,
        };
        self.people.iter().map(account).collect()
    }

    /// Ends the audit, and gives it.
    pub(crate) fn close_audit(&mut self) -> String {
        self.audit.close(unix_ns());
        self.audit.take()
    }

    fn read_events(&mut self) {
        while let Some(event) = self.control.next_tap_event() {
            self.audit.add(unix_ns(), &Entry::Tap(&event));
            let person = self.people.iter_mut().find(|person| person.tap == event.tap);
            let Some(person) = person else { continue };
            person.taken_s = event.taken_ms as f64 / 1e3;
            if let TapState::Taking { .. } = event.state {
                person.begins.push((event.at_ns as f64 / 1e9, person.taken_s));
            }
        }
    }
}

fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

/// A UUID as people write it.
fn named(uuid: &[u8; 16]) -> String {
    let hex: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
