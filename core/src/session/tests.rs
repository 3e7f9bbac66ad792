// SPDX-License-Identifier: MIT OR Apache-2.0
//! A session without a leg above it.
