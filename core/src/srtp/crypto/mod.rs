// SPDX-License-Identifier: MIT OR Apache-2.0
//! What seals and opens: session keys, scheduled for the kernel that will use them.
//!
//! - [`backend`]: cryptography from outside.
//! - [`engine`]: which code is used, and what this machine offers.
//! - [`portable`]: RustCrypto, on every target, and the oracle of the tests.
//! - `schedule`: round keys and HMAC states for the kernels.
//! - `x86`: kernels for AES-NI, VAES-256 and VAES-512.
//! - `aarch64`: a kernel for ARM's AES, PMULL and SHA-1 instructions.
//!
//! A [`CryptoJob`] is one packet for one key: what is authenticated, what is encrypted, and the
//! initialization vector. Which RFC that comes from, the callers know; down here SRTP and SRTCP
//! are the same.

#[cfg(target_arch = "aarch64")]
pub(crate) mod aarch64;
pub mod backend;
mod engine;
pub(crate) mod portable;
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
mod schedule;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

pub use engine::{Engine, Kernel};
use zeroize::Zeroize;

use super::suite::Cipher;
use super::{SrtpError, Suite};

/// A tag, of which a suite sends the first bytes.
pub(crate) type Tag = [u8; 16];

/// One packet to seal or open.
pub(crate) struct CryptoJob<'a> {
    /// The packet from its first byte; what lies behind `end` is not looked at.
    pub(crate) buffer: &'a mut [u8],
    /// Bytes in front that are authenticated but not encrypted.
    pub(crate) clear: usize,
    /// Where the text ends; not before `clear` nor behind the buffer.
    pub(crate) end: usize,
    /// Authenticated after the packet, most significant byte first: the rollover counter (HMAC
    /// suites), or the word of E bit and index (SRTCP; part of the associated data in GCM).
    pub(crate) tail: Option<u32>,
    /// The initialization vector with a counter of 0 (RFC 3711 section 4.1.1, RFC 7714 section 8.1
    /// and 9.1).
    pub(crate) iv: u128,
}

impl CryptoJob<'_> {
    /// The same job for a shorter time.
    pub(crate) fn reborrow(&mut self) -> CryptoJob<'_> {
        CryptoJob { buffer: self.buffer, ..*self }
    }

    /// Clear bytes and text, within bounds whatever the fields say.
    #[inline]
    pub(crate) fn parts(&self) -> (&[u8], &[u8]) {
        let message = self.message();
        message.split_at(self.clear.min(message.len()))
    }

    /// Everything that is authenticated but the tail.
    #[inline]
    pub(crate) fn message(&self) -> &[u8] {
        &self.buffer[..self.end.min(self.buffer.len())]
    }

    /// The text alone.
    #[inline]
    pub(crate) fn text(&mut self) -> &mut [u8] {
        let end = self.end.min(self.buffer.len());
        &mut self.buffer[self.clear.min(end)..end]
    }
}

/// Derived session keys on their way to a schedule; zeroized on drop.
#[derive(Default)]
pub(crate) struct Material {
    pub(crate) cipher: [u8; 32],
    pub(crate) cipher_bytes: usize,
    pub(crate) auth: [u8; 20],
    /// As long as the suite's; the rest 0.
    pub(crate) salt: [u8; 14],
}

impl Material {
    pub(crate) fn cipher_key(&self) -> &[u8] {
        self.cipher.get(..self.cipher_bytes).unwrap_or(&self.cipher)
    }
}

impl Drop for Material {
    fn drop(&mut self) {
        self.cipher.zeroize();
        self.auth.zeroize();
        self.salt.zeroize();
    }
}

/// Compares the first `bytes` of two tags in constant time.
#[inline]
pub(crate) fn tags_match(a: Tag, b: Tag, bytes: usize) -> bool {
    let difference = u128::from_be_bytes(a) ^ u128::from_be_bytes(b);
    let shift = 128 - 8 * bytes.clamp(1, 16) as u32;
    // One test of the accumulated difference: no byte is told from another.
    core::hint::black_box(difference >> shift) == 0
}

