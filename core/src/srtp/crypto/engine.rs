// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which code does the cryptography: the choice, and what this machine offers.

use alloc::sync::Arc;

#[cfg(target_arch = "aarch64")]
use super::aarch64;
use super::backend::Backend;
#[cfg(target_arch = "x86_64")]
use super::x86;
use crate::srtp::SrtpError;

/// Built-in code for the cryptography. All of it gives the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kernel {
    /// RustCrypto: every target.
    Portable,
    /// 64-bit ARM with the AES, PMULL and SHA-1 instructions.
    ArmV8,
    /// x86-64 with AES-NI, PCLMULQDQ and SHA-NI.
    AesNi,
    /// x86-64 with VAES and VPCLMULQDQ in 256-bit registers, and SHA-NI.
    Vaes256,
    /// x86-64 with VAES and VPCLMULQDQ in 512-bit registers, AVX-512 VBMI2, and SHA-NI. In
    /// batches, SHA-1 runs on 16 packets at once.
    Vaes512,
}

impl Kernel {
    /// Every kernel of this library, the fastest last; most are for another machine than this.
    pub const ALL: &'static [Self] =
        &[Self::Portable, Self::ArmV8, Self::AesNi, Self::Vaes256, Self::Vaes512];

    /// Whether this machine can run it. Without the feature `std`, which finds out about the
    /// processor, only [`Kernel::Portable`] is available.
    pub fn is_available(self) -> bool {
        if self == Self::Portable {
            return true;
        }
        #[cfg(target_arch = "aarch64")]
        if self == Self::ArmV8 {
            return aarch64::is_available();
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(tier) = self.tier() {
            return x86::is_available(tier);
        }
        false
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn tier(self) -> Option<x86::Tier> {
        match self {
            Self::Portable | Self::ArmV8 => None,
            Self::AesNi => Some(x86::Tier::AesNi),
            Self::Vaes256 => Some(x86::Tier::Vaes256),
            Self::Vaes512 => Some(x86::Tier::Vaes512),
        }
    }

    /// The fastest that this machine can run.
    pub fn best() -> Self {
        Self::ALL.iter().rev().copied().find(|k| k.is_available()).unwrap_or(Self::Portable)
    }
}

/// What does a session's cryptography.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Engine {
    /// [`Kernel::best`].
    #[default]
    Best,
    /// This one; a session can't be made where it is not available.
    Builtin(Kernel),
    /// Code from outside. It can't be combined with a key derivation rate, which needs keys
    /// scheduled on the packet path.
    External(Arc<dyn Backend>),
}

impl Engine {
    pub(crate) fn kernel(&self) -> Result<Kernel, SrtpError> {
        match self {
            Self::Best | Self::External(_) => Ok(Kernel::best()),
            Self::Builtin(kernel) if kernel.is_available() => Ok(*kernel),
            Self::Builtin(_) => Err(SrtpError::UnavailableBackend),
        }
    }
}
