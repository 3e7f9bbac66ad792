// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a leg's peer is, learned from its datagrams, and who the leg itself is.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::leg::{ale_leg_control, ale_leg_receiver, ale_received, receive};
use crate::panic::guard;
use crate::pointer;
use crate::status::ale_status;

/// An address and port.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_address {
    /// The address in network byte order: 4 bytes of IPv4, or 16 of IPv6.
    pub ip: [u8; 16],
    /// 4 or 16.
    pub ip_bytes: u32,
    /// The port, in the machine's byte order.
    pub port: u32,
}

impl ale_address {
    pub(crate) fn read(&self) -> Result<SocketAddr, ale_status> {
        let invalid = ale_status::ALE_ERR_INVALID_ARGUMENT;
        let ip = match (self.ip_bytes, self.ip.first_chunk::<4>()) {
            (4, Some(ip)) => IpAddr::V4(Ipv4Addr::from(*ip)),
            (16, _) => IpAddr::V6(Ipv6Addr::from(self.ip)),
            _ => return Err(invalid),
        };
        Ok(SocketAddr::new(ip, u16::try_from(self.port).map_err(|_| invalid)?))
    }
}

impl From<SocketAddr> for ale_address {
    fn from(from: SocketAddr) -> Self {
        let mut ip = [0; 16];
        let ip_bytes = match from.ip() {
            IpAddr::V4(v4) => {
                ip[..4].copy_from_slice(&v4.octets());
                4
            }
            IpAddr::V6(v6) => {
                ip = v6.octets();
                16
            }
        };
        Self { ip, ip_bytes, port: from.port().into() }
    }
}

/// As ale_leg_receive, and learns where the peer is (symmetric RTP): the first address that valid
/// sound comes from is latched to. With SRTP the latch follows authenticated packets; without, another
/// address is learnt only for learning_ms, and nothing from elsewhere is taken after. Exclusive.
/// Real-time.
///
/// Can return what ale_leg_receive can, and ALE_ERR_FOREIGN_ADDRESS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_receive_from(
    receiver: *mut ale_leg_receiver,
    datagram: *mut u8,
    length: usize,
    from: *const ale_address,
    arrival_ns: u64,
    received: *mut ale_received,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let from = unsafe { pointer::shared(from) }?.read()?;
        // SAFETY: the header's contract.
        unsafe { receive(receiver, datagram, length, Some(from), arrival_ns, received) }
    })
}

/// Gives the address that the leg has latched to: where to send to. Exclusive. Real-time.
///
/// Can return ALE_ERR_NOTHING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_remote_address(
    receiver: *const ale_leg_receiver,
    address: *mut ale_address,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (receiver, out) = unsafe { (pointer::shared(receiver)?, pointer::exclusive(address)?) };
        let address = receiver.receiver.remote_address().ok_or(ale_status::ALE_ERR_NOTHING)?;
        *out = address.into();
        Ok(())
    })
}

/// The peer is elsewhere, signalling does not say where: its address and source are released, and neither
/// is taken again while anybody else comes. Exclusive. Real-time.
///
/// Can return ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_unlatch(control: *mut ale_leg_control) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        Ok(unsafe { pointer::exclusive(control) }?.0.unlatch()?)
    })
}

/// Signalling names where the peer is now (a transfer, a re-INVITE): addresses are learnt anew, this one
/// preferred; the one before is released unless it is the same. rtcp is NULL where RTCP goes where RTP
/// does. Exclusive. Real-time.
///
/// Can return ALE_ERR_BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_relatch(
    control: *mut ale_leg_control,
    rtp: *const ale_address,
    rtcp: *const ale_address,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, rtp) =
            unsafe { (pointer::exclusive(control)?, pointer::shared(rtp)?.read()?) };
        // SAFETY: the header's contract.
        let rtcp = unsafe { rtcp.as_ref() }.map(ale_address::read).transpose()?;
        Ok(control.0.relatch(rtp, rtcp)?)
    })
}

/// Gives where to send to, on the control half, for whoever sends: RTP's address, and RTCP's where rtcp is
/// not NULL. Any number of threads. Real-time.
///
/// Can return ALE_ERR_NOTHING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_peer_address(
    control: *const ale_leg_control,
    rtp: *mut ale_address,
    rtcp: *mut ale_address,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        let (control, out) = unsafe { (pointer::shared(control)?, pointer::exclusive(rtp)?) };
        let address = control.0.remote_address().ok_or(ale_status::ALE_ERR_NOTHING)?;
        // SAFETY: the header's contract.
        if let Some(rtcp) = unsafe { rtcp.as_mut() } {
            *rtcp = control.0.remote_rtcp_address().unwrap_or(address).into();
        }
        *out = address.into();
        Ok(())
    })
}

/// Sends as another source (SSRC) from now on, after a BYE as the present one: the answer to
/// ALE_LEG_SSRC_COLLISION (RFC 3550 section 8.2). ssrc is random. Exclusive. Real-time.
///
/// Can return ALE_ERR_BUSY; to be tried again then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_change_ssrc(
    control: *mut ale_leg_control,
    ssrc: u32,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        Ok(unsafe { pointer::exclusive(control) }?.0.change_ssrc(ssrc)?)
    })
}
