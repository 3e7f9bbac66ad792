// SPDX-License-Identifier: MIT OR Apache-2.0
//! State that is given from outside, and state that has to make room: whatever happens, no index is
//! sent twice under a key, and no packet is taken twice.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::checkpoint::{Restored, Wrapping};
use super::super::test_support::{config, rtp};
use super::super::*;
use super::behaviour::{protect, protect_rtcp, rtcp, unprotect, unprotect_rtcp};

const NOTHING: StreamState =
    StreamState { ssrc: 5, roc: 0, highest_sequence: None, rtcp_index: None };

#[test]
fn a_sender_is_not_set_back() {
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80] {
        let mut sender = Sender::new(&config(suite, 1)).unwrap();
        sender.set_stream(StreamState::new(5, 1)).unwrap();
        for sequence in 100..106 {
            protect(&mut sender, &rtp(5, sequence, 20)).unwrap();
            protect_rtcp(&mut sender, &rtcp(5)).unwrap();
        }
        let state = sender.stream(5).unwrap();
        assert_eq!((state.roc, state.highest_sequence, state.rtcp_index), (1, Some(105), Some(5)));
        for back in [
            StreamState { highest_sequence: Some(104), ..state },
            StreamState { roc: 0, ..state },
            StreamState { rtcp_index: Some(4), ..state },
            StreamState { roc: 0, ..NOTHING },
        ] {
            assert_eq!(sender.set_stream(back), Err(SrtpError::IndexReused), "{back:?}");
        }
        // Where it is, or nothing said of it, changes nothing.
        sender.set_stream(state).unwrap();
        sender.set_stream(StreamState { roc: 1, ..NOTHING }).unwrap();
        assert_eq!(sender.stream(5), Some(state));
        assert_eq!(protect(&mut sender, &rtp(5, 105, 20)), Err(SrtpError::IndexReused));
        assert_eq!(protect(&mut sender, &rtp(5, 50, 20)).map(|_| ()), Ok(()), "never sent");
        // Forward, with a sequence number and without.
        sender.set_stream(StreamState { highest_sequence: Some(200), ..state }).unwrap();
        assert_eq!(protect(&mut sender, &rtp(5, 150, 20)), Err(SrtpError::IndexReused));
        sender.set_stream(StreamState { roc: 3, ..NOTHING }).unwrap();
        protect(&mut sender, &rtp(5, 40_000, 20)).unwrap();
        let state = sender.stream(5).unwrap();
        assert_eq!(
            (state.roc, state.highest_sequence, state.rtcp_index),
            (3, Some(40_000), Some(5))
        );
    }
}

#[test]
fn a_receiver_forgets_nothing_that_is_set() {
    let config = config(Suite::AeadAes128Gcm, 1);
    let (mut sender, mut receiver) =
        (Sender::new(&config).unwrap(), Receiver::new(&config).unwrap());
    let sealed: Vec<_> = (0..10).map(|s| protect(&mut sender, &rtp(5, s, 20)).unwrap()).collect();
    let report = protect_rtcp(&mut sender, &rtcp(5)).unwrap();
    unprotect(&mut receiver, &sealed[8]).unwrap();
    unprotect_rtcp(&mut receiver, &report).unwrap();
    let state = receiver.stream(5).unwrap();
    receiver.set_stream(NOTHING).unwrap();
    receiver.set_stream(state).unwrap();
    let back = StreamState { highest_sequence: Some(7), ..state };
    assert_eq!(receiver.set_stream(back), Err(SrtpError::TooOld));
    assert!(receiver.remove_stream(5));
    receiver.set_stream(NOTHING).unwrap();
    assert_eq!(unprotect(&mut receiver, &sealed[8]), Err(SrtpError::Replayed));
    assert_eq!(unprotect_rtcp(&mut receiver, &report), Err(SrtpError::Replayed));
    unprotect(&mut receiver, &sealed[7]).unwrap();
    unprotect(&mut receiver, &sealed[9]).unwrap();
}

