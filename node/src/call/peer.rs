// SPDX-License-Identifier: MIT OR Apache-2.0
//! ICE and DTLS at one end of a media line as the control thread has them: what the node has told, what the peer
//! has, and what the worker is to be told of that.

use ale_media::srtp::dtls::Role;

use super::error::CallError;
use crate::failover::EndRecord;
use crate::ng::flags::{Flags, Transport};
use crate::peer::Change;
use crate::peer::dtls::Identity;
use crate::peer::ice::Credentials;
use crate::sdp::{DtlsLine, IceLine, Line, Setup};

/// What has been told and heard at an end.
#[derive(Debug, Default)]
pub(super) struct EndPeer {
    ours: Option<Credentials>,
    theirs: Option<Credentials>,
    /// The association that there is, or will be, and which side of it the node is.
    association: Option<(DtlsLine, Role)>,
}

/// Whether keys of a line that was offered are agreed on by DTLS: if it says so, or has no others.
pub(super) fn is_keyed_by_dtls(line: &Line, transport: Transport, other_keys: bool) -> bool {
    line.dtls.is_some() && transport.secure && (transport.dtls || !other_keys)
}

/// Whether keys towards the peer that is offered to are agreed on by DTLS.
pub(super) fn offers_dtls(transport: Transport, flags: &Flags) -> bool {
    transport.dtls || (transport.secure && flags.no_sdes && !flags.no_dtls)
}

impl EndPeer {
    /// What is kept of it for another process: credentials of both, and what was agreed on about DTLS.
    pub(super) fn record(&self) -> ([Option<Credentials>; 2], Option<(DtlsLine, bool)>) {
        let dtls = self.association.clone().map(|(line, role)| (line, role == Role::Client));
        ([self.ours.clone(), self.theirs.clone()], dtls)
    }

    /// What another process has kept, and what a worker is to know of it. Its association has ended in keys, and
    /// with that process: another offer begins another, by this one's certificate.
    pub(super) fn of(record: &EndRecord) -> (Self, Change) {
        let [ours, theirs] = record.ice.clone();
        // Without the peer's there was no ICE.
        let ice = ours.clone().filter(|_| theirs.is_some());
        let change = Change { ice, handshake: None, said: record.said.rtp };
        (Self { ours, theirs, association: None }, change)
    }

    /// What to tell the peer about ICE: what was told before.
    pub(super) fn tell(&mut self) -> Result<Credentials, CallError> {
        if let Some(told) = &self.ours {
            return Ok(told.clone());
        }
        let told = Credentials::new().ok_or(CallError::Random)?;
        self.ours = Some(told.clone());
        Ok(told)
    }

    /// What to tell a peer that has offered this: other credentials than before if it has others (RFC 8445
    /// section 9).
    pub(super) fn answer(&mut self, theirs: &IceLine) -> Result<Credentials, CallError> {
        if self.theirs.as_ref().is_some_and(|before| *before != theirs.credentials) {
            self.ours = None;
        }
        self.tell()
    }

    /// What the node has told, and the peer; nothing where they don't speak ICE.
    pub(super) fn ice(&self) -> Option<(&Credentials, &Credentials)> {
        self.ours.as_ref().zip(self.theirs.as_ref())
    }

    /// The peer begins ICE anew (RFC 8445 section 9), with other credentials: what to tell it, and the worker. The
    /// association goes on.
    pub(super) fn restart(
        &mut self,
        theirs: Credentials,
    ) -> Result<(Credentials, Change), CallError> {
        let ours = Credentials::new().ok_or(CallError::Random)?;
        (self.ours, self.theirs) = (Some(ours.clone()), Some(theirs));
        Ok((ours.clone(), Change { ice: Some(ours), handshake: None, said: None }))
    }

    /// Which side of the handshake the node is with a peer that has offered this, and what it answers. An
    /// association that goes on keeps its sides (RFC 8842 section 5.3).
    pub(super) fn answering_role(&self, theirs: &DtlsLine, passive: bool) -> (Role, Setup) {
        let role = match (&self.association, theirs.setup) {
            (Some((line, role)), Setup::Either) if is_same(line, theirs) => *role,
            (_, Setup::Active) => Role::Server,
            (_, Setup::Passive) => Role::Client,
            (_, Setup::Either) if passive => Role::Server,
            (_, Setup::Either) => Role::Client,
        };
        (role, if role == Role::Client { Setup::Active } else { Setup::Passive })
    }

    /// The node and the peer have agreed on ICE or not, and on DTLS with the node on this side, or not: what
    /// the worker is to know.
    pub(super) fn agree(
        &mut self,
        said: &Line,
        ice: bool,
        dtls: Option<Role>,
        identity: &Identity,
    ) -> Result<Change, CallError> {
        let theirs = said.ice.as_ref().filter(|_| ice);
        self.theirs = theirs.map(|theirs| theirs.credentials.clone());
        // Who checks nothing either is where its description says.
        let checks = theirs.is_some_and(|theirs| !theirs.lite);
        let told = if checks { Some(self.tell()?) } else { None };
        let mut handshake = None;
        match (dtls, &said.dtls) {
            (Some(role), Some(theirs)) => {
                let goes_on = |(line, before): &(DtlsLine, Role)| {
                    is_same(line, theirs) && (*before == role || theirs.tls_id.is_some())
                };
                if !self.association.as_ref().is_some_and(goes_on) {
                    let fingerprints = theirs.fingerprints.clone();
                    handshake = Some(match ice {
                        true => identity.handshake_by_ice(role, fingerprints),
                        false => identity.handshake(role, fingerprints),
                    });
                    self.association = Some((theirs.clone(), role));
                }
            }
            _ => self.association = None,
        }
        Ok(Change { ice: told, handshake, said: said.rtp })
    }
}

/// The side of the node towards a peer that has answered this.
pub(super) fn offering_role(theirs: &DtlsLine) -> Role {
    if theirs.setup == Setup::Passive { Role::Client } else { Role::Server }
}

fn is_same(before: &DtlsLine, now: &DtlsLine) -> bool {
    before.fingerprints == now.fingerprints && before.tls_id == now.tls_id
}
