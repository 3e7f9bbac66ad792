// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two legs that talk to each other, and what strangers do to them.

mod arrivals;
mod keepalive;
mod relay;
mod resume;
mod robustness;
mod sizes;
mod tones;

use super::*;
use crate::codec::CodecSpec;
use crate::codec::opus::OpusConfig;
use crate::rtp::is_rtcp;
use crate::rtp::rtcp::{CompoundWriter, Packet, Packets, ReportBlock};
use crate::srtp::{SrtpError, Suite};
use crate::test_support::keys;
use alloc::vec::Vec;
use proptest::prelude::*;

const TICK_NS: u64 = 10_000_000;
/// The way from one leg to the other.
const WAY_NS: u64 = 15_000_000;

struct End {
    receiver: LegReceiver,
    media: LegMedia,
    control: LegControl,
}

fn end(config: &LegConfig) -> End {
    let (receiver, media, control) = Leg::new(config).unwrap();
    End { receiver, media, control }
}

fn pair(codec: CodecSpec, suite: Option<Suite>) -> (LegConfig, LegConfig) {
    let mut a = LegConfig::plain(0xa, 96, codec.clone());
    let mut b = LegConfig::plain(0xb, 96, codec);
    (a.rtcp_interval_ms, b.rtcp_interval_ms) = (500, 500);
    if let Some(suite) = suite {
        a.srtp = Some(SrtpConfig { send: keys(suite, 1), receive: keys(suite, 2) });
        b.srtp = Some(SrtpConfig { send: keys(suite, 2), receive: keys(suite, 1) });
    }
    (a, b)
}

/// A voice-like tone whose pitch moves, different for each seed.
fn sound(seed: u64, tick: u64, rate: u32, pcm: &mut [i16]) {
    let frame = pcm.len() as u64;
    for (n, sample) in pcm.iter_mut().enumerate() {
        let t = (tick * frame + n as u64) as f32 / rate as f32;
        let phase = core::f32::consts::TAU * (300.0 + 80.0 * seed as f32) * t;
        *sample = (6_000.0 * (phase + 2.0 * (3.0 * t).sin()).sin()) as i16;
    }
}

/// Lets both talk for `ticks`, `meddle` seeing each datagram under way (from a to b: true), and
/// returns what b heard.
fn talk(
    a: &mut End,
    b: &mut End,
    ticks: core::ops::Range<u64>,
    meddle: impl FnMut(bool, &mut Vec<u8>, &mut End),
) -> Vec<i16> {
    talk_of(a, b, ticks, sound, meddle)
}

/// The same with what `say` gives for a seed, a tick and a rate.
fn talk_of(
    a: &mut End,
    b: &mut End,
    ticks: core::ops::Range<u64>,
    say: impl Fn(u64, u64, u32, &mut [i16]),
    mut meddle: impl FnMut(bool, &mut Vec<u8>, &mut End),
) -> Vec<i16> {
    let rate = a.media.sample_rate_hz();
    let frame = (rate / 100) as usize;
    let mut under_way: Vec<(u64, bool, Vec<u8>)> = Vec::new();
    let mut heard = Vec::new();
    for tick in ticks {
        let now_ns = tick * TICK_NS;
        for (due, to_b, mut datagram) in core::mem::take(&mut under_way) {
            if due > now_ns {
                under_way.push((due, to_b, datagram));
                continue;
            }
            let target = if to_b { &mut *b } else { &mut *a };
            meddle(to_b, &mut datagram, target);
            let _ = target.receiver.receive(&mut datagram, due);
        }
        let mut pcm = vec![0; frame];
        for (end, seed, to_b) in [(&mut *a, 1, true), (&mut *b, 2, false)] {
            end.media.pull(now_ns, &mut pcm).unwrap();
            if !to_b {
                heard.extend_from_slice(&pcm);
            }
            say(seed, tick, rate, &mut pcm);
            end.media.push(&pcm).unwrap();
            while let Some(datagram) = end.media.poll_transmit(now_ns) {
                under_way.push((now_ns + WAY_NS, to_b, datagram.to_vec()));
            }
        }
    }
    heard
}

