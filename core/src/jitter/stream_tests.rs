// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens when the stream itself changes: other sources, numbers that begin anew, packet
//! times, codecs, pauses, outages; and what a delay spike leaves behind.

use alloc::vec::Vec;

use super::tests::{Bench, MS, coded, find};
use super::*;

/// A bench that has played a second of an undisturbed stream.
fn settled() -> (Bench, u16, i64) {
    let mut bench = Bench::new(&JitterConfig::default());
    let (mut sequence, mut position) = (100, 0);
    bench.run(1000, &mut sequence, &mut position);
    (bench, sequence, position)
}

#[test]
fn another_source_is_played_from_its_first_packet_on() {
    let (mut bench, _, position) = settled();
    bench.ssrc = 2;
    let (mut sequence, mut other) = (40_000, position + 1_000_000);
    bench.run(1000, &mut sequence, &mut other);
    // The join takes 8 ms.
    let first = coded(position + 1_000_064, 240);
    assert!(find(&bench.heard, &first).is_some(), "the other source's first packet is heard");
    assert!(bench.operations(Operation::Conceal) <= 3);
    assert_eq!(bench.reader.stats().restarts, 1);
    assert!(bench.infos.last().unwrap().delay_ms < 50.0);
    bench.assert_accounted();
}

#[test]
fn a_stray_packet_of_another_source_changes_nothing() {
    let (mut bench, mut sequence, mut position) = settled();
    bench.ssrc = 2;
    bench.send(7, 99, 160).unwrap();
    bench.ssrc = 1;
    bench.run(1000, &mut sequence, &mut position);
    let stats = bench.reader.stats();
    assert_eq!((stats.restarts, stats.missing, stats.concealments), (0, 0, 0));
    let start = find(&bench.heard, &coded(0, 400)).unwrap();
    assert_eq!(&bench.heard[start..start + 12_000], coded(0, 12_000).as_slice());
    bench.assert_accounted();
}

#[test]
fn sequence_numbers_that_begin_anew_are_followed_without_a_break() {
    for restart in [5_u16, 50, 30_000] {
        let (mut bench, mut sequence, mut position) = settled();
        bench.run(200, &mut sequence, &mut position);
        let mut sequence = restart;
        bench.run(1000, &mut sequence, &mut position);
        let start = find(&bench.heard, &coded(0, 400)).unwrap();
        let same = bench.heard[start..].iter().zip(coded(0, 16_000)).take_while(|(a, b)| **a == *b);
        let same = same.count();
        assert!(same > 9_500, "restart at {restart}: {same} samples");
        let tail = find(&bench.heard, &coded(position - 3200, 1600));
        assert!(tail.is_some(), "restart at {restart}");
        assert_eq!(bench.reader.stats().restarts, 1);
        bench.assert_accounted();
    }
}

#[test]
fn a_timestamp_jump_costs_no_packet_and_no_delay() {
    for jump in [1 << 20, -(1 << 20), 1 << 30] {
        let (mut bench, mut sequence, position) = settled();
        let before = bench.infos.last().unwrap().delay_ms;
        let mut jumped = position + jump;
        bench.run(1000, &mut sequence, &mut jumped);
        assert!(find(&bench.heard, &coded(position - 160, 160)).is_some());
        assert!(find(&bench.heard, &coded(position + jump + 64, 250)).is_some(), "jump {jump}");
        let after = bench.infos.last().unwrap().delay_ms;
        assert!((after - before).abs() <= 30.0, "{before} {after}");
        bench.assert_accounted();
    }
}

#[test]
fn packet_times_from_10_to_200_ms_and_changes_of_them_play_to_the_sample() {
    let mut bench = Bench::new(&JitterConfig::default());
    let (mut sequence, mut position) = (0_u16, 0_i64);
    for packet_ms in [20, 10, 60, 120, 30, 40, 150, 200] {
        let mut elapsed = 0;
        while elapsed < 2400 {
            // A packet leaves when its last sample has been taken.
            for _ in 0..packet_ms / 10 {
                bench.pull();
            }
            bench.send(sequence, position, packet_ms * 8).unwrap();
            sequence += 1;
            position += packet_ms as i64 * 8;
            elapsed += packet_ms;
        }
    }
    bench.pull();
    let stats = bench.reader.stats();
    assert_eq!((stats.missing, stats.dropped, stats.late), (0, 0, 0), "{stats:?}");
    for at in [1600, 30_000, 50_000, 70_000, 90_000, 110_000, 130_000, 150_000] {
        assert!(find(&bench.heard, &coded(at, 800)).is_some(), "at {at}");
    }
    bench.assert_accounted();
}

