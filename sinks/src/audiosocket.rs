// SPDX-License-Identifier: MIT OR Apache-2.0
//! AudioSocket, Asterisk's protocol for one channel's sound over TCP, without I/O: a kind of one byte, a length
//! of two (big-endian), a payload. Sound is 16-bit PCM, little-endian, and its kind tells the rate.
//!
//! Kind 0x10 (8 kHz) is what every server knows; old ones of Asterisk's send it for every rate.

use std::fmt;

/// Bytes in front of a payload.
const HEADER_BYTES: usize = 3;

const END: u8 = 0x00;
const UUID: u8 = 0x01;
const DTMF: u8 = 0x03;
const ERROR: u8 = 0xff;

/// Kinds of sound from 0x10 on, by their rates.
const RATES_HZ: [u32; 7] = [8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000];
const SOUND: u8 = 0x10;

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message<'a> {
    /// The call is over.
    End,
    /// Which call: the first message of who connects.
    Uuid([u8; 16]),
    /// A digit, in ASCII.
    Dtmf(u8),
    /// Sound: 16-bit PCM, little-endian.
    Sound {
        /// Samples a second.
        sample_rate_hz: u32,
        /// Whole samples.
        bytes: &'a [u8],
    },
    /// The other side has failed, by its own numbers.
    Error(&'a [u8]),
    /// Of a kind that is not known here, to be passed over.
    Unknown(u8),
}

/// A message that can't be what it says: its length is not that of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AudioSocket message whose length is not that of its kind")
    }
}

impl std::error::Error for Malformed {}

/// The kind for sound at this rate; `None` where the protocol has none.
pub fn kind_of(sample_rate_hz: u32) -> Option<u8> {
    let place = RATES_HZ.iter().position(|rate_hz| *rate_hz == sample_rate_hz)?;
    Some(SOUND + place as u8)
}

/// The message that `bytes` begin with and how many they are; `None` while it is not whole.
///
/// # Errors
/// [`Malformed`]; what follows can't be trusted either.
pub fn parse(bytes: &[u8]) -> Result<Option<(Message<'_>, usize)>, Malformed> {
    let Some((&[kind, high, low], rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    let rate = kind.checked_sub(SOUND).and_then(|place| RATES_HZ.get(usize::from(place)));
    let message = match (kind, rate) {
        (END, _) => Message::End,
        (UUID, _) => Message::Uuid(payload.try_into().map_err(|_| Malformed)?),
        (DTMF, _) => match payload {
            [digit] => Message::Dtmf(*digit),
            _ => return Err(Malformed),
        },
        (ERROR, _) => Message::Error(payload),
        (_, Some(_)) if length % 2 != 0 => return Err(Malformed),
        (_, Some(sample_rate_hz)) => {
            Message::Sound { sample_rate_hz: *sample_rate_hz, bytes: payload }
        }
        _ => Message::Unknown(kind),
    };
    Ok(Some((message, HEADER_BYTES + length)))
}

/// Adds a message to `out`. Payloads beyond 65,535 bytes, whole samples of sound, are cut.
pub fn write(message: &Message<'_>, out: &mut Vec<u8>) {
    let (kind, payload): (u8, &[u8]) = match message {
        Message::End => (END, &[]),
        Message::Uuid(uuid) => (UUID, uuid),
        Message::Dtmf(digit) => (DTMF, std::slice::from_ref(digit)),
        Message::Sound { sample_rate_hz, bytes } => (
            kind_of(*sample_rate_hz).unwrap_or(SOUND),
            bytes.get(..bytes.len() & !1).unwrap_or(bytes),
        ),
        Message::Error(bytes) => (ERROR, bytes),
        Message::Unknown(kind) => (*kind, &[]),
    };
    let most = usize::from(u16::MAX) & !1;
    let payload = payload.get(..most).unwrap_or(payload);
    out.push(kind);
    out.extend((payload.len() as u16).to_be_bytes());
    out.extend(payload);
}

/// Puts messages together that come in pieces; never holds more than one and what came with it.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
    taken: usize,
}

impl Reader {
    /// What has come, at most 64 KiB at a time so that it stays small.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend(bytes);
    }

    /// The next whole message.
    ///
    /// # Errors
    /// [`Malformed`]: the connection is of no use any more.
    pub fn next_message(&mut self) -> Result<Option<Message<'_>>, Malformed> {
        let waiting = self.bytes.get(self.taken..).unwrap_or_default();
        let Some((message, used)) = parse(waiting)? else { return Ok(None) };
        self.taken += used;
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message() -> impl Strategy<Value = (u8, Vec<u8>)> {
        prop_oneof![
            Just((END, Vec::new())),
            any::<[u8; 16]>().prop_map(|uuid| (UUID, uuid.to_vec())),
            any::<u8>().prop_map(|digit| (DTMF, vec![digit])),
            (0_u8..7, prop::collection::vec(any::<[u8; 2]>(), 0..400))
                .prop_map(|(rate, pcm)| (SOUND + rate, pcm.concat())),
            prop::collection::vec(any::<u8>(), 0..4).prop_map(|bytes| (ERROR, bytes)),
        ]
    }

    proptest! {
        /// Bytes as the protocol's description has them, in pieces of any size.
        #[test]
        fn messages_in_pieces_are_put_together(
            messages in prop::collection::vec(message(), 0..12), piece in 1_usize..500,
        ) {
            let mut bytes = Vec::new();
            for (kind, payload) in &messages {
                bytes.extend([*kind, (payload.len() >> 8) as u8, payload.len() as u8]);
                bytes.extend(payload);
            }
            let (mut reader, mut again, mut count) = (Reader::default(), Vec::new(), 0);
            for piece in bytes.chunks(piece) {
                reader.feed(piece);
                while let Some(message) = reader.next_message().unwrap() {
                    prop_assert!(!matches!(message, Message::Unknown(_)));
                    write(&message, &mut again);
                    count += 1;
                }
            }
            prop_assert_eq!((count, again), (messages.len(), bytes));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let mut reader = Reader::default();
            reader.feed(&bytes);
            while let Ok(Some(_)) = reader.next_message() {}
        }
    }

    #[test]
    fn lengths_that_are_not_their_kinds_are_refused() {
        for bytes in [&[UUID, 0, 1, 7][..], &[DTMF, 0, 2, b'1', b'2'], &[0x12, 0, 3, 1, 2, 3]] {
            assert_eq!(parse(bytes), Err(Malformed));
        }
        assert_eq!(parse(&[0x42, 0, 1, 9]), Ok(Some((Message::Unknown(0x42), 4))));
        assert_eq!(
            (kind_of(8_000), kind_of(48_000), kind_of(11_025)),
            (Some(0x10), Some(0x16), None)
        );
    }
}