/// The best normalized correlation of the end of what was heard with the sound of `seed`.
fn likeness(heard: &[i16], seed: u64, rate: u32) -> f32 {
    let window = rate as usize / 4;
    let mut said = vec![0; heard.len()];
    sound(seed, 0, rate, &mut said);
    let tail = &heard[heard.len() - window..];
    let dot = |a: &[i16], b: &[i16]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    (0..rate as usize / 4)
        .map(|lag| {
            let end = said.len() - lag;
            let other = &said[end - window..end];
            (dot(tail, other) / (dot(tail, tail) * dot(other, other)).sqrt().max(1.0)) as f32
        })
        .fold(0.0, f32::max)
}

#[test]
fn each_hears_the_other_in_every_codec_and_suite() {
    let wide = CodecSpec::Opus(OpusConfig { sample_rate_hz: 16_000, ..Default::default() });
    let linear = CodecSpec::L16 { sample_rate_hz: 32_000, channels: 1 };
    for codec in [CodecSpec::Pcmu, CodecSpec::Pcma, CodecSpec::G722, linear, wide] {
        for suite in [None, Some(Suite::AesCm128HmacSha1_80), Some(Suite::AeadAes128Gcm)] {
            let (a, b) = pair(codec.clone(), suite);
            let (mut a, mut b) = (end(&a), end(&b));
            let heard = talk(&mut a, &mut b, 0..150, |_, _, _| {});
            let rate = a.media.sample_rate_hz();
            let like = likeness(&heard, 1, rate);
            assert!(like > 0.9, "{} with {suite:?}: {like}", codec.name());
            assert!(likeness(&heard, 2, rate) < 0.5, "its own voice does not come back");
            let stats = b.control.stats();
            assert_eq!(stats.receiver.packets, stats.jitter.inserted);
            assert!(stats.quality.unwrap().mos > 4.0, "{stats:?}");
            assert_eq!(stats.loss_percent, 0.0);
        }
    }
}

#[test]
fn a_leg_that_only_listens_learns_the_round_trip_and_is_told_what_the_peer_hears() {
    let (a, b) = pair(CodecSpec::Pcma, Some(Suite::AeadAes128Gcm));
    let (mut a, mut b) = (end(&a), end(&b));
    let mut under_way: Vec<(u64, bool, Vec<u8>)> = Vec::new();
    let mut pcm = [0; 80];
    for tick in 0..400 {
        let now_ns = tick * TICK_NS;
        under_way.retain(|(due, to_b, datagram)| {
            let target = if *to_b { &mut b } else { &mut a };
            let due_now = *due <= now_ns;
            if due_now {
                target.receiver.receive(&mut datagram.clone(), *due).unwrap();
            }
            !due_now
        });
        sound(1, tick, 8_000, &mut pcm);
        a.media.push(&pcm).unwrap();
        for (end, to_b) in [(&mut a, true), (&mut b, false)] {
            end.media.pull(now_ns, &mut pcm).unwrap();
            while let Some(datagram) = end.media.poll_transmit(now_ns) {
                under_way.push((now_ns + WAY_NS, to_b, datagram.to_vec()));
            }
        }
    }
    assert_eq!(b.control.stats().media.packets, 0, "it only listens");
    let round_trip = b.control.stats().round_trip_ms;
    assert!((round_trip - 30.0).abs() <= 1.0, "{round_trip} ms");
    let told = a.control.stats().receiver;
    assert!(told.remote_rating > 85 && told.remote_mos_x10 > 40, "{told:?}");
    assert_eq!(b.control.stats().receiver.remote_rating, 0, "nothing was said of nothing sent");
}

/// A voice for a second, a soft hiss for the next, and so on.
fn sound_and_hiss(seed: u64, tick: u64, rate: u32, pcm: &mut [i16]) {
    if (tick / 100).is_multiple_of(2) {
        return sound(seed, tick, rate, pcm);
    }
    let mut state = (seed * 7_919 + tick) as u32 | 1;
    for sample in pcm {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *sample = (state as i16) >> 9; // -54 dBov
    }
}