/// Anything that a host, a peer or a replaying stranger may do to a pair of halves.
#[derive(Debug, Clone)]
enum Step {
    Send { ssrc: u32, step: i16, report: bool },
    Replay { which: prop::sample::Index },
    Set { ssrc: u32, roc: u32, sequence: Option<u16>, report: Option<u32>, sender: bool },
    Remove { ssrc: u32, sender: bool },
    Rekey { seed: u8, sender: bool },
    Restore,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ssrc = 0_u32..12;
    let step = prop_oneof![
        12 => (ssrc.clone(), prop_oneof![4 => -3_i16..6, 1 => any::<i16>()], any::<bool>())
            .prop_map(|(ssrc, step, report)| Step::Send { ssrc, step, report }),
        6 => any::<prop::sample::Index>().prop_map(|which| Step::Replay { which }),
        1 => (ssrc.clone(), 0_u32..3, any::<Option<u16>>(), any::<Option<u8>>(), any::<bool>())
            .prop_map(|(ssrc, roc, sequence, report, sender)| {
                Step::Set { ssrc, roc, sequence, report: report.map(u32::from), sender }
            }),
        1 => (ssrc, any::<bool>()).prop_map(|(ssrc, sender)| Step::Remove { ssrc, sender }),
        1 => (0_u8..4, any::<bool>()).prop_map(|(seed, sender)| Step::Rekey { seed, sender }),
        1 => Just(Step::Restore),
    ];
    prop::collection::vec(step, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// The table has room for two of twelve SSRCs, so that streams make room and come back all the
    /// time. A packet carries what it is in its payload; keys are told apart by their number.
    #[test]
    fn nothing_is_sent_or_taken_twice(steps in steps(), gcm: bool) {
        let suite = if gcm { Suite::AeadAes128Gcm } else { Suite::AesCm128HmacSha1_80 };
        let with = |seed| SessionConfig { max_streams: 2, ..config(suite, seed) };
        let mut sender = Sender::new(&with(0)).unwrap();
        let mut receiver = Receiver::new(&with(0)).unwrap();
        let mut key = 0;
        let mut next = [0_u16; 12];
        // What has been sealed: the datagram, and whether it is a report.
        let mut sealed: Vec<(Vec<u8>, bool)> = Vec::new();
        let mut sent = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for step in steps {
            match step {
                Step::Send { ssrc, step, report } => {
                    let datagram = if report {
                        let Ok(datagram) = protect_rtcp(&mut sender, &rtcp(ssrc)) else { continue };
                        datagram
                    } else {
                        let place = &mut next[ssrc as usize];
                        *place = place.wrapping_add_signed(step);
                        let Ok(datagram) = protect(&mut sender, &rtp(ssrc, *place, 4)) else { continue };
                        datagram
                    };
                    let state = sender.stream(ssrc).unwrap();
                    let index = if report {
                        u64::from(state.rtcp_index.unwrap())
                    } else {
                        // The tag tells packets of one sequence number and several counters apart.
                        u64::from(u16::from_be_bytes([datagram[2], datagram[3]]))
                    };
                    if report {
                        prop_assert!(sent.insert((key, ssrc, index)), "report {} twice", index);
                    } else {
                        let again = sealed.iter().any(|(other, _)| *other == datagram);
                        prop_assert!(!again, "packet {} of {} twice", index, ssrc);
                    }
                    sealed.push((datagram, report));
                    let at = sealed.len() - 1;
                    let (datagram, report) = sealed[at].clone();
                    let opened = if report {
                        unprotect_rtcp(&mut receiver, &datagram)
                    } else {
                        unprotect(&mut receiver, &datagram)
                    };
                    if opened.is_ok() {
                        prop_assert!(taken.insert(at), "taken twice");
                    }
                }
                Step::Replay { which } => if !sealed.is_empty() {
                    let at = which.index(sealed.len());
                    let (datagram, report) = sealed[at].clone();
                    let opened = if report {
                        unprotect_rtcp(&mut receiver, &datagram)
                    } else {
                        unprotect(&mut receiver, &datagram)
                    };
                    if opened.is_ok() {
                        prop_assert!(taken.insert(at), "replayed");
                    }
                },
                Step::Set { ssrc, roc, sequence, report, sender: true } => {
                    let state = StreamState { ssrc, roc, highest_sequence: sequence, rtcp_index: report };
                    let _ = sender.set_stream(state);
                }
                Step::Set { ssrc, roc, sequence, report, sender: false } => {
                    let state = StreamState { ssrc, roc, highest_sequence: sequence, rtcp_index: report };
                    let _ = receiver.set_stream(state);
                }
                Step::Remove { ssrc, sender: true } => { sender.remove_stream(ssrc); }
                Step::Remove { ssrc, sender: false } => { receiver.remove_stream(ssrc); }
                Step::Rekey { seed, sender: true } => {
                    let _ = sender.rekey(PreparedKeys::new(&with(seed)).unwrap()).unwrap();
                    key = seed;
                }
                Step::Rekey { seed, sender: false } => {
                    let _ = receiver.rekey(PreparedKeys::new(&with(seed)).unwrap()).unwrap();
                }
                Step::Restore => {
                    let wrapping = Wrapping { key: &[7; 32], nonce: [1; 12] };
                    let stored = receiver.checkpoint(&wrapping, 0).unwrap();
                    prop_assert_eq!(stored.len(), receiver.checkpoint_bytes());
                    receiver = Restored::open(&[7; 32], &stored).unwrap().into_receiver().unwrap();
                }
            }
        }
    }
}

#[test]
fn a_restored_session_keeps_what_it_was_made_for() {
    let mut made = config(Suite::AesCm128HmacSha1_80, 1);
    made.policy = Policy::Interop;
    made.allow_null_cipher = false;
    made.ssrcs = SsrcPolicy::Only(alloc::vec![5, 6]);
    made.initial_roc = 2;
    made.encrypted_extensions = alloc::vec![1];
    let mut other = config(Suite::AesCm128HmacSha1_80, 1);
    other.encrypted_extensions = alloc::vec![1];
    other.initial_roc = 2;
    let mut peer = Sender::new(&other).unwrap();
    let mut receiver = Receiver::new(&made).unwrap();
    unprotect(&mut receiver, &protect(&mut peer, &rtp(5, 1, 20)).unwrap()).unwrap();
    let wrapping = Wrapping { key: &[7; 32], nonce: [1; 12] };
    let stored = receiver.checkpoint(&wrapping, 3).unwrap();
    let restored = Restored::open(&[7; 32], &stored).unwrap();
    assert_eq!(restored.config.policy, Policy::Interop);
    assert_eq!(restored.config.initial_roc, 2);
    assert_eq!(restored.config.encrypted_extensions, [1]);
    let mut receiver = restored.into_receiver().unwrap();
    let stranger = protect(&mut peer, &rtp(99, 1, 20)).unwrap();
    assert_eq!(unprotect(&mut receiver, &stranger), Err(SrtpError::UnknownSsrc));
    unprotect(&mut receiver, &protect(&mut peer, &rtp(6, 1, 20)).unwrap()).unwrap();
    // Keys that come later are held to the same.
    let mut weak = config(Suite::AesCm128HmacSha1_32, 2);
    weak.encrypted_extensions = alloc::vec![1];
    let keys = PreparedKeys::new(&weak).unwrap();
    assert_eq!(receiver.rekey(keys).unwrap_err().0, SrtpError::NotPermitted);
    let mut next = config(Suite::AesCm128HmacSha1_80, 2);
    assert!(receiver.rekey(PreparedKeys::new(&next).unwrap()).is_err());
    next.encrypted_extensions = alloc::vec![1];
    let _ = receiver.rekey(PreparedKeys::new(&next).unwrap()).unwrap();
}
