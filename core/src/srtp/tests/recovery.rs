// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a call lives through: rollover counters that get lost, peers that begin anew, SSRCs that come
//! and go, keys that change. And what none of it may open: an index sent twice, a packet taken twice.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::super::backend::{Backend, BackendJob, BackendKey, KeySpec};
use super::super::test_support::{config, rtp};
use super::super::*;
use super::behaviour::{protect, protect_rtcp, rtcp, unprotect, unprotect_rtcp};

/// A sender whose next packet has this index.
fn sender_at(config: &SessionConfig, ssrc: u32, index: u64) -> Sender {
    let mut sender = Sender::new(config).unwrap();
    sender.set_stream(StreamState::new(ssrc, (index >> 16) as u32)).unwrap();
    sender
}

fn seal(sender: &mut Sender, ssrc: u32, index: u64) -> Vec<u8> {
    protect(sender, &rtp(ssrc, index as u16, 20)).unwrap()
}

/// How many packets from `index` on it takes until one is taken.
fn taken_after(
    receiver: &mut Receiver,
    config: &SessionConfig,
    ssrc: u32,
    index: u64,
) -> Option<u64> {
    let mut sender = sender_at(config, ssrc, index);
    (0..200).find(|i| unprotect(receiver, &seal(&mut sender, ssrc, index + i)).is_ok())
}

#[test]
fn a_lost_rollover_counter_is_found_by_authentication() {
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80] {
        let config = config(suite, 1);
        for last in [70_000_u64, 100_000, 131_000, 200_000] {
            for gap in
                [33_000_u64, 40_000, 65_500, 65_536, 65_600, 98_000, 131_072, 150_000, 200_000]
            {
                let mut receiver = Receiver::new(&config).unwrap();
                receiver.set_stream(StreamState::new(5, (last >> 16) as u32)).unwrap();
                unprotect(&mut receiver, &seal(&mut sender_at(&config, 5, last), 5, last)).unwrap();
                let after = taken_after(&mut receiver, &config, 5, last + gap);
                assert_eq!(after, Some(0), "{suite:?}: {gap} after {last}");
                let state = receiver.stream(5).unwrap();
                assert_eq!(state.roc, ((last + gap) >> 16) as u32);
            }
        }
    }
}

#[test]
fn first_packets_lost_across_a_rollover_and_late_joins_are_heard() {
    for suite in [Suite::AeadAes256Gcm, Suite::AesCm128HmacSha1_80] {
        let config = config(suite, 1);
        for first in [65_536_u64, 65_550, 98_000, 131_072, 200_000, 280_000] {
            let mut receiver = Receiver::new(&config).unwrap();
            assert_eq!(taken_after(&mut receiver, &config, 5, first), Some(0), "{first}");
        }
    }
}

#[test]
fn a_counter_is_found_among_as_many_forgeries() {
    let config = config(Suite::AesCm128HmacSha1_80, 1);
    for forgeries in [1_usize, 2, 3] {
        for phase in 0..40 {
            let mut receiver = Receiver::new(&config).unwrap();
            let mut stranger =
                sender_at(&super::super::test_support::config(config.suite, 9), 5, 9);
            let mut forge = {
                let mut sequence = 9;
                move |receiver: &mut Receiver| {
                    let forged = seal(&mut stranger, 5, sequence);
                    sequence += 1;
                    assert!(unprotect(receiver, &forged).is_err());
                }
            };
            (0..100 + phase).for_each(|_| forge(&mut receiver));
            let mut peer = sender_at(&config, 5, 3 << 16);
            let heard = (0..100_u64).find(|i| {
                (0..forgeries).for_each(|_| forge(&mut receiver));
                unprotect(&mut receiver, &seal(&mut peer, 5, (3 << 16) + i)).is_ok()
            });
            assert!(heard.is_some(), "{forgeries} forgeries a packet, phase {phase}");
        }
    }
}

/// Counts the packets that are to be opened.
#[derive(Debug, Default)]
struct Counting(AtomicUsize);

impl Backend for Counting {
    fn schedule(&self, keys: &KeySpec<'_>) -> Result<BackendKey, SrtpError> {
        backend::RustCrypto.schedule(keys)
    }

