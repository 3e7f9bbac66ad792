// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opus packets whose length changes from one to the next, of which some are lost and some are late:
//! no panic, exactly the samples asked for, and all is heard of what came in time.
//!
//! Each packet is decoded by libopus as it stands, redundancy included; then its samples are replaced
//! by its number, so that one can see in what is heard which packet each sample is from.

use alloc::boxed::Box;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::tests::{Bench, MS, speech};
use super::*;
use crate::codec::opus::{OpusConfig, OpusDecoder, OpusEncoder, RTP_CLOCK_HZ};
use crate::codec::{CodecError, Decoder, Encoder, Format};

const RATE_HZ: u32 = 16_000;
/// Samples in a millisecond, and in a pull.
const PER_MS: usize = RATE_HZ as usize / 1000;
const FRAME: usize = 10 * PER_MS;
/// What stands for sound of packet 0; what is made up is silence.
const FIRST: i16 = 8000;
/// All packet times of Opus (RFC 6716 section 3.2.5: up to 120 ms in one packet), in tenths of a
/// millisecond.
const TIMES: [u32; 9] = [25, 50, 100, 200, 400, 600, 800, 1000, 1200];
/// Longest stretch of bad luck, in milliseconds: beyond 400 ms the stream is taken up anew.
const WORST_MS: f32 = 250.0;

/// libopus behind two bytes that number the packet.
struct Numbered(OpusDecoder);

fn number(payload: &[u8]) -> Result<(i16, &[u8]), CodecError> {
    let (number, opus) = payload.split_first_chunk().ok_or(CodecError::Malformed)?;
    Ok((i16::from_be_bytes(*number), opus))
}

impl Decoder for Numbered {
    fn format(&self) -> Format {
        self.0.format()
    }
    fn packet_samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        self.0.packet_samples(number(payload)?.1)
    }
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let (number, opus) = number(payload)?;
        let count = self.0.decode(opus, pcm)?;
        pcm[..count].fill(FIRST + number);
        Ok(count)
    }
    fn conceals(&self) -> bool {
        true
    }
    fn conceal(&mut self, pcm: &mut [i16]) -> Result<usize, CodecError> {
        let count = self.0.conceal(pcm)?;
        pcm[..count].fill(0);
        Ok(count)
    }
    fn recover(
        &mut self,
        next: &[u8],
        before: usize,
        pcm: &mut [i16],
    ) -> Result<usize, CodecError> {
        let count = self.0.recover(number(next)?.1, before, pcm)?;
        pcm[..count].fill(0);
        Ok(count)
    }
    fn reset(&mut self) {
        self.0.reset();
    }
}

/// What becomes of a packet on its way.
#[derive(Debug, Clone, Copy)]
enum Luck {
    Good,
    Lost,
    LateMs(u16),
}

#[derive(Debug, Clone)]
struct Sent {
    /// Media position, samples, and when it arrives, in samples from the first pull; lost packets never
    /// do.
    start: usize,
    samples: usize,
    arrives: Option<usize>,
    payload: Vec<u8>,
}

impl Sent {
    fn end(&self) -> usize {
        self.start + self.samples
    }
}

fn packet() -> impl Strategy<Value = (u32, Luck)> {
    let luck = prop_oneof![
        5 => Just(Luck::Good),
        2 => Just(Luck::Lost),
        2 => (10_u16..300).prop_map(Luck::LateMs),
    ];
    (prop::sample::select(&TIMES[..]), luck)
}

/// The packets of a call, encoded; each is sent when its last sample has been said.
fn call(packets: &[(u32, Luck)]) -> Vec<Sent> {
    let config = OpusConfig {
        sample_rate_hz: RATE_HZ,
        complexity: 0,
        expected_loss_percent: 30,
        ..OpusConfig::default()
    };
    let mut encoder = OpusEncoder::new(&config).unwrap();
    let (mut sent, mut start, mut bad_ms) = (Vec::new(), 0, 0.0);
    // The shortest first, so that no later one has a faster way.
    for (number, &(time, luck)) in [(25, Luck::Good)].iter().chain(packets).enumerate() {
        let samples = time as usize * PER_MS / 10;
        let pcm: Vec<i16> = (start..start + samples).map(|n| speech(n as i64 / 2)).collect();
        let mut payload = alloc::vec![0; 1500];
        payload[..2].copy_from_slice(&(number as u16).to_be_bytes());
        let length = encoder.encode(&pcm, &mut payload[2..]).unwrap();
        payload.truncate(2 + length);
        let packet_ms = time as f32 / 10.0;
        let luck = if bad_ms + packet_ms > WORST_MS { Luck::Good } else { luck };
        bad_ms = if matches!(luck, Luck::Good) { 0.0 } else { bad_ms + packet_ms };
        let said = start + samples;
        let arrives = match luck {
            Luck::Good => Some(said),
            Luck::Lost => None,
            Luck::LateMs(ms) => Some(said + usize::from(ms) * PER_MS),
        };
        sent.push(Sent { start, samples, arrives, payload });
        start += samples;
    }
    sent
}