#[test]
fn pauses_are_told_and_heard_as_the_noise_that_they_are() {
    let wide = CodecSpec::Opus(OpusConfig { sample_rate_hz: 16_000, ..Default::default() });
    for codec in [CodecSpec::Pcma, CodecSpec::G722, wide] {
        let (mut a, mut b) = pair(codec.clone(), None);
        a.silence_suppression = true;
        b.rtcp_interval_ms = 0;
        let (mut a, mut b) = (end(&a), end(&b));
        let heard = talk_of(&mut a, &mut b, 0..1_000, sound_and_hiss, |_, _, _| {});
        let name = codec.name();
        let said = a.control.stats().media;
        // Of 500 packet times half are pauses, less the hangover.
        assert!(said.packets < 350 && said.suppressed > 150, "{name}: {said:?}");
        let described = codec.format().rtp_clock_hz == 8_000;
        assert_eq!(said.comfort_noise_packets > 4, described, "{name}");
        let stats = b.control.stats();
        assert_eq!(stats.receiver.unknown_payload_type, 0);
        assert_eq!(stats.jitter.missing, 0, "{name}: a pause is no loss");
        assert!(stats.concealed_percent < 3.0, "{name}: {stats:?}");
        assert!(stats.jitter.comfort_noise_samples > 0, "{name}: {stats:?}");
        // The middle of a voice and the end of a pause, well behind the delay.
        let rate = a.media.sample_rate_hz() as usize;
        let level = |from_ms: usize| {
            crate::dsp::level::level_dbov(&heard[from_ms * rate / 1_000..][..rate / 5])
        };
        for second in [4, 6, 8] {
            let (voice, pause) = (level(second * 1_000 + 400), level(second * 1_000 + 1_750));
            assert!(voice < 25, "{name}: the voice is heard at -{voice} dBov");
            // libopus takes a steady tone for background, so that its own noise says nothing here.
            assert!(
                !described || (49..=59).contains(&pause),
                "{name}: the pause is heard at -{pause} dBov"
            );
        }
    }
}

#[test]
fn redundancy_stands_in_for_what_is_lost() {
    let concealed = |redundancy: Option<Redundant>| {
        let (mut a, mut b) = pair(CodecSpec::Pcma, Some(Suite::AeadAes128Gcm));
        (a.redundancy, b.redundancy) = (redundancy, redundancy);
        let (mut a, mut b) = (end(&a), end(&b));
        let mut count = 0;
        talk(&mut a, &mut b, 0..600, |to_b, datagram, _| {
            count += u32::from(to_b);
            if to_b && count % 7 == 3 {
                datagram[20] ^= 1; // Fails authentication: as good as lost.
            }
        });
        let stats = b.control.stats();
        (stats.concealed_percent, stats.jitter.recovered)
    };
    let (without, none) = concealed(None);
    let (with, recovered) =
        concealed(Some(Redundant { payload_type: 121, generations: 1, follows_loss: false }));
    assert!(without > 8.0 && none == 0, "{without} %");
    assert!(with < without / 4.0 && recovered > 30, "{with} % with {recovered} recovered");
}

/// The closed loop: packets are lost, the peer reports it, more is repeated, less is concealed.
#[test]
fn redundancy_follows_the_loss_that_is_reported() {
    let call = |loss_percent: u32, follows: bool| {
        let (mut a, mut b) = pair(CodecSpec::Pcma, None);
        let red = Redundant { payload_type: 121, generations: 3, follows_loss: true };
        (a.redundancy, b.redundancy) = if follows { (Some(red), Some(red)) } else { (None, None) };
        let (mut a, mut b) = (end(&a), end(&b));
        let (mut seed, mut bytes, mut packets) = (5_u32, 0, 0);
        talk(&mut a, &mut b, 0..6_000, |to_b, datagram, _| {
            if !to_b || is_rtcp(datagram) {
                return;
            }
            (bytes, packets) = (bytes + datagram.len(), packets + 1);
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if (seed >> 16) % 100 < loss_percent {
                datagram.clear();
            }
        });
        (b.control.stats().concealed_percent, bytes as f32 / packets as f32)
    };
    let (_, clean_bytes) = call(0, true);
    assert_eq!(clean_bytes, 172.0, "not a byte more on a clean network");
    for (loss_percent, payloads) in [(5, 3.0), (10, 3.6), (20, 4.0)] {
        let ((without, _), (with, bytes)) = (call(loss_percent, false), call(loss_percent, true));
        std::println!(
            "{loss_percent} %: {without:.1} % concealed, {with:.1} with {bytes:.0} bytes"
        );
        assert!(with < without / 6.0, "{loss_percent} %: {without} to {with}");
        assert!(bytes < 12.0 + 160.0 * payloads + 13.0, "{loss_percent} %: {bytes}");
    }
}

