// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a leg is made for.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::contributors::MAX_CONTRIBUTORS;
use super::protection::Means;
use super::quality::Assessor;
use super::silence::DtxMode;
use crate::codec::{CodecError, CodecSpec};
use crate::dsp::resample::Resampler;
use crate::jitter::{DecoderMap, JitterConfig, JitterError};
use crate::rtp::header::{FIXED_HEADER_BYTES, is_payload_type};
use crate::session::{
    Keying, Mid, Nack, PayloadTypes, RemoteConfig, Role, SessionConfig, SrtpConfig,
};
use crate::srtp::{MAX_TRAILER_BYTES, SrtpError};
use crate::voice::InbandTones;
use alloc::boxed::Box;

/// Largest datagram that a leg sends: what fits an Ethernet frame behind an IPv6 and a UDP header.
pub const MAX_DATAGRAM_BYTES: usize = 1_452;
/// The most that they take of a packet: a block's header, the elements at their longest with a byte of
/// name and length each, padded to words.
pub(super) const MAX_EXTENSION_BYTES: usize =
    4 + (2 + (1 + MAX_CONTRIBUTORS) + 4 + (1 + 16_usize)).next_multiple_of(4);
/// RTP clock of comfort noise (RFC 3389 section 4).
const COMFORT_NOISE_CLOCK_HZ: u32 = 8_000;

/// The codec that a leg sends, and under which payload type.
#[derive(Debug, Clone, PartialEq)]
pub struct SendCodec {
    /// 0 to 127; not 64 to 95, which RTCP would claim (RFC 5761 section 4).
    pub payload_type: u8,
    /// Codec.
    pub codec: CodecSpec,
    /// Packet time in ms: a multiple of 10, at most 120.
    pub packet_ms: u16,
}

/// A codec that a leg understands, and under which payload type.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiveCodec {
    /// As [`SendCodec::payload_type`].
    pub payload_type: u8,
    /// Codec.
    pub codec: CodecSpec,
}

/// A payload type whose payloads the leg hands on as they are, undecoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassThrough {
    /// As [`SendCodec::payload_type`].
    pub payload_type: u8,
    /// RTP clock in ticks a second.
    pub rtp_clock_hz: u32,
}

/// Redundant audio (RFC 2198).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redundant {
    /// As [`SendCodec::payload_type`].
    pub payload_type: u8,
    /// How many earlier payloads each packet sent repeats, 1 to 4: each costs the codec's bit rate once more.
    pub generations: u8,
    /// Whether that many are the most, and what is sent follows the loss that the peer reports: nothing, and
    /// not a byte more, below 1 %; else what heals it at the least bits, of this and of what Opus has of its
    /// own where its settings let it (in-band FEC, deep redundancy; each takes two thirds of the bit rate on
    /// top of it).
    pub follows_loss: bool,
}

impl Redundant {
    /// So many payloads again in every packet.
    #[must_use]
    pub fn always(payload_type: u8, generations: u8) -> Self {
        Self { payload_type, generations, follows_loss: false }
    }

    /// So many payloads again at most, as the peer reports losses.
    #[must_use]
    pub fn following_loss(payload_type: u8, generations: u8) -> Self {
        Self { payload_type, generations, follows_loss: true }
    }
}

/// Whether RFC 6464 levels from the peer are trusted: packets that they call silent need not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LevelTrust {
    /// Nobody's: all packets are decoded.
    Nobody,
    /// That of peers whose packets are authenticated (SRTP).
    #[default]
    Authenticated,
    /// Everybody's.
    Everybody,
}

/// Identifiers of header extension elements (RFC 8285), 1 to 14 as negotiated; `None` for those
/// that are not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HeaderExtensions {
    /// Audio level (RFC 6464).
    pub audio_level: Option<u8>,
    /// Levels of contributing sources (RFC 6465). With it a conference tells the leg's peer who is
    /// heard, in the packets' list of contributing sources and in this element; and what the peer says
    /// of its own mix is read ([`LegControl::contributors`](super::LegControl::contributors)).
    pub mixer_levels: Option<u8>,
    /// Absolute send time.
    pub absolute_send_time: Option<u8>,
    /// Name of the media description (RFC 9143), and the name.
    pub mid: Option<(u8, Mid)>,
}

/// A payload type of telephone events (RFC 4733).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvents {
    /// As [`SendCodec::payload_type`].
    pub payload_type: u8,
    /// Ticks a second of the events' durations, as `telephone-event/8000` says; `None` where that is not
    /// known: then what is sent counts in the clock of the codec sent, and what is received in the one
    /// that its reports keep to.
    pub clock_hz: Option<u32>,
}

