// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call of one party with a conference: the node answers offers itself. All that can be refused is asked for
//! first, and only then anything of the call changes.

mod link;

use ale_media::conference::{JoinOptions, MemberId};
use ale_media::leg::LegMedia;
use ale_media::session::Keying;

use super::camera::{Told, Video};
use super::line::CallLine;
use super::voice::{self, Speech};
use super::{Call, CallError, Room, peer, rewrite, shared, told};
use crate::failover::{MemberRecord, SpeechRecord};
use crate::keys;
use crate::ng::flags::{Flags, Ice, Transport};
use crate::peer::ice::Credentials;
use crate::random;
use crate::sdp::fragment::Fragment;
use crate::sdp::{self, Formats, Line, LineKind, Origin, RewrittenLine, Rtcp, VideoLine};
use crate::video::key_frame::Codec;
use crate::worker::{CameraCounters, Ends, Path, Worker};

/// What a call has of its conference.
#[derive(Debug)]
pub struct Member {
    /// The conference's name.
    pub conference: String,
    /// What the others are told who it is.
    pub name: String,
    /// Its place there.
    pub id: MemberId,
    speech: Speech,
    /// Its video, if it has any.
    told: Option<Told>,
    /// Whether it says anything, and hears.
    says: bool,
    hears: bool,
    /// Whether it says nothing, whatever it offers.
    listens_only: bool,
    /// When it was last loud.
    pub(super) spoke_ns: Option<u64>,
    origin: Origin,
    /// The last answer.
    answer: Vec<u8>,
}

/// Who wants to be in a conference.
#[derive(Debug, Clone, Copy)]
pub struct Entrance<'e> {
    /// The conference's name.
    pub conference: &'e str,
    /// What the others are told who it is.
    pub name: &'e str,
    /// Whether it says nothing, whatever it offers.
    pub listens_only: bool,
    /// The offer.
    pub offer: &'e [u8],
    /// How the answer is to be.
    pub flags: &'e Flags,
}

impl Member {
    /// Whether it wants to be heard, by the last offer.
    pub fn says(&self) -> bool {
        self.says
    }

    /// Whether the conference is heard, as the last offer wants it.
    pub fn hears(&self) -> bool {
        self.hears
    }

    /// The codec of its video, if it has any.
    pub fn video(&self) -> Option<Codec> {
        self.told.as_ref().map(|told| told.line.formats.codec)
    }

    /// Figures of its video, if it has any.
    pub fn video_counters(&self) -> Option<&CameraCounters> {
        self.told.as_ref().map(|told| &*told.counters)
    }

    /// Samples a second of what it hears.
    pub fn sample_rate_hz(&self) -> u32 {
        self.speech.sample_rate_hz
    }

    /// Whether it is another node's conference, which this node has called.
    pub(super) fn is_link(&self) -> bool {
        self.answer.is_empty()
    }

    /// What is spoken with it.
    pub(super) fn speech(&self) -> &Speech {
        &self.speech
    }

    /// What is kept of it for another process.
    pub(super) fn record(&self) -> MemberRecord {
        let Origin { session, version, address } = self.origin;
        MemberRecord {
            conference: self.conference.clone(),
            name: self.name.clone(),
            says: self.says,
            hears: self.hears,
            listens_only: self.listens_only,
            origin: (session, version, address),
            answer: self.answer.clone(),
        }
    }

    /// What another process has kept, in its new place. Its video ended with that process.
    pub(super) fn of(
        record: &MemberRecord,
        speech: &SpeechRecord,
        id: MemberId,
    ) -> Result<Self, CallError> {
        let (session, version, address) = record.origin;
        Ok(Self {
            conference: record.conference.clone(),
            name: record.name.clone(),
            id,
            speech: Speech::of(speech)?,
            told: None,
            says: record.says,
            hears: record.hears,
            listens_only: record.listens_only,
            spoke_ns: None,
            origin: Origin { session, version, address },
            answer: record.answer.clone(),
        })
    }

    /// What is spoken with it, as in `a=rtpmap`.
    pub fn codec(&self) -> String {
        self.speech.encoding()
    }
}

