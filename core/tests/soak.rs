// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hours of calls in fast time over a network that changes its mind: loss in bursts, jitter,
//! duplicates, reordering, outages, and forgeries. A minute of each in `cargo test`; `make soak
//! HOURS=24` runs longer.

use ale_media::codec::CodecSpec;
use ale_media::srtp::Suite;
use testkit::{Dice, TICK_NS, pair};

const HOUR: u64 = 360_000;

/// One call of `ticks`, by a network that `seed` makes.
fn call(codec: &CodecSpec, suite: Option<Suite>, ticks: u64, seed: u64) {
    let mut ends = pair(codec, suite, |config| config.jitter.max_delay_ms = 500);
    let mut dice = Dice(seed);
    let mut under_way: Vec<(u64, usize, Vec<u8>)> = Vec::new();
    let (mut loss, mut jitter_ticks, mut outage) = (0, 1, false);
    let mut calm_ticks = 0;
    for tick in 0..ticks {
        let now_ns = tick * TICK_NS;
        if dice.below(500) == 0 {
            (loss, jitter_ticks) = (dice.below(30), 1 + dice.below(12));
            outage = dice.below(20) == 0;
            if dice.below(3) == 0 {
                (loss, jitter_ticks, outage) = (0, 1, false);
            }
            calm_ticks = 0;
        }
        calm_ticks += 1;
        for who in 0..2 {
            for datagram in ends[who].speak(who, now_ns) {
                if outage || dice.below(100) < loss {
                    continue;
                }
                let due = tick + dice.below(jitter_ticks);
                if jitter_ticks > 1 && dice.below(50) == 0 {
                    under_way.push((due + 1, 1 - who, datagram.clone()));
                }
                if suite.is_some() && dice.below(20) == 0 {
                    let mut forged = datagram.clone();
                    let at = dice.below(forged.len() as u64) as usize;
                    forged[at] ^= 1 << dice.below(8);
                    under_way.push((due, 1 - who, forged));
                }
                under_way.push((due, 1 - who, datagram));
            }
        }
        under_way.retain_mut(|(due, to, datagram)| {
            if *due <= tick {
                let _ = ends[*to].receiver.receive(datagram, now_ns);
            }
            *due > tick
        });
        for end in &mut ends {
            let mut pcm = vec![0; (end.media.sample_rate_hz() / 100) as usize];
            let info = end.media.pull(now_ns, &mut pcm).unwrap();
            assert!(info.delay_ms <= 500.5, "{info:?}");
            end.heard.extend_from_slice(&pcm);
            let length = end.heard.len();
            if length > 2 * end.media.sample_rate_hz() as usize {
                end.heard.drain(..length / 2);
            }
        }
        if tick % 100 == 99 {
            for (who, other) in [(0, 1), (1, 0)] {
                let stats = ends[who].control.stats();
                let j = stats.jitter;
                let known = j.played + j.late + j.duplicate + j.dropped + j.flushed + j.passed;
                let refused = j.malformed + j.oversized + j.no_slot;
                assert_eq!(
                    j.inserted,
                    known + refused + j.waiting,
                    "every packet is accounted for"
                );
                assert_eq!(stats.media.encode_errors + stats.media.protect_errors, 0);
                if loss == 0 && jitter_ticks == 1 && !outage && calm_ticks > 400 {
                    let clear = ends[who].hears(other);
                    assert!(clear > 0.8, "seed {seed}, tick {tick}: {clear} of the other's voice");
                }
                while ends[who].control.next_event().is_some() {}
            }
        }
    }
    let sent = ends[0].media.stats().packets;
    assert_eq!(sent, ticks / 2, "a packet each 20 ms");
}

#[test]
fn calls_of_hours_over_bad_networks_stay_bounded_and_recover() {
    let hours = std::env::var("ALE_SOAK_HOURS").ok().and_then(|hours| hours.parse::<u64>().ok());
    // Opus where it is built in.
    let codecs: Vec<CodecSpec> = ["PCMU/8000", "G722/8000", "opus/48000/2"]
        .into_iter()
        .filter_map(CodecSpec::from_rtpmap)
        .collect();
    let suites = [None, Some(Suite::AesCm128HmacSha1_80), Some(Suite::AeadAes128Gcm)];
    let mut simulated = 0;
    let mut round = 0_u64;
    let wanted = hours.map_or(9 * HOUR / 60, |hours| hours * HOUR);
    while simulated < wanted {
        let codec = &codecs[(round % codecs.len() as u64) as usize];
        let suite = suites[(round / codecs.len() as u64 % 3) as usize];
        let ticks = hours.map_or(HOUR / 60, |_| HOUR);
        call(codec, suite, ticks, 1 + round);
        simulated += ticks;
        round += 1;
        if hours.is_some() {
            println!("{} with {suite:?}: {} hours simulated", codec.name(), simulated / HOUR);
        }
    }
}