impl TelephoneEvents {
    /// Events of a payload type with this clock.
    pub fn new(payload_type: u8, clock_hz: u32) -> Self {
        Self { payload_type, clock_hz: Some(clock_hz) }
    }
}

/// Which way media goes (RFC 3264 section 6.1), seen from the leg. RTCP goes both ways in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendReceive,
    /// The leg sends and does not play: it has put the peer on hold.
    SendOnly,
    /// The leg plays and does not send: it is on hold.
    ReceiveOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// Whether the leg sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendReceive | Self::SendOnly)
    }

    /// Whether the leg plays what comes.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendReceive | Self::ReceiveOnly)
    }
}

/// What a leg is made for. The leg makes no random numbers: the identifiers that RFC 3550
/// section 5.1 wants random come from the host.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LegConfig {
    /// Synchronization source of what the leg sends; random.
    pub local_ssrc: u32,
    /// Sequence number of the first packet; random. Its top bit is not used: where the first packets are
    /// lost, a peer takes what follows a number near 65535 for the first round and never hears SRTP again
    /// (RFC 3711 section 3.3.1).
    pub initial_sequence: u16,
    /// Timestamp of the first packet; random.
    pub initial_timestamp: u32,
    /// Canonical name in RTCP (RFC 7022), at most 255 bytes.
    pub cname: String,
    /// What the leg sends. Its sample rate is the rate of the leg's PCM in both directions, unless
    /// [`LegConfig::sample_rate_hz`] says otherwise.
    pub send: SendCodec,
    /// What the leg understands; the first entry's clock measures the arrival jitter.
    pub receive: Vec<ReceiveCodec>,
    /// What the leg hands on untouched, as [`Received::PassThrough`](super::Received) and to
    /// [`LegMedia::relay`](super::LegMedia::relay): codecs that nobody here knows, video, or sound
    /// that need not be decoded.
    pub pass_through: Vec<PassThrough>,
    /// Payload type of comfort noise (RFC 3389), 13 as a rule.
    pub comfort_noise_payload_type: Option<u8>,
    /// Payload types of telephone events (RFC 4733), sent and received; of several, that one is sent
    /// whose clock is that of the codec sent. Without one, digits can't be sent.
    pub telephone_events: Vec<TelephoneEvents>,
    /// What is done about tones in what is received; they come as events.
    pub inband_tones: InbandTones,
    /// Whether dial tone, ringing, busy and congestion in what is received are reported as events, by name.
    /// Each 20 ms of audio above -43 dBov is compared with 25 frequencies, three times over.
    pub call_progress: bool,
    /// Whether the jitter buffer freezes ([`DelayMode::Frozen`](crate::jitter::DelayMode::Frozen))
    /// when a fax or modem is heard in what is received: neither survives concealment and changes
    /// of the time scale. Their tones are reported as events then, too. The control half thaws it.
    pub freeze_for_modems: bool,
    /// Redundant audio (RFC 2198), sent and received; `None` for neither.
    pub redundancy: Option<Redundant>,
    /// Sends no audio in pauses: a description of the background where there is
    /// [`LegConfig::comfort_noise_payload_type`] and the codec's RTP clock is 8000 Hz, Opus's own
    /// comfort noise with Opus, nothing at all else.
    pub silence_suppression: bool,
    /// Header extension elements, sent and read.
    pub header_extensions: HeaderExtensions,
    /// Whether the audio levels of what is received are believed
    /// ([`LegMedia::skip_softer_than`](super::LegMedia::skip_softer_than)).
    pub level_trust: LevelTrust,
    /// The only remote source whose voice is listened to; `None` takes the first that proves valid, and
    /// another by the rules of [`session`](crate::session).
    pub remote_ssrc: Option<u32>,
    /// Keys. A leg made anew with the keys and the source of another sends under the same key stream again,
    /// which gives the text away (RFC 3711 section 9.1): [`LegControl::update`](super::LegControl::update)
    /// and [`Leg::renew`](super::Leg::renew) go on where the session is. Without keys the leg waits for
    /// [`LegControl::set_keys`](super::LegControl::set_keys), sends nothing and keeps what comes, unless
    /// plain RTP is asked for.
    pub srtp: Option<SrtpConfig>,
    /// Plain RTP, where there are no keys.
    pub plain: bool,
    /// Which way media goes.
    pub direction: Direction,
    /// Where signalling says that the peer is, and how long other addresses are learnt
    /// ([`LegReceiver::receive_from`](super::LegReceiver::receive_from)).
    pub remote: RemoteConfig,
    /// Sources that the leg knows at a time, 2 to 256. Default 8.
    pub max_sources: u16,
    /// Silence after which [`LegEvent::MediaStopped`](super::LegEvent::MediaStopped) comes, in ms; 0 for
    /// never. Default 5000.
    pub media_timeout_ms: u32,
    /// Time without an RTP packet sent after which one goes out that says nothing (RFC 6263 section 4.6),
    /// whichever way media goes, in ms; 0 for never, the default. RFC 6263 section 7 advises 15000. It is
    /// an RTP header under SRTP as any, which a peer counts as of an unknown payload type.
    pub keepalive_ms: u32,
    /// Payload type of those packets, which neither side uses; `None` for the highest dynamic one that
    /// this leg does not.
    pub keepalive_payload_type: Option<u8>,
    /// Samples a second of the leg's PCM in both directions: 8000, 16000, 32000 or 48000; `None` for
    /// that of [`LegConfig::send`]. Other codecs are converted.
    pub sample_rate_hz: Option<u32>,
    /// Jitter buffer; its sample rate is overruled by the leg's.
    pub jitter: JitterConfig,
    /// Mean interval between RTCP reports in ms, 0 for none (RFC 3550 section 6.2 says 5000).
    pub rtcp_interval_ms: u32,
    /// Extended reports (RFC 3611): reference time, answers to the peer's, and VoIP metrics.
    pub extended_reports: bool,
    /// Whether and how packets are asked for again that would still be played; negotiated as `a=rtcp-fb:*
    /// nack` (RFC 4585), and `a=rtcp-rsize` for the reduced size.
    pub nack: Nack,
    /// NTP time, 32.32 fixed point, at the zero of the host's monotonic clock. 0 counts from
    /// there, which RFC 3550 section 6.4.1 allows where the wall clock is unknown.
    pub ntp_at_zero: u64,
}

