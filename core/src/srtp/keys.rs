// SPDX-License-Identifier: MIT OR Apache-2.0
//! Master keys as the signalling delivers them. Made on any thread; never on the packet path.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{SrtpError, Suite};

/// Longest master key identifier (RFC 4568 section 6.1).
pub const MAX_MKI_BYTES: usize = 128;
/// SRTP packets that one master key may protect (RFC 3711 section 9.2).
pub const MAX_RTP_LIFETIME: u64 = 1 << 48;
/// SRTCP packets that one master key may protect (RFC 3711 section 9.2).
pub const MAX_RTCP_LIFETIME: u64 = 1 << 31;

/// A master key and its salt, optionally with a master key identifier (MKI) and a lifetime.
///
/// The bytes stay in one place on the heap, wherever the value moves; they are overwritten when it is
/// dropped, and `Debug` does not show them.
pub struct MasterKey {
    secret: Box<Secret>,
    key_bytes: u8,
    salt_bytes: u8,
    mki: Vec<u8>,
    lifetime: u64,
}

/// Key and salt, filled in and wiped where they are.
#[derive(Default)]
struct Secret {
    key: [u8; 32],
    salt: [u8; 14],
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.key.zeroize();
        self.salt.zeroize();
    }
}

impl Clone for MasterKey {
    fn clone(&self) -> Self {
        let mut secret = Box::<Secret>::default();
        secret.key.copy_from_slice(&self.secret.key);
        secret.salt.copy_from_slice(&self.secret.salt);
        Self { secret, mki: self.mki.clone(), ..*self }
    }
}

impl MasterKey {
    /// A key of 16, 24 or 32 bytes and a salt of 12 (GCM) or 14 bytes.
    ///
    /// Real-time: no (it belongs to call setup).
    ///
    /// # Errors
    /// [`SrtpError::KeyLength`].
    pub fn new(key: &[u8], salt: &[u8]) -> Result<Self, SrtpError> {
        if !matches!(key.len(), 16 | 24 | 32) || !matches!(salt.len(), 12 | 14) {
            return Err(SrtpError::KeyLength);
        }
        let mut this = Self {
            secret: Box::default(),
            key_bytes: key.len() as u8,
            salt_bytes: salt.len() as u8,
            mki: Vec::new(),
            lifetime: MAX_RTP_LIFETIME,
        };
        this.secret.key[..key.len()].copy_from_slice(key);
        this.secret.salt[..salt.len()].copy_from_slice(salt);
        Ok(this)
    }

    /// Key and salt one after the other, as SDES writes them.
    ///
    /// # Errors
    /// [`SrtpError::KeyLength`] unless there are exactly as many bytes as the suite wants.
    pub fn from_concatenated(suite: Suite, bytes: &[u8]) -> Result<Self, SrtpError> {
        if bytes.len() != suite.key_bytes() + suite.salt_bytes() {
            return Err(SrtpError::KeyLength);
        }
        let (key, salt) = bytes.split_at(suite.key_bytes());
        Self::new(key, salt)
    }

    /// The same key with a master key identifier of 1 to 128 bytes; empty for none.
    ///
    /// # Errors
    /// [`SrtpError::Mki`].
    pub fn with_mki(mut self, mki: &[u8]) -> Result<Self, SrtpError> {
        if mki.len() > MAX_MKI_BYTES {
            return Err(SrtpError::Mki);
        }
        self.mki = mki.to_vec();
        Ok(self)
    }

    /// The same key, to be used for at most so many packets. SRTCP is held to
    /// [`MAX_RTCP_LIFETIME`] besides.
    ///
    /// # Errors
    /// [`SrtpError::InvalidConfig`] for 0 and for more than [`MAX_RTP_LIFETIME`].
    pub fn with_lifetime(mut self, packets: u64) -> Result<Self, SrtpError> {
        if packets == 0 || packets > MAX_RTP_LIFETIME {
            return Err(SrtpError::InvalidConfig);
        }
        self.lifetime = packets;
        Ok(self)
    }

    /// The master key identifier; empty if there is none.
    pub fn mki(&self) -> &[u8] {
        &self.mki
    }

    /// Packets that the key may protect.
    pub fn lifetime(&self) -> u64 {
        self.lifetime
    }

    /// The key's bytes: a secret.
    pub fn key(&self) -> &[u8] {
        self.secret.key.get(..usize::from(self.key_bytes)).unwrap_or(&self.secret.key)
    }

    /// The salt's bytes.
    pub fn salt(&self) -> &[u8] {
        self.secret.salt.get(..usize::from(self.salt_bytes)).unwrap_or(&self.secret.salt)
    }

    /// Whether key and salt are the same, in constant time.
    pub fn same_material(&self, other: &Self) -> bool {
        self.key_bytes == other.key_bytes
            && self.salt_bytes == other.salt_bytes
            && bool::from(
                self.secret.key.ct_eq(&other.secret.key)
                    & self.secret.salt.ct_eq(&other.secret.salt),
            )
    }

    /// Whether the lengths are the suite's.
    pub(crate) fn fits(&self, suite: Suite) -> bool {
        self.key().len() == suite.key_bytes() && self.salt().len() == suite.salt_bytes()
    }

    /// The salt as the 112 bits that key derivation wants: GCM's 96 are padded with zeros on the
    /// right (RFC 7714 section 11).
    pub(crate) fn padded_salt(&self) -> &[u8; 14] {
        &self.secret.salt
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey")
            .field("key_bytes", &self.key_bytes)
            .field("mki", &self.mki)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn debug_shows_no_secret() {
        let key = MasterKey::new(&[0xa5; 16], &[0x5a; 14]).unwrap();
        let text = format!("{key:?}");
        assert!(!text.contains("165") && !text.contains("a5") && !text.contains("90"));
    }

    #[test]
    fn wrong_lengths_are_refused() {
        assert_eq!(MasterKey::new(&[0; 15], &[0; 14]).unwrap_err(), SrtpError::KeyLength);
        assert_eq!(MasterKey::new(&[0; 16], &[0; 13]).unwrap_err(), SrtpError::KeyLength);
        assert!(MasterKey::from_concatenated(Suite::AeadAes256Gcm, &[0; 44]).is_ok());
        assert!(MasterKey::from_concatenated(Suite::AeadAes256Gcm, &[0; 46]).is_err());
        let key = MasterKey::new(&[0; 16], &[0; 14]).unwrap();
        assert_eq!(key.clone().with_mki(&[0; 129]).unwrap_err(), SrtpError::Mki);
        assert_eq!(key.with_lifetime(0).unwrap_err(), SrtpError::InvalidConfig);
    }
}
