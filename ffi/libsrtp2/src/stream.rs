// SPDX-License-Identifier: MIT OR Apache-2.0
//! One source's stream: its keys, and a half of ours for each way it is used in.

use std::collections::VecDeque;
use std::sync::Arc;

use ale_media::rtp::RtpPacket;
use ale_media::srtp::{
    Event, PreparedKeys, Receiver, Sender, SessionConfig, SrtpError, StreamState,
};

use crate::abi::{self, EventKind, Status};
use crate::agreed::{Agreed, status};

/// What a packet is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rtp,
    Rtcp,
}

/// Which way a stream goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Out,
    In,
}

/// Packets that are kept where a policy allows to send them again.
const REPEATS: usize = 256;

/// A sent packet: key, as it was given, and as it went out.
struct Sent(Option<usize>, Vec<u8>, Vec<u8>);

/// The halves of SRTP, or of SRTCP, each made when it is first needed.
#[derive(Default)]
struct Halves {
    sender: Option<Sender>,
    receiver: Option<Receiver>,
}

/// See the [module documentation](self).
pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    pub(crate) agreed: Arc<Agreed>,
    /// Made of the template, with which it changes.
    pub(crate) of_template: bool,
    pub(crate) way: Option<Way>,
    /// Header extensions and sources are encrypted whole (RFC 9335).
    cryptex: bool,
    rtp: Halves,
    rtcp: Halves,
    /// The rollover counter that was set before there was a half.
    roc: Option<u32>,
    sent: VecDeque<Sent>,
}

impl Stream {
    pub(crate) fn new(ssrc: u32, agreed: &Arc<Agreed>, of_template: bool) -> Self {
        Self {
            ssrc,
            agreed: agreed.clone(),
            of_template,
            way: None,
            cryptex: false,
            rtp: Halves::default(),
            rtcp: Halves::default(),
            roc: None,
            sent: VecDeque::new(),
        }
    }

    /// Notes which way the stream goes; the other one is told of as a collision.
    pub(crate) fn goes(&mut self, way: Way, tell: &mut impl FnMut(u32, EventKind)) {
        if *self.way.get_or_insert(way) != way {
            tell(self.ssrc, EventKind::SsrcCollision);
        }
    }

    fn config(&self, kind: Kind) -> Result<SessionConfig, Status> {
        let config = match kind {
            Kind::Rtp => Some(&self.agreed.rtp),
            Kind::Rtcp => self.agreed.rtcp.as_ref(),
        };
        let mut config = config.ok_or(abi::CANT_CHECK)?.clone();
        config.cryptex = self.cryptex && kind == Kind::Rtp;
        Ok(config)
    }

    fn halves(&mut self, kind: Kind) -> &mut Halves {
        match kind {
            Kind::Rtp => &mut self.rtp,
            Kind::Rtcp => &mut self.rtcp,
        }
    }

    fn sender(&mut self, kind: Kind) -> Result<&mut Sender, Status> {
        if self.halves(kind).sender.is_none() {
            let mut sender = Sender::new(&self.config(kind)?).map_err(status)?;
            if let Some(roc) = self.roc {
                sender.set_stream(StreamState::new(self.ssrc, roc)).map_err(status)?;
            }
            self.halves(kind).sender = Some(sender);
        }
        self.halves(kind).sender.as_mut().ok_or(abi::FAIL)
    }

    fn receiver(&mut self, kind: Kind) -> Result<&mut Receiver, Status> {
        if self.halves(kind).receiver.is_none() {
            let mut receiver = Receiver::new(&self.config(kind)?).map_err(status)?;
            if let Some(roc) = self.roc {
                receiver.set_stream(StreamState::new(self.ssrc, roc)).map_err(status)?;
            }
            self.halves(kind).receiver = Some(receiver);
        }
        self.halves(kind).receiver.as_mut().ok_or(abi::FAIL)
    }

