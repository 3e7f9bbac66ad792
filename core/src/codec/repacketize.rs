// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other packet times without re-encoding: payloads are joined and split where the codec allows it.
//!
//! G.711, G.722 and L16 are rows of bytes that may be cut anywhere. An Opus payload is made of
//! frames, which can be regrouped (RFC 6716 section 3.2) but not cut: a frame that is longer than
//! the packet time wanted goes on as it is. Runs on the thread that owns it.

use alloc::boxed::Box;
use alloc::vec;
use core::num::NonZeroUsize;

use super::{CodecError, CodecSpec};
use crate::within::Within;

/// Bytes that wait at most: 120 ms of stereo L16 at 48 kHz, twice.
const ROOM: usize = 2 * 120 * 48 * 4;
/// Most bytes of an Opus payload that is made.
#[cfg(feature = "opus")]
const OPUS_ROOM: usize = 8 * 1_280;

/// Regroups the payloads of one stream into packets of another time.
#[derive(Debug)]
pub struct Repacketizer {
    unit: Unit,
    target_ticks: u32,
    pending: Box<[u8]>,
    pending_bytes: usize,
    /// RTP timestamp of the first byte that waits.
    timestamp: u32,
    pending_ticks: u32,
}

enum Unit {
    /// Bytes of a tick of the RTP clock.
    Bytes(NonZeroUsize),
    #[cfg(feature = "opus")]
    Frames(Box<opus_frames::Frames>),
}

impl core::fmt::Debug for Unit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes",
            #[cfg(feature = "opus")]
            Self::Frames(_) => "Frames",
        })
    }
}

impl Repacketizer {
    /// For packets of `packet_ms`, 10 to 60.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`CodecError::Unsupported`] for a codec of the host's, whose payloads nobody here can cut;
    /// [`CodecError::InvalidArgument`] for another packet time.
    pub fn new(codec: &CodecSpec, packet_ms: u16) -> Result<Self, CodecError> {
        let unit = match codec {
            CodecSpec::Pcmu | CodecSpec::Pcma | CodecSpec::G722 => Unit::Bytes(NonZeroUsize::MIN),
            CodecSpec::L16 { channels, .. } => {
                let bytes = NonZeroUsize::new(2 * usize::from(*channels));
                Unit::Bytes(bytes.ok_or(CodecError::InvalidArgument)?)
            }
            #[cfg(feature = "opus")]
            CodecSpec::Opus(_) => Unit::Frames(Box::new(opus_frames::Frames::new()?)),
            CodecSpec::Host(_) => return Err(CodecError::Unsupported),
        };
        if !(10..=60).contains(&packet_ms) {
            return Err(CodecError::InvalidArgument);
        }
        let clock_hz = codec.format().rtp_clock_hz;
        Ok(Self {
            unit,
            target_ticks: (u64::from(clock_hz) * u64::from(packet_ms) / 1_000) as u32,
            pending: vec![0; ROOM].into(),
            pending_bytes: 0,
            timestamp: 0,
            pending_ticks: 0,
        })
    }

    /// Takes the payload that begins at RTP timestamp `timestamp`, and gives every payload that is
    /// complete with it to `emit`, each with its timestamp. Where payloads are missing in between,
    /// what waits goes first, shorter than the rest.
    ///
    /// Real-time: yes, as far as `emit` is.
    ///
    /// # Errors
    /// [`CodecError::Malformed`]; the payload is dropped then.
    pub fn push(
        &mut self,
        timestamp: u32,
        payload: &[u8],
        mut emit: impl FnMut(u32, &[u8]),
    ) -> Result<(), CodecError> {
        if self.pending_bytes > 0 && timestamp != self.timestamp.wrapping_add(self.pending_ticks) {
            self.flush(&mut emit);
        }
        match &mut self.unit {
            Unit::Bytes(tick_bytes) => {
                let tick_bytes = *tick_bytes;
                if payload.is_empty() || !payload.len().is_multiple_of(tick_bytes.get()) {
                    return Err(CodecError::Malformed);
                }
                self.push_bytes(timestamp, payload, tick_bytes, &mut emit)
            }
            #[cfg(feature = "opus")]
            Unit::Frames(_) => self.push_frames(timestamp, payload, &mut emit),
        }
    }

