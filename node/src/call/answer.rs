// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an answer does to a call: all that can be refused is asked for first, and only then anything of the call
//! changes.

use ale_media::session::Keying;
use ale_media::srtp::dtls::Role;

use super::line::CallLine;
use super::voice::Speech;
use super::{Call, CallError, Offer, Onward, Room, peer, rewrite, shared, told};
use crate::keys;
use crate::ng::flags::{Flags, Ice, Transport};
use crate::sdp::{self, Formats, Line, LineKind, RewrittenLine, Rtcp};
use crate::worker::Worker;

/// What has been agreed on about a line.
struct Plan {
    answered: Line,
    transport: Transport,
    onward: Onward,
    /// Whether keys with who offered come by DTLS.
    by_dtls: bool,
    /// Whether its checks tell it from others on a port.
    by_checks: bool,
    speeches: Option<[Speech; 2]>,
    far_keying: Keying,
    far_role: Option<Role>,
    dscp: Option<u8>,
}

impl Call {
    /// The answer of `to_tag` to what was offered last; the description to be passed back.
    ///
    /// # Errors
    /// [`CallError`]. The call is as before then, but for sessions of the engine that were refused for want of
    /// room.
    pub fn answer(
        &mut self,
        from_tag: &str,
        to_tag: &str,
        text: &[u8],
        flags: &Flags,
        room: &mut Room,
        worker: &Worker,
    ) -> Result<Vec<u8>, CallError> {
        let offer = self.offer.take().ok_or(CallError::NoOffer)?;
        let result = self.answer_to(&offer, from_tag, to_tag, text, flags, room, worker);
        // A final answer may follow a provisional one.
        self.offer = Some(offer);
        result
    }

    fn answer_to(
        &mut self,
        offer: &Offer,
        from_tag: &str,
        to_tag: &str,
        text: &[u8],
        flags: &Flags,
        room: &mut Room,
        worker: &Worker,
    ) -> Result<Vec<u8>, CallError> {
        let by = offer.by;
        if self.party(from_tag) != Some(by) {
            return Err(CallError::UnknownTag);
        }
        let mut session = sdp::parse(text, room.max_lines).map_err(CallError::Sdp)?;
        let plans = offer.lines.iter().enumerate().zip(&self.lines).map(|((n, offered), line)| {
            plan(line, offer, n, (offered, Line::of(&session, n)), flags)
        });
        let plans: Vec<_> = plans.collect::<Result<_, _>>()?;
        self.set_tag(1 - by, to_tag);
        let answered = (0..session.medias.len()).filter_map(|n| Line::of(&session, n));
        self.set_preference(1 - by, &answered.collect::<Vec<_>>());
        let mut rewritten = Vec::new();
        let (mut address, mut bundle_begun) = (None, false);
        for ((plan, offered), line) in plans.into_iter().zip(&offer.lines).zip(&mut self.lines) {
            let Some(plan) = plan else {
                line.close(worker);
                rewritten.push(None);
                continue;
            };
            let mut told = line.agree(offer, offered, plan, flags, room, worker)?;
            address = address.or(told.address);
            // Each line has a port of its own: of those that could share one, one is left.
            told.bundled = offered.bundled && !bundle_begun;
            bundle_begun |= told.bundled;
            rewritten.push(Some(told));
        }
        if let Some(address) = address {
            sdp::rewrite(&mut session, &rewrite(address, flags, rewritten));
        }
        Ok(sdp::write(&session))
    }
}

