// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a proxy asks for: commands and flags, typed.
//!
//! Flags come in two syntaxes, which the modules of Kamailio and OpenSIPS both use: as keys of the
//! dictionary with texts and lists, and as one string of words (`rtpp-flags`) such as
//! `replace-origin ICE=remove RTP/AVP codec-strip-PCMU`. Both end in [`Flags::set`] and [`Flags::word`];
//! a space, a hyphen and an underscore in a name are the same. What nobody here knows is kept by name, so
//! that it can be told, and changes nothing.

use core::net::IpAddr;

use ale_media::rtp::telephone_event::event_of_digit;

use super::bencode::Value;
use crate::config::MOST_SINKS;

/// Most codecs that one list of an offer names; longer lists end there.
const MAX_CODECS: usize = 64;
/// Most unknown flags that are kept by name.
const MAX_UNKNOWN: usize = 16;

/// Lists whose values also come as words that begin with the list's name.
const LISTS: [&str; 7] =
    ["replace", "rtcp-mux", "SDES", "codec-strip", "codec-except", "codec-mask", "codec-transcode"];

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
    /// Voices go to a sink that keeps them, or to one that takes them on.
    Tap(Leads, TapOrder),
    /// What a party agrees to, or takes back: a command of this node's own.
    Consent,
    /// A command of the protocol that is not done here.
    NotDone,
}

/// Where taps lead, by the protocol's words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leads {
    /// To files: `recording`.
    Files,
    /// To another program: `forwarding`.
    Program,
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

impl Codecs {
    /// Whether a codec of this name is taken out of what is passed on.
    pub fn removes(&self, name: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|listed| listed.eq_ignore_ascii_case(name));
        [&self.strip, &self.mask]
            .into_iter()
            .any(|list| named(list) || list.iter().any(|listed| listed == "all"))
            && !named(&self.except)
    }
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
            "publish" | "subscribe request" | "subscribe answer" | "unsubscribe" | "connect" => {
                Self::NotDone
            }
            _ => return None,
        })
    }
}

/// A media line's protocol, as far as it is rewritten here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Transport {
    /// SRTP (`SAVP`).
    pub secure: bool,
    /// Feedback at any time (RFC 4585, `AVPF`).
    pub feedback: bool,
    /// Keys by DTLS.
    pub dtls: bool,
}

impl Transport {
    /// The transport of this name in an `m=` line.
    pub fn named(name: &str) -> Option<Self> {
        let (dtls, profile) = match name.strip_prefix("UDP/TLS/") {
            Some(profile) => (true, profile),
            None => (false, name),
        };
        let (secure, feedback) = match profile {
            "RTP/AVP" => (false, false),
            "RTP/AVPF" => (false, true),
            "RTP/SAVP" => (true, false),
            "RTP/SAVPF" => (true, true),
            _ => return None,
        };
        (secure || !dtls).then_some(Self { secure, feedback, dtls })
    }

    /// Its name in an `m=` line.
    pub fn name(self) -> &'static str {
        match (self.dtls, self.secure, self.feedback) {
            (true, _, false) => "UDP/TLS/RTP/SAVP",
            (true, _, true) => "UDP/TLS/RTP/SAVPF",
            (false, true, false) => "RTP/SAVP",
            (false, true, true) => "RTP/SAVPF",
            (false, false, false) => "RTP/AVP",
            (false, false, true) => "RTP/AVPF",
        }
    }
}

/// What is to become of ICE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ice {
    /// As the node does by itself.
    #[default]
    Unsaid,
    /// No ICE in what is passed on.
    Remove,
    /// ICE in what is passed on, whether or not it was offered.
    Force,
}

/// `rtcp-mux`: RTP and RTCP on one port (RFC 5761).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RtcpMux {
    /// Offer it to the peer.
    pub offer: bool,
    /// Don't offer it to the peer, but accept it from who offered.
    pub demux: bool,
    /// Accept it from who offered.
    pub accept: bool,
    /// Don't.
    pub reject: bool,
}