#[test]
fn levels_are_told_in_the_header() {
    let (mut a, mut b) = pair(CodecSpec::Pcma, Some(Suite::AesCm128HmacSha1_80));
    let extensions = HeaderExtensions {
        audio_level: Some(1),
        absolute_send_time: Some(2),
        mixer_levels: Some(4),
        mid: Mid::new("audio").map(|mid| (3, mid)),
    };
    (a.header_extensions, b.header_extensions) = (extensions, extensions);
    let (mut a, mut b) = (end(&a), end(&b));
    assert_eq!(b.control.stats().receiver.remote_level_dbov, 255, "nothing has been told yet");
    talk(&mut a, &mut b, 0..50, |_, _, _| {});
    let told = b.control.stats().receiver.remote_level_dbov;
    let pushed = a.control.stats().media.pushed_level_dbov;
    assert!(told.abs_diff(pushed) <= 2, "{told} against {pushed}");
    a.control.set_muted(true).unwrap();
    talk(&mut a, &mut b, 50..100, |_, _, _| {});
    assert_eq!(b.control.stats().receiver.remote_level_dbov, 127);
    assert_eq!(b.control.stats().receiver.malformed, 0);
}

#[test]
fn digits_and_fax_tones_in_the_sound_are_told_and_digits_taken_out() {
    use crate::dsp::tones::Tone;
    for wanted in [InbandTones::Ignored, InbandTones::Told, InbandTones::DigitsRemoved] {
        let (a, mut b) = pair(CodecSpec::Pcma, None);
        b.inband_tones = wanted;
        let (mut a, mut b) = (end(&a), end(&b));
        let say = |_, tick: u64, rate: u32, pcm: &mut [i16]| {
            let at = |n: usize| (tick * 80) as f32 + n as f32;
            let tone =
                |hz: f32, n: usize| (core::f32::consts::TAU * hz / rate as f32 * at(n)).sin();
            for (n, sample) in pcm.iter_mut().enumerate() {
                *sample = match tick {
                    100..110 => (4_000.0 * (tone(852.0, n) + tone(1_477.0, n))) as i16,
                    200..250 => (4_000.0 * tone(1_100.0, n)) as i16,
                    _ => 0,
                };
            }
        };
        let heard = talk_of(&mut a, &mut b, 0..300, say, |_, _, _| {});
        let events: Vec<_> = core::iter::from_fn(|| b.control.next_event())
            .filter(|event| !matches!(event, LegEvent::SourceChanged { .. }))
            .collect();
        let expected = [LegEvent::InbandDigit { event: 9 }, LegEvent::Tone(Tone::FaxCalling)];
        let told = if wanted == InbandTones::Ignored { &[][..] } else { &expected };
        assert_eq!(events, told, "{wanted:?}");
        let loudest = heard[7_500..14_500].iter().map(|s| s.unsigned_abs()).max().unwrap();
        let removed = wanted == InbandTones::DigitsRemoved;
        assert_eq!(loudest < 500, removed, "{wanted:?}: {loudest}");
    }
}

