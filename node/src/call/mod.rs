// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call: two parties by their tags, media lines with an end towards each, and what an offer and its answer
//! do to them; or one party and a conference, which the node answers for.
//!
//! An offer takes ports and promises; nothing of a media line that runs changes before its answer comes, so
//! that a refused re-INVITE costs nothing. With the answer both peers' addresses are known, and a worker gets
//! the line: what came earlier is thrown away, since it could have come from anybody.

mod answer;
mod camera;
mod consent;
mod error;
mod line;
mod member;
mod numbers;
mod offer;
mod overhear;
mod peer;
mod resume;
mod shared;
mod subscriber;
mod view;
mod voice;

pub use camera::Video;
pub use consent::Consents;
pub use error::CallError;
use line::CallLine;
pub(crate) use line::LineEnd;
pub(crate) use member::is_sent_only;
pub use member::{Entrance, Member};
pub use overhear::{Heard, Overheard};
pub(crate) use resume::Resumed;
pub use shared::SharedPorts;
pub use subscriber::{Lead, SubscribedLine, Subscriber};

use core::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::Interface;
use crate::failover::CallRecord;
use crate::ng::command::Digit;
use crate::ng::flags::{Flags, RtcpMux, Transport};
use crate::peer::dtls::Identity;
use crate::peer::ice::Credentials;
use crate::play::{Player, Rounds, Sound};
use crate::ports::{Ports, Sockets};
use crate::sdp::{IceTold, Line, Rewrite, RewrittenLine};
use crate::worker::{Happened, Passing, Worker};

/// What calls take of the node.
#[derive(Debug)]
pub struct Room {
    /// Interfaces with their ports.
    pub interfaces: Vec<(Interface, Arc<Ports>)>,
    /// Ports that lines of a worker have in common.
    pub shared: SharedPorts,
    /// The certificate that peers are told.
    pub identity: Identity,
    /// Most media lines of a call.
    pub max_lines: usize,
    /// What encoding Opus may cost, 0 to 10.
    pub opus_complexity: u8,
    /// The number of the next path.
    pub next_path: u64,
}

/// An offer, until the next.
#[derive(Debug)]
struct Offer {
    /// Which party it is of.
    by: usize,
    lines: Vec<Line>,
    /// What each line is towards the other.
    onward: Vec<Option<Onward>>,
    rtcp_mux: RtcpMux,
    flags: Flags,
}

/// What a line that was offered is towards the other.
#[derive(Debug, Clone, Copy)]
struct Onward {
    transport: Transport,
    ice: bool,
    dtls: bool,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// When it began.
    pub created: SystemTime,
    /// When its last offer or answer came, on the node's clock.
    pub signalled_ns: u64,
    /// When checkpoints of it were last asked for, on the same clock.
    pub(crate) checkpointed_ns: u64,
    /// The worker that has its media.
    pub worker: usize,
    pub(crate) tags: [Option<String>; 2],
    pub(crate) lines: Vec<CallLine>,
    /// What it has of a conference, if it is with one.
    pub(crate) member: Option<Member>,
    /// What each party has agreed to.
    consents: [Consents; 2],
    offer: Option<Offer>,
}

impl Call {
    /// A call of who offers.
    pub fn new(from_tag: &str, worker: usize, now_ns: u64) -> Self {
        Self {
            created: SystemTime::now(),
            signalled_ns: now_ns,
            checkpointed_ns: 0,
            worker,
            tags: [Some(from_tag.to_owned()), None],
            lines: Vec::new(),
            member: None,
            consents: [Consents::default(); 2],
            offer: None,
        }
    }

    /// A party is who has this tag; another than before has agreed to nothing yet.
    fn set_tag(&mut self, party: usize, to: &str) {
        let places = self.tags.get_mut(party).zip(self.consents.get_mut(party));
        let Some((tag, consents)) = places else { return };
        if tag.as_deref() != Some(to) {
            *consents = Consents::default();
            *tag = Some(to.to_owned());
        }
    }

    /// A party's description asks this of recordings.
    fn set_preference(&mut self, party: usize, lines: &[Line]) {
        let audio = lines.iter().find(|line| line.media == "audio");
        let preference = audio.map(|line| line.preference).unwrap_or_default();
        if let Some(consents) = self.consents.get_mut(party) {
            consents.set_preference(preference);
        }
    }

    /// What a party has agreed to.
    pub fn consents(&self, party: usize) -> Consents {
        self.consents.get(party).copied().unwrap_or_default()
    }

    /// The same, to be changed.
    pub fn consents_mut(&mut self, party: usize) -> Option<&mut Consents> {
        self.consents.get_mut(party)
    }

