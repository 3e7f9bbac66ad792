// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opus in session descriptions: the parameters of an `a=fmtp` line (RFC 7587 section 6.1), read and
//! written.

use core::fmt;

use super::opus::{OpusConfig, RateControl};

/// What the other side has said that it wants to receive. `None` where it said nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpusFmtp {
    /// Highest rate that it can use, in Hz: 8000, 12000, 16000, 24000 or 48000.
    pub maxplaybackrate: Option<u32>,
    /// Highest rate that it will probably send, in Hz.
    pub sprop_maxcapturerate: Option<u32>,
    /// Highest bit rate that it wants, in bit/s, 6000 to 510000.
    pub maxaveragebitrate: Option<u32>,
    /// Whether it prefers stereo.
    pub stereo: Option<bool>,
    /// Whether it will probably send stereo.
    pub sprop_stereo: Option<bool>,
    /// Whether it wants a constant bit rate.
    pub cbr: Option<bool>,
    /// Whether it uses in-band forward error correction.
    pub useinbandfec: Option<bool>,
    /// Whether it wants discontinuous transmission.
    pub usedtx: Option<bool>,
}

/// A parameter that is known, with a value that can't be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FmtpError {
    /// Which one.
    pub parameter: &'static str,
}

impl fmt::Display for FmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has an impossible value", self.parameter)
    }
}

impl core::error::Error for FmtpError {}

impl OpusFmtp {
    /// Reads the parameters behind the payload type, separated by semicolons; unknown ones are
    /// passed over. The last of a parameter given twice counts.
    ///
    /// # Errors
    /// [`FmtpError`] names the first known parameter with an impossible value.
    pub fn parse(parameters: &str) -> Result<Self, FmtpError> {
        let mut fmtp = Self::default();
        for parameter in parameters.split(';') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (name, value) = (name.trim(), value.trim());
            macro_rules! known {
                ($($text:literal $field:ident $read:expr),* $(,)?) => {$(
                    if name.eq_ignore_ascii_case($text) {
                        let value = $read(value).ok_or(FmtpError { parameter: $text })?;
                        fmtp.$field = Some(value);
                    }
                )*};
            }
            known! {
                "maxplaybackrate" maxplaybackrate rate,
                "sprop-maxcapturerate" sprop_maxcapturerate rate,
                "maxaveragebitrate" maxaveragebitrate bit_rate,
                "stereo" stereo flag,
                "sprop-stereo" sprop_stereo flag,
                "cbr" cbr flag,
                "useinbandfec" useinbandfec flag,
                "usedtx" usedtx flag,
            }
        }
        Ok(fmtp)
    }

    /// `config` as this side wants to be sent to.
    pub fn apply(&self, mut config: OpusConfig) -> OpusConfig {
        if let Some(rate) = self.maxplaybackrate {
            config.sample_rate_hz = config.sample_rate_hz.min(opus_rate(rate));
        }
        if let Some(limit) = self.maxaveragebitrate {
            config.bit_rate_bps = config.bit_rate_bps.min(limit);
        }
        if self.cbr == Some(true) {
            config.rate_control = RateControl::Constant;
        }
        // Both default to 0 (section 6.1).
        config.inband_fec = self.useinbandfec.unwrap_or(false);
        config.dtx = self.usedtx.unwrap_or(false);
        if self.stereo != Some(true) {
            config.channels = 1;
        }
        config
    }

    /// What to say of a receiver that `config` describes.
    pub fn of(config: &OpusConfig) -> Self {
        let narrow = (config.sample_rate_hz < 48_000).then_some(config.sample_rate_hz);
        Self {
            maxplaybackrate: narrow,
            sprop_maxcapturerate: narrow,
            maxaveragebitrate: Some(config.bit_rate_bps),
            // Both default to 0 (section 6.1), and peers are known to take the 2 of the rtpmap for a wish.
            stereo: Some(config.channels == 2),
            sprop_stereo: Some(config.channels == 2),
            cbr: (config.rate_control == RateControl::Constant).then_some(true),
            useinbandfec: Some(config.inband_fec),
            usedtx: Some(config.dtx),
        }
    }
}