#[test]
fn a_modem_that_answers_freezes_the_jitter_buffer_where_that_was_asked_for() {
    use crate::dsp::tones::Tone;
    for freezes in [false, true] {
        let (a, mut b) = pair(CodecSpec::Pcma, None);
        b.freeze_for_modems = freezes;
        let (mut a, mut b) = (end(&a), end(&b));
        let say = |_, tick: u64, rate: u32, pcm: &mut [i16]| {
            for (n, sample) in pcm.iter_mut().enumerate() {
                let at = (tick * 80) as f32 + n as f32;
                let phase = core::f32::consts::TAU * 2_100.0 / rate as f32 * at;
                *sample = (4_000.0 * phase.sin()) as i16;
            }
        };
        // Later, a packet is lost: a frozen buffer makes nothing up for it.
        let mut count = 0;
        let heard = talk_of(&mut a, &mut b, 0..300, say, |to_b, datagram, _| {
            count += u32::from(to_b);
            if to_b && count == 120 {
                datagram[0] = 0;
            }
        });
        let tone = core::iter::from_fn(|| b.control.next_event())
            .any(|event| event == LegEvent::Tone(Tone::Answering));
        assert_eq!(tone, freezes);
        let mut run = 0;
        let longest = heard[12_000..].iter().map(|&s| {
            run = if s == 0 { run + 1 } else { 0 };
            run
        });
        let longest = longest.max().unwrap();
        assert_eq!(longest > 150, freezes, "{longest} samples of silence");
    }
}

#[test]
fn the_report_says_what_the_call_was_like_also_as_json() {
    let (a, b) = pair(CodecSpec::G722, Some(Suite::AeadAes256Gcm));
    let (mut a, mut b) = (end(&a), end(&b));
    let mut count = 0;
    talk(&mut a, &mut b, 0..800, |to_b, datagram, _| {
        count += u32::from(to_b);
        // Every hundred packets five in a row are lost.
        if to_b && count % 100 >= 95 {
            datagram[20] ^= 1;
        }
    });
    let report = b.control.quality_report();
    let mut json = alloc::string::String::new();
    report.write_json(&mut json).unwrap();
    let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(read["codec"], "G722");
    assert_eq!(read["suite"], "AEAD_AES_256_GCM");
    assert_eq!(read["remote_ssrc"], 10);
    assert!((7_900..=8_000).contains(&report.duration_ms), "{json}");
    assert!((4.0..6.0).contains(&report.loss_percent), "{json}");
    assert!(
        (4.0..6.5).contains(&report.burst_packets) && report.burst_loss_percent > 95.0,
        "{json}"
    );
    assert_eq!(report.gap_loss_percent, 0.0, "{json}");
    assert!((29.0..31.0).contains(&report.round_trip_ms), "{json}");
    let (mos_cq, mos_lq) = (report.mos_cq.unwrap(), report.mos_lq.unwrap());
    assert!(mos_cq > 2.5 && mos_cq <= mos_lq && mos_lq < 4.2, "{json}");
    assert!(report.datagrams_refused >= 15, "{json}");
    assert_eq!(read["packets_received"], report.packets_received);
    assert_eq!(read.as_object().unwrap().len(), 31);
    let (plain, _) = pair(CodecSpec::Pcmu, None);
    json.clear();
    end(&plain).control.quality_report().write_json(&mut json).unwrap();
    let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert!(read["suite"].is_null() && read["duration_ms"] == 0, "{json}");
}

