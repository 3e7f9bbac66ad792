// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `a=crypto` attribute of SDP (RFC 4568): parsing, printing, and the way to a
//! [`SessionConfig`]. For the signalling thread; nothing here is real-time.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::ops::Deref;

use zeroize::{Zeroize, Zeroizing};

use super::keys::{MAX_MKI_BYTES, MAX_RTP_LIFETIME};
use super::{MasterKey, SessionConfig, SrtpError, Suite, wiping_stack};

/// Why an attribute was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SdesError {
    /// Not of the form `tag suite key-params [session-params]`.
    Syntax,
    /// The tag is not a number of 1 to 9 digits.
    Tag,
    /// A suite that is not known here.
    UnknownSuite,
    /// A key that is not `inline:` and base64 of the suite's length.
    Key,
    /// A lifetime that is 0 or beyond 2^48.
    Lifetime,
    /// An MKI that is missing where several keys need it, or does not fit its length.
    Mki,
    /// A session parameter that is unknown, malformed or repeated. RFC 4568 section 6.3.7: the
    /// attribute must be refused, not the parameter skipped (unless its name begins with `-`).
    Parameter,
    /// Understood, but not offered here: unauthenticated SRTP, or a key for FEC.
    Unsupported,
}

impl fmt::Display for SdesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "malformed a=crypto attribute",
            Self::Tag => "a=crypto tag is not a number",
            Self::UnknownSuite => "unknown SRTP crypto suite",
            Self::Key => "a=crypto key is not inline base64 of the suite's length",
            Self::Lifetime => "a=crypto key lifetime out of range",
            Self::Mki => "a=crypto master key identifier missing or malformed",
            Self::Parameter => "unknown or malformed a=crypto session parameter",
            Self::Unsupported => "a=crypto parameter is not supported",
        })
    }
}

impl core::error::Error for SdesError {}

/// In which order FEC and SRTP are applied (RFC 4568 section 6.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FecOrder {
    FecThenSrtp,
    SrtpThenFec,
}

/// One `a=crypto` attribute.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CryptoAttribute {
    /// Number that ties an answer to one of the offer's attributes.
    pub tag: u32,
    /// The crypto suite.
    pub suite: Suite,
    /// The name that it goes by: the registered one, or the one of [`Suite::SDES_ALIASES`] that was
    /// read. An answer takes over the offer's, since its peer knows no other.
    pub suite_name: &'static str,
    /// The master keys with identifiers and lifetimes.
    pub keys: Vec<MasterKey>,
    /// `KDR`: the key derivation rate as a power of two, 0 to 24.
    pub key_derivation_rate_log2: Option<u8>,
    /// `UNENCRYPTED_SRTP`.
    pub unencrypted_srtp: bool,
    /// `UNENCRYPTED_SRTCP`.
    pub unencrypted_srtcp: bool,
    /// `UNAUTHENTICATED_SRTP`: parsed and printed, but no session is made from it.
    pub unauthenticated_srtp: bool,
    /// `FEC_ORDER`.
    pub fec_order: Option<FecOrder>,
    /// `FEC_KEY`: keys for a separate FEC stream.
    pub fec_keys: Vec<MasterKey>,
    /// `WSH`: the window size hint, 64 or more.
    pub window_size_hint: Option<u32>,
}

impl CryptoAttribute {
    /// An attribute with one key and no session parameters.
    pub fn new(tag: u32, suite: Suite, key: MasterKey) -> Self {
        Self::with_keys(tag, suite, alloc::vec![key])
    }

    /// An attribute with keys and no session parameters.
    pub fn with_keys(tag: u32, suite: Suite, keys: Vec<MasterKey>) -> Self {
        Self { tag, keys, ..Self::bare(suite) }
    }

    /// Parses an attribute, with or without `a=crypto:` in front and white space around.
    ///
    /// # Errors
    /// [`SdesError`].
    pub fn parse(line: &str) -> Result<Self, SdesError> {
        wiping_stack(|| Self::parse_line(line))
    }