impl LegConfig {
    /// A leg that sends and receives one codec in plain RTP, with all else at common values.
    pub fn plain(local_ssrc: u32, payload_type: u8, codec: CodecSpec) -> Self {
        Self { plain: true, ..Self::new(local_ssrc, payload_type, codec) }
    }

    /// A leg that sends and receives one codec and waits for its keys, with all else at common values.
    pub fn new(local_ssrc: u32, payload_type: u8, codec: CodecSpec) -> Self {
        Self {
            local_ssrc,
            initial_sequence: 0,
            initial_timestamp: 0,
            cname: String::from("ale-media"),
            receive: alloc::vec![ReceiveCodec { payload_type, codec: codec.clone() }],
            send: SendCodec { payload_type, codec, packet_ms: 20 },
            pass_through: Vec::new(),
            comfort_noise_payload_type: Some(13),
            telephone_events: Vec::new(),
            inband_tones: InbandTones::Ignored,
            call_progress: false,
            freeze_for_modems: false,
            redundancy: None,
            silence_suppression: false,
            header_extensions: HeaderExtensions::default(),
            level_trust: LevelTrust::default(),
            remote_ssrc: None,
            srtp: None,
            plain: false,
            direction: Direction::SendReceive,
            remote: RemoteConfig::default(),
            max_sources: 8,
            media_timeout_ms: 5_000,
            keepalive_ms: 0,
            keepalive_payload_type: None,
            sample_rate_hz: None,
            jitter: JitterConfig::default(),
            rtcp_interval_ms: 5_000,
            extended_reports: true,
            nack: Nack::Off,
            ntp_at_zero: 0,
        }
    }

