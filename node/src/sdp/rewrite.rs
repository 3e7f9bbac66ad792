// SPDX-License-Identifier: MIT OR Apache-2.0
//! The description that is passed on: this node in the place of who wrote it.

use core::net::IpAddr;

use sdp_types::{Attribute, Connection, Media, Session};

use super::line::{self, Line, Setup};
use crate::ng::flags::{Codecs, Transport};
use crate::peer::dtls::Fingerprint;
use crate::peer::ice::Credentials;

/// How RTCP is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rtcp {
    /// On the port after RTP's.
    NextPort,
    /// On RTP's if the peer wants that, on the next otherwise (RFC 5761 section 5.1.1).
    MuxOffered,
    /// On RTP's.
    Mux,
}

/// A format, named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFormat {
    /// Payload type.
    pub payload_type: u8,
    /// As in `a=rtpmap`.
    pub encoding: String,
    /// As in `a=fmtp`.
    pub fmtp: Option<String>,
}

/// What becomes of a line's formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formats {
    /// Those that are not taken out stay, and these come after them.
    And(Vec<NamedFormat>),
    /// These take their place, with all that is said about packet times.
    Only(Vec<NamedFormat>),
}

/// What is told about ICE, of which the node does the lite kind.
#[derive(Debug, Clone)]
pub struct IceTold {
    /// The node's.
    pub credentials: Credentials,
    /// Where it can be reached.
    pub address: IpAddr,
}

/// What takes a media line's place.
#[derive(Debug, Clone)]
pub struct RewrittenLine {
    /// The node's address, if it is not the one that is told for all.
    pub address: Option<IpAddr>,
    /// The node's port.
    pub port: u16,
    /// Protocol.
    pub transport: Transport,
    /// Formats.
    pub formats: Formats,
    /// How RTCP is told of.
    pub rtcp: Rtcp,
    /// Values of `a=crypto`; secrets.
    pub crypto: Vec<String>,
    /// ICE, if it is told.
    pub ice: Option<IceTold>,
    /// The node's certificate and who begins, if DTLS is told.
    pub dtls: Option<(Fingerprint, Setup)>,
    /// The line's name, if it has one.
    pub mid: Option<String>,
    /// Whether it stands in a group of `BUNDLE`.
    pub bundled: bool,
    /// Whether it goes from a browser to a phone: then nothing is told that only browsers know.
    pub to_phone: bool,
}

impl RewrittenLine {
    /// Plain RTP on a port and RTCP on the next, with the formats that are there.
    pub fn plain(port: u16) -> Self {
        Self {
            address: None,
            port,
            transport: Transport { secure: false, feedback: false, dtls: false },
            formats: Formats::And(Vec::new()),
            rtcp: Rtcp::NextPort,
            crypto: Vec::new(),
            ice: None,
            dtls: None,
            mid: None,
            bundled: false,
            to_phone: false,
        }
    }
}

/// What is to become of a description.
#[derive(Debug, Clone)]
pub struct Rewrite<'f> {
    /// The address that the node tells.
    pub address: IpAddr,
    /// Whether it also takes the place of the one in `o=`.
    pub origin: bool,
    /// `a=rtcp` is not told.
    pub no_rtcp_attribute: bool,
    /// Codecs that are taken out.
    pub codecs: &'f Codecs,
    /// What takes each media line's place; `None` leaves it as it is.
    pub lines: Vec<Option<RewrittenLine>>,
}

/// Attributes that end here: with the transport's addresses, keys and bundling.
const ENDING_HERE: [&str; 17] = [
    "candidate",
    "end-of-candidates",
    "remote-candidates",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "ice-lite",
    "ice-mismatch",
    "ice-pacing",
    "fingerprint",
    "setup",
    "tls-id",
    "crypto",
    "zrtp-hash",
    "bundle-only",
    "rtcp-mux",
    "rtcp-mux-only",
];

/// Attributes that only browsers know. With their `a=extmap` goes the promise to read such extensions.
const OF_BROWSERS: [&str; 11] = [
    "extmap",
    "extmap-allow-mixed",
    "msid",
    "msid-semantic",
    "rid",
    "rtcp-fb",
    "rtcp-rsize",
    "rtcp-xr",
    "simulcast",
    "ssrc",
    "ssrc-group",
];
/// Priority of a host's only address (RFC 8445 section 5.1.2.1), less its component.
const PRIORITY: u32 = (126 << 24) + (65_535 << 8) + 256;