#[test]
fn nothing_is_refused_within_the_maximum_delay_whatever_codec_and_packet_time() {
    use crate::codec::l16::L16;
    for (rate, packet_ms, min_delay_ms) in
        [(48_000, 10, 500), (48_000, 5, 100), (16_000, 20, 600), (8_000, 5, 600), (8_000, 20, 600)]
    {
        let mut map = DecoderMap::new();
        map.insert(0, alloc::boxed::Box::new(L16::new(rate, 1).unwrap())).unwrap();
        let config = JitterConfig {
            packet_ms,
            min_delay_ms,
            max_delay_ms: 1000.min(min_delay_ms + 200),
            ..JitterConfig::at_rate(rate)
        };
        let mut bench = Bench::with_decoders(&config, map);
        let samples = rate as usize / 1000 * usize::from(packet_ms);
        let start = bench.now_ns;
        let mut sent = 0;
        for pull in 0..400_u64 {
            while u64::from(sent) * u64::from(packet_ms) <= pull * 10 {
                // A burst of 100 ms each second.
                if pull % 100 >= 10 || pull == 0 {
                    let payload = alloc::vec![1; 2 * samples];
                    let timestamp = u32::from(sent) * samples as u32;
                    assert_eq!(bench.send_payload(sent, timestamp, &payload), Ok(()), "{rate}");
                    sent += 1;
                } else {
                    break;
                }
            }
            bench.now_ns = start + pull * 10 * MS;
            let mut pcm = alloc::vec![0; rate as usize / 100];
            bench.reader.pull(bench.now_ns, &mut pcm).unwrap();
        }
        assert_eq!(bench.reader.stats().no_slot, 0, "{rate}, {packet_ms} ms");
    }
    let config = JitterConfig { packet_ms: 1, ..JitterConfig::at_rate(48_000) };
    let mut map = DecoderMap::new();
    map.insert(0, alloc::boxed::Box::new(L16::new(48_000, 2).unwrap())).unwrap();
    let made = create(&JitterConfig { max_delay_ms: 1000, ..config }, map);
    assert!(matches!(made, Err(JitterError::Slots)), "told when it is made");
}

#[test]
fn a_codec_switch_in_mid_stream_loses_nothing() {
    let (mut bench, mut sequence, mut position) = settled();
    let switched = position;
    bench.payload_type = 8;
    bench.run(500, &mut sequence, &mut position);
    bench.payload_type = 0;
    bench.run(500, &mut sequence, &mut position);
    let stats = bench.reader.stats();
    assert_eq!((stats.missing, stats.concealments, stats.dropped), (0, 0, 0));
    // A-law and mu-law differ by less than a quantisation step.
    let start = find(&bench.heard, &coded(0, 400)).unwrap();
    let at = start + switched as usize;
    for (a, b) in bench.heard[at..at + 3000].iter().zip(coded(switched, 3000)) {
        assert!((a - b).abs() <= 300, "{a} {b}");
    }
    bench.assert_accounted();
}

#[test]
fn silence_suppression_without_description_keeps_the_spurts_whole() {
    let (mut bench, mut sequence, mut position) = settled();
    for _ in 0..5 {
        // 600 ms of nothing: the timestamp goes on, the sequence number doesn't.
        for _ in 0..60 {
            bench.pull();
        }
        position += 4800;
        let spurt = position;
        bench.run(400, &mut sequence, &mut position);
        assert!(find(&bench.heard, &coded(spurt + 160, 1600)).is_some(), "spurt at {spurt}");
    }
    let stats = bench.reader.stats();
    assert_eq!(
        (stats.missing, stats.concealments, stats.concealed_samples),
        (0, 0, 0),
        "{stats:?}"
    );
    // Five pauses, but for what the delay grew or shrank by in them.
    assert!((20_000..=28_000).contains(&stats.comfort_noise_samples), "{stats:?}");
    bench.assert_accounted();
}