    /// Other keys, with which indices and windows go on. All halves are asked before one changes.
    pub(crate) fn rekey(&mut self, agreed: &Arc<Agreed>) -> Result<(), Status> {
        let before = std::mem::replace(&mut self.agreed, agreed.clone());
        let rules =
            |agreed: &Agreed| (agreed.rtp.encrypted_extensions.clone(), agreed.rtp.replay_window);
        let other_rules = rules(&before) != rules(agreed);
        let changed = Kind::BOTH.into_iter().try_for_each(|kind| self.renew(kind, false, false));
        let changed = changed.and_then(|()| {
            Kind::BOTH.into_iter().try_for_each(|kind| self.renew(kind, true, other_rules))
        });
        match changed {
            Ok(()) => self.sent.clear(),
            Err(_) => self.agreed = before,
        }
        changed
    }

    /// Gives halves of one kind the keys that are agreed on now, or only sees whether they would take them.
    /// Which header extensions are encrypted, and how large the window is, is a matter of the halves, not of
    /// their keys.
    fn renew(&mut self, kind: Kind, change: bool, other_rules: bool) -> Result<(), Status> {
        let halves = self.halves(kind);
        if halves.sender.is_none() && halves.receiver.is_none() {
            return Ok(());
        }
        let Ok(config) = self.config(kind) else {
            if change {
                *self.halves(kind) = Halves::default();
            }
            return Ok(());
        };
        let (for_sender, for_receiver) = (
            PreparedKeys::new(&config).map_err(status)?,
            PreparedKeys::new(&config).map_err(status)?,
        );
        if !change {
            return Ok(());
        }
        let halves = self.halves(kind);
        if let Some(sender) = &mut halves.sender
            && (other_rules || sender.rekey(for_sender).is_err())
        {
            *sender = made_anew(sender.streams(), Sender::new(&config), Sender::set_stream)?;
        }
        if let Some(receiver) = &mut halves.receiver {
            if other_rules || receiver.rekey(for_receiver).is_err() {
                *receiver =
                    made_anew(receiver.streams(), Receiver::new(&config), Receiver::set_stream)?;
            }
            drop(receiver.retire_previous_keys());
        }
        Ok(())
    }

    pub(crate) fn set_cryptex(&mut self, cryptex: bool) -> Result<(), Status> {
        if cryptex != self.cryptex {
            self.cryptex = cryptex;
            let config = self.config(Kind::Rtp)?;
            if let Some(sender) = &mut self.rtp.sender {
                *sender = made_anew(sender.streams(), Sender::new(&config), Sender::set_stream)?;
            }
            if let Some(receiver) = &mut self.rtp.receiver {
                *receiver =
                    made_anew(receiver.streams(), Receiver::new(&config), Receiver::set_stream)?;
            }
        }
        Ok(())
    }

    pub(crate) fn set_roc(&mut self, roc: u32) -> Result<(), Status> {
        let state = StreamState::new(self.ssrc, roc);
        if let Some(sender) = &mut self.rtp.sender {
            sender.set_stream(state).map_err(status)?;
        }
        if let Some(receiver) = &mut self.rtp.receiver {
            receiver.set_stream(state).map_err(status)?;
        }
        self.roc = Some(roc);
        Ok(())
    }

    pub(crate) fn roc(&self) -> u32 {
        let sent = self.rtp.sender.iter().filter_map(|half| half.stream(self.ssrc));
        let received = self.rtp.receiver.iter().filter_map(|half| half.stream(self.ssrc));
        sent.chain(received).map(|state| state.roc).max().or(self.roc).unwrap_or(0)
    }

    /// Bytes that protecting adds, with the key of this position and its identifier or without.
    pub(crate) fn trailer_bytes(&self, kind: Kind, key: Option<usize>) -> Result<usize, Status> {
        trailer_bytes(&self.agreed, kind, key)
    }

