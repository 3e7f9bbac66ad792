// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a leg says of its source: packets that are no sound, a stream that begins, a source that is
//! gone, decoders that change; and how what stands in ends.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::tests::{Bench, MS, coded, decoders, find};
use super::*;
use crate::codec::g711::{G711, Law};
use crate::codec::g722::{BitRate, G722Decoder, G722Encoder};
use crate::codec::{CodecError, Decoder, Encoder, Format};
use crate::rtp::{RtpHeader, RtpPacket};

impl Bench {
    /// A packet of the stream that is no sound.
    fn send_filler(&mut self, sequence: u16, timestamp: u32) {
        let mut datagram = [0x55; 30];
        let header = RtpHeader {
            payload_type: 101,
            sequence,
            timestamp,
            ssrc: self.ssrc,
            ..RtpHeader::default()
        };
        header.write(&mut datagram).unwrap();
        let packet = RtpPacket::parse(&datagram).unwrap();
        self.writer.insert_filler(&packet, self.now_ns).unwrap();
    }
}

fn rms(pcm: &[i16]) -> f64 {
    (pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / pcm.len() as f64).sqrt()
}

#[test]
fn packets_that_are_no_sound_are_neither_lost_nor_late_nor_heard() {
    // Every other packet, and two at a time.
    for fillers in [1, 2] {
        let mut bench = Bench::new(&JitterConfig::default());
        let (mut sequence, mut position) = (65_000_u16, 0);
        for _ in 0..200 {
            bench.send(sequence, position, 160).unwrap();
            for n in 1..=fillers {
                bench.send_filler(sequence.wrapping_add(n), position as u32 + 40);
            }
            sequence = sequence.wrapping_add(1 + fillers);
            position += 160;
            bench.pull();
            bench.pull();
        }
        let stats = bench.reader.stats();
        assert_eq!((stats.missing, stats.concealed_samples), (0, 0), "{stats:?}");
        assert_eq!(stats.passed, 200 * u64::from(fillers));
        assert!(bench.infos.last().unwrap().delay_ms < 20.0);
        let start = find(&bench.heard, &coded(0, 400)).unwrap();
        assert_eq!(&bench.heard[start..start + 30_000], coded(0, 30_000).as_slice());
        bench.assert_accounted();
    }
}

#[test]
fn a_digit_of_any_length_is_no_loss_and_losses_beside_it_are() {
    for (packets, lost) in [(5_u16, 0), (20, 0), (300, 0), (20, 2)] {
        let mut bench = Bench::new(&JitterConfig::default());
        let (mut sequence, mut position) = (65_500, 0);
        bench.run(1000, &mut sequence, &mut position);
        let before = bench.reader.stats();
        for _ in 0..packets {
            bench.send_filler(sequence, position as u32);
            sequence = sequence.wrapping_add(1);
            bench.pull();
            bench.pull();
        }
        position += i64::from(packets + lost) * 160;
        sequence = sequence.wrapping_add(lost);
        for _ in 0..2 * lost {
            bench.pull();
        }
        bench.run(1000, &mut sequence, &mut position);
        let stats = bench.reader.stats();
        assert_eq!(stats.missing, u64::from(lost), "{packets} {stats:?}");
        assert_eq!(stats.concealed_samples, u64::from(lost) * 160, "{packets} {stats:?}");
        assert_eq!((stats.late, stats.restarts), (before.late, before.restarts));
        assert!(find(&bench.heard, &coded(position - 4000, 1600)).is_some());
    }
}

#[test]
fn a_packet_lost_in_front_of_one_that_is_no_sound_is_missing() {
    let mut bench = Bench::new(&JitterConfig::default());
    let (mut sequence, mut position) = (10, 0);
    bench.run(1000, &mut sequence, &mut position);
    bench.send_filler(sequence + 1, position as u32);
    (sequence, position) = (sequence + 2, position + 160);
    bench.pull();
    bench.pull();
    bench.run(1000, &mut sequence, &mut position);
    let stats = bench.reader.stats();
    assert_eq!((stats.missing, stats.concealed_samples), (1, 160), "{stats:?}");
}

/// Sends what `sample` makes for three seconds, and nothing then.
fn stops(mut bench: Bench, sample: impl Fn(usize) -> i16) -> Bench {
    for n in 0..150_u16 {
        let payload: Vec<u8> =
            (0..160).map(|i| Law::Mu.from_linear(sample(usize::from(n) * 160 + i))).collect();
        bench.send_payload(n, u32::from(n) * 160, &payload).unwrap();
        bench.pull();
        bench.pull();
    }
    bench
}

fn tone(n: usize) -> i16 {
    (8_000.0 * crate::math::sin(n as f32 * 0.345)) as i16
}

fn car(n: usize) -> i16 {
    ((n as u32).wrapping_mul(2_654_435_761) >> 19) as i16 - 4_096
}

/// Conceals by repeating what it heard last, for ever.
struct Stuck;

