// SPDX-License-Identifier: MIT OR Apache-2.0
//! Senders as they are: timestamps that wander, stand still, skip or count in something else, and
//! networks whose delay changes for good, at any packet time. What is right is what the same sound gives
//! with timestamps that are.

use alloc::vec::Vec;

use super::config::DriftMode;
use super::tests::{Bench, MS, coded, find};
use super::*;

/// Sends packets of `ms`, each with the timestamp that `told` makes of its number, and arriving when
/// `at_ms` says of it; plays for `total_ms`.
fn play(
    config: &JitterConfig,
    ms: usize,
    count: u16,
    told: impl Fn(u16) -> i64,
    at_ms: impl Fn(u16) -> u64,
) -> Bench {
    let mut bench = Bench::new(config);
    let start = bench.now_ns;
    let mut next = 0;
    while next < count || bench.now_ns < start + (at_ms(count - 1) + 400) * MS {
        let now_ns = bench.now_ns;
        while next < count && start + at_ms(next) * MS <= now_ns {
            bench.now_ns = start + at_ms(next) * MS;
            let position = i64::from(next) * ms as i64 * 8;
            let payload: Vec<u8> = (0..ms as i64 * 8)
                .map(|i| {
                    let law = crate::codec::g711::Law::Mu;
                    law.from_linear(super::tests::speech(position + i))
                })
                .collect();
            bench.send_payload(next.wrapping_add(65_500), told(next) as u32, &payload).unwrap();
            next += 1;
        }
        bench.now_ns = now_ns;
        bench.pull();
    }
    bench.assert_accounted();
    bench
}

fn on_time(ms: u64) -> impl Fn(u16) -> u64 {
    move |n| (u64::from(n) + 1) * ms
}

/// Noise that is the same every time.
fn noise(n: u16, most: i64) -> i64 {
    let random = (u32::from(n) + 1).wrapping_mul(2_654_435_761) >> 8;
    i64::from(random) % (2 * most + 1) - most
}

/// All of the sound, to the sample, from the first packet on.
fn assert_whole(bench: &Bench, samples: usize, what: &str) {
    let start = find(&bench.heard, &coded(0, 400)).expect("the beginning is heard");
    let expected = coded(0, samples);
    let same = bench.heard[start..].iter().zip(&expected).take_while(|(a, b)| a == b).count();
    assert_eq!(same, samples, "{what}: {:?}", bench.reader.stats());
}

#[test]
fn timestamps_that_wander_change_nothing() {
    for most in [1, 8, 20] {
        let told = |n: u16| i64::from(n) * 160 + noise(n, most);
        let bench = play(&JitterConfig::default(), 20, 300, told, on_time(20));
        // There is nothing to adapt, pauses included.
        assert_whole(&bench, 47_000, "noise");
        let stats = bench.reader.stats();
        assert!(stats.corrected_timestamps > 100);
        assert_eq!((stats.missing, stats.concealed_samples, stats.restarts), (0, 0, 0));
    }
}

#[test]
fn timestamps_in_other_units_change_nothing() {
    // Half, double, a clock of 44.1 kHz for 48, 16 kHz, 48 kHz; standing still altogether.
    for step in [80, 320, 147, 176, 960, 40, 0] {
        let told = |n: u16| i64::from(n) * step + 77;
        let bench = play(&JitterConfig::default(), 20, 300, told, on_time(20));
        assert_whole(&bench, 47_000, "units");
        let stats = bench.reader.stats();
        assert_eq!((stats.concealed_samples, stats.comfort_noise_samples), (0, 0), "{step}");
        assert!(bench.infos.iter().all(|info| info.delay_ms < 30.0), "{step}");
    }
}

