// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who subscribes to what parties of a call say: the node's offer, in which each voice has a line of its own, the
//! answer to it, and how the voice is sent then.

use core::net::SocketAddr;
use std::net::UdpSocket;

use ale_media::leg::LegConfig;
use ale_media::session::{Keying, SrtpConfig};

use super::voice::{self, Speech};
use super::{Call, CallError, Room, rewrite};
use crate::keys::{self, EndKeys};
use crate::ng::flags::{Flags, Transport};
use crate::ports::Pair;
use crate::random;
use crate::sdp::{self, Formats, Line, LineKind, NamedFormat, Origin, RewrittenLine, Rtcp};

/// Who subscribes.
#[derive(Debug)]
pub struct Subscriber {
    voices: Vec<Voice>,
    transport: Transport,
}

/// A line of it.
#[derive(Debug)]
struct Voice {
    /// Whose it is.
    party: usize,
    pair: Pair,
    keys: EndKeys,
    offered: Vec<NamedFormat>,
    agreed: Option<Agreed>,
}

#[derive(Debug)]
struct Agreed {
    to: SocketAddr,
    speech: Speech,
    srtp: Option<Box<SrtpConfig>>,
    /// Whether it takes reports, which come from RTP's port.
    reports: bool,
}

/// How a voice is sent.
#[derive(Debug)]
pub struct Lead {
    /// From here.
    pub socket: UdpSocket,
    /// To there.
    pub to: SocketAddr,
    /// As a leg with these settings does, a source of its own each time.
    pub leg: LegConfig,
}

impl Call {
    /// What a party has said of its audio, once that has been agreed on.
    fn spoken_by(&self, party: usize) -> Option<&Line> {
        let is_audio = |line: &&Line| line.media == "audio";
        let lines = self.lines.iter().filter(|line| line.path().is_some());
        lines.filter_map(|line| line.end(party)?.said.as_ref()).find(is_audio)
    }

    /// All who have a tag.
    pub fn parties(&self) -> Vec<usize> {
        (0..2).filter(|of| self.tags.get(*of).is_some_and(Option::is_some)).collect()
    }
}

impl Subscriber {
    /// Somebody who is to hear these parties of a call, each in what it speaks, or in what the flags add; and the
    /// offer for it.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn offer(
        call: &Call,
        parties: &[usize],
        flags: &Flags,
        room: &Room,
    ) -> Result<(Self, Vec<u8>), CallError> {
        let plain = Transport { secure: false, feedback: false, dtls: false };
        let transport = flags.transport.unwrap_or(plain);
        if transport.dtls || flags.ice == crate::ng::flags::Ice::Force {
            return Err(CallError::NotDone("DTLS or ICE with who subscribes"));
        }
        if transport.secure && (flags.no_sdes || !keys::any_permitted(flags)) {
            return Err(CallError::Keys);
        }
        let named = flags.direction.as_ref().map(|[near, _]| &near[..]);
        let (mut voices, mut lines) = (Vec::new(), Vec::new());
        let mut address = None;
        for party in parties {
            let said = call.spoken_by(*party).ok_or(CallError::NoOffer)?;
            let offered = voice::mirrored(said, &flags.codecs);
            if offered.is_empty() {
                return Err(CallError::NoCodec);
            }
            let interface = room.interface(named, flags.ipv6.unwrap_or(said.ipv6))?;
            let (_, ports) = room.interfaces.get(interface).ok_or(CallError::NoInterface)?;
            let pair = ports.bind().map_err(CallError::Ports)?;
            let mut keys = EndKeys::default();
            let here = flags.media_address.or(room.told(interface));
            address = address.or(here);
            lines.push(Some(RewrittenLine {
                address: here,
                transport,
                formats: Formats::Only(offered.clone()),
                rtcp: Rtcp::MuxOffered,
                crypto: if transport.secure { keys.offer(flags) } else { Vec::new() },
                ..RewrittenLine::plain(pair.port())
            }));
            voices.push(Voice { party: *party, pair, keys, offered, agreed: None });
        }
        let address = address.ok_or(CallError::NoInterface)?;
        let session = random::number().ok_or(CallError::Random)?;
        let mut offer = sdp::sending(lines.len(), Origin { session, version: 1, address });
        sdp::rewrite(&mut offer, &rewrite(address, flags, lines));
        Ok((Self { voices, transport }, sdp::write(&offer)))
    }

    /// It has answered; whose voices it takes.
    ///
    /// # Errors
    /// [`CallError`]; nothing is agreed on then.
    pub fn answer(&mut self, text: &[u8], room: &Room) -> Result<Vec<usize>, CallError> {
        let session = sdp::parse(text, room.max_lines).map_err(CallError::Sdp)?;
        let lines = (0..self.voices.len()).map(|number| Line::of(&session, number));
        let agreed = self.voices.iter().zip(lines).map(|(voice, line)| match line {
            Some(line) => voice.agree(&line, self.transport),
            None => Ok(None),
        });
        let agreed: Vec<_> = agreed.collect::<Result<_, _>>()?;
        let mut taken = Vec::new();
        for (voice, agreed) in self.voices.iter_mut().zip(agreed) {
            taken.extend(agreed.is_some().then_some(voice.party));
            voice.agreed = agreed;
        }
        if taken.is_empty() { Err(CallError::NoAudio) } else { Ok(taken) }
    }

    /// Whether a party is to be heard.
    pub fn hears(&self, party: usize) -> bool {
        self.voices.iter().any(|voice| voice.party == party)
    }

    /// How a party's voice is sent; `None` if it is not taken.
    pub fn lead(&self, party: usize) -> Option<Lead> {
        let voice = self.voices.iter().find(|voice| voice.party == party)?;
        let Agreed { to, speech, srtp, reports } = voice.agreed.as_ref()?;
        let mut leg = speech.leg()?;
        leg.plain = srtp.is_none();
        leg.srtp = srtp.as_deref().cloned();
        if !reports {
            leg.rtcp_interval_ms = 0;
        }
        Some(Lead { socket: voice.pair.rtp.try_clone().ok()?, to: *to, leg })
    }
}

impl Voice {
    /// What is agreed on by a line of the answer; `None` if it refuses the line, or hears nothing for now.
    fn agree(&self, line: &Line, transport: Transport) -> Result<Option<Agreed>, CallError> {
        let LineKind::Rtp(answered) = line.kind else { return Ok(None) };
        if (answered.secure, answered.dtls) != (transport.secure, false) {
            return Err(CallError::Keys);
        }
        let Some(to) = line.rtp.filter(|_| line.receives) else { return Ok(None) };
        let told = self.pair.rtp.local_addr().map_err(|_| CallError::NoInterface)?;
        if told.is_ipv4() != to.is_ipv4() {
            return Err(CallError::NotDone("Another address family than was offered"));
        }
        let speech = voice::one_of(line, &self.offered).ok_or(CallError::UnknownCodecs)?;
        let srtp = match transport.secure {
            true => match self.keys.accept(&line.crypto) {
                Some(Keying::Srtp(srtp)) => Some(srtp),
                _ => return Err(CallError::Keys),
            },
            false => None,
        };
        Ok(Some(Agreed { to, speech, srtp, reports: line.rtcp_mux }))
    }
}
