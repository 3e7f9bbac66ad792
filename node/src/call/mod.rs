// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call: two parties by their tags, media lines with an end towards each, and what an offer and its answer
//! do to them.
//!
//! An offer takes ports and promises; nothing of a media line that runs changes before its answer comes, so
//! that a refused re-INVITE costs nothing. With the answer both peers' addresses are known, and a worker gets
//! the line: what came earlier is thrown away, since it could have come from anybody.

mod error;
mod line;
mod peer;
mod voice;

pub use error::CallError;
use line::CallLine;
pub(crate) use line::LineEnd;

use core::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use ale_media::session::Keying;

use crate::config::Interface;
use crate::keys;
use crate::ng::command::{Flags, Ice, RtcpMux, Transport};
use crate::peer::dtls::Identity;
use crate::peer::ice::Credentials;
use crate::ports::Ports;
use crate::sdp::{self, Formats, IceTold, Line, LineKind, Rewrite, RewrittenLine, Rtcp, Setup};
use crate::worker::{Happened, Worker};

/// What calls take of the node.
#[derive(Debug)]
pub struct Room {
    /// Interfaces with their ports.
    pub interfaces: Vec<(Interface, Arc<Ports>)>,
    /// The certificate that peers are told.
    pub identity: Identity,
    /// Most media lines of a call.
    pub max_lines: usize,
    /// The number of the next path.
    pub next_path: u64,
}

/// An offer, until the next.
#[derive(Debug)]
struct Offer {
    /// Which party it is of.
    by: usize,
    lines: Vec<Line>,
    /// What each line is towards the other.
    onward: Vec<Option<Onward>>,
    rtcp_mux: RtcpMux,
    flags: Flags,
}

/// What a line that was offered is towards the other.
#[derive(Debug, Clone, Copy)]
struct Onward {
    transport: Transport,
    ice: bool,
    dtls: bool,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// When it began.
    pub created: SystemTime,
    /// When its last offer or answer came, on the node's clock.
    pub signalled_ns: u64,
    /// The worker that has its media.
    pub worker: usize,
    pub(crate) tags: [Option<String>; 2],
    pub(crate) lines: Vec<CallLine>,
    offer: Option<Offer>,
}

impl Call {
    /// A call of who offers.
    pub fn new(from_tag: &str, worker: usize, now_ns: u64) -> Self {
        Self {
            created: SystemTime::now(),
            signalled_ns: now_ns,
            worker,
            tags: [Some(from_tag.to_owned()), None],
            lines: Vec::new(),
            offer: None,
        }
    }

