// SPDX-License-Identifier: MIT OR Apache-2.0
//! A media line of a call as the control thread has it: ports, keys and sessions' control halves.

mod end;
mod resume;

use core::net::SocketAddr;
use std::sync::Arc;

use ale_media::leg::{LegControl, LegEvent, LegMedia, MAX_DIGIT_MS, MIN_DIGIT_MS};
use ale_media::session::{Keying, SessionControl};

use super::Room;
use super::error::CallError;
use super::peer::EndPeer;
use super::voice::{self, Speech};
use crate::keys::EndKeys;
use crate::ng::command::Digit;
use crate::ng::flags::{Codecs, Flags};
use crate::peer::Change;
use crate::play::Player;
use crate::ports::Sockets;
use crate::random;
use crate::sdp::{Line, NamedFormat};
use crate::worker::{
    End, EndCheckpoint, EndCounters, Ends, Happened, Heard, Numbers, Passing, Path, Playing,
    Source, Worker,
};

/// Volume of digits, in -dBm0.
const DIGIT_VOLUME_DBM0: u8 = 10;

/// One end of a media line, as the control thread has it.
#[derive(Debug)]
pub(crate) struct LineEnd {
    pub(crate) interface: usize,
    pub(crate) port: u16,
    /// Until the worker has them.
    sockets: Option<Sockets>,
    /// Whether they are those of others, too.
    shares: bool,
    pub(super) keys: EndKeys,
    pub(super) peer: EndPeer,
    /// What is passed on of what its peer says.
    pub(super) passing: Passing,
    /// By which payload types, where it goes on undecoded.
    numbers: Numbers,
    /// What the worker is to know of ICE and DTLS.
    change: Option<Change>,
    /// Where it has been said that the peer is now, of RTP and of RTCP.
    moved: Option<(SocketAddr, Option<SocketAddr>)>,
    /// Where ICE says that the peer is.
    chosen: Option<SocketAddr>,
    /// Why there are no keys, if there will be none.
    pub(crate) failure: Option<String>,
    /// What its peer has said, of what was agreed on.
    pub(crate) said: Option<Line>,
    /// Until the session is made with it.
    keying: Option<Keying>,
    control: Option<EndControl>,
    /// What takes the keys of its video, if it has any.
    pub(super) camera: Option<SessionControl>,
    /// Whether packets are SRTP, and whether by keys of DTLS.
    secure: bool,
    by_dtls: bool,
    /// Whether keys have been agreed on by DTLS.
    has_keys: bool,
    /// What is played to its peer: the copy that is let go of here.
    playing: Option<Player>,
    pub(crate) counters: Arc<EndCounters>,
}

/// A media line.
#[derive(Debug, Default)]
pub(crate) struct CallLine {
    /// Towards who offered first, and towards the other.
    pub(crate) ends: [Option<LineEnd>; 2],
    path: Option<u64>,
    /// Whether RTCP shares RTP's port, at each end.
    muxed: [bool; 2],
    /// What its packets are marked with, if not with what the configuration says: a code point, 0 to 63 (RFC 2474).
    pub(super) dscp: Option<u8>,
    /// What its sessions are kept as for another process.
    checkpoint: Option<Vec<EndCheckpoint>>,
    /// What is spoken at each end, where that is not the same.
    pub(super) speeches: Option<[Speech; 2]>,
}

/// The control half of what an end's packets go through.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // One an end.
enum EndControl {
    Session(SessionControl),
    Leg(LegControl),
}

impl CallLine {
    /// The end towards a party; made if it is not there, with ports of its own.
    pub(super) fn ensure_end(
        &mut self,
        party: usize,
        interface: usize,
        room: &Room,
    ) -> Result<(), CallError> {
        self.ensure_end_of(party, interface, None, room)
    }

