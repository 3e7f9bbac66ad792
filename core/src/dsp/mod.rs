// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signal processing that several modules share.
//!
//! - [`activity`]: whether somebody speaks.
//! - `correlate`, `pitch`: where two signals fit, the period of a voice, and what goes on with it.
//! - `drift`: between two clocks that ought to run alike.
//! - `fourier`: short blocks in frequency.
//! - [`level`]: how loud a stretch of samples is (RFC 6464's dBov).
//! - [`lines`]: whether a sound is a tone, a chord or music rather than noise.
//! - `odd_rates` (feature `odd-rates`): between rates of any ratio, with correction of drift.
//! - [`resample`]: between 8, 16, 32 and 48 kHz.
//! - `varispeed`: a little faster or slower.
//! - [`tones`]: DTMF, call progress, fax and modem tones, made and heard.
//!
//! Real-time: yes, all but the constructors. The same input gives the same bits on every machine:
//! floating-point sums keep a fixed order and no multiply-add is contracted.

pub mod activity;
pub(crate) mod correlate;
pub(crate) mod drift;
pub(crate) mod fourier;
pub mod level;
pub mod lines;
#[cfg(feature = "odd-rates")]
pub mod odd_rates;
pub(crate) mod pitch;
pub mod resample;
pub mod tones;
pub(crate) mod varispeed;
pub(crate) mod versions;
