// SPDX-License-Identifier: MIT OR Apache-2.0
//! Codecs by what descriptions say of them.

use ale_media::codec::opus::RateControl;

use super::*;
use crate::sdp;

fn line(formats: &str, maps: &str) -> Line {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP {formats}\r\n{maps}"
    );
    Line::of(&sdp::parse(text.as_bytes(), 1).unwrap(), 0).unwrap()
}

const OPUS: &str = "a=rtpmap:96 opus/48000/2\r\n";
const EVENTS: &str = "a=rtpmap:101 telephone-event/8000\r\n";

#[test]
fn what_is_added_has_a_number_of_its_own() {
    let codecs = |mask: &[&str], transcode: &[&str]| Codecs {
        mask: mask.iter().map(|&name| name.to_owned()).collect(),
        transcode: transcode.iter().map(|&name| name.to_owned()).collect(),
        ..Codecs::default()
    };
    let numbers = |line: &Line, codecs: &Codecs| -> Vec<(u8, String)> {
        let added = added(line, codecs).into_iter();
        added.map(|format| (format.payload_type, format.encoding)).collect()
    };
    let named = |number, name: &str| (number, name.to_owned());
    let mu_law = line("0", "");
    assert_eq!(
        numbers(&mu_law, &codecs(&["all"], &["opus", "G722"])),
        [named(96, "opus/48000/2"), named(9, "G722/8000")]
    );
    assert_eq!(numbers(&mu_law, &codecs(&[], &["PCMU", "x"])), [], "there already, unknown");
    assert_eq!(numbers(&mu_law, &codecs(&["all"], &["PCMU"])), [named(0, "PCMU/8000")]);
    let taken = line("96 8", "a=rtpmap:96 x/8000\r\na=rtpmap:8 y/8000\r\n");
    assert_eq!(
        numbers(&taken, &codecs(&[], &["opus", "opus", "PCMA"])),
        [named(97, "opus/48000/2"), named(98, "PCMA/8000")]
    );
}

#[test]
fn who_answers_with_other_numbers_is_understood_by_those_that_it_was_offered_too() {
    let offered = line("0 101", EVENTS);
    let codecs = Codecs { transcode: vec![String::from("opus")], ..Codecs::default() };
    let added = added(&offered, &codecs);
    let maps = "a=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/8000\r\n";
    let [near, far] = translation(&offered, &added, &line("111 126", maps)).unwrap().unwrap();
    let numbers: Vec<_> = far.understood.iter().map(|known| known.payload_type).collect();
    assert_eq!((far.payload_type, &numbers[..]), (111, &[111, 96][..]));
    assert_eq!((far.events, far.more_events), (Some((126, 8_000)), Some((101, 8_000))));
    assert_eq!((near.events, near.more_events), (Some((101, 8_000)), None));
    // What it means by a number itself is not taken for something else.
    let maps = "a=rtpmap:111 opus/48000/2\r\na=rtpmap:96 speex/8000\r\n";
    let [_, far] = translation(&offered, &added, &line("111 96", maps)).unwrap().unwrap();
    assert_eq!(far.understood.len(), 1);
    for speech in [near, far] {
        let mut config = speech.leg(6).unwrap();
        config.plain = true;
        assert!(ale_media::leg::Leg::new(&config).is_ok());
    }
}

#[test]
fn opus_is_encoded_at_the_rate_of_what_there_is_and_as_carefully_as_is_asked() {
    let opus = line("96", OPUS);
    let [_, far] = translation(&line("0", ""), &[], &opus).unwrap().unwrap();
    let [_, wide] = translation(&line("9", ""), &[], &opus).unwrap().unwrap();
    let member = alone(&opus, &Codecs::default()).unwrap();
    for (speech, rate_hz) in [(far, 8_000), (wide, 16_000), (member, 48_000)] {
        let mut config = speech.leg(3).unwrap();
        let CodecSpec::Opus(sent) = &config.send.codec else { panic!("{config:?}") };
        assert_eq!((sent.sample_rate_hz, sent.complexity), (rate_hz, 3));
        assert_eq!(config.sample_rate_hz, Some(rate_hz), "as it is pushed");
        config.plain = true;
        assert!(ale_media::leg::Leg::new(&config).is_ok());
    }
}

#[test]
fn who_wants_pauses_is_sent_them_and_told_that_so_does_the_node() {
    for (format, maps, pauses) in [
        ("96", "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1; usedtx=1\r\n", true),
        ("96", "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 usedtx=0\r\n", false),
        ("96", OPUS, false),
        ("0", "a=fmtp:0 usedtx=1\r\n", false),
    ] {
        let speech = alone(&line(format, maps), &Codecs::default()).unwrap();
        assert_eq!(speech.leg(6).unwrap().silence_suppression, pauses, "{maps}");
        let told = speech.formats().remove(0).fmtp;
        let expected = match (format, pauses) {
            ("0", _) => None,
            (_, true) => Some("useinbandfec=1;usedtx=1"),
            (_, false) => Some("useinbandfec=1"),
        };
        assert_eq!(told.as_deref(), expected, "{maps}");
    }
}

