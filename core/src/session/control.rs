// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control half: keys, addresses, sources and payload types of a living session, from any thread.
//!
//! What a command needs is made here, and what it replaces comes back to be freed here, so that neither
//! other half allocates or frees. A command that a half would refuse is refused when it is given; with both
//! halves concerned, it is given to both or to none.

use alloc::boxed::Box;
use core::fmt;
use core::net::SocketAddr;

use super::command::{ReceiverCommand, ReceiverUpdate, SenderCommand, SenderUpdate, Spent};
use super::event::SessionEvent;
use super::keys::{Opener, Sealer, SrtpConfig};
use super::outcome::ReceiverStats;
use super::receiver::SessionReceiver;
use super::sender::{SenderStats, SessionSender};
use crate::srtp::{self, PreparedKeys, SrtpError, Suite};
use crate::sync::bell::Bell;
use crate::sync::ring::{Consumer, Producer};
use crate::sync::snapshot::Snapshot;

/// Why a command was not taken. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionError {
    /// Earlier commands still wait: the other half is not being used.
    Busy,
    /// The keys were refused.
    Srtp(SrtpError),
    /// Keys for one direction of a session that has none for the other.
    OneDirection,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => {
                f.write_str("earlier orders still wait: the other half is not being used")
            }
            Self::Srtp(error) => error.fmt(f),
            Self::OneDirection => f.write_str("keys for one direction, and none for the other"),
        }
    }
}

impl core::error::Error for SessionError {}

/// The control half of a session.
#[derive(Debug)]
pub struct SessionControl {
    /// Of the receiving half and of the sending half: they look into their rings when these have rung.
    bells: [Bell; 2],
    to_receiver: Producer<ReceiverCommand>,
    spent_by_receiver: Consumer<Spent>,
    to_sender: Producer<SenderCommand>,
    spent_by_sender: Consumer<Spent>,
    receiver_stats: Snapshot<{ ReceiverStats::WORDS }>,
    sender_stats: Snapshot<{ SenderStats::WORDS }>,
    /// Of the receiving half and of the sending half.
    events: [Consumer<SessionEvent>; 2],
    /// What the SRTP sessions were made for, but for their keys; `None` without them.
    send: Option<srtp::SessionConfig>,
    receive: Option<srtp::SessionConfig>,
    local_ssrc: u32,
}

/// The ends of the rings that a control half holds.
pub(super) struct Ends {
    pub(super) bells: [Bell; 2],
    pub(super) to_receiver: Producer<ReceiverCommand>,
    pub(super) spent_by_receiver: Consumer<Spent>,
    pub(super) to_sender: Producer<SenderCommand>,
    pub(super) spent_by_sender: Consumer<Spent>,
    pub(super) receiver_stats: Snapshot<{ ReceiverStats::WORDS }>,
    pub(super) sender_stats: Snapshot<{ SenderStats::WORDS }>,
    pub(super) events: [Consumer<SessionEvent>; 2],
}

impl SessionControl {
    pub(super) fn new(
        local_ssrc: u32,
        srtp: Option<(srtp::SessionConfig, srtp::SessionConfig)>,
        ends: Ends,
    ) -> Self {
        let (send, receive) = srtp.unzip();
        Self {
            bells: ends.bells,
            to_receiver: ends.to_receiver,
            spent_by_receiver: ends.spent_by_receiver,
            to_sender: ends.to_sender,
            spent_by_sender: ends.spent_by_sender,
            receiver_stats: ends.receiver_stats,
            sender_stats: ends.sender_stats,
            events: ends.events,
            send,
            receive,
            local_ssrc,
        }
    }

