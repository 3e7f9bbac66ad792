// SPDX-License-Identifier: MIT OR Apache-2.0
//! SRTP and SRTCP (RFC 3711, RFC 7714).
