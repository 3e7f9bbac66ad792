// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conferences of this node that are one with a conference of another: while anybody is here, a member of the other is
//! the conference here, and the other way round. Each side hears the other's members and not its own.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use super::Control;
use crate::call::{Call, CallError};
use crate::config;
use crate::link::{self, Address, Entered, LinkError};

/// How long nothing may come over a link until it is given up and another begins.
const SILENCE_NS: u64 = 15_000_000_000;
/// Time between two attempts.
const RETRY_NS: u64 = 1_000_000_000;
/// Tag of a link's call.
const TAG: &str = "link";

/// What has been done about links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Linked {
    /// Links that are up.
    pub up: u64,
    /// Links that came up.
    pub begun: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Links over which nothing came any more.
    pub lost: u64,
}

/// One that is configured.
#[derive(Debug)]
pub(super) struct Link {
    conference: String,
    to: Address,
    token: String,
    state: State,
    next_ns: u64,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // A few a node.
enum State {
    /// Nobody is here, or the last attempt has just failed.
    Down,
    /// The other node has been asked.
    Asking { call: Call, entered: Receiver<Result<Entered, LinkError>> },
    /// It is up, as the call of this name; the session's there.
    Up { call_id: String, session: String },
}

impl Link {
    pub(super) fn by(config: &config::Link) -> Option<Self> {
        let to = config.url.parse().ok()?;
        let (conference, token) = (config.conference.clone(), config.token.0.clone());
        Some(Self { conference, to, token, state: State::Down, next_ns: 0 })
    }

    /// Ends its session at the other node, on a thread that ends with it.
    fn hang_up(&self, session: String) {
        let (to, token) = (self.to.clone(), self.token.clone());
        let thread = thread::Builder::new().name(String::from("link"));
        // Where there are no threads left the session there ends as one that sends nothing.
        let _ = thread.spawn(move || link::leave(&to, &token, &session));
    }
}

impl Control {
    /// What has been done about links.
    pub fn linked(&self) -> Linked {
        self.linked
    }

    /// Begins, ends and repeats links as it is time.
    pub(super) fn tend_links(&mut self, now_ns: u64) {
        let mut links = core::mem::take(&mut self.links);
        for link in &mut links {
            self.tend(link, now_ns);
        }
        let is_up = |link: &&Link| matches!(link.state, State::Up { .. });
        self.linked.up = links.iter().filter(is_up).count() as u64;
        self.links = links;
    }

    fn tend(&mut self, link: &mut Link, now_ns: u64) {
        link.state = match core::mem::replace(&mut link.state, State::Down) {
            State::Down => {
                let is_wanted = self.conferences.others(&link.conference, 0) > 0;
                if !is_wanted || now_ns < link.next_ns {
                    return;
                }
                link.next_ns = now_ns + RETRY_NS;
                self.ask(link, now_ns).unwrap_or_else(|error| self.give_up(link, &error))
            }
            State::Asking { call, entered } => match entered.try_recv() {
                Err(TryRecvError::Empty) => State::Asking { call, entered },
                Err(TryRecvError::Disconnected) => self.give_up(link, &LinkError::Answer),
                Ok(Err(error)) => self.give_up(link, &error),
                Ok(Ok(Entered { session, answer })) => {
                    match self.connect(link, call, &answer, now_ns) {
                        Ok(call_id) => State::Up { call_id, session },
                        Err(error) => {
                            link.hang_up(session);
                            self.give_up(link, &error)
                        }
                    }
                }
            },
            State::Up { call_id, session } => {
                let call = self.calls.get(&call_id);
                let last_ns = call.map(|call| call.last_arrival_ns().max(call.signalled_ns));
                let is_silent = last_ns.is_none_or(|at| now_ns.saturating_sub(at) > SILENCE_NS);
                if !is_silent && self.conferences.others(&link.conference, 1) > 0 {
                    link.state = State::Up { call_id, session };
                    return;
                }
                if is_silent {
                    self.linked.lost += 1;
                    tracing::warn!(conference = link.conference, "nothing comes over the link");
                }
                self.end(&call_id);
                link.hang_up(session);
                State::Down
            }
        };
    }

    fn give_up(&mut self, link: &Link, reason: &dyn core::fmt::Display) -> State {
        self.linked.failed += 1;
        tracing::warn!(conference = link.conference, %reason, "no link");
        State::Down
    }

    /// Asks the other node, on a thread that ends with its answer.
    fn ask(&mut self, link: &Link, now_ns: u64) -> Result<State, CallError> {
        let (worker, _) = self.conferences.place(&link.conference)?;
        let video = self.conferences.video(&link.conference).ok_or(CallError::NoOffer)?;
        let mut call = Call::new(TAG, worker, now_ns);
        let offer = call.dial(&video, &self.room)?;
        let (tell, entered) = channel();
        let (to, token) = (link.to.clone(), link.token.clone());
        let bell = self.shared_bell();
        let thread = thread::Builder::new().name(String::from("link"));
        let asking = thread.spawn(move || {
            let _ = tell.send(link::enter(&to, &token, &offer));
            let _ = rustix::io::write(&bell, &1_u64.to_ne_bytes());
        });
        asking.map_err(|_| CallError::NotDone("A link without a thread"))?;
        Ok(State::Asking { call, entered })
    }

    /// The other node has let this one in: so does this one the other.
    fn connect(
        &mut self,
        link: &Link,
        mut call: Call,
        answer: &[u8],
        now_ns: u64,
    ) -> Result<String, CallError> {
        let (worker, control) = self.conferences.place(&link.conference)?;
        if worker != call.worker {
            return Err(CallError::NotDone("A link to a conference that has begun anew"));
        }
        let video = self.conferences.video(&link.conference).ok_or(CallError::NoOffer)?;
        let names = (&link.conference[..], TAG);
        let path = call.connect(answer, names, &video, &mut self.room, |media, options| {
            let joined = control.join(Box::new(media), options);
            joined.map_err(|(error, _)| CallError::Conference(error))
        })?;
        let call_id = format!("link-{}", path.id);
        call.signalled_ns = now_ns;
        if let Some(worker) = self.workers.get(call.worker) {
            worker.open(path);
        }
        self.conferences.count_in(&link.conference);
        self.conferences.settle_codec(&link.conference, &call);
        self.totals.begun += 1;
        self.linked.begun += 1;
        tracing::info!(call_id, conference = link.conference, "linked");
        self.calls.insert(call_id.clone(), call);
        Ok(call_id)
    }
}
