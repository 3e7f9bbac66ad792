// SPDX-License-Identifier: MIT OR Apache-2.0
//! Flags of offers and answers, typed.
//!
//! They come in two syntaxes, which the modules of Kamailio and OpenSIPS both use: as keys of the
//! dictionary with texts and lists, and as one string of words (`rtpp-flags`) such as
//! `replace-origin ICE=remove RTP/AVP codec-strip-PCMU`. Both end in [`Flags::set`] and [`Flags::word`];
//! a space, a hyphen and an underscore in a name are the same. What nobody here knows is kept by name, so
//! that it can be told, and changes nothing.

use core::net::IpAddr;

use super::bencode::Value;
use crate::config::MOST_SINKS;

/// Most codecs that one list of an offer names; longer lists end there.
const MAX_CODECS: usize = 64;
/// Most unknown flags that are kept by name.
const MAX_UNKNOWN: usize = 16;

/// Lists whose values also come as words that begin with the list's name.
const LISTS: [&str; 7] =
    ["replace", "rtcp-mux", "SDES", "codec-strip", "codec-except", "codec-mask", "codec-transcode"];

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
    /// All parties of the call are meant.
    pub all: bool,
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
    /// `TOS`: the byte that the call's packets are marked with (RFC 2474), or negative for as before.
    pub tos: Option<i64>,
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

impl Flags {
    /// The flags of a message, in both syntaxes.
    pub fn of(message: &Value<'_>) -> Self {
        let mut flags = Self::default();
        for (key, value) in message.entries() {
            let Ok(key) = core::str::from_utf8(key) else { continue };
            match &normal(key)[..] {
                "command" | "call-id" | "from-tag" | "from-tags" | "to-tag" | "sdp"
                | "via-branch" | "limit" | "supports" | "received-from" | "code" | "duration"
                | "volume" | "file" | "blob" | "db-id" | "start-pos" | "repeat-times"
                | "repeat-duration" => {}
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
                key @ ("consent-notice" | "consent-until" | "TOS") => match value {
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
            "all" => return self.all = true,
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
            ("all", "all" | "yes" | "offer-answer") => self.all = true,
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
            ("TOS", _) => match value.parse() {
                Ok(tos) => self.tos = Some(tos),
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
    fn a_number_is_one_in_bencode_and_in_words() {
        assert_eq!(flags(b"d3:TOSi184ee").tos, Some(184));
        assert_eq!(flags(b"d10:rtpp-flags6:TOS=-1e").tos, Some(-1));
        assert_eq!(flags(b"d5:flagsl7:TOS=256ee").tos, Some(256));
        let nonsense = flags(b"d3:TOS2:efe");
        assert_eq!((nonsense.tos, &nonsense.unknown[..]), (None, &["ef".to_owned()][..]));
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
}
