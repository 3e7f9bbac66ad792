// SPDX-License-Identifier: MIT OR Apache-2.0
//! Batches of arrivals beside one datagram after the other.

use super::*;
use core::net::{Ipv4Addr, SocketAddr};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    /// Twelve peers of several suites send; datagrams are shuffled, damaged and repeated on the way.
    #[test]
    fn a_batch_does_what_single_calls_do(
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..300),
        damaged in prop::collection::vec(prop::option::weighted(0.1, any::<prop::sample::Index>()), 300),
        with_address in any::<bool>(),
    ) {
        let suites = [None, Some(Suite::AesCm128HmacSha1_80), Some(Suite::AeadAes128Gcm)];
        let mut sent = Vec::new();
        let (mut single, mut batched) = (Vec::new(), Vec::new());
        for n in 0..12_u32 {
            let (mut a, mut b) = pair(CodecSpec::Pcma, suites[n as usize % 3]);
            (a.local_ssrc, b.local_ssrc) = (n, 100 + n);
            let mut peer = end(&a);
            for tick in 0..12 {
                peer.media.push(&[tick as i16 * 100; 80]).unwrap();
                while let Some(datagram) = peer.media.poll_transmit(tick * TICK_NS) {
                    sent.push((n as usize, datagram.to_vec()));
                }
            }
            let bye = peer.media.goodbye(12 * TICK_NS).unwrap().to_vec();
            sent.push((n as usize, bye));
            single.push(Leg::new(&b).unwrap().0);
            batched.push(Leg::new(&b).unwrap().0);
        }
        let mut arrived: Vec<(usize, Vec<u8>)> = Vec::new();
        for (which, damage) in order.iter().zip(&damaged) {
            let (leg, mut datagram) = which.get(&sent).clone();
            if let Some(at) = damage {
                let at = at.index(datagram.len());
                datagram[at] ^= 0x40;
            }
            arrived.push((leg, datagram));
        }
        let from = |leg: usize| {
            with_address.then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 4_000 + leg as u16)))
        };
        let mut ones = arrived.clone();
        let expected: Vec<_> = ones
            .iter_mut()
            .map(|(leg, datagram)| match from(*leg) {
                Some(from) => single[*leg].receive_from(datagram, from, 7),
                None => single[*leg].receive(datagram, 7),
            })
            .collect();
        let mut all = arrived;
        let mut arrivals: Vec<_> = all
            .iter_mut()
            .map(|(leg, datagram)| Arrival { from: from(*leg), ..Arrival::new(*leg, datagram, 7) })
            .collect();
        receive_batch(&mut batched, &mut arrivals);
        for (arrival, expected) in arrivals.iter().zip(&expected) {
            prop_assert_eq!(&arrival.result, expected);
        }
        for (one, other) in single.iter().zip(&batched) {
            prop_assert_eq!(one.stats(), other.stats());
            prop_assert_eq!(one.remote_address(), other.remote_address());
        }
        for ((_, one), arrival) in ones.iter().zip(&arrivals) {
            if arrival.result.is_ok() {
                prop_assert_eq!(one.as_slice(), &*arrival.datagram);
            }
        }
        let mut nobody = [0; 20];
        let mut stray = [Arrival::new(99, &mut nobody, 0)];
        receive_batch(&mut batched, &mut stray);
        prop_assert_eq!(stray[0].result, Err(ReceiveError::NoLeg));
    }
}
