// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the packets of a stream are turned into: decoders for payload types, packets out of SRTP.

use std::error::Error;

use ale_media::codec::CodecSpec;
use ale_media::jitter::DecoderMap;
use ale_media::srtp::{MasterKey, Receiver, SessionConfig, Suite};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use examples::capture::Datagram;
use examples::capture::streams::{Stream, static_encoding};

use crate::options::Arguments;

/// What a payload type stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// By an option, or a static type that is decoded.
    Given(String),
    /// A static type without a decoder.
    Undecoded(&'static str),
    /// A dynamic type that no option names.
    Unknown,
}

/// The payload types that the options name.
#[derive(Debug)]
pub(crate) struct Types {
    given: Vec<(u8, String)>,
}

impl Types {
    pub(crate) fn of(arguments: &Arguments) -> Result<Self, String> {
        let given = arguments.payload_types.iter().map(|argument| {
            let (number, encoding) = argument
                .split_once('=')
                .ok_or_else(|| format!("{argument}: not TYPE=NAME/CLOCK"))?;
            let number = number.parse().map_err(|_| format!("{argument}: no payload type"))?;
            Ok((number, encoding.to_owned()))
        });
        Ok(Self { given: given.collect::<Result<_, String>>()? })
    }

    pub(crate) fn meaning(&self, payload_type: u8) -> Meaning {
        // The last option holds.
        let given = self.given.iter().rev().find(|(number, _)| *number == payload_type);
        match (given, static_encoding(payload_type)) {
            (Some((_, encoding)), _) => Meaning::Given(encoding.clone()),
            (None, Some("CN/8000")) => Meaning::Given("CN/8000".into()),
            (None, Some(name)) if decoded(payload_type).is_some() => Meaning::Given(name.into()),
            (None, Some(name)) => Meaning::Undecoded(name),
            (None, None) => Meaning::Unknown,
        }
    }

    /// Whether a payload type is of a decoder.
    pub(crate) fn is_sound(&self, payload_type: u8) -> bool {
        match self.meaning(payload_type) {
            Meaning::Given(name) => !name.to_ascii_lowercase().starts_with("telephone-event"),
            _ => false,
        }
    }

    /// The clock of a stream's most frequent payload type.
    pub(crate) fn clock_hz(&self, stream: &Stream) -> Option<u32> {
        let (payload_type, _) = stream.payload_types.iter().max_by_key(|(_, u)| u.packets)?;
        match self.meaning(*payload_type) {
            Meaning::Given(name) => name.split('/').nth(1)?.parse().ok(),
            Meaning::Undecoded(name) => name.split('/').nth(1)?.parse().ok(),
            Meaning::Unknown => None,
        }
    }
}

/// The codec of a static type; 44.1 kHz, which two have, is no rate of the buffer.
fn decoded(payload_type: u8) -> Option<CodecSpec> {
    CodecSpec::from_static_payload_type(payload_type)
        .filter(|codec| codec.format().sample_rate_hz.is_multiple_of(8_000))
}

/// Decoders of the static payload types and of those that the options name.
pub(crate) fn decoders(arguments: &Arguments, rate: u32) -> Result<DecoderMap, Box<dyn Error>> {
    let mut map = DecoderMap::new();
    for payload_type in 0..96 {
        if let Some(codec) = decoded(payload_type) {
            map.insert(payload_type, codec.decoder(rate)?)?;
        }
    }
    map.insert_comfort_noise(13)?;
    for (number, encoding) in Types::of(arguments)?.given {
        let name = encoding.split('/').next().unwrap_or("").to_ascii_uppercase();
        match name.as_str() {
            "CN" => map.insert_comfort_noise(number)?,
            "RED" => map.insert_redundant(number)?,
            // Known not to be sound: counted and passed over.
            "TELEPHONE-EVENT" => {}
            _ => {
                let mut codec = CodecSpec::from_rtpmap(&encoding)
                    .ok_or_else(|| format!("{number}={encoding}: no decoder for this encoding"))?;
                if let CodecSpec::Opus(config) = &mut codec {
                    config.decoder_complexity = arguments.opus_complexity;
                }
                map.insert(number, codec.decoder(rate)?)?;
            }
        }
    }
    Ok(map)
}

/// Takes the protection off every datagram; what fails is reported and left out.
pub(crate) fn unprotect(srtp: &str, datagrams: &mut Vec<Datagram>) -> Result<(), Box<dyn Error>> {
    let (suite, key) = srtp.split_once(':').ok_or("--srtp: not SUITE:BASE64KEY")?;
    let suite = Suite::from_sdes_name(suite).ok_or_else(|| format!("{suite}: unknown suite"))?;
    let key = key.strip_prefix("inline:").unwrap_or(key);
    let key = STANDARD
        .decode(key)
        .or_else(|_| STANDARD_NO_PAD.decode(key))
        .map_err(|error| format!("--srtp: {error}"))?;
    let key = MasterKey::from_concatenated(suite, &key)?;
    let mut receiver = Receiver::new(&SessionConfig::new(suite, key))?;
    let before = datagrams.len();
    let mut first_error = None;
    datagrams.retain_mut(|datagram| match receiver.unprotect(&mut datagram.payload) {
        Ok(len) => {
            datagram.payload.truncate(len);
            true
        }
        Err(error) => {
            first_error.get_or_insert(error);
            false
        }
    });
    if let Some(error) = first_error {
        let failed = before - datagrams.len();
        eprintln!("{failed} of {before} packets not unprotected, the first because: {error}");
    }
    Ok(())
}
