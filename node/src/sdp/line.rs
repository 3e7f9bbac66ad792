// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a description says about one media line.

use core::net::{IpAddr, SocketAddr};

use ale_media::tap::Preference;
use sdp_types::{AddrType, Attribute, Connection, Media, Session};
use serde::{Deserialize, Serialize};

use super::extensions::Extensions;
use crate::ng::flags::Transport;
use crate::peer::dtls::Fingerprint;
use crate::peer::ice::Credentials;

/// What a media line is to the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineKind {
    /// RTP, which goes through here.
    Rtp(Transport),
    /// Refused or ended: its port is 0.
    Off,
    /// Anything else, which is passed on as it is.
    Foreign,
}

/// A payload type as a line names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    pub(crate) payload_type: u8,
    /// Encoding name; empty for a dynamic one without `a=rtpmap`.
    pub(crate) name: String,
    pub(crate) clock_hz: u32,
    /// Channels of audio.
    #[serde(default = "one")]
    pub(crate) channels: u8,
    /// As in `a=fmtp`.
    #[serde(default)]
    pub(crate) parameters: Option<String>,
}

fn one() -> u8 {
    1
}

impl Format {
    /// What a parameter of `a=fmtp` says.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let words = self.parameters.as_deref()?.split(';');
        let mut pairs = words.filter_map(|word| word.trim().split_once('='));
        pairs.find(|(named, _)| named.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// What a description says about ICE (RFC 8839).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceLine {
    /// Fragment and password.
    pub credentials: Credentials,
    /// `a=ice-lite`: it checks nothing either.
    pub lite: bool,
}

/// Who begins a handshake (RFC 4145 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setup {
    /// Who says so does.
    Active,
    /// The other does.
    Passive,
    /// Whichever the other chooses.
    Either,
}

impl Setup {
    /// The attribute's value.
    pub fn value(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::Either => "actpass",
        }
    }
}

/// What a description says about DTLS (RFC 5763, RFC 8842).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DtlsLine {
    /// Those that are understood here; one of them is the certificate's.
    pub fingerprints: Vec<Fingerprint>,
    /// Who begins.
    pub setup: Setup,
    /// `a=tls-id`: another one begins another association.
    pub tls_id: Option<String>,
}

/// A media line, read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// `audio`, `video` and so on.
    pub media: String,
    /// Where RTP is to be sent; `None` on hold by address (RFC 3264 section 8.4), or for a name.
    pub rtp: Option<SocketAddr>,
    /// Where RTCP is to be sent where it has a port of its own.
    pub rtcp: Option<SocketAddr>,
    /// Whether the address is one of IPv6.
    pub ipv6: bool,
    /// `a=rtcp-mux` (RFC 5761).
    pub rtcp_mux: bool,
    /// Values of `a=crypto` (RFC 4568); secrets.
    pub crypto: Vec<String>,
    /// ICE, if there is any.
    pub ice: Option<IceLine>,
    /// DTLS, if there is any.
    pub dtls: Option<DtlsLine>,
    /// `a=mid` (RFC 5888).
    pub mid: Option<String>,
    /// Whether it stands in a group of `BUNDLE` (RFC 8843).
    pub bundled: bool,
    /// Whether its author sends media, and takes it (RFC 8866 section 6.7).
    pub sends: bool,
    /// See [`Line::sends`].
    pub receives: bool,
    /// `a=recordpref` (RFC 7866 section 6.2).
    #[serde(with = "preference")]
    pub preference: Preference,
    /// Header extensions that it names.
    pub extensions: Extensions,
    /// How long the packets are to be that its author gets, in ms (`a=ptime`, RFC 8866 section 6.4).
    #[serde(default)]
    pub packet_ms: Option<u16>,
    pub(crate) formats: Vec<Format>,
}

