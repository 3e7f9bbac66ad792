// SPDX-License-Identifier: MIT OR Apache-2.0
//! A batch gives the results, the bytes and the state of doing its jobs one after the other.

use alloc::sync::Arc;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::test_support::{config, rtp};
use super::super::*;

/// One packet to send: session, SSRC, step of the sequence number, payload, room for the trailer.
type Outgoing = (usize, u32, i8, usize, usize);

fn outgoing() -> impl Strategy<Value = Outgoing> {
    let payload = prop_oneof![3 => Just(160_usize), 1 => 0_usize..1400];
    let room = prop_oneof![9 => Just(40_usize), 1 => 0_usize..20];
    (0_usize..13, 0_u32..3, -1_i8..4, payload, room)
}

/// What happens to a packet on the way: a bit flips, it comes twice, it moves.
type Harm = (u8, prop::sample::Index);

fn sessions<T>(engine: &Engine, suites: &[usize], make: impl Fn(&SessionConfig) -> T) -> Vec<T> {
    let with = |(i, &suite): (usize, &usize)| {
        let mut config = config(Suite::ALL[suite], i as u8);
        config.engine = if i == 5 { Engine::Best } else { engine.clone() };
        config.max_streams = 2;
        config.initial_roc = (i % 2) as u32;
        config.roc_retry = (i % 3) as u8 * 2;
        let external = matches!(config.engine, Engine::External(_));
        config.key_derivation_rate_log2 = (i == 4 && !external).then_some(2);
        make(&config)
    };
    suites.iter().enumerate().map(with).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn batches_do_what_single_calls_do(
        suites in prop::collection::vec(prop_oneof![Just(4_usize), 0_usize..10], 12),
        packets in prop::collection::vec(outgoing(), 1..200),
        harms in prop::collection::vec(any::<Harm>(), 0..200),
        kernel in 0_usize..=Kernel::ALL.len(),
    ) {
        let engine = match Kernel::ALL.get(kernel) {
            Some(&kernel) => Engine::Builtin(kernel),
            None => Engine::External(Arc::new(backend::RustCrypto)),
        };
        prop_assume!(!matches!(engine, Engine::Builtin(kernel) if !kernel.is_available()));
        let kernel = &engine;
        let mut sequence = 65500_u16;
        let plain: Vec<(usize, Vec<u8>, usize)> = packets.into_iter().map(|p| {
            let (session, ssrc, step, payload, room) = p;
            sequence = sequence.wrapping_add_signed(i16::from(step));
            let packet = rtp(ssrc, sequence, payload);
            let len = packet.len();
            let mut buffer = packet;
            buffer.resize(len + room, 0xee);
            (session, buffer, len)
        }).collect();

        let mut singles = sessions(kernel, &suites, |c| Sender::new(c).unwrap());
        let mut expected = plain.clone();
        let results: Vec<_> = expected.iter_mut().map(|(session, buffer, len)| {
            match singles.get_mut(*session) {
                Some(sender) => sender.protect(buffer, *len),
                None => Err(SrtpError::InvalidConfig),
            }
        }).collect();

        let mut batched = sessions(kernel, &suites, |c| Sender::new(c).unwrap());
        let mut actual = plain;
        let mut jobs: Vec<_> =
            actual.iter_mut().map(|(s, buffer, len)| Job::new(*s, buffer, *len)).collect();
        protect_batch(&mut batched, &mut jobs);
        let batch_results: Vec<_> = jobs.iter().map(|job| job.result).collect();
        prop_assert_eq!(&batch_results, &results);
        prop_assert_eq!(&actual, &expected);
        for (a, b) in singles.iter().zip(&batched) {
            prop_assert_eq!(a.stats(), b.stats());
            prop_assert!(a.streams().eq(b.streams()));
        }

        let mut received: Vec<(usize, Vec<u8>)> = expected.into_iter().zip(results)
            .filter_map(|((session, mut buffer, _), result)| {
                buffer.truncate(result.ok()?);
                Some((session, buffer))
            }).collect();
        for (what, place) in harms {
            if received.is_empty() {
                break;
            }
            let at = place.index(received.len());
            match what % 4 {
                0 => {
                    let bit = place.index(received[at].1.len() * 8);
                    received[at].1[bit / 8] ^= 1 << (bit % 8);
                }
                1 => received.insert(at, received[at].clone()),
                2 => received.swap(at, usize::from(what) % (at + 1)),
                _ => received[at].0 = usize::from(what / 4) % 14,
            }
        }

        let mut singles = sessions(kernel, &suites, |c| Receiver::new(c).unwrap());
        let mut expected = received.clone();
        let results: Vec<_> = expected.iter_mut().map(|(session, buffer)| {
            match singles.get_mut(*session) {
                Some(receiver) => receiver.unprotect(buffer),
                None => Err(SrtpError::InvalidConfig),
            }
        }).collect();
        let mut batched = sessions(kernel, &suites, |c| Receiver::new(c).unwrap());
        let mut actual = received;
        let mut jobs: Vec<_> = actual.iter_mut().map(|(s, buffer)| {
            let len = buffer.len();
            Job::new(*s, buffer, len)
        }).collect();
        unprotect_batch(&mut batched, &mut jobs);
        let batch_results: Vec<_> = jobs.iter().map(|job| job.result).collect();
        prop_assert_eq!(&batch_results, &results);
        prop_assert!(actual == expected);
        for (a, b) in singles.iter_mut().zip(&mut batched) {
            prop_assert_eq!(a.stats(), b.stats());
            prop_assert!(a.streams().eq(b.streams()));
            while let Some(event) = a.poll_event() {
                prop_assert_eq!(Some(event), b.poll_event());
            }
            prop_assert_eq!(b.poll_event(), None);
        }
    }
}

#[test]
fn owners_of_sessions_can_batch_without_giving_them_up() {
    struct Leg(Sender);
    impl AsRef<Sender> for Leg {
        fn as_ref(&self) -> &Sender {
            &self.0
        }
    }
    impl AsMut<Sender> for Leg {
        fn as_mut(&mut self) -> &mut Sender {
            &mut self.0
        }
    }
    let config = config(Suite::AesCm128HmacSha1_80, 1);
    let mut legs: Vec<Leg> = (0..20).map(|_| Leg(Sender::new(&config).unwrap())).collect();
    let mut buffers: Vec<Vec<u8>> = (0..20).map(|i| rtp(i, 1, 180)).collect();
    let mut jobs: Vec<_> =
        buffers.iter_mut().enumerate().map(|(i, b)| Job::new(i, b, 172)).collect();
    protect_batch(&mut legs, &mut jobs);
    assert!(jobs.iter().all(|job| job.result == Ok(182) && job.buffer.len() == 192));
}
