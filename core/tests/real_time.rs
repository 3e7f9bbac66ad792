// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is documented as real-time neither allocates nor frees: conferences of every codec, suite
//! and feature run under an allocator that counts.
#![allow(unsafe_code)] // A global allocator is unsafe to implement.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ale_media::codec::CodecSpec;
use ale_media::conference::{Conference, ConferenceConfig, JoinOptions};
use ale_media::leg::{Arrival, Leg, LegConfig, ReceiveError, SrtpConfig, receive_batch};
use ale_media::rtp::is_rtcp;
use ale_media::srtp::{Sender, Suite};
use support::Call;

thread_local! {
    /// Allocations and frees on this thread; other threads are the test harness's.
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// Bytes held by what this thread has allocated.
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

/// Most bytes of a G.711 leg and its place in a conference: so that it does not grow unnoticed.
const LIMIT: i64 = 38 << 10;

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        BYTES.set(BYTES.get() + layout.size() as i64);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        COUNT.set(COUNT.get() + 1);
        BYTES.set(BYTES.get() - layout.size() as i64);
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn counted<R>(work: impl FnOnce() -> R) -> (R, u64) {
    let before = COUNT.get();
    let result = work();
    (result, COUNT.get() - before)
}

#[test]
fn the_counter_counts() {
    assert_eq!(counted(|| drop(std::hint::black_box(Box::new(1)))).1, 2);
}

/// The test below would notice one allocation in a call.
#[test]
fn planted_an_allocation_in_a_tick_is_counted() {
    let mut call = Call::new(&support::settings()[0]);
    call.tick(0);
    let spare = Cell::new(None);
    let count = counted(|| {
        call.tick(1);
        spare.set(Some(Box::new(1)));
    });
    assert_eq!(count.1, 1);
}

#[test]
fn a_running_conference_allocates_nothing_in_any_codec_suite_and_feature() {
    for setting in support::settings() {
        let mut call = Call::new(&setting);
        let mut total = 0;
        for tick in 0..250 {
            call.order(tick);
            total += counted(|| call.tick(tick)).1;
        }
        assert_eq!(total, 0, "{setting:?}");
        assert!(call.heard > 0, "{setting:?} was silent");
        assert!(call.tapped > 0 && call.began > 3, "{setting:?}: {} taps", call.began);
    }
}

/// Nor does what is refused: RTP and RTCP of the peer's source and of others, alone and in batches, also where
/// a lost rollover counter is searched for. It is counted, each once.
#[test]
fn a_thousand_forgeries_allocate_nothing() {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm, Suite::AesCm256HmacSha1_80] {
        let mut ends = testkit::pair(&CodecSpec::Pcma, Some(suite), |_| {});
        let (mut media, mut report) = (Vec::new(), Vec::new());
        testkit::talk(&mut ends, 0..100, |ends, to, now_ns, datagram| {
            if to == 1 {
                let kept = if is_rtcp(&datagram) { &mut report } else { &mut media };
                kept.clone_from(&datagram);
            }
            testkit::deliver(ends, to, now_ns, datagram);
        });
        let receiver = &mut ends[1].receiver;
        let (mut total, before) = (0, receiver.stats());
        for n in 0..1000_u16 {
            let mut forged = if n % 4 == 3 { report.clone() } else { media.clone() };
            if n % 4 != 3 {
                let last = u16::from_be_bytes([media[2], media[3]]);
                forged[2..4].copy_from_slice(&last.wrapping_add(1 + n).to_be_bytes());
                forged[8] ^= (n % 3) as u8;
            }
            *forged.last_mut().unwrap() ^= 1;
            let now_ns = 2_000_000_000 + u64::from(n);
            let (result, count) = if n % 8 < 4 {
                counted(|| receiver.receive(&mut forged, now_ns))
            } else {
                let mut arrival = Arrival::new(0, &mut forged, now_ns);
                let receivers = std::slice::from_mut(&mut *receiver);
                let count =
                    counted(|| receive_batch(receivers, std::slice::from_mut(&mut arrival)));
                (arrival.result, count.1)
            };
            assert!(matches!(result, Err(ReceiveError::Srtp(_))), "{suite:?}, {n}: {result:?}");
            total += count;
        }
        let after = receiver.stats();
        assert_eq!(total, 0, "{suite:?}");
        assert_eq!(after.datagrams - before.datagrams, 1000);
        // Under GCM the last byte of a report is of its index: one that has been seen is a replay.
        let failed = after.authentication_failed - before.authentication_failed;
        assert_eq!(failed + after.replayed - before.replayed, 1000, "{suite:?}");
        assert!(failed >= 750, "{suite:?}: {failed}");
        assert_eq!((after.packets, after.rtcp_packets), (before.packets, before.rtcp_packets));
    }
}

