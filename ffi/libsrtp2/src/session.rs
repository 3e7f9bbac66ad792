// SPDX-License-Identifier: MIT OR Apache-2.0
//! A libsrtp session on ours: streams by source, the newest counting where there are several, and a
//! template for sources that come.

use std::sync::Arc;

use crate::abi::{self, Direction, EventKind, PolicyView, Status};
use crate::agreed::Agreed;
use crate::stream::{Kind, Stream, Way, trailer_bytes};

/// Streams that were removed and are remembered, so that no index is used twice when one comes back.
const DEPARTED: usize = 64;

/// A libsrtp session.
#[derive(Default)]
pub(crate) struct Session {
    /// The newest last.
    streams: Vec<Stream>,
    template: Option<Template>,
    departed: Vec<Stream>,
    pub(crate) user_data: usize,
}

struct Template {
    agreed: Arc<Agreed>,
    way: Way,
    cryptex: bool,
    /// Tries what comes from an unknown source, and becomes its stream when it authenticates: a packet
    /// that does not has changed nothing.
    candidate: Option<Stream>,
}

impl Template {
    fn stream(&self, ssrc: u32) -> Result<Stream, Status> {
        let mut stream = Stream::new(ssrc, &self.agreed, true);
        stream.way = Some(self.way);
        stream.set_cryptex(self.cryptex)?;
        Ok(stream)
    }
}

impl Session {
    pub(crate) fn add(&mut self, policy: &PolicyView<'_>) -> Result<(), Status> {
        let agreed = Arc::new(Agreed::new(policy)?);
        let way = match policy.direction {
            Direction::Specific(ssrc) => {
                let stream = self.fresh(ssrc, &agreed)?;
                self.streams.push(stream);
                return Ok(());
            }
            Direction::AnyOutbound => Way::Out,
            Direction::AnyInbound => Way::In,
        };
        if self.template.is_some() {
            return Err(abi::BAD_PARAM);
        }
        self.template = Some(Template { agreed, way, cryptex: false, candidate: None });
        Ok(())
    }

    /// A stream for a source. One that the session has or had with such a key goes on: else indices would
    /// be used twice, and packets taken twice.
    fn fresh(&mut self, ssrc: u32, agreed: &Arc<Agreed>) -> Result<Stream, Status> {
        let same = |s: &Stream| s.ssrc == ssrc && s.agreed.shares_a_key(agreed);
        let before = if let Some(at) = self.streams.iter().rposition(same) {
            Some(self.streams.remove(at))
        } else {
            let at = self.departed.iter().rposition(same);
            at.map(|at| self.departed.remove(at))
        };
        let Some(mut stream) = before else { return Ok(Stream::new(ssrc, agreed, false)) };
        stream.rekey(agreed)?;
        stream.of_template = false;
        stream.way = None;
        Ok(stream)
    }

    pub(crate) fn update(&mut self, policy: &PolicyView<'_>) -> Result<(), Status> {
        let agreed = Arc::new(Agreed::new(policy)?);
        if let Direction::Specific(ssrc) = policy.direction {
            let stream = self.stream(ssrc).ok_or(abi::BAD_PARAM)?;
            stream.rekey(&agreed)?;
            stream.of_template = false;
            return Ok(());
        }
        let template = self.template.as_mut().ok_or(abi::BAD_PARAM)?;
        template.candidate = None;
        template.agreed = agreed.clone();
        let mut of_template = self.streams.iter_mut().filter(|stream| stream.of_template);
        of_template.try_for_each(|stream| stream.rekey(&agreed))
    }

    pub(crate) fn remove(&mut self, ssrc: u32) -> Result<(), Status> {
        let at = self.streams.iter().rposition(|stream| stream.ssrc == ssrc).ok_or(abi::NO_CTX)?;
        if self.departed.len() == DEPARTED {
            self.departed.remove(0);
        }
        self.departed.push(self.streams.remove(at));
        Ok(())
    }

    fn stream(&mut self, ssrc: u32) -> Option<&mut Stream> {
        self.streams.iter_mut().rfind(|stream| stream.ssrc == ssrc)
    }

    pub(crate) fn roc(&self, ssrc: u32) -> Option<u32> {
        self.streams.iter().rfind(|stream| stream.ssrc == ssrc).map(Stream::roc)
    }

