// SPDX-License-Identifier: MIT OR Apache-2.0
//! What sinks read: servers' messages, audits that somebody has had in hand, and recordings that a crash has left.

use ale_media::talk::{Talk, TalkConfig};
use ale_media_sinks::audiosocket::{Message, Reader, write};
use ale_media_sinks::audit::{Audit, verify};
use ale_media_sinks::files::wav;
use ale_media_sinks::websocket::{self, Dialect, Encoding, Refused, Session, SessionConfig};

/// Messages in pieces are what they are in one, and what is known of them is written as it came.
///
/// # Panics
/// When they are not.
pub fn audiosocket(data: &[u8]) {
    let Some((&piece, bytes)) = data.split_first() else { return };
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut reader, mut written) = (Reader::default(), Vec::new());
        for piece in pieces {
            reader.feed(piece);
            loop {
                match reader.next_message() {
                    Ok(Some(Message::Unknown(kind))) => written.push(kind),
                    Ok(Some(message)) => write(&message, &mut written),
                    Ok(None) => break,
                    Err(_) => return (written, false),
                }
            }
        }
        (written, true)
    };
    let whole = read(&mut std::iter::once(bytes));
    let pieces = read(&mut bytes.chunks(usize::from(piece).max(1)));
    assert_eq!(whole, pieces);
}

/// A chain that holds can be gone on with, and holds then.
///
/// # Panics
/// When it does not.
pub fn audit(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let key = b"key";
    let Ok(found) = verify(&text, Some(key)) else { return };
    if let Ok(mut audit) = Audit::resume(key, 2, &text, 7) {
        audit.close(8);
        let all = text.into_owned() + &audit.take();
        assert!(
            verify(&all, Some(key)).is_ok_and(|now| now.closed && now.lines == found.lines + 3)
        );
    }
}

/// A server's messages of any kind, between which its words are heard: what is answered is bounded and of its
/// dialect, no sample is heard that has not come, and none twice. The first byte chooses the dialect; before each
/// message stands a byte of kind and two of length.
///
/// # Panics
/// When it is not so.
pub fn websocket(data: &[u8]) {
    let Some((&choice, mut rest)) = data.split_first() else { return };
    let dialect = match choice % 4 {
        0 | 1 => Dialect::Binary,
        2 => Dialect::Twilio(Encoding::Pcmu),
        _ => Dialect::Twilio(Encoding::L16),
    };
    let mut talk = TalkConfig::default();
    (talk.sample_rate_hz, talk.member_rate_hz) = (8_000, 8_000);
    (talk.capacity_ms, talk.high_water_ms) = (500, 200);
    let (voice, mut end) = Talk::new(&talk).expect("rates that there are");
    let mut config = SessionConfig::new(dialect, 8_000, "name");
    config.preamble = (choice % 4 == 1).then(|| "{}".to_owned());
    let mut session = Session::new(config, Some(voice));
    session.connect();
    let (mut time_ns, mut pcm, mut heard) = (0, [0; 80], 0_u64);
    while let Some((&[kind, high, low], tail)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(tail.len());
        let (message, tail) = tail.split_at(length);
        rest = tail;
        let taken = match kind % 8 {
            0 => session.hear_binary(message),
            1 => {
                session.connect();
                Ok(())
            }
            _ => session.hear_text(&String::from_utf8_lossy(message)),
        };
        if taken == Err(Refused::HangUp) {
            break;
        }
        for _ in 0..kind >> 5 {
            end.pull(&mut pcm);
            heard += pcm.iter().filter(|sample| **sample != 0).count() as u64;
            session.frame(time_ns, &pcm);
            time_ns += 10_000_000;
        }
        session.look();
        let mut answers = 0;
        while let Some(answer) = session.next_message() {
            answers += 1;
            match answer {
                websocket::Message::Text(text) => {
                    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
                }
                websocket::Message::Binary(bytes) => {
                    assert_eq!((dialect, bytes.len()), (Dialect::Binary, 320));
                }
            }
        }
        assert!(answers < 300, "{answers} answers");
    }
    assert!(heard <= session.samples());
}

/// The header of a recording: what is read of it lies in it, and is read again when it is written anew.
///
/// # Panics
/// When it is not.
pub fn recording(data: &[u8]) {
    let Ok(header) = wav::parse(data) else { return };
    assert!(header.data_at <= data.len().min(wav::MAX_HEADER_BYTES));
    let again = wav::header(header.sample_rate_hz, header.comment);
    let found = wav::parse(&again).expect("what was written here");
    assert_eq!((found.sample_rate_hz, found.data_at), (header.sample_rate_hz, again.len()));
    assert!(header.comment.starts_with(found.comment));
    for (at, _) in wav::lengths(header.data_at, u32::MAX / 2) {
        assert!(at + 4 <= header.data_at as u64);
    }
}
