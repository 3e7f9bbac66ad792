// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conferences over workers, and a conference over shares.

use super::config::TICK_NS;
use super::shard::{Hosted, PartialSums, plan, worker};
use super::*;

fn line(control: &ConferenceControl, rate_hz: u32) -> LinkEnd {
    let (ours, host) = LinkEnd::pair(rate_hz).unwrap();
    control.join_link(Box::new(ours), JoinOptions::default()).map_err(|(e, _)| e).unwrap();
    host
}

#[test]
fn shares_sound_like_one_conference_to_the_bit() {
    let rates = [8_000, 16_000, 48_000, 8_000, 32_000, 16_000, 8_000];
    for limiter in [false, true] {
        let config = ConferenceConfig { limiter, ..Default::default() };
        let (mut whole, control) = Conference::new(&config).unwrap();
        let mut in_whole: Vec<_> = rates.iter().map(|rate| line(&control, *rate)).collect();
        let mut shares: Vec<_> = (0..3).map(|_| Conference::new(&config).unwrap()).collect();
        let mut in_shares: Vec<_> =
            rates.iter().enumerate().map(|(n, rate)| line(&shares[n * 5 % 3].1, *rate)).collect();
        let mut sums = [PartialSums::new(), PartialSums::new(), PartialSums::new()];
        let mut outgoing = Outgoing::new(1);
        let mut state = 1_u32;
        let mut loud = 0;
        for tick in 0..60 {
            for (n, (one, other)) in in_whole.iter_mut().zip(&mut in_shares).enumerate() {
                let mut pcm = vec![0_i16; one.frame_samples()];
                // Some are silent at times.
                if (tick / 10 + n) % 3 != 0 {
                    for sample in &mut pcm {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        *sample = (state >> 16) as i16;
                    }
                }
                assert!(one.push(&pcm) && other.push(&pcm));
            }
            let now_ns = tick as u64 * TICK_NS;
            whole.tick(now_ns, &mut outgoing);
            for ((share, _), sums) in shares.iter_mut().zip(&mut sums) {
                share.gather(now_ns, sums);
            }
            for (n, (share, _)) in shares.iter_mut().enumerate() {
                let others = sums.iter().enumerate().filter(|(m, _)| *m != n);
                share.deliver(now_ns, others.map(|(_, sums)| sums), &mut outgoing);
            }
            for (one, other) in in_whole.iter_mut().zip(&mut in_shares) {
                let mut heard = [vec![0; one.frame_samples()], vec![0; one.frame_samples()]];
                assert!(one.pull(&mut heard[0]) && other.pull(&mut heard[1]));
                assert_eq!(heard[0], heard[1], "tick {tick}, {} Hz", one.sample_rate_hz());
                loud += usize::from(heard[0].iter().any(|sample| sample.unsigned_abs() > 9_000));
            }
        }
        assert!(loud > 200, "{loud}");
    }
}

#[test]
fn a_worker_ticks_each_conference_every_10_ms_and_not_all_at_once() {
    let (mut worker, mut control) = worker(8);
    for name in 0..8 {
        let (conference, _) = Conference::new(&ConferenceConfig::default()).unwrap();
        let hosted = Hosted { name, conference, outgoing: Outgoing::new(1) };
        control.give(Box::new(hosted)).unwrap();
    }
    let (conference, _) = Conference::new(&ConferenceConfig::default()).unwrap();
    let ninth = Hosted { name: 8, conference, outgoing: Outgoing::new(1) };
    let ninth = control.give(Box::new(ninth)).unwrap_err();
    assert_eq!(ninth.name, 8);
    let mut ticks = [0; 8];
    for run in 0..400_u64 {
        let mut here = 0;
        worker.run(run * 2_500_000, |hosted| {
            ticks[hosted.name as usize] += 1;
            here += 1;
        });
        assert_eq!(here, 2, "eight over four phases");
    }
    assert_eq!(ticks, [100; 8]);
    assert_eq!((control.stats().misses, control.stats().ticks), (0, 800));
    // The thread stands still for 35 ms: each conference misses three ticks.
    worker.run(1_000_000_000 + 35_000_000, |_| {});
    assert_eq!(control.stats().misses, 8 * 3 - 2, "the last phase was not due before");
    assert!(control.stats().latest_ns >= 30_000_000);
}

#[test]
fn a_conference_moves_from_worker_to_worker_with_its_members() {
    let (mut a, mut at_a) = worker(2);
    let (mut b, mut at_b) = worker(2);
    let (conference, control) = Conference::new(&ConferenceConfig::default()).unwrap();
    let (mut one, mut other) = (line(&control, 8_000), line(&control, 8_000));
    at_a.give(Box::new(Hosted { name: 7, conference, outgoing: Outgoing::new(1) })).unwrap();
    let mut pcm = [0; 80];
    for tick in 0..20_u64 {
        let now_ns = tick * TICK_NS;
        if tick == 9 {
            assert!(at_a.release(7) && at_a.release(99));
            a.run(now_ns, |_| panic!("it has been let go"));
            at_b.give(at_a.reclaim().unwrap()).unwrap();
            assert!(at_a.reclaim().is_none());
        }
        one.push(&[tick as i16 + 1; 80]);
        a.run(now_ns, |_| {});
        b.run(now_ns, |_| {});
        assert!(other.pull(&mut pcm), "tick {tick}");
        // They have risen at the end of the first tick.
        let whole = if tick == 0 { &pcm[79..] } else { &pcm[..] };
        assert_eq!(whole, vec![tick as i16 + 1; whole.len()]);
    }
    assert_eq!((at_a.stats().conferences, at_a.stats().unknown), (0, 1));
    assert_eq!(at_b.stats().conferences, 1);
    assert_eq!(control.stats().missed_ticks, 0);
}

#[test]
fn plans_spread_the_load() {
    let costs = [100, 3, 50, 50, 7, 90, 10];
    let plan = plan(&costs, 3);
    let load = |worker| -> u64 {
        costs.iter().zip(&plan).filter(|(_, w)| **w == worker).map(|(cost, _)| cost).sum()
    };
    let loads = [load(0), load(1), load(2)];
    assert_eq!(loads.iter().sum::<u64>(), 310);
    assert!(loads.iter().max() < Some(&(310 / 3 * 4 / 3)), "{loads:?}");
    assert_eq!(super::shard::plan(&[5], 0), [0]);
}
