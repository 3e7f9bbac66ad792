// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mixer against a slow and obvious model: for each listener, add up the others.

use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

use super::*;

fn mixer(rate: u32, places: usize) -> Mixer {
    let config =
        MixerConfig { sample_rate_hz: rate, max_participants: places, ..Default::default() };
    Mixer::new(&config).unwrap()
}

/// The factor of sample `index` in a straight line over `count` samples, to nearest.
fn on_the_line((from, to): (i32, i32), index: usize, count: usize) -> i64 {
    let passed = (index + 1) as i64;
    let step = (i64::from(to - from) * (1 << 14)) as f64 / count as f64;
    i64::from(from) + ((step.round() as i64 * passed + (1 << 13)) >> 14)
}

/// Runs a frame in which each says its row at its gain or is muted; `gains` moves on to the ramps of this frame.
fn run(
    mixer: &mut Mixer,
    ids: &[ParticipantId],
    rows: &[Vec<i16>],
    factors: &[f32],
    muted: u16,
    gains: &mut [(i32, i32)],
) {
    for (i, id) in ids.iter().enumerate() {
        mixer.set_gain(*id, factors[i]).unwrap();
        mixer.set_muted(*id, muted >> i & 1 == 1).unwrap();
        let fixed = (factors[i] * 2048.0).round_ties_even() as i32;
        gains[i] = (gains[i].1, if muted >> i & 1 == 1 { 0 } else { fixed });
        mixer.input(*id).unwrap().copy_from_slice(&rows[i]);
    }
    mixer.run();
}

/// What the others say to listener `me`: each one's sample times its ramped gain, summed in 64 bits.
fn sums(rows: &[Vec<i16>], gains: &[(i32, i32)], me: usize) -> impl Iterator<Item = i64> {
    let count = rows[0].len();
    (0..count).map(move |i| {
        (0..rows.len())
            .filter(|other| *other != me)
            .map(|other| {
                let factor = on_the_line(gains[other], i, count);
                (i64::from(rows[other][i]) * factor + 1024) >> 11
            })
            .sum()
    })
}

/// The same, clamped: what listener `me` must hear.
fn model(rows: &[Vec<i16>], gains: &[(i32, i32)], me: usize) -> Vec<i16> {
    sums(rows, gains, me).map(|sum| sum.clamp(-32_768, 32_767) as i16).collect()
}

