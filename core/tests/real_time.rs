// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is documented as real-time neither allocates nor frees: an encrypted conference of G.711
//! and Opus legs runs under an allocator that counts.
#![allow(unsafe_code)] // A global allocator is unsafe to implement.
#![cfg(feature = "opus")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ale_media::codec::CodecSpec;
use ale_media::codec::opus::OpusConfig;
use ale_media::conference::{Conference, ConferenceConfig, JoinOptions, Outgoing};
use ale_media::leg::{Leg, LegConfig, LegMedia, LegReceiver, SrtpConfig};
use ale_media::srtp::{MasterKey, SessionConfig, Suite};

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

fn keys(byte: u8, suite: Suite) -> SessionConfig {
    let material = vec![byte; suite.key_bytes() + suite.salt_bytes()];
    SessionConfig::new(suite, MasterKey::from_concatenated(suite, &material).unwrap())
}

struct Phone {
    receiver: LegReceiver,
    media: LegMedia,
    bridge: LegReceiver,
}

/// Runs four phones against a conference for `seconds` and counts what the real-time functions
/// allocate after the first second, in which every path has been met once.
fn allocations(codec: CodecSpec, suite: Option<Suite>, seconds: u64) -> u64 {
    let (mut conference, control) = Conference::new(&ConferenceConfig {
        max_members: 4,
        max_speakers: 2,
        max_pair_gains: 2,
        limiter: true,
        ..Default::default()
    })
    .unwrap();
    let mut phones = Vec::new();
    for n in 0..4_u8 {
        let mut near = LegConfig::new(u32::from(n), 96, codec.clone());
        near.rtcp_interval_ms = 300;
        let mut far = LegConfig { local_ssrc: 100 + u32::from(n), ..near.clone() };
        if let Some(suite) = suite {
            near.srtp = Some(SrtpConfig { send: keys(n, suite), receive: keys(n + 9, suite) });
            far.srtp = Some(SrtpConfig { send: keys(n + 9, suite), receive: keys(n, suite) });
        }
        let (receiver, media, _) = Leg::new(&near).unwrap();
        let (bridge, bridge_media, _) = Leg::new(&far).unwrap();
        let options = JoinOptions { tag: u64::from(n), ..Default::default() };
        control.join(Box::new(bridge_media), options).map_err(|(error, _)| error).unwrap();
        phones.push(Phone { receiver, media, bridge });
    }
    let mut outgoing = Outgoing::new(16);
    let mut pcm = vec![0_i16; (codec.format().sample_rate_hz / 100) as usize];
    let mut datagram = [0_u8; 2_048];
    let mut total = 0;
    for tick in 0..seconds * 100 {
        let now_ns = tick * 10_000_000;
        let mut here = 0;
        for (n, phone) in phones.iter_mut().enumerate() {
            here += counted(|| phone.media.pull(now_ns, &mut pcm).unwrap()).1;
            for (i, sample) in pcm.iter_mut().enumerate() {
                *sample = ((tick as usize * 80 + i) * (n + 3) * 97 % 4_001) as i16 - 2_000;
            }
            here += counted(|| phone.media.push(&pcm).unwrap()).1;
            loop {
                let (length, count) = counted(|| {
                    let packet = phone.media.poll_transmit(now_ns)?;
                    datagram[..packet.len()].copy_from_slice(packet);
                    Some(packet.len())
                });
                here += count;
                let Some(length) = length else { break };
                // Loss, so that concealment runs too; and a forgery now and then.
                if (tick + n as u64).is_multiple_of(17) {
                    continue;
                }
                datagram[length - 1] ^= u8::from(tick.is_multiple_of(23));
                here += counted(|| phone.bridge.receive(&mut datagram[..length], now_ns)).1;
            }
        }
        here += counted(|| conference.tick(now_ns, &mut outgoing)).1;
        for sent in outgoing.iter() {
            let length = sent.bytes.len();
            datagram[..length].copy_from_slice(sent.bytes);
            let phone = &mut phones[sent.tag as usize];
            here += counted(|| phone.receiver.receive(&mut datagram[..length], now_ns)).1;
        }
        let member = ale_media::conference::MemberId::from_u64;
        if tick == 5 {
            control.set_pair_gain(member(0), member(1), Some(0.5)).unwrap();
            control.set_private(member(2), true).unwrap();
        }
        if tick == 10 {
            control.leave(member(3)).unwrap();
        }
        if tick >= 1 {
            total += here;
        }
    }
    total
}

#[test]
fn the_counter_counts() {
    assert_eq!(counted(|| drop(std::hint::black_box(Box::new(1)))).1, 2);
}

#[test]
fn a_running_conference_allocates_nothing_in_any_codec_and_suite() {
    let opus = CodecSpec::Opus(OpusConfig { sample_rate_hz: 16_000, ..Default::default() });
    for codec in [CodecSpec::Pcma, opus] {
        for suite in [None, Some(Suite::AesCm128HmacSha1_80), Some(Suite::AeadAes128Gcm)] {
            let count = allocations(codec.clone(), suite, 6);
            assert_eq!(count, 0, "{} with {suite:?}", codec.name());
        }
    }
}

#[test]
fn a_leg_in_a_conference_takes_a_bounded_piece_of_memory() {
    let before = BYTES.get();
    let config = ConferenceConfig { max_members: 100, ..Default::default() };
    let (conference, control) = Conference::new(&config).unwrap();
    let of_conference = BYTES.get() - before;
    let mut halves = Vec::with_capacity(100);
    let before = BYTES.get();
    for n in 0..100 {
        let (receiver, media, leg) = Leg::new(&LegConfig::new(n, 8, CodecSpec::Pcma)).unwrap();
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