    fn parse_line(line: &str) -> Result<Self, SdesError> {
        let line = line.trim_start();
        let line = line.strip_prefix("a=").unwrap_or(line);
        let line = line.strip_prefix("crypto:").unwrap_or(line);
        let (tag, line) = first_word(line).ok_or(SdesError::Syntax)?;
        if tag.len() > 9 || !tag.bytes().all(|b| b.is_ascii_digit()) {
            return Err(SdesError::Tag);
        }
        let tag = tag.parse().map_err(|_| SdesError::Tag)?;
        let (suite, line) = first_word(line).ok_or(SdesError::Syntax)?;
        let (suite, suite_name) = Suite::named(suite).ok_or(SdesError::UnknownSuite)?;
        let line = line.trim_start();
        if line.is_empty() {
            return Err(SdesError::Syntax);
        }
        let (keys, line) = parse_keys(line, suite)?;
        let words = line.trim().split([' ', '\t']).filter(|word| !word.is_empty());
        let mut this = Self { tag, suite_name, keys, ..Self::bare(suite) };
        let name_of = |word: &str| word.split('=').next().map_or(0, str::len);
        let mut seen = Vec::new();
        for word in words {
            let (name, _) = word.split_at(name_of(word));
            if seen.iter().any(|before: &&str| before.eq_ignore_ascii_case(name)) {
                return Err(SdesError::Parameter);
            }
            this.parse_parameter(word, name)?;
            seen.push(name);
        }
        Ok(this)
    }

    fn bare(suite: Suite) -> Self {
        Self {
            tag: 0,
            suite,
            suite_name: suite.sdes_name(),
            keys: Vec::new(),
            key_derivation_rate_log2: None,
            unencrypted_srtp: false,
            unencrypted_srtcp: false,
            unauthenticated_srtp: false,
            fec_order: None,
            fec_keys: Vec::new(),
            window_size_hint: None,
        }
    }

    fn parse_parameter(&mut self, word: &str, name: &str) -> Result<(), SdesError> {
        let value = word.split_once('=').map(|(_, value)| value);
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match value {
            Some(value) if is("KDR") => {
                let rate = decimal(value).filter(|&rate| rate <= 24).ok_or(SdesError::Parameter)?;
                self.key_derivation_rate_log2 = Some(rate as u8);
            }
            None if is("UNENCRYPTED_SRTP") => self.unencrypted_srtp = true,
            None if is("UNENCRYPTED_SRTCP") => self.unencrypted_srtcp = true,
            None if is("UNAUTHENTICATED_SRTP") => self.unauthenticated_srtp = true,
            Some(value) if is("FEC_ORDER") && value.eq_ignore_ascii_case("FEC_SRTP") => {
                self.fec_order = Some(FecOrder::FecThenSrtp);
            }
            Some(value) if is("FEC_ORDER") && value.eq_ignore_ascii_case("SRTP_FEC") => {
                self.fec_order = Some(FecOrder::SrtpThenFec);
            }
            Some(value) if is("FEC_KEY") => match parse_keys(value, self.suite)? {
                (keys, "") => self.fec_keys = keys,
                _ => return Err(SdesError::Key),
            },
            Some(value) if is("WSH") => {
                let hint = decimal(value).filter(|hint| (64..=1 << 24).contains(hint));
                self.window_size_hint = Some(hint.ok_or(SdesError::Parameter)? as u32);
            }
            // RFC 4568 section 6.3.7: a name with a dash in front may be ignored.
            _ if name.starts_with('-') && name.len() > 1 => {}
            _ => return Err(SdesError::Parameter),
        }
        Ok(())
    }