/// Attributes that begin with a format's number.
const OF_A_FORMAT: [&str; 3] = ["rtpmap", "fmtp", "rtcp-fb"];

/// Puts the node in the place of who wrote the description.
pub fn rewrite(session: &mut Session, to: &Rewrite<'_>) {
    if to.lines.iter().all(Option::is_none) {
        return;
    }
    if to.origin {
        session.origin.set_unicast_ip_address(to.address);
    }
    session.attributes.retain(|attribute| !ends_here(attribute) && !is_bundle(attribute));
    if to.lines.iter().flatten().any(|line| line.to_phone) {
        session.attributes.retain(|attribute| !of_browsers(attribute));
    }
    if to.lines.iter().flatten().any(|line| line.ice.is_some()) {
        session.attributes.push(attribute("ice-lite", None));
    }
    let bundled = to.lines.iter().flatten().filter(|line| line.bundled);
    let names: Vec<&str> = bundled.filter_map(|line| line.mid.as_deref()).collect();
    if !names.is_empty() {
        session.attributes.push(attribute("group", Some(format!("BUNDLE {}", names.join(" ")))));
    }
    let before = session.connection.clone();
    // What is on hold by its address stays so; a browser's address is in its candidates.
    let on_hold =
        before.as_ref().is_some_and(is_unspecified) && !session.medias.iter().any(has_ice);
    if let Some(connection) = session.connection.as_mut().filter(|_| !on_hold) {
        connection.set_connection_ip_address(to.address);
    }
    let lines = to.lines.iter().map(Option::as_ref).chain(core::iter::repeat(None));
    for (media, line) in session.medias.iter_mut().zip(lines) {
        match line {
            Some(line) => rewrite_line(media, line, to, before.is_some()),
            None => {
                // It meant the address that stood above it.
                if media.port == 0 {
                    // Refused: nothing is there to be keyed or reached.
                    media.attributes.retain(|attribute| !ends_here(attribute));
                }
                if media.port != 0 && media.connections.is_empty() {
                    media.connections.extend(before.clone().filter(|_| !on_hold));
                }
            }
        }
    }
}

/// Refuses lines for data channels, which need an association that the node does not pass on.
pub fn refuse_data_channels(session: &mut Session) {
    for media in &mut session.medias {
        if media.proto.ends_with("DTLS/SCTP") {
            media.port = 0;
        }
    }
}

fn rewrite_line(media: &mut Media, line: &RewrittenLine, to: &Rewrite<'_>, inherits: bool) {
    let address = line.address.unwrap_or(to.address);
    if media.connections.is_empty() && (!inherits || address != to.address) {
        media.connections.push(Connection::from_ip_addr(address));
    }
    let ice = has_ice(media);
    for connection in &mut media.connections {
        if ice || !is_unspecified(connection) {
            connection.set_connection_ip_address(address);
        }
    }
    media.port = line.port;
    media.num_ports = None;
    media.proto = line.transport.name().to_owned();
    match &line.formats {
        Formats::And(added) => {
            strip(media, to.codecs, !added.is_empty());
            add(media, added);
        }
        Formats::Only(formats) => {
            media.fmt.clear();
            media.attributes.retain(|attribute| {
                !OF_A_FORMAT.contains(&&attribute.attribute[..])
                    && !["ptime", "maxptime"].contains(&&attribute.attribute[..])
            });
            add(media, formats);
        }
    }
    media.attributes.retain(|attribute| !ends_here(attribute) && attribute.attribute != "mid");
    if line.to_phone {
        media.attributes.retain(|attribute| !of_browsers(attribute));
    }
    let told = |attribute: &Attribute| attribute.attribute == "rtcp";
    let place = media.attributes.iter().position(told);
    media.attributes.retain(|attribute| !told(attribute));
    if !to.no_rtcp_attribute {
        let port = line.port + u16::from(line.rtcp != Rtcp::Mux);
        let rtcp = attribute("rtcp", Some(port.to_string()));
        media.attributes.insert(place.unwrap_or(media.attributes.len()), rtcp);
    }
    if line.rtcp != Rtcp::NextPort {
        media.attributes.push(attribute("rtcp-mux", None));
    }
    for key in &line.crypto {
        media.attributes.push(attribute("crypto", Some(key.clone())));
    }
    if let Some(mid) = &line.mid {
        media.attributes.push(attribute("mid", Some(mid.clone())));
    }
    if let Some((fingerprint, setup)) = &line.dtls {
        media.attributes.push(attribute("setup", Some(setup.value().to_owned())));
        media.attributes.push(attribute("fingerprint", Some(fingerprint.value())));
    }
    if let Some(ice) = &line.ice {
        tell_ice(media, line, ice);
    }
}

