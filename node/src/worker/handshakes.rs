// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handshakes of a worker's lines, which are in no packet's way: each round, when the packets that had come are
//! gone, one handshake takes one datagram. So what a packet waits for is one step at most, a signature and two
//! multiplications of points, however many handshakes there are.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use super::{Clock, EndCheckpoint, Path, SocketAddr};
use crate::peer::dtls::{Agreed, Told};

/// Time between two looks at what is to be repeated.
const TICK_NS: u64 = 50_000_000;

/// What happened at an end of a path.
#[derive(Debug)]
pub enum Happened {
    /// Keys have been agreed on.
    Agreed(Agreed),
    /// There will be no keys, and why.
    Failed(String),
    /// ICE says that the peer is there.
    Moved(SocketAddr),
    /// Checkpoints of the ends have been taken, as was ordered for this call.
    Checkpointed {
        /// `Call-ID`.
        call_id: String,
        /// Of each end.
        taken: Vec<EndCheckpoint>,
    },
}

/// How a worker tells the control thread of paths, by their numbers and ends.
#[derive(Debug, Clone)]
pub struct News {
    /// To the control thread.
    pub told: Sender<(u64, usize, Happened)>,
    /// Wakes it.
    pub bell: Arc<OwnedFd>,
    /// Whether all workers run that should.
    pub alive: Arc<AtomicBool>,
}

impl News {
    /// A worker has ended that was not told to: its calls are silent.
    pub(super) fn ended(&self, core: usize) {
        self.alive.store(false, Ordering::Relaxed);
        tracing::error!(core, "a worker has ended that was not told to; no call may begin");
    }
}

/// The handshakes that there are.
pub(super) struct Handshakes {
    news: News,
    /// Ends with datagrams that wait, each once, in the order of their turns.
    turns: VecDeque<(usize, usize)>,
    /// Places of paths with something to be begun or repeated.
    watched: Vec<usize>,
    next_tick_ns: u64,
}

impl Handshakes {
    pub(super) fn new(news: News) -> Self {
        Self { news, turns: VecDeque::new(), watched: Vec::new(), next_tick_ns: 0 }
    }

    /// A datagram waits at an end of the path in a place.
    pub(super) fn enqueue(&mut self, place: usize, end: usize) {
        if !self.turns.contains(&(place, end)) {
            self.turns.push_back((place, end));
        }
    }

    /// Something may be to be begun at the path in a place.
    pub(super) fn watch(&mut self, place: usize) {
        if !self.watched.contains(&place) {
            self.watched.push(place);
        }
        self.next_tick_ns = 0;
    }

    /// The path in a place is no more.
    pub(super) fn forget(&mut self, place: usize) {
        self.watched.retain(|watched| *watched != place);
        self.turns.retain(|(of, _)| *of != place);
    }

    /// How long nothing is to be done; `None` for ever.
    pub(super) fn wait_ns(&self, now_ns: u64) -> Option<u64> {
        if !self.turns.is_empty() {
            return Some(0);
        }
        (!self.watched.is_empty()).then(|| self.next_tick_ns.saturating_sub(now_ns).min(TICK_NS))
    }

    pub(super) fn tell(&self, id: u64, end: usize, happened: Happened) {
        // The control thread ends after its workers.
        let _ = self.news.told.send((id, end, happened));
        let _ = rustix::io::write(&self.news.bell, &1_u64.to_ne_bytes());
    }

    /// Has the next handshake take its turn, and repeats what is to be, if it is time.
    pub(super) fn run(&mut self, paths: &mut [Option<Box<Path>>], clock: Clock) {
        if self.turns.is_empty() && self.watched.is_empty() {
            return;
        }
        let now_ns = clock.now_ns();
        let now = clock.instant(now_ns);
        if let Some((place, end)) = self.turns.pop_front()
            && let Some(Some(path)) = paths.get_mut(place)
        {
            if let Some((peer, _)) = path.ends.peer(end)
                && peer.step(now)
            {
                self.turns.push_back((place, end));
            }
            self.deliver(path, end);
        }
        if now_ns < self.next_tick_ns {
            return;
        }
        self.next_tick_ns = now_ns + TICK_NS;
        let mut watched = core::mem::take(&mut self.watched);
        watched.retain(|place| {
            let Some(Some(path)) = paths.get_mut(*place) else { return false };
            let mut goes_on = false;
            for end in 0..2 {
                goes_on |= path.ends.peer(end).is_some_and(|(peer, _)| peer.tick(now));
                self.deliver(path, end);
            }
            goes_on
        });
        self.watched = watched;
    }

    /// Sends what a handshake has to send, and tells what it tells.
    fn deliver(&self, path: &mut Path, end: usize) {
        let id = path.id;
        let Some((peer, sockets)) = path.ends.peer(end) else { return };
        while let Some(told) = peer.told() {
            match told {
                Told::Send(datagram, to) => {
                    // What is lost is repeated.
                    sockets.send(false, &datagram, Some(datagram.len()), Some(to));
                }
                Told::Agreed(agreed) => self.tell(id, end, Happened::Agreed(agreed)),
                Told::Failed(reason) => self.tell(id, end, Happened::Failed(reason)),
                // The call's end is its signalling's.
                Told::Closed => {}
            }
        }
    }
}
