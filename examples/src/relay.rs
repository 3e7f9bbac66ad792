// SPDX-License-Identifier: MIT OR Apache-2.0
//! A network between two parties on loopback that delays, loses and reorders datagrams.
//!
//! What happens to the n-th datagram of a direction follows from the seed alone, so that a run can
//! be repeated.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::{Context, Failure, MAX_DATAGRAM_BYTES, POLL};

/// Delay that every datagram has.
const BASE_DELAY: Duration = Duration::from_millis(20);

/// What the network does.
#[derive(Debug, Clone, Copy)]
pub struct Impairment {
    /// Datagrams lost, in percent, in bursts of three on average.
    pub loss_percent: f64,
    /// Mean of the exponential delay on top of the base delay, in ms.
    pub jitter_ms: f64,
    /// Datagrams that come 30 ms later than they should, and so behind their successors, in
    /// percent.
    pub reorder_percent: f64,
    /// A spike: the datagrams of 200 ms from this one on wait for the last of them.
    pub spike_at: Option<u64>,
    /// Where the random numbers start.
    pub seed: u64,
}

/// Random numbers by Sebastiano Vigna's splitmix64.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Decides the fate of one datagram after another (E. N. Gilbert, "Capacity of a burst-noise
/// channel", 1960: two states, one of which loses).
#[derive(Debug)]
struct Fate {
    impairment: Impairment,
    random: Random,
    losing: bool,
    count: u64,
}

/// Datagrams in a spike: 200 ms at 20 ms each.
const SPIKE_DATAGRAMS: u64 = 10;

impl Fate {
    fn new(impairment: Impairment, direction: u64) -> Self {
        let seed = impairment.seed ^ direction.wrapping_mul(0xa076_1d64_78bd_642f);
        Self { impairment, random: Random(seed), losing: false, count: 0 }
    }

    /// The delay of the next datagram; `None` when it is lost.
    fn next(&mut self) -> Option<Duration> {
        let Impairment { loss_percent, jitter_ms, reorder_percent, spike_at, .. } = self.impairment;
        let loss = (loss_percent / 100.0).clamp(0.0, 0.9);
        // A burst ends with one in three, so it lasts three; entering balances to the mean loss.
        let leave = 1.0 / 3.0;
        let enter = loss * leave / (1.0 - loss);
        let (draw, jitter, reorder) = (self.random.next(), self.random.next(), self.random.next());
        self.losing = if self.losing { draw >= leave } else { draw < enter };
        let mut delay_ms = -jitter_ms * (1.0 - jitter).ln();
        if reorder * 100.0 < reorder_percent {
            delay_ms += 30.0;
        }
        if let Some(first) = spike_at
            && (first..first + SPIKE_DATAGRAMS).contains(&self.count)
        {
            delay_ms += 20.0 * (first + SPIKE_DATAGRAMS - self.count) as f64;
        }
        self.count += 1;
        let lost = self.losing;
        (!lost).then(|| BASE_DELAY + Duration::from_secs_f64(delay_ms.min(1_000.0) / 1_000.0))
    }
}

/// What a relay has carried.
#[derive(Debug, Default)]
pub struct Carried {
    /// Datagrams that came in.
    pub taken: AtomicU64,
    /// Datagrams that were lost on purpose.
    pub lost: AtomicU64,
}

/// A relay between a near party, which sends to [`Relay::near_addr`], and a far one.
#[derive(Debug)]
pub struct Relay {
    near: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// What went from near to far, and back.
    pub carried: [Arc<Carried>; 2],
}