    pub(crate) fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), Status> {
        self.stream(ssrc).ok_or(abi::BAD_PARAM)?.set_roc(roc)
    }

    /// Whether header extensions are encrypted whole (RFC 9335).
    pub(crate) fn set_cryptex(&mut self, which: Direction, cryptex: bool) -> Result<(), Status> {
        if let Direction::Specific(ssrc) = which {
            return self.stream(ssrc).ok_or(abi::BAD_PARAM)?.set_cryptex(cryptex);
        }
        let template = self.template.as_mut().ok_or(abi::BAD_PARAM)?;
        template.cryptex = cryptex;
        template.candidate = None;
        let mut of_template = self.streams.iter_mut().filter(|stream| stream.of_template);
        of_template.try_for_each(|stream| stream.set_cryptex(cryptex))
    }

    /// Bytes that protecting a packet of any source adds at most.
    pub(crate) fn trailer_bytes(&self, kind: Kind, key: Option<usize>) -> Result<usize, Status> {
        let template = self.template.iter().map(|template| &template.agreed);
        let of_all = self.streams.iter().map(|stream| &stream.agreed).chain(template);
        let bytes = |agreed: &Arc<Agreed>| trailer_bytes(agreed, kind, key).unwrap_or(0);
        of_all.map(bytes).max().ok_or(abi::BAD_PARAM)
    }

    /// The stream to protect a packet with.
    pub(crate) fn outgoing(&mut self, kind: Kind, packet: &[u8]) -> Result<&mut Stream, Status> {
        let ssrc = kind.ssrc(packet)?;
        if let Some(at) = self.streams.iter().rposition(|stream| stream.ssrc == ssrc) {
            return self.streams.get_mut(at).ok_or(abi::FAIL);
        }
        let template = self.template.as_ref().ok_or(abi::NO_CTX)?;
        let agreed = template.agreed.clone();
        let cryptex = template.cryptex;
        let mut stream = self.fresh(ssrc, &agreed)?;
        stream.of_template = true;
        stream.way = Some(Way::Out);
        stream.set_cryptex(cryptex)?;
        self.streams.push(stream);
        self.streams.last_mut().ok_or(abi::FAIL)
    }

    pub(crate) fn unprotect(
        &mut self,
        kind: Kind,
        packet: &mut [u8],
        identified: bool,
        mut tell: impl FnMut(u32, EventKind),
    ) -> Result<usize, Status> {
        let ssrc = kind.ssrc(packet)?;
        if let Some(stream) = self.stream(ssrc) {
            let length = stream.unprotect(kind, packet, identified, &mut tell)?;
            stream.goes(Way::In, &mut tell);
            return Ok(length);
        }
        let template = self.template.as_ref().ok_or(abi::NO_CTX)?;
        let known = |s: &Stream| s.ssrc == ssrc && s.agreed.shares_a_key(&template.agreed);
        if self.departed.iter().any(known) {
            // What it has received before, it does not take again.
            let (agreed, way) = (template.agreed.clone(), template.way);
            let mut stream = self.fresh(ssrc, &agreed)?;
            (stream.of_template, stream.way) = (true, Some(way));
            self.streams.push(stream);
            return self.unprotect(kind, packet, identified, tell);
        }
        let template = self.template.as_mut().ok_or(abi::NO_CTX)?;
        let mut stream = match template.candidate.take() {
            Some(stream) => stream,
            None => template.stream(ssrc)?,
        };
        stream.ssrc = ssrc;
        match stream.unprotect(kind, packet, identified, &mut tell) {
            Ok(length) => {
                stream.goes(Way::In, &mut tell);
                self.streams.push(stream);
                Ok(length)
            }
            Err(status) => {
                template.candidate = Some(stream);
                Err(status)
            }
        }
    }
}

impl Kind {
    /// The source that a packet names.
    fn ssrc(self, packet: &[u8]) -> Result<u32, Status> {
        let at = if self == Self::Rtp { 8 } else { 4 };
        let bytes = packet.get(at..at + 4).and_then(|bytes| bytes.first_chunk::<4>());
        bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or(abi::BAD_PARAM)
    }
}