/// Session keys of one direction's SRTP or SRTCP.
pub(crate) struct CryptoKey {
    cipher: Cipher,
    /// The session salt where the IV has it.
    salt: u128,
    schedule: Schedule,
}

// The kernels' keys stand in place: a pointer more would be a cache miss more for each packet.
#[allow(clippy::large_enum_variant)]
enum Schedule {
    External(backend::Key),
    Portable(portable::Key),
    #[cfg(target_arch = "x86_64")]
    X86(x86::Key),
    #[cfg(target_arch = "aarch64")]
    Arm(aarch64::Key),
}

impl Drop for CryptoKey {
    fn drop(&mut self) {
        // The schedules wipe themselves.
        self.salt.zeroize();
    }
}

impl CryptoKey {
    pub(crate) fn new(
        suite: Suite,
        material: &Material,
        engine: &Engine,
    ) -> Result<Self, SrtpError> {
        let cipher = suite.cipher();
        let salt = salt_of(material);
        if let Engine::External(backend) = engine {
            let schedule = Schedule::External(backend::Key::new(backend, suite, material)?);
            return Ok(Self { cipher, salt, schedule });
        }
        let kernel = engine.kernel()?;
        #[cfg(target_arch = "x86_64")]
        if let Some(tier) = kernel.tier() {
            let key = x86::Key::new(tier, cipher, material)?;
            return Ok(Self { cipher, salt, schedule: Schedule::X86(key) });
        }
        #[cfg(target_arch = "aarch64")]
        if kernel == Kernel::ArmV8 {
            let schedule = Schedule::Arm(aarch64::Key::new(cipher, material)?);
            return Ok(Self { cipher, salt, schedule });
        }
        let _ = kernel;
        let schedule = Schedule::Portable(portable::Key::new(cipher, material)?);
        Ok(Self { cipher, salt, schedule })
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.schedule {
            Schedule::Portable(key) => key.heap_bytes(),
            Schedule::External(_) => 0,
            #[cfg(target_arch = "x86_64")]
            Schedule::X86(_) => 0,
            #[cfg(target_arch = "aarch64")]
            Schedule::Arm(_) => 0,
        }
    }

    /// XORs `text` with the keystream, for what is not in one piece.
    pub(crate) fn xor_keystream(&self, iv: u128, text: &mut [u8]) {
        match &self.schedule {
            Schedule::Portable(key) => key.xor_keystream(iv, text),
            Schedule::External(key) => key.xor_keystream(self.cipher, iv, text),
            #[cfg(target_arch = "x86_64")]
            Schedule::X86(key) => key.xor_keystream(iv, text),
            #[cfg(target_arch = "aarch64")]
            Schedule::Arm(key) => key.xor_keystream(iv, text),
        }
    }

    /// Puts other keys for the same suite in place, without allocating.
    pub(crate) fn replace(&mut self, material: &Material) {
        self.salt = salt_of(material);
        match &mut self.schedule {
            Schedule::Portable(key) => key.replace(material),
            // A configuration that would need this is refused: scheduling may allocate.
            Schedule::External(_) => {}
            #[cfg(target_arch = "x86_64")]
            Schedule::X86(key) => key.replace(material),
            #[cfg(target_arch = "aarch64")]
            Schedule::Arm(key) => key.replace(material),
        }
    }

    /// The initialization vector of a packet; `index` is the 48-bit SRTP or the SRTCP index.
    #[inline(always)]
    pub(crate) fn iv(&self, ssrc: u32, index: u64) -> u128 {
        let packet = u128::from(ssrc) << 48 | u128::from(index);
        match self.cipher {
            Cipher::Gcm => self.salt ^ packet << 32,
            _ => self.salt ^ packet << 16,
        }
    }