    /// Gives keys, or other ones, for both directions. Where there are keys already this is a re-keying:
    /// suite, keys and session parameters are the new line's, all else (policy, streams, header extensions)
    /// stays the session's; counters, replay windows and statistics go on, packets under the old keys are
    /// still taken for the overlap, and the same line again changes nothing. What came before the first
    /// keys, as far as it was kept, is read then.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`SessionError::Srtp`], [`SessionError::Busy`].
    pub fn set_keys(&mut self, srtp: &SrtpConfig) -> Result<(), SessionError> {
        self.rekey(Some(&srtp.send), Some(&srtp.receive))
    }

    /// The same for one or both directions of a session that has keys already; `None` leaves a direction
    /// as it is. Both change, or neither.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`SessionError::Srtp`], [`SessionError::Busy`], and [`SessionError::OneDirection`] where the other
    /// has no keys.
    pub fn rekey(
        &mut self,
        send: Option<&srtp::SessionConfig>,
        receive: Option<&srtp::SessionConfig>,
    ) -> Result<(), SessionError> {
        self.collect();
        if (send.is_none() && self.send.is_none() && receive.is_some())
            || (receive.is_none() && self.receive.is_none() && send.is_some())
        {
            return Err(SessionError::OneDirection);
        }
        let to_receiver = receive.map(|config| self.receiver_keys(config)).transpose()?;
        let to_sender = send.map(|config| self.sender_keys(config)).transpose()?;
        if !self.has_room(to_receiver.is_some(), to_sender.is_some()) {
            return Err(SessionError::Busy);
        }
        // The receiving side first: the other side may switch as soon as it hears of it.
        if let (Some(command), Some(config)) = (to_receiver, receive) {
            let _ = self.to_receiver.push(command);
            self.receive = Some(current(self.receive.as_ref(), config));
        }
        if let (Some(command), Some(config)) = (to_sender, send) {
            let _ = self.to_sender.push(command);
            self.send = Some(current(self.send.as_ref(), config));
        }
        self.wake();
        Ok(())
    }

    /// Sends and receives plain RTP from now on; what a host asks for that has agreed on it.
    ///
    /// Real-time: no (allocates).
    ///
    /// # Errors
    /// [`SessionError::Busy`].
    pub fn set_plain(&mut self) -> Result<(), SessionError> {
        self.collect();
        if !self.has_room(true, true) {
            return Err(SessionError::Busy);
        }
        let _ = self.to_receiver.push(ReceiverCommand::Keys(Box::new(Opener::Plain)));
        let _ = self.to_sender.push(SenderCommand::Keys(Box::new(Sealer::Plain)));
        (self.send, self.receive) = (None, None);
        self.wake();
        Ok(())
    }

    fn receiver_keys(&self, config: &srtp::SessionConfig) -> Result<ReceiverCommand, SessionError> {
        let made = match &self.receive {
            Some(now) => PreparedKeys::new(&now.rekeyed(config)).map(ReceiverCommand::Rekey),
            None => srtp::Receiver::new(config)
                .map(|session| ReceiverCommand::Keys(Box::new(Opener::Srtp(session)))),
        };
        made.map_err(SessionError::Srtp)
    }

    fn sender_keys(&self, config: &srtp::SessionConfig) -> Result<SenderCommand, SessionError> {
        let made = match &self.send {
            Some(now) => PreparedKeys::new(&now.rekeyed(config)).map(SenderCommand::Rekey),
            None => srtp::Sender::new(config)
                .map(|session| SenderCommand::Keys(Box::new(Sealer::Srtp(session)))),
        };
        made.map_err(SessionError::Srtp)
    }

    /// Whether these halves are of the same session as this one.
    pub(crate) fn is_of(&self, receiver: &SessionReceiver, sender: &SessionSender) -> bool {
        receiver.is_read_by(&self.receiver_stats) && sender.is_read_by(&self.sender_stats)
    }

    /// Whether commands to these halves would be taken.
    pub(crate) fn has_room(&mut self, receiver: bool, sender: bool) -> bool {
        (!receiver || self.to_receiver.vacant_now() > 0)
            && (!sender || self.to_sender.vacant_now() > 0)
    }

