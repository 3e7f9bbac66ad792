// SPDX-License-Identifier: MIT OR Apache-2.0
//! The node's configuration: one TOML file. What it does not say has the values of
//! `ale-media-node.toml`, which states every default, and which a test holds to this file.

mod error;
mod failover;
mod network;
mod webrtc;

pub use error::ConfigError;
pub use failover::{Failover, Redis, Secret};
pub use network::Network;
pub use webrtc::WebRtc;

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use std::net::UdpSocket;
use std::path::PathBuf;

use ale_media_sinks::named::{SinkConfig, SinkKind, Sinks};
use serde::Deserialize;

use crate::link::Address;

/// Members that a conference may be configured for; the engine mixes eight times as many.
const MOST_MEMBERS: u16 = 1_024;

/// Most sinks: each may tap each member of a conference, and the engine has 16,384 taps.
pub const MOST_SINKS: usize = 8;
/// Longest name of a sink: it stands in paths and in words of NG's flags.
const SINK_NAME_BYTES: usize = 64;

/// Characters of a token.
const FEWEST_CHARACTERS: usize = 16;

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Control by NG.
    pub ng: Ng,
    /// Addresses for media; the first is the one for who names none.
    #[serde(rename = "interface")]
    pub interfaces: Vec<Interface>,
    /// Media.
    pub media: Media,
    /// Ports of browsers.
    pub webrtc: WebRtc,
    /// Conferences.
    pub conference: Conference,
    /// Sound that is played.
    pub play: Play,
    /// When there is no room for more.
    pub admission: Admission,
    /// The node over HTTP.
    pub http: Http,
    /// The certificate of connections that are TLS.
    pub tls: Tls,
    /// What is written down about taps.
    pub tap: Tap,
    /// Where taps lead.
    #[serde(rename = "sink")]
    pub sinks: Vec<SinkConfig>,
    /// Calls that are kept for another process.
    pub failover: Failover,
    /// Conferences that are one with those of other nodes.
    #[serde(rename = "link")]
    pub links: Vec<Link>,
}

/// A conference that is one with a conference of another node, while anybody is in it here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its name here.
    pub conference: String,
    /// Where it is entered there, by WHIP.
    pub url: String,
    /// What the other node wants to be brought.
    pub token: Token,
}

/// The certificate of connections that are TLS: in PEM, read when the node begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// A file with the certificate, and those between it and its authority's.
    pub certificate: Option<PathBuf>,
    /// A file with its key.
    pub key: Option<PathBuf>,
}

/// What is written down about taps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tap {
    /// The audit's file; none is written by default.
    pub audit: Option<PathBuf>,
    /// A file with the key that it is signed with.
    pub audit_key: Option<PathBuf>,
    /// A file with the certificates of authorities that servers of sinks are believed (`wss://`).
    pub authorities: Option<PathBuf>,
}

/// The node over HTTP: browsers that enter conferences by themselves, what is known of them, the page, metrics and
/// health.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where requests are taken; nowhere by default.
    pub listen: Option<SocketAddr>,
    /// Whether it is TLS.
    pub tls: bool,
    /// What has to be brought for all but the page, metrics and health; without one nothing else is served.
    pub token: Option<Token>,
}

/// What who asks has to bring (RFC 6750); a secret.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Control by NG, which knows no authentication.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ng {
    /// Where requests come in, by UDP.
    pub listen: SocketAddr,
    /// Where requests come in by TCP; nowhere by default.
    pub listen_tcp: Option<SocketAddr>,
    /// Where requests come in by HTTP and WebSocket, both at `/ng`; nowhere by default.
    pub listen_http: Option<SocketAddr>,
    /// Whether the latter two are TLS.
    pub tls: bool,
    /// A file with the certificate of the authority of those who may ask by TLS; everybody else in `allow`, too, without.
    pub client_authority: Option<PathBuf>,
    /// Networks from which requests are taken.
    pub allow: Vec<Network>,
}

/// An address for media.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// The name by which proxies ask for it (`direction`).
    #[serde(default = "default_name")]
    pub name: String,
    /// The address that sockets are bound to.
    pub address: IpAddr,
    /// The address that peers are told, if it is another: that of a NAT in front.
    #[serde(default)]
    pub advertised: Option<IpAddr>,
}

