// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a tap that is read, by one thread at a time.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use core::fmt;

use super::config::{TapConfig, TapId, TapSource};
use super::consent::Withdrawals;
use super::frame::{Head, Reader, TapFrame};
use super::packet::{PACKET_WORDS, TapPacket, unpack};
use crate::jitter::MAX_PAYLOAD_BYTES;
use crate::within::Within;

/// The end of a tap that is read. Dropped, the tap is over.
pub struct TapReader {
    id: TapId,
    config: TapConfig,
    frames: Reader,
    withdrawals: Arc<Withdrawals>,
    lost_frames: u64,
    withheld_frames: u64,
    /// Room for a packet, or for two voices, where there are any.
    words: Box<[i16]>,
}

impl TapReader {
    pub(crate) fn new(
        id: TapId,
        config: &TapConfig,
        frames: Reader,
        withdrawals: Arc<Withdrawals>,
    ) -> Self {
        let words = match (config.source, config.reference) {
            (TapSource::Packets(_), _) => PACKET_WORDS,
            (_, Some(_)) => 2 * (config.sample_rate_hz / 100) as usize,
            _ => 0,
        };
        let words = vec![0; words].into();
        Self { id, config: *config, frames, withdrawals, lost_frames: 0, withheld_frames: 0, words }
    }

    /// The tap's name.
    pub fn id(&self) -> TapId {
        self.id
    }

    /// What it was made for.
    pub fn config(&self) -> &TapConfig {
        &self.config
    }

    /// Samples of a frame: 10 ms.
    pub fn frame_samples(&self) -> usize {
        (self.config.sample_rate_hz / 100) as usize
    }

    /// Reads the oldest 10 ms to the front of `pcm`, which has room for [`TapReader::frame_samples`]; `None`
    /// when there is nothing, or no room, and of packets. What was taken before a withdrawal is not given after it.
    ///
    /// Real-time: yes.
    pub fn read(&mut self, pcm: &mut [i16]) -> Option<TapFrame> {
        let samples = self.frame_samples();
        let pcm = pcm.get_mut(..samples)?;
        if matches!(self.config.source, TapSource::Packets(_)) {
            return None;
        }
        let (head, lost) = self.next(pcm)?;
        Some(head.frame(samples, lost))
    }

    /// As [`TapReader::read`], and to the front of `reference` what the voice of [`TapConfig::reference`] said in just
    /// these samples; `None` also where there is no reference. Both are one frame of the ring: they come, are lost
    /// and are wiped together.
    ///
    /// Real-time: yes.
    ///
    /// An agent that a line's echo gives back to its own ear takes itself out, with the engines of this build:
    ///
    /// ```
    /// use ale_media::conference::{Conference, ConferenceConfig, JoinOptions, LinkEnd};
    /// use ale_media::talk::{Talk, TalkConfig};
    /// use ale_media::tap::{Purpose, SinkId, TapConfig, TapSource};
    /// use ale_media::voice::{self, Settings};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (conference, control) = Conference::new(&ConferenceConfig::default())?;
    /// let (line, end) = LinkEnd::pair(8_000)?;
    /// let caller = control.join_link(Box::new(end), JoinOptions::default()).map_err(|(e, _)| e)?;
    /// let (voice, end) = Talk::new(&TalkConfig::default())?;
    /// let agent = control.join_talk(Box::new(end), JoinOptions::default()).map_err(|(e, _)| e)?;
    /// let mut config = TapConfig::new(TapSource::Member(caller), Purpose::Assist, SinkId(1));
    /// config.reference = Some(agent);
    /// let mut tap = control.tap(&config)?;
    /// let mut settings = Settings::off();
    /// settings.echo_cancellation = true;
    /// let engines = voice::engines(config.sample_rate_hz)?;
    /// let (mut render, mut capture) = voice::create(config.sample_rate_hz, 0, &settings, engines)?;
    /// let (mut pcm, mut reference) = ([0; 160], [0; 160]);
    /// // On the program's thread, as often as there is something:
    /// while let Some(frame) = tap.read_with_reference(&mut pcm, &mut reference) {
    ///     render.push(&reference);
    ///     capture.process(&mut pcm)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_with_reference(
        &mut self,
        pcm: &mut [i16],
        reference: &mut [i16],
    ) -> Option<TapFrame> {
        let samples = self.frame_samples();
        let (pcm, reference) = (pcm.get_mut(..samples)?, reference.get_mut(..samples)?);
        self.config.reference?;
        let mut both = core::mem::take(&mut self.words);
        let next = self.next(&mut both);
        if next.is_some() {
            let (near, far) = both.cut(samples);
            pcm.copy_of(near);
            reference.copy_of(far);
        }
        both.fill(0);
        self.words = both;
        next.map(|(head, lost)| head.frame(samples, lost))
    }

    /// Reads the oldest packet of [`TapSource::Packets`], its payload to the front of `payload`, which has room for
    /// [`MAX_PAYLOAD_BYTES`](crate::jitter::MAX_PAYLOAD_BYTES); `None` when there is none, or no room. What was
    /// taken before a withdrawal is not given after it.
    ///
    /// Real-time: yes.
    pub fn read_packet(&mut self, payload: &mut [u8]) -> Option<TapPacket> {
        let TapSource::Packets(member) = self.config.source else { return None };
        let payload = payload.get_mut(..MAX_PAYLOAD_BYTES)?;
        let mut words = core::mem::take(&mut self.words);
        let next = self.next(&mut words);
        let packet = next.and_then(|(head, lost_packets)| {
            let packet = unpack(&words, member, payload)?;
            let ssrc = head.sound.ssrc.unwrap_or(0);
            Some(TapPacket { time_ns: head.time_ns, ssrc, lost_packets, ..packet })
        });
        words.fill(0);
        self.words = words;
        packet
    }

    /// The oldest frame that may be given, to `pcm`, and how many were lost before it.
    fn next(&mut self, pcm: &mut [i16]) -> Option<(Head, u64)> {
        let mut lost = 0;
        // As many as there are at most; more that come meanwhile are for the next call.
        for _ in 0..=super::MAX_BUFFER_MS / 10 {
            let (head, before) = self.frames.read(pcm)?;
            lost += before;
            let head = Head::from_words(head);
            if head.under == self.withdrawals_now() {
                self.lost_frames += lost;
                return Some((head, lost));
            }
            pcm.fill(0);
            self.withheld_frames += 1;
        }
        None
    }

    fn withdrawals_now(&self) -> u32 {
        match self.config.source.member() {
            Some(id) => self.withdrawals.of(id.index, self.config.purpose),
            None => self.withdrawals.of_anybody(self.config.purpose),
        }
    }

    /// Whether nothing more will come; what waits can still be read.
    ///
    /// Real-time: yes.
    pub fn is_ended(&self) -> bool {
        self.frames.is_closed()
    }

    /// Frames that were lost because nobody read.
    pub fn lost_frames(&self) -> u64 {
        self.lost_frames
    }

    /// Frames that were not given, since they were taken before a withdrawal.
    pub fn withheld_frames(&self) -> u64 {
        self.withheld_frames
    }

    /// How much of the tap's memory is not zero, in words of four samples: what an inspection after a withdrawal
    /// and a tick finds to be 0, until there is a new grant.
    ///
    /// Real-time: no (walks all of it).
    pub fn residue(&self) -> usize {
        self.frames.residue()
    }
}

impl fmt::Debug for TapReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapReader").field("config", &self.config).finish_non_exhaustive()
    }
}
