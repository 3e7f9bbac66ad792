// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is kept of a call: of two parties, or of one and a conference.

use core::net::{IpAddr, SocketAddr};

use ale_media::leg::StreamPosition;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::MAX_RECORD_BYTES;
use crate::ng::flags::Transport;
use crate::peer::ice::Credentials;
use crate::sdp::{DtlsLine, Extensions, Line};
use crate::worker::{EndCheckpoint, Passing};

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
    /// What it has of a conference, if it is with one.
    pub member: Option<MemberRecord>,
    /// Who subscribes to what its parties say. Left out where there is nobody, so that an older version reads the
    /// record, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<SubscriptionRecord>,
}

/// A media line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineRecord {
    /// Whether RTCP shares RTP's port, at each end.
    pub muxed: [bool; 2],
    /// What its packets are marked with, if not with what the configuration says: a code point, 0 to 63 (RFC 2474). Left
    /// out otherwise, so that an older version reads the record, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dscp: Option<u8>,
    /// Towards who offered first, and towards the other; of a member there is no other.
    pub ends: Vec<EndRecord>,
    /// What is spoken at each end, where voices are decoded.
    pub spoken: Vec<SpeechRecord>,
}

/// What is spoken at an end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeechRecord {
    /// What is sent: a payload type, and the codec as in `a=rtpmap`.
    pub sent: (u8, String),
    /// What the peer may send.
    pub understood: Vec<(u8, String)>,
    /// Payload type and clock of events (RFC 4733), in Hz.
    pub events: Option<(u8, u32)>,
    /// By which the peer may send them, too.
    pub more_events: Option<(u8, u32)>,
    /// Payload type of comfort noise (RFC 3389).
    pub comfort_noise: Option<u8>,
    /// Whether nothing is sent while nobody speaks.
    #[serde(default)]
    pub pauses: bool,
    /// How the peer wants to be sent Opus, as in `a=fmtp`, if it has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wishes: Option<String>,
    /// How long the packets are that are sent, in ms, where they are not of 20. Left out otherwise, so that an older
    /// version reads the record, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packet_ms: Option<u16>,
    /// Of the PCM between the ends, in Hz.
    pub sample_rate_hz: u32,
    /// Header extensions, spoken both ways.
    pub extensions: Extensions,
}

/// A stream that the node makes for a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamRecord {
    /// Its source.
    pub ssrc: u32,
    /// The sequence number that another process goes on with.
    pub sequence: u16,
    /// The RTP timestamp of when this was taken.
    pub timestamp: u32,
}

impl From<StreamPosition> for StreamRecord {
    fn from(position: StreamPosition) -> Self {
        let StreamPosition { ssrc, sequence, timestamp, .. } = position;
        Self { ssrc, sequence, timestamp }
    }
}

/// A member of a conference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRecord {
    /// The conference's name.
    pub conference: String,
    /// What the others are told who it is.
    pub name: String,
    /// Whether it wants to be heard, and to hear.
    pub says: bool,
    /// The same.
    pub hears: bool,
    /// Whether it says nothing, whatever it offers.
    pub listens_only: bool,
    /// Number, version and address of the node's description (RFC 8866 section 5.2).
    pub origin: (u32, u64, IpAddr),
    /// The last answer.
    #[serde(with = "bytes")]
    pub answer: Vec<u8>,
}

/// Who subscribes to what parties of a call say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionRecord {
    /// `to-tag`, by which it is known.
    pub tag: String,
    /// The sink that parties agree to.
    pub sink: String,
    /// As it was offered.
    pub transport: Transport,
    /// Its lines, in their order.
    pub voices: Vec<SubscribedRecord>,
}

/// A line of who subscribes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscribedRecord {
    /// Whose voice it is: of who offered first (0), or of the other.
    pub party: usize,
    /// The interface's name, and whether it is one of IPv6.
    pub interface: (String, bool),
    /// The node's port for RTP.
    pub port: u16,
    /// Lines of SDES that were offered.
    pub keys: KeysRecord,
    /// What was offered: payload types, and codecs as in `a=rtpmap`.
    pub offered: Vec<(u8, String)>,
    /// What was agreed on; none before an answer, and of a line that it has refused.
    pub agreed: Option<AgreedRecord>,
}

/// What was agreed on about a line of who subscribes.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreedRecord {
    /// Where it is sent.
    pub to: SocketAddr,
    /// What is spoken.
    pub speech: SpeechRecord,
    /// The line of SDES that answered one that was offered; a secret.
    pub key: Option<String>,
    /// Whether reports are taken.
    pub reports: bool,
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
    /// The stream that the node makes for the peer, where it makes one.
    pub stream: Option<StreamRecord>,
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

impl core::fmt::Debug for AgreedRecord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AgreedRecord").field("to", &self.to).finish_non_exhaustive()
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

    /// The same call with these checkpoints of its lines, taken now.
    pub(crate) fn again<'c>(
        &self,
        taken: impl Iterator<Item = &'c [EndCheckpoint]>,
        now_ms: u64,
    ) -> Self {
        let mut again = self.clone();
        again.written_ms = now_ms;
        for (line, taken) in again.lines.iter_mut().flatten().zip(taken) {
            for (end, taken) in line.ends.iter_mut().zip(taken) {
                end.srtp.clone_from(&taken.srtp);
                end.stream = taken.stream;
            }
        }
        again
    }

    /// Reads the text of a record; `None` for one that is none, or has what this version does not know.
    pub fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }
}
