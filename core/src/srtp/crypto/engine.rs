// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which code does the cryptography: the choice, and what this machine offers.

use crate::srtp::SrtpError;

/// Built-in code for the cryptography. All of it gives the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kernel {
    /// RustCrypto: every target.
    Portable,
}

impl Kernel {
    /// Every kernel of this target, the fastest last.
    pub const ALL: &'static [Self] = &[Self::Portable];

    /// Whether this machine can run it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
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
}

impl Engine {
    pub(crate) fn kernel(&self) -> Result<Kernel, SrtpError> {
        match self {
            Self::Best => Ok(Kernel::best()),
            Self::Builtin(kernel) if kernel.is_available() => Ok(*kernel),
            Self::Builtin(_) => Err(SrtpError::UnavailableBackend),
        }
    }
}
