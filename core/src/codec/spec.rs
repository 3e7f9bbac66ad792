// SPDX-License-Identifier: MIT OR Apache-2.0
//! A codec by name: what a session description says, and what makes encoders and decoders of it.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use super::g711::{self, G711, Law};
use super::g722::{self, BitRate, G722Decoder, G722Encoder};
use super::host::{self, SharedHostCodec};
use super::l16::L16;
#[cfg(feature = "opus")]
use super::opus::{OpusConfig, OpusDecoder, OpusEncoder, RTP_CLOCK_HZ};
use super::{CodecError, Decoder, Encoder, Format, OwnRedundancy};
use crate::stats::emodel::Impairment;

/// Which codec, with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecSpec {
    /// G.711 mu-law, `PCMU/8000`.
    Pcmu,
    /// G.711 A-law, `PCMA/8000`.
    Pcma,
    /// G.722 at 64 kbit/s, `G722/8000`.
    G722,
    /// Linear PCM, `L16/rate/channels`.
    L16 {
        /// 1000 to 192000; a leg takes 8000, 16000, 32000 and 48000.
        sample_rate_hz: u32,
        /// 1 or 2.
        channels: u8,
    },
    /// Opus, `opus/48000/2`; the sample rate is that of its PCM.
    #[cfg(feature = "opus")]
    Opus(OpusConfig),
    /// One that the host brings.
    Host(SharedHostCodec),
}

impl CodecSpec {
    /// The codec of an `a=rtpmap` encoding such as `PCMU/8000` or `opus/48000/2` (RFC 8866 section
    /// 6.6; names are compared without regard to case, channels may be left out). Opus PCM is
    /// 48 kHz mono.
    pub fn from_rtpmap(encoding: &str) -> Option<Self> {
        let (name, rest) = encoding.split_once('/')?;
        let (clock, channels) = rest.split_once('/').unwrap_or((rest, "1"));
        // Only L16's are counted below; Opus says 2 whatever it carries (RFC 7587 section 7).
        let mono = channels == "1" || name.eq_ignore_ascii_case("opus") && channels == "2";
        let named = |wanted: &str, clock_hz: &str| {
            name.eq_ignore_ascii_case(wanted) && clock == clock_hz && mono
        };
        if named("PCMU", "8000") {
            return Some(Self::Pcmu);
        }
        if named("PCMA", "8000") {
            return Some(Self::Pcma);
        }
        if named("G722", "8000") {
            return Some(Self::G722);
        }
        if name.eq_ignore_ascii_case("L16") {
            let (sample_rate_hz, channels) = (clock.parse().ok()?, channels.parse().ok()?);
            return L16::new(sample_rate_hz, channels)
                .is_ok()
                .then_some(Self::L16 { sample_rate_hz, channels });
        }
        #[cfg(feature = "opus")]
        if named("opus", "48000") {
            return Some(Self::Opus(OpusConfig::default()));
        }
        None
    }

    /// The encoding of this codec's `a=rtpmap` line, which [`CodecSpec::from_rtpmap`] reads back; channels
    /// are left out where there is one.
    pub fn rtpmap(&self) -> String {
        let format = self.format();
        match self {
            #[cfg(feature = "opus")]
            Self::Opus(_) => String::from("opus/48000/2"),
            Self::Host(codec) => String::from(codec.0.encoding()),
            _ if format.channels == 1 => format!("{}/{}", self.name(), format.rtp_clock_hz),
            _ => format!("{}/{}/{}", self.name(), format.rtp_clock_hz, format.channels),
        }
    }

