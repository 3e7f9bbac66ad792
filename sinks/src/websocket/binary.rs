// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control in JSON beside binary sound: Asterisk's chan_websocket (its commands have a `command`), and audio_fork
//! with jambonz (theirs a `type`). Names that are not known are passed over, so that newer servers are understood as
//! far as possible.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::session::MAX_NAME_BYTES;
use super::{Command, Malformed, Mark};

#[derive(Deserialize)]
struct Said {
    command: Option<String>,
    correlation_id: Option<String>,
    r#type: Option<String>,
    data: Option<serde_json::Value>,
}

/// Reads a text message of a server.
///
/// # Errors
/// [`Malformed`]: not JSON, neither of both kinds, or without what its command needs.
pub fn parse(text: &str) -> Result<Command, Malformed> {
    let said: Said = serde_json::from_str(text).map_err(|_| Malformed)?;
    let id = said.correlation_id;
    if id.as_ref().is_some_and(|id| id.len() > MAX_NAME_BYTES) {
        return Err(Malformed);
    }
    if let Some(command) = said.command {
        return Ok(match command.as_str() {
            "MARK_MEDIA" => Command::Mark(Mark::Correlated(id)),
            "STOP_MEDIA_BUFFERING" => Command::Mark(Mark::Buffered(id)),
            "FLUSH_MEDIA" => Command::Flush,
            "PAUSE_MEDIA" => Command::SetPaused(true),
            "CONTINUE_MEDIA" => Command::SetPaused(false),
            "REPORT_QUEUE_DRAINED" => Command::ReportDrained,
            "GET_STATUS" => Command::Status,
            "HANGUP" => Command::HangUp,
            // Sound of any length is put together, and a call that is tapped has been answered.
            "START_MEDIA_BUFFERING" | "ANSWER" => Command::Nothing,
            _ => Command::Other,
        });
    }
    let data = said.data.unwrap_or_default();
    let word = |name: &str| data.get(name).and_then(serde_json::Value::as_str);
    match said.r#type.ok_or(Malformed)?.as_str() {
        "mark" => named(word("name")).map(Command::Mark),
        "clearMarks" => Ok(Command::ClearMarks),
        "killAudio" => Ok(Command::Flush),
        "disconnect" => Ok(Command::HangUp),
        "playAudio" if word("audioContentType") == Some("raw") => {
            let rate_hz = data.get("sampleRate").and_then(serde_json::Value::as_u64);
            let sample_rate_hz = rate_hz.and_then(|hz| u32::try_from(hz).ok()).ok_or(Malformed)?;
            let content = word("audioContent").ok_or(Malformed)?;
            let bytes = BASE64_STANDARD.decode(content).map_err(|_| Malformed)?;
            Ok(Command::Pcm { sample_rate_hz, bytes })
        }
        _ => Ok(Command::Other),
    }
}

/// A mark of this name, if it has one that may be.
pub(super) fn named(name: Option<&str>) -> Result<Mark, Malformed> {
    let name = name.filter(|name| name.len() <= MAX_NAME_BYTES).ok_or(Malformed)?;
    Ok(Mark::Named(name.to_owned()))
}

/// The first message to a server for chan_websocket.
pub(super) fn start(
    connection: &str,
    channel: &str,
    sample_rate_hz: u32,
    variables: &[(String, String)],
) -> String {
    let format = match sample_rate_hz {
        8_000 => "slin".to_owned(),
        rate_hz => format!("slin{}", rate_hz / 1_000),
    };
    let variables: serde_json::Map<_, _> =
        variables.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "event": "MEDIA_START",
        "connection_id": connection,
        "channel": channel,
        "channel_id": connection,
        "format": format,
        // Bytes of 20 ms.
        "optimal_frame_size": sample_rate_hz / 50 * 2,
        "ptime": 20,
        "channel_variables": variables,
    })
    .to_string()
}

/// An event without more to it.
pub(super) fn event(name: &str) -> String {
    json!({ "event": name }).to_string()
}

/// A digit that was pressed.
pub(super) fn digit(digit: char) -> String {
    json!({ "event": "DTMF_END", "digit": digit.to_string() }).to_string()
}

/// What has been heard; of jambonz' marks also that they were flushed.
pub(super) fn mark(mark: &Mark, flushed: bool) -> String {
    let (event, id) = match mark {
        Mark::Named(name) => {
            let event = if flushed { "cleared" } else { "playout" };
            return json!({ "type": "mark", "data": { "name": name, "event": event } }).to_string();
        }
        Mark::Correlated(id) => ("MEDIA_MARK_PROCESSED", id),
        Mark::Buffered(id) => ("MEDIA_BUFFERING_COMPLETED", id),
    };
    match id {
        Some(id) => json!({ "event": event, "correlation_id": id }).to_string(),
        None => json!({ "event": event }).to_string(),
    }
}

/// How it stands, in frames of 20 ms.
pub(super) fn status(waiting_ms: u32, full: bool, paused: bool) -> String {
    json!({
        "event": "STATUS",
        "queue_length": waiting_ms / 20,
        "queue_full": full,
        "bulk_media": false,
        "media_paused": paused,
    })
    .to_string()
}
