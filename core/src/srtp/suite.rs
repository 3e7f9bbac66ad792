// SPDX-License-Identifier: MIT OR Apache-2.0
//! The crypto suites and their numbers (RFC 3711, RFC 4568 section 6.2, RFC 5764 section 4.1.2,
//! RFC 6188, RFC 7714 sections 12 and 14.2). Constants only; any thread.

/// How the text of a packet is made unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cipher {
    /// Not at all.
    Null,
    /// AES in counter mode (RFC 3711 section 4.1.1), authenticated with HMAC-SHA1.
    CounterMode,
    /// AES-GCM (RFC 7714).
    Gcm,
}

/// A crypto suite. The names are IANA's, from the "SRTP Crypto Suite Registrations" of SDES, and
/// for the NULL cipher from the DTLS-SRTP profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // the names say it; the table in `mod.rs` explains
pub enum Suite {
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
    AesCm192HmacSha1_80,
    AesCm192HmacSha1_32,
    AesCm256HmacSha1_80,
    AesCm256HmacSha1_32,
    AeadAes128Gcm,
    AeadAes256Gcm,
    /// Authenticated but readable; for tests, and only with
    /// [`SessionConfig::allow_null_cipher`](super::SessionConfig::allow_null_cipher).
    NullHmacSha1_80,
    /// As [`Suite::NullHmacSha1_80`] with a 32-bit tag.
    NullHmacSha1_32,
}

impl Suite {
    /// Every suite there is.
    pub const ALL: [Self; 10] = [
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm,
        Self::AesCm256HmacSha1_80,
        Self::AesCm192HmacSha1_80,
        Self::AesCm128HmacSha1_80,
        Self::AesCm256HmacSha1_32,
        Self::AesCm192HmacSha1_32,
        Self::AesCm128HmacSha1_32,
        Self::NullHmacSha1_80,
        Self::NullHmacSha1_32,
    ];

    /// The name in an `a=crypto` attribute. The NULL suites have none registered; theirs is that of
    /// the DTLS-SRTP profile.
    pub const fn sdes_name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AesCm192HmacSha1_80 => "AES_192_CM_HMAC_SHA1_80",
            Self::AesCm192HmacSha1_32 => "AES_192_CM_HMAC_SHA1_32",
            Self::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm256HmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::NullHmacSha1_80 => "NULL_HMAC_SHA1_80",
            Self::NullHmacSha1_32 => "NULL_HMAC_SHA1_32",
        }
    }

    /// Names that peers write besides the registered ones: those of the suites' drafts, with the key's
    /// length behind the mode like AES_CM_128's.
    pub const SDES_ALIASES: [(Self, &'static str); 4] = [
        (Self::AesCm256HmacSha1_80, "AES_CM_256_HMAC_SHA1_80"),
        (Self::AesCm256HmacSha1_32, "AES_CM_256_HMAC_SHA1_32"),
        (Self::AesCm192HmacSha1_80, "AES_CM_192_HMAC_SHA1_80"),
        (Self::AesCm192HmacSha1_32, "AES_CM_192_HMAC_SHA1_32"),
    ];

    /// The suite of this [`Suite::sdes_name`] or alias, compared without regard to case (SDP tokens of
    /// RFC 4568 are case-insensitive by way of RFC 4234's string literals).
    pub fn from_sdes_name(name: &str) -> Option<Self> {
        Self::named(name).map(|(suite, _)| suite)
    }

    /// The suite of a name, and the name as it is known here: an answer is written with it.
    pub fn named(name: &str) -> Option<(Self, &'static str)> {
        let registered = Self::ALL.into_iter().map(|suite| (suite, suite.sdes_name()));
        registered.chain(Self::SDES_ALIASES).find(|(_, known)| known.eq_ignore_ascii_case(name))
    }

    /// The DTLS-SRTP protection profile's number (RFC 5764 section 4.1.2, RFC 7714 section 14.2);
    /// AES-192 and AES-256 in counter mode have none.
    pub const fn dtls_profile(self) -> Option<u16> {
        match self {
            Self::AesCm128HmacSha1_80 => Some(0x0001),
            Self::AesCm128HmacSha1_32 => Some(0x0002),
            Self::NullHmacSha1_80 => Some(0x0005),
            Self::NullHmacSha1_32 => Some(0x0006),
            Self::AeadAes128Gcm => Some(0x0007),
            Self::AeadAes256Gcm => Some(0x0008),
            _ => None,
        }
    }

    /// The suite of this DTLS-SRTP protection profile.
    pub fn from_dtls_profile(profile: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.dtls_profile() == Some(profile))
    }

    /// Bytes of a master key.
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::AesCm192HmacSha1_80 | Self::AesCm192HmacSha1_32 => 24,
            Self::AesCm256HmacSha1_80 | Self::AesCm256HmacSha1_32 | Self::AeadAes256Gcm => 32,
            _ => 16,
        }
    }

    /// Bytes of a master salt.
    pub const fn salt_bytes(self) -> usize {
        match self.cipher() {
            Cipher::Gcm => 12,
            _ => 14,
        }
    }

    /// Bytes of the tag of an SRTP packet.
    pub const fn tag_bytes(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::AesCm128HmacSha1_32
            | Self::AesCm192HmacSha1_32
            | Self::AesCm256HmacSha1_32
            | Self::NullHmacSha1_32 => 4,
            _ => 10,
        }
    }

    /// Bytes of the tag of an SRTCP packet: never less than 10 (RFC 3711 section 5.2, RFC 5764
    /// section 4.1.2).
    pub const fn rtcp_tag_bytes(self) -> usize {
        match self.cipher() {
            Cipher::Gcm => 16,
            _ => 10,
        }
    }

    /// Bytes that [`Sender::protect`](super::Sender::protect) adds, without a master key
    /// identifier.
    pub const fn rtp_overhead_bytes(self) -> usize {
        self.tag_bytes()
    }

    /// Bytes that [`Sender::protect_rtcp`](super::Sender::protect_rtcp) adds, without a master key
    /// identifier: the tag and the word of E bit and index.
    pub const fn rtcp_overhead_bytes(self) -> usize {
        self.rtcp_tag_bytes() + 4
    }

    /// Whether this is AEAD (RFC 7714).
    pub const fn is_aead(self) -> bool {
        matches!(self.cipher(), Cipher::Gcm)
    }

    /// Whether the text stays readable.
    pub const fn is_null(self) -> bool {
        matches!(self.cipher(), Cipher::Null)
    }

    pub(crate) const fn cipher(self) -> Cipher {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => Cipher::Gcm,
            Self::NullHmacSha1_80 | Self::NullHmacSha1_32 => Cipher::Null,
            _ => Cipher::CounterMode,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_profiles_lead_back_to_their_suite() {
        for suite in Suite::ALL {
            assert_eq!(Suite::from_sdes_name(suite.sdes_name()), Some(suite));
            if let Some(profile) = suite.dtls_profile() {
                assert_eq!(Suite::from_dtls_profile(profile), Some(suite));
            }
        }
        for (suite, name) in Suite::SDES_ALIASES {
            assert_eq!(Suite::named(&name.to_ascii_lowercase()), Some((suite, name)));
            assert_ne!(suite.sdes_name(), name);
        }
        assert_eq!(Suite::from_sdes_name("F8_128_HMAC_SHA1_80"), None);
        assert_eq!(Suite::from_dtls_profile(0), None);
    }
}
