// SPDX-License-Identifier: MIT OR Apache-2.0
//! A conference that takes part in one of another node: the node offers, as a browser would.

use core::net::IpAddr;

use ale_media::conference::{JoinOptions, MemberId};
use ale_media::leg::LegMedia;
use ale_media::session::Keying;

use super::Member;
use crate::call::camera::{Told, Video};
use crate::call::line::CallLine;
use crate::call::{Call, CallError, Room, peer, voice};
use crate::ng::flags::Codecs;
use crate::peer::check::Checks;
use crate::random;
use crate::sdp::{self, Line, LineKind, Origin, Setup};
use crate::worker::{Ends, Path};

/// How long a link's packets are, in ms: half as long as usual, or a voice that goes over it would come 10 ms later.
const PACKET_MS: u16 = 10;

impl Call {
    /// Offers what a browser with a camera that speaks Opus would; the offer.
    ///
    /// # Errors
    /// [`CallError`]. The call is of no more use then.
    pub fn dial(&mut self, video: &Video, room: &Room) -> Result<String, CallError> {
        let (interface, _) = room.interfaces.first().ok_or(CallError::NoInterface)?;
        let here = interface.told();
        let mut line = CallLine::default();
        line.ensure_end(0, 0, room)?;
        let near = line.only().ok_or(CallError::NoOffer)?;
        let ours = near.peer.tell()?;
        let session = random::number().ok_or(CallError::Random)?;
        let family = if here.is_ipv4() { "IP4" } else { "IP6" };
        let (port, setup) = (near.port, Setup::Either.value());
        let fingerprint = room.identity.fingerprint().value();
        let codecs = video.codecs();
        let mids = if codecs.is_empty() { "0" } else { "0 1" };
        let mut text = format!(
            "v=0\r\no=- {session} 1 IN {family} {here}\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {mids}\r\n\
             m=audio {port} UDP/TLS/RTP/SAVPF 111\r\nc=IN {family} {here}\r\na=mid:0\r\na=sendrecv\r\n\
             a=rtcp-mux\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:{fingerprint}\r\n\
             a=setup:{setup}\r\na=candidate:1 1 UDP 2130706431 {here} {port} typ host\r\n\
             a=end-of-candidates\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1;usedtx=1\r\n\
             a=ptime:{PACKET_MS}\r\n",
            ours.fragment, ours.password
        );
        if !codecs.is_empty() {
            text += &format!(
                "m=video {port} UDP/TLS/RTP/SAVPF {}\r\nc=IN {family} {here}\r\na=mid:1\r\na=sendrecv\r\n\
                 a=rtcp-mux\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:{fingerprint}\r\n\
                 a=setup:{setup}\r\n{}",
                sdp::offered_types(codecs),
                ours.fragment,
                ours.password,
                sdp::offer(codecs)
            );
        }
        self.lines = vec![line];
        Ok(text)
    }

    /// The other node has answered: by `join` the conference hears it, and is heard by it; what its worker is to have.
    ///
    /// # Errors
    /// [`CallError`]. The call is of no more use then.
    pub fn connect(
        &mut self,
        answer: &[u8],
        (conference, name): (&str, &str),
        video: &Video,
        room: &mut Room,
        join: impl FnOnce(LegMedia, JoinOptions) -> Result<MemberId, CallError>,
    ) -> Result<Path, CallError> {
        let session = sdp::parse(answer, 2).map_err(CallError::Sdp)?;
        let said = Line::of(&session, 0).ok_or(CallError::NoAudio)?;
        let secure = matches!(said.kind, LineKind::Rtp(transport) if transport.secure);
        let (Some(dtls), Some(ice), true) = (&said.dtls, &said.ice, secure && said.rtcp_mux) else {
            return Err(CallError::Keys);
        };
        let to = said.rtp.ok_or(CallError::NoInterface)?;
        let speech = voice::alone(&said, &Codecs::default())?;
        let line = self.lines.first_mut().ok_or(CallError::NoOffer)?;
        let near = line.only().ok_or(CallError::NoOffer)?;
        let checks = Checks::new(&near.peer.tell()?, &ice.credentials, to);
        let checks = checks.ok_or(CallError::NotDone("ICE with credentials that long"))?;
        // The other checks nothing: it is where it says, and learns from the checks where this is.
        let role = Some(peer::offering_role(dtls));
        near.agree(&said, true, Keying::Pending, false, role, &room.identity)?;
        let (mut path, media) = line.enter(true, &speech, room)?;
        if let Ends::Mix(end) = &mut path.ends
            && let Some(peer) = &mut end.facing.peer
        {
            peer.check(checks);
        }
        // Without video the voice goes on alone: another codec is spoken here, or there.
        let told = match sdp::video(&session, &said, video.codecs()) {
            Some(line) => Some(Told::new(line).ok_or(CallError::Random)?),
            None => None,
        };
        if let (Some(told), Ends::Mix(end)) = (&told, &mut path.ends) {
            let (camera, control) = told.make(path.id, video)?;
            end.media.camera = Some(Box::new(camera));
            line.only().ok_or(CallError::NoOffer)?.camera = Some(control);
        }
        let id = join(media, JoinOptions::tagged(path.id))?;
        let session = random::number().ok_or(CallError::Random)?;
        let address: IpAddr = to.ip();
        self.member = Some(Member {
            conference: conference.to_owned(),
            name: name.to_owned(),
            id,
            speech,
            told,
            says: true,
            hears: true,
            listens_only: false,
            spoke_ns: None,
            origin: Origin { session, version: 1, address },
            answer: Vec::new(),
        });
        Ok(path)
    }
}