    /// The codec of a static payload type (RFC 3551 section 6).
    pub fn from_static_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            9 => Some(Self::G722),
            10 => Some(Self::L16 { sample_rate_hz: 44_100, channels: 2 }),
            11 => Some(Self::L16 { sample_rate_hz: 44_100, channels: 1 }),
            _ => None,
        }
    }

    /// The encoding's name as IANA registers it.
    pub fn name(&self) -> &str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::L16 { .. } => "L16",
            #[cfg(feature = "opus")]
            Self::Opus(_) => "opus",
            Self::Host(codec) => codec.0.encoding().split_once('/').map_or("", |(name, _)| name),
        }
    }

    /// Rate, channels and RTP clock.
    pub fn format(&self) -> Format {
        match self {
            Self::Pcmu | Self::Pcma => g711::FORMAT,
            Self::G722 => g722::FORMAT,
            Self::L16 { sample_rate_hz, channels } => Format {
                sample_rate_hz: *sample_rate_hz,
                channels: *channels,
                rtp_clock_hz: *sample_rate_hz,
            },
            #[cfg(feature = "opus")]
            Self::Opus(config) => Format {
                sample_rate_hz: config.sample_rate_hz,
                channels: config.channels,
                rtp_clock_hz: RTP_CLOCK_HZ,
            },
            Self::Host(codec) => codec.0.format(),
        }
    }

    /// How the codec fares in the E-model.
    pub fn impairment(&self) -> Impairment {
        match self {
            Self::L16 { sample_rate_hz: 16_000.., .. } => Impairment::WIDE_BAND_PCM,
            Self::Pcmu | Self::Pcma | Self::L16 { .. } => Impairment::G711,
            Self::G722 => Impairment::G722,
            #[cfg(feature = "opus")]
            Self::Opus(_) => Impairment::OPUS,
            Self::Host(codec) => codec.0.impairment(),
        }
    }

    /// Loss that an encoder prepares for until it is told of another, in percent.
    pub fn expected_loss_percent(&self) -> u8 {
        match self {
            #[cfg(feature = "opus")]
            Self::Opus(config) => config.expected_loss_percent,
            _ => 0,
        }
    }

    /// The redundancy that the settings let an encoder have of its own.
    pub fn own_redundancy(&self) -> OwnRedundancy {
        match self {
            #[cfg(feature = "opus")]
            Self::Opus(config) => {
                OwnRedundancy { inband_fec: config.inband_fec, deep_ms: config.dred_ms }
            }
            _ => OwnRedundancy::default(),
        }
    }

    /// Makes an encoder.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`CodecError::InvalidArgument`] for settings out of range.
    pub fn encoder(&self) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(match self {
            Self::Pcmu => Box::new(G711(Law::Mu)),
            Self::Pcma => Box::new(G711(Law::A)),
            Self::G722 => Box::new(G722Encoder::new(BitRate::Kbps64)),
            Self::L16 { sample_rate_hz, channels } => {
                Box::new(L16::new(*sample_rate_hz, *channels)?)
            }
            #[cfg(feature = "opus")]
            Self::Opus(config) => Box::new(OpusEncoder::new(config)?),
            Self::Host(codec) => {
                host::check(codec.0.as_ref())?;
                codec.0.encoder()?
            }
        })
    }

    /// Makes a decoder, to mono PCM at `preferred_rate_hz` where the codec can choose.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`CodecError::InvalidArgument`] for settings out of range.
    pub fn decoder(&self, preferred_rate_hz: u32) -> Result<Box<dyn Decoder>, CodecError> {
        let _ = preferred_rate_hz;
        Ok(match self {
            Self::Pcmu => Box::new(G711(Law::Mu)),
            Self::Pcma => Box::new(G711(Law::A)),
            Self::G722 => Box::new(G722Decoder::new(BitRate::Kbps64)),
            Self::L16 { sample_rate_hz, channels } => {
                Box::new(L16::new(*sample_rate_hz, *channels)?)
            }
            #[cfg(feature = "opus")]
            Self::Opus(config) => {
                let can = matches!(preferred_rate_hz, 8_000 | 12_000 | 16_000 | 24_000 | 48_000);
                let rate = if can { preferred_rate_hz } else { config.sample_rate_hz };
                Box::new(OpusDecoder::with_complexity(rate, 1, config.decoder_complexity)?)
            }
            Self::Host(codec) => {
                host::check(codec.0.as_ref())?;
                codec.0.decoder()?
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtpmap_encodings_are_recognised_by_name_and_clock() {
        assert_eq!(CodecSpec::from_rtpmap("PCMU/8000"), Some(CodecSpec::Pcmu));
        assert_eq!(CodecSpec::from_rtpmap("pcma/8000/1"), Some(CodecSpec::Pcma));
        assert_eq!(CodecSpec::from_rtpmap("G722/8000"), Some(CodecSpec::G722));
        let wide = CodecSpec::L16 { sample_rate_hz: 16_000, channels: 1 };
        assert_eq!(CodecSpec::from_rtpmap("l16/16000"), Some(wide));
        let cd = CodecSpec::L16 { sample_rate_hz: 44_100, channels: 2 };
        assert_eq!(CodecSpec::from_rtpmap("L16/44100/2"), Some(cd.clone()));
        assert_eq!(CodecSpec::from_static_payload_type(10), Some(cd));
        for wrong in [
            "G722/16000",
            "L16/0",
            "L16/x",
            "L16/8000/3",
            "L16/8000/1/1",
            "PCMU/8000/2",
            "G722/8000/2",
            "PCMA/8000/1/",
            "opus/48000/3",
            "PCMU/16000",
            "PCMU",
            "",
            "/",
            "G729/8000",
            "opus/8000",
        ] {
            assert_eq!(CodecSpec::from_rtpmap(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn encodings_are_written_as_registered() {
        for (read, written) in [
            ("pcmu/8000/1", "PCMU/8000"),
            ("PCMA/8000", "PCMA/8000"),
            ("g722/8000", "G722/8000"),
            ("l16/16000/1", "L16/16000"),
            ("L16/44100/2", "L16/44100/2"),
            #[cfg(feature = "opus")]
            ("OPUS/48000", "opus/48000/2"),
        ] {
            let spec = CodecSpec::from_rtpmap(read).unwrap();
            assert_eq!(spec.rtpmap(), written);
            assert_eq!(CodecSpec::from_rtpmap(written), Some(spec));
        }
    }

    #[test]
    #[cfg(feature = "opus")]
    fn every_codec_decodes_what_it_encodes() {
        let opus = CodecSpec::from_rtpmap("opus/48000/2").unwrap();
        let linear = CodecSpec::L16 { sample_rate_hz: 32_000, channels: 1 };
        for spec in [CodecSpec::Pcmu, CodecSpec::Pcma, CodecSpec::G722, linear, opus] {
            let mut encoder = spec.encoder().unwrap();
            let mut decoder = spec.decoder(spec.format().sample_rate_hz).unwrap();
            let samples = spec.format().sample_rate_hz as usize / 50;
            let pcm = vec![1000_i16; samples];
            let (mut payload, mut out) = ([0; 1500], vec![0; samples]);
            let length = encoder.encode(&pcm, &mut payload).unwrap();
            assert_eq!(decoder.decode(&payload[..length], &mut out), Ok(samples));
        }
    }
}
