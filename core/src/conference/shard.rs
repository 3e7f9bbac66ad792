// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many conferences over several threads, and one conference over several.
//!
//! The threads are the host's. Each owns a [`Worker`] and calls [`Worker::run`] every few
//! milliseconds; conferences come to it and leave it as values, through [`WorkerControl`]'s rings.
//! Their ticks are spread over [`PHASES`] phases of 10 ms, so that the work comes evenly.
//!
//! One conference of more members than a thread carries is several [`Conference`]s, *shares*, one a
//! thread. Each tick has two halves, with a barrier of the host's in between:
//! [`Conference::gather`] plays the share's own members and gives their [`PartialSums`],
//! [`Conference::deliver`] is given those of all other shares. Integers add up to the same in any
//! order, so that all hear what they would hear in one conference, to the bit. Speakers are chosen,
//! gains for single talkers set, and contributing sources named within a share.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::config::TICK_NS;
use super::outgoing::Outgoing;
pub use super::partial_sums::PartialSums;
use super::tick::Conference;
use crate::stats::counters;
use crate::sync::ring::{self, Consumer, Producer};
use crate::sync::snapshot::{self, Publisher, Snapshot};
use crate::within::{push_in, swap_out};

/// Phases that the conferences of a worker are spread over.
pub const PHASES: usize = 4;
const PHASE_NS: u64 = TICK_NS / PHASES as u64;

counters! {
    /// What a worker has done since its creation.
    pub struct WorkerStats {
        /// Conferences just now; a gauge.
        pub conferences,
        /// Ticks of conferences.
        pub ticks,
        /// Ticks that came 10 ms late or more: deadlines missed.
        pub misses,
        /// How late the latest tick came, in nanoseconds; a gauge.
        pub latest_ns,
        /// Commands to let a conference go that was not there.
        pub unknown,
    }
}

/// A conference, the memory for its datagrams, and the host's own name for both.
#[derive(Debug)]
pub struct Hosted {
    /// The host's name; a worker has each once.
    pub name: u64,
    /// The conference.
    pub conference: Conference,
    /// The datagrams of its last tick.
    pub outgoing: Outgoing,
}

enum Order {
    Take(Box<Hosted>),
    Release(u64),
}

/// One thread's conferences.
pub struct Worker {
    hosted: Vec<(Box<Hosted>, usize, u64)>,
    /// Conferences of each phase.
    phases: [usize; PHASES],
    orders: Consumer<Order>,
    released: Producer<Box<Hosted>>,
    stats: WorkerStats,
    publisher: Publisher<{ WorkerStats::WORDS }>,
}

/// Gives a worker conferences and takes them back; used by one thread at a time, any.
pub struct WorkerControl {
    orders: Producer<Order>,
    released: Consumer<Box<Hosted>>,
    /// Conferences given and not taken back, at most as many as the worker has room for.
    given: usize,
    limit: usize,
    stats: Snapshot<{ WorkerStats::WORDS }>,
}

/// Makes a worker for at most `conferences`, and its control.
///
/// Real-time: no (allocates).
pub fn worker(conferences: usize) -> (Worker, WorkerControl) {
    let limit = conferences.clamp(1, 1 << 20);
    let (publisher, stats) = snapshot::snapshot(&WorkerStats::default());
    let (to_worker, orders) = ring::channel(2 * limit);
    let (released, back) = ring::channel(limit);
    let worker = Worker {
        hosted: Vec::with_capacity(limit),
        phases: [0; PHASES],
        orders,
        released,
        stats: WorkerStats::default(),
        publisher,
    };
    (worker, WorkerControl { orders: to_worker, released: back, given: 0, limit, stats })
}