    /// A configuration for the direction that this attribute's keys are for: the sender's own
    /// attribute describes what it sends. Policy, limits and flags beyond the attribute are to be
    /// set afterwards.
    ///
    /// # Errors
    /// [`SrtpError::NotPermitted`] for unauthenticated SRTP, and [`SrtpError::InvalidConfig`] for
    /// FEC, which this library does not do; [`SrtpError::KeyCount`] without a key.
    pub fn to_config(&self) -> Result<SessionConfig, SrtpError> {
        if self.unauthenticated_srtp {
            return Err(SrtpError::NotPermitted);
        }
        if self.fec_order.is_some() || !self.fec_keys.is_empty() {
            return Err(SrtpError::InvalidConfig);
        }
        let first = self.keys.first().ok_or(SrtpError::KeyCount)?;
        let mut config = SessionConfig::new(self.suite, first.clone());
        config.keys.clone_from(&self.keys);
        config.key_derivation_rate_log2 = self.key_derivation_rate_log2;
        config.unencrypted_srtp = self.unencrypted_srtp;
        config.unencrypted_srtcp = self.unencrypted_srtcp;
        if let Some(hint) = self.window_size_hint {
            let window = (hint as usize).clamp(64, 32768).next_power_of_two();
            config.replay_window = window.max(config.replay_window);
        }
        Ok(config)
    }

    /// The attribute without `a=crypto:`; it contains the keys, so it is as secret as they are.
    pub fn value(&self) -> CryptoLine {
        self.print("")
    }

    /// The whole line, with `a=crypto:` and without a line end; as secret as the keys.
    pub fn line(&self) -> CryptoLine {
        self.print("a=crypto:")
    }

    fn print(&self, prefix: &str) -> CryptoLine {
        let mut line = CryptoLine::with_room(MAX_PARAMETERS_BYTES, &[&self.keys, &self.fec_keys]);
        let (room, out) = (line.0.capacity(), &mut *line.0);
        wiping_stack(|| self.write(prefix, out));
        debug_assert_eq!(line.0.capacity(), room, "what a string grows out of is not wiped");
        line
    }

    fn write(&self, prefix: &str, out: &mut String) {
        out.push_str(prefix);
        // Writing to a String does not fail.
        let name = match Suite::named(self.suite_name) {
            Some((suite, name)) if suite == self.suite => name,
            _ => self.suite.sdes_name(),
        };
        let _ = write!(out, "{} {name} ", self.tag);
        print_keys(out, &self.keys);
        if let Some(rate) = self.key_derivation_rate_log2 {
            let _ = write!(out, " KDR={rate}");
        }
        for (flag, name) in [
            (self.unencrypted_srtp, "UNENCRYPTED_SRTP"),
            (self.unencrypted_srtcp, "UNENCRYPTED_SRTCP"),
            (self.unauthenticated_srtp, "UNAUTHENTICATED_SRTP"),
        ] {
            if flag {
                let _ = write!(out, " {name}");
            }
        }
        match self.fec_order {
            Some(FecOrder::FecThenSrtp) => out.push_str(" FEC_ORDER=FEC_SRTP"),
            Some(FecOrder::SrtpThenFec) => out.push_str(" FEC_ORDER=SRTP_FEC"),
            None => {}
        }
        if !self.fec_keys.is_empty() {
            out.push_str(" FEC_KEY=");
            print_keys(out, &self.fec_keys);
        }
        if let Some(hint) = self.window_size_hint {
            let _ = write!(out, " WSH={hint}");
        }
    }
}

/// Tag, suite and all session parameters of a line, and what stands between them.
const MAX_PARAMETERS_BYTES: usize = 256;

/// A printed attribute. It is overwritten when it is dropped, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct CryptoLine(Zeroizing<String>);

impl CryptoLine {
    fn with_room(besides: usize, keys: &[&[MasterKey]]) -> Self {
        let of_one = |key: &MasterKey| {
            let base64 = (key.key().len() + key.salt().len()).div_ceil(3) * 4;
            // `;inline:`, a lifetime of up to 15 digits, and an MKI of up to 2.5 digits a byte.
            8 + base64 + 1 + 15 + 1 + 3 * key.mki().len() + 4
        };
        let keys: usize = keys.iter().copied().flatten().map(of_one).sum();
        Self(Zeroizing::new(String::with_capacity(besides + keys)))
    }
}

impl Deref for CryptoLine {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CryptoLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CryptoLine").finish_non_exhaustive()
    }
}

/// The first word of a line and what is behind it.
fn first_word(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    (end > 0).then(|| line.split_at(end))
}

