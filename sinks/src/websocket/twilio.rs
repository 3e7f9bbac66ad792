// SPDX-License-Identifier: MIT OR Apache-2.0
//! Twilio's media streams: JSON with an `event`, sound in base64.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::session::{Encoding, SessionConfig};
use super::{Command, Malformed, binary};

#[derive(Deserialize)]
struct Said {
    event: String,
    media: Option<Media>,
    mark: Option<Named>,
}

#[derive(Deserialize)]
struct Media {
    payload: String,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Reads a text message of a server. Names that are not known are passed over.
///
/// # Errors
/// [`Malformed`]: not JSON, or without what its event needs.
pub fn parse(text: &str) -> Result<Command, Malformed> {
    let said: Said = serde_json::from_str(text).map_err(|_| Malformed)?;
    match said.event.as_str() {
        "media" => {
            let payload = said.media.ok_or(Malformed)?.payload;
            BASE64_STANDARD.decode(payload).map(Command::Sound).map_err(|_| Malformed)
        }
        "mark" => {
            let mark = said.mark.as_ref().map(|mark| mark.name.as_str());
            binary::named(mark).map(Command::Mark)
        }
        "clear" => Ok(Command::Flush),
        "stop" => Ok(Command::HangUp),
        _ => Ok(Command::Other),
    }
}

/// Writes a stream's messages, numbered.
#[derive(Debug)]
pub(super) struct Stream {
    stream: String,
    call: String,
    account: String,
    sequence: u64,
    chunk: u64,
    begin_ns: Option<u64>,
}

impl Stream {
    pub(super) fn new(config: &SessionConfig) -> Self {
        Self {
            stream: config.stream.clone(),
            call: config.call.clone(),
            account: config.account.clone(),
            sequence: 0,
            chunk: 0,
            begin_ns: None,
        }
    }

    /// The first message of all.
    pub(super) fn connected() -> String {
        json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" }).to_string()
    }

    /// What will come, and of which call.
    pub(super) fn start(&mut self, config: &SessionConfig, encoding: Encoding) -> String {
        let parameters: serde_json::Map<_, _> =
            config.parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let encoding = match encoding {
            Encoding::Pcmu => "audio/x-mulaw",
            Encoding::L16 => "audio/x-l16",
        };
        let start = json!({
            "streamSid": config.stream,
            "callSid": config.call,
            "accountSid": config.account,
            "tracks": ["inbound"],
            "customParameters": parameters,
            "mediaFormat": {
                "encoding": encoding,
                "sampleRate": config.sample_rate_hz,
                "channels": 1,
            },
        });
        self.message("start", start)
    }

    /// Sound, and when it was since the first.
    pub(super) fn media(&mut self, time_ns: u64, bytes: &[u8]) -> String {
        let begin_ns = *self.begin_ns.get_or_insert(time_ns);
        self.chunk += 1;
        let media = json!({
            "track": "inbound",
            "chunk": self.chunk.to_string(),
            "timestamp": (time_ns.saturating_sub(begin_ns) / 1_000_000).to_string(),
            "payload": BASE64_STANDARD.encode(bytes),
        });
        self.message("media", media)
    }

    /// What was sent before this mark has been heard, or thrown away.
    pub(super) fn mark(&mut self, name: &str) -> String {
        self.message("mark", json!({ "name": name }))
    }

    /// A digit that was pressed.
    pub(super) fn digit(&mut self, digit: char) -> String {
        let digit = json!({ "track": "inbound_track", "digit": digit.to_string() });
        self.message("dtmf", digit)
    }

    /// The last message.
    pub(super) fn stop(&mut self) -> String {
        let stop = json!({ "accountSid": self.account, "callSid": self.call });
        self.message("stop", stop)
    }

    /// Numbers are strings there, and begin with 1.
    fn message(&mut self, event: &str, body: Value) -> String {
        self.sequence += 1;
        let sequence = self.sequence.to_string();
        let stream = &self.stream;
        json!({ "event": event, "sequenceNumber": sequence, "streamSid": stream, event: body })
            .to_string()
    }
}
