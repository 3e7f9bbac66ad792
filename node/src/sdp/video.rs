// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line of video that shares the transport of one of audio (RFC 8843): what is taken of it, and what is answered.

use sdp_types::{Attribute, Media, Session};

use super::line::{Line, formats};
use super::{NamedFormat, values};
use crate::video::input::Formats;
use crate::video::key_frame::Codec;
use crate::video::layers::{MAX_LAYERS, MAX_NAME_BYTES, REPAIRED_STREAM_ID, STREAM_ID, Simulcast};
use crate::video::output::Start;
use crate::video::{CLOCK_HZ, arrivals};

/// The header extension with the time of sending.
const SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
/// Feedback that is given and taken, as in `a=rtcp-fb`.
const FEEDBACK: [&str; 5] = ["nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"];
/// The codec's name for what is sent again (RFC 4588).
const REPAIR: &str = "rtx";
/// Profiles of H.264 that all browsers decode (RFC 7742 section 6.2), as `profile-level-id` begins.
const BASELINE: [&str; 2] = ["42e0", "42c0"];

/// What is taken of such a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoLine {
    /// Which line of the description it is.
    pub number: usize,
    /// Its name.
    pub mid: Option<String>,
    /// What is spoken.
    pub formats: Formats,
    /// How the layers of its author's camera are told apart, if there are several.
    pub simulcast: Option<Simulcast>,
    /// What its author takes at most, in bits a second (`b=AS`, `b=TIAS`; RFC 8866 section 5.8, RFC 3890).
    pub most_bps: Option<u64>,
    /// Whether its author sends video, and takes it.
    pub sends: bool,
    /// See [`VideoLine::sends`].
    pub receives: bool,
    /// Parameters of the codec, as in `a=fmtp`.
    parameters: Option<String>,
    feedback: Vec<&'static str>,
}

/// The first line of video that shares the transport of `beside`, and has one of these codecs.
pub fn video(session: &Session, beside: &Line, codecs: &[Codec]) -> Option<VideoLine> {
    let lines = session.medias.iter().enumerate().filter(|(_, media)| media.media == "video");
    lines.filter_map(|(number, media)| of(session, number, media, beside, codecs)).next()
}

fn of(
    session: &Session,
    number: usize,
    media: &Media,
    beside: &Line,
    codecs: &[Codec],
) -> Option<VideoLine> {
    let line = Line::of(session, number)?;
    // A port of 0 refuses a line, but of one that may only share it says nothing (RFC 8843 section 6).
    let is_on = media.port != 0 || super::line::has(media, "bundle-only");
    if !is_on || !line.bundled || !beside.bundled || !line.rtcp_mux {
        return None;
    }
    let known = formats(media);
    let parameters = |number: u8| of_format(media, "fmtp", number).next();
    let (codec, payload_type) = codecs.iter().find_map(|codec| {
        let fits = |payload_type: u8| match (codec, parameters(payload_type)) {
            (Codec::H264, Some(said)) => is_baseline(said),
            (codec, _) => *codec != Codec::H264,
        };
        let named = known.iter().find(|format| {
            format.name.eq_ignore_ascii_case(codec.name())
                && format.clock_hz == CLOCK_HZ
                && fits(format.payload_type)
        });
        Some((*codec, named?.payload_type))
    })?;
    let repairs = |number: u8| {
        let said = parameters(number)?.split(';').find_map(|word| word.trim().strip_prefix("apt="));
        (said?.parse() == Ok(payload_type)).then_some(number)
    };
    let repair = known.iter().filter(|format| format.name.eq_ignore_ascii_case(REPAIR));
    let repair = repair.filter_map(|format| repairs(format.payload_type)).next();
    let offered: Vec<&str> = of_format(media, "rtcp-fb", payload_type).collect();
    let feedback: Vec<_> = FEEDBACK.into_iter().filter(|name| offered.contains(name)).collect();
    // Numbers are of use to who is told of them.
    let numbered = feedback.contains(&"transport-cc");
    let transport_number = extension(media, arrivals::URI).filter(|_| numbered);
    let send_time = extension(media, SEND_TIME);
    Some(VideoLine {
        number,
        mid: line.mid,
        formats: Formats { codec, payload_type, repair, transport_number, send_time },
        simulcast: simulcast(media, payload_type).filter(|_| line.sends),
        most_bps: most_bps(media),
        sends: line.sends,
        receives: line.receives,
        parameters: parameters(payload_type).map(String::from),
        feedback,
    })
}