    /// The same, with the port that a worker's lines have in common, if there is a worker and it has one.
    pub(super) fn ensure_end_of(
        &mut self,
        party: usize,
        interface: usize,
        worker: Option<usize>,
        room: &Room,
    ) -> Result<(), CallError> {
        let slot = self.ends.get_mut(party).ok_or(CallError::UnknownTag)?;
        if slot.is_none() {
            let shared = worker.and_then(|worker| room.shared.get(interface, worker));
            let sockets = match shared {
                Some(port) => Sockets::Shared(Arc::clone(port)),
                None => room.own_ports(interface)?,
            };
            *slot = Some(LineEnd {
                interface,
                port: sockets.port(),
                shares: shared.is_some(),
                sockets: Some(sockets),
                keys: EndKeys::default(),
                peer: EndPeer::default(),
                passing: Passing::default(),
                numbers: Numbers::none(),
                change: None,
                moved: None,
                chosen: None,
                failure: None,
                said: None,
                keying: None,
                control: None,
                camera: None,
                secure: false,
                by_dtls: false,
                has_keys: false,
                playing: None,
                counters: Arc::default(),
            });
        }
        Ok(())
    }

    /// The end towards a party.
    pub(super) fn end(&self, party: usize) -> Option<&LineEnd> {
        self.ends.get(party)?.as_ref()
    }

    /// The number by which a worker has it, if one does.
    pub(super) fn path(&self) -> Option<u64> {
        self.path
    }

    /// The end towards the only party.
    pub(super) fn only(&mut self) -> Option<&mut LineEnd> {
        let [only, _] = &mut self.ends;
        only.as_mut()
    }

    /// The interface of the end towards a party: the one that it has, which must be what is asked for.
    pub(super) fn interface(
        &self,
        party: usize,
        name: Option<&str>,
        ipv6: bool,
        room: &Room,
    ) -> Result<usize, CallError> {
        let Some(end) = self.end(party) else { return room.interface(name, ipv6) };
        let (interface, _) = room.interfaces.get(end.interface).ok_or(CallError::NoInterface)?;
        let named = name.is_none_or(|name| interface.name == name);
        if named && interface.told().is_ipv6() == ipv6 {
            return Ok(end.interface);
        }
        Err(CallError::NotDone("A change of address family or interface within a call"))
    }

    /// What its packets are to be marked with by an offer: as rtpengine does it, by what the configuration says if the
    /// offer says nothing, and as before if it says a negative number.
    pub(super) fn marking(&self, flags: &Flags) -> Result<Option<u8>, CallError> {
        match flags.tos {
            None => Ok(None),
            Some(..0) => Ok(self.dscp),
            // The two bits below are for congestion (RFC 3168).
            Some(tos) => u8::try_from(tos).map(|tos| Some(tos >> 2)).map_err(|_| CallError::Tos),
        }
    }

    /// The end towards a party, and the other.
    pub(super) fn both(&mut self, party: usize) -> Option<(&mut LineEnd, &mut LineEnd)> {
        let [Some(first), Some(second)] = &mut self.ends else { return None };
        Some(if party == 0 { (first, second) } else { (second, first) })
    }

    /// Has a worker forward what has been agreed on, or goes on as it does with what has changed.
    pub(super) fn run(
        &mut self,
        muxed: [bool; 2],
        speeches: Option<[Speech; 2]>,
        room: &mut Room,
        worker: &Worker,
    ) -> Result<(), CallError> {
        self.muxed = muxed;
        self.renumber();
        if self.goes_on(muxed, worker) {
            return Ok(());
        }
        let [Some(first), Some(second)] = &mut self.ends else { return Ok(()) };
        let ends = match &speeches {
            None => {
                let [Some(one), Some(other)] = [&first.said, &second.said].map(Option::clone)
                else {
                    return Err(CallError::NoOffer);
                };
                Ends::Relay([first.make(muxed[0], &other)?, second.make(muxed[1], &one)?])
            }
            Some([one, other]) => Ends::Translate([
                first.make_voice(muxed[0], one, room)?,
                second.make_voice(muxed[1], other, room)?,
            ]),
        };
        self.speeches = speeches;
        worker.open(self.begin(ends, room));
        Ok(())
    }

    /// Both parties' descriptions say by which numbers each takes what the other sends.
    fn renumber(&mut self) {
        let [Some(first), Some(second)] = &mut self.ends else { return };
        if let Some(other) = &second.said {
            first.renumber(other);
        }
        if let Some(other) = &first.said {
            second.renumber(other);
        }
    }

