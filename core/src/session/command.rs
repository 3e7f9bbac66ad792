// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands of the control half to the other two, and what comes back of them.

use alloc::boxed::Box;
use core::net::SocketAddr;

use super::config::{Nack, SessionMid};
use super::keys::{Opener, Sealer};
use super::payload_types::PayloadTypes;
use super::remote::RemoteConfig;
use super::rtcp::nack::Requests;
use crate::srtp::{PreparedKeys, RetiredKeys};

/// Commands that may wait for a half.
pub(super) const COMMANDS: usize = 8;

/// A command to the network thread's half.
#[derive(Debug)]
pub(crate) enum ReceiverCommand {
    SetLocalSsrc(u32),
    Relatch { rtp: Option<SocketAddr>, rtcp: Option<SocketAddr> },
    Rekey(PreparedKeys),
    Keys(Box<Opener>),
    Update(Box<ReceiverUpdate>),
}

/// What an update changes there.
#[derive(Debug)]
pub(crate) struct ReceiverUpdate {
    pub(crate) types: Box<PayloadTypes>,
    pub(crate) remote_ssrc: Option<u32>,
    pub(crate) remote: RemoteConfig,
    pub(crate) mid: Option<SessionMid>,
}

/// A command to the half that sends.
#[derive(Debug)]
pub(crate) enum SenderCommand {
    SetSsrc(u32),
    Rekey(PreparedKeys),
    Keys(Box<Sealer>),
    Update(Box<SenderUpdate>),
}

/// What an update changes there.
#[derive(Debug)]
pub(crate) struct SenderUpdate {
    pub(crate) nack: Nack,
    pub(crate) requests: Option<Box<Requests>>,
    pub(crate) extended_reports: bool,
    pub(crate) rtcp_interval_ms: u32,
}

/// What a command has replaced, on its way to be freed.
#[derive(Debug)]
#[allow(dead_code)] // Held only to be dropped.
pub(crate) enum Spent {
    Retired(RetiredKeys),
    Refused(PreparedKeys),
    Opener(Box<Opener>),
    Sealer(Box<Sealer>),
    Update(Box<ReceiverUpdate>),
    SenderUpdate(Box<SenderUpdate>),
}