/// What is to become of codecs, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Codecs {
    /// Taken out of what is passed on; `all` means each that is not excepted.
    pub strip: Vec<String>,
    /// Stay in spite of `strip`.
    pub except: Vec<String>,
    /// Taken out, and still spoken with who offered them.
    pub mask: Vec<String>,
    /// Added, and translated.
    pub transcode: Vec<String>,
}

/// How what is passed on shall differ from what came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flags {
    /// Protocol of the media lines that are passed on; `None` leaves each as it is.
    pub transport: Option<Transport>,
    /// See [`Ice`].
    pub ice: Ice,
    /// See [`RtcpMux`].
    pub rtcp_mux: RtcpMux,
    /// The node's address in the `o=` line.
    pub replace_origin: bool,
    /// No `a=rtcp` in what is passed on.
    pub no_rtcp_attribute: bool,
    /// Keys by DTLS are not offered where SDES is.
    pub no_dtls: bool,
    /// The node waits for the peer to begin the handshake, where it may choose.
    pub dtls_passive: bool,
    /// Each line that is passed on has a name (`a=mid`).
    pub generate_mid: bool,
    /// Keys of SDES are not offered.
    pub no_sdes: bool,
    /// Suites of SDES that are not offered.
    pub sdes_without: Vec<String>,
    /// The only suites of SDES that are offered, if there are any.
    pub sdes_only: Vec<String>,
    /// Whether the peer is to be given an IPv6 address; `None` as who offered.
    pub ipv6: Option<bool>,
    /// The address that is told instead of the interface's.
    pub media_address: Option<IpAddr>,
    /// Names of the interfaces on the side of who asks, and of the peer.
    pub direction: Option<[String; 2]>,
    /// See [`Codecs`].
    pub codecs: Codecs,
    /// The name of the conference that is meant.
    pub conference: Option<String>,
    /// What others in a conference are told who it is.
    pub name: Option<String>,
    /// See [`Consent`].
    pub consent: Consent,
    /// The sink that is meant.
    pub sink: Option<String>,
    /// The call is recorded from its answer on (`record-call`).
    pub record: bool,
    /// What was not understood, and ignored.
    pub unknown: Vec<String>,
}

/// What a party agrees to and takes back, as it was said: words that are none are not passed over but refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consent {
    /// Names of sinks that it agrees to.
    pub sinks: Vec<String>,
    /// Names of sinks that it does not agree to any more, or `all`.
    pub withdrawn: Vec<String>,
    /// On what grounds.
    pub basis: Option<String>,
    /// The number of the text that it was shown.
    pub notice: Option<String>,
    /// The second since 1970 at which it ends.
    pub until: Option<String>,
}