#[test]
fn digits_pass_through_loss_and_the_voice_goes_on_behind_them() {
    let (mut a, mut b) = pair(CodecSpec::G722, Some(Suite::AesCm128HmacSha1_80));
    a.telephone_events = vec![TelephoneEvents { payload_type: 101, clock_hz: None }];
    b.telephone_events = a.telephone_events.clone();
    let (mut a, mut b) = (end(&a), end(&b));
    talk(&mut a, &mut b, 0..50, |_, _, _| {});
    for event in [1, 1, 11] {
        a.control.send_digit(event, 80, 8).unwrap();
    }
    let mut count = 0;
    let heard = talk(&mut a, &mut b, 50..250, |to_b, datagram, _| {
        count += 1;
        if to_b && count % 10 == 3 {
            datagram[20] ^= 1; // Fails authentication: as good as lost.
        }
    });
    let events = robustness::events(&mut b);
    let started = |event| LegEvent::DigitStarted { event };
    let digits: Vec<_> = events
        .iter()
        .filter(|event| matches!(event, LegEvent::DigitStarted { .. }))
        .copied()
        .collect();
    assert_eq!(digits, [started(1), started(1), started(11)]);
    assert_eq!(events.len(), 1 + 2 * 3, "{events:?}");
    let stats = b.control.stats();
    assert_eq!(stats.receiver.malformed + stats.receiver.unknown_payload_type, 0);
    let rate = a.media.sample_rate_hz();
    let mut said = vec![0; heard.len() + 50 * rate as usize / 100];
    sound(1, 0, rate, &mut said);
    let mut whole = vec![0; 50 * rate as usize / 100];
    whole.extend(&heard);
    assert!(likeness(&whole, 1, rate) > 0.9, "the voice goes on");
}

#[test]
fn reports_carry_loss_and_the_round_trip_time() {
    let (a, b) = pair(CodecSpec::Pcma, Some(Suite::AeadAes128Gcm));
    let (mut a, mut b) = (end(&a), end(&b));
    let mut count = 0;
    talk(&mut a, &mut b, 0..500, |to_b, datagram, _| {
        if to_b && !is_rtcp(datagram) {
            count += 1;
            if count % 10 == 5 {
                datagram[20] ^= 1; // Fails authentication: as good as lost.
            }
        }
    });
    let (said, heard) = (a.control.stats(), b.control.stats());
    assert!((heard.loss_percent - 10.0).abs() < 1.0, "{}", heard.loss_percent);
    assert!(heard.receiver.authentication_failed > 20);
    assert!(heard.concealed_percent > 5.0);
    assert!(said.receiver.reports_received > 3);
    assert!((said.receiver.remote_fraction_lost as i64 - 25).abs() <= 12, "about 10 % of 256");
    // Reports leave with the tick, so what the peer kept is counted and the way both times is left.
    let expected_ms = 2.0 * WAY_NS as f32 * 1e-6;
    assert!((said.round_trip_ms - expected_ms).abs() < 1.0, "{} ms", said.round_trip_ms);
}

#[test]
fn re_keying_while_both_talk_loses_nothing() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (a, b) = pair(CodecSpec::Pcmu, Some(suite));
    let (mut a, mut b) = (end(&a), end(&b));
    talk(&mut a, &mut b, 0..100, |_, _, _| {});
    // The receiver first; packets under the old keys are still under way then.
    b.control.rekey(None, Some(&keys(suite, 3))).unwrap();
    a.control.rekey(Some(&keys(suite, 3)), None).unwrap();
    let heard = talk(&mut a, &mut b, 100..250, |_, _, _| {});
    assert_eq!(b.control.stats().receiver.authentication_failed, 0);
    assert!(!heard.is_empty());
    // Another suite: rollover counters and statistics go on.
    let other = keys(Suite::AeadAes128Gcm, 3);
    b.control.rekey(None, Some(&other)).unwrap();
    a.control.rekey(Some(&other), None).unwrap();
    talk(&mut a, &mut b, 250..350, |_, _, _| {});
    let stats = b.control.stats();
    assert!(stats.receiver.packets > 160 && stats.receiver.source_changes == 0, "{stats:?}");
    assert_eq!(b.control.quality_report().suite, Some("AEAD_AES_128_GCM"));
    let mut plain = end(&pair(CodecSpec::Pcmu, None).0);
    assert_eq!(plain.control.rekey(None, Some(&other)), Err(ControlError::OneDirection));
}

#[test]
fn orders_to_a_leg_that_nobody_uses_end_in_busy() {
    let mut leg = end(&pair(CodecSpec::Pcmu, None).0);
    let taken = (0..100).take_while(|_| leg.control.set_muted(true).is_ok()).count();
    assert_eq!(taken, MEDIA_COMMANDS);
    assert_eq!(leg.control.set_muted(true), Err(ControlError::Busy));
    leg.media.push(&[9; 80]).unwrap();
    assert!(leg.media.poll_transmit(0).is_none());
    assert_eq!(leg.control.set_muted(false), Ok(()));
}

