// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a proxy asks for: commands, typed, and what belongs to them.

use ale_media::rtp::telephone_event::event_of_digit;

use super::bencode::Value;
use super::flags::Flags;

/// Both ends of a media line are one worker's, with their keys and codecs: a party can't be put beside that of
/// another call.
const CONNECT: &str = "who is to talk across calls joins one conference";
/// The node offers nothing to whom nobody is to be joined with.
const CREATE: &str = "who has no peer yet joins a conference";
/// Most tags that are read of a list: a call has two.
const MAX_TAGS: usize = 8;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Say that the node lives.
    Ping,
    /// A description of who wants to talk, to be rewritten for the peer.
    Offer,
    /// The peer's description, to be rewritten for who offered.
    Answer,
    /// The call has ended.
    Delete,
    /// What is known of a call.
    Query,
    /// The calls there are.
    List,
    /// How much has been done.
    Statistics,
    /// What comes from a party is not passed on, or is again.
    BlockMedia(bool),
    /// Silence is passed on for what comes from a party, or no longer.
    SilenceMedia(bool),
    /// Digits of a party are not passed on, or are again.
    BlockDigits(bool),
    /// A digit is said as if by a party.
    PlayDigit,
    /// A file is played to a party, or to a conference.
    PlayMedia,
    /// Nothing more is.
    StopMedia,
    /// An offer of who wants to be in a conference, to be answered by the node: a command of this node's own.
    Join,
    /// The same of who only speaks, in a conference of its own.
    Publish,
    /// Voices go to a sink that keeps them, or to one that takes them on.
    Tap(Leads, TapOrder),
    /// What a party agrees to, or takes back: a command of this node's own.
    Consent,
    /// Somebody wants to hear what parties of a call say: an offer for it.
    SubscribeRequest,
    /// Its answer.
    SubscribeAnswer,
    /// It hears nothing more.
    Unsubscribe,
    /// A command of the protocol that is not done here, with what stands in its place.
    NotDone(&'static str),
}

/// Where taps lead, by the protocol's words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leads {
    /// To files: `recording`.
    Files,
    /// To another program: `forwarding`.
    Program,
    /// To who has subscribed.
    Subscriber,
}

/// What is to become of taps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapOrder {
    /// They begin, or go on.
    Start,
    /// They leave silence of true length.
    Pause,
    /// They end.
    Stop,
}

impl Command {
    /// The command of this name; `None` for one that the protocol does not know.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ping" => Self::Ping,
            "offer" => Self::Offer,
            "answer" => Self::Answer,
            "delete" => Self::Delete,
            "query" => Self::Query,
            "list" => Self::List,
            "statistics" => Self::Statistics,
            "block media" => Self::BlockMedia(true),
            "unblock media" => Self::BlockMedia(false),
            "silence media" => Self::SilenceMedia(true),
            "unsilence media" => Self::SilenceMedia(false),
            "block DTMF" => Self::BlockDigits(true),
            "unblock DTMF" => Self::BlockDigits(false),
            "play DTMF" => Self::PlayDigit,
            "conference join" => Self::Join,
            "play media" => Self::PlayMedia,
            "stop media" => Self::StopMedia,
            "start recording" => Self::Tap(Leads::Files, TapOrder::Start),
            "pause recording" => Self::Tap(Leads::Files, TapOrder::Pause),
            "stop recording" => Self::Tap(Leads::Files, TapOrder::Stop),
            "start forwarding" => Self::Tap(Leads::Program, TapOrder::Start),
            "stop forwarding" => Self::Tap(Leads::Program, TapOrder::Stop),
            "consent" => Self::Consent,
            "connect" | "mesh" => Self::NotDone(CONNECT),
            "publish" => Self::Publish,
            "create" => Self::NotDone(CREATE),
            "subscribe request" => Self::SubscribeRequest,
            "subscribe answer" => Self::SubscribeAnswer,
            "unsubscribe" => Self::Unsubscribe,
            _ => return None,
        })
    }
}

/// A digit that is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digit {
    /// Event of RFC 4733: 0 to 9, `*`, `#`, A to D, flash.
    pub event: u8,
    /// How long it is said, in ms.
    pub duration_ms: u32,
    /// How loud, in dBm0 below the reference level.
    pub volume_dbm0: u8,
}

impl Digit {
    /// The digit of a message: `code` as a character or as the event's number, `duration` in ms, `volume` in dB.
    fn of(message: &Value<'_>) -> Option<Self> {
        let number = |key: &str| message.entry(key).and_then(Value::number);
        let event = match message.entry("code")? {
            Value::Integer(number) => u8::try_from(*number).ok(),
            other => {
                let mut characters = other.text()?.chars();
                let only = characters.next().filter(|_| characters.as_str().is_empty());
                only.and_then(event_of_digit)
            }
        };
        let duration_ms = u32::try_from(number("duration").unwrap_or(250)).ok()?;
        // Told as a level, below the reference or with its sign turned.
        let volume = number("volume").unwrap_or(-8).unsigned_abs().min(63);
        Some(Self { event: event?, duration_ms, volume_dbm0: volume as u8 })
    }
}

