// SPDX-License-Identifier: MIT OR Apache-2.0
//! Session keys derived from master keys and scheduled for the backend: the part of a session that
//! re-keying replaces.
//!
//! [`PreparedKeys`] is made on any thread, handed to a half, and comes back as [`RetiredKeys`] to
//! be dropped on any thread, so that the thread in between neither allocates nor frees.

use alloc::boxed::Box;
use core::fmt;

use zeroize::Zeroize;

use super::config::SessionConfig;
use super::crypto::{CryptoKey, Material, portable};
use super::kdf::{Label, derive};
use super::keys::{MAX_RTCP_LIFETIME, MasterKey};
use super::suite::Cipher;
use super::wipe::{WipedList, wiping_stack};
use super::{SrtpError, Suite};
use crate::within::Within;

/// An [`Event::KeyExpiring`](super::Event::KeyExpiring) comes when so many packets are left, or a
/// sixteenth of the lifetime where that is less.
const EXPIRY_NOTICE: u64 = 1 << 16;

/// One master key's session keys.
pub(crate) struct SessionKeys {
    pub(crate) master: MasterKey,
    pub(crate) rtp: CryptoKey,
    pub(crate) rtcp: CryptoKey,
    /// Cipher and salt for header extension elements (RFC 6904), if any are encrypted.
    pub(crate) header: Option<Box<HeaderKey>>,
    /// Packets left, and at how many left the notice is due.
    pub(crate) rtp_left: u64,
    pub(crate) rtcp_left: u64,
    notice_at: u64,
    /// Knows the key again when it is gone; derived from it like a session key.
    fingerprint: u64,
    /// Index divided by the key derivation rate, for which the keys are derived.
    rtp_epoch: u64,
    rtcp_epoch: u64,
}

/// Cipher and salt of header extension elements.
pub(crate) struct HeaderKey {
    pub(crate) aes: portable::Aes,
    /// Where the IV has it.
    salt: u128,
}

impl HeaderKey {
    /// The initialization vector of a packet: that of counter mode (RFC 3711 section 4.1.1) under GCM too
    /// (RFC 7714 section 8.3). Counter mode wants 112 bits of salt; of GCM's 96, the salt of the header
    /// has as many as the master salt, and 16 zero bits behind, as the master salt itself is padded for key
    /// derivation (RFC 7714 section 11). RFC 6904 leaves the length open; libsrtp has settled it so.
    pub(crate) fn iv(&self, ssrc: u32, index: u64) -> u128 {
        self.salt ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16
    }
}

impl Drop for HeaderKey {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

impl SessionKeys {
    fn new(config: &SessionConfig, master: &MasterKey) -> Result<Self, SrtpError> {
        let suite = config.suite;
        let rtp = CryptoKey::new(suite, &rtp_material(suite, master, 0), &config.engine)?;
        let rtcp = CryptoKey::new(suite, &rtcp_material(suite, master, 0), &config.engine)?;
        let header = if config.encrypted_extensions.is_empty() {
            None
        } else {
            let mut key = [0; 32];
            let key = &mut key[..suite.key_bytes()];
            derive(master, Label::HeaderCipher, 0, key);
            let mut salt = [0; 16];
            let used = salt.get_mut(..suite.salt_bytes()).ok_or(SrtpError::KeyLength)?;
            derive(master, Label::HeaderSalt, 0, used);
            let aes = portable::Aes::new(key);
            key.zeroize();
            Some(Box::new(HeaderKey { aes: aes?, salt: u128::from_be_bytes(salt) }))
        };
        Ok(Self {
            rtp,
            rtcp,
            header,
            rtp_left: master.lifetime(),
            rtcp_left: master.lifetime().min(MAX_RTCP_LIFETIME),
            fingerprint: fingerprint(master),
            notice_at: EXPIRY_NOTICE.min(master.lifetime() / 16),
            rtp_epoch: 0,
            rtcp_epoch: 0,
            master: master.clone(),
        })
    }

    /// Counts one SRTP packet if that is all there is to do: false, and nothing counted, when the
    /// notice or the end is near.
    #[inline(always)]
    pub(crate) fn spend_rtp_quietly(&mut self) -> bool {
        let plenty = self.rtp_left > self.notice_at + 1;
        self.rtp_left -= u64::from(plenty);
        plenty
    }

    /// Whether [`SessionKeys::spend_rtp_quietly`] would be true.
    #[inline(always)]
    pub(crate) fn has_plenty(&self) -> bool {
        self.rtp_left > self.notice_at + 1
    }

    /// Counts one packet; how many are left if the host is to be told.
    #[inline(always)]
    pub(crate) fn spend_rtp(&mut self) -> Option<u64> {
        self.rtp_left = self.rtp_left.saturating_sub(1);
        (self.rtp_left == self.notice_at).then_some(self.rtp_left)
    }