/// A preference as its attribute has it.
mod preference {
    use ale_media::tap::Preference;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(it: &Preference, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(match it {
            Preference::None => "nopreference",
            Preference::On => "on",
            Preference::Pause => "pause",
            // What is to come asks for the least.
            _ => "off",
        })
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Preference, D::Error> {
        let word = String::deserialize(from)?;
        Ok(Preference::from_attribute(&word).unwrap_or(Preference::Off))
    }
}

/// Fingerprints of one certificate; aiortc tells three.
const MAX_FINGERPRINTS: usize = 8;

/// Encodings of static payload types (RFC 3551 section 6), their clocks and channels.
const STATIC: [(u8, &str, u32, u8); 14] = [
    (0, "PCMU", 8_000, 1),
    (3, "GSM", 8_000, 1),
    (4, "G723", 8_000, 1),
    (5, "DVI4", 8_000, 1),
    (8, "PCMA", 8_000, 1),
    (9, "G722", 8_000, 1),
    (10, "L16", 44_100, 2),
    (11, "L16", 44_100, 1),
    (13, "CN", 8_000, 1),
    (15, "G728", 8_000, 1),
    (18, "G729", 8_000, 1),
    (26, "JPEG", 90_000, 1),
    (31, "H261", 90_000, 1),
    (34, "H263", 90_000, 1),
];

impl Line {
    /// What a description says about its media line of this number.
    pub fn of(session: &Session, number: usize) -> Option<Self> {
        let media = session.medias.get(number)?;
        let kind = match Transport::named(&media.proto) {
            _ if media.port == 0 => LineKind::Off,
            Some(transport) => LineKind::Rtp(transport),
            None => LineKind::Foreign,
        };
        let ip = address(session, media);
        let reachable = ip.filter(|ip| !ip.is_unspecified());
        let rtp = reachable.map(|ip| SocketAddr::new(ip, media.port));
        let rtcp_mux = has(media, "rtcp-mux");
        let rtcp = match value(media, "rtcp") {
            Some(said) => rtcp_address(said, reachable),
            None => rtp.map(|rtp| SocketAddr::new(rtp.ip(), media.port.saturating_add(1))),
        };
        let crypto = values(media, "crypto").map(String::from).collect();
        let media_name = media.media.clone();
        let ipv6 = connection(session, media).is_some_and(|c| c.addrtype == AddrType::Ip6);
        let formats = formats(media);
        let mid = value(media, "mid").map(String::from);
        let bundled = mid.as_deref().is_some_and(|mid| is_bundled(session, mid));
        let [sends, receives] = directions(session, media);
        let preference =
            counting(session, media, "recordpref").find_map(Preference::from_attribute);
        Some(Self {
            kind,
            media: media_name,
            rtp,
            rtcp,
            ipv6,
            rtcp_mux,
            crypto,
            ice: ice(session, media),
            dtls: dtls(session, media),
            mid,
            bundled,
            sends,
            receives,
            preference: preference.unwrap_or_default(),
            extensions: Extensions::of(session, media),
            packet_ms: value(media, "ptime").and_then(|ms| ms.trim().parse().ok()),
            formats,
        })
    }
}

/// Whether a line's author sends, and receives; both without a word.
fn directions(session: &Session, media: &Media) -> [bool; 2] {
    let of = |attributes: &[Attribute]| {
        attributes.iter().find_map(|attribute| match &attribute.attribute[..] {
            "sendrecv" => Some([true, true]),
            "sendonly" => Some([true, false]),
            "recvonly" => Some([false, true]),
            "inactive" => Some([false, false]),
            _ => None,
        })
    };
    of(&media.attributes).or_else(|| of(&session.attributes)).unwrap_or([true, true])
}

/// The values that count for a media line: its own, or else those of the whole session.
fn counting<'s>(
    session: &'s Session,
    media: &'s Media,
    name: &'s str,
) -> impl Iterator<Item = &'s str> {
    let own = has(media, name);
    let attributes = if own { &media.attributes } else { &session.attributes };
    let named = move |attribute: &&Attribute| attribute.attribute == name;
    attributes.iter().filter(named).filter_map(|attribute| attribute.value.as_deref())
}

fn ice(session: &Session, media: &Media) -> Option<IceLine> {
    let fragment = counting(session, media, "ice-ufrag").next()?.to_owned();
    let password = counting(session, media, "ice-pwd").next()?.to_owned();
    let lite = session.attributes.iter().any(|attribute| attribute.attribute == "ice-lite");
    Some(IceLine { credentials: Credentials { fragment, password }, lite })
}

