// SPDX-License-Identifier: MIT OR Apache-2.0
//! Datagrams of many legs in one call.

use ale_media::leg::{Arrival, LegReceiver, Received, receive_batch};
use ale_media::rtp::is_rtcp;
use ale_media::srtp::Sessions;

use crate::leg::{ale_leg_receiver, ale_received};
use crate::leg_address::ale_address;
use crate::panic::guard;
use crate::pointer;
use crate::status::ale_status;

/// Datagrams that are handed on at a time.
const CHUNK: usize = 16;

/// A datagram that has arrived, one of a batch.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ale_arrival {
    /// The leg.
    pub receiver: *mut ale_leg_receiver,
    /// The datagram, changed in place; no two share memory.
    pub datagram: *mut u8,
    /// Bytes of the datagram.
    pub length: usize,
    /// When it came, on the host's clock.
    pub arrival_ns: u64,
    /// Where it came from, for legs that learn their peer's address (ale_leg_receive_from); or NULL.
    pub from: *const ale_address,
    /// Written: what became of it, if status is ALE_OK.
    pub received: ale_received,
    /// Written: as ale_leg_receive or ale_leg_receive_from would return.
    pub status: ale_status,
}

/// The legs of a batch: their numbers are their addresses. Only [`ale_leg_receive_batch`] makes one,
/// and asks it for no other numbers than the addresses that the host gave.
struct Handles;

fn pointer_of(number: usize) -> *mut ale_leg_receiver {
    core::ptr::with_exposed_provenance_mut(number)
}

impl Sessions<LegReceiver> for Handles {
    fn session(&self, number: usize) -> Option<&LegReceiver> {
        // SAFETY: a receiver of the host's, which is this thread's for the call.
        unsafe { pointer_of(number).as_ref() }.map(|handle| &handle.receiver)
    }

    fn session_mut(&mut self, number: usize) -> Option<&mut LegReceiver> {
        // SAFETY: as above, and the batch holds no other reference when it asks for this one.
        unsafe { pointer_of(number).as_mut() }.map(|handle| &mut handle.receiver)
    }
}

/// Whether a datagram is RTCP and not RTP (RFC 5761): not 0, also where it is protected; for hosts with a socket
/// for each, and of what ale_leg_poll_transmit gives. Any thread. Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_is_rtcp(datagram: *const u8, length: usize) -> i32 {
    // SAFETY: the header's contract.
    let datagram = unsafe { pointer::slice(datagram, length) };
    i32::from(datagram.is_ok_and(is_rtcp))
}

/// Takes the datagrams of any number of legs, each of which may occur several times, as
/// ale_leg_receive (or ale_leg_receive_from, where from is not NULL) would one after the other; each
/// has a status of its own, and one that is refused does not disturb the others. Of what is passed
/// through, ale_leg_passed knows a leg's last. Exclusive to the receivers.
/// Real-time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ale_leg_receive_batch(
    arrivals: *mut ale_arrival,
    count: usize,
) -> ale_status {
    guard(|| {
        // SAFETY: the header's contract.
        for some in unsafe { pointer::slice_mut(arrivals, count) }?.chunks_mut(CHUNK) {
            let mut list: [Arrival<'_>; CHUNK] =
                core::array::from_fn(|_| Arrival::new(0, &mut [], 0));
            let mut places = [0_u8; CHUNK];
            let mut free = list.iter_mut().zip(&mut places);
            let mut ready = 0;
            for (i, arrival) in some.iter_mut().enumerate() {
                arrival.status = ale_status::ALE_ERR_INVALID_ARGUMENT;
                // SAFETY: the header's contract.
                let datagram = unsafe { pointer::slice_mut(arrival.datagram, arrival.length) };
                // SAFETY: the header's contract.
                let from = unsafe { arrival.from.as_ref() }.map(ale_address::read).transpose();
                let (Ok(datagram), Ok(from)) = (datagram, from) else { continue };
                if arrival.receiver.is_null() {
                    continue;
                }
                let leg = arrival.receiver.expose_provenance();
                let Some((listed, place)) = free.next() else { break };
                *listed = Arrival { from, ..Arrival::new(leg, datagram, arrival.arrival_ns) };
                *place = i as u8;
                ready += 1;
            }
            let list = list.get_mut(..ready).unwrap_or_default();
            receive_batch(&mut Handles, list);
            for (from, &place) in list.iter().zip(&places) {
                let Some(to) = some.get_mut(usize::from(place)) else { continue };
                to.status = match from.result {
                    Ok(outcome) => {
                        to.received = outcome.into();
                        if let Received::PassThrough(passed) = outcome {
                            // SAFETY: as in `Handles`; no other reference to it is alive.
                            let leg = unsafe { pointer::exclusive(to.receiver) }?;
                            leg.passed = Some(passed);
                        }
                        ale_status::ALE_OK
                    }
                    Err(error) => error.into(),
                };
            }
        }
        Ok(())
    })
}
