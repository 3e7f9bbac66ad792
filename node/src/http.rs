// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests of HTTP/1.1 (RFC 9112), as far as a service for programs needs them: one request line, fields, and a body
//! whose length is told. Pure functions.

/// Longest request line and fields.
pub const MAX_HEAD_BYTES: usize = 8_192;
/// Longest body.
pub const MAX_BODY_BYTES: usize = 65_535;
/// Most fields.
const MAX_FIELDS: usize = 64;

/// A request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<'h> {
    /// `GET`, `POST` and so on.
    pub method: &'h str,
    /// The path, with its query.
    pub target: &'h str,
    fields: Vec<(&'h str, &'h str)>,
    /// Bytes of the head: the body begins there.
    pub bytes: usize,
}

/// Why a request was not read, and the answer's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpError {
    /// 400.
    Malformed,
    /// 431.
    HeadTooLong,
    /// 413.
    BodyTooLong,
    /// 411: a body whose length is not told.
    LengthRequired,
}

impl HttpError {
    /// The answer's status.
    pub fn status(self) -> &'static str {
        match self {
            Self::Malformed => "400 Bad Request",
            Self::HeadTooLong => "431 Request Header Fields Too Large",
            Self::BodyTooLong => "413 Content Too Large",
            Self::LengthRequired => "411 Length Required",
        }
    }
}

/// Reads a head; `None` if more of it is to come.
///
/// # Errors
/// [`HttpError`].
pub fn head(stream: &[u8]) -> Result<Option<Head<'_>>, HttpError> {
    let within = stream.get(..MAX_HEAD_BYTES).unwrap_or(stream);
    let Some(end) = within.windows(4).position(|window| window == b"\r\n\r\n") else {
        let full = within.len() == MAX_HEAD_BYTES;
        return if full { Err(HttpError::HeadTooLong) } else { Ok(None) };
    };
    let text = core::str::from_utf8(within.get(..end).unwrap_or_default())
        .map_err(|_| HttpError::Malformed)?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(HttpError::Malformed);
    };
    let fit = !method.is_empty()
        && method.bytes().all(|byte| byte.is_ascii_uppercase())
        && target.starts_with('/')
        && version.starts_with("HTTP/1.");
    if !fit {
        return Err(HttpError::Malformed);
    }
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(HttpError::Malformed)?;
        let token = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        // A control character within would be another reader's end of line.
        if !token || value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(HttpError::Malformed);
        }
        if fields.len() == MAX_FIELDS {
            return Err(HttpError::HeadTooLong);
        }
        fields.push((name, value.trim_matches([' ', '\t'])));
    }
    Ok(Some(Head { method, target, fields, bytes: end + 4 }))
}

impl<'h> Head<'h> {
    /// A field's value; the first if there are several.
    pub fn field(&self, name: &str) -> Option<&'h str> {
        let named = |(field, _): &&(&str, &str)| field.eq_ignore_ascii_case(name);
        self.fields.iter().find(named).map(|(_, value)| *value)
    }

    /// Whether a field that is a list has this word.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        let words = self.field(name).unwrap_or_default().split(',');
        words.map(str::trim).any(|listed| listed.eq_ignore_ascii_case(word))
    }

    /// Bytes of the body.
    ///
    /// # Errors
    /// [`HttpError`]: chunks are not read, and of two lengths nobody knows which counts (RFC 9112 section 6.3).
    pub fn body_bytes(&self) -> Result<usize, HttpError> {
        if self.field("transfer-encoding").is_some() {
            return Err(HttpError::LengthRequired);
        }
        let lengths = self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case("content-length"));
        let mut lengths = lengths.map(|(_, value)| *value);
        let (Some(length), None) = (lengths.next(), lengths.next()) else {
            return if self.field("content-length").is_some() {
                Err(HttpError::Malformed)
            } else if self.method == "POST" {
                Err(HttpError::LengthRequired)
            } else {
                Ok(0)
            };
        };
        if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(HttpError::Malformed);
        }
        match length.parse() {
            Ok(bytes) if bytes <= MAX_BODY_BYTES => Ok(bytes),
            _ => Err(HttpError::BodyTooLong),
        }
    }
}

/// An answer's head, after which the connection ends.
pub fn answer(status: &str, kind: &str, body_bytes: usize) -> String {
    answer_with(status, &[("Content-Type", kind)], body_bytes)
}

/// An answer's head with these fields.
pub fn answer_with(status: &str, fields: &[(&str, &str)], body_bytes: usize) -> String {
    let fields: String =
        fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "HTTP/1.1 {status}\r\n{fields}Content-Length: {body_bytes}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_when_its_head_is_whole() {
        let request = b"POST /ng HTTP/1.1\r\nHost: x\r\ncontent-LENGTH:  5 \r\nConnection: a, Upgrade\r\n\r\nhello";
        let whole = request.len() - 5;
        for bytes in 0..whole {
            assert_eq!(head(&request[..bytes]), Ok(None), "{bytes}");
        }
        let read = head(request).unwrap().unwrap();
        assert_eq!((read.method, read.target, read.bytes), ("POST", "/ng", whole));
        assert_eq!((read.field("HOST"), read.body_bytes()), (Some("x"), Ok(5)));
        assert!(read.lists("connection", "upgrade") && !read.lists("connection", "up"));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let length = |fields: &str| {
            let request = format!("POST /ng HTTP/1.1\r\n{fields}\r\n\r\n");
            head(request.as_bytes()).map(|read| read.unwrap().body_bytes()).and_then(|bytes| bytes)
        };
        for (fields, error) in [
            ("Content-Length: 1\r\nContent-Length: 1", HttpError::Malformed),
            ("Content-Length: +1", HttpError::Malformed),
            ("Content-Length: 1, 1", HttpError::Malformed),
            ("Content-Length: 65536", HttpError::BodyTooLong),
            ("Content-Length: 99999999999999999999", HttpError::BodyTooLong),
            ("Transfer-Encoding: chunked\r\nContent-Length: 1", HttpError::LengthRequired),
            ("Host: x", HttpError::LengthRequired),
            ("Host : x", HttpError::Malformed),
            ("Host: x\rContent-Length: 1", HttpError::Malformed),
            ("no field", HttpError::Malformed),
        ] {
            assert_eq!(length(fields), Err(error), "{fields}");
        }
        for line in ["GET / HTTP/2.0", "GET  / HTTP/1.1", "get / HTTP/1.1", "GET x HTTP/1.1", ""] {
            let request = format!("{line}\r\n\r\n");
            assert_eq!(head(request.as_bytes()), Err(HttpError::Malformed), "{line}");
        }
    }

    #[test]
    fn what_never_ends_is_refused_in_time() {
        assert_eq!(head(&[b'x'; MAX_HEAD_BYTES - 1]), Ok(None));
        assert_eq!(head(&[b'x'; MAX_HEAD_BYTES]), Err(HttpError::HeadTooLong));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_FIELDS + 1));
        assert_eq!(head(many.as_bytes()), Err(HttpError::HeadTooLong));
    }
}
