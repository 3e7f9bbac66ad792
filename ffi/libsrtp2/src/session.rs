// SPDX-License-Identifier: MIT OR Apache-2.0
//! A libsrtp session on ours: a list of streams, each with keys of its own, and templates for
//! streams that come.

use ale_media::srtp::{
    Event, MasterKey, Policy, PreparedKeys, Receiver, Sender, SessionConfig, SrtpError, SsrcPolicy,
    StreamState, Suite,
};

use crate::abi::{self, Direction, PolicyView, Status};

/// Streams that one template takes memory for.
const TEMPLATE_STREAMS: usize = 128;

/// What a packet is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rtp,
    Rtcp,
}

impl Kind {
    /// The source that a packet names.
    fn ssrc(self, packet: &[u8]) -> Result<u32, Status> {
        let at = if self == Self::Rtp { 8 } else { 4 };
        let bytes = packet.get(at..at + 4).and_then(|bytes| bytes.first_chunk::<4>());
        bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or(abi::BAD_PARAM)
    }
}

/// Keys of a stream or template, and the halves that use them, each made when it is first needed.
struct Stream {
    direction: Direction,
    /// With master key identifiers, where there are any.
    config: SessionConfig,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    /// Whether the halves use the identifiers; settled by the first call.
    identified: Option<bool>,
}

impl Stream {
    fn new(policy: &PolicyView<'_>) -> Result<Self, Status> {
        let config = configuration(policy)?;
        let mut stream = Self {
            direction: policy.direction,
            config,
            sender: None,
            receiver: None,
            identified: None,
        };
        // A wrong policy is told of at once, and the packet path makes nothing.
        if stream.config.keys.iter().all(|key| key.mki().is_empty()) {
            stream.settle(false)?;
        }
        Ok(stream)
    }

    fn settle(&mut self, identified: bool) -> Result<(), Status> {
        if let Some(settled) = self.identified {
            return if settled == identified { Ok(()) } else { Err(abi::BAD_MKI) };
        }
        let config = self.effective(&self.config, identified)?;
        if self.direction != Direction::AnyInbound {
            self.sender = Some(Sender::new(&config).map_err(status)?);
        }
        if self.direction != Direction::AnyOutbound {
            self.receiver = Some(Receiver::new(&config).map_err(status)?);
        }
        self.identified = Some(identified);
        Ok(())
    }

    /// The configuration with or without the keys' identifiers.
    fn effective(&self, config: &SessionConfig, identified: bool) -> Result<SessionConfig, Status> {
        let mut config = config.clone();
        if !identified {
            config.keys.truncate(1);
            for key in &mut config.keys {
                *key = key.clone().with_mki(&[]).map_err(status)?;
            }
        }
        Ok(config)
    }

    fn states(&self) -> Vec<StreamState> {
        let sent = self.sender.iter().flat_map(|half| half.streams().collect::<Vec<_>>());
        let received = self.receiver.iter().flat_map(|half| half.streams().collect::<Vec<_>>());
        sent.chain(received).collect()
    }

    /// Other keys for the same streams, whose rollover counters go on.
    fn update(&mut self, policy: &PolicyView<'_>) -> Result<(), Status> {
        let new = configuration(policy)?;
        let Some(identified) = self.identified else {
            // Nothing has been sent or received yet.
            let mut fresh = Self::new(policy)?;
            for state in self.states() {
                let state = StreamState::new(state.ssrc, state.roc);
                if let Some(half) = &mut fresh.sender {
                    half.set_stream(state).map_err(status)?;
                }
                if let Some(half) = &mut fresh.receiver {
                    half.set_stream(state).map_err(status)?;
                }
            }
            *self = fresh;
            return Ok(());
        };
        // Also to another suite: with the same master key the key stream is the same, so that indices must
        // go on. Both halves are asked before either changes.
        let config = self.effective(&new, identified)?;
        let keys = || PreparedKeys::new(&config).map_err(status);
        let to_send = keys()?;
        let to_receive = keys()?;
        if let Some(sender) = &self.sender {
            sender.can_rekey(&to_send).map_err(status)?;
        }
        if let Some(receiver) = &self.receiver {
            receiver.can_rekey(&to_receive).map_err(status)?;
        }
        if let Some(sender) = &mut self.sender {
            drop(sender.rekey(to_send).map_err(|(error, _)| status(error))?);
        }
        if let Some(receiver) = &mut self.receiver {
            drop(receiver.rekey(to_receive).map_err(|(error, _)| status(error))?);
            drop(receiver.retire_previous_keys());
        }
        self.config = new;
        Ok(())
    }
}

/// A libsrtp session.
#[derive(Default)]
pub(crate) struct Session {
    streams: Vec<Stream>,
    pub(crate) user_data: usize,
}