    fn seal(&self, jobs: &mut [BackendJob<'_>]) {
        backend::RustCrypto.seal(jobs);
    }

    fn open(&self, jobs: &mut [BackendJob<'_>]) {
        self.0.fetch_add(jobs.len(), Ordering::Relaxed);
        backend::RustCrypto.open(jobs);
    }
}

#[test]
fn a_flood_of_forgeries_costs_a_quarter_more_and_no_more() {
    let counting = Arc::new(Counting::default());
    let mut config = config(Suite::AesCm128HmacSha1_80, 1);
    config.engine = Engine::External(counting.clone());
    let mut receiver = Receiver::new(&config).unwrap();
    let mut stranger = Sender::new(&super::super::test_support::config(config.suite, 9)).unwrap();
    let forged: Vec<_> = (0..10_000).map(|i| seal(&mut stranger, 5, i)).collect();
    for packet in &forged {
        assert_eq!(unprotect(&mut receiver, packet), Err(SrtpError::AuthenticationFailed));
    }
    let opened = counting.0.load(Ordering::Relaxed);
    // 16 to begin with; and at each doubling of the row up to 22 for the diagnosis.
    assert!((10_000..=12_500 + 16 + 10 * 22).contains(&opened), "{opened} tries");

    // The same, with a good packet after each: the row is short, the budget is the same.
    counting.0.store(0, Ordering::Relaxed);
    let mut peer = Sender::new(&config).unwrap();
    for (i, packet) in forged.iter().enumerate() {
        assert!(unprotect(&mut receiver, packet).is_err());
        unprotect(&mut receiver, &seal(&mut peer, 6, i as u64)).unwrap();
    }
    let opened = counting.0.load(Ordering::Relaxed);
    assert!(opened <= 20_000 + 2_500 + 16, "{opened} tries");
    let mut events = 0;
    while receiver.poll_event().is_some() {
        events += 1;
    }
    assert!(events <= 4);
}

#[test]
fn counters_below_what_was_received_are_never_tried() {
    let config = config(Suite::AeadAes128Gcm, 1);
    let mut sender = Sender::new(&config).unwrap();
    let old: Vec<_> = (0..300).map(|i| seal(&mut sender, 5, i)).collect();
    let mut receiver = Receiver::new(&config).unwrap();
    unprotect(&mut receiver, &old[0]).unwrap();
    assert_eq!(taken_after(&mut receiver, &config, 5, 150_000), Some(0));
    for packet in &old {
        assert!(unprotect(&mut receiver, packet).is_err());
    }
}

#[test]
fn a_peer_that_counts_from_zero_again_under_new_keys_is_followed() {
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80] {
        let (old, new) = (config(suite, 1), config(suite, 2));
        for (last, first) in
            [(70_000_u64, 4_470_u64), (70_000, 100), (200_000, 3_400), (40_000, 39_000)]
        {
            let mut receiver = Receiver::new(&old).unwrap();
            let mut sender = sender_at(&old, 5, last - 20);
            let before: Vec<_> = (last - 20..=last).map(|i| seal(&mut sender, 5, i)).collect();
            receiver.set_stream(StreamState::new(5, ((last - 20) >> 16) as u32)).unwrap();
            for packet in &before[..20] {
                unprotect(&mut receiver, packet).unwrap();
            }
            for _ in 0..200 {
                let report = protect_rtcp(&mut sender, &rtcp(5)).unwrap();
                unprotect_rtcp(&mut receiver, &report).unwrap();
            }
            let _ = receiver.rekey(PreparedKeys::new(&new).unwrap()).unwrap();
            // The last under the old keys.
            unprotect(&mut receiver, &before[20]).unwrap();
            let mut anew = sender_at(&new, 5, first);
            let sealed: Vec<_> = (first..first + 50).map(|i| seal(&mut anew, 5, i)).collect();
            for packet in &sealed {
                unprotect(&mut receiver, packet).unwrap();
            }
            // Media alone ends the old keys' time, before a report does.
            for packet in &before {
                assert!(unprotect(&mut receiver, packet).is_err());
            }
            let report = protect_rtcp(&mut anew, &rtcp(5)).unwrap();
            unprotect_rtcp(&mut receiver, &report).unwrap();
            // Nothing comes twice, of the old keys or the new ones, back under the old ones or not.
            assert_eq!(unprotect_rtcp(&mut receiver, &report), Err(SrtpError::Replayed));
            let back = PreparedKeys::new(&old).unwrap();
            for packet in before.iter().chain(&sealed) {
                assert!(unprotect(&mut receiver, packet).is_err());
            }
            let _ = receiver.rekey(back).unwrap();
            for packet in before.iter().chain(&sealed) {
                assert!(unprotect(&mut receiver, packet).is_err(), "{suite:?} {last} {first}");
            }
        }
    }
}

#[test]
fn a_session_never_goes_deaf_or_silent_whatever_number_of_ssrcs_come() {
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80] {
        let config = config(suite, 1);
        let (mut sender, mut receiver) =
            (Sender::new(&config).unwrap(), Receiver::new(&config).unwrap());
        let mut refused = 0;
        for ssrc in 0..200 {
            for i in 0..3 {
                let sealed = seal(&mut sender, ssrc, 100 * u64::from(ssrc) + i);
                refused += u32::from(unprotect(&mut receiver, &sealed).is_err());
                let Ok(report) = protect_rtcp(&mut sender, &rtcp(ssrc + 1_000)) else { continue };
                refused += u32::from(unprotect_rtcp(&mut receiver, &report).is_err());
            }
        }
        assert_eq!(refused, 0);
    }
}