/// `key-param *(";" key-param)`, and what is behind it. Where a key ends is told by its suite, and not by
/// looking for what follows: no branch depends on a key's characters but the one whether they are Base64.
fn parse_keys(mut text: &str, suite: Suite) -> Result<(Vec<MasterKey>, &str), SdesError> {
    let mut keys: Vec<MasterKey> = Vec::new();
    loop {
        let (key, behind) = parse_key(text, suite)?;
        let end = behind.find(|c: char| c == ';' || c.is_whitespace()).unwrap_or(behind.len());
        let (parts, rest) = behind.split_at(end);
        keys.push(with_parts(key, parts)?);
        match rest.strip_prefix(';') {
            Some(next) => text = next,
            None => {
                let bytes = keys.first().map_or(0, |key| key.mki().len());
                let alike = bytes != 0 && keys.iter().all(|key| key.mki().len() == bytes);
                return if keys.len() == 1 || alike {
                    Ok((keys, rest))
                } else {
                    Err(SdesError::Mki)
                };
            }
        }
    }
}

/// `inline:` base64, and what is behind it.
fn parse_key(text: &str, suite: Suite) -> Result<(MasterKey, &str), SdesError> {
    let (method, info) = text.split_once(':').ok_or(SdesError::Key)?;
    if !method.eq_ignore_ascii_case("inline") {
        return Err(SdesError::Key);
    }
    let mut bytes = [0; MAX_KEY_BYTES];
    let wanted = suite.key_bytes() + suite.salt_bytes();
    let out = bytes.get_mut(..wanted).ok_or(SdesError::Key)?;
    let digits = (wanted * 8).div_ceil(6);
    let (digits, behind) = info.split_at_checked(digits).ok_or(SdesError::Key)?;
    let decoded = decode_base64(digits.as_bytes(), out).ok_or(SdesError::Key);
    let key =
        decoded.and_then(|()| MasterKey::from_concatenated(suite, out).map_err(|_| SdesError::Key));
    bytes.zeroize();
    // The padding may be left out, as some peers do.
    let behind = behind.trim_start_matches('=');
    if behind.starts_with(|c: char| !matches!(c, '|' | ';') && !c.is_whitespace()) {
        return Err(SdesError::Key);
    }
    Ok((key?, behind))
}

/// [`|` lifetime] [`|` mki `:` length].
fn with_parts(mut key: MasterKey, parts: &str) -> Result<MasterKey, SdesError> {
    for (i, part) in parts.split('|').skip(1).enumerate() {
        key = match part.split_once(':') {
            Some((mki, bytes)) if i < 2 && key.mki().is_empty() => {
                let bytes = decimal(bytes).filter(|b| (1..=MAX_MKI_BYTES as u64).contains(b));
                let mki = mki_bytes(mki, bytes.ok_or(SdesError::Mki)? as usize)?;
                key.with_mki(&mki).map_err(|_| SdesError::Mki)?
            }
            None if i == 0 => {
                let lifetime = match part.strip_prefix("2^") {
                    Some(log2) => decimal(log2).filter(|&l| l <= 48).map(|log2| 1 << log2),
                    None => decimal(part),
                };
                let lifetime = lifetime.ok_or(SdesError::Lifetime)?;
                key.with_lifetime(lifetime).map_err(|_| SdesError::Lifetime)?
            }
            _ => return Err(SdesError::Syntax),
        };
    }
    Ok(key)
}

/// Key and salt of the longest suite.
const MAX_KEY_BYTES: usize = 32 + 14;

fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// The MKI's value, a decimal number of any size, as a big-endian integer of `bytes` bytes.
fn mki_bytes(text: &str, bytes: usize) -> Result<Vec<u8>, SdesError> {
    if text.is_empty() || text.len() > 400 {
        return Err(SdesError::Mki);
    }
    let mut value = alloc::vec![0_u8; bytes];
    for digit in text.chars() {
        let mut carry = digit.to_digit(10).ok_or(SdesError::Mki)?;
        for byte in value.iter_mut().rev() {
            carry += u32::from(*byte) * 10;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return Err(SdesError::Mki);
        }
    }
    Ok(value)
}

