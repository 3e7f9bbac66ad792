// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mixer against a slow and obvious model: for each listener, add up the others.

use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

use super::*;

fn mixer(rate: u32, places: usize) -> Mixer {
    Mixer::new(&MixerConfig { sample_rate_hz: rate, max_participants: places }).unwrap()
}

/// What listener `me` must hear: each other's sample times its ramped gain, summed in 64 bits,
/// then clamped.
fn model(rows: &[Vec<i16>], gains: &[(i32, i32)], me: usize) -> Vec<i16> {
    let count = rows[0].len();
    (0..count)
        .map(|i| {
            let sum: i64 = (0..rows.len())
                .filter(|other| *other != me)
                .map(|other| {
                    let (from, to) = gains[other];
                    let factor = from + (to - from) * (i as i32 + 1) / count as i32;
                    (i64::from(rows[other][i]) * i64::from(factor) + 2048) >> 12
                })
                .sum();
            sum.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
        })
        .collect()
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
        muted in any::<u16>(), seed: u64, unity: bool,
    ) {
        let count = (rate / 100) as usize;
        for kernel in Kernel::all() {
            let mut mixer = mixer(rate, factors.len());
            mixer.kernel = kernel;
            let ids: Vec<_> = factors.iter().map(|_| mixer.add().unwrap()).collect();
            let rows: Vec<_> = (0..ids.len()).map(|i| row(seed ^ i as u64, count)).collect();
            let mut gains = vec![(4096, 4096); ids.len()];
            // Twice with the gains of the first frame, so that both ramp and steady are met.
            for _frame in 0..3 {
                for (i, id) in ids.iter().enumerate() {
                    let factor = if unity { 1.0 } else { factors[i] };
                    mixer.set_gain(*id, factor).unwrap();
                    mixer.set_muted(*id, muted >> i & 1 == 1).unwrap();
                    let fixed = (factor * 4096.0).round_ties_even() as i32;
                    gains[i] = (gains[i].1, if muted >> i & 1 == 1 { 0 } else { fixed });
                    mixer.input(*id).unwrap().copy_from_slice(&rows[i]);
                }
                mixer.run();
                for (i, id) in ids.iter().enumerate() {
                    let mut heard = vec![0; count];
                    mixer.output(*id, &mut heard).unwrap();
                    prop_assert_eq!(&heard, &model(&rows, &gains, i), "{:?}", kernel);
                    let energy: u64 = rows[i].iter().map(|s| i64::from(*s).pow(2) as u64).sum();
                    prop_assert_eq!(mixer.places[id.index as usize].energy, energy);
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
    assert!(largest <= 15_000 / 480 + 2, "a step of {largest}");
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
        let config = MixerConfig { sample_rate_hz: rate, max_participants: places };
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