/// Media.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// First port for media; even.
    pub port_min: u16,
    /// Last port for media; odd, since each line takes an even one for RTP and the next for RTCP.
    pub port_max: u16,
    /// Threads that forward media, each pinned to a core; 0 is one a core.
    pub workers: u16,
    /// A call of which nothing has come for so long is ended, in seconds.
    pub timeout_s: u32,
    /// How long calls may go on when the node is told to end, in seconds.
    pub drain_s: u32,
    /// Most calls at a time.
    pub max_calls: u32,
    /// Most media lines of a call.
    pub max_lines: u16,
    /// What encoding Opus may cost, 0 (fast) to 10.
    pub opus_complexity: u8,
    /// What packets are marked with, 0 to 63 (RFC 2474); expedited forwarding by default, as for voices (RFC 4594 section 4.1).
    pub dscp: u8,
}

/// When there is no room for more, by what is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admission {
    /// No call begins while all workers are busy for more of the time than this, in percent; 0 refuses none.
    pub max_busy_percent: u16,
}

impl Default for Admission {
    fn default() -> Self {
        Self { max_busy_percent: 90 }
    }
}

/// Sound that is played to parties and conferences.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Play {
    /// The folder that files are taken from; none by default.
    pub folder: Option<PathBuf>,
}

/// Conferences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conference {
    /// Most at a time.
    pub max_conferences: u32,
    /// Most members of one.
    pub max_members: u16,
    /// How many of them are heard at a time, the loudest; 0 for all.
    pub max_speakers: u16,
    /// The most that a member's camera may send, in kbit/s; 0 for no video.
    pub max_video_kbps: u32,
}

impl Default for Conference {
    fn default() -> Self {
        Self { max_conferences: 256, max_members: 64, max_speakers: 0, max_video_kbps: 1_500 }
    }
}

impl Default for Ng {
    fn default() -> Self {
        let loopback = |text: &str| text.parse().ok();
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 2223)),
            listen_tcp: None,
            listen_http: None,
            tls: false,
            client_authority: None,
            allow: ["127.0.0.0/8", "::1/128"].into_iter().filter_map(loopback).collect(),
        }
    }
}

impl Default for Media {
    fn default() -> Self {
        Self {
            port_min: 30_000,
            port_max: 39_999,
            workers: 0,
            timeout_s: 60,
            drain_s: 30,
            max_calls: 4_096,
            max_lines: 16,
            opus_complexity: 6,
            dscp: 46,
        }
    }
}

impl Media {
    /// How many threads forward media on this machine.
    pub fn worker_count(&self) -> usize {
        match usize::from(self.workers) {
            0 => cores(),
            workers => workers,
        }
    }
}

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn default_name() -> String {
    String::from("default")
}

impl Interface {
    /// An interface as on the command line: `[name/]address[!advertised]`.
    ///
    /// # Errors
    /// [`ConfigError::Network`].
    pub fn from_argument(text: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::Network(text.to_owned());
        let (name, rest) = text.split_once('/').unwrap_or(("default", text));
        let (address, advertised) = match rest.split_once('!') {
            Some((address, advertised)) => {
                (address, Some(advertised.parse().map_err(|_| wrong())?))
            }
            None => (rest, None),
        };
        let address = address.parse().map_err(|_| wrong())?;
        Ok(Self { name: name.to_owned(), address, advertised })
    }

    /// The address that peers are told.
    pub fn told(&self) -> IpAddr {
        self.advertised.unwrap_or(self.address)
    }
}

