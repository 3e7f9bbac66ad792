// SPDX-License-Identifier: MIT OR Apache-2.0
//! Behaviour of the whole buffer, driven packet by packet on an invented clock.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::*;
use crate::codec::g711::{G711, Law};
use crate::codec::{CodecError, Decoder, Format};
use crate::rtp::RtpHeader;

pub(super) const MS: u64 = 1_000_000;

/// A steady voice-like signal with pauses: two seconds of speech, half a second of near silence.
pub(super) fn speech(position: i64) -> i16 {
    let in_turn = position.rem_euclid(20_000);
    if in_turn >= 16_000 {
        return if position % 2 == 0 { 4 } else { -4 };
    }
    let t = position as f32 * core::f32::consts::TAU / 80.0;
    let tremor = 1.0 + 0.5 * (position as f32 * 0.003).sin();
    (3000.0 * tremor * (t.sin() + 0.6 * (2.0 * t).sin() + 0.3 * (3.0 * t).cos())) as i16
}

/// What the bench decodes.
pub(super) fn decoders() -> DecoderMap {
    let mut map = DecoderMap::new();
    map.insert(0, Box::new(G711(Law::Mu))).unwrap();
    map.insert(8, Box::new(G711(Law::A))).unwrap();
    map.insert(9, Box::new(Narrow)).unwrap();
    map.insert_comfort_noise(13).unwrap();
    map
}

/// A sender of G.711 mu-law and the buffer that receives it.
pub(super) struct Bench {
    pub(super) writer: JitterWriter,
    pub(super) reader: JitterReader,
    pub(super) control: JitterControl,
    pub(super) now_ns: u64,
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    pub(super) heard: Vec<i16>,
    pub(super) infos: Vec<PullInfo>,
}

impl Bench {
    pub(super) fn new(config: &JitterConfig) -> Self {
        Self::with_decoders(config, decoders())
    }

    pub(super) fn with_decoders(config: &JitterConfig, decoders: DecoderMap) -> Self {
        let (writer, reader, control) = create(config, decoders).unwrap();
        Self {
            writer,
            reader,
            control,
            now_ns: 1_000_000 * MS,
            ssrc: 1,
            payload_type: 0,
            heard: Vec::new(),
            infos: Vec::new(),
        }
    }

    /// Sends the packet with media from `position` on.
    pub(super) fn send(
        &mut self,
        sequence: u16,
        position: i64,
        samples: usize,
    ) -> Result<(), InsertError> {
        let law = if self.payload_type == 8 { Law::A } else { Law::Mu };
        let payload: Vec<u8> =
            (0..samples as i64).map(|i| law.from_linear(speech(position + i))).collect();
        self.send_payload(sequence, position as u32, &payload)
    }

    pub(super) fn send_payload(
        &mut self,
        sequence: u16,
        timestamp: u32,
        payload: &[u8],
    ) -> Result<(), InsertError> {
        let header = RtpHeader {
            payload_type: self.payload_type,
            sequence,
            timestamp,
            ssrc: self.ssrc,
            ..RtpHeader::default()
        };
        let mut datagram = [0; 2000];
        let at = header.write(&mut datagram).unwrap();
        datagram[at..at + payload.len()].copy_from_slice(payload);
        self.writer.insert(&datagram[..at + payload.len()], self.now_ns)
    }

    /// Pulls 10 ms and moves the clock on.
    pub(super) fn pull(&mut self) -> PullInfo {
        let mut pcm = [0; 80];
        let info = self.reader.pull(self.now_ns, &mut pcm).unwrap();
        self.heard.extend(pcm);
        self.infos.push(info);
        self.now_ns += 10 * MS;
        info
    }

    /// Runs for `ms`, sending 20 ms packets numbered from `sequence` with media from `position`,
    /// each as it is complete; returns the next of both.
    pub(super) fn run(&mut self, ms: usize, sequence: &mut u16, position: &mut i64) {
        for step in 0..ms / 10 {
            if step % 2 == 0 {
                self.send(*sequence, *position, 160).unwrap();
                *sequence = sequence.wrapping_add(1);
                *position += 160;
            }
            self.pull();
        }
    }

    pub(super) fn operations(&self, operation: Operation) -> usize {
        self.infos.iter().filter(|info| info.operation == operation).count()
    }