/// What has been agreed on about a line that was offered; `None` if nothing of it goes through the node.
fn plan(
    line: &CallLine,
    offer: &Offer,
    n: usize,
    (offered, answered): (&Line, Option<Line>),
    flags: &Flags,
) -> Result<Option<Plan>, CallError> {
    let (Some(answered), LineKind::Rtp(transport), Some(Some(onward))) =
        (answered, offered.kind, offer.onward.get(n).copied())
    else {
        return Ok(None);
    };
    let LineKind::Rtp(answered_transport) = answered.kind else { return Ok(None) };
    if answered_transport.secure != onward.transport.secure {
        return Err(CallError::Keys);
    }
    let speeches = line.speeches(offer.by, (offered, &offer.flags.codecs), &answered)?;
    let [Some(near), Some(far)] = [offer.by, 1 - offer.by].map(|party| line.end(party)) else {
        return Err(CallError::NoOffer);
    };
    let other_keys = keys::any_usable(&offered.crypto, &offer.flags);
    let by_dtls = peer::is_keyed_by_dtls(offered, transport, other_keys);
    if transport.secure && !by_dtls && !other_keys {
        return Err(CallError::Keys);
    }
    let (far_keying, far_role) = match &answered.dtls {
        Some(theirs) if onward.dtls => (Keying::Pending, Some(peer::offering_role(theirs))),
        _ if onward.dtls => return Err(CallError::Keys),
        _ if onward.transport.secure => {
            (far.keys.accept(&answered.crypto).ok_or(CallError::Keys)?, None)
        }
        _ => (Keying::Plain, None),
    };
    near.check(!transport.secure, by_dtls)?;
    let by_checks = shared::is_told_by_checks(offered, by_dtls, flags) && !offer.rtcp_mux.reject;
    near.check_shared(by_checks)?;
    far.check(!onward.transport.secure, onward.dtls)?;
    Ok(Some(Plan {
        answered,
        transport,
        onward,
        by_dtls,
        by_checks,
        speeches,
        far_keying,
        far_role,
        dscp: line.marking(&offer.flags)?,
    }))
}

impl CallLine {
    /// Goes on as has been agreed; what takes the line's place in the answer that is passed back.
    fn agree(
        &mut self,
        offer: &Offer,
        offered: &Line,
        plan: Plan,
        flags: &Flags,
        room: &mut Room,
        worker: &Worker,
    ) -> Result<RewrittenLine, CallError> {
        let Plan { answered, transport, onward, by_dtls, by_checks, speeches, .. } = plan;
        let (far_keying, far_role) = (plan.far_keying, plan.far_role);
        let by = offer.by;
        let formats = match speeches.as_ref().and_then(|speeches| speeches.get(by)) {
            Some(speech) => Formats::Only(speech.formats()),
            None => Formats::And(Vec::new()),
        };
        self.dscp = plan.dscp;
        let (near, far) = self.both(by).ok_or(CallError::NoOffer)?;
        near.part(by_checks, room)?;
        let (near_keying, crypto) = if by_dtls {
            (Keying::Pending, Vec::new())
        } else if transport.secure {
            let answer = near.keys.answer(&offered.crypto, &offer.flags);
            let (keying, line) = answer.ok_or(CallError::Keys)?;
            (keying, vec![line])
        } else {
            (Keying::Plain, Vec::new())
        };
        let with_ice = offered.ice.is_some() && flags.ice != Ice::Remove;
        let passive = offer.flags.dtls_passive
            || flags.dtls_passive
            || (with_ice && room.identity.lets_begin());
        let theirs = offered.dtls.as_ref().filter(|_| by_dtls);
        let (near_role, setup) =
            theirs.map(|theirs| near.peer.answering_role(theirs, passive)).unzip();
        let near_ice = match &offered.ice {
            Some(theirs) if flags.ice != Ice::Remove => Some(near.peer.answer(theirs)?),
            _ => None,
        };
        let mux = &offer.rtcp_mux;
        let wanted =
            by_dtls || answered.rtcp_mux || mux.demux || mux.accept || flags.rtcp_mux.accept;
        let near_muxed = offered.rtcp_mux && wanted && !mux.reject && !flags.rtcp_mux.reject;
        // RTCP goes by RTP's keys, and so by its port, also to a peer that has not said so.
        let [near_shared, far_shared] = [near_muxed || by_dtls, answered.rtcp_mux || onward.dtls];
        let (identity, with_ice) = (&room.identity, near_ice.is_some());
        let far_ice = onward.ice && answered.ice.is_some();
        near.agree(offered, near_shared, near_keying, with_ice, near_role, identity)?;
        far.agree(&answered, far_shared, far_keying, far_ice, far_role, identity)?;
        let (port, here) = (near.port, flags.media_address.or(room.told(near.interface)));
        let muxed = if by == 0 { [near_shared, far_shared] } else { [far_shared, near_shared] };
        self.run(muxed, speeches, room, worker)?;
        let named = by_dtls || with_ice || answered.mid.is_some();
        Ok(RewrittenLine {
            address: here,
            port,
            transport,
            formats,
            rtcp: if near_muxed { Rtcp::Mux } else { Rtcp::NextPort },
            crypto,
            ice: told(near_ice, here),
            dtls: setup.map(|setup| (room.identity.fingerprint().clone(), setup)),
            mid: offered.mid.clone().filter(|_| named),
            bundled: false,
            to_phone: onward.dtls && !by_dtls,
        })
    }
}
