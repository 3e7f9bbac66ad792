// SPDX-License-Identifier: MIT OR Apache-2.0
//! WebSocket (RFC 6455), the server's side, for messages of one frame. Pure functions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::http::{Head, MAX_BODY_BYTES};

/// What a client must ask for to speak NG.
pub const PROTOCOL: &str = "ng.rtpengine.com";

/// What stands in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A message in text.
    Text,
    /// A message in bytes.
    Binary,
    /// The end.
    Close,
    /// To be answered by a pong.
    Ping,
    /// A pong.
    Pong,
}

/// A frame that was read; its payload is unmasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Its bytes in the stream.
    pub bytes: usize,
}

/// The answer to a client that wants to speak NG; `None` if it does not.
pub fn accept(head: &Head<'_>) -> Option<String> {
    let wants = head.method == "GET"
        && head.lists("upgrade", "websocket")
        && head.lists("connection", "upgrade")
        && head.field("sec-websocket-version") == Some("13")
        && head.lists("sec-websocket-protocol", PROTOCOL);
    let key = head.field("sec-websocket-key").filter(|_| wants)?;
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = STANDARD.encode(hash.finalize());
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
    ))
}

/// Reads a client's frame; `Ok(None)` if more of it is to come.
///
/// # Errors
/// The code to close with (section 7.4.1): 1002 for what is no frame of a client's, 1003 for a message in several
/// frames, 1009 for one that is too long.
pub fn read(stream: &[u8]) -> Result<Option<Frame>, u16> {
    let [first, second, rest @ ..] = stream else { return Ok(None) };
    let kind = match first & 0x0f {
        0 => return Err(1003),
        1 => Kind::Text,
        2 => Kind::Binary,
        8 => Kind::Close,
        9 => Kind::Ping,
        10 => Kind::Pong,
        _ => return Err(1002),
    };
    let is_message = matches!(kind, Kind::Text | Kind::Binary);
    if first & 0x80 == 0 {
        return Err(if is_message { 1003 } else { 1002 });
    }
    if first & 0x70 != 0 || second & 0x80 == 0 {
        return Err(1002);
    }
    let (length, rest) = match second & 0x7f {
        126 if is_message => {
            let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        127 if is_message => return Err(1009),
        126.. => return Err(1002),
        length => (usize::from(length), rest),
    };
    if length > MAX_BODY_BYTES {
        return Err(1009);
    }
    let Some((mask, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let Some(masked) = rest.get(..length) else { return Ok(None) };
    let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let bytes = stream.len() - rest.len() + length;
    Ok(Some(Frame { kind, payload, bytes }))
}

/// Appends a frame of the server's, of up to 65,535 bytes.
pub fn write(kind: Kind, payload: &[u8], out: &mut Vec<u8>) {
    let code = match kind {
        Kind::Text => 1,
        Kind::Binary => 2,
        Kind::Close => 8,
        Kind::Ping => 9,
        Kind::Pong => 10,
    };
    let payload = payload.get(..MAX_BODY_BYTES).unwrap_or(payload);
    out.push(0x80 | code);
    match payload.len() {
        length @ 0..126 => out.push(length as u8),
        length => {
            out.push(126);
            out.extend((length as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    #[test]
    fn the_handshake_is_the_one_of_rfc_6455() {
        let request = |protocol: &str| {
            format!(
                "GET /ng HTTP/1.1\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{protocol}\r\n"
            )
        };
        let fit = request("Sec-WebSocket-Protocol: other, ng.rtpengine.com\r\n");
        let answer = accept(&http::head(fit.as_bytes()).unwrap().unwrap()).unwrap();
        // Section 1.3's example.
        assert!(
            answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            "{answer}"
        );
        for unfit in [request(""), fit.replace(": 13", ": 8"), fit.replace("GET", "POST")] {
            assert_eq!(accept(&http::head(unfit.as_bytes()).unwrap().unwrap()), None);
        }
    }

    #[test]
    fn frames_are_those_of_rfc_6455() {
        // Section 5.7: a masked "Hello", and an unmasked one.
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        for bytes in 0..hello.len() {
            assert_eq!(read(&hello[..bytes]), Ok(None));
        }
        let frame = Frame { kind: Kind::Text, payload: b"Hello".to_vec(), bytes: 11 };
        assert_eq!(read(&[&hello[..], b"more"].concat()), Ok(Some(frame)));
        let mut out = Vec::new();
        write(Kind::Text, b"Hello", &mut out);
        assert_eq!(out, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        out.clear();
        write(Kind::Binary, &[7; 256], &mut out);
        assert_eq!(out[..4], [0x82, 0x7e, 1, 0]);
        assert_eq!(read(&out), Err(1002), "a client masks");
        for (frame, code) in [
            (&[0x01, 0x81][..], 1003),
            (&[0x80, 0x81], 1003),
            (&[0x09, 0x80], 1002),
            (&[0x83, 0x80], 1002),
            (&[0xc1, 0x80], 1002),
            (&[0x89, 0xfe], 1002),
            (&[0x82, 0xff], 1009),
        ] {
            assert_eq!(read(frame), Err(code), "{frame:x?}");
        }
    }
}