    /// No packet is in two places; those in the ring, which the reader has not seen, are in none.
    pub(super) fn assert_accounted_but_for_the_ring(&self) {
        let s = self.reader.stats();
        let known = s.played + s.late + s.duplicate + s.dropped + s.flushed + s.passed;
        assert!(s.inserted >= known + s.malformed + s.oversized + s.no_slot + s.waiting, "{s:?}");
        assert_eq!(s.samples, self.heard.len() as u64);
    }

    /// Every packet is in exactly one place.
    pub(super) fn assert_accounted(&self) {
        let s = self.reader.stats();
        let known = s.played + s.late + s.duplicate + s.dropped + s.flushed + s.passed;
        let refused = s.malformed + s.oversized + s.no_slot;
        assert_eq!(s.inserted, known + refused + s.waiting, "{s:?}");
        assert_eq!(s.samples, self.heard.len() as u64);
    }
}

/// A second codec on the same clock: linear 8-bit samples.
struct Narrow;

impl Decoder for Narrow {
    fn format(&self) -> Format {
        Format { sample_rate_hz: 8000, channels: 1, rtp_clock_hz: 8000 }
    }
    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        Ok(payload.len())
    }
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let pcm = pcm.get_mut(..payload.len()).ok_or(CodecError::Capacity)?;
        for (sample, &byte) in pcm.iter_mut().zip(payload) {
            *sample = (i16::from(byte) - 128) << 8;
        }
        Ok(payload.len())
    }
    fn reset(&mut self) {}
}

/// What the listener would hear of the sender's signal, through the codec, from `position` on.
pub(super) fn coded(position: i64, count: usize) -> Vec<i16> {
    (0..count as i64)
        .map(|i| Law::Mu.to_linear(Law::Mu.from_linear(speech(position + i))))
        .collect()
}

/// Where in `heard` a stretch of the sender's signal is found to the sample.
pub(super) fn find(heard: &[i16], signal: &[i16]) -> Option<usize> {
    heard.windows(signal.len()).position(|w| w == signal)
}

#[test]
fn an_undisturbed_stream_is_heard_to_the_sample_and_without_a_break() {
    let mut bench = Bench::new(&JitterConfig::default());
    let (mut sequence, mut position) = (65530, 0);
    bench.run(3000, &mut sequence, &mut position);
    let start = find(&bench.heard, &coded(0, 400)).expect("the beginning is heard");
    assert!(start <= 80 * 3, "begins after {start} samples");
    assert_eq!(&bench.heard[start..start + 20_000], coded(0, 20_000).as_slice());
    let last = bench.infos.last().unwrap();
    assert!(last.delay_ms < 20.0, "{last:?}");
    bench.assert_accounted();
}

#[test]
fn nothing_but_silence_is_pulled_before_the_first_packet() {
    let mut bench = Bench::new(&JitterConfig::default());
    for _ in 0..10 {
        assert_eq!(bench.pull().operation, Operation::Silence);
    }
    assert!(bench.heard.iter().all(|&s| s == 0));
}

#[test]
fn a_pull_of_other_than_whole_10_ms_is_refused_and_changes_nothing() {
    let mut bench = Bench::new(&JitterConfig::default());
    for length in [0, 1, 79, 81] {
        let mut pcm = alloc::vec![7; length];
        assert_eq!(bench.reader.pull(bench.now_ns, &mut pcm), Err(PullError::Length));
        assert!(pcm.iter().all(|&s| s == 7));
    }
    assert_eq!(bench.reader.stats().samples, 0);
    let mut pcm = [0; 480];
    assert!(bench.reader.pull(bench.now_ns, &mut pcm).is_ok());
}

#[test]
fn reordered_packets_within_the_delay_are_put_right_to_the_sample() {
    let config =
        JitterConfig { mode: DelayMode::Fixed, target_delay_ms: 60, ..JitterConfig::default() };
    let mut bench = Bench::new(&config);
    for n in 0..100_u16 {
        // Swap each third pair.
        let m = match n % 6 {
            2 => n + 1,
            3 => n - 1,
            _ => n,
        };
        bench.send(m, i64::from(m) * 160, 160).unwrap();
        bench.pull();
        bench.pull();
    }
    let start = find(&bench.heard, &coded(0, 200)).unwrap();
    let length = 15_000 - start;
    assert_eq!(&bench.heard[start..start + length], coded(0, length).as_slice());
    bench.assert_accounted();
}