    pub(super) fn check(&self) -> Result<(), LegError> {
        let mut seen = [false; 128];
        for (payload_type, member) in self.received_types() {
            match seen.get_mut(usize::from(payload_type)) {
                Some(slot) if is_payload_type(payload_type) && !*slot => *slot = true,
                _ => return Err(LegError::PayloadType(payload_type, member)),
            }
        }
        if !is_payload_type(self.send.payload_type) {
            return Err(LegError::PayloadType(self.send.payload_type, "send.payload_type"));
        }
        if self.keepalive_ms != 0 && self.keepalive_type().is_none() {
            let number = self.keepalive_payload_type.unwrap_or(127);
            return Err(LegError::PayloadType(number, "keepalive_payload_type"));
        }
        if self.redundancy.is_some_and(|red| !(1..=4).contains(&red.generations)) {
            return Err(LegError::Generations);
        }
        let ids = &self.header_extensions;
        let named = [
            (ids.audio_level, "header_extensions.audio_level"),
            (ids.mixer_levels, "header_extensions.mixer_levels"),
            (ids.absolute_send_time, "header_extensions.absolute_send_time"),
            (ids.mid.map(|(id, _)| id), "header_extensions.mid"),
        ];
        let mut taken = 0_u16;
        for (id, member) in named {
            let Some(id) = id else { continue };
            if !(1..=14).contains(&id) || taken >> id & 1 != 0 {
                return Err(LegError::ExtensionId(member));
            }
            taken |= 1 << id;
        }
        if self.telephone_events.iter().any(|events| events.clock_hz == Some(0)) {
            return Err(LegError::Clock("telephone_events"));
        }
        if !(2..=256).contains(&self.max_sources) {
            return Err(LegError::Sources);
        }
        let (rate, codec_rate) = (self.rate_hz(), self.send.codec.format().sample_rate_hz);
        if rate != codec_rate && Resampler::new(rate, codec_rate).is_err() {
            return Err(LegError::SampleRate);
        }
        if self.receive.is_empty() {
            return Err(LegError::NoReceiveCodec);
        }
        if self.pass_through.iter().any(|passed| passed.rtp_clock_hz == 0) {
            return Err(LegError::Clock("pass_through"));
        }
        let packet_ms = self.send.packet_ms;
        if packet_ms == 0 || packet_ms > 120 || !packet_ms.is_multiple_of(10) {
            return Err(LegError::PacketTime(packet_ms));
        }
        if self.send.codec.format().channels != 1 {
            return Err(LegError::Channels);
        }
        let bytes = self.largest_packet_bytes();
        if bytes > MAX_DATAGRAM_BYTES {
            return Err(LegError::PacketSize(bytes));
        }
        if self.cname.is_empty() || self.cname.len() > 255 {
            return Err(LegError::CanonicalName);
        }
        Ok(())
    }

    /// What protection may add to a packet.
    pub(super) fn trailer_bytes(&self) -> usize {
        // Room for keys that come later, too.
        if self.srtp.is_some() || !self.plain { MAX_TRAILER_BYTES } else { 0 }
    }

    /// Samples a second of the leg's PCM.
    pub(super) fn rate_hz(&self) -> u32 {
        self.sample_rate_hz.unwrap_or(self.send.codec.format().sample_rate_hz)
    }

    /// The type of events that is sent, and its clock: the one that counts as the codec sent does, or the
    /// first.
    pub(super) fn sent_events(&self) -> Option<(u8, u32)> {
        let codec_hz = self.send.codec.format().rtp_clock_hz;
        let clock = |events: &TelephoneEvents| events.clock_hz.unwrap_or(codec_hz);
        let own = self.telephone_events.iter().find(|events| clock(events) == codec_hz);
        own.or(self.telephone_events.first()).map(|events| (events.payload_type, clock(events)))
    }