    /// Whether both halves would take so many commands.
    pub(crate) fn has_room_for(&mut self, orders: usize) -> bool {
        self.to_receiver.vacant_now() >= orders && self.to_sender.vacant_now() >= orders
    }

    /// Changes what is not keys in both halves; whoever calls it has asked for room.
    pub(crate) fn update(&mut self, receiver: Box<ReceiverUpdate>, sender: Box<SenderUpdate>) {
        let _ = self.to_receiver.push(ReceiverCommand::Update(receiver));
        let _ = self.to_sender.push(SenderCommand::Update(sender));
        self.wake();
    }

    /// Has both halves look into their rings, these and those of who uses the session.
    pub(crate) fn wake(&self) {
        self.bells.iter().for_each(Bell::ring);
    }

    /// Signalling has named where the peer is now (a transfer, a re-INVITE with other addresses), or only
    /// that it is elsewhere: the present address is released, unless it is the one named, the source that
    /// is listened to gives way to the next that comes, and addresses are learnt anew.
    ///
    /// # Errors
    /// [`SessionError::Busy`].
    pub fn relatch(
        &mut self,
        rtp: Option<SocketAddr>,
        rtcp: Option<SocketAddr>,
    ) -> Result<(), SessionError> {
        self.to_receiver
            .push(ReceiverCommand::Relatch { rtp, rtcp })
            .map_err(|_| SessionError::Busy)?;
        self.wake();
        Ok(())
    }

    /// Sends as another source from now on, after a BYE as the present one: what RFC 3550 section 8.2
    /// wants when [`SessionEvent::SsrcCollision`] comes. `ssrc` is random.
    ///
    /// # Errors
    /// [`SessionError::Busy`].
    pub fn change_ssrc(&mut self, ssrc: u32) -> Result<(), SessionError> {
        if !self.has_room(true, true) {
            return Err(SessionError::Busy);
        }
        let _ = self.to_receiver.push(ReceiverCommand::SetLocalSsrc(ssrc));
        let _ = self.to_sender.push(SenderCommand::SetSsrc(ssrc));
        self.local_ssrc = ssrc;
        self.wake();
        Ok(())
    }

    /// The source that is sent as.
    pub fn local_ssrc(&self) -> u32 {
        self.local_ssrc
    }

    /// The suite of what is received, `None` for plain RTP or no keys yet.
    pub fn receive_suite(&self) -> Option<Suite> {
        self.receive.as_ref().map(|receive| receive.suite)
    }

    /// The next thing that happened: of what each half has to tell the oldest first, the receiving half
    /// before the sending half.
    ///
    /// Real-time: yes.
    pub fn next_event(&mut self) -> Option<SessionEvent> {
        self.events.iter_mut().find_map(Consumer::pop)
    }

    /// What the receiving half has counted.
    pub fn receiver_stats(&self) -> ReceiverStats {
        self.receiver_stats.read().unwrap_or_default()
    }

    /// What the sending half has counted.
    pub fn sender_stats(&self) -> SenderStats {
        self.sender_stats.read().unwrap_or_default()
    }

    /// Where RTP is to be sent: where the peer sends from, or where signalling says.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        self.receiver_stats().remote_address()
    }

    /// Where RTCP is to be sent.
    pub fn remote_rtcp_address(&self) -> Option<SocketAddr> {
        self.receiver_stats().remote_rtcp_address()
    }

    /// Frees what commands have replaced; done by itself before the next command that replaces something.
    pub fn collect(&mut self) {
        while self.spent_by_receiver.pop().is_some() {}
        while self.spent_by_sender.pop().is_some() {}
    }
}

/// What a direction is from now on, but for its keys.
fn current(now: Option<&srtp::SessionConfig>, line: &srtp::SessionConfig) -> srtp::SessionConfig {
    now.map_or_else(|| line.without_keys(), |now| now.rekeyed(line).without_keys())
}
