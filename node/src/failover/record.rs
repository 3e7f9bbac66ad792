// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is kept of a call between two parties whose packets go on as they are.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::MAX_RECORD_BYTES;
use crate::peer::ice::Credentials;
use crate::sdp::{DtlsLine, Line};
use crate::worker::Passing;

/// A call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRecord {
    /// When this was written, in ms since 1970.
    pub written_ms: u64,
    /// `Call-ID`.
    pub call_id: String,
    /// When it began, in microseconds since 1970.
    pub created_us: u64,
    /// Tags of both parties.
    pub tags: [Option<String>; 2],
    /// Its media lines in their order; none for one that is refused.
    pub lines: Vec<Option<LineRecord>>,
}

/// A media line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineRecord {
    /// Whether RTCP shares RTP's port, at each end.
    pub muxed: [bool; 2],
    /// Towards who offered first, and towards the other.
    pub ends: [EndRecord; 2],
}

/// One end of a media line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndRecord {
    /// The interface's name, and whether it is one of IPv6.
    pub interface: (String, bool),
    /// The node's port for RTP.
    pub port: u16,
    /// What its peer has said last.
    pub said: Line,
    /// Where its peer is, by what came from it or by its checks.
    pub remote: [Option<SocketAddr>; 2],
    /// The node's credentials of ICE, and its peer's.
    pub ice: [Option<Credentials>; 2],
    /// What was agreed on about DTLS, and whether the node is the client.
    pub dtls: Option<(DtlsLine, bool)>,
    /// Lines of SDES.
    pub keys: KeysRecord,
    /// What is passed on.
    pub passing: Passing,
    /// Its session, if packets are SRTP.
    pub srtp: Option<SrtpRecord>,
}

/// Lines of SDES at an end; secrets.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysRecord {
    /// Offered to the peer.
    pub offered: Vec<String>,
    /// The node's answer, and what it answered.
    pub answered: Option<(String, String)>,
}

impl core::fmt::Debug for KeysRecord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("KeysRecord").field("offered", &self.offered.len()).finish_non_exhaustive()
    }
}

/// Checkpoints of a session, wrapped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SrtpRecord {
    /// Of what is sent.
    #[serde(with = "bytes")]
    pub send: Vec<u8>,
    /// Of what is received.
    #[serde(with = "bytes")]
    pub receive: Vec<u8>,
}

/// Bytes as text.
mod bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl CallRecord {
    /// The text of it; `None` for one that is longer than may be.
    pub(super) fn written(&self) -> Option<Zeroizing<Vec<u8>>> {
        let text = Zeroizing::new(serde_json::to_vec(self).ok()?);
        (text.len() <= MAX_RECORD_BYTES / 2).then_some(text)
    }

    /// Reads the text of a record; `None` for one that is none, or has what this version does not know.
    pub fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }
}
