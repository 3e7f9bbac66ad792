// SPDX-License-Identifier: MIT OR Apache-2.0
//! What sinks read: a server's messages, and audits that somebody has had in hand.

use ale_media_sinks::audiosocket::{Message, Reader, write};
use ale_media_sinks::audit::{Audit, verify};

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
