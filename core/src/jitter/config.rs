// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a jitter buffer is made from: [`JitterConfig`], checked once, and why it can't be made:
//! [`JitterError`]. Used at creation only, on any thread.

use core::fmt;

/// Longest delay that the estimator can tell apart, hence the largest maximum delay, in
/// milliseconds.
pub const MAX_DELAY_MS: u16 = 1000;
/// Most slots that a buffer may have.
pub const MAX_SLOTS: u16 = 1024;
/// Longest packet that is played, in milliseconds (RFC 3551 section 4.2 asks receivers to take 200 ms).
pub const MAX_PACKET_MS: u16 = 200;
/// Fewest slots.
const LEAST_SLOTS: u16 = 8;
/// What may come and wait beyond the maximum delay, in milliseconds: a burst, before the next pull.
const BEYOND_DELAY_MS: u32 = 200;
/// Largest payload that is ever accepted, in bytes: 200 ms of G.711, 20 ms of L16 at 48 kHz; it may span
/// several slots.
pub const MAX_PAYLOAD_BYTES: usize = 1920;

/// How the playout delay is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DelayMode {
    /// From the network's behaviour, between the minimum and the maximum delay.
    #[default]
    Adaptive,
    /// Always the target delay; only the sender's clock drift is followed, in pauses.
    Fixed,
    /// One delay, with neither stretching nor concealment: missing audio is silence. For modem and
    /// fax signals, which survive neither. The delay is the target delay, or what the network asked
    /// for when the mode was entered if that is more; it is reached by one stretch of silence.
    Frozen,
}

/// How the sender's clock, and slow changes of the delay, are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DriftMode {
    /// By splices where they aren't heard: in pauses, and by whole pitch periods. For speech.
    #[default]
    Stretch,
    /// By resampling, within 0.5 %, all the time. For music, recordings, trunks and modems, which
    /// have no pauses; a larger change of the delay takes its time (5 ms a second), but for what a
    /// network that has calmed down leaves behind, which is cut out. The audio comes later by 12 samples.
    Resample,
}

/// What a jitter buffer is made from. All memory is taken at creation and follows from `slots`,
/// `slot_bytes` and `sample_rate_hz`; the default takes less than 20 KiB for G.711.
///
/// Slots that are not given follow from the codecs, the packet time and the maximum delay, so that
/// nothing is refused within that delay; at most [`MAX_SLOTS`] of `slot_bytes`, or the buffer is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct JitterConfig {
    /// Rate of the mono PCM that is pulled: 8000, 16000, 32000 or 48000 Hz.
    pub sample_rate_hz: u32,
    /// Packets of `slot_bytes` that can wait, 8 to [`MAX_SLOTS`]; 0 for as many as it takes.
    pub slots: u16,
    /// Milliseconds in the shortest packets that are to be expected, 1 to [`MAX_PACKET_MS`]: what slots are
    /// reckoned with.
    pub packet_ms: u16,
    /// Payload bytes of one slot, 32 to [`MAX_PAYLOAD_BYTES`]. A larger payload takes several.
    pub slot_bytes: u16,
    /// Largest payload that is accepted, in bytes, up to [`MAX_PAYLOAD_BYTES`].
    pub max_payload_bytes: u16,
    /// The delay never goes below this; milliseconds over the fastest packets' way.
    pub min_delay_ms: u16,
    /// The delay never goes above this; 20 to [`MAX_DELAY_MS`].
    pub max_delay_ms: u16,
    /// The delay of [`DelayMode::Fixed`] and [`DelayMode::Frozen`].
    pub target_delay_ms: u16,
    /// How the delay is chosen.
    pub mode: DelayMode,
    /// How the sender's clock is followed.
    pub drift: DriftMode,
    /// Delay outside this buffer that a listener perceives on top of it (network, packet time, the
    /// other direction), milliseconds: what the estimator adds when it weighs loss against delay.
    pub outside_delay_ms: u16,
    /// Bytes of a log of what the buffer saw and decided; 0 for none, less than 2048 is 2048. A minute
    /// of G.711 takes about 50 KB, with audio ten times that; the oldest is dropped.
    pub black_box_bytes: u32,
    /// Whether that log holds the payloads too, so that it can be heard again.
    pub black_box_audio: bool,
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self {
            sample_rate_hz: 8000,
            slots: 0,
            packet_ms: 20,
            slot_bytes: 160,
            max_payload_bytes: MAX_PAYLOAD_BYTES as u16,
            min_delay_ms: 0,
            max_delay_ms: 600,
            target_delay_ms: 60,
            mode: DelayMode::Adaptive,
            drift: DriftMode::Stretch,
            outside_delay_ms: 60,
            black_box_bytes: 0,
            black_box_audio: false,
        }
    }
}

impl JitterConfig {
    /// The default at another output rate.
    pub fn at_rate(sample_rate_hz: u32) -> Self {
        Self { sample_rate_hz, ..Self::default() }
    }

