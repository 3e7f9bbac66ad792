// SPDX-License-Identifier: MIT OR Apache-2.0
//! Header extensions of RTP that a media line names (RFC 8285), as far as the node speaks them.

use sdp_types::{Attribute, Media, Session};

/// Highest identifier of an element with a header of one byte (RFC 8285 section 4.2).
const MAX_ID: u8 = 14;

const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const MIXER_LEVELS: &str = "urn:ietf:params:rtp-hdrext:csrc-audio-level";

/// Identifiers of elements that go both ways; others are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Extensions {
    /// How loud a packet is (RFC 6464).
    pub audio_level: Option<u8>,
    /// How loud each is who is in a mix (RFC 6465).
    pub mixer_levels: Option<u8>,
}

impl Extensions {
    /// What a line names, or else the whole session.
    pub(super) fn of(session: &Session, media: &Media) -> Self {
        let named = |attribute: &&Attribute| attribute.attribute == "extmap";
        let own = media.attributes.iter().any(|attribute| named(&attribute));
        let attributes = if own { &media.attributes } else { &session.attributes };
        let mut extensions = Self::default();
        let mut taken = [false; MAX_ID as usize + 1];
        for attribute in attributes.iter().filter(named) {
            let Some((id, uri)) = attribute.value.as_deref().and_then(mapped) else { continue };
            let Some(taken) = taken.get_mut(usize::from(id)) else { continue };
            if core::mem::replace(taken, true) {
                continue;
            }
            match uri {
                AUDIO_LEVEL => extensions.audio_level = extensions.audio_level.or(Some(id)),
                MIXER_LEVELS => extensions.mixer_levels = extensions.mixer_levels.or(Some(id)),
                _ => {}
            }
        }
        extensions
    }

    /// Those that another has, too, by the same identifiers.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            audio_level: self.audio_level.filter(|_| self.audio_level == other.audio_level),
            mixer_levels: self.mixer_levels.filter(|_| self.mixer_levels == other.mixer_levels),
        }
    }

    /// What an answer says of them.
    pub(super) fn attributes(self) -> impl Iterator<Item = Attribute> {
        let named = [(self.audio_level, AUDIO_LEVEL), (self.mixer_levels, MIXER_LEVELS)];
        named.into_iter().filter_map(|(id, uri)| {
            let value = Some(format!("{} {uri}", id?));
            Some(Attribute { attribute: "extmap".to_owned(), value })
        })
    }
}

/// The identifier and the name of `ID[/DIRECTION] NAME [ATTRIBUTES]`, if it goes both ways.
fn mapped(value: &str) -> Option<(u8, &str)> {
    let mut words = value.split_ascii_whitespace();
    let first = words.next()?;
    let (id, direction) = first.split_once('/').unwrap_or((first, "sendrecv"));
    let id = id.parse().ok().filter(|id| (1..=MAX_ID).contains(id))?;
    Some((id, words.next()?)).filter(|_| direction == "sendrecv")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp;

    fn of(session: &str, line: &str) -> Extensions {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{session}\
             m=audio 4000 RTP/AVP 0\r\n{line}"
        );
        let session = sdp::parse(text.as_bytes(), 1).unwrap();
        Extensions::of(&session, &session.medias[0])
    }

    #[test]
    fn identifiers_are_those_that_can_be_spoken_both_ways() {
        let level = |text: &str| of("", &format!("a=extmap:{text}\r\n")).audio_level;
        for (text, id) in [
            ("1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", Some(1)),
            ("14/sendrecv urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on", Some(14)),
            ("15 urn:ietf:params:rtp-hdrext:ssrc-audio-level", None),
            ("0 urn:ietf:params:rtp-hdrext:ssrc-audio-level", None),
            ("4096 urn:ietf:params:rtp-hdrext:ssrc-audio-level", None),
            ("1/sendonly urn:ietf:params:rtp-hdrext:ssrc-audio-level", None),
            ("1/inactive urn:ietf:params:rtp-hdrext:ssrc-audio-level", None),
            ("1 urn:ietf:params:rtp-hdrext:sdes:mid", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(level(text), id, "{text}");
        }
        let both = "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
                    a=extmap:3 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
                    a=extmap:5 urn:ietf:params:rtp-hdrext:csrc-audio-level\r\n";
        let read = Extensions { audio_level: None, mixer_levels: Some(5) };
        assert_eq!((of("", both), of(both, "")), (read, read), "an identifier has one meaning");
        assert_eq!(of(both, "a=extmap:1 x\r\n"), Extensions::default(), "the line's own count");
        let other = Extensions { audio_level: Some(1), mixer_levels: Some(6) };
        assert_eq!(read.with(other), Extensions::default());
        assert_eq!(read.with(read), read);
    }
}