#[test]
fn a_lost_packet_is_concealed_and_counted_and_what_follows_keeps_its_place() {
    let mut bench = Bench::new(&JitterConfig::default());
    for n in 0..100_u16 {
        if n != 50 {
            bench.send(n, i64::from(n) * 160, 160).unwrap();
        }
        bench.pull();
        bench.pull();
    }
    let start = find(&bench.heard, &coded(0, 400)).unwrap();
    let after = find(&bench.heard, &coded(60 * 160, 400)).expect("the rest is heard");
    // Joining may shift media time by up to 15 ms once.
    assert!((after as i64 - (start as i64 + 60 * 160)).abs() <= 120);
    assert!(bench.operations(Operation::Conceal) >= 1);
    let stats = bench.reader.stats();
    assert_eq!((stats.missing, stats.concealments), (1, 1));
    let gap = &bench.heard[start + 50 * 160..start + 51 * 160];
    let true_power: f64 = coded(8000, 160).iter().map(|&s| f64::from(s).powi(2)).sum();
    let made_power: f64 = gap.iter().map(|&s| f64::from(s).powi(2)).sum();
    assert!((0.25..4.0).contains(&(made_power / true_power)), "{}", made_power / true_power);
    bench.assert_accounted();
}

#[test]
fn duplicates_are_counted_and_not_heard() {
    let mut bench = Bench::new(&JitterConfig::default());
    for n in 0..100_u16 {
        for _ in 0..1 + n % 2 {
            bench.send(n, i64::from(n) * 160, 160).unwrap();
        }
        bench.pull();
        bench.pull();
    }
    assert_eq!(bench.reader.stats().duplicate, 50);
    let start = find(&bench.heard, &coded(0, 400)).unwrap();
    assert_eq!(&bench.heard[start..start + 15_000], coded(0, 15_000).as_slice());
    bench.assert_accounted();
}

#[test]
fn comfort_noise_fills_the_senders_silence_at_its_level() {
    let mut bench = Bench::new(&JitterConfig::default());
    let (mut sequence, mut position) = (0, 0);
    bench.run(1000, &mut sequence, &mut position);
    bench.payload_type = 13;
    bench.send_payload(sequence, position as u32, &[50]).unwrap();
    for _ in 0..100 {
        bench.pull();
    }
    assert!(bench.operations(Operation::ComfortNoise) > 90);
    let tail = &bench.heard[bench.heard.len() - 4000..];
    let rms = (tail.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 4000.0).sqrt();
    assert!((rms / 103.6 - 1.0).abs() < 0.1, "{rms}");
    bench.payload_type = 0;
    position += 8000;
    sequence += 1;
    bench.run(500, &mut sequence, &mut position);
    assert!(
        find(&bench.heard, &coded(position - 2400, 800)).is_some(),
        "the next talk spurt is heard"
    );
    assert_eq!(bench.operations(Operation::Conceal), 0);
    bench.assert_accounted();
}

#[test]
fn unknown_payload_types_are_passed_over_and_not_taken_for_losses() {
    let mut bench = Bench::new(&JitterConfig::default());
    let (mut sequence, mut position) = (0, 0);
    bench.run(1000, &mut sequence, &mut position);
    bench.payload_type = 101;
    bench.send_payload(sequence, position as u32, &[1, 10, 0, 160]).unwrap();
    bench.payload_type = 0;
    sequence += 1;
    bench.run(1000, &mut sequence, &mut position);
    let stats = bench.reader.stats();
    assert_eq!((stats.passed, stats.missing), (1, 0));
    bench.assert_accounted();
}

#[test]
fn what_can_not_go_in_is_refused_and_counted() {
    let config = JitterConfig { slots: 8, max_payload_bytes: 400, ..JitterConfig::default() };
    let mut bench = Bench::new(&config);
    assert_eq!(bench.writer.insert(&[1, 2, 3], 0), Err(InsertError::Malformed));
    assert_eq!(bench.send_payload(0, 0, &[0; 401]), Err(InsertError::Oversized));
    for n in 0..8 {
        assert_eq!(bench.send(n, i64::from(n) * 160, 160), Ok(()));
    }
    assert_eq!(bench.send(8, 1280, 160), Err(InsertError::NoSlot));
    bench.pull();
    let stats = bench.reader.stats();
    assert_eq!((stats.malformed, stats.oversized, stats.no_slot), (1, 1, 1));
    bench.assert_accounted();
}

#[test]
fn the_control_half_sees_the_counters() {
    let mut bench = Bench::new(&JitterConfig::default());
    let (mut sequence, mut position) = (0, 0);
    bench.run(1000, &mut sequence, &mut position);
    let seen = bench.control.stats().unwrap();
    assert_eq!(seen.inserted, 50);
    assert!(seen.samples >= 7200 && seen.played >= 40);
}