fn row(seed: u64, count: usize) -> Vec<i16> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Full scale often, so that sums overflow 16 bits.
            if state.is_multiple_of(5) { i16::MIN } else { (state >> 40) as i16 }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn everyone_hears_exactly_the_clamped_sum_of_the_others(
        rate in prop::sample::select(vec![8_000_u32, 16_000, 32_000, 44_100, 48_000]),
        factors in prop::collection::vec(0.0_f32..=MAX_GAIN, 1..12),
        muted in any::<u16>(), seed: u64, unity: bool, twenty: bool,
    ) {
        let factors = if unity { vec![1.0; factors.len()] } else { factors };
        let frame_ms = if twenty && rate != 44_100 { 20 } else { 10 };
        let count = (rate / 1_000) as usize * usize::from(frame_ms) + usize::from(rate == 44_100);
        let config = MixerConfig {
            sample_rate_hz: rate, max_participants: factors.len(), frame_ms, ..Default::default()
        };
        for unit in Unit::available() {
            let mut mixer = Mixer::new(&config).unwrap();
            mixer.unit = unit;
            let ids: Vec<_> = factors.iter().map(|_| mixer.add().unwrap()).collect();
            let rows: Vec<_> = (0..ids.len()).map(|i| row(seed ^ i as u64, count)).collect();
            let mut gains = vec![(2048, 2048); ids.len()];
            // Twice with the gains of the first frame, so that both ramp and steady are met.
            for _frame in 0..3 {
                run(&mut mixer, &ids, &rows, &factors, muted, &mut gains);
                for (i, id) in ids.iter().enumerate() {
                    let mut heard = vec![0; count];
                    mixer.output(*id, &mut heard).unwrap();
                    prop_assert_eq!(&heard, &model(&rows, &gains, i), "{:?}", unit);
                    let energy: u64 = rows[i].iter().map(|s| i64::from(*s).pow(2) as u64).sum();
                    prop_assert_eq!(mixer.places[id.index as usize].energy, energy);
                }
            }
        }
    }

    #[test]
    fn each_listener_hears_its_sum_through_a_limiter_of_its_own(
        factors in prop::collection::vec(0.0_f32..=MAX_GAIN, 1..6),
        loud in prop::collection::vec(any::<bool>(), 1..30), muted in any::<u16>(), seed: u64,
        twenty: bool, rate in prop::sample::select(vec![8_000_u32, 16_000, 48_000]), unity: bool,
    ) {
        let factors = if unity { vec![1.0; factors.len()] } else { factors };
        let frame_ms = if twenty { 20 } else { 10 };
        let config = MixerConfig {
            sample_rate_hz: rate, max_participants: factors.len(), frame_ms, limiter: true,
            ..Default::default()
        };
        let count = (rate / 1_000) as usize * usize::from(frame_ms);
        for unit in Unit::available() {
            let mut mixer = Mixer::new(&config).unwrap();
            mixer.unit = unit;
            let ids: Vec<_> = factors.iter().map(|_| mixer.add().unwrap()).collect();
            let mut gains = vec![(2048, 2048); ids.len()];
            let mut limiters = vec![(Limiter::default(), vec![0; (rate / 500) as usize]); ids.len()];
            for (frame, loud) in loud.iter().enumerate() {
                let rows: Vec<Vec<i16>> = (0..ids.len())
                    .map(|i| {
                        let row = row(seed ^ (i * 31 + frame) as u64, count).into_iter();
                        row.map(|sample| if *loud { sample } else { sample >> 5 }).collect()
                    })
                    .collect();
                run(&mut mixer, &ids, &rows, &factors, muted, &mut gains);
                for (i, id) in ids.iter().enumerate() {
                    let mix: Vec<i32> = sums(&rows, &gains, i).map(|sum| sum as i32).collect();
                    let (mut expected, mut heard) = (vec![0; count], vec![0; count]);
                    let (limiter, held) = &mut limiters[i];
                    limiter.process(Unit::Baseline, held, &mix, &mut expected);
                    mixer.output(*id, &mut heard).unwrap();
                    prop_assert_eq!(&heard, &expected, "listener {} in frame {}, {:?}", i, frame, unit);
                }
            }
        }
    }

    #[test]
    fn joining_and_leaving_behave_like_a_set(steps in prop::collection::vec(any::<(bool, u8)>(), 0..60)) {
        let mut mixer = mixer(8_000, 4);
        let mut present: Vec<ParticipantId> = Vec::new();
        let mut gone: Vec<ParticipantId> = Vec::new();
        for (join, pick) in steps {
            if join {
                match mixer.add() {
                    Ok(id) => {
                        prop_assert!(!present.contains(&id) && !gone.contains(&id));
                        present.push(id);
                    }
                    Err(error) => prop_assert_eq!((error, present.len()), (MixerError::Full, 4)),
                }
            } else if !present.is_empty() {
                let id = present.swap_remove(usize::from(pick) % present.len());
                prop_assert_eq!(mixer.remove(id), Ok(()));
                gone.push(id);
            }
            for id in &gone {
                prop_assert_eq!(mixer.remove(*id), Err(MixerError::UnknownParticipant));
                prop_assert!(mixer.input(*id).is_err());
            }
            prop_assert_eq!(mixer.stats().participants as usize, present.len());
        }
    }
}

#[test]
fn eight_thousand_at_full_scale_and_full_gain_do_not_overflow() {
    let mut mixer = mixer(8_000, MAX_PARTICIPANTS);
    let ids: Vec<_> = (0..MAX_PARTICIPANTS).map(|_| mixer.add().unwrap()).collect();
    for _frame in 0..2 {
        for id in &ids {
            mixer.set_gain(*id, MAX_GAIN).unwrap();
            mixer.input(*id).unwrap().fill(i16::MIN);
        }
        mixer.run();
    }
    assert_eq!(mixer.sum()[0], MAX_PARTICIPANTS as i32 * -32_768 * 8);
    let mut heard = [0; 80];
    mixer.output(ids[17], &mut heard).unwrap();
    assert_eq!(heard, [i16::MIN; 80]);
    assert_eq!(mixer.add(), Err(MixerError::Full));
}