#[test]
fn a_muted_leg_sends_silence_and_goes_on_sending() {
    let (a, b) = pair(CodecSpec::Pcmu, None);
    let (mut a, mut b) = (end(&a), end(&b));
    a.control.set_muted(true).unwrap();
    let heard = talk(&mut a, &mut b, 0..100, |_, _, _| {});
    assert!(heard.iter().all(|sample| sample.abs() <= 8));
    assert!(b.control.stats().receiver.packets > 40);
    assert_eq!(a.control.stats().media.pushed_level_dbov, 127);
}

#[test]
fn every_kind_of_wrong_datagram_has_a_counter_of_its_own() {
    let suite = Suite::AeadAes128Gcm;
    let (a, b) = pair(CodecSpec::Pcmu, Some(suite));
    let (mut a, mut b) = (end(&a), end(&b));
    let mut kept: Option<Vec<u8>> = None;
    talk(&mut a, &mut b, 0..60, |to_b, datagram, _| {
        if to_b && kept.is_none() && !is_rtcp(datagram) {
            kept = Some(datagram.clone());
        }
    });
    let before = b.receiver.stats();
    let mut replay = kept.clone().unwrap();
    let error = b.receiver.receive(&mut replay, 1).unwrap_err();
    assert_eq!(error, ReceiveError::Srtp(SrtpError::Replayed));
    let mut forged = kept.unwrap();
    forged[3] ^= 0x55;
    let error = b.receiver.receive(&mut forged, 1).unwrap_err();
    assert_eq!(error, ReceiveError::Srtp(SrtpError::AuthenticationFailed));
    assert_eq!(
        b.receiver.receive(&mut [0x80; 5], 1),
        Err(ReceiveError::Srtp(SrtpError::Malformed))
    );
    assert_eq!(b.receiver.receive(&mut [], 1), Err(ReceiveError::Malformed));
    let after = b.receiver.stats();
    assert_eq!(after.replayed, before.replayed + 1);
    assert_eq!(after.authentication_failed, before.authentication_failed + 1);
    assert_eq!(after.malformed, before.malformed + 2);
    assert_eq!(after.packets, before.packets);
}

/// A plain RTP packet.
fn packet(ssrc: u32, payload_type: u8, sequence: u16, payload: usize) -> Vec<u8> {
    let mut datagram = vec![0x55; 12 + payload];
    let header = crate::rtp::RtpHeader {
        payload_type,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc,
        ..Default::default()
    };
    header.write(&mut datagram).unwrap();
    datagram
}

#[test]
fn plain_rtp_is_refused_by_payload_type_source_and_size() {
    let mut config = LegConfig::plain(1, 0, CodecSpec::Pcmu);
    config.jitter.max_payload_bytes = 400;
    let (mut receiver, _media, control) = Leg::new(&config).unwrap();
    let mut give = |mut datagram: Vec<u8>, ms: u64| receiver.receive(&mut datagram, ms * 1_000_000);
    assert_eq!(give(packet(7, 0, 1, 160), 0), Ok(Received::Probation));
    assert_eq!(give(packet(7, 0, 2, 160), 20), Ok(Received::Media));
    assert_eq!(give(packet(7, 99, 3, 160), 40), Err(ReceiveError::UnknownPayloadType(99)));
    assert_eq!(give(packet(7, 0, 3, 401), 40), Err(ReceiveError::Oversized));
    assert_eq!(give(packet(8, 0, 1, 160), 50), Ok(Received::Probation));
    assert_eq!(give(packet(8, 0, 2, 160), 60), Err(ReceiveError::UnknownSsrc(8)));
    // The first source falls silent; another takes over.
    assert_eq!(give(packet(8, 0, 3, 160), 1_120), Ok(Received::Media));
    assert_eq!(give(packet(7, 0, 4, 160), 1_140), Err(ReceiveError::UnknownSsrc(7)));
    let stats = control.stats().receiver;
    assert_eq!((stats.unknown_payload_type, stats.oversized, stats.unknown_ssrc), (1, 1, 2));
    assert_eq!(stats.probation, 2);
    assert_eq!((stats.source_changes, stats.remote_ssrc), (1, 8));
}

