// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file of Opus in Ogg while it is written.

use std::io;

use ale_media::codec::opus::{OpusConfig, OpusEncoder, RateControl};
use ale_media::codec::{CodecError, Encoder};

use super::ogg::{GRANULE_HZ, Pages};
use super::place::Timeline;
use super::sound::Store;

/// Packets of 20 ms.
const PACKETS_HZ: u64 = 50;
const PACKET_GRANULES: u64 = GRANULE_HZ / PACKETS_HZ;
const MAX_PACKET_BYTES: usize = 1_275;
/// By how much the encoder is behind its input, at [`GRANULE_HZ`]: 2.5 ms, and 4 ms to compensate its two halves.
pub(super) const PRE_SKIP: u16 = 312;
/// Silence that is encoded; a longer one ends the file.
const LONGEST_SILENCE_S: u64 = 60;

/// A file of Opus while it is written: pages are whole packets, and only whole pages are written.
#[derive(Debug)]
pub(super) struct Encoded<S> {
    store: S,
    encoder: OpusEncoder,
    pages: Pages,
    timeline: Timeline,
    sample_rate_hz: u32,
    /// Less than a packet.
    waiting: Vec<i16>,
    packets: u64,
    /// Pages that are not written yet.
    out: Vec<u8>,
    bytes: u64,
    late_samples: u64,
}

impl<S: Store> Encoded<S> {
    /// Begins with what the file is.
    pub(super) fn begin(
        mut store: S,
        sample_rate_hz: u32,
        bit_rate_bps: u32,
        comment: &str,
        time_ns: u64,
    ) -> io::Result<Self> {
        let config = OpusConfig {
            sample_rate_hz,
            bit_rate_bps,
            rate_control: RateControl::Variable,
            inband_fec: false,
            expected_loss_percent: 0,
            ..OpusConfig::default()
        };
        let encoder = OpusEncoder::new(&config).map_err(of_codec)?;
        // Of one file each, so that any name will do.
        let serial = time_ns as u32 ^ (time_ns >> 32) as u32;
        let (pages, head) = Pages::begin(serial, sample_rate_hz, PRE_SKIP, comment);
        store.write_all(&head)?;
        store.sync()?;
        Ok(Self {
            store,
            encoder,
            pages,
            timeline: Timeline::new(sample_rate_hz, time_ns),
            sample_rate_hz,
            waiting: Vec::new(),
            packets: 0,
            out: Vec::new(),
            bytes: 0,
            late_samples: 0,
        })
    }

    pub(super) fn has_room(&self, time_ns: u64, samples: usize, most: u32) -> bool {
        let more = self.timeline.samples_with(time_ns, samples) - self.timeline.samples();
        let silence = more.saturating_sub(samples as u64);
        silence <= LONGEST_SILENCE_S * u64::from(self.sample_rate_hz) && self.bytes <= most.into()
    }

    pub(super) fn add(&mut self, time_ns: u64, pcm: &[i16]) -> io::Result<()> {
        let place = self.timeline.place(time_ns, pcm.len());
        self.silence(place.silence)?;
        self.late_samples += place.overlap as u64;
        self.waiting.extend(pcm.get(place.overlap..).unwrap_or_default());
        self.encode()
    }

    fn silence(&mut self, samples: u64) -> io::Result<()> {
        let mut left = samples;
        while left > 0 {
            let now = left.min(u64::from(self.sample_rate_hz));
            self.waiting.resize(self.waiting.len() + now as usize, 0);
            self.encode()?;
            left -= now;
        }
        Ok(())
    }

    /// Encodes all whole packets that wait.
    fn encode(&mut self) -> io::Result<()> {
        let samples = (u64::from(self.sample_rate_hz) / PACKETS_HZ) as usize;
        let whole = self.waiting.len() / samples * samples;
        for pcm in self.waiting.get(..whole).unwrap_or_default().chunks(samples) {
            let mut packet = [0; MAX_PACKET_BYTES];
            let length = self.encoder.encode(pcm, &mut packet).map_err(of_codec)?;
            let packet = packet.get(..length).unwrap_or_default();
            if !self.pages.has_room(length) {
                self.pages.end_page(&mut self.out);
            }
            self.packets += 1;
            self.pages.add(packet, self.packets * PACKET_GRANULES);
            self.bytes += length as u64;
        }
        let left = self.waiting.len() - whole;
        self.waiting.copy_within(whole.., 0);
        self.waiting.get_mut(left..).unwrap_or_default().fill(0);
        self.waiting.truncate(left);
        Ok(())
    }

    /// Gives whole pages to the system.
    pub(super) fn write(&mut self) -> io::Result<()> {
        self.store.write_all(&self.out)?;
        self.out.fill(0);
        self.out.clear();
        Ok(())
    }

    /// Ends the page that is open, and makes all safe.
    pub(super) fn repair(&mut self) -> io::Result<()> {
        self.pages.end_page(&mut self.out);
        self.write()?;
        self.store.sync()
    }

    /// Ends it, safe: how many samples it has.
    pub(super) fn end(mut self) -> io::Result<u64> {
        let samples = self.timeline.samples();
        let rate_hz = u64::from(self.sample_rate_hz);
        let end = u64::from(PRE_SKIP) + samples * GRANULE_HZ / rate_hz;
        // What the encoder still holds.
        let missing = end.saturating_sub(self.packets * PACKET_GRANULES);
        let packets = missing.div_ceil(PACKET_GRANULES);
        let fill = packets * rate_hz / PACKETS_HZ - self.waiting.len() as u64;
        self.silence(fill)?;
        self.pages.end(end, &mut self.out);
        self.store.write_all(&self.out)?;
        self.store.sync()?;
        Ok(samples)
    }

    pub(super) fn late_samples(&self) -> u64 {
        self.late_samples
    }
}

fn of_codec(error: CodecError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
