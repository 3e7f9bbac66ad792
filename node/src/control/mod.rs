// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of calls, and what each command does to it.

mod audit;
mod between;
mod conferences;
mod consent;
mod failover;
mod links;
mod load;
mod play;
mod report;
mod subscriptions;
mod taps;
mod totals;
mod want;
mod web;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

use rustix::event::{EventfdFlags, eventfd};

use crate::call::{Call, CallError, Room, SharedPorts};
use crate::config::{self, Config};
use crate::ng::bencode::DictionaryWriter;
use crate::ng::command::{Command, Request};
use crate::ng::server::{Handler, error};
use crate::peer::dtls::Identity;
use crate::ports::Ports;
use crate::random;
use crate::worker::{Clock, Counted, Happened, News, Passing, Unrouted, Worker};
use between::{Between, Means};
use conferences::Conferences;
use failover::Keeper;
pub use failover::Kept;
use links::Link;
pub use links::Linked;
use load::Load;
pub use taps::TapTotals;
use taps::Taps;
pub use totals::Totals;
use totals::add_video;
pub use want::Want;

/// Longest `Call-ID` and tag.
const MAX_NAME_BYTES: usize = 255;
/// Calls that a list has where nobody says how many.
const LISTED: usize = 32;

/// The control thread's state.
#[derive(Debug)]
pub struct Control {
    calls: HashMap<String, Call>,
    conferences: Conferences,
    between: Between,
    taps: Taps,
    workers: Vec<Worker>,
    next_worker: usize,
    room: Room,
    clock: Clock,
    max_calls: usize,
    load: Load,
    /// No calls begin while it is false; those there are go on.
    accepting: bool,
    totals: Totals,
    timeout_ns: u64,
    /// Conferences that are one with those of other nodes.
    links: Vec<Link>,
    linked: Linked,
    /// Keeps calls for another process.
    keeper: Option<Keeper>,
    /// Where files lie that are played.
    sounds: Option<PathBuf>,
    told: Receiver<(u64, usize, Happened)>,
    bell: Arc<OwnedFd>,
    alive: Arc<AtomicBool>,
}