/// What an offer asks for.
struct Plan {
    session: sdp_types::Session,
    number: usize,
    offered: Line,
    transport: Transport,
    by_dtls: bool,
    speech: Speech,
    /// The line of video that shares the transport.
    video: Option<VideoLine>,
    interface: usize,
    /// Whether the party says anything, and hears.
    says: bool,
    hears: bool,
    /// What its packets are marked with, if not with what the configuration says.
    dscp: Option<u8>,
}

impl Call {
    /// Lets who offers this into a conference, by `join`; what its worker is to have, and the answer.
    ///
    /// # Errors
    /// [`CallError`]. The call is of no more use then.
    pub fn enter(
        &mut self,
        entrance: &Entrance<'_>,
        video: &Video,
        room: &mut Room,
        join: impl FnOnce(LegMedia, JoinOptions) -> Result<MemberId, CallError>,
    ) -> Result<(Path, Vec<u8>), CallError> {
        let Entrance { conference, name, listens_only, offer, flags } = *entrance;
        let mut line = CallLine::default();
        let plan = plan(offer, flags, &line, None, listens_only, video.codecs(), room)?;
        let checks = shared::is_told_by_checks(&plan.offered, plan.by_dtls, flags);
        line.ensure_end_of(0, plan.interface, checks.then_some(self.worker), room)?;
        let (told, muxed) = line.answer_alone(&plan, flags, room)?;
        let (mut path, media) = line.enter(muxed, &plan.speech, room)?;
        let told_video = match plan.video.clone() {
            // Without ICE nothing says where its peer is until its voice has come.
            Some(video) if told.ice.is_some() && told.dtls.is_some() => {
                Some(Told::new(video).ok_or(CallError::Random)?)
            }
            _ => None,
        };
        if let (Some(told), Ends::Mix(end)) = (&told_video, &mut path.ends) {
            let (camera, control) = told.make(path.id, video)?;
            end.media.camera = Some(Box::new(camera));
            line.only().ok_or(CallError::NoOffer)?.camera = Some(control);
        }
        let session = random::number().ok_or(CallError::Random)?;
        let address = told.address.ok_or(CallError::NoInterface)?;
        let origin = Origin { session, version: 1, address };
        let options = JoinOptions {
            muted: !plan.says,
            listening: plan.hears,
            ..JoinOptions::tagged(path.id)
        };
        let id = join(media, options)?;
        let answer = written(&plan, told, told_video.as_ref(), origin, flags);
        let Plan { offered, speech, says, hears, .. } = plan;
        let [consents, _] = &mut self.consents;
        consents.set_preference(offered.preference);
        self.member = Some(Member {
            conference: conference.to_owned(),
            name: name.to_owned(),
            id,
            speech,
            told: told_video,
            says,
            hears,
            listens_only,
            spoke_ns: None,
            origin,
            answer: answer.clone(),
        });
        self.lines = vec![line];
        Ok((path, answer))
    }

    /// A member offers again: on hold, from elsewhere, with other keys. The answer.
    ///
    /// # Errors
    /// [`CallError`]. The call is as before then, but for what the engine refused for want of room.
    pub fn offer_again(
        &mut self,
        text: &[u8],
        flags: &Flags,
        room: &Room,
        worker: &Worker,
    ) -> Result<Vec<u8>, CallError> {
        let (Some(member), [line]) = (&mut self.member, &mut self.lines[..]) else {
            return Err(CallError::NotDone("A change between a call and a conference"));
        };
        let (speech, listens_only) = (Some(&member.speech), member.listens_only);
        let codec = member.video();
        let plan = plan(text, flags, line, speech, listens_only, codec.as_slice(), room)?;
        let near = line.end(0).ok_or(CallError::NoOffer)?;
        near.check(!plan.transport.secure, plan.by_dtls)?;
        near.check_shared(shared::is_told_by_checks(&plan.offered, plan.by_dtls, flags))?;
        let (told, muxed) = line.answer_alone(&plan, flags, room)?;
        line.goes_on([muxed; 2], worker);
        (member.says, member.hears) = (plan.says, plan.hears);
        let [consents, _] = &mut self.consents;
        consents.set_preference(plan.offered.preference);
        member.origin.address = told.address.ok_or(CallError::NoInterface)?;
        let video = member.told.as_ref();
        let answer = written(&plan, told.clone(), video, member.origin, flags);
        if answer != member.answer {
            // RFC 3264 section 8: who says something else says so.
            member.origin.version += 1;
            member.answer = written(&plan, told, video, member.origin, flags);
        }
        Ok(member.answer.clone())
    }