    /// Seconds and microseconds since 1970 at which it began.
    pub(crate) fn created_us(&self) -> u64 {
        let since = self.created.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// When RTP last came at any end.
    pub fn last_arrival_ns(&self) -> u64 {
        let ends = self.lines.iter().flat_map(|line| line.ends.iter().flatten());
        ends.map(|end| end.counters.last_arrival_ns.load(Ordering::Relaxed)).max().unwrap_or(0)
    }

    /// Which party a tag is of.
    pub(crate) fn party(&self, tag: &str) -> Option<usize> {
        self.tags.iter().position(|known| known.as_deref() == Some(tag))
    }

    /// What is kept of it for another process is not all there is any more.
    pub(crate) fn keep_anew(&mut self) {
        self.checkpointed_ns = 0;
    }

    /// What a worker has told of an end of one of its paths; whether the path is of this call.
    pub fn hear(&mut self, path: u64, end: usize, happened: &Happened) -> bool {
        let Some(line) = self.lines.iter_mut().find(|line| line.is_path(path)) else {
            return false;
        };
        line.hear(end, happened);
        true
    }

    /// Says at each end what digits have come at the other, where a line is translated; a relayed line's are
    /// packets like others.
    pub fn carry_digits(&mut self) {
        self.lines.iter_mut().for_each(CallLine::carry_digits);
    }

    /// Changes what is passed on of what a party says, or of both.
    pub fn pass(
        &mut self,
        party: Option<usize>,
        change: impl Fn(&mut Passing) + Copy,
        worker: &Worker,
    ) {
        for line in &mut self.lines {
            for of in (0..2).filter(|of| party.is_none_or(|party| party == *of)) {
                line.pass(of, change, worker);
            }
        }
    }

    /// Says a digit as if a party did, on the first line that can.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn say_digit(&mut self, party: usize, digit: Digit) -> Result<(), CallError> {
        if self.member.is_some() {
            return Err(CallError::NotDone("A digit in a conference"));
        }
        let mut refused = CallError::NoOffer;
        for line in &mut self.lines {
            match line.say_digit(party, digit) {
                Ok(()) => return Ok(()),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Plays a sound to a party, or to both, on the first line that can; how long one round is, in ms.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn play(
        &mut self,
        party: Option<usize>,
        sound: &Sound,
        rounds: Rounds,
        worker: &Worker,
    ) -> Result<(), CallError> {
        let mut refused = CallError::NoOffer;
        for line in &mut self.lines {
            let to: Vec<_> = (0..2).filter(|of| party.is_none_or(|party| party == *of)).collect();
            // Asked for all before anything is heard.
            let rates = to.iter().map(|party| line.play_rate_hz(*party));
            let rates: Vec<_> = match rates.collect() {
                Ok(rates) => rates,
                Err(error) => {
                    refused = error;
                    continue;
                }
            };
            for (party, rate_hz) in to.into_iter().zip(rates) {
                let sound = sound.clone().at(rate_hz).map_err(CallError::Play)?;
                line.play(party, Player::new(sound, rounds), worker)?;
            }
            return Ok(());
        }
        Err(refused)
    }

    /// Plays nothing more to a party, or to both; where one of them was, in ms, if something was played.
    pub fn stop_playing(&mut self, party: Option<usize>, worker: &Worker) -> Option<u64> {
        let mut position_ms = None;
        for line in &mut self.lines {
            for of in (0..2).filter(|of| party.is_none_or(|party| party == *of)) {
                position_ms = line.stop_playing(of, worker).or(position_ms);
            }
        }
        position_ms
    }

    /// Ends its media.
    pub fn end(&mut self, worker: &Worker) {
        self.lines.iter_mut().for_each(|line| line.close(worker));
    }
}

/// What is told about ICE, with the address that is told for media.
fn told(credentials: Option<Credentials>, address: Option<IpAddr>) -> Option<IceTold> {
    Some(IceTold { credentials: credentials?, address: address? })
}

fn rewrite<'f>(
    address: IpAddr,
    flags: &'f Flags,
    lines: Vec<Option<RewrittenLine>>,
) -> Rewrite<'f> {
    Rewrite {
        address,
        origin: flags.replace_origin,
        no_rtcp_attribute: flags.no_rtcp_attribute,
        codecs: &flags.codecs,
        lines,
    }
}

impl Room {
    /// The interface of a name and family; without a name the first of the family.
    fn interface(&self, name: Option<&str>, ipv6: bool) -> Result<usize, CallError> {
        let fits = |(interface, _): &(Interface, Arc<Ports>)| {
            interface.told().is_ipv6() == ipv6 && name.is_none_or(|name| interface.name == name)
        };
        self.interfaces.iter().position(fits).ok_or(CallError::NoInterface)
    }

    /// Which worker a call that was kept must be at, by its ports.
    pub(crate) fn worker_of(&self, record: &CallRecord) -> Option<usize> {
        let ends = record.lines.iter().flatten().flat_map(|line| &line.ends);
        ends.filter_map(|end| {
            let (name, ipv6) = &end.interface;
            self.shared.worker(self.interface(Some(name), *ipv6).ok()?, end.port)
        })
        .next()
    }

    /// Ports that are of one line alone.
    fn own_ports(&self, interface: usize) -> Result<Sockets, CallError> {
        let (_, ports) = self.interfaces.get(interface).ok_or(CallError::NoInterface)?;
        ports.bind().map(Sockets::Own).map_err(CallError::Ports)
    }

    fn told(&self, interface: usize) -> Option<IpAddr> {
        self.interfaces.get(interface).map(|(interface, _)| interface.told())
    }
}

#[cfg(test)]
mod tests;
