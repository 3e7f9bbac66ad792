// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conferences whose halves are on threads of their own, as hosts have them: for ThreadSanitizer and
//! Miri, and for what must hold however the threads take turns.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, RwLock};
use std::thread;

use super::config::TICK_NS;
use super::shard::{Hosted, PartialSums, worker};
use super::*;

/// Rounds of a test.
const ROUNDS: u64 = if cfg!(miri) { 2 } else { 400 };

/// Calls a function until it gives something; other threads have to bring that about.
fn awaited<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        thread::yield_now();
    }
}

/// Ends what other threads do for as long as it is there, also where a test fails.
struct Until<'a>(&'a AtomicBool);

impl Drop for Until<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// One thread ticks, one is a member's, and two steer.
#[test]
fn members_come_and_go_while_it_ticks() {
    let config =
        ConferenceConfig { max_members: 3, max_pair_gains: 1, ..ConferenceConfig::default() };
    let (mut conference, control) = Conference::new(&config).unwrap();
    let mut outgoing = Outgoing::new(1);
    let over = &AtomicBool::new(false);
    let join = |rate_hz| {
        let (ours, host) = LinkEnd::pair(rate_hz).unwrap();
        Some((control.join_link(Box::new(ours), JoinOptions::default()).ok()?, host))
    };
    let (listens, mut at_listens) = join(8_000).unwrap();
    let (_, mut speaks) = join(16_000).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut tick = 0;
            while !over.load(Ordering::Acquire) {
                conference.tick(tick * TICK_NS, &mut outgoing);
                tick += 1;
            }
        });
        scope.spawn(move || {
            while !over.load(Ordering::Acquire) {
                speaks.push(&[1_000; 160]);
                speaks.pull(&mut [0; 160]);
                thread::yield_now();
            }
        });
        let other_control = control.clone();
        let steering = scope.spawn(move || {
            for round in 0..ROUNDS {
                let gain = 1.0 + (round % 2) as f32;
                let set = || other_control.set_gain(listens, gain).ok();
                awaited(|| set().or(over.load(Ordering::Acquire).then_some(())));
            }
        });
        let _end = Until(over);
        for round in 0..ROUNDS {
            let (comes, end) = awaited(|| {
                assert!(control.reclaim().is_none(), "a leg, where there are only lines");
                join(8_000)
            });
            awaited(|| control.set_muted(comes, round % 2 == 0).ok());
            awaited(|| control.set_pair_gain(listens, comes, Some(0.5)).ok());
            let mut pcm = [0; 80];
            awaited(|| (at_listens.pull(&mut pcm) && pcm.iter().any(|s| *s != 0)).then_some(()));
            awaited(|| control.leave(comes).ok());
            let gone = control.set_muted(comes, true);
            assert_eq!(gone, Err(ConferenceError::UnknownMember));
            drop(end);
        }
        awaited(|| (control.stats().leaves == ROUNDS).then_some(()));
        // While it ticks, or nobody takes the orders that are waited for.
        steering.join().unwrap();
    });
    assert_eq!((control.stats().joins, control.stats().members), (ROUNDS + 2, 2));
}

#[test]
fn shares_on_threads_of_their_own_hear_each_other() {
    const SHARES: usize = if cfg!(miri) { 2 } else { 3 };
    let sums: [_; SHARES] = core::array::from_fn(|_| RwLock::new(PartialSums::new()));
    let (sums, barrier) = (&sums, &Barrier::new(SHARES));
    thread::scope(|scope| {
        for n in 0..SHARES {
            scope.spawn(move || {
                let (mut share, control) = Conference::new(&ConferenceConfig::default()).unwrap();
                let (ours, mut host) = LinkEnd::pair(8_000).unwrap();
                let joined = control.join_link(Box::new(ours), JoinOptions::default());
                joined.map_err(|(error, _)| error).unwrap();
                let mut outgoing = Outgoing::new(1);
                for tick in 0..ROUNDS {
                    assert!(host.push(&[100 << n; 80]));
                    share.gather(tick * TICK_NS, &mut sums[n].write().unwrap());
                    barrier.wait();
                    let others: Vec<_> =
                        (0..SHARES).filter(|m| *m != n).map(|m| sums[m].read().unwrap()).collect();
                    let others = others.iter().map(|sums| &**sums);
                    share.deliver(tick * TICK_NS, others, &mut outgoing);
                    let mut pcm = [0; 80];
                    assert!(host.pull(&mut pcm));
                    // They have risen at the end of the first tick.
                    let whole = if tick == 0 { &pcm[79..] } else { &pcm[..] };
                    let others = (100 << SHARES) - 100 - (100 << n);
                    assert!(
                        whole.iter().all(|sample| *sample == others),
                        "all but its own, in tick {tick}"
                    );
                    barrier.wait();
                }
            });
        }
    });
}

#[test]
fn conferences_move_between_workers_that_run() {
    let (mut a, mut at_a) = worker(2);
    let (mut b, mut at_b) = worker(2);
    let over = AtomicBool::new(false);
    let (conference, control) = Conference::new(&ConferenceConfig::default()).unwrap();
    let (ours, mut host) = LinkEnd::pair(8_000).unwrap();
    let alone = control.join_link(Box::new(ours), JoinOptions::default());
    alone.map_err(|(error, _)| error).unwrap();
    at_a.give(Box::new(Hosted { name: 7, conference, outgoing: Outgoing::new(1) })).unwrap();
    thread::scope(|scope| {
        for worker in [&mut a, &mut b] {
            let over = &over;
            scope.spawn(move || {
                let mut tick = 0;
                while !over.load(Ordering::Acquire) {
                    worker.run(tick * TICK_NS, |hosted| assert_eq!(hosted.name, 7));
                    tick += 1;
                }
            });
        }
        let _end = Until(&over);
        let (mut from, mut to) = (&mut at_a, &mut at_b);
        for _ in 0..ROUNDS {
            // It is ticked where it is.
            awaited(|| host.pull(&mut [0; 80]).then_some(()));
            assert!(from.release(7));
            to.give(awaited(|| from.reclaim())).unwrap();
            core::mem::swap(&mut from, &mut to);
        }
    });
    assert_eq!(at_a.stats().unknown + at_b.stats().unknown, 0);
}
