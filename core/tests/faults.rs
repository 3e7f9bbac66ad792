// SPDX-License-Identifier: MIT OR Apache-2.0
//! What breaks around a call: the network stops, clocks jump and drift, threads stall, codecs fail.
//! The leg goes on, its delay stays bounded, and the voice is heard again soon after.

use std::sync::Arc;

use ale_media::codec::{
    CodecError, CodecSpec, Decoder, Encoder, Format, HostCodec, SharedHostCodec,
};
use ale_media::conference::{Conference, ConferenceConfig, JoinOptions, Outgoing};
use ale_media::leg::{Leg, LegConfig};
use ale_media::srtp::Suite;
use testkit::{Dice, End, TICK_NS, deliver, pair, talk};

const SECOND: u64 = 100;
const SUITE: Option<Suite> = Some(Suite::AesCm128HmacSha1_80);

fn codecs() -> Vec<CodecSpec> {
    #[cfg_attr(not(feature = "opus"), allow(unused_mut, clippy::useless_vec))]
    let mut codecs = vec![CodecSpec::Pcma, CodecSpec::G722];
    #[cfg(feature = "opus")]
    codecs.extend(CodecSpec::from_rtpmap("opus/48000/2"));
    codecs
}

/// Each hears the other, with hardly any delay.
fn assert_well(ends: &[End; 2], what: &str) {
    for (who, other) in [(0, 1), (1, 0)] {
        let clear = ends[who].hears(other);
        assert!(clear > 0.85, "{what}: {clear} of the other's voice");
    }
}

/// The buffering delay of the last pull, in ms.
fn delay_ms(end: &mut End, now_ns: u64) -> f32 {
    let mut pcm = vec![0; (end.media.sample_rate_hz() / 100) as usize];
    let info = end.media.pull(now_ns, &mut pcm).unwrap();
    end.heard.extend_from_slice(&pcm);
    info.delay_ms
}

#[test]
fn a_network_that_stops_for_a_minute_is_heard_again_within_a_second() {
    for codec in codecs() {
        // What was sent meanwhile is lost, or comes all at once.
        for kept in [false, true] {
            let mut ends = pair(&codec, SUITE, |_| {});
            talk(&mut ends, 0..2 * SECOND, deliver);
            let mut waiting = Vec::new();
            talk(&mut ends, 2 * SECOND..62 * SECOND, |_, to, _, datagram| {
                if kept {
                    waiting.push((to, datagram));
                }
            });
            for end in &ends {
                let tail = &end.heard[end.heard.len() - 4_000..];
                let peak = tail.iter().map(|sample| sample.unsigned_abs()).max();
                // libopus takes a steady pitch for the background, and goes on with it.
                let quiet = peak < Some(200) || codec.name() == "opus";
                assert!(quiet, "{}: {peak:?} at the end of a gap", codec.name());
            }
            for (to, datagram) in waiting {
                deliver(&mut ends, to, 62 * SECOND * TICK_NS, datagram);
            }
            talk(&mut ends, 62 * SECOND..63 * SECOND + 50, deliver);
            assert_well(&ends, &format!("{}, kept: {kept}", codec.name()));
            talk(&mut ends, 63 * SECOND + 50..70 * SECOND, deliver);
            for end in &mut ends {
                let delay = delay_ms(end, 70 * SECOND * TICK_NS);
                assert!(delay < 120.0, "{}, kept: {kept}: {delay} ms are left", codec.name());
            }
        }
    }
}

/// Runs a call whose first end's clock reads `clock(tick)`; the other's is right.
fn with_clock(codec: &CodecSpec, ticks: u64, clock: impl Fn(u64) -> u64) -> [End; 2] {
    let mut ends = pair(codec, SUITE, |config| config.jitter.max_delay_ms = 400);
    for tick in 0..ticks {
        let right_ns = tick * TICK_NS;
        let times = [clock(tick), right_ns];
        for who in 0..2 {
            for datagram in ends[who].speak(who, times[who]) {
                deliver(&mut ends, 1 - who, times[1 - who], datagram);
            }
            let delay = delay_ms(&mut ends[who], times[who]);
            assert!(delay <= 400.5, "tick {tick}: {delay} ms");
        }
    }
    ends
}