/// Plays a call; gives what is heard.
fn play(sent: &[Sent], config: &JitterConfig) -> Bench {
    let mut map = DecoderMap::new();
    map.insert(96, Box::new(Numbered(OpusDecoder::new(RATE_HZ, 1).unwrap()))).unwrap();
    let mut bench = Bench::with_decoders(config, map);
    bench.payload_type = 96;
    let mut arrivals: Vec<_> =
        sent.iter().enumerate().filter_map(|(n, s)| Some((s.arrives?, n))).collect();
    arrivals.sort_unstable();
    let mut waiting = arrivals.iter().peekable();
    let begin_ns = bench.now_ns;
    for pull in 0..arrivals.last().unwrap().0 / FRAME + 100 {
        while let Some(&(at, n)) = waiting.next_if(|(at, _)| *at <= pull * FRAME) {
            bench.now_ns = begin_ns + at as u64 * MS / PER_MS as u64;
            let timestamp = sent[n].start as u32 * (RTP_CLOCK_HZ / RATE_HZ);
            bench.send_payload(n as u16, timestamp, &sent[n].payload).unwrap();
        }
        bench.now_ns = begin_ns + pull as u64 * 10 * MS;
        let mut pcm = [0; FRAME];
        bench.reader.pull(bench.now_ns, &mut pcm).unwrap();
        bench.heard.extend(pcm);
    }
    bench.assert_accounted();
    bench
}

/// The slow and obvious model of a fixed delay: what is said at a position is heard `delay` samples
/// later. Gives, for each packet, from which position on it has to be heard, if from any.
fn in_time(sent: &[Sent], delay: usize) -> Vec<Option<usize>> {
    // Up to where all is there, or was given up.
    let mut whole = 0;
    let demands = sent.iter().enumerate().map(|(n, packet)| {
        let pull = packet.arrives?.next_multiple_of(FRAME);
        let ear = pull.saturating_sub(delay);
        let newer_is_there =
            || sent[n + 1..].iter().any(|s| s.arrives.is_some_and(|at| at <= pull));
        let first = if ear <= whole {
            packet.start
        } else if newer_is_there() {
            // The gap before that one may have been made up at once.
            return None;
        } else {
            // 20 ms are made up at once, in steps of 2.5 ms.
            packet.start.max(ear + 20 * PER_MS + 5 * PER_MS / 2)
        };
        whole = packet.end();
        (first < whole).then_some(first)
    });
    demands.collect()
}

fn fixed(target_delay_ms: u16) -> JitterConfig {
    JitterConfig {
        mode: DelayMode::Fixed,
        target_delay_ms,
        max_delay_ms: 1000,
        slots: 200,
        ..JitterConfig::at_rate(RATE_HZ)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_came_in_time_is_cut_whatever_the_packet_times(
        packets in prop::collection::vec(packet(), 1..60),
        target_ms in 130_u16..300,
    ) {
        let sent = call(&packets);
        let bench = play(&sent, &fixed(target_ms));
        let stats = bench.reader.stats();
        // One held up for long, with nothing behind it, may be taken for a sender that stood still.
        prop_assume!(stats.resumptions == 0);
        let began = bench.heard.iter().position(|&s| s == FIRST).expect("the first is heard");
        let mut missing = 0;
        for (n, first) in in_time(&sent, began - stats.removed_samples as usize).iter().enumerate() {
            let Some(first) = *first else { continue };
            let own = |s: &&i16| **s == FIRST + n as i16;
            let due = began + first..began + sent[n].end();
            if stats.removed_samples + stats.inserted_samples + stats.merges == 0 {
                prop_assert_eq!(bench.heard[due.clone()].iter().filter(own).count(), due.len(), "{}", n);
            }
            missing += due.len().saturating_sub(bench.heard.iter().filter(own).count());
        }
        // Sound after a gap is faded in over 8 ms at most.
        let faded = stats.concealments as usize * 8 * PER_MS;
        prop_assert!(missing <= stats.removed_samples as usize + faded, "{missing}: {stats:?}");
    }

    #[test]
    fn whatever_the_packet_times_an_adaptive_buffer_gives_what_is_asked_for(
        packets in prop::collection::vec(packet(), 1..100),
        max_delay_ms in 60_u16..400,
    ) {
        let config = JitterConfig { max_delay_ms, ..JitterConfig::at_rate(RATE_HZ) };
        let sent = call(&packets);
        let bench = play(&sent, &config);
        let stats = bench.reader.stats();
        prop_assert!(bench.heard.iter().any(|&s| s >= FIRST), "{:?}", stats);
        prop_assert_eq!((stats.malformed, stats.oversized, stats.duplicate), (0, 0, 0), "{:?}", stats);
    }
}
