// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose a datagram is that has come on a port of many lines.
//!
//! A check names its line by the fragment that was told to the peer (RFC 8445 section 7.2.2). All else is of the line
//! that has last answered an authentic check from there. So who is not told a line's credentials reaches none; and who
//! has some, and sends a check by another's address, has what comes from there until the other checks again, within
//! seconds (RFC 7675), but neither reads it nor says anything in its place: the keys are others.

use core::net::SocketAddr;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::AtomicU64;

use ale_media::session::demux::{Protocol, classify};

use super::count;
use crate::peer::ice::{FRAGMENT_CHARACTERS, Ice, MAX_ADDRESSES};
use crate::peer::stun::{self, Message};

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;

/// What was dropped, as nobody's; written by the worker alone.
#[derive(Debug, Default)]
pub struct Unrouted {
    /// Checks of a fragment that no line has.
    pub checks: AtomicU64,
    /// All else, from where no line's peer is.
    pub others: AtomicU64,
}

/// A line's place, and its end.
pub(super) type End = (usize, usize);
type Fragment = [u8; FRAGMENT_CHARACTERS];

/// The ends that have a port in common.
#[derive(Debug, Default)]
pub(super) struct Routes {
    ends: HashMap<End, Known>,
    fragments: HashMap<(usize, Fragment), End>,
    /// Not more than `MAX_ADDRESSES` an end.
    addresses: HashMap<(usize, SocketAddr), End>,
}

/// What is known of an end.
#[derive(Debug)]
struct Known {
    /// Which of the worker's ports it has.
    port: usize,
    fragment: Option<Fragment>,
    addresses: [Option<SocketAddr>; MAX_ADDRESSES],
}

impl Routes {
    /// An end has this port from now on. Room is taken for all that its peer can add.
    pub(super) fn open(&mut self, end: End, port: usize, ice: Option<&Ice>) {
        let known = Known { port, fragment: None, addresses: [None; MAX_ADDRESSES] };
        self.ends.insert(end, known);
        let room = self.ends.len() * MAX_ADDRESSES;
        self.addresses.reserve(room.saturating_sub(self.addresses.len()));
        self.follow(end, ice, None);
    }

    /// What ICE knows at an end has changed, by an authentic check from an address if there is one: that is its
    /// peer's now, whosever it was.
    ///
    /// Real-time: yes, but for other credentials.
    pub(super) fn follow(&mut self, end: End, ice: Option<&Ice>, checked: Option<SocketAddr>) {
        let Some(known) = self.ends.get_mut(&end) else { return };
        let port = known.port;
        let fragment = ice.and_then(|ice| ice.fragment().as_bytes().try_into().ok());
        let before = core::mem::replace(&mut known.fragment, fragment);
        if before != fragment {
            if let Some(before) = before {
                remove(&mut self.fragments, (port, before), end);
            }
            if let Some(fragment) = fragment {
                self.fragments.entry((port, fragment)).or_insert(end);
            }
        }
        let now = ice.map_or([None; MAX_ADDRESSES], Ice::addresses);
        let before = core::mem::replace(&mut known.addresses, now);
        for gone in before.into_iter().flatten().filter(|at| !now.contains(&Some(*at))) {
            remove(&mut self.addresses, (port, gone), end);
        }
        for at in now.into_iter().flatten() {
            if checked == Some(at) {
                self.addresses.insert((port, at), end);
            } else if !before.contains(&Some(at)) {
                self.addresses.entry((port, at)).or_insert(end);
            }
        }
    }

    /// An end has no port any more.
    pub(super) fn close(&mut self, end: End) {
        self.follow(end, None, None);
        self.ends.remove(&end);
    }

    /// Whose a datagram is that has come on a port, from there. What is nobody's is counted.
    ///
    /// Real-time: yes.
    pub(super) fn find(
        &self,
        port: usize,
        from: SocketAddr,
        datagram: &[u8],
        unrouted: &Unrouted,
    ) -> Option<End> {
        let check = match classify(datagram) {
            Some(Protocol::Stun) => stun::read(datagram),
            _ => None,
        };
        let by_address = || self.addresses.get(&(port, from)).copied();
        let Some(Message::Request(request)) = check else {
            return by_address().or_else(|| {
                count(&unrouted.others, 1);
                None
            });
        };
        let fragment: Option<Fragment> = request.asked().try_into().ok();
        let named = fragment.and_then(|fragment| self.fragments.get(&(port, fragment)).copied());
        named.or_else(by_address).or_else(|| {
            count(&unrouted.checks, 1);
            None
        })
    }
}

/// Takes out what is an end's; what another has meanwhile stays.
fn remove<K: Eq + core::hash::Hash>(map: &mut HashMap<K, End>, key: K, end: End) {
    if let Entry::Occupied(entry) = map.entry(key)
        && *entry.get() == end
    {
        entry.remove();
    }
}