#[test]
fn clocks_that_jump_or_run_backwards_are_survived() {
    const BASE: u64 = 1 << 45;
    let hour = 3_600_000_000_000;
    type Clock = (&'static str, fn(u64, u64) -> u64);
    let clocks: [Clock; 6] = [
        ("an hour ahead", |tick, hour| if tick < 300 { 0 } else { hour }),
        ("an hour back", |tick, hour| if tick < 300 { 0 } else { 0_u64.wrapping_sub(hour) }),
        ("to and fro", |tick, _| (tick / 7 % 2) * 300_000_000),
        ("backwards", |tick, _| 0_u64.wrapping_sub(2 * tick * TICK_NS)),
        (
            "to the end of time",
            |tick, _| if tick < 300 { 0 } else { u64::MAX - BASE - tick * TICK_NS },
        ),
        ("standing still", |tick, _| 0_u64.wrapping_sub(tick * TICK_NS)),
    ];
    for codec in codecs() {
        for (what, offset) in &clocks {
            let clock = |tick: u64| (BASE + tick * TICK_NS).wrapping_add(offset(tick, hour));
            let ends = with_clock(&codec, 600, clock);
            assert_well(&ends, &format!("{} with a clock that goes {what}", codec.name()));
        }
    }
}

/// A sender whose clock is off by a thousandth: 600 ms in ten minutes, which neither pile up nor run
/// out.
#[test]
fn a_drift_of_a_thousand_ppm_is_followed() {
    for ppm in [1_000_i64, -1_000] {
        let mut ends = pair(&CodecSpec::Pcma, SUITE, |_| {});
        let mut behind = 0_i64;
        for tick in 0..600 * SECOND {
            let now_ns = tick * TICK_NS;
            behind += ppm;
            // The first end speaks once more, or once less, each thousand ticks.
            let times = if behind.abs() >= 1_000_000 {
                behind -= 1_000_000 * behind.signum();
                if ppm > 0 { 2 } else { 0 }
            } else {
                1
            };
            for _ in 0..times {
                for datagram in ends[0].speak(0, now_ns) {
                    deliver(&mut ends, 1, now_ns, datagram);
                }
            }
            let delay = delay_ms(&mut ends[1], now_ns);
            assert!(delay < 150.0, "{ppm} ppm, tick {tick}: {delay} ms");
        }
        assert!(ends[1].hears(0) > 0.85);
        let stats = ends[1].control.stats();
        assert!(stats.concealed_percent < 1.0, "{ppm} ppm: {} %", stats.concealed_percent);
    }
}

#[test]
fn a_stalled_audio_thread_finds_a_full_ring_and_then_the_voice_again() {
    for codec in codecs() {
        let mut ends = pair(&codec, SUITE, |_| {});
        talk(&mut ends, 0..2 * SECOND, deliver);
        // Nobody pulls at the second end for ten seconds.
        for tick in 2 * SECOND..12 * SECOND {
            for datagram in ends[0].speak(0, tick * TICK_NS) {
                deliver(&mut ends, 1, tick * TICK_NS, datagram);
            }
        }
        let dropped = ends[1].receiver.stats().no_slot;
        assert!(dropped > 300, "{dropped} packets found no room");
        talk(&mut ends, 12 * SECOND..14 * SECOND, deliver);
        assert_well(&ends, codec.name());
        let delay = delay_ms(&mut ends[1], 14 * SECOND * TICK_NS);
        assert!(delay < 200.0, "{}: {delay} ms are left", codec.name());
    }
}

#[test]
fn a_conference_that_is_not_ticked_for_a_while_goes_on() {
    let (mut conference, control) = Conference::new(&ConferenceConfig::default()).unwrap();
    let mut outgoing = Outgoing::new(8);
    let mut ends = pair(&CodecSpec::Pcmu, SUITE, |_| {});
    let mut bridge = Vec::new();
    for (tag, end) in pair(&CodecSpec::Pcmu, SUITE, |_| {}).into_iter().enumerate() {
        let options = JoinOptions::tagged(tag as u64);
        control.join(Box::new(end.media), options).map_err(|(error, _)| error).unwrap();
        bridge.push(end.receiver);
    }
    // The bridge's first leg has the first end's keys, so it serves the second, and hears it.
    for tick in 0..8 * SECOND {
        let now_ns = tick * TICK_NS;
        for who in 0..2 {
            for mut datagram in ends[who].speak(who, now_ns) {
                let _ = bridge[1 - who].receive(&mut datagram, now_ns);
            }
            ends[who].hear(now_ns);
        }
        if (3 * SECOND..6 * SECOND).contains(&tick) {
            continue;
        }
        conference.tick(now_ns, &mut outgoing);
        for sent in outgoing.iter() {
            let mut datagram = sent.bytes.to_vec();
            let to = 1 - sent.tag as usize;
            let _ = ends[to].receiver.receive(&mut datagram, now_ns);
        }
    }
    assert_well(&ends, "after three seconds without a tick");
    assert_eq!(conference.stats().missed_ticks, 3 * SECOND);
}

/// A codec of the host's that fails as often as it likes.
#[derive(Debug, Clone)]
struct Flaky {
    /// Of 16 calls, how many fail.
    failures: u64,
}

#[derive(Debug)]
struct FlakyCoder {
    inner: ale_media::codec::g711::G711,
    failures: u64,
    dice: Dice,
}

impl FlakyCoder {
    fn fails(&mut self) -> bool {
        self.dice.below(16) < self.failures
    }
}

impl HostCodec for Flaky {
    fn encoding(&self) -> &str {
        "FLAKY/8000"
    }
    fn format(&self) -> Format {
        ale_media::codec::g711::FORMAT
    }
    fn encoder(&self) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(Box::new(self.coder(1)))
    }
    fn decoder(&self) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(Box::new(self.coder(2)))
    }
}