#[test]
fn a_loss_at_the_end_of_a_pause_is_concealment_and_the_pause_is_not() {
    let (mut bench, mut sequence, mut position) = settled();
    for _ in 0..30 {
        bench.pull();
    }
    position += 2_400;
    // The spurt's first packet is lost.
    sequence += 1;
    position += 160;
    bench.run(400, &mut sequence, &mut position);
    let stats = bench.reader.stats();
    let stood_in = (stats.concealed_samples, stats.comfort_noise_samples);
    assert_eq!((stats.missing, stats.concealments, stood_in), (1, 1, (160, 2_400)));
}

#[test]
fn thirty_seconds_of_nothing_end_in_silence_and_the_stream_goes_on() {
    for timestamps_go_on in [true, false] {
        let (mut bench, mut sequence, mut position) = settled();
        for _ in 0..3000 {
            bench.pull();
        }
        let quiet = &bench.heard[bench.heard.len() - 8000..];
        assert!(quiet.iter().all(|s| s.abs() < 200));
        if timestamps_go_on {
            position += 240_000;
        }
        bench.run(1000, &mut sequence, &mut position);
        assert!(find(&bench.heard, &coded(position - 4000, 1600)).is_some());
        assert!(bench.infos.last().unwrap().delay_ms < 60.0);
        bench.assert_accounted();
    }
}

/// A single delay spike of 500 ms: the packets of half a second come all at once.
#[test]
fn after_a_spike_of_500_ms_the_delay_is_back_in_3_s() {
    let mut bench = Bench::new(&JitterConfig::default());
    let (mut sequence, mut position) = (0, 0);
    bench.run(10_000, &mut sequence, &mut position);
    let before = bench.infos.last().unwrap().delay_ms;
    let mut held = Vec::new();
    for step in 0..50 {
        if step % 2 == 0 {
            held.push((sequence, position));
            sequence += 1;
            position += 160;
        }
        bench.pull();
    }
    for (sequence, position) in held {
        bench.send(sequence, position, 160).unwrap();
    }
    bench.run(3000, &mut sequence, &mut position);
    let after = bench.infos.last().unwrap().delay_ms;
    assert!((after - before).abs() <= 20.0, "{before} ms before, {after} ms after");
    bench.run(500, &mut sequence, &mut position);
    assert!(find(&bench.heard, &coded(position - 2400, 1600)).is_some());
    bench.assert_accounted();
}

#[test]
fn a_burst_of_synthetic_speech_drains_within_bounds() {
    let config = JitterConfig { max_delay_ms: 300, ..JitterConfig::default() };
    let mut bench = Bench::new(&config);
    let (mut sequence, mut position) = (0, 0);
    bench.run(1000, &mut sequence, &mut position);
    // Two seconds of media in one go, timestamps as they should be.
    for _ in 0..100 {
        let _ = bench.send(sequence, position, 160);
        sequence += 1;
        position += 160;
    }
    for _ in 0..300 {
        let info = bench.pull();
        assert!(info.delay_ms <= 300.5, "{info:?}");
    }
    bench.assert_accounted();
}

#[test]
fn fixed_mode_keeps_its_delay_and_frozen_mode_makes_nothing_up() {
    for mode in [DelayMode::Fixed, DelayMode::Frozen] {
        let config = JitterConfig { mode, target_delay_ms: 100, ..JitterConfig::default() };
        let mut bench = Bench::new(&config);
        let (mut sequence, mut position) = (0, 0);
        bench.run(2000, &mut sequence, &mut position);
        assert!((bench.infos.last().unwrap().delay_ms - 100.0).abs() <= 10.0, "{mode:?}");
        // A packet lost in speech.
        sequence += 1;
        position += 160;
        bench.pull();
        bench.pull();
        bench.run(2000, &mut sequence, &mut position);
        let stats = bench.reader.stats();
        assert_eq!((stats.removed_samples, stats.inserted_samples), (0, 0), "{mode:?}");
        let gap = find(&bench.heard, &coded(position - 16_160 - 320, 160)).unwrap() + 320;
        let hole = &bench.heard[gap + 8..gap + 152];
        if mode == DelayMode::Frozen {
            assert!(hole.iter().all(|&s| s == 0), "{hole:?}");
        }
        bench.assert_accounted();
    }
}