/// Credentials, and a candidate for each port: the node has one address a line, and no others to come.
fn tell_ice(media: &mut Media, line: &RewrittenLine, ice: &IceTold) {
    let Credentials { fragment, password } = &ice.credentials;
    media.attributes.push(attribute("ice-ufrag", Some(fragment.clone())));
    media.attributes.push(attribute("ice-pwd", Some(password.clone())));
    // With DTLS a port of RTCP's own has no keys.
    let components = if line.rtcp == Rtcp::Mux || line.dtls.is_some() { 1 } else { 2 };
    for component in 1..=components {
        let told = candidate(component, ice.address, line.port);
        media.attributes.push(attribute("candidate", Some(told)));
    }
    media.attributes.push(attribute("end-of-candidates", None));
}

/// A candidate: of RTP at its port, or of RTCP (2) at the next.
pub(super) fn candidate(component: u16, address: IpAddr, port: u16) -> String {
    let (priority, port) = (PRIORITY - u32::from(component), port.saturating_add(component - 1));
    format!("1 {component} UDP {priority} {address} {port} typ host")
}

fn attribute(name: &str, value: Option<String>) -> Attribute {
    Attribute { attribute: name.to_owned(), value }
}

fn of_browsers(attribute: &Attribute) -> bool {
    OF_BROWSERS.contains(&&attribute.attribute[..])
}

/// Names formats after those that are there.
fn add(media: &mut Media, formats: &[NamedFormat]) {
    for format in formats {
        let number = format.payload_type.to_string();
        if !media.fmt.is_empty() {
            media.fmt.push(' ');
        }
        media.fmt.push_str(&number);
        let said = [("rtpmap", Some(&format.encoding)), ("fmtp", format.fmtp.as_ref())];
        for (name, value) in said {
            let Some(value) = value else { continue };
            media.attributes.push(attribute(name, Some(format!("{number} {value}"))));
        }
    }
}

/// Takes codecs out, with all that is said about them; all of them only if others come.
fn strip(media: &mut Media, codecs: &Codecs, others: bool) {
    let gone: Vec<String> = line::formats(media)
        .iter()
        .filter(|format| codecs.removes(&format.name))
        .map(|format| format.payload_type.to_string())
        .collect();
    let stays = |number: &str| !gone.iter().any(|gone| gone == number);
    let kept: Vec<&str> = media.fmt.split_ascii_whitespace().filter(|n| stays(n)).collect();
    if gone.is_empty() || (kept.is_empty() && !others) {
        return;
    }
    media.fmt = kept.join(" ");
    media.attributes.retain(|attribute| {
        let of_a_format = OF_A_FORMAT.contains(&&attribute.attribute[..]);
        let number = attribute.value.as_deref().and_then(|value| value.split(' ').next());
        !of_a_format || number.is_none_or(stays)
    });
}

fn ends_here(attribute: &Attribute) -> bool {
    ENDING_HERE.contains(&&attribute.attribute[..])
}

fn has_ice(media: &Media) -> bool {
    media.attributes.iter().any(|attribute| attribute.attribute == "ice-ufrag")
}

fn is_bundle(attribute: &Attribute) -> bool {
    let bundles = |value: &str| value.split(' ').next() == Some("BUNDLE");
    attribute.attribute == "group" && attribute.value.as_deref().is_some_and(bundles)
}

fn is_unspecified(connection: &Connection) -> bool {
    connection.try_address().is_ok_and(|address| address.ip.is_unspecified())
}

impl Line {
    /// Whether taking these codecs out leaves nothing.
    pub fn is_emptied_by(&self, codecs: &Codecs) -> bool {
        !self.formats.is_empty() && self.formats.iter().all(|format| codecs.removes(&format.name))
    }
}