#[test]
fn missing_packets_are_listed_with_the_time_they_are_needed_by() {
    let config =
        JitterConfig { mode: DelayMode::Fixed, target_delay_ms: 100, ..JitterConfig::default() };
    let mut bench = Bench::new(&config);
    let (mut sequence, mut position) = (65533, 0);
    bench.run(1000, &mut sequence, &mut position);
    let mut list = [Missing::default(); 8];
    assert_eq!(bench.reader.missing(bench.now_ns, &mut list), 0);
    let lost = sequence;
    let sent_ns = bench.now_ns;
    sequence = sequence.wrapping_add(2);
    position += 320;
    bench.now_ns += 40 * MS;
    bench.run(20, &mut sequence, &mut position);
    // The stall of 40 ms without a pull is taken up by the buffer.
    let count = bench.reader.missing(bench.now_ns, &mut list);
    assert_eq!(count, 2);
    assert_eq!(list[0].sequence, lost);
    assert_eq!(list[1].sequence, lost.wrapping_add(1));
    assert!(list[0].deadline_ns > bench.now_ns && list[0].deadline_ns <= sent_ns + 140 * MS);
    assert_eq!(list[1].deadline_ns - list[0].deadline_ns, 20 * MS);
    // A packet that comes after all is no longer missing; one whose time is over neither.
    bench.send(lost, position - 480, 160).unwrap();
    bench.pull();
    assert_eq!(bench.reader.missing(bench.now_ns, &mut list), 1);
    for _ in 0..30 {
        bench.pull();
    }
    assert_eq!(bench.reader.missing(bench.now_ns, &mut list), 0);
}

#[test]
fn the_drift_and_the_histogram_tell_what_the_network_did() {
    let mut bench = Bench::new(&JitterConfig::default());
    let start = bench.now_ns;
    // A sender that is 200 ppm fast, every other packet 30 ms late.
    for n in 0..2000_u64 {
        bench.now_ns = start + n * 19_996_000 + (n % 2) * 30 * MS;
        bench.send(n as u16, n as i64 * 160, 160).unwrap();
        if n % 2 == 1 {
            bench.now_ns = start + n * 19_996_000 + 31 * MS;
            let mut pcm = [0; 320];
            bench.reader.pull(bench.now_ns, &mut pcm).unwrap();
        }
    }
    let ppm = bench.reader.stats().drift_ppm();
    assert!((150..250).contains(&ppm), "{ppm}");
    let total: f32 = bench.reader.arrival_histogram().map(|(_, share)| share).sum();
    assert!((total - 1.0).abs() < 0.01, "{total}");
}

/// Conceals by itself, and gives a sample for a byte.
struct Concealing;

impl Decoder for Concealing {
    fn format(&self) -> Format {
        Format { sample_rate_hz: 8000, channels: 1, rtp_clock_hz: 8000 }
    }
    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        Ok(payload.len())
    }
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        for (sample, byte) in pcm.iter_mut().zip(payload) {
            *sample = i16::from(*byte) * 100;
        }
        Ok(payload.len())
    }
    fn conceals(&self) -> bool {
        true
    }
    fn conceal(&mut self, pcm: &mut [i16]) -> Result<usize, CodecError> {
        pcm.fill(77);
        Ok(pcm.len())
    }
    fn reset(&mut self) {}
}

#[test]
fn a_gap_before_a_packet_shorter_than_a_step_of_concealment_is_made_up_for() {
    let mut map = DecoderMap::new();
    map.insert(0, Box::new(Concealing)).unwrap();
    let mut bench = Bench::with_decoders(&JitterConfig::default(), map);
    let (mut sequence, mut position) = (0, 0);
    for turn in 0..200_u16 {
        // After some whole packets a few samples are missing, and what follows is shorter still.
        let sizes = if turn % 4 == 0 { [160, 1 + usize::from(turn / 4) % 23] } else { [160, 0] };
        for size in sizes.into_iter().filter(|size| *size > 0) {
            bench.send_payload(sequence, position, &[50; 160][..size]).unwrap();
            (sequence, position) = (sequence + 1, position + size as u32);
            if size == 160 && turn % 4 == 0 {
                (sequence, position) = (sequence + 1, position + 21 + u32::from(turn) % 60);
            }
        }
        bench.pull();
        bench.pull();
    }
    assert!(bench.heard.contains(&77) && bench.heard.contains(&5000));
}
