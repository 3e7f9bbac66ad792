// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checkpoints: no index is sent twice, whatever crashes when, and media goes on.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::checkpoint::{MAX_RESERVE, Restored, Wrapping, generation};
use super::super::test_support::{config, rtp};
use super::super::*;

const KEY: [u8; 32] = [0x42; 32];

fn wrapping(nonce: u8) -> Wrapping<'static> {
    Wrapping { key: &KEY, nonce: [nonce; 12] }
}

fn send(sender: &mut Sender, ssrc: u32, sequence: u16) -> Result<Vec<u8>, SrtpError> {
    let mut packet = rtp(ssrc, sequence, 20);
    let len = packet.len();
    packet.resize(len + MAX_TRAILER_BYTES, 0);
    let len = sender.protect(&mut packet, len)?;
    packet.truncate(len);
    Ok(packet)
}

/// Sends a report; its SRTCP index, which stands last under GCM (RFC 7714 section 9.2).
fn report(sender: &mut Sender, ssrc: u32) -> Result<u32, SrtpError> {
    let mut packet = [0; 8 + MAX_TRAILER_BYTES];
    packet[..4].copy_from_slice(&[0x80, 201, 0, 1]);
    packet[4..8].copy_from_slice(&ssrc.to_be_bytes());
    let len = sender.protect_rtcp(&mut packet, 8)?;
    let word = packet[..len].last_chunk::<4>().unwrap();
    Ok(u32::from_be_bytes(*word) & 0x7fff_ffff)
}

#[derive(Debug, Clone)]
enum Step {
    Send { ssrc: u32, count: u8, gap: u8 },
    Report { ssrc: u32, count: u8 },
    Checkpoint { reserve: u32 },
    Confirm,
    Crash { which: prop::sample::Index },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_u32..2, any::<u8>(), 0_u8..40)
            .prop_map(|(ssrc, count, gap)| Step::Send { ssrc, count, gap }),
        3 => (0_u32..2, any::<u8>()).prop_map(|(ssrc, count)| Step::Report { ssrc, count }),
        2 => (1_u32..600).prop_map(|reserve| Step::Checkpoint { reserve }),
        2 => Just(Step::Confirm),
        1 => any::<prop::sample::Index>().prop_map(|which| Step::Crash { which }),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn no_index_is_sent_twice_even_from_a_stale_checkpoint(steps in steps(), start: u16) {
        let config = config(Suite::AeadAes128Gcm, 1);
        let mut sender = Sender::new(&config).unwrap();
        let mut used = BTreeSet::new();
        let mut used_by_reports = BTreeSet::new();
        // What is stored: every checkpoint from the last confirmed one on.
        let mut stored: Vec<Vec<u8>> = Vec::new();
        let mut begin = |sender: &mut Sender| {
            for ssrc in 0..2 {
                send(sender, ssrc, start).unwrap();
                used.insert((ssrc, u64::from(start)));
            }
        };
        begin(&mut sender);
        for (nonce, step) in steps.into_iter().enumerate() {
            match step {
                Step::Send { ssrc, count, gap } => for _ in 0..count {
                    let state = sender.streams().find(|s| s.ssrc == ssrc).unwrap();
                    let highest = state.highest_sequence.unwrap();
                    let next = highest.wrapping_add(1 + u16::from(gap));
                    match send(&mut sender, ssrc, next) {
                        Ok(_) => {
                            let state = sender.streams().find(|s| s.ssrc == ssrc).unwrap();
                            let index = u64::from(state.roc) << 16 | u64::from(next);
                            prop_assert!(used.insert((ssrc, index)), "index {} twice", index);
                        }
                        Err(error) => prop_assert_eq!(error, SrtpError::CheckpointDue),
                    }
                },
                Step::Report { ssrc, count } => for _ in 0..count {
                    match report(&mut sender, ssrc) {
                        Ok(index) => prop_assert!(
                            used_by_reports.insert((ssrc, index)), "SRTCP index {} twice", index
                        ),
                        Err(error) => prop_assert_eq!(error, SrtpError::CheckpointDue),
                    }
                },
                Step::Checkpoint { reserve } => {
                    stored.push(sender.checkpoint(&wrapping(nonce as u8), reserve).unwrap());
                }
                Step::Confirm => if let Some(last) = stored.last()
                    && sender.confirm_checkpoint(generation(last).unwrap())
                {
                    stored.drain(..stored.len() - 1);
                },
                Step::Crash { which } => if !stored.is_empty() {
                    let checkpoint = &stored[which.index(stored.len())];
                    sender = Restored::open(&KEY, checkpoint).unwrap().into_sender().unwrap();
                },
            }
        }
    }
}