impl Control {
    /// A node without calls; starts its workers.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(config: &Config, clock: Clock) -> io::Result<Self> {
        let (cores, count) = (config::cores(), config.media.worker_count());
        let taps = Taps::new(config, clock)?;
        let (tell, told) = channel();
        let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let alive = Arc::new(AtomicBool::new(true));
        let news = News { told: tell, bell: Arc::clone(&bell), alive: Arc::clone(&alive) };
        let shared = SharedPorts::bind(config)?;
        let start = |n| Worker::start(n % cores, clock, news.clone(), shared.of_worker(n));
        let workers = (0..count).map(start).collect::<Result<_, _>>()?;
        let identity = match config.webrtc.dtls13 {
            true => Identity::with_dtls13(),
            false => Identity::new(),
        };
        let identity = identity.map_err(io::Error::other)?;
        let mut interfaces = Vec::new();
        for interface in &config.interfaces {
            let start = random::number().ok_or_else(|| io::Error::other(CallError::Random))?;
            let (first, last) = (config.media.port_min, config.media.port_max);
            let ports = Ports::new(interface.address, first, last, config.media.dscp, start);
            interfaces.push((interface.clone(), ports));
        }
        let config::Media { max_lines, opus_complexity, .. } = config.media;
        let max_lines = usize::from(max_lines);
        Ok(Self {
            calls: HashMap::new(),
            conferences: Conferences::new(config.conference, config.sinks.len()),
            between: Between::default(),
            taps,
            workers,
            next_worker: 0,
            room: Room { interfaces, shared, identity, max_lines, opus_complexity, next_path: 0 },
            clock,
            max_calls: config.media.max_calls as usize,
            load: Load::new(config.admission, count),
            accepting: true,
            totals: Totals::default(),
            timeout_ns: u64::from(config.media.timeout_s) * 1_000_000_000,
            links: config.links.iter().filter_map(Link::by).collect(),
            linked: Linked::default(),
            keeper: Keeper::by(&config.failover)?,
            sounds: config.play.folder.clone(),
            told,
            bell,
            alive,
        })
    }

    /// Calls there are.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Conferences there are.
    pub fn conferences(&self) -> usize {
        self.conferences.count()
    }

    /// Members of all of them.
    pub fn members(&self) -> usize {
        self.conferences.members()
    }

    /// What has been done.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// What has become of video in conferences, in the order of [`Counted::ALL`].
    pub fn video(&self) -> [u64; Counted::ALL.len()] {
        let mut sums = self.totals.video;
        self.calls.values().for_each(|call| add_video(&mut sums, call));
        sums
    }

    /// Packet times of members, also of those there are, in which nothing was sent, since nobody spoke.
    pub fn suppressed(&self) -> u64 {
        self.totals.suppressed + self.calls.values().map(Call::suppressed).sum::<u64>()
    }

    /// What has been done about taps.
    pub fn tap_totals(&self) -> TapTotals {
        self.taps.totals
    }

    /// Taps there are that take something, wait for somebody to agree, and pause.
    pub fn taps(&self) -> [u64; 3] {
        self.conferences
            .taps()
            .chain(self.between.taps())
            .fold([0; 3], |[a, b, c], [x, y, z]| [a + x, b + y, c + z])
    }

    /// Whether calls may begin; while they may not, those there are go on.
    pub fn set_accepting(&mut self, accepting: bool) {
        self.accepting = accepting;
    }

    /// Whether calls may begin.
    pub fn is_accepting(&self) -> bool {
        self.want_of_room().is_none()
    }

    /// Whether all workers run.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    /// Pairs of ports on all interfaces.
    pub fn ports(&self) -> u32 {
        self.room.interfaces.iter().map(|(_, ports)| ports.pairs()).sum()
    }

    /// Pairs of ports that are taken, on all interfaces.
    pub fn ports_taken(&self) -> u32 {
        self.room.interfaces.iter().map(|(_, ports)| ports.taken()).sum()
    }

    /// Datagrams that were nobody's, on ports that lines have in common: checks, and others.
    pub fn unrouted(&self) -> [u64; 2] {
        let of = |worker: &Worker| {
            let Unrouted { checks, others } = worker.unrouted();
            [checks, others].map(|count| count.load(Ordering::Relaxed))
        };
        self.workers.iter().map(of).fold([0; 2], |[a, b], [x, y]| [a + x, b + y])
    }

    /// Ends the calls of which nothing has come for too long, neither media nor signalling.
    pub fn sweep(&mut self, now_ns: u64) {
        let (workers, timeout_ns, totals) = (&self.workers, self.timeout_ns, &mut self.totals);
        let (conferences, keeper) = (&mut self.conferences, &mut self.keeper);
        let (between, taps) = (&mut self.between, &mut self.taps);
        conferences.tidy();
        self.load.look(workers.iter().map(Worker::busy_ns), now_ns);
        self.calls.retain(|call_id, call| {
            let last_ns = call.last_arrival_ns().max(call.signalled_ns);
            let alive = now_ns.saturating_sub(last_ns) < timeout_ns;
            if !alive && let Some(worker) = workers.get(call.worker) {
                totals.timed_out += 1;
                tracing::info!(call_id, "ended: nothing has come");
                totals.add(call);
                conferences.leave(call, worker, taps, totals);
                between.leave(call_id, worker, taps);
                taps.subscriptions.forget(call_id);
                call.end(worker);
                if let Some(keeper) = keeper {
                    keeper.forget(call_id);
                }
            }
            alive
        });
    }

    /// Is readable when workers have told something: time for [`Control::hear`].
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// The same, for others who have something for this thread.
    pub fn shared_bell(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.bell)
    }

    /// Takes what workers have told: keys that were agreed on, and peers that have moved.
    pub fn hear(&mut self) {
        let _ = rustix::io::read(&*self.bell, &mut [0_u8; 8]);
        while let Ok((path, end, happened)) = self.told.try_recv() {
            if let Happened::Checkpointed { call_id, taken } = happened {
                self.keep(path, &call_id, taken);
                continue;
            }
            match &happened {
                Happened::Agreed(_) => self.totals.handshakes += 1,
                Happened::Failed(_) => self.totals.handshakes_failed += 1,
                Happened::Moved(_) | Happened::Checkpointed { .. } => {}
            }
            // One of many thousand calls, at its beginning: a look at each is not worth a second table.
            let heard = self
                .calls
                .iter_mut()
                .find_map(|(call_id, call)| call.hear(path, end, &happened).then_some(call_id));
            let Some(call_id) = heard else { continue };
            match &happened {
                Happened::Agreed(agreed) => {
                    let suite = agreed.suite.sdes_name();
                    tracing::info!(call_id, leg = end, suite, "keys by DTLS");
                }
                Happened::Failed(reason) => tracing::warn!(call_id, leg = end, %reason, "no keys"),
                Happened::Moved(to) => tracing::debug!(call_id, leg = end, %to, "moved"),
                Happened::Checkpointed { .. } => {}
            }
        }
    }

    /// Says digits on in calls that are translated, notes who speaks in conferences, announces on, and takes what has
    /// become of taps.
    pub fn listen(&mut self, now_ns: u64) {
        self.conferences.go_on();
        self.conferences.hear(&mut self.taps);
        self.between.hear(&mut self.taps);
        self.taps.sweep(&self.workers);
        self.conferences.follow_speakers(&self.workers);
        self.checkpoint(now_ns);
        self.tend_links(now_ns);
        for call in self.calls.values_mut() {
            call.carry_digits();
            call.listen(now_ns);
        }
    }

    fn offer(
        &mut self,
        request: &Request<'_>,
        now_ns: u64,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let Party { call_id, from_tag, sdp: text } = Party::of(request)?;
        if request.to_tag.is_some_and(|tag| tag.len() > MAX_NAME_BYTES) {
            return Err(String::from("Too long a name"));
        }
        let declared = self.declared(&request.flags.consent)?;
        if !self.calls.contains_key(call_id) {
            if let Some(want) = self.want_of_room() {
                self.totals.refuse(want);
                return self.refuse(request, want, answer);
            }
            let mut call = Call::new(from_tag, self.next_worker, now_ns);
            // What an offer that is refused has taken comes back with the call.
            let sdp = call.offer(from_tag, None, text, &request.flags, &mut self.room);
            let sdp = sdp.map_err(|error| {
                if matches!(error, CallError::Ports(_)) {
                    self.totals.refuse(Want::Ports);
                }
                error.to_string()
            })?;
            self.totals.begun += 1;
            tracing::info!(call_id, from_tag, "begun");
            self.next_worker = (self.next_worker + 1) % self.workers.len().max(1);
            self.calls.insert(call_id.to_owned(), call);
            self.said(call_id, from_tag, (&declared, &request.flags), now_ns, answer);
            answer.string("sdp", sdp).string("result", "ok");
            return Ok(());
        }
        let call = self.calls.get_mut(call_id).ok_or("Unknown call-id")?;
        let sdp = call
            .offer(from_tag, request.to_tag, text, &request.flags, &mut self.room)
            .map_err(|error| error.to_string())?;
        call.signalled_ns = now_ns;
        self.said(call_id, from_tag, (&declared, &request.flags), now_ns, answer);
        answer.string("sdp", sdp).string("result", "ok");
        Ok(())
    }

    /// Why no call may begin.
    fn want_of_room(&self) -> Option<Want> {
        if self.calls.len() >= self.max_calls {
            return Some(Want::Calls);
        }
        if !self.accepting || !self.is_alive() || self.is_fenced() {
            return Some(Want::Accepting);
        }
        self.load.is_exceeded().then_some(Want::Headroom)
    }

    /// How much of the last second each worker was busy, of 1000.
    pub fn busy_permille(&self) -> &[u64] {
        self.load.busy_permille()
    }

    /// Ticks of conferences that did not come.
    pub fn missed_ticks(&self) -> u64 {
        self.totals.missed_ticks + self.conferences.missed_ticks()
    }

    /// Tells who asks that there is no room for a call.
    fn refuse(
        &self,
        request: &Request<'_>,
        want: Want,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        if !request.knows_load_limit {
            return Err(want.words().to_owned());
        }
        answer.string("result", "load limit").string("message", want.words());
        Ok(())
    }

    fn answer(
        &mut self,
        request: &Request<'_>,
        now_ns: u64,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let Party { call_id, from_tag, sdp: text } = Party::of(request)?;
        let to_tag = name(request.to_tag, "No to-tag in message")?;
        let declared = self.declared(&request.flags.consent)?;
        let call = self.calls.get_mut(call_id).ok_or("Unknown call-id")?;
        let worker = self.workers.get(call.worker).ok_or("No worker")?;
        let sdp = call
            .answer(from_tag, to_tag, text, &request.flags, &mut self.room, worker)
            .map_err(|error| error.to_string())?;
        call.signalled_ns = now_ns;
        self.said(call_id, to_tag, (&declared, &request.flags), now_ns, answer);
        answer.string("sdp", sdp).string("result", "ok");
        Ok(())
    }

    fn delete(
        &mut self,
        request: &Request<'_>,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let call_id = name(request.call_id, "No call-id in message")?;
        let ours = |call: &Call| request.from_tag.is_none_or(|tag| call.party(tag).is_some());
        if !self.calls.get(call_id).is_some_and(ours) {
            let warning = "Call-ID not found or tags didn't match";
            answer.string("warning", warning).string("result", "ok");
            return Ok(());
        }
        if let Some(call) = self.calls.get(call_id) {
            let subscriptions = self.taps.subscriptions.of(call_id);
            report::call(call, subscriptions, &self.room, &self.clock, answer);
        }
        self.end(call_id);
        answer.string("result", "ok");
        Ok(())
    }

    /// Ends a call that is asked to.
    fn end(&mut self, call_id: &str) {
        self.totals.deleted += u64::from(self.close(call_id));
    }

    /// Ends a call, if there is one of that name.
    fn close(&mut self, call_id: &str) -> bool {
        let Some(mut call) = self.calls.remove(call_id) else { return false };
        tracing::info!(call_id, "ended");
        self.totals.add(&call);
        if let Some(worker) = self.workers.get(call.worker) {
            self.conferences.leave(&call, worker, &mut self.taps, &mut self.totals);
            self.between.leave(call_id, worker, &mut self.taps);
            self.taps.subscriptions.forget(call_id);
            call.end(worker);
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.forget(call_id);
        }
        true
    }

    /// Changes what is passed on of what the party of `from-tag` says; of both without.
    fn pass(
        &mut self,
        request: &Request<'_>,
        change: impl Fn(&mut Passing) + Copy,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let (call, party, worker) = addressed(&mut self.calls, &self.workers, request)?;
        call.pass(party, change, worker);
        self.conferences.follow(call)?;
        self.follow_taps(request.call_id.unwrap_or_default())?;
        answer.string("result", "ok");
        Ok(())
    }

    fn play_digit(
        &mut self,
        request: &Request<'_>,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        let call_id = name(request.call_id, "No call-id in message")?;
        let from_tag = name(request.from_tag, "No from-tag in message")?;
        let digit = request.digit.ok_or("No digit in message")?;
        let call = self.calls.get_mut(call_id).ok_or("Unknown call-id")?;
        let party = call.party(from_tag).ok_or("Unknown from-tag")?;
        call.say_digit(party, digit).map_err(|error| error.to_string())?;
        answer.string("result", "ok");
        Ok(())
    }

    fn query(
        &self,
        request: &Request<'_>,
        answer: &mut DictionaryWriter<'_>,
    ) -> Result<(), String> {
        if let (None, Some(conference)) = (request.call_id, request.flags.conference.as_deref()) {
            return self.query_conference(conference, answer);
        }
        let call_id = name(request.call_id, "No call-id in message")?;
        let call = self.calls.get(call_id).ok_or("Unknown call-id")?;
        self.report_member(call, answer);
        let subscriptions = self.taps.subscriptions.of(call_id);
        report::call(call, subscriptions, &self.room, &self.clock, answer);
        answer.string("result", "ok");
        Ok(())
    }
}