#[test]
fn settings_of_the_control_half_take_effect_in_mid_stream() {
    let (mut bench, mut sequence, mut position) = settled();
    bench.control.set_delay_bounds_ms(150, 400).unwrap();
    bench.run(6000, &mut sequence, &mut position);
    let delay = bench.infos.last().unwrap().delay_ms;
    assert!((140.0..180.0).contains(&delay), "{delay}");
    bench.control.set_delay_bounds_ms(0, 60).unwrap();
    bench.run(100, &mut sequence, &mut position);
    assert!(bench.infos.last().unwrap().delay_ms <= 60.5, "the maximum holds at once");
    assert_eq!(bench.control.set_delay_bounds_ms(10, 5), Err(JitterError::Delay));
    assert_eq!(bench.control.set_target_delay_ms(61), Err(JitterError::Delay));
    bench.assert_accounted();
}

#[test]
fn a_reader_that_stalls_costs_the_writer_nothing_but_counted_drops() {
    let (mut bench, mut sequence, mut position) = settled();
    for _ in 0..150 {
        let _ = bench.send(sequence, position, 160);
        sequence += 1;
        position += 160;
        bench.now_ns += 20 * MS;
    }
    bench.pull();
    bench.run(2000, &mut sequence, &mut position);
    assert!(bench.reader.stats().no_slot >= 90);
    assert!(find(&bench.heard, &coded(position - 8000, 1600)).is_some());
    assert!(bench.infos.last().unwrap().delay_ms < 100.0);
    bench.assert_accounted();
}

#[test]
fn redundant_audio_stands_in_for_lost_packets_to_the_sample() {
    let mut map = DecoderMap::new();
    map.insert(0, alloc::boxed::Box::new(crate::codec::g711::G711(crate::codec::g711::Law::Mu)))
        .unwrap();
    map.insert_redundant(100).unwrap();
    let config =
        JitterConfig { mode: DelayMode::Fixed, target_delay_ms: 60, ..JitterConfig::default() };
    let (writer, reader, control) = create(&config, map).unwrap();
    let mut bench = Bench { writer, reader, control, ..Bench::new(&config) };
    bench.payload_type = 100;
    let coded_bytes = |position: i64| -> Vec<u8> {
        coded(position, 160)
            .into_iter()
            .map(|s| crate::codec::g711::Law::Mu.from_linear(s))
            .collect()
    };
    for n in 0..200_u16 {
        let position = i64::from(n) * 160;
        // One block back: 160 ticks, 160 bytes.
        let mut payload = alloc::vec![0x80, 160 >> 6, (160_u16 << 2) as u8, 160, 0];
        payload.extend(coded_bytes(position - 160));
        payload.extend(coded_bytes(position));
        if n % 5 != 3 {
            bench.send_payload(n, position as u32, &payload).unwrap();
        }
        bench.pull();
        bench.pull();
    }
    let stats = bench.reader.stats();
    // The first packet's copy stands for one that was sent before the stream was heard.
    assert_eq!((stats.recovered, stats.concealments), (stats.missing + 1, 0), "{stats:?}");
    assert!(stats.recovered >= 38);
    let start = find(&bench.heard, &coded(0, 400)).unwrap();
    assert_eq!(&bench.heard[start..start + 30_000], coded(0, 30_000).as_slice());
    bench.assert_accounted();
}

