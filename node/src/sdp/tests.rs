// SPDX-License-Identifier: MIT OR Apache-2.0
use core::net::SocketAddr;

use super::*;
use crate::ng::flags::Codecs;

const HEAD: &str =
    "v=0\r\no=- 77 1 IN IP4 198.51.100.10\r\ns=-\r\nc=IN IP4 198.51.100.10\r\nt=0 0\r\n";
const AUDIO: &str =
    "m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

fn rewritten(text: &str, codecs: &Codecs, lines: Vec<Option<RewrittenLine>>) -> String {
    let mut session = parse(text.as_bytes(), 16).unwrap();
    let address = "198.51.100.1".parse().unwrap();
    let to = Rewrite { address, origin: true, no_rtcp_attribute: false, codecs, lines };
    rewrite(&mut session, &to);
    String::from_utf8(write(&session)).unwrap()
}

fn plain(port: u16) -> Option<RewrittenLine> {
    Some(RewrittenLine::plain(port))
}

/// The lines of `after` that are not in `before`, and the other way round.
fn difference<'t>(before: &'t str, after: &'t str) -> (Vec<&'t str>, Vec<&'t str>) {
    let not_in = |text: &'t str, other: &'t str| -> Vec<&'t str> {
        text.lines().filter(|line| !other.lines().any(|l| l == *line)).collect()
    };
    (not_in(before, after), not_in(after, before))
}

#[test]
fn only_addresses_and_ports_change_in_a_plain_offer() {
    let offer = format!("{HEAD}{AUDIO}a=X-nat:0\r\na=fmtp:0  odd  spaces\r\n");
    let after = rewritten(&offer, &Codecs::default(), vec![plain(30_000)]);
    let (gone, new) = difference(&offer, &after);
    assert_eq!(
        gone,
        ["o=- 77 1 IN IP4 198.51.100.10", "c=IN IP4 198.51.100.10", "m=audio 4000 RTP/AVP 0 8 101",]
    );
    assert_eq!(
        new,
        [
            "o=- 77 1 IN IP4 198.51.100.1",
            "c=IN IP4 198.51.100.1",
            "m=audio 30000 RTP/AVP 0 8 101",
            "a=rtcp:30001",
        ]
    );
}

#[test]
fn ice_dtls_and_bundling_end_here_and_all_else_goes_on() {
    let offer = format!(
        "{HEAD}a=group:BUNDLE 0\r\na=ice-lite\r\na=msid-semantic: WMS\r\n{AUDIO}\
         a=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n\
         a=end-of-candidates\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\na=rtcp-mux\r\n\
         a=rtcp:9 IN IP4 0.0.0.0\r\na=ssrc:11 cname:x y\r\n"
    );
    let named = plain(30_000).map(|line| RewrittenLine { mid: Some(String::from("0")), ..line });
    let after = rewritten(&offer, &Codecs::default(), vec![named]);
    let (gone, new) = difference(&offer, &after);
    assert_eq!(gone.len(), 3 + 10, "{gone:?}");
    assert_eq!(new.len(), 4, "{new:?}");
    for line in ["a=mid:0", "a=ssrc:11 cname:x y", "a=msid-semantic: WMS", "a=rtcp:30001"] {
        assert!(after.contains(line), "{line} in {after}");
    }
}

#[test]
fn what_is_not_understood_keeps_the_address_that_it_came_with() {
    let foreign = "m=image 4002 udptl t38\r\na=T38FaxVersion:0\r\nm=message 2855 TCP/MSRP *\r\n";
    let offer = format!("{HEAD}{AUDIO}{foreign}");
    let after = rewritten(&offer, &Codecs::default(), vec![plain(30_000), None, None]);
    let session = parse(after.as_bytes(), 16).unwrap();
    assert_eq!(Line::of(&session, 0).unwrap().rtp, "198.51.100.1:30000".parse().ok());
    for (number, rtp) in [(1, "198.51.100.10:4002"), (2, "198.51.100.10:2855")] {
        let line = Line::of(&session, number).unwrap();
        assert_eq!((line.kind, line.rtp), (LineKind::Foreign, rtp.parse().ok()));
    }
    assert_eq!(rewritten(&offer, &Codecs::default(), vec![None, None, None]), offer);
}

