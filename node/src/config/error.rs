// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a node can't run on a configuration.

use core::fmt;
use core::net::IpAddr;

use super::{FEWEST_CHARACTERS, MOST_MEMBERS};

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// It is not what the file should hold; with the place.
    Toml(String),
    /// An address or a network that is none.
    Network(String),
    /// There is no address for media.
    NoInterface,
    /// Two interfaces of one name and family.
    SameInterface(String),
    /// An address that no socket can be bound to, or peers can't send to.
    Address(IpAddr),
    /// An interface whose address this machine does not have, or may not use, with what the system says.
    NotHere(String, IpAddr, String),
    /// The range of ports begins odd, ends even, or is empty.
    Ports,
    /// Opus has ten steps of complexity, and 0.
    Complexity,
    /// A code point that there is not.
    Dscp,
    /// Ports of browsers that are not above 0 and below 65,536, or among those of lines.
    SharedPorts,
    /// DTLS 1.3 in a program that was built without it.
    NoDtls13,
    /// A limit of nothing.
    Zero(&'static str),
    /// A token that can be guessed, or can't be said in a field of HTTP.
    Token,
    /// A link to nowhere, with why; or two of one conference.
    Link(&'static str),
    /// Calls that are to be kept without a key, or what else is wrong with how.
    Failover(&'static str),
    /// More members of a conference than the engine mixes, or more speakers than members.
    Members,
    /// What is wrong with a sink.
    Sink(String),
    /// An audit without a key, or a key without an audit.
    Audit,
    /// TLS without a certificate and its key, or something of it where there is no TLS.
    Tls,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toml(message) => f.write_str(message.trim_end()),
            Self::Network(text) => write!(f, "{text:?} is not an address or network"),
            Self::NoInterface => f.write_str("no [[interface]]: media has no address"),
            Self::SameInterface(name) => {
                write!(f, "two interfaces named {name:?} of the same address family")
            }
            Self::Address(address) => write!(f, "peers can't send to {address}"),
            Self::NotHere(name, address, why) => {
                write!(f, "interface {name:?}: no socket on {address}: {why}")
            }
            Self::NoDtls13 => {
                f.write_str("dtls13 wants a program that was built with the feature dtls13")
            }
            Self::Ports => f.write_str("media ports: port_min even, port_max odd and above it"),
            Self::Complexity => f.write_str("media: opus_complexity is 0 to 10"),
            Self::Dscp => f.write_str("media: dscp is 0 to 63"),
            Self::SharedPorts => f.write_str(
                "webrtc: as many ports from `port` on as there are workers, and none from port_min to port_max",
            ),
            Self::Zero(name) => write!(f, "{name} must not be 0"),
            Self::Token => {
                write!(f, "token: {FEWEST_CHARACTERS} visible ASCII characters at least")
            }
            Self::Link(why) => write!(f, "link: {why}"),
            Self::Failover(why) => write!(f, "failover: {why}"),
            Self::Members => write!(
                f,
                "max_members at most {MOST_MEMBERS}, and max_speakers not above max_members"
            ),
            Self::Sink(what) => f.write_str(what),
            Self::Tls => f.write_str(
                "tls = true needs certificate and key of [tls], and client_authority needs tls = true",
            ),
            Self::Audit => f.write_str("audit and audit_key go together"),
        }
    }
}

impl core::error::Error for ConfigError {}