    /// Says what is out of range.
    ///
    /// # Errors
    /// The [`JitterError`] of the first member that is.
    pub fn validate(&self) -> Result<(), JitterError> {
        if !matches!(self.sample_rate_hz, 8000 | 16000 | 32000 | 48000) {
            return Err(JitterError::SampleRate);
        }
        if self.slots != 0 && !(LEAST_SLOTS..=MAX_SLOTS).contains(&self.slots) {
            return Err(JitterError::Slots);
        }
        if !(1..=MAX_PACKET_MS).contains(&self.packet_ms) {
            return Err(JitterError::PacketTime);
        }
        let payload = 32..=MAX_PAYLOAD_BYTES as u16;
        if !payload.contains(&self.slot_bytes) || !payload.contains(&self.max_payload_bytes) {
            return Err(JitterError::SlotBytes);
        }
        if !(20..=MAX_DELAY_MS).contains(&self.max_delay_ms)
            || self.min_delay_ms > self.max_delay_ms
            || self.target_delay_ms > self.max_delay_ms
        {
            return Err(JitterError::Delay);
        }
        Ok(())
    }

    /// The same with the number of slots that it takes for a codec of that many bytes a second.
    pub(crate) fn with_room_for(self, bytes_per_second: u32) -> Result<Self, JitterError> {
        if self.slots != 0 {
            return Ok(self);
        }
        let packet_ms = u32::from(self.packet_ms.max(1));
        let packets = (u32::from(self.max_delay_ms) + BEYOND_DELAY_MS).div_ceil(packet_ms);
        let bytes = bytes_per_second.saturating_mul(packet_ms).div_ceil(1000);
        let bytes = bytes.clamp(1, u32::from(self.max_payload_bytes));
        let slots = packets * bytes.div_ceil(u32::from(self.slot_bytes.max(1)));
        if slots > u32::from(MAX_SLOTS) {
            return Err(JitterError::Slots);
        }
        Ok(Self { slots: (slots as u16).max(LEAST_SLOTS), ..self })
    }
}

/// Why a jitter buffer could not be made or set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JitterError {
    /// The output rate is not 8000, 16000, 32000 or 48000 Hz.
    SampleRate,
    /// Fewer than 8 slots or more than [`MAX_SLOTS`], or codecs and delay that take more.
    Slots,
    /// A packet time of nothing, or above [`MAX_PACKET_MS`].
    PacketTime,
    /// A slot or payload size below 32 or above [`MAX_PAYLOAD_BYTES`] bytes.
    SlotBytes,
    /// Minimum, target and maximum delay contradict each other or [`MAX_DELAY_MS`].
    Delay,
    /// A payload type above 127.
    PayloadType,
    /// A decoder that gives other than one or two channels, or no usable rate.
    DecoderFormat,
    /// No decoder at all.
    NoDecoder,
}

impl fmt::Display for JitterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SampleRate => "output rate is not 8000, 16000, 32000 or 48000 Hz",
            Self::Slots => "number of slots out of range",
            Self::PacketTime => "packet time out of range",
            Self::SlotBytes => "slot or payload size out of range",
            Self::Delay => "minimum, target and maximum delay contradict each other",
            Self::PayloadType => "payload type above 127",
            Self::DecoderFormat => "decoder's rate or channels can't be played at this output rate",
            Self::NoDecoder => "no decoder",
        })
    }
}

impl core::error::Error for JitterError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_from_codec_packet_time_and_delay_and_what_takes_too_many_is_refused() {
        let slots = |bytes_per_second, packet_ms, max_delay_ms| {
            let config = JitterConfig { packet_ms, max_delay_ms, ..JitterConfig::default() };
            config.with_room_for(bytes_per_second).map(|config| config.slots)
        };
        assert_eq!(slots(8_000, 20, 600), Ok(40));
        assert_eq!(slots(8_000, 5, 600), Ok(160));
        assert_eq!(slots(8_000, 200, 20), Ok(LEAST_SLOTS.max(2 * 10)));
        // L16 at 48 kHz: 96 bytes a millisecond, six slots for 10 ms.
        assert_eq!(slots(96_000, 10, 600), Ok(480));
        assert_eq!(slots(96_000, 5, 1000), Ok(720));
        assert_eq!(slots(8_000, 1, 1000), Err(JitterError::Slots));
        let given = JitterConfig { slots: 9, ..JitterConfig::default() };
        assert_eq!(given.with_room_for(1 << 30), Ok(given));
    }

    #[test]
    fn the_default_is_valid_at_every_rate_and_contradictions_are_refused() {
        for rate in [8000, 16000, 32000, 48000] {
            assert_eq!(JitterConfig::at_rate(rate).validate(), Ok(()));
        }
        let base = JitterConfig::default();
        let cases = [
            (JitterConfig { sample_rate_hz: 44100, ..base }, JitterError::SampleRate),
            (JitterConfig { slots: 7, ..base }, JitterError::Slots),
            (JitterConfig { slots: MAX_SLOTS + 1, ..base }, JitterError::Slots),
            (JitterConfig { packet_ms: 0, ..base }, JitterError::PacketTime),
            (JitterConfig { packet_ms: 201, ..base }, JitterError::PacketTime),
            (JitterConfig { slot_bytes: 0, ..base }, JitterError::SlotBytes),
            (JitterConfig { max_payload_bytes: 2000, ..base }, JitterError::SlotBytes),
            (JitterConfig { max_delay_ms: 10, ..base }, JitterError::Delay),
            (JitterConfig { min_delay_ms: 601, ..base }, JitterError::Delay),
            (JitterConfig { target_delay_ms: 601, ..base }, JitterError::Delay),
        ];
        for (config, error) in cases {
            assert_eq!(config.validate(), Err(error));
        }
    }
}
