// SPDX-License-Identifier: MIT OR Apache-2.0
//! A log replays to what was heard, stays within its bytes, and can be anything without harm.

use alloc::vec::Vec;
use proptest::prelude::*;

use crate::jitter::tests::{Bench, MS, decoders};
use crate::jitter::*;

/// Half a minute of a bad network: jitter, losses, duplicates, a pause, settings that change, another
/// source.
fn rough(config: &JitterConfig) -> Bench {
    let mut bench = Bench::new(config);
    let mut seed = 7_u32;
    let mut random = move |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    };
    let (mut waiting, mut sequence): (Vec<(u64, u16)>, u16) = (Vec::new(), 0);
    for step in 0..3000_u32 {
        if step % 2 == 0 && !(900..1100).contains(&step) {
            if random(20) != 0 {
                let held_ms = if random(30) == 0 { 150 } else { random(40) };
                waiting.push((bench.now_ns + u64::from(held_ms) * MS, sequence));
            }
            sequence += 1;
        }
        match step {
            1500 => bench.ssrc = 2,
            2000 => bench.control.set_delay_bounds_ms(80, 300).unwrap(),
            2400 => bench.control.set_mode(DelayMode::Frozen),
            _ => {}
        }
        let now_ns = bench.now_ns;
        for &(_, number) in waiting.iter().filter(|(at, _)| *at <= now_ns) {
            bench.send(number, i64::from(number) * 160, 160).unwrap();
            if random(40) == 0 {
                bench.send(number, i64::from(number) * 160, 160).unwrap();
            }
        }
        waiting.retain(|(at, _)| *at > now_ns);
        bench.pull();
    }
    bench
}

fn with_log(bytes: u32, audio: bool) -> JitterConfig {
    JitterConfig { black_box_bytes: bytes, black_box_audio: audio, ..JitterConfig::default() }
}

#[test]
fn a_log_with_audio_replays_to_the_same_samples_and_decisions() {
    for drift in [DriftMode::Stretch, DriftMode::Resample] {
        replays_to_the_same(JitterConfig { drift, ..with_log(1 << 20, true) });
    }
}

fn replays_to_the_same(config: JitterConfig) {
    let bench = rough(&config);
    let log = bench.reader.black_box();
    let mut replay = Replay::new(&log, decoders()).unwrap();
    assert!(replay.is_whole() && replay.has_audio());
    let mut heard = Vec::new();
    let mut infos = Vec::new();
    while let Some((pull, pcm)) = replay.pull().unwrap() {
        assert!(pull.agrees);
        infos.push(pull.again.unwrap());
        heard.extend_from_slice(pcm);
    }
    assert_eq!(heard, bench.heard);
    assert_eq!(infos, bench.infos);
    assert!(bench.operations(Operation::Conceal) > 50, "the network was rough");
}

#[test]
fn a_log_keeps_to_its_bytes_and_holds_the_newest() {
    for audio in [false, true] {
        let bench = rough(&with_log(4096, audio));
        let log = bench.reader.black_box();
        assert!(log.len() <= 4096 + 100, "{}", log.len());
        let mut replay = Replay::new(&log, decoders()).unwrap();
        assert!(!replay.is_whole());
        let mut seen = Vec::new();
        while let Some((pull, _)) = replay.pull().unwrap() {
            seen.push(pull);
        }
        assert!(seen.len() > if audio { 20 } else { 300 }, "{}", seen.len());
        for (pull, info) in seen.iter().rev().zip(bench.infos.iter().rev()) {
            assert_eq!(pull.operation, info.operation);
            assert!((pull.delay_ms - info.delay_ms.max(0.0)).abs() < 0.06);
        }
        assert_eq!(seen.last().unwrap().now_ns + 10 * MS, bench.now_ns);
    }
}

#[test]
fn a_buffer_without_a_black_box_has_an_empty_log_and_a_small_room_gets_nothing() {
    let mut bench = Bench::new(&JitterConfig::default());
    bench.run(200, &mut 0, &mut 0);
    assert!(bench.reader.black_box().is_empty());
    assert_eq!(bench.reader.copy_black_box(&mut []), 0);
    let mut bench = Bench::new(&with_log(4096, false));
    bench.run(200, &mut 0, &mut 0);
    let mut small = [7; 50];
    let needed = bench.reader.copy_black_box(&mut small);
    assert_eq!((needed, small), (bench.reader.black_box().len(), [7; 50]));
}

/// Reads a log to its end, whatever it is.
fn exhaust(log: &[u8]) {
    let Ok(mut replay) = Replay::new(log, decoders()) else { return };
    // A damaged length may ask for hours.
    for _ in 0..200 {
        match replay.pull() {
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damaged_logs_are_read_or_refused(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bench = Bench::new(&with_log(8192, true));
        bench.run(300, &mut 0, &mut 0);
        let mut log = bench.reader.black_box();
        for (at, byte) in damage {
            let at = at.index(log.len());
            log[at] = byte;
        }
        exhaust(&log);
        exhaust(&log[..cut.index(log.len())]);
    }

    #[test]
    fn any_bytes_are_no_log(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        exhaust(&bytes);
    }
}
