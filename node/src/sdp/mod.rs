// SPDX-License-Identifier: MIT OR Apache-2.0
//! Session descriptions (RFC 8866), by the crate `sdp-types`: what an offer or an answer says about each
//! media line, and the same description with this node in the peer's place.
//!
//! What the node must change is changed, and nothing else: lines that it does not understand go through with
//! the address that they came with.

mod answer;
mod extensions;
pub mod fragment;
mod line;
mod rewrite;
mod sending;
#[cfg(test)]
mod tests;
mod video;

pub use answer::{Origin, answering, ask_for_packets};
pub use extensions::Extensions;
pub(crate) use line::Format;
pub use line::{DtlsLine, IceLine, Line, LineKind, Setup};
pub use rewrite::{
    Formats, IceTold, NamedFormat, Rewrite, RewrittenLine, Rtcp, refuse_data_channels, rewrite,
};
pub use sending::sending;
pub use video::{VideoLine, offer, offered_types, video};

use line::values;

use core::fmt;

use sdp_types::Session;

/// Most lines of text in a description: a browser's has some hundred a media line.
const MAX_TEXT_LINES: usize = 4_096;

/// Why a description was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SdpError {
    /// It is no description, or longer than one.
    Syntax,
    /// It has more media lines than calls may have.
    TooManyLines,
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "Failed to parse SDP",
            Self::TooManyLines => "Too many media lines",
        })
    }
}

impl core::error::Error for SdpError {}

/// Reads a description with up to `max_lines` media lines.
///
/// # Errors
/// [`SdpError`].
pub fn parse(text: &[u8], max_lines: usize) -> Result<Session, SdpError> {
    if text.iter().filter(|&&byte| byte == b'\n').count() > MAX_TEXT_LINES {
        return Err(SdpError::Syntax);
    }
    let session = Session::parse(text).map_err(|_| SdpError::Syntax)?;
    if session.medias.len() > max_lines { Err(SdpError::TooManyLines) } else { Ok(session) }
}

/// A description's text.
pub fn write(session: &Session) -> Vec<u8> {
    let mut text = Vec::new();
    // Writing to a Vec does not fail.
    let _ = session.write(&mut text);
    text
}