/// A big-endian integer in decimal.
fn print_integer(out: &mut String, bytes: &[u8]) {
    let mut value = bytes.to_vec();
    let mut digits = Vec::new();
    while value.iter().any(|&byte| byte != 0) {
        let mut rest = 0_u32;
        for byte in &mut value {
            rest = rest << 8 | u32::from(*byte);
            *byte = (rest / 10) as u8;
            rest %= 10;
        }
        digits.push(b'0' + rest as u8);
    }
    if digits.is_empty() {
        digits.push(b'0');
    }
    out.extend(digits.iter().rev().map(|&digit| char::from(digit)));
}

fn print_keys(out: &mut String, keys: &[MasterKey]) {
    for (i, key) in keys.iter().enumerate() {
        out.push_str(if i == 0 { "inline:" } else { ";inline:" });
        encode_base64(out, key.key().iter().chain(key.salt()).copied());
        if key.lifetime() != MAX_RTP_LIFETIME {
            if key.lifetime().is_power_of_two() {
                let _ = write!(out, "|2^{}", key.lifetime().trailing_zeros());
            } else {
                let _ = write!(out, "|{}", key.lifetime());
            }
        }
        if !key.mki().is_empty() {
            out.push('|');
            print_integer(out, key.mki());
            let _ = write!(out, ":{}", key.mki().len());
        }
    }
}

/// The value of a base64 digit, computed rather than looked up, so that neither a branch nor a
/// memory address depends on the key; `None` would be a branch too, so errors are the value 64.
fn digit_value(digit: u8) -> u8 {
    let mut value = 64;
    for (low, high, first) in
        [(b'A', b'Z', 0_u8), (b'a', b'z', 26), (b'0', b'9', 52), (b'+', b'+', 62), (b'/', b'/', 63)]
    {
        let [d, low, high] = [digit, low, high].map(i16::from);
        // All ones if low <= d <= high; hidden, or the compiler makes a branch of it.
        let outside = (d.wrapping_sub(low) | high.wrapping_sub(d)) >> 15;
        let within = core::hint::black_box(!outside as u8);
        let candidate = digit.wrapping_sub(low as u8).wrapping_add(first);
        value ^= within & (value ^ candidate);
    }
    value
}

/// Decodes exactly `out.len()` bytes, without padding.
fn decode_base64(text: &[u8], out: &mut [u8]) -> Option<()> {
    if text.len() != (out.len() * 8).div_ceil(6) {
        return None;
    }
    let mut invalid = 0;
    for (digits, bytes) in text.chunks(4).zip(out.chunks_mut(3)) {
        let mut word = 0_u32;
        for (i, &digit) in digits.iter().enumerate() {
            let value = digit_value(digit);
            invalid |= value & 64;
            word |= u32::from(value & 63) << (18 - 6 * i);
        }
        bytes.copy_from_slice(&word.to_be_bytes()[1..1 + bytes.len()]);
    }
    (invalid == 0).then_some(())
}

fn encode_base64(out: &mut String, bytes: impl Iterator<Item = u8>) {
    // The digit for a value, computed like `digit_value`.
    let digit = |v: u8| {
        let v = i16::from(v);
        let mut d = v + i16::from(b'A');
        d += ((25 - v) >> 15) & 6;
        d -= ((51 - v) >> 15) & 75;
        d -= ((61 - v) >> 15) & 15;
        d += ((62 - v) >> 15) & 3;
        char::from(d as u8)
    };
    let (mut word, mut bits, mut count) = (0_u32, 0, 0);
    for byte in bytes {
        word = word << 8 | u32::from(byte);
        bits += 8;
        while bits >= 6 {
            bits -= 6;
            out.push(digit((word >> bits) as u8 & 63));
            count += 1;
        }
    }
    if bits > 0 {
        out.push(digit((word << (6 - bits)) as u8 & 63));
        count += 1;
    }
    while count % 4 != 0 {
        out.push('=');
        count += 1;
    }
}

#[cfg(test)]
#[path = "sdes_tests.rs"]
mod tests;