    /// Seconds and microseconds since 1970 at which it began.
    pub(crate) fn created_us(&self) -> u64 {
        let since = self.created.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// When RTP last came at any end.
    pub fn last_arrival_ns(&self) -> u64 {
        let ends = self.lines.iter().flat_map(|line| line.ends.iter().flatten());
        ends.map(|end| end.counters.last_arrival_ns.load(Ordering::Relaxed)).max().unwrap_or(0)
    }

    /// Which party a tag is of.
    pub(crate) fn party(&self, tag: &str) -> Option<usize> {
        self.tags.iter().position(|known| known.as_deref() == Some(tag))
    }

    /// An offer of `from_tag`; the description to be passed on.
    ///
    /// # Errors
    /// [`CallError`]; what ran goes on.
    pub fn offer(
        &mut self,
        from_tag: &str,
        to_tag: Option<&str>,
        text: &[u8],
        flags: &Flags,
        room: &mut Room,
    ) -> Result<Vec<u8>, CallError> {
        let by = match (self.party(from_tag), to_tag.and_then(|tag| self.party(tag))) {
            (Some(by), _) => by,
            // Somebody else speaks to this party from now on: a transfer.
            (None, Some(other)) => {
                let by = 1 - other;
                if let Some(tag) = self.tags.get_mut(by) {
                    *tag = Some(from_tag.to_owned());
                }
                by
            }
            (None, None) => return Err(CallError::UnknownTag),
        };
        let mut session = sdp::parse(text, room.max_lines).map_err(CallError::Sdp)?;
        sdp::refuse_data_channels(&mut session);
        let lines: Vec<Line> =
            (0..session.medias.len()).filter_map(|n| Line::of(&session, n)).collect();
        if self.lines.len() < lines.len() {
            self.lines.resize_with(lines.len(), CallLine::default);
        }
        let mut onward = Vec::new();
        let mut rewritten = Vec::new();
        let mut address = None;
        for (n, (line, kept)) in lines.iter().zip(&mut self.lines).enumerate() {
            let LineKind::Rtp(transport) = line.kind else {
                onward.push(None);
                rewritten.push(None);
                continue;
            };
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
            let ice = match flags.ice {
                Ice::Remove => false,
                Ice::Force => true,
                Ice::Unsaid => line.ice.is_some(),
            };
            // What is translated stays so, whoever asks for another round and with whatever flags.
            let spoken = kept.spoken(1 - by);
            let formats = match spoken {
                Some(formats) => Formats::Only(formats),
                None => {
                    let added = voice::added(line, &flags.codecs);
                    if line.is_emptied_by(&flags.codecs) && added.is_empty() {
                        return Err(CallError::NoCodec);
                    }
                    Formats::And(added)
                }
            };
            let [near_name, far_name] = match &flags.direction {
                Some([near, far]) => [Some(&near[..]), Some(&far[..])],
                None => [None, None],
            };
            let far_ipv6 = flags.ipv6.unwrap_or(line.ipv6);
            kept.ensure_end(by, room.interface(near_name, line.ipv6)?, room)?;
            let far = kept.ensure_end(1 - by, room.interface(far_name, far_ipv6)?, room)?;
            let crypto = if to.secure && !dtls { far.keys.offer(flags) } else { Vec::new() };
            if to.secure && !dtls && crypto.is_empty() {
                return Err(CallError::Keys);
            }
            // A port of RTCP's own would need a handshake of its own.
            let muxed = dtls || flags.rtcp_mux.offer || (line.rtcp_mux && !flags.rtcp_mux.demux);
            let rtcp = if muxed { Rtcp::MuxOffered } else { Rtcp::NextPort };
            address = room.told(far.interface);
            onward.push(Some(Onward { transport: to, ice, dtls }));
            let to_browser = dtls || ice;
            rewritten.push(Some(RewrittenLine {
                port: far.port,
                transport: to,
                formats,
                rtcp,
                crypto,
                ice: told(ice.then(|| far.peer.tell()).transpose()?, address, flags),
                dtls: dtls.then(|| (room.identity.fingerprint().clone(), Setup::Either)),
                mid: mid(line, n, to_browser, flags),
                bundled: false,
                to_phone: by_dtls && !dtls,
            }));
        }
        if let Some(address) = flags.media_address.or(address) {
            sdp::rewrite(&mut session, &rewrite(address, flags, rewritten));
        }
        self.offer =
            Some(Offer { by, lines, onward, rtcp_mux: flags.rtcp_mux, flags: flags.clone() });
        Ok(sdp::write(&session))
    }

    /// The answer of `to_tag` to what was offered last; the description to be passed back.
    ///
    /// # Errors
    /// [`CallError`].
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
        if let Some(tag) = self.tags.get_mut(1 - by) {
            *tag = Some(to_tag.to_owned());
        }
        let mut rewritten = Vec::new();
        let (mut address, mut bundle_begun) = (None, false);
        for (n, offered) in offer.lines.iter().enumerate() {
            let Some(line) = self.lines.get_mut(n) else { break };
            let answered = Line::of(&session, n);
            let (Some(answered), LineKind::Rtp(transport), Some(Some(onward))) =
                (answered, offered.kind, offer.onward.get(n))
            else {
                line.close(worker);
                rewritten.push(None);
                continue;
            };
            let LineKind::Rtp(answered_transport) = answered.kind else {
                line.close(worker);
                rewritten.push(None);
                continue;
            };
            if answered_transport.secure != onward.transport.secure {
                return Err(CallError::Keys);
            }
            let speeches = line.speeches(by, offered, &answered)?;
            let formats = match speeches.as_ref().and_then(|speeches| speeches.get(by)) {
                Some(speech) => Formats::Only(speech.formats()),
                None => Formats::And(Vec::new()),
            };
            let (near, far) = line.both(by).ok_or(CallError::NoOffer)?;
            let other_keys = keys::any_usable(&offered.crypto, &offer.flags);
            let by_dtls = peer::is_keyed_by_dtls(offered, transport, other_keys);
            let (near_keying, crypto) = if by_dtls {
                (Keying::Pending, Vec::new())
            } else if transport.secure {
                let answer = near.keys.answer(&offered.crypto, &offer.flags);
                let (keying, line) = answer.ok_or(CallError::Keys)?;
                (keying, vec![line])
            } else {
                (Keying::Plain, Vec::new())
            };
            let passive = offer.flags.dtls_passive || flags.dtls_passive;
            let near_dtls = match &offered.dtls {
                Some(theirs) if by_dtls => Some(near.peer.answering_role(theirs, passive)),
                _ => None,
            };
            let near_ice = match &offered.ice {
                Some(theirs) if flags.ice != Ice::Remove => Some(near.peer.answer(theirs)?),
                _ => None,
            };
            let (far_keying, far_dtls) = match &answered.dtls {
                Some(theirs) if onward.dtls => (Keying::Pending, Some(peer::offering_role(theirs))),
                _ if onward.dtls => return Err(CallError::Keys),
                _ if onward.transport.secure => {
                    (far.keys.accept(&answered.crypto).ok_or(CallError::Keys)?, None)
                }
                _ => (Keying::Plain, None),
            };
            let far_ice = onward.ice && answered.ice.is_some();
            let mux = &offer.rtcp_mux;
            let wanted =
                by_dtls || answered.rtcp_mux || mux.demux || mux.accept || flags.rtcp_mux.accept;
            let near_muxed = offered.rtcp_mux && wanted && !mux.reject && !flags.rtcp_mux.reject;
            let rtcp = if near_muxed { Rtcp::Mux } else { Rtcp::NextPort };
            address = room.told(near.interface);
            // RTCP goes by RTP's keys, and so by its port, also to a peer that has not said so.
            let [near_shared, far_shared] = [near_muxed || by_dtls, answered.rtcp_mux || onward.dtls];
            let muxed =
                if by == 0 { [near_shared, far_shared] } else { [far_shared, near_shared] };
            let to_browser = by_dtls || near_ice.is_some();
            let port = near.port;
            let (role, setup) = near_dtls.unzip();
            let identity = &room.identity;
            near.agree(offered, near_shared, near_keying, near_ice.is_some(), role, identity)?;
            far.agree(&answered, far_shared, far_keying, far_ice, far_dtls, identity)?;
            line.run(muxed, speeches, room, worker)?;
            // Each line has a port of its own: of those that could share one, one is left.
            let bundled = offered.bundled && !bundle_begun;
            bundle_begun |= bundled;
            rewritten.push(Some(RewrittenLine {
                port,
                transport,
                formats,
                rtcp,
                crypto,
                ice: told(near_ice, address, flags),
                dtls: setup.map(|setup| (room.identity.fingerprint().clone(), setup)),
                mid: offered.mid.clone().filter(|_| to_browser || answered.mid.is_some()),
                bundled,
                to_phone: onward.dtls && !by_dtls,
            }));
        }
        if let Some(address) = flags.media_address.or(address) {
            sdp::rewrite(&mut session, &rewrite(address, flags, rewritten));
        }
        Ok(sdp::write(&session))
    }

