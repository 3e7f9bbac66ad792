// SPDX-License-Identifier: MIT OR Apache-2.0
//! `rtc-dtls`: version 1.2, certificates of RSA and of elliptic curves.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use ale_media::srtp::Suite;
use ale_media::srtp::dtls::{EXPORTER_LABEL, Role, exported_bytes};
use bytes::BytesMut;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile as Profile;
use rtc_shared::TransportProtocol;
use zeroize::Zeroizing;

use super::flight::{Flight, LIBRARY_REPEAT};
use super::{Agreed, Fingerprint, Handshake, MAX_DATAGRAMS, Told, check, words};

/// Addresses from which a handshake may be tried at a time, where ICE does not say which is the peer's.
const MAX_ADDRESSES: usize = 4;
/// Where a record's header ends and a message begins with its type, and that of HelloVerifyRequest.
const HANDSHAKE_TYPE: usize = 13;
const HELLO_VERIFY_REQUEST: u8 = 3;

/// How hands are shaken in either role.
#[derive(Debug, Clone)]
pub(super) struct Configs {
    server: Arc<HandshakeConfig>,
    client: Arc<HandshakeConfig>,
}

impl Configs {
    pub(super) fn new(
        own: &Certificate,
        provider: &Arc<dyn rtc_crypto::RTCCryptoProvider>,
    ) -> Result<Self, String> {
        let config = |client| {
            ConfigBuilder::default()
                .with_crypto_provider(Arc::clone(provider))
                .with_certificates(vec![own.clone()])
                .with_srtp_protection_profiles(vec![
                    Profile::Srtp_Aead_Aes_128_Gcm,
                    Profile::Srtp_Aead_Aes_256_Gcm,
                    Profile::Srtp_Aes128_Cm_Hmac_Sha1_80,
                ])
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                // Nobody has signed it: the fingerprint is what counts.
                .with_insecure_skip_verify(true)
                .with_flight_interval(LIBRARY_REPEAT)
                .build(client, None)
                .map(Arc::new)
                .map_err(|error| words(&error))
        };
        Ok(Self { server: config(false)?, client: config(true)? })
    }

    pub(super) fn handshake(
        &self,
        role: Role,
        fingerprints: Vec<Fingerprint>,
    ) -> Box<dyn Handshake> {
        let server = (role == Role::Server).then(|| Arc::clone(&self.server));
        let client = (role == Role::Client).then(|| Arc::clone(&self.client));
        // The library puts it into what it sends, where nobody reads it.
        let local = SocketAddr::from(([0, 0, 0, 0], 0));
        Box::new(Rtc {
            endpoint: Endpoint::new(local, TransportProtocol::UDP, server),
            client,
            fingerprints,
            addresses: Vec::new(),
            datagrams: 0,
            over: false,
            flight: Flight::default(),
            told: VecDeque::new(),
        })
    }
}

/// An association with a peer.
struct Rtc {
    endpoint: Endpoint,
    client: Option<Arc<HandshakeConfig>>,
    fingerprints: Vec<Fingerprint>,
    addresses: Vec<SocketAddr>,
    datagrams: u32,
    over: bool,
    flight: Flight,
    told: VecDeque<Told>,
}

impl core::fmt::Debug for Rtc {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Rtc").field("over", &self.over).finish_non_exhaustive()
    }
}

impl Rtc {
    fn collect(&mut self, now: Instant) {
        let mut anew = true;
        while let Some(transmit) = self.endpoint.poll_transmit() {
            if core::mem::take(&mut anew) {
                self.flight.begin(now);
            }
            let (datagram, to) = (transmit.message, transmit.transport.peer_addr);
            // Who is asked to prove its address need not be there (RFC 6347 section 4.2.1).
            if datagram.get(HANDSHAKE_TYPE) != Some(&HELLO_VERIFY_REQUEST) {
                self.flight.push(datagram.clone(), to);
            }
            self.told.push_back(Told::Send(datagram, to));
        }
    }

    fn fail(&mut self, reason: String) {
        self.over = true;
        self.told.push_back(Told::Failed(reason));
    }

    fn is_known(&mut self, from: SocketAddr) -> bool {
        if self.addresses.contains(&from) {
            return true;
        }
        // One that has been agreed with goes on with nobody else.
        let room = !self.over && self.client.is_none() && self.addresses.len() < MAX_ADDRESSES;
        if room {
            self.addresses.push(from);
        }
        room
    }

    fn complete(&mut self, from: SocketAddr) -> Result<Agreed, String> {
        let state = self.endpoint.get_connection_state(from).ok_or("no association")?;
        let certificate = state.peer_certificates.first().ok_or("no certificate")?;
        check(&self.fingerprints, certificate)?;
        let suite = match state.srtp_protection_profile() {
            Profile::Srtp_Aead_Aes_256_Gcm => Suite::AeadAes256Gcm,
            Profile::Srtp_Aead_Aes_128_Gcm => Suite::AeadAes128Gcm,
            Profile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Suite::AesCm128HmacSha1_80,
            _ => return Err(String::from("no SRTP profile in common")),
        };
        let exported = state
            .export_keying_material(EXPORTER_LABEL, &[], exported_bytes(suite))
            .map_err(|error| error.to_string())?;
        let exported = Zeroizing::new(AsRef::<[u8]>::as_ref(&exported).to_vec());
        let role = if state.is_client() { Role::Client } else { Role::Server };
        Ok(Agreed { suite, exported, role, from })
    }
}

impl Handshake for Rtc {
    fn begin(&mut self, peer: SocketAddr, now: Instant) {
        if let Some(config) = self.client.take() {
            self.addresses = vec![peer];
            if let Err(error) = self.endpoint.connect(now, peer, config, None) {
                self.fail(error.to_string());
            }
            self.collect(now);
        }
    }

    fn receive(&mut self, datagram: &[u8], from: SocketAddr, now: Instant) {
        if !self.is_known(from) || (!self.over && self.datagrams == MAX_DATAGRAMS) {
            return;
        }
        self.datagrams = self.datagrams.saturating_add(1);
        // What is malformed is dropped in silence (RFC 6347 section 4.1.2.7): it may be anybody's.
        let events = self.endpoint.read(now, from, None, BytesMut::from(datagram));
        self.collect(now);
        for event in events.unwrap_or_default() {
            match event {
                EndpointEvent::HandshakeComplete if !self.over => match self.complete(from) {
                    Ok(agreed) => {
                        self.over = true;
                        self.addresses = vec![from];
                        self.told.push_back(Told::Agreed(agreed));
                    }
                    Err(reason) => self.fail(reason),
                },
                EndpointEvent::PeerClosed => self.told.push_back(Told::Closed),
                _ => {}
            }
        }
    }

    fn tick(&mut self, now: Instant) {
        for from in &self.addresses {
            if self.endpoint.poll_timeout(from).is_some_and(|at| at <= now) {
                // A peer that does not answer for so long has gone; its call ends by its own timeout.
                let _ = self.endpoint.handle_timeout(*from, now);
            }
        }
        self.collect(now);
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
