// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one place where panics stop.

use crate::status::ale_status;

/// Runs an entry point's body; a panic, which would be a bug, becomes `ALE_ERR_INTERNAL`, or without
/// `std` ends the process.
pub(crate) fn guard(body: impl FnOnce() -> Result<(), ale_status>) -> ale_status {
    // Nothing of a caller's is left half-changed behind a panic that the caller could look at but
    // the object itself, which it is told not to trust any more.
    #[cfg(feature = "std")]
    let outcome = std::panic::catch_unwind(core::panic::AssertUnwindSafe(body));
    #[cfg(not(feature = "std"))]
    let outcome: Result<_, core::convert::Infallible> = Ok(body());
    match outcome {
        Ok(Ok(())) => ale_status::ALE_OK,
        Ok(Err(status)) => status,
        Err(_) => ale_status::ALE_ERR_INTERNAL,
    }
}
