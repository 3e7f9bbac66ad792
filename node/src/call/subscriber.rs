// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who subscribes to what parties of a call say: the node's offer, in which each voice has a line of its own, the
//! answer to it, and how the voice is sent then.

use core::net::SocketAddr;
use std::net::UdpSocket;

use ale_media::leg::LegConfig;
use ale_media::srtp::sdes::CryptoAttribute;

use super::voice::{self, Speech};
use super::{Call, CallError, Room, rewrite};
use crate::failover::{AgreedRecord, SubscribedRecord};
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
    opus_complexity: u8,
}

/// A line of it.
#[derive(Debug)]
struct Voice {
    /// Whose it is.
    party: usize,
    interface: usize,
    pair: Pair,
    keys: EndKeys,
    offered: Vec<NamedFormat>,
    agreed: Option<Agreed>,
}

#[derive(Debug)]
struct Agreed {
    to: SocketAddr,
    speech: Speech,
    /// The line of SDES by which it has answered one of the node's.
    key: Option<CryptoAttribute>,
    /// Whether it takes reports, which come from RTP's port.
    reports: bool,
}

/// A line of it, to be told.
#[derive(Debug, Clone, Copy)]
pub struct SubscribedLine {
    /// Whose voice it is.
    pub party: usize,
    /// Number of the interface that it is sent from, and the port.
    pub from: (usize, u16),
    /// Where it is sent, if it is.
    pub to: Option<SocketAddr>,
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
            voices.push(Voice { party: *party, interface, pair, keys, offered, agreed: None });
        }
        let address = address.ok_or(CallError::NoInterface)?;
        let session = random::number().ok_or(CallError::Random)?;
        let mut offer = sdp::sending(lines.len(), Origin { session, version: 1, address });
        sdp::rewrite(&mut offer, &rewrite(address, flags, lines));
        let opus_complexity = room.opus_complexity;
        Ok((Self { voices, transport, opus_complexity }, sdp::write(&offer)))
    }

    /// It has answered.
    ///
    /// # Errors
    /// [`CallError`]; nothing is agreed on then.
    pub fn answer(&mut self, text: &[u8], room: &Room) -> Result<(), CallError> {
        let session = sdp::parse(text, room.max_lines).map_err(CallError::Sdp)?;
        let lines = (0..self.voices.len()).map(|number| Line::of(&session, number));
        let agreed = self.voices.iter().zip(lines).map(|(voice, line)| match line {
            Some(line) => voice.agree(&line, self.transport),
            None => Ok(None),
        });
        let agreed: Vec<_> = agreed.collect::<Result<_, _>>()?;
        if agreed.iter().all(Option::is_none) {
            return Err(CallError::NoAudio);
        }
        for (voice, agreed) in self.voices.iter_mut().zip(agreed) {
            voice.agreed = agreed;
        }
        Ok(())
    }

    /// Whose voices it has taken by its answer; nobody's before.
    pub fn taken(&self) -> Vec<usize> {
        let taken = self.voices.iter().filter(|voice| voice.agreed.is_some());
        taken.map(|voice| voice.party).collect()
    }

    /// What it was offered its lines as.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Its lines, to be told.
    pub fn told(&self) -> impl Iterator<Item = SubscribedLine> {
        self.voices.iter().map(|voice| SubscribedLine {
            party: voice.party,
            from: (voice.interface, voice.pair.port()),
            to: voice.agreed.as_ref().map(|agreed| agreed.to),
        })
    }

    /// What is kept of it for another process.
    pub(crate) fn record(&self, room: &Room) -> Option<Vec<SubscribedRecord>> {
        self.voices.iter().map(|voice| voice.record(room)).collect()
    }

    /// Who has subscribed to another process, on the ports of there.
    ///
    /// # Errors
    /// [`CallError`].
    pub(crate) fn resume(
        records: &[SubscribedRecord],
        transport: Transport,
        room: &Room,
    ) -> Result<Self, CallError> {
        let voices = records.iter().map(|record| Voice::resume(record, room));
        let (voices, opus_complexity) = (voices.collect::<Result<_, _>>()?, room.opus_complexity);
        Ok(Self { voices, transport, opus_complexity })
    }

    /// Whether a party is to be heard.
    pub fn hears(&self, party: usize) -> bool {
        self.voices.iter().any(|voice| voice.party == party)
    }

    /// How a party's voice is sent; `None` if it is not taken.
    pub fn lead(&self, party: usize) -> Option<Lead> {
        let voice = self.voices.iter().find(|voice| voice.party == party)?;
        let Agreed { to, speech, key, reports } = voice.agreed.as_ref()?;
        let mut leg = speech.leg(self.opus_complexity)?;
        leg.plain = key.is_none();
        leg.srtp = match key {
            Some(theirs) => Some(voice.keys.agreed(theirs)?),
            None => None,
        };
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
        let key = match (transport.secure, &line.crypto[..]) {
            (true, [theirs]) => Some(self.answering(theirs)?),
            (true, _) => return Err(CallError::Keys),
            (false, _) => None,
        };
        Ok(Some(Agreed { to, speech, key, reports: line.rtcp_mux }))
    }

    /// A line of SDES that answers one of those that were offered.
    fn answering(&self, theirs: &str) -> Result<CryptoAttribute, CallError> {
        let theirs = CryptoAttribute::parse(theirs).map_err(|_| CallError::Keys)?;
        self.keys.agreed(&theirs).map(|_| theirs).ok_or(CallError::Keys)
    }

    fn record(&self, room: &Room) -> Option<SubscribedRecord> {
        let (interface, _) = room.interfaces.get(self.interface)?;
        let offered = self.offered.iter().map(|one| (one.payload_type, one.encoding.clone()));
        Some(SubscribedRecord {
            party: self.party,
            interface: (interface.name.clone(), interface.told().is_ipv6()),
            port: self.pair.port(),
            keys: self.keys.record(),
            offered: offered.collect(),
            agreed: self.agreed.as_ref().map(|agreed| AgreedRecord {
                to: agreed.to,
                speech: agreed.speech.record(),
                key: agreed.key.as_ref().map(|key| key.value().to_string()),
                reports: agreed.reports,
            }),
        })
    }

    fn resume(record: &SubscribedRecord, room: &Room) -> Result<Self, CallError> {
        let (name, ipv6) = &record.interface;
        let interface = room.interface(Some(name), *ipv6)?;
        let (_, ports) = room.interfaces.get(interface).ok_or(CallError::NoInterface)?;
        let offered = record.offered.iter().map(|(payload_type, encoding)| NamedFormat {
            payload_type: *payload_type,
            encoding: encoding.clone(),
            fmtp: None,
        });
        let mut voice = Self {
            party: record.party,
            interface,
            pair: ports.bind_at(record.port).map_err(CallError::Ports)?,
            keys: EndKeys::of(&record.keys).ok_or(CallError::Keys)?,
            offered: offered.collect(),
            agreed: None,
        };
        if let Some(AgreedRecord { to, speech, key, reports }) = &record.agreed {
            let key = key.as_deref().map(|key| voice.answering(key)).transpose()?;
            let speech = Speech::of(speech)?;
            voice.agreed = Some(Agreed { to: *to, speech, key, reports: *reports });
        }
        Ok(voice)
    }
}
