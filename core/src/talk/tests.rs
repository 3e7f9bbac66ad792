// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use crate::member::MemberId;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

fn plain() -> TalkConfig {
    TalkConfig { sample_rate_hz: 8_000, member_rate_hz: 8_000, ..TalkConfig::default() }
}

/// Pulls 10 ms so often; all that was heard.
fn pull(end: &mut TalkEnd, frames: usize) -> Vec<i16> {
    let mut heard = Vec::new();
    for _ in 0..frames {
        let mut pcm = vec![7; end.sample_rate_hz() as usize / 100];
        end.pull(&mut pcm);
        heard.extend(pcm);
    }
    heard
}

fn events(writer: &mut TalkWriter) -> Vec<TalkEvent> {
    core::iter::from_fn(|| writer.next_event()).collect()
}

fn numbered(from: usize, count: usize) -> Vec<i16> {
    (from..from + count).map(|n| (n % 30_000 + 1) as i16).collect()
}

proptest! {
    /// Whatever it is written in, it is heard whole, in order and without a hole.
    #[test]
    fn bursts_and_odd_tails_are_heard_whole(pieces in prop::collection::vec(1_usize..3_000, 1..12)) {
        let (mut writer, mut end) = Talk::new(&plain()).unwrap();
        let mut written = 0;
        for piece in &pieces {
            writer.write(1, &numbered(written, *piece)).unwrap();
            written += piece;
        }
        let heard = pull(&mut end, written.div_ceil(80));
        prop_assert_eq!(&heard[..written], &numbered(0, written)[..]);
        prop_assert!(heard[written..].iter().all(|sample| *sample == 0));
        prop_assert_eq!(writer.waiting_ms(), 0);
    }

    /// Beside a list that does what is asked for, sample by sample, with fades of 0.
    #[test]
    fn turns_are_heard_as_a_list_of_samples_says(
        steps in prop::collection::vec((0..6, 0_u32..6, 1_usize..400), 1..60),
    ) {
        let (mut writer, mut end) = Talk::new(&plain()).unwrap();
        let (mut list, mut first, mut n): (Vec<(u32, i16)>, u32, usize) = (Vec::new(), 0, 0);
        let mut paused = false;
        for (what, turn, count) in steps {
            match what {
                0 | 1 => {
                    let pcm = numbered(n, count);
                    n += count;
                    let taken = writer.write(turn, &pcm);
                    prop_assert_eq!(taken.is_ok(), turn >= first);
                    if taken.is_ok() {
                        first = turn;
                        list.extend(pcm.iter().map(|sample| (turn, *sample)));
                    }
                }
                2 => {
                    let mut expected: Vec<i16> = Vec::new();
                    while !paused && expected.len() < 80 && !list.is_empty() {
                        expected.push(list.remove(0).1);
                    }
                    expected.resize(80, 0);
                    prop_assert_eq!(pull(&mut end, 1), expected);
                }
                3 => {
                    writer.flush(0);
                    list.clear();
                }
                4 => {
                    writer.cancel(turn, 0);
                    list.retain(|(of, _)| *of > turn);
                    first = first.max(turn + 1);
                }
                _ => {
                    paused = !paused;
                    writer.set_paused(paused);
                }
            }
        }
    }
}

#[test]
fn two_seconds_in_one_write_leave_no_delay_after_a_flush() {
    let (mut writer, mut end) = Talk::new(&TalkConfig::default()).unwrap();
    writer.write(1, &[9_000; 48_000]).unwrap();
    pull(&mut end, 10);
    assert_eq!((writer.position_ms(), writer.waiting_ms()), (100, 1_900));
    writer.cancel(1, 0);
    assert_eq!(writer.write(1, &[9_000; 480]), Err(TalkError::StaleTurn), "late");
    assert_eq!(writer.stale_samples(), 480);
    writer.write(2, &[-9_000; 4_800]).unwrap();
    let heard = pull(&mut end, 1);
    // But for the resampler's own millisecond.
    assert!(heard[32..].iter().all(|sample| *sample < -8_000), "{heard:?}");
    assert_eq!(writer.position_ms(), 10);
    let told = events(&mut writer);
    assert_eq!(told, [TalkEvent::Flushed { samples: 1_900 * 16 }, TalkEvent::Low]);
}

#[test]
fn a_flush_fades_evenly_over_what_it_was_told() {
    let (mut writer, mut end) = Talk::new(&plain()).unwrap();
    writer.write(1, &[8_000; 8_000]).unwrap();
    pull(&mut end, 5);
    writer.flush(50);
    let heard = pull(&mut end, 6);
    for (n, sample) in heard[..400].iter().enumerate() {
        assert_eq!(*sample, (8_000 * (400 - n as i32) / 400) as i16);
    }
    assert!(heard[400..].iter().all(|sample| *sample == 0));
    let told = events(&mut writer);
    assert_eq!(told, [TalkEvent::Flushed { samples: 7_200 }, TalkEvent::Low, TalkEvent::Drained]);
    writer.write(1, &[5; 80]).unwrap();
    assert_eq!(pull(&mut end, 1), [5; 80], "the turn goes on");
}