    /// What a worker has told of an end of one of its paths; whether the path is of this call.
    pub fn hear(&mut self, path: u64, end: usize, happened: &Happened) -> bool {
        let Some(line) = self.lines.iter_mut().find(|line| line.is_path(path)) else { return false };
        line.hear(end, happened);
        true
    }

    /// Says at each end what digits have come at the other, where a line is translated; a relayed line's are
    /// packets like others.
    pub fn carry_digits(&mut self) {
        self.lines.iter_mut().for_each(CallLine::carry_digits);
    }

    /// Ends its media.
    pub fn end(&mut self, worker: &Worker) {
        self.lines.iter_mut().for_each(|line| line.close(worker));
    }
}

/// What is told about ICE, with the address that is told for media.
fn told(
    credentials: Option<Credentials>,
    address: Option<IpAddr>,
    flags: &Flags,
) -> Option<IceTold> {
    let address = flags.media_address.or(address)?;
    Some(IceTold { credentials: credentials?, address })
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

fn rewrite<'f>(
    address: IpAddr,
    flags: &'f Flags,
    lines: Vec<Option<RewrittenLine>>,
) -> Rewrite<'f> {
    Rewrite {
        address,
        origin: flags.replace_origin,
        no_rtcp_attribute: flags.no_rtcp_attribute,
        codecs: &flags.codecs,
        lines,
    }
}

impl Room {
    /// The interface of a name and family; without a name the first of the family.
    fn interface(&self, name: Option<&str>, ipv6: bool) -> Result<usize, CallError> {
        let fits = |(interface, _): &(Interface, Arc<Ports>)| {
            interface.told().is_ipv6() == ipv6 && name.is_none_or(|name| interface.name == name)
        };
        self.interfaces.iter().position(fits).ok_or(CallError::NoInterface)
    }

    fn told(&self, interface: usize) -> Option<IpAddr> {
        self.interfaces.get(interface).map(|(interface, _)| interface.told())
    }
}
