// SPDX-License-Identifier: MIT OR Apache-2.0
//! Taps of conferences, the sinks they lead to, and what is written down about both. What a tap takes is the engine's
//! to decide, by what members have agreed to; here taps are made, ended, and what becomes of them is told.

use std::fs;
use std::io;

use ale_media::conference::{ConferenceControl, MemberId};
use ale_media::tap::{Grant, Purpose, Purposes, SinkId, TapId, TapSource, TapState};
use ale_media_sinks::audit::Entry;
use ale_media_sinks::files::{self, recover};
use ale_media_sinks::named::{SinkConfig, SinkKind, Sinks, TapLabel};
use sha2::{Digest, Sha256};

use super::audit::AuditFile;
use super::subscriptions::Subscriptions;
use crate::call::{Consents, Lead};
use crate::config::Config;
use crate::ng::command::{Leads, TapOrder};
use crate::tls;
use crate::web::view;
use crate::worker::{Clock, Worker};

/// A conference that can be tapped, as the control thread has it.
#[derive(Debug)]
pub(super) struct Tapped {
    /// The number by which its worker knows it.
    pub(super) id: u64,
    pub(super) worker: usize,
    pub(super) control: ConferenceControl,
    /// What the audit and recordings call it.
    place: String,
    taps: Vec<Tap>,
    /// Whose names the audit has.
    named: Vec<MemberId>,
}

#[derive(Debug)]
struct Tap {
    id: TapId,
    sink: String,
    member: MemberId,
    state: TapState,
    /// Whether it has been told to end: what begins in its place meanwhile is another.
    ends: bool,
}

/// Whose voice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice<'v> {
    pub(super) member: MemberId,
    /// What others are told who it is, or its tag.
    pub(super) who: &'v str,
    pub(super) call_id: &'v str,
    pub(super) tag: &'v str,
    /// Which party of the call it is.
    pub(super) party: usize,
    pub(super) consents: Consents,
}

/// What has been done about taps since the node began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TapTotals {
    /// Taps that began.
    pub begun: u64,
    /// Taps that were refused.
    pub refused: u64,
    /// Grants.
    pub granted: u64,
    /// Withdrawals.
    pub withdrawn: u64,
    /// Sound that taps have taken that are over, in ms.
    pub taken_ms: u64,
    /// Files that could not be written to their end.
    pub file_errors: u64,
}

/// All there are, and where they lead.
#[derive(Debug)]
pub(super) struct Taps {
    sinks: Sinks,
    audit: Option<AuditFile>,
    /// Where voices go whose receivers have subscribed.
    pub(super) subscriptions: Subscriptions,
    /// Conferences that are over once their taps have told their ends.
    ending: Vec<Tapped>,
    pub(super) totals: TapTotals,
}

impl Tapped {
    pub(super) fn new(id: u64, worker: usize, control: ConferenceControl, place: &str) -> Self {
        let (taps, named) = (Vec::new(), Vec::new());
        Self { id, worker, control, place: place.to_owned(), taps, named }
    }

    fn tap(&mut self, sink: &str, member: MemberId) -> Option<&mut Tap> {
        let is_it = |tap: &&mut Tap| tap.sink == sink && tap.member == member && !tap.ends;
        self.taps.iter_mut().find(is_it)
    }

    /// A member has left: another may have its number.
    pub(super) fn forget(&mut self, member: MemberId) {
        self.named.retain(|named| *named != member);
    }
}

/// Whom a sink is for.
fn leads_to(config: &SinkConfig) -> Leads {
    match config.kind {
        SinkKind::Files { .. } => Leads::Files,
        SinkKind::Rtp { .. } => Leads::Subscriber,
        _ => Leads::Program,
    }
}

impl Taps {
    /// Finishes the recordings that a crash has left, and goes on with the audit.
    pub(super) fn new(config: &Config, clock: Clock) -> io::Result<Self> {
        let mut sinks = Sinks::new(config.sinks.clone()).map_err(io::Error::other)?;
        if let Some(authorities) = &config.tap.authorities {
            sinks.set_tls(tls::client(authorities)?);
        }
        let ticks_ns = clock.now_ns();
        sinks.set_clock(files::Clock { ticks_ns, unix_ns: clock.unix_ns(ticks_ns) });
        for SinkConfig { kind, .. } in &config.sinks {
            let SinkKind::Files { folder, .. } = kind else { continue };
            fs::create_dir_all(folder)?;
            let recovered = recover(folder).map_err(io::Error::other)?;
            for error in &recovered.left {
                tracing::warn!(%error, "a recording that can't be finished");
            }
        }
        let audit = AuditFile::open(&config.tap, clock)?;
        let (subscriptions, totals) = (Subscriptions::default(), TapTotals::default());
        Ok(Self { sinks, audit, subscriptions, ending: Vec::new(), totals })
    }

