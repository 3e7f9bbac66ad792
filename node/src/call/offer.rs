// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an offer does to a call: all that can be refused is asked for first, then ports are taken, and only then
//! anything of the call changes.

use super::line::CallLine;
use super::{Call, CallError, Offer, Onward, Room, peer, rewrite, shared, told, voice};
use crate::keys;
use crate::ng::flags::{Flags, Ice};
use crate::sdp::{self, Formats, Line, LineKind, RewrittenLine, Rtcp, Setup};

/// What a line is to be.
struct Plan {
    onward: Onward,
    /// Whether keys with who offers come by DTLS.
    by_dtls: bool,
    /// Whether its checks tell it from others on a port.
    checks: bool,
    formats: Formats,
    /// Of the end towards who offers, and the other.
    interfaces: [usize; 2],
}

impl Call {
    /// An offer of `from_tag`; the description to be passed on.
    ///
    /// # Errors
    /// [`CallError`]; the call is as before then.
    pub fn offer(
        &mut self,
        from_tag: &str,
        to_tag: Option<&str>,
        text: &[u8],
        flags: &Flags,
        room: &mut Room,
    ) -> Result<Vec<u8>, CallError> {
        if self.member.is_some() {
            return Err(CallError::NotDone("A change between a call and a conference"));
        }
        let by = match (self.party(from_tag), to_tag.and_then(|tag| self.party(tag))) {
            (Some(by), _) => by,
            // Somebody else speaks to this party from now on: a transfer.
            (None, Some(other)) => 1 - other,
            (None, None) => return Err(CallError::UnknownTag),
        };
        let mut session = sdp::parse(text, room.max_lines).map_err(CallError::Sdp)?;
        sdp::refuse_data_channels(&mut session);
        let lines: Vec<Line> =
            (0..session.medias.len()).filter_map(|n| Line::of(&session, n)).collect();
        let none = CallLine::default();
        let plans = lines.iter().enumerate().map(|(n, line)| {
            let kept = self.lines.get(n).unwrap_or(&none);
            plan(line, kept, by, flags, room)
        });
        let plans: Vec<_> = plans.collect::<Result<_, _>>()?;
        self.take_ends(by, &plans, room)?;
        self.set_tag(by, from_tag);
        self.set_preference(by, &lines);
        let mut rewritten = Vec::new();
        let mut address = None;
        for (n, ((line, plan), kept)) in lines.iter().zip(&plans).zip(&mut self.lines).enumerate() {
            let ends = plan.as_ref().zip(kept.both(by));
            let Some((plan, (_, far))) = ends else {
                rewritten.push(None);
                continue;
            };
            let Onward { transport, ice, dtls } = plan.onward;
            let by_sdes = transport.secure && !dtls;
            // A port of RTCP's own would need a handshake of its own.
            let muxed = dtls || flags.rtcp_mux.offer || (line.rtcp_mux && !flags.rtcp_mux.demux);
            let here = flags.media_address.or(room.told(far.interface));
            address = address.or(here);
            let ice = if ice { Some(far.peer.tell()?) } else { None };
            let to_browser = dtls || ice.is_some();
            rewritten.push(Some(RewrittenLine {
                address: here,
                port: far.port,
                transport,
                formats: plan.formats.clone(),
                rtcp: if muxed { Rtcp::MuxOffered } else { Rtcp::NextPort },
                crypto: if by_sdes { far.keys.offer(flags) } else { Vec::new() },
                ice: told(ice, here),
                dtls: dtls.then(|| (room.identity.fingerprint().clone(), Setup::Either)),
                mid: mid(line, n, to_browser, flags),
                bundled: false,
                to_phone: plan.by_dtls && !dtls,
            }));
        }
        if let Some(address) = address {
            sdp::rewrite(&mut session, &rewrite(address, flags, rewritten));
        }
        let onward = plans.iter().map(|plan| plan.as_ref().map(|plan| plan.onward)).collect();
        self.offer =
            Some(Offer { by, lines, onward, rtcp_mux: flags.rtcp_mux, flags: flags.clone() });
        Ok(sdp::write(&session))
    }