impl Decoder for Stuck {
    fn format(&self) -> Format {
        Format { sample_rate_hz: 8000, channels: 1, rtp_clock_hz: 8000 }
    }
    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        Ok(payload.len())
    }
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        G711(Law::Mu).decode(payload, pcm)
    }
    fn conceals(&self) -> bool {
        true
    }
    fn conceal(&mut self, pcm: &mut [i16]) -> Result<usize, CodecError> {
        pcm.iter_mut().enumerate().for_each(|(n, sample)| *sample = tone(n));
        Ok(pcm.len())
    }
    fn reset(&mut self) {}
}

#[test]
fn whatever_stands_in_is_silent_two_seconds_after_the_last_packet() {
    for own in [false, true] {
        for sample in [tone, car, |n| if n / 4_000 % 2 == 0 { tone(n) } else { 0 }] {
            let mut map = decoders();
            if own {
                map.insert(0, Box::new(Stuck)).unwrap();
            }
            let bench = Bench::with_decoders(&JitterConfig::default(), map);
            let mut bench = stops(bench, sample);
            bench.heard.clear();
            for _ in 0..400 {
                bench.pull();
            }
            assert!(bench.heard[16_000..].iter().all(|&s| s == 0), "own concealment: {own}");
            assert_eq!(bench.infos.last().unwrap().operation, Operation::Silence);
            // It may be a pause: nobody knows of anything that was lost.
            assert_eq!(bench.reader.stats().concealed_samples, 0);
        }
    }
}

#[test]
fn a_source_that_is_gone_is_played_out_and_silent_at_once() {
    for sample in [tone, car] {
        let mut bench = stops(Bench::new(&JitterConfig::default()), sample);
        bench.reader.source_gone();
        bench.heard.clear();
        let waiting = bench.reader.stats().waiting;
        for _ in 0..20 {
            bench.pull();
        }
        // Some 20 ms were still to be played, and 10 ms fade.
        assert!(rms(&bench.heard[..80]) > 1_000.0, "{waiting} packets were still there");
        assert!(bench.heard[480..].iter().all(|&s| s == 0), "{:?}", &bench.heard[480..560]);
        let gone = bench.reader.stats();
        assert_eq!((gone.concealed_samples, gone.missing), (0, 0));
        bench.now_ns += 60_000 * MS;
        let (mut sequence, mut position) = (150, 150 * 160 + 480_000);
        bench.run(500, &mut sequence, &mut position);
        assert!(find(&bench.heard, &coded(position - 1600, 800)).is_some(), "it is back");
        let stats = bench.reader.stats();
        assert_eq!((stats.concealed_samples, stats.missing), (0, 0), "{stats:?}");
        bench.pull();
        bench.heard.clear();
        for _ in 0..10 {
            bench.pull();
        }
        assert!(rms(&bench.heard[..400]) > 100.0, "what stands in is heard again");
    }
}

#[test]
fn comfort_noise_lasts_while_the_stream_says_so_and_not_when_its_source_is_gone() {
    let mut bench = Bench::new(&JitterConfig::default());
    let (mut sequence, mut position) = (0, 0);
    bench.run(1000, &mut sequence, &mut position);
    bench.payload_type = 13;
    bench.send_payload(sequence, position as u32, &[40]).unwrap();
    for _ in 0..1000 {
        bench.pull();
    }
    assert!(rms(&bench.heard[bench.heard.len() - 800..]) > 200.0);
    bench.reader.source_gone();
    bench.pull();
    assert_eq!(bench.infos.last().unwrap().operation, Operation::ComfortNoise);
    bench.heard.clear();
    let counted = bench.reader.stats();
    for _ in 0..10 {
        assert_eq!(bench.pull().operation, Operation::Silence);
    }
    assert!(bench.heard.iter().all(|&s| s == 0));
    assert_eq!(bench.reader.stats().comfort_noise_samples, counted.comfort_noise_samples);
}

#[test]
fn a_stream_that_begins_is_heard_from_its_first_packet_on() {
    // Another source; the same at lower numbers, near and far; at the same timestamps.
    for (ssrc, sequence, back) in
        [(2, 7_u16, 1_000_000), (1, 5, 4_000), (1, 90, 1 << 30), (1, 40_000, 160), (1, 149, 24_000)]
    {
        let mut bench = Bench::new(&JitterConfig::default());
        let (mut first, mut position) = (100, 0);
        bench.run(3000, &mut first, &mut position);
        bench.ssrc = ssrc;
        bench.writer.begin_stream();
        // A filler is no beginning.
        bench.send_filler(sequence.wrapping_sub(1), 0);
        let (mut sequence, mut anew) = (sequence, position - back);
        let begun = bench.heard.len();
        bench.run(1000, &mut sequence, &mut anew);
        // The join takes 8 ms.
        let signal = coded(position - back + 64, 1_600);
        let at = find(&bench.heard[begun..], &signal);
        assert!(at.is_some_and(|at| at < 800), "{ssrc} {back}: {at:?}");
        let stats = bench.reader.stats();
        assert_eq!((stats.restarts, stats.late, stats.missing), (1, 0, 0), "{stats:?}");
        assert_eq!(stats.concealed_samples, 0, "nothing is known to have been lost");
        assert!(bench.infos.last().unwrap().delay_ms < 50.0);
        bench.assert_accounted();
    }
}