    /// What there is to agree to.
    pub(super) fn sinks(&self) -> impl Iterator<Item = (&SinkConfig, Purpose)> {
        self.sinks.configs()
    }

    /// The sink of a name; without a name the only one that leads there.
    pub(super) fn sink(&self, name: Option<&str>, leads: Leads) -> Result<String, String> {
        let wanted = |config: &SinkConfig| {
            leads_to(config) == leads && name.is_none_or(|name| config.name == name)
        };
        let mut found = self.sinks.configs().map(|(config, _)| config).filter(|one| wanted(one));
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only.name.clone()),
            (Some(_), Some(_)) => Err(String::from("Several sinks: name one")),
            (None, _) if name.is_some() => Err(String::from("No such sink for this")),
            (None, _) => Err(String::from("No sink for this is configured")),
        }
    }

    /// The purpose and receiver that a sink's name stands for.
    pub(super) fn terms(&self, name: &str) -> Option<(Purpose, SinkId)> {
        self.sinks.config(name).map(|(config, purpose)| (purpose, SinkId(config.id)))
    }

    /// How a member stands to a sink, in a word.
    pub(super) fn word(
        &self,
        tapped: &Tapped,
        (config, purpose): (&SinkConfig, Purpose),
        (member, consents): (MemberId, &Consents),
        now_ns: u64,
    ) -> &'static str {
        let said = consents.word(purpose, SinkId(config.id), now_ns);
        let tap = tapped.taps.iter().find(|tap| tap.sink == config.name && tap.member == member);
        match tap.map(|tap| tap.state) {
            // What the engine has told may be a tick old: nothing stands against a withdrawal.
            Some(TapState::Taking { .. }) if said == "agreed" => "taken",
            Some(TapState::Paused) if said == "agreed" => "paused",
            _ => said,
        }
    }

    /// How a member stands to each sink.
    pub(super) fn view(
        &self,
        tapped: &Tapped,
        member: (MemberId, &Consents),
        now_ns: u64,
    ) -> Vec<view::Standing> {
        let standing = |(config, purpose): (&SinkConfig, Purpose)| view::Standing {
            sink: config.name.clone(),
            purpose: purpose.name(),
            state: self.word(tapped, (config, purpose), member, now_ns),
        };
        self.sinks.configs().map(standing).collect()
    }

    /// Has a voice go to a sink, as far as its owner has agreed or will; or no longer.
    pub(super) fn order(
        &mut self,
        tapped: &mut Tapped,
        sink: &str,
        voice: &Voice<'_>,
        order: TapOrder,
    ) -> Result<(), String> {
        let there = tapped.tap(sink, voice.member).map(|tap| {
            tap.ends = order == TapOrder::Stop;
            tap.id
        });
        let done = match (order, there) {
            (TapOrder::Start, None) => {
                let begun = self.begin(tapped, sink, voice);
                let counter = match begun {
                    Ok(()) => &mut self.totals.begun,
                    Err(_) => &mut self.totals.refused,
                };
                *counter += 1;
                return begun;
            }
            (TapOrder::Start, Some(id)) => tapped.control.pause_tap(id, false),
            (TapOrder::Pause, Some(id)) => tapped.control.pause_tap(id, true),
            (TapOrder::Stop, Some(id)) => tapped.control.end_tap(id),
            (TapOrder::Pause | TapOrder::Stop, None) => return Err(String::from("No such tap")),
        };
        done.map_err(|error| error.to_string())
    }

    fn begin(&mut self, tapped: &mut Tapped, sink: &str, voice: &Voice<'_>) -> Result<(), String> {
        self.is_written()?;
        let (purpose, receiver) = self.terms(sink).ok_or("No such sink")?;
        let of_subscriber =
            self.sinks.config(sink).is_some_and(|(it, _)| leads_to(it) == Leads::Subscriber);
        let lead = if of_subscriber {
            let lead = self.subscriptions.lead(voice.call_id, voice.party, sink);
            Some(lead.ok_or("Nobody has subscribed to this voice")?)
        } else {
            None
        };
        let config = self.sinks.tap_config(sink, TapSource::Member(voice.member));
        let config = config.ok_or("No such sink")?;
        let tap = tapped.control.tap(&config);
        let id = tap.as_ref().ok().map(|tap| tap.id());
        self.name(tapped, voice);
        self.write(&tapped.place, &Entry::Asked { by: voice.call_id, tap: id, config: &config });
        let tap = tap.map_err(|error| error.to_string())?;
        let label = TapLabel {
            who: voice.who.to_owned(),
            call: tapped.place.clone(),
            uuid: uuid(voice.call_id, voice.tag),
            notice_version: voice.consents.notice_version(purpose, receiver),
        };
        // A tap whose sink does not start ends with its reader.
        let id = tap.id();
        let started = match lead {
            Some(Lead { socket, to, leg }) => self.sinks.start_fork(sink, tap, socket, to, &leg),
            None => self.sinks.start(sink, label, tap, None),
        };
        started.map_err(|error| error.to_string())?;
        let (sink, member) = (sink.to_owned(), voice.member);
        tapped.taps.push(Tap { id, sink, member, state: TapState::Waiting(None), ends: false });
        Ok(())
    }

    /// A member has agreed to this.
    pub(super) fn grant(
        &mut self,
        tapped: &mut Tapped,
        voice: &Voice<'_>,
        grant: &Grant,
    ) -> Result<(), String> {
        self.is_written()?;
        self.name(tapped, voice);
        self.write(&tapped.place, &Entry::Granted(voice.member, grant));
        self.is_written()?;
        tapped.control.grant(voice.member, grant).map_err(|error| error.to_string())?;
        self.totals.granted += 1;
        Ok(())
    }

    /// A member has taken it back: holds when this returns, whatever else fails.
    pub(super) fn withdraw(&mut self, tapped: &mut Tapped, voice: &Voice<'_>, purposes: Purposes) {
        // Refused only of who was never there.
        let _ = tapped.control.withdraw(voice.member, purposes);
        self.name(tapped, voice);
        self.write(&tapped.place, &Entry::Withdrawn(voice.member, purposes));
        self.totals.withdrawn += 1;
    }

    /// Takes what has become of a conference's taps.
    pub(super) fn hear(&mut self, tapped: &mut Tapped) {
        while let Some(event) = tapped.control.next_tap_event() {
            self.write(&tapped.place, &Entry::Tap(&event));
            if event.state == TapState::Ended {
                tapped.taps.retain(|tap| tap.id != event.tap);
                self.totals.taken_ms += event.taken_ms;
            } else if let Some(tap) = tapped.taps.iter_mut().find(|tap| tap.id == event.tap) {
                tap.state = event.state;
            }
        }
        if self.is_written().is_err() {
            // Nobody is tapped of whom it can't be written down.
            for tap in &tapped.taps {
                let _ = tapped.control.end_tap(tap.id);
            }
        }
    }

    /// A conference is over: at once, or when its taps have told their ends.
    pub(super) fn end(&mut self, mut tapped: Tapped, worker: &Worker) {
        self.hear(&mut tapped);
        for tap in &tapped.taps {
            let _ = tapped.control.end_tap(tap.id);
        }
        if tapped.taps.is_empty() {
            worker.close_mix(tapped.id);
        } else {
            self.ending.push(tapped);
        }
    }

    /// Takes what sinks and conferences that are over have to tell.
    pub(super) fn sweep(&mut self, workers: &[Worker]) {
        for mut tapped in core::mem::take(&mut self.ending) {
            self.hear(&mut tapped);
            match workers.get(tapped.worker) {
                Some(worker) if tapped.taps.is_empty() => worker.close_mix(tapped.id),
                _ => self.ending.push(tapped),
            }
        }
        self.sinks.sweep();
        for error in self.sinks.errors() {
            self.totals.file_errors += 1;
            tracing::error!(%error, "a recording has ended before its end");
        }
    }

    fn is_written(&self) -> Result<(), String> {
        let fit = self.audit.as_ref().is_none_or(AuditFile::is_fit);
        fit.then_some(()).ok_or_else(|| String::from("The audit can't be written"))
    }

    fn write(&mut self, place: &str, entry: &Entry<'_>) {
        if let Some(audit) = &mut self.audit {
            audit.add(place, entry);
        }
    }

    /// Has the audit say whom a member's number stands for.
    fn name(&mut self, tapped: &mut Tapped, voice: &Voice<'_>) {
        if !tapped.named.contains(&voice.member) {
            self.write(&tapped.place, &Entry::Named(voice.member, voice.who));
            tapped.named.push(voice.member);
        }
    }

    /// Taps of a conference by what they do: taking, waiting, paused.
    pub(super) fn count(tapped: &Tapped) -> [u64; 3] {
        let of = |is: fn(&TapState) -> bool| {
            tapped.taps.iter().filter(|tap| is(&tap.state)).count() as u64
        };
        [
            of(|state| matches!(state, TapState::Taking { .. })),
            of(|state| matches!(state, TapState::Waiting(_))),
            of(|state| matches!(state, TapState::Paused)),
        ]
    }
}

/// What a voice is called by where names are 16 bytes: the beginning of SHA-256 over `Call-ID`, a zero, and the tag.
pub(super) fn uuid(call_id: &str, tag: &str) -> [u8; 16] {
    let digest = Sha256::new().chain_update(call_id).chain_update([0]).chain_update(tag).finalize();
    let mut uuid = [0; 16];
    uuid.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    uuid
}
