// SPDX-License-Identifier: MIT OR Apache-2.0
//! Named sets of acceptable suites. Constants only; any thread.

use super::Suite;

/// Which suites a session may use. The NULL suites are in none of them: they need
/// [`SessionConfig::allow_null_cipher`](super::SessionConfig::allow_null_cipher).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Policy {
    /// AEAD_AES_256_GCM and AEAD_AES_128_GCM only. Oriented by BSI TR-02102: no SHA-1, no
    /// truncated tags. It is not a statement of compliance, which covers key management too.
    Strict,
    /// Adds the AES_CM suites with 80-bit HMAC-SHA1 tags, which much equipment has nothing better
    /// than. HMAC-SHA1 is not known to be broken, but SHA-1 is being withdrawn; a session that
    /// uses it begins with an [`Event::WeakSuite`](super::Event::WeakSuite).
    #[default]
    Interop,
    /// Adds the suites with 32-bit tags, of which one in 2^32 forgeries succeeds.
    Legacy,
}

/// What is wrong with a suite that a policy still accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakness {
    /// Authentication rests on SHA-1.
    Sha1,
    /// Authentication rests on SHA-1, and tags are 32 bits.
    ShortTag,
    /// The text is readable.
    NoEncryption,
}

impl Policy {
    /// Whether sessions may use `suite`.
    pub fn permits(self, suite: Suite, allow_null_cipher: bool) -> bool {
        match weakness(suite) {
            None => true,
            Some(Weakness::Sha1) => self != Self::Strict,
            Some(Weakness::ShortTag) => self == Self::Legacy,
            Some(Weakness::NoEncryption) => {
                allow_null_cipher && (self == Self::Legacy || suite != Suite::NullHmacSha1_32)
            }
        }
    }

    /// The suites that sessions may use, strongest first, without the NULL suites: what to offer.
    pub fn suites(self) -> impl Iterator<Item = Suite> {
        Suite::ALL.into_iter().filter(move |suite| self.permits(*suite, false))
    }
}

/// What is wrong with `suite`, if anything.
pub(crate) fn weakness(suite: Suite) -> Option<Weakness> {
    if suite.is_aead() {
        None
    } else if suite.is_null() {
        Some(Weakness::NoEncryption)
    } else if suite.tag_bytes() < 10 {
        Some(Weakness::ShortTag)
    } else {
        Some(Weakness::Sha1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn each_policy_adds_to_the_one_before() {
        use Suite::*;
        let strict: Vec<_> = Policy::Strict.suites().collect();
        let interop: Vec<_> = Policy::Interop.suites().collect();
        let legacy: Vec<_> = Policy::Legacy.suites().collect();
        assert_eq!(strict, [AeadAes256Gcm, AeadAes128Gcm]);
        assert_eq!(interop[2..], [AesCm256HmacSha1_80, AesCm192HmacSha1_80, AesCm128HmacSha1_80]);
        assert!(legacy.starts_with(&interop));
        assert_eq!(legacy.len(), 8);
        for policy in [Policy::Strict, Policy::Interop, Policy::Legacy] {
            assert!(!policy.permits(NullHmacSha1_80, false));
            assert!(policy.permits(NullHmacSha1_80, true));
        }
    }
}
