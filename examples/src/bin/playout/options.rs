// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program's options.

use std::path::{Path, PathBuf};

use clap::Parser;

/// Plays the RTP streams of a capture (pcap, pcapng, rtpdump) through the jitter buffer, each
/// direction apart.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// The capture.
    #[arg(required_unless_present = "replay")]
    pub(crate) capture: Option<PathBuf>,
    /// Lists the capture's streams instead of playing them.
    #[arg(long)]
    pub(crate) list: bool,
    /// Plays a black box's log instead of a capture.
    #[arg(long, value_name = "LOG", conflicts_with_all = ["capture", "list", "start", "duration", "ssrc", "srtp"])]
    pub(crate) replay: Option<PathBuf>,
    /// Where a log goes that --replay plays again.
    #[arg(long, value_name = "LOG")]
    pub(crate) black_box: Option<PathBuf>,
    /// Receiver time 0, in seconds of the capture's clock; by default the first packet's
    /// of each direction.
    #[arg(long, value_parser = seconds)]
    pub(crate) start: Option<f64>,
    /// Seconds to play; by default to half a second after the last packet.
    #[arg(long, value_parser = day)]
    pub(crate) duration: Option<f64>,
    /// What a payload type means, as in SDP: 0=PCMU/8000, 96=opus/48000, 13=CN/8000. Repeatable;
    /// the static types are known.
    #[arg(long = "payload-type", value_name = "TYPE=NAME/CLOCK")]
    pub(crate) payload_types: Vec<String>,
    /// The source to play, even if nothing but its SSRC tells that it is one; by default all that
    /// are found.
    #[arg(long, value_parser = parse_ssrc)]
    pub(crate) ssrc: Option<u32>,
    /// SRTP suite and master key with salt, as in SDES:
    /// AES_CM_128_HMAC_SHA1_80:base64 (RFC 4568).
    #[arg(long, value_name = "SUITE:BASE64KEY")]
    pub(crate) srtp: Option<String>,
    /// Rate of the PCM.
    #[arg(long, default_value_t = 8000)]
    pub(crate) rate: u32,
    /// What Opus may spend on concealment, 0 to 10: from 5 on neural, from 6 and 7 on with
    /// enhancement (feature opus-deep).
    #[arg(long, default_value_t = 0, value_name = "COMPLEXITY")]
    pub(crate) opus_complexity: u8,
    /// The least delay that the buffer keeps, in ms: what waiting longer would have made of it
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) min_delay: u16,
    /// Where the sound goes. If there are several directions, each has a file of its own, with a
    /// number before the ending; so have --log, --plot and --black-box.
    #[arg(long, value_name = "WAV")]
    pub(crate) out: Option<PathBuf>,
    /// Where one line per pull goes: pull,t_ms,op,delay_ms.
    #[arg(long, value_name = "CSV")]
    pub(crate) log: Option<PathBuf>,
    /// Where a drawing of the delay and of what was done about it goes.
    #[arg(long, value_name = "SVG")]
    pub(crate) plot: Option<PathBuf>,
    /// How many independent streams to play side by side, for measuring the cost.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) streams: u16,
    /// Prints the counters at the end.
    #[arg(long)]
    pub(crate) stats: bool,
}

fn parse_ssrc(text: &str) -> Result<u32, std::num::ParseIntError> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    }
}

/// A point in time that fits a 64-bit count of nanoseconds.
fn seconds(text: &str) -> Result<f64, String> {
    in_range(text, 1e10)
}

/// A length of time that a WAV file can hold.
fn day(text: &str) -> Result<f64, String> {
    in_range(text, 86_400.0)
}

fn in_range(text: &str, highest: f64) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=highest).contains(&value) => Ok(value),
        _ => Err(format!("expected seconds from 0 to {highest}")),
    }
}

/// The file of one output of several.
pub(crate) fn numbered(path: &Path, number: Option<usize>) -> PathBuf {
    let Some(number) = number else { return path.to_owned() };
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    path.with_file_name(name)
}