#[test]
fn marks_are_told_when_they_are_heard_and_go_with_what_is_flushed() {
    let (mut writer, mut end) = Talk::new(&plain()).unwrap();
    assert!(writer.mark(1), "before anything: heard at once");
    writer.write(1, &[1; 100]).unwrap();
    assert!(writer.mark(2));
    writer.write(1, &[1; 1_000]).unwrap();
    assert!(writer.mark(3));
    let marks = |writer: &mut TalkWriter| -> Vec<u64> {
        let told = events(writer).into_iter();
        told.filter_map(|event| if let TalkEvent::Mark(name) = event { Some(name) } else { None })
            .collect()
    };
    pull(&mut end, 1);
    assert_eq!(marks(&mut writer), [1]);
    pull(&mut end, 1);
    assert_eq!(marks(&mut writer), [2]);
    writer.flush(0);
    assert!(writer.mark(4));
    pull(&mut end, 1);
    assert_eq!(marks(&mut writer), [4], "the third was never heard");
}

#[test]
fn what_is_too_much_is_refused_whole() {
    let config = TalkConfig { capacity_ms: 100, ..plain() };
    let (mut writer, mut end) = Talk::new(&config).unwrap();
    assert_eq!(writer.write(1, &[1; 2_000]), Err(TalkError::Full));
    writer.write(1, &[1; 1_024]).unwrap();
    assert_eq!(writer.write(1, &[1; 1]), Err(TalkError::Full));
    pull(&mut end, 1);
    writer.write(1, &[1; 80]).unwrap();
    let bad = TalkConfig { member_rate_hz: 24_000, ..plain() };
    assert!(Talk::new(&bad).is_err());
}

/// A program that gives each word a turn of its own fills no memory, and none of them is taken for another.
#[test]
fn turns_that_wait_are_so_many_at_most() {
    let (mut writer, mut end) = Talk::new(&plain()).unwrap();
    for turn in 0..64 {
        writer.write(turn, &[1 + turn as i16; 80]).unwrap();
    }
    assert_eq!(writer.write(64, &[99; 80]), Err(TalkError::Full));
    writer.write(63, &[64; 80]).unwrap();
    writer.cancel(61, 0);
    assert_eq!(
        pull(&mut end, 3),
        [[63; 80], [64; 80], [64; 80]].concat(),
        "the later ones are heard"
    );
    writer.write(64, &[99; 80]).unwrap();
    assert_eq!(pull(&mut end, 1), [99; 80]);
}

/// All rates to all rates, in pieces and at once: the same samples.
#[test]
fn a_long_write_is_heard_as_short_ones_are() {
    use crate::dsp::resample::{CONVERTED_HZ, RATES_HZ};
    for (from, to) in CONVERTED_HZ.into_iter().flat_map(|from| RATES_HZ.map(|to| (from, to))) {
        let config =
            TalkConfig { sample_rate_hz: from, member_rate_hz: to, ..TalkConfig::default() };
        let pcm: Vec<i16> =
            (0..from as i32 / 5).map(|n| (n * 7_919 % 20_000 - 10_000) as i16).collect();
        let heard = [pcm.len(), 7, 997].map(|piece| {
            let (mut writer, mut end) = Talk::new(&config).unwrap();
            pcm.chunks(piece).for_each(|piece| writer.write(1, piece).unwrap());
            pull(&mut end, 21)
        });
        let mut whole = vec![0; to as usize / 100 * 21];
        Resampler::new(from, to).unwrap().process(&pcm, &mut whole);
        assert!(heard.iter().all(|heard| *heard == whole), "{from} to {to}");
    }
}

/// A "mhm" of 300 ms, and then somebody who goes on.
#[test]
fn who_speaks_over_a_voice_is_told_within_100_ms_and_apart_by_length() {
    let (mut writer, mut end) = Talk::new(&plain()).unwrap();
    writer.write(1, &[1_000; 8_000 * 4]).unwrap();
    let member = MemberId::from_u64(3);
    let mut told = Vec::new();
    for n in 0..400 {
        end.pull(&mut [0; 80]);
        let speaks = (50..80).contains(&n) || (200..290).contains(&n);
        end.hear([member].get(..usize::from(speaks)).unwrap());
        told.extend(events(&mut writer).into_iter().map(|event| (n, event)));
    }
    told.retain(|(_, event)| !matches!(event, TalkEvent::Low | TalkEvent::Drained));
    let overlap = TalkEvent::Overlap(member);
    assert_eq!(
        told,
        [
            (55, overlap),
            (104, TalkEvent::Backchannel { member, ms: 300 }),
            (205, overlap),
            (270, TalkEvent::BargeIn(member)),
        ]
    );
}
