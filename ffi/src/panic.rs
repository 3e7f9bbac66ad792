// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one place where panics stop.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::status::ale_status;

/// Runs an entry point's body; a panic, which would be a bug, becomes `ALE_ERR_INTERNAL`.
pub(crate) fn guard(body: impl FnOnce() -> Result<(), ale_status>) -> ale_status {
    // Nothing of a caller's is left half-changed behind a panic that the caller could look at but
    // the object itself, which it is told not to trust any more.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => ale_status::ALE_OK,
        Ok(Err(status)) => status,
        Err(_) => ale_status::ALE_ERR_INTERNAL,
    }
}