impl Relay {
    /// Starts a relay to `far`. The near party is whoever sends first.
    ///
    /// # Errors
    /// When a socket can't be had.
    pub fn start(far: SocketAddr, impairment: Impairment) -> Result<Self, Failure> {
        let near_socket = UdpSocket::bind("127.0.0.1:0").context("relay socket")?;
        let far_socket = UdpSocket::bind("127.0.0.1:0").context("relay socket")?;
        let near = near_socket.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let near_party = Arc::new(std::sync::OnceLock::new());
        let carried = [Arc::new(Carried::default()), Arc::new(Carried::default())];
        let mut threads = Vec::new();
        for direction in 0..2 {
            let (from, to) = match direction {
                0 => (near_socket.try_clone()?, far_socket.try_clone()?),
                _ => (far_socket.try_clone()?, near_socket.try_clone()?),
            };
            from.set_read_timeout(Some(POLL))?;
            let (sender, receiver) = mpsc::channel();
            let (party, stop, count) =
                (Arc::clone(&near_party), Arc::clone(&stop), Arc::clone(&carried[direction]));
            let mut fate = Fate::new(impairment, direction as u64);
            threads.push(thread::spawn(move || {
                let mut datagram = [0; MAX_DATAGRAM_BYTES];
                while !stop.load(Ordering::Relaxed) {
                    let Ok((length, peer)) = from.recv_from(&mut datagram) else { continue };
                    let target = match direction {
                        0 => {
                            party.get_or_init(|| peer);
                            far
                        }
                        _ => match party.get() {
                            Some(party) => *party,
                            None => continue,
                        },
                    };
                    count.taken.fetch_add(1, Ordering::Relaxed);
                    match fate.next() {
                        Some(delay) => {
                            let due = Instant::now() + delay;
                            let bytes = Bytes::copy_from_slice(&datagram[..length]);
                            let _ = sender.send((due, target, bytes));
                        }
                        None => {
                            count.lost.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            }));
            threads.push(thread::spawn(move || deliver(&receiver, &to)));
        }
        Ok(Self { near, stop, threads, carried })
    }

    /// Where the near party sends to.
    #[must_use]
    pub fn near_addr(&self) -> SocketAddr {
        self.near
    }

    /// Stops the relay's threads.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

type Scheduled = (Instant, SocketAddr, Bytes);

/// Sends each datagram when it is due, until the channel closes.
fn deliver(incoming: &mpsc::Receiver<Scheduled>, to: &UdpSocket) {
    let mut waiting = BinaryHeap::<Reverse<(Instant, u64, SocketAddr, Bytes)>>::new();
    let mut order = 0;
    loop {
        let wait = waiting
            .peek()
            .map_or(POLL, |Reverse((due, ..))| due.saturating_duration_since(Instant::now()));
        match incoming.recv_timeout(wait) {
            Ok((due, target, datagram)) => {
                waiting.push(Reverse((due, order, target, datagram)));
                order += 1;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while let Some(Reverse((due, ..))) = waiting.peek()
            && *due <= Instant::now()
        {
            if let Some(Reverse((_, _, target, datagram))) = waiting.pop() {
                let _ = to.send_to(&datagram, target);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: Impairment = Impairment {
        loss_percent: 3.0,
        jitter_ms: 8.0,
        reorder_percent: 1.0,
        spike_at: Some(100),
        seed: 7,
    };

    #[test]
    fn the_same_seed_gives_the_same_fates_and_another_seed_others() {
        let fates = |seed, direction| {
            let mut fate = Fate::new(Impairment { seed, ..NETWORK }, direction);
            (0..500).map(|_| fate.next()).collect::<Vec<_>>()
        };
        assert_eq!(fates(7, 0), fates(7, 0));
        assert_ne!(fates(7, 0), fates(8, 0));
        assert_ne!(fates(7, 0), fates(7, 1));
    }

    #[test]
    fn loss_comes_in_bursts_of_three_at_the_mean_asked_for() {
        let mut fate = Fate::new(NETWORK, 0);
        let lost: Vec<_> = (0..100_000).map(|_| fate.next().is_none()).collect();
        let count = lost.iter().filter(|lost| **lost).count();
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        assert!((2_500..3_500).contains(&count), "{count} lost of 100000");
        assert!((2.6..3.4).contains(&(count as f64 / bursts as f64)), "{bursts} bursts");
    }
}