    /// The leg of a conference's member: what its worker has, and what the conference takes in.
    pub(super) fn enter(
        &mut self,
        muxed: bool,
        speech: &Speech,
        room: &mut Room,
    ) -> Result<(Path, LegMedia), CallError> {
        let [Some(only), _] = &mut self.ends else { return Err(CallError::NoOffer) };
        let (receiver, media) = only.make_leg(speech, room)?;
        let reports_to = only.said.as_ref().and_then(|said| said.rtcp);
        let (facing, heard) = (only.make_facing(muxed)?, Heard::new(receiver, reports_to));
        let ends = Ends::Mix(End { facing, media: heard });
        Ok((self.begin(ends, room), media))
    }

    fn begin(&mut self, ends: Ends, room: &mut Room) -> Path {
        let id = room.next_path;
        room.next_path += 1;
        self.path = Some(id);
        let path = Path { id, ends };
        if self.dscp.is_some() {
            path.mark(self.dscp);
        }
        path
    }

    /// Tells the worker what has changed, if it has the line.
    pub(super) fn goes_on(&mut self, muxed: [bool; 2], worker: &Worker) -> bool {
        let Some(id) = self.path else { return false };
        worker.set_rtcp_mux(id, muxed);
        worker.mark(id, self.dscp);
        for (n, end) in self.ends.iter_mut().flatten().enumerate() {
            if let Some(change) = end.change.take() {
                worker.change_peer(id, n, change);
            }
            worker.set_numbers(id, n, end.numbers.clone());
        }
        // Of two, the halves that send know it from the session.
        if let [Some(only), None] = &mut self.ends
            && let Some((rtp, rtcp)) = only.moved.take()
        {
            worker.relatch(id, rtp, rtcp);
        }
        true
    }

    /// What is spoken at each end, in the order of the parties, once `by` has offered and the other has
    /// answered; `None` if packets are passed on as they are. A line that runs goes on as it does, though its
    /// peers could also speak otherwise.
    pub(super) fn speeches(
        &self,
        by: usize,
        (offered, codecs): (&Line, &Codecs),
        answered: &Line,
    ) -> Result<Option<[Speech; 2]>, CallError> {
        let lines = if by == 0 { [offered, answered] } else { [answered, offered] };
        if let Some(now) = &self.speeches
            && now.iter().zip(lines).all(|(speech, line)| speech.is_in(line))
        {
            return Ok(Some(now.clone()));
        }
        let then = voice::translation(offered, &voice::added(offered, codecs), answered)?;
        if self.path.is_some() && (self.speeches.is_some() || then.is_some()) {
            return Err(CallError::NotDone("A change of what is translated within a call"));
        }
        Ok(then.map(|[near, far]| if by == 0 { [near, far] } else { [far, near] }))
    }

    /// What is spoken towards a party, where that is translated.
    pub(super) fn spoken(&self, party: usize) -> Option<Vec<NamedFormat>> {
        self.speeches.as_ref()?.get(party).map(Speech::formats)
    }

    /// Says at each end what digits have come at the other, and ends collisions of sources. Those of a
    /// conference's member are for nobody.
    pub(super) fn carry_digits(&mut self) {
        if let [Some(LineEnd { control: Some(EndControl::Leg(only)), .. }), None] = &mut self.ends {
            return carry(only, None, Passing::default());
        }
        let [Some(first), Some(second)] = &mut self.ends else { return };
        let passing = [first.passing, second.passing];
        let (Some(EndControl::Leg(first)), Some(EndControl::Leg(second))) =
            (&mut first.control, &mut second.control)
        else {
            return;
        };
        carry(first, Some(second), passing[0]);
        carry(second, Some(first), passing[1]);
    }

    /// Changes what is passed on of what a party says.
    pub(super) fn pass(&mut self, party: usize, change: impl Fn(&mut Passing), worker: &Worker) {
        let Some(Some(end)) = self.ends.get_mut(party) else { return };
        change(&mut end.passing);
        if let Some(id) = self.path {
            worker.set_passing(id, party, end.passing);
        }
    }

    /// Says a digit as if a party did.
    pub(super) fn say_digit(&mut self, party: usize, digit: Digit) -> Result<(), CallError> {
        let Some((_, far)) = self.both(party) else { return Err(CallError::NoOffer) };
        match &mut far.control {
            Some(EndControl::Leg(leg)) => leg
                .send_digit(digit.event, digit.duration_ms, digit.volume_dbm0)
                .map_err(CallError::LegChange),
            _ => Err(CallError::NotDone("A digit where packets are passed on undecoded")),
        }
    }

