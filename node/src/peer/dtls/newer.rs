// SPDX-License-Identifier: MIT OR Apache-2.0
//! `dimpl`: version 1.3 (RFC 9147), certificates of elliptic curves only.
//!
//! For who speaks ICE: it is ICE that says where the peer is, and nobody else's datagrams come here.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use ale_media::srtp::Suite;
use ale_media::srtp::dtls::Role;
use bytes::BytesMut;
use dimpl::{Config, Dtls, DtlsCertificate, KeyingMaterial, Output, SrtpProfile};
use rtc_dtls::crypto::Certificate;
use zeroize::Zeroizing;

use super::flight::{Flight, LIBRARY_REPEAT};
use super::{Agreed, Fingerprint, Handshake, MAX_DATAGRAMS, Told, check, words};

/// Longest record that is sent.
const MAX_RECORD_BYTES: usize = 2_048;
/// Outputs of one turn at most: a flight is some ten.
const MAX_OUTPUTS: usize = 64;

/// How hands are shaken in either role.
#[derive(Debug, Clone)]
pub(super) struct Configs {
    config: Arc<Config>,
    /// With its key. The library makes a copy for each association.
    own: Arc<DtlsCertificate>,
}

impl Configs {
    /// The same certificate: a description tells one fingerprint, whoever answers it.
    pub(super) fn new(own: &Certificate) -> Result<Self, String> {
        let certificate = own.certificate.first().map(|der| der.to_vec()).unwrap_or_default();
        let key = own.private_key.signing_key.to_pkcs8_der().map_err(|error| words(&error))?;
        let key = key.ok_or("DTLS: a key that can't be told")?;
        let own = DtlsCertificate { certificate, private_key: key.as_ref().to_vec() };
        let config = Config::builder()
            .with_crypto_provider(dimpl::crypto::rust_crypto::default_provider())
            // ICE has shown that the peer is where it says.
            .use_server_cookie(false)
            .flight_start_rto(LIBRARY_REPEAT)
            // As many come at most before an end.
            .max_queue_rx(MAX_DATAGRAMS as usize)
            .build()
            .map_err(|error| words(&error))?;
        Ok(Self { config: Arc::new(config), own: Arc::new(own) })
    }

    pub(super) fn handshake(
        &self,
        role: Role,
        fingerprints: Vec<Fingerprint>,
    ) -> Box<dyn Handshake> {
        Box::new(Newer {
            configs: self.clone(),
            role,
            association: None,
            fingerprints,
            peer: None,
            datagrams: 0,
            certificate: None,
            keys: None,
            over: false,
            failed: false,
            wake: None,
            flight: Flight::default(),
            room: vec![0; MAX_RECORD_BYTES],
            told: VecDeque::new(),
        })
    }
}

/// An association with a peer.
struct Newer {
    configs: Configs,
    role: Role,
    /// Once the time is known.
    association: Option<Dtls>,
    fingerprints: Vec<Fingerprint>,
    /// Where it is, as far as is known.
    peer: Option<SocketAddr>,
    datagrams: u32,
    /// Whether the peer has shown a certificate that will do.
    certificate: Option<Result<(), String>>,
    keys: Option<(KeyingMaterial, SrtpProfile)>,
    over: bool,
    failed: bool,
    wake: Option<Instant>,
    flight: Flight,
    room: Vec<u8>,
    told: VecDeque<Told>,
}

impl core::fmt::Debug for Newer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Newer").field("over", &self.over).finish_non_exhaustive()
    }
}

impl Newer {
    /// Does something with the association, as of a time, and takes what comes of it.
    fn turn(&mut self, now: Instant, step: impl FnOnce(&mut Dtls) -> Result<(), dimpl::Error>) {
        if self.failed {
            return;
        }
        let (configs, client) = (&self.configs, self.role == Role::Client);
        let association = self.association.get_or_insert_with(|| {
            let (config, own) = (Arc::clone(&configs.config), (*configs.own).clone());
            let mut association = Dtls::new_13(config, own, now);
            association.set_active(client);
            association
        });
        let done = association.handle_timeout(now).and_then(|()| step(association));
        let collected = self.collect(now);
        if let Err(reason) = done.map_err(|error| error.to_string()).and(collected) {
            // What was agreed on stays so: only the association is of no use any more.
            self.failed = true;
            if !self.over {
                self.over = true;
                self.told.push_back(Told::Failed(reason));
            }
        }
    }

    fn collect(&mut self, now: Instant) -> Result<(), String> {
        let Some(association) = &mut self.association else { return Ok(()) };
        let mut anew = true;
        for _ in 0..MAX_OUTPUTS {
            match association.poll_output(&mut self.room) {
                Output::Packet(datagram) => {
                    let Some(peer) = self.peer else { continue };
                    if core::mem::take(&mut anew) {
                        self.flight.begin(now);
                    }
                    let datagram = BytesMut::from(datagram);
                    self.flight.push(datagram.clone(), peer);
                    self.told.push_back(Told::Send(datagram, peer));
                }
                Output::BufferTooSmall { .. } => {
                    return Err(String::from("a record that is too long"));
                }
                Output::Timeout(at) => {
                    self.wake = Some(at);
                    break;
                }
                Output::PeerCert(certificate) => {
                    self.certificate = Some(check(&self.fingerprints, certificate));
                }
                Output::KeyingMaterial(keys, profile) => self.keys = Some((keys, profile)),
                Output::CloseNotify => self.told.push_back(Told::Closed),
                _ => {}
            }
        }
        if !self.over && self.keys.is_some() {
            let agreed = self.complete()?;
            self.over = true;
            self.told.push_back(Told::Agreed(agreed));
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<Agreed, String> {
        self.certificate.take().ok_or("no certificate")??;
        let (keys, profile) = self.keys.take().ok_or("no SRTP profile in common")?;
        let suite = match profile {
            SrtpProfile::AEAD_AES_256_GCM => Suite::AeadAes256Gcm,
            SrtpProfile::AEAD_AES_128_GCM => Suite::AeadAes128Gcm,
            SrtpProfile::AES128_CM_SHA1_80 => Suite::AesCm128HmacSha1_80,
            _ => return Err(String::from("no SRTP profile in common")),
        };
        let from = self.peer.ok_or("no association")?;
        let exported = Zeroizing::new(keys.to_vec());
        Ok(Agreed { suite, exported, role: self.role, from })
    }
}

impl Handshake for Newer {
    fn begin(&mut self, peer: SocketAddr, now: Instant) {
        if self.role == Role::Client && self.association.is_none() {
            self.peer = Some(peer);
            self.turn(now, |_| Ok(()));
        }
    }

    fn receive(&mut self, datagram: &[u8], from: SocketAddr, now: Instant) {
        if !self.over && self.datagrams == MAX_DATAGRAMS {
            return;
        }
        self.datagrams = self.datagrams.saturating_add(1);
        self.peer = Some(from);
        self.turn(now, |association| association.handle_packet(datagram));
    }

    fn tick(&mut self, now: Instant) {
        if self.wake.is_some_and(|at| at <= now) {
            self.turn(now, |_| Ok(()));
        }
        if !self.over {
            self.flight.repeat(now, &mut self.told);
        }
    }

    fn told(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    fn is_over(&self) -> bool {
        self.over
    }
}