    /// The node's credentials of ICE with a member, and the member's; nothing without ICE.
    pub fn ice(&self) -> Option<(&Credentials, &Credentials)> {
        self.lines.first()?.end(0)?.peer.ice()
    }

    /// A member begins ICE anew with these credentials: what the node tells it then.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn restart_ice(
        &mut self,
        theirs: Credentials,
        room: &Room,
        worker: &Worker,
    ) -> Result<Fragment, CallError> {
        let line = self.lines.first_mut().ok_or(CallError::NoOffer)?;
        let path = line.path().ok_or(CallError::NoOffer)?;
        let end = line.only().ok_or(CallError::NoOffer)?;
        let said = end.said.as_mut().ok_or(CallError::NoOffer)?;
        let LineKind::Rtp(transport) = said.kind else { return Err(CallError::NoOffer) };
        let ice = said.ice.as_mut().ok_or(CallError::NotDone("ICE in a call that has none"))?;
        let address = room.told(end.interface).ok_or(CallError::NoInterface)?;
        let (credentials, change) = end.peer.restart(theirs.clone())?;
        ice.credentials = theirs;
        let format = said.formats.first().map_or(0, |format| format.payload_type);
        let line = format!("{} 9 {} {format}", said.media, transport.name());
        let (mid, port) = (said.mid.clone(), end.port);
        worker.change_peer(path, 0, change);
        Ok(Fragment { credentials, line, mid, address, port })
    }

    /// Whether nobody in the conference hears this member.
    pub fn is_muted(&self) -> bool {
        self.is_held() || self.member.as_ref().is_some_and(|member| !member.says)
    }

    /// Whether it has been asked for that nobody hears it.
    pub(super) fn is_held(&self) -> bool {
        let end = self.lines.first().and_then(|line| line.end(0));
        end.is_some_and(|end| end.passing.blocked || end.passing.silenced)
    }
}

/// Whether who offers this only says something, by its first line of audio.
pub(crate) fn is_sent_only(text: &[u8], max_lines: usize) -> bool {
    let Ok(session) = sdp::parse(text, max_lines) else { return false };
    let mut lines = (0..session.medias.len()).filter_map(|number| Line::of(&session, number));
    let audio = lines.find(|line| line.media == "audio" && matches!(line.kind, LineKind::Rtp(_)));
    audio.is_some_and(|line| line.sends && !line.receives)
}

/// What is to become of an offer; what is spoken already goes on.
fn plan(
    text: &[u8],
    flags: &Flags,
    kept: &CallLine,
    spoken: Option<&Speech>,
    listens_only: bool,
    codecs: &[Codec],
    room: &Room,
) -> Result<Plan, CallError> {
    let session = sdp::parse(text, room.max_lines).map_err(CallError::Sdp)?;
    let audio = (0..session.medias.len()).find_map(|number| {
        let line = Line::of(&session, number).filter(|line| line.media == "audio")?;
        let LineKind::Rtp(transport) = line.kind else { return None };
        Some((number, line, transport))
    });
    let (number, offered, transport) = audio.ok_or(CallError::NoAudio)?;
    let other_keys = keys::any_usable(&offered.crypto, flags);
    let by_dtls = peer::is_keyed_by_dtls(&offered, transport, other_keys);
    if transport.secure && !by_dtls && (transport.dtls || !other_keys) {
        return Err(CallError::Keys);
    }
    let speech = match spoken {
        Some(spoken) if spoken.is_in(&offered) => spoken.clone(),
        Some(_) => return Err(CallError::NotDone("A change of codec in a conference")),
        None => voice::alone(&offered, &flags.codecs)?,
    };
    let dscp = kept.marking(flags)?;
    let named = flags.direction.as_ref().map(|[near, _]| &near[..]);
    let interface = kept.interface(0, named, offered.ipv6, room)?;
    // On hold by address (RFC 3264 section 8.4) it takes nothing either.
    let reachable = offered.rtp.is_some() || offered.ice.is_some();
    let (says, hears) = (offered.sends && !listens_only, offered.receives && reachable);
    let mut video = sdp::video(&session, &offered, codecs);
    if let Some(video) = &mut video {
        video.sends &= !listens_only;
    }
    Ok(Plan {
        session,
        number,
        offered,
        transport,
        by_dtls,
        speech,
        video,
        interface,
        says,
        hears,
        dscp,
    })
}