    /// Protects the packet at the front of `buffer`, which has room for the trailer.
    pub(crate) fn protect(
        &mut self,
        kind: Kind,
        buffer: &mut [u8],
        length: usize,
        key: Option<usize>,
        tell: &mut impl FnMut(u32, EventKind),
    ) -> Result<usize, Status> {
        let repeats = self.agreed.repeats && kind == Kind::Rtp;
        let plain = if repeats { buffer.get(..length).map(<[u8]>::to_vec) } else { None };
        let result = self.seal(kind, buffer, length, key, tell);
        let Some(plain) = plain else { return result };
        if let Ok(sealed) = result {
            let sealed = buffer.get(..sealed).unwrap_or_default().to_vec();
            self.sent.truncate(REPEATS - 1);
            self.sent.push_front(Sent(key, plain, sealed));
        } else if let Some(Sent(.., sealed)) =
            self.sent.iter().find(|Sent(of, before, _)| *of == key && *before == plain)
        {
            // The same bytes give the same ciphertext, which tells nobody anything.
            buffer.get_mut(..sealed.len()).ok_or(abi::BAD_PARAM)?.copy_from_slice(sealed);
            return Ok(sealed.len());
        }
        result
    }

    fn seal(
        &mut self,
        kind: Kind,
        buffer: &mut [u8],
        length: usize,
        key: Option<usize>,
        tell: &mut impl FnMut(u32, EventKind),
    ) -> Result<usize, Status> {
        let agreed = self.agreed.clone();
        let mki = match key {
            Some(position) => &**agreed.mkis.get(position).ok_or(abi::BAD_MKI)?,
            None => &[],
        };
        let (ssrc, window) = (self.ssrc, agreed.rtp.replay_window);
        let several = agreed.mkis.len() > 1;
        let behind = behind_mki(&agreed, kind);
        let sender = self.sender(kind)?;
        if several {
            sender.select_key(&[key.unwrap_or(0) as u8]).map_err(status)?;
        }
        let sequence = buffer.get(2..4).map_or(0, |s| u16::from_be_bytes([s[0], s[1]]));
        let mut run = |buffer: &mut [u8]| {
            let result = match kind {
                Kind::Rtp => sender.protect(buffer, length),
                Kind::Rtcp => sender.protect_rtcp(buffer, length),
            };
            report(result.err(), ssrc, || sender.poll_event(), tell);
            let highest = sender.stream(ssrc).and_then(|state| state.highest_sequence);
            result.map_err(|error| match highest {
                // Ours does not tell an index that was sent from one that is too far back to know.
                Some(highest)
                    if error == SrtpError::IndexReused
                        && usize::from(highest.wrapping_sub(sequence)) >= window =>
                {
                    abi::REPLAY_OLD
                }
                _ => status(error),
            })
        };
        if !several && mki.is_empty() {
            return run(buffer);
        }
        let mut packet = buffer.get(..length).ok_or(abi::BAD_PARAM)?.to_vec();
        packet.resize(length + ale_media::srtp::MAX_TRAILER_BYTES, 0);
        let sealed = run(&mut packet)?;
        packet.truncate(sealed);
        let at = sealed.checked_sub(behind + usize::from(several)).ok_or(abi::FAIL)?;
        packet.splice(at..at + usize::from(several), mki.iter().copied());
        buffer.get_mut(..packet.len()).ok_or(abi::BAD_PARAM)?.copy_from_slice(&packet);
        Ok(packet.len())
    }

