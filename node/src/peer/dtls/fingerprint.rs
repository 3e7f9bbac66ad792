// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fingerprints of certificates (RFC 8122).

use core::fmt::Write as _;

use sha2::{Digest, Sha256, Sha384, Sha512};

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