    /// Whether the tag's first bytes match, without decrypting: by opening, and sealing again where
    /// that succeeds. Not for the packet path.
    pub(crate) fn verify(&self, mut job: CryptoJob<'_>, expected: Tag, tag_bytes: usize) -> bool {
        let opened = self.open(job.reborrow(), expected, tag_bytes);
        if opened {
            let _ = self.seal(job);
        }
        opened
    }

    /// Whether a batch does several packets of such keys at once: with [`lane_tags`], or by an
    /// outside backend.
    #[inline(always)]
    pub(crate) fn batches(&self) -> bool {
        self.outside().is_some() || self.lane_key().is_some()
    }

    /// The key as [`lane_tags`] takes it, if its kernel has lanes.
    #[inline(always)]
    pub(crate) fn lane_key(&self) -> Option<&LaneKey> {
        match &self.schedule {
            #[cfg(target_arch = "x86_64")]
            Schedule::X86(key) if key.has_lanes() => Some(key),
            _ => None,
        }
    }

    /// The key's outside form, if it has one.
    #[inline(always)]
    pub(crate) fn outside(&self) -> Option<&backend::Key> {
        match &self.schedule {
            Schedule::External(key) => Some(key),
            _ => None,
        }
    }

    #[inline(always)]
    pub(crate) fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// Encrypts the job's text in place and returns the tag; `None`, and the text overwritten, if
    /// an outside backend failed.
    #[inline(always)]
    pub(crate) fn seal(&self, job: CryptoJob<'_>) -> Option<Tag> {
        Some(match &self.schedule {
            #[cfg(target_arch = "x86_64")]
            Schedule::X86(key) => key.seal(job),
            #[cfg(target_arch = "aarch64")]
            Schedule::Arm(key) => key.seal(job),
            Schedule::Portable(key) => key.seal(job),
            Schedule::External(key) => return key.seal(job),
        })
    }

    /// Verifies the tag's first bytes, and only if they match decrypts the text in place.
    #[inline(always)]
    pub(crate) fn open(&self, job: CryptoJob<'_>, expected: Tag, tag_bytes: usize) -> bool {
        match &self.schedule {
            #[cfg(target_arch = "x86_64")]
            Schedule::X86(key) => key.open(job, expected, tag_bytes),
            #[cfg(target_arch = "aarch64")]
            Schedule::Arm(key) => key.open(job, expected, tag_bytes),
            Schedule::Portable(key) => key.open(job, expected, tag_bytes),
            Schedule::External(key) => key.open(job, expected, tag_bytes),
        }
    }
}

/// Packets that [`lane_tags`] takes at a time.
pub(crate) const LANES: usize = 16;

/// A key of a kernel that has lanes.
#[cfg(target_arch = "x86_64")]
pub(crate) type LaneKey = x86::Key;
/// A key of a kernel that has lanes: there is none.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) enum LaneKey {}

/// What is authenticated of a packet: its bytes, and a tail that does not stand there.
#[derive(Clone, Copy)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // Read by kernels with lanes only.
pub(crate) struct Message<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) tail: Option<u32>,
}

/// A message in each lane, under its own key.
pub(crate) type Lanes<'k, 'm> = [Option<(&'k LaneKey, Message<'m>)>; LANES];

/// The HMAC tags of messages; those of other lanes are left alone.
#[inline(always)]
pub(crate) fn lane_tags(lanes: &Lanes<'_, '_>, tags: &mut [Tag; LANES]) {
    #[cfg(target_arch = "x86_64")]
    {
        // Sixteen keys' states at a time don't stay in registers.
        use super::wipe;
        wipe::wiping::<{ wipe::LANES }, _>(|| x86::lane_tags(lanes, tags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (lanes, tags);
    }
}

/// The salt as the IV has it: 112 bits above a 16-bit counter, or 96 above a 32-bit one; in both
/// cases left-aligned.
fn salt_of(material: &Material) -> u128 {
    let mut salt = [0; 16];
    salt[..14].copy_from_slice(&material.salt);
    u128::from_be_bytes(salt)
}
