// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many streams at once, one a SIMD lane: within a stream each sample waits for the one before, so
//! that a vector unit has nothing to do until several streams share it.
//!
//! The streams' states are laid into lanes and back at every call (about 2 % of the cost), so any
//! streams may share a call, and others the next.
#![allow(unsafe_code)] // A function compiled for AVX2 may only be called where AVX2 is.

use super::band::{Band, WORDS};
use super::lanes::Lanes;
use super::qmf::BLOCK;
use super::tables::{HIGH_CODES, LOW_CODES};
use super::{CodecError, Decoder, Encoder, G722Decoder, G722Encoder, checked_payload, checked_pcm};
use crate::dsp::versions::Unit;

/// Fewer streams than this are faster one by one, where each has vectors of its own and where not.
const WORTH_LANES: usize =
    if cfg!(all(target_arch = "x86_64", target_feature = "sse2")) { 5 } else { 3 };

/// One stream's part in [`encode_batch`].
#[derive(Debug)]
pub struct EncodeJob<'a> {
    /// The stream.
    pub encoder: &'a mut G722Encoder,
    /// Its samples, an even number.
    pub pcm: &'a [i16],
    /// Where the payload goes, half as many bytes.
    pub payload: &'a mut [u8],
    /// Bytes written, or why there are none; what it holds before does not matter.
    pub result: Result<usize, CodecError>,
}

/// One stream's part in [`decode_batch`].
#[derive(Debug)]
pub struct DecodeJob<'a> {
    /// The stream.
    pub decoder: &'a mut G722Decoder,
    /// Its payload.
    pub payload: &'a [u8],
    /// Where the samples go, twice as many as bytes.
    pub pcm: &'a mut [i16],
    /// Samples written, or why there are none; what it holds before does not matter.
    pub result: Result<usize, CodecError>,
}