/// What is to be played, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Play<'a> {
    /// A file's name.
    pub file: Option<&'a str>,
    /// A file itself.
    pub blob: Option<&'a [u8]>,
    /// How often.
    pub times: Option<u64>,
    /// For how long at most, in ms.
    pub limit_ms: Option<u64>,
    /// Where it begins, in ms.
    pub start_ms: Option<u64>,
}

impl<'a> Play<'a> {
    fn of(message: &Value<'a>) -> Self {
        let number = |key: &str| u64::try_from(message.entry(key)?.number()?).ok();
        let blob = match message.entry("blob") {
            Some(Value::Bytes(bytes)) => Some(*bytes),
            _ => None,
        };
        Self {
            file: message.entry("file").and_then(Value::text),
            blob,
            times: number("repeat-times"),
            limit_ms: number("repeat-duration"),
            start_ms: number("start-pos"),
        }
    }
}

/// A request, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// What is to be done.
    pub command: Command,
    /// `Call-ID` of the SIP dialogue.
    pub call_id: Option<&'a str>,
    /// Tag of who sent the request or the offer.
    pub from_tag: Option<&'a str>,
    /// Tags of several, in place of that.
    pub from_tags: Vec<&'a str>,
    /// Tag of who answered.
    pub to_tag: Option<&'a str>,
    /// A description in SDP.
    pub sdp: Option<&'a [u8]>,
    /// Most calls that a list shall have.
    pub limit: Option<usize>,
    /// A digit that is to be said.
    pub digit: Option<Digit>,
    /// What is to be played.
    pub play: Play<'a>,
    /// Whether who asks knows the answer `load limit`.
    pub knows_load_limit: bool,
    /// See [`Flags`].
    pub flags: Flags,
}

/// Why a dictionary is no request, in the protocol's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// Not a dictionary.
    NotADictionary,
    /// It names no command.
    NoCommand,
    /// It names one that nobody knows.
    UnknownCommand,
}

impl core::fmt::Display for RequestError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotADictionary => "Invalid NG data format",
            Self::NoCommand => "Dictionary contains no key \"command\"",
            Self::UnknownCommand => "Unrecognized command",
        })
    }
}

impl core::error::Error for RequestError {}

impl<'a> Request<'a> {
    /// Reads a request out of a message's dictionary.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn of(message: &Value<'a>) -> Result<Self, RequestError> {
        if !matches!(message, Value::Dictionary(_)) {
            return Err(RequestError::NotADictionary);
        }
        let text = |key: &str| message.entry(key).and_then(Value::text);
        let name = text("command").ok_or(RequestError::NoCommand)?;
        let command = Command::named(name).ok_or(RequestError::UnknownCommand)?;
        let sdp = match message.entry("sdp") {
            Some(Value::Bytes(bytes)) => Some(*bytes),
            _ => None,
        };
        let tags = message.entry("from-tags");
        let supports = |value: &Value<'_>| value.texts().any(|known| known == "load limit");
        Ok(Self {
            command,
            call_id: text("call-id"),
            from_tag: text("from-tag"),
            from_tags: tags.map(|tags| tags.texts().take(MAX_TAGS).collect()).unwrap_or_default(),
            to_tag: text("to-tag").filter(|tag| !tag.is_empty()),
            sdp,
            limit: message.entry("limit").and_then(|limit| limit.number()?.try_into().ok()),
            digit: Digit::of(message),
            play: Play::of(message),
            knows_load_limit: message.entry("supports").is_some_and(supports),
            flags: Flags::of(message),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ng::bencode::read;

    #[test]
    fn requests_are_read_and_what_is_none_is_named() {
        let message =
            read(b"d7:command5:offer7:call-id1:c8:from-tag1:f6:to-tag0:3:sdp1:x8:supportsl10:load limitee")
                .unwrap();
        let request = Request::of(&message).unwrap();
        assert_eq!(
            (request.call_id, request.from_tag, request.to_tag),
            (Some("c"), Some("f"), None)
        );
        assert!(request.knows_load_limit);
        for (message, error) in [
            (&b"l4:pinge"[..], RequestError::NotADictionary),
            (b"de", RequestError::NoCommand),
            (b"d7:commandi1ee", RequestError::NoCommand),
            (b"d7:command10:frobnicatee", RequestError::UnknownCommand),
        ] {
            assert_eq!(Request::of(&read(message).unwrap()), Err(error));
        }
    }
}
