// SPDX-License-Identifier: MIT OR Apache-2.0
//! Properties that hold whatever arrives: exactly the samples asked for, a delay below its maximum,
//! every packet accounted for, and no panic.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::tests::{Bench, MS};
use super::*;

/// What may happen between two pulls.
#[derive(Debug, Clone)]
enum Event {
    /// The next packet of the stream, this many sequence numbers on (0: a duplicate).
    Next(u8),
    /// A packet out of the past.
    Old(u8),
    /// The stream's numbers jump.
    Jump(i32, u16),
    /// A packet with a number and a timestamp that have nothing to do with each other, near the stream's.
    Apart(i16, i32),
    /// Another source takes over.
    Source(u8),
    /// Another payload type.
    Type(u8),
    /// Another packet time, in samples.
    Samples(u16),
    /// Anything at all.
    Bytes(Vec<u8>),
    /// Pulls, of so many 10 ms each.
    Pull(u8, u8),
    /// Time goes by without pulls, in milliseconds.
    Wait(u16),
    /// The control half is used.
    Set(u16, u16, u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (0_u8..4).prop_map(Event::Next),
        2 => any::<u8>().prop_map(Event::Old),
        1 => (any::<i32>(), any::<u16>()).prop_map(|(t, s)| Event::Jump(t, s)),
        2 => (-150_i16..150, -20_000_i32..20_000).prop_map(|(s, t)| Event::Apart(s, t)),
        1 => (0_u8..3).prop_map(Event::Source),
        1 => prop::sample::select(alloc::vec![0_u8, 0, 8, 9, 13, 101]).prop_map(Event::Type),
        1 => prop::sample::select(alloc::vec![80_u16, 160, 240, 480, 960, 1, 961, 1600, 1601]).prop_map(Event::Samples),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Event::Bytes),
        14 => (1_u8..6, 1_u8..4).prop_map(|(n, m)| Event::Pull(n, m)),
        1 => (0_u16..3000).prop_map(Event::Wait),
        1 => (0_u16..300, 20_u16..700, 0_u8..3).prop_map(|(a, b, m)| Event::Set(a, b, m)),
    ]
}

fn run(events: Vec<Event>) -> Result<(), TestCaseError> {
    let mut bench = Bench::new(&JitterConfig { slots: 24, ..JitterConfig::default() });
    let (mut sequence, mut position, mut samples) = (0_u16, 0_i64, 160_usize);
    let mut max_ms = 600.0;
    for event in events {
        match event {
            Event::Next(step) => {
                sequence = sequence.wrapping_add(u16::from(step));
                position += i64::from(step) * samples as i64;
                let _ = bench.send(sequence, position, samples);
            }
            Event::Old(back) => {
                let then = position - i64::from(back) * samples as i64;
                let _ = bench.send(sequence.wrapping_sub(u16::from(back)), then, samples);
            }
            Event::Jump(ticks, numbers) => {
                position += i64::from(ticks);
                sequence = sequence.wrapping_add(numbers);
            }
            Event::Apart(number, ticks) => {
                let sequence = sequence.wrapping_add_signed(number);
                let _ = bench.send(sequence, position + i64::from(ticks), samples);
            }
            Event::Source(ssrc) => bench.ssrc = u32::from(ssrc),
            Event::Type(payload_type) => bench.payload_type = payload_type,
            Event::Samples(count) => samples = usize::from(count),
            Event::Bytes(bytes) => {
                let _ = bench.writer.insert(&bytes, bench.now_ns);
            }
            Event::Pull(pulls, frames) => {
                for _ in 0..pulls {
                    let mut pcm = alloc::vec![0; 80 * usize::from(frames)];
                    let info = bench.reader.pull(bench.now_ns, &mut pcm).unwrap();
                    prop_assert!(info.delay_ms <= max_ms + 0.5, "{info:?} above {max_ms}");
                    bench.heard.extend(pcm);
                    bench.now_ns += u64::from(frames) * 10 * MS;
                }
            }
            Event::Wait(ms) => bench.now_ns += u64::from(ms) * MS,
            Event::Set(min, max, mode) => {
                if bench.control.set_delay_bounds_ms(min, max).is_ok() {
                    max_ms = f32::from(max);
                }
                bench.control.set_mode(match mode {
                    0 => DelayMode::Adaptive,
                    1 => DelayMode::Fixed,
                    _ => DelayMode::Frozen,
                });
            }
        }
        bench.assert_accounted_but_for_the_ring();
    }
    bench.pull();
    bench.assert_accounted();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_arrives_everything_is_accounted_for(events in prop::collection::vec(event(), 1..150)) {
        run(events)?;
    }

    /// A network that delays, reorders, loses and duplicates, but a sender that behaves: nothing is
    /// dropped, and what is heard is near what was said.
    #[test]
    fn a_bad_network_costs_no_more_than_what_it_lost(
        jitter in prop::collection::vec((0_u16..200, 0_u8..100), 200),
    ) {
        let mut bench = Bench::new(&JitterConfig::default());
        let mut arrivals: Vec<(u64, u16)> = Vec::new();
        for (n, &(delay_ms, luck)) in jitter.iter().enumerate() {
            let at = n as u64 * 20 + u64::from(delay_ms);
            let copies = if luck < 5 { 0 } else { 1 + usize::from(luck > 95) };
            arrivals.extend(core::iter::repeat_n((at, n as u16), copies));
        }
        arrivals.sort_unstable();
        let mut next = 0;
        let start = bench.now_ns;
        for pull in 0..450_u64 {
            while next < arrivals.len() && arrivals[next].0 <= pull * 10 {
                let n = arrivals[next].1;
                bench.now_ns = start + arrivals[next].0 * MS;
                bench.send(n, i64::from(n) * 160, 160).unwrap();
                next += 1;
            }
            bench.now_ns = start + pull * 10 * MS;
            bench.pull();
        }
        bench.assert_accounted();
        let stats = bench.reader.stats();
        prop_assert_eq!(stats.dropped, 0);
        prop_assert!(stats.played + stats.late + stats.duplicate + stats.flushed == stats.inserted);
        prop_assert!(stats.played >= 100, "{:?}", stats);
    }
}