/// What refuses a datagram before its tag is looked at, or after: what of it is wrong, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Replayed,
    TooOld,
    Short,
    Version,
    Extension,
    Identifier,
    Source,
    Type,
    ReplayedReport,
    ShortReport,
    ReportIdentifier,
    PlainReport,
}

const WRONG: [Wrong; 12] = [
    Wrong::Replayed,
    Wrong::TooOld,
    Wrong::Short,
    Wrong::Version,
    Wrong::Extension,
    Wrong::Identifier,
    Wrong::Type,
    Wrong::ReplayedReport,
    Wrong::ShortReport,
    Wrong::ReportIdentifier,
    Wrong::PlainReport,
    // Last: so many make the peer's own stream one that has been.
    Wrong::Source,
];

/// What the test above has not: replays, and what is too short, of an unknown key, source or payload type. A
/// source's packets authenticate: its keys are the peer's, and there are more of them than streams.
#[test]
fn a_thousand_refusals_of_each_kind_allocate_nothing() {
    const MKI: [u8; 3] = [7, 8, 9];
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm] {
        let keys = |byte: u8| {
            let mut config = testkit::keys(suite, byte);
            config.keys = config.keys.into_iter().map(|key| key.with_mki(&MKI).unwrap()).collect();
            config
        };
        let mut ends = testkit::pair(&CodecSpec::Pcma, Some(suite), |config| {
            let (send, receive) = if config.local_ssrc == 0xa { (1, 2) } else { (2, 1) };
            config.srtp = Some(SrtpConfig { send: keys(send), receive: keys(receive) });
        });
        let (mut first, mut media, mut report) = (Vec::new(), Vec::new(), Vec::new());
        testkit::talk(&mut ends, 0..600, |ends, to, now_ns, datagram| {
            if to == 1 {
                let kept = if is_rtcp(&datagram) { &mut report } else { &mut media };
                kept.clone_from(&datagram);
                if first.is_empty() && !is_rtcp(&datagram) {
                    first.clone_from(&datagram);
                }
            }
            testkit::deliver(ends, to, now_ns, datagram);
        });
        // Behind the tag under GCM, before it under HMAC.
        let behind = if suite == Suite::AeadAes128Gcm { 1 } else { suite.tag_bytes() + 1 };
        let receiver = &mut ends[1].receiver;
        for wrong in WRONG {
            let before = receiver.stats();
            let mut stranger = Sender::new(&keys(1)).unwrap();
            for n in 0..1000_u16 {
                let mut datagram = match wrong {
                    Wrong::TooOld => first.clone(),
                    Wrong::ReplayedReport | Wrong::ReportIdentifier | Wrong::PlainReport => {
                        report.clone()
                    }
                    Wrong::Short => media[..usize::from(n) % 25].to_vec(),
                    Wrong::ShortReport => report[..usize::from(n) % 25].to_vec(),
                    _ => media.clone(),
                };
                match wrong {
                    Wrong::Version => datagram[0] ^= 0x40,
                    Wrong::Extension => {
                        datagram[0] |= 0x10;
                        datagram[14..16].fill(0xff);
                    }
                    Wrong::Identifier | Wrong::ReportIdentifier => {
                        let at = datagram.len() - behind;
                        datagram[at] ^= 1 + n as u8 % 200;
                    }
                    Wrong::PlainReport => {
                        let at = datagram.len() - MKI.len() - 4 - suite_tag(suite, behind);
                        datagram[at] ^= 0x80;
                    }
                    Wrong::Source | Wrong::Type => {
                        datagram.truncate(12 + 160);
                        let ssrc = if wrong == Wrong::Source { 5_000 + n } else { 4_000 };
                        datagram[1] = 77;
                        datagram[2..4].copy_from_slice(&n.to_be_bytes());
                        datagram[8..12].copy_from_slice(&u32::from(ssrc).to_be_bytes());
                        datagram.resize(12 + 160 + 64, 0);
                        let len = stranger.protect(&mut datagram, 172).unwrap();
                        datagram.truncate(len);
                    }
                    _ => {}
                }
                let now_ns = 7_000_000_000 + u64::from(n);
                let (result, count) = if n % 2 == 0 {
                    counted(|| receiver.receive(&mut datagram, now_ns))
                } else {
                    let mut arrival = Arrival::new(0, &mut datagram, now_ns);
                    let receivers = std::slice::from_mut(&mut *receiver);
                    let count =
                        counted(|| receive_batch(receivers, std::slice::from_mut(&mut arrival)));
                    (arrival.result, count.1)
                };
                assert!(result.is_err(), "{suite:?}, {wrong:?}, {n}: {result:?}");
                assert_eq!(count, 0, "{suite:?}, {wrong:?}, {n}: {result:?}");
            }
            let after = receiver.stats();
            let told = match wrong {
                Wrong::Replayed | Wrong::TooOld | Wrong::ReplayedReport => {
                    after.replayed - before.replayed
                }
                Wrong::Identifier | Wrong::ReportIdentifier => {
                    after.srtp_refused - before.srtp_refused
                }
                // A source whose like has made room for another may be taken for it coming back.
                Wrong::Source | Wrong::Type => {
                    after.unknown_payload_type - before.unknown_payload_type + after.replayed
                        - before.replayed
                }
                _ => 1000,
            };
            assert_eq!(told, 1000, "{suite:?}, {wrong:?}: {after:?}");
            assert_eq!(after.packets, before.packets, "{suite:?}, {wrong:?}");
        }
    }
}