/// Encodes a packet of each stream: the same bytes as one by one. Streams whose packets are equally
/// long and stand side by side share a vector; a job that can't be done disturbs no other.
///
/// Real-time: yes.
pub fn encode_batch(jobs: &mut [EncodeJob<'_>]) {
    for jobs in jobs.chunk_by_mut(|a, b| a.pcm.len() == b.pcm.len()) {
        vectors(jobs, |jobs| {
            for job in jobs {
                job.result = job.encoder.encode(job.pcm, job.payload);
            }
        });
    }
}

/// Decodes a packet of each stream: the same samples as one by one. See [`encode_batch`].
///
/// Real-time: yes.
pub fn decode_batch(jobs: &mut [DecodeJob<'_>]) {
    for jobs in jobs.chunk_by_mut(|a, b| a.payload.len() == b.payload.len()) {
        vectors(jobs, |jobs| {
            for job in jobs {
                job.result = job.decoder.decode(job.payload, job.pcm);
            }
        });
    }
}

/// A group of jobs of equal length that can be done in lanes.
pub(super) trait Group {
    /// Does up to `N` jobs at once. Always inlined, so that it is compiled for the caller's unit.
    fn lanes<const N: usize>(jobs: &mut [Self])
    where
        Self: Sized;
}

/// Gives `jobs` to vectors as wide as fill, the rest to `one_by_one`.
fn vectors<J: Group>(jobs: &mut [J], one_by_one: impl Fn(&mut [J])) {
    let unit = Unit::widest();
    let mut rest = jobs;
    while rest.len() >= WORTH_LANES {
        let lanes = match unit {
            Unit::Baseline => 8,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Unit::Avx512 if rest.len() > 16 => 32,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            _ => {
                if rest.len() > 8 {
                    16
                } else {
                    8
                }
            }
        };
        let (group, behind) = rest.split_at_mut(rest.len().min(lanes));
        match unit {
            Unit::Baseline => J::lanes::<8>(group),
            // SAFETY: `Unit::widest` names only what the processor has, and AVX-512 brings AVX2.
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            _ => unsafe {
                match lanes {
                    32 => lanes_avx512(group),
                    16 => lanes_avx2(group),
                    _ => lanes_avx2_half(group),
                }
            },
        }
        rest = behind;
    }
    one_by_one(rest);
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
#[target_feature(enable = "avx2")]
fn lanes_avx2<J: Group>(jobs: &mut [J]) {
    J::lanes::<16>(jobs);
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
#[target_feature(enable = "avx2")]
fn lanes_avx2_half<J: Group>(jobs: &mut [J]) {
    J::lanes::<8>(jobs);
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
fn lanes_avx512<J: Group>(jobs: &mut [J]) {
    J::lanes::<32>(jobs);
}

/// Lays the bands of up to `N` streams side by side; lanes without a stream stay silent.
#[inline(always)]
fn gather<const N: usize>(bands: impl Iterator<Item = Band<1>>) -> Band<N> {
    let mut lanes = [Lanes::<N>::ZERO; WORDS];
    for (n, band) in bands.enumerate() {
        for (lane, word) in lanes.iter_mut().zip(band.to_words()) {
            lane.0[n % N] = word;
        }
    }
    Band::from_lanes(&lanes)
}

#[inline(always)]
fn scatter<'a, const N: usize>(band: Band<N>, bands: impl Iterator<Item = &'a mut Band<1>>) {
    let lanes = band.to_lanes();
    for (n, band) in bands.enumerate() {
        *band = Band::from_words(&lanes.map(|lane| lane.0[n % N]));
    }
}

impl Group for EncodeJob<'_> {
    #[inline(always)]
    fn lanes<const N: usize>(jobs: &mut [Self]) {
        // Jobs of equal length, but each with a buffer of its own that may be too small.
        for job in jobs.iter_mut() {
            job.result = checked_payload(job.pcm, job.payload).map(|payload| payload.len());
        }
        let ready = || |job: &&mut Self| job.result.is_ok();
        let Some(total) = jobs.iter().find_map(|job| job.result.ok()) else { return };
        let mut low = gather::<N>(jobs.iter_mut().filter(ready()).map(|job| job.encoder.bands.low));
        let mut high =
            gather::<N>(jobs.iter_mut().filter(ready()).map(|job| job.encoder.bands.high));
        for begin in (0..total).step_by(BLOCK) {
            let pairs = BLOCK.min(total - begin);
            let mut low_in = [Lanes::<N>::ZERO; BLOCK];
            let mut high_in = [Lanes::<N>::ZERO; BLOCK];
            for (lane, job) in jobs.iter_mut().filter(ready()).enumerate() {
                let pcm = &job.pcm[2 * begin..2 * (begin + pairs)];
                let places = low_in.iter_mut().zip(&mut high_in);
                job.encoder.memory.split(pcm, places, |(low, high), low_sample, high_sample| {
                    low.0[lane % N] = low_sample;
                    high.0[lane % N] = high_sample;
                });
            }
            for (low_lanes, high_lanes) in low_in.iter_mut().zip(&mut high_in).take(pairs) {
                *low_lanes = low.encode_low(*low_lanes);
                *high_lanes = high.encode_high(*high_lanes);
            }
            for (lane, job) in jobs.iter_mut().filter(ready()).enumerate() {
                let mask = 0xff << job.encoder.bit_rate.auxiliary_bits();
                let payload = &mut job.payload[begin..begin + pairs];
                for (n, byte) in payload.iter_mut().enumerate() {
                    let (low_bits, high_bits) = (low_in[n].0[lane % N], high_in[n].0[lane % N]);
                    *byte = (high_bits << 6 | low_bits) as u8 & mask;
                }
            }
        }
        scatter(low, jobs.iter_mut().filter(ready()).map(|job| &mut job.encoder.bands.low));
        scatter(high, jobs.iter_mut().filter(ready()).map(|job| &mut job.encoder.bands.high));
    }
}

impl Group for DecodeJob<'_> {
    #[inline(always)]
    fn lanes<const N: usize>(jobs: &mut [Self]) {
        for job in jobs.iter_mut() {
            job.result = checked_pcm(job.payload, job.pcm).map(|pcm| pcm.len());
        }
        let ready = || |job: &&mut Self| job.result.is_ok();
        let Some(total) = jobs.iter().find_map(|job| job.result.ok()) else { return };
        let mut low = gather::<N>(jobs.iter_mut().filter(ready()).map(|job| job.decoder.bands.low));
        let mut high =
            gather::<N>(jobs.iter_mut().filter(ready()).map(|job| job.decoder.bands.high));
        for begin in (0..total / 2).step_by(BLOCK) {
            let pairs = BLOCK.min(total / 2 - begin);
            let mut low_words = [[Lanes::<N>::ZERO; 3]; BLOCK];
            let mut high_words = [[Lanes::<N>::ZERO; 2]; BLOCK];
            for (lane, job) in jobs.iter_mut().filter(ready()).enumerate() {
                let meaning = &LOW_CODES[job.decoder.bit_rate as usize];
                for (n, byte) in job.payload[begin..begin + pairs].iter().enumerate() {
                    let code = &meaning[usize::from(byte & 63)];
                    let words = &mut low_words[n];
                    words[0].0[lane % N] = code.output;
                    words[1].0[lane % N] = code.level;
                    words[2].0[lane % N] = code.scale_step;
                    let (level, step) = HIGH_CODES[usize::from(byte >> 6)];
                    high_words[n][0].0[lane % N] = level;
                    high_words[n][1].0[lane % N] = step;
                }
            }
            for (low_lanes, high_lanes) in low_words.iter_mut().zip(&mut high_words).take(pairs) {
                let [output, level, step] = *low_lanes;
                low_lanes[0] = low.decode_low(output, level, step);
                let [level, step] = *high_lanes;
                high_lanes[0] = high.decode_high(level, step);
            }
            for (lane, job) in jobs.iter_mut().filter(ready()).enumerate() {
                let bands = low_words.iter().zip(&high_words);
                let bands = bands.map(|(low, high)| (low[0].0[lane % N], high[0].0[lane % N]));
                let pcm = &mut job.pcm[2 * begin..2 * (begin + pairs)];
                job.decoder.memory.join(bands, pcm);
            }
        }
        scatter(low, jobs.iter_mut().filter(ready()).map(|job| &mut job.decoder.bands.low));
        scatter(high, jobs.iter_mut().filter(ready()).map(|job| &mut job.decoder.bands.high));
    }
}