    /// Gives what waits, as when the stream ends.
    ///
    /// Real-time: yes, as far as `emit` is.
    pub fn flush(&mut self, mut emit: impl FnMut(u32, &[u8])) {
        if self.pending_bytes == 0 {
            return;
        }
        match &mut self.unit {
            Unit::Bytes(_) => emit(self.timestamp, self.pending.head(self.pending_bytes)),
            #[cfg(feature = "opus")]
            Unit::Frames(frames) => {
                if let Some((whole, _)) =
                    frames.regroup(self.pending.head(self.pending_bytes), usize::MAX)
                {
                    emit(self.timestamp, whole);
                }
                frames.forget();
            }
        }
        self.pending_bytes = 0;
        self.pending_ticks = 0;
    }

    fn push_bytes(
        &mut self,
        timestamp: u32,
        payload: &[u8],
        tick_bytes: NonZeroUsize,
        emit: &mut impl FnMut(u32, &[u8]),
    ) -> Result<(), CodecError> {
        let room = self.pending.get_mut(self.pending_bytes..).unwrap_or_default();
        room.get_mut(..payload.len()).ok_or(CodecError::Malformed)?.copy_from_slice(payload);
        if self.pending_bytes == 0 {
            self.timestamp = timestamp;
        }
        self.pending_bytes += payload.len();
        self.pending_ticks += (payload.len() / tick_bytes) as u32;
        let packet_bytes = self.target_ticks as usize * tick_bytes.get();
        let mut done = 0;
        while self.pending_bytes - done >= packet_bytes {
            emit(self.timestamp, self.pending.span(done..done + packet_bytes));
            self.timestamp = self.timestamp.wrapping_add(self.target_ticks);
            self.pending_ticks -= self.target_ticks;
            done += packet_bytes;
        }
        self.pending.shift(done..self.pending_bytes, 0);
        self.pending_bytes -= done;
        Ok(())
    }

    #[cfg(feature = "opus")]
    fn push_frames(
        &mut self,
        timestamp: u32,
        payload: &[u8],
        emit: &mut impl FnMut(u32, &[u8]),
    ) -> Result<(), CodecError> {
        if payload.len() > OPUS_ROOM / 8 {
            return Err(CodecError::Malformed);
        }
        let (frame_ticks, ticks) = opus_frames::ticks(payload).ok_or(CodecError::Malformed)?;
        let Unit::Frames(frames) = &self.unit else { return Err(CodecError::Internal) };
        if self.pending_bytes > 0
            && (!frames.goes_with(payload) || self.pending_ticks + ticks > opus_frames::MOST_TICKS)
        {
            self.flush(&mut *emit);
        }
        if frame_ticks.get() > self.target_ticks {
            self.flush(&mut *emit);
            emit(timestamp, payload);
            return Ok(());
        }
        let Unit::Frames(frames) = &mut self.unit else { return Err(CodecError::Internal) };
        if self.pending_bytes == 0 {
            self.timestamp = timestamp;
        }
        let end = self.pending_bytes + payload.len();
        let room = self.pending.get_mut(self.pending_bytes..end).ok_or(CodecError::Malformed)?;
        room.copy_from_slice(payload);
        frames.note(payload);
        self.pending_bytes = end;
        self.pending_ticks += ticks;
        let group = self.target_ticks / frame_ticks;
        let group_ticks = group * frame_ticks.get();
        while self.pending_ticks >= group_ticks {
            let pending = self.pending.head(self.pending_bytes);
            let Some((first, rest)) = frames.regroup(pending, group as usize) else {
                // What libopus does not put together goes on apart.
                self.pending_bytes = 0;
                self.pending_ticks = 0;
                frames.forget();
                return Err(CodecError::Malformed);
            };
            emit(self.timestamp, first);
            let waiting = self.pending.head_mut(rest.len());
            waiting.copy_of(rest);
            self.pending_bytes = waiting.len();
            frames.forget();
            if !waiting.is_empty() {
                frames.note(waiting);
            }
            self.timestamp = self.timestamp.wrapping_add(group_ticks);
            self.pending_ticks -= group_ticks;
        }
        Ok(())
    }
}

/// Opus payloads as rows of frames, through libopus's repacketizer.
#[cfg(feature = "opus")]
mod opus_frames {
    use core::num::NonZeroU32;

    use super::{Box, CodecError, OPUS_ROOM, Within, vec};

    /// 120 ms at 48 kHz, the most that a payload may have (RFC 6716 section 3.2.5).
    pub(super) const MOST_TICKS: u32 = 5_760;
    /// Payloads that may wait: 120 ms of the shortest.
    const MOST_PAYLOADS: usize = 48;

    pub(super) struct Frames {
        repacketizer: opus::Repacketizer,
        lengths: [u16; MOST_PAYLOADS],
        count: usize,
        /// Configuration and channels of what waits: only alike frames share a payload.
        kind: u8,
        group: Box<[u8]>,
        rest: Box<[u8]>,
    }