/// What an attribute says of a payload type.
fn of_format<'m>(
    media: &'m Media,
    name: &'static str,
    payload_type: u8,
) -> impl Iterator<Item = &'m str> {
    values(media, name).filter_map(move |value| {
        let (number, said) = value.split_once(' ')?;
        (number.parse() == Ok(payload_type)).then_some(said.trim())
    })
}

fn is_baseline(parameters: &str) -> bool {
    let value = |name: &str| {
        let words = parameters.split(';').filter_map(|word| word.trim().split_once('='));
        words.filter(|(named, _)| *named == name).map(|(_, value)| value).next()
    };
    let profile = value("profile-level-id").unwrap_or_default().to_ascii_lowercase();
    value("packetization-mode") == Some("1") && BASELINE.iter().any(|p| profile.starts_with(p))
}

/// The layers that a line says that it sends (RFC 8853 section 5.1), of this payload type; those beyond
/// [`MAX_LAYERS`] are not taken.
fn simulcast(media: &Media, payload_type: u8) -> Option<Simulcast> {
    let stream_id = extension(media, STREAM_ID)?;
    let mut words = values(media, "simulcast").next()?.split_ascii_whitespace();
    words.find(|word| *word == "send")?;
    let mut names: Vec<String> = Vec::new();
    for alternatives in words.next()?.split(';') {
        // Of several formats of a layer the first is the one that is preferred; one with a tilde begins paused.
        let name = alternatives.split(',').next().unwrap_or_default().trim_start_matches('~');
        let is_new = names.iter().all(|known| known != name);
        if names.len() < MAX_LAYERS && is_new && is_sent(media, name, payload_type) {
            names.push(name.to_owned());
        }
    }
    let repaired_stream_id = extension(media, REPAIRED_STREAM_ID);
    (names.len() > 1).then_some(Simulcast { stream_id, repaired_stream_id, names })
}

/// Whether a line sends a layer of this name by this payload type (RFC 8851 section 4).
fn is_sent(media: &Media, name: &str, payload_type: u8) -> bool {
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let said = values(media, "rid").find_map(|value| value.strip_prefix(name)?.strip_prefix(' '));
    let Some(said) = said.filter(|_| is_name && (1..=MAX_NAME_BYTES).contains(&name.len())) else {
        return false;
    };
    let (way, restrictions) = said.split_once(' ').unwrap_or((said, ""));
    let types = restrictions.split(';').find_map(|word| word.trim().strip_prefix("pt="));
    let has = |types: &str| types.split(',').any(|number| number.parse() == Ok(payload_type));
    way == "send" && types.is_none_or(has)
}

fn most_bps(media: &Media) -> Option<u64> {
    let bps = media.bandwidths.iter().filter_map(|said| match &said.bwtype[..] {
        "AS" => said.bandwidth.checked_mul(1_000),
        "TIAS" => Some(said.bandwidth),
        _ => None,
    });
    bps.min()
}

/// The identifier of a header extension, of those that the one-byte form has (RFC 8285).
fn extension(media: &Media, uri: &str) -> Option<u8> {
    values(media, "extmap").find_map(|value| {
        let (id, named) = value.split_once(' ')?;
        let id = id.parse().ok().filter(|id| (1..15).contains(id))?;
        (named.split(' ').next() == Some(uri)).then_some(id)
    })
}

/// What follows the `m=` line of the offer of one, and names these codecs: what a browser would offer of them.
pub fn offer(codecs: &[Codec]) -> String {
    use core::fmt::Write as _;
    let mut text = format!("a=extmap:2 {SEND_TIME}\r\na=extmap:3 {}\r\n", arrivals::URI);
    for (codec, number) in numbered(codecs) {
        let repair = number + 1;
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "a=rtpmap:{number} {}/{CLOCK_HZ}\r\na=rtpmap:{repair} {REPAIR}/{CLOCK_HZ}\r\n\
             a=fmtp:{repair} apt={number}\r\n",
            codec.name()
        );
        if codec == Codec::H264 {
            let _ = write!(
                text,
                "a=fmtp:{number} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={}1f\r\n",
                BASELINE[0]
            );
        }
        for name in FEEDBACK {
            let _ = write!(text, "a=rtcp-fb:{number} {name}\r\n");
        }
    }
    text
}

/// The payload types of such an offer, as in `m=`.
pub fn offered_types(codecs: &[Codec]) -> String {
    let types = numbered(codecs).map(|(_, number)| format!("{number} {}", number + 1));
    types.collect::<Vec<_>>().join(" ")
}