#[test]
fn other_units_are_known_under_jitter_and_loss_too() {
    for step in [80, 320, 960] {
        let config = JitterConfig { min_delay_ms: 60, ..JitterConfig::default() };
        let late = |n: u16| on_time(20)(n) + if n < 20 { 0 } else { noise(n, 20).unsigned_abs() };
        let mut bench = Bench::new(&config);
        let start = bench.now_ns;
        let mut arrivals: Vec<(u64, u16)> =
            (0..400).filter(|n| *n < 50 || n % 10 != 7).map(|n| (late(n), n)).collect();
        arrivals.sort_unstable();
        let mut next = 0;
        for pull in 0..820_u64 {
            while next < arrivals.len() && arrivals[next].0 <= pull * 10 {
                let n = arrivals[next].1;
                bench.now_ns = start + arrivals[next].0 * MS;
                let payload: Vec<u8> = (0..160)
                    .map(|i| {
                        let law = crate::codec::g711::Law::Mu;
                        law.from_linear(super::tests::speech(i64::from(n) * 160 + i))
                    })
                    .collect();
                bench.send_payload(n, u32::from(n) * step, &payload).unwrap();
                next += 1;
            }
            bench.now_ns = start + pull * 10 * MS;
            bench.pull();
        }
        let stats = bench.reader.stats();
        assert_eq!((stats.missing, stats.late, stats.restarts), (35, 0, 0), "{step}: {stats:?}");
        assert!((5_600..=5_900).contains(&stats.concealed_samples), "{step}: {stats:?}");
        bench.assert_accounted();
    }
}

#[test]
fn jumps_of_timestamps_without_a_loss_are_no_gaps() {
    for jump in [40, 160, 800, 8_000, 24_000, 1 << 24, -40, -160, -2_400, -80_000, -(1 << 24)] {
        let told = |n: u16| i64::from(n) * 160 + i64::from(n / 50) * jump;
        let bench = play(&JitterConfig::default(), 20, 200, told, on_time(20));
        assert_whole(&bench, 31_000, "jump");
        let stats = bench.reader.stats();
        assert_eq!((stats.late, stats.flushed, stats.dropped), (0, 0, 0), "{jump}");
    }
}

#[test]
fn a_sender_that_pauses_with_standing_timestamps_loses_none_of_its_spurts() {
    for pause_ms in [100, 200, 400, 800, 1500, 1990, 5000] {
        for (marker, most) in [(true, 0), (false, 2)] {
            let mut bench = Bench::new(&JitterConfig::default());
            let (mut sequence, mut position) = (0, 0);
            for spurt in 0..9 {
                for n in 0..100 {
                    if marker && n == 0 {
                        bench.send_marked(sequence, position);
                    } else {
                        bench.send(sequence, position, 160).unwrap();
                    }
                    (sequence, position) = (sequence + 1, position + 160);
                    bench.pull();
                    bench.pull();
                }
                // The last is not to be ended by silence.
                for _ in 0..if spurt < 8 { pause_ms / 10 } else { 10 } {
                    bench.pull();
                }
            }
            let stats = bench.reader.stats();
            let lost = stats.late + stats.flushed + stats.dropped;
            // What decides for the first time may cost as much as the pause, and a little; no more then.
            let first = most * (pause_ms as u64 / 20 + 2);
            assert!(
                lost <= if pause_ms >= 300 { 0 } else { first },
                "{pause_ms} {marker} {stats:?}"
            );
            assert!(bench.infos.last().unwrap().delay_ms < 250.0, "{pause_ms} {marker} {stats:?}");
            bench.assert_accounted();
        }
    }
}

impl Bench {
    /// A packet of 20 ms that begins a talk spurt.
    fn send_marked(&mut self, sequence: u16, position: i64) {
        let header = crate::rtp::RtpHeader {
            marker: true,
            sequence,
            timestamp: position as u32,
            ssrc: self.ssrc,
            ..crate::rtp::RtpHeader::default()
        };
        let mut datagram = [0; 172];
        header.write(&mut datagram).unwrap();
        for (i, byte) in datagram[12..].iter_mut().enumerate() {
            let sample = super::tests::speech(position + i as i64);
            *byte = crate::codec::g711::Law::Mu.from_linear(sample);
        }
        self.writer.insert(&datagram, self.now_ns).unwrap();
    }
}

