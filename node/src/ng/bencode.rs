// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bencode: integers `i7e`, strings `4:spam`, lists `l...e` and dictionaries `d...e`.
//!
//! The reader takes dictionaries whose keys are in any order, as proxies send them, and strings of any
//! bytes, which it borrows. Depth and number of values are bounded, so that what a datagram costs is
//! bounded by its length. Of a key that comes twice the first counts.

use core::fmt;

/// Deepest nesting that is read; NG has three levels.
const MAX_DEPTH: usize = 16;
/// Most values in one message, which is many times what the longest offer has.
const MAX_VALUES: usize = 4096;

/// A value that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Integer(i64),
    /// A string, which need not be text.
    Bytes(&'a [u8]),
    /// Values in order.
    List(Vec<Self>),
    /// Names and values, in the order in which they came.
    Dictionary(Vec<(&'a [u8], Self)>),
}

/// Why a message was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BencodeError {
    /// It ends within a value.
    Cut,
    /// Something stands where a value should begin.
    Syntax,
    /// A number that is not one, or does not fit 64 bits.
    Number,
    /// A dictionary's key that is not a string.
    Key,
    /// Nested too deeply.
    Depth,
    /// Too many values.
    Count,
    /// Something follows the value.
    Trailing,
}

impl fmt::Display for BencodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "message ends within a value",
            Self::Syntax => "not a value",
            Self::Number => "malformed number",
            Self::Key => "a key that is not a string",
            Self::Depth => "nested too deeply",
            Self::Count => "too many values",
            Self::Trailing => "something follows the value",
        })
    }
}

impl core::error::Error for BencodeError {}

/// Reads one value, which is the whole of `message`.
///
/// # Errors
/// [`BencodeError`].
pub fn read(message: &[u8]) -> Result<Value<'_>, BencodeError> {
    let mut reader = Reader { rest: message, values_left: MAX_VALUES };
    let value = reader.value(MAX_DEPTH)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(BencodeError::Trailing) }
}

/// Bytes of the value that `stream` begins with, for streams that don't say where a message ends.
///
/// # Errors
/// [`BencodeError`]; [`BencodeError::Cut`] if it goes on.
pub fn extent(stream: &[u8]) -> Result<usize, BencodeError> {
    let mut reader = Reader { rest: stream, values_left: MAX_VALUES };
    reader.value(MAX_DEPTH)?;
    Ok(stream.len() - reader.rest.len())
}

struct Reader<'a> {
    rest: &'a [u8],
    values_left: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth_left: usize) -> Result<Value<'a>, BencodeError> {
        self.values_left = self.values_left.checked_sub(1).ok_or(BencodeError::Count)?;
        match self.rest.first().ok_or(BencodeError::Cut)? {
            b'0'..=b'9' => self.string().map(Value::Bytes),
            b'i' => {
                self.skip();
                self.number(b'e').map(Value::Integer)
            }
            b'l' => {
                let depth_left = depth_left.checked_sub(1).ok_or(BencodeError::Depth)?;
                self.skip();
                let mut list = Vec::new();
                while !self.ends()? {
                    list.push(self.value(depth_left)?);
                }
                Ok(Value::List(list))
            }
            b'd' => {
                let depth_left = depth_left.checked_sub(1).ok_or(BencodeError::Depth)?;
                self.skip();
                let mut entries = Vec::new();
                while !self.ends()? {
                    if !self.rest.first().is_some_and(u8::is_ascii_digit) {
                        return Err(BencodeError::Key);
                    }
                    let key = self.string()?;
                    entries.push((key, self.value(depth_left)?));
                }
                Ok(Value::Dictionary(entries))
            }
            _ => Err(BencodeError::Syntax),
        }
    }

    fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    /// Whether a list or dictionary ends here; its `e` is skipped then.
    fn ends(&mut self) -> Result<bool, BencodeError> {
        let ends = *self.rest.first().ok_or(BencodeError::Cut)? == b'e';
        if ends {
            self.skip();
        }
        Ok(ends)
    }

    fn string(&mut self) -> Result<&'a [u8], BencodeError> {
        let length = usize::try_from(self.number(b':')?).map_err(|_| BencodeError::Number)?;
        let (string, rest) = self.rest.split_at_checked(length).ok_or(BencodeError::Cut)?;
        self.rest = rest;
        Ok(string)
    }

    /// The decimal number up to `end`, which is skipped.
    fn number(&mut self, end: u8) -> Result<i64, BencodeError> {
        // 64 bits have 19 digits and a sign: whoever writes more writes no number.
        let window = self.rest.get(..21).unwrap_or(self.rest);
        let at = window.iter().position(|&byte| byte == end).ok_or(if window.len() == 21 {
            BencodeError::Number
        } else {
            BencodeError::Cut
        })?;
        let (digits, rest) = self.rest.split_at(at);
        self.rest = rest.get(1..).unwrap_or_default();
        let text = core::str::from_utf8(digits).map_err(|_| BencodeError::Number)?;
        if text.starts_with('+') {
            return Err(BencodeError::Number);
        }
        text.parse().map_err(|_| BencodeError::Number)
    }
}