impl Session {
    pub(crate) fn add(&mut self, policy: &PolicyView<'_>) -> Result<(), Status> {
        let stream = Stream::new(policy)?;
        self.streams.push(stream);
        Ok(())
    }

    pub(crate) fn update(&mut self, policy: &PolicyView<'_>) -> Result<(), Status> {
        let same = |stream: &&mut Stream| stream.direction == policy.direction;
        match self.streams.iter_mut().find(same) {
            Some(stream) => stream.update(policy),
            None => self.add(policy),
        }
    }

    pub(crate) fn remove(&mut self, ssrc: u32) -> Result<(), Status> {
        let before = self.streams.len();
        self.streams.retain(|stream| stream.direction != Direction::Specific(ssrc));
        let mut found = self.streams.len() < before;
        for stream in &mut self.streams {
            found |= stream.sender.as_mut().is_some_and(|half| half.remove_stream(ssrc));
            found |= stream.receiver.as_mut().is_some_and(|half| half.remove_stream(ssrc));
        }
        if found { Ok(()) } else { Err(abi::NO_CTX) }
    }

    pub(crate) fn roc(&self, ssrc: u32) -> Option<u32> {
        let states = self.streams.iter().flat_map(Stream::states);
        states.filter(|state| state.ssrc == ssrc).map(|state| state.roc).max().or_else(|| {
            let named = |stream: &Stream| stream.direction == Direction::Specific(ssrc);
            self.streams.iter().any(named).then_some(0)
        })
    }

    pub(crate) fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), Status> {
        let position = self
            .find(ssrc, Direction::AnyInbound)
            .or_else(|| self.find(ssrc, Direction::AnyOutbound))
            .ok_or(abi::BAD_PARAM)?;
        let stream = self.streams.get_mut(position).ok_or(abi::BAD_PARAM)?;
        stream.settle(stream.identified.unwrap_or(false))?;
        let state = StreamState::new(ssrc, roc);
        if let Some(sender) = &mut stream.sender {
            sender.set_stream(state).map_err(status)?;
        }
        if let Some(receiver) = &mut stream.receiver {
            receiver.set_stream(state).map_err(status)?;
        }
        Ok(())
    }

    /// Whether the source has a stream.
    pub(crate) fn knows(&self, ssrc: u32) -> bool {
        self.roc(ssrc).is_some()
    }

    fn find(&self, ssrc: u32, template: Direction) -> Option<usize> {
        let of = |direction| self.streams.iter().position(|stream| stream.direction == direction);
        of(Direction::Specific(ssrc)).or_else(|| of(template))
    }

    /// Bytes that protecting a packet of any source adds.
    pub(crate) fn trailer_bytes(&mut self, kind: Kind, identified: bool) -> Result<usize, Status> {
        let sends = |stream: &&mut Stream| stream.direction != Direction::AnyInbound;
        let stream = self.streams.iter_mut().find(sends).ok_or(abi::BAD_PARAM)?;
        stream.settle(identified)?;
        let sender = stream.sender.as_ref().ok_or(abi::BAD_PARAM)?;
        Ok(match kind {
            Kind::Rtp => sender.rtp_overhead_bytes(),
            Kind::Rtcp => sender.rtcp_overhead_bytes(),
        })
    }

    /// Protects the packet at the front of `buffer`, which has room for the trailer.
    pub(crate) fn protect(
        &mut self,
        kind: Kind,
        buffer: &mut [u8],
        length: usize,
        key: Option<usize>,
        tell: impl FnMut(u32, abi::EventKind),
    ) -> Result<usize, Status> {
        let ssrc = kind.ssrc(buffer.get(..length).ok_or(abi::BAD_PARAM)?)?;
        let position = self.find(ssrc, Direction::AnyOutbound).ok_or(abi::NO_CTX)?;
        let stream = self.streams.get_mut(position).ok_or(abi::NO_CTX)?;
        stream.settle(key.is_some())?;
        let mki = match key {
            Some(index) => stream.config.keys.get(index).ok_or(abi::BAD_MKI)?.mki(),
            None => &[],
        };
        let sender = stream.sender.as_mut().ok_or(abi::NO_CTX)?;
        if !mki.is_empty() {
            sender.select_key(mki).map_err(status)?;
        }
        let result = match kind {
            Kind::Rtp => sender.protect(buffer, length),
            Kind::Rtcp => sender.protect_rtcp(buffer, length),
        };
        report(result.err(), ssrc, || sender.poll_event(), tell);
        result.map_err(status)
    }

    pub(crate) fn unprotect(
        &mut self,
        kind: Kind,
        packet: &mut [u8],
        identified: bool,
        tell: impl FnMut(u32, abi::EventKind),
    ) -> Result<usize, Status> {
        let ssrc = kind.ssrc(packet)?;
        let position = self.find(ssrc, Direction::AnyInbound).ok_or(abi::NO_CTX)?;
        let stream = self.streams.get_mut(position).ok_or(abi::NO_CTX)?;
        stream.settle(identified)?;
        let receiver = stream.receiver.as_mut().ok_or(abi::NO_CTX)?;
        let result = match kind {
            Kind::Rtp => receiver.unprotect(packet),
            Kind::Rtcp => receiver.unprotect_rtcp(packet),
        };
        report(result.err(), ssrc, || receiver.poll_event(), tell);
        result.map_err(status)
    }
}