impl CallLine {
    /// Agrees with the only party to what it has offered: what the answer says, and whether RTCP shares RTP's
    /// port.
    fn answer_alone(
        &mut self,
        plan: &Plan,
        flags: &Flags,
        room: &Room,
    ) -> Result<(RewrittenLine, bool), CallError> {
        let Plan { offered, transport, by_dtls, speech, .. } = plan;
        self.dscp = plan.dscp;
        let near = self.only().ok_or(CallError::NoOffer)?;
        let (keying, crypto) = if *by_dtls {
            (Keying::Pending, Vec::new())
        } else if transport.secure {
            let (keying, line) = near.keys.answer(&offered.crypto, flags).ok_or(CallError::Keys)?;
            (keying, vec![line])
        } else {
            (Keying::Plain, Vec::new())
        };
        let theirs = offered.dtls.as_ref().filter(|_| *by_dtls);
        let with_ice = offered.ice.is_some() && flags.ice != Ice::Remove;
        let passive = flags.dtls_passive || (with_ice && room.identity.lets_begin());
        let answered = theirs.map(|theirs| near.peer.answering_role(theirs, passive));
        let (role, setup) = answered.unzip();
        let ice = match &offered.ice {
            Some(theirs) if flags.ice != Ice::Remove => Some(near.peer.answer(theirs)?),
            _ => None,
        };
        let muxed = offered.rtcp_mux && !flags.rtcp_mux.reject;
        // RTCP goes by RTP's keys, and so by its port.
        let shared = muxed || *by_dtls;
        near.agree(offered, shared, keying, ice.is_some(), role, &room.identity)?;
        let here = flags.media_address.or(room.told(near.interface));
        let line = RewrittenLine {
            address: here,
            port: near.port,
            transport: *transport,
            formats: Formats::Only(speech.formats()),
            rtcp: if muxed { Rtcp::Mux } else { Rtcp::NextPort },
            crypto,
            ice: told(ice, here),
            dtls: setup.map(|setup| (room.identity.fingerprint().clone(), setup)),
            mid: offered.mid.clone(),
            bundled: offered.bundled,
            to_phone: false,
        };
        Ok((line, shared))
    }
}

fn written(
    plan: &Plan,
    told: RewrittenLine,
    video: Option<&Told>,
    origin: Origin,
    flags: &Flags,
) -> Vec<u8> {
    let Plan { session, number, offered, speech, says, hears, .. } = plan;
    // Those that the leg was made with: what another description names otherwise is not taken.
    let extensions = speech.extensions.with(offered.extensions);
    let mut answer = sdp::answering(session, *number, *hears, *says, extensions, origin);
    let mut lines = vec![None; session.medias.len()];
    // What has been agreed on stays so, as long as it is offered.
    let video = video.filter(|told| plan.video.as_ref().is_some_and(|now| now.is_as(&told.line)));
    if let Some(video) = video
        && let Some(line) = lines.get_mut(video.line.number)
    {
        let formats = Formats::Only(video.line.named());
        *line = Some(RewrittenLine { formats, mid: video.line.mid.clone(), ..told.clone() });
    }
    if let Some(line) = lines.get_mut(*number) {
        *line = Some(told);
    }
    sdp::rewrite(&mut answer, &rewrite(origin.address, flags, lines));
    sdp::ask_for_packets(&mut answer, *number, speech.asked_packet_ms());
    if let Some(Told { line, start, cname, .. }) = video {
        line.answer(&mut answer, start, cname);
    }
    sdp::write(&answer)
}
