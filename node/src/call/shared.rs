// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ports that lines of a worker have in common, and which lines those are.
//!
//! Of such a port it must be known whose a datagram is, which checks of ICE say. So it is for who offers ICE, keys by
//! DTLS, and RTCP on RTP's port. Who is offered to has ports of its own: whether it speaks ICE is in its answer, and
//! the port in the offer. So has the node where it links itself to another, or two links to one port there would be
//! the same to both.

use core::net::SocketAddr;
use std::io;
use std::sync::Arc;

use crate::config::{Config, Interface};
use crate::ng::flags::{Flags, Ice};
use crate::ports::SharedPort;
use crate::sdp::Line;

/// Ports that lines have in common, if any have: for each interface one a worker.
#[derive(Debug)]
pub struct SharedPorts(Vec<Vec<Arc<SharedPort>>>);

impl SharedPorts {
    /// None: each line has ports of its own.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Binds those that are configured.
    ///
    /// # Errors
    /// What the system says, and of which.
    pub fn bind(config: &Config) -> io::Result<Self> {
        let mut shared: Vec<Vec<Arc<SharedPort>>> = Vec::new();
        for (n, Interface { address, .. }) in config.interfaces.iter().enumerate() {
            // Two names of one address.
            let before = config.interfaces.iter().take(n).position(|of| of.address == *address);
            if let Some(same) = before.and_then(|before| shared.get(before)) {
                shared.push(same.clone());
                continue;
            }
            let ports = (0..config.media.worker_count()).map_while(|worker| {
                let address = SocketAddr::new(*address, config.webrtc.port_of(worker)?);
                Some(SharedPort::bind(address, config.media.dscp).map(Arc::new).map_err(|error| {
                    io::Error::new(error.kind(), format!("port of [webrtc], {address}: {error}"))
                }))
            });
            shared.push(ports.collect::<Result<_, _>>()?);
        }
        Ok(Self(shared))
    }

    /// Those of a worker, each once.
    pub fn of_worker(&self, worker: usize) -> Vec<Arc<SharedPort>> {
        let mut ports: Vec<Arc<SharedPort>> = Vec::new();
        for port in self.0.iter().filter_map(|interface| interface.get(worker)) {
            if ports.iter().all(|other| !Arc::ptr_eq(other, port)) {
                ports.push(Arc::clone(port));
            }
        }
        ports
    }

    /// That of a worker on an interface.
    pub(super) fn get(&self, interface: usize, worker: usize) -> Option<&Arc<SharedPort>> {
        self.0.get(interface)?.get(worker)
    }

    /// Which worker's it is, if it is one of an interface's.
    pub(super) fn worker(&self, interface: usize, port: u16) -> Option<usize> {
        self.0.get(interface)?.iter().position(|shared| shared.port() == port)
    }
}

/// Whether who offers this, with keys by DTLS or not, can be told from others on a port.
pub(super) fn offers_checks(offered: &Line, by_dtls: bool) -> bool {
    offered.ice.as_ref().is_some_and(|theirs| !theirs.lite) && offered.rtcp_mux && by_dtls
}

/// The same, where the answer is to be like this.
pub(super) fn is_told_by_checks(offered: &Line, by_dtls: bool, answer: &Flags) -> bool {
    offers_checks(offered, by_dtls) && answer.ice != Ice::Remove && !answer.rtcp_mux.reject
}