    /// As [`SessionKeys::spend_rtp`], for SRTCP.
    pub(crate) fn spend_rtcp(&mut self) -> Option<u64> {
        self.rtcp_left = self.rtcp_left.saturating_sub(1);
        (self.rtcp_left == self.notice_at).then_some(self.rtcp_left)
    }
}

fn fingerprint(master: &MasterKey) -> u64 {
    let mut bytes = [0; 8];
    derive(master, Label::Fingerprint, 0, &mut bytes);
    u64::from_be_bytes(bytes)
}

/// What is derived for SRTP.
pub(crate) fn rtp_material(suite: Suite, master: &MasterKey, r: u64) -> Material {
    material(suite, master, r, [Label::RtpCipher, Label::RtpAuth, Label::RtpSalt])
}

fn rtcp_material(suite: Suite, master: &MasterKey, r: u64) -> Material {
    material(suite, master, r, [Label::RtcpCipher, Label::RtcpAuth, Label::RtcpSalt])
}

fn material(suite: Suite, master: &MasterKey, r: u64, labels: [Label; 3]) -> Material {
    let mut material = Material { cipher_bytes: suite.key_bytes(), ..Material::default() };
    let bytes = material.cipher_bytes;
    derive(master, labels[0], r, material.cipher.head_mut(bytes));
    if suite.cipher() != Cipher::Gcm {
        derive(master, labels[1], r, &mut material.auth);
    }
    derive(master, labels[2], r, material.salt.head_mut(suite.salt_bytes()));
    material
}

/// The keys of a session at one time.
pub(crate) struct KeyRing {
    pub(crate) suite: Suite,
    pub(crate) keys: WipedList<SessionKeys>,
    /// The key to send under, or the one that was last received under.
    pub(crate) active: usize,
    pub(crate) mki_bytes: usize,
    pub(crate) rate_log2: Option<u8>,
    pub(crate) rtp_tag_bytes: usize,
    pub(crate) rtcp_tag_bytes: usize,
    pub(crate) aead: bool,
    /// SRTP, or SRTCP, is authenticated but readable.
    pub(crate) plain_rtp: bool,
    pub(crate) plain_rtcp: bool,
    /// Receiving: whether a packet has authenticated under these since they were put in place.
    pub(crate) heard: bool,
    /// None of the keys has been in use before, as far as the half remembers.
    pub(crate) fresh: bool,
}

/// What is kept of a key that is not in use any more: enough to know it again, nothing of the key.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trace {
    fingerprint: u64,
    rtp_left: u64,
    rtcp_left: u64,
}

impl Trace {
    pub(crate) fn words(self) -> [u64; 3] {
        [self.fingerprint, self.rtp_left, self.rtcp_left]
    }

    pub(crate) fn from_words([fingerprint, rtp_left, rtcp_left]: [u64; 3]) -> Self {
        Self { fingerprint, rtp_left, rtcp_left }
    }
}

/// Keys of former rings that are known again.
pub(crate) const TRACES: usize = 4;

impl KeyRing {
    fn new(config: &SessionConfig) -> Result<Self, SrtpError> {
        config.validate()?;
        let mut keys = WipedList::with_capacity(config.keys.len());
        wiping_stack(|| {
            config.keys.iter().try_for_each(|master| {
                keys.push(SessionKeys::new(config, master)?);
                Ok(())
            })
        })?;
        Ok(Self {
            suite: config.suite,
            keys,
            active: 0,
            mki_bytes: config.keys.first().map_or(0, |key| key.mki().len()),
            rate_log2: config.key_derivation_rate_log2,
            rtp_tag_bytes: config.suite.tag_bytes(),
            rtcp_tag_bytes: match config.short_rtcp_tags {
                true => config.suite.tag_bytes(),
                false => config.suite.rtcp_tag_bytes(),
            },
            aead: config.suite.is_aead(),
            plain_rtp: config.unencrypted_srtp,
            plain_rtcp: config.unencrypted_srtcp || config.suite.is_null(),
            heard: false,
            fresh: true,
        })
    }