#[test]
fn freezing_in_mid_stream_waits_once_for_a_safe_depth_and_then_touches_nothing() {
    let (mut bench, mut sequence, mut position) = settled();
    // Now and then a packet comes 90 ms late: rare enough for speech, not for a modem.
    for _ in 0..4 {
        bench.run(2000, &mut sequence, &mut position);
        for _ in 0..9 {
            bench.pull();
        }
        for _ in 0..5 {
            bench.send(sequence, position, 160).unwrap();
            sequence = sequence.wrapping_add(1);
            position += 160;
        }
        bench.pull();
    }
    bench.control.set_mode(DelayMode::Frozen);
    bench.run(400, &mut sequence, &mut position);
    let (frozen, depth_ms) = (bench.reader.stats(), bench.infos.last().unwrap().delay_ms);
    assert!((80.0..140.0).contains(&depth_ms), "{depth_ms}");
    for _ in 0..3 {
        bench.run(2000, &mut sequence, &mut position);
        for _ in 0..8 {
            bench.pull();
        }
        for _ in 0..4 {
            bench.send(sequence, position, 160).unwrap();
            sequence = sequence.wrapping_add(1);
            position += 160;
        }
    }
    bench.run(500, &mut sequence, &mut position);
    let stats = bench.reader.stats();
    let touched = |s: &JitterStats| (s.removed_samples, s.inserted_samples, s.concealed_samples);
    assert_eq!(touched(&stats), touched(&frozen));
    assert!((bench.infos.last().unwrap().delay_ms - depth_ms).abs() < 0.5);
    let tail = coded(position - 48_000, 44_000);
    assert!(find(&bench.heard, &tail).is_some(), "5 s to the sample");
    bench.assert_accounted();
}

/// Of every 20 packets four are lost: most of them come back out of the next one's deep redundancy.
#[cfg(feature = "opus-dred")]
#[test]
fn deep_redundancy_stands_in_for_a_gap_of_80_ms() {
    use crate::codec::opus::{OpusConfig, OpusDecoder, OpusEncoder};
    use crate::codec::{Encoder, opus};
    let recovered = |dred_ms: u16| {
        let mut map = DecoderMap::new();
        let decoder = OpusDecoder::with_complexity(16_000, 1, 5).unwrap();
        map.insert(96, alloc::boxed::Box::new(decoder)).unwrap();
        let config = JitterConfig {
            sample_rate_hz: 16_000,
            max_payload_bytes: 400,
            mode: DelayMode::Fixed,
            target_delay_ms: 150,
            ..JitterConfig::default()
        };
        let (writer, reader, control) = create(&config, map).unwrap();
        let mut bench = Bench { writer, reader, control, ..Bench::new(&config) };
        bench.payload_type = 96;
        let mut encoder = OpusEncoder::new(&OpusConfig {
            sample_rate_hz: 16_000,
            bit_rate_bps: 40_000,
            expected_loss_percent: 30,
            inband_fec: false,
            decoder_complexity: 5,
            dred_ms,
            ..OpusConfig::default()
        })
        .unwrap();
        for n in 0..400_u16 {
            // A voice of 125 Hz whose strength goes up and down.
            let pcm: Vec<i16> = (0..320)
                .map(|i| {
                    let t = usize::from(n) * 320 + i;
                    let strength = 4_000.0 + 3_000.0 * crate::math::sin(t as f32 * 2e-3);
                    (strength * (0.5 - (t % 128) as f32 / 128.0)) as i16
                })
                .collect();
            let mut payload = [0; 400];
            let length = encoder.encode(&pcm, &mut payload).unwrap();
            if n % 20 < 16 {
                let timestamp = u32::from(n) * opus::RTP_CLOCK_HZ / 50;
                bench.send_payload(n, timestamp, &payload[..length]).unwrap();
            }
            for _ in 0..2 {
                let mut pcm = [0; 160];
                bench.reader.pull(bench.now_ns, &mut pcm).unwrap();
                bench.heard.extend(pcm);
                bench.now_ns += 10 * MS;
            }
        }
        bench.assert_accounted();
        bench.reader.stats().recovered
    };
    let (with, without) = (recovered(200), recovered(0));
    assert!(with >= 60 && without == 0, "{with} of 80 with it, {without} without");
}