    /// The payload types of what may come in, and the members that have them.
    fn received_types(&self) -> impl Iterator<Item = (u8, &'static str)> + '_ {
        let received = self.receive.iter().map(|codec| (codec.payload_type, "receive"));
        let passed = self.pass_through.iter().map(|passed| (passed.payload_type, "pass_through"));
        let events = self.telephone_events.iter();
        let noise = self.comfort_noise_payload_type;
        received
            .chain(passed)
            .chain(noise.map(|number| (number, "comfort_noise_payload_type")))
            .chain(events.map(|events| (events.payload_type, "telephone_events")))
            .chain(self.redundancy.map(|red| (red.payload_type, "redundancy.payload_type")))
    }

    /// The payload type of keepalives: the one that is asked for, or the highest dynamic one that the leg has
    /// no use for; `None` where there is none.
    pub(super) fn keepalive_type(&self) -> Option<u8> {
        // A set that is filled once, not a search for each number.
        let sent = core::iter::once(self.send.payload_type);
        let received = self.received_types().map(|(payload_type, _)| payload_type);
        let used = sent.chain(received).filter(|number| is_payload_type(*number));
        let used = used.fold(0u128, |used, number| used | 1 << number);
        let is_free = |number: &u8| used >> number & 1 == 0;
        match self.keepalive_payload_type {
            Some(number) => is_payload_type(number).then_some(number).filter(is_free),
            None => (96..128).rev().find(is_free),
        }
    }

    pub(super) fn keying(&self) -> Keying {
        match &self.srtp {
            Some(srtp) => Keying::Srtp(Box::new(srtp.clone())),
            None if self.plain => Keying::Plain,
            None => Keying::Pending,
        }
    }

    /// What each payload type is to the session below.
    pub(super) fn payload_types(&self) -> PayloadTypes {
        let mut types = PayloadTypes::new();
        for receive in &self.receive {
            types.set(receive.payload_type, Role::Voice, receive.codec.format().rtp_clock_hz);
        }
        if let Some(payload_type) = self.comfort_noise_payload_type {
            types.set(payload_type, Role::Voice, COMFORT_NOISE_CLOCK_HZ);
        }
        if let Some(red) = self.redundancy {
            types.set(red.payload_type, Role::Voice, self.main_codec().format().rtp_clock_hz);
        }
        for passed in &self.pass_through {
            types.set(passed.payload_type, Role::PassThrough, passed.rtp_clock_hz);
        }
        for events in &self.telephone_events {
            let clock_hz = events.clock_hz.unwrap_or(self.send.codec.format().rtp_clock_hz);
            types.set(events.payload_type, Role::Event, clock_hz);
        }
        types
    }

    /// The session below the leg.
    pub(super) fn session(&self) -> SessionConfig {
        SessionConfig {
            remote_ssrc: self.remote_ssrc,
            cname: self.cname.clone(),
            keying: self.keying(),
            remote: self.remote,
            payload_types: self.payload_types(),
            max_sources: self.max_sources,
            mid: self.header_extensions.mid,
            rtcp_interval_ms: self.rtcp_interval_ms,
            extended_reports: self.extended_reports,
            nack: self.nack,
            ntp_at_zero: self.ntp_at_zero,
            ..SessionConfig::new(self.local_ssrc)
        }
    }

    /// The largest packet of audio with all that may stand around it. Encoders of variable rate keep to
    /// the room there is, and count for nothing.
    fn largest_packet_bytes(&self) -> usize {
        let format = self.send.codec.format();
        let samples = (format.sample_rate_hz / 1_000) as usize * usize::from(self.send.packet_ms);
        let payload = match self.send.codec {
            CodecSpec::Pcmu | CodecSpec::Pcma => samples,
            CodecSpec::G722 => samples / 2,
            CodecSpec::L16 { .. } => 2 * samples,
            _ => 0,
        };
        let sources =
            if self.header_extensions.mixer_levels.is_some() { 4 * MAX_CONTRIBUTORS } else { 0 };
        let extension = if self.header_extensions == HeaderExtensions::default() {
            0
        } else {
            MAX_EXTENSION_BYTES
        };
        let redundancy = usize::from(self.redundancy.is_some());
        FIXED_HEADER_BYTES + sources + extension + redundancy + payload + self.trailer_bytes()
    }

    /// The redundancy that a sender may choose from.
    pub(super) fn means(&self) -> Means {
        let own = self.send.codec.own_redundancy();
        Means {
            repeated: self.redundancy.map_or(0, |red| red.generations),
            fec: own.inband_fec,
            deep_ms: own.deep_ms,
        }
    }

    /// How pauses are told, if they are.
    pub(super) fn dtx_mode(&self) -> Option<DtxMode> {
        if !self.silence_suppression {
            return None;
        }
        let narrow_clock = self.send.codec.format().rtp_clock_hz == 8_000;
        Some(match self.comfort_noise_payload_type.filter(|_| narrow_clock) {
            Some(payload_type) => DtxMode::Described(payload_type),
            None => DtxMode::Refreshed,
        })
    }

    /// The codec that is received as a rule.
    pub(super) fn main_codec(&self) -> &CodecSpec {
        self.receive.first().map_or(&self.send.codec, |receive| &receive.codec)
    }

    /// How the leg's quality is judged.
    pub(super) fn assessor(&self) -> Assessor {
        Assessor {
            impairment: self.main_codec().impairment(),
            packet_ms: f32::from(self.send.packet_ms),
            max_delay_ms: self.jitter.max_delay_ms,
        }
    }

    /// The jitter buffer's configuration at the leg's rate.
    pub(super) fn jitter_config(&self) -> JitterConfig {
        JitterConfig { sample_rate_hz: self.rate_hz(), ..self.jitter }
    }

    pub(super) fn decoders(&self) -> Result<DecoderMap, LegError> {
        let rate = self.rate_hz();
        let mut map = DecoderMap::new();
        for receive in &self.receive {
            let decoder = receive.codec.decoder(rate).map_err(LegError::Codec)?;
            map.insert(receive.payload_type, decoder).map_err(LegError::Jitter)?;
        }
        if let Some(payload_type) = self.comfort_noise_payload_type {
            map.insert_comfort_noise(payload_type).map_err(LegError::Jitter)?;
        }
        if let Some(red) = self.redundancy {
            map.insert_redundant(red.payload_type).map_err(LegError::Jitter)?;
        }
        Ok(map)
    }
}

/// Why a leg could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LegError {
    /// A payload type above 127, in RTCP's range, or given twice; the member that has it, the later one of
    /// two.
    PayloadType(u8, &'static str),
    /// Redundant audio with no or more than four generations.
    Generations,
    /// A header extension element, which is named, with an identifier other than 1 to 14, or that of another.
    ExtensionId(&'static str),
    /// Fewer than 2 sources, or more than 256.
    Sources,
    /// A rate of the leg's PCM that the codec can't be converted to.
    SampleRate,
    /// Only a new leg can have another value of this member.
    Fixed(&'static str),
    /// Earlier commands still wait: the other halves are not being used.
    Busy,
    /// Keys for one direction, and none for the other.
    OneDirection,
    /// Halves of different legs.
    Halves,
    /// Nothing to receive.
    NoReceiveCodec,
    /// A payload type to be passed through, or of events, without a clock; the member that has it.
    Clock(&'static str),
    /// Not a multiple of 10 ms up to 120.
    PacketTime(u16),
    /// Packets of audio would be larger than [`MAX_DATAGRAM_BYTES`]: so many bytes with all that may
    /// stand around them. A shorter packet time helps.
    PacketSize(usize),
    /// Legs are mono.
    Channels,
    /// Empty or longer than 255 bytes.
    CanonicalName,
    /// A codec's settings.
    Codec(CodecError),
    /// A jitter buffer's settings.
    Jitter(JitterError),
    /// An SRTP session's settings.
    Srtp(SrtpError),
}

impl fmt::Display for LegError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadType(number, member) => {
                write!(
                    f,
                    "{member}: payload type {number} is above 127, in RTCP's range or given twice"
                )
            }
            Self::Generations => f.write_str("redundant audio repeats 1 to 4 payloads"),
            Self::ExtensionId(member) => {
                write!(f, "{member}: header extension identifiers are 1 to 14, each used once")
            }
            Self::Clock(member) => write!(f, "{member}: needs an RTP clock"),
            Self::Sources => f.write_str("a leg knows 2 to 256 sources"),
            Self::SampleRate => {
                f.write_str("the codec can't be converted to the rate of the leg's PCM")
            }
            Self::Fixed(member) => write!(f, "only a new leg can have another {member}"),
            Self::Busy => f.write_str("earlier commands to the leg still wait"),
            Self::OneDirection => f.write_str("keys for one direction, and none for the other"),
            Self::Halves => f.write_str("the halves are of different legs"),
            Self::NoReceiveCodec => f.write_str("a leg needs a codec to receive"),
            Self::PacketTime(ms) => {
                write!(f, "packet time {ms} ms is not a multiple of 10 up to 120")
            }
            Self::PacketSize(bytes) => {
                write!(f, "packets of {bytes} bytes are larger than {MAX_DATAGRAM_BYTES}")
            }
            Self::Channels => f.write_str("a leg sends one channel"),
            Self::CanonicalName => f.write_str("canonical name is empty or longer than 255 bytes"),
            Self::Codec(error) => error.fmt(f),
            Self::Jitter(error) => error.fmt(f),
            Self::Srtp(error) => error.fmt(f),
        }
    }
}

impl LegError {
    /// The member of [`LegConfig`] that was refused, as it is spelt there.
    pub fn member(&self) -> &'static str {
        match self {
            Self::PayloadType(_, member) | Self::ExtensionId(member) | Self::Clock(member) => {
                member
            }
            Self::Generations => "redundancy.generations",
            Self::NoReceiveCodec => "receive",
            Self::PacketTime(_) | Self::PacketSize(_) => "send.packet_ms",
            Self::Channels | Self::Codec(_) => "send.codec",
            Self::CanonicalName => "cname",
            Self::Sources => "max_sources",
            Self::SampleRate => "sample_rate_hz",
            Self::Jitter(_) => "jitter",
            Self::Srtp(_) | Self::OneDirection => "srtp",
            Self::Fixed(member) => member,
            Self::Busy | Self::Halves => "",
        }
    }
}

impl core::error::Error for LegError {}
