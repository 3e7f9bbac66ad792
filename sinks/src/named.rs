// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sinks that an operator names in a configuration, and a host starts by their names.
//!
//! ```
//! use ale_media_sinks::named::{SinkConfig, Sinks};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = r#"[
//!     {"name": "transcripts", "id": 1, "purpose": "transcribe", "kind": "audiosocket",
//!      "address": "127.0.0.1:9092"},
//!     {"name": "agent", "id": 2, "purpose": "assist", "kind": "websocket", "address": "192.0.2.1:443",
//!      "url": "wss://agent.example/media", "dialect": "binary", "sample_rate_hz": 24000},
//!     {"name": "archive", "id": 3, "purpose": "record", "kind": "files", "folder": "/var/lib/calls",
//!      "opus_bit_rate_bps": 24000}
//! ]"#;
//! let configs: Vec<SinkConfig> = serde_json::from_str(config)?;
//! let sinks = Sinks::new(configs)?;
//! assert_eq!(sinks.names().collect::<Vec<_>>(), ["agent", "archive", "transcripts"]);
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;

use ale_media::leg::LegConfig;
use ale_media::talk::TalkWriter;
use ale_media::tap::{Purpose, SinkId, TapConfig, TapId, TapReader, TapSource};
use serde::Deserialize;

use crate::audiosocket_client;
use crate::client::ClientStats;
use crate::files::{Clock, Format, RecordError, Recorder, RecordingConfig, Speaker};
use crate::rtp_fork::Fork;
use crate::websocket::{self, Dialect, Encoding, SessionConfig};

/// What an operator writes about a sink.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SinkConfig {
    /// By which it is asked for.
    pub name: String,
    /// Who receives what goes there ([`SinkId`]): what people are asked to agree to.
    pub id: u32,
    /// What for, by the word of [`Purpose::name`].
    pub purpose: String,
    /// Which protocol.
    #[serde(flatten)]
    pub kind: SinkKind,
}

/// Where a sink leads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum SinkKind {
    /// An AudioSocket server.
    AudioSocket {
        /// Its address.
        address: SocketAddr,
        /// Samples a second; 8 kHz is what every server knows.
        #[serde(default = "narrow")]
        sample_rate_hz: u32,
    },
    /// A WebSocket server.
    WebSocket {
        /// Its address.
        address: SocketAddr,
        /// `ws://` or `wss://`.
        url: String,
        /// `binary`, `twilio` (mu-law) or `twilio-l16`.
        dialect: String,
        /// Samples a second.
        #[serde(default = "narrow")]
        sample_rate_hz: u32,
        /// What is said beside it, a token for example.
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// A folder of recordings.
    Files {
        /// Which.
        folder: PathBuf,
        /// Opus of this rate; without it WAV.
        #[serde(default)]
        opus_bit_rate_bps: Option<u32>,
        /// Samples a second.
        #[serde(default = "wide")]
        sample_rate_hz: u32,
    },
    /// Who subscribes to a voice, by RTP: where to and how is agreed on by signalling ([`Sinks::start_fork`]).
    Rtp {
        /// Samples a second, whichever codec is agreed on.
        #[serde(default = "narrow")]
        sample_rate_hz: u32,
    },
}

fn narrow() -> u32 {
    8_000
}

fn wide() -> u32 {
    16_000
}

impl SinkKind {
    fn sample_rate_hz(&self) -> u32 {
        match self {
            Self::AudioSocket { sample_rate_hz, .. }
            | Self::WebSocket { sample_rate_hz, .. }
            | Self::Files { sample_rate_hz, .. }
            | Self::Rtp { sample_rate_hz } => *sample_rate_hz,
        }
    }
}

/// What is said to a sink of a tap.
#[derive(Debug, Clone, Default)]
pub struct TapLabel {
    /// Who speaks, as the host calls it.
    pub who: String,
    /// The call's name.
    pub call: String,
    /// The call's name as AudioSocket has it.
    pub uuid: [u8; 16],
    /// Which text the person was shown.
    pub notice_version: Option<u32>,
}