#[test]
fn a_full_jitter_buffer_is_counted_and_the_leg_goes_on() {
    let mut config = LegConfig::plain(1, 0, CodecSpec::Pcmu);
    config.jitter.slots = 8;
    let (mut receiver, _media, control) = Leg::new(&config).unwrap();
    for sequence in 0..40 {
        let _ = receiver.receive(&mut packet(7, 0, sequence, 160), u64::from(sequence));
    }
    let stats = control.stats().receiver;
    assert!(stats.no_slot > 0 && stats.packets + stats.no_slot == 40, "{stats:?}");
}

#[test]
fn a_farewell_is_read_only_from_the_source_listened_to() {
    let (mut receiver, mut media, _control) =
        Leg::new(&LegConfig::plain(1, 0, CodecSpec::Pcmu)).unwrap();
    for sequence in 0..3 {
        let _ = receiver.receive(&mut packet(7, 0, sequence, 160), 0);
    }
    let mut bye = |ssrc: u32| {
        let mut out = [0; 100];
        let mut writer = CompoundWriter::new(&mut out);
        writer.receiver_report(ssrc, &[ReportBlock::default()]).unwrap();
        writer.goodbye(ssrc).unwrap();
        let length = writer.len();
        receiver.receive(&mut out[..length], 0)
    };
    assert_eq!(bye(8), Ok(Received::Report));
    assert_eq!(bye(7), Ok(Received::Goodbye));
    // And ours can be read by others.
    let farewell = media.goodbye(5).unwrap();
    let last = Packets::new(farewell).last().unwrap().unwrap();
    assert!(matches!(last, Packet::Goodbye(sources) if { sources }.next() == Some(1)));
}

#[test]
fn wrong_configurations_are_named() {
    let good = LegConfig::plain(1, 0, CodecSpec::Pcmu);
    let refused = |change: fn(&mut LegConfig)| {
        let mut config = good.clone();
        change(&mut config);
        Leg::new(&config).err()
    };
    assert_eq!(
        refused(|c| c.send.payload_type = 72),
        Some(LegError::PayloadType(72, "send.payload_type"))
    );
    assert_eq!(
        refused(|c| c.receive[0].payload_type = 13),
        Some(LegError::PayloadType(13, "comfort_noise_payload_type"))
    );
    assert_eq!(refused(|c| c.receive.clear()), Some(LegError::NoReceiveCodec));
    assert_eq!(refused(|c| c.send.packet_ms = 25), Some(LegError::PacketTime(25)));
    assert_eq!(refused(|c| c.cname.clear()), Some(LegError::CanonicalName));
    assert!(matches!(refused(|c| c.jitter.slots = 7), Some(LegError::Jitter(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_bytes_are_counted_once_and_do_not_disturb(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..50), srtp: bool
    ) {
        let suite = srtp.then_some(Suite::AesCm128HmacSha1_80);
        let mut leg = end(&pair(CodecSpec::Pcmu, suite).0);
        let count = datagrams.len() as u64;
        let mut ok = 0;
        for (n, mut datagram) in datagrams.into_iter().enumerate() {
            if n % 2 == 0 && datagram.len() > 1 {
                datagram[0] = 0x80; // Let half of them look like RTP.
                datagram[1] &= 0x60;
            }
            ok += u64::from(leg.receiver.receive(&mut datagram, n as u64 * 1_000_000).is_ok());
            let mut pcm = [0; 80];
            leg.media.pull(n as u64 * TICK_NS, &mut pcm).unwrap();
        }
        let s = leg.receiver.stats();
        let wrong = s.malformed + s.authentication_failed + s.replayed + s.srtp_refused
            + s.unknown_payload_type + s.unknown_ssrc + s.oversized + s.no_slot;
        prop_assert_eq!((s.datagrams, wrong), (count, count - ok));
    }
}