#[test]
fn hold_by_address_stays_hold() {
    let offer = format!("{HEAD}{AUDIO}").replace("c=IN IP4 198.51.100.10", "c=IN IP4 0.0.0.0");
    let line = Line::of(&parse(offer.as_bytes(), 1).unwrap(), 0).unwrap();
    assert_eq!((line.rtp, line.rtcp), (None, None));
    let after = rewritten(&offer, &Codecs::default(), vec![plain(30_000)]);
    assert!(after.contains("c=IN IP4 0.0.0.0") && after.contains("m=audio 30000"), "{after}");
}

#[test]
fn addresses_are_read_wherever_they_stand() {
    let at = |text: &str| text.parse::<SocketAddr>().ok();
    for (body, rtp, rtcp) in [
        ("", "198.51.100.10:4000", "198.51.100.10:4001"),
        ("c=IN IP6 2001:db8::1\r\n", "[2001:db8::1]:4000", "[2001:db8::1]:4001"),
        ("a=rtcp:53020\r\n", "198.51.100.10:4000", "198.51.100.10:53020"),
        ("a=rtcp:53020 IN IP6 2001:db8::1\r\n", "198.51.100.10:4000", "[2001:db8::1]:53020"),
        ("a=rtcp:53020\r\na=rtcp-mux\r\n", "198.51.100.10:4000", "198.51.100.10:53020"),
    ] {
        let text = format!("{HEAD}m=audio 4000 RTP/AVP 0\r\n{body}");
        let line = Line::of(&parse(text.as_bytes(), 1).unwrap(), 0).unwrap();
        assert_eq!((line.rtp, line.rtcp), (at(rtp), at(rtcp)), "{body}");
    }
    let name =
        format!("{HEAD}{AUDIO}").replace("c=IN IP4 198.51.100.10", "c=IN IP4 pc.example.com");
    assert_eq!(Line::of(&parse(name.as_bytes(), 1).unwrap(), 0).unwrap().rtp, None);
}

#[test]
fn codecs_are_taken_out_with_all_that_is_said_about_them() {
    let offer = format!(
        "{HEAD}m=audio 4000 RTP/AVP 96 0 8\r\na=rtpmap:96 opus/48000/2\r\n\
                         a=fmtp:96 useinbandfec=1\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:* ccm\r\n"
    );
    let codecs = |strip: &[&str], except: &[&str]| Codecs {
        strip: strip.iter().map(|&name| name.to_owned()).collect(),
        except: except.iter().map(|&name| name.to_owned()).collect(),
        ..Codecs::default()
    };
    let after = rewritten(&offer, &codecs(&["opus", "pcmu"], &[]), vec![plain(30_000)]);
    assert!(after.contains("m=audio 30000 RTP/AVP 8\r\n"), "{after}");
    assert!(!after.contains(":96") && after.contains("rtcp-fb:*"), "{after}");
    let after = rewritten(&offer, &codecs(&["all"], &["PCMA"]), vec![plain(30_000)]);
    assert!(after.contains("m=audio 30000 RTP/AVP 8\r\n"), "{after}");
    let line = Line::of(&parse(offer.as_bytes(), 1).unwrap(), 0).unwrap();
    assert!(line.is_emptied_by(&codecs(&["all"], &[])));
    assert!(!line.is_emptied_by(&codecs(&["all"], &["opus"])));
}

#[test]
fn what_is_no_description_is_refused() {
    for text in [&b"hello"[..], b"", b"\xff\xfe", b"v=0\r\nm=audio"] {
        assert_eq!(parse(text, 16).unwrap_err(), SdpError::Syntax);
    }
    let offer = format!("{HEAD}{}", AUDIO.repeat(3));
    assert!(parse(offer.as_bytes(), 3).is_ok());
    assert_eq!(parse(offer.as_bytes(), 2).unwrap_err(), SdpError::TooManyLines);
    let long = format!("{HEAD}{AUDIO}{}", "a=x\r\n".repeat(MAX_TEXT_LINES));
    assert_eq!(parse(long.as_bytes(), 2).unwrap_err(), SdpError::Syntax);
}