/// Tells the host what libsrtp would.
fn report(
    error: Option<SrtpError>,
    ssrc: u32,
    mut events: impl FnMut() -> Option<Event>,
    mut tell: impl FnMut(u32, abi::EventKind),
) {
    while let Some(event) = events() {
        if matches!(event, Event::KeyExpiring { .. }) {
            tell(ssrc, abi::EventKind::KeyNearLimit);
        }
    }
    match error {
        Some(SrtpError::KeyExhausted) => tell(ssrc, abi::EventKind::KeyExhausted),
        Some(SrtpError::IndexExhausted) => tell(ssrc, abi::EventKind::IndexExhausted),
        _ => {}
    }
}

fn configuration(policy: &PolicyView<'_>) -> Result<SessionConfig, Status> {
    let suite = suite(policy)?;
    let mut keys = Vec::new();
    for (bytes, mki) in policy.keys(suite.key_bytes() + suite.salt_bytes())? {
        let key = MasterKey::from_concatenated(suite, bytes).map_err(status)?;
        keys.push(key.with_mki(mki).map_err(status)?);
    }
    let mut config = SessionConfig::new(suite, keys.first().ok_or(abi::BAD_PARAM)?.clone());
    config.keys = keys;
    // The program has chosen; what it may not choose is in `suite`.
    config.policy = Policy::Legacy;
    config.allow_null_cipher = true;
    config.unencrypted_srtp = !suite.is_null() && !policy.rtp.encrypts();
    config.unencrypted_srtcp = !suite.is_null() && !policy.rtcp.encrypts();
    config.replay_window = match policy.window_size {
        0 => 128,
        size @ 64..0x8000 => size.next_power_of_two(),
        _ => return Err(abi::BAD_PARAM),
    };
    config.encrypted_extensions = policy.encrypted_extensions()?;
    (config.max_streams, config.ssrcs) = match policy.direction {
        Direction::Specific(ssrc) => (1, SsrcPolicy::Only(vec![ssrc])),
        _ => (TEMPLATE_STREAMS, SsrcPolicy::Any),
    };
    Ok(config)
}

/// The suite of a crypto policy: every one of libsrtp's but those without authentication and with
/// 64-bit GCM tags, which RFC 7714 does not have.
fn suite(policy: &PolicyView<'_>) -> Result<Suite, Status> {
    let (rtp, rtcp) = (&policy.rtp, &policy.rtcp);
    let aead = matches!(rtp.cipher_type, abi::AES_GCM_128 | abi::AES_GCM_256);
    if rtp.cipher_type != rtcp.cipher_type || !(aead || rtp.authenticates() && rtcp.authenticates())
    {
        return Err(abi::BAD_PARAM);
    }
    Ok(match (rtp.cipher_type, rtp.auth_tag_len) {
        (abi::AES_ICM_128, 10) => Suite::AesCm128HmacSha1_80,
        (abi::AES_ICM_128, 4) => Suite::AesCm128HmacSha1_32,
        (abi::AES_ICM_192, 10) => Suite::AesCm192HmacSha1_80,
        (abi::AES_ICM_192, 4) => Suite::AesCm192HmacSha1_32,
        (abi::AES_ICM_256, 10) => Suite::AesCm256HmacSha1_80,
        (abi::AES_ICM_256, 4) => Suite::AesCm256HmacSha1_32,
        (abi::AES_GCM_128, 16) => Suite::AeadAes128Gcm,
        (abi::AES_GCM_256, 16) => Suite::AeadAes256Gcm,
        (abi::NULL_CIPHER, 10) => Suite::NullHmacSha1_80,
        (abi::NULL_CIPHER, 4) => Suite::NullHmacSha1_32,
        _ => return Err(abi::BAD_PARAM),
    })
}

fn status(error: SrtpError) -> Status {
    match error {
        SrtpError::AuthenticationFailed => abi::AUTH_FAIL,
        SrtpError::Replayed | SrtpError::IndexReused => abi::REPLAY_FAIL,
        SrtpError::TooOld => abi::REPLAY_OLD,
        SrtpError::UnknownSsrc | SrtpError::StreamLimit => abi::NO_CTX,
        SrtpError::KeyExhausted | SrtpError::IndexExhausted => abi::KEY_EXPIRED,
        SrtpError::UnknownMki => abi::BAD_MKI,
        SrtpError::NotPermitted => abi::CANT_CHECK,
        _ => abi::BAD_PARAM,
    }
}