impl<'a> Value<'a> {
    /// The value of a dictionary's key.
    pub fn entry(&self, key: &str) -> Option<&Self> {
        self.entries().find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value)
    }

    /// A dictionary's keys and values; none of anything else.
    pub fn entries(&self) -> impl Iterator<Item = (&'a [u8], &Self)> {
        let entries = match self {
            Self::Dictionary(entries) => &entries[..],
            _ => &[],
        };
        entries.iter().map(|(key, value)| (*key, value))
    }

    /// A number, also one that is told as text.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            other => other.text()?.parse().ok(),
        }
    }

    /// A string that is text.
    pub fn text(&self) -> Option<&'a str> {
        match self {
            Self::Bytes(bytes) => core::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The texts of a list; a text by itself is a list of one.
    pub fn texts(&self) -> impl Iterator<Item = &'a str> {
        let list = match self {
            Self::List(list) => &list[..],
            single => core::slice::from_ref(single),
        };
        list.iter().filter_map(Self::text)
    }
}

/// Writes a dictionary entry by entry, in the order in which it is told.
#[derive(Debug)]
pub struct DictionaryWriter<'o> {
    out: &'o mut Vec<u8>,
}

/// Writes a list value by value.
#[derive(Debug)]
pub struct ListWriter<'o> {
    out: &'o mut Vec<u8>,
}

