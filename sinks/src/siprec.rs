// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a recording server is told about a session by SIPREC: the metadata of RFC 7865, as XML. The SIP around it
//! (RFC 7866) is the host's, and so is the leg by which a tap's sound goes there.
//!
//! Only who is recorded has a stream in it; who takes part and has not agreed is named if the host names her.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::vcon::date;

/// One who takes part.
#[derive(Debug, Clone)]
pub struct Participant<'a> {
    /// Unique in the session, and the same in all that is said about it.
    pub id: [u8; 16],
    /// Address of record, a URI.
    pub aor: &'a str,
    /// As people call her; empty for none.
    pub name: &'a str,
    /// When she came, since 1970.
    pub joined_unix_ns: u64,
    /// When she left, if she has.
    pub left_unix_ns: Option<u64>,
    /// The stream that carries her voice: only while a grant for recording stands.
    pub stream: Option<Stream<'a>>,
}

/// A stream to the recording server.
#[derive(Debug, Clone, Copy)]
pub struct Stream<'a> {
    /// Unique in the session.
    pub id: [u8; 16],
    /// The `a=label` (RFC 4574) of its description.
    pub label: &'a str,
}

/// A session that is recorded.
#[derive(Debug, Clone)]
pub struct Session<'a> {
    /// Unique.
    pub id: [u8; 16],
    /// SIP's `Session-ID` of the call, where there is one (RFC 7989).
    pub sip_session_id: Option<&'a str>,
    /// When it began, since 1970.
    pub start_unix_ns: u64,
}

/// All that there is to be said, a snapshot (`complete`): `application/rs-metadata+xml`.
pub fn metadata(session: &Session<'_>, participants: &[Participant<'_>]) -> String {
    let id = |id: &[u8; 16]| STANDARD.encode(id);
    let own = id(&session.id);
    let start = date(session.start_unix_ns);
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<recording xmlns=\"urn:ietf:params:xml:ns:recording:1\">\n",
    );
    // Writing to a string can't fail.
    let mut line = |text: std::fmt::Arguments<'_>| {
        let _ = writeln!(xml, "  {text}");
    };
    line(format_args!("<datamode>complete</datamode>"));
    let call = session.sip_session_id.map(escaped).unwrap_or_default();
    let call = if call.is_empty() { call } else { format!("<sipSessionID>{call}</sipSessionID>") };
    line(format_args!(
        "<session session_id=\"{own}\">{call}<start-time>{start}</start-time></session>"
    ));
    for who in participants {
        let name = escaped(who.name);
        let name = if name.is_empty() { name } else { format!("<name>{name}</name>") };
        line(format_args!(
            "<participant participant_id=\"{}\"><nameID aor=\"{}\">{name}</nameID></participant>",
            id(&who.id),
            escaped(who.aor)
        ));
    }
    for stream in participants.iter().filter_map(|who| who.stream.as_ref()) {
        line(format_args!(
            "<stream stream_id=\"{}\" session_id=\"{own}\"><label>{}</label></stream>",
            id(&stream.id),
            escaped(stream.label)
        ));
    }
    line(format_args!(
        "<sessionrecordingassoc session_id=\"{own}\"><associate-time>{start}</associate-time></sessionrecordingassoc>"
    ));
    for who in participants {
        let left = who.left_unix_ns.map(|at| {
            let at = date(at);
            format!("<disassociate-time>{at}</disassociate-time>")
        });
        line(format_args!(
            "<participantsessionassoc participant_id=\"{}\" session_id=\"{own}\"><associate-time>{}</associate-time>{}\
             </participantsessionassoc>",
            id(&who.id),
            date(who.joined_unix_ns),
            left.unwrap_or_default()
        ));
    }
    for who in participants {
        if let Some(stream) = &who.stream {
            line(format_args!(
                "<participantstreamassoc participant_id=\"{}\"><send>{}</send></participantstreamassoc>",
                id(&who.id),
                id(&stream.id)
            ));
        }
    }
    xml.push_str("</recording>\n");
    xml
}

/// Any text within XML 1.0: what it has no way to say is left out.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => {
                out.push(c);
            }
            _ => (),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_data_and_who_has_not_agreed_has_no_stream() {
        let session = Session { id: [0; 16], sip_session_id: Some("ab30"), start_unix_ns: 0 };
        let anna = Participant {
            id: [1; 16],
            aor: "sip:anna@example.com",
            name: "Anna \"<b>\u{0}\u{1f600}&",
            joined_unix_ns: 1_000_000_000,
            left_unix_ns: None,
            stream: Some(Stream { id: [3; 16], label: "96" }),
        };
        let clara = Participant {
            id: [2; 16],
            aor: "sip:clara@example.com",
            name: "",
            left_unix_ns: Some(2_000_000_000),
            stream: None,
            ..anna.clone()
        };
        let xml = metadata(&session, &[anna, clara]);
        let count = |what: &str| xml.matches(what).count();
        assert!(xml.contains("<name>Anna &quot;&lt;b&gt;\u{1f600}&amp;</name>"), "{xml}");
        assert_eq!((count("<participant "), count("<stream "), count("<send>")), (2, 1, 1));
        // A UUID of sixteen threes, by base64(1).
        assert!(xml.contains("<stream stream_id=\"AwMDAwMDAwMDAwMDAwMDAw==\" session_id="));
        assert!(
            xml.contains("<participantstreamassoc participant_id=\"AQEBAQEBAQEBAQEBAQEBAQ==\">")
        );
        assert_eq!(count("<disassociate-time>1970-01-01T00:00:02.000Z"), 1);
        assert_eq!(count("<sipSessionID>ab30</sipSessionID>"), 1);
    }
}