    /// RTP ticks of a frame and of the whole payload.
    pub(super) fn ticks(payload: &[u8]) -> Option<(NonZeroU32, u32)> {
        let samples = opus::packet::get_nb_samples(payload, 48_000).ok()?;
        let frames = opus::packet::get_nb_frames(payload).ok()?;
        let frame = NonZeroU32::new(samples.checked_div(frames)? as u32)?;
        Some((frame, samples as u32))
    }

    impl Frames {
        pub(super) fn new() -> Result<Self, CodecError> {
            Ok(Self {
                repacketizer: opus::Repacketizer::new().map_err(|_| CodecError::Internal)?,
                lengths: [0; MOST_PAYLOADS],
                count: 0,
                kind: 0,
                group: vec![0; OPUS_ROOM].into(),
                rest: vec![0; OPUS_ROOM].into(),
            })
        }

        /// Whether a payload's frames may stand beside those that wait.
        pub(super) fn goes_with(&self, payload: &[u8]) -> bool {
            self.count < MOST_PAYLOADS && payload.first().is_some_and(|toc| toc & 0xfc == self.kind)
        }

        pub(super) fn note(&mut self, payload: &[u8]) {
            if let Some(length) = self.lengths.get_mut(self.count) {
                *length = payload.len() as u16;
                self.count += 1;
            }
            self.kind = payload.first().map_or(0, |toc| toc & 0xfc);
        }

        pub(super) fn forget(&mut self) {
            self.count = 0;
        }