impl Flaky {
    fn coder(&self, seed: u64) -> FlakyCoder {
        let inner = ale_media::codec::g711::G711(ale_media::codec::g711::Law::A);
        FlakyCoder { inner, failures: self.failures, dice: Dice(seed) }
    }
}

impl Encoder for FlakyCoder {
    fn format(&self) -> Format {
        ale_media::codec::g711::FORMAT
    }
    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        if self.fails() {
            return Err(CodecError::Internal);
        }
        self.inner.encode(pcm, payload)
    }
    fn reset(&mut self) {}
}

impl Decoder for FlakyCoder {
    fn format(&self) -> Format {
        ale_media::codec::g711::FORMAT
    }
    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        self.inner.packet_samples(payload)
    }
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        if self.fails() {
            // Half of it lies written, and it lies about how much.
            pcm[..payload.len() / 2].fill(i16::MAX);
            return if self.dice.below(2) == 0 {
                Err(CodecError::Malformed)
            } else {
                self.inner.decode(payload, pcm).map(|samples| samples / 2)
            };
        }
        self.inner.decode(payload, pcm)
    }
    fn reset(&mut self) {}
}

#[test]
fn a_codec_that_fails_costs_what_it_failed_and_nothing_else() {
    for failures in [1, 8, 16] {
        let codec = CodecSpec::Host(SharedHostCodec(Arc::new(Flaky { failures })));
        let mut ends = pair(&codec, SUITE, |_| {});
        talk(&mut ends, 0..10 * SECOND, deliver);
        for end in &mut ends {
            let stats = end.control.stats();
            let encoded = stats.media.packets + stats.media.encode_errors;
            assert_eq!(encoded, 5 * SECOND, "every packet time is counted once");
            let expected = 5 * SECOND * failures / 16;
            assert!(stats.media.encode_errors.abs_diff(expected) < 60, "{stats:?}");
            assert_eq!(end.heard.len() as u64, 10 * SECOND * 80);
        }
        if failures == 1 {
            assert!(ends[0].hears(1) > 0.6 && ends[1].hears(0) > 0.6);
        }
    }
}

/// A leg is made or refused, and what it is made of is never half there: settings from everywhere.
#[test]
fn any_settings_are_taken_or_refused_as_a_whole() {
    let mut dice = Dice(99);
    let (mut made, mut refused) = (0, 0);
    for _ in 0..2_000 {
        let mut config = LegConfig::plain(dice.next() as u32, 96, CodecSpec::Pcmu);
        let mut odd = |usual: u16| if dice.below(6) == 0 { dice.next() as u16 } else { usual };
        config.jitter.slots = odd(52);
        config.jitter.slot_bytes = odd(160);
        config.jitter.max_payload_bytes = odd(1_500);
        config.jitter.min_delay_ms = odd(0);
        config.jitter.max_delay_ms = odd(600);
        config.jitter.target_delay_ms = odd(60);
        config.send.packet_ms = odd(20);
        config.send.payload_type = odd(96) as u8;
        match Leg::new(&config) {
            Ok((mut receiver, mut media, _)) => {
                made += 1;
                let _ = receiver.receive(&mut [0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 5], 1);
                media.pull(1, &mut [0; 80]).unwrap();
                media.push(&[1; 80]).unwrap();
            }
            Err(_) => refused += 1,
        }
    }
    assert!(made > 300 && refused > 300, "{made} made, {refused} refused");
}