fn dtls(session: &Session, media: &Media) -> Option<DtlsLine> {
    let told = counting(session, media, "fingerprint");
    let fingerprints: Vec<_> = told.take(MAX_FINGERPRINTS).filter_map(Fingerprint::parse).collect();
    if fingerprints.is_empty() {
        return None;
    }
    // RFC 4145 section 4: who says nothing is active.
    let setup = match counting(session, media, "setup").next() {
        Some("passive") => Setup::Passive,
        Some("actpass") => Setup::Either,
        _ => Setup::Active,
    };
    let tls_id = counting(session, media, "tls-id").next().map(String::from);
    Some(DtlsLine { fingerprints, setup, tls_id })
}

fn is_bundled(session: &Session, mid: &str) -> bool {
    let groups = session.attributes.iter().filter(|attribute| attribute.attribute == "group");
    groups.filter_map(|group| group.value.as_deref()).any(|group| {
        let mut words = group.split_ascii_whitespace();
        words.next() == Some("BUNDLE") && words.any(|word| word == mid)
    })
}

/// The address that counts for a media line.
fn address(session: &Session, media: &Media) -> Option<IpAddr> {
    connection(session, media)?.try_address().ok().map(|address| address.ip)
}

fn connection<'s>(session: &'s Session, media: &'s Media) -> Option<&'s Connection> {
    media.connections.first().or(session.connection.as_ref())
}

/// Whether a line has an attribute, by itself or for the whole session.
pub(super) fn has(media: &Media, name: &str) -> bool {
    media.attributes.iter().any(|attribute| attribute.attribute == name)
}

pub(super) fn values<'m>(media: &'m Media, name: &'m str) -> impl Iterator<Item = &'m str> {
    let named = move |attribute: &&Attribute| attribute.attribute == name;
    media.attributes.iter().filter(named).filter_map(|attribute| attribute.value.as_deref())
}

fn value<'m>(media: &'m Media, name: &'m str) -> Option<&'m str> {
    values(media, name).next()
}

/// `a=rtcp:53020` or `a=rtcp:53020 IN IP6 2001:db8::1` (RFC 3605).
fn rtcp_address(said: &str, rtp: Option<IpAddr>) -> Option<SocketAddr> {
    let mut words = said.split_ascii_whitespace();
    let port = words.next()?.parse().ok().filter(|&port: &u16| port != 0)?;
    let ip = match words.nth(2) {
        Some(ip) => ip.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified()),
        None => rtp,
    };
    Some(SocketAddr::new(ip?, port))
}

/// The payload types of a line, in its order.
pub(super) fn formats(media: &Media) -> Vec<Format> {
    let numbers = media.fmt.split_ascii_whitespace();
    let numbers =
        numbers.filter_map(|number| number.parse().ok()).filter(|&number: &u8| number < 128);
    numbers
        .map(|payload_type| {
            let mapped = values(media, "rtpmap").find_map(|map| {
                let (number, encoding) = map.split_once(' ')?;
                (number.parse() == Ok(payload_type)).then_some(encoding.trim())
            });
            let (name, clock_hz, channels) = match mapped {
                Some(encoding) => {
                    let mut parts = encoding.split('/');
                    let name = parts.next().unwrap_or_default();
                    let clock = parts.next().and_then(|clock| clock.parse().ok());
                    let channels = parts.next().and_then(|channels| channels.parse().ok());
                    (name, clock.unwrap_or(0), channels.unwrap_or(1))
                }
                None => STATIC
                    .iter()
                    .find(|(number, ..)| *number == payload_type)
                    .map_or(("", 0, 1), |(_, name, clock, channels)| (*name, *clock, *channels)),
            };
            let parameters = values(media, "fmtp").find_map(|said| {
                let (number, parameters) = said.split_once(' ')?;
                (number.parse() == Ok(payload_type)).then(|| parameters.trim().to_owned())
            });
            Format { payload_type, name: name.to_owned(), clock_hz, channels, parameters }
        })
        .collect()
}