        /// The first `frames` frames of what waits as one payload, and the rest as another.
        pub(super) fn regroup(&mut self, waiting: &[u8], frames: usize) -> Option<(&[u8], &[u8])> {
            let mut state = self.repacketizer.begin();
            let mut at = 0;
            for &length in self.lengths.head(self.count) {
                let end = at + usize::from(length);
                state.cat(waiting.get(at..end)?).ok()?;
                at = end;
            }
            let all = state.get_nb_frames();
            let frames = frames.min(all);
            let first = state.out_range(0, frames, &mut self.group).ok()?;
            let rest = match frames == all {
                true => 0,
                false => state.out_range(frames, all, &mut self.rest).ok()?,
            };
            Some((self.group.get(..first)?, self.rest.get(..rest)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn regroup(
        codec: &CodecSpec,
        packet_ms: u16,
        payloads: &[(u32, Vec<u8>)],
    ) -> Vec<(u32, Vec<u8>)> {
        let mut repacketizer = Repacketizer::new(codec, packet_ms).unwrap();
        let mut out = Vec::new();
        for (timestamp, payload) in payloads {
            repacketizer
                .push(*timestamp, payload, |t, bytes| out.push((t, bytes.to_vec())))
                .unwrap();
        }
        repacketizer.flush(|t, bytes| out.push((t, bytes.to_vec())));
        out
    }

    proptest! {
        /// The bytes are those of the input in order, each at its own time, whatever is missing.
        #[test]
        fn bytes_keep_their_order_and_their_time(
            channels in 0_u8..3,
            packet_ms in 10_u16..=60,
            packets in prop::collection::vec((1_u32..400, prop::bool::weighted(0.9)), 1..40),
            start: u32,
        ) {
            let (codec, tick_bytes) = match channels {
                0 => (CodecSpec::Pcma, 1),
                channels => (CodecSpec::L16 { sample_rate_hz: 8_000, channels }, 2 * usize::from(channels)),
            };
            let (mut at, mut input, mut expected) = (start, Vec::new(), Vec::new());
            for (ticks, arrives) in packets {
                if arrives {
                    let payload: Vec<u8> =
                        (0..ticks as usize * tick_bytes).map(|i| (at as usize + i * 7) as u8).collect();
                    for (i, bytes) in payload.chunks(tick_bytes).enumerate() {
                        expected.push((at.wrapping_add(i as u32), bytes.to_vec()));
                    }
                    input.push((at, payload));
                }
                at = at.wrapping_add(ticks);
            }
            let output = regroup(&codec, packet_ms, &input);
            let most = 8 * usize::from(packet_ms) * tick_bytes;
            let mut got = Vec::new();
            for (timestamp, payload) in output {
                prop_assert!(payload.len() <= most);
                for (i, bytes) in payload.chunks(tick_bytes).enumerate() {
                    got.push((timestamp.wrapping_add(i as u32), bytes.to_vec()));
                }
            }
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn packets_without_gaps_have_the_time_asked_for() {
        let input: Vec<_> = (0..6_u32).map(|n| (n * 160, vec![n as u8; 160])).collect();
        let thirty = regroup(&CodecSpec::Pcmu, 30, &input);
        assert_eq!(
            thirty.iter().map(|(t, p)| (*t, p.len())).collect::<Vec<_>>(),
            [(0, 240), (240, 240), (480, 240), (720, 240)]
        );
        let ten = regroup(&CodecSpec::G722, 10, &input);
        assert_eq!(ten.len(), 12);
        assert!(ten.iter().enumerate().all(|(n, (t, p))| *t == n as u32 * 80 && p.len() == 80));
    }

    #[test]
    fn what_can_not_be_cut_is_refused() {
        let linear = CodecSpec::L16 { sample_rate_hz: 16_000, channels: 1 };
        let mut repacketizer = Repacketizer::new(&linear, 20).unwrap();
        assert_eq!(repacketizer.push(0, &[1, 2, 3], |_, _| ()), Err(CodecError::Malformed));
        assert_eq!(Repacketizer::new(&linear, 9).unwrap_err(), CodecError::InvalidArgument);
        assert_eq!(Repacketizer::new(&linear, 61).unwrap_err(), CodecError::InvalidArgument);
    }

    #[cfg(feature = "opus")]
    mod opus {
        use super::*;
        use crate::codec::opus::{OpusConfig, OpusDecoder, OpusEncoder};
        use crate::codec::{Decoder, Encoder};

        fn speech(packet_ms: usize, seconds: usize) -> Vec<(u32, Vec<u8>)> {
            let config = OpusConfig { sample_rate_hz: 16_000, ..Default::default() };
            let mut encoder = OpusEncoder::new(&config).unwrap();
            let frame = 16 * packet_ms;
            (0..seconds * 1_000 / packet_ms)
                .map(|n| {
                    let pcm: Vec<i16> = (0..frame)
                        .map(|i| {
                            let t = (n * frame + i) as f32;
                            (9_000.0
                                * crate::math::sin(0.05 * t + 4.0 * crate::math::sin(0.001 * t)))
                                as i16
                        })
                        .collect();
                    let mut payload = [0; 1_200];
                    let length = encoder.encode(&pcm, &mut payload).unwrap();
                    ((n * packet_ms * 48) as u32, payload[..length].to_vec())
                })
                .collect()
        }

        fn decode(payloads: &[(u32, Vec<u8>)]) -> Vec<i16> {
            let mut decoder = OpusDecoder::new(16_000, 1).unwrap();
            let mut heard = Vec::new();
            for (timestamp, payload) in payloads {
                assert_eq!(heard.len(), *timestamp as usize / 3, "each payload at its time");
                let mut pcm = [0; 2_000];
                let count = decoder.decode(payload, &mut pcm).unwrap();
                heard.extend_from_slice(&pcm[..count]);
            }
            heard
        }

        #[test]
        fn regrouped_frames_decode_to_the_same_samples() {
            let codec = CodecSpec::Opus(OpusConfig::default());
            for (from, to) in [(20, 60), (20, 40), (10, 20), (10, 60), (20, 20), (20, 30)] {
                let input = speech(from, 3);
                let output = regroup(&codec, to, &input);
                assert!(decode(&output) == decode(&input), "{from} to {to} ms");
                // And back, as far as frames can be told apart again.
                let back = regroup(&codec, from as u16, &output);
                assert!(decode(&back) == decode(&input), "{from} to {to} ms and back");
                // Where the encoder changes its mode, a payload ends early.
                let least = input.len().div_ceil(usize::from(to / from as u16));
                assert!((least..least + 3).contains(&output.len()), "{from} to {to} ms");
                assert_eq!(back.len(), input.len());
            }
        }

        #[test]
        fn a_frame_longer_than_the_packet_time_goes_on_as_it_is() {
            let codec = CodecSpec::Opus(OpusConfig::default());
            let input = speech(60, 1);
            assert_eq!(regroup(&codec, 20, &input), input);
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(200))]
            #[test]
            fn any_bytes_are_regrouped_or_refused(
                packets in prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..80)), 1..20),
                packet_ms in 10_u16..=60,
            ) {
                let codec = CodecSpec::Opus(OpusConfig::default());
                let mut repacketizer = Repacketizer::new(&codec, packet_ms).unwrap();
                for (timestamp, payload) in packets {
                    let _ = repacketizer.push(u32::from(timestamp), &payload, |_, bytes| {
                        assert!(!bytes.is_empty());
                    });
                }
            }
        }
    }
}