impl Config {
    /// Reads a file's text; [`Config::check`] says whether a node can run on it.
    ///
    /// # Errors
    /// [`ConfigError::Toml`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::Toml(error.to_string()))
    }

    /// Whether this machine has the addresses that media is to go by: a socket is bound to each, on any port.
    ///
    /// # Errors
    /// [`ConfigError::NotHere`] for the first that it has not.
    pub fn check_addresses(&self) -> Result<(), ConfigError> {
        for Interface { name, address, .. } in &self.interfaces {
            UdpSocket::bind((*address, 0))
                .map_err(|error| ConfigError::NotHere(name.clone(), *address, error.to_string()))?;
        }
        Ok(())
    }

    /// Whether a node can run on this, on a machine that has its addresses.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.interfaces.is_empty() {
            return Err(ConfigError::NoInterface);
        }
        for (n, interface) in self.interfaces.iter().enumerate() {
            let same = |other: &&Interface| {
                other.name == interface.name && other.told().is_ipv4() == interface.told().is_ipv4()
            };
            if self.interfaces.iter().take(n).any(|other| same(&other)) {
                return Err(ConfigError::SameInterface(interface.name.clone()));
            }
            let told = interface.told();
            if told.is_unspecified() || told.is_multicast() {
                return Err(ConfigError::Address(told));
            }
            if interface.address.is_ipv4() != told.is_ipv4() {
                return Err(ConfigError::Address(told));
            }
        }
        let Media { port_min, port_max, timeout_s, max_calls, max_lines, .. } = self.media;
        if port_min == 0 || port_min % 2 == 1 || port_max % 2 == 0 || port_max < port_min {
            return Err(ConfigError::Ports);
        }
        if self.media.opus_complexity > 10 {
            return Err(ConfigError::Complexity);
        }
        if self.media.dscp > 63 {
            return Err(ConfigError::Dscp);
        }
        self.webrtc.check(&self.media)?;
        for (limit, name) in [
            (timeout_s, "timeout_s"),
            (max_calls, "max_calls"),
            (u32::from(max_lines), "max_lines"),
            (self.conference.max_conferences, "max_conferences"),
            (u32::from(self.conference.max_members), "max_members"),
        ] {
            if limit == 0 {
                return Err(ConfigError::Zero(name));
            }
        }
        let fit = |token: &Token| {
            token.0.len() >= FEWEST_CHARACTERS && token.0.bytes().all(|c| c.is_ascii_graphic())
        };
        if !self.http.token.as_ref().is_none_or(fit) {
            return Err(ConfigError::Token);
        }
        for (n, link) in self.links.iter().enumerate() {
            link.url.parse::<Address>().map_err(ConfigError::Link)?;
            if !fit(&link.token) {
                return Err(ConfigError::Token);
            }
            // Whoever is here would be heard twice there.
            if self.links.iter().take(n).any(|other| other.conference == link.conference) {
                return Err(ConfigError::Link("a conference has one"));
            }
        }
        self.failover.check()?;
        let Conference { max_members, max_speakers, .. } = self.conference;
        if max_members > MOST_MEMBERS || max_speakers > max_members {
            return Err(ConfigError::Members);
        }
        if self.tap.audit.is_some() != self.tap.audit_key.is_some() {
            return Err(ConfigError::Audit);
        }
        let keyed = self.tls.certificate.is_some() && self.tls.key.is_some();
        let untold = self.ng.client_authority.is_some() && !self.ng.tls;
        if ((self.ng.tls || self.http.tls) && !keyed) || untold {
            return Err(ConfigError::Tls);
        }
        self.check_sinks()
    }

    fn check_sinks(&self) -> Result<(), ConfigError> {
        let wrong = |text: String| Err(ConfigError::Sink(text));
        if self.sinks.len() > MOST_SINKS {
            return wrong(format!("more than {MOST_SINKS} sinks"));
        }
        for SinkConfig { name, kind, .. } in &self.sinks {
            let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
            if !(1..=SINK_NAME_BYTES).contains(&name.len()) || !name.bytes().all(plain) {
                return wrong(format!("sink {name:?}: up to 64 letters, digits and - . _ ~"));
            }
            let SinkKind::WebSocket { url, .. } = kind else { continue };
            let trusts = url.starts_with("wss://") && self.tap.authorities.is_some();
            if !url.starts_with("ws://") && !trusts {
                return wrong(format!("sink {name}: ws://, or wss:// with authorities of [tap]"));
            }
        }
        Sinks::new(self.sinks.clone()).map(drop).or_else(|error| wrong(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(text: &str) -> Interface {
        Interface::from_argument(text).unwrap()
    }

    #[test]
    fn the_file_that_states_the_defaults_states_them() {
        let stated = Config::parse(include_str!("../ale-media-node.toml")).unwrap();
        let interfaces = stated.interfaces.clone();
        assert_eq!(stated, Config { interfaces, ..Config::default() });
        assert_eq!(stated.check(), Ok(()));
        assert_eq!(Config::parse("").unwrap(), Config::default());
        assert_eq!(Config::default().check(), Err(ConfigError::NoInterface));
    }

    #[test]
    fn what_is_misspelt_is_refused_with_its_place() {
        let error = Config::parse("[media]\nport_mn = 1\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("port_mn"), "{error}");
        assert!(Config::parse("[ng]\nallow = [\"127.0.0.1/33\"]\n").is_err());
    }

    #[test]
    fn each_impossible_configuration_is_refused() {
        let fit = Config { interfaces: vec![interface("192.0.2.1")], ..Config::default() };
        assert_eq!(fit.check(), Ok(()));
        let ports = |port_min, port_max| {
            let media = Media { port_min, port_max, ..fit.media.clone() };
            Config { media, ..fit.clone() }.check()
        };
        assert_eq!(ports(30_001, 39_999), Err(ConfigError::Ports));
        assert_eq!(ports(30_000, 39_998), Err(ConfigError::Ports));
        assert_eq!(ports(30_002, 30_001), Err(ConfigError::Ports));
        assert_eq!(ports(30_000, 30_001), Ok(()));
        let complexity = |opus_complexity| {
            let media = Media { opus_complexity, ..fit.media.clone() };
            Config { media, ..fit.clone() }.check()
        };
        assert_eq!((complexity(10), complexity(11)), (Ok(()), Err(ConfigError::Complexity)));
        let dscp = |dscp| {
            let media = Media { dscp, ..fit.media.clone() };
            Config { media, ..fit.clone() }.check()
        };
        assert_eq!((dscp(63), dscp(64)), (Ok(()), Err(ConfigError::Dscp)));
        let with = |texts: &[&str]| {
            let interfaces = texts.iter().map(|text| interface(text)).collect();
            Config { interfaces, ..fit.clone() }.check()
        };
        assert_eq!(with(&["192.0.2.1", "2001:db8::1"]), Ok(()));
        assert_eq!(with(&["a/192.0.2.1", "b/192.0.2.2!203.0.113.1"]), Ok(()));
        assert!(with(&["192.0.2.1", "192.0.2.2"]).is_err());
        assert!(with(&["0.0.0.0"]).is_err());
        assert_eq!(with(&["0.0.0.0!192.0.2.1"]), Ok(()));
        assert!(with(&["192.0.2.1!::1"]).is_err());
        let media = Media { workers: 4, ..fit.media.clone() };
        for (port, is_fit) in [
            (0, true),
            (29_996, true),
            (29_997, false),
            (39_999, false),
            (40_000, true),
            (65_533, false),
        ] {
            let webrtc = WebRtc { port, ..WebRtc::default() };
            let checked = Config { webrtc, media: media.clone(), ..fit.clone() }.check();
            assert_eq!(checked.is_ok(), is_fit, "{port}");
        }
        for (token, is_fit) in
            [("x".repeat(15), false), ("x".repeat(16), true), ("x ".repeat(8), false)]
        {
            let http = Http { token: Some(Token(token)), ..Http::default() };
            assert_eq!(Config { http, ..fit.clone() }.check().is_ok(), is_fit);
        }
        for (max_conferences, max_members, max_speakers, is_fit) in [
            (1, 1, 1, true),
            (0, 2, 0, false),
            (1, 0, 0, false),
            (1, 2, 3, false),
            (1, MOST_MEMBERS, 0, true),
            (1, MOST_MEMBERS + 1, 0, false),
        ] {
            let conference =
                Conference { max_conferences, max_members, max_speakers, ..Conference::default() };
            assert_eq!(Config { conference, ..fit.clone() }.check().is_ok(), is_fit);
        }
    }

    #[test]
    fn sinks_and_tls_want_what_belongs_to_them() {
        let check = |text: &str| {
            let read = Config::parse(text).unwrap();
            Config { interfaces: vec![interface("192.0.2.1")], ..read }.check()
        };
        let sink = |name: &str, more: &str| {
            format!("[[sink]]\nname = {name:?}\nid = 1\npurpose = \"record\"\n{more}\n")
        };
        let files = "kind = \"files\"\nfolder = \"x\"";
        let socket = |url: &str| {
            format!(
                "kind = \"websocket\"\naddress = \"192.0.2.1:443\"\ndialect = \"binary\"\nurl = {url:?}"
            )
        };
        let key = "[tls]\ncertificate = \"x\"\nkey = \"x\"\n";
        let many: String = (0..=MOST_SINKS).map(|n| sink(&n.to_string(), files)).collect();
        let trusting = format!("{}[tap]\nauthorities = \"x\"\n", sink("a", &socket("wss://a")));
        for (text, is_fit) in [
            (sink("a-b.c~d_1", files), true),
            (sink("a b", files), false),
            (sink("", files), false),
            (sink("a", files) + &sink("a", files), false),
            (sink("a", files).replace("record", "emotions"), false),
            (many, false),
            (sink("a", &socket("ws://a")), true),
            (sink("a", &socket("wss://a")), false),
            (trusting, true),
            (sink("a", &socket("http://a")), false),
            ("[tap]\naudit = \"x\"\n".into(), false),
            ("[tap]\naudit = \"x\"\naudit_key = \"x\"\n".into(), true),
            ("[ng]\ntls = true\n".into(), false),
            ("[http]\ntls = true\n".into(), false),
            (format!("[ng]\ntls = true\nclient_authority = \"x\"\n{key}"), true),
            (format!("[ng]\nclient_authority = \"x\"\n{key}"), false),
            (format!("[http]\ntls = true\n{}", key.replace("key", "# key")), false),
        ] {
            assert_eq!(check(&text).is_ok(), is_fit, "{text}: {:?}", check(&text));
        }
    }
}