/// A call in Opus packets of `packet_ms`, of which one in ten is lost; gives the counters, and how the
/// loudest step of what is heard compares with the loudest of what was said.
#[cfg(feature = "opus")]
fn opus_call(packet_ms: usize, fec: bool) -> (JitterStats, f32) {
    use crate::codec::Encoder;
    use crate::codec::opus::{self, OpusConfig, OpusDecoder, OpusEncoder};
    let mut map = DecoderMap::new();
    map.insert(96, alloc::boxed::Box::new(OpusDecoder::new(16_000, 1).unwrap())).unwrap();
    let mut bench = Bench::with_decoders(&JitterConfig::at_rate(16_000), map);
    bench.payload_type = 96;
    let mut encoder = OpusEncoder::new(&OpusConfig {
        sample_rate_hz: 16_000,
        bit_rate_bps: 20_000,
        expected_loss_percent: 20,
        inband_fec: fec,
        ..OpusConfig::default()
    })
    .unwrap();
    let samples = packet_ms * 16;
    let (mut said_step, mut last) = (0, 0);
    for n in 0..12_000 / packet_ms {
        let pcm: Vec<i16> = (0..samples)
            .map(|i| {
                let t = (n * samples + i) as f32;
                let strength = 4_000.0 + 3_000.0 * crate::math::sin(t * 2e-3);
                let phase = t * 0.05 + 3.0 * crate::math::sin(t * 1e-4);
                (strength * (crate::math::sin(phase) + 0.4 * crate::math::sin(2.0 * phase))) as i16
            })
            .collect();
        for &sample in &pcm {
            said_step = said_step.max((i32::from(sample) - last).abs());
            last = i32::from(sample);
        }
        let mut payload = [0; 400];
        let length = encoder.encode(&pcm, &mut payload).unwrap();
        for _ in 0..packet_ms / 10 {
            let mut pcm = [0; 160];
            bench.reader.pull(bench.now_ns, &mut pcm).unwrap();
            bench.heard.extend(pcm);
            bench.now_ns += 10 * MS;
        }
        if n % 10 != 5 {
            let timestamp = (n * packet_ms) as u32 * (opus::RTP_CLOCK_HZ / 1000);
            bench.send_payload(n as u16, timestamp, &payload[..length]).unwrap();
        }
    }
    bench.assert_accounted_but_for_the_ring();
    // From where the delay waits for redundancy.
    let heard = &bench.heard[32_000..];
    let steps = heard.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs());
    (bench.reader.stats(), steps.max().unwrap() as f32 / said_step as f32)
}

#[test]
#[cfg(feature = "opus")]
fn redundancy_is_waited_for_at_any_packet_time_and_joined_without_a_step() {
    for packet_ms in [20, 40, 60] {
        let (stats, step) = opus_call(packet_ms, true);
        // Not every packet carries some.
        assert!(stats.recovered * 2 > stats.missing, "{packet_ms} ms: {stats:?}");
        assert!(step < 1.8, "{packet_ms} ms: a step of {step}");
        let (stats, _) = opus_call(packet_ms, false);
        assert_eq!(stats.recovered, 0, "{packet_ms} ms: there is nothing to recover");
        assert!(stats.missing > 10);
    }
}

#[test]
fn a_sender_that_stood_still_is_heard_again_in_every_mode() {
    // The sender's timestamps stand still, too: its packets are later from then on, for good.
    for mode in [DelayMode::Adaptive, DelayMode::Fixed, DelayMode::Frozen] {
        for still_ms in [100, 300, 700, 1500, 1990, 2500, 20_000] {
            let config = JitterConfig { mode, ..JitterConfig::default() };
            let mut bench = Bench::new(&config);
            let (mut sequence, mut position) = (100, 0);
            bench.run(1000, &mut sequence, &mut position);
            for _ in 0..still_ms / 10 {
                bench.pull();
            }
            bench.run(1500, &mut sequence, &mut position);
            let tail = find(&bench.heard, &coded(position - 3200, 1600));
            assert!(tail.is_some(), "{mode:?}: deaf after {still_ms} ms");
            assert_eq!(bench.reader.stats().no_slot, 0, "{mode:?}, {still_ms} ms");
            bench.assert_accounted();
        }
    }
}