impl fmt::Display for OpusFmtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |value: Option<bool>| value.map(u32::from);
        let all = [
            ("maxplaybackrate", self.maxplaybackrate),
            ("sprop-maxcapturerate", self.sprop_maxcapturerate),
            ("maxaveragebitrate", self.maxaveragebitrate),
            ("stereo", flag(self.stereo)),
            ("sprop-stereo", flag(self.sprop_stereo)),
            ("cbr", flag(self.cbr)),
            ("useinbandfec", flag(self.useinbandfec)),
            ("usedtx", flag(self.usedtx)),
        ];
        let mut separator = "";
        for (name, value) in all {
            if let Some(value) = value {
                write!(f, "{separator}{name}={value}")?;
                separator = ";";
            }
        }
        Ok(())
    }
}

fn rate(value: &str) -> Option<u32> {
    value.parse().ok().filter(|rate| (8_000..=48_000).contains(rate))
}

fn bit_rate(value: &str) -> Option<u32> {
    value.parse().ok().filter(|rate| (6_000..=510_000).contains(rate))
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// The highest of libopus's rates that does not go beyond `rate_hz`.
fn opus_rate(rate_hz: u32) -> u32 {
    [48_000, 24_000, 16_000, 12_000].into_iter().find(|rate| *rate <= rate_hz).unwrap_or(8_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // RFC 7587 section 7.
        let first = OpusFmtp::parse(
            "maxplaybackrate=16000; sprop-maxcapturerate=16000;\
            maxaveragebitrate=20000; stereo=1; useinbandfec=1; usedtx=0",
        )
        .unwrap();
        assert_eq!(first.maxplaybackrate, Some(16_000));
        assert_eq!(first.maxaveragebitrate, Some(20_000));
        assert_eq!(
            (first.stereo, first.useinbandfec, first.usedtx),
            (Some(true), Some(true), Some(false))
        );
        assert_eq!(first.cbr, None);
        let config = first.apply(OpusConfig { channels: 2, ..OpusConfig::default() });
        assert_eq!((config.sample_rate_hz, config.bit_rate_bps), (16_000, 20_000));
        assert!(config.inband_fec && !config.dtx && config.channels == 2);
        let silent = OpusFmtp::parse("").unwrap().apply(OpusConfig::default());
        assert!(!silent.inband_fec && silent.channels == 1, "nothing said means none");
    }

    #[test]
    fn impossible_values_are_named_and_unknown_parameters_passed_over() {
        for (text, parameter) in [
            ("maxplaybackrate=7999", "maxplaybackrate"),
            ("stereo=2", "stereo"),
            ("x=1;maxaveragebitrate=5999", "maxaveragebitrate"),
            ("usedtx", "usedtx"),
            ("cbr=-1", "cbr"),
        ] {
            assert_eq!(OpusFmtp::parse(text), Err(FmtpError { parameter }), "{text}");
        }
        assert_eq!(OpusFmtp::parse("minptime=10;x-thing"), Ok(OpusFmtp::default()));
    }

    #[test]
    fn a_receiver_says_what_it_wants() {
        let config =
            OpusConfig { sample_rate_hz: 16_000, bit_rate_bps: 20_000, ..OpusConfig::default() };
        assert_eq!(
            OpusFmtp::of(&config).to_string(),
            "maxplaybackrate=16000;sprop-maxcapturerate=16000;maxaveragebitrate=20000;stereo=0;\
             sprop-stereo=0;useinbandfec=1;usedtx=0"
        );
        // Whoever reads it sends just that.
        assert_eq!(OpusFmtp::of(&config).apply(OpusConfig::default()).sample_rate_hz, 16_000);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            rate in prop::option::of(8_000_u32..=48_000), bits in prop::option::of(6_000_u32..=510_000),
            flags: [Option<bool>; 5],
        ) {
            let fmtp = OpusFmtp {
                maxplaybackrate: rate, sprop_maxcapturerate: rate, maxaveragebitrate: bits,
                stereo: flags[0], sprop_stereo: flags[1], cbr: flags[2], useinbandfec: flags[3],
                usedtx: flags[4],
            };
            prop_assert_eq!(OpusFmtp::parse(&fmtp.to_string()), Ok(fmtp));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            if let Ok(fmtp) = OpusFmtp::parse(&text) {
                prop_assert_eq!(OpusFmtp::parse(&fmtp.to_string()), Ok(fmtp));
                let config = fmtp.apply(OpusConfig::default());
                prop_assert!(super::super::opus::OpusEncoder::new(&config).is_ok());
            }
        }
    }
}