/// Codecs with their dynamic payload types (RFC 3551 section 6), each before that of its repeats.
fn numbered(codecs: &[Codec]) -> impl Iterator<Item = (Codec, u8)> {
    codecs.iter().copied().zip((96..).step_by(2))
}

impl VideoLine {
    /// Whether it is the same line in the same formats as another.
    pub fn is_as(&self, other: &Self) -> bool {
        (self.number, self.formats, &self.simulcast)
            == (other.number, other.formats, &other.simulcast)
    }

    /// What the answer names.
    pub fn named(&self) -> Vec<NamedFormat> {
        let Formats { codec, payload_type, repair, .. } = self.formats;
        let mut named = vec![NamedFormat {
            payload_type,
            encoding: format!("{}/{CLOCK_HZ}", codec.name()),
            fmtp: self.parameters.clone(),
        }];
        named.extend(repair.map(|number| NamedFormat {
            payload_type: number,
            encoding: format!("{REPAIR}/{CLOCK_HZ}"),
            fmtp: Some(format!("apt={payload_type}")),
        }));
        named
    }

    /// Adds to its answer all that is said of video alone; what is sent to its author begins with `start`.
    pub fn answer(&self, answer: &mut Session, start: &Start, cname: &str) {
        let Some(media) = answer.medias.get_mut(self.number) else { return };
        let mut say = |name: &str, value: Option<String>| {
            media.attributes.push(Attribute { attribute: name.to_owned(), value });
        };
        say(direction(self.receives, self.sends), None);
        for name in &self.feedback {
            say("rtcp-fb", Some(format!("{} {name}", self.formats.payload_type)));
        }
        let extensions =
            [(self.formats.transport_number, arrivals::URI), (self.formats.send_time, SEND_TIME)];
        for (id, uri) in extensions {
            if let Some(id) = id {
                say("extmap", Some(format!("{id} {uri}")));
            }
        }
        if let Some(Simulcast { stream_id, repaired_stream_id, names }) = &self.simulcast {
            let ids = [(Some(*stream_id), STREAM_ID), (*repaired_stream_id, REPAIRED_STREAM_ID)];
            for (id, uri) in ids {
                if let Some(id) = id {
                    say("extmap", Some(format!("{id} {uri}")));
                }
            }
            for name in names {
                say("rid", Some(format!("{name} recv")));
            }
            say("simulcast", Some(format!("recv {}", names.join(";"))));
        }
        if self.receives {
            let Start { ssrc, repair_ssrc, .. } = *start;
            say("msid", Some(String::from("- video")));
            say("ssrc", Some(format!("{ssrc} cname:{cname}")));
            if self.formats.repair.is_some() {
                say("ssrc", Some(format!("{repair_ssrc} cname:{cname}")));
                say("ssrc-group", Some(format!("FID {ssrc} {repair_ssrc}")));
            }
        }
    }
}