#[test]
fn opus_is_sent_as_its_receiver_wants_it() {
    // Rate, bits a second, whether at a constant rate, and with what repairs losses (RFC 7587 section 6.1).
    for (parameters, wanted) in [
        ("", (48_000, 24_000, false, false)),
        ("useinbandfec=1", (48_000, 24_000, false, true)),
        ("useinbandfec=1; maxplaybackrate=16000", (16_000, 24_000, false, true)),
        ("maxplaybackrate=12000", (8_000, 24_000, false, false)),
        ("maxplaybackrate=44100", (24_000, 24_000, false, false)),
        ("maxaveragebitrate=12000;cbr=1", (48_000, 12_000, true, false)),
        ("maxaveragebitrate=64000;stereo=1;usedtx=1", (48_000, 24_000, false, false)),
        ("useinbandfec=2;cbr=1;maxaveragebitrate=0", (48_000, 24_000, true, false)),
    ] {
        let said = format!("{OPUS}a=fmtp:96 {parameters}\r\n");
        let speech = alone(&line("96", &said), &Codecs::default()).unwrap();
        let mut config = speech.leg(6).unwrap();
        let CodecSpec::Opus(sent) = &config.send.codec else { panic!("{config:?}") };
        let constant = sent.rate_control == RateControl::Constant;
        let found = (sent.sample_rate_hz, sent.bit_rate_bps, constant, sent.inband_fec);
        assert_eq!((found, sent.channels, sent.dtx), (wanted, 1, false), "{parameters}");
        assert_eq!(Speech::of(&speech.record()).unwrap(), speech);
        config.plain = true;
        assert!(ale_media::leg::Leg::new(&config).is_ok(), "{parameters}");
    }
}

#[test]
fn packets_are_as_long_as_who_gets_them_asks_where_all_codecs_have_that() {
    for (asked, ms, told) in [
        ("", 20, None),
        ("a=ptime:20\r\n", 20, None),
        ("a=ptime:10\r\n", 10, Some(10)),
        ("a=ptime: 60 \r\n", 60, Some(60)),
        ("a=ptime:30\r\n", 20, None),
        ("a=ptime:0\r\n", 20, None),
        ("a=ptime:70000\r\n", 20, None),
        ("a=ptime\r\n", 20, None),
    ] {
        for (formats, maps) in [("96", OPUS), ("0", ""), ("9", "")] {
            let offered = line(formats, &format!("{maps}{asked}"));
            let speech = alone(&offered, &Codecs::default()).unwrap();
            let mut config = speech.leg(6).unwrap();
            assert_eq!((config.send.packet_ms, speech.asked_packet_ms()), (ms, told), "{asked}");
            assert_eq!(Speech::of(&speech.record()).unwrap(), speech);
            config.plain = true;
            assert!(ale_media::leg::Leg::new(&config).is_ok(), "{formats} {asked}");
        }
    }
}

#[test]
fn only_what_the_offerer_does_not_have_is_translated() {
    let offered = line("0 101", EVENTS);
    for same in [line("0 101", EVENTS), line("0", ""), line("101", EVENTS), line("77", "")] {
        assert_eq!(translation(&offered, &[], &same).unwrap(), None);
    }
    let answered = line("96 8 101", &format!("{OPUS}{EVENTS}"));
    let [near, far] = translation(&offered, &[], &answered).unwrap().unwrap();
    assert_eq!((near.payload_type, far.payload_type), (0, 96));
    assert_eq!((near.sample_rate_hz, far.sample_rate_hz), (8_000, 8_000));
    assert_eq!((near.events, far.events), (Some((101, 8_000)), Some((101, 8_000))));
    assert_eq!((near.understood.len(), far.understood.len()), (1, 2));
    let without = line("96", OPUS);
    let [near, _] = translation(&offered, &[], &without).unwrap().unwrap();
    assert_eq!(near.events, None, "nobody would hear them");
    assert!(translation(&line("18", ""), &[], &without).is_err(), "G.729 is not known here");
    let [near, far] = translation(&without, &[], &line("9", "")).unwrap().unwrap();
    assert_eq!((near.sample_rate_hz, far.sample_rate_hz), (16_000, 16_000));
    for speech in [near, far] {
        let mut config = speech.leg(6).unwrap();
        config.plain = true;
        assert!(ale_media::leg::Leg::new(&config).is_ok());
    }
}