#[test]
fn of_a_step_of_the_delay_at_most_the_step_is_lost_at_any_packet_time() {
    for ms in [5_u64, 10, 20, 40, 60, 100, 120] {
        for step_ms in [100, 150, 300, 600] {
            let config = JitterConfig { slots: 200, slot_bytes: 960, ..JitterConfig::default() };
            let late =
                |n: u16| on_time(ms)(n) + if u64::from(n) * ms >= 6000 { step_ms } else { 0 };
            let count = (12_000 / ms) as u16;
            let bench = play(&config, ms as usize, count, |n| i64::from(n) * ms as i64 * 8, late);
            let stats = bench.reader.stats();
            let lost_ms = (stats.late + stats.flushed + stats.dropped) * ms;
            // Three packets decide, at the least.
            let most = if step_ms >= 300 { 0 } else { (step_ms * 13 / 10 + ms).max(4 * ms) };
            assert!(lost_ms <= most, "ptime {ms}, {step_ms} ms: {lost_ms} {stats:?}");
        }
    }
}

/// A sender, or a link, that hands over so many packets at once.
fn in_bursts(packets: usize, seconds: usize) -> Bench {
    let mut bench = Bench::new(&JitterConfig::default());
    let mut sequence = 0_u16;
    for step in 0..seconds * 100 {
        if step % (2 * packets) == 0 {
            for _ in 0..packets {
                bench.send(sequence, i64::from(sequence) * 160, 160).unwrap();
                sequence += 1;
            }
        }
        bench.pull();
    }
    bench
}

#[test]
fn bursts_of_up_to_half_a_second_are_learnt_within_two() {
    for packets in [5, 10, 15, 20, 25] {
        let bench = in_bursts(packets, 8);
        let conceals =
            |infos: &[PullInfo]| infos.iter().filter(|i| i.operation == Operation::Conceal).count();
        // Where the third burst ends.
        let (learning, learnt) = bench.infos.split_at(6 * packets);
        assert_eq!(conceals(learnt), 0, "{packets} packets at once");
        assert!(conceals(learning) <= 2 * packets, "{packets} packets at once");
    }
}

#[test]
fn after_a_wild_network_the_delay_is_back_within_five_seconds() {
    for (wild_ms, drift) in [100_u64, 200, 400]
        .into_iter()
        .flat_map(|ms| [DriftMode::Stretch, DriftMode::Resample].map(|drift| (ms, drift)))
    {
        let mut bench = Bench::new(&JitterConfig { drift, ..JitterConfig::default() });
        let mut coming: Vec<(u64, u16)> = (0..1_500_u64)
            .map(|n| {
                let wild = (250..1_000).contains(&n);
                // Spread evenly, and in no order.
                let held_ms = if wild { n * n * 7_919 % wild_ms } else { 0 };
                (n * 20 + held_ms, n as u16)
            })
            .collect();
        coming.sort_unstable();
        let mut coming = coming.into_iter().peekable();
        for step in 0..3_000_u64 {
            while let Some((_, n)) = coming.next_if(|(at_ms, _)| *at_ms <= step * 10) {
                bench.send(n, i64::from(n) * 160, 160).unwrap();
            }
            bench.pull();
        }
        let wild = bench.infos[2_000].delay_ms;
        assert!(wild > 0.4 * wild_ms as f32, "{wild}");
        // The last packet that was held up came after 20 s and `wild_ms`. A cut in speech needs 22 ms behind it.
        let after = &bench.infos[(25_000 + wild_ms as usize) / 10..];
        let most_ms = after.iter().map(|info| info.delay_ms).fold(0.0, f32::max);
        let before_ms = bench.infos[240].delay_ms;
        let slack_ms = if drift == DriftMode::Stretch { 23.0 } else { 20.5 };
        assert!(
            before_ms <= 20.0 && most_ms <= before_ms + slack_ms,
            "{wild_ms} {drift:?}: {most_ms}"
        );
    }
}