/// What who sends and receives says of it (RFC 8866 section 6.7).
pub(super) fn direction(sends: bool, receives: bool) -> &'static str {
    match (sends, receives) {
        (true, true) => "sendrecv",
        (true, false) => "sendonly",
        (false, true) => "recvonly",
        (false, false) => "inactive",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Chromium 140 offers with `bundlePolicy: "max-bundle"`, shortened.
    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\n\
        a=rtpmap:111 opus/48000/2\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 103 104 96 97 109 114\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n\
        a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
        a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
        a=sendrecv\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
        a=rtpmap:103 H264/90000\r\na=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
        a=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\n\
        a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 transport-cc\r\n\
        a=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
        a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
        a=rtpmap:109 H264/90000\r\na=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
        a=rtpmap:114 red/90000\r\n";

    fn read(text: &str, codecs: &[Codec]) -> Option<VideoLine> {
        let session = super::super::parse(text.as_bytes(), 4).unwrap();
        video(&session, &Line::of(&session, 0).unwrap(), codecs)
    }

    #[test]
    fn what_a_browser_offers_is_read() {
        let line = read(OFFER, &Codec::ALL).unwrap();
        assert_eq!(
            (line.number, line.mid.as_deref(), line.sends, line.receives),
            (1, Some("1"), true, true)
        );
        let formats = Formats {
            codec: Codec::Vp8,
            payload_type: 96,
            repair: Some(97),
            transport_number: Some(3),
            send_time: Some(2),
        };
        assert_eq!(line.formats, formats);
        let line = read(OFFER, &[Codec::H264]).unwrap();
        assert_eq!((line.formats.payload_type, line.formats.repair), (109, None));
        assert_eq!(line.formats.transport_number, None, "nobody would be told of it");
        let alone =
            OFFER.replace("m=video 9", "m=video 0").replace("a=rtcp-rsize", "a=bundle-only");
        assert!(read(&alone, &Codec::ALL).is_some());
    }

    /// What Chromium adds with three `sendEncodings`.
    const LAYERS: &str = "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
        a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n\
        a=rid:h send\r\na=rid:m send\r\na=rid:l send\r\na=simulcast:send h;m;l\r\n";

    #[test]
    fn layers_are_taken_as_they_are_sent() {
        let of = |more: &str| {
            let line = read(&format!("{OFFER}{more}"), &Codec::ALL).unwrap();
            line.simulcast.map(|simulcast| simulcast.names.join(" "))
        };
        let named = |names: &str| Some(String::from(names));
        assert_eq!((of(""), of(LAYERS)), (None, named("h m l")));
        for (from, to, names) in [
            ("send h;m;l", "recv h;m;l", None),
            ("send h;m;l", "recv 1;2 send ~h,m;l", named("h l")),
            ("send h;m;l", "send h;h;m", named("h m")),
            ("send h;m;l", "send h", None),
            ("send h;m;l", "send", None),
            ("rid:h send", "rid:h recv", named("m l")),
            ("rid:h send", "rid:h send pt=97,96;max-width=640", named("h m l")),
            ("rid:h send", "rid:h send max-fps=5;pt=103", named("m l")),
            ("rid:h send", "rid:hh send", named("m l")),
            ("send h;m;l\r\n", "send h;m;l;n\r\na=rid:n send\r\n", named("h m l")),
            ("sdes:rtp-stream-id", "sdes:mid", None),
            ("extmap:10", "extmap:15", None),
        ] {
            assert_eq!(of(&LAYERS.replace(from, to)), names, "{to}");
        }
        let long =
            LAYERS.replace(":h", ":abcdefghijklmnopq").replace("send h", "send abcdefghijklmnopq");
        assert_eq!(of(&long), named("m l"));
        let hidden = OFFER.replace("a=sendrecv", "a=recvonly") + LAYERS;
        assert_eq!(read(&hidden, &Codec::ALL).unwrap().simulcast, None);
    }

    #[test]
    fn layers_are_answered_by_their_names_and_what_is_taken_at_most_is_read() {
        let offered = format!("{OFFER}{LAYERS}").replace("m=video 9 UDP/TLS/RTP/SAVPF 103 104 96 97 109 114\r\nc=IN IP4 0.0.0.0\r\n",
            "m=video 9 UDP/TLS/RTP/SAVPF 103 104 96 97 109 114\r\nc=IN IP4 0.0.0.0\r\nb=AS:400\r\nb=TIAS:390000\r\n");
        let line = read(&offered, &Codec::ALL).unwrap();
        assert_eq!(line.most_bps, Some(390_000));
        let mut answer = super::super::parse(OFFER.as_bytes(), 4).unwrap();
        answer.medias[1].attributes.clear();
        let start = Start { ssrc: 1, repair_ssrc: 2, sequences: [0, 0], timestamp: 0 };
        line.answer(&mut answer, &start, "x");
        let written = String::from_utf8(super::super::write(&answer)).unwrap();
        for told in [
            "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n",
            "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n",
            "a=rid:h recv\r\na=rid:m recv\r\na=rid:l recv\r\na=simulcast:recv h;m;l\r\n",
        ] {
            assert!(written.contains(told), "{written}");
        }
    }

    #[test]
    fn a_line_that_does_not_share_a_transport_or_a_codec_is_not_taken() {
        for (from, to) in [
            ("BUNDLE 0 1", "BUNDLE 0"),
            ("m=video 9", "m=video 0"),
            ("m=video", "m=screen"),
            ("VP8/90000", "VP8/8000"),
            ("a=sendrecv\r\na=rtcp-mux", "a=sendrecv"),
        ] {
            assert_eq!(read(&OFFER.replace(from, to), &[Codec::Vp8]), None, "{to}");
        }
        for (from, to) in
            [("42e01f", "64001f"), ("mode=1;profile-level-id=42e0", "mode=0;profile-level-id=42e0")]
        {
            assert_eq!(read(&OFFER.replace(from, to), &[Codec::H264]), None, "{to}");
        }
    }
}