impl Consent {
    /// A key and one of its values; whether it is one of consent's.
    fn set(&mut self, key: &str, value: &str) -> bool {
        let list = match key {
            "consent" => &mut self.sinks,
            "withdraw" => &mut self.withdrawn,
            _ => {
                let place = match key {
                    "consent-basis" => &mut self.basis,
                    "consent-notice" => &mut self.notice,
                    "consent-until" => &mut self.until,
                    _ => return false,
                };
                *place = Some(value.to_owned());
                return true;
            }
        };
        // One more than there can be is refused when it is looked up.
        if list.len() <= MOST_SINKS {
            list.push(value.to_owned());
        }
        true
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
        let supports = |value: &Value<'_>| value.texts().any(|known| known == "load limit");
        Ok(Self {
            command,
            call_id: text("call-id"),
            from_tag: text("from-tag"),
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

impl Flags {
    /// The flags of a message, in both syntaxes.
    pub fn of(message: &Value<'_>) -> Self {
        let mut flags = Self::default();
        for (key, value) in message.entries() {
            let Ok(key) = core::str::from_utf8(key) else { continue };
            match &normal(key)[..] {
                "command" | "call-id" | "from-tag" | "to-tag" | "sdp" | "via-branch" | "limit"
                | "supports" | "received-from" | "code" | "duration" | "volume" | "file"
                | "blob" | "db-id" | "start-pos" | "repeat-times" | "repeat-duration" => {}
                "flags" => value.texts().for_each(|word| flags.word(word)),
                "rtpp-flags" => {
                    let words = value.text().unwrap_or_default().split_ascii_whitespace();
                    words.for_each(|word| flags.word(word));
                }
                "direction" => {
                    let mut names = value.texts().map(String::from);
                    if let (Some(near), Some(far)) = (names.next(), names.next()) {
                        flags.direction = Some([near, far]);
                    }
                }
                "codec" => {
                    for (operation, names) in value.entries() {
                        let operation = String::from_utf8_lossy(operation);
                        names.texts().for_each(|name| flags.codec(&operation, name));
                    }
                }
                key @ ("consent-notice" | "consent-until") => match value {
                    Value::Integer(number) => flags.set(key, &number.to_string()),
                    text => text.texts().for_each(|value| flags.set(key, value)),
                },
                key => value.texts().for_each(|value| flags.set(key, value)),
            }
        }
        flags
    }

    /// A word of the string, or of the list `flags`.
    pub fn word(&mut self, word: &str) {
        if let Some(transport) = Transport::named(word) {
            self.transport = Some(transport);
            return;
        }
        if let Some((key, value)) = word.split_once('=') {
            return self.set(&normal(key), value);
        }
        let (as_it_came, word) = (word, normal(word));
        match &word[..] {
            "no-rtcp-attribute" => return self.no_rtcp_attribute = true,
            "generate-mid" => return self.generate_mid = true,
            // What the node does anyway: it learns addresses, rewrites what it passes on, and tells all
            // candidates at once.
            "trickle-ICE" | "trust-address" | "symmetric" | "generate-rtcp" | "force" => return,
            _ => {}
        }
        for list in LISTS {
            // The value as it came: names of suites have underscores.
            if word.starts_with(list) && word.get(list.len()..=list.len()) == Some("-") {
                return self.set(list, as_it_came.get(list.len() + 1..).unwrap_or_default());
            }
        }
        self.unknown(&word);
    }

    /// A key and one of its values.
    pub fn set(&mut self, key: &str, value: &str) {
        let key = normal(key);
        if self.consent.set(&key, value) {
            return;
        }
        // Names of suites and codecs have underscores of their own.
        let plain = normal(value);
        match (&key[..], &plain[..]) {
            ("ICE", "remove") => self.ice = Ice::Remove,
            ("ICE", "force" | "force-relay") => self.ice = Ice::Force,
            ("ICE", "default" | "optional") => self.ice = Ice::Unsaid,
            ("conference", _) => self.conference = Some(value.to_owned()),
            ("name", _) => self.name = Some(value.to_owned()),
            ("record-call", "yes" | "on") => self.record = true,
            ("record-call", "no" | "off") => self.record = false,
            ("sink", _) => self.sink = Some(value.to_owned()),
            ("replace", "origin") => self.replace_origin = true,
            // Connection lines and the port are replaced wherever media comes through here.
            ("replace", _) => {}
            ("rtcp-mux", "offer" | "require") => self.rtcp_mux.offer = true,
            ("rtcp-mux", "demux") => self.rtcp_mux.demux = true,
            ("rtcp-mux", "accept") => self.rtcp_mux.accept = true,
            ("rtcp-mux", "reject") => self.rtcp_mux.reject = true,
            ("SDES", "off" | "no" | "disable") => self.no_sdes = true,
            // Keys are padded always: there are phones that drop the end of one that is not.
            ("SDES", "pad") => {}
            ("SDES", _) => self.sdes(value),
            ("transport-protocol", _) => match Transport::named(value) {
                Some(transport) => self.transport = Some(transport),
                None => self.unknown(value),
            },
            ("address-family", "IP4") => self.ipv6 = Some(false),
            ("address-family", "IP6") => self.ipv6 = Some(true),
            ("media-address", _) => match value.parse() {
                Ok(address) => self.media_address = Some(address),
                Err(_) => self.unknown(value),
            },
            ("DTLS", "off" | "no" | "disable") => self.no_dtls = true,
            ("DTLS", "passive") => self.dtls_passive = true,
            ("DTLS", "active") => self.dtls_passive = false,
            _ => match key.strip_prefix("codec-") {
                Some(operation) => self.codec(operation, value),
                None => self.unknown(&key),
            },
        }
    }

    fn sdes(&mut self, value: &str) {
        for (prefix, list) in [("no-", &mut self.sdes_without), ("only-", &mut self.sdes_only)] {
            if let Some(suite) = value.strip_prefix(prefix) {
                if list.len() < MAX_CODECS {
                    list.push(suite.to_owned());
                }
                return;
            }
        }
        self.unknown(value);
    }

    fn codec(&mut self, operation: &str, name: &str) {
        let list = match operation {
            "strip" => &mut self.codecs.strip,
            "except" => &mut self.codecs.except,
            "mask" => &mut self.codecs.mask,
            "transcode" => &mut self.codecs.transcode,
            _ => return self.unknown(operation),
        };
        if list.len() < MAX_CODECS {
            list.push(name.to_owned());
        }
    }

    fn unknown(&mut self, name: &str) {
        if self.unknown.len() < MAX_UNKNOWN {
            self.unknown.push(name.chars().take(64).collect());
        }
    }
}

/// A name with hyphens, however it was spelt.
fn normal(name: &str) -> String {
    name.replace([' ', '_'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ng::bencode::{self, read};

    fn flags(message: &[u8]) -> Flags {
        Flags::of(&read(message).unwrap())
    }

    #[test]
    fn both_syntaxes_say_the_same() {
        let mut message = Vec::new();
        bencode::dictionary(&mut message, |offer| {
            offer
                .string("ICE", "remove")
                .list("replace", |list| {
                    list.string("origin").string("session connection");
                })
                .string("transport protocol", "RTP/SAVP")
                .list("rtcp-mux", |list| {
                    list.string("demux");
                })
                .list("SDES", |list| {
                    list.string("pad").string("no-NULL_HMAC_SHA1_80");
                })
                .dictionary("codec", |codec| {
                    codec.list("strip", |list| {
                        list.string("PCMU");
                    });
                })
                .list("flags", |list| {
                    list.string("no rtcp attribute");
                });
        });
        let listed = flags(&message);
        message.clear();
        bencode::dictionary(&mut message, |offer| {
            offer.string(
                "rtpp-flags",
                "replace-origin replace-session-connection ICE=remove RTP/SAVP rtcp-mux-demux \
                 SDES-pad SDES=no-NULL_HMAC_SHA1_80 codec-strip-PCMU no-rtcp-attribute",
            );
        });
        let words = flags(&message);
        assert_eq!(listed, words);
        assert_eq!(listed.ice, Ice::Remove);
        assert_eq!(listed.transport, Transport::named("RTP/SAVP"));
        assert!(listed.replace_origin && listed.no_rtcp_attribute && listed.rtcp_mux.demux);
        assert_eq!(listed.sdes_without, ["NULL_HMAC_SHA1_80"]);
        assert_eq!(listed.codecs.strip, ["PCMU"]);
        assert!(listed.unknown.is_empty(), "{:?}", listed.unknown);
    }

    #[test]
    fn what_nobody_knows_is_kept_by_name_and_changes_nothing() {
        let mut found = flags(b"d5:flagsl12:no such flage11:no such key1:1e");
        assert_eq!(found.unknown, ["no-such-flag", "no-such-key"]);
        found.unknown.clear();
        assert_eq!(found, Flags::default());
    }

    #[test]
    fn lists_are_bounded() {
        let mut flags = Flags::default();
        for _ in 0..10_000 {
            flags.word("codec-strip-X");
            flags.word("SDES-no-X");
            flags.word("gibberish");
        }
        assert_eq!(flags.codecs.strip.len(), MAX_CODECS);
        assert_eq!(flags.sdes_without.len(), MAX_CODECS);
        assert_eq!(flags.unknown.len(), MAX_UNKNOWN);
    }

    #[test]
    fn transports_keep_their_names() {
        for name in [
            "RTP/AVP",
            "RTP/AVPF",
            "RTP/SAVP",
            "RTP/SAVPF",
            "UDP/TLS/RTP/SAVP",
            "UDP/TLS/RTP/SAVPF",
        ] {
            assert_eq!(Transport::named(name).unwrap().name(), name);
        }
        for name in ["UDP/TLS/RTP/AVP", "udptl", "TCP/MSRP", ""] {
            assert_eq!(Transport::named(name), None);
        }
    }

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
