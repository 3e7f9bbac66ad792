// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers against a table of what stands beside each other in descriptions.

use super::*;
use crate::sdp;

/// A line of `m=` with these formats: a number and what `a=rtpmap` has, if it has any, and `a=fmtp`.
fn line(media: &str, formats: &[(u8, &str, &str)]) -> Line {
    let numbers: Vec<_> = formats.iter().map(|(number, ..)| number.to_string()).collect();
    let mut text = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m={media} 4000 RTP/AVP {}\r\n",
        numbers.join(" ")
    );
    for (number, encoding, parameters) in formats {
        if !encoding.is_empty() {
            text += &format!("a=rtpmap:{number} {encoding}\r\n");
        }
        if !parameters.is_empty() {
            text += &format!("a=fmtp:{number} {parameters}\r\n");
        }
    }
    Line::of(&sdp::parse(text.as_bytes(), 1).unwrap(), 0).unwrap()
}

#[test]
fn each_neighbour_goes_on_by_the_number_that_its_receiver_has_named() {
    type Formats = &'static [(u8, &'static str, &'static str)];
    type Row = (&'static str, &'static str, Formats, Formats, &'static [(u8, Option<u8>)]);
    let table: [Row; 19] = [
        (
            "events of a phone to a browser",
            "audio",
            &[(0, "", ""), (101, "telephone-event/8000", "0-15")],
            &[(0, "", ""), (126, "telephone-event/8000", "")],
            &[(0, Some(0)), (101, Some(126)), (126, Some(126)), (102, None)],
        ),
        (
            "events of two clocks",
            "audio",
            &[(101, "telephone-event/8000", ""), (110, "telephone-event/48000", "")],
            &[(110, "telephone-event/8000", ""), (126, "telephone-event/48000", "")],
            // 110 is what its receiver means by it.
            &[(101, Some(110)), (110, Some(110)), (126, Some(126))],
        ),
        (
            "events of another clock",
            "audio",
            &[(96, "opus/48000/2", ""), (101, "telephone-event/8000", "")],
            &[(111, "opus/48000/2", ""), (110, "telephone-event/48000", "")],
            &[(96, Some(111)), (101, None)],
        ),
        (
            "case of names, and parameters that are wishes",
            "audio",
            &[(96, "OPUS/48000/2", "useinbandfec=1;stereo=1")],
            &[(111, "opus/48000/2", "minptime=10")],
            &[(96, Some(111))],
        ),
        (
            "numbers that cross",
            "audio",
            &[(96, "opus/48000/2", ""), (97, "telephone-event/8000", "")],
            &[(97, "opus/48000/2", ""), (96, "telephone-event/8000", "")],
            &[(96, Some(96)), (97, Some(97))],
        ),
        ("static and named", "audio", &[(0, "", "")], &[(96, "PCMU/8000", "")], &[(0, Some(96))]),
        ("named and static", "audio", &[(96, "PCMU/8000", "")], &[(0, "", "")], &[(96, Some(0))]),
        (
            "comfort noise that nobody takes",
            "audio",
            &[(0, "", ""), (13, "", "")],
            &[(0, "", "")],
            &[(13, None)],
        ),
        (
            "comfort noise of two clocks",
            "audio",
            &[(13, "", ""), (106, "CN/16000", "")],
            &[(13, "CN/8000", ""), (98, "CN/16000", "")],
            &[(13, Some(13)), (106, Some(98))],
        ),
        (
            "channels",
            "audio",
            &[(10, "", ""), (96, "L16/44100", ""), (97, "L16/44100/2", "")],
            &[(11, "", "")],
            &[(10, None), (96, Some(11)), (97, None)],
        ),
        (
            "redundancy of what is in it",
            "audio",
            &[
                (96, "opus/48000/2", ""),
                (97, "red/48000/2", "96/96"),
                (98, "red/8000", "0/0"),
                (0, "", ""),
            ],
            &[
                (111, "opus/48000/2", ""),
                (63, "red/48000/2", "111/111"),
                (64, "red/8000", "8/8"),
                (8, "", ""),
            ],
            &[(97, Some(63)), (98, None), (0, None)],
        ),
        (
            "redundancy that says nothing of what is in it",
            "text",
            &[(98, "t140/1000", ""), (100, "red/1000", "98/98/98")],
            &[(99, "t140/1000", ""), (101, "red/1000", "")],
            &[(98, Some(99)), (100, Some(101))],
        ),
        (
            "redundancy of itself",
            "audio",
            &[(96, "red/8000", "96/96")],
            &[(97, "red/8000", "97/97")],
            &[(96, None)],
        ),
        (
            "what is sent again, by what it repeats",
            "video",
            &[
                (96, "VP8/90000", ""),
                (97, "rtx/90000", "apt=96"),
                (98, "VP9/90000", ""),
                (99, "rtx/90000", "apt=98"),
            ],
            &[
                (120, "VP9/90000", "profile-id=0"),
                (121, "rtx/90000", "rtx-time=200; apt=120"),
                (122, "VP8/90000", ""),
                (123, "rtx/90000", "apt=122"),
            ],
            &[(96, Some(122)), (97, Some(123)), (98, Some(120)), (99, Some(121))],
        ),
        (
            "what is sent again of what nobody takes",
            "video",
            &[(96, "VP8/90000", ""), (97, "rtx/90000", "apt=96"), (99, "rtx/90000", "apt=77")],
            &[(120, "VP9/90000", ""), (121, "rtx/90000", "apt=120")],
            &[(97, None), (99, None)],
        ),
        (
            "profiles and modes of H.264",
            "video",
            &[
                (102, "H264/90000", "packetization-mode=1;profile-level-id=42e01f"),
                (103, "H264/90000", "profile-level-id=42e01f"),
                (104, "H264/90000", "packetization-mode=1;profile-level-id=640032"),
                (105, "H264/90000", ""),
            ],
            &[
                (96, "H264/90000", "profile-level-id=42E00D;packetization-mode=1"),
                (97, "H264/90000", "profile-level-id=42e01f;packetization-mode=0"),
            ],
            &[(102, Some(96)), (103, Some(97)), (104, None), (105, None)],
        ),
        (
            "AMR in whole octets",
            "audio",
            &[(96, "AMR/8000", "octet-align=1"), (97, "AMR/8000", "mode-set=7")],
            &[(98, "AMR/8000", "octet-align=0"), (99, "amr/8000/1", "octet-align=1")],
            &[(96, Some(99)), (97, Some(98))],
        ),
        (
            "one without a name",
            "audio",
            &[(96, "", ""), (97, "", "")],
            &[(97, "", ""), (98, "", "")],
            &[(96, None), (97, Some(97)), (98, Some(98))],
        ),
        ("nothing that is named", "audio", &[(0, "", "")], &[], &[(0, Some(0)), (127, Some(127))]),
    ];
    for (what, media, from, to, wanted) in table {
        let numbers = numbers(&line(media, from), &line(media, to));
        for (comes, goes) in wanted {
            let got = numbers.of(*comes).map(|(goes, _)| goes);
            assert_eq!(got, *goes, "{what}: {comes}");
        }
    }
}

#[test]
fn what_holds_others_and_what_is_made_of_them_is_known_as_that() {
    let from = line("video", &[(90, "red/90000", ""), (91, "rtx/90000", "apt=90")]);
    let formats = [
        (100, "red/90000", ""),
        (101, "rtx/90000", "apt=100"),
        (102, "ulpfec/90000", ""),
        (103, "VP8/90000", ""),
        (104, "rtx/90000", "apt=103"),
        (105, "telephone-event/90000", ""),
        (106, "flexfec-03/90000", ""),
    ];
    let numbers = numbers(&from, &line("video", &formats));
    for (comes, kind) in [
        (90, Kind::Redundant { behind: 0 }),
        (91, Kind::Redundant { behind: 2 }),
        (100, Kind::Redundant { behind: 0 }),
        (101, Kind::Redundant { behind: 2 }),
        (102, Kind::Repair),
        (103, Kind::Media),
        (104, Kind::Media),
        (105, Kind::Event),
        (106, Kind::Repair),
    ] {
        assert_eq!(numbers.of(comes).map(|(_, kind)| kind), Some(kind), "{comes}");
    }
}