impl Worker {
    /// Ticks the conferences that are due, and shows `send` each with its datagrams. To be called
    /// every [`PHASES`]th part of 10 ms.
    ///
    /// Real-time: yes, as far as `send` is.
    pub fn run(&mut self, now_ns: u64, mut send: impl FnMut(&Hosted)) {
        self.apply_orders(now_ns);
        for (hosted, _, due_ns) in &mut self.hosted {
            if now_ns < *due_ns {
                continue;
            }
            let late_ns = now_ns - *due_ns;
            self.stats.latest_ns = self.stats.latest_ns.max(late_ns);
            self.stats.misses += late_ns / TICK_NS;
            // What has been missed is not made up for: sound goes on from now, in its phase.
            *due_ns += (late_ns / TICK_NS + 1) * TICK_NS;
            hosted.conference.tick(now_ns, &mut hosted.outgoing);
            self.stats.ticks += 1;
            send(hosted);
        }
        self.stats.conferences = self.hosted.len() as u64;
        self.publisher.publish(&self.stats);
    }

    /// Counters.
    pub fn stats(&self) -> WorkerStats {
        self.stats
    }

    fn apply_orders(&mut self, now_ns: u64) {
        while let Some(order) = self.orders.pop() {
            match order {
                Order::Take(hosted) => {
                    // The phase with the fewest conferences.
                    let fewest = (0..PHASES).min_by_key(|phase| self.phases[*phase]).unwrap_or(0);
                    self.phases[fewest] += 1;
                    // The next time that the phase comes, counted from the clock's zero so that it
                    // is the same for all.
                    let into = now_ns % TICK_NS;
                    let wait = (fewest as u64 * PHASE_NS + TICK_NS - into) % TICK_NS;
                    push_in(&mut self.hosted, (hosted, fewest, now_ns + wait));
                }
                Order::Release(name) => {
                    let Some(at) = self.hosted.iter().position(|(h, ..)| h.name == name) else {
                        self.stats.unknown += 1;
                        continue;
                    };
                    let Some((hosted, phase, _)) = swap_out(&mut self.hosted, at) else { continue };
                    self.phases[phase % PHASES] -= 1;
                    // Has room for all there are.
                    let _ = self.released.push(hosted);
                }
            }
        }
    }
}

impl WorkerControl {
    /// Gives the worker a conference, at its next run.
    ///
    /// Real-time: yes.
    ///
    /// # Errors
    /// The conference itself where there is no room for another.
    pub fn give(&mut self, hosted: Box<Hosted>) -> Result<(), Box<Hosted>> {
        if self.given == self.limit {
            return Err(hosted);
        }
        match self.orders.push(Order::Take(hosted)) {
            Err(Order::Take(hosted)) => Err(hosted),
            _ => {
                self.given += 1;
                Ok(())
            }
        }
    }

    /// Lets a conference go at the worker's next run; [`WorkerControl::reclaim`] then gives it, to be
    /// given to another worker or dropped. `false` if too many commands wait.
    ///
    /// Real-time: yes.
    pub fn release(&mut self, name: u64) -> bool {
        self.orders.push(Order::Release(name)).is_ok()
    }

    /// A conference that the worker has let go.
    ///
    /// Real-time: yes.
    pub fn reclaim(&mut self) -> Option<Box<Hosted>> {
        let hosted = self.released.pop()?;
        self.given -= 1;
        Some(hosted)
    }

    /// The worker's counters, as of its last run.
    pub fn stats(&self) -> WorkerStats {
        self.stats.read().unwrap_or_default()
    }
}

/// Which of `workers` each conference goes to, by what each costs (its members, say): the dearest
/// first, each to who has least (R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969:
/// at most a third above the best there is).
///
/// Real-time: no (allocates).
pub fn plan(costs: &[u64], workers: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..costs.len()).collect();
    order.sort_by_key(|n| core::cmp::Reverse(costs[*n]));
    let mut loads = vec![0_u64; workers.max(1)];
    let mut plan = vec![0; costs.len()];
    for n in order {
        let least = (0..loads.len()).min_by_key(|worker| loads[*worker]).unwrap_or(0);
        loads[least] = loads[least].saturating_add(costs[n]);
        plan[n] = least;
    }
    plan
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("stats", &self.stats).finish_non_exhaustive()
    }
}

impl fmt::Debug for WorkerControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerControl").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