#[test]
fn a_change_of_gain_never_steps_further_than_a_ramp_does() {
    let mut mixer = mixer(48_000, 2);
    let (talker, listener) = (mixer.add().unwrap(), mixer.add().unwrap());
    let mut heard = Vec::new();
    for frame in 0..6 {
        mixer.set_gain(talker, if frame < 2 { 0.25 } else { 1.5 }).unwrap();
        mixer.set_muted(talker, frame == 4).unwrap();
        mixer.input(talker).unwrap().fill(10_000);
        mixer.run();
        let mut pcm = [0; 480];
        mixer.output(listener, &mut pcm).unwrap();
        heard.extend(pcm);
    }
    let largest = heard.windows(2).map(|w| (w[0] - w[1]).abs()).max().unwrap();
    // A factor is known to 1/2048, which is 5 of 10000.
    assert!(largest <= 15_000 / 480 + 5, "a step of {largest}");
    assert_eq!(heard[480 * 5 - 1], 0, "muted at the end of the fifth frame");
}

#[test]
fn who_gives_no_input_is_silent_and_hears_everybody() {
    let mut mixer = mixer(8_000, 2);
    let (a, b) = (mixer.add().unwrap(), mixer.add().unwrap());
    mixer.input(a).unwrap().fill(5);
    mixer.input(b).unwrap().fill(7);
    mixer.run();
    mixer.input(a).unwrap().fill(5);
    mixer.run();
    let mut pcm = [0; 80];
    mixer.output(a, &mut pcm).unwrap();
    assert_eq!(pcm, [0; 80]);
    mixer.output(b, &mut pcm).unwrap();
    assert_eq!(pcm, [5; 80]);
    assert_eq!(mixer.level_dbov(b), Ok(127));
}

#[test]
fn sound_from_elsewhere_is_heard_by_all_until_the_next_run() {
    let mut mixer = mixer(8_000, 1);
    let id = mixer.add().unwrap();
    mixer.input(id).unwrap().fill(100);
    mixer.run();
    mixer.mix_in(&[7; 80]).unwrap();
    mixer.mix_in(&[i32::MAX; 80]).unwrap();
    mixer.mix_in(&[i32::MIN; 80]).unwrap();
    let mut pcm = [0; 80];
    mixer.output(id, &mut pcm).unwrap();
    assert_eq!(pcm, [7; 80]);
    mixer.run();
    mixer.output(id, &mut pcm).unwrap();
    assert_eq!(pcm, [0; 80]);
    assert_eq!(mixer.mix_in(&[0; 79]), Err(MixerError::InvalidLength));
}