/// Bytes of tag between a report's index and its end.
fn suite_tag(suite: Suite, behind: usize) -> usize {
    if behind == 1 { 0 } else { suite.tag_bytes() }
}

#[test]
fn a_leg_in_a_conference_takes_a_bounded_piece_of_memory() {
    let before = BYTES.get();
    let config = ConferenceConfig { max_members: 100, ..ConferenceConfig::default() };
    let (conference, control) = Conference::new(&config).unwrap();
    let of_conference = BYTES.get() - before;
    let mut halves = Vec::with_capacity(100);
    let before = BYTES.get();
    for n in 0..100 {
        let (receiver, media, leg) = Leg::new(&LegConfig::plain(n, 8, CodecSpec::Pcma)).unwrap();
        control.join(Box::new(media), JoinOptions::default()).map_err(|(e, _)| e).unwrap();
        halves.push((receiver, leg));
    }
    let of_legs = BYTES.get() - before;
    let each = (of_conference + of_legs) / 100;
    println!("a G.711 leg: {} bytes, its place: {}", of_legs / 100, of_conference / 100);
    assert!(each < LIMIT, "{each} bytes a leg");
    drop(conference);
}

#[cfg(feature = "odd-rates")]
#[test]
fn resampling_at_odd_rates_allocates_nothing() {
    let mut resampler = ale_media::dsp::odd_rates::OddResampler::new(44_100, 48_000).unwrap();
    let mut out = [0; 2_000];
    let (made, count) = counted(|| {
        let made = resampler.process(&[1_000; 441], &mut out);
        assert!(resampler.correct_ppm(100.0));
        made + resampler.process(&[1_000; 441], &mut out)
    });
    assert!(made > 800 && count == 0, "{made} samples, {count} allocations");
}