impl Handler for Control {
    fn handle(&mut self, request: &Request<'_>, now_ns: u64, answer: &mut DictionaryWriter<'_>) {
        let done = match request.command {
            Command::Ping => {
                answer.string("result", "pong");
                Ok(())
            }
            // What proxies can say whose modules know no command of ours.
            Command::Offer if request.flags.conference.is_some() => {
                self.join(request, now_ns, answer)
            }
            Command::Offer => self.offer(request, now_ns, answer),
            Command::Answer => self.answer(request, now_ns, answer),
            Command::Join | Command::Publish => self.join(request, now_ns, answer),
            Command::Delete => self.delete(request, answer),
            Command::Query => self.query(request, answer),
            Command::List => {
                let limit = request.limit.unwrap_or(LISTED);
                answer.list("calls", |list| {
                    for call_id in self.calls.keys().take(limit) {
                        list.string(call_id);
                    }
                });
                self.conferences.list(limit, answer);
                answer.string("result", "ok");
                Ok(())
            }
            Command::Statistics => {
                report::statistics(self, now_ns, answer);
                Ok(())
            }
            Command::BlockMedia(on) => self.pass(request, |passing| passing.blocked = on, answer),
            Command::SilenceMedia(on) => {
                self.pass(request, |passing| passing.silenced = on, answer)
            }
            Command::BlockDigits(on) => {
                self.pass(request, |passing| passing.no_digits = on, answer)
            }
            Command::PlayDigit => self.play_digit(request, answer),
            Command::PlayMedia => self.play_media(request, answer),
            Command::StopMedia => self.stop_media(request, answer),
            Command::Tap(leads, order) => self.tap(request, leads, order, now_ns, answer),
            Command::Consent => self.consent(request, answer),
            Command::SubscribeRequest => self.subscribe(request, answer),
            Command::SubscribeAnswer => self.subscribed(request, now_ns, answer),
            Command::Unsubscribe => self.unsubscribe(request, answer),
            Command::NotDone(instead) => {
                Err(format!("Command is not done by this node: {instead}"))
            }
        };
        if let Err(reason) = done {
            let call_id = request.call_id.unwrap_or_default();
            tracing::info!(call_id, command = ?request.command, %reason, "refused");
            error(answer, &reason);
        }
    }
}

