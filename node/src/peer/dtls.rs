// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys of SRTP by DTLS (RFC 5763, RFC 5764), behind a small trait: a handshake that does no I/O. By default it is
//! `rtc-dtls`, version 1.2, which takes the RSA certificates of phones and the elliptic ones of browsers.
//!
//! Certificates are self-signed; what counts is that a peer's has a fingerprint that its description told.

use core::fmt::Write as _;
use core::net::SocketAddr;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ale_media::srtp::Suite;
use ale_media::srtp::dtls::{EXPORTER_LABEL, Role, exported_bytes};
use bytes::BytesMut;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile as Profile;
use rtc_shared::TransportProtocol;
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// Addresses from which a handshake may be tried at a time, where ICE does not say which is the peer's.
const MAX_ADDRESSES: usize = 4;
/// Datagrams that an unfinished handshake may take: a clean one takes some six, and what a library keeps of
/// those that come too early is bounded by it.
const MAX_DATAGRAMS: u32 = 128;
/// After this a flight is sent again, as it was, then after twice as long and so on up to the longest: the library
/// repeats too, but not once anything has come that does not complete the peer's flight, a repeated one included.
/// What the peer has of it already it drops as a replay.
const FIRST_REPEAT: Duration = Duration::from_millis(200);
const LONGEST_REPEAT: Duration = Duration::from_secs(2);
/// After this the library repeats a flight, as new records; it does so seven times.
const LIBRARY_REPEAT: Duration = Duration::from_secs(3);
/// A flight is sent again so often: half a minute's time.
const MAX_REPEATS: u32 = 18;
/// Where a record's header ends and a message begins with its type, and that of HelloVerifyRequest.
const HANDSHAKE_TYPE: usize = 13;
const HELLO_VERIFY_REQUEST: u8 = 3;
/// Of certificates nobody reads the names.
const NAME: &str = "media";

/// A certificate's fingerprint, as `a=fingerprint` tells it (RFC 8122).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint {
    hash: Hash,
    /// Upper-case, with colons.
    digits: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Fingerprint {
    /// A fingerprint as an attribute's value; `None` if its hash is not one of SHA-2's of 256 bits or more.
    pub fn parse(value: &str) -> Option<Self> {
        let (hash, digits) = value.trim().split_once(' ')?;
        let hash = match &hash.to_ascii_lowercase()[..] {
            "sha-256" => Hash::Sha256,
            "sha-384" => Hash::Sha384,
            "sha-512" => Hash::Sha512,
            _ => return None,
        };
        Some(Self { hash, digits: digits.trim().to_ascii_uppercase() })
    }

    /// A certificate's, in DER, by SHA-256.
    pub fn of(certificate: &[u8]) -> Self {
        Self { hash: Hash::Sha256, digits: digits(&Sha256::digest(certificate)) }
    }

    /// The attribute's value.
    pub fn value(&self) -> String {
        let hash = match self.hash {
            Hash::Sha256 => "sha-256",
            Hash::Sha384 => "sha-384",
            Hash::Sha512 => "sha-512",
        };
        format!("{hash} {}", self.digits)
    }

    /// Whether a certificate has it.
    pub fn is_of(&self, certificate: &[u8]) -> bool {
        self.digits
            == match self.hash {
                Hash::Sha256 => digits(&Sha256::digest(certificate)),
                Hash::Sha384 => digits(&Sha384::digest(certificate)),
                Hash::Sha512 => digits(&Sha512::digest(certificate)),
            }
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(value: String) -> Result<Self, Self::Error> {
        Self::parse(&value).ok_or("no fingerprint")
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.value()
    }
}

fn digits(hash: &[u8]) -> String {
    let mut text = String::new();
    for (n, byte) in hash.iter().enumerate() {
        let colon = if n == 0 { "" } else { ":" };
        // Writing to a String does not fail.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

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
    server: Arc<HandshakeConfig>,
    client: Arc<HandshakeConfig>,
}

impl Identity {
    /// A new key and certificate.
    ///
    /// # Errors
    /// What the library says.
    pub fn new() -> Result<Self, String> {
        let words = |error: &dyn core::fmt::Display| format!("DTLS: {error}");
        let provider = rtc_crypto::default_provider().map_err(|error| words(&error))?;
        let own = Certificate::generate_self_signed(vec![NAME.to_owned()], provider.crypto())
            .map_err(|error| words(&error))?;
        let fingerprint =
            Fingerprint::of(own.certificate.first().map(|der| der.as_ref()).unwrap_or_default());
        let config = |client| {
            ConfigBuilder::default()
                .with_crypto_provider(Arc::clone(&provider))
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
        Ok(Self { fingerprint, server: config(false)?, client: config(true)? })
    }

    /// Its certificate's.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// A handshake with a peer whose certificate has one of these fingerprints.
    pub fn handshake(&self, role: Role, fingerprints: Vec<Fingerprint>) -> Box<dyn Handshake> {
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
            flight: Vec::new(),
            repeat_at: None,
            repeat_after: FIRST_REPEAT,
            repeats: 0,
            told: VecDeque::new(),
        })
    }
}

/// `rtc-dtls`.
struct Rtc {
    endpoint: Endpoint,
    client: Option<Arc<HandshakeConfig>>,
    fingerprints: Vec<Fingerprint>,
    addresses: Vec<SocketAddr>,
    datagrams: u32,
    over: bool,
    /// What was sent last, and when it is to be sent again.
    flight: Vec<(BytesMut, SocketAddr)>,
    repeat_at: Option<Instant>,
    repeat_after: Duration,
    repeats: u32,
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
                self.flight.clear();
                self.repeat_after = FIRST_REPEAT;
                self.repeat_at = Some(now + FIRST_REPEAT);
                self.repeats = MAX_REPEATS;
            }
            let (datagram, to) = (transmit.message, transmit.transport.peer_addr);
            // Who is asked to prove its address need not be there (RFC 6347 section 4.2.1).
            if datagram.get(HANDSHAKE_TYPE) != Some(&HELLO_VERIFY_REQUEST) {
                self.flight.push((datagram.clone(), to));
            }
            self.told.push_back(Told::Send(datagram, to));
        }
    }

    fn repeat(&mut self, now: Instant) {
        if self.over || self.repeats == 0 || self.repeat_at.is_none_or(|at| now < at) {
            return;
        }
        self.repeats -= 1;
        self.repeat_after = (2 * self.repeat_after).min(LONGEST_REPEAT);
        self.repeat_at = Some(now + self.repeat_after);
        let flight = self.flight.iter();
        self.told.extend(flight.map(|(datagram, to)| Told::Send(datagram.clone(), *to)));
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
        if !self.fingerprints.iter().any(|told| told.is_of(certificate)) {
            return Err(String::from("the certificate is not the one that was told"));
        }
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
        self.repeat(now);
    }

    fn told(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

#[cfg(test)]
#[path = "dtls_tests.rs"]
mod tests;
