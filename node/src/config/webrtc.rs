// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ports of browsers, and of nodes that link themselves to this one.

use serde::Deserialize;

use super::{ConfigError, Media};

/// Ports of browsers, and of nodes that link themselves to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebRtc {
    /// The port that the first worker's lines have in common whose peers are known by ICE; the next worker's is the
    /// next. 0 for ports of their own, as phones have them.
    pub port: u16,
    /// Whether who speaks ICE may shake hands by DTLS 1.3, in a program that was built with the feature `dtls13`. Such
    /// peers' certificates have to be of elliptic curves then, as browsers' are.
    pub dtls13: bool,
}

impl WebRtc {
    /// The port of a worker's lines, if they have one in common.
    pub fn port_of(self, worker: usize) -> Option<u16> {
        let port = u16::try_from(worker).ok().and_then(|worker| self.port.checked_add(worker));
        port.filter(|_| self.port != 0)
    }

    pub(super) fn check(self, media: &Media) -> Result<(), ConfigError> {
        if self.dtls13 && !cfg!(feature = "dtls13") {
            return Err(ConfigError::NoDtls13);
        }
        if self.port == 0 {
            return Ok(());
        }
        let last = self.port_of(media.worker_count().saturating_sub(1));
        match last {
            Some(last) if last < media.port_min || self.port > media.port_max => Ok(()),
            _ => Err(ConfigError::SharedPorts),
        }
    }
}