/// Who asks for a description to be taken.
struct Party<'r> {
    call_id: &'r str,
    from_tag: &'r str,
    sdp: &'r [u8],
}

impl<'r> Party<'r> {
    fn of(request: &Request<'r>) -> Result<Self, String> {
        Ok(Self {
            call_id: name(request.call_id, "No call-id in message")?,
            from_tag: name(request.from_tag, "No from-tag in message")?,
            sdp: request.sdp.ok_or("No SDP body in message")?,
        })
    }
}

/// The call that a request is about, the party of it if one is named, and the worker that has it.
fn addressed<'c>(
    calls: &'c mut HashMap<String, Call>,
    workers: &'c [Worker],
    request: &Request<'_>,
) -> Result<(&'c mut Call, Option<usize>, &'c Worker), String> {
    let call_id = name(request.call_id, "No call-id in message")?;
    let call = calls.get_mut(call_id).ok_or("Unknown call-id")?;
    let party = match request.from_tag {
        Some(tag) => Some(call.party(tag).ok_or("Unknown from-tag")?),
        None => None,
    };
    let worker = workers.get(call.worker).ok_or("No worker")?;
    Ok((call, party, worker))
}

/// A name that must be there, and is not too long to be kept.
fn name<'r>(name: Option<&'r str>, missing: &str) -> Result<&'r str, String> {
    let name = name.filter(|name| !name.is_empty()).ok_or(missing)?;
    if name.len() > MAX_NAME_BYTES { Err(String::from("Too long a name")) } else { Ok(name) }
}