fn write_string(out: &mut Vec<u8>, string: &[u8]) {
    out.extend_from_slice(string.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(string);
}

/// Appends a dictionary to `out`.
pub fn dictionary(out: &mut Vec<u8>, fill: impl FnOnce(&mut DictionaryWriter<'_>)) {
    out.push(b'd');
    fill(&mut DictionaryWriter { out });
    out.push(b'e');
}

impl DictionaryWriter<'_> {
    /// A string.
    pub fn string(&mut self, key: &str, value: impl AsRef<[u8]>) -> &mut Self {
        write_string(self.out, key.as_bytes());
        write_string(self.out, value.as_ref());
        self
    }

    /// A number; what does not fit 63 bits is the greatest that does.
    pub fn number(&mut self, key: &str, value: u64) -> &mut Self {
        write_string(self.out, key.as_bytes());
        let value = value.min(i64::MAX.unsigned_abs());
        self.out.extend_from_slice(format!("i{value}e").as_bytes());
        self
    }

    /// A dictionary within.
    pub fn dictionary(
        &mut self,
        key: &str,
        fill: impl FnOnce(&mut DictionaryWriter<'_>),
    ) -> &mut Self {
        write_string(self.out, key.as_bytes());
        dictionary(self.out, fill);
        self
    }

    /// A list within.
    pub fn list(&mut self, key: &str, fill: impl FnOnce(&mut ListWriter<'_>)) -> &mut Self {
        write_string(self.out, key.as_bytes());
        self.out.push(b'l');
        fill(&mut ListWriter { out: self.out });
        self.out.push(b'e');
        self
    }
}

impl ListWriter<'_> {
    /// A string.
    pub fn string(&mut self, value: impl AsRef<[u8]>) -> &mut Self {
        write_string(self.out, value.as_ref());
        self
    }

    /// A dictionary.
    pub fn dictionary(&mut self, fill: impl FnOnce(&mut DictionaryWriter<'_>)) -> &mut Self {
        dictionary(self.out, fill);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The obvious writer: what the reader is held to.
    fn write(value: &Value<'_>, out: &mut Vec<u8>) {
        match value {
            Value::Integer(number) => out.extend(format!("i{number}e").bytes()),
            Value::Bytes(bytes) => write_string(out, bytes),
            Value::List(list) => {
                out.push(b'l');
                list.iter().for_each(|value| write(value, out));
                out.push(b'e');
            }
            Value::Dictionary(entries) => {
                out.push(b'd');
                for (key, value) in entries {
                    write_string(out, key);
                    write(value, out);
                }
                out.push(b'e');
            }
        }
    }

    fn values() -> impl Strategy<Value = Value<'static>> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::Integer),
            prop::sample::select(vec![&b""[..], b"e", b"1:a", b"\xff\x00", b"sdp"])
                .prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            let keys = prop::sample::select(vec![&b"b"[..], b"a", b"", b"e"]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                prop::collection::vec((keys, inner), 0..6).prop_map(Value::Dictionary),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in values()) {
            let mut out = Vec::new();
            write(&value, &mut out);
            prop_assert_eq!(read(&out), Ok(value));
        }

        #[test]
        fn no_beginning_of_a_message_is_one(value in values(), cut in any::<prop::sample::Index>()) {
            let mut out = Vec::new();
            write(&value, &mut out);
            out.truncate(cut.index(out.len()));
            prop_assert_eq!(read(&out), Err(BencodeError::Cut));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(
            prop::sample::select(b"dlei0123456789:-x\xff".to_vec()), 0..64)) {
            let mut out = Vec::new();
            if let Ok(value) = read(&bytes) {
                write(&value, &mut out);
                // Numbers may have had zeros in front; all else comes out as it went in.
                prop_assert_eq!(read(&out), Ok(value));
            }
        }
    }

    #[test]
    fn keys_in_any_order_are_read_and_the_first_of_two_counts() {
        let value = read(b"d1:bi1e1:ai2e1:bi3ee").unwrap();
        assert_eq!(value.entry("a"), Some(&Value::Integer(2)));
        assert_eq!(value.entry("b"), Some(&Value::Integer(1)));
        assert_eq!(value.entry("c"), None);
    }

    #[test]
    fn bounds_hold() {
        let nested = |depth: usize| [b"l".repeat(depth), b"e".repeat(depth)].concat();
        assert!(read(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(read(&nested(MAX_DEPTH + 1)), Err(BencodeError::Depth));
        // Deep enough to end a reader that recurs without looking.
        assert_eq!(read(&b"l".repeat(1 << 20)), Err(BencodeError::Depth));
        let long = |count: usize| [b"l".to_vec(), b"0:".repeat(count), b"e".to_vec()].concat();
        assert!(read(&long(MAX_VALUES - 1)).is_ok());
        assert_eq!(read(&long(MAX_VALUES)), Err(BencodeError::Count));
    }

    #[test]
    fn each_kind_of_malformed_message_is_named() {
        for (message, error) in [
            (&b""[..], BencodeError::Cut),
            (b"d7:command4:pi", BencodeError::Cut),
            (b"5:four", BencodeError::Cut),
            (b"x", BencodeError::Syntax),
            (b"i7x", BencodeError::Cut),
            (b"i+7e", BencodeError::Number),
            (b"ie", BencodeError::Number),
            (b"i9223372036854775808e", BencodeError::Number),
            (b"99999999999999999999:a", BencodeError::Number),
            (b"i000000000000000000000000001e", BencodeError::Number),
            (b"di1ei2ee", BencodeError::Key),
            (b"d1:ae", BencodeError::Syntax),
            (b"i1ei2e", BencodeError::Trailing),
        ] {
            assert_eq!(read(message), Err(error), "{}", message.escape_ascii());
        }
        assert_eq!(read(b"i-9223372036854775808e"), Ok(Value::Integer(i64::MIN)));
    }
}