    /// The rate at which something can be played to a party.
    pub(super) fn play_rate_hz(&self, party: usize) -> Result<u32, CallError> {
        let end = self.end(party).filter(|_| self.path.is_some()).ok_or(CallError::NoOffer)?;
        match (&end.control, &self.speeches) {
            (Some(EndControl::Leg(_)), Some(speeches)) => {
                Ok(speeches.get(party).ok_or(CallError::NoOffer)?.sample_rate_hz)
            }
            (Some(EndControl::Session(_)), _) => {
                let spoken = end.said.as_ref().and_then(voice::first_known);
                let (_, codec) = spoken.ok_or(CallError::UnknownCodecs)?;
                Ok(codec.format().sample_rate_hz)
            }
            _ => Err(CallError::NoOffer),
        }
    }

    /// Plays something to a party, at its rate; what is played already ends.
    pub(super) fn play(
        &mut self,
        party: usize,
        player: Player,
        worker: &Worker,
    ) -> Result<(), CallError> {
        let id = self.path.ok_or(CallError::NoOffer)?;
        let end = self.ends.get_mut(party).and_then(Option::as_mut).ok_or(CallError::NoOffer)?;
        let spoken = end.said.as_ref().and_then(voice::first_known);
        let source = match (&end.control, spoken) {
            (Some(EndControl::Session(_)), Some((payload_type, codec))) => Some(Source {
                payload_type,
                encoder: codec.encoder().map_err(|_| CallError::NoCodec)?,
                ssrc: random::number().ok_or(CallError::Random)?,
                sequence: (random::number().ok_or(CallError::Random)? >> 17) as u16,
                timestamp: random::number().ok_or(CallError::Random)?,
            }),
            _ => None,
        };
        end.playing = Some(player.clone());
        worker.play(id, party, Some(Playing { player, source, begins: true }));
        Ok(())
    }

    /// Plays nothing more to a party; where it was, in ms, if something was played.
    pub(super) fn stop_playing(&mut self, party: usize, worker: &Worker) -> Option<u64> {
        let end = self.ends.get_mut(party)?.as_mut()?;
        worker.play(self.path?, party, None);
        // Its last copy may be the worker's now, which lets go of it between two packets.
        end.playing.take().map(|player| player.position_ms())
    }

    /// Whether a worker has it by this number.
    pub(crate) fn is_path(&self, id: u64) -> bool {
        self.path == Some(id)
    }

    /// What has happened at an end.
    pub(super) fn hear(&mut self, end: usize, happened: &Happened) {
        let Some(Some(end)) = self.ends.get_mut(end) else { return };
        match happened {
            Happened::Agreed(agreed) => {
                end.failure = end.take_keys(agreed).err().map(|error| error.to_string());
                end.has_keys |= end.failure.is_none();
            }
            Happened::Failed(reason) => end.failure = Some(reason.clone()),
            Happened::Moved(to) => end.chosen = Some(*to),
            Happened::Checkpointed { .. } => {}
        }
    }

    /// Ends the line, and gives its ports back.
    pub(super) fn close(&mut self, worker: &Worker) {
        if let Some(id) = self.path.take() {
            worker.close(id);
        }
        self.ends = [None, None];
        (self.speeches, self.dscp) = (None, None);
        self.checkpoint = None;
    }
}

/// Says at one end what digits have come at the other, if they are passed on.
fn carry(from: &mut LegControl, mut to: Option<&mut LegControl>, passing: Passing) {
    while let Some(event) = from.next_event() {
        match event {
            LegEvent::DigitEnded { .. } if passing.blocked || passing.no_digits => {}
            LegEvent::DigitEnded { event, duration_ms } => {
                let duration_ms = duration_ms.clamp(MIN_DIGIT_MS, MAX_DIGIT_MS);
                if let Some(to) = &mut to {
                    // One that has no room any more would come too late.
                    let _ = to.send_digit(event, duration_ms, DIGIT_VOLUME_DBM0);
                }
            }
            LegEvent::SsrcCollision { .. } => {
                // RFC 3550 section 8.2.
                if let Some(ssrc) = random::ssrc(false) {
                    let _ = from.change_ssrc(ssrc);
                }
            }
            _ => {}
        }
    }
}