#[test]
fn receivers_follow_a_restored_sender() {
    for suite in [Suite::AeadAes256Gcm, Suite::AesCm128HmacSha1_80] {
        let config = config(suite, 1);
        let (mut sender, mut receiver) =
            (Sender::new(&config).unwrap(), Receiver::new(&config).unwrap());
        let mut last = Vec::new();
        for sequence in 60_000..60_100 {
            last = send(&mut sender, 5, sequence).unwrap();
            receiver.unprotect(&mut last.clone()).unwrap();
        }
        let stored = sender.checkpoint(&wrapping(1), MAX_RESERVE).unwrap();
        let received = receiver.checkpoint(&wrapping(2), 7).unwrap();

        let mut sender = Restored::open(&KEY, &stored).unwrap().into_sender().unwrap();
        let mut receiver = Restored::open(&KEY, &received).unwrap().into_receiver().unwrap();
        let state = sender.streams().next().unwrap();
        let next = state.highest_sequence.unwrap().wrapping_add(1);
        assert_eq!(send(&mut sender, 5, next), Err(SrtpError::CheckpointDue));
        let stored = sender.checkpoint(&wrapping(3), 100).unwrap();
        assert!(sender.confirm_checkpoint(generation(&stored).unwrap()));
        let mut packet = send(&mut sender, 5, next).unwrap();
        assert_eq!(receiver.unprotect(&mut packet), Ok(32));
        assert_eq!(receiver.streams().next().unwrap().roc, 1);
        assert_eq!(receiver.unprotect(&mut last), Err(SrtpError::TooOld));
        // Streams that the checkpoint does not know could have been used since.
        assert_eq!(send(&mut sender, 6, 1), Err(SrtpError::UnknownSsrc));
    }
}

#[test]
fn reservation_is_announced_at_its_half_and_ends() {
    let mut sender = Sender::new(&config(Suite::AeadAes128Gcm, 1)).unwrap();
    send(&mut sender, 5, 99).unwrap();
    let stored = sender.checkpoint(&wrapping(1), 10).unwrap();
    assert_eq!(generation(&stored), Some(1));
    for sequence in 100..110 {
        send(&mut sender, 5, sequence).unwrap();
        let expected = (sequence == 105).then_some(Event::CheckpointDue { ssrc: 5 });
        assert_eq!(sender.poll_event(), expected);
    }
    assert_eq!(send(&mut sender, 5, 110), Err(SrtpError::CheckpointDue));
    let stored = sender.checkpoint(&wrapping(2), 10).unwrap();
    assert_eq!(send(&mut sender, 5, 110), Err(SrtpError::CheckpointDue));
    assert!(!sender.confirm_checkpoint(1));
    assert!(sender.confirm_checkpoint(generation(&stored).unwrap()));
    send(&mut sender, 5, 110).unwrap();
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused() {
    let mut sender = Sender::new(&config(Suite::AeadAes128Gcm, 1)).unwrap();
    send(&mut sender, 5, 99).unwrap();
    let stored = sender.checkpoint(&wrapping(1), 10).unwrap();
    for at in 0..stored.len() {
        let mut damaged = stored.clone();
        damaged[at] ^= 1;
        assert!(matches!(Restored::open(&KEY, &damaged), Err(SrtpError::InvalidCheckpoint)));
        assert!(matches!(Restored::open(&KEY, &stored[..at]), Err(SrtpError::InvalidCheckpoint)));
    }
    assert!(Restored::open(&[0; 32], &stored).is_err());
    assert!(Restored::open(&KEY, &stored).unwrap().into_receiver().is_err());
}