    /// Whether these are the same keys under the same names, to be used in the same way.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let parameters = |ring: &Self| {
            (ring.suite, ring.rate_log2, ring.plain_rtp, ring.plain_rtcp, ring.keys.len())
        };
        let same = |(a, b): (&SessionKeys, &SessionKeys)| {
            a.master.same_material(&b.master)
                && a.master.mki() == b.master.mki()
                && a.master.lifetime() == b.master.lifetime()
        };
        parameters(self) == parameters(other) && self.keys.iter().zip(other.keys.iter()).all(same)
    }

    /// Whether any key is in both.
    pub(crate) fn shares_a_key(&self, other: &Self) -> bool {
        let known = |key: &SessionKeys| {
            other.keys.iter().any(|before| key.master.same_material(&before.master))
        };
        self.keys.iter().any(known)
    }

    /// Notes what is needed to know these keys again, in place of earlier notes of them or else of the
    /// oldest ones.
    pub(crate) fn leave_traces(&self, traces: &mut [Trace; TRACES]) {
        for key in self.keys.iter() {
            let earlier = traces.iter().position(|trace| trace.fingerprint == key.fingerprint);
            traces.head_mut(earlier.map_or(TRACES, |at| at + 1)).last_to_front();
            if let Some(first) = traces.first_mut() {
                *first = Trace {
                    fingerprint: key.fingerprint,
                    rtp_left: key.rtp_left,
                    rtcp_left: key.rtcp_left,
                };
            }
        }
    }

    /// Whether a key has left a trace; what was left of its lifetime is all that is left.
    pub(crate) fn follow_traces(&mut self, traces: &[Trace; TRACES]) -> bool {
        let mut known = false;
        for key in self.keys.iter_mut() {
            for trace in traces.iter().filter(|trace| trace.fingerprint == key.fingerprint) {
                known = true;
                key.rtp_left = key.rtp_left.min(trace.rtp_left);
                key.rtcp_left = key.rtcp_left.min(trace.rtcp_left);
            }
        }
        known
    }

    /// Position of the key with this identifier.
    pub(crate) fn find(&self, mki: &[u8]) -> Option<usize> {
        self.keys.iter().position(|key| key.master.mki() == mki)
    }

    /// Whether packets need nothing but header, text and tag, and no code from outside.
    pub(crate) fn is_ordinary(&self) -> bool {
        self.mki_bytes == 0
            && !self.has_rate()
            && self.keys.iter().all(|key| key.rtp.outside().is_none())
    }

    pub(crate) fn has_rate(&self) -> bool {
        self.rate_log2.is_some()
    }

    /// Makes the SRTP keys of one position those for `index`. With a key derivation rate of 0
    /// there is nothing to do.
    #[inline(always)]
    pub(crate) fn derive_for_rtp(&mut self, position: usize, index: u64) {
        let Some(rate) = self.rate_log2 else { return };
        let r = index >> rate;
        if let Some(keys) = self.keys.get_mut(position)
            && keys.rtp_epoch != r
        {
            let suite = self.suite;
            wiping_stack(|| keys.rtp.replace(&rtp_material(suite, &keys.master, r)));
            keys.rtp_epoch = r;
        }
    }

    /// As [`KeyRing::derive_for_rtp`], for SRTCP.
    pub(crate) fn derive_for_rtcp(&mut self, position: usize, index: u64) {
        let Some(rate) = self.rate_log2 else { return };
        let r = index >> rate;
        if let Some(keys) = self.keys.get_mut(position)
            && keys.rtcp_epoch != r
        {
            let suite = self.suite;
            wiping_stack(|| keys.rtcp.replace(&rtcp_material(suite, &keys.master, r)));
            keys.rtcp_epoch = r;
        }
    }

    /// Keys that were in `old` too go on with what is left of their lifetime.
    pub(crate) fn carry_lifetimes(&mut self, old: &Self) {
        for key in self.keys.iter_mut() {
            for before in old.keys.iter() {
                if key.master.same_material(&before.master) {
                    key.rtp_left = key.rtp_left.min(before.rtp_left);
                    key.rtcp_left = key.rtcp_left.min(before.rtcp_left);
                }
            }
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let keys = self.keys.iter().map(|k| k.rtp.heap_bytes() + k.rtcp.heap_bytes());
        self.keys.capacity() * size_of::<SessionKeys>() + keys.sum::<usize>()
    }
}

/// Keys ready to be handed to a half: made where allocating is no harm.
pub struct PreparedKeys(pub(crate) KeyRing);

impl PreparedKeys {
    /// Derives and schedules the keys of `config`; its suite, keys, session parameters (key derivation
    /// rate, what is unencrypted), encrypted extensions and backend are what matters
    /// ([`SessionConfig::rekeyed`]).
    ///
    /// Real-time: no.
    ///
    /// # Errors
    /// As [`SessionConfig::validate`], and [`SrtpError::UnavailableBackend`].
    pub fn new(config: &SessionConfig) -> Result<Self, SrtpError> {
        Ok(Self(KeyRing::new(config)?))
    }
}

impl fmt::Debug for PreparedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedKeys").field("suite", &self.0.suite).finish_non_exhaustive()
    }
}

/// Keys that a half has done with. Dropping them overwrites and frees them, which is for a thread
/// that may.
#[must_use = "dropping it frees memory, which is not for a real-time thread"]
pub struct RetiredKeys(#[allow(dead_code)] pub(crate) KeyRing);

impl fmt::Debug for RetiredKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetiredKeys").field("suite", &self.0.suite).finish_non_exhaustive()
    }
}