#[test]
fn wrong_arguments_have_an_error_each_and_change_nothing() {
    for (rate, places) in [(0, 1), (8_050, 1), (48_100, 1), (8_000, 0), (8_000, 8_193)] {
        let config =
            MixerConfig { sample_rate_hz: rate, max_participants: places, ..Default::default() };
        assert_eq!(Mixer::new(&config).err(), Some(MixerError::InvalidConfig));
    }
    for (sample_rate_hz, frame_ms) in [(8_000, 0), (8_000, 15), (8_000, 30), (44_100, 20)] {
        let config = MixerConfig { sample_rate_hz, frame_ms, ..Default::default() };
        assert_eq!(Mixer::new(&config).err(), Some(MixerError::InvalidConfig));
    }
    let mut mixer = mixer(8_000, 1);
    let id = mixer.add().unwrap();
    for factor in [f32::NAN, f32::INFINITY, -0.1, 8.1] {
        assert_eq!(mixer.set_gain(id, factor), Err(MixerError::InvalidGain));
    }
    let mut short = [9; 79];
    assert_eq!(mixer.output(id, &mut short), Err(MixerError::InvalidLength));
    assert_eq!(short, [9; 79]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_division_over_mixers_and_any_order_of_joining_give_the_same_bits(
        owners in prop::collection::vec(0_usize..4, 1..14),
        factors in prop::collection::vec(0.0_f32..=MAX_GAIN, 14),
        rate in prop::sample::select(vec![8_000_u32, 48_000]), seed: u64, turn in 0_usize..14,
    ) {
        let count = (rate / 100) as usize;
        let rows: Vec<_> = (0..owners.len()).map(|i| row(seed ^ i as u64, count)).collect();
        let mut whole = mixer(rate, owners.len());
        let ids: Vec<_> = rows.iter().map(|_| whole.add().unwrap()).collect();
        let mut shards: Vec<_> = (0..4).map(|_| mixer(rate, owners.len())).collect();
        // In another order than in the whole one.
        let mut places = vec![None; owners.len()];
        for i in 0..owners.len() {
            let i = (i + turn) % owners.len();
            places[i] = Some(shards[owners[i]].add().unwrap());
        }
        for _frame in 0..2 {
            for (i, row) in rows.iter().enumerate() {
                whole.set_gain(ids[i], factors[i]).unwrap();
                whole.input(ids[i]).unwrap().copy_from_slice(row);
                let (shard, place) = (&mut shards[owners[i]], places[i].unwrap());
                shard.set_gain(place, factors[i]).unwrap();
                shard.input(place).unwrap().copy_from_slice(row);
            }
            whole.run();
            shards.iter_mut().for_each(Mixer::run);
            let sums: Vec<Vec<i32>> = shards.iter().map(|shard| shard.sum().to_vec()).collect();
            for (n, shard) in shards.iter_mut().enumerate() {
                for (_, sum) in sums.iter().enumerate().filter(|(other, _)| *other != n) {
                    shard.mix_in(sum).unwrap();
                }
            }
            for i in 0..rows.len() {
                let (mut expected, mut heard) = (vec![0; count], vec![0; count]);
                whole.output(ids[i], &mut expected).unwrap();
                shards[owners[i]].output(places[i].unwrap(), &mut heard).unwrap();
                prop_assert_eq!(&heard, &expected);
            }
        }
    }

    #[test]
    fn a_listener_hears_each_talker_by_its_own_gain_for_it(
        pairs in prop::collection::vec((0_usize..5, 0_usize..5, prop::option::of(0.0_f32..=4.0)), 0..12),
        private in any::<u8>(), deaf in any::<u8>(), seed: u64, stereo: bool,
    ) {
        let channels = 1 + usize::from(stereo);
        let config = MixerConfig {
            channels: channels as u8, max_participants: 5, max_pair_gains: 20, ..Default::default()
        };
        for unit in Unit::available() {
            let mut mixer = Mixer::new(&config).unwrap();
            mixer.unit = unit;
            let ids: Vec<_> = (0..5).map(|_| mixer.add().unwrap()).collect();
            let rows: Vec<_> = (0..5).map(|i| row(seed ^ i, 80 * channels)).collect();
            let mut asked = [[None; 5]; 5];
            for (listener, talker, factor) in &pairs {
                let result = mixer.set_pair_gain(ids[*listener], ids[*talker], *factor);
                if listener == talker {
                    prop_assert_eq!(result, Err(MixerError::SameParticipant));
                } else {
                    prop_assert_eq!(result, Ok(()));
                    asked[*listener][*talker] = *factor;
                }
            }
            for (n, id) in ids.iter().enumerate() {
                mixer.set_private(*id, private >> n & 1 == 1).unwrap();
                mixer.set_listening(*id, deaf >> n & 1 == 0).unwrap();
            }
            // The third frame is beyond every ramp.
            for _frame in 0..3 {
                for (id, row) in ids.iter().zip(&rows) {
                    mixer.input(*id).unwrap().copy_from_slice(row);
                }
                mixer.run();
            }
            for (listener, id) in ids.iter().enumerate() {
                let expected: Vec<i16> = (0..80 * channels)
                    .map(|i| {
                        let sum: i64 = (0..5).filter(|talker| *talker != listener).map(|talker| {
                            let everybody = if private >> talker & 1 == 1 { 0.0 } else { 1.0 };
                            let factor = asked[listener][talker].unwrap_or(everybody);
                            let fixed = (factor * 2048.0).round_ties_even() as i64;
                            (i64::from(rows[talker][i]) * fixed + 1024) >> 11
                        }).sum();
                        let hears = i64::from(deaf >> listener & 1 == 0);
                        (sum.clamp(-32_768, 32_767) * hears) as i16
                    })
                    .collect();
                let mut heard = vec![0; 80 * channels];
                mixer.output(*id, &mut heard).unwrap();
                prop_assert_eq!(&heard, &expected, "listener {} by {:?}", listener, unit);
            }
        }
    }
}

#[test]
fn gains_for_one_listener_end_with_the_talker_and_are_bounded() {
    let config = MixerConfig { max_participants: 4, max_pair_gains: 2, ..Default::default() };
    let mut mixer = Mixer::new(&config).unwrap();
    let ids: Vec<_> = (0..4).map(|_| mixer.add().unwrap()).collect();
    mixer.set_pair_gain(ids[0], ids[1], Some(0.0)).unwrap();
    mixer.set_pair_gain(ids[0], ids[2], Some(0.5)).unwrap();
    assert_eq!(mixer.set_pair_gain(ids[1], ids[0], Some(1.0)), Err(MixerError::Full));
    assert_eq!(mixer.set_pair_gain(ids[0], ids[1], Some(f32::NAN)), Err(MixerError::InvalidGain));
    assert_eq!(mixer.hears_common(ids[0]), Ok(false));
    mixer.remove(ids[1]).unwrap();
    assert_eq!(mixer.set_pair_gain(ids[0], ids[1], None), Err(MixerError::UnknownParticipant));
    mixer.set_pair_gain(ids[0], ids[2], None).unwrap();
    // One run to ramp back, one to forget.
    mixer.run();
    mixer.run();
    assert_eq!(mixer.hears_common(ids[0]), Ok(true));
    for n in 2..4 {
        mixer.set_pair_gain(ids[3], ids[if n == 2 { 0 } else { 2 }], Some(1.0)).unwrap();
    }
    assert_eq!(mixer.pairs.used, 2);
}

#[test]
fn every_change_of_who_hears_whom_is_a_ramp() {
    let config = MixerConfig {
        sample_rate_hz: 48_000,
        max_participants: 2,
        max_pair_gains: 2,
        ..Default::default()
    };
    let mut mixer = Mixer::new(&config).unwrap();
    let (talker, listener) = (mixer.add().unwrap(), mixer.add().unwrap());
    let mut heard = Vec::new();
    for frame in 0..10 {
        match frame {
            1 => mixer.set_private(talker, true).unwrap(),
            3 => mixer.set_pair_gain(listener, talker, Some(2.0)).unwrap(),
            4 => mixer.set_private(talker, false).unwrap(),
            5 => mixer.set_pair_gain(listener, talker, None).unwrap(),
            7 => mixer.set_listening(listener, false).unwrap(),
            8 => mixer.set_listening(listener, true).unwrap(),
            _ => {}
        }
        mixer.input(talker).unwrap().fill(10_000);
        mixer.run();
        let mut pcm = [0; 480];
        mixer.output(listener, &mut pcm).unwrap();
        heard.extend(pcm);
    }
    let levels: Vec<i16> = heard.chunks(480).map(|frame| frame[479]).collect();
    assert_eq!(levels, [10_000, 0, 0, 20_000, 20_000, 10_000, 10_000, 0, 10_000, 10_000]);
    let largest = heard.windows(2).map(|w| (w[0] - w[1]).abs()).max().unwrap();
    assert!(largest <= 20_000 / 480 + 5, "a step of {largest}");
}

#[test]
fn listeners_change_between_the_common_limiter_and_their_own_unheard() {
    let config = MixerConfig { limiter: true, max_participants: 4, ..Default::default() };
    for unit in Unit::available() {
        let mut mixer = Mixer::new(&config).unwrap();
        mixer.unit = unit;
        let ids: Vec<_> = (0..4).map(|_| mixer.add().unwrap()).collect();
        let tone = |n: usize| 30_000.0 * (n as f32 * 0.05).sin();
        let mut heard = Vec::new();
        let mut common = Vec::new();
        for frame in 0..400 {
            // Three shout for a second, and one whispers nothing, then something for a while.
            let loud = if frame < 100 { 1.0 } else { 0.1 };
            for id in &ids[..3] {
                for (i, sample) in mixer.input(*id).unwrap().iter_mut().enumerate() {
                    *sample = (loud * tone(frame * 80 + i)) as i16;
                }
            }
            let whispers = (20..60).contains(&frame);
            mixer.input(ids[3]).unwrap().fill(i16::from(whispers));
            mixer.run();
            common.push(mixer.hears_common(ids[3]).unwrap());
            let mut pcm = [0; 80];
            mixer.output(ids[3], &mut pcm).unwrap();
            heard.extend(pcm);
        }
        assert!(common[..20].iter().all(|common| *common));
        assert!(!common[20] && !common[59], "who contributes has a limiter of its own");
        assert!(common[399], "and gives it up once both agree");
        assert!(heard.iter().all(|sample| sample.unsigned_abs() <= 32_001));
        // The tone moves by at most 5 % of its height a sample, and so must what is heard of it;
        // the limiter's first attack may add its line.
        let limit = |n: usize| if n < 320 { 5_000 } else { 1_700 };
        for (n, pair) in heard.windows(2).enumerate().filter(|(n, _)| n / 80 != 100) {
            assert!((pair[0] - pair[1]).abs() <= limit(n), "a step at {n}: {pair:?}");
        }
    }
}