/// Why there is no such sink, or it does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum SinkError {
    /// Of a configuration: this name is there twice.
    Twice(String),
    /// Of a configuration: this sink's purpose or dialect is none.
    Unknown(String),
    /// No sink has this name.
    NotFound,
    /// The sink is another's than who is asked to start it: [`Sinks::start_fork`] takes those of RTP alone, and
    /// [`Sinks::start`] all others.
    OtherKind,
    /// The tap is not for this sink: another receiver, purpose or rate ([`Sinks::tap_config`]).
    OtherTap,
    /// A recording could not be begun.
    Record(RecordError),
    /// The system's refusal.
    Io(io::Error),
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice(name) => write!(f, "two sinks are called {name}"),
            Self::Unknown(name) => write!(f, "sink {name}: no such purpose or dialect"),
            Self::NotFound => f.write_str("no sink has this name"),
            Self::OtherKind => f.write_str("the sink is of another kind"),
            Self::OtherTap => f.write_str("the tap was made for another sink"),
            Self::Record(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SinkError {}

impl From<io::Error> for SinkError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What a tap's sink does.
#[derive(Debug)]
struct Running {
    name: String,
    tap: TapId,
    client: Client,
}

#[derive(Debug)]
enum Client {
    AudioSocket(audiosocket_client::Client),
    WebSocket(websocket::Client),
    Rtp(Fork),
}

impl Client {
    fn is_ended(&self) -> bool {
        match self {
            Self::AudioSocket(client) => client.is_ended(),
            Self::WebSocket(client) => client.is_ended(),
            Self::Rtp(fork) => fork.is_ended(),
        }
    }

    fn stats(&self) -> ClientStats {
        match self {
            Self::AudioSocket(client) => client.stats(),
            Self::WebSocket(client) => client.stats(),
            Self::Rtp(fork) => fork.stats(),
        }
    }
}

/// The sinks of a host, and what was started of them.
#[derive(Debug, Default)]
pub struct Sinks {
    known: BTreeMap<String, (SinkConfig, Purpose)>,
    running: Vec<Running>,
    recorders: BTreeMap<String, Recorder>,
    clock: Option<Clock>,
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl Sinks {
    /// Takes a configuration in; nothing is connected to or written yet.
    ///
    /// # Errors
    /// [`SinkError::Twice`], [`SinkError::Unknown`].
    pub fn new(configs: Vec<SinkConfig>) -> Result<Self, SinkError> {
        let mut sinks = Self::default();
        for config in configs {
            let purpose = Purpose::ALL.into_iter().find(|p| p.name() == config.purpose);
            let is_spoken = match &config.kind {
                SinkKind::WebSocket { dialect, .. } => spoken(dialect).is_some(),
                _ => true,
            };
            let Some(purpose) = purpose.filter(|_| is_spoken) else {
                return Err(SinkError::Unknown(config.name));
            };
            if let Some((before, _)) = sinks.known.insert(config.name.clone(), (config, purpose)) {
                return Err(SinkError::Twice(before.name));
            }
        }
        Ok(sinks)
    }

    /// How TLS is spoken to `wss://` ([`websocket::ClientConfig::tls`]).
    pub fn set_tls(&mut self, config: Arc<rustls::ClientConfig>) {
        self.tls = Some(config);
    }

    /// How the ticks' clock stands to that of the world ([`RecordingConfig::clock`]).
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = Some(clock);
    }

    /// What is known of each, in the order of their names.
    pub fn configs(&self) -> impl Iterator<Item = (&SinkConfig, Purpose)> {
        self.known.values().map(|(config, purpose)| (config, *purpose))
    }

    /// What is known of one.
    pub fn config(&self, name: &str) -> Option<(&SinkConfig, Purpose)> {
        self.known.get(name).map(|(config, purpose)| (config, *purpose))
    }

    /// The names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    /// The tap that a sink wants of a source; and what a member has to grant for it: its purpose and receiver.
    pub fn tap_config(&self, name: &str, source: TapSource) -> Option<TapConfig> {
        let (config, purpose) = self.known.get(name)?;
        let mut tap = TapConfig::new(source, *purpose, SinkId(config.id));
        tap.sample_rate_hz = config.kind.sample_rate_hz();
        Some(tap)
    }

    /// Takes a tap of [`Sinks::tap_config`] to its sink, and what that says to `voice`, whose rate is the tap's. It
    /// runs until the tap ends. A folder's first tap begins its recording.
    ///
    /// # Errors
    /// [`SinkError`].
    pub fn start(
        &mut self,
        name: &str,
        label: TapLabel,
        tap: TapReader,
        voice: Option<TalkWriter>,
    ) -> Result<(), SinkError> {
        self.sweep();
        let config = self.fitting(name, &tap)?;
        let id = tap.id();
        let client = match &config.kind {
            SinkKind::AudioSocket { address, .. } => {
                let to = audiosocket_client::ClientConfig { address: *address, uuid: label.uuid };
                Client::AudioSocket(audiosocket_client::Client::start(to, tap, voice)?)
            }
            SinkKind::WebSocket { address, url, dialect, sample_rate_hz, headers } => {
                let dialect = spoken(dialect).ok_or(SinkError::NotFound)?;
                let mut session = SessionConfig::new(dialect, *sample_rate_hz, &label.call);
                session.parameters.push(("who".to_owned(), label.who));
                let mut to = websocket::ClientConfig::new(*address, url, session);
                to.headers.clone_from(headers);
                if url.starts_with("wss:") {
                    to.tls.clone_from(&self.tls);
                }
                Client::WebSocket(websocket::Client::start(to, tap, voice)?)
            }
            SinkKind::Files { folder, opus_bit_rate_bps, .. } => {
                let recorder = match self.recorders.get(name) {
                    Some(recorder) => recorder,
                    None => {
                        let mut to = RecordingConfig::new(folder);
                        to.clock = self.clock;
                        if let Some(bit_rate_bps) = *opus_bit_rate_bps {
                            to.format = Format::Opus { bit_rate_bps };
                        }
                        let recorder = Recorder::start(&to).map_err(SinkError::Record)?;
                        self.recorders.entry(name.to_owned()).or_insert(recorder)
                    }
                };
                let TapLabel { who, call, notice_version, .. } = label;
                let call = Some(call).filter(|call| !call.is_empty());
                recorder.add(Speaker { who, call, notice_version }, tap)?;
                return Ok(());
            }
            SinkKind::Rtp { .. } => return Err(SinkError::OtherKind),
        };
        self.running.push(Running { name: name.to_owned(), tap: id, client });
        Ok(())
    }

    /// Sends a tap of [`Sinks::tap_config`] to who has subscribed, over a socket and by a leg that were agreed on with
    /// it ([`Fork::over`]). It runs until the tap ends.
    ///
    /// # Errors
    /// [`SinkError`].
    pub fn start_fork(
        &mut self,
        name: &str,
        tap: TapReader,
        socket: UdpSocket,
        to: SocketAddr,
        leg: &LegConfig,
    ) -> Result<(), SinkError> {
        self.sweep();
        let SinkKind::Rtp { .. } = self.fitting(name, &tap)?.kind else {
            return Err(SinkError::OtherKind);
        };
        let (name, id) = (name.to_owned(), tap.id());
        let client = Client::Rtp(Fork::over(socket, to, leg, tap)?);
        self.running.push(Running { name, tap: id, client });
        Ok(())
    }

    /// The sink of a name, if a tap was made for it.
    fn fitting(&self, name: &str, tap: &TapReader) -> Result<&SinkConfig, SinkError> {
        let (config, purpose) = self.known.get(name).ok_or(SinkError::NotFound)?;
        let asked = tap.config();
        let fits = (asked.sink, asked.purpose) == (SinkId(config.id), *purpose)
            && asked.sample_rate_hz == config.kind.sample_rate_hz();
        if fits { Ok(config) } else { Err(SinkError::OtherTap) }
    }

    /// Forgets clients whose taps have ended.
    pub fn sweep(&mut self) {
        self.running.retain(|running| !running.client.is_ended());
    }

    /// What clients have done, by sink and tap.
    pub fn stats(&self) -> impl Iterator<Item = (&str, TapId, ClientStats)> {
        self.running.iter().map(|r| (r.name.as_str(), r.tap, r.client.stats()))
    }

    /// Failures of recordings since the last call.
    pub fn errors(&self) -> Vec<RecordError> {
        self.recorders.values().flat_map(Recorder::errors).collect()
    }
}

fn spoken(dialect: &str) -> Option<Dialect> {
    Some(match dialect {
        "binary" => Dialect::Binary,
        "twilio" => Dialect::Twilio(Encoding::Pcmu),
        "twilio-l16" => Dialect::Twilio(Encoding::L16),
        _ => return None,
    })
}