    /// Takes ports for the ends that are not there yet, for all or for none.
    fn take_ends(
        &mut self,
        by: usize,
        plans: &[Option<Plan>],
        room: &Room,
    ) -> Result<(), CallError> {
        let worker = self.worker;
        let there: Vec<_> =
            self.lines.iter().map(|line| line.ends.each_ref().map(Option::is_some)).collect();
        if self.lines.len() < plans.len() {
            self.lines.resize_with(plans.len(), CallLine::default);
        }
        let taken = plans.iter().zip(&mut self.lines).try_for_each(|(plan, line)| {
            let Some(plan) = plan else { return Ok(()) };
            let [near, far] = plan.interfaces;
            line.ensure_end_of(by, near, plan.checks.then_some(worker), room)?;
            line.ensure_end(1 - by, far, room)
        });
        if taken.is_err() {
            self.lines.truncate(there.len());
            for (line, there) in self.lines.iter_mut().zip(there) {
                for (end, there) in line.ends.iter_mut().zip(there) {
                    end.take_if(|_| !there);
                }
            }
        }
        taken
    }
}

/// What a line is to be; `None` for one that does not go through the node.
fn plan(
    line: &Line,
    kept: &CallLine,
    by: usize,
    flags: &Flags,
    room: &Room,
) -> Result<Option<Plan>, CallError> {
    let LineKind::Rtp(transport) = line.kind else { return Ok(None) };
    kept.marking(flags)?;
    let to = flags.transport.unwrap_or(transport);
    let other_keys = keys::any_usable(&line.crypto, flags);
    let by_dtls = peer::is_keyed_by_dtls(line, transport, other_keys);
    if transport.secure && !by_dtls && (transport.dtls || !other_keys) {
        return Err(CallError::Keys);
    }
    let dtls = peer::offers_dtls(to, flags);
    if to.secure && !dtls && flags.no_sdes {
        return Err(CallError::NotDone("SRTP without SDES and DTLS"));
    }
    if to.secure && !dtls && !keys::any_permitted(flags) {
        return Err(CallError::Keys);
    }
    let ice = match flags.ice {
        Ice::Remove => false,
        Ice::Force => true,
        Ice::Unsaid => line.ice.is_some(),
    };
    // What is translated stays so, whoever asks for another round and with whatever flags.
    let formats = match kept.spoken(1 - by) {
        Some(formats) => Formats::Only(formats),
        None => {
            let added = voice::added(line, &flags.codecs);
            if line.is_emptied_by(&flags.codecs) && added.is_empty() {
                return Err(CallError::NoCodec);
            }
            Formats::And(added)
        }
    };
    let [near, far] = match &flags.direction {
        Some([near, far]) => [Some(&near[..]), Some(&far[..])],
        None => [None, None],
    };
    let far_ipv6 = flags.ipv6.unwrap_or(line.ipv6);
    let interfaces =
        [kept.interface(by, near, line.ipv6, room)?, kept.interface(1 - by, far, far_ipv6, room)?];
    let onward = Onward { transport: to, ice, dtls };
    let checks = shared::offers_checks(line, by_dtls);
    Ok(Some(Plan { onward, by_dtls, checks, formats, interfaces }))
}

/// A line's name where it is offered on: phones have never heard of them.
fn mid(line: &Line, n: usize, to_browser: bool, flags: &Flags) -> Option<String> {
    match &line.mid {
        Some(mid) if to_browser || flags.generate_mid => Some(mid.clone()),
        _ if flags.generate_mid => Some((n + 1).to_string()),
        Some(mid) if line.dtls.is_none() => Some(mid.clone()),
        _ => None,
    }
}