    pub(crate) fn unprotect(
        &mut self,
        kind: Kind,
        packet: &mut [u8],
        identified: bool,
        tell: &mut impl FnMut(u32, EventKind),
    ) -> Result<usize, Status> {
        let agreed = self.agreed.clone();
        let several = agreed.mkis.len() > 1;
        let behind = behind_mki(&agreed, kind);
        let aead = agreed.rtp.suite.is_aead();
        let ssrc = self.ssrc;
        let receiver = self.receiver(kind)?;
        let mut run = |packet: &mut [u8]| {
            let result = match kind {
                Kind::Rtp => receiver.unprotect(packet),
                Kind::Rtcp => receiver.unprotect_rtcp(packet),
            };
            report(result.err(), ssrc, || receiver.poll_event(), tell);
            result.map_err(|error| match error {
                // Under GCM libsrtp takes the E bit of SRTCP as it comes, and so tries the tag.
                SrtpError::NotPermitted if aead && kind == Kind::Rtcp => abi::AUTH_FAIL,
                // A header as it should be, and no room behind it for the tag.
                SrtpError::Malformed if kind == Kind::Rtp && RtpPacket::parse(packet).is_ok() => {
                    abi::PARSE_ERR
                }
                _ => status(error),
            })
        };
        let end = packet.len().checked_sub(behind).ok_or(abi::BAD_PARAM)?;
        let (position, mki_bytes) = if identified {
            let named = |mki: &Vec<u8>| {
                !mki.is_empty() && packet.get(..end).is_some_and(|front| front.ends_with(mki))
            };
            let position = agreed.mkis.iter().position(named).ok_or(abi::BAD_MKI)?;
            (position, agreed.mkis.get(position).map_or(0, Vec::len))
        } else {
            (0, 0)
        };
        if let (Kind::Rtcp, false, Some(rtcp)) = (kind, aead, &agreed.rtcp) {
            // libsrtp wants the E bit to be as agreed, whether set or clear.
            let encrypted = !rtcp.unencrypted_srtcp && !rtcp.suite.is_null();
            let word = end.checked_sub(mki_bytes + 4).filter(|&at| at >= 8);
            let word = word.and_then(|at| packet.get(at)).ok_or(abi::BAD_PARAM)?;
            if word & 0x80 != u8::from(encrypted) << 7 {
                return Err(abi::CANT_CHECK);
            }
        }
        if !several && !identified {
            return run(packet);
        }
        let mut copy = packet.to_vec();
        copy.splice(end - mki_bytes..end, several.then_some(position as u8));
        let length = run(&mut copy)?;
        let to = packet.get_mut(..length).ok_or(abi::FAIL)?;
        to.copy_from_slice(copy.get(..length).ok_or(abi::FAIL)?);
        Ok(length)
    }
}

impl Kind {
    const BOTH: [Self; 2] = [Self::Rtp, Self::Rtcp];
}

/// Bytes behind the master key identifier: the tag, but GCM's (RFC 7714 section 8.2).
fn behind_mki(agreed: &Agreed, kind: Kind) -> usize {
    let suite = match (kind, &agreed.rtcp) {
        (Kind::Rtcp, Some(rtcp)) => rtcp.suite,
        _ => agreed.rtp.suite,
    };
    if suite.is_aead() { 0 } else { suite.tag_bytes() }
}

pub(crate) fn trailer_bytes(
    agreed: &Agreed,
    kind: Kind,
    key: Option<usize>,
) -> Result<usize, Status> {
    let mki = match key {
        Some(position) => agreed.mkis.get(position).ok_or(abi::BAD_MKI)?.len(),
        None => 0,
    };
    Ok(mki
        + match (kind, &agreed.rtcp) {
            (Kind::Rtp, _) => agreed.rtp.suite.tag_bytes(),
            (Kind::Rtcp, Some(rtcp)) => rtcp.suite.tag_bytes() + 4,
            (Kind::Rtcp, None) => 4,
        })
}

/// A half for the same streams, where the one that is there can't take what is new.
fn made_anew<H>(
    states: impl Iterator<Item = StreamState>,
    half: Result<H, SrtpError>,
    set: impl Fn(&mut H, StreamState) -> Result<(), SrtpError>,
) -> Result<H, Status> {
    let mut half = half.map_err(status)?;
    for state in states {
        set(&mut half, state).map_err(status)?;
    }
    Ok(half)
}

/// Tells the host what libsrtp would.
fn report(
    error: Option<SrtpError>,
    ssrc: u32,
    mut events: impl FnMut() -> Option<Event>,
    tell: &mut impl FnMut(u32, EventKind),
) {
    while let Some(event) = events() {
        if matches!(event, Event::KeyExpiring { .. }) {
            tell(ssrc, EventKind::KeyNearLimit);
        }
    }
    match error {
        Some(SrtpError::KeyExhausted) => tell(ssrc, EventKind::KeyExhausted),
        Some(SrtpError::IndexExhausted) => tell(ssrc, EventKind::IndexExhausted),
        _ => {}
    }
}
