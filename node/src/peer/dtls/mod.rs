// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys of SRTP by DTLS (RFC 5763, RFC 5764), behind a small trait: a handshake that does no I/O. It is `rtc-dtls`
//! (`rtc`), version 1.2, which takes the RSA certificates of phones and the elliptic ones of browsers; if that is
//! wanted, with who speaks ICE and asks for version 1.3 it is `dimpl` (`newer`, feature `dtls13`), elliptic ones only.
//!
//! Certificates are self-signed; what counts is that a peer's has a fingerprint that its description told.

mod fingerprint;
mod flight;
#[cfg(feature = "dtls13")]
mod hello;
#[cfg(feature = "dtls13")]
mod newer;
mod rtc;

use core::net::SocketAddr;
use std::time::Instant;

use ale_media::srtp::Suite;
use ale_media::srtp::dtls::Role;
use bytes::BytesMut;
use rtc_dtls::crypto::Certificate;
use zeroize::Zeroizing;

pub use fingerprint::Fingerprint;

/// Datagrams that an unfinished handshake may take: a clean one takes some six, and what a library keeps of
/// those that come too early is bounded by it.
const MAX_DATAGRAMS: u32 = 128;
/// Of certificates nobody reads the names.
const NAME: &str = "media";

/// Keys that have been agreed on.
#[derive(Debug)]
pub struct Agreed {
    /// Suite.
    pub suite: Suite,
    /// Keys and salts of both directions (RFC 5764 section 4.2).
    pub exported: Zeroizing<Vec<u8>>,
    /// Which side of the handshake the node was.
    pub role: Role,
    /// Whence the peer came.
    pub from: SocketAddr,
}

/// What a handshake tells.
#[derive(Debug)]
pub enum Told {
    /// To be sent to the peer, which is there.
    Send(BytesMut, SocketAddr),
    /// There are keys, and the peer is who its description says.
    Agreed(Agreed),
    /// There will be none, and why.
    Failed(String),
    /// The peer has said goodbye.
    Closed,
}

/// A DTLS association that does no I/O.
pub trait Handshake: Send + core::fmt::Debug {
    /// Begins it, if that is ours to do.
    fn begin(&mut self, peer: SocketAddr, now: Instant);
    /// A datagram has come. This is what costs: up to a signature and two multiplications of points.
    fn receive(&mut self, datagram: &[u8], from: SocketAddr, now: Instant);
    /// Sends again what may have been lost, if it is time.
    fn tick(&mut self, now: Instant);
    /// What there is to tell, the oldest first.
    fn told(&mut self) -> Option<Told>;
    /// Whether keys have been agreed on, or never will be.
    fn is_over(&self) -> bool;
}

/// The node's certificate, and how it shakes hands in either role. One for all calls.
#[derive(Debug, Clone)]
pub struct Identity {
    fingerprint: Fingerprint,
    rtc: rtc::Configs,
    #[cfg(feature = "dtls13")]
    newer: Option<newer::Configs>,
}

impl Identity {
    /// A new key and certificate.
    ///
    /// # Errors
    /// What the library says.
    pub fn new() -> Result<Self, String> {
        Self::make().map(|(identity, _)| identity)
    }

    /// The same, by which those who speak ICE and begin may shake hands by version 1.3.
    ///
    /// # Errors
    /// What the libraries say; without the feature `dtls13`, that it is not there.
    pub fn with_dtls13() -> Result<Self, String> {
        #[cfg(feature = "dtls13")]
        return Self::make().and_then(|(identity, own)| {
            Ok(Self { newer: Some(newer::Configs::new(&own)?), ..identity })
        });
        #[cfg(not(feature = "dtls13"))]
        Err(String::from("DTLS 1.3: built without the feature dtls13"))
    }

    fn make() -> Result<(Self, Certificate), String> {
        let provider = rtc_crypto::default_provider().map_err(|error| words(&error))?;
        let own = Certificate::generate_self_signed(vec![NAME.to_owned()], provider.crypto())
            .map_err(|error| words(&error))?;
        let der = own.certificate.first().map(|der| der.as_ref()).unwrap_or_default();
        let identity = Self {
            fingerprint: Fingerprint::of(der),
            rtc: rtc::Configs::new(&own, &provider)?,
            #[cfg(feature = "dtls13")]
            newer: None,
        };
        Ok((identity, own))
    }

    /// Its certificate's.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Whether it is left to peers that speak ICE to begin: what they begin with says which version they speak.
    pub fn lets_begin(&self) -> bool {
        #[cfg(feature = "dtls13")]
        return self.newer.is_some();
        #[cfg(not(feature = "dtls13"))]
        false
    }

    /// A handshake with a peer whose certificate has one of these fingerprints.
    pub fn handshake(&self, role: Role, fingerprints: Vec<Fingerprint>) -> Box<dyn Handshake> {
        self.rtc.handshake(role, fingerprints)
    }

    /// The same with one that speaks ICE, which says where it is.
    pub fn handshake_by_ice(
        &self,
        role: Role,
        fingerprints: Vec<Fingerprint>,
    ) -> Box<dyn Handshake> {
        #[cfg(feature = "dtls13")]
        if let (Some(newer), Role::Server) = (&self.newer, role) {
            let (newer, rtc, theirs) = (newer.clone(), self.rtc.clone(), fingerprints.clone());
            return Box::new(hello::Waiting::new(
                move || newer.handshake(role, theirs),
                move || rtc.handshake(role, fingerprints),
            ));
        }
        self.handshake(role, fingerprints)
    }
}

/// Whether a certificate is one that the peer's description told, or why it won't do.
fn check(told: &[Fingerprint], certificate: &[u8]) -> Result<(), String> {
    match told.iter().any(|told| told.is_of(certificate)) {
        true => Ok(()),
        false => Err(String::from("the certificate is not the one that was told")),
    }
}

fn words(error: &dyn core::fmt::Display) -> String {
    format!("DTLS: {error}")
}

#[cfg(test)]
mod tests;
