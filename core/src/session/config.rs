// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a session is made for.

use alloc::string::String;

use super::keys::Keying;
use super::payload_types::PayloadTypes;
use super::remote::RemoteConfig;

/// How missing packets are asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nack {
    /// Not at all.
    #[default]
    Off,
    /// Generic NACK (RFC 4585) in compound RTCP packets.
    Compound,
    /// Generic NACK by itself (reduced-size RTCP, RFC 5506).
    ReducedSize,
}

/// A name of a media description: 1 to 16 bytes of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mid {
    bytes: [u8; 16],
    length: u8,
}

/// A name, and the identifier of the header extension element (RFC 8285) that carries it.
pub type SessionMid = (u8, Mid);

impl Mid {
    /// `None` for an empty or too long name.
    pub fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        bytes.get_mut(..name.len()).filter(|b| !b.is_empty())?.copy_from_slice(name.as_bytes());
        Some(Self { bytes, length: name.len() as u8 })
    }

    /// The name.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&self.bytes)
    }
}

/// Sources that a session knows at a time.
const MAX_SOURCES: u16 = 8;

/// What a session is made for. It makes no random numbers: identifiers that RFC 3550 section 5.1 wants
/// random come from the host.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Synchronization source of what is sent; random.
    pub local_ssrc: u32,
    /// The only source whose voice is listened to; `None` takes the first that proves valid, and others
    /// by the rules of the room.
    pub remote_ssrc: Option<u32>,
    /// Canonical name in RTCP (RFC 7022), 1 to 255 bytes.
    pub cname: String,
    /// How packets are protected.
    pub keying: Keying,
    /// Where the peer is said to be.
    pub remote: RemoteConfig,
    /// What each payload type is.
    pub payload_types: PayloadTypes,
    /// Sources that are known at a time, 2 to 256; further ones push out who has been idle longest.
    /// Default 8.
    pub max_sources: u16,
    /// This media section's name, where packets carry one (RFC 8843): those of another are not listened
    /// to.
    pub mid: Option<SessionMid>,
    /// Mean interval between RTCP reports in ms, 0 for none (RFC 3550 section 6.2 says 5000).
    pub rtcp_interval_ms: u32,
    /// Extended reports (RFC 3611).
    pub extended_reports: bool,
    /// Whether and how packets are asked for again.
    pub nack: Nack,
    /// NTP time, 32.32 fixed point, at the zero of the host's monotonic clock; 0 if unknown.
    pub ntp_at_zero: u64,
}

impl SessionConfig {
    /// A session that knows no payload type and waits for its keys, with all else at common values.
    pub fn new(local_ssrc: u32) -> Self {
        Self {
            local_ssrc,
            remote_ssrc: None,
            cname: String::from("ale-media"),
            keying: Keying::Pending,
            remote: RemoteConfig::default(),
            payload_types: PayloadTypes::new(),
            max_sources: MAX_SOURCES,
            mid: None,
            rtcp_interval_ms: 5_000,
            extended_reports: true,
            nack: Nack::Off,
            ntp_at_zero: 0,
        }
    }
}