/// A stream of G.722 at payload type 9 and 16 kHz.
fn g722(replace: impl Fn(&mut JitterReader, &JitterControl)) -> Vec<i16> {
    let mut map = DecoderMap::new();
    map.insert(9, Box::new(G722Decoder::new(BitRate::Kbps64))).unwrap();
    let mut bench = Bench::with_decoders(&JitterConfig::at_rate(16_000), map);
    bench.payload_type = 9;
    let mut encoder = G722Encoder::new(BitRate::Kbps64);
    let mut heard = Vec::new();
    for n in 0..100_u16 {
        let pcm: Vec<i16> = (0..320)
            .map(|i| (8_000.0 * crate::math::sin((usize::from(n) * 320 + i) as f32 * 0.1)) as i16)
            .collect();
        let mut payload = [0; 160];
        encoder.encode(&pcm, &mut payload).unwrap();
        bench.send_payload(n, u32::from(n) * 160, &payload).unwrap();
        for _ in 0..2 {
            let mut pcm = [0; 160];
            bench.reader.pull(bench.now_ns, &mut pcm).unwrap();
            heard.extend(pcm);
            bench.now_ns += 10 * MS;
        }
        if n == 50 {
            replace(&mut bench.reader, &bench.control);
        }
    }
    heard
}

#[test]
fn a_decoder_that_is_kept_goes_on_as_if_nothing_had_been_replaced() {
    let undisturbed = g722(|_, _| ());
    let kept = g722(|reader, control| {
        let mut map = DecoderMap::new();
        map.insert(0, Box::new(G711(Law::Mu))).unwrap();
        map.keep(9, 9).unwrap();
        let old = reader.replace_decoders(control.prepare(map).unwrap());
        drop(old);
    });
    assert!(undisturbed == kept);
    let anew = g722(|reader, control| {
        let mut map = DecoderMap::new();
        map.insert(9, Box::new(G722Decoder::new(BitRate::Kbps64))).unwrap();
        drop(reader.replace_decoders(control.prepare(map).unwrap()));
    });
    assert!(undisturbed != anew, "a decoder that has heard nothing decodes differently");
}

#[test]
fn waiting_packets_are_played_where_their_types_stay_known() {
    let config =
        JitterConfig { mode: DelayMode::Fixed, target_delay_ms: 100, ..JitterConfig::default() };
    let mut bench = Bench::new(&config);
    let (mut sequence, mut position) = (0, 0);
    bench.run(2000, &mut sequence, &mut position);
    let prepare = |bench: &Bench, f: &dyn Fn(&mut DecoderMap)| {
        let mut map = DecoderMap::new();
        f(&mut map);
        bench.control.prepare(map).unwrap()
    };
    let new = prepare(&bench, &|map| map.insert(0, Box::new(G711(Law::Mu))).unwrap());
    let old = bench.reader.replace_decoders(new);
    bench.run(1000, &mut sequence, &mut position);
    let start = find(&bench.heard, &coded(0, 400)).unwrap();
    assert_eq!(&bench.heard[start..start + 20_000], coded(0, 20_000).as_slice());
    // Back, under another payload type; what waits can't be decoded any more.
    drop(old);
    let waiting = bench.reader.stats().waiting;
    let new = prepare(&bench, &|map| map.keep(8, 0).unwrap());
    drop(bench.reader.replace_decoders(new));
    assert!(waiting >= 2);
    assert_eq!(bench.reader.stats().dropped, waiting);
    bench.assert_accounted();
    assert!(matches!(bench.control.prepare(DecoderMap::new()), Err(JitterError::NoDecoder)));
    // The map that is there has nothing at type 7: no decoder at all is left.
    let new = prepare(&bench, &|map| map.keep(0, 7).unwrap());
    drop(bench.reader.replace_decoders(new));
    bench.run(1000, &mut sequence, &mut position);
    bench.assert_accounted();
}

#[test]
fn redundancy_is_taken_apart_by_the_types_of_the_decoders_there_are() {
    let mut bench = Bench::new(&JitterConfig::default());
    bench.run(500, &mut 0, &mut 0);
    let mut map = decoders();
    map.insert_redundant(100).unwrap();
    drop(bench.reader.replace_decoders(bench.control.prepare(map).unwrap()));
    bench.payload_type = 100;
    let (mut sequence, mut position) = (25_u16, 4_000_i64);
    for n in 0..50 {
        let law =
            |from: i64| (0..160).map(move |i| Law::Mu.from_linear(super::tests::speech(from + i)));
        // The packet before in one block, this one in the other.
        let mut payload = alloc::vec![0x80, (160_u16 >> 6) as u8, (160_u16 << 2) as u8, 160, 0];
        payload.extend(law(position - 160).chain(law(position)));
        if n % 5 != 3 {
            bench.send_payload(sequence, position as u32, &payload).unwrap();
        }
        (sequence, position) = (sequence + 1, position + 160);
        bench.pull();
        bench.pull();
    }
    assert!(bench.reader.stats().recovered >= 8, "{:?}", bench.reader.stats());
    bench.assert_accounted();
}
